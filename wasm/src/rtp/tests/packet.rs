use super::*;

/// A packet of 172 bytes, as of 20 ms of G.711.
fn voice() -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7];
    packet.resize(172, 0xd5);
    packet
}

#[test]
fn reads_the_fixed_header() {
    let mut packet = voice();
    let header = Header::parse(&packet).unwrap();
    assert_eq!((header.payload_type, header.marker, header.sequence), (0, false, 1));
    assert_eq!((header.timestamp, header.ssrc), (160, 7));
    assert_eq!((header.payload_offset, header.payload_length, header.padding), (12, 160, 0));
    assert_eq!(header.payload(&packet), &packet[12..]);
    packet[1] = 0x80 | 101;
    let header = Header::parse(&packet).unwrap();
    assert_eq!((header.payload_type, header.marker), (101, true));
}

#[test]
fn skips_sources_extension_and_padding() {
    let mut packet = vec![0xb2, 96, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8];
    packet.extend([0xaa; 8]); // Two contributing sources.
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]); // RFC 8285, one byte of element 1.
    packet.extend(b"payload!");
    packet.extend([0, 0, 0, 4]);
    let header = Header::parse(&packet).unwrap();
    assert!(header.has_extension() && header.has_padding() && header.padding_fits);
    assert_eq!((header.csrc_count(), header.padding), (2, 4));
    assert_eq!(header.payload(&packet), b"payload!");
    // Padding that is encrypted, or lies: the payload is what is left without it.
    for count in [0, 13, 255] {
        *packet.last_mut().unwrap() = count;
        let header = Header::parse(&packet).unwrap();
        assert_eq!((header.padding_fits, header.padding, header.payload_length), (false, 0, 12), "{count}");
    }
    *packet.last_mut().unwrap() = 12;
    assert_eq!(Header::parse(&packet).unwrap().payload_length, 0);
    // Of a cut packet, the extension and the payload may be missing.
    let header = Header::parse_captured(&packet[..20], 60).unwrap();
    assert_eq!((header.payload_offset, header.payload_length), (24, 36));
    assert!(header.padding_fits);
    assert_eq!(header.payload(&packet[..20]), b"");
    let header = Header::parse_captured(&packet[..30], packet.len()).unwrap();
    assert_eq!(header.payload(&packet[..30]), b"pa");
}

#[test]
fn refuses_what_cannot_be() {
    let with = |at: usize, byte: u8| {
        let mut packet = voice();
        packet[at] = byte;
        packet
    };
    for first in [0x00, 0x40, 0xc0] {
        assert_eq!(Header::parse(&with(0, first)), None, "version {first}");
    }
    for payload_type in 0..=255 {
        let is_rtp = !(64..=95).contains(&(payload_type & 0x7f));
        assert_eq!(Header::parse(&with(1, payload_type)).is_some(), is_rtp, "{payload_type}");
    }
    assert_eq!(Header::parse(&voice()[..11]), None);
    assert!(Header::parse(&voice()[..12]).is_some());
    assert_eq!(Header::parse(&with(0, 0x8f)[..71]), None, "15 sources");
    assert_eq!(Header::parse(&with(0, 0x90)[..15]), None, "no extension length");
    // 0xd5d5 words of extension.
    assert_eq!(Header::parse(&with(0, 0x90)), None);
    assert_eq!(Header::parse_captured(&voice(), 11), None);
}

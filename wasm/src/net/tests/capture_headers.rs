//! What capturing machines put in front of frames.

use super::*;
use crate::net::{capture_header, rewrite};

fn with(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

/// PKTAP in front of a frame of that link type.
fn pktap(link_type: u8, frame: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 108];
    (header[0], header[4], header[8]) = (108, 1, link_type);
    header[12..15].copy_from_slice(b"en0");
    with(&header, frame)
}

/// Per-Packet Information of so many bytes.
fn ppi(length: u8, link_type: u8, frame: &[u8]) -> Vec<u8> {
    let mut header = vec![9; usize::from(length).max(8)];
    header[..8].copy_from_slice(&[0, 1, length, 0, link_type, 0, 0, 0]);
    with(&header, frame)
}

/// Junos' header: flags, and what follows them.
fn juniper(flags: u8, rest: &[u8]) -> Vec<u8> {
    [&[0x4d, 0x47, 0x43, flags][..], rest].concat()
}

/// `ip` behind every header and what the headers are put in front of; `ppp` is its PPP protocol.
pub(super) fn carriers(ethertype: u16, ppp: u8, ip: &[u8]) -> Vec<(&'static str, u32, Vec<u8>)> {
    let frame = &ethernet(ethertype, ip)[..];
    let serial = &with(&[0xff, 3, 0, ppp], ip)[..];
    let cisco = &[&[0x8f, 0][..], &ethertype.to_be_bytes(), ip].concat()[..];
    let relayed = &with(&[0x18, 0x41, 3, if ppp == 0x21 { 0xcc } else { 0x8e }], ip)[..];
    let extension = [&[0, 6, 1, 1, 9, 4, 1, 9][..], frame].concat();
    vec![
        ("PKTAP", 258, pktap(1, frame)),
        ("PKTAP, raw", 258, pktap(12, ip)),
        ("PKTAP for private use", 149, pktap(1, frame)),
        ("PPI", 192, ppi(32, 1, frame)),
        ("PPI without fields", 192, ppi(8, 101, ip)),
        ("Junos, Ethernet", 178, juniper(1, frame)),
        ("Junos, extended", 178, juniper(0x80, &extension)),
        ("Junos, PPP", 179, juniper(0, serial)),
        ("Junos, Frame Relay", 180, juniper(0, relayed)),
        ("Junos, Cisco HDLC", 181, juniper(1, cisco)),
        ("Junos without a link layer", 178, juniper(2, &with(&[2, 0, 0, 0], ip))),
        ("Junos without a link layer, extended", 181, juniper(0x82, &with(&[0, 1, 0, 2, 0, 0, 0], ip))),
        ("PPP with direction", 204, with(&[1], serial)),
        ("Cisco HDLC with direction", 205, with(&[0], cisco)),
        ("Frame Relay with direction", 206, with(&[0], relayed)),
        ("enc(4)", 109, with(&[2, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3], ip)),
        ("IPNET", 226, with(&[0; 24], ip)),
        ("netANALYZER", 240, with(&[0; 4], frame)),
        ("preamble", 274, [&[0x55; 7][..], &[0xd5], frame].concat()),
        ("part of a preamble, preemptable", 274, [&[0x55; 3][..], &[0x4c], frame].concat()),
        ("Broadcom's tag", 282, with(&[0x20, 0, 0, 8], frame)),
    ]
}

#[test]
fn the_frame_is_found_behind_its_header() {
    let ip = ipv6(17, &udp(TEXT));
    for (name, link_type, frame) in carriers(IPV6, 0x57, &ip) {
        let (inner, content) = capture_header::content(link_type, &frame).expect(name);
        assert!(frame.ends_with(content), "{name}");
        assert!(capture_header::content(inner, content).is_none(), "{name}");
        assert_eq!(summary(&decode(inner, content)), summary(&decode(link_type, &frame)), "{name}");
    }
    assert_eq!(capture_header::content(1, &ethernet(IPV6, &ip)), None);
}

#[test]
fn headers_that_are_not_sound_are_left() {
    let ip = ipv4(17, &udp(TEXT));
    let frame = &ethernet(IPV4, &ip)[..];
    for (name, link_type, header, fault) in [
        ("PKTAP, length", 258, patched(pktap(1, frame), 0, &[107]), Faults::LINK_LENGTH),
        ("PKTAP, length beyond", 258, patched(pktap(1, frame), 1, &[1]), Faults::HEADER_CUT),
        ("PKTAP, no packet", 258, patched(pktap(1, frame), 4, &[0]), Faults::HEADER_CUT),
        ("PKTAP in PKTAP", 258, patched(pktap(1, frame), 8, &[2, 1]), Faults::default()),
        ("PKTAP, PPI", 258, patched(pktap(1, frame), 8, &[192]), Faults::default()),
        ("PKTAP, another link type", 258, patched(pktap(1, frame), 8, &[0xff]), Faults::default()),
        ("PPI, version", 192, patched(ppi(8, 1, frame), 0, &[1]), Faults::LINK_LENGTH),
        ("PPI, length", 192, ppi(7, 1, frame), Faults::LINK_LENGTH),
        ("PPI, length beyond", 192, patched(ppi(8, 1, frame), 3, &[1]), Faults::HEADER_CUT),
        ("PPI in PPI", 192, ppi(8, 192, frame), Faults::default()),
        ("PPI, another link type", 192, ppi(8, 0xff, frame), Faults::default()),
        ("Junos, magic", 178, patched(juniper(0, frame), 2, &[0x44]), Faults::default()),
        ("Junos, length beyond", 178, juniper(0x80, &with(&[9, 0], frame)), Faults::HEADER_CUT),
        ("no start of a frame", 274, with(&[0x55, 0x55, 0x61], frame), Faults::default()),
        ("preamble without end", 274, vec![0x55; 7], Faults::HEADER_CUT),
    ] {
        let packet = decode(link_type, &header);
        assert_eq!((packet.ip, packet.faults), (None, fault), "{name}");
        assert_eq!(capture_header::content(link_type, &header), None, "{name}");
        if link_type == 258 {
            let packet = decode(149, &header);
            assert_eq!((packet.payload, packet.faults), (&header[..], Faults::default()), "{name}");
        }
    }
    for at in [12, 20] {
        let unnamed = patched(pktap(1, frame), at, &[0x80]);
        assert_eq!(decode(149, &unnamed).payload, &unnamed[..]);
        assert_eq!(summary(&decode(258, &unnamed)), UDP4);
    }
}

/// In front of a packet that is made anew is the link layer that was there, behind the same header.
#[test]
fn headers_stay_in_front_of_a_link_layer() {
    let (ip, inner) = (ipv4(17, &udp(TEXT)), ipv6(17, &udp(TEXT)));
    let both = with(&[0x45; 20], &inner);
    for (link_type, frame, link_length, network_offset, expected) in [
        (258, pktap(1, &ethernet(IPV4, &ip)), 122, 122, pktap(1, &ethernet(IPV4, &[]))),
        (258, pktap(0, &with(&[0x0f, 0, 8, 0], &ip)), 112, 112, pktap(0, &[0x0f, 0, 8, 0])),
        // A tunnel is left out, and the link type is that of the other version.
        (258, pktap(228, &both), 108, 128, pktap(229, &[])),
        (192, ppi(12, 228, &both), 12, 32, ppi(12, 229, &[])),
        (178, juniper(0, &ethernet(IPV4, &both)), 18, 38, juniper(0, &ethernet(IPV6, &[]))),
        (178, juniper(2, &with(&[2, 0, 0, 0], &ip)), 8, 8, juniper(2, &[2, 0, 0, 0])),
    ] {
        let layers = rewrite::Layers { link_type, link_length, network_offset };
        let mut out = Vec::new();
        let ip_length = frame.len() - network_offset as usize;
        assert_eq!(rewrite::write_link_layer(&frame, layers, ip_length, &mut out), Some(link_type));
        assert_eq!(out, expected);
    }
}

//! Link types, label stacks and sessions between link and network layer, and the transports beside UDP and TCP.

use super::*;
use crate::net::rewrite;

/// Address, control and EtherType of LLC with SNAP.
fn snap(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype.to_be_bytes(), payload].concat()
}

/// An IEEE 802.11 data frame with `between` after the first three addresses and the sequence control.
fn wireless(control: [u8; 2], between: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut header = [0; 24];
    header[..2].copy_from_slice(&control);
    [&header[..], between, payload].concat()
}

fn radiotap(present_and_fields: &[u8], frame: &[u8]) -> Vec<u8> {
    let [l0, l1] = (4 + present_and_fields.len() as u16).to_le_bytes();
    [&[0, 0, l0, l1][..], present_and_fields, frame].concat()
}

fn pppoe(length: usize, session: &[u8]) -> Vec<u8> {
    [&[0x11, 0, 0x12, 0x34][..], &(length as u16).to_be_bytes(), session].concat()
}

fn labels(count: usize, payload: &[u8]) -> Vec<u8> {
    let mut stack: Vec<u8> = (0..count).flat_map(|_| [0x12, 0x34, 0x50, 64]).collect();
    stack[count * 4 - 2] |= 1;
    [&stack[..], payload].concat()
}

fn with(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}

/// A Network Service Header of so many units.
fn nsh(units: u8, metadata_type: u8, next: u8) -> Vec<u8> {
    let mut header = vec![9; usize::from(units) * 4];
    header[..4].copy_from_slice(&[0x0f, 0xc0 | units, metadata_type, next]);
    header
}

/// `ip` behind everything that can carry it; `ppp` is its PPP protocol.
fn carriers(ethertype: u16, ppp: u8, family: u8, ip: &[u8]) -> Vec<(&'static str, u32, Vec<u8>)> {
    let llc = &snap(ethertype, ip)[..];
    let data = &wireless([0x08, 1], &[], llc)[..];
    let framed = &with(&[0xff, 3, 0, ppp], ip)[..];
    let long_session = &pppoe(ip.len() + 2, &with(&[0, ppp], ip))[..];
    let short_session = &pppoe(ip.len() + 1, &with(&[ppp], ip))[..];
    let prism = |length: [u8; 4]| [&[0, 0, 0, 0x44][..], &length, &[0; 136], data].concat();
    let frame = ethernet(ethertype, ip);
    let nflog = |payload: [u8; 4]| {
        let order = payload[0] == 0;
        let attribute = if order { [0, 5, 0, 10, 9, 0, 0, 0] } else { [5, 0, 10, 0, 9, 0, 0, 0] };
        [&[family, 0, 0, 1][..], &attribute, &payload, ip].concat()
    };
    let [p0, p1] = (4 + ip.len() as u16).to_be_bytes();
    let identifier = if ppp == 0x21 { 0xcc } else { 0x8e };
    let next = if ppp == 0x21 { 1 } else { 2 };
    let tagged = |length: usize| [&vec![0; length], &ethertype.to_be_bytes()[..], ip].concat();
    vec![
        ("PPP", 9, with(&[0, ppp], ip)),
        ("PPP, compressed", 9, with(&[ppp], ip)),
        ("PPP, framed", 9, framed.to_vec()),
        ("PPP in HDLC", 50, framed.to_vec()),
        ("PPP in HDLC, MPLS", 50, with(&[0xff, 3, 2, 0x81], &labels(1, ip))),
        ("Frame Relay", 107, with(&[0x18, 0x41, 3, identifier], ip)),
        ("Frame Relay, padded", 107, with(&[0x18, 0x41, 3, 0, identifier], ip)),
        ("Frame Relay, long address", 107, with(&[0x18, 0x40, 0x40, 0x41, 3, identifier], ip)),
        (
            "Frame Relay, SNAP",
            107,
            with(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0], &with(&ethertype.to_be_bytes(), ip)),
        ),
        ("Frame Relay, PPP", 107, with(&[0x18, 0x41, 3, 0xcf, 0, ppp], ip)),
        ("Frame Relay, Cisco", 107, with(&[0x18, 0x41], &with(&ethertype.to_be_bytes(), ip))),
        ("InfiniBand", 242, [&[0; 40][..], &ethertype.to_be_bytes(), &[0; 2], ip].concat()),
        ("Cisco HDLC under the number of PPP", 9, [&[0x0f, 0][..], &ethertype.to_be_bytes(), ip].concat()),
        ("Cisco HDLC as PPP", 50, [&[0x0f, 0][..], &ethertype.to_be_bytes(), ip].concat()),
        ("Cisco HDLC", 104, [&[0x8f, 0][..], &ethertype.to_be_bytes(), ip].concat()),
        (
            "Cisco HDLC under the number of loopback",
            0,
            [&[0x0f, 0][..], &ethertype.to_be_bytes(), ip].concat(),
        ),
        ("802.1ah", 1, ethernet(0x88e7, &with(&[0x20, 0, 1, 2], &frame))),
        (
            "802.1ah, tagged within",
            1,
            ethernet(0x88e7, &with(&[0; 4], &ethernet(0x8100, &tag(5, ethertype, ip)))),
        ),
        ("FabricPath", 1, ethernet(0x8903, &with(&[0, 0x5f], &frame))),
        ("802.1BR", 1, ethernet(0x893f, &tagged(6))),
        ("VN-Tag", 1, ethernet(0x8926, &tagged(4))),
        ("Cisco metadata", 1, ethernet(0x8909, &with(&[1, 1], &tagged(4)))),
        ("Arista, 64 bits", 1, ethernet(0xd28b, &with(&[0, 1, 0, 0x10], &tagged(8)))),
        ("Arista, 48 bits", 1, ethernet(0xd28b, &with(&[0, 1, 1, 0x20], &tagged(6)))),
        ("NSH", 1, ethernet(0x894f, &with(&nsh(6, 1, next), ip))),
        ("NSH, metadata of variable length", 1, ethernet(0x894f, &with(&nsh(4, 2, next), ip))),
        ("NSH, Ethernet", 1, ethernet(0x894f, &with(&nsh(2, 2, 3), &frame))),
        ("NSH, nested", 1, ethernet(0x894f, &[&nsh(2, 2, 4)[..], &nsh(2, 2, 5), &labels(1, ip)].concat())),
        ("PPPoE link", 51, long_session.to_vec()),
        ("PPPoE session", 1, ethernet(0x8864, long_session)),
        ("PPPoE, compressed", 1, ethernet(0x8864, short_session)),
        ("PPPoE behind tags", 113, cooked_v1(0x8864, long_session)),
        ("LLC over ATM", 100, llc.to_vec()),
        ("FDDI", 10, with(&[0x57, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2], llc)),
        ("802.11", 105, data.to_vec()),
        ("802.11, four addresses", 105, wireless([0x08, 3], &[0; 6], llc)),
        ("802.11, QoS", 105, wireless([0x88, 2], &[0, 0], llc)),
        ("802.11, QoS and HT", 105, wireless([0x88, 0x82], &[0; 6], llc)),
        ("802.11, QoS and four addresses", 105, wireless([0x88, 3], &[0; 8], llc)),
        ("802.11, 802.1H", 105, patched(data.to_vec(), 29, &[0xf8])),
        ("radiotap", 127, radiotap(&[0; 4], data)),
        ("radiotap, flags", 127, radiotap(&[2, 0, 0, 0, 0x10, 0, 0, 0], data)),
        (
            "radiotap, padded frame",
            127,
            radiotap(&[2, 0, 0, 0, 0x20, 0, 0, 0], &wireless([0x88, 2], &[0, 0, 0, 0], llc)),
        ),
        (
            "radiotap, padded frame, time and more words",
            127,
            radiotap(
                &[&[3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0][..], &[1; 8], &[0x20, 0]].concat(),
                &wireless([0x88, 2], &[0, 0, 0, 0], llc),
            ),
        ),
        ("Prism, little-endian", 119, prism([144, 0, 0, 0])),
        ("Prism, big-endian", 119, prism([0, 0, 0, 144])),
        ("AVS", 119, [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], data].concat()),
        ("PFLOG", 117, [&[61, family][..], &[0; 62], ip].concat()),
        ("NFLOG, little-endian", 239, nflog([p1, p0, 9, 0])),
        ("NFLOG, big-endian", 239, nflog([p0, p1, 0, 9])),
        ("MPLS", 1, ethernet(0x8847, &labels(1, ip))),
        ("MPLS, three labels", 1, ethernet(0x8848, &labels(3, ip))),
        ("MPLS, pseudowire", 1, ethernet(0x8847, &labels(2, &with(&[0, 0, 0, 1], &frame)))),
        (
            "MPLS, pseudowire without control word",
            1,
            ethernet(0x8847, &labels(2, &patched(frame.clone(), 0, &[0]))),
        ),
        (
            "MPLS, tagged pseudowire",
            1,
            ethernet(0x8847, &labels(1, &with(&[0; 4], &ethernet(0x8100, &tag(5, ethertype, ip))))),
        ),
    ]
}

/// Everything that carries IP, with every transport, to be cut and damaged.
pub(super) fn frames() -> Vec<(u32, Vec<u8>)> {
    let sctp = sctp(TEXT);
    let mut frames = Vec::new();
    for ip in [ipv4(17, &udp(TEXT)), ipv4(132, &sctp), ipv4(136, &udp(TEXT))] {
        frames.extend(carriers(IPV4, 0x21, 2, &ip));
        frames.extend(capture_headers::carriers(IPV4, 0x21, &ip));
    }
    for ip in [ipv6(6, &tcp(&[], TEXT)), ipv6(132, &sctp)] {
        frames.extend(carriers(IPV6, 0x57, 10, &ip));
        frames.extend(capture_headers::carriers(IPV6, 0x57, &ip));
    }
    frames.into_iter().map(|(_, link_type, frame)| (link_type, frame)).collect()
}

#[test]
fn reads_ip_behind_every_carrier() {
    let cases =
        [(IPV4, 0x21, 2, ipv4(17, &udp(TEXT)), UDP4), (IPV6, 0x57, 10, ipv6(6, &tcp(&[], TEXT)), TCP6)];
    for (ethertype, ppp, family, ip, expected) in cases {
        let behind_headers = capture_headers::carriers(ethertype, ppp, &ip);
        for (name, link_type, mut frame) in
            carriers(ethertype, ppp, family, &ip).into_iter().chain(behind_headers)
        {
            assert!(link_type_is_known(link_type));
            let packet = decode(link_type, &frame);
            assert_eq!(summary(&packet), expected, "{name}");
            assert_eq!(packet.link_length as usize, frame.len() - ip.len(), "{name}");
            assert_eq!(packet.network_offset, packet.link_length, "{name}");
            assert_sound(link_type, &frame);
            frame.extend_from_slice(&[0; 18]);
            assert_eq!(summary(&decode(link_type, &frame)), expected, "{name}, padded");
        }
    }
}

/// A tunnel's packet of the other IP version is announced as such, where the tunnel is left out.
#[test]
fn frame_relay_announces_the_version_of_the_inner_packet() {
    let inner = [ipv4(17, &udp(TEXT)), ipv6(17, &udp(TEXT))];
    for (ethertype, ppp, outer) in [(IPV4, 0x21, vec![0x45; 20]), (IPV6, 0x57, vec![0x60; 40])] {
        for ip in &inner {
            let both = with(&outer, ip);
            for (name, link_type, frame) in carriers(ethertype, ppp, 0, &both) {
                if link_type != 107 {
                    continue;
                }
                let link_length = (frame.len() - both.len()) as u32;
                let network_offset = link_length + outer.len() as u32;
                let layers = rewrite::Layers { link_type, link_length, network_offset };
                let mut out = Vec::new();
                assert_eq!(rewrite::write_link_layer(&frame, layers, ip.len(), &mut out), Some(link_type));
                assert_eq!(out.len(), link_length as usize, "{name}");
                out.extend_from_slice(ip);
                let packet = decode(link_type, &out);
                assert_eq!(packet.faults, Faults::default(), "{name}");
                assert_eq!(packet.ip.unwrap().version, ip[0] >> 4, "{name}");
            }
        }
    }
}

/// The security tag of MACsec, data, and a check value.
fn macsec(control: u8, short_length: u8, channel: &[u8], data: &[u8]) -> Vec<u8> {
    ethernet(0x88e5, &[&[control, short_length, 0, 0, 0, 1][..], channel, data, &[0xee; 16]].concat())
}

#[test]
fn reads_what_macsec_does_not_hide() {
    let ip = ipv4(17, &udp(TEXT));
    let data = with(&IPV4.to_be_bytes(), &ip);
    let short = data.len() as u8;
    let long = ethernet(0x0800, &ipv4(17, &udp(&[b'x'; 60])))[12..].to_vec();
    let arp = |length: u8| macsec(0, length, &[], &with(&[8, 6], TEXT));
    check(&[
        ("short", 1, macsec(0, short, &[], &data), UDP4),
        ("short, with a channel", 1, macsec(0x20, short, &[7; 8], &data), UDP4),
        ("short, padded", 1, with(&macsec(0x43, short, &[], &data), &[0; 9]), UDP4),
        ("no IP", 1, arp(9), "0806 'payload'"),
        ("without a short length", 1, arp(0), "0806 'payload'"),
        ("without data", 1, macsec(0, 0, &[], &[]), &left(&macsec(0, 0, &[], &[]), " HEADER_CUT")),
    ]);
    let packet = decode(1, &macsec(0, 0, &[], &long)).payload.to_vec();
    assert_eq!(packet, [b'x'; 60]);
    for (name, frame) in [
        ("encrypted", macsec(0x0c, short, &[], &data)),
        ("changed", macsec(0x04, short, &[], &data)),
        ("encrypted, unchanged", macsec(0x08, short, &[], &data)),
        ("another version", macsec(0x80, short, &[], &data)),
        ("two names of the sender", macsec(0x60, short, &[7; 8], &data)),
        ("reserved", macsec(0, 0x40, &[], &data)),
        ("a short length that is long", macsec(0, 48, &[], &data)),
    ] {
        assert_eq!(summary(&decode(1, &frame)), left(&frame, ""), "{name}");
    }
    let whole = macsec(0x20, short, &[7; 8], &data);
    for length in 0..whole.len() {
        let packet = decode(1, &whole[..length]);
        assert!(Faults::HEADER_CUT.contains(packet.faults), "{length}");
        assert_sound(1, &whole[..length]);
    }
}

/// What is told of an Ethernet frame of which nothing behind the EtherType is read.
fn left(frame: &[u8], faults: &str) -> String {
    let text: String = frame[14..].iter().flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
    format!("{:02x}{:02x} '{text}'{faults}", frame[12], frame[13])
}

#[test]
fn leaves_encapsulations_that_are_not_sound() {
    let ip = ipv4(17, &udp(TEXT));
    let frame = ethernet(IPV4, &ip);
    for (name, header) in [
        ("version", patched(nsh(2, 2, 1), 0, &[0x4f])),
        ("operations", patched(nsh(2, 2, 1), 0, &[0x2f])),
        ("length of fixed metadata", nsh(5, 1, 1)),
        ("length", patched(nsh(2, 2, 1), 1, &[0xc1])),
        ("metadata type", nsh(2, 3, 1)),
        ("next protocol", nsh(2, 2, 6)),
    ] {
        let frame = ethernet(0x894f, &with(&header, &ip));
        assert_eq!(summary(&decode(1, &frame)), left(&frame, ""), "NSH, {name}");
    }
    for (ethertype, tag) in [(0x8909, [1, 2]), (0x8909, [2, 1]), (0xd28b, [0, 2])] {
        let frame = ethernet(ethertype, &[&tag[..], &[0, 0x10, 8, 0], &ip].concat());
        assert_eq!(summary(&decode(1, &frame)), left(&frame, ""), "{ethertype:x} {tag:?}");
    }
    // A family that is none, and an EtherType that does not fit.
    check(&[
        ("family", 0, with(&[0x0f, 0, 0x86, 0xdd], TEXT), "0000 'payload'"),
        ("EtherType", 0, with(&[0x0f, 0, 8, 6], TEXT), "0000 'payload'"),
    ]);
    let mut nested = frame;
    for _ in 0..40 {
        nested = ethernet(0x88e7, &with(&[0; 4], &nested));
    }
    assert_eq!((decode(1, &nested).ip, decode(1, &nested).faults), (None, Faults::TOO_DEEP));
}

/// Nothing is known of what a check value, or a length within, would have to be.
#[test]
fn tags_of_switches_are_left_out_of_a_link_layer() {
    let (ip, ip6) = (ipv4(17, &udp(TEXT)), ipv6(17, &udp(TEXT)));
    let pppoe =
        |ip: &[u8]| ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 2 + ip.len() as u8, 0, 0x21][..], ip].concat());
    let macs = |ethertype: u16| ethernet(ethertype, &[]);
    let extended = [&[0; 6], &IPV4.to_be_bytes()[..], &ip].concat();
    for (name, frame, ip, expected) in [
        ("MACsec", macsec(0x20, 0, &[7; 8], &with(&IPV4.to_be_bytes(), &ip)), &ip, macs(IPV4)),
        ("802.1ah, PPPoE", ethernet(0x88e7, &with(&[0; 4], &pppoe(&ip))), &ip, macs(IPV4)),
        ("FabricPath", ethernet(0x8903, &with(&[0, 1], &ethernet(IPV6, &ip6))), &ip6, macs(IPV6)),
        (
            "802.1BR in a VLAN",
            ethernet(0x8100, &tag(7, 0x893f, &extended)),
            &ip,
            ethernet(0x8100, &tag(7, IPV4, &[])),
        ),
        ("NSH", ethernet(0x894f, &with(&nsh(2, 2, 2), &ip6)), &ip6, macs(IPV6)),
    ] {
        let at = frame.windows(ip.len()).position(|window| window == &ip[..]).unwrap() as u32;
        let layers = rewrite::Layers { link_type: 1, link_length: at, network_offset: at };
        let mut out = Vec::new();
        assert_eq!(rewrite::write_link_layer(&frame, layers, ip.len(), &mut out), Some(1), "{name}");
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn cisco_hdlc_announces_the_version_of_the_inner_packet() {
    let both = [&[0x0f, 0, 8, 0][..], &[0x45; 20], &ipv6(17, &udp(TEXT))].concat();
    let layers = rewrite::Layers { link_type: 0, link_length: 4, network_offset: 24 };
    let mut out = Vec::new();
    assert_eq!(rewrite::write_link_layer(&both, layers, 50, &mut out), Some(0));
    assert_eq!(out, [0x0f, 0, 0x86, 0xdd]);
}

#[test]
fn a_carrier_that_is_cut_yields_what_is_true_so_far() {
    for (link_type, frame) in frames() {
        let whole = decode(link_type, &frame);
        for length in 0..frame.len() {
            let packet = decode(link_type, &frame[..length]);
            let what = format!("link type {link_type}, {length} of {}", summary(&whole));
            assert_sound(link_type, &frame[..length]);
            assert!(Faults::HEADER_CUT.contains(packet.faults), "{what}");
            if let Some(ip) = packet.ip {
                assert_eq!(ip.source, whole.ip.unwrap().source, "{what}");
                assert!(!packet.is_complete(), "{what}");
            }
            if packet.transport != Transport::None {
                assert_eq!(
                    (packet.transport, packet.source_port),
                    (whole.transport, whole.source_port),
                    "{what}"
                );
                assert!(whole.payload.starts_with(packet.payload), "{what}");
            }
        }
    }
}

#[test]
fn leaves_what_carries_no_packet() {
    let llc = &snap(IPV4, TEXT)[..];
    let body = "'\\xaa\\xaa\\x03\\x00\\x00\\x00\\x08\\x00payload'";
    let control_frame = |line: &str| format!("0000 {line}");
    let whole = |frame: &[u8]| {
        let text: String = frame.iter().flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
        format!("0000 '{text}'")
    };
    let unread = [
        ("beacon", wireless([0x80, 0], &[], llc)),
        ("acknowledgment", vec![0xd4, 0, 0, 0, 1, 2, 3, 4, 5, 6]),
        ("null data", wireless([0x48, 1], &[], &[])),
        ("QoS null data", wireless([0xc8, 1], &[0, 0], &[])),
        ("protected", wireless([0x08, 0x41], &[], llc)),
        ("another version", wireless([0x09, 1], &[], llc)),
    ];
    for (name, frame) in unread {
        assert_eq!(summary(&decode(105, &frame)), whole(&frame), "{name}");
    }
    let later = patched(wireless([0x08, 1], &[], llc), 22, &[0x13]);
    assert_eq!(summary(&decode(105, &later)), control_frame(body), "later fragment");
    let aggregate = wireless([0x88, 1], &[0x80, 0], llc);
    assert_eq!(summary(&decode(105, &aggregate)), control_frame(body), "aggregate");
    check(&[
        ("PPP, LCP", 9, with(&[0xff, 3, 0xc0, 0x21], TEXT), "0000 '\\xc0!payload'"),
        ("PPP, empty", 9, vec![0xff, 3], "0000 '' HEADER_CUT"),
        ("Cisco HDLC, keepalive", 104, with(&[0x8f, 0, 0x80, 0x35], TEXT), "8035 'payload'"),
        (
            "FDDI, station management",
            10,
            with(&[0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], TEXT),
            "0000 'payload'",
        ),
        (
            "PPPoE discovery",
            1,
            ethernet(0x8863, &[0x11, 9, 0, 0, 0, 0]),
            "8863 '\\x11\\t\\x00\\x00\\x00\\x00'",
        ),
        ("PPPoE, version", 51, vec![0x12, 0, 0, 0, 0, 1, 0x21], "0000 '\\x12\\x00\\x00\\x00\\x00\\x01!'"),
        (
            "PPPoE, LCP and padding",
            1,
            ethernet(0x8864, &pppoe(4, &[0xc0, 0x21, 9, 9, 0, 0])),
            "8864 '\\xc0!\\t\\t'",
        ),
        (
            "MPLS, associated channel",
            1,
            ethernet(0x8847, &labels(1, &[0x10, 0, 0, 7])),
            "8847 '\\x10\\x00\\x00\\x07'",
        ),
        (
            "MPLS, unknown pseudowire",
            1,
            ethernet(0x8847, &labels(1, &[0; 6])),
            "8847 '\\x00\\x00\\x00\\x00\\x00\\x00'",
        ),
        ("MPLS, no payload", 1, ethernet(0x8847, &labels(1, &[])), "8847 '' HEADER_CUT"),
        ("PFLOG, family", 117, [&[61, 99][..], &[0; 62], TEXT].concat(), "0000 'payload'"),
        ("PFLOG, length", 117, vec![44, 2, 0], "0000 ',\\x02\\x00' LINK_LENGTH"),
        ("NFLOG, family", 239, with(&[7, 0, 0, 0, 11, 0, 9, 0], TEXT), "0000 'payload'"),
        ("NFLOG, length", 239, vec![2, 0, 0, 0, 3, 0, 9, 0], "0000 '\\x03\\x00\\t\\x00' LINK_LENGTH"),
        ("NFLOG without packet", 239, vec![2, 0, 0, 0, 4, 0, 1, 0], "0000 '' HEADER_CUT"),
        (
            "radiotap, length",
            127,
            vec![0, 0, 7, 0, 0, 0, 0, 0],
            "0000 '\\x00\\x00\\x07\\x00\\x00\\x00\\x00\\x00' LINK_LENGTH",
        ),
        (
            "radiotap, length beyond",
            127,
            vec![0, 0, 9, 0, 0, 0, 0, 0],
            "0000 '\\x00\\x00\\t\\x00\\x00\\x00\\x00\\x00' HEADER_CUT",
        ),
        ("Prism, length", 119, vec![0; 8], "0000 '\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00' LINK_LENGTH"),
    ]);
    let deep = ethernet(0x8847, &labels(17, &ipv4(17, &udp(TEXT))));
    assert_eq!((decode(1, &deep).ip, decode(1, &deep).faults), (None, Faults::TOO_DEEP));
    let endless: Vec<u8> = [&[2, 0, 0, 0][..], &[4, 0, 1, 0].repeat(100)].concat();
    assert_eq!(decode(239, &endless).faults, Faults::TOO_DEEP);
}

#[test]
fn leaves_the_payload_of_other_protocols_as_it_is() {
    for protocol in [1, 2, 50, 58, 89, 103, 112] {
        let mut frame = ethernet(IPV4, &ipv4(protocol, TEXT));
        frame.extend_from_slice(&[0xff; 19]);
        let expected = format!("0800 10.0.0.1>192.168.200.33 {protocol} other {protocol} 'payload'");
        assert_eq!(summary(&decode(1, &frame)), expected);
    }
    for ethertype in [0x0806, 0x88cc, 0x888e] {
        let frame = ethernet(0x8100, &tag(4, ethertype, TEXT));
        assert_eq!(summary(&decode(1, &frame)), format!("{ethertype:04x} vlan[4] 'payload'"));
    }
}

/// The common header and chunks.
fn sctp(chunks: &[u8]) -> Vec<u8> {
    [&[0xd4, 0x31, 0, 53, 1, 2, 3, 4, 0, 0, 0, 0][..], chunks].concat()
}

#[test]
fn reads_sctp_and_udp_lite() {
    let sctp4 = "0800 10.0.0.1>192.168.200.33 132 sctp 54321>53 'payload'";
    let lite6 = "86dd 2001:db8::1>fe80::2 136 udp 54321>53 'payload'";
    // A checksum coverage of 8 bytes and one of all do not change the length.
    let lite = patched(udp(TEXT), 4, &[0, 8]);
    check(&[
        ("SCTP", 101, ipv4(132, &sctp(TEXT)), sctp4),
        (
            "SCTP behind an extension header",
            101,
            ipv6(0, &extension(132, 0, &sctp(TEXT))),
            "86dd 2001:db8::1>fe80::2 132 sctp 54321>53 'payload'",
        ),
        (
            "SCTP, short",
            101,
            ipv4(132, &sctp(&[])[..11]),
            "0800 10.0.0.1>192.168.200.33 132 sctp 54321>53 '' SCTP_LENGTH",
        ),
        (
            "SCTP, shorter than ports",
            101,
            ipv4(132, &[1, 2, 3]),
            "0800 10.0.0.1>192.168.200.33 132 '\\x01\\x02\\x03' SCTP_LENGTH",
        ),
        ("UDP-Lite", 101, ipv6(136, &lite), lite6),
        ("UDP-Lite, all covered", 101, ipv6(136, &patched(lite.clone(), 4, &[0, 0])), lite6),
        (
            "UDP-Lite, short",
            101,
            ipv6(136, &lite[..7]),
            "86dd 2001:db8::1>fe80::2 136 udp 54321>53 '' UDP_LENGTH",
        ),
        (
            "UDP-Lite, no tunnel",
            101,
            ipv4(136, &patched(udp(TEXT), 2, &[18, 181])),
            "0800 10.0.0.1>192.168.200.33 136 udp 54321>4789 'payload'",
        ),
    ]);
    let cut = ipv4(132, &sctp(TEXT));
    let packet = decode(101, &cut[..30]);
    assert_eq!(
        (packet.transport, packet.destination_port, packet.faults),
        (Transport::Sctp, 53, Faults::HEADER_CUT)
    );
}

#[test]
fn tells_acknowledgment_and_window() {
    let segment = patched(tcp(&[], TEXT), 14, &[0xab, 0xcd]);
    let frame = ethernet(IPV4, &ipv4(6, &segment));
    let packet = decode(1, &frame);
    assert_eq!((packet.tcp_acknowledgment, packet.tcp_window), (0x0909_0909, 0xabcd));
    for (length, expected) in [(45, (0, 0)), (46, (0x0909_0909, 0)), (50, (0x0909_0909, 0xabcd))] {
        let packet = decode(1, &frame[..length]);
        assert_eq!((packet.tcp_acknowledgment, packet.tcp_window), expected, "{length} bytes");
    }
}

#[test]
fn reads_a_real_pppoe_session_behind_two_tags() {
    let mut sessions = 0;
    each_real_packet(|entry, link_type, frame| {
        if entry.starts_with("pppoe-over-qinq.pcap") {
            let packet = decode(link_type, frame);
            assert_eq!((packet.transport, packet.vlans().len()), (Transport::Tcp, 2));
            assert!(packet.source_port == 443 || packet.destination_port == 443);
            let source = packet.ip.unwrap().source.to_string();
            assert!(source == "1.1.1.1" || source == "2.2.2.2", "{source}");
            assert_eq!((packet.faults, packet.link_length), (Faults::default(), 30));
            sessions += 1;
        }
    });
    assert!(sessions == 86 || sessions == 0, "{sessions}");
}

#[test]
fn llc_is_told_where_the_payload_begins_with_it() {
    let llc = &[0x42, 0x42, 3, 0, 0][..];
    let cut_snap = &[0xaa, 0xaa, 3, 0, 0][..];
    let cdp = &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2][..];
    let sll = |protocol: u16| [&[0; 14][..], &protocol.to_be_bytes(), llc].concat();
    let sll2 = |protocol: u16| [&protocol.to_be_bytes()[..], &[0; 18], llc].concat();
    let fddi = |control: u8| [&[control][..], &[0; 12], llc].concat();
    for (name, link_type, frame, expected) in [
        ("802.3", 1, ethernet(5, llc), true),
        ("802.3, CDP", 1, ethernet(9, cdp), true),
        ("802.3, SNAP that is cut", 1, ethernet(20, cut_snap), true),
        ("802.3 of two bytes", 1, ethernet(2, llc), false),
        ("802.3 cut behind two bytes", 1, ethernet(5, &llc[..2]), false),
        ("802.3, tagged", 1, ethernet(0x8100, &with(&[0, 7, 0, 5], llc)), true),
        ("an EtherType", 1, ethernet(0x88cc, llc), false),
        ("SNAP with an EtherType", 1, ethernet(13, &snap(0x88cc, llc)), false),
        ("Ethernet cut", 1, ethernet(5, llc)[..13].to_vec(), false),
        ("IP", 1, ethernet(IPV4, llc), false),
        ("FDDI", 10, fddi(0x57), true),
        ("FDDI, no LLC", 10, fddi(0x41), false),
        ("802.11", 105, wireless([0x08, 1], &[], llc), true),
        ("802.11, beacon", 105, wireless([0x80, 0], &[], llc), false),
        ("802.11, protected", 105, wireless([0x08, 0x41], &[], llc), false),
        ("SLL", 113, sll(4), true),
        ("SLL, 802.3", 113, sll(1), false),
        ("SLL2", 276, sll2(4), true),
        ("SLL2, ARP", 276, sll2(0x0806), false),
        ("PPP, LCP", 9, with(&[0xff, 3, 0xc0, 0x21], llc), false),
        ("unknown link type", 147, llc.to_vec(), false),
    ] {
        let packet = decode(link_type, &frame);
        assert_eq!(packet.llc, expected, "{name}");
        if expected {
            assert_eq!(packet.ethertype, 0, "{name}");
        }
    }
    let tagged = ethernet(0x8100, &with(&[0, 7, 0, 5], llc));
    let vlans = decode(1, &tagged);
    assert_eq!((vlans.vlans(), vlans.payload), (&[7][..], llc));
}

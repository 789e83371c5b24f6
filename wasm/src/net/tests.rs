//! The layers against hand-made frames: headers, lies, every cut, damage, and real captures. More link layers and the
//! tunnels have files of their own.

mod capture_headers;
mod link_layers;
mod tunnels;

use super::*;
use crate::record::{Reader, Step};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

const IPV4: u16 = ethertype::IPV4;
const IPV6: u16 = ethertype::IPV6;
const TEXT: &[u8] = b"payload";

/// A xorshift generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ethertype.to_be_bytes(), payload].concat()
}

fn tag(tci: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&tci.to_be_bytes()[..], &ethertype.to_be_bytes(), payload].concat()
}

/// IPv4 with `options`, flags and offset `fragment`, from 10.0.0.1 to 192.168.200.33.
fn ipv4_with(options: &[u8], fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let [t0, t1] = ((header + payload.len()) as u16).to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    let fixed = [0x40 | (header / 4) as u8, 0, t0, t1, 0x12, 0x34, f0, f1, 64, protocol, 0, 0];
    [&fixed[..], &[10, 0, 0, 1], &[192, 168, 200, 33], options, payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(&[], 0x4000, protocol, payload)
}

/// IPv6 from 2001:db8::1 to fe80::2.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, l0, l1, next, 64];
    header.extend_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
    header.extend_from_slice(&"fe80::2".parse::<Ipv6Addr>().unwrap().octets());
    header.extend_from_slice(payload);
    header
}

/// An extension header of `units` times 8 bytes after the first 8.
fn extension(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 8 + usize::from(units) * 8];
    (header[0], header[1]) = (next, units);
    header.extend_from_slice(payload);
    header
}

fn fragment(next: u8, offset_and_flags: u16, payload: &[u8]) -> Vec<u8> {
    [&[next, 0][..], &offset_and_flags.to_be_bytes(), &[0xde, 0xad, 0xbe, 0xef], payload].concat()
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    [&[0xd4, 0x31, 0, 53][..], &length.to_be_bytes(), &[0, 0], payload].concat()
}

fn tcp(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = ((20 + options.len()) / 4 * 16) as u8;
    let header = [0xd4, 0x31, 0, 53, 1, 2, 3, 4, 9, 9, 9, 9, offset, 0x18, 0, 0, 0, 0, 0, 0];
    [&header[..], options, payload].concat()
}

/// A packet in one line, without what is at its default.
fn summary(packet: &Packet<'_>) -> String {
    let mut line = format!("{:04x}", packet.ethertype);
    if !packet.vlans().is_empty() {
        write!(line, " vlan{:?}", packet.vlans()).unwrap();
    }
    for tunnel in packet.tunnels() {
        write!(line, " {}:{:x}", tunnel.kind.name(), tunnel.id).unwrap();
    }
    if let Some(ip) = packet.ip {
        assert_eq!((ip.version, ip.hop_limit), (ip.source.version(), 64));
        write!(line, " {}>{} {}", ip.source, ip.destination, ip.protocol).unwrap();
    }
    match packet.fragment {
        Fragment::None => {}
        Fragment::First { identification } => write!(line, " first:{identification:x}").unwrap(),
        Fragment::Later { identification, offset } => {
            write!(line, " later:{identification:x}@{offset}").unwrap()
        }
    }
    match packet.transport {
        Transport::None => {}
        Transport::Udp => write!(line, " udp {}>{}", packet.source_port, packet.destination_port).unwrap(),
        Transport::Tcp => write!(
            line,
            " tcp {}>{} {:02x} {:x}",
            packet.source_port, packet.destination_port, packet.tcp_flags, packet.tcp_sequence
        )
        .unwrap(),
        Transport::Sctp => write!(line, " sctp {}>{}", packet.source_port, packet.destination_port).unwrap(),
        Transport::Other(protocol) => write!(line, " other {protocol}").unwrap(),
    }
    let payload =
        String::from_utf8(packet.payload.iter().flat_map(|byte| byte.escape_ascii()).collect()).unwrap();
    write!(line, " '{payload}'").unwrap();
    if !packet.is_complete() {
        write!(line, " of {}", packet.payload_length).unwrap();
    }
    for (fault, name) in [
        (Faults::HEADER_CUT, "HEADER_CUT"),
        (Faults::IP_VERSION, "IP_VERSION"),
        (Faults::IP_HEADER_LENGTH, "IP_HEADER_LENGTH"),
        (Faults::IP_TOTAL_LENGTH, "IP_TOTAL_LENGTH"),
        (Faults::EXTENSION_LENGTH, "EXTENSION_LENGTH"),
        (Faults::UDP_LENGTH, "UDP_LENGTH"),
        (Faults::TCP_DATA_OFFSET, "TCP_DATA_OFFSET"),
        (Faults::TOO_DEEP, "TOO_DEEP"),
        (Faults::SCTP_LENGTH, "SCTP_LENGTH"),
        (Faults::TUNNEL, "TUNNEL"),
        (Faults::LINK_LENGTH, "LINK_LENGTH"),
    ] {
        if packet.faults.contains(fault) {
            write!(line, " {name}").unwrap();
        }
    }
    line
}

fn check(cases: &[(&str, u32, Vec<u8>, &str)]) {
    for (name, link_type, frame, expected) in cases {
        assert_eq!(&summary(&decode(*link_type, frame)), expected, "{name}");
    }
}

const UDP4: &str = "0800 10.0.0.1>192.168.200.33 17 udp 54321>53 'payload'";
const TCP4: &str = "0800 10.0.0.1>192.168.200.33 6 tcp 54321>53 18 1020304 'payload'";
const UDP6: &str = "86dd 2001:db8::1>fe80::2 17 udp 54321>53 'payload'";
const TCP6: &str = "86dd 2001:db8::1>fe80::2 6 tcp 54321>53 18 1020304 'payload'";

fn cooked_v1(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &protocol.to_be_bytes(), payload].concat()
}

fn cooked_v2(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&protocol.to_be_bytes()[..], &[0, 0, 0, 0, 0, 9, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0], payload].concat()
}

/// The IP packet behind the header of each link type.
fn linked(ip: &[u8], version: u8) -> Vec<(u32, Vec<u8>)> {
    let (ethertype, families): (u16, &[u32]) =
        if version == 4 { (IPV4, &[2]) } else { (IPV6, &[10, 24, 28, 30]) };
    let mut frames = vec![
        (1, ethernet(ethertype, ip)),
        (
            1,
            ethernet(
                (ip.len() + 8) as u16,
                &[&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype.to_be_bytes(), ip].concat(),
            ),
        ),
        (113, cooked_v1(ethertype, ip)),
        (276, cooked_v2(ethertype, ip)),
        (if version == 4 { 228 } else { 229 }, ip.to_vec()),
    ];
    frames.extend([12, 14, 101].map(|link_type| (link_type, ip.to_vec())));
    for link_type in [0, 108] {
        for family in families {
            frames.push((link_type, [&family.to_be_bytes()[..], ip].concat()));
            frames.push((link_type, [&family.to_le_bytes()[..], ip].concat()));
        }
    }
    frames
}

#[test]
fn reads_ip_behind_every_link_layer() {
    let cases = [
        (4, ipv4(17, &udp(TEXT)), UDP4),
        (4, ipv4(6, &tcp(&[], TEXT)), TCP4),
        (6, ipv6(17, &udp(TEXT)), UDP6),
        (6, ipv6(6, &tcp(&[], TEXT)), TCP6),
    ];
    for (version, ip, expected) in cases {
        for (link_type, mut frame) in linked(&ip, version) {
            assert!(link_type_is_known(link_type));
            assert_eq!(summary(&decode(link_type, &frame)), expected, "link type {link_type}");
            // Padding of the link layer is not payload.
            frame.extend_from_slice(&[0; 18]);
            assert_eq!(summary(&decode(link_type, &frame)), expected, "link type {link_type}, padded");
        }
    }
}

#[test]
fn leaves_what_it_does_not_know() {
    for link_type in [2, 147, 195, u32::MAX] {
        assert!(!link_type_is_known(link_type));
        assert_eq!(summary(&decode(link_type, TEXT)), "0000 'payload'");
    }
    check(&[
        ("ARP", 1, ethernet(0x0806, TEXT), "0806 'payload'"),
        ("802.3 with padding", 1, ethernet(3, TEXT), "0000 'pay'"),
        ("802.3 cut", 1, ethernet(9, TEXT), "0000 'payload' of 9"),
        ("cooked LLC", 113, cooked_v1(4, TEXT), "0000 'payload'"),
        ("loopback family", 0, [&[7, 0, 0, 0], TEXT].concat(), "0000 'payload'"),
        ("raw, IP version", 101, TEXT.to_vec(), "0000 'payload' IP_VERSION"),
        (
            "IPv4 EtherType, version 6",
            1,
            ethernet(IPV4, &ipv6(17, &[])[..20]),
            "0800 '`\\x00\\x00\\x00\\x00\\x00\\x11@ \\x01\\r\\xb8\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00' IP_VERSION",
        ),
        (
            "IPv4, unknown protocol",
            1,
            ethernet(IPV4, &ipv4(253, TEXT)),
            "0800 10.0.0.1>192.168.200.33 253 other 253 'payload'",
        ),
        (
            "IPv4, hop-by-hop number",
            1,
            ethernet(IPV4, &ipv4(0, TEXT)),
            "0800 10.0.0.1>192.168.200.33 0 other 0 'payload'",
        ),
        ("IPv6, ESP", 1, ethernet(IPV6, &ipv6(50, TEXT)), "86dd 2001:db8::1>fe80::2 50 other 50 'payload'"),
        ("IPv6, no next header", 1, ethernet(IPV6, &ipv6(59, TEXT)), "86dd 2001:db8::1>fe80::2 59 ''"),
    ]);
}

#[test]
fn reads_nested_vlan_tags() {
    let ip = ipv4(17, &udp(TEXT));
    let inner = |vlans: &str| UDP4.replacen("0800", &format!("0800 vlan{vlans}"), 1);
    for outer in [0x8100, 0x88a8, 0x9100, 0x9200] {
        let one = tag(0xe007, IPV4, &ip);
        let two = tag(0x0fff, 0x8100, &one);
        let five = tag(1, 0x8100, &tag(2, 0x8100, &tag(3, 0x8100, &two)));
        for (tags, expected) in [(one, "[7]"), (two, "[4095, 7]"), (five, "[1, 2, 3, 4095]")] {
            assert_eq!(summary(&decode(1, &ethernet(outer, &tags))), inner(expected));
            assert_eq!(summary(&decode(113, &cooked_v1(outer, &tags))), inner(expected));
            assert_eq!(summary(&decode(276, &cooked_v2(outer, &tags))), inner(expected));
        }
    }
    let mut deep = ip;
    for _ in 0..40 {
        deep = tag(1, 0x8100, &deep);
    }
    let frame = ethernet(0x8100, &deep);
    let packet = decode(1, &frame);
    assert_eq!((packet.ip, packet.vlans(), packet.faults), (None, &[1, 1, 1, 1][..], Faults::TOO_DEEP));
}

#[test]
fn reads_ipv4_options_and_authentication_header() {
    // A next header, its length in words less 2, and 12 + 4 bytes.
    let authentication =
        [&[17, 3, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4][..], &udp(TEXT)].concat();
    check(&[
        ("options", 1, ethernet(IPV4, &ipv4_with(&[1; 4], 0, 17, &udp(TEXT))), UDP4),
        ("most options", 1, ethernet(IPV4, &ipv4_with(&[1; 40], 0, 6, &tcp(&[1; 40], TEXT))), TCP4),
        ("IPv4 authentication", 1, ethernet(IPV4, &ipv4(51, &authentication)), UDP4),
        ("IPv6 authentication", 1, ethernet(IPV6, &ipv6(51, &authentication)), UDP6),
    ]);
}

#[test]
fn passes_over_ipv6_extension_headers() {
    for header in [0, 43, 60, 135, 139, 140] {
        for units in [0, 1, 31] {
            let ip = ipv6(header, &extension(17, units, &udp(TEXT)));
            assert_eq!(summary(&decode(1, &ethernet(IPV6, &ip))), UDP6, "header {header}, {units} units");
        }
    }
    let chain = extension(
        43,
        1,
        &extension(60, 0, &extension(44, 2, &fragment(60, 1, &extension(6, 0, &tcp(&[], TEXT))))),
    );
    check(&[(
        "a chain with a first fragment",
        1,
        ethernet(IPV6, &ipv6(0, &chain)),
        "86dd 2001:db8::1>fe80::2 6 first:deadbeef tcp 54321>53 18 1020304 'payload'",
    )]);
    let mut endless = udp(TEXT);
    for _ in 0..30 {
        endless = extension(60, 0, &endless);
    }
    assert_eq!(decode(101, &ipv6(60, &endless)).faults, Faults::TOO_DEEP);
}

#[test]
fn tells_fragments_apart() {
    // The UDP length is that of the whole datagram.
    let mut start = udp(TEXT);
    start[4..6].copy_from_slice(&2000_u16.to_be_bytes());
    check(&[
        (
            "IPv4, first",
            1,
            ethernet(IPV4, &ipv4_with(&[], 0x2000, 17, &start)),
            "0800 10.0.0.1>192.168.200.33 17 first:1234 udp 54321>53 'payload' of 1992",
        ),
        (
            "IPv4, middle",
            1,
            ethernet(IPV4, &ipv4_with(&[], 0x2001, 17, TEXT)),
            "0800 10.0.0.1>192.168.200.33 17 later:1234@8 'payload'",
        ),
        (
            "IPv4, last",
            1,
            ethernet(IPV4, &ipv4_with(&[], 0x1fff, 17, TEXT)),
            "0800 10.0.0.1>192.168.200.33 17 later:1234@65528 'payload'",
        ),
        ("IPv4, don't fragment", 1, ethernet(IPV4, &ipv4_with(&[], 0x4000, 17, &udp(TEXT))), UDP4),
        (
            "IPv6, first",
            1,
            ethernet(IPV6, &ipv6(44, &fragment(17, 1, &start))),
            "86dd 2001:db8::1>fe80::2 17 first:deadbeef udp 54321>53 'payload' of 1992",
        ),
        (
            "IPv6, later",
            1,
            ethernet(IPV6, &ipv6(44, &fragment(17, 0xfff9, TEXT))),
            "86dd 2001:db8::1>fe80::2 17 later:deadbeef@65528 'payload'",
        ),
        ("IPv6, atomic", 1, ethernet(IPV6, &ipv6(44, &fragment(17, 0, &udp(TEXT)))), UDP6),
    ]);
}

/// `frame` with the bytes at `at` replaced.
fn patched(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

#[test]
fn resolves_lengths_that_lie() {
    let (u4, t4) = (ipv4(17, &udp(TEXT)), ipv4(6, &tcp(&[], TEXT)));
    let (u6, t6) = (ipv6(17, &udp(TEXT)), ipv6(6, &tcp(&[], TEXT)));
    let flagged = |line: &str, fault: &str| format!("{line} {fault}");
    let header4 = "0800 10.0.0.1>192.168.200.33";
    let header6 = "86dd 2001:db8::1>fe80::2";
    let cases = [
        ("IPv4 total length 0", patched(u4.clone(), 2, &[0, 0]), UDP4.to_owned()),
        ("IPv4 total length 19", patched(u4.clone(), 2, &[0, 19]), flagged(UDP4, "IP_TOTAL_LENGTH")),
        ("IPv4 total length beyond", patched(t4.clone(), 2, &[1, 0]), format!("{TCP4} of 216")),
        (
            "IPv4 total length within UDP",
            patched(u4.clone(), 2, &[0, 24]),
            format!("{header4} 17 udp 54321>53 '' UDP_LENGTH"),
        ),
        (
            "IPv4 total length within ports",
            patched(u4.clone(), 2, &[0, 23]),
            format!("{header4} 17 '\\xd41\\x00' UDP_LENGTH"),
        ),
        (
            "IPv4 total length within TCP",
            patched(t4.clone(), 2, &[0, 30]),
            format!("{header4} 6 tcp 54321>53 00 1020304 '' TCP_DATA_OFFSET"),
        ),
        ("IPv4 header length 4", patched(u4.clone(), 0, &[0x41]), "0800 'A".to_owned()),
        (
            "IPv4 header beyond the packet",
            patched(ipv4(17, b""), 0, &[0x4f]),
            format!("{header4} 17 '' IP_HEADER_LENGTH IP_TOTAL_LENGTH"),
        ),
        ("IPv6 payload length 0", patched(u6.clone(), 4, &[0, 0]), UDP6.to_owned()),
        ("IPv6 payload length beyond", patched(t6.clone(), 4, &[1, 0]), format!("{TCP6} of 236")),
        (
            "IPv6 payload length within UDP",
            patched(u6.clone(), 4, &[0, 7]),
            format!("{header6} 17 udp 54321>53 '' UDP_LENGTH"),
        ),
        ("UDP length 0", patched(u4.clone(), 24, &[0, 0]), flagged(UDP4, "UDP_LENGTH")),
        ("UDP length 7", patched(u4.clone(), 24, &[0, 7]), flagged(UDP4, "UDP_LENGTH")),
        ("UDP length beyond", patched(u4.clone(), 24, &[0, 16]), flagged(UDP4, "UDP_LENGTH")),
        ("UDP length short", patched(u4.clone(), 24, &[0, 11]), UDP4.replace("payload", "pay")),
        ("UDP length 8", patched(u6.clone(), 44, &[0, 8]), UDP6.replace("payload", "")),
        ("TCP data offset 4", patched(t4.clone(), 32, &[0x40]), flagged(TCP4, "TCP_DATA_OFFSET")),
        (
            "TCP data offset beyond",
            patched(t4.clone(), 32, &[0xf0]),
            flagged(&TCP4.replace("payload", ""), "TCP_DATA_OFFSET"),
        ),
        ("TCP data offset into payload", patched(t6.clone(), 52, &[0x60]), TCP6.replace("payload", "oad")),
        ("extension header beyond", ipv6(60, &extension(17, 0, TEXT)[..]), String::new()),
        (
            "extension header cut by the length",
            ipv6(60, &[17, 0, 0]),
            format!("{header6} 60 '\\x11\\x00\\x00' EXTENSION_LENGTH"),
        ),
    ];
    for (name, ip, expected) in cases {
        let version = ip[0] >> 4;
        let frame = ethernet(if version == 4 { IPV4 } else { IPV6 }, &ip);
        let line = summary(&decode(1, &frame));
        match name {
            "IPv4 header length 4" => {
                assert!(line.starts_with(&expected) && line.ends_with(" IP_HEADER_LENGTH"), "{line}")
            }
            "extension header beyond" => {
                let mut long = ip.clone();
                long[41] = 9;
                let packet = decode(101, &long);
                assert_eq!((packet.faults, packet.transport), (Faults::EXTENSION_LENGTH, Transport::None));
            }
            _ => assert_eq!(line, expected, "{name}"),
        }
    }
    // What the snap length cut is no lie, but nothing was cut from a frame of its original length.
    for (ip, line) in [(&u4, UDP4), (&t4, TCP4), (&u6, UDP6), (&t6, TCP6)] {
        let frame = &ip[..ip.len() - 3];
        let cut = decode_record(101, frame, ip.len() as u32);
        let lying = decode_record(101, frame, frame.len() as u32);
        assert_eq!(summary(&cut), format!("{} of 7", line.replace("payload", "payl")));
        assert_eq!(summary(&lying), format!("{} IP_TOTAL_LENGTH", line.replace("payload", "payl")));
        assert!(lying.faults.has_lies() && !cut.faults.has_lies());
        assert_eq!(decode_record(101, ip, ip.len() as u32), decode(101, ip));
    }
    let header = decode_record(101, &t4[..30], t4.len() as u32).faults;
    assert!(!header.is_empty() && !header.has_lies());
    let mut start = udp(TEXT);
    start[4..6].copy_from_slice(&2000_u16.to_be_bytes());
    let first = ipv4_with(&[], 0x2000, 17, &start);
    assert_eq!(decode_record(101, &first, first.len() as u32), decode(101, &first));
}

/// Frames of all kinds, to be cut and damaged.
fn frames() -> Vec<(u32, Vec<u8>)> {
    let chain = extension(43, 1, &extension(44, 0, &fragment(60, 1, &extension(6, 2, &tcp(&[1; 12], TEXT)))));
    let authentication = [&[17, 1, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2][..], &udp(TEXT)].concat();
    let packets = [
        (4, ipv4(17, &udp(TEXT))),
        (4, ipv4_with(&[1; 8], 0x2000, 6, &tcp(&[1; 12], TEXT))),
        (4, ipv4(51, &authentication)),
        (6, ipv6(17, &udp(TEXT))),
        (6, ipv6(0, &chain)),
        (6, ipv6(51, &authentication)),
    ];
    let mut frames = vec![(1, ethernet(0x0806, TEXT))];
    for (version, ip) in packets {
        frames.extend(linked(&ip, version));
        let ethertype = if version == 4 { IPV4 } else { IPV6 };
        frames.push((1, ethernet(0x88a8, &tag(1, 0x8100, &tag(2, ethertype, &ip)))));
        frames.push((276, cooked_v2(0x8100, &tag(3, ethertype, &ip))));
    }
    frames
}

#[test]
fn a_cut_frame_yields_what_is_true_so_far() {
    for (link_type, frame) in frames() {
        let whole = decode(link_type, &frame);
        let mut before = decode(link_type, &[]);
        for length in 0..frame.len() {
            let packet = decode(link_type, &frame[..length]);
            let what = format!("link type {link_type}, {length} of {} bytes", frame.len());
            if let Some(ip) = packet.ip {
                let whole = whole.ip.unwrap();
                assert_eq!((ip.source, ip.destination), (whole.source, whole.destination), "{what}");
                assert!(!packet.is_complete() || packet.faults == Faults::HEADER_CUT, "{what}");
            }
            assert!(packet.ip.is_some() || before.ip.is_none(), "{what}");
            assert!(
                packet.vlans().len() >= before.vlans().len() && whole.vlans().starts_with(packet.vlans()),
                "{what}"
            );
            if packet.transport == Transport::None {
                assert_eq!(before.transport, Transport::None, "{what}");
            } else {
                let of = |packet: &Packet<'_>| {
                    (packet.transport, packet.source_port, packet.destination_port, packet.fragment)
                };
                assert_eq!(of(&packet), of(&whole), "{what}");
                assert!(whole.payload.starts_with(packet.payload), "{what}");
            }
            // A header that is cut is told; nothing else is at fault.
            assert!(Faults::HEADER_CUT.contains(packet.faults), "{what}");
            if whole.ip.is_some() && packet.ethertype != 0 {
                let headers_whole = header_length(&frame, &whole) <= length;
                assert_eq!(packet.faults.is_empty(), headers_whole, "{what}");
            }
            before = packet;
        }
    }
}

/// Bytes of the frame before its payload.
fn header_length(frame: &[u8], packet: &Packet<'_>) -> usize {
    packet.payload.as_ptr() as usize - frame.as_ptr() as usize
}

/// What must hold for every frame.
fn assert_sound(link_type: u32, frame: &[u8]) -> Faults {
    let packet = decode(link_type, frame);
    assert!(packet.payload.len() <= frame.len() && packet.vlans().len() <= MOST_VLANS);
    let offset = packet.payload_offset as usize;
    assert_eq!(frame.get(offset..offset + packet.payload.len()), Some(packet.payload));
    assert_eq!(packet.outer_ip.is_some(), !packet.tunnels().is_empty());
    if let Some(ip) = packet.ip {
        assert_eq!(frame[packet.network_offset as usize] >> 4, ip.version);
    }
    if let Some(ip) = packet.outer_ip.or(packet.ip) {
        assert_eq!(frame[packet.link_length as usize] >> 4, ip.version);
    }
    if let Some((start, end)) = packet.replacement {
        assert_eq!(packet.tunnels()[0].kind, TunnelKind::Vxlan);
        let inner = decode(1, &frame[start as usize..end as usize]);
        // On its own, the inner frame can be read one tunnel deeper, and its length is that of the capture.
        if packet.is_complete() && !packet.faults.contains(Faults::TOO_DEEP) {
            assert_eq!(
                (inner.ip, inner.transport, inner.payload),
                (packet.ip, packet.transport, packet.payload)
            );
            assert_eq!(inner.tunnels(), &packet.tunnels()[1..]);
        }
    }
    if !matches!(packet.transport, Transport::Udp | Transport::Tcp | Transport::Sctp) {
        assert_eq!((packet.source_port, packet.destination_port), (0, 0));
    }
    assert!(packet.payload.is_empty() || frame.as_ptr_range().contains(&packet.payload.as_ptr()));
    assert!(packet.ip.is_some() || packet.transport == Transport::None);
    assert!(packet.payload_length as usize >= packet.payload.len());
    if let Fragment::Later { .. } = packet.fragment {
        assert_eq!(packet.transport, Transport::None);
    }
    packet.faults
}

/// Calls `visit` for every packet of the shared captures; `false` where there are none.
fn each_real_packet(mut visit: impl FnMut(&str, u32, &[u8])) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let Ok(truth) = std::fs::read_to_string(folder.join("truth/files.json")) else {
        println!("skipped: no captures at ../shared/captures");
        return false;
    };
    for entry in truth.split("{\"file\": \"").skip(1) {
        let stream = std::fs::read(folder.join(entry.split('"').next().unwrap())).unwrap();
        let (mut reader, mut position) = (Reader::new(), 0);
        while let Step::Record(record) = reader.next(&stream, &mut position, true) {
            visit(entry, record.link_type, record.data);
        }
    }
    true
}

#[test]
fn no_damage_makes_the_decoder_panic() {
    let mut frames = frames();
    frames.extend(link_layers::frames());
    frames.extend(tunnels::frames());
    frames.push((101, ipv4(132, &[0; 11])));
    each_real_packet(|_, link_type, frame| {
        if frames.len() < 4000 {
            frames.push((link_type, frame[..frame.len().min(200)].to_vec()));
        }
    });
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut faults = Faults::default();
    for _ in 0..100_000 {
        let index = random.below(frames.len());
        let (link_type, mut frame) = frames[index].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len().min(160));
            match random.below(4) {
                0 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                1 => frame[at] ^= 1 << random.below(8),
                2 => frame[at] = [0, 4, 6, 17, 41, 43, 44, 47, 51, 59, 60, 132][random.below(12)],
                _ => frame.truncate(at.max(1)),
            }
        }
        faults |= assert_sound(link_type, &frame);
        faults |= assert_sound(
            [0, 1, 9, 50, 101, 105, 108, 113, 117, 119, 127, 149, 239, 258, 276][random.below(15)],
            &frame,
        );
    }
    // Every kind of fault was met on the way.
    let all = Faults::HEADER_CUT
        | Faults::IP_VERSION
        | Faults::IP_HEADER_LENGTH
        | Faults::IP_TOTAL_LENGTH
        | Faults::EXTENSION_LENGTH
        | Faults::UDP_LENGTH
        | Faults::TCP_DATA_OFFSET
        | Faults::TOO_DEEP
        | Faults::SCTP_LENGTH
        | Faults::TUNNEL
        | Faults::LINK_LENGTH;
    assert!(faults.contains(all), "{faults:?}");
}

#[test]
fn agrees_with_the_truth_about_real_captures() {
    // Per file: IPv4 fragments, IPv6 fragments, VLAN ids.
    let mut seen: Vec<(String, [u64; 2], Vec<u16>)> = Vec::new();
    let found = each_real_packet(|entry, link_type, frame| {
        if seen.last().is_none_or(|(last, ..)| last != entry) {
            seen.push((entry.to_owned(), [0; 2], Vec::new()));
        }
        assert_sound(link_type, frame);
        let packet = decode(link_type, frame);
        let (_, fragments, vlans) = seen.last_mut().unwrap();
        if packet.fragment != Fragment::None {
            fragments[usize::from(packet.ip.unwrap().version == 6)] += 1;
        }
        vlans.extend(packet.vlans());
    });
    if !found {
        return;
    }
    for (entry, fragments, mut vlans) in seen {
        let list = |key: &str| entry.split(&format!("\"{key}\": ")).nth(1).unwrap();
        let number = |key: &str| {
            list(key).split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
        };
        let name = entry.split('"').next().unwrap();
        assert_eq!(fragments, [number("ipv4_fragments"), number("ipv6_fragments")], "{name}");
        let (ids, _) = list("vlan_ids")[1..].split_once(']').unwrap();
        let ids: Vec<u16> = ids
            .split(", ")
            .filter(|id| !id.is_empty())
            .map(|id| id.trim_matches('"').parse().unwrap())
            .collect();
        vlans.sort_unstable();
        vlans.dedup();
        assert_eq!(vlans, ids, "{name}");
    }
}

#[test]
fn rewrites_cooked_version_2_as_version_1() {
    let ip = ipv4(17, &udp(TEXT));
    let mut out = b"before".to_vec();
    assert!(cooked::to_cooked_v1(&cooked_v2(IPV4, &ip), &mut out));
    assert_eq!(out, [b"before", &cooked_v1(IPV4, &ip)[..]].concat());
    for length in 0..20 {
        assert!(!cooked::to_cooked_v1(&cooked_v2(IPV4, b"")[..length], &mut out));
    }
    assert_eq!(out.len(), 6 + 16 + ip.len(), "nothing appended");
}

#[test]
fn addresses_have_their_standard_text() {
    let cases = [
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("fe80::a0b0:c0:d:ABCD", "fe80::a0b0:c0:d:abcd"),
        ("::ffff:192.0.2.128", "::ffff:192.0.2.128"),
        ("1:2:3:4:5:6::", "1:2:3:4:5:6::"),
        ("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"),
    ];
    for (address, text) in cases {
        assert_eq!(Address::v6(address.parse::<Ipv6Addr>().unwrap().octets()).to_string(), text);
    }
    let mut random = Random(1);
    for _ in 0..20_000 {
        let mut octets = [0; 16];
        for octet in &mut octets {
            *octet = if random.below(3) == 0 { random.below(256) as u8 } else { 0 };
        }
        let address = Address::v6(octets);
        assert_eq!(address.to_string(), Ipv6Addr::from(octets).to_string());
        assert_eq!((address.octets(), address.bits()), (&octets[..], u128::from_be_bytes(octets)));
        let [a, b, c, d, ..] = octets.map(|octet| octet.wrapping_mul(3));
        let address = Address::v4([a, b, c, d]);
        assert_eq!(address.to_string(), Ipv4Addr::new(a, b, c, d).to_string());
        assert_eq!(address.octets(), [a, b, c, d]);
        assert_eq!(address.bits() >> 96, u128::from(u32::from_be_bytes([a, b, c, d])));
    }
    let mut text = b"from ".to_vec();
    Address::v4([1, 0, 20, 255]).write_text(&mut text);
    assert_eq!(text, b"from 1.0.20.255");
    assert_ne!(Address::v4([0; 4]), Address::v6([0; 16]));
    assert_eq!(Address::v6([0xff; 16]).to_string().len(), Address::MOST_TEXT);
}

#[test]
fn addresses_are_read_from_text_as_by_the_standard_library() {
    let standard = |text: &[u8]| {
        Some(match str::from_utf8(text).ok()?.parse().ok()? {
            std::net::IpAddr::V4(address) => Address::v4(address.octets()),
            std::net::IpAddr::V6(address) => Address::v6(address.octets()),
        })
    };
    let mut random = Random(2);
    let mut read = 0;
    for _ in 0..100_000 {
        let alphabet = if random.below(3) == 0 { &b"0123:::fFg"[..] } else { b"0012256..." };
        let mut text: Vec<u8> = (0..random.below(12)).map(|_| alphabet[random.below(10)]).collect();
        if random.below(2) == 0 {
            let octets = [(); 4].map(|()| (random.below(300) as u16).to_string());
            text = octets.join(if random.below(20) == 0 { ".." } else { "." }).into_bytes();
        }
        let expected = standard(&text);
        read += u32::from(expected.is_some());
        assert_eq!(Address::from_text(&text), expected, "{}", text.escape_ascii());
    }
    assert!((10_000..90_000).contains(&read), "{read}");
    for text in
        [&b"::ffff:1.2.3.4"[..], b"2001:DB8::1", b"fe80::1%1", b"[::1]", b"1.2.3.4 ", b"1.2.3.4\xff", b""]
    {
        assert_eq!(Address::from_text(text), standard(text), "{}", text.escape_ascii());
    }
}

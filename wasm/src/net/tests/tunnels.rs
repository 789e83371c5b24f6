//! Tunnels: every encapsulation, what is left plain, nesting, cuts and damage.

use super::*;

/// Between the ends of the tunnel: from 172.16.0.1 to 172.16.0.2.
fn outer4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    patched(ipv4(protocol, payload), 12, &[172, 16, 0, 1, 172, 16, 0, 2])
}

/// Between the ends of the tunnel: from fd00::1 to fd00::2.
fn outer6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut addresses = [0; 32];
    (addresses[0], addresses[15], addresses[16], addresses[31]) = (0xfd, 1, 0xfd, 2);
    patched(ipv6(next, payload), 8, &addresses)
}

fn udp_to(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    patched(patched(udp(payload), 0, &source.to_be_bytes()), 2, &destination.to_be_bytes())
}

fn with(header: &[u8], content: &[u8]) -> Vec<u8> {
    [header, content].concat()
}

fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    with(&[&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes()].concat(), frame)
}

fn gre(flags: u16, protocol_type: u16, fields: &[u8], content: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &protocol_type.to_be_bytes(), fields, content].concat()
}

/// GTP-U around `content`, with the bytes after the fixed header; `flags` are those of the optional fields.
fn gtp_u(flags: u8, optional: &[u8], content: &[u8]) -> Vec<u8> {
    let [l0, l1] = ((optional.len() + content.len()) as u16).to_be_bytes();
    [&[0x30 | flags, 255, l0, l1, 0xca, 0xfe, 0, 1][..], optional, content].concat()
}

fn l2tp(flags: u16, fields: &[u8], content: &[u8]) -> Vec<u8> {
    [&(flags | 2).to_be_bytes()[..], fields, content].concat()
}

fn pptp(flags: u16, fields: &[u8], content: &[u8]) -> Vec<u8> {
    let [l0, l1] = (content.len() as u16).to_be_bytes();
    gre(0x3001 | flags, 0x880b, &[&[l0, l1, 0, 9][..], fields].concat(), content)
}

fn inner4() -> Vec<u8> {
    ipv4(17, &udp(TEXT))
}

fn inner6() -> Vec<u8> {
    ipv6(6, &tcp(&[], TEXT))
}

const ARP: &[u8] = b"\0\x01\x08\0\x06\x04\0\x01abcdefghijabcdefghij";
const ARP_LINE: &str = "0806 '\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x01abcdefghijabcdefghij'";
/// A Network Service Header in front of IPv4.
const NSH: &[u8] = b"\x0f\xc2\x02\x01\0\0\x01\xff";

/// An IP packet with a tunnel, the tunnel as the summary has it, and what is in it as the summary has it.
type Case = (Vec<u8>, &'static str, &'static str);

/// Every encapsulation, with each of its options, in IPv4 and IPv6.
fn cases() -> Vec<Case> {
    let (i4, i6) = (&inner4()[..], &inner6()[..]);
    let frame4 = &ethernet(IPV4, i4)[..];
    let frame6 = &ethernet(0x8100, &tag(77, IPV6, i6))[..];
    let arp = &ethernet(0x0806, TEXT)[..];
    let labels = &with(&[0, 1, 0, 64, 0, 2, 1, 64], i4)[..];
    let (arp_line, udp4, tcp6) = ("0806 'payload'", UDP4, TCP6);
    let protocols: Vec<(u8, Vec<u8>, &str, &str)> = vec![
        (47, gre(0, IPV4, &[], i4), "GRE:0", udp4),
        (47, gre(0, IPV6, &[], i6), "GRE:0", tcp6),
        (47, gre(0x8000, IPV6, &[0; 4], i6), "GRE:0", tcp6),
        (47, gre(0x2000, IPV4, &[0, 0, 1, 2], i4), "GRE:102", udp4),
        (47, gre(0xb000, IPV4, &[0, 0, 0, 0, 0xff, 0, 1, 2, 0, 0, 0, 1], i4), "GRE:ff000102", udp4),
        (47, gre(0x4000, IPV4, &[0, 0, 0, 0, 8, 0, 0, 4, 1, 1, 1, 1, 0, 0, 0, 0], i4), "GRE:0", udp4),
        (47, gre(0x2000, 0x6558, &[0, 0, 1, 2], frame6), "GRE:102", tcp6),
        (47, gre(0, 0x8847, &[], labels), "GRE:0", udp4),
        (47, gre(0, 0x880b, &[], &with(&[0xff, 3, 0, 0x21], i4)), "GRE:0", udp4),
        (47, gre(0, 0x88be, &[], frame4), "ERSPAN:0", udp4),
        (
            47,
            gre(0x1000, 0x88be, &[0, 0, 0, 1], &with(&[0x10, 7, 0x0b, 0xfe, 0, 0, 0, 5], frame6)),
            "ERSPAN:3fe",
            tcp6,
        ),
        (
            47,
            gre(0x1000, 0x22eb, &[0, 0, 0, 1], &with(&[0x20, 7, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0], frame4)),
            "ERSPAN:5",
            udp4,
        ),
        (
            47,
            gre(
                0x1000,
                0x22eb,
                &[0, 0, 0, 1],
                &with(&[0x20, 7, 0, 5, 1, 2, 3, 4, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0], arp),
            ),
            "ERSPAN:5",
            arp_line,
        ),
        (
            47,
            gre(0x1000, 0x22eb, &[0, 0, 0, 1], &with(&[0x20, 7, 0, 5, 1, 2, 3, 4, 0, 0, 0x08, 0], i6)),
            "ERSPAN:5",
            tcp6,
        ),
        (47, pptp(0, &[0, 0, 0, 1], &with(&[0xff, 3, 0, 0x21], i4)), "PPTP:9", udp4),
        (47, pptp(0x0080, &[0, 0, 0, 1, 0, 0, 0, 1], &with(&[0x57], i6)), "PPTP:9", tcp6),
        (97, with(&[0x30, 0], frame4), "EtherIP:0", udp4),
        (143, frame6.to_vec(), "Ethernet-in-IP:0", tcp6),
        (47, gre(0, 0x0806, &[], ARP), "GRE:0", ARP_LINE),
        (47, gre(0, 0x894f, &[], &with(NSH, i4)), "GRE:0", udp4),
        (47, gre(0x2000, 0x8909, &[0, 0, 1, 2], &with(&[8, 0, 1, 1, 0, 1, 0, 9], i4)), "GRE:102", udp4),
        (47, gre(0, 0x883e, &[], &with(&[5, 0x59, 0, 0x48], i4)), "GRE:0", udp4),
        (47, gre(0, 0x883e, &[], i4), "GRE:0", udp4),
    ];
    let teredo_authentication = &[0, 1, 2, 3, 9, 9, 8, 8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0][..];
    let origin = &[0, 0, 1, 2, 3, 4, 5, 6][..];
    let option = &[0, 1, 0x80, 1, 5, 5, 5, 5][..];
    let datagrams: Vec<(u16, u16, Vec<u8>, &str, &str)> = vec![
        (1, 4789, vxlan(0x123456, frame4), "VXLAN:123456", udp4),
        (1, 4789, vxlan(1, frame6), "VXLAN:1", tcp6),
        (1, 4789, vxlan(1, arp), "VXLAN:1", arp_line),
        (1, 8472, vxlan(2, frame4), "VXLAN:2", udp4),
        (1, 4789, with(&[0x88, 0, 1, 2, 0, 0, 3, 0], frame6), "VXLAN:3", tcp6),
        (1, 4789, with(&[0x0c, 0, 0, 0, 0, 0, 3, 0], frame4), "VXLAN:3", udp4),
        (1, 4789, with(&[0x0c, 0, 0, 3, 0, 0, 3, 0], frame4), "VXLAN:3", udp4),
        (1, 4789, with(&[0x88, 0x48, 1, 2, 0, 0, 3, 0], frame6), "VXLAN:3", tcp6),
        (1, 4789, with(&[0xff; 8], frame6), "VXLAN:ffffff", tcp6),
        (1, 4789, with(&[8, 0, 0, 1, 0, 0, 1, 1], arp), "VXLAN:1", arp_line),
        (1, 4790, with(&[0x0c, 0, 0, 1, 0, 0, 3, 0], i4), "VXLAN-GPE:3", udp4),
        (1, 4790, with(&[0x0c, 0, 0, 2, 0, 0, 3, 0], i6), "VXLAN-GPE:3", tcp6),
        (1, 4790, with(&[0x0c, 0, 0, 3, 0, 0, 3, 0], frame4), "VXLAN-GPE:3", udp4),
        (1, 4790, with(&[0x0c, 0, 0, 5, 0, 0, 3, 0], labels), "VXLAN-GPE:3", udp4),
        (1, 4790, vxlan(3, frame4), "VXLAN-GPE:3", udp4),
        (1, 6081, with(&[0, 0, 0x65, 0x58, 0, 0, 4, 0], frame6), "GENEVE:4", tcp6),
        (1, 6081, with(&[&[2, 0x40, 0x65, 0x58, 0, 0, 4, 0][..], option].concat(), frame4), "GENEVE:4", udp4),
        (1, 6081, with(&[0, 0, 8, 0, 0, 0, 4, 0], i4), "GENEVE:4", udp4),
        (1, 6081, with(&[0, 0, 0x86, 0xdd, 0, 0, 4, 0], i6), "GENEVE:4", tcp6),
        (1, 4790, with(&[0x0c, 0, 0, 4, 0, 0, 3, 0], &with(NSH, i4)), "VXLAN-GPE:3", udp4),
        (1, 6081, with(&[0, 0, 8, 6, 0, 0, 4, 0], ARP), "GENEVE:4", ARP_LINE),
        (1, 6081, with(&[0, 0, 0x89, 0x4f, 0, 0, 4, 0], &with(NSH, i4)), "GENEVE:4", udp4),
        (1, 6635, labels.to_vec(), "MPLS-in-UDP:0", udp4),
        (1, 4341, with(&[0x80, 1, 2, 3, 0, 0, 0, 1], i4), "LISP:0", udp4),
        (1, 4341, with(&[0xc8, 1, 2, 3, 0, 0, 9, 1], i6), "LISP:9", tcp6),
        (1, 4754, gre(0x2000, IPV4, &[0, 0, 1, 2], i4), "GRE-in-UDP:102", udp4),
        (1, 4754, gre(0, 0x6558, &[], frame4), "GRE-in-UDP:0", udp4),
        (1, 3544, i6.to_vec(), "Teredo:0", tcp6),
        (3544, 1, with(origin, i6), "Teredo:0", tcp6),
        (3544, 1, with(teredo_authentication, i6), "Teredo:0", tcp6),
        (1, 3544, with(&[teredo_authentication, origin].concat(), i6), "Teredo:0", tcp6),
        (1, 2152, gtp_u(0, &[], i4), "GTP-U:cafe0001", udp4),
        (2152, 1, gtp_u(0, &[], i6), "GTP-U:cafe0001", tcp6),
        (2152, 2152, gtp_u(2, &[0, 7, 0, 0], i4), "GTP-U:cafe0001", udp4),
        (2152, 2152, gtp_u(1, &[0, 7, 0, 0x85], i4), "GTP-U:cafe0001", udp4),
        (2152, 2152, gtp_u(4, &[0, 0, 0, 0x85, 1, 0x10, 9, 0], i4), "GTP-U:cafe0001", udp4),
        (
            2152,
            2152,
            gtp_u(7, &[0, 0, 0, 0x85, 1, 0, 9, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0], i6),
            "GTP-U:cafe0001",
            tcp6,
        ),
        (1701, 1701, l2tp(0, &[0, 5, 0, 6], &with(&[0xff, 3, 0, 0x21], i4)), "L2TP:50006", udp4),
        (1, 1701, l2tp(0, &[0, 5, 0, 6], &with(&[0x57], i6)), "L2TP:50006", tcp6),
        (1701, 1, l2tp(0x0900, &[0, 5, 0, 6, 0, 1, 0, 2], &with(&[0, 0x21], i4)), "L2TP:50006", udp4),
        (1, 1701, l2tp(0x4200, &[0, 49, 0, 5, 0, 6, 0, 3, 9, 9, 9], &with(&[0x21], i4)), "L2TP:50006", udp4),
    ];
    let mut cases = vec![
        (outer4(4, i4), "IP-in-IP:0", udp4),
        (outer6(41, i6), "IP-in-IP:0", tcp6),
        (outer4(41, i6), "6in4:0", tcp6),
        (outer6(4, i4), "4in6:0", udp4),
    ];
    for (protocol, payload, tunnel, content) in protocols {
        cases.push((outer4(protocol, &payload), tunnel, content));
        cases.push((outer6(protocol, &payload), tunnel, content));
    }
    for (source, destination, payload, tunnel, content) in datagrams {
        let datagram = udp_to(source, destination, &payload);
        cases.push((outer4(17, &datagram), tunnel, content));
        cases.push((outer6(17, &datagram), tunnel, content));
    }
    cases
}

fn on_ethernet(ip: &[u8]) -> Vec<u8> {
    ethernet(if ip[0] >> 4 == 4 { IPV4 } else { IPV6 }, ip)
}

/// Frames of all kinds, to be damaged; nested ones among them.
pub(super) fn frames() -> Vec<(u32, Vec<u8>)> {
    let mut frames = Vec::new();
    for (ip, ..) in cases() {
        frames.push((1, on_ethernet(&vxlan_in(&ip))));
        frames.push((1, on_ethernet(&outer4(4, &vxlan_in(&outer6(4, &outer4(4, &ip)))))));
        frames.push((1, on_ethernet(&ip)));
    }
    frames
}

fn vxlan_in(ip: &[u8]) -> Vec<u8> {
    outer4(17, &udp_to(1, 4789, &vxlan(5, &on_ethernet(ip))))
}

#[test]
fn enters_every_kind_of_tunnel() {
    for (ip, tunnel, content) in cases() {
        let frame = ethernet(0x8100, &tag(9, if ip[0] >> 4 == 4 { IPV4 } else { IPV6 }, &ip));
        let packet = decode(1, &frame);
        let (ethertype, rest) = content.split_once(' ').unwrap();
        let expected = format!("{ethertype} vlan[9] {tunnel} {rest}");
        assert_eq!(summary(&packet), expected);
        assert_sound(1, &frame);
        let outer = packet.outer_ip.unwrap();
        assert!(["172.16.0.1", "fd00::1"].contains(&outer.source.to_string().as_str()), "{expected}");
        assert_eq!((packet.link_length, outer.version), (18, ip[0] >> 4), "{expected}");
        assert_eq!(packet.network_offset == 0, packet.ip.is_none(), "{expected}");
        let kind = packet.tunnels()[0].kind;
        assert_eq!(kind.is_udp(), outer.protocol == 17, "{expected}");
        assert_eq!(packet.replacement.is_some(), kind == TunnelKind::Vxlan, "{expected}");
        if let Some((start, end)) = packet.replacement {
            assert_eq!((start, end as usize), (if outer.version == 4 { 54 } else { 74 }, frame.len()));
        }
        assert_eq!(decode_record(1, &frame, frame.len() as u32), packet);
        // Padding behind the outer packet is nobody's.
        let padded = with(&frame, &[0; 30]);
        assert_eq!(decode_record(1, &padded, padded.len() as u32), packet);
    }
}

#[test]
fn a_tunnel_that_is_cut_is_not_half_entered() {
    for (ip, tunnel, _) in cases() {
        let frame = on_ethernet(&ip);
        let whole = decode(1, &frame);
        let outer = whole.outer_ip.unwrap();
        let transport_offset = if outer.version == 4 { 34 } else { 54 };
        let mut entered = false;
        for length in transport_offset..frame.len() {
            let packet = decode(1, &frame[..length]);
            let what = format!("{tunnel}, {length} of {} bytes", frame.len());
            assert!(Faults::HEADER_CUT.contains(packet.faults), "{what}");
            assert!(!packet.is_complete(), "{what}");
            if packet.tunnels().is_empty() {
                assert!(!entered, "{what}");
                assert_eq!(
                    (packet.ip, packet.outer_ip, packet.replacement),
                    (Some(outer), None, None),
                    "{what}"
                );
                let header_length = if packet.transport == Transport::Udp { 8 } else { 0 };
                assert_eq!(
                    packet.payload,
                    frame[..length].get(transport_offset + header_length..).unwrap_or_default()
                );
                assert_eq!(packet.network_offset, 14, "{what}");
                match packet.transport {
                    Transport::Other(protocol) => assert_eq!(protocol, outer.protocol, "{what}"),
                    Transport::Udp => {
                        assert_ne!((packet.source_port, packet.destination_port), (0, 0), "{what}")
                    }
                    _ => assert!(outer.protocol == 17 && length < transport_offset + 4, "{what}"),
                }
            } else {
                entered = true;
                assert_eq!((packet.ip, packet.tunnels()), (whole.ip, whole.tunnels()), "{what}");
                if packet.transport != Transport::None {
                    assert!(whole.payload.starts_with(packet.payload), "{what}");
                }
            }
        }
        assert!(entered, "{tunnel}");
    }
}

#[test]
fn a_tunnel_around_a_broken_packet_is_not_entered() {
    for (ip, tunnel, content) in cases() {
        let frame = on_ethernet(&ip);
        let whole = decode(1, &frame);
        let at = whole.network_offset as usize;
        let (outer, protocol) = (whole.outer_ip.unwrap(), whole.outer_ip.unwrap().protocol);
        let damage: &[(usize, &[u8])] = match content {
            UDP4 => {
                &[(0, &[0x44]), (0, &[0x55]), (0, &[0x4f]), (2, &[0, 19]), (2, &[0, 36]), (2, &[0xff, 0xff])]
            }
            TCP6 => &[(0, &[0x50]), (4, &[0, 28]), (4, &[0xff, 0xff])],
            _ => &[],
        };
        for (offset, bytes) in damage {
            let packet_bytes = patched(frame.clone(), at + offset, bytes);
            let packet = decode(1, &packet_bytes);
            if packet.ethertype == ethertype::MPLS {
                // Beneath labels, another version is another protocol.
                continue;
            }
            let what = format!("{tunnel}, {bytes:02x?} at {offset}: {}", summary(&packet));
            assert_eq!(
                (packet.ip, packet.outer_ip, packet.tunnels()),
                (Some(outer), None, &[][..]),
                "{what}"
            );
            assert_eq!(packet.replacement, None, "{what}");
            let (transport, header_length) =
                if protocol == 17 { (Transport::Udp, 8) } else { (Transport::Other(protocol), 0) };
            assert_eq!(packet.transport, transport, "{what}");
            let start = 14 + (if outer.version == 4 { 20 } else { 40 }) + header_length;
            assert_eq!(packet.payload, &packet_bytes[start..], "{what}");
            // What only a port announces may as well be something else.
            let doubtful = ["GTP", "Ter", "L2T", "LIS", "MPL"].contains(&&tunnel[..3])
                || (*offset == 0 && bytes[0] >> 4 == 5 && packet.faults.is_empty());
            assert_eq!(packet.faults, if doubtful { Faults::default() } else { Faults::TUNNEL }, "{what}");
        }
    }
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    let (i4, i6) = (&inner4()[..], &inner6()[..]);
    let frame = &ethernet(IPV4, i4)[..];
    let cases: Vec<(&str, u16, u16, Vec<u8>)> = vec![
        ("VXLAN without identifier", 1, 4789, with(&[0, 0, 0, 0, 0, 0, 1, 0], frame)),
        ("VXLAN without identifier, all else set", 1, 4789, with(&[0xf7, 9, 9, 9, 9, 9, 9, 9], frame)),
        ("VXLAN, reserved, no frame that is known", 1, 4789, with(&[0x0c, 0, 0, 1, 0, 0, 1, 0], i4)),
        ("VXLAN, text", 1, 4789, b"INVITE sip:bob@example.com SIP/2.0\r\n".to_vec()),
        ("VXLAN of Linux, reserved", 1, 8472, with(&[8, 0, 0, 1, 0, 0, 1, 0], frame)),
        ("VXLAN of Linux, reserved at the end", 1, 8472, with(&[8, 0, 0, 0, 0, 0, 1, 1], frame)),
        ("VXLAN without frame", 1, 4789, vxlan(1, &frame[..13])),
        ("VXLAN with a length beyond", 1, 4789, vxlan(1, &ethernet(50, TEXT))),
        ("VXLAN from its port", 4789, 1, vxlan(1, frame)),
        ("VXLAN-GPE, version", 1, 4790, with(&[0x1c, 0, 0, 1, 0, 0, 3, 0], i4)),
        ("VXLAN-GPE, operations", 1, 4790, with(&[0x0d, 0, 0, 1, 0, 0, 3, 0], i4)),
        ("VXLAN-GPE, next protocol", 1, 4790, with(&[0x0c, 0, 0, 4, 0, 0, 3, 0], i4)),
        ("GENEVE, version", 1, 6081, with(&[0x40, 0, 8, 0, 0, 0, 4, 0], i4)),
        ("GENEVE, control", 1, 6081, with(&[0, 0x80, 8, 0, 0, 0, 4, 0], i4)),
        ("GENEVE, reserved", 1, 6081, with(&[0, 0, 8, 0, 0, 0, 4, 1], i4)),
        ("VXLAN-GPE, NSH, version", 1, 4790, with(&[0x0c, 0, 0, 4, 0, 0, 3, 0, 0x40], &NSH[1..])),
        ("MPLS-in-UDP, stack without end", 1, 6635, with(&[0, 1, 0, 64], i4)),
        ("MPLS-in-UDP, another protocol", 1, 6635, with(&[0, 1, 1, 64], &[0x50; 40])),
        ("MPLS-in-UDP, length beyond", 1, 6635, with(&[0, 1, 1, 64], &i4[..i4.len() - 1])),
        ("MPLS-in-UDP, no pseudowire", 1, 6635, with(&[0, 1, 1, 64], &[0; 40])),
        ("LISP, unassigned flags", 1, 4341, with(&[0x84, 1, 2, 3, 0, 0, 0, 1], i4)),
        ("LISP, length beyond", 1, 4341, with(&[0x80, 1, 2, 3, 0, 0, 0, 1], &i4[..i4.len() - 1])),
        ("MPLS-in-UDP from its port", 6635, 1, with(&[0, 1, 1, 64], i4)),
        ("GENEVE, ARP cut", 1, 6081, with(&[0, 0, 8, 6, 0, 0, 4, 0], &ARP[..27])),
        ("GENEVE, protocol type", 1, 6081, with(&[0, 0, 8, 6, 0, 0, 4, 0], i4)),
        ("GENEVE, options beyond", 1, 6081, vec![1, 0, 8, 0, 0, 0, 4, 0]),
        ("GENEVE, option beyond", 1, 6081, with(&[1, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0, 1], i4)),
        ("GRE-in-UDP, routing", 1, 4754, gre(0x4000, IPV4, &[0; 8], i4)),
        ("GRE-in-UDP, protocol type", 1, 4754, gre(0, 0x1234, &[], i4)),
        ("Teredo with IPv4", 1, 3544, i4.to_vec()),
        ("Teredo, length", 1, 3544, with(i6, &[0])),
        ("Teredo, indication", 1, 3544, with(&[0, 2, 0, 0, 0, 0, 0, 0], i6)),
        ("GTP-U, version", 1, 2152, patched(gtp_u(0, &[], i4), 0, &[0x50])),
        ("GTP-U, protocol type", 1, 2152, patched(gtp_u(0, &[], i4), 0, &[0x20])),
        ("GTP-U, spare", 1, 2152, patched(gtp_u(0, &[], i4), 0, &[0x38])),
        ("GTP-U echo", 1, 2152, vec![0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]),
        ("GTP-U, length", 1, 2152, with(&gtp_u(0, &[], i4), &[0])),
        ("GTP-U, empty extension header", 1, 2152, gtp_u(4, &[0, 0, 0, 0x85, 0, 0, 0, 0], i4)),
        ("GTP-U, extension header beyond", 1, 2152, gtp_u(4, &[0, 0, 0, 0x85, 0xff], i4)),
        ("GTP-U with Ethernet", 1, 2152, gtp_u(0, &[], frame)),
        ("L2TP control", 1701, 1701, l2tp(0xc800, &[0, 12, 0, 0, 0, 0, 0, 0, 0, 0], &[])),
        ("L2TP, version 3", 1701, 1701, with(&[0, 3, 0, 0, 0, 0, 0, 1], i4)),
        ("L2TP, reserved", 1, 1701, l2tp(0x0010, &[0, 5, 0, 6], &with(&[0x21], i4))),
        ("L2TP, length beyond", 1, 1701, l2tp(0x4000, &[9, 9, 0, 5, 0, 6], &with(&[0x21], i4))),
        ("L2TP, length within", 1, 1701, l2tp(0x4000, &[0, 20, 0, 5, 0, 6], &with(&[0x21], i4))),
        ("L2TP, LCP", 1, 1701, l2tp(0, &[0, 5, 0, 6], &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4])),
        ("L2TP, wrong version", 1, 1701, l2tp(0, &[0, 5, 0, 6], &with(&[0x57], i4))),
        ("an ordinary port", 1, 5000, vxlan(1, frame)),
        ("no port", 0, 0, vxlan(1, frame)),
    ];
    for (name, source, destination, payload) in cases {
        let bytes = on_ethernet(&outer4(17, &udp_to(source, destination, &payload)));
        let packet = decode(1, &bytes);
        assert_eq!((packet.transport, packet.faults), (Transport::Udp, Faults::default()), "{name}");
        assert_eq!((packet.source_port, packet.destination_port), (source, destination), "{name}");
        assert_eq!((packet.payload, packet.tunnels()), (&payload[..], &[][..]), "{name}");
    }
    // A datagram that is wrong itself is no tunnel, either.
    let short = patched(udp_to(1, 4789, &vxlan(1, frame)), 4, &[0, 0]);
    let bytes = on_ethernet(&outer4(17, &short));
    assert_eq!((decode(1, &bytes).tunnels(), decode(1, &bytes).faults), (&[][..], Faults::UDP_LENGTH));
}

#[test]
fn what_no_tunnel_header_explains_stays_with_its_protocol() {
    let i4 = &inner4()[..];
    let cases: Vec<(&str, u8, Vec<u8>)> = vec![
        ("GRE, version 2", 47, gre(2, IPV4, &[], i4)),
        ("GRE, protocol type", 47, gre(0, 0x2001, &[], i4)),
        ("GRE, empty", 47, Vec::new()),
        ("GRE, key beyond", 47, gre(0x2000, IPV4, &[1], &[])),
        ("GRE, routes beyond", 47, gre(0x4000, IPV4, &[0, 0, 0, 0, 8, 0, 0, 255], &[])),
        ("ERSPAN, version", 47, gre(0x1000, 0x88be, &[0; 4], &[0; 40])),
        (
            "ERSPAN III, frame type",
            47,
            gre(0x1000, 0x22eb, &[0; 4], &with(&[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0], i4)),
        ),
        ("PPTP, acknowledgment", 47, vec![0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 1]),
        ("PPTP, LCP", 47, pptp(0, &[0; 4], &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4])),
        ("PPTP, length beyond", 47, patched(pptp(0, &[0; 4], &with(&[0x21], i4)), 4, &[9, 9])),
        ("Ethernet in IP, unknown type", 143, [0x77; 30].to_vec()),
        (
            "GRE, metadata of something else",
            47,
            gre(0, 0x8909, &[], &with(&[0x12, 0x34, 1, 1, 0, 1, 0, 9], i4)),
        ),
        ("GRE, ARP of something else", 47, gre(0, 0x0806, &[], &patched(ARP.to_vec(), 1, &[6]))),
        ("Ethernet in IP, length beyond", 143, ethernet(50, TEXT)),
        ("EtherIP, version", 97, with(&[0x40, 0], &ethernet(IPV4, i4))),
    ];
    for (name, protocol, payload) in cases {
        let bytes = on_ethernet(&outer4(protocol, &payload));
        let packet = decode(1, &bytes);
        assert_eq!(
            (packet.transport, packet.faults),
            (Transport::Other(protocol), Faults::default()),
            "{name}"
        );
        assert_eq!((packet.payload, packet.tunnels()), (&payload[..], &[][..]), "{name}");
    }
    // Nothing can be in an IP packet that has no room for IP.
    let packet = on_ethernet(&outer4(4, &i4[..19]));
    assert_eq!(
        (decode(1, &packet).transport, decode(1, &packet).faults),
        (Transport::Other(4), Faults::TUNNEL)
    );
}

#[test]
fn nothing_of_the_outer_packet_shows_on_the_inner_one() {
    let icmp = ipv4(1, TEXT);
    let frame = on_ethernet(&vxlan_in(&icmp));
    let packet = decode(1, &frame);
    assert_eq!(summary(&packet), "0800 VXLAN:5 10.0.0.1>192.168.200.33 1 other 1 'payload'");
    assert_eq!((packet.source_port, packet.destination_port), (0, 0));
    // A fragment within, whole outside.
    let fragment = ipv4_with(&[], 0x2001, 17, TEXT);
    let frame = on_ethernet(&vxlan_in(&fragment));
    let packet = decode(1, &frame);
    assert_eq!(packet.fragment, Fragment::Later { identification: 0x1234, offset: 8 });
    assert_eq!((packet.transport, packet.payload), (Transport::None, TEXT));
    // The other way about, the datagram has to be put together before the tunnel is read.
    for flags in [0x2000, 1] {
        let cut = patched(outer4(47, &gre(0, IPV4, &[], &inner4())), 6, &u16::to_be_bytes(flags));
        let frame = on_ethernet(&cut);
        let packet = decode(1, &frame);
        assert!(packet.tunnels().is_empty() && packet.fragment != Fragment::None);
        assert_eq!(packet.payload, &cut[20..]);
    }
}

#[test]
fn tunnels_nest_to_a_bound() {
    let mut ip = inner4();
    for depth in 1..=MOST_TUNNELS + 2 {
        ip = outer4(47, &gre(0x2000, IPV4, &[0, 0, 0, depth as u8], &ip));
        let frame = on_ethernet(&ip);
        let packet = decode(1, &frame);
        let ids: Vec<u32> = packet.tunnels().iter().map(|tunnel| tunnel.id).collect();
        let expected: Vec<u32> = (1..=depth as u32).rev().take(MOST_TUNNELS).collect();
        assert_eq!(ids, expected);
        if depth <= MOST_TUNNELS {
            assert_eq!(
                (packet.transport, packet.payload, packet.faults),
                (Transport::Udp, TEXT, Faults::default())
            );
        } else {
            assert_eq!((packet.transport, packet.faults), (Transport::Other(47), Faults::TOO_DEEP));
            assert_eq!(packet.ip.unwrap().source.to_string(), "172.16.0.1");
        }
    }
    // The largest that is read: VLAN tags, and four tunnels with Ethernet.
    let mut ip = inner6();
    for _ in 0..MOST_TUNNELS {
        ip = vxlan_in(&ip);
    }
    let frame = ethernet(0x88a8, &tag(1, 0x8100, &tag(2, IPV4, &ip)));
    let packet = decode(1, &frame);
    assert_eq!(
        (packet.tunnels().len(), packet.transport, packet.faults),
        (4, Transport::Tcp, Faults::default())
    );
    assert_eq!((packet.vlans(), packet.replacement), (&[1, 2][..], Some((14 + 8 + 36, frame.len() as u32))));
    assert_sound(1, &frame);
    // One more stays UDP, with the four above.
    let frame = on_ethernet(&vxlan_in(&ip));
    let packet = decode(1, &frame);
    assert_eq!((packet.tunnels().len(), packet.transport), (4, Transport::Udp));
    assert_eq!((packet.destination_port, packet.faults), (4789, Faults::TOO_DEEP));
    // Nor do tags without end break the bound, and the tunnel is then not entered.
    let mut tags = inner4();
    for _ in 0..40 {
        tags = tag(1, 0x8100, &tags);
    }
    let frame = on_ethernet(&outer4(17, &udp_to(1, 4789, &vxlan(5, &ethernet(0x8100, &tags)))));
    let packet = decode(1, &frame);
    assert_eq!((packet.destination_port, packet.faults), (4789, Faults::TOO_DEEP));
    // Only an outermost VXLAN is replaced.
    let frame = on_ethernet(&outer4(47, &gre(0, IPV4, &[], &vxlan_in(&inner4()))));
    let packet = decode(1, &frame);
    assert_eq!((packet.tunnels().len(), packet.replacement), (2, None));
    // A broken packet in the inner tunnel costs that tunnel only.
    let frame = on_ethernet(&vxlan_in(&outer4(47, &gre(0, IPV4, &[], &[0x44; 40]))));
    let packet = decode(1, &frame);
    assert_eq!((packet.tunnels().len(), packet.transport), (1, Transport::Other(47)));
    assert_eq!((packet.faults, packet.replacement.is_some()), (Faults::TUNNEL, true));
}

#[test]
fn a_pseudowire_in_udp_is_read() {
    let frame = ethernet(IPV6, &inner6());
    for control_word in [&[0, 0, 0, 7][..], &[]] {
        let labelled = [&[0, 1, 1, 64][..], control_word, &patched(frame.clone(), 0, &[0])].concat();
        let frame = on_ethernet(&outer4(17, &udp_to(1, 6635, &labelled)));
        assert_eq!(summary(&decode(1, &frame)), TCP6.replacen("86dd", "86dd MPLS-in-UDP:0", 1));
    }
}

#[test]
fn names_are_unlike_each_other() {
    let mut names: Vec<&str> =
        cases().iter().map(|(_, tunnel, _)| tunnel.split(':').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 17, "{names:?}");
}

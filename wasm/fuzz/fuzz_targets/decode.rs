//! Bytes as a frame. The first byte chooses the link type, the second one how long the frame was on the line.
//!
//! Whatever the frame is, what is told of it lies in it, where it is said to lie, and is consistent in itself.
#![no_main]

mod input;

use caracal_engine::net::{
    Address, Fragment, IpHeader, MOST_TUNNELS, MOST_VLANS, Packet, Transport, TunnelKind, decode,
    decode_record, link_type, link_type_is_known,
};
use input::Input;
use libfuzzer_sys::fuzz_target;

const LINK_TYPES: [u32; 20] = [
    link_type::ETHERNET,
    link_type::NULL,
    link_type::PPP,
    link_type::FDDI,
    link_type::DLT_RAW,
    link_type::DLT_RAW_OPENBSD,
    link_type::PPP_HDLC,
    link_type::PPP_ETHER,
    link_type::RAW,
    link_type::C_HDLC,
    link_type::IEEE802_11,
    link_type::LOOP,
    link_type::LINUX_SLL,
    link_type::PFLOG,
    link_type::IEEE802_11_PRISM,
    link_type::IEEE802_11_RADIOTAP,
    link_type::NFLOG,
    link_type::LINUX_SLL2,
    link_type::PKTAP,
    link_type::USER2,
];

/// What begins with a capture header.
const BEHIND_HEADERS: [u32; 8] = [
    link_type::ENC,
    link_type::JUNIPER_ETHER,
    link_type::JUNIPER_FRELAY,
    link_type::PPI,
    link_type::PPP_WITH_DIR,
    link_type::IPNET,
    link_type::ETHERNET_MPACKET,
    link_type::DSA_TAG_BRCM_PREPEND,
];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let link_type = match usize::from(input.u8()) {
        choice if choice < 216 => LINK_TYPES[choice % LINK_TYPES.len()],
        216..=225 => link_type::IPV4,
        226..=235 => link_type::IPV6,
        choice @ 236..=251 => BEHIND_HEADERS[choice % BEHIND_HEADERS.len()],
        _ => input.u32(),
    };
    let choice = input.u8();
    let frame = input.rest();
    let original_length = match choice & 3 {
        0 => u32::MAX,
        1 => frame.len() as u32,
        2 => frame.len() as u32 + u32::from(choice >> 2),
        _ => frame.len() as u32 / 2,
    };
    let packet = decode_record(link_type, frame, original_length);
    check(&packet, frame);
    assert_eq!(packet, decode_record(link_type, frame, original_length), "another answer the second time");
    if !link_type_is_known(link_type) {
        assert_eq!(packet, Packet::unread(frame), "layers of an unknown link");
    }
    // A capture that ends earlier shows the same headers, or fewer.
    let length = frame.len() * usize::from(choice >> 2) / 64;
    check(&decode_record(link_type, &frame[..length], original_length), &frame[..length]);
});

fn check(packet: &Packet, frame: &[u8]) {
    let at = packet.payload_offset as usize;
    assert_eq!(frame.get(at..at + packet.payload.len()), Some(packet.payload), "the payload is elsewhere");
    assert!(packet.payload.is_empty() || packet.payload.as_ptr() == frame[at..].as_ptr());
    assert!(packet.payload.len() as u64 <= u64::from(packet.payload_length), "more than its length");
    assert_eq!(packet.is_complete(), packet.payload.len() as u64 == u64::from(packet.payload_length));

    assert!(packet.vlans().len() <= MOST_VLANS && packet.vlans().iter().all(|id| *id < 4096));
    assert!(packet.tunnels().len() <= MOST_TUNNELS);
    assert_eq!(packet.outer_ip.is_some(), !packet.tunnels().is_empty());
    assert!(packet.link_length <= packet.network_offset || packet.ip.is_none());
    match packet.ip {
        Some(ip) => check_ip(&ip, frame, packet.network_offset),
        None => {
            assert_eq!(packet.transport, Transport::None, "a transport without IP");
            assert_eq!(packet.fragment, Fragment::None, "a fragment without IP");
            assert_eq!(packet.network_offset, 0);
        }
    }
    if let Some(ip) = packet.outer_ip {
        check_ip(&ip, frame, packet.link_length);
        assert!(packet.link_length < at as u32);
    }
    if packet.ip.is_some() {
        assert!((packet.network_offset as usize) < at);
    }

    let has_ports = matches!(packet.transport, Transport::Udp | Transport::Tcp | Transport::Sctp);
    assert!(has_ports || (packet.source_port, packet.destination_port) == (0, 0), "ports of nothing");
    let tcp = (packet.tcp_flags, packet.tcp_sequence, packet.tcp_acknowledgment, packet.tcp_window);
    assert!(packet.transport == Transport::Tcp || tcp == (0, 0, 0, 0), "TCP fields of another protocol");
    if let Fragment::Later { offset, .. } = packet.fragment {
        assert_eq!(packet.transport, Transport::None, "a transport header in a later fragment");
        assert!(offset > 0 && offset % 8 == 0);
    }
    if let Some((start, end)) = packet.replacement {
        assert_eq!(packet.tunnels().first().map(|tunnel| tunnel.kind), Some(TunnelKind::Vxlan));
        let inner = decode(link_type::ETHERNET, &frame[start as usize..end as usize]);
        let deepest = packet.tunnels().len() == MOST_TUNNELS;
        let sound = packet.is_complete() && packet.faults.is_empty();
        // A frame that the capture cuts does not know on its own that it is longer.
        if sound && !deepest && has_all_of_outer_ip(packet, frame) {
            assert_eq!(
                (inner.ip, inner.transport, inner.payload, inner.tunnels()),
                (packet.ip, packet.transport, packet.payload, &packet.tunnels()[1..]),
                "the frame in the tunnel is another one on its own"
            );
        }
    }
}

/// Whether the outermost IP packet, by its header, ends in the frame.
fn has_all_of_outer_ip(packet: &Packet, frame: &[u8]) -> bool {
    let Some(ip) = packet.outer_ip else {
        return false;
    };
    let header = &frame[packet.link_length as usize..];
    let length_at = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let length = if ip.version == 4 { length_at(2) } else { 40 + length_at(4) };
    length <= header.len()
}

/// What is told of an IP header is what the bytes there say.
fn check_ip(ip: &IpHeader, frame: &[u8], offset: u32) {
    let header = &frame[offset as usize..];
    assert_eq!(header[0] >> 4, ip.version);
    let addresses = match ip.version {
        4 => [12, 16].map(|at| Address::v4(*header[at..].first_chunk().expect("an address"))),
        _ => [8, 24].map(|at| Address::v6(*header[at..].first_chunk().expect("an address"))),
    };
    assert_eq!([ip.source, ip.destination], addresses);
}

//! `PacketMetadata` and `DNSMetadata` (`proto/data.proto`) from what the engine found in a packet.

use super::json::put_decimal;
use super::protobuf::{put_bool, put_bytes, put_double, put_nested, put_uint};
use crate::dns::message::Message;
use crate::dns::{Verdict, mnemonic};
use crate::net::{Packet, Transport};

/// What the engine found in one packet.
pub struct Metadata<'a> {
    /// Its layers.
    pub packet: &'a Packet<'a>,
    /// Its first DNS message, if it has any.
    pub dns: Option<(&'a Message, &'a Verdict)>,
    /// DNS messages in it.
    pub messages: usize,
    /// Info text of its DNS messages. UTF-8.
    pub info: &'a [u8],
}

/// Appends the fields of a `PacketMetadata`.
pub fn put_metadata(out: &mut Vec<u8>, metadata: &Metadata) {
    let packet = metadata.packet;
    let protocol = match metadata.dns {
        Some(_) => dns_protocol_name(packet.source_port, packet.destination_port),
        None => protocol_name(packet),
    };
    put_bytes(out, 1, protocol.as_bytes());
    if let Some(ip) = &packet.ip {
        put_nested(out, 2, |out| ip.source.write_text(out));
        put_nested(out, 3, |out| ip.destination.write_text(out));
    }
    put_uint(out, 4, u64::from(packet.source_port));
    put_uint(out, 5, u64::from(packet.destination_port));
    match packet.transport {
        Transport::Udp => put_bytes(out, 6, b"UDP"),
        Transport::Tcp => put_bytes(out, 6, b"TCP"),
        _ => {}
    }
    if metadata.dns.is_some() {
        put_bytes(out, 9, metadata.info);
    } else if packet.transport == Transport::Tcp {
        put_nested(out, 9, |out| put_tcp_info(out, packet));
    }
    if metadata.messages > 1 {
        put_nested(out, 10, |out| {
            put_bytes(out, 1, b"dns.messages");
            put_nested(out, 2, |out| put_decimal(out, metadata.messages as u64));
        });
    }
    if let Some((message, verdict)) = metadata.dns {
        put_nested(out, 12, |out| put_dns(out, message, verdict));
    }
}

/// Appends the fields of a `DNSMetadata`.
fn put_dns(out: &mut Vec<u8>, message: &Message, verdict: &Verdict) {
    let header = message.header();
    put_uint(out, 1, u64::from(header.id));
    put_bool(out, 2, header.is_response());
    put_bytes(out, 3, mnemonic::opcode(header.opcode()).as_bytes());
    put_bytes(out, 4, mnemonic::rcode(message.rcode()).as_bytes());
    put_bool(out, 5, header.authoritative());
    put_bool(out, 6, header.truncated());
    put_bool(out, 7, header.recursion_desired());
    put_bool(out, 8, header.recursion_available());
    put_bool(out, 9, header.authenticated_data());
    put_bool(out, 10, header.checking_disabled());
    put_uint(out, 11, u64::from(header.question_count));
    put_uint(out, 12, u64::from(header.answer_count));
    put_uint(out, 13, u64::from(header.authority_count));
    put_uint(out, 14, u64::from(header.additional_count));
    if let Some(question) = message.question() {
        put_bytes(out, 15, message.text(question.name));
        put_bytes(out, 16, mnemonic::rr_type(question.rr_type).as_bytes());
        put_bytes(out, 17, mnemonic::class(question.class).as_bytes());
    }
    for answer in message.answers() {
        put_nested(out, 18, |out| {
            put_bytes(out, 1, message.text(answer.name));
            put_bytes(out, 2, mnemonic::rr_type(answer.rr_type).as_bytes());
            put_bytes(out, 3, mnemonic::class(answer.class).as_bytes());
            put_uint(out, 4, u64::from(answer.ttl));
            put_bytes(out, 5, message.text(answer.data));
        });
    }
    put_uint(out, 19, verdict.query_response_time_ms as u64);
    put_bool(out, 20, verdict.correlated_query);
    put_double(out, 21, verdict.tunneling_score);
    put_double(out, 22, verdict.entropy_score);
}

/// The three protocols that speak in DNS messages: RFC 1035, RFC 6762 (port 5353), RFC 4795 (port 5355).
fn dns_protocol_name(source_port: u16, destination_port: u16) -> &'static str {
    match (source_port, destination_port) {
        (5353, _) | (_, 5353) => "mDNS",
        (5355, _) | (_, 5355) => "LLMNR",
        _ => "DNS",
    }
}

/// The innermost layer that was recognised.
fn protocol_name(packet: &Packet) -> &'static str {
    match (packet.transport, &packet.ip) {
        (Transport::Udp, _) => "UDP",
        (Transport::Tcp, _) => "TCP",
        // IANA protocol numbers.
        (_, Some(ip)) => match ip.protocol {
            1 => "ICMP",
            2 => "IGMP",
            4 | 41 => "IP-in-IP",
            6 => "TCP",
            17 => "UDP",
            47 => "GRE",
            50 => "ESP",
            51 => "AH",
            58 => "ICMPv6",
            89 => "OSPF",
            103 => "PIM",
            112 => "VRRP",
            115 => "L2TP",
            132 => "SCTP",
            136 => "UDP-Lite",
            _ if ip.version == 4 => "IPv4",
            _ => "IPv6",
        },
        // IEEE 802 numbers.
        (_, None) => match packet.ethertype {
            0x0800 => "IPv4",
            0x0806 => "ARP",
            0x8035 => "RARP",
            0x86dd => "IPv6",
            0x8847 | 0x8848 => "MPLS",
            0x8863 | 0x8864 => "PPPoE",
            0x888e => "802.1X",
            0x88cc => "LLDP",
            0x88f7 => "PTP",
            _ => "",
        },
    }
}

/// `SYN, ACK seq 17 len 0`: the flags by their RFC 9293 names.
fn put_tcp_info(out: &mut Vec<u8>, packet: &Packet) {
    let start = out.len();
    for (bit, name) in [
        (0x02, "SYN"),
        (0x10, "ACK"),
        (0x08, "PSH"),
        (0x01, "FIN"),
        (0x04, "RST"),
        (0x20, "URG"),
        (0x40, "ECE"),
        (0x80, "CWR"),
    ] {
        if packet.tcp_flags & bit != 0 {
            if out.len() > start {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
    if out.len() > start {
        out.push(b' ');
    }
    out.extend_from_slice(b"seq ");
    put_decimal(out, u64::from(packet.tcp_sequence));
    out.extend_from_slice(b" len ");
    put_decimal(out, packet.payload.len() as u64);
}

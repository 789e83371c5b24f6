//! `PacketMetadata` and `DNSMetadata` (`proto/data.proto`) from what the engine found in a packet.

use super::encoder::Encoder;
use super::json::put_decimal;
use super::schema::{dns_answer, dns_metadata as dns, packet_metadata as field};
use super::schema::{rtp_metadata as rtp_field, sip_metadata as sip_field};
use super::sip_metadata;
use crate::detect::Facts;
use crate::dns::message::Message;
use crate::dns::{Verdict, mnemonic};
use crate::net::{Packet, Transport};
use crate::{rtp, sip};

/// What the engine found in one packet.
pub struct Metadata<'a> {
    /// Its layers.
    pub packet: &'a Packet<'a>,
    /// Name of the protocol that it carries; `None` leaves its innermost layer.
    pub protocol: Option<&'static str>,
    /// Its first DNS message, if it has any.
    pub dns: Option<(&'a Message, &'a Verdict)>,
    /// Call-ID of the call that it belongs to, where it is no message itself; else empty.
    pub call_id: &'a [u8],
    /// The SIP message that it is.
    pub message: Option<&'a sip::message::Message<'a>>,
    /// Its RTP header.
    pub rtp: Option<&'a rtp::packet::Header>,
    /// Info text, if there is more to say than its layers do, and details.
    pub facts: &'a Facts,
}

impl Metadata<'_> {
    /// Whether a `PacketMetadata` of it most likely takes 128 bytes or more.
    #[inline]
    pub fn is_long(&self) -> bool {
        self.message.is_some() || self.dns.is_some()
    }
}

/// Encodes a `PacketMetadata`.
pub fn encode<E: Encoder>(encoder: &mut E, metadata: &Metadata) {
    let packet = metadata.packet;
    let protocol = metadata.protocol.unwrap_or_else(|| layer_name(packet));
    encoder.text(&field::PROTOCOL, protocol.as_bytes());
    if let Some(ip) = &packet.ip {
        encoder.plain_text(&field::SRC_IP, |out| ip.source.write_text(out));
        encoder.plain_text(&field::DST_IP, |out| ip.destination.write_text(out));
    }
    encoder.unsigned(&field::SRC_PORT, u64::from(packet.source_port));
    encoder.unsigned(&field::DST_PORT, u64::from(packet.destination_port));
    match packet.transport {
        Transport::Udp => encoder.text(&field::TRANSPORT, b"UDP"),
        Transport::Tcp => encoder.text(&field::TRANSPORT, b"TCP"),
        Transport::Sctp => encoder.text(&field::TRANSPORT, b"SCTP"),
        _ => {}
    }
    if let Some(message) = metadata.message {
        encoder.long_message(&field::SIP, |encoder| sip_metadata::encode(encoder, message));
    } else if !metadata.call_id.is_empty() {
        encoder.message(&field::SIP, |encoder| encoder.text(&sip_field::CALL_ID, metadata.call_id));
    }
    if let Some(header) = metadata.rtp {
        encoder.message(&field::RTP, |encoder| encode_rtp(encoder, header));
    }
    if !metadata.facts.info().is_empty() {
        encoder.text(&field::INFO, metadata.facts.info());
    } else if packet.transport == Transport::Tcp {
        encoder.plain_text(&field::INFO, |out| put_tcp_info(out, packet));
    }
    encoder.map(&field::DETAILS, metadata.facts.entries());
    if let Some((message, verdict)) = metadata.dns {
        encoder.message(&field::DNS, |encoder| encode_dns(encoder, message, verdict));
    }
}

/// Encodes an `RTPMetadata`.
#[inline(never)]
fn encode_rtp<E: Encoder>(encoder: &mut E, header: &rtp::packet::Header) {
    encoder.unsigned(&rtp_field::SSRC, u64::from(header.ssrc));
    encoder.unsigned(&rtp_field::PAYLOAD_TYPE, u64::from(header.payload_type));
    encoder.unsigned(&rtp_field::SEQUENCE, u64::from(header.sequence));
    encoder.unsigned(&rtp_field::TIMESTAMP, u64::from(header.timestamp));
}

/// Encodes a `DNSMetadata`.
#[inline(never)]
fn encode_dns<E: Encoder>(encoder: &mut E, message: &Message, verdict: &Verdict) {
    let header = message.header();
    encoder.unsigned(&dns::TRANSACTION_ID, u64::from(header.id));
    encoder.boolean(&dns::IS_RESPONSE, header.is_response());
    encoder.text(&dns::OPCODE, mnemonic::opcode(header.opcode()).as_bytes());
    encoder.text(&dns::RESPONSE_CODE, mnemonic::rcode(message.rcode()).as_bytes());
    encoder.boolean(&dns::AUTHORITATIVE, header.authoritative());
    encoder.boolean(&dns::TRUNCATED, header.truncated());
    encoder.boolean(&dns::RECURSION_DESIRED, header.recursion_desired());
    encoder.boolean(&dns::RECURSION_AVAILABLE, header.recursion_available());
    encoder.boolean(&dns::AUTHENTICATED_DATA, header.authenticated_data());
    encoder.boolean(&dns::CHECKING_DISABLED, header.checking_disabled());
    encoder.unsigned(&dns::QUESTION_COUNT, u64::from(header.question_count));
    encoder.unsigned(&dns::ANSWER_COUNT, u64::from(header.answer_count));
    encoder.unsigned(&dns::AUTHORITY_COUNT, u64::from(header.authority_count));
    encoder.unsigned(&dns::ADDITIONAL_COUNT, u64::from(header.additional_count));
    let question = message.question();
    encoder.text(&dns::QUERY_NAME, question.map_or(b"", |question| message.text(question.name)));
    encoder.text(
        &dns::QUERY_TYPE,
        question
            .map(|question| mnemonic::rr_type(question.rr_type))
            .as_ref()
            .map_or(b"", |name| name.as_bytes()),
    );
    encoder.text(
        &dns::QUERY_CLASS,
        question.map(|question| mnemonic::class(question.class)).as_ref().map_or(b"", |name| name.as_bytes()),
    );
    encoder.messages(&dns::ANSWERS, message.answers().iter(), |encoder, answer| {
        encoder.text(&dns_answer::NAME, message.text(answer.name));
        encoder.text(&dns_answer::TYPE, mnemonic::rr_type(answer.rr_type).as_bytes());
        encoder.text(&dns_answer::CLASS, mnemonic::class(answer.class).as_bytes());
        encoder.unsigned(&dns_answer::TTL, u64::from(answer.ttl));
        encoder.text(&dns_answer::DATA, message.text(answer.data));
    });
    encoder.signed(&dns::QUERY_RESPONSE_TIME_MS, verdict.query_response_time_ms);
    encoder.boolean(&dns::CORRELATED_QUERY, verdict.correlated_query);
    encoder.double(&dns::TUNNELING_SCORE, verdict.tunneling_score);
    encoder.double(&dns::ENTROPY_SCORE, verdict.entropy_score);
}

/// The three protocols that speak in DNS messages: RFC 1035, RFC 6762 (port 5353), RFC 4795 (port 5355).
pub fn dns_protocol_name(source_port: u16, destination_port: u16) -> &'static str {
    match (source_port, destination_port) {
        (5353, _) | (_, 5353) => "mDNS",
        (5355, _) | (_, 5355) => "LLMNR",
        _ => "DNS",
    }
}

/// Name of the innermost layer that was decoded; empty where there is none.
pub fn layer_name(packet: &Packet) -> &'static str {
    match (packet.transport, &packet.ip) {
        (Transport::Udp, _) => "UDP",
        (Transport::Tcp, _) => "TCP",
        (Transport::Sctp, _) => "SCTP",
        (_, Some(ip)) => {
            ip_protocol_name(ip.protocol).unwrap_or(if ip.version == 4 { "IPv4" } else { "IPv6" })
        }
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

/// Name of an IP protocol (IANA numbers).
pub fn ip_protocol_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        1 => "ICMP",
        2 => "IGMP",
        4 | 41 => "IP-in-IP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        88 => "EIGRP",
        89 => "OSPF",
        97 => "EtherIP",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        136 => "UDP-Lite",
        _ => return None,
    })
}

/// `SYN, ACK seq 17 len 0`: the flags by their RFC 9293 names.
#[inline(never)]
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

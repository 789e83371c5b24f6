//! The layers of a frame, from the link to the transport, one file per layer.
//!
//! Decoding borrows the frame, allocates nothing and never panics. A packet is judged by what it says: checksums are
//! not verified, and a length field that lies is resolved by what was captured, and flagged in [`Faults`].

mod address;
pub mod bpf;
#[cfg(test)]
mod bpf_tests;
pub mod cooked;
mod ethernet;
mod extension;
mod ipv4;
mod ipv6;
mod loopback;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod vlan;

pub use address::Address;
pub use tcp::flags as tcp_flag;

use std::ops::{BitOr, BitOrAssign};

/// LINKTYPE_ and DLT_ numbers that [`decode`] knows.
pub mod link_type {
    /// BSD loopback: family in the byte order of the capturing machine.
    pub const NULL: u32 = 0;
    /// Ethernet.
    pub const ETHERNET: u32 = 1;
    /// Raw IP, as some systems number it.
    pub const DLT_RAW: u32 = 12;
    /// Raw IP, as OpenBSD numbers it.
    pub const DLT_RAW_OPENBSD: u32 = 14;
    /// Raw IP, version 4 or 6.
    pub const RAW: u32 = 101;
    /// OpenBSD loopback: family in network byte order.
    pub const LOOP: u32 = 108;
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: u32 = 113;
    /// Raw IPv4.
    pub const IPV4: u32 = 228;
    /// Raw IPv6.
    pub const IPV6: u32 = 229;
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: u32 = 276;
}

/// EtherTypes that [`decode`] knows (IANA).
pub mod ethertype {
    /// Values below this are no EtherTypes but lengths (IEEE 802.3).
    pub const LEAST: u16 = 1536;
    /// Internet Protocol version 4.
    pub const IPV4: u16 = 0x0800;
    /// Customer VLAN tag, IEEE 802.1Q.
    pub const VLAN: u16 = 0x8100;
    /// Internet Protocol version 6.
    pub const IPV6: u16 = 0x86dd;
    /// Service VLAN tag, IEEE 802.1ad.
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// Outer VLAN tag before IEEE 802.1ad.
    pub const OUTER_VLAN: u16 = 0x9100;
}

/// IP protocol numbers that [`decode`] knows (IANA).
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// Transmission Control Protocol.
    pub const TCP: u8 = 6;
    /// User Datagram Protocol.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication Header.
    pub const AUTHENTICATION: u8 = 51;
    /// No next header.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// IPv6 mobility header.
    pub const MOBILITY: u8 = 135;
    /// Host Identity Protocol.
    pub const HOST_IDENTITY: u8 = 139;
    /// Shim6.
    pub const SHIM6: u8 = 140;
}

/// Most headers that are read in one frame, from the link header on; [`Faults::TOO_DEEP`] marks a frame with more.
const MOST_LAYERS: usize = 16;
/// Most VLAN tags of a frame whose ids are kept; the tags beneath are read, their ids are not kept.
pub const MOST_VLANS: usize = 4;

/// The layers of one frame, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What follows the last header that was read (for UDP and TCP the transport payload), as far as the length fields
    /// and the capture allow.
    pub payload: &'a [u8],
    /// Length of the payload in bytes as the length fields have it; more than `payload.len()` where the capture is cut.
    pub payload_length: u32,
    /// The IP header, if there is one.
    pub ip: Option<IpHeader>,
    /// The transport layer.
    pub transport: Transport,
    /// Source port of UDP or TCP, else 0.
    pub source_port: u16,
    /// Destination port of UDP or TCP, else 0.
    pub destination_port: u16,
    /// TCP flags, the low eight bits (RFC 9293 section 3.1); see [`tcp_flag`].
    pub tcp_flags: u8,
    /// TCP sequence number.
    pub tcp_sequence: u32,
    /// Whether the IP packet is a fragment.
    pub fragment: Fragment,
    /// EtherType of what the link layer and its VLAN tags carry, implied where the link knows only IP; 0 if it has none.
    pub ethertype: u16,
    /// What is wrong with the frame.
    pub faults: Faults,
    /// Where the payload begins in the frame, bytes.
    pub payload_offset: u32,
    /// Where the innermost IP header begins in the frame, bytes; 0 without one.
    pub network_offset: u32,
    /// Length of the link layer with its tags in front of the outermost IP header, bytes; 0 without one.
    pub link_length: u32,
    vlans: [u16; MOST_VLANS],
    vlan_count: u8,
}

/// The transport layer of a packet. [`Transport::Udp`] and [`Transport::Tcp`] have their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// No transport header was reached: no IP, a later fragment, or a capture cut before the ports.
    #[default]
    None,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// Another IP protocol, by its number; its header is the beginning of the payload.
    Other(u8),
}

/// Whether an IP packet is a fragment. An IPv6 fragment header around a whole packet (RFC 6946) is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragment {
    /// A whole packet.
    #[default]
    None,
    /// The first fragment: the transport header, as far as the fragment reaches, is there.
    First {
        /// Identification (16 bits in IPv4).
        identification: u32,
    },
    /// A later fragment: no transport header, the payload is the fragment's.
    Later {
        /// Identification (16 bits in IPv4).
        identification: u32,
        /// Offset in the original packet, in bytes.
        offset: u16,
    },
}

/// What the decoder needs and tells of an IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// 4 or 6.
    pub version: u8,
    /// Protocol of what follows the header and its extension headers (IPv4 Protocol, last IPv6 Next Header).
    pub protocol: u8,
    /// IPv4 Time to Live or IPv6 Hop Limit.
    pub hop_limit: u8,
}

/// Set of things that are wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Faults(u8);

impl Faults {
    /// The capture ends before the end of a header.
    pub const HEADER_CUT: Self = Self(1);
    /// The version of the IP header is not the one announced, or neither 4 nor 6.
    pub const IP_VERSION: Self = Self(2);
    /// IPv4 header length below 20 bytes or beyond the packet.
    pub const IP_HEADER_LENGTH: Self = Self(4);
    /// IP total length too small for the IP header, or, as far as that can be told, beyond the frame.
    pub const IP_TOTAL_LENGTH: Self = Self(8);
    /// An IPv6 extension header reaches beyond the packet.
    pub const EXTENSION_LENGTH: Self = Self(16);
    /// UDP length below 8 or beyond the IP packet, or an IP packet too short for its UDP header.
    pub const UDP_LENGTH: Self = Self(32);
    /// TCP data offset below 20 bytes or beyond the IP packet, or an IP packet too short for its TCP header.
    pub const TCP_DATA_OFFSET: Self = Self(64);
    /// More headers than the decoder reads.
    pub const TOO_DEEP: Self = Self(128);

    /// Whether nothing is wrong.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the frame lies about anything: whether there is more than [`Faults::HEADER_CUT`].
    pub fn has_lies(self) -> bool {
        self.0 & !Self::HEADER_CUT.0 != 0
    }

    /// Whether all of `other` is in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Faults {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Faults {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Whether [`decode`] can read frames of this link type.
pub fn link_type_is_known(link_type: u32) -> bool {
    link_layer(link_type).is_some()
}

/// Reads the layers of a frame: as far as they are supported, captured and consistent.
#[inline]
pub fn decode<'a>(link_type: u32, frame: &'a [u8]) -> Packet<'a> {
    // In two steps, so that the packet is built where the caller wants it: copying it costs as much as reading a frame.
    let mut packet = Packet::new(frame);
    read_layers(link_type, &mut packet);
    packet
}

/// Reads the layers of a captured record. Unlike [`decode`], it can tell a length beyond the frame that lies from one
/// that the snap length cut: nothing was cut if the frame has all of its `original_length` bytes.
#[inline]
pub fn decode_record<'a>(link_type: u32, frame: &'a [u8], original_length: u32) -> Packet<'a> {
    let mut packet = decode(link_type, frame);
    if !packet.is_complete() && frame.len() as u64 >= u64::from(original_length) {
        packet.resolve_lie();
    }
    packet
}

fn read_layers(link_type: u32, packet: &mut Packet<'_>) {
    let mut next = match link_type {
        link_type::ETHERNET => ethernet::decode(packet),
        _ => match link_layer(link_type) {
            Some(link_layer) => link_layer(packet),
            None => Next::End,
        },
    };
    for _ in 1..MOST_LAYERS {
        next = match next {
            Next::EtherType(ethertype) => by_ethertype(packet, ethertype),
            Next::Protocol(protocol) => by_protocol(packet, protocol),
            Next::End => return,
        };
    }
    if next != Next::End {
        packet.faults |= Faults::TOO_DEEP;
    }
}

/// What a layer found beneath itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    EtherType(u16),
    Protocol(u8),
    End,
}

/// Reads the header at the front of the payload and takes it off.
type Layer = fn(&mut Packet<'_>) -> Next;

fn link_layer(link_type: u32) -> Option<Layer> {
    Some(match link_type {
        link_type::ETHERNET => ethernet::decode,
        link_type::LINUX_SLL => cooked::decode_v1,
        link_type::LINUX_SLL2 => cooked::decode_v2,
        link_type::NULL | link_type::LOOP => loopback::decode,
        link_type::DLT_RAW | link_type::DLT_RAW_OPENBSD | link_type::RAW => by_ip_version,
        link_type::IPV4 | link_type::IPV6 => by_ip_version,
        _ => return None,
    })
}

#[inline]
fn by_ethertype(packet: &mut Packet<'_>, ethertype: u16) -> Next {
    packet.ethertype = if ethertype < ethertype::LEAST { 0 } else { ethertype };
    match ethertype {
        ethertype::IPV4 => ipv4::decode(packet),
        ethertype::IPV6 => ipv6::decode(packet),
        ethertype::VLAN | ethertype::SERVICE_VLAN | ethertype::OUTER_VLAN => vlan::decode(packet),
        _ => Next::End,
    }
}

/// Raw IP: the first four bits say which version.
#[inline]
fn by_ip_version(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first().map(|byte| byte >> 4) {
        Some(4) => Next::EtherType(ethertype::IPV4),
        Some(6) => Next::EtherType(ethertype::IPV6),
        Some(_) => packet.stop(Faults::IP_VERSION),
        None => packet.stop(Faults::HEADER_CUT),
    }
}

#[inline]
fn by_protocol(packet: &mut Packet<'_>, protocol: u8) -> Next {
    match protocol {
        protocol::UDP => udp::decode(packet),
        protocol::TCP => tcp::decode(packet),
        protocol::NO_NEXT_HEADER => {
            packet.truncate(0);
            Next::End
        }
        other => {
            packet.transport = Transport::Other(other);
            Next::End
        }
    }
}

impl<'a> Packet<'a> {
    #[inline]
    fn new(frame: &'a [u8]) -> Self {
        Self {
            payload: frame,
            payload_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            ip: None,
            transport: Transport::None,
            source_port: 0,
            destination_port: 0,
            tcp_flags: 0,
            tcp_sequence: 0,
            fragment: Fragment::None,
            ethertype: 0,
            faults: Faults::default(),
            payload_offset: 0,
            network_offset: 0,
            link_length: 0,
            vlans: [0; MOST_VLANS],
            vlan_count: 0,
        }
    }

    /// Whether all of the payload that the length fields announce was captured.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.payload.len() as u64 >= u64::from(self.payload_length)
    }

    /// VLAN identifiers (12 bits each), the outermost first; at most [`MOST_VLANS`].
    #[inline]
    pub fn vlans(&self) -> &[u16] {
        self.vlans.get(..usize::from(self.vlan_count)).unwrap_or_default()
    }

    /// Takes a header of `length` bytes, or what there is of it, off the payload.
    #[inline]
    fn strip(&mut self, length: usize) {
        self.payload_offset = self.payload_offset.saturating_add(length.min(self.payload.len()) as u32);
        self.payload = self.payload.get(length..).unwrap_or_default();
        self.payload_length = self.payload_length.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// Notes that an IP header begins at the payload.
    #[inline]
    fn enter_network_layer(&mut self) {
        if self.ip.is_none() {
            self.link_length = self.payload_offset;
        }
        self.network_offset = self.payload_offset;
    }

    /// Sets the payload's length to what a length field says; more than was captured leaves it incomplete.
    #[inline]
    fn truncate(&mut self, length: u32) {
        self.payload_length = length;
        self.payload = self.payload.get(..length as usize).unwrap_or(self.payload);
    }

    /// Whether the payload is shorter than `length` because it is no longer, and not because the capture is cut.
    #[inline]
    fn ends_before(&self, length: usize) -> bool {
        u64::from(self.payload_length) < length as u64
    }

    /// The payload is announced to go beyond a frame of which nothing was cut.
    #[cold]
    fn resolve_lie(&mut self) {
        // The first fragment of a UDP datagram may: its length is that of the datagram.
        if self.ip.is_some() && !matches!(self.fragment, Fragment::First { .. }) {
            self.faults |= Faults::IP_TOTAL_LENGTH;
            self.payload_length = self.payload.len() as u32;
        }
    }

    #[cold]
    fn stop(&mut self, fault: Faults) -> Next {
        self.faults |= fault;
        Next::End
    }
}

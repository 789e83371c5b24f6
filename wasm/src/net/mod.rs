//! The layers of a frame, from the link to the transport, one file per layer.
//!
//! Decoding borrows the frame, allocates nothing and never panics. A packet is judged by what it says: checksums are
//! not verified, and a length field that lies is resolved by what was captured, and flagged in [`Faults`].

mod address;
mod backbone;
pub mod bpf;
#[cfg(test)]
mod bpf_tests;
pub mod capture_header;
pub mod cooked;
pub mod esp;
mod ethernet;
pub mod ethertype;
mod extension;
mod faults;
mod fddi;
pub mod fragments;
mod frame_relay;
mod ieee_802_11;
mod infiniband;
mod ipv4;
mod ipv6;
pub mod link_type;
mod llc;
mod loopback;
mod macsec;
mod mpls;
mod nflog;
mod nsh;
mod pflog;
pub mod plain;
mod ppp;
mod pppoe;
pub mod protocol;
mod radiotap;
mod rewrite;
mod sctp;
pub mod segment;
mod switch_tags;
mod tcp;
#[cfg(test)]
mod tests;
mod tunnel;
mod udp;
mod udp_lite;
mod vlan;

pub use address::Address;
pub use faults::Faults;
pub use tcp::flags as tcp_flag;
pub use tunnel::{MOST_TUNNELS, Tunnel, TunnelKind};

/// Most headers that are read in one frame, those of tunnels among them, from the link header on;
/// [`Faults::TOO_DEEP`] marks a frame with more.
/// Four tunnels with an Ethernet, an IP and a transport header each take 19.
const MOST_LAYERS: usize = 24;
/// Most VLAN tags of a frame whose ids are kept; the tags beneath are read, their ids are not kept.
pub const MOST_VLANS: usize = 4;

/// The layers of one frame, borrowed from it. Where there are tunnels, it is the innermost packet that is described,
/// except by [`Packet::outer_ip`], [`Packet::vlans`] and [`Packet::link_length`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What follows the last header that was read (for UDP, TCP and SCTP the transport payload), as far as the length
    /// fields and the capture allow.
    pub payload: &'a [u8],
    /// Length of the payload in bytes as the length fields have it; more than `payload.len()` where the capture is cut.
    pub payload_length: u32,
    /// The IP header, if there is one.
    pub ip: Option<IpHeader>,
    /// The outermost IP header, if there is a tunnel behind it.
    pub outer_ip: Option<IpHeader>,
    /// The transport layer.
    pub transport: Transport,
    /// Source port of UDP, TCP or SCTP, else 0.
    pub source_port: u16,
    /// Destination port of UDP, TCP or SCTP, else 0.
    pub destination_port: u16,
    /// TCP flags, the low eight bits (RFC 9293 section 3.1); see [`tcp_flag`].
    pub tcp_flags: u8,
    /// TCP sequence number.
    pub tcp_sequence: u32,
    /// TCP acknowledgment number, whether or not the ACK flag makes it significant.
    pub tcp_acknowledgment: u32,
    /// TCP window, unscaled.
    pub tcp_window: u16,
    /// Whether the IP packet is a fragment.
    pub fragment: Fragment,
    /// EtherType of what the link layer, its tags and its labels carry, implied where there is only IP; 0 if unknown.
    pub ethertype: u16,
    /// Whether the payload begins with an 802.2 LLC header, its three bytes at least: not where that is followed by SNAP
    /// with an EtherType, which is read.
    pub llc: bool,
    /// What is wrong with the frame.
    pub faults: Faults,
    /// Where the payload begins in the frame, bytes.
    pub payload_offset: u32,
    /// Where the IP header begins in the frame, bytes; 0 without one.
    pub network_offset: u32,
    /// Length of the link layer with its tags and labels in front of the outermost IP header, bytes; 0 without one.
    pub link_length: u32,
    /// Where the outermost tunnel is VXLAN: start and end in the frame, in bytes, of the Ethernet frame in it.
    pub replacement: Option<(u32, u32)>,
    vlans: [u16; MOST_VLANS],
    vlan_count: u8,
    /// Whether VLAN tags that follow are those of an Ethernet frame within the frame.
    tags_are_inner: bool,
    tunnel_count: u8,
    has_inherited_tunnels: bool,
    tunnels: [Tunnel; MOST_TUNNELS],
}

/// The transport layer of a packet. Those with a name have their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// No transport header was reached: no IP, a later fragment, or a capture cut before the ports.
    #[default]
    None,
    /// UDP, or UDP-Lite where the IP header says so.
    Udp,
    /// TCP.
    Tcp,
    /// SCTP; the payload is its chunks.
    Sctp,
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

/// The tunnels of a packet, apart from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnels {
    tunnels: [Tunnel; MOST_TUNNELS],
    count: u8,
    outer_ip: Option<IpHeader>,
}

impl Tunnels {
    /// One VXLAN network, between ends that are not known.
    pub fn vxlan(id: u32) -> Self {
        let mut tunnels = [Tunnel::default(); MOST_TUNNELS];
        tunnels[0] = Tunnel { kind: TunnelKind::Vxlan, id };
        Self { tunnels, count: 1, outer_ip: None }
    }
}

/// Whether [`decode`] can read frames of this link type.
pub fn link_type_is_known(link_type: u32) -> bool {
    link_layer(link_type).is_some() || capture_header::has(link_type)
}

/// Reads the layers of a frame: as far as they are supported, captured and consistent.
#[inline]
pub fn decode<'a>(link_type: u32, frame: &'a [u8]) -> Packet<'a> {
    decode_record(link_type, frame, u32::MAX)
}

/// Reads the layers of a captured record. Unlike [`decode`], it can tell a length beyond the frame that lies from one
/// that the snap length cut: nothing was cut if the frame has all of its `original_length` bytes.
///
/// Where speed matters, call [`Packet::unread`] and [`Packet::read`]: copying a packet costs half as much as reading
/// it.
#[inline]
pub fn decode_record<'a>(link_type: u32, frame: &'a [u8], original_length: u32) -> Packet<'a> {
    let mut packet = Packet::unread(frame);
    packet.read(link_type, original_length);
    packet
}

/// Reads the layers from `next` on, at most `layers`.
#[inline(never)]
fn follow(packet: &mut Packet<'_>, mut next: Next, layers: usize) {
    for layers_left in (0..layers).rev() {
        next = match next {
            Next::EtherType(ethertype) => by_ethertype(packet, ethertype),
            Next::Protocol(protocol) => by_protocol(packet, protocol),
            Next::Tunnel => return tunnel::enter(packet, layers_left),
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
    /// Perhaps a tunnel, by the transport or the ports of the packet.
    Tunnel,
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
        link_type::PPP | link_type::PPP_HDLC => ppp::decode_hdlc,
        link_type::PPP_ETHER => pppoe::decode,
        link_type::C_HDLC => ppp::decode_cisco,
        link_type::FRELAY => frame_relay::decode,
        link_type::IPOIB => infiniband::decode,
        link_type::IEEE802_11 => ieee_802_11::decode,
        link_type::IEEE802_11_RADIOTAP => radiotap::decode,
        link_type::IEEE802_11_PRISM => radiotap::decode_prism,
        link_type::FDDI => fddi::decode,
        link_type::ATM_RFC1483 => llc::decode,
        link_type::PFLOG => pflog::decode,
        link_type::NFLOG => nflog::decode,
        _ => return None,
    })
}

#[inline]
fn by_ethertype(packet: &mut Packet<'_>, ethertype: u16) -> Next {
    packet.ethertype = if ethertype < ethertype::LEAST { 0 } else { ethertype };
    match ethertype {
        ethertype::IPV4 => ipv4::decode(packet),
        ethertype::IPV6 => ipv6::decode(packet),
        tag if vlan::is_tag(tag) => vlan::decode(packet),
        ethertype::MPLS | ethertype::MPLS_UPSTREAM => mpls::decode(packet),
        ethertype::PPPOE_SESSION => pppoe::decode(packet),
        ethertype::BACKBONE_SERVICE => backbone::decode_service(packet),
        ethertype::FABRIC_PATH => backbone::decode_fabric(packet),
        ethertype::MACSEC => macsec::decode(packet),
        ethertype::NSH => nsh::decode(packet),
        ethertype::PORT_EXTENSION => switch_tags::decode_extension(packet),
        ethertype::VIRTUAL_INTERFACE => switch_tags::decode_virtual_interface(packet),
        ethertype::CISCO_METADATA => switch_tags::decode_metadata(packet),
        ethertype::ARISTA => switch_tags::decode_timestamp(packet),
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
        protocol::SCTP => sctp::decode(packet),
        protocol::UDP_LITE => udp_lite::decode(packet),
        protocol::GRE | protocol::IPV4 | protocol::IPV6 | protocol::ETHERIP | protocol::ETHERNET => {
            packet.transport = Transport::Other(protocol);
            Next::Tunnel
        }
        other => {
            packet.transport = Transport::Other(other);
            Next::End
        }
    }
}

impl<'a> Packet<'a> {
    /// A frame of which nothing has been read: all of it is payload.
    #[inline]
    pub fn unread(frame: &'a [u8]) -> Self {
        Self {
            payload: frame,
            payload_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            ip: None,
            outer_ip: None,
            transport: Transport::None,
            source_port: 0,
            destination_port: 0,
            tcp_flags: 0,
            tcp_sequence: 0,
            tcp_acknowledgment: 0,
            tcp_window: 0,
            fragment: Fragment::None,
            ethertype: 0,
            llc: false,
            faults: Faults::default(),
            payload_offset: 0,
            network_offset: 0,
            link_length: 0,
            replacement: None,
            vlans: [0; MOST_VLANS],
            vlan_count: 0,
            tags_are_inner: false,
            tunnel_count: 0,
            has_inherited_tunnels: false,
            tunnels: [Tunnel::default(); MOST_TUNNELS],
        }
    }

    /// Reads the layers in place, as [`decode_record`] does; once, on an [`unread`](Self::unread) packet.
    // A function of its own, so that the compiler does not take the packet apart into variables and put it together.
    #[inline(never)]
    pub fn read(&mut self, link_type: u32, original_length: u32) {
        let frame_length = self.payload.len() as u64;
        let mut next = match link_type {
            link_type::ETHERNET => ethernet::decode(self),
            _ => match link_layer(link_type) {
                Some(link_layer) => link_layer(self),
                None => capture_header::decode(self, link_type),
            },
        };
        // Nearly all packets are transport over IP over a link: these steps without a loop, for speed.
        if let Next::EtherType(ethertype @ (ethertype::IPV4 | ethertype::IPV6)) = next {
            self.ethertype = ethertype;
            next = if ethertype == ethertype::IPV4 { ipv4::decode(self) } else { ipv6::decode(self) };
        }
        next = match next {
            Next::Protocol(protocol::TCP) => tcp::decode(self),
            Next::Protocol(protocol::UDP) => udp::decode(self),
            other => other,
        };
        if next != Next::End {
            follow(self, next, MOST_LAYERS - 3);
        }
        if !self.is_complete() && frame_length >= u64::from(original_length) {
            self.resolve_lie();
        }
    }

    /// Whether all of the payload that the length fields announce was captured.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.payload.len() as u64 >= u64::from(self.payload_length)
    }

    /// Says that the packet, in no tunnel itself, was put together from packets that were in the tunnels of `other`.
    pub fn put_into_tunnels_of(&mut self, other: &Packet<'_>) {
        self.put_into(&Tunnels {
            tunnels: other.tunnels,
            count: other.tunnel_count,
            outer_ip: other.outer_ip,
        });
    }

    /// Says that the packet, in no tunnel itself, came in these.
    pub fn put_into(&mut self, tunnels: &Tunnels) {
        if self.tunnel_count == 0 && tunnels.count > 0 {
            self.tunnels = tunnels.tunnels;
            self.tunnel_count = tunnels.count;
            self.outer_ip = tunnels.outer_ip;
            self.has_inherited_tunnels = true;
        }
    }

    /// The tunnels that its frame does not show, because it was put together from others.
    #[inline]
    pub fn inherited_tunnels(&self) -> Option<Tunnels> {
        self.has_inherited_tunnels.then_some(Tunnels {
            tunnels: self.tunnels,
            count: self.tunnel_count,
            outer_ip: self.outer_ip,
        })
    }

    /// The tunnels that the packet is in, the outermost first; at most [`MOST_TUNNELS`].
    #[inline]
    pub fn tunnels(&self) -> &[Tunnel] {
        self.tunnels.get(..usize::from(self.tunnel_count)).unwrap_or_default()
    }

    /// VLAN identifiers (12 bits each) of the frame itself, not of frames in tunnels and pseudowires, the outermost
    /// first; at most [`MOST_VLANS`].
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
        if self.tunnel_count == 0 {
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

    /// Whether an IP packet of `length` bytes, at the payload, is larger than the tunnel that it is in has room for.
    #[inline]
    fn overflows_tunnel(&self, length: usize) -> bool {
        self.ends_before(length) && self.tunnel_count != 0
    }

    /// Takes off a transport header that begins with ports; without a length of its own, it can only be too short.
    fn take_ports(&mut self, transport: Transport, header_length: usize, too_short: Faults) -> Next {
        let is_cut = self.payload.len() < header_length;
        let fault = if self.ends_before(header_length) { too_short } else { Faults::HEADER_CUT };
        if let Some(&[s0, s1, d0, d1]) = self.payload.first_chunk::<4>() {
            self.transport = transport;
            self.source_port = u16::from_be_bytes([s0, s1]);
            self.destination_port = u16::from_be_bytes([d0, d1]);
            self.strip(header_length);
        }
        if is_cut { self.stop(fault) } else { Next::End }
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

//! Tunnels: packets in packets, one file per encapsulation.
//!
//! What only a UDP port announces is believed where all of its header and the beginning of what it carries are sound;
//! else the packet is UDP and no more. A tunnel around an IP packet that is broken or cut before its addresses is not
//! entered either, so that what is told of a packet is never half of one and half of another. A fragment is not
//! entered: its datagram has to be put together first.

mod erspan;
mod ether_ip;
mod geneve;
mod gre;
mod gtp_u;
mod l2tp;
mod lisp;
mod mpls_in_udp;
mod teredo;
mod vxlan;

use super::{Faults, Fragment, Next, Packet, Transport, ethernet, ethertype, follow, nsh, protocol};

/// Most tunnels, one in the other, that are entered; beyond, the packet has [`Faults::TOO_DEEP`].
pub const MOST_TUNNELS: usize = 4;

/// Length of ARP for IPv4 on Ethernet.
const ARP_LENGTH: usize = 28;

/// One tunnel of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Tunnel {
    /// The encapsulation.
    pub kind: TunnelKind,
    /// What tells tunnels between the same ends apart: VXLAN or GENEVE network identifier, GRE key, ERSPAN session,
    /// PPTP call, GTP-U endpoint, LISP instance, or L2TP tunnel (upper 16 bits) and session; 0 where there is none.
    pub id: u32,
}

/// Encapsulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum TunnelKind {
    /// IP in IP of the same version: RFC 2003, RFC 2473.
    #[default]
    IpInIp,
    /// IPv6 in IPv4: RFC 4213.
    SixInFour,
    /// IPv4 in IPv6: RFC 2473.
    FourInSix,
    /// Ethernet in IP: RFC 3378.
    EtherIp,
    /// Ethernet in IP without a header: RFC 8986.
    EthernetInIp,
    /// Generic Routing Encapsulation: RFC 2784, RFC 2890.
    Gre,
    /// Generic Routing Encapsulation in UDP: RFC 8086.
    GreInUdp,
    /// Mirrored frames, types I to III.
    Erspan,
    /// PPP in enhanced GRE: RFC 2637.
    Pptp,
    /// RFC 7348, with its group policy extension.
    Vxlan,
    /// VXLAN's generic protocol extension.
    VxlanGpe,
    /// RFC 8926.
    Geneve,
    /// IPv6 in UDP through NATs: RFC 4380.
    Teredo,
    /// GPRS tunnelling, user plane: 3GPP TS 29.281.
    GtpU,
    /// Layer Two Tunneling Protocol, version 2, over UDP: RFC 2661.
    L2tp,
    /// Locator/ID separation: RFC 9300.
    Lisp,
    /// MPLS in UDP: RFC 7510.
    MplsInUdp,
}

impl TunnelKind {
    /// Name of the encapsulation, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IpInIp => "IP-in-IP",
            Self::SixInFour => "6in4",
            Self::FourInSix => "4in6",
            Self::EtherIp => "EtherIP",
            Self::EthernetInIp => "Ethernet-in-IP",
            Self::Gre => "GRE",
            Self::GreInUdp => "GRE-in-UDP",
            Self::Erspan => "ERSPAN",
            Self::Pptp => "PPTP",
            Self::Vxlan => "VXLAN",
            Self::VxlanGpe => "VXLAN-GPE",
            Self::Geneve => "GENEVE",
            Self::Teredo => "Teredo",
            Self::GtpU => "GTP-U",
            Self::L2tp => "L2TP",
            Self::Lisp => "LISP",
            Self::MplsInUdp => "MPLS-in-UDP",
        }
    }

    /// Whether its packets are UDP datagrams.
    pub fn is_udp(self) -> bool {
        match self {
            Self::GreInUdp
            | Self::Vxlan
            | Self::VxlanGpe
            | Self::Geneve
            | Self::Teredo
            | Self::GtpU
            | Self::L2tp
            | Self::Lisp
            | Self::MplsInUdp => true,
            Self::IpInIp
            | Self::SixInFour
            | Self::FourInSix
            | Self::EtherIp
            | Self::EthernetInIp
            | Self::Gre
            | Self::Erspan
            | Self::Pptp => false,
        }
    }
}

/// UDP ports of tunnels (IANA, but for the last one).
mod port {
    pub(super) const L2TP: u16 = 1701;
    pub(super) const GTP_U: u16 = 2152;
    pub(super) const TEREDO: u16 = 3544;
    pub(super) const LISP: u16 = 4341;
    pub(super) const GRE_IN_UDP: u16 = 4754;
    pub(super) const VXLAN: u16 = 4789;
    pub(super) const VXLAN_GPE: u16 = 4790;
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const MPLS_IN_UDP: u16 = 6635;
    /// VXLAN's, before it was given one, and still the default of Linux.
    pub(super) const VXLAN_LINUX: u16 = 8472;
}

/// The ports, each in the slot of its low bits.
const PORTS: [u16; 128] = {
    let ports = [
        port::L2TP,
        port::GTP_U,
        port::TEREDO,
        port::LISP,
        port::GRE_IN_UDP,
        port::VXLAN,
        port::VXLAN_GPE,
        port::GENEVE,
        port::MPLS_IN_UDP,
        port::VXLAN_LINUX,
    ];
    let mut slots = [0; 128];
    let mut index = 0;
    while index < ports.len() {
        let slot = &mut slots[ports[index] as usize % 128];
        assert!(*slot == 0, "two ports in one slot");
        *slot = ports[index];
        index += 1;
    }
    slots
};

/// Whether a UDP port is that of a tunnel (or 0).
#[inline]
pub(super) fn has_udp_port(port: u16) -> bool {
    PORTS[usize::from(port) % PORTS.len()] == port
}

/// What a tunnel's header says.
struct Header {
    tunnel: Tunnel,
    /// Bytes in front of the content.
    length: usize,
    content: Content,
    /// Bytes of header and content; not more than the packet has.
    total_length: u32,
}

/// What a tunnel carries.
#[derive(Clone, Copy)]
enum Content {
    Ethernet,
    /// Something with an EtherType.
    EtherType(u16),
}

/// Reads the packet in the tunnel at the payload, if there is one. At most `layers` headers are read.
#[cold]
#[inline(never)]
pub(super) fn enter(packet: &mut Packet<'_>, layers: usize) {
    if packet.fragment != Fragment::None || packet.faults.contains(Faults::UDP_LENGTH) {
        return;
    }
    let header = match packet.transport {
        Transport::Udp => by_port(packet).filter(|header| match header.content {
            Content::Ethernet => packet.has_ethernet_at(header.length),
            Content::EtherType(_) => true,
        }),
        Transport::Other(protocol) => by_protocol(packet, protocol),
        _ => None,
    };
    let Some(header) = header else {
        return;
    };
    let outer = *packet;
    let Some(slot) = packet.tunnels.get_mut(usize::from(packet.tunnel_count)) else {
        packet.faults |= Faults::TOO_DEEP;
        return;
    };
    *slot = header.tunnel;
    packet.tunnel_count += 1;
    packet.tags_are_inner = true;
    packet.outer_ip = packet.outer_ip.or(packet.ip);
    packet.ip = None;
    packet.transport = Transport::None;
    (packet.source_port, packet.destination_port) = (0, 0);
    (packet.ethertype, packet.network_offset) = (0, 0);
    packet.faults = Faults::default();
    packet.truncate(header.total_length);
    packet.strip(header.length);
    if header.tunnel.kind == TunnelKind::Vxlan && packet.tunnel_count == 1 {
        let end = packet.payload_offset.saturating_add(packet.payload.len() as u32);
        packet.replacement = Some((packet.payload_offset, end));
    }
    let next = match header.content {
        Content::Ethernet => ethernet::decode(packet),
        Content::EtherType(ethertype) => Next::EtherType(ethertype),
    };
    follow(packet, next, layers);
    let inner = packet.faults;
    let broken = Faults::IP_VERSION | Faults::IP_HEADER_LENGTH | Faults::IP_TOTAL_LENGTH;
    if !inner.intersects(broken) && (inner.is_empty() || packet.ip.is_some()) {
        packet.faults |= outer.faults;
        return;
    }
    *packet = outer;
    packet.faults |= match inner {
        Faults::HEADER_CUT if !outer.is_complete() => Faults::HEADER_CUT,
        Faults::TOO_DEEP => Faults::TOO_DEEP,
        _ => Faults::TUNNEL,
    };
}

fn by_port(packet: &Packet<'_>) -> Option<Header> {
    match (packet.source_port, packet.destination_port) {
        (_, port::VXLAN) => vxlan::header(packet),
        (_, port::VXLAN_LINUX) => vxlan::strict_header(packet),
        (_, port::VXLAN_GPE) => vxlan::gpe_header(packet),
        (_, port::GENEVE) => geneve::header(packet),
        (_, port::LISP) => lisp::header(packet),
        (_, port::MPLS_IN_UDP) => mpls_in_udp::header(packet),
        (_, port::GRE_IN_UDP) => gre::header_in_udp(packet),
        (_, port::GTP_U) | (port::GTP_U, _) => gtp_u::header(packet),
        (_, port::TEREDO) | (port::TEREDO, _) => teredo::header(packet),
        (_, port::L2TP) | (port::L2TP, _) => l2tp::header(packet),
        _ => None,
    }
}

fn by_protocol(packet: &Packet<'_>, protocol: u8) -> Option<Header> {
    let outer_version = packet.ip.map_or(0, |ip| ip.version);
    let (kind, ethertype) = match (protocol, outer_version) {
        (protocol::GRE, _) => return gre::header(packet),
        (protocol::ETHERIP, _) => return ether_ip::header(packet),
        (protocol::ETHERNET, _) => return ether_ip::bare_header(packet),
        (protocol::IPV4, 6) => (TunnelKind::FourInSix, ethertype::IPV4),
        (protocol::IPV4, _) => (TunnelKind::IpInIp, ethertype::IPV4),
        (protocol::IPV6, 6) => (TunnelKind::IpInIp, ethertype::IPV6),
        (protocol::IPV6, _) => (TunnelKind::SixInFour, ethertype::IPV6),
        _ => return None,
    };
    Some(packet.tunnel_header(kind, 0, 0, Content::EtherType(ethertype)))
}

impl Packet<'_> {
    /// A tunnel to the end of the packet.
    fn tunnel_header(&self, kind: TunnelKind, id: u32, length: usize, content: Content) -> Header {
        Header { tunnel: Tunnel { kind, id }, length, content, total_length: self.payload_length }
    }

    /// Whether what is `offset` bytes into the payload can be an Ethernet frame: whether its EtherType, where it is a
    /// length, fits.
    fn has_ethernet_at(&self, offset: usize) -> bool {
        let header = self.payload.get(offset..).and_then(<[u8]>::first_chunk::<{ ethernet::HEADER_LENGTH }>);
        let Some(&[.., high, low]) = header else {
            return false;
        };
        let type_or_length = u16::from_be_bytes([high, low]);
        let end = offset + ethernet::HEADER_LENGTH + usize::from(type_or_length);
        type_or_length >= ethertype::LEAST || (type_or_length != 0 && !self.ends_before(end))
    }

    /// Whether what is `offset` bytes into the payload is a Network Service Header.
    fn has_nsh_at(&self, offset: usize) -> bool {
        self.payload.get(offset..).is_some_and(nsh::is_sound)
    }

    /// Whether what is `offset` bytes into the payload is ARP for IPv4 on Ethernet (RFC 826).
    fn has_arp_at(&self, offset: usize) -> bool {
        let header = self.payload.get(offset..).and_then(<[u8]>::first_chunk::<8>);
        matches!(header, Some([0, 1, 8, 0, 6, 4, 0, 1..=25])) && !self.ends_before(offset + ARP_LENGTH)
    }

    /// The version, as an EtherType, and the length of the IP packet `offset` bytes into the payload, as far as it can
    /// be told; `None` if there is none that fits into the payload.
    fn ip_at(&self, offset: usize) -> Option<(u16, usize)> {
        let room = (self.payload_length as usize).checked_sub(offset)?;
        let bytes = self.payload.get(offset..)?;
        let (ethertype, least, length) = match *bytes {
            [first @ 0x45..=0x4f, _, high, low, ..] => {
                let header_length = usize::from(first & 0xf) * 4;
                (ethertype::IPV4, header_length, usize::from(u16::from_be_bytes([high, low])))
            }
            [0x60..=0x6f, _, _, _, high, low, ..] => {
                (ethertype::IPV6, 40, 40 + usize::from(u16::from_be_bytes([high, low])))
            }
            _ => return None,
        };
        (least..=room).contains(&length).then_some((ethertype, length))
    }
}

//! The frames that nearly all traffic is made of, read in a few words: Ethernet, where there may be two VLAN tags, labels
//! or a PPPoE session, a Linux cooked capture, or no link layer; IPv4 without options or IPv6 without extension headers;
//! TCP or UDP, whole, in no tunnel and no fragment, with lengths that agree.
//!
//! Anything else is no [`Plain`] packet. What it says of a frame is what [`Packet`] says of it.

use super::{
    Address, IpHeader, Packet, Transport, cooked, ethernet, ethertype, link_type, mpls, pppoe, protocol,
    tunnel, vlan,
};

const IPV4_HEADER_LENGTH: usize = 20;
const IPV6_HEADER_LENGTH: usize = 40;
const TCP_HEADER_LENGTH: usize = 20;
const UDP_HEADER_LENGTH: usize = 8;

/// Bytes in front of IP in Ethernet, where nothing is between.
pub(crate) const BARE_LENGTH: usize = ethernet::HEADER_LENGTH;
/// Most VLAN tags of a plain packet.
const MOST_TAGS: usize = 2;

/// Ethertype, version and header length of IPv4 without options, as the little-endian number that they are read as.
const PLAIN_IPV4: u64 = u16::swap_bytes(ethertype::IPV4) as u64 | 0x45 << 16;
const PLAIN_IPV4_MASK: u64 = 0x00ff_ffff;
/// The same of IPv6, without the traffic class.
const PLAIN_IPV6: u64 = u16::swap_bytes(ethertype::IPV6) as u64 | 0x60 << 16;
const PLAIN_IPV6_MASK: u64 = 0x00f0_ffff;
/// More fragments and fragment offset of IPv4.
const FRAGMENTED: u32 = u32::from_le_bytes([0x3f, 0xff, 0, 0]);

/// A plain packet, borrowed from its frame.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a> {
    /// What TCP or UDP carries.
    pub payload: &'a [u8],
    /// Source and destination.
    pub addresses: PlainAddresses,
    /// 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// TCP flags, the low eight bits; 0 for UDP.
    pub tcp_flags: u8,
    /// The VLANs that it is in.
    pub vlans: Vlans,
    hop_limit: u8,
    /// Bytes in front of the IP header.
    link_length: u8,
    /// From the transport header on.
    segment: &'a [u8],
}

/// Source and destination as little-endian numbers, in the order of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainAddresses {
    /// IPv4: the source in the lower half.
    V4(u64),
    /// IPv6: two words each.
    V6([u64; 4]),
}

/// Identifiers of VLANs, the outermost first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vlans {
    count: u8,
    identifiers: [u16; MOST_TAGS],
}

impl Vlans {
    /// The identifiers, 12 bits each.
    #[inline(always)]
    pub fn as_slice(&self) -> &[u16] {
        self.identifiers.get(..usize::from(self.count)).unwrap_or_default()
    }
}

/// What is in front of an IP header.
pub(crate) struct LinkLayer<'a> {
    /// Bytes of it.
    pub(crate) length: usize,
    ethertype: u16,
    vlans: Vlans,
    /// The frame, without what a length in the link layer leaves out.
    frame: &'a [u8],
}

/// Whether a frame is Ethernet with IP right behind its header.
#[inline(always)]
pub(crate) fn is_bare(link_type: u32, frame: &[u8]) -> bool {
    link_type == link_type::ETHERNET && matches!(frame.get(12..14), Some([8, 0] | [0x86, 0xdd]))
}

/// Whether the payload of UDP in a frame may begin with an octet that has these two upper bits, if the frame is plain: a
/// glance at the places where it would be.
#[inline(always)]
pub(crate) fn may_begin_with(upper_bits: u8, link_length: usize, frame: &[u8]) -> bool {
    [IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH].into_iter().any(|length| {
        let octet = frame.get(link_length + length + UDP_HEADER_LENGTH);
        octet.is_some_and(|octet| octet >> 6 == upper_bits)
    })
}

impl<'a> LinkLayer<'a> {
    /// Reads the link layer of a frame that may be plain.
    #[inline(always)]
    pub(crate) fn read(link_type: u32, frame: &'a [u8]) -> Option<Self> {
        let (length, ethertype) = match link_type {
            link_type::ETHERNET => return Self::read_ethernet(frame),
            link_type::LINUX_SLL => {
                let &[.., high, low] = frame.first_chunk::<{ cooked::V1_LENGTH }>()?;
                (cooked::V1_LENGTH, u16::from_be_bytes([high, low]))
            }
            link_type::LINUX_SLL2 => {
                let &[high, low, ..] = frame.first_chunk::<{ cooked::V2_LENGTH }>()?;
                (cooked::V2_LENGTH, u16::from_be_bytes([high, low]))
            }
            link_type::DLT_RAW | link_type::DLT_RAW_OPENBSD | link_type::RAW => (0, by_version(frame)?),
            _ => return None,
        };
        Some(Self { length, ethertype, vlans: Vlans::default(), frame })
    }

    #[inline(always)]
    fn read_ethernet(mut frame: &'a [u8]) -> Option<Self> {
        let mut length = ethernet::HEADER_LENGTH;
        let &[.., high, low] = frame.first_chunk::<{ ethernet::HEADER_LENGTH }>()?;
        let mut ethertype = u16::from_be_bytes([high, low]);
        let mut vlans = Vlans::default();
        while vlan::is_tag(ethertype) {
            let &[tci_high, tci_low, high, low] = frame.get(length..)?.first_chunk()?;
            let identifier = vlans.identifiers.get_mut(usize::from(vlans.count))?;
            *identifier = u16::from_be_bytes([tci_high, tci_low]) & vlan::IDENTIFIER;
            vlans.count += 1;
            length += vlan::TAG_LENGTH;
            ethertype = u16::from_be_bytes([high, low]);
        }
        match ethertype {
            ethertype::PPPOE_SESSION => {
                let session;
                (session, ethertype) = pppoe::ip_session(frame.get(length..)?)?;
                frame = frame.get(..length + session)?;
                length += pppoe::PLAIN_LENGTH;
            }
            ethertype::MPLS | ethertype::MPLS_UPSTREAM => {
                length += mpls::stack_length(frame.get(length..)?)?;
                ethertype = by_version(frame.get(length..)?)?;
            }
            _ => {}
        }
        Some(Self { length, ethertype, vlans, frame })
    }
}

/// The EtherType of an IP packet.
#[inline(always)]
fn by_version(packet: &[u8]) -> Option<u16> {
    match packet.first()? >> 4 {
        4 => Some(ethertype::IPV4),
        6 => Some(ethertype::IPV6),
        _ => None,
    }
}

impl<'a> Plain<'a> {
    /// Reads a frame of this link type; None if it is not plain.
    #[inline(always)]
    pub fn read(link_type: u32, frame: &'a [u8]) -> Option<Self> {
        if link_type == link_type::ETHERNET
            && let Some(plain) = Self::read_bare(frame)
        {
            return Some(plain);
        }
        if is_bare(link_type, frame) { None } else { Self::read_other(link_type, frame) }
    }

    /// Reads Ethernet with IP right behind its header.
    #[inline(always)]
    pub(crate) fn read_bare(frame: &'a [u8]) -> Option<Self> {
        let head =
            frame.first_chunk::<{ ethernet::HEADER_LENGTH + IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH }>()?;
        // Some fields at a time: an access costs more than to take them apart.
        let begin = u64_at(head, 12);
        if begin & PLAIN_IPV4_MASK == PLAIN_IPV4 {
            let total_length = ((begin >> 32) as u16).swap_bytes();
            return Self::read_ipv4(frame, ethernet::HEADER_LENGTH, total_length);
        }
        if begin & PLAIN_IPV6_MASK == PLAIN_IPV6 {
            return Self::read_ipv6(frame, ethernet::HEADER_LENGTH);
        }
        None
    }

    /// Reads anything else.
    #[inline(never)]
    fn read_other(link_type: u32, frame: &'a [u8]) -> Option<Self> {
        Self::read_behind(LinkLayer::read(link_type, frame)?)
    }

    /// Reads what is behind a link layer.
    #[inline(always)]
    pub(crate) fn read_behind(link_layer: LinkLayer<'a>) -> Option<Self> {
        let LinkLayer { length: link_length, ethertype, vlans, frame } = link_layer;
        let &[version, _, l0, l1] = frame.get(link_length..)?.first_chunk()?;
        let plain = match ethertype {
            ethertype::IPV4 if version == 0x45 => {
                Self::read_ipv4(frame, link_length, u16::from_be_bytes([l0, l1]))?
            }
            ethertype::IPV6 if version >> 4 == 6 => Self::read_ipv6(frame, link_length)?,
            _ => return None,
        };
        Some(Self { vlans, ..plain })
    }

    /// `at`: where the header begins, which is known to have no options.
    #[inline(always)]
    fn read_ipv4(frame: &'a [u8], at: usize, total_length: u16) -> Option<Self> {
        let header = frame.get(at..)?.first_chunk::<IPV4_HEADER_LENGTH>()?;
        let rest = u32_at(header, 6);
        if rest & FRAGMENTED != 0 {
            return None;
        }
        let network = (PlainAddresses::V4(u64_at(header, 12)), (rest >> 24) as u8, (rest >> 16) as u8);
        let packet = frame.get(..at + usize::from(total_length))?;
        Self::read_transport(packet, at, at + IPV4_HEADER_LENGTH, network)
    }

    #[inline]
    fn read_ipv6(frame: &'a [u8], at: usize) -> Option<Self> {
        let header = frame.get(at..)?.first_chunk::<IPV6_HEADER_LENGTH>()?;
        let &[_, _, _, _, l0, l1, next, hop_limit, ..] = header;
        let addresses = [u64_at(header, 8), u64_at(header, 16), u64_at(header, 24), u64_at(header, 32)];
        let network = (PlainAddresses::V6(addresses), next, hop_limit);
        let transport = at + IPV6_HEADER_LENGTH;
        let packet = frame.get(..transport + usize::from(u16::from_be_bytes([l0, l1])))?;
        Self::read_transport(packet, at, transport, network)
    }

    /// `at`: where the transport header begins in the packet.
    #[inline(always)]
    fn read_transport(
        packet: &'a [u8],
        link_length: usize,
        at: usize,
        (addresses, protocol, hop_limit): (PlainAddresses, u8, u8),
    ) -> Option<Self> {
        let segment = packet.get(at..)?;
        let ports = u32::from_be_bytes(*segment.first_chunk()?);
        let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
        let plain = Self {
            payload: &[],
            addresses,
            protocol,
            source_port,
            destination_port,
            tcp_flags: 0,
            vlans: Vlans::default(),
            hop_limit,
            link_length: link_length as u8,
            segment,
        };
        match protocol {
            protocol::TCP => {
                let header = segment.first_chunk::<TCP_HEADER_LENGTH>()?;
                let &[.., data_offset, flags, _, _, _, _, _, _] = header;
                let offset_and_flags = u16::from_le_bytes([data_offset, flags]);
                let header_length = usize::from(offset_and_flags >> 4 & 0xf) * 4;
                if header_length < TCP_HEADER_LENGTH {
                    return None;
                }
                let tcp_flags = (offset_and_flags >> 8) as u8;
                Some(Self { payload: segment.get(header_length..)?, tcp_flags, ..plain })
            }
            protocol::UDP => {
                let &[_, _, _, _, l0, l1, _, _] = segment.first_chunk::<UDP_HEADER_LENGTH>()?;
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                if tunnel::has_udp_port(source_port) | tunnel::has_udp_port(destination_port) {
                    return None;
                }
                Some(Self { payload: segment.get(UDP_HEADER_LENGTH..length)?, ..plain })
            }
            _ => None,
        }
    }

    /// TCP sequence number; 0 for UDP.
    pub fn tcp_sequence(&self) -> u32 {
        match self.segment.first_chunk() {
            Some(&[_, _, _, _, q0, q1, q2, q3]) if self.protocol == protocol::TCP => {
                u32::from_be_bytes([q0, q1, q2, q3])
            }
            _ => 0,
        }
    }

    /// Puts what is known of the packet into one that has not read anything of the same frame
    /// ([`Packet::unread`]). The packet is then what reading it would have made of it.
    #[inline]
    pub fn put_into(&self, packet: &mut Packet<'a>) {
        let (ethertype, ip_header_length) = match self.addresses {
            PlainAddresses::V4(_) => (ethertype::IPV4, IPV4_HEADER_LENGTH),
            PlainAddresses::V6(_) => (ethertype::IPV6, IPV6_HEADER_LENGTH),
        };
        packet.ethertype = ethertype;
        packet.link_length = self.link_length.into();
        packet.network_offset = packet.link_length;
        let [outer, inner] = self.vlans.identifiers;
        [packet.vlans[0], packet.vlans[1]] = [outer, inner];
        packet.vlan_count = self.vlans.count;
        packet.ip = Some(self.ip_header());
        packet.source_port = self.source_port;
        packet.destination_port = self.destination_port;
        packet.payload = self.payload;
        packet.payload_length = self.payload.len() as u32;
        let header_length = match self.segment.first_chunk::<TCP_HEADER_LENGTH>() {
            Some(header) if self.protocol == protocol::TCP => {
                let &[_, _, _, _, q0, q1, q2, q3, a0, a1, a2, a3, _, _, w0, w1, ..] = header;
                packet.transport = Transport::Tcp;
                packet.tcp_flags = self.tcp_flags;
                packet.tcp_sequence = u32::from_be_bytes([q0, q1, q2, q3]);
                packet.tcp_acknowledgment = u32::from_be_bytes([a0, a1, a2, a3]);
                packet.tcp_window = u16::from_be_bytes([w0, w1]);
                self.segment.len().saturating_sub(self.payload.len())
            }
            _ => {
                packet.transport = Transport::Udp;
                UDP_HEADER_LENGTH
            }
        };
        packet.payload_offset = packet.link_length + (ip_header_length + header_length) as u32;
    }

    /// IP version, source and destination, these as [`Address::words`] has them.
    #[inline(always)]
    pub fn address_words(&self) -> (u8, [u64; 2], [u64; 2]) {
        match self.addresses {
            PlainAddresses::V4(pair) => (4, [(pair & 0xffff_ffff).to_le(), 0], [(pair >> 32).to_le(), 0]),
            PlainAddresses::V6([a, b, c, d]) => (6, [a.to_le(), b.to_le()], [c.to_le(), d.to_le()]),
        }
    }

    /// The IP header.
    #[inline]
    pub fn ip_header(&self) -> IpHeader {
        let (source, destination, version) = match self.addresses {
            PlainAddresses::V4(pair) => {
                let address = |bits: u32| Address::v4(bits.to_le_bytes());
                (address(pair as u32), address((pair >> 32) as u32), 4)
            }
            PlainAddresses::V6([a, b, c, d]) => {
                let address =
                    |low, high| Address::v6((u128::from(low) | u128::from(high) << 64).to_le_bytes());
                (address(a, b), address(c, d), 6)
            }
        };
        IpHeader { source, destination, version, protocol: self.protocol, hop_limit: self.hop_limit }
    }
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{scope_of, scope_of_vlans};
    use crate::flow::key;
    use crate::net::Fragment;

    /// What is plain says the same as what is read in full.
    fn assert_agrees(link_type: u32, frame: &[u8]) -> bool {
        let mut packet = Packet::unread(frame);
        packet.read(link_type, frame.len() as u32);
        let Some(plain) = Plain::read(link_type, frame) else { return false };
        let mut same = Packet::unread(frame);
        plain.put_into(&mut same);
        assert_eq!(same, packet);
        assert_eq!(plain.payload, packet.payload);
        assert_eq!(plain.payload.len(), packet.payload_length as usize);
        assert_eq!(Some(plain.ip_header()), packet.ip);
        let ip = plain.ip_header();
        assert_eq!(plain.address_words(), (ip.version, ip.source.words(), ip.destination.words()));
        assert_eq!(
            (plain.source_port, plain.destination_port),
            (packet.source_port, packet.destination_port)
        );
        assert_eq!((plain.tcp_flags, plain.tcp_sequence()), (packet.tcp_flags, packet.tcp_sequence));
        let transport = if plain.protocol == protocol::TCP { Transport::Tcp } else { Transport::Udp };
        assert_eq!((packet.transport, packet.fragment), (transport, Fragment::None));
        assert_eq!(packet.vlans(), plain.vlans.as_slice());
        assert_eq!(scope_of(&packet), scope_of_vlans(plain.vlans.as_slice()));
        assert!(packet.tunnels().is_empty() && packet.outer_ip.is_none() && !packet.faults.has_lies());
        if let Some(octet) = plain.payload.first().filter(|_| plain.protocol == protocol::UDP) {
            let link_layer = LinkLayer::read(link_type, frame).expect("a plain frame");
            assert!(may_begin_with(octet >> 6, link_layer.length, frame));
        }
        assert_eq!(Some(key::of_plain(&plain)), key::of(&packet, 0, 0));
        true
    }

    fn ethernet(ethertype: [u8; 2], network: &[&[u8]]) -> Vec<u8> {
        [&[2; 12][..], &ethertype, &network.concat()].concat()
    }

    fn ipv4(protocol: u8, segment: &[u8]) -> Vec<u8> {
        let [high, low] = (20 + segment.len() as u16).to_be_bytes();
        let header = [0x45, 0, high, low, 1, 2, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 200];
        ethernet([8, 0], &[&header, segment])
    }

    fn ipv6(protocol: u8, segment: &[u8]) -> Vec<u8> {
        let [high, low] = (segment.len() as u16).to_be_bytes();
        let addresses: Vec<u8> = (0x20..0x40).collect();
        ethernet([0x86, 0xdd], &[&[0x60, 1, 2, 3, high, low, protocol, 64], &addresses, segment])
    }

    fn tcp() -> Vec<u8> {
        [&[0x1f, 0x90, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, 0x18, 9, 9, 0, 0, 0, 0, 1, 1, 1, 1][..], b"data"]
            .concat()
    }

    fn udp() -> Vec<u8> {
        [&[0, 53, 0xff, 0, 0, 12, 0, 0][..], b"data"].concat()
    }

    fn frames() -> [Vec<u8>; 4] {
        [ipv4(6, &tcp()), ipv4(17, &udp()), ipv6(6, &tcp()), ipv6(17, &udp())]
    }

    /// A frame behind all link layers that plain packets may have.
    fn linked(frame: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let (addresses, rest) = frame.split_at(12);
        let (ethertype, ip) = rest.split_at(2);
        let cooked: &[u8] = &[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        let cooked_2: &[u8] = &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0];
        let session_length = [0, 2 + ip.len() as u8];
        let point_to_point = [0, if ethertype == [8, 0] { 0x21 } else { 0x57 }];
        let session = [&[0x11, 0, 1, 2][..], &session_length, &point_to_point, ip].concat();
        let ethernet = |front: &[u8], content: &[u8]| [addresses, front, content].concat();
        vec![
            (link_type::ETHERNET, frame.to_vec()),
            (link_type::ETHERNET, ethernet(&[0x81, 0, 0x60, 0x64], rest)),
            (link_type::ETHERNET, ethernet(&[0x88, 0xa8, 0x60, 0x64, 0x81, 0, 1, 2], rest)),
            (link_type::ETHERNET, ethernet(&[0x88, 0x64], &session)),
            (link_type::ETHERNET, ethernet(&[0x81, 0, 0, 7, 0x81, 0, 0, 8, 0x88, 0x64], &session)),
            (link_type::ETHERNET, ethernet(&[0x88, 0x47, 1, 2, 3, 64], ip)),
            (link_type::ETHERNET, ethernet(&[0x91, 0, 0, 9, 0x88, 0x47, 1, 2, 2, 64, 0, 0, 0x31, 7], ip)),
            (link_type::LINUX_SLL, [cooked, rest].concat()),
            (link_type::LINUX_SLL2, [ethertype, cooked_2, ip].concat()),
            (link_type::RAW, ip.to_vec()),
            (link_type::DLT_RAW, ip.to_vec()),
        ]
    }

    #[test]
    fn whole_frames_are_plain_and_agree_in_both_directions() {
        for (link_type, mut frame) in frames().iter().flat_map(|frame| linked(frame)) {
            assert!(assert_agrees(link_type, &frame), "{link_type} {frame:x?}");
            // With trailing bytes, as Ethernet pads.
            frame.extend_from_slice(&[0; 9]);
            assert!(assert_agrees(link_type, &frame));
        }
        let linked = linked(&frames()[0]);
        let vlans = linked.iter().map(|(link_type, frame)| Plain::read(*link_type, frame).unwrap().vlans);
        let vlans: Vec<_> = vlans.take(5).map(|vlans| vlans.as_slice().to_vec()).collect();
        assert_eq!(vlans, [vec![], vec![100], vec![100, 258], vec![], vec![7, 8]]);
    }

    #[test]
    fn tunnels_fragments_options_and_wrong_lengths_are_not_plain() {
        let mut vxlan = udp();
        vxlan[2..4].copy_from_slice(&4789u16.to_be_bytes());
        assert!(!assert_agrees(link_type::ETHERNET, &ipv4(17, &vxlan)));
        // Version and header length; total length; more fragments; fragment offset; protocol; data offset.
        for (at, byte) in
            [(14, 0x46), (14, 0x55), (16, 9), (20, 0x20), (21, 1), (23, 1), (46, 0x40), (46, 0xf0)]
        {
            let mut frame = ipv4(6, &tcp());
            frame[at] = byte;
            assert!(!assert_agrees(link_type::ETHERNET, &frame), "byte {at} is {byte:#x}");
        }
        for (link_type, frame) in linked(&ipv6(6, &tcp())).iter().chain(&linked(&ipv4(17, &udp()))) {
            for length in 0..frame.len() {
                assert!(!assert_agrees(*link_type, &frame[..length]));
            }
        }
        // Three tags, a session that ends within the packet, a control word beneath a label.
        let frame = ipv4(17, &udp());
        let (addresses, rest) = frame.split_at(12);
        let session = &[0x88, 0x64, 0x11, 0, 0, 1, 0, rest.len() as u8 - 1, 0, 0x21][..];
        for (front, rest) in [
            (&[0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3][..], rest),
            (session, &rest[2..]),
            (&[0x88, 0x47, 0, 0, 1, 64, 0, 0, 0, 0], &frame),
        ] {
            assert!(!assert_agrees(link_type::ETHERNET, &[addresses, front, rest].concat()));
        }
    }

    #[test]
    fn frames_with_any_one_byte_changed_agree_or_are_not_plain() {
        for (link_type, frame) in frames().iter().flat_map(|frame| linked(frame)) {
            for at in 0..frame.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = frame.clone();
                    changed[at] = byte;
                    assert_agrees(link_type, &changed);
                    assert_agrees(link_type, &changed[..changed.len().saturating_sub(at % 7)]);
                }
            }
        }
    }
}

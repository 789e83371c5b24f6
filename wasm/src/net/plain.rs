//! The frames that nearly all traffic is made of, read in a few words: Ethernet without tags, IPv4 without options or
//! IPv6 without extension headers, TCP or UDP, whole, in no tunnel and no fragment, with lengths that agree.
//!
//! Anything else is no [`Plain`] packet. What it says of a frame is what [`Packet`] says of it.

use super::{Address, IpHeader, Packet, Transport, ethernet, ethertype, protocol, tunnel};

const IPV4_HEADER_LENGTH: usize = 20;
const IPV6_HEADER_LENGTH: usize = 40;
const TCP_HEADER_LENGTH: usize = 20;
const UDP_HEADER_LENGTH: usize = 8;

/// Where the transport header begins.
const BEHIND_IPV4: usize = ethernet::HEADER_LENGTH + IPV4_HEADER_LENGTH;
const BEHIND_IPV6: usize = ethernet::HEADER_LENGTH + IPV6_HEADER_LENGTH;
/// Where the payload of UDP begins.
pub(crate) const UDP_PAYLOAD_IN_IPV4: usize = BEHIND_IPV4 + UDP_HEADER_LENGTH;
pub(crate) const UDP_PAYLOAD_IN_IPV6: usize = BEHIND_IPV6 + UDP_HEADER_LENGTH;

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
    hop_limit: u8,
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

impl<'a> Plain<'a> {
    /// Reads an Ethernet frame; None if it is not plain.
    #[inline(always)]
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let head = frame.first_chunk::<{ BEHIND_IPV4 + UDP_HEADER_LENGTH }>()?;
        // Some fields at a time: an access costs more than to take them apart.
        let begin = u64_at(head, 12);
        if begin & PLAIN_IPV4_MASK == PLAIN_IPV4 {
            let rest = u32_at(head, 20);
            if rest & FRAGMENTED != 0 {
                return None;
            }
            let total_length = ((begin >> 32) as u16).swap_bytes();
            let network = (PlainAddresses::V4(u64_at(head, 26)), (rest >> 24) as u8, (rest >> 16) as u8);
            let end = ethernet::HEADER_LENGTH + usize::from(total_length);
            return Self::read_transport::<BEHIND_IPV4>(frame.get(..end)?, network);
        }
        if begin & PLAIN_IPV6_MASK == PLAIN_IPV6 {
            return Self::read_ipv6(frame);
        }
        None
    }

    #[inline]
    fn read_ipv6(frame: &'a [u8]) -> Option<Self> {
        let head = frame.first_chunk::<BEHIND_IPV6>()?;
        let &[.., l0, l1, next, hop_limit] = head.first_chunk::<22>()?;
        let addresses = [u64_at(head, 22), u64_at(head, 30), u64_at(head, 38), u64_at(head, 46)];
        let end = BEHIND_IPV6 + usize::from(u16::from_be_bytes([l0, l1]));
        let network = (PlainAddresses::V6(addresses), next, hop_limit);
        Self::read_transport::<BEHIND_IPV6>(frame.get(..end)?, network)
    }

    /// `AT`: where the transport header begins in the packet.
    #[inline(always)]
    fn read_transport<const AT: usize>(
        packet: &'a [u8],
        (addresses, protocol, hop_limit): (PlainAddresses, u8, u8),
    ) -> Option<Self> {
        let segment = packet.get(AT..)?;
        let ports = u32::from_be_bytes(*segment.first_chunk()?);
        let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
        let plain = Self {
            payload: &[],
            addresses,
            protocol,
            source_port,
            destination_port,
            tcp_flags: 0,
            hop_limit,
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
        let (ethertype, transport_offset) = match self.addresses {
            PlainAddresses::V4(_) => (ethertype::IPV4, BEHIND_IPV4),
            PlainAddresses::V6(_) => (ethertype::IPV6, BEHIND_IPV6),
        };
        packet.ethertype = ethertype;
        packet.link_length = ethernet::HEADER_LENGTH as u32;
        packet.network_offset = packet.link_length;
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
        packet.payload_offset = (transport_offset + header_length) as u32;
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
    use crate::flow::key;
    use crate::net::{Fragment, link_type};

    /// What is plain says the same as what is read in full.
    fn assert_agrees(frame: &[u8]) -> bool {
        let mut packet = Packet::unread(frame);
        packet.read(link_type::ETHERNET, frame.len() as u32);
        let Some(plain) = Plain::read(frame) else { return false };
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
        assert!(packet.tunnels().is_empty() && packet.vlans().is_empty() && packet.outer_ip.is_none());
        assert!(!packet.faults.has_lies());
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

    #[test]
    fn whole_frames_are_plain_and_agree_in_both_directions() {
        for mut frame in frames() {
            assert!(assert_agrees(&frame));
            // With trailing bytes, as Ethernet pads.
            frame.extend_from_slice(&[0; 9]);
            assert!(assert_agrees(&frame));
        }
    }

    #[test]
    fn tunnels_fragments_options_and_wrong_lengths_are_not_plain() {
        let mut vxlan = udp();
        vxlan[2..4].copy_from_slice(&4789u16.to_be_bytes());
        assert!(!assert_agrees(&ipv4(17, &vxlan)));
        // Version and header length; total length; more fragments; fragment offset; protocol; data offset.
        for (at, byte) in
            [(14, 0x46), (14, 0x55), (16, 9), (20, 0x20), (21, 1), (23, 1), (46, 0x40), (46, 0xf0)]
        {
            let mut frame = ipv4(6, &tcp());
            frame[at] = byte;
            assert!(!assert_agrees(&frame), "byte {at} is {byte:#x}");
        }
        for length in 0..ipv6(6, &tcp()).len() {
            assert!(!assert_agrees(&ipv6(6, &tcp())[..length]));
        }
    }

    #[test]
    fn frames_with_any_one_byte_changed_agree_or_are_not_plain() {
        for frame in frames() {
            for at in 0..frame.len() {
                for byte in 0..=u8::MAX {
                    let mut changed = frame.clone();
                    changed[at] = byte;
                    assert_agrees(&changed);
                    assert_agrees(&changed[..changed.len().saturating_sub(at % 7)]);
                }
            }
        }
    }
}

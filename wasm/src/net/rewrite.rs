//! Writing an IP packet behind the link layer of a captured frame, as reassembly and decapsulation need it.

use super::{capture_header, ethertype, infiniband, link_type, protocol, vlan};

const IPV4_HEADER_LENGTH: usize = 20;
const IPV6_HEADER_LENGTH: usize = 40;
/// Most extension headers that are read, as in the decoder.
const MOST_HEADERS: usize = 17;
/// Most VLAN tags that are passed over.
const MOST_TAGS: usize = 16;
/// PPP protocol numbers of the IP versions (IANA).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// Control and network layer protocol identifier of the IP versions in Frame Relay (RFC 2427).
const FRELAY_IPV4: u16 = 0x03cc;
const FRELAY_IPV6: u16 = 0x038e;
const NLPID_IPV4: u8 = 0xcc;
const NLPID_IPV6: u8 = 0x8e;
/// Longest 802.3 payload (IEEE 802.3 section 3.2.6); 1501 to 1535 are undefined, more is an EtherType.
const MOST_802_3: usize = 1500;
/// 802.2 LLC header and SNAP organisation code in front of an EtherType.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// Where the extension headers of an IP packet end.
pub(super) struct HeaderChain {
    /// Protocol of the header that follows them: an upper-layer one, or the fragment header of a real fragment.
    pub(super) header: u8,
    /// Where that header begins in the frame, bytes.
    pub(super) at: usize,
    /// Where the Protocol or Next Header field that names it is.
    pub(super) named_at: usize,
}

/// Walks the headers of the IP packet at `network_offset` the way the decoder does: fragment headers around a whole
/// packet (RFC 6946) are passed over. `None` where the capture ends or there is no IP.
pub(super) fn header_chain(frame: &[u8], network_offset: usize) -> Option<HeaderChain> {
    let ip = frame.get(network_offset..)?;
    let (mut named_at, mut at) = match ip.first()? >> 4 {
        4 => (network_offset + 9, network_offset + usize::from(ip.first()? & 0xf) * 4),
        6 => (network_offset + 6, network_offset + IPV6_HEADER_LENGTH),
        _ => return None,
    };
    for _ in 0..MOST_HEADERS {
        let header = *frame.get(named_at)?;
        let chain = HeaderChain { header, at, named_at };
        let extends = match header {
            protocol::AUTHENTICATION => true,
            _ if ip.first()? >> 4 == 4 => false,
            protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HOST_IDENTITY
            | protocol::SHIM6 => true,
            _ => false,
        };
        if !extends {
            return Some(chain);
        }
        let &[_, length, f0, f1, ..] = frame.get(at..)?.first_chunk::<8>()?;
        let length = match header {
            // Offset and More Fragments: reserved bits aside, zero in an atomic fragment.
            protocol::FRAGMENT if u16::from_be_bytes([f0, f1]) & 0xfff9 != 0 => return Some(chain),
            protocol::FRAGMENT => 8,
            protocol::AUTHENTICATION => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        (named_at, at) = (at, at + length);
    }
    None
}

/// Where the layers of a frame begin, bytes, as in [`super::Packet`].
#[derive(Clone, Copy)]
pub(super) struct Layers {
    pub(super) link_type: u32,
    pub(super) link_length: u32,
    pub(super) network_offset: u32,
}

/// Puts into `out` the link layer of `frame` for its innermost IP packet of `ip_length` bytes: all that is in front of
/// the IP header, tags included. A tunnel is left out; what the link layer says it carries is then the inner IP
/// version. Lengths in it are set. Returns the link type, `None` for offsets beyond the frame.
pub(super) fn write_link_layer(
    frame: &[u8],
    layers: Layers,
    ip_length: usize,
    out: &mut Vec<u8>,
) -> Option<u32> {
    if let Some((link_type, content)) = capture_header::content(layers.link_type, frame) {
        // Those headers say nothing of the packet's length.
        let (header, _) = frame.split_at_checked(frame.len() - content.len())?;
        let link_length = layers.link_length.checked_sub(header.len() as u32)?;
        let network_offset = layers.network_offset.checked_sub(header.len() as u32)?;
        let inner = Layers { link_type, link_length, network_offset };
        let link_type = write_link_layer(content, inner, ip_length, out)?;
        out.splice(..0, header.iter().copied());
        capture_header::set_link_type(layers.link_type, out, link_type);
        return Some(layers.link_type);
    }
    out.clear();
    let network_offset = layers.network_offset as usize;
    let ipv6 = frame.get(network_offset)? >> 4 == 6;
    let mut link_type = layers.link_type;
    if layers.link_length < layers.network_offset {
        out.extend_from_slice(frame.get(..layers.link_length as usize)?);
        link_type = set_ip_version(link_type, ipv6, out);
    } else {
        out.extend_from_slice(frame.get(..network_offset)?);
    }
    set_lengths(link_type, ipv6, ip_length, out);
    Some(link_type)
}

/// Makes a link layer announce the IP version; returns the link type, which may be that of one version alone.
fn set_ip_version(link_type: u32, ipv6: bool, link: &mut [u8]) -> u32 {
    if link_type == link_type::FRELAY
        && let [.., 0x03, 0x00, identifier @ (NLPID_IPV4 | NLPID_IPV6)] = link
    {
        // Behind a byte of padding.
        *identifier = if ipv6 { NLPID_IPV6 } else { NLPID_IPV4 };
        return link_type;
    }
    let field = match link_type {
        link_type::IPV4 | link_type::IPV6 => return if ipv6 { link_type::IPV6 } else { link_type::IPV4 },
        link_type::NULL | link_type::LOOP => {
            set_family(ipv6, link);
            return link_type;
        }
        link_type::LINUX_SLL2 if link.len() == 20 => link.first_chunk_mut::<2>(),
        link_type::IPOIB => link.get_mut(infiniband::TYPE_OFFSET..).and_then(<[u8]>::first_chunk_mut),
        _ => link.last_chunk_mut::<2>(),
    };
    if let Some(field) = field {
        let number = match u16::from_be_bytes(*field) {
            ethertype::IPV4 | ethertype::IPV6 => [ethertype::IPV4, ethertype::IPV6],
            PPP_IPV4 | PPP_IPV6 => [PPP_IPV4, PPP_IPV6],
            FRELAY_IPV4 | FRELAY_IPV6 => [FRELAY_IPV4, FRELAY_IPV6],
            // Labels and the like, beneath which the IP header itself says which version it is.
            other => [other, other],
        };
        *field = number[usize::from(ipv6)].to_be_bytes();
    }
    link_type
}

/// The address family of BSD loopback, in the byte order that is there. AF_INET6 differs between the systems: unless
/// one is there already, Darwin's is written.
fn set_family(ipv6: bool, link: &mut [u8]) {
    let Some(family) = link.first_chunk_mut::<4>() else { return };
    if let [_, _, ethertype @ ..] = family
        && matches!(u16::from_be_bytes(*ethertype), ethertype::IPV4 | ethertype::IPV6)
    {
        *ethertype = (if ipv6 { ethertype::IPV6 } else { ethertype::IPV4 }).to_be_bytes();
        return;
    }
    let big_endian = u32::from_be_bytes(*family) < u32::from_le_bytes(*family);
    let was_ipv6 = family.iter().all(|byte| *byte != 2);
    if was_ipv6 != ipv6 {
        let number: u32 = if ipv6 { 30 } else { 2 };
        *family = if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    }
}

/// Sets the length fields of a link layer in front of an IP packet of `ip_length` bytes. What is no plain tag is left out with
/// all behind it: a check value that covers another packet, or frames in frames.
fn set_lengths(link_type: u32, ipv6: bool, ip_length: usize, link: &mut Vec<u8>) {
    let (mut type_at, mut next) = match link_type {
        link_type::ETHERNET => (12, 14),
        link_type::LINUX_SLL => (14, 16),
        link_type::LINUX_SLL2 => (0, 20),
        _ => return,
    };
    for _ in 0..MOST_TAGS {
        let Some(kind) = u16_at(link, type_at) else { return };
        match kind {
            tag if vlan::is_tag(tag) => (type_at, next) = (next + 2, next + vlan::TAG_LENGTH),
            ethertype::MACSEC
            | ethertype::BACKBONE_SERVICE
            | ethertype::FABRIC_PATH
            | ethertype::PORT_EXTENSION
            | ethertype::VIRTUAL_INTERFACE
            | ethertype::CISCO_METADATA
            | ethertype::ARISTA
            | ethertype::NSH => {
                link.truncate(next);
                return set_u16(link, type_at, if ipv6 { ethertype::IPV6 } else { ethertype::IPV4 });
            }
            ethertype::PPPOE_SESSION => {
                let length = (link.len() + ip_length).saturating_sub(next + 6);
                return set_u16(link, next + 4, u16::try_from(length).unwrap_or(u16::MAX));
            }
            1..ethertype::LEAST if link_type == link_type::ETHERNET => {
                return set_802_3_length(type_at, next, ip_length, link);
            }
            _ => return,
        }
    }
}

/// A packet too long for an 802.3 length field gets its EtherType instead of the field and the SNAP header.
fn set_802_3_length(field_at: usize, next: usize, ip_length: usize, link: &mut Vec<u8>) {
    let length = (link.len() + ip_length).saturating_sub(next);
    if length <= MOST_802_3 {
        set_u16(link, field_at, length as u16);
    } else if link.get(next..next + SNAP.len()) == Some(&SNAP)
        && link.len() == next + SNAP.len() + 2
        && let Some(ethertype) = u16_at(link, next + SNAP.len())
    {
        link.truncate(next);
        set_u16(link, field_at, ethertype);
    }
}

/// Sets the length and the checksum of the IP header at the beginning of `ip`, extension headers and payload included
/// in `ip_length`. `false` for a packet longer than its length field can say, or no IP.
pub(super) fn set_ip_length(ip: &mut [u8], ip_length: usize) -> bool {
    let version = ip.first().map_or(0, |byte| byte >> 4);
    let (field, counted) = match version {
        4 => (2, ip_length),
        6 => (4, ip_length.saturating_sub(IPV6_HEADER_LENGTH)),
        _ => return false,
    };
    let Ok(length) = u16::try_from(counted) else { return false };
    set_u16(ip, field, length);
    if version == 4 {
        let header_length = usize::from(ip.first().map_or(0, |byte| byte & 0xf)) * 4;
        set_u16(ip, 10, 0);
        let header = ip.get(..header_length.max(IPV4_HEADER_LENGTH)).unwrap_or_default();
        let checksum = !fold(sum(header));
        set_u16(ip, 10, checksum);
    }
    true
}

/// Sum of the 16-bit words, not folded; an odd byte counts as the upper half of a word (RFC 1071).
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let rest = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.iter().fold(rest, |sum, word| sum + u64::from(u16::from_be_bytes(*word)))
}

/// The one's complement sum of 16 bits (RFC 1071).
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_be_bytes(*field))
}

fn set_u16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = value.to_be_bytes();
    }
}

//! GENEVE (RFC 8926).

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethertype};

const LENGTH: usize = 8;
const VERSION: u8 = 0xc0;
/// Length of the options in units of 4 bytes, in the header and in each option.
const OPTIONS_LENGTH: u8 = 0x3f;
const OPTION_LENGTH: u8 = 0x1f;
/// A control packet, and the reserved bits beside; what is left says that there are critical options.
const CONTROL_AND_RESERVED: u8 = 0xbf;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let (fixed, rest) = packet.payload.split_first_chunk::<LENGTH>()?;
    let &[first, second, t0, t1, v0, v1, v2, reserved] = fixed;
    if first & VERSION != 0 || second & CONTROL_AND_RESERVED != 0 || reserved != 0 {
        return None;
    }
    let options_length = usize::from(first & OPTIONS_LENGTH) * 4;
    let mut options = rest.get(..options_length)?;
    while let Some((&[_, _, _, length], following)) = options.split_first_chunk::<4>() {
        options = following.get(usize::from(length & OPTION_LENGTH) * 4..)?;
    }
    let content = match u16::from_be_bytes([t0, t1]) {
        ethertype::TRANSPARENT_ETHERNET => Content::Ethernet,
        known @ (ethertype::IPV4 | ethertype::IPV6 | ethertype::MPLS | ethertype::MPLS_UPSTREAM) => {
            Content::EtherType(known)
        }
        ethertype::ARP if packet.has_arp_at(LENGTH + options_length) => Content::EtherType(ethertype::ARP),
        ethertype::NSH if packet.has_nsh_at(LENGTH + options_length) => Content::EtherType(ethertype::NSH),
        _ => return None,
    };
    let id = u32::from_be_bytes([0, v0, v1, v2]);
    Some(packet.tunnel_header(TunnelKind::Geneve, id, LENGTH + options_length, content))
}

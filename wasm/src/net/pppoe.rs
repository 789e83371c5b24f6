//! PPP over Ethernet, the session stage (RFC 2516).

use super::{Faults, Next, Packet, ethertype, ppp};

const HEADER_LENGTH: usize = 6;
const VERSION_AND_TYPE: u8 = 0x11;
const SESSION_DATA: u8 = 0;

/// Bytes in front of IP whose protocol number is not compressed.
pub(super) const PLAIN_LENGTH: usize = HEADER_LENGTH + 2;

/// Bytes, header included, of the session data at the front of `bytes`, and what it carries, as an EtherType: where that is
/// IP and its protocol number is not compressed.
#[inline(always)]
pub(super) fn ip_session(bytes: &[u8]) -> Option<(usize, u16)> {
    let &[VERSION_AND_TYPE, SESSION_DATA, _, _, high, low, 0, number] =
        bytes.first_chunk::<PLAIN_LENGTH>()?
    else {
        return None;
    };
    let ethertype = match number {
        0x21 => ethertype::IPV4,
        0x57 => ethertype::IPV6,
        _ => return None,
    };
    Some((HEADER_LENGTH + usize::from(u16::from_be_bytes([high, low])), ethertype))
}

#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[version_and_type, code, _, _, high, low]) = packet.payload.first_chunk::<HEADER_LENGTH>()
    else {
        return packet.stop(Faults::HEADER_CUT);
    };
    if (version_and_type, code) != (VERSION_AND_TYPE, SESSION_DATA) {
        return Next::End;
    }
    packet.strip(HEADER_LENGTH);
    packet.truncate(u32::from(u16::from_be_bytes([high, low])));
    ppp::decode(packet)
}

//! PPP over Ethernet, the session stage (RFC 2516).

use super::{Faults, Next, Packet, ppp};

const HEADER_LENGTH: usize = 6;
const VERSION_AND_TYPE: u8 = 0x11;
const SESSION_DATA: u8 = 0;

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

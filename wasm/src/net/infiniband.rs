//! IP over InfiniBand (RFC 4391) as libpcap delivers it: both addresses of 20 bytes in front of the header with the EtherType.

use super::{Faults, Next, Packet};

/// Bytes in front of the EtherType.
pub(super) const TYPE_OFFSET: usize = 40;
const HEADER_LENGTH: usize = TYPE_OFFSET + 4;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[.., high, low, _, _]) = packet.payload.first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(HEADER_LENGTH);
    Next::EtherType(u16::from_be_bytes([high, low]))
}

//! Linux cooked captures, versions 1 and 2: the pseudo link header of the `any` device.

use super::{Faults, Next, Packet, llc};

pub(super) const V1_LENGTH: usize = 16;
pub(super) const V2_LENGTH: usize = 20;
/// Protocol of frames that begin with LLC (`LINUX_SLL_P_802_2`); above 1535 it is an EtherType.
const LLC: u16 = 4;

#[inline]
pub(super) fn decode_v1(packet: &mut Packet<'_>) -> Next {
    let Some(&[.., high, low]) = packet.payload.first_chunk::<V1_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(V1_LENGTH);
    by_protocol(packet, u16::from_be_bytes([high, low]))
}

#[inline]
pub(super) fn decode_v2(packet: &mut Packet<'_>) -> Next {
    let Some(&[high, low, ..]) = packet.payload.first_chunk::<V2_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(V2_LENGTH);
    by_protocol(packet, u16::from_be_bytes([high, low]))
}

#[inline]
fn by_protocol(packet: &mut Packet<'_>, protocol: u16) -> Next {
    if protocol == LLC { llc::decode(packet) } else { Next::EtherType(protocol) }
}

/// Appends a version 2 frame as a version 1 frame, 4 bytes shorter: the interface index is lost. `false`, with nothing
/// appended, for a frame without a whole header.
pub fn to_cooked_v1(frame: &[u8], out: &mut Vec<u8>) -> bool {
    let Some((header, rest)) = frame.split_first_chunk::<V2_LENGTH>() else {
        return false;
    };
    let [
        protocol_0,
        protocol_1,
        _,
        _,
        _,
        _,
        _,
        _,
        arphrd_0,
        arphrd_1,
        packet_type,
        address_length,
        address @ ..,
    ] = *header;
    out.extend_from_slice(&[0, packet_type, arphrd_0, arphrd_1, 0, address_length]);
    out.extend_from_slice(&address);
    out.extend_from_slice(&[protocol_0, protocol_1]);
    out.extend_from_slice(rest);
    true
}

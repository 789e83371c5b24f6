//! IEEE 802.11: data frames that are whole and not encrypted.

use super::{Faults, Next, Packet, llc};

/// Frame control to sequence control.
const LEAST_HEADER_LENGTH: usize = 24;
const ADDRESS_LENGTH: usize = 6;
const QOS_CONTROL_LENGTH: usize = 2;
const HT_CONTROL_LENGTH: usize = 4;

/// First byte of frame control: protocol version and type, and two bits of the subtype of data frames.
mod kind {
    pub(super) const VERSION_AND_TYPE: u8 = 0x0f;
    pub(super) const DATA: u8 = 0x08;
    pub(super) const NO_DATA: u8 = 0x40;
    pub(super) const QOS: u8 = 0x80;
}

/// Second byte of frame control.
mod flag {
    pub(super) const BOTH_DISTRIBUTION_SYSTEMS: u8 = 0x03;
    pub(super) const PROTECTED: u8 = 0x40;
    pub(super) const ORDER: u8 = 0x80;
}

/// Low four bits of sequence control.
const FRAGMENT_NUMBER: u8 = 0x0f;
/// Bit of QoS control: the body is a list of frames.
const AGGREGATE: u8 = 0x80;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    decode_padded(packet, 1)
}

/// A frame whose header is padded to a multiple of `alignment` bytes.
pub(super) fn decode_padded(packet: &mut Packet<'_>, alignment: usize) -> Next {
    let frame = packet.payload;
    let Some(&[kind, flags]) = frame.first_chunk::<2>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    if kind & (kind::VERSION_AND_TYPE | kind::NO_DATA) != kind::DATA || flags & flag::PROTECTED != 0 {
        return Next::End;
    }
    let mut length = LEAST_HEADER_LENGTH;
    if flags & flag::BOTH_DISTRIBUTION_SYSTEMS == flag::BOTH_DISTRIBUTION_SYSTEMS {
        length += ADDRESS_LENGTH;
    }
    let mut qos_control = 0;
    if kind & kind::QOS != 0 {
        qos_control = frame.get(length).copied().unwrap_or(0);
        length += QOS_CONTROL_LENGTH;
        if flags & flag::ORDER != 0 {
            length += HT_CONTROL_LENGTH;
        }
    }
    length = length.next_multiple_of(alignment);
    if frame.len() < length {
        return packet.stop(Faults::HEADER_CUT);
    }
    packet.strip(length);
    let fragment_number = frame.get(22).map_or(0, |byte| byte & FRAGMENT_NUMBER);
    if fragment_number != 0 || qos_control & AGGREGATE != 0 { Next::End } else { llc::decode(packet) }
}

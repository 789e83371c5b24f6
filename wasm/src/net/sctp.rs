//! SCTP (RFC 9260): the common header; the chunks are the payload.

use super::{Faults, Next, Packet, Transport};

const HEADER_LENGTH: usize = 12;

#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    packet.take_ports(Transport::Sctp, HEADER_LENGTH, Faults::SCTP_LENGTH)
}

//! UDP-Lite (RFC 3828): UDP with a checksum coverage in the place of the length, which is that of the IP packet.

use super::{Faults, Next, Packet, Transport};

const HEADER_LENGTH: usize = 8;

#[inline(never)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    packet.take_ports(Transport::Udp, HEADER_LENGTH, Faults::UDP_LENGTH)
}

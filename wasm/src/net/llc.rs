//! IEEE 802.2 LLC with SNAP, behind IEEE 802.3, 802.11 and FDDI, and in cooked captures.

use super::{Next, Packet};

/// LLC header and organisation code in front of an EtherType: RFC 1042, and IEEE 802.1H for bridges.
const ENCAPSULATED_ETHERNET: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
const BRIDGE_TUNNEL: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0xf8];

/// Destination and source service access point, and the short form of control.
const LEAST_HEADER_LENGTH: usize = 3;

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first_chunk::<8>() {
        Some(&[snap @ .., high, low]) if snap == ENCAPSULATED_ETHERNET || snap == BRIDGE_TUNNEL => {
            packet.strip(8);
            Next::EtherType(u16::from_be_bytes([high, low]))
        }
        _ => {
            packet.llc = packet.payload.len() >= LEAST_HEADER_LENGTH;
            Next::End
        }
    }
}

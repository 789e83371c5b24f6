//! IEEE 802.2 LLC with SNAP, behind IEEE 802.3, 802.11 and FDDI.

use super::{Next, Packet};

/// LLC header and organisation code in front of an EtherType: RFC 1042, and IEEE 802.1H for bridges.
const ENCAPSULATED_ETHERNET: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
const BRIDGE_TUNNEL: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0xf8];

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first_chunk::<8>() {
        Some(&[snap @ .., high, low]) if snap == ENCAPSULATED_ETHERNET || snap == BRIDGE_TUNNEL => {
            packet.strip(8);
            Next::EtherType(u16::from_be_bytes([high, low]))
        }
        _ => Next::End,
    }
}

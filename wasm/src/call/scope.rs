//! Networks whose addresses mean different hosts: VLANs, and tunnels that are networks of their own.

use std::hash::Hasher;

use crate::bounded::MixHasher;
use crate::net::{Packet, TunnelKind};

/// Where it is not known, or does not matter.
pub const ANY_SCOPE: u32 = u32::MAX;

/// A number for the network that a packet is in, the same for signalling and media; 0 outside of VLANs and tunnels.
///
/// Unlike the scope of a flow, it says nothing of the ends of tunnels, nor of identifiers that each connection has its own of:
/// the media of a call may take another tunnel through the same network.
#[inline]
pub fn scope_of(packet: &Packet) -> u32 {
    if packet.vlans().is_empty() && packet.tunnels().is_empty() { 0 } else { scope_of_networks(packet) }
}

#[cold]
fn scope_of_networks(packet: &Packet) -> u32 {
    let mut hasher = MixHasher::default();
    let mut count = packet.vlans().len();
    packet.vlans().iter().for_each(|vlan| hasher.write_u16(*vlan));
    for tunnel in packet.tunnels() {
        if matches!(
            tunnel.kind,
            TunnelKind::Vxlan | TunnelKind::VxlanGpe | TunnelKind::Geneve | TunnelKind::Gre
        ) {
            hasher.write_u64((tunnel.kind as u64 + 1) << 32 | u64::from(tunnel.id));
            count += 1;
        }
    }
    if count == 0 { 0 } else { ((hasher.finish() >> 33) as u32).max(1) }
}

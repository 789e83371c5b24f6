//! Networks whose addresses mean different hosts: VLANs, and tunnels that are networks of their own.

use std::hash::Hasher;

use crate::bounded::MixHasher;
use crate::net::{Packet, Tunnel, TunnelKind};

/// Where it is not known, or does not matter.
pub const ANY_SCOPE: u32 = u32::MAX;

/// A number for the network that a packet is in, the same for signalling and media; 0 outside of VLANs and tunnels.
///
/// Unlike the scope of a flow, it says nothing of the ends of tunnels, nor of identifiers that each connection has its own of:
/// the media of a call may take another tunnel through the same network.
#[inline]
pub fn scope_of(packet: &Packet) -> u32 {
    if packet.vlans().is_empty() && packet.tunnels().is_empty() {
        0
    } else {
        scope_of_networks(packet.vlans(), packet.tunnels())
    }
}

/// The same for a packet in no tunnel.
#[inline]
pub fn scope_of_vlans(vlans: &[u16]) -> u32 {
    match vlans {
        [] => 0,
        [vlan] => plain(ONE_VLAN, (*vlan).into()),
        _ => scope_of_networks(vlans, &[]),
    }
}

#[cold]
fn scope_of_networks(vlans: &[u16], tunnels: &[Tunnel]) -> u32 {
    let mut networks = tunnels.iter().filter_map(|tunnel| Some((kind_of(tunnel.kind)?, tunnel.id)));
    // Plain numbers, so that no two of the usual networks share one by chance or by intent.
    match (vlans, networks.next(), networks.next()) {
        ([], None, _) => return 0,
        ([vlan], None, _) => return plain(ONE_VLAN, (*vlan).into()),
        ([outer, inner], None, _) => return plain(TWO_VLANS, u32::from(*outer) << 12 | u32::from(*inner)),
        ([], Some((kind, id)), None) if id <= MOST_PLAIN => return plain(kind, id),
        _ => {}
    }
    let mut hasher = MixHasher::default();
    vlans.iter().for_each(|vlan| hasher.write_u16(*vlan));
    for tunnel in tunnels {
        if let Some(kind) = kind_of(tunnel.kind) {
            hasher.write_u64(u64::from(kind) << 32 | u64::from(tunnel.id));
        }
    }
    ((hasher.finish() >> 33) as u32).max(1)
}

/// Bits of a number that is no hash.
const PLAIN_BITS: u32 = 28;
const MOST_PLAIN: u32 = (1 << PLAIN_BITS) - 1;
const ONE_VLAN: u32 = 0;
const TWO_VLANS: u32 = 1;

/// A number with the uppermost bit, which hashes do not have. Kinds are less than 7, so that none is [`ANY_SCOPE`].
fn plain(kind: u32, number: u32) -> u32 {
    1 << 31 | kind << PLAIN_BITS | number & MOST_PLAIN
}

/// The kind of a tunnel that is a network of its own.
fn kind_of(kind: TunnelKind) -> Option<u32> {
    match kind {
        TunnelKind::Vxlan => Some(2),
        TunnelKind::VxlanGpe => Some(3),
        TunnelKind::Geneve => Some(4),
        TunnelKind::Gre => Some(5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn tunnel(kind: TunnelKind, id: u32) -> Tunnel {
        Tunnel { kind, id }
    }

    #[test]
    fn usual_networks_have_numbers_of_their_own() {
        let mut seen = HashSet::from([0, ANY_SCOPE]);
        for vlan in 0..4096 {
            assert!(seen.insert(scope_of_networks(&[vlan], &[])), "VLAN {vlan}");
            for inner in (0..4096).step_by(61) {
                assert!(seen.insert(scope_of_networks(&[vlan, inner], &[])), "VLANs {vlan} {inner}");
            }
        }
        for kind in [TunnelKind::Vxlan, TunnelKind::VxlanGpe, TunnelKind::Geneve, TunnelKind::Gre] {
            for id in (0..1 << 24).step_by(37) {
                assert!(seen.insert(scope_of_networks(&[], &[tunnel(kind, id)])), "{kind:?} {id}");
            }
        }
    }

    #[test]
    fn other_networks_are_told_from_each_other_and_from_none() {
        let [network, path] = [TunnelKind::Vxlan, TunnelKind::IpInIp].map(|kind| tunnel(kind, 7));
        let key = tunnel(TunnelKind::Gre, 0xffff_ffff);
        assert_eq!(scope_of_networks(&[], &[path, path]), 0);
        assert_eq!(scope_of_networks(&[], &[path, network]), scope_of_networks(&[], &[network]));
        let scopes = [
            scope_of_networks(&[1, 2, 3], &[]),
            scope_of_networks(&[1], &[network]),
            scope_of_networks(&[2], &[network]),
            scope_of_networks(&[], &[network, network]),
            scope_of_networks(&[], &[key]),
        ];
        assert!(scopes.iter().all(|scope| (1..1 << 31).contains(scope)), "{scopes:?}");
        assert_eq!(HashSet::from(scopes).len(), scopes.len());
    }
}

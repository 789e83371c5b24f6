//! Which packets belong to the mode.

use super::{Engine, Protocol};
use crate::matching::address::bits_of;
use crate::net::{Fragment, Packet, Transport};

/// How long a fragmented datagram is remembered, nanoseconds of packet time; RFC 791 and RFC 8200 let receivers
/// wait 15 to 60 s.
const FRAGMENT_LIFETIME_NS: i64 = 30_000_000_000;

/// Which datagram a fragment belongs to: addresses and identification. Not the protocol, since a later IPv6
/// fragment does not name the one that follows the extension headers of the first.
pub(super) type FragmentKey = (u128, u128, u32);

pub(super) struct FragmentFate {
    keep: bool,
    seen_ns: i64,
}

impl Engine {
    /// For a later fragment: whether the first one of its datagram was kept, if that is remembered.
    #[cold]
    pub(super) fn fate_of_first_fragment(&self, packet: &Packet, timestamp_ns: i64) -> Option<bool> {
        let Fragment::Later { .. } = packet.fragment else { return None };
        let fate = self.fragments.get(&fragment_key(packet)?)?;
        (timestamp_ns.saturating_sub(fate.seen_ns) < FRAGMENT_LIFETIME_NS).then_some(fate.keep)
    }

    /// Later fragments show neither ports nor names: they share the fate of the first one, where those matter.
    #[cold]
    pub(super) fn remember_first_fragment(&mut self, packet: &Packet, keep: bool, timestamp_ns: i64) {
        if let Fragment::First { .. } = packet.fragment
            && (self.options.protocol != Protocol::All
                || self.filters.wants_domains()
                || self.inspected.any())
            && let Some(key) = fragment_key(packet)
        {
            self.fragments.insert(key, FragmentFate { keep, seen_ns: timestamp_ns });
        }
    }

    /// Whether the packet belongs to the mode. `fate` is that of the first fragment of its datagram.
    #[inline]
    pub(super) fn fits_mode(&mut self, packet: &Packet, fate: Option<bool>) -> bool {
        if let Fragment::Later { .. } = packet.fragment {
            let fits = fate.unwrap_or(self.options.protocol == Protocol::All);
            self.counters.rejected_fragments += u64::from(!fits);
            return fits;
        }
        if self.options.protocol == Protocol::All {
            return true;
        }
        let transport = match packet.transport {
            Transport::Udp => true,
            Transport::Tcp => !self.options.udp_only,
            _ => false,
        };
        let fits = transport && self.recognizer.is_dns_port(packet);
        self.counters.rejected_by_mode += u64::from(!fits);
        fits
    }
}

/// A set of ports with constant-time look-up.
pub(super) struct PortSet(Box<[u64; 1024]>);

impl Default for PortSet {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl PortSet {
    pub(super) fn insert(&mut self, port: u16) {
        self.0[usize::from(port >> 6)] |= 1 << (port & 63);
    }

    #[inline]
    pub(super) fn contains(&self, port: u16) -> bool {
        self.0[usize::from(port >> 6)] >> (port & 63) & 1 != 0
    }
}

fn fragment_key(packet: &Packet) -> Option<FragmentKey> {
    let ip = packet.ip.as_ref()?;
    let (Fragment::First { identification } | Fragment::Later { identification, .. }) = packet.fragment
    else {
        return None;
    };
    Some((bits_of(&ip.source), bits_of(&ip.destination), identification))
}

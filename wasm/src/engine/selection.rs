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
    /// Whether the packet belongs to the mode; later fragments follow the first one of their datagram.
    #[inline]
    pub(super) fn fits_mode(&mut self, packet: &Packet, timestamp_ns: i64) -> bool {
        if self.options.protocol == Protocol::All {
            return true;
        }
        match packet.fragment {
            Fragment::Later { .. } => {
                let keep =
                    fragment_key(packet).and_then(|key| self.fragments.get(&key)).is_some_and(|fate| {
                        fate.keep && timestamp_ns.saturating_sub(fate.seen_ns) < FRAGMENT_LIFETIME_NS
                    });
                self.counters.rejected_fragments += u64::from(!keep);
                return keep;
            }
            Fragment::First { .. } | Fragment::None => {}
        }
        let transport = match packet.transport {
            Transport::Udp => true,
            Transport::Tcp => !self.options.udp_only,
            _ => false,
        };
        let fits = transport
            && (self.dns_ports.contains(packet.source_port)
                || self.dns_ports.contains(packet.destination_port));
        if let (Fragment::First { .. }, Some(key)) = (packet.fragment, fragment_key(packet)) {
            self.fragments.insert(key, FragmentFate { keep: fits, seen_ns: timestamp_ns });
        }
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

//! Which flow a packet belongs to.
//!
//! A [`FlowKey`] says all that sets a conversation apart: where it was captured, VLANs, tunnels, IP version, protocol,
//! addresses and ports. It is the same for both directions: the lower endpoint, by address and then port, comes first; in
//! which order addresses are is of no meaning.

use std::hash::Hasher;

use crate::bounded::MixHasher;
use crate::net::plain::{Plain, PlainAddresses};
use crate::net::{Address, Fragment, Packet, Transport};

/// Direction of a packet relative to the first one of its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// From the side that began: the sender of the first packet, or the receiver of a first TCP SYN+ACK.
    Forward = 0,
    /// Towards the side that began.
    Reverse = 1,
}

impl Direction {
    /// The opposite direction.
    #[inline]
    pub fn opposite(self) -> Self {
        match self {
            Self::Forward => Self::Reverse,
            Self::Reverse => Self::Forward,
        }
    }
}

/// Bit of [`FlowKey::kind`]: the addresses are those of IPv6.
const IPV6: u16 = 1 << 8;
/// Bit of [`FlowKey::kind`]: the packets have no transport header of their own, or not all of them have it.
const NO_TRANSPORT: u16 = 1 << 9;

/// Identity of a conversation, the same in both directions.
///
/// For IPv4 everything that differs lies in the first 22 bytes: `rest` is zero, and need not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// IPv4: lower endpoint's address in the upper half, the higher one's in the lower half. IPv6: first half of the
    /// lower endpoint's address.
    pub(super) addresses: u64,
    /// Capture, tunnels and VLANs folded into one number; 0 where there are none.
    pub(super) scope: u64,
    /// The lower endpoint's port in the upper half, the higher one's in the lower half.
    pub(super) ports: u32,
    /// IP protocol number, [`IPV6`], [`NO_TRANSPORT`].
    pub(super) kind: u16,
    /// IPv6: second half of the lower endpoint's address, then the higher one's. IPv4: 0.
    pub(super) rest: [u64; 3],
}

/// The flow key of a packet, and whether the packet's source is the lower endpoint. None without an IP header.
///
/// `context` separates captures from each other (a hash of the hunter's id; 0 for this machine's own), `tunnel_context`
/// tunnels (a hash of their kinds and identifiers, 0 outside of tunnels). The fragments of a packet have ports 0, the
/// first one too, so that they share a flow, which is none of TCP's or UDP's.
// Measured: a key that goes through memory costs as much as the look-up.
#[inline(always)]
pub fn of(packet: &Packet<'_>, context: u64, tunnel_context: u64) -> Option<(FlowKey, bool)> {
    let ip = packet.ip.as_ref()?;
    let mut kind = u16::from(ip.protocol);
    let (mut source_port, mut destination_port) = (packet.source_port, packet.destination_port);
    if packet.fragment != Fragment::None || packet.transport == Transport::None {
        kind |= NO_TRANSPORT;
        (source_port, destination_port) = (0, 0);
    }
    let ports = u32::from(source_port) << 16 | u32::from(destination_port);
    let vlans = packet.vlans();
    let scope = if vlans.is_empty() && context | tunnel_context == 0 {
        0
    } else {
        scope(context, tunnel_context, vlans)
    };
    let (addresses, rest, is_lower);
    if ip.version == 4 {
        let pair = u64::from(ipv4_bits(&ip.source)) << 32 | u64::from(ipv4_bits(&ip.destination));
        let swapped = pair.rotate_left(32);
        is_lower = pair < swapped || (pair == swapped && source_port <= destination_port);
        addresses = if is_lower { pair } else { swapped };
        rest = [0; 3];
    } else {
        kind |= IPV6;
        let (source, destination) = (ipv6_bits(&ip.source), ipv6_bits(&ip.destination));
        is_lower = source < destination || (source == destination && source_port <= destination_port);
        let ([first, second], [third, fourth]) =
            if is_lower { (source, destination) } else { (destination, source) };
        addresses = first;
        rest = [second, third, fourth];
    }
    let ports = if is_lower { ports } else { ports.rotate_left(16) };
    Some((FlowKey { addresses, scope, ports, kind, rest }, is_lower))
}

/// The flow key of a plain packet in no tunnel, and whether its source is the lower endpoint: what [`of`] says of the
/// same packet.
#[inline(always)]
pub fn of_plain(packet: &Plain<'_>) -> (FlowKey, bool) {
    let (source_port, destination_port) = (packet.source_port, packet.destination_port);
    let ports = u32::from(source_port) << 16 | u32::from(destination_port);
    let mut kind = u16::from(packet.protocol);
    let (addresses, rest, is_lower);
    match packet.addresses {
        PlainAddresses::V4(pair) => {
            // The source is in front, so in the lower half.
            let (pair, swapped) = (pair.rotate_left(32), pair);
            is_lower = pair < swapped || (pair == swapped && source_port <= destination_port);
            addresses = if is_lower { pair } else { swapped };
            rest = [0; 3];
        }
        PlainAddresses::V6([a, b, c, d]) => {
            kind |= IPV6;
            let (source, destination) = ([a, b], [c, d]);
            is_lower = source < destination || (source == destination && source_port <= destination_port);
            let ([first, second], [third, fourth]) =
                if is_lower { (source, destination) } else { (destination, source) };
            addresses = first;
            rest = [second, third, fourth];
        }
    }
    let ports = if is_lower { ports } else { ports.rotate_left(16) };
    let vlans = packet.vlans.as_slice();
    let scope = if vlans.is_empty() { 0 } else { scope(0, 0, vlans) };
    (FlowKey { addresses, scope, ports, kind, rest }, is_lower)
}

/// Two scopes that differ may in theory get the same number. Flows of theirs would have to agree in addresses and ports
/// too, and be counted as one then, so 64 bits are enough. Not seeded: flows are the same in every run.
fn scope(context: u64, tunnel_context: u64, vlans: &[u16]) -> u64 {
    let mut hasher = MixHasher::with_seed(vlans.len() as u64);
    hasher.write_u64(context);
    hasher.write_u64(tunnel_context);
    hasher.write_u64(vlans.iter().fold(0, |stack, vlan| stack << 16 | u64::from(*vlan)));
    hasher.finish().max(1)
}

impl FlowKey {
    /// IP protocol number.
    #[inline]
    pub fn protocol(&self) -> u8 {
        self.kind as u8
    }

    /// 4 or 6.
    #[inline]
    pub fn ip_version(&self) -> u8 {
        if self.kind & IPV6 == 0 { 4 } else { 6 }
    }

    /// Whether the packets are fragments, or were cut before their ports: no transport header, ports 0.
    #[inline]
    pub fn has_no_transport(&self) -> bool {
        self.kind & NO_TRANSPORT != 0
    }

    /// Address and port of the lower endpoint.
    pub fn lower(&self) -> (Address, u16) {
        let address = match self.ip_version() {
            4 => ipv4((self.addresses >> 32) as u32),
            _ => ipv6(self.addresses, self.rest[0]),
        };
        (address, (self.ports >> 16) as u16)
    }

    /// Address and port of the higher endpoint.
    pub fn higher(&self) -> (Address, u16) {
        let address = match self.ip_version() {
            4 => ipv4(self.addresses as u32),
            _ => ipv6(self.rest[1], self.rest[2]),
        };
        (address, self.ports as u16)
    }
}

// Addresses as little-endian numbers: any order does, and WebAssembly has no instruction that swaps bytes.

#[inline]
fn ipv4_bits(address: &Address) -> u32 {
    address.octets().first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets))
}

#[inline]
fn ipv6_bits(address: &Address) -> [u64; 2] {
    let (words, _) = address.octets().as_chunks::<8>();
    if let [first, second] = words {
        [u64::from_le_bytes(*first), u64::from_le_bytes(*second)]
    } else {
        [0; 2]
    }
}

fn ipv4(bits: u32) -> Address {
    Address::v4(bits.to_le_bytes())
}

fn ipv6(first: u64, second: u64) -> Address {
    let mut octets = [0; 16];
    for (bytes, word) in octets.as_chunks_mut::<8>().0.iter_mut().zip([first, second]) {
        *bytes = word.to_le_bytes();
    }
    Address::v6(octets)
}

/// Hash function for keys, one of a universal family that the seed chooses from.
///
/// NH (RFC 4418 section 5.2.2): 32-bit additions of secret numbers and one 32 by 32 bit multiplication for each eight
/// bytes, independent of each other. Two keys collide for one in 2^32 seeds, whoever chose them.
#[derive(Debug, Clone)]
pub(super) struct KeyHasher {
    secrets: [u64; 6],
}

impl KeyHasher {
    pub(super) fn new(seed: u64) -> Self {
        let mut hasher = MixHasher::with_seed(seed);
        Self {
            secrets: [0u64; 6].map(|_| {
                hasher.write_u64(seed);
                hasher.finish()
            }),
        }
    }

    /// Never 0.
    #[inline]
    pub(super) fn hash(&self, key: &FlowKey) -> u32 {
        let [a, b, c, d, e, f] = self.secrets;
        let mut sum = nh(key.addresses, a)
            .wrapping_add(nh(key.scope, b))
            .wrapping_add(nh(u64::from(key.ports) << 32 | u64::from(key.kind), c));
        if key.kind & IPV6 != 0 {
            let [upper, middle, lower] = key.rest;
            sum = sum.wrapping_add(nh(upper, d)).wrapping_add(nh(middle, e)).wrapping_add(nh(lower, f));
        }
        let mixed = (sum ^ (sum >> 32)).wrapping_mul(0xa076_1d64_78bd_642f);
        ((mixed >> 32) as u32).max(1)
    }
}

#[inline]
fn nh(word: u64, secret: u64) -> u64 {
    let upper = ((word >> 32) as u32).wrapping_add((secret >> 32) as u32);
    let lower = (word as u32).wrapping_add(secret as u32);
    u64::from(upper).wrapping_mul(u64::from(lower))
}

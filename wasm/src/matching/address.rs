//! IP address filters: single addresses and CIDR prefixes of both versions. All filters that contain an address
//! are found, not only the longest.
//!
//! The prefixes cut the address space into ranges; each range knows the longest prefix that covers it, and each prefix
//! the next shorter one. So a look-up is one binary search, however many prefixes there are, and as many steps as there
//! are answers.

use std::net::{IpAddr, Ipv4Addr};

use super::matched::Matched;
use crate::net::Address;

/// An address of either version as 128 bits: IPv4 in its mapped form (RFC 4291, 2.5.5.2), so that a packet that
/// carries the mapped form and a filter that names the plain one meet.
pub type AddressBits = u128;

/// [`AddressBits`] of a packet's address.
#[inline]
pub fn bits_of(address: &Address) -> AddressBits {
    match address.octets() {
        &[a, b, c, d] => v4_bits([a, b, c, d]),
        _ => address.bits(),
    }
}

/// [`AddressBits`] of an IPv4 address.
pub fn v4_bits(octets: [u8; 4]) -> AddressBits {
    V4_NETWORK | u128::from(u32::from_be_bytes(octets))
}

/// [`AddressBits`] of an IPv6 address.
pub fn v6_bits(octets: [u8; 16]) -> AddressBits {
    u128::from_be_bytes(octets)
}

/// ::ffff:0:0/96.
const V4_NETWORK: u128 = 0xffff << 32;
/// Prefixes that are put in order at once while they are added.
const RUN: usize = 4096;
/// Ranges from which on an index is worth its memory of 256 KiB.
const LEAST_INDEXED: usize = 256;
/// No prefix.
const NONE: u32 = u32::MAX;

/// An address or a CIDR prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    network: AddressBits,
    /// Bits of the network, 0 to 128; those of IPv4 count from 96.
    length: u8,
}

/// A prefix of a filter.
#[derive(Clone, Copy)]
struct Entry {
    prefix: Prefix,
    number: u32,
    /// Place of the longest prefix that contains this one, itself left out.
    parent: u32,
}

/// Address filters.
#[derive(Default)]
pub struct AddressFilters {
    /// Once built: by network, shorter prefixes first, of equal ones the later filter first.
    entries: Vec<Entry>,
    /// Where each range begins.
    starts: Vec<AddressBits>,
    /// By range: the longest prefix.
    owners: Vec<u32>,
    /// By the first half of an IPv4 address: how many ranges begin at most there.
    index: Vec<u32>,
}

impl AddressFilters {
    /// True when no filter was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the filter `number`. It is found after the next [`build`](Self::build).
    pub fn add(&mut self, prefix: Prefix, number: u32) {
        self.entries.push(Entry { prefix, number, parent: NONE });
        // What is in order in parts takes a fraction of the time to put in order as a whole.
        if self.entries.len().is_multiple_of(RUN) {
            let start = self.entries.len() - RUN;
            sort(self.entries.get_mut(start..).unwrap_or_default());
        }
    }

    /// Makes what was added known to [`find`](Self::find).
    pub fn build(&mut self) {
        let Self { entries, starts, owners, .. } = self;
        sort(entries);
        starts.clear();
        owners.clear();
        let mut begin_range = |start: AddressBits, owner: u32| match (starts.last(), owners.last_mut()) {
            (Some(last), Some(last_owner)) if *last == start => *last_owner = owner,
            _ => {
                starts.push(start);
                owners.push(owner);
            }
        };
        begin_range(0, NONE);
        let end_of = |entry: &Entry| entry.prefix.network | !mask(entry.prefix.length);
        // Places of the prefixes that are open, from the shortest to the longest: the stack is the chain of parents.
        let mut open = NONE;
        let close_until = |entries: &[Entry],
                           open: &mut u32,
                           until: Option<AddressBits>,
                           begin: &mut dyn FnMut(AddressBits, u32)| {
            while let Some(entry) = entries.get(*open as usize) {
                let end = end_of(entry);
                if until.is_some_and(|until| end >= until) {
                    return;
                }
                *open = entry.parent;
                if let Some(next) = end.checked_add(1) {
                    begin(next, *open);
                }
            }
        };
        for place in 0..entries.len() {
            let Some(prefix) = entries.get(place).map(|entry| entry.prefix) else { break };
            close_until(entries, &mut open, Some(prefix.network), &mut begin_range);
            if let Some(entry) = entries.get_mut(place) {
                entry.parent = open;
            }
            open = place as u32;
            begin_range(prefix.network, open);
        }
        close_until(entries, &mut open, None, &mut begin_range);
        self.index = if self.starts.len() < LEAST_INDEXED { Vec::new() } else { self.make_index() };
    }

    fn make_index(&self) -> Vec<u32> {
        let mut ranges = 0;
        (0..=1u128 << 16)
            .map(|half| {
                let start = V4_NETWORK + (half << 16);
                while self.starts.get(ranges).is_some_and(|other| *other <= start) {
                    ranges += 1;
                }
                ranges as u32
            })
            .collect()
    }

    /// Adds the filters of its version that contain `address`, most specific first, of equal ones in the order of their numbers.
    #[inline]
    pub fn find(&self, address: AddressBits, matched: &mut Matched) {
        let (mut low, mut high) = (0, self.starts.len());
        // Prefixes that are shorter hold the mapped form of IPv4, and mean IPv6.
        let mut least = 0;
        if address & !0xffff_ffff == V4_NETWORK {
            least = 96;
            let half = (address >> 16) as usize & 0xffff;
            if let Some(&[first, last]) = self.index.get(half..half + 2) {
                (low, high) = (first as usize, last as usize);
            }
        }
        let among = self.starts.get(low..high).unwrap_or_default();
        let range = low + among.partition_point(|start| *start <= address);
        let mut owner =
            range.checked_sub(1).and_then(|range| self.owners.get(range)).copied().unwrap_or(NONE);
        while let Some(entry) = self.entries.get(owner as usize)
            && entry.prefix.length >= least
        {
            matched.push(entry.number);
            owner = entry.parent;
        }
    }
}

fn sort(entries: &mut [Entry]) {
    // Stable: it makes use of the parts that are in order.
    entries.sort_by(|one, other| {
        let key = |entry: &Entry| (entry.prefix.network, entry.prefix.length);
        key(one).cmp(&key(other)).then(other.number.cmp(&one.number))
    });
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl Prefix {
    /// Reads an address, a CIDR prefix (host bits are ignored), or an IPv4 address whose last parts are `*`. IPv4 and
    /// its mapped form in IPv6 are the same. The error says what is wrong with `pattern`.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        if pattern.contains('*') {
            return parse_wildcard(pattern).ok_or_else(|| {
                format!("\"{pattern}\": a star may only replace whole parts at the end of an IPv4 address")
            });
        }
        if pattern.contains('%') {
            return Err(format!("\"{pattern}\" names a zone, which packets do not carry"));
        }
        let (address, length) = match pattern.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (pattern, None),
        };
        let parsed: IpAddr = address
            .parse()
            .map_err(|_| format!("\"{pattern}\" is neither an IP address nor a CIDR prefix"))?;
        let (bits, width) = match parsed {
            IpAddr::V4(v4) => (v4_bits(v4.octets()), 32),
            IpAddr::V6(v6) => (v6_bits(v6.octets()), 128),
        };
        let length = match length {
            None => width,
            Some(text) => text
                .parse::<u8>()
                .ok()
                .filter(|length| *length <= width && text.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| format!("\"{pattern}\": the prefix length must be 0 to {width}"))?,
        };
        let length = length + (128 - width);
        Ok(Self { network: bits & mask(length), length })
    }

    /// For people: `10.0.0.0/8`, or an address.
    pub fn text(&self) -> String {
        let is_v4 = self.length >= 96 && self.network & !0xffff_ffff == V4_NETWORK;
        let (address, length, width) = match is_v4 {
            true => (IpAddr::from((self.network as u32).to_be_bytes()), self.length - 96, 32),
            false => (IpAddr::from(self.network.to_be_bytes()), self.length, 128),
        };
        if length == width { address.to_string() } else { format!("{address}/{length}") }
    }
}

/// `10.1.*.*` or `10.1.*` is 10.1.0.0/16.
fn parse_wildcard(pattern: &str) -> Option<Prefix> {
    let parts: Vec<&str> = pattern.split('.').collect();
    let fixed = parts.iter().take_while(|part| **part != "*").count();
    if parts.len() > 4 || parts.get(fixed..)?.iter().any(|part| *part != "*") {
        return None;
    }
    let mut octets = [0u8; 4];
    for (octet, part) in octets.iter_mut().zip(parts.iter().take(fixed)) {
        let is_plain =
            part.bytes().all(|byte| byte.is_ascii_digit()) && (*part == "0" || !part.starts_with('0'));
        *octet = part.parse().ok().filter(|_| is_plain)?;
    }
    Some(Prefix { network: v4_bits(Ipv4Addr::from(octets).octets()), length: 96 + 8 * fixed as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(patterns: &[&str]) -> AddressFilters {
        let mut filters = AddressFilters::default();
        for (number, pattern) in patterns.iter().enumerate() {
            filters.add(Prefix::parse(pattern).unwrap(), number as u32);
        }
        filters.build();
        filters
    }

    fn bits(address: &str) -> AddressBits {
        match address.parse().unwrap() {
            IpAddr::V4(v4) => v4_bits(v4.octets()),
            IpAddr::V6(v6) => v6_bits(v6.octets()),
        }
    }

    fn look_up(filters: &AddressFilters, address: AddressBits) -> Vec<u32> {
        let mut found = Matched::default();
        found.begin(filters.entries.len());
        filters.find(address, &mut found);
        found.iter().collect()
    }

    fn found(patterns: &[&str], address: &str) -> Vec<u32> {
        look_up(&built(patterns), bits(address))
    }

    #[test]
    fn every_filter_that_contains_the_address() {
        let patterns = [
            "10.0.0.0/8",
            "10.1.2.3",
            "10.1.2.3",
            "10.1.*",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/32",
            "10.1.2.9/24",
        ];
        assert_eq!(found(&patterns, "10.1.2.3"), [1, 2, 7, 3, 0, 4]);
        assert_eq!(found(&patterns, "11.0.0.1"), [4]);
        assert_eq!(found(&["::/0", "::/80", "::ffff:0:0/96"], "10.1.2.3"), [2], "IPv6 is not IPv4");
        assert_eq!(found(&patterns, "2001:db8::1"), [6, 5]);
        assert_eq!(found(&["255.255.255.255", "ffff::/16"], "255.255.255.255"), [0]);
        assert_eq!(found(&["255.255.255.255", "ffff::/16"], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), [1]);
    }

    #[test]
    fn vectors() {
        for (patterns, address, expected) in [
            (&["192.168.1.1"][..], "192.168.1.1", &[0][..]),
            (&["10.0.0.0/8"], "10.255.255.255", &[0]),
            (&["10.0.0.0/8"], "11.0.0.0", &[]),
            (&["10.0.0.5/8"], "10.9.9.9", &[0]),
            (&["192.168.1.1", "192.168.0.0/16"], "192.168.1.1", &[0, 1]),
            (&["10.0.0.0/8", "10.1.0.0/16"], "10.1.2.3", &[1, 0]),
            (&["2001:db8::/32"], "2001:db8:ffff::1", &[0]),
            (&["::ffff:10.0.0.1"], "10.0.0.1", &[0]),
            (&["10.0.0.1"], "::ffff:10.0.0.1", &[0]),
            (&["::ffff:10.0.0.0/104"], "10.3.0.1", &[0]),
            (&["192.168.*"], "192.168.3.4", &[0]),
        ] {
            assert_eq!(found(patterns, address), expected, "{patterns:?} against {address}");
        }
    }

    #[test]
    fn agrees_with_one_prefix_after_the_other() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % bound
        };
        for round in 0..60 {
            let mut filters = AddressFilters::default();
            let mut prefixes = Vec::new();
            let is_v4 = round % 3 > 0;
            let count = if round == 1 { 10_000 } else { 1 + next(400) };
            let mut address = |spread: u64| match is_v4 {
                true => V4_NETWORK | u128::from(next(spread) << 20 | next(spread)),
                false => u128::from(next(spread)) << 100 | u128::from(next(spread)),
            };
            for number in 0..count as u32 {
                let length = 128 - (address(33) % 33) as u8;
                let prefix = Prefix { network: address(40) & mask(length), length };
                filters.add(prefix, number);
                prefixes.push(prefix);
            }
            filters.build();
            for _ in 0..200 {
                let wanted = address(40);
                let mut expected: Vec<u32> = (0..count as u32)
                    .filter(|number| {
                        let prefix = prefixes[*number as usize];
                        wanted & mask(prefix.length) == prefix.network
                    })
                    .collect();
                expected.sort_by_key(|number| (128 - prefixes[*number as usize].length, *number));
                assert_eq!(look_up(&filters, wanted), expected, "{wanted:x}");
            }
        }
    }

    #[test]
    fn bad_patterns_are_refused_with_a_reason() {
        for pattern in [
            "",
            "10.0.0",
            "010.0.0.1",
            "10.0.0.1/33",
            "::1/129",
            "10.0.0.1/+8",
            "a",
            "*.1",
            "1.*.2",
            "1.2.3.4.*",
            "fe80::1%eth0",
            "10.0.0.1/",
            "+1.*",
            "01.*",
            "1.2.3.4/300",
        ] {
            let error = Prefix::parse(pattern).unwrap_err();
            assert!(error.contains(pattern), "{error}");
        }
    }

    #[test]
    fn texts() {
        for (pattern, text) in [
            ("10.1.2.9/24", "10.1.2.0/24"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:DB8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(Prefix::parse(pattern).unwrap().text(), text);
        }
    }
}

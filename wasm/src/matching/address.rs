//! IP address filters: single addresses and CIDR prefixes of both versions. All filters that contain an address
//! are found, not only the longest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

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
    u128::from(u32::from_be_bytes(octets)) | 0xffff << 32
}

/// [`AddressBits`] of an IPv6 address.
pub fn v6_bits(octets: [u8; 16]) -> AddressBits {
    u128::from_be_bytes(octets)
}

/// Address filters by prefix length.
#[derive(Default)]
pub struct AddressFilters {
    /// Longest prefix first: (prefix length 0 to 128, network to filter numbers).
    prefixes: Vec<(u32, HashMap<AddressBits, Vec<u32>>)>,
}

impl AddressFilters {
    /// True when no filter was added.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Adds the filter `number`: an address, a CIDR prefix (host bits are ignored), or an IPv4 address whose last
    /// parts are `*`. The error says what is wrong with `pattern`.
    pub fn add(&mut self, pattern: &str, number: u32) -> Result<(), String> {
        let (network, length) = parse(pattern.trim())?;
        let at = match self.prefixes.binary_search_by(|(other, _)| length.cmp(other)) {
            Ok(at) => at,
            Err(at) => {
                self.prefixes.insert(at, (length, HashMap::new()));
                at
            }
        };
        if let Some((_, networks)) = self.prefixes.get_mut(at) {
            networks.entry(network & mask(length)).or_default().push(number);
        }
        Ok(())
    }

    /// Appends the numbers of the filters that contain `address`, most specific first.
    #[inline]
    pub fn find(&self, address: AddressBits, found: &mut Vec<u32>) {
        for (length, networks) in &self.prefixes {
            if let Some(numbers) = networks.get(&(address & mask(*length))) {
                found.extend_from_slice(numbers);
            }
        }
    }
}

fn mask(length: u32) -> u128 {
    u128::MAX.checked_shl(128 - length).unwrap_or(0)
}

fn parse(pattern: &str) -> Result<(AddressBits, u32), String> {
    if pattern.contains('*') {
        return parse_wildcard(pattern).ok_or_else(|| {
            format!("\"{pattern}\": a star may only replace whole parts at the end of an IPv4 address")
        });
    }
    let (address, length) = match pattern.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (pattern, None),
    };
    let parsed: IpAddr =
        address.parse().map_err(|_| format!("\"{pattern}\" is neither an IP address nor a CIDR prefix"))?;
    let (bits, width) = match parsed {
        IpAddr::V4(v4) => (v4_bits(v4.octets()), 32),
        IpAddr::V6(v6) => (v6_bits(v6.octets()), 128),
    };
    let length = match length {
        None => width,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|length| *length <= width && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| format!("\"{pattern}\": the prefix length must be 0 to {width}"))?,
    };
    Ok((bits, length + 128 - width))
}

/// `10.1.*.*` or `10.1.*` is 10.1.0.0/16.
fn parse_wildcard(pattern: &str) -> Option<(AddressBits, u32)> {
    let parts: Vec<&str> = pattern.split('.').collect();
    let fixed = parts.iter().take_while(|part| **part != "*").count();
    if parts.len() > 4 || parts.get(fixed..)?.iter().any(|part| *part != "*") {
        return None;
    }
    let mut octets = [0u8; 4];
    for (octet, part) in octets.iter_mut().zip(parts.iter().take(fixed)) {
        *octet = part.parse().ok()?;
    }
    Some((v4_bits(Ipv4Addr::from(octets).octets()), 96 + 8 * fixed as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], address: &str) -> Vec<u32> {
        let mut filters = AddressFilters::default();
        for (number, pattern) in patterns.iter().enumerate() {
            filters.add(pattern, number as u32).unwrap();
        }
        let bits = match address.parse().unwrap() {
            IpAddr::V4(v4) => v4_bits(v4.octets()),
            IpAddr::V6(v6) => v6_bits(v6.octets()),
        };
        let mut found = Vec::new();
        filters.find(bits, &mut found);
        found
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
        assert_eq!(found(&patterns, "10.1.2.3"), [1, 2, 7, 3, 0, 4, 5]);
        assert_eq!(found(&patterns, "11.0.0.1"), [4, 5]);
        assert_eq!(found(&patterns, "2001:db8::1"), [6, 5]);
        assert_eq!(found(&["::ffff:10.0.0.1"], "10.0.0.1"), [0]);
        assert_eq!(found(&["10.0.0.1"], "::ffff:10.0.0.1"), [0]);
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
        ] {
            let error = AddressFilters::default().add(pattern, 0).unwrap_err();
            assert!(error.contains(pattern), "{error}");
        }
    }
}

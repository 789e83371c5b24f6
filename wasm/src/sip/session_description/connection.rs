//! Connection data (RFC 8866 section 5.7), and addresses in attributes, which have the same form.

use super::words;
use crate::detect::text_message::{number, split_at};
use crate::net::Address;

/// Where media of a section are sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection<'a> {
    /// Nothing that can be read.
    #[default]
    Missing,
    /// 0.0.0.0 or `::`: nowhere (RFC 3264 section 8.4, RFC 8839 section 4.3.1).
    Unspecified,
    /// An address; several multicast ones, one after the other, for layers.
    Address {
        /// The only one, or the lowest.
        first: Address,
        /// How many: 1 for unicast.
        count: u8,
    },
    /// The name of a host.
    Name(&'a [u8]),
}

impl<'a> Connection<'a> {
    /// `IN IP4 224.2.1.1/127/3`, `IN IP6 ff15::101/3`. Brackets and zones of IPv6 addresses do not belong here, but occur.
    pub(super) fn parse(value: &'a [u8]) -> Self {
        // An address that can be read has no blank in it.
        match value.strip_prefix(b"IN IP4 ").and_then(Address::from_text) {
            Some(address) => Self::of(address, 1),
            None => Self::parse_any(value),
        }
    }

    #[cold]
    #[inline(never)]
    fn parse_any(value: &'a [u8]) -> Self {
        let usual = value.strip_prefix(b"IN IP4 ").filter(|text| !text.contains(&b' '));
        let Some(text) = usual.or_else(|| words(value).take(3).last()) else { return Self::Missing };
        if let Some(address) = Address::from_text(text) {
            return Self::of(address, 1);
        }
        Self::parse_unusual(text)
    }

    #[cold]
    fn parse_unusual(text: &'a [u8]) -> Self {
        let (host, suffix) = split_at(text, b'/').unwrap_or((text, b""));
        let bare = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
        let bare = split_at(bare, b'%').map_or(bare, |(bare, _)| bare);
        let Some(address) = Address::from_text(bare) else {
            let is_name = text.iter().any(u8::is_ascii_alphabetic)
                && text.contains(&b'.')
                && text.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(octet));
            return if is_name { Self::Name(text) } else { Self::Missing };
        };
        // A time to live comes first, with IPv4 only.
        let first = address.octets().first().copied().unwrap_or_default();
        let count = match (address.version(), first) {
            (4, 224..=239) => split_at(suffix, b'/').map(|(_, count)| count),
            (6, 0xff) => Some(suffix),
            _ => None,
        };
        Self::of(address, count.and_then(number).map_or(1, |count| count.clamp(1, 255) as u8))
    }

    #[inline]
    fn of(address: Address, count: u8) -> Self {
        let first = if address.version() == 4 { address } else { unmapped(address) };
        if first.words() == [0; 2] { Self::Unspecified } else { Self::Address { first, count } }
    }

    /// The address, or the lowest one.
    pub fn address(&self) -> Option<Address> {
        match self {
            Self::Address { first, .. } => Some(*first),
            _ => None,
        }
    }
}

/// What is sent to an IPv4-mapped address goes to the IPv4 address.
fn unmapped(address: Address) -> Address {
    match address.octets() {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Address::v4([*a, *b, *c, *d]),
        _ => address,
    }
}

/// The address that is `steps` above `address`.
#[inline]
pub(super) fn above(address: Address, steps: u8) -> Address {
    let bits = address.bits();
    match address.version() {
        4 => Address::v4(((bits >> 96) as u32).wrapping_add(steps.into()).to_be_bytes()),
        _ => Address::v6(bits.wrapping_add(steps.into()).to_be_bytes()),
    }
}

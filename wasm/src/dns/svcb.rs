//! Service parameters of SVCB and HTTPS records as text (RFC 9460 2.1, 14.3.2).

use super::encoding::{append_base64, append_decimal};
use super::names::append_escaped;
use super::rdata::append_quoted;
use crate::net::Address;

/// Appends ` key=value` for each parameter in `octets`. `None` when they are malformed or not in strictly
/// ascending order of their keys (RFC 9460 2.2).
pub fn append_parameters(octets: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let mut rest = octets;
    let mut previous = None;
    while let Some((&[a, b, c, d], after)) = rest.split_first_chunk() {
        let key = u16::from_be_bytes([a, b]);
        let (value, after) = after.split_at_checked(u16::from_be_bytes([c, d]).into())?;
        if previous.is_some_and(|previous| previous >= key) {
            return None;
        }
        text.push(b' ');
        append_parameter(key, value, text)?;
        previous = Some(key);
        rest = after;
    }
    rest.is_empty().then_some(())
}

fn append_parameter(key: u16, value: &[u8], text: &mut Vec<u8>) -> Option<()> {
    append_key(key, text);
    match key {
        // no-default-alpn and ohttp (RFC 9540) are flags.
        2 | 8 => return value.is_empty().then_some(()),
        _ if value.is_empty() && key > 8 => return Some(()),
        _ => text.push(b'='),
    }
    match key {
        0 => {
            let keys = whole_chunks(value)?;
            append_list(keys, text, |key, text| append_key(u16::from_be_bytes(*key), text));
        }
        1 => append_protocols(value, text)?,
        3 => append_decimal(u16::from_be_bytes(value.try_into().ok()?).into(), text),
        4 => append_list(whole_chunks(value)?, text, |address, text| Address::v4(*address).write_text(text)),
        5 => append_base64(value, text),
        6 => append_list(whole_chunks(value)?, text, |address, text| Address::v6(*address).write_text(text)),
        _ => append_quoted(value, text),
    }
    Some(())
}

fn append_key(key: u16, text: &mut Vec<u8>) {
    const NAMES: [&str; 9] =
        ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];
    match NAMES.get(usize::from(key)) {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => {
            text.extend_from_slice(b"key");
            append_decimal(key.into(), text);
        }
    }
}

/// One or more items of `N` octets and nothing else.
fn whole_chunks<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    let (items, tail) = value.as_chunks();
    (tail.is_empty() && !items.is_empty()).then_some(items)
}

fn append_list<T>(items: &[T], text: &mut Vec<u8>, append_item: impl Fn(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        append_item(item, text);
    }
}

/// Protocol identifiers, each behind its length (RFC 9460 7.1.1), in quotes.
fn append_protocols(value: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let mut rest = value;
    text.push(b'"');
    while let Some((length, after)) = rest.split_first() {
        let (protocol, after) = after.split_at_checked((*length).into()).filter(|(id, _)| !id.is_empty())?;
        append_escaped(protocol, text, false);
        if !after.is_empty() {
            text.push(b',');
        }
        rest = after;
    }
    text.push(b'"');
    (!value.is_empty()).then_some(())
}

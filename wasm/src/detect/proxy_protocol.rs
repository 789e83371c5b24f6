//! The PROXY protocol of HAProxy, versions 1 and 2: whom a proxy speaks for. What follows it is told by itself.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// Longest line of version 1 in bytes (section 2.1).
const MOST_LINE: usize = 107;
/// Begins version 2 (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// PROXY: the line of version 1, or the signature of version 2 and what must follow it.
pub static PROXY: Signature = Signature {
    name: "PROXY",
    carriers: &[Carrier::Tcp],
    first: FirstBytes::OneOf(b"P\r"),
    examine: |payload, state, _| match header(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None if may_begin(payload.bytes) && state.may_ask_more(payload) => Verdict::More,
        None => Verdict::No,
    },
    continues: |payload, _, _| header(payload).is_some(),
    describe,
    ..Signature::BASE
};

/// Bytes of the header at the front of a stream, if there is one.
pub fn header_length(payload: &Payload) -> Option<usize> {
    header(payload)?;
    match payload.bytes.starts_with(SIGNATURE) {
        true => Some(SIGNATURE.len() + 4 + usize::from(payload.u16(SIGNATURE.len() + 2)?)),
        false => Some(memchr::memchr(b'\n', payload.bytes)? + 1),
    }
}

struct Header<'a> {
    version: u8,
    ends: Ends<'a>,
}

/// Source and destination.
enum Ends<'a> {
    Unknown,
    /// As text: addresses and ports.
    Text([&'a [u8]; 4]),
    Addresses([Address; 2], [u16; 2]),
}

fn header<'a>(payload: &Payload<'a>) -> Option<Header<'a>> {
    match payload.bytes.starts_with(SIGNATURE) {
        true => version_2(payload),
        false => version_1(payload),
    }
}

fn version_1<'a>(payload: &Payload<'a>) -> Option<Header<'a>> {
    let line = payload.line(MOST_LINE)?.strip_prefix(b"PROXY ")?;
    let mut words = line.split(|byte| *byte == b' ');
    let is_address: fn(&u8) -> bool = match words.next()? {
        b"UNKNOWN" => return Some(Header { version: 1, ends: Ends::Unknown }),
        b"TCP4" => |byte| byte.is_ascii_digit() || *byte == b'.',
        b"TCP6" => |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'),
        _ => return None,
    };
    let ends = [words.next()?, words.next()?, words.next()?, words.next()?];
    let [source, destination, source_port, destination_port] = ends;
    let is_port = |word: &[u8]| (1..=5).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    let fits = words.next().is_none()
        && [source, destination].iter().all(|word| word.len() >= 2 && word.iter().all(is_address))
        && is_port(source_port)
        && is_port(destination_port);
    fits.then_some(Header { version: 1, ends: Ends::Text(ends) })
}

fn version_2<'a>(payload: &Payload<'a>) -> Option<Header<'a>> {
    let at = SIGNATURE.len();
    let (command, family, length) = (payload.u8(at)?, payload.u8(at + 1)?, usize::from(payload.u16(at + 2)?));
    let body = at + 4;
    // The proxy speaks for itself (LOCAL), or for somebody else.
    let ends = match (command, family) {
        (0x20, _) => Ends::Unknown,
        (0x21, 0x11 | 0x12) if length >= 12 => {
            let (source, destination) = (payload.array(body)?, payload.array(body + 4)?);
            let ports = [payload.u16(body + 8)?, payload.u16(body + 10)?];
            Ends::Addresses([Address::v4(source), Address::v4(destination)], ports)
        }
        (0x21, 0x21 | 0x22) if length >= 36 => {
            let (source, destination) = (payload.array(body)?, payload.array(body + 16)?);
            let ports = [payload.u16(body + 32)?, payload.u16(body + 34)?];
            Ends::Addresses([Address::v6(source), Address::v6(destination)], ports)
        }
        // Nothing that is known, or local sockets.
        (0x21, 0x00 | 0x31 | 0x32) => Ends::Unknown,
        _ => return None,
    };
    Some(Header { version: 2, ends })
}

/// Whether a header may be there once more of it is.
fn may_begin(bytes: &[u8]) -> bool {
    let head = |length: usize| bytes.get(..length).unwrap_or(bytes);
    // Empty lines are a keep-alive of others.
    bytes.len() > 4 && SIGNATURE.starts_with(head(SIGNATURE.len())) && bytes.len() < SIGNATURE.len() + 4 + 36
        || b"PROXY ".starts_with(head(6)) && bytes.len() < MOST_LINE && !bytes.contains(&b'\n')
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(header) = header(payload) else { return };
    facts.say(b"Version ");
    facts.say_number(header.version.into());
    facts.put_number("version", header.version.into());
    match header.ends {
        Ends::Unknown => {}
        Ends::Text([source, destination, source_port, destination_port]) => {
            facts.put("source_address", source);
            facts.put("destination_address", destination);
            facts.put("source_port", source_port);
            facts.put("destination_port", destination_port);
        }
        Ends::Addresses([source, destination], [source_port, destination_port]) => {
            facts.entry("source_address", |text| source.write_text(text));
            facts.entry("destination_address", |text| destination.write_text(text));
            facts.put_number("source_port", source_port.into());
            facts.put_number("destination_port", destination_port.into());
        }
    }
}

//! XMPP (RFC 6120).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// Bytes within which the stream header is looked for.
const MOST_HEADER: usize = 1024;

/// Elements at the front of what a stream carries, and whether they are found in streams only.
const ELEMENTS: &[(&[u8], bool)] = &[
    (b"stream:features", true),
    (b"stream:error", true),
    (b"stream:stream", true),
    (b"starttls", false),
    (b"proceed", false),
    (b"auth", false),
    (b"challenge", false),
    (b"response", false),
    (b"success", false),
    (b"failure", false),
    (b"iq", false),
    (b"message", false),
    (b"presence", false),
    (b"db:result", true),
    (b"db:verify", true),
];

/// XMPP streams, from a stream header; on its ports from any stanza.
pub static XMPP: Signature = Signature {
    name: "XMPP",
    carriers: &[Carrier::Tcp],
    ports: &[5222, 5269],
    first: FirstBytes::OneOf(b"<"),
    examine,
    continues: |payload, _, _| !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    if has_stream_header(payload.bytes) {
        return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    }
    match element(payload.bytes) {
        Some((_, true)) => Verdict::Is(Confidence::HIGH, Method::Payload),
        Some(_) if payload.on_port(XMPP.ports) => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ if may_begin(payload.bytes) && state.may_ask_more(payload) => Verdict::More,
        _ => Verdict::No,
    }
}

/// Whether a stream header with the namespace of streams is at the front, an XML declaration before it left out.
fn has_stream_header(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(MOST_HEADER)).unwrap_or_default();
    let start = after_declaration(head);
    start.starts_with(b"<stream:stream")
        && memchr::memmem::find(start, b"http://etherx.jabber.org/streams").is_some()
}

fn after_declaration(bytes: &[u8]) -> &[u8] {
    match bytes
        .strip_prefix(b"<?xml ")
        .and_then(|rest| rest.split_at_checked(memchr::memmem::find(rest, b"?>")? + 2))
    {
        Some((_, rest)) => rest.trim_ascii_start(),
        None => bytes,
    }
}

fn may_begin(bytes: &[u8]) -> bool {
    bytes.len() < MOST_HEADER
        && [&b"<?xml version="[..], b"<stream:stream"]
            .iter()
            .any(|start| start.starts_with(bytes.get(..start.len()).unwrap_or(bytes)))
}

/// The element at the front, and whether it is found in streams only.
fn element(bytes: &[u8]) -> Option<(&'static [u8], bool)> {
    let rest = after_declaration(bytes).strip_prefix(b"<")?;
    let found = ELEMENTS.iter().find(|(name, _)| {
        rest.strip_prefix(*name)
            .is_some_and(|after| matches!(after, [b' ' | b'>' | b'/' | b'\t' | b'\n', ..]))
    })?;
    Some(*found)
}

/// The element's name, and of its attributes those that address it.
fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let head = after_declaration(payload.bytes);
    if head.starts_with(b"</stream:stream>") {
        facts.say(b"stream end");
        facts.put("element", b"/stream:stream");
        return;
    }
    let Some((name, _)) = element(payload.bytes) else { return facts.say(b"Continuation") };
    facts.say(name);
    facts.put("element", name);
    let tag =
        head.get(..memchr::memchr(b'>', head).unwrap_or(head.len()).min(MOST_HEADER)).unwrap_or_default();
    for key in ["to", "from", "type", "mechanism"] {
        if let Some(value) = attribute(tag, key.as_bytes()) {
            facts.put(key, value);
            if key == "type" {
                facts.say(b" ");
                facts.say(value);
            }
        }
    }
}

/// The value of an attribute of a start tag.
fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = tag;
    loop {
        let equals = memchr::memchr(b'=', rest)?;
        let (before, after) =
            (rest.get(..equals)?.trim_ascii_end(), rest.get(equals + 1..)?.trim_ascii_start());
        let (quote, value) = after.split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = memchr::memchr(*quote, value)?;
        if before.strip_suffix(name).is_some_and(|start| start.last().is_some_and(u8::is_ascii_whitespace)) {
            return value.get(..end);
        }
        rest = value.get(end + 1..)?;
    }
}

#[cfg(test)]
#[path = "tests/xmpp.rs"]
mod tests;

//! WebSocket over HTTP/1 (RFC 6455): the upgrade, then the frames of its flow.

use super::http::{self, Head, StartLine};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// WebSocket, from the request that asks for it or the response that grants it.
pub static WEBSOCKET: Signature = Signature {
    name: "WebSocket",
    carriers: &[Carrier::Tcp],
    first: FirstBytes::OneOf(b"GH"),
    examine: |payload, _, _| match begins(payload) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        // Where the head goes on in the next segment the response tells.
        false => Verdict::No,
    },
    continues,
    describe,
    ..Signature::BASE
};

/// Whether the payload is an upgrade to WebSocket (RFC 6455 sections 4.1 and 4.2.2).
pub fn begins(payload: &Payload) -> bool {
    if !payload.bytes.starts_with(b"GET ") && !payload.bytes.starts_with(b"HTTP/1.1 101 ") {
        return false;
    }
    if !has_upgrade_field(payload.bytes) {
        return false;
    }
    let Some(head) = Head::parse(payload) else { return false };
    let names = |field: &[u8], word: &[u8]| {
        head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(field)).any(|(_, value)| {
            value.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(word))
        })
    };
    names(b"upgrade", b"websocket")
        && names(b"connection", b"upgrade")
        && match head.start {
            StartLine::Request { .. } => head.field(b"sec-websocket-key").is_some(),
            StartLine::Response { .. } => true,
        }
}

/// Whether a line begins like the Upgrade field. Few messages have one, and this takes less time than to read the head.
fn has_upgrade_field(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|end| {
        bytes.get(end + 1..).and_then(<[u8]>::first_chunk).is_some_and(|name: &[u8; 7]| {
            // Most lines differ in the first letter.
            name[0] | 0x20 == b'u' && name.eq_ignore_ascii_case(b"upgrade")
        })
    })
}

/// A response that refuses, or a further request, is HTTP again.
fn continues(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> bool {
    match payload.bytes.first() {
        Some(b'H') => payload.bytes.starts_with(b"HTTP/1.1 101") || !http::begins_message(payload.bytes),
        Some(b'A'..=b'Z') => begins(payload) || !http::begins_message(payload.bytes),
        _ => true,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(head) = Head::parse(payload) else { return describe_frame(payload, facts) };
    http::put_start(&head.start, facts);
    facts.put(
        "upgrade",
        if matches!(head.start, StartLine::Request { .. }) { b"request" } else { b"response" },
    );
    http::put_fields(
        &head,
        &[
            (b"host", "host"),
            (b"origin", "origin"),
            (b"sec-websocket-key", "sec_key"),
            (b"sec-websocket-version", "websocket_version"),
            (b"sec-websocket-accept", "sec_accept"),
        ],
        facts,
    );
    if let Some(offered) = head.field(b"sec-websocket-protocol") {
        // Browsers cannot send Authorization with an upgrade, so tokens are sent as names of subprotocols.
        let names = offered.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        facts.put_all(
            "protocol",
            names.enumerate().flat_map(|(number, name)| {
                let separator: &[u8] = if number > 0 { b", " } else { b"" };
                [separator, if may_be_secret(name) { b"***" } else { name }]
            }),
        );
    }
}

/// Registered names of subprotocols are short, and say nothing of bearers.
fn may_be_secret(name: &[u8]) -> bool {
    name.len() > 32 || memchr::memmem::find(&name.to_ascii_lowercase(), b"bearer").is_some()
}

/// The frame header at the front (RFC 6455 section 5.2).
fn describe_frame(payload: &Payload, facts: &mut Facts) {
    let (Some(first), Some(second)) = (payload.u8(0), payload.u8(1)) else { return };
    let name = match first & 0x0f {
        0 => "Continuation",
        1 => "Text",
        2 => "Binary",
        8 => "Close",
        9 => "Ping",
        10 => "Pong",
        _ => return facts.say(b"WebSocket data"),
    };
    // No extension in use defines RSV2 and RSV3.
    if first & 0x30 != 0 {
        return facts.say(b"WebSocket data");
    }
    let length = match second & 0x7f {
        126 => payload.u16(2).map(u64::from),
        127 => payload.u64(2),
        short => Some(short.into()),
    };
    facts.say(b"WebSocket ");
    facts.say(name.as_bytes());
    facts.say(if first & 0x80 != 0 { b" [FIN]" } else { b"" });
    facts.say(if second & 0x80 != 0 { b" [MASKED]" } else { b"" });
    facts.put("type", b"frame");
    facts.put("opcode", name.as_bytes());
    facts.put_flag("fin", first & 0x80 != 0);
    facts.put_flag("masked", second & 0x80 != 0);
    if let Some(length) = length {
        facts.put_number("payload_length", length);
    }
}

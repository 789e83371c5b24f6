//! HTTP/2 without TLS (RFC 9113), and gRPC over it.

use super::hpack::{self, Name};
use super::http::mask_target;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// What a client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame header.
const HEADER: usize = 9;
/// Longest frame body that a peer may send unasked (RFC 9113 section 4.2).
const MOST_BODY: usize = 16 << 10;
/// Longest body of a first SETTINGS frame.
const MOST_SETTINGS: usize = 96;
/// Frames of a payload that are described.
const MOST_DESCRIBED: usize = 16;
/// Packets of a flow in which the content type of gRPC is looked for.
const MOST_LOOKS: u32 = 16;

/// Frame types (IANA).
mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    pub const ALTSVC: u8 = 10;
    pub const ORIGIN: u8 = 12;
    pub const PRIORITY_UPDATE: u8 = 16;
}

/// HTTP/2: the client's preface, a server's first SETTINGS, or frames that follow each other.
pub static HTTP2: Signature = Signature {
    name: "HTTP2",
    carriers: &[Carrier::Tcp],
    first: FirstBytes::OneOf(b"P\0"),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// gRPC: HTTP/2 whose header fields name the content type, or on the port of its own.
pub static GRPC: Signature = Signature {
    name: "gRPC",
    carriers: &[Carrier::Tcp],
    ports: &[55555],
    first: FirstBytes::OneOf(b"P\0"),
    examine: |payload, state, shared| {
        if names_grpc(payload.bytes) {
            return Verdict::Is(Confidence::DEFINITE, Method::Payload);
        }
        match payload.on_port(GRPC.ports) {
            true => examine(payload, state, shared),
            false => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Frame<'a> {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
    /// Whether no flag is set that its type does not define; a receiver must ignore such ones.
    usual_flags: bool,
    body: &'a [u8],
}

/// The frame at the front, as much of its body as there is, and the rest. `None` if there is no valid header.
fn split_frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[a, b, c, kind, flags, d, e, f, g], rest) = bytes.split_first_chunk::<HEADER>()?;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let stream = u32::from_be_bytes([d, e, f, g]);
    let in_stream = stream != 0;
    let defined = match kind {
        kind::DATA => 0x09,
        kind::HEADERS => 0x2d,
        kind::SETTINGS | kind::PING => 1,
        kind::PUSH_PROMISE => 0x0c,
        kind::CONTINUATION => 4,
        _ => 0,
    };
    let fits = match kind {
        kind::DATA | kind::HEADERS | kind::CONTINUATION => in_stream,
        kind::PRIORITY => in_stream && length == 5,
        kind::RST_STREAM => in_stream && length == 4,
        kind::SETTINGS => !in_stream && length.is_multiple_of(6) && (flags & 1 == 0 || length == 0),
        kind::PUSH_PROMISE => in_stream && length >= 4,
        kind::PING => !in_stream && length == 8,
        kind::GOAWAY => !in_stream && length >= 8,
        kind::WINDOW_UPDATE => length == 4,
        kind::ALTSVC => length >= 2,
        kind::ORIGIN => !in_stream,
        kind::PRIORITY_UPDATE => !in_stream && length >= 4,
        _ => false,
    };
    if !fits || length > MOST_BODY || stream >> 31 != 0 {
        return None;
    }
    let (body, rest) = rest.split_at(length.min(rest.len()));
    Some((Frame { length, kind, flags, stream, usual_flags: flags & !defined == 0, body }, rest))
}

/// The bytes behind the client's preface, if it is there.
fn after_preface(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(PREFACE).unwrap_or(bytes)
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    if payload.bytes.starts_with(PREFACE) {
        return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    }
    if payload.bytes.first() == Some(&b'P') {
        let begins = payload.bytes.len() >= 4 && PREFACE.starts_with(payload.bytes);
        return if begins && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    }
    let Some((first, rest)) = split_frame(payload.bytes) else { return Verdict::No };
    let (mut frames, mut usual_flags, mut rest) = (1, first.usual_flags, rest);
    while rest.len() >= HEADER {
        let Some((frame, after)) = split_frame(rest) else { return Verdict::No };
        frames += 1;
        usual_flags &= frame.usual_flags;
        rest = after;
    }
    let is_first = first.kind == kind::SETTINGS
        && first.flags == 0
        && first.length <= MOST_SETTINGS
        && first.body.len() == first.length
        && first.body.chunks_exact(6).all(is_setting);
    match frames {
        2.. if is_first => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
        1 if is_first && rest.is_empty() => Verdict::Is(Confidence::HIGH, Method::Payload),
        2.. if usual_flags => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    }
}

/// Whether an entry of a SETTINGS frame has an identifier in use, or one of those that keep peers tolerant
/// (RFC 9113 section 6.5.2, RFC 8441, RFC 9218, RFC 8701).
fn is_setting(entry: &[u8]) -> bool {
    match entry {
        [0, 1..=6 | 8 | 9, ..] => true,
        [a, b, ..] => a == b && a & 0x0f == 0x0a,
        _ => false,
    }
}

/// Looks for gRPC in the first packets of a flow; later ones cost nothing.
fn continues(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> bool {
    let [looks, ..] = state.claim_notes();
    if *looks >= MOST_LOOKS {
        return true;
    }
    *looks += 1;
    !names_grpc(payload.bytes)
}

/// Whether a HEADERS frame has the content type of gRPC.
fn names_grpc(bytes: &[u8]) -> bool {
    let mut rest = after_preface(bytes);
    let mut found = false;
    while let Some((frame, after)) = split_frame(rest).filter(|_| !found) {
        visit_headers(&frame, |name, value| {
            found |= name == Name::ContentType && value.starts_with(b"application/grpc");
        });
        rest = after;
    }
    found
}

/// Shows the fields of a HEADERS frame, padding and priority left out (RFC 9113 section 6.2).
fn visit_headers(frame: &Frame, visit: impl FnMut(Name, &[u8])) {
    if frame.kind != kind::HEADERS {
        return;
    }
    let mut block = frame.body;
    if frame.flags & 8 != 0 {
        let Some((padding, rest)) = block.split_first() else { return };
        let kept = frame.length.saturating_sub(1 + usize::from(*padding));
        block = rest.get(..kept.min(rest.len())).unwrap_or_default();
    }
    if frame.flags & 0x20 != 0 {
        block = block.get(5..).unwrap_or_default();
    }
    hpack::visit_fields(block, visit);
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let mut rest = after_preface(payload.bytes);
    let has_preface = rest.len() != payload.bytes.len();
    if has_preface {
        facts.put("type", b"connection_preface");
        facts.say(b"Magic");
    }
    for number in 0..MOST_DESCRIBED {
        let Some((frame, after)) = split_frame(rest) else {
            if number == 0 && !has_preface {
                facts.say(b"Continuation");
            }
            return;
        };
        let name = kind_name(frame.kind);
        if number > 0 || has_preface {
            facts.say(b", ");
        }
        facts.say(name.as_bytes());
        facts.say(b"[");
        facts.say_number(frame.stream.into());
        facts.say(b"]");
        if number == 0 {
            facts.put("frame_type", name.as_bytes());
            facts.put_number("frame_length", frame.length as u64);
            facts.put_number("stream_id", frame.stream.into());
            facts.put_hex("flags", &[frame.flags]);
        }
        visit_headers(&frame, |name, value| put_field(name, value, facts));
        rest = after;
    }
}

fn put_field(name: Name, value: &[u8], facts: &mut Facts) {
    let (key, said) = match name {
        Name::Method => ("method", true),
        Name::Path => ("path", true),
        Name::Status => ("status_code", true),
        Name::Authority => ("host", false),
        Name::ContentType => ("content_type", false),
        Name::UserAgent => ("user_agent", false),
        Name::Server => ("server", false),
        Name::Other => return,
    };
    if value.is_empty() {
        return;
    }
    let mut buffer = [0; 256];
    let value = match name {
        Name::Path | Name::Authority => mask_target(value, &mut buffer),
        _ => value,
    };
    // The first request or response of a packet gives the details.
    if !facts.entries().any(|(other, _)| other == key) {
        facts.put(key, value);
    }
    if said {
        facts.say(b" ");
        facts.say(value);
    }
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        kind::DATA => "DATA",
        kind::HEADERS => "HEADERS",
        kind::PRIORITY => "PRIORITY",
        kind::RST_STREAM => "RST_STREAM",
        kind::SETTINGS => "SETTINGS",
        kind::PUSH_PROMISE => "PUSH_PROMISE",
        kind::PING => "PING",
        kind::GOAWAY => "GOAWAY",
        kind::WINDOW_UPDATE => "WINDOW_UPDATE",
        kind::CONTINUATION => "CONTINUATION",
        kind::ALTSVC => "ALTSVC",
        kind::ORIGIN => "ORIGIN",
        _ => "PRIORITY_UPDATE",
    }
}

#[cfg(test)]
#[path = "tests/http2.rs"]
mod tests;

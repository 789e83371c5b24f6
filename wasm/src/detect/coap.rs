//! CoAP over UDP (RFC 7252) and TCP (RFC 8323). Paths are shown, queries and payloads are not.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

const PORT: u16 = 5683;
const PAYLOAD_MARKER: u8 = 0xff;
const URI_PATH: u32 = 11;

const CONFIRMABLE: u8 = 0;
const NON_CONFIRMABLE: u8 = 1;
const ACKNOWLEDGEMENT: u8 = 2;
const RESET: u8 = 3;

/// CoAP: options in order, known and not too long, up to the end or a payload; off its port a request and the
/// response with its message identifier or token, which also decide where there are no options. Over TCP either side begins
/// with the Capabilities and Settings Message; on the port any message with options.
pub static COAP: Signature = Signature {
    name: "CoAP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[PORT],
    // A token of up to 8 bytes; over UDP version 1 and any type, over TCP any length.
    first: FirstBytes::Ranges(&[
        (0x00, 0x08),
        (0x10, 0x18),
        (0x20, 0x28),
        (0x30, 0x38),
        (0x40, 0x48),
        (0x50, 0x58),
        (0x60, 0x68),
        (0x70, 0x78),
        (0x80, 0x88),
        (0x90, 0x98),
        (0xa0, 0xa8),
        (0xb0, 0xb8),
        (0xc0, 0xc8),
        (0xd0, 0xd8),
        (0xe0, 0xe8),
        (0xf0, 0xf8),
    ]),
    examine,
    describe,
    ..Signature::BASE
};

struct Header {
    kind: u8,
    token_length: usize,
    code: u8,
    identifier: u16,
}

impl Header {
    fn read(payload: &Payload) -> Option<Self> {
        let [first, code] = payload.array(0)?;
        let token_length = usize::from(first & 15);
        let fits = first >> 6 == 1 && token_length <= 8 && code_name(code).is_some();
        let (kind, identifier) = (first >> 4 & 3, payload.u16(2)?);
        fits.then_some(Self { kind, token_length, code, identifier })
    }

    fn is_request(&self) -> bool {
        matches!(self.code, 1..=7)
    }
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    if payload.carrier == Carrier::Tcp {
        return examine_stream(payload);
    }
    let Some(header) = Header::read(payload) else { return Verdict::No };
    let Some(options) = count_options(payload, &header) else { return Verdict::No };
    // A request for the root may have no options, and says what it is by its type, its method and the length of its token.
    let asks_for_root = header.is_request()
        && header.kind <= NON_CONFIRMABLE
        && payload.destination_port == PORT
        && payload.length == 4 + header.token_length;
    if payload.on_port(&[PORT]) && (options != 0 || header.code == 0 || asks_for_root) {
        return Verdict::Is(Confidence::HIGH, Method::Port);
    }
    let side = u32::from(payload.direction == Direction::Reverse);
    let token = |at: usize| payload.u32(4 + at).filter(|_| header.token_length >= at + 4).unwrap_or(0);
    // Notes: that there was a request and whose; its message identifier; its token, if of 4 bytes or more.
    if header.is_request() && header.kind <= NON_CONFIRMABLE {
        let [asked, identifier, first, second, ..] = state.claim_notes();
        (*asked, *identifier) = (1 + side, header.identifier.into());
        (*first, *second) = (token(0), token(4));
        return Verdict::Candidate;
    }
    let answers = state.notes().is_some_and(|[asked, identifier, first, second, ..]| {
        let same_message = header.kind >= ACKNOWLEDGEMENT && *identifier == u32::from(header.identifier);
        let same_token = *first != 0 && (*first, *second) == (token(0), token(4));
        *asked == 2 - side && (same_message || same_token)
    });
    match answers {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::No,
    }
}

/// A message over TCP (RFC 8323 section 3.2).
struct StreamMessage {
    code: u8,
    /// Where the options are, and where the message ends, bytes.
    options: usize,
    end: usize,
}

impl StreamMessage {
    fn read(payload: &Payload, at: usize) -> Option<Self> {
        let first = payload.u8(at)?;
        let token_length = usize::from(first & 15);
        // Length of options and payload: here, or in one, two or four bytes more.
        let (length, code_at) = match first >> 4 {
            13 => (13 + usize::from(payload.u8(at + 1)?), at + 2),
            14 => (269 + usize::from(payload.u16(at + 1)?), at + 3),
            15 => (usize::try_from(payload.u32(at + 1)?).ok()?.checked_add(65_805)?, at + 5),
            nibble => (usize::from(nibble), at + 1),
        };
        let code = payload.u8(code_at)?;
        let options = code_at + 1 + token_length;
        let fits = token_length <= 8 && (code_name(code).is_some() || signal_name(code).is_some());
        fits.then_some(Self { code, options, end: options.checked_add(length)? })
    }

    /// How many options there are, if they are known, not too long, and end with the message or at its payload.
    fn count_options(&self, payload: &Payload) -> Option<usize> {
        let bytes = payload.bytes.get(..self.end)?;
        // An Empty Message is that (RFC 8323 section 3.4).
        if self.code == 0 && self.options < self.end {
            return None;
        }
        let mut options = Options { bytes, at: self.options, number: 0 };
        let mut count = 0;
        for (number, value) in options.by_ref() {
            let most = match self.code {
                CSM => most_length_of_setting(number),
                _ => most_length(number),
            };
            if most.is_none_or(|most| value.len() > most) {
                return None;
            }
            count += 1;
        }
        let ends = match bytes.get(options.at) {
            Some(marker) => *marker == PAYLOAD_MARKER && options.at + 1 < self.end,
            None => true,
        };
        ends.then_some(count)
    }
}

/// Messages of a segment that are walked over.
const MOST_MESSAGES: usize = 32;
/// Capabilities and Settings, which either side sends first (RFC 8323 section 5.3).
const CSM: u8 = 0xe1;

fn examine_stream(payload: &Payload) -> Verdict {
    let Some(first) = StreamMessage::read(payload, 0) else { return Verdict::No };
    let on_port = payload.on_port(&[PORT]);
    let may_be = first.code == CSM && payload.at_start || on_port;
    if !may_be || first.count_options(payload).is_none_or(|options| options == 0) {
        return Verdict::No;
    }
    // Messages fill the segment.
    let mut at = first.end;
    let mut messages = 1;
    while messages < MOST_MESSAGES
        && let Some(next) = StreamMessage::read(payload, at)
        && next.count_options(payload).is_some()
    {
        at = next.end;
        messages += 1;
    }
    match at == payload.length || messages == MOST_MESSAGES {
        true if first.code == CSM => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
        true => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false => Verdict::No,
    }
}

/// How many options there are, if the type has such a code, and token and options are well-formed.
fn count_options(payload: &Payload, header: &Header) -> Option<usize> {
    if header.code == 0 {
        let empty = payload.length == 4 && header.token_length == 0 && header.kind != NON_CONFIRMABLE;
        return empty.then_some(0);
    }
    if header.kind == RESET || (header.is_request() && header.kind == ACKNOWLEDGEMENT) {
        return None;
    }
    let mut options = Options { bytes: payload.bytes, at: 4 + header.token_length, number: 0 };
    let mut count = 0;
    for (number, value) in options.by_ref() {
        if most_length(number).is_none_or(|most| value.len() > most) {
            return None;
        }
        count += 1;
    }
    let ends = match payload.u8(options.at) {
        Some(PAYLOAD_MARKER) => options.at + 1 < payload.length,
        Some(_) => false,
        None => options.at == payload.length || !payload.is_whole(),
    };
    ends.then_some(count)
}

/// Options up to the payload marker, the end, or the first one that is malformed.
struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u32,
}

impl<'a> Iterator for Options<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.bytes.get(self.at).filter(|first| **first != PAYLOAD_MARKER)?;
        let mut at = self.at + 1;
        let delta = self.extended(first >> 4, &mut at)?;
        let length = self.extended(first & 15, &mut at)? as usize;
        let value = self.bytes.get(at..at + length)?;
        self.at = at + length;
        self.number += delta;
        Some((self.number, value))
    }
}

impl Options<'_> {
    /// A nibble, or what one or two bytes behind the option's first one add to it.
    fn extended(&self, nibble: u8, at: &mut usize) -> Option<u32> {
        let extra = match nibble {
            13 => 1,
            14 => 2,
            15 => return None,
            _ => return Some(nibble.into()),
        };
        let bytes = self.bytes.get(*at..*at + extra)?;
        *at += extra;
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
        Some(value + if extra == 1 { 13 } else { 269 })
    }
}

/// Most bytes of an option's value (IANA CoAP Option Numbers). An unknown one is believed if it is elective (RFC 7252
/// section 5.4.1) and has none.
fn most_length(number: u32) -> Option<usize> {
    Some(match number {
        // Reserved.
        0 => return None,
        3 | 8 | 9 | 11 | 15 | 20 | 39 => 255,
        1 | 4 | 292 => 8,
        14 | 28 | 60 => 4,
        6 | 19 | 23 | 27 | 31 => 3,
        7 | 12 | 17 => 2,
        16 | 258 => 1,
        35 => 1034,
        252 => 40,
        _ if number & 1 == 0 => 0,
        _ => return None,
    })
}

/// The same of an option of a Capabilities and Settings Message: the longest message, block-wise transfer, and the longest
/// token (RFC 8323 section 5.3, RFC 8974 section 2.2).
fn most_length_of_setting(number: u32) -> Option<usize> {
    match number {
        2 => Some(4),
        4 => Some(0),
        6 => Some(3),
        _ => None,
    }
}

/// Codes of signalling messages (RFC 8323 section 5).
fn signal_name(code: u8) -> Option<&'static str> {
    Some(match code {
        CSM => "7.01 CSM",
        0xe2 => "7.02 Ping",
        0xe3 => "7.03 Pong",
        0xe4 => "7.04 Release",
        0xe5 => "7.05 Abort",
        _ => return None,
    })
}

fn code_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0x00 => "Empty Message",
        0x01 => "GET",
        0x02 => "POST",
        0x03 => "PUT",
        0x04 => "DELETE",
        0x05 => "FETCH",
        0x06 => "PATCH",
        0x07 => "iPATCH",
        0x41 => "2.01 Created",
        0x42 => "2.02 Deleted",
        0x43 => "2.03 Valid",
        0x44 => "2.04 Changed",
        0x45 => "2.05 Content",
        0x5f => "2.31 Continue",
        0x80 => "4.00 Bad Request",
        0x81 => "4.01 Unauthorized",
        0x82 => "4.02 Bad Option",
        0x83 => "4.03 Forbidden",
        0x84 => "4.04 Not Found",
        0x85 => "4.05 Method Not Allowed",
        0x86 => "4.06 Not Acceptable",
        0x88 => "4.08 Request Entity Incomplete",
        0x89 => "4.09 Conflict",
        0x8c => "4.12 Precondition Failed",
        0x8d => "4.13 Request Entity Too Large",
        0x8f => "4.15 Unsupported Content-Format",
        0x96 => "4.22 Unprocessable Entity",
        0x9d => "4.29 Too Many Requests",
        0xa0 => "5.00 Internal Server Error",
        0xa1 => "5.01 Not Implemented",
        0xa2 => "5.02 Bad Gateway",
        0xa3 => "5.03 Service Unavailable",
        0xa4 => "5.04 Gateway Timeout",
        0xa5 => "5.05 Proxying Not Supported",
        0xa8 => "5.08 Hop Limit Reached",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.carrier == Carrier::Tcp {
        let Some(message) = StreamMessage::read(payload, 0) else { return };
        // In the middle of a message its first byte says nothing.
        if message.count_options(payload).is_none() {
            return;
        }
        let code = code_name(message.code).or_else(|| signal_name(message.code)).unwrap_or_default();
        facts.say(code.as_bytes());
        facts.put("code", code.as_bytes());
        if message.code < CSM {
            let bytes = payload.bytes.get(..message.end).unwrap_or_default();
            describe_path(&Options { bytes, at: message.options, number: 0 }, facts);
        }
        return;
    }
    let Some(header) = Header::read(payload) else { return };
    let kind: &[u8] = match header.kind {
        CONFIRMABLE => b"CON",
        NON_CONFIRMABLE => b"NON",
        ACKNOWLEDGEMENT => b"ACK",
        _ => b"RST",
    };
    let code = code_name(header.code).unwrap_or_default();
    facts.say(kind);
    facts.say(b", MID:");
    facts.say_number(header.identifier.into());
    facts.say(b", ");
    facts.say(code.as_bytes());
    facts.put("type", kind);
    facts.put("code", code.as_bytes());
    facts.put_number("message_id", header.identifier.into());
    let options = Options { bytes: payload.bytes, at: 4 + header.token_length, number: 0 };
    describe_path(&options, facts);
}

fn describe_path(options: &Options, facts: &mut Facts) {
    let segments = || options_of(options, URI_PATH);
    if segments().next().is_none() {
        return;
    }
    facts.say(b", ");
    for segment in segments() {
        facts.say(b"/");
        facts.say(segment);
    }
    facts.put_all("path", segments().flat_map(|segment| [&b"/"[..], segment]));
}

fn options_of<'a>(options: &Options<'a>, wanted: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    Options { bytes: options.bytes, at: options.at, number: options.number }
        .filter_map(move |(number, value)| (number == wanted).then_some(value))
        .take(16)
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    const GET: &[u8] = b"\x44\x01\x12\x34\x0a\x0b\x0c\x0d\xb3foo\x03bar";

    #[test]
    fn paths_are_told() {
        let packet = sent(Carrier::Udp, 40001, PORT, GET);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("CoAP"), "CON, MID:4660, GET, /foo/bar"));
        assert!(details.contains(&("path", "/foo/bar".to_owned())));
    }

    #[test]
    fn options_are_known_and_end_well() {
        let with = |extra: &[u8]| [GET, extra].concat();
        for (payload, expected) in [
            (with(b"\xffx"), Some("CoAP")),
            (with(b"\x11\x2a"), Some("CoAP")),
            (b"\x40\0\x12\x34".to_vec(), Some("CoAP")),
            (with(b"\xff"), None),
            (with(b"\x10\x2a"), None),
            (with(b"\xf1x"), None),
            (with(b"\xe0\xff\xff\x2a"), None),
            (with(b"\x05abc"), None),
            (b"\x40\0\x12\x34\0".to_vec(), None),
            (b"\x70\x01\x12\x34".to_vec(), None),
        ] {
            let name = names(&[sent(Carrier::Udp, 40001, PORT, &payload)])[0];
            assert_eq!(name, expected, "{payload:02x?}");
        }
    }

    #[test]
    fn off_the_port_the_response_decides() {
        let request = sent(Carrier::Udp, 40001, 40003, GET);
        let answer = |identifier: u8, token: u8| Sent {
            reverse: true,
            ..sent(Carrier::Udp, 40003, 40001, &[0x64, 0x45, 0x12, identifier, 10, 11, 12, token, 0xff, b'x'])
        };
        assert_eq!(names(&[request.clone(), answer(0x34, 13)]), [None, Some("CoAP")]);
        assert_eq!(names(&[request.clone(), answer(0x35, 13)]), [None, Some("CoAP")]);
        assert_eq!(names(&[request, answer(0x35, 14)]), [None, None]);
    }
}

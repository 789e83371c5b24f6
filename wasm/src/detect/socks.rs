//! SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): the negotiation. What then goes through the proxy is told by itself.

use super::command_line::{other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, http, tls};

const PORTS: &[u16] = &[1080, 9050];
/// Longest user name, or name of a destination, bytes.
const MOST_NAME: usize = 255;

/// Words of notes.
mod note {
    /// The direction of a greeting or request that waits for its answer, or 0.
    pub const CLIENT: usize = 0;
    /// Its version.
    pub const VERSION: usize = 1;
}

/// SOCKS: on its ports by a message, elsewhere by one that is answered. Some do not wait for the choice of a method: greeting
/// and request, and then choice and reply, come in one segment.
pub static SOCKS: Signature = Signature {
    name: "SOCKS",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[0, 4, 5]),
    examine,
    continues: |payload, _, _| !begins_other(payload.bytes),
    asks: FirstBytes::Ranges(&[(b'*', b'+'), (b'2', b'2'), (b'A', b'Z'), (0x13, 0x16)]),
    describe,
    ..Signature::BASE
};

enum Message<'a> {
    /// Version, command, where the destination is, and the type of its address as version 5 numbers it.
    Request {
        version: u8,
        command: u8,
        address: Address<'a>,
        port: u16,
    },
    /// Methods of authentication that the client offers.
    Greeting(&'a [u8]),
    /// The one that the server takes.
    Choice(u8),
    Reply {
        version: u8,
        code: u8,
    },
}

#[derive(Clone, Copy)]
enum Address<'a> {
    V4([u8; 4]),
    V6([u8; 16]),
    Name(&'a [u8]),
}

/// The message that the payload is, no more and no less, or the one behind a greeting or a choice.
fn message<'a>(payload: &Payload<'a>) -> Option<Message<'a>> {
    let first = match *payload.bytes {
        [5, count @ 1..=3, ..] => {
            payload.bytes.get(2..2 + usize::from(count)).filter(|methods| offers(methods))
        }
        _ => None,
    };
    let behind = match (first, payload.bytes) {
        (Some(methods), _) => payload.from(2 + methods.len()),
        (None, [5, choice, rest @ ..]) if is_method(*choice) && *choice != 0xff => rest,
        _ => &[],
    };
    match (behind, first.is_some()) {
        ([5, _, 0, ..], is_greeting) => match single_message(payload, behind) {
            message @ Some(Message::Request { .. }) if is_greeting => message,
            message @ Some(Message::Reply { .. }) if !is_greeting => message,
            _ => single_message(payload, payload.bytes),
        },
        _ => single_message(payload, payload.bytes),
    }
}

/// Whether methods are assigned, and each is there once.
fn offers(methods: &[u8]) -> bool {
    methods.iter().enumerate().all(|(at, method)| {
        is_method(*method) && *method != 0xff && methods.iter().skip(at + 1).all(|other| other != method)
    })
}

/// The message that the bytes are, no more and no less.
fn single_message<'a>(payload: &Payload, bytes: &'a [u8]) -> Option<Message<'a>> {
    match *bytes {
        [4, command @ 1..=2, p0, p1, ref rest @ ..] => {
            let (address, rest) = rest.split_first_chunk::<4>()?;
            let (user, rest) = split_string(rest)?;
            // 0.0.0.x stands for a name behind the user.
            let address = match address {
                [0, 0, 0, 1..=255] => {
                    let (name, rest) = split_string(rest)?;
                    (rest.is_empty() && is_name(name)).then_some(Address::Name(name))?
                }
                _ => rest.is_empty().then_some(Address::V4(*address))?,
            };
            let port = u16::from_be_bytes([p0, p1]);
            let is_sound = port != 0 && user.iter().all(u8::is_ascii_graphic);
            is_sound.then_some(Message::Request { version: 4, command, address, port })
        }
        [0, code @ 0x5a..=0x5d, _, _, _, _, _, _] => Some(Message::Reply { version: 4, code }),
        [5, choice] => is_method(choice).then_some(Message::Choice(choice)),
        [5, count @ 1..=255, ref methods @ ..] if methods.len() == usize::from(count) => {
            offers(methods).then_some(Message::Greeting(methods))
        }
        [5, code, 0, kind @ (1 | 3 | 4), ref rest @ ..] => {
            let (address, port) = split_address(kind, rest)?;
            match (code, payload.destination_port, payload.source_port) {
                // A command or a reply code: from the server's port it is a reply.
                (1..=3, _, source) if !PORTS.contains(&source) && port != 0 => {
                    Some(Message::Request { version: 5, command: code, address, port })
                }
                (0..=8, ..) => Some(Message::Reply { version: 5, code }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A string that a zero ends, and what follows it.
fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = bytes.get(..bytes.len().min(MOST_NAME + 1))?;
    let end = memchr::memchr(0, head)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(byte))
}

/// Methods that IANA has assigned, and "none of them" (RFC 1928 section 3).
fn is_method(method: u8) -> bool {
    matches!(method, 0..=3 | 5..=9 | 0x80..=0x8f | 0xff)
}

/// Address and port that fill the bytes.
fn split_address(kind: u8, bytes: &[u8]) -> Option<(Address<'_>, u16)> {
    let (address, port) =
        bytes.split_last_chunk::<2>().map(|(address, port)| (address, u16::from_be_bytes(*port)))?;
    let address = match kind {
        1 => Address::V4(address.try_into().ok()?),
        4 => Address::V6(address.try_into().ok()?),
        _ => {
            let (length, name) = address.split_first()?;
            (name.len() == usize::from(*length) && is_name(name)).then_some(Address::Name(name))?
        }
    };
    Some((address, port))
}

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(message) = message(payload) else { return Verdict::No };
    let waits = |version: u8, state: &FlowState| {
        state.notes().is_some_and(|notes| {
            notes[note::CLIENT] == other_side(payload.direction) && notes[note::VERSION] == u32::from(version)
        })
    };
    let (version, is_request) = match message {
        Message::Request { version, .. } => (version, true),
        Message::Greeting(_) => (5, true),
        Message::Choice(_) => (5, false),
        Message::Reply { version, .. } => (version, false),
    };
    if !is_request && waits(version, state) {
        return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    }
    match payload.on_port(PORTS) {
        true if is_request || !matches!(message, Message::Choice(_)) => {
            Verdict::Is(Confidence::HIGH, Method::Port)
        }
        // Two bytes: only from the server, and only the methods in use.
        true if PORTS.contains(&payload.source_port) && matches!(message, Message::Choice(0..=2 | 0xff)) => {
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        _ if is_request => {
            let notes = state.claim_notes();
            notes[note::CLIENT] = side(payload.direction);
            notes[note::VERSION] = version.into();
            Verdict::Candidate
        }
        _ => Verdict::No,
    }
}

/// Whether another protocol begins in what the proxy carries.
fn begins_other(bytes: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 8] =
        [b"SSH-", b"220", b"+OK", b"* OK", b"EHLO ", b"HELO ", b"RFB 00", b"\x13BitTorrent"];
    tls::begins_client_hello(bytes)
        || BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning))
        || http::begins_message(bytes)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = message(payload) else { return };
    match message {
        Message::Request { version, command, address, port } => {
            let name = match command {
                1 => "CONNECT",
                2 => "BIND",
                _ => "UDP ASSOCIATE",
            };
            facts.say(name.as_bytes());
            facts.put_number("version", version.into());
            facts.put("command", name.as_bytes());
            facts.entry("destination_address", |text| match address {
                Address::V4(octets) => crate::net::Address::v4(octets).write_text(text),
                Address::V6(octets) => crate::net::Address::v6(octets).write_text(text),
                Address::Name(name) => text.extend_from_slice(name),
            });
            facts.put_number("destination_port", port.into());
        }
        Message::Greeting(methods) => {
            facts.say(b"Greeting");
            facts.put_number("version", 5);
            facts.put_hex("methods", methods);
        }
        Message::Choice(method) => {
            facts.say(b"Method selection");
            facts.put_number("version", 5);
            facts.put_number("method", method.into());
        }
        Message::Reply { version, code } => {
            let succeeded = matches!((version, code), (4, 0x5a) | (5, 0));
            facts.say(if succeeded { b"Reply: succeeded" } else { b"Reply: failed" });
            facts.put_number("version", version.into());
            facts.put_number("reply_code", code.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    const TO_SERVER: [u8; 10] = [5, 1, 0, 1, 10, 0, 0, 7, 0, 80];

    fn back(port: u16, payload: &[u8]) -> Sent {
        Sent { reverse: true, ..sent(Carrier::Tcp, port, 40001, payload) }
    }

    #[test]
    fn the_negotiation_and_what_follows_it() {
        for port in [1080, 9000] {
            let packets = [
                sent(Carrier::Tcp, 40001, port, &[5, 2, 0, 1]),
                back(port, &[5, 0]),
                sent(Carrier::Tcp, 40001, port, &TO_SERVER),
                back(port, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
                back(port, b"SSH-2.0-x_1\r\n"),
                sent(Carrier::Tcp, 40001, port, b"SSH-2.0-y_2\r\n"),
            ];
            let first = (port == 1080).then_some("SOCKS");
            let socks = Some("SOCKS");
            assert_eq!(names(&packets), [first, socks, socks, socks, Some("SSH"), Some("SSH")]);
        }
        let request = b"\x04\x01\0\x50\0\0\0\x01me\0example.net\0";
        let answer = [0, 0x5a, 0, 0, 0, 0, 0, 0];
        let packets = [
            sent(Carrier::Tcp, 40001, 9000, request),
            back(9000, &answer),
            sent(Carrier::Tcp, 40001, 9000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ];
        assert_eq!(names(&packets), [None, Some("SOCKS"), Some("HTTP")]);
    }

    #[test]
    fn the_destination_is_told() {
        for (payload, address) in [
            (&TO_SERVER[..], "10.0.0.7"),
            (b"\x05\x01\0\x03\x01a\0\x50", "a"),
            (b"\x04\x01\0\x50\x0a\0\0\x01me\0", "10.0.0.1"),
            (b"\x04\x01\0\x50\0\0\0\x01\0b.example\0", "b.example"),
        ] {
            let packet = sent(Carrier::Tcp, 40001, 1080, payload);
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (Some("SOCKS"), "CONNECT"));
            for (key, value) in [("destination_address", address), ("destination_port", "80")] {
                assert!(details.contains(&(key, value.into())), "{details:?}");
            }
        }
    }

    #[test]
    fn near_misses() {
        for payload in [
            &[5, 2, 0][..],
            &[5, 2, 0, 0],
            &[5, 1, 4],
            &[5, 4, 0, 1, 10, 0, 0, 7, 0, 80, 0],
            &[5, 1, 0, 2, 10, 0, 0, 7, 0, 80],
            &[5, 1, 1, 1, 10, 0, 0, 7, 0, 80],
            &[4, 3, 0, 80, 10, 0, 0, 1, 0],
            &[4, 1, 0, 80, 10, 0, 0, 1, b'a'],
            &[4, 1, 0, 80, 0, 0, 0, 1, 0],
            &[5, 0],
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 1080, payload)]), [None], "{payload:x?}");
        }
        // Without an answer nothing is known.
        let packets = [sent(Carrier::Tcp, 40001, 9000, &[5, 1, 0]), back(9000, &[4, 0])];
        assert_eq!(names(&packets), [None, None]);
    }
}

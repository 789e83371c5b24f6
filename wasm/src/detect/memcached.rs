//! Memcached: its text protocol, and the binary one; over UDP behind a header of eight bytes.

use super::command_line::{is_text, other_side, side};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[11211];
/// Longest line in bytes, longest key.
const MOST_LINE: usize = 2048;
const MOST_KEY: usize = 250;
/// Header of a binary packet, bytes.
const HEADER: usize = 24;
/// Longest key, extras and value of a binary packet that are believed, bytes.
const MOST_BODY: usize = 128 << 20;
/// Header of a datagram, bytes: request, sequence number, number of datagrams, reserved.
const DATAGRAM_HEADER: usize = 8;

/// Memcached: over TCP on any port where key, numbers and data fit together; over UDP off the port a response with the number
/// of its request.
pub static MEMCACHED: Signature = Signature {
    name: "Memcached",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: PORTS,
    // Requests over UDP count from 0.
    first: FirstBytes::OneOf(b"\0\x80\x81acdefgimpqrstvDENOSTVHB"),
    examine: |payload, state, _| {
        let on_port = payload.on_port(PORTS);
        let is_tcp = payload.carrier == Carrier::Tcp;
        if !is_tcp && !on_port {
            return examine_exchange(payload, state);
        }
        let Some(bytes) = message(payload) else { return Verdict::No };
        if let Some(packet) = Binary::of(bytes) {
            let ends = bytes.len() == packet.length
                || bytes
                    .get(packet.length..)
                    .and_then(Binary::of)
                    .is_some_and(|next| next.magic == packet.magic);
            return match ends {
                true if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
                // A header alone is mostly zeros.
                true if packet.length > HEADER => Verdict::Is(Confidence::HIGH, Method::Payload),
                _ => Verdict::No,
            };
        }
        match text(bytes) {
            Some(Text { tells: true, .. }) if is_tcp => Verdict::Is(Confidence::HIGH, Method::Payload),
            Some(_) if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

/// A datagram off the port: a request waits for the response with its number.
fn examine_exchange(payload: &Payload, state: &mut FlowState) -> Verdict {
    let Some(text) = message(payload).and_then(text) else { return Verdict::No };
    let number = payload.u16(0).map(u32::from).unwrap_or_default();
    // Notes: the direction of a request, and its number.
    if !text.is_response {
        let notes = state.claim_notes();
        (notes[0], notes[1]) = (side(payload.direction), number);
        return Verdict::Candidate;
    }
    let answers =
        state.notes().is_some_and(|notes| notes[0] == other_side(payload.direction) && notes[1] == number);
    match answers {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
        false => Verdict::No,
    }
}

/// What is behind the header of a datagram, or the payload.
fn message<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    if payload.carrier == Carrier::Tcp {
        return Some(payload.bytes);
    }
    let (sequence, count, reserved) = (payload.u16(2)?, payload.u16(4)?, payload.u16(6)?);
    (sequence < count && reserved == 0).then_some(payload.from(DATAGRAM_HEADER))
}

struct Text<'a> {
    word: &'a [u8],
    is_response: bool,
    /// Whether no other protocol has such a line.
    tells: bool,
}

/// The first line.
fn text(bytes: &[u8]) -> Option<Text<'_>> {
    let head = bytes.get(..bytes.len().min(MOST_LINE))?;
    let end = memchr::memchr(b'\n', head)?;
    let line = head.get(..end)?.strip_suffix(b"\r")?;
    if !is_text(line) {
        return None;
    }
    let mut words = line.split(|byte| *byte == b' ');
    let word = words.next()?;
    let (a, b, c, d, e) = (words.next(), words.next(), words.next(), words.next(), words.next());
    let alone = a.is_none();
    let data = bytes.get(end + 1..)?;
    let has_key = a.is_some_and(is_key);
    let (is_response, fits, tells) = match word {
        b"get" | b"gets" => (false, has_key, false),
        b"gat" | b"gats" => (false, is_number(a) && b.is_some_and(is_key), false),
        b"set" | b"add" | b"replace" | b"append" | b"prepend" => {
            let fits = has_key && is_number(b) && is_number(c) && is_number(d) && is_option(e);
            (false, fits, fits && holds(data, d))
        }
        b"cas" => {
            let fits = has_key && is_number(b) && is_number(c) && is_number(d) && is_number(e);
            (false, fits, fits && holds(data, d))
        }
        b"delete" => (false, has_key && is_option(b), false),
        b"incr" | b"decr" | b"touch" => (false, has_key && is_number(b) && is_option(c), false),
        b"stats" => (false, b.is_none() || a.is_some(), false),
        b"version" | b"quit" => (false, alone, false),
        b"flush_all" | b"verbosity" => (false, is_option(b), false),
        b"VALUE" => {
            let fits = has_key && is_number(b) && is_number(c);
            (true, fits, fits && holds(data, c))
        }
        b"STAT" => (true, b.is_some(), a == Some(b"pid") && is_number(b)),
        b"STORED" | b"NOT_STORED" | b"EXISTS" | b"NOT_FOUND" | b"DELETED" | b"TOUCHED" | b"END"
        | b"ERROR" => (true, alone, false),
        b"CLIENT_ERROR" | b"SERVER_ERROR" | b"VERSION" => (true, !alone, false),
        _ => return None,
    };
    fits.then_some(Text { word, is_response, tells })
}

fn is_key(word: &[u8]) -> bool {
    (1..=MOST_KEY).contains(&word.len()) && word.iter().all(|byte| *byte > b' ')
}

fn is_number(word: Option<&[u8]>) -> bool {
    // The expiry may be negative.
    let digits = word.map(|word| word.strip_prefix(b"-").unwrap_or(word)).unwrap_or_default();
    (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

fn is_option(word: Option<&[u8]>) -> bool {
    word.is_none_or(|word| word == b"noreply" || is_number(Some(word)))
}

/// Whether the data have the length that the line says, as far as they are there, and a line end.
fn holds(data: &[u8], length: Option<&[u8]>) -> bool {
    let Some(length) = length.filter(|digits| digits.len() <= 8) else { return false };
    let length =
        length.iter().fold(0, |sum: usize, digit| sum * 10 + usize::from(digit.wrapping_sub(b'0') & 15));
    data.get(length..).is_some_and(|end| end.starts_with(b"\r\n"))
}

struct Binary {
    magic: u8,
    opcode: u8,
    status: u16,
    length: usize,
}

impl Binary {
    fn of(bytes: &[u8]) -> Option<Self> {
        let [magic @ (0x80 | 0x81), opcode, k0, k1, extras, 0, s0, s1, l0, l1, l2, l3, ..] =
            *bytes.get(..HEADER)?
        else {
            return None;
        };
        let key = usize::from(u16::from_be_bytes([k0, k1]));
        let body = u32::from_be_bytes([l0, l1, l2, l3]);
        let body = usize::try_from(body).ok().filter(|length| *length <= MOST_BODY)?;
        let status = u16::from_be_bytes([s0, s1]);
        let fits = opcode_name(opcode).is_some()
            && key + usize::from(extras) <= body
            && key <= MOST_KEY
            && matches!(extras, 0 | 4 | 8 | 12 | 20)
            // Of responses; requests have a bucket there.
            && (magic == 0x80 || status <= 0x86);
        fits.then_some(Self { magic, opcode, status, length: HEADER + body })
    }
}

fn opcode_name(opcode: u8) -> Option<&'static str> {
    const NAMES: [&str; 0x25] = [
        "Get",
        "Set",
        "Add",
        "Replace",
        "Delete",
        "Increment",
        "Decrement",
        "Quit",
        "Flush",
        "GetQ",
        "No-op",
        "Version",
        "GetK",
        "GetKQ",
        "Append",
        "Prepend",
        "Stat",
        "SetQ",
        "AddQ",
        "ReplaceQ",
        "DeleteQ",
        "IncrementQ",
        "DecrementQ",
        "QuitQ",
        "FlushQ",
        "AppendQ",
        "PrependQ",
        "Verbosity",
        "Touch",
        "GAT",
        "GATQ",
        "HELO",
        "SASL list mechs",
        "SASL Auth",
        "SASL Step",
        "GATK",
        "GATKQ",
    ];
    NAMES.get(usize::from(opcode)).copied()
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(bytes) = message(payload) else { return };
    if let Some(packet) = Binary::of(bytes) {
        let name = opcode_name(packet.opcode).unwrap_or_default();
        facts.say(name.as_bytes());
        facts.put("command", name.as_bytes());
        facts.put("type", if packet.magic == 0x80 { b"request" } else { b"response" });
        if packet.magic == 0x81 {
            facts.put_number("status", packet.status.into());
        }
        return;
    }
    // Keys and values are not told.
    if let Some(text) = text(bytes) {
        facts.say(text.word);
        facts.put(if text.is_response { "response" } else { "command" }, text.word);
        facts.put("type", if text.is_response { b"response" } else { b"request" });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{names, sent};
    use super::*;

    #[test]
    fn text_and_where_it_is_known() {
        for (port, text, expected) in [
            (11211, "get key\r\n", Some("Memcached")),
            (11211, "END\r\n", Some("Memcached")),
            (9000, "set key 0 60 5\r\nhello\r\n", Some("Memcached")),
            (9000, "VALUE key 0 5\r\nhello\r\nEND\r\n", Some("Memcached")),
            (9000, "STAT pid 77\r\nEND\r\n", Some("Memcached")),
            (9000, "get key\r\n", None),
            (9000, "set key 0 60 6\r\nhello\r\n", None),
            (11211, "set key 0 x 5\r\nhello\r\n", None),
            (11211, "get\r\n", None),
            (11211, "END\n", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, text.as_bytes())]), [expected], "{text:?}");
        }
        for (port, payload, expected) in [
            (11211, &b"\0\0\0\0\0\x01\0\0stats\r\n"[..], Some("Memcached")),
            (9000, b"\0\0\0\0\0\x01\0\0stats\r\n", None),
            (11211, b"\0\0\0\x01\0\x01\0\0stats\r\n", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Udp, 40001, port, payload)]), [expected], "{payload:?}");
        }
    }

    #[test]
    fn binary_packets() {
        let mut get = [0; HEADER + 3];
        (get[0], get[3], get[11]) = (0x80, 3, 3);
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 9000, &get)]), [Some("Memcached")]);
        for (at, byte) in [(0, 0x82), (1, 0x40), (3, 4), (4, 1), (5, 1), (8, 1), (11, 4)] {
            let mut packet = get;
            packet[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 11211, &packet)]), [None], "byte {at}");
        }
    }
}

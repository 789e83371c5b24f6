//! MySQL and MariaDB client/server protocol: packets of a three-byte length, a sequence number and a payload; compressed ones
//! have the length before compression behind that.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

const HEADER: usize = 4;
const COMPRESSED_HEADER: usize = 7;
/// Packets of a segment that are walked over.
const MOST_WALK: usize = 64;
/// Longest server greeting that is waited for, bytes.
const MOST_GREETING: usize = 512;
/// Longest version text, bytes.
const MOST_VERSION: usize = 64;
const PORTS: &[u16] = &[3306];

/// MySQL: the server greets with protocol version 10; in the middle of a connection, commands and
/// responses on the usual port.
pub static MYSQL: Signature = Signature {
    name: "MySQL",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine,
    continues: |payload, _, _| !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(message) = Message::of(payload) else { return Verdict::No };
    if message.sequence == 0 && message.first == Some(10) && (30..=MOST_GREETING).contains(&message.length) {
        let rest = payload.bytes.len().saturating_sub(HEADER);
        return match version(payload) {
            Some(_) if rest == message.length => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
            Some(_) if rest < message.length => Verdict::More,
            None if rest < MOST_VERSION && rest < message.length => Verdict::More,
            _ => Verdict::No,
        };
    }
    let exact = payload.bytes.len() == HEADER + message.length;
    if exact && payload.at_start && payload.on_port(PORTS) && refusal(payload).is_some() {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Port);
    }
    let is_command = message.sequence == 0 && message.first.is_some_and(|code| code <= 0x20);
    let is_login = message.sequence == 1 && message.length >= 32;
    let tells = exact && (is_command || is_login) || is_response(payload) || compressed(payload).is_some();
    match payload.on_port(PORTS) && tells {
        true => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false => Verdict::No,
    }
}

struct Message {
    length: usize,
    sequence: u8,
    first: Option<u8>,
}

impl Message {
    fn of(payload: &Payload) -> Option<Self> {
        let [a, b, c, sequence] = payload.array(0)?;
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        (length > 0).then_some(Self { length, sequence, first: payload.u8(HEADER) })
    }
}

/// Whether packets of a response fill the segment, or go on behind it: their numbers follow each other.
fn is_response(payload: &Payload) -> bool {
    if !PORTS.contains(&payload.source_port) {
        return false;
    }
    let (mut at, mut packets, mut expected) = (0, 0, None);
    while packets < MOST_WALK {
        let Some([a, b, c, sequence]) = payload.array(at) else { break };
        let length = u32::from_le_bytes([a, b, c, 0]) as usize;
        let end = at + HEADER + length;
        if length == 0 || expected.is_some_and(|expected| expected != sequence) {
            return false;
        }
        if end > payload.bytes.len() {
            return packets >= 2;
        }
        if packets == 0 {
            let fits = match payload.u8(HEADER) {
                // OK: rows, an identifier, status and warnings; an error with its state; the end of rows; number of columns.
                Some(0) => length >= 7,
                Some(0xff) => length >= 9 && payload.u8(HEADER + 3) == Some(b'#'),
                Some(0xfe) => matches!(length, 5 | 7..=9),
                // MariaDB has a byte behind it: whether definitions of the columns follow.
                Some(1..=0xfa) => {
                    let is_count =
                        length == 1 || length == 2 && payload.u8(HEADER + 1).is_some_and(|flag| flag <= 1);
                    is_count && end < payload.bytes.len()
                }
                _ => false,
            };
            if !fits || sequence == 0 {
                return false;
            }
        }
        (at, packets, expected) = (end, packets + 1, Some(sequence.wrapping_add(1)));
    }
    packets > 0 && (packets == MOST_WALK || at == payload.bytes.len() || packets >= 2)
}

/// A compressed packet that fills the segment: its number, and the first packet in it if that was not compressed. (Where that
/// gains nothing, the length before compression is 0.)
fn compressed<'a>(payload: &Payload<'a>) -> Option<(u8, Option<&'a [u8]>)> {
    let [a, b, c, sequence, x, y, z] = payload.array(0)?;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    let before = u32::from_le_bytes([x, y, z, 0]) as usize;
    if length + COMPRESSED_HEADER != payload.bytes.len() {
        return None;
    }
    let contents = payload.from(COMPRESSED_HEADER);
    if before != 0 {
        // CMF and FLG of zlib (RFC 1950 section 2.2).
        let is_zlib = matches!(contents, [0x78, flags, ..] if (0x7800 + u32::from(*flags)) % 31 == 0);
        return (is_zlib && before > length / 2).then_some((sequence, None));
    }
    let [a, b, c, _] = *contents.first_chunk()?;
    let inner = u32::from_le_bytes([a, b, c, 0]) as usize;
    (inner > 0 && HEADER + inner <= contents.len()).then_some((sequence, Some(contents)))
}

/// The server's version in its greeting: printable, with a dot in it.
fn version<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let text = payload.from(HEADER + 1);
    let text = text.get(..memchr::memchr(0, text)?)?;
    let is_version =
        text.len() <= MOST_VERSION && text.contains(&b'.') && text.iter().all(u8::is_ascii_graphic);
    is_version.then_some(text)
}

/// Code and text of the error that a server sends in place of its greeting: no SQL state is in it yet.
fn refusal<'a>(payload: &Payload<'a>) -> Option<(u16, &'a [u8])> {
    let [_, _, _, 0, 0xff, low, high] = payload.array(0)? else { return None };
    let (code, text) = (u16::from_le_bytes([low, high]), payload.from(HEADER + 3));
    let is_text = text.len() >= 8 && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    ((1000..5000).contains(&code) && is_text).then_some((code, text))
}

/// Whether it is the beginning of a login with CLIENT_SSL among its capabilities, and no user: the login follows in TLS
/// (Protocol::SSLRequest).
fn asks_for_tls(payload: &Payload, message: &Message) -> bool {
    const CLIENT_SSL: u32 = 0x800;
    message.length == 32 && payload.le32(HEADER).is_some_and(|capabilities| capabilities & CLIENT_SSL != 0)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = Message::of(payload) else { return };
    let from_server = PORTS.contains(&payload.source_port);
    if let Some((sequence, contents)) = compressed(payload) {
        facts.put("type", b"compressed");
        facts.say(b"Compressed");
        let command =
            contents.and_then(|contents| contents.get(HEADER)).filter(|_| sequence == 0 && !from_server);
        if let Some(name) = command.and_then(|code| COMMANDS.get(usize::from(*code))) {
            facts.put("command_name", name.as_bytes());
            facts.say(b" ");
            facts.say(name.as_bytes());
        }
        return facts.put_number("sequence_id", u64::from(sequence));
    }
    match (message.sequence, message.first) {
        (0, Some(10)) if version(payload).is_some() => {
            facts.put("type", b"handshake");
            facts.put("protocol_version", b"10");
            let version = version(payload).unwrap_or_default();
            facts.put("server_version", version);
            facts.say(b"Server greeting ");
            facts.say(version);
        }
        (0, Some(0xff)) if from_server => {
            let Some((code, text)) = refusal(payload) else { return };
            facts.put("type", b"error");
            facts.put_number("error_code", u64::from(code));
            facts.put("message", text);
            facts.say(b"Error ");
            facts.say_number(u64::from(code));
        }
        (0, Some(code)) if !from_server && payload.bytes.len() == HEADER + message.length => {
            let Some(name) = COMMANDS.get(usize::from(code)) else { return };
            facts.put("type", b"command");
            facts.put_number("command_code", u64::from(code));
            facts.put("command_name", name.as_bytes());
            facts.say(name.as_bytes());
        }
        (1, _) if !from_server && asks_for_tls(payload, &message) => {
            facts.put("type", b"ssl_request");
            facts.say(b"SSL request");
        }
        (1, _) if !from_server && message.length >= 32 => {
            facts.put("type", b"auth");
            facts.say(b"Login request");
        }
        _ => return,
    }
    facts.put_number("sequence_id", u64::from(message.sequence));
}

/// Names of the commands by their codes.
const COMMANDS: [&str; 33] = [
    "COM_SLEEP",
    "COM_QUIT",
    "COM_INIT_DB",
    "COM_QUERY",
    "COM_FIELD_LIST",
    "COM_CREATE_DB",
    "COM_DROP_DB",
    "COM_REFRESH",
    "COM_SHUTDOWN",
    "COM_STATISTICS",
    "COM_PROCESS_INFO",
    "COM_CONNECT",
    "COM_PROCESS_KILL",
    "COM_DEBUG",
    "COM_PING",
    "COM_TIME",
    "COM_DELAYED_INSERT",
    "COM_CHANGE_USER",
    "COM_BINLOG_DUMP",
    "COM_TABLE_DUMP",
    "COM_CONNECT_OUT",
    "COM_REGISTER_SLAVE",
    "COM_STMT_PREPARE",
    "COM_STMT_EXECUTE",
    "COM_STMT_SEND_LONG_DATA",
    "COM_STMT_CLOSE",
    "COM_STMT_RESET",
    "COM_SET_OPTION",
    "COM_STMT_FETCH",
    "COM_DAEMON",
    "COM_BINLOG_DUMP_GTID",
    "COM_RESET_CONNECTION",
    "COM_CLONE",
];

//! PostgreSQL frontend/backend protocol, version 3: messages of a type byte and a length that counts itself.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
const PORTS: &[u16] = &[5432];
/// Longest startup message, bytes.
const MOST_STARTUP: u32 = 10_240;
/// Longest message that is believed, bytes.
const MOST_MESSAGE: u32 = 64 << 20;
/// Messages of a segment that are walked over.
const MOST_WALK: usize = 64;
/// Message types of both sides.
const TYPES: &[u8] = b"RSKZTDCENI123sntGHWvAVQPBFXdcfpEH";

/// PostgreSQL: a startup, TLS, GSSAPI or cancel request; later, messages that fill the segment.
pub static POSTGRESQL: Signature = Signature {
    name: "PostgreSQL",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    examine,
    continues: |payload, _, _| !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    if let (Some(length), Some(code)) = (payload.u32(0), payload.u32(4)) {
        let whole = payload.bytes.len() == length as usize;
        match (code, length) {
            (SSL_REQUEST | GSS_REQUEST, 8) | (CANCEL_REQUEST, 16) if whole => {
                return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
            }
            (code, 9..=MOST_STARTUP) if code >> 16 == 3 => {
                let names_user = memchr::memmem::find(payload.bytes, b"user\0").is_some();
                return match whole && names_user {
                    true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
                    false if payload.bytes.len() < length as usize => Verdict::More,
                    false => Verdict::No,
                };
            }
            _ => {}
        }
    }
    let walk = walk(payload);
    match payload.on_port(PORTS) {
        true if walk.messages > 0 && walk.is_exact => Verdict::Is(Confidence::MEDIUM, Method::Port),
        true if walk.messages == 0 && is_replication_data(payload) => {
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        true if walk.messages > 1 && walk.is_plausible => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false if walk.messages > 2 && walk.is_exact => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    }
}

/// Whether write-ahead log that a server streams begins the segment: CopyData of XLogData, where it starts and ends, and when it
/// was sent, in microseconds since 2000. Such messages go over many segments.
fn is_replication_data(payload: &Payload) -> bool {
    let Some([b'd', a, b, c, d, b'w']) = payload.array(0) else { return false };
    let length = u32::from_be_bytes([a, b, c, d]);
    let (Some(start), Some(end), Some(sent)) = (payload.u64(6), payload.u64(14), payload.u64(22)) else {
        return false;
    };
    (29..=MOST_MESSAGE).contains(&length)
        && start <= end
        && end >> 56 == 0
        && (1 << 48..1 << 52).contains(&sent)
}

struct Walk {
    /// Whole messages.
    messages: usize,
    /// They fill the payload.
    is_exact: bool,
    /// What follows them begins like a message.
    is_plausible: bool,
}

fn walk(payload: &Payload) -> Walk {
    let mut walk = Walk { messages: 0, is_exact: false, is_plausible: true };
    let mut rest = payload.bytes;
    while walk.messages < MOST_WALK {
        let Some(&[kind, a, b, c, d]) = rest.first_chunk() else {
            walk.is_exact = rest.is_empty();
            walk.is_plausible = rest.first().is_none_or(|kind| TYPES.contains(kind));
            break;
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if !TYPES.contains(&kind) || !(4..=MOST_MESSAGE).contains(&length) {
            walk.is_plausible = false;
            break;
        }
        let Some(next) = rest.get(1 + length as usize..) else { break };
        rest = next;
        walk.messages += 1;
    }
    walk
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    match (payload.u32(0), payload.u32(4)) {
        (Some(8), Some(SSL_REQUEST)) => return request(facts, "SSL request", "startup"),
        (Some(8), Some(GSS_REQUEST)) => return request(facts, "GSSAPI encryption request", "startup"),
        (Some(16), Some(CANCEL_REQUEST)) => return request(facts, "Cancel request", "cancel_request"),
        (Some(9..=MOST_STARTUP), Some(code)) if code >> 16 == 3 => {
            request(facts, "Startup", "startup");
            facts.entry("protocol_version", |out| {
                crate::wire::json::put_decimal(out, u64::from(code >> 16));
                out.push(b'.');
                crate::wire::json::put_decimal(out, u64::from(code & 0xffff));
            });
            let mut parts = payload.from(8).split(|byte| *byte == 0);
            while let (Some(key @ [_, ..]), Some(value)) = (parts.next(), parts.next()) {
                match key {
                    b"user" => facts.put("user", value),
                    b"database" => facts.put("database", value),
                    b"application_name" => facts.put("application_name", value),
                    _ => {}
                }
            }
            return;
        }
        _ => {}
    }
    let walk = walk(payload);
    if walk.messages == 0 && !is_replication_data(payload) {
        return;
    }
    let from_server = PORTS.contains(&payload.source_port) || !PORTS.contains(&payload.destination_port);
    if let Some(kind) = payload.u8(0) {
        facts.put("type", b"message");
        facts.entry("message_type", |out| out.push(kind));
        facts.put("message_name", message_name(kind, from_server).as_bytes());
        facts.say(message_name(kind, from_server).as_bytes());
        if walk.messages > 1 {
            facts.say(b" and ");
            facts.say_number(walk.messages as u64 - 1);
            facts.say(b" more");
        }
    }
}

fn request(facts: &mut Facts, info: &str, kind: &str) {
    facts.say(info.as_bytes());
    facts.put("type", kind.as_bytes());
}

/// Some letters mean one thing from the server and another from the client.
fn message_name(kind: u8, from_server: bool) -> &'static str {
    match (kind, from_server) {
        (b'R', _) => "Authentication",
        (b'S', true) => "ParameterStatus",
        (b'S', false) => "Sync",
        (b'K', _) => "BackendKeyData",
        (b'Z', _) => "ReadyForQuery",
        (b'T', _) => "RowDescription",
        (b'D', true) => "DataRow",
        (b'D', false) => "Describe",
        (b'C', true) => "CommandComplete",
        (b'C', false) => "Close",
        (b'E', true) => "ErrorResponse",
        (b'E', false) => "Execute",
        (b'N', _) => "NoticeResponse",
        (b'I', _) => "EmptyQueryResponse",
        (b'1', _) => "ParseComplete",
        (b'2', _) => "BindComplete",
        (b'3', _) => "CloseComplete",
        (b's', _) => "PortalSuspended",
        (b'n', _) => "NoData",
        (b't', _) => "ParameterDescription",
        (b'G', _) => "CopyInResponse",
        (b'H', true) => "CopyOutResponse",
        (b'H', false) => "Flush",
        (b'W', _) => "CopyBothResponse",
        (b'v', _) => "NegotiateProtocolVersion",
        (b'A', _) => "NotificationResponse",
        (b'V', _) => "FunctionCallResponse",
        (b'Q', _) => "Query",
        (b'P', _) => "Parse",
        (b'B', _) => "Bind",
        (b'F', _) => "FunctionCall",
        (b'X', _) => "Terminate",
        (b'd', _) => "CopyData",
        (b'c', _) => "CopyDone",
        (b'f', _) => "CopyFail",
        (b'p', _) => "Password or SASL response",
        _ => "Unknown",
    }
}

//! MongoDB wire protocol: messages of a little-endian length, two ids and an operation code.

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const HEADER: usize = 16;
/// Longest message, bytes (`maxMessageSizeBytes`).
const MOST_MESSAGE: u32 = 48_000_000;
const PORTS: &[u16] = &[27017, 27018, 27019];

/// MongoDB.
pub static MONGODB: Signature = Signature {
    name: "MongoDB",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    examine,
    describe,
    ..Signature::BASE
};

struct Message {
    length: u32,
    request_id: u32,
    response_to: u32,
    code: u32,
}

impl Message {
    fn of(payload: &Payload) -> Option<Self> {
        let word = |offset| payload.le32(offset);
        let message = Self { length: word(0)?, request_id: word(4)?, response_to: word(8)?, code: word(12)? };
        (HEADER as u32..=MOST_MESSAGE).contains(&message.length).then_some(message)
    }
}

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(message) = Message::of(payload) else { return Verdict::No };
    let word = |offset| payload.le32(offset);
    let body = match message.code {
        // Flag bits: checksumPresent, moreToCome, exhaustAllowed; the others of the lower half are required to be 0.
        2013 => {
            word(16).is_some_and(|flags| flags & 0xfffc == 0) && payload.u8(20).is_some_and(|kind| kind <= 2)
        }
        2012 => {
            word(16).is_some_and(|code| name(code).is_some() && code != 2012)
                && payload.u8(24).is_some_and(|compressor| compressor <= 3)
        }
        2004 => word(16).is_some_and(|flags| flags & !0xfe == 0) && names_collection(payload.from(20)),
        2001 | 2002 | 2005 | 2006 => word(16) == Some(0) && names_collection(payload.from(20)),
        2007 => word(16) == Some(0),
        1 => message.response_to != 0 && word(16).is_some_and(|flags| flags & !0xf == 0),
        _ => false,
    };
    match payload.bytes.len().cmp(&(message.length as usize)) {
        _ if !body => Verdict::No,
        std::cmp::Ordering::Equal => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        // The message goes on, or another one follows.
        _ if payload.on_port(PORTS) => Verdict::Is(Confidence::MEDIUM, Method::Port),
        std::cmp::Ordering::Less if payload.bytes.len() < 4096 => Verdict::More,
        _ => Verdict::No,
    }
}

/// `database.collection` and a zero.
fn names_collection(bytes: &[u8]) -> bool {
    let Some(name) = memchr::memchr(0, bytes).and_then(|end| bytes.get(..end)) else { return false };
    name.len() <= 255 && name.contains(&b'.') && !name.iter().any(u8::is_ascii_control)
}

fn name(code: u32) -> Option<&'static str> {
    Some(match code {
        1 => "OP_REPLY",
        1000 => "OP_MSG (legacy)",
        2001 => "OP_UPDATE",
        2002 => "OP_INSERT",
        2004 => "OP_QUERY",
        2005 => "OP_GET_MORE",
        2006 => "OP_DELETE",
        2007 => "OP_KILL_CURSORS",
        2010 => "OP_COMMAND",
        2011 => "OP_COMMANDREPLY",
        2012 => "OP_COMPRESSED",
        2013 => "OP_MSG",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = Message::of(payload) else { return };
    let Some(name) = name(message.code) else { return };
    let kind = if message.response_to == 0 { "request" } else { "response" };
    facts.say(name.as_bytes());
    facts.say(b" ");
    facts.say(kind.as_bytes());
    facts.put("type", kind.as_bytes());
    facts.put_number("op_code", u64::from(message.code));
    facts.put("op_name", name.as_bytes());
    facts.put_number("message_length", u64::from(message.length));
    facts.put_number("request_id", u64::from(message.request_id));
    facts.put_number("response_to", u64::from(message.response_to));
}

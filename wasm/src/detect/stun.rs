//! STUN (RFC 8489, RFC 3489) and TURN (RFC 8656).

use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// Length in bytes of a message's header.
const HEADER: usize = 20;
const MAGIC_COOKIE: u32 = 0x2112_a442;
const PORTS: &[u16] = &[3478, 5349];

/// STUN: magic cookie and exact length; in TCP the first message. Messages of RFC 3489, which have no cookie, by their
/// types and attributes.
pub static STUN: Signature = Signature {
    name: "STUN",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::Ranges(&[(0, 3)]),
    examine: |payload, state, _| match find(payload) {
        Found::Message(message) if !message.is_turn() => {
            state.seen |= seen::STUN;
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        Found::Partial => Verdict::More,
        _ if is_classic(payload) => Verdict::Is(Confidence::HIGH, Method::Payload),
        _ => Verdict::No,
    },
    // 0 to 3 are STUN's among the protocols that share a port (RFC 7983).
    continues: |payload, state, _| match (payload.carrier, payload.u8(0)) {
        (_, Some(0..=3)) => {
            !is_turn_method(payload.u16(0).unwrap_or(0)) || payload.u32(4) != Some(MAGIC_COOKIE)
        }
        (Carrier::Tcp, Some(0x40..=0x7f)) => state.seen & seen::TURN_ALLOCATION == 0,
        (carrier, _) => carrier == Carrier::Tcp,
    },
    describe,
    // DTLS, SRTP and QUIC follow where the checks have found a way.
    yields: true,
    ..Signature::BASE
};

/// TURN: its methods in STUN messages, and channel data after an allocation.
pub static TURN: Signature = Signature {
    name: "TURN",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::Ranges(&[(0, 3), (0x40, 0x7f)]),
    examine: |payload, state, _| match find(payload) {
        Found::Message(message) if message.is_turn() => {
            // A success response to Allocate or to what needs an allocation; indications need one, too.
            if matches!(message.class(), 1 | 2) {
                state.seen |= seen::TURN_ALLOCATION;
            }
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ if state.seen & seen::TURN_ALLOCATION != 0 && channel_data(payload).is_some() => {
            Verdict::Is(Confidence::HIGH, Method::Handshake)
        }
        _ => Verdict::No,
    },
    continues: |payload, _, _| match payload.u8(0) {
        _ if payload.carrier == Carrier::Tcp => true,
        Some(0..=3) => is_turn_method(payload.u16(0).unwrap_or(0)),
        Some(0x40..=0x4f) => true,
        Some(0x50..=0x7f) => channel_data(payload).is_some(),
        _ => false,
    },
    describe,
    ..Signature::BASE
};

struct Message<'a> {
    kind: u16,
    transaction: [u8; 12],
    attributes: &'a [u8],
}

enum Found<'a> {
    Nothing,
    /// The beginning of a message, in a stream.
    Partial,
    Message(Message<'a>),
}

impl Message<'_> {
    /// 0 request, 1 indication, 2 success response, 3 error response (RFC 8489 section 5).
    fn class(&self) -> u16 {
        self.kind >> 7 & 2 | self.kind >> 4 & 1
    }

    fn is_turn(&self) -> bool {
        is_turn_method(self.kind)
    }
}

/// Method of a message type.
fn method(kind: u16) -> u16 {
    kind & 0xf | kind >> 1 & 0x70 | kind >> 2 & 0xf80
}

/// Methods of RFC 8656 and RFC 6062.
#[inline]
fn is_turn_method(kind: u16) -> bool {
    matches!(method(kind), 3..=12)
}

/// The message that the payload is, or that a stream begins with, led by its length where RTP shares the stream
/// (RFC 4571).
fn find<'a>(payload: &Payload<'a>) -> Found<'a> {
    let is_stream = payload.carrier == Carrier::Tcp;
    let at = |offset: usize| -> Option<Found<'a>> {
        let (kind, length) = (payload.u16(offset)?, usize::from(payload.u16(offset + 2)?));
        if kind >= 0x4000 || is_stream && length % 4 != 0 {
            return None;
        }
        let cookie = payload.from(offset + 4);
        if is_stream && cookie.len() < 16 {
            let cookie = cookie.get(..4).unwrap_or(cookie);
            let fits = !cookie.is_empty() && MAGIC_COOKIE.to_be_bytes().starts_with(cookie);
            return fits.then_some(Found::Partial);
        }
        let end = offset + HEADER + length;
        let fits = payload.u32(offset + 4)? == MAGIC_COOKIE && (is_stream || end == payload.length);
        let attributes = payload.from(offset + HEADER);
        let attributes = attributes.get(..length).unwrap_or(attributes);
        // Some leave the padding of the last attribute out.
        let ends_well = length % 4 == 0 || attributes.len() == length && are_attributes(attributes);
        let transaction = payload.array(offset + 8)?;
        (fits && ends_well).then_some(Found::Message(Message { kind, transaction, attributes }))
    };
    at(0).or_else(|| if is_stream { at(2) } else { None }).unwrap_or(Found::Nothing)
}

/// Whether attributes fill the bytes, the last one padded or not.
fn are_attributes(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some((_, _, rest)) = attribute(bytes) else { return false };
        bytes = rest;
    }
    true
}

/// A message of RFC 3489: one of its six types, and known attributes that fill it.
fn is_classic(payload: &Payload) -> bool {
    let kind = payload.u16(0).unwrap_or(0);
    if payload.carrier != Carrier::Udp || !matches!(kind, 1 | 0x101 | 0x111 | 2 | 0x102 | 0x112) {
        return false;
    }
    let length = payload.u16(2).map_or(0, usize::from);
    let mut rest = payload.from(HEADER);
    if rest.len() != length || rest.is_empty() {
        return false;
    }
    while let Some(&[k0, k1, l0, l1]) = rest.first_chunk() {
        let (kind, length) = (u16::from_be_bytes([k0, k1]), usize::from(u16::from_be_bytes([l0, l1])));
        let Some(next) = rest.get(4 + length..).filter(|_| matches!(kind, 1..=11 | 0x8020 | 0x8022)) else {
            return false;
        };
        rest = next;
    }
    rest.is_empty()
}

/// Channel number and length of the data (RFC 8656 section 12.4); a datagram may be padded to a multiple of four. Before RFC
/// 8656 channels went up to 0x7fff (RFC 5766 section 11), and clients still bind such ones.
fn channel_data(payload: &Payload) -> Option<(u16, u16)> {
    let (channel, length) = (payload.u16(0)?, payload.u16(2)?);
    let end = 4 + usize::from(length);
    let fits = payload.carrier == Carrier::Tcp || (end..end + 4).contains(&payload.length);
    ((0x4000..=0x7fff).contains(&channel) && fits).then_some((channel, length))
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Found::Message(message) = find(payload) else {
        return match channel_data(payload) {
            Some((channel, length)) => {
                facts.say(b"ChannelData, channel ");
                facts.say_number(channel.into());
                facts.put("type", b"channel_data");
                facts.put_number("channel_number", channel.into());
                facts.put_number("length", length.into());
            }
            None => facts.put("type", if is_classic(payload) { b"classic" } else { b"continuation" }),
        };
    };
    let method = method_name(method(message.kind));
    let class = match message.class() {
        0 => "Request",
        1 => "Indication",
        2 => "Success Response",
        _ => "Error Response",
    };
    facts.say(method.as_bytes());
    facts.say(b" ");
    facts.say(class.as_bytes());
    facts.put("method", method.as_bytes());
    facts.put("class", class.as_bytes());
    facts.put_hex("transaction_id", &message.transaction);
    let mut rest = message.attributes;
    while let Some((kind, value, next)) = attribute(rest) {
        rest = next;
        match kind {
            0x0009 if value.len() >= 4 => {
                let code = value.iter().skip(2).take(2).fold(0, |code, digit| code * 100 + u64::from(*digit));
                facts.say(b" ");
                facts.say_number(code);
                facts.put_number("error_code", code);
            }
            0x0016 => put_address(facts, "relayed_address", value, &message.transaction),
            0x0020 => put_address(facts, "mapped_address", value, &message.transaction),
            0x8022 => facts.put("software", value),
            _ => {}
        }
    }
}

/// Type, value and what follows an attribute (RFC 8489 section 14).
fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[k0, k1, l0, l1], rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let value = rest.get(..length)?;
    Some((u16::from_be_bytes([k0, k1]), value, rest.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// A transport address that is hidden by the cookie and the transaction (RFC 8489 section 14.2).
fn put_address(facts: &mut Facts, key: &'static str, value: &[u8], transaction: &[u8; 12]) {
    let Some((&[_, family, p0, p1], hidden)) = value.split_first_chunk() else { return };
    let port = u16::from_be_bytes([p0, p1]) ^ (MAGIC_COOKIE >> 16) as u16;
    let mask = MAGIC_COOKIE.to_be_bytes().into_iter().chain(*transaction);
    let mut octets = [0; 16];
    for (octet, (hidden, mask)) in octets.iter_mut().zip(hidden.iter().zip(mask)) {
        *octet = hidden ^ mask;
    }
    let [a, b, c, d, ..] = octets;
    let address = match (family, hidden.len()) {
        (1, 4) => Address::v4([a, b, c, d]),
        (2, 16) => Address::v6(octets),
        _ => return,
    };
    facts.entry(key, |text| {
        text.extend_from_slice(if family == 2 { b"[" } else { b"" });
        address.write_text(text);
        text.extend_from_slice(if family == 2 { b"]:" } else { b":" });
        crate::wire::json::put_decimal(text, port.into());
    });
}

fn method_name(method: u16) -> &'static str {
    match method {
        1 => "Binding",
        2 => "Shared Secret",
        3 => "Allocate",
        4 => "Refresh",
        6 => "Send",
        7 => "Data",
        8 => "CreatePermission",
        9 => "ChannelBind",
        10 => "Connect",
        11 => "ConnectionBind",
        12 => "ConnectionAttempt",
        _ => "Unknown",
    }
}

#[cfg(test)]
#[path = "tests/stun.rs"]
mod tests;

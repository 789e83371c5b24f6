//! Changing a password in Kerberos (RFC 3244): over TCP behind a length of four bytes.

use super::ber;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Lengths of the message and of its ticket, and the version between them, bytes.
const HEADER: usize = 6;
/// The first octets of AP-REQ, AP-REP, KRB-PRIV and KRB-ERROR (RFC 4120 section 5.10).
const AP_REQ: u8 = 0x6e;
const AP_REP: u8 = 0x6f;
const KRB_PRIV: u8 = 0x75;
const KRB_ERROR: u8 = 0x7e;

/// KPASSWD: messages of Kerberos fill the parts of the message, and they it.
pub static KPASSWD: Signature = Signature {
    name: "KPASSWD",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[464],
    first: FirstBytes::Ranges(&[(0, 0x3f)]),
    examine: |payload, _, _| match read(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// What a message is.
fn read(payload: &Payload) -> Option<&'static str> {
    let start = match payload.carrier {
        Carrier::Tcp => 4,
        _ => 0,
    };
    let (length, version) = (payload.u16(start)?, payload.u16(start + 2)?);
    let ticket_length = usize::from(payload.u16(start + 4)?);
    let end = start + usize::from(length);
    // A segment may end in the middle of the message.
    let fits = match payload.carrier {
        Carrier::Tcp => payload.u32(0)? == u32::from(length) && payload.length <= end,
        _ => payload.length == end,
    };
    let second = start + HEADER + ticket_length;
    if !fits || second >= end || !is_message_up_to(payload, second, end) {
        return None;
    }
    let first = match ticket_length {
        0 => None,
        _ => Some(payload.u8(start + HEADER).filter(|_| is_message_up_to(payload, start + HEADER, second))?),
    };
    match (version, first, payload.u8(second)) {
        // Version 1 changes the user's own password, the other one sets anybody's; replies have 1.
        (1, Some(AP_REQ), Some(KRB_PRIV) | None) => Some("Change password request"),
        (0xff80, Some(AP_REQ), Some(KRB_PRIV) | None) => Some("Set password request"),
        (1 | 0xff80, Some(AP_REP), Some(KRB_PRIV) | None) => Some("Reply"),
        (1 | 0xff80, None, Some(KRB_ERROR)) => Some("Error"),
        _ => None,
    }
}

/// Whether an element of ASN.1 goes from `start` to `end`, as far as it is there.
fn is_message_up_to(payload: &Payload, start: usize, end: usize) -> bool {
    match ber::split(payload.from(start)) {
        Some((element, _)) => start + element.header + element.length == end,
        None => payload.bytes.len() < start + 6,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(name) = read(payload) else { return };
    facts.say(name.as_bytes());
    facts.put("type", name.as_bytes());
}

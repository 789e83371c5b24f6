//! SSH (RFC 4253).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, Method, Payload, Signature, Verdict};

/// Longest identification string in bytes, line end included (RFC 4253 section 4.2).
const MOST_LINE: usize = 255;

/// Bytes in front of the names in SSH_MSG_KEXINIT: length of the packet and of its padding, number, cookie, length of the names.
const KEXINIT_HEAD: usize = 4 + 1 + 1 + 16 + 4;
const SSH_MSG_KEXINIT: u8 = 20;
const SSH_MSG_NEWKEYS: u8 = 21;
const PORTS: &[u16] = &[22];
/// Longest packet, bytes (RFC 4253 section 6.1).
const MOST_PACKET: u32 = 35_000;

/// SSH: either side begins with `SSH-2.0-software comments`; where the capture begins behind that, with the methods of key
/// exchange, and on the usual port with what follows them in the clear.
pub static SSH: Signature = Signature {
    name: "SSH",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(b"S\0"),
    examine: |payload, _, _| match identification(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None if may_begin(payload) => Verdict::More,
        None if key_exchange_methods(payload).is_some() => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Handshake)
        }
        None if payload.on_port(PORTS) && key_exchange_message(payload).is_some() => {
            Verdict::Is(Confidence::HIGH, Method::Port)
        }
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// Protocol version, and software with comments.
fn identification<'a>(payload: &Payload<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let rest = payload.line(MOST_LINE)?.strip_prefix(b"SSH-")?;
    let dash = memchr::memchr(b'-', rest)?;
    let (version, software) = (rest.get(..dash)?, rest.get(dash + 1..)?);
    (matches!(version, b"2.0" | b"1.99" | b"1.5") && !software.is_empty()).then_some((version, software))
}

/// The first list of names in SSH_MSG_KEXINIT (RFC 4253 section 7.1), or as much of it as is there.
fn key_exchange_methods<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let (length, padding, number) = (payload.u32(0)?, payload.u8(4)?, payload.u8(5)?);
    let names_length = payload.u32(KEXINIT_HEAD - 4)?;
    if number != SSH_MSG_KEXINIT || padding < 4 || length > MOST_PACKET || names_length >= length {
        return None;
    }
    let names = payload.from(KEXINIT_HEAD);
    let names = names.get(..names_length as usize).unwrap_or(names);
    let is_known = [&b"curve25519-"[..], b"diffie-hellman-", b"ecdh-", b"mlkem", b"sntrup"]
        .iter()
        .any(|method| names.split(|byte| *byte == b',').any(|name| name.starts_with(method)));
    (is_known && names.iter().all(u8::is_ascii_graphic)).then_some(names)
}

/// The first message of a segment that is part of a key exchange behind its methods. Its packet goes on in the next segment, or
/// another one follows; from the new keys on what follows is encrypted.
fn key_exchange_message(payload: &Payload) -> Option<u8> {
    let (message, end) = binary_packet(payload, 0)?;
    let ends = match message {
        SSH_MSG_NEWKEYS => end <= payload.length,
        _ => end >= payload.length || binary_packet(payload, end).is_some(),
    };
    ends.then_some(message)
}

/// The message in the packet at `at` that is not encrypted, and where it ends (RFC 4253 section 6).
fn binary_packet(payload: &Payload, at: usize) -> Option<(u8, usize)> {
    let (length, padding, message) = (payload.u32(at)?, payload.u8(at + 4)?, payload.u8(at + 5)?);
    if length > MOST_PACKET {
        return None;
    }
    let contents = length.checked_sub(1 + u32::from(padding))?;
    let fits = (length + 4) % 8 == 0 && padding >= 4;
    let is_known = match message {
        SSH_MSG_NEWKEYS => contents == 1,
        // Numbers that each method of key exchange uses for its own messages (RFC 4250 section 4.1.2). They begin with a string
        // or a number and its length; requests for a group are of numbers alone (RFC 4419).
        30 if contents == 5 => true,
        30..=33 => payload.u32(at + 6).is_some_and(|first| first > 0 && first <= contents.saturating_sub(5)),
        34 => contents == 13,
        _ => false,
    };
    (fits && is_known).then_some((message, at + 4 + length as usize))
}

fn may_begin(payload: &Payload) -> bool {
    let head = payload.bytes.get(..4).unwrap_or(payload.bytes);
    b"SSH-".starts_with(head) && payload.bytes.len() < MOST_LINE && !payload.bytes.contains(&b'\n')
}

fn describe(payload: &Payload, _: &mut super::FlowState, _: &mut super::Shared, facts: &mut Facts) {
    let Some((version, software)) = identification(payload) else {
        if let Some(methods) = key_exchange_methods(payload) {
            facts.say(b"Key Exchange Init");
            facts.put("type", b"key_exchange_init");
            facts.put("kex_algorithms", methods);
        } else if let Some(message) = key_exchange_message(payload) {
            let is_new_keys = message == SSH_MSG_NEWKEYS;
            facts.say(if is_new_keys { b"New Keys" } else { b"Key Exchange" });
            facts.put("type", if is_new_keys { b"new_keys" } else { b"key_exchange" });
        }
        return;
    };
    facts.say(b"SSH-");
    facts.say(version);
    facts.say(b"-");
    facts.say(software);
    let mut parts = software.splitn(2, |byte| *byte == b' ');
    facts.put("type", b"protocol_version");
    facts.put("proto_version", version);
    facts.put("software", parts.next().unwrap_or_default());
    if let Some(comments) = parts.next() {
        facts.put("comments", comments);
    }
}

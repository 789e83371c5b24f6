//! TLS (RFC 8446, RFC 5246): records, and what the hellos in them say.

use super::signature::FirstBytes;
use super::tls_fingerprint::{Transport, ja3, ja3s, ja4};
use super::tls_hello::{CLIENT_HELLO, Hello, SERVER_HELLO, version_name};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, http};

/// Bytes of a record header.
const HEADER: usize = 5;
/// Longest record body: 2^14, and 2^11 for what TLS 1.2 may add (RFC 5246 section 6.2.3).
const MOST_RECORD: usize = (1 << 14) + (1 << 11);
/// Records of a payload that are described.
const MOST_DESCRIBED: usize = 16;
/// Longest hello that is put together from several records.
const MOST_HELLO: usize = 16 << 10;

/// Bytes of the application protocols of a hello that are put.
const MOST_PROTOCOLS: usize = 256;

/// Content types.
mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
    pub const HEARTBEAT: u8 = 24;
}

/// Handshake type of a Certificate, which often is longer than a record.
const CERTIFICATE: u8 = 11;

/// The word of notes that keeps the version of the flow, as its hellos have it.
const VERSION: usize = 0;

/// TLS over TCP, from a hello or from any records that follow each other.
pub static TLS: Signature = Signature {
    name: "TLS",
    carriers: &[Carrier::Tcp],
    ports: &[443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 8443],
    first: FirstBytes::Ranges(&[(20, 24), (0x80, 0x83)]),
    examine,
    continues,
    asks: FirstBytes::Ranges(&[(b'A', b'Z'), (content::HANDSHAKE, content::HANDSHAKE)]),
    describe,
    ..Signature::BASE
};

/// First bytes that [`begins_client_hello`] is to be asked about.
pub const BEGINS_CLIENT_HELLO: FirstBytes = FirstBytes::OneOf(&[content::HANDSHAKE]);

/// Whether a payload of a flow of another protocol begins with a ClientHello: STARTTLS, CONNECT.
#[inline]
pub fn begins_client_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [content::HANDSHAKE, 3, 0..=3, _, _, CLIENT_HELLO, 0, ..])
}

/// One record, or as much of it as there is.
struct Record<'a> {
    content: u8,
    version: u16,
    length: usize,
    body: &'a [u8],
}

impl Record<'_> {
    fn is_whole(&self) -> bool {
        self.body.len() == self.length
    }
}

/// The record at the front, and what follows it.
fn split_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let [content, major, minor, a, b] = bytes.first_chunk::<HEADER>().copied()?;
    let length = usize::from(u16::from_be_bytes([a, b]));
    let fits = match content {
        content::CHANGE_CIPHER_SPEC => length == 1,
        content::ALERT => length == 2 || length >= 17,
        content::HANDSHAKE => length >= 1,
        content::HEARTBEAT => length >= 19,
        content::APPLICATION_DATA => true,
        _ => false,
    };
    if !fits || major != 3 || minor > 3 || length > MOST_RECORD {
        return None;
    }
    let rest = bytes.get(HEADER..)?;
    let (body, rest) = rest.split_at(length.min(rest.len()));
    Some((Record { content, version: 0x0300 | u16::from(minor), length, body }, rest))
}

/// Length and version of a ClientHello in the format of SSL 2.0, in which old clients offer later versions, too (RFC 5246
/// appendix E.2).
fn version_2_hello(payload: &Payload) -> Option<(usize, u16)> {
    let length = usize::from(payload.u16(0)?.checked_sub(0x8000)?);
    let version = payload.u16(3)?;
    let [ciphers, session, challenge] = [payload.u16(5)?, payload.u16(7)?, payload.u16(9)?].map(usize::from);
    let fits = payload.u8(2) == Some(CLIENT_HELLO)
        && matches!(version, 0x0002 | 0x0300..=0x0303)
        && ciphers != 0
        && ciphers.is_multiple_of(3)
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
        && length == 9 + ciphers + session + challenge
        && payload.bytes.len() == 2 + length;
    fits.then_some((length, version))
}

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    if version_2_hello(payload).is_some() {
        return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    }
    if payload.bytes.len() < HEADER + 1 {
        let begins = matches!(payload.bytes, [content::HANDSHAKE, 3, ..=3, ..] | [content::HANDSHAKE, 3]);
        return if begins && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    }
    let Some((first, rest)) = split_record(payload.bytes) else { return Verdict::No };
    let kind = first.body.first().copied();
    if first.content == content::HANDSHAKE && matches!(kind, Some(CLIENT_HELLO | SERVER_HELLO)) {
        return examine_hello(payload, state, shared);
    }
    // Records that follow each other, the last one perhaps cut.
    let (mut records, mut cut, mut rest) = (1, !first.is_whole(), rest);
    while !rest.is_empty() {
        match split_record(rest) {
            Some((record, after)) => {
                records += 1;
                cut = !record.is_whole();
                rest = after;
            }
            None if rest.len() < HEADER && matches!(rest, [20..=24] | [20..=24, 3, ..]) => break,
            None => return Verdict::No,
        }
    }
    match (records, cut) {
        (2.., _) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        (_, false) if first.length >= 2 => Verdict::Is(Confidence::HIGH, Method::Payload),
        _ if payload.on_port(TLS.ports) => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ if matches!(first.content, content::HANDSHAKE | content::APPLICATION_DATA)
            && first.version >= 0x0301 =>
        {
            Verdict::Is(Confidence::MEDIUM, Method::Payload)
        }
        _ => Verdict::No,
    }
}

fn examine_hello(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    let message = handshake(payload.bytes, &mut shared.tls_message);
    match Hello::parse(message) {
        Some(hello) if hello.is_whole() || !state.may_ask_more(payload) => {
            if let Some(version) = state.claim_notes().get_mut(VERSION) {
                *version = hello.version().into();
            }
            Verdict::Is(Confidence::DEFINITE, Method::Handshake)
        }
        Some(_) => Verdict::More,
        None if message.len() < 6 && state.may_ask_more(payload) => Verdict::More,
        None => Verdict::No,
    }
}

/// The handshake message at the front, put together in `buffer` where it is spread over records.
pub fn handshake<'a>(bytes: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    let Some((first, mut rest)) = split_record(bytes) else { return &[] };
    let length = |message: &[u8]| match message {
        [_, a, b, c, ..] => 4 + u32::from_be_bytes([0, *a, *b, *c]) as usize,
        _ => 4,
    };
    if first.body.len() >= length(first.body) || rest.is_empty() {
        return first.body;
    }
    buffer.clear();
    buffer.extend_from_slice(first.body);
    while buffer.len() < length(buffer).min(MOST_HELLO) {
        match split_record(rest) {
            Some((record, after)) if record.content == content::HANDSHAKE => {
                buffer.extend_from_slice(record.body);
                rest = after;
            }
            _ => break,
        }
    }
    buffer
}

fn continues(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> bool {
    match payload.bytes.first() {
        Some(b'A'..=b'Z') => !http::begins_message(payload.bytes),
        Some(&content::HANDSHAKE) if matches!(payload.u8(HEADER), Some(CLIENT_HELLO | SERVER_HELLO)) => {
            note_version(payload, state, shared);
            true
        }
        _ => true,
    }
}

#[cold]
fn note_version(payload: &Payload, state: &mut FlowState, shared: &mut Shared) {
    if let Some(hello) = Hello::parse(handshake(payload.bytes, &mut shared.tls_message))
        && let Some(version) = state.claim_notes().get_mut(VERSION)
    {
        *version = hello.version().into();
    }
}

fn describe(payload: &Payload, state: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    if let Some((length, version)) = version_2_hello(payload) {
        facts.put("content_type", content_name(content::HANDSHAKE).unwrap_or_default().as_bytes());
        facts.put_number("record_length", length as u64);
        facts.put("handshake_type", handshake_name(CLIENT_HELLO).map_or("", |(name, _)| name).as_bytes());
        facts.put("version", version_name(version).unwrap_or_default().as_bytes());
        return facts.say(b"Client Hello (SSL 2.0 format)");
    }
    let Some((first, _)) = split_record(payload.bytes) else { return facts.say(b"Continuation") };
    let Some(name) = content_name(first.content) else { return };
    facts.put("content_type", name.as_bytes());
    facts.put_number("record_length", first.length as u64);
    let (mut rest, mut left, mut encrypted) = (payload.bytes, 0, false);
    for number in 0..MOST_DESCRIBED {
        let Some((record, after)) = split_record(rest) else { break };
        // A second ClientHello follows a Change Cipher Spec that means nothing (RFC 8446 appendix D.4).
        if record.content == content::HANDSHAKE && (!encrypted || begins_client_hello(rest)) {
            // What a message of an earlier record leaves comes first.
            let skipped = record.length.min(left);
            left -= skipped;
            if skipped < record.length {
                left = describe_handshakes(rest, skipped, number == 0, &mut shared.tls_message, facts);
            }
        } else {
            say_record(&record, facts);
        }
        encrypted |= record.content == content::CHANGE_CIPHER_SPEC;
        rest = after;
    }
    if !facts.entries().any(|(key, _)| key == "version") {
        let noted = state.notes().and_then(|notes| notes.get(VERSION)).copied().unwrap_or_default();
        match noted {
            // In the middle of a connection the data of 1.3 look like those of 1.2 (RFC 8446 section 5.1).
            0 if first.content == content::APPLICATION_DATA && first.version == 0x0303 => {}
            0 => facts.put("version", version_name(first.version).unwrap_or_default().as_bytes()),
            _ => facts.put("version", version_name(noted as u16).unwrap_or_default().as_bytes()),
        }
    }
}

/// Describes the handshake messages of the record at the front of `bytes`, its first `skipped` bytes left out. Returns
/// how many bytes of its last message are in later records.
fn describe_handshakes(
    bytes: &[u8],
    skipped: usize,
    is_first: bool,
    buffer: &mut Vec<u8>,
    facts: &mut Facts,
) -> usize {
    let Some((record, _)) = split_record(bytes) else { return 0 };
    let mut consumed = skipped;
    for number in 0..MOST_DESCRIBED {
        let message = match consumed {
            0 => handshake(bytes, buffer),
            _ => record.body.get(consumed..).unwrap_or_default(),
        };
        let [kind, a, b, c] = message.first_chunk().copied().unwrap_or([u8::MAX; 4]);
        let length = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        let is_plain = match kind {
            0 => record.length == 4 && length == 4,
            CLIENT_HELLO | SERVER_HELLO | CERTIFICATE => a == 0,
            _ => length <= record.length - consumed,
        };
        let Some((name, title)) = handshake_name(kind).filter(|_| is_plain) else {
            if number == 0 {
                separate(facts);
                facts.say(b"Encrypted Handshake Message");
            }
            return 0;
        };
        if number == 0 && is_first {
            facts.put("handshake_type", name.as_bytes());
        }
        separate(facts);
        match Hello::parse(message) {
            Some(hello) => describe_hello(&hello, facts),
            None => facts.say(title.as_bytes()),
        }
        consumed += length;
        if consumed >= record.length {
            return consumed - record.length;
        }
    }
    0
}

fn describe_hello(hello: &Hello, facts: &mut Facts) {
    put_hello(hello, Transport::Tcp, facts);
    facts.put("version", version_name(hello.version()).unwrap_or("unknown").as_bytes());
    if let Some(suite) = hello.cipher_suite() {
        facts.put_hex("cipher_suite", &suite.to_be_bytes());
    }
    facts.say(match (hello.is_client(), hello.is_retry()) {
        (true, _) => b"Client Hello",
        (_, true) => b"Hello Retry Request",
        _ => b"Server Hello",
    });
    if let Some(name) = hello.server_name() {
        facts.say(b" (SNI=");
        facts.say(name);
        facts.say(b")");
    }
}

/// Sets what comes next off from what was said.
fn separate(facts: &mut Facts) {
    if !facts.info().is_empty() {
        facts.say(b", ");
    }
}

/// Puts the server name, the application protocols and the fingerprints of a hello.
pub fn put_hello(hello: &Hello, transport: Transport, facts: &mut Facts) {
    if let Some(name) = hello.server_name() {
        facts.put("sni", name);
    }
    let mut protocols = hello.application_protocols().peekable();
    if protocols.peek().is_some() {
        facts.entry("alpn", |text| {
            let start = text.len();
            for (number, protocol) in protocols.enumerate() {
                if text.len() - start + protocol.len() >= MOST_PROTOCOLS {
                    return;
                }
                if number > 0 {
                    text.push(b',');
                }
                text.extend(protocol.iter().map(|byte| if byte.is_ascii_graphic() { *byte } else { b'?' }));
            }
        });
    }
    put_fingerprints(hello, transport, facts);
}

/// What is not all there has another fingerprint. JA3 is not defined for DTLS.
fn put_fingerprints(hello: &Hello, transport: Transport, facts: &mut Facts) {
    if !hello.is_whole() || hello.is_retry() {
        return;
    }
    match (hello.is_client(), transport) {
        (true, Transport::Datagram) => facts.put("ja4", &ja4(hello, transport)),
        (true, _) => {
            facts.put("ja3", &ja3(hello));
            facts.put("ja4", &ja4(hello, transport));
        }
        (false, Transport::Datagram) => {}
        (false, _) => facts.put("ja3s", &ja3s(hello)),
    }
}

fn say_record(record: &Record, facts: &mut Facts) {
    separate(facts);
    match (record.content, record.body) {
        (content::CHANGE_CIPHER_SPEC, _) => facts.say(b"Change Cipher Spec"),
        (content::ALERT, &[level @ 1..=2, description]) if record.length == 2 => {
            facts.say(if level == 1 { b"Alert (Warning, " } else { b"Alert (Fatal, " });
            facts.say(alert_name(description).as_bytes());
            facts.say(b")");
            facts.put("alert_level", if level == 1 { b"warning" } else { b"fatal" });
            facts.put("alert_description", alert_name(description).as_bytes());
        }
        (content::ALERT, _) => facts.say(b"Encrypted Alert"),
        (content::HEARTBEAT, _) => facts.say(b"Heartbeat"),
        (content::HANDSHAKE, _) => facts.say(b"Encrypted Handshake Message"),
        _ => facts.say(b"Application Data"),
    }
}

fn content_name(content: u8) -> Option<&'static str> {
    Some(match content {
        content::CHANGE_CIPHER_SPEC => "ChangeCipherSpec",
        content::ALERT => "Alert",
        content::HANDSHAKE => "Handshake",
        content::APPLICATION_DATA => "ApplicationData",
        content::HEARTBEAT => "Heartbeat",
        _ => return None,
    })
}

/// Name in details, and title in the info text, of a handshake type (IANA).
fn handshake_name(kind: u8) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        0 => ("HelloRequest", "Hello Request"),
        1 => ("ClientHello", "Client Hello"),
        2 => ("ServerHello", "Server Hello"),
        4 => ("NewSessionTicket", "New Session Ticket"),
        8 => ("EncryptedExtensions", "Encrypted Extensions"),
        11 => ("Certificate", "Certificate"),
        12 => ("ServerKeyExchange", "Server Key Exchange"),
        13 => ("CertificateRequest", "Certificate Request"),
        14 => ("ServerHelloDone", "Server Hello Done"),
        15 => ("CertificateVerify", "Certificate Verify"),
        16 => ("ClientKeyExchange", "Client Key Exchange"),
        20 => ("Finished", "Finished"),
        22 => ("CertificateStatus", "Certificate Status"),
        _ => return None,
    })
}

/// Name of an alert description (RFC 8446 section 6).
fn alert_name(description: u8) -> &'static str {
    match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}

#[cfg(test)]
#[path = "tests/tls.rs"]
mod tests;

//! QUIC (RFC 9000, RFC 9369): long headers, and the hellos in the Initial packets. Of Google's QUIC, which was before
//! them, see [`google_quic`].

use super::quic_crypto::{CryptoStream, varint};
use super::quic_initial::{InitialKeys, Secrets};
use super::signature::FirstBytes;
use super::state::seen;
use super::tls_fingerprint::Transport;
use super::tls_hello::Hello;
use super::{
    Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, google_quic, tls,
};
use crate::bounded::BoundedMap;
use crate::net::Address;

/// Longest connection id in bytes of the versions known.
const MOST_ID: usize = 20;
/// Least bytes of a datagram with a client's Initial packet (RFC 9000 section 14.1).
const LEAST_DATAGRAM: usize = 1200;
/// Hellos of clients, and of servers, that are being put together.
const MOST_HELLOS: usize = 512;
/// How long one may take, nanoseconds.
const HELLO_FOR_NS: i64 = 30_000_000_000;
/// Packets of a flow that are opened in vain before none is opened any more.
const MOST_FAILURES: u32 = 8;
/// Packets of a datagram that are looked at.
const MOST_COALESCED: usize = 8;

/// Words of notes.
mod note {
    /// Packets that could not be opened.
    pub const FAILURES: usize = 0;
    /// Hash of the destination connection id of the client's Initial packets whose hello is complete, or 0.
    pub const COMPLETE: usize = 1;
}

/// QUIC: a long header of a known version whose fields fit. What can be opened is certain.
pub static QUIC: Signature = Signature {
    name: "QUIC",
    carriers: &[Carrier::Udp],
    ports: &[80, 443, 8080, 8443],
    // The others: Google's flags of a version and of an identifier, with or without a nonce, and packet numbers of any length.
    first: FirstBytes::Ranges(&[
        (0x09, 0x09),
        (0x0d, 0x0d),
        (0x19, 0x19),
        (0x1d, 0x1d),
        (0x29, 0x29),
        (0x2d, 0x2d),
        (0x39, 0x39),
        (0x3d, 0x3d),
        (0x80, 0xff),
    ]),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// Type of a packet with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
    /// Of a version whose types are not known.
    Unknown,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Initial => "Initial",
            Self::ZeroRtt => "0-RTT",
            Self::Handshake => "Handshake",
            Self::Retry => "Retry",
            Self::VersionNegotiation => "Version Negotiation",
            Self::Unknown => "Unknown",
        }
    }
}

/// A packet with a long header.
struct Long<'a> {
    version: u32,
    kind: Kind,
    fixed_bit: bool,
    destination: &'a [u8],
    source: &'a [u8],
    /// Bytes of the token of an Initial packet.
    token_length: usize,
    /// Where the protected packet number begins; 0 where there is none.
    number_offset: usize,
    /// Bytes of the packet, more of them than were captured where the capture is cut.
    length: usize,
}

const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;

/// What a version derives its secrets from, if that is known.
fn secrets(version: u32) -> Option<Secrets> {
    match version {
        V1 | 0xff00_0021 | 0xff00_0022 => Some(Secrets::V1),
        V2 => Some(Secrets::V2),
        0xff00_001d..=0xff00_0020 => Some(Secrets::Draft29),
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => Some(Secrets::Draft23),
        _ => None,
    }
}

/// Whether the packets of a version are laid out like those of version 1: drafts, and Facebook's.
fn is_known(version: u32) -> bool {
    secrets(version).is_some() || matches!(version, 0xface_b000..=0xface_b00f)
}

/// Versions that only force a negotiation (RFC 9000 section 15).
fn is_reserved(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

impl<'a> Long<'a> {
    /// Reads the header at the front. `length` counts the bytes of the datagram from here on, captured or not.
    fn parse(bytes: &'a [u8], length: usize) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let version = u32::from_be_bytes(*rest.first_chunk()?);
        if first & 0x80 == 0 {
            return None;
        }
        let id = |offset: usize| -> Option<&'a [u8]> {
            let length = usize::from(*bytes.get(offset)?);
            bytes.get(offset + 1..)?.get(..length).filter(|_| length <= MOST_ID)
        };
        let destination = id(5)?;
        let source = id(6 + destination.len())?;
        let offset = 7 + destination.len() + source.len();
        let mut long = Self {
            version,
            kind: kind(version, *first),
            fixed_bit: first & 0x40 != 0,
            destination,
            source,
            token_length: 0,
            number_offset: 0,
            length,
        };
        let rest = length.checked_sub(offset)?;
        match long.kind {
            Kind::Unknown => return Some(long),
            Kind::VersionNegotiation => {
                let mut versions =
                    bytes.get(offset..)?.as_chunks().0.iter().map(|four| u32::from_be_bytes(*four));
                return (rest.is_multiple_of(4) && versions.any(is_known)).then_some(long);
            }
            // A token, and the integrity tag.
            Kind::Retry => return (rest > 16).then_some(long),
            _ => {}
        }
        let mut offset = offset;
        if long.kind == Kind::Initial {
            let (token, end) = varint(bytes, offset)?;
            long.token_length = usize::try_from(token).ok()?;
            offset = end.checked_add(long.token_length)?;
        }
        let (remaining, end) = varint(bytes, offset)?;
        let remaining = usize::try_from(remaining).ok()?;
        long.number_offset = end;
        long.length = end.checked_add(remaining)?;
        // Packet number, sample of the header protection, tag.
        (remaining >= 20 && long.length <= length).then_some(long)
    }
}

/// The type by the bits of the first byte (RFC 9000 section 17.2, RFC 9369 section 3.2).
fn kind(version: u32, first: u8) -> Kind {
    let bits = first >> 4 & 3;
    match version {
        0 => return Kind::VersionNegotiation,
        V2 => {}
        _ if is_known(version) => {
            return [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry]
                .get(usize::from(bits))
                .copied()
                .unwrap_or(Kind::Unknown);
        }
        _ => return Kind::Unknown,
    }
    match bits {
        0 => Kind::Retry,
        1 => Kind::Initial,
        2 => Kind::ZeroRtt,
        _ => Kind::Handshake,
    }
}

/// The packets of a datagram that have long headers: each, and its bytes.
fn packets<'a>(payload: &Payload<'a>) -> impl Iterator<Item = (Long<'a>, &'a [u8])> + use<'a> {
    let (mut bytes, mut length) = (payload.bytes, payload.length.max(payload.bytes.len()));
    std::iter::from_fn(move || {
        let long = Long::parse(bytes, length)?;
        let (packet, rest) = bytes.split_at(long.length.min(bytes.len()));
        length -= long.length;
        bytes = rest;
        Some((long, packet))
    })
    .take(MOST_COALESCED)
}

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    if google_quic::version(payload).is_some() {
        state.seen |= seen::GOOGLE_QUIC;
        return Verdict::Is(Confidence::HIGH, Method::Payload);
    }
    let Some((first, _)) = packets(payload).next() else { return Verdict::No };
    match first.kind {
        Kind::VersionNegotiation => Verdict::Is(Confidence::HIGH, Method::Payload),
        Kind::Unknown
            if is_reserved(first.version)
                && payload.length >= LEAST_DATAGRAM
                && first.fixed_bit
                && first.destination.len() >= 8 =>
        {
            match payload.on_port(QUIC.ports) {
                true => Verdict::Is(Confidence::HIGH, Method::Port),
                false => Verdict::Is(Confidence::MEDIUM, Method::Payload),
            }
        }
        Kind::Unknown => Verdict::No,
        Kind::Initial if open_initials(payload, state, shared) => {
            state.seen |= seen::QUIC;
            Verdict::Is(Confidence::DEFINITE, Method::Handshake)
        }
        // A peer that greases the bit (RFC 9287) has shown so in its handshake.
        _ if !first.fixed_bit => Verdict::No,
        Kind::Initial if payload.length >= LEAST_DATAGRAM => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        _ => Verdict::Is(Confidence::HIGH, Method::Payload),
    }
}

fn continues(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> bool {
    match payload.bytes.first() {
        Some(0x80..) => {
            if payload.described {
                look_at_long(payload, state, shared);
            }
            true
        }
        Some(0x40..) => true,
        // STUN and DTLS can share the five-tuple (RFC 9443); a short header whose fixed bit is greased looks so, too.
        Some(0..=3) => payload.u32(4) != Some(0x2112_a442),
        Some(20..=63) => !matches!(payload.bytes, [_, 0xfe, 0xfd | 0xff, 0, _, ..]),
        _ => true,
    }
}

#[cold]
fn look_at_long(payload: &Payload, state: &mut FlowState, shared: &mut Shared) {
    if open_initials(payload, state, shared) {
        state.seen |= seen::QUIC;
    }
}

/// Opens the Initial packets of a datagram, and puts the hello in them together. Whether one was opened.
#[cold]
fn open_initials(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> bool {
    let Some(ends) = Ends::of(payload) else { return false };
    let Shared { quic: hellos, .. } = shared;
    let mut opened = false;
    for (long, packet) in
        packets(payload).filter(|(long, packet)| long.kind == Kind::Initial && packet.len() == long.length)
    {
        let Some(secrets) = secrets(long.version) else { continue };
        let notes = state.claim_notes();
        let id = hash_id(long.destination);
        if notes[note::COMPLETE] == id || notes[note::FAILURES] >= MOST_FAILURES {
            continue;
        }
        match hellos.open(&ends, secrets, &long, packet, payload) {
            None => notes[note::FAILURES] += 1,
            Some(found) => {
                opened = true;
                if found == Opened::ClientHello {
                    notes[note::COMPLETE] = id;
                }
            }
        }
    }
    opened
}

/// Never 0.
fn hash_id(id: &[u8]) -> u32 {
    id.iter().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)).max(1)
}

/// What an opened packet has brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// A part of a hello that is not complete.
    Part,
    /// The end of a client's.
    ClientHello,
    /// The end of a server's.
    ServerHello,
}

/// The ends of a flow: a hello goes one way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    source: (Address, u16),
    destination: (Address, u16),
}

impl Ends {
    fn of(payload: &Payload) -> Option<Self> {
        let ip = payload.ip?;
        Some(Self {
            source: (ip.source, payload.source_port),
            destination: (ip.destination, payload.destination_port),
        })
    }

    fn of_answer(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// The hellos of all flows that are not complete yet, and the last one that is.
pub struct Hellos {
    /// Of clients.
    pending: BoundedMap<Ends, Pending>,
    /// Of servers whose client has said hello, for somebody who looks at packets.
    answers: BoundedMap<Ends, Pending>,
    /// A packet being opened.
    opened: Vec<u8>,
    /// The hello that was completed last, by whom and when, nanoseconds.
    last: CryptoStream,
    last_of: Option<(Ends, i64)>,
}

/// A hello of which parts are missing.
struct Pending {
    keys: InitialKeys,
    /// Those of who answers.
    answer_keys: Option<InitialKeys>,
    since: i64,
    stream: CryptoStream,
}

impl Default for Hellos {
    fn default() -> Self {
        Self {
            pending: BoundedMap::new(MOST_HELLOS),
            answers: BoundedMap::new(MOST_HELLOS),
            opened: Vec::new(),
            last: CryptoStream::default(),
            last_of: None,
        }
    }
}

impl Hellos {
    /// Unfinished ClientHellos displaced for want of room.
    pub fn evictions(&self) -> u64 {
        self.pending.evictions()
    }

    /// Opens an Initial packet and takes its part of a hello; `None` if it cannot be opened.
    fn open(
        &mut self,
        ends: &Ends,
        secrets: Secrets,
        long: &Long,
        packet: &[u8],
        payload: &Payload,
    ) -> Option<Opened> {
        let now = payload.timestamp_ns;
        for hellos in [&mut self.pending, &mut self.answers] {
            while hellos.pop_oldest_if(|_, hello| now.saturating_sub(hello.since) > HELLO_FOR_NS).is_some() {}
        }
        let number = long.number_offset;
        // The client keeps the keys when the server has given it another connection id, but not after a Retry.
        let mut completed = None;
        for (hellos, what) in
            [(&mut self.pending, Opened::ClientHello), (&mut self.answers, Opened::ServerHello)]
        {
            let Some(pending) = hellos.touch(ends) else { continue };
            let Some(frames) = pending.keys.open(packet, number, &mut self.opened) else { continue };
            pending.stream.read_frames(self.opened.get(frames..)?);
            if !pending.stream.is_complete() {
                return Some(Opened::Part);
            }
            completed = hellos.remove(ends).map(|hello| (hello, what));
            break;
        }
        if let Some((Pending { answer_keys, stream, .. }, what)) = completed {
            self.last = stream;
            self.last_of = Some((*ends, now));
            self.await_answer(ends, answer_keys, now);
            return Some(what);
        }
        let keys = InitialKeys::of_client(secrets, long.destination)?;
        let frames = keys.open(packet, number, &mut self.opened)?;
        self.pending.remove(ends);
        self.last.clear();
        self.last_of = None;
        self.last.read_frames(self.opened.get(frames..)?);
        let answer_keys =
            payload.described.then(|| InitialKeys::of_server(secrets, long.destination)).flatten();
        if self.last.is_complete() {
            self.last_of = Some((*ends, now));
            self.await_answer(ends, answer_keys, now);
            return Some(Opened::ClientHello);
        }
        let stream = std::mem::take(&mut self.last);
        self.pending.insert(*ends, Pending { keys, answer_keys, since: now, stream });
        Some(Opened::Part)
    }

    fn await_answer(&mut self, ends: &Ends, keys: Option<InitialKeys>, now: i64) {
        let Some(keys) = keys else { return };
        let stream = CryptoStream::default();
        self.answers.insert(ends.of_answer(), Pending { keys, answer_keys: None, since: now, stream });
    }

    /// The hello that was completed by a packet between these ends at that time, nanoseconds: the handshake message.
    pub fn completed_at(
        &self,
        source: (Address, u16),
        destination: (Address, u16),
        now: i64,
    ) -> Option<&[u8]> {
        (self.last_of? == (Ends { source, destination }, now)).then(|| self.last.in_order())
    }

    /// The hello that the packet at hand has completed.
    fn completed_by(&self, payload: &Payload) -> Option<Hello<'_>> {
        let (ends, when) = self.last_of?;
        (Some(ends) == Ends::of(payload) && when == payload.timestamp_ns)
            .then(|| Hello::parse(self.last.in_order()))?
    }
}

fn describe(payload: &Payload, state: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    if let Some(version) = google_quic::version(payload) {
        facts.say(b"Google QUIC ");
        facts.say(&version);
        facts.put("header_type", if payload.u8(0) < Some(0x80) { b"public" } else { b"long" });
        facts.entry("version", |text| {
            text.extend_from_slice(b"Google ");
            text.extend_from_slice(&version);
        });
        return;
    }
    if state.seen & seen::GOOGLE_QUIC != 0 {
        if packets(payload).next().is_none_or(|(long, _)| long.kind == Kind::Unknown) {
            return facts.say(b"Google QUIC");
        }
        // The two have agreed on a version of the IETF.
        state.seen &= !seen::GOOGLE_QUIC;
    }
    let mut first = true;
    for (long, _) in packets(payload) {
        facts.say(if first { b"" } else { b", " });
        facts.say(long.kind.name().as_bytes());
        if std::mem::take(&mut first) {
            put_long(&long, facts);
        }
    }
    if first {
        return describe_short(payload, facts);
    }
    if let Some(hello) = shared.quic.completed_by(payload) {
        tls::put_hello(&hello, Transport::Quic, facts);
        if hello.application_protocols().any(|name| name == b"h3" || name.starts_with(b"h3-")) {
            facts.put("application", b"HTTP/3");
        }
        if let Some(name) = hello.server_name() {
            facts.say(b", SNI=");
            facts.say(name);
        }
    }
}

fn put_long(long: &Long, facts: &mut Facts) {
    facts.put("header_type", b"long");
    facts.entry("version", |text| match long.version {
        0 => text.extend_from_slice(b"Version Negotiation"),
        V1 => text.extend_from_slice(b"QUIC v1"),
        V2 => text.extend_from_slice(b"QUIC v2"),
        draft @ 0xff00_0000..=0xff00_00ff => {
            text.extend_from_slice(b"draft-");
            crate::wire::json::put_decimal(text, u64::from(draft & 0xff));
        }
        other => {
            text.extend_from_slice(b"Unknown (0x");
            for shift in (0..32).step_by(4).rev() {
                text.push(b"0123456789abcdef".get((other >> shift & 15) as usize).copied().unwrap_or(b'?'));
            }
            text.push(b')');
        }
    });
    facts.put("packet_type", long.kind.name().as_bytes());
    facts.put_number("dcid_length", long.destination.len() as u64);
    facts.put_hex("dcid", long.destination);
    facts.put_number("scid_length", long.source.len() as u64);
    facts.put_hex("scid", long.source);
    facts.put_flag("fixed_bit", long.fixed_bit);
    if long.token_length > 0 {
        facts.put_number("token_length", long.token_length as u64);
    }
}

/// Key phase and packet number are protected; only two bits are not (RFC 9000 section 17.3.1).
fn describe_short(payload: &Payload, facts: &mut Facts) {
    let Some(first) = payload.u8(0).filter(|first| first & 0x80 == 0) else { return facts.say(b"QUIC") };
    facts.say(b"Protected Payload");
    facts.put("header_type", b"short");
    facts.put_flag("fixed_bit", first & 0x40 != 0);
    facts.put_flag("spin_bit", first & 0x20 != 0);
}

#[cfg(test)]
#[path = "tests/quic.rs"]
mod tests;

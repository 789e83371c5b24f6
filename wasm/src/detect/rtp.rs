//! RTP (RFC 3550).
//!
//! A flow is RTP when its endpoint was announced, or when two packets of one source follow each other. Later packets
//! are told by what the flow has shown so far: sources by direction, and payload types. Another source with a known
//! payload type is RTP at once, one with a new payload type after two packets in sequence.

use super::media::{MediaKind, keep_endpoint, put_call};
use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

/// Bytes of the fixed header (RFC 3550 section 5.1).
const FIXED_HEADER: usize = 12;
/// Longest frame in bytes that is waited for in a TCP stream.
const MOST_FRAME: usize = 4096;

/// RTP: announced, or two packets in sequence. In TCP each packet is led by its length (RFC 4571).
pub static RTP: Signature = Signature {
    name: "RTP",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[],
    // 128 to 191 in a datagram (RFC 7983), any length in a stream.
    first: FirstBytes::Any,
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// Places of the notes: payload types of the flow as a set of 64, the source of each direction, and of each direction
/// what would come next in sequence from a source that is not known yet.
mod note {
    pub(super) const PAYLOAD_TYPES: [usize; 2] = [0, 1];
    pub(super) const SOURCES: usize = 2;
    pub(super) const NEXT: usize = 4;
}

/// A header that is sound in itself.
struct Header {
    first: u8,
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    source: u32,
    /// Length of the header with its extension, in bytes.
    length: usize,
}

impl Header {
    /// The header at `offset` of a payload in which `end` bytes belong to the packet.
    fn parse(payload: &Payload, offset: usize, end: usize) -> Option<Self> {
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] =
            payload.array::<FIXED_HEADER>(offset)?;
        let payload_type = second & 0x7f;
        if first >> 6 != 2 || is_rtcp(second) {
            return None;
        }
        let mut length = FIXED_HEADER + 4 * usize::from(first & 15);
        if first & 0x10 != 0 {
            // Where the capture is cut before it, the extension is taken to be empty.
            let words = payload.u16(offset + length + 2).or((!payload.is_whole()).then_some(0))?;
            length += 4 + 4 * usize::from(words);
        }
        (offset + length <= end).then_some(Self {
            first,
            marker: second & 0x80 != 0,
            payload_type,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            source: u32::from_be_bytes([c0, c1, c2, c3]),
            length,
        })
    }

    /// Whether the padding is possible, if the payload is not encrypted: its last byte counts it.
    fn padding_fits(&self, payload: &Payload) -> bool {
        let last = payload.bytes.last().copied().map_or(0, usize::from);
        let fits = (1..=payload.length.saturating_sub(self.length)).contains(&last);
        self.first & 0x20 == 0 || !payload.is_whole() || fits
    }

    fn type_bit(&self) -> (usize, u32) {
        // Types 96 to 127 share the bits of 32 to 63, which are hardly used beside them.
        let bit = u32::from(self.payload_type) & 63;
        let [low, high] = note::PAYLOAD_TYPES;
        (if bit < 32 { low } else { high }, 1 << (bit & 31))
    }

    /// What is remembered of a source on probation: the next sequence number, and half of the source's identifier.
    fn next(&self, ahead: u16) -> u32 {
        // Never 0, which is no source.
        let folded = (self.source ^ self.source >> 16) as u16 | 1;
        u32::from(self.sequence.wrapping_add(ahead)) << 16 | u32::from(folded)
    }
}

/// Whether the second byte is that of RTCP (RFC 5761 section 4): as RTP, payload types 64 to 95 with or without marker.
#[inline]
pub(super) fn is_rtcp(second: u8) -> bool {
    matches!(second & 0x7f, 64..=95)
}

#[inline]
fn side(payload: &Payload) -> usize {
    usize::from(payload.direction == Direction::Reverse)
}

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    if payload.carrier == Carrier::Tcp {
        return examine_stream(payload, state);
    }
    if payload.u8(0).is_none_or(|first| first >> 6 != 2) {
        return Verdict::No;
    }
    let Some(header) = Header::parse(payload, 0, payload.length) else { return Verdict::No };
    if shared.media.find(payload) == Some(MediaKind::Rtp) {
        accept(payload, state, &header);
        return Verdict::Is(Confidence::DEFINITE, Method::Sdp);
    }
    match follows(payload, state, &header) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::Candidate,
    }
}

/// Two packets of one source in sequence (RFC 3550 appendix A.1); notes the packet for the next one if they are not.
fn follows(payload: &Payload, state: &mut FlowState, header: &Header) -> bool {
    let Some(next) = state.claim_notes().get_mut(note::NEXT + side(payload)) else { return false };
    if *next == header.next(0) {
        accept(payload, state, header);
        return true;
    }
    *next = header.next(1);
    false
}

fn accept(payload: &Payload, state: &mut FlowState, header: &Header) {
    state.seen |= seen::RTP;
    let (word, bit) = header.type_bit();
    let notes = state.claim_notes();
    if let Some(types) = notes.get_mut(word) {
        *types |= bit;
    }
    if let Some(source) = notes.get_mut(note::SOURCES + side(payload)) {
        *source = header.source;
    }
}

/// Frames of a length and a packet each; two packets of one source in sequence decide, RTCP may be between them.
fn examine_stream(payload: &Payload, state: &mut FlowState) -> Verdict {
    let (mut offset, mut next) = (0, None);
    while let Some(length) = payload.u16(offset).map(usize::from) {
        let end = offset + 2 + length;
        if offset == 0 && end > payload.bytes.len() {
            return Verdict::No;
        }
        if payload.bytes.len() < offset + 2 + FIXED_HEADER {
            break;
        }
        if length > MOST_FRAME || payload.u8(offset + 2).is_none_or(|first| first >> 6 != 2) {
            return Verdict::No;
        }
        if !payload.u8(offset + 3).is_some_and(is_rtcp) {
            let Some(header) = Header::parse(payload, offset + 2, end) else { return Verdict::No };
            if next == Some((header.source, header.sequence)) {
                state.seen |= seen::RTP;
                return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
            }
            next = Some((header.source, header.sequence.wrapping_add(1)));
        }
        offset = end;
    }
    if next.is_some() { Verdict::More } else { Verdict::No }
}

/// Known sources pass by four comparisons.
#[inline]
fn continues(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> bool {
    if payload.carrier == Carrier::Tcp {
        return true;
    }
    let Some([first, second, _, sequence_low]) = payload.array(0) else { return false };
    if first >> 6 != 2 || is_rtcp(second) {
        return false;
    }
    keep_endpoint(&mut shared.media, payload, sequence_low);
    let known = state.notes().and_then(|notes| notes.get(note::SOURCES + side(payload)));
    if known.is_some_and(|known| payload.u32(8) == Some(*known)) {
        return true;
    }
    continues_otherwise(payload, state)
}

#[cold]
fn continues_otherwise(payload: &Payload, state: &mut FlowState) -> bool {
    let Some(header) = Header::parse(payload, 0, payload.length) else { return false };
    let (word, bit) = header.type_bit();
    let type_is_known = state.notes().and_then(|notes| notes.get(word)).is_some_and(|types| types & bit != 0);
    if state.method() == Method::Sdp || (type_is_known && header.padding_fits(payload)) {
        accept(payload, state, &header);
        return true;
    }
    follows(payload, state, &header)
}

fn describe(payload: &Payload, _: &mut FlowState, shared: &mut Shared, facts: &mut Facts) {
    let offset = if payload.carrier == Carrier::Tcp { 2 } else { 0 };
    let Some(header) = Header::parse(payload, offset, payload.length) else { return };
    let codec = codec(header.payload_type);
    facts.say(b"PT=");
    facts.say(codec.as_bytes());
    facts.say(b", SSRC=0x");
    say_hex(facts, header.source);
    facts.say(b", Seq=");
    facts.say_number(header.sequence.into());
    facts.say(b", Time=");
    facts.say_number(header.timestamp.into());
    if header.marker {
        facts.say(b", Mark");
    }
    facts.put_number("version", 2);
    facts.put_flag("padding", header.first & 0x20 != 0);
    facts.put_flag("extension", header.first & 0x10 != 0);
    facts.put_number("csrc_count", (header.first & 15).into());
    facts.put_flag("marker", header.marker);
    facts.put_number("payload_type", header.payload_type.into());
    facts.put("codec", codec.as_bytes());
    facts.put_number("sequence_number", header.sequence.into());
    facts.put_number("timestamp", header.timestamp.into());
    facts.put_number("ssrc", header.source.into());
    put_call(&shared.media, payload, facts);
}

/// Says a number as eight hexadecimal digits.
pub(super) fn say_hex(facts: &mut Facts, number: u32) {
    for shift in (0..8).rev() {
        let digit = (number >> (shift * 4)) as usize & 15;
        facts.say(b"0123456789abcdef".get(digit..=digit).unwrap_or_default());
    }
}

/// Encoding name of a static payload type (RFC 3551 section 6, IANA); the dynamic ones are named by signalling.
pub fn codec(payload_type: u8) -> &'static str {
    match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        35..=63 | 96..=127 => "dynamic",
        _ => "unassigned",
    }
}

#[cfg(test)]
#[path = "tests/rtp.rs"]
mod tests;

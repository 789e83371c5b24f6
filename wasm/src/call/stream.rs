//! The RTP streams of a call, one per source (SSRC) and direction, and the formats that their payload types stand for.

use crate::flow::table::KnownFlow;
use crate::net::Address;
use crate::net::plain::Vlans;
use crate::rtp::codec::static_format;
use crate::rtp::{Header, StreamQuality};
use crate::sip::session_description;

use super::{Ends, Passage, Reported};

/// Most bytes of an encoding name that are kept.
const MOST_NAME: usize = 22;
/// Most formats of a call.
const MOST_FORMATS: usize = 48;
/// As many as most calls have.
const USUAL_FORMATS: usize = 8;

/// Encoding name of a format, as written; of a long one, the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    length: u8,
    bytes: [u8; MOST_NAME],
}

impl Name {
    fn new(text: &[u8]) -> Self {
        let text = text.get(..MOST_NAME).unwrap_or(text);
        // Word by word: to copy a length that is not known when it is compiled takes longer.
        let words = [0, 8, 16].map(|at| word(text.get(at..).unwrap_or_default()).to_le_bytes());
        let bytes = words.as_flattened().first_chunk().copied().unwrap_or([0; MOST_NAME]);
        Self { length: text.len() as u8, bytes }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }

    /// It is sent between speech, and is none: the codec is another format.
    fn is_between_speech(&self) -> bool {
        [&b"telephone-event"[..], b"CN", b"tone"].iter().any(|name| self.text().eq_ignore_ascii_case(name))
    }
}

/// The first octets of a text, at most eight, the first in the lowest bits; 0 behind its end.
#[inline]
fn word(text: &[u8]) -> u64 {
    if let Some(octets) = text.first_chunk() {
        return u64::from_le_bytes(*octets);
    }
    match (text.first_chunk(), text.last_chunk()) {
        // Of four to seven octets those in the middle are in both.
        (Some(first), Some(last)) => {
            let shift = 8 * (text.len() - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << shift
        }
        _ => text.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet)),
    }
}

/// What a payload type stands for towards whoever said so.
#[derive(Clone, Copy, Debug)]
struct Format {
    party: u32,
    section: u8,
    payload_type: u8,
    codec: Codec,
}

/// Name and clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Codec {
    pub(super) name: Name,
    pub(super) clock_rate: u32,
}

/// The formats that the descriptions of a call named.
#[derive(Default)]
pub(super) struct Formats {
    formats: Vec<Format>,
}

impl Formats {
    /// Notes one, in place of what the party said before. False where there is no room.
    pub(super) fn set(&mut self, party: u32, section: u8, format: &session_description::Format<'_>) -> bool {
        let codec = Codec { name: Name::new(format.name), clock_rate: format.clock_rate };
        let payload_type = format.payload_type;
        let is_same =
            |one: &Format| (one.payload_type, one.section, one.party) == (payload_type, section, party);
        if let Some(known) = self.formats.iter_mut().find(|one| is_same(one)) {
            known.codec = codec;
            return true;
        }
        let has_room = self.formats.len() < MOST_FORMATS;
        if has_room {
            if self.formats.capacity() == 0 {
                self.formats.reserve_exact(USUAL_FORMATS);
            }
            self.formats.push(Format { party, section, payload_type, codec });
        }
        has_room
    }

    /// What a payload type stands for in packets that `party` is to receive for a section: by its own description, else by
    /// another one's (RFC 3264 section 5.1), else by RFC 3551.
    pub(super) fn codec(&self, party: u32, section: u8, payload_type: u8) -> Codec {
        let rank = |one: &&Format| (one.party == party, one.section == section);
        let said = self.formats.iter().filter(|one| one.payload_type == payload_type).max_by_key(rank);
        match (said, static_format(payload_type)) {
            (Some(said), _) => said.codec,
            (None, Some(format)) => {
                Codec { name: Name::new(format.name.as_bytes()), clock_rate: format.clock_rate }
            }
            (None, None) => Codec::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.formats.clear();
        self.formats.shrink_to(USUAL_FORMATS);
    }
}

/// What the engine keeps with a stream, so that it need not find it out again for each of its packets.
#[derive(Clone, Default)]
pub struct Notes {
    /// The flow of its packets.
    pub flow: KnownFlow,
    /// What is said of each of its packets, encoded; empty where that was not put together yet (then `before_length` is 0,
    /// too), or is too long to be kept.
    pub words: Vec<u8>,
    /// How much of that is metadata of a packet in front of what its RTP header says, bytes.
    pub before_length: u16,
    /// How much is metadata behind it.
    pub behind_length: u16,
    /// The VLANs that the words name.
    pub vlans: Vlans,
    /// Which version of the call's data it was made of.
    pub version: u32,
}

/// A stream: what one source sends from one address and port to another. Whole cache lines, with what is compared in
/// front and what is rarely read at the end.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Stream {
    ssrc: u32,
    source_port: u16,
    destination_port: u16,
    source: Address,
    destination: Address,
    /// That of the codec, not of events and comfort noise.
    payload_type: u8,
    pub(super) section: u8,
    clock_rate: u32,
    pub(super) party: u32,
    /// Bytes of all its packets, RTP headers included.
    octets: u64,
    quality: StreamQuality,
    /// The engine's own. Forgotten when the stream becomes another call's.
    pub notes: Notes,
    /// What RTCP said of it; nothing for most.
    reported: Option<Box<Reported>>,
    name: Name,
}

impl Stream {
    pub(super) fn new(
        (ssrc, payload_type): (u32, u8),
        passage: &Passage,
        (party, section): (u32, u8),
        codec: Codec,
    ) -> Self {
        Self {
            ssrc,
            source_port: passage.source_port,
            destination_port: passage.destination_port,
            source: passage.source,
            destination: passage.destination,
            payload_type,
            section,
            clock_rate: codec.clock_rate,
            party,
            octets: 0,
            quality: StreamQuality::default(),
            notes: Notes::default(),
            reported: None,
            name: codec.name,
        }
    }

    /// Whether a packet that comes to its destination is of it.
    #[inline]
    pub(super) fn is_from(&self, ssrc: u32, passage: &Passage) -> bool {
        self.ssrc == ssrc
            && self.source_port == passage.source_port
            && self.source.words() == passage.source.words()
    }

    /// Whether a packet that comes from its source is of it.
    #[inline]
    pub(super) fn is_to(&self, ssrc: u32, passage: &Passage) -> bool {
        self.ssrc == ssrc
            && self.destination_port == passage.destination_port
            && self.destination.words() == passage.destination.words()
    }

    /// Whether a packet between those ends is of it.
    #[inline(always)]
    pub(super) fn is_between(&self, ssrc: u32, ends: &Ends) -> bool {
        self.ssrc == ssrc
            && self.source_port == ends.source_port
            && self.destination_port == ends.destination_port
            && self.source.words() == ends.source
            && self.destination.words() == ends.destination
    }

    /// Whether a packet is of it.
    pub(super) fn is_of(&self, ssrc: u32, passage: &Passage) -> bool {
        self.is_from(ssrc, passage) && self.is_to(ssrc, passage)
    }

    /// Takes the next packet, of `length` bytes. Without the formats of its call it is only counted.
    #[inline]
    pub(super) fn update(&mut self, header: &Header, length: usize, now_ns: i64, formats: Option<&Formats>) {
        self.octets += length as u64;
        let Some(formats) = formats else { return self.quality.count(header, now_ns) };
        let clock_rate = if header.payload_type == self.payload_type {
            self.clock_rate
        } else {
            self.change_format(header.payload_type, formats)
        };
        self.quality.update(header, now_ns, clock_rate);
    }

    /// It comes back from another call.
    #[cold]
    pub(super) fn come_back(&mut self) {
        self.quality.begin_anew();
    }

    /// The clock of another payload type, which is the codec's from now on unless it comes between speech only.
    #[cold]
    fn change_format(&mut self, payload_type: u8, formats: &Formats) -> u32 {
        let codec = formats.codec(self.party, self.section, payload_type);
        if !codec.name.is_between_speech() {
            self.payload_type = payload_type;
            (self.clock_rate, self.name) = (codec.clock_rate, codec.name);
        }
        codec.clock_rate
    }

    /// Looks its payload type up again, when more was said.
    pub(super) fn renew_codec(&mut self, formats: &Formats) {
        let codec = formats.codec(self.party, self.section, self.payload_type);
        (self.clock_rate, self.name) = (codec.clock_rate, codec.name);
    }

    /// Synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Sender.
    pub fn source(&self) -> (&Address, u16) {
        (&self.source, self.source_port)
    }

    /// Receiver.
    pub fn destination(&self) -> (&Address, u16) {
        (&self.destination, self.destination_port)
    }

    /// Payload type of the codec, 0 to 127.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// Encoding name of the codec; empty where nobody said.
    pub fn codec(&self) -> &[u8] {
        self.name.text()
    }

    /// Ticks of the codec's clock per second, 0 where nobody said.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Bytes of its packets with their RTP headers.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// What RTCP said of it.
    pub fn reported(&self) -> Option<&Reported> {
        self.reported.as_deref()
    }

    pub(super) fn reported_mut(&mut self) -> &mut Reported {
        self.reported.get_or_insert_default()
    }

    /// Packets, losses, jitter.
    pub fn quality(&self) -> &StreamQuality {
        &self.quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length() {
        let text: Vec<u8> = (b'A'..=b'Z').collect();
        for length in 0..=text.len() {
            let name = Name::new(&text[..length]);
            assert_eq!(name.text(), &text[..length.min(MOST_NAME)]);
            assert!(name.bytes[name.text().len()..].iter().all(|octet| *octet == 0));
        }
    }
}

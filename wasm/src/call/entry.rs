//! A call in the table: what is known of it.

use crate::rtp::Header;

use super::endpoints::Announced;
use super::ladder::{Ladder, Room};
use super::order::{Class, Rank};
use super::state::{EndReason, Progress, State};
use super::stream::{Formats, Stream};
use super::table::CallKey;
use super::texts::{Text, Texts};

/// Fingerprints of messages by which retransmissions are known.
pub(super) const FINGERPRINTS: usize = 16;
/// Streams whose memory is kept for the next call in the same place.
pub(super) const KEPT_STREAMS: usize = 2;

/// A call, with data of the engine's. In front is what every packet looks at: one cache line.
#[repr(C, align(64))]
pub struct Call<T> {
    pub(super) generation: u32,
    pub(super) is_held: bool,
    pub(super) is_wanted: bool,
    /// As in [`Limits`](super::Limits).
    pub(super) is_reported: bool,
    pub(super) class: Class,
    pub(super) tick: i32,
    pub(super) last_ns: i64,
    pub(super) streams: Vec<Stream>,
    /// The engine's own.
    pub data: T,
    pub(super) formats: Formats,
    pub(super) announced: Announced,
    pub(super) hash: u32,
    /// Beginning of the grace time.
    pub(super) over_ns: i64,
    pub(super) start_ns: i64,
    /// Capture time of what it began with.
    pub(super) begun_ns: i64,
    /// Capture time of its latest packet that is of no stream.
    pub(super) other_ns: i64,
    pub(super) progress: Progress,
    /// Another engine counts it: see [`Calls::observe_sip_elsewhere`](super::Calls::observe_sip_elsewhere).
    pub(super) is_elsewhere: bool,
    pub(super) merged_into: Option<CallKey>,
    /// Tag of From of the message that the call began with.
    pub(super) caller: u32,
    /// The hosts that it passed between.
    pub(super) hosts: u64,
    /// Side and CSeq of a description that awaits an answer.
    pub(super) offer: Option<(u32, u32)>,
    /// Session-ID that was looked at last.
    pub(super) session: u64,
    pub(super) fingerprints: [u32; FINGERPRINTS],
    pub(super) next_fingerprint: u8,
    pub(super) sip_messages: u32,
    pub(super) retransmissions: u32,
    pub(super) rtcp_packets: u64,
    pub(super) other_packets: u64,
    /// RTP packets without a stream.
    pub(super) streamless_packets: u64,
    /// Bytes of all but the packets of streams.
    pub(super) other_bytes: u64,
    pub(super) texts: Texts,
    pub(super) ladder: Ladder,
}

impl<T: Default> Call<T> {
    pub(super) fn new() -> Self {
        Self {
            data: T::default(),
            generation: 0,
            is_held: false,
            is_wanted: false,
            is_reported: false,
            is_elsewhere: false,
            class: Class::Early,
            tick: 0,
            last_ns: 0,
            streams: Vec::new(),
            formats: Formats::default(),
            announced: Announced::default(),
            hash: 0,
            over_ns: 0,
            start_ns: 0,
            begun_ns: 0,
            other_ns: i64::MIN,
            progress: Progress::default(),
            merged_into: None,
            caller: 0,
            hosts: 0,
            offer: None,
            session: 0,
            fingerprints: [0; FINGERPRINTS],
            next_fingerprint: 0,
            sip_messages: 0,
            retransmissions: 0,
            rtcp_packets: 0,
            other_packets: 0,
            streamless_packets: 0,
            other_bytes: 0,
            texts: Texts::default(),
            ladder: Ladder::default(),
        }
    }

    /// Makes it ready for the next call in the same place.
    pub(super) fn clear(&mut self, room: &mut Room) {
        let generation = self.generation.wrapping_add(1);
        let (mut streams, mut formats) =
            (std::mem::take(&mut self.streams), std::mem::take(&mut self.formats));
        let (mut texts, mut ladder) = (std::mem::take(&mut self.texts), std::mem::take(&mut self.ladder));
        streams.clear();
        streams.shrink_to(KEPT_STREAMS);
        formats.clear();
        texts.clear();
        ladder.clear(room);
        *self = Self { generation, streams, formats, texts, ladder, ..Self::new() };
    }
}

impl<T> Call<T> {
    /// Call-ID; `rtp-` and the SSRC in hexadecimal where there is no signalling.
    pub fn id(&self) -> &[u8] {
        self.texts.get(Text::CallId)
    }

    /// Call-ID of the first leg, as far as it is known; the same for all legs.
    pub fn correlation_id(&self) -> &[u8] {
        match self.texts.get(Text::CorrelationId) {
            b"" => self.id(),
            id => id,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.progress.state
    }

    /// Why it is over.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.progress.end_reason
    }

    /// The call that this one, which had no signalling, turned out to be.
    pub fn merged_into(&self) -> Option<CallKey> {
        self.merged_into
    }

    /// Its latest message or packet, nanoseconds since 1970.
    pub fn last_ns(&self) -> i64 {
        self.streams.iter().map(|stream| stream.quality().last_ns()).fold(self.last_ns, i64::max)
    }

    /// Its latest packet that is no message, nanoseconds since 1970; `i64::MIN` before the first.
    pub fn last_media_ns(&self) -> i64 {
        self.streams.iter().map(|stream| stream.quality().last_ns()).fold(self.other_ns, i64::max)
    }

    /// When it began, nanoseconds since 1970; none where another engine counts it.
    pub fn begun_here_ns(&self) -> Option<i64> {
        (!self.is_elsewhere).then_some(self.begun_ns)
    }

    /// Last final status code of the INVITE, 0 without one.
    pub fn response_code(&self) -> u16 {
        self.progress.response_code
    }

    /// Its streams.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// URI of the caller; empty where it is not known.
    pub fn from_uri(&self) -> &[u8] {
        self.texts.get(Text::FromUri)
    }

    /// URI of the called side.
    pub fn to_uri(&self) -> &[u8] {
        self.texts.get(Text::ToUri)
    }

    /// A stream, to change its notes.
    #[inline]
    pub fn stream_mut(&mut self, number: usize) -> Option<&mut Stream> {
        self.streams.get_mut(number)
    }

    /// Takes the next packet of a stream, of `length` bytes.
    #[inline]
    pub fn count_packet(&mut self, number: usize, header: &Header, length: usize, now_ns: i64) {
        let formats = self.is_reported.then_some(&self.formats);
        if let Some(stream) = self.streams.get_mut(number) {
            stream.update(header, length, now_ns, formats);
        }
    }

    /// SIP messages, with retransmissions.
    pub fn sip_messages(&self) -> u64 {
        self.sip_messages.into()
    }

    /// SIP messages that were seen before.
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions.into()
    }

    /// RTP packets.
    pub fn rtp_packets(&self) -> u64 {
        self.streams.iter().map(|stream| stream.quality().packets()).sum::<u64>() + self.streamless_packets
    }

    /// RTCP packets.
    pub fn rtcp_packets(&self) -> u64 {
        self.rtcp_packets
    }

    /// SIP messages and packets at its endpoints of any kind.
    pub fn packets(&self) -> u64 {
        self.sip_messages() + self.rtp_packets() + self.rtcp_packets + self.other_packets
    }

    /// Bytes of them: of SIP messages, and of UDP payloads.
    pub fn bytes(&self) -> u64 {
        self.streams.iter().map(Stream::octets).sum::<u64>() + self.other_bytes
    }

    /// What it was put in the order of use as.
    pub(super) fn rank(&self) -> Rank {
        (self.class, self.is_wanted)
    }

    pub(super) fn class_now(&self) -> Class {
        match self.progress.state {
            state if state.is_over() => Class::Over,
            _ if self.progress.is_challenged() => Class::Over,
            State::RtpOnly => Class::RtpOnly,
            State::Active => Class::Established,
            _ => Class::Early,
        }
    }

    /// Whether it is the call of that key.
    pub(super) fn has(&self, key: CallKey) -> bool {
        self.is_held && self.generation == key.generation
    }
}

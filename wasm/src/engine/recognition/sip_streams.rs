//! SIP over TCP: the messages of both directions, each by itself, whole and with the place in the stream where it begins.

use super::late_segments::{Late, MOST_LATE_STREAMS};
use super::{Arrival, FlowData, Recognizer, Stream, add_flow};
use crate::bounded::BoundedMap;
use crate::call::CallKey;
use crate::detect::{Confidence, Method};
use crate::flow::key::{self, Direction};
use crate::flow::reassembly::{Event, Segment, Want};
use crate::flow::table::{Flow, KnownFlow, Observed};
use crate::flow::tcp_state::TcpState;
use crate::net::plain::Plain;
use crate::net::{Address, Packet};
use crate::sip::framing::{Framed, Framer};
use crate::sip::pickup::{self, begins_message, may_become_message};

/// Bytes that are no SIP, after which a stream is none either (voip.md 11.2 has the same).
const MOST_STRANGE_BYTES: u32 = 64 << 10;

/// Streams in the middle of a message, or of whose bytes some were not SIP; of more, the oldest are read as if they began
/// anew.
const MOST_STREAMS: usize = 1 << 16;

/// One direction of a stream.
#[derive(Clone, Copy, Default)]
struct Half {
    /// When the first byte came that no message has taken yet.
    begun_ns: i64,
    /// Number of the next byte that no message has taken yet.
    next_sequence: Option<u32>,
    /// Bytes from there on that were shown.
    shown: u32,
    /// Bytes since the last message that belong to none.
    strange: u32,
    framer: Framer,
    /// What comes next is the beginning of the stream, or was right behind a message.
    in_step: bool,
    /// It has had a message, or has a part of one.
    is_sip: bool,
    /// It has asked for a tunnel.
    is_tunnel: bool,
    /// The snapshot length has cut segments.
    is_cut: bool,
}

impl Half {
    /// Whether what begins with the byte of that number was never shown; also where it is not known.
    fn is_behind(&self, number: u32) -> bool {
        self.next_sequence
            .is_none_or(|next| number.wrapping_sub(next.wrapping_add(self.shown)).cast_signed() >= 0)
    }
}

/// A message of a stream.
#[derive(Clone, Copy)]
pub(in crate::engine) struct StreamMessage {
    start: usize,
    end: usize,
    /// When its first byte was captured.
    pub(in crate::engine) timestamp_ns: i64,
    /// Number of its first byte.
    pub(in crate::engine) sequence: u32,
    pub(in crate::engine) source: (Address, u16),
    pub(in crate::engine) destination: (Address, u16),
    /// It is the payload of the packet at hand, from the first byte to the last.
    pub(in crate::engine) is_packet: bool,
    /// It goes the way of the packet at hand.
    pub(in crate::engine) is_of_packet: bool,
    /// Bytes of it that the snapshot length has cut, at least: it ends before its end.
    pub(in crate::engine) missing: u32,
}

/// The messages that a packet completes, and what is known of streams in the middle of one.
pub(in crate::engine) struct SipStreams {
    halves: BoundedMap<(u32, bool), Half>,
    late: BoundedMap<(u32, bool), Late>,
    /// By the slot of a flow: the call that its stream carried last, where that keeps the stream.
    pub(in crate::engine) calls: BoundedMap<u32, CallKey>,
    bytes: Vec<u8>,
    found: Vec<StreamMessage>,
    /// The packet at hand has bytes of a SIP stream, or of one that may become one.
    pub(in crate::engine) has_part: bool,
    /// Messages whose heads are too long to be read, of the packet at hand.
    pub(in crate::engine) too_long: u32,
}

impl Default for SipStreams {
    fn default() -> Self {
        Self {
            halves: BoundedMap::new(MOST_STREAMS),
            late: BoundedMap::new(MOST_LATE_STREAMS),
            calls: BoundedMap::new(MOST_STREAMS),
            bytes: Vec::new(),
            found: Vec::new(),
            has_part: false,
            too_long: 0,
        }
    }
}

impl SipStreams {
    /// Streams that were forgotten in the middle of a message, for others.
    pub(in crate::engine) fn evictions(&self) -> u64 {
        self.halves.evictions() + self.late.evictions()
    }

    /// Begins a packet.
    pub(in crate::engine) fn clear(&mut self) {
        self.bytes.clear();
        self.found.clear();
        self.has_part = false;
        self.too_long = 0;
    }

    /// Number of messages.
    pub(in crate::engine) fn len(&self) -> usize {
        self.found.len()
    }

    /// A message and its bytes.
    pub(in crate::engine) fn get(&self, number: usize) -> Option<(&StreamMessage, &[u8])> {
        let message = self.found.get(number)?;
        Some((message, self.bytes.get(message.start..message.end)?))
    }

    /// Takes the messages at the front of a direction's bytes. Returns how many bytes are done with, or what
    /// becomes of a stream that is no SIP.
    fn take(&mut self, half: &mut Half, shown: &Shown) -> Result<usize, Stream> {
        // What waits for the end of its line belongs to nothing where the stream was picked up in the middle: it is the rest
        // of a body, or a keep-alive probe (RFC 1122 section 4.2.3.6).
        let is_stray = !half.in_step
            && shown.seen > 0
            && shown.seen == half.shown as usize
            && !half.framer.has_begun()
            && shown.bytes.get(shown.seen..).is_some_and(begins_message);
        let mut at = if is_stray { shown.seen } else { 0 };
        let late = if self.late.is_empty() { None } else { self.late.get(&shown.key).copied() };
        let time_at = |at: usize, before_ns| {
            let late_ns = late.and_then(|late| late.time_of(shown.sequence.wrapping_add(at as u32)));
            // What follows was not shown before, unless it was behind a message all the time. 0: it was forgotten.
            let before_ns = Some(before_ns).filter(|before_ns| at < shown.seen && *before_ns != 0);
            late_ns.into_iter().chain(before_ns).min().unwrap_or(shown.timestamp_ns)
        };
        let mut begun_ns = time_at(at, half.begun_ns);
        while let Some(rest) = shown.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let has_begun = half.framer.has_begun();
            if !has_begun && let Some(length) = pickup::proxy_header(rest) {
                if length > rest.len() {
                    break;
                }
                at += length;
                begun_ns = time_at(at, begun_ns);
                continue;
            }
            let mut inside = if has_begun || half.in_step { None } else { pickup::start_line_inside(rest) };
            let framed = match inside {
                Some(at) => Framed::Not(at),
                None => match half.framer.next(rest) {
                    Framed::Begun if !half.framer.has_begun() && !may_become_message(rest) => {
                        Framed::Not(rest.len())
                    }
                    framed => framed,
                },
            };
            let length = match framed {
                Framed::Whole(length) => {
                    let length = length.clamp(1, rest.len());
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(rest.get(..length).unwrap_or_default());
                    self.found.push(StreamMessage {
                        start,
                        end: self.bytes.len(),
                        timestamp_ns: begun_ns,
                        sequence: shown.sequence.wrapping_add(at as u32),
                        source: shown.source,
                        destination: shown.destination,
                        is_packet: shown.is_packet && at == 0 && length == rest.len(),
                        is_of_packet: shown.is_of_packet,
                        missing: 0,
                    });
                    half.strange = 0;
                    (half.in_step, half.is_sip) = (true, true);
                    length
                }
                Framed::KeepAlive(length) => length.clamp(1, rest.len()),
                Framed::Begun => break,
                Framed::Not(mut length) => {
                    if half.in_step && half.is_sip && !has_begun {
                        inside = pickup::start_line_inside(rest);
                        length = inside.unwrap_or(length);
                    }
                    let length = length.clamp(1, rest.len());
                    if inside.is_none() && pickup::is_start_line(rest) {
                        self.too_long = self.too_long.saturating_add(1);
                        half.is_sip = true;
                    } else if !half.is_sip
                        && (at == 0 || half.in_step)
                        && let Some(stream) = self.foreign(half, shown, rest)
                    {
                        return Err(stream);
                    }
                    half.is_tunnel |= half.in_step && pickup::asks_for_tunnel(rest);
                    half.in_step &= pickup::is_proxy_line(rest);
                    half.strange = half.strange.saturating_add(length as u32);
                    if half.strange > MOST_STRANGE_BYTES {
                        return Err(Stream::Unwanted);
                    }
                    length
                }
                Framed::Tls => return Err(Stream::Unwanted),
            };
            at += length;
            begun_ns = time_at(at, begun_ns);
        }
        half.begun_ns = begun_ns;
        half.is_sip |= half.framer.has_begun();
        if late.is_some() {
            let end = shown.sequence.wrapping_add(shown.bytes.len() as u32);
            if !self.late.get_mut(&shown.key).is_some_and(|late| late.forget_before(end)) {
                self.late.remove(&shown.key);
            }
        }
        Ok(at)
    }

    /// What a stream is where strange bytes at the front tell that it is of another protocol: what is quoted in it is no
    /// message.
    #[cold]
    fn foreign(&self, half: &Half, shown: &Shown, bytes: &[u8]) -> Option<Stream> {
        let (owner, is_reverse) = shown.key;
        let other = self.halves.get(&(owner, !is_reverse));
        if other.is_some_and(|other| other.is_sip || other.is_tunnel) {
            return None;
        }
        if pickup::is_quoting(bytes) {
            return Some(Stream::Foreign);
        }
        let direction = if is_reverse { Direction::Reverse } else { Direction::Forward };
        // The other side has said nothing but line ends.
        let is_first = other.is_none_or(|other| other.in_step);
        let stream = if is_first { Stream::Strange(direction) } else { Stream::Foreign };
        (half.in_step && pickup::opens_other_protocol(bytes)).then_some(stream)
    }

    /// Takes what is shown of a direction for the last time, the `missing` bytes before what comes next: also the
    /// beginning of a message where segments are cut.
    #[cold]
    fn take_last(&mut self, mut half: Half, shown: &Shown, missing: Option<u32>) -> Want {
        let length = shown.bytes.len();
        let next = half.next_sequence.zip(missing);
        let next = next.map(|(next, missing)| next.wrapping_add(missing).wrapping_add(length as u32));
        let rest = self.take(&mut half, shown).ok().and_then(|at| shown.bytes.get(at..)).unwrap_or_default();
        if let Some(missing) = missing
            && half.is_cut
            && half.framer.has_begun()
        {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(rest);
            let announced = half.framer.announced().and_then(|announced| announced.checked_sub(rest.len()));
            let at = length.saturating_sub(rest.len());
            self.found.push(StreamMessage {
                start,
                end: self.bytes.len(),
                timestamp_ns: half.begun_ns,
                sequence: shown.sequence.wrapping_add(at as u32),
                source: shown.source,
                destination: shown.destination,
                is_packet: shown.is_packet && at == 0,
                is_of_packet: shown.is_of_packet,
                missing: announced.map_or(missing, |announced| announced as u32).max(1),
            });
            half.strange = 0;
        }
        if let Some(kept) = self.halves.get_mut(&shown.key) {
            // What was read of the message that is cut must not be taken for a part of the next one.
            let Half { strange, is_cut, is_sip, is_tunnel, .. } = half;
            *kept = Half { next_sequence: next, strange, is_cut, is_sip, is_tunnel, ..Half::default() };
        }
        Want::Consumed(length)
    }

    /// Forgets both directions of a stream.
    #[cold]
    fn forget(&mut self, owner: u32) {
        self.forget_half((owner, false));
        self.forget_half((owner, true));
    }

    fn forget_half(&mut self, key: (u32, bool)) {
        self.halves.remove(&key);
        self.late.remove(&key);
    }
}

/// Bytes of one direction.
struct Shown<'a> {
    key: (u32, bool),
    bytes: &'a [u8],
    seen: usize,
    timestamp_ns: i64,
    sequence: u32,
    source: (Address, u16),
    destination: (Address, u16),
    is_packet: bool,
    is_of_packet: bool,
}

impl Recognizer {
    /// Counts the packet in its flow, without a look at what it carries. Messages of streams that end by that are then in
    /// `streams`.
    pub(in crate::engine) fn observe_for_calls(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        streams: &mut SipStreams,
    ) -> Option<Observed> {
        let Self { flows, traffic, reassembler, newest_ns, .. } = self;
        *newest_ns = (*newest_ns).max(arrival.timestamp_ns);
        flows.observe(
            packet,
            arrival.context,
            super::tunnel_context(packet),
            arrival.captured,
            arrival.timestamp_ns,
            &mut |flow, _| {
                finish_stream(reassembler, streams, flow);
                add_flow(traffic, flow, flow.state.detection.label());
            },
        )
    }

    /// [`observe_for_calls`](Self::observe_for_calls) for a packet that changes nothing but the figures of its flow, which
    /// gets that label if it has none. False if it is not one: nothing was counted then. `known` is the flow as it was
    /// found for the packet before.
    #[inline]
    pub(in crate::engine) fn count_media(
        &mut self,
        packet: &Plain,
        captured: u32,
        timestamp_ns: i64,
        label: Option<super::Label>,
        known: &mut KnownFlow,
    ) -> bool {
        let (key, from_lower) = key::of_plain(packet);
        if !self.flows.count_again(*known, &key, from_lower, captured, timestamp_ns) {
            let Some(observed) = self.flows.count_in_passing(&key, from_lower, 0, captured, timestamp_ns)
            else {
                return false;
            };
            self.label(observed, label);
            *known = self.flows.known(observed.id);
        }
        self.newest_ns = self.newest_ns.max(timestamp_ns);
        true
    }

    /// Names what a flow carries, for the summary.
    #[inline]
    pub(in crate::engine) fn label(&mut self, observed: Observed, label: Option<super::Label>) {
        let detection = &mut self.flows.get_mut(observed.id).state.detection;
        if detection.label().is_none()
            && let Some(label) = label
        {
            detection.set_label(label, Confidence::DEFINITE, Method::Payload);
            self.detected += 1;
        }
    }

    /// Puts a segment where it belongs in its stream; the messages that are then whole are in `streams`.
    pub(in crate::engine) fn read_sip(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        streams: &mut SipStreams,
    ) {
        let Some(ip) = packet.ip else { return };
        let Self { flows, reassembler, detected, sip_label, .. } = self;
        let id = observed.id.slot() as u32;
        let segment = Segment::acknowledging(packet);
        let data = &mut flows.get_mut(observed.id).state;
        if reassembler.is_challenged(&data.tcp, id, observed.direction, &segment) {
            return;
        }
        if let Stream::Strange(direction) = data.stream {
            let is_line_end = |octet: &u8| matches!(octet, b'\r' | b'\n');
            if direction == observed.direction || packet.payload.iter().all(is_line_end) {
                return;
            }
            // A SIP server's answer to whatever it was.
            data.stream = if begins_message(packet.payload) { Stream::Unwanted } else { Stream::Foreign };
        }
        if data.stream.is_given_up() {
            if data.stream == Stream::Foreign || !begins_message(packet.payload) {
                return;
            }
            // It was not SIP, or not from where it was seen on.
            streams.forget(id);
            (data.stream, data.tcp) = (Stream::Detecting, TcpState::default());
        } else if begins_message(packet.payload)
            && reassembler.begin_again(&mut data.tcp, id, observed.direction, packet.tcp_sequence)
        {
            streams.forget_half((id, observed.direction == Direction::Reverse));
        }
        data.owner = id;
        streams.has_part = !packet.payload.is_empty();
        if !packet.is_complete() {
            let key = (id, observed.direction == Direction::Reverse);
            streams.halves.touch_or_insert_with(key, |_| Half::default()).is_cut = true;
        }
        let mut tcp = data.tcp;
        let mut is_held = streams.has_part;
        let mut consumer = |owner: u32, event: Event| {
            let Some(flow) = flows.by_slot(owner) else { return Want::Close };
            let (direction, bytes, seen, at_start) = match event {
                Event::Data { direction, bytes, seen, at_start } => (direction, bytes, seen, at_start),
                Event::Gap { direction, bytes, .. } => (direction, bytes, bytes.len(), false),
                Event::End { .. } => return streams.take_apart(owner, flow, event),
            };
            if owner != id || direction != observed.direction {
                // Shown again with a packet of that direction, or at the end.
                return streams.take_apart(owner, flow, event);
            }
            let key = (owner, direction == Direction::Reverse);
            let mut half = streams.halves.get(&key).copied().unwrap_or_default();
            if seen == 0 && half.shown > 0 {
                // Others came in front of the bytes that were shown.
                let in_front = (bytes.len() as u32).saturating_sub(half.shown);
                half.next_sequence = half.next_sequence.map(|next| next.wrapping_sub(in_front));
                half.framer.reset();
            }
            let gap = if let Event::Gap { missing, .. } = event { Some(missing) } else { None };
            // Of segments that contradict each other, the first is believed.
            let is_packet = (seen == 0 || gap.is_some()) && bytes == packet.payload;
            let sequence = half.next_sequence.filter(|_| !is_packet).unwrap_or(packet.tcp_sequence);
            let shown = Shown {
                key,
                bytes,
                seen,
                timestamp_ns: arrival.timestamp_ns,
                sequence,
                source: (ip.source, packet.source_port),
                destination: (ip.destination, packet.destination_port),
                is_packet: is_packet && packet.is_complete() == gap.is_none(),
                is_of_packet: true,
            };
            if let Some(missing) = gap {
                return streams.take_last(half, &shown, missing);
            }
            is_held = false;
            half.in_step |= at_start;
            let before = streams.found.len();
            let taken = match streams.take(&mut half, &shown) {
                Ok(taken) => taken,
                Err(stream) => {
                    flow.state.stream = stream;
                    streams.forget(id);
                    streams.has_part = false;
                    return Want::Close;
                }
            };
            if streams.found.len() > before
                && flow.state.detection.label().is_none()
                && let Some(label) = *sip_label
            {
                flow.state.detection.set_label(label, Confidence::DEFINITE, Method::Payload);
                *detected += 1;
            }
            half.next_sequence = Some(sequence.wrapping_add(taken as u32));
            half.shown = bytes.len().saturating_sub(taken) as u32;
            streams.halves.insert(key, half);
            Want::Consumed(taken)
        };
        reassembler.segment(&mut tcp, id, observed.direction, &segment, arrival.timestamp_ns, &mut consumer);
        let data = &mut self.flows.get_mut(observed.id).state;
        data.tcp = tcp;
        let key = (id, observed.direction == Direction::Reverse);
        // A copy of what was shown is not held.
        if is_held
            && !data.stream.is_given_up()
            && streams.halves.get(&key).is_none_or(|half| half.is_behind(packet.tcp_sequence))
        {
            streams.late.touch_or_insert_with(key, |_| Late::default()).add(packet, arrival.timestamp_ns);
        }
    }

    /// Gives up what SIP streams have waited for too long, but for those whose call `is_active`.
    pub(in crate::engine) fn expire_sip_streams(
        &mut self,
        streams: &mut SipStreams,
        now_ns: i64,
        is_active: &mut impl FnMut(CallKey) -> bool,
    ) {
        self.newest_ns = self.newest_ns.max(now_ns);
        let Self { flows, reassembler, newest_ns, .. } = self;
        let calls = std::mem::replace(&mut streams.calls, BoundedMap::new(1));
        let mut keeps = |owner, _| calls.get(&owner).is_some_and(|key| is_active(*key));
        reassembler.expire(*newest_ns, &mut keeps, &mut |owner, event| match flows.by_slot(owner) {
            Some(flow) => streams.take_apart(owner, flow, event),
            None => Want::Close,
        });
        streams.calls = calls;
    }

    /// Ends all flows; the messages that their streams still hold are then in `streams`.
    pub(in crate::engine) fn finish_sip_streams(&mut self, streams: &mut SipStreams) {
        let Self { flows, traffic, reassembler, .. } = self;
        flows.finish(&mut |flow, _| {
            finish_stream(reassembler, streams, flow);
            add_flow(traffic, flow, flow.state.detection.label());
        });
    }
}

impl SipStreams {
    /// An event that does not belong to the packet at hand. Whole messages in bytes that are shown for the last time count.
    #[cold]
    fn take_apart(&mut self, owner: u32, flow: &Flow<FlowData>, event: Event) -> Want {
        if flow.state.stream.is_given_up() {
            return Want::Close;
        }
        let (direction, bytes, missing) = match event {
            Event::Data { .. } => return Want::Consumed(0),
            Event::Gap { direction, bytes, missing } => (direction, bytes, missing),
            Event::End { direction, bytes, .. } => (direction, bytes, None),
        };
        let (half, shown) = self.apart(owner, flow, direction, bytes);
        self.take_last(half, &shown, missing)
    }

    /// Takes the messages in bytes of a stream that is not at hand.
    fn take_rest(&mut self, owner: u32, flow: &Flow<FlowData>, direction: Direction, bytes: &[u8]) -> usize {
        let (mut half, shown) = self.apart(owner, flow, direction, bytes);
        let taken = self.take(&mut half, &shown).unwrap_or(bytes.len());
        half.next_sequence = half.next_sequence.map(|next| next.wrapping_add(taken as u32));
        if let Some(kept) = self.halves.get_mut(&shown.key) {
            *kept = half;
        }
        taken
    }

    /// What is known of a direction that is not at hand, and its bytes.
    fn apart<'a>(
        &self,
        owner: u32,
        flow: &Flow<FlowData>,
        direction: Direction,
        bytes: &'a [u8],
    ) -> (Half, Shown<'a>) {
        let (source, destination) = super::streams::ends(flow, direction);
        let key = (owner, direction == Direction::Reverse);
        let half = self.halves.get(&key).copied().unwrap_or_default();
        let shown = Shown {
            key,
            bytes,
            seen: bytes.len(),
            timestamp_ns: flow.last_seen_ns,
            sequence: half.next_sequence.unwrap_or_default(),
            source,
            destination,
            is_packet: false,
            is_of_packet: false,
        };
        (half, shown)
    }
}

/// The flow is over: what is held of its stream is read for the last time.
fn finish_stream(
    reassembler: &mut crate::flow::reassembly::Reassembler,
    streams: &mut SipStreams,
    flow: &Flow<FlowData>,
) {
    let FlowData { mut tcp, owner, stream, .. } = flow.state;
    if !tcp.is_held() || stream.is_given_up() {
        reassembler.release(&mut tcp, owner);
    } else {
        reassembler.finish(&mut tcp, owner, flow.last_seen_ns, &mut |other, event| match event {
            _ if other != owner => Want::Consumed(0),
            Event::Data { direction, bytes, .. } => {
                Want::Consumed(streams.take_rest(owner, flow, direction, bytes))
            }
            _ => streams.take_apart(owner, flow, event),
        });
    }
    if flow.protocol() == crate::net::protocol::TCP && !streams.halves.is_empty() {
        streams.halves.remove(&(owner, false));
        streams.halves.remove(&(owner, true));
    }
    if !streams.late.is_empty() {
        streams.late.remove(&(owner, false));
        streams.late.remove(&(owner, true));
    }
    if !streams.calls.is_empty() {
        streams.calls.remove(&owner);
    }
}

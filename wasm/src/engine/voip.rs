//! Calls: SIP on any port and over TCP, the media that it announces, and what filters decide of both.
//!
//! A call is judged once, by any of its messages, and then goes out whole: what came before waits for that in two rings
//! ([`held`]). Messages that make no call (REGISTER, MESSAGE, OPTIONS...) are judged one by one.

mod admission;
mod ahead;
mod awaiting;
mod call_pcap;
mod cut;
mod emission;
pub(super) mod held;
mod judgement;
mod judging;
mod known_media;
mod probation;
mod received;
mod sharing;
#[cfg(test)]
mod tests;

use super::arrival::Frame;
use super::recognition::{Arrival, Inspected, SipStreams};
use super::rendering::Said;
use super::{CALL_PCAP, CALLS, Engine, Input, JSON, Oddity, Protocol, Settings, TEXT};
use crate::call::{ANY_SCOPE, CallKey, Calls, Limits as CallLimits, Media, MediaKind, Passage, scope_of};
use crate::detect::Label;
use crate::detect::registry::label_of;
use crate::flow::table::Observed;
use crate::matching::contents::Content;
use crate::net::segment::{self, Headers};
use crate::net::{self, Packet, Transport};
use crate::rtp::candidates::{Candidates, Endpoints, Verdict};
use crate::sip::message::Message;
use crate::sip::parts::Known;
use crate::sip::start_line::Refusal;
use cut::{uncut, whole_lines};
use held::{Place, Ring};
use judgement::{Endings, Judgement};
use probation::Probation;
use sharing::Sharing;

/// Bytes of signalling, and of media, that wait for a decision, at most.
const SIGNALLING_BYTES: usize = 16 << 20;
const MEDIA_BYTES: usize = 32 << 20;
/// Sources of media without signalling that are on probation.
const MOST_CANDIDATES: usize = 8192;
/// Packet time that goes back by more begins another capture: interfaces differ by less.
const MOST_REWIND_NS: i64 = 60 * TICK_NS;
/// Packet time between two looks at calls that are over.
const TICK_NS: i64 = 1_000_000_000;

/// The state of the mode.
pub(super) struct Voip {
    calls: Calls<Judgement>,
    endings: Endings,
    signalling: Ring,
    media: Ring,
    streams: SipStreams,
    candidates: Candidates,
    probation: Probation,
    next_expiry_ns: i64,
    /// Number of the filter set in force.
    filters: u32,
    /// The latest packet time, and the time since without a packet.
    newest_ns: i64,
    waited_ns: i64,
    /// TCP streams are kept for as long as a call that they carried is active.
    keeps_streams: bool,
    rtp_lines: bool,
    /// Nothing of media goes out but by the wire, so that [`known_media`] may take them.
    may_take_short_cut: bool,
    sip: Option<Label>,
    rtp: Option<Label>,
    rtcp: Option<Label>,
    /// Where other engines see the rest of the traffic.
    sharing: Option<Box<Sharing>>,
}

impl Voip {
    pub(super) fn new(outputs: u8, settings: &Settings) -> Box<Self> {
        Box::new(Self {
            calls: Calls::new(CallLimits { reports: outputs & CALLS != 0, ..settings.calls() }),
            endings: Endings { wants_reports: outputs & CALLS != 0, ..Endings::default() },
            signalling: Ring::new(SIGNALLING_BYTES),
            media: Ring::new(MEDIA_BYTES),
            streams: SipStreams::default(),
            candidates: Candidates::new(MOST_CANDIDATES),
            probation: Probation::new(MOST_CANDIDATES),
            next_expiry_ns: i64::MIN,
            filters: 0,
            newest_ns: i64::MIN,
            waited_ns: 0,
            keeps_streams: settings.call_aware_timeout(),
            rtp_lines: settings.rtp_lines(),
            may_take_short_cut: outputs & (JSON | CALL_PCAP) == 0
                && (outputs & TEXT == 0 || !settings.rtp_lines()),
            sip: label_of("SIP"),
            rtp: label_of("RTP"),
            rtcp: label_of("RTCP"),
            sharing: settings.share_calls().map(Sharing::new),
        })
    }

    /// Ends calls that are over, or idle, at the time of a packet.
    #[inline]
    fn expire(&mut self, now_ns: i64) {
        self.waited_ns = 0;
        if now_ns >= self.next_expiry_ns || now_ns < self.newest_ns {
            self.expire_due(now_ns);
        }
        self.newest_ns = self.newest_ns.max(now_ns);
    }

    #[cold]
    fn expire_due(&mut self, now_ns: i64) {
        let Self { calls, endings, .. } = self;
        if now_ns < self.newest_ns.saturating_sub(MOST_REWIND_NS) {
            // Another capture, from an earlier time: nothing in it belongs to what was before.
            calls.finish(&mut |call| endings.end(call));
            self.newest_ns = now_ns;
        } else if now_ns >= self.next_expiry_ns {
            calls.expire(now_ns, &mut |call| endings.end(call));
            self.tell_alive(now_ns);
        } else {
            return;
        }
        self.next_expiry_ns = now_ns.saturating_add(TICK_NS);
    }

    /// Whether what is over by that time has to be looked for.
    #[inline]
    fn is_due(&self, now_ns: i64) -> bool {
        now_ns >= self.next_expiry_ns
    }

    /// Lets time go on without a packet; what time it is then.
    fn advance(&mut self, elapsed_ns: i64) -> i64 {
        self.waited_ns = self.waited_ns.saturating_add(elapsed_ns);
        let now_ns = self.newest_ns.saturating_add(self.waited_ns);
        if self.newest_ns != i64::MIN && self.is_due(now_ns) {
            self.expire_due(now_ns);
        }
        now_ns
    }

    /// Makes calls heirs of those that turned out to be parts of them.
    fn take_heirs(&mut self) -> Option<(CallKey, Judgement)> {
        self.endings.left.pop()
    }

    /// Calls that began, and announcements of endpoints that another call had.
    pub(super) fn figures(&self) -> (u64, u64) {
        let figures = self.calls.figures();
        (figures.total, figures.shared_endpoints)
    }

    /// Entries of its tables that gave way to others, or found no room.
    pub(super) fn evictions(&self) -> u64 {
        let figures = self.calls.figures();
        self.candidates.evictions()
            + self.streams.evictions()
            + figures.correlation_evicted
            + figures.endpoints_omitted
            + self.endings.evicted_elsewhere
    }

    /// Moves what the last packets gave to the outputs.
    pub(super) fn flush_outputs(&mut self, reports: &mut Vec<u8>, call_pcap: &mut Vec<u8>) {
        reports.append(&mut self.endings.reports);
        self.endings.pcap.write_groups(call_pcap);
    }
}

/// Whether the bytes may be a SIP message: text, or line ends before it.
fn may_be_sip(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| matches!(first, b'\r' | b'\n' | b'!'..=b'~'))
}

impl Engine {
    /// The stages of a packet in this mode.
    #[inline(never)]
    pub(super) fn take_call_packet(&mut self, frame: &Frame, packet: &Packet) {
        let Some(mut voip) = self.voip.take() else { return };
        voip.streams.clear();
        // What is over must not be taken for what begins: a Call-ID may be used again.
        let is_due = voip.is_due(frame.timestamp_ns);
        if voip.has_waited(frame.timestamp_ns) {
            self.give_up_waiting(&mut voip, frame.timestamp_ns, frame.inputs);
        }
        voip.expire(frame.timestamp_ns);
        let arrival = Arrival {
            timestamp_ns: frame.timestamp_ns,
            captured: frame.data.len() as u32,
            context: 0,
            described: false,
            filtered: false,
            inspected: Inspected::default(),
        };
        let observed = self.recognizer.observe_for_calls(packet, &arrival, &mut voip.streams);
        match (packet.transport, observed) {
            (Transport::Udp, Some(observed)) => self.take_datagram(&mut voip, frame, packet, observed),
            (Transport::Tcp, Some(observed)) if !self.options.udp_only => {
                self.recognizer.read_sip(packet, &arrival, observed, &mut voip.streams);
                self.expire_streams(&mut voip, frame.timestamp_ns);
                self.take_stream_messages(&mut voip, frame, packet, Some(observed));
            }
            _ => self.counters.rejected_by_mode += 1,
        }
        if packet.transport != Transport::Tcp || self.options.udp_only {
            if is_due {
                self.expire_streams(&mut voip, frame.timestamp_ns);
            }
            if voip.streams.len() > 0 {
                self.take_stream_messages(&mut voip, frame, packet, None);
            }
        }
        self.count_endings(&mut voip, frame.inputs);
        self.voip = Some(voip);
    }

    fn expire_streams(&mut self, voip: &mut Voip, now_ns: i64) {
        let Voip { streams, calls, .. } = voip;
        let is_active = &mut |key| calls.get(key).is_some_and(|call| !call.state().is_over());
        self.recognizer.expire_sip_streams(streams, now_ns, is_active);
    }

    /// Time goes on, though no packet has come: calls end that are over, and streams that waited for too long.
    pub(super) fn advance_calls(&mut self, inputs: &[Input], elapsed_ns: i64) {
        let Some(mut voip) = self.voip.take() else { return };
        let now_ns = voip.advance(elapsed_ns);
        if self.options.protocol == Protocol::Voip {
            voip.streams.clear();
            self.expire_streams(&mut voip, now_ns);
            self.take_stream_messages(&mut voip, &Frame::of_no_packet(inputs), &Packet::unread(&[]), None);
            // The latest packet may have come at the end of that time.
            self.give_up_waiting(&mut voip, now_ns.saturating_sub(elapsed_ns), inputs);
        }
        self.count_endings(&mut voip, inputs);
        self.voip = Some(voip);
    }

    /// No more packets will come.
    pub(super) fn finish_calls(&mut self, inputs: &[Input]) {
        let Some(mut voip) = self.voip.take() else { return };
        if self.options.protocol == Protocol::Voip {
            voip.streams.clear();
            self.recognizer.finish_sip_streams(&mut voip.streams);
            self.take_stream_messages(&mut voip, &Frame::of_no_packet(inputs), &Packet::unread(&[]), None);
        }
        self.give_up_waiting(&mut voip, i64::MAX, inputs);
        let Voip { calls, endings, .. } = &mut *voip;
        calls.finish(&mut |call| endings.end(call));
        self.counters.rejected_by_mode += voip.probation.finish();
        self.count_endings(&mut voip, inputs);
        self.voip = Some(voip);
    }

    fn count_endings(&mut self, voip: &mut Voip, inputs: &[Input]) {
        while let Some((heir, left)) = voip.take_heirs() {
            self.inherit(voip, heir, left, inputs);
        }
        let endings = &mut voip.endings;
        self.counters.rejected_by_filters += std::mem::take(&mut endings.rejected);
        self.counters.calls_ended += std::mem::take(&mut endings.ended);
        self.counters.calls_unmatched += std::mem::take(&mut endings.unmatched);
        self.counters.calls_evicted += std::mem::take(&mut endings.evicted);
        self.counters.calls_merged += std::mem::take(&mut endings.merged);
    }

    #[inline(never)]
    fn take_datagram(&mut self, voip: &mut Voip, frame: &Frame, packet: &Packet, observed: Observed) {
        let passage = passage_of(packet, frame.timestamp_ns);
        if may_be_sip(packet.payload) {
            let mut message = Message::unread();
            let bytes = uncut(packet);
            match message.read(bytes) {
                Ok(()) => {
                    if !packet.is_complete() {
                        self.notice_cut(frame);
                    }
                    self.recognizer.label(observed, voip.sip);
                    self.take_message(voip, frame, packet, &message, bytes, &passage);
                    return;
                }
                Err(Refusal::StartLine) => {}
                Err(_) if !packet.is_complete() => return self.count_cut_message(frame),
                Err(_) => return self.count_bad_message(frame),
            }
        }
        if self.takes_late(voip, frame, packet, &passage) || self.awaits_newer(voip, frame, packet, &passage)
        {
            return;
        }
        if let Some(media) = voip.observe_media(packet.payload, &passage) {
            let label = if let MediaKind::Rtcp = media.kind { voip.rtcp } else { voip.rtp };
            self.recognizer.label(observed, label);
            return self.take_media(voip, frame, packet, &media);
        }
        self.take_candidate(voip, frame, packet, &passage, observed);
    }

    /// A datagram of no call that is known: perhaps of a stream without signalling.
    #[inline(never)]
    fn take_candidate(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        passage: &Passage,
        observed: Observed,
    ) {
        let endpoints = Endpoints::from(passage);
        let Voip { calls, candidates, probation, media, endings, .. } = &mut *voip;
        match candidates.observe(packet.payload, &endpoints, frame.timestamp_ns) {
            Verdict::No => self.await_signalling(voip, frame, packet, &endpoints),
            Verdict::Probation => {
                let place = media.put(&frame.as_held());
                media.keep_tunnels(place, packet);
                self.counters.rejected_by_mode += probation.wait(&endpoints, place);
                self.await_on_probation(voip, frame, packet, &endpoints);
            }
            Verdict::Accepted(header, quality) => {
                let end = &mut |call: &mut _| endings.end(call);
                let begun = calls.begin_rtp_only(header.ssrc, passage, quality.first_ns(), end);
                let waiting = probation.end(&endpoints);
                let Some(key) = begun else {
                    self.counters.rejected_by_mode += 1 + waiting.count() as u64;
                    return;
                };
                let waiting: Vec<Place> = waiting.collect();
                voip.tell_rtp_only(header.ssrc, passage);
                let ring = std::mem::take(&mut voip.media);
                for held in waiting.iter().filter_map(|place| ring.get(*place)) {
                    let earlier = net::decode_record(held.link_type, held.frame, held.original_length);
                    let earlier_passage =
                        Passage { scope: passage.scope, ..passage_of(&earlier, held.timestamp_ns) };
                    voip.observe_media(earlier.payload, &earlier_passage);
                }
                voip.media = ring;
                let media = voip.observe_media(packet.payload, passage);
                self.recognizer.label(observed, voip.rtp);
                self.join(voip, key, Vec::new(), waiting, frame.inputs);
                let Some(media) = media else {
                    self.counters.rejected_by_mode += 1;
                    return;
                };
                self.take_media(voip, frame, packet, &media);
            }
        }
    }

    /// The messages that a segment completes, or that were left of streams that ended. A message that fills the segment
    /// goes out as that packet, others in frames made for them.
    ///
    /// `observed`: the flow of the segment at hand, if it is one.
    #[inline(never)]
    fn take_stream_messages(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        observed: Option<Observed>,
    ) {
        let mut streams = std::mem::take(&mut voip.streams);
        let mut carried = None;
        let mut is_message = false;
        for number in 0..streams.len() {
            let Some((place, bytes)) = streams.get(number) else { break };
            let passage = Passage {
                timestamp_ns: place.timestamp_ns,
                source: place.source.0,
                source_port: place.source.1,
                destination: place.destination.0,
                destination_port: place.destination.1,
                is_tcp: true,
                scope: if place.is_of_packet { scope_of(packet) } else { ANY_SCOPE },
            };
            is_message |= place.is_packet;
            self.counters.stream_messages += u64::from(!place.is_packet);
            let is_cut = place.missing > 0;
            let text = if is_cut { whole_lines(bytes) } else { bytes };
            let mut message = Message::unread();
            match (message.read(text), is_cut) {
                (Ok(()), false) => {}
                (Ok(()), true) => self.notice_cut(frame),
                (Err(_), false) => {
                    self.count_bad_message(frame);
                    continue;
                }
                (Err(_), true) => {
                    self.count_cut_message(frame);
                    continue;
                }
            }
            if place.is_packet {
                carried = self.take_message(voip, frame, packet, &message, text, &passage);
                continue;
            }
            let headers = Headers {
                source: place.source,
                destination: place.destination,
                sequence: place.sequence,
                acknowledgment: if place.is_of_packet { packet.tcp_acknowledgment } else { 0 },
            };
            let template = place.is_of_packet.then_some((packet, frame.data, frame.link_type));
            let mut made = std::mem::take(&mut self.scratch.rebuilt);
            let link_type = segment::write_segment(&headers, bytes, template, &mut made);
            // What no frame can hold is left out, as by a snapshot length.
            let left_out = bytes.len().saturating_sub(segment::MOST_PAYLOAD);
            if left_out > 0 {
                self.count_shortened(frame);
            }
            let whole = Frame {
                data: &made,
                link_type,
                original_length: ((made.len() + left_out) as u32).saturating_add(place.missing),
                timestamp_ns: place.timestamp_ns,
                ..*frame
            };
            let mut segment = net::decode(link_type, &made);
            if place.is_of_packet {
                segment.put_into_tunnels_of(packet);
            }
            let key = self.take_message(voip, &whole, &segment, &message, text, &passage);
            carried = if place.is_of_packet { key } else { carried };
            self.scratch.rebuilt = made;
        }
        if let Some(observed) = observed {
            match (is_message, streams.has_part) {
                (true, _) => {}
                (false, true) => self.counters.stream_segments += 1,
                (false, false) => self.counters.rejected_by_mode += 1,
            }
            if let Some(key) = carried.filter(|_| voip.keeps_streams) {
                streams.calls.insert(observed.id.slot() as u32, key);
            }
        }
        for _ in 0..streams.too_long {
            self.count_too_long_message(frame);
        }
        voip.streams = streams;
    }

    #[cold]
    fn count_bad_message(&mut self, frame: &Frame) {
        self.counters.sip_refused += 1;
        self.counters.rejected_by_mode += 1;
        let what = "begins a SIP message that cannot be read";
        self.notice_once(Oddity::SipMessage, frame.origin(), what, "sip_refused");
    }

    #[inline(never)]
    fn take_message(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        message: &Message,
        bytes: &[u8],
        passage: &Passage,
    ) -> Option<CallKey> {
        self.counters.sip_messages += 1;
        let Voip { calls, endings, .. } = &mut *voip;
        let key = calls.observe_sip(message, passage, &mut |call| endings.end(call));
        if let Some(key) = key {
            // Before what follows from it: others may know another call by its Call-ID.
            voip.tell_message(key, passage, message.bytes());
        }
        while let Some((heir, left)) = voip.take_heirs() {
            self.inherit(voip, heir, left, frame.inputs);
        }
        let said = Said { message: Some(message), ..Said::default() };
        let Some(key) = key else {
            // It stands for itself.
            match self.passes_call_filters(packet, Content::Sip, bytes, Some(message), Known::default()) {
                true => self.emit(voip, None, frame, packet, Content::Sip, &said),
                false => self.counters.rejected_by_filters += 1,
            }
            return None;
        };
        let is_matched = self.is_matched(voip, key);
        if !is_matched {
            if !self.passes_message_filters(voip, key, packet, message, bytes) {
                self.hold(voip, key, frame, packet, Content::Sip);
                return Some(key);
            }
            self.admit(voip, key, frame.inputs);
        } else if self.filters.decides_all().is_none()
            && self.passes_message_filters(voip, key, packet, message, bytes)
        {
            // More filters may ask for it than so far.
            self.add_ids(voip, key);
        }
        self.emit(voip, Some(key), frame, packet, Content::Sip, &said);
        Some(key)
    }

    #[inline]
    fn take_media(&mut self, voip: &mut Voip, frame: &Frame, packet: &Packet, media: &Media) {
        let key = media.call;
        let rtp = if let MediaKind::Rtp(header) = &media.kind { Some(header) } else { None };
        let content = if rtp.is_some() { Content::Rtp } else { Content::Media };
        if !self.is_matched(voip, key) {
            let by_itself = self.filters.wants_addresses() || self.filters.wants(content);
            let passes = by_itself || self.filters.decides_all() == Some(true);
            if !passes || !self.passes_call_filters(packet, content, packet.payload, None, Known::default()) {
                return self.hold(voip, key, frame, packet, content);
            }
            self.admit(voip, key, frame.inputs);
        }
        self.emit(voip, Some(key), frame, packet, content, &Said { rtp, ..Said::default() });
    }
}

impl From<&Passage> for Endpoints {
    fn from(passage: &Passage) -> Self {
        let Passage { source, source_port, destination, destination_port, scope, .. } = *passage;
        Self { source, source_port, destination, destination_port, scope }
    }
}

fn passage_of(packet: &Packet, timestamp_ns: i64) -> Passage {
    let unknown = net::Address::v4([0; 4]);
    let (source, destination) = packet.ip.map_or((unknown, unknown), |ip| (ip.source, ip.destination));
    Passage {
        timestamp_ns,
        source,
        source_port: packet.source_port,
        destination,
        destination_port: packet.destination_port,
        is_tcp: packet.transport == Transport::Tcp,
        scope: scope_of(packet),
    }
}

//! UDP packets that are no signalling: which call's they are, and what they do to its streams.

use crate::net::Address;
use crate::rtp::{Header, rtcp};
use crate::sip::session_description::Carries;

use super::endpoints::{Announcing, Cached, NOT_CACHED, Networks, Socket};
use super::entry::{Call, KEPT_STREAMS};
use super::order::NONE;
use super::scope::ANY_SCOPE;
use super::signalling::hosts_of;
use super::state::{EndReason, State};
use super::stream::{Notes, Stream};
use super::table::{CallKey, Calls, tick};
use super::{Ends, Passage};

/// Most calls without signalling that one description makes known.
const MOST_MERGED: usize = 4;
/// Calls without signalling that have one SSRC.
const MOST_NAMESAKES: u32 = 16;
/// A call that goes out gives a stream that nothing says to be its own to one that has its endpoint as well only after being
/// silent for so long.
const SILENT_NS: i64 = 60_000_000_000;

/// A packet of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Its call.
    pub call: CallKey,
    /// What it is.
    pub kind: MediaKind,
}

/// What came to, or from, an endpoint of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// RTP or SRTP.
    Rtp(Header),
    /// RTCP or SRTCP.
    Rtcp,
    /// Neither: T.38, STUN, DTLS, ZRTP, or no sound header.
    Other,
}

impl<T: Default> Calls<T> {
    /// The call of a UDP packet, by its destination, else by its source; none if neither was announced. Counts it, and
    /// notes that the call lives. Endpoints of calls that are not over come first; several calls on one endpoint are told apart
    /// by the other endpoint, else the newest one has it.
    #[inline]
    pub fn observe_media(&mut self, udp_payload: &[u8], passage: &Passage) -> Option<Media> {
        let (at, comes_to) = self.endpoint_of(passage)?;
        let place = self.endpoints.place(at)?;
        let is_rtp = !matches!(place.carries, Carries::Udptl | Carries::Other);
        let is_apart = place.scope != passage.scope && place.is_shared();
        let cached = if is_apart {
            NOT_CACHED
        } else if comes_to {
            place.to
        } else {
            place.from
        };
        if place.is_shared() {
            self.figures.shared_packets += 1;
        }
        let header = if is_rtp { Header::parse(udp_payload) } else { None };
        let Some(header) = header else {
            let kind =
                if is_rtp && rtcp::looks_like_rtcp(udp_payload) { MediaKind::Rtcp } else { MediaKind::Other };
            let media = self.count(at, comes_to, kind, udp_payload.len(), passage)?;
            if kind == MediaKind::Rtcp
                && let Some(call) = self.get_mut(media.call).filter(|call| call.is_reported)
            {
                call.note_reports(udp_payload, passage);
            }
            return Some(media);
        };
        let now_ns = passage.timestamp_ns;
        let call = self.calls.get_mut(cached.call as usize);
        let stream = call.and_then(|call| {
            let stream = call.streams.get_mut(cached.stream as usize)?;
            let is_it = if comes_to {
                stream.is_from(header.ssrc, passage)
            } else {
                stream.is_to(header.ssrc, passage)
            };
            is_it.then_some((stream, call.is_reported.then_some(&call.formats)))
        });
        match stream {
            Some((stream, formats)) => stream.update(&header, udp_payload.len(), now_ns, formats),
            None => return self.find_stream(at, comes_to, &header, udp_payload.len(), passage),
        }
        self.note_use(cached.call, now_ns);
        Some(Media { call: self.key_of(cached.call)?, kind: MediaKind::Rtp(header) })
    }

    /// The call of an RTP packet and the number of its stream, where [`observe_media`](Self::observe_media) would find no
    /// more than the stream that came last to an endpoint which one call alone has, and nothing to do but count the packet:
    /// what nearly all packets are. To be followed by [`Call::count_packet`].
    #[inline]
    pub fn known_stream(&mut self, ssrc: u32, ends: &Ends, now_ns: i64) -> Option<(&mut Call<T>, usize)> {
        let socket = Socket::of_words(ends.destination, ends.version, ends.destination_port);
        let at = self.endpoints.find_in_turn(&socket, now_ns)?;
        // What the next packet needs comes into the cache while this one is taken.
        if let Some(next) = self.endpoints.next_in_turn()
            && let Some(call) = self.calls.get(next.call as usize)
        {
            let ssrc = call.streams.get(next.stream as usize).map_or(0, |stream| stream.ssrc());
            self.read_ahead = self.read_ahead.wrapping_add(ssrc);
        }
        let place = self.endpoints.place(at)?;
        if !place.is_active()
            || place.is_shared()
            || place.scope != ends.scope
            || matches!(place.carries, Carries::Udptl | Carries::Other)
        {
            return None;
        }
        let Cached { call, stream } = place.to;
        let call = self.calls.get_mut(call as usize)?;
        let is_it = call.tick == tick(now_ns)
            && call.streams.get(stream as usize).is_some_and(|stream| stream.is_between(ssrc, ends));
        is_it.then_some((call, stream as usize))
    }

    /// Where the packet's endpoint is, and whether the packet comes to it.
    #[inline]
    fn endpoint_of(&self, passage: &Passage) -> Option<(u32, bool)> {
        let now_ns = passage.timestamp_ns;
        let find = |socket| {
            let at = self.endpoints.find(&socket, now_ns).filter(|at| self.fits(*at, passage))?;
            Some((at, self.endpoints.place(at)?.is_active()))
        };
        match find(Socket::new(&passage.destination, passage.destination_port)) {
            Some((at, true)) => Some((at, true)),
            known => match (known, find(Socket::new(&passage.source, passage.source_port))) {
                (_, Some((at, true))) | (None, Some((at, false))) => Some((at, false)),
                (Some((at, _)), _) => Some((at, true)),
                (None, None) => None,
            },
        }
    }

    /// Whether a packet may be of a call at a place.
    #[inline]
    fn fits(&self, at: u32, passage: &Passage) -> bool {
        self.endpoints.place(at).is_some_and(|place| place.scope == passage.scope)
            || self.fits_from_elsewhere(at, passage)
    }

    #[cold]
    fn fits_from_elsewhere(&self, at: u32, passage: &Passage) -> bool {
        self.endpoints.preferred(at, self.networks_of(passage)).is_some()
    }

    /// Whose announcements a packet may be of. Signalling and media may be in different networks, and in each there may be the
    /// same addresses: so those of other networks count where nothing was announced in the packet's own, and where one
    /// call has both of its ends while no call of its own network has either.
    fn networks_of(&self, passage: &Passage) -> Networks {
        let own = passage.scope;
        if !self.endpoints.knows_scope(own) {
            return Networks { own, others: true };
        }
        let find = |address, port| self.endpoints.find(&Socket::new(address, port), passage.timestamp_ns);
        let ends = [
            find(&passage.destination, passage.destination_port),
            find(&passage.source, passage.source_port),
        ];
        Networks { own, others: !self.endpoints.has_any_in(ends, own) && self.endpoints.share_call(ends) }
    }

    /// The call of a packet at a place. What comes from an endpoint of a call that goes out is not another one's only because that
    /// has announced where it goes to. But between an endpoint of a call that has another peer, and one of a call between the same
    /// hosts whose other side is not known yet, it is of the latter: servers have one port for several calls, and media may come
    /// before the answer.
    fn call_of(&self, at: u32, comes_to: bool, ssrc: Option<u32>, passage: &Passage) -> Option<u32> {
        let slot = self.call_at(at, comes_to, ssrc, passage)?;
        let source = Socket::new(&passage.source, passage.source_port);
        let source = self.endpoints.find(&source, passage.timestamp_ns).filter(|_| comes_to);
        let Some(source) = source else { return Some(slot) };
        let networks = self.networks_of(passage);
        let wanted = self.endpoints.wanted_on(source, networks).next();
        if let Some(sender) = wanted.filter(|_| !self.is_wanted(slot)) {
            let is_early_media =
                || self.awaits_peer(slot, passage) && self.has_other_peer(sender, Stream::source, passage);
            let is_its =
                self.has_stream(sender, ssrc, passage) || !self.has_place(slot, source) && !is_early_media();
            return Some(if is_its { sender } else { slot });
        }
        let sender =
            self.endpoints.preferred(source, networks).map_or(slot, |announcement| announcement.call);
        let is_its = !self.has_place(slot, source)
            && self.awaits_peer(sender, passage)
            && self.has_other_peer(slot, Stream::destination, passage);
        Some(if is_its { sender } else { slot })
    }

    /// Whether one side alone of a call between the hosts of a packet has announced something yet.
    fn awaits_peer(&self, slot: u32, passage: &Passage) -> bool {
        self.calls.get(slot as usize).is_some_and(|call| {
            call.hosts == hosts_of(passage)
                && !call.progress.state.is_over()
                && !self.endpoints.has_both_sides(&call.announced)
        })
    }

    /// Whether a call has another peer at that end of a packet, by its streams or by what both of its sides have announced, and no
    /// stream between both ends.
    fn has_other_peer(&self, slot: u32, end: fn(&Stream) -> (&Address, u16), passage: &Passage) -> bool {
        let Some(call) = self.calls.get(slot as usize) else { return false };
        let ends = [(&passage.source, passage.source_port), (&passage.destination, passage.destination_port)];
        let is_between = |stream: &Stream| [stream.source(), stream.destination()] == ends;
        !call.streams.iter().any(is_between)
            && (self.endpoints.has_both_sides(&call.announced)
                || call.streams.iter().any(|stream| ends.contains(&end(stream))))
    }

    fn is_wanted(&self, slot: u32) -> bool {
        self.calls.get(slot as usize).is_some_and(|call| call.is_wanted)
    }

    fn has_place(&self, slot: u32, place: u32) -> bool {
        let call = self.calls.get(slot as usize);
        call.is_some_and(|call| self.endpoints.announcement_in(&call.announced, place).is_some())
    }

    fn has_stream(&self, slot: u32, ssrc: Option<u32>, passage: &Passage) -> bool {
        let streams = self.calls.get(slot as usize).map_or(&[][..], |call| &call.streams);
        ssrc.is_some_and(|ssrc| streams.iter().any(|stream| stream.is_of(ssrc, passage)))
    }

    /// The call of a packet at a place (`ssrc`: of RTP). The other end of the packet tells calls apart that share the
    /// place. One session under several Call-IDs is that of the call that goes out; a stream that such a call has stays its own,
    /// whoever announces its ends.
    fn call_at(&self, at: u32, comes_to: bool, ssrc: Option<u32>, passage: &Passage) -> Option<u32> {
        let networks = self.networks_of(passage);
        let preferred = self.endpoints.preferred(at, networks)?.call;
        if !self.endpoints.place(at)?.is_shared() {
            return Some(preferred);
        }
        let other = if comes_to {
            Socket::new(&passage.source, passage.source_port)
        } else {
            Socket::new(&passage.destination, passage.destination_port)
        };
        let other = self.endpoints.find(&other, passage.timestamp_ns);
        let opposite = other.and_then(|other| {
            let opposite = self.endpoints.preferred(other, networks)?.call;
            let both = if self.has_place(preferred, other) { preferred } else { opposite };
            self.has_place(both, at).then_some(both)
        });
        // A port that is used again, while the end of the call before was not seen, is the newer call's.
        let is_silent = |slot: u32| {
            let call = self.calls.get(slot as usize);
            call.is_some_and(|call| passage.timestamp_ns.saturating_sub(call.last_ns()) > SILENT_NS)
        };
        let newer = || self.endpoints.newest_unwanted_on(at, networks);
        if let Some(both) = opposite.filter(|slot| self.is_wanted(*slot)) {
            let is_over = ssrc.is_some() && is_silent(both) && !self.has_stream(both, ssrc, passage);
            let heir =
                newer().filter(|newer| is_over && other.is_some_and(|other| self.has_place(*newer, other)));
            return heir.or(Some(both));
        }
        if !self.is_wanted(preferred) {
            return opposite.or(Some(preferred));
        }
        let is_its = |slot: &u32| {
            other.is_some_and(|other| self.has_place(*slot, other)) || self.has_stream(*slot, ssrc, passage)
        };
        let wanted = self.endpoints.wanted_on(at, networks).find(is_its);
        wanted.or(opposite).or_else(|| newer().filter(|_| is_silent(preferred))).or(Some(preferred))
    }

    /// A packet that is of no stream.
    fn count(
        &mut self,
        at: u32,
        comes_to: bool,
        kind: MediaKind,
        length: usize,
        passage: &Passage,
    ) -> Option<Media> {
        let slot = self.call_of(at, comes_to, None, passage)?;
        let call = self.calls.get_mut(slot as usize)?;
        match kind {
            MediaKind::Rtp(_) => {
                call.streamless_packets += 1;
                self.figures.stream_packets_omitted += 1;
            }
            MediaKind::Rtcp => call.rtcp_packets += 1,
            MediaKind::Other => call.other_packets += 1,
        }
        call.other_bytes += length as u64;
        call.other_ns = call.other_ns.max(passage.timestamp_ns);
        self.note_use(slot, passage.timestamp_ns);
        Some(Media { call: self.key_of(slot)?, kind })
    }

    /// A packet of another stream than the last one at that place.
    #[cold]
    fn find_stream(
        &mut self,
        at: u32,
        comes_to: bool,
        header: &Header,
        length: usize,
        passage: &Passage,
    ) -> Option<Media> {
        let now_ns = passage.timestamp_ns;
        let slot = self.call_of(at, comes_to, Some(header.ssrc), passage)?;
        let place = self.endpoints.place(at)?;
        let before = if comes_to { place.to } else { place.from };
        let was_of = self.calls.get(before.call as usize).filter(|_| before.call != slot);
        let stream_before = was_of.and_then(|call| call.streams.get(before.stream as usize));
        let comes_back = stream_before.is_some_and(|stream| stream.is_of(header.ssrc, passage));
        let call = self.calls.get_mut(slot as usize)?;
        let mut number = call.streams.iter().position(|stream| stream.is_of(header.ssrc, passage));
        if number.is_none() && call.streams.len() < self.limits.streams_per_call {
            let announcement = self.endpoints.announcement_in(&call.announced, at);
            // Formats are told by who receives them; of who sends them, only the section is known.
            let (party, section) =
                announcement.map_or((0, 0), |one| (if comes_to { one.party } else { 0 }, one.section));
            let codec = call.formats.codec(party, section, header.payload_type);
            number = Some(call.streams.len());
            if call.streams.capacity() == 0 {
                // Most calls have no more.
                call.streams.reserve_exact(KEPT_STREAMS);
            }
            let what = (header.ssrc, header.payload_type);
            call.streams.push(Stream::new(what, passage, (party, section), codec));
            call.start_ns = call.start_ns.min(now_ns);
            self.figures.streams += 1;
        }
        let Some(number) = number else {
            return self.count(at, comes_to, MediaKind::Rtp(*header), length, passage);
        };
        if comes_back && let Some(stream) = call.streams.get_mut(number) {
            stream.come_back();
        }
        if let Some(stream) = call.streams.get_mut(number) {
            stream.update(header, length, now_ns, call.is_reported.then_some(&call.formats));
        }
        let cached = Cached { call: slot, stream: number as u32 };
        let place = self.endpoints.place_mut(at)?;
        if place.scope == passage.scope || !place.is_shared() {
            *(if comes_to { &mut place.to } else { &mut place.from }) = cached;
        }
        self.note_use(slot, now_ns);
        Some(Media { call: self.key_of(slot)?, kind: MediaKind::Rtp(*header) })
    }

    /// Begins a call without signalling for a stream that belongs to none, or adds the stream's endpoints to one with its
    /// SSRC and one of its ends. The packet itself is counted by [`observe_media`](Self::observe_media), which knows it now.
    /// None without room.
    ///
    /// `begun_ns`: capture time of the stream's first packet.
    pub fn begin_rtp_only(
        &mut self,
        ssrc: u32,
        passage: &Passage,
        begun_ns: i64,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) -> Option<CallKey> {
        let now_ns = passage.timestamp_ns;
        let slot = (0..MOST_NAMESAKES).find_map(|number| {
            let id = match number {
                0 => format!("rtp-{ssrc:08x}"),
                _ => format!("rtp-{ssrc:08x}-{number}"),
            };
            let hash = self.hash(id.as_bytes());
            match self.slot_of(id.as_bytes(), hash) {
                Some(slot) => self.may_join(slot, passage).then_some(slot),
                None => self.begin(id.as_bytes(), hash, now_ns, State::RtpOnly, ended),
            }
        })?;
        let call = self.calls.get(slot as usize)?;
        let (is_wanted, mut announced) = (call.is_wanted, call.announced);
        let scope = passage.scope;
        let announcing = Announcing {
            call: slot,
            side: 0,
            party: 0,
            is_wanted,
            is_offer: false,
            scope,
            is_apart: true,
            now_ns,
        };
        for (address, port) in
            [(&passage.destination, passage.destination_port), (&passage.source, passage.source_port)]
        {
            let socket = Socket::new(address, port);
            self.endpoints.announce(&mut announced, &announcing, &socket, (0, Carries::RtpAndRtcp, false));
            if let Some(next) = port.checked_add(1) {
                // RTCP, as a rule (RFC 3550 section 11).
                let socket = Socket::new(address, next);
                self.endpoints.announce(&mut announced, &announcing, &socket, (0, Carries::Rtcp, true));
            }
        }
        let call = self.calls.get_mut(slot as usize)?;
        call.announced = announced;
        call.start_ns = call.start_ns.min(begun_ns);
        let (at, _) = self.endpoint_of(passage)?;
        self.endpoints.announcement_in(&announced, at)?;
        self.key_of(slot)
    }

    /// The same for a stream that another engine has seen, unless its packets are of a call here.
    pub fn begin_rtp_only_elsewhere(
        &mut self,
        ssrc: u32,
        passage: &Passage,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) -> Option<CallKey> {
        if self.knows(passage).is_some() {
            return None;
        }
        self.is_elsewhere = true;
        let key = self.begin_rtp_only(ssrc, passage, passage.timestamp_ns, ended);
        self.is_elsewhere = false;
        key
    }

    /// A stream of a call has begun, and another engine has its packets.
    pub fn begin_stream_elsewhere(&mut self, key: CallKey, ssrc: u32, payload_type: u8, passage: &Passage) {
        let most = self.limits.streams_per_call;
        let Some(call) = self.get_mut(key).filter(|call| call.streams.len() < most) else { return };
        if !call.streams.iter().any(|stream| stream.is_of(ssrc, passage)) {
            let codec = call.formats.codec(0, 0, payload_type);
            call.streams.push(Stream::new((ssrc, payload_type), passage, (0, 0), codec));
            call.start_ns = call.start_ns.min(passage.timestamp_ns);
        }
    }

    /// Streams of calls that have begun.
    pub fn streams_begun(&self) -> u64 {
        self.figures.streams
    }

    /// The call that a UDP packet would be of (`ssrc`: of RTP), and when that began.
    pub fn call_of_packet(&self, passage: &Passage, ssrc: Option<u32>) -> Option<(CallKey, i64)> {
        let (at, comes_to) = self.endpoint_of(passage)?;
        let slot = self.call_of(at, comes_to, ssrc, passage)?;
        Some((self.key_of(slot)?, self.calls.get(slot as usize)?.begun_ns))
    }

    /// The call that had the endpoint of a UDP packet before the one that has it now, if that began after the packet came by: it
    /// is read late.
    pub fn earlier_call_of(&self, passage: &Passage) -> Option<CallKey> {
        let now_ns = passage.timestamp_ns;
        let begun_ns = |slot: u32| self.calls.get(slot as usize).map_or(i64::MAX, |call| call.begun_ns);
        let (at, _) = self.endpoint_of(passage)?;
        let networks = self.networks_of(passage);
        if begun_ns(self.endpoints.preferred(at, networks)?.call) <= now_ns {
            return None;
        }
        let earlier = self.endpoints.inactive_on(at, networks).find(|slot| begun_ns(*slot) <= now_ns)?;
        self.key_of(earlier)
    }

    /// Whether nothing like a UDP packet (`ssrc`: of RTP) has come of a signalled call yet: its stream, or for so long what is of
    /// no stream.
    pub fn is_new_in(&self, key: CallKey, ssrc: Option<u32>, passage: &Passage, silence_ns: i64) -> bool {
        self.get(key).is_some_and(|call| {
            call.progress.state != State::RtpOnly
                && match ssrc {
                    Some(ssrc) => {
                        call.streams.len() < self.limits.streams_per_call
                            && !call.streams.iter().any(|stream| stream.is_of(ssrc, passage))
                    }
                    None => passage.timestamp_ns.saturating_sub(call.other_ns) > silence_ns,
                }
        })
    }

    /// Whether a UDP packet would be of a call, and then whether that has the endpoint still: it is not over, and has announced
    /// no other.
    pub fn knows(&self, passage: &Passage) -> Option<bool> {
        let (at, _) = self.endpoint_of(passage)?;
        Some(self.endpoints.place(at)?.is_active())
    }

    /// Whether a packet is of a call without signalling that has its SSRC: they share an end, or one goes on where the other
    /// arrives. Strangers may use one SSRC.
    fn may_join(&self, slot: u32, passage: &Passage) -> bool {
        let Some(call) = self.calls.get(slot as usize) else { return false };
        let ends = [(&passage.source, passage.source_port), (&passage.destination, passage.destination_port)];
        let is_relayed = |stream: &Stream| {
            *stream.destination().0 == passage.source || *stream.source().0 == passage.destination
        };
        call.progress.state == State::RtpOnly
            && (call.streams.iter().any(is_relayed)
                || ends.into_iter().any(|(address, port)| {
                    let place = self.endpoints.find(&Socket::new(address, port), passage.timestamp_ns);
                    place
                        .is_some_and(|place| self.endpoints.announcement_in(&call.announced, place).is_some())
                }))
    }

    /// Calls without signalling that live and have an endpoint, which `slot` has announced now.
    pub(super) fn note_rtp_only(
        &self,
        at: u32,
        slot: u32,
        passage: &Passage,
        found: &mut [u32; MOST_MERGED],
    ) {
        let now_ns = passage.timestamp_ns;
        for (other, scope) in self.endpoints.calls_on(at).filter(|(other, _)| *other != slot) {
            let is_near = [passage.scope, ANY_SCOPE].contains(&scope) || !self.endpoints.knows_scope(scope);
            let is_one = is_near
                && self.calls.get(other as usize).is_some_and(|call| {
                    call.progress.state == State::RtpOnly
                        && now_ns.saturating_sub(call.last_ns()) < self.limits.rtp_only_idle_ns
                });
            if is_one
                && !found.contains(&other)
                && let Some(free) = found.iter_mut().find(|one| **one == NONE)
            {
                *free = other;
            }
        }
    }

    /// Makes a call without signalling a part of the one whose signalling it turned out to have.
    #[cold]
    pub(super) fn merge(&mut self, from: u32, into: u32, ended: &mut dyn FnMut(&mut Call<T>)) {
        let key = self.key_of(into);
        // It may have given way to an endpoint.
        let Some(call) = self.calls.get_mut(from as usize).filter(|call| call.is_held) else { return };
        let mut announced = std::mem::take(&mut call.announced);
        let mut streams = std::mem::take(&mut call.streams);
        let (start_ns, last_ns, other_ns) = (call.start_ns, call.last_ns, call.other_ns);
        let (rtcp, other) = (std::mem::take(&mut call.rtcp_packets), std::mem::take(&mut call.other_packets));
        let streamless = std::mem::take(&mut call.streamless_packets);
        let bytes = std::mem::take(&mut call.other_bytes);
        call.progress.end(State::Ended, EndReason::Merged, last_ns);
        call.merged_into = key;
        if let Some(call) = self.calls.get_mut(into as usize) {
            self.endpoints.hand_over(&mut announced, &mut call.announced, (into, call.is_wanted));
            for mut stream in streams.drain(..) {
                let packets = stream.quality().packets();
                if call.streams.len() < self.limits.streams_per_call {
                    stream.renew_codec(&call.formats);
                    stream.notes = Notes::default();
                    call.streams.push(stream);
                } else {
                    call.streamless_packets += packets;
                    call.other_bytes += stream.octets();
                    self.figures.stream_packets_omitted += packets;
                }
            }
            call.start_ns = call.start_ns.min(start_ns);
            call.last_ns = call.last_ns.max(last_ns);
            call.other_ns = call.other_ns.max(other_ns);
            call.rtcp_packets += rtcp;
            call.other_packets += other;
            call.streamless_packets += streamless;
            call.other_bytes += bytes;
        }
        self.figures.merged += 1;
        self.release(from, ended);
    }
}

/// Room for the calls that [`Calls::note_rtp_only`] finds.
pub(super) const NO_RTP_ONLY: [u32; MOST_MERGED] = [NONE; MOST_MERGED];

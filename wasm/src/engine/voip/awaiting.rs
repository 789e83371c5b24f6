//! What becomes of datagrams that wait for signalling which another engine has read: see [`ahead`](super::ahead).

use super::Voip;
use super::ahead::{Ahead, Wait, Waiting};
use super::held::{HeldPacket, Place, Ring};
use super::sharing::Sharing;
use crate::call::{CallKey, Media, MediaKind, Passage};
use crate::engine::arrival::Frame;
use crate::engine::{Engine, Input};
use crate::net::{self, Packet, Tunnels};
use crate::rtp::candidates::Endpoints;
use crate::rtp::{Header, rtcp};

/// After so long without them, packets of a call that are of no stream are new, nanoseconds.
const SILENCE_NS: i64 = 1_000_000_000;

impl Engine {
    /// A datagram of no call waits for as long as signalling may be on its way here, if it may be of a call.
    pub(super) fn await_signalling(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        endpoints: &Endpoints,
    ) {
        let place = match &mut voip.sharing {
            Some(sharing) if sharing.awaits && Ahead::may_be_media(packet.payload, endpoints) => {
                sharing.ahead.ring.put(&frame.as_held())
            }
            _ => None,
        };
        match place {
            Some(place) => self.wait(voip, frame, packet, endpoints, Wait::ForAny(place)),
            None => self.counters.rejected_by_mode += 1,
        }
    }

    /// The same for one of a call that is over, or has announced other endpoints, and for what comes of a call for the first time: the
    /// next call that has these endpoints may be on its way here. False where it need not wait. Nothing is known of it in the call
    /// until then.
    #[inline]
    pub(super) fn awaits_newer(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        passage: &Passage,
    ) -> bool {
        if !voip.awaits_signalling() {
            return false;
        }
        let ssrc = ssrc_of(packet.payload);
        let Some((call, _)) = voip.calls.call_of_packet(passage, ssrc) else { return false };
        if voip.calls.knows(passage) != Some(false) && !voip.calls.is_new_in(call, ssrc, passage, SILENCE_NS)
        {
            return false;
        }
        let ring = voip.sharing.as_mut().map(|sharing| &mut sharing.ahead.ring_for_newer);
        let Some(place) = ring.and_then(|ring| ring.put(&frame.as_held())) else { return false };
        self.wait(voip, frame, packet, &Endpoints::from(passage), Wait::ForNewer(place, call));
        true
    }

    /// A datagram that is read after a later call at its endpoint was heard of is of the call before.
    #[inline]
    pub(super) fn takes_late(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        passage: &Passage,
    ) -> bool {
        if voip.sharing.is_none() {
            return false;
        }
        let Some(call) = voip.calls.earlier_call_of(passage) else { return false };
        let kind = match Header::parse(packet.payload) {
            Some(header) => MediaKind::Rtp(header),
            None if rtcp::looks_like_rtcp(packet.payload) => MediaKind::Rtcp,
            None => MediaKind::Other,
        };
        self.take_media(voip, frame, packet, &Media { call, kind });
        true
    }

    /// The same for those that wait between these ends until their stream has shown that it is one.
    #[inline]
    pub(super) fn await_on_probation(
        &mut self,
        voip: &mut Voip,
        frame: &Frame,
        packet: &Packet,
        endpoints: &Endpoints,
    ) {
        if voip.awaits_signalling() {
            self.wait(voip, frame, packet, endpoints, Wait::OnProbation);
        }
    }

    fn wait(&mut self, voip: &mut Voip, frame: &Frame, packet: &Packet, endpoints: &Endpoints, wait: Wait) {
        let Some(Sharing { ahead, .. }) = voip.sharing.as_deref_mut() else { return };
        match wait {
            Wait::ForAny(place) => ahead.ring.keep_tunnels(Some(place), packet),
            Wait::ForNewer(place, _) => ahead.ring_for_newer.keep_tunnels(Some(place), packet),
            Wait::OnProbation => {}
        }
        ahead.push(Waiting { endpoints: *endpoints, timestamp_ns: frame.timestamp_ns, wait });
        self.give_up_waiting(voip, frame.timestamp_ns, frame.inputs);
    }

    /// Datagrams that have waited for too long are given up, or go with the call that had their endpoints.
    pub(super) fn give_up_waiting(&mut self, voip: &mut Voip, now_ns: i64, inputs: &[Input]) {
        while let Some(sharing) = &mut voip.sharing {
            if !sharing.ahead.is_due(now_ns) {
                return;
            }
            if sharing.announced_ns.is_some() {
                self.take_announced(voip, inputs);
                continue;
            }
            let Some(waiting) = sharing.ahead.pop_due(now_ns) else { return };
            match waiting.wait {
                Wait::ForAny(_) => self.counters.rejected_by_mode += 1,
                Wait::ForNewer(place, _) => {
                    // With those behind it in its stream, so that their order stays.
                    let behind = sharing.ahead.take_if(|other| {
                        other.endpoints == waiting.endpoints && matches!(other.wait, Wait::ForNewer(..))
                    });
                    let places = behind.into_iter().filter_map(|other| match other.wait {
                        Wait::ForNewer(place, _) => Some(place),
                        _ => None,
                    });
                    let ring = &sharing.ahead.ring_for_newer;
                    let held: Vec<_> =
                        std::iter::once(place).chain(places).map(|place| Awaited::of(ring, place)).collect();
                    for held in held {
                        self.take_awaited(voip, held, inputs, waiting.endpoints.scope, i64::MIN);
                    }
                }
                Wait::OnProbation => {}
            }
        }
    }

    /// Other filters are about to be in force: what waits for a newer call is judged by those of its time.
    pub(in crate::engine) fn hurry_waiting(&mut self) {
        let Some(mut voip) = self.voip.take_if(|voip| voip.sharing.is_some()) else { return };
        let inputs = std::mem::take(&mut self.inputs);
        self.take_announced(&mut voip, &inputs);
        while let Some(sharing) = &mut voip.sharing
            && let Some(waiting) = sharing.ahead.pop_for_newer()
        {
            if let Wait::ForNewer(place, _) = waiting.wait {
                let held = Awaited::of(&sharing.ahead.ring_for_newer, place);
                self.take_awaited(&mut voip, held, &inputs, waiting.endpoints.scope, i64::MIN);
            }
        }
        self.voip = Some(voip);
        self.inputs = inputs;
        self.close_piece();
    }

    /// Datagrams whose signalling has been heard of go with it, but for those that came before it: where one engine sees all,
    /// they are not kept either.
    pub(super) fn take_announced(&mut self, voip: &mut Voip, inputs: &[Input]) {
        let Voip { sharing: Some(sharing), calls, newest_ns, .. } = &mut *voip else { return };
        let Some(since_ns) = sharing.announced_ns.take() else { return };
        sharing.looked_ns = *newest_ns;
        let known = sharing.ahead.take_if(|waiting| {
            let passage = passage_of(waiting);
            waiting.timestamp_ns >= since_ns
                && calls.call_of_packet(&passage, None).is_some_and(|(key, begun_ns)| {
                    let is_newer = |call: CallKey| call != key && calls.knows(&passage) == Some(true);
                    begun_ns <= waiting.timestamp_ns
                        && match waiting.wait {
                            Wait::ForNewer(_, call) => is_newer(call),
                            Wait::ForAny(_) | Wait::OnProbation => true,
                        }
                })
        });
        for Waiting { wait, endpoints, .. } in known {
            let awaited: Vec<Option<Awaited>> = match (wait, &voip.sharing) {
                (Wait::ForAny(place), Some(sharing)) => vec![Awaited::of(&sharing.ahead.ring, place)],
                (Wait::ForNewer(place, _), Some(sharing)) => {
                    vec![Awaited::of(&sharing.ahead.ring_for_newer, place)]
                }
                _ => voip.probation.end(&endpoints).map(|place| Awaited::of(&voip.media, place)).collect(),
            };
            for held in awaited {
                self.take_awaited(voip, held, inputs, endpoints.scope, since_ns);
            }
        }
    }

    /// Goes on with a packet that has waited, unless it was overwritten, or came by before that time or its call.
    fn take_awaited(
        &mut self,
        voip: &mut Voip,
        awaited: Option<Awaited>,
        inputs: &[Input],
        scope: u32,
        since_ns: i64,
    ) {
        let Some(Awaited { bytes, header, tunnels }) = awaited else {
            self.counters.call_buffer_full += 1;
            return;
        };
        let frame = Frame::held(&HeldPacket { frame: &bytes, ..header }, inputs);
        let mut packet = net::decode_record(frame.link_type, frame.data, frame.original_length);
        if let Some(tunnels) = &tunnels {
            packet.put_into(tunnels);
        }
        let passage = Passage { scope, ..super::passage_of(&packet, frame.timestamp_ns) };
        if self.takes_late(voip, &frame, &packet, &passage) {
            return;
        }
        let is_of_its_time = frame.timestamp_ns >= since_ns
            && (since_ns == i64::MIN
                || voip
                    .calls
                    .call_of_packet(&passage, ssrc_of(packet.payload))
                    .is_some_and(|(_, begun_ns)| begun_ns <= frame.timestamp_ns));
        match is_of_its_time.then(|| voip.observe_media(packet.payload, &passage)).flatten() {
            Some(media) => self.take_media(voip, &frame, &packet, &media),
            None => self.counters.rejected_by_mode += 1,
        }
    }
}

/// The SSRC of RTP.
fn ssrc_of(payload: &[u8]) -> Option<u32> {
    Header::parse(payload).map(|header| header.ssrc)
}

/// A packet that has waited, copied from its ring, which may be needed for the next ones.
struct Awaited {
    bytes: Vec<u8>,
    /// Without the frame.
    header: HeldPacket<'static>,
    tunnels: Option<Tunnels>,
}

impl Awaited {
    fn of(ring: &Ring, place: Place) -> Option<Self> {
        let (held, tunnels) = ring.get_with_tunnels(place)?;
        Some(Self { bytes: held.frame.to_vec(), header: HeldPacket { frame: &[], ..held }, tunnels })
    }
}

fn passage_of(waiting: &Waiting) -> Passage {
    let Endpoints { source, source_port, destination, destination_port, scope } = waiting.endpoints;
    let timestamp_ns = waiting.timestamp_ns;
    Passage { timestamp_ns, source, source_port, destination, destination_port, is_tcp: false, scope }
}

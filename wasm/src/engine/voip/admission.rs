//! Which calls go out, and the packets that wait for that.

use super::Voip;
use super::held::{HeldPacket, MOST_HELD, Place};
use super::judgement::{Judgement, MOST_IDS};
use crate::call::CallKey;
use crate::engine::arrival::Frame;
use crate::engine::{Engine, Input};
use crate::matching::contents::Content;
use crate::net::{self, Packet, Tunnels};

impl Engine {
    /// Other filters are in force: calls go on to go out only for one of those that they matched.
    #[cold]
    pub(in crate::engine) fn judge_calls_again(&mut self) {
        let Some(mut voip) = self.voip.take() else { return };
        voip.filters = voip.filters.wrapping_add(1);
        let mut matched = Vec::new();
        voip.calls.for_each(&mut |key, call| {
            if call.data.is_matched {
                matched.push(key);
            }
        });
        for key in matched {
            self.is_matched(&mut voip, key);
        }
        self.voip = Some(voip);
    }

    /// A call has matched the filters in the workspace, too.
    pub(super) fn add_ids(&mut self, voip: &mut Voip, key: CallKey) {
        let Self { scratch, filters, .. } = self;
        let Some(call) = voip.calls.get_mut(key) else { return };
        let known = call.data.ids.version;
        for number in scratch.workspace.matched.iter() {
            call.data.add_id(filters.id(number), filters.key(number));
        }
        if call.data.ids.version != known {
            voip.tell_verdict(key);
        }
    }

    /// A call takes over what another has left that turned out to be a part of it.
    #[cold]
    pub(super) fn inherit(&mut self, voip: &mut Voip, heir: CallKey, left: Judgement, inputs: &[Input]) {
        let Some(call) = voip.calls.get_mut(heir) else {
            self.counters.rejected_by_filters +=
                (left.signalling.len() + left.media.len()) as u64 + left.homeless;
            return;
        };
        let data = &mut call.data;
        let becomes_matched = left.is_matched && !data.is_matched;
        if becomes_matched {
            data.is_matched = true;
            data.filters = left.filters;
        }
        for (id, key) in left.ids.ids.iter().zip(left.keys) {
            data.add_id(id, key);
        }
        data.homeless += left.homeless;
        if becomes_matched {
            voip.calls.set_wanted(heir, true);
            voip.tell_verdict(heir);
        }
        self.join(voip, heir, left.signalling, left.media, inputs);
    }

    /// Packets that waited elsewhere turn out to be a call's: they go out with it, or wait with it.
    pub(super) fn join(
        &mut self,
        voip: &mut Voip,
        key: CallKey,
        signalling: Vec<Place>,
        media: Vec<Place>,
        inputs: &[Input],
    ) {
        let is_matched = self.is_matched(voip, key);
        let Some(call) = voip.calls.get_mut(key) else {
            self.counters.rejected_by_filters += (signalling.len() + media.len()) as u64;
            return;
        };
        let data = &mut call.data;
        for (places, more) in [(&mut data.signalling, signalling), (&mut data.media, media)] {
            let room = if is_matched { usize::MAX } else { MOST_HELD.saturating_sub(places.len()) };
            data.homeless += more.len().saturating_sub(room) as u64;
            places.extend(more.into_iter().take(room));
        }
        if is_matched {
            self.emit_waiting(voip, key, inputs);
        }
    }

    #[inline]
    pub(super) fn is_matched(&mut self, voip: &mut Voip, key: CallKey) -> bool {
        let filters = voip.filters;
        let Some(call) = voip.calls.get_mut(key) else { return false };
        let was_matched = call.data.is_matched;
        let is_matched = call.data.is_matched(&self.filters, filters);
        if is_matched != was_matched {
            voip.calls.set_wanted(key, is_matched);
        }
        is_matched
    }

    /// The call goes out from now on: by the filters in the workspace, and with what waited for that, in the order of time.
    #[cold]
    pub(super) fn admit(&mut self, voip: &mut Voip, key: CallKey, inputs: &[Input]) {
        let Self { scratch, filters, .. } = self;
        let Some(call) = voip.calls.get_mut(key) else { return };
        let data = &mut call.data;
        data.is_matched = true;
        data.filters = voip.filters;
        data.ids.change().clear();
        data.keys.clear();
        for number in scratch.workspace.matched.iter().take(MOST_IDS) {
            data.add_id(filters.id(number), filters.key(number));
        }
        voip.calls.set_wanted(key, true);
        voip.tell_verdict(key);
        self.emit_waiting(voip, key, inputs);
    }

    /// Sends what waited with a call, in the order of time.
    #[cold]
    pub(super) fn emit_waiting(&mut self, voip: &mut Voip, key: CallKey, inputs: &[Input]) {
        let Some(call) = voip.calls.get_mut(key) else { return };
        let data = &mut call.data;
        let homeless = std::mem::take(&mut data.homeless);
        let (signalling, media) = (std::mem::take(&mut data.signalling), std::mem::take(&mut data.media));
        let rings = (std::mem::take(&mut voip.signalling), std::mem::take(&mut voip.media));
        let held = signalling.iter().filter_map(|place| rings.0.get_with_tunnels(*place));
        let mut held: Vec<(HeldPacket, Option<Tunnels>)> =
            held.chain(media.iter().filter_map(|place| rings.1.get_with_tunnels(*place))).collect();
        let lost = signalling.len() + media.len() - held.len();
        self.counters.call_buffer_full += lost as u64 + homeless;
        held.sort_by_key(|(packet, _)| packet.timestamp_ns);
        for (one, tunnels) in &held {
            let frame = Frame::held(one, inputs);
            let mut packet = net::decode_record(frame.link_type, frame.data, frame.original_length);
            if let Some(tunnels) = tunnels {
                packet.put_into(tunnels);
            }
            self.emit_held(voip, key, &frame, &packet);
        }
        (voip.signalling, voip.media) = rings;
    }

    /// Keeps a packet of a call for as long as a filter may still ask for the call.
    pub(super) fn hold(
        &mut self,
        voip: &mut Voip,
        key: CallKey,
        frame: &Frame,
        packet: &Packet,
        content: Content,
    ) {
        let Voip { calls, signalling, media, .. } = voip;
        let Some(call) = calls.get_mut(key) else {
            self.counters.rejected_by_filters += 1;
            return;
        };
        if call.state().is_over() {
            self.counters.rejected_by_filters += 1;
            return;
        }
        let Judgement { signalling: held, media: held_media, homeless, .. } = &mut call.data;
        let (ring, places) = match content {
            Content::Sip => (signalling, held),
            _ => (media, held_media),
        };
        let place = ring.hold(places, homeless, &frame.as_held());
        ring.keep_tunnels(place, packet);
    }
}

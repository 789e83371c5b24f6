//! SIP messages: which call's they are, and what they do to it.

use std::hash::Hasher;

use crate::bounded::MixHasher;
use crate::net::Address;
use crate::short::{append, equal};
use crate::sip::address::{Uri, decoded};
use crate::sip::header::unfolded;
use crate::sip::message::Message;
use crate::sip::session_description::Description;

use super::Passage;
use super::endpoints::{AnnouncementResult, Announcing, Socket};
use super::entry::{Call, FINGERPRINTS};
use super::media::NO_RTP_ONLY;
use super::order::NONE;
use super::state::{Event, Method, State};
use super::table::{CallKey, Calls};
use super::texts::{Text, Texts};

/// Most session descriptions of one message that are read.
const MOST_DESCRIPTIONS: usize = 4;

impl<T: Default> Calls<T> {
    /// Takes a SIP message in. Its call is begun if it is about one; none for what makes no call, as REGISTER, OPTIONS,
    /// SUBSCRIBE, PUBLISH and MESSAGE outside of one, and INFO, UPDATE and REFER outside of a dialog. `ended` receives calls that
    /// give way to it, the call before it with its Call-ID, and calls without signalling of which it proves to be the signalling.
    pub fn observe_sip(
        &mut self,
        message: &Message<'_>,
        passage: &Passage,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) -> Option<CallKey> {
        let event = self.event_of(message, passage.timestamp_ns);
        let call_id = message.call_id();
        let hash = self.hash(call_id);
        let known = self.slot_of(call_id, hash);
        let slot = match known {
            Some(slot) if self.calls.get(slot as usize)?.progress.is_begun_anew_by(&event) => {
                self.release(slot, ended);
                self.begin(call_id, hash, event.now_ns, State::New, ended)?
            }
            Some(slot) => slot,
            None if event.makes_a_call() && !call_id.is_empty() => {
                self.begin(call_id, hash, event.now_ns, State::New, ended)?
            }
            None => return None,
        };
        self.observe_message(slot, message, passage, &event, ended);
        self.key_of(slot)
    }

    /// The same for a message that another engine has read: a call that begins with it is counted there.
    pub fn observe_sip_elsewhere(
        &mut self,
        message: &Message<'_>,
        passage: &Passage,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) -> Option<CallKey> {
        self.is_elsewhere = true;
        let key = self.observe_sip(message, passage, ended);
        self.is_elsewhere = false;
        key
    }

    #[inline(never)]
    fn observe_message(
        &mut self,
        slot: u32,
        message: &Message<'_>,
        passage: &Passage,
        event: &Event,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) {
        let fingerprint = self.fingerprint(message, passage, event);
        let bounds = self.ladder_bounds();
        let Some(call) = self.calls.get_mut(slot as usize) else { return };
        let is_first = call.sip_messages == 0;
        call.sip_messages = call.sip_messages.saturating_add(1);
        call.other_bytes += message.bytes().len() as u64;
        call.start_ns = call.start_ns.min(event.now_ns);
        self.figures.sip_messages += 1;
        let was_over = call.progress.state.is_over();
        if call.is_seen(fingerprint) {
            call.retransmissions = call.retransmissions.saturating_add(1);
            self.figures.retransmissions += 1;
            return self.settle(slot, was_over, event.now_ns);
        }
        if is_first {
            call.caller = event.from_tag;
            call.hosts = hosts_of(passage);
            if call.progress.state == State::RtpOnly {
                call.progress.state = State::New;
            }
        }
        call.progress.observe(event);
        call.note_parties(message, event);
        let (mut descriptions, mut described) = ([&b""[..]; MOST_DESCRIPTIONS], 0);
        message.session_descriptions(&mut |text| {
            if let Some(place) = descriptions.get_mut(described) {
                *place = text;
                described += 1;
            }
        });
        let mut descriptions = descriptions.get(..described).unwrap_or_default();
        let has_description = !descriptions.is_empty();
        let is_reported = call.is_reported;
        if is_reported {
            let omitted = call.ladder.omitted();
            call.ladder.push(message, passage, has_description, bounds, &mut self.room);
            self.figures.messages_omitted += u64::from(call.ladder.omitted() - omitted);
        }
        let is_answer = event.status.is_some_and(|status| status >= 200);
        if let Some(offer) = call.offer.filter(|_| is_answer) {
            self.settle_offer(slot, offer, passage, event);
        }
        self.settle(slot, was_over, event.now_ns);
        if event.method == Method::Invite {
            let begins = is_first && event.is_initial_invite();
            let first = descriptions.first().filter(|_| begins).map(|text| Description::parse(text));
            if is_reported {
                self.correlate(slot, message, first.as_ref().map(Description::origin), passage, begins);
            }
            if let Some(first) = &first {
                self.learn(slot, first, passage, event, ended);
                descriptions = descriptions.get(1..).unwrap_or_default();
            }
        }
        for text in descriptions {
            self.learn(slot, &Description::parse(text), passage, event, ended);
        }
    }

    #[inline(never)]
    fn event_of(&self, message: &Message<'_>, now_ns: i64) -> Event {
        let (status, method) = (message.status(), message.transaction_method());
        Event {
            method: if status.is_some() { Method::of_cseq(method) } else { Method::of(method) },
            status,
            cseq: message.cseq().map_or(0, |(number, _)| number),
            branch: self.text_hash(message.top_via_branch()),
            from_tag: self.text_hash(message.from().tag),
            to_tag: self.text_hash(message.to().tag),
            now_ns,
        }
    }

    /// 0 for no text, and for no other.
    fn text_hash(&self, text: &[u8]) -> u32 {
        if text.is_empty() { 0 } else { self.hash(text) }
    }

    /// By what a message differs from every other one of its call that is no copy of it on the same way.
    #[inline(never)]
    fn fingerprint(&self, message: &Message<'_>, passage: &Passage, event: &Event) -> u32 {
        let mut hasher = MixHasher::with_seed(self.limits.seed);
        let tags = u64::from(event.from_tag) << 32 | u64::from(event.to_tag);
        let ports = u64::from(passage.source_port) << 16 | u64::from(passage.destination_port);
        hasher.write_u64(tags);
        hasher.write_u64(u64::from(event.branch) << 32 | u64::from(event.cseq));
        hasher.write_u64(ports << 32 | u64::from(event.status.unwrap_or(0)) << 16 | event.method as u64);
        hasher.write_u64(route(&passage.source, &passage.destination) ^ message.bytes().len() as u64);
        if message.status().is_some_and(|status| status < 200) {
            // A second description in a provisional response may be another one of the same length.
            hasher.write(message.body());
        }
        if event.method == Method::Other {
            hasher.write(message.transaction_method());
        }
        ((hasher.finish() >> 32) as u32).max(1)
    }

    /// Who announces something on which way. Servers on the way may announce other endpoints under the same tags, so each
    /// stretch of it is a side of its own.
    fn side(&self, party: u32, from: &Address, to: &Address) -> u32 {
        let mut hasher = MixHasher::with_seed(self.limits.seed);
        hasher.write_u64(u64::from(party));
        hasher.write_u64(route(from, to));
        ((hasher.finish() >> 32) as u32).max(1)
    }

    /// Accepts or rejects an offer if the response is the one to it.
    #[inline(never)]
    fn settle_offer(&mut self, slot: u32, (side, cseq): (u32, u32), passage: &Passage, event: &Event) {
        let responded = self.side(event.from_tag, &passage.destination, &passage.source);
        let is_it = event.cseq == cseq && matches!(event.method, Method::Invite | Method::InDialog);
        let Some(call) = self.calls.get_mut(slot as usize).filter(|_| is_it && responded == side) else {
            return;
        };
        call.offer = None;
        let expires_ns = event.now_ns.saturating_add(self.limits.replaced_ns);
        if matches!(event.status, Some(200..300)) {
            self.endpoints.accept_offer(&call.announced, side, expires_ns);
        } else {
            self.endpoints.reject_offer(&call.announced, side, expires_ns);
        }
    }

    /// Learns endpoints and formats from a description.
    #[inline(never)]
    fn learn(
        &mut self,
        slot: u32,
        description: &Description<'_>,
        passage: &Passage,
        event: &Event,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) {
        let Some(call) = self.calls.get(slot as usize).filter(|call| !call.progress.state.is_over()) else {
            return;
        };
        let is_request = event.status.is_none();
        let party = if is_request { event.from_tag } else { event.to_tag };
        let side = self.side(party, &passage.source, &passage.destination);
        // A re-INVITE or UPDATE may be rejected, and then changes nothing (RFC 3261 section 14.1).
        let is_offer =
            is_request && event.to_tag != 0 && matches!(event.method, Method::Invite | Method::InDialog);
        let is_wanted = call.is_wanted;
        let (scope, now_ns) = (passage.scope, event.now_ns);
        let announcing =
            Announcing { call: slot, side, party, is_wanted, is_offer, scope, is_apart: false, now_ns };
        let mut announced = call.announced;
        let mut rtp_only = NO_RTP_ONLY;
        self.endpoints.begin_description(&announced);
        self.endpoints.know_scope(scope);
        let omitted = description.for_each_endpoint(&mut |endpoint| {
            if endpoint.is_tcp {
                return;
            }
            let socket = Socket::new(&endpoint.address, endpoint.port);
            let what = (endpoint.section, endpoint.carries, endpoint.is_fallback);
            let mut result = self.endpoints.announce(&mut announced, &announcing, &socket, what);
            if result == AnnouncementResult::Full && self.make_room_for_endpoints(slot, ended) {
                result = self.endpoints.announce(&mut announced, &announcing, &socket, what);
            }
            match result {
                AnnouncementResult::Known | AnnouncementResult::Made => {}
                AnnouncementResult::Refused | AnnouncementResult::Full => {
                    self.figures.endpoints_omitted += u64::from(!endpoint.is_fallback)
                }
                AnnouncementResult::Shared => {
                    self.figures.shared_endpoints += u64::from(!self.is_elsewhere);
                    if let Some(at) = self.endpoints.find(&socket, event.now_ns) {
                        self.note_rtp_only(at, slot, passage, &mut rtp_only);
                    }
                }
            }
        });
        self.figures.endpoints_omitted += u64::from(omitted);
        let expires_ns = event.now_ns.saturating_add(self.limits.replaced_ns);
        self.endpoints.end_description(&announced, &announcing, expires_ns);
        let Some(call) = self.calls.get_mut(slot as usize) else { return };
        call.announced = announced;
        if is_offer {
            call.offer = Some((side, event.cseq));
        }
        if call.is_reported {
            let mut without_room = 0;
            description.for_each_format(&mut |section, format| {
                without_room += u64::from(!call.formats.set(party, section, &format));
            });
            self.figures.formats_omitted += without_room;
            for stream in &mut call.streams {
                stream.renew_codec(&call.formats);
            }
        }
        for from in rtp_only.into_iter().filter(|from| *from != NONE) {
            self.merge(from, slot, ended);
        }
    }
}

/// Sender and receiver, whichever is which.
pub(super) fn hosts_of(passage: &Passage) -> u64 {
    let Passage { source, destination, .. } = passage;
    route(source, destination).wrapping_add(route(destination, source))
}

/// Sender and receiver, as far as one number tells them apart.
fn route(from: &Address, to: &Address) -> u64 {
    let ([a, b], [c, d]) = (from.words(), to.words());
    a ^ b.rotate_left(17) ^ c.rotate_left(32) ^ d.rotate_left(49)
}

impl<T> Call<T> {
    /// Whether a message with that fingerprint is among the latest ones; from now on it is.
    fn is_seen(&mut self, fingerprint: u32) -> bool {
        let is_seen = self.fingerprints.contains(&fingerprint);
        if !is_seen {
            if let Some(place) = self.fingerprints.get_mut(usize::from(self.next_fingerprint)) {
                *place = fingerprint;
            }
            self.next_fingerprint = (self.next_fingerprint + 1) % FINGERPRINTS as u8;
        }
        is_seen
    }

    /// Notes who calls whom, as far as it is not known.
    #[inline(never)]
    fn note_parties(&mut self, message: &Message<'_>, event: &Event) {
        let is_answer = event.method == Method::Invite && matches!(event.status, Some(200..300));
        let has_tags = !self.texts.get(Text::ToTag).is_empty()
            && (!is_answer || self.progress.answer_ns != Some(event.now_ns));
        if !self.texts.get(Text::FromUri).is_empty() && (has_tags || !self.is_reported) {
            return;
        }
        // In a dialog either side may be the one that sends.
        let (caller, called) = if event.from_tag == self.caller {
            (message.from(), message.to())
        } else if event.to_tag == self.caller {
            (message.to(), message.from())
        } else {
            return;
        };
        let texts = &mut self.texts;
        for (address, uri, user, tag) in [
            (caller, Text::FromUri, Text::FromUser, Text::FromTag),
            (called, Text::ToUri, Text::ToUser, Text::ToTag),
        ] {
            if texts.get(uri).is_empty() {
                texts.set_with(uri, |out| unfolded(address.uri).for_each(|part| append(out, part)));
                if self.is_reported {
                    put_user(texts, user, address.uri);
                }
            }
            if self.is_reported && !address.tag.is_empty() && !equal(texts.get(tag), address.tag) {
                texts.set(tag, address.tag);
            }
        }
    }
}

fn put_user(texts: &mut Texts, text: Text, uri: &[u8]) {
    match Uri::user_of(uri) {
        Some(user) if user.contains(&b'%') => {
            texts.set_with(text, |out| out.extend(decoded(user).take(256)));
        }
        Some(user) => texts.set(text, user.get(..256).unwrap_or(user)),
        None => {}
    }
}

//! What the engines of several capture threads tell each other of calls. The kernel spreads flows over the threads, so the media
//! of a call come to another one than its signalling: each engine tells the others the messages of calls that it reads, which calls
//! filters ask for, which streams have no signalling, and which calls have media. What is heard changes what is known of calls: it
//! is no packet, and the call is counted where it began.
//!
//! A record has the length of the rest (32 bits), a byte for what it is, and its fields; numbers are little endian.

use super::Voip;
use super::ahead::{Ahead, Waiting};
use super::judgement::Judgement;
use crate::call::{CallKey, Passage};
use crate::engine::arrival::Frame;
use crate::engine::{Engine, Input, Protocol};
use crate::net::{self, Address, Packet};
use crate::rtp::candidates::Endpoints;
use crate::sip::message::Message;

/// The others hear this often that a call has media here, nanoseconds of packet time: more often than any call becomes idle.
const ALIVE_NS: i64 = 20_000_000_000;

// What a record is.
const MESSAGE: u8 = 1;
const VERDICT: u8 = 2;
const STREAM: u8 = 3;
const ALIVE: u8 = 4;

/// The sharing engine's own.
pub(in crate::engine) struct Sharing {
    told: Vec<u8>,
    /// Of two engines that saw a call begin at the same time, the one of the lower number counts it.
    number: u64,
    /// When it was told last which calls have media.
    told_alive_ns: i64,
    ahead: Ahead,
}

impl Sharing {
    pub(super) fn new(number: u64) -> Box<Self> {
        Box::new(Self { told: Vec::new(), number, told_alive_ns: i64::MIN, ahead: Ahead::default() })
    }

    fn tell(&mut self, what: u8, put: impl FnOnce(&mut Vec<u8>)) {
        let start = self.told.len();
        self.told.extend_from_slice(&[0, 0, 0, 0, what]);
        put(&mut self.told);
        let length = (self.told.len() - start - 4) as u32;
        if let Some(field) = self.told.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }
}

impl Voip {
    /// Tells a message of a call.
    #[inline]
    pub(super) fn tell_message(&mut self, key: CallKey, passage: &Passage, bytes: &[u8]) {
        let Self { sharing: Some(sharing), calls, .. } = self else { return };
        let begun_ns = calls.get(key).and_then(|call| call.begun_here_ns());
        let number = sharing.number;
        sharing.tell(MESSAGE, |out| {
            out.extend_from_slice(&begun_ns.unwrap_or(i64::MAX).to_le_bytes());
            out.extend_from_slice(&number.to_le_bytes());
            put_passage(passage, out);
            out.extend_from_slice(bytes);
        });
    }

    /// Tells that a call goes out, and which filters it has matched.
    pub(super) fn tell_verdict(&mut self, key: CallKey) {
        let Self { sharing: Some(sharing), calls, .. } = self else { return };
        let Some(call) = calls.get(key) else { return };
        sharing.tell(VERDICT, |out| {
            put_text(call.id(), out);
            for (id, key) in call.data.ids.ids.iter().zip(&call.data.keys) {
                out.extend_from_slice(&key.to_le_bytes());
                put_text(id.as_bytes(), out);
            }
        });
    }

    /// Tells a stream that has no signalling: its RTCP may come to another engine.
    pub(super) fn tell_stream(&mut self, ssrc: u32, passage: &Passage) {
        let Some(sharing) = &mut self.sharing else { return };
        sharing.tell(STREAM, |out| {
            out.extend_from_slice(&ssrc.to_le_bytes());
            put_passage(passage, out);
        });
    }

    /// Tells now and then which calls have media: signalling alone does not show that they live.
    #[cold]
    pub(super) fn tell_alive(&mut self, now_ns: i64) {
        let Self { sharing: Some(sharing), calls, .. } = self else { return };
        let since_ns = sharing.told_alive_ns;
        if now_ns < since_ns.saturating_add(ALIVE_NS) {
            return;
        }
        sharing.told_alive_ns = now_ns;
        calls.for_each(&mut |_, call| {
            let media_ns = call.last_media_ns();
            if media_ns > since_ns && !call.state().is_over() {
                sharing.tell(ALIVE, |out| {
                    out.extend_from_slice(&media_ns.to_le_bytes());
                    out.extend_from_slice(call.id());
                });
            }
        });
    }

    /// Keeps a datagram of no call for as long as signalling may be on its way here; how many are given up.
    pub(super) fn keep_ahead(&mut self, frame: &Frame, packet: &Packet, endpoints: &Endpoints) -> u64 {
        let Self { sharing: Some(sharing), media, .. } = self else { return 1 };
        if !Ahead::may_be_media(packet.payload) {
            return 1;
        }
        let Some(place) = media.put(&frame.as_held()) else { return 1 };
        media.keep_tunnels(Some(place), packet);
        let timestamp_ns = frame.timestamp_ns;
        sharing.ahead.wait(Waiting { endpoints: *endpoints, timestamp_ns, place: Some(place) })
    }

    /// The same for those that wait between these ends until their stream has shown that it is one.
    #[inline]
    pub(super) fn keep_those_ahead(&mut self, endpoints: &Endpoints, timestamp_ns: i64) -> u64 {
        let waiting = Waiting { endpoints: *endpoints, timestamp_ns, place: None };
        self.sharing.as_mut().map_or(0, |sharing| sharing.ahead.wait(waiting))
    }

    /// Gives up datagrams for which no signalling has come; how many.
    pub(super) fn give_up_ahead(&mut self, now_ns: i64) -> u64 {
        self.sharing.as_mut().map_or(0, |sharing| sharing.ahead.give_up(now_ns))
    }
}

impl Engine {
    /// What is to be told to the engines of the other threads; [`forget_told`](Self::forget_told) it then.
    pub fn told(&self) -> &[u8] {
        self.voip.as_ref().and_then(|voip| voip.sharing.as_ref()).map_or(&[], |sharing| &sharing.told)
    }

    /// It has been told.
    pub fn forget_told(&mut self) {
        if let Some(sharing) = self.voip.as_mut().and_then(|voip| voip.sharing.as_mut()) {
            sharing.told.clear();
        }
    }

    /// Takes in what the engine of another thread has [told](Self::told). What is no record ends it.
    pub fn hear(&mut self, told: &[u8]) {
        if self.options.protocol != Protocol::Voip {
            return;
        }
        let Some(mut voip) = self.voip.take_if(|voip| voip.sharing.is_some()) else { return };
        let inputs = std::mem::take(&mut self.inputs);
        let mut announced_ns = None;
        let mut rest = Fields(told);
        while let Some(record) = rest.u32().and_then(|length| rest.bytes(length as usize)) {
            let time_ns = self.hear_record(&mut voip, Fields(record), &inputs);
            announced_ns = [announced_ns, time_ns].into_iter().flatten().min();
        }
        if let Some(since_ns) = announced_ns {
            self.take_those_ahead(&mut voip, since_ns, &inputs);
        }
        self.count_endings(&mut voip, &inputs);
        self.voip = Some(voip);
        self.inputs = inputs;
        self.close_piece();
    }

    /// The time of a record that may announce endpoints.
    fn hear_record(&mut self, voip: &mut Voip, mut fields: Fields, inputs: &[Input]) -> Option<i64> {
        match fields.u8()? {
            MESSAGE => {
                let (begun_ns, number, passage) = (fields.i64()?, fields.u64()?, fields.passage()?);
                self.hear_message(voip, (begun_ns, number), &passage, fields.0, inputs)
                    .then_some(passage.timestamp_ns)
            }
            VERDICT => {
                self.hear_verdict(voip, fields, inputs);
                None
            }
            STREAM => {
                let (ssrc, passage) = (fields.u32()?, fields.passage()?);
                let Voip { calls, endings, .. } = voip;
                calls.begin_rtp_only_elsewhere(ssrc, &passage, &mut |call| endings.end(call));
                Some(passage.timestamp_ns)
            }
            ALIVE => {
                let now_ns = fields.i64()?;
                if let Some(key) = voip.calls.find(fields.0) {
                    voip.calls.note_alive(key, now_ns);
                }
                None
            }
            _ => None,
        }
    }

    /// `begun`: when the call began at the other engine, and that one's number. Whether it may announce endpoints.
    fn hear_message(
        &mut self,
        voip: &mut Voip,
        begun: (i64, u64),
        passage: &Passage,
        bytes: &[u8],
        inputs: &[Input],
    ) -> bool {
        let mut message = Message::unread();
        if message.read(bytes).is_err() {
            return false;
        }
        let Voip { calls, endings, .. } = &mut *voip;
        // A Call-ID may be used again.
        calls.expire(passage.timestamp_ns, &mut |call| endings.end(call));
        let key = calls.observe_sip_elsewhere(&message, passage, &mut |call| endings.end(call));
        while let Some((heir, left)) = voip.take_heirs() {
            self.inherit(voip, heir, left, inputs);
        }
        let Some(key) = key else { return false };
        let number = voip.sharing.as_ref().map_or(0, |sharing| sharing.number);
        let begun_here_ns = voip.calls.get(key).and_then(|call| call.begun_here_ns());
        if begun_here_ns.is_some_and(|begun_ns| begun < (begun_ns, number)) {
            // Both saw it begin.
            voip.calls.leave_to_another(key);
            voip.endings.merged += 1;
        }
        !message.body().is_empty()
    }

    fn hear_verdict(&mut self, voip: &mut Voip, mut fields: Fields, inputs: &[Input]) {
        let Some(key) = fields.text().and_then(|id| voip.calls.find(id)) else { return };
        let in_force = voip.filters;
        let Some(call) = voip.calls.get_mut(key) else { return };
        if !call.data.is_matched(&self.filters, in_force) {
            let Judgement { is_matched, filters, ids, keys, .. } = &mut call.data;
            (*is_matched, *filters) = (true, in_force);
            ids.change().clear();
            keys.clear();
        }
        // A filter that is not in force here has not come yet, or is gone: the next change of filters says which.
        while let (Some(key), Some(Ok(id))) = (fields.u64(), fields.text().map(str::from_utf8)) {
            call.data.add_id(self.filters.id_in_force(id, key).unwrap_or(id), key);
        }
        voip.calls.set_wanted(key, true);
        self.emit_waiting(voip, key, inputs);
    }

    /// Datagrams whose signalling has been heard of now go with it, but for those that came before it, which are not kept where one engine
    /// sees all either.
    fn take_those_ahead(&mut self, voip: &mut Voip, since_ns: i64, inputs: &[Input]) {
        let Voip { sharing: Some(sharing), calls, .. } = &mut *voip else { return };
        let known = sharing
            .ahead
            .take_if(|waiting| waiting.timestamp_ns >= since_ns && calls.knows(&passage_of(waiting)));
        for waiting in known {
            match waiting.place {
                Some(place) => self.take_ahead(voip, place, since_ns, waiting.endpoints.scope, inputs),
                None => {
                    let places: Vec<_> = voip.probation.end(&waiting.endpoints).collect();
                    for place in places {
                        self.take_ahead(voip, place, since_ns, waiting.endpoints.scope, inputs);
                    }
                }
            }
        }
    }

    fn take_ahead(&mut self, voip: &mut Voip, place: u64, since_ns: i64, scope: u32, inputs: &[Input]) {
        let Voip { media, calls, .. } = voip;
        let held = media.get(place).filter(|held| held.timestamp_ns >= since_ns);
        let media = held.and_then(|held| {
            let packet = net::decode_record(held.link_type, held.frame, held.original_length);
            let passage = Passage { scope, ..super::passage_of(&packet, held.timestamp_ns) };
            calls.observe_media(packet.payload, &passage)
        });
        match media {
            Some(media) => self.join(voip, media.call, Vec::new(), vec![place], inputs),
            None => self.counters.rejected_by_mode += 1,
        }
    }
}

fn passage_of(waiting: &Waiting) -> Passage {
    let Endpoints { source, source_port, destination, destination_port, scope } = waiting.endpoints;
    let timestamp_ns = waiting.timestamp_ns;
    Passage { timestamp_ns, source, source_port, destination, destination_port, is_tcp: false, scope }
}

fn put_passage(passage: &Passage, out: &mut Vec<u8>) {
    let Passage { timestamp_ns, source, source_port, destination, destination_port, is_tcp, scope } = passage;
    out.extend_from_slice(&timestamp_ns.to_le_bytes());
    out.extend_from_slice(&scope.to_le_bytes());
    out.push(u8::from(*is_tcp));
    for (address, port) in [(source, source_port), (destination, destination_port)] {
        out.extend_from_slice(&port.to_le_bytes());
        out.push(address.version());
        out.extend_from_slice(address.octets());
    }
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

/// The fields of a record that are left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(length as usize)
    }

    fn endpoint(&mut self) -> Option<(Address, u16)> {
        let port = self.array().map(u16::from_le_bytes)?;
        let address = match self.u8()? {
            4 => Address::v4(self.array()?),
            _ => Address::v6(self.array()?),
        };
        Some((address, port))
    }

    fn passage(&mut self) -> Option<Passage> {
        let (timestamp_ns, scope, is_tcp) = (self.i64()?, self.u32()?, self.u8()? != 0);
        let ((source, source_port), (destination, destination_port)) = (self.endpoint()?, self.endpoint()?);
        Some(Passage { timestamp_ns, source, source_port, destination, destination_port, is_tcp, scope })
    }
}

//! What the engines of several capture threads tell each other of calls. The kernel spreads flows over the threads, so the media
//! of a call come to another one than its signalling: each engine tells the others the messages of calls that it reads, which calls
//! filters ask for, which streams have no signalling, and which calls have media. What is heard changes what is known of calls: it
//! is no packet, and the call is counted where it began.
//!
//! A record has the length of the rest (32 bits), a byte for what it is, and its fields; numbers are little endian.

use super::Voip;
use super::ahead::Ahead;
use super::judgement::Judgement;
use crate::call::{CallKey, Media, MediaKind, Passage};
use crate::engine::{Engine, Input, Protocol};
use crate::net::Address;
use crate::rtp::Header;
use crate::sip::message::Message;

/// Packet time between two looks at what waits for signalling, nanoseconds, where much does: it is heard of often, and each look is
/// at all that waits.
const LOOK_NS: i64 = 5_000_000;
/// So many datagrams are much.
const MUCH: usize = 256;
/// The others hear this often that a call has media here, nanoseconds of packet time: more often than any call becomes idle.
const ALIVE_NS: i64 = 20_000_000_000;

// What a record is.
const MESSAGE: u8 = 1;
const VERDICT: u8 = 2;
const RTP_ONLY: u8 = 3;
const STREAM: u8 = 4;
const ALIVE: u8 = 5;

/// The sharing engine's own.
pub(in crate::engine) struct Sharing {
    told: Vec<u8>,
    /// Of two engines that saw a call begin at the same time, the one of the lower number counts it.
    number: u64,
    /// When it was told last which calls have media.
    told_alive_ns: i64,
    pub(super) ahead: Ahead,
    /// Version of the filters in force.
    filters: u64,
    /// The earliest time of what has been heard since it was last looked for datagrams that waited for it, and when that was.
    pub(super) announced_ns: Option<i64>,
    pub(super) looked_ns: i64,
    /// Datagrams wait for signalling that is underway.
    pub(super) awaits: bool,
}

impl Sharing {
    pub(super) fn new(number: u64) -> Box<Self> {
        Box::new(Self {
            told: Vec::new(),
            number,
            told_alive_ns: 0,
            ahead: Ahead::new(),
            filters: 0,
            announced_ns: None,
            looked_ns: i64::MIN,
            awaits: true,
        })
    }

    fn may_look(&self, now_ns: i64) -> bool {
        self.ahead.len() < MUCH || now_ns.saturating_sub(self.looked_ns) >= LOOK_NS
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
    #[inline]
    pub(super) fn awaits_signalling(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.awaits)
    }

    /// Whether something has waited for long enough at that time.
    #[inline]
    pub(super) fn has_waited(&self, now_ns: i64) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.ahead.is_due(now_ns))
    }

    /// Other filters are in force from now on.
    pub(in crate::engine) fn note_filters(&mut self, version: u64) {
        if let Some(sharing) = &mut self.sharing {
            sharing.filters = version;
        }
    }

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
        let filters = sharing.filters;
        sharing.tell(VERDICT, |out| {
            out.extend_from_slice(&filters.to_le_bytes());
            put_text(call.id(), out);
            for (id, key) in call.data.ids.ids.iter().zip(&call.data.keys) {
                out.extend_from_slice(&key.to_le_bytes());
                put_text(id.as_bytes(), out);
            }
        });
    }

    /// Tells a stream that has no signalling: its RTCP may come to another engine.
    pub(super) fn tell_rtp_only(&mut self, ssrc: u32, passage: &Passage) {
        let Some(sharing) = &mut self.sharing else { return };
        sharing.tell(RTP_ONLY, |out| {
            out.extend_from_slice(&ssrc.to_le_bytes());
            put_passage(passage, out);
        });
    }

    /// Counts a UDP packet of a call, and tells its stream if it is a new one: by their streams, calls are told apart that
    /// share endpoints.
    #[inline]
    pub(super) fn observe_media(&mut self, payload: &[u8], passage: &Passage) -> Option<Media> {
        let streams = self.calls.streams_begun();
        let media = self.calls.observe_media(payload, passage);
        if self.calls.streams_begun() != streams
            && let Some(Media { call, kind: MediaKind::Rtp(header) }) = &media
        {
            self.tell_stream(*call, header, passage);
        }
        media
    }

    #[cold]
    fn tell_stream(&mut self, key: CallKey, header: &Header, passage: &Passage) {
        let Self { sharing: Some(sharing), calls, .. } = self else { return };
        let Some(call) = calls.get(key) else { return };
        sharing.tell(STREAM, |out| {
            out.extend_from_slice(&header.ssrc.to_le_bytes());
            out.push(header.payload_type);
            put_passage(passage, out);
            out.extend_from_slice(call.id());
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
        let mut rest = Fields(told);
        while let Some(record) = rest.u32().and_then(|length| rest.bytes(length as usize)) {
            let time_ns = self.hear_record(&mut voip, Fields(record), &inputs);
            if let Some(sharing) = &mut voip.sharing {
                sharing.announced_ns = [sharing.announced_ns, time_ns].into_iter().flatten().min();
            }
        }
        let now_ns = voip.newest_ns;
        if voip.sharing.as_ref().is_some_and(|sharing| sharing.may_look(now_ns)) {
            self.take_announced(&mut voip, &inputs);
        }
        self.give_up_waiting(&mut voip, now_ns, &inputs);
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
            RTP_ONLY => {
                let (ssrc, passage) = (fields.u32()?, fields.passage()?);
                self.expire_heard(voip, passage.timestamp_ns, inputs);
                let Voip { calls, endings, .. } = voip;
                calls.begin_rtp_only_elsewhere(ssrc, &passage, &mut |call| endings.end(call));
                Some(passage.timestamp_ns)
            }
            STREAM => {
                let (ssrc, payload_type, passage) = (fields.u32()?, fields.u8()?, fields.passage()?);
                if let Some(key) = voip.calls.find(fields.0) {
                    voip.calls.begin_stream_elsewhere(key, ssrc, payload_type, &passage);
                }
                None
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
        self.expire_heard(voip, passage.timestamp_ns, inputs);
        let Voip { calls, endings, .. } = &mut *voip;
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

    /// What is over must not be taken for what begins: a Call-ID may be used again.
    fn expire_heard(&mut self, voip: &mut Voip, now_ns: i64, inputs: &[Input]) {
        self.give_up_waiting(voip, now_ns, inputs);
        let Voip { calls, endings, .. } = voip;
        calls.expire(now_ns, &mut |call| endings.end(call));
    }

    fn hear_verdict(&mut self, voip: &mut Voip, mut fields: Fields, inputs: &[Input]) {
        let (Some(version), Some(call_id)) = (fields.u64(), fields.text()) else { return };
        let Some(key) = voip.calls.find(call_id) else { return };
        // What is not in force here is gone, unless it has not come yet: then the next change of filters is of it.
        let is_to_come = voip.sharing.as_ref().is_some_and(|sharing| version > sharing.filters);
        let in_force = voip.filters;
        let Some(call) = voip.calls.get_mut(key) else { return };
        let mut told = Vec::new();
        while let (Some(key), Some(Ok(id))) = (fields.u64(), fields.text().map(str::from_utf8)) {
            told.push((self.filters.id_in_force(id, key), id, key));
        }
        let is_by_policy = told.is_empty() && self.filters.passes_without_filters();
        if !is_to_come && !is_by_policy && told.iter().all(|(known, ..)| known.is_none()) {
            return;
        }
        if !call.data.is_matched(&self.filters, in_force) {
            let Judgement { is_matched, filters, ids, keys, .. } = &mut call.data;
            (*is_matched, *filters) = (true, in_force);
            ids.change().clear();
            keys.clear();
        }
        for (known, id, key) in told {
            if let Some(id) = known.or(is_to_come.then_some(id)) {
                call.data.add_id(id, key);
            }
        }
        voip.calls.set_wanted(key, true);
        self.emit_waiting(voip, key, inputs);
    }
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

//! RTP packets of streams that have come by before: nearly all packets of calls, and little is left to do for them.
//!
//! This is a short cut, and changes no answer: what is not plain, and where something may begin, end or be decided, goes
//! the way of all packets ([`take_call_packet`](Engine::take_call_packet)).

use super::Voip;
use super::judgement::{Ids, Judgement};
use crate::call::{Ends, Notes};
use crate::detect::Facts;
use crate::engine::arrival::Frame;
use crate::engine::{Engine, Input, WIRE};
use crate::matching::contents::Content;
use crate::net::plain::{Plain, UDP_PAYLOAD_IN_IPV4, UDP_PAYLOAD_IN_IPV6};
use crate::net::{Packet, link_type, protocol};
use crate::record::Record;
use crate::rtp::Header;
use crate::wire::captured_packet::{self, MediaFields};
use crate::wire::encoder::{Encoder, Protobuf};
use crate::wire::metadata::{Metadata, encode};
use crate::wire::schema::captured_packet::MATCHED_FILTER_IDS;

/// Most bytes of what is kept encoded of a stream.
const MOST_WORDS: usize = 512;

impl Engine {
    /// Takes a packet of a stream that is known. False if it is none: nothing has happened then.
    #[inline(never)]
    pub(in crate::engine) fn take_known_media(
        &mut self,
        inputs: &[Input],
        input: u32,
        record: &Record,
    ) -> bool {
        let Some(is_kept) = self.known_media(inputs, input, record) else { return false };
        if is_kept {
            let Record { link_type, timestamp_ns, original_length, data, .. } = *record;
            self.count_kept_record(link_type, timestamp_ns, original_length, data);
        }
        true
    }

    /// Whether it is kept.
    #[inline(always)]
    fn known_media(&mut self, inputs: &[Input], input: u32, record: &Record) -> Option<bool> {
        let Self { voip, recognizer, rendered, filters, options, counters, .. } = self;
        let voip = voip.as_deref_mut()?;
        let now_ns = record.timestamp_ns;
        let captured = record.data.len() as u32;
        let is_ordinary = record.link_type == link_type::ETHERNET && captured <= record.original_length;
        if !voip.may_take_short_cut
            || !is_ordinary
            || !voip.is_quiet(now_ns)
            || voip.has_waited(now_ns)
            || self.esp.is_some()
            || options.limit != 0
            || !may_carry_rtp(record.data)
        {
            return None;
        }
        let packet = Plain::read(record.data)?;
        if packet.protocol != protocol::UDP {
            return None;
        }
        let header = Header::parse(packet.payload)?;
        let (version, source, destination) = packet.address_words();
        let Plain { source_port, destination_port, .. } = packet;
        let ends = Ends { version, source, source_port, destination, destination_port, scope: 0 };
        let (filters_in_force, label) = (voip.filters, voip.rtp);
        let Voip { calls, media, waited_ns, newest_ns, .. } = voip;
        let (call, number) = calls.known_stream(header.ssrc, &ends, now_ns)?;
        let Judgement { is_matched, filters: judged_by, ids, .. } = &call.data;
        let is_matched = *is_matched;
        if is_matched && *judged_by != filters_in_force {
            return None;
        }
        let may_pass = || filters.decides_all() == Some(true);
        if !is_matched && (filters.wants_addresses() || filters.wants(Content::Rtp) || may_pass()) {
            return None;
        }
        let is_sent = is_matched && options.outputs & WIRE != 0;
        let version = ids.version;
        let mut notes = &mut call.stream_mut(number)?.notes;
        if is_sent {
            if notes.version != version || notes.metadata_length == 0 {
                let words = std::mem::take(&mut notes.words);
                let (words, metadata_length) =
                    put_words(record.data, &packet, call.id(), &call.data.ids, words);
                notes = &mut call.stream_mut(number)?.notes;
                *notes = Notes { words, metadata_length, version, ..*notes };
            }
            if notes.words.is_empty() {
                return None;
            }
        }
        if !recognizer.count_media(&packet, captured, now_ns, label, &mut notes.flow) {
            return None;
        }
        (*waited_ns, *newest_ns) = (0, now_ns);
        call.count_packet(number, &header, packet.payload.len(), now_ns);
        let frame = Frame {
            data: record.data,
            link_type: record.link_type,
            original_length: record.original_length,
            timestamp_ns: now_ns,
            inputs,
            input,
            interface: record.interface,
            reassemblies: 0,
        };
        if is_sent {
            let (interface_index, interface_name) = frame.interface();
            let fields = captured_packet::Header {
                timestamp_ns: now_ns,
                capture_length: captured,
                original_length: record.original_length,
                interface_index,
                link_type: record.link_type,
                interface_name: interface_name.as_bytes(),
            };
            let words = call.streams().get(number).map(|stream| &stream.notes);
            let words = words.and_then(|notes| notes.words.split_at_checked(notes.metadata_length));
            let (metadata, ids) = words.unwrap_or_default();
            let fields = MediaFields::new(&fields, &header, metadata, ids);
            rendered.put_media(options, record.data, &fields);
        }
        if !is_matched {
            if call.state().is_over() {
                counters.rejected_by_filters += 1;
            } else {
                let Judgement { media: places, homeless, .. } = &mut call.data;
                media.hold(places, homeless, &frame.as_held());
            }
        }
        Some(is_matched)
    }
}

impl Voip {
    /// Whether nothing is to be done at that time but to take a packet.
    #[inline]
    fn is_quiet(&self, now_ns: i64) -> bool {
        now_ns >= self.newest_ns && !self.is_due(now_ns)
    }
}

/// Whether RTP may begin where the payload of a plain datagram does, by its version (RFC 3550 section 5.1): signalling is told
/// apart at a glance.
#[inline]
fn may_carry_rtp(frame: &[u8]) -> bool {
    [UDP_PAYLOAD_IN_IPV4, UDP_PAYLOAD_IN_IPV6]
        .into_iter()
        .any(|at| frame.get(at).is_some_and(|octet| octet >> 6 == 2))
}

/// Puts together what is said of each packet of a stream, in `words`; that, and how much of it belongs to the metadata.
/// Nothing where it is too much to be kept.
#[cold]
fn put_words(frame: &[u8], plain: &Plain, call_id: &[u8], ids: &Ids, mut words: Vec<u8>) -> (Vec<u8>, usize) {
    let mut packet = Packet::unread(frame);
    plain.put_into(&mut packet);
    let facts = Facts::default();
    let metadata = Metadata {
        packet: &packet,
        protocol: Some("RTP"),
        dns: None,
        call_id,
        message: None,
        rtp: None,
        facts: &facts,
    };
    words.clear();
    encode(&mut Protobuf(&mut words), &metadata);
    let metadata_length = words.len();
    Protobuf(&mut words).texts(&MATCHED_FILTER_IDS, ids.ids.iter().map(|id| &**id));
    (if words.len() <= MOST_WORDS { words } else { Vec::new() }, metadata_length)
}

#[cfg(test)]
mod tests;

//! RTP packets of streams that have come by before: nearly all packets of calls, and little is left to do for them.
//!
//! This is a short cut, and changes no answer: what is not plain, and where something may begin, end or be decided, goes
//! the way of all packets ([`take_call_packet`](Engine::take_call_packet)).

use super::Voip;
use super::judgement::{Ids, Judgement};
use crate::call::{Ends, Notes, scope_of_vlans};
use crate::detect::Facts;
use crate::engine::arrival::Frame;
use crate::engine::rendering::put_layers;
use crate::engine::{Engine, Input, WIRE};
use crate::matching::contents::Content;
use crate::net::plain::{self, LinkLayer, Plain};
use crate::net::{Packet, link_type, protocol};
use crate::record::Record;
use crate::rtp::Header;
use crate::wire::captured_packet::{self, MediaFields, MediaWords};
use crate::wire::encoder::{Encoder, Protobuf};
use crate::wire::metadata::{Metadata, encode};
use crate::wire::schema::captured_packet::MATCHED_FILTER_IDS;

/// Upper two bits of the first octet of RTP (RFC 3550 section 5.1): signalling is told apart at a glance.
const RTP_VERSION: u8 = 2;

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
        let is_kept = match plain::is_bare(record.link_type, record.data) {
            true => self.known_media::<true>(inputs, input, record),
            false => self.known_media_elsewhere(inputs, input, record),
        };
        let Some(is_kept) = is_kept else { return false };
        if is_kept {
            let Record { link_type, timestamp_ns, original_length, data, .. } = *record;
            self.count_kept_record(link_type, timestamp_ns, original_length, data);
        }
        true
    }

    /// [`known_media`](Self::known_media) in VLANs and behind other link layers. Apart, since frames without a tag lose a
    /// tenth of their speed where both are read in one place.
    #[inline(never)]
    fn known_media_elsewhere(&mut self, inputs: &[Input], input: u32, record: &Record) -> Option<bool> {
        self.known_media::<false>(inputs, input, record)
    }

    /// Whether it is kept.
    #[inline(always)]
    fn known_media<const IS_BARE: bool>(
        &mut self,
        inputs: &[Input],
        input: u32,
        record: &Record,
    ) -> Option<bool> {
        let Self { voip, recognizer, rendered, filters, options, counters, .. } = self;
        let voip = voip.as_deref_mut()?;
        let now_ns = record.timestamp_ns;
        let captured = record.data.len() as u32;
        // A constant for Ethernet, so that its branches are none.
        let link_type = if IS_BARE { link_type::ETHERNET } else { record.link_type };
        // All others go to a processor as they are.
        let is_ordinary = link_type != link_type::LINUX_SLL2 && captured <= record.original_length;
        if !voip.may_take_short_cut
            || !is_ordinary
            || !voip.is_quiet(now_ns)
            || voip.has_waited(now_ns)
            || self.esp.is_some()
            || options.limit != 0
        {
            return None;
        }
        let link_layer = if IS_BARE { None } else { Some(LinkLayer::read(link_type, record.data)?) };
        let link_length = link_layer.as_ref().map_or(plain::BARE_LENGTH, |link_layer| link_layer.length);
        if !plain::may_begin_with(RTP_VERSION, link_length, record.data) {
            return None;
        }
        let packet = match link_layer {
            None => Plain::read_bare(record.data)?,
            Some(link_layer) => Plain::read_behind(link_layer)?,
        };
        if packet.protocol != protocol::UDP {
            return None;
        }
        let header = Header::parse(packet.payload)?;
        let (version, source, destination) = packet.address_words();
        let Plain { source_port, destination_port, .. } = packet;
        let ends = Ends {
            version,
            source,
            source_port,
            destination,
            destination_port,
            scope: scope_of_vlans(packet.vlans.as_slice()),
        };
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
            if notes.version != version || notes.vlans != packet.vlans || notes.before_length == 0 {
                let notes_before = std::mem::take(notes);
                let words = put_words(record.data, &packet, call.id(), &call.data.ids, notes_before);
                notes = &mut call.stream_mut(number)?.notes;
                *notes = words;
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
            let words = call.streams().get(number).and_then(|stream| words_of(&stream.notes));
            let fields = MediaFields::new(&fields, &header, words.unwrap_or_default());
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

/// Puts together what is said of each packet of a stream like this one, in its notes; no words where it is too much to be
/// kept.
#[cold]
fn put_words(frame: &[u8], plain: &Plain, call_id: &[u8], ids: &Ids, notes: Notes) -> Notes {
    let mut packet = Packet::unread(frame);
    plain.put_into(&mut packet);
    let mut words = notes.words;
    let mut facts = Facts::default();
    let mut put_metadata = |facts: &Facts| {
        let (protocol, rtp) = (Some("RTP"), None);
        let metadata = Metadata { packet: &packet, protocol, dns: None, call_id, message: None, rtp, facts };
        words.clear();
        encode(&mut Protobuf(&mut words), &metadata);
        words.len()
    };
    // What details say comes last.
    let before = put_metadata(&facts);
    put_layers(&packet, &mut facts);
    let behind = put_metadata(&facts) - before;
    Protobuf(&mut words).texts(&MATCHED_FILTER_IDS, ids.ids.iter().map(|id| &**id));
    if words.len() > MOST_WORDS {
        words = Vec::new();
    }
    let length = |length| u16::try_from(length).unwrap_or(u16::MAX);
    Notes {
        words,
        before_length: length(before),
        behind_length: length(behind),
        vlans: plain.vlans,
        version: ids.version,
        ..notes
    }
}

/// The words of a stream in their parts.
#[inline]
fn words_of(notes: &Notes) -> Option<MediaWords<'_>> {
    let (before, rest) = notes.words.split_at_checked(notes.before_length.into())?;
    let (behind, ids) = rest.split_at_checked(notes.behind_length.into())?;
    Some(MediaWords { before, behind, ids })
}

#[cfg(test)]
mod tests;

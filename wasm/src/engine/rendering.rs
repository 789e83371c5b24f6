//! What the engine writes: packets into the outputs that were asked for.

use super::recognition::Arrival;
use super::{Engine, JSON, Options, Scratch, TEXT, WIRE, hash_of};
use crate::detect::Facts;
use crate::net::{self, Packet, capture_header, cooked, link_type};
use crate::record::write;
use crate::rtp;
use crate::short::append;
use crate::sip::message::Message;
use crate::wire::captured_packet::{Header, MediaFields, put_batch_element, put_fields};
use crate::wire::encoder::Protobuf;
use crate::wire::metadata::{self, Metadata};
use crate::wire::packet_batch::ReceivedPacket;
use crate::wire::{json, protobuf, text};

/// What is known of a packet by its call.
#[derive(Clone, Copy, Default)]
pub(super) struct Said<'a> {
    /// Call-ID of the call that it belongs to; not needed for a message, which has its own.
    pub(super) call_id: &'a [u8],
    /// The message that it is.
    pub(super) message: Option<&'a Message<'a>>,
    /// Its RTP header.
    pub(super) rtp: Option<&'a rtp::packet::Header>,
    /// The filters that its call matched, beside those that it matched itself.
    pub(super) ids: &'a [Box<str>],
}

/// What a packet carries beyond what its flow is known by.
// Lives on the stack, for one packet.
#[expect(clippy::large_enum_variant)]
pub(super) enum Content<'a> {
    Message(Message<'a>),
    Rtp(rtp::packet::Header),
    Other,
}

impl<'a> Content<'a> {
    /// What the payload of a packet of that protocol has.
    pub(super) fn of(protocol: Option<&str>, payload: &'a [u8]) -> Self {
        match protocol {
            Some("SIP") => Message::parse(payload).map_or(Self::Other, Self::Message),
            Some("RTP") => rtp::packet::Header::parse(payload).map_or(Self::Other, Self::Rtp),
            _ => Self::Other,
        }
    }

    pub(super) fn said(&self) -> Said<'_> {
        match self {
            Self::Message(message) => Said { message: Some(message), ..Said::default() },
            Self::Rtp(header) => Said { rtp: Some(header), ..Said::default() },
            Self::Other => Said::default(),
        }
    }
}

/// What the outputs hold since they were emptied.
#[derive(Default)]
pub(super) struct Rendered {
    pub(super) wire: Vec<u8>,
    /// End offset and packets of each finished piece.
    pub(super) pieces: Vec<u32>,
    pub(super) open_piece_start: usize,
    pub(super) open_piece_packets: u32,
    pub(super) json: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) pcap: Vec<u8>,
    /// JSON lines of calls that ended.
    pub(super) calls: Vec<u8>,
    /// Groups of records by call.
    pub(super) call_pcap: Vec<u8>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Rendered {
    fn put_wire(&mut self, options: &Options, frame: &[u8], write_fields: impl FnOnce(&mut Vec<u8>)) {
        self.put_element(options, |wire| frame.len() + put_batch_element(wire, frame, write_fields));
    }

    /// A media packet of which most was encoded before.
    #[inline]
    pub(super) fn put_media(&mut self, options: &Options, frame: &[u8], fields: &MediaFields) {
        self.put_element(options, |wire| {
            fields.put_batch_element(wire, frame);
            frame.len() + fields.length
        });
    }

    /// Puts what `write` appends, and how long that is but for a few bytes.
    #[inline]
    fn put_element(&mut self, options: &Options, write: impl FnOnce(&mut Vec<u8>) -> usize) {
        let start = self.wire.len();
        let length = write(&mut self.wire);
        let open = start - self.open_piece_start;
        if self.open_piece_packets > 0 && open + length + 16 > options.batch_bytes as usize {
            self.close_piece_at(start);
        }
        self.open_piece_packets += 1;
        if self.open_piece_packets >= options.batch_packets {
            self.close_piece();
        }
    }

    pub(super) fn close_piece(&mut self) {
        if self.open_piece_packets > 0 {
            self.close_piece_at(self.wire.len());
        }
    }

    fn close_piece_at(&mut self, end: usize) {
        self.pieces.extend_from_slice(&[end as u32, self.open_piece_packets]);
        self.open_piece_start = end;
        self.open_piece_packets = 0;
    }
}

impl Engine {
    /// Renders a packet that was captured here.
    pub(super) fn render(
        &mut self,
        header: &Header,
        packet: &Packet,
        protocol: Option<&'static str>,
        said: &Said,
        frame: &[u8],
    ) {
        let Self { scratch, filters, rendered, counters, options, clock, notices, dns, .. } = self;
        let Scratch { facts, fields, frame: rewritten, workspace, .. } = scratch;
        let dns = dns.first();
        let Said { call_id, message, rtp, .. } = *said;
        let metadata = Metadata { packet, protocol, dns, call_id, message, rtp, facts };
        let ids = || {
            let matched = workspace.matched.iter().map(|number| filters.id(number));
            matched.chain(said.ids.iter().map(|id| &**id))
        };
        if options.outputs & JSON != 0 {
            json::put_captured(&mut rendered.json, clock, header, &metadata, ids());
        }
        let write = |out: &mut Vec<u8>, header: &Header| {
            let is_long = metadata.is_long();
            put_fields(out, header, is_long, |encoder| metadata::encode(encoder, &metadata), ids());
        };
        if options.outputs & TEXT != 0 {
            fields.clear();
            write(fields, header);
            text::put_packet(&mut rendered.text, clock, b"", fields);
        }
        if options.outputs & WIRE == 0 {
            return;
        }
        let (mut header, mut frame) = (header, frame);
        let (as_content, as_v1);
        // Few processors know them, and the contract has no room for the numbers of some.
        if let Some((link_type, content)) = capture_header::content(header.link_type, frame) {
            let shorter = (frame.len() - content.len()) as u32;
            as_content = Header {
                link_type,
                capture_length: content.len() as u32,
                original_length: header.original_length.saturating_sub(shorter),
                ..*header
            };
            (header, frame) = (&as_content, content);
        }
        // The contract carries link types up to 255 (Go's decoder keeps 8 bits of it).
        if header.link_type == link_type::LINUX_SLL2 {
            rewritten.clear();
            if cooked::to_cooked_v1(frame, rewritten) {
                let shorter = (frame.len() - rewritten.len().min(frame.len())) as u32;
                as_v1 = Header {
                    link_type: link_type::LINUX_SLL,
                    capture_length: rewritten.len() as u32,
                    original_length: header.original_length.saturating_sub(shorter),
                    ..*header
                };
                (header, frame) = (&as_v1, rewritten);
            }
        }
        if header.link_type > 255 {
            if counters.unsendable_link_types == 0 {
                notices.push(format!(
                    "packets of link type {} cannot be sent to a processor, whose contract ends at 255; they are left \
                     out, and counted as unsendable_link_types",
                    header.link_type
                ));
            }
            counters.unsendable_link_types += 1;
            return;
        }
        rendered.put_wire(options, frame, |wire| write(wire, header));
    }

    pub(super) fn take_received(&mut self, hunter_id: &[u8], received: &ReceivedPacket) {
        let original_length = received.original_length.max(received.frame.len() as u32);
        self.count_kept_record(received.link_type, received.timestamp_ns, original_length, received.frame);
        if self.voip.is_some() {
            self.observe_received(received);
        }
        if self.options.outputs & (WIRE | JSON | TEXT) == 0 {
            return;
        }
        let mut enriched = std::mem::take(&mut self.scratch.fields);
        enriched.clear();
        if !is_described(received.metadata) {
            // A hunter that does not say what it saw (lippycat's does not): look here. The sender's own fields
            // come after ours, and so win where both speak.
            let packet = net::decode_record(received.link_type, received.frame, received.original_length);
            let origin = std::mem::take(&mut self.batch.hunter_id);
            self.count_decode(received.link_type, &packet, &origin);
            let arrival = Arrival {
                timestamp_ns: received.timestamp_ns,
                captured: received.frame.len() as u32,
                context: hash_of(hunter_id),
                described: true,
                filtered: false,
                inspected: Default::default(),
            };
            let protocol =
                self.recognizer.recognise(&packet, &arrival, &mut self.dns, &mut self.scratch.facts);
            self.count_dns_oddities(&origin);
            self.batch.hunter_id = origin;
            put_layers(&packet, &mut self.scratch.facts);
            let dns = self.dns.first().filter(|_| !has_dns(received.metadata));
            let facts = &self.scratch.facts;
            let content = if has_sip(received.metadata) {
                Content::Other
            } else {
                Content::of(protocol, packet.payload)
            };
            let Said { call_id, message, rtp, .. } = content.said();
            let metadata = Metadata { packet: &packet, protocol, dns, call_id, message, rtp, facts };
            protobuf::put_nested(&mut enriched, 7, |out| metadata::encode(&mut Protobuf(out), &metadata));
        }
        enriched.extend_from_slice(received.encoded);
        let Self { rendered, options, clock, .. } = self;
        if options.outputs & JSON != 0 {
            json::put_received(&mut rendered.json, clock, hunter_id, &enriched);
        }
        if options.outputs & TEXT != 0 {
            text::put_packet(&mut rendered.text, clock, hunter_id, &enriched);
        }
        if options.outputs & WIRE != 0 {
            rendered.put_wire(options, b"", |wire| append(wire, &enriched));
        }
        self.scratch.fields = enriched;
    }

    pub(super) fn put_savefile_record(
        &mut self,
        link_type: u32,
        timestamp_ns: i64,
        original_length: u32,
        frame: &[u8],
    ) {
        let first = *self.pcap_link_type.get_or_insert(link_type);
        if first == link_type {
            write::record(timestamp_ns, original_length, frame, &mut self.rendered.pcap);
            return;
        }
        // A pcap file has one link type.
        if self.counters.unwritable_link_types == 0 {
            self.notice(format!(
                "packets of link type {link_type} cannot be written to a capture file that began with link type \
                 {first}; they are left out of it, and counted as unwritable_link_types"
            ));
        }
        self.counters.unwritable_link_types += 1;
    }
}

/// Says in which VLANs and tunnels a packet is, outermost first.
#[inline]
pub(super) fn put_layers(packet: &Packet, facts: &mut Facts) {
    if !packet.vlans().is_empty() {
        facts
            .entry("vlan", |out| join(out, packet.vlans(), |out, id| json::put_decimal(out, u64::from(*id))));
    }
    if !packet.tunnels().is_empty() {
        put_tunnels(packet, facts);
    }
}

#[cold]
fn put_tunnels(packet: &Packet, facts: &mut Facts) {
    let tunnels = packet.tunnels();
    facts.entry("tunnel", |out| {
        join(out, tunnels, |out, one| out.extend_from_slice(one.kind.name().as_bytes()))
    });
    facts.entry("tunnel_id", |out| join(out, tunnels, |out, one| json::put_decimal(out, u64::from(one.id))));
    if let Some(outer) = &packet.outer_ip {
        facts.entry("tunnel_src_ip", |out| outer.source.write_text(out));
        facts.entry("tunnel_dst_ip", |out| outer.destination.write_text(out));
    }
}

fn join<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

/// Whether the sender says what it saw: a protocol, or details.
fn is_described(metadata: &[u8]) -> bool {
    protobuf::Fields::of(metadata)
        .any(|field| matches!(field, (1 | 10, protobuf::Value::Bytes(value)) if !value.is_empty()))
}

/// Whether there is a `SIPMetadata` or an `RTPMetadata`.
fn has_sip(metadata: &[u8]) -> bool {
    protobuf::Fields::of(metadata).any(|field| matches!(field, (7 | 8, protobuf::Value::Bytes(_))))
}

fn has_dns(metadata: &[u8]) -> bool {
    protobuf::Fields::of(metadata).any(|field| matches!(field, (12, protobuf::Value::Bytes(_))))
}

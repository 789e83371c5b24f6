//! A record on its way to the stages: fragments are put together, tunnels and ESP without encryption are taken off.

use std::hash::Hasher;

use super::recognition::{Arrival, tunnel_context};
use super::rendering::{Content, Said};
use super::voip::held::HeldPacket;
use super::{Engine, Input, JSON, Oddity, PCAP, Protocol, TEXT, WIRE};
use crate::bounded::MixHasher;
use crate::net::fragments::{Defragmenter, Limits, Taken};
use crate::net::plain::Plain;
use crate::net::{self, Fragment, Packet, Transport, link_type};
use crate::record::Record;
use crate::wire::captured_packet::Header;

/// Packet time between two looks at the fragments that are held.
const FRAGMENT_TICK_NS: i64 = 1_000_000_000;

/// Fragments inside of fragments inside of fragments: more of this is taken as it is.
const MOST_REASSEMBLIES: u8 = 3;

/// IP protocol number of ESP (RFC 4303).
const ESP_PROTOCOL: u8 = 50;
/// UDP port of ESP and IKE behind address translation (RFC 3948).
const ESP_PORT: u16 = 4500;

/// A frame as it was captured, or as it was rebuilt.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f> {
    pub(super) data: &'f [u8],
    pub(super) link_type: u32,
    pub(super) original_length: u32,
    pub(super) timestamp_ns: i64,
    pub(super) inputs: &'f [Input],
    /// Number of the input in these.
    pub(super) input: u32,
    /// Number of the interface in the input.
    pub(super) interface: u32,
    pub(super) reassemblies: u8,
}

impl<'f> Frame<'f> {
    /// A frame of no packet at hand.
    pub(super) fn of_no_packet(inputs: &'f [Input]) -> Self {
        Self {
            data: &[],
            link_type: link_type::ETHERNET,
            original_length: 0,
            timestamp_ns: 0,
            inputs,
            input: u32::MAX,
            interface: 0,
            reassemblies: MOST_REASSEMBLIES,
        }
    }

    /// A frame that waited in the calls' rings.
    pub(super) fn held(packet: &HeldPacket<'f>, inputs: &'f [Input]) -> Self {
        let HeldPacket { timestamp_ns, link_type, original_length, input, interface, frame } = *packet;
        Self {
            data: frame,
            link_type,
            original_length,
            timestamp_ns,
            inputs,
            input,
            interface,
            reassemblies: MOST_REASSEMBLIES,
        }
    }

    /// What of it has to be kept while it waits.
    pub(super) fn as_held(&self) -> HeldPacket<'f> {
        let Self { data, link_type, original_length, timestamp_ns, input, interface, .. } = *self;
        HeldPacket { timestamp_ns, link_type, original_length, input, interface, frame: data }
    }

    /// Name of the input, for messages.
    pub(super) fn origin(&self) -> &'f str {
        self.inputs.get(self.input as usize).map_or("", |input| &input.name)
    }

    /// Number and name of the interface that it was captured at.
    pub(super) fn interface(&self) -> (u32, &'f str) {
        let Some(input) = self.inputs.get(self.input as usize) else { return (self.interface, "") };
        let name = input.reader.interface_name(self.interface).unwrap_or(&input.interface_name);
        (if input.live { input.index } else { self.interface }, name)
    }
}

impl Engine {
    #[inline]
    pub(super) fn take_record(&mut self, inputs: &[Input], input: u32, record: &Record) {
        self.counters.packets += 1;
        self.counters.bytes += record.data.len() as u64;
        if !self.programs.is_empty() && !self.passes_program(record) {
            return;
        }
        if record.timestamp_ns >= self.next_fragment_expiry_ns {
            self.expire_fragments(inputs, record.timestamp_ns);
        }
        if self.options.protocol == Protocol::Voip && self.take_known_media(inputs, input, record) {
            return;
        }
        let mut packet = Packet::unread(record.data);
        match Plain::read(record.link_type, record.data) {
            Some(plain) => plain.put_into(&mut packet),
            None => packet.read(record.link_type, record.original_length),
        }
        let frame = Frame {
            data: record.data,
            link_type: record.link_type,
            original_length: record.original_length,
            timestamp_ns: record.timestamp_ns,
            inputs,
            input,
            interface: record.interface,
            reassemblies: 0,
        };
        if packet.faults.has_lies() || !net::link_type_is_known(record.link_type) {
            self.count_decode(record.link_type, &packet, frame.origin());
        }
        if record.data.is_empty() || record.data.len() as u64 > u64::from(record.original_length) {
            self.count_lengths(record, frame.origin());
        }
        self.take_frame(&frame, &packet);
    }

    #[inline]
    fn take_frame(&mut self, frame: &Frame, packet: &Packet) {
        if packet.fragment != Fragment::None {
            return self.take_fragment(frame, packet);
        }
        if self.esp.is_some() && self.take_esp(frame, packet) {
            return;
        }
        self.take_packet(frame, packet);
    }

    #[cold]
    fn take_fragment(&mut self, frame: &Frame, packet: &Packet) {
        if frame.reassemblies >= MOST_REASSEMBLIES {
            return self.take_packet(frame, packet);
        }
        let mut defragmenter =
            self.defragmenter.take().unwrap_or_else(|| Box::new(Defragmenter::new(Limits::default())));
        let taken = defragmenter.take(
            packet,
            frame.data,
            frame.link_type,
            frame.original_length,
            frame.timestamp_ns,
            fragment_context(packet),
            u64::from(frame.input) << 32 | u64::from(frame.interface),
        );
        let mut rebuilt = std::mem::take(&mut self.scratch.rebuilt);
        let mut link_type = frame.link_type;
        if taken == Taken::Complete {
            let (bytes, rebuilt_link_type) = defragmenter.rebuilt();
            rebuilt.clear();
            rebuilt.extend_from_slice(bytes);
            link_type = rebuilt_link_type;
        }
        self.defragmenter = Some(defragmenter);
        self.next_fragment_expiry_ns =
            self.next_fragment_expiry_ns.min(frame.timestamp_ns.saturating_add(FRAGMENT_TICK_NS));
        // In the order of their arrival: what is refused comes after what it was refused with.
        self.take_given_up(frame.inputs);
        match taken {
            Taken::Held | Taken::Duplicate => {}
            Taken::Refused => {
                self.counters.fragments_given_up += 1;
                self.take_packet(frame, packet);
            }
            Taken::Complete => {
                let whole = Frame {
                    data: &rebuilt,
                    link_type,
                    original_length: rebuilt.len() as u32,
                    reassemblies: frame.reassemblies + 1,
                    ..*frame
                };
                let mut datagram = net::decode(whole.link_type, whole.data);
                if datagram.faults.has_lies() {
                    self.count_decode(whole.link_type, &datagram, frame.origin());
                }
                datagram.put_into_tunnels_of(packet);
                self.take_frame(&whole, &datagram);
            }
        }
        self.scratch.rebuilt = rebuilt;
    }

    #[cold]
    fn expire_fragments(&mut self, inputs: &[Input], now_ns: i64) {
        let Some(defragmenter) = &mut self.defragmenter else { return };
        defragmenter.expire(now_ns);
        self.next_fragment_expiry_ns = match defragmenter.open_datagrams() == 0 {
            true => i64::MAX,
            false => now_ns.saturating_add(FRAGMENT_TICK_NS),
        };
        self.take_given_up(inputs);
    }

    /// Fragments that wait for others wait no longer.
    pub(super) fn give_up_fragments(&mut self, inputs: &[Input]) {
        if let Some(defragmenter) = &mut self.defragmenter {
            defragmenter.finish();
            self.take_given_up(inputs);
        }
    }

    /// Lets fragments of datagrams that were given up go on as they are.
    fn take_given_up(&mut self, inputs: &[Input]) {
        let Some(mut defragmenter) = self.defragmenter.take() else { return };
        while let Some(released) = defragmenter.next_released() {
            self.counters.fragments_given_up += 1;
            if self.limit_reached() {
                continue;
            }
            let frame = Frame {
                data: released.frame,
                link_type: released.link_type,
                original_length: released.original_length,
                timestamp_ns: released.timestamp_ns,
                inputs,
                input: (released.tag >> 32) as u32,
                interface: released.tag as u32,
                reassemblies: MOST_REASSEMBLIES,
            };
            let packet = net::decode_record(frame.link_type, frame.data, frame.original_length);
            self.take_packet(&frame, &packet);
        }
        self.defragmenter = Some(defragmenter);
    }

    /// Takes ESP without encryption off. False when there is none.
    fn take_esp(&mut self, frame: &Frame, packet: &Packet) -> bool {
        let is_esp = match packet.transport {
            Transport::Other(ESP_PROTOCOL) => true,
            Transport::Udp => packet.source_port == ESP_PORT || packet.destination_port == ESP_PORT,
            _ => false,
        };
        let Some(esp) = self.esp.as_mut().filter(|_| is_esp) else { return false };
        if !esp.unwrap(packet, frame.data, frame.link_type, frame.timestamp_ns) {
            return false;
        }
        self.counters.esp_null_decapsulated += 1;
        let mut bytes = std::mem::take(&mut self.scratch.decapsulated);
        bytes.clear();
        bytes.extend_from_slice(esp.frame());
        let link_type = esp.link_type();
        let inner = Frame { data: &bytes, link_type, original_length: bytes.len() as u32, ..*frame };
        let mut plain = net::decode(inner.link_type, inner.data);
        plain.put_into_tunnels_of(packet);
        self.take_packet(&inner, &plain);
        self.scratch.decapsulated = bytes;
        true
    }

    /// The stages for a packet that is as whole as it gets.
    fn take_packet(&mut self, frame: &Frame, packet: &Packet) {
        if self.options.protocol == Protocol::Voip {
            return self.take_call_packet(frame, packet);
        }
        let is_fragment = packet.fragment != Fragment::None;
        let fate = if is_fragment { self.fate_of_first_fragment(packet, frame.timestamp_ns) } else { None };
        if !self.fits_mode(packet, fate) {
            return;
        }
        let is_shown = self.options.outputs & (WIRE | JSON | TEXT) != 0;
        let arrival = Arrival {
            timestamp_ns: frame.timestamp_ns,
            captured: frame.data.len() as u32,
            context: 0,
            // Nobody will see what is rejected in any case.
            described: is_shown && self.filters.decides_all() != Some(false),
            filtered: self.filters.wants_domains(),
            inspected: self.inspected,
        };
        let protocol = self.recognizer.recognise(packet, &arrival, &mut self.dns, &mut self.scratch.facts);
        if self.dns.is_odd() {
            self.count_dns_oddities(frame.origin());
        }
        let passes = self.passes_filters(packet) || fate == Some(true);
        if is_fragment {
            self.remember_first_fragment(packet, passes, frame.timestamp_ns);
        }
        if !passes {
            self.counters.rejected_by_filters += 1;
            return;
        }
        self.count_kept(frame, packet);
        if is_shown {
            let content = Content::of(protocol, packet.payload);
            self.show(frame, packet, protocol, &content.said());
        }
    }

    /// Counts a packet that passes, and puts it into the capture file.
    #[inline]
    pub(super) fn count_kept(&mut self, frame: &Frame, packet: &Packet) {
        self.count_kept_record(frame.link_type, frame.timestamp_ns, frame.original_length, frame.data);
        if !packet.tunnels().is_empty() {
            self.counters.tunnelled_packets += 1;
        }
    }

    /// Counts a packet that passes, and writes it to the capture file output.
    #[inline]
    pub(super) fn count_kept_record(
        &mut self,
        link_type: u32,
        timestamp_ns: i64,
        original_length: u32,
        data: &[u8],
    ) {
        self.counters.kept += 1;
        self.counters.kept_bytes += data.len() as u64;
        self.rendered.packets += 1;
        self.rendered.bytes += data.len() as u64;
        if self.options.outputs & PCAP != 0 {
            self.put_savefile_record(link_type, timestamp_ns, original_length, data);
        }
    }

    pub(super) fn show(
        &mut self,
        frame: &Frame,
        packet: &Packet,
        protocol: Option<&'static str>,
        said: &Said,
    ) {
        let mut data = frame.data;
        let (interface_index, interface_name) = frame.interface();
        let mut header = Header {
            timestamp_ns: frame.timestamp_ns,
            capture_length: data.len() as u32,
            original_length: frame.original_length,
            interface_index,
            link_type: frame.link_type,
            interface_name: interface_name.as_bytes(),
        };
        if let Some((start, end)) = packet.replacement
            && let Some(inner) = data.get(start as usize..end as usize)
        {
            // On the wire the frame inside a VXLAN tunnel takes the packet's place, as the contract has it.
            self.counters.vxlan_decapsulated += 1;
            data = inner;
            header.link_type = link_type::ETHERNET;
            header.capture_length = inner.len() as u32;
            header.original_length = inner.len() as u32;
        }
        super::rendering::put_layers(packet, &mut self.scratch.facts);
        self.render(&header, packet, protocol, said, data);
    }

    #[cold]
    pub(super) fn count_dns_oddities(&mut self, origin: &str) {
        if self.dns.is_malformed {
            let what = "holds a malformed DNS message; it is read as far as it makes sense";
            self.notice_once(Oddity::DnsMessage, origin, what, "dns_partial");
        }
        if self.dns.has_bad_frames {
            let what = "has DNS messages over TCP that are too short or too many to be read";
            self.notice_once(Oddity::DnsFrames, origin, what, "dns_partial");
        }
    }
}

/// What keeps fragments apart beside their addresses: VLANs and tunnels.
fn fragment_context(packet: &Packet) -> u64 {
    let mut hasher = MixHasher::with_seed(5);
    hasher.write_u64(tunnel_context(packet));
    packet.vlans().iter().for_each(|vlan| hasher.write_u16(*vlan));
    hasher.finish()
}

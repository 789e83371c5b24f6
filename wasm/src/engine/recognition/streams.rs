//! TCP: what a segment adds to its stream, and what that says.
//!
//! A stream is put in order until its protocol is known, and on if somebody reads its messages (DNS). A message belongs
//! to the packet that completes it. Bytes that come free otherwise (a hole that is given up while another flow has its
//! turn, a stream that ends or is evicted) are read for what they say of their flow, and shown with no packet.

use super::heads::is_from_server;
use super::{Arrival, FlowData, Recognizer, Stream, adopt, payload_of};
use crate::detect::{Carrier, Detector, Facts, Label, Payload, Recognised};
use crate::detect::{proxy_protocol, tls};
use crate::dns::stream::messages;
use crate::engine::dns_reading::{Between, DnsReader};
use crate::flow::key::Direction;
use crate::flow::reassembly::{Event, Reassembler, Segment, Want};
use crate::flow::table::{Flow, FlowTable, Observed};
use crate::net::{Address, Packet, tcp_flag};

/// IP protocol number of TCP.
const TCP: u8 = 6;
/// Fewer bytes at the start of a stream say nothing: they are shown again with more behind them.
const LEAST_BEGINNING: usize = 4;

impl Recognizer {
    #[inline(never)]
    pub(super) fn recognise_segment(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) -> Option<Label> {
        let is_control = packet.tcp_flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0;
        let data = &mut self.flows.get_mut(observed.id).state;
        // An acknowledgement may say that what is waited for was received, and so will not come again.
        if packet.payload.is_empty() && !is_control && !data.tcp.is_held() {
            return None;
        }
        if data.stream == Stream::Heads {
            self.read_heads(packet, arrival, observed, dns);
        }
        let data = &mut self.flows.get_mut(observed.id).state;
        if matches!(data.stream, Stream::Heads | Stream::Unwanted) {
            if packet.payload.is_empty() {
                return None;
            }
            let payload = payload_of(packet, arrival, Carrier::Tcp, observed.direction);
            let before = data.detection.label();
            return match self.detector.recognise(&payload, &mut data.detection) {
                Recognised::Protocol(label) => {
                    self.detected += u64::from(before.is_none());
                    if arrival.described {
                        self.detector.describe(label, &payload, &mut data.detection, facts);
                    }
                    Some(label)
                }
                _ => None,
            };
        }
        self.read_stream(packet, arrival, observed, dns, facts)
    }

    /// Puts the segment where it belongs in its stream, and looks at what is then in order.
    #[inline(never)]
    fn read_stream(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) -> Option<Label> {
        let ip = packet.ip.as_ref()?;
        let on_dns_port = self.is_dns_port(packet);
        let Self { flows, reassembler, detector, detected, dns_labels, contents, sighting, .. } = self;
        let id = observed.id.slot() as u32;
        let data = &mut flows.get_mut(observed.id).state;
        data.owner = id;
        let mut tcp = data.tcp;
        let between = || Between::of(packet, ip, TCP, arrival.timestamp_ns);
        let mut found = None;
        let mut consumer = |owner: u32, event: Event| {
            if owner != id {
                return take_apart(flows, detector, detected, dns, owner, event);
            }
            let data = &mut flows.get_mut(observed.id).state;
            let (Event::Data { direction, .. } | Event::Gap { direction, .. } | Event::End { direction, .. }) =
                event;
            if direction != observed.direction {
                // The packet is not where these bytes come from: they are shown again with one that is.
                let flow = flows.get_mut(observed.id);
                return take_other(flow, detector, detected, dns, event);
            }
            let (mut bytes, at_start) = match event {
                Event::Data { bytes, at_start, .. } => (bytes, at_start),
                Event::Gap { bytes, .. } | Event::End { bytes, .. } => {
                    let in_step = &mut data.in_step[direction as usize];
                    if data.stream == Stream::Dns {
                        dns.read_rest(bytes, in_step, &between());
                    }
                    *in_step = false;
                    return Want::Consumed(bytes.len());
                }
            };
            let mut payload = payload_of(packet, arrival, Carrier::Tcp, direction);
            (payload.bytes, payload.length, payload.at_start) = (bytes, bytes.len(), at_start);
            let mut skipped = 0;
            // What comes with the header of a proxy is told by itself.
            if data.stream == Stream::Detecting
                && let Some(header) = proxy_protocol::header_length(&payload)
                && let Some(rest @ [_, ..]) = bytes.get(header..)
            {
                (bytes, skipped) = (rest, header);
                (payload.bytes, payload.length) = (rest, rest.len());
            }
            // A server of another protocol greets as it always does.
            if data.stream == Stream::Dns
                && data.detection.awaits(direction)
                && let Some(label) = data.detection.label()
                && detector.recognise_reply(&payload, &mut data.detection, label).is_some()
            {
                data.stream = Stream::Detecting;
            }
            if data.stream == Stream::Detecting {
                if on_dns_port && data.detection.label().is_none() && messages(bytes).next().is_some() {
                    data.detection.await_reply(direction);
                    adopt(&mut data.detection, dns_labels[0], detected);
                    data.stream = Stream::Dns;
                } else {
                    let before = data.detection.label();
                    match detector.recognise(&payload, &mut data.detection) {
                        Recognised::Protocol(label) => {
                            *detected += u64::from(before.is_none());
                            found = Some(label);
                            data.stream = match dns_labels.contains(&Some(label)) {
                                true => Stream::Dns,
                                false if Self::inspected(contents, arrival, Some(label)).is_some() => {
                                    Stream::Heads
                                }
                                false => Stream::Unwanted,
                            };
                            if arrival.described && data.stream != Stream::Dns {
                                detector.describe(label, &payload, &mut data.detection, facts);
                            }
                        }
                        Recognised::More => {
                            // The name is worth to be known before the hello is complete.
                            if arrival.inspected.any() && tls::begins_client_hello(bytes) {
                                sighting.take_begun_hello(arrival, bytes);
                            }
                            return Want::Consumed(0);
                        }
                        // Hardly the beginning of anything.
                        Recognised::Nothing if at_start && bytes.len() < LEAST_BEGINNING => {
                            return Want::Consumed(0);
                        }
                        Recognised::Nothing if data.detection.is_given_up() => data.stream = Stream::Unwanted,
                        Recognised::Nothing => return Want::Consumed(skipped + bytes.len()),
                    }
                }
            }
            if data.stream == Stream::Heads
                && let Some(content) = Self::inspected(contents, arrival, data.detection.label())
                && let from_server = (!at_start && is_from_server(data.detection.label(), packet))
                && let Some(mut progress) = data.progress(direction, from_server)
            {
                let taken = sighting.take(content, bytes, !packet.is_complete(), &mut progress);
                return Want::Consumed(skipped + taken);
            }
            if data.stream != Stream::Dns {
                return Want::Close;
            }
            found = data.detection.label();
            let in_step = &mut data.in_step[direction as usize];
            *in_step |= at_start;
            Want::Consumed(skipped + dns.read_stream(bytes, in_step, &between()))
        };
        let segment = Segment::acknowledging(packet);
        reassembler.segment(&mut tcp, id, observed.direction, &segment, arrival.timestamp_ns, &mut consumer);
        let data = &mut self.flows.get_mut(observed.id).state;
        data.tcp = tcp;
        found.or_else(|| data.detection.label().filter(|_| !packet.payload.is_empty()))
    }

    /// Gives up what streams have waited for too long.
    #[inline]
    pub(super) fn expire_streams(&mut self, dns: &mut DnsReader) {
        let Self { flows, reassembler, detector, detected, newest_ns, .. } = self;
        reassembler.expire(*newest_ns, &mut |_, _| false, &mut |owner, event| {
            take_apart(flows, detector, detected, dns, owner, event)
        });
    }
}

/// An event of a flow that is not at hand.
#[cold]
pub(super) fn take_apart(
    flows: &mut FlowTable<FlowData>,
    detector: &mut Detector,
    detected: &mut u64,
    dns: &mut DnsReader,
    owner: u32,
    event: Event,
) -> Want {
    match flows.by_slot(owner) {
        Some(flow) => take_other(flow, detector, detected, dns, event),
        None => Want::Close,
    }
}

/// An event that does not belong to the packet at hand: bytes are kept for one that they belong to; those that will
/// not be shown again are read for what they say of their flow.
#[cold]
pub(super) fn take_other(
    flow: &mut Flow<FlowData>,
    detector: &mut Detector,
    detected: &mut u64,
    dns: &mut DnsReader,
    event: Event,
) -> Want {
    let (direction, bytes) = match event {
        Event::Data { .. } if flow.state.stream == Stream::Unwanted => return Want::Close,
        Event::Data { .. } => return Want::Consumed(0),
        Event::Gap { direction, bytes, .. } | Event::End { direction, bytes, .. } => (direction, bytes),
    };
    if flow.state.stream == Stream::Detecting && !bytes.is_empty() && flow.state.detection.label().is_none() {
        let mut detection = flow.state.detection;
        detector.recognise(&payload_apart(flow, direction, bytes), &mut detection);
        flow.state.detection = detection;
        *detected += u64::from(detection.label().is_some());
    }
    let between = between_ends(flow, direction);
    let FlowData { stream, in_step, .. } = &mut flow.state;
    let in_step = &mut in_step[direction as usize];
    if *stream == Stream::Dns {
        dns.read_apart(bytes, in_step, &between);
    }
    *in_step = false;
    Want::Consumed(bytes.len())
}

/// Bytes of a stream with no packet.
fn payload_apart<'a>(flow: &Flow<FlowData>, direction: Direction, bytes: &'a [u8]) -> Payload<'a> {
    let ((_, source_port), (_, destination_port)) = ends(flow, direction);
    Payload {
        bytes,
        length: bytes.len(),
        carrier: Carrier::Tcp,
        source_port,
        destination_port,
        ip: None,
        direction,
        at_start: false,
        timestamp_ns: flow.last_seen_ns,
        described: false,
    }
}

/// The flow is over: what is held of its stream is read for the last time. The label that the flow has then.
pub(super) fn finish(
    reassembler: &mut Reassembler,
    detector: &mut Detector,
    dns: &mut DnsReader,
    flow: &Flow<FlowData>,
) -> Option<Label> {
    let FlowData { mut detection, mut tcp, owner, stream, mut in_step, .. } = flow.state;
    if !tcp.is_held() || matches!(stream, Stream::Heads | Stream::Unwanted) {
        reassembler.release(&mut tcp, owner);
        return detection.label();
    }
    reassembler.finish(&mut tcp, owner, flow.last_seen_ns, &mut |other, event| {
        let (Event::Data { direction, bytes, .. }
        | Event::Gap { direction, bytes, .. }
        | Event::End { direction, bytes, .. }) = event;
        if other != owner {
            return Want::Consumed(0);
        }
        if stream == Stream::Detecting {
            if !bytes.is_empty() && detection.label().is_none() {
                detector.recognise(&payload_apart(flow, direction, bytes), &mut detection);
            }
            return Want::Consumed(bytes.len());
        }
        let between = between_ends(flow, direction);
        let in_step = &mut in_step[direction as usize];
        if let Event::Data { .. } = event {
            return Want::Consumed(dns.read_whole_apart(bytes, in_step, &between));
        }
        dns.read_apart(bytes, in_step, &between);
        *in_step = false;
        Want::Consumed(bytes.len())
    });
    detection.label()
}

/// Source and destination of one direction.
pub(super) fn ends(flow: &Flow<FlowData>, direction: Direction) -> ((Address, u16), (Address, u16)) {
    match direction {
        Direction::Forward => (flow.source(), flow.destination()),
        Direction::Reverse => (flow.destination(), flow.source()),
    }
}

/// Between whom the bytes of one direction go.
fn between_ends(flow: &Flow<FlowData>, direction: Direction) -> Between {
    let (source, destination) = ends(flow, direction);
    Between::ends(TCP, source, destination, flow.last_seen_ns)
}

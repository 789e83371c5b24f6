//! The flow of each packet, and the protocol that it carries.

mod heads;
mod late_segments;
mod plain;
mod sip_streams;
mod streams;

pub(super) use heads::{Inspected, Sighting};
use heads::{Progress, phase};
pub(super) use plain::Settled;
pub(super) use sip_streams::SipStreams;

use std::hash::Hasher;

use super::dns_reading::{Between, DnsReader};
use super::selection::PortSet;
use super::traffic::{Amount, Traffic};
use crate::bounded::MixHasher;
use crate::detect::registry::{SIGNATURES, label_of};
use crate::detect::{
    Carrier, Confidence, Detector, Facts, FlowState, Label, Method, Payload, Recognised, Signature,
};
use crate::dns::stream::{begins_like_dns, looks_like_dns};
use crate::flow::key::Direction;
use crate::flow::reassembly::{Options as ReassemblyOptions, Reassembler};
use crate::flow::table::{Flow, FlowTable, Limits, Observed};
use crate::flow::tcp_state::TcpState;
use crate::matching::address::bits_of;
use crate::matching::contents::Content;
use crate::net::{Packet, Transport, TunnelKind, protocol};
use crate::wire::metadata::{dns_protocol_name, ip_protocol_name, layer_name};
use plain::Course;

/// What the engine keeps of a flow.
#[derive(Default)]
pub(super) struct FlowData {
    detection: FlowState,
    tcp: TcpState,
    /// What the stream is known by in reassembly.
    owner: u32,
    stream: Stream,
    /// By direction: the DNS messages of the stream are read one by one, by their lengths.
    in_step: [bool; 2],
    /// By direction: what is remembered of heads that filters look at.
    phases: [u8; 2],
    /// By direction: bytes of a body that heads come behind.
    bodies: [u32; 2],
}

impl FlowData {
    fn progress(&mut self, direction: Direction, is_server_port: bool) -> Option<Progress<'_>> {
        let other_phase = *self.phases.get(direction.opposite() as usize)?;
        let [forward, reverse] = &mut self.bodies;
        let (body, other_body) = match direction {
            Direction::Forward => (forward, reverse),
            Direction::Reverse => (reverse, forward),
        };
        Some(Progress {
            phase: self.phases.get_mut(direction as usize)?,
            body,
            other_body,
            is_server: is_server_port && other_phase != phase::REPLIES || phase::is_of_client(other_phase),
            is_answered: other_phase == phase::REPLIES,
        })
    }
}

/// What becomes of the bytes of a TCP flow.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stream {
    /// They are looked at until the protocol is known.
    #[default]
    Detecting,
    /// Its DNS messages are read.
    Dns,
    /// Filters look at the heads of its messages.
    Heads,
    /// Nobody wants them in order.
    Unwanted,
    /// They are of another protocol than SIP, which may quote it.
    Foreign,
    /// The same, by what one side has said first: that side. What the other one says first decides.
    Strange(Direction),
}

impl Stream {
    /// Whether its bytes are not looked at as SIP, as far as is known.
    fn is_given_up(self) -> bool {
        matches!(self, Self::Unwanted | Self::Foreign | Self::Strange(_))
    }
}

/// When and where a packet was captured, as far as it matters here.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) timestamp_ns: i64,
    /// Bytes captured.
    pub(super) captured: u32,
    /// Separates the flows of different hunters.
    pub(super) context: u64,
    /// Whether somebody wants to know what the packet says.
    pub(super) described: bool,
    /// Whether filters look at names in it.
    pub(super) filtered: bool,
    /// What else filters look at.
    pub(super) inspected: Inspected,
}

/// Flows and what they carry.
pub(super) struct Recognizer {
    pub(super) flows: FlowTable<FlowData>,
    pub(super) reassembler: Reassembler,
    detector: Detector,
    traffic: Traffic,
    dns_ports: PortSet,
    /// Flows that got a label.
    pub(super) detected: u64,
    /// DNS, mDNS, LLMNR.
    dns_labels: [Option<Label>; 3],
    sip_label: Option<Label>,
    /// By label.
    courses: Box<[Course; 256]>,
    /// By label: what filters may look at.
    contents: Box<[Option<Content>; 256]>,
    /// What the packet at hand has of it.
    pub(super) sighting: Sighting,
    /// Well-known ports with the IP protocol that they are of, and whose they are, sorted.
    port_hints: Vec<((u16, u8), Label)>,
    /// Latest packet time so far.
    newest_ns: i64,
}

impl Recognizer {
    pub(super) fn new(dns_ports: PortSet, limits: Limits, reassembly: ReassemblyOptions) -> Self {
        let mut port_hints = Vec::new();
        for (number, Signature { carriers, ports, .. }) in SIGNATURES.iter().enumerate() {
            for protocol in carriers.iter().filter_map(|carrier| protocol_of(*carrier)) {
                port_hints.extend(ports.iter().map(|port| ((*port, protocol), number as Label)));
            }
        }
        port_hints.sort_unstable();
        port_hints.dedup_by_key(|(port, _)| *port);
        let dns_labels = ["DNS", "mDNS", "LLMNR"].map(label_of);
        Self {
            flows: FlowTable::new(limits),
            reassembler: Reassembler::new(reassembly),
            detector: Detector::new(),
            traffic: Traffic::default(),
            dns_ports,
            detected: 0,
            courses: Box::new(Course::all(&dns_labels)),
            contents: Box::new(heads::contents_by_label()),
            sighting: Sighting::default(),
            dns_labels,
            sip_label: label_of("SIP"),
            port_hints,
            newest_ns: i64::MIN,
        }
    }

    pub(super) fn is_dns_port(&self, packet: &Packet) -> bool {
        self.dns_ports.contains(packet.source_port) || self.dns_ports.contains(packet.destination_port)
    }

    /// Counts the packet in its flow, and finds out what it carries: the name of a protocol beyond the transport. The
    /// DNS messages that it has or completes are then in `dns`, what else it says in `facts`.
    #[inline(never)]
    pub(super) fn recognise(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) -> Option<&'static str> {
        dns.clear(arrival.described, arrival.filtered);
        facts.clear();
        self.sighting.clear();
        let Self { flows, traffic, reassembler, detector, detected, newest_ns, .. } = self;
        // Time that goes back is not worth a look at the streams that wait.
        *newest_ns = (*newest_ns).max(arrival.timestamp_ns);
        let observed = flows.observe(
            packet,
            arrival.context,
            tunnel_context(packet),
            arrival.captured,
            arrival.timestamp_ns,
            &mut |flow, _| end_flow(reassembler, detector, traffic, dns, detected, flow),
        );
        match observed {
            None => self.recognise_frame(packet, arrival, facts),
            Some(observed) => self.recognise_in_flow(packet, arrival, observed, dns, facts),
        }
    }

    /// Finds out what a packet carries that was counted in its flow.
    #[inline]
    fn recognise_in_flow(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) -> Option<&'static str> {
        let label = match packet.transport {
            Transport::Tcp => self.recognise_segment(packet, arrival, observed, dns, facts),
            _ => self.recognise_datagram(packet, arrival, observed, dns, facts),
        };
        if arrival.described {
            self.complete_facts(packet, label, Some(observed), dns, facts);
        }
        if arrival.inspected.any() {
            self.sight(packet, arrival, label, observed);
        }
        self.expire_streams(dns);
        if dns.has_messages() {
            return Some(dns_protocol_name(packet.source_port, packet.destination_port));
        }
        // What GTP-U carries without ports is less of a name than GTP-U.
        let carries_ports = matches!(packet.transport, Transport::Udp | Transport::Tcp | Transport::Sctp);
        match packet.tunnels().last() {
            Some(tunnel) if tunnel.kind == TunnelKind::GtpU && !carries_ports => Some(tunnel.kind.name()),
            _ => label.and_then(name_of),
        }
    }

    /// Says what a packet says whose protocol is known by other means.
    pub(super) fn describe_apart(
        &mut self,
        label: Option<Label>,
        packet: &Packet,
        timestamp_ns: i64,
        facts: &mut Facts,
    ) {
        facts.clear();
        let Some(label) = label else { return };
        let carrier = if packet.transport == Transport::Tcp { Carrier::Tcp } else { Carrier::Udp };
        let payload = Payload {
            bytes: packet.payload,
            length: packet.payload_length as usize,
            carrier,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            ip: packet.ip.as_ref(),
            direction: Direction::Forward,
            at_start: false,
            timestamp_ns,
            described: true,
        };
        self.detector.describe(label, &payload, &mut FlowState::default(), facts);
    }

    /// Entries of detection that gave way to others.
    pub(super) fn detection_evictions(&self) -> u64 {
        let shared = self.detector.shared();
        shared.media.evictions()
            + shared.tftp.evictions()
            + shared.quic.evictions()
            + shared.ftp_data.evictions()
    }

    /// Addresses that gave way to others in the list of those with most traffic.
    pub(super) fn talker_evictions(&self) -> u64 {
        self.traffic.evictions()
    }

    /// A frame without IP.
    #[inline(never)]
    fn recognise_frame(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        facts: &mut Facts,
    ) -> Option<&'static str> {
        let carrier = if packet.llc { Carrier::Llc } else { Carrier::Ethertype(packet.ethertype) };
        let is_named = packet.llc || packet.ethertype != 0;
        let payload = payload_of(packet, arrival, carrier, Direction::Forward);
        let mut state = FlowState::default();
        let label = match payload.bytes.is_empty() || !is_named {
            true => None,
            false => match self.detector.recognise(&payload, &mut state) {
                Recognised::Protocol(label) => Some(label),
                _ => None,
            },
        };
        if let Some(label) = label
            && arrival.described
        {
            self.detector.describe(label, &payload, &mut state, facts);
        }
        let name = label.and_then(name_of);
        let amount = Amount { packets: 1, bytes: u64::from(arrival.captured) };
        self.traffic.add(shown(name.unwrap_or_else(|| layer_name(packet))), amount, 0);
        name
    }

    #[inline(never)]
    fn recognise_datagram(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) -> Option<Label> {
        if packet.payload.is_empty() {
            return None;
        }
        let carrier = match packet.transport {
            Transport::Udp => Carrier::Udp,
            Transport::Sctp => Carrier::Sctp,
            Transport::Other(protocol) => Carrier::Ip(protocol),
            _ => return None,
        };
        let on_dns_port = carrier == Carrier::Udp && self.is_dns_port(packet);
        let state = &mut self.flows.get_mut(observed.id).state.detection;
        let payload = payload_of(packet, arrival, carrier, observed.direction);
        let before = state.label();
        let is_dns = match before {
            Some(label) => carrier == Carrier::Udp && self.dns_labels.contains(&Some(label)),
            None => on_dns_port && looks_like_dns(packet.payload, packet.payload_length as usize),
        };
        if is_dns {
            let between = Between::of(packet, packet.ip.as_ref()?, 17, arrival.timestamp_ns);
            if dns.read_datagram(packet.payload, &between) && before.is_none() {
                let label = self.dns_labels[dns_kind(packet)];
                adopt(state, label, &mut self.detected);
            }
            if dns.has_messages() {
                return state.label();
            }
        }
        match self.detector.recognise(&payload, state) {
            Recognised::Protocol(label) => {
                self.detected += u64::from(before.is_none());
                if self.dns_labels.contains(&Some(label)) {
                    let between = Between::of(packet, packet.ip.as_ref()?, 17, arrival.timestamp_ns);
                    dns.read_datagram(packet.payload, &between);
                } else if arrival.described {
                    self.detector.describe(label, &payload, state, facts);
                }
                Some(label)
            }
            // Malformed, but where DNS is expected, and with counts that can be: what can be read is worth knowing.
            _ if on_dns_port && begins_like_dns(packet.payload) => {
                let between = Between::of(packet, packet.ip.as_ref()?, 17, arrival.timestamp_ns);
                if dns.read_datagram(packet.payload, &between) && before.is_none() {
                    adopt(state, self.dns_labels[dns_kind(packet)], &mut self.detected);
                }
                state.label()
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn complete_facts(
        &self,
        packet: &Packet,
        label: Option<Label>,
        observed: Option<Observed>,
        dns: &DnsReader,
        facts: &mut Facts,
    ) {
        if dns.has_messages() {
            dns.describe(facts);
        }
        match (label, observed) {
            (Some(label), Some(observed)) => {
                let detection = &self.flows.get(observed.id).state.detection;
                if detection.label() == Some(label) {
                    let Confidence(hundredths) = detection.confidence();
                    facts.entry("confidence", |out| {
                        out.extend_from_slice(&[
                            b'0' + hundredths / 100,
                            b'.',
                            b'0' + hundredths / 10 % 10,
                            b'0' + hundredths % 10,
                        ]);
                    });
                    facts.put("detection_method", detection.method().name().as_bytes());
                }
            }
            (None, Some(_)) if !packet.payload.is_empty() && !dns.has_messages() => {
                let protocol = packet.ip.map_or(0, |ip| ip.protocol);
                let hint = [packet.destination_port, packet.source_port].iter().find_map(|port| {
                    let at =
                        self.port_hints.binary_search_by_key(&(*port, protocol), |(port, _)| *port).ok()?;
                    name_of(self.port_hints.get(at)?.1)
                });
                if let Some(name) = hint {
                    facts.put("port_hint", name.as_bytes());
                }
            }
            _ => {}
        }
    }

    /// Ends all flows. What their streams still hold is read, too, though it belongs to no packet any more.
    pub(super) fn finish(&mut self, dns: &mut DnsReader) {
        let Self { flows, traffic, reassembler, detector, detected, .. } = self;
        flows.finish(&mut |flow, _| end_flow(reassembler, detector, traffic, dns, detected, flow));
    }

    /// What was seen so far, as JSON.
    pub(super) fn traffic_json(&self, top: usize) -> String {
        let with_live = (!self.flows.is_empty()).then(|| {
            let mut traffic = if top == 0 { self.traffic.without_hosts() } else { self.traffic.clone() };
            self.flows.for_each(|flow| add_flow(&mut traffic, flow, flow.state.detection.label()));
            traffic
        });
        let traffic = with_live.as_ref().unwrap_or(&self.traffic);
        let mut out = Vec::new();
        out.extend_from_slice(b"{\"flows\":{");
        for (number, (name, value)) in [
            ("total", self.flows.created()),
            ("active", self.flows.len() as u64 + self.flows.finished()),
            ("expired", self.flows.expirations()),
            ("restarted", self.flows.restarts()),
            ("evicted", self.flows.evictions()),
        ]
        .into_iter()
        .enumerate()
        {
            out.extend_from_slice(if number > 0 { b",\"" } else { b"\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            crate::wire::json::put_decimal(&mut out, value);
        }
        out.extend_from_slice(b"},");
        traffic.put_json(top, &mut out);
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The IP protocol of a carrier that has ports.
fn protocol_of(carrier: Carrier) -> Option<u8> {
    match carrier {
        Carrier::Udp => Some(protocol::UDP),
        Carrier::Tcp => Some(protocol::TCP),
        Carrier::Sctp => Some(protocol::SCTP),
        _ => None,
    }
}

/// Index into [`Recognizer::dns_labels`].
fn dns_kind(packet: &Packet) -> usize {
    match dns_protocol_name(packet.source_port, packet.destination_port) {
        "mDNS" => 1,
        "LLMNR" => 2,
        _ => 0,
    }
}

fn adopt(state: &mut FlowState, label: Option<Label>, detected: &mut u64) {
    if let Some(label) = label {
        state.set_label(label, Confidence::VERY_HIGH, Method::Port);
        *detected += 1;
    }
}

fn name_of(label: Label) -> Option<&'static str> {
    SIGNATURES.get(usize::from(label)).map(|signature| signature.name)
}

/// A name for the summary where nothing was recognised.
fn shown(name: &'static str) -> &'static str {
    if name.is_empty() { "unknown" } else { name }
}

#[inline(never)]
fn end_flow(
    reassembler: &mut Reassembler,
    detector: &mut Detector,
    traffic: &mut Traffic,
    dns: &mut DnsReader,
    detected: &mut u64,
    flow: &Flow<FlowData>,
) {
    let label = streams::finish(reassembler, detector, dns, flow);
    *detected += u64::from(label.is_some() && flow.state.detection.label().is_none());
    add_flow(traffic, flow, label);
}

fn add_flow(traffic: &mut Traffic, flow: &Flow<FlowData>, label: Option<Label>) {
    let amount = Amount {
        packets: flow.packets.iter().map(|count| u64::from(*count)).sum(),
        bytes: flow.bytes.iter().sum(),
    };
    let name = label.and_then(name_of);
    traffic.add(name.unwrap_or_else(|| ip_protocol_name(flow.protocol()).unwrap_or("IP")), amount, 1);
    let ((one, _), (other, _)) = (flow.source(), flow.destination());
    traffic.add_hosts(one, other, amount);
}

fn payload_of<'a>(
    packet: &'a Packet<'a>,
    arrival: &Arrival,
    carrier: Carrier,
    direction: Direction,
) -> Payload<'a> {
    Payload {
        bytes: packet.payload,
        length: packet.payload_length as usize,
        carrier,
        source_port: packet.source_port,
        destination_port: packet.destination_port,
        ip: packet.ip.as_ref(),
        direction,
        at_start: false,
        timestamp_ns: arrival.timestamp_ns,
        // The hellos of QUIC are opened for somebody only.
        described: arrival.described || arrival.inspected.any(),
    }
}

/// A number for the tunnels that a packet is in, the same for both directions; 0 for none.
#[inline]
pub(super) fn tunnel_context(packet: &Packet) -> u64 {
    if packet.tunnels().is_empty() { 0 } else { context_of(packet) }
}

#[cold]
fn context_of(packet: &Packet) -> u64 {
    let mut hasher = MixHasher::with_seed(4);
    if let Some(outer) = &packet.outer_ip {
        let (source, destination) = (bits_of(&outer.source), bits_of(&outer.destination));
        hasher.write_u128(source.min(destination));
        hasher.write_u128(source.max(destination));
    }
    for tunnel in packet.tunnels() {
        // The others are named by the receiver, each direction by another number.
        let id = match tunnel.kind {
            TunnelKind::GtpU | TunnelKind::L2tp | TunnelKind::Pptp => 0,
            _ => tunnel.id,
        };
        hasher.write_u64((tunnel.kind as u64 + 1) << 32 | u64::from(id));
    }
    hasher.finish().max(1)
}

//! Plain packets that nobody will see: what they change in their flow, without all that a description needs.

use super::{Arrival, FlowData, Inspected, Recognizer, Stream, end_flow};
use crate::detect::registry::SIGNATURES;
use crate::detect::{Carrier, Facts, Label, Payload, Recognised};
use crate::dns::stream::begins_like_dns;
use crate::engine::dns_reading::{Between, DnsReader};
use crate::flow::key;
use crate::flow::table::{Control, Observed};
use crate::net::plain::Plain;
use crate::net::{Packet, protocol, tcp_flag};

/// Link type and bytes of a frame.
type TypedFrame<'a> = (u32, &'a [u8]);

/// What is left to do for a packet that was counted in its flow.
pub(in crate::engine) enum Settled {
    /// Nothing.
    Entirely,
    /// Nothing; its DNS messages were read.
    ByDns,
    /// To find out what it carries ([`Recognizer::recognise_unseen`]).
    Counted(Observed),
}

impl Arrival {
    /// That of a packet of this machine's own that nobody will see.
    pub(in crate::engine) fn unseen(timestamp_ns: i64, captured: u32) -> Self {
        Self {
            timestamp_ns,
            captured,
            context: 0,
            described: false,
            filtered: false,
            inspected: Inspected::default(),
        }
    }
}

impl Recognizer {
    /// Counts the packet in a frame in its flow, and sees to it that a flow with a label still has the right one.
    #[inline(always)]
    pub(in crate::engine) fn count_plain(
        &mut self,
        frame: TypedFrame,
        packet: &Plain,
        timestamp_ns: i64,
        dns: &mut DnsReader,
    ) -> Settled {
        self.newest_ns = self.newest_ns.max(timestamp_ns);
        let (key, from_lower) = key::of_plain(packet);
        let counted = self.flows.count_in_passing(
            &key,
            from_lower,
            packet.tcp_flags,
            frame.1.len() as u32,
            timestamp_ns,
        );
        let observed = match counted {
            Some(observed) => observed,
            None => match self.observe_plain(frame, timestamp_ns, dns) {
                Some(observed) => observed,
                None => return Settled::Entirely,
            },
        };
        let FlowData { detection, tcp, stream, .. } = &self.flows.get(observed.id).state;
        let is_tcp = packet.protocol == protocol::TCP;
        if packet.payload.is_empty() {
            let is_control = packet.tcp_flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0;
            if is_tcp && *stream != Stream::Unwanted && (is_control || tcp.is_held()) {
                return Settled::Counted(observed);
            }
        } else if is_tcp && *stream != Stream::Unwanted {
            return Settled::Counted(observed);
        } else if let Some(label) = detection.label() {
            let is_asked = self.courses[usize::from(label)].asks_about(packet.payload);
            if is_asked || detection.awaits(observed.direction) {
                return self.go_on(frame, timestamp_ns, observed, dns);
            }
        } else {
            return Settled::Counted(observed);
        }
        self.expire_streams(dns);
        Settled::Entirely
    }

    /// Counts a packet that may begin or end flows.
    // It is read again, here and below: that takes less time than to hand it over in memory.
    #[inline(never)]
    fn observe_plain(
        &mut self,
        (link_type, frame): TypedFrame,
        timestamp_ns: i64,
        dns: &mut DnsReader,
    ) -> Option<Observed> {
        let packet = Plain::read(link_type, frame)?;
        let Self { flows, traffic, reassembler, detector, detected, .. } = self;
        let (key, from_lower) = key::of_plain(&packet);
        let control = Control { flags: packet.tcp_flags, sequence: packet.tcp_sequence() };
        let length = frame.len() as u32;
        Some(flows.observe_key(&key, from_lower, control, length, timestamp_ns, &mut |flow, _| {
            end_flow(reassembler, detector, traffic, dns, detected, flow)
        }))
    }

    /// Finds out what a plain packet carries that was counted.
    #[inline(never)]
    pub(in crate::engine) fn recognise_unseen(
        &mut self,
        (link_type, frame): TypedFrame,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) {
        let Some(plain) = Plain::read(link_type, frame) else { return };
        dns.clear(false, false);
        facts.clear();
        let mut packet = Packet::unread(frame);
        plain.put_into(&mut packet);
        self.recognise_in_flow(&packet, arrival, observed, dns, facts);
    }

    /// A packet with a payload that the label of its flow asks to see.
    #[inline(never)]
    fn go_on(
        &mut self,
        (link_type, frame): TypedFrame,
        timestamp_ns: i64,
        observed: Observed,
        dns: &mut DnsReader,
    ) -> Settled {
        let Some(packet) = Plain::read(link_type, frame) else { return Settled::Entirely };
        let state = &mut self.flows.get_mut(observed.id).state.detection;
        let is_dns = |label: Label| self.dns_labels.contains(&Some(label));
        let ip = packet.ip_header();
        let is_tcp = packet.protocol == protocol::TCP;
        let mut settled = Settled::Entirely;
        let mut read_dns = || {
            dns.clear(false, false);
            settled = Settled::ByDns;
            dns.read_datagram(packet.payload, &Between::of_plain(&packet, &ip, timestamp_ns))
        };
        let is_done = !is_tcp && state.label().is_some_and(is_dns) && read_dns();
        if !is_done {
            let payload = Payload {
                bytes: packet.payload,
                length: packet.payload.len(),
                carrier: if is_tcp { Carrier::Tcp } else { Carrier::Udp },
                source_port: packet.source_port,
                destination_port: packet.destination_port,
                ip: Some(&ip),
                direction: observed.direction,
                at_start: false,
                timestamp_ns,
                described: false,
            };
            let has_dns = match self.detector.recognise(&payload, state) {
                Recognised::Protocol(label) => is_dns(label),
                _ => {
                    let is_expected = self.dns_ports.contains(packet.source_port)
                        || self.dns_ports.contains(packet.destination_port);
                    is_expected && begins_like_dns(packet.payload)
                }
            };
            if has_dns && !is_tcp {
                read_dns();
            }
        }
        self.expire_streams(dns);
        settled
    }
}

/// Which packets of its flows a label asks to see, by the first byte of their payload.
#[derive(Clone, Copy, Default)]
pub(super) struct Course([u64; 4]);

impl Course {
    /// By label.
    pub(super) fn all(dns_labels: &[Option<Label>]) -> [Self; 256] {
        let mut courses = [Self::default(); 256];
        for ((label, course), signature) in (0..).zip(&mut courses).zip(SIGNATURES) {
            let is_read = dns_labels.contains(&Some(label));
            for byte in (0..=u8::MAX).filter(|byte| is_read || signature.asks_about(*byte)) {
                course.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        courses
    }

    #[inline]
    fn asks_about(&self, payload: &[u8]) -> bool {
        let first = payload.first().copied().unwrap_or(0);
        self.0[usize::from(first >> 6)] >> (first & 63) & 1 != 0
    }
}

//! Plain packets that nobody will see: what they change in their flow, without all that a description needs.

use super::{Arrival, FlowData, Recognizer, Stream, end_flow};
use crate::detect::registry::SIGNATURES;
use crate::detect::{Carrier, Facts, Label, Payload, Recognised};
use crate::dns::stream::begins_like_dns;
use crate::engine::dns_reading::{Between, DnsReader};
use crate::flow::key;
use crate::flow::table::{Control, Observed};
use crate::net::plain::Plain;
use crate::net::{Packet, link_type, protocol, tcp_flag};

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
        Self { timestamp_ns, captured, context: 0, described: false, filtered: false }
    }
}

impl Recognizer {
    /// Counts a packet in its flow, and sees to it that a flow with a label still has the right one.
    #[inline(always)]
    pub(in crate::engine) fn count_plain(
        &mut self,
        packet: &Plain,
        timestamp_ns: i64,
        captured: u32,
        dns: &mut DnsReader,
    ) -> Settled {
        self.newest_ns = self.newest_ns.max(timestamp_ns);
        let (key, from_lower) = key::of_plain(packet);
        let counted = self.flows.count_in_passing(&key, from_lower, packet.tcp_flags, captured, timestamp_ns);
        let observed = match counted {
            Some(observed) => observed,
            None => self.observe_plain(*packet, timestamp_ns, captured, dns),
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
        } else {
            match detection.label().map_or(Course::Unknown, |label| self.courses[usize::from(label)]) {
                Course::Steady => {}
                Course::Unknown => return Settled::Counted(observed),
                course => return self.go_on(*packet, timestamp_ns, observed, course, dns),
            }
        }
        self.expire_streams(dns);
        Settled::Entirely
    }

    /// Counts a packet that may begin or end flows.
    #[inline(never)]
    fn observe_plain(
        &mut self,
        // By value, here and below, so that the packet lies in memory only where it has to.
        packet: Plain,
        timestamp_ns: i64,
        captured: u32,
        dns: &mut DnsReader,
    ) -> Observed {
        let Self { flows, traffic, reassembler, detector, detected, .. } = self;
        let (key, from_lower) = key::of_plain(&packet);
        let control = Control { flags: packet.tcp_flags, sequence: packet.tcp_sequence() };
        flows.observe_key(&key, from_lower, control, captured, timestamp_ns, &mut |flow, _| {
            end_flow(reassembler, detector, traffic, dns, detected, flow)
        })
    }

    /// Finds out what a plain packet carries that was counted.
    #[inline(never)]
    pub(in crate::engine) fn recognise_unseen(
        &mut self,
        frame: &[u8],
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
        facts: &mut Facts,
    ) {
        dns.clear(false, false);
        facts.clear();
        let mut packet = Packet::unread(frame);
        packet.read(link_type::ETHERNET, u32::MAX);
        self.recognise_in_flow(&packet, arrival, observed, dns, facts);
    }

    /// A packet with a payload, of a flow with a label that asks to see it.
    #[inline(never)]
    fn go_on(
        &mut self,
        packet: Plain,
        timestamp_ns: i64,
        observed: Observed,
        course: Course,
        dns: &mut DnsReader,
    ) -> Settled {
        let ip = packet.ip_header();
        let is_tcp = packet.protocol == protocol::TCP;
        let mut settled = Settled::Entirely;
        let mut read_dns = || {
            dns.clear(false, false);
            settled = Settled::ByDns;
            dns.read_datagram(packet.payload, &Between::of_plain(&packet, &ip, timestamp_ns))
        };
        let is_done = course == Course::Dns && !is_tcp && read_dns();
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
            let state = &mut self.flows.get_mut(observed.id).state.detection;
            let is_dns = match self.detector.recognise(&payload, state) {
                Recognised::Protocol(label) => self.courses[usize::from(label)] == Course::Dns,
                _ => {
                    let is_expected = self.dns_ports.contains(packet.source_port)
                        || self.dns_ports.contains(packet.destination_port);
                    is_expected && begins_like_dns(packet.payload)
                }
            };
            if is_dns && !is_tcp {
                read_dns();
            }
        }
        self.expire_streams(dns);
        settled
    }
}

/// What becomes of the packets of a flow, by its label.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// There is no such label.
    Unknown,
    /// They are that protocol's, whatever they carry.
    Steady,
    /// They are looked at for what contradicts the label, or is worth to be learned.
    Asked,
    /// Their DNS messages are read.
    Dns,
}

impl Course {
    /// By label.
    pub(super) fn all(dns_labels: &[Option<Label>]) -> [Self; 256] {
        let mut courses = [Self::Unknown; 256];
        for ((label, course), signature) in (0..).zip(&mut courses).zip(SIGNATURES) {
            *course = match signature.is_steady() {
                _ if dns_labels.contains(&Some(label)) => Self::Dns,
                true => Self::Steady,
                false => Self::Asked,
            };
        }
        courses
    }
}

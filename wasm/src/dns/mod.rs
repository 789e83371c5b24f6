//! DNS: messages as text ([`message`]), responses beside their queries ([`tracker`]), and signs of tunneling
//! ([`tunneling`]); [`Analyzer`] ties them together.

pub mod encoding;
pub mod entropy;
pub mod info;
pub mod message;
pub mod mnemonic;
pub mod name_facts;
pub mod names;
pub mod rdata;
pub mod stream;
pub mod suffix;
pub mod svcb;
pub mod tracker;
pub mod tunneling;

pub use info::write_info;
pub use message::{Message, Outcome};

use message::Header;
use name_facts::NameReader;
use tracker::{Endpoints, Key, Tracker};
use tunneling::{Detector, Sample};

/// Ports of mDNS (RFC 6762) and LLMNR (RFC 4795). Their queries go to a group and are answered from another
/// address, so they cannot be correlated.
const MULTICAST_PORTS: [u16; 2] = [5353, 5355];

/// Where a message came from and went to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowView {
    /// IP protocol number: 6 TCP, 17 UDP.
    pub transport: u8,
    /// Source address; an IPv4 address in any form that is the same for all packets.
    pub source: [u8; 16],
    /// Destination address, in the same form.
    pub destination: [u8; 16],
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Whether the tunneling detector looks at this flow. Not for mDNS and LLMNR: service names are long and
    /// look random, but go nowhere.
    pub scored: bool,
}

/// What the messages before say of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Time from the query to this response in whole milliseconds; 0 where there is no such query.
    pub query_response_time_ms: i64,
    /// Whether this is the response to a query seen before.
    pub correlated_query: bool,
    /// Signs of tunneling, 0 to 1; 0 where detection is off.
    pub tunneling_score: f64,
    /// Entropy of the first question's name in bits per character; 0 where detection is off.
    pub entropy_score: f64,
}

/// Judges messages by those before them. Time is capture time, so the same packets give the same verdicts.
pub struct Analyzer {
    detection: Option<Detection>,
    tracker: Tracker,
    /// The name at hand, normalized.
    name: Vec<u8>,
    queries: u64,
    responses: u64,
    correlated: u64,
}

struct Detection {
    names: NameReader,
    detector: Detector,
}

impl Analyzer {
    /// An analyzer; without `detect_tunneling` all scores are 0.
    pub fn new(detect_tunneling: bool) -> Self {
        Self {
            detection: detect_tunneling.then(|| Detection {
                names: NameReader::new(),
                detector: Detector::new(tunneling::MAX_DOMAINS),
            }),
            tracker: Tracker::new(tracker::MAX_PENDING),
            name: Vec::new(),
            queries: 0,
            responses: 0,
            correlated: 0,
        }
    }

    /// Judges a message captured at `timestamp_ns`, and remembers it.
    pub fn observe(&mut self, message: &Message, flow: &FlowView, timestamp_ns: i64) -> Verdict {
        let mut verdict = Verdict::default();
        let response = message.header().is_response();
        let count = if response { &mut self.responses } else { &mut self.queries };
        *count += 1;
        if let Some(waited) = self.correlate(message.header(), flow, message.asked(), timestamp_ns) {
            self.correlated += 1;
            verdict.correlated_query = true;
            verdict.query_response_time_ms = waited;
        }
        let (Some(Detection { names, detector }), Some(question)) = (&mut self.detection, message.question())
        else {
            return verdict;
        };
        suffix::normalize(message.text(question.name), &mut self.name);
        let (hash, rr_type) = (name_facts::hash(&self.name), question.rr_type);
        let name = names.facts(&self.name, hash);
        verdict.entropy_score = name.entropy;
        if flow.scored && name.length > 0 && !name.reverse_mapping {
            let sample = Sample { name, rr_type, timestamp_ns };
            verdict.tunneling_score =
                if response { detector.response(&sample) } else { detector.query(&sample) };
        }
        verdict
    }

    /// Queries observed.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// Responses observed.
    pub fn responses(&self) -> u64 {
        self.responses
    }

    /// Responses whose query had been observed.
    pub fn correlated(&self) -> u64 {
        self.correlated
    }

    /// Waiting queries displaced for want of room.
    pub fn query_evictions(&self) -> u64 {
        self.tracker.evictions()
    }

    /// Base domains displaced for want of room.
    pub fn domain_evictions(&self) -> u64 {
        self.detection.as_ref().map_or(0, |detection| detection.detector.evictions())
    }

    /// Notes a query, or finds the one that a response answers and returns the milliseconds between them.
    fn correlate(
        &mut self,
        header: &Header,
        flow: &FlowView,
        question: Option<(u64, u16)>,
        timestamp_ns: i64,
    ) -> Option<i64> {
        if MULTICAST_PORTS.contains(&flow.source_port) || MULTICAST_PORTS.contains(&flow.destination_port) {
            return None;
        }
        let source = (&flow.source, flow.source_port);
        let destination = (&flow.destination, flow.destination_port);
        let (client, server) =
            if header.is_response() { (destination, source) } else { (source, destination) };
        let endpoints = Endpoints {
            transport: flow.transport,
            client: client.0,
            client_port: client.1,
            server: server.0,
            server_port: server.1,
        };
        let hosts = endpoints.hash();
        let key_of = |(name, rr_type)| Key::new(hosts, header.id, name, rr_type);
        let id_key = || key_of((0, 0));
        match (header.is_response(), question.map(key_of)) {
            (true, Some(key)) => self.tracker.response(key, id_key(), timestamp_ns),
            (true, None) => self.tracker.response_without_question(id_key(), timestamp_ns),
            (false, Some(key)) => {
                self.tracker.query(key, id_key(), timestamp_ns);
                None
            }
            (false, None) => None,
        }
    }
}

#[cfg(test)]
mod tests;

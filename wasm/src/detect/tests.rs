//! The vectors of the specification, and what must never be recognised.

use super::registry::SIGNATURES;
use super::*;
use crate::flow::key::Direction;
use crate::net::{Address, IpHeader};

/// One flow being judged, packet by packet.
pub(super) struct Flow {
    pub(super) state: FlowState,
    pub(super) clock: i64,
    /// Nobody looks at the packets: names alone.
    pub(super) is_quiet: bool,
    streams: [Vec<u8>; 2],
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            state: FlowState::default(),
            clock: 1_700_000_000_000_000_000,
            is_quiet: false,
            streams: Default::default(),
        }
    }
}

/// A packet from 10.0.0.1 to 10.0.0.2, or back.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) carrier: Carrier,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    pub(super) reverse: bool,
    pub(super) payload: Vec<u8>,
}

/// A UDP datagram, a TCP segment or an SCTP packet.
pub(super) fn sent(carrier: Carrier, source_port: u16, destination_port: u16, payload: &[u8]) -> Sent {
    Sent { carrier, source_port, destination_port, reverse: false, payload: payload.to_vec() }
}

/// What the engine does for one packet, without the engine: name and details.
pub(super) fn judge(
    detector: &mut Detector,
    flow: &mut Flow,
    sent: &Sent,
) -> (Option<&'static str>, Vec<(&'static str, String)>, String) {
    flow.clock += 20_000_000;
    let addresses = [Address::v4([10, 0, 0, 1]), Address::v4([10, 0, 0, 2])];
    let (source, destination) = if sent.reverse { (1, 0) } else { (0, 1) };
    let protocol = match sent.carrier {
        Carrier::Udp => 17,
        Carrier::Tcp => 6,
        Carrier::Sctp => 132,
        Carrier::Ip(protocol) => protocol,
        _ => 0,
    };
    let ip = IpHeader {
        source: addresses[source],
        destination: addresses[destination],
        version: 4,
        protocol,
        hop_limit: 64,
    };
    let side = usize::from(sent.reverse);
    // An unlabelled TCP stream is shown from its beginning, as long as a signature asks for more.
    let asked = sent.carrier == Carrier::Tcp && flow.state.label().is_none();
    if asked {
        flow.streams[side].extend_from_slice(&sent.payload);
    }
    let bytes = if asked { flow.streams[side].clone() } else { sent.payload.clone() };
    let payload = Payload {
        bytes: &bytes,
        length: bytes.len(),
        carrier: sent.carrier,
        source_port: sent.source_port,
        destination_port: sent.destination_port,
        ip: matches!(sent.carrier, Carrier::Udp | Carrier::Tcp | Carrier::Sctp | Carrier::Ip(_))
            .then_some(&ip),
        direction: if sent.reverse { Direction::Reverse } else { Direction::Forward },
        at_start: bytes.len() == flow.streams[side].len(),
        timestamp_ns: flow.clock,
        described: !flow.is_quiet,
    };
    let recognised = detector.recognise(&payload, &mut flow.state);
    if recognised != Recognised::More {
        flow.streams[side].clear();
    }
    let Recognised::Protocol(label) = recognised else { return (None, Vec::new(), String::new()) };
    let mut facts = Facts::default();
    if !flow.is_quiet {
        detector.describe(label, &payload, &mut flow.state, &mut facts);
    }
    let details =
        facts.entries().map(|(key, value)| (key, String::from_utf8(value.to_vec()).unwrap())).collect();
    (Some(SIGNATURES[usize::from(label)].name), details, String::from_utf8(facts.info().to_vec()).unwrap())
}

/// Names of the packets of one flow.
pub(super) fn names(packets: &[Sent]) -> Vec<Option<&'static str>> {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    packets.iter().map(|sent| judge(&mut detector, &mut flow, sent).0).collect()
}

/// Pseudo-random bytes, the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 24) as u8).collect()
    }
}

/// Bytes of hexadecimal digits.
pub(super) fn from_hex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

#[test]
fn names_are_unique_and_carried_by_something() {
    for (number, signature) in SIGNATURES.iter().enumerate() {
        assert!(!signature.carriers.is_empty(), "{}", signature.name);
        assert!(SIGNATURES[..number].iter().all(|other| other.name != signature.name), "{}", signature.name);
    }
}

#[test]
fn no_payload_makes_a_signature_panic() {
    // Every vector, cut at every length and damaged, through every carrier and a few ports.
    let mut random = Random(7);
    for vector in vectors::all() {
        for length in 0..vector.payload.len().min(96) {
            let mut damaged = vector.payload[..=length].to_vec();
            if let Some(byte) = damaged.get_mut(random.next() as usize % (length + 1)) {
                *byte = random.next() as u8;
            }
            for payload in [vector.payload[..=length].to_vec(), damaged] {
                let packet = Sent { payload, ..vector.sent.clone() };
                names(&[packet.clone(), Sent { reverse: true, ..packet }]);
            }
        }
    }
}

#[test]
fn random_payloads_are_not_recognised() {
    // Each its own flow; and, on the ports of all protocols, flows of several packets both ways.
    let mut ports: Vec<u16> = SIGNATURES.iter().flat_map(|signature| signature.ports).copied().collect();
    ports.extend([7001, 40003, 54321, 8443, 10000, 30000]);
    ports.sort_unstable();
    ports.dedup();
    let mut detector = Detector::new();
    for carrier in [Carrier::Udp, Carrier::Tcp, Carrier::Sctp] {
        for port in &ports {
            // Of its own, so that a further port changes nothing for the others.
            let mut random = Random(99 << 16 | u64::from(*port));
            let (mut packets, mut found) = (0, Vec::new());
            for flow_number in 0..500 {
                let length = [1, 4, 8, 12, 20, 28, 48, 64, 148, 200, 500, 1200, 1400][flow_number % 13];
                let mut flow = Flow::default();
                for turn in 0..4 {
                    let source = 40001 + (flow_number % 2) as u16;
                    let packet = match turn % 2 {
                        0 => sent(carrier, source, *port, &random.bytes(length)),
                        _ => Sent { reverse: true, ..sent(carrier, *port, source, &random.bytes(length)) },
                    };
                    packets += 1;
                    found.extend(judge(&mut detector, &mut flow, &packet).0.map(|name| (name, length)));
                }
            }
            // Fewer than one in a thousand.
            assert!(
                found.len() * 1000 <= packets,
                "{carrier:?} port {port}: {} of {packets}: {found:?}",
                found.len()
            );
        }
    }
}

mod deployed_forms;
mod mid_stream;
mod variants;
mod vectors;

#[test]
fn what_a_signature_does_not_ask_about_never_contradicts_it_and_is_not_noted() {
    let mut shared = Shared::default();
    for signature in SIGNATURES {
        for first in (0..=u8::MAX).filter(|first| !signature.asks_about(*first)) {
            for rest in [
                &b""[..],
                b"ET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
                &[3, 1, 0, 5, 1, 0, 0, 1, 3],
                &[0xff; 40],
            ] {
                let bytes = [&[first], rest].concat();
                for carrier in signature.carriers {
                    let payload = Payload {
                        bytes: &bytes,
                        length: bytes.len(),
                        carrier: *carrier,
                        source_port: 1024,
                        destination_port: 80,
                        ip: None,
                        direction: Direction::Forward,
                        at_start: false,
                        timestamp_ns: 0,
                        described: false,
                    };
                    let mut state = FlowState::default();
                    let before = format!("{state:?}");
                    assert!(
                        (signature.continues)(&payload, &mut state, &mut shared),
                        "{}: {bytes:?}",
                        signature.name
                    );
                    assert_eq!(format!("{state:?}"), before, "{}", signature.name);
                }
            }
        }
    }
}

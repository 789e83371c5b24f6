//! Bytes as the payloads of two flows over one carrier, as the engine shows them to the detector.
//!
//! Whatever they are, labels are those of signatures, facts are clean text of bounded length, the answers are the same
//! each time, and labels are the same when nobody wants the facts.
#![no_main]

mod input;

use caracal_engine::detect::registry::SIGNATURES;
use caracal_engine::detect::{Carrier, Detector, Facts, FlowState, Payload, Recognised};
use caracal_engine::flow::key::Direction;
use caracal_engine::net::{Address, IpHeader};
use input::Input;
use libfuzzer_sys::fuzz_target;

/// Longest info text, longest value, and longest text of all values, bytes: what `Facts` promises, with room for what
/// signatures write on their own.
const MOST_INFO: usize = 1024;
const MOST_VALUE: usize = 1024;
const MOST_TEXT: usize = 4096 + MOST_VALUE;

/// Label and info of each payload.
type Answers = Vec<(Recognised, Vec<u8>)>;

fuzz_target!(|bytes: &[u8]| {
    let answers = drive(bytes, true);
    // For a share of the inputs, since a detector takes long to make.
    match bytes.len() % 8 {
        0 => assert!(answers == drive(bytes, true), "the answers differ from one time to the next"),
        1 | 2 => {
            let labels = |answers: Answers| answers.into_iter().map(|(label, _)| label).collect::<Vec<_>>();
            assert_eq!(labels(answers), labels(drive(bytes, false)), "labels depend on who looks");
        }
        _ => {}
    }
});

#[derive(Default)]
struct TestFlow {
    state: FlowState,
    /// What a direction of a stream has shown so far, while there is no label.
    streams: [Vec<u8>; 2],
    /// Whether these no longer begin at the stream's beginning.
    is_later: [bool; 2],
}

/// What comes of the payloads; without facts unless `described`.
fn drive(bytes: &[u8], described: bool) -> Answers {
    let mut input = Input::new(bytes);
    let carrier = match input.u8() {
        0..=89 => Carrier::Udp,
        90..=199 => Carrier::Tcp,
        200..=214 => Carrier::Sctp,
        215..=234 => Carrier::Ip(input.u8()),
        235..=249 => Carrier::Ethertype(input.u16()),
        _ => Carrier::Llc,
    };
    let ports = [port(&mut input), port(&mut input)];
    let mut detector = Detector::new();
    let mut flows = [TestFlow::default(), TestFlow::default()];
    let mut facts = Facts::default();
    let mut now_ns = 1_700_000_000_000_000_000;
    let mut answers = Vec::new();
    while !input.is_empty() {
        let choice = input.u8();
        now_ns = i64::saturating_add(now_ns, input.pause());
        let length = usize::from(input.u16() & 0x7ff);
        let taken = input.bytes(length);
        if taken.is_empty() {
            continue;
        }
        let flow = &mut flows[usize::from(choice & 1)];
        answers.push(judge(
            &mut detector,
            flow,
            &mut facts,
            carrier,
            ports,
            choice,
            now_ns,
            taken,
            described,
        ));
    }
    answers
}

/// A well-known port, or any other.
fn port(input: &mut Input) -> u16 {
    let choice = input.u16();
    let ports = || SIGNATURES.iter().flat_map(|signature| signature.ports);
    match choice {
        // Ports of the signatures, by their place: the high byte says that one of these is meant.
        0xff00.. => *ports().nth(usize::from(choice & 0xff) % ports().count().max(1)).unwrap_or(&0),
        other => other,
    }
}

#[allow(clippy::too_many_arguments)]
fn judge(
    detector: &mut Detector,
    flow: &mut TestFlow,
    facts: &mut Facts,
    carrier: Carrier,
    ports: [u16; 2],
    choice: u8,
    now_ns: i64,
    taken: &[u8],
    described: bool,
) -> (Recognised, Vec<u8>) {
    let reverse = choice & 2 != 0;
    let side = usize::from(reverse);
    let protocol = match carrier {
        Carrier::Udp => 17,
        Carrier::Tcp => 6,
        Carrier::Sctp => 132,
        Carrier::Ip(protocol) => protocol,
        Carrier::Ethertype(_) | Carrier::Llc => 0,
    };
    let address = |number| match choice & 4 {
        0 => Address::v4([10, 0, choice & 1, number]),
        _ => Address::v6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, choice & 1, number]),
    };
    let (source, destination) = if reverse { (address(2), address(1)) } else { (address(1), address(2)) };
    let version = if choice & 4 == 0 { 4 } else { 6 };
    let ip = IpHeader { source, destination, version, protocol, hop_limit: 64 };
    // An unlabelled TCP stream is shown from where its last verdict ended, as long as a signature asks for more.
    let joined = carrier == Carrier::Tcp && flow.state.label().is_none();
    if joined {
        flow.streams[side].extend_from_slice(taken);
    }
    let bytes = if joined { std::mem::take(&mut flow.streams[side]) } else { taken.to_vec() };
    let cut = if carrier == Carrier::Tcp { 0 } else { usize::from(choice >> 4) * 16 };
    let payload = Payload {
        bytes: &bytes,
        length: bytes.len() + cut,
        carrier,
        source_port: ports[side],
        destination_port: ports[1 - side],
        ip: (protocol != 0).then_some(&ip),
        direction: if reverse { Direction::Reverse } else { Direction::Forward },
        at_start: joined && !flow.is_later[side] && choice & 8 == 0,
        timestamp_ns: now_ns,
        described,
    };
    let recognised = detector.recognise(&payload, &mut flow.state);
    facts.clear();
    match recognised {
        Recognised::Protocol(label) => {
            assert!(usize::from(label) < SIGNATURES.len(), "a label of nothing");
            if described {
                detector.describe(label, &payload, &mut flow.state, facts);
                check(facts, SIGNATURES[usize::from(label)].name);
            }
        }
        Recognised::More => assert!(flow.state.label().is_none(), "more is asked for of a flow with a label"),
        Recognised::Nothing => {}
    }
    match recognised {
        Recognised::More if joined => flow.streams[side] = bytes,
        _ => flow.is_later[side] = true,
    }
    (recognised, facts.info().to_vec())
}

fn check(facts: &Facts, name: &str) {
    let clean = |what: &str, text: &[u8], most: usize| {
        let text = str::from_utf8(text).unwrap_or_else(|error| panic!("{name}: {what}: {error}"));
        assert!(text.len() <= most, "{name}: {what} has {} bytes: {text}", text.len());
        assert!(!text.chars().any(char::is_control), "{name}: {what} has control characters: {text:?}");
    };
    clean("info", facts.info(), MOST_INFO);
    let mut sum = 0;
    for (number, (key, value)) in facts.entries().enumerate() {
        assert!(!key.is_empty(), "{name}: a value without a key");
        assert!(facts.entries().take(number).all(|(other, _)| other != key), "{name}: {key} twice");
        assert!(!value.is_empty(), "{name}: {key} without a value");
        clean(key, value, MOST_VALUE);
        sum += value.len();
    }
    assert!(sum <= MOST_TEXT, "{name}: {sum} bytes of values");
}

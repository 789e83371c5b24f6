//! Calls: packets between a few endpoints, as the input says, through the engine in its VoIP mode.
//!
//! Whatever they are, the engine must not panic, must account for every packet and every call, must write what
//! receivers can read, and must answer the same when the capture is cut elsewhere, when tables are hashed otherwise, and
//! when calls are not reported. Several engines that share the traffic must account for all of it, too.
#![no_main]

mod input;
mod outputs;

use std::collections::{BTreeMap, VecDeque};

use caracal_engine::engine::{CALL_PCAP, CALLS, Counters, Engine, JSON, Options, Protocol, Settings, WIRE};
use caracal_engine::matching::filter_set::{FilterSet, NoFilterPolicy};
use caracal_engine::matching::filter_type::FilterType;
use caracal_engine::net::Address;
use caracal_engine::net::segment::{Headers, write_segment};
use input::Input;
use libfuzzer_sys::fuzz_target;
use outputs::Outputs;

const SECOND: i64 = 1_000_000_000;
/// Ports of SIP and of media; those of RTCP are one higher.
const PORTS: [u16; 4] = [5060, 4000, 4001, 5000];
const MOST_PACKETS: usize = 200;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let (outputs, filters, cuts, calls) = (input.u8(), input.u8(), input.u8(), input.u8());
    let case = Case { outputs: outputs & (WIRE | CALLS | CALL_PCAP) | JSON, filters, calls, seed: "0" };
    let capture = capture(&mut input);
    let whole = case.drive(&capture, capture.len());
    whole.outputs.check(case.outputs, true);
    assert_eq!(whole.ended.len(), whole.captures.len(), "captures of calls that never end");
    check_counters(&whole.counters);
    let step = usize::from(cuts).max(1) * 7;
    assert_eq!(whole, case.drive(&capture, step), "the answer depends on where the capture is cut");
    if calls & 128 != 0 {
        let reseeded = Case { seed: "17.25", ..case }.drive(&capture, capture.len());
        assert_eq!(whole, reseeded, "the answer depends on the seed");
    }
    if case.outputs & CALLS != 0 {
        let mut unreported = Case { outputs: case.outputs & !CALLS, ..case }.drive(&capture, capture.len());
        assert_eq!(unreported.calls, b"");
        unreported.calls.clone_from(&whole.calls);
        // Where there are no reports, no legs are looked for, and their names need no room.
        unreported.counters.detection_evictions = whole.counters.detection_evictions;
        assert_eq!(whole, unreported, "the answer depends on the reports");
    }
    if case.outputs & CALLS == 0 {
        case.share(&capture, usize::from(cuts & 15));
    }
    if case.outputs & WIRE != 0 {
        let mut receiver = Engine::new(Options { outputs: JSON | CALLS, ..Options::default() });
        assert!(receiver.process_batch(&whole.outputs.wire), "wire output that is no batch");
        receiver.finish();
    }
});

/// How an engine is set up.
struct Case {
    outputs: u8,
    filters: u8,
    /// Most calls in the lower bits; 0 for the default.
    calls: u8,
    seed: &'static str,
}

#[derive(Debug, PartialEq)]
struct Answer {
    outputs: Outputs,
    calls: Vec<u8>,
    /// By the number of a call: its name, times and link type, and the records.
    captures: BTreeMap<u32, Vec<u8>>,
    /// Calls that were said to be over.
    ended: Vec<u32>,
    counters: Counters,
}

impl Case {
    fn engine(&self, is_shared: bool) -> Engine {
        let mut settings = Settings::default();
        let most_calls = (self.calls & 15).to_string();
        for (applies, name, value) in [
            (self.calls & 15 != 0, "max_calls", most_calls.as_str()),
            (self.calls & 16 != 0, "rtp_lines", "true"),
            (self.calls & 32 != 0, "tcp_call_aware_timeout", "true"),
            (is_shared, "share_calls", "true"),
            (true, "seed", self.seed),
        ] {
            assert!(!applies || settings.set(name, value), "{name} cannot be {value}");
        }
        let options = Options {
            outputs: self.outputs,
            protocol: Protocol::Voip,
            udp_only: self.calls & 64 != 0,
            batch_packets: 5,
            batch_bytes: 4000,
            ..Options::default()
        };
        let mut engine = Engine::with_settings(options, &settings);
        engine.set_filters(filter_set(self.filters));
        engine
    }

    /// Packet by packet to one of two engines, which hear of each other's calls after so many.
    fn share(&self, capture: &[u8], lag: usize) {
        let mut engines = [self.engine(true), self.engine(true)];
        let mut underway = VecDeque::new();
        let (header, mut rest) = capture.split_at(24);
        for engine in &mut engines {
            engine.open_input("fuzz", "");
            engine.process(0, header, false);
        }
        while let Some(length) = rest.get(8..12) {
            let length = 16 + u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
            let (record, after) = rest.split_at(length);
            rest = after;
            // By the lowest bits of the hosts.
            let chosen = record.get(16 + 29..16 + 34).map_or(0, |hosts| hosts[0] ^ hosts[4]) & 1;
            engines[usize::from(chosen)].process(0, record, false);
            for (number, engine) in engines.iter_mut().enumerate() {
                underway.push_back((number, engine.told().to_vec()));
                engine.forget_told();
            }
            while underway.len() > 2 * lag {
                let (number, told) = underway.pop_front().expect("it is not empty");
                engines[1 - number].hear(&told);
            }
        }
        for mut engine in engines {
            engine.finish();
            check_counters(&engine.counters());
        }
    }

    fn drive(&self, capture: &[u8], step: usize) -> Answer {
        let mut engine = self.engine(false);
        let input = engine.open_input("fuzz", "");
        let mut answer = Answer {
            outputs: Outputs::default(),
            calls: Vec::new(),
            captures: BTreeMap::new(),
            ended: Vec::new(),
            counters: Counters::default(),
        };
        let (mut start, mut end) = (0usize, 0usize);
        loop {
            end = capture.len().min(end + step);
            start += engine.process(input, &capture[start..end], end == capture.len()).consumed;
            answer.take(&mut engine);
            if end == capture.len() {
                break;
            }
        }
        engine.finish();
        answer.take(&mut engine);
        answer.counters = engine.counters();
        // In which order calls of one block end is not said.
        answer.ended.sort_unstable();
        answer
    }
}

impl Answer {
    fn take(&mut self, engine: &mut Engine) {
        self.calls.extend_from_slice(engine.output(CALLS));
        self.take_captures(Input::new(engine.output(CALL_PCAP)));
        self.outputs.take(engine);
    }

    /// Puts together the groups of records, which are those of a block.
    fn take_captures(&mut self, mut groups: Input) {
        while !groups.is_empty() {
            let mut number = || groups.u32().swap_bytes();
            let (call, flags, name) = (number(), number(), number() as usize);
            let start = groups.bytes(name + if flags & 1 != 0 { 12 } else { 0 });
            let length = groups.u32().swap_bytes() as usize;
            let records = groups.bytes(length);
            assert_eq!(records.len(), length, "a group that is cut");
            assert_eq!(flags & 1 != 0, !self.captures.contains_key(&call), "a call begins once");
            assert!(!self.ended.contains(&call), "a call goes on behind its end");
            let capture = self.captures.entry(call).or_default();
            capture.extend_from_slice(start);
            capture.extend_from_slice(records);
            if flags & 2 != 0 {
                self.ended.push(call);
            }
        }
    }
}

fn check_counters(counters: &Counters) {
    let rejected = counters.rejected_by_mode + counters.rejected_by_filters + counters.rejected_fragments;
    let replaced = counters.fragments_merged + counters.fragment_duplicates + counters.stream_segments;
    assert_eq!(
        counters.packets + counters.datagrams_rebuilt + counters.stream_messages,
        counters.kept + rejected + replaced + counters.call_buffer_full,
        "packets are lost: {counters:?}"
    );
    assert_eq!(
        counters.calls_begun,
        counters.calls_ended + counters.calls_unmatched + counters.calls_evicted + counters.calls_merged,
        "calls are lost: {counters:?}"
    );
}

fn filter_set(choice: u8) -> FilterSet {
    let deny = choice & 1 != 0;
    let mut set = FilterSet::new(if deny { NoFilterPolicy::Deny } else { NoFilterPolicy::Allow });
    for (bit, filter_type, pattern) in [
        (2, FilterType::SipUser, "alice"),
        (4, FilterType::SipUri, "bob@*"),
        (8, FilterType::CallId, "1*"),
        (16, FilterType::Codec, "PCMA"),
        (32, FilterType::IpAddress, "10.0.0.3"),
        (64, FilterType::PhoneNumber, "*123"),
    ] {
        if choice & bit != 0 {
            set.add(filter_type as u32, pattern, pattern).expect("a good filter");
        }
    }
    set.build().expect("room for a few filters");
    set
}

/// Packets of hosts 10.0.0.1 to 10.0.0.4: each is a kind, its ends, a pause and what it carries.
fn capture(input: &mut Input) -> Vec<u8> {
    let mut capture =
        [&0xa1b2_3c4du32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat();
    let mut now_ns = 1_700_000_000 * SECOND;
    let mut sequences = [1u32; 256];
    let mut last: &[u8] = &[];
    for _ in 0..MOST_PACKETS {
        if input.is_empty() {
            break;
        }
        let (kind, ends) = (input.u8(), input.u8());
        now_ns = now_ns.saturating_add(input.pause()).clamp(0, i64::from(u32::MAX) * SECOND);
        let socket =
            |host: u8, port: u8| (Address::v4([10, 0, 0, 1 + (host & 3)]), PORTS[usize::from(port & 3)]);
        let (source, destination) = (socket(ends, ends >> 4), socket(ends >> 2, ends >> 6));
        let mut frame = match kind & 15 {
            0..=6 => {
                let length = usize::from(input.u16() & 0x7ff);
                last = input.bytes(length);
                datagram(source, destination, last)
            }
            7 => datagram(source, destination, last),
            8..=10 => {
                let (ssrc, number) = (input.u8() & 3, input.u16());
                let header = [0x80, if kind & 16 != 0 { 8 } else { 0 }];
                let time = (u32::from(number) * 160).to_be_bytes();
                let packet =
                    [&header[..], &number.to_be_bytes(), &time, &[0, 0, 0, ssrc], &[0x55; 40]].concat();
                datagram(source, destination, &packet)
            }
            11..=14 => {
                let length = usize::from(input.u16() & 0x7ff);
                let bytes = input.bytes(length);
                let next = &mut sequences[usize::from(ends)];
                // A hole, or bytes that came before.
                let skip = if kind & 16 != 0 { i32::from(input.u8().cast_signed()) } else { 0 };
                let sequence = next.wrapping_add_signed(skip);
                *next = sequence.wrapping_add(bytes.len() as u32);
                let headers = Headers { source, destination, sequence, acknowledgment: 1 };
                let mut frame = Vec::new();
                write_segment(&headers, bytes, None, &mut frame);
                frame
            }
            _ => {
                let length = usize::from(input.u8());
                input.bytes(length).to_vec()
            }
        };
        if kind & 32 != 0 && frame.len() > 14 {
            frame.splice(12..12, [0x81, 0, 0, kind >> 6]);
        }
        // Some are cut by a snapshot length.
        let original = frame.len() as u32;
        if kind & 0xc0 == 0xc0 {
            frame.truncate(400);
        }
        for field in [(now_ns / SECOND) as u32, (now_ns % SECOND) as u32, frame.len() as u32, original] {
            capture.extend(field.to_le_bytes());
        }
        capture.extend(frame);
    }
    capture
}

fn datagram(source: (Address, u16), destination: (Address, u16), payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend(source.0.octets());
    frame.extend(destination.0.octets());
    for number in [source.1, destination.1, 8 + payload.len() as u16, 0] {
        frame.extend(number.to_be_bytes());
    }
    frame.extend(payload);
    frame
}

//! Bytes as segments of four connections, within small bounds, for a consumer of any appetite.
//!
//! Events tile the streams; what is shown is what was sent with those sequence numbers; bounds hold; nothing is left
//! over at the end.
#![no_main]

mod input;

use caracal_engine::flow::key::Direction;
use caracal_engine::flow::reassembly::{EndReason, Event, Options, Reassembler, Segment, Strategy, Want};
use caracal_engine::flow::tcp_state::TcpState;
use caracal_engine::net::tcp_flag;
use input::Input;
use libfuzzer_sys::fuzz_target;

const CONNECTIONS: usize = 4;
/// Longest segment, bytes.
const MOST_LENGTH: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let modes = input.u8();
    let options = options(modes, &mut input);
    let mut reassembler = Reassembler::new(options);
    let mut witness = Witness::new(modes & 128 == 0);
    let mut states = [TcpState::default(); CONNECTIONS];
    let mut now_ns = 1_700_000_000_000_000_000;
    while !input.is_empty() {
        let choice = input.u8();
        let owner = choice & 3;
        let state = &mut states[usize::from(owner)];
        witness.appetite = input.u8();
        now_ns = i64::saturating_add(now_ns, input.pause());
        (witness.current, witness.is_syn) = (Some(owner), false);
        match choice >> 3 & 31 {
            0 => {
                witness.current = None;
                let kept = witness.appetite;
                witness.streams.iter_mut().for_each(|stream| stream.may_be_over = true);
                let mut keep = |owner: u32, _| kept >> (owner & 3) & 1 != 0;
                reassembler.expire(now_ns, &mut keep, &mut |owner, event| witness.take(owner, event));
            }
            1 => {
                reassembler.release(state, u32::from(owner));
                witness.close(owner);
            }
            2 => {
                witness.streams[usize::from(owner)].may_be_over = true;
                let mut consumer = |owner, event: Event| witness.take(owner, event);
                reassembler.finish(state, u32::from(owner), now_ns, &mut consumer);
                assert!(witness.left_of(owner) == 0, "left over after the end");
            }
            3 => {
                // The flow is gone, and its place is another's.
                reassembler.release(state, u32::from(owner));
                *state = TcpState::default();
                witness.forget(owner);
            }
            _ => take_segment(&mut reassembler, state, choice, &mut input, now_ns, &mut witness),
        }
        let counters = reassembler.counters();
        assert!(counters.held_streams <= options.streams as u64, "more streams than there may be");
        assert!(counters.held_memory <= options.total_bytes as u64, "more memory than there may be");
        assert!(counters.held_bytes <= counters.held_memory, "more bytes than memory for them");
        assert!(witness.left() as u64 <= counters.held_bytes, "bytes that are left over are not held");
        assert_eq!(counters.missing_bytes, witness.missing, "missing bytes");
    }
    witness.current = None;
    reassembler.finish_all(now_ns, &mut |owner, event| witness.take(owner, event));
    let counters = reassembler.counters();
    assert_eq!((counters.held_streams, counters.held_bytes, counters.held_memory), (0, 0, 0));
    assert_eq!(witness.left(), 0, "bytes that were never given up");
});

fn options(modes: u8, input: &mut Input) -> Options {
    let profile = ["balanced", "minimal", "high_performance", "low_latency"][usize::from(modes & 3)];
    let profile = Options::profile(profile).expect("a profile");
    Options {
        strategy: [Strategy::Fixed, Strategy::Ring, Strategy::Adaptive, profile.strategy]
            [usize::from(modes >> 2 & 3)],
        streams: 1 + usize::from(modes >> 4 & 3),
        state_timeouts: modes & 64 != 0,
        total_bytes: 256 + 64 * usize::from(input.u8()),
        flow_bytes: 1 + 32 * usize::from(input.u8()),
        unparsed_bytes: 32 * usize::from(input.u8()),
        out_of_order_bytes: 16 * usize::from(input.u8()),
        out_of_order_segments: usize::from(input.u8() & 31),
        ..profile
    }
}

fn take_segment(
    reassembler: &mut Reassembler,
    state: &mut TcpState,
    choice: u8,
    input: &mut Input,
    now_ns: i64,
    witness: &mut Witness,
) {
    let owner = choice & 3;
    let direction = if choice & 4 == 0 { Direction::Forward } else { Direction::Reverse };
    let shape = input.u8();
    // Around the wrap of the sequence numbers in one direction, in the middle in the other one; some far away.
    let base = if choice & 4 == 0 { 0xffff_ff00 } else { 0x1234_5678 };
    let far = if shape & 15 == 15 { u32::from(input.u8()) << 16 } else { 0 };
    let sequence = u32::wrapping_add(base, u32::from(input.u16() & 0x1fff)).wrapping_add(far);
    let length = match shape >> 4 & 3 {
        0 => 0,
        1 => usize::from(input.u8()),
        2 => usize::from(input.u8()) * 16,
        _ => usize::from(input.u16()) % MOST_LENGTH,
    };
    let control = match shape >> 6 {
        3 => input.u8() & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST),
        _ => 0,
    };
    let acknowledgement = match shape >> 6 {
        0 => None,
        _ => Some(u32::wrapping_add(0x1234_5678 ^ 0xedcb_a988 ^ base, u32::from(input.u16() & 0x1fff))),
    };
    let first = sequence.wrapping_add(u32::from(control & tcp_flag::SYN != 0));
    let mut payload = [0; MOST_LENGTH];
    let stray = if witness.is_canonical { 0 } else { input.u8() };
    for (at, byte) in payload[..length].iter_mut().enumerate() {
        *byte = sent(owner, direction, first.wrapping_add(at as u32)) ^ stray;
    }
    let captured = if shape & 12 == 12 { length * usize::from(input.u8()) / 255 } else { length };
    let segment = Segment {
        sequence,
        flags: control | if acknowledgement.is_some() { tcp_flag::ACK } else { 0 },
        payload: &payload[..captured],
        length: length as u32,
        acknowledgement,
    };
    let ends = control & (tcp_flag::SYN | tcp_flag::RST) != 0;
    witness.sends(owner, direction, first, control & tcp_flag::SYN != 0, ends);
    let evicted = reassembler.counters().evicted_streams;
    let mut consumer = |owner, event: Event| witness.take(owner, event);
    reassembler.segment(state, u32::from(owner), direction, &segment, now_ns, &mut consumer);
    for (other, stream) in witness.streams.iter_mut().enumerate() {
        stream.may_be_over |=
            reassembler.counters().evicted_streams != evicted && other != usize::from(owner);
    }
}

/// The byte that a direction sends under a sequence number.
fn sent(owner: u8, direction: Direction, sequence: u32) -> u8 {
    let salt = u32::from(owner) << 1 | direction as u32;
    let mixed = (sequence ^ salt.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b1);
    ((mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d) >> 24) as u8
}

/// What is known of a direction from its events.
#[derive(Default)]
struct Side {
    /// Bytes shown, and left over.
    left: Vec<u8>,
    /// Where, by the sequence numbers sent and the bytes shown, what is left over can begin. None: nothing was shown.
    places: Option<Vec<u32>>,
    /// Bytes were consumed, or lost.
    has_advanced: bool,
    has_ended: bool,
    /// There was an event.
    is_told: bool,
    /// First bytes of all segments sent, and whether they had a SYN.
    starts: Vec<(u32, bool)>,
}

#[derive(Default)]
struct Stream {
    sides: [Side; 2],
    /// Nobody wants it, until a SYN.
    is_closed: bool,
    /// There was something that may have ended both sides.
    may_be_over: bool,
}

impl Stream {
    /// Another stream between the same ports.
    fn begin(&mut self) {
        self.sides.iter_mut().for_each(|side| {
            *side = Side { starts: std::mem::take(&mut side.starts), ..Side::default() };
        });
    }

    /// There is an event of a direction, which may be the first one of another stream.
    fn hear(&mut self, direction: Direction, is_end: bool) {
        let [side, other] =
            [direction, direction.opposite()].map(|direction| &self.sides[direction as usize]);
        // A side of which nothing had been told when its stream ended is not told of that.
        let is_anew = (side.has_ended && !other.is_told) || (other.has_ended && !side.is_told && !is_end);
        if (side.has_ended && other.has_ended) || (self.may_be_over && is_anew) {
            self.begin();
        }
        self.sides[direction as usize].is_told = true;
    }
}

struct Witness {
    streams: [Stream; CONNECTIONS],
    /// All copies of a byte are the same.
    is_canonical: bool,
    appetite: u8,
    /// Whose segment is being taken.
    current: Option<u8>,
    /// That segment is a SYN.
    is_syn: bool,
    missing: u64,
}

impl Witness {
    fn new(is_canonical: bool) -> Self {
        Self {
            streams: Default::default(),
            is_canonical,
            appetite: 0,
            current: None,
            is_syn: false,
            missing: 0,
        }
    }

    fn sends(&mut self, owner: u8, direction: Direction, first: u32, syn: bool, ends: bool) {
        let stream = &mut self.streams[usize::from(owner)];
        stream.is_closed &= !syn;
        stream.may_be_over |= ends;
        self.is_syn = syn;
        let starts = &mut stream.sides[direction as usize].starts;
        if !starts.contains(&(first, syn)) {
            starts.push((first, syn));
        }
    }

    fn take(&mut self, owner: u32, event: Event) -> Want {
        let owner = owner as u8;
        let (canonical, appetite) = (self.is_canonical, self.appetite);
        let stream = &mut self.streams[usize::from(owner)];
        assert!(!stream.is_closed, "an event of a stream that nobody wants");
        let (Event::Data { direction, .. } | Event::Gap { direction, .. } | Event::End { direction, .. }) =
            event;
        stream.hear(direction, matches!(event, Event::End { .. }));
        let want = match event {
            Event::Data { direction, bytes, seen, at_start } => {
                let side = &mut stream.sides[direction as usize];
                side.show(bytes, seen, at_start);
                if canonical {
                    side.locate(owner, direction, bytes, at_start);
                }
                let consumed = match appetite & 15 {
                    0..=5 => bytes.len(),
                    6..=9 => 0,
                    10 => bytes.len() + 1,
                    11 => bytes.len() / 2,
                    12 | 13 => usize::from(appetite >> 4) + 1,
                    _ => bytes.len().saturating_sub(usize::from(appetite >> 4)),
                };
                side.advance(consumed.min(bytes.len()), bytes);
                Want::Consumed(consumed)
            }
            Event::Gap { direction, bytes, missing } => {
                let side = &mut stream.sides[direction as usize];
                assert!(!side.has_ended, "a gap after the end");
                assert!(side.left.starts_with(bytes), "other bytes give way than were left over");
                assert!(
                    missing == Some(0) || side.left.len() == bytes.len(),
                    "a gap in front of bytes left over"
                );
                self.missing += u64::from(missing.unwrap_or(0));
                side.lose(bytes.len(), missing);
                Want::Consumed(usize::from(appetite))
            }
            Event::End { direction, bytes, reason } => {
                let side = &mut stream.sides[direction as usize];
                assert!(!side.has_ended, "an end after the end");
                assert_eq!(side.left, bytes, "at the end, other bytes than were left over");
                let own = [EndReason::Reset, EndReason::PortReused].contains(&reason);
                assert!(!own || self.current == Some(owner), "{reason:?} of another stream");
                side.left.clear();
                side.has_ended = true;
                Want::Consumed(0)
            }
        };
        if appetite & 15 == 15 && appetite & 128 != 0 {
            self.close(owner);
            // When others are served, its flow does not learn of this: what comes later is a new stream. So is what
            // comes with a SYN.
            self.streams[usize::from(owner)].is_closed = self.current == Some(owner) && !self.is_syn;
            return Want::Close;
        }
        want
    }

    fn close(&mut self, owner: u8) {
        let stream = &mut self.streams[usize::from(owner)];
        stream.begin();
        stream.is_closed = true;
    }

    fn forget(&mut self, owner: u8) {
        self.streams[usize::from(owner)] = Stream::default();
    }

    fn left_of(&self, owner: u8) -> usize {
        self.streams[usize::from(owner)].sides.iter().map(|side| side.left.len()).sum()
    }

    fn left(&self) -> usize {
        (0..CONNECTIONS).map(|owner| self.left_of(owner as u8)).sum()
    }
}

impl Side {
    fn show(&mut self, bytes: &[u8], seen: usize, at_start: bool) {
        assert!(!self.has_ended, "data after the end");
        assert!(bytes.len() > seen, "nothing new is shown");
        assert!(!at_start || !self.has_advanced, "the start comes twice");
        if seen > 0 {
            assert_eq!(self.left, bytes[..seen], "what was left over is shown again");
            return;
        }
        assert!(bytes.ends_with(&self.left), "what comes in front of a pickup leaves the rest");
        assert!(bytes.len() > self.left.len() && !(at_start && !self.left.is_empty()));
        let before = (bytes.len() - self.left.len()) as u32;
        if !self.left.is_empty() {
            self.places.iter_mut().flatten().for_each(|place| *place = place.wrapping_sub(before));
        }
    }

    /// Keeps the places where these bytes can be.
    fn locate(&mut self, owner: u8, direction: Direction, bytes: &[u8], at_start: bool) {
        let starts = &self.starts;
        let fresh = || starts.iter().map(|(first, _)| *first).collect();
        let places = self.places.get_or_insert_with(fresh);
        places.retain(|place| {
            (!at_start || starts.contains(&(*place, true)))
                && bytes
                    .iter()
                    .zip(0..)
                    .all(|(byte, at)| *byte == sent(owner, direction, place.wrapping_add(at)))
        });
        assert!(!places.is_empty(), "bytes that were not sent in this place");
    }

    fn advance(&mut self, consumed: usize, bytes: &[u8]) {
        self.left = bytes[consumed..].to_vec();
        self.has_advanced |= consumed > 0;
        self.places.iter_mut().flatten().for_each(|place| *place = place.wrapping_add(consumed as u32));
    }

    fn lose(&mut self, given_way: usize, missing: Option<u32>) {
        self.left.drain(..given_way);
        self.has_advanced = true;
        let Some(missing) = missing else {
            self.places = None;
            return;
        };
        let starts = &self.starts;
        let places = self.places.get_or_insert_with(|| starts.iter().map(|(first, _)| *first).collect());
        for place in places {
            *place = place.wrapping_add(given_way as u32).wrapping_add(missing);
        }
    }
}

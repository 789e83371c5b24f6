//! Tests of reassembly: a harness that writes down what a consumer is told.

mod bounds;
mod properties;
mod vectors;

use super::*;
use crate::flow::tcp_state::PerDirection;
use crate::net::tcp_flag::{ACK, FIN, RST, SYN};

pub(super) const FORWARD: Direction = Direction::Forward;
pub(super) const REVERSE: Direction = Direction::Reverse;
pub(super) const MILLISECOND: i64 = 1_000_000;
pub(super) const SECOND: i64 = 1_000 * MILLISECOND;

/// A segment of `flags` with all of its payload captured.
pub(super) fn segment(flags: u8, sequence: u32, payload: &[u8]) -> Segment<'_> {
    Segment { sequence, flags, payload, length: payload.len() as u32, acknowledgement: None }
}

/// xorshift: the same numbers in every run.
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// How a consumer of the harness answers data.
#[derive(Clone, Copy)]
pub(super) enum Appetite {
    All,
    Nothing,
    /// Up to the last line feed.
    Lines,
    Close,
}

/// One connection, and what its consumer was told.
pub(super) struct Harness {
    pub reassembler: Reassembler,
    pub state: TcpState,
    pub now_ns: i64,
    pub appetite: Appetite,
    pub log: Vec<String>,
}

impl Harness {
    pub fn new(options: Options, appetite: Appetite) -> Self {
        let reassembler = Reassembler::new(options);
        Self { reassembler, state: TcpState::default(), now_ns: 0, appetite, log: Vec::new() }
    }

    pub fn feed(&mut self, direction: Direction, segment: Segment<'_>) {
        let (appetite, log) = (self.appetite, &mut self.log);
        self.reassembler.segment(
            &mut self.state,
            7,
            direction,
            &segment,
            self.now_ns,
            &mut consumer(appetite, log),
        );
    }

    pub fn expire(&mut self, keep: bool) {
        let (appetite, log) = (self.appetite, &mut self.log);
        self.reassembler.expire(self.now_ns, &mut |_, _| keep, &mut consumer(appetite, log));
    }

    pub fn finish(&mut self) {
        let (appetite, log) = (self.appetite, &mut self.log);
        self.reassembler.finish(&mut self.state, 7, self.now_ns, &mut consumer(appetite, log));
    }

    /// What was told since the last call, one event after the other.
    pub fn told(&mut self) -> String {
        std::mem::take(&mut self.log).join(", ")
    }
}

/// Writes events down: `F` and `R` for the direction, `^` at the start of the stream, `|` after what was seen before.
pub(super) fn consumer(appetite: Appetite, log: &mut Vec<String>) -> impl FnMut(u32, Event<'_>) -> Want {
    move |_, event| {
        let side = |direction| if direction == FORWARD { "F" } else { "R" };
        let text = |bytes| String::from_utf8_lossy(bytes).replace('\n', "/");
        match event {
            Event::Data { direction, bytes, seen, at_start } => {
                let (old, new) = bytes.split_at(seen);
                let start = if at_start { "^" } else { "" };
                let bar = if seen > 0 { "|" } else { "" };
                log.push(format!("{} {start}{}{bar}{}", side(direction), text(old), text(new)));
                match appetite {
                    Appetite::All => Want::Consumed(bytes.len()),
                    Appetite::Nothing => Want::Consumed(0),
                    Appetite::Lines => {
                        Want::Consumed(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1))
                    }
                    Appetite::Close => Want::Close,
                }
            }
            Event::Gap { direction, bytes, missing } => {
                let missing = missing.map_or("?".to_string(), |missing| missing.to_string());
                log.push(format!("{} gap({}) {missing}", side(direction), text(bytes)));
                Want::Consumed(0)
            }
            Event::End { direction, bytes, reason } => {
                log.push(format!("{} end({}) {reason:?}", side(direction), text(bytes)));
                Want::Consumed(0)
            }
        }
    }
}

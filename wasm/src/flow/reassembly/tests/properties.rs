//! Random streams in random pieces against what they were made of.

use std::collections::HashMap;

use super::*;

/// Checks that events tile the streams, and writes the bytes down: those lost as None.
#[derive(Default)]
pub(super) struct Witness {
    /// By owner and direction: bytes left over, and how many of these were seen.
    left: HashMap<(u32, bool), Vec<u8>>,
    /// Consumed, given up and lost bytes, in order.
    pub received: HashMap<(u32, bool), Vec<Option<u8>>>,
    pub gaps: u64,
    pub missing: u64,
    pub ends: HashMap<(u32, bool), EndReason>,
}

impl Witness {
    /// Takes an event; consumes `appetite` bytes of data.
    pub fn take(&mut self, owner: u32, event: Event<'_>, appetite: usize) -> Want {
        let key = |direction| (owner, direction == REVERSE);
        match event {
            Event::Data { direction, bytes, seen, .. } => {
                let left = self.left.entry(key(direction)).or_default();
                if seen == 0 {
                    assert!(bytes.ends_with(left), "what comes in front of a pickup leaves the rest");
                } else {
                    assert_eq!(left.as_slice(), &bytes[..seen], "what was left over is shown again");
                }
                assert!(bytes.len() > seen, "there is something new");
                let consumed = appetite.min(bytes.len());
                self.received
                    .entry(key(direction))
                    .or_default()
                    .extend(bytes[..consumed].iter().copied().map(Some));
                *left = bytes[consumed..].to_vec();
                Want::Consumed(consumed)
            }
            Event::Gap { direction, bytes, missing } => {
                let left = self.left.entry(key(direction)).or_default();
                let received = self.received.entry(key(direction)).or_default();
                received.extend(bytes.iter().copied().map(Some));
                if missing == Some(0) {
                    assert_eq!(&left[..bytes.len()], bytes, "the oldest bytes give way");
                    left.drain(..bytes.len());
                } else {
                    assert_eq!(left.as_slice(), bytes, "all that was left over is shown before a gap");
                    left.clear();
                    self.gaps += 1;
                    self.missing += u64::from(missing.unwrap_or(0));
                    received.extend((0..missing.unwrap_or(0).min(1 << 20)).map(|_| None));
                }
                Want::Consumed(0)
            }
            Event::End { direction, bytes, reason } => {
                let left = self.left.remove(&key(direction)).unwrap_or_default();
                assert_eq!(left.as_slice(), bytes, "all that was left over is shown at the end");
                self.received.entry(key(direction)).or_default().extend(bytes.iter().copied().map(Some));
                self.ends.insert(key(direction), reason);
                Want::Consumed(0)
            }
        }
    }

    /// Nobody wants the stream any more.
    pub fn forget(&mut self, owner: u32) {
        self.left.remove(&(owner, false));
        self.left.remove(&(owner, true));
    }

    /// Bytes left over, of all streams.
    pub fn left_over(&self) -> usize {
        self.left.values().map(Vec::len).sum()
    }
}

/// A segment of a plan: direction, offset in the stream, length, the FIN.
type Planned = (Direction, usize, usize, bool);

/// Cuts streams into segments, some sent again in other pieces, some moved by up to `displacement` places.
fn plan(random: &mut Random, lengths: [usize; 2], most: usize, displacement: usize) -> Vec<Planned> {
    let mut plan: Vec<(usize, Planned)> = Vec::new();
    for (direction, length) in [(FORWARD, lengths[0]), (REVERSE, lengths[1])] {
        let (mut offset, mut place) = (0, 0);
        while offset < length {
            let size = (1 + random.below(most)).min(length - offset);
            plan.push((
                place + random.below(displacement),
                (direction, offset, size, offset + size == length),
            ));
            while random.below(4) == 0 {
                let from = offset.saturating_sub(random.below(most));
                let until = (offset + size + random.below(most)).min(length);
                let again = (direction, from, until - from, until == length);
                plan.push((place + random.below(2 * displacement), again));
            }
            offset += size;
            place += 10;
        }
    }
    plan.sort_by_key(|(place, _)| *place);
    plan.into_iter().map(|(_, segment)| segment).collect()
}

fn random_bytes(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.next() as u8).collect()
}

/// Streams near the wrap of the sequence numbers.
fn random_streams(random: &mut Random) -> ([Vec<u8>; 2], [u32; 2]) {
    let lengths = [1 + random.below(6000), 1 + random.below(3000)];
    let streams = lengths.map(|length| random_bytes(random, length));
    (streams, [random.below(8000) as u32, random.below(2) as u32].map(|below| 0_u32.wrapping_sub(below)))
}

#[test]
fn whatever_the_order_the_bytes_are_those_that_were_sent() {
    for round in 1..400_u64 {
        let mut random = Random(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (streams, starts) = random_streams(&mut random);
        let (most, displacement) = (1 + random.below(700), 1 + random.below(150));
        let lengths = [streams[0].len(), streams[1].len()];
        let plan = plan(&mut random, lengths, most, displacement);
        let mut reassembler = Reassembler::new(Options::default());
        let (mut state, mut witness) = (TcpState::default(), Witness::default());
        let mut appetites = Random(round);
        for direction in [FORWARD, REVERSE] {
            let syn = segment(SYN, starts[direction as usize].wrapping_sub(1), b"");
            reassembler.segment(&mut state, 1, direction, &syn, 0, &mut |_, _| Want::Close);
        }
        for (direction, offset, length, fin) in plan {
            let bytes = &streams[direction as usize][offset..offset + length];
            let sequence = starts[direction as usize].wrapping_add(offset as u32);
            let segment = segment(if fin { ACK | FIN } else { ACK }, sequence, bytes);
            reassembler.segment(&mut state, 1, direction, &segment, 0, &mut |owner, event| {
                let appetite = if appetites.below(3) == 0 { usize::MAX } else { appetites.below(900) };
                witness.take(owner, event, appetite)
            });
            assert!(state.handle != 0 || witness.left_over() == 0);
        }
        for (reverse, stream) in [(false, &streams[0]), (true, &streams[1])] {
            let received: Option<Vec<u8>> = witness.received[&(1, reverse)].iter().copied().collect();
            assert_eq!(received.as_ref(), Some(stream), "round {round}");
            assert_eq!(witness.ends[&(1, reverse)], EndReason::Fin);
        }
        let counters = reassembler.counters();
        assert_eq!((counters.held_streams, counters.held_bytes, counters.held_memory), (0, 0, 0));
        assert_eq!((counters.gaps, counters.discarded_bytes, counters.conflicting_segments), (0, 0, 0));
    }
}

#[test]
fn gaps_say_exactly_what_is_missing() {
    let mut lossy = 0;
    for round in 1..400_u64 {
        let mut random = Random(round.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let (streams, starts) = random_streams(&mut random);
        let (most, displacement) = (1 + random.below(300), 1 + random.below(100));
        let lengths = [streams[0].len(), streams[1].len()];
        let plan = plan(&mut random, lengths, most, displacement);
        // In odd rounds time goes on, so that holes are also skipped while their bytes may still come.
        let step_ns = if round % 2 == 0 { 0 } else { 200 * MILLISECOND };
        let mut covered = lengths.map(|length| vec![false; length]);
        let mut reassembler = Reassembler::new(Options::default());
        let (mut state, mut witness) = (TcpState::default(), Witness::default());
        for direction in [FORWARD, REVERSE] {
            let syn = segment(SYN, starts[direction as usize].wrapping_sub(1), b"");
            reassembler.segment(&mut state, 1, direction, &syn, 0, &mut |_, _| Want::Close);
        }
        let mut now_ns = 0;
        for (direction, offset, length, fin) in plan {
            if random.below(4) == 0 {
                continue;
            }
            now_ns += step_ns;
            let captured = if random.below(8) == 0 { random.below(length) } else { length };
            let whole = &streams[direction as usize][offset..offset + length];
            let sequence = starts[direction as usize].wrapping_add(offset as u32);
            let whole = segment(if fin { ACK | FIN } else { ACK }, sequence, whole);
            let segment = Segment { payload: &whole.payload[..captured], ..whole };
            covered[direction as usize][offset..offset + captured].fill(true);
            let mut consume = |owner, event: Event<'_>| witness.take(owner, event, random.below(900));
            reassembler.segment(&mut state, 1, direction, &segment, now_ns, &mut consume);
            reassembler.expire(now_ns, &mut |_, _| true, &mut consume);
        }
        reassembler.finish(&mut state, 1, now_ns, &mut |owner, event| witness.take(owner, event, 0));
        for direction in [FORWARD, REVERSE] {
            let received = witness.received.remove(&(1, direction == REVERSE)).unwrap_or_default();
            assert!(received.len() <= lengths[direction as usize]);
            for (at, byte) in received.iter().enumerate() {
                assert!(
                    byte.is_none_or(|byte| byte == streams[direction as usize][at]),
                    "round {round}, {at}"
                );
                assert!(byte.is_none() || covered[direction as usize][at]);
            }
        }
        let counters = reassembler.counters();
        assert_eq!((counters.gaps, counters.missing_bytes), (witness.gaps, witness.missing));
        assert_eq!((counters.held_streams, counters.held_bytes, counters.held_memory), (0, 0, 0));
        lossy += counters.missing_bytes;
    }
    assert!(lossy > 0);
}

#[test]
fn only_what_never_came_is_missing() {
    for round in 1..300_u64 {
        let mut random = Random(round.wrapping_mul(0xa076_1d64_78bd_642f));
        let (streams, starts) = random_streams(&mut random);
        let (most, displacement) = (1 + random.below(300), 1 + random.below(300));
        let plan = plan(&mut random, [streams[0].len(), 0], most, displacement);
        let mut expected: Vec<Option<u8>> = Vec::new();
        let mut reassembler = Reassembler::new(Options::default());
        let (mut state, mut witness) = (TcpState::default(), Witness::default());
        let syn = segment(SYN, starts[0].wrapping_sub(1), b"");
        reassembler.segment(&mut state, 1, FORWARD, &syn, 0, &mut |_, _| Want::Close);
        for (direction, offset, length, _) in plan {
            if random.below(4) == 0 {
                continue;
            }
            let bytes = &streams[0][offset..offset + length];
            expected.resize(expected.len().max(offset + length), None);
            for (expected, byte) in expected[offset..].iter_mut().zip(bytes) {
                *expected = Some(*byte);
            }
            let segment = segment(ACK, starts[0].wrapping_add(offset as u32), bytes);
            reassembler.segment(&mut state, 1, direction, &segment, 0, &mut |owner, event| {
                witness.take(owner, event, random.below(900))
            });
        }
        reassembler.finish(&mut state, 1, 0, &mut |owner, event| witness.take(owner, event, 0));
        assert_eq!(witness.received.remove(&(1, false)).unwrap_or_default(), expected, "round {round}");
    }
}

#[test]
fn the_first_copy_of_every_byte_wins() {
    for round in 1..400_u64 {
        let mut random = Random(round.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (length, start) = (1 + random.below(400), 0_u32.wrapping_sub(random.below(500) as u32));
        let mut first: Vec<Option<u8>> = vec![None; length];
        let mut conflicts = false;
        let mut reassembler = Reassembler::new(Options::default());
        let (mut state, mut witness) = (TcpState::default(), Witness::default());
        reassembler.segment(
            &mut state,
            1,
            FORWARD,
            &segment(SYN, start.wrapping_sub(1), b""),
            0,
            &mut |_, _| Want::Close,
        );
        for step in 0..60 {
            let (from, until) = if step == 59 {
                (0, length)
            } else {
                let from = random.below(length);
                (from, from + 1 + random.below((length - from).min(40)))
            };
            let bytes = random_bytes(&mut random, until - from);
            // A single byte may be a keep-alive probe, which contradicts nothing.
            let counts = bytes.len() > 1;
            for (first, byte) in first[from..until].iter_mut().zip(&bytes) {
                conflicts |= counts && first.is_some_and(|first| first != *byte);
                first.get_or_insert(*byte);
            }
            let segment = segment(ACK, start.wrapping_add(from as u32), &bytes);
            reassembler.segment(&mut state, 1, FORWARD, &segment, 0, &mut |owner, event| {
                witness.take(owner, event, 0)
            });
        }
        reassembler.finish(&mut state, 1, 0, &mut |owner, event| witness.take(owner, event, 0));
        assert_eq!(witness.received[&(1, false)], first, "round {round}");
        assert!(reassembler.counters().conflicting_segments > 0 || !conflicts);
    }
}

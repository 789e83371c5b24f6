//! What may be held, and what gives way.

use super::properties::Witness;
use super::*;

/// Small limits, so that they are met.
fn small(strategy: Strategy) -> Options {
    Options {
        strategy,
        streams: 8,
        total_bytes: 1 << 20,
        flow_bytes: 40,
        unparsed_bytes: 16,
        out_of_order_bytes: 8,
        ..Options::default()
    }
}

#[test]
fn each_strategy_gives_way_in_its_own_manner() {
    // Fixed: new bytes are dropped; what follows waits behind a hole until there is too much of it. Ring and adaptive:
    // old bytes give way, a quarter if that is more.
    let moved = "F ^0123456789, F gap(0123) 0, F 456789|abcdefghij, F gap(456789abc) 0, F defghij|ABCDEFGHI";
    for (strategy, told) in [
        (Strategy::Fixed, "F ^0123456789, F ^0123456789|abcdef, F gap(0123456789abcdef) 4, F ABCDEFGHI"),
        (Strategy::Ring, moved),
        (Strategy::Adaptive, moved),
    ] {
        let mut harness = Harness::new(small(strategy), Appetite::Nothing);
        harness.feed(FORWARD, segment(SYN | ACK, 99, b"0123456789"));
        harness.feed(FORWARD, segment(ACK, 110, b"abcdefghij"));
        harness.feed(FORWARD, segment(ACK, 120, b"ABCDEFGHI"));
        assert_eq!(harness.told(), told, "{strategy:?}");
        let discarded = if strategy == Strategy::Fixed { 4 } else { 13 };
        assert_eq!(harness.reassembler.counters().discarded_bytes, discarded, "{strategy:?}");
    }
    let mut harness = Harness::new(small(Strategy::Adaptive), Appetite::Nothing);
    harness.feed(FORWARD, segment(ACK, 100, b"0123456789abcdef"));
    harness.feed(FORWARD, segment(ACK, 116, b"g"));
    assert_eq!(harness.told(), "F 0123456789abcdef, F gap(0123) 0, F 456789abcdef|g");
    assert_eq!(harness.reassembler.counters().discarded_bytes, 4);
}

#[test]
fn a_tight_total_halves_the_room_of_adaptive_streams() {
    let options = Options { total_bytes: 10_000, unparsed_bytes: 6_000, ..Options::default() };
    let mut harness = Harness::new(options, Appetite::Nothing);
    let bytes = [b'x'; 1000];
    for index in 0..9 {
        harness.feed(FORWARD, segment(ACK, 100 + 1000 * index, &bytes));
        assert!(harness.reassembler.counters().held_memory <= 10_000);
    }
    let counters = harness.reassembler.counters();
    assert!(counters.held_bytes <= 4_000, "{counters:?}");
    assert!(harness.told().contains("gap("));
}

#[test]
fn the_stream_touched_longest_ago_is_evicted() {
    let mut reassembler = Reassembler::new(Options { streams: 2, ..Options::default() });
    let mut states = [TcpState::default(); 3];
    let mut events = Vec::new();
    for (owner, sequence) in [(0, 100), (1, 100), (0, 102), (2, 100), (1, 102)] {
        let segment = segment(ACK, sequence, b"ab");
        reassembler.segment(&mut states[owner as usize], owner, FORWARD, &segment, 0, &mut |owner, event| {
            match event {
                Event::Data { bytes, .. } => events.push((owner, bytes.len(), None)),
                Event::End { bytes, reason, direction: FORWARD } => {
                    events.push((owner, bytes.len(), Some(reason)));
                }
                _ => {}
            }
            Want::Consumed(0)
        });
    }
    let evicted = Some(EndReason::Evicted);
    let expected = [
        (0, 2, None),
        (1, 2, None),
        (0, 4, None),
        (2, 2, None),
        (1, 2, evicted),
        (1, 2, None),
        (0, 4, evicted),
    ];
    let mut sorted = events.clone();
    sorted.sort();
    let mut wanted = expected.to_vec();
    wanted.sort();
    assert_eq!(sorted, wanted, "{events:?}");
    assert_eq!(reassembler.counters().evicted_streams, 2);
    for (owner, state) in states.iter_mut().enumerate() {
        reassembler.release(state, owner as u32);
    }
    assert_eq!(reassembler.counters().held_memory, 0);
}

#[test]
fn reverse_single_bytes_stay_within_the_bound() {
    let mut harness = Harness::new(Options::default(), Appetite::All);
    harness.feed(FORWARD, segment(SYN, 0, b""));
    for sequence in (2..20_000).rev() {
        harness.feed(FORWARD, segment(ACK, sequence, b"x"));
        let counters = harness.reassembler.counters();
        assert!(counters.held_bytes <= 1025, "{counters:?}");
    }
}

#[test]
fn a_stretch_that_waits_does_not_keep_those_that_went() {
    let mut harness = Harness::new(Options::default(), Appetite::All);
    harness.feed(FORWARD, segment(SYN, 0, b""));
    harness.feed(FORWARD, segment(ACK, 60_000, b"waits"));
    let bytes = [b'x'; 1000];
    for index in 0..50 {
        harness.feed(FORWARD, segment(ACK, 11 + 1010 * index, &bytes));
        harness.feed(FORWARD, segment(ACK, 1 + 1010 * index, &bytes[..10]));
        let counters = harness.reassembler.counters();
        assert_eq!(counters.held_bytes, 5);
        assert!(counters.held_memory < 16 << 10, "{counters:?}");
    }
}

#[test]
fn half_open_floods_hold_nothing() {
    let mut reassembler = Reassembler::new(Options::default());
    for owner in 0..100_000_u32 {
        let mut state = TcpState::default();
        let syn = segment(SYN, owner.wrapping_mul(2_654_435_761), b"");
        reassembler.segment(&mut state, owner, FORWARD, &syn, 0, &mut |_, _| Want::Close);
    }
    assert_eq!(reassembler.counters(), ReassemblyCounters::default());
}

#[test]
fn hostile_segments_break_no_bound() {
    let bytes: Vec<u8> = (0..3000).map(|index| index as u8).collect();
    let mut resynchronisations = 0;
    for round in 0..36_u64 {
        let strategy = [Strategy::Fixed, Strategy::Ring, Strategy::Adaptive][round as usize % 3];
        let options = Options {
            strategy,
            streams: 12,
            total_bytes: 64 << 10,
            flow_bytes: 12 << 10,
            unparsed_bytes: 6 << 10,
            out_of_order_bytes: 4 << 10,
            out_of_order_segments: 40,
            window: 1 << 16,
            idle_ns: 2 * SECOND,
            ..Options::default()
        };
        let mut random = Random(0x1234_5678_9abc_def1 ^ round << 32);
        let mut reassembler = Reassembler::new(options);
        let mut states = [TcpState::default(); 40];
        let mut follows = [PerDirection::<u32>::default(); 40];
        let mut witness = Witness::default();
        let mut now_ns = 0_i64;
        for _ in 0..6_000 {
            let owner = random.below(states.len()) as u32;
            let direction = if random.below(3) == 0 { REVERSE } else { FORWARD };
            let state = &mut states[owner as usize];
            let flags = if random.below(12) == 0 { random.next() as u8 } else { ACK };
            let near = state.next[direction].wrapping_add(random.below(6000) as u32).wrapping_sub(1500);
            let sequence = match random.below(16) {
                0 => random.next() as u32,
                1 => state.next[direction].wrapping_add(1 << 31),
                2..=4 => follows[owner as usize][direction],
                5..=7 => state.next[direction],
                _ => near,
            };
            let length = if random.below(3) == 0 { 1 } else { random.below(1500) };
            follows[owner as usize][direction] = sequence.wrapping_add(length as u32);
            let segment = Segment {
                length: if random.below(20) == 0 { random.next() as u32 } else { length as u32 },
                acknowledgement: (random.below(4) == 0).then(|| random.next() as u32),
                ..segment(flags, sequence, &bytes[..length])
            };
            now_ns += random.below(1 << 28) as i64 - (1 << 24);
            let greedy = round % 2 == 0;
            let mut appetites = Random(random.next() | 1);
            let mut consume = |owner, event: Event<'_>| {
                if appetites.below(64) == 0 && !matches!(event, Event::End { .. }) {
                    witness.forget(owner);
                    return Want::Close;
                }
                witness.take(owner, event, if greedy { appetites.below(2000) } else { 0 })
            };
            match random.below(64) {
                0 => {
                    reassembler.release(state, owner);
                    witness.forget(owner);
                }
                1 => reassembler.finish(state, owner, now_ns, &mut consume),
                2 => reassembler.expire(now_ns, &mut |owner, _| owner % 3 == 0, &mut consume),
                _ => reassembler.segment(state, owner, direction, &segment, now_ns, &mut consume),
            }
            let counters = reassembler.counters();
            assert!(counters.held_streams <= 12, "{counters:?}");
            assert!(counters.held_memory <= 64 << 10, "{counters:?}");
            assert!(counters.held_bytes <= counters.held_memory);
        }
        let counters = reassembler.counters();
        assert!(counters.gaps > 0 && counters.evicted_streams > 0 && counters.timed_out_streams > 0);
        resynchronisations += counters.resynchronisations;
        reassembler.finish_all(now_ns, &mut |owner, event| witness.take(owner, event, 0));
        let counters = reassembler.counters();
        assert_eq!((counters.held_streams, counters.held_bytes, counters.held_memory), (0, 0, 0));
    }
    assert!(resynchronisations > 0);
}

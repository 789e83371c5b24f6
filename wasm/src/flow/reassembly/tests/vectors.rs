//! One vector for each rule.

use super::*;

/// A step of a vector.
enum Step {
    Segment(Direction, u8, u32, &'static str),
    /// The same, of which only so many bytes were captured.
    Cut(Direction, u32, &'static str, usize),
    /// An empty segment that acknowledges up to a number.
    Acknowledge(Direction, u32),
    /// Packet time goes on, in milliseconds.
    Wait(i64),
    Expire,
    /// Expire, with a call that keeps the stream.
    ExpireKept,
    Finish,
}
use Step::{Acknowledge, Cut, Expire, ExpireKept, Finish, Segment as S, Wait};

fn play(appetite: Appetite, options: Options, steps: &[Step]) -> (String, Harness) {
    let mut harness = Harness::new(options, appetite);
    for step in steps {
        match *step {
            S(direction, flags, sequence, text) => {
                harness.feed(direction, segment(flags, sequence, text.as_bytes()));
            }
            Cut(direction, sequence, text, captured) => {
                let whole = segment(ACK, sequence, text.as_bytes());
                harness.feed(direction, Segment { payload: &whole.payload[..captured], ..whole });
            }
            Acknowledge(direction, number) => {
                harness.feed(
                    direction,
                    Segment {
                        acknowledgement: Some(number),
                        ..segment(ACK, harness.state.next[direction], b"")
                    },
                );
            }
            Wait(milliseconds) => harness.now_ns += milliseconds * MILLISECOND,
            Expire => harness.expire(false),
            ExpireKept => harness.expire(true),
            Finish => harness.finish(),
        }
    }
    (harness.told(), harness)
}

/// Plays each vector: name, appetite, steps, what the consumer is told.
fn check(vectors: &[(&str, Appetite, &[Step], &str)]) {
    for (name, appetite, steps, told) in vectors {
        assert_eq!(play(*appetite, Options::default(), steps).0, *told, "{name}");
    }
}

#[test]
fn the_state_of_a_flow_is_small() {
    assert!(size_of::<TcpState>() <= 24);
}

#[test]
fn bytes_come_in_order() {
    use Appetite::{All, Lines, Nothing};
    check(&[
        (
            "handshake and data",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(REVERSE, SYN | ACK, 499, ""),
                S(FORWARD, ACK, 100, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(REVERSE, ACK, 500, "xyz"),
                S(FORWARD, ACK, 102, "cd"),
            ],
            "F ^ab, R ^xyz, F cd",
        ),
        ("SYN with data", All, &[S(FORWARD, SYN, 99, "ab"), S(FORWARD, ACK, 102, "cd")], "F ^ab, F cd"),
        (
            "SYN data sent again",
            All,
            &[S(FORWARD, SYN, 99, "ab"), S(FORWARD, ACK, 100, "abcd")],
            "F ^ab, F cd",
        ),
        (
            "SYN sent again",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "a"),
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 101, "b"),
            ],
            "F ^a, F b",
        ),
        ("mid-stream", All, &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, ACK, 102, "cd")], "F ab, F cd"),
        ("mid-stream, keep-alive first", All, &[S(FORWARD, ACK, 99, ""), S(FORWARD, ACK, 100, "ab")], "F ab"),
        (
            "mid-stream, the SYN later",
            All,
            &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 102, "cd")],
            "F ab, F cd",
        ),
        (
            "mid-stream, earlier data later, all left",
            Nothing,
            &[
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, ACK, 98, "zzab"),
                S(FORWARD, ACK, 104, "e"),
            ],
            "F cd, F abcd, F zzabcd, F zzabcd|e",
        ),
        (
            "mid-stream, earlier data later, consumed",
            All,
            &[S(FORWARD, ACK, 102, "cd"), S(FORWARD, ACK, 100, "ab"), S(FORWARD, ACK, 104, "ef")],
            "F cd, F ef",
        ),
        (
            "sequence wrap",
            All,
            &[
                S(FORWARD, SYN, 0xffff_fffc, ""),
                S(FORWARD, ACK, 0xffff_fffd, "abc"),
                S(FORWARD, ACK, 0, "de"),
            ],
            "F ^abc, F de",
        ),
        (
            "initial number before the wrap",
            All,
            &[S(FORWARD, SYN, 0xffff_ffff, ""), S(FORWARD, ACK, 0, "ab")],
            "F ^ab",
        ),
        (
            "out of order across the wrap",
            All,
            &[
                S(FORWARD, SYN, 0xffff_fffc, ""),
                S(FORWARD, ACK, 1, "ef"),
                S(FORWARD, ACK, 0xffff_ffff, "cd"),
                S(FORWARD, ACK, 0xffff_fffd, "ab"),
            ],
            "F ^abcdef",
        ),
        (
            "out of order",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 104, "ef"),
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, ACK, 106, "gh"),
            ],
            "F ^abcdef, F gh",
        ),
        (
            "data before its SYN-ACK",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(REVERSE, ACK, 500, "x"),
                S(REVERSE, SYN | ACK, 499, ""),
                S(REVERSE, ACK, 501, "y"),
            ],
            "R x, R y",
        ),
        (
            "one direction waits, the other goes on",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 102, "cd"),
                S(REVERSE, ACK, 500, "xy"),
                S(REVERSE, ACK, 502, "z"),
                S(FORWARD, ACK, 100, "ab"),
            ],
            "R xy, R z, F ^abcd",
        ),
        (
            "left over bytes",
            Lines,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, ACK, 102, "c\nd"),
                S(FORWARD, ACK, 105, "e\n"),
                S(FORWARD, ACK, 107, "f"),
            ],
            "F ^ab, F ^ab|c/d, F d|e/, F f",
        ),
        (
            "left over bytes of both directions",
            Lines,
            &[
                S(FORWARD, ACK, 100, "GE"),
                S(REVERSE, ACK, 500, "20"),
                S(FORWARD, ACK, 102, "T\n"),
                S(REVERSE, ACK, 502, "0\n"),
            ],
            "F GE, R 20, F GE|T/, R 20|0/",
        ),
    ]);
}

#[test]
fn what_comes_again_changes_nothing() {
    use Appetite::{All, Nothing};
    // Name, appetite, steps, what is told; retransmitted and overlapping bytes, conflicting segments.
    type Vector<'a> = (&'a str, Appetite, &'a [Step], &'a str, [u64; 3]);
    let vectors: &[Vector<'_>] = &[
        ("whole", All, &[S(FORWARD, ACK, 100, "abcd"), S(FORWARD, ACK, 100, "abcd")], "F abcd", [4, 0, 0]),
        ("inside", All, &[S(FORWARD, ACK, 100, "abcd"), S(FORWARD, ACK, 101, "bc")], "F abcd", [2, 0, 0]),
        (
            "beyond",
            All,
            &[S(FORWARD, ACK, 100, "abcd"), S(FORWARD, ACK, 102, "cdef")],
            "F abcd, F ef",
            [2, 0, 0],
        ),
        (
            "contradicts what was left over",
            Nothing,
            &[S(FORWARD, ACK, 100, "abcd"), S(FORWARD, ACK, 102, "XXef")],
            "F abcd, F abcd|ef",
            [2, 0, 1],
        ),
        (
            "held twice",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 100, "ab"),
            ],
            "F ^abcd",
            [0, 2, 0],
        ),
        (
            "the first copy of a held byte wins",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 101, "XXXXX"),
                S(FORWARD, ACK, 100, "a"),
            ],
            "F ^aXcdXX",
            [0, 2, 1],
        ),
        (
            "what fills the hole and more",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 102, "cd"),
                S(FORWARD, ACK, 105, "f"),
                S(FORWARD, ACK, 100, "abYYeZg"),
            ],
            "F ^abcdefg",
            [0, 3, 1],
        ),
        (
            "keep-alive probes",
            Nothing,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, ACK, 101, "\0"),
                S(FORWARD, ACK, 101, ""),
                S(FORWARD, ACK, 102, ""),
                S(FORWARD, ACK, 102, "c"),
            ],
            "F ^ab, F ^ab|c",
            [1, 0, 0],
        ),
    ];
    for (name, appetite, steps, told, expected) in vectors {
        let (log, harness) = play(*appetite, Options::default(), steps);
        assert_eq!(log, *told, "{name}");
        let counters = harness.reassembler.counters();
        let counted =
            [counters.retransmitted_bytes, counters.overlapping_bytes, counters.conflicting_segments];
        assert_eq!(counted, *expected, "{name}");
    }
}

#[test]
fn holes_are_skipped_and_told() {
    use Appetite::{All, Lines};
    check(&[
        (
            "after five seconds, by the next segment",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 103, "de"),
                Wait(4999),
                S(FORWARD, ACK, 105, "f"),
                Wait(1),
                S(FORWARD, ACK, 106, "g"),
            ],
            "F gap() 3, F defg",
        ),
        (
            "by a segment of the other direction",
            All,
            &[S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 103, "de"), Wait(5000), S(REVERSE, ACK, 500, "x")],
            "R x, F gap() 3, F de",
        ),
        (
            "by time alone, and on from there",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 103, "de"),
                Expire,
                Wait(6250),
                Expire,
                S(FORWARD, ACK, 105, "f"),
            ],
            "F gap() 3, F de, F f",
        ),
        (
            "what was left over is shown once more",
            Lines,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "x\nab"),
                S(FORWARD, ACK, 106, "e"),
                Wait(5000),
                S(FORWARD, ACK, 107, "f\n"),
            ],
            "F ^x/ab, F gap(ab) 2, F ef/",
        ),
        (
            "acknowledged by the receiver",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 103, "de"),
                Acknowledge(REVERSE, 105),
                Wait(50),
                S(FORWARD, ACK, 105, "f"),
            ],
            "F gap() 3, F def",
        ),
        (
            "acknowledged in front of the hole only",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 103, "de"),
                Acknowledge(REVERSE, 102),
                Wait(50),
                S(FORWARD, ACK, 105, "f"),
                S(FORWARD, ACK, 100, "abc"),
            ],
            "F ^abcdef",
        ),
        (
            "an acknowledged hole is filled, another one behind it is not acknowledged",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 101, "b"),
                S(FORWARD, ACK, 103, "d"),
                Acknowledge(REVERSE, 102),
                S(FORWARD, ACK, 100, "a"),
                Wait(60),
                S(FORWARD, ACK, 104, "e"),
                S(FORWARD, ACK, 102, "c"),
            ],
            "F ^ab, F cde",
        ),
        (
            "an acknowledged hole is filled in part",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 104, "e"),
                Acknowledge(REVERSE, 105),
                S(FORWARD, ACK, 100, "ab"),
                Wait(50),
                S(FORWARD, ACK, 105, "f"),
            ],
            "F ^ab, F gap() 2, F ef",
        ),
        (
            "two holes, each with its time",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 101, "b"),
                S(FORWARD, ACK, 104, "e"),
                Wait(5000),
                S(REVERSE, ACK, 1, ""),
                Wait(2500),
                S(REVERSE, ACK, 1, ""),
                Wait(2500),
                S(REVERSE, ACK, 1, ""),
            ],
            "F gap() 1, F b, F gap() 2, F e",
        ),
        (
            "before a FIN",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "a"),
                S(FORWARD, FIN | ACK, 103, ""),
                Wait(5000),
                S(REVERSE, ACK, 500, "x"),
            ],
            "F ^a, R x, F gap() 2, F end() Fin",
        ),
        (
            "cut by the snapshot length",
            All,
            &[S(FORWARD, SYN, 99, ""), Cut(FORWARD, 100, "abcdef", 2), S(FORWARD, ACK, 106, "gh")],
            "F ^ab, F gap() 4, F gh",
        ),
        (
            "cut, out of order",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                Cut(FORWARD, 102, "cdef", 1),
                S(FORWARD, ACK, 106, "gh"),
                S(FORWARD, ACK, 100, "ab"),
            ],
            "F ^abc, F gap() 3, F gh",
        ),
        (
            "headers only",
            All,
            &[S(FORWARD, SYN, 99, ""), Cut(FORWARD, 100, "abcd", 0), Cut(FORWARD, 104, "ef", 0)],
            "F gap() 4, F gap() 2",
        ),
    ]);
}

#[test]
fn too_much_behind_a_hole_skips_it() {
    let mut harness = Harness::new(Options::default(), Appetite::All);
    harness.feed(FORWARD, segment(SYN, 99, b""));
    let kilobyte = [b'x'; 1024];
    for index in 0..64 {
        harness.feed(FORWARD, segment(ACK, 110 + 1024 * index, &kilobyte));
    }
    assert_eq!(harness.told(), "");
    harness.feed(FORWARD, segment(ACK, 110 + 1024 * 64, b"y"));
    assert_eq!(harness.told(), format!("F gap() 10, F {}y", "x".repeat(1 << 16)));
    assert_eq!(harness.reassembler.counters().held_bytes, 0);

    for index in 0..=1024 {
        harness.feed(FORWARD, segment(ACK, 70_000 + 2 * (1024 - index), b"z"));
    }
    let told = harness.told();
    assert!(told.starts_with(&format!("F gap() {}, F z", 70_000 - 110 - (1 << 16) - 1)), "{told}");
    assert_eq!(told.matches("F z").count(), 1);
}

#[test]
fn connections_end() {
    use Appetite::{All, Close, Nothing};
    check(&[
        (
            "FIN with data",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, FIN | ACK, 100, "ab"),
                S(FORWARD, FIN | ACK, 100, "ab"),
                S(REVERSE, ACK, 500, "x"),
                S(REVERSE, FIN | ACK, 501, ""),
                S(FORWARD, ACK, 103, ""),
            ],
            "F ^ab, F end() Fin, R x, R end() Fin",
        ),
        (
            "FIN before its data",
            All,
            &[S(FORWARD, SYN, 99, ""), S(FORWARD, FIN | ACK, 102, "cd"), S(FORWARD, ACK, 100, "ab")],
            "F ^abcd, F end() Fin",
        ),
        (
            "left over at the FIN",
            Nothing,
            &[S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 100, "ab"), S(FORWARD, FIN, 102, "")],
            "F ^ab, F end(ab) Fin",
        ),
        (
            "no end without a byte",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(REVERSE, SYN | ACK, 4, ""),
                S(FORWARD, FIN, 100, ""),
                S(REVERSE, FIN, 5, ""),
            ],
            "",
        ),
        (
            "data after the FIN",
            All,
            &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, FIN, 102, ""), S(FORWARD, ACK, 103, "cd")],
            "F ab, F end() Fin",
        ),
        (
            "RST at the expected number",
            All,
            &[S(FORWARD, ACK, 100, "ab"), S(REVERSE, ACK, 500, "x"), S(REVERSE, RST, 501, "")],
            "F ab, R x, F end() Reset, R end() Reset",
        ),
        (
            "RST inside the window shows what is held",
            Nothing,
            &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, ACK, 104, "ef"), S(FORWARD, RST, 120, "")],
            "F ab, F gap(ab) 2, F ef, F end(ef) Reset, R end() Reset",
        ),
        (
            "RST behind or far ahead is ignored",
            All,
            &[
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, RST, 101, ""),
                S(FORWARD, RST, 0x4000_0000, ""),
                S(FORWARD, ACK, 102, "cd"),
            ],
            "F ab, F cd",
        ),
        (
            "refused, tried again, accepted",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(REVERSE, RST | ACK, 0, ""),
                S(FORWARD, SYN, 99, ""),
                S(REVERSE, SYN | ACK, 499, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(REVERSE, ACK, 500, "x"),
            ],
            "F ^ab, R ^x",
        ),
        (
            "port reuse",
            All,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(REVERSE, ACK, 500, "x"),
                S(FORWARD, SYN, 9999, ""),
                S(REVERSE, SYN | ACK, 777, ""),
                S(FORWARD, ACK, 10_000, "cd"),
                S(REVERSE, ACK, 778, "y"),
            ],
            "F ^ab, R x, F end() PortReused, R end() PortReused, F ^cd, R ^y",
        ),
        (
            "port reuse shows what is held",
            Nothing,
            &[S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 100, "ab"), S(FORWARD, SYN, 9, "cd")],
            "F ^ab, F end(ab) PortReused, R end() PortReused, F ^cd",
        ),
        (
            "nobody wants it",
            Close,
            &[
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, ACK, 100, "ab"),
                S(FORWARD, ACK, 102, "cd"),
                S(REVERSE, ACK, 5, "x"),
                S(FORWARD, SYN, 99, ""),
                S(FORWARD, FIN, 104, ""),
                S(REVERSE, RST, 6, ""),
            ],
            "F ^ab",
        ),
        (
            "nobody wants it, and then another",
            Close,
            &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, SYN, 9999, ""), S(FORWARD, ACK, 10_000, "cd")],
            "F ab, F ^cd",
        ),
        (
            "the flow is gone",
            Nothing,
            &[
                S(FORWARD, ACK, 100, "ab"),
                S(REVERSE, ACK, 500, "xy"),
                S(REVERSE, ACK, 503, "z"),
                Finish,
                S(FORWARD, ACK, 102, "cd"),
            ],
            "F ab, R xy, F end(ab) Finished, R gap(xy) 1, R z, R end(z) Finished",
        ),
        (
            "idle",
            Nothing,
            &[
                S(FORWARD, ACK, 100, "ab"),
                Wait(119_999),
                Expire,
                Wait(30_001),
                Expire,
                S(FORWARD, ACK, 102, "cd"),
            ],
            "F ab, F end(ab) Timeout, R end() Timeout, F cd",
        ),
        (
            "idle, but kept",
            Nothing,
            &[
                S(FORWARD, ACK, 100, "ab"),
                Wait(130_000),
                ExpireKept,
                Wait(110_000),
                Expire,
                S(FORWARD, ACK, 102, "cd"),
            ],
            "F ab, F ab|cd",
        ),
    ]);
}

#[test]
fn state_timeouts_depend_on_the_phase() {
    let options = Options { state_timeouts: true, ..Options::default() };
    for (steps, seconds) in [
        (&[S(FORWARD, SYN, 99, ""), S(FORWARD, SYN | FIN, 99, "")][..], 0),
        (&[S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 100, "ab")], 1800),
        (&[S(FORWARD, SYN, 99, ""), S(FORWARD, ACK, 100, "ab"), S(REVERSE, FIN, 9, "")], 300),
    ] {
        let (_, mut harness) = play(Appetite::Nothing, options, steps);
        harness.expire(false);
        harness.now_ns += seconds * SECOND - 1;
        harness.expire(false);
        assert_eq!(harness.reassembler.counters().timed_out_streams, 0, "{seconds} s");
        harness.now_ns += 2 * SECOND;
        harness.expire(false);
        assert_eq!(harness.reassembler.counters().timed_out_streams, u64::from(seconds > 0), "{seconds} s");
        assert_eq!(harness.reassembler.counters().held_bytes, 0);
    }
    assert_eq!(options.timeout_ns(Phase::Opening), 300 * SECOND);
    assert_eq!(TcpState::default().phase(), Phase::Opening);
}

#[test]
fn segments_far_away_are_ignored_until_they_prove_to_be_the_stream() {
    let (told, harness) = play(
        Appetite::All,
        Options::default(),
        &[
            S(FORWARD, SYN, 99, ""),
            S(FORWARD, ACK, 100, "ab"),
            S(FORWARD, ACK, 3_000_000, "11"),
            S(FORWARD, ACK, 3_000_002, "22"),
            S(FORWARD, ACK, 102, "cd"),
            S(FORWARD, ACK, 5_000_000, "33"),
            S(FORWARD, ACK, 5_000_002, "44"),
            S(FORWARD, ACK, 0x9000_0000, "55"),
            S(FORWARD, ACK, 5_000_004, "66"),
            S(FORWARD, ACK, 5_000_006, "77"),
            S(FORWARD, ACK, 5_000_008, "88"),
            S(FORWARD, ACK, 5_000_010, "99"),
            S(FORWARD, ACK, 104, "old"),
            S(FORWARD, ACK, 107, "old"),
            S(FORWARD, ACK, 110, "new"),
            S(FORWARD, ACK, 113, "er"),
        ],
    );
    assert_eq!(told, "F ^ab, F cd, F gap() 4999904, F 88, F 99, F gap() ?, F new, F er");
    let counters = harness.reassembler.counters();
    assert_eq!(
        (counters.implausible_segments, counters.resynchronisations, counters.held_streams),
        (11, 2, 0)
    );
}

#[test]
fn implausible_resets_are_counted() {
    let (_, harness) = play(
        Appetite::All,
        Options::default(),
        &[S(FORWARD, ACK, 100, "ab"), S(FORWARD, RST, 101, ""), S(FORWARD, RST, 103 + (1 << 20), "")],
    );
    assert_eq!(harness.reassembler.counters().implausible_resets, 2);

    let (told, mut harness) = play(Appetite::All, Options::default(), &[S(FORWARD, ACK, 100, "ab")]);
    assert_eq!(told, "F ab");
    harness.feed(REVERSE, Segment { acknowledgement: Some(0x7000_0000), ..segment(RST | ACK, 1, b"") });
    assert_eq!((harness.told().as_str(), harness.reassembler.counters().implausible_resets), ("", 1));
    harness.feed(REVERSE, Segment { acknowledgement: Some(102), ..segment(RST | ACK, 1, b"") });
    assert_eq!(harness.told(), "F end() Reset, R end() Reset");
}

#[test]
fn the_fast_path_holds_nothing() {
    let mut harness = Harness::new(Options::default(), Appetite::All);
    harness.feed(FORWARD, segment(SYN, 99, b""));
    harness.feed(REVERSE, segment(SYN | ACK, 499, b""));
    for index in 0..100 {
        harness.feed(FORWARD, segment(ACK, 100 + 4 * index, b"data"));
        harness.feed(REVERSE, segment(ACK, 500, b""));
    }
    harness.feed(FORWARD, segment(FIN, 500, b""));
    let counters = harness.reassembler.counters();
    assert_eq!((counters.opened_streams, counters.held_memory), (0, 0));
}

#[test]
fn profiles_have_names() {
    assert_eq!(Options::profile("balanced"), Some(Options::default()));
    for (text, name) in
        [("throughput", "high_performance"), ("latency", "low_latency"), ("memory", "minimal")]
    {
        assert!(Options::profile(name).is_some());
        assert_eq!(Options::profile(text), Options::profile(name));
    }
    let strategies = ["minimal", "balanced", "high_performance", "low_latency"]
        .map(|name| Options::profile(name).map(|options| (options.strategy, options.total_bytes >> 20)));
    assert_eq!(
        strategies,
        [
            Some((Strategy::Fixed, 25)),
            Some((Strategy::Adaptive, 100)),
            Some((Strategy::Ring, 500)),
            Some((Strategy::Fixed, 200)),
        ]
    );
    assert_eq!(Options::profile("fast"), None);
}

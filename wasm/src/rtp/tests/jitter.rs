use super::super::tests::{MILLISECOND, Random, header};
use super::*;

const PCMU: u8 = 0;
const MARKER: u8 = 0x80;

/// The jitter after packets of (second byte, timestamp, arrival in ms) at a clock.
fn after(clock_rate: u32, packets: &[(u8, u32, f64)]) -> Jitter {
    let mut jitter = Jitter::default();
    for (number, (second, timestamp, arrival_ms)) in packets.iter().enumerate() {
        jitter.update(&header(*second, number as u16, *timestamp), (arrival_ms * 1e6) as i64, clock_rate);
    }
    jitter
}

fn milliseconds(jitter: &Jitter) -> f64 {
    jitter.now_ns().unwrap() as f64 / 1e6
}

#[test]
fn ten_milliseconds_late() {
    // 80 / 16 = 5 units of 1/8000 s.
    assert_eq!(milliseconds(&after(8000, &[(PCMU, 160, 0.0), (PCMU, 320, 30.0)])), 0.625);
    // The timestamp wraps; the clock is the codec's.
    let wrap = after(8000, &[(PCMU, u32::MAX - 79, 0.0), (PCMU, 80, 30.0)]);
    assert_eq!(milliseconds(&wrap), 0.625);
    let opus: Vec<_> = (0..100).map(|n| (111, n * 960, f64::from(n) * 20.0)).collect();
    assert_eq!(after(48_000, &opus).most_ns(), Some(0));
    // 44100 Hz has no whole tick: what is left is far below a microsecond.
    let linear: Vec<_> = (0..1000).map(|n| (11, n * 441, f64::from(n) * 10.0)).collect();
    assert!(after(44_100, &linear).most_ns().unwrap() < 100);
}

#[test]
fn a_new_timeline_spoils_nothing() {
    let spoken = |from: u32, timestamp: u32, arrival_ms: f64| {
        (0..50).map(move |n| (PCMU, timestamp + (from + n) * 160, arrival_ms + f64::from(n) * 20.0))
    };
    let first: Vec<_> = spoken(0, 0, 0.0).collect();
    let with = |rest: Vec<(u8, u32, f64)>| [first.clone(), rest].concat();
    let marked = |mut packets: Vec<(u8, u32, f64)>| {
        packets[0].0 |= MARKER;
        packets
    };
    for (what, packets) in [
        // The timestamps go on through silence, or stand still.
        ("silence", with(spoken(150, 0, 3000.0).collect())),
        ("silence of a stopped clock", with(marked(spoken(50, 0, 2600.0).collect()))),
        ("another timeline", with(marked(spoken(0, 0x9000_0000, 1000.0).collect()))),
        ("another timeline, unmarked", with(spoken(0, 0x9000_0000, 1000.0).collect())),
        ("hold for a minute", with(spoken(50, 0, 61_000.0).collect())),
        // A digit: 10 packets of one timestamp, 3 of them the end.
        (
            "telephone-event",
            with(
                (0..10)
                    .map(|n| (101 | if n == 0 { MARKER } else { 0 }, 50 * 160, 1000.0 + f64::from(n) * 20.0))
                    .chain(spoken(60, 0, 1200.0))
                    .collect(),
            ),
        ),
        ("comfort noise", with([(13, 50 * 160, 1000.0)].into_iter().chain(spoken(99, 0, 1980.0)).collect())),
        ("digit after digit", {
            let digit = |n: u32| (101, n / 10 * 4000, f64::from(n) * 20.0 + f64::from(n / 10) * 300.0);
            let packets = (0..50).map(digit).map(|(kind, timestamp, at)| {
                (kind | if timestamp != 0 && at % 500.0 == 0.0 { MARKER } else { 0 }, timestamp, at)
            });
            with(packets.collect())
        }),
    ] {
        assert_eq!(after(8000, &packets).most_ns(), Some(0), "{what}");
    }
    // Senders that mark each packet are measured all the same.
    let all_marked: Vec<_> =
        (0..50).map(|n| (MARKER, n * 160, f64::from(n) * 20.0 + f64::from(n % 2))).collect();
    assert!(milliseconds(&after(8000, &all_marked)) > 0.5);
    // So is video: several packets of one frame, the last one marked.
    let frames: Vec<_> = (0..60)
        .map(|n| (96 | if n % 2 == 1 { MARKER } else { 0 }, n / 2 * 3000, f64::from(n / 2 * 33 + n % 2 * 5)))
        .collect();
    assert!(milliseconds(&after(90_000, &frames)) > 2.0);
}

#[test]
fn another_clock_begins_anew() {
    let mut jitter = Jitter::default();
    for number in 0..200_u32 {
        let (clock_rate, payload_type) = if number / 10 % 2 == 0 { (8000, 0) } else { (48_000, 111) };
        let arrival_ns = i64::from(number) * 20 * MILLISECOND;
        let timestamp = number * clock_rate / 50;
        jitter.update(&header(payload_type, number as u16, timestamp), arrival_ns, clock_rate);
        assert_eq!(jitter.clock_rate(), clock_rate);
    }
    assert_eq!((jitter.now_ns(), jitter.most_ns(), jitter.mean_ns()), (Some(0), Some(0), Some(0)));
    // Without a clock nothing is measured.
    for clock_rate in [0, 1, 999] {
        let unknown = after(clock_rate, &[(96, 0, 0.0), (96, 5, 20.0), (96, 10, 70.0)]);
        assert_eq!((unknown.now_ns(), unknown.mean_ns()), (None, None));
    }
}

#[test]
fn agrees_with_appendix_a_8() {
    let mut random = Random(99);
    for (clock_rate, step) in
        [(8000, 160), (16_000, 320), (48_000, 960), (44_100, 441), (1000, 20), (90_000, 3003)]
    {
        let mut jitter = Jitter::default();
        // In floating point, in ticks, by transit times. The wrap falls in the middle.
        let (mut expected, mut most, mut sum, mut last) = (0.0_f64, 0.0_f64, 0.0, None);
        let start = 0_u32.wrapping_sub(500 * step);
        for number in 0..2000_u32 {
            if random.below(20) == 0 {
                continue;
            }
            let sent_ns = u64::from(number) * u64::from(step) * 1_000_000_000 / u64::from(clock_rate);
            let arrival_ns = 1_700_000_000_000_000_000 + sent_ns + random.below(30_000_000);
            let timestamp = start.wrapping_add(number * step);
            jitter.update(&header(96, number as u16, timestamp), arrival_ns as i64, clock_rate);
            let arrival = (arrival_ns - 1_700_000_000_000_000_000) as f64 * f64::from(clock_rate) / 1e9;
            let transit = arrival - f64::from(number * step);
            if let Some(last) = last.replace(transit) {
                expected += ((transit - last).abs() - expected) / 16.0;
                most = most.max(expected);
                sum += expected / 1000.0;
            }
            let found = jitter.now_ns().unwrap_or(0) as f64 * f64::from(clock_rate) / 1e9;
            assert!((found - expected).abs() < 0.01, "{clock_rate}: {found}, expected {expected}");
        }
        let most_ns = jitter.most_ns().unwrap() as f64;
        assert!((most_ns - most * 1e9 / f64::from(clock_rate)).abs() < 1000.0);
        let mean_ns = jitter.mean_ns().unwrap() as f64;
        let expected_mean_ns = sum * 1e12 / f64::from(clock_rate) / 1900.0;
        assert!((mean_ns / expected_mean_ns - 1.0).abs() < 0.05, "{mean_ns}, about {expected_mean_ns}");
    }
}

#[test]
fn bounded_whatever_comes() {
    let mut random = Random(5);
    let mut jitter = Jitter::default();
    for _ in 0..100_000 {
        let clock_rate = [8000, 8000, 8000, 1000, 90_000, u32::MAX, 0][random.below(7) as usize];
        let arrival_ns = (random.next() << 20) as i64 >> random.below(60);
        let timestamp = (random.next() as u32) >> random.below(32);
        jitter.update(&header(random.below(128) as u8 & 0x81, 0, timestamp), arrival_ns, clock_rate);
        assert!(jitter.most_ns().unwrap_or(0) <= MOST_DEVIATION_NS);
    }
    assert!(jitter.mean_ns() <= jitter.most_ns());
}

use super::super::Header;
use super::super::tests::{MILLISECOND, Random, header, packet};
use super::*;

const CLOCK: u32 = 8000;

/// Packets of G.711 with these sequence numbers and arrival times in ms; their timestamps follow the numbers.
fn stream(packets: impl IntoIterator<Item = (u16, i64)>) -> StreamQuality {
    let mut quality = StreamQuality::default();
    for (sequence, arrival_ms) in packets {
        let header = header(0, sequence, u32::from(sequence) * 160);
        quality.update(&header, arrival_ms * MILLISECOND, CLOCK);
    }
    quality
}

/// 50 packets a second without one that `is_lost`, each later by `delay_ms`.
fn regular(count: u16, is_lost: impl Fn(u16) -> bool, delay_ms: impl Fn(u16) -> i64) -> StreamQuality {
    let kept = (0..count).filter(|number| !is_lost(*number));
    stream(kept.map(|number| (number, i64::from(number) * 20 + delay_ms(number))))
}

fn score(quality: &StreamQuality) -> f64 {
    quality.mos(b"PCMU", CLOCK).unwrap()
}

#[test]
fn figures_of_the_specification() {
    let gap = stream([(1, 0), (4, 60)]);
    assert_eq!((gap.expected(), gap.lost(), gap.loss_percent()), (4, 2, 50.0));
    let reordered = stream([(1, 0), (3, 20), (2, 40), (4, 60)]);
    assert_eq!((reordered.lost(), reordered.out_of_order(), reordered.duplicates()), (0, 1, 0));
    let wrapped = stream([(65535, 0), (0, 20)]);
    assert_eq!((wrapped.lost(), wrapped.expected()), (0, 2));
    let late = stream([(1, 0), (2, 30)]);
    assert_eq!(
        (late.jitter_ms(), late.max_jitter_ms(), late.mean_jitter_ms()),
        (Some(0.625), Some(0.625), Some(0.625))
    );
    // Nothing lost, nothing late.
    let perfect = regular(500, |_| false, |_| 0);
    assert!((score(&perfect) - 4.4093).abs() < 0.0001);
    assert_eq!(perfect.r_factor(b"pcmu", CLOCK), Some(93.2));
    // 1 % lost, one by one.
    let lossy = regular(1000, |number| number % 100 == 50, |_| 0);
    assert_eq!((lossy.lost(), lossy.loss_percent(), lossy.mean_loss_burst()), (10, 1.0, 1.0));
    assert!((score(&lossy) - 4.3281).abs() < 0.0001);
}

#[test]
fn counts_what_a_sender_counts() {
    let mut quality = StreamQuality::default();
    let mut padded = packet(8, 2, 320, 7);
    padded[0] = 0xa0;
    *padded.last_mut().unwrap() = 10;
    for (bytes, arrival_ms) in
        [(&packet(8, 1, 160, 7), 100), (&padded, 120), (&padded, 121), (&packet(8, 0, 0, 7), 119)]
    {
        quality.update(&Header::parse(bytes).unwrap(), arrival_ms * MILLISECOND, CLOCK);
    }
    assert_eq!((quality.packets(), quality.bytes()), (4, 160 + 150 + 150 + 160));
    assert_eq!(
        (quality.expected(), quality.lost(), quality.duplicates(), quality.out_of_order()),
        (3, 0, 1, 1)
    );
    assert_eq!((quality.first_ns(), quality.last_ns()), (100 * MILLISECOND, 121 * MILLISECOND));
    assert_eq!((quality.last_ns() - quality.first_ns(), quality.clock_rate()), (21_000_000, CLOCK));
    assert!(quality.is_validated());
}

#[test]
fn nothing_seen_says_nothing() {
    let none = StreamQuality::default();
    assert_eq!((none.expected(), none.lost(), none.loss_percent(), none.mean_loss_burst()), (0, 0, 0.0, 1.0));
    assert_eq!((none.jitter_ms(), none.mos(b"PCMU", CLOCK)), (None, None));
    let one = stream([(9, 0)]);
    assert_eq!((one.jitter_ms(), one.expected(), one.is_validated()), (None, 1, false));
    assert!(one.mos(b"PCMU", CLOCK).is_some());
    // Nobody hears video and events; what is not known at all is not rated.
    for (name, clock_rate) in [("H264", 90_000), ("telephone-event", CLOCK), ("dynamic", 0)] {
        assert_eq!(one.r_factor(name.as_bytes(), clock_rate), None);
    }
    assert!(one.r_factor(b"opus", 48_000).is_some());
}

#[test]
fn a_score_never_rises_with_what_is_worse() {
    // One by one, by fives, and in ever longer bursts.
    for (most, group, period) in [(50, 1, 100), (10, 5, 100), (99, 1, 0)] {
        let by_loss: Vec<_> = (0..=most)
            .map(|lost| match period {
                0 => regular(2500, |number| number % 100 + lost > 99, |_| 0),
                _ => regular(
                    2500,
                    |number| number % period / group % 2 == 1 && number % period / group / 2 < lost,
                    |_| 0,
                ),
            })
            .map(|quality| score(&quality))
            .collect();
        assert!(by_loss.is_sorted_by(|a, b| a >= b) && by_loss[usize::from(most)] < 2.0, "{by_loss:?}");
    }
    let by_jitter: Vec<_> = (0..60)
        .map(|late| score(&regular(2000, |_| false, |number| i64::from(number % 2) * late * 5)))
        .collect();
    assert!(by_jitter.is_sorted_by(|a, b| a >= b) && by_jitter[59] < 3.0, "{by_jitter:?}");
    // As much loss in bursts is worse; 10 in a row.
    let single = regular(10_000, |number| number % 100 == 50, |_| 0);
    let bursts = regular(10_000, |number| number % 1000 / 10 == 50, |_| 0);
    assert_eq!(single.lost(), bursts.lost());
    assert_eq!((single.mean_loss_burst(), bursts.mean_loss_burst()), (1.0, 10.0));
    assert!(score(&bursts) < score(&single));
}

#[test]
fn a_restart_is_no_loss_and_no_jitter() {
    let first = (0..100).map(|number| (number, i64::from(number) * 20));
    let second = (40_000..40_100).map(|number| (number, i64::from(number - 40_000) * 20 + 2000));
    let quality = stream(first.chain(second));
    assert_eq!((quality.expected(), quality.lost(), quality.packets()), (200, 0, 200));
    assert_eq!(quality.max_jitter_ms(), Some(0.0));
}

#[test]
fn whatever_comes_figures_are_sound() {
    let mut random = Random(3);
    for _ in 0..20 {
        let mut quality = StreamQuality::default();
        for _ in 0..2000 {
            let header = Header {
                marker: random.below(2) == 0,
                ..header(random.below(2) as u8 * 101, random.below(300) as u16, random.next() as u32)
            };
            let arrival_ns = random.next() as i64 >> random.below(48);
            quality.update(&header, arrival_ns, [8000, 48_000, 0][random.below(3) as usize]);
        }
        assert_eq!(quality.packets(), 2000);
        assert!((0.0..=100.0).contains(&quality.loss_percent()));
        assert!(quality.mean_loss_burst() >= 1.0);
        assert!((1.0..=4.5).contains(&score(&quality)));
        assert!(quality.mean_jitter_ms() <= quality.max_jitter_ms());
    }
}

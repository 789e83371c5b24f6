use super::super::tests::Random;
use super::Arrival::{Duplicate, InOrder, Jump, OutOfOrder, Restart};
use super::*;
use std::collections::HashSet;

fn after(numbers: &[u16]) -> Sequence {
    let mut sequence = Sequence::default();
    for number in numbers {
        sequence.update(*number);
    }
    sequence
}

/// Numbers, then what they make of a source: expected, lost, duplicates, out of order, bursts of loss.
const CASES: &[(&[u16], [u32; 5])] = &[
    (&[], [0, 0, 0, 0, 0]),
    (&[1, 4], [4, 2, 0, 0, 1]),
    (&[1, 3, 2, 4], [4, 0, 0, 1, 0]),
    (&[65535, 0], [2, 0, 0, 0, 0]),
    (&[65534, 1, 65535, 0], [4, 0, 0, 2, 0]),
    (&[1, 1, 2, 2, 1], [2, 0, 3, 0, 0]),
    // A duplicate hides no loss.
    (&[1, 1, 3], [3, 1, 1, 0, 1]),
    // A late packet fills a gap, shortens it, or parts it.
    (&[1, 5, 2], [5, 2, 0, 1, 1]),
    (&[1, 5, 3], [5, 2, 0, 1, 2]),
    (&[1, 5, 3, 2, 4], [5, 0, 0, 3, 0]),
    (&[1, 3, 5], [5, 2, 0, 0, 2]),
    // The beginning: what adjoins the first packet counts.
    (&[2, 1, 3], [3, 0, 0, 1, 0]),
    (&[3, 1, 2, 4], [4, 0, 0, 2, 0]),
    (&[100, 60, 101, 60], [2, 0, 1, 1, 0]),
    (&[0, 65535], [2, 0, 0, 1, 0]),
    // Loss up to the appendix's bound, then a jump: it counts once it is confirmed.
    (&[10, 3009], [3000, 2998, 0, 0, 1]),
    (&[10, 3010], [1, 0, 0, 0, 0]),
    (&[10, 11, 30000, 30001, 30002], [5, 0, 0, 0, 0]),
    (&[10, 11, 30000, 12, 30001, 13], [5, 0, 0, 0, 0]),
    (&[10, 11, 12, 65535, 0], [3, 0, 0, 2, 0]),
    // Late by more than the bound: a jump; by the bound: late.
    (&[500, 399, 501], [2, 0, 0, 0, 0]),
    (&[500, 400, 501], [2, 0, 0, 1, 0]),
    // Restart within the window's reach, backward by more than 100.
    (&[5000, 5001, 100, 101, 103], [6, 1, 0, 0, 1]),
];

#[test]
fn counts() {
    for (numbers, expected) in CASES {
        let found = after(numbers);
        let figures =
            [found.expected(), found.lost(), found.duplicates(), found.out_of_order(), found.loss_bursts()];
        assert_eq!(figures, *expected, "{numbers:?}");
    }
}

#[test]
fn what_went_elsewhere_is_not_lost() {
    let mut sequence = after(&[10, 12]);
    sequence.begin_anew();
    assert_eq!((sequence.expected(), sequence.lost()), (3, 1));
    assert_eq!([60, 61, 63].map(|number| sequence.update(number)), [Restart, InOrder, InOrder]);
    assert_eq!((sequence.expected(), sequence.lost(), sequence.loss_bursts()), (7, 2, 2));
    let mut sequence = Sequence::default();
    sequence.begin_anew();
    assert_eq!((sequence.expected(), sequence.lost()), (0, 0));
}

#[test]
fn says_what_each_packet_is() {
    let mut sequence = Sequence::default();
    for (number, expected, is_validated) in [
        (7, Restart, false),
        (7, Duplicate, false),
        (9, InOrder, false),
        (8, OutOfOrder, false),
        (10, InOrder, true),
        (8, Duplicate, true),
        (40000, Jump, true),
        (50000, Jump, true),
        (11, InOrder, true),
        (40001, Jump, true),
        (40002, Restart, true),
        (40003, InOrder, true),
        (40001, Duplicate, true),
        (40000, OutOfOrder, true),
    ] {
        assert_eq!((sequence.update(number), sequence.is_validated()), (expected, is_validated), "{number}");
    }
    // 7 to 11, and 40000 to 40003 though it was seen twice as a jump.
    assert_eq!((sequence.expected(), sequence.lost()), (9, 0));
}

#[test]
fn cycles_extend_the_highest() {
    let mut sequence = Sequence::default();
    for number in 65_000..65_000 + 3 * 65_536_u32 {
        sequence.update(number as u16);
    }
    assert_eq!(sequence.extended_highest(), 65_000 + 3 * 65_536 - 1);
    assert_eq!((sequence.expected(), sequence.lost()), (3 * 65_536, 0));
}

/// Appendix A.1 as it stands, without probation, with a cycle's room in front; what is received is a set, so that
/// duplicates are none.
#[derive(Default)]
struct Reference {
    max_seq: u16,
    cycles: i64,
    base_seq: i64,
    bad_seq: Option<u16>,
    received: HashSet<i64>,
    duplicates: u32,
    expected_before: i64,
    received_before: usize,
    has_begun: bool,
}

impl Reference {
    fn init(&mut self, seq: u16) {
        self.expected_before += self.expected_of_run();
        self.received_before += self.received_of_run();
        self.max_seq = seq;
        self.cycles = 0;
        self.base_seq = seq.into();
        self.bad_seq = None;
        self.received = HashSet::from([seq.into()]);
        self.has_begun = true;
    }

    fn update(&mut self, seq: u16) {
        if !self.has_begun {
            return self.init(seq);
        }
        let udelta = seq.wrapping_sub(self.max_seq);
        let mut extended = self.cycles + i64::from(seq);
        if udelta < 3000 {
            if seq < self.max_seq {
                self.cycles += 65_536;
                extended += 65_536;
            }
            self.max_seq = seq;
        } else if udelta <= (65_536 - 100 - 1) as u16 {
            if self.bad_seq != Some(seq) {
                self.bad_seq = Some(seq.wrapping_add(1));
                return;
            }
            self.init(seq.wrapping_sub(1));
            return self.update(seq);
        } else if seq > self.max_seq {
            extended -= 65_536;
        }
        if !self.received.insert(extended) {
            self.duplicates += 1;
        }
        while self.received.contains(&(self.base_seq - 1)) {
            self.base_seq -= 1;
        }
    }

    fn expected_of_run(&self) -> i64 {
        if self.has_begun { self.cycles + i64::from(self.max_seq) - self.base_seq + 1 } else { 0 }
    }

    fn received_of_run(&self) -> usize {
        self.received.iter().filter(|number| **number >= self.base_seq).count()
    }

    /// Runs of numbers of this run that are missing.
    fn bursts(&self) -> u32 {
        let end = self.cycles + i64::from(self.max_seq);
        let is_lost = |number: i64| !self.received.contains(&number);
        (self.base_seq..end).filter(|number| !is_lost(*number) && is_lost(number + 1)).count() as u32
    }
}

#[test]
fn agrees_with_appendix_a() {
    let mut random = Random(0x5eed);
    for round in 0..400 {
        let (loss, reorder, duplicate) = (random.below(30), random.below(20), random.below(10));
        let has_restarts = round % 4 == 0;
        let mut sent = random.next() as u16;
        if round % 3 == 0 {
            sent = 65_500;
        }
        let mut numbers: Vec<u16> = Vec::new();
        for _ in 0..500 {
            sent = sent.wrapping_add(1);
            if has_restarts && random.below(150) == 0 {
                sent = sent.wrapping_add(5000 + random.below(50_000) as u16);
            }
            if random.below(100) >= loss {
                let early = random.below(30).min(numbers.len() as u64) as usize;
                let late = random.below(100) < reorder;
                numbers.insert(numbers.len() - if late { early } else { 0 }, sent);
                if random.below(100) < duplicate {
                    let at = numbers.len() - random.below(20).min(numbers.len() as u64) as usize;
                    numbers.insert(at, sent);
                }
            }
        }
        let (mut sequence, mut reference) = (Sequence::default(), Reference::default());
        for number in &numbers {
            sequence.update(*number);
            reference.update(*number);
        }
        let expected = reference.expected_before + reference.expected_of_run();
        let received = reference.received_before + reference.received_of_run();
        let context = format!("round {round}: {numbers:?}");
        assert_eq!(i64::from(sequence.expected()), expected, "{context}");
        assert_eq!(sequence.received() as usize, received, "{context}");
        if reference.expected_before == 0 {
            assert_eq!(sequence.duplicates(), reference.duplicates, "{context}");
            assert_eq!(sequence.loss_bursts(), reference.bursts(), "{context}");
        }
    }
}

#[test]
fn any_numbers_add_up() {
    let mut random = Random(77);
    for _ in 0..50 {
        let mut sequence = Sequence::default();
        let spread = [50, 400, 4000, 65_536][random.below(4) as usize];
        for _ in 0..3000 {
            sequence.update(random.below(spread) as u16);
            assert!(sequence.lost() <= sequence.expected());
            assert_eq!(sequence.lost(), sequence.expected() - sequence.received());
            assert!(sequence.loss_bursts() <= sequence.lost());
            assert_eq!(sequence.loss_bursts() == 0, sequence.lost() == 0);
        }
    }
}

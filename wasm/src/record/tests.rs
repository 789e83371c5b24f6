//! The readers against hand-made streams: every variant, every cut, damage, and real captures.

use super::*;
use std::fmt::Write as _;
use std::path::Path;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;

/// A xorshift generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Timestamp, original length, link type, interface, data.
    records: Vec<(i64, u32, u32, u32, Vec<u8>)>,
    stats: RecordStats,
    faults: Vec<String>,
    refused: Option<String>,
    names: Vec<String>,
}

/// Reads a stream that comes in blocks of the lengths that `cut` gives, as the engine does.
fn read_cut(stream: &[u8], mut cut: impl FnMut() -> usize) -> Outcome {
    let mut reader = Reader::new();
    let mut outcome = Outcome::default();
    let (mut held, mut fed) = (Vec::new(), 0);
    loop {
        let end = (fed + cut()).min(stream.len());
        held.extend_from_slice(&stream[fed..end]);
        fed = end;
        let at_end = fed == stream.len();
        let mut position = 0;
        let done = loop {
            let before = position;
            match reader.next(&held, &mut position, at_end) {
                Step::Record(record) => {
                    assert!(position > before, "a record consumes bytes");
                    if let Some(name) = reader.interface_name(record.interface)
                        && outcome.names.last().is_none_or(|last| last != name)
                    {
                        outcome.names.push(name.to_owned());
                    }
                    let Record { timestamp_ns, original_length, link_type, interface, data } = record;
                    outcome.records.push((
                        timestamp_ns,
                        original_length,
                        link_type,
                        interface,
                        data.to_vec(),
                    ));
                }
                Step::NeedMore => {
                    assert!(!at_end, "nothing to wait for at the end");
                    assert!(held.len() - position < 1 << 20, "1 MiB must decide");
                    break false;
                }
                Step::NotACapture(why) => {
                    outcome.refused = Some(why.to_string());
                    break true;
                }
                Step::End => {
                    assert!(at_end);
                    assert_eq!(position, held.len(), "the end is reached");
                    assert_eq!(reader.next(&held, &mut position, at_end), Step::End);
                    break true;
                }
            }
        };
        held.drain(..position);
        if done {
            outcome.stats = reader.stats();
            outcome.faults =
                std::iter::from_fn(|| reader.take_fault()).map(|fault| fault.to_string()).collect();
            assert_eq!(outcome.stats.records, outcome.records.len() as u64);
            return outcome;
        }
    }
}

fn read(stream: &[u8]) -> Outcome {
    let whole = read_cut(stream, || stream.len());
    for block in [1, 7, 4096] {
        assert_eq!(read_cut(stream, || block), whole, "blocks of {block} bytes");
    }
    whole
}

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32s(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    fn block(self, block_type: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = padded as u32 + 12;
        let mut block = self.u32s(&[block_type, length]);
        block.extend_from_slice(body);
        block.resize(8 + padded, 0);
        block.extend_from_slice(&self.u32(length));
        block
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32s(&[0x1a2b_3c4d]);
        body.extend_from_slice(&self.u16(1));
        body.extend_from_slice(&self.u16(0));
        body.extend_from_slice(&[0xff; 8]);
        self.block(SECTION_HEADER, &body)
    }

    fn interface(self, link_type: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link_type), [0, 0]].concat();
        body.extend_from_slice(&self.u32(snap_length));
        for (code, value) in options {
            body.extend_from_slice(&self.u16(*code));
            body.extend_from_slice(&self.u16(value.len() as u16));
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, units: u64, original: u32, data: &[u8]) -> Vec<u8> {
        let (high, low) = ((units >> 32) as u32, units as u32);
        let mut body = self.u32s(&[interface, high, low, data.len() as u32, original]);
        body.extend_from_slice(data);
        self.block(6, &body)
    }
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

fn pcap_header(order: Order, magic: u32, snap_length: u32, link_type: u32) -> Vec<u8> {
    let mut header = order.u32s(&[magic]);
    header.extend_from_slice(&order.u16(2));
    header.extend_from_slice(&order.u16(4));
    header.extend_from_slice(&order.u32s(&[0, 0, snap_length, link_type]));
    header
}

fn pcap_record(order: Order, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Vec<u8> {
    [&order.u32s(&[seconds, fraction, data.len() as u32, original])[..], data].concat()
}

/// A little-endian microsecond capture of `count` records, the i-th of i+20 bytes at i seconds after 1 700 000 000.
fn plain_pcap(count: u32) -> Vec<u8> {
    let mut stream = pcap_header(LITTLE, 0xa1b2_c3d4, 65_535, 1);
    for index in 0..count {
        let data = vec![index as u8 | 0x80; index as usize + 20];
        stream.extend_from_slice(&pcap_record(LITTLE, 1_700_000_000 + index, index, index + 20, &data));
    }
    stream
}

#[test]
fn reads_every_pcap_variant() {
    for order in [LITTLE, BIG] {
        for (magic, nanoseconds_per_unit, padding) in
            [(0xa1b2_c3d4, 1000, 0), (0xa1b2_3c4d, 1, 0), (0xa1b2_cd34, 1000, 8)]
        {
            // The upper bits of the link type say that frame check sequences of 4 bytes are there.
            let mut stream = pcap_header(order, magic, 0, 0x4400_0114);
            for (original, data) in [(3, &b"abc"[..]), (1500, b"defg"), (0, b"")] {
                let mut record = pcap_record(order, 0xffff_ffff, 999_999, original, data);
                record.splice(16..16, vec![0xaa; padding]);
                stream.extend_from_slice(&record);
            }
            let outcome = read(&stream);
            let timestamp = 0xffff_ffff * 1_000_000_000 + 999_999 * nanoseconds_per_unit;
            let expected = vec![
                (timestamp, 3, 276, 0, b"abc".to_vec()),
                (timestamp, 1500, 276, 0, b"defg".to_vec()),
                (timestamp, 0, 276, 0, vec![]),
            ];
            assert_eq!(outcome.records, expected, "magic {magic:x}, big endian {}", order.big);
            assert_eq!(outcome.stats, RecordStats { records: 3, ..RecordStats::default() });
            assert_eq!(outcome.faults, Vec::<String>::new());
        }
    }
}

#[test]
fn a_header_without_records_is_an_empty_capture() {
    for stream in [plain_pcap(0), LITTLE.section(), BIG.section()] {
        assert_eq!(read(&stream), Outcome::default());
    }
}

#[test]
fn says_why_a_stream_is_no_capture() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "not a capture file: it is empty"),
        (b"\x7fELF\x02\x01\x01", "not a capture file: it begins with 7f 45 4c 46 (ELF)"),
        (b"\x1f\x8b\x08\0", "not a capture file: it begins with 1f 8b 08 00 (gzip)"),
        (b"#!/bin/sh\n", "not a capture file: it begins with 23 21 2f 62 (text)"),
        (b"\x00", "not a capture file: it begins with 00"),
        (b"\x00\x01\x02\x03\x04", "not a capture file: it begins with 00 01 02 03"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            "not a capture file: it begins with d4 c3 b2 a1 (pcap, but its file header is cut short)",
        ),
        (
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            "not a capture file: it begins with 0a 0d 0d 0a (pcapng, but its section header is damaged)",
        ),
    ];
    for (stream, text) in cases {
        let outcome = read(stream);
        assert_eq!(outcome.refused.as_deref(), Some(text));
        assert_eq!(outcome.stats, RecordStats::default());
    }
}

#[test]
fn a_cut_pcap_yields_the_whole_records_before_the_cut() {
    let stream = plain_pcap(5);
    let ends: Vec<usize> = (0..5)
        .scan(24, |end, index| Some(std::mem::replace(end, *end + 36 + index)))
        .chain([stream.len()])
        .collect();
    for length in 24..=stream.len() {
        let outcome = read(&stream[..length]);
        let whole = ends.iter().filter(|&&end| end > 24 && end <= length).count() as u64;
        let at_boundary = ends.contains(&length);
        let expected = RecordStats {
            records: whole,
            truncated_records: u64::from(!at_boundary),
            ..RecordStats::default()
        };
        assert_eq!(outcome.stats, expected, "cut to {length} bytes");
    }
    let outcome = read(&stream[..24 + 36 + 26]);
    assert_eq!(outcome.faults, ["record at byte offset 60 is cut short: 37 bytes announced, 26 there"]);
}

#[test]
fn keeps_and_counts_records_beyond_the_snap_length() {
    let mut stream = pcap_header(LITTLE, 0xa1b2_c3d4, 4, 1);
    stream.extend_from_slice(&pcap_record(LITTLE, 1, 0, 9, b"123456789"));
    stream.extend_from_slice(&pcap_record(LITTLE, 1, 0, 9, b"1234"));
    let outcome = read(&stream);
    assert_eq!(outcome.stats, RecordStats { records: 2, over_snaplen: 1, ..RecordStats::default() });
    assert_eq!(
        outcome.faults,
        ["record at byte offset 24 is longer than the snap length: 9 bytes captured, snap length 4"]
    );

    let mut stream = [LITTLE.section(), LITTLE.interface(1, 4, &[])].concat();
    stream.extend_from_slice(&LITTLE.enhanced(0, 0, 9, b"123456789"));
    assert_eq!(read(&stream).stats, RecordStats { records: 1, over_snaplen: 1, ..RecordStats::default() });
}

#[test]
fn finds_the_next_record_after_a_corrupt_length() {
    // Offset of the third record's captured length in a capture of eight.
    let field = 24 + 36 + 37 + 8;
    let whole = read(&plain_pcap(8)).records;
    for length in [0xffff_ffff_u32, 262_145, 0x8000_0000, 5000] {
        let mut stream = plain_pcap(8);
        stream[field..field + 4].copy_from_slice(&length.to_le_bytes());
        let outcome = read(&stream);
        let expected: Vec<_> =
            whole.iter().enumerate().filter(|(index, _)| *index != 2).map(|(_, r)| r.clone()).collect();
        assert_eq!(outcome.records, expected, "captured length {length}");
        let stats = RecordStats { records: 7, bad_records: 1, skipped_bytes: 38, ..RecordStats::default() };
        assert_eq!(outcome.stats, stats);
        let text = format!(
            "record at byte offset 97 is corrupt: captured length {length}; reading goes on at the next plausible record"
        );
        assert_eq!(outcome.faults, [text]);
    }
    // Bytes that are no record at all, before, between and after records.
    let garbage = [0xee; 1000];
    let mut stream = plain_pcap(2);
    let records = stream.split_off(24);
    let stream = [&stream[..], &garbage, &records, &garbage, &records, &garbage].concat();
    let outcome = read(&stream);
    // The last record before garbage has nothing plausible behind it, but is read in sequence.
    assert_eq!(outcome.stats.records, 4);
    assert_eq!(outcome.stats.bad_records, 3);
    assert_eq!(outcome.stats.skipped_bytes, 3000);
}

#[test]
fn waits_no_longer_than_a_megabyte_for_a_hostile_length() {
    // Every four bytes read as a plausible captured length that is too long to be confirmed soon.
    let mut stream = pcap_header(LITTLE, 0xa1b2_c3d4, 262_144, 1);
    stream.extend(std::iter::repeat_n([0xff, 0xff, 0x03, 0x00], 300_000).flatten());
    let outcome = read_cut(&stream, || 100_000);
    assert_eq!(outcome, read_cut(&stream, || stream.len()));
    // The same, with lengths that a search must follow up.
    let mut stream = pcap_header(LITTLE, 0xa1b2_c3d4, 262_144, 1);
    stream.extend_from_slice(&[0xff; 16]);
    stream.extend(std::iter::repeat_n(LITTLE.u32s(&[1, 0, 200_000, 200_000]), 40_000).flatten());
    assert_eq!(read_cut(&stream, || 100_000), read_cut(&stream, || stream.len()));
}

#[test]
fn reads_every_pcapng_packet_block() {
    for order in [LITTLE, BIG] {
        let mut stream = order.section();
        stream.extend_from_slice(&order.interface(1, 6, &[(2, b"eth0\0")]));
        stream.extend_from_slice(&order.interface(101, 0, &[(9, &[9]), (2, "wän".as_bytes()), (0, b"")]));
        stream.extend_from_slice(&order.block(5, &[0; 20]));
        stream.extend_from_slice(&order.enhanced(1, 1_700_000_000_123_456_789, 5, b"hello"));
        // Simple packet: no time of its own, cut to interface 0's snap length.
        stream.extend_from_slice(&order.block(3, &[&order.u32(100)[..], b"simple"].concat()));
        let mut obsolete = [order.u16(0), order.u16(7)].concat();
        obsolete.extend_from_slice(&order.u32s(&[0x0006_0a24, 0x181e_4000, 3, 60]));
        obsolete.extend_from_slice(b"old");
        stream.extend_from_slice(&order.block(2, &obsolete));
        let outcome = read(&stream);
        let expected = vec![
            (1_700_000_000_123_456_789, 5, 101, 1, b"hello".to_vec()),
            (1_700_000_000_123_456_789, 100, 1, 0, b"simple".to_vec()),
            (1_700_000_000_000_000_000, 60, 1, 0, b"old".to_vec()),
        ];
        assert_eq!(outcome.records, expected);
        assert_eq!(outcome.stats, RecordStats { records: 3, ..RecordStats::default() });
        assert_eq!(outcome.names, ["wän", "eth0"]);
    }
}

#[test]
fn converts_pcapng_time_to_nanoseconds() {
    let cases: [(&[u8], u64, i64); 12] = [
        (&[6], 1_700_000_000_000_001, 1_700_000_000_000_001_000),
        (&[9], 1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        (&[0], 1_700_000_000, 1_700_000_000_000_000_000),
        (&[3], 1_700_000_000_001, 1_700_000_000_001_000_000),
        (&[12], 1_700_000_000_000_999, 1_700_000_000_000),
        (&[127], u64::MAX, 0),
        (&[0x80], 3, 3_000_000_000),
        (&[0x81], 3, 1_500_000_000),
        (&[0xa0], 0x1_8000_0000, 1_500_000_000),
        (&[0xff], u64::MAX, 0),
        (&[6], u64::MAX, i64::MAX),
        (&[], 1, 1000),
    ];
    for (resolution, units, expected) in cases {
        for (offset, shift) in [(0_i64, 0_i64), (10, 10_000_000_000), (-10, -10_000_000_000)] {
            let offset = offset.to_le_bytes();
            let mut stream = LITTLE.section();
            stream.extend_from_slice(&LITTLE.interface(1, 0, &[(9, resolution), (14, &offset)]));
            stream.extend_from_slice(&LITTLE.enhanced(0, units, 0, b""));
            assert_eq!(read(&stream).records[0].0, expected.saturating_add(shift), "{resolution:?} {units}");
        }
    }
    for (seconds, expected) in [(i64::MAX, i64::MAX), (i64::MIN, i64::MIN + 1000)] {
        let mut stream = [LITTLE.section(), LITTLE.interface(1, 0, &[(14, &seconds.to_le_bytes())])].concat();
        stream.extend_from_slice(&LITTLE.enhanced(0, 1, 0, b""));
        assert_eq!(read(&stream).records[0].0, expected);
    }
}

#[test]
fn sections_have_their_own_interfaces_and_byte_order() {
    let mut stream = Vec::new();
    for (order, link_type, name) in [(LITTLE, 1, "first"), (BIG, 101, "second"), (LITTLE, 113, "third")] {
        stream.extend_from_slice(&order.section());
        stream.extend_from_slice(&order.interface(link_type, 0, &[(2, name.as_bytes())]));
        stream.extend_from_slice(&order.enhanced(0, 1, 1, name.as_bytes()));
        stream.extend_from_slice(&order.enhanced(1, 1, 1, b"unknown"));
    }
    let outcome = read(&stream);
    let expected = vec![
        (1000, 1, 1, 0, b"first".to_vec()),
        (1000, 1, 101, 1, b"second".to_vec()),
        (1000, 1, 113, 2, b"third".to_vec()),
    ];
    assert_eq!(outcome.records, expected);
    assert_eq!(outcome.names, ["first", "second", "third"]);
    assert_eq!(outcome.stats, RecordStats { records: 3, unknown_interfaces: 3, ..RecordStats::default() });
    assert_eq!(
        outcome.faults,
        ["packet block at byte offset 100 names interface 1, which was not described"]
    );
}

#[test]
fn holds_a_bounded_number_of_interfaces() {
    let mut stream = LITTLE.section();
    for _ in 0..1030 {
        stream.extend_from_slice(&LITTLE.interface(1, 0, &[]));
    }
    stream.extend_from_slice(&LITTLE.enhanced(1023, 1, 1, b"x"));
    stream.extend_from_slice(&LITTLE.enhanced(1024, 1, 1, b"x"));
    stream.extend_from_slice(&[LITTLE.section(), LITTLE.interface(1, 0, &[])].concat());
    stream.extend_from_slice(&LITTLE.enhanced(0, 1, 1, b"x"));
    let outcome = read(&stream);
    assert_eq!(outcome.records.iter().map(|record| record.3).collect::<Vec<_>>(), [1023, 1030]);
    assert_eq!(outcome.stats.unknown_interfaces, 1);
}

#[test]
fn passes_over_other_blocks_of_any_length() {
    for length in [0, 100, 600 << 10, 3 << 20] {
        let mut stream = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
        stream.extend_from_slice(&LITTLE.enhanced(0, 1, 1, b"before"));
        let other = LITTLE.block(10, &vec![0x55; length]);
        stream.extend_from_slice(&other);
        stream.extend_from_slice(&LITTLE.enhanced(0, 1, 1, b"after"));
        let whole = read_cut(&stream, || stream.len());
        assert_eq!(whole.stats, RecordStats { records: 2, ..RecordStats::default() }, "{length} bytes");
        assert_eq!(read_cut(&stream, || 65_537), whole);
        // Cut within the block.
        let end = stream.len() - 60;
        if length > 100 {
            let cut = read_cut(&stream[..end], || 65_537);
            assert_eq!(cut.stats, RecordStats { records: 1, bad_blocks: 1, ..RecordStats::default() });
            assert_eq!(cut, read_cut(&stream[..end], || end));
        }
        // With a closing length that differs.
        let tail = stream.len() - LITTLE.enhanced(0, 1, 1, b"after").len() - 4;
        stream[tail] ^= 4;
        let lying = read_cut(&stream, || stream.len());
        assert_eq!((lying.stats.records, lying.stats.bad_blocks), (2, 1), "{length} bytes");
        assert_eq!(read_cut(&stream, || 65_537), lying);
    }
}

#[test]
fn finds_the_next_block_after_a_corrupt_one() {
    let prefix = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
    let good = LITTLE.enhanced(0, 1, 60, &[0x77; 60]);
    // (bytes of the damaged block to overwrite, with what, the fault)
    let cases: [(usize, u32, &str); 8] = [
        (4, 8, "total length 8; reading"),
        (4, 94, "total length 94; reading"),
        (4, 0x0200_0000, "total length 33554432; reading"),
        (4, 1 << 20, "total length 1048576; reading"),
        (4, 64, "total length 64 at its head, 2004318071 at its end"),
        (4, 5000, "total length 5000; reading"),
        (20, 62, "type 0x6, 92 bytes, too short for what it announces"),
        (20, 0xffff_ffff, "type 0x6, 92 bytes, too short for what it announces"),
    ];
    for (at, value, text) in cases {
        let mut damaged = good.clone();
        damaged[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let stream = [&prefix[..], &good, &damaged, &good, &good].concat();
        let outcome = read(&stream);
        assert_eq!((outcome.stats.records, outcome.stats.bad_blocks), (3, 1), "{text}");
        let framed = at == 20;
        assert_eq!(outcome.stats.skipped_bytes, if framed { 0 } else { 92 }, "{text}");
        let begin = format!("block at byte offset {} is corrupt: {text}", prefix.len() + good.len());
        assert!(outcome.faults[0].starts_with(&begin), "{:?}", outcome.faults);
    }
    // A section header without a byte order.
    let mut section = LITTLE.section();
    section[8] = 0;
    let stream = [&prefix[..], &good, &section, &good].concat();
    let outcome = read(&stream);
    assert_eq!((outcome.stats.records, outcome.stats.bad_blocks), (2, 1));
    assert_eq!(outcome.faults, ["section header at byte offset 140 is corrupt: no byte-order magic"]);
}

#[test]
fn a_cut_pcapng_yields_the_whole_records_before_the_cut() {
    let prefix = [BIG.section(), BIG.interface(1, 0, &[])].concat();
    let good = BIG.enhanced(0, 1, 60, &[0x77; 60]);
    let stream = [&prefix[..], &good, &good].concat();
    for length in prefix.len()..stream.len() {
        let outcome = read(&stream[..length]);
        let past = (length - prefix.len()) % good.len();
        let expected = RecordStats {
            records: ((length - prefix.len()) / good.len()) as u64,
            truncated_records: u64::from(past != 0),
            ..RecordStats::default()
        };
        assert_eq!(outcome.stats, expected, "cut to {length} bytes");
    }
}

#[test]
fn only_the_first_fault_of_each_kind_is_reported() {
    let mut stream = pcap_header(LITTLE, 0xa1b2_c3d4, 2, 1);
    for _ in 0..3 {
        stream.extend_from_slice(&pcap_record(LITTLE, 1, 0, 9, b"1234"));
    }
    stream.extend_from_slice(&[1, 2, 3]);
    let outcome = read(&stream);
    assert_eq!((outcome.stats.over_snaplen, outcome.stats.truncated_records), (3, 1));
    assert_eq!(
        outcome.faults,
        [
            "record at byte offset 24 is longer than the snap length: 4 bytes captured, snap length 2",
            "record at byte offset 84 is cut short: 16 bytes announced, 3 there"
        ]
    );
}

/// Streams of every variant with random records.
fn random_stream(random: &mut Random) -> Vec<u8> {
    let order = if random.below(2) == 0 { LITTLE } else { BIG };
    let data: Vec<u8> = (0..400).map(|_| random.below(256) as u8).collect();
    let count = random.below(12);
    if random.below(2) == 0 {
        let magic = [0xa1b2_c3d4, 0xa1b2_3c4d][random.below(2)];
        let mut stream = pcap_header(order, magic, 256, 1);
        for _ in 0..count {
            let (seconds, length) = (1_700_000_000 + random.below(100) as u32, random.below(data.len()));
            stream.extend_from_slice(&pcap_record(
                order,
                seconds,
                random.below(999_999) as u32,
                400,
                &data[..length],
            ));
        }
        return stream;
    }
    let mut stream = [order.section(), order.interface(1, 256, &[(2, b"a"), (9, &[6])])].concat();
    for _ in 0..count {
        let (kind, length) = (random.below(8), random.below(data.len()));
        stream.extend_from_slice(&match kind {
            0 => [order.section(), order.interface(113, 0, &[])].concat(),
            1 => order.block(4, &data[..length]),
            2 => order.block(3, &[&order.u32(length.min(256) as u32)[..], &data[..length]].concat()),
            _ => order.enhanced(0, random.below(1 << 40) as u64, 400, &data[..length]),
        });
    }
    stream
}

#[test]
fn the_cut_into_blocks_changes_nothing() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..300 {
        let mut stream = random_stream(&mut random);
        for _ in 0..random.below(4) {
            let at = random.below(stream.len());
            stream[at] = random.below(256) as u8;
        }
        let whole = read_cut(&stream, || stream.len());
        for most in [1, 3, 30, 300] {
            let mut cuts = Random(random.below(usize::MAX) as u64 | 1);
            assert_eq!(read_cut(&stream, || 1 + cuts.below(most)), whole);
        }
    }
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut records = 0;
    for _ in 0..30_000 {
        let mut stream = random_stream(&mut random);
        for _ in 0..=random.below(8) {
            let at = random.below(stream.len());
            match random.below(3) {
                0 => stream[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                1 => stream[at] ^= 1 << random.below(8),
                _ => stream.truncate(at.max(1)),
            }
        }
        records += read_cut(&stream, || stream.len()).stats.records;
    }
    assert!(records > 30_000, "most records survive: {records}");
}

#[test]
fn reads_what_was_written() {
    let mut stream = Vec::new();
    write::file_header(113, &mut stream);
    let most = vec![9; MAXIMUM_SNAPLEN as usize + 1];
    let records: [(i64, u32, &[u8]); 6] = [
        (1_700_000_000_123_456_789, 1500, b"data"),
        (0, 0, b""),
        (-5, 4, b"past"),
        (i64::MAX, 1, b"lie"),
        (4_294_967_295_999_999_999, 3, b"max"),
        (1, most.len() as u32, &most),
    ];
    for (timestamp, original, data) in records {
        write::record(timestamp, original, data, &mut stream);
    }
    let outcome = read_cut(&stream, || stream.len());
    let kept = &most[..MAXIMUM_SNAPLEN as usize];
    let expected = vec![
        (1_700_000_000_123_456_789, 1500, 113, 0, b"data".to_vec()),
        (0, 0, 113, 0, vec![]),
        (0, 4, 113, 0, b"past".to_vec()),
        (4_294_967_295_999_999_999, 3, 113, 0, b"lie".to_vec()),
        (4_294_967_295_999_999_999, 3, 113, 0, b"max".to_vec()),
        (1, 262_145, 113, 0, kept.to_vec()),
    ];
    assert_eq!(outcome.records, expected);
    assert_eq!(outcome.stats, RecordStats { records: 6, ..RecordStats::default() });
}

#[test]
fn counts_the_packets_of_real_captures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let Ok(truth) = std::fs::read_to_string(folder.join("truth/files.json")) else {
        println!("skipped: no captures at ../shared/captures");
        return;
    };
    let mut wrong = String::new();
    let mut files = 0;
    for entry in truth.split("{\"file\": \"").skip(1) {
        let name = entry.split('"').next().unwrap();
        let number = |key: &str| -> u64 {
            let digits = entry.split(&format!("\"{key}\": ")).nth(1).unwrap();
            digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let outcome = read_cut(&std::fs::read(folder.join(name)).unwrap(), || 65_536);
        let bytes: u64 = outcome.records.iter().map(|record| u64::from(record.1)).sum();
        let clean = RecordStats { records: number("packets"), ..RecordStats::default() };
        if outcome.stats != clean || bytes != number("wire_bytes") {
            writeln!(wrong, "{name}: {:?} {bytes} {:?}", outcome.stats, outcome.faults).unwrap();
        }
        files += 1;
    }
    assert_eq!(wrong, "");
    assert!(files >= 50, "{files} files");
}

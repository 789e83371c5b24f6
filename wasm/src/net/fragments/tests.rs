//! Fragments of hand-made datagrams on every link layer, in every order, damaged and lying, and real captures.

use super::*;
use crate::net::{Fragment, Transport, decode, ethertype};
use crate::record::{Reader, Step};
use std::path::Path;

const SECOND: i64 = 1_000_000_000;
const MAC: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// A xorshift generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// A UDP datagram of `length` bytes in all, whose bytes differ by `seed`.
fn udp(length: usize, seed: u8) -> Vec<u8> {
    let [l0, l1] = (length as u16).to_be_bytes();
    let mut datagram = vec![0xd4, 0x31, 0x13, 0xc4, l0, l1, 0, 0];
    datagram.extend((8..length).map(|at| (at / 8) as u8 ^ at as u8 ^ seed));
    datagram
}

fn word(value: usize) -> [u8; 2] {
    (value as u16).to_be_bytes()
}

/// The bytes from `at` on, `length` of them, of an IPv4 datagram, as a fragment.
fn v4_with(options: &[u8], id: u16, datagram: &[u8], at: usize, length: usize, more: bool) -> Vec<u8> {
    let data = &datagram[at..at + length];
    let header = 20 + options.len();
    let [t0, t1] = word(header + data.len());
    let [f0, f1] = word((at / 8) | if more { 0x2000 } else { 0 });
    let [i0, i1] = id.to_be_bytes();
    let fixed = [0x40 | (header / 4) as u8, 0x10, t0, t1, i0, i1, f0, f1, 64, 17, 0xab, 0xcd];
    [&fixed[..], &[10, 0, 0, 1], &[192, 168, 200, 33], options, data].concat()
}

fn v4(datagram: &[u8], at: usize, length: usize) -> Vec<u8> {
    v4_with(&[], 7, datagram, at, length, at + length < datagram.len())
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = word(payload.len());
    let mut header = vec![0x60, 0, 0, 0, l0, l1, next, 64];
    header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    header.extend(payload);
    header
}

fn v6_fragment(next: u8, datagram: &[u8], at: usize, length: usize, more: bool) -> Vec<u8> {
    let [f0, f1] = word(at | usize::from(more));
    [&[next, 0, f0, f1, 0xde, 0xad, 0xbe, 0xef], &datagram[at..at + length]].concat()
}

fn v6(datagram: &[u8], at: usize, length: usize) -> Vec<u8> {
    ipv6(44, &v6_fragment(17, datagram, at, length, at + length < datagram.len()))
}

/// IPv6 with hop-by-hop options and an atomic fragment header in front of the fragment header.
fn v6_chained(datagram: &[u8], at: usize, length: usize) -> Vec<u8> {
    let fragment = v6_fragment(17, datagram, at, length, at + length < datagram.len());
    ipv6(0, &[&[44, 0, 1, 4, 0, 0, 0, 0], &[44, 0, 0, 0, 9, 9, 9, 9], &fragment[..]].concat())
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    [&MAC[..], &ethertype_of(ip), ip].concat()
}

fn ethertype_of(ip: &[u8]) -> [u8; 2] {
    if ip[0] >> 4 == 4 { ethertype::IPV4 } else { ethertype::IPV6 }.to_be_bytes()
}

fn snap(ip: &[u8]) -> Vec<u8> {
    let payload = [&[0xaa, 0xaa, 3, 0, 0, 0], &ethertype_of(ip)[..], ip].concat();
    [&MAC[..], &word(payload.len()), &payload].concat()
}

fn qinq(ip: &[u8]) -> Vec<u8> {
    [&MAC[..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6], &ethertype_of(ip), ip].concat()
}

fn cooked_v1(ip: &[u8]) -> Vec<u8> {
    [&[0, 4, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], &ethertype_of(ip)[..], ip].concat()
}

fn cooked_v2(ip: &[u8]) -> Vec<u8> {
    [&ethertype_of(ip)[..], &[0, 0, 0, 0, 0, 9, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0], ip].concat()
}

fn loopback(ip: &[u8]) -> Vec<u8> {
    [&[if ip[0] >> 4 == 4 { 2 } else { 30 }, 0, 0, 0], ip].concat()
}

type Wrap = fn(&[u8]) -> Vec<u8>;

const LINKS: [(u32, Wrap); 8] = [
    (1, ethernet),
    (1, snap),
    (1, qinq),
    (113, cooked_v1),
    (276, cooked_v2),
    (0, loopback),
    (101, <[u8]>::to_vec),
    (12, <[u8]>::to_vec),
];

/// A machine, and the calls made to it.
struct Bench {
    machine: Defragmenter,
    taken: u64,
    held: u64,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self { machine: Defragmenter::new(limits), taken: 0, held: 0 }
    }

    fn take_at(&mut self, link_type: u32, frame: &[u8], timestamp_ns: i64) -> Taken {
        let packet = decode(link_type, frame);
        self.taken += 1;
        let tag = self.taken;
        let original_length = frame.len() as u32 + 1;
        self.machine.take(&packet, frame, link_type, original_length, timestamp_ns, 3, tag)
    }

    fn take(&mut self, ip: &[u8]) -> Taken {
        self.take_at(101, ip, 0)
    }

    /// What came out of the released frames: tags, a minus sign for the first of a datagram.
    fn released(&mut self) -> Vec<i64> {
        let mut tags = Vec::new();
        while let Some(released) = self.machine.next_released() {
            assert_eq!(released.original_length as usize, released.frame.len() + 1);
            assert_ne!(decode(released.link_type, released.frame).fragment, Fragment::None);
            let tag = released.tag as i64;
            tags.push(if released.first_of_datagram { -tag } else { tag });
        }
        tags
    }

    /// The conservation law: nothing is lost silently.
    fn check(&mut self) {
        let counters = self.machine.counters();
        self.held = self.machine.open.len() as u64;
        if self.held == 0 {
            assert_eq!(self.machine.held_bytes(), 0);
            assert_eq!(self.taken, accounted(&counters), "{counters:?}");
        }
    }
}

/// Calls that the counters account for when nothing is held.
fn accounted(counters: &FragmentCounters) -> u64 {
    counters.fragments_merged
        + counters.duplicates
        + counters.late_duplicates
        + counters.fragments_released
        + refusals(counters)
}

fn refusals(counters: &FragmentCounters) -> u64 {
    counters.refused_malformed
        + counters.refused_cut
        + counters.refused_unaligned
        + counters.refused_too_long
        + counters.refused_unfit
        + counters.refused_given_up
        + counters.refused_no_room
}

/// The IP packet in a rebuilt frame: sound, no fragment, the right lengths and checksum.
fn ip_of(link_type: u32, frame: &[u8]) -> &[u8] {
    let packet = decode(link_type, frame);
    assert_eq!(packet.fragment, Fragment::None);
    assert!(packet.faults.is_empty() && packet.is_complete(), "{:?}", packet.faults);
    let ip = &frame[packet.network_offset as usize..];
    let length = u16::from_be_bytes([ip[2], ip[3]]);
    if ip[0] >> 4 == 4 {
        assert_eq!(usize::from(length), ip.len());
        assert_eq!(&ip[6..8], [0, 0], "flags and offset");
        let header = &ip[..usize::from(ip[0] & 0xf) * 4];
        assert_eq!(crate::net::rewrite::fold(crate::net::rewrite::sum(header)), 0xffff, "checksum");
    } else {
        assert_eq!(usize::from(u16::from_be_bytes([ip[4], ip[5]])), ip.len() - 40);
    }
    ip
}

/// Makes the fragment at an offset, of a length.
type Make = fn(&[u8], usize, usize) -> Vec<u8>;

const KINDS: [Make; 3] = [v4, v6, v6_chained];

#[test]
fn rebuilds_on_every_link_layer() {
    let datagram = udp(100, 1);
    for make in KINDS {
        for (link_type, wrap) in LINKS {
            let mut bench = Bench::new(Limits::default());
            let [first, second, last] =
                [(0, 40), (40, 48), (88, 12)].map(|(at, n)| wrap(&make(&datagram, at, n)));
            // The padding of the last frame is not payload.
            let last = [&last[..], &[0xee; 9]].concat();
            assert_eq!(bench.take_at(link_type, &second, 1), Taken::Held);
            assert_eq!(bench.take_at(link_type, &last, 2), Taken::Held);
            assert_eq!(bench.take_at(link_type, &first, 3), Taken::Complete);
            let (frame, rebuilt_type) = bench.machine.rebuilt();
            assert_eq!(rebuilt_type, link_type);
            let ip = ip_of(link_type, frame);
            assert_eq!(ip[ip.len() - datagram.len()..], datagram);
            let packet = decode(link_type, frame);
            assert_eq!((packet.transport, packet.destination_port), (Transport::Udp, 5060));
            // All in front of the IP header is that of the first fragment, but for an 802.3 length.
            let link = packet.network_offset as usize;
            let mut expected = first[..link].to_vec();
            if std::ptr::fn_addr_eq(wrap, snap as Wrap) {
                expected[12..14].copy_from_slice(&word(8 + ip.len()));
            }
            assert_eq!(frame[..link], expected);
            bench.check();
        }
    }
}

#[test]
fn headers_are_those_of_the_first_fragment() {
    let datagram = udp(64, 2);
    let mut bench = Bench::new(Limits::default());
    // The option of the first fragment stays, the time to live of others does not count.
    bench.take(&{
        let mut later = v4_with(&[], 7, &datagram, 32, 32, false);
        later[8] = 1;
        later
    });
    assert_eq!(bench.take(&v4_with(&[1, 1, 1, 0], 7, &datagram, 0, 32, true)), Taken::Complete);
    let ip = ip_of(101, bench.machine.rebuilt().0).to_vec();
    assert_eq!((ip[0], ip[1], ip[8], ip[9], &ip[20..24]), (0x46, 0x10, 64, 17, &[1, 1, 1, 0][..]));
    // IPv6: the header that the first fragment names counts (RFC 8200), and hop-by-hop options stay.
    bench.take(&ipv6(44, &v6_fragment(60, &datagram, 32, 32, false)));
    assert_eq!(bench.take(&v6_chained(&datagram, 0, 32)), Taken::Complete);
    let ip = ip_of(101, bench.machine.rebuilt().0);
    assert_eq!((ip[6], ip[40], ip[48], ip.len()), (0, 44, 17, 40 + 8 + 8 + 64));
    bench.check();
}

#[test]
fn a_long_802_3_frame_becomes_ethernet_ii() {
    for (length, long) in [(1472, false), (1480, true), (3000, true)] {
        let datagram = udp(length, 3);
        let mut bench = Bench::new(Limits::default());
        let mut taken = Taken::Held;
        for at in (0..length).step_by(1400) {
            assert_eq!(taken, Taken::Held);
            taken = bench.take_at(1, &snap(&v4(&datagram, at, 1400.min(length - at))), 0);
        }
        assert_eq!(taken, Taken::Complete);
        let frame = bench.machine.rebuilt().0;
        assert_eq!(ip_of(1, frame)[20..], datagram);
        assert_eq!(frame.len(), 14 + if long { 0 } else { 8 } + 20 + length);
    }
}

#[test]
fn pppoe_lengths_are_set() {
    for vlan in [&[][..], &[0x81, 0, 0, 7]] {
        let layer = |ip: &[u8]| {
            let pppoe = [&[0x88, 0x64, 0x11, 0, 0, 1], &word(ip.len() + 2)[..], &[0, 0x21]].concat();
            [&MAC[..], vlan, &pppoe, ip].concat()
        };
        let datagram = udp(96, 4);
        let mut bench = Bench::new(Limits::default());
        let link_length = 22 + vlan.len() as u32;
        let mut taken = Vec::new();
        for at in [48, 0] {
            let frame = layer(&v4(&datagram, at, 48));
            // Said by hand, for a decoder that stops at PPPoE.
            let mut packet = decode(1, &frame);
            (packet.network_offset, packet.link_length) = (link_length, link_length);
            taken.push(bench.machine.take(&packet, &frame, 1, 0, 0, 0, 0));
        }
        assert_eq!(taken, [Taken::Held, Taken::Complete]);
        let whole = layer(ip_of(101, &bench.machine.rebuilt().0[link_length as usize..]));
        assert_eq!(bench.machine.rebuilt().0, whole);
    }
}

#[test]
fn a_tunnel_is_left_out() {
    // An IPv6 datagram in an IPv4 tunnel, and the other way round: the link layer says the inner version.
    let datagram = udp(80, 5);
    let outer4 = |ip: &[u8]| {
        let mut outer = v4_with(&[], 1, ip, 0, ip.len(), false);
        outer[9] = 41;
        outer
    };
    let outer6 = |ip: &[u8]| ipv6(4, ip);
    for (link_type, wrap) in [LINKS.as_slice(), &[(228, <[u8]>::to_vec), (229, <[u8]>::to_vec)]].concat() {
        for inner6 in [true, false] {
            let mut bench = Bench::new(Limits::default());
            for (at, expected) in [(40, Taken::Held), (0, Taken::Complete)] {
                let inner = if inner6 { v6(&datagram, at, 40) } else { v4(&datagram, at, 40) };
                let outer = if inner6 { outer4(&inner) } else { outer6(&inner) };
                let frame = wrap(&outer);
                let link_length = (frame.len() - outer.len()) as u32;
                let mut packet = decode(link_type, &frame);
                packet.link_length = link_length;
                packet.network_offset = link_length + if inner6 { 20 } else { 40 };
                assert_eq!(bench.machine.take(&packet, &frame, link_type, 0, 0, 0, 0), expected);
            }
            let (frame, rebuilt_type) = bench.machine.rebuilt();
            let ip = ip_of(rebuilt_type, frame);
            assert_eq!(ip[ip.len() - 80..], datagram);
            assert_eq!(frame, wrap(ip), "link type {link_type}");
            let expected_type = match link_type {
                228 | 229 => 228 + u32::from(inner6),
                other => other,
            };
            assert_eq!(rebuilt_type, expected_type);
        }
    }
}

#[test]
fn any_cut_in_any_order_comes_out_identical() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut bench = Bench::new(Limits::default());
    let mut held = 0;
    for round in 0..3000_u32 {
        let length =
            [8 + random.below(200), 8 + random.below(3000), 8 + random.below(65_000)][random.below(3)];
        let mut datagram = random.bytes(length);
        datagram[4..6].copy_from_slice(&word(length));
        let version = random.below(3);
        let mut cuts: Vec<usize> =
            (0..random.below(40)).map(|_| random.below(length.div_ceil(8)) * 8).collect();
        cuts.extend([0, length]);
        cuts.sort_unstable();
        cuts.dedup();
        if cuts.len() < 3 {
            continue;
        }
        let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|cut| (cut[0], cut[1] - cut[0])).collect();
        for at in (1..pieces.len()).rev() {
            pieces.swap(at, random.below(at + 1));
        }
        let last = pieces.pop().unwrap();
        for _ in 0..random.below(3) {
            let again = pieces[random.below(pieces.len())];
            pieces.push(again);
        }
        let (link_type, wrap) = LINKS[[0, 2, 3, 4, 6][random.below(5)]];
        let now = i64::from(round) * SECOND / 1000;
        let mut make = |(at, n): (usize, usize)| {
            let mut ip = KINDS[version](&datagram, at, n);
            // Another datagram in each round.
            let id = round.to_be_bytes();
            match version {
                0 => ip[4..6].copy_from_slice(&id[2..]),
                1 => ip[44..48].copy_from_slice(&id),
                _ => ip[60..64].copy_from_slice(&id),
            }
            bench.take_at(link_type, &wrap(&ip), now)
        };
        let mut seen = Vec::new();
        for piece in pieces {
            let expected = if seen.contains(&piece) { Taken::Duplicate } else { Taken::Held };
            assert_eq!(make(piece), expected);
            seen.push(piece);
        }
        assert_eq!(make(last), Taken::Complete);
        held += 1;
        let (frame, _) = bench.machine.rebuilt();
        let ip = ip_of(link_type, frame);
        assert!(ip[ip.len() - length..] == datagram, "round {round}");
        bench.check();
    }
    assert_eq!((bench.machine.counters().datagrams_rebuilt, bench.machine.open_datagrams()), (held, 0));
    assert!(held > 2000 && bench.machine.next_released().is_none());
}

/// Start and end.
type Run = (usize, usize);

/// One step of a table: place, length, seed of the content, more, and what becomes of it.
type Step4 = (usize, usize, u8, bool, Taken);

fn run(make6: bool, steps: &[Step4]) -> Bench {
    let mut bench = Bench::new(Limits::default());
    for (index, (at, length, seed, more, expected)) in steps.iter().enumerate() {
        let datagram = udp(4096, *seed);
        let ip = if make6 {
            ipv6(44, &v6_fragment(17, &datagram, *at, *length, *more))
        } else {
            v4_with(&[], 7, &datagram, *at, *length, *more)
        };
        assert_eq!(bench.take(&ip), *expected, "step {index}");
    }
    bench
}

#[test]
fn ipv4_overlaps_are_won_by_the_last_copy() {
    use Taken::*;
    let old = udp(4096, 0);
    let new = udp(4096, 9);
    // Steps, overlaps counted, and the runs of the result that are new.
    let cases: [(&[Step4], u64, &[Run], usize); 7] = [
        (&[(0, 40, 0, true, Held), (32, 16, 9, true, Held), (48, 8, 0, false, Complete)], 1, &[(32, 48)], 56),
        (
            &[
                (16, 32, 0, true, Held),
                (8, 16, 9, true, Held),
                (48, 8, 0, false, Held),
                (0, 8, 0, true, Complete),
            ],
            1,
            &[(8, 24)],
            56,
        ),
        (&[(0, 32, 0, true, Held), (0, 32, 9, true, Held), (32, 8, 0, false, Complete)], 1, &[(0, 32)], 40),
        (
            &[
                (8, 48, 0, true, Held),
                (24, 8, 9, true, Held),
                (56, 8, 0, false, Held),
                (0, 8, 0, true, Complete),
            ],
            1,
            &[(24, 32)],
            64,
        ),
        (
            &[
                (8, 8, 0, true, Held),
                (24, 8, 0, true, Held),
                (0, 40, 9, true, Held),
                (40, 8, 0, false, Complete),
            ],
            1,
            &[(0, 40)],
            48,
        ),
        // The last copy wins even if it is the older content once more.
        (
            &[
                (8, 8, 0, true, Held),
                (8, 8, 9, true, Held),
                (8, 8, 0, true, Held),
                (16, 8, 0, false, Held),
                (0, 8, 0, true, Complete),
            ],
            2,
            &[],
            24,
        ),
        // The last fragment, twice.
        (&[(8, 8, 0, false, Held), (8, 8, 9, false, Held), (0, 8, 0, true, Complete)], 1, &[(8, 16)], 16),
    ];
    for (index, (steps, overlaps, runs, length)) in cases.iter().enumerate() {
        let mut bench = run(false, steps);
        assert_eq!(bench.machine.counters().overlaps, *overlaps, "case {index}");
        let mut expected = old[..*length].to_vec();
        for (start, end) in *runs {
            expected[*start..*end].copy_from_slice(&new[*start..*end]);
        }
        assert_eq!(bench.machine.rebuilt().0[20..], expected, "case {index}");
        bench.check();
    }
}

#[test]
fn an_ipv6_overlap_ends_the_datagram() {
    use Taken::*;
    let cases: [&[Step4]; 5] = [
        &[(0, 40, 0, true, Held), (32, 16, 9, true, Refused), (40, 8, 0, false, Refused)],
        &[(16, 32, 0, true, Held), (8, 16, 0, true, Refused), (0, 8, 0, true, Refused)],
        &[(0, 32, 0, true, Held), (0, 32, 9, true, Refused), (32, 8, 0, false, Refused)],
        &[(0, 32, 0, true, Held), (8, 8, 0, true, Refused), (32, 8, 0, false, Refused)],
        // The same bytes, but no longer the last ones.
        &[(8, 8, 0, false, Held), (8, 8, 0, true, Refused), (0, 8, 0, true, Refused)],
    ];
    for steps in cases {
        let mut bench = run(true, steps);
        assert_eq!(bench.released(), [-1]);
        let counters = bench.machine.counters();
        assert_eq!(
            (counters.overlapping_datagrams, counters.refused_unfit, counters.refused_given_up),
            (1, 1, 1)
        );
        // Refused for its lifetime, and no longer.
        let first = v6(&udp(40, 0), 0, 32);
        assert_eq!(bench.take_at(101, &first, 30 * SECOND - 1), Refused);
        assert_eq!(bench.take_at(101, &first, 30 * SECOND), Held);
        bench.machine.finish();
        bench.released();
        bench.check();
    }
}

#[test]
fn exact_duplicates_are_ignored() {
    use Taken::*;
    let steps = [
        (0, 32, 0, true, Held),
        (0, 32, 0, true, Duplicate),
        (48, 8, 0, false, Held),
        (48, 8, 0, false, Duplicate),
        (0, 32, 0, true, Duplicate),
        (32, 16, 0, true, Complete),
    ];
    for make6 in [false, true] {
        let mut bench = run(make6, &steps);
        let counters = bench.machine.counters();
        assert_eq!((counters.duplicates, counters.fragments_merged, counters.overlaps), (3, 3, 0));
        let data = bench.machine.rebuilt().0;
        assert_eq!(data[data.len() - 56..], udp(4096, 0)[..56]);
        bench.check();
    }
}

#[test]
fn contradictions_about_the_end() {
    use Taken::*;
    // IPv4: the fragment that came later is refused, the datagram goes on.
    let cases: [&[Step4]; 3] = [
        &[(16, 8, 0, false, Held), (24, 8, 0, true, Refused), (0, 16, 0, true, Complete)],
        &[(16, 8, 0, false, Held), (32, 8, 0, false, Refused), (0, 16, 0, true, Complete)],
        &[
            (8, 16, 0, true, Held),
            (8, 8, 0, false, Refused),
            (24, 8, 0, false, Held),
            (0, 8, 0, true, Complete),
        ],
    ];
    for steps in cases {
        let mut bench = run(false, steps);
        assert_eq!(bench.machine.counters().refused_unfit, 1);
        bench.check();
    }
    // IPv6: the datagram is given up.
    for steps in cases {
        let steps: Vec<Step4> = steps
            .iter()
            .enumerate()
            .map(|(index, &(at, length, seed, more, _))| {
                (at, length, seed, more, if index == 0 { Held } else { Refused })
            })
            .collect();
        let mut bench = run(true, &steps);
        assert_eq!(bench.machine.counters().contradictory_datagrams, 1);
        assert_eq!(bench.released(), [-1]);
        bench.check();
    }
}

#[test]
fn refuses_what_can_be_no_fragment() {
    let datagram = udp(65_600, 0);
    let mut malformed_v4 = v4(&datagram, 0, 64);
    malformed_v4[3] = 20;
    // Frame, and what it counts as: malformed, unaligned, too long, cut.
    let cases: Vec<(&str, Vec<u8>, [u64; 4])> = vec![
        ("IPv4, nothing in it", malformed_v4, [1, 0, 0, 0]),
        ("IPv4, 7 bytes and more to come", v4(&datagram, 8, 7), [0, 1, 0, 0]),
        ("IPv6, nothing in it", ipv6(44, &v6_fragment(17, &datagram, 8, 0, true)), [1, 0, 0, 0]),
        ("IPv6, 12 bytes and more to come", v6(&datagram, 8, 12), [0, 1, 0, 0]),
        ("IPv4, beyond the longest packet", v4(&datagram, 65_512, 8), [0, 0, 1, 0]),
        ("IPv6, beyond the longest packet", v6(&datagram, 65_528, 8), [0, 0, 1, 0]),
        ("IPv4, cut", v4(&datagram, 0, 64)[..80].to_vec(), [0, 0, 0, 1]),
        ("IPv6, cut", v6(&datagram, 64, 64)[..80].to_vec(), [0, 0, 0, 1]),
    ];
    for (name, frame, expected) in cases {
        let mut bench = Bench::new(Limits::default());
        assert_eq!(bench.take(&frame), Taken::Refused, "{name}");
        let counters = bench.machine.counters();
        let found = [
            counters.refused_malformed,
            counters.refused_unaligned,
            counters.refused_too_long,
            counters.refused_cut,
        ];
        assert_eq!(found, expected, "{name}");
        bench.check();
    }
    // A whole packet, and no IP at all.
    let mut bench = Bench::new(Limits::default());
    for ip in [v4(&datagram[..64], 0, 64), ipv6(17, &datagram[..64]), vec![0; 60], Vec::new()] {
        assert_eq!(bench.take(&ip), Taken::Refused);
    }
    assert_eq!(bench.machine.counters().refused_malformed, 4);
}

#[test]
fn the_surplus_of_an_unaligned_ipv4_fragment_is_left_out() {
    let (old, new) = (udp(64, 0), udp(64, 9));
    let mut bench = Bench::new(Limits::default());
    assert_eq!(bench.take(&v4(&new, 0, 21)), Taken::Held);
    assert_eq!(bench.take(&v4(&old, 16, 48)), Taken::Complete);
    assert_eq!(bench.machine.counters().overlaps, 0);
    assert_eq!(bench.machine.rebuilt().0[20..], [&new[..16], &old[16..]].concat());
}

#[test]
fn a_cut_fragment_ends_its_datagram() {
    let datagram = udp(96, 0);
    for make in KINDS {
        let mut bench = Bench::new(Limits::default());
        let cut = make(&datagram, 32, 32);
        assert_eq!(bench.take(&make(&datagram, 64, 32)), Taken::Held);
        assert_eq!(bench.take(&cut[..cut.len() - 1]), Taken::Refused);
        assert_eq!(bench.released(), [-1]);
        assert_eq!(bench.take(&make(&datagram, 0, 32)), Taken::Refused);
        assert_eq!(bench.machine.counters().cut_datagrams, 1);
        bench.check();
        // The same if the cut one comes first.
        let mut bench = Bench::new(Limits::default());
        assert_eq!(bench.take(&cut[..cut.len() - 1]), Taken::Refused);
        assert_eq!(bench.take(&make(&datagram, 0, 32)), Taken::Refused);
        assert_eq!((bench.machine.counters().cut_datagrams, bench.machine.open_datagrams()), (1, 0));
        bench.check();
    }
}

#[test]
fn a_datagram_longer_than_a_packet_is_given_up() {
    let datagram = udp(65_515, 0);
    let mut bench = Bench::new(Limits::default());
    assert_eq!(bench.take(&v4(&datagram, 32_000, 33_515)), Taken::Held);
    assert_eq!(bench.take(&v4(&datagram, 0, 32_000)), Taken::Complete);
    assert_eq!(bench.machine.rebuilt().0.len(), 65_535);
    // Each fits, but not with the options of the first one.
    assert_eq!(bench.take_at(101, &v4(&datagram, 32_000, 33_515), 2 * SECOND), Taken::Held);
    assert_eq!(bench.take_at(101, &v4_with(&[1; 4], 7, &datagram, 0, 32_000, true), 2 * SECOND), Taken::Held);
    assert_eq!(bench.machine.counters().too_long_datagrams, 1);
    assert_eq!(bench.released(), [-4, 3]);
    bench.check();
}

#[test]
fn keys_tell_datagrams_apart() {
    let datagram = udp(64, 0);
    let first = v4(&datagram, 0, 32);
    // Another version of the second half each time, of which only the same datagram's completes it.
    let changed = |at: usize, value: u8| {
        let mut ip = v4(&datagram, 32, 32);
        ip[at] = value;
        ip
    };
    for (name, other) in [
        ("source", changed(15, 9)),
        ("destination", changed(19, 9)),
        ("identification", changed(5, 9)),
        ("protocol", changed(9, 6)),
        ("version", v6(&datagram, 32, 32)),
    ] {
        let mut bench = Bench::new(Limits::default());
        assert_eq!(bench.take(&first), Taken::Held);
        assert_eq!(bench.take(&other), Taken::Held, "{name}");
        assert_eq!(bench.machine.open_datagrams(), 2, "{name}");
        assert_eq!(bench.take(&changed(1, 0)), Taken::Complete, "{name}: not the type of service");
    }
    let mut machine = Defragmenter::default();
    let packet = decode(101, &first);
    for context in [1, 2] {
        assert_eq!(machine.take(&packet, &first, 101, 0, 0, context, 0), Taken::Held);
    }
    assert_eq!(machine.take(&packet, &first, 101, 0, 0, 1, 0), Taken::Duplicate);
}

#[test]
fn expires_by_packet_time() {
    let datagram = udp(96, 0);
    let mut bench = Bench::new(Limits::default());
    bench.take_at(101, &v4(&datagram, 32, 32), 10 * SECOND);
    bench.take_at(101, &v6(&datagram, 64, 32), 11 * SECOND);
    // A later fragment does not prolong it.
    bench.take_at(101, &v4(&datagram, 0, 32), 39 * SECOND);
    bench.machine.expire(40 * SECOND - 1);
    assert!(bench.released().is_empty());
    bench.machine.expire(40 * SECOND);
    // Its first fragment comes before the one that came before it.
    assert_eq!(bench.released(), [-3, 1]);
    assert_eq!(bench.machine.counters().expired_datagrams, 1);
    // Taking moves on as well, and what comes late begins anew.
    assert_eq!(bench.take_at(101, &v4(&datagram, 64, 32), 41 * SECOND), Taken::Held);
    assert_eq!(bench.released(), [-2]);
    // Time that jumps back expires too.
    bench.machine.expire(5 * SECOND);
    assert_eq!(bench.released(), [-4]);
    bench.check();
    let extreme = [i64::MIN, i64::MAX, 0];
    for time in extreme {
        bench.take_at(101, &v4(&datagram, 64, 32), time);
        bench.machine.expire(time);
    }
    bench.machine.finish();
    assert_eq!(bench.released().len(), 3);
    bench.check();
}

#[test]
fn the_oldest_goes_when_there_is_no_room() {
    let datagram = udp(96, 0);
    let fragment = |id: u16, at: usize| v4_with(&[], id, &datagram, at, 32, at < 64);
    let limits = Limits { datagrams: 3, ..Limits::default() };
    let mut bench = Bench::new(limits);
    for id in 1..=3 {
        assert_eq!(bench.take(&fragment(id, 0)), Taken::Held);
    }
    assert_eq!(bench.take(&fragment(1, 32)), Taken::Held);
    assert_eq!(bench.take(&fragment(4, 0)), Taken::Held);
    assert_eq!(bench.released(), [-1, 4]);
    assert_eq!(bench.take(&fragment(1, 64)), Taken::Refused, "it was given up");
    assert_eq!((bench.machine.open_datagrams(), bench.machine.counters().evicted_datagrams), (3, 1));
    bench.machine.finish();
    assert_eq!(bench.released(), [-2, -3, -5]);
    assert_eq!(bench.machine.counters().unfinished_datagrams, 3);
    bench.check();

    // Bytes: four frames of 52 and what keeping them takes.
    let limits = Limits { bytes: 4 * (52 + Datagram::OVERHEAD), ..Limits::default() };
    let mut bench = Bench::new(limits);
    for (id, at) in [(1, 0), (2, 0), (1, 64), (2, 64)] {
        assert_eq!(bench.take(&fragment(id, at)), Taken::Held);
    }
    assert_eq!(bench.take(&fragment(3, 0)), Taken::Held);
    assert_eq!(bench.released(), [-1, 3]);
    // The oldest may be the one that wants room.
    assert_eq!(bench.take(&fragment(3, 32)), Taken::Held);
    assert_eq!(bench.take(&fragment(2, 32)), Taken::Refused);
    assert_eq!(bench.released(), [-2, 4]);
    assert_eq!(bench.machine.counters().refused_no_room, 1);
    assert!(bench.machine.held_bytes() <= limits.bytes);
    let long = udp(9000, 1);
    assert_eq!(bench.take(&v4(&long, 0, 8000)), Taken::Refused, "more than all room");
    // Frames that nobody asks for are bounded too.
    for id in 10..30 {
        bench.take(&fragment(id, 0));
    }
    assert!(bench.machine.released_bytes <= 2 * limits.bytes);
    bench.machine.finish();
    bench.released();
    bench.check();
    assert_eq!(bench.machine.released_bytes, 0);
}

#[test]
fn too_many_fragments_end_the_datagram() {
    let limits = Limits { fragments: 4, ..Limits::default() };
    let mut bench = Bench::new(limits);
    for seed in 0..4 {
        assert_eq!(bench.take(&v4(&udp(96, seed), 8, 8)), Taken::Held);
    }
    assert_eq!(bench.take(&v4(&udp(96, 9), 8, 8)), Taken::Refused);
    assert_eq!(bench.machine.counters().crowded_datagrams, 1);
    assert_eq!(bench.released(), [-1, 2, 3, 4]);
    bench.check();

    // 8,190 of 8 bytes are possible, in the worst order.
    let datagram = udp(65_512, 1);
    let mut bench = Bench::new(Limits::default());
    let pieces = datagram.len() / 8;
    for index in (0..pieces).step_by(2).chain((1..pieces).step_by(2).rev()) {
        let expected = if index == 1 { Taken::Complete } else { Taken::Held };
        assert_eq!(bench.take(&v4(&datagram, index * 8, 8)), expected, "{index}");
    }
    assert!(bench.machine.rebuilt().0[20..] == datagram);
    bench.check();
}

#[test]
fn late_copies_are_dropped_and_counted() {
    let datagram = udp(96, 0);
    for make in KINDS {
        let mut bench = Bench::new(Limits::default());
        let pieces = [(0, 32), (32, 32), (64, 32)];
        // Every frame twice, as a mirror port gives them.
        let taken: Vec<Taken> = pieces
            .iter()
            .flat_map(|&(at, n)| [bench.take(&make(&datagram, at, n)), bench.take(&make(&datagram, at, n))])
            .collect();
        use Taken::*;
        assert_eq!(taken, [Held, Duplicate, Held, Duplicate, Complete, Held]);
        bench.machine.finish();
        assert!(bench.released().is_empty());
        let counters = bench.machine.counters();
        assert_eq!((counters.duplicates, counters.late_duplicates), (2, 1));
        bench.check();
    }
}

#[test]
fn copies_do_not_spoil_the_next_datagram() {
    let (old, new) = (udp(96, 0), udp(96, 9));
    for make in KINDS {
        // The next datagram of the same identification meets a copy, soon or after a while.
        for later in [0, 2 * SECOND] {
            let mut bench = Bench::new(Limits::default());
            for at in [0, 32, 64, 64] {
                bench.take_at(101, &make(&old, at, 32), 0);
            }
            for at in [64, 0, 32] {
                bench.take_at(101, &make(&new, at, 32), later);
            }
            let data = bench.machine.rebuilt().0;
            assert_eq!(data[data.len() - 96..], new);
            assert_eq!(bench.machine.counters().late_duplicates, 1);
            bench.check();
        }
        // A datagram that begins with the bytes of the last one is rebuilt like any other.
        let mixed = [&old[..32], &new[32..]].concat();
        let mut bench = Bench::new(Limits::default());
        for datagram in [&old, &mixed] {
            for (at, expected) in [(0, Taken::Held), (32, Taken::Held), (64, Taken::Complete)] {
                assert_eq!(bench.take(&make(datagram, at, 32)), expected);
            }
            let data = bench.machine.rebuilt().0;
            assert_eq!(data[data.len() - 96..], *datagram);
        }
        // And is released like any other if it is not whole, unless all of it are copies.
        bench.take(&make(&old, 0, 32));
        bench.take(&make(&udp(96, 3), 32, 32));
        bench.machine.finish();
        assert_eq!(bench.released(), [-7, 8]);
        bench.check();
    }
}

#[test]
fn hostile_input_neither_panics_nor_gets_lost() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let limits = Limits { datagrams: 8, bytes: 4000, fragments: 4, lifetime_ns: 400 };
    let mut bench = Bench::new(limits);
    let (mut rebuilt, mut released) = (0, 0);
    for round in 0..60_000 {
        let datagram = udp([24, 64, 200][random.below(3)], random.below(3) as u8);
        // In halves, or anywhere.
        let at =
            if random.below(2) == 0 { 16 * random.below(2) } else { random.below(datagram.len() / 8) * 8 };
        let length = if at == 0 { 16 } else { datagram.len() - at - random.below(2) * 8 * random.below(2) };
        let mut ip = KINDS[random.below(3)](&datagram, at, length);
        if ip[0] >> 4 == 4 {
            ip[5] = random.below(8) as u8;
        }
        if random.below(3) == 0 {
            for _ in 0..=random.below(3) {
                let place = random.below(ip.len().min(70));
                ip[place] = [0, 1, 0x20, 0xff, random.below(256) as u8][random.below(5)];
            }
        }
        let (link_type, wrap) = LINKS[random.below(LINKS.len())];
        let mut frame = wrap(&ip);
        if random.below(20) == 0 {
            frame.truncate(random.below(frame.len()));
        }
        let packet = decode(link_type, &frame);
        if packet.fragment == Fragment::None {
            continue;
        }
        if bench.take_at(link_type, &frame, round * 10 + random.below(50) as i64) == Taken::Complete {
            let (whole, whole_type) = bench.machine.rebuilt();
            let whole = decode(whole_type, whole);
            assert!(whole.ip.is_some());
            rebuilt += 1;
        }
        assert!(bench.machine.held_bytes() <= limits.bytes && bench.machine.open_datagrams() <= 8);
        if random.below(4) == 0 {
            released += bench.released().len();
        }
    }
    bench.machine.finish();
    released += bench.released().len();
    assert!(rebuilt > 1000 && released > 1000, "{rebuilt} rebuilt, {released} released");
    bench.check();
    let counters = bench.machine.counters();
    let abandoned = [
        counters.expired_datagrams,
        counters.evicted_datagrams,
        counters.overlapping_datagrams,
        counters.contradictory_datagrams,
        counters.cut_datagrams,
        counters.crowded_datagrams,
        counters.overlaps,
        counters.late_duplicates,
    ];
    assert!(abandoned.iter().all(|count| *count > 0), "{counters:?}");
}

#[test]
fn buffers_are_used_again() {
    let mut bench = Bench::new(Limits::default());
    for id in 0..100 {
        let datagram = udp(3000, id as u8);
        bench.take(&v4_with(&[], id, &datagram, 0, 1480, true));
        bench.take(&v4_with(&[], id, &datagram, 1480, 1520, false));
    }
    assert_eq!((bench.machine.counters().datagrams_rebuilt, bench.machine.pool.len()), (100, 1));
    // But not without end.
    for id in 0..100 {
        bench.take(&v4_with(&[], id, &udp(96, 0), 0, 32, true));
    }
    bench.machine.finish();
    assert_eq!((bench.released().len(), bench.machine.pool.len()), (100, MOST_POOLED));
}

/// A datagram that tshark rebuilds: number of the frame that completes it, length and FNV-1a hash of its IP payload.
type RealDatagram = (u64, usize, u64);

const REAL: [(&str, &[RealDatagram]); 3] = [
    (
        "ipv4-fragments.pcap",
        &[
            (6, 8320, 0x6a96_1670_0cc0_781a),
            (12, 8320, 0x50dc_3afe_75b8_a913),
            (18, 8320, 0xa467_816b_763e_41be),
            (28, 8320, 0xb6ec_4292_2943_f88b),
            (40, 8320, 0x2b53_b397_a680_c727),
            (53, 8320, 0x8e79_7e46_02f9_c045),
        ],
    ),
    (
        "ipv6-fragments.pcap",
        &[
            (7, 741, 0xb66c_6dc0_02ec_6087),
            (20, 1452, 0xd77a_03ca_51d0_fee0),
            (29, 1003, 0x6cef_685b_1592_4f6b),
            (36, 786, 0xd523_57bb_4a92_93fa),
        ],
    ),
    ("sip-ipv6-fragments.pcap", &[(2, 1699, 0x3cd3_0e1a_af0c_96b5), (5, 1879, 0x4eab_200a_6894_bad6)]),
];

#[test]
fn rebuilds_what_tshark_rebuilds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    for (name, expected) in REAL {
        let Ok(stream) = std::fs::read(folder.join(name)) else {
            println!("skipped: no capture ../shared/captures/{name}");
            continue;
        };
        let mut machine = Defragmenter::default();
        let (mut reader, mut position, mut number) = (Reader::new(), 0, 0);
        let mut found = Vec::new();
        while let Step::Record(record) = reader.next(&stream, &mut position, true) {
            number += 1;
            let packet = decode(record.link_type, record.data);
            if packet.fragment == Fragment::None {
                continue;
            }
            let taken = machine.take(
                &packet,
                record.data,
                record.link_type,
                record.original_length,
                record.timestamp_ns,
                0,
                number,
            );
            if taken == Taken::Complete {
                let (frame, link_type) = machine.rebuilt();
                assert_eq!(link_type, record.link_type);
                let ip = ip_of(link_type, frame);
                let payload = &ip[if ip[0] >> 4 == 4 { 20 } else { 40 }..];
                let hash = payload.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
                });
                found.push((number, payload.len(), hash));
            }
        }
        assert_eq!(found, expected, "{name}");
        machine.finish();
        assert_eq!(machine.next_released(), None, "{name}");
        assert_eq!(refusals(&machine.counters()), 0, "{name}");
    }
}

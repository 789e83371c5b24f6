use super::super::tests::{MILLISECOND, Random, packet};
use super::*;

const NONE: [usize; 0] = [];

fn endpoints(source_port: u16, destination_port: u16) -> Endpoints {
    Endpoints {
        source: Address::v4([10, 0, 0, 1]),
        source_port,
        destination: Address::v4([10, 0, 0, 2]),
        destination_port,
        scope: 0,
    }
}

/// Which of the payloads, a packet each 20 ms between two ports, make a source accepted.
fn accepted_between(source_port: u16, destination_port: u16, payloads: &[Vec<u8>]) -> Vec<usize> {
    let mut candidates = Candidates::new(100);
    let endpoints = endpoints(source_port, destination_port);
    let mut found = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        if let Verdict::Accepted(..) =
            candidates.observe(payload, &endpoints, number as i64 * 20 * MILLISECOND)
        {
            found.push(number);
        }
    }
    found
}

fn accepted(payloads: &[Vec<u8>]) -> Vec<usize> {
    accepted_between(16384, 16386, payloads)
}

/// G.711 with these sequence numbers.
fn voice(numbers: impl IntoIterator<Item = u16>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|number| packet(0, number, u32::from(number).wrapping_mul(160), 7)).collect()
}

#[test]
fn four_in_sequence() {
    assert_eq!(accepted(&voice([1, 2, 3, 4])), [3]);
    assert_eq!(accepted(&voice([1, 2, 3])), NONE);
    // The numbers wrap.
    let wrapping: Vec<_> =
        (0..4).map(|n: u16| packet(0, 65534_u16.wrapping_add(n), 160 * u32::from(n), 7)).collect();
    assert_eq!(accepted(&wrapping), [3]);
    // Loss and reordering put it off, but not that a mirrored port shows each packet twice.
    assert_eq!(accepted(&voice([1, 2, 4, 5, 6, 7])), [5]);
    assert_eq!(accepted(&voice([1, 3, 2, 4, 5, 6, 7])), [6]);
    assert_eq!(accepted(&voice([1, 1, 2, 2, 3, 4, 5])), [5]);
    assert_eq!(accepted(&voice([1, 1, 2, 2, 3, 3, 4, 4])), [6]);
    // The same packet again and again, as a retransmission is.
    assert_eq!(accepted(&voice([1; 50])), NONE);
    // Any ports of no service; sources one by one, as they share a flow.
    assert_eq!(accepted_between(8001, 8003, &voice(1..5)), [3]);
    let mixed: Vec<_> =
        (0..4_u16).flat_map(|n| [7, 8].map(|ssrc| packet(0, n, 160 * u32::from(n), ssrc))).collect();
    assert_eq!(accepted(&mixed), [6, 7]);
}

#[test]
fn hands_over_what_was_seen() {
    let mut candidates = Candidates::new(100);
    let endpoints = endpoints(5004, 6004);
    for (number, payload) in voice(0..4).iter().enumerate() {
        let verdict = candidates.observe(payload, &endpoints, number as i64 * 30 * MILLISECOND);
        match (number, verdict) {
            (0..3, Verdict::Probation) => assert_eq!(candidates.len(), 1),
            (3, Verdict::Accepted(header, quality)) => {
                assert_eq!((header.sequence, header.ssrc), (3, 7));
                assert_eq!((quality.packets(), quality.expected(), quality.lost()), (4, 4, 0));
                assert_eq!((quality.first_ns(), quality.clock_rate()), (0, 8000));
                assert!(quality.jitter_ms().unwrap() > 1.0);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(candidates.is_empty());
    assert_eq!(candidates.evictions(), 0);
}

#[test]
fn refuses_what_no_source_begins_with() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut payloads = voice(1..20);
        payloads.iter_mut().for_each(change);
        accepted(&payloads)
    };
    assert_eq!(with(&|_| ()).len(), 4);
    assert_eq!(with(&|payload| payload[1] = 40), NONE);
    assert_eq!(with(&|payload| payload[1] = 72), NONE);
    assert_eq!(with(&|payload| payload[0] = 0x40), NONE);
    assert_eq!(with(&|payload| payload[8..12].fill(0)), NONE);
    assert_eq!(with(&|payload| payload[8..12].fill(255)), NONE);
    assert_eq!(with(&|payload| payload.truncate(15)), NONE);
    // Padding of nothing; timestamps that stand still, go back, or leap.
    assert_eq!(with(&|payload| (payload[0], payload[171]) = (0xa0, 0)), NONE);
    assert_eq!(with(&|payload| payload[4..8].fill(9)), NONE);
    assert_eq!(with(&|payload| payload[4] = payload[3].wrapping_neg()), NONE);
    assert_eq!(with(&|payload| payload[4] = payload[3]), NONE);
    for (source_port, destination_port) in [(443, 50_000), (50_000, 53), (1023, 1023), (0, 9)] {
        assert_eq!(accepted_between(source_port, destination_port, &voice(1..20)), NONE);
    }
}

#[test]
fn bounded_and_least_recently_used() {
    let mut candidates = Candidates::new(16);
    let endpoints = endpoints(5004, 6004);
    let mut random = Random(1);
    let mut found = 0;
    for number in 0..1000_u16 {
        // A stream among sources that come once.
        let stream = packet(0, number, u32::from(number) * 160, 7);
        found += u32::from(matches!(candidates.observe(&stream, &endpoints, 0), Verdict::Accepted(..)));
        for _ in 0..10 {
            candidates.observe(&packet(0, 1, 1, random.next() as u32 | 1 << 31), &endpoints, 0);
        }
        assert!(candidates.len() <= 16);
    }
    assert_eq!(found, 250);
    assert!(candidates.evictions() > 9000);
}

/// Payloads of one flow, as each protocol makes them.
fn other_protocols(random: &mut Random) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut flow =
        |make: &dyn Fn(&mut Random, u16) -> Vec<u8>| (0..400).map(|n| make(random, n)).collect::<Vec<_>>();
    let with = |head: &[u8], random: &mut Random, length: usize| [head, &random.bytes(length)].concat();
    vec![
        ("random", flow(&|random, _| random.bytes(200))),
        ("random of version 2", flow(&|random, _| with(&[0x80, 0], random, 60))),
        (
            "random of a constant source",
            flow(&|random, _| {
                let mut payload = with(&[0x80, 96], random, 60);
                payload[8..12].fill(5);
                payload
            }),
        ),
        // A counter where the sequence number is, and nothing else of RTP.
        ("counter", flow(&|random, n| with(&[0x80, 96, (n >> 8) as u8, n as u8], random, 60))),
        (
            "counter and constants",
            flow(&|_, n| [&[0x80, 96, (n >> 8) as u8, n as u8][..], &[1; 60]].concat()),
        ),
        (
            "STUN",
            flow(&|random, n| {
                let head = [(n & 1) as u8, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
                with(&head, random, 20)
            }),
        ),
        ("DTLS", flow(&|random, n| with(&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, n as u8, 0, 40], random, 40))),
        ("QUIC long", flow(&|random, _| with(&[0xc3, 0, 0, 0, 1, 8], random, 1200))),
        ("QUIC short", flow(&|random, _| with(&[0x40 | (random.next() & 63) as u8], random, 900))),
        (
            "QUIC draft without its fixed bit",
            flow(&|random, _| with(&[0x80 | (random.next() & 63) as u8, 0, 0, 0, 1], random, 900)),
        ),
        ("DNS query", flow(&|random, n| with(&[0x80, n as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], random, 30))),
        (
            "DNS response",
            flow(&|random, n| with(&[0x80, n as u8, 0x81, 0x80, 0, 1, 0, n as u8, 0, 0, 0, 1], random, 60)),
        ),
        ("TFTP", flow(&|random, n| with(&[0, 3, (n >> 8) as u8, n as u8], random, 512))),
        ("uTP", flow(&|random, n| with(&[0x01, 0, 0x12, 0x34, 0, 0, 0, n as u8, 1, 1, 1, 1], random, 300))),
        ("OpenVPN", flow(&|random, n| with(&[0x48, 0, 0, 0, 0, 0, 0, n as u8], random, 300))),
        ("WireGuard", flow(&|random, n| with(&[4, 0, 0, 0, 1, 2, 3, 4, n as u8, 0, 0, 0], random, 300))),
        (
            "ESP in UDP",
            flow(&|random, n| with(&[0x80, 0x60, 1, 1, 0, 0, (n >> 8) as u8, n as u8], random, 300)),
        ),
        (
            "IAX2 mini frames",
            flow(&|random, n| with(&[0x80, 9, n as u8, (n as u8).wrapping_mul(20)], random, 160)),
        ),
        ("RTCP", flow(&|random, n| with(&[0x80, 200, 0, 6, 0, 0, 0, n as u8], random, 20))),
        (
            "game of ticks",
            flow(&|random, n| {
                let tick = u32::from(n).to_le_bytes();
                with(&[&[0x80, 0x61][..], &tick, &[0, 0, 0, 9]].concat(), random, 80)
            }),
        ),
    ]
}

#[test]
fn no_other_protocol_is_accepted() {
    let mut random = Random(0xfeed);
    for (name, payloads) in other_protocols(&mut random) {
        for (source_port, destination_port) in [(40_000, 50_000), (16_384, 16_386), (500, 900), (53, 69)] {
            let found = accepted_between(source_port, destination_port, &payloads);
            assert_eq!(found, NONE, "{name} between {source_port} and {destination_port}");
        }
    }
}

#[test]
fn random_bytes_are_hardly_ever_plausible() {
    let mut random = Random(8);
    let mut candidates = Candidates::new(4096);
    for _ in 0..100_000 {
        let length = random.below(200) as usize;
        let endpoints = endpoints(1024 + random.below(60) as u16, 4000);
        let verdict = candidates.observe(&random.bytes(length), &endpoints, 0);
        assert!(!matches!(verdict, Verdict::Accepted(..)));
    }
}

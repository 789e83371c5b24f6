//! Packets of a few sources, made of the input's bytes or as they are, with their times: what a receiver says of them.
//!
//! Whatever they are, figures are sound and add up, a source is accepted only after packets in sequence, and reports are
//! read within their bounds.
#![no_main]

mod input;

use caracal_engine::net::Address;
use caracal_engine::rtp::candidates::{Candidates, Endpoints, MIN_SEQUENTIAL, Verdict};
use caracal_engine::rtp::rtcp::{self, Form, Packet};
use caracal_engine::rtp::sequence::Arrival;
use caracal_engine::rtp::{Header, StreamQuality};
use input::Input;
use libfuzzer_sys::fuzz_target;

/// Sources, each with its place.
const SOURCES: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let capacity = 1 + usize::from(input.u8() & 7);
    let mut candidates = Candidates::new(capacity);
    let mut streams = [StreamQuality::default(); SOURCES];
    let mut duplicates = [0; SOURCES];
    let mut sent = [(0_u16, 0_u32); SOURCES];
    let mut now_ns = 1_700_000_000_000_000_000;
    let mut shown = 0_u64;
    while !input.is_empty() {
        let choice = input.u8();
        now_ns = i64::saturating_add(now_ns, input.pause());
        let number = usize::from(choice) % SOURCES;
        let datagram = match choice >> 6 {
            // The next packet of a source, or one near it.
            0..=2 => next_packet(&mut input, &mut sent[number], number),
            _ => {
                let length = usize::from(input.u16() & 0x7ff);
                input.bytes(length).to_vec()
            }
        };
        reports(&datagram);
        let uncaptured = usize::from(input.u8() & 15);
        if let Some(header) = Header::parse_captured(&datagram, datagram.len() + uncaptured) {
            assert!(header.payload(&datagram).len() <= header.payload_length as usize);
        }
        let endpoints = Endpoints {
            source: Address::v4([10, 0, 0, number as u8]),
            source_port: 4000,
            destination: Address::v4([10, 0, 0, 9]),
            destination_port: 5000,
            scope: 0,
        };
        shown += 1;
        match candidates.observe(&datagram, &endpoints, now_ns) {
            Verdict::Accepted(header, quality) => {
                assert_eq!(Header::parse(&datagram), Some(header));
                assert!(quality.packets() >= MIN_SEQUENTIAL.into() && quality.is_validated());
                assert_eq!((quality.lost(), quality.duplicates(), quality.out_of_order()), (0, 0, 0));
                assert_eq!(u64::from(quality.expected()), quality.packets());
            }
            Verdict::Probation => assert!(Header::parse(&datagram).is_some()),
            Verdict::No => {}
        }
        assert!(candidates.len() <= capacity && candidates.accepted() * u64::from(MIN_SEQUENTIAL) <= shown);
        let Some(header) = Header::parse(&datagram) else { continue };
        let clock_rate = [8000, 48_000, 90_000, u32::from(choice)][usize::from(choice >> 4) & 3];
        let arrival = streams[number].update(&header, now_ns, clock_rate);
        duplicates[number] += u32::from(arrival == Arrival::Duplicate);
        check(&streams[number], duplicates[number], clock_rate);
    }
});

/// A packet of a source; steps are mostly of one packet and its 160 ticks.
fn next_packet(input: &mut Input, sent: &mut (u16, u32), number: usize) -> Vec<u8> {
    let step = input.u8();
    let ahead = match step {
        0..=199 => 1,
        200..=229 => u16::from(step).wrapping_sub(215),
        230..=249 => u16::from(step) << 4,
        _ => input.u16(),
    };
    let ticks = if step & 15 == 15 { input.u32() } else { i32::from(ahead as i16).wrapping_mul(160) as u32 };
    *sent = (sent.0.wrapping_add(ahead), sent.1.wrapping_add(ticks));
    let second = if step & 16 == 0 { 0 } else { input.u8() };
    let mut packet = vec![0x80, second];
    packet.extend(sent.0.to_be_bytes());
    packet.extend(sent.1.to_be_bytes());
    packet.extend([0, 0, 1, number as u8]);
    packet.resize(12 + usize::from(step & 63), step);
    packet
}

fn check(stream: &StreamQuality, duplicates: u32, clock_rate: u32) {
    assert!(stream.lost() <= stream.expected());
    assert!(u64::from(stream.expected() - stream.lost()) <= stream.packets());
    assert_eq!(stream.duplicates(), duplicates);
    assert!(u64::from(stream.out_of_order()) < stream.packets());
    assert!((0.0..=100.0).contains(&stream.loss_percent()) && stream.mean_loss_burst() >= 1.0);
    assert!(
        stream.mean_jitter_ms() <= stream.max_jitter_ms() && stream.jitter_ms() <= stream.max_jitter_ms()
    );
    assert!(stream.max_jitter_ms().unwrap_or(0.0) <= 2000.0);
    if let (Some(r), Some(score)) = (stream.r_factor(b"PCMU", clock_rate), stream.mos(b"PCMU", clock_rate)) {
        assert!((0.0..=93.2).contains(&r) && (1.0..=4.5).contains(&score));
    }
}

fn reports(datagram: &[u8]) {
    let (mut packets, mut items) = (0, 0);
    let form = rtcp::for_each_packet(datagram, &mut |packet| {
        packets += 1;
        items += match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => reports.count(),
            Packet::SourceDescription(items) => items.count(),
            Packet::Goodbye { sources, reason } => sources.count() + reason.len() / 256,
            Packet::ExtendedReport { metrics, .. } => metrics.count(),
            Packet::Application { .. } | Packet::Other { .. } => 0,
        };
    });
    assert!(items <= datagram.len());
    match form {
        Form::Plain => assert!(packets >= 1 && packets * 4 <= datagram.len()),
        Form::Protected => assert_eq!(packets, 1),
        Form::Not => assert_eq!(packets, 0),
    }
    assert!(form == Form::Not || rtcp::looks_like_rtcp(datagram));
}

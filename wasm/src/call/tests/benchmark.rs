use std::time::Instant;

use super::*;

/// Concurrent calls, two streams each.
const CALLS: usize = 10_000;

/// Prints what a packet and a message cost: `cargo test --release --lib -- --ignored --nocapture calls_benchmark`.
#[test]
#[ignore = "prints timings"]
fn calls_benchmark() {
    let mut scene = Scene::with(Limits::default());
    let mut passages = Vec::new();
    for number in 0..CALLS {
        scene.call_id = format!("{number}-4711@10.0.0.1");
        let (host, port) = (if number % 2 == 0 { "A" } else { "C" }, 10_000 + number / 2 * 4);
        let (one, other) =
            (format!("{host}:{port}"), format!("{}:{port}", if host == "A" { "B" } else { "D" }));
        scene.step(&format!("A>B INVITE 1 sdp={one}"));
        scene.step(&format!("B>A 200 1 INVITE sdp={other}"));
        passages.push((number as u32 * 2, socket(&one), socket(&other)));
        passages.push((number as u32 * 2 + 1, socket(&other), socket(&one)));
    }
    let mut packet = rtp(0, 0, 0);
    // The best round: the others were disturbed.
    let (mut best, mut best_vain) = (f64::INFINITY, f64::INFINITY);
    for round in 0..200u16 {
        packet[2..4].copy_from_slice(&round.to_be_bytes());
        let (mut found, mut vain) = (0, 0);
        let started = Instant::now();
        for (ssrc, from, to) in &passages {
            packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
            scene.now += 1000;
            found +=
                usize::from(scene.calls.observe_media(&packet, &passage(scene.now, *from, *to)).is_some());
        }
        best = best.min(started.elapsed().as_nanos() as f64 / passages.len() as f64);
        let started = Instant::now();
        for (_, from, to) in &passages {
            let other = passage(scene.now, (from.0, from.1 | 2), (to.0, to.1 | 3));
            vain += usize::from(scene.calls.observe_media(&packet, &other).is_some());
        }
        best_vain = best_vain.min(started.elapsed().as_nanos() as f64 / passages.len() as f64);
        assert_eq!((found, vain), (passages.len(), 0));
    }
    println!("RTP of {CALLS} calls: {best:.0} ns/packet; of none: {best_vain:.0} ns/packet");
    println!(
        "stream {} bytes, call {} bytes",
        size_of::<crate::call::stream::Stream>(),
        size_of::<Call<()>>()
    );

    let steps = [
        "A>B INVITE 1 sdp=A:4000",
        "B>A 100 1 INVITE t=",
        "B>A 180 1 INVITE",
        "B>A 200 1 INVITE sdp=B:5000",
        "A>B ACK 1",
        "A>B BYE 2",
        "B>A 200 2 BYE",
    ];
    let mut messages = Vec::new();
    for number in 0..1000 {
        scene.call_id = format!("{number}-815@10.0.0.1");
        messages.extend(steps.map(|step| scene.message(step)));
    }
    let (mut best, mut best_parsed) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..50 {
        let mut calls: Calls<()> = Calls::default();
        let started = Instant::now();
        for (text, _) in &messages {
            std::hint::black_box(Message::parse(text.as_bytes()).unwrap());
        }
        best_parsed = best_parsed.min(started.elapsed().as_nanos() as f64 / messages.len() as f64);
        let started = Instant::now();
        for (text, passage) in &messages {
            let message = Message::parse(text.as_bytes()).unwrap();
            assert!(calls.observe_sip(&message, passage, &mut |_| {}).is_some());
        }
        best = best.min(started.elapsed().as_nanos() as f64 / messages.len() as f64);
    }
    println!("SIP: {best:.0} ns/message, of which parsing {best_parsed:.0} ns");
}

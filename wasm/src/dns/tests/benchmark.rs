use std::time::Instant;

use super::super::{Analyzer, FlowView};
use super::*;

/// Prints what a message costs: `cargo test --release --lib -- --ignored --nocapture benchmark`.
#[test]
#[ignore = "prints timings"]
fn parse_and_observe() {
    const ROUNDS: usize = 100;
    let names: Vec<String> = (0..1000)
        .map(|number| format!("host{number}.cdn{}.example{}.com", number % 7, number % 300))
        .collect();
    let queries: Vec<Vec<u8>> = names.iter().zip(0..).map(|(name, id)| asking(id, 0x0100, name, 1)).collect();
    let responses: Vec<Vec<u8>> =
        names.iter().zip(0..).map(|(name, id)| answering(id, name, 1, &[192, 0, 2, 1])).collect();
    let chains: Vec<Vec<u8>> = vec![hex(VECTORS[2]); 1000];
    let there = FlowView {
        transport: 17,
        source_port: 40_000,
        destination_port: 53,
        scored: true,
        ..FlowView::default()
    };
    let back = FlowView { source_port: 53, destination_port: 40_000, ..there };
    let mut out = Vec::new();
    for (case, first, second) in [
        ("query", &queries, None),
        ("query + response", &queries, Some(&responses)),
        ("CNAME chain", &chains, None),
    ] {
        for detect in [false, true] {
            let mut analyzer = Analyzer::new(detect);
            let mut message = Message::new();
            let (mut time, mut text, mut entropy, mut messages) = (0, 0, 0.0, 0);
            // The best round: the others were disturbed.
            let mut best = f64::INFINITY;
            for _ in 0..ROUNDS {
                let (started, before) = (Instant::now(), messages);
                for (payloads, flow) in [(Some(first), &there), (second, &back)] {
                    for payload in payloads.into_iter().flatten() {
                        time += 1000;
                        messages += 1;
                        message.parse(payload, false);
                        entropy += analyzer.observe(&message, flow, time).entropy_score;
                        out.clear();
                        write_info(&message, &mut out);
                        text += out.len();
                    }
                }
                best = best.min(started.elapsed().as_nanos() as f64 / (messages - before) as f64);
            }
            println!("{case}, detection {detect}: {best:.0} ns/message");
            assert!(text > messages * 10);
            assert_eq!(entropy > 0.0, detect);
            assert_eq!(analyzer.correlated() > 0, second.is_some());
        }
    }
}

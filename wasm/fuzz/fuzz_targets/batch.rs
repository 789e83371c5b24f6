//! Bytes as an encoded `PacketBatch` from a hunter. The first byte chooses outputs and options.
//!
//! Whatever the bytes are, the engine must not panic, must write valid text, and must answer the same each time.
#![no_main]

mod outputs;

use caracal_engine::engine::{Counters, Engine, JSON, Options};
use libfuzzer_sys::fuzz_target;
use outputs::Outputs;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, batch)) = input.split_first() else { return };
    let options = Options {
        outputs: choice & 15 | JSON,
        dns_ports: vec![53],
        detect_tunneling: choice & 16 == 0,
        batch_packets: 3,
        batch_bytes: 200,
        ..Options::default()
    };
    let first = receive(&options, batch);
    // What a sender says twice is shown twice.
    first.1.check(options.outputs, false);
    let second = receive(&options, batch);
    assert_eq!(first, second, "the answer differs from one time to the next");
});

fn receive(options: &Options, batch: &[u8]) -> (bool, Outputs, Counters, Vec<String>) {
    let mut engine = Engine::new(options.clone());
    let mut outputs = Outputs::default();
    let accepted = engine.process_batch(batch);
    outputs.take(&mut engine);
    let (info, counters) = (engine.batch.clone(), engine.counters());
    if accepted {
        assert_eq!(info.packets, counters.packets);
        assert_eq!(counters.kept + counters.bad_batch_packets, counters.packets);
        assert_eq!(outputs.packets, counters.kept);
    } else {
        assert_eq!(outputs, Outputs::default(), "output of bytes that are no batch");
    }
    (accepted, outputs, counters, engine.take_notices())
}

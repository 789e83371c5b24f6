//! A stream of bytes as a capture. The first bytes choose options, filters and where the stream is cut.
//!
//! Whatever the stream is, the engine must not panic, must write valid text, and must answer the same when it is cut
//! elsewhere.
#![no_main]

mod outputs;

use caracal_engine::engine::{Counters, Engine, JSON, Options, Protocol, WIRE};
use caracal_engine::matching::filter_set::{FilterSet, NoFilterPolicy};
use libfuzzer_sys::fuzz_target;
use outputs::Outputs;

/// The most that the record reader may hold back (`record::Reader`).
const MOST_HELD: usize = 1 << 20;

const IP_ADDRESS: u32 = 2;
const DNS_DOMAIN: u32 = 7;

fuzz_target!(|input: &[u8]| {
    let Some((&[outputs, mode, filters, batch, limit, cuts], stream)) = input.split_first_chunk::<6>() else {
        return;
    };
    let options = Options {
        outputs: outputs & 15 | JSON,
        protocol: if mode & 1 != 0 { Protocol::Dns } else { Protocol::All },
        dns_ports: if mode & 2 != 0 { vec![53, 5353, 5355, 0, 65535] } else { vec![53] },
        udp_only: mode & 4 != 0,
        detect_tunneling: mode & 8 == 0,
        batch_packets: u32::from(batch & 15),
        batch_bytes: u32::from(batch >> 4) * 64,
        limit: u64::from(limit & 15),
    };
    let live = mode & 16 != 0;
    let whole = drive(&options, live, filters, stream, |_| usize::MAX);
    whole.outputs.check(options.outputs);
    assert!(options.limit == 0 || whole.outputs.packets <= options.limit);
    let mut state = u32::from(cuts) << 8 | 0xa5;
    let most = if cuts & 1 != 0 { 100 } else { 4000 };
    let cut = drive(&options, live, filters, stream, |_| {
        // xorshift
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % most + 1
    });
    assert_eq!(whole.outputs.json, cut.outputs.json, "JSON depends on where the stream is cut");
    assert_eq!(whole, cut, "the answer depends on where the stream is cut");
    check_received(&options, &whole.outputs);
});

#[derive(Debug, PartialEq)]
struct Answer {
    outputs: Outputs,
    counters: Counters,
    /// Sorted: faults of records are reported at the end of a block, so their place among the others varies.
    notices: Vec<String>,
}

/// Feeds `stream` in blocks of the sizes that `block_size` gives, as the boundary to JavaScript does.
fn drive(
    options: &Options,
    live: bool,
    filters: u8,
    stream: &[u8],
    mut block_size: impl FnMut(usize) -> usize,
) -> Answer {
    let mut engine = Engine::new(options.clone());
    engine.set_filters(filter_set(filters));
    let input = engine.open_input("fuzz", if live { "eth0" } else { "" });
    let mut outputs = Outputs::default();
    let (mut start, mut end) = (0usize, 0usize);
    loop {
        end = stream.len().min(end.saturating_add(block_size(end)));
        let at_end = end == stream.len();
        let progress = engine.process(input, &stream[start..end], at_end);
        assert!(progress.consumed <= end - start, "more consumed than there was");
        start += progress.consumed;
        assert!(!progress.wants_more || end - start <= MOST_HELD, "{} bytes held back", end - start);
        outputs.take(&mut engine);
        if !progress.wants_more {
            break;
        }
        assert!(!at_end, "more wanted behind the end");
    }
    let mut notices = engine.take_notices();
    notices.sort();
    Answer { outputs, counters: engine.counters(), notices }
}

fn filter_set(choice: u8) -> FilterSet {
    let deny = choice & 1 != 0;
    let mut set = FilterSet::new(if deny { NoFilterPolicy::Deny } else { NoFilterPolicy::Allow });
    let filters = [
        (2, IP_ADDRESS, "one", "127.0.0.1"),
        (4, IP_ADDRESS, "net", "10.0.0.0/8"),
        (8, IP_ADDRESS, "six", "2001:db8::/32"),
        (16, DNS_DOMAIN, "domain", "*.example.com"),
        (32, DNS_DOMAIN, "parts", "*a*b*"),
    ];
    for (bit, filter_type, id, pattern) in filters {
        if choice & bit != 0 {
            set.add(filter_type, id, pattern).expect("a good filter");
        }
    }
    if choice & 64 != 0 {
        set.add_local_domain("*e*");
    }
    set
}

/// What a processor shows of the packets that a hunter sent is what the hunter shows of them.
fn check_received(options: &Options, sent: &Outputs) {
    let json = String::from_utf8_lossy(&sent.json);
    // Cooked v2 frames are rewritten for the wire.
    if options.outputs & WIRE == 0 || json.contains("\"link_type\":276") {
        return;
    }
    let mut receiver = Engine::new(Options { outputs: JSON, ..options.clone() });
    assert!(receiver.process_batch(&sent.wire), "wire output that is no batch");
    let mut received = Outputs::default();
    received.take(&mut receiver);
    let sendable: Vec<&str> = json.lines().filter(|line| link_type(line) <= 255).collect();
    let received =
        String::from_utf8(received.json).expect("JSON is UTF-8").replace("\"hunter_id\":\"\",", "");
    assert_eq!(received.lines().collect::<Vec<_>>(), sendable, "sent and received differ");
}

fn link_type(line: &str) -> u64 {
    let (_, after) = line.split_once("\"link_type\":").unwrap_or_default();
    after.split(|character: char| !character.is_ascii_digit()).next().unwrap_or("").parse().expect("a number")
}

//! A stream of bytes as a capture. The first bytes choose options, settings, filters and where the stream is cut.
//!
//! Whatever the stream is, the engine must not panic, must write valid text, must account for every packet, and must
//! answer the same when the stream is cut elsewhere, when tables are hashed otherwise, and when nobody looks.
#![no_main]

mod outputs;

use caracal_engine::engine::{Counters, Engine, JSON, Options, Protocol, Settings, WIRE};
use caracal_engine::matching::filter_set::{FilterSet, NoFilterPolicy};
use caracal_engine::matching::filter_type::FilterType;
use caracal_engine::wire::protobuf::{Fields, Value};
use caracal_engine::wire::schema::{Field, Kind, captured_packet};
use libfuzzer_sys::fuzz_target;
use outputs::Outputs;

/// The most that the record reader may hold back (`record::Reader`).
const MOST_HELD: usize = 1 << 20;

const IP_ADDRESS: u32 = 2;
const DNS_DOMAIN: u32 = 7;

fuzz_target!(|input: &[u8]| {
    let Some((&[outputs, mode, filters, batch, limit, cuts, settings, runs], stream)) =
        input.split_first_chunk::<8>()
    else {
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
    let case = Case {
        options,
        settings,
        most_flows: runs & 31,
        seed: "0",
        live: mode & 16 != 0,
        // The same capture again, as a second input.
        inputs: 1 + u32::from(mode & 32 != 0),
        filters,
    };
    let whole = case.drive(stream, |_| usize::MAX);
    whole.outputs.check(case.options.outputs, true);
    check_traffic(&whole, &case);
    check_interfaces(&whole, &case, stream);
    assert!(case.options.limit == 0 || whole.outputs.packets <= case.options.limit, "more than the limit");
    let mut state = u32::from(cuts) << 8 | 0xa5;
    let most = if cuts & 1 != 0 { 100 } else { 4000 };
    let cut = case.drive(stream, |_| {
        // xorshift
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % most + 1
    });
    assert_eq!(whole.outputs.json, cut.outputs.json, "JSON depends on where the stream is cut");
    assert_eq!(whole, cut, "the answer depends on where the stream is cut");
    if runs & 32 != 0 {
        let reseeded = Case { seed: "17.25", ..case.clone() }.drive(stream, |_| usize::MAX);
        assert_eq!(whole, reseeded, "the answer depends on the seed");
    }
    if runs & 64 != 0 {
        check_quiet(&case, stream, &whole);
    }
    for (_, packet) in Fields::of(&whole.outputs.wire) {
        check_text(packet, captured_packet::ALL);
    }
    check_received(&case.options, &whole.outputs);
});

/// How an engine is set up.
#[derive(Clone)]
struct Case {
    options: Options,
    settings: u8,
    /// 0 for the default.
    most_flows: u8,
    seed: &'static str,
    live: bool,
    inputs: u32,
    filters: u8,
}

#[derive(Debug, PartialEq)]
struct Answer {
    outputs: Outputs,
    counters: Counters,
    traffic: String,
    /// Sorted: faults of records are reported at the end of a block, so their place among the others varies.
    notices: Vec<String>,
}

impl Case {
    fn settings(&self) -> Settings {
        let choice = self.settings;
        let flows = self.most_flows.to_string();
        let rows = [
            (choice & 8 != 0, "tcp_profile", ["minimal", "low_latency"][usize::from(choice >> 4 & 1)]),
            (choice & 1 != 0, "esp_null", "true"),
            (choice & 2 != 0, "esp_heuristic", "true"),
            (choice & 4 != 0, "esp_icv_size", "12"),
            (choice & 96 == 32, "tcp_strategy", "fixed"),
            (choice & 96 == 64, "tcp_strategy", "ring"),
            (choice & 96 == 96, "tcp_strategy", "adaptive"),
            (choice & 128 != 0, "tcp_state_timeouts", "true"),
            (choice & 128 != 0, "tcp_opening_timeout_ms", "50"),
            (choice & 128 != 0, "tcp_established_timeout_ms", "100"),
            (choice & 128 != 0, "tcp_closing_timeout_ms", "0.5"),
            (self.most_flows != 0, "max_flows", &flows),
            (true, "seed", self.seed),
        ];
        let mut settings = Settings::default();
        for (_, name, value) in rows.into_iter().filter(|(applies, ..)| *applies) {
            assert!(settings.set(name, value), "{name} cannot be {value}");
        }
        settings
    }

    /// Feeds `stream` in blocks of the sizes that `block_size` gives, as the boundary to JavaScript does.
    fn drive(&self, stream: &[u8], mut block_size: impl FnMut(usize) -> usize) -> Answer {
        let mut engine = Engine::with_settings(self.options.clone(), &self.settings());
        engine.set_filters(filter_set(self.filters));
        let mut outputs = Outputs::default();
        for _ in 0..self.inputs {
            let input = engine.open_input("fuzz", if self.live { "eth0" } else { "" });
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
        }
        engine.finish();
        outputs.take(&mut engine);
        let mut notices = engine.take_notices();
        notices.sort();
        let counters = engine.counters();
        check_counters(&counters, &outputs, self.options.limit);
        Answer { outputs, counters, traffic: engine.traffic_json(usize::MAX), notices }
    }
}

fn check_counters(counters: &Counters, outputs: &Outputs, limit: u64) {
    assert_eq!(counters.kept, outputs.packets, "kept");
    let rejected = counters.rejected_by_mode
        + counters.rejected_by_filters
        + counters.rejected_by_bpf
        + counters.rejected_without_bpf_program
        + counters.rejected_fragments;
    // Datagrams take the place of their fragments, and may be fragments again.
    let came = counters.packets + counters.datagrams_rebuilt;
    let went = counters.kept + rejected + counters.fragments_merged + counters.fragment_duplicates;
    // Behind the limit, fragments that are released are dropped.
    let most_dropped = if limit == 0 { 0 } else { counters.fragments_given_up };
    assert!((went..=went + most_dropped).contains(&came), "packets are lost: {counters:?}");
}

/// What is said of the traffic is JSON, and adds up to what the counters say.
fn check_traffic(answer: &Answer, case: &Case) {
    let traffic: serde_json::Value = serde_json::from_str(&answer.traffic).expect("traffic is JSON");
    let counters = &answer.counters;
    let flows = |name: &str| traffic["flows"][name].as_u64().expect("a number");
    assert_eq!(flows("evicted"), counters.flow_evictions);
    let parts = ["active", "expired", "restarted", "evicted"];
    assert_eq!(parts.iter().map(|part| flows(part)).sum::<u64>(), flows("total"), "flows by their end");
    assert!(counters.detected_flows <= flows("total"), "more flows are recognised than there were");
    let sum = |list: &str, name: &str| -> u64 {
        let rows = traffic[list].as_array().expect("rows");
        rows.iter().map(|row| row[name].as_u64().expect("a number")).sum()
    };
    assert_eq!(sum("protocols", "flows"), flows("total"), "flows by protocol");
    // Filters are asked behind detection.
    assert_eq!(
        sum("protocols", "packets"),
        counters.kept + counters.rejected_by_filters,
        "packets by protocol"
    );
    assert!(sum("protocols", "bytes") >= counters.kept_bytes, "bytes by protocol");
    if counters.rejected_by_filters == 0 {
        assert_eq!(sum("protocols", "bytes"), counters.kept_bytes, "bytes by protocol");
    }
    for unit in ["packets", "bytes"] {
        assert!(sum("top_talkers", unit) <= 2 * sum("protocols", unit), "{unit} by address");
    }
    let names: Vec<&str> = traffic["protocols"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["protocol"].as_str())
        .collect();
    assert!(names.iter().all(|name| !name.is_empty()), "protocols without a name: {names:?}");
    assert!(
        (1..names.len()).all(|at| !names[at..].contains(&names[at - 1])),
        "protocols named twice: {names:?}"
    );
    let most_flows = if case.most_flows == 0 { usize::MAX } else { usize::from(case.most_flows) };
    assert!(flows("active") <= most_flows as u64, "more flows than there may be");
    assert!(flows("total") <= counters.kept + counters.rejected_by_filters, "more flows than packets");
}

/// Packets of a device name it.
fn check_interfaces(answer: &Answer, case: &Case, stream: &[u8]) {
    let json = str::from_utf8(&answer.outputs.json).expect("JSON is UTF-8");
    // Interfaces of pcapng have names of their own.
    if case.live && !stream.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        assert!(
            json.lines().all(|line| line.contains("\"interface_name\":\"eth0\"")),
            "no interface: {json}"
        );
    }
}

/// The totals are the same when nobody looks at the packets.
fn check_quiet(case: &Case, stream: &[u8], whole: &Answer) {
    let options = Options { outputs: 0, ..case.options.clone() };
    let quiet = Case { options, ..case.clone() }.drive(stream, |_| usize::MAX);
    let totals = |counters: &Counters| Counters {
        // What outputs cannot carry, or carry in another form.
        unsendable_link_types: 0,
        unwritable_link_types: 0,
        vxlan_decapsulated: 0,
        ..*counters
    };
    assert_eq!(totals(&quiet.counters), totals(&whole.counters), "counters depend on the outputs");
    assert_eq!(quiet.traffic, whole.traffic, "the traffic depends on the outputs");
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
        set.add_local_domain("*e*").expect("a good pattern");
    }
    if choice & 128 != 0 {
        for filter_type in FilterType::ALL {
            // Of each type what hits often, or nothing but what it could.
            let pattern = match filter_type {
                FilterType::Bpf | FilterType::IpAddress | FilterType::DnsDomain => continue,
                FilterType::TlsJa3 | FilterType::TlsJa3s => "6ec7ec4e17bd45598c0055d05f975374",
                FilterType::TlsJa4 => "t12d0205h2_04659ec43a24_94ae408008e8",
                FilterType::Imsi => "310260123456789",
                FilterType::Imei => "90420156025763",
                _ => "*",
            };
            set.add(filter_type as u32, pattern, pattern).expect("a good filter");
        }
    }
    set.build().expect("room for a few filters");
    set
}

/// Strings of a message are UTF-8: receivers refuse a batch with any other.
fn check_text(message: Value, fields: &[Field]) {
    let Value::Bytes(bytes) = message else { panic!("no message") };
    let clean = |name: &str, text: Value| {
        let Value::Bytes(text) = text else { panic!("{name} is no string") };
        assert!(str::from_utf8(text).is_ok(), "{name} is not UTF-8: {text:?}");
    };
    let mut parts = Fields::of(bytes);
    for (number, value) in &mut parts {
        let field = fields.iter().find(|field| field.number == number).expect("a field of the contract");
        match field.kind {
            Kind::Text => clean(field.name, value),
            Kind::Message(fields) | Kind::Inline(fields) => check_text(value, fields),
            Kind::Map => {
                let Value::Bytes(entry) = value else { panic!("no entry") };
                Fields::of(entry).for_each(|(_, text)| clean(field.name, text));
            }
            _ => {}
        }
    }
    assert!(!parts.broken(), "a message that is no protobuf");
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

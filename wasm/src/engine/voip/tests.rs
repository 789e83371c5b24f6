//! Calls through the whole engine: what goes out, and with what.

use crate::engine::{CALL_PCAP, CALLS, Counters, Engine, JSON, Options, Protocol, Settings, WIRE};
use crate::matching::filter_set::{FilterSet, NoFilterPolicy};
use crate::matching::filter_type::FilterType;
use crate::net::Address;
use crate::net::segment::{Headers, write_segment};
use crate::wire::protobuf::put_bytes;

#[path = "tests/networks.rs"]
mod networks;
#[path = "tests/sharing.rs"]
mod sharing;
#[path = "tests/streams.rs"]
mod streams;

const SECOND: i64 = 1_000_000_000;

/// A capture in the making.
struct Scene {
    capture: Vec<u8>,
    now_ns: i64,
}

impl Scene {
    fn new() -> Self {
        let header =
            [&0xa1b2_3c4du32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat();
        Self { capture: header, now_ns: 1_700_000_000 * SECOND }
    }

    fn wait(&mut self, nanoseconds: i64) -> &mut Self {
        self.now_ns += nanoseconds;
        self
    }

    fn frame(&mut self, frame: &[u8]) -> &mut Self {
        self.cut_frame(frame, frame.len())
    }

    /// A frame of which a capture with that snapshot length has the beginning.
    fn cut_frame(&mut self, frame: &[u8], snapshot_length: usize) -> &mut Self {
        let captured = frame.len().min(snapshot_length);
        let lengths = [captured as u32, frame.len() as u32];
        for field in [(self.now_ns / SECOND) as u32, (self.now_ns % SECOND) as u32].into_iter().chain(lengths)
        {
            self.capture.extend(field.to_le_bytes());
        }
        self.capture.extend(&frame[..captured]);
        self.wait(1_000_000)
    }

    /// A UDP datagram between `10.0.0.a:b` and `10.0.0.c:d`.
    fn udp(&mut self, from: (u8, u16), to: (u8, u16), payload: &[u8]) -> &mut Self {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((28 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from.0, 10, 0, 0, to.0]);
        for number in [from.1, to.1, 8 + payload.len() as u16, 0] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(payload);
        self.frame(&frame)
    }

    fn tcp(&mut self, from: (u8, u16), to: (u8, u16), sequence: u32, payload: &[u8]) -> &mut Self {
        self.cut_tcp(from, to, sequence, payload, usize::MAX)
    }

    fn cut_tcp(
        &mut self,
        from: (u8, u16),
        to: (u8, u16),
        sequence: u32,
        payload: &[u8],
        snapshot_length: usize,
    ) -> &mut Self {
        let headers = Headers {
            source: (Address::v4([10, 0, 0, from.0]), from.1),
            destination: (Address::v4([10, 0, 0, to.0]), to.1),
            sequence,
            acknowledgment: 1,
        };
        let mut frame = Vec::new();
        write_segment(&headers, payload, None, &mut frame);
        self.cut_frame(&frame, snapshot_length)
    }

    fn rtp(&mut self, from: (u8, u16), to: (u8, u16), sequence: u16) -> &mut Self {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend([0, 0, 0, from.0]);
        packet.extend([0xd5; 160]);
        self.udp(from, to, &packet)
    }
}

/// A request of a call between Alice (10.0.0.1) and Bob (10.0.0.2).
fn request(method: &str, call: &str, more: &str, body: &str) -> Vec<u8> {
    let tag = if matches!(method, "ACK" | "BYE" | "UPDATE") { ";tag=b" } else { "" };
    format!(
        "{method} sip:bob@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}\r\n\
         From: <sip:alice@x>;tag=a\r\nTo: <sip:bob@x>{tag}\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn response(code: &str, method: &str, call: &str, body: &str) -> Vec<u8> {
    format!(
        "SIP/2.0 {code}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{method}\r\n\
         From: <sip:alice@x>;tag=a\r\nTo: <sip:bob@x>;tag=b\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn sdp(host: u8, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.{host}\r\ns=-\r\nc=IN IP4 10.0.0.{host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

struct Answer {
    lines: Vec<String>,
    calls: Vec<String>,
    call_pcap: Vec<u8>,
    engine: Engine,
}

impl Answer {
    /// `method or code` of SIP, `RTP sequence` of RTP, else the protocol; and the filters.
    fn shown(&self) -> Vec<String> {
        let text = |line: &str, key: &str| {
            let at = line.find(&format!("\"{key}\":"))? + key.len() + 3;
            let rest = &line[at..];
            let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
            Some(rest[..end].trim_matches(['"', '[']).to_owned())
        };
        let one = |line: &String| {
            let method = text(line, "method").filter(|method| !method.is_empty());
            let what = method
                .or_else(|| text(line, "response_code"))
                .or_else(|| text(line, "sequence").map(|number| format!("RTP {number}")))
                .or_else(|| text(line, "protocol"));
            what.unwrap_or_default()
        };
        self.lines.iter().map(one).collect()
    }
}

fn run(scene: &Scene, filters: &[(FilterType, &str)], policy: NoFilterPolicy, block: usize) -> Answer {
    run_with(scene, filters, policy, block, &Settings::default())
}

fn run_with(
    scene: &Scene,
    filters: &[(FilterType, &str)],
    policy: NoFilterPolicy,
    block: usize,
    settings: &Settings,
) -> Answer {
    let options = Options {
        outputs: JSON | CALLS | CALL_PCAP,
        protocol: Protocol::Voip,
        batch_packets: 64,
        ..Options::default()
    };
    let mut engine = Engine::with_settings(options, settings);
    let mut set = FilterSet::new(policy);
    for (number, (filter_type, pattern)) in filters.iter().enumerate() {
        set.add(*filter_type as u32, &format!("f{number}"), pattern).unwrap();
    }
    set.build().unwrap();
    engine.set_filters(set);
    let input = engine.open_input("a capture", "");
    let (mut json, mut calls, mut call_pcap) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |engine: &mut Engine| {
        json.extend_from_slice(engine.output(JSON));
        calls.extend_from_slice(engine.output(CALLS));
        call_pcap.extend_from_slice(engine.output(CALL_PCAP));
        engine.clear_outputs();
    };
    let (mut start, mut end) = (0, block.min(scene.capture.len()));
    loop {
        let progress = engine.process(input, &scene.capture[start..end], end == scene.capture.len());
        take(&mut engine);
        if !progress.wants_more {
            break;
        }
        start += progress.consumed;
        end = (end + block).min(scene.capture.len());
    }
    engine.finish();
    take(&mut engine);
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
    let answer = Answer { lines: lines(json), calls: lines(calls), call_pcap, engine };
    let counters = answer.engine.counters();
    assert_accounted(&counters);
    assert_eq!(counters.kept as usize, answer.lines.len());
    answer
}

fn assert_accounted(counters: &Counters) {
    assert_eq!(
        counters.packets + counters.stream_messages,
        counters.kept
            + counters.rejected_by_mode
            + counters.rejected_by_filters
            + counters.rejected_fragments
            + counters.call_buffer_full
            + counters.stream_segments
            + counters.fragments_merged
            - counters.datagrams_rebuilt,
        "every packet is accounted for"
    );
}

const ALICE: (u8, u16) = (1, 5060);
const BOB: (u8, u16) = (2, 5060);

/// A call with media both ways, and its end.
fn basic_call(scene: &mut Scene, call: &str, ports: (u16, u16)) {
    scene
        .udp(ALICE, BOB, &request("INVITE", call, "", &sdp(1, ports.0)))
        .udp(BOB, ALICE, &response("180 Ringing", "INVITE", call, ""))
        .udp(BOB, ALICE, &response("200 OK", "INVITE", call, &sdp(2, ports.1)))
        .udp(ALICE, BOB, &request("ACK", call, "", ""));
    for sequence in 0..3 {
        scene.rtp((1, ports.0), (2, ports.1), sequence).rtp((2, ports.1), (1, ports.0), sequence);
    }
    scene.udp(ALICE, BOB, &request("BYE", call, "", "")).udp(
        BOB,
        ALICE,
        &response("200 OK", "BYE", call, ""),
    );
}

const WHOLE_CALL: &[&str] =
    &["INVITE", "180", "200", "ACK", "RTP 0", "RTP 0", "RTP 1", "RTP 1", "RTP 2", "RTP 2", "BYE", "200"];

#[test]
fn a_call_goes_out_whole_or_not_at_all() {
    let mut scene = Scene::new();
    basic_call(&mut scene, "one", (40_000, 10_000));
    for block in [97, 1 << 20] {
        let all = run(&scene, &[], NoFilterPolicy::Allow, block);
        assert_eq!(all.shown(), WHOLE_CALL);
        assert_eq!(all.calls.len(), 1);
        assert!(all.lines.iter().all(|line| line.contains("\"call_id\":\"one\"")));
        assert!(!all.call_pcap.is_empty());
        for pattern in ["alice", "bob"] {
            let by_user = run(&scene, &[(FilterType::SipUser, pattern)], NoFilterPolicy::Deny, block);
            assert_eq!(by_user.shown(), WHOLE_CALL);
            assert!(by_user.lines.iter().all(|line| line.contains("\"matched_filter_ids\":[\"f0\"]")));
            assert!(by_user.calls[0].contains("\"f0\""));
        }
        for other in [
            run(&scene, &[(FilterType::SipUser, "carol")], NoFilterPolicy::Deny, block),
            run(&scene, &[], NoFilterPolicy::Deny, block),
        ] {
            assert_eq!(other.shown(), [""; 0]);
            assert_eq!(other.calls.len(), 0);
            assert!(other.call_pcap.is_empty());
            assert_eq!(other.engine.counters().calls_unmatched, 1);
        }
    }
}

#[test]
fn what_came_before_the_match_goes_out_in_the_order_of_time() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    scene.udp(BOB, ALICE, &response("183 Session Progress", "INVITE", "one", &sdp(2, 10_000)));
    scene.rtp((2, 10_000), (1, 40_000), 1).wait(40 * SECOND);
    let asserted = request("UPDATE", "one", "P-Asserted-Identity: <tel:+4930123>\r\n", "");
    scene.udp(BOB, ALICE, &asserted).rtp((1, 40_000), (2, 10_000), 7);
    // Other calls of the same people.
    basic_call(&mut scene, "two", (50_000, 50_002));
    let answer = run(&scene, &[(FilterType::PhoneNumber, "+4930123")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.shown(), ["INVITE", "183", "RTP 1", "UPDATE", "RTP 7"]);
    assert_eq!(answer.engine.counters().calls_unmatched, 1);
}

/// What was put together from packets in a tunnel still was in it when it has waited.
#[test]
fn what_waited_was_in_its_tunnel() {
    let mut inner = Vec::new();
    let headers = Headers {
        source: (Address::v4([10, 0, 0, 1]), 40_001),
        destination: (Address::v4([10, 0, 0, 2]), 5060),
        sequence: 1000,
        acknowledgment: 1,
    };
    let invite = request("INVITE", "one", "", "");
    let update = request("UPDATE", "one", "P-Asserted-Identity: <tel:+4930123>\r\n", "");
    let mut scene = Scene::new();
    let mut sequence = headers.sequence;
    for part in [&invite[..50], &invite[50..], &update] {
        inner.clear();
        write_segment(&Headers { sequence, ..headers }, part, None, &mut inner);
        sequence += part.len() as u32;
        let vxlan = [&[8, 0, 0, 0, 0, 0, 77, 0][..], &inner].concat();
        scene.udp((8, 50_000), (9, 4789), &vxlan);
    }
    let answer = run(&scene, &[(FilterType::PhoneNumber, "+4930123")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.shown(), ["INVITE", "UPDATE"]);
    for line in &answer.lines {
        assert!(
            line.contains("\"tunnel_id\":\"77\"") && line.contains("\"tunnel_src_ip\":\"10.0.0.8\""),
            "{line}"
        );
    }
}

#[test]
fn messages_that_make_no_call_are_judged_one_by_one() {
    let mut scene = Scene::new();
    for (number, method) in ["MESSAGE", "REGISTER", "OPTIONS", "SUBSCRIBE", "PUBLISH"].iter().enumerate() {
        let call = format!("c{number}");
        scene.udp((1, 5080), (2, 7000), &request(method, &call, "", "hello"));
        scene.udp((2, 7000), (1, 5080), &response("200 OK", method, &call, ""));
    }
    // No SIP.
    scene.udp((1, 5060), (2, 5060), b"\r\n\r\n").udp((1, 5060), (2, 5060), b"GET / HTTP/1.1\r\n\r\n");
    let answer = run(&scene, &[(FilterType::SipUser, "alice")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.lines.len(), 10);
    assert_eq!(answer.engine.counters().calls_unmatched, 0);
    let none = run(&scene, &[(FilterType::SipUser, "carol")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(none.lines.len(), 0);
}

/// The operator's own users, with and without their hosts.
#[test]
fn users_may_be_named_with_their_hosts() {
    let mut scene = Scene::new();
    basic_call(&mut scene, "one", (40_000, 10_000));
    for (user, kept) in [
        ("alice", 12),
        ("alice@x", 12),
        ("sip:alice@x", 12),
        ("sips:alice@X:5061;transport=tls", 12),
        ("*@x", 12),
        ("alice@y", 0),
        ("lice@x", 0),
    ] {
        let mut set = FilterSet::new(NoFilterPolicy::Allow);
        set.add_local_sip_user(user).unwrap();
        set.build().unwrap();
        let options = Options { outputs: JSON, protocol: Protocol::Voip, ..Options::default() };
        let mut engine = Engine::new(options);
        engine.set_filters(set);
        let input = engine.open_input("a capture", "");
        engine.process(input, &scene.capture, true);
        engine.finish();
        assert_eq!(engine.counters().kept, kept, "{user}");
    }
}

/// A message that the snapshot length has cut is read as far as its lines are whole, and told of.
#[test]
fn cut_messages_are_read_as_far_as_they_go() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    let record = scene.capture.split_off(24);
    let payload = 16 + 42;
    let at = |text: &[u8]| record.windows(text.len()).position(|window| window == text).unwrap();
    let call_id = at(b"Call-ID: one") + 12;
    for length in payload + 30..record.len() {
        let mut cut = Scene::new();
        cut.capture.extend(&record[..8]);
        cut.capture.extend((length as u32 - 16).to_le_bytes());
        cut.capture.extend(&record[12..length]);
        let mut answer = run(&cut, &[], NoFilterPolicy::Allow, 1 << 20);
        let notices = answer.engine.take_notices().join("\n");
        let counters = answer.engine.counters();
        // A Call-ID may go on behind the cut as long as its line does.
        if length < call_id + 2 {
            assert_eq!((counters.kept, counters.sip_refused), (0, 1), "{length}");
            assert!(notices.contains("has cut before its Call-ID"), "{length}: {notices}");
        } else {
            assert_eq!((counters.kept, counters.sip_refused), (1, 0), "{length}");
            assert!(answer.lines[0].contains("\"call_id\":\"one\""), "{length}: {}", answer.lines[0]);
            assert!(notices.contains("it is read as far as it goes"), "{length}: {notices}");
        }
    }
}

#[test]
fn messages_over_tcp_go_out_one_by_one() {
    let invite = request("INVITE", "one", "", &sdp(1, 40_000));
    let other = request("INVITE", "two", "", "").escape_ascii().to_string().replace("alice", "carol");
    let other = other.replace("\\r\\n", "\r\n").into_bytes();
    let bye = request("BYE", "one", "", "");
    let stream = [&invite[..], &other, b"\r\n\r\n", &bye].concat();
    let answers = response("200 OK", "INVITE", "one", &sdp(2, 10_000));
    for size in [1, 50, 333, 1200, stream.len()] {
        let mut scene = Scene::new();
        let mut sequence = 1000;
        for (number, part) in stream.chunks(size).enumerate() {
            scene.tcp((1, 40_001), (2, 5062), sequence, part);
            sequence = sequence.wrapping_add(part.len() as u32);
            if number == 0 {
                // The other direction, in the middle of a message.
                scene.tcp((2, 5062), (1, 40_001), 77, &answers[..100]);
            }
        }
        scene.tcp((2, 5062), (1, 40_001), 177, &answers[100..]);
        let answer = run(&scene, &[(FilterType::SipUser, "alice")], NoFilterPolicy::Deny, 1 << 20);
        let mut shown = answer.shown();
        shown.sort();
        assert_eq!(shown, ["200", "BYE", "INVITE"], "in parts of {size} bytes");
        assert!(answer.lines.iter().all(|line| line.contains("\"transport\":\"TCP\"")));
        let line = answer.lines.iter().find(|line| line.contains("\"response_code\":200")).unwrap();
        assert!(line.contains("\"src_ip\":\"10.0.0.2\"") && line.contains("\"src_port\":5062"), "{line}");
    }
}

#[test]
fn a_change_of_filters_takes_calls_along_or_leaves_them() {
    let mut scene = Scene::new();
    basic_call(&mut scene, "one", (40_000, 10_000));
    let options =
        Options { outputs: JSON, protocol: Protocol::Voip, batch_packets: 64, ..Options::default() };
    // The capture is cut behind the ACK.
    let ack = request("ACK", "one", "", "");
    let cut = scene.capture.windows(ack.len()).position(|window| window == ack).unwrap() + ack.len();
    let set = |id: &str, filter_type: FilterType, pattern: &str| {
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        set.add(filter_type as u32, id, pattern).unwrap();
        set.build().unwrap();
        set
    };
    for (id, filter_type, pattern, kept) in [
        ("a", FilterType::SipUser, "alice", 12),
        ("b", FilterType::SipUser, "carol", 4),
        // What a filter asks for counts, not what it is called.
        ("b", FilterType::SipUser, "alice", 12),
        ("a", FilterType::SipUser, "carol", 4),
        ("a", FilterType::CallId, "alice", 4),
    ] {
        let mut engine = Engine::new(options.clone());
        engine.set_filters(set("a", FilterType::SipUser, "alice"));
        let input = engine.open_input("a capture", "");
        let done = engine.process(input, &scene.capture[..cut], false).consumed;
        engine.clear_outputs();
        engine.set_filters(set(id, filter_type, pattern));
        engine.process(input, &scene.capture[done..], true);
        engine.finish();
        assert_eq!(engine.counters().kept, kept, "{id} {pattern}");
        let lines = String::from_utf8(engine.output(JSON).to_vec()).unwrap();
        assert!(lines.lines().all(|line| line.contains(&format!("\"matched_filter_ids\":[\"{id}\"]"))));
    }
}

#[test]
fn streams_without_signalling_are_calls_of_their_own() {
    let mut scene = Scene::new();
    for sequence in 65_530..65_536u32 {
        scene.rtp((1, 4000), (2, 4002), sequence as u16);
    }
    scene.rtp((1, 4000), (2, 4002), 0);
    scene.udp((3, 4000), (4, 4002), &[0x80; 100]);
    let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
    let expected: Vec<String> = (65_530..65_536).chain([0]).map(|number| format!("RTP {number}")).collect();
    assert_eq!(answer.shown(), expected);
    assert_eq!(answer.calls.len(), 1);
    let call = &answer.calls[0];
    assert!(call.contains("\"call_id\":\"rtp-00000001\""), "{call}");
    // From its first packet on, which has waited.
    let start = "\"start_time\":\"2023-11-14T22:13:20.000000000Z\"";
    assert_eq!(call.matches(start).count(), 2, "of the call and of its stream: {call}");
    assert!(call.contains("\"duration_seconds\":0.006"), "{call}");
}

#[test]
fn a_hole_in_a_stream_costs_the_message_that_it_cuts_alone() {
    let [one, two, three] = ["BYE", "OPTIONS", "MESSAGE"].map(|method| request(method, "one", "", ""));
    for lost in 1..one.len() - 1 {
        let mut scene = Scene::new();
        // A byte is lost, and acknowledged: it will not come again.
        let (from, to) = ((1, 40_001), (2, 5060));
        scene.tcp(from, to, 1000, &one[..lost]).tcp(from, to, 1001 + lost as u32, &one[lost + 1..]);
        let next = 1000 + one.len() as u32;
        scene.tcp(from, to, next, &two).wait(10 * SECOND);
        scene.tcp(from, to, next + two.len() as u32, &three);
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        let shown = answer.shown();
        assert!(shown.ends_with(&["OPTIONS".into(), "MESSAGE".into()]), "byte {lost} is lost: {shown:?}");
    }
}

/// Messages that wait behind a hole have the times of their own segments, not that of the one which closes it.
#[test]
fn messages_behind_a_hole_keep_their_times() {
    let [one, two, three] = ["BYE", "OPTIONS", "MESSAGE"].map(|method| request(method, "one", "", ""));
    let (from, to) = ((1, 40_001), (2, 5060));
    let ends = [1000, one.len(), two.len(), three.len()].map(|length| length as u32);
    let starts = [ends[0], ends[0] + ends[1], ends[0] + ends[1] + ends[2]];
    for order in [[0, 1, 2], [0, 2, 1]] {
        let mut scene = Scene::new();
        // The stream is known to begin there.
        scene.tcp(from, to, 1000, &one[..10]).wait(SECOND);
        for number in order {
            match number {
                0 => scene.tcp(from, to, starts[1], &two[..40]).tcp(from, to, starts[1] + 40, &two[40..]),
                1 => scene.tcp(from, to, starts[2], &three),
                _ => scene.tcp(from, to, 1010, &one[10..]),
            };
            scene.wait(SECOND);
        }
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        let mut times: Vec<(String, String)> = answer.shown().into_iter().zip(times_of(&answer)).collect();
        times.sort();
        let third = if order[1] == 1 { "22.003" } else { "23.004" };
        let expected = [("BYE", "20.000"), ("MESSAGE", third), ("OPTIONS", "21.001")];
        assert_eq!(times, expected.map(|(method, time)| (method.to_owned(), time.to_owned())), "{order:?}");
    }
}

/// A copy of a segment that was read is no news of when it came, and takes no place of what is behind a hole.
#[test]
fn copies_change_no_times() {
    let [one, two] = ["BYE", "OPTIONS"].map(|method| request(method, "one", "", ""));
    let (from, to) = ((1, 40_001), (2, 5060));
    let next = 1000 + one.len() as u32;
    for copies in [1, 20] {
        let mut scene = Scene::new();
        scene.tcp(from, to, 1000, &one[..10]).wait(SECOND);
        for _ in 0..copies {
            scene.tcp(from, to, 1000, &one[..10]);
        }
        // Behind a hole, each as often.
        for _ in 0..copies {
            scene.tcp(from, to, next + 40, &two[40..]);
        }
        scene.tcp(from, to, next, &two[..40]).wait(SECOND);
        scene.tcp(from, to, 1010, &one[10..]);
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        let mut times: Vec<(String, String)> = answer.shown().into_iter().zip(times_of(&answer)).collect();
        times.sort();
        let behind = format!("21.{:03}", 1 + 2 * copies);
        assert_eq!(times, [("BYE".to_owned(), "20.000".to_owned()), ("OPTIONS".to_owned(), behind)]);
    }
}

/// Seconds and milliseconds of each packet that went out.
fn times_of(answer: &Answer) -> Vec<String> {
    let time = |line: &String| {
        let at = line.find("\"timestamp\":\"").unwrap() + 13;
        line[at + 17..at + 23].to_owned()
    };
    answer.lines.iter().map(time).collect()
}

#[test]
fn strangers_with_one_ssrc_are_calls_of_their_own() {
    let mut scene = Scene::new();
    for sequence in 0..8u16 {
        // Both have the SSRC that their host's last octet is.
        scene.rtp((1, 4000), (2, 4002), sequence);
        scene.rtp((1, 6000), (3, 6002), sequence);
    }
    let answer = run(&scene, &[(FilterType::IpAddress, "10.0.0.2")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.lines.len(), 8);
    assert!(answer.lines.iter().all(|line| line.contains("\"dst_ip\":\"10.0.0.2\"")));
    // Ever new ports of one source.
    let mut scene = Scene::new();
    for port in 0..200 {
        for sequence in 0..5 {
            scene.rtp((1, 4000 + 2 * port), (2, 4002), sequence);
        }
    }
    let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
    assert!(answer.lines.len() > 500, "{}", answer.lines.len());
}

#[test]
fn media_that_came_before_its_description_goes_out_with_the_call() {
    for (filters, policy) in
        [(&[(FilterType::SipUser, "alice")][..], NoFilterPolicy::Deny), (&[][..], NoFilterPolicy::Allow)]
    {
        let mut scene = Scene::new();
        scene.udp(ALICE, BOB, &request("INVITE", "one", "", ""));
        for sequence in 0..6 {
            scene.rtp((2, 10_000), (1, 40_000), sequence);
        }
        scene.udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &sdp(2, 10_000)));
        scene.udp(ALICE, BOB, &request("ACK", "one", "", &sdp(1, 40_000)));
        scene.rtp((2, 10_000), (1, 40_000), 6);
        let answer = run(&scene, filters, policy, 1 << 20);
        assert_eq!(answer.lines.len(), 10, "{:?}", answer.shown());
    }
}

#[test]
fn an_earlier_capture_begins_anew() {
    let mut scene = Scene::new();
    scene.wait(1000 * SECOND);
    basic_call(&mut scene, "late", (40_000, 10_000));
    scene.wait(-2000 * SECOND);
    // The same endpoints, of others.
    let early = request("INVITE", "early", "", &sdp(1, 40_000)).escape_ascii().to_string();
    let early = early.replace("alice", "carol").replace("bob", "dave").replace("\\r\\n", "\r\n");
    scene.udp(ALICE, BOB, early.as_bytes()).rtp((2, 10_000), (1, 40_000), 9);
    let answer = run(&scene, &[(FilterType::SipUser, "alice")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.shown(), WHOLE_CALL);
}

#[test]
fn the_limit_holds() {
    let mut scene = Scene::new();
    basic_call(&mut scene, "one", (40_000, 10_000));
    for limit in 1..12 {
        let options = Options { outputs: JSON, protocol: Protocol::Voip, limit, ..Options::default() };
        let mut engine = Engine::new(options);
        let input = engine.open_input("a capture", "");
        engine.process(input, &scene.capture, true);
        engine.finish();
        assert_eq!(engine.counters().kept, limit);
    }
}

#[test]
fn calls_end_without_another_packet() {
    let mut scene = Scene::new();
    basic_call(&mut scene, "one", (40_000, 10_000));
    let options = Options { outputs: CALLS, protocol: Protocol::Voip, ..Options::default() };
    let mut engine = Engine::new(options);
    let input = engine.open_input("a capture", "");
    engine.process(input, &scene.capture, false);
    engine.advance(20 * SECOND);
    assert!(engine.output(CALLS).is_empty());
    engine.advance(15 * SECOND);
    assert_eq!(engine.counters().calls_ended, 1);
    assert!(engine.output(CALLS).starts_with(b"{\"call_id\":\"one\""));
}

#[test]
fn a_shared_endpoint_gives_no_call_the_media_of_another() {
    let mut scene = Scene::new();
    // Alice's and Carol's calls have Bob's endpoint in common.
    let carols = |message: Vec<u8>| {
        String::from_utf8(message).unwrap().replace("alice", "carol").replace("tag=a", "tag=c").into_bytes()
    };
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    scene.udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &sdp(2, 10_000)));
    scene.udp((3, 5060), BOB, &carols(request("INVITE", "two", "", &sdp(3, 50_000))));
    scene.udp(BOB, (3, 5060), &carols(response("200 OK", "INVITE", "two", &sdp(2, 10_000))));
    for sequence in 0..5 {
        scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((3, 50_000), (2, 10_000), sequence);
    }
    for (user, host) in [("alice", "10.0.0.1"), ("carol", "10.0.0.3")] {
        let answer = run(&scene, &[(FilterType::SipUser, user)], NoFilterPolicy::Deny, 1 << 20);
        assert_eq!(answer.lines.len(), 7, "{user}: {:?}", answer.shown());
        assert!(answer.lines.iter().all(|line| line.contains(host)), "{user}");
    }
}

/// A call of a filtered user among many forged ones: as many as there is room for and more, at its endpoints, and with more
/// packets than can wait.
#[test]
fn forged_calls_take_nothing_from_a_matched_one() {
    let forged = |message: Vec<u8>| {
        let text = String::from_utf8(message).unwrap();
        text.replace("alice", "mallory").replace("bob", "nobody").into_bytes()
    };
    let fill = "X".repeat(40_000);
    for (calls, more) in [(20, ""), (900, ""), (200, &fill[..])] {
        let mut scene = Scene::new();
        let mut number = 0;
        let mut forge = |scene: &mut Scene, count: usize| {
            for _ in 0..count {
                number += 1;
                let call = format!("forged-{number}");
                let field = format!("X-Fill: {more}\r\n");
                scene.udp((7, 5060), (8, 5060), &forged(request("INVITE", &call, &field, &sdp(1, 40_000))));
                scene.udp(
                    (8, 5060),
                    (7, 5060),
                    &forged(response("200 OK", "INVITE", &call, &sdp(2, 10_000))),
                );
            }
        };
        forge(&mut scene, calls);
        scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
        forge(&mut scene, calls);
        scene.udp(BOB, ALICE, &response("200 OK", "INVITE", "one", &sdp(2, 10_000)));
        for sequence in 0..20 {
            scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((2, 10_000), (1, 40_000), sequence);
            // Behind an address translator.
            scene.rtp((9, 999), (1, 40_000), sequence);
            forge(&mut scene, calls / 10);
        }
        scene.udp(ALICE, BOB, &request("BYE", "one", "", ""));
        let filters = [(FilterType::SipUser, "alice")];
        let mut settings = Settings::default();
        assert!(settings.set("max_calls", "64"));
        let answer = run_with(&scene, &filters, NoFilterPolicy::Deny, 1 << 20, &settings);
        assert_eq!(answer.lines.len(), 63, "{calls} calls: {:?}", answer.shown());
        assert!(answer.lines.iter().all(|line| line.contains("\"call_id\":\"one\"")));
        let counters = answer.engine.counters();
        assert_eq!(counters.calls_ended, 1);
        assert_eq!(counters.calls_ended + counters.calls_unmatched + counters.calls_evicted, 1 + number);
        assert_eq!(counters.call_buffer_full, 0);
    }
}

/// What waits for a decision gives way to what others let wait, and is counted when its call matches after all.
#[test]
fn what_was_overwritten_while_it_waited_is_counted() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    let fill = format!("X-Fill: {}\r\n", "X".repeat(40_000));
    for number in 0..450 {
        scene.udp(ALICE, BOB, &request("INVITE", &format!("other-{number}"), &fill, ""));
    }
    scene.udp(BOB, ALICE, &response("180 Ringing", "INVITE", "one", ""));
    scene.udp(BOB, ALICE, &request("UPDATE", "one", "P-Asserted-Identity: <tel:+4930123>\r\n", ""));
    let answer = run(&scene, &[(FilterType::PhoneNumber, "+4930123")], NoFilterPolicy::Deny, 1 << 20);
    assert_eq!(answer.shown(), ["180", "UPDATE"]);
    assert_eq!(answer.engine.counters().call_buffer_full, 1);
}

/// They are unwanted at once, and not only when their next packets come: others may need their room.
#[test]
fn calls_of_a_withdrawn_filter_are_judged_again() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    let mut engine = Engine::new(Options { outputs: JSON, protocol: Protocol::Voip, ..Options::default() });
    for (user, matched) in [("alice", 1), ("dave", 0)] {
        let mut filters = FilterSet::new(NoFilterPolicy::Deny);
        filters.add(FilterType::SipUser as u32, "f", user).unwrap();
        filters.build().unwrap();
        engine.set_filters(filters);
        if matched > 0 {
            let input = engine.open_input("a capture", "");
            engine.process(input, &scene.capture, false);
        }
        let mut count = 0;
        engine
            .voip
            .as_ref()
            .unwrap()
            .calls
            .for_each(&mut |_, call| count += usize::from(call.data.is_matched));
        assert_eq!(count, matched, "{user}");
    }
}

#[test]
fn filters_that_match_later_are_told_from_then_on() {
    let mut scene = Scene::new();
    scene.udp(ALICE, BOB, &request("INVITE", "one", "", &sdp(1, 40_000)));
    scene.udp(BOB, ALICE, &request("UPDATE", "one", "P-Asserted-Identity: <tel:+4930123>\r\n", ""));
    scene.rtp((1, 40_000), (2, 10_000), 1);
    let filters = [(FilterType::SipUser, "alice"), (FilterType::PhoneNumber, "+4930123")];
    let answer = run(&scene, &filters, NoFilterPolicy::Deny, 1 << 20);
    let ids: Vec<bool> = answer.lines.iter().map(|line| line.contains("[\"f0\",\"f1\"]")).collect();
    assert_eq!(ids, [false, true, true]);
}

#[test]
fn tcp_is_left_out_where_only_udp_is_asked_for() {
    let mut scene = Scene::new();
    scene.tcp((1, 40_001), (2, 5060), 1, &request("OPTIONS", "one", "", ""));
    scene.udp(ALICE, BOB, &request("OPTIONS", "two", "", ""));
    let options = Options { outputs: JSON, protocol: Protocol::Voip, udp_only: true, ..Options::default() };
    let mut engine = Engine::new(options);
    let input = engine.open_input("a capture", "");
    engine.process(input, &scene.capture, true);
    engine.finish();
    assert_eq!((engine.counters().kept, engine.counters().rejected_by_mode), (1, 1));
}

/// What a hunter of that name sends of a call that begins so many seconds later.
fn batch_of(hunter: &[u8], seconds: i64) -> Vec<u8> {
    let mut scene = Scene::new();
    basic_call(scene.wait(seconds * SECOND), "one", (40_000, 10_000));
    batch_of_scene(hunter, &scene)
}

/// What a hunter of that name sends of what it sees.
fn batch_of_scene(hunter: &[u8], scene: &Scene) -> Vec<u8> {
    let options = Options {
        outputs: WIRE,
        protocol: Protocol::Voip,
        batch_packets: 64,
        batch_bytes: 1 << 20,
        ..Options::default()
    };
    let mut engine = Engine::new(options);
    let input = engine.open_input("a capture", "");
    engine.process(input, &scene.capture, true);
    let mut batch = Vec::new();
    put_bytes(&mut batch, 1, hunter);
    batch.extend_from_slice(engine.output(WIRE));
    batch
}

#[test]
fn a_processor_follows_the_calls_of_each_hunter_by_its_own_clock() {
    let mut engine = Engine::new(Options { outputs: CALLS, ..Options::default() });
    for (hunter, seconds) in [(&b"a"[..], 0), (b"b", 7200), (b"c", -7200)] {
        assert!(engine.process_batch(&batch_of(hunter, seconds)));
        assert_eq!(engine.batch.packets, WHOLE_CALL.len() as u64);
    }
    assert!(engine.output(CALLS).is_empty(), "the call of one hunter says nothing of another's time");
    engine.advance(35 * SECOND);
    let lines = String::from_utf8(engine.output(CALLS).to_vec()).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("\"rtp_packets\":6")).count(), 3, "{lines}");
    engine.clear_outputs();
    engine.finish();
    assert!(engine.output(CALLS).is_empty(), "each call is told once");
}

#[test]
fn damaged_captures_are_accounted_for() {
    let mut scene = Scene::new();
    for sequence in 0..10 {
        scene.rtp((1, 40_000), (2, 10_000), sequence).rtp((2, 10_000), (1, 40_000), sequence);
    }
    basic_call(&mut scene, "one", (40_000, 10_000));
    scene.tcp((3, 40_001), (2, 5060), 1, &request("INVITE", "two", "", &sdp(3, 40_000)));
    scene.tcp((2, 5060), (3, 40_001), 1, &response("200 OK", "INVITE", "two", &sdp(2, 10_000)));
    for sequence in 20..40 {
        scene.rtp((3, 40_000), (2, 10_000), sequence).rtp((7, 4_000), (8, 4_002), sequence);
    }
    assert_damaged_are_accounted_for(&scene.capture, 400);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    match std::fs::read(folder.join("sip-rtp-t38-fax.pcap")) {
        Ok(capture) => assert_damaged_are_accounted_for(&capture, 200),
        Err(_) => eprintln!("skipped: {} is absent", folder.display()),
    }
}

fn assert_damaged_are_accounted_for(whole: &[u8], rounds: usize) {
    let mut state = 1u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize % limit
    };
    for round in 0..rounds {
        let mut capture = whole.to_vec();
        for _ in 0..1 << below(12) {
            let at = 24 + below(capture.len() - 24);
            capture[at] ^= 1 << below(8);
        }
        let damaged = Scene { capture, now_ns: 0 };
        let users = [(FilterType::SipUser, "alice")];
        let filters = if round % 2 == 0 { &users[..] } else { &[] };
        let policy = if round % 3 == 0 { NoFilterPolicy::Allow } else { NoFilterPolicy::Deny };
        run(&damaged, filters, policy, 1 << 20);
    }
}

#[test]
fn a_party_that_is_named_later_is_judged() {
    let scene = |later: &str| {
        let mut scene = Scene::new();
        scene
            .udp((1, 5060), (2, 5060), &request("INVITE", "c", "", ""))
            .udp((2, 5060), (1, 5060), &response("180 Ringing", "INVITE", "c", ""))
            .udp((2, 5060), (1, 5060), later.as_bytes());
        scene
    };
    let ok = String::from_utf8(response("200 OK", "INVITE", "c", "")).unwrap();
    let ack = String::from_utf8(request("ACK", "c", "", "")).unwrap();
    let carol = (FilterType::SipUser, "carol");
    for (later, filter, is_matched) in [
        (ok.clone(), carol, false),
        (ok.replace("Call-ID", "P-Asserted-Identity: <sip:carol@x>\r\nCall-ID"), carol, true),
        (ok.replace("To: <sip:bob@x>;tag=b", "To: <sip:carol@x>;tag=b"), carol, true),
        (ok.replace("To: <sip:bob@x>;tag=b", "To: <sip:bob@x>;tag=b, <sip:carol@x>"), carol, true),
        (ok.replace("Call-ID", "To: <sip:carol@x>\r\nCall-ID"), carol, true),
        (ack.replace("ACK sip:bob@x", "ACK sip:carol@x"), carol, true),
        (ack.replace("ACK sip:bob@x", "ACK sip:x"), (FilterType::SipUri, "carol@*"), false),
        (ack.replace("ACK sip:bob@x", "ACK tel:carol"), carol, true),
    ] {
        let answer = run(&scene(&later), &[filter], NoFilterPolicy::Deny, 1 << 20);
        assert_eq!(answer.lines.len(), if is_matched { 3 } else { 0 }, "{later}");
    }
}

//! SIP over TCP where a capture has not all of a stream: it begins in the middle, or its segments are cut.

use super::*;

const CLIENT: (u8, u16) = (1, 40_001);
const SERVER: (u8, u16) = (2, 5062);
/// Ethernet, IPv4 and TCP.
const HEADERS: usize = 54;

/// Octets that look random, the same in every run; no line ends are among them.
fn binary(length: usize) -> Vec<u8> {
    let mut state = 7u32;
    let mut octet = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| octet()).map(|octet| if octet == b'\n' { 0 } else { octet }).collect()
}

/// Segments of a direction, one behind the other from 1000 on; the number of the byte behind them.
fn put_segments(scene: &mut Scene, is_answer: bool, segments: &[&[u8]]) -> u32 {
    let (from, to) = if is_answer { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
    segments.iter().fold(1000, |sequence, segment| {
        scene.tcp(from, to, sequence, segment);
        sequence + segment.len() as u32
    })
}

/// Whatever a stream was when the capture began, it is read from the first segment on that begins with a start line.
#[test]
fn streams_are_picked_up_where_a_segment_begins_with_a_message() {
    let tls = &[&[0x17, 3, 3, 1, 0][..], &[0x55; 256]].concat()[..];
    let body = &binary(1400)[..];
    let long = vec![body; 60];
    let lines = b"a=candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host\r\n".repeat(24);
    for (name, before) in [
        ("nothing", vec![]),
        ("a keep-alive probe", vec![&b"\0"[..]]),
        ("a probe with a letter", vec![b"x"]),
        ("a probe with a line end", vec![b"\n"]),
        ("a probe that is like a TLS record", vec![&[0x16]]),
        ("two line ends", vec![b"\r\n\r\n"]),
        ("a TLS record", vec![tls]),
        ("the rest of a binary body", vec![body]),
        ("the rest of a long binary body", long),
        ("many lines", vec![&lines; 60]),
        ("the rest of a head", vec![b"tent-Type: application/sdp\r\nContent-Length: 5\r\n\r\n", b"v=0\r\n"]),
        ("the rest of a description", vec![b"=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"]),
        ("the rest of a document", vec![b"tuple>\r\n</presence>"]),
        ("the rest of a text", vec![b"hello"]),
        ("the rest of a longer text", vec![b"hello world"]),
        ("a PROXY header", vec![b"PROXY TCP4 192.0.2.1 192.0.2.2 40001 5062\r\n"]),
    ] {
        for is_answer in [false, true] {
            let message = match is_answer {
                false => request("INVITE", "one", "", &sdp(1, 40_000)),
                true => response("200 OK", "INVITE", "one", &sdp(2, 10_000)),
            };
            let (from, to) = if is_answer { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
            let options = request("OPTIONS", "two", "", "");
            let mut scene = Scene::new();
            let next = put_segments(&mut scene, is_answer, &before);
            let (head, rest) = message.split_at(100);
            scene.tcp(from, to, next, head);
            // A probe in the middle, and after it.
            scene.tcp(from, to, next + 99, b"\0").tcp(from, to, next + 100, rest);
            let next = next + message.len() as u32;
            scene.tcp(from, to, next - 1, b"\0").tcp(from, to, next, b"\r\n\r\n");
            scene.tcp(from, to, next + 4, &options).tcp(from, to, next + 4 + options.len() as u32 - 1, b"\0");
            let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
            let first = if is_answer { "200" } else { "INVITE" };
            assert_eq!(answer.shown(), [first, "OPTIONS"], "{name}, answer: {is_answer}");
            assert_eq!(answer.engine.counters().sip_refused, 0, "{name}");
        }
    }
}

/// What is in front of a message in one segment: the headers of proxies. Not the rest of something binary, or a frame's head:
/// captured packets that are sent elsewhere hold messages of others.
#[test]
fn other_framings_are_accounted_for() {
    let message = request("INVITE", "one", "", &sdp(1, 40_000));
    let proxied = [b"PROXY TCP4 192.0.2.1 192.0.2.2 40001 5062\r\n", &message[..]].concat();
    let header =
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], b"\xc0\0\x02\x01\xc0\0\x02\x02\n\x9c\x13\xc4"].concat();
    let proxied_2 = [&header, &message[..]].concat();
    let behind_binary = [&binary(300)[..], &message].concat();
    let framed = [&[0x82, 126, 1, 44][..], &message].concat();
    for (segment, expected) in [(proxied, 1), (proxied_2, 1), (framed, 0), (behind_binary, 0)] {
        let mut scene = Scene::new();
        put_segments(&mut scene, false, &[&segment, &segment]);
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert_eq!(answer.lines.len(), 2 * expected);
        assert_eq!(answer.engine.counters().stream_segments, 2);
    }
}

/// Of a stream that is not SIP, 64 KiB are looked at, and nothing is held.
#[test]
fn what_a_binary_stream_costs_is_bounded() {
    let body = binary(1400);
    let mut scene = Scene::new();
    let next = put_segments(&mut scene, false, &vec![&body[..]; 500]);
    scene.tcp(CLIENT, SERVER, next, &request("OPTIONS", "one", "", ""));
    let next = next + request("OPTIONS", "one", "", "").len() as u32;
    for number in 0..500 {
        scene.tcp(CLIENT, SERVER, next + number * 1400, &body);
    }
    let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
    let counters = answer.engine.counters();
    assert_eq!((answer.shown(), counters.packets), (vec!["OPTIONS".to_owned()], 1001));
    let looked_at = 2 * (1 + (64 << 10) / 1400);
    assert!((1..=looked_at).contains(&counters.stream_segments), "{}", counters.stream_segments);
    assert_eq!(counters.reassembly_discarded_bytes, 0);
}

/// What comes late in front of the beginning of a message that waits does not shift what was read of it.
#[test]
fn bytes_in_front_of_a_pickup() {
    let message = request("OPTIONS", "one", "", "");
    let stream = [&message[..], &message].concat();
    for from in [1, 30, message.len() - 3] {
        let mut scene = Scene::new();
        let at = |number: usize| 1000 + number as u32;
        let middle = message.len() + 90;
        scene.tcp(CLIENT, SERVER, at(message.len()), &stream[message.len()..middle]);
        scene.tcp(CLIENT, SERVER, at(from), &stream[from..message.len()]);
        scene.tcp(CLIENT, SERVER, at(middle), &stream[middle..]);
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert!(answer.shown().ends_with(&["OPTIONS".to_owned()]), "{from}: {:?}", answer.shown());
    }
}

/// A message of several segments that the snapshot length has cut is read as far as it goes, once, and what follows it too.
#[test]
fn cut_segments_cost_no_message_that_follows() {
    let attributes = "a=candidate:1 1 UDP 2130706431 192.0.2.1 40000 typ host\r\n".repeat(30);
    let invite = request("INVITE", "one", "", &(sdp(1, 40_000) + &attributes));
    let options = request("OPTIONS", "two", "", "");
    let at = |text: &[u8]| invite.windows(text.len()).position(|window| window == text).unwrap();
    let call_id = at(b"Call-ID: one\r\n") + 14;
    for segment_length in [200, 600, 1400] {
        for captured in
            (call_id - 30..=segment_length).step_by(7).filter(|captured| *captured != segment_length)
        {
            let mut scene = Scene::new();
            let mut sequence = 1000;
            let segments =
                invite.chunks(segment_length).chain([&options[..]]).chain(invite.chunks(segment_length));
            for segment in segments {
                scene.cut_tcp(CLIENT, SERVER, sequence, segment, HEADERS + captured);
                // Again: a retransmission is no other message.
                scene.cut_tcp(CLIENT, SERVER, sequence, segment, HEADERS + captured);
                sequence += segment.len() as u32;
            }
            let mut answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
            let of_segments = format!("{captured} of {segment_length} bytes");
            let notices = answer.engine.take_notices().join("\n");
            let shown = answer.shown();
            if captured < call_id {
                assert!(notices.contains("has cut before its Call-ID"), "{of_segments}: {notices}");
                continue;
            }
            assert_eq!(shown, ["INVITE", "OPTIONS", "INVITE"], "{of_segments}");
            assert!(notices.contains("it is read as far as it goes"), "{of_segments}: {notices}");
        }
    }
}

/// Of a cut message that began in an earlier segment a packet is made, which says how long it would be.
#[test]
fn a_cut_message_has_the_length_that_it_announces() {
    let body = "x".repeat(1000);
    let message = request("MESSAGE", "one", "", &body);
    let mut scene = Scene::new();
    let next = 1000 + 150;
    scene.tcp(CLIENT, SERVER, 1000, &message[..150]);
    scene.cut_tcp(CLIENT, SERVER, next, &message[150..], HEADERS + 400);
    let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
    assert_eq!(answer.shown(), ["MESSAGE"]);
    let lengths = [
        format!("\"capture_length\":{}", HEADERS + 550),
        format!("\"original_length\":{}", HEADERS + message.len()),
    ];
    assert!(lengths.iter().all(|length| answer.lines[0].contains(length)), "{}", answer.lines[0]);
}

/// What no frame can hold is shortened, and told.
#[test]
fn messages_longer_than_a_frame_are_counted() {
    for (length, expected) in [(59_000, 0), (61_000, 1)] {
        let message = request("MESSAGE", "one", "", &"x".repeat(length));
        let parts: Vec<&[u8]> = message.chunks(1400).collect();
        let mut scene = Scene::new();
        put_segments(&mut scene, false, &parts.repeat(2));
        let mut answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert_eq!(answer.shown(), ["MESSAGE", "MESSAGE"]);
        assert_eq!(answer.engine.counters().sip_shortened, 2 * expected);
        let notices = answer.engine.take_notices();
        let told = notices.iter().filter(|notice| notice.contains("more than 60000 bytes")).count();
        assert_eq!(told as u64, expected, "{notices:?}");
    }
}

const SYN: u8 = 2;
const FIN: u8 = 0x11;
const RST: u8 = 4;

/// A segment without data and with these flags.
fn put_control(scene: &mut Scene, is_answer: bool, sequence: u32, flags: u8) {
    let (from, to) = if is_answer { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
    let headers = Headers {
        source: (Address::v4([10, 0, 0, from.0]), from.1),
        destination: (Address::v4([10, 0, 0, to.0]), to.1),
        sequence,
        acknowledgment: 1,
    };
    let mut frame = Vec::new();
    write_segment(&headers, b"", None, &mut frame);
    frame[47] = flags;
    scene.frame(&frame);
}

/// Messages that other protocols carry as text are none.
#[test]
fn what_other_protocols_quote_is_no_message() {
    let invite = request("INVITE", "one", "", &sdp(1, 40_000));
    let page = [&b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"[..], &invite].concat();
    let upgrade = &b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"[..];
    for (name, with_syn, is_message, first) in [
        ("a page", true, false, &page[..]),
        ("a page, seen from the middle", false, false, &page),
        ("an upgrade, seen from the middle", false, false, upgrade),
        ("a mail server", true, false, b"220 mail.example ESMTP\r\n"),
        ("a mail, seen from the middle", false, false, b"mail from:<alice@x>\r\n"),
        ("captured packets", false, false, b"HEP3\x01\x02\x03\x04 and more\r\n"),
        ("something binary", true, false, b"\x01\x02\x03\x04\x05\x06"),
        ("other text", true, false, b"hello world, this is a text\r\n"),
        ("other text, from the middle", false, true, b"hello world, this is a text\r\n"),
        ("a keep-alive", true, true, b"\0"),
        ("line ends", true, true, b"\r\n\r\n"),
        ("SOCKS 5", true, true, b"\x05\x03\x00\x01\x02"),
        ("SOCKS 4", true, true, b"\x04\x01\x13\xc4\x0a\0\0\x02x\0"),
        ("a tunnel", true, true, b"CONNECT x:5060 HTTP/1.1\r\n\r\n"),
        ("a tunnel's other end", true, true, b"HTTP/1.1 200 Connection established\r\n\r\n"),
        ("a proxy", true, true, b"PROXY TCP4 192.0.2.1 192.0.2.2 40001 5062\r\n"),
        ("a proxy in front of a page", true, false, b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"),
        ("another version", true, true, b"OPTIONS sip:x SIP/3.0\r\n\r\n"),
    ] {
        let mut scene = Scene::new();
        if with_syn {
            put_control(&mut scene, false, 999, SYN);
        }
        put_segments(&mut scene, false, &[first, &invite, &invite]);
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert_eq!(answer.lines.len(), if is_message { 2 } else { 0 }, "{name}: {:?}", answer.shown());
        assert_eq!(answer.engine.counters().sip_refused, 0, "{name}");
    }
}

/// What one side says first is no proof that a connection is not SIP's: the other side may answer it as a SIP server does.
#[test]
fn strange_beginnings_hide_no_messages() {
    let (client, server) = (false, true);
    let invite = &request("INVITE", "one", "", &sdp(1, 40_000))[..];
    let ok = &response("200 OK", "INVITE", "one", "")[..];
    let refusal = &response("414 Request-URI Too Long", "OPTIONS", "zero", "")[..];
    let long = [b"OPTIONS sip:", &[b'a'; 5000][..], b"@x SIP/2.0\r\nContent-Length: 0\r\n\r\n"].concat();
    let without_version = &b"INVITE sip:x\r\nContent-Length: 0\r\n\r\n"[..];
    let text = &b"hello world\r\nContent-Length: 0\r\n\r\n"[..];
    let connect = &b"CONNECT x:5060 HTTP/1.1\r\nHost: x\r\n\r\n"[..];
    for (name, segments, expected) in [
        ("a long URI", vec![(client, &long[..]), (server, refusal)], 3),
        ("in several segments", vec![(client, &long[..1400]), (client, &long[1400..]), (server, refusal)], 3),
        ("no version", vec![(client, without_version), (server, refusal)], 3),
        ("zeros", vec![(client, &[0; 8]), (server, b"\r\n")], 2),
        ("text, answered", vec![(client, text), (server, refusal)], 3),
        (
            "text behind keep-alives",
            vec![(client, b"\r\n\r\n"), (server, b"\r\n"), (client, text), (server, refusal)],
            3,
        ),
        ("text, and then a keep-alive", vec![(client, text), (server, b"\r\n"), (server, refusal)], 3),
        // The answer tells what it is, so that the request is lost.
        ("text, not answered", vec![(client, text)], 1),
        ("text, answered by text", vec![(client, text), (server, text)], 0),
        ("text both ways, then an answer", vec![(server, text), (client, text), (server, refusal)], 0),
        ("a page", vec![(client, b"GET / HTTP/1.1\r\n\r\n"), (server, refusal)], 0),
        ("a tunnel", vec![(client, connect), (server, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n")], 2),
    ] {
        let mut scene = Scene::new();
        put_control(&mut scene, client, 999, SYN);
        put_control(&mut scene, server, 999, SYN | 0x10);
        let mut next = [1000, 1000];
        for (is_answer, segment) in segments.into_iter().chain([(client, invite), (server, ok)]) {
            let (from, to) = if is_answer { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
            let sequence = &mut next[usize::from(is_answer)];
            scene.tcp(from, to, *sequence, segment);
            *sequence += segment.len() as u32;
        }
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert_eq!(answer.lines.len(), expected, "{name}: {:?}", answer.shown());
    }
}

/// A tunnel through HTTP stays one where the snapshot length has cut what asks for it.
#[test]
fn tunnels_are_known_where_segments_are_cut() {
    let connect = [&b"CONNECT x:5060 HTTP/1.1\r\nHost: x\r\nX: "[..], &[b'y'; 300], b"\r\n\r\n"].concat();
    let (agreed, invite) = (&b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"[..], &request("INVITE", "one", "", "")[..]);
    let mut scene = Scene::new();
    put_control(&mut scene, false, 999, SYN);
    put_control(&mut scene, true, 999, SYN | 0x10);
    scene.cut_tcp(CLIENT, SERVER, 1000, &connect, 200).tcp(SERVER, CLIENT, 1000, agreed);
    scene.tcp(CLIENT, SERVER, 1000 + connect.len() as u32, invite);
    assert_eq!(run(&scene, &[], NoFilterPolicy::Allow, 1 << 20).shown(), ["INVITE"]);
}

/// An end that is not true makes no copy of a message before it a new one.
#[test]
fn copies_from_before_an_end_are_none() {
    let (message, options) = (request("MESSAGE", "one", "", "hello"), request("OPTIONS", "two", "", ""));
    for with_syn in [true, false] {
        let mut scene = Scene::new();
        if with_syn {
            put_control(&mut scene, false, 999, SYN);
        }
        let end = put_segments(&mut scene, false, &[&message]);
        put_control(&mut scene, false, end, RST);
        scene.tcp(CLIENT, SERVER, end, &options[..100]).tcp(CLIENT, SERVER, 1000, &message);
        scene.tcp(CLIENT, SERVER, end + 100, &options[100..]);
        assert_eq!(run(&scene, &[], NoFilterPolicy::Allow, 1 << 20).shown(), ["MESSAGE", "OPTIONS"]);
    }
}

/// After the end of a connection the next one is read from a segment on that begins with a message, without its SYN.
#[test]
fn connections_go_on_after_their_end() {
    let message = request("MESSAGE", "one", "", "hello");
    let length = message.len() as u32;
    // What is added to the number behind the first message for the RST or FIN, and for what follows.
    for (name, flags, to_end, to_next, expected) in [
        ("RST, far ahead", RST, 0, 500_000_000, 4),
        ("RST, far behind", RST, 0, 3_000_000_000, 4),
        ("RST that is not true", RST, 0, 0, 4),
        ("RST in the window", RST, 64_000, 0, 4),
        ("FIN", FIN, 0, 500_000_000, 4),
        ("FIN, next number", FIN, 0, 1, 4),
        ("FIN, again the same", FIN, 0, 0u32.wrapping_sub(length), 3),
    ] {
        let mut scene = Scene::new();
        put_control(&mut scene, false, 999, SYN);
        let end = put_segments(&mut scene, false, &[&message]);
        put_control(&mut scene, false, end + to_end, flags);
        if flags == FIN {
            put_control(&mut scene, true, 1000, FIN);
        }
        let mut next = end.wrapping_add(to_next);
        for _ in 0..3 {
            scene.tcp(CLIENT, SERVER, next, &message);
            next = next.wrapping_add(length);
        }
        let answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
        assert_eq!(answer.lines.len(), expected, "{name}");
        assert_eq!(answer.engine.counters().reassembly_discarded_bytes, 0, "{name}");
    }
}

/// In a stream without its beginning, messages are found behind bodies without a line end, wherever segments end.
#[test]
fn messages_behind_bodies_without_line_ends() {
    let notify = request("NOTIFY", "one", "", "<presence>\r\n<note>text</note>\r\n</presence>");
    let ok = response("200 OK", "NOTIFY", "one", "hello world");
    let stream = [&notify[..], &ok, &notify, &ok, &notify].concat();
    for from in [12, 50, notify.len() - 1, notify.len() - 10, notify.len() + 20] {
        let expected = if from < notify.len() { 4 } else { 3 };
        for length in [1000, 333, 127, 61] {
            let mut scene = Scene::new();
            let segments: Vec<&[u8]> = stream[from..].chunks(length).collect();
            put_segments(&mut scene, false, &segments);
            let found = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20).lines.len();
            // The first octets of a start line may be at the end of a segment.
            assert!((expected - 1..=expected).contains(&found), "{found} from {from}, {length} bytes");
            assert!(length < 1000 || found == expected, "{found} from {from}");
        }
    }
}

/// A head that is too long is counted and told, and what follows is read.
#[test]
fn heads_that_are_too_long_are_counted() {
    let long =
        request("OPTIONS", "one", &"X-Field: a value of some length, again and again\r\n".repeat(5000), "");
    let options = request("OPTIONS", "two", "", "");
    let mut segments: Vec<&[u8]> = long.chunks(1400).collect();
    segments.extend([&options[..], &options]);
    let mut scene = Scene::new();
    put_control(&mut scene, false, 999, SYN);
    put_segments(&mut scene, false, &segments);
    let mut answer = run(&scene, &[], NoFilterPolicy::Allow, 1 << 20);
    assert_eq!(answer.shown(), ["OPTIONS", "OPTIONS"]);
    assert_eq!(answer.engine.counters().sip_refused, 1);
    assert!(answer.engine.take_notices().join("\n").contains("too long to be read"));
}

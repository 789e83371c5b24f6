use super::*;
use crate::flow::key::Direction;
use crate::net::IpHeader;

const SECOND: i64 = 1_000_000_000;

/// What was announced for a packet to `destination`, and its Call-ID.
fn found(
    index: &mut MediaIndex,
    destination: &str,
    port: u16,
    now_ns: i64,
) -> Option<(MediaKind, Option<String>)> {
    let destination = Address::from_text(destination.as_bytes()).unwrap();
    let ip = IpHeader { source: Address::v4([9; 4]), destination, version: 4, protocol: 17, hop_limit: 64 };
    let payload = Payload {
        bytes: &[0],
        length: 1,
        carrier: Carrier::Udp,
        source_port: 9,
        destination_port: port,
        ip: Some(&ip),
        direction: Direction::Forward,
        at_start: true,
        timestamp_ns: now_ns,
        described: true,
    };
    let text = |id: &[u8]| String::from_utf8_lossy(id).into_owned();
    let seen = index.find_call(&payload).map(|(kind, call)| (kind, call.map(text)));
    assert_eq!(index.find(&payload), seen.as_ref().map(|(kind, _)| *kind));
    seen
}

fn index(sdp: &str) -> MediaIndex {
    let mut index = MediaIndex::default();
    index.announce_sdp(sdp.as_bytes(), b"call", 0);
    index
}

#[test]
fn session_descriptions() {
    use MediaKind::{Rtcp, Rtp, Udptl};
    type Endpoints<'a> = &'a [(&'a str, u16, Option<MediaKind>)];
    let rows: [(&str, Endpoints); 13] = [
        (
            "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 6000 RTP/AVP 0\r\n",
            &[("10.0.0.1", 6000, Some(Rtp)), ("10.0.0.1", 6001, Some(Rtcp)), ("10.0.0.1", 6002, None)],
        ),
        // The connection of a media description counts for it alone.
        (
            "c=IN IP4 10.0.0.1\nm=audio 6000 RTP/SAVP 0\nc=IN IP4 10.0.0.2\nm=video 7000 UDP/TLS/RTP/SAVPF 96\n",
            &[("10.0.0.2", 6000, Some(Rtp)), ("10.0.0.1", 6000, None), ("10.0.0.1", 7000, Some(Rtp))],
        ),
        ("m=audio 6000 RTP/AVP 0\nc=IN IP6 2001:db8::1", &[("2001:db8::1", 6000, Some(Rtp))]),
        ("c=IN IP4 224.2.1.1/127/3\nm=audio 6000 RTP/AVP 0\n", &[("224.2.1.1", 6000, Some(Rtp))]),
        (
            "c=IN IP4 10.0.0.1\nm=audio 6000/2 RTP/AVP 0\n",
            &[("10.0.0.1", 6002, Some(Rtp)), ("10.0.0.1", 6003, Some(Rtcp)), ("10.0.0.1", 6004, None)],
        ),
        (
            "c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\na=rtcp:53020 IN IP4 10.0.0.9\n",
            &[("10.0.0.9", 53020, Some(Rtcp)), ("10.0.0.1", 6000, Some(Rtp)), ("10.0.0.1", 6001, None)],
        ),
        (
            "c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVPF 0\na=rtcp:6000\na=rtcp-mux\n",
            &[("10.0.0.1", 6000, Some(Rtp)), ("10.0.0.1", 6001, None)],
        ),
        (
            "c=IN IP4 10.0.0.1\nm=audio 0 RTP/AVP 0\nm=image 6000 udptl t38\n",
            &[("10.0.0.1", 6000, Some(Udptl)), ("10.0.0.1", 6001, None), ("10.0.0.1", 1, None)],
        ),
        ("c=IN IP4 0.0.0.0\nm=audio 6000 RTP/AVP 0\n", &[("0.0.0.0", 6000, None)]),
        ("c=IN IP4 host.example\nm=audio 6000 RTP/AVP 0\n", &[("10.0.0.1", 6000, None)]),
        (
            "c=IN IP4 10.0.0.1\nm=message 6000 TCP/MSRP *\nm=application 7000 UDP/BFCP *\n",
            &[("10.0.0.1", 6000, None), ("10.0.0.1", 7000, None)],
        ),
        (
            "c=IN IP4 10.0.0.1\nm=audio 65535 RTP/AVP 0\nm=audio 65536 RTP/AVP 0\nm=audio 6e3 RTP/AVP 0\n",
            &[("10.0.0.1", 65535, Some(Rtp)), ("10.0.0.1", 0, None)],
        ),
        ("c=\nm=\nm=audio\nm=audio 6000\nc=IN IP4\na=\na=rtcp:\n", &[("10.0.0.1", 6000, None)]),
    ];
    for (sdp, endpoints) in rows {
        let mut index = index(sdp);
        for (address, port, expected) in endpoints {
            let found = found(&mut index, address, *port, 0).map(|(kind, _)| kind);
            assert_eq!(found, *expected, "{address} {port} of {sdp:?}");
        }
    }
}

#[test]
fn endpoints_live_by_use() {
    let mut index = index("c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n");
    assert!(found(&mut index, "10.0.0.1", 6000, LIFE_NS).is_some());
    assert!(found(&mut index, "10.0.0.1", 6000, 2 * LIFE_NS).is_some());
    assert!(found(&mut index, "10.0.0.1", 6001, 2 * LIFE_NS).is_none());
    assert!(found(&mut index, "10.0.0.1", 6000, 3 * LIFE_NS + SECOND).is_none());
    // A clock that goes back does not kill.
    let mut index = self::index("c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n");
    assert!(found(&mut index, "10.0.0.1", 6000, i64::MIN).is_some());
}

#[test]
fn a_bye_ends_a_call_unless_it_goes_on() {
    let sdp = b"c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n";
    let mut index = MediaIndex::default();
    index.announce_sdp(sdp, b"one", 0);
    let one = Some((MediaKind::Rtp, Some("one".to_owned())));
    index.end_call(b"two", 0);
    index.end_call(b"one", 0);
    assert_eq!(found(&mut index, "10.0.0.1", 6000, AFTER_BYE_NS), one);
    assert_eq!(found(&mut index, "10.0.0.1", 6000, AFTER_BYE_NS + 1), None);
    index.announce_sdp(sdp, b"one", SECOND);
    assert_eq!(found(&mut index, "10.0.0.1", 6000, 100 * SECOND), one);
    // Another call takes the port over, and the end of the first does not touch it.
    index.announce_sdp(sdp, b"two", 100 * SECOND);
    index.end_call(b"one", 100 * SECOND);
    let two = Some((MediaKind::Rtp, Some("two".to_owned())));
    assert_eq!(found(&mut index, "10.0.0.1", 6000, 200 * SECOND), two);
}

#[test]
fn who_knows_no_call_leaves_the_endpoint_to_its_call() {
    let sdp = b"c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n";
    let mut index = index("c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n");
    index.announce_sdp(sdp, b"", 0);
    let call = Some((MediaKind::Rtp, Some("call".to_owned())));
    assert_eq!(found(&mut index, "10.0.0.1", 6000, 0), call);
    index.end_call(b"call", 0);
    index.announce_sdp(sdp, b"", 100 * SECOND);
    assert_eq!(found(&mut index, "10.0.0.1", 6000, 100 * SECOND), Some((MediaKind::Rtp, None)));
}

#[test]
fn looking_keeps_nothing_alive_and_running_streams_do() {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, sent};
    let invite = |media: &str| {
        let text =
            format!("INVITE sip:b@x SIP/2.0\r\nCall-ID: 1\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm={media}\r\n");
        sent(Carrier::Udp, 5060, 5060, text.as_bytes())
    };
    let audio = "audio 6000 RTP/AVP 0";
    let rtp = |low: u8| vec![0x80, 0, 1, low, 0, 0, 0, 1, 0, 0, 0, 1, 9];
    let rtcp = |_: u8| vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    let fax = |low: u8| vec![0, low, 2, 6, 5, 0, 0];
    type Make<'a> = &'a dyn Fn(u8) -> Vec<u8>;
    // The stream, the port it goes to, its sequence numbers, and whether its endpoint is known in the end.
    let rows: [(&str, u16, Make, std::ops::Range<u8>, bool); 5] = [
        (audio, 6000, &rtp, 1..130, true),
        (audio, 6000, &rtp, 1..64, false),
        (audio, 6001, &rtcp, 1..64, true),
        ("image 6000 udptl t38", 6000, &fax, 1..130, true),
        ("image 6000 udptl t38", 6000, &fax, 1..64, false),
    ];
    for (media, port, packet, numbers, expected) in rows {
        for is_quiet in [false, true] {
            let mut detector = Detector::new();
            judge(&mut detector, &mut Flow::default(), &invite(media));
            let mut flow = Flow::default();
            flow.is_quiet = is_quiet;
            for number in numbers.clone() {
                let (name, ..) =
                    judge(&mut detector, &mut flow, &sent(Carrier::Udp, 7000, port, &packet(number)));
                assert!(name.is_some());
                flow.clock += 28 * SECOND;
            }
            let now_ns = flow.clock + 40 * SECOND;
            let announced = found(&mut detector.shared.media, "10.0.0.2", port, now_ns);
            assert_eq!(announced.is_some(), expected, "{media} {port} {numbers:?} {is_quiet}");
        }
    }
}

#[test]
fn the_generation_changes_with_what_is_new() {
    let sdp = b"c=IN IP4 10.0.0.1\nm=audio 6000 RTP/AVP 0\n";
    let mut index = MediaIndex::default();
    index.announce_sdp(sdp, b"one", 0);
    let first = index.generation();
    assert_ne!(first, 0);
    index.announce_sdp(sdp, b"one", 1);
    assert_eq!(index.generation(), first);
    index.announce_sdp(sdp, b"two", 1);
    assert_ne!(index.generation(), first);
}

#[test]
fn the_index_is_bounded() {
    let mut index = MediaIndex::default();
    let announced = CAPACITY + 1000;
    for number in 0..announced as u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let id = number.to_be_bytes();
        index.announce(&Address::v4([10, a, b, c]), 6000, MediaKind::Rtp, &id, 0);
    }
    assert_eq!((index.endpoints.len(), index.calls.len()), (CAPACITY, CAPACITY));
    assert_eq!(index.evictions(), 2000);
    assert!(found(&mut index, "10.0.0.1", 6000, 0).is_none());
    assert!(found(&mut index, "10.1.134.161", 6000, 0).is_some());
}

#[test]
fn descriptions_within_bodies() {
    assert_eq!(find_sdp(b"v=0\r\n"), Some(&b"v=0\r\n"[..]));
    assert_eq!(find_sdp(b"--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x"), Some(&b"v=0\r\n--x"[..]));
    assert_eq!(find_sdp(b"text with v=0"), None);
}

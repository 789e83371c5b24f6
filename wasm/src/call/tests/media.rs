use super::*;

const ONE: Option<&str> = Some("call-1@a.example");

/// An answered call with A:4000 and B:5000.
fn answered() -> Scene {
    let mut scene = Scene::new();
    scene.steps(&["A>B INVITE 1 sdp=A:4000", "B>A 200 1 INVITE sdp=B:5000", "A>B ACK 1"]);
    scene
}

fn check(scene: &mut Scene, packets: &[(&str, &str, Option<&str>)]) {
    for (from, to, call) in packets {
        assert_eq!(scene.call_of(from, to).as_deref(), *call, "{from} to {to}");
    }
}

#[test]
fn destination_or_source() {
    let mut scene = Scene::new();
    scene.step("A>B INVITE 1 sdp=A:4000");
    check(
        &mut scene,
        &[
            ("X:9", "A:4000", ONE),
            ("A:4000", "X:9", ONE),
            ("X:9", "A:4001", ONE),
            ("X:9", "B:4000", None),
            ("X:4000", "Y:4000", None),
            ("X:9", "A:4002", None),
        ],
    );
    assert_eq!(scene.calls.figures().streams, 3);
}

#[test]
fn kinds_of_packets() {
    let mut scene = answered();
    let mut kind = |payload: &[u8]| scene.packet("A:4000", "B:5000", payload).unwrap().kind;
    assert!(matches!(kind(&rtp(1, 1, 0)), MediaKind::Rtp(header) if header.ssrc == 1));
    assert_eq!(kind(&[0x81, 200, 0, 1, 0, 0, 0, 1]), MediaKind::Rtcp);
    assert_eq!(kind(&[0x80, 0, 0, 1]), MediaKind::Other);
    assert_eq!(kind(b"\x16\xfe\xfddtls"), MediaKind::Other);
    assert_eq!(kind(b""), MediaKind::Other);
    scene.finish();
    assert_eq!(scene.reports[0]["packets"], 8);
    assert_eq!(scene.reports[0]["rtcp_packets"], 1);
}

#[test]
fn hold_and_resume() {
    let mut scene = answered();
    scene.steps(&["A>B INVITE 2 t=b sdp=0:4000", "B>A 200 2 INVITE sdp=B:5000"]);
    check(&mut scene, &[("X:9", "A:4000", ONE)]);
    scene.wait(6);
    check(&mut scene, &[("X:9", "A:4000", None), ("X:9", "B:5000", ONE)]);
    scene.steps(&["A>B INVITE 3 t=b sdp=A:4000", "B>A 200 3 INVITE sdp=B:5000"]);
    scene.wait(6);
    check(&mut scene, &[("X:9", "A:4000", ONE), ("X:9", "B:5000", ONE)]);
}

#[test]
fn what_is_offered_and_rejected() {
    let mut scene = answered();
    scene.step("A>B INVITE 2 t=b sdp=A:6000");
    check(&mut scene, &[("X:9", "A:4000", ONE), ("X:9", "A:6000", ONE)]);
    scene.step("B>A 488 2 INVITE");
    scene.wait(6);
    check(&mut scene, &[("X:9", "A:4000", ONE), ("X:9", "A:6000", None)]);
    scene.steps(&["A>B INVITE 3 t=b sdp=A:7000", "B>A 200 3 INVITE sdp=B:5000"]);
    check(&mut scene, &[("X:9", "A:4000", ONE), ("X:9", "A:7000", ONE)]);
    scene.wait(6);
    check(&mut scene, &[("X:9", "A:4000", None), ("X:9", "A:7000", ONE), ("X:9", "B:5000", ONE)]);
    scene.steps(&[
        "B>A UPDATE 1 f=b t=a sdp=B:5000,video/B:5100",
        "A>B 200 1 UPDATE f=b t=a sdp=A:7000,video/A:7100",
    ]);
    scene.wait(6);
    check(&mut scene, &[("B:5100", "A:7100", ONE), ("X:9", "B:5000", ONE)]);
    scene.steps(&[
        "B>A UPDATE 2 f=b t=a sdp=B:5000,video/B:0",
        "A>B 200 2 UPDATE f=b t=a sdp=A:7000,video/A:0",
    ]);
    scene.wait(6);
    check(&mut scene, &[("B:5100", "A:7100", None), ("X:9", "B:5000", ONE)]);
}

#[test]
fn late_offer_and_early_media() {
    let mut scene = Scene::new();
    scene.steps(&["A>B INVITE 1", "B>A 183 1 INVITE sdp=B:5000"]);
    check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    scene.step("A>B PRACK 2 sdp=A:4000");
    check(&mut scene, &[("X:9", "A:4000", ONE)]);
    let mut scene = Scene::new();
    scene.steps(&["A>B INVITE 1", "B>A 200 1 INVITE sdp=B:5000", "A>B ACK 1 sdp=A:4000"]);
    scene.wait(6);
    check(&mut scene, &[("X:9", "A:4000", ONE), ("X:9", "B:5000", ONE)]);
}

/// A server that changes descriptions on the way is on both stretches.
#[test]
fn both_sides_of_a_relay() {
    let mut scene = Scene::new();
    scene.steps(&[
        "A>P INVITE 1 sdp=A:4000",
        "P>B INVITE 1 via=p sdp=R:6000",
        "B>P 200 1 INVITE via=p sdp=B:5000",
        "P>A 200 1 INVITE sdp=R:6002",
    ]);
    scene.wait(10);
    check(
        &mut scene,
        &[("X:9", "A:4000", ONE), ("X:9", "R:6000", ONE), ("X:9", "B:5000", ONE), ("X:9", "R:6002", ONE)],
    );
}

#[test]
fn endpoints_last_as_long_as_the_call() {
    let mut scene = answered();
    // Media alone keep it: two hours without a message.
    for _ in 0..8 {
        scene.wait(900);
        check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    }
    scene.step("A>B BYE 2");
    scene.wait(20);
    check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    scene.wait(11);
    check(&mut scene, &[("A:4000", "B:5000", None)]);
    assert_eq!(scene.reports[0]["rtp_packets"], 9);
    assert_eq!(scene.calls.figures().endpoints, 0);
    let mut scene = answered();
    scene.wait(1799);
    check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    scene.wait(1801);
    check(&mut scene, &[("A:4000", "B:5000", None)]);
    assert_eq!(scene.reports[0]["end_reason"], "idle");
}

#[test]
fn a_challenged_bye_ends_no_media() {
    let mut scene = answered();
    scene.steps(&["A>B BYE 2", "B>A 401 2 BYE"]);
    scene.wait(40);
    check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    scene.steps(&["A>B BYE 3", "B>A 200 3 BYE"]);
    scene.wait(29);
    check(&mut scene, &[("A:4000", "B:5000", ONE)]);
    scene.wait(2);
    check(&mut scene, &[("A:4000", "B:5000", None)]);
    assert_eq!(scene.reports[0]["end_time"], "2023-11-14T22:14:00.060000000Z");
}

#[test]
fn the_newest_call_that_is_not_over_has_it() {
    let mut scene = answered();
    let second = |scene: &mut Scene, step: &str| {
        scene.call_id = "call-2".to_owned();
        scene.step(step);
        scene.call_id = "call-1@a.example".to_owned();
    };
    second(&mut scene, "C>B INVITE 1 sdp=C:4000");
    second(&mut scene, "B>C 200 1 INVITE sdp=B:5000");
    assert_eq!(scene.calls.figures().shared_endpoints, 2, "RTP and RTCP");
    // Whoever has the other end too comes first.
    check(
        &mut scene,
        &[("X:9", "B:5000", Some("call-2")), ("A:4000", "B:5000", ONE), ("C:4000", "B:5000", Some("call-2"))],
    );
    check(&mut scene, &[("B:5000", "A:4000", ONE)]);
    assert!(scene.calls.figures().shared_packets >= 3);
    second(&mut scene, "C>B BYE 2");
    check(&mut scene, &[("X:9", "B:5000", ONE)]);
    scene.step("A>B BYE 2");
    // Of those that are over, the one that was over last.
    check(&mut scene, &[("X:9", "B:5000", ONE)]);
    // A port that is used again at once.
    scene.call_id = "call-3".to_owned();
    scene.step("D>B INVITE 1 sdp=A:4000");
    check(&mut scene, &[("B:5000", "A:4000", Some("call-3")), ("A:4000", "B:5000", Some("call-3"))]);
}

/// Forged calls that announce the endpoints of a call that goes out, before it does so and after.
#[test]
fn a_call_that_goes_out_keeps_its_media() {
    let forge = |scene: &mut Scene, numbers: std::ops::Range<usize>, step: &str| {
        let own = std::mem::take(&mut scene.call_id);
        for number in numbers {
            scene.call_id = format!("forged-{number}");
            scene.step(step);
        }
        scene.call_id = own;
    };
    let packets = [
        ("A:4000", "B:5000", ONE),
        ("B:5000", "A:4000", ONE),
        ("X:9", "A:4000", ONE),
        ("A:4000", "Y:9", ONE),
    ];
    for forged in ["sdp=A:4000", "sdp=B:5000", "sdp=A:4000,B:5000", "sdp=X:9,A:4000"] {
        let mut scene = Scene::new();
        let step = format!("M>N INVITE 1 {forged}");
        forge(&mut scene, 0..40, &step);
        let key = scene.step("A>B INVITE 1 sdp=A:4000").unwrap();
        scene.calls.set_wanted(key, true);
        scene.step("B>A 200 1 INVITE sdp=B:5000");
        if !forged.contains('X') {
            check(&mut scene, &packets);
        }
        forge(&mut scene, 40..80, &step);
        // An endpoint that both announce later, in whatever order.
        forge(&mut scene, 80..120, "M>N INVITE 1 sdp=B:7000");
        scene.steps(&["A>B UPDATE 2 f=a t=b sdp=A:4000", "B>A 200 2 UPDATE sdp=B:5000,B:7000"]);
        forge(&mut scene, 120..160, "M>N INVITE 1 sdp=B:7000");
        if !forged.contains('X') {
            check(&mut scene, &packets);
        }
        check(&mut scene, &[("A:4000", "B:7000", ONE), ("X:10", "B:7000", ONE), ("B:7000", "A:4000", ONE)]);
        // What it leaves is the others'.
        scene.calls.set_wanted(key, false);
        forge(&mut scene, 160..161, "M>N INVITE 1 sdp=B:7000");
        check(&mut scene, &[("X:11", "B:7000", Some("forged-160"))]);
    }
}

/// A server with one media port for all its calls, and media before the answer, whichever of the calls go out.
#[test]
fn early_media_at_a_port_of_several_calls() {
    let two = Some("call-2");
    for wanted in [None, ONE, two] {
        for (offerer_is_first, has_media) in [(true, true), (false, true), (true, false), (false, false)] {
            let mut scene = Scene::new();
            let key = scene.step("A>B INVITE 1 sdp=A:4000").unwrap();
            scene.calls.set_wanted(key, wanted == ONE);
            scene.step("B>A 200 1 INVITE sdp=B:6000");
            let media = [("A:4000", "B:6000", ONE), ("B:6000", "A:4000", ONE)];
            check(&mut scene, if has_media { &media } else { &[] });
            scene.call_id = "call-2".to_owned();
            let key = scene.step("C>B INVITE 1 sdp=C:4100").unwrap();
            scene.calls.set_wanted(key, wanted == two);
            let early = match offerer_is_first {
                true => ("C:4100", "B:6000", two),
                false => ("B:6000", "C:4100", two),
            };
            check(&mut scene, &[early, early, ("B:6000", "A:4000", ONE)]);
            // Out of order.
            scene.step("C>B ACK 1");
            check(&mut scene, &[early, ("B:6000", "A:4000", ONE)]);
            scene.step("B>C 200 1 INVITE sdp=B:6000");
            check(&mut scene, &[early, ("C:4100", "B:6000", two), ("B:6000", "C:4100", two)]);
            check(&mut scene, &[("A:4000", "B:6000", ONE), ("B:6000", "A:4000", ONE)]);
        }
    }
}

/// Where only the source was announced, and somebody announces the destination, or both.
#[test]
fn a_stream_stays_with_the_call_that_goes_out() {
    let mut scene = Scene::new();
    let key = scene.step("A>B INVITE 1 sdp=A:4000").unwrap();
    scene.calls.set_wanted(key, true);
    check(&mut scene, &[("A:4000", "Y:9", ONE)]);
    for (number, sockets) in ["Y:9", "A:4000,Y:9"].into_iter().enumerate() {
        scene.call_id = format!("forged-{number}");
        scene.step(&format!("M>N INVITE 1 sdp={sockets}"));
        check(&mut scene, &[("A:4000", "Y:9", ONE), ("Y:9", "A:4000", ONE)]);
    }
    // Another stream between what a newer call has announced is the newer one's.
    let mut scene = Scene::new();
    let key = scene.step("A>B INVITE 1 sdp=A:4000").unwrap();
    scene.calls.set_wanted(key, true);
    scene.call_id = "call-2".to_owned();
    scene.step("A>C INVITE 1 sdp=A:4000,C:6000");
    check(&mut scene, &[("C:6000", "A:4000", Some("call-2")), ("A:4000", "C:6000", Some("call-2"))]);
    // A port that is used again, long after the last that was heard of the call before.
    check(&mut scene, &[("X:9", "A:4000", ONE)]);
    scene.now += 61 * SECOND;
    check(&mut scene, &[("X:10", "A:4000", Some("call-2")), ("X:9", "A:4000", ONE)]);
}

#[test]
fn streams_by_source_and_direction() {
    let mut scene = answered();
    for ssrc in 1..=10 {
        for sequence in 0..3 {
            scene.packet("A:4000", "B:5000", &rtp(ssrc, sequence, 0));
        }
    }
    scene.packet("B:5000", "A:4000", &rtp(1, 0, 0));
    // Digits are no other codec, a payload type that has changed is.
    scene.packet("A:4000", "B:5000", &rtp(1, 3, 101));
    scene.packet("A:4000", "B:5000", &rtp(2, 3, 101));
    scene.packet("A:4000", "B:5000", &rtp(2, 4, 96));
    let figures = scene.calls.figures();
    assert_eq!((figures.streams, figures.stream_packets_omitted), (8, 7));
    scene.finish();
    let report = &scene.reports[0];
    assert_eq!(report["rtp_packets"], 34);
    let streams = report["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 8);
    assert_eq!((&streams[0]["codec"], &streams[0]["packets"]), (&"PCMU".into(), &4.into()));
    assert_eq!((&streams[1]["codec"], &streams[1]["clock_rate"]), (&"opus".into(), &48000.into()));
}

/// What receivers say is told of the streams that they receive.
#[test]
fn reports_of_receivers() {
    let mut scene = answered();
    scene.packet("A:4000", "B:5000", &rtp(7, 1, 0));
    scene.packet("B:5000", "A:4000", &rtp(7, 1, 0));
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let block = [7, 64 << 24 | 0xff_fffe, 65_541, 80, 0x2222_3333, 65_536 / 2];
    // A sender report of A's, and half a second and 40 ms later what B has received.
    let sent = words(&[0x80c8_0006, 7, 0x1111_2222, 0x3333_4444, 160, 1, 160]);
    scene.packet("A:4001", "B:5001", &sent);
    scene.now += SECOND / 2 + 3 * SECOND / 100;
    let quality = 88 << 24 | 127 << 16 | 41 << 8 | 40;
    let metrics = [0x80cf_000a, 9, 0x0700_0008, 7, 0, 0, 0, 0, quality, 0, 0];
    let answer = [words(&[0x81c9_0007, 9]), words(&block), words(&metrics)].concat();
    scene.packet("B:5001", "A:4001", &answer);
    // Of a source that nobody has heard.
    scene.packet("B:5001", "A:4001", &words(&[0x81c9_0007, 9, 8, 1, 1, 1, 1, 1]));
    scene.finish();
    let streams = scene.reports[0]["streams"].as_array().unwrap();
    let from_a = &streams[0];
    for (name, expected) in [
        ("remote_lost", serde_json::json!(-2)),
        ("remote_loss_percent", 25.into()),
        ("remote_jitter_ms", 10.into()),
        ("round_trip_ms", 40.into()),
        ("remote_r_factor", 88.into()),
        ("remote_mos", 4.into()),
    ] {
        assert_eq!(from_a[name].as_f64(), expected.as_f64(), "{name}: {from_a}");
        assert!(streams[1].get(name).is_none(), "{name} of the other direction");
    }
}

/// A receiver may name a sender report that is not the last, where the way is long: a few are remembered.
#[test]
fn reports_of_receivers_may_name_earlier_ones() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    for (named, round_trip_ms) in
        [(0, None), (1, None), (2, Some(160)), (3, Some(130)), (4, Some(100)), (5, Some(70)), (6, None)]
    {
        let mut scene = answered();
        scene.packet("A:4000", "B:5000", &rtp(7, 1, 0));
        // 30 ms apart, each of them twice: the first copy counts.
        for number in 1..=5 {
            let sent = words(&[0x80c8_0006, 7, 0x1111_0000 | number, 0, 160, 1, 160]);
            scene.packet("A:4001", "B:5001", &sent);
            scene.packet("A:4001", "B:5001", &sent);
            scene.now += SECOND / 100;
        }
        scene.now += SECOND / 1000 * 40;
        let block = [7, 0, 0, 0, named << 16, 0];
        scene.packet("B:5001", "A:4001", &[words(&[0x81c9_0007, 9]), words(&block)].concat());
        scene.finish();
        let found = scene.reports[0]["streams"][0].get("round_trip_ms").and_then(|time| time.as_f64());
        assert_eq!(found, round_trip_ms.map(f64::from), "{named}");
    }
}

#[test]
fn codecs_that_are_told_later() {
    let mut scene = Scene::new();
    scene.step("A>B INVITE 1 sdp=A:4000");
    scene.packet("A:4000", "B:5000", &rtp(1, 1, 96));
    scene.packet("A:4000", "B:5000", &rtp(2, 1, 111));
    scene.step("B>A 200 1 INVITE sdp=B:5000");
    scene.finish();
    let streams = scene.reports[0]["streams"].as_array().unwrap();
    assert_eq!((&streams[0]["codec"], &streams[1]["codec"]), (&"opus".into(), &serde_json::Value::Null));
}

fn begin_rtp_only(scene: &mut Scene, from: &str, to: &str, ssrc: u32) -> CallKey {
    let payload = rtp(ssrc, 1, 0);
    let passage = passage(scene.now, socket(from), socket(to));
    let header = crate::rtp::Header::parse(&payload).unwrap();
    let key = scene.calls.begin_rtp_only(header.ssrc, &passage, scene.now, &mut |_| panic!()).unwrap();
    assert_eq!(scene.packet(from, to, &payload).unwrap().call, key);
    key
}

#[test]
fn media_without_signalling() {
    let mut scene = Scene::new();
    let key = begin_rtp_only(&mut scene, "A:4000", "B:5000", 0x1234);
    scene.call_id = "rtp-00001234".to_owned();
    assert_eq!(scene.state(), "RTP-ONLY");
    assert_eq!(scene.packet("B:5000", "A:4000", &rtp(9, 1, 0)).unwrap().call, key, "the other direction");
    assert_eq!(scene.packet("B:5001", "A:4001", &[0x80, 201, 0, 1, 0, 0, 0, 1]).unwrap().call, key);
    scene.now += SECOND;
    assert_eq!(begin_rtp_only(&mut scene, "B:7000", "C:8000", 0x1234), key, "further on its way");
    scene.wait(61);
    let [report] = &scene.reports[..] else { panic!() };
    for (name, expected) in [
        ("call_id", serde_json::json!("rtp-00001234")),
        ("state", "ENDED".into()),
        ("end_reason", "idle".into()),
        ("rtp_packets", 3.into()),
        ("rtcp_packets", 1.into()),
        ("sip_messages", 0.into()),
        ("duration_seconds", 1.03.into()),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }
}

#[test]
fn media_whose_signalling_is_found() {
    let mut scene = Scene::new();
    begin_rtp_only(&mut scene, "A:4000", "B:5000", 1);
    let begun = scene.now - SECOND / 100;
    scene.packet("B:5000", "A:4000", &rtp(2, 1, 0));
    scene.now += SECOND;
    scene.steps(&["A>B INVITE 1 sdp=A:4000"]);
    let [report] = &scene.reports[..] else { panic!() };
    assert_eq!((&report["call_id"], &report["end_reason"]), (&"rtp-00000001".into(), &"merged".into()));
    assert_eq!((report["rtp_packets"].as_u64(), scene.calls.figures().merged), (Some(0), 1));
    check(&mut scene, &[("X:9", "B:5000", ONE), ("A:4000", "B:5000", ONE)]);
    scene.step("B>A 200 1 INVITE sdp=B:5000");
    assert_eq!(scene.state(), "ACTIVE");
    scene.finish();
    let report = &scene.reports[1];
    assert_eq!(report["rtp_packets"], 4);
    assert_eq!(report["start_time"], "2023-11-14T22:13:20.000000000Z");
    assert_eq!(begun, START);
    assert_eq!(report["setup_seconds"], 0.03);
    // A stream that ended long ago is not of the call that has the port now.
    let mut scene = Scene::new();
    begin_rtp_only(&mut scene, "A:4000", "B:5000", 1);
    scene.now += 70 * SECOND;
    scene.step("A>B INVITE 1 sdp=A:4000");
    assert_eq!(scene.calls.figures().merged, 0);
}

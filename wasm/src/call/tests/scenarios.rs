use super::*;

/// Steps, and the state after each.
fn check(name: &str, steps: &[(&str, &str)]) -> Scene {
    let mut scene = Scene::new();
    for (number, (step, state)) in steps.iter().enumerate() {
        scene.step(step);
        assert_eq!(scene.state(), *state, "{name}: step {number}, {step}");
    }
    scene
}

#[test]
fn states() {
    for (name, steps, reason) in [
        (
            "call",
            &[
                ("A>B INVITE 1 sdp=A:4000", "TRYING"),
                ("B>A 100 1 INVITE t=", "TRYING"),
                ("B>A 180 1 INVITE", "RINGING"),
                ("B>A 200 1 INVITE sdp=B:4000", "ACTIVE"),
                ("A>B ACK 1", "ACTIVE"),
                ("B>A BYE 1 f=b t=a", "ENDING"),
                ("A>B 200 1 BYE f=b t=a", "ENDING"),
            ][..],
            "bye",
        ),
        (
            "early media",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 183 1 INVITE sdp=B:1000", "PROGRESS"),
                ("B>A 180 1 INVITE", "PROGRESS"),
            ],
            "timeout",
        ),
        (
            "BYE that is challenged",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
                ("B>A 100 2 BYE", "ENDING"),
                ("B>A 407 2 BYE", "ACTIVE"),
                ("A>B BYE 2", "ACTIVE"),
                ("A>B BYE 3", "ENDING"),
                ("A>B BYE 4", "ENDING"),
                ("B>A 401 3 BYE", "ENDING"),
                ("B>A 401 4 BYE", "ACTIVE"),
                ("A>B BYE 5", "ENDING"),
                ("B>A 200 5 BYE", "ENDING"),
                ("B>A 401 5 BYE", "ENDING"),
            ],
            "bye",
        ),
        (
            "BYE that is refused",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 180 1 INVITE", "RINGING"),
                ("A>B BYE 2", "ENDING"),
                ("B>A 500 2 BYE", "RINGING"),
            ],
            "timeout",
        ),
        (
            "BYE of the other side that is accepted",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
                ("B>A BYE 7 f=b t=a", "ENDING"),
                ("A>B 200 7 BYE f=b t=a", "ENDING"),
                ("B>A 407 2 BYE", "ENDING"),
            ],
            "bye",
        ),
        (
            "BYE of both sides that is refused",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
                ("B>A BYE 7 f=b t=a", "ENDING"),
                ("B>A 407 2 BYE", "ENDING"),
                ("A>B 407 7 BYE f=b t=a", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "BYE that is accepted before another is challenged",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
                ("A>B BYE 3", "ENDING"),
                ("B>A 200 2 BYE", "ENDING"),
                ("B>A 401 3 BYE", "ENDING"),
            ],
            "bye",
        ),
        (
            "BYE of one dialog that is accepted, of the other refused",
            &[
                ("A>P INVITE 1", "TRYING"),
                ("P>A 200 1 INVITE t=b", "ACTIVE"),
                ("P>A 200 1 INVITE t=c", "ACTIVE"),
                ("A>P BYE 2 t=c", "ACTIVE"),
                ("A>P BYE 2 t=b", "ENDING"),
                ("P>A 200 2 BYE t=c", "ENDING"),
                ("P>A 401 2 BYE t=b", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "BYE of a dialog that is not known any more",
            &[("A>B ACK 1", "ACTIVE"), ("A>B BYE 2", "ENDING"), ("B>A 481 2 BYE", "ENDING")],
            "bye",
        ),
        ("BYE without an answer", &[("A>B ACK 1", "ACTIVE"), ("A>B BYE 2", "ENDING")], "bye"),
        ("stray challenge to BYE", &[("B>A 401 5 BYE", "ACTIVE")], "idle"),
        ("ACK without its 200", &[("A>B INVITE 1", "TRYING"), ("A>B ACK 1", "ACTIVE")], "idle"),
        (
            "challenge",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 401 1 INVITE", "TRYING"),
                ("A>B ACK 1 failed", "TRYING"),
                ("A>B INVITE 2", "TRYING"),
                ("B>A 200 2 INVITE", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "challenge by a proxy, and nothing after",
            &[("A>B INVITE 1", "TRYING"), ("B>A 407 1 INVITE", "TRYING"), ("A>B ACK 1 failed", "TRYING")],
            "rejected 407",
        ),
        (
            "busy",
            &[("A>B INVITE 1", "TRYING"), ("B>A 486 1 INVITE", "BUSY"), ("A>B ACK 1 failed", "BUSY")],
            "busy",
        ),
        ("busy everywhere", &[("A>B INVITE 1", "TRYING"), ("B>A 600 1 INVITE", "BUSY")], "busy"),
        ("rejected", &[("A>B INVITE 1", "TRYING"), ("B>A 404 1 INVITE", "FAILED")], "rejected 404"),
        ("redirected", &[("A>B INVITE 1", "TRYING"), ("B>A 302 1 INVITE", "FAILED")], "rejected 302"),
        (
            "redirected, and followed",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 302 1 INVITE", "FAILED"),
                ("A>B ACK 1 failed", "FAILED"),
                ("A>C INVITE 2", "TRYING"),
                ("C>A 200 2 INVITE t=c", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "cancel",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 180 1 INVITE", "RINGING"),
                ("A>B CANCEL 1 t=", "CANCELLED"),
                ("B>A 200 1 CANCEL", "CANCELLED"),
                ("B>A 487 1 INVITE", "CANCELLED"),
                ("A>B ACK 1 failed", "CANCELLED"),
            ],
            "cancel",
        ),
        (
            "answer and CANCEL cross",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("A>B CANCEL 1 t=", "CANCELLED"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("B>A 481 1 CANCEL", "ACTIVE"),
                ("A>B ACK 1", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
            ],
            "bye",
        ),
        (
            "CANCEL after the answer",
            &[("A>B INVITE 1", "TRYING"), ("B>A 200 1 INVITE", "ACTIVE"), ("A>B CANCEL 1 t=", "ACTIVE")],
            "idle",
        ),
        (
            "busy and CANCEL cross",
            &[("A>B INVITE 1", "TRYING"), ("A>B CANCEL 1 t=", "CANCELLED"), ("B>A 486 1 INVITE", "BUSY")],
            "busy",
        ),
        (
            "fork, one answer",
            &[
                ("A>P INVITE 1", "TRYING"),
                ("P>B INVITE 1 via=1", "TRYING"),
                ("P>C INVITE 1 via=2", "TRYING"),
                ("B>P 180 1 INVITE via=1", "RINGING"),
                ("C>P 486 1 INVITE via=2 t=c", "RINGING"),
                ("B>P 200 1 INVITE via=1", "ACTIVE"),
                ("P>A 200 1 INVITE", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "fork, none",
            &[
                ("A>P INVITE 1", "TRYING"),
                ("P>B INVITE 1 via=1", "TRYING"),
                ("P>C INVITE 1 via=2", "TRYING"),
                ("C>P 486 1 INVITE via=2 t=c", "TRYING"),
                ("B>P 603 1 INVITE via=1", "TRYING"),
                ("P>A 603 1 INVITE", "FAILED"),
            ],
            "rejected 603",
        ),
        (
            "fork, the other branch is cancelled",
            &[
                ("P>B INVITE 1 via=1", "TRYING"),
                ("P>C INVITE 1 via=2", "TRYING"),
                ("B>P 200 1 INVITE via=1", "ACTIVE"),
                ("P>C CANCEL 1 via=2 t=", "ACTIVE"),
                ("C>P 487 1 INVITE via=2 t=c", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "one after the other",
            &[
                ("P>B INVITE 1 via=1", "TRYING"),
                ("P>B CANCEL 1 via=1 t=", "CANCELLED"),
                ("B>P 487 1 INVITE via=1", "CANCELLED"),
                ("P>C INVITE 1 via=2", "TRYING"),
                ("C>P 180 1 INVITE via=2 t=c", "RINGING"),
                ("C>P 200 1 INVITE via=2 t=c", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "two answers, one of which is not wanted",
            &[
                ("A>P INVITE 1", "TRYING"),
                ("P>A 200 1 INVITE t=b", "ACTIVE"),
                ("P>A 200 1 INVITE t=c", "ACTIVE"),
                ("A>P BYE 2 t=c", "ACTIVE"),
                ("P>A BYE 1 f=b t=a", "ENDING"),
            ],
            "bye",
        ),
        (
            "BYE of a dialog that is none",
            &[("A>B INVITE 1", "TRYING"), ("B>A 200 1 INVITE", "ACTIVE"), ("M>B BYE 9 f=x t=y", "ACTIVE")],
            "idle",
        ),
        (
            "both hang up",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B BYE 2", "ENDING"),
                ("B>A BYE 1 f=b t=a", "ENDING"),
                ("B>A 481 2 BYE", "ENDING"),
            ],
            "bye",
        ),
        (
            "re-INVITE that fails",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B INVITE 2 t=b", "ACTIVE"),
                ("B>A 488 2 INVITE", "ACTIVE"),
                ("B>A INVITE 1 f=b t=a", "ACTIVE"),
                ("A>B 486 1 INVITE f=b t=a", "ACTIVE"),
                ("B>A INVITE 2 f=b t=a", "ACTIVE"),
                ("A>B 487 2 INVITE f=b t=a", "ACTIVE"),
            ],
            "idle",
        ),
        (
            "re-INVITE to a side that has forgotten the call",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("B>A INVITE 1 f=b t=a", "ACTIVE"),
                ("A>B 481 1 INVITE f=c t=a", "ACTIVE"),
                ("A>B 481 1 INVITE f=b t=a", "ENDING"),
            ],
            "rejected 481",
        ),
        (
            "session timer, INFO, PRACK, UPDATE, REFER",
            &[
                ("A>B INVITE 1", "TRYING"),
                ("B>A 183 1 INVITE", "PROGRESS"),
                ("A>B PRACK 2", "PROGRESS"),
                ("B>A 200 2 PRACK", "PROGRESS"),
                ("A>B UPDATE 3", "PROGRESS"),
                ("B>A 200 3 UPDATE", "PROGRESS"),
                ("B>A 200 1 INVITE", "ACTIVE"),
                ("A>B INFO 4", "ACTIVE"),
                ("B>A 481 4 INFO", "ACTIVE"),
                ("A>B REFER 5", "ACTIVE"),
                ("B>A 202 5 REFER", "ACTIVE"),
                ("B>A NOTIFY 1 f=b t=a", "ACTIVE"),
                ("A>B MESSAGE 6", "ACTIVE"),
                ("B>A 486 6 MESSAGE", "ACTIVE"),
                ("A>B UPDATE 7", "ACTIVE"),
            ],
            "idle",
        ),
        ("stray BYE", &[("A>B BYE 5", "ENDING")], "bye"),
        ("stray answer to BYE", &[("B>A 200 5 BYE", "ENDING")], "bye"),
        (
            "stray re-INVITE that fails",
            &[("A>B INVITE 3 t=b", "ACTIVE"), ("B>A 488 3 INVITE", "ACTIVE")],
            "idle",
        ),
        ("stray answer", &[("B>A 200 5 INVITE", "ACTIVE")], "idle"),
        ("stray CANCEL", &[("A>B CANCEL 5 t=", "CANCELLED")], "cancel"),
        ("stray INFO", &[("A>B INFO 5", "ACTIVE")], "idle"),
        ("never answered", &[("A>B INVITE 1", "TRYING"), ("A>B INVITE 1", "TRYING")], "timeout"),
        (
            "an old failure comes late",
            &[("A>B INVITE 2", "TRYING"), ("B>A 500 1 INVITE", "TRYING")],
            "timeout",
        ),
    ] {
        let mut scene = check(name, steps);
        scene.wait(3600);
        let [report] = &scene.reports[..] else { panic!("{name}: {:?}", scene.reports) };
        assert_eq!(report["end_reason"], reason, "{name}");
        assert!(scene.calls.find(b"call-1@a.example").is_none(), "{name}");
        assert_eq!(scene.calls.figures().endpoints, 0, "{name}");
    }
}

#[test]
fn what_makes_no_call() {
    for step in [
        "A>B REGISTER 1",
        "A>B OPTIONS 1",
        "A>B SUBSCRIBE 1",
        "A>B NOTIFY 1",
        "A>B PUBLISH 1",
        "A>B MESSAGE 1",
        "A>B FROBNICATE 1",
        "B>A 200 1 REGISTER",
        "B>A 486 1 MESSAGE",
        "A>B REFER 1 t=",
        "A>B INFO 1 t=",
    ] {
        let mut scene = Scene::new();
        assert_eq!(scene.step(step), None, "{step}");
        assert_eq!(scene.calls.figures().total, 0, "{step}");
    }
}

#[test]
fn report_of_a_call() {
    let mut scene = Scene::new();
    scene.steps(&[
        "A>B INVITE 1 t= sdp=A:4000",
        "A>B INVITE 1 t= sdp=A:4000",
        "B>A 180 1 INVITE",
        "B>A 200 1 INVITE sdp=B:5000",
        "A>B ACK 1",
    ]);
    for sequence in 0..50 {
        scene.packet("A:4000", "B:5000", &rtp(1, sequence, 0));
        scene.packet("B:5000", "A:4000", &rtp(2, sequence * 2, 96));
    }
    scene.packet("A:4001", "B:5001", &[0x80, 201, 0, 1, 0, 0, 0, 1]);
    scene.packet("A:4000", "B:5000", b"\0\x01\0\0stun");
    scene.steps(&["A>B BYE 2", "B>A 200 2 BYE"]);
    assert_eq!(scene.reports.len(), 0);
    scene.wait(29);
    assert_eq!(scene.reports.len(), 0);
    scene.wait(2);
    let [report] = &scene.reports[..] else { panic!() };
    for (name, expected) in [
        ("call_id", serde_json::json!("call-1@a.example")),
        ("correlation_id", "call-1@a.example".into()),
        ("state", "ENDED".into()),
        ("end_reason", "bye".into()),
        ("from_uri", "sip:alice@a.example".into()),
        ("from_user", "alice".into()),
        ("from_tag", "a".into()),
        ("to_uri", "sip:bob@b.example".into()),
        ("to_user", "bob".into()),
        ("to_tag", "b".into()),
        ("start_time", "2023-11-14T22:13:20.000000000Z".into()),
        ("ringing_time", "2023-11-14T22:13:20.020000000Z".into()),
        ("answer_time", "2023-11-14T22:13:20.030000000Z".into()),
        ("end_time", "2023-11-14T22:13:21.070000000Z".into()),
        ("setup_seconds", 0.03.into()),
        ("duration_seconds", 1.04.into()),
        ("response_code", 200.into()),
        ("sip_messages", 7.into()),
        ("retransmissions", 1.into()),
        ("rtp_packets", 100.into()),
        ("rtcp_packets", 1.into()),
        ("packets", 109.into()),
        ("matched_filter_ids", serde_json::json!(["f1"])),
        ("messages_omitted", 0.into()),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }
    let [there, back] = &report["streams"].as_array().unwrap()[..] else { panic!() };
    for (stream, figures) in [
        (
            there,
            serde_json::json!([1, "10.0.0.1:4000", "10.0.0.2:5000", 0, "PCMU", 8000, 50, 8000, 50, 0, 0]),
        ),
        (
            back,
            serde_json::json!([
                2,
                "10.0.0.2:5000",
                "10.0.0.1:4000",
                96,
                "opus",
                48000,
                50,
                8000,
                99,
                49,
                49.4949
            ]),
        ),
    ] {
        let names = [
            "ssrc",
            "source",
            "destination",
            "payload_type",
            "codec",
            "clock_rate",
            "packets",
            "bytes",
            "expected",
            "lost",
            "loss_percent",
        ];
        for (name, expected) in names.iter().zip(figures.as_array().unwrap()) {
            let close = |one: &serde_json::Value| one.as_f64().map(|value| (value * 1e4).round());
            assert!(
                stream[name] == *expected || close(&stream[name]) == close(expected),
                "{name}: {}",
                stream[name]
            );
        }
        assert!(stream["mos"].as_f64().unwrap() >= 1.0 && stream["r_factor"].is_number());
    }
    let messages = report["messages"].as_array().unwrap();
    let texts: Vec<String> = messages
        .iter()
        .map(|message| {
            format!(
                "{} {} {} {} {}",
                message["source"], message["destination"], message["text"], message["cseq"], message["sdp"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        texts,
        [
            "10.0.0.1:5060 10.0.0.2:5060 INVITE 1 INVITE true",
            "10.0.0.2:5060 10.0.0.1:5060 180 Reason 1 INVITE false",
            "10.0.0.2:5060 10.0.0.1:5060 200 Reason 1 INVITE true",
            "10.0.0.1:5060 10.0.0.2:5060 ACK 1 ACK false",
            "10.0.0.1:5060 10.0.0.2:5060 BYE 2 BYE false",
            "10.0.0.2:5060 10.0.0.1:5060 200 Reason 2 BYE false",
        ]
    );
}

#[test]
fn a_call_id_may_be_used_again() {
    let mut scene = Scene::new();
    scene.steps(&["A>B INVITE 1", "B>A 200 1 INVITE", "A>B BYE 2", "A>B INVITE 1"]);
    assert_eq!((scene.state(), scene.reports.len()), ("ENDING", 0), "a copy that comes late");
    scene.steps(&["A>B INVITE 1 f=c"]);
    assert_eq!((scene.state(), scene.reports.len()), ("TRYING", 1));
    assert_eq!(scene.reports[0]["end_reason"], "bye");
    scene.finish();
    assert_eq!(scene.reports[1]["end_reason"], "end of capture");
    assert_eq!(scene.calls.figures().total, 2);
}

/// Test tools send the same again and again, but for the tag of From.
#[test]
fn a_new_tag_makes_a_new_call_of_the_same_call_id_and_branch() {
    let mut scene = Scene::new();
    let calls = ["a", "c", "d"];
    for (number, tag) in calls.into_iter().enumerate() {
        let invite = format!("A>B INVITE 1 branch=x f={tag}");
        scene.step(&invite);
        assert_eq!((scene.state(), scene.reports.len()), ("TRYING", number), "{tag}");
        scene.steps(&[&format!("B>A 200 1 INVITE branch=x f={tag}"), &format!("A>B ACK 1 branch=y f={tag}")]);
        scene.step(&invite);
        assert_eq!((scene.state(), scene.reports.len()), ("ACTIVE", number), "{tag}: a copy");
        scene.steps(&[&format!("A>B BYE 2 branch=z f={tag}"), &format!("B>A 200 2 BYE branch=z f={tag}")]);
        scene.step(&invite);
        assert_eq!((scene.state(), scene.reports.len()), ("ENDING", number), "{tag}: a copy that comes late");
        scene.wait(1);
    }
    scene.finish();
    assert_eq!(scene.reports.len(), calls.len());
    for (report, tag) in scene.reports.iter().zip(calls) {
        assert_eq!((&report["from_tag"], &report["end_reason"]), (&tag.into(), &"bye".into()));
    }
}

/// The INVITE of a B2BUA that leaves the Call-ID as it is has another tag: its late copies begin no call either.
#[test]
fn late_copies_of_a_leg_begin_no_call() {
    let mut scene = Scene::new();
    scene.steps(&["A>B INVITE 1 branch=x", "B>C INVITE 1 branch=y f=m", "C>B 200 1 INVITE branch=y f=m t=n"]);
    scene.steps(&["B>A 200 1 INVITE branch=x", "A>B BYE 2", "B>C BYE 2 f=m t=n"]);
    scene.steps(&["A>B INVITE 1 branch=x", "B>C INVITE 1 branch=y f=m"]);
    assert!(scene.reports.is_empty());
    assert_eq!(scene.calls.figures().total, 1);
}

#[test]
fn the_caller_stays_the_caller() {
    let mut scene = Scene::new();
    scene.steps(&["B>A BYE 1 f=b t=a user=bob2", "A>B 200 1 BYE f=b t=a"]);
    scene.finish();
    assert_eq!(scene.reports[0]["from_tag"], "b", "nothing else is known");
    let mut scene = Scene::new();
    scene.steps(&[
        "A>B INVITE 1",
        "B>A 180 1 INVITE t=c",
        "B>A 200 1 INVITE t=b",
        "B>A INFO 1 f=b t=a user=mallory",
    ]);
    scene.finish();
    assert_eq!(scene.reports[0]["from_user"], "alice");
    assert_eq!(scene.reports[0]["to_tag"], "b", "of the branch that answered");
}

#[test]
fn a_ladder_is_bounded() {
    let mut scene = Scene::new();
    for number in 1..=300 {
        scene.step(&format!("A>B INFO {number}"));
    }
    scene.finish();
    let held = scene.reports[0]["messages"].as_array().unwrap().len();
    assert_eq!(held, 200);
    assert_eq!(scene.reports[0]["messages_omitted_after"], 100);
    let messages = scene.reports[0]["messages"].as_array().unwrap();
    for (at, number) in [(0, 1), (99, 100), (100, 201), (199, 300)] {
        assert_eq!(messages[at]["cseq"], format!("{number} INFO"));
    }
    assert_eq!(scene.reports[0]["messages_omitted"], 100);
    assert_eq!(scene.calls.figures().messages_omitted, 100);
    // Where others take all room for a while, those behind the hole are the latest.
    let mut scene = Scene::with(Limits { ladder_bytes: 1024, ..Limits::default() });
    scene.steps(&["A>B INFO 1", "A>B INFO 2"]);
    scene.call_id = "call-2@a.example".to_owned();
    for number in 1..=20 {
        scene.step(&format!("A>B INVITE {number}"));
    }
    scene.call_id = "call-1@a.example".to_owned();
    for number in 3..=20 {
        scene.step(&format!("A>B INFO {number}"));
    }
    scene.call_id = "call-2@a.example".to_owned();
    scene.step("A>B BYE 21");
    scene.wait(60);
    scene.call_id = "call-1@a.example".to_owned();
    for number in 21..=30 {
        scene.step(&format!("A>B INFO {number}"));
    }
    scene.finish();
    let ladder = &scene.reports[1];
    let numbers: Vec<&str> = ladder["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["cseq"].as_str().unwrap())
        .collect();
    let after = ladder["messages_omitted_after"].as_u64().unwrap() as usize;
    let expected =
        (1..=after).chain(31 - (numbers.len() - after)..=30).map(|number| format!("{number} INFO"));
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    assert!(numbers.len() > after, "{ladder}");
    let mut scene = Scene::with(Limits { ladder_bytes: 4096, ..Limits::default() });
    for number in 0..100 {
        scene.call_id = format!("call-{number}");
        scene.step("A>B INVITE 1");
    }
    scene.finish();
    let held: usize = scene.reports.iter().map(|report| report["messages"].as_array().unwrap().len()).sum();
    assert_eq!((held, scene.calls.figures().messages_omitted), (8, 92));
}

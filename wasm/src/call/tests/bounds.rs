use super::*;

#[test]
fn a_full_table_makes_room() {
    let limits = Limits { calls: 8, ..Limits::default() };
    let begin = |scene: &mut Scene, number: usize, steps: &[&str]| {
        scene.call_id = format!("call-{number}");
        scene.steps(steps);
        scene.now += 10 * SECOND;
    };
    let answered = &["A>B INVITE 1", "B>A 200 1 INVITE"][..];
    let evicted =
        |scene: &Scene| scene.reports.last().map(|report| report["call_id"].as_str().unwrap().to_owned());
    // Calls that are over come first.
    let mut scene = Scene::with(limits.clone());
    for number in 0..8 {
        let ends: &[&str] = if number == 5 { &["A>B BYE 2"] } else { answered };
        begin(&mut scene, number, ends);
    }
    begin(&mut scene, 8, answered);
    assert_eq!(evicted(&scene).as_deref(), Some("call-5"));
    // Then those that are not answered, if they are many.
    let mut scene = Scene::with(limits.clone());
    for number in 0..8 {
        begin(&mut scene, number, if number < 5 { answered } else { &["A>B INVITE 1"] });
    }
    begin(&mut scene, 8, &["A>B INVITE 1"]);
    assert_eq!(evicted(&scene).as_deref(), Some("call-5"));
    assert_eq!(scene.reports[0]["end_reason"], "evicted");
    // Then what was used longest ago, by message or packet.
    let mut scene = Scene::with(limits);
    begin(&mut scene, 0, &["A>B INVITE 1 sdp=A:4000", "B>A 200 1 INVITE"]);
    for number in 1..8 {
        begin(&mut scene, number, answered);
    }
    scene.packet("X:9", "A:4000", &rtp(1, 1, 0));
    begin(&mut scene, 8, answered);
    assert_eq!(evicted(&scene).as_deref(), Some("call-1"));
    let figures = scene.calls.figures();
    assert_eq!((figures.held, figures.evicted, figures.total), (8, 1, 9));
}

/// Whatever others do, a call that goes out stays as long as there is one that does not.
#[test]
fn calls_that_go_out_give_way_last() {
    let mut scene = Scene::with(Limits { calls: 8, endpoints: 32, ..Limits::default() });
    let wanted: Vec<_> =
        [&["A>B INVITE 1 sdp=A:4000"][..], &["A>B INVITE 1 sdp=A:4100", "B>A 200 1 INVITE", "A>B BYE 2"]]
            .iter()
            .enumerate()
            .map(|(number, steps)| {
                scene.call_id = format!("wanted-{number}");
                let key = scene.step(steps[0]).unwrap();
                scene.calls.set_wanted(key, true);
                scene.steps(&steps[1..]);
                scene.now += SECOND;
                key
            })
            .collect();
    for number in 0..100 {
        scene.call_id = format!("call-{number}");
        let many: Vec<String> = (0..8).map(|one| format!("C:{}", 10_000 + number * 20 + 2 * one)).collect();
        scene.step(&format!("A>B INVITE 1 sdp={}", many.join(",")));
        scene.step("B>A 200 1 INVITE");
        assert!(wanted.iter().all(|key| scene.calls.get(*key).is_some()), "{number}");
        assert_eq!(scene.call_of("X:9", "A:4000").as_deref(), Some("wanted-0"));
        // Room for endpoints is made, too.
        assert_eq!(scene.call_of("X:9", &many[7]).as_ref(), Some(&scene.call_id));
    }
    let figures = scene.calls.figures();
    assert_eq!(figures.endpoints_omitted, 0);
    assert_eq!((figures.held as u64 + figures.evicted, figures.total), (102, 102));
    // Of those that go out, the usual one.
    for number in 0..8 {
        scene.call_id = format!("wanted-too-{number}");
        let key = scene.step("A>B INVITE 1").unwrap();
        scene.calls.set_wanted(key, true);
    }
    assert!(scene.calls.get(wanted[1]).is_none());
}

/// A filter that is changed while calls are in their grace time does not make any of them wait for others.
#[test]
fn the_grace_time_of_a_call_does_not_depend_on_what_is_wanted() {
    let mut scene = Scene::new();
    let mut keys = Vec::new();
    for number in 0..2 {
        scene.call_id = format!("call-{number}");
        keys.push(scene.step("A>B INVITE 1").unwrap());
        scene.step("B>A 200 1 INVITE");
        scene.calls.set_wanted(keys[number], number == 1);
        scene.step("A>B BYE 2");
        scene.now += 25 * SECOND;
    }
    scene.calls.set_wanted(keys[0], true);
    for (wait, held) in [(3, [false, true]), (6, [false, false])] {
        scene.wait(wait);
        assert_eq!([0, 1].map(|number: usize| scene.calls.get(keys[number]).is_some()), held, "{wait} s");
    }
}

#[test]
fn endpoints_of_a_call_are_bounded() {
    let mut scene = Scene::new();
    let many: Vec<String> = (0..20).map(|number| format!("A:{}", 4000 + 2 * number)).collect();
    scene.step(&format!("A>B INVITE 1 sdp={}", many.join(",")));
    let figures = scene.calls.figures();
    assert_eq!((figures.endpoints, figures.endpoints_omitted), (16, 24));
    // Those that were replaced make room for others.
    let mut scene = Scene::new();
    for number in 1..100 {
        scene.step(&format!("A>B INVITE {number} sdp=A:{}", 4000 + 2 * number));
        scene.now += 2 * SECOND;
    }
    let figures = scene.calls.figures();
    assert_eq!((figures.endpoints, figures.endpoints_omitted), (16, 0));
    assert_eq!(scene.call_of("X:9", "A:4198").as_deref(), Some("call-1@a.example"));
}

/// All calls of a gateway with one port.
#[test]
fn ten_thousand_calls_at_one_endpoint() {
    let mut scene = Scene::new();
    for number in 0..10_000 {
        scene.call_id = format!("call-{number}");
        scene.step(&format!("A>B INVITE 1 sdp=C:{}", 10_000 + 2 * number));
        scene.step("B>A 200 1 INVITE sdp=B:5000");
    }
    assert_eq!(scene.call_of("X:9", "B:5000").as_deref(), Some("call-9999"));
    assert_eq!(scene.call_of("C:10042", "B:5000").as_deref(), Some("call-21"));
    for number in (5000..10_000).rev() {
        scene.call_id = format!("call-{number}");
        scene.step("A>B BYE 2");
    }
    assert_eq!(scene.call_of("X:9", "B:5000").as_deref(), Some("call-4999"));
    scene.wait(1000);
    scene.finish();
    let figures = scene.calls.figures();
    assert_eq!((scene.reports.len(), figures.endpoints, figures.held), (10_000, 0, 0));
}

/// One call after the other takes no more room than one.
#[test]
fn a_hundred_thousand_calls() {
    let mut scene = Scene::with(Limits { calls: 1024, ..Limits::default() });
    for number in 0..100_000u32 {
        scene.call_id = format!("call-{number}@host.example");
        let port = 10_000 + number % 20_000 * 2;
        scene.step(&format!("A>B INVITE 1 sdp=A:{port}"));
        scene.step(&format!("B>A 200 1 INVITE sdp=B:{port}"));
        scene.packet(&format!("A:{port}"), &format!("B:{port}"), &rtp(number, 1, 0));
        scene.step("A>B BYE 2");
        scene.wait(1);
        if number % 1000 == 999 {
            let (calls, endpoints) = (scene.calls.calls.len(), scene.calls.endpoints.length());
            assert!(calls <= 40 && endpoints <= 160, "{calls} calls, {endpoints} endpoints");
            assert!(scene.calls.correlation.length() <= 200);
            assert!(scene.calls.room.all - scene.calls.room.left <= 40 * 1024);
            scene.reports.clear();
        }
    }
    let figures = scene.calls.figures();
    assert_eq!((figures.total, figures.evicted, figures.streams), (100_000, 0, 100_000));
}

use super::super::texts::Text;
use super::*;

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Messages and packets in any order keep the bounds, and what goes in comes out.
#[test]
fn any_order() {
    let limits = Limits {
        calls: 12,
        streams_per_call: 3,
        endpoints_per_call: 5,
        endpoints: 40,
        messages_per_call: 6,
        ladder_bytes: 8192,
        ..Limits::default()
    };
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let mut scene = Scene::with(Limits { seed, ..limits.clone() });
        let (mut messages, mut packets) = (0, 0);
        for _ in 0..2000 {
            let numbers = &mut numbers;
            match numbers.below(10) {
                0..6 => {
                    scene.call_id = format!("call-{}", numbers.below(20));
                    let way = numbers.of(&["A>B", "B>A", "A>P", "P>B", "B>P", "P>A"]);
                    let method =
                        numbers.of(&["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "MESSAGE"]);
                    let status = numbers
                        .of(&["", "", "", "100", "180", "183", "200", "302", "401", "486", "487", "500"]);
                    let tags = numbers.of(&["f=a t=", "f=a t=b", "f=b t=a", "f=a t=c", "f=x t=y", "f= t="]);
                    let via = numbers.of(&["", "via=1", "via=2", "failed"]);
                    let port = 4000 + numbers.below(12) * 2;
                    let body = match numbers.below(3) {
                        0 => format!("sdp=A:{port},video/B:{port}"),
                        1 => format!("sdp=B:{port}"),
                        _ => String::new(),
                    };
                    let cseq = 1 + numbers.below(4);
                    let what = if status.is_empty() {
                        format!("{method} {cseq}")
                    } else {
                        format!("{status} {cseq} {method}")
                    };
                    messages += u64::from(scene.step(&format!("{way} {what} {tags} {via} {body}")).is_some());
                }
                6..9 => {
                    let from = format!("{}:{}", numbers.of(&["A", "B"]), 4000 + numbers.below(26));
                    let to = format!("{}:{}", numbers.of(&["A", "B", "X"]), 4000 + numbers.below(26));
                    let payload = match numbers.below(4) {
                        0 => vec![numbers.below(256) as u8; numbers.below(40) as usize],
                        _ => rtp(
                            numbers.below(5) as u32,
                            numbers.below(1 << 16) as u16,
                            numbers.below(128) as u8,
                        ),
                    };
                    if let Some(media) = scene.packet(&from, &to, &payload) {
                        packets += 1;
                        assert!(scene.calls.get(media.call).is_some());
                    } else if let Some(header) = crate::rtp::Header::parse(&payload)
                        && numbers.below(20) == 0
                    {
                        let passage = passage(scene.now, socket(&from), socket(&to));
                        let (reports, clock) = (&mut scene.reports, &mut scene.clock);
                        let key = scene.calls.begin_rtp_only(header.ssrc, &passage, scene.now, &mut |call| {
                            reports.push(report(call, clock))
                        });
                        // None where its endpoints find no room.
                        if let Some(key) = key {
                            assert!(scene.calls.get(key).unwrap().id().starts_with(b"rtp-"));
                        }
                    }
                }
                _ => {
                    let seconds = [0, 1, 40, 400, -5][numbers.below(5) as usize];
                    scene.wait(seconds);
                }
            }
            let figures = scene.calls.figures();
            assert!(figures.held <= 12 && figures.endpoints <= 40, "{figures:?}");
            scene.calls.for_each(&mut |key, call| {
                assert!(call.streams().len() <= 3);
                assert_eq!(scene.calls.find(call.id()), Some(key));
            });
        }
        scene.finish();
        let figures = scene.calls.figures();
        assert_eq!((figures.held, figures.active, figures.endpoints), (0, 0, 0), "{seed}");
        let kept: usize = scene.calls.calls.iter().map(|call| call.ladder.capacity()).sum();
        assert_eq!(scene.calls.room.left + kept, 8192, "{seed}: room that nobody has");
        assert_eq!(figures.sip_messages, messages, "{seed}");
        assert_eq!(figures.total, scene.reports.len() as u64, "{seed}");
        let sum = |name: &str| scene.reports.iter().map(|report| report[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("packets"), messages + packets, "{seed}");
        assert_eq!(
            (sum("sip_messages"), sum("retransmissions")),
            (messages, figures.retransmissions),
            "{seed}"
        );
        assert_eq!(sum("messages_omitted"), figures.messages_omitted, "{seed}");
        let merged = scene.reports.iter().filter(|report| report["end_reason"] == "merged").count();
        assert_eq!(figures.merged, merged as u64, "{seed}");
        for report in &scene.reports {
            let shown = report["messages"].as_array().unwrap().len() as u64
                + report["messages_omitted"].as_u64().unwrap();
            assert_eq!(
                shown + report["retransmissions"].as_u64().unwrap(),
                report["sip_messages"].as_u64().unwrap()
            );
            assert!(report["end_reason"].is_string());
        }
    }
}

#[test]
fn long_texts_are_cut() {
    let mut scene = Scene::new();
    scene.call_id = "c".repeat(1024);
    let key = scene.step(&format!("A>B INVITE 1 f={0} user={0}", "x".repeat(5000))).unwrap();
    for number in 0..100 {
        scene.step(&format!("B>A 200 1 INVITE f={} t={}", "x".repeat(5000), format!("{number}").repeat(200)));
    }
    let call = scene.calls.get(key).unwrap();
    assert_eq!(call.id().len(), 1024);
    let length = |text| call.texts.get(text).len();
    assert_eq!((length(Text::FromUser), length(Text::FromUri)), (256, 256));
    assert_eq!(scene.calls.find(scene.call_id.as_bytes()), Some(key));
}

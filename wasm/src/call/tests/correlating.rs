use super::*;

/// Takes the first leg and another one, and says whether they are one call.
fn is_one(first: &str, second: &str, after_ms: i64) -> bool {
    let mut scene = Scene::new();
    scene.step(first);
    scene.now += after_ms * SECOND / 1000;
    scene.call_id = "leg-2".to_owned();
    scene.step(second);
    scene.finish();
    assert_eq!(scene.reports[0]["correlation_id"], "call-1@a.example");
    let id = &scene.reports[1]["correlation_id"];
    assert!(id == "call-1@a.example" || id == "leg-2", "{id}");
    id == "call-1@a.example"
}

#[test]
fn legs() {
    for (name, first, second, after_ms, expected) in [
        (
            "Session-ID",
            "A>P INVITE 1 h=Session-ID:ab12;remote=0000 user=x",
            "P>B INVITE 1 h=Session-ID:ab12",
            9000,
            true,
        ),
        (
            "another Session-ID",
            "A>P INVITE 1 h=Session-ID:ab12 user=x",
            "P>B INVITE 1 h=Session-ID:ab13",
            10,
            false,
        ),
        (
            "nil Session-ID",
            "A>P INVITE 1 h=Session-ID:0000 user=x",
            "P>B INVITE 1 h=Session-ID:0000",
            10,
            false,
        ),
        (
            "the other's half",
            "A>P INVITE 1 h=Session-ID:ab12;remote=cd34 user=x",
            "P>B INVITE 1 h=Session-ID:cd34;remote=00",
            10,
            true,
        ),
        (
            "ICID",
            "A>P INVITE 1 user=x h=P-Charging-Vector:icid-value=7;icid-generated-at=h",
            "Q>B INVITE 1 h=P-Charging-Vector:icid-value=\"7\"",
            9000,
            true,
        ),
        ("X-CID", "A>P INVITE 1 user=x", "Q>B INVITE 1 h=x-cid:call-1@a.example", 60_000, true),
        (
            "Replaces",
            "A>P INVITE 1 user=x",
            "C>B INVITE 1 h=Replaces:call-1@a.example;to-tag=b;from-tag=a",
            60_000,
            true,
        ),
        (
            "a common name",
            "A>P INVITE 1 user=x h=X-Correlation-ID:q",
            "Q>B INVITE 1 h=X-Correlation-ID:q",
            9000,
            true,
        ),
        ("host and users", "A>P INVITE 1", "P>B INVITE 1", 100, true),
        ("other user", "A>P INVITE 1", "P>B INVITE 1 user=carol", 100, false),
        (
            "the end of a number",
            "A>P INVITE 1 user=+4915112345678",
            "P>B INVITE 1 user=015112345678",
            100,
            true,
        ),
        ("too late", "A>P INVITE 1", "P>B INVITE 1", 6000, false),
        ("other host", "A>P INVITE 1", "Q>B INVITE 1", 100, false),
        ("the same way", "A>P INVITE 1", "A>P INVITE 1", 100, false),
        ("a media endpoint alone", "A>P INVITE 1 user=x sdp=A:4000", "Q>B INVITE 1 sdp=A:4000", 100, false),
    ] {
        assert_eq!(is_one(first, second, after_ms), expected, "{name}");
    }
}

/// Calls between two hosts that are all alike, as of a load generator, are not one.
#[test]
fn calls_that_are_alike() {
    let mut scene = Scene::new();
    for number in 0..100 {
        scene.call_id = format!("call-{number}");
        scene.step("A>B INVITE 1 sdp=A:4000");
        scene.step("B>A 200 1 INVITE");
        scene.step("A>B BYE 2");
    }
    assert_eq!(scene.calls.figures().correlated, 0);
}

use super::*;

#[test]
fn static_payload_types_have_their_clocks() {
    for (payload_type, name, clock_rate) in [
        (0, "PCMU", 8000),
        (6, "DVI4", 16_000),
        (9, "G722", 8000),
        (10, "L16", 44_100),
        (14, "MPA", 90_000),
        (18, "G729", 8000),
        (34, "H263", 90_000),
    ] {
        let format = static_format(payload_type).unwrap();
        assert_eq!((format.name, format.clock_rate), (name, clock_rate));
        assert_eq!(static_name(payload_type), name);
    }
    for (payload_type, name) in
        [(1, "unassigned"), (2, "unassigned"), (40, "dynamic"), (80, "unassigned"), (101, "dynamic")]
    {
        assert_eq!(static_format(payload_type), None);
        assert_eq!(static_name(payload_type), name);
    }
}

#[test]
fn impairments() {
    let of =
        |name: &str, clock_rate| impairment(name.as_bytes(), clock_rate).map(|found| (found.ie, found.bpl));
    for (name, clock_rate, expected) in [
        ("PCMU", 8000, Some((0.0, 25.1))),
        ("pcma", 8000, Some((0.0, 25.1))),
        ("G729", 8000, Some((11.0, 19.0))),
        ("G723", 8000, Some((15.0, 16.1))),
        ("AMR", 8000, Some((5.0, 10.0))),
        ("opus", 48_000, Some((0.0, 10.0))),
        ("dynamic", 16_000, Some((0.0, 10.0))),
        // No speech, and nothing known.
        ("H264", 90_000, None),
        ("Telephone-Event", 48_000, None),
        ("CN", 8000, None),
        ("dynamic", 0, None),
    ] {
        assert_eq!(of(name, clock_rate), expected, "{name}");
    }
}

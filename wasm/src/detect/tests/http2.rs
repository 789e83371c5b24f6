use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};
use super::*;

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// Fields of the static table, then content-type as a literal.
fn request(content_type: &[u8]) -> Vec<u8> {
    let block = [
        &[0x83, 0x86, 0x44, 10][..],
        b"/pkg.Svc/M",
        &[0x41, 9],
        b"a.example",
        &[0x5f, content_type.len() as u8],
        content_type,
        &[0x00, 13],
        b"authorization",
        &[6],
        b"secret",
    ]
    .concat();
    frame(kind::HEADERS, 0x28, 1, &[&[2, 0, 0, 0, 0, 16][..], &block, &[0, 0]].concat())
}

fn tcp(payload: &[u8]) -> Sent {
    sent(Carrier::Tcp, 40001, 50051, payload)
}

#[test]
fn grpc_is_told_by_its_content_type() {
    let start = [PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat();
    let (plain, grpc) = (request(b"text/html"), request(b"application/grpc+proto"));
    let (http2, named) = (Some("HTTP2"), Some("gRPC"));
    assert_eq!(names(&[tcp(&start), tcp(&plain), tcp(&plain)]), [http2; 3]);
    assert_eq!(names(&[tcp(&start), tcp(&grpc), tcp(&plain)]), [http2, named, named]);
    assert_eq!(names(&[tcp(&[&start[..], &grpc].concat())]), [named]);
    // "application/grpc" with Huffman coding, written without an index.
    let huffman = [0x0f, 0x10, 0x8b, 0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c, 0x4d, 0x65, 0x64];
    assert_eq!(names(&[tcp(&[&start[..], &frame(kind::HEADERS, 4, 1, &huffman)].concat())]), [named]);
    // lippycat's own port.
    assert_eq!(names(&[sent(Carrier::Tcp, 40001, 55555, &start)]), [named]);
    // The preface in two segments.
    assert_eq!(names(&[tcp(&start[..10]), tcp(&start[10..])]), [None, http2]);
}

#[test]
fn what_is_shown() {
    let start = [PREFACE, &frame(kind::SETTINGS, 0, 0, &[]), &request(b"application/grpc")].concat();
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    let (_, details, info) = judge(&mut detector, &mut flow, &tcp(&start));
    assert_eq!(info, "Magic, SETTINGS[0], HEADERS[1] POST /pkg.Svc/M");
    let value = |key: &str| details.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str());
    assert_eq!(value("path"), Some("/pkg.Svc/M"));
    assert_eq!(value("host"), Some("a.example"));
    assert_eq!(value("content_type"), Some("application/grpc"));
    assert_eq!(value("frame_type"), Some("SETTINGS"));
    assert!(!details.iter().any(|(_, text)| text.contains("secret")));
}

#[test]
fn frames_without_a_preface() {
    let settings = frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let cases: &[(&str, Vec<u8>, Option<&str>)] = &[
        ("settings", settings.clone(), Some("HTTP2")),
        ("settings of no kind known", frame(kind::SETTINGS, 0, 0, &[0, 99, 0, 0, 0, 100]), None),
        ("settings and ping", [&settings[..], &frame(kind::PING, 0, 0, &[0; 8])].concat(), Some("HTTP2")),
        ("settings and junk", [&settings[..], &[0xff; 20]].concat(), None),
        ("one data frame", frame(kind::DATA, 0, 1, &[1; 30]), None),
        (
            "two frames",
            [frame(kind::DATA, 0, 1, &[1; 30]), frame(kind::DATA, 1, 1, &[])].concat(),
            Some("HTTP2"),
        ),
        (
            "data on stream 0",
            [frame(kind::DATA, 0, 0, &[1; 30]), frame(kind::DATA, 1, 1, &[])].concat(),
            None,
        ),
        ("zeros", vec![0; 64], None),
    ];
    for (what, payload, expected) in cases {
        assert_eq!(names(&[tcp(payload)]), [*expected], "{what}");
    }
}

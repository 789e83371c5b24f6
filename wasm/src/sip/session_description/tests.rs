use super::*;
use crate::net::Address;

/// What a description of these lines tells, `;` between them: `kind address port`, more where it is out of the ordinary.
fn endpoints(lines: &str) -> Vec<String> {
    let mut told = Vec::new();
    Description::parse(text(lines).as_bytes()).for_each_endpoint(&mut |endpoint| told.push(shown(endpoint)));
    told
}

fn text(lines: &str) -> String {
    lines.split(';').map(|line| line.trim().to_owned() + "\r\n").collect()
}

fn shown(endpoint: Endpoint) -> String {
    let carries = match endpoint.carries {
        Carries::Rtp => "rtp",
        Carries::Rtcp if endpoint.is_fallback => "fallback",
        Carries::Rtcp => "rtcp",
        Carries::RtpAndRtcp => "both",
        Carries::Udptl => "udptl",
        Carries::Other => "other",
    };
    let tcp = if endpoint.is_tcp { " tcp" } else { "" };
    format!("{}{tcp} {carries} {} {}", endpoint.section, endpoint.address, endpoint.port)
}

#[test]
fn endpoints_of_media_sections() {
    const C: &str = "v=0;c=IN IP4 10.0.0.1;";
    let rows: &[(&str, &[&str])] = &[
        // Section 20.6 of the specification of the mode.
        ("c=IN IP4 10.0.0.1;m=audio 40000 RTP/AVP 0", &["0 rtp 10.0.0.1 40000", "0 rtcp 10.0.0.1 40001"]),
        (
            "c=IN IP4 10.0.0.1;m=audio 40000 RTP/AVP 0;c=IN IP4 10.0.0.9;m=audio 40002 RTP/AVP 0",
            &[
                "0 rtp 10.0.0.9 40000",
                "0 rtcp 10.0.0.9 40001",
                "1 rtp 10.0.0.1 40002",
                "1 rtcp 10.0.0.1 40003",
            ],
        ),
        ("m=audio 40000 RTP/AVP 0;c=IN IP4 10.0.0.2", &["0 rtp 10.0.0.2 40000", "0 rtcp 10.0.0.2 40001"]),
        (
            "c=IN IP6 2001:DB8:0::1;m=audio 40000 RTP/AVP 0",
            &["0 rtp 2001:db8::1 40000", "0 rtcp 2001:db8::1 40001"],
        ),
        (
            "C;m=audio 40000/2 RTP/AVP 0",
            &[
                "0 rtp 10.0.0.1 40000",
                "0 rtcp 10.0.0.1 40001",
                "0 rtp 10.0.0.1 40002",
                "0 rtcp 10.0.0.1 40003",
            ],
        ),
        ("C;m=audio 0 RTP/AVP 0", &[]),
        (
            "C;m=video 40004 RTP/AVP 31;m=audio 40000 RTP/AVP 0",
            &[
                "0 rtp 10.0.0.1 40004",
                "0 rtcp 10.0.0.1 40005",
                "1 rtp 10.0.0.1 40000",
                "1 rtcp 10.0.0.1 40001",
            ],
        ),
        ("C;m=audio 40000 RTP/AVP 0;a=rtcp:40011", &["0 rtcp 10.0.0.1 40011", "0 rtp 10.0.0.1 40000"]),
        ("C;m=audio 70000 RTP/AVP 0", &[]),
        // RTCP elsewhere, on the same port, or nowhere else.
        (
            "C;m=audio 40000 RTP/AVP 0;a=rtcp:53020 IN IP6 2001:db8::9",
            &["0 rtcp 2001:db8::9 53020", "0 rtp 10.0.0.1 40000"],
        ),
        ("C;m=audio 40000 RTP/AVP 0;a=rtcp:40000", &["0 both 10.0.0.1 40000"]),
        ("C;m=audio 40000 RTP/AVP 0;a=rtcp-mux", &["0 both 10.0.0.1 40000", "0 fallback 10.0.0.1 40001"]),
        (
            "C;m=audio 40000 RTP/AVP 0;a=rtcp-mux;a=rtcp:40007",
            &["0 rtcp 10.0.0.1 40007", "0 both 10.0.0.1 40000"],
        ),
        ("C;m=audio 40000 RTP/AVP 0;a=rtcp-mux-only", &["0 both 10.0.0.1 40000"]),
        (
            "C;m=audio 40000 RTP/AVP 0;a=rtcp:0;a=rtcp:x;a=rtcp",
            &["0 rtp 10.0.0.1 40000", "0 rtcp 10.0.0.1 40001"],
        ),
        ("m=audio 9 RTP/AVP 0;c=IN IP4 0.0.0.0;a=rtcp:9 IN IP4 0.0.0.0", &[]),
        // The end of the ports.
        ("C;m=audio 65535 RTP/AVP 0", &["0 rtp 10.0.0.1 65535"]),
        ("C;m=audio 65534/9 RTP/AVP 0", &["0 rtp 10.0.0.1 65534", "0 rtcp 10.0.0.1 65535"]),
        // Multicast: several addresses, one after the other.
        (
            "c=IN IP4 224.2.1.255/127/2;m=video 40000 RTP/AVP 31;a=rtcp-mux-only",
            &["0 both 224.2.1.255 40000", "0 both 224.2.2.0 40000"],
        ),
        (
            "c=IN IP4 224.2.1.1/127/2;m=video 40000/2 RTP/AVP 31;a=rtcp-mux-only",
            &["0 both 224.2.1.1 40000", "0 both 224.2.1.2 40002"],
        ),
        (
            "c=IN IP6 ff15::ffff/2;m=video 40000 RTP/AVP 31;a=rtcp-mux-only",
            &["0 both ff15::ffff 40000", "0 both ff15::1:0 40000"],
        ),
        ("c=IN IP4 224.2.1.1/127;m=audio 40000 RTP/AVP 0;a=rtcp-mux-only", &["0 both 224.2.1.1 40000"]),
        ("c=IN IP4 10.0.0.1/24/3;m=audio 40000 RTP/AVP 0;a=rtcp-mux-only", &["0 both 10.0.0.1 40000"]),
        ("c=IN IP6 2001:db8::1/64;m=audio 40000 RTP/AVP 0;a=rtcp-mux-only", &["0 both 2001:db8::1 40000"]),
        // Addresses in other forms, and none.
        ("c=IN IP6 ::ffff:10.0.0.2;m=audio 6 RTP/AVP 0;a=rtcp-mux-only", &["0 both 10.0.0.2 6"]),
        ("c=IN IP6 [fe80::1%eth0];m=audio 6 RTP/AVP 0;a=rtcp-mux-only", &["0 both fe80::1 6"]),
        ("c=in ip4 10.0.0.2 ;m=AUDIO 6 rtp/avp 0;A=RTCP-MUX-ONLY", &["0 both 10.0.0.2 6"]),
        ("c=10.0.0.2;m=audio 6 RTP/AVP 0;a=rtcp-mux-only", &["0 both 10.0.0.2 6"]),
        ("c=IN IP4 host.example.org;m=audio 6 RTP/AVP 0", &[]),
        ("c=IN IP6 ::;m=audio 6 RTP/AVP 0", &[]),
        ("c=IN IP6 ::ffff:0.0.0.0;m=audio 6 RTP/AVP 0", &[]),
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0;c=IN IP4 0.0.0.0", &[]),
        ("m=audio 6 RTP/AVP 0", &[]),
        // A line that cannot be read does not hide that of the session.
        ("C;m=audio 6 RTP/AVP 0;c=IN IP4;a=rtcp-mux-only", &["0 both 10.0.0.1 6"]),
        // The address of the section counts for RTCP too, wherever its line is.
        ("C;m=audio 6 RTP/AVP 0;a=rtcp:8;c=IN IP4 10.0.0.3", &["0 rtcp 10.0.0.3 8", "0 rtp 10.0.0.3 6"]),
        // Other media and transports.
        ("C;m=image 6 udptl t38", &["0 udptl 10.0.0.1 6"]),
        ("C;m=image 6/2 UDP/TLS/UDPTL t38", &["0 udptl 10.0.0.1 6", "0 udptl 10.0.0.1 7"]),
        ("C;m=image 6 TCP t38", &["0 tcp other 10.0.0.1 6"]),
        ("C;m=application 6 UDP/DTLS/SCTP webrtc-datachannel", &["0 other 10.0.0.1 6"]),
        ("C;m=video 6 UDP/TLS/RTP/SAVPF 96;a=rtcp-mux-only", &["0 both 10.0.0.1 6"]),
        ("C;m=audio 6 TCP/RTP/AVP 0", &["0 tcp rtp 10.0.0.1 6"]),
        ("C;m=audio 9 TCP/RTP/AVP 0;a=setup:active", &[]),
        ("C;m=message 7394 TCP/MSRP *", &["0 tcp other 10.0.0.1 7394"]),
        (
            "C;m=message 7394 TCP/MSRP *;a=path:msrp://10.0.0.7:7395/2s93i",
            &["0 tcp other 10.0.0.1 7394", "0 tcp other 10.0.0.7 7395"],
        ),
        (
            "C;m=message 7394 TCP/TLS/MSRP *;a=path:msrps://u@[2001:db8::2]:7394/x msrps://a:1/y",
            &["0 tcp other 10.0.0.1 7394", "0 tcp other 2001:db8::2 7394"],
        ),
        ("C;m=message 7394 TCP/MSRP *;a=path:msrp://10.0.0.1:7394/x", &["0 tcp other 10.0.0.1 7394"]),
        ("C;m=message 9 TCP/MSRP *;a=setup:active;a=path:msrp://10.0.0.1:9/x", &[]),
        // A second description is not this one's.
        ("C;m=audio 6 udptl t38;v=0;c=IN IP4 10.0.0.2;m=audio 8 udptl t38", &["0 udptl 10.0.0.1 6"]),
        ("C;v=0;m=audio 8 udptl t38", &[]),
        (
            "C;m=;m=audio;m=audio 6;m=audio x RTP/AVP 0;m=audio 6 RTP/AVP;=;a=;c=",
            &["2 other 10.0.0.1 6", "4 rtp 10.0.0.1 6", "4 rtcp 10.0.0.1 7"],
        ),
    ];
    for (lines, expected) in rows {
        assert_eq!(endpoints(&lines.replace("C;", C)), *expected, "{lines}");
    }
}

#[test]
fn line_ends_blanks_and_junk_change_nothing() {
    let lines = "v=0;o=a 1 2 IN IP4 10.0.0.1;s=-;c=IN IP4 10.0.0.1;t=0 0;m=audio 40000 RTP/AVP 0 96;a=rtpmap:96 opus/48000/2";
    let expected = read(text(lines).as_bytes());
    assert_eq!(expected.len(), 4);
    for variant in [
        text(lines).replace('\r', ""),
        text(lines).trim_end().to_owned(),
        text(lines).replace("\r\n", "\r\r\n"),
        text(lines).replace("\r\n", " \t\r\n\r\nx\r\n\0\r\n=\r\n:=1\r\n"),
        text(lines).replace("\r\n", "\r\n  "),
        text(lines).replace(' ', "  "),
        text(lines).replace(':', ": "),
        text(lines).replace("v=0\r\n", ""),
        text(lines).replace("a=rtpmap", "a=x:y\r\na=A=RTPMAP:96 x/1\r\nA=RtpMap"),
        text(
            "s=-;t=0 0;c=IN IP4 10.0.0.1;v=0;o=a 1 2 IN IP4 10.0.0.1;m=audio 40000 RTP/AVP 0 96;a=rtpmap:96 opus/48000/2",
        ),
    ] {
        assert_eq!(read(variant.as_bytes()), expected, "{variant:?}");
    }
}

/// All that a description tells.
fn read(text: &[u8]) -> Vec<String> {
    let description = Description::parse(text);
    let mut told = Vec::new();
    let omitted = description.for_each_endpoint(&mut |endpoint| told.push(shown(endpoint)));
    assert_eq!(omitted, 0);
    description
        .for_each_format(&mut |section, format| told.push(format!("{section} {}", format_text(format))));
    told
}

fn format_text(format: Format) -> String {
    let Format { payload_type, name, clock_rate, channels } = format;
    format!("{payload_type} {}/{clock_rate}/{channels}", name.escape_ascii())
}

#[test]
fn the_order_of_lines_within_a_section_does_not_matter() {
    let lines = [
        "c=IN IP4 10.0.0.3",
        "a=rtcp:40007 IN IP4 10.0.0.4",
        "a=rtcp-mux",
        "a=mid:a",
        "a=sendonly",
        "a=rtpmap:96 opus/48000/2",
        "a=ptime:30",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
        "a=candidate:1 1 UDP 1 10.0.0.5 5000 typ host",
        "a=fmtp:96 stereo=1",
    ];
    let mut expected = None;
    for turn in 0..lines.len() {
        let mut turned = lines;
        turned.rotate_left(turn);
        for lines in [turned, {
            turned.reverse();
            turned
        }] {
            let text = format!("c=IN IP4 10.0.0.1\nm=audio 40000 RTP/AVP 0 96\n{}\n", lines.join("\n"));
            let section = Description::parse(text.as_bytes()).sections().next().unwrap();
            let seen = (
                read(text.as_bytes()),
                (section.direction, section.packet_time_ms, section.is_encrypted(), section.is_held()),
                (section.mid.to_vec(), section.format_parameters(96).to_vec()),
            );
            assert_eq!(*expected.get_or_insert(seen.clone()), seen, "{text}");
        }
    }
    let (told, facts, names) = expected.unwrap();
    assert_eq!(
        told,
        [
            "0 rtcp 10.0.0.4 40007",
            "0 both 10.0.0.3 40000",
            "0 both 10.0.0.5 5000",
            "0 96 opus/48000/2",
            "0 0 PCMU/8000/1"
        ]
    );
    assert_eq!(facts, (Direction::SendOnly, 30, true, true));
    assert_eq!(names, (b"a".to_vec(), b"stereo=1".to_vec()));
}

#[test]
fn bundled_sections_share_the_transport_of_the_first_with_a_port() {
    let tail = "m=video 0 RTP/AVP 31;a=bundle-only;a=mid:v";
    let rows: &[(&str, &[&str])] = &[
        (
            "a=group:BUNDLE a v;m=audio 6 RTP/AVP 0;a=mid:a;a=rtcp-mux-only;TAIL",
            &["0 both 10.0.0.1 6", "1 both 10.0.0.1 6"],
        ),
        // The tagged section may come later, and by the order of the group, not of the sections.
        (
            "a=group:BUNDLE b v a;TAIL;m=audio 6 RTP/AVP 0;a=mid:a;m=audio 8 RTP/AVP 0;a=rtcp-mux-only;a=mid:b;c=IN IP4 10.0.0.2",
            &["0 both 10.0.0.2 8", "1 rtp 10.0.0.1 6", "1 rtcp 10.0.0.1 7", "2 both 10.0.0.2 8"],
        ),
        // The first of the group was refused.
        (
            "a=group:BUNDLE a b v;m=audio 0 RTP/AVP 0;a=mid:a;m=audio 8 RTP/AVP 0;a=mid:b;a=rtcp-mux-only;TAIL",
            &["1 both 10.0.0.1 8", "2 both 10.0.0.1 8"],
        ),
        // In a first offer each has its own, besides.
        (
            "a=group:BUNDLE a b;m=audio 6 RTP/AVP 0;a=mid:a;a=rtcp-mux-only;m=video 8 RTP/AVP 31;a=mid:b;a=rtcp-mux-only",
            &["0 both 10.0.0.1 6", "1 both 10.0.0.1 8"],
        ),
        // Two groups; a group of other semantics; no group; not in the group; nobody has a port.
        (
            "a=group:BUNDLE x;a=group:bundle v a;m=audio 6 udptl t38;a=mid:x;m=audio 8 udptl t38;a=mid:a;TAIL",
            &["0 udptl 10.0.0.1 6", "1 udptl 10.0.0.1 8", "2 udptl 10.0.0.1 8"],
        ),
        ("a=group:LS a v;m=audio 6 udptl t38;a=mid:a;TAIL", &["0 udptl 10.0.0.1 6"]),
        ("m=audio 6 udptl t38;a=mid:a;TAIL", &["0 udptl 10.0.0.1 6"]),
        ("a=group:BUNDLE a;m=audio 6 udptl t38;a=mid:a;TAIL", &["0 udptl 10.0.0.1 6"]),
        ("a=group:BUNDLE a v;m=audio 0 udptl t38;a=mid:a;TAIL", &[]),
        // Without `bundle-only`, port 0 is a refusal.
        (
            "a=group:BUNDLE a v;m=audio 6 udptl t38;a=mid:a;m=video 0 RTP/AVP 31;a=mid:v",
            &["0 udptl 10.0.0.1 6"],
        ),
    ];
    for (lines, expected) in rows {
        let lines = format!("c=IN IP4 10.0.0.1;{}", lines.replace("TAIL", tail));
        assert_eq!(endpoints(&lines), *expected, "{lines}");
    }
}

#[test]
fn candidates_are_further_endpoints() {
    let section = "c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0";
    let mut expected = vec!["0 rtp 10.0.0.1 6", "0 rtcp 10.0.0.1 7"];
    let lines = [
        "a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host",
        "a=candidate:1 2 udp 2130706430 203.0.113.141 8999 typ host",
        "a=candidate:2 1 UDP 1694498815 2001:db8::5 45664 typ srflx raddr 203.0.113.141 rport 8998",
        "a=candidate:3 1 TCP 1 203.0.113.141 9 typ host tcptype active",
        "a=candidate:4 1 TCP 1 203.0.113.141 8997 typ host tcptype passive",
        "a=candidate:5 1 UDP 1 f3f9d1b2-e1d7.local 5000 typ host",
        "a=candidate:6 1 UDP 1 0.0.0.0 5000 typ host",
        "a=candidate:7 1 UDP 1 203.0.113.141 0 typ host",
        "a=candidate:8 1 UDP 1 203.0.113.141 65536 typ host",
        "a=candidate:9 1 SCTP 1 203.0.113.141 5000 typ host",
        "a=candidate:9 1 UDP 1 203.0.113.141",
        "a=candidate:",
    ];
    let all = format!("{section};{}", lines.join(";"));
    expected.extend(["0 rtp 203.0.113.141 8998", "0 rtcp 203.0.113.141 8999", "0 rtp 2001:db8::5 45664"]);
    expected.push("0 tcp rtp 203.0.113.141 8997");
    assert_eq!(endpoints(&all), expected);
    // Trickled so far: no address yet, and no hold.
    let trickle = text(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111;c=IN IP4 0.0.0.0;a=rtcp-mux;a=ice-ufrag:x;a=candidate:1 1 UDP 1 10.0.0.2 4000 typ host",
    );
    let description = Description::parse(trickle.as_bytes());
    assert!(!description.is_held());
    assert_eq!(read(trickle.as_bytes()), ["0 both 10.0.0.2 4000"]);
    // Those of a refused section count for nothing.
    assert_eq!(endpoints(&format!("m=audio 0 RTP/AVP 0;{}", lines[0])), [""; 0]);
}

#[test]
fn formats_of_rtp() {
    let rows: &[(&str, &[&str])] = &[
        ("m=audio 6 RTP/AVP 0 8 101", &["0 0 PCMU/8000/1", "0 8 PCMA/8000/1"]),
        (
            "m=audio 6 RTP/AVP 0 96 101;a=rtpmap:96 opus/48000/2;a=rtpmap:101 telephone-event/8000;a=fmtp:101 0-16",
            &["0 96 opus/48000/2", "0 101 telephone-event/8000/1", "0 0 PCMU/8000/1"],
        ),
        // An explanation counts more than the table, the first one most.
        ("m=audio 6 RTP/AVP 0;a=rtpmap:0 L8/16000;a=rtpmap:0 PCMU/8000", &["0 0 L8/16000/1"]),
        (
            "m=audio 6 RTP/AVP 9 96;a=rtpmap:9 G722/16000;a=rtpmap:96 g722/16000/1",
            &["0 9 G722/8000/1", "0 96 g722/8000/1"],
        ),
        ("m=audio 6 RTP/AVP 96;a=rtpmap: 96  opus/48000/2/x", &["0 96 opus/48000/2"]),
        (
            "m=audio 6 RTP/AVP 96;a=rtpmap:96 x;a=rtpmap:97 y/;a=rtpmap:98 z/0/0;a=rtpmap:99 w/1/999",
            &["0 96 x/0/1", "0 97 y/0/1", "0 98 z/0/1", "0 99 w/1/255"],
        ),
        (
            "m=audio 6 RTP/AVP 128 256 x 1 0x 0 0  18 -3;a=rtpmap:96;a=rtpmap:;a=rtpmap:97 /8000;a=rtpmap:128 a/1;a=rtpmap:x b/1",
            &["0 0 PCMU/8000/1", "0 18 G729/8000/1"],
        ),
        (
            "m=audio 6 RTP/AVP 96;a=rtpmap:96 a\u{7f}b/8000;a=rtpmap:97 caf\u{e9}/8000",
            &["0 96 a/0/1", "0 97 caf/0/1"],
        ),
        // Each section has its own.
        (
            "a=rtpmap:96 no/1;m=audio 6 RTP/AVP 96;a=rtpmap:96 opus/48000/2;m=video 8 RTP/SAVPF 96;a=rtpmap:96 VP8/90000",
            &["0 96 opus/48000/2", "1 96 VP8/90000/1"],
        ),
        (
            "m=image 6 udptl 0;m=message 7 TCP/MSRP 0;m=text 8 RTP/AVP 98;a=rtpmap:98 t140/1000",
            &["2 98 t140/1000/1"],
        ),
    ];
    for (lines, expected) in rows {
        let mut told = Vec::new();
        let text = text(lines);
        Description::parse(text.as_bytes())
            .for_each_format(&mut |section, format| told.push(format!("{section} {}", format_text(format))));
        assert_eq!(told, *expected, "{lines}");
    }
}

/// RFC 3551 tables 4 and 5.
#[test]
fn static_payload_types() {
    let table = "0 PCMU/8000/1;3 GSM/8000/1;4 G723/8000/1;5 DVI4/8000/1;6 DVI4/16000/1;7 LPC/8000/1;8 PCMA/8000/1;\
        9 G722/8000/1;10 L16/44100/2;11 L16/44100/1;12 QCELP/8000/1;13 CN/8000/1;14 MPA/90000/1;15 G728/8000/1;\
        16 DVI4/11025/1;17 DVI4/22050/1;18 G729/8000/1;25 CelB/90000/1;26 JPEG/90000/1;28 nv/90000/1;31 H261/90000/1;\
        32 MPV/90000/1;33 MP2T/90000/1;34 H263/90000/1";
    let formats: Vec<String> = (0..=255).filter_map(static_format).map(format_text).collect();
    assert_eq!(formats.join(";"), table);
    assert!(static_format(13).unwrap().is_comfort_noise());
    assert!(!static_format(0).unwrap().is_telephone_event());
    let event = text("m=audio 6 RTP/AVP 101;a=rtpmap:101 Telephone-Event/8000");
    let mut is_event = false;
    Description::parse(event.as_bytes())
        .for_each_format(&mut |_, format| is_event = format.is_telephone_event());
    assert!(is_event);
}

#[test]
fn codecs() {
    let text = b"v=0\r\nm=audio 4000 RTP/AVP 0 96 18\r\na=rtpmap:96 opus/48000/2\r\nm=image 1 udptl t38\r\n\
        m=video 5 RTP/SAVPF 97 x\r\nA=RTPMAP:97 H264/90000\r\na=rtpmap:98\r\n";
    let mut names = Vec::new();
    for_each_codec(text, &mut |name| names.push(String::from_utf8_lossy(name).into_owned()));
    assert_eq!(names, ["opus", "PCMU", "G729", "H264"]);
    assert_eq!(static_codec(96), "");
    assert_eq!(static_codec(1), "");
}

#[test]
fn hold_refusal_and_direction() {
    use Direction::{Inactive, ReceiveOnly, SendOnly, SendReceive};
    // Direction of the first section, whether it is held, refused, and whether the whole description is held.
    let rows = [
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0", SendReceive, false, false, false),
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0;a=sendonly", SendOnly, true, false, true),
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0;a=inactive", Inactive, true, false, true),
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0;a=recvonly", ReceiveOnly, false, false, false),
        ("c=IN IP4 10.0.0.1;a=inactive;m=audio 6 RTP/AVP 0", Inactive, true, false, true),
        ("c=IN IP4 10.0.0.1;a=inactive;m=audio 6 RTP/AVP 0;a=sendrecv", SendReceive, false, false, false),
        ("c=IN IP4 0.0.0.0;m=audio 6 RTP/AVP 0", SendReceive, true, false, true),
        ("c=IN IP6 ::;m=audio 6 RTP/AVP 0", SendReceive, true, false, true),
        ("c=IN IP4 10.0.0.1;m=audio 6 RTP/AVP 0;c=IN IP4 0.0.0.0", SendReceive, true, false, true),
        ("c=IN IP4 0.0.0.0;m=audio 6 RTP/AVP 0;c=IN IP4 10.0.0.1", SendReceive, false, false, false),
        ("c=IN IP4 0.0.0.0;m=audio 9 RTP/AVP 0", SendReceive, false, false, false),
        ("c=IN IP4 0.0.0.0;a=ice-ufrag:x;m=audio 6 RTP/AVP 0", SendReceive, false, false, false),
        ("c=IN IP4 10.0.0.1;m=audio 0 RTP/AVP 0", SendReceive, false, true, false),
        ("m=audio 6 RTP/AVP 0;a=sendonly;m=video 8 RTP/AVP 31", SendOnly, true, false, false),
        ("m=audio 6 RTP/AVP 0;a=sendonly;m=video 0 RTP/AVP 31", SendOnly, true, false, true),
        ("m=video 0 RTP/AVP 0;a=bundle-only", SendReceive, false, false, false),
    ];
    for (lines, direction, is_held, is_refused, all_held) in rows {
        let text = text(lines);
        let description = Description::parse(text.as_bytes());
        let section = description.sections().next().unwrap();
        let seen = (section.direction, section.is_held(), section.is_refused(), description.is_held());
        assert_eq!(seen, (direction, is_held, is_refused, all_held), "{lines}");
    }
    assert!(!Description::parse(b"v=0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n").is_held());
}

#[test]
fn encryption() {
    for (lines, expected) in [
        ("m=audio 6 RTP/AVP 0", false),
        ("m=audio 6 RTP/SAVP 0", true),
        ("m=audio 6 UDP/TLS/RTP/SAVPF 0", true),
        ("m=message 6 TCP/TLS/MSRP *", true),
        ("m=application 6 UDP/DTLS/SCTP x", true),
        ("m=audio 6 RTP/AVP 0;a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", true),
        ("m=audio 6 RTP/AVP 0;a=fingerprint:sha-256 AB", true),
        ("a=fingerprint:sha-256 AB;m=audio 6 RTP/AVP 0", true),
        ("m=audio 6 RTP/AVP 0;a=key-mgmt:mikey x", true),
        ("m=audio 6 RTP/AVP 0;a=setup:actpass", true),
        ("m=message 6 TCP/MSRP *;a=setup:passive", false),
        ("m=audio 6 RTP/AVP 0;m=audio 6 RTP/SAVP 0", false),
    ] {
        let text = text(lines);
        let section = Description::parse(text.as_bytes()).sections().next().unwrap();
        assert_eq!(section.is_encrypted(), expected, "{lines}");
    }
}

#[test]
fn origins_and_parts_of_a_section() {
    let text = text(
        "o=jdoe 3724394400 3724394405 IN IP6 2001:db8::1;m=audio 49170/3 RTP/AVP 0 8 ;a=mid:1;a=ptime:20;a=fmtp:8 a=b; ;a=fmtp:8 c",
    );
    let description = Description::parse(text.as_bytes());
    let origin =
        Origin { user: b"jdoe", session_id: b"3724394400", version: b"3724394405", host: b"2001:db8::1" };
    assert_eq!(description.origin(), origin);
    assert_eq!(
        Description::parse(b"o=a b").origin(),
        Origin { user: b"a", session_id: b"b", ..Origin::default() }
    );
    assert_eq!(Description::parse(b"").origin(), Origin::default());
    let section = description.sections().next().unwrap();
    assert_eq!((section.media, section.port, section.ports), (Media::Audio, 49170, 3));
    assert_eq!(
        (section.protocol.name, section.formats, section.mid),
        (&b"RTP/AVP"[..], &b"0 8"[..], &b"1"[..])
    );
    assert_eq!((section.packet_time_ms, section.connection), (20, Connection::Missing));
    assert_eq!((section.format_parameters(8), section.format_parameters(0)), (&b"a=b"[..], &b""[..]));
    for (name, media) in [
        ("video", Media::Video),
        ("Image", Media::Image),
        ("text", Media::Text),
        ("message", Media::Message),
        ("application", Media::Application),
        ("control", Media::Other),
        ("", Media::Other),
    ] {
        let text = format!("m={name} 1 RTP/AVP 0");
        assert_eq!(Description::parse(text.as_bytes()).sections().next().unwrap().media, media, "{name}");
    }
    let name = self::text("c=IN IP4 media.example.org;m=audio 6 RTP/AVP 0");
    let section = Description::parse(name.as_bytes()).sections().next().unwrap();
    assert_eq!(section.connection, Connection::Name(b"media.example.org"));
    assert_eq!(Connection::parse(b"IN IP4 10.0.0.1").address(), Some(Address::v4([10, 0, 0, 1])));
}

#[test]
fn what_is_too_much_is_counted() {
    let count = |text: &str| {
        let (mut told, description) = (0, Description::parse(text.as_bytes()));
        let omitted = description.for_each_endpoint(&mut |_| told += 1);
        (description.sections().count(), told, omitted)
    };
    let line = "m=image 6 udptl t38\n";
    let session = "c=IN IP4 10.0.0.1\n";
    assert_eq!(count(&(session.to_owned() + &line.repeat(64))), (64, 64, 0));
    assert_eq!(count(&(session.to_owned() + &line.repeat(100) + "v=0\n" + line)), (64, 64, 36));
    assert_eq!(count("c=IN IP4 10.0.0.1\nm=image 60/200 udptl t38\n"), (1, 8, 192));
    assert_eq!(count("c=IN IP4 224.0.0.1/1/20\nm=image 6 udptl t38\n"), (1, 8, 12));
    let candidates = "a=candidate:1 1 UDP 1 10.0.0.2 4000 typ host\n".repeat(40);
    assert_eq!(count(&format!("m=image 6 udptl t38\n{candidates}")), (1, 32, 8));
    assert_eq!(count(&format!("m=image 6 udptl t38\n{candidates}").repeat(10)), (10, 256, 64 + 80));
    // Every format that there is, once.
    let maps: String = (0..1000).map(|number| format!("a=rtpmap:{} x/1\n", number % 128)).collect();
    let text = format!("m=audio 6 RTP/AVP 0\n{maps}");
    let mut formats = 0;
    Description::parse(text.as_bytes()).for_each_format(&mut |_, _| formats += 1);
    assert_eq!(formats, 128);
}

/// Every beginning of a description, and any damage to it, is read without a panic; what a beginning tells of sections
/// that are complete in it stays.
#[test]
fn beginnings_and_damage() {
    let whole = text(
        "v=0;o=- 1 2 IN IP4 10.0.0.1;s=-;c=IN IP4 224.2.1.1/127/3;a=group:BUNDLE a v;t=0 0;\
        m=audio 40000/2 RTP/AVP 0 96;c=IN IP6 2001:db8::1;a=rtcp:53020 IN IP4 10.0.0.4;a=rtpmap:96 opus/48000/2;a=mid:a;\
        a=candidate:1 1 UDP 1 10.0.0.5 5000 typ host;a=fmtp:96 x=1;m=video 0 RTP/AVP 31;a=bundle-only;a=mid:v;\
        m=message 7394 TCP/MSRP *;a=path:msrp://10.0.0.7:7395/x",
    );
    let sections: Vec<usize> =
        memchr::memmem::find_iter(whole.as_bytes(), b"\nm=").map(|at| at + 1).collect();
    assert_eq!(sections.len(), 3);
    let all = read(whole.as_bytes());
    for end in 0..=whole.len() {
        let told = read(&whole.as_bytes()[..end]);
        if end < sections[0] {
            assert!(told.is_empty(), "{told:?}");
        }
        let complete = sections.iter().skip(1).filter(|start| end >= **start).count();
        for entry in all.iter().filter(|entry| entry[..1].parse::<usize>().unwrap() < complete) {
            assert!(told.contains(entry), "{entry} at {end}: {told:?}");
        }
    }
    let mut state = 1u32;
    for _ in 0..20_000 {
        let mut damaged = whole.clone().into_bytes();
        for _ in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % damaged.len();
            damaged[at] = [b'\n', b'=', b':', b' ', b'/', b'9', b'm', 0xff][(state >> 5 & 7) as usize];
        }
        let description = Description::parse(&damaged);
        description.for_each_endpoint(&mut |endpoint| {
            assert!(endpoint.port != 0 && endpoint.port != 9 && endpoint.address.bits() != 0);
        });
        description
            .for_each_format(&mut |_, format| assert!(format.payload_type < 128 && !format.name.is_empty()));
        for section in description.sections() {
            section.format_parameters(96);
        }
    }
}

#[test]
fn long_descriptions_are_read() {
    let filler = "a=x:".to_owned() + &"y".repeat(65_536) + "\n";
    let text = format!("{filler}c=IN IP4 10.0.0.1\n{filler}m=image 6 udptl t38\n{filler}c=IN IP4 10.0.0.2\n");
    assert_eq!(read(text.as_bytes()), ["0 udptl 10.0.0.2 6"]);
    // No shape of text takes more than one reading per section.
    for line in [
        "v=0\n",
        "m=\n",
        "a=group:BUNDLE x x x\n",
        "m=a 0 x\na=bundle-only\n",
        "a=rtpmap:1 a\n",
        "=",
        "\n",
        "c=x\n",
    ] {
        let text =
            "m=a 0 x\na=bundle-only\na=group:BUNDLE x\n".to_owned() + &line.repeat(65_536 / line.len());
        let description = Description::parse(text.as_bytes());
        assert_eq!(description.for_each_endpoint(&mut |_| {}), description_overflow(&text), "{line:?}");
    }
}

fn description_overflow(text: &str) -> u32 {
    (text.matches("m=").count() as u32).saturating_sub(MOST_SECTIONS.into())
}

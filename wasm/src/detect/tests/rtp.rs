use super::super::tests::{Flow, Random, Sent, judge, names, sent};
use super::super::{Carrier, Detector};
use super::codec;

/// An RTP packet of 20 bytes.
fn rtp(payload_type: u8, sequence: u16, source: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.extend([0xd5; 8]);
    packet
}

fn udp(payload: Vec<u8>) -> Sent {
    sent(Carrier::Udp, 7001, 7003, &payload)
}

fn back(payload: Vec<u8>) -> Sent {
    Sent { reverse: true, ..sent(Carrier::Udp, 7003, 7001, &payload) }
}

const YES: Option<&str> = Some("RTP");

#[test]
fn two_in_sequence_of_one_source_and_direction() {
    assert_eq!(names(&[udp(rtp(0, 65535, 1)), udp(rtp(0, 0, 1))]), [None, YES]);
    assert_eq!(names(&[udp(rtp(0, 1, 1)), udp(rtp(0, 3, 1)), udp(rtp(0, 2, 1))]), [None; 3]);
    assert_eq!(names(&[udp(rtp(0, 1, 1)), udp(rtp(0, 2, 2))]), [None; 2]);
    assert_eq!(names(&[udp(rtp(0, 1, 1)), back(rtp(0, 2, 1))]), [None; 2]);
    assert_eq!(names(&[udp(rtp(80, 1, 1)), udp(rtp(80, 2, 1))]), [None; 2]);
    // Each direction is on probation by itself, whatever lies between.
    let packets =
        [udp(rtp(0, 1, 1)), back(rtp(8, 7, 2)), back(vec![0; 4]), udp(rtp(0, 2, 1)), back(rtp(8, 8, 2))];
    assert_eq!(names(&packets), [None, None, None, YES, YES]);
}

#[test]
fn sources_and_payload_types_of_a_known_flow() {
    let start = [udp(rtp(0, 1, 1)), udp(rtp(0, 2, 1))];
    let after = |packets: &[Sent]| names(&[&start, packets].concat())[2..].to_vec();
    // Any type and any sequence number of a known source; a new source with a known type.
    assert_eq!(
        after(&[udp(rtp(13, 9000, 1)), udp(rtp(101, 40, 1)), udp(rtp(0, 77, 5)), back(rtp(0, 9, 6))]),
        [YES; 4]
    );
    // A new source with a new type is on probation; several sources may take turns.
    assert_eq!(
        after(&[
            udp(rtp(96, 5, 9)),
            udp(rtp(0, 3, 1)),
            udp(rtp(96, 6, 9)),
            udp(rtp(0, 4, 1)),
            udp(rtp(96, 7, 9))
        ]),
        [None, YES, YES, YES, YES]
    );
    // No RTP: too short, another version, an extension beyond the end, impossible padding.
    let mut extended = rtp(0, 3, 4);
    extended[0] = 0x90;
    extended[15] = 9;
    let mut padded = rtp(0, 3, 4);
    padded[0] = 0xa0;
    let mut version = rtp(0, 3, 1);
    version[0] = 0x40;
    assert_eq!(
        after(&[udp(vec![0x80]), udp(vec![0; 20]), udp(version), udp(extended), udp(padded)]),
        [None; 5]
    );
}

#[test]
fn what_shares_the_port_has_its_own_name() {
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let rtcp = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    // Encrypted: only the first header can be read.
    let srtcp =
        vec![0x81, 202, 0, 6, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1, 2];
    let packets =
        [stun.clone(), rtp(111, 1, 1), rtp(111, 2, 1), stun, rtcp.clone(), srtcp.clone(), rtp(111, 3, 1)];
    assert_eq!(
        names(&packets.map(udp)),
        [Some("STUN"), None, YES, Some("STUN"), Some("RTCP"), Some("RTCP"), YES]
    );
    assert_eq!(names(&[udp(srtcp)]), [None]);
    assert_eq!(names(&[udp(rtcp), udp(rtp(0, 1, 1)), udp(rtp(0, 2, 1))]), [Some("RTCP"), None, YES]);
}

#[test]
fn a_flow_that_was_given_up_is_looked_at_again_when_media_are_announced() {
    let mut detector = Detector::new();
    let (mut media, mut signalling) = (Flow::default(), Flow::default());
    let packet = |sequence| udp(rtp(0, sequence, 1));
    for number in 0..20 {
        assert_eq!(judge(&mut detector, &mut media, &packet(number * 2)).0, None);
    }
    let invite = |port: u16| {
        let text = format!(
            "INVITE sip:b@x SIP/2.0\r\nCall-ID: abc\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm=audio {port} RTP/AVP 0\r\n"
        );
        sent(Carrier::Udp, 5060, 5060, text.as_bytes())
    };
    judge(&mut detector, &mut signalling, &invite(9000));
    assert_eq!(judge(&mut detector, &mut media, &packet(90)).0, None);
    judge(&mut detector, &mut signalling, &invite(7003));
    let (name, details, _) = judge(&mut detector, &mut media, &packet(92));
    assert_eq!(name, YES);
    assert!(details.contains(&("call_id", "abc".into())), "{details:?}");
    assert!(details.contains(&("sip_correlated", "true".into())));
    assert_eq!(judge(&mut detector, &mut media, &back(rtp(8, 1, 7))).0, YES);
}

#[test]
fn says_its_header() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &udp(rtp(8, 1, 0xabc)));
    let (_, details, info) = judge(&mut detector, &mut flow, &udp(rtp(0x88, 2, 0xabc)));
    assert_eq!(info, "PT=PCMA, SSRC=0x00000abc, Seq=2, Time=320, Mark");
    for (key, value) in [
        ("version", "2"),
        ("padding", "false"),
        ("extension", "false"),
        ("csrc_count", "0"),
        ("marker", "true"),
        ("payload_type", "8"),
        ("codec", "PCMA"),
        ("sequence_number", "2"),
        ("timestamp", "320"),
        ("ssrc", "2748"),
    ] {
        assert!(details.contains(&(key, value.into())), "{key}: {details:?}");
    }
}

#[test]
fn frames_in_a_stream() {
    let frame = |payload: Vec<u8>| [vec![0, payload.len() as u8], payload].concat();
    let tcp = |payload: Vec<u8>| sent(Carrier::Tcp, 7001, 7003, &payload);
    let (first, second) = (frame(rtp(0, 1, 1)), frame(rtp(0, 2, 1)));
    assert_eq!(names(&[tcp([first.clone(), second.clone()].concat())]), [YES]);
    assert_eq!(names(&[tcp(first.clone()), tcp(second.clone()), tcp(vec![9])]), [None, YES, YES]);
    assert_eq!(names(&[tcp([first.clone(), first.clone()].concat())]), [None]);
    let rtcp = frame(vec![0x80, 201, 0, 1, 0, 0, 0, 1]);
    assert_eq!(names(&[tcp([first.clone(), rtcp, second].concat())]), [YES]);
    assert_eq!(names(&[tcp(first[..10].to_vec()), tcp(first[10..].to_vec())]), [None, None]);
}

#[test]
fn random_packets_in_a_known_flow_are_not_taken_for_it() {
    let (mut detector, mut flow) = (Detector::new(), Flow::default());
    judge(&mut detector, &mut flow, &udp(rtp(0, 1, 1)));
    judge(&mut detector, &mut flow, &udp(rtp(0, 2, 1)));
    let mut random = Random(5);
    let found =
        (0..2000).filter(|_| judge(&mut detector, &mut flow, &udp(random.bytes(60))).0 == YES).count();
    // A quarter has the version, and of these one in 64 the type.
    assert!(found < 20, "{found}");
}

#[test]
fn static_payload_types() {
    for (number, name) in
        [(0, "PCMU"), (8, "PCMA"), (18, "G729"), (101, "dynamic"), (40, "dynamic"), (1, "unassigned")]
    {
        assert_eq!(codec(number), name);
    }
}

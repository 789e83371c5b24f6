use super::super::tests::{Flow, Sent, judge, names, sent};
use super::super::{Carrier, Detector};

fn udp(payload: &[u8]) -> Sent {
    sent(Carrier::Udp, 40001, 40003, payload)
}

const RECEIVER: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 5];
const DESCRIPTION: [u8; 12] = [0x81, 202, 0, 2, 0, 0, 0, 5, 1, 0, 0, 0];
const GOODBYE: [u8; 8] = [0x81, 203, 0, 1, 0, 0, 0, 5];

fn sender(reports: usize) -> Vec<u8> {
    let mut packet = vec![0x80 | reports as u8, 200, 0, 6 + 6 * reports as u8];
    packet.resize(28 + 24 * reports, 3);
    packet
}

#[test]
fn lengths_must_add_up() {
    let padded = |at: usize, mut packet: Vec<u8>| {
        packet[at] |= 0x20;
        packet
    };
    let compound = [&RECEIVER[..], &DESCRIPTION, &GOODBYE].concat();
    for (packet, expected) in [
        (RECEIVER.to_vec(), Some("RTCP")),
        (sender(0), Some("RTCP")),
        (sender(2), Some("RTCP")),
        (compound.clone(), Some("RTCP")),
        // Reduced size (RFC 5506): feedback alone.
        (vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], Some("RTCP")),
        (padded(20, compound.clone()), Some("RTCP")),
        (padded(0, compound.clone()), None),
        (compound[..compound.len() - 4].to_vec(), None),
        ([&RECEIVER[..], &[0; 4]].concat(), None),
        (DESCRIPTION.to_vec(), None),
        // Fewer words than its reports need.
        (vec![0x81, 201, 0, 1, 0, 0, 0, 5], None),
        (vec![0x80, 200, 0, 1, 0, 0, 0, 5], None),
        (vec![0x40, 201, 0, 1, 0, 0, 0, 5], None),
    ] {
        assert_eq!(names(&[udp(&packet)]), [expected], "{packet:?}");
    }
}

#[test]
fn says_its_packets() {
    let compound = [&sender(1)[..], &DESCRIPTION].concat();
    let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &udp(&compound));
    assert_eq!(info, "Sender report, Source description, SSRC=0x03030303");
    assert!(details.contains(&("packet_types", "SR,SDES".into())), "{details:?}");
    assert!(details.contains(&("pt", "200".into())));
}

#[test]
fn where_it_was_announced_any_packet_counts() {
    let (mut detector, mut signalling) = (Detector::new(), Flow::default());
    let invite = b"INVITE sip:b@x SIP/2.0\r\nCall-ID: 7\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 40002 RTP/AVP 0\r\n";
    judge(&mut detector, &mut signalling, &sent(Carrier::Udp, 5060, 5060, invite));
    let mut media = Flow::default();
    let (name, details, _) = judge(&mut detector, &mut media, &udp(&DESCRIPTION));
    assert_eq!(name, Some("RTCP"));
    assert!(details.contains(&("call_id", "7".into())), "{details:?}");
}

use super::super::tests::Random;
use super::*;

/// A packet of this type with this count, and its length.
fn packet(packet_type: u8, count: u8, content: &[u8]) -> Vec<u8> {
    assert_eq!(content.len() % 4, 0);
    [&[0x80 | count, packet_type, 0, content.len() as u8 / 4][..], content].concat()
}

const SSRC: [u8; 4] = [0, 0, 0, 9];
const BLOCK: [u8; 24] =
    [0, 0, 0, 7, 64, 0xff, 0xff, 0xfe, 0, 1, 0, 5, 0, 0, 0, 80, 0x11, 0x22, 0x33, 0x44, 0, 1, 0, 0];

fn sender_report() -> Vec<u8> {
    let sent = [1, 2, 3, 4, 0x80, 0, 0, 0, 0, 0, 1, 64, 0, 0, 0, 50, 0, 0, 31, 64];
    packet(200, 1, &[&SSRC[..], &sent, &BLOCK].concat())
}

fn description() -> Vec<u8> {
    // A chunk with two items, one without, one whose item ends with its word.
    let content = [
        &SSRC[..],
        b"\x01\x03a@b\x06\x02hi\0\0\0",
        &[0, 0, 0, 8],
        &[0; 4],
        &[0, 0, 0, 6],
        b"\x01\x06012345",
        &[0; 4],
    ];
    packet(202, 3, &content.concat())
}

fn goodbye() -> Vec<u8> {
    packet(203, 2, &[&SSRC[..], &[0, 0, 0, 8], b"\x03end"].concat())
}

fn extended_report() -> Vec<u8> {
    let metrics = [
        7, 0, 0, 8, 0, 0, 0, 7, 26, 13, 128, 3, 0, 100, 1, 0, 0, 40, 0, 60, 0xec, 0xc4, 40, 16, 88, 127, 41,
        40, 0xb0, 0, 0, 50, 0, 80, 0, 200,
    ];
    packet(207, 0, &[&SSRC[..], &[4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8], &metrics].concat())
}

/// What of a datagram is shown.
fn found(bytes: &[u8]) -> Vec<Packet<'_>> {
    let mut packets = Vec::new();
    for_each_packet(bytes, &mut |packet| packets.push(packet));
    packets
}

#[test]
fn reads_a_compound() {
    let application = packet(204, 5, &[&SSRC[..], b"namedata"].concat());
    let feedback = packet(205, 1, &[&SSRC[..], &[0, 0, 0, 7, 0, 1, 0, 0]].concat());
    let compound =
        [sender_report(), description(), goodbye(), application, feedback, extended_report()].concat();
    let packets = found(&compound);
    assert_eq!(packets.len(), 6);
    let Packet::SenderReport { ssrc: 9, ntp_timestamp: 0x0102_0304_8000_0000, mut reports } = packets[0]
    else {
        panic!("{packets:?}")
    };
    assert_eq!(
        reports.next(),
        Some(ReportBlock {
            ssrc: 7,
            fraction_lost: 64,
            cumulative_lost: -2,
            jitter: 80,
            last_sender_report: 0x1122_3344,
            delay_since: 65_536,
        })
    );
    assert_eq!(reports.next(), None);
    let others = packets[1..5].iter().map(|packet| match packet {
        Packet::Other { packet_type, ssrc } => (*packet_type, *ssrc),
        other => panic!("{other:?}"),
    });
    assert_eq!(others.collect::<Vec<_>>(), [202, 203, 204, 205].map(|packet_type| (packet_type, Some(9))));
    let Packet::ExtendedReport { ssrc: 9, mut metrics } = packets[5] else { panic!("{packets:?}") };
    let voice = metrics.next().unwrap();
    assert_eq!(voice, VoipMetrics { ssrc: 7, r_factor: 88, mos_cq: 40 });
    assert_eq!(metrics.next(), None);
}

#[test]
fn reduced_size_and_padding() {
    let receiver = packet(201, 1, &[&SSRC[..], &BLOCK].concat());
    assert!(matches!(found(&receiver)[..], [Packet::ReceiverReport { ssrc: 9, .. }]));
    assert_eq!(found(&goodbye()).len(), 1);
    // Padding of the last packet is no reason.
    let mut padded = packet(203, 1, &[&SSRC[..], &[0, 0, 0, 4]].concat());
    padded[0] |= 0x20;
    let compound = [receiver.clone(), padded.clone()].concat();
    assert_eq!(found(&compound)[1], Packet::Other { packet_type: 203, ssrc: Some(9) });
    // Of another packet it is not allowed.
    let other = Packet::Other { packet_type: 203, ssrc: Some(9) };
    assert_eq!(found(&[padded, receiver].concat()), [other]);
}

#[test]
fn of_encrypted_packets_only_the_header() {
    let mut random = Random(4);
    for tag in [4, 10, 16] {
        let mut bytes = sender_report();
        let length = bytes.len();
        bytes.extend(random.bytes(4 + tag));
        bytes[8..length].copy_from_slice(&random.bytes(length - 8));
        assert_eq!(found(&bytes), [Packet::Other { packet_type: 200, ssrc: Some(9) }]);
    }
}

#[test]
fn told_from_rtp_by_the_second_byte() {
    for second in 0..=255 {
        assert_eq!(looks_like_rtcp(&[0x80, second, 0, 1]), (192..=223).contains(&second), "{second}");
        assert!(!looks_like_rtcp(&[0x40, second, 0, 1]));
    }
    assert!(!looks_like_rtcp(&[0x80]));
    // 28 bytes with the length of 6 words behind the first, and of 7.
    let mut report = packet(200, 0, &[9; 24]);
    assert_eq!(packet_at(&report, 28, 0), Some((200, 28)));
    report[3] = 7;
    assert_eq!(packet_at(&report, 28, 0), None);
    assert_eq!(packet_at(&report, 32, 0), Some((200, 32)));
    assert!(is_compound(&report, 32), "its end was not captured");
    assert!(!is_compound(&report, 28));
    for bytes in
        [&[][..], &[0x80], &[0x80, 200, 0, 0], &[0x40; 40], &[0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7]]
    {
        assert_eq!(found(bytes), []);
    }
}

#[test]
fn damaged_packets_are_read_as_far_as_they_go() {
    let compound = [sender_report(), description(), goodbye(), extended_report()].concat();
    let mut random = Random(6);
    let (mut reports_found, mut blocks) = (0, 0);
    for _ in 0..100_000 {
        let mut bytes = compound.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = [0, 1, 3, 0x7f, 0xff, random.next() as u8][random.below(6) as usize];
        }
        if random.below(4) == 0 {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        for_each_packet(&bytes, &mut |packet| match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => {
                let count = reports.count();
                assert!(count < 32);
                reports_found += count;
            }
            Packet::ExtendedReport { metrics, .. } => blocks += metrics.count(),
            Packet::Other { .. } => {}
        });
    }
    assert!(reports_found > 10_000 && blocks > 1000, "{reports_found} {blocks}");
}

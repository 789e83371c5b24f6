//! DTLS (RFC 6347, RFC 9147), and what OpenSSL spoke before its standard, as VPNs still do.

use super::signature::FirstBytes;
use super::state::seen;
use super::tls_fingerprint::Transport;
use super::tls_hello::Hello;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// Length in bytes of a record's header, and of a handshake message's.
const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
/// Longest record in bytes: 2^14 and what protection may add (RFC 6347 section 4.1, RFC 5246 section 6.2.3).
const MOST_RECORD: usize = (1 << 14) + 2048;
const HANDSHAKE: u8 = 22;

/// DTLS: records that fill the datagram; a handshake message in the clear must be sound in itself.
pub static DTLS: Signature = Signature {
    name: "DTLS",
    carriers: &[Carrier::Udp],
    ports: &[],
    first: FirstBytes::Ranges(&[(20, 24)]),
    examine: |payload, state, _| {
        let verdict = match (fills(payload), record(payload, 0)) {
            (true, Some(Record { kind: HANDSHAKE, epoch: 0, .. })) => match handshake(payload) {
                Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
                None => Verdict::No,
            },
            (true, Some(_)) => Verdict::Is(Confidence::HIGH, Method::Payload),
            _ => Verdict::No,
        };
        if let Verdict::Is(_, Method::Handshake) = verdict {
            state.seen |= seen::DTLS;
        }
        verdict
    },
    // 20 to 63 are DTLS's among the protocols that share a port (RFC 7983), with the headers of version 1.3.
    continues: |payload, _, _| matches!(payload.u8(0), Some(20..=63)),
    describe,
    // SRTP, whose keys it agrees on.
    yields: true,
    ..Signature::BASE
};

struct Record {
    kind: u8,
    version: Version,
    epoch: u16,
    length: usize,
}

#[derive(Clone, Copy)]
enum Version {
    V1_0,
    V1_2,
    V1_3,
    /// As OpenSSL before 0.9.8f had it.
    BeforeStandard,
}

impl Version {
    fn of(major: u8, minor: u8) -> Option<Self> {
        Some(match (major, minor) {
            (0xfe, 0xff) => Self::V1_0,
            (0xfe, 0xfd) => Self::V1_2,
            (1, 0) => Self::BeforeStandard,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "DTLS 1.0",
            Self::V1_2 => "DTLS 1.2",
            Self::V1_3 => "DTLS 1.3",
            Self::BeforeStandard => "DTLS 0.9",
        }
    }
}

fn record(payload: &Payload, offset: usize) -> Option<Record> {
    let [kind, major, minor] = payload.array(offset)?;
    let version = Version::of(major, minor)?;
    let (epoch, length) = (payload.u16(offset + 3)?, usize::from(payload.u16(offset + 11)?));
    let is_sound = (20..=24).contains(&kind) && (1..=MOST_RECORD).contains(&length);
    is_sound.then_some(Record { kind, version, epoch, length })
}

/// The hello in the first record, if its first fragment is there.
fn hello<'a>(payload: &Payload<'a>) -> Option<Hello<'a>> {
    let record = record(payload, 0).filter(|record| record.kind == HANDSHAKE && record.epoch == 0)?;
    handshake(payload)?;
    let body = payload.from(RECORD_HEADER);
    Hello::parse_datagram(body.get(..record.length).unwrap_or(body))
}

/// Whether records follow each other to the end of the datagram; what was not captured of it is believed.
fn fills(payload: &Payload) -> bool {
    let mut offset = 0;
    while let Some(record) = record(payload, offset) {
        offset += RECORD_HEADER + record.length;
        if offset >= payload.bytes.len() {
            return offset == payload.length || (offset < payload.length && !payload.is_whole());
        }
    }
    false
}

/// Type of the handshake message, or fragment of one, that the first record begins with (RFC 6347 section 4.2.2).
fn handshake(payload: &Payload) -> Option<u8> {
    let kind = payload.u8(RECORD_HEADER)?;
    let room = record(payload, 0)?.length.checked_sub(HANDSHAKE_HEADER)?;
    let [length, offset, fragment] = [14, 19, 22].map(|at| payload.u24(at));
    let is_sound = offset?.saturating_add(fragment?) <= length? && fragment? as usize <= room;
    (is_sound && handshake_name(kind).is_some()).then_some(kind)
}

fn handshake_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "HelloRequest",
        1 => "ClientHello",
        2 => "ServerHello",
        3 => "HelloVerifyRequest",
        4 => "NewSessionTicket",
        8 => "EncryptedExtensions",
        9 => "RequestConnectionId",
        10 => "NewConnectionId",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        20 => "Finished",
        22 => "CertificateStatus",
        23 => "SupplementalData",
        24 => "KeyUpdate",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(record) = record(payload, 0) else {
        if matches!(payload.u8(0), Some(0x20..=0x3f)) {
            facts.say(b"Ciphertext");
            facts.put("version", b"DTLS 1.3");
            facts.put("content_type", b"Ciphertext");
        }
        return;
    };
    let content = match record.kind {
        20 => "ChangeCipherSpec",
        21 => "Alert",
        HANDSHAKE => "Handshake",
        23 => "ApplicationData",
        _ => "Heartbeat",
    };
    // The record of a first hello has the lowest version (RFC 6347 section 4.2.1), others what RFC 9147 leaves in them.
    let hello = hello(payload);
    let version = match hello.as_ref().map(Hello::version) {
        Some(0xfeff) => Version::V1_0,
        Some(0xfefd) => Version::V1_2,
        Some(0xfefc) => Version::V1_3,
        _ => record.version,
    };
    facts.put("version", version.name().as_bytes());
    if let Some(hello) = &hello {
        tls::put_hello(hello, Transport::Datagram, facts);
    }
    facts.put("content_type", content.as_bytes());
    facts.put_number("epoch", record.epoch.into());
    facts.put_number("record_length", record.length as u64);
    match handshake(payload)
        .filter(|_| record.kind == HANDSHAKE && record.epoch == 0)
        .and_then(handshake_name)
    {
        Some(name) => {
            facts.say(name.as_bytes());
            facts.put("handshake_type", name.as_bytes());
        }
        None if record.kind == HANDSHAKE => facts.say(b"Encrypted Handshake"),
        None => facts.say(content.as_bytes()),
    }
    if let Some(name) = hello.and_then(|hello| hello.server_name()) {
        facts.say(b" (SNI=");
        facts.say(name);
        facts.say(b")");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn client_hello() -> Vec<u8> {
        let mut hello = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46];
        hello.extend([1, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 34, 0xfe, 0xfd]);
        hello.extend([7; 32]);
        hello
    }

    fn changed(at: usize, byte: u8) -> Vec<u8> {
        let mut hello = client_hello();
        hello[at] = byte;
        hello
    }

    fn udp(payload: &[u8]) -> Sent {
        sent(Carrier::Udp, 40001, 40003, payload)
    }

    #[test]
    fn records_must_fill_the_datagram() {
        let application_data = [&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4][..]; 2].concat();
        for (payload, expected) in [
            (client_hello(), Some("DTLS")),
            (changed(2, 0xff), Some("DTLS")),
            // OpenSSL's, from before the standard.
            ([&[22, 1, 0][..], &client_hello()[3..]].concat(), Some("DTLS")),
            ([&[23, 1, 0][..], &application_data[3..17]].concat(), Some("DTLS")),
            ([&[23, 1, 1][..], &application_data[3..17]].concat(), None),
            ([client_hello(), client_hello()].concat(), Some("DTLS")),
            (application_data.clone(), Some("DTLS")),
            (application_data[..33].to_vec(), None),
            (changed(1, 0xfd), None),
            (changed(2, 0xfe), None),
            (changed(12, 45), None),
            (changed(0, 19), None),
            // A message that exceeds its record, a fragment beyond its message, an unknown message.
            (changed(24, 35), None),
            (changed(21, 1), None),
            (changed(13, 99), None),
        ] {
            assert_eq!(names(&[udp(&payload)]), [expected], "{payload:x?}");
        }
    }

    #[test]
    fn later_records_of_version_1_3_and_what_shares_the_port() {
        let rtp = |sequence| vec![0x80, 96, 0, sequence, 0, 0, 0, 1, 0, 0, 0, 2, 5];
        let packets = [client_hello(), vec![0x2e, 1, 2, 3], rtp(1), rtp(2), client_hello(), rtp(9)];
        assert_eq!(
            names(&packets.map(|payload| udp(&payload))),
            [Some("DTLS"), Some("DTLS"), None, Some("RTP"), Some("DTLS"), Some("RTP")]
        );
    }

    #[test]
    fn says_the_message() {
        let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &udp(&client_hello()));
        assert_eq!(info, "ClientHello");
        assert!(details.contains(&("version", "DTLS 1.2".into())), "{details:?}");
        assert!(details.contains(&("handshake_type", "ClientHello".into())));
    }

    #[test]
    fn hellos_say_their_version_and_for_whom_they_are() {
        let extension =
            |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &[0, body.len() as u8], body].concat();
        let name = extension(0, b"\0\x0b\0\0\x08a.exampl");
        let hello = |legacy: [u8; 2], extensions: &[u8]| {
            let rest = [0, 3, 9, 9, 9, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.len() as u8];
            let body = [&legacy[..], &[7; 32], &rest, extensions].concat();
            let length = body.len() as u8;
            let head = [1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length];
            [&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, length + 12][..], &head, &body].concat()
        };
        let offers = extension(43, &[4, 0xfe, 0xfd, 0xfe, 0xfc]);
        for (legacy, extensions, version, is_named) in [
            ([0xfe, 0xff], &[][..], "DTLS 1.0", false),
            ([0xfe, 0xfd], &name, "DTLS 1.2", true),
            ([0xfe, 0xfd], &[&offers[..], &name].concat(), "DTLS 1.3", true),
        ] {
            let packet = udp(&hello(legacy, extensions));
            let (protocol, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!(protocol, Some("DTLS"));
            assert!(details.contains(&("version", version.into())), "{details:?}");
            assert_eq!(details.contains(&("sni", "a.exampl".into())), is_named, "{details:?}");
            assert_eq!(info, if is_named { "ClientHello (SNI=a.exampl)" } else { "ClientHello" });
        }
    }

    #[test]
    fn media_follow_stun_and_its_handshake_at_once() {
        let mut binding = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        binding.extend([7; 12]);
        let rtp = |source, kind| vec![0x80, kind, 0, 5, 0, 0, 0, 1, 0, 0, 0, source, 5];
        // A receiver report behind which an index and a tag follow (RFC 3711 section 3.4).
        let protected = [&[0x80, 201, 0, 1, 0, 0, 0, 1][..], &[9; 14]].concat();
        let packets =
            [binding.clone(), client_hello(), protected, rtp(1, 96), rtp(2, 97), rtp(3, 98), binding];
        assert_eq!(
            names(&packets.map(|payload| udp(&payload))),
            ["STUN", "DTLS", "RTCP", "RTP", "RTP", "RTP", "STUN"].map(Some)
        );
    }
}

//! OpenVPN over UDP and TCP: a flow begins with a reset, plain, under tls-auth, or under tls-crypt.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORT: u16 = 1194;
/// Resets are shorter than this, bytes.
const MOST_RESET: usize = 1200;
/// Opcode and key identifier, session identifier.
const HEADER_LENGTH: usize = 9;
/// Digests of tls-auth, bytes.
const DIGESTS: [usize; 6] = [16, 20, 28, 32, 48, 64];
/// tls-crypt: packet identifier and time in front of a tag of 32 bytes.
const CRYPT_LENGTH: usize = 8 + 32;
/// First packet identifiers: of a session, and of one that shows early that it knows cookies.
const FIRST_IDS: [u32; 2] = [1, 0x0f00_0001];
/// Earliest UNIX time that is plausible: 2001.
const LEAST_TIME: u32 = 0x3b00_0000;

const SOFT_RESET_V1: u8 = 3;
const CONTROL_V1: u8 = 4;
const ACK_V1: u8 = 5;
const SERVER_V1: u8 = 2;
const SERVER_V2: u8 = 8;
const CLIENT_V3: u8 = 10;

/// OpenVPN: a reset on any port; on its own port acknowledgements and TLS records too. Data is recognised only in
/// flows that are known by then.
pub static OPENVPN: Signature = Signature {
    name: "OpenVPN",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[PORT],
    // UDP: an opcode of the control channel; TCP: the upper byte of a length.
    first: FirstBytes::Ranges(&[
        (0, 4),
        (0x08, 0x08),
        (0x10, 0x10),
        (0x20, 0x2f),
        (0x38, 0x38),
        (0x40, 0x40),
        (0x50, 0x50),
    ]),
    examine: |payload, _, _| match payload.carrier {
        Carrier::Tcp => examine_stream(payload),
        _ => examine_packet(payload, payload.bytes, payload.length),
    },
    continues: |payload, _, _| {
        payload.carrier == Carrier::Tcp || payload.u8(0).is_some_and(|first| matches!(first >> 3, 1..=11))
    },
    describe,
    ..Signature::BASE
};

/// A packet behind its length.
fn examine_stream(payload: &Payload) -> Verdict {
    let Some(length) = payload.u16(0).map(usize::from) else { return Verdict::No };
    let packet = payload.from(2);
    if !(HEADER_LENGTH + 5..MOST_RESET).contains(&length) || !packet.first().is_none_or(is_reset) {
        return Verdict::No;
    }
    match packet.get(..length) {
        Some(packet) => examine_packet(payload, packet, length),
        None if payload.at_start => Verdict::More,
        None => Verdict::No,
    }
}

fn is_reset(first: &u8) -> bool {
    first & 7 == 0 && matches!(first >> 3, 1 | 2 | 7 | 8 | 10)
}

fn examine_packet(payload: &Payload, packet: &[u8], length: usize) -> Verdict {
    let Some(first) = packet.first() else { return Verdict::No };
    let session = packet.get(1..HEADER_LENGTH).is_some_and(|session| session.iter().any(|byte| *byte != 0));
    if length >= MOST_RESET || !session {
        return Verdict::No;
    }
    if is_reset(first) {
        return match reset_rest(first >> 3, packet, length) {
            true => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
            false => Verdict::No,
        };
    }
    match payload.on_port(&[PORT]) && is_control(first >> 3, packet, length) {
        true => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false => Verdict::No,
    }
}

/// Whether what follows opcode and session identifier is that of a reset in one of its three wrappings.
fn reset_rest(opcode: u8, packet: &[u8], length: usize) -> bool {
    // A server acknowledges one packet, number 0, of a session that it names; then each side's packet 0 begins.
    let server = matches!(opcode, SERVER_V1 | SERVER_V2);
    let plain: usize = if server { 1 + 4 + 8 + 4 } else { 1 + 4 };
    let is_plain = |at: usize| match server {
        true => {
            packet.get(at..at + 5).is_some_and(|acknowledged| acknowledged == [1, 0, 0, 0, 0])
                && packet.get(at + 13..at + 17).is_some_and(|id| id == [0; 4])
        }
        false => packet.get(at..at + 5).is_some_and(|rest| rest == [0; 5]),
    };
    let replay_protected = |at: usize| {
        let word = |at: usize| packet.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
        word(at).is_some_and(|id| FIRST_IDS.contains(&id))
            && word(at + 4).is_some_and(|time| time >= LEAST_TIME)
    };
    if length == HEADER_LENGTH + plain && opcode != CLIENT_V3 {
        return is_plain(HEADER_LENGTH);
    }
    let auth = |digest: usize| {
        let replay = HEADER_LENGTH + digest;
        length == replay + 8 + plain && replay_protected(replay) && is_plain(replay + 8)
    };
    let crypt = match opcode {
        // The client's wrapped key follows.
        CLIENT_V3 => length >= HEADER_LENGTH + CRYPT_LENGTH + plain,
        _ => length == HEADER_LENGTH + CRYPT_LENGTH + plain,
    };
    opcode != CLIENT_V3 && DIGESTS.into_iter().any(auth) || crypt && replay_protected(HEADER_LENGTH)
}

/// A plain acknowledgement, or a plain control packet that carries a TLS record or the middle of one of a handshake.
fn is_control(opcode: u8, packet: &[u8], length: usize) -> bool {
    let Some(count) = packet.get(HEADER_LENGTH).copied().map(usize::from) else { return false };
    let acknowledged = if count == 0 { 0 } else { 4 * count + 8 };
    let end = HEADER_LENGTH + 1 + acknowledged;
    match opcode {
        ACK_V1 => (1..=8).contains(&count) && length == end,
        CONTROL_V1 if count <= 8 => {
            matches!(packet.get(end + 4..end + 7), Some([0x14..=0x17, 3, 1..=3])) && length > end + 9
        }
        _ => false,
    }
}

fn opcode_name(opcode: u8) -> Option<&'static str> {
    Some(match opcode {
        1 => "P_CONTROL_HARD_RESET_CLIENT_V1",
        2 => "P_CONTROL_HARD_RESET_SERVER_V1",
        3 => "P_CONTROL_SOFT_RESET_V1",
        4 => "P_CONTROL_V1",
        5 => "P_ACK_V1",
        6 => "P_DATA_V1",
        7 => "P_CONTROL_HARD_RESET_CLIENT_V2",
        8 => "P_CONTROL_HARD_RESET_SERVER_V2",
        9 => "P_DATA_V2",
        10 => "P_CONTROL_HARD_RESET_CLIENT_V3",
        11 => "P_CONTROL_WKC_V1",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let packet = match payload.carrier {
        // A segment need not begin with a packet: only one that is filled by it is believed.
        Carrier::Tcp if payload.u16(0).is_some_and(|length| usize::from(length) + 2 == payload.length) => {
            payload.from(2)
        }
        Carrier::Tcp => &[],
        _ => payload.bytes,
    };
    let Some((first, rest)) = packet.split_first() else { return };
    let opcode = first >> 3;
    let Some(name) = opcode_name(opcode) else { return };
    facts.say(b"MessageType: ");
    facts.say(name.as_bytes());
    facts.put_number("opcode", opcode.into());
    facts.put("opcode_name", name.as_bytes());
    facts.put_number("key_id", (first & 7).into());
    facts.put(
        "packet_type",
        match opcode {
            6 | 9 => b"data",
            ACK_V1 => b"ack",
            _ => b"control",
        },
    );
    let control_type: Option<&[u8]> = match opcode {
        1 | 7 | CLIENT_V3 => Some(b"hard_reset_client"),
        SERVER_V1 | SERVER_V2 => Some(b"hard_reset_server"),
        SOFT_RESET_V1 => Some(b"soft_reset"),
        _ => None,
    };
    if let Some(control_type) = control_type {
        facts.put("control_type", control_type);
    }
    if let Some(session) = rest.first_chunk::<8>().filter(|_| !matches!(opcode, 6 | 9)) {
        facts.put_hex("session_id", session);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    const SESSION: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    const REPLAY: &[u8] = &[0, 0, 0, 1, 0x65, 0xb1, 0xc3, 0xd2];

    fn name(parts: &[&[u8]]) -> Option<&'static str> {
        names(&[sent(Carrier::Udp, 40001, 40003, &parts.concat())])[0]
    }

    #[test]
    fn resets_in_all_wrappings() {
        let server = [&[1, 0, 0, 0, 0][..], &[9; 8], &[0; 4]].concat();
        for (parts, expected) in [
            (vec![&[0x38][..], SESSION, &[0; 5]], true),
            (vec![&[0x40][..], SESSION, &server], true),
            (vec![&[0x38][..], SESSION, &[7; 32], REPLAY, &[0; 5]], true),
            (vec![&[0x40][..], SESSION, &[7; 64], REPLAY, &server], true),
            (vec![&[0x38][..], SESSION, REPLAY, &[7; 37]], true),
            (vec![&[0x50][..], SESSION, REPLAY, &[7; 337]], true),
            // Key identifier 1, no session, packet identifier 1, a digest of 24 bytes, a clock of 1970, a byte more.
            (vec![&[0x39][..], SESSION, &[0; 5]], false),
            (vec![&[0x38][..], &[0; 8], &[0; 5]], false),
            (vec![&[0x38][..], SESSION, &[0, 0, 0, 0, 1]], false),
            (vec![&[0x38][..], SESSION, &[7; 24], REPLAY, &[0; 5]], false),
            (vec![&[0x38][..], SESSION, &[0, 0, 0, 1, 0, 0, 0, 9], &[7; 37]], false),
            (vec![&[0x40][..], SESSION, &server, &[0]], false),
        ] {
            assert_eq!(name(&parts), expected.then_some("OpenVPN"), "{parts:?}");
        }
    }

    #[test]
    fn data_needs_a_reset_before_it() {
        let reset = sent(Carrier::Udp, 40001, 443, &[&[0x38][..], SESSION, &[0; 5]].concat());
        let data = Sent { reverse: true, ..sent(Carrier::Udp, 443, 40001, &[0x48, 0, 0, 1, 9, 9, 9, 9]) };
        assert_eq!(names(std::slice::from_ref(&data)), [None]);
        assert_eq!(names(&[reset.clone(), data]), [Some("OpenVPN"); 2]);
        let other = sent(Carrier::Udp, 40001, 443, &[0xf8, 1, 2, 3]);
        assert_eq!(names(&[reset, other]), [Some("OpenVPN"), None]);
    }

    #[test]
    fn on_the_port_control_packets_are_known_too() {
        let ack = [&[0x28][..], SESSION, &[1, 0, 0, 0, 0], &[9; 8]].concat();
        let hello = [&[0x20][..], SESSION, &[0, 0, 0, 0, 1, 0x16, 3, 1, 2, 0, 1, 0, 1]].concat();
        for payload in [ack, hello] {
            assert_eq!(names(&[sent(Carrier::Udp, 40001, PORT, &payload)]), [Some("OpenVPN")]);
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 40003, &payload)]), [None]);
        }
    }

    #[test]
    fn over_tcp_the_length_is_in_front() {
        let stream = [&[0, 14, 0x38][..], SESSION, &[0; 5]].concat();
        let whole = sent(Carrier::Tcp, 40001, 443, &stream);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &whole);
        assert_eq!((name, info.as_str()), (Some("OpenVPN"), "MessageType: P_CONTROL_HARD_RESET_CLIENT_V2"));
        let pieces = [sent(Carrier::Tcp, 1, 2, &stream[..3]), sent(Carrier::Tcp, 1, 2, &stream[3..])];
        assert_eq!(names(&pieces), [None, Some("OpenVPN")]);
    }
}

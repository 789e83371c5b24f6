//! H.323: call signalling (ITU-T H.225.0 over Q.931) and RAS, what terminals and gatekeepers say to each other.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Protocol discriminator of Q.931 call control.
const Q931: u8 = 8;
/// Longest message in bytes that is waited for.
const MOST_MESSAGE: usize = 8192;
/// `{itu-t(0) recommendation(0) h(8) 2250 version(0)}`, all but the last number, with its length of 6 before it.
const PROTOCOL_IDENTIFIER: [u8; 6] = [6, 0, 8, 0x91, 0x4a, 0];
/// The identifier of a RAS message begins at most so many bytes from its beginning.
const MOST_BEFORE_IDENTIFIER: usize = 8;

/// H.225: TPKT (RFC 1006) with a Q.931 message in it.
pub static H225: Signature = Signature {
    name: "H.225",
    carriers: &[Carrier::Tcp],
    ports: &[1720],
    first: FirstBytes::OneOf(&[3]),
    examine: |payload, _, _| match call_signalling(payload) {
        Some((kind, length)) if length <= payload.bytes.len() => {
            let is_whole =
                length == payload.bytes.len() || payload.array(length).is_some_and(|next| next == [3u8, 0]);
            match is_whole && message_name(kind).is_some() {
                true => Verdict::Is(Confidence::HIGH, Method::Payload),
                false => Verdict::No,
            }
        }
        Some((kind, length)) if length <= MOST_MESSAGE && message_name(kind).is_some() => Verdict::More,
        _ => Verdict::No,
    },
    describe: describe_call_signalling,
    ..Signature::BASE
};

/// RAS: a message that names the protocol and its version, as those do that open a conversation.
pub static RAS: Signature = Signature {
    name: "RAS",
    carriers: &[Carrier::Udp],
    ports: &[1718, 1719],
    // Choice of the message and the first optional fields; the identifier is in the first six, and in extensions.
    first: FirstBytes::Ranges(&[(0, 0x17), (0x80, 0x8f)]),
    examine: |payload, _, _| match identifier(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe: describe_ras,
    ..Signature::BASE
};

/// Message type and length of the TPKT.
fn call_signalling(payload: &Payload) -> Option<(u8, usize)> {
    let [3, 0, high, low, Q931, 2, _, _, kind] = payload.array(0)? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    (length >= 9).then_some((kind, length))
}

/// Messages of H.225.0 (table 4), and those of Q.931 that it allows.
fn message_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "ALERTING",
        0x02 => "CALL PROCEEDING",
        0x03 => "PROGRESS",
        0x05 => "SETUP",
        0x07 => "CONNECT",
        0x0d => "SETUP ACKNOWLEDGE",
        0x0f => "CONNECT ACKNOWLEDGE",
        0x20 => "USER INFORMATION",
        0x45 => "DISCONNECT",
        0x4d => "RELEASE",
        0x5a => "RELEASE COMPLETE",
        0x62 => "FACILITY",
        0x6e => "NOTIFY",
        0x75 => "STATUS INQUIRY",
        0x7b => "INFORMATION",
        0x7d => "STATUS",
        _ => return None,
    })
}

fn describe_call_signalling(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((kind, length)) = call_signalling(payload) else { return };
    let Some(name) = message_name(kind) else { return };
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    if let Some(reference) = payload.u16(6) {
        facts.put_number("call_reference", (reference & 0x7fff).into());
    }
    let mut rest = payload.bytes.get(9..length.min(payload.bytes.len())).unwrap_or_default();
    // Information elements (Q.931 section 4.5): one byte, or led by their length; that of user-user is two bytes.
    while let Some((&kind, after)) = rest.split_first() {
        if kind & 0x80 != 0 {
            rest = after;
            continue;
        }
        let Some((&length, value)) = after.split_first().filter(|_| kind != 0x7e) else { return };
        let Some((value, after)) = value.split_at_checked(length.into()) else { return };
        rest = after;
        // Octets of type and presentation precede the digits; the last of them has its top bit set.
        let types = value.iter().position(|octet| octet & 0x80 != 0).map_or(0, |at| at + 1);
        let digits = value.get(types..).unwrap_or_default();
        match kind {
            0x6c => facts.put("calling_number", digits),
            0x70 => facts.put("called_number", digits),
            _ => {}
        }
    }
}

/// Where the protocol identifier begins, with its length.
fn identifier(payload: &Payload) -> Option<usize> {
    let head = payload.bytes.get(..MOST_BEFORE_IDENTIFIER + PROTOCOL_IDENTIFIER.len())?;
    let at = memchr::memmem::find(head, &PROTOCOL_IDENTIFIER)?;
    // The choice, then the sequence number of two bytes.
    let version = payload.u8(at + PROTOCOL_IDENTIFIER.len())?;
    (at >= 3 && (1..=15).contains(&version)).then_some(at)
}

fn describe_ras(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let name = payload.u8(0).and_then(|first| match first {
        0..0x80 => RAS_MESSAGES.get(usize::from(first >> 2)),
        _ => RAS_MESSAGES.get(ROOT_MESSAGES + usize::from(first & 0x3f)),
    });
    let Some(name) = name else { return };
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    if let Some(at) = identifier(payload) {
        if let Some(sequence) = payload.u16(at.saturating_sub(2)) {
            facts.put_number("sequence_number", u64::from(sequence) + 1);
        }
        let version = payload.u8(at + PROTOCOL_IDENTIFIER.len()).unwrap_or(0);
        facts.put_number("version", version.into());
    }
}

/// Messages of the root of `RasMessage`; those after them are extensions.
const ROOT_MESSAGES: usize = 25;

/// `RasMessage` (ITU-T H.225.0 annex H) in the order of its alternatives.
const RAS_MESSAGES: [&str; 33] = [
    "gatekeeperRequest",
    "gatekeeperConfirm",
    "gatekeeperReject",
    "registrationRequest",
    "registrationConfirm",
    "registrationReject",
    "unregistrationRequest",
    "unregistrationConfirm",
    "unregistrationReject",
    "admissionRequest",
    "admissionConfirm",
    "admissionReject",
    "bandwidthRequest",
    "bandwidthConfirm",
    "bandwidthReject",
    "disengageRequest",
    "disengageConfirm",
    "disengageReject",
    "locationRequest",
    "locationConfirm",
    "locationReject",
    "infoRequest",
    "infoRequestResponse",
    "nonStandardMessage",
    "unknownMessageResponse",
    "requestInProgress",
    "resourcesAvailableIndicate",
    "resourcesAvailableConfirm",
    "infoRequestAck",
    "infoRequestNak",
    "serviceControlIndication",
    "serviceControlResponse",
    "admissionConfirmSequence",
];

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn setup() -> Vec<u8> {
        let mut message = vec![3, 0, 0, 0, 8, 2, 0x12, 0x34, 5, 4, 3, 0x88, 0x93, 0xa5];
        message.extend(b"\x6c\x05\x00\x80123\x70\x04\xc1456\x7e\x00\x03\x05\x20\x80");
        message[3] = message.len() as u8;
        message
    }

    #[test]
    fn call_signalling_says_the_numbers() {
        let (name, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Tcp, 40000, 1720, &setup()));
        assert_eq!((name, info.as_str()), (Some("H.225"), "SETUP"));
        for (key, value) in [("call_reference", "4660"), ("calling_number", "123"), ("called_number", "456")]
        {
            assert!(details.contains(&(key, value.into())), "{details:?}");
        }
    }

    #[test]
    fn call_signalling_may_be_split_and_must_fit() {
        let whole = setup();
        let (first, second) = whole.split_at(20);
        let packets = [first, second].map(|part| sent(Carrier::Tcp, 40000, 9000, part));
        assert_eq!(names(&packets), [None, Some("H.225")]);
        for (at, byte) in [(0, 2), (1, 1), (4, 9), (5, 3), (8, 0x30), (3, 12)] {
            let mut message = setup();
            message[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40000, 1720, &message)]), [None], "byte {at}");
        }
    }

    #[test]
    fn ras_by_its_protocol_identifier() {
        let request = [0x0e, 0x40, 0, 4, 6, 0, 8, 0x91, 0x4a, 0, 4, 1, 0, 10];
        let (name, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Udp, 1719, 1719, &request));
        assert_eq!((name, info.as_str()), (Some("RAS"), "registrationRequest"));
        assert!(details.contains(&("sequence_number", "5".into())), "{details:?}");
        let mut other = request;
        other[7] = 0x92;
        assert_eq!(names(&[sent(Carrier::Udp, 1719, 1719, &other)]), [None]);
        let admission = [0x26, 0x80, 0, 5, 1, 2, 3];
        let packets = [&request[..], &admission].map(|payload| sent(Carrier::Udp, 1719, 1719, payload));
        assert_eq!(names(&packets), [Some("RAS"), Some("RAS")]);
    }
}

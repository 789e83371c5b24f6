//! ISO transport over TCP (TPKT of RFC 1006, ITU-T X.224) and what rides on it: S7comm of Siemens' controllers, and MMS
//! (ISO 9506). The connection request comes before it is known what that is: the first data decides the flow's label.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, ber};

const PORTS: &[u16] = &[102];
/// Header of a TPKT.
const TPKT: usize = 4;
/// With the header of a data TPDU.
const DATA_HEADER: usize = 7;
/// First byte of S7comm, and of its successor S7comm-plus.
const S7: u8 = 0x32;
const S7_PLUS: u8 = 0x72;

/// S7comm, and S7comm-plus.
pub static S7COMM: Signature = Signature {
    name: "S7comm",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[2, 3]),
    examine: |payload, _, _| match is_s7(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe: describe_s7,
    ..Signature::BASE
};

/// MMS: an association that names it, or its messages.
pub static MMS: Signature = Signature {
    name: "MMS",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[2, 3]),
    examine: |payload, _, _| match mms_of(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    describe: |payload, _, _, facts| match mms_of(payload) {
        Some(name) => {
            facts.say(name.as_bytes());
            facts.put("pdu", name.as_bytes());
        }
        None => describe_cotp(payload, facts),
    },
    ..Signature::BASE
};

/// COTP whose user is not known.
pub static COTP: Signature = Signature {
    name: "COTP",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[3]),
    examine: |payload, state, _| match tpdu(payload) {
        Some((Tpdu::Data, _)) if payload.on_port(&[3389]) => Verdict::No,
        Some(_) => Verdict::Is(Confidence::HIGH, Method::Payload),
        None if begins(payload) && state.may_ask_more(payload) => Verdict::More,
        None => Verdict::No,
    },
    continues: |payload, _, _| !is_s7(payload) && mms_of(payload).is_none(),
    asks: FirstBytes::OneOf(&[2, 3]),
    describe: |payload, _, _, facts| describe_cotp(payload, facts),
    ..Signature::BASE
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tpdu {
    ConnectionRequest,
    ConnectionConfirm,
    DisconnectRequest,
    DisconnectConfirm,
    Data,
}

impl Tpdu {
    fn name(self) -> &'static str {
        match self {
            Self::ConnectionRequest => "CR",
            Self::ConnectionConfirm => "CC",
            Self::DisconnectRequest => "DR",
            Self::DisconnectConfirm => "DC",
            Self::Data => "DT",
        }
    }
}

/// The TPDU in the TPKT at the front, and what follows its fixed part: parameters, or the data that are there. Other
/// TPKTs may follow.
fn tpdu<'a>(payload: &Payload<'a>) -> Option<(Tpdu, &'a [u8])> {
    let [3, 0, high, low, indicator, code] = payload.array(0)? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let fits = length == payload.bytes.len() || payload.array(length) == Some([3u8, 0]);
    let packet = payload.bytes.get(..length).filter(|_| fits)?;
    if code == 0xf0 {
        // Number and end mark; of the classes over TCP the first has no numbers.
        let numbered = indicator == 2 && matches!(packet.get(6), Some(0 | 0x80));
        return Some((Tpdu::Data, packet.get(DATA_HEADER..).filter(|_| numbered)?));
    }
    let kind = match code {
        0xe0 => Tpdu::ConnectionRequest,
        0xd0 => Tpdu::ConnectionConfirm,
        0x80 => Tpdu::DisconnectRequest,
        0xc0 => Tpdu::DisconnectConfirm,
        _ => return None,
    };
    let (end, destination) = (usize::from(indicator) + 5, payload.u16(6)?);
    // A confirm of a disconnection has references only (X.224 section 13.6).
    let (fixed, last) = match kind {
        Tpdu::DisconnectConfirm => (10, 0),
        _ => (11, payload.u8(10)?),
    };
    let parameters = packet.get(fixed..end)?;
    // Users may say why they disconnect (X.224 section 13.5.5).
    let most_user_data = if kind == Tpdu::DisconnectRequest { 64 } else { 0 };
    let is_sound = length - end <= most_user_data
        && match kind {
            // Class and options: class 0, of old 2 as well; the reason of a disconnection.
            Tpdu::ConnectionRequest => destination == 0 && matches!(last >> 4, 0..=4) && last & 0x0c == 0,
            Tpdu::ConnectionConfirm => matches!(last >> 4, 0..=4) && last & 0x0c == 0,
            Tpdu::DisconnectConfirm => true,
            _ => matches!(last, 0..=3 | 0x80..=0x8a),
        }
        && parameters_fit(parameters);
    is_sound.then_some((kind, parameters))
}

/// A TPKT without what is in it.
fn begins(payload: &Payload) -> bool {
    let least = TPKT + 3;
    payload.at_start
        && payload.bytes.len() < least
        && payload.array(0) == Some([3u8, 0])
        && payload.u16(2).is_some_and(|length| usize::from(length) >= least)
}

/// Code, length and value each (X.224 section 13.2.3).
fn parameters_fit(mut rest: &[u8]) -> bool {
    while let [code, length, after @ ..] = rest {
        let Some(after) = after.get(usize::from(*length)..) else { return false };
        if !matches!(code, 0x85..=0x8b | 0xc0..=0xc7 | 0xe0 | 0xf0) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// The data of a data TPDU, whether it is the last of its message, and how long they are; those behind the end of the
/// segment are not there. Some send the TPKT's four bytes by themselves: then the segment begins with the TPDU.
fn data<'a>(payload: &Payload<'a>) -> Option<Data<'a>> {
    let (header, length, end) = match payload.array(0)? {
        [3, 0, high, low, 2, 0xf0, end] => (DATA_HEADER, usize::from(u16::from_be_bytes([high, low])), end),
        [2, 0xf0, end, ..] => (DATA_HEADER - TPKT, payload.bytes.len(), end),
        _ => return None,
    };
    let body = payload.bytes.get(header..length.min(payload.bytes.len()))?;
    let is_last = match end {
        0x80 => true,
        0 => false,
        _ => return None,
    };
    Some(Data { body, is_last, length: length.checked_sub(header)? })
}

struct Data<'a> {
    body: &'a [u8],
    is_last: bool,
    length: usize,
}

fn is_s7(payload: &Payload) -> bool {
    let Some(Data { body, is_last, length }) = data(payload) else { return false };
    match *body {
        // A fragment is only as long as its TPDU.
        [S7, kind, 0, 0, _, _, p0, p1, d0, d1, ..] => {
            let header = match kind {
                1 | 7 => 10,
                2 | 3 => 12,
                _ => return false,
            };
            let [parameters, data] = [[p0, p1], [d0, d1]].map(|size| usize::from(u16::from_be_bytes(size)));
            let whole = header + parameters + data;
            if is_last { whole == length } else { whole >= length }
        }
        // The trailer repeats the header without data; the last fragment has one.
        [S7_PLUS, version @ (1..=3 | 0xfe), l0, l1, ..] => {
            let size = usize::from(u16::from_be_bytes([l0, l1]));
            let trailer = body.get(4 + size..);
            size + 4 == length
                || (size + 8 == length
                    && (body.len() < length
                        || trailer.is_some_and(|end| end.starts_with(&[S7_PLUS, version, 0, 0]))))
        }
        _ => false,
    }
}

fn mms_of(payload: &Payload) -> Option<&'static str> {
    mms(data(payload)?.body)
}

/// What MMS says in the data of a TPDU, if it is MMS.
fn mms(body: &[u8]) -> Option<&'static str> {
    /// `{iso(1) standard(0) mms(9506) 2}`: its application contexts and abstract syntaxes.
    const IDENTIFIER: [u8; 4] = [0x28, 0xca, 0x22, 0x02];
    match body {
        // Session CONNECT and ACCEPT (X.225 section 8.3): the association names what it is for.
        [0x0d | 0x0e, ..] => {
            memchr::memmem::find(body, &IDENTIFIER)?;
            Some(if body.starts_with(&[0x0d]) { "initiate-RequestPDU" } else { "initiate-ResponsePDU" })
        }
        // GIVE TOKENS and DATA TRANSFER, both without parameters.
        [1, 0, 1, 0, rest @ ..] => {
            // Fully encoded data of presentation (X.226), a list of one value in a context.
            let (user, _) = ber::split_tag(rest, 0x61)?;
            let (list, _) = ber::split_tag(user.value, 0x30)?;
            let (context, after) = ber::split_tag(list.value, 2)?;
            let (value, _) = ber::split_tag(after, 0xa0)?;
            ber::unsigned(context.value).filter(|number| number & 1 == 1)?;
            mms_pdu(value.value)
        }
        _ => None,
    }
}

/// `MMSpdu` of ISO 9506-2.
fn mms_pdu(bytes: &[u8]) -> Option<&'static str> {
    let (pdu, _) = ber::split(bytes)?;
    // The number of the call comes first, then something of the context class.
    let invokes = || {
        let (number, after) = ber::split_tag(pdu.value, 2)?;
        ber::unsigned(number.value)?;
        Some(after)
    };
    match pdu.tag {
        0xa0 => invokes()?.first().filter(|tag| matches!(**tag, 0x80..=0xbf)).map(|_| "confirmed-RequestPDU"),
        0xa1 => {
            invokes()?.first().filter(|tag| matches!(**tag, 0x80..=0xbf)).map(|_| "confirmed-ResponsePDU")
        }
        0xa2 => ber::split_tag(pdu.value, 0x80).map(|_| "confirmed-ErrorPDU"),
        0xa3 => ber::split_tag(pdu.value, 0xa0).map(|_| "unconfirmed-PDU"),
        0xa8 => ber::split_tag(pdu.value, 0x80).map(|_| "initiate-RequestPDU"),
        0xa9 => ber::split_tag(pdu.value, 0x80).map(|_| "initiate-ResponsePDU"),
        0x8b if pdu.length == 0 => Some("conclude-RequestPDU"),
        0x8c if pdu.length == 0 => Some("conclude-ResponsePDU"),
        _ => None,
    }
}

fn describe_cotp(payload: &Payload, facts: &mut Facts) {
    let Some((kind, mut rest)) = tpdu(payload) else { return };
    facts.say(kind.name().as_bytes());
    facts.put("tpdu", kind.name().as_bytes());
    if kind == Tpdu::Data {
        return;
    }
    while let [code, length, after @ ..] = rest {
        let Some((value, after)) = after.split_at_checked(usize::from(*length)) else { return };
        rest = after;
        let key = match code {
            0xc1 => "calling_tsap",
            0xc2 => "called_tsap",
            _ => continue,
        };
        facts.put_hex(key, value);
    }
}

fn describe_s7(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(Data { body, .. }) = data(payload).filter(|_| is_s7(payload)) else {
        return describe_cotp(payload, facts);
    };
    let [protocol, kind, ..] = *body else { return };
    if protocol == S7_PLUS {
        facts.say(b"S7comm-plus");
        return facts.put_number("version", kind.into());
    }
    let rosctr = match kind {
        1 => "Job",
        2 => "Ack",
        3 => "Ack_Data",
        _ => "Userdata",
    };
    facts.say(rosctr.as_bytes());
    facts.put("rosctr", rosctr.as_bytes());
    if let Some([high, low]) = body.get(4..).and_then(<[u8]>::first_chunk::<2>).copied() {
        facts.put_number("pdu_reference", u16::from_be_bytes([high, low]).into());
    }
    let function = match kind {
        1 => body.get(10),
        2 | 3 => body.get(12),
        _ => None,
    };
    if let Some(name) = function.and_then(|code| s7_function(*code)) {
        facts.say(b" ");
        facts.say(name.as_bytes());
        facts.put("function", name.as_bytes());
    }
    if let (2 | 3, Some([class, code])) = (kind, body.get(10..).and_then(<[u8]>::first_chunk::<2>)) {
        facts.put_hex("error", &[*class, *code]);
    }
}

fn s7_function(code: u8) -> Option<&'static str> {
    Some(match code {
        0x00 => "CPU services",
        0x04 => "Read Var",
        0x05 => "Write Var",
        0x1a => "Request download",
        0x1b => "Download block",
        0x1c => "Download ended",
        0x1d => "Start upload",
        0x1e => "Upload",
        0x1f => "End upload",
        0x28 => "PI-Service",
        0x29 => "PLC Stop",
        0xf0 => "Setup communication",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    const REQUEST: [u8; 22] =
        [3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2];
    const SETUP: [u8; 25] =
        [3, 0, 0, 25, 2, 0xf0, 0x80, 0x32, 1, 0, 0, 4, 0, 0, 8, 0, 0, 0xf0, 0, 0, 1, 0, 1, 1, 0xe0];

    fn packet(body: &[u8]) -> Vec<u8> {
        let mut packet = vec![3, 0, 0, 7 + body.len() as u8, 2, 0xf0, 0x80];
        packet.extend(body);
        packet
    }

    #[test]
    fn what_rides_on_it_takes_the_label() {
        let associates = packet(&[0x0d, 6, 0x28, 0xca, 0x22, 2, 3, 0]);
        let reads = packet(&[1, 0, 1, 0, 0x61, 14, 0x30, 12, 2, 1, 3, 0xa0, 7, 0xa0, 5, 2, 1, 1, 0x82, 0]);
        let unknown = packet(&[0x7f, 0x65, 1, 2, 3]);
        for (data, name) in
            [(&SETUP[..], "S7comm"), (&associates, "MMS"), (&reads, "MMS"), (&unknown, "COTP")]
        {
            let mut confirm = REQUEST;
            confirm[5] = 0xd0;
            let packets = [
                sent(Carrier::Tcp, 40001, 102, &REQUEST),
                Sent { reverse: true, ..sent(Carrier::Tcp, 102, 40001, &confirm) },
                sent(Carrier::Tcp, 40001, 102, data),
                sent(Carrier::Tcp, 40001, 102, &packet(&[])),
            ];
            assert_eq!(names(&packets), [Some("COTP"), Some("COTP"), Some(name), Some(name)]);
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 9000, data)]), [Some(name)]);
        }
    }

    #[test]
    fn its_first_header_may_be_alone() {
        let packets = [&REQUEST[..4], &REQUEST[4..], &SETUP[..4], &SETUP[4..]];
        let names = names(&packets.map(|part| sent(Carrier::Tcp, 40001, 102, part)));
        assert_eq!(names, [None, Some("COTP"), Some("COTP"), Some("S7comm")]);
    }

    #[test]
    fn disconnections() {
        let judged = |payload: &[u8]| {
            let packet = sent(Carrier::Tcp, 40001, 102, payload);
            let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            (name, info)
        };
        for (payload, info) in [
            (&[3, 0, 0, 11, 6, 0x80, 0, 1, 0, 1, 0x80][..], "DR"),
            // With a byte of the user's.
            (&[3, 0, 0, 12, 6, 0x80, 0, 1, 0, 1, 0, 0], "DR"),
            (&[3, 0, 0, 14, 9, 0x80, 0, 1, 0, 1, 0, 0xe0, 1, 7], "DR"),
            (&[3, 0, 0, 10, 5, 0xc0, 0, 1, 0, 1], "DC"),
            (&[3, 0, 0, 14, 9, 0xc0, 0, 1, 0, 1, 0xc3, 2, 1, 1], "DC"),
        ] {
            assert_eq!(judged(payload), (Some("COTP"), info.to_owned()), "{payload:?}");
        }
        for payload in [
            &[3, 0, 0, 11, 6, 0x80, 0, 1, 0, 1, 4][..],
            &[3, 0, 0, 11, 5, 0xc0, 0, 1, 0, 1, 0],
            &[3, 0, 0, 10, 4, 0xc0, 0, 1, 0, 1],
            &[3, 0, 0, 10, 6, 0xc0, 0, 1, 0, 1],
        ] {
            assert_eq!(judged(payload).0, None, "{payload:?}");
        }
    }

    #[test]
    fn details() {
        let judged = |payload: &[u8]| {
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Tcp, 40001, 102, payload))
        };
        let (_, details, info) = judged(&SETUP);
        assert_eq!(info, "Job Setup communication");
        assert!(details.contains(&("pdu_reference", "1024".into())), "{details:?}");
        let (_, details, info) = judged(&REQUEST);
        assert_eq!(info, "CR");
        assert!(details.contains(&("called_tsap", "0102".into())), "{details:?}");
    }

    #[test]
    fn near_misses() {
        for (at, byte) in [(0, 2), (1, 1), (3, 21), (4, 16), (5, 0xe1), (6, 1), (10, 0x50), (11, 1), (12, 8)]
        {
            let mut request = REQUEST;
            request[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 102, &request)]), [None], "byte {at}");
        }
        for (at, byte) in [(7, 0x33), (8, 4), (9, 1), (14, 9), (16, 1)] {
            let mut setup = SETUP;
            setup[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 102, &setup)]), [Some("COTP")], "byte {at}");
        }
        // Remote desktop is told by its negotiation, calls by theirs.
        let desktop = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 102, &desktop)]), [Some("RDP")]);
    }
}

//! DNP3 (IEEE 1815): data link frames that begin with two start octets, and a header with its own CRC.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Header block with its CRC, bytes (IEEE 1815 section 9.2.4).
const HEADER: usize = 10;
const START: [u8; 2] = [0x05, 0x64];
/// What the length counts at least: control, destination, source.
const LEAST_LENGTH: u8 = 5;

/// DNP3.
pub static DNP3: Signature = Signature {
    name: "DNP3",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: &[20000],
    first: FirstBytes::OneOf(&[START[0]]),
    examine: |payload, state, _| match header(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Payload),
        None if payload.carrier == Carrier::Tcp
            && payload.bytes.len() < HEADER
            && payload.array(0) == Some(START)
            && state.may_ask_more(payload) =>
        {
            Verdict::More
        }
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

struct Header {
    length: u8,
    control: u8,
    destination: u16,
    source: u16,
}

/// The header of a frame whose CRC is right.
fn header(payload: &Payload) -> Option<Header> {
    let bytes: [u8; HEADER] = payload.array(0)?;
    let [a, b, length, control, d0, d1, s0, s1, c0, c1] = bytes;
    let checked = bytes.first_chunk::<8>()?;
    let is_sound = [a, b] == START && length >= LEAST_LENGTH && crc(checked) == u16::from_le_bytes([c0, c1]);
    is_sound.then_some(Header {
        length,
        control,
        destination: u16::from_le_bytes([d0, d1]),
        source: u16::from_le_bytes([s0, s1]),
    })
}

/// CRC-16/DNP (IEEE 1815 section 9.2.4.3): the reflected form of x^16+x^13+x^12+x^11+x^10+x^8+x^6+x^5+x^2+1, inverted.
fn crc(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xa6bc })
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(header) = header(payload) else { return };
    // Bit 6 of the control octet: the frame initiates a transaction; codes of both kinds overlap.
    let link = match (header.control & 0x40 != 0, header.control & 0x0f) {
        (true, 0) => "RESET_LINK_STATES",
        (true, 2) => "TEST_LINK_STATES",
        (true, 3) => "CONFIRMED_USER_DATA",
        (true, 4) => "UNCONFIRMED_USER_DATA",
        (true, 9) => "REQUEST_LINK_STATUS",
        (false, 0) => "ACK",
        (false, 1) => "NACK",
        (false, 11) => "LINK_STATUS",
        (false, 15) => "NOT_SUPPORTED",
        _ => "Unknown function",
    };
    // The transport octet comes first; the application header is in the first segment (FIR).
    let begins =
        header.length >= LEAST_LENGTH + 3 && payload.u8(HEADER).is_some_and(|octet| octet & 0x40 != 0);
    let application = payload.u8(HEADER + 2).filter(|_| begins);
    facts.say(application.map_or(link, application_name).as_bytes());
    facts.put("link_function", link.as_bytes());
    facts.put_number("destination", header.destination.into());
    facts.put_number("source", header.source.into());
    facts.put_flag("from_master", header.control & 0x80 != 0);
    if let Some(code) = application {
        facts.put("application_function", application_name(code).as_bytes());
        if matches!(code, 0x81 | 0x82)
            && let Some(indications) = payload.array::<2>(HEADER + 3)
        {
            facts.put_hex("internal_indications", &indications);
        }
    }
}

/// Function codes of the application layer (IEEE 1815 section 4.4).
fn application_name(code: u8) -> &'static str {
    match code {
        0x00 => "CONFIRM",
        0x01 => "READ",
        0x02 => "WRITE",
        0x03 => "SELECT",
        0x04 => "OPERATE",
        0x05 => "DIRECT_OPERATE",
        0x06 => "DIRECT_OPERATE_NR",
        0x07 => "IMMED_FREEZE",
        0x08 => "IMMED_FREEZE_NR",
        0x09 => "FREEZE_CLEAR",
        0x0a => "FREEZE_CLEAR_NR",
        0x0b => "FREEZE_AT_TIME",
        0x0c => "FREEZE_AT_TIME_NR",
        0x0d => "COLD_RESTART",
        0x0e => "WARM_RESTART",
        0x0f => "INITIALIZE_DATA",
        0x10 => "INITIALIZE_APPL",
        0x11 => "START_APPL",
        0x12 => "STOP_APPL",
        0x13 => "SAVE_CONFIG",
        0x14 => "ENABLE_UNSOLICITED",
        0x15 => "DISABLE_UNSOLICITED",
        0x16 => "ASSIGN_CLASS",
        0x17 => "DELAY_MEASURE",
        0x18 => "RECORD_CURRENT_TIME",
        0x19 => "OPEN_FILE",
        0x1a => "CLOSE_FILE",
        0x1b => "DELETE_FILE",
        0x1c => "GET_FILE_INFO",
        0x1d => "AUTHENTICATE_FILE",
        0x1e => "ABORT_FILE",
        0x20 => "AUTHENTICATE_REQ",
        0x21 => "AUTH_REQ_NO_ACK",
        0x81 => "RESPONSE",
        0x82 => "UNSOLICITED_RESPONSE",
        0x83 => "AUTHENTICATE_RESP",
        _ => "Unknown function",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn read() -> Vec<u8> {
        let mut frame = vec![0x05, 0x64, 0x0b, 0xc4, 1, 0, 2, 0];
        frame.extend(crc(&frame).to_le_bytes());
        frame.extend([0xc0, 0xc1, 0x01, 0x3c, 0x02, 0x06]);
        frame
    }

    #[test]
    fn the_crc_is_that_of_the_standard() {
        assert_eq!(crc(b"123456789"), 0xea82);
    }

    #[test]
    fn frames_by_the_crc_of_their_header() {
        for (carrier, port) in [(Carrier::Tcp, 20000), (Carrier::Udp, 20000), (Carrier::Tcp, 40003)] {
            let (name, details, info) =
                judge(&mut Detector::new(), &mut Flow::default(), &sent(carrier, 40001, port, &read()));
            assert_eq!((name, info.as_str()), (Some("DNP3"), "READ"));
            for (key, value) in [("destination", "1"), ("source", "2"), ("from_master", "true")] {
                assert!(details.contains(&(key, value.into())), "{details:?}");
            }
        }
        for at in 0..HEADER {
            let mut frame = read();
            frame[at] ^= 1;
            assert_eq!(names(&[sent(Carrier::Udp, 20000, 20000, &frame)]), [None], "byte {at}");
        }
    }

    #[test]
    fn a_header_may_be_split() {
        let whole = read();
        let (first, second) = whole.split_at(5);
        let packets = [first, second].map(|part| sent(Carrier::Tcp, 40001, 20000, part));
        assert_eq!(names(&packets), [None, Some("DNP3")]);
    }
}

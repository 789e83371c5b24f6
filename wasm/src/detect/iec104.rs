//! IEC 60870-5-104: telecontrol over TCP. APDUs of a start octet, a length and a control field of four octets.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[2404];
const START: u8 = 0x68;
/// Start and length.
const HEADER: usize = 2;
/// Control field.
const CONTROL: usize = 4;
/// Data unit identifier: type, qualifier, cause, originator, and common address (IEC 60870-5-101 section 7.1).
const IDENTIFIER: usize = 6;
const LONGEST: usize = 253;

/// IEC 60870-5-104: APDUs that follow each other to the end of the segment.
pub static IEC_104: Signature = Signature {
    name: "IEC 104",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[START]),
    examine: |payload, state, _| {
        let mut rest = payload.bytes;
        while let Some((_, after)) = split(rest) {
            rest = after;
        }
        let found = rest.len() < payload.bytes.len();
        match rest {
            [] => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            _ if found && payload.on_port(PORTS) && begins(rest) => {
                Verdict::Is(Confidence::HIGH, Method::Port)
            }
            _ if begins(rest) && payload.bytes.len() < HEADER + LONGEST && state.may_ask_more(payload) => {
                Verdict::More
            }
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

enum Apdu {
    /// Numbered information: type and cause of what it carries.
    Information(u8, u8),
    Supervisory,
    Unnumbered(&'static str),
}

/// The APDU at the front, and what follows it.
fn split(bytes: &[u8]) -> Option<(Apdu, &[u8])> {
    let [START, length, c1, c2, c3, c4, rest @ ..] = bytes else { return None };
    let asdu_length = usize::from(*length).checked_sub(CONTROL)?;
    let (asdu, rest) = rest.split_at_checked(asdu_length)?;
    let apdu = match (c1 & 3, asdu) {
        (0 | 2, [kind, qualifier, cause, ..]) => {
            // The types assigned by 60870-5-101 and -104, objects, and a cause; the lowest bit of the second number is 0.
            let is_known = matches!(
                kind,
                1..=21 | 30..=40 | 45..=51 | 58..=64 | 70 | 100..=107 | 110..=113 | 120..=127
            );
            let fits = asdu_length > IDENTIFIER
                && asdu_length <= LONGEST - CONTROL
                && c3 & 1 == 0
                && qualifier & 0x7f != 0
                && matches!(cause & 0x3f, 1..=13 | 20..=41 | 44..=47);
            (is_known && fits).then_some(Apdu::Information(*kind, cause & 0x3f))?
        }
        (1, []) => ((*c1, *c2, c3 & 1) == (1, 0, 0)).then_some(Apdu::Supervisory)?,
        (3, []) if [*c2, *c3, *c4] == [0; 3] => Apdu::Unnumbered(match c1 {
            0x07 => "STARTDT act",
            0x0b => "STARTDT con",
            0x13 => "STOPDT act",
            0x23 => "STOPDT con",
            0x43 => "TESTFR act",
            0x83 => "TESTFR con",
            _ => return None,
        }),
        _ => return None,
    };
    Some((apdu, rest))
}

/// Whether an APDU begins that is not whole.
fn begins(bytes: &[u8]) -> bool {
    match *bytes {
        [START] => true,
        [START, length, ref rest @ ..] => {
            (CONTROL..=LONGEST).contains(&usize::from(length)) && rest.len() < usize::from(length)
        }
        _ => false,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((apdu, _)) = split(payload.bytes) else { return };
    let number = |offset| payload.le16(offset).map_or(0, |number| number >> 1);
    match apdu {
        Apdu::Information(kind, cause) => {
            let name = type_name(kind);
            facts.say(name.as_bytes());
            facts.put("format", b"I");
            facts.put("type_id", name.as_bytes());
            facts.put_number("cause_of_transmission", cause.into());
            if let Some(address) = payload.le16(HEADER + CONTROL + 4) {
                facts.put_number("common_address", address.into());
            }
            facts.put_number("send_sequence_number", number(HEADER).into());
            facts.put_number("receive_sequence_number", number(HEADER + 2).into());
        }
        Apdu::Supervisory => {
            facts.say(b"S");
            facts.put("format", b"S");
            facts.put_number("receive_sequence_number", number(HEADER + 2).into());
        }
        Apdu::Unnumbered(name) => {
            facts.say(name.as_bytes());
            facts.put("format", b"U");
            facts.put("function", name.as_bytes());
        }
    }
}

/// Type identifications (IEC 60870-5-101 section 7.2.1, IEC 60870-5-104 section 8).
fn type_name(kind: u8) -> &'static str {
    match kind {
        1 => "M_SP_NA_1",
        2 => "M_SP_TA_1",
        3 => "M_DP_NA_1",
        4 => "M_DP_TA_1",
        5 => "M_ST_NA_1",
        7 => "M_BO_NA_1",
        9 => "M_ME_NA_1",
        11 => "M_ME_NB_1",
        13 => "M_ME_NC_1",
        15 => "M_IT_NA_1",
        20 => "M_PS_NA_1",
        21 => "M_ME_ND_1",
        30 => "M_SP_TB_1",
        31 => "M_DP_TB_1",
        32 => "M_ST_TB_1",
        33 => "M_BO_TB_1",
        34 => "M_ME_TD_1",
        35 => "M_ME_TE_1",
        36 => "M_ME_TF_1",
        37 => "M_IT_TB_1",
        45 => "C_SC_NA_1",
        46 => "C_DC_NA_1",
        47 => "C_RC_NA_1",
        48 => "C_SE_NA_1",
        49 => "C_SE_NB_1",
        50 => "C_SE_NC_1",
        51 => "C_BO_NA_1",
        58 => "C_SC_TA_1",
        59 => "C_DC_TA_1",
        63 => "C_SE_TC_1",
        70 => "M_EI_NA_1",
        100 => "C_IC_NA_1",
        101 => "C_CI_NA_1",
        102 => "C_RD_NA_1",
        103 => "C_CS_NA_1",
        104 => "C_TS_NA_1",
        105 => "C_RP_NA_1",
        107 => "C_TS_TA_1",
        120 => "F_FR_NA_1",
        121 => "F_SR_NA_1",
        122 => "F_SC_NA_1",
        123 => "F_LS_NA_1",
        124 => "F_AF_NA_1",
        125 => "F_SG_NA_1",
        126 => "F_DR_TA_1",
        _ => "Unknown type",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const START_DATA: [u8; 6] = [START, 4, 7, 0, 0, 0];
    const INTERROGATION: [u8; 16] = [START, 14, 0, 0, 2, 0, 100, 1, 6, 0, 1, 0, 0, 0, 0, 20];

    #[test]
    fn the_three_formats() {
        let acknowledges = [START, 4, 1, 0, 8, 0];
        let two = [&acknowledges[..], &INTERROGATION].concat();
        for (payload, info) in [
            (&START_DATA[..], "STARTDT act"),
            (&INTERROGATION, "C_IC_NA_1"),
            (&acknowledges, "S"),
            (&two, "S"),
        ] {
            for port in [2404, 9000] {
                let packet = sent(Carrier::Tcp, 40001, port, payload);
                let (name, _, said) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
                assert_eq!((name, said.as_str()), (Some("IEC 104"), info));
            }
        }
    }

    #[test]
    fn near_misses() {
        for (at, byte) in [(0, 0x69), (1, 5), (1, 3), (2, 6), (2, 0x17), (3, 1), (4, 1), (5, 1)] {
            let mut apdu = START_DATA;
            apdu[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 2404, &apdu)]), [None], "byte {at}");
        }
        for (at, byte) in [(1, 15), (2, 3), (4, 1), (6, 0), (6, 99), (7, 0), (8, 0), (8, 63)] {
            let mut apdu = INTERROGATION;
            apdu[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 2404, &apdu)]), [None], "byte {at}");
        }
        let text = [&INTERROGATION[..], b"text"].concat();
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 2404, &text)]), [None]);
    }
}

//! IEC 61850 on the link: GOOSE (8-1) and Sampled Values (9-2).

use super::ber::{self, Element, split};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Application, length, and two reserved fields.
const HEADER_LENGTH: usize = 8;
/// Tags of what follows.
const GOOSE_PDU: u8 = 0x61;
const SAMPLED_PDU: u8 = 0x60;

/// GOOSE.
pub static GOOSE: Signature = Signature {
    name: "GOOSE",
    carriers: &[Carrier::Ethertype(0x88b8)],
    examine: |payload, _, _| examine(payload, GOOSE_PDU),
    describe: describe_goose,
    ..Signature::BASE
};

/// Sampled Values.
pub static SAMPLED_VALUES: Signature = Signature {
    name: "SV",
    carriers: &[Carrier::Ethertype(0x88ba)],
    examine: |payload, _, _| examine(payload, SAMPLED_PDU),
    describe: describe_sampled_values,
    ..Signature::BASE
};

fn examine(payload: &Payload, tag: u8) -> Verdict {
    match pdu(payload, tag) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    }
}

/// What the packet carries, if it has this tag and lengths that fit into each other.
fn pdu<'a>(payload: &Payload<'a>, tag: u8) -> Option<Element<'a>> {
    let length = usize::from(payload.u16(2)?);
    let (element, _) = ber::split_tag(payload.from(HEADER_LENGTH), tag)?;
    let end = HEADER_LENGTH + element.header + element.length;
    (end <= length && length <= payload.length).then_some(element)
}

/// The elements of a constructed one.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (element, rest) = split(bytes)?;
        bytes = rest;
        Some(element)
    })
}

fn put_application(payload: &Payload, facts: &mut Facts) {
    if let Some(application) = payload.array::<2>(0) {
        facts.put_hex("appid", &application);
    }
}

fn put_unsigned(key: &'static str, element: &Element, facts: &mut Facts) {
    if let Some(number) = ber::unsigned(element.value) {
        facts.put_number(key, number);
    }
}

fn describe_goose(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(pdu) = pdu(payload, GOOSE_PDU) else { return };
    put_application(payload, facts);
    for element in elements(pdu.value).take(12) {
        match element.tag {
            0x80 => {
                facts.say(element.value);
                facts.put("gocbRef", element.value);
            }
            0x82 => facts.put("datSet", element.value),
            0x83 => facts.put("goID", element.value),
            0x85 => {
                put_unsigned("stNum", &element, facts);
                if let Some(number) = ber::unsigned(element.value) {
                    facts.say(b" stNum=");
                    facts.say_number(number);
                }
            }
            0x86 => {
                put_unsigned("sqNum", &element, facts);
                if let Some(number) = ber::unsigned(element.value) {
                    facts.say(b" sqNum=");
                    facts.say_number(number);
                }
            }
            0x88 => put_unsigned("confRev", &element, facts),
            _ => {}
        }
    }
}

fn describe_sampled_values(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(pdu) = pdu(payload, SAMPLED_PDU) else { return };
    put_application(payload, facts);
    for element in elements(pdu.value).take(4) {
        match element.tag {
            0x80 => put_unsigned("noASDU", &element, facts),
            // The first of those that the sequence has.
            0xa2 => {
                let Some((first, _)) = split(element.value) else { return };
                for element in elements(first.value).take(4) {
                    match element.tag {
                        0x80 => {
                            facts.say(element.value);
                            facts.put("svID", element.value);
                        }
                        0x82 => {
                            put_unsigned("smpCnt", &element, facts);
                            if let Some(number) = ber::unsigned(element.value) {
                                facts.say(b" smpCnt=");
                                facts.say_number(number);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const GOOSE_FRAME: &[u8] = b"\x03\xe8\0\x18\0\0\0\0\x61\x0e\x80\x04IED1\x85\x01\x05\x86\x01\x07\0\0";
    const SAMPLED_FRAME: &[u8] =
        b"\x40\0\0\x19\0\0\0\0\x60\x0f\x80\x01\x01\xa2\x0a\x30\x08\x80\x02MU\x82\x02\x01\0";

    #[test]
    fn frames_and_what_they_say() {
        for (ethertype, payload, name, expected) in [
            (0x88b8, GOOSE_FRAME, "GOOSE", "IED1 stNum=5 sqNum=7"),
            (0x88ba, SAMPLED_FRAME, "SV", "MU smpCnt=256"),
        ] {
            let packet = sent(Carrier::Ethertype(ethertype), 0, 0, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
            for (at, value) in [(3, 0x10), (3, 0x40), (8, 0x62), (9, 0x30)] {
                let mut payload = payload.to_vec();
                payload[at] = value;
                let packet = sent(Carrier::Ethertype(ethertype), 0, 0, &payload);
                assert_eq!(names(&[packet]), [None], "{at} {value}");
            }
        }
    }
}

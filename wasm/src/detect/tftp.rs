//! TFTP (RFC 1350, RFC 2347). The server answers from a port of its own, so requests are remembered beyond their flow.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::bounded::BoundedMap;
use crate::net::Address;

/// Requests that are waiting for an answer.
const MOST_REQUESTS: usize = 4096;
/// Time in which an answer is expected, in nanoseconds.
const MOST_WAIT_NS: i64 = 60_000_000_000;
/// Longest file name that is believed, bytes.
const MOST_NAME: usize = 255;

const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACKNOWLEDGEMENT: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS: u16 = 6;

/// TFTP: a request, and what goes to or comes from the endpoint that sent one.
pub static TFTP: Signature = Signature {
    name: "TFTP",
    carriers: &[Carrier::Udp],
    ports: &[69],
    first: FirstBytes::OneOf(&[0]),
    examine,
    continues: |payload, _, shared| {
        note_request(payload, shared);
        true
    },
    describe,
    ..Signature::BASE
};

/// Endpoints that sent a request, and when.
pub struct Requests {
    sent: BoundedMap<(Address, u16), i64>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { sent: BoundedMap::new(MOST_REQUESTS) }
    }
}

impl Requests {
    /// Requests displaced for want of room.
    pub fn evictions(&self) -> u64 {
        self.sent.evictions()
    }

    fn is_waiting(&self, endpoint: (Address, u16), now: i64) -> bool {
        self.sent.get(&endpoint).is_some_and(|sent| (0..=MOST_WAIT_NS).contains(&now.wrapping_sub(*sent)))
    }
}

fn examine(payload: &Payload, _: &mut FlowState, shared: &mut Shared) -> Verdict {
    if note_request(payload, shared) {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
    }
    let first_of_transfer = match (payload.u16(0), payload.u16(2)) {
        (Some(DATA), Some(1)) | (Some(ACKNOWLEDGEMENT), Some(0)) | (Some(ERROR), Some(0..=8)) => true,
        (Some(OPTIONS), Some(_)) => payload.bytes.last() == Some(&0),
        _ => false,
    };
    let answers = first_of_transfer
        && payload.ip.is_some_and(|ip| {
            shared.tftp.is_waiting((ip.destination, payload.destination_port), payload.timestamp_ns)
        });
    match answers {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::No,
    }
}

/// Whether it is a request; its sender is then waiting for an answer.
fn note_request(payload: &Payload, shared: &mut Shared) -> bool {
    let found = request(payload).is_some();
    if let Some(ip) = payload.ip.filter(|_| found) {
        shared.tftp.sent.insert((ip.source, payload.source_port), payload.timestamp_ns);
    }
    found
}

/// Opcode, file name and mode of a request.
fn request<'a>(payload: &Payload<'a>) -> Option<(u16, &'a [u8], &'a [u8])> {
    let opcode = payload.u16(0).filter(|opcode| (1..=WRITE).contains(opcode))?;
    let mut texts = payload.from(2).split(|byte| *byte == 0);
    let (name, mode) = (texts.next()?, texts.next()?);
    // Behind the mode there is a zero.
    texts.next()?;
    let printable = name.iter().all(|byte| *byte >= b' ' && *byte != 0x7f);
    let mode_fits =
        [&b"octet"[..], b"netascii", b"mail"].iter().any(|known| mode.eq_ignore_ascii_case(known));
    ((1..=MOST_NAME).contains(&name.len()) && printable && mode_fits).then_some((opcode, name, mode))
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if let Some((opcode, name, mode)) = request(payload) {
        let kind: &[u8] = if opcode == WRITE { b"Write Request" } else { b"Read Request" };
        facts.say(kind);
        facts.say(b", File: ");
        facts.say(name);
        facts.say(b", Transfer type: ");
        facts.say(mode);
        facts.put("opcode", kind);
        facts.put("filename", name);
        facts.put("mode", mode);
        return;
    }
    let (Some(opcode), Some(number)) = (payload.u16(0), payload.u16(2)) else { return };
    let (name, key): (&[u8], _) = match opcode {
        DATA => (b"Data Packet", "block"),
        ACKNOWLEDGEMENT => (b"Acknowledgement", "block"),
        ERROR => (b"Error Code", "error_code"),
        OPTIONS => {
            facts.put("opcode", b"Option Acknowledgement");
            return facts.say(b"Option Acknowledgement");
        }
        _ => return,
    };
    facts.say(name);
    facts.say(if opcode == ERROR { b", Code: " } else { b", Block: " });
    facts.say_number(number.into());
    facts.put("opcode", name);
    facts.put_number(key, number.into());
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn flow_at(clock: i64) -> Flow {
        let mut flow = Flow::default();
        flow.clock = clock;
        flow
    }

    #[test]
    fn the_answer_comes_from_another_port() {
        let mut detector = Detector::new();
        let mut flow = Flow::default();
        let request = sent(Carrier::Udp, 40001, 69, b"\0\x01boot.img\0octet\0blksize\x001468\0");
        let (name, _, info) = judge(&mut detector, &mut flow, &request);
        assert_eq!(name, Some("TFTP"));
        assert_eq!(info, "Read Request, File: boot.img, Transfer type: octet");
        let data = Sent { reverse: true, ..sent(Carrier::Udp, 50001, 40001, b"\0\x03\0\x01abc") };
        let mut transfer = flow_at(flow.clock);
        let (name, _, info) = judge(&mut detector, &mut transfer, &data);
        assert_eq!((name, info.as_str()), (Some("TFTP"), "Data Packet, Block: 1"));
        // Nobody asked there, or too long ago.
        let elsewhere = Sent { destination_port: 40002, ..data.clone() };
        let mut other = flow_at(flow.clock);
        assert_eq!(judge(&mut detector, &mut other, &elsewhere).0, None);
        let mut late = flow_at(flow.clock + MOST_WAIT_NS);
        assert_eq!(judge(&mut detector, &mut late, &data).0, None);
    }

    #[test]
    fn requests_have_a_name_and_a_mode() {
        for (payload, expected) in [
            (&b"\0\x02a\0NetASCII\0"[..], Some("TFTP")),
            (b"\0\x03a\0octet\0", None),
            (b"\0\x01\0octet\0", None),
            (b"\0\x01a\0octets\0", None),
            (b"\0\x01a\0octet", None),
            (b"\0\x01a\x07\0octet\0", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 69, payload)]), [expected], "{payload:?}");
        }
    }
}

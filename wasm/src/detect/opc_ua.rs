//! OPC UA over TCP (OPC 10000-6 section 7.1): messages of three letters, a chunk type and a length.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const HEADER: usize = 8;
/// Longest chunk that is believed, bytes.
const MOST_LENGTH: u32 = 16 << 20;
/// Smallest buffers that are allowed, bytes.
const LEAST_BUFFER: u32 = 1024;

/// OPC UA.
pub static OPC_UA: Signature = Signature {
    name: "OPC UA",
    carriers: &[Carrier::Tcp],
    ports: &[4840],
    first: FirstBytes::OneOf(b"HAEROCM"),
    examine: |payload, _, _| {
        let Some(message) = message(payload, 0) else { return Verdict::No };
        let next = payload.bytes.get(message.length..);
        match next {
            Some([]) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            Some(_) if self::message(payload, message.length).is_some() => {
                Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
            }
            None if payload.on_port(OPC_UA.ports) => Verdict::Is(Confidence::HIGH, Method::Port),
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Message {
    name: &'static str,
    chunk: u8,
    length: usize,
}

fn message(payload: &Payload, offset: usize) -> Option<Message> {
    let [a, b, c, chunk, l0, l1, l2, l3] = payload.array::<HEADER>(offset)?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let word = |at: usize| payload.le32(offset + at);
    let buffers = |at: usize| {
        [at, at + 4].map(word).into_iter().all(|size| size.is_some_and(|size| size >= LEAST_BUFFER))
    };
    let (name, least, fits) = match &[a, b, c] {
        // Version, sizes of buffers and messages, number of chunks; the URL of the endpoint.
        b"HEL" => ("Hello", 32, buffers(12)),
        b"ACK" => ("Acknowledge", 28, length == 28 && buffers(12)),
        b"ERR" => ("Error", 16, word(8).is_some_and(|status| status >> 31 == 1)),
        b"RHE" => ("ReverseHello", 16, true),
        b"OPN" => ("OpenSecureChannel", 28, true),
        b"CLO" => ("CloseSecureChannel", 24, true),
        b"MSG" => ("Message", 24, true),
        _ => return None,
    };
    let is_chunk = match &[a, b, c] {
        // Intermediate, final, aborted.
        b"MSG" => matches!(chunk, b'C' | b'F' | b'A'),
        _ => chunk == b'F',
    };
    let is_sound = fits && is_chunk && (least..=MOST_LENGTH).contains(&length);
    is_sound.then_some(Message { name, chunk, length: length as usize })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = message(payload, 0) else { return };
    facts.say(message.name.as_bytes());
    facts.put("message_type", message.name.as_bytes());
    facts.put("chunk_type", &[message.chunk]);
    facts.put_number("message_size", message.length as u64);
    let word = |at: usize| payload.le32(at);
    match message.name {
        "Hello" => {
            let length = word(28).map_or(0, |length| length as usize);
            if let Some(url) = payload.from(32).get(..length.min(message.length)) {
                facts.put("endpoint_url", url);
                facts.say(b" ");
                facts.say(url);
            }
        }
        "OpenSecureChannel" | "CloseSecureChannel" | "Message" => {
            if let Some(channel) = word(HEADER) {
                facts.put_number("secure_channel_id", channel.into());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn hello() -> Vec<u8> {
        let mut message = b"HELF\x3a\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\x1a\0\0\0".to_vec();
        message.extend(b"opc.tcp://example.net:4840");
        message
    }

    #[test]
    fn messages_and_what_they_say() {
        let (name, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Tcp, 40001, 9000, &hello()));
        assert_eq!((name, info.as_str()), (Some("OPC UA"), "Hello opc.tcp://example.net:4840"));
        assert!(details.contains(&("chunk_type", "F".into())), "{details:?}");
        let mut chunk = b"MSGC\x18\0\0\0\x07\0\0\0".to_vec();
        chunk.resize(24, 1);
        let cut = &chunk[..20];
        for (port, payload, expected) in [
            (9000, &chunk[..], Some("OPC UA")),
            (9000, &[&chunk[..], &chunk].concat(), Some("OPC UA")),
            (4840, cut, Some("OPC UA")),
            (9000, cut, None),
            (4840, b"MSG hello there, how are you?", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, payload)]), [expected], "{payload:x?}");
        }
    }

    #[test]
    fn near_misses() {
        for (at, byte) in [(0, b'h'), (3, b'C'), (4, 0x3b), (5, 1), (7, 1), (14, 0)] {
            let mut message = hello();
            message[at] = byte;
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, 9000, &message)]), [None], "byte {at}");
        }
    }
}

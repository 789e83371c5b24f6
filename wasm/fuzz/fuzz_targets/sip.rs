//! A stream of SIP messages, at once and in parts: the same messages, what is told of each is a part of it, and its
//! metadata are the same in both encodings.
#![no_main]

mod input;

use caracal_engine::sip::fault::Fault;
use caracal_engine::sip::framing::{Framed, Framer, frame};
use caracal_engine::sip::header::{Header, unfolded};
use caracal_engine::sip::message::Message;
use caracal_engine::sip::parts::{Known, Wanted, for_each_part_of};
use caracal_engine::wire::encoder::{Encoder, Json, Protobuf};
use caracal_engine::wire::json::put_received;
use caracal_engine::wire::schema::{captured_packet, packet_metadata};
use caracal_engine::wire::sip_metadata;
use caracal_engine::wire::time::Clock;
use input::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let size = 1 + usize::from(input.u8());
    let stream = input.rest();
    let messages = messages(stream, stream.len().max(1));
    assert_eq!(messages, self::messages(stream, size), "in parts of {size}");
    for bytes in messages {
        let message = Message::scan(bytes).expect("it was framed");
        assert_eq!((message.bytes(), message.is_cut()), (bytes, false));
    }
    if let Ok(message) = Message::scan(stream) {
        look_at(&message, stream);
    }
});

/// The messages of a stream that arrives in parts.
fn messages(stream: &[u8], size: usize) -> Vec<&[u8]> {
    let (mut framer, mut start, mut all) = (Framer::default(), 0, Vec::new());
    for part in stream.chunks(size).scan(0, |end, part| {
        *end += part.len();
        Some(*end)
    }) {
        loop {
            let bytes = &stream[start..part];
            let framed = framer.next(bytes);
            assert_eq!(framed, frame(bytes));
            match framed {
                Framed::Whole(length) => {
                    all.push(&bytes[..length]);
                    start += length;
                }
                Framed::KeepAlive(length) | Framed::Not(length) => {
                    assert!((1..=bytes.len()).contains(&length));
                    start += length;
                }
                Framed::Begun => break,
                Framed::Tls => return all,
            }
        }
    }
    all
}

fn look_at(message: &Message, stream: &[u8]) {
    let within = |text: &[u8]| {
        let (outer, inner) = (stream.as_ptr_range(), text.as_ptr_range());
        text.is_empty() || outer.start <= inner.start && inner.end <= outer.end
    };
    for header in Header::ALL {
        for value in message.values(*header).chain(message.lines(*header)) {
            assert!(within(value));
            assert!(unfolded(value).all(|piece| !piece.contains(&b'\n')));
        }
    }
    let known = message.fields().filter(|(name, _)| Header::of(name).is_some()).count();
    let indexed: usize = Header::ALL.iter().map(|header| message.lines(*header).count()).sum();
    assert_eq!(known, indexed + message.fields_left_out());
    let (from, to) = (message.from(), message.to());
    for text in [from.display, from.uri, from.tag, to.uri, message.top_via_branch(), message.request_uri()] {
        assert!(within(text));
    }
    message.session_descriptions(&mut |text| assert!(within(text) && !text.is_empty()));
    for_each_part_of(message, Wanted::ALL, Known::default(), &mut |_| {});
    assert_eq!(message.faults().contains(Fault::Cut), message.is_cut());

    let (mut written, mut packet, mut shown) = (b"{".to_vec(), Vec::new(), Vec::new());
    sip_metadata::encode(&mut Json { out: &mut written, first: true }, message);
    written.push(b'}');
    Protobuf(&mut packet).message(&captured_packet::METADATA, |encoder| {
        encoder.message(&packet_metadata::SIP, |encoder| sip_metadata::encode(encoder, message));
    });
    put_received(&mut shown, &mut Clock::default(), b"", &packet);
    let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    let shown: serde_json::Value = serde_json::from_slice(&shown).expect("JSON");
    assert_eq!(written, shown["sip"]);
}

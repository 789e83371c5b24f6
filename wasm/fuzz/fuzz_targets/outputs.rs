//! What holds of the engine's outputs whatever it was fed with.

use caracal_engine::engine::{Engine, JSON, PCAP, TEXT, WIRE};
use caracal_engine::wire::protobuf::{Fields, Value};
use serde::de::IgnoredAny;

/// What an engine has written so far.
#[derive(Debug, Default, PartialEq)]
pub struct Outputs {
    pub wire: Vec<u8>,
    pub json: Vec<u8>,
    pub text: Vec<u8>,
    pub pcap: Vec<u8>,
    pub packets: u64,
}

impl Outputs {
    /// Takes what is there from `engine`, and checks that the wire pieces add up.
    pub fn take(&mut self, engine: &mut Engine) {
        let wire = engine.output(WIRE);
        let (marks, rest) = engine.pieces().as_chunks::<2>();
        assert!(rest.is_empty());
        let mut start = 0;
        for &[end, packets] in marks {
            let piece = &wire[start..end as usize];
            assert_eq!(elements(piece), packets, "packets in a wire piece");
            start = end as usize;
        }
        assert_eq!(start, wire.len(), "bytes behind the last wire piece");
        self.wire.extend_from_slice(wire);
        self.json.extend_from_slice(engine.output(JSON));
        self.text.extend_from_slice(engine.output(TEXT));
        self.pcap.extend_from_slice(engine.output(PCAP));
        self.packets += engine.rendered().0;
        engine.clear_outputs();
    }

    /// Checks that JSON lines are JSON, one per packet, and that text is UTF-8 without control characters.
    pub fn check(&self, outputs: u8) {
        let lines = self.json.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mut count = 0;
        for line in lines {
            count += 1;
            if let Err(error) = serde_json::from_slice::<IgnoredAny>(line) {
                panic!("{error}: {}", String::from_utf8_lossy(line));
            }
            std::str::from_utf8(line).expect("JSON is UTF-8");
        }
        assert_eq!(count, if outputs & JSON != 0 { self.packets } else { 0 }, "JSON lines");
        let text = std::str::from_utf8(&self.text).expect("text is UTF-8");
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
        let count = text.bytes().filter(|&byte| byte == b'\n').count() as u64;
        assert_eq!(count, if outputs & TEXT != 0 { self.packets } else { 0 }, "text lines");
    }
}

fn elements(piece: &[u8]) -> u32 {
    let mut fields = Fields::of(piece);
    let count = fields.by_ref().inspect(|field| assert!(matches!(field, (4, Value::Bytes(_))))).count();
    assert!(!fields.broken(), "a wire piece that is no protobuf");
    count as u32
}

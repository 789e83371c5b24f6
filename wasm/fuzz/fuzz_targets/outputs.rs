//! What holds of the engine's outputs whatever it was fed with.

use caracal_engine::engine::{Engine, JSON, PCAP, TEXT, WIRE};
use caracal_engine::wire::protobuf::{Fields, Value};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

    /// Checks that JSON lines are JSON, one per packet, with no key twice if `has_unique_keys`, and that text is UTF-8
    /// without control characters.
    pub fn check(&self, outputs: u8, has_unique_keys: bool) {
        let lines = self.json.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let mut count = 0;
        for line in lines {
            count += 1;
            let parsed = match has_unique_keys {
                true => serde_json::from_slice::<Unique>(line).map(drop),
                false => serde_json::from_slice::<IgnoredAny>(line).map(drop),
            };
            if let Err(error) = parsed {
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

/// JSON of which no object has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut keys: Vec<String> = Vec::new();
        while let Some((key, _)) = entries.next_entry::<String, Self>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("{key} twice")));
            }
            keys.push(key);
        }
        Ok(self)
    }
}

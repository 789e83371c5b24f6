//! A readable line per packet, for a terminal.

use super::json::put_decimal;
use super::protobuf::{Fields, Value};
use super::time::Clock;

/// Scores from here on are shown beside a DNS message.
const NOTABLE_TUNNELING_SCORE: f64 = 0.3;

/// Appends one line for `packet`, an encoded `CapturedPacket`:
/// `2023-11-14T22:13:20.123456Z 192.0.2.1:53 > 192.0.2.2:41000 DNS 79 A example.com -> 192.0.2.3 (12 ms)`.
/// `hunter_id` leads the line when it is not empty. Control characters are escaped.
pub fn put_packet(out: &mut Vec<u8>, clock: &mut Clock, hunter_id: &[u8], packet: &[u8]) {
    let mut view = View::default();
    for (number, value) in Fields::of(packet) {
        match (number, value) {
            (2, Value::Varint(value)) => view.timestamp_ns = value as i64,
            (4, Value::Varint(value)) => view.original_length = value,
            (7, Value::Bytes(metadata)) => view.read_metadata(metadata),
            (8, Value::Bytes(name)) => view.interface = name,
            _ => {}
        }
    }
    clock.put_rfc3339_micros(out, view.timestamp_ns);
    for origin in [hunter_id, view.interface] {
        if !origin.is_empty() {
            out.push(b' ');
            put_escaped(out, origin);
        }
    }
    if !view.source.is_empty() {
        out.push(b' ');
        put_endpoint(out, view.source, view.source_port);
        out.extend_from_slice(b" > ");
        put_endpoint(out, view.destination, view.destination_port);
    }
    out.push(b' ');
    put_escaped(out, if view.protocol.is_empty() { b"-" } else { view.protocol });
    out.push(b' ');
    put_decimal(out, view.original_length);
    if !view.info.is_empty() {
        out.push(b' ');
        put_escaped(out, view.info);
    }
    if view.correlated {
        out.extend_from_slice(b" (");
        put_decimal(out, view.response_time_ms);
        out.extend_from_slice(b" ms)");
    }
    if view.tunneling_score >= NOTABLE_TUNNELING_SCORE {
        let hundredths = (view.tunneling_score.min(1.0) * 100.0).round() as u64;
        out.extend_from_slice(b" tunneling ");
        put_decimal(out, hundredths / 100);
        out.extend_from_slice(&[b'.', b'0' + (hundredths / 10 % 10) as u8, b'0' + (hundredths % 10) as u8]);
    }
    out.push(b'\n');
}

/// What the line shows of a packet.
#[derive(Default)]
struct View<'a> {
    timestamp_ns: i64,
    original_length: u64,
    interface: &'a [u8],
    protocol: &'a [u8],
    source: &'a [u8],
    destination: &'a [u8],
    source_port: u64,
    destination_port: u64,
    info: &'a [u8],
    correlated: bool,
    response_time_ms: u64,
    tunneling_score: f64,
}

impl<'a> View<'a> {
    fn read_metadata(&mut self, metadata: &'a [u8]) {
        for (number, value) in Fields::of(metadata) {
            match (number, value) {
                (1, Value::Bytes(text)) => self.protocol = text,
                (2, Value::Bytes(text)) => self.source = text,
                (3, Value::Bytes(text)) => self.destination = text,
                (4, Value::Varint(port)) => self.source_port = port,
                (5, Value::Varint(port)) => self.destination_port = port,
                (9, Value::Bytes(text)) => self.info = text,
                (12, Value::Bytes(dns)) => self.read_dns(dns),
                _ => {}
            }
        }
    }

    fn read_dns(&mut self, dns: &[u8]) {
        for (number, value) in Fields::of(dns) {
            match (number, value) {
                (19, Value::Varint(milliseconds)) => self.response_time_ms = milliseconds,
                (20, Value::Varint(correlated)) => self.correlated = correlated != 0,
                (21, Value::Fixed64(bits)) => self.tunneling_score = f64::from_bits(bits),
                _ => {}
            }
        }
    }
}

fn put_endpoint(out: &mut Vec<u8>, address: &[u8], port: u64) {
    let bracketed = port != 0 && address.contains(&b':');
    if bracketed {
        out.push(b'[');
    }
    put_escaped(out, address);
    if bracketed {
        out.push(b']');
    }
    if port != 0 {
        out.push(b':');
        put_decimal(out, port);
    }
}

/// Whether a character steers a terminal, or the order in which it shows others: controls, line and paragraph separator,
/// and the bidirectional controls of Unicode.
pub(super) fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends text that a terminal cannot be steered with: what would steer it as `\u{..}`, and U+FFFD for what is
/// not UTF-8.
fn put_escaped(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        out.extend_from_slice(text);
        return;
    }
    for character in String::from_utf8_lossy(text).chars() {
        if is_steering(character) {
            out.extend(character.escape_unicode().map(|character| character as u8));
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::{put_bool, put_bytes, put_double, put_nested, put_uint};
    use super::*;

    fn line(hunter_id: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut packet = Vec::new();
        put_uint(&mut packet, 2, 1_700_000_000_123_456_789);
        put_uint(&mut packet, 4, 79);
        put_nested(&mut packet, 7, write);
        let mut out = Vec::new();
        put_packet(&mut out, &mut Clock::default(), hunter_id, &packet);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines() {
        assert_eq!(line(b"", |_| {}), "2023-11-14T22:13:20.123456Z - 79\n");
        assert_eq!(
            line(b"edge-1", |out| {
                put_bytes(out, 1, b"DNS");
                put_bytes(out, 2, b"2001:db8::1");
                put_bytes(out, 3, b"2001:db8::2");
                put_uint(out, 4, 53);
                put_uint(out, 5, 4242);
                put_bytes(out, 9, "TXT a\x1b[2Jb \u{202e}c\u{2069}\u{61c}".as_bytes());
                put_nested(out, 12, |out| {
                    put_uint(out, 19, 12);
                    put_bool(out, 20, true);
                    put_double(out, 21, 0.567);
                });
            }),
            "2023-11-14T22:13:20.123456Z edge-1 [2001:db8::1]:53 > [2001:db8::2]:4242 DNS 79 \
             TXT a\\u{1b}[2Jb \\u{202e}c\\u{2069}\\u{61c} (12 ms) tunneling 0.57\n"
        );
    }
}

//! JSON lines: one object per packet, its keys the field names of the wire contract, metadata not nested one
//! deeper, `timestamp` as RFC 3339 text in front. 64-bit integers are JSON numbers with all their digits.

use std::io::Write;

use super::captured_packet::{self, Header};
use super::encoder::Json;
use super::metadata::{self, Metadata};
use super::protobuf::{Fields, Value, map_entry};
use super::schema::{Field, Key, Kind, captured_packet as field};
use super::text::is_steering;
use super::time::Clock;

/// Messages nested deeper than this are left out. The contract needs three levels.
const DEPTH_LIMIT: u32 = 8;

/// Appends one line for a packet that was captured here.
pub fn put_captured<'a>(
    out: &mut Vec<u8>,
    clock: &mut Clock,
    header: &Header,
    metadata: &Metadata,
    matched_filter_ids: impl Iterator<Item = &'a str>,
) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    clock.put_rfc3339(out, header.timestamp_ns);
    out.extend_from_slice(b"\",\"timestamp_ns\":");
    clock.put_nanoseconds(out, header.timestamp_ns);
    let mut encoder = Json { out, first: false };
    let write_metadata = |encoder: &mut Json| metadata::encode(encoder, metadata);
    captured_packet::encode(&mut encoder, header, metadata.is_long(), write_metadata, matched_filter_ids);
    out.extend_from_slice(b"}\n");
}

/// Appends one line for `packet`, an encoded `CapturedPacket` as it was received. `hunter_id` is the sender of the
/// batch that it came in.
pub fn put_received(out: &mut Vec<u8>, clock: &mut Clock, hunter_id: &[u8], packet: &[u8]) {
    let timestamp_ns = Fields::of(packet)
        .filter_map(|field| match field {
            (2, Value::Varint(value)) => Some(value as i64),
            _ => None,
        })
        .last()
        .unwrap_or(0);
    out.extend_from_slice(b"{\"timestamp\":\"");
    clock.put_rfc3339(out, timestamp_ns);
    out.extend_from_slice(b"\",\"hunter_id\":");
    put_text(out, hunter_id);
    put_fields(out, field::ALL, packet, &mut false, DEPTH_LIMIT);
    out.extend_from_slice(b"}\n");
}

fn put_object(out: &mut Vec<u8>, schema: &[Field], message: &[u8], depth: u32) {
    out.push(b'{');
    put_fields(out, schema, message, &mut true, depth);
    out.push(b'}');
}

/// Appends the members for `message`. `first` is true while no member has been written.
fn put_fields(out: &mut Vec<u8>, schema: &[Field], message: &[u8], first: &mut bool, depth: u32) {
    if depth == 0 {
        return;
    }
    let (mark, none_yet) = (out.len(), *first);
    if !put_fields_in_order(out, schema, message, first, depth) {
        out.truncate(mark);
        *first = none_yet;
        put_fields_in_any_order(out, schema, message, first, depth);
    }
}

/// One pass over a message whose fields come in the order of the schema, as all encoders write them. False when
/// they do not.
fn put_fields_in_order(
    out: &mut Vec<u8>,
    schema: &[Field],
    message: &[u8],
    first: &mut bool,
    depth: u32,
) -> bool {
    let mut rest = schema.iter();
    let mut open: Option<&Field> = None;
    for (number, value) in Fields::of(message) {
        if let Some(field) = open {
            if field.number == number {
                out.push(b',');
                put_element(out, field.kind, value, depth);
                continue;
            }
            close_repeated(out, field);
            open = None;
        }
        let field = loop {
            match rest.next() {
                Some(field) if field.number == number => break field,
                Some(field) => put_default(out, field, first),
                None => return false,
            }
        };
        match (field.kind, value) {
            (Kind::Hidden, _) => {}
            (Kind::Inline(inner), Value::Bytes(bytes)) => put_fields(out, inner, bytes, first, depth - 1),
            _ if field.repeated => {
                put_key(out, field, first);
                out.push(if matches!(field.kind, Kind::Map) { b'{' } else { b'[' });
                put_element(out, field.kind, value, depth);
                open = Some(field);
            }
            _ => {
                put_key(out, field, first);
                put_value(out, field.kind, Some(value), depth);
            }
        }
    }
    if let Some(field) = open {
        close_repeated(out, field);
    }
    rest.for_each(|field| put_default(out, field, first));
    true
}

/// The same for a message whose fields repeat or come in another order: the last occurrence of a scalar counts, and
/// messages merge.
#[cold]
fn put_fields_in_any_order(
    out: &mut Vec<u8>,
    schema: &[Field],
    message: &[u8],
    first: &mut bool,
    depth: u32,
) {
    for field in schema {
        let mut found =
            Fields::of(message).filter(|(number, _)| *number == field.number).map(|(_, value)| value);
        if field.repeated {
            let mut values = found.peekable();
            if values.peek().is_none() {
                put_default(out, field, first);
                continue;
            }
            put_key(out, field, first);
            out.push(if matches!(field.kind, Kind::Map) { b'{' } else { b'[' });
            for (at, value) in values.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put_element(out, field.kind, value, depth);
            }
            close_repeated(out, field);
            continue;
        }
        match field.kind {
            Kind::Hidden => {}
            Kind::Inline(inner) | Kind::Message(inner) => {
                let mut parts = found
                    .filter_map(|value| match value {
                        Value::Bytes(bytes) => Some(bytes),
                        _ => None,
                    })
                    .peekable();
                if parts.peek().is_none() {
                    continue;
                }
                let merged = parts.collect::<Vec<_>>().concat();
                if let Kind::Inline(_) = field.kind {
                    put_fields(out, inner, &merged, first, depth - 1);
                } else {
                    put_key(out, field, first);
                    put_object(out, inner, &merged, depth - 1);
                }
            }
            kind => match found.by_ref().last() {
                Some(value) => {
                    put_key(out, field, first);
                    put_value(out, kind, Some(value), depth);
                }
                None => put_default(out, field, first),
            },
        }
    }
}

/// A field that does not occur.
fn put_default(out: &mut Vec<u8>, field: &Field, first: &mut bool) {
    if !field.always {
        return;
    }
    put_key(out, field, first);
    if field.repeated { out.extend_from_slice(b"[]") } else { put_value(out, field.kind, None, 1) }
}

fn close_repeated(out: &mut Vec<u8>, field: &Field) {
    out.push(if matches!(field.kind, Kind::Map) { b'}' } else { b']' });
}

fn put_element(out: &mut Vec<u8>, kind: Kind, value: Value, depth: u32) {
    match (kind, value) {
        (Kind::Map, Value::Bytes(entry)) => put_map_entry(out, entry),
        (Kind::Map, _) => put_map_entry(out, b""),
        _ => put_value(out, kind, Some(value), depth),
    }
}

fn put_value(out: &mut Vec<u8>, kind: Kind, value: Option<Value>, depth: u32) {
    match (kind, value) {
        (Kind::Unsigned, Some(Value::Varint(value))) => put_decimal(out, value),
        (Kind::Signed, Some(Value::Varint(value))) => put_signed(out, value as i64),
        (Kind::Unsigned | Kind::Signed, _) => out.push(b'0'),
        (Kind::Bool, value) => put_bool(out, matches!(value, Some(Value::Varint(1..)))),
        (Kind::Double, Some(Value::Fixed64(bits))) => put_double(out, f64::from_bits(bits)),
        (Kind::Double, _) => out.push(b'0'),
        (Kind::Message(inner), Some(Value::Bytes(bytes))) => put_object(out, inner, bytes, depth - 1),
        (_, Some(Value::Bytes(bytes))) => put_text(out, bytes),
        _ => out.extend_from_slice(b"\"\""),
    }
}

fn put_map_entry(out: &mut Vec<u8>, entry: &[u8]) {
    let (key, text) = map_entry(entry);
    put_text(out, key);
    out.push(b':');
    put_text(out, text);
}

/// Appends `,"name":`, without the comma for the first member of an object.
#[inline]
pub fn put_key(out: &mut Vec<u8>, field: &Field, first: &mut bool) {
    let Key { padded, length } = &field.key;
    let start = out.len();
    out.extend_from_slice(padded);
    out.truncate(start + length);
    if std::mem::take(first) {
        out.remove(start);
    }
}

/// JSON has no infinities and no NaN: they become 0, as a score that cannot be told.
pub fn put_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() && value != 0.0 {
        let _ = write!(out, "{value}");
    } else {
        out.push(b'0');
    }
}

/// Appends `true` or `false`.
#[inline]
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    if value { out.extend_from_slice(b"true") } else { out.extend_from_slice(b"false") }
}

/// Appends decimal digits, with a sign where it is negative.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    put_decimal(out, value.unsigned_abs());
}

/// Appends decimal digits.
pub fn put_decimal(out: &mut Vec<u8>, value: u64) {
    // Division of 32-bit numbers is much the faster one in WebAssembly, and copies of fixed size are.
    let Ok(value) = u32::try_from(value) else {
        let _ = write!(out, "{value}");
        return;
    };
    let digit = |power: u32| b'0' + (value / power % 10) as u8;
    match value {
        0..10 => out.push(digit(1)),
        10..100 => out.extend_from_slice(&[digit(10), digit(1)]),
        100..1_000 => out.extend_from_slice(&[digit(100), digit(10), digit(1)]),
        1_000..10_000 => out.extend_from_slice(&[digit(1_000), digit(100), digit(10), digit(1)]),
        10_000..100_000 => {
            out.extend_from_slice(&[digit(10_000), digit(1_000), digit(100), digit(10), digit(1)]);
        }
        _ => {
            put_decimal(out, u64::from(value / 100_000));
            let value = value % 100_000;
            let digit = |power: u32| b'0' + (value / power % 10) as u8;
            out.extend_from_slice(&[digit(10_000), digit(1_000), digit(100), digit(10), digit(1)]);
        }
    }
}

/// Appends a JSON string. Control characters, C1 included, are escaped, so that a terminal that shows the line is
/// not steered by it; octets that are not UTF-8 become U+FFFD.
#[inline]
pub fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    put_characters(out, text);
    out.push(b'"');
}

/// Appends what is between the quotes of a JSON string, as [`put_text`] does.
#[inline]
pub fn put_characters(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 1);
    let (words, tail) = text.as_chunks::<8>();
    let mut copied = 0;
    // Copies of fixed size: short slices are what there is most of, and their copies are calls in WebAssembly.
    for word in words {
        if has_special(u64::from_ne_bytes(*word)) {
            break;
        }
        out.extend_from_slice(word);
        copied += 8;
    }
    if copied == words.len() * 8 {
        for byte in tail {
            if !is_plain(*byte) {
                break;
            }
            out.push(*byte);
            copied += 1;
        }
    }
    if copied < text.len() {
        put_special_text(out, &text[copied..]);
    }
}

/// Whether one of eight bytes needs an escape: not printable ASCII, quote, or backslash. The tests on words of bytes
/// are the classic ones.
#[inline]
fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    word & HIGHS
        | word.wrapping_sub(ONES * 0x20) & HIGHS
        | zero(word ^ (ONES * 0x7f))
        | zero(word ^ (ONES * u64::from(b'"')))
        | zero(word ^ (ONES * u64::from(b'\\')))
        != 0
}

#[inline]
fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'
}

#[cold]
fn put_special_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let (run, special) = rest.split_at(plain);
        out.extend_from_slice(run);
        rest = match special.first() {
            None => special,
            Some(&byte) if byte < 0x80 => {
                put_escape(out, byte);
                &special[1..]
            }
            Some(_) => {
                let end = special.iter().position(u8::is_ascii).unwrap_or(special.len());
                for chunk in special[..end].utf8_chunks() {
                    for character in chunk.valid().chars() {
                        if is_steering(character) {
                            let _ = write!(out, "\\u{:04x}", u32::from(character));
                        } else {
                            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                    }
                    if !chunk.invalid().is_empty() {
                        out.extend_from_slice("\u{fffd}".as_bytes());
                    }
                }
                &special[end..]
            }
        };
    }
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let _ = write!(out, "\\u{byte:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::{put_bytes, put_double, put_element, put_nested, put_uint};
    use super::super::schema::packet_metadata;
    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        put_text(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings() {
        for (bytes, expected) in [
            (&b""[..], "\"\""),
            (b"plain", "\"plain\""),
            (b"a\"b\\c\n\r\t\x01\x7f", "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\""),
            ("gr\u{fc}n \u{1f43e}x".as_bytes(), "\"gr\u{fc}n \u{1f43e}x\""),
            (b"\xff\xfeok\xc3", "\"\u{fffd}\u{fffd}ok\u{fffd}\""),
            ("\u{9b}31m".as_bytes(), "\"\\u009b31m\""),
            ("a\u{202e}b\u{2066}\u{61c}\u{2030}".as_bytes(), "\"a\\u202eb\\u2066\\u061c\u{2030}\""),
        ] {
            assert_eq!(text_of(bytes), expected);
        }
    }

    #[test]
    fn special_bytes_are_found_in_words() {
        let mut word = [b'x'; 8];
        for at in 0..8 {
            for byte in 0..=255 {
                word[at] = byte;
                assert_eq!(has_special(u64::from_ne_bytes(word)), !is_plain(byte), "{byte} at {at}");
            }
            word[at] = b'x';
        }
    }

    #[test]
    fn decimals() {
        for value in [0u64, 9, 10, 99, 4_294_967_295, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            put_decimal(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
        let mut out = Vec::new();
        put_signed(&mut out, i64::MIN);
        assert_eq!(String::from_utf8(out).unwrap(), i64::MIN.to_string());
    }

    /// Both ways of rendering agree on messages that come in order.
    #[test]
    fn order_does_not_matter() {
        let mut metadata = Vec::new();
        put_bytes(&mut metadata, 1, b"DNS");
        put_uint(&mut metadata, 4, 53);
        for key in [b"a", b"b"] {
            put_nested(&mut metadata, 10, |out| put_bytes(out, 1, key));
        }
        put_nested(&mut metadata, 12, |out| {
            put_nested(out, 18, |out| put_uint(out, 4, 3));
            put_nested(out, 18, |out| put_uint(out, 4, 4));
        });
        let (mut in_order, mut in_any) = (Vec::new(), Vec::new());
        assert!(put_fields_in_order(&mut in_order, packet_metadata::ALL, &metadata, &mut true, 8));
        put_fields_in_any_order(&mut in_any, packet_metadata::ALL, &metadata, &mut true, 8);
        assert_eq!(String::from_utf8(in_order).unwrap(), String::from_utf8(in_any).unwrap());
    }

    #[test]
    fn a_packet_is_flat_and_dns_is_complete() {
        let mut packet = Vec::new();
        put_uint(&mut packet, 2, 1_700_000_000_000_000_001);
        put_uint(&mut packet, 3, 60);
        put_uint(&mut packet, 4, 61);
        put_uint(&mut packet, 6, 1);
        put_nested(&mut packet, 7, |out| {
            put_bytes(out, 1, b"DNS");
            put_bytes(out, 2, b"192.0.2.1");
            put_uint(out, 4, 53);
            put_nested(out, 10, |out| {
                put_bytes(out, 1, b"dns.messages");
                put_bytes(out, 2, b"2");
            });
            put_nested(out, 12, |out| {
                put_bytes(out, 15, b"example.com");
                put_nested(out, 18, |out| put_uint(out, 4, 300));
                put_nested(out, 18, |_| {});
                put_double(out, 21, 0.25);
            });
        });
        put_element(&mut packet, 9, b"f1");
        let mut out = Vec::new();
        put_received(&mut out, &mut Clock::default(), b"edge", &packet);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"timestamp":"2023-11-14T22:13:20.000000001Z","hunter_id":"edge","timestamp_ns":1700000000000000001,"#,
                r#""capture_length":60,"original_length":61,"interface_index":0,"link_type":1,"protocol":"DNS","#,
                r#""src_ip":"192.0.2.1","src_port":53,"details":{"dns.messages":"2"},"dns":{"transaction_id":0,"#,
                r#""is_response":false,"opcode":"","response_code":"","authoritative":false,"truncated":false,"#,
                r#""recursion_desired":false,"recursion_available":false,"authenticated_data":false,"#,
                r#""checking_disabled":false,"question_count":0,"answer_count":0,"authority_count":0,"#,
                r#""additional_count":0,"query_name":"example.com","query_type":"","query_class":"","#,
                r#""answers":[{"name":"","type":"","class":"","ttl":300,"data":""},{"name":"","type":"","#,
                r#""class":"","ttl":0,"data":""}],"query_response_time_ms":0,"correlated_query":false,"#,
                r#""tunneling_score":0.25,"entropy_score":0},"matched_filter_ids":["f1"]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn repeated_metadata_merges_and_answers_may_be_missing() {
        let mut packet = Vec::new();
        put_nested(&mut packet, 7, |out| put_bytes(out, 1, b"UDP"));
        put_nested(&mut packet, 7, |out| {
            put_bytes(out, 1, b"DNS");
            put_nested(out, 12, |_| {});
        });
        let mut out = Vec::new();
        put_received(&mut out, &mut Clock::default(), b"", &packet);
        let line = String::from_utf8(out).unwrap();
        assert!(line.contains(r#""protocol":"DNS""#) && line.contains(r#""answers":[]"#), "{line}");
    }
}

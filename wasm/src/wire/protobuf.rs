//! Protocol Buffers encoding (proto3): writers that append to a buffer, and a reader that never panics.
//!
//! Source: the Protocol Buffers encoding guide. Scalars that hold their default are left out, as proto3 does.

use crate::short::{append, append_printable, has_room};

/// Wire types of proto3; groups (3 and 4) do not occur in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1, little endian.
    Fixed64(u64),
    /// Wire type 2: text, bytes, or a message.
    Bytes(&'a [u8]),
    /// Wire type 5, little endian.
    Fixed32(u32),
}

/// Key and value of an entry of a map from text to text.
pub fn map_entry(entry: &[u8]) -> (&[u8], &[u8]) {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    for field in Fields::of(entry) {
        match field {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    (key, value)
}

/// Appends a base-128 varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 { out.push(value as u8) } else { put_long_varint(out, value) }
}

/// Eight bytes at once: a loop over them has a branch for each, and looks for room each time.
#[inline]
fn put_long_varint(out: &mut Vec<u8>, value: u64) {
    let length = varint_length(value);
    let groups = groups_of(value);
    if length <= 8 {
        let more = MORE & !(u64::MAX << (8 * (length - 1)));
        out.extend_from_slice(&(groups | more).to_le_bytes());
        out.truncate(out.len() + length - 8);
        return;
    }
    out.extend_from_slice(&(groups | MORE).to_le_bytes());
    let (ninth, tenth) = ((value >> 56) as u8 & 0x7f, (value >> 63) as u8);
    if length == 9 {
        out.push(ninth);
    } else {
        out.extend_from_slice(&[ninth | 0x80, tenth]);
    }
}

const MORE: u64 = u64::from_ne_bytes([0x80; 8]);

/// The lower 56 bits, seven to a byte.
#[inline]
fn groups_of(value: u64) -> u64 {
    let groups = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let groups = groups & 0x0000_3fff_0000_3fff | (groups & 0x0fff_c000_0fff_c000) << 2;
    groups & 0x007f_007f_007f_007f | (groups & 0x3f80_3f80_3f80_3f80) << 1
}

/// Bytes that `value` takes as a varint, 1 to 10.
#[inline]
pub fn varint_length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends a uint32, uint64, int64 or enum field unless it is 0. An int64 is passed as its two's complement.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value == 0 {
        return;
    }
    if field < 16 && value < 1 << 28 && has_room(out) {
        return put_small_uint(out, field, value as u32);
    }
    // A time in nanoseconds has nine bytes.
    if field < 16 && value >> 56 != 0 && value >> 63 == 0 && has_room(out) {
        let [a, b, c, d, e, f, g, h] = (groups_of(value) | MORE).to_le_bytes();
        return out.extend_from_slice(&[(field << 3) as u8, a, b, c, d, e, f, g, h, (value >> 56) as u8]);
    }
    put_any_uint(out, field, value);
}

#[inline(never)]
fn put_any_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3);
    put_varint(out, value);
}

/// A field whose tag takes a byte, and whose value takes one to four: all of it at once.
#[inline(always)]
fn put_small_uint(out: &mut Vec<u8>, field: u32, value: u32) {
    const MORE: u32 = u32::from_ne_bytes([0x80; 4]);
    let more = varint_length(value.into()) as u32 - 1;
    let groups = value & 0x3fff | (value & 0x0fff_c000) << 2;
    let groups = groups & 0x007f_007f | (groups & 0x3f80_3f80) << 1;
    let [a, b, c, d] = (groups | MORE & !(u32::MAX << (8 * more))).to_le_bytes();
    out.extend_from_slice(&[(field << 3) as u8, a, b, c, d, 0, 0, 0]);
    out.truncate((out.len() + more as usize).saturating_sub(6));
}

/// Bytes that [`put_uint`] appends.
#[inline]
pub fn uint_length(field: u32, value: u64) -> usize {
    if value == 0 { 0 } else { varint_length(u64::from(field) << 3) + varint_length(value) }
}

/// Bytes that [`put_bytes`] appends for `length` of them.
#[inline]
pub fn bytes_length(field: u32, length: usize) -> usize {
    if length == 0 { 0 } else { varint_length(u64::from(field) << 3) + varint_length(length as u64) + length }
}

/// Appends a bool field unless it is false.
#[inline]
pub fn put_bool(out: &mut Vec<u8>, field: u32, value: bool) {
    put_uint(out, field, u64::from(value));
}

/// Appends a double field unless it is 0.
#[inline]
pub fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    if value != 0.0 {
        put_varint(out, u64::from(field) << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a string or bytes field unless it is empty. The caller vouches that a string is UTF-8.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        put_element(out, field, value);
    }
}

/// Appends an element of a repeated string, bytes or message field, empty or not.
#[inline]
pub fn put_element(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_head(out, field, value.len());
    append(out, value);
}

/// Appends tag and length of a length-delimited field.
#[inline]
pub fn put_head(out: &mut Vec<u8>, field: u32, length: usize) {
    if field < 16 && length < 0x80 {
        out.extend_from_slice(&[(field << 3 | 2) as u8, length as u8]);
    } else {
        put_varint(out, u64::from(field) << 3 | 2);
        put_varint(out, length as u64);
    }
}

/// Appends a string field, unless it is empty, if it is short and printable ASCII; false where it is not, and nothing is
/// appended then.
#[inline(never)]
pub fn put_printable(out: &mut Vec<u8>, field: u32, text: &[u8]) -> bool {
    match text.len() {
        0 => true,
        length @ 1..0x80 if field < 16 => append_printable(out, [(field << 3 | 2) as u8, length as u8], text),
        _ => false,
    }
}

/// Appends a length-delimited field whose content `write` appends; present even when that is empty.
#[inline]
pub fn put_nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mark = open_nested(out, field);
    write(out);
    close_nested(out, mark);
}

/// A length-delimited field that has begun.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Where its content begins.
    start: usize,
    /// Bytes that are kept free for its length.
    width: usize,
}

impl Mark {
    /// Whether nothing was appended since.
    #[inline]
    pub fn is_at_end(&self, out: &[u8]) -> bool {
        out.len() == self.start
    }
}

/// Begins a length-delimited field; what is appended until [`close_nested`] is its content, most likely less than 128
/// bytes.
#[inline]
pub fn open_nested(out: &mut Vec<u8>, field: u32) -> Mark {
    put_head(out, field, 0);
    Mark { start: out.len(), width: 1 }
}

/// The same for content that most likely takes about `expected` bytes, which spares moving it.
#[inline]
pub fn open_long_nested(out: &mut Vec<u8>, field: u32, expected: usize) -> Mark {
    put_varint(out, u64::from(field) << 3 | 2);
    let width = varint_length(expected as u64);
    let start = out.len() + width;
    out.extend_from_slice(&[0; 10]);
    out.truncate(start);
    Mark { start, width }
}

/// Ends the field that [`open_nested`] or [`open_long_nested`] began, with what that returned.
#[inline]
pub fn close_nested(out: &mut Vec<u8>, mark: Mark) {
    let Mark { start, width } = mark;
    let length = out.len().saturating_sub(start);
    match (out.get_mut(start.saturating_sub(width)..start), length) {
        (Some([byte]), 0..0x80) => *byte = length as u8,
        (Some([low, high]), 0x80..0x4000) => (*low, *high) = (length as u8 | 0x80, (length >> 7) as u8),
        _ => close_unexpected(out, mark),
    }
}

/// The length takes more than two bytes, or not as many as were kept free for it: in that case the content is moved.
#[cold]
fn close_unexpected(out: &mut Vec<u8>, Mark { start, width }: Mark) {
    let length = out.len().saturating_sub(start);
    let needed = varint_length(length as u64);
    let from = start.saturating_sub(width);
    if needed > width {
        out.resize(out.len() + needed - width, 0);
    }
    if needed != width {
        out.copy_within(start..start + length, from + needed);
    }
    out.truncate(from + needed + length);
    let mut rest = length;
    for (at, byte) in out.iter_mut().skip(from).take(needed).enumerate() {
        *byte = rest as u8 & 0x7f | if at + 1 < needed { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// Walks the fields of an encoded message. Ends early, with [`Fields::broken`] true, where the bytes stop
/// being protobuf.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Fields<'a> {
    /// A walk over `message`.
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message, broken: false }
    }

    /// True when the walk ended at bytes that are not protobuf.
    pub fn broken(&self) -> bool {
        self.broken
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at as u32);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Some(value);
            }
        }
        None
    }

    #[inline]
    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|&number| number > 0 && number < 1 << 29)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
                self.rest = rest;
                Value::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => {
                let (bytes, rest) = self.rest.split_first_chunk::<4>()?;
                self.rest = rest;
                Value::Fixed32(u32::from_le_bytes(*bytes))
            }
            _ => return None,
        };
        Some((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.broken = true;
            self.rest = &[];
        }
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_their_edges() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_length(value), "{value}");
                assert_eq!(Fields { rest: &out, broken: false }.varint(), Some(value));
            }
        }
    }

    #[test]
    fn nested_lengths_of_every_width() {
        for length in [0usize, 1, 127, 128, 129, 16383, 16384, 70000] {
            let mut out = vec![9];
            put_nested(&mut out, 7, |out| out.extend((0..length).map(|at| at as u8)));
            let mut fields = Fields::of(&out[1..]);
            let Some((7, Value::Bytes(content))) = fields.next() else { panic!("{length}") };
            assert!(content.iter().enumerate().all(|(at, &byte)| byte == at as u8));
            assert_eq!(content.len(), length);
            assert!(fields.next().is_none() && !fields.broken());
        }
    }

    /// Whatever was expected.
    #[test]
    fn nested_lengths_that_were_not_expected() {
        let lengths = [0usize, 1, 127, 128, 129, 16383, 16384, 70_000, 3_000_000];
        for (length, expected) in lengths.into_iter().flat_map(|one| lengths.map(|other| (one, other))) {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut out = vec![9];
            let mark = open_long_nested(&mut out, 7, expected);
            assert!(mark.is_at_end(&out));
            out.extend_from_slice(&content);
            close_nested(&mut out, mark);
            let mut element = vec![9];
            put_element(&mut element, 7, &content);
            assert!(out == element, "{length} {expected}");
        }
    }

    #[test]
    fn printable_strings() {
        for (text, is_printable) in [(&b"a b~"[..], true), (b"", true), (b"a\n", false), (b"\xc3\xa4", false)]
        {
            for field in [1, 15, 16, 1000] {
                for repeats in [1, 10, 30, 40, 200] {
                    let text = text.repeat(repeats);
                    let (mut out, mut expected) = (vec![9], vec![9]);
                    let is_put = put_printable(&mut out, field, &text);
                    if is_put {
                        put_bytes(&mut expected, field, &text);
                    }
                    assert_eq!(out, expected);
                    let is_short = field < 16 && text.len() < 128;
                    assert_eq!(is_put, text.is_empty() || is_printable && is_short, "{field} {repeats}");
                }
            }
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for (field, shift) in (1..40).flat_map(|field| (0..64).map(move |shift| (field, shift))) {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift, 0x5a5a_a5a5_3c3c_c3c3 >> shift]
            {
                let (mut out, mut expected) = (vec![9], vec![9]);
                put_uint(&mut out, field, value);
                if value != 0 {
                    put_varint(&mut expected, u64::from(field) << 3);
                    put_varint(&mut expected, value);
                }
                assert_eq!(out, expected, "{field} {value}");
                assert_eq!(out.len() - 1, uint_length(field, value));
            }
        }
    }

    #[test]
    fn broken_messages_end_the_walk() {
        for bytes in [&[0x80u8][..], &[0x0a, 5, 1], &[0x0b], &[0x09, 1], &[0x0d, 1], &[0x02, 0], &[0xff; 12]]
        {
            let mut fields = Fields::of(bytes);
            assert!(fields.by_ref().count() <= 1);
            assert!(fields.broken(), "{bytes:x?}");
        }
    }

    #[test]
    fn defaults_are_left_out() {
        let mut out = Vec::new();
        put_uint(&mut out, 1, 0);
        put_bool(&mut out, 2, false);
        put_double(&mut out, 3, 0.0);
        put_bytes(&mut out, 4, b"");
        assert!(out.is_empty());
        put_element(&mut out, 4, b"");
        assert_eq!(out, [0x22, 0]);
    }
}

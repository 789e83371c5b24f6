//! Protocol Buffers encoding (proto3): writers that append to a buffer, and a reader that never panics.
//!
//! Source: the Protocol Buffers encoding guide. Scalars that hold their default are left out, as proto3 does.

use crate::short::append;

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

/// Appends a base-128 varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 { out.push(value as u8) } else { put_long_varint(out, value) }
}

/// Eight bytes at once: a loop over them has a branch for each, and looks for room each time.
#[inline]
fn put_long_varint(out: &mut Vec<u8>, value: u64) {
    const MORE: u64 = u64::from_ne_bytes([0x80; 8]);
    let length = varint_length(value);
    // The lower 56 bits, seven to a byte.
    let groups = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let groups = groups & 0x0000_3fff_0000_3fff | (groups & 0x0fff_c000_0fff_c000) << 2;
    let groups = groups & 0x007f_007f_007f_007f | (groups & 0x3f80_3f80_3f80_3f80) << 1;
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

/// Bytes that `value` takes as a varint, 1 to 10.
#[inline]
pub fn varint_length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends a uint32, uint64, int64 or enum field unless it is 0. An int64 is passed as its two's complement.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(field) << 3);
        put_varint(out, value);
    }
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
    put_varint(out, u64::from(field) << 3 | 2);
    put_varint(out, value.len() as u64);
    append(out, value);
}

/// Appends a length-delimited field whose content `write` appends; present even when that is empty.
#[inline]
pub fn put_nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mark = open_nested(out, field);
    write(out);
    close_nested(out, mark);
}

/// Begins a length-delimited field; what is appended until [`close_nested`] is its content.
#[inline]
pub fn open_nested(out: &mut Vec<u8>, field: u32) -> usize {
    put_varint(out, u64::from(field) << 3 | 2);
    out.push(0);
    out.len()
}

/// Ends the field that [`open_nested`] began, with what that returned.
#[inline]
pub fn close_nested(out: &mut Vec<u8>, mark: usize) {
    let length = out.len().saturating_sub(mark);
    let width = varint_length(length as u64);
    if width == 1 {
        // Most are short.
        if let Some(byte) = out.get_mut(mark.wrapping_sub(1)) {
            *byte = length as u8;
        }
        return;
    }
    // The length took more than the byte that was kept free for it: move the content up.
    out.resize(out.len() + width - 1, 0);
    out.copy_within(mark..mark + length, mark + width - 1);
    let mut rest = length;
    for (at, byte) in out.iter_mut().skip(mark.saturating_sub(1)).take(width).enumerate() {
        *byte = rest as u8 & 0x7f | if at + 1 < width { 0x80 } else { 0 };
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

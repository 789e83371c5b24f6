//! One description of a message, two encodings: what the engine says of a packet is written once, against
//! [`Encoder`], and comes out as protobuf or as JSON.

use super::json::{self, put_decimal, put_double};
use super::protobuf;
use super::schema::Field;
use crate::short::append;

/// Takes the fields of a message in ascending order. A default value may be left out.
pub trait Encoder {
    /// A uint32 or uint64.
    fn unsigned(&mut self, field: &Field, value: u64);
    /// An int32 or int64.
    fn signed(&mut self, field: &Field, value: i64);
    /// A bool.
    fn boolean(&mut self, field: &Field, value: bool);
    /// A double.
    fn double(&mut self, field: &Field, value: f64);
    /// A string: UTF-8.
    fn text(&mut self, field: &Field, value: &[u8]);
    /// A string that `write` appends, of printable ASCII without quote and backslash; present even when empty.
    fn plain_text(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>));
    /// A repeated string.
    fn texts<'t>(&mut self, field: &Field, values: impl Iterator<Item = &'t str>);
    /// A map from string to string: UTF-8, keys without quote and backslash.
    fn map<'t>(&mut self, field: &Field, entries: impl Iterator<Item = (&'static str, &'t [u8])>);
    /// A string put together of pieces of any octets: what is not UTF-8 becomes U+FFFD. Left out where all are empty.
    fn pieces<'t>(&mut self, field: &Field, pieces: impl Iterator<Item = &'t [u8]>);
    /// A string of one piece, if it is short and printable ASCII: quicker than [`pieces`](Self::pieces). False where that is
    /// not so, and nothing is done then.
    #[inline]
    fn printable(&mut self, _: &Field, _: &[u8]) -> bool {
        false
    }
    /// A map from tokens (RFC 3261 section 25.1), which are written in lower case, to strings of pieces.
    fn named_pieces<'t, P: Iterator<Item = &'t [u8]>>(
        &mut self,
        field: &Field,
        entries: impl Iterator<Item = (&'t [u8], P)>,
    );
    /// A message.
    fn message(&mut self, field: &Field, write: impl FnOnce(&mut Self));
    /// A message that most likely takes 128 bytes to 16 KiB of protobuf.
    #[inline]
    fn long_message(&mut self, field: &Field, write: impl FnOnce(&mut Self)) {
        self.message(field, write);
    }
    /// A message whose fields are shown as the outer message's own. `is_long`: as for [`long_message`](Self::long_message).
    fn inline(&mut self, field: &Field, is_long: bool, write: impl FnOnce(&mut Self));
    /// A repeated message.
    fn messages<T>(&mut self, field: &Field, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T));
}

/// Bytes of a message that is long.
const LONG: usize = 256;

/// Writes protobuf.
pub struct Protobuf<'o>(pub &'o mut Vec<u8>);

impl Encoder for Protobuf<'_> {
    #[inline]
    fn unsigned(&mut self, field: &Field, value: u64) {
        protobuf::put_uint(self.0, field.number, value);
    }

    #[inline]
    fn signed(&mut self, field: &Field, value: i64) {
        protobuf::put_uint(self.0, field.number, value as u64);
    }

    #[inline]
    fn boolean(&mut self, field: &Field, value: bool) {
        protobuf::put_bool(self.0, field.number, value);
    }

    #[inline]
    fn double(&mut self, field: &Field, value: f64) {
        protobuf::put_double(self.0, field.number, value);
    }

    #[inline]
    fn text(&mut self, field: &Field, value: &[u8]) {
        protobuf::put_bytes(self.0, field.number, value);
    }

    #[inline]
    fn plain_text(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        protobuf::put_nested(self.0, field.number, write);
    }

    #[inline]
    fn texts<'t>(&mut self, field: &Field, values: impl Iterator<Item = &'t str>) {
        for value in values {
            protobuf::put_element(self.0, field.number, value.as_bytes());
        }
    }

    fn map<'t>(&mut self, field: &Field, entries: impl Iterator<Item = (&'static str, &'t [u8])>) {
        for (key, value) in entries {
            protobuf::put_nested(self.0, field.number, |out| {
                protobuf::put_bytes(out, 1, key.as_bytes());
                protobuf::put_bytes(out, 2, value);
            });
        }
    }

    #[inline]
    fn printable(&mut self, field: &Field, text: &[u8]) -> bool {
        protobuf::put_printable(self.0, field.number, text)
    }

    fn pieces<'t>(&mut self, field: &Field, pieces: impl Iterator<Item = &'t [u8]>) {
        let start = self.0.len();
        let mark = protobuf::open_nested(self.0, field.number);
        pieces.for_each(|piece| put_utf8(self.0, piece));
        if mark.is_at_end(self.0) {
            self.0.truncate(start);
        } else {
            protobuf::close_nested(self.0, mark);
        }
    }

    fn named_pieces<'t, P: Iterator<Item = &'t [u8]>>(
        &mut self,
        field: &Field,
        entries: impl Iterator<Item = (&'t [u8], P)>,
    ) {
        for (name, pieces) in entries {
            protobuf::put_nested(self.0, field.number, |out| {
                protobuf::put_nested(out, 1, |out| out.extend(name.iter().map(u8::to_ascii_lowercase)));
                protobuf::put_nested(out, 2, |out| pieces.for_each(|piece| put_utf8(out, piece)));
            });
        }
    }

    #[inline]
    fn message(&mut self, field: &Field, write: impl FnOnce(&mut Self)) {
        let mark = protobuf::open_nested(self.0, field.number);
        write(self);
        protobuf::close_nested(self.0, mark);
    }

    #[inline]
    fn long_message(&mut self, field: &Field, write: impl FnOnce(&mut Self)) {
        let mark = protobuf::open_long_nested(self.0, field.number, LONG);
        write(self);
        protobuf::close_nested(self.0, mark);
    }

    #[inline]
    fn inline(&mut self, field: &Field, is_long: bool, write: impl FnOnce(&mut Self)) {
        let mark = protobuf::open_long_nested(self.0, field.number, if is_long { LONG } else { 0 });
        write(self);
        protobuf::close_nested(self.0, mark);
    }

    #[inline]
    fn messages<T>(&mut self, field: &Field, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        for item in items {
            self.message(field, |encoder| write(encoder, item));
        }
    }
}

/// Appends text as UTF-8.
#[inline]
fn put_utf8(out: &mut Vec<u8>, text: &[u8]) {
    // Told faster of what is short.
    if text.is_ascii() {
        return append(out, text);
    }
    match str::from_utf8(text) {
        Ok(_) => out.extend_from_slice(text),
        Err(_) => put_repaired(out, text),
    }
}

#[cold]
fn put_repaired(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Writes the members of a JSON object.
pub struct Json<'o> {
    /// Where to.
    pub out: &'o mut Vec<u8>,
    /// True while the object has no member.
    pub first: bool,
}

impl Json<'_> {
    #[inline]
    fn key(&mut self, field: &Field) {
        json::put_key(self.out, field, &mut self.first);
    }

    #[inline]
    fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        let outer = std::mem::replace(&mut self.first, true);
        write(self);
        self.first = outer;
        self.out.push(b'}');
    }

    #[inline]
    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }
}

impl Encoder for Json<'_> {
    #[inline]
    fn unsigned(&mut self, field: &Field, value: u64) {
        if value != 0 || field.always {
            self.key(field);
            put_decimal(self.out, value);
        }
    }

    #[inline]
    fn signed(&mut self, field: &Field, value: i64) {
        if value != 0 || field.always {
            self.key(field);
            json::put_signed(self.out, value);
        }
    }

    #[inline]
    fn boolean(&mut self, field: &Field, value: bool) {
        if value || field.always {
            self.key(field);
            json::put_bool(self.out, value);
        }
    }

    #[inline]
    fn double(&mut self, field: &Field, value: f64) {
        if value != 0.0 || field.always {
            self.key(field);
            put_double(self.out, value);
        }
    }

    #[inline]
    fn text(&mut self, field: &Field, value: &[u8]) {
        if !value.is_empty() || field.always {
            self.key(field);
            json::put_text(self.out, value);
        }
    }

    #[inline]
    fn plain_text(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(field);
        self.quoted(write);
    }

    fn texts<'t>(&mut self, field: &Field, values: impl Iterator<Item = &'t str>) {
        let mut any = false;
        for value in values {
            if !any {
                self.key(field);
            }
            self.out.push(if any { b',' } else { b'[' });
            any = true;
            json::put_text(self.out, value.as_bytes());
        }
        if any {
            self.out.push(b']');
        }
    }

    fn map<'t>(&mut self, field: &Field, entries: impl Iterator<Item = (&'static str, &'t [u8])>) {
        let mut any = false;
        for (key, value) in entries {
            if !any {
                self.key(field);
            }
            self.out.extend_from_slice(if any { b",\"" } else { b"{\"" });
            any = true;
            self.out.extend_from_slice(key.as_bytes());
            self.out.extend_from_slice(b"\":");
            json::put_text(self.out, value);
        }
        if any {
            self.out.push(b'}');
        }
    }

    fn pieces<'t>(&mut self, field: &Field, pieces: impl Iterator<Item = &'t [u8]>) {
        let mut pieces = pieces.filter(|piece| !piece.is_empty());
        let Some(first) = pieces.next() else { return };
        self.key(field);
        self.quoted(|out| {
            json::put_characters(out, first);
            pieces.for_each(|piece| json::put_characters(out, piece));
        });
    }

    fn named_pieces<'t, P: Iterator<Item = &'t [u8]>>(
        &mut self,
        field: &Field,
        entries: impl Iterator<Item = (&'t [u8], P)>,
    ) {
        let mut any = false;
        for (name, pieces) in entries {
            if !any {
                self.key(field);
            }
            self.out.extend_from_slice(if any { b",\"" } else { b"{\"" });
            any = true;
            self.out.extend(name.iter().map(u8::to_ascii_lowercase));
            self.out.extend_from_slice(b"\":");
            self.quoted(|out| pieces.for_each(|piece| json::put_characters(out, piece)));
        }
        if any {
            self.out.push(b'}');
        }
    }

    #[inline]
    fn message(&mut self, field: &Field, write: impl FnOnce(&mut Self)) {
        self.key(field);
        self.object(write);
    }

    #[inline]
    fn inline(&mut self, _: &Field, _: bool, write: impl FnOnce(&mut Self)) {
        write(self);
    }

    fn messages<T>(&mut self, field: &Field, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let mut any = false;
        for item in items {
            if !any {
                self.key(field);
            }
            self.out.push(if any { b',' } else { b'[' });
            any = true;
            self.object(|encoder| write(encoder, item));
        }
        match any {
            true => self.out.push(b']'),
            false if field.always => {
                self.key(field);
                self.out.extend_from_slice(b"[]");
            }
            false => {}
        }
    }
}

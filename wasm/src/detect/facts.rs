//! What a packet says, for people: one line of info, and details by key.
//!
//! Keys are those of the signatures; values are text. Never credentials, communities, cookies or bodies: what is
//! secret is not put here in the first place.

use crate::short::append_printable;

/// Longest value in bytes; longer ones are cut at a character.
const MOST_VALUE: usize = 256;
/// Most bytes of all values of a packet; further ones are left out.
const MOST_TEXT: usize = 4096;
/// Longest info text in bytes.
const MOST_INFO: usize = 256;

/// Info text and details of the packet at hand; its buffers are used again for the next one.
#[derive(Default)]
pub struct Facts {
    info: Vec<u8>,
    text: Vec<u8>,
    /// Key, and end of its value in `text`.
    entries: Vec<(&'static str, u32)>,
}

impl Facts {
    /// Forgets the last packet.
    #[inline]
    pub fn clear(&mut self) {
        self.info.clear();
        self.text.clear();
        self.entries.clear();
    }

    /// The info text. UTF-8.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The details in the order they were put. UTF-8.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |(key, end)| {
            let value = self.text.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            (*key, value)
        })
    }

    /// Sets the info to text that is UTF-8 already.
    pub fn set_info(&mut self, text: &[u8]) {
        self.info.clear();
        self.info.extend_from_slice(text);
    }

    /// Appends text to the info; bytes that are not UTF-8 become U+FFFD, control characters a space.
    pub fn say(&mut self, text: &[u8]) {
        put_clean(&mut self.info, text, MOST_INFO);
    }

    /// Appends a number to the info.
    pub fn say_number(&mut self, number: u64) {
        put_number(&mut self.info, number);
    }

    /// Appends bytes to the info as lower-case hexadecimal digits, at most 64 of them.
    pub fn say_hex(&mut self, bytes: &[u8]) {
        self.say_with(|info| put_hex(info, bytes));
    }

    /// Appends to the info what `write` appends: UTF-8, short.
    pub fn say_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.info.len() < MOST_INFO {
            write(&mut self.info);
        }
    }

    /// Adds a detail; bytes that are not UTF-8 become U+FFFD, control characters a space.
    pub fn put(&mut self, key: &'static str, value: &[u8]) {
        self.entry(key, |text| put_clean(text, value, text.len() + MOST_VALUE));
    }

    /// Adds a detail made of parts, as [`put`](Self::put) does.
    pub fn put_all<'a>(&mut self, key: &'static str, parts: impl Iterator<Item = &'a [u8]>) {
        self.entry(key, |text| {
            let most = text.len() + MOST_VALUE;
            parts.for_each(|part| put_clean(text, part, most));
        });
    }

    /// Adds a number.
    pub fn put_number(&mut self, key: &'static str, number: u64) {
        self.entry(key, |text| put_number(text, number));
    }

    /// Adds `true` or `false`.
    pub fn put_flag(&mut self, key: &'static str, flag: bool) {
        self.entry(key, |text| text.extend_from_slice(if flag { b"true" } else { b"false" }));
    }

    /// Adds bytes as lower-case hexadecimal digits, at most 64 of them.
    pub fn put_hex(&mut self, key: &'static str, bytes: &[u8]) {
        self.entry(key, |text| put_hex(text, bytes));
    }

    /// Adds a detail that `write` appends: UTF-8, short. The first one of a key stays; one without text is none.
    pub fn entry(&mut self, key: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        if self.text.len() < MOST_TEXT && self.entries.iter().all(|(other, _)| *other != key) {
            let start = self.text.len();
            write(&mut self.text);
            // One string that is not UTF-8 makes a whole batch unreadable at the receiver.
            if self.text.get(start..).is_none_or(|value| str::from_utf8(value).is_err()) {
                self.text.truncate(start);
            }
            if self.text.len() > start {
                self.entries.push((key, self.text.len() as u32));
            }
        }
    }
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    crate::wire::json::put_decimal(out, number);
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    bytes.iter().take(MOST_VALUE / 4).for_each(|byte| put_hex_byte(out, *byte));
}

/// Appends a byte as two lower-case hexadecimal digits.
pub fn put_hex_byte(out: &mut Vec<u8>, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        out.push(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
    }
}

/// Appends `text` until `out` has `most` bytes.
fn put_clean(out: &mut Vec<u8>, text: &[u8], most: usize) {
    if out.len() + text.len() > most || !append_printable(out, [], text) {
        put_cleaned(out, text, most);
    }
}

#[cold]
fn put_cleaned(out: &mut Vec<u8>, text: &[u8], most: usize) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if out.len() + character.len_utf8() > most {
                return;
            }
            let mut buffer = [0; 4];
            let shown = if character.is_control() { ' ' } else { character };
            out.extend_from_slice(shown.encode_utf8(&mut buffer).as_bytes());
        }
        if !chunk.invalid().is_empty() && out.len() + 3 <= most {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clean_text() {
        let mut facts = Facts::default();
        facts.put("a", b"x\xff\r\ny\xc3\xa4");
        facts.put_number("b", 17);
        facts.put_hex("c", &[0, 0xab]);
        facts.put("d", &[b'z'; 1000]);
        let entries: Vec<_> =
            facts.entries().map(|(key, value)| (key, str::from_utf8(value).unwrap())).collect();
        let long = "z".repeat(MOST_VALUE);
        assert_eq!(entries, [("a", "x\u{fffd}  y\u{e4}"), ("b", "17"), ("c", "00ab"), ("d", &long)]);
        facts.clear();
        assert_eq!(facts.entries().count(), 0);
    }

    #[test]
    fn a_packet_cannot_say_too_much() {
        let mut facts = Facts::default();
        for _ in 0..1000 {
            facts.put("key", &[b'z'; 300]);
            facts.say(&[b'z'; 300]);
        }
        assert!(facts.text.len() <= MOST_TEXT + MOST_VALUE);
        assert_eq!(facts.info().len(), MOST_INFO);
    }
}

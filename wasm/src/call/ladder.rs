//! The messages of a call in their order: what a ladder diagram shows. Packed in one buffer of bounded size.

use crate::net::Address;
use crate::short::append;
use crate::sip::message::Message;
use crate::wire::json::{put_bool, put_decimal, put_text};
use crate::wire::time::Clock;

use super::Passage;

/// Most bytes of a message's text.
const MOST_TEXT: usize = 64;
/// Most bytes of a CSeq's method.
const MOST_METHOD: usize = 32;
/// A buffer of up to so many bytes is kept for the next call in its place, as long as half of all room is free.
const KEPT_BYTES: usize = 1024;
/// First size of a buffer.
const LEAST_BYTES: usize = 512;

const HAS_DESCRIPTION: u8 = 1;
const IS_IPV6: u8 = 1 << 1;

/// Room that all ladders share, bytes.
pub(super) struct Room {
    pub(super) left: usize,
    pub(super) all: usize,
}

/// How much a ladder may hold.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages: u32,
    pub(super) bytes: usize,
}

#[derive(Default)]
pub(super) struct Ladder {
    pub(super) bytes: Vec<u8>,
    messages: u32,
    omitted: u32,
}

/// Appends the short text of a message: the method of a request, status code and reason of a response, at most 64 bytes of either.
pub fn write_text(message: &Message<'_>, out: &mut Vec<u8>) {
    match message.status() {
        Some(status) => {
            put_decimal(out, status.into());
            let reason = message.reason().trim_ascii();
            if !reason.is_empty() {
                out.push(b' ');
                append(out, beginning(reason, MOST_TEXT));
            }
        }
        None => append(out, beginning(message.method(), MOST_TEXT)),
    }
}

fn beginning(text: &[u8], most: usize) -> &[u8] {
    text.get(..most).unwrap_or(text)
}

impl Ladder {
    /// Messages that are not in it for want of room.
    pub(super) fn omitted(&self) -> u32 {
        self.omitted
    }

    /// Adds a message, if there is room.
    pub(super) fn push(
        &mut self,
        message: &Message<'_>,
        passage: &Passage,
        has_description: bool,
        bounds: Bounds,
        room: &mut Room,
    ) {
        // The fixed part of IPv6, both texts.
        let most = 64 + MOST_TEXT + MOST_METHOD;
        let is_odd = passage.source.version() != passage.destination.version();
        if is_odd || self.messages >= bounds.messages || !self.reserve(most, bounds.bytes, room) {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.messages += 1;
        let out = &mut self.bytes;
        let version = if passage.source.version() == 6 { IS_IPV6 } else { 0 };
        out.extend_from_slice(&passage.timestamp_ns.to_le_bytes());
        out.push(version | if has_description { HAS_DESCRIPTION } else { 0 });
        for (address, port) in
            [(&passage.source, passage.source_port), (&passage.destination, passage.destination_port)]
        {
            append(out, address.octets());
            out.extend_from_slice(&port.to_le_bytes());
        }
        let (number, method) = message.cseq().unwrap_or_default();
        out.extend_from_slice(&number.to_le_bytes());
        put_short(out, MOST_METHOD, |out| append(out, beginning(method, MOST_METHOD)));
        put_short(out, MOST_TEXT, |out| write_text(message, out));
    }

    fn reserve(&mut self, bytes: usize, most: usize, room: &mut Room) -> bool {
        let wanted = self.bytes.len() + bytes;
        let before = self.bytes.capacity();
        if wanted <= before {
            return true;
        }
        if wanted > most {
            return false;
        }
        let capacity = wanted.next_power_of_two().max(LEAST_BYTES).min(most);
        if capacity - before > room.left {
            return false;
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
        room.left = room.left.saturating_sub(self.bytes.capacity() - before);
        true
    }

    /// Forgets all messages.
    pub(super) fn clear(&mut self, room: &mut Room) {
        self.bytes.clear();
        (self.messages, self.omitted) = (0, 0);
        if self.bytes.capacity() > KEPT_BYTES || room.left < room.all / 2 {
            room.left += self.bytes.capacity();
            self.bytes = Vec::new();
        }
    }

    /// Appends the messages as objects of a JSON array.
    pub(super) fn put_json(&self, out: &mut Vec<u8>, clock: &mut Clock) {
        let mut reader = Reader { rest: &self.bytes };
        let mut is_first = true;
        while let Some(message) = reader.message() {
            out.extend_from_slice(if is_first { b"{\"time\":\"" } else { b",{\"time\":\"" });
            is_first = false;
            clock.put_rfc3339(out, message.timestamp_ns);
            out.extend_from_slice(b"\",\"source\":");
            put_socket(out, &message.source.0, message.source.1);
            out.extend_from_slice(b",\"destination\":");
            put_socket(out, &message.destination.0, message.destination.1);
            out.extend_from_slice(b",\"text\":");
            put_text(out, message.text);
            if !message.method.is_empty() {
                out.extend_from_slice(b",\"cseq\":");
                let start = out.len();
                put_text(out, message.method);
                // The number comes in front of the method, within the quotes.
                let mut number = Vec::with_capacity(11);
                put_decimal(&mut number, message.number.into());
                number.push(b' ');
                out.splice(start + 1..start + 1, number);
            }
            out.extend_from_slice(b",\"sdp\":");
            put_bool(out, message.has_description);
            out.push(b'}');
        }
    }
}

/// Appends a text of at most `most` bytes, up to 255, with its length before it.
fn put_short(out: &mut Vec<u8>, most: usize, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    out.truncate(at + 1 + most);
    let length = out.len() - at - 1;
    if let Some(place) = out.get_mut(at) {
        *place = length as u8;
    }
}

/// Appends `"192.0.2.1:5060"`, or `"[2001:db8::1]:5060"`.
pub(super) fn put_socket(out: &mut Vec<u8>, address: &Address, port: u16) {
    let is_bracketed = address.version() == 6;
    out.extend_from_slice(if is_bracketed { b"\"[" } else { b"\"" });
    address.write_text(out);
    out.extend_from_slice(if is_bracketed { b"]:" } else { b":" });
    put_decimal(out, port.into());
    out.push(b'"');
}

struct Step<'a> {
    timestamp_ns: i64,
    has_description: bool,
    source: (Address, u16),
    destination: (Address, u16),
    number: u32,
    method: &'a [u8],
    text: &'a [u8],
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn socket(&mut self, is_ipv6: bool) -> Option<(Address, u16)> {
        let address = if is_ipv6 { Address::v6(self.array()?) } else { Address::v4(self.array()?) };
        Some((address, u16::from_le_bytes(self.array()?)))
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        let (text, rest) = self.rest.split_at_checked(length.into())?;
        self.rest = rest;
        Some(text)
    }

    fn message(&mut self) -> Option<Step<'a>> {
        let timestamp_ns = i64::from_le_bytes(self.array()?);
        let [flags] = self.array()?;
        let is_ipv6 = flags & IS_IPV6 != 0;
        Some(Step {
            timestamp_ns,
            has_description: flags & HAS_DESCRIPTION != 0,
            source: self.socket(is_ipv6)?,
            destination: self.socket(is_ipv6)?,
            number: u32::from_le_bytes(self.array()?),
            method: self.short()?,
            text: self.short()?,
        })
    }
}

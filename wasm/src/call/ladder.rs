//! The messages of a call in their order: what a ladder diagram shows. Packed in two buffers of bounded size: one for how it
//! began, one for the latest.

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
    first: Vec<u8>,
    messages: u32,
    /// From `start` on.
    latest: Vec<u8>,
    start: usize,
    latest_messages: u32,
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

    /// Memory that it takes, bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.first.capacity() + self.latest.capacity()
    }

    /// Adds a message, if there is room. Once half of it is taken, those between the first and the latest ones give way.
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
        if is_odd {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        let half = bounds.messages.div_ceil(2);
        // Those that were left out come between the first and the latest.
        let is_first = self.omitted == 0
            && self.latest_messages == 0
            && self.messages < half
            && reserve(&mut self.first, most, bounds.bytes / 2, room);
        if is_first {
            self.messages += 1;
        } else if self.make_room(
            most,
            Bounds { messages: bounds.messages - half, bytes: bounds.bytes / 2 },
            room,
        ) {
            self.latest_messages += 1;
        } else {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        let out = if is_first { &mut self.first } else { &mut self.latest };
        let (number, method) = message.cseq().unwrap_or_default();
        put_fixed(out, passage, if has_description { HAS_DESCRIPTION } else { 0 }, number);
        put_short(out, MOST_METHOD, |out| append(out, beginning(method, MOST_METHOD)));
        put_short(out, MOST_TEXT, |out| write_text(message, out));
    }

    /// Makes room for one more among the latest; the oldest of them give way. False where there is no room for any.
    fn make_room(&mut self, bytes: usize, bounds: Bounds, room: &mut Room) -> bool {
        if bounds.messages == 0 {
            return false;
        }
        while self.latest_messages >= bounds.messages || !reserve(&mut self.latest, bytes, bounds.bytes, room)
        {
            if self.start > 0 && self.latest_messages < bounds.messages {
                // What gave way before is room.
                self.latest.drain(..self.start);
                self.start = 0;
            } else if !self.omit_oldest() {
                return false;
            }
        }
        true
    }

    /// The oldest of the latest messages gives way.
    fn omit_oldest(&mut self) -> bool {
        let rest = self.latest.get(self.start..).unwrap_or_default();
        let mut reader = Reader { rest };
        if reader.message().is_none() {
            return false;
        }
        self.start += rest.len() - reader.rest.len();
        self.latest_messages = self.latest_messages.saturating_sub(1);
        self.omitted = self.omitted.saturating_add(1);
        true
    }

    /// Forgets all messages.
    pub(super) fn clear(&mut self, room: &mut Room) {
        self.first.clear();
        room.left += self.latest.capacity();
        self.latest = Vec::new();
        (self.messages, self.latest_messages, self.start, self.omitted) = (0, 0, 0, 0);
        if self.first.capacity() > KEPT_BYTES || room.left < room.all / 2 {
            room.left += self.first.capacity();
            self.first = Vec::new();
        }
    }

    /// How many messages come before those that were left out.
    pub(super) fn omitted_after(&self) -> u32 {
        self.messages
    }

    /// Appends the messages as objects of a JSON array.
    pub(super) fn put_json(&self, out: &mut Vec<u8>, clock: &mut Clock) {
        let mut first = Reader { rest: &self.first };
        let mut latest = Reader { rest: self.latest.get(self.start..).unwrap_or_default() };
        let mut is_first = true;
        while let Some(message) = first.message().or_else(|| latest.message()) {
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

/// Appends what every message has, in one piece: time, number of CSeq, ports, addresses.
#[inline]
fn put_fixed(out: &mut Vec<u8>, passage: &Passage, flags: u8, number: u32) {
    let time = passage.timestamp_ns.to_le_bytes();
    let ports = u64::from(passage.source_port) | u64::from(passage.destination_port) << 16;
    let numbers = (u64::from(number) | ports << 32).to_le_bytes();
    let words = |address: &Address| address.words().map(u64::to_ne_bytes);
    let ([a, b], [c, d]) = (words(&passage.source), words(&passage.destination));
    if passage.source.version() == 6 {
        out.push(flags | IS_IPV6);
        out.extend_from_slice([time, numbers, a, b, c, d].as_flattened());
    } else {
        let ([a, b, c, d, ..], [e, f, g, h, ..]) = (a, c);
        out.push(flags);
        out.extend_from_slice([time, numbers, [a, b, c, d, e, f, g, h]].as_flattened());
    }
}

/// Makes room for `more` bytes in a buffer of `most` bytes.
fn reserve(buffer: &mut Vec<u8>, more: usize, most: usize, room: &mut Room) -> bool {
    let wanted = buffer.len() + more;
    let before = buffer.capacity();
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
    buffer.reserve_exact(capacity - buffer.len());
    room.left = room.left.saturating_sub(buffer.capacity() - before);
    true
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

    fn address(&mut self, is_ipv6: bool) -> Option<Address> {
        Some(if is_ipv6 { Address::v6(self.array()?) } else { Address::v4(self.array()?) })
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let [length] = self.array()?;
        let (text, rest) = self.rest.split_at_checked(length.into())?;
        self.rest = rest;
        Some(text)
    }

    fn message(&mut self) -> Option<Step<'a>> {
        let [flags] = self.array()?;
        let is_ipv6 = flags & IS_IPV6 != 0;
        let timestamp_ns = i64::from_le_bytes(self.array()?);
        let number = u32::from_le_bytes(self.array()?);
        let (source_port, destination_port) =
            (u16::from_le_bytes(self.array()?), u16::from_le_bytes(self.array()?));
        Some(Step {
            timestamp_ns,
            has_description: flags & HAS_DESCRIPTION != 0,
            source: (self.address(is_ipv6)?, source_port),
            destination: (self.address(is_ipv6)?, destination_port),
            number,
            method: self.short()?,
            text: self.short()?,
        })
    }
}

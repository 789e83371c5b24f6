//! DNS over TCP: messages behind a length of two octets (RFC 1035 4.2.2, RFC 7766 8).
//!
//! Where a stream is picked up in the middle, or after a hole, bytes may begin inside a message, and then must give
//! nothing; so what they seem to begin with has to be plausible. From there on the lengths say where messages begin.

use super::message::{HEADER_LENGTH, Header, read_question, read_record};
use super::names::{self, NameError};

/// A message found in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The message, or the part of it that is in this segment.
    pub bytes: &'a [u8],
    /// Octets of the whole message.
    pub length: usize,
    /// Whether all of the message is in this segment.
    pub complete: bool,
}

impl<'a> Framed<'a> {
    fn new(bytes: &'a [u8], length: usize) -> Self {
        Self { bytes, length, complete: bytes.len() == length }
    }
}

/// The messages of one segment.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    /// The segment is one message whose length was in an earlier segment.
    bare: bool,
    /// It is known that a length begins here: what follows it is a message, plausible or not.
    in_step: bool,
    /// Frames so far that are too short to be messages.
    too_short: u64,
}

impl<'a> Messages<'a> {
    /// What has not been given out; at the end, what is no whole frame.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Frames so far that were passed over, because they are too short to be messages.
    pub fn too_short(&self) -> u64 {
        self.too_short
    }
}

/// Finds the messages in `segment`: whole ones, and the beginning of one that goes on in a later segment.
///
/// Believed is a segment that its lengths divide without remainder, or whose first message is plausible to
/// its end, or that is exactly one message without a length (some senders send the two octets alone).
pub fn messages(segment: &[u8]) -> Messages<'_> {
    let (too_short, begins) = without_short_frames(segment);
    let first = split_frame(begins).map(|(first, _)| first);
    let framed = first.is_some_and(|first| {
        let divided = divides_evenly(begins) && Header::read(first.bytes).is_some_and(|header| sane(&header));
        let plausible = is_plausible(first.bytes, first.length);
        // Short frames in front may as well be the inside of a message: then all is asked for.
        let asks = Header::read(first.bytes).is_some_and(|header| header.question_count == 1);
        if too_short == 0 { divided || plausible } else { divided && plausible && asks }
    });
    if framed {
        return Messages { rest: begins, bare: false, in_step: false, too_short };
    }
    let bare = looks_like_dns(segment, segment.len()) && walk(segment) == Walk::End(segment.len());
    Messages { rest: if bare { segment } else { &[] }, bare, in_step: false, too_short: 0 }
}

/// The messages of `bytes`, which begin with a length: whole ones, and the beginning of one that goes on.
pub fn messages_in_step(bytes: &[u8]) -> Messages<'_> {
    Messages { rest: bytes, bare: false, in_step: true, too_short: 0 }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Framed<'a>;

    fn next(&mut self) -> Option<Framed<'a>> {
        if self.bare {
            let rest = std::mem::take(&mut self.rest);
            return (!rest.is_empty()).then_some(Framed::new(rest, rest.len()));
        }
        let (too_short, rest) = without_short_frames(self.rest);
        self.too_short += too_short;
        self.rest = rest;
        let (message, after) = split_frame(rest)?;
        if !message.complete && !self.in_step && !is_plausible(message.bytes, message.length) {
            return None;
        }
        self.rest = after;
        Some(message)
    }
}

/// Whether `payload` looks like a DNS message of `length` octets on any port; it may be cut.
pub fn looks_like_dns(payload: &[u8], length: usize) -> bool {
    is_plausible(payload, length.max(payload.len()))
}

/// Whether `payload` has the header of a DNS message, whatever follows: at least three of its counts are as small as
/// those of messages are, which one payload in a million of something else has. A header alone may count nothing.
pub fn begins_like_dns(payload: &[u8]) -> bool {
    let Some(header) = Header::read(payload) else { return false };
    let counts =
        [header.question_count, header.answer_count, header.authority_count, header.additional_count];
    let is_empty = counts == [0; 4];
    counts.iter().filter(|count| **count <= 256).count() >= 3
        && (!is_empty || header.is_response() || payload.len() == HEADER_LENGTH)
}

/// The message behind the next length, as far as it is there, and what follows it.
fn split_frame(segment: &[u8]) -> Option<(Framed<'_>, &[u8])> {
    let (length, rest) = segment.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (payload, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    (payload.len() >= HEADER_LENGTH).then_some((Framed::new(payload, length), after))
}

/// How many frames at the front are too short to be messages, and what follows them. An empty one must not hide
/// the messages behind it.
fn without_short_frames(segment: &[u8]) -> (u64, &[u8]) {
    let (mut too_short, mut rest) = (0, segment);
    while let Some((length, after)) = rest.split_first_chunk()
        && let length = usize::from(u16::from_be_bytes(*length))
        && length < HEADER_LENGTH
        && let Some(after) = after.get(length..)
    {
        too_short += 1;
        rest = after;
    }
    (too_short, rest)
}

fn divides_evenly(segment: &[u8]) -> bool {
    let mut rest = segment;
    while let Some((message, after)) = split_frame(rest) {
        if !message.complete {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Whether `payload` may be the beginning of a message of `length` octets.
fn is_plausible(payload: &[u8], length: usize) -> bool {
    let Some(header) = Header::read(payload) else { return false };
    let records = [header.answer_count, header.authority_count, header.additional_count];
    let records: usize = records.into_iter().map(usize::from).sum();
    // A question has at least 5 octets, a record 11.
    let least = HEADER_LENGTH + 5 * usize::from(header.question_count) + 11 * records;
    let something =
        usize::from(header.question_count) + records > 0 || header.is_response() || header.opcode() == 6;
    let whole = payload.len() == length;
    sane(&header)
        && something
        && least <= length
        && match walk(payload) {
            Walk::End(_) => true,
            Walk::Cut => !whole,
            Walk::Malformed => false,
        }
}

/// Whether the header has no bits that no message has: an opcode that is assigned, Z clear (RFC 6895 2).
fn sane(header: &Header) -> bool {
    header.opcode() <= 6 && !header.reserved() && (header.is_response() || header.rcode() == 0)
}

/// Where the sections of a message lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    /// Offset after the last record.
    End(usize),
    /// Something is not all there.
    Cut,
    /// A name that cannot be, or a class that does not exist.
    Malformed,
}

impl From<NameError> for Walk {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Cut => Walk::Cut,
            NameError::Malformed => Walk::Malformed,
        }
    }
}

fn walk(payload: &[u8]) -> Walk {
    walk_sections(payload).map_or_else(|stopped| stopped, Walk::End)
}

fn walk_sections(payload: &[u8]) -> Result<usize, Walk> {
    const TYPE_OPT: u16 = 41;
    let header = Header::read(payload).ok_or(Walk::Cut)?;
    let mut position = HEADER_LENGTH;
    for _ in 0..header.question_count {
        let name_end = names::skip(payload, position)?;
        let (_, class, end) = read_question(payload, name_end).ok_or(Walk::Cut)?;
        check_class(class)?;
        position = end;
    }
    for count in [header.answer_count, header.authority_count, header.additional_count] {
        for _ in 0..count {
            let name_end = names::skip(payload, position)?;
            let record = read_record(payload, name_end).ok_or(Walk::Cut)?;
            if record.rr_type != TYPE_OPT {
                check_class(record.class)?;
            }
            if record.end > payload.len() {
                return Err(Walk::Cut);
            }
            position = record.end;
        }
    }
    Ok(position)
}

/// Classes in use: IN, CH, HS, NONE, ANY; in mDNS the top bit is a flag.
fn check_class(class: u16) -> Result<(), Walk> {
    matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255).then_some(()).ok_or(Walk::Malformed)
}

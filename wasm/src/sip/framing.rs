//! Messages in streams (RFC 3261 section 18.3): TCP has Content-Length alone to tell where one ends.
//!
//! Where bytes are no message, lines are left out up to one that is a start line. That is told from the bytes at the
//! front alone, so that the messages are the same however the stream is cut.

use super::header::{Header, name_and_value};
use super::message::{BodyLength, MOST_HEAD};
use super::start_line::StartLine;
use crate::detect::text_message::MOST_START_LINE;

/// Longest line in bytes, with its end.
pub const MOST_LINE: usize = MOST_START_LINE;

/// What is at the front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// A message of so many bytes. Without a Content-Length that makes sense it has no body.
    Whole(usize),
    /// The end of a message, or of a line that may begin one, is still to come.
    Begun,
    /// Line ends of so many bytes, to keep the connection alive (RFC 5626 section 3.5.1).
    KeepAlive(usize),
    /// So many bytes that are no message.
    Not(usize),
    /// A TLS record: whatever follows will not be messages.
    Tls,
}

/// What is at the front of a stream, without memory of what was at hand of it before.
pub fn frame(bytes: &[u8]) -> Framed {
    Framer::default().next(bytes)
}

/// Finds the messages of one direction of a connection, and reads nothing twice while their bytes arrive.
///
/// Until it answers with a number of bytes, it is to be called with the same bytes and what arrived behind them, and
/// then with what follows these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framer {
    /// How much of the head was read: up to the end of a field. 0 before the start line.
    scanned: u32,
    /// Where the last line begins of the field that is not all there, as far as it was read.
    line: u32,
    /// Bytes of the body, and after the head of the message.
    length: Option<u32>,
    is_in_body: bool,
}

impl Framer {
    /// Forgets what it read of a message: for when bytes of the stream are missing.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Whether it has read the start line of a message that is not whole yet.
    pub fn has_begun(&self) -> bool {
        self.scanned > 0
    }

    /// Bytes of the message that is not whole yet, if its head is.
    pub fn announced(&self) -> Option<usize> {
        self.is_in_body.then(|| self.scanned as usize + self.length.unwrap_or(0) as usize)
    }

    /// What is at the front. An answer of a number of bytes is at least 1, and at most as many as there are.
    pub fn next(&mut self, bytes: &[u8]) -> Framed {
        let framed = self.look(bytes);
        if framed != Framed::Begun {
            self.reset();
        }
        framed
    }

    fn look(&mut self, bytes: &[u8]) -> Framed {
        if self.scanned == 0 {
            match begin(bytes) {
                Ok(end) => self.scanned = end as u32,
                Err(framed) => return framed,
            }
        }
        if !self.is_in_body {
            match self.read_head(bytes) {
                Ok(()) => self.is_in_body = true,
                Err(framed) => return framed,
            }
        }
        let whole = self.scanned as usize + self.length.unwrap_or(0) as usize;
        if bytes.len() >= whole { Framed::Whole(whole) } else { Framed::Begun }
    }

    /// Reads header fields up to the empty line.
    fn read_head(&mut self, bytes: &[u8]) -> Result<(), Framed> {
        let head = bytes.get(..bytes.len().min(MOST_HEAD)).unwrap_or_default();
        loop {
            let at = self.scanned as usize;
            match head.get(at..).unwrap_or_default() {
                [b'\r', b'\n', ..] => self.scanned += 2,
                [b'\n', ..] => self.scanned += 1,
                _ => {
                    let mut line = at.max(self.line as usize);
                    let end = match end_of_field(head, &mut line) {
                        Ok(end) => end,
                        Err(Framed::Begun) if head.len() == MOST_HEAD => return Err(Framed::Not(at)),
                        Err(framed) => {
                            self.line = line as u32;
                            return Err(framed);
                        }
                    };
                    if self.length.is_none() {
                        self.length = content_length(head.get(at..end).unwrap_or_default());
                    }
                    self.scanned = end as u32;
                    continue;
                }
            }
            return Ok(());
        }
    }
}

/// Where the field ends of which a line begins at `line`, which is then where its last line begins. A line that is not all
/// there, or that may go on in the next one, is none yet.
#[inline]
fn end_of_field(head: &[u8], line: &mut usize) -> Result<usize, Framed> {
    loop {
        let rest = head.get(*line..).unwrap_or_default();
        let most = rest.get(..rest.len().min(MOST_LINE)).unwrap_or_default();
        let end = match memchr::memchr(b'\n', most) {
            Some(found) => *line + found + 1,
            None if most.len() == MOST_LINE => return Err(Framed::Not(*line + MOST_LINE)),
            None => return Err(Framed::Begun),
        };
        match head.get(end) {
            Some(b' ' | b'\t') => *line = end,
            Some(_) => return Ok(end),
            None => return Err(Framed::Begun),
        }
    }
}

/// Where the start line ends that the bytes begin with.
fn begin(bytes: &[u8]) -> Result<usize, Framed> {
    let line_ends = bytes.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    if line_ends > 0 {
        return Err(Framed::KeepAlive(line_ends));
    }
    if let Some(framed) = begin_record(bytes) {
        return Err(framed);
    }
    let most = bytes.get(..bytes.len().min(MOST_LINE)).unwrap_or_default();
    match memchr::memchr(b'\n', most) {
        Some(at) if StartLine::parse(most.get(..at).unwrap_or_default()).is_ok() => Ok(at + 1),
        Some(at) => Err(Framed::Not(at + 1)),
        None if most.len() == MOST_LINE => Err(Framed::Not(MOST_LINE)),
        None => Err(Framed::Begun),
    }
}

/// The header of a TLS record (RFC 8446 section 5.1) at the front, or what may become one.
pub(super) fn begin_record(bytes: &[u8]) -> Option<Framed> {
    const MOST_RECORD: u16 = (1 << 14) + 2048;
    match *bytes {
        [20..=23, 3, 0..=4, high, low, ..] => {
            let length = u16::from_be_bytes([high, low]);
            (1..=MOST_RECORD).contains(&length).then_some(Framed::Tls)
        }
        [20..=23] | [20..=23, 3] | [20..=23, 3, 0..=4] | [20..=23, 3, 0..=4, _] => Some(Framed::Begun),
        _ => None,
    }
}

/// The number of bytes of the body, if the field says so; 0 where it makes no sense.
#[inline]
fn content_length(field: &[u8]) -> Option<u32> {
    if !matches!(field.first(), Some(b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let (name, value) = name_and_value(field)?;
    if Header::of(name) != Some(Header::ContentLength) {
        return None;
    }
    match BodyLength::parse(field.get(value)?) {
        BodyLength::Bytes(length) => Some(length as u32),
        BodyLength::Absent | BodyLength::Invalid => Some(0),
    }
}

//! Domain names: from the wire (RFC 1035 3.1, 4.1.4) to text (RFC 1035 5.1, RFC 4343 2.1).
//!
//! Text is labels joined with `.`, no trailing dot, case kept, the root is empty. A dot inside a label is
//! `\.`, a backslash `\\`; control octets and octets that are not UTF-8 are `\DDD`, three decimal digits.
//! Text is therefore always valid UTF-8, and two names that differ on the wire differ as text.

use std::hash::Hasher;

use crate::bounded::MixHasher;

/// Most octets of a name on the wire, length octets and root included (RFC 1035 2.3.4).
pub const MAX_NAME: usize = 255;

/// Most compression pointers followed in one name: a name of 255 octets has at most 127 labels, and a
/// pointer is there to stand for at least one. Without a limit, chains of pointers to pointers, legal each
/// by itself, would make the work per message quadratic.
const MAX_POINTERS: usize = 127;

/// Decodes the name that starts at `start` in `message` and appends its text to `text`.
///
/// Returns the offset after the name at `start` (after its first pointer, if it has one). `None`, with
/// `text` as it was: the name runs off the end, is longer than 255 octets, has a label of type 01 or 10,
/// or a pointer that does not point before the run of labels that it ends.
pub fn decode(message: &[u8], start: usize, text: &mut Vec<u8>) -> Option<usize> {
    let before = text.len();
    let end = decode_labels(message, start, text);
    if end.is_none() {
        text.truncate(before);
    }
    end
}

/// The offset after the name at `start`, by the same rules as [`decode`], without its text.
pub fn check(message: &[u8], start: usize) -> Option<usize> {
    walk(message, start, |_| ())
}

/// A hash of the name at `start`, the same for names that differ in case alone (RFC 4343), and the offset after it; by
/// the same rules as [`decode`].
pub fn hash(message: &[u8], start: usize) -> Option<(u64, usize)> {
    if let Some(root) = root_of_whole(message, start) {
        return Some((hash_labels(message.get(start..root)?), root + 1));
    }
    // Compressed, which a question hardly ever is: put together first.
    let (mut whole, mut length) = ([0; MAX_NAME], 0);
    let end = walk(message, start, |labels| {
        if let Some(room) = whole.get_mut(length..length + labels.len()) {
            room.copy_from_slice(labels);
            length += labels.len();
        }
    })?;
    Some((hash_labels(whole.get(..length)?), end))
}

/// Where the root of the name at `start` is, if the name is not compressed.
pub fn root_of_whole(message: &[u8], start: usize) -> Option<usize> {
    let root = end_of_run(message, start)?;
    (message.get(root) == Some(&0) && root - start < MAX_NAME).then_some(root)
}

/// [`hash`] of a name that is not compressed, by its labels without the root.
// Lengths of labels are below all letters, so that folding leaves them alone.
pub fn hash_labels(labels: &[u8]) -> u64 {
    let mut hasher = MixHasher::with_seed(labels.len() as u64);
    let (words, rest) = labels.as_chunks::<8>();
    for word in words {
        hasher.write_u64(lower_case(u64::from_le_bytes(*word)));
    }
    // The rest overlaps the last word where there is one.
    let last = match labels.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => rest.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)),
    };
    hasher.write_u64(lower_case(last));
    hasher.finish()
}

/// Eight octets with ASCII letters in lower case.
fn lower_case(octets: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = octets & (0x7f * EACH);
    // The upper bit of each octet: at least `A`, more than `Z`.
    let (from_a, beyond_z) = (low + 0x3f * EACH, low + 0x25 * EACH);
    let is_upper = (from_a ^ beyond_z) & !octets & (0x80 * EACH);
    octets | is_upper >> 2
}

/// Shows the runs of labels of the name at `start` one after another. The offset after the name.
fn walk(message: &[u8], start: usize, mut show: impl FnMut(&[u8])) -> Option<usize> {
    let (mut run, mut octets, mut end) = (start, 1, None);
    for _ in 0..=MAX_POINTERS {
        let position = end_of_run(message, run)?;
        octets += position - run;
        if octets > MAX_NAME {
            return None;
        }
        show(message.get(run..position)?);
        let high = *message.get(position)?;
        if high == 0 {
            return end.or(Some(position + 1));
        }
        let low = *message.get(position + 1)?;
        let target = pointer_target(u16::from_be_bytes([high, low])).filter(|target| *target < run)?;
        end = end.or(Some(position + 2));
        run = target;
    }
    None
}

fn decode_labels(message: &[u8], start: usize, text: &mut Vec<u8>) -> Option<usize> {
    let first = text.len();
    walk(message, start, |labels| {
        if text.len() > first && !labels.is_empty() {
            text.push(b'.');
        }
        append_labels(labels, text);
    })
}

/// Where the root or the pointer is that ends the run of labels at `start`. `None` when it is cut, too long, or
/// has labels of an unknown type.
fn end_of_run(message: &[u8], start: usize) -> Option<usize> {
    let mut position = start;
    loop {
        match *message.get(position)? {
            length @ 1..=63 => position += 1 + usize::from(length),
            0 | 0xc0.. => return Some(position),
            _ => return None,
        }
        if position - start >= MAX_NAME {
            return None;
        }
    }
}

/// Appends labels, each behind its length, as text.
fn append_labels(labels: &[u8], text: &mut Vec<u8>) {
    let Some((first, rest)) = labels.split_first() else { return };
    // Nearly all names are plain: copied as they are, with dots for the lengths, they are text already.
    let start = text.len();
    text.extend_from_slice(rest);
    let mut position = start + usize::from(*first);
    let mut dots = 0;
    while let Some(length) = text.get_mut(position) {
        position += 1 + usize::from(std::mem::replace(length, b'.'));
        dots += DOT;
    }
    let classes = text.get(start..).unwrap_or_default().iter().map(|octet| CLASS[usize::from(*octet)]);
    if classes.sum::<u32>() != dots {
        text.truncate(start);
        append_special_labels(labels, text);
    }
}

#[cold]
fn append_special_labels(labels: &[u8], text: &mut Vec<u8>) {
    let mut rest = labels;
    while let Some((label, after)) =
        rest.split_first().and_then(|(length, rest)| rest.split_at_checked((*length).into()))
    {
        append_escaped(label, text, true);
        if !after.is_empty() {
            text.push(b'.');
        }
        rest = after;
    }
}

/// Class of a dot.
const DOT: u32 = 1;

/// Class of octets that have to be looked at: more than all dots of a name together.
const SPECIAL: u32 = 1 << 16;

/// Classes of octets. Printable ASCII and space, less dot and backslash, stand for themselves: class 0.
static CLASS: [u32; 256] = {
    let mut class = [SPECIAL; 256];
    let mut octet = 0x20;
    while octet < 0x7f {
        class[octet] = 0;
        octet += 1;
    }
    class[b'.' as usize] = DOT;
    class[b'\\' as usize] = SPECIAL;
    class
};

/// Why a name could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It runs off the end of the message.
    Cut,
    /// It breaks the rules of [`decode`].
    Malformed,
}

/// The offset after the name that starts at `start`, without decoding it or following its pointer; finds the
/// errors that show without following it.
pub fn skip(message: &[u8], start: usize) -> Result<usize, NameError> {
    let mut position = start;
    loop {
        match *message.get(position).ok_or(NameError::Cut)? {
            0 => return Ok(position + 1),
            length @ 1..=63 => position += 1 + usize::from(length),
            high @ 0xc0.. => {
                let low = *message.get(position + 1).ok_or(NameError::Cut)?;
                let target = pointer_target(u16::from_be_bytes([high, low]));
                return match target {
                    Some(target) if target < start => Ok(position + 2),
                    _ => Err(NameError::Malformed),
                };
            }
            _ => return Err(NameError::Malformed),
        }
        if position - start >= MAX_NAME {
            return Err(NameError::Malformed);
        }
    }
}

/// The offset that a compression pointer points to; `None` if these two octets are none (RFC 1035 4.1.4).
pub fn pointer_target(octets: u16) -> Option<usize> {
    (octets >= 0xc000).then_some(usize::from(octets & 0x3fff))
}

/// Appends `octets` as UTF-8 text: backslash as `\\`, control characters (C0, DEL, C1) and octets that are
/// not UTF-8 as `\DDD`, and a dot as `\.` where `escape_dots` is set.
pub fn append_escaped(octets: &[u8], text: &mut Vec<u8>, escape_dots: bool) {
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).as_bytes();
            match character {
                '\\' => text.extend_from_slice(b"\\\\"),
                '.' if escape_dots => text.extend_from_slice(b"\\."),
                _ if character.is_control() => append_decimal_escapes(encoded, text),
                _ => text.extend_from_slice(encoded),
            }
        }
        append_decimal_escapes(chunk.invalid(), text);
    }
}

fn append_decimal_escapes(octets: &[u8], text: &mut Vec<u8>) {
    for octet in octets {
        text.extend_from_slice(&[b'\\', b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10]);
    }
}

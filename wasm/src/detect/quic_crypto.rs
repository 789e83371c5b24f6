//! The CRYPTO frames of QUIC's Initial packets, put together.

use super::tls_hello::Hello;

/// Longest hello in bytes that is put together.
const MOST_HELLO: usize = 16 << 10;
/// Parts of a hello that are held apart.
const MOST_PARTS: usize = 32;

/// The CRYPTO stream of Initial packets, its parts in any order (RFC 9000 section 19.6).
#[derive(Default)]
pub struct CryptoStream {
    bytes: Vec<u8>,
    /// Begin and end of the parts that are there: apart from each other, in order.
    parts: [(u16, u16); MOST_PARTS],
    count: usize,
}

impl CryptoStream {
    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// What is there from the beginning.
    pub fn in_order(&self) -> &[u8] {
        match self.parts.first() {
            Some((0, end)) if self.count > 0 => self.bytes.get(..usize::from(*end)).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether there is all of a hello.
    pub fn is_complete(&self) -> bool {
        Hello::parse(self.in_order()).is_some_and(|hello| hello.is_whole())
    }

    /// Takes the CRYPTO frames of an opened packet. Stops at a frame that does not belong into an Initial packet.
    pub fn read_frames(&mut self, frames: &[u8]) {
        let mut offset = 0;
        while let Some(kind) = frames.get(offset) {
            let next = match kind {
                // PADDING and PING.
                0 | 1 => Some(offset + 1),
                2 | 3 => after_acknowledgement(frames, offset),
                6 => self.read_crypto(frames, offset),
                _ => None,
            };
            let Some(next) = next else { return };
            offset = next;
        }
    }

    fn read_crypto(&mut self, frames: &[u8], offset: usize) -> Option<usize> {
        let (begin, at) = varint(frames, offset + 1)?;
        let (length, at) = varint(frames, at)?;
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        let data = frames.get(at..end)?;
        self.insert(usize::try_from(begin).ok()?, data);
        Some(end)
    }

    /// What was there first stays; what does not fit into the bounds is left out.
    fn insert(&mut self, begin: usize, data: &[u8]) {
        let Some(end) = begin.checked_add(data.len()).filter(|end| *end <= MOST_HELLO) else { return };
        if data.is_empty() {
            return;
        }
        // Parts that the new one touches become one with it.
        let (low, high) = (begin as u16, end as u16);
        let held = self.parts.get(..self.count).unwrap_or_default();
        let before = held.iter().take_while(|(_, end)| *end < low).count();
        let touched = held.iter().skip(before).take_while(|(begin, _)| *begin <= high).count();
        if touched == 0 && self.count == MOST_PARTS {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut cursor = begin;
        let mut merged = (low, high);
        for (part_begin, part_end) in held.iter().skip(before).take(touched) {
            let gap = usize::from(*part_begin).max(cursor).min(end);
            copy(&mut self.bytes, begin, data, cursor, gap);
            cursor = cursor.max(usize::from(*part_end));
            merged = (merged.0.min(*part_begin), merged.1.max(*part_end));
        }
        copy(&mut self.bytes, begin, data, cursor, end);
        let after = before + touched;
        self.parts.copy_within(after..self.count, before + 1);
        if let Some(part) = self.parts.get_mut(before) {
            *part = merged;
        }
        self.count = self.count + 1 - touched;
    }
}

/// Copies `data`, which begins at `begin`, into `bytes` from `from` to `to`.
fn copy(bytes: &mut [u8], begin: usize, data: &[u8], from: usize, to: usize) {
    if from < to
        && let Some(target) = bytes.get_mut(from..to)
        && let Some(source) = data.get(from - begin..to - begin)
    {
        target.copy_from_slice(source);
    }
}

/// The end of an ACK frame (RFC 9000 section 19.3).
fn after_acknowledgement(frames: &[u8], offset: usize) -> Option<usize> {
    let counts = *frames.get(offset)? == 3;
    let (_, at) = varint(frames, offset + 1)?;
    let (_, at) = varint(frames, at)?;
    let (ranges, at) = varint(frames, at)?;
    let (_, mut at) = varint(frames, at)?;
    for _ in 0..ranges.min(frames.len() as u64) * 2 + if counts { 3 } else { 0 } {
        (_, at) = varint(frames, at)?;
    }
    Some(at)
}

/// A variable-length integer (RFC 9000 section 16), and where it ends.
pub fn varint(bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(offset)?;
    let length = 1usize << (first >> 6);
    let rest = bytes.get(offset + 1..)?.get(..length - 1)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, offset + length))
}

#[cfg(test)]
mod tests {
    use super::super::tests::Random;
    use super::*;

    #[test]
    fn crypto_streams_equal_a_plain_buffer() {
        let mut random = Random(3);
        for _ in 0..300 {
            let data = random.bytes(200);
            let mut stream = CryptoStream::default();
            let mut there = [false; 200];
            for _ in 0..30 {
                let from = random.next() as usize % 200;
                let to = (from + random.next() as usize % 30).min(200);
                stream.insert(from, &data[from..to]);
                there[from..to].fill(true);
                let whole = there.iter().take_while(|one| **one).count();
                assert_eq!(stream.in_order(), &data[..whole]);
                let parts = &stream.parts[..stream.count];
                assert!(parts.windows(2).all(|two| two[0].1 < two[1].0), "{parts:?}");
            }
        }
    }
}

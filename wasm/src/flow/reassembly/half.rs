//! What is held of one direction of a stream.

use crate::flow::tcp_state::distance;

/// Buffers smaller than this are not made smaller, bytes.
const SMALL: usize = 64 << 10;
/// Dead bytes that are tolerated in a buffer besides as many as are alive.
const SLACK: usize = 4 << 10;

/// A stretch of the stream behind a hole.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Sequence number of its first byte.
    start: u32,
    /// Sequence numbers that it covers.
    span: u32,
    /// Bytes of these that were captured, from the first on.
    captured: u32,
    /// Where they lie in the arena.
    at: u32,
}

impl Piece {
    fn end(&self) -> u32 {
        self.start.wrapping_add(self.span)
    }
}

/// Held bytes of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// In order, left over by the consumer; the first `head` are consumed.
    unparsed: Vec<u8>,
    head: usize,
    /// How many of the left over bytes the consumer has seen.
    pub seen: usize,
    /// Bytes of the pieces, in the order of their arrival.
    arena: Vec<u8>,
    /// Disjoint, in the order of their sequence numbers, all after the next byte in order.
    pieces: Vec<Piece>,
    /// Bytes of the arena that belong to pieces.
    behind: usize,
    /// Since when the hole in front of the pieces, or of the FIN, has been waited for.
    pub hole_since_ns: i64,
    /// The receiver has acknowledged the hole.
    pub acknowledged: bool,
    /// Sequence number after the last byte, once a FIN says so.
    pub fin_at: Option<u32>,
    /// Implausible segments in sequence among themselves, and what they lead to.
    pub strays: u8,
    pub stray_next: u32,
}

/// What came of [`Half::hold`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Bytes that were there already.
    pub overlapping: u32,
    /// Some of them differ.
    pub conflicting: bool,
    /// Bytes for which there were too many pieces.
    pub refused: u32,
}

impl Half {
    /// Bytes in order, left over by the consumer.
    pub fn unparsed(&self) -> &[u8] {
        self.unparsed.get(self.head..).unwrap_or_default()
    }

    /// Bytes held, in order and behind a hole.
    pub fn bytes(&self) -> usize {
        self.unparsed().len() + self.behind
    }

    /// Bytes held behind a hole.
    pub fn bytes_behind(&self) -> usize {
        self.behind
    }

    /// Memory allocated, bytes.
    pub fn memory(&self) -> usize {
        self.unparsed.capacity() + self.arena.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Whether there is nothing to remember.
    pub fn is_idle(&self) -> bool {
        self.unparsed().is_empty() && self.pieces.is_empty() && self.fin_at.is_none() && self.strays == 0
    }

    /// Pieces held behind a hole.
    pub fn piece_count(&self) -> usize {
        self.pieces.len()
    }

    /// Sequence number of the first piece.
    pub fn first_piece(&self) -> Option<u32> {
        self.pieces.first().map(|piece| piece.start)
    }

    /// What waits behind a hole: the first piece, else the FIN.
    pub fn waiting(&self) -> Option<u32> {
        self.first_piece().or(self.fin_at)
    }

    /// Memory that `bytes` more bytes in order would take, in bytes.
    pub fn cost_of_appending(&self, bytes: usize) -> usize {
        growth(&self.unparsed, bytes).unwrap_or(0)
    }

    /// Memory that `bytes` more bytes behind a hole would take, in bytes, a piece included.
    pub fn cost_of_holding(&self, bytes: usize) -> usize {
        growth(&self.arena, bytes).unwrap_or(0) + growth(&self.pieces, 1).unwrap_or(0) * size_of::<Piece>()
    }

    /// Adds bytes in order.
    pub fn append(&mut self, bytes: &[u8]) {
        extend(&mut self.unparsed, bytes);
    }

    /// Puts bytes in front of the left over ones.
    pub fn prepend(&mut self, bytes: &[u8]) {
        self.compact_unparsed();
        self.unparsed.splice(..0, bytes.iter().copied());
        self.seen = 0;
    }

    /// Takes bytes off the left over ones, at the front.
    pub fn consume(&mut self, bytes: usize) {
        self.head = self.head.saturating_add(bytes).min(self.unparsed.len());
        self.seen = self.seen.saturating_sub(bytes);
        if self.head > self.unparsed().len() + SLACK || self.unparsed().is_empty() {
            self.compact_unparsed();
        }
    }

    /// Forgets the left over bytes.
    pub fn clear_unparsed(&mut self) {
        self.consume(usize::MAX);
    }

    /// Forgets everything; keeps the buffers.
    pub fn clear(&mut self) {
        self.clear_unparsed();
        self.clear_pieces();
        self.fin_at = None;
        self.strays = 0;
        self.acknowledged = false;
    }

    /// Gives back the memory that is not needed now.
    pub fn shrink_to_fit(&mut self) {
        self.compact_unparsed();
        self.unparsed.shrink_to_fit();
        self.compact_arena();
        self.pieces.shrink_to_fit();
    }

    /// Gives the buffers back.
    pub fn drop_buffers(&mut self) {
        self.unparsed = Vec::new();
        self.arena = Vec::new();
        self.pieces = Vec::new();
    }

    fn clear_pieces(&mut self) {
        self.pieces.clear();
        self.arena.clear();
        self.behind = 0;
        shrink(&mut self.arena);
    }

    fn compact_unparsed(&mut self) {
        self.unparsed.drain(..self.head.min(self.unparsed.len()));
        self.head = 0;
        shrink(&mut self.unparsed);
    }

    /// Keeps a segment of `length` bytes, of which `payload` was captured, behind a hole: what of it is not there yet.
    /// It must not begin before `next`, the next byte in order, and not end 2^31 or more bytes after it.
    pub fn hold(&mut self, next: u32, start: u32, payload: &[u8], length: u32, most_pieces: usize) -> Held {
        let mut held = Held::default();
        let from = start.wrapping_sub(next);
        let end = from.saturating_add(length);
        let mut position = from;
        let mut index = self.pieces.partition_point(|piece| piece.end().wrapping_sub(next) <= from);
        while position < end {
            let following = self.pieces.get(index).copied();
            let piece_from = following.map_or(u32::MAX, |piece| piece.start.wrapping_sub(next));
            if let Some(piece) = following.filter(|_| piece_from <= position) {
                let piece_end = piece.end().wrapping_sub(next).min(end);
                held.overlapping += piece_end.saturating_sub(position);
                held.conflicting |= self.contradicts(
                    &piece,
                    next.wrapping_add(position),
                    slice(payload, position - from, piece_end - from),
                );
                position = piece_end.max(position);
                index += 1;
                continue;
            }
            let stop = piece_from.min(end);
            let pieces = self.pieces.len();
            let captured = slice(payload, position - from, stop - from);
            if self.insert(index, next.wrapping_add(position), captured, stop - position, most_pieces) {
                index += self.pieces.len() - pieces;
            } else {
                held.refused += stop - position;
            }
            position = stop;
        }
        held
    }

    /// Whether bytes at `start` differ from those of a piece that begins there or before.
    fn contradicts(&self, piece: &Piece, start: u32, bytes: &[u8]) -> bool {
        let offset = start.wrapping_sub(piece.start) as usize;
        let captured = slice(&self.arena, piece.at, piece.at.saturating_add(piece.captured));
        let known = captured.get(offset..).unwrap_or_default();
        known.iter().zip(bytes).any(|(known, new)| known != new)
    }

    /// Whether bytes at `start`, before `next`, differ from those that the consumer has left.
    pub fn contradicts_unparsed(&self, next: u32, start: u32, bytes: &[u8]) -> bool {
        let unparsed = self.unparsed();
        let first = next.wrapping_sub(unparsed.len() as u32);
        let offset = distance(first, start);
        let skipped = offset.min(0).unsigned_abs() as usize;
        let known = unparsed.get(offset.max(0) as usize..).unwrap_or_default();
        let new = bytes.get(skipped..).unwrap_or_default();
        known.iter().zip(new).any(|(known, new)| known != new)
    }

    /// Adds a stretch that is not there yet as piece number `index`, or to the end of the one before. False if that
    /// would be one piece too many.
    fn insert(&mut self, index: usize, start: u32, bytes: &[u8], span: u32, most_pieces: usize) -> bool {
        let captured = bytes.len() as u32;
        let at = self.arena.len() as u32;
        let count = self.pieces.len();
        let previous = index.checked_sub(1).and_then(|previous| self.pieces.get_mut(previous));
        if let Some(piece) = previous.filter(|piece| {
            piece.end() == start && piece.captured == piece.span && piece.at + piece.captured == at
        }) {
            piece.span += span;
            piece.captured += captured;
        } else if count >= most_pieces {
            return false;
        } else {
            reserve(&mut self.pieces, 1);
            self.pieces.insert(index.min(count), Piece { start, span, captured, at });
        }
        extend(&mut self.arena, bytes);
        self.behind += bytes.len();
        true
    }

    /// Moves the pieces that begin at `next`, the next byte in order, to the left over bytes. Returns the next byte in
    /// order after them, and how many bytes from there on were not captured; there it stops.
    pub fn advance(&mut self, mut next: u32) -> (u32, u32) {
        let (mut count, mut missing) = (0, 0);
        while let Some(piece) = self.pieces.get(count)
            && piece.start == next
            && missing == 0
        {
            extend(&mut self.unparsed, slice(&self.arena, piece.at, piece.at.saturating_add(piece.captured)));
            next = next.wrapping_add(piece.captured);
            missing = piece.span - piece.captured;
            self.behind = self.behind.saturating_sub(piece.captured as usize);
            count += 1;
        }
        self.pieces.drain(..count);
        if self.pieces.is_empty() {
            self.clear_pieces();
        } else if self.arena.len() > 2 * self.behind + SLACK {
            self.compact_arena();
        }
        (next, missing)
    }

    /// Rare: as many bytes as are alive, and more, have come and gone since.
    #[cold]
    fn compact_arena(&mut self) {
        let mut compacted = Vec::with_capacity(self.behind);
        for piece in &mut self.pieces {
            let at = compacted.len() as u32;
            compacted.extend_from_slice(slice(
                &self.arena,
                piece.at,
                piece.at.saturating_add(piece.captured),
            ));
            piece.at = at;
        }
        self.arena = compacted;
    }
}

/// Bytes `from` to `to`, as far as they are there.
fn slice(bytes: &[u8], from: u32, to: u32) -> &[u8] {
    let bytes = bytes.get(..to as usize).unwrap_or(bytes);
    bytes.get(from as usize..).unwrap_or_default()
}

/// By how much the capacity grows when `more` items are added, in items.
fn growth<T>(items: &Vec<T>, more: usize) -> Option<usize> {
    let (needed, capacity) = (items.len() + more, items.capacity());
    (needed > capacity).then(|| needed.max(capacity + capacity / 2).max(16) - capacity)
}

fn reserve<T>(items: &mut Vec<T>, more: usize) {
    if let Some(growth) = growth(items, more) {
        items.reserve_exact(items.capacity() + growth - items.len());
    }
}

fn extend(buffer: &mut Vec<u8>, bytes: &[u8]) {
    reserve(buffer, bytes.len());
    buffer.extend_from_slice(bytes);
}

/// Gives memory back where most of a large buffer is empty.
fn shrink(buffer: &mut Vec<u8>) {
    if buffer.capacity() > SMALL && buffer.len() < buffer.capacity() / 4 {
        buffer.shrink_to(2 * buffer.len());
    }
}

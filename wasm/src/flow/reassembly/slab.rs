//! The streams that hold something, in the order of their last use.

use super::half::Half;
use crate::flow::key::Direction;
use crate::flow::tcp_state::{PerDirection, TcpState};

/// End of the recency list, and "no slot".
pub(super) const NONE: u32 = u32::MAX;
/// Memory that free slots may keep for the next streams, bytes.
const POOL_BYTES: usize = 4 << 20;
/// Memory that one free slot may keep, bytes.
const POOL_SLOT_BYTES: usize = 64 << 10;

/// A stream that holds something, or a free slot.
#[derive(Debug)]
pub(super) struct Stream {
    pub owner: u32,
    /// Counts the uses of the slot, so that a handle to an earlier one is told apart.
    generation: u16,
    in_use: bool,
    /// The current state; the flow's own copy is older.
    pub state: TcpState,
    pub touched_ns: i64,
    older: u32,
    pub newer: u32,
    pub halves: PerDirection<Half>,
}

/// Slots of streams. A free one keeps its buffers, within bounds, for the next stream.
#[derive(Debug)]
pub(super) struct Slab {
    streams: Vec<Stream>,
    free: Vec<u32>,
    most: usize,
    pub oldest: u32,
    newest: u32,
    /// Bytes held.
    pub bytes: usize,
    /// Memory allocated by slots in use, bytes.
    pub memory: usize,
    /// Memory allocated by free slots, bytes.
    pooled: usize,
}

impl Slab {
    pub fn new(most: usize) -> Self {
        let most = most.min(NONE as usize - 1);
        Self {
            streams: Vec::new(),
            free: Vec::new(),
            most,
            oldest: NONE,
            newest: NONE,
            bytes: 0,
            memory: 0,
            pooled: 0,
        }
    }

    /// Slots in use.
    pub fn len(&self) -> usize {
        self.streams.len() - self.free.len()
    }

    pub fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// The stream in use in this slot.
    pub fn get(&self, slot: u32) -> Option<&Stream> {
        self.streams.get(slot as usize).filter(|stream| stream.in_use)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Stream> {
        self.streams.get_mut(slot as usize).filter(|stream| stream.in_use)
    }

    /// The slot that `state` points to, if the stream is still there.
    pub fn slot_of(&self, state: &TcpState, owner: u32) -> Option<u32> {
        let slot = state.handle.checked_sub(1)?;
        let stream = self.get(slot)?;
        (stream.generation == state.generation && stream.owner == owner).then_some(slot)
    }

    /// Takes a slot for a stream and points `state` to it. False if all are in use. Its old buffers are only used again
    /// if the memory in use stays below `most_memory` bytes.
    pub fn open(&mut self, state: &mut TcpState, owner: u32, now_ns: i64, most_memory: usize) -> bool {
        if self.is_full() {
            return false;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.streams.push(Stream {
                owner,
                generation: 0,
                in_use: false,
                state: TcpState::default(),
                touched_ns: now_ns,
                older: NONE,
                newer: NONE,
                halves: PerDirection::default(),
            });
            self.streams.len() as u32 - 1
        });
        let Some(stream) = self.streams.get_mut(slot as usize) else { return false };
        stream.in_use = true;
        stream.owner = owner;
        stream.generation = stream.generation.wrapping_add(1);
        state.handle = slot + 1;
        state.generation = stream.generation;
        stream.state = *state;
        stream.touched_ns = now_ns;
        let memory = stream.halves.forward.memory() + stream.halves.reverse.memory();
        self.pooled = self.pooled.saturating_sub(memory);
        if self.memory + memory > most_memory {
            stream.halves.forward.drop_buffers();
            stream.halves.reverse.drop_buffers();
        } else {
            self.memory += memory;
        }
        self.append(slot);
        true
    }

    /// Frees a slot in use.
    pub fn close(&mut self, slot: u32) {
        if self.get(slot).is_none() {
            return;
        }
        self.unlink(slot);
        let Some(stream) = self.streams.get_mut(slot as usize) else { return };
        stream.in_use = false;
        let (mut bytes, mut memory, mut kept) = (0, 0, 0);
        for half in [&mut stream.halves.forward, &mut stream.halves.reverse] {
            bytes += half.bytes();
            memory += half.memory();
            half.clear();
            if half.memory() > POOL_SLOT_BYTES || self.pooled + kept + half.memory() > POOL_BYTES {
                half.drop_buffers();
            }
            kept += half.memory();
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.memory = self.memory.saturating_sub(memory);
        self.pooled += kept;
        self.free.push(slot);
    }

    /// Changes what is held of one direction, and keeps count.
    pub fn change<R>(
        &mut self,
        slot: u32,
        direction: Direction,
        change: impl FnOnce(&mut Half) -> R,
    ) -> Option<R> {
        let half = &mut self.streams.get_mut(slot as usize).filter(|stream| stream.in_use)?.halves[direction];
        let (bytes, memory) = (half.bytes(), half.memory());
        let result = change(half);
        self.bytes = (self.bytes + half.bytes()).saturating_sub(bytes);
        self.memory = (self.memory + half.memory()).saturating_sub(memory);
        Some(result)
    }

    /// Makes a stream the one touched last.
    pub fn touch(&mut self, slot: u32, now_ns: i64) {
        let Some(stream) = self.get_mut(slot) else { return };
        stream.touched_ns = now_ns;
        if self.newest != slot {
            self.unlink(slot);
            self.append(slot);
        }
    }

    fn append(&mut self, slot: u32) {
        let newest = self.newest;
        if let Some(stream) = self.streams.get_mut(slot as usize) {
            stream.older = newest;
            stream.newer = NONE;
        }
        match self.streams.get_mut(newest as usize) {
            Some(stream) => stream.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Some(stream) = self.streams.get(slot as usize) else { return };
        let (older, newer) = (stream.older, stream.newer);
        match self.streams.get_mut(older as usize) {
            Some(stream) => stream.newer = newer,
            None => self.oldest = newer,
        }
        match self.streams.get_mut(newer as usize) {
            Some(stream) => stream.older = older,
            None => self.newest = older,
        }
    }
}

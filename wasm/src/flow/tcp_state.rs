//! What a flow remembers of its TCP connection while nothing of it is held back: 24 bytes, to lie in the flow's line.

use std::ops::{Index, IndexMut};

use super::key::Direction;

/// One value for each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerDirection<T> {
    /// Of [`Direction::Forward`].
    pub forward: T,
    /// Of [`Direction::Reverse`].
    pub reverse: T,
}

impl<T> Index<Direction> for PerDirection<T> {
    type Output = T;

    #[inline]
    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Reverse => &self.reverse,
        }
    }
}

impl<T> IndexMut<Direction> for PerDirection<T> {
    #[inline]
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Forward => &mut self.forward,
            Direction::Reverse => &mut self.reverse,
        }
    }
}

/// State of a TCP connection, of both its directions. The default is that of one never seen.
///
/// While bytes are held the reassembler has the current copy, and this one knows where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpState {
    /// Sequence number of the next byte in order.
    pub(super) next: PerDirection<u32>,
    /// Sequence number of the first byte: after the SYN, or of the first segment seen.
    pub(super) start: PerDirection<u32>,
    /// 1 + slot of the stream that holds bytes, 0 without one.
    pub(super) handle: u32,
    /// Which use of that slot.
    pub(super) generation: u16,
    /// Bits of [`flag`].
    pub(super) flags: PerDirection<u8>,
}

/// Bits of [`TcpState::flags`].
pub(super) mod flag {
    /// `next` and `start` mean something.
    pub const KNOWN: u8 = 1;
    /// The SYN was seen: `start` is the first byte of the stream.
    pub const SYN: u8 = 2;
    /// Nothing after the SYN was consumed or lost yet.
    pub const AT_START: u8 = 4;
    /// The consumer has heard of this direction.
    pub const HEARD: u8 = 8;
    /// A FIN was seen, perhaps with bytes missing before it.
    pub const FIN: u8 = 16;
    /// The direction has ended.
    pub const ENDED: u8 = 32;
    /// Nobody wants the stream.
    pub const CLOSED: u8 = 64;
}

/// Phase of a connection, for its timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No byte was seen yet.
    Opening,
    /// There were bytes.
    Established,
    /// One side or both have ended.
    Closing,
}

impl TcpState {
    /// How far a sequence number is ahead of the next byte in order; negative behind it.
    pub fn ahead(&self, direction: Direction, sequence: u32) -> i32 {
        distance(self.next[direction], sequence)
    }

    /// Phase that the connection is in.
    pub fn phase(&self) -> Phase {
        let flags = self.flags.forward | self.flags.reverse;
        if flags & (flag::FIN | flag::ENDED) != 0 {
            Phase::Closing
        } else if flags & flag::HEARD != 0 {
            Phase::Established
        } else {
            Phase::Opening
        }
    }

    /// Whether no more events will come: nobody wants the stream, or both directions have ended. A new SYN may begin
    /// another one.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.is_closed() || self.flags.forward & self.flags.reverse & flag::ENDED != 0
    }

    /// Whether bytes of the connection are held.
    #[inline]
    pub fn is_held(&self) -> bool {
        self.handle != 0
    }

    #[inline]
    pub(super) fn has(&self, direction: Direction, flag: u8) -> bool {
        self.flags[direction] & flag != 0
    }

    #[inline]
    pub(super) fn set(&mut self, direction: Direction, flag: u8) {
        self.flags[direction] |= flag;
    }

    #[inline]
    pub(super) fn clear(&mut self, direction: Direction, flag: u8) {
        self.flags[direction] &= !flag;
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.flags.forward & flag::CLOSED != 0
    }

    /// Nobody wants either direction.
    pub(super) fn set_closed(&mut self) {
        self.flags.forward |= flag::CLOSED;
        self.flags.reverse |= flag::CLOSED;
    }

    /// Whether the consumer has heard of the stream.
    pub(super) fn is_heard(&self) -> bool {
        (self.flags.forward | self.flags.reverse) & flag::HEARD != 0
    }

    /// The direction begins: its first byte has this sequence number.
    pub(super) fn begin(&mut self, direction: Direction, start: u32, flags: u8) {
        self.start[direction] = start;
        self.next[direction] = start;
        self.set(direction, flag::KNOWN | flags);
    }
}

/// Distance from one sequence number to another, modulo 2^32; negative if `to` lies before `from`.
#[inline]
pub(super) fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

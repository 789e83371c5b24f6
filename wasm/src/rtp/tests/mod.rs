//! What the tests of streams share: random numbers, and packets as senders make them.

mod captures;

use super::Header;

/// A xorshift generator: the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// A packet with 160 bytes of payload.
pub(super) fn packet(second: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, second];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

/// The header of such a packet.
pub(super) fn header(second: u8, sequence: u16, timestamp: u32) -> Header {
    Header::parse(&packet(second, sequence, timestamp, 7)).unwrap()
}

pub(super) const MILLISECOND: i64 = 1_000_000;

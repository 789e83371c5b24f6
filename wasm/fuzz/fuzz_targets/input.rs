//! Takes numbers and bytes off the front of a fuzzer's input. Behind its end everything is 0, and empty.

/// What is left of the input.
pub struct Input<'a>(&'a [u8]);

#[allow(dead_code)] // Not every target takes every kind.
impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub fn u8(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Big endian, like those that follow.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// The next `length` bytes, or what there is of them.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Nanoseconds between two packets: mostly none or a few milliseconds, also hours, and backwards.
    pub fn pause(&mut self) -> i64 {
        let byte = self.u8();
        let size = 1i64 << (byte & 63).min(48);
        match byte >> 6 {
            0 | 1 => i64::from(byte) * 1_000_000,
            2 => size,
            _ => -size,
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}

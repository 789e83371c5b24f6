//! Sixteen bytes at once: SIMD instructions where the engine is built with them, else the same by loops.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use core::arch::wasm32::{
        u8x16_bitmask, u8x16_ne, u8x16_splat, u8x16_sub, u8x16_swizzle, u16x8_shr, u64x2, v128, v128_and,
        v128_any_true, v128_or,
    };

    pub type Inner = v128;

    #[inline]
    pub fn load(bytes: &[u8; 16]) -> v128 {
        let (words, _) = bytes.as_chunks::<8>();
        match words {
            [low, high] => u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high)),
            _ => u8x16_splat(0),
        }
    }

    #[inline]
    pub fn and(a: v128, b: v128) -> v128 {
        v128_and(a, b)
    }

    #[inline]
    pub fn or(a: v128, b: v128) -> v128 {
        v128_or(a, b)
    }

    #[inline]
    pub fn low_five(a: v128) -> v128 {
        v128_and(a, u8x16_splat(0x1f))
    }

    #[inline]
    pub fn minus_16(a: v128) -> v128 {
        u8x16_sub(a, u8x16_splat(16))
    }

    #[inline]
    pub fn low_nibbles(a: v128) -> v128 {
        v128_and(a, u8x16_splat(0x0f))
    }

    #[inline]
    pub fn high_nibbles(a: v128) -> v128 {
        v128_and(u16x8_shr(a, 4), u8x16_splat(0x0f))
    }

    #[inline]
    pub fn pick(table: v128, at: v128) -> v128 {
        u8x16_swizzle(table, at)
    }

    #[inline]
    pub fn is_zero(a: v128) -> bool {
        !v128_any_true(a)
    }

    #[inline]
    pub fn nonzero(a: v128) -> u16 {
        u8x16_bitmask(u8x16_ne(a, u8x16_splat(0)))
    }

    #[inline]
    pub fn bytes(a: v128) -> [u8; 16] {
        use core::arch::wasm32::u64x2_extract_lane;
        let low = u128::from(u64x2_extract_lane::<0>(a));
        (low | u128::from(u64x2_extract_lane::<1>(a)) << 64).to_le_bytes()
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    pub type Inner = [u8; 16];

    #[inline]
    pub fn load(bytes: &[u8; 16]) -> Inner {
        *bytes
    }

    #[inline]
    pub fn and(a: Inner, b: Inner) -> Inner {
        (u128::from_le_bytes(a) & u128::from_le_bytes(b)).to_le_bytes()
    }

    #[inline]
    pub fn or(a: Inner, b: Inner) -> Inner {
        (u128::from_le_bytes(a) | u128::from_le_bytes(b)).to_le_bytes()
    }

    #[inline]
    pub fn low_five(a: Inner) -> Inner {
        a.map(|byte| byte & 0x1f)
    }

    #[inline]
    pub fn minus_16(a: Inner) -> Inner {
        a.map(|byte| byte.wrapping_sub(16))
    }

    #[inline]
    pub fn low_nibbles(a: Inner) -> Inner {
        a.map(|byte| byte & 0x0f)
    }

    #[inline]
    pub fn high_nibbles(a: Inner) -> Inner {
        a.map(|byte| byte >> 4)
    }

    #[inline]
    pub fn pick(table: Inner, at: Inner) -> Inner {
        at.map(|at| table.get(usize::from(at)).copied().unwrap_or_default())
    }

    #[inline]
    pub fn is_zero(a: Inner) -> bool {
        a == [0; 16]
    }

    #[inline]
    pub fn nonzero(a: Inner) -> u16 {
        a.iter().rev().fold(0, |bits, byte| bits << 1 | u16::from(*byte != 0))
    }

    #[inline]
    pub fn bytes(a: Inner) -> [u8; 16] {
        a
    }
}

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes16(imp::Inner);

impl Bytes16 {
    /// Those of memory.
    #[inline]
    pub fn load(bytes: &[u8; 16]) -> Self {
        Self(imp::load(bytes))
    }

    /// Bits in both.
    #[inline]
    pub fn and(self, other: Self) -> Self {
        Self(imp::and(self.0, other.0))
    }

    /// Bits in either.
    #[inline]
    pub fn or(self, other: Self) -> Self {
        Self(imp::or(self.0, other.0))
    }

    /// Low five bits of each byte.
    #[inline]
    pub fn low_five(self) -> Self {
        Self(imp::low_five(self.0))
    }

    /// Each byte less 16, modulo 256.
    #[inline]
    pub fn minus_16(self) -> Self {
        Self(imp::minus_16(self.0))
    }

    /// Low four bits of each byte.
    #[inline]
    pub fn low_nibbles(self) -> Self {
        Self(imp::low_nibbles(self.0))
    }

    /// High four bits of each byte, moved down.
    #[inline]
    pub fn high_nibbles(self) -> Self {
        Self(imp::high_nibbles(self.0))
    }

    /// For each byte of `at` that byte of `self`; 0 where `at` is above 15.
    #[inline]
    pub fn pick(self, at: Self) -> Self {
        Self(imp::pick(self.0, at.0))
    }

    /// True when all bits are zero.
    #[inline]
    pub fn is_zero(self) -> bool {
        imp::is_zero(self.0)
    }

    /// One bit per byte, the first one lowest: whether it is not zero.
    #[inline]
    pub fn nonzero(self) -> u16 {
        imp::nonzero(self.0)
    }

    /// The bytes.
    #[inline]
    pub fn bytes(self) -> [u8; 16] {
        imp::bytes(self.0)
    }
}

//! A payload as signatures see it. Reading beyond its end gives `None`, never a panic.

use super::Carrier;
use crate::flow::key::Direction;
use crate::net::IpHeader;

/// The payload of a packet, or the in-order beginning of a TCP direction, and where it was found.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// Length in bytes by the length fields; more than `bytes.len()` where the capture is cut.
    pub length: usize,
    /// What carries it.
    pub carrier: Carrier,
    /// Source port, or 0.
    pub source_port: u16,
    /// Destination port, or 0.
    pub destination_port: u16,
    /// IP header in front of it, if any.
    pub ip: Option<&'a IpHeader>,
    /// Direction in the flow.
    pub direction: Direction,
    /// TCP: the first byte is known to be the first of its direction.
    pub at_start: bool,
    /// Capture time, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Whether somebody wants to know what it says: what only serves to describe it can be left undone otherwise.
    pub described: bool,
}

impl<'a> Payload<'a> {
    /// The byte at `offset`.
    #[inline]
    pub fn u8(&self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    /// Two bytes at `offset`, big endian.
    #[inline]
    pub fn u16(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_be_bytes)
    }

    /// Three bytes at `offset`, big endian.
    #[inline]
    pub fn u24(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes at `offset`, big endian.
    #[inline]
    pub fn u32(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }

    /// Two bytes at `offset`, little endian.
    #[inline]
    pub fn le16(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    /// Four bytes at `offset`, little endian.
    #[inline]
    pub fn le32(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// Eight bytes at `offset`, big endian.
    #[inline]
    pub fn u64(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_be_bytes)
    }

    /// `N` bytes at `offset`.
    #[inline]
    pub fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }

    /// The bytes from `offset` on; empty beyond the end.
    #[inline]
    pub fn from(&self, offset: usize) -> &'a [u8] {
        self.bytes.get(offset..).unwrap_or_default()
    }

    /// Whether all of it was captured.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() >= self.length
    }

    /// Whether source or destination port is one of `ports`.
    #[inline]
    pub fn on_port(&self, ports: &[u16]) -> bool {
        ports.contains(&self.source_port) || ports.contains(&self.destination_port)
    }

    /// The first line without its line end, if it ends within `most` bytes; CR LF or LF ends it.
    pub fn line(&self, most: usize) -> Option<&'a [u8]> {
        let head = self.bytes.get(..most.min(self.bytes.len()))?;
        let end = memchr::memchr(b'\n', head)?;
        let line = head.get(..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

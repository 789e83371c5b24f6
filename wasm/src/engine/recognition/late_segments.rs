//! When the segments came that lie behind holes of SIP streams.

use crate::net::Packet;

/// Streams with segments behind a hole whose times are known, and segments of each; those of others have the time of the
/// segment that closed the hole.
pub(super) const MOST_LATE_STREAMS: usize = 4096;
const MOST_LATE: usize = 16;

/// When the segments of a direction came that lie behind a hole.
#[derive(Clone, Copy, Default)]
pub(super) struct Late {
    /// Number of the first byte, bytes, time.
    segments: [(u32, u32, i64); MOST_LATE],
    length: usize,
}

impl Late {
    pub(super) fn add(&mut self, packet: &Packet, timestamp_ns: i64) {
        let segment = (packet.tcp_sequence, packet.payload.len() as u32, timestamp_ns);
        let is_held = |(start, length, _): &(u32, u32, i64)| (*start, *length) == (segment.0, segment.1);
        if self.segments.iter().take(self.length).any(is_held) {
            return;
        }
        if let Some(free) = self.segments.get_mut(self.length) {
            *free = segment;
            self.length += 1;
        }
    }

    /// When the byte of that number came, if it was behind a hole: the first time.
    pub(super) fn time_of(&self, number: u32) -> Option<i64> {
        let segments = self.segments.iter().take(self.length);
        segments
            .filter(|(start, length, _)| number.wrapping_sub(*start) < *length)
            .map(|(.., timestamp_ns)| *timestamp_ns)
            .min()
    }

    /// Forgets what ends before the byte of that number. False if nothing is left.
    pub(super) fn forget_before(&mut self, number: u32) -> bool {
        let mut kept = Self::default();
        for segment in self.segments.iter().take(self.length) {
            let (start, length, _) = segment;
            if start.wrapping_add(*length).wrapping_sub(number).cast_signed() > 0
                && let Some(free) = kept.segments.get_mut(kept.length)
            {
                *free = *segment;
                kept.length += 1;
            }
        }
        *self = kept;
        self.length > 0
    }
}

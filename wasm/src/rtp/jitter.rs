//! Interarrival jitter (RFC 3550 section 6.4.1, appendix A.8), in nanoseconds and fixed point: no division per packet.
//!
//! The appendix compares each packet's transit time with that of the packet that arrived before it. Here they are
//! compared only where both are on one timeline. The timeline begins anew with another payload type or clock, with a
//! marker of audio (the first packet after silence) that comes with another step of the timestamp than the last, or more
//! than 100 ms off; and with a deviation that no receiver would wait for (hold, another source behind
//! a mixer). Packets of an audio stream that repeat a timestamp are left out: telephone-event says the start of the
//! event in each of its packets (RFC 4733 section 2.2.1).

use super::codec::VIDEO_CLOCK;
use super::packet::Header;

/// Greatest deviation in nanoseconds that is delay.
const MOST_DEVIATION_NS: u64 = 2_000_000_000;
/// Greatest deviation of a packet that a marker may let follow silence: a sender whose timestamps stand still
/// meanwhile goes on with its usual step.
const MOST_MARKED_DEVIATION_NS: u64 = 100_000_000;
/// Greatest step of the timestamp either way that is of one timeline, in ticks. Times the longest tick it fits 63 bits.
const MOST_STEP: u32 = 1 << 24;
/// Slowest clock in ticks per second that is believed; real ones begin at 1000 (RFC 4103).
const SLOWEST_CLOCK: u32 = 1000;
/// Fraction bits of a tick's length.
const TICK_FRACTION: u32 = 16;

/// The jitter of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    /// Arrival of the packet that the next one is compared with.
    arrival_ns: i64,
    /// Nanoseconds per tick, with 16 fraction bits; 0 while there is no clock.
    tick_ns: u64,
    /// 16 times the jitter, in nanoseconds, as in the appendix.
    scaled: u64,
    most_scaled: u64,
    /// Sum of the scaled jitter after each comparison.
    sum: u64,
    compared: u32,
    timestamp: u32,
    /// Last step of the timestamp between packets of one timeline.
    step: u32,
    clock_rate: u32,
    payload_type: u8,
    has_reference: bool,
}

impl Jitter {
    /// Takes a packet that is not a duplicate. `clock_rate` is that of its payload type in ticks per second; 0, or less
    /// than 1000, if it is not known: then nothing is measured.
    #[inline]
    pub fn update(&mut self, header: &Header, arrival_ns: i64, clock_rate: u32) {
        if header.payload_type != self.payload_type || clock_rate != self.clock_rate || !self.has_reference {
            return self.restart(header, arrival_ns, clock_rate);
        }
        let step = header.timestamp.wrapping_sub(self.timestamp);
        let is_video = clock_rate == VIDEO_CLOCK;
        let is_after_silence = header.marker && !is_video;
        if step == 0 && !is_video {
            return;
        }
        let is_new = step.wrapping_add(MOST_STEP) > 2 * MOST_STEP || (is_after_silence && step != self.step);
        let arrived_ns = arrival_ns.wrapping_sub(self.arrival_ns);
        self.arrival_ns = arrival_ns;
        self.timestamp = header.timestamp;
        self.step = step;
        if is_new {
            return;
        }
        // Signed: packets may come in another order than they were sent.
        let sent_ns = i64::from(step as i32).wrapping_mul(self.tick_ns as i64) >> TICK_FRACTION;
        let deviation_ns = arrived_ns.wrapping_sub(sent_ns).unsigned_abs();
        let most_ns = if is_after_silence { MOST_MARKED_DEVIATION_NS } else { MOST_DEVIATION_NS };
        if deviation_ns <= most_ns {
            self.compare(deviation_ns);
        }
    }

    #[inline]
    fn compare(&mut self, deviation_ns: u64) {
        if self.tick_ns == 0 {
            return;
        }
        self.scaled = self.scaled + deviation_ns - ((self.scaled + 8) >> 4);
        self.most_scaled = self.most_scaled.max(self.scaled);
        self.sum = self.sum.saturating_add(self.scaled);
        self.compared = self.compared.wrapping_add(1);
    }

    /// Takes a packet that is compared with none before it.
    #[cold]
    pub fn restart(&mut self, header: &Header, arrival_ns: i64, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            self.clock_rate = clock_rate;
            self.tick_ns = match clock_rate {
                ..SLOWEST_CLOCK => 0,
                _ => (1_000_000_000 << TICK_FRACTION) / u64::from(clock_rate),
            };
        }
        self.payload_type = header.payload_type;
        self.arrival_ns = arrival_ns;
        self.timestamp = header.timestamp;
        self.step = 0;
        self.has_reference = true;
    }

    /// Clock of the latest packet in ticks per second, 0 if it is not known.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The jitter now, in nanoseconds; `None` while no two packets could be compared.
    pub fn now_ns(&self) -> Option<u64> {
        (self.compared != 0).then_some(self.scaled >> 4)
    }

    /// The highest that it ever was, in nanoseconds.
    pub fn most_ns(&self) -> Option<u64> {
        (self.compared != 0).then_some(self.most_scaled >> 4)
    }

    /// Its mean over all packets that were compared, in nanoseconds.
    pub fn mean_ns(&self) -> Option<u64> {
        self.sum.checked_div(u64::from(self.compared)).map(|scaled| scaled >> 4)
    }
}

#[cfg(test)]
#[path = "tests/jitter.rs"]
mod tests;

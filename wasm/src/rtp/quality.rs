//! What a receiver would say of one stream: one source, towards one destination (RFC 3550 section 6.4.1).

use super::codec::impairment;
use super::e_model::{mos, r_factor};
use super::jitter::Jitter;
use super::packet::Header;
use super::sequence::{Arrival, Sequence};

/// Delay in milliseconds that is always there, taken for a packet of 20 ms and a jitter buffer that holds one more. What
/// the network adds cannot be seen at one place of it, and is taken to be nothing.
const LEAST_DELAY_MS: f64 = 40.0;
/// Times the mean jitter that a jitter buffer holds beyond that.
const BUFFERED_JITTER: f64 = 2.0;

/// Figures of one stream, about 150 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamQuality {
    sequence: Sequence,
    jitter: Jitter,
    bytes: u64,
    packets: u64,
    first_ns: i64,
    last_ns: i64,
}

impl StreamQuality {
    /// Takes the next packet in order of arrival. `arrival_ns` is its capture time in nanoseconds since 1970; `clock_rate`
    /// that of its payload type in ticks per second, 0 if it is not known. Says what the packet is among the others.
    #[inline]
    pub fn update(&mut self, header: &Header, arrival_ns: i64, clock_rate: u32) -> Arrival {
        self.count(header, arrival_ns);
        let arrival = self.sequence.update(header.sequence);
        match arrival {
            Arrival::InOrder | Arrival::OutOfOrder => self.jitter.update(header, arrival_ns, clock_rate),
            Arrival::Restart => self.jitter.restart(header, arrival_ns, clock_rate),
            Arrival::Duplicate | Arrival::Jump => {}
        }
        arrival
    }

    /// Counts a packet, and looks neither at its sequence number nor at its time stamp.
    #[inline]
    pub fn count(&mut self, header: &Header, arrival_ns: i64) {
        if self.packets == 0 {
            self.first_ns = arrival_ns;
            self.last_ns = arrival_ns;
        }
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(header.payload_length.into());
        self.last_ns = self.last_ns.max(arrival_ns);
    }

    /// The packets between the latest and the next one went elsewhere, and were counted there.
    pub fn begin_anew(&mut self) {
        self.sequence.begin_anew();
    }

    /// Packets seen, with duplicates.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes of payload seen, without headers and padding, as a sender counts them in its reports.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Packets sent, by their sequence numbers.
    pub fn expected(&self) -> u32 {
        self.sequence.expected()
    }

    /// Packets sent that were not seen.
    pub fn lost(&self) -> u32 {
        self.sequence.lost()
    }

    /// Lost of expected packets, 0 to 100.
    pub fn loss_percent(&self) -> f64 {
        match self.expected() {
            0 => 0.0,
            expected => f64::from(self.lost()) * 100.0 / f64::from(expected),
        }
    }

    /// Packets seen again.
    pub fn duplicates(&self) -> u32 {
        self.sequence.duplicates()
    }

    /// Packets seen later than one sent after them.
    pub fn out_of_order(&self) -> u32 {
        self.sequence.out_of_order()
    }

    /// Whether two packets in sequence were seen: what has a header by chance has not.
    pub fn is_validated(&self) -> bool {
        self.sequence.is_validated()
    }

    /// Highest sequence number, extended by the times that it has wrapped.
    pub fn extended_highest(&self) -> u32 {
        self.sequence.extended_highest()
    }

    /// Interarrival jitter now in milliseconds; `None` while it is not known, as without a clock.
    pub fn jitter_ms(&self) -> Option<f64> {
        self.jitter.now_ns().map(milliseconds)
    }

    /// Mean interarrival jitter over the stream, milliseconds.
    pub fn mean_jitter_ms(&self) -> Option<f64> {
        self.jitter.mean_ns().map(milliseconds)
    }

    /// Highest interarrival jitter, milliseconds.
    pub fn max_jitter_ms(&self) -> Option<f64> {
        self.jitter.most_ns().map(milliseconds)
    }

    /// Clock of the latest packet that was counted in ticks per second, 0 if it is not known.
    pub fn clock_rate(&self) -> u32 {
        self.jitter.clock_rate()
    }

    /// Arrival of the first packet, nanoseconds since 1970; 0 before it.
    pub fn first_ns(&self) -> i64 {
        self.first_ns
    }

    /// Latest arrival, nanoseconds since 1970; 0 before the first.
    pub fn last_ns(&self) -> i64 {
        self.last_ns
    }

    /// Mean number of packets lost in a row; 1 where none is lost.
    pub fn mean_loss_burst(&self) -> f64 {
        match self.sequence.loss_bursts() {
            0 => 1.0,
            bursts => f64::from(self.lost()) / f64::from(bursts),
        }
    }

    /// Transmission rating R by ITU-T G.107, 0 to 93.2: loss, its bursts, the codec, and the delay of a packet of 20 ms and
    /// a jitter buffer of 20 ms and twice the mean jitter. `codec` is the encoding name, `clock_rate` its clock; `None`
    /// where there is no speech to rate (see [`impairment`]) or no packet.
    pub fn r_factor(&self, codec: &[u8], clock_rate: u32) -> Option<f64> {
        let impairment = impairment(codec, clock_rate).filter(|_| self.packets != 0)?;
        let delay_ms = LEAST_DELAY_MS + BUFFERED_JITTER * self.mean_jitter_ms().unwrap_or(0.0);
        Some(r_factor(impairment, self.loss_percent(), self.mean_loss_burst(), delay_ms))
    }

    /// Mean opinion score of [`r_factor`](Self::r_factor), 1 to 4.5.
    pub fn mos(&self, codec: &[u8], clock_rate: u32) -> Option<f64> {
        self.r_factor(codec, clock_rate).map(mos)
    }
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
#[path = "tests/quality.rs"]
mod tests;

//! What reassembly may hold, and for how long.

use crate::flow::tcp_state::Phase;

/// What happens when the room of a stream, or all of it, is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// New bytes are dropped, as if the capture had missed them: they become a gap.
    Fixed,
    /// The stream's oldest bytes give way, as many as are needed; when the total is used up, the stream touched
    /// longest ago.
    Ring,
    /// At least a quarter of the stream's bytes give way, the oldest; when the total is used up, the stream touched
    /// longest ago. While more than 80 % of the total is in use, a stream has half its room.
    Adaptive,
}

/// Limits of reassembly. Bytes and nanoseconds of packet time throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What gives way for want of room.
    pub strategy: Strategy,
    /// Streams that may hold bytes at once; beyond, the one touched longest ago is evicted.
    pub streams: usize,
    /// Memory of all held bytes, as allocated.
    pub total_bytes: usize,
    /// Bytes held of one connection, both directions.
    pub flow_bytes: usize,
    /// Bytes in order that the consumer has left, per direction.
    pub unparsed_bytes: usize,
    /// Bytes held behind a hole, per direction; beyond, the hole is skipped.
    pub out_of_order_bytes: usize,
    /// Separate stretches held behind a hole, per direction; beyond, the hole is skipped.
    pub out_of_order_segments: usize,
    /// How long to wait for a hole to be filled.
    pub hole_ns: i64,
    /// The same once the receiver has acknowledged what is missing: only a capture that reorders can still bring it.
    pub acknowledged_hole_ns: i64,
    /// How far from the expected sequence number a segment is believed, bytes (at most 1 GiB).
    pub window: u32,
    /// Whether `opening_ns`, `established_ns` and `closing_ns` count, instead of `idle_ns`.
    pub state_timeouts: bool,
    /// Idle time after which a stream that holds bytes is ended.
    pub idle_ns: i64,
    /// Idle time before the first byte.
    pub opening_ns: i64,
    /// Idle time after it.
    pub established_ns: i64,
    /// Idle time once a FIN was seen.
    pub closing_ns: i64,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SECOND: i64 = 1_000_000_000;

/// The profile `balanced`.
const BALANCED: Options = Options {
    strategy: Strategy::Adaptive,
    streams: 10_000,
    total_bytes: 100 * MIB,
    flow_bytes: 2 * MIB,
    unparsed_bytes: MIB,
    out_of_order_bytes: 64 * KIB,
    out_of_order_segments: 1024,
    hole_ns: 5 * SECOND,
    acknowledged_hole_ns: SECOND / 20,
    window: 1 << 20,
    state_timeouts: false,
    idle_ns: 120 * SECOND,
    opening_ns: 300 * SECOND,
    established_ns: 1800 * SECOND,
    closing_ns: 300 * SECOND,
};

/// The profiles by their names, and by the texts that `voip.tcp_performance_mode` also takes: one enumeration.
const PROFILES: [(&[&str], Options); 4] = [
    (&["balanced"], BALANCED),
    (
        &["minimal", "memory"],
        Options {
            strategy: Strategy::Fixed,
            streams: 500,
            total_bytes: 25 * MIB,
            flow_bytes: 512 * KIB,
            unparsed_bytes: 256 * KIB,
            out_of_order_bytes: 32 * KIB,
            ..BALANCED
        },
    ),
    (
        &["high_performance", "throughput"],
        Options {
            strategy: Strategy::Ring,
            streams: 20_000,
            total_bytes: 500 * MIB,
            flow_bytes: 4 * MIB,
            out_of_order_bytes: 256 * KIB,
            window: 4 << 20,
            ..BALANCED
        },
    ),
    (
        &["low_latency", "latency"],
        Options {
            strategy: Strategy::Fixed,
            streams: 2_000,
            total_bytes: 200 * MIB,
            hole_ns: SECOND,
            acknowledged_hole_ns: SECOND / 100,
            idle_ns: 60 * SECOND,
            ..BALANCED
        },
    ),
];

impl Default for Options {
    /// The profile `balanced`.
    fn default() -> Self {
        BALANCED
    }
}

impl Options {
    /// The limits of a performance mode: `minimal` (`memory`), `balanced`, `high_performance` (`throughput`),
    /// `low_latency` (`latency`).
    pub fn profile(name: &str) -> Option<Self> {
        PROFILES.iter().find(|(names, _)| names.contains(&name)).map(|(_, options)| *options)
    }

    /// Idle time that ends a connection in this phase, in nanoseconds; at least 1.
    pub fn timeout_ns(&self, phase: Phase) -> i64 {
        let timeout = match phase {
            _ if !self.state_timeouts => self.idle_ns,
            Phase::Opening => self.opening_ns,
            Phase::Established => self.established_ns,
            Phase::Closing => self.closing_ns,
        };
        timeout.max(1)
    }

    /// The same with values that can be worked with.
    pub(super) fn checked(self) -> Self {
        Self {
            streams: self.streams.clamp(1, 1 << 24),
            window: self.window.clamp(1 << 16, 1 << 30),
            unparsed_bytes: self.unparsed_bytes.max(1),
            out_of_order_segments: self.out_of_order_segments.clamp(1, 1 << 16),
            hole_ns: self.hole_ns.max(0),
            ..self
        }
    }
}

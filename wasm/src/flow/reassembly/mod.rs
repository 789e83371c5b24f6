//! TCP reassembly: segments in, the bytes of both directions in order out (RFC 9293). One mechanism for all protocols.
//!
//! A pure machine on packet time; no function panics on any input. What it does:
//!
//! - **In order**, nothing held, all consumed: nothing is copied, allocated, or looked up; the flow's [`TcpState`] is
//!   all that is touched. Anything else is held in a stream of the slab, until it is consumed or given up.
//! - **Sequence numbers** are compared modulo 2^32. SYN and FIN take one number; both may come with data.
//! - **Start**: the SYN, or the first segment with data (mid-stream pickup; `at_start` is then false). Segments without
//!   data never define it, since keep-alive probes lie one byte behind. Data from before a pickup that reaches up to it
//!   is put in front as long as the consumer has left all bytes since; else it counts as retransmitted.
//! - **Retransmissions** are ignored. **Overlaps**: the first copy that arrived stays, delivered or held; segments that
//!   contradict a held copy are counted.
//! - **Holes**: bytes behind a hole are held. It is skipped, and told as a [`Event::Gap`], when more than
//!   `out_of_order_bytes` (or `_segments`) are held behind it, when it was waited for longer than `hole_ns` since the
//!   stream last advanced, or `acknowledged_hole_ns` if the receiver has acknowledged it (the capture lost it, and
//!   nobody will send it again), and when the stream ends. Payload that the snapshot length cut off is a gap at once.
//! - **Window**: a segment that begins more than `window` bytes from the expected number, ahead or behind, is ignored.
//!   The third of such segments in sequence among themselves picks the stream up anew there; the first two are lost.
//! - **RST** ends both directions if its number is the expected one or up to `window` ahead (in a direction not yet
//!   seen: if what it acknowledges is); else it is ignored. **FIN** ends its direction after all bytes before it.
//! - **Port reuse**: a SYN with another initial number ends the stream and begins a new one, as does one without ACK
//!   after both directions have ended. A SYN that comes after the first data is recognised by lying in front of it.
//! - **Room**: per direction `unparsed_bytes` in order (exceeded by at most what was held behind a hole when it closes)
//!   and `out_of_order_bytes` plus one segment behind holes; per connection `flow_bytes`; overall `total_bytes` of
//!   allocated memory and `streams`. See [`Strategy`] for what gives way. When `streams` is used up, or a hole that
//!   closes takes more memory than there is, the stream touched longest ago is evicted under every strategy. The rest of
//!   bytes just shown for which there is no room gives way at once.
//! - **Time**: [`Reassembler::expire`] ends idle streams. Streams that hold nothing cost nothing and are left to the flow
//!   table, which finds their limit in [`Options::timeout_ns`].
//! - A stream that was evicted or timed out, and goes on, is a new one picked up mid-stream.

mod counters;
mod endings;
mod event;
mod half;
mod options;
mod receive;
mod room;
mod slab;
#[cfg(test)]
mod tests;

pub use counters::ReassemblyCounters;
pub use event::{EndReason, Event, Segment, Want};
pub use options::{Options, Strategy};

use super::key::Direction;
use super::tcp_state::{Phase, TcpState, flag};
use crate::net::tcp_flag;
use half::Half;
use slab::Slab;

/// Reassembles the TCP connections of many flows. The flows keep their [`TcpState`], this keeps what has to wait.
pub struct Reassembler {
    options: Options,
    slab: Slab,
    counters: ReassemblyCounters,
    /// When `expire` has to look at the streams again.
    next_expiry_ns: i64,
    /// Least time between two such looks.
    expiry_interval_ns: i64,
}

/// The connection being worked on.
struct Work {
    state: TcpState,
    owner: u32,
    now_ns: i64,
}

impl Reassembler {
    /// A reassembler with these limits. Allocates nothing yet.
    pub fn new(options: Options) -> Self {
        let options = options.checked();
        let phases = [Phase::Opening, Phase::Established, Phase::Closing];
        let shortest = phases.map(|phase| options.timeout_ns(phase)).into_iter().min().unwrap_or(i64::MAX);
        Self {
            slab: Slab::new(options.streams),
            counters: ReassemblyCounters::default(),
            next_expiry_ns: i64::MIN,
            expiry_interval_ns: (shortest.min(options.hole_ns) / 4).max(1),
            options,
        }
    }

    /// The limits in force.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Takes a segment of the connection whose flow is `owner`, and tells `consumer` what comes of it. The consumer is
    /// also told, by their owner, of streams that are evicted to make room.
    #[inline]
    pub fn segment(
        &mut self,
        state: &mut TcpState,
        owner: u32,
        direction: Direction,
        segment: &Segment<'_>,
        now_ns: i64,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let in_order = state.handle == 0
            && !segment.is_control()
            && segment.sequence == state.next[direction]
            && state.flags[direction] & (flag::KNOWN | flag::ENDED | flag::CLOSED) == flag::KNOWN
            && segment.payload.len() as u64 >= u64::from(segment.length);
        if !in_order {
            return self.other_segment(state, owner, direction, segment, now_ns, consumer);
        }
        let bytes = segment.payload;
        if bytes.is_empty() {
            return;
        }
        let at_start = state.has(direction, flag::AT_START);
        let want = consumer(owner, Event::Data { direction, bytes, seen: 0, at_start });
        match want {
            Want::Consumed(consumed) if consumed >= bytes.len() => {
                state.next[direction] = segment.sequence.wrapping_add(bytes.len() as u32);
                state.clear(direction, flag::AT_START);
                state.set(direction, flag::HEARD);
            }
            _ => self.shown(state, owner, direction, bytes, want, now_ns, consumer),
        }
    }

    /// Frees what is held of a connection without another event: its flow is gone, or nobody wants it any more.
    /// Further segments are ignored until a new connection begins.
    pub fn release(&mut self, state: &mut TcpState, owner: u32) {
        let mut work = self.load(state, owner, 0);
        self.close(&mut work);
        *state = work.state;
    }

    /// Whether a segment resets a direction of which other bytes are expected next. Inside of the window that is to be
    /// challenged, and ends nothing (RFC 5961 section 3.2).
    pub fn is_challenged(
        &self,
        state: &TcpState,
        owner: u32,
        direction: Direction,
        segment: &Segment,
    ) -> bool {
        let current = self.slab.slot_of(state, owner).and_then(|slot| self.slab.get(slot));
        let state = current.map_or(state, |stream| &stream.state);
        segment.has(tcp_flag::RST)
            && state.has(direction, flag::KNOWN)
            && !state.has(direction, flag::ENDED)
            && segment.sequence != state.next[direction]
    }

    /// Lets a direction that has ended begin again with the byte of that number, if it is none of those that the
    /// direction has had: the SYN of a new connection was not captured, or the end was not true. Returns whether it does.
    pub fn begin_again(
        &mut self,
        state: &mut TcpState,
        owner: u32,
        direction: Direction,
        number: u32,
    ) -> bool {
        if state.handle == 0 && !state.has(direction, flag::ENDED) {
            return false;
        }
        let current = self.slab.slot_of(state, owner).and_then(|slot| self.slab.get_mut(slot));
        let current = current.map_or(state, |stream| &mut stream.state);
        let (start, next) = (current.start[direction], current.next[direction]);
        let is_known = current.has(direction, flag::KNOWN);
        let begins = current.has(direction, flag::ENDED)
            && !current.is_closed()
            && !(is_known && number.wrapping_sub(start) < next.wrapping_sub(start));
        if begins && is_known && number == next {
            // What came before is still known, so that a copy of it is none of a new connection.
            current.clear(direction, flag::ENDED | flag::FIN);
        } else if begins {
            current.flags[direction] = 0;
        }
        begins
    }

    /// Ends a connection: its flow is gone. What is held of it is shown for the last time.
    pub fn finish(
        &mut self,
        state: &mut TcpState,
        owner: u32,
        now_ns: i64,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let mut work = self.load(state, owner, now_ns);
        self.end_both(&mut work, EndReason::Finished, consumer);
        *state = work.state;
    }

    /// Skips the holes that have been waited for too long, and ends the connections that hold bytes and have been idle
    /// for longer than their phase allows, unless `keep` wants to keep one (of the owner, in that phase) for as long
    /// again. May be called for every packet: it looks at the streams four times in the shortest limit, so that limits
    /// are exceeded by a quarter at most.
    #[inline]
    pub fn expire(
        &mut self,
        now_ns: i64,
        keep: &mut impl FnMut(u32, Phase) -> bool,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        // Time may go backwards: another capture file.
        let wait_ns = self.next_expiry_ns.saturating_sub(now_ns);
        if self.slab.oldest == slab::NONE || (wait_ns > 0 && wait_ns <= self.expiry_interval_ns) {
            return;
        }
        self.expire_due(now_ns, keep, consumer);
    }

    #[inline(never)]
    fn expire_due(
        &mut self,
        now_ns: i64,
        keep: &mut impl FnMut(u32, Phase) -> bool,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        self.next_expiry_ns = now_ns.saturating_add(self.expiry_interval_ns);
        let mut slot = self.slab.oldest;
        for _ in 0..self.slab.len() {
            let Some(stream) = self.slab.get(slot) else { break };
            let (newer, owner, phase) = (stream.newer, stream.owner, stream.state.phase());
            let idle_ns = now_ns.saturating_sub(stream.touched_ns);
            let mut work = Work { state: stream.state, owner, now_ns };
            if idle_ns >= self.options.timeout_ns(phase) {
                if keep(owner, phase) {
                    self.slab.touch(slot, now_ns);
                } else {
                    self.counters.timed_out_streams += 1;
                    self.end_both(&mut work, EndReason::Timeout, consumer);
                }
            }
            self.skip_due_holes(&mut work, consumer);
            // The stream stays even if it holds nothing now, because its flow does not know the new state.
            if let Some(stream) =
                self.slab.slot_of(&work.state, owner).and_then(|slot| self.slab.get_mut(slot))
            {
                stream.state = work.state;
            }
            slot = newer;
        }
        self.keep_to_total(&Work { state: TcpState::default(), owner: 0, now_ns }, consumer);
    }

    /// Ends all connections that hold something: the capture is over.
    pub fn finish_all(&mut self, now_ns: i64, consumer: &mut impl FnMut(u32, Event<'_>) -> Want) {
        while let Some(stream) = self.slab.get(self.slab.oldest) {
            let mut work = Work { state: stream.state, owner: stream.owner, now_ns };
            self.end_both(&mut work, EndReason::Finished, consumer);
        }
    }

    /// Figures so far.
    pub fn counters(&self) -> ReassemblyCounters {
        ReassemblyCounters {
            held_streams: self.slab.len() as u64,
            held_bytes: self.slab.bytes as u64,
            held_memory: self.slab.memory as u64,
            ..self.counters
        }
    }

    /// The bytes of an in-order segment were shown, and not all consumed.
    #[cold]
    #[allow(clippy::too_many_arguments)]
    fn shown(
        &mut self,
        state: &mut TcpState,
        owner: u32,
        direction: Direction,
        bytes: &[u8],
        want: Want,
        now_ns: i64,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let mut work = self.load(state, owner, now_ns);
        self.keep_rest(&mut work, direction, bytes, want, consumer);
        *state = self.store(work, consumer);
    }

    #[inline(never)]
    fn other_segment(
        &mut self,
        state: &mut TcpState,
        owner: u32,
        direction: Direction,
        segment: &Segment<'_>,
        now_ns: i64,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        if !segment.is_control() {
            let irrelevant = segment.length == 0 && segment.payload.is_empty() && state.handle == 0;
            if irrelevant || (state.is_closed() && state.handle == 0) {
                return;
            }
        }
        let mut work = self.load(state, owner, now_ns);
        self.process(&mut work, direction, segment, consumer);
        *state = self.store(work, consumer);
    }

    /// The current state of a connection. One whose stream was evicted or timed out begins anew.
    fn load(&mut self, state: &TcpState, owner: u32, now_ns: i64) -> Work {
        let mut current = *state;
        if let Some(slot) = self.slab.slot_of(state, owner) {
            self.slab.touch(slot, now_ns);
            if let Some(stream) = self.slab.get(slot) {
                current = stream.state;
            }
        } else if state.handle != 0 {
            current = TcpState::default();
        }
        Work { state: current, owner, now_ns }
    }

    /// Keeps the state with the stream, or frees the stream if it holds nothing any more.
    fn store(&mut self, mut work: Work, consumer: &mut impl FnMut(u32, Event<'_>) -> Want) -> TcpState {
        self.keep_to_total(&work, consumer);
        if let Some(slot) = self.slab.slot_of(&work.state, work.owner)
            && let Some(stream) = self.slab.get_mut(slot)
        {
            if stream.halves.forward.is_idle() && stream.halves.reverse.is_idle() {
                self.free(&mut work);
            } else {
                stream.state = work.state;
            }
        }
        work.state
    }

    fn is_in_window(&self, distance: i32) -> bool {
        distance.unsigned_abs() <= self.options.window
    }

    fn half(&self, work: &Work, direction: Direction) -> Option<&Half> {
        let slot = self.slab.slot_of(&work.state, work.owner)?;
        self.slab.get(slot).map(|stream| &stream.halves[direction])
    }

    fn change<R>(
        &mut self,
        work: &Work,
        direction: Direction,
        change: impl FnOnce(&mut Half) -> R,
    ) -> Option<R> {
        let slot = self.slab.slot_of(&work.state, work.owner)?;
        self.slab.change(slot, direction, change)
    }
}

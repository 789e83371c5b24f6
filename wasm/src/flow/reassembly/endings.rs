//! What is given up: holes, directions, and connections.

use super::half::Half;
use super::{EndReason, Event, Reassembler, Want, Work};
use crate::flow::key::Direction;
use crate::flow::tcp_state::{distance, flag};

impl Reassembler {
    /// Skips bytes that will never come, right after those shown.
    pub(super) fn skip_missing(
        &mut self,
        work: &mut Work,
        direction: Direction,
        missing: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        if missing > 0 {
            self.tell_gap(work, direction, Some(missing), consumer);
            work.state.next[direction] = work.state.next[direction].wrapping_add(missing);
        }
    }

    pub(super) fn tell_gap(
        &mut self,
        work: &mut Work,
        direction: Direction,
        missing: Option<u32>,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        self.counters.gaps += 1;
        self.counters.missing_bytes += u64::from(missing.unwrap_or(0));
        let bytes = self.half(work, direction).map(Half::unparsed).unwrap_or_default();
        let want = consumer(work.owner, Event::Gap { direction, bytes, missing });
        self.change(work, direction, Half::clear_unparsed);
        work.state.set(direction, flag::HEARD);
        work.state.clear(direction, flag::AT_START);
        if want == Want::Close {
            self.close(work);
        }
    }

    /// Skips the hole in front of the first piece, or of the FIN. Returns false if there is none.
    pub(super) fn skip_hole(
        &mut self,
        work: &mut Work,
        direction: Direction,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) -> bool {
        let Some(waiting) = self.half(work, direction).and_then(Half::waiting) else { return false };
        let missing = waiting.wrapping_sub(work.state.next[direction]);
        self.skip_missing(work, direction, missing, consumer);
        self.advance(work, direction, consumer);
        self.end_at_fin(work, direction, consumer);
        !work.state.is_closed()
    }

    pub(super) fn skip_due_holes(
        &mut self,
        work: &mut Work,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        for direction in [Direction::Forward, Direction::Reverse] {
            while self.is_hole_due(work, direction) && self.skip_hole(work, direction, consumer) {}
        }
    }

    pub(super) fn is_hole_due(&self, work: &Work, direction: Direction) -> bool {
        let Some(half) = self.half(work, direction).filter(|half| half.waiting().is_some()) else {
            return false;
        };
        let age_ns = work.now_ns.saturating_sub(half.hole_since_ns);
        half.bytes_behind() > self.options.out_of_order_bytes
            || half.piece_count() > self.options.out_of_order_segments
            || age_ns >= self.options.hole_ns
            || (half.acknowledged && age_ns >= self.options.acknowledged_hole_ns)
    }

    /// Ends a direction whose bytes have reached its FIN.
    pub(super) fn end_at_fin(
        &mut self,
        work: &mut Work,
        direction: Direction,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let fin_at = self.half(work, direction).and_then(|half| half.fin_at);
        if fin_at.is_some_and(|fin_at| distance(fin_at, work.state.next[direction]) >= 0) {
            self.end(work, direction, EndReason::Fin, consumer);
        }
    }

    /// Ends a direction; nothing in order is waiting any more.
    pub(super) fn end(
        &mut self,
        work: &mut Work,
        direction: Direction,
        reason: EndReason,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        if work.state.is_closed() || work.state.has(direction, flag::ENDED) {
            return;
        }
        work.state.set(direction, flag::ENDED);
        let behind = self.half(work, direction).map_or(0, Half::bytes_behind);
        self.counters.discarded_bytes += behind as u64;
        let bytes = self.half(work, direction).map(Half::unparsed).unwrap_or_default();
        let want = if work.state.is_heard() {
            consumer(work.owner, Event::End { direction, bytes, reason })
        } else {
            Want::Consumed(0)
        };
        self.change(work, direction, Half::clear);
        if want == Want::Close {
            self.close(work);
        }
    }

    /// Shows all that is held, ends both directions, and frees the stream.
    pub(super) fn end_both(
        &mut self,
        work: &mut Work,
        reason: EndReason,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        for direction in [Direction::Forward, Direction::Reverse] {
            while self.skip_hole(work, direction, consumer) {}
            self.end(work, direction, reason, consumer);
        }
        self.free(work);
    }

    /// Nobody wants the stream.
    pub(super) fn close(&mut self, work: &mut Work) {
        self.free(work);
        work.state.set_closed();
    }

    pub(super) fn free(&mut self, work: &mut Work) {
        if let Some(slot) = self.slab.slot_of(&work.state, work.owner) {
            self.slab.close(slot);
        }
        work.state.handle = 0;
    }
}

//! Room for what has to be held, and what gives way to it.

use super::half::Half;
use super::{EndReason, Event, Reassembler, Strategy, Want, Work};
use crate::flow::key::Direction;
use crate::flow::tcp_state::flag;

impl Reassembler {
    /// Sees to it that the connection has a stream to hold something.
    pub(super) fn open(&mut self, work: &mut Work, consumer: &mut impl FnMut(u32, Event<'_>) -> Want) {
        if self.slab.slot_of(&work.state, work.owner).is_some() {
            return;
        }
        if self.slab.is_full() {
            self.evict_oldest(work, consumer);
        }
        if self.slab.open(&mut work.state, work.owner, work.now_ns, self.options.total_bytes) {
            self.counters.opened_streams += 1;
        }
    }

    /// Ends the stream touched longest ago. False if there is none but this one.
    pub(super) fn evict_oldest(
        &mut self,
        work: &Work,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) -> bool {
        let slot = self.slab.oldest;
        let Some(stream) = self.slab.get(slot) else { return false };
        if self.slab.slot_of(&work.state, work.owner) == Some(slot) {
            return false;
        }
        let mut victim = Work { state: stream.state, owner: stream.owner, now_ns: work.now_ns };
        self.counters.evicted_streams += 1;
        self.end_both(&mut victim, EndReason::Evicted, consumer);
        true
    }

    /// Makes room for new bytes, `in_order` or behind a hole. Returns for how many there is some.
    pub(super) fn room(
        &mut self,
        work: &mut Work,
        direction: Direction,
        wanted: usize,
        in_order: bool,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) -> usize {
        self.open(work, consumer);
        let gives_way = in_order && self.options.strategy != Strategy::Fixed;
        let excess = wanted as i64 - self.own_room(work, direction, in_order);
        if gives_way && excess > 0 {
            let held = self.unparsed_bytes(work, direction);
            let least = if self.options.strategy == Strategy::Adaptive { held.div_ceil(4) } else { 0 };
            self.give_way(work, direction, (excess as usize).max(least).min(held), consumer);
        }
        let room = wanted.min(usize::try_from(self.own_room(work, direction, in_order)).unwrap_or(0));
        while self.lacks_memory(work, direction, room, in_order)
            && self.options.strategy != Strategy::Fixed
            && self.evict_oldest(work, consumer)
        {}
        if gives_way && self.lacks_memory(work, direction, room, in_order) {
            self.give_way(work, direction, self.unparsed_bytes(work, direction), consumer);
        }
        if work.state.is_closed() || self.lacks_memory(work, direction, room, in_order) { 0 } else { room }
    }

    /// Sees to it that no more memory is allocated than there may be: what waited behind a hole moves when that closes,
    /// and may take more than it frees.
    pub(super) fn keep_to_total(&mut self, work: &Work, consumer: &mut impl FnMut(u32, Event<'_>) -> Want) {
        if self.slab.memory > self.options.total_bytes {
            for direction in [Direction::Forward, Direction::Reverse] {
                self.change(work, direction, Half::shrink_to_fit);
            }
        }
        while self.slab.memory > self.options.total_bytes && self.evict_oldest(work, consumer) {}
    }

    fn unparsed_bytes(&self, work: &Work, direction: Direction) -> usize {
        self.half(work, direction).map_or(0, |half| half.unparsed().len())
    }

    fn lacks_memory(&self, work: &Work, direction: Direction, wanted: usize, in_order: bool) -> bool {
        let Some(half) = self.half(work, direction) else { return true };
        let cost = if in_order { half.cost_of_appending(wanted) } else { half.cost_of_holding(wanted) };
        cost > 0 && self.slab.memory.saturating_add(cost) > self.options.total_bytes
    }

    /// Bytes that the connection may add to this direction; negative if it holds too many already.
    fn own_room(&self, work: &Work, direction: Direction, in_order: bool) -> i64 {
        let Some(half) = self.half(work, direction) else { return 0 };
        let opposite = self.half(work, direction.opposite()).map_or(0, Half::bytes);
        let tight = self.options.strategy == Strategy::Adaptive
            && self.slab.memory > self.options.total_bytes / 5 * 4;
        let left = |limit: usize, used: usize| (if tight { limit / 2 } else { limit }) as i64 - used as i64;
        let room = left(self.options.flow_bytes, half.bytes() + opposite);
        if in_order { room.min(left(self.options.unparsed_bytes, half.unparsed().len())) } else { room }
    }

    /// The oldest left over bytes make room for others.
    fn give_way(
        &mut self,
        work: &mut Work,
        direction: Direction,
        count: usize,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let bytes =
            self.half(work, direction).and_then(|half| half.unparsed().get(..count)).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        let want = consumer(work.owner, Event::Gap { direction, bytes, missing: Some(0) });
        self.change(work, direction, |half| half.consume(count));
        self.given_way(work, direction, count, want);
    }

    /// The rest of the bytes just shown finds no room.
    pub(super) fn tell_given_way(
        &mut self,
        work: &mut Work,
        direction: Direction,
        bytes: &[u8],
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let want = consumer(work.owner, Event::Gap { direction, bytes, missing: Some(0) });
        self.given_way(work, direction, bytes.len(), want);
    }

    fn given_way(&mut self, work: &mut Work, direction: Direction, count: usize, want: Want) {
        self.counters.discarded_bytes += count as u64;
        work.state.set(direction, flag::HEARD);
        work.state.clear(direction, flag::AT_START);
        if want == Want::Close {
            self.close(work);
        }
    }
}

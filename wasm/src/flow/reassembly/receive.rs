//! What a segment does to its connection.

use super::half::Half;
use super::{EndReason, Event, Reassembler, Segment, Want, Work};
use crate::flow::key::Direction;
use crate::flow::tcp_state::{TcpState, distance, flag};
use crate::net::tcp_flag;

/// Implausible segments in sequence among themselves that pick a stream up anew.
const RESYNCHRONISING_SEGMENTS: u8 = 3;

impl Reassembler {
    pub(super) fn process(
        &mut self,
        work: &mut Work,
        direction: Direction,
        segment: &Segment<'_>,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let mut sequence = segment.sequence;
        if segment.has(tcp_flag::SYN) {
            sequence = sequence.wrapping_add(1);
            self.synchronise(work, direction, sequence, segment.has(tcp_flag::ACK), consumer);
        }
        if work.state.is_closed() {
            return;
        }
        if segment.has(tcp_flag::RST) {
            return self.reset(work, direction, segment, consumer);
        }
        if let Some(acknowledgement) = segment.acknowledgement.filter(|_| segment.has(tcp_flag::ACK)) {
            self.acknowledge(work, direction.opposite(), acknowledgement);
        }
        let fin = segment.has(tcp_flag::FIN);
        self.receive(work, direction, sequence, segment.payload, segment.wire_length(), fin, consumer);
        self.skip_due_holes(work, consumer);
    }

    /// A SYN: the first byte of the direction has the number `start`.
    pub(super) fn synchronise(
        &mut self,
        work: &mut Work,
        direction: Direction,
        start: u32,
        ack: bool,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let state = &work.state;
        let begins_anew = !ack && state.is_over();
        if state.has(direction, flag::KNOWN) {
            let ahead = distance(start, state.start[direction]);
            let late = !state.has(direction, flag::SYN) && ahead > 0 && self.is_in_window(ahead);
            if (ahead == 0 || late) && (!begins_anew || state.is_closed()) {
                return work.state.set(direction, flag::SYN);
            }
        } else if !begins_anew {
            return work.state.begin(direction, start, flag::SYN | flag::AT_START);
        }
        self.end_both(work, EndReason::PortReused, consumer);
        work.state = TcpState::default();
        work.state.begin(direction, start, flag::SYN | flag::AT_START);
    }

    pub(super) fn reset(
        &mut self,
        work: &mut Work,
        direction: Direction,
        segment: &Segment<'_>,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let (state, opposite) = (&work.state, direction.opposite());
        let plausible = if state.has(direction, flag::KNOWN) {
            let ahead = distance(state.next[direction], segment.sequence);
            ahead >= 0 && self.is_in_window(ahead)
        } else {
            let acknowledgement = segment.acknowledgement.filter(|_| state.has(opposite, flag::KNOWN));
            acknowledgement.is_none_or(|number| self.is_in_window(distance(state.next[opposite], number)))
        };
        if plausible {
            self.end_both(work, EndReason::Reset, consumer);
        } else {
            self.counters.implausible_resets += 1;
        }
    }

    /// The receiver of `direction` has all bytes before this number.
    pub(super) fn acknowledge(&mut self, work: &Work, direction: Direction, number: u32) {
        let reached = distance(work.state.next[direction], number);
        if reached > 0
            && self.is_in_window(reached)
            && let Some(half) = self.half(work, direction)
            && let Some(waiting) = half.waiting()
            && reached >= distance(work.state.next[direction], waiting)
        {
            self.change(work, direction, |half| half.acknowledged = true);
        }
    }

    /// The data and the FIN of a segment.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn receive(
        &mut self,
        work: &mut Work,
        direction: Direction,
        mut sequence: u32,
        mut payload: &[u8],
        mut length: u32,
        fin: bool,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        if length == 0 && !fin {
            return;
        }
        if !work.state.has(direction, flag::KNOWN) {
            work.state.begin(direction, sequence, 0);
        }
        let end = sequence.wrapping_add(length);
        let mut offset = distance(work.state.next[direction], sequence);
        if work.state.has(direction, flag::ENDED) {
            let new = offset.saturating_add_unsigned(length).clamp(0, length as i32) as u32;
            self.counters.implausible_segments += u64::from(new > 0);
            self.counters.retransmitted_bytes += u64::from(length - new);
            return;
        }
        if !self.is_in_window(offset) {
            if !self.resynchronise(work, direction, sequence, length, consumer) {
                return;
            }
            offset = 0;
        }
        if offset < 0 {
            let old = offset.unsigned_abs().min(length);
            if self.put_in_front(work, direction, sequence, payload, length, consumer) {
                length = 0;
            } else {
                self.note_retransmission(work, direction, sequence, payload, old);
                sequence = sequence.wrapping_add(old);
                payload = payload.get(old as usize..).unwrap_or_default();
                length -= old;
            }
        }
        if length > 0 && !work.state.is_closed() {
            if sequence == work.state.next[direction] {
                self.take_in_order(work, direction, payload, length, consumer);
            } else {
                self.hold(work, direction, sequence, payload, length, consumer);
            }
        }
        if fin && !work.state.is_closed() && distance(work.state.next[direction], end) >= 0 {
            self.note_fin(work, direction, end, consumer);
        }
        self.end_at_fin(work, direction, consumer);
    }

    pub(super) fn note_retransmission(
        &mut self,
        work: &Work,
        direction: Direction,
        sequence: u32,
        payload: &[u8],
        old: u32,
    ) {
        self.counters.retransmitted_bytes += u64::from(old);
        let next = work.state.next[direction];
        // One byte right before the next one is a keep-alive probe, whose content means nothing (RFC 1122 4.2.3.6).
        let is_probe = payload.len() == 1 && sequence.wrapping_add(1) == next;
        let contradicts = self.half(work, direction).is_some_and(|half| {
            half.contradicts_unparsed(next, sequence, payload.get(..old as usize).unwrap_or(payload))
        });
        if contradicts && !is_probe {
            self.counters.conflicting_segments += 1;
        }
    }

    /// Data from before a mid-stream pickup that reaches up to it: goes in front, if all bytes since are left over.
    pub(super) fn put_in_front(
        &mut self,
        work: &mut Work,
        direction: Direction,
        sequence: u32,
        payload: &[u8],
        length: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) -> bool {
        let (start, next) = (work.state.start[direction], work.state.next[direction]);
        let before = distance(sequence, start);
        let since_start = next.wrapping_sub(start) as usize;
        let all_is_left = self.half(work, direction).is_some_and(|half| half.unparsed().len() == since_start);
        if work.state.has(direction, flag::SYN)
            || before <= 0
            || before.unsigned_abs() > length
            || !all_is_left
            || since_start == 0
        {
            return false;
        }
        let Some(new) = payload.get(..before as usize) else { return false };
        if self.room(work, direction, new.len(), false, consumer) < new.len() {
            return false;
        }
        self.counters.retransmitted_bytes += u64::from(length.saturating_sub(before as u32));
        self.change(work, direction, |half| half.prepend(new));
        work.state.start[direction] = sequence;
        self.show_unparsed(work, direction, consumer);
        true
    }

    /// An implausible segment. Returns true if the stream was picked up anew, right there.
    pub(super) fn resynchronise(
        &mut self,
        work: &mut Work,
        direction: Direction,
        sequence: u32,
        length: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) -> bool {
        self.counters.implausible_segments += 1;
        if length == 0 {
            return false;
        }
        self.open(work, consumer);
        let strays = self.change(work, direction, |half| {
            let follows = half.strays > 0 && half.stray_next == sequence;
            half.strays = if follows { half.strays + 1 } else { 1 };
            half.stray_next = sequence.wrapping_add(length);
            half.strays
        });
        if strays.is_none_or(|strays| strays < RESYNCHRONISING_SEGMENTS) {
            return false;
        }
        self.change(work, direction, |half| {
            half.strays = 0;
            half.fin_at = None;
        });
        work.state.clear(direction, flag::FIN);
        while self.skip_hole(work, direction, consumer) {}
        if work.state.is_closed() {
            return false;
        }
        self.counters.resynchronisations += 1;
        let ahead = distance(work.state.next[direction], sequence);
        self.tell_gap(work, direction, u32::try_from(ahead).ok(), consumer);
        work.state.next[direction] = sequence;
        // A pickup like any other: nothing is to be put in front of it.
        work.state.start[direction] = sequence;
        !work.state.is_closed()
    }

    /// Bytes that begin with the next one in order.
    pub(super) fn take_in_order(
        &mut self,
        work: &mut Work,
        direction: Direction,
        payload: &[u8],
        length: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let next = work.state.next[direction];
        let half = self.half(work, direction);
        if half.and_then(Half::first_piece).is_some_and(|piece| piece.wrapping_sub(next) <= length) {
            // What is held behind the hole came first, so it stays: only what is missing is taken.
            self.hold(work, direction, next, payload, length, consumer);
            return self.advance(work, direction, consumer);
        }
        if half.is_none_or(|half| half.unparsed().is_empty()) {
            if !payload.is_empty() {
                let at_start = work.state.has(direction, flag::AT_START);
                let want = consumer(work.owner, Event::Data { direction, bytes: payload, seen: 0, at_start });
                self.keep_rest(work, direction, payload, want, consumer);
            }
        } else {
            let room = self.room(work, direction, payload.len(), true, consumer);
            let kept = payload.get(..room).unwrap_or(payload);
            self.change(work, direction, |half| half.append(kept));
            work.state.next[direction] = next.wrapping_add(kept.len() as u32);
            self.counters.discarded_bytes += (payload.len() - kept.len()) as u64;
            if !kept.is_empty() {
                self.show_unparsed(work, direction, consumer);
            }
        }
        if work.state.is_closed() {
            return;
        }
        let now_ns = work.now_ns;
        self.change(work, direction, |half| {
            half.hole_since_ns = now_ns;
            half.strays = 0;
        });
        if work.state.next[direction] == next.wrapping_add(payload.len() as u32) {
            self.skip_missing(work, direction, length.saturating_sub(payload.len() as u32), consumer);
        }
    }

    /// Bytes in order were shown while nothing was held in front of them. Keeps what was not consumed.
    pub(super) fn keep_rest(
        &mut self,
        work: &mut Work,
        direction: Direction,
        bytes: &[u8],
        want: Want,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        work.state.set(direction, flag::HEARD);
        let Want::Consumed(consumed) = want else { return self.close(work) };
        if consumed > 0 {
            work.state.clear(direction, flag::AT_START);
        }
        work.state.next[direction] = work.state.next[direction].wrapping_add(bytes.len() as u32);
        let rest = bytes.get(consumed..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        if self.room(work, direction, rest.len(), true, consumer) < rest.len() {
            return self.tell_given_way(work, direction, rest, consumer);
        }
        self.change(work, direction, |half| {
            half.append(rest);
            half.seen = half.unparsed().len();
        });
    }

    /// Keeps bytes until it is their turn.
    pub(super) fn hold(
        &mut self,
        work: &mut Work,
        direction: Direction,
        sequence: u32,
        payload: &[u8],
        length: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let next = work.state.next[direction];
        if sequence != next {
            self.counters.out_of_order_segments += 1;
        }
        if self.room(work, direction, payload.len(), false, consumer) < payload.len() {
            self.counters.discarded_bytes += payload.len() as u64;
            return;
        }
        // Room for those that a hole being filled adds; beyond the limit the hole is skipped right after.
        let most_pieces = self.options.out_of_order_segments + 2;
        let now_ns = work.now_ns;
        let held = self.change(work, direction, |half| {
            if half.waiting().is_none() {
                half.hole_since_ns = now_ns;
                half.acknowledged = false;
            }
            half.hold(next, sequence, payload, length, most_pieces)
        });
        let Some(held) = held else { return };
        self.counters.overlapping_bytes += u64::from(held.overlapping);
        self.counters.conflicting_segments += u64::from(held.conflicting);
        self.counters.discarded_bytes += u64::from(held.refused);
    }

    /// Shows the pieces whose turn has come.
    pub(super) fn advance(
        &mut self,
        work: &mut Work,
        direction: Direction,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let now_ns = work.now_ns;
        loop {
            let next = work.state.next[direction];
            let advanced = self.change(work, direction, |half| {
                half.hole_since_ns = now_ns;
                half.acknowledged = false;
                half.strays = 0;
                half.advance(next)
            });
            let Some((next, missing)) = advanced else { return };
            if next != work.state.next[direction] {
                work.state.next[direction] = next;
                self.show_unparsed(work, direction, consumer);
            }
            if missing == 0 || work.state.is_closed() {
                return;
            }
            self.skip_missing(work, direction, missing, consumer);
        }
    }

    /// Shows the left over bytes.
    pub(super) fn show_unparsed(
        &mut self,
        work: &mut Work,
        direction: Direction,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        let at_start = work.state.has(direction, flag::AT_START);
        let Some(half) = self.half(work, direction) else { return };
        let (bytes, seen) = (half.unparsed(), half.seen);
        if bytes.is_empty() {
            return;
        }
        let want = consumer(work.owner, Event::Data { direction, bytes, seen, at_start });
        work.state.set(direction, flag::HEARD);
        let Want::Consumed(consumed) = want else { return self.close(work) };
        self.change(work, direction, |half| {
            half.consume(consumed);
            half.seen = half.unparsed().len();
        });
        if consumed > 0 {
            work.state.clear(direction, flag::AT_START);
        }
    }

    /// A FIN after the byte before `end`.
    pub(super) fn note_fin(
        &mut self,
        work: &mut Work,
        direction: Direction,
        end: u32,
        consumer: &mut impl FnMut(u32, Event<'_>) -> Want,
    ) {
        work.state.set(direction, flag::FIN);
        if work.state.next[direction] == end {
            return self.end(work, direction, EndReason::Fin, consumer);
        }
        self.open(work, consumer);
        let now_ns = work.now_ns;
        self.change(work, direction, |half| {
            if half.waiting().is_none() {
                half.hole_since_ns = now_ns;
                half.acknowledged = false;
            }
            half.fin_at.get_or_insert(end);
        });
    }
}

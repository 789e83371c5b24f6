//! The flows that are live, and what each packet does to them.
//!
//! Bounded, and of constant cost: a packet costs one look-up, whatever the number of flows. A flow ends
//!
//! - when a packet comes after its idle time ([`Limits`], by phase) or beyond its lifetime, or a SYN for another connection
//!   between the same ports: the packet then begins the next flow. This is decided by the flow's own times alone; a packet
//!   from the past ends nothing;
//! - when a sweep finds that time to be over by [`SWEEP_SLACK_NS`]. It looks at the least recently used flows, a few per packet,
//!   and only gives memory back: as long as packets come out of order by less than that, totals are what they are without it;
//! - when the table is full and a new flow needs room: first one that is over, else the least recently used one. Flows in
//!   which only one side was heard, and closed ones, are displaced among themselves while they are more than a quarter
//!   of the table, so a scan does not push out conversations.
//!
//! What comes out depends on the packets in their order: not on the seed, nor on how they were cut into blocks.
//!
//! The order of use is kept to some nine seconds ([`TICK_BITS`]): a flow moves to the newest end when the clock has ticked
//! since its last packet, so that most packets touch no neighbour.

mod flow;
pub(crate) mod index;
mod known_flow;
#[cfg(test)]
mod tests;

pub use flow::{Control, Flow, TcpPhase};
pub use known_flow::KnownFlow;

use super::key::{self, Direction, FlowKey, KeyHasher};
use crate::net::Packet;
use flow::Class;
use index::Index;

/// End of a list, and "no slot".
const NONE: u32 = u32::MAX;
/// Most flows that a table can be given room for.
pub const MOST_FLOWS: usize = 4 << 20;
/// How much longer than its idle time a flow stays before a sweep ends it, nanoseconds.
pub const SWEEP_SLACK_NS: i64 = 10 * SECOND_NS;
const SECOND_NS: i64 = 1_000_000_000;
/// The clock of the order of use ticks every 2^33 ns, more often than a sweep may be late ([`SWEEP_SLACK_NS`]).
const TICK_BITS: u32 = 33;
/// Most flows that one sweep ends.
const MOST_SWEPT: usize = 8;
/// Flows that memory is taken for at a time; a power of two. Flows never move.
const CHUNK: usize = 1024;

/// How many flows, for how long. Times are nanoseconds of packet time, at least 1.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most live flows, 1 to [`MOST_FLOWS`].
    pub flows: usize,
    /// Idle time of UDP flows.
    pub udp_idle_ns: i64,
    /// Idle time of TCP connections in their handshake.
    pub tcp_opening_ns: i64,
    /// Idle time of TCP connections after it.
    pub tcp_established_ns: i64,
    /// Idle time of TCP connections after FIN from both sides, or RST.
    pub tcp_closing_ns: i64,
    /// Idle time of everything else, fragments included.
    pub other_idle_ns: i64,
    /// Longest life of any flow; what follows is another flow.
    pub absolute_ns: i64,
    /// Chooses the hash function, so that nobody can aim at it. Changes speed, nothing else.
    pub seed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 1_000_000,
            udp_idle_ns: 180 * SECOND_NS,
            tcp_opening_ns: 300 * SECOND_NS,
            tcp_established_ns: 1800 * SECOND_NS,
            tcp_closing_ns: 60 * SECOND_NS,
            other_idle_ns: 60 * SECOND_NS,
            absolute_ns: 86_400 * SECOND_NS,
            seed: 0,
        }
    }
}

/// A place in the table. After the end of its flow it is that of another, or of none; valid until all flows are ended
/// ([`FlowTable::finish`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(u32);

impl FlowId {
    /// The place as a number below the limit of flows, small in a small table: for tables beside this one.
    #[inline]
    pub fn slot(self) -> usize {
        self.0 as usize
    }
}

/// Why a flow has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndReason {
    /// Idle for too long, or older than the longest life.
    Expired,
    /// Another TCP connection began between the same ports.
    Restarted,
    /// Made room for a new flow.
    Displaced,
    /// End of the capture.
    Finished,
}

/// What [`FlowTable::observe`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The packet's flow.
    pub id: FlowId,
    /// The packet's direction in it.
    pub direction: Direction,
    /// Whether the packet is the first of the flow.
    pub is_new: bool,
}

/// Flows of one class, or free slots.
#[derive(Clone, Copy)]
struct List {
    oldest: u32,
    newest: u32,
    length: u32,
    /// No flow in it is due to be swept before this packet time.
    due_ns: i64,
}

const NO_FLOWS: List = List { oldest: NONE, newest: NONE, length: 0, due_ns: i64::MAX };

/// What the table keeps of a slot apart from its flow, so that a move in the order of use reads little memory.
#[derive(Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
    hash: u32,
}

/// Table of the live flows, each with a state `S` that belongs to the caller.
///
/// Layout, chosen by measurement in WebAssembly: an index of 8-byte cells (hash and slot), ordered by hash, beside the
/// flows in chunks that never move, at cache line boundaries, and the links of the order of use in an array of their own.
/// An index of one-byte tags in groups of eight beside the cells cost 5 to 11 ns more per packet of mixed traffic.
/// An `S` of up to 100 bytes makes a flow 192 bytes long, one of up
/// to 36 bytes 128.
pub struct FlowTable<S> {
    chunks: Vec<Vec<Flow<S>>>,
    index: Index,
    /// By slot.
    links: Vec<Link>,
    hasher: KeyHasher,
    /// By [`Class`], the least recently used first. The slots of ended flows are in the list of [`Class::Free`].
    lists: [List; Class::COUNT],
    timeouts: [i64; Class::COUNT],
    absolute_ns: i64,
    capacity: usize,
    /// No flow is due to be swept before this packet time.
    next_sweep_ns: i64,
    newest_ns: i64,
    created: u64,
    evictions: u64,
    expirations: u64,
    restarts: u64,
    finished: u64,
}

impl<S: Default> FlowTable<S> {
    /// An empty table. Memory is taken as flows come.
    pub fn new(limits: Limits) -> Self {
        let mut timeouts = [i64::MAX; Class::COUNT];
        for class in Class::LIVE {
            timeouts[class as usize] = class.timeout(&limits);
        }
        Self {
            chunks: Vec::new(),
            index: Index::new(),
            links: Vec::new(),
            hasher: KeyHasher::new(limits.seed),
            lists: [NO_FLOWS; Class::COUNT],
            timeouts,
            absolute_ns: limits.absolute_ns.max(1),
            capacity: limits.flows.clamp(1, MOST_FLOWS),
            next_sweep_ns: i64::MAX,
            newest_ns: i64::MIN,
            created: 0,
            evictions: 0,
            expirations: 0,
            restarts: 0,
            finished: 0,
        }
    }

    /// Finds or opens the flow of a packet and counts it. None for a packet without an IP header.
    ///
    /// `context` and `tunnel_context`: see [`key::of`]. `wire_bytes`: length on the wire. `now_ns`: the packet's time.
    /// `ended` receives each flow that this call ends, before its slot is used again.
    #[inline]
    pub fn observe(
        &mut self,
        packet: &Packet<'_>,
        context: u64,
        tunnel_context: u64,
        wire_bytes: u32,
        now_ns: i64,
        ended: &mut impl FnMut(&Flow<S>, EndReason),
    ) -> Option<Observed> {
        let (key, from_lower) = key::of(packet, context, tunnel_context)?;
        Some(self.observe_key(&key, from_lower, Control::of(packet), wire_bytes, now_ns, ended))
    }

    /// The same for a packet with this key. `from_lower`: the packet's source is the lower endpoint.
    #[inline]
    pub fn observe_key(
        &mut self,
        key: &FlowKey,
        from_lower: bool,
        control: Control,
        wire_bytes: u32,
        now_ns: i64,
        ended: &mut impl FnMut(&Flow<S>, EndReason),
    ) -> Observed {
        self.newest_ns = self.newest_ns.max(now_ns);
        let hash = self.hasher.hash(key);
        let chunks = &self.chunks;
        let found = self.index.find(hash, |slot| flow_in(chunks, slot).is(key));
        let Some(slot) = found else {
            return self.begin(control, key, from_lower, hash, wire_bytes, now_ns, ended);
        };
        // One look at the flow's place for all there is to do with it.
        let flow = &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK];
        let direction = flow.direction(from_lower);
        let is_over = is_over(flow, &self.timeouts, self.absolute_ns, now_ns);
        if is_over || flow.is_restarted_by(control, direction) {
            let reason = if is_over { EndReason::Expired } else { EndReason::Restarted };
            self.end(slot, reason, ended);
            return self.begin(control, key, from_lower, hash, wire_bytes, now_ns, ended);
        }
        let has_ticked = flow.has_ticked(now_ns);
        let class = flow.count(control, direction, wire_bytes, now_ns);
        if has_ticked || class != flow.class {
            self.relist(slot, class);
        }
        if now_ns >= self.next_sweep_ns {
            self.sweep(now_ns, ended);
        }
        Observed { id: FlowId(slot), direction, is_new: false }
    }

    /// [`observe_key`](Self::observe_key) for a packet that adds to the figures of its flow and changes nothing else, as
    /// nearly all do. None if this is not one of them: it is not counted then.
    #[inline(always)]
    pub fn count_in_passing(
        &mut self,
        key: &FlowKey,
        from_lower: bool,
        tcp_flags: u8,
        wire_bytes: u32,
        now_ns: i64,
    ) -> Option<Observed> {
        let hash = self.hasher.hash(key);
        let chunks = &self.chunks;
        let slot = self.index.find(hash, |slot| flow_in(chunks, slot).is(key))?;
        self.count_in_place(slot, from_lower, tcp_flags, wire_bytes, now_ns)
    }

    /// Begins a flow with its first packet.
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    fn begin(
        &mut self,
        control: Control,
        key: &FlowKey,
        from_lower: bool,
        hash: u32,
        wire_bytes: u32,
        now_ns: i64,
        ended: &mut impl FnMut(&Flow<S>, EndReason),
    ) -> Observed {
        let slot = self.open(control, key, from_lower, hash, now_ns, ended);
        let flow = self.flow_mut(slot);
        let direction = flow.direction(from_lower);
        let class = flow.count(control, direction, wire_bytes, now_ns);
        if class != flow.class {
            self.relist(slot, class);
        }
        if now_ns >= self.next_sweep_ns {
            self.sweep(now_ns, ended);
        }
        Observed { id: FlowId(slot), direction, is_new: true }
    }

    /// Ends all flows, in the order of their places. The table can be used again.
    pub fn finish(&mut self, ended: &mut impl FnMut(&Flow<S>, EndReason)) {
        for chunk in std::mem::take(&mut self.chunks) {
            for flow in chunk.iter().filter(|flow| flow.class != Class::Free) {
                let is_over = self.is_over(flow, self.newest_ns, 0);
                let reason = if is_over { EndReason::Expired } else { EndReason::Finished };
                *self.ends_of(reason) += 1;
                ended(flow, reason);
            }
        }
        // All at once: to free their places one by one would take longer than all else here.
        self.index = Index::new();
        self.links = Vec::new();
        self.lists = [NO_FLOWS; Class::COUNT];
        self.next_sweep_ns = i64::MAX;
    }

    /// Begins a flow and returns its slot.
    fn open(
        &mut self,
        control: Control,
        key: &FlowKey,
        from_lower: bool,
        hash: u32,
        now_ns: i64,
        ended: &mut impl FnMut(&Flow<S>, EndReason),
    ) -> u32 {
        if self.len() >= self.capacity {
            self.displace(self.least_wanted(now_ns), now_ns, ended);
        }
        let mut flow = Flow::begin(control, key, from_lower, now_ns);
        let class = flow.class;
        // In the list of free slots until it is moved out of it.
        flow.class = Class::Free;
        let slot = match self.lists[Class::Free as usize].newest {
            NONE => self.append(flow),
            free => {
                *self.flow_mut(free) = flow;
                free
            }
        };
        self.links[slot as usize].hash = hash;
        self.relist(slot, class);
        while let Err(crowding) = self.index.insert(hash, slot) {
            self.displace(crowding, now_ns, ended);
        }
        self.created += 1;
        slot
    }

    /// Takes a new slot into use, with a flow that is in the list of free ones.
    fn append(&mut self, flow: Flow<S>) -> u32 {
        let slot = self.links.len() as u32;
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK.min(self.capacity - slot as usize)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(flow);
        }
        self.links.push(Link { older: NONE, newer: NONE, hash: 0 });
        self.link(slot, Class::Free);
        slot
    }

    /// The flow to displace first.
    fn least_wanted(&self, now_ns: i64) -> u32 {
        let unanswered: u32 = Class::LIVE
            .iter()
            .filter(|class| !class.is_answered())
            .map(|class| self.lists[*class as usize].length)
            .sum();
        let spares_answered = unanswered as usize > self.capacity / 4;
        let mut chosen = (i64::MAX, NONE);
        for class in Class::LIVE {
            let slot = self.lists[class as usize].oldest;
            if slot == NONE {
                continue;
            }
            let flow = self.flow(slot);
            if self.is_over(flow, now_ns, 0) {
                return slot;
            }
            if !(spares_answered && class.is_answered()) && (chosen.1 == NONE || flow.last_seen_ns < chosen.0)
            {
                chosen = (flow.last_seen_ns, slot);
            }
        }
        chosen.1
    }

    fn displace(&mut self, slot: u32, now_ns: i64, ended: &mut impl FnMut(&Flow<S>, EndReason)) {
        let is_over = self.is_over(self.flow(slot), now_ns, 0);
        self.end(slot, if is_over { EndReason::Expired } else { EndReason::Displaced }, ended);
    }

    /// Ends flows that have been over for a while.
    #[cold]
    fn sweep(&mut self, now_ns: i64, ended: &mut impl FnMut(&Flow<S>, EndReason)) {
        let mut budget = MOST_SWEPT;
        let mut next = i64::MAX;
        for class in Class::LIVE {
            while self.lists[class as usize].due_ns <= now_ns && budget > 0 {
                budget -= 1;
                let slot = self.lists[class as usize].oldest;
                if slot != NONE && self.is_over(self.flow(slot), now_ns, SWEEP_SLACK_NS) {
                    self.end(slot, EndReason::Expired, ended);
                } else if slot != NONE && self.is_far_ahead(slot, now_ns) {
                    // Dated wrongly: what is behind it must not wait for its time.
                    self.relist(slot, class);
                }
                self.lists[class as usize].due_ns = match self.lists[class as usize].oldest {
                    NONE => i64::MAX,
                    oldest if self.is_far_ahead(oldest, now_ns) => match budget {
                        0 => now_ns.saturating_add(SWEEP_SLACK_NS),
                        _ => now_ns,
                    },
                    oldest => self.sweep_time(self.flow(oldest)),
                };
            }
            next = next.min(self.lists[class as usize].due_ns);
        }
        self.next_sweep_ns = next;
    }

    /// Takes a flow out of the index and frees its slot.
    #[inline(never)]
    fn end(&mut self, slot: u32, reason: EndReason, ended: &mut impl FnMut(&Flow<S>, EndReason)) {
        self.index.remove(self.links[slot as usize].hash, slot);
        *self.ends_of(reason) += 1;
        ended(self.flow(slot), reason);
        self.flow_mut(slot).state = S::default();
        self.relist(slot, Class::Free);
    }
}

impl<S> FlowTable<S> {
    /// Counts the flows that have ended so.
    fn ends_of(&mut self, reason: EndReason) -> &mut u64 {
        match reason {
            EndReason::Expired => &mut self.expirations,
            EndReason::Displaced => &mut self.evictions,
            EndReason::Restarted => &mut self.restarts,
            EndReason::Finished => &mut self.finished,
        }
    }

    /// The flow in a place that this table has given out.
    #[inline]
    pub fn get(&self, id: FlowId) -> &Flow<S> {
        self.flow(id.0)
    }

    /// The flow in a place that this table has given out, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: FlowId) -> &mut Flow<S> {
        self.flow_mut(id.0)
    }

    /// The flow in a place, by [`FlowId::slot`]; None for a place without a live flow.
    pub fn by_slot(&mut self, slot: u32) -> Option<&mut Flow<S>> {
        let flow = self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)?;
        (flow.class != Class::Free).then_some(flow)
    }

    /// Live flows, some of them perhaps due to end.
    pub fn len(&self) -> usize {
        self.links.len() - self.lists[Class::Free as usize].length as usize
    }

    /// Whether there is no live flow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Flows begun since the table was made.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Flows displaced by others since the table was made.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Flows ended by time since the table was made.
    pub fn expirations(&self) -> u64 {
        self.expirations
    }

    /// Flows ended by another connection between the same ports since the table was made.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Flows that were live at the end of the capture ([`finish`](Self::finish)), since the table was made. Flows created
    /// are those that live, expired, were evicted, restarted or finished.
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// Memory taken for flows and index, bytes; without what an `S` holds elsewhere.
    pub fn memory_bytes(&self) -> usize {
        let flows: usize = self.chunks.iter().map(Vec::capacity).sum();
        flows * size_of::<Flow<S>>() + self.links.capacity() * size_of::<Link>() + self.index.bytes()
    }

    /// Shows every live flow, in the order of their places.
    pub fn for_each(&self, mut show: impl FnMut(&Flow<S>)) {
        for flow in self.chunks.iter().flatten().filter(|flow| flow.class != Class::Free) {
            show(flow);
        }
    }

    #[inline]
    fn flow(&self, slot: u32) -> &Flow<S> {
        flow_in(&self.chunks, slot)
    }

    #[inline]
    fn flow_mut(&mut self, slot: u32) -> &mut Flow<S> {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// Whether a flow's time has been over for `slack_ns`.
    #[inline]
    fn is_over(&self, flow: &Flow<S>, now_ns: i64, slack_ns: i64) -> bool {
        now_ns.saturating_sub(flow.last_seen_ns).saturating_sub(slack_ns)
            >= self.timeouts[flow.class as usize]
            || now_ns.saturating_sub(flow.first_seen_ns).saturating_sub(slack_ns) >= self.absolute_ns
    }

    /// Whether a flow was last seen so far ahead of now that no clock that is right comes there in its life.
    fn is_far_ahead(&self, slot: u32, now_ns: i64) -> bool {
        self.flow(slot).last_seen_ns.saturating_sub(now_ns) > self.absolute_ns
    }

    /// From when on a sweep may end a flow.
    fn sweep_time(&self, flow: &Flow<S>) -> i64 {
        let idle = flow.last_seen_ns.saturating_add(self.timeouts[flow.class as usize]);
        idle.min(flow.first_seen_ns.saturating_add(self.absolute_ns)).saturating_add(SWEEP_SLACK_NS)
    }

    /// Moves a flow, or a free slot, to the newest end of the list of `class`.
    #[inline(never)]
    fn relist(&mut self, slot: u32, class: Class) {
        let held = &mut self.lists[self.chunks[slot as usize / CHUNK][slot as usize % CHUNK].class as usize];
        let Link { older, newer, .. } = self.links[slot as usize];
        match older {
            NONE => held.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            NONE => held.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        held.length -= 1;
        self.link(slot, class);
    }

    /// Puts a flow that is in no list at the newest end of the list of `class`.
    fn link(&mut self, slot: u32, class: Class) {
        self.flow_mut(slot).class = class;
        let list = &mut self.lists[class as usize];
        let older = std::mem::replace(&mut list.newest, slot);
        list.length += 1;
        let link = &mut self.links[slot as usize];
        (link.older, link.newer) = (older, NONE);
        match older {
            NONE => list.oldest = slot,
            older => self.links[older as usize].newer = slot,
        }
        // Not only of the oldest, which may be dated far ahead.
        if class != Class::Free {
            let due_ns = self.sweep_time(self.flow(slot));
            let list = &mut self.lists[class as usize];
            list.due_ns = list.due_ns.min(due_ns);
            self.next_sweep_ns = self.next_sweep_ns.min(due_ns);
        }
    }
}

/// Whether the time of a flow is over with a packet that comes now.
#[inline(always)]
fn is_over<S>(flow: &Flow<S>, timeouts: &[i64; Class::COUNT], absolute_ns: i64, now_ns: i64) -> bool {
    elapsed(flow.last_seen_ns, now_ns) >= timeouts[flow.class as usize] as u64
        || elapsed(flow.first_seen_ns, now_ns) >= absolute_ns as u64
}

/// Time between two packets, nanoseconds; 0 if it went back. Exact, and faster than a subtraction that saturates.
#[inline]
fn elapsed(from_ns: i64, to_ns: i64) -> u64 {
    if to_ns > from_ns { to_ns.wrapping_sub(from_ns) as u64 } else { 0 }
}

/// Slots in the index and in the lists have been appended, so they are there whatever the input.
#[inline]
fn flow_in<S>(chunks: &[Vec<Flow<S>>], slot: u32) -> &Flow<S> {
    &chunks[slot as usize / CHUNK][slot as usize % CHUNK]
}

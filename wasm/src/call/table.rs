//! The table of calls: bounds, ages, ends.

use std::hash::Hasher;

use crate::bounded::MixHasher;
use crate::flow::table::index::Index;
use crate::short::equal;

use super::correlation::Correlation;
use super::endpoints::Endpoints;
use super::entry::Call;
use super::ladder::{Bounds, Room};
use super::order::{Class, Order, Rank};
use super::slots::Slots;
use super::state::{EndReason, State};
use super::texts::Text;

const SECOND_NS: i64 = 1_000_000_000;
/// Most calls that a table can be given room for.
pub const MOST_CALLS: usize = 1 << 22;
/// Calls that give way to one announcement, at most: few have announced nothing.
const MOST_DISPLACED: usize = 8;
/// The order of use is kept to 2^33 ns, some nine seconds: most packets touch nothing but their stream.
const TICK_BITS: u32 = 33;

/// How many of what, for how long. Times are nanoseconds of packet time, at least 1.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most calls, 1 to [`MOST_CALLS`]; ended ones count until they are forgotten.
    pub calls: usize,
    /// Most streams of a call whose quality is followed.
    pub streams_per_call: usize,
    /// Most endpoints of a call.
    pub endpoints_per_call: usize,
    /// Most endpoints of all calls.
    pub endpoints: usize,
    /// Whether calls are reported. Without reports, only what decides on packets is kept: no users and tags, ladders, codecs,
    /// figures of streams, or other legs.
    pub reports: bool,
    /// Most messages in the ladder of a call.
    pub messages_per_call: u32,
    /// Most bytes of the ladder of a call.
    pub ladder_bytes_per_call: usize,
    /// Most bytes of all ladders.
    pub ladder_bytes: usize,
    /// From the end of a call until it is reported and forgotten.
    pub grace_ns: i64,
    /// Without signalling and media until an answered call is over.
    pub idle_ns: i64,
    /// Without signalling and media until a call that was not answered has failed.
    pub early_idle_ns: i64,
    /// Without media until a call without signalling is over.
    pub rtp_only_idle_ns: i64,
    /// How long endpoints that were replaced still get media that were underway.
    pub replaced_ns: i64,
    /// Chooses the hash functions, so that nobody can aim at them. Changes speed, nothing else.
    pub seed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 65_536,
            streams_per_call: 8,
            endpoints_per_call: 16,
            endpoints: 524_288,
            reports: true,
            messages_per_call: 200,
            ladder_bytes_per_call: 16 << 10,
            ladder_bytes: 64 << 20,
            grace_ns: 30 * SECOND_NS,
            idle_ns: 1800 * SECOND_NS,
            // A proxy gives up after 3 minutes without a response (RFC 3261 section 16.6, timer C).
            early_idle_ns: 300 * SECOND_NS,
            rtp_only_idle_ns: 60 * SECOND_NS,
            replaced_ns: 5 * SECOND_NS,
            seed: 0,
        }
    }
}

/// Names a call for as long as it is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// What has happened, since the table was made unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls in the table now that are not over.
    pub active: usize,
    /// Calls in the table now.
    pub held: usize,
    /// Calls that began, with those without signalling.
    pub total: u64,
    /// Calls that gave way to others.
    pub evicted: u64,
    /// Calls without signalling whose signalling was found.
    pub merged: u64,
    /// Calls that got the correlation id of another.
    pub correlated: u64,
    /// Names and hosts of legs that gave way to others before the next leg came, and networks of calls that did.
    pub correlation_evicted: u64,
    /// Endpoints now.
    pub endpoints: usize,
    /// Announcements of endpoints that another active call had.
    pub shared_endpoints: u64,
    /// Packets at endpoints that several active calls have.
    pub shared_packets: u64,
    /// Announcements of endpoints without room.
    pub endpoints_omitted: u64,
    /// Formats of descriptions without room.
    pub formats_omitted: u64,
    /// Streams whose quality is or was followed.
    pub streams: u64,
    /// RTP packets of calls that belong to none of their streams, for want of room.
    pub stream_packets_omitted: u64,
    /// SIP messages of calls.
    pub sip_messages: u64,
    /// Those among them that were seen before.
    pub retransmissions: u64,
    /// Messages not in ladders for want of room.
    pub messages_omitted: u64,
}

/// Table of the calls.
pub struct Calls<T> {
    pub(super) limits: Limits,
    pub(super) calls: Slots<Call<T>>,
    free: Vec<u32>,
    index: Index,
    pub(super) order: Order,
    pub(super) endpoints: Endpoints,
    pub(super) correlation: Correlation,
    pub(super) room: Room,
    pub(super) figures: Figures,
    /// Sum of what was read for the sake of the cache alone.
    pub(super) read_ahead: u32,
    /// Nothing is due before this packet time.
    next_due_ns: i64,
    /// What is observed was read by another engine.
    pub(super) is_elsewhere: bool,
}

impl<T: Default> Default for Calls<T> {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl<T: Default> Calls<T> {
    /// An empty table. Memory is taken as calls come.
    pub fn new(mut limits: Limits) -> Self {
        limits.calls = limits.calls.clamp(1, MOST_CALLS);
        let times = [
            &mut limits.grace_ns,
            &mut limits.idle_ns,
            &mut limits.early_idle_ns,
            &mut limits.rtp_only_idle_ns,
            &mut limits.replaced_ns,
        ];
        times.into_iter().for_each(|time| *time = (*time).max(1));
        Self {
            calls: Slots::new(),
            free: Vec::new(),
            index: Index::new(),
            order: Order::new(),
            endpoints: Endpoints::new(limits.endpoints, limits.endpoints_per_call, limits.seed),
            correlation: Correlation::new(limits.calls, limits.seed),
            room: Room { left: limits.ladder_bytes, all: limits.ladder_bytes },
            figures: Figures::default(),
            read_ahead: 0,
            next_due_ns: i64::MAX,
            is_elsewhere: false,
            limits,
        }
    }

    /// The call of that Call-ID.
    pub fn find(&self, call_id: &[u8]) -> Option<CallKey> {
        self.slot_of(call_id, self.hash(call_id)).and_then(|slot| self.key_of(slot))
    }

    /// The call, while it is in the table.
    #[inline]
    pub fn get(&self, key: CallKey) -> Option<&Call<T>> {
        self.calls.get(key.slot as usize).filter(|call| call.has(key))
    }

    /// The call, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: CallKey) -> Option<&mut Call<T>> {
        self.calls.get_mut(key.slot as usize).filter(|call| call.has(key))
    }

    /// Calls `visit` with each call in the table, in no particular order.
    pub(crate) fn for_each(&self, visit: &mut dyn FnMut(CallKey, &Call<T>)) {
        for (slot, call) in self.calls.iter().enumerate().filter(|(_, call)| call.is_held) {
            visit(CallKey { slot: slot as u32, generation: call.generation }, call);
        }
    }

    /// Calls in the table.
    pub(super) fn held(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    /// What has happened.
    pub fn figures(&self) -> Figures {
        let length = |class| self.order.length((class, false)) + self.order.length((class, true));
        let active = length(Class::Early) + length(Class::RtpOnly) + length(Class::Established);
        Figures {
            active,
            held: active + length(Class::Over),
            endpoints: self.endpoints.length(),
            correlation_evicted: self.correlation.evictions() + self.endpoints.evictions(),
            ..self.figures
        }
    }

    /// Ends what is due at that packet time: calls whose grace time is over, and idle ones. Costs next to nothing when
    /// nothing is.
    #[inline]
    pub fn expire(&mut self, now_ns: i64, ended: &mut dyn FnMut(&mut Call<T>)) {
        if now_ns >= self.next_due_ns {
            self.expire_due(now_ns, ended);
        }
    }

    #[cold]
    fn expire_due(&mut self, now_ns: i64, ended: &mut dyn FnMut(&mut Call<T>)) {
        self.next_due_ns = i64::MAX;
        for rank in ranks() {
            while let Some(slot) = self.order.oldest(rank) {
                let Some(call) = self.calls.get_mut(slot as usize) else { break };
                let last_ns = call.last_ns();
                if last_ns > call.last_ns && call.class != Class::Over {
                    // Its streams have gone on since it was put here.
                    call.last_ns = last_ns;
                    self.order.touch(slot, rank);
                    continue;
                }
                let due_ns = self.due_ns(slot);
                if now_ns < due_ns {
                    self.next_due_ns = self.next_due_ns.min(due_ns);
                    break;
                }
                self.end_idle(slot);
                self.release(slot, ended);
            }
        }
    }

    /// When a call is over if nothing comes.
    fn due_ns(&self, slot: u32) -> i64 {
        let Some(call) = self.calls.get(slot as usize) else { return i64::MAX };
        let (since_ns, timeout_ns) = match call.class {
            Class::Over => (call.over_ns, self.limits.grace_ns),
            Class::Early => (call.last_ns, self.limits.early_idle_ns),
            Class::RtpOnly => (call.last_ns, self.limits.rtp_only_idle_ns),
            Class::Established => (call.last_ns, self.limits.idle_ns),
        };
        since_ns.saturating_add(timeout_ns)
    }

    fn end_idle(&mut self, slot: u32) {
        let Some(call) = self.calls.get_mut(slot as usize) else { return };
        let (last_ns, code) = (call.last_ns(), call.progress.response_code);
        match call.class {
            Class::Over if call.progress.state.is_over() => {}
            Class::Over => call.progress.end(State::Failed, EndReason::Rejected(code), last_ns),
            Class::Early => call.progress.end(State::Failed, EndReason::Timeout, last_ns),
            Class::RtpOnly | Class::Established => call.progress.end(State::Ended, EndReason::Idle, last_ns),
        }
    }

    /// Ends all calls: the capture is over.
    pub fn finish(&mut self, ended: &mut dyn FnMut(&mut Call<T>)) {
        for rank in ranks() {
            while let Some(slot) = self.order.oldest(rank) {
                if let Some(call) = self.calls.get_mut(slot as usize) {
                    call.progress.end_reason.get_or_insert(EndReason::EndOfCapture);
                }
                self.release(slot, ended);
            }
        }
    }

    #[inline(never)]
    pub(super) fn hash(&self, call_id: &[u8]) -> u32 {
        let mut hasher = MixHasher::with_seed(self.limits.seed);
        hasher.write(call_id);
        ((hasher.finish() >> 32) as u32).max(1)
    }

    pub(super) fn slot_of(&self, call_id: &[u8], hash: u32) -> Option<u32> {
        self.index
            .find(hash, |slot| self.calls.get(slot as usize).is_some_and(|call| equal(call.id(), call_id)))
    }

    #[inline]
    pub(super) fn key_of(&self, slot: u32) -> Option<CallKey> {
        self.calls.get(slot as usize).map(|call| CallKey { slot, generation: call.generation })
    }

    /// Begins a call, for which another may have to give way. None if there is no room for its key.
    #[inline(never)]
    pub(super) fn begin(
        &mut self,
        call_id: &[u8],
        hash: u32,
        now_ns: i64,
        state: State,
        ended: &mut dyn FnMut(&mut Call<T>),
    ) -> Option<u32> {
        if self.held() >= self.limits.calls {
            self.evict(ended);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.calls.push(Call::new());
            (self.calls.len() - 1) as u32
        });
        while let Err(crowded) = self.index.insert(hash, slot) {
            self.displace(crowded, ended);
        }
        let call = self.calls.get_mut(slot as usize)?;
        call.is_held = true;
        call.is_reported = self.limits.reports;
        call.hash = hash;
        call.texts.set(Text::CallId, call_id);
        call.is_elsewhere = self.is_elsewhere;
        call.start_ns = now_ns;
        call.begun_ns = now_ns;
        call.last_ns = now_ns;
        call.tick = tick(now_ns);
        call.progress.state = state;
        call.class = call.class_now();
        let rank = call.rank();
        self.order.insert(slot, rank);
        self.next_due_ns = self.next_due_ns.min(self.due_ns(slot));
        self.figures.total += u64::from(!self.is_elsewhere);
        Some(slot)
    }

    /// Makes room: those that do not go out give way before those that do.
    #[cold]
    fn evict(&mut self, ended: &mut dyn FnMut(&mut Call<T>)) {
        if let Some(slot) = self.least_worth(false).or_else(|| self.least_worth(true)) {
            self.displace(slot, ended);
        }
    }

    /// Calls that are over go first; then those that were never answered or signalled, if there are many of them, so that a
    /// flood of INVITEs does not push out conversations; then what was used longest ago.
    fn least_worth(&self, is_wanted: bool) -> Option<u32> {
        let many = self.limits.calls / 4;
        let first = [(Class::Over, 0), (Class::Early, many), (Class::RtpOnly, many)]
            .into_iter()
            .find(|(class, most)| self.order.length((*class, is_wanted)) > *most)
            .and_then(|(class, _)| self.order.oldest((class, is_wanted)));
        let last_ns = |slot: &u32| self.calls.get(*slot as usize).map_or(i64::MAX, |call| call.last_ns);
        let oldest = || {
            let all = Class::ALL.into_iter().filter_map(|class| self.order.oldest((class, is_wanted)));
            all.min_by_key(last_ns)
        };
        first.or_else(oldest)
    }

    /// Makes room for what a call announces: others that do not go out give way. False where that gives none.
    #[cold]
    pub(super) fn make_room_for_endpoints(&mut self, slot: u32, ended: &mut dyn FnMut(&mut Call<T>)) -> bool {
        for _ in 0..MOST_DISPLACED {
            match self.least_worth(false).filter(|least| *least != slot) {
                Some(least) => self.displace(least, ended),
                None => return false,
            }
            if self.endpoints.has_room() {
                return true;
            }
        }
        false
    }

    /// Says whether a call goes out: then it and its endpoints come before those that do not.
    #[cold]
    pub fn set_wanted(&mut self, key: CallKey, is_wanted: bool) {
        let Some(call) = self.calls.get_mut(key.slot as usize).filter(|call| call.has(key)) else { return };
        if call.is_wanted == is_wanted {
            return;
        }
        call.is_wanted = is_wanted;
        let (rank, over_ns) = (call.rank(), call.over_ns);
        self.endpoints.set_wanted(&call.announced, is_wanted);
        // Those that are over are forgotten in the order of their ends: one that would disturb it stays where it is.
        let ended_later = |slot| self.calls.get(slot as usize).is_some_and(|other| other.over_ns > over_ns);
        if rank.0 != Class::Over || !self.order.newest(rank).is_some_and(ended_later) {
            self.order.touch(key.slot, rank);
        }
    }

    #[cold]
    fn displace(&mut self, slot: u32, ended: &mut dyn FnMut(&mut Call<T>)) {
        if let Some(call) = self.calls.get_mut(slot as usize) {
            call.progress.end_reason.get_or_insert(EndReason::Evicted);
        }
        self.figures.evicted += 1;
        self.release(slot, ended);
    }

    /// Takes a call out of the table and reports it.
    #[inline(never)]
    pub(super) fn release(&mut self, slot: u32, ended: &mut dyn FnMut(&mut Call<T>)) {
        let Some(call) = self.calls.get_mut(slot as usize).filter(|call| call.is_held) else { return };
        self.endpoints.forget_call(&mut call.announced);
        self.index.remove(call.hash, slot);
        self.order.remove(slot);
        if call.progress.state == State::Ending {
            call.progress.state = State::Ended;
        }
        ended(call);
        call.clear(&mut self.room);
        self.free.push(slot);
    }

    /// What follows from a change of state, or from the passing of time, after a message or packet.
    #[inline(never)]
    pub(super) fn settle(&mut self, slot: u32, was_over: bool, now_ns: i64) {
        let Some(call) = self.calls.get_mut(slot as usize) else { return };
        let is_over = call.progress.state.is_over();
        if is_over && !was_over {
            self.endpoints.end_call(&call.announced, now_ns.saturating_add(self.limits.grace_ns));
        } else if was_over && !is_over {
            self.endpoints.resume_call(&call.announced);
        }
        let (class, tick) = (call.class_now(), tick(now_ns));
        let rank = (class, call.is_wanted);
        let has_changed = class != call.class || is_over != was_over;
        let is_same_tick = tick == call.tick;
        (call.class, call.tick, call.last_ns) = (class, tick, call.last_ns.max(now_ns));
        if has_changed {
            call.over_ns = now_ns;
        } else if is_same_tick || class == Class::Over {
            // The grace time runs from the end on, whatever comes.
            return;
        }
        self.order.touch(slot, rank);
        self.next_due_ns = self.next_due_ns.min(self.due_ns(slot));
    }

    /// Notes that a call lives, by what another engine has seen of it.
    pub fn note_alive(&mut self, key: CallKey, now_ns: i64) {
        if self.get(key).is_some() {
            self.note_tick(key.slot, now_ns);
        }
    }

    /// Leaves the counting of a call to another engine, if this one counts it.
    pub fn leave_to_another(&mut self, key: CallKey) {
        if let Some(call) = self.get_mut(key) {
            call.is_elsewhere = true;
        }
    }

    /// Notes that a call lives, as far as the order of use needs it.
    #[inline]
    pub(super) fn note_use(&mut self, slot: u32, now_ns: i64) {
        if self.calls.get(slot as usize).is_some_and(|call| call.tick != tick(now_ns)) {
            self.note_tick(slot, now_ns);
        }
    }

    #[cold]
    fn note_tick(&mut self, slot: u32, now_ns: i64) {
        let was_over = self.calls.get(slot as usize).is_some_and(|call| call.progress.state.is_over());
        self.settle(slot, was_over, now_ns);
    }

    pub(super) fn ladder_bounds(&self) -> Bounds {
        Bounds { messages: self.limits.messages_per_call, bytes: self.limits.ladder_bytes_per_call }
    }
}

/// All lists of the order of use.
fn ranks() -> impl Iterator<Item = Rank> {
    Class::ALL.into_iter().flat_map(|class| [(class, false), (class, true)])
}

/// The tick of the order of use. Wraps after centuries.
#[inline]
pub(super) fn tick(now_ns: i64) -> i32 {
    (now_ns >> TICK_BITS) as i32
}

//! Reassembly of IPv4 and IPv6 fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! A pure machine: frames and packet time in; rebuilt frames out, and, for datagrams that are given up, the frames as
//! they came. Nothing is lost silently: every frame taken is merged, a counted duplicate, refused, or released again.
//!
//! - Overlaps: in IPv4 the copy that arrived last wins (RFC 791 section 3.2); in IPv6 the datagram is given up (RFC 5722).
//!   Exact duplicates are ignored in both.
//! - A fragment that disagrees about where the datagram ends is refused in IPv4; in IPv6 the datagram is given up.
//! - A fragment that is not the last and no multiple of 8 bytes long is refused in IPv6 (RFC 8200). In IPv4 the surplus
//!   is left out, as receivers do, and fewer than 8 bytes are refused.
//! - A fragment that ends beyond 65,535 bytes is refused; a datagram that does is given up.
//! - A fragment that the snap length cut is refused, and its datagram given up: it could never be whole.
//! - What comes later of a datagram that was given up before its time is refused for the rest of that time.
//! - Copies of the fragments of a rebuilt datagram that come after it form a datagram of copies. It takes further
//!   fragments like any other, but is never released: it is dropped, and counted, when it is given up or after 1 s.
//! - Where there is no room, the datagram that began longest ago is given up.

mod datagram;
mod fragment_header;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::Packet;
use super::rewrite::Layers;
use crate::bounded::BoundedMap;
use datagram::{Arrival, Datagram, Fit};
use fragment_header::{FragmentHeader, Key, Unfit};

/// How long after a datagram a fragment counts as a copy of one of its own, nanoseconds. Mirrored and doubled frames
/// come within milliseconds, and a 16-bit identification can be used again after seconds.
const COPY_NS: u64 = 1_000_000_000;
/// Fragments remembered for that, per open datagram.
const COPIES_PER_DATAGRAM: usize = 4;
/// Datagrams whose buffers are kept for the next ones.
const MOST_POOLED: usize = 32;

/// Bounds of a [`Defragmenter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams in the making.
    pub datagrams: usize,
    /// Frame bytes held, with the bookkeeping per frame; at most 1 GiB counts.
    pub bytes: usize,
    /// Fragments of one datagram.
    pub fragments: usize,
    /// How long after its first fragment a datagram is given up, nanoseconds of packet time.
    pub lifetime_ns: u64,
}

impl Default for Limits {
    /// 8,192 datagrams, 32 MiB, 8,192 fragments each, 30 s (RFC 791 and RFC 8200 let receivers wait 15 to 60 s).
    fn default() -> Self {
        Self { datagrams: 8192, bytes: 32 << 20, fragments: 8192, lifetime_ns: 30_000_000_000 }
    }
}

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is held, or waits with the released frames: the caller drops it for now.
    Held,
    /// Its datagram is whole: [`Defragmenter::rebuilt`] has it.
    Complete,
    /// The same bytes are held already: the caller drops it.
    Duplicate,
    /// Not taken: the caller goes on with the fragment as it is, after the released frames.
    Refused,
}

/// A frame of a datagram that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released<'a> {
    /// The frame as it was taken.
    pub frame: &'a [u8],
    /// Its link type.
    pub link_type: u32,
    /// Its length on the wire, bytes.
    pub original_length: u32,
    /// Its time, nanoseconds.
    pub timestamp_ns: i64,
    /// The caller's tag.
    pub tag: u64,
    /// Whether it is the first one of its datagram to come out.
    pub first_of_datagram: bool,
}

/// What a [`Defragmenter`] counts; each only grows. All calls of [`Defragmenter::take`] are the sum of
/// `fragments_merged`, `duplicates`, `late_duplicates`, `fragments_released`, the `refused_` ones, and what is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FragmentCounters {
    /// Fragments in rebuilt datagrams.
    pub fragments_merged: u64,
    /// Datagrams rebuilt.
    pub datagrams_rebuilt: u64,
    /// Fragments whose bytes were held already.
    pub duplicates: u64,
    /// Copies of fragments of rebuilt datagrams, dropped.
    pub late_duplicates: u64,
    /// IPv4 fragments that overlapped others with other bytes or at another place.
    pub overlaps: u64,
    /// Frames of datagrams that were given up.
    pub fragments_released: u64,
    /// Datagrams given up: their time was over.
    pub expired_datagrams: u64,
    /// Datagrams given up: there was no room.
    pub evicted_datagrams: u64,
    /// IPv6 datagrams given up: fragments overlapped.
    pub overlapping_datagrams: u64,
    /// IPv6 datagrams given up: fragments disagreed about the end.
    pub contradictory_datagrams: u64,
    /// Datagrams given up: a fragment was cut by the snap length.
    pub cut_datagrams: u64,
    /// Datagrams given up: longer than a packet can be.
    pub too_long_datagrams: u64,
    /// Datagrams given up: too many fragments.
    pub crowded_datagrams: u64,
    /// Datagrams that were not whole at the end of the input.
    pub unfinished_datagrams: u64,
    /// Fragments refused: no sound fragment.
    pub refused_malformed: u64,
    /// Fragments refused: cut by the snap length.
    pub refused_cut: u64,
    /// Fragments refused: neither the last one nor a multiple of 8 bytes.
    pub refused_unaligned: u64,
    /// Fragments refused: they end beyond the longest packet.
    pub refused_too_long: u64,
    /// Fragments refused: they disagreed about the datagram's end, overlapped (IPv6), or were too many.
    pub refused_unfit: u64,
    /// Fragments refused: their datagram was given up before.
    pub refused_given_up: u64,
    /// Fragments refused: no room for the frame, or too many released frames that were not asked for.
    pub refused_no_room: u64,
}

/// Why a datagram is given up.
#[derive(Clone, Copy)]
enum Reason {
    Expired,
    Evicted,
    Overlapping,
    Contradictory,
    Cut,
    TooLong,
    Crowded,
    Unfinished,
}

/// Reassembles IP fragments within fixed bounds. Allocates nothing until the first fragment.
pub struct Defragmenter {
    limits: Limits,
    /// In the order in which they began.
    open: BoundedMap<Key, Datagram>,
    /// Datagrams given up before their time, with the time of their first fragments.
    given_up: BoundedMap<Key, i64>,
    /// Digests of merged fragments, with the times of their datagrams.
    merged: BoundedMap<u64, i64>,
    held_bytes: usize,
    released: VecDeque<Datagram>,
    released_bytes: usize,
    /// Frames of the first released datagram that are out.
    turn: usize,
    pool: Vec<Datagram>,
    rebuilt: Vec<u8>,
    rebuilt_link_type: u32,
    counters: FragmentCounters,
}

impl Default for Defragmenter {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Defragmenter {
    /// A machine without fragments.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits {
            datagrams: limits.datagrams.max(1),
            bytes: limits.bytes.min(1 << 30),
            fragments: limits.fragments.max(1),
            ..limits
        };
        Self {
            open: BoundedMap::new(limits.datagrams),
            given_up: BoundedMap::new(limits.datagrams),
            merged: BoundedMap::new(limits.datagrams.saturating_mul(COPIES_PER_DATAGRAM)),
            limits,
            held_bytes: 0,
            released: VecDeque::new(),
            released_bytes: 0,
            turn: 0,
            pool: Vec::new(),
            rebuilt: Vec::new(),
            rebuilt_link_type: 0,
            counters: FragmentCounters::default(),
        }
    }

    /// Takes a fragment: a `packet`, decoded from `frame`, whose innermost IP header says so. `context` keeps captures
    /// apart that may use the same addresses (interface, VLAN, tunnel). `tag` comes back with the frame if it is
    /// released. Moves on to `timestamp_ns` first, so there may be released frames after every call.
    #[allow(clippy::too_many_arguments)]
    pub fn take(
        &mut self,
        packet: &Packet<'_>,
        frame: &[u8],
        link_type: u32,
        original_length: u32,
        timestamp_ns: i64,
        context: u64,
        tag: u64,
    ) -> Taken {
        self.expire(timestamp_ns);
        let Some(fragment) = FragmentHeader::read(packet, frame, context) else {
            self.counters.refused_malformed += 1;
            return Taken::Refused;
        };
        let layers =
            Layers { link_type, link_length: packet.link_length, network_offset: packet.network_offset };
        let arrival = Arrival { layers, original_length, timestamp_ns, tag };
        self.drop_stale_copies(&fragment.key, timestamp_ns);
        self.admit(&fragment, frame, arrival)
    }

    /// The frame of the datagram that [`Taken::Complete`] told of, and its link type. Valid until the next fragment.
    pub fn rebuilt(&self) -> (&[u8], u32) {
        (&self.rebuilt, self.rebuilt_link_type)
    }

    /// Moves on to `now_ns`: datagrams that began too long before (or, where time jumped, after) are given up. To be
    /// called at moments that the packets alone decide, such as every packet; it costs little.
    #[inline]
    pub fn expire(&mut self, now_ns: i64) {
        if !self.open.is_empty() {
            self.expire_oldest(now_ns);
        }
    }

    /// Gives up everything that is held: no more input will follow.
    pub fn finish(&mut self) {
        while let Some((key, datagram)) = self.open.pop_oldest_if(|_, _| true) {
            self.give_up(key, datagram, Reason::Unfinished);
        }
        self.given_up = BoundedMap::new(self.given_up.capacity());
        self.merged = BoundedMap::new(self.merged.capacity());
    }

    /// The next frame of a datagram that was given up, to be asked for until there is none: the frames of one datagram
    /// come one after another in the order of their arrival, but its first fragment, if held, before the others.
    pub fn next_released(&mut self) -> Option<Released<'_>> {
        while self.turn >= self.released.front()?.len() {
            self.turn = 0;
            if let Some(datagram) = self.released.pop_front() {
                self.released_bytes = self.released_bytes.saturating_sub(datagram.cost());
                self.recycle(datagram);
            }
        }
        let turn = self.turn;
        self.turn += 1;
        self.counters.fragments_released += 1;
        let (frame, arrival) = self.released.front()?.released(turn)?;
        Some(Released {
            frame,
            link_type: arrival.layers.link_type,
            original_length: arrival.original_length,
            timestamp_ns: arrival.timestamp_ns,
            tag: arrival.tag,
            first_of_datagram: turn == 0,
        })
    }

    /// What happened so far.
    pub fn counters(&self) -> FragmentCounters {
        self.counters
    }

    /// Bytes that held frames count against the bound.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Datagrams in the making.
    pub fn open_datagrams(&self) -> usize {
        self.open.len()
    }

    fn admit(&mut self, fragment: &FragmentHeader, frame: &[u8], arrival: Arrival) -> Taken {
        let key = fragment.key;
        if self.open.get(&key).is_none() && self.was_given_up(&key, arrival.timestamp_ns) {
            return refused(&mut self.counters.refused_given_up);
        }
        match fragment.unfit {
            Some(Unfit::Cut) => {
                self.abandon(key, arrival.timestamp_ns, Reason::Cut);
                return refused(&mut self.counters.refused_cut);
            }
            Some(Unfit::Unaligned) => return refused(&mut self.counters.refused_unaligned),
            Some(Unfit::TooLong) => return refused(&mut self.counters.refused_too_long),
            None => {}
        }
        let (mut fit, copies_only, held) = match self.open.get(&key) {
            Some(datagram) => (datagram.fit(fragment, frame), datagram.copies_only, datagram.len()),
            None => (Fit::Apart, false, 0),
        };
        if copies_only && matches!(fit, Fit::Overlapping | Fit::Contradiction) {
            // Another datagram with the identification of the one that was copied.
            self.drop_copies(&key);
            fit = Fit::Apart;
        }
        let reason = match (fit, key.version) {
            (Fit::Duplicate, _) => {
                self.counters.duplicates += 1;
                return Taken::Duplicate;
            }
            (Fit::Contradiction, 4) => return refused(&mut self.counters.refused_unfit),
            (Fit::Contradiction, _) => Some(Reason::Contradictory),
            (Fit::Overlapping, 6) => Some(Reason::Overlapping),
            _ => (held >= self.limits.fragments).then_some(Reason::Crowded),
        };
        if let Some(reason) = reason {
            self.abandon(key, arrival.timestamp_ns, reason);
            return refused(&mut self.counters.refused_unfit);
        }
        if !self.make_room(&key, frame.len() + Datagram::OVERHEAD) {
            return refused(&mut self.counters.refused_no_room);
        }
        self.hold(fragment, frame, arrival)
    }

    /// Holds a fragment that fits and has room, and rebuilds its datagram if it is whole with it.
    fn hold(&mut self, fragment: &FragmentHeader, frame: &[u8], arrival: Arrival) -> Taken {
        let key = fragment.key;
        if self.open.get(&key).is_none() {
            let mut datagram = self.pool.pop().unwrap_or_default();
            datagram.first_ns = arrival.timestamp_ns;
            datagram.copies_only = true;
            self.open.insert(key, datagram);
        }
        let Some(datagram) = self.open.get_mut(&key) else { return Taken::Refused };
        if datagram.copies_only {
            let digest =
                datagram::digest(key, fragment.offset as u32, fragment.more, fragment.payload(frame));
            datagram.copies_only = self
                .merged
                .get(&digest)
                .is_some_and(|merged_ns| arrival.timestamp_ns.abs_diff(*merged_ns) < COPY_NS);
        }
        self.counters.overlaps += u64::from(datagram.hold(fragment, frame, arrival));
        self.held_bytes += frame.len() + Datagram::OVERHEAD;
        if !datagram.is_whole() {
            return Taken::Held;
        }
        let Some(datagram) = self.open.remove(&key) else { return Taken::Held };
        let Some(link_type) = datagram.rebuild(&mut self.rebuilt) else {
            self.give_up(key, datagram, Reason::TooLong);
            return Taken::Held;
        };
        self.rebuilt_link_type = link_type;
        self.held_bytes = self.held_bytes.saturating_sub(datagram.cost());
        self.counters.fragments_merged += datagram.len() as u64;
        self.counters.datagrams_rebuilt += 1;
        for digest in datagram.digests(key) {
            self.merged.insert(digest, arrival.timestamp_ns);
        }
        self.recycle(datagram);
        Taken::Complete
    }

    /// Gives datagrams up until there is room for `cost` more bytes of the one under `key`. `false` if there is none.
    fn make_room(&mut self, key: &Key, cost: usize) -> bool {
        if cost > self.limits.bytes || self.released_bytes > self.limits.bytes {
            return false;
        }
        let was_open = self.open.get(key).is_some();
        while self.held_bytes + cost > self.limits.bytes
            || (self.open.len() >= self.limits.datagrams && self.open.get(key).is_none())
        {
            let Some((oldest, datagram)) = self.open.pop_oldest_if(|_, _| true) else { return false };
            self.give_up(oldest, datagram, Reason::Evicted);
            if was_open && oldest == *key {
                return false;
            }
        }
        true
    }

    #[cold]
    fn expire_oldest(&mut self, now_ns: i64) {
        let lifetime = self.limits.lifetime_ns;
        while let Some((key, datagram)) =
            self.open.pop_oldest_if(|_, datagram| now_ns.abs_diff(datagram.first_ns) >= lifetime)
        {
            self.give_up(key, datagram, Reason::Expired);
        }
    }

    /// A datagram of copies that nothing was added to for long is no part of what comes now.
    fn drop_stale_copies(&mut self, key: &Key, now_ns: i64) {
        if self
            .open
            .get(key)
            .is_some_and(|datagram| datagram.copies_only && now_ns.abs_diff(datagram.first_ns) >= COPY_NS)
        {
            self.drop_copies(key);
        }
    }

    #[cold]
    fn drop_copies(&mut self, key: &Key) {
        if let Some(datagram) = self.open.remove(key) {
            self.give_up(*key, datagram, Reason::Expired);
        }
    }

    fn was_given_up(&self, key: &Key, now_ns: i64) -> bool {
        self.given_up.get(key).is_some_and(|first_ns| now_ns.abs_diff(*first_ns) < self.limits.lifetime_ns)
    }

    /// Gives a datagram up because of a fragment that came at `now_ns`, which may be its first.
    #[cold]
    fn abandon(&mut self, key: Key, now_ns: i64, reason: Reason) {
        match self.open.remove(&key) {
            Some(datagram) => self.give_up(key, datagram, reason),
            None => {
                self.given_up.insert(key, now_ns);
                self.count(reason);
            }
        }
    }

    #[cold]
    fn give_up(&mut self, key: Key, datagram: Datagram, reason: Reason) {
        let cost = datagram.cost();
        self.held_bytes = self.held_bytes.saturating_sub(cost);
        if datagram.copies_only {
            self.counters.late_duplicates += datagram.len() as u64;
            return self.recycle(datagram);
        }
        self.count(reason);
        if !matches!(reason, Reason::Expired | Reason::Unfinished) {
            self.given_up.insert(key, datagram.first_ns);
        }
        self.released_bytes += cost;
        self.released.push_back(datagram);
    }

    fn count(&mut self, reason: Reason) {
        let counters = &mut self.counters;
        *match reason {
            Reason::Expired => &mut counters.expired_datagrams,
            Reason::Evicted => &mut counters.evicted_datagrams,
            Reason::Overlapping => &mut counters.overlapping_datagrams,
            Reason::Contradictory => &mut counters.contradictory_datagrams,
            Reason::Cut => &mut counters.cut_datagrams,
            Reason::TooLong => &mut counters.too_long_datagrams,
            Reason::Crowded => &mut counters.crowded_datagrams,
            Reason::Unfinished => &mut counters.unfinished_datagrams,
        } += 1;
    }

    fn recycle(&mut self, datagram: Datagram) {
        if self.pool.len() < MOST_POOLED
            && let Some(datagram) = datagram.recycled()
        {
            self.pool.push(datagram);
        }
    }
}

fn refused(counter: &mut u64) -> Taken {
    *counter += 1;
    Taken::Refused
}

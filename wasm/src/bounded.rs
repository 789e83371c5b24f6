//! Tables with a fixed bound.
//!
//! [`BoundedMap`] is a hash table that never holds more entries than it was given room for: a further one
//! displaces the entry that was stored or touched longest ago. Entries lie back to back in one allocation
//! that grows with use up to the bound, so there is no allocation per entry, and every operation is O(1).
//! Hashing is the same in every run ([`MixHasher`]): what a table forgets depends on its input alone.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// End of the recency list, and "no slot".
const NONE: u32 = u32::MAX;

/// Most entries that a map can be given room for. Far more than fit into 4 GiB of memory.
pub const MAX_CAPACITY: usize = 1 << 26;

/// One stored entry, with its place in the recency list.
#[derive(Clone)]
struct Entry<K, V> {
    key: K,
    value: V,
    hash: u32,
    older: u32,
    newer: u32,
}

/// A cell of the index: the key's hash and the entry's slot, or nothing.
#[derive(Clone, Copy)]
struct Cell {
    hash: u32,
    slot: u32,
}

const EMPTY: Cell = Cell { hash: 0, slot: NONE };

/// Hash table of at most `capacity` entries, ordered by recency.
///
/// An entry is newest when it is inserted, replaced or touched; [`get`](Self::get) and
/// [`get_mut`](Self::get_mut) leave the order alone.
#[derive(Clone)]
pub struct BoundedMap<K, V> {
    capacity: usize,
    entries: Vec<Entry<K, V>>,
    /// Open addressing with linear probing; a power of two of cells, at most three quarters in use.
    index: Vec<Cell>,
    oldest: u32,
    newest: u32,
    evictions: u64,
}

impl<K: Hash + Eq + Copy, V> BoundedMap<K, V> {
    /// A map for at most `capacity` entries (1 to [`MAX_CAPACITY`], brought into that range). Allocates nothing yet.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.clamp(1, MAX_CAPACITY),
            entries: Vec::new(),
            index: Vec::new(),
            oldest: NONE,
            newest: NONE,
            evictions: 0,
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Most entries that can be held.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Entries displaced for want of room since the map was made.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// The value stored under `key`. Does not change the order.
    pub fn get(&self, key: &K) -> Option<&V> {
        let (_, slot) = self.find(hash_of(key), key)?;
        self.entry(slot).map(|entry| &entry.value)
    }

    /// The value stored under `key`, to be changed. Does not change the order.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (_, slot) = self.find(hash_of(key), key)?;
        self.entry_mut(slot).map(|entry| &mut entry.value)
    }

    /// The value stored under `key`, which becomes the newest entry.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let (_, slot) = self.find(hash_of(key), key)?;
        self.make_newest(slot);
        self.entry_mut(slot).map(|entry| &mut entry.value)
    }

    /// The value stored under `key`, which becomes the newest entry; stored by `make` first where there is none.
    /// `make` receives the value evicted for it, if any, so that its buffers can be used again.
    pub fn touch_or_insert_with(&mut self, key: K, make: impl FnOnce(Option<V>) -> V) -> &mut V {
        let hash = hash_of(&key);
        let slot = match self.find(hash, &key) {
            Some((_, slot)) => {
                self.make_newest(slot);
                slot
            }
            None => {
                let evicted = self.make_room();
                self.append(key, make(evicted.map(|(_, value)| value)), hash)
            }
        };
        // `slot` was just found or appended, so it is within bounds whatever the input.
        &mut self.entries[slot as usize].value
    }

    /// Stores `value` under `key` as the newest entry, replacing the value already there.
    /// Returns the entry evicted to make room, if any.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let hash = hash_of(&key);
        if let Some((_, slot)) = self.find(hash, &key) {
            self.make_newest(slot);
            if let Some(entry) = self.entry_mut(slot) {
                entry.value = value;
            }
            return None;
        }
        let evicted = self.make_room();
        self.append(key, value, hash);
        evicted
    }

    /// Removes the entry stored under `key`. Not counted as an eviction.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (position, slot) = self.find(hash_of(key), key)?;
        self.remove_at(position, slot).map(|(_, value)| value)
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|entry| (&entry.key, &entry.value))
    }

    /// The entry that was stored or touched longest ago.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.entry(self.oldest).map(|entry| (&entry.key, &entry.value))
    }

    /// Removes the oldest entry if `expired` says so of it. Not counted as an eviction.
    pub fn pop_oldest_if(&mut self, expired: impl FnOnce(&K, &V) -> bool) -> Option<(K, V)> {
        let (key, value) = self.oldest()?;
        if expired(key, value) { self.pop_oldest() } else { None }
    }

    fn pop_oldest(&mut self) -> Option<(K, V)> {
        let slot = self.oldest;
        let position = self.position_of(self.entry(slot)?.hash, slot)?;
        self.remove_at(position, slot)
    }

    fn entry(&self, slot: u32) -> Option<&Entry<K, V>> {
        self.entries.get(slot as usize)
    }

    fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<K, V>> {
        self.entries.get_mut(slot as usize)
    }

    fn mask(&self) -> usize {
        self.index.len().wrapping_sub(1)
    }

    /// The index position and the slot of `key`.
    fn find(&self, hash: u32, key: &K) -> Option<(usize, u32)> {
        let mask = self.mask();
        let mut position = hash as usize & mask;
        loop {
            let cell = *self.index.get(position)?;
            if cell.slot == NONE {
                return None;
            }
            if cell.hash == hash && self.entry(cell.slot)?.key == *key {
                return Some((position, cell.slot));
            }
            position = (position + 1) & mask;
        }
    }

    /// The index position of the entry in `slot`.
    fn position_of(&self, hash: u32, slot: u32) -> Option<usize> {
        let mask = self.mask();
        let mut position = hash as usize & mask;
        loop {
            let cell = self.index.get(position)?;
            if cell.slot == slot {
                return Some(position);
            }
            if cell.slot == NONE {
                return None;
            }
            position = (position + 1) & mask;
        }
    }

    /// Evicts the oldest entry when the map is full.
    fn make_room(&mut self) -> Option<(K, V)> {
        if self.entries.len() < self.capacity {
            return None;
        }
        self.evictions = self.evictions.saturating_add(1);
        self.pop_oldest()
    }

    /// Stores a new entry as the newest one and returns its slot.
    fn append(&mut self, key: K, value: V, hash: u32) -> u32 {
        let held = self.entries.len();
        if held == self.entries.capacity() {
            let room = self.capacity.saturating_sub(held).max(1);
            self.entries.reserve_exact(held.clamp(8, room.max(8)).min(room));
        }
        if (held + 1) * 4 > self.index.len() * 3 {
            self.grow_index();
        }
        let slot = held as u32;
        self.entries.push(Entry { key, value, hash, older: self.newest, newer: NONE });
        let newest = self.newest;
        match self.entry_mut(newest) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
        place(&mut self.index, Cell { hash, slot });
        slot
    }

    fn grow_index(&mut self) {
        let cells = (self.index.len() * 2).max(16);
        let mut index = vec![EMPTY; cells];
        for cell in self.index.iter().filter(|cell| cell.slot != NONE) {
            place(&mut index, *cell);
        }
        self.index = index;
    }

    /// Takes the entry in `slot`, whose index cell is at `position`, out of index, list and storage.
    fn remove_at(&mut self, position: usize, slot: u32) -> Option<(K, V)> {
        if slot as usize >= self.entries.len() {
            return None;
        }
        self.clear_cell(position);
        self.unlink(slot);
        let removed = self.entries.swap_remove(slot as usize);
        let moved_from = self.entries.len() as u32;
        if moved_from != slot {
            self.renumber(moved_from, slot);
        }
        Some((removed.key, removed.value))
    }

    /// Empties an index cell and moves the following ones up, so that no probe sequence is cut.
    fn clear_cell(&mut self, position: usize) {
        let mask = self.mask();
        let mut hole = position;
        let mut next = (position + 1) & mask;
        while let Some(&cell) = self.index.get(next) {
            if cell.slot == NONE {
                break;
            }
            // The cell may move into the hole if its home lies cyclically at or before the hole.
            let from_home = next.wrapping_sub(cell.hash as usize) & mask;
            if from_home >= next.wrapping_sub(hole) & mask {
                if let Some(target) = self.index.get_mut(hole) {
                    *target = cell;
                }
                hole = next;
            }
            next = (next + 1) & mask;
        }
        if let Some(target) = self.index.get_mut(hole) {
            *target = EMPTY;
        }
    }

    /// Points index and list at `to` for the entry that has moved there from `from`.
    fn renumber(&mut self, from: u32, to: u32) {
        let Some(entry) = self.entry(to) else { return };
        let (hash, older, newer) = (entry.hash, entry.older, entry.newer);
        if let Some(cell) = self.position_of(hash, from).and_then(|position| self.index.get_mut(position)) {
            cell.slot = to;
        }
        match self.entry_mut(older) {
            Some(entry) => entry.newer = to,
            None => self.oldest = to,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = to,
            None => self.newest = to,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(entry) = self.entry(slot) else { return };
        let (older, newer) = (entry.older, entry.newer);
        match self.entry_mut(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
        match self.entry_mut(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn make_newest(&mut self, slot: u32) {
        if self.newest == slot {
            return;
        }
        self.unlink(slot);
        let newest = self.newest;
        if let Some(entry) = self.entry_mut(slot) {
            entry.older = newest;
            entry.newer = NONE;
        }
        match self.entry_mut(newest) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }
}

/// Puts `cell` into the first free cell of its probe sequence. The index always has one.
fn place(index: &mut [Cell], cell: Cell) {
    let mask = index.len().wrapping_sub(1);
    let mut position = cell.hash as usize & mask;
    while let Some(target) = index.get_mut(position) {
        if target.slot == NONE {
            *target = cell;
            return;
        }
        position = (position + 1) & mask;
    }
}

fn hash_of<K: Hash>(key: &K) -> u32 {
    (BuildHasherDefault::<MixHasher>::default().hash_one(key) >> 32) as u32
}

/// Hasher with a fixed seed: two multiplications per 8 octets, a stronger mix at the end.
///
/// Not keyed, so not proof against someone who looks for collisions; the bound of the tables is what limits
/// the harm. 64-bit multiplications only, because WebAssembly has no wider one.
#[derive(Clone, Copy)]
pub struct MixHasher {
    state: u64,
}

/// Spreads small numbers over all bits: the odd number nearest to 2^64 divided by the golden ratio.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl MixHasher {
    /// A hasher whose results are independent of those of other seeds.
    pub const fn with_seed(seed: u64) -> Self {
        Self { state: seed.wrapping_add(1).wrapping_mul(SEED_STEP) }
    }

    /// Two multiplications, because the upper bits of a word hardly move in one: the first brings them down,
    /// the second spreads them.
    fn mix(&mut self, word: u64) {
        let spread = word.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let product = (self.state ^ spread ^ (spread >> 32)).wrapping_mul(0xa076_1d64_78bd_642f);
        self.state = product ^ (product >> 32);
    }
}

impl Default for MixHasher {
    fn default() -> Self {
        Self::with_seed(0)
    }
}

impl Hasher for MixHasher {
    fn write(&mut self, octets: &[u8]) {
        let (words, tail) = octets.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        // The rest overlaps the last word where there is one. The length tells apart what ends in zeros.
        let rest = match octets.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => tail.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)),
        };
        self.mix(rest ^ (octets.len() as u64).wrapping_mul(SEED_STEP));
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_u128(&mut self, value: u128) {
        self.mix(value as u64);
        self.mix((value >> 64) as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        let mut hash = self.state.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

#[cfg(test)]
mod tests;

//! From the hash of a key to the slot of its flow, or whatever else is kept by key.
//!
//! Open addressing over cells of eight bytes, hash and slot together, so that a look-up mostly reads one cache line.
//! The cells are in the order of their hashes throughout (linear probing after Robin Hood): a look-up in vain ends early,
//! no cell lies far from home, and growth is one pass from front to back over both arrays.

/// Farthest that a cell may lie from home, in cells. Hashes that nobody aims stay within some 100 at the load below.
const MOST_PROBES: usize = 512;
/// Cells of a new index.
const LEAST_BITS: u32 = 6;
const EMPTY: u64 = 0;

/// Slots by hash. Several slots may have the same hash; hash 0 is not used.
pub(crate) struct Index {
    /// Hash in the upper half, slot + 1 in the lower one. A power of two of homes, and room behind for what the last of
    /// them push away, so that nothing wraps around.
    cells: Vec<u64>,
    bits: u32,
    used: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { cells: vec![EMPTY; cells_of(LEAST_BITS)], bits: LEAST_BITS, used: 0 }
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.cells.len() * size_of::<u64>()
    }

    /// The slot stored under `hash` of which `is_sought` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut is_sought: impl FnMut(u32) -> bool) -> Option<u32> {
        let home = home(hash, self.bits);
        for &cell in self.cells.get(home..home + MOST_PROBES)? {
            let held = hash_in(cell);
            if held == hash {
                if is_sought(slot_in(cell)) {
                    return Some(slot_in(cell));
                }
            } else if held > hash || cell == EMPTY {
                return None;
            }
        }
        None
    }

    /// Stores `slot` under `hash`. Err if that would push a cell too far from home: the slot to remove for it.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) -> Result<(), u32> {
        // At most five eighths of the homes in use: more makes look-ups in vain long.
        if (self.used + 1) * 8 > (1 << self.bits) * 5 {
            self.grow();
        }
        let home = home(hash, self.bits);
        let mut at = home;
        while self.cells[at] != EMPTY && hash_in(self.cells[at]) <= hash {
            at += 1;
            if at - home == MOST_PROBES {
                return Err(slot_in(self.cells[home]));
            }
        }
        let mut end = at;
        while self.cells[end] != EMPTY {
            if end + 1 - self.home_of(end) == MOST_PROBES {
                return Err(slot_in(self.cells[home]));
            }
            end += 1;
        }
        let mut carried = cell(hash, slot);
        for cell in &mut self.cells[at..=end] {
            std::mem::swap(cell, &mut carried);
        }
        self.used += 1;
        Ok(())
    }

    /// Removes `slot`, stored under `hash`.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let home = home(hash, self.bits);
        let sought = cell(hash, slot);
        let Some(distance) = self.cells[home..home + MOST_PROBES].iter().position(|cell| *cell == sought)
        else {
            return;
        };
        let mut hole = home + distance;
        while let Some(&next) = self.cells.get(hole + 1)
            && next != EMPTY
            && self.home_of(hole + 1) <= hole
        {
            self.cells[hole] = next;
            hole += 1;
        }
        self.cells[hole] = EMPTY;
        self.used -= 1;
    }

    #[cold]
    fn grow(&mut self) {
        let bits = self.bits + 1;
        let mut cells = vec![EMPTY; cells_of(bits)];
        let mut free = 0;
        // In the order of their hashes no cell comes to lie farther from home than it was.
        for &cell in self.cells.iter().filter(|cell| **cell != EMPTY) {
            let at = home(hash_in(cell), bits).max(free);
            cells[at] = cell;
            free = at + 1;
        }
        (self.cells, self.bits) = (cells, bits);
    }

    fn home_of(&self, position: usize) -> usize {
        home(hash_in(self.cells[position]), self.bits)
    }
}

fn cells_of(bits: u32) -> usize {
    (1 << bits) + MOST_PROBES
}

#[inline]
fn home(hash: u32, bits: u32) -> usize {
    (hash >> (32 - bits)) as usize
}

#[inline]
fn cell(hash: u32, slot: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(slot.wrapping_add(1))
}

#[inline]
fn hash_in(cell: u64) -> u32 {
    (cell >> 32) as u32
}

#[inline]
fn slot_in(cell: u64) -> u32 {
    (cell as u32).wrapping_sub(1)
}

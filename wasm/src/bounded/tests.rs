use super::*;

/// A key whose hash is one of a few, so that every probe sequence collides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Colliding(u32);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.0 % 3);
    }
}

/// The same table the slow way: oldest first.
struct Model<K> {
    capacity: usize,
    entries: Vec<(K, u64)>,
    evictions: u64,
}

impl<K: PartialEq + Copy> Model<K> {
    fn position(&self, key: K) -> Option<usize> {
        self.entries.iter().position(|(held, _)| *held == key)
    }

    fn insert(&mut self, key: K, value: u64) -> Option<(K, u64)> {
        let mut evicted = None;
        if let Some(at) = self.position(key) {
            self.entries.remove(at);
        } else if self.entries.len() == self.capacity {
            evicted = Some(self.entries.remove(0));
            self.evictions += 1;
        }
        self.entries.push((key, value));
        evicted
    }

    fn touch(&mut self, key: K) -> Option<u64> {
        let at = self.position(key)?;
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        Some(entry.1)
    }
}

fn agrees_with_model<K>(capacity: usize, keys: u32, rounds: u64, key_of: impl Fn(u32) -> K)
where
    K: Hash + Eq + Copy + std::fmt::Debug,
{
    let mut map = BoundedMap::new(capacity);
    let mut model = Model { capacity, entries: Vec::new(), evictions: 0 };
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let key = key_of((random >> 8) as u32 % keys);
        match random >> 40 & 15 {
            0..=5 => assert_eq!(map.insert(key, round), model.insert(key, round)),
            6 | 7 => assert_eq!(map.touch(&key).copied(), model.touch(key)),
            8 | 9 => {
                let expected = model.position(key).map(|at| model.entries.remove(at).1);
                assert_eq!(map.remove(&key), expected);
            }
            10 => {
                let even = model.entries.first().is_some_and(|(_, value)| value % 2 == 0);
                let expected = even.then(|| model.entries.remove(0));
                assert_eq!(map.pop_oldest_if(|_, value| value % 2 == 0), expected);
            }
            11 | 12 => {
                let expected = model.touch(key).unwrap_or_else(|| {
                    let evicted = model.insert(key, round).map_or(0, |(_, value)| value);
                    let at = model.position(key).unwrap();
                    model.entries[at].1 = round + evicted;
                    round + evicted
                });
                let value = map.touch_or_insert_with(key, |evicted| round + evicted.unwrap_or(0));
                assert_eq!(*value, expected);
            }
            13 => {
                if let Some(value) = map.get_mut(&key) {
                    *value += 1;
                    let at = model.position(key).unwrap();
                    model.entries[at].1 += 1;
                }
            }
            _ => assert_eq!(map.get(&key).copied(), model.position(key).map(|at| model.entries[at].1)),
        }
        assert_eq!(map.len(), model.entries.len());
        assert_eq!(map.is_empty(), model.entries.is_empty());
        assert_eq!(map.oldest().map(|(key, value)| (*key, *value)), model.entries.first().copied());
        assert_eq!(map.evictions(), model.evictions);
    }
    // What is left comes out in the order of the model.
    for (key, value) in model.entries {
        assert_eq!(map.pop_oldest_if(|_, _| true), Some((key, value)));
    }
    assert!(map.is_empty() && map.oldest().is_none());
}

#[test]
fn behaves_like_the_slow_table() {
    for (capacity, keys) in [(1, 3), (2, 5), (7, 10), (16, 12), (100, 150), (1000, 3000)] {
        agrees_with_model(capacity, keys, 20_000, |key| key);
    }
}

#[test]
fn behaves_like_the_slow_table_when_hashes_collide() {
    for (capacity, keys) in [(2, 5), (11, 20), (40, 60)] {
        agrees_with_model(capacity, keys, 20_000, Colliding);
    }
}

#[test]
fn holds_a_million_entries_and_no_more() {
    const CAPACITY: usize = 1_000_000;
    let mut map = BoundedMap::new(CAPACITY);
    for key in 0..CAPACITY as u64 + 1000 {
        let evicted = map.insert([key; 4], key);
        assert_eq!(evicted.is_some(), key >= CAPACITY as u64);
    }
    assert_eq!((map.len(), map.capacity(), map.evictions()), (CAPACITY, CAPACITY, 1000));
    assert_eq!(map.get(&[999; 4]), None);
    assert_eq!(map.get(&[1000; 4]), Some(&1000));
    assert!(map.entries.capacity() <= CAPACITY);
}

#[test]
fn memory_grows_with_use() {
    let mut map = BoundedMap::new(MAX_CAPACITY);
    assert_eq!(map.entries.capacity(), 0);
    map.insert(1u8, ());
    assert!(map.entries.capacity() <= 8 && map.index.len() <= 16);
    let none: BoundedMap<u8, u8> = BoundedMap::new(0);
    assert_eq!(none.capacity(), 1);
}

#[test]
fn hashes_differ() {
    let hash = |octets: &[u8]| {
        let mut hasher = MixHasher::default();
        hasher.write(octets);
        hasher.finish()
    };
    // Lengths, single bits and seeds.
    let mut seen = std::collections::HashSet::new();
    for length in 0..=64 {
        assert!(seen.insert(hash(&vec![0; length])));
        for bit in 0..length * 8 {
            let mut octets = vec![0; length];
            octets[bit / 8] = 1 << (bit % 8);
            assert!(seen.insert(hash(&octets)));
        }
    }
    assert_ne!(MixHasher::with_seed(1).finish(), MixHasher::with_seed(2).finish());
    // One bit of a key changes about half of the bits that the index uses.
    for bit in 0..64 {
        let changed = (0..256u64).map(|key| (hash_of(&key) ^ hash_of(&(key ^ 1 << bit))).count_ones());
        let average = f64::from(changed.sum::<u32>()) / 256.0;
        assert!((14.0..=18.0).contains(&average), "bit {bit}: {average}");
    }
}

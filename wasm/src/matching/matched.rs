//! The filters that a packet has matched, each once.

/// Numbers of filters; its memory is used again for the next packet.
#[derive(Default)]
pub struct Matched {
    numbers: Vec<u32>,
    /// By filter: the packet that it matched last.
    seen_in: Vec<u32>,
    packet: u32,
}

impl Matched {
    /// Begins a packet. There are `filters` filters.
    pub fn begin(&mut self, filters: usize) {
        self.numbers.clear();
        self.packet = self.packet.wrapping_add(1);
        if self.packet == 0 {
            self.seen_in.fill(0);
            self.packet = 1;
        }
        if self.seen_in.len() < filters {
            self.seen_in.resize(filters, 0);
        }
    }

    /// Forgets the last packet.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// Adds a filter, unless it is there.
    #[inline]
    pub fn push(&mut self, number: u32) {
        if let Some(seen) = self.seen_in.get_mut(number as usize)
            && *seen != self.packet
        {
            *seen = self.packet;
            self.numbers.push(number);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Puts those from place `start` on in the order of a key.
    pub fn sort_from<K: Ord>(&mut self, start: usize, key: impl Fn(u32) -> K) {
        if let Some(added) = self.numbers.get_mut(start..)
            && added.len() > 1
        {
            added.sort_unstable_by_key(|number| key(*number));
        }
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.numbers.iter().copied()
    }
}

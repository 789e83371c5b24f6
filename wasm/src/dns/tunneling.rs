//! Signs of data carried in names: a score from 0 to 1 per message, from the name itself and from what was
//! asked below the same base domain before.

use super::name_facts::NameFacts;
use crate::bounded::BoundedMap;

/// Most base domains held. A further one displaces the one asked for longest ago.
pub const MAX_DOMAINS: usize = 5_000;

/// How long a base domain is remembered without a query, in nanoseconds of packet time.
pub const MAX_IDLE_NS: i64 = 3_600_000_000_000;

/// Distinct subdomains up to which they are counted, per base domain.
pub const MAX_SUBDOMAINS: usize = 1_000;

/// Entropy from which a name looks random, in bits per character.
const ENTROPY_THRESHOLD: f64 = 3.5;

/// Octets of text from which the entropy of a subdomain counts.
const SUBDOMAIN_LENGTH: usize = 20;

const TYPE_NULL: u16 = 10;
const TYPE_TXT: u16 = 16;

/// What the detector looks at in one message.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The name of its first question.
    pub name: NameFacts,
    /// Type asked for.
    pub rr_type: u16,
    /// Capture time in nanoseconds.
    pub timestamp_ns: i64,
}

/// What was asked below each base domain.
pub struct Detector {
    domains: BoundedMap<u64, Domain>,
}

impl Detector {
    /// A detector that remembers at most `capacity` base domains.
    pub fn new(capacity: usize) -> Self {
        Self { domains: BoundedMap::new(capacity) }
    }

    /// Takes a query into account and returns its score.
    pub fn query(&mut self, sample: &Sample) -> f64 {
        let now = sample.timestamp_ns;
        while self.domains.pop_oldest_if(|_, domain| domain.idle(now)).is_some() {}
        let domain = self.domains.touch_or_insert_with(sample.name.base, |evicted| {
            // Of an evicted domain only the memory of its set lives on.
            let mut domain = Domain::default();
            if let Some(Domain { subdomains, .. }) = evicted {
                domain.subdomains = subdomains;
                domain.subdomains.clear();
            }
            domain
        });
        domain.update(sample);
        domain.score(sample)
    }

    /// The score of a response: that of its name now. Nothing is taken into account.
    pub fn response(&self, sample: &Sample) -> f64 {
        match self.domains.get(&sample.name.base) {
            Some(domain) if !domain.idle(sample.timestamp_ns) => domain.score(sample),
            _ => Domain::default().score(sample),
        }
    }

    /// Base domains held.
    pub fn domains(&self) -> usize {
        self.domains.len()
    }

    /// Base domains displaced for want of room.
    pub fn evictions(&self) -> u64 {
        self.domains.evictions()
    }
}

/// What was asked below one base domain.
#[derive(Default)]
struct Domain {
    queries: u64,
    /// Sum of name lengths in octets.
    length: u64,
    /// Capture time of the last query in nanoseconds.
    last_seen_ns: i64,
    /// Queries with a subdomain.
    with_subdomain: u64,
    /// Queries with a long subdomain that looks random.
    random: u64,
    /// Queries for a type that carries much data.
    suspicious: u64,
    subdomains: DistinctCount,
}

impl Domain {
    fn idle(&self, now: i64) -> bool {
        now.saturating_sub(self.last_seen_ns) > MAX_IDLE_NS
    }

    fn update(&mut self, sample: &Sample) {
        self.queries += 1;
        self.length += sample.name.length as u64;
        self.last_seen_ns = sample.timestamp_ns;
        if sample.name.subdomain_length > 0 {
            self.with_subdomain += 1;
            self.subdomains.insert(sample.name.subdomain);
        }
        let random = sample.name.subdomain_entropy >= ENTROPY_THRESHOLD;
        if random && sample.name.subdomain_length >= SUBDOMAIN_LENGTH {
            self.random += 1;
        }
        if matches!(sample.rr_type, TYPE_TXT | TYPE_NULL) {
            self.suspicious += 1;
        }
    }

    fn score(&self, sample: &Sample) -> f64 {
        let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let mut score = 0.0;
        if sample.name.entropy >= ENTROPY_THRESHOLD {
            score += 0.30 * (sample.name.entropy - ENTROPY_THRESHOLD).min(1.0);
        }
        let distinct = self.subdomains.len();
        if distinct > 10 {
            score += 0.25 * (distinct as f64 / 100.0).min(1.0);
        }
        score += 0.20 * ratio(self.random, self.with_subdomain);
        score += 0.15 * ratio(self.suspicious, self.queries);
        let average = ratio(self.length, self.queries);
        if average > 50.0 {
            score += 0.10 * ((average - 50.0) / 100.0).min(1.0);
        }
        score.min(1.0)
    }
}

/// Counts distinct hashes up to [`MAX_SUBDOMAINS`], by 32 bits of each.
#[derive(Default)]
struct DistinctCount {
    /// Open addressing; zero is a free cell. Empty once the count has reached its end.
    cells: Vec<u32>,
    count: usize,
}

impl DistinctCount {
    fn len(&self) -> usize {
        self.count
    }

    fn clear(&mut self) {
        self.cells.fill(0);
        self.count = 0;
    }

    fn insert(&mut self, hash: u64) {
        if self.count >= MAX_SUBDOMAINS {
            return;
        }
        if (self.count + 1) * 4 > self.cells.len() * 3 {
            let mut grown = vec![0; (self.cells.len() * 2).max(8)];
            for cell in self.cells.iter().filter(|cell| **cell != 0) {
                put(&mut grown, *cell);
            }
            self.cells = grown;
        }
        self.count += usize::from(put(&mut self.cells, (hash >> 32) as u32 | 1));
        if self.count >= MAX_SUBDOMAINS {
            self.cells = Vec::new();
        }
    }
}

/// Puts `value` where it belongs. Returns whether it was not there.
fn put(cells: &mut [u32], value: u32) -> bool {
    let mask = cells.len().wrapping_sub(1);
    let mut position = (value >> 1) as usize & mask;
    while let Some(cell) = cells.get_mut(position) {
        if *cell == value {
            return false;
        }
        if *cell == 0 {
            *cell = value;
            return true;
        }
        position = (position + 1) & mask;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{DistinctCount, MAX_SUBDOMAINS};

    #[test]
    fn a_count_at_its_end_holds_no_memory() {
        let mut count = DistinctCount::default();
        for number in 1..=3 * MAX_SUBDOMAINS as u64 {
            for _ in 0..2 {
                count.insert(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
            assert_eq!(count.len() as u64, number.min(MAX_SUBDOMAINS as u64));
            assert!(count.cells.len() <= 2 * MAX_SUBDOMAINS.next_power_of_two());
            assert_eq!(count.cells.is_empty(), count.len() == MAX_SUBDOMAINS);
        }
    }
}

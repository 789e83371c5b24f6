//! Which query a response answers, and how long it took.

use std::hash::{Hash, Hasher};

use crate::bounded::{BoundedMap, MixHasher};

/// Most queries waiting for their response. A further one displaces the one stored longest ago.
pub const MAX_PENDING: usize = 10_000;

/// How long a query waits, in nanoseconds of packet time.
pub const MAX_AGE_NS: i64 = 30_000_000_000;

/// Addresses and ports of a message, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints<'a> {
    /// IP protocol number: 6 TCP, 17 UDP.
    pub transport: u8,
    /// Address of the client.
    pub client: &'a [u8; 16],
    /// Port of the client.
    pub client_port: u16,
    /// Address of the server.
    pub server: &'a [u8; 16],
    /// Port of the server.
    pub server_port: u16,
}

/// What query and response have in common, as 128 bits of hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64, u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Both are hashes; one will do to find a place.
        state.write_u64(self.0 ^ self.1);
    }
}

impl Endpoints<'_> {
    /// A hash, for the keys of the messages between them.
    pub fn hash(&self) -> u64 {
        let mut hosts = MixHasher::with_seed(2);
        hosts.write_u128(u128::from_le_bytes(*self.client));
        hosts.write_u128(u128::from_le_bytes(*self.server));
        let ports = u64::from(self.client_port) << 16 | u64::from(self.server_port);
        hosts.write_u64(u64::from(self.transport) << 32 | ports);
        hosts.finish()
    }
}

impl Key {
    /// The key of a message: `endpoints` is their [hash](Endpoints::hash), `name` that of the normalized name of its
    /// first question, `rr_type` the type asked for.
    pub fn new(endpoints: u64, id: u16, name: u64, rr_type: u16) -> Self {
        let mut question = MixHasher::with_seed(1);
        question.write_u64(name);
        question.write_u32(u32::from(rr_type) << 16 | u32::from(id));
        Self(question.finish(), endpoints)
    }
}

/// Queries that wait for their response.
pub struct Tracker {
    /// Capture time of each query in nanoseconds.
    pending: BoundedMap<Key, i64>,
    /// The last query of each id between two endpoints, for responses that do not repeat the question.
    by_id: BoundedMap<Key, Key>,
}

impl Tracker {
    /// A tracker of at most `capacity` queries.
    pub fn new(capacity: usize) -> Self {
        Self { pending: BoundedMap::new(capacity), by_id: BoundedMap::new(capacity) }
    }

    /// Notes a query. One that is sent again keeps its first time. `id_key` is its key without a question.
    pub fn query(&mut self, key: Key, id_key: Key, timestamp_ns: i64) {
        self.by_id.insert(id_key, key);
        while self.pending.pop_oldest_if(|_, sent| expired(*sent, timestamp_ns)).is_some() {}
        match self.pending.get_mut(&key) {
            Some(sent) if !expired(*sent, timestamp_ns) => {}
            _ => {
                self.pending.insert(key, timestamp_ns);
            }
        }
    }

    /// Whole milliseconds since the query of this key, at least 0; the query is then answered and forgotten. `id_key` is
    /// its key without a question. `None` where no query waits.
    pub fn response(&mut self, key: Key, id_key: Key, timestamp_ns: i64) -> Option<i64> {
        if self.by_id.get(&id_key) == Some(&key) {
            self.by_id.remove(&id_key);
        }
        self.answered(key, timestamp_ns)
    }

    /// The same, with no look at ids.
    fn answered(&mut self, key: Key, timestamp_ns: i64) -> Option<i64> {
        let sent = self.pending.remove(&key)?;
        let waited = timestamp_ns.saturating_sub(sent).max(0);
        (!expired(sent, timestamp_ns)).then_some(waited / 1_000_000)
    }

    /// The same for a response without a question, as servers send that could not or would not read it (RFC 1035
    /// 4.1.1, FORMERR, NOTIMP, REFUSED): found by endpoints and id alone.
    pub fn response_without_question(&mut self, id_key: Key, timestamp_ns: i64) -> Option<i64> {
        let key = self.by_id.remove(&id_key)?;
        self.answered(key, timestamp_ns)
    }

    /// Queries waiting.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Queries displaced for want of room.
    pub fn evictions(&self) -> u64 {
        self.pending.evictions()
    }
}

fn expired(sent: i64, now: i64) -> bool {
    now.saturating_sub(sent) > MAX_AGE_NS
}

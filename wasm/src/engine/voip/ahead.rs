//! Datagrams ahead of their signalling: another capture thread has read that, and it is heard of a little later. They wait for
//! so long.

use std::collections::VecDeque;

use super::held::{Place, Ring};
use crate::call::CallKey;
use crate::rtp::candidates::Endpoints;

/// Longest wait, nanoseconds of packet time, of what is lost then: what is told is heard within some milliseconds, or some tens
/// under load.
const MOST_WAIT_NS: i64 = 200_000_000;
/// The same of what goes with an earlier call then: for so long, its packets go out late.
const NEWER_WAIT_NS: i64 = 100_000_000;
/// Datagrams of each kind that wait, at most: the oldest give way.
const MOST_WAITING: usize = 4096;
/// Bytes of each kind, at most: the oldest are lost. Rings of their own, since other traffic on any port may look like media, and
/// media of calls that nobody wants are many.
const MOST_BYTES: usize = 8 << 20;
/// Ports below this one are of services, not of media.
const LEAST_PORT: u16 = 1024;

/// A datagram that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) endpoints: Endpoints,
    pub(super) timestamp_ns: i64,
    pub(super) wait: Wait,
}

/// Where it waits, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// No call has its endpoints.
    ForAny(Place),
    /// A call has them, or had, and has it unless there is a newer one.
    ForNewer(Place, CallKey),
    /// In the [probation](super::probation) of its stream, too.
    OnProbation,
}

/// Those that wait, in the order of their arrival.
pub(super) struct Ahead {
    for_newer: VecDeque<Waiting>,
    others: VecDeque<Waiting>,
    pub(super) ring: Ring,
    pub(super) ring_for_newer: Ring,
}

impl Ahead {
    pub(super) fn new() -> Self {
        let (for_newer, others) = (VecDeque::new(), VecDeque::new());
        let [ring, ring_for_newer] = [Ring::new(MOST_BYTES), Ring::new(MOST_BYTES)];
        Self { for_newer, others, ring, ring_for_newer }
    }

    /// Whether a datagram may be of a call that is not known yet: what goes to the ports of media (RFC 7983), but for QUIC.
    pub(super) fn may_be_media(payload: &[u8], endpoints: &Endpoints) -> bool {
        matches!(payload.first(), Some(0..=3 | 16..=63 | 128..=191))
            && endpoints.source_port >= LEAST_PORT
            && endpoints.destination_port >= LEAST_PORT
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.for_newer.len() + self.others.len()
    }

    /// Adds one.
    pub(super) fn push(&mut self, waiting: Waiting) {
        match waiting.wait {
            Wait::ForNewer(..) => self.for_newer.push_back(waiting),
            Wait::ForAny(_) | Wait::OnProbation => self.others.push_back(waiting),
        }
    }

    /// Whether one has waited for too long, or has to give way.
    #[inline]
    pub(super) fn is_due(&self, now_ns: i64) -> bool {
        is_due(&self.for_newer, now_ns, NEWER_WAIT_NS) || is_due(&self.others, now_ns, MOST_WAIT_NS)
    }

    /// Takes out one that [is due](Self::is_due).
    pub(super) fn pop_due(&mut self, now_ns: i64) -> Option<Waiting> {
        if is_due(&self.for_newer, now_ns, NEWER_WAIT_NS) {
            return self.for_newer.pop_front();
        }
        is_due(&self.others, now_ns, MOST_WAIT_NS).then(|| self.others.pop_front())?
    }

    /// Takes out one that waits for a newer call.
    pub(super) fn pop_for_newer(&mut self) -> Option<Waiting> {
        self.for_newer.pop_front()
    }

    /// Takes out those that `is_known` says are known now.
    pub(super) fn take_if(&mut self, mut is_known: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for queue in [&mut self.for_newer, &mut self.others] {
            queue.retain(|waiting| {
                let is_known = is_known(waiting);
                if is_known {
                    taken.push(*waiting);
                }
                !is_known
            });
        }
        taken
    }
}

/// Whether the oldest has waited for longer than that, or has to give way.
#[inline]
fn is_due(queue: &VecDeque<Waiting>, now_ns: i64, most_ns: i64) -> bool {
    let before_ns = now_ns.saturating_sub(most_ns);
    queue.len() > MOST_WAITING || queue.front().is_some_and(|waiting| waiting.timestamp_ns < before_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Address;

    fn waiting(number: u16, timestamp_ns: i64) -> Waiting {
        let endpoints = Endpoints {
            source: Address::v4([10, 0, 0, 1]),
            source_port: number,
            destination: Address::v4([10, 0, 0, 2]),
            destination_port: 4000,
            scope: 0,
        };
        Waiting { endpoints, timestamp_ns, wait: Wait::ForAny(number.into()) }
    }

    #[test]
    fn each_is_taken_once() {
        let mut ahead = Ahead::new();
        (0..10).for_each(|number| ahead.push(waiting(number, number.into())));
        let ports =
            |taken: Vec<Waiting>| taken.iter().map(|one| one.endpoints.source_port).collect::<Vec<_>>();
        assert_eq!(ports(ahead.take_if(|one| one.endpoints.source_port % 3 == 0)), [0, 3, 6, 9]);
        let mut due = |now_ns| {
            ports(std::iter::from_fn(|| ahead.is_due(now_ns).then(|| ahead.pop_due(now_ns))?).collect())
        };
        assert_eq!(due(MOST_WAIT_NS), [0; 0]);
        assert_eq!(due(MOST_WAIT_NS + 5), [1, 2, 4]);
        assert_eq!(due(i64::MAX), [5, 7, 8]);
        assert_eq!(due(i64::MAX), [0; 0]);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut ahead = Ahead::new();
        for number in 0..6000 {
            ahead.push(waiting(number, 0));
            let given_way = ahead.is_due(0).then(|| ahead.pop_due(0).unwrap().endpoints.source_port);
            assert_eq!(given_way, number.checked_sub(MOST_WAITING as u16));
        }
        assert_eq!(ahead.take_if(|_| true).len(), MOST_WAITING);
    }
}

//! Datagrams ahead of their signalling: another capture thread has read that, and it is heard of a little later. They wait for
//! so long.

use std::collections::VecDeque;

use super::held::{Place, Ring};
use crate::call::Media;
use crate::rtp::candidates::Endpoints;

/// Longest wait, nanoseconds of packet time: what is told is heard within some milliseconds, or some tens under load.
const MOST_WAIT_NS: i64 = 200_000_000;
/// Datagrams that wait, at most: the oldest give way.
const MOST_WAITING: usize = 2048;
/// Bytes of them, at most: the oldest are lost. A ring of their own, since other traffic on any port may look like media.
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
    /// A call had them, and has it unless there is a newer one.
    ForNewer(Place, Media),
    /// In the [probation](super::probation) of its stream, too.
    OnProbation,
}

/// Those that wait, in the order of their arrival.
pub(super) struct Ahead {
    waiting: VecDeque<Waiting>,
    pub(super) ring: Ring,
}

impl Ahead {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), ring: Ring::new(MOST_BYTES) }
    }

    /// Whether a datagram may be of a call that is not known yet: what goes to the ports of media (RFC 7983), but for QUIC.
    pub(super) fn may_be_media(payload: &[u8], endpoints: &Endpoints) -> bool {
        matches!(payload.first(), Some(0..=3 | 16..=63 | 128..=191))
            && endpoints.source_port >= LEAST_PORT
            && endpoints.destination_port >= LEAST_PORT
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds one.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Whether the oldest has waited for too long, or has to give way.
    #[inline]
    pub(super) fn is_due(&self, now_ns: i64) -> bool {
        let before_ns = now_ns.saturating_sub(MOST_WAIT_NS);
        let is_full = self.waiting.len() > MOST_WAITING;
        self.waiting.front().is_some_and(|waiting| is_full || waiting.timestamp_ns < before_ns)
    }

    /// Takes out the oldest.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Takes out those that `is_known` says are known now.
    pub(super) fn take_if(&mut self, mut is_known: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
        let mut taken = Vec::new();
        self.waiting.retain(|waiting| {
            let is_known = is_known(waiting);
            if is_known {
                taken.push(*waiting);
            }
            !is_known
        });
        taken
    }
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
        let mut due =
            |now_ns| ports(std::iter::from_fn(|| ahead.is_due(now_ns).then(|| ahead.pop())?).collect());
        assert_eq!(due(MOST_WAIT_NS), [0; 0]);
        assert_eq!(due(MOST_WAIT_NS + 5), [1, 2, 4]);
        assert_eq!(due(i64::MAX), [5, 7, 8]);
        assert_eq!(due(i64::MAX), [0; 0]);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut ahead = Ahead::new();
        for number in 0..3000 {
            ahead.push(waiting(number, 0));
            let given_way = ahead.is_due(0).then(|| ahead.pop().unwrap().endpoints.source_port);
            assert_eq!(given_way, number.checked_sub(MOST_WAITING as u16));
        }
        assert_eq!(ahead.take_if(|_| true).len(), MOST_WAITING);
    }
}

//! Datagrams ahead of their signalling: another capture thread has read that, and it is heard of a little later. They wait for
//! so long.

use std::collections::VecDeque;

use super::held::Place;
use crate::rtp::candidates::Endpoints;

/// Longest wait, nanoseconds of packet time: what is told is heard within some milliseconds, or some tens under load.
const MOST_WAIT_NS: i64 = 500_000_000;
/// Datagrams that wait, at most: the oldest give way.
const MOST_WAITING: usize = 2048;

/// A datagram that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) endpoints: Endpoints,
    pub(super) timestamp_ns: i64,
    /// Where it lies; none where it waits in the [probation](super::probation) of its stream, too.
    pub(super) place: Option<Place>,
}

/// Those that wait, in the order of their arrival.
#[derive(Default)]
pub(super) struct Ahead {
    waiting: VecDeque<Waiting>,
}

impl Ahead {
    /// Whether a payload may be of a call that is not known yet: what goes to the ports of media (RFC 7983), but for QUIC.
    pub(super) fn may_be_media(payload: &[u8]) -> bool {
        matches!(payload.first(), Some(0..=3 | 16..=63 | 128..=191))
    }

    /// Adds one; how many packets are given up for it.
    pub(super) fn wait(&mut self, waiting: Waiting) -> u64 {
        let mut given_up = self.give_up(waiting.timestamp_ns);
        if self.waiting.len() >= MOST_WAITING {
            given_up += self.waiting.pop_front().map_or(0, |oldest| u64::from(oldest.place.is_some()));
        }
        self.waiting.push_back(waiting);
        given_up
    }

    /// Gives up those that have waited for too long; how many packets, but for those that wait elsewhere, too.
    pub(super) fn give_up(&mut self, now_ns: i64) -> u64 {
        let before_ns = now_ns.saturating_sub(MOST_WAIT_NS);
        let mut given_up = 0;
        while let Some(oldest) = self.waiting.pop_front_if(|waiting| waiting.timestamp_ns < before_ns) {
            given_up += u64::from(oldest.place.is_some());
        }
        given_up
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

    fn waiting(number: u16, timestamp_ns: i64, place: Option<Place>) -> Waiting {
        let endpoints = Endpoints {
            source: Address::v4([10, 0, 0, 1]),
            source_port: number,
            destination: Address::v4([10, 0, 0, 2]),
            destination_port: 4000,
            scope: 0,
        };
        Waiting { endpoints, timestamp_ns, place }
    }

    #[test]
    fn each_is_taken_or_given_up_once() {
        let mut ahead = Ahead::default();
        for number in 0..10u16 {
            let place = (number % 2 == 0).then_some(Place::from(number) + 1);
            assert_eq!(ahead.wait(waiting(number, i64::from(number), place)), 0);
        }
        let taken = ahead.take_if(|one| one.endpoints.source_port < 4);
        assert_eq!(taken.iter().map(|one| one.place).collect::<Vec<_>>(), [Some(1), None, Some(3), None]);
        assert_eq!(ahead.give_up(MOST_WAIT_NS + 5), 1, "the fifth, and not the sixth, which lies elsewhere");
        assert_eq!(ahead.give_up(i64::MAX), 2);
        assert_eq!(ahead.give_up(i64::MAX), 0);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut ahead = Ahead::default();
        let given_up: u64 = (0..3000).map(|number| ahead.wait(waiting(number, 0, Some(number.into())))).sum();
        assert_eq!(given_up, 3000 - MOST_WAITING as u64);
        assert_eq!(ahead.take_if(|_| true).len(), MOST_WAITING);
    }
}

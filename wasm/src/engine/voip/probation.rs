//! The first packets of media without signalling: they wait until a source between the same ends has shown that it is one.

use std::hash::Hasher;

use super::held::Place;
use crate::bounded::{BoundedMap, MixHasher};
use crate::rtp::candidates::Endpoints;

/// Packets between two ends that wait, at most: those of both directions, and of a few sources in each.
const MOST_WAITING: usize = 16;

#[derive(Clone, Copy, Default)]
struct Waiting {
    places: [Option<Place>; MOST_WAITING],
}

/// Where the packets of sources on probation lie; of more pairs of ends than there is room for, those heard longest ago are
/// forgotten.
pub(super) struct Probation {
    ends: BoundedMap<u64, Waiting>,
}

impl Probation {
    pub(super) fn new(capacity: usize) -> Self {
        Self { ends: BoundedMap::new(capacity) }
    }

    /// Adds a packet. How many packets wait no longer: the oldest where too many do, those of ends that were forgotten, this
    /// one if it lies nowhere.
    pub(super) fn wait(&mut self, endpoints: &Endpoints, place: Option<Place>) -> u64 {
        let Some(place) = place else { return 1 };
        let mut forgotten = 0;
        let waiting = self.ends.touch_or_insert_with(key(endpoints), |evicted| {
            forgotten = evicted.map_or(0, |waiting| waiting.places.iter().flatten().count());
            Waiting::default()
        });
        let [first, ..] = waiting.places;
        waiting.places.rotate_left(1);
        if let Some(last) = waiting.places.last_mut() {
            *last = Some(place);
        }
        (forgotten + usize::from(first.is_some())) as u64
    }

    /// The packets between two ends, which wait no longer, oldest first.
    pub(super) fn end(&mut self, endpoints: &Endpoints) -> impl Iterator<Item = Place> + use<> {
        self.ends.remove(&key(endpoints)).unwrap_or_default().places.into_iter().flatten()
    }

    /// Nothing waits any more; how many packets did.
    pub(super) fn finish(&mut self) -> u64 {
        let mut count = 0;
        while let Some((_, waiting)) = self.ends.pop_oldest_if(|_, _| true) {
            count += waiting.places.iter().flatten().count() as u64;
        }
        count
    }
}

/// A number for two ends, the same in both directions.
fn key(endpoints: &Endpoints) -> u64 {
    let source = (endpoints.source.bits(), endpoints.source_port);
    let destination = (endpoints.destination.bits(), endpoints.destination_port);
    let mut hasher = MixHasher::with_seed(6);
    for (address, port) in [source.min(destination), source.max(destination)] {
        hasher.write_u128(address);
        hasher.write_u16(port);
    }
    hasher.write_u32(endpoints.scope);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Address;

    #[test]
    fn each_packet_is_given_back_or_given_up() {
        let ends = |number: u8| Endpoints {
            source: Address::v4([10, 0, 0, number]),
            source_port: 4000,
            destination: Address::v4([10, 0, 1, 1]),
            destination_port: 5000,
            scope: 0,
        };
        let back = |number: u8| {
            let Endpoints { source, source_port, destination, destination_port, scope } = ends(number);
            Endpoints {
                source: destination,
                source_port: destination_port,
                destination: source,
                destination_port: source_port,
                scope,
            }
        };
        let mut probation = Probation::new(2);
        assert_eq!(probation.wait(&ends(1), None), 1);
        for place in 0..MOST_WAITING as Place + 1 {
            let endpoints = if place % 2 == 0 { ends(1) } else { back(1) };
            assert_eq!(probation.wait(&endpoints, Some(place)), u64::from(place == MOST_WAITING as Place));
        }
        assert_eq!(probation.wait(&ends(2), Some(50)), 0);
        assert_eq!(
            probation.end(&back(1)).collect::<Vec<_>>(),
            (1..=MOST_WAITING as Place).collect::<Vec<_>>()
        );
        assert_eq!(probation.end(&ends(1)).count(), 0);
        assert_eq!(probation.wait(&ends(3), Some(60)), 0);
        assert_eq!(probation.wait(&ends(4), Some(70)), 1, "those of the second are forgotten");
        assert_eq!(probation.finish(), 2);
        assert_eq!(probation.finish(), 0);
    }
}

//! The first packets of media without signalling: they wait until their source has shown that it is one.

use std::hash::Hasher;

use super::held::Place;
use crate::bounded::{BoundedMap, MixHasher};
use crate::rtp::candidates::{Endpoints, MIN_SEQUENTIAL};

/// Packets of one source that wait, at most: those before the one that makes it accepted.
const MOST_WAITING: usize = MIN_SEQUENTIAL as usize - 1;

#[derive(Clone, Copy, Default)]
struct Waiting {
    places: [Option<Place>; MOST_WAITING],
}

/// Where the packets of sources on probation lie; of more sources than there is room for, those heard longest ago are
/// forgotten.
pub(super) struct Probation {
    sources: BoundedMap<u64, Waiting>,
}

impl Probation {
    pub(super) fn new(capacity: usize) -> Self {
        Self { sources: BoundedMap::new(capacity) }
    }

    /// Adds a packet of a source. How many packets wait no longer: the oldest of a source that has too many, those of a
    /// source that was forgotten, this one if it lies nowhere.
    pub(super) fn wait(&mut self, endpoints: &Endpoints, payload: &[u8], place: Option<Place>) -> u64 {
        let Some(place) = place else { return 1 };
        let mut forgotten = 0;
        let waiting = self.sources.touch_or_insert_with(key(endpoints, payload), |evicted| {
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

    /// The packets of a source that waits no longer, oldest first.
    pub(super) fn end(
        &mut self,
        endpoints: &Endpoints,
        payload: &[u8],
    ) -> impl Iterator<Item = Place> + use<> {
        self.sources.remove(&key(endpoints, payload)).unwrap_or_default().places.into_iter().flatten()
    }

    /// Nothing waits any more; how many packets did.
    pub(super) fn finish(&mut self) -> u64 {
        let mut count = 0;
        while let Some((_, waiting)) = self.sources.pop_oldest_if(|_, _| true) {
            count += waiting.places.iter().flatten().count() as u64;
        }
        count
    }
}

/// A number for a source, told by its addresses and its identifier.
fn key(endpoints: &Endpoints, payload: &[u8]) -> u64 {
    let mut hasher = MixHasher::with_seed(6);
    hasher.write_u128(endpoints.source.bits());
    hasher.write_u128(endpoints.destination.bits());
    hasher.write_u32(u32::from(endpoints.source_port) << 16 | u32::from(endpoints.destination_port));
    hasher.write(payload.get(8..12).unwrap_or_default());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Address;

    #[test]
    fn each_packet_is_given_back_or_given_up() {
        let source = |number: u8| Endpoints {
            source: Address::v4([10, 0, 0, number]),
            source_port: 4000,
            destination: Address::v4([10, 0, 1, 1]),
            destination_port: 5000,
        };
        let payload = [0x80; 16];
        let mut probation = Probation::new(2);
        assert_eq!(probation.wait(&source(1), &payload, None), 1);
        for (place, given_up) in [(1, 0), (2, 0), (3, 0), (4, 1)] {
            assert_eq!(probation.wait(&source(1), &payload, Some(place)), given_up);
        }
        assert_eq!(probation.wait(&source(2), &payload, Some(5)), 0);
        assert_eq!(probation.end(&source(1), &payload).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(probation.end(&source(1), &payload).count(), 0);
        assert_eq!(probation.wait(&source(3), &payload, Some(6)), 0);
        assert_eq!(probation.wait(&source(4), &payload, Some(7)), 1, "source 2 is forgotten");
        assert_eq!(probation.finish(), 2);
        assert_eq!(probation.finish(), 0);
    }
}

//! Packets of calls of which no filter has decided yet: they wait in two rings, one for signalling and one for media,
//! since media would crowd signalling out. What is overwritten is lost to its call, which counts it.

use crate::bounded::BoundedMap;
use crate::net::{Packet, Tunnels};

/// Where a packet lies in its ring. Never used again for another packet.
pub(super) type Place = u64;

/// Packets of one call that wait for a decision, at most, of signalling and of media each.
pub(super) const MOST_HELD: usize = 200;
/// Room for the places of so many of them is taken at first.
const PLACES: usize = 8;
/// Bytes in front of each frame.
const HEADER: usize = 8 + 5 * 4;

/// A packet that waits, with what is needed to go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct HeldPacket<'a> {
    pub(in crate::engine) timestamp_ns: i64,
    pub(in crate::engine) link_type: u32,
    pub(in crate::engine) original_length: u32,
    /// Numbers of the input, and of the interface in it.
    pub(in crate::engine) input: u32,
    pub(in crate::engine) interface: u32,
    pub(in crate::engine) frame: &'a [u8],
}

/// Memory that a ring takes at a time, bytes: room for any packet.
const CHUNK: usize = 1 << 19;
/// Packets of a ring whose tunnels are remembered, at most.
const MOST_TUNNELLED: usize = 4096;

/// A ring of packets of all calls, in the order of their arrival. Its memory grows with use up to the bound, in chunks, so
/// that nothing is moved.
pub(super) struct Ring {
    chunks: Vec<Vec<u8>>,
    capacity: usize,
    chunk: usize,
    /// Place of the oldest packet that is whole, and of the next one.
    start: Place,
    end: Place,
    /// Tunnels of packets whose frames do not show them.
    tunnels: BoundedMap<Place, Tunnels>,
}

impl Default for Ring {
    /// A ring without room.
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            capacity: 0,
            chunk: 0,
            start: 0,
            end: 0,
            tunnels: BoundedMap::new(MOST_TUNNELLED),
        }
    }
}

impl Ring {
    /// A ring of `capacity` bytes, a power of two.
    pub(super) fn new(capacity: usize) -> Self {
        Self::of_chunks(capacity, capacity.min(CHUNK))
    }

    fn of_chunks(capacity: usize, chunk: usize) -> Self {
        debug_assert!(capacity.is_power_of_two() && chunk.is_power_of_two() && chunk <= capacity);
        // No packet lies at 0.
        let (start, end) = (capacity as u64, capacity as u64);
        Self { capacity, chunk, start, end, ..Self::default() }
    }

    /// Copies a packet into the ring, over the oldest ones where there is no other room. None where it is longer than a
    /// chunk.
    pub(super) fn put(&mut self, packet: &HeldPacket) -> Option<Place> {
        let length = HEADER + packet.frame.len();
        if length > self.chunk {
            return None;
        }
        let (_, at) = self.position(self.end);
        if at + length > self.chunk {
            // A packet lies in one piece.
            self.end += (self.chunk - at) as u64;
        }
        let (number, at) = self.position(self.end);
        let place = self.end;
        self.end += length as u64;
        self.start = self.start.max(self.end.saturating_sub(self.capacity as u64));
        let mut header = [0; HEADER];
        let (time, numbers) = header.split_first_chunk_mut()?;
        *time = packet.timestamp_ns.to_le_bytes();
        let values = [
            packet.link_type,
            packet.original_length,
            packet.input,
            packet.interface,
            packet.frame.len() as u32,
        ];
        for (number, value) in numbers.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *number = value.to_le_bytes();
        }
        if number == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(self.chunk));
        }
        let bytes = self.chunks.get_mut(number)?;
        if at == bytes.len() {
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(packet.frame);
            return Some(place);
        }
        // Over older ones; the last of the first round may have been shorter.
        if bytes.len() < at + length {
            bytes.resize(at + length, 0);
        }
        let (front, frame) = bytes.get_mut(at..at + length)?.split_first_chunk_mut()?;
        *front = header;
        frame.copy_from_slice(packet.frame);
        Some(place)
    }

    /// Copies a packet into the ring, and notes its place, unless it is too many of its call: then it is `homeless`.
    #[inline]
    pub(super) fn hold(
        &mut self,
        places: &mut Vec<Place>,
        homeless: &mut u64,
        packet: &HeldPacket,
    ) -> Option<Place> {
        let place = if places.len() < MOST_HELD { self.put(packet) } else { None };
        match place {
            Some(place) => {
                if places.len() == places.capacity() {
                    places.reserve_exact(places.len().max(PLACES));
                }
                places.push(place);
            }
            None => *homeless += 1,
        }
        place
    }

    /// The packet at a place, unless it was overwritten.
    pub(super) fn get(&self, place: Place) -> Option<HeldPacket<'_>> {
        if place < self.start || place >= self.end {
            return None;
        }
        let (number, at) = self.position(place);
        let (header, rest) = self.chunks.get(number)?.get(at..)?.split_at_checked(HEADER)?;
        let (time, numbers) = header.split_first_chunk()?;
        let mut values = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number));
        Some(HeldPacket {
            timestamp_ns: i64::from_le_bytes(*time),
            link_type: values.next()?,
            original_length: values.next()?,
            input: values.next()?,
            interface: values.next()?,
            frame: rest.get(..values.next()? as usize)?,
        })
    }

    /// Remembers the tunnels of the packet at a place, where its frame does not show them.
    #[inline]
    pub(super) fn keep_tunnels(&mut self, place: Option<Place>, packet: &Packet) {
        if let (Some(place), Some(tunnels)) = (place, packet.inherited_tunnels()) {
            self.tunnels.insert(place, tunnels);
        }
    }

    /// The packet at a place, unless it was overwritten, and its tunnels where its frame does not show them.
    pub(super) fn get_with_tunnels(&self, place: Place) -> Option<(HeldPacket<'_>, Option<Tunnels>)> {
        let tunnels = if self.tunnels.is_empty() { None } else { self.tunnels.get(&place).copied() };
        Some((self.get(place)?, tunnels))
    }

    /// Number of the chunk, and where in it.
    #[inline]
    fn position(&self, place: Place) -> (usize, usize) {
        let at = place as usize & self.capacity.wrapping_sub(1);
        (at >> self.chunk.trailing_zeros().min(usize::BITS - 1), at & self.chunk.wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u32, frame: &[u8]) -> HeldPacket<'_> {
        HeldPacket {
            timestamp_ns: -5 - i64::from(number),
            link_type: 1,
            original_length: number,
            input: 2,
            interface: 3,
            frame,
        }
    }

    #[test]
    fn the_newest_packets_are_held_whole() {
        for (capacity, chunk) in [(128, 128), (1024, 1024), (4096, 4096), (4096, 256), (1024, 128)] {
            let mut ring = Ring::of_chunks(capacity, chunk);
            let frames: Vec<Vec<u8>> = (0..500).map(|n| vec![n as u8; n * 7 % 41]).collect();
            let mut places = Vec::new();
            for (number, frame) in frames.iter().enumerate() {
                places.push(ring.put(&packet(number as u32, frame)).unwrap());
                let mut held = 0;
                let mut lost = false;
                for (other, place) in places.iter().enumerate().rev() {
                    match ring.get(*place) {
                        Some(found) => {
                            assert!(!lost, "older than one that is lost");
                            assert_eq!(found, packet(other as u32, &frames[other]));
                            held += HEADER + found.frame.len();
                        }
                        None => lost = true,
                    }
                }
                assert!(held > 0 && held <= capacity);
                assert!(ring.chunks.iter().map(Vec::len).sum::<usize>() <= capacity);
                // No more is given up than is needed.
                let most_unused = (capacity / chunk + 1) * (HEADER + 41);
                assert!(!lost || held + most_unused > capacity, "{held} of {capacity}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let mut ring = Ring::new(128);
        assert_eq!(ring.get(0), None);
        assert_eq!(ring.get(128), None);
        assert_eq!(ring.put(&packet(1, &[0; 129])), None);
        assert_eq!(Ring::default().put(&packet(1, &[])), None);
    }
}

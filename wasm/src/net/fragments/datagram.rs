//! One datagram in the making: the whole frames of its fragments, and which bytes they cover.

use std::hash::{Hash, Hasher};

use super::fragment_header::{FragmentHeader, Key};
use crate::bounded::MixHasher;
use crate::net::rewrite::{self, Layers};

/// Buffers larger than this many bytes are not kept for the next datagram.
const MOST_KEPT_BYTES: usize = 128 * 1024;

/// How a captured frame came in; kept for the case that it goes out again.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) layers: Layers,
    pub(super) original_length: u32,
    pub(super) timestamp_ns: i64,
    pub(super) tag: u64,
}

/// Place of a fragment's data in the datagram, bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Extent {
    offset: u16,
    length: u16,
}

/// One held frame.
#[derive(Clone, Copy)]
pub(super) struct HeldFrame {
    pub(super) arrival: Arrival,
    start: u32,
    length: u32,
    payload_at: u32,
    next_header: Option<(usize, u8)>,
    more: bool,
}

/// What a fragment is to the ones that are held already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It covers bytes that none of them covers.
    Apart,
    /// It covers some of their bytes.
    Overlapping,
    /// The same place and the same bytes are held.
    Duplicate,
    /// It disagrees about where the datagram ends.
    Contradiction,
}

/// The fragments of one datagram, in the order of their arrival.
#[derive(Default)]
pub(super) struct Datagram {
    /// Time of the first fragment, nanoseconds.
    pub(super) first_ns: i64,
    /// Whether every fragment so far is the copy of one of a datagram that was rebuilt.
    pub(super) copies_only: bool,
    frames: Vec<u8>,
    held: Vec<HeldFrame>,
    /// The places of the held fragments, apart from them since they are searched.
    extents: Vec<Extent>,
    /// What is covered: start and end of runs that neither touch nor overlap, ascending.
    covered: Vec<(u32, u32)>,
    end: Option<u32>,
    highest: u32,
    overlapped: bool,
}

impl Datagram {
    /// Memory that holding a frame takes beside its bytes.
    pub(super) const OVERHEAD: usize = size_of::<HeldFrame>() + size_of::<Extent>();

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes that the datagram counts against the bound.
    pub(super) fn cost(&self) -> usize {
        self.frames.len() + self.held.len() * Self::OVERHEAD
    }

    pub(super) fn fit(&self, fragment: &FragmentHeader, frame: &[u8]) -> Fit {
        let (start, end) = (fragment.offset as u32, (fragment.offset + fragment.length) as u32);
        let overlaps = self.runs_from(start + 1).first().is_some_and(|(run_start, _)| *run_start < end);
        // Once copies differ, the order in which they arrive matters, so none is ignored any more.
        if overlaps && !self.overlapped && self.holds(fragment, frame) {
            return Fit::Duplicate;
        }
        let contradicts = match self.end {
            Some(known) => end > known || (!fragment.more && end != known),
            None => !fragment.more && end < self.highest,
        };
        match (contradicts, overlaps) {
            (true, _) => Fit::Contradiction,
            (_, true) => Fit::Overlapping,
            _ => Fit::Apart,
        }
    }

    /// The covered runs that end at `start` or later.
    fn runs_from(&self, start: u32) -> &[(u32, u32)] {
        self.covered.get(self.covered.partition_point(|(_, end)| *end < start)..).unwrap_or_default()
    }

    fn holds(&self, fragment: &FragmentHeader, frame: &[u8]) -> bool {
        let extent = Extent { offset: fragment.offset as u16, length: fragment.length as u16 };
        self.extents.iter().zip(&self.held).any(|(held_extent, held)| {
            *held_extent == extent
                && held.more == fragment.more
                && self.payload(held, extent) == fragment.payload(frame)
        })
    }

    fn frame(&self, held: &HeldFrame) -> &[u8] {
        self.frames.get(held.start as usize..(held.start + held.length) as usize).unwrap_or_default()
    }

    fn payload(&self, held: &HeldFrame, extent: Extent) -> &[u8] {
        let start = held.payload_at as usize;
        self.frame(held).get(start..start + usize::from(extent.length)).unwrap_or_default()
    }

    /// Holds a frame. Whether it covers bytes that were covered already.
    pub(super) fn hold(&mut self, fragment: &FragmentHeader, frame: &[u8], arrival: Arrival) -> bool {
        let (start, end) = (fragment.offset as u32, (fragment.offset + fragment.length) as u32);
        self.held.push(HeldFrame {
            arrival,
            start: self.frames.len() as u32,
            length: frame.len() as u32,
            payload_at: fragment.payload_at as u32,
            next_header: fragment.next_header,
            more: fragment.more,
        });
        self.extents.push(Extent { offset: fragment.offset as u16, length: fragment.length as u16 });
        self.frames.extend_from_slice(frame);
        self.highest = self.highest.max(end);
        if !fragment.more {
            self.end = Some(end);
        }
        let overlaps = self.cover(start, end);
        self.overlapped |= overlaps;
        overlaps
    }

    /// Adds a run to what is covered, joined with the runs that it touches. Whether it overlaps any.
    fn cover(&mut self, start: u32, end: u32) -> bool {
        let first = self.covered.partition_point(|(_, run_end)| *run_end < start);
        let behind = self.covered.partition_point(|(run_start, _)| *run_start <= end);
        let Some(&[(first_start, first_end), ..]) = self.covered.get(first..behind) else {
            self.covered.insert(first, (start, end));
            return false;
        };
        let (last_start, last_end) =
            self.covered.get(behind - 1).copied().unwrap_or((first_start, first_end));
        if let Some(run) = self.covered.get_mut(first) {
            *run = (first_start.min(start), last_end.max(end));
        }
        self.covered.drain(first + 1..behind);
        // With three or more runs, one lies wholly inside.
        behind - first > 2
            || (first_end > start && first_start < end)
            || (last_end > start && last_start < end)
    }

    /// Whether all bytes up to the end are there.
    pub(super) fn is_whole(&self) -> bool {
        self.end.is_some_and(|end| self.covered.as_slice() == [(0, end)])
    }

    /// Puts the whole datagram into `out` as one frame with the link layer and the headers of its first fragment, where
    /// copies overlap the bytes that came last. The link type, or `None` where the packet is too long.
    pub(super) fn rebuild(&self, out: &mut Vec<u8>) -> Option<u32> {
        let end = self.end? as usize;
        let first = self.extents.iter().rposition(|extent| extent.offset == 0)?;
        let held = self.held.get(first)?;
        let frame = self.frame(held);
        let network_offset = held.arrival.layers.network_offset as usize;
        let headers_end =
            (held.payload_at as usize).checked_sub(if held.next_header.is_some() { 8 } else { 0 })?;
        let headers = frame.get(network_offset..headers_end)?;
        let ip_length = headers.len() + end;
        let link_type = rewrite::write_link_layer(frame, held.arrival.layers, ip_length, out)?;
        let ip_start = out.len();
        out.extend_from_slice(headers);
        match held.next_header {
            Some((named_at, header)) => {
                *out.get_mut((named_at + ip_start).checked_sub(network_offset)?)? = header
            }
            // Flags and fragment offset.
            None => out.get_mut(ip_start + 6..ip_start + 8)?.fill(0),
        }
        if !rewrite::set_ip_length(out.get_mut(ip_start..)?, ip_length) {
            return None;
        }
        let data_start = out.len();
        out.resize(data_start + end, 0);
        for (held, extent) in self.held.iter().zip(&self.extents) {
            let payload = self.payload(held, *extent);
            let start = data_start + usize::from(extent.offset);
            out.get_mut(start..start + payload.len())?.copy_from_slice(payload);
        }
        Some(link_type)
    }

    /// Digests of all fragments, see [`digest`].
    pub(super) fn digests(&self, key: Key) -> impl Iterator<Item = u64> {
        self.held.iter().zip(&self.extents).map(move |(held, extent)| {
            digest(key, extent.offset.into(), held.more, self.payload(held, *extent))
        })
    }

    /// The frame that goes out at `turn` when the datagram is given up: the first fragment before the others.
    pub(super) fn released(&self, turn: usize) -> Option<(&[u8], &Arrival)> {
        let first = self.extents.iter().position(|extent| extent.offset == 0);
        let index = match first {
            Some(first) if turn == 0 => first,
            Some(first) if turn <= first => turn - 1,
            _ => turn,
        };
        self.held.get(index).map(|held| (self.frame(held), &held.arrival))
    }

    /// Empties the datagram for the next one; `None` where its buffers are too large to be kept.
    pub(super) fn recycled(mut self) -> Option<Self> {
        let room =
            self.frames.capacity() + self.held.capacity() * Self::OVERHEAD + self.covered.capacity() * 8;
        self.frames.clear();
        self.held.clear();
        self.extents.clear();
        self.covered.clear();
        (room <= MOST_KEPT_BYTES).then(|| Self {
            frames: self.frames,
            held: self.held,
            extents: self.extents,
            covered: self.covered,
            ..Self::default()
        })
    }
}

/// Tells fragments apart by datagram, place and content. Four lanes, since one waits for each multiplication.
pub(super) fn digest(key: Key, offset: u32, more: bool, payload: &[u8]) -> u64 {
    let mut lanes = [1, 2, 3, 4_u64];
    let (blocks, rest) = payload.as_chunks::<32>();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
    }
    let mut hasher = MixHasher::default();
    key.hash(&mut hasher);
    hasher.write_u32((offset << 1) | u32::from(more));
    for lane in lanes {
        hasher.write_u64(lane);
    }
    hasher.write(rest);
    hasher.finish()
}

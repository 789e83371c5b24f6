//! Streams that no signalling announced: told from other UDP by a probation (RFC 3550 appendix A.1).
//!
//! A header that is possible says little: one in ten random payloads has one. A source of a flow is accepted after
//! [`MIN_SEQUENTIAL`] packets in sequence with one payload type, whose timestamps move on as a clock does. Most other
//! protocols are told by their first bytes alone and leave no trace in the table: STUN, DTLS, TURN channels, ZRTP and
//! QUIC's short headers (RFC 7983, RFC 9443), DNS responses, TFTP, uTP, OpenVPN.

use super::codec::static_format;
use super::packet::Header;
use super::quality::StreamQuality;
use crate::bounded::BoundedMap;
use crate::net::Address;

/// Packets in sequence that make a source accepted. RFC 3550 asks for two where a session was agreed on; here nothing
/// was.
pub const MIN_SEQUENTIAL: u8 = 4;
/// Least length of a packet in bytes: what is shorter (comfort noise) says too little.
const LEAST_PACKET: usize = 16;
/// Ports below this one are of services, not of media.
const LEAST_PORT: u16 = 1024;
/// Greatest step of the timestamp between two packets in sequence, in ticks: some seconds of any clock.
const MOST_STEP: u32 = 1 << 19;

/// Where a packet came from and went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Source address.
    pub source: Address,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: Address,
    /// Destination port.
    pub destination_port: u16,
    /// A number for the network that they are in, where the same addresses may be those of other hosts.
    pub scope: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: u128,
    destination: u128,
    ports: u32,
    ssrc: u32,
    scope: u32,
    version: u8,
}

impl Key {
    fn new(endpoints: &Endpoints, ssrc: u32) -> Self {
        Self {
            source: endpoints.source.bits(),
            destination: endpoints.destination.bits(),
            ports: u32::from(endpoints.source_port) << 16 | u32::from(endpoints.destination_port),
            ssrc,
            scope: endpoints.scope,
            version: endpoints.source.version(),
        }
    }
}

/// A source on probation.
#[derive(Clone, Copy, Default)]
struct Candidate {
    /// The packets of the run.
    quality: StreamQuality,
    timestamp: u32,
    sequence: u16,
    payload_type: u8,
    in_sequence: u8,
    /// Whether the timestamp has moved within the run.
    has_moved: bool,
}

impl Candidate {
    fn repeats(&self, header: &Header) -> bool {
        self.in_sequence != 0 && header.sequence == self.sequence && header.timestamp == self.timestamp
    }

    fn follows(&self, header: &Header) -> bool {
        header.sequence == self.sequence.wrapping_add(1)
            && header.payload_type == self.payload_type
            && header.timestamp.wrapping_sub(self.timestamp) <= MOST_STEP
    }
}

/// What a payload is by all that was seen.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// No RTP.
    No,
    /// Perhaps RTP: the source is on probation.
    Probation,
    /// RTP: with the figures of its stream since the probation began. It is no candidate any more; were it shown again, its
    /// probation would begin anew.
    Accepted(Header, StreamQuality),
}

/// Sources on probation: the one heard longest ago is forgotten when there are too many.
pub struct Candidates {
    table: BoundedMap<Key, Candidate>,
}

impl Candidates {
    /// A table for at most `capacity` sources, at least one. Allocates as it fills, at most about 250 bytes for each.
    pub fn new(capacity: usize) -> Self {
        Self { table: BoundedMap::new(capacity) }
    }

    /// Judges the payload of a UDP datagram that belongs to no known stream.
    #[inline]
    pub fn observe(&mut self, payload: &[u8], endpoints: &Endpoints, arrival_ns: i64) -> Verdict {
        match payload.first() {
            Some(0x80..=0xbf) => self.examine(payload, endpoints, arrival_ns),
            _ => Verdict::No,
        }
    }

    fn examine(&mut self, payload: &[u8], endpoints: &Endpoints, arrival_ns: i64) -> Verdict {
        let Some(header) = Header::parse(payload).filter(|header| is_plausible(header, payload, endpoints))
        else {
            return Verdict::No;
        };
        let key = Key::new(endpoints, header.ssrc);
        let candidate = self.table.touch_or_insert_with(key, |_| Candidate::default());
        if candidate.repeats(&header) {
            // Mirrored twice.
            return Verdict::Probation;
        }
        if candidate.in_sequence != 0 && candidate.follows(&header) {
            candidate.in_sequence = candidate.in_sequence.saturating_add(1);
            candidate.has_moved |= header.timestamp != candidate.timestamp;
        } else {
            *candidate =
                Candidate { in_sequence: 1, payload_type: header.payload_type, ..Candidate::default() };
        }
        candidate.sequence = header.sequence;
        candidate.timestamp = header.timestamp;
        let clock_rate = static_format(header.payload_type).map_or(0, |format| format.clock_rate);
        candidate.quality.update(&header, arrival_ns, clock_rate);
        if candidate.in_sequence < MIN_SEQUENTIAL || !candidate.has_moved {
            return Verdict::Probation;
        }
        match self.table.remove(&key) {
            Some(candidate) => Verdict::Accepted(header, candidate.quality),
            None => Verdict::Probation,
        }
    }

    /// Sources on probation.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Sources that were forgotten for want of room.
    pub fn evictions(&self) -> u64 {
        self.table.evictions()
    }
}

/// Whether a source may begin with such a packet: between ports of no service, with a payload type that RFC 3551 assigns
/// or leaves to signalling, and an identifier that is no filler.
fn is_plausible(header: &Header, payload: &[u8], endpoints: &Endpoints) -> bool {
    let type_is_used = header.payload_type >= 96 || static_format(header.payload_type).is_some();
    type_is_used
        && payload.len() >= LEAST_PACKET
        && header.payload_length != 0
        && header.padding_fits
        && !matches!(header.ssrc, 0 | u32::MAX)
        && endpoints.source_port >= LEAST_PORT
        && endpoints.destination_port >= LEAST_PORT
}

#[cfg(test)]
#[path = "tests/candidates.rs"]
mod tests;

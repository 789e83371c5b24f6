//! Capture records in: a reader for pcap and pcapng streams that are handed over in blocks of any size.
//!
//! The reader allocates nothing per record and never panics on hostile input. Its answers (records, counters, faults)
//! depend only on the stream, never on where it was cut into blocks.

mod fault;
mod pcap;
mod pcapng;
mod signature;
#[cfg(test)]
mod tests;
pub mod write;

pub use fault::{Fault, FaultKind, RecordStats};
pub use pcap::{PlainRecord, PlainRecords};
pub use signature::NotACapture;

use fault::Log;
use pcap::Pcap;
use pcapng::PcapNg;

/// Largest captured length, in bytes, that a record may announce: libpcap's `MAXIMUM_SNAPLEN`.
pub const MAXIMUM_SNAPLEN: u32 = 262_144;

/// One captured packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Capture time in nanoseconds since 1970-01-01 00:00:00 UTC. A pcapng simple packet has none of its own; it gets
    /// that of the record before it, or 0.
    pub timestamp_ns: i64,
    /// Length of the packet on the network in bytes; may exceed `data.len()` (snap length).
    pub original_length: u32,
    /// Link type: a LINKTYPE_ number as in the file.
    pub link_type: u32,
    /// Index of the pcapng interface description within the file, counted over all sections; 0 for pcap.
    pub interface: u32,
    /// The captured bytes, at most [`MAXIMUM_SNAPLEN`].
    pub data: &'a [u8],
}

/// What [`Reader::next`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// One captured packet.
    Record(Record<'a>),
    /// The rest of the block is too short to decide: call again with it in front of the bytes that follow.
    NeedMore,
    /// The stream is no capture; the value says why. Every further call answers the same.
    NotACapture(NotACapture),
    /// The stream has ended and everything in it was read.
    End,
}

/// Reads records from a pcap or pcapng stream; which of them, and the byte order, is found from the first bytes.
///
/// To read a stream of any content, the caller must be able to present 1 MiB of it at once.
#[derive(Debug, Default)]
pub struct Reader {
    format: Format,
    offset: u64,
    log: Log,
}

#[derive(Debug, Default)]
enum Format {
    #[default]
    Unknown,
    Pcap(Pcap),
    PcapNg(PcapNg),
    Refused(NotACapture),
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next record at `block[*position..]`; moves `*position` past what it consumed. `at_end` says that no bytes
    /// follow this block.
    #[inline]
    pub fn next<'a>(&mut self, block: &'a [u8], position: &mut usize, at_end: bool) -> Step<'a> {
        let start = (*position).min(block.len());
        let mut input =
            Input { block, position: start, origin: self.offset.wrapping_sub(start as u64), at_end };
        let step = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut input, &mut self.log),
            Format::PcapNg(pcapng) => pcapng.next(&mut input, &mut self.log),
            Format::Refused(why) => Step::NotACapture(*why),
            Format::Unknown => self.first(&mut input),
        };
        self.offset = self.offset.wrapping_add(input.position.saturating_sub(start) as u64);
        *position = input.position;
        step
    }

    /// The records at `block[position..]` as far as they can be read without looking twice; None where all need it. To be
    /// followed by [`took`](Self::took).
    #[inline]
    pub fn plain_records<'a>(&self, block: &'a [u8], position: usize) -> Option<PlainRecords<'a>> {
        match &self.format {
            Format::Pcap(pcap) => pcap.plain_records(block.get(position..)?),
            _ => None,
        }
    }

    /// Moves `*position` past the records that were taken from those of [`plain_records`](Self::plain_records).
    pub fn took(&mut self, records: &PlainRecords<'_>, block: &[u8], position: &mut usize) {
        if let Format::Pcap(pcap) = &mut self.format {
            pcap.took(records, &mut self.log);
        }
        let end = block.len().saturating_sub(records.rest().len());
        self.offset = self.offset.wrapping_add(end.saturating_sub(*position) as u64);
        *position = end;
    }

    /// Counters since the start of the stream.
    pub fn stats(&self) -> RecordStats {
        self.log.stats
    }

    /// The earliest fault not yet taken. Only the first fault of each kind is kept; the counters hold the others.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.log.take_fault()
    }

    /// Name of a pcapng interface (`if_name`), by [`Record::interface`]; known while its section is being read.
    pub fn interface_name(&self, interface: u32) -> Option<&str> {
        match &self.format {
            Format::PcapNg(pcapng) => pcapng.interface_name(interface),
            _ => None,
        }
    }

    #[cold]
    fn first<'a>(&mut self, input: &mut Input<'a>) -> Step<'a> {
        let rest = input.rest();
        let found = if let Some(header) = rest.first_chunk::<{ pcap::FILE_HEADER_LENGTH }>()
            && let Some(pcap) = Pcap::open(header)
        {
            input.position += pcap::FILE_HEADER_LENGTH;
            Ok(Format::Pcap(pcap))
        } else if let Some(pcapng) = PcapNg::open(rest) {
            Ok(Format::PcapNg(pcapng))
        } else if !input.at_end && rest.len() < pcap::FILE_HEADER_LENGTH {
            return Step::NeedMore;
        } else {
            Err(NotACapture::new(rest))
        };
        match found {
            Ok(format) => self.format = format,
            Err(why) => {
                self.format = Format::Refused(why);
                return Step::NotACapture(why);
            }
        }
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next(input, &mut self.log),
            Format::PcapNg(pcapng) => pcapng.next(input, &mut self.log),
            _ => Step::End,
        }
    }
}

/// The block at hand, and where in the stream it lies.
#[derive(Debug)]
struct Input<'a> {
    block: &'a [u8],
    position: usize,
    /// Stream offset of `block[0]`.
    origin: u64,
    at_end: bool,
}

impl<'a> Input<'a> {
    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.block.get(self.position..).unwrap_or_default()
    }

    /// Offset in the stream of the next unread byte.
    #[inline]
    fn offset(&self) -> u64 {
        self.origin.wrapping_add(self.position as u64)
    }

    /// Passes over `length` bytes, or what is left of the block.
    #[inline]
    fn advance(&mut self, length: usize) {
        self.position = self.position.saturating_add(length).min(self.block.len());
    }
}

/// Outcome of a search for the next place at which a damaged stream makes sense again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// A record or block starts this many bytes ahead.
    Found(usize),
    /// Nothing before that many bytes ahead; more bytes are needed to judge that place.
    Undecided(usize),
    /// Nothing up to the end of the stream.
    Nothing,
}

#[inline]
fn u16_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u16> {
    let field = *bytes.get(at..)?.first_chunk::<2>()?;
    Some(if big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) })
}

#[inline]
fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let field = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) })
}

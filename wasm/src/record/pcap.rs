//! The pcap savefile format (draft-ietf-opsawg-pcap), with micro- or nanoseconds, in both byte orders, and
//! Kuznetzov's variant with longer record headers.

use super::fault::{FaultKind, Log};
use super::{Input, MAXIMUM_SNAPLEN, Record, Search, Step, u32_at};

/// Bytes of the file header.
pub(super) const FILE_HEADER_LENGTH: usize = 24;

const MICROSECOND_MAGIC: u32 = 0xa1b2_c3d4;
const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const KUZNETZOV_MAGIC: u32 = 0xa1b2_cd34;

const RECORD_HEADER_LENGTH: usize = 16;
const KUZNETZOV_RECORD_HEADER_LENGTH: usize = 24;

// Bounds of a record that a search accepts; reading in sequence is bound by MAXIMUM_SNAPLEN alone.
const SEARCH_LEAST_SNAPLEN: u32 = 65_535;
const SEARCH_MOST_ORIGINAL: u32 = 1 << 20;
const SEARCH_MOST_SECONDS_APART: u32 = 86_400;

#[derive(Debug)]
pub(super) struct Pcap {
    big_endian: bool,
    nanoseconds: bool,
    record_header_length: usize,
    snap_length: u32,
    link_type: u32,
    /// Seconds of the last record handed out.
    last_seconds: Option<u32>,
    searching: bool,
}

/// The records at the front of a block, as long as there is nothing to be said about any of them. All that is needed
/// for them lies in here, so that a loop over them can keep it in registers.
#[derive(Debug)]
pub struct PlainRecords<'a> {
    rest: &'a [u8],
    /// Link type of all of them.
    pub link_type: u32,
    unit_ns: i64,
    most_captured: u32,
    taken: u64,
    last_seconds: Option<u32>,
}

/// A record whose captured bytes are no more than the packet had.
#[derive(Debug, Clone, Copy)]
pub struct PlainRecord<'a> {
    /// See [`Record::timestamp_ns`].
    pub timestamp_ns: i64,
    /// See [`Record::data`].
    pub data: &'a [u8],
    seconds: u32,
    after: &'a [u8],
}

impl<'a> PlainRecords<'a> {
    /// The next record; None if there is none, or if it has to be looked at twice.
    #[inline(always)]
    pub fn peek(&self) -> Option<PlainRecord<'a>> {
        // Two fields at a time: an access costs more than to take them apart.
        let (header, rest) = self.rest.split_first_chunk::<RECORD_HEADER_LENGTH>()?;
        let (time, lengths) = (u64_at(header, 0)?, u64_at(header, 8)?);
        let (captured, original) = (lengths as u32, (lengths >> 32) as u32);
        if captured > self.most_captured || captured > original {
            return None;
        }
        let (data, after) = rest.split_at_checked(captured as usize)?;
        let seconds = time as u32;
        let timestamp_ns = i64::from(seconds) * 1_000_000_000 + (time >> 32) as i64 * self.unit_ns;
        Some(PlainRecord { timestamp_ns, data, seconds, after })
    }

    /// Goes on behind `record`, the one that [`peek`](Self::peek) gave.
    #[inline(always)]
    pub fn take(&mut self, record: &PlainRecord<'a>) {
        self.rest = record.after;
        self.last_seconds = Some(record.seconds);
        self.taken += 1;
    }

    /// Records taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Bytes left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Pcap {
    /// Reads the file header; `None` if its magic is not pcap's.
    pub(super) fn open(header: &[u8; FILE_HEADER_LENGTH]) -> Option<Self> {
        let big_endian =
            matches!(u32_at(header, 0, true)?, MICROSECOND_MAGIC | NANOSECOND_MAGIC | KUZNETZOV_MAGIC);
        let (nanoseconds, record_header_length) = match u32_at(header, 0, big_endian)? {
            MICROSECOND_MAGIC => (false, RECORD_HEADER_LENGTH),
            NANOSECOND_MAGIC => (true, RECORD_HEADER_LENGTH),
            KUZNETZOV_MAGIC => (false, KUZNETZOV_RECORD_HEADER_LENGTH),
            _ => return None,
        };
        let snap_length = match u32_at(header, 16, big_endian)? {
            0 => MAXIMUM_SNAPLEN,
            stated => stated.min(MAXIMUM_SNAPLEN),
        };
        // The upper six bits are about the frame check sequence.
        let link_type = u32_at(header, 20, big_endian)? & 0x03ff_ffff;
        Some(Self {
            big_endian,
            nanoseconds,
            record_header_length,
            snap_length,
            link_type,
            last_seconds: None,
            searching: false,
        })
    }

    #[inline]
    pub(super) fn next<'a>(&mut self, input: &mut Input<'a>, log: &mut Log) -> Step<'a> {
        loop {
            if self.searching
                && let Some(step) = self.resynchronise(input, log)
            {
                return step;
            }
            let rest = input.rest();
            let Some(header) = self.header(rest) else {
                return self.short(input, None, log);
            };
            if header.captured > MAXIMUM_SNAPLEN {
                self.bad(input, header, log);
                continue;
            }
            let end = self.record_header_length + header.captured as usize;
            let Some(data) = rest.get(self.record_header_length..end) else {
                match self.short(input, Some(header), log) {
                    Step::End if self.searching => continue,
                    step => return step,
                }
            };
            if header.captured > self.snap_length {
                log.stats.over_snaplen += 1;
                let kind =
                    FaultKind::OverSnapLength { captured: header.captured, snap_length: self.snap_length };
                log.fault(input.offset(), kind);
            }
            input.position += end;
            log.stats.records += 1;
            self.last_seconds = Some(header.seconds);
            return Step::Record(Record {
                timestamp_ns: self.timestamp_ns(header),
                original_length: header.original,
                link_type: self.link_type,
                interface: 0,
                data,
            });
        }
    }

    /// The records of `bytes` that can be read without looking twice, for [`PlainRecords`]. None where all need it:
    /// not little-endian, or damaged.
    #[inline]
    pub(super) fn plain_records<'a>(&self, bytes: &'a [u8]) -> Option<PlainRecords<'a>> {
        let is_plain =
            !self.big_endian && !self.searching && self.record_header_length == RECORD_HEADER_LENGTH;
        is_plain.then_some(PlainRecords {
            rest: bytes,
            link_type: self.link_type,
            unit_ns: self.unit_ns(),
            most_captured: self.snap_length.min(MAXIMUM_SNAPLEN),
            taken: 0,
            last_seconds: None,
        })
    }

    /// Takes note of what was read of [`plain_records`](Self::plain_records).
    pub(super) fn took(&mut self, records: &PlainRecords<'_>, log: &mut Log) {
        log.stats.records += records.taken;
        self.last_seconds = records.last_seconds.or(self.last_seconds);
    }

    fn unit_ns(&self) -> i64 {
        if self.nanoseconds { 1 } else { 1000 }
    }

    #[inline]
    fn header(&self, bytes: &[u8]) -> Option<Header> {
        let fields = bytes.get(..self.record_header_length)?.first_chunk::<RECORD_HEADER_LENGTH>()?;
        Some(Header {
            seconds: u32_at(fields, 0, self.big_endian)?,
            fraction: u32_at(fields, 4, self.big_endian)?,
            captured: u32_at(fields, 8, self.big_endian)?,
            original: u32_at(fields, 12, self.big_endian)?,
        })
    }

    /// Cannot overflow: 2^32 s and 2^32 us together are less than 2^63 ns.
    #[inline]
    fn timestamp_ns(&self, header: Header) -> i64 {
        i64::from(header.seconds) * 1_000_000_000 + i64::from(header.fraction) * self.unit_ns()
    }

    /// The block ends within a record. `End` with `searching` set means that the length lied: further records follow.
    #[cold]
    fn short<'a>(&mut self, input: &mut Input<'a>, header: Option<Header>, log: &mut Log) -> Step<'a> {
        if !input.at_end {
            return Step::NeedMore;
        }
        let rest = input.rest();
        if rest.is_empty() {
            return Step::End;
        }
        // Without a record before it to tell what times are plausible, a record that is cut short is just that.
        if let Some(header) = header
            && self.last_seconds.is_some()
            && let Search::Found(_) = self.search(rest.get(1..).unwrap_or_default(), true)
        {
            self.bad(input, header, log);
            return Step::End;
        }
        let length = self.record_header_length as u64 + header.map_or(0, |header| u64::from(header.captured));
        log.stats.truncated_records += 1;
        log.fault(input.offset(), FaultKind::CutShort { announced: length, there: rest.len() as u64 });
        input.advance(rest.len());
        Step::End
    }

    #[cold]
    fn bad(&mut self, input: &mut Input<'_>, header: Header, log: &mut Log) {
        log.stats.bad_records += 1;
        log.fault(input.offset(), FaultKind::BadRecordLength { captured: header.captured });
        log.stats.skipped_bytes += 1;
        input.advance(1);
        self.searching = true;
    }

    /// Goes to the next plausible record; answers the step to return where there is none.
    #[cold]
    fn resynchronise<'a>(&mut self, input: &mut Input<'a>, log: &mut Log) -> Option<Step<'a>> {
        let rest = input.rest();
        let (skipped, step) = match self.search(rest, input.at_end) {
            Search::Found(ahead) => {
                self.searching = false;
                (ahead, None)
            }
            Search::Undecided(ahead) => (ahead, Some(Step::NeedMore)),
            Search::Nothing => (rest.len(), Some(Step::End)),
        };
        log.stats.skipped_bytes += skipped as u64;
        input.advance(skipped);
        step
    }

    /// Looks for a plausible record that another one, or the end of the stream, follows. Takes constant time per byte.
    fn search(&self, bytes: &[u8], at_end: bool) -> Search {
        for (ahead, here) in (0..bytes.len()).map(|ahead| (ahead, bytes.get(ahead..).unwrap_or_default())) {
            let Some(header) = self.header(here) else {
                return if at_end { Search::Nothing } else { Search::Undecided(ahead) };
            };
            if header.captured == 0 || !self.is_plausible(header, self.last_seconds) {
                continue;
            }
            let following = here.get(self.record_header_length + header.captured as usize..);
            match following.map(|following| (following, self.header(following))) {
                Some((_, Some(next))) if self.is_plausible(next, Some(header.seconds)) => {
                    return Search::Found(ahead);
                }
                Some((_, Some(_))) => {}
                Some((following, None)) if at_end && following.is_empty() => {
                    return Search::Found(ahead);
                }
                _ if at_end => {}
                _ => return Search::Undecided(ahead),
            }
        }
        if at_end { Search::Nothing } else { Search::Undecided(bytes.len()) }
    }

    #[inline]
    fn is_plausible(&self, header: Header, about: Option<u32>) -> bool {
        let most_captured = self.snap_length.max(SEARCH_LEAST_SNAPLEN);
        let fractions = if self.nanoseconds { 1_000_000_000 } else { 1_000_000 };
        header.captured <= most_captured
            && header.captured <= header.original
            && header.original <= SEARCH_MOST_ORIGINAL
            && header.fraction < fractions
            && about.is_none_or(|seconds| seconds.abs_diff(header.seconds) <= SEARCH_MOST_SECONDS_APART)
    }
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

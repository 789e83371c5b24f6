//! The pcapng format (draft-ietf-opsawg-pcapng): sections in both byte orders, their interfaces, and the three kinds
//! of packet blocks. All other blocks are passed over.

use super::fault::{FaultKind, Log};
use super::{Input, MAXIMUM_SNAPLEN, Record, Search, Step, u16_at, u32_at};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const LEAST_BLOCK: u32 = 12;
const MOST_BLOCK: u32 = 16 << 20;
/// Blocks up to this total length are held whole; longer ones are passed over piece by piece.
const MOST_HELD_BLOCK: u32 = 512 << 10;
/// Type, total length, and the byte-order magic of a section header.
const BLOCK_START: usize = 12;

const MOST_INTERFACES: usize = 1024;
const MOST_NAME: usize = 256;

const OPTION_END: u16 = 0;
const OPTION_IF_NAME: u16 = 2;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

#[derive(Debug)]
pub(super) struct PcapNg {
    big_endian: bool,
    state: State,
    /// Interfaces of the current section, the first [`MOST_INTERFACES`] of them.
    interfaces: Vec<Interface>,
    /// Interface descriptions seen in the current section, and in all before it.
    described: u32,
    described_before: u32,
    last_timestamp_ns: i64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Block,
    Skip(LongBlock),
    Search,
}

/// A block that is passed over piece by piece.
#[derive(Debug, Clone, Copy)]
struct LongBlock {
    /// Offset of the block in the stream.
    offset: u64,
    /// Total length, which the block's last four bytes must repeat.
    length: u32,
    /// Bytes not yet passed over, without those four.
    left: u32,
}

#[derive(Debug)]
struct Interface {
    link_type: u32,
    snap_length: u32,
    resolution: Resolution,
    offset_ns: i64,
    name: Box<str>,
}

/// How to make nanoseconds of an interface's units.
#[derive(Debug, Clone, Copy)]
enum Resolution {
    Multiply(u64),
    Divide(u128),
    /// Units of 2^-n seconds.
    PowerOfTwo(u32),
}

impl Resolution {
    /// Of the option `if_tsresol`: a power of 10, or with the upper bit set, of 2.
    fn new(option: u8) -> Self {
        let exponent = u32::from(option & 0x7f);
        match exponent {
            _ if option & 0x80 != 0 => Self::PowerOfTwo(exponent),
            0..=9 => Self::Multiply(10u64.pow(9 - exponent)),
            _ => Self::Divide(10u128.checked_pow(exponent - 9).unwrap_or(u128::MAX)),
        }
    }

    fn nanoseconds(self, units: u64) -> i64 {
        let nanoseconds = match self {
            Self::Multiply(factor) => {
                return i64::try_from(units.saturating_mul(factor)).unwrap_or(i64::MAX);
            }
            Self::Divide(divisor) => u128::from(units) / divisor.max(1),
            Self::PowerOfTwo(exponent) => (u128::from(units) * 1_000_000_000) >> exponent.min(127),
        };
        i64::try_from(nanoseconds).unwrap_or(i64::MAX)
    }
}

impl PcapNg {
    /// `None` unless the stream begins with a section header.
    pub(super) fn open(stream: &[u8]) -> Option<Self> {
        if u32_at(stream, 0, true)? != SECTION_HEADER {
            return None;
        }
        Some(Self {
            big_endian: byte_order(stream)?,
            state: State::Block,
            interfaces: Vec::new(),
            described: 0,
            described_before: 0,
            last_timestamp_ns: 0,
        })
    }

    pub(super) fn interface_name(&self, interface: u32) -> Option<&str> {
        let index = interface.checked_sub(self.described_before)?;
        let name = &*self.interfaces.get(index as usize)?.name;
        (!name.is_empty()).then_some(name)
    }

    pub(super) fn next<'a>(&mut self, input: &mut Input<'a>, log: &mut Log) -> Step<'a> {
        loop {
            match self.state {
                State::Block => {}
                State::Skip(long) => {
                    if let Some(step) = self.skip(input, long, log) {
                        return step;
                    }
                    continue;
                }
                State::Search => {
                    if let Some(step) = self.resynchronise(input, log) {
                        return step;
                    }
                }
            }
            let rest = input.rest();
            let Some((block_type, length)) = self.block_start(rest) else {
                if rest.len() >= BLOCK_START {
                    self.bad(input, FaultKind::NoByteOrder, log);
                    continue;
                }
                return self.short(input, None, log);
            };
            if !is_plausible_length(length) || (length > MOST_HELD_BLOCK && is_needed(block_type)) {
                self.bad(input, FaultKind::BadBlockLength { length }, log);
                continue;
            }
            if length > MOST_HELD_BLOCK {
                self.state = State::Skip(LongBlock { offset: input.offset(), length, left: length - 4 });
                continue;
            }
            let Some(block) = rest.get(..length as usize) else {
                match self.short(input, Some((block_type, length)), log) {
                    Step::End if matches!(self.state, State::Search) => continue,
                    step => return step,
                }
            };
            let big_endian =
                if block_type == SECTION_HEADER { byte_order(block) == Some(true) } else { self.big_endian };
            let tail = u32_at(block, block.len() - 4, big_endian).unwrap_or(0);
            if tail != length {
                self.bad(input, FaultKind::BlockLengthsDiffer { head: length, tail }, log);
                continue;
            }
            let offset = input.offset();
            input.position += block.len();
            let body = block.get(8..block.len() - 4).unwrap_or_default();
            match self.block(block_type, body) {
                Ok(None) => {}
                Ok(Some((record, snap_length))) => {
                    let captured = record.data.len() as u32;
                    if captured > snap_length && snap_length != 0 {
                        log.stats.over_snaplen += 1;
                        log.fault(offset, FaultKind::OverSnapLength { captured, snap_length });
                    }
                    log.stats.records += 1;
                    return Step::Record(record);
                }
                Err(Damage::TooShort) => {
                    log.stats.bad_blocks += 1;
                    log.fault(offset, FaultKind::BlockTooShort { block_type, length });
                }
                Err(Damage::UnknownInterface(interface)) => {
                    log.stats.unknown_interfaces += 1;
                    log.fault(offset, FaultKind::UnknownInterface { interface });
                }
            }
        }
    }

    /// Type and total length of the block at the front; `None` if it is too short or has no byte order.
    #[inline]
    fn block_start(&self, bytes: &[u8]) -> Option<(u32, u32)> {
        let start = bytes.first_chunk::<BLOCK_START>()?;
        let block_type = u32_at(start, 0, self.big_endian)?;
        let big_endian = if block_type == SECTION_HEADER { byte_order(start)? } else { self.big_endian };
        Some((block_type, u32_at(start, 4, big_endian)?))
    }

    /// Reads a whole block; a packet comes with the snap length of its interface.
    #[inline]
    fn block<'a>(&mut self, block_type: u32, body: &'a [u8]) -> Result<Option<(Record<'a>, u32)>, Damage> {
        let packet = match block_type {
            ENHANCED_PACKET => self.enhanced_packet(body),
            PACKET => self.packet(body),
            SIMPLE_PACKET => self.simple_packet(body),
            INTERFACE_DESCRIPTION => {
                return self.interface_description(body).ok_or(Damage::TooShort).map(|()| None);
            }
            SECTION_HEADER => {
                return self.section_header(body).ok_or(Damage::TooShort).map(|()| None);
            }
            _ => return Ok(None),
        };
        let packet = packet.ok_or(Damage::TooShort)?;
        let interface = self
            .interfaces
            .get(packet.interface as usize)
            .ok_or(Damage::UnknownInterface(packet.interface))?;
        let captured = packet.captured.unwrap_or(match interface.snap_length {
            0 => packet.original,
            limit => packet.original.min(limit),
        });
        let data = packet.data.get(..captured as usize).filter(|_| captured <= MAXIMUM_SNAPLEN);
        let data = data.ok_or(Damage::TooShort)?;
        if let Some(units) = packet.units {
            self.last_timestamp_ns =
                interface.resolution.nanoseconds(units).saturating_add(interface.offset_ns);
        }
        let record = Record {
            timestamp_ns: self.last_timestamp_ns,
            original_length: packet.original,
            link_type: interface.link_type,
            interface: self.described_before.saturating_add(packet.interface),
            data,
        };
        Ok(Some((record, interface.snap_length)))
    }

    #[inline]
    fn enhanced_packet<'a>(&self, body: &'a [u8]) -> Option<Packet<'a>> {
        let (fields, data) = body.split_first_chunk::<20>()?;
        let field = |at| u32_at(fields, at, self.big_endian);
        Some(Packet {
            interface: field(0)?,
            units: Some(u64::from(field(4)?) << 32 | u64::from(field(8)?)),
            captured: Some(field(12)?),
            original: field(16)?,
            data,
        })
    }

    /// The obsolete packet block: a 16-bit interface number and a drop count in place of the 32-bit number.
    fn packet<'a>(&self, body: &'a [u8]) -> Option<Packet<'a>> {
        let interface = u16_at(body, 0, self.big_endian)?;
        Some(Packet { interface: u32::from(interface), ..self.enhanced_packet(body)? })
    }

    fn simple_packet<'a>(&self, body: &'a [u8]) -> Option<Packet<'a>> {
        let original = u32_at(body, 0, self.big_endian)?;
        Some(Packet { interface: 0, units: None, captured: None, original, data: body.get(4..)? })
    }

    #[cold]
    fn section_header(&mut self, body: &[u8]) -> Option<()> {
        // Byte-order magic, version, section length.
        let magic = body.first_chunk::<16>()?;
        self.big_endian = u32_at(magic, 0, true)? == BYTE_ORDER_MAGIC;
        self.described_before = self.described_before.saturating_add(self.described);
        self.described = 0;
        self.interfaces.clear();
        Some(())
    }

    #[cold]
    fn interface_description(&mut self, body: &[u8]) -> Option<()> {
        let (fields, options) = body.split_first_chunk::<8>()?;
        let mut interface = Interface {
            link_type: u32::from(u16_at(fields, 0, self.big_endian)?),
            snap_length: u32_at(fields, 4, self.big_endian)?,
            resolution: Resolution::new(6),
            offset_ns: 0,
            name: Box::default(),
        };
        let mut options = options;
        while let Some((code, value, after)) = option(options, self.big_endian) {
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_IF_NAME, name) => interface.name = text(name),
                (OPTION_IF_TSRESOL, &[resolution, ..]) => interface.resolution = Resolution::new(resolution),
                (OPTION_IF_TSOFFSET, seconds) => {
                    if let Some(&seconds) = seconds.first_chunk::<8>() {
                        let (big, little) = (i64::from_be_bytes(seconds), i64::from_le_bytes(seconds));
                        let seconds = if self.big_endian { big } else { little };
                        interface.offset_ns = seconds.saturating_mul(1_000_000_000);
                    }
                }
                _ => {}
            }
            options = after;
        }
        self.described = self.described.saturating_add(1);
        if self.interfaces.len() < MOST_INTERFACES {
            self.interfaces.push(interface);
        }
        Some(())
    }

    /// Passes over a long block; answers the step to return where the bytes at hand do not reach its end.
    #[cold]
    fn skip<'a>(&mut self, input: &mut Input<'a>, long: LongBlock, log: &mut Log) -> Option<Step<'a>> {
        let passed = input.rest().len().min(long.left as usize);
        input.advance(passed);
        let left = long.left - passed as u32;
        self.state = State::Skip(LongBlock { left, ..long });
        let tail = if left == 0 { u32_at(input.rest(), 0, self.big_endian) } else { None };
        match tail {
            Some(tail) if tail == long.length => {
                input.advance(4);
                self.state = State::Block;
                None
            }
            Some(tail) => {
                log.stats.bad_blocks += 1;
                log.fault(long.offset, FaultKind::BlockLengthsDiffer { head: long.length, tail });
                self.state = State::Search;
                None
            }
            None if input.at_end => {
                input.advance(4);
                self.state = State::Block;
                log.stats.bad_blocks += 1;
                let there = input.offset().wrapping_sub(long.offset);
                log.fault(long.offset, FaultKind::CutShort { announced: u64::from(long.length), there });
                Some(Step::End)
            }
            None => Some(Step::NeedMore),
        }
    }

    /// The block ends within a pcapng block. `End` while searching means that the length lied: further blocks follow.
    #[cold]
    fn short<'a>(&mut self, input: &mut Input<'a>, start: Option<(u32, u32)>, log: &mut Log) -> Step<'a> {
        if !input.at_end {
            return Step::NeedMore;
        }
        let rest = input.rest();
        if rest.is_empty() {
            return Step::End;
        }
        if let Some((_, length)) = start
            && let Search::Found(_) = self.search(rest.get(4..).unwrap_or_default(), true)
        {
            self.bad(input, FaultKind::BadBlockLength { length }, log);
            return Step::End;
        }
        match start {
            Some((block_type, _)) if !is_packet(block_type) => log.stats.bad_blocks += 1,
            _ => log.stats.truncated_records += 1,
        }
        let announced = start.map_or(u64::from(LEAST_BLOCK), |(_, length)| u64::from(length));
        log.fault(input.offset(), FaultKind::CutShort { announced, there: rest.len() as u64 });
        input.advance(rest.len());
        Step::End
    }

    #[cold]
    fn bad(&mut self, input: &mut Input<'_>, kind: FaultKind, log: &mut Log) {
        log.stats.bad_blocks += 1;
        log.fault(input.offset(), kind);
        log.stats.skipped_bytes += 4;
        input.advance(4);
        self.state = State::Search;
    }

    /// Goes to the next plausible block; answers the step to return where there is none.
    #[cold]
    fn resynchronise<'a>(&mut self, input: &mut Input<'a>, log: &mut Log) -> Option<Step<'a>> {
        let rest = input.rest();
        let (skipped, step) = match self.search(rest, input.at_end) {
            Search::Found(ahead) => {
                self.state = State::Block;
                (ahead, None)
            }
            Search::Undecided(ahead) => (ahead, Some(Step::NeedMore)),
            Search::Nothing => (rest.len(), Some(Step::End)),
        };
        log.stats.skipped_bytes += skipped as u64;
        input.advance(skipped);
        step
    }

    /// Looks, in steps of 4 bytes, for a block of a known type whose two lengths agree. Takes constant time per step.
    fn search(&self, bytes: &[u8], at_end: bool) -> Search {
        for ahead in (0..bytes.len()).step_by(4) {
            let here = bytes.get(ahead..).unwrap_or_default();
            if here.len() < BLOCK_START {
                return if at_end { Search::Nothing } else { Search::Undecided(ahead) };
            }
            let Some((block_type, length)) = self.block_start(here) else {
                continue;
            };
            if !is_known(block_type) || !is_plausible_length(length) || length > MOST_HELD_BLOCK {
                continue;
            }
            match here.get(length as usize - 4..).and_then(<[u8]>::first_chunk::<4>) {
                Some(tail) if here.get(4..8) == Some(tail) => return Search::Found(ahead),
                None if !at_end => return Search::Undecided(ahead),
                _ => {}
            }
        }
        if at_end { Search::Nothing } else { Search::Undecided(bytes.len()) }
    }
}

/// The fields of the three packet blocks.
struct Packet<'a> {
    interface: u32,
    units: Option<u64>,
    captured: Option<u32>,
    original: u32,
    /// Captured bytes, padding and options.
    data: &'a [u8],
}

/// Why a block with good framing yields nothing.
enum Damage {
    TooShort,
    UnknownInterface(u32),
}

/// Byte order of the section header at the front: `Some(true)` is big endian.
fn byte_order(section_header: &[u8]) -> Option<bool> {
    if u32_at(section_header, 8, true)? == BYTE_ORDER_MAGIC {
        return Some(true);
    }
    (u32_at(section_header, 8, false)? == BYTE_ORDER_MAGIC).then_some(false)
}

#[inline]
fn is_plausible_length(length: u32) -> bool {
    (LEAST_BLOCK..=MOST_BLOCK).contains(&length) && length.is_multiple_of(4)
}

#[inline]
fn is_packet(block_type: u32) -> bool {
    matches!(block_type, PACKET | SIMPLE_PACKET | ENHANCED_PACKET)
}

/// Whether the reader looks into blocks of this type; they are never longer than [`MOST_HELD_BLOCK`].
#[inline]
fn is_needed(block_type: u32) -> bool {
    is_packet(block_type) || matches!(block_type, SECTION_HEADER | INTERFACE_DESCRIPTION)
}

/// Block types of the format's registry that a search takes for the start of a block.
fn is_known(block_type: u32) -> bool {
    matches!(block_type, SECTION_HEADER | 1..=10 | 0x0bad | 0x4000_0bad)
}

/// Splits off the option at the front: code, value, and what follows its padding. `None` where there is none.
fn option(bytes: &[u8], big_endian: bool) -> Option<(u16, &[u8], &[u8])> {
    let (code, length) = (u16_at(bytes, 0, big_endian)?, u16_at(bytes, 2, big_endian)?);
    let (value, after) = bytes.get(4..)?.split_at_checked(usize::from(length))?;
    let padding = usize::from(length).next_multiple_of(4) - usize::from(length);
    Some((code, value, after.get(padding..).unwrap_or_default()))
}

/// Text of an option, up to a NUL, at most [`MOST_NAME`] bytes.
fn text(value: &[u8]) -> Box<str> {
    let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value.get(..MOST_NAME).unwrap_or(value)).into()
}

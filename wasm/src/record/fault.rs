//! What was wrong with a capture stream: counters, and the first fault of each kind for a report.

use std::fmt;

/// Counters of a [`Reader`](super::Reader) since the start of its stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordStats {
    /// Records handed out.
    pub records: u64,
    /// Records dropped because the stream ended within them.
    pub truncated_records: u64,
    /// Records handed out although longer than the snap length that the file states.
    pub over_snaplen: u64,
    /// pcap records with an implausible captured length; reading went on at the next plausible record.
    pub bad_records: u64,
    /// Bytes passed over in search of the next plausible record or block.
    pub skipped_bytes: u64,
    /// pcapng blocks whose lengths contradict each other or the stream; they yield no record.
    pub bad_blocks: u64,
    /// pcapng packet blocks of an interface that was not described; they yield no record.
    pub unknown_interfaces: u64,
}

/// A fault found in a capture stream. Its text is one line for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Offset in the (uncompressed) stream, in bytes, of the record or block at fault.
    pub offset: u64,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a record or block. All lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The stream ended within the record or block.
    CutShort {
        /// Length that was announced or is the least possible.
        announced: u64,
        /// Length that was there.
        there: u64,
    },
    /// A captured length beyond the snap length of the file.
    OverSnapLength {
        /// Captured length.
        captured: u32,
        /// Snap length of the file or interface.
        snap_length: u32,
    },
    /// A captured length that no record has, or that runs past the end of a stream with further records in it.
    BadRecordLength {
        /// Captured length as announced.
        captured: u32,
    },
    /// A block length that no block has, or that runs past the end of a stream with further blocks in it.
    BadBlockLength {
        /// Total length as announced.
        length: u32,
    },
    /// The two copies of a block's total length differ.
    BlockLengthsDiffer {
        /// Length at the head of the block.
        head: u32,
        /// Length at its end.
        tail: u32,
    },
    /// A block too short for its own fields or for the packet that it announces.
    BlockTooShort {
        /// Block type.
        block_type: u32,
        /// Total length of the block.
        length: u32,
    },
    /// A section header without a byte-order magic.
    NoByteOrder,
    /// A packet of an interface that was not described.
    UnknownInterface {
        /// Interface number as announced.
        interface: u32,
    },
}

impl FaultKind {
    const COUNT: usize = 8;

    fn index(self) -> usize {
        match self {
            Self::CutShort { .. } => 0,
            Self::OverSnapLength { .. } => 1,
            Self::BadRecordLength { .. } => 2,
            Self::BadBlockLength { .. } => 3,
            Self::BlockLengthsDiffer { .. } => 4,
            Self::BlockTooShort { .. } => 5,
            Self::NoByteOrder => 6,
            Self::UnknownInterface { .. } => 7,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match self.kind {
            FaultKind::CutShort { announced, there } => {
                write!(
                    f,
                    "record at byte offset {offset} is cut short: {announced} bytes announced, {there} there"
                )
            }
            FaultKind::OverSnapLength { captured, snap_length } => write!(
                f,
                "record at byte offset {offset} is longer than the snap length: {captured} bytes captured, snap length {snap_length}"
            ),
            FaultKind::BadRecordLength { captured } => write!(
                f,
                "record at byte offset {offset} is corrupt: captured length {captured}; reading goes on at the next plausible record"
            ),
            FaultKind::BadBlockLength { length } => write!(
                f,
                "block at byte offset {offset} is corrupt: total length {length}; reading goes on at the next plausible block"
            ),
            FaultKind::BlockLengthsDiffer { head, tail } => write!(
                f,
                "block at byte offset {offset} is corrupt: total length {head} at its head, {tail} at its end"
            ),
            FaultKind::BlockTooShort { block_type, length } => write!(
                f,
                "block at byte offset {offset} is corrupt: type {block_type:#x}, {length} bytes, too short for what it announces"
            ),
            FaultKind::NoByteOrder => {
                write!(f, "section header at byte offset {offset} is corrupt: no byte-order magic")
            }
            FaultKind::UnknownInterface { interface } => write!(
                f,
                "packet block at byte offset {offset} names interface {interface}, which was not described"
            ),
        }
    }
}

/// The counters, and the faults that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) stats: RecordStats,
    seen: [bool; FaultKind::COUNT],
    pending: [Option<Fault>; FaultKind::COUNT],
}

impl Log {
    /// Keeps the first fault of each kind. Faults must come in the order of the stream.
    #[cold]
    pub(super) fn fault(&mut self, offset: u64, kind: FaultKind) {
        let index = kind.index();
        if let (Some(seen), Some(slot)) = (self.seen.get_mut(index), self.pending.get_mut(index))
            && !*seen
        {
            *seen = true;
            *slot = Some(Fault { offset, kind });
        }
    }

    pub(super) fn take_fault(&mut self) -> Option<Fault> {
        self.pending
            .iter_mut()
            .filter(|slot| slot.is_some())
            .min_by_key(|slot| slot.map(|fault| fault.offset))?
            .take()
    }
}

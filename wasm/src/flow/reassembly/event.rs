//! What goes into reassembly and what comes out.

use crate::flow::key::Direction;
use crate::net::{Packet, tcp_flag};

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Sequence number of the SYN, or of the first byte.
    pub sequence: u32,
    /// See [`tcp_flag`].
    pub flags: u8,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// Bytes of the payload, captured or not.
    pub length: u32,
    /// The acknowledgement number, if it is known and the ACK flag set. It lets holes be skipped earlier.
    pub acknowledgement: Option<u32>,
}

impl<'a> From<&Packet<'a>> for Segment<'a> {
    #[inline]
    fn from(packet: &Packet<'a>) -> Self {
        Self {
            sequence: packet.tcp_sequence,
            flags: packet.tcp_flags,
            payload: packet.payload,
            length: packet.payload_length,
            acknowledgement: None,
        }
    }
}

impl<'a> Segment<'a> {
    /// The segment that a packet is, with what it acknowledges.
    #[inline]
    pub fn acknowledging(packet: &Packet<'a>) -> Self {
        let is_ack = packet.tcp_flags & tcp_flag::ACK != 0;
        Self { acknowledgement: is_ack.then_some(packet.tcp_acknowledgment), ..Self::from(packet) }
    }
}

impl Segment<'_> {
    #[inline]
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether there are flags that change the state of the connection.
    #[inline]
    pub(super) fn is_control(&self) -> bool {
        self.has(tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST)
    }

    /// Bytes of the payload. No IP packet carries more than 64 KiB, whatever a length field says.
    #[inline]
    pub(super) fn wire_length(&self) -> u32 {
        self.length.min(1 << 16).max(u32::try_from(self.payload.len()).unwrap_or(u32::MAX))
    }
}

/// What the consumer of a stream is told.
///
/// The events of a direction tile its bytes: what is shown begins where the last consumed byte, or the last gap, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Bytes in order: those left over so far, and new ones behind them.
    Data {
        /// Of which direction.
        direction: Direction,
        /// The bytes, at least one.
        bytes: &'a [u8],
        /// How many of them, from the first on, were shown before. 0 again when bytes came in front of a pickup.
        seen: usize,
        /// The first byte is the first of the stream: the SYN was seen.
        at_start: bool,
    },
    /// Bytes are lost. The next data begins after `bytes` and the missing ones.
    Gap {
        /// Of which direction.
        direction: Direction,
        /// Bytes left over, shown for the last time. May be empty.
        bytes: &'a [u8],
        /// Bytes after them that will never come. 0: `bytes` themselves gave way, for want of room. None: not known,
        /// because the stream was picked up again at another place.
        missing: Option<u32>,
    },
    /// No more bytes in this direction. Comes once, and only if there was an event of the stream before.
    End {
        /// Of which direction.
        direction: Direction,
        /// Bytes left over, shown for the last time. May be empty.
        bytes: &'a [u8],
        /// Why.
        reason: EndReason,
    },
}

/// Why a direction has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndReason {
    /// Its sender was done.
    Fin,
    /// One of the sides reset the connection.
    Reset,
    /// A new connection began between the same ports.
    PortReused,
    /// Nothing came for too long.
    Timeout,
    /// Others needed its room.
    Evicted,
    /// The flow, or the capture, has ended.
    Finished,
}

/// The consumer's answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// So many of the data's bytes are done with. The others are held, and shown again with more behind them. Without
    /// meaning for gaps and ends.
    Consumed(usize),
    /// Nobody wants this stream, in neither direction: what is held of it is dropped, and no more events come.
    Close,
}

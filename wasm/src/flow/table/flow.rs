//! One flow: what is known of a conversation, and what a packet changes in it.

use super::{Limits, TICK_BITS};
use crate::flow::key::{Direction, FlowKey};
use crate::net::{Address, Packet, protocol, tcp_flag};

/// Where in its life a TCP connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpPhase {
    /// Only segments with SYN were seen.
    Opening,
    /// The handshake is over, or was never seen.
    Established,
    /// Both sides have sent FIN, or one has sent RST.
    Closing,
}

/// Flows by how long they may be idle, and by whether both sides were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    TcpOpening,
    TcpUnanswered,
    TcpEstablished,
    TcpClosing,
    UdpUnanswered,
    Udp,
    OtherUnanswered,
    Other,
    /// Not a flow: the slot is free.
    Free,
}

impl Class {
    /// Number of classes.
    pub(super) const COUNT: usize = Self::Free as usize + 1;
    /// Those that flows are of.
    pub(super) const LIVE: [Self; Self::COUNT - 1] = [
        Self::TcpOpening,
        Self::TcpUnanswered,
        Self::TcpEstablished,
        Self::TcpClosing,
        Self::UdpUnanswered,
        Self::Udp,
        Self::OtherUnanswered,
        Self::Other,
    ];

    /// Idle time in nanoseconds after which a flow of the class is over.
    pub(super) fn timeout(self, limits: &Limits) -> i64 {
        let timeout = match self {
            Self::TcpOpening => limits.tcp_opening_ns,
            Self::TcpUnanswered | Self::TcpEstablished => limits.tcp_established_ns,
            Self::TcpClosing => limits.tcp_closing_ns,
            Self::UdpUnanswered | Self::Udp => limits.udp_idle_ns,
            Self::OtherUnanswered | Self::Other => limits.other_idle_ns,
            Self::Free => i64::MAX,
        };
        timeout.max(1)
    }

    /// Whether a flow of this class has shown that both sides exist, and that it is not over.
    pub(super) fn is_answered(self) -> bool {
        matches!(self, Self::TcpEstablished | Self::Udp | Self::Other)
    }

    fn is_tcp(self) -> bool {
        matches!(self, Self::TcpOpening | Self::TcpUnanswered | Self::TcpEstablished | Self::TcpClosing)
    }
}

/// Bits of [`Flow::marks`].
mod mark {
    pub(super) const FIN_FORWARD: u8 = 1;
    pub(super) const FIN_REVERSE: u8 = 2;
    pub(super) const RST: u8 = 4;
    /// The initial sequence number is known.
    pub(super) const SYN: u8 = 8;
    /// A segment without SYN was seen.
    pub(super) const PAST_SYN: u8 = 16;
    /// The responder has sent SYN+ACK.
    pub(super) const SYN_ACK: u8 = 32;
    /// The side that began is the lower endpoint of the key.
    pub(super) const FROM_LOWER: u8 = 64;
    /// The first segment without SYN came from the side that began, and told its initial sequence number if that was the
    /// first with data.
    pub(super) const FIRST_DATA: u8 = 128;
}

/// What of a packet may begin or end a TCP connection; without meaning for other protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Flags, see [`tcp_flag`].
    pub flags: u8,
    /// Sequence number.
    pub sequence: u32,
}

impl Control {
    /// That of a packet.
    #[inline]
    pub fn of(packet: &Packet<'_>) -> Self {
        Self { flags: packet.tcp_flags, sequence: packet.tcp_sequence }
    }
}

/// A flow and the state `S` that the table's user keeps for it.
///
/// The first cache line has all that a packet of an established IPv4 flow needs, the next ones have `S`, the last
/// has what is needed for IPv6 and at the beginning of a connection.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub struct Flow<S> {
    addresses: u64,
    scope: u64,
    ports: u32,
    kind: u16,
    pub(super) class: Class,
    marks: u8,
    /// Packet time of the first packet, ns since 1970.
    pub first_seen_ns: i64,
    /// Latest packet time, ns since 1970.
    pub last_seen_ns: i64,
    /// Packets in each [`Direction`]; stays at the highest number.
    pub packets: [u32; 2],
    /// Bytes on the wire in each [`Direction`].
    pub bytes: [u64; 2],
    /// What the table's user keeps. Back to its default in each new flow.
    pub state: S,
    /// By the marks. SYN: the initial sequence number of the side that began. SYN_ACK alone: that of the responder. Of
    /// these only FIRST_DATA: that of the side that began, if the first segment seen was the first with data.
    sequence: u32,
    rest: [u64; 3],
}

impl<S: Default> Flow<S> {
    /// The flow that a packet begins, without counting it. `from_lower`: the packet's source is the lower endpoint.
    pub(super) fn begin(control: Control, key: &FlowKey, from_lower: bool, now_ns: i64) -> Self {
        let mut flow = Self {
            addresses: key.addresses,
            scope: key.scope,
            ports: key.ports,
            kind: key.kind,
            class: Class::Other,
            marks: 0,
            first_seen_ns: now_ns,
            last_seen_ns: now_ns,
            packets: [0; 2],
            bytes: [0; 2],
            state: S::default(),
            sequence: 0,
            rest: key.rest,
        };
        flow.class = match key.protocol() {
            _ if key.has_no_transport() => Class::OtherUnanswered,
            protocol::TCP => Class::TcpOpening,
            protocol::UDP => Class::UdpUnanswered,
            _ => Class::OtherUnanswered,
        };
        // SYN+ACK comes from the side that was called.
        let is_answer = flow.class.is_tcp()
            && control.flags & (tcp_flag::SYN | tcp_flag::ACK) == tcp_flag::SYN | tcp_flag::ACK;
        if from_lower != is_answer {
            flow.marks |= mark::FROM_LOWER;
        }
        flow
    }
}

impl<S> Flow<S> {
    /// Address and port of the side that began.
    pub fn source(&self) -> (Address, u16) {
        let key = self.key();
        if self.marks & mark::FROM_LOWER != 0 { key.lower() } else { key.higher() }
    }

    /// Address and port of the side that was called.
    pub fn destination(&self) -> (Address, u16) {
        let key = self.key();
        if self.marks & mark::FROM_LOWER != 0 { key.higher() } else { key.lower() }
    }

    /// IP protocol number.
    #[inline]
    pub fn protocol(&self) -> u8 {
        self.kind as u8
    }

    /// The key, the same for both directions.
    pub fn key(&self) -> FlowKey {
        FlowKey {
            addresses: self.addresses,
            scope: self.scope,
            ports: self.ports,
            kind: self.kind,
            rest: self.rest,
        }
    }

    /// The phase of a TCP connection; None for other protocols and for TCP fragments.
    #[inline]
    pub fn tcp_phase(&self) -> Option<TcpPhase> {
        match self.class {
            Class::TcpOpening => Some(TcpPhase::Opening),
            Class::TcpUnanswered | Class::TcpEstablished => Some(TcpPhase::Established),
            Class::TcpClosing => Some(TcpPhase::Closing),
            _ => None,
        }
    }

    /// Sequence number of the SYN of the side that began. None if there was none, so for a connection that was picked up
    /// in the middle.
    pub fn initial_sequence(&self) -> Option<u32> {
        (self.marks & mark::SYN != 0).then_some(self.sequence)
    }

    #[inline]
    pub(super) fn is(&self, key: &FlowKey) -> bool {
        self.addresses == key.addresses
            && self.ports == key.ports
            && self.kind == key.kind
            && self.scope == key.scope
            // All zero for IPv4, in a cache line that is better left alone.
            && (key.ip_version() == 4 || self.has_rest(key.rest))
    }

    /// By words, because what compares memory would have keys lie in it.
    #[inline]
    fn has_rest(&self, [first, second, third]: [u64; 3]) -> bool {
        let [a, b, c] = self.rest;
        a == first && b == second && c == third
    }

    #[inline]
    pub(super) fn direction(&self, from_lower: bool) -> Direction {
        if from_lower == (self.marks & mark::FROM_LOWER != 0) {
            Direction::Forward
        } else {
            Direction::Reverse
        }
    }

    /// Whether a TCP segment begins another connection between the same ports: a SYN after the end, or one that is neither
    /// the retransmission of this connection's once that was answered, nor late and right in front of the first data seen;
    /// where the SYN is not seen, a SYN+ACK with another sequence number than the one before. Two SYN that cross are one
    /// connection (RFC 9293 section 3.5).
    #[inline]
    pub(super) fn is_restarted_by(&self, control: Control, direction: Direction) -> bool {
        control.flags & tcp_flag::SYN != 0
            && self.class.is_tcp()
            && self.is_restarted_by_syn(control, direction)
    }

    #[cold]
    fn is_restarted_by_syn(&self, control: Control, direction: Direction) -> bool {
        let knows = self.marks & (mark::SYN | mark::SYN_ACK | mark::FIRST_DATA);
        let is_known = control.sequence == self.sequence;
        if is_syn_ack(control.flags) {
            let knows_responder = knows & (mark::SYN | mark::SYN_ACK) == mark::SYN_ACK;
            return direction == Direction::Reverse && knows_responder && !is_known;
        }
        let knows_beginner = knows & mark::SYN != 0 || knows == mark::FIRST_DATA;
        let is_repeated = direction == Direction::Forward && knows_beginner && is_known;
        is_syn(control.flags)
            && match self.class {
                Class::TcpClosing => true,
                Class::TcpOpening => {
                    direction == Direction::Forward
                        && self.marks & mark::SYN_ACK != 0
                        && self.marks & mark::SYN != 0
                        && !is_repeated
                }
                _ => !is_repeated,
            }
    }

    /// Counts a packet. Returns the class that the flow now belongs to, which the caller must see to.
    #[inline]
    pub(super) fn count(
        &mut self,
        control: Control,
        direction: Direction,
        wire_bytes: u32,
        now_ns: i64,
    ) -> Class {
        let [packets, opposite] = match (direction, &mut self.packets) {
            (Direction::Forward, [forward, reverse]) => [forward, reverse],
            (Direction::Reverse, [forward, reverse]) => [reverse, forward],
        };
        let is_first = *packets == 0;
        let is_answered = *opposite != 0;
        *packets = packets.saturating_add(1);
        let [forward, reverse] = &mut self.bytes;
        let bytes = if direction == Direction::Forward { forward } else { reverse };
        *bytes = bytes.saturating_add(u64::from(wire_bytes));
        self.last_seen_ns = self.last_seen_ns.max(now_ns);
        if self.class.is_tcp() {
            let flags = control.flags;
            if flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0
                || is_first
                || self.class == Class::TcpOpening
            {
                self.note_flags(flags, control.sequence, direction);
                return self.tcp_class();
            }
        } else if is_first && is_answered {
            return if self.class == Class::UdpUnanswered { Class::Udp } else { Class::Other };
        }
        self.class
    }

    /// [`count`](Self::count) for a packet that leaves the class as it is. False if it may not: it is not counted then.
    #[inline(always)]
    pub(super) fn count_in_passing(
        &mut self,
        tcp_flags: u8,
        direction: Direction,
        wire_bytes: u32,
        now_ns: i64,
    ) -> bool {
        let packets = &mut self.packets[direction as usize];
        let may_change = *packets == 0
            || self.class == Class::TcpOpening
            || tcp_flags & (tcp_flag::SYN | tcp_flag::FIN | tcp_flag::RST) != 0;
        if may_change {
            return false;
        }
        *packets = packets.saturating_add(1);
        let bytes = &mut self.bytes[direction as usize];
        *bytes = bytes.saturating_add(u64::from(wire_bytes));
        self.last_seen_ns = self.last_seen_ns.max(now_ns);
        true
    }

    /// Whether the clock of the order of use has ticked since the last packet.
    #[inline(always)]
    pub(super) fn has_ticked(&self, now_ns: i64) -> bool {
        (self.last_seen_ns ^ now_ns) >> TICK_BITS != 0
    }

    fn note_flags(&mut self, flags: u8, sequence: u32, direction: Direction) {
        if flags & tcp_flag::RST != 0 {
            self.marks |= mark::RST;
        } else if is_syn(flags) {
            // The last SYN before the answer is the one that counts, or the late one in front of the data.
            let is_unknown = self.marks & mark::SYN == 0;
            if direction == Direction::Forward && (self.class == Class::TcpOpening || is_unknown) {
                self.marks |= mark::SYN;
                self.sequence = sequence;
            }
        } else if flags & tcp_flag::SYN == 0 {
            if self.marks & (mark::SYN | mark::SYN_ACK | mark::PAST_SYN) == 0
                && direction == Direction::Forward
            {
                self.sequence = sequence.wrapping_sub(1);
                self.marks |= mark::FIRST_DATA;
            }
            self.marks |= mark::PAST_SYN;
        } else if is_syn_ack(flags) && direction == Direction::Reverse {
            if self.marks & (mark::SYN | mark::SYN_ACK) == 0 {
                self.sequence = sequence;
            }
            self.marks |= mark::SYN_ACK;
        }
        if flags & tcp_flag::FIN != 0 {
            self.marks |= match direction {
                Direction::Forward => mark::FIN_FORWARD,
                Direction::Reverse => mark::FIN_REVERSE,
            };
        }
    }

    fn tcp_class(&self) -> Class {
        let both = mark::FIN_FORWARD | mark::FIN_REVERSE;
        if self.marks & mark::RST != 0 || self.marks & both == both {
            Class::TcpClosing
        } else if self.marks & mark::PAST_SYN == 0 {
            Class::TcpOpening
        } else if self.packets.contains(&0) {
            Class::TcpUnanswered
        } else {
            Class::TcpEstablished
        }
    }
}

/// Whether the flags are those of the first segment of a connection.
#[inline]
fn is_syn(flags: u8) -> bool {
    flags & (tcp_flag::SYN | tcp_flag::ACK | tcp_flag::RST | tcp_flag::FIN) == tcp_flag::SYN
}

/// Whether the flags are those of the answer to it.
#[inline]
fn is_syn_ack(flags: u8) -> bool {
    let both = tcp_flag::SYN | tcp_flag::ACK;
    flags & (both | tcp_flag::RST) == both
}

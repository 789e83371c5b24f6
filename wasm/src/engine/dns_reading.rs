//! The DNS messages of the packet at hand: of one datagram, or of what a segment adds to a TCP stream.

use crate::detect::Facts;
use crate::dns::message::{Message, Outcome};
use crate::dns::{Analyzer, FlowView, Verdict, stream};
use crate::matching::address::bits_of;
use crate::net::plain::Plain;
use crate::net::{Address, IpHeader, Packet};

/// Messages read from one TCP segment; RFC 7766 (6.2.1.1) allows pipelining, a segment of 64 KiB holds far fewer
/// than this in practice. Further ones are counted as partly read.
const MESSAGES_PER_SEGMENT: usize = 256;

/// Bytes at the beginning of an unfinished message that are looked at for names: a header and a question.
const MOST_BEGINNING: usize = 512;

/// Port of mDNS (RFC 6762).
pub(super) const MDNS_PORT: u16 = 5353;
/// Port of LLMNR (RFC 4795).
pub(super) const LLMNR_PORT: u16 = 5355;

/// Reads messages and judges them; holds those of one packet.
pub(super) struct DnsReader {
    pub(super) analyzer: Analyzer,
    messages: Vec<Message>,
    /// Messages of this packet.
    count: usize,
    /// Behind them, the beginning of a message that a later segment completes: it shows names to the filters.
    has_beginning: bool,
    verdict: Option<Verdict>,
    /// Whether somebody wants to know what the packet says.
    described: bool,
    /// Whether filters look at names.
    filtered: bool,
    /// Messages are read that belong to no packet at hand: they are counted and judged, not kept.
    apart: bool,
    info: Vec<u8>,
    /// This packet has a message that is malformed, though it is all there.
    pub(super) is_malformed: bool,
    /// This packet has frames over TCP that are too short or too many to be read.
    pub(super) has_bad_frames: bool,
    /// Messages read so far.
    pub(super) messages_read: u64,
    /// Of these, read only in part.
    pub(super) partial: u64,
}

/// Between whom the messages of a packet go.
#[derive(Clone, Copy)]
pub(super) struct Between {
    flow: FlowView,
    is_mdns: bool,
    timestamp_ns: i64,
    /// Whether all of the packet's payload was captured.
    is_complete: bool,
}

impl Between {
    pub(super) fn of(packet: &Packet, ip: &IpHeader, transport: u8, timestamp_ns: i64) -> Self {
        let has = |port| packet.source_port == port || packet.destination_port == port;
        let is_mdns = has(MDNS_PORT);
        Self {
            flow: FlowView {
                transport,
                source: bits_of(&ip.source).to_be_bytes(),
                destination: bits_of(&ip.destination).to_be_bytes(),
                source_port: packet.source_port,
                destination_port: packet.destination_port,
                scored: !is_mdns && !has(LLMNR_PORT),
            },
            is_mdns,
            timestamp_ns,
            is_complete: packet.is_complete(),
        }
    }

    /// Between those of a plain packet.
    pub(super) fn of_plain(packet: &Plain, ip: &IpHeader, timestamp_ns: i64) -> Self {
        let source = (ip.source, packet.source_port);
        let destination = (ip.destination, packet.destination_port);
        Self::ends(packet.protocol, source, destination, timestamp_ns)
    }

    /// Between two ends, for messages that belong to no packet.
    pub(super) fn ends(
        transport: u8,
        (source, source_port): (Address, u16),
        (destination, destination_port): (Address, u16),
        timestamp_ns: i64,
    ) -> Self {
        let has = |port| source_port == port || destination_port == port;
        Self {
            flow: FlowView {
                transport,
                source: bits_of(&source).to_be_bytes(),
                destination: bits_of(&destination).to_be_bytes(),
                source_port,
                destination_port,
                scored: !has(MDNS_PORT) && !has(LLMNR_PORT),
            },
            is_mdns: has(MDNS_PORT),
            timestamp_ns,
            is_complete: true,
        }
    }
}

impl DnsReader {
    pub(super) fn new(detect_tunneling: bool) -> Self {
        Self {
            analyzer: Analyzer::new(detect_tunneling),
            messages: Vec::new(),
            count: 0,
            has_beginning: false,
            verdict: None,
            described: false,
            filtered: false,
            apart: false,
            info: Vec::new(),
            is_malformed: false,
            has_bad_frames: false,
            messages_read: 0,
            partial: 0,
        }
    }

    /// Begins a packet. `described`: somebody wants to know what it says; `filtered`: filters look at its names.
    #[inline]
    pub(super) fn clear(&mut self, described: bool, filtered: bool) {
        self.described = described;
        self.filtered = filtered;
        self.count = 0;
        self.has_beginning = false;
        self.verdict = None;
        self.info.clear();
        self.is_malformed = false;
        self.has_bad_frames = false;
    }

    /// The first message of the packet, and what it is judged as.
    pub(super) fn first(&self) -> Option<(&Message, &Verdict)> {
        Some((self.messages.first().filter(|_| self.count > 0)?, self.verdict.as_ref()?))
    }

    /// Whether there is something wrong with them.
    #[inline]
    pub(super) fn is_odd(&self) -> bool {
        self.is_malformed || self.has_bad_frames
    }

    #[inline]
    pub(super) fn has_messages(&self) -> bool {
        self.count > 0
    }

    /// What filters on domains look at.
    pub(super) fn for_each_name(&self, each: &mut dyn FnMut(&[u8])) {
        let shown = self.count + usize::from(self.has_beginning);
        for message in self.messages.iter().take(shown) {
            message.names().for_each(&mut *each);
        }
    }

    /// Says what the messages say.
    pub(super) fn describe(&self, facts: &mut Facts) {
        facts.set_info(&self.info);
        if self.count > 1 {
            facts.put_number("dns.messages", self.count as u64);
        }
    }

    /// Reads a datagram. False when it is no DNS message.
    pub(super) fn read_datagram(&mut self, payload: &[u8], between: &Between) -> bool {
        self.read(payload, between, between.is_complete)
    }

    /// Reads the messages at the front of a stream: `bytes` are those not consumed so far. Returns how many are done
    /// with; the rest is a message that goes on later. `in_step`: whether the stream is known to be at a length.
    pub(super) fn read_stream(&mut self, bytes: &[u8], in_step: &mut bool, between: &Between) -> usize {
        let mut parts = if *in_step { stream::messages_in_step(bytes) } else { stream::messages(bytes) };
        let (mut read, mut waits) = (0, None);
        for part in parts.by_ref() {
            *in_step = true;
            if part.complete || !between.is_complete {
                if read < MESSAGES_PER_SEGMENT {
                    self.read(part.bytes, between, part.complete);
                } else {
                    self.messages_read += 1;
                    self.partial += 1;
                    self.has_bad_frames |= !self.apart;
                }
                read += 1;
            } else {
                waits = Some(part.bytes);
            }
        }
        let too_short = parts.too_short();
        self.messages_read += too_short;
        self.partial += too_short;
        self.has_bad_frames |= too_short > 0 && !self.apart;
        let Some(beginning) = waits else {
            // In step, what is left is less than a length and a header; out of it, nothing that can be read.
            return if *in_step { bytes.len() - parts.rest().len() } else { bytes.len() };
        };
        self.show_beginning(beginning, between);
        bytes.len().saturating_sub(beginning.len() + 2)
    }

    /// Reads the messages of bytes that will not be shown again: also what there is of one that is cut.
    pub(super) fn read_rest(&mut self, bytes: &[u8], in_step: &mut bool, between: &Between) {
        let read = self.read_stream(bytes, in_step, between);
        self.has_beginning &= self.apart;
        for part in stream::messages(bytes.get(read..).unwrap_or_default()).take(MESSAGES_PER_SEGMENT) {
            self.read(part.bytes, between, false);
        }
    }

    /// The same for bytes that belong to no packet at hand.
    pub(super) fn read_apart(&mut self, bytes: &[u8], in_step: &mut bool, between: &Between) {
        let outer = std::mem::replace(&mut self.apart, true);
        self.read_rest(bytes, in_step, between);
        self.apart = outer;
    }

    /// Reads the whole messages of bytes that belong to no packet at hand. Returns how many bytes are done with.
    pub(super) fn read_whole_apart(&mut self, bytes: &[u8], in_step: &mut bool, between: &Between) -> usize {
        let outer = std::mem::replace(&mut self.apart, true);
        let read = self.read_stream(bytes, in_step, between);
        self.apart = outer;
        read
    }

    /// Shows filters the names at the beginning of a message. Not more of it, however often it is shown.
    fn show_beginning(&mut self, bytes: &[u8], between: &Between) {
        if self.filtered
            && !self.apart
            && let Some(message) = self.slot()
        {
            let start = bytes.get(..bytes.len().min(MOST_BEGINNING)).unwrap_or_default();
            self.has_beginning = message.parse(start, between.is_mdns) != Outcome::NotDns;
        }
    }

    /// Place of the next message: behind those of this packet, and behind a beginning that is shown to filters.
    fn place(&self) -> usize {
        self.count + usize::from(self.apart && self.has_beginning)
    }

    fn slot(&mut self) -> Option<&mut Message> {
        let place = self.place();
        while self.messages.len() <= place {
            self.messages.push(Message::default());
        }
        self.messages.get_mut(place)
    }

    fn read(&mut self, bytes: &[u8], between: &Between, is_complete: bool) -> bool {
        let needs_answers = (self.described || self.filtered) && !self.apart;
        let Some(message) = self.slot() else { return false };
        let outcome = match needs_answers {
            true => message.parse(bytes, between.is_mdns),
            false => message.parse_brief(bytes, between.is_mdns),
        };
        if outcome == Outcome::NotDns {
            return false;
        }
        self.messages_read += 1;
        let Some(message) = self.messages.get(self.place()) else { return false };
        let verdict = self.analyzer.observe(message, &between.flow, between.timestamp_ns);
        if self.apart {
            self.partial += u64::from(outcome == Outcome::Partial);
            return true;
        }
        self.verdict.get_or_insert(verdict);
        if self.described {
            if self.count > 0 {
                self.info.extend_from_slice(b"; ");
            }
            crate::dns::write_info(message, &mut self.info);
        }
        self.count += 1;
        if outcome == Outcome::Partial {
            self.partial += 1;
            self.is_malformed |= is_complete;
        }
        true
    }
}

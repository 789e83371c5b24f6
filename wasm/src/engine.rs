//! One block through the stages (records, decode, reassembly, flows, detection, filters, encode); owns the state
//! between blocks.

mod arrival;
mod dns_reading;
mod recognition;
mod rendering;
mod selection;
mod settings;
mod traffic;
mod unseen;
mod voip;

use std::hash::Hasher;

use crate::bounded::{BoundedMap, MixHasher};
pub use crate::counters::Counters;
use crate::detect::Facts;
use crate::matching::address::bits_of;
use crate::matching::filter_set::{FilterSet, NoFilterPolicy, Subject, Workspace};
use crate::matching::text_set::SearchOptions;
use crate::net::bpf::Program;
use crate::net::esp::EspNull;
use crate::net::fragments::Defragmenter;
use crate::net::{self, Packet, capture_header};
use crate::record::{Reader, Record, Step};
use crate::sip::parts::Known;
use crate::wire::packet_batch;
use crate::wire::time::Clock;
use dns_reading::{DnsReader, LLMNR_PORT, MDNS_PORT};
use recognition::{Inspected, Recognizer};
use rendering::Rendered;
use selection::{FragmentFate, FragmentKey, PortSet};
pub use settings::Settings;
use voip::Voip;

/// Output bit: `PacketBatch.packets` fields.
pub const WIRE: u8 = 1;
/// Output bit: JSON lines.
pub const JSON: u8 = 2;
/// Output bit: text lines.
pub const TEXT: u8 = 4;
/// Output bit: a capture file.
pub const PCAP: u8 = 8;
/// Output bit: JSON lines of calls that ended.
pub const CALLS: u8 = 16;
/// Output bit: records by call, for one capture file per call.
pub const CALL_PCAP: u8 = 32;

/// Fragmented datagrams that are remembered, so that their later fragments share the first one's fate.
const FRAGMENT_LIMIT: usize = 8192;

/// Hunters whose calls are followed; of more, those not heard of for longest are forgotten, and their calls ended.
const HUNTER_LIMIT: usize = 1024;

/// Notices kept until they are taken.
const NOTICE_LIMIT: usize = 64;

/// Which packets are kept before filters are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// All.
    #[default]
    All,
    /// Those of the DNS ports.
    Dns,
    /// SIP, and the media of its calls.
    Voip,
}

/// How the engine is to work.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Sum of the output bits.
    pub outputs: u8,
    /// Mode.
    pub protocol: Protocol,
    /// Ports whose traffic is DNS.
    pub dns_ports: Vec<u16>,
    /// DNS mode: keep UDP only.
    pub udp_only: bool,
    /// Score DNS names for tunnelling.
    pub detect_tunneling: bool,
    /// Packets per wire piece, at most; 0 means 1.
    pub batch_packets: u32,
    /// Bytes per wire piece, at most, unless one packet is longer.
    pub batch_bytes: u32,
    /// Stop after this many kept packets; 0 for never.
    pub limit: u64,
}

/// What [`Engine::process`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the block that need not be presented again.
    pub consumed: usize,
    /// False when the input has nothing more to give.
    pub wants_more: bool,
}

/// What the last received batch said about itself.
#[derive(Clone, Debug, Default)]
pub struct BatchInfo {
    /// Sender.
    pub hunter_id: String,
    /// The sender's batch counter.
    pub sequence: u64,
    /// When the batch was closed, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Packets in it.
    pub packets: u64,
    /// Bytes of frames in it.
    pub bytes: u64,
    /// Packets captured by the sender since it started.
    pub total_captured: u64,
    /// Packets that passed its filters.
    pub filtered_matched: u64,
    /// Packets that it lost.
    pub dropped: u64,
}

/// What is reported once.
#[derive(Clone, Copy)]
enum Oddity {
    DnsMessage,
    DnsFrames,
    LinkType,
    Lengths,
    RecordLengths,
    Empty,
    SipMessage,
    CutSipMessage,
    CutSipHead,
    ShortenedSipMessage,
}

struct Input {
    name: String,
    interface_name: String,
    index: u32,
    live: bool,
    reader: Reader,
}

/// Buffers that are reused for every packet.
#[derive(Default)]
struct Scratch {
    facts: Facts,
    fields: Vec<u8>,
    frame: Vec<u8>,
    rebuilt: Vec<u8>,
    decapsulated: Vec<u8>,
    workspace: Workspace,
}

/// The engine.
pub struct Engine {
    options: Options,
    filters: FilterSet,
    /// What of packets the filters look at.
    inspected: Inspected,
    programs: Vec<(u32, Program)>,
    inputs: Vec<Input>,
    dns: DnsReader,
    recognizer: Recognizer,
    /// Absent while a datagram that it gave is on its way through the engine.
    defragmenter: Option<Box<Defragmenter>>,
    /// No fragment is held for too long before this packet time.
    next_fragment_expiry_ns: i64,
    esp: Option<EspNull>,
    /// In the mode for calls, and where calls are reported. Absent while a packet is in it.
    voip: Option<Box<Voip>>,
    /// Those of the hunters whose batches are read, by the hash of their names: each has its own addresses and clock.
    hunters: BoundedMap<u64, Box<Voip>>,
    settings: Settings,
    search: SearchOptions,
    fragments: BoundedMap<FragmentKey, FragmentFate>,
    rendered: Rendered,
    scratch: Scratch,
    clock: Clock,
    counters: Counters,
    notices: Vec<String>,
    /// Oddities that have been reported.
    noticed: u16,
    pcap_link_type: Option<u32>,
    /// The last received batch.
    pub batch: BatchInfo,
}

impl Engine {
    /// An engine that lets everything pass until filters are set.
    pub fn new(options: Options) -> Self {
        Self::with_settings(options, &Settings::default())
    }

    /// The same, with bounds, timeouts and decapsulation as the operator set them.
    pub fn with_settings(mut options: Options, settings: &Settings) -> Self {
        options.batch_packets = options.batch_packets.max(1);
        let mut dns_ports = PortSet::default();
        options.dns_ports.iter().for_each(|port| dns_ports.insert(*port));
        if options.protocol == Protocol::All {
            // Multicast names are DNS messages, too; in DNS mode the operator says which ports count.
            dns_ports.insert(MDNS_PORT);
            dns_ports.insert(LLMNR_PORT);
        }
        Self {
            // Scores take longer than all else; they are only of use to somebody who sees them.
            dns: DnsReader::new(options.detect_tunneling && options.outputs & (WIRE | JSON | TEXT) != 0),
            recognizer: Recognizer::new(dns_ports, settings.flow_limits(), settings.reassembly()),
            defragmenter: None,
            next_fragment_expiry_ns: i64::MAX,
            esp: settings.esp(),
            voip: (options.protocol == Protocol::Voip || options.outputs & CALLS != 0)
                .then(|| Voip::new(options.outputs, settings)),
            search: settings.search(),
            options,
            filters: FilterSet::default(),
            inspected: Inspected::default(),
            programs: Vec::new(),
            inputs: Vec::new(),
            hunters: BoundedMap::new(HUNTER_LIMIT),
            settings: settings.clone(),
            fragments: BoundedMap::new(FRAGMENT_LIMIT),
            rendered: Rendered::default(),
            scratch: Scratch::default(),
            clock: Clock::default(),
            counters: Counters::default(),
            notices: Vec::new(),
            noticed: 0,
            pcap_link_type: None,
            batch: BatchInfo::default(),
        }
    }

    /// Opens an input and returns its number. A live input has an `interface_name`.
    pub fn open_input(&mut self, name: &str, interface_name: &str) -> u32 {
        let index = self.inputs.len() as u32;
        self.inputs.push(Input {
            name: name.to_owned(),
            interface_name: interface_name.to_owned(),
            index,
            live: !interface_name.is_empty(),
            reader: Reader::new(),
        });
        index
    }

    /// Reads the records of `block`, the next bytes of `input` with what the last call left in front.
    pub fn process(&mut self, input: u32, block: &[u8], at_end: bool) -> Progress {
        // The inputs are moved out while their records go through the stages, which need the engine as a whole.
        let mut inputs = std::mem::take(&mut self.inputs);
        let progress = self.read(&mut inputs, input, block, at_end);
        self.inputs = inputs;
        progress
    }

    fn read(&mut self, inputs: &mut [Input], number: u32, block: &[u8], at_end: bool) -> Progress {
        let Some(input) = inputs.get_mut(number as usize) else {
            return Progress { consumed: block.len(), wants_more: false };
        };
        let before = input.reader.stats();
        let mut position = 0;
        let unseen = self.fate_of_unseen();
        let wants_more = loop {
            if self.limit_reached() {
                break false;
            }
            let Some(input) = inputs.get_mut(number as usize) else { break false };
            if let Some(passes) = unseen {
                self.count_plain_records(input, block, &mut position, passes);
            }
            let step = input.reader.next(block, &mut position, at_end);
            while let Some(fault) = input.reader.take_fault() {
                self.notice(format!("{}: {fault}", input.name));
            }
            match step {
                Step::Record(record) => self.take_record(inputs, number, &record),
                Step::NeedMore => break !at_end,
                Step::End => break false,
                Step::NotACapture(reason) => {
                    self.counters.refused_inputs += 1;
                    self.notice(format!("{}: {reason}", input.name));
                    break false;
                }
            }
        };
        let after = inputs.get(number as usize).map_or(before, |input| input.reader.stats());
        self.counters.truncated_records += after.truncated_records - before.truncated_records;
        self.counters.over_snaplen_records += after.over_snaplen - before.over_snaplen;
        self.counters.bad_records += after.bad_records - before.bad_records;
        self.counters.bad_blocks += after.bad_blocks - before.bad_blocks;
        self.counters.unknown_interfaces += after.unknown_interfaces - before.unknown_interfaces;
        self.counters.skipped_bytes += after.skipped_bytes - before.skipped_bytes;
        self.close_piece();
        Progress { consumed: position.min(block.len()), wants_more }
    }

    /// Reads one encoded `PacketBatch`, fills in what its sender left out, and renders its packets. False when the
    /// bytes are no protobuf message.
    pub fn process_batch(&mut self, batch: &[u8]) -> bool {
        let Some(header) = packet_batch::read_header(batch) else { return false };
        self.batch = BatchInfo {
            hunter_id: String::from_utf8_lossy(header.hunter_id).into_owned(),
            sequence: header.sequence,
            timestamp_ns: header.timestamp_ns,
            packets: 0,
            bytes: 0,
            total_captured: header.total_captured,
            filtered_matched: header.filtered_matched,
            dropped: header.dropped,
        };
        let own = self.begin_hunter(header.hunter_id);
        for packet in packet_batch::packets(batch) {
            self.batch.packets += 1;
            self.counters.packets += 1;
            let Some(packet) = packet else {
                self.counters.bad_batch_packets += 1;
                continue;
            };
            self.batch.bytes += packet.frame.len() as u64;
            self.counters.bytes += packet.frame.len() as u64;
            self.take_received(header.hunter_id, &packet);
        }
        self.close_piece();
        self.end_hunter(header.hunter_id, own);
        true
    }

    /// So many nanoseconds have gone by, though no packet has come: what is over by then is ended.
    pub fn advance(&mut self, elapsed_ns: i64) {
        let inputs = std::mem::take(&mut self.inputs);
        self.advance_calls(&inputs, elapsed_ns);
        self.inputs = inputs;
        self.close_piece();
        self.for_each_hunter(&mut |engine| engine.advance_calls(&[], elapsed_ns));
    }

    /// The bytes of one output since they were last emptied.
    pub fn output(&self, kind: u8) -> &[u8] {
        match kind {
            WIRE => &self.rendered.wire,
            JSON => &self.rendered.json,
            TEXT => &self.rendered.text,
            PCAP => &self.rendered.pcap,
            CALLS => &self.rendered.calls,
            CALL_PCAP => &self.rendered.call_pcap,
            _ => &[],
        }
    }

    /// `[end offset, packets]` of each piece of the wire output.
    pub fn pieces(&self) -> &[u32] {
        &self.rendered.pieces
    }

    /// Link type of the records in the capture file output; None before the first one.
    pub fn pcap_link_type(&self) -> Option<u32> {
        self.pcap_link_type
    }

    /// Packets and captured bytes that were rendered since the outputs were last emptied.
    pub fn rendered(&self) -> (u64, u64) {
        (self.rendered.packets, self.rendered.bytes)
    }

    /// Empties the outputs; their memory is kept for the next ones.
    pub fn clear_outputs(&mut self) {
        let rendered = &mut self.rendered;
        let Rendered { wire, json, text, pcap, calls, call_pcap, .. } = rendered;
        for output in [wire, json, text, pcap, calls, call_pcap] {
            output.clear();
        }
        rendered.pieces.clear();
        rendered.open_piece_start = 0;
        rendered.open_piece_packets = 0;
        rendered.packets = 0;
        rendered.bytes = 0;
    }

    /// No more input will come: what was held back for more of it is given up, and written out where it can be.
    pub fn finish(&mut self) {
        let inputs = std::mem::take(&mut self.inputs);
        self.give_up_fragments(&inputs);
        self.finish_calls(&inputs);
        self.close_piece();
        self.for_each_hunter(&mut |engine| engine.finish_calls(&[]));
        self.inputs = inputs;
        self.recognizer.finish(&mut self.dns);
        self.close_piece();
    }

    /// Flows, and packets and bytes by protocol and by address (the `top` ones), as JSON.
    pub fn traffic_json(&self, top: usize) -> String {
        self.recognizer.traffic_json(top)
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        let reassembly = self.recognizer.reassembler.counters();
        let fragments =
            self.defragmenter.as_ref().map(|defragmenter| defragmenter.counters()).unwrap_or_default();
        let (calls_begun, calls_sharing_endpoints) =
            self.voip.as_ref().map(|voip| voip.figures()).unwrap_or_default();
        Counters {
            calls_begun,
            calls_sharing_endpoints,
            dns_messages: self.dns.messages_read,
            dns_partial: self.dns.partial,
            dns_correlated: self.dns.analyzer.correlated(),
            dns_query_evictions: self.dns.analyzer.query_evictions(),
            dns_domain_evictions: self.dns.analyzer.domain_evictions(),
            fragment_evictions: self.fragments.evictions(),
            fragments_merged: fragments.fragments_merged,
            datagrams_rebuilt: fragments.datagrams_rebuilt,
            fragment_overlaps: fragments.overlaps + fragments.overlapping_datagrams,
            fragment_duplicates: fragments.duplicates + fragments.late_duplicates,
            flow_evictions: self.recognizer.flows.evictions(),
            detected_flows: self.recognizer.detected,
            reassembly_gaps: reassembly.gaps,
            reassembly_skipped_bytes: reassembly.missing_bytes,
            reassembly_discarded_bytes: reassembly.discarded_bytes,
            reassembly_evictions: reassembly.evicted_streams,
            detection_evictions: self.recognizer.detection_evictions()
                + self.esp.as_ref().map_or(0, |esp| esp.counters().association_evictions)
                + self.voip.as_ref().map_or(0, |voip| voip.evictions()),
            talker_evictions: self.recognizer.talker_evictions(),
            ..self.counters
        }
    }

    /// Lines for the operator since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// An empty filter set that fits the mode.
    pub fn new_filters(&self, policy: NoFilterPolicy) -> FilterSet {
        FilterSet::for_mode(policy, self.search, self.options.protocol == Protocol::Dns)
    }

    /// Puts a filter set in force, which is built.
    pub fn set_filters(&mut self, filters: FilterSet) {
        self.set_filters_of_version(filters, 0);
    }

    /// The same, where engines share calls: see [`hear`](Self::hear). Of two sets the later one has the higher number.
    pub fn set_filters_of_version(&mut self, filters: FilterSet, version: u64) {
        self.hurry_waiting();
        if let Some(voip) = &mut self.voip {
            voip.note_filters(version);
        }
        self.inspected = Inspected::by(&filters);
        self.filters = filters;
        self.judge_calls_again();
    }

    /// Forgets the BPF programs: everything passes.
    pub fn clear_programs(&mut self) {
        self.programs.clear();
    }

    /// Adds the BPF program for the records of one link type.
    pub fn add_program(&mut self, link_type: u32, program: Program) {
        self.programs.push((link_type, program));
    }

    fn limit_reached(&self) -> bool {
        self.options.limit != 0 && self.counters.kept >= self.options.limit
    }

    fn notice(&mut self, line: String) {
        if self.notices.len() < NOTICE_LIMIT {
            self.notices.push(line);
        }
    }

    /// A frame behind a capture header is judged without that.
    fn passes_program(&mut self, record: &Record) -> bool {
        let (link_type, frame) =
            capture_header::content(record.link_type, record.data).unwrap_or((record.link_type, record.data));
        match self.programs.iter().find(|(of, _)| *of == link_type) {
            Some((_, program)) => {
                let header_length = (record.data.len() - frame.len()) as u32;
                let passes = program.accepts(frame, record.original_length.saturating_sub(header_length));
                self.counters.rejected_by_bpf += u64::from(!passes);
                passes
            }
            None => {
                self.counters.rejected_without_bpf_program += 1;
                false
            }
        }
    }

    #[inline]
    fn count_decode(&mut self, link_type: u32, packet: &Packet, origin: &str) {
        if !net::link_type_is_known(link_type) {
            self.counters.unknown_link_types += 1;
            let what = format!(
                "has link type {link_type}, which is not decoded: nothing is known of what it carries"
            );
            self.notice_once(Oddity::LinkType, origin, &what, "unknown_link_types");
        }
        if packet.faults.has_lies() {
            self.counters.bad_lengths += 1;
            let what = "has length fields that contradict what was captured, which is believed";
            self.notice_once(Oddity::Lengths, origin, what, "bad_lengths");
        }
    }

    #[inline]
    fn count_lengths(&mut self, record: &Record, origin: &str) {
        if record.data.is_empty() {
            self.counters.empty_packets += 1;
            self.notice_once(Oddity::Empty, origin, "has no bytes", "empty_packets");
        }
        if record.data.len() as u64 > u64::from(record.original_length) {
            self.counters.bad_lengths += 1;
            let what = "has more bytes captured than it is said to have had on the line";
            self.notice_once(Oddity::RecordLengths, origin, what, "bad_lengths");
        }
    }

    /// Reports an oddity of the packet at hand, the first time.
    fn notice_once(&mut self, oddity: Oddity, origin: &str, what: &str, counter: &str) {
        let bit = 1 << oddity as u16;
        if self.noticed & bit == 0 {
            self.noticed |= bit;
            let packet = self.counters.packets;
            self.notice(format!("{origin}: packet {packet} {what} (reported once, counted as {counter})"));
        }
    }

    #[inline]
    fn passes_filters(&mut self, packet: &Packet) -> bool {
        if let Some(passes) = self.filters.decides_all() {
            self.scratch.workspace.matched.clear();
            return passes;
        }
        self.match_filters(packet)
    }

    #[inline(never)]
    fn match_filters(&mut self, packet: &Packet) -> bool {
        let Self { filters, scratch, dns, recognizer, .. } = self;
        let addresses = |ip: &net::IpHeader| (bits_of(&ip.source), bits_of(&ip.destination));
        let subject = Subject {
            addresses: packet.ip.as_ref().map(addresses),
            outer_addresses: packet.outer_ip.as_ref().map(addresses),
            domains: &|each| dns.for_each_name(each),
            content: recognizer.sighting.of(packet),
            message: None,
            known: Known::default(),
        };
        filters.decide(&subject, &mut scratch.workspace)
    }

    fn close_piece(&mut self) {
        self.rendered.close_piece();
        if let Some(voip) = &mut self.voip {
            voip.flush_outputs(&mut self.rendered.calls, &mut self.rendered.call_pcap);
        }
    }
}

/// A number for a hunter's name.
fn hash_of(name: &[u8]) -> u64 {
    let mut hasher = MixHasher::with_seed(3);
    hasher.write(name);
    hasher.finish()
}

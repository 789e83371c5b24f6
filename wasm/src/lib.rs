//! Caracal's packet engine: blocks of capture records in, encoded packets and counters out.
//!
//! The engine is a pure machine: it does no I/O and reads no clock, and its answer for a capture is the same
//! whatever the block size. This file is the boundary to JavaScript and the only one that knows it exists; a
//! packet never crosses it, a block crosses it once.
//!
//! No function here panics on any input: bytes that make no sense are counted, and reported once.

pub mod bounded;
pub mod call;
pub mod counters;
pub mod detect;
pub mod dns;
pub mod engine;
pub mod flow;
pub mod matching;
pub mod net;
pub mod record;
pub mod rtp;
mod short;
pub mod sip;
pub mod wire;

use wasm_bindgen::prelude::wasm_bindgen;

use engine::{Counters, Engine, Options, Protocol, Settings};
use matching::filter_set::{FilterSet, NoFilterPolicy};
use matching::filter_type::{Condition, FilterType};
use matching::payload_search::PayloadSearch;
use net::bpf::Program;

/// Settings that have a name.
#[wasm_bindgen]
pub struct SettingsHandle(Settings);

#[wasm_bindgen]
impl SettingsHandle {
    /// The defaults.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> SettingsHandle {
        SettingsHandle(Settings::default())
    }

    /// Sets one; false when there is none of that name, or no such value.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        self.0.set(name, value)
    }
}

/// The engine as JavaScript sees it: numbers, strings, and addresses in the module's memory.
#[wasm_bindgen]
pub struct EngineHandle {
    engine: Engine,
    /// Where JavaScript puts input: first `tail` bytes that an earlier call could not use yet.
    inbox: Vec<u8>,
    tail: usize,
    /// Filters being collected by `filter_*`, until `filters_swap`.
    next_filters: FilterSet,
}

#[wasm_bindgen]
impl EngineHandle {
    /// `outputs`: sum of 1 wire, 2 JSON lines, 4 text lines, 8 capture file, 16 JSON lines of calls that ended, 32
    /// records grouped by call. `protocol`: 0 all, 1 packets of the DNS ports, 2 calls: SIP and its media. `batch_packets` and `batch_bytes` bound a wire piece. `limit`: stop after this many kept
    /// packets, 0 for never.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        outputs: u8,
        protocol: u8,
        dns_ports: &[u16],
        udp_only: bool,
        detect_tunneling: bool,
        batch_packets: u32,
        batch_bytes: u32,
        limit: f64,
        settings: &SettingsHandle,
    ) -> EngineHandle {
        EngineHandle {
            engine: Engine::with_settings(
                Options {
                    outputs,
                    protocol: match protocol {
                        1 => Protocol::Dns,
                        2 => Protocol::Voip,
                        _ => Protocol::All,
                    },
                    dns_ports: dns_ports.to_vec(),
                    udp_only,
                    detect_tunneling,
                    batch_packets,
                    batch_bytes,
                    limit: limit as u64,
                },
                &settings.0,
            ),
            inbox: Vec::new(),
            tail: 0,
            next_filters: FilterSet::default(),
        }
    }

    /// Opens an input and returns its number. `name` is for messages, `interface_name` for the packets.
    pub fn open_input(&mut self, name: &str, interface_name: &str) -> u32 {
        self.tail = 0;
        self.engine.open_input(name, interface_name)
    }

    /// Address of room for `bytes` bytes of input, behind what is left of the last ones. Valid until the next
    /// call into the module.
    pub fn inbox(&mut self, bytes: usize) -> *mut u8 {
        let needed = self.tail.saturating_add(bytes);
        if self.inbox.len() < needed {
            self.inbox.resize(needed, 0);
        }
        self.inbox.as_mut_ptr().wrapping_add(self.tail)
    }

    /// Takes `bytes` new bytes of `input` from the inbox. `at_end`: no more will follow. Returns false when this
    /// input has nothing more to give: it is no capture, or the limit is reached.
    pub fn process(&mut self, input: u32, bytes: usize, at_end: bool) -> bool {
        let filled = self.tail.saturating_add(bytes).min(self.inbox.len());
        let Some(block) = self.inbox.get(..filled) else { return false };
        let progress = self.engine.process(input, block, at_end);
        self.inbox.copy_within(progress.consumed.min(filled)..filled, 0);
        self.tail = filled.saturating_sub(progress.consumed);
        if at_end || !progress.wants_more {
            self.tail = 0;
        }
        progress.wants_more
    }

    /// No more input will come: what was held back goes to the outputs.
    pub fn finish(&mut self) {
        self.engine.finish();
    }

    /// So many milliseconds have gone by, though no packet may have come: what is over by then is ended.
    pub fn advance(&mut self, elapsed_ms: f64) {
        self.engine.advance((elapsed_ms as i64).saturating_mul(1_000_000));
    }

    /// Address of what is to be told to the engines of other threads.
    pub fn told(&self) -> *const u8 {
        self.engine.told().as_ptr()
    }

    /// Its length in bytes.
    pub fn told_length(&self) -> usize {
        self.engine.told().len()
    }

    /// It has been told.
    pub fn forget_told(&mut self) {
        self.engine.forget_told();
    }

    /// Takes what the engine of another thread has told, `bytes` bytes of the inbox.
    pub fn hear(&mut self, bytes: usize) {
        if let Some(told) = self.inbox.get(self.tail..self.tail.saturating_add(bytes)) {
            self.engine.hear(told);
        }
    }

    /// Flows, and packets and bytes by protocol and by address (the `top` ones), as a JSON object.
    pub fn traffic(&self, top: usize) -> String {
        self.engine.traffic_json(top)
    }

    /// Takes one encoded `PacketBatch` of `bytes` bytes from the inbox. False when it is none.
    pub fn process_batch(&mut self, bytes: usize) -> bool {
        self.tail = 0;
        match self.inbox.get(..bytes) {
            Some(batch) => self.engine.process_batch(batch),
            None => false,
        }
    }

    /// Sender of the last batch; U+FFFD for what is not UTF-8.
    pub fn batch_hunter_id(&self) -> String {
        self.engine.batch.hunter_id.clone()
    }

    /// `[sequence, timestamp_ns, packets, bytes, total_captured, filtered_matched, dropped]` of the last batch.
    pub fn batch_numbers(&self) -> Vec<u64> {
        let batch = &self.engine.batch;
        vec![
            batch.sequence,
            batch.timestamp_ns as u64,
            batch.packets,
            batch.bytes,
            batch.total_captured,
            batch.filtered_matched,
            batch.dropped,
        ]
    }

    /// Address of the output of one kind (see [`new`](Self::new)).
    pub fn output(&self, kind: u8) -> *const u8 {
        self.engine.output(kind).as_ptr()
    }

    /// Its length in bytes.
    pub fn output_length(&self, kind: u8) -> usize {
        self.engine.output(kind).len()
    }

    /// `[end offset, packets]` of each piece of the wire output.
    pub fn pieces(&self) -> Vec<u32> {
        self.engine.pieces().to_vec()
    }

    /// Link type of the records in the capture file output.
    pub fn pcap_link_type(&self) -> u32 {
        self.engine.pcap_link_type().unwrap_or_default()
    }

    /// Packets rendered since the outputs were last emptied.
    pub fn rendered_packets(&self) -> f64 {
        self.engine.rendered().0 as f64
    }

    /// Captured bytes of these packets.
    pub fn rendered_bytes(&self) -> f64 {
        self.engine.rendered().1 as f64
    }

    /// Empties the outputs.
    pub fn clear_outputs(&mut self) {
        self.engine.clear_outputs();
    }

    /// Names of the counters, separated by commas.
    pub fn counter_names() -> String {
        Counters::NAMES.join(",")
    }

    /// The counters, in the order of their names.
    pub fn counters(&self) -> Vec<f64> {
        self.engine.counters().values().map(|value| value as f64).to_vec()
    }

    /// Lines for the operator since the last call, separated by line feeds.
    pub fn take_notices(&mut self) -> String {
        self.engine.take_notices().join("\n")
    }

    /// Begins a new filter set.
    pub fn filters_begin(&mut self, deny_without_filters: bool) {
        let policy = if deny_without_filters { NoFilterPolicy::Deny } else { NoFilterPolicy::Allow };
        self.next_filters = self.engine.new_filters(policy);
    }

    /// Adds an enabled filter to it; `filter_type` is a `FilterType` of the wire contract. Returns why it was
    /// refused, or an empty string.
    pub fn filters_add(&mut self, filter_type: u32, id: &str, pattern: &str) -> String {
        self.next_filters.add(filter_type, id, pattern).err().unwrap_or_default()
    }

    /// Adds a domain pattern of the operator's own to it. The error says why it was refused.
    pub fn filters_add_local_domain(&mut self, pattern: &str) -> Result<(), String> {
        self.next_filters.add_local_domain(pattern)
    }

    /// Adds a user of SIP that the operator named to it. Returns why it was refused, or an empty string.
    pub fn filters_add_local_sip_user(&mut self, pattern: &str) -> String {
        self.next_filters.add_local_sip_user(pattern).err().unwrap_or_default()
    }

    /// Does a part of what is left to do for the new set, about so many patterns' worth. False when it is ready; an error
    /// says why it cannot be.
    pub fn filters_build(&mut self, patterns: usize) -> Result<bool, String> {
        self.next_filters.build_step(patterns)
    }

    /// Filters that the new set, which is ready, had no room for: by their place among those that were added, not counting
    /// those of type `bpf`. They match nothing.
    pub fn filters_left_out(&self) -> Vec<u32> {
        self.next_filters.left_out().to_vec()
    }

    /// Why there are such; empty where there are none.
    pub fn filters_left_out_reason(&self) -> String {
        self.next_filters.left_out_reason()
    }

    /// What is wrong with the pattern of a filter, or an empty string.
    pub fn pattern_problem(filter_type: u32, pattern: &str) -> String {
        condition(filter_type, pattern).err().unwrap_or_default()
    }

    /// What the pattern of a filter asks for, for people; empty where it is refused.
    pub fn pattern_meaning(filter_type: u32, pattern: &str) -> String {
        condition(filter_type, pattern).map(|condition| condition.text()).unwrap_or_default()
    }

    /// Puts the new filter set in force, which must be ready. Of engines that share calls, those with the same `version` have
    /// the same set; of two sets the later one has the higher number.
    pub fn filters_swap(&mut self, version: f64) {
        self.engine.set_filters_of_version(std::mem::take(&mut self.next_filters), version as u64);
    }

    /// Forgets the BPF programs. Records of a link type without a program are then kept.
    pub fn programs_clear(&mut self) {
        self.engine.clear_programs();
    }

    /// Adds a BPF program for the records of a link type, as libpcap compiled it. Once there is one, records of
    /// a link type without a program are dropped and counted. Returns what is wrong with it, or an empty string.
    pub fn programs_add(&mut self, link_type: u32, instructions: &[u8]) -> String {
        match Program::parse(instructions) {
            Ok(program) => {
                self.engine.add_program(link_type, program);
                String::new()
            }
            Err(error) => error,
        }
    }
}

/// A pattern set for batches of payloads: see [`PayloadSearch`].
#[wasm_bindgen]
pub struct PayloadSearchHandle(PayloadSearch);

#[wasm_bindgen]
impl PayloadSearchHandle {
    /// Makes the set; throws a text that says what is wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(
        texts: &[u8],
        ends: &[u32],
        kinds: &[u8],
        memory_limit: usize,
    ) -> Result<PayloadSearchHandle, String> {
        PayloadSearch::new(texts, ends, kinds, memory_limit).map(PayloadSearchHandle)
    }

    /// For each payload how many patterns it holds, and their numbers.
    pub fn find(&mut self, payloads: &[u8], ends: &[u32]) -> Vec<u32> {
        self.0.find(payloads, ends)
    }
}

fn condition(filter_type: u32, pattern: &str) -> Result<Condition, String> {
    let known =
        FilterType::of(filter_type).ok_or_else(|| format!("there is no filter type {filter_type}"))?;
    Condition::parse(known, pattern)
}

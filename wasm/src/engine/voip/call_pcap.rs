//! One capture per call: the records of a block, grouped by call, so that whoever writes the files writes once per call
//! and block.

use crate::record::write;

/// The call begins here: its name, the time of its first packet and the link type follow.
const FIRST: u32 = 1;
/// Nothing more comes of the call.
const LAST: u32 = 2;

struct Record {
    call: u32,
    start: usize,
    end: usize,
}

struct Start {
    call: u32,
    name: Vec<u8>,
    timestamp_ns: i64,
    link_type: u32,
}

/// The records since the last [`write_groups`](CallPcap::write_groups).
#[derive(Default)]
pub(super) struct CallPcap {
    bytes: Vec<u8>,
    records: Vec<Record>,
    starts: Vec<Start>,
    ends: Vec<u32>,
    last_number: u32,
}

impl CallPcap {
    /// Begins a call; its number.
    pub(super) fn begin(&mut self, name: &[u8], timestamp_ns: i64, link_type: u32) -> u32 {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        let call = self.last_number;
        self.starts.push(Start { call, name: name.to_vec(), timestamp_ns, link_type });
        call
    }

    /// Adds a packet of a call that has begun.
    pub(super) fn add(&mut self, call: u32, timestamp_ns: i64, original_length: u32, frame: &[u8]) {
        let start = self.bytes.len();
        write::record(timestamp_ns, original_length, frame, &mut self.bytes);
        self.records.push(Record { call, start, end: self.bytes.len() });
    }

    /// Ends a call that has begun.
    pub(super) fn end(&mut self, call: u32) {
        self.ends.push(call);
    }

    /// Appends a group for each call with news to `out`: numbers of 32 bits, little endian, for the call and its flags
    /// (1: first, 2: last); the length of the name, which is 0 unless it is the first, and the name; where it is the first,
    /// the time in nanoseconds (64 bits) and the link type; the length of the records, and the records of a pcap file.
    pub(super) fn write_groups(&mut self, out: &mut Vec<u8>) {
        self.records.sort_by_key(|record| record.call);
        self.ends.sort_unstable();
        let mut calls: Vec<u32> = self.records.iter().map(|record| record.call).collect();
        calls.extend(self.starts.iter().map(|start| start.call).chain(self.ends.iter().copied()));
        calls.sort_unstable();
        calls.dedup();
        for call in calls {
            // Numbers grow with time, so that starts are in order.
            let start = self.starts.binary_search_by_key(&call, |start| start.call).ok();
            let start = start.and_then(|at| self.starts.get(at));
            let is_last = self.ends.binary_search(&call).is_ok();
            let flags = if start.is_some() { FIRST } else { 0 } | if is_last { LAST } else { 0 };
            out.extend_from_slice(&call.to_le_bytes());
            out.extend_from_slice(&flags.to_le_bytes());
            let name = start.map_or(&b""[..], |start| &start.name);
            out.extend_from_slice(&(name.len() as u32).to_le_bytes());
            out.extend_from_slice(name);
            if let Some(start) = start {
                out.extend_from_slice(&start.timestamp_ns.to_le_bytes());
                out.extend_from_slice(&start.link_type.to_le_bytes());
            }
            let from = self.records.partition_point(|record| record.call < call);
            let to = self.records.partition_point(|record| record.call <= call);
            let records = self.records.get(from..to).unwrap_or_default();
            let length: usize = records.iter().map(|record| record.end - record.start).sum();
            out.extend_from_slice(&(length as u32).to_le_bytes());
            for record in records {
                out.extend_from_slice(self.bytes.get(record.start..record.end).unwrap_or_default());
            }
        }
        self.bytes.clear();
        self.records.clear();
        self.starts.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_grouped_by_call() {
        let mut pcap = CallPcap::default();
        let one = pcap.begin(b"one", 7, 1);
        let two = pcap.begin(b"two", 8, 1);
        pcap.add(one, 7, 1, b"a");
        pcap.add(two, 8, 1, b"b");
        pcap.add(one, 9, 1, b"c");
        pcap.end(two);
        let mut out = Vec::new();
        pcap.write_groups(&mut out);
        let record = |timestamp_ns, frame: &[u8]| {
            let mut bytes = Vec::new();
            write::record(timestamp_ns, 1, frame, &mut bytes);
            bytes
        };
        let header = |call: u32, flags: u32| [call.to_le_bytes(), flags.to_le_bytes()].concat();
        let start = |name: &[u8], time: u64| {
            [&3u32.to_le_bytes()[..], name, &time.to_le_bytes(), &1u32.to_le_bytes()].concat()
        };
        let group = |bytes: Vec<u8>| [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat();
        let expected = [
            header(one, FIRST),
            start(b"one", 7),
            group([record(7, b"a"), record(9, b"c")].concat()),
            header(two, FIRST | LAST),
            start(b"two", 8),
            group(record(8, b"b")),
        ]
        .concat();
        assert_eq!(out, expected);
        out.clear();
        pcap.write_groups(&mut out);
        assert!(out.is_empty());
        pcap.end(one);
        pcap.write_groups(&mut out);
        assert_eq!(out, [header(one, LAST), 0u32.to_le_bytes().to_vec(), group(vec![])].concat());
    }
}

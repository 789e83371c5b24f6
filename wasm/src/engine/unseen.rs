//! Packets that nobody will see: they are counted in their flows, and looked at for what they say of them, no more.
//!
//! This is a short cut for plain packets in plain records, and changes no answer: what is not plain goes the way of all
//! packets ([`arrival`](super::arrival)).

use super::recognition::{Arrival, Settled};
use super::{Engine, Input, Protocol};
use crate::net::plain::Plain;

impl Engine {
    /// Whether the packets pass, if that is the same for all of them and nobody will see any; None where they have to be
    /// looked at one by one.
    pub(super) fn fate_of_unseen(&self) -> Option<bool> {
        let passes = self.filters.decides_all()?;
        let is_seen = passes && self.options.outputs != 0;
        let is_chosen = !self.programs.is_empty() || self.options.protocol != Protocol::All;
        let short_cut = !is_seen && !is_chosen && self.esp.is_none() && self.options.limit == 0;
        short_cut.then_some(passes)
    }

    /// Takes the records from `position` on, up to the first one that is not plain.
    #[inline(never)]
    pub(super) fn count_plain_records(
        &mut self,
        input: &mut Input,
        block: &[u8],
        position: &mut usize,
        passes: bool,
    ) {
        let Some(mut records) = input.reader.plain_records(block, *position) else { return };
        let mut bytes = 0;
        let mut is_odd = false;
        while !is_odd
            && let Some(record) = records.peek()
            && record.timestamp_ns < self.next_fragment_expiry_ns
            && let Some(plain) = Plain::read(records.link_type, record.data)
        {
            records.take(&record);
            bytes += record.data.len() as u64;
            let captured = record.data.len() as u32;
            let frame = (records.link_type, record.data);
            match self.recognizer.count_plain(frame, &plain, record.timestamp_ns, &mut self.dns) {
                Settled::Entirely => {}
                Settled::ByDns => is_odd = self.dns.is_odd(),
                Settled::Counted(observed) => {
                    let arrival = Arrival::unseen(record.timestamp_ns, captured);
                    self.recognizer.recognise_unseen(
                        frame,
                        &arrival,
                        observed,
                        &mut self.dns,
                        &mut self.scratch.facts,
                    );
                    is_odd = self.dns.is_odd();
                }
            }
        }
        input.reader.took(&records, block, position);
        let packets = records.taken();
        self.counters.packets += packets;
        self.counters.bytes += bytes;
        if passes {
            self.counters.kept += packets;
            self.counters.kept_bytes += bytes;
            self.rendered.packets += packets;
            self.rendered.bytes += bytes;
        } else {
            self.counters.rejected_by_filters += packets;
        }
        if is_odd {
            self.count_dns_oddities(&input.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::{JSON, Options, WIRE};
    use crate::matching::filter_set::{FilterSet, NoFilterPolicy};
    use crate::net::link_type;

    /// What an engine says of a capture that it gets in blocks of `block_size` bytes.
    fn answers(outputs: u8, policy: NoFilterPolicy, capture: &[u8], block_size: usize) -> (String, Vec<u64>) {
        let options = Options { outputs, dns_ports: vec![53], batch_packets: 64, ..Options::default() };
        let mut engine = Engine::new(options);
        engine.set_filters(FilterSet::new(policy));
        let input = engine.open_input("a capture", "");
        let (mut start, mut end) = (0, block_size.min(capture.len()));
        loop {
            let progress = engine.process(input, &capture[start..end], end == capture.len());
            if !progress.wants_more {
                break;
            }
            start += progress.consumed;
            end = (end + block_size).min(capture.len());
            engine.clear_outputs();
        }
        engine.finish();
        let mut counters = engine.counters().values().to_vec();
        counters.extend([engine.recognizer.flows.len() as u64, engine.take_notices().len() as u64]);
        (engine.traffic_json(1000), counters)
    }

    /// The short cut gives the answers of the long way: what is shown, or written, is not taken by it.
    fn assert_agrees(name: &str, capture: &[u8]) {
        let expected = answers(JSON, NoFilterPolicy::Allow, capture, 1 << 18);
        for block_size in [61, 4096, 1 << 18] {
            let unseen = answers(0, NoFilterPolicy::Allow, capture, block_size);
            assert_eq!(unseen, expected, "{name} in blocks of {block_size} bytes");
        }
        // What is rejected is not described, whatever the outputs.
        let rejected = answers(WIRE, NoFilterPolicy::Deny, capture, 1 << 18);
        assert_eq!(rejected.0, expected.0, "{name}, rejected");
    }

    #[test]
    fn captures_are_counted_as_if_they_were_shown() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut compared = 0;
        for folder in [root.join("../fixtures"), root.join("../../shared/captures")] {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                eprintln!("skipped: {} is absent", folder.display());
                continue;
            };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                let capture = std::fs::read(&path).unwrap_or_default();
                if path.extension().is_some_and(|extension| extension == "pcap") && capture.len() < 1 << 21 {
                    assert_agrees(&path.display().to_string(), &capture);
                    compared += 1;
                }
            }
        }
        assert!(compared > 0);
    }

    /// Numbers that look random, the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (self.0 >> 33) as usize % limit
        }
    }

    /// A frame of one of a few flows, mostly plain, sometimes damaged.
    fn frame(numbers: &mut Numbers, link_type: u32) -> Vec<u8> {
        const PAYLOADS: &[&[u8]] = &[
            b"",
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
            b"SSH-2.0-x\r\n",
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
            b"\x80\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78",
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01",
            b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01",
            b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01",
            b"\x01\x02\x03\x04\x05\x06\x07\x08",
        ];
        let payload = PAYLOADS[numbers.below(PAYLOADS.len())];
        let client = [0xc0, numbers.below(5) as u8];
        let server = [[0, 53], [0, 80], [0x14, 0xe9], [0x30, 0x39]][numbers.below(4)];
        let is_answer = numbers.below(2) == 0;
        let (source, destination) = if is_answer { (server, client) } else { (client, server) };
        let mut segment = [source, destination].concat();
        let is_tcp = numbers.below(2) == 0;
        if is_tcp {
            let flags = [0x02, 0x12, 0x10, 0x18, 0x18, 0x18, 0x11, 0x14][numbers.below(8)];
            let sequence = (numbers.below(8) * 40) as u8;
            segment.extend([0, 0, 0, sequence, 0, 0, 0, 1, 0x50, flags, 9, 9, 0, 0, 0, 0]);
        } else {
            segment.extend((8 + payload.len() as u16).to_be_bytes());
            segment.extend([0, 0]);
        }
        segment.extend_from_slice(payload);
        let protocol = if is_tcp { 6 } else { 17 };
        let mut ends = [[10, 0, 0, 1], [10, 0, 0, 2]];
        if is_answer {
            ends.reverse();
        }
        let mut frame = vec![2; if link_type == link_type::LINUX_SLL { 14 } else { 12 }];
        if numbers.below(3) == 0 {
            frame.extend([0x81, 0, 0x60, numbers.below(2) as u8]);
        }
        if numbers.below(3) == 0 {
            let [high, low] = (segment.len() as u16).to_be_bytes();
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, high, low, protocol, 64]);
            ends.iter().for_each(|end| frame.extend([0x20; 12].iter().chain(end)));
        } else {
            let [high, low] = (20 + segment.len() as u16).to_be_bytes();
            let fragment = if numbers.below(20) == 0 { 0x20 } else { 0 };
            frame.extend([8, 0, 0x45, 0, high, low, 0, 7, fragment, 0, 64, protocol, 0, 0]);
            frame.extend(ends.concat());
        }
        frame.extend(segment);
        if numbers.below(10) == 0 {
            let at = numbers.below(frame.len());
            frame[at] = numbers.below(256) as u8;
        }
        frame
    }

    #[test]
    fn generated_frames_are_counted_as_if_they_were_shown() {
        for seed in 0..24 {
            let mut numbers = Numbers(seed);
            let link_type = [link_type::ETHERNET, link_type::LINUX_SLL][seed as usize % 2];
            let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, link_type];
            let mut capture: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut seconds = 1_700_000_000u32;
            for _ in 0..600 {
                let frame = frame(&mut numbers, link_type);
                // Sometimes beyond the idle times, and back.
                match numbers.below(60) {
                    0 => seconds += 100,
                    1 => seconds -= 50,
                    pace => seconds += u32::from(pace < 10),
                }
                let captured =
                    frame.len() - if numbers.below(12) == 0 { numbers.below(frame.len()) } else { 0 };
                let microseconds = numbers.below(1_000_000) as u32;
                for field in [seconds, microseconds, captured as u32, frame.len() as u32] {
                    capture.extend(field.to_le_bytes());
                }
                capture.extend(&frame[..captured]);
            }
            assert_agrees(&format!("seed {seed}"), &capture);
        }
    }
}

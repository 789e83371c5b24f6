//! The short cut gives the answers of the long way.

use std::path::Path;

use super::*;
use crate::engine::{CALLS, Options, PCAP, Protocol, TEXT};
use crate::flow::table::KnownFlow;
use crate::matching::filter_set::{FilterSet, NoFilterPolicy};
use crate::matching::filter_type::FilterType;

/// What an engine makes of a capture, with or without the short cut; the filters change in the middle.
fn answers(
    capture: &[u8],
    outputs: u8,
    filters: [&[(FilterType, &str)]; 2],
    takes_short_cut: bool,
) -> (Vec<Vec<u8>>, Vec<u64>, String) {
    let options = Options { outputs, protocol: Protocol::Voip, batch_packets: 7, ..Options::default() };
    let mut engine = Engine::new(options);
    let input = engine.open_input("a capture", "");
    let mut written = Vec::new();
    let (first, second) = capture.split_at(capture.len() / 2);
    let mut rest = Vec::new();
    for (part, filters) in [first, second].into_iter().zip(filters) {
        let mut set = FilterSet::new(NoFilterPolicy::Deny);
        for (number, (filter_type, pattern)) in filters.iter().enumerate() {
            set.add(*filter_type as u32, &format!("f{number}"), pattern).unwrap();
        }
        set.build().unwrap();
        engine.set_filters(set);
        if let Some(voip) = engine.voip.as_mut().filter(|_| !takes_short_cut) {
            voip.may_take_short_cut = false;
        }
        rest.extend_from_slice(part);
        let progress = engine.process(input, &rest, false);
        rest.drain(..progress.consumed);
    }
    engine.process(input, &rest, true);
    engine.finish();
    let counters = engine.counters();
    let rejected = counters.rejected_by_mode + counters.rejected_by_filters + counters.call_buffer_full;
    assert_eq!(
        counters.packets,
        counters.kept + rejected + counters.fragments_merged - counters.datagrams_rebuilt
    );
    let over =
        counters.calls_ended + counters.calls_unmatched + counters.calls_evicted + counters.calls_merged;
    assert_eq!(counters.calls_begun, over);
    written.extend([WIRE, PCAP, CALLS].map(|kind| engine.output(kind).to_vec()));
    written.push(engine.pieces().iter().flat_map(|number| number.to_le_bytes()).collect());
    (written, engine.counters().values().to_vec(), engine.traffic_json(100))
}

/// What begins a PPPoE session, up to its length.
const SESSION: &[u8] = &[0x88, 0x64, 0x11, 0, 0, 1];
/// An MPLS label.
const LABEL: &[u8] = &[0x88, 0x47, 0, 1, 1, 64];

/// A capture of Ethernet frames as it would be behind another link layer; with tags, a session or a label, where it is
/// given one.
fn relinked(capture: &[u8], link_type: u32, tag: &[u8]) -> Vec<u8> {
    let (header, mut records) = capture.split_at(24);
    let mut relinked = [&header[..20], &link_type.to_le_bytes()].concat();
    while let Some((header, rest)) = records.split_first_chunk::<16>() {
        let length = u32::from_le_bytes(*header[8..].first_chunk().unwrap()) as usize;
        let (frame, rest) = rest.split_at(length);
        let (addresses, behind) = frame.split_at(12);
        let (ethertype, ip) = behind.split_at(2);
        let frame = match link_type {
            link_type::LINUX_SLL => [&[0; 14], tag, behind].concat(),
            link_type::LINUX_SLL2 => [ethertype, &[0; 18], ip].concat(),
            link_type::RAW => ip.to_vec(),
            _ if tag == LABEL => [addresses, tag, ip].concat(),
            _ if tag == SESSION => {
                let protocol = if *ethertype == [8, 0] { [0, 0x21] } else { [0, 0x57] };
                [addresses, tag, &(2 + ip.len() as u16).to_be_bytes(), &protocol, ip].concat()
            }
            _ => [addresses, tag, behind].concat(),
        };
        relinked.extend_from_slice(&header[..8]);
        (0..2).for_each(|_| relinked.extend((frame.len() as u32).to_le_bytes()));
        relinked.extend(frame);
        records = rest;
    }
    relinked
}

/// Calls on loopback behind all link layers that plain packets may have, and whether their media may go the short way.
fn captures() -> Vec<(String, Vec<u8>, bool)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut captures = Vec::new();
    for name in ["voip-udp.pcap", "voip-ipv6.pcap"] {
        let capture = std::fs::read(root.join(name)).unwrap();
        for (link_type, tag) in [
            (link_type::ETHERNET, &[][..]),
            (link_type::ETHERNET, &[0x81, 0, 0x20, 100]),
            (link_type::ETHERNET, &[0x88, 0xa8, 0, 7, 0x81, 0, 0x20, 100]),
            (link_type::ETHERNET, SESSION),
            (link_type::ETHERNET, LABEL),
            (link_type::LINUX_SLL, &[]),
            (link_type::LINUX_SLL2, &[]),
            (link_type::RAW, &[]),
        ] {
            let what = format!("{name}, link type {link_type}, tag {tag:x?}");
            captures.push((what, relinked(&capture, link_type, tag), link_type != link_type::LINUX_SLL2));
        }
    }
    captures
}

#[test]
fn the_short_cut_changes_no_answer() {
    for (what, capture, _) in captures() {
        let all: &[_] = &[(FilterType::SipUser, "*"), (FilterType::IpAddress, "10.0.0.0/8")];
        let users: &[_] = &[(FilterType::SipUser, "*1*"), (FilterType::SipUser, "alice")];
        let nobody: &[_] = &[(FilterType::SipUser, "nobody")];
        for filters in [[all, all], [users, users], [nobody, nobody], [users, nobody], [nobody, all]] {
            for outputs in [WIRE, WIRE | TEXT, WIRE | PCAP | CALLS, 0] {
                let expected = answers(&capture, outputs, filters, false);
                let given = answers(&capture, outputs, filters, true);
                assert!(given == expected, "{what} {filters:?}, outputs {outputs}");
            }
        }
    }
}

#[test]
fn the_short_cut_is_taken() {
    for (what, capture, is_taken) in captures() {
        let mut engine =
            Engine::new(Options { outputs: WIRE, protocol: Protocol::Voip, ..Options::default() });
        engine.set_filters(FilterSet::new(NoFilterPolicy::Allow));
        let input = engine.open_input("a capture", "");
        engine.process(input, &capture, false);
        // The flow is noted by the packets that went the short way.
        let mut noted = 0;
        engine.voip.as_ref().unwrap().calls.for_each(&mut |_, call| {
            noted += call.streams().iter().filter(|stream| stream.notes.flow != KnownFlow::default()).count();
        });
        assert_eq!(noted > 0, is_taken, "{what}");
    }
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Parties that call each other, and their media, over a few addresses and ports, so that they come into each other's way.
struct Made {
    numbers: Numbers,
    /// Sequence numbers by source, destination and SSRC.
    sequences: [u16; 4096],
    cseq: u32,
    /// Ends, ports and SSRC of the media of late.
    stream: ([usize; 2], [u16; 2], usize),
    link_type: u32,
    /// Of twelve frames, so many are in a VLAN.
    tagged: usize,
}

/// Link types of made traffic, and how much of it is in VLANs: by seed.
const LINKS: [(u32, usize); 5] = [
    (link_type::ETHERNET, 1),
    (link_type::ETHERNET, 11),
    (link_type::LINUX_SLL, 1),
    (link_type::LINUX_SLL2, 1),
    (link_type::RAW, 0),
];

impl Made {
    fn capture(seed: u64) -> Vec<u8> {
        let (link_type, tagged) = LINKS[seed as usize % LINKS.len()];
        let stream = ([1, 2], [4000, 4002], 0);
        let numbers = Numbers(seed);
        let mut made = Self { numbers, sequences: [0; 4096], cseq: 1, stream, link_type, tagged };
        let header = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, link_type];
        let mut capture: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut milliseconds = 1_700_000_000_000u64;
        for _ in 0..400 {
            milliseconds = match made.numbers.below(400) {
                0 => milliseconds - 100_000,
                1 => milliseconds + 40_000,
                2 => milliseconds + 2_000_000,
                3..6 => milliseconds + 1_000,
                6..9 => milliseconds - 30,
                pace => milliseconds + pace as u64 % 20,
            };
            let frame = match made.numbers.below(9) {
                0 => made.signalling(),
                _ => made.media(),
            };
            let captured =
                if made.numbers.below(40) == 0 { made.numbers.below(frame.len()) } else { frame.len() };
            let [seconds, fraction] = [milliseconds / 1000, milliseconds % 1000 * 1000];
            for field in [seconds, fraction, captured as u64, frame.len() as u64] {
                capture.extend((field as u32).to_le_bytes());
            }
            capture.extend(&frame[..captured]);
        }
        capture
    }

    fn frame(&mut self, [source, destination]: [usize; 2], [from, to]: [u16; 2], payload: &[u8]) -> Vec<u8> {
        // What the link layer says in front of its type, and behind it.
        let (mut frame, behind) = match self.link_type {
            link_type::ETHERNET => (vec![2; 12], 0),
            link_type::LINUX_SLL => (vec![0; 14], 0),
            _ => (Vec::new(), 18),
        };
        let has_type = self.link_type != link_type::RAW;
        let tag = self.numbers.one_of(&[20, 20, 20, 20, 20, 20, 20, 30]);
        if self.numbers.below(12) < self.tagged && behind == 0 {
            frame.extend([0x81, 0, 0x20, tag]);
            if self.numbers.below(4) == 0 {
                frame.extend([0x81, 0, 0, self.numbers.one_of(&[20, 20, 30])]);
            }
        }
        let udp = 8 + payload.len() as u16;
        let mut segment: Vec<u8> = [from, to, udp, 0].iter().flat_map(|field| field.to_be_bytes()).collect();
        segment.extend_from_slice(payload);
        let ends = [[10, 0, 0, source as u8], [10, 0, 0, destination as u8]].concat();
        if self.numbers.below(8) == 0 {
            let prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0];
            frame.extend(if has_type { &[0x86, 0xdd][..] } else { &[] });
            frame.resize(frame.len() + if has_type { behind } else { 0 }, 0);
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(udp.to_be_bytes());
            frame.extend([17, 64]);
            ends.chunks(4).for_each(|end| frame.extend([&prefix[..], end].concat()));
        } else {
            frame.extend(if has_type { &[8, 0][..] } else { &[] });
            frame.resize(frame.len() + if has_type { behind } else { 0 }, 0);
            frame.extend([0x45, 0]);
            frame.extend((20 + udp).to_be_bytes());
            frame.extend([0, 7, 0, 0, 64, 17, 0, 0]);
            frame.extend(ends);
        }
        frame.extend(segment);
        frame
    }

    fn signalling(&mut self) -> Vec<u8> {
        let numbers = &mut self.numbers;
        let call = numbers.below(6);
        let (caller, called) = (call % 3 + 1, (call + 1) % 3 + 1);
        let users = ["alice", "bob1", "carol"];
        let (method, status) = numbers.one_of(&[
            ("INVITE", ""),
            ("INVITE", ""),
            ("INVITE", "183 Session Progress"),
            ("INVITE", "200 OK"),
            ("INVITE", "200 OK"),
            ("INVITE", "486 Busy Here"),
            ("ACK", ""),
            ("BYE", ""),
            ("BYE", "200 OK"),
            ("BYE", "401 Unauthorized"),
            ("CANCEL", ""),
            ("UPDATE", ""),
            ("OPTIONS", ""),
        ]);
        self.cseq += u32::from(status.is_empty());
        let start = match status {
            "" => format!("{method} sip:{}@example.com SIP/2.0", users[called - 1]),
            _ => format!("SIP/2.0 {status}"),
        };
        let side = if status.is_empty() { caller } else { called };
        let has_session = matches!(method, "INVITE" | "UPDATE") && numbers.below(5) > 0;
        let body = if has_session {
            let port = if self.numbers.below(6) == 0 { self.port() } else { 4000 + 2 * call as u16 };
            let formats = self.numbers.one_of(&["0", "8 101", "96"]);
            let address = if self.numbers.below(8) == 0 { 0 } else { side };
            let more = self.numbers.one_of(&[
                "",
                "a=rtcp-mux\r\n",
                "a=sendonly\r\n",
                "a=rtpmap:96 opus/48000/2\r\n",
            ]);
            format!(
                "v=0\r\no=- {call} 1 IN IP4 10.0.0.{side}\r\ns=-\r\nc=IN IP4 10.0.0.{address}\r\nt=0 0\r\n\
                 m=audio {port} RTP/AVP {formats}\r\n{more}"
            )
        } else {
            String::new()
        };
        let to_tag = if status.is_empty() && self.numbers.below(2) == 0 { "" } else { ";tag=b" };
        let message = format!(
            "{start}\r\nVia: SIP/2.0/UDP 10.0.0.{caller};branch=z9hG4bK{}\r\nFrom: <sip:{}@example.com>;tag=a\r\n\
             To: <sip:{}@example.com>{to_tag}\r\nCall-ID: call{call}\r\nCSeq: {} {method}\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.cseq,
            users[caller - 1],
            users[called - 1],
            self.cseq,
            body.len()
        );
        let ends = if status.is_empty() { [caller, called] } else { [called, caller] };
        self.frame(ends, [5060, 5060], message.as_bytes())
    }

    fn port(&mut self) -> u16 {
        4000 + 2 * self.numbers.below(6) as u16
    }

    fn media(&mut self) -> Vec<u8> {
        if self.numbers.below(8) == 0 {
            let call = self.numbers.below(6);
            let ends = [call % 3 + 1, (call + 1) % 3 + 1];
            let ends = if self.numbers.below(2) == 0 { ends } else { [ends[1], ends[0]] };
            let own = 4000 + 2 * call as u16;
            let from = if self.numbers.below(4) == 0 { self.port() } else { own };
            self.stream = (ends, [from, own], self.numbers.below(3));
        }
        let (ends, ports, ssrc) = self.stream;
        let [from, to] = ports.map(|port| usize::from(port - 4000) / 2);
        let place = (((ends[0] * 4 + ends[1]) * 6 + from) * 6 + to) * 3 + ssrc;
        let sequence = &mut self.sequences[place];
        *sequence = sequence.wrapping_add(match self.numbers.below(30) {
            0 => 0,
            1 => 3,
            2 => 40_000,
            3 => 65_534,
            _ => 1,
        });
        let sequence = *sequence;
        let first = self.numbers.one_of(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x90, 0xa0, 0x40]);
        let format = self.numbers.one_of(&[0, 0, 0, 8, 0x80, 96, 101, 200, 72]);
        let mut packet = vec![first, format];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend([0, 0, 0, ssrc as u8 + 1]);
        packet.extend(vec![0x55; self.numbers.one_of(&[0, 20, 20, 20, 160])]);
        let ports = match self.numbers.below(25) {
            0 => [ports[0], ports[1] + 1],
            1 => [ports[0] + 1, ports[1]],
            _ => ports,
        };
        self.frame(ends, ports, &packet)
    }
}

#[test]
fn the_short_cut_changes_no_answer_of_made_traffic() {
    let seeds = std::env::var("CARACAL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(40);
    let all: &[_] = &[(FilterType::SipUser, "*"), (FilterType::IpAddress, "10.0.0.1")];
    let users: &[_] = &[(FilterType::SipUser, "*1*"), (FilterType::SipUser, "alice")];
    let callid: &[_] = &[(FilterType::CallId, "call2")];
    let nobody: &[_] = &[(FilterType::SipUser, "nobody")];
    let mut kept = 0;
    for seed in 0..seeds {
        let capture = Made::capture(seed);
        for filters in [[users, users], [callid, users], [users, nobody], [nobody, all]] {
            for outputs in [WIRE, WIRE | TEXT, WIRE | PCAP | CALLS, 0] {
                let expected = answers(&capture, outputs, filters, false);
                let given = answers(&capture, outputs, filters, true);
                // Not what they are: that is long.
                assert!(given == expected, "seed {seed} {filters:?}, outputs {outputs}");
                kept += expected.0[0].len();
            }
        }
    }
    assert!(kept > 0);
}

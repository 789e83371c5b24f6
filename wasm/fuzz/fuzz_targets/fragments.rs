//! Bytes as IP fragments and ESP packets, made or taken as they are, at any time, within small bounds.
//!
//! Every fragment that is taken is merged, a counted duplicate, refused, or released as it came, once. Where all copies
//! of a byte are the same, a rebuilt datagram has every byte in its place.
#![no_main]

mod input;

use std::collections::BTreeMap;

use caracal_engine::net::esp::{EspNull, EspOptions};
use caracal_engine::net::fragments::{Defragmenter, FragmentCounters, Limits, Taken};
use caracal_engine::net::{Fragment, Transport, decode, decode_record, link_type};
use input::Input;
use libfuzzer_sys::fuzz_target;

/// IP protocol of made fragments: for experiments (RFC 3692).
const PROTOCOL: u8 = 253;
const ESP: u8 = 50;

/// A frame that is held: its bytes, link type, length on the line, and time.
type Held = (Vec<u8>, u32, u32, i64);

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let modes = input.u8();
    // Frames as they are could have the addresses of those that are made.
    let all_made = modes & 1 == 0;
    let limits = match modes & 2 {
        0 => Limits::default(),
        _ => Limits {
            datagrams: 1 + usize::from(input.u8() & 7),
            bytes: 64 * usize::from(input.u8()),
            fragments: 1 + usize::from(input.u8() & 15),
            lifetime_ns: u64::from(input.u8()) * 250_000_000,
        },
    };
    let mut machine = Machine {
        defragmenter: Defragmenter::new(limits),
        esp: EspNull::new(EspOptions {
            null: modes & 4 != 0,
            heuristic: modes & 8 != 0,
            icv_size: (modes & 16 != 0).then(|| modes >> 5 << 2),
        }),
        limits,
        held: BTreeMap::new(),
        taken: 0,
        outcomes: [0; 4],
        unwrapped: 0,
    };
    let mut now_ns = 1_700_000_000_000_000_000;
    while !input.is_empty() {
        let choice = input.u8();
        now_ns = i64::saturating_add(now_ns, input.pause());
        let link_type = link_type_of(choice >> 2);
        let mut is_made = true;
        let frame = match choice & 3 {
            0 if !all_made => {
                is_made = false;
                let length = usize::from(input.u16() & 0x7ff);
                input.bytes(length).to_vec()
            }
            1 => esp_frame(link_type, &mut input),
            _ => fragment_frame(link_type, &mut input),
        };
        let snap = if choice & 0xe0 == 0xe0 { usize::from(input.u8()) * 2 } else { frame.len() };
        let captured = &frame[..snap.min(frame.len())];
        machine.take(captured, link_type, frame.len() as u32, now_ns, is_made && all_made);
        if choice & 0x90 == 0x80 {
            machine.release();
        }
        machine.check_bounds();
    }
    machine.defragmenter.finish();
    machine.release();
    assert!(machine.held.is_empty() || machine.outcomes[Taken::Complete as usize] > 0, "fragments are lost");
    assert_eq!((machine.defragmenter.held_bytes(), machine.defragmenter.open_datagrams()), (0, 0));
    assert_eq!(accounted(&machine.defragmenter.counters()), machine.taken, "fragments are lost");
});

struct Machine {
    defragmenter: Defragmenter,
    esp: EspNull,
    limits: Limits,
    /// By tag.
    held: BTreeMap<u64, Held>,
    taken: u64,
    /// By [`Taken`].
    outcomes: [u64; 4],
    unwrapped: u64,
}

impl Machine {
    fn take(&mut self, frame: &[u8], link_type: u32, original_length: u32, now_ns: i64, canonical: bool) {
        let packet = decode_record(link_type, frame, original_length);
        if packet.fragment == Fragment::None {
            return self.unwrap(frame, link_type, original_length, now_ns);
        }
        self.taken += 1;
        let tag = self.taken;
        let taken = self.defragmenter.take(&packet, frame, link_type, original_length, now_ns, 0, tag);
        self.outcomes[taken as usize] += 1;
        match taken {
            Taken::Held => {
                self.held.insert(tag, (frame.to_vec(), link_type, original_length, now_ns));
            }
            Taken::Complete => {
                let (rebuilt, link_type) = self.defragmenter.rebuilt();
                let rebuilt = rebuilt.to_vec();
                check_rebuilt(&rebuilt, link_type, canonical);
                self.unwrap(&rebuilt, link_type, rebuilt.len() as u32, now_ns);
            }
            Taken::Duplicate | Taken::Refused => {}
        }
    }

    fn release(&mut self) {
        while let Some(released) = self.defragmenter.next_released() {
            let held =
                self.held.remove(&released.tag).expect("a frame that was not held is released, or again");
            let released = (
                released.frame.to_vec(),
                released.link_type,
                released.original_length,
                released.timestamp_ns,
            );
            assert_eq!(held, released, "released is another frame than was taken");
        }
    }

    fn unwrap(&mut self, frame: &[u8], link_type: u32, original_length: u32, now_ns: i64) {
        let packet = decode_record(link_type, frame, original_length);
        let unwrapped = self.esp.unwrap(&packet, frame, link_type, now_ns);
        self.unwrapped += u64::from(unwrapped);
        let counters = self.esp.counters();
        assert_eq!(
            counters.unwrapped_by_trailer + counters.unwrapped_by_content + counters.unwrapped_by_association,
            self.unwrapped
        );
        if !unwrapped {
            return;
        }
        let plain = decode(self.esp.link_type(), self.esp.frame());
        assert!(plain.ip.is_some(), "no IP packet after decapsulation");
        assert!(self.esp.frame().len() < frame.len() + 8, "longer without encapsulation");
    }

    fn check_bounds(&self) {
        assert!(self.defragmenter.held_bytes() <= self.limits.bytes, "more bytes than there may be");
        assert!(
            self.defragmenter.open_datagrams() <= self.limits.datagrams,
            "more datagrams than there may be"
        );
        let counters = self.defragmenter.counters();
        assert!(accounted(&counters) <= self.taken, "more fragments than there were");
        assert_eq!(self.outcomes[Taken::Complete as usize], counters.datagrams_rebuilt);
        assert_eq!(self.outcomes[Taken::Duplicate as usize], counters.duplicates);
        assert_eq!(self.outcomes[Taken::Refused as usize], refused(&counters));
    }
}

/// The fragments that are not held any more.
fn accounted(counters: &FragmentCounters) -> u64 {
    counters.fragments_merged
        + counters.duplicates
        + counters.late_duplicates
        + counters.fragments_released
        + refused(counters)
}

fn refused(counters: &FragmentCounters) -> u64 {
    counters.refused_malformed
        + counters.refused_cut
        + counters.refused_unaligned
        + counters.refused_too_long
        + counters.refused_unfit
        + counters.refused_given_up
        + counters.refused_no_room
}

fn check_rebuilt(frame: &[u8], link_type: u32, canonical: bool) {
    let packet = decode(link_type, frame);
    let ip = packet.ip.expect("no IP packet was rebuilt");
    if !canonical {
        return;
    }
    assert_eq!(packet.fragment, Fragment::None, "a fragment was rebuilt");
    assert_eq!((packet.transport, ip.protocol), (Transport::Other(PROTOCOL), PROTOCOL));
    assert!(packet.is_complete() && packet.faults.is_empty(), "{:?}", packet.faults);
    let datagram = ip.source.octets().last().copied().unwrap_or_default();
    assert!(
        packet.payload.iter().enumerate().all(|(at, byte)| *byte == content(datagram, at)),
        "bytes in the wrong place"
    );
}

/// The byte at a place of a datagram.
fn content(datagram: u8, at: usize) -> u8 {
    let mixed = (at as u32 ^ u32::from(datagram) << 20).wrapping_mul(0x9e37_79b1);
    (mixed >> 24) as u8 ^ (mixed >> 13) as u8
}

fn link_type_of(choice: u8) -> u32 {
    [
        link_type::ETHERNET,
        link_type::RAW,
        link_type::LINUX_SLL,
        link_type::LINUX_SLL2,
        link_type::NULL,
        link_type::PPP,
        link_type::IPV4,
        link_type::ETHERNET,
    ][usize::from(choice & 7)]
}

/// An IP packet behind the header of a link.
fn frame(link_type: u32, tags: u8, ip: &[u8]) -> Vec<u8> {
    let ipv6 = ip[0] >> 4 == 6;
    let ethertype: [u8; 2] = if ipv6 { [0x86, 0xdd] } else { [8, 0] };
    let mut link = Vec::new();
    match link_type {
        link_type::ETHERNET => {
            link.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
            match tags & 3 {
                1 => link.extend_from_slice(&[0x81, 0, 0, 5]),
                2 => link.extend_from_slice(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]),
                3 => {
                    let [high, low] = (ip.len() as u16 + 2).to_be_bytes();
                    link.extend_from_slice(&[0x88, 0x64, 0x11, 0, 0, 1, high, low, 0]);
                    link.push(if ipv6 { 0x57 } else { 0x21 });
                    return [link, ip.to_vec()].concat();
                }
                _ => {}
            }
            link.extend_from_slice(&ethertype);
        }
        link_type::LINUX_SLL => {
            link.extend_from_slice(&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
            link.extend_from_slice(&ethertype);
        }
        link_type::LINUX_SLL2 => {
            link.extend_from_slice(&ethertype);
            link.extend_from_slice(&[0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
        }
        link_type::NULL => link.extend_from_slice(&[if ipv6 { 30 } else { 2 }, 0, 0, 0]),
        link_type::PPP => link.extend_from_slice(&[0xff, 3, 0, if ipv6 { 0x57 } else { 0x21 }]),
        _ => {}
    }
    [link, ip.to_vec()].concat()
}

fn ip_header(ipv6: bool, sender: u8, protocol: u8, fragment: (u16, bool, u8), length: usize) -> Vec<u8> {
    let (offset, more, identification) = fragment;
    if ipv6 {
        let [high, low] = (length as u16 + 8).to_be_bytes();
        let mut header = vec![0x60, 0, 0, 0, high, low, 44, 64];
        header.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, sender]);
        header.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        let [f0, f1] = (offset << 3 | u16::from(more)).to_be_bytes();
        header.extend_from_slice(&[protocol, 0, f0, f1, 0, 0, 0, identification]);
        return header;
    }
    let [high, low] = (length as u16 + 20).to_be_bytes();
    let [f0, f1] = (offset | u16::from(more) << 13).to_be_bytes();
    let mut header = vec![0x45, 0, high, low, 0, identification, f0, f1, 64, protocol, 0, 0];
    header.extend_from_slice(&[10, 0, 0, sender, 10, 0, 1, 1]);
    header
}

/// A fragment of one of a few datagrams, whose bytes depend on their places alone.
fn fragment_frame(link_type: u32, input: &mut Input) -> Vec<u8> {
    let shape = input.u8();
    let ipv6 = shape & 1 != 0 && link_type != link_type::IPV4;
    let datagram = shape >> 1 & 3;
    let place = input.u16();
    // Mostly small offsets, in the units of the field.
    let offset = if shape & 0xc0 == 0xc0 { place & 0x1fff } else { place & 31 };
    let more = shape & 8 == 0;
    let mut length = usize::from(input.u8());
    if more && shape & 16 == 0 {
        length = length / 8 * 8;
    }
    let sender = datagram | u8::from(ipv6) << 7;
    let mut ip = ip_header(ipv6, sender, PROTOCOL, (offset, more, shape >> 5 & 1), length);
    let first = usize::from(offset) * 8;
    ip.extend((first..first + length).map(|at| content(sender, at)));
    frame(link_type, shape >> 3, &ip)
}

/// ESP around UDP, TCP or IP, with a trailer that is right or nearly so.
fn esp_frame(link_type: u32, input: &mut Input) -> Vec<u8> {
    let shape = input.u8();
    let (source, destination) = (input.u16(), input.u16());
    let length = usize::from(input.u8());
    let content = input.bytes(length);
    let [s0, s1] = source.to_be_bytes();
    let [d0, d1] = destination.to_be_bytes();
    let mut inner = Vec::new();
    let next_header = match shape & 3 {
        0 | 1 => {
            let [l0, l1] = (8 + content.len() as u16).to_be_bytes();
            inner.extend_from_slice(&[s0, s1, d0, d1, l0, l1, 0, 0]);
            17
        }
        2 => {
            inner.extend_from_slice(&[s0, s1, d0, d1, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 4, 0, 0, 0, 0, 0]);
            6
        }
        _ => {
            inner.extend_from_slice(&ip_header(false, 9, 17, (0, false, 1), content.len()));
            4
        }
    };
    inner.extend_from_slice(content);
    let pads = shape >> 2 & 7;
    inner.extend(1..=pads);
    inner.extend_from_slice(&[pads, next_header]);
    inner.resize(inner.len() + [12, 16, 8, 0, 24, 32, 10, 12][usize::from(shape >> 5)], 0xa5);
    let mut esp = vec![0, 0, 1, source as u8 & 3, 0, 0, 0, 1];
    esp.extend_from_slice(&inner);
    let in_udp = destination & 1 != 0;
    if in_udp {
        let [l0, l1] = (8 + esp.len() as u16).to_be_bytes();
        esp = [&[0x11, 0x94, 0x11, 0x94, l0, l1, 0, 0][..], &esp].concat();
    }
    let protocol = if in_udp { 17 } else { ESP };
    let mut ip = ip_header(false, 1, protocol, (0, false, 0), esp.len());
    ip.extend_from_slice(&esp);
    frame(link_type, shape, &ip)
}

use std::collections::HashMap;

use super::index::Index;
use super::*;
use crate::net::{Address, Fragment, IpHeader, Transport, decode, link_type, protocol, tcp_flag};

const SYN: u8 = tcp_flag::SYN;
const ACK: u8 = tcp_flag::ACK;
const FIN: u8 = tcp_flag::FIN;
const RST: u8 = tcp_flag::RST;
const SYN_ACK: u8 = SYN | ACK;
/// Some time of day.
const START: i64 = 1_700_000_000 * SECOND_NS;
const NO_LIMITS_MET: usize = 100_000;

/// 64 bytes, as the detector's state has.
#[derive(Default)]
struct State([u64; 8]);

type Table = FlowTable<State>;

/// A packet between two endpoints, as the decoder would give it.
#[derive(Clone, Copy)]
struct Sent {
    source: (Address, u16),
    destination: (Address, u16),
    protocol: u8,
    flags: u8,
    sequence: u32,
    fragment: Fragment,
}

impl Sent {
    fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source, ..self }
    }

    fn packet(self) -> Packet<'static> {
        let mut packet = decode(link_type::RAW, &[]);
        packet.ip = Some(IpHeader {
            source: self.source.0,
            destination: self.destination.0,
            version: self.source.0.version(),
            protocol: self.protocol,
            hop_limit: 64,
        });
        packet.transport = match self.protocol {
            protocol::TCP => Transport::Tcp,
            protocol::UDP => Transport::Udp,
            other => Transport::Other(other),
        };
        if matches!(self.fragment, Fragment::Later { .. }) {
            packet.transport = Transport::None;
        }
        (packet.source_port, packet.destination_port) = (self.source.1, self.destination.1);
        packet.tcp_flags = self.flags;
        packet.tcp_sequence = self.sequence;
        packet.fragment = self.fragment;
        packet
    }
}

fn v4(last: u32) -> Address {
    Address::v4((0x0a00_0000 | last).to_be_bytes())
}

fn v6(last: u32) -> Address {
    Address::v6((0x2001_0db8_u128 << 96 | u128::from(last)).to_be_bytes())
}

fn sent(protocol: u8, source: (Address, u16), destination: (Address, u16)) -> Sent {
    Sent { source, destination, protocol, flags: 0, sequence: 0, fragment: Fragment::None }
}

/// The flow number `flow` of a protocol.
fn numbered(protocol: u8, flow: u32) -> Sent {
    sent(protocol, (v4(flow), 4000), (v4(0xff_0000), 53))
}

fn udp(flow: u32) -> Sent {
    numbered(protocol::UDP, flow)
}

fn tcp(flags: u8, sequence: u32) -> Sent {
    Sent { flags, sequence, ..numbered(protocol::TCP, 1) }
}

fn table(flows: usize) -> Table {
    FlowTable::new(Limits { flows, ..Limits::default() })
}

fn observe(table: &mut Table, sent: Sent, now_ns: i64) -> (Observed, Vec<EndReason>) {
    let mut ended = Vec::new();
    let observed = table.observe(&sent.packet(), 0, 0, 100, now_ns, &mut |_, reason| ended.push(reason));
    (observed.expect("an IP packet"), ended)
}

/// Whether packets of `first` belong to the same flow as `second`, in the other direction.
fn is_reply(first: &Packet<'_>, second: &Packet<'_>) -> bool {
    let mut table = table(10);
    let first = table.observe(first, 0, 0, 60, START, &mut |_, _| ()).expect("an IP packet");
    assert!(first.is_new && first.direction == Direction::Forward);
    let second = table.observe(second, 0, 0, 60, START, &mut |_, _| ()).expect("an IP packet");
    assert_eq!(second.is_new, second.id != first.id);
    second.id == first.id && second.direction == Direction::Reverse
}

#[test]
fn both_directions_are_one_flow() {
    for (name, sent) in [
        ("UDP", sent(protocol::UDP, (v4(1), 9), (v4(2), 8))),
        ("UDP, higher address first", sent(protocol::UDP, (v4(0x0200), 9), (v4(1), 8))),
        ("UDP, same address", sent(protocol::UDP, (v4(1), 9), (v4(1), 8))),
        ("TCP", sent(protocol::TCP, (v4(1), 9), (v4(2), 9))),
        ("IPv6", sent(protocol::UDP, (v6(1), 9), (v6(2), 8))),
        (
            "IPv6, differs in the upper half",
            sent(protocol::TCP, (Address::v6([1; 16]), 9), (v6(0x0101_0101), 8)),
        ),
        ("ICMP", sent(1, (v4(2), 0), (v4(1), 0))),
        ("ICMPv6", sent(58, (v6(2), 0), (v6(1), 0))),
    ] {
        assert!(is_reply(&sent.packet(), &sent.reversed().packet()), "{name}");
        assert!(is_reply(&sent.reversed().packet(), &sent.packet()), "{name}");
        let mut table = table(1);
        let (observed, _) = observe(&mut table, sent, START);
        observe(&mut table, sent.reversed(), START);
        let flow = table.get(observed.id);
        assert_eq!((flow.source(), flow.destination()), (sent.source, sent.destination), "{name}");
        assert_eq!((flow.packets, flow.bytes), ([1, 1], [100, 100]), "{name}");
        assert_eq!(flow.protocol(), sent.protocol, "{name}");
        let (key, _) = key::of(&sent.packet(), 0, 0).expect("a key");
        assert_eq!(flow.key(), key, "{name}");
        assert_eq!((key.protocol(), key.ip_version()), (sent.protocol, sent.source.0.version()), "{name}");
    }
}

#[test]
fn an_endpoint_that_talks_to_itself_is_one_flow() {
    let mut table = table(1);
    let land = sent(protocol::TCP, (v4(1), 139), (v4(1), 139));
    assert!(observe(&mut table, land, START).0.is_new);
    assert_eq!(observe(&mut table, land.reversed(), START).0.direction, Direction::Forward);
}

#[test]
fn what_differs_in_one_point_is_another_flow() {
    let base = sent(protocol::UDP, (v4(1), 9), (v4(2), 8));
    let others = [
        Sent { protocol: protocol::TCP, ..base },
        Sent { protocol: 1, ..base },
        Sent { source: (v4(1), 10), ..base },
        Sent { destination: (v4(2), 9), ..base },
        Sent { source: (v4(3), 9), ..base },
        Sent { source: (v6(1), 9), destination: (v6(2), 8), ..base },
        Sent { source: (v4(1), 8), destination: (v4(2), 9), ..base },
        Sent { fragment: Fragment::First { identification: 1 }, ..base },
    ];
    let mut table = table(100);
    observe(&mut table, base, START);
    for (number, other) in others.into_iter().enumerate() {
        assert!(observe(&mut table, other, START).0.is_new, "{number}");
    }
    for (context, tunnel_context) in [(1, 0), (0, 1), (1, 1), (2, 0)] {
        let mut see = || {
            table
                .observe(&base.packet(), context, tunnel_context, 60, START, &mut |_, _| ())
                .map(|o| o.is_new)
        };
        assert_eq!((see(), see()), (Some(true), Some(false)), "{context} {tunnel_context}");
    }
    assert!(!observe(&mut table, base, START).0.is_new);
}

#[test]
fn fragments_share_a_flow_without_ports() {
    let base = sent(protocol::TCP, (v4(1), 9), (v4(2), 8));
    let mut table = table(10);
    let first = Sent { fragment: Fragment::First { identification: 1 }, flags: SYN, ..base };
    let later = Sent { fragment: Fragment::Later { identification: 1, offset: 1480 }, ..base };
    let (observed, _) = observe(&mut table, first, START);
    assert_eq!(observe(&mut table, later, START).0, Observed { is_new: false, ..observed });
    let flow = table.get(observed.id);
    assert_eq!((flow.source(), flow.tcp_phase()), ((v4(1), 0), None));
    assert!(flow.key().has_no_transport());
    let portless = sent(protocol::TCP, (v4(1), 0), (v4(2), 0));
    assert!(observe(&mut table, portless, START).0.is_new);
}

/// An Ethernet frame with an empty UDP datagram behind VLAN tags.
fn tagged(tags: &[u16]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    for tag in tags {
        frame.extend_from_slice(&[0x81, 0]);
        frame.extend_from_slice(&tag.to_be_bytes());
    }
    frame.extend_from_slice(&[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend_from_slice(&[0, 9, 0, 8, 0, 8, 0, 0]);
    frame
}

#[test]
fn vlans_are_apart() {
    let mut table = table(100);
    let stacks: [&[u16]; 7] = [&[], &[0], &[5], &[6], &[5, 6], &[6, 5], &[5, 0]];
    for round in 0..2 {
        for tags in stacks {
            let frame = tagged(tags);
            let packet = decode(link_type::ETHERNET, &frame);
            let observed = table.observe(&packet, 0, 0, 60, START, &mut |_, _| ()).expect("an IP packet");
            assert_eq!(observed.is_new, round == 0, "{tags:?}");
        }
    }
    assert_eq!(table.len(), stacks.len());
}

#[test]
fn no_flow_without_ip() {
    let arp = [&[0; 12][..], &[8, 6, 0, 1]].concat();
    let packet = decode(link_type::ETHERNET, &arp);
    assert_eq!(table(1).observe(&packet, 0, 0, 60, START, &mut |_, _| ()), None);
}

/// A TCP segment: whether the side that sends the first one of the table sends it, flags, sequence number.
type Segment = (bool, u8, u32);

const OPENING: [Segment; 3] = [(true, SYN, 7), (false, SYN_ACK, 90), (true, ACK, 8)];

/// Plays segments a millisecond apart. Returns how many flows began, and the last one's phase and packets.
fn play(segments: &[Segment]) -> (u64, Option<TcpPhase>, [u32; 2]) {
    let mut table = table(10);
    let mut last = None;
    for (number, &(from_client, flags, sequence)) in segments.iter().enumerate() {
        let sent = tcp(flags, sequence);
        let sent = if from_client { sent } else { sent.reversed() };
        let before = table.created();
        let (observed, ended) = observe(&mut table, sent, START + number as i64 * 1_000_000);
        assert_eq!(observed.is_new, table.created() > before);
        assert!(ended.iter().all(|reason| *reason == EndReason::Restarted));
        assert_eq!(ended.len(), usize::from(observed.is_new && number > 0));
        last = Some(observed.id);
    }
    assert_eq!(table.len(), 1);
    let flow = table.get(last.expect("a segment"));
    (table.created(), flow.tcp_phase(), flow.packets)
}

fn after(start: &[Segment], more: &[Segment]) -> Vec<Segment> {
    [start, more].concat()
}

#[test]
fn tcp_phases() {
    use TcpPhase::*;
    for (name, segments, phase) in [
        ("SYN", vec![(true, SYN, 7)], Opening),
        ("SYN again", vec![(true, SYN, 7), (true, SYN, 7)], Opening),
        ("SYN+ACK", OPENING[..2].to_vec(), Opening),
        ("SYN from both", vec![(true, SYN, 7), (false, SYN, 8)], Opening),
        ("handshake", OPENING.to_vec(), Established),
        ("one side only", vec![(true, SYN, 7), (true, ACK, 8)], Established),
        ("from the middle", vec![(true, ACK, 8)], Established),
        ("one FIN", after(&OPENING, &[(true, FIN | ACK, 8), (true, FIN | ACK, 8)]), Established),
        ("both FIN", after(&OPENING, &[(true, FIN | ACK, 8), (false, FIN | ACK, 91)]), Closing),
        ("after both FIN", after(&OPENING, &[(true, FIN, 8), (false, FIN, 91), (true, ACK, 9)]), Closing),
        ("RST", after(&OPENING, &[(false, RST, 0)]), Closing),
        ("refused", vec![(true, SYN, 7), (false, RST | ACK, 0)], Closing),
        ("data after RST", after(&OPENING, &[(false, RST, 0), (false, ACK, 91)]), Closing),
    ] {
        assert_eq!(play(&segments).0, 1, "{name}");
        assert_eq!(play(&segments).1, Some(phase), "{name}");
    }
}

#[test]
fn a_syn_for_another_connection_begins_another_flow() {
    let closed = after(&OPENING, &[(true, FIN | ACK, 8), (false, FIN | ACK, 91)]);
    for (name, start, segment, flows) in [
        ("retransmitted before the answer", &OPENING[..1], (true, SYN, 7), 1),
        ("another try before the answer", &OPENING[..1], (true, SYN, 8), 1),
        ("retransmitted after the answer", &OPENING[..2], (true, SYN, 7), 1),
        ("another one after the answer", &OPENING[..2], (true, SYN, 8), 2),
        ("duplicate in the connection", &OPENING, (true, SYN, 7), 1),
        ("ports used again", &OPENING, (true, SYN, 8), 2),
        ("ports used again from the other side", &OPENING, (false, SYN, 8), 2),
        ("same number from the other side", &OPENING, (false, SYN, 7), 2),
        ("crossing SYN", &OPENING[..1], (false, SYN, 9), 1),
        ("SYN+ACK again", &OPENING, (false, SYN_ACK, 90), 1),
        ("no SYN but a scan", &OPENING, (true, SYN | FIN, 99), 1),
        ("after the end", &closed, (true, SYN, 8), 2),
        ("same number after the end", &closed, (true, SYN, 7), 2),
        ("from the other side after the end", &closed, (false, SYN, 8), 2),
        ("data after the end", &closed, (true, ACK, 8), 1),
        ("after RST", &after(&OPENING, &[(true, RST, 8)]), (true, SYN, 8), 2),
        ("after a start in the middle", &[(true, ACK, 8)], (true, SYN, 8), 2),
        ("late SYN of a connection that began with SYN+ACK", &[(false, SYN_ACK, 90)], (true, SYN, 7), 1),
        ("late SYN in front of the first data", &[(true, ACK, 8)], (true, SYN, 7), 1),
        (
            "late SYN in front of the first data, answered",
            &[(true, ACK, 8), (false, ACK, 91)],
            (true, SYN, 7),
            1,
        ),
        ("late SYN, and data at the wrap", &[(true, ACK, 0)], (true, SYN, u32::MAX), 1),
        ("SYN in front of the other side's data", &[(true, ACK, 8)], (false, SYN, 7), 2),
        ("late SYN again", &[(true, ACK, 8), (true, SYN, 7)], (true, SYN, 7), 1),
        ("another after a late SYN", &[(true, ACK, 8), (true, SYN, 7)], (true, SYN, 9), 2),
        ("SYN+ACK again, one side seen", &[(false, SYN_ACK, 90), (false, ACK, 91)], (false, SYN_ACK, 90), 1),
        ("SYN+ACK after the middle", &[(true, ACK, 8), (false, ACK, 91)], (false, SYN_ACK, 90), 1),
        ("SYN+ACK of the side that began", &[(true, ACK, 8)], (true, SYN_ACK, 90), 1),
    ] {
        let (created, phase, packets) = play(&after(start, &[segment]));
        assert_eq!(created, flows, "{name}");
        if flows == 2 {
            assert_eq!((phase, packets), (Some(TcpPhase::Opening), [1, 0]), "{name}");
        }
    }
}

#[test]
fn another_syn_ack_begins_another_flow_where_only_the_responder_is_seen() {
    let first = [(false, SYN_ACK, 90), (false, ACK, 91)];
    let (created, phase, packets) = play(&after(&first, &[(false, SYN_ACK, 5000)]));
    assert_eq!((created, phase, packets), (2, Some(TcpPhase::Opening), [0, 1]));
    let refused = after(&first, &[(false, RST, 92), (false, SYN_ACK, 5000), (false, SYN_ACK, 6000)]);
    assert_eq!(play(&refused).0, 3);
    let from_the_middle = [(true, ACK, 8), (false, SYN_ACK, 90), (false, ACK, 91), (false, SYN_ACK, 5000)];
    assert_eq!(play(&from_the_middle).0, 2);
}

#[test]
fn every_flow_has_one_end() {
    let mut table = FlowTable::<State>::new(Limits { flows: 20, ..Limits::default() });
    for (sent, now_ns) in random_packets(&mut Random(3), 20_000) {
        table.observe(&sent.packet(), 0, 0, 100, now_ns, &mut |_, _| ());
    }
    let ended = |table: &Table| table.expirations() + table.evictions() + table.restarts() + table.finished();
    assert!(table.restarts() > 0 && table.evictions() > 0 && table.finished() == 0);
    assert_eq!(table.created(), table.len() as u64 + ended(&table));
    let live = table.len() as u64;
    table.finish(&mut |_, _| ());
    assert!((1..=live).contains(&table.finished()) && table.is_empty());
    assert_eq!(table.created(), ended(&table));
}

#[test]
fn the_side_that_began_is_the_one_that_sent_syn() {
    let mut table = table(10);
    let (answer, _) = observe(&mut table, tcp(SYN_ACK, 90).reversed(), START);
    assert_eq!((answer.is_new, answer.direction), (true, Direction::Reverse));
    assert_eq!(table.get(answer.id).source(), tcp(0, 0).source);
    assert_eq!(table.get(answer.id).initial_sequence(), None);
    assert_eq!(observe(&mut table, tcp(ACK, 8), START).0.direction, Direction::Forward);
    assert_eq!(table.get(answer.id).packets, [1, 1]);

    let (syn, _) = observe(&mut table, Sent { source: (v4(9), 1), ..tcp(SYN, 7) }, START);
    assert_eq!(table.get(syn.id).initial_sequence(), Some(7));
}

#[test]
fn flows_expire_when_idle_for_as_long_as_their_phase_allows() {
    let limits = Limits::default();
    let with_flags = |flags| vec![tcp(flags, 7)];
    for (name, packets, idle_ns) in [
        ("UDP", vec![udp(1)], limits.udp_idle_ns),
        ("UDP both ways", vec![udp(1), udp(1).reversed()], limits.udp_idle_ns),
        ("opening", with_flags(SYN), limits.tcp_opening_ns),
        ("middle", with_flags(ACK), limits.tcp_established_ns),
        ("established", vec![tcp(ACK, 7), tcp(ACK, 9).reversed()], limits.tcp_established_ns),
        ("closing", with_flags(RST), limits.tcp_closing_ns),
        ("ICMP", vec![numbered(1, 1)], limits.other_idle_ns),
        ("ICMP both ways", vec![numbered(1, 1), numbered(1, 1).reversed()], limits.other_idle_ns),
    ] {
        for (wait_ns, is_over) in
            [(idle_ns - 1, false), (idle_ns, true), (i64::MIN, false), (-idle_ns, false)]
        {
            let mut table = table(10);
            for packet in &packets {
                observe(&mut table, *packet, START);
            }
            let again = Sent { flags: packets[0].flags & !SYN, ..packets[0] };
            let (observed, ended) = observe(&mut table, again, START.saturating_add(wait_ns));
            assert_eq!(observed.is_new, is_over, "{name} {wait_ns}");
            assert_eq!(ended, if is_over { vec![EndReason::Expired] } else { vec![] }, "{name} {wait_ns}");
            assert_eq!(table.expirations(), u64::from(is_over), "{name} {wait_ns}");
            // A packet from the past changes no time.
            let seen = (table.get(observed.id).first_seen_ns, table.get(observed.id).last_seen_ns);
            let first = if is_over { START + wait_ns } else { START };
            assert_eq!(seen, (first, START + wait_ns.max(0)), "{name} {wait_ns}");
        }
    }
}

#[test]
fn no_flow_lives_longer_than_the_longest_life() {
    let mut table = table(10);
    let step = 100 * SECOND_NS;
    for number in 0..864 {
        assert_eq!(observe(&mut table, udp(1), START + number * step).0.is_new, number == 0);
    }
    let (observed, ended) = observe(&mut table, udp(1), START + 864 * step);
    assert!(observed.is_new);
    assert_eq!(ended, [EndReason::Expired]);
}

#[test]
fn the_least_recently_used_flow_is_displaced() {
    let mut table = table(3);
    let mut displaced = Vec::new();
    let mut clock = START;
    // Every packet comes after a tick, so that the order of use is exact. All of one class.
    for flow in [1, 2, 3, 1, 4, 2, 1, 5, 5, 6] {
        clock += 9 * SECOND_NS;
        table.observe(&udp(flow).packet(), 0, 0, 60, clock, &mut |flow, reason| {
            assert_eq!(reason, EndReason::Displaced);
            displaced.push(flow.source().0);
        });
    }
    assert_eq!(displaced, [2, 3, 4, 2].map(v4));
    assert_eq!((table.len(), table.created(), table.evictions()), (3, 7, 4));
}

#[test]
fn a_flow_that_is_over_makes_room_before_a_live_one() {
    let mut table = table(2);
    observe(&mut table, tcp(ACK, 1), START);
    observe(&mut table, numbered(1, 2), START + SECOND_NS);
    let (_, ended) = observe(&mut table, udp(3), START + 61 * SECOND_NS);
    assert_eq!(ended, [EndReason::Expired]);
    assert_eq!((table.evictions(), table.expirations()), (0, 1));
}

#[test]
fn a_scan_does_not_push_out_conversations() {
    let mut table = table(100);
    for flow in 0..50 {
        observe(&mut table, udp(flow), START);
        observe(&mut table, udp(flow).reversed(), START);
    }
    for port in 0..1000 {
        let probe = Sent { flags: SYN, destination: (v4(7), port), ..numbered(protocol::TCP, 1) };
        observe(&mut table, probe, START + SECOND_NS);
    }
    for flow in 0..50 {
        assert!(!observe(&mut table, udp(flow), START + 2 * SECOND_NS).0.is_new, "{flow}");
    }
    // Conversations displace each other all the same.
    for flow in 100..300 {
        observe(&mut table, udp(flow), START + 3 * SECOND_NS);
        observe(&mut table, udp(flow).reversed(), START + 3 * SECOND_NS);
    }
    assert!(observe(&mut table, udp(0), START + 4 * SECOND_NS).0.is_new);
    assert_eq!(table.len(), 100);
}

#[test]
fn flows_that_are_over_give_their_memory_back() {
    let mut table = table(NO_LIMITS_MET);
    for flow in 0..10_000 {
        observe(&mut table, udp(flow), START + i64::from(flow));
    }
    let memory = table.memory_bytes();
    let end = START + Limits::default().udp_idle_ns + SWEEP_SLACK_NS;
    assert_eq!(observe(&mut table, udp(20_000), end - 1).1, []);
    assert_eq!(observe(&mut table, udp(20_000), end).1, [EndReason::Expired]);
    let (_, ended) = observe(&mut table, udp(20_000), end + SECOND_NS);
    assert_eq!(ended, vec![EndReason::Expired; MOST_SWEPT]);
    for _ in 0..10_000 / MOST_SWEPT {
        observe(&mut table, udp(20_000), end + SECOND_NS);
    }
    assert_eq!((table.len(), table.expirations()), (1, 10_000));
    for flow in 0..10_000 {
        assert!(observe(&mut table, udp(flow), end + SECOND_NS).0.is_new);
    }
    assert_eq!(table.memory_bytes(), memory);
}

#[test]
fn packets_dated_far_ahead_do_not_stop_the_sweeps() {
    let mut table = table(NO_LIMITS_MET);
    let ahead = START + 10 * 366 * 86_400 * SECOND_NS;
    // One more than one sweep looks at, of a class that others are of, too.
    for flow in 0..=MOST_SWEPT as u32 {
        observe(&mut table, udp(flow), ahead);
    }
    for flow in 100..1100 {
        observe(&mut table, udp(flow), START);
    }
    let end = START + Limits::default().udp_idle_ns + SWEEP_SLACK_NS;
    for number in 0..1000 {
        observe(&mut table, udp(2000), end + number * SECOND_NS / 10);
    }
    assert_eq!((table.len(), table.expirations()), (MOST_SWEPT + 2, 1000));
}

#[test]
fn state_is_kept_with_the_flow_and_ends_with_it() {
    let mut table = table(1);
    let (first, _) = observe(&mut table, udp(1), START);
    table.get_mut(first.id).state.0[7] = 42;
    let (again, _) = observe(&mut table, udp(1).reversed(), START);
    assert_eq!(table.get(again.id).state.0[7], 42);
    let mut last = Vec::new();
    let second = table.observe(&udp(2).packet(), 0, 0, 60, START, &mut |flow, reason| {
        last.push((flow.state.0[7], flow.packets, reason));
    });
    assert_eq!(last, [(42, [1, 1], EndReason::Displaced)]);
    let second = second.expect("an IP packet").id;
    assert_eq!((second.slot(), table.get(second).state.0[7]), (0, 0));
}

#[test]
fn counts_stay_at_their_highest() {
    let mut table = table(1);
    let (observed, _) = observe(&mut table, udp(1), START);
    let flow = table.get_mut(observed.id);
    (flow.packets, flow.bytes) = ([u32::MAX - 1, 3], [u64::MAX - 150, 3]);
    for _ in 0..3 {
        observe(&mut table, udp(1), START);
    }
    let flow = table.get(observed.id);
    assert_eq!((flow.packets, flow.bytes), ([u32::MAX, 3], [u64::MAX, 3]));
}

#[test]
fn times_at_the_ends_of_their_range_are_borne() {
    let mut table = table(4);
    for now_ns in [i64::MAX, i64::MIN, 0, i64::MAX, i64::MIN, -1] {
        for flow in 0..6 {
            observe(&mut table, udp(flow), now_ns);
            observe(&mut table, udp(flow).reversed(), now_ns);
        }
    }
    table.finish(&mut |_, _| ());
    assert_eq!(table.created(), table.evictions() + table.expirations());
}

#[test]
fn the_end_of_the_capture_ends_all() {
    let mut table = table(10);
    observe(&mut table, numbered(1, 1), START);
    let known = observe(&mut table, udp(2), START + 61 * SECOND_NS).0.id;
    let known = table.known(known);
    observe(&mut table, udp(3), START + 61 * SECOND_NS);
    let mut shown = Vec::new();
    table.for_each(|flow| shown.push(flow.source().0));
    assert_eq!(shown, [1, 2, 3].map(v4));
    let mut ended = Vec::new();
    table.finish(&mut |flow, reason| ended.push((flow.source().0, reason)));
    assert_eq!(
        ended,
        [(v4(1), EndReason::Expired), (v4(2), EndReason::Finished), (v4(3), EndReason::Finished)]
    );
    assert!(table.is_empty());
    table.for_each(|_| panic!("nothing is live"));
    // Nobody is misled by places of before.
    assert!((0..3).all(|slot| table.by_slot(slot).is_none()));
    let (key, from_lower) = key::of(&udp(2).packet(), 0, 0).expect("a flow");
    assert!(!table.count_again(known, &key, from_lower, 100, START + 61 * SECOND_NS));
    assert!(observe(&mut table, udp(2), START + 61 * SECOND_NS).0.is_new);
    assert_eq!((table.len(), table.created()), (1, 4));
}

#[test]
fn a_million_flows() {
    const FLOWS: u32 = 1_000_000;
    let mut table = table(FLOWS as usize);
    let mut packet = udp(0).packet();
    for round in 0..2 {
        for flow in 0..FLOWS {
            if let Some(ip) = &mut packet.ip {
                ip.source = v4(flow);
            }
            let now_ns = START + i64::from(round * FLOWS + flow) * 1000;
            let observed = table.observe(&packet, 0, 0, 60, now_ns, &mut |_, _| panic!("nothing ends"));
            assert_eq!(observed.map(|o| (o.is_new, o.id.slot())), Some((round == 0, flow as usize)));
        }
    }
    assert_eq!((table.len(), table.created()), (FLOWS as usize, u64::from(FLOWS)));
    assert_eq!(size_of::<Flow<State>>(), 192);
    assert_eq!(size_of::<Flow<[u32; 25]>>(), 192);
    assert!(table.memory_bytes() <= 250_000_000, "{}", table.memory_bytes());
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    /// One of a few hundred conversations, with flags that occur.
    fn packet(&mut self) -> Sent {
        let protocol =
            [protocol::TCP, protocol::TCP, protocol::TCP, protocol::UDP, 1][self.below(5) as usize];
        let address = |number: u64| if number < 12 { v4(number as u32) } else { v6(number as u32) };
        let client = self.below(16);
        let server = if client < 12 {
            (client + 1 + self.below(11)) % 12
        } else {
            12 + (client - 11 + self.below(3)) % 4
        };
        let port = if protocol == 1 { 0 } else { 1000 };
        let sent = Sent {
            flags: [SYN, SYN_ACK, ACK, ACK, ACK, FIN | ACK, RST, SYN | FIN][self.below(8) as usize],
            sequence: self.below(2) as u32,
            ..sent(protocol, (address(client), port), (address(server), port))
        };
        let fragment = Fragment::First { identification: 1 };
        if self.below(16) == 0 { Sent { fragment, ..sent } } else { sent }
    }
}

/// What is told of an ended flow.
type End = (FlowKey, (Address, u16), i64, i64, [u32; 2], [u64; 2], EndReason);

fn end_of(flow: &Flow<State>, reason: EndReason) -> End {
    (flow.key(), flow.source(), flow.first_seen_ns, flow.last_seen_ns, flow.packets, flow.bytes, reason)
}

/// A flow as the rules have it, without regard to cost.
#[derive(Clone)]
struct Model {
    client: (Address, u16),
    first_ns: i64,
    last_ns: i64,
    packets: [u32; 2],
    bytes: [u64; 2],
    is_tcp: bool,
    is_udp: bool,
    flags: [Vec<u8>; 2],
    sequence: Option<u32>,
    /// Sequence number of the first SYN+ACK, and before that of the first data of a connection without a SYN.
    responder: Option<u32>,
    first_data: Option<u32>,
}

impl Model {
    fn phase(&self) -> Option<TcpPhase> {
        let has = |side: usize, flag| self.flags[side].iter().any(|flags| flags & flag != 0);
        let all = || self.flags.iter().flatten();
        if !self.is_tcp {
            None
        } else if has(0, RST) || has(1, RST) || (has(0, FIN) && has(1, FIN)) {
            Some(TcpPhase::Closing)
        } else if all().all(|flags| flags & SYN != 0) {
            Some(TcpPhase::Opening)
        } else {
            Some(TcpPhase::Established)
        }
    }

    fn is_over(&self, now_ns: i64) -> bool {
        let limits = Limits::default();
        let idle_ns = match self.phase() {
            Some(TcpPhase::Opening) => limits.tcp_opening_ns,
            Some(TcpPhase::Established) => limits.tcp_established_ns,
            Some(TcpPhase::Closing) => limits.tcp_closing_ns,
            None if self.is_udp => limits.udp_idle_ns,
            None => limits.other_idle_ns,
        };
        now_ns - self.last_ns >= idle_ns || now_ns - self.first_ns >= limits.absolute_ns
    }

    fn is_restarted(&self, sent: &Sent, from_client: bool) -> bool {
        let is_syn = sent.flags & (SYN | ACK | FIN | RST) == SYN;
        if sent.flags & (SYN_ACK | RST) == SYN_ACK {
            let is_other = self.responder.is_some_and(|sequence| sequence != sent.sequence);
            return self.is_tcp && !from_client && self.sequence.is_none() && is_other;
        }
        let is_late = self.responder.is_none() && self.first_data == Some(sent.sequence.wrapping_add(1));
        let is_repeated = from_client
            && match self.sequence {
                Some(sequence) => sequence == sent.sequence,
                None => is_late,
            };
        let is_answered = self.flags[1].iter().any(|flags| flags & (SYN_ACK | RST) == SYN_ACK);
        is_syn
            && match self.phase() {
                None => false,
                Some(TcpPhase::Closing) => true,
                Some(TcpPhase::Established) => !is_repeated,
                Some(TcpPhase::Opening) => {
                    from_client && is_answered && self.sequence.is_some() && !is_repeated
                }
            }
    }

    fn end(&self, key: &FlowKey, reason: EndReason) -> End {
        (*key, self.client, self.first_ns, self.last_ns, self.packets, self.bytes, reason)
    }
}

/// The ends of all flows of `packets`, by the model.
fn model_ends(packets: &[(Sent, i64)]) -> (u64, Vec<End>) {
    let mut flows: HashMap<FlowKey, Model> = HashMap::new();
    let (mut created, mut ends) = (0, Vec::new());
    for (sent, now_ns) in packets {
        let (key, _) = key::of(&sent.packet(), 0, 0).expect("a key");
        let is_whole = sent.fragment == Fragment::None;
        let port = |endpoint: (Address, u16)| if is_whole { endpoint } else { (endpoint.0, 0) };
        let (source, destination) = (port(sent.source), port(sent.destination));
        if let Some(flow) = flows.get(&key) {
            let over = flow.is_over(*now_ns).then_some(EndReason::Expired);
            let restarted = flow.is_restarted(sent, flow.client == source).then_some(EndReason::Restarted);
            if let Some(reason) = over.or(restarted) {
                ends.push(flow.end(&key, reason));
                flows.remove(&key);
            }
        }
        let is_tcp = sent.protocol == protocol::TCP && is_whole;
        let flow = flows.entry(key).or_insert_with(|| {
            created += 1;
            let is_answer = is_tcp && sent.flags & SYN_ACK == SYN_ACK;
            Model {
                client: if is_answer { destination } else { source },
                first_ns: *now_ns,
                last_ns: *now_ns,
                packets: [0; 2],
                bytes: [0; 2],
                is_tcp,
                is_udp: sent.protocol == protocol::UDP && is_whole,
                flags: [vec![], vec![]],
                sequence: None,
                responder: None,
                first_data: None,
            }
        });
        let side = usize::from(flow.client != source);
        let is_opening = flow.phase().is_none_or(|phase| phase == TcpPhase::Opening);
        if sent.flags & (SYN | ACK | FIN | RST) == SYN && side == 0 && (is_opening || flow.sequence.is_none())
        {
            flow.sequence = Some(sent.sequence);
        }
        if sent.flags & (SYN_ACK | RST) == SYN_ACK && side == 1 && flow.responder.is_none() {
            flow.responder = Some(sent.sequence);
        }
        if sent.flags & (SYN | RST) == 0 && side == 0 && is_opening && flow.responder.is_none() {
            flow.first_data = Some(sent.sequence);
        }
        flow.flags[side].push(sent.flags);
        flow.packets[side] += 1;
        flow.bytes[side] += 100;
        flow.last_ns = flow.last_ns.max(*now_ns);
    }
    let newest = packets.iter().map(|(_, now_ns)| *now_ns).max().unwrap_or_default();
    for (key, flow) in &flows {
        let reason = if flow.is_over(newest) { EndReason::Expired } else { EndReason::Finished };
        ends.push(flow.end(key, reason));
    }
    (created, ends)
}

fn sorted(mut ends: Vec<End>) -> Vec<String> {
    let mut lines: Vec<String> = ends.drain(..).map(|end| format!("{end:?}")).collect();
    lines.sort();
    lines
}

/// Packets out of order by less than the slack of the sweep, now and then after a pause.
fn random_packets(random: &mut Random, count: usize) -> Vec<(Sent, i64)> {
    let mut clock = START;
    (0..count)
        .map(|_| {
            clock += random.below(SECOND_NS as u64) as i64;
            if random.below(200) == 0 {
                clock += random.below(400) as i64 * SECOND_NS;
            }
            (random.packet(), clock - random.below(SWEEP_SLACK_NS as u64) as i64)
        })
        .collect()
}

#[test]
fn flows_are_those_of_the_rules_without_sweeps_and_lists() {
    for seed in 1..=20 {
        let packets = random_packets(&mut Random(seed), 5000);
        let mut table = FlowTable::<State>::new(Limits { seed, ..Limits::default() });
        let mut ends = Vec::new();
        for (sent, now_ns) in &packets {
            table.observe(&sent.packet(), 0, 0, 100, *now_ns, &mut |flow, reason| {
                ends.push(end_of(flow, reason))
            });
        }
        table.finish(&mut |flow, reason| ends.push(end_of(flow, reason)));
        let (created, expected) = model_ends(&packets);
        assert!(created > 500, "{created}");
        assert_eq!(table.created(), created, "seed {seed}");
        let (ends, expected) = (sorted(ends), sorted(expected));
        for (end, expected) in ends.iter().zip(&expected) {
            assert_eq!(end, expected, "seed {seed}");
        }
        assert_eq!(ends.len(), expected.len(), "seed {seed}");
    }
}

#[test]
fn the_seed_changes_no_result() {
    let run = |seed, flows| {
        let mut random = Random(99);
        let mut table = FlowTable::<State>::new(Limits { seed, flows, ..Limits::default() });
        let (mut ends, mut ids) = (Vec::new(), Vec::new());
        for (sent, now_ns) in random_packets(&mut random, 5000) {
            ids.push(table.observe(&sent.packet(), 0, 0, 100, now_ns, &mut |flow, reason| {
                ends.push(end_of(flow, reason));
            }));
        }
        table.for_each(|flow| ends.push(end_of(flow, EndReason::Finished)));
        (ends, ids, table.len(), table.created(), table.evictions(), table.expirations())
    };
    for flows in [10, 100, 1000] {
        let first = run(1, flows);
        assert!(first == run(2, flows) && first == run(u64::MAX, flows), "{flows}");
        assert_eq!(first.4 > 0, flows < 1000, "{flows}");
    }
}

#[test]
fn the_index_finds_what_it_holds() {
    let mut index = Index::new();
    let mut held: Vec<(u32, u32)> = Vec::new();
    let mut random = Random(5);
    for slot in 0..20_000 {
        // Every hash several times, the highest one too.
        let spread = random.below(3000) as u32;
        let hash =
            if spread.is_multiple_of(3) { u32::MAX - (spread << 20) } else { (spread + 1) * 1_000_003 };
        if held.iter().filter(|(other, _)| *other == hash).count() < 20 {
            index.insert(hash, slot).expect("room");
            held.push((hash, slot));
        }
        if random.below(3) == 0 {
            let (hash, slot) = held.swap_remove(random.below(held.len() as u64) as usize);
            index.remove(hash, slot);
            assert_eq!(index.find(hash, |found| found == slot), None);
        }
        if slot % 1000 == 0 {
            for &(hash, slot) in &held {
                assert_eq!(index.find(hash, |found| found == slot), Some(slot));
            }
        }
    }
    for &(hash, slot) in &held {
        index.remove(hash, slot);
        assert!(index.find(hash, |found| found == slot).is_none());
    }
}

#[test]
fn probes_are_bounded_whatever_the_hashes() {
    for hash in [1, 0x8000_0000, u32::MAX] {
        let mut index = Index::new();
        let mut held = Vec::new();
        for slot in 0..3000 {
            // All at one home, or at two that push each other away.
            let hash = hash ^ (slot & 1);
            if hash == 0 {
                continue;
            }
            while let Err(crowding) = index.insert(hash, slot) {
                let at = held.iter().position(|(_, held)| *held == crowding).expect("a slot that is held");
                let (hash, slot) = held.swap_remove(at);
                index.remove(hash, slot);
            }
            held.push((hash, slot));
            let mut probes = 0;
            assert_eq!(index.find(hash, |found| found == slot), Some(slot));
            index.find(hash, |_| {
                probes += 1;
                false
            });
            assert!(probes <= 512);
        }
        assert!(held.len() >= 500, "{}", held.len());
        for (hash, slot) in held {
            assert_eq!(index.find(hash, |found| found == slot), Some(slot));
        }
    }
}

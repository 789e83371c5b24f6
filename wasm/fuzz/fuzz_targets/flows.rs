//! Bytes as packets of a few flows, at any time, in a small table; against a list of what must come of them.
#![no_main]

mod input;

use std::collections::BTreeMap;

use caracal_engine::flow::key::Direction;
use caracal_engine::flow::table::{EndReason, Flow, FlowTable, Limits, TcpPhase};
use caracal_engine::net::{Address, Fragment, IpHeader, Packet, Transport};
use input::Input;
use libfuzzer_sys::fuzz_target;

type Endpoint = (Address, u16);

/// A flow as it should be.
struct Expected {
    /// Endpoints, the lower one first.
    endpoints: [Endpoint; 2],
    protocol: u8,
    /// Of context, tunnel, and whether the ports are known.
    scope: (u64, u64, bool),
    packets: u32,
    bytes: u64,
    first_ns: i64,
    last_ns: i64,
}

/// What came of a packet: whether it began a flow, its direction, its flow's number, and the flows that ended.
type Outcome = (bool, Direction, u32, Vec<(u32, EndReason)>);

fuzz_target!(|bytes: &[u8]| {
    let one = drive(bytes, 0);
    let other = drive(bytes, 0x9e37_79b9_7f4a_7c15);
    assert!(one == other, "the seed changes what comes out");
});

fn drive(bytes: &[u8], seed: u64) -> Vec<Outcome> {
    let mut input = Input::new(bytes);
    let second = 1_000_000_000;
    let limits = Limits {
        flows: 1 + usize::from(input.u8() & 31),
        udp_idle_ns: i64::from(input.u8()) * second / 4,
        tcp_opening_ns: i64::from(input.u8()) * second / 4,
        tcp_established_ns: i64::from(input.u8()) * second / 4,
        tcp_closing_ns: i64::from(input.u8()) * second / 4,
        other_idle_ns: i64::from(input.u8()) * second / 4,
        absolute_ns: i64::from(input.u8()) * second,
        seed,
    };
    let mut table: FlowTable<u32> = FlowTable::new(limits.clone());
    let mut live: BTreeMap<u32, Expected> = BTreeMap::new();
    let (mut created, mut tally) = (0u32, [0u64; 4]);
    let (mut now_ns, mut newest_ns) = (1_700_000_000_000_000_000, i64::MIN);
    let mut outcomes = Vec::new();
    while !input.is_empty() {
        let choice = input.u8();
        if choice == 0xff {
            finish(&mut table, &limits, newest_ns, &mut live, &mut tally);
            continue;
        }
        now_ns = i64::saturating_add(now_ns, input.pause());
        let (packet, scope) = packet(choice, &mut input);
        if packet.ip.is_some() {
            newest_ns = newest_ns.max(now_ns);
        }
        let wire_bytes = u32::from(input.u8()) << (choice & 24);
        let was_full = table.len() == limits.flows;
        let mut ended = Vec::new();
        let observed = table.observe(&packet, scope.0, scope.1, wire_bytes, now_ns, &mut |flow, reason| {
            ended.push((flow.state, reason));
            check_end(flow, reason, &limits, now_ns, &mut live, &mut tally);
            assert!(reason != EndReason::Displaced || was_full, "displaced though there was room");
        });
        let Some(observed) = observed else {
            assert!(packet.ip.is_none() && ended.is_empty());
            continue;
        };
        assert!(observed.id.slot() < limits.flows);
        let ip = packet.ip.expect("only packets with IP have flows");
        let source = (ip.source, packet.source_port);
        let mut endpoints = [source, (ip.destination, packet.destination_port)];
        endpoints.sort_unstable();
        let flow = table.get_mut(observed.id);
        if observed.is_new {
            created += 1;
            assert_eq!(flow.state, 0, "a new flow has its predecessor's state");
            flow.state = created;
            let none = Expected {
                endpoints,
                protocol: ip.protocol,
                scope,
                packets: 0,
                bytes: 0,
                first_ns: now_ns,
                last_ns: now_ns,
            };
            live.insert(created, none);
        }
        let expected = live.get_mut(&flow.state).expect("a flow that has ended");
        assert_eq!((expected.endpoints, expected.protocol, expected.scope), (endpoints, ip.protocol, scope));
        expected.packets += 1;
        expected.bytes += u64::from(wire_bytes);
        expected.last_ns = expected.last_ns.max(now_ns);
        if endpoints[0] != endpoints[1] {
            let forward = flow.source() == source;
            assert_eq!(forward, observed.direction == Direction::Forward, "the direction");
        }
        outcomes.push((observed.is_new, observed.direction, flow.state, ended));
        assert!(table.len() <= limits.flows, "more flows than there may be");
        check_sums(&table, &live, created, &tally);
    }
    let mut seen = 0;
    table.for_each(|flow| {
        seen += 1;
        assert!(live.contains_key(&flow.state), "a flow that has ended is shown");
    });
    assert_eq!(seen, live.len());
    finish(&mut table, &limits, newest_ns, &mut live, &mut tally);
    check_sums(&table, &live, created, &tally);
    outcomes
}

fn finish(
    table: &mut FlowTable<u32>,
    limits: &Limits,
    newest_ns: i64,
    live: &mut BTreeMap<u32, Expected>,
    tally: &mut [u64; 4],
) {
    table.finish(&mut |flow, reason| {
        assert!(matches!(reason, EndReason::Expired | EndReason::Finished));
        check_end(flow, reason, limits, newest_ns, live, tally);
    });
    assert!(table.is_empty() && live.is_empty(), "flows after the end");
}

fn check_end(
    flow: &Flow<u32>,
    reason: EndReason,
    limits: &Limits,
    now_ns: i64,
    live: &mut BTreeMap<u32, Expected>,
    tally: &mut [u64; 4],
) {
    tally[reason as usize] += 1;
    let expected = live.remove(&flow.state).expect("a flow that ends twice");
    assert_eq!(flow.packets.iter().sum::<u32>(), expected.packets);
    assert_eq!(flow.bytes.iter().sum::<u64>(), expected.bytes);
    assert_eq!((flow.first_seen_ns, flow.last_seen_ns), (expected.first_ns, expected.last_ns));
    let mut endpoints = [flow.source(), flow.destination()];
    endpoints.sort_unstable();
    assert_eq!((endpoints, flow.protocol()), (expected.endpoints, expected.protocol));
    let idle_ns = match flow.tcp_phase() {
        Some(TcpPhase::Opening) => limits.tcp_opening_ns,
        Some(TcpPhase::Established) => limits.tcp_established_ns,
        Some(TcpPhase::Closing) => limits.tcp_closing_ns,
        None if flow.protocol() == 17 && expected.scope.2 => limits.udp_idle_ns,
        None => limits.other_idle_ns,
    };
    let is_over = now_ns.saturating_sub(expected.last_ns) >= idle_ns.max(1)
        || now_ns.saturating_sub(expected.first_ns) >= limits.absolute_ns.max(1);
    assert_eq!(reason == EndReason::Expired, is_over, "{reason:?} after {idle_ns} ns");
}

fn check_sums(table: &FlowTable<u32>, live: &BTreeMap<u32, Expected>, created: u32, tally: &[u64; 4]) {
    assert_eq!(table.len(), live.len());
    assert_eq!(table.created(), u64::from(created));
    assert_eq!(table.created(), table.len() as u64 + tally.iter().sum::<u64>());
    assert_eq!(table.expirations(), tally[EndReason::Expired as usize]);
    assert_eq!(table.evictions(), tally[EndReason::Displaced as usize]);
    assert_eq!(table.restarts(), tally[EndReason::Restarted as usize]);
    assert_eq!(table.finished(), tally[EndReason::Finished as usize]);
}

/// A packet between two of eight endpoints, and what else sets its flow apart.
fn packet(choice: u8, input: &mut Input) -> (Packet<'static>, (u64, u64, bool)) {
    let mut packet = Packet::unread(b"");
    let pair = input.u8();
    let version = if choice & 128 == 0 { 4 } else { 6 };
    let address = |number: u8| match version {
        4 => Address::v4([10, 0, 0, number]),
        _ => Address::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 1]),
    };
    packet.transport = match choice & 7 {
        0 | 1 => Transport::Udp,
        2..=4 => Transport::Tcp,
        5 => Transport::Sctp,
        6 => Transport::Other(1),
        _ => Transport::None,
    };
    let protocol = match packet.transport {
        Transport::Udp => 17,
        Transport::Tcp => 6,
        Transport::Sctp => 132,
        Transport::Other(protocol) => protocol,
        Transport::None => [17, 6, 0, 1][usize::from(pair >> 6)],
    };
    if matches!(packet.transport, Transport::Udp | Transport::Tcp | Transport::Sctp) {
        packet.source_port = 1000 + u16::from(pair >> 6 & 1);
        packet.destination_port = 1000 + u16::from(pair >> 7);
    }
    if packet.transport == Transport::Tcp {
        packet.tcp_flags = input.u8();
        packet.tcp_sequence = u32::from(input.u8() & 3);
    }
    let has_ports = packet.transport != Transport::None;
    if choice & 96 != 96 {
        let (source, destination) = (address(pair & 7), address(pair >> 3 & 7));
        packet.ip = Some(IpHeader { source, destination, version, protocol, hop_limit: 64 });
    } else if pair & 4 != 0 {
        // A fragment: neither has it ports of its own.
        let (source, destination) = (address(pair & 3), address(pair >> 3 & 3));
        packet.ip = Some(IpHeader { source, destination, version, protocol, hop_limit: 64 });
        packet.fragment = Fragment::Later { identification: 1, offset: 8 };
        packet.transport = Transport::None;
        (packet.source_port, packet.destination_port, packet.tcp_flags, packet.tcp_sequence) = (0, 0, 0, 0);
        return (packet, (0, 0, false));
    }
    (packet, (u64::from(choice & 96 == 32), u64::from(choice & 96 == 64), has_ports))
}

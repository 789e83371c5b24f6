use super::super::tracker::{Endpoints, Key, MAX_AGE_NS, MAX_PENDING, Tracker};
use super::super::{Analyzer, FlowView, Verdict};
use super::*;

const MS: i64 = 1_000_000;
const START: i64 = 100_000 * MS;

fn flow(client: u8, client_port: u16, server: u8, server_port: u16) -> FlowView {
    FlowView {
        transport: 17,
        source: [client; 16],
        destination: [server; 16],
        source_port: client_port,
        destination_port: server_port,
        scored: true,
    }
}

fn back(flow: &FlowView) -> FlowView {
    FlowView {
        source: flow.destination,
        destination: flow.source,
        source_port: flow.destination_port,
        destination_port: flow.source_port,
        ..*flow
    }
}

/// Feeds an analyzer messages by name, type and id.
struct Session(Analyzer);

impl Session {
    fn query(&mut self, flow: &FlowView, id: u16, name: &str, rr_type: u16, time: i64) -> Verdict {
        self.0.observe(&parsed(&asking(id, 0x0100, name, rr_type)).0, flow, time)
    }

    /// Latency, if the response has found its query.
    fn response(&mut self, flow: &FlowView, id: u16, name: &str, rr_type: u16, time: i64) -> Option<i64> {
        let verdict = self.0.observe(&parsed(&answering(id, name, rr_type, &[192, 0, 2, 1])).0, flow, time);
        if !verdict.correlated_query {
            assert_eq!(verdict.query_response_time_ms, 0);
        }
        verdict.correlated_query.then_some(verdict.query_response_time_ms)
    }
}

#[test]
fn a_response_finds_its_query_once() {
    let mut session = Session(Analyzer::new(false));
    let there = flow(1, 40_000, 2, 53);
    assert!(!session.query(&there, 7, "www.Example.com", 1, START).correlated_query);
    // 41.9 ms; the case of the name may change on the way (0x20 encoding is echoed, but need not be).
    assert_eq!(session.response(&back(&there), 7, "WWW.example.com", 1, START + 41_900_000), Some(41));
    assert_eq!(session.response(&back(&there), 7, "www.example.com", 1, START + 50 * MS), None);
    assert_eq!((session.0.queries(), session.0.responses(), session.0.correlated()), (1, 2, 1));
}

#[test]
fn all_of_the_key_must_agree() {
    let there = flow(1, 40_000, 2, 53);
    let answers = [
        (flow(3, 53, 1, 40_000), 7, "a.com", 1),
        (flow(2, 53, 3, 40_000), 7, "a.com", 1),
        (flow(2, 54, 1, 40_000), 7, "a.com", 1),
        (flow(2, 53, 1, 40_001), 7, "a.com", 1),
        (FlowView { transport: 6, ..back(&there) }, 7, "a.com", 1),
        (back(&there), 8, "a.com", 1),
        (back(&there), 7, "b.com", 1),
        (back(&there), 7, "a.com", 28),
        (there, 7, "a.com", 1),
    ];
    for (flow, id, name, rr_type) in answers {
        let mut session = Session(Analyzer::new(false));
        session.query(&there, 7, "a.com", 1, START);
        assert_eq!(
            session.response(&flow, id, name, rr_type, START + MS),
            None,
            "{flow:?} {id} {name} {rr_type}"
        );
        // The query still waits.
        assert_eq!(session.response(&back(&there), 7, "a.com", 1, START + 2 * MS), Some(2));
    }
}

#[test]
fn times() {
    let there = flow(1, 40_000, 2, 53);
    for (after, expected) in [
        (0, Some(0)),
        (999_999, Some(0)),
        (MS, Some(1)),
        (-5 * MS, Some(0)),
        (MAX_AGE_NS, Some(30_000)),
        (MAX_AGE_NS + 1, None),
    ] {
        let mut session = Session(Analyzer::new(false));
        session.query(&there, 7, "a.com", 1, START);
        assert_eq!(session.response(&back(&there), 7, "a.com", 1, START + after), expected, "{after} ns");
    }
}

#[test]
fn a_query_sent_again_keeps_its_first_time() {
    let there = flow(1, 40_000, 2, 53);
    let mut session = Session(Analyzer::new(false));
    session.query(&there, 7, "a.com", 1, START);
    session.query(&there, 7, "a.com", 1, START + 5_000 * MS);
    assert_eq!(session.response(&back(&there), 7, "a.com", 1, START + 5_020 * MS), Some(5_020));
    // Unless the first is too old to be answered.
    // That holds behind a query whose time lies ahead, too, which keeps its place.
    session.query(&there, 9, "a.com", 1, START + 10 * MAX_AGE_NS);
    session.query(&there, 8, "a.com", 1, START);
    session.query(&there, 8, "a.com", 1, START + MAX_AGE_NS + MS);
    assert_eq!(session.response(&back(&there), 8, "a.com", 1, START + MAX_AGE_NS + 4 * MS), Some(3));
}

#[test]
fn multicast_is_not_correlated() {
    for (client_port, server_port) in [(5353, 5353), (5355, 5355), (40_000, 5353), (5353, 40_000)] {
        let there = flow(1, client_port, 2, server_port);
        let mut session = Session(Analyzer::new(true));
        session.query(&there, 0, "a.local", 1, START);
        assert_eq!(session.response(&back(&there), 0, "a.local", 1, START + MS), None);
    }
}

#[test]
fn messages_without_a_question_are_only_counted() {
    let there = flow(1, 40_000, 2, 53);
    let mut session = Session(Analyzer::new(true));
    let header = hex("0007 0000 0000 0000 0000 0000");
    assert_eq!(session.0.observe(&parsed(&header).0, &there, START), Verdict::default());
    let refused = hex("0007 8005 0000 0000 0000 0000");
    assert_eq!(session.0.observe(&parsed(&refused).0, &back(&there), START), Verdict::default());
    assert_eq!((session.0.queries(), session.0.responses()), (1, 1));
}

#[test]
fn the_query_stored_longest_ago_is_displaced() {
    let mut tracker = Tracker::new(MAX_PENDING);
    let key = |number: usize| {
        let endpoints = Endpoints {
            transport: 17,
            client: &[1; 16],
            client_port: 40_000,
            server: &[2; 16],
            server_port: 53,
        };
        Key::new(endpoints.hash(), number as u16, 0, 1)
    };
    for number in 0..MAX_PENDING {
        tracker.query(key(number), key(number), START);
    }
    // Sending again does not make a query younger.
    tracker.query(key(0), key(0), START + 1);
    assert_eq!((tracker.pending(), tracker.evictions()), (MAX_PENDING, 0));
    tracker.query(key(MAX_PENDING), key(MAX_PENDING), START + 2);
    assert_eq!((tracker.pending(), tracker.evictions()), (MAX_PENDING, 1));
    assert_eq!(tracker.response(key(0), key(0), START + 3), None);
    assert_eq!(tracker.response(key(1), key(1), START + 3 + MS), Some(1));
    // The rest goes when its time is over, uncounted.
    tracker.query(key(MAX_PENDING + 1), key(MAX_PENDING + 1), START + MAX_AGE_NS + 1);
    assert_eq!((tracker.pending(), tracker.evictions()), (2, 1));
}

#[test]
fn a_refusal_without_a_question_is_found_by_its_id() {
    let mut session = Session(Analyzer::new(false));
    let there = flow(1, 40_000, 2, 53);
    session.query(&there, 7, "a.com", 1, START);
    // REFUSED, all counts 0.
    let refusal = parsed(&[0, 7, 0x81, 0x05, 0, 0, 0, 0, 0, 0, 0, 0]).0;
    assert!(!session.0.observe(&refusal, &back(&flow(1, 40_001, 2, 53)), START + MS).correlated_query);
    let verdict = session.0.observe(&refusal, &back(&there), START + 5 * MS);
    assert_eq!((verdict.correlated_query, verdict.query_response_time_ms), (true, 5));
    assert!(!session.0.observe(&refusal, &back(&there), START + 6 * MS).correlated_query, "only once");
}

#[test]
fn an_answer_takes_the_id_of_its_own_query_only() {
    let refusal = parsed(&[0, 7, 0x81, 0x05, 0, 0, 0, 0, 0, 0, 0, 0]).0;
    let there = flow(1, 40_000, 2, 53);
    // Two queries of one id: the answer to the first one leaves the refusal to the second.
    let mut session = Session(Analyzer::new(false));
    session.query(&there, 7, "a.com", 1, START);
    session.query(&there, 7, "b.com", 1, START + MS);
    assert_eq!(session.response(&back(&there), 7, "a.com", 1, START + 2 * MS), Some(2));
    assert_eq!(session.0.observe(&refusal, &back(&there), START + 5 * MS).query_response_time_ms, 4);
    // What is answered is not there for a refusal.
    session.query(&there, 7, "a.com", 1, START + 6 * MS);
    assert_eq!(session.response(&back(&there), 7, "a.com", 1, START + 7 * MS), Some(1));
    assert!(!session.0.observe(&refusal, &back(&there), START + 8 * MS).correlated_query);
    session.query(&there, 7, "a.com", 1, START + 9 * MS);
    assert_eq!(session.0.observe(&refusal, &back(&there), START + 12 * MS).query_response_time_ms, 3);
}

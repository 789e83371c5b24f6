//! SSDP (UPnP Device Architecture 2.0, section 1): HTTP text in UDP datagrams.

use super::http::{self, Head, StartLine};
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Searches, their answers, and announcements.
pub static SSDP: Signature = Signature {
    name: "SSDP",
    carriers: &[Carrier::Udp],
    ports: &[1900],
    first: FirstBytes::OneOf(b"MNH"),
    examine: |payload, _, _| match is_ssdp(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

fn is_ssdp(payload: &Payload) -> bool {
    match Head::parse(payload) {
        Some(Head { start: StartLine::Request { method, target, .. }, .. }) => {
            matches!(method, b"M-SEARCH" | b"NOTIFY") && target == b"*"
        }
        Some(head) => head.field(b"st").is_some() || head.field(b"usn").is_some(),
        None => false,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(head) = Head::parse(payload) else { return };
    http::put_start(&head.start, facts);
    http::put_fields(
        &head,
        &[
            (b"host", "host"),
            (b"st", "st"),
            (b"nt", "nt"),
            (b"nts", "nts"),
            (b"usn", "usn"),
            (b"location", "location"),
            (b"server", "server"),
        ],
        facts,
    );
    if let Some(target) = head.field(b"st").or_else(|| head.field(b"nt")) {
        facts.say(b" ");
        facts.say(target);
    }
}

//! BGP (RFC 4271).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Method, Signature, Verdict};

const MARKER: [u8; 16] = [0xff; 16];
const TYPES: [&str; 6] = ["", "OPEN", "UPDATE", "NOTIFICATION", "KEEPALIVE", "ROUTE-REFRESH"];

/// BGP: every message begins with the marker.
pub static BGP: Signature = Signature {
    name: "BGP",
    carriers: &[Carrier::Tcp],
    ports: &[179],
    first: FirstBytes::OneOf(&[0xff]),
    examine: |payload, _, _| match (payload.array(0), payload.u16(16), payload.u8(18)) {
        // Up to 65,535 bytes with the extended message capability (RFC 8654).
        (Some(MARKER), Some(19..), Some(1..=5)) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        (Some(MARKER), _, None) => Verdict::More,
        _ => Verdict::No,
    },
    describe: |payload, _, _, facts| {
        if let (Some(MARKER), Some(kind)) = (payload.array(0), payload.u8(18)) {
            let name = TYPES.get(usize::from(kind)).copied().unwrap_or_default();
            facts.say(name.as_bytes());
            facts.put("type", name.as_bytes());
        }
    },
    ..Signature::BASE
};

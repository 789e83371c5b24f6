//! Tabular Data Stream, the protocol of Microsoft SQL Server (MS-TDS).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[1433];
const HEADER: usize = 8;
const PRE_LOGIN: u8 = 0x12;

/// TDS: a pre-login message; on the usual port, messages of other types with exact lengths.
pub static TDS: Signature = Signature {
    name: "TDS",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[1, 2, 3, 4, 6, 7, 14, 16, 17, 18]),
    examine: |payload, _, _| {
        let (Some(kind), Some(status), Some(length)) = (payload.u8(0), payload.u8(1), payload.u16(2)) else {
            return Verdict::No;
        };
        let exact = usize::from(length) == payload.bytes.len() && payload.bytes.len() > HEADER;
        let on_port = payload.on_port(PORTS);
        match kind {
            PRE_LOGIN if exact && status <= 1 && has_options(payload) => {
                Verdict::Is(Confidence::VERY_HIGH, Method::Handshake)
            }
            PRE_LOGIN if exact && status == 1 && on_port => Verdict::Is(Confidence::HIGH, Method::Port),
            _ if exact && on_port && status & !0x19 == 0 && payload.u8(7) == Some(0) => {
                Verdict::Is(Confidence::MEDIUM, Method::Port)
            }
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

/// Whether the option list of a pre-login ends, and points into the message (MS-TDS 2.2.6.5).
fn has_options(payload: &Payload) -> bool {
    let body = payload.from(HEADER);
    let mut options = body;
    let mut count = 0;
    while let Some(&[token, a, b, c, d]) = options.first_chunk() {
        if token == 0xff {
            return count > 0;
        }
        let end = usize::from(u16::from_be_bytes([a, b])) + usize::from(u16::from_be_bytes([c, d]));
        if token > 7 || end > body.len() || end < 5 * count {
            return false;
        }
        options = options.get(5..).unwrap_or_default();
        count += 1;
    }
    count > 0 && options.first() == Some(&0xff)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if payload.u16(2).is_none_or(|length| usize::from(length) < HEADER) {
        return;
    }
    let name = match payload.u8(0) {
        Some(1) => "SQL batch",
        Some(2) => "Pre-TDS7 login",
        Some(3) => "Remote procedure call",
        Some(4) => "Response",
        Some(6) => "Attention",
        Some(7) => "Bulk load",
        Some(14) => "Transaction manager request",
        Some(16) => "TDS7 login",
        Some(17) => "SSPI",
        Some(PRE_LOGIN) => "Pre-login",
        _ => return,
    };
    facts.say(name.as_bytes());
    facts.put("type", name.as_bytes());
}

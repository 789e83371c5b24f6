//! SSH (RFC 4253).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, Method, Payload, Signature, Verdict};

/// Longest identification string in bytes, line end included (RFC 4253 section 4.2).
const MOST_LINE: usize = 255;

/// SSH: either side begins with `SSH-2.0-software comments`.
pub static SSH: Signature = Signature {
    name: "SSH",
    carriers: &[Carrier::Tcp],
    ports: &[22],
    first: FirstBytes::OneOf(b"S"),
    examine: |payload, _, _| match identification(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None if may_begin(payload) => Verdict::More,
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// Protocol version, and software with comments.
fn identification<'a>(payload: &Payload<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let rest = payload.line(MOST_LINE)?.strip_prefix(b"SSH-")?;
    let dash = memchr::memchr(b'-', rest)?;
    let (version, software) = (rest.get(..dash)?, rest.get(dash + 1..)?);
    (matches!(version, b"2.0" | b"1.99" | b"1.5") && !software.is_empty()).then_some((version, software))
}

fn may_begin(payload: &Payload) -> bool {
    let head = payload.bytes.get(..4).unwrap_or(payload.bytes);
    b"SSH-".starts_with(head) && payload.bytes.len() < MOST_LINE && !payload.bytes.contains(&b'\n')
}

fn describe(payload: &Payload, _: &mut super::FlowState, _: &mut super::Shared, facts: &mut Facts) {
    let Some((version, software)) = identification(payload) else { return };
    facts.say(b"SSH-");
    facts.say(version);
    facts.say(b"-");
    facts.say(software);
    let mut parts = software.splitn(2, |byte| *byte == b' ');
    facts.put("type", b"protocol_version");
    facts.put("proto_version", version);
    facts.put("software", parts.next().unwrap_or_default());
    if let Some(comments) = parts.next() {
        facts.put("comments", comments);
    }
}

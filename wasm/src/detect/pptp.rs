//! PPTP (RFC 2637): its control connection.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const MAGIC_COOKIE: u32 = 0x1a2b_3c4d;
const HEADER_LENGTH: usize = 12;

/// PPTP: the magic cookie, and the length that the message type has.
pub static PPTP: Signature = Signature {
    name: "PPTP",
    carriers: &[Carrier::Tcp],
    ports: &[1723],
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| match header(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        None if may_begin(payload) => Verdict::More,
        None => Verdict::No,
    },
    describe,
    ..Signature::BASE
};

/// Control message types: length in bytes, name, name in details.
const CONTROL_TYPES: [(u16, &str, &str); 15] = [
    (156, "Start-Control-Connection-Request", "start_control_connection_request"),
    (156, "Start-Control-Connection-Reply", "start_control_connection_reply"),
    (16, "Stop-Control-Connection-Request", "stop_control_connection_request"),
    (16, "Stop-Control-Connection-Reply", "stop_control_connection_reply"),
    (16, "Echo-Request", "echo_request"),
    (20, "Echo-Reply", "echo_reply"),
    (168, "Outgoing-Call-Request", "outgoing_call_request"),
    (32, "Outgoing-Call-Reply", "outgoing_call_reply"),
    (220, "Incoming-Call-Request", "incoming_call_request"),
    (24, "Incoming-Call-Reply", "incoming_call_reply"),
    (28, "Incoming-Call-Connected", "incoming_call_connected"),
    (16, "Call-Clear-Request", "call_clear_request"),
    (148, "Call-Disconnect-Notify", "call_disconnect_notify"),
    (40, "WAN-Error-Notify", "wan_error_notify"),
    (24, "Set-Link-Info", "set_link_info"),
];

/// Length, and number of the control message type.
fn header(payload: &Payload) -> Option<(u16, u16)> {
    let (length, control_type) = (payload.u16(0)?, payload.u16(8)?);
    let (expected, ..) = CONTROL_TYPES.get(usize::from(control_type).wrapping_sub(1))?;
    let valid = length == *expected && payload.u16(2) == Some(1) && payload.u32(4) == Some(MAGIC_COOKIE);
    valid.then_some((length, control_type))
}

fn may_begin(payload: &Payload) -> bool {
    payload.bytes.len() < HEADER_LENGTH
        && payload.u16(0).is_none_or(|length| CONTROL_TYPES.iter().any(|(known, ..)| *known == length))
        && payload.u16(2).is_none_or(|kind| kind == 1)
        && payload.u32(4).is_none_or(|cookie| cookie == MAGIC_COOKIE)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some((length, control_type)) = header(payload) else { return };
    let Some((_, name, category)) = CONTROL_TYPES.get(usize::from(control_type).wrapping_sub(1)) else {
        return;
    };
    facts.say(name.as_bytes());
    facts.put_number("length", length.into());
    facts.put_number("control_type", control_type.into());
    facts.put("control_type_name", name.as_bytes());
    facts.put("category", category.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::tests::{names, sent};
    use super::*;

    #[test]
    fn the_length_is_that_of_the_type() {
        let mut echo = b"\0\x10\0\x01\x1a\x2b\x3c\x4d\0\x05\0\0\0\0\0\x01".to_vec();
        let packet = sent(Carrier::Tcp, 40001, 40002, &echo);
        assert_eq!(names(&[packet]), [Some("PPTP")]);
        let pieces = [sent(Carrier::Tcp, 1, 2, &echo[..5]), sent(Carrier::Tcp, 1, 2, &echo[5..])];
        assert_eq!(names(&pieces), [None, Some("PPTP")]);
        echo[9] = 6;
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 1723, &echo)]), [None]);
    }
}

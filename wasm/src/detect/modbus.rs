//! Modbus over TCP (Modbus Messaging on TCP/IP Implementation Guide 3.1), and over UDP with the same header.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[502];

/// Modbus: on the usual port by its header; elsewhere by a response to a request.
pub static MODBUS: Signature = Signature {
    name: "Modbus",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine: |payload, state, _| {
        let Some((transaction, unit, function)) = header(payload) else { return Verdict::No };
        if payload.on_port(PORTS) {
            return Verdict::Is(Confidence::HIGH, Method::Port);
        }
        if !is_public(function) {
            return Verdict::No;
        }
        let side = payload.direction as u32 + 1;
        let seen = u32::from(transaction) << 16 | u32::from(unit) << 8 | u32::from(function & 0x7f);
        let notes = state.claim_notes();
        if notes[0] != 0 && notes[0] != side && notes[1] == seen {
            return Verdict::Is(Confidence::HIGH, Method::Handshake);
        }
        (notes[0], notes[1]) = (side, seen);
        Verdict::Candidate
    },
    describe: |payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts| {
        let Some((transaction, unit, function)) = header(payload) else { return };
        let name = match function & 0x7f {
            1 => "Read coils",
            2 => "Read discrete inputs",
            3 => "Read holding registers",
            4 => "Read input registers",
            5 => "Write single coil",
            6 => "Write single register",
            7 => "Read exception status",
            8 => "Diagnostics",
            15 => "Write multiple coils",
            16 => "Write multiple registers",
            17 => "Report server id",
            22 => "Mask write register",
            23 => "Read/write multiple registers",
            43 => "Encapsulated interface transport",
            90 => "Unity (Schneider Electric)",
            _ => "Function",
        };
        facts.say(name.as_bytes());
        if function & 0x80 != 0 {
            facts.say(b" exception");
        }
        facts.put_number("transaction_id", u64::from(transaction));
        facts.put_number("unit_id", u64::from(unit));
        facts.put_number("function_code", u64::from(function));
    },
    ..Signature::BASE
};

/// Whether a function is one of the standard's. Makers have their own ones, too.
fn is_public(function: u8) -> bool {
    (1..=43).contains(&(function & 0x7f))
}

/// Transaction, unit and function of one whole message.
fn header(payload: &Payload) -> Option<(u16, u8, u8)> {
    let (transaction, protocol, length) = (payload.u16(0)?, payload.u16(2)?, payload.u16(4)?);
    let (unit, function) = (payload.u8(6)?, payload.u8(7)?);
    let fits = protocol == 0
        && (2..=254).contains(&length)
        && usize::from(length) + 6 == payload.length
        && function & 0x7f != 0;
    fits.then_some((transaction, unit, function))
}

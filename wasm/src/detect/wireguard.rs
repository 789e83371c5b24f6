//! WireGuard (whitepaper section 5.4).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::flow::key::Direction;

const PORT: u16 = 51820;
const INITIATION_LENGTH: usize = 148;
const RESPONSE_LENGTH: usize = 92;
const COOKIE_REPLY_LENGTH: usize = 64;
/// Header and authentication tag of transport data.
const LEAST_DATA: usize = 32;
/// Most messages that may be missing between two messages of transport data that agree.
const MOST_GAP: u32 = 1000;

/// WireGuard: exact lengths, a response that repeats the index of the initiation, or transport data to one index
/// with a rising counter. Operators that use the reserved bytes are recognised by their handshake.
pub static WIREGUARD: Signature = Signature {
    name: "WireGuard",
    carriers: &[Carrier::Udp],
    ports: &[PORT],
    first: FirstBytes::OneOf(&[1, 2, 3, 4]),
    examine,
    continues: |payload, _, _| matches!(payload.u8(0), Some(1..=4)),
    describe,
    ..Signature::BASE
};

// Words of the flow's notes, two of each for the two directions: sender index of the last initiation; receiver index
// of transport data; its counter, above which is how many messages agreed.

/// Bits of the counter that are kept.
const COUNTER_BITS: u32 = 30;

fn examine(payload: &Payload, state: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some([kind, reserved @ ..]) = payload.array::<4>(0) else { return Verdict::No };
    let reserved_zero = reserved == [0; 3];
    let on_port = payload.on_port(&[PORT]);
    match (kind, payload.length) {
        (1, INITIATION_LENGTH) => {
            if let Some(word) = state.claim_notes().get_mut(side(payload)) {
                *word = payload.le32(4).unwrap_or(0);
            }
            match reserved_zero {
                true if on_port => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
                true => Verdict::Is(Confidence::HIGH, Method::Payload),
                false => Verdict::Candidate,
            }
        }
        (2, RESPONSE_LENGTH) if answers(payload, state, 8) => DEFINITE,
        (3, COOKIE_REPLY_LENGTH) if answers(payload, state, 4) => DEFINITE,
        (2, RESPONSE_LENGTH) | (3, COOKIE_REPLY_LENGTH) if reserved_zero => match on_port {
            true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
            false => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        },
        (4, LEAST_DATA..) if reserved_zero => examine_data(payload, state, on_port),
        _ => Verdict::No,
    }
}

const DEFINITE: Verdict = Verdict::Is(Confidence::DEFINITE, Method::Handshake);

/// Whether the receiver index at `offset` is that of the other side's initiation.
fn answers(payload: &Payload, state: &FlowState, offset: usize) -> bool {
    let index = state.notes().and_then(|notes| notes.get(side(payload) ^ 1).copied());
    index.is_some_and(|index| index != 0 && payload.le32(offset) == Some(index))
}

/// Transport data without a handshake: on the port if counter and length are plausible, elsewhere when three
/// messages to one index count up.
fn examine_data(payload: &Payload, state: &mut FlowState, on_port: bool) -> Verdict {
    let (Some(index), Some(counter), Some(high)) = (payload.le32(4), payload.le32(8), payload.le32(12))
    else {
        return Verdict::No;
    };
    if high != 0 || counter >> COUNTER_BITS != 0 {
        return Verdict::No;
    }
    let padded = payload.length.is_multiple_of(16);
    if on_port && padded {
        return Verdict::Is(Confidence::MEDIUM, Method::Port);
    }
    let [_, _, receiver_a, receiver_b, counter_a, counter_b] = state.claim_notes();
    let (receiver, last) = match side(payload) {
        0 => (receiver_a, counter_a),
        _ => (receiver_b, counter_b),
    };
    let mask = (1 << COUNTER_BITS) - 1;
    let agrees = *receiver == index && (1..=MOST_GAP).contains(&counter.wrapping_sub(*last & mask));
    let count = if agrees { (*last >> COUNTER_BITS) + 1 } else { 1 };
    if count >= 3 {
        return Verdict::Is(Confidence::VERY_HIGH, Method::Handshake);
    }
    (*receiver, *last) = (index, counter | count << COUNTER_BITS);
    Verdict::Candidate
}

fn side(payload: &Payload) -> usize {
    usize::from(payload.direction == Direction::Reverse)
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some([kind, reserved @ ..]) = payload.array::<4>(0) else { return };
    let (name, packet_type) = match kind {
        1 => ("Handshake Initiation", "handshake_initiation"),
        2 => ("Handshake Response", "handshake_response"),
        3 => ("Cookie Reply", "cookie_reply"),
        4 => ("Transport Data", "transport_data"),
        _ => return,
    };
    let keepalive = kind == 4 && payload.length == LEAST_DATA;
    facts.say(if keepalive { b"Keepalive" } else { name.as_bytes() });
    facts.put_number("message_type", kind.into());
    facts.put("type_name", name.as_bytes());
    facts.put("packet_type", packet_type.as_bytes());
    let sender = matches!(kind, 1 | 2).then_some(4);
    let receiver = match kind {
        2 => Some(8),
        3 | 4 => Some(4),
        _ => None,
    };
    for (text, key, offset) in
        [(", sender=0x", "sender_index", sender), (", receiver=0x", "receiver_index", receiver)]
    {
        if let Some(index) = offset.and_then(|offset| payload.le32(offset)) {
            facts.say(text.as_bytes());
            facts.say_hex(&index.to_be_bytes());
            facts.put_hex(key, &index.to_be_bytes());
        }
    }
    facts.put_flag("reserved_zero", reserved == [0; 3]);
    if kind == 4 {
        if let Some(counter) = payload.array(8).map(u64::from_le_bytes) {
            facts.say(b", counter=");
            facts.say_number(counter);
            facts.put_number("counter", counter);
        }
        facts.put_number("data_length", payload.length.saturating_sub(16) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, Sent, judge, names, sent};
    use super::*;

    fn data(index: u32, counter: u64, length: usize) -> Sent {
        let mut payload = vec![4, 0, 0, 0];
        payload.extend_from_slice(&index.to_le_bytes());
        payload.extend_from_slice(&counter.to_le_bytes());
        payload.resize(length, 0xa5);
        sent(Carrier::Udp, 40001, 2408, &payload)
    }

    #[test]
    fn transport_data_off_the_port_has_to_count_up() {
        assert_eq!(
            names(&[data(7, 1, 64), data(7, 2, 64), data(7, 4, 1452)]),
            [None, None, Some("WireGuard")]
        );
        for other in [data(8, 3, 64), data(7, 2, 64), data(7, 5000, 64)] {
            assert_eq!(names(&[data(7, 1, 64), data(7, 2, 64), other]), [None; 3]);
        }
    }

    #[test]
    fn a_response_must_answer_the_other_side() {
        let mut initiation = vec![0x55; INITIATION_LENGTH];
        initiation[..8].copy_from_slice(&[1, 9, 9, 9, 1, 2, 3, 4]);
        let mut response = vec![0x66; RESPONSE_LENGTH];
        response[..12].copy_from_slice(&[2, 9, 9, 9, 5, 6, 7, 8, 1, 2, 3, 4]);
        let first = sent(Carrier::Udp, 40001, 2408, &initiation);
        let answer = Sent { reverse: true, ..sent(Carrier::Udp, 2408, 40001, &response) };
        assert_eq!(names(&[first.clone(), answer.clone()]), [None, Some("WireGuard")]);
        // From the same side, and with another index.
        assert_eq!(names(&[first.clone(), Sent { reverse: false, ..answer }]), [None; 2]);
        response[8] = 9;
        let other = Sent { reverse: true, ..sent(Carrier::Udp, 2408, 40001, &response) };
        assert_eq!(names(&[first, other]), [None; 2]);
    }

    #[test]
    fn indices_and_counters_are_told() {
        let packet = Sent { destination_port: PORT, ..data(0x1122_3344, 5, 48) };
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(name, Some("WireGuard"));
        assert_eq!(info, "Transport Data, receiver=0x11223344, counter=5");
    }
}

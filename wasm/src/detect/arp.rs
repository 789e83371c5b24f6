//! ARP (RFC 826, RFC 5227) and RARP (RFC 903).

use super::link_layer::write_mac;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

const ETHERNET: u16 = 1;
const IPV4: u16 = 0x0800;
/// Highest operation that is assigned (IANA ARP Parameters).
const LAST_OPERATION: u16 = 25;

/// ARP.
pub static ARP: Signature =
    Signature { name: "ARP", carriers: &[Carrier::Ethertype(0x0806)], examine, describe, ..Signature::BASE };

/// RARP.
pub static RARP: Signature =
    Signature { name: "RARP", carriers: &[Carrier::Ethertype(0x8035)], examine, describe, ..Signature::BASE };

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let (Some(hardware_type), Some([hardware, protocol]), Some(operation)) =
        (payload.u16(0), payload.array::<2>(4), payload.u16(6))
    else {
        return Verdict::No;
    };
    let needed = 8 + 2 * (usize::from(hardware) + usize::from(protocol));
    let ethernet_fits = hardware_type != ETHERNET || hardware == 6;
    let fits = (1..=LAST_OPERATION).contains(&operation)
        && hardware_type != 0
        && ethernet_fits
        && payload.u16(2).is_some_and(|kind| kind != IPV4 || protocol == 4)
        && payload.length >= needed;
    match fits {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    }
}

fn operation_name(operation: u16) -> &'static str {
    match operation {
        1 => "Request",
        2 => "Reply",
        3 => "RARP Request",
        4 => "RARP Reply",
        5 => "DRARP Request",
        6 => "DRARP Reply",
        7 => "DRARP Error",
        8 => "InARP Request",
        9 => "InARP Reply",
        10 => "ARP NAK",
        _ => "Unknown",
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(hardware_type), Some(protocol_type), Some([hardware_length, protocol_length]), Some(operation)) =
        (payload.u16(0), payload.u16(2), payload.array::<2>(4), payload.u16(6))
    else {
        return;
    };
    let name = operation_name(operation);
    facts.put("operation", name.as_bytes());
    facts.put_number("hardware_type", hardware_type.into());
    facts.put("hardware_type_name", if hardware_type == ETHERNET { b"Ethernet" } else { b"Other" });
    facts.put_number("protocol_type", protocol_type.into());
    facts.put_number("hardware_length", hardware_length.into());
    facts.put_number("protocol_length", protocol_length.into());
    if (hardware_length, protocol_length, protocol_type) != (6, 4, IPV4) {
        return facts.say(name.as_bytes());
    }
    let (Some(sender_hw), Some(sender), Some(target_hw), Some(target)) =
        (payload.array(8), payload.array(14), payload.array(18), payload.array(24))
    else {
        return facts.say(name.as_bytes());
    };
    let (probe, gratuitous) = (sender == [0; 4], sender == target);
    let (sender, target) = (Address::v4(sender), Address::v4(target));
    facts.entry("sender_hw", |text| write_mac(sender_hw, text));
    facts.entry("sender_ip", |text| sender.write_text(text));
    facts.entry("target_hw", |text| write_mac(target_hw, text));
    facts.entry("target_ip", |text| target.write_text(text));
    facts.put_flag("gratuitous", gratuitous);
    facts.put_flag("probe", probe);
    match operation {
        1 if gratuitous => {
            facts.say(b"ARP Announcement for ");
            facts.say_with(|info| target.write_text(info));
        }
        1 => {
            facts.say(b"Who has ");
            facts.say_with(|info| target.write_text(info));
            facts.say(b"? ");
            facts.say(if probe { b"(ARP Probe)" } else { b"Tell " });
            if !probe {
                facts.say_with(|info| sender.write_text(info));
            }
        }
        2 => {
            facts.say_with(|info| sender.write_text(info));
            facts.say(b" is at ");
            facts.say_with(|info| write_mac(sender_hw, info));
        }
        3 => {
            facts.say(b"Who is ");
            facts.say_with(|info| write_mac(target_hw, info));
            facts.say(b"? Tell ");
            facts.say_with(|info| write_mac(sender_hw, info));
        }
        4 => {
            facts.say_with(|info| write_mac(target_hw, info));
            facts.say(b" is at ");
            facts.say_with(|info| target.write_text(info));
        }
        _ => facts.say(name.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn packet(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
        let mut payload = vec![0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1];
        payload.extend_from_slice(&sender);
        payload.extend_from_slice(&[0; 6]);
        payload.extend_from_slice(&target);
        // Padding of the shortest Ethernet frame.
        payload.resize(46, 0);
        payload
    }

    #[test]
    fn who_asks_for_whom() {
        let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        for (ethertype, operation, sender, target, name, expected) in [
            (0x0806, 1, a, b, "ARP", "Who has 192.0.2.2? Tell 192.0.2.1"),
            (0x0806, 1, [0; 4], b, "ARP", "Who has 192.0.2.2? (ARP Probe)"),
            (0x0806, 1, a, a, "ARP", "ARP Announcement for 192.0.2.1"),
            (0x0806, 2, a, b, "ARP", "192.0.2.1 is at 02:00:00:00:00:01"),
            (0x8035, 3, a, b, "RARP", "Who is 00:00:00:00:00:00? Tell 02:00:00:00:00:01"),
        ] {
            let packet = sent(Carrier::Ethertype(ethertype), 0, 0, &packet(operation, sender, target));
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
        }
    }

    #[test]
    fn lengths_and_operations_are_checked() {
        for (at, value) in [(7, 0), (7, 26), (4, 5), (5, 6), (1, 0)] {
            let mut payload = packet(1, [1; 4], [2; 4]);
            payload[at] = value;
            assert_eq!(names(&[sent(Carrier::Ethertype(0x0806), 0, 0, &payload)]), [None], "{at} {value}");
        }
        let payload = packet(1, [1; 4], [2; 4]);
        assert_eq!(names(&[sent(Carrier::Ethertype(0x0806), 0, 0, &payload[..27])]), [None]);
        assert_eq!(names(&[sent(Carrier::Ethertype(0x0807), 0, 0, &payload)]), [None]);
    }
}

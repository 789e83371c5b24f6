//! BACnet (ASHRAE 135) over UDP behind its virtual link header (annex J), and in 802.2 frames (clause 7).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Type of the virtual link control over IPv4.
const BVLC: u8 = 0x81;
const HEADER: usize = 4;
/// 802.2 header of BACnet: both service access points, unnumbered information.
const LLC: [u8; 3] = [0x82, 0x82, 3];
/// Version of the network layer.
const VERSION: u8 = 1;

/// BACnet.
pub static BACNET: Signature = Signature {
    name: "BACnet",
    carriers: &[Carrier::Udp, Carrier::Llc],
    ports: &[47808],
    first: FirstBytes::OneOf(&[BVLC]),
    examine: |payload, _, _| match message(payload) {
        Some(_) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        None => Verdict::No,
    },
    // What a datagram says that another protocol sends between the same ports.
    continues: |payload, _, _| message(payload).is_some(),
    describe,
    ..Signature::BASE
};

struct Message {
    /// Function of the virtual link; none in 802.2 frames.
    function: Option<u8>,
    /// Where the network layer begins, if the message has it.
    network: Option<usize>,
}

/// A message whose length is exact, and what the function asks for.
fn message(payload: &Payload) -> Option<Message> {
    if payload.carrier == Carrier::Llc {
        let fits = payload.array(0)? == LLC && is_network(payload, LLC.len());
        return fits.then_some(Message { function: None, network: Some(LLC.len()) });
    }
    let [BVLC, function, high, low] = payload.array(0)? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let body = length.checked_sub(HEADER)?;
    if length != payload.length {
        return None;
    }
    let network = match function {
        // Forwarded by a device: the address that it came from is first.
        0x04 => Some(10),
        0x09..=0x0b => Some(HEADER),
        _ => None,
    };
    let fits = match function {
        0x00 => body == 2 && matches!(payload.u16(HEADER)?, 0 | 0x10 | 0x20 | 0x30 | 0x40 | 0x50 | 0x60),
        // Tables of entries of ten bytes.
        0x01 | 0x03 | 0x07 => body % 10 == 0,
        0x02 | 0x06 => body == 0,
        0x04 | 0x09..=0x0b => network.is_some_and(|offset| is_network(payload, offset)),
        0x05 => body == 2,
        0x08 => body == 6,
        _ => false,
    };
    fits.then_some(Message { function: Some(function), network })
}

/// Version, and control information whose reserved bits are 0 (clause 6.2.2).
fn is_network(payload: &Payload, offset: usize) -> bool {
    matches!(payload.array(offset), Some([VERSION, control]) if control & 0x50 == 0)
}

/// Where the application layer begins: behind the addresses. `None` for messages of the network layer.
fn application(payload: &Payload, network: usize) -> Option<usize> {
    let control = payload.u8(network + 1)?;
    let mut offset = network + 2;
    if control & 0x80 != 0 {
        return None;
    }
    for bit in [0x20, 0x08] {
        if control & bit != 0 {
            offset += 3 + usize::from(payload.u8(offset + 2)?);
        }
    }
    // The hop count is there with a destination.
    Some(offset + usize::from(control & 0x20 != 0))
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = message(payload) else { return };
    if let Some(function) = message.function {
        facts.put("bvlc_function", function_name(function).as_bytes());
    }
    let apdu = message.network.and_then(|network| application(payload, network));
    let Some((offset, kind)) = apdu.and_then(|offset| Some((offset, payload.u8(offset)?))) else {
        return facts.say(match message.network {
            Some(_) => b"Network layer message",
            None => message.function.map_or("", function_name).as_bytes(),
        });
    };
    // A segmented message has two octets more in front of its service.
    let segmented = if kind & 0x08 == 0 { 0 } else { 2 };
    let (name, service) = match kind >> 4 {
        0 => ("Confirmed-REQ", payload.u8(offset + 3 + segmented).map(confirmed_name)),
        1 => ("Unconfirmed-REQ", payload.u8(offset + 1).map(unconfirmed_name)),
        2 => ("Simple-ACK", payload.u8(offset + 2).map(confirmed_name)),
        3 => ("Complex-ACK", payload.u8(offset + 2 + segmented).map(confirmed_name)),
        4 => ("Segment-ACK", None),
        5 => ("Error", payload.u8(offset + 2).map(confirmed_name)),
        6 => ("Reject", None),
        7 => ("Abort", None),
        _ => return,
    };
    facts.say(name.as_bytes());
    facts.put("pdu_type", name.as_bytes());
    if let Some(service) = service {
        facts.say(b" ");
        facts.say(service.as_bytes());
        facts.put("service", service.as_bytes());
    }
}

fn function_name(function: u8) -> &'static str {
    match function {
        0x00 => "BVLC-Result",
        0x01 => "Write-Broadcast-Distribution-Table",
        0x02 => "Read-Broadcast-Distribution-Table",
        0x03 => "Read-Broadcast-Distribution-Table-Ack",
        0x04 => "Forwarded-NPDU",
        0x05 => "Register-Foreign-Device",
        0x06 => "Read-Foreign-Device-Table",
        0x07 => "Read-Foreign-Device-Table-Ack",
        0x08 => "Delete-Foreign-Device-Table-Entry",
        0x09 => "Distribute-Broadcast-To-Network",
        0x0a => "Original-Unicast-NPDU",
        _ => "Original-Broadcast-NPDU",
    }
}

/// `BACnetConfirmedServiceChoice` (clause 21).
fn confirmed_name(service: u8) -> &'static str {
    match service {
        0 => "acknowledgeAlarm",
        1 => "confirmedCOVNotification",
        2 => "confirmedEventNotification",
        3 => "getAlarmSummary",
        4 => "getEnrollmentSummary",
        5 => "subscribeCOV",
        6 => "atomicReadFile",
        7 => "atomicWriteFile",
        8 => "addListElement",
        9 => "removeListElement",
        10 => "createObject",
        11 => "deleteObject",
        12 => "readProperty",
        14 => "readPropertyMultiple",
        15 => "writeProperty",
        16 => "writePropertyMultiple",
        17 => "deviceCommunicationControl",
        18 => "confirmedPrivateTransfer",
        19 => "confirmedTextMessage",
        20 => "reinitializeDevice",
        26 => "readRange",
        27 => "lifeSafetyOperation",
        28 => "subscribeCOVProperty",
        29 => "getEventInformation",
        _ => "Unknown service",
    }
}

/// `BACnetUnconfirmedServiceChoice` (clause 21).
fn unconfirmed_name(service: u8) -> &'static str {
    match service {
        0 => "i-Am",
        1 => "i-Have",
        2 => "unconfirmedCOVNotification",
        3 => "unconfirmedEventNotification",
        4 => "unconfirmedPrivateTransfer",
        5 => "unconfirmedTextMessage",
        6 => "timeSynchronization",
        7 => "who-Has",
        8 => "who-Is",
        9 => "utcTimeSynchronization",
        10 => "writeGroup",
        _ => "Unknown service",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const WHO_IS: [u8; 12] = [BVLC, 0x0b, 0, 12, 1, 0x20, 0xff, 0xff, 0, 0xff, 0x10, 8];

    #[test]
    fn messages_and_what_they_say() {
        let reads = [BVLC, 0x0a, 0, 17, 1, 4, 0, 5, 1, 12, 12, 2, 0, 0, 1, 0x19, 0x55];
        let frame = [0x82, 0x82, 3, 1, 0, 0x10, 0];
        for (carrier, payload, info) in [
            (Carrier::Udp, &WHO_IS[..], "Unconfirmed-REQ who-Is"),
            (Carrier::Udp, &reads, "Confirmed-REQ readProperty"),
            (Carrier::Udp, &[BVLC, 0, 0, 6, 0, 0], "BVLC-Result"),
            (Carrier::Llc, &frame, "Unconfirmed-REQ i-Am"),
        ] {
            let packet = sent(carrier, 40001, 47808, payload);
            let (name, _, said) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, said.as_str()), (Some("BACnet"), info));
        }
        // A flow of messages that number themselves is not media.
        let packets = [12, 13, 14].map(|length: u8| {
            let mut payload = WHO_IS.to_vec();
            payload.resize(length.into(), 0);
            payload[3] = length;
            sent(Carrier::Udp, 9000, 9000, &payload)
        });
        assert_eq!(names(&packets), [Some("BACnet"); 3]);
    }

    #[test]
    fn near_misses() {
        for (at, byte) in [(0, 0x80), (1, 0x0d), (3, 11), (4, 2), (5, 0x40)] {
            let mut message = WHO_IS;
            message[at] = byte;
            assert_eq!(names(&[sent(Carrier::Udp, 40001, 47808, &message)]), [None], "byte {at}");
        }
    }
}

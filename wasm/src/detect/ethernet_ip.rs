//! EtherNet/IP (ODVA, The EtherNet/IP Adaptation of CIP, chapter 2): encapsulated messages, and connected data over UDP.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[44818, 2222];
/// Encapsulation header, bytes.
const HEADER: usize = 24;
/// Interface handle and timeout in front of the items of SendRRData and SendUnitData.
const BEFORE_ITEMS: usize = 6;

/// Types of items of the common packet format.
mod item {
    pub const NULL: u16 = 0;
    pub const CONNECTED_ADDRESS: u16 = 0xa1;
    pub const CONNECTED_DATA: u16 = 0xb1;
    pub const UNCONNECTED_DATA: u16 = 0xb2;
    pub const SEQUENCED_ADDRESS: u16 = 0x8002;
}

/// EtherNet/IP: by its sessions and items; commands without data on its ports only.
pub static ETHERNET_IP: Signature = Signature {
    name: "EtherNet/IP",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[0, 2, 4, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 0x72, 0x73]),
    examine: |payload, _, _| {
        if is_connected_data(payload) {
            return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
        }
        match header(payload) {
            Some(header) if tells(payload, &header) => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
            // Nothing but zeros is no command.
            Some(header) if payload.on_port(PORTS) && (header.command, header.length) != (0, 0) => {
                Verdict::Is(Confidence::HIGH, Method::Port)
            }
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Header {
    command: u16,
    length: usize,
    session: u32,
    status: u32,
}

/// The header of a message that is all there; in a stream another one may follow.
fn header(payload: &Payload) -> Option<Header> {
    let header = Header {
        command: payload.le16(0)?,
        length: payload.le16(2)?.into(),
        session: payload.le32(4)?,
        status: payload.le32(8)?,
    };
    let end = HEADER + header.length;
    let fits = end == payload.length
        || (payload.carrier == Carrier::Tcp
            && end < payload.length
            && payload.le16(end).is_some_and(|next| command_name(next).is_some()));
    let is_sound = command_name(header.command).is_some()
        && matches!(header.status, 0..=3 | 0x64 | 0x65 | 0x69 | 0x6a)
        && payload.le32(20) == Some(0);
    (fits && is_sound).then_some(header)
}

/// Whether the data are such as nothing but the command has.
fn tells(payload: &Payload, header: &Header) -> bool {
    match header.command {
        // Version and options.
        0x65 => header.length == 4 && payload.u32(HEADER) == Some(0x0100_0000),
        0x6f | 0x70 if header.length >= BEFORE_ITEMS + 2 => {
            let items = HEADER + BEFORE_ITEMS;
            let [kind, size] = [items + 2, items + 4].map(|at| payload.le16(at));
            let addressed = match kind {
                Some(item::NULL) => size == Some(0),
                Some(item::CONNECTED_ADDRESS) => size == Some(4),
                _ => false,
            };
            payload.le32(HEADER) == Some(0)
                && payload.le16(items).is_some_and(|count| (2..=4).contains(&count))
                && addressed
        }
        // Identity, or services.
        0x63 | 0x04 if header.length >= 6 => {
            let expected = if header.command == 0x63 { 0x0c } else { 0x0100 };
            payload.le16(HEADER) == Some(1) && payload.le16(HEADER + 2) == Some(expected)
        }
        _ => false,
    }
}

/// Two items over UDP: connection and sequence number, and data that fill the rest.
fn is_connected_data(payload: &Payload) -> bool {
    const DATA: usize = 18;
    payload.carrier == Carrier::Udp
        && payload.le16(0) == Some(2)
        && payload.le16(2) == Some(item::SEQUENCED_ADDRESS)
        && payload.le16(4) == Some(8)
        && payload.le16(14) == Some(item::CONNECTED_DATA)
        && payload.le16(16).is_some_and(|size| usize::from(size) + DATA == payload.length)
}

fn command_name(command: u16) -> Option<&'static str> {
    Some(match command {
        0x00 => "NOP",
        0x04 => "ListServices",
        0x63 => "ListIdentity",
        0x64 => "ListInterfaces",
        0x65 => "RegisterSession",
        0x66 => "UnRegisterSession",
        0x6f => "SendRRData",
        0x70 => "SendUnitData",
        0x72 => "IndicateStatus",
        0x73 => "Cancel",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    if is_connected_data(payload) {
        facts.say(b"CIP I/O");
        facts.put("type", b"connected_data");
        for (key, offset) in [("connection_id", 6), ("sequence_number", 10)] {
            facts.put_number(key, payload.le32(offset).unwrap_or(0).into());
        }
        return;
    }
    let Some(header) = header(payload) else { return };
    let Some(name) = command_name(header.command) else { return };
    facts.say(name.as_bytes());
    facts.put("command", name.as_bytes());
    facts.put_number("session_handle", header.session.into());
    facts.put_number("status", header.status.into());
    let Some(service) = cip_service(payload, &header) else { return };
    let name = cip_service_name(service & 0x7f);
    let kind = if service & 0x80 == 0 { "request" } else { "response" };
    facts.say(b": ");
    facts.say(name.as_bytes());
    facts.say(b" ");
    facts.say(kind.as_bytes());
    facts.put("cip_service", name.as_bytes());
    facts.put_number("cip_service_code", u64::from(service & 0x7f));
    facts.put("type", kind.as_bytes());
}

/// The service code of the CIP message in the second item.
fn cip_service(payload: &Payload, header: &Header) -> Option<u8> {
    if !matches!(header.command, 0x6f | 0x70) {
        return None;
    }
    let first = HEADER + BEFORE_ITEMS + 2;
    let second = first + 4 + usize::from(payload.le16(first + 2)?);
    match payload.le16(second)? {
        item::UNCONNECTED_DATA => payload.u8(second + 4),
        // A sequence count comes first.
        item::CONNECTED_DATA => payload.u8(second + 6),
        _ => None,
    }
}

/// Common services (CIP volume 1, appendix A), and those of the connection manager.
fn cip_service_name(code: u8) -> &'static str {
    match code {
        0x01 => "Get_Attributes_All",
        0x02 => "Set_Attributes_All",
        0x03 => "Get_Attribute_List",
        0x04 => "Set_Attribute_List",
        0x05 => "Reset",
        0x06 => "Start",
        0x07 => "Stop",
        0x08 => "Create",
        0x09 => "Delete",
        0x0a => "Multiple_Service_Packet",
        0x0d => "Apply_Attributes",
        0x0e => "Get_Attribute_Single",
        0x10 => "Set_Attribute_Single",
        0x11 => "Find_Next_Object_Instance",
        0x15 => "Restore",
        0x16 => "Save",
        0x17 => "No Operation",
        0x4c => "Read Tag",
        0x4d => "Write Tag",
        0x4e => "Forward_Close",
        0x52 => "Unconnected_Send",
        0x54 => "Forward_Open",
        0x5b => "Large_Forward_Open",
        _ => "Service",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn message(command: u16, data: &[u8]) -> Vec<u8> {
        let mut message = command.to_le_bytes().to_vec();
        message.extend((data.len() as u16).to_le_bytes());
        message.extend([7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]);
        message.extend(data);
        message
    }

    const READS: [u8; 24] =
        [0, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0, 0, 0xb2, 0, 8, 0, 0x0e, 3, 0x20, 1, 0x24, 1, 0x30, 1];

    #[test]
    fn messages_and_where_they_are_known() {
        let data = [2, 0, 2, 0x80, 8, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0xb1, 0, 2, 0, 5, 6];
        for (carrier, port, payload, expected) in [
            (Carrier::Tcp, 44818, message(0x6f, &READS), Some("EtherNet/IP")),
            (Carrier::Tcp, 9000, message(0x6f, &READS), Some("EtherNet/IP")),
            (Carrier::Tcp, 9000, message(0x65, &[1, 0, 0, 0]), Some("EtherNet/IP")),
            (Carrier::Tcp, 9000, message(0x65, &[2, 0, 0, 0]), None),
            (Carrier::Udp, 44818, message(0x63, &[]), Some("EtherNet/IP")),
            (Carrier::Udp, 9000, message(0x63, &[]), None),
            (Carrier::Udp, 44818, message(0x67, &[]), None),
            (Carrier::Udp, 44818, message(0x63, &[])[..23].to_vec(), None),
            (Carrier::Udp, 2222, data.to_vec(), Some("EtherNet/IP")),
            (Carrier::Udp, 2222, data[..19].to_vec(), None),
            (Carrier::Tcp, 2222, data.to_vec(), None),
        ] {
            assert_eq!(names(&[sent(carrier, 40001, port, &payload)]), [expected], "{payload:x?}");
        }
        let mut failed = message(0x6f, &READS);
        failed[8] = 0x60;
        assert_eq!(names(&[sent(Carrier::Tcp, 40001, 44818, &failed)]), [None]);
    }

    #[test]
    fn the_service_is_told() {
        let packet = sent(Carrier::Tcp, 40001, 44818, &message(0x6f, &READS));
        let (_, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!(info, "SendRRData: Get_Attribute_Single request");
        assert!(details.contains(&("session_handle", "7".into())), "{details:?}");
    }
}

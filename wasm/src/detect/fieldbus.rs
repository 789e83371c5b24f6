//! Industrial Ethernet: PROFINET (IEC 61158-6-10) with its discovery and configuration protocol, and EtherCAT
//! (IEC 61158-4-12).

use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Frame identifiers of discovery and configuration.
const HELLO: u16 = 0xfefc;
const GET_OR_SET: u16 = 0xfefd;
const IDENTIFY_REQUEST: u16 = 0xfefe;
const IDENTIFY_RESPONSE: u16 = 0xfeff;
/// Frame identifier, service and its type, transaction, delay, and length of the blocks.
const DCP_HEADER_LENGTH: usize = 12;
/// Least data of a cyclic frame, and what follows them: a counter and two states.
const LEAST_CYCLIC_LENGTH: usize = 40;
const CYCLIC_END_LENGTH: usize = 4;
const FRAME_IDENTIFIER_LENGTH: usize = 2;

/// PROFINET.
pub static PROFINET: Signature = Signature {
    name: "PROFINET",
    carriers: &[Carrier::Ethertype(0x8892)],
    examine: |payload, _, _| judge(profinet(payload).is_some()),
    describe: describe_profinet,
    ..Signature::BASE
};

/// EtherCAT.
pub static ETHERCAT: Signature = Signature {
    name: "EtherCAT",
    carriers: &[Carrier::Ethertype(0x88a4)],
    examine: |payload, _, _| judge(ethercat_type(payload).is_some()),
    describe: describe_ethercat,
    ..Signature::BASE
};

fn judge(fits: bool) -> Verdict {
    if fits { Verdict::Is(Confidence::VERY_HIGH, Method::Payload) } else { Verdict::No }
}

/// What a frame is by its identifier, if that is one in use.
fn profinet(payload: &Payload) -> Option<&'static str> {
    let has_data = payload.length >= FRAME_IDENTIFIER_LENGTH + LEAST_CYCLIC_LENGTH + CYCLIC_END_LENGTH;
    Some(match payload.u16(0)? {
        0x0020 | 0x0021 | 0x0080 | 0x0081 => "PTCP Sync",
        0xff00 | 0xff01 => "PTCP Announce",
        0xff20 | 0xff21 => "PTCP Follow Up",
        0xff40..=0xff43 => "PTCP Delay",
        0x0100..=0x0fff if has_data => "Cyclic, RT class 3",
        0x8000..=0xbfff if has_data => "Cyclic, RT class 2",
        0xc000..=0xfbff if has_data => "Cyclic, RT class 1",
        0xfc01 => "Alarm High",
        0xfe01 => "Alarm Low",
        0xff80..=0xff8f => "Fragment",
        HELLO | GET_OR_SET | IDENTIFY_REQUEST | IDENTIFY_RESPONSE => return dcp_name(payload),
        _ => return None,
    })
}

/// Services that go with the frame identifier, and blocks of a length that fits.
fn dcp_name(payload: &Payload) -> Option<&'static str> {
    let [service, kind] = payload.array(2)?;
    let name = match (payload.u16(0)?, service, kind) {
        (HELLO, 6, 0) => "DCP Hello Request",
        (GET_OR_SET, 3, 0) => "DCP Get Request",
        (GET_OR_SET, 3, 1 | 5) => "DCP Get Response",
        (GET_OR_SET, 4, 0) => "DCP Set Request",
        (GET_OR_SET, 4, 1 | 5) => "DCP Set Response",
        (IDENTIFY_REQUEST, 5, 0) => "DCP Identify Request",
        (IDENTIFY_RESPONSE, 5, 1) => "DCP Identify Response",
        _ => return None,
    };
    let length = usize::from(payload.u16(10)?);
    (DCP_HEADER_LENGTH + length <= payload.length).then_some(name)
}

fn describe_profinet(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (Some(name), Some(identifier)) = (profinet(payload), payload.array::<2>(0)) else { return };
    facts.say(name.as_bytes());
    facts.put("frame_type", name.as_bytes());
    facts.put_hex("frame_id", &identifier);
    if dcp_name(payload) == Some(name)
        && let Some(transaction) = payload.array::<4>(4)
    {
        facts.say(b", Xid:0x");
        facts.say_hex(&transaction);
        facts.put_hex("xid", &transaction);
        if let Some(station) = station_name(payload) {
            facts.say(b", NameOfStation:");
            facts.say(station);
            facts.put("name_of_station", station);
        }
    }
}

/// Value of the block that names a station. Requests to get ask for blocks by their numbers, and have none.
fn station_name<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    const NAME_OF_STATION: [u8; 2] = [2, 2];
    // Those of requests to identify have no information in front of their value.
    let information = match payload.array(2)? {
        [5, 0] => 0,
        [3, 0] => return None,
        _ => 2,
    };
    let end = DCP_HEADER_LENGTH + usize::from(payload.u16(10)?);
    let mut at = DCP_HEADER_LENGTH;
    while at < end {
        let (option, length) = (payload.array(at)?, usize::from(payload.u16(at + 2)?));
        if option == NAME_OF_STATION {
            return payload.bytes.get(at + 4 + information..at + 4 + length).filter(|name| !name.is_empty());
        }
        at += 4 + length.next_multiple_of(2);
    }
    None
}

/// Type of a frame whose length fits, and for commands also that of the first.
fn ethercat_type(payload: &Payload) -> Option<&'static str> {
    const COMMANDS: u16 = 1;
    const HEADER_LENGTH: usize = 2;
    /// Command, index, address, length and interrupt, and the working counter behind the data.
    const COMMAND_OVERHEAD: usize = 12;
    let header = payload.le16(0)?;
    let (length, kind) = (usize::from(header & 0x07ff), header >> 12);
    if header & 0x0800 != 0 || HEADER_LENGTH + length > payload.length {
        return None;
    }
    match kind {
        COMMANDS => {
            let command = payload.u8(2)?;
            let data = usize::from(payload.le16(8)? & 0x07ff);
            (command <= 14 && COMMAND_OVERHEAD + data <= length).then_some("Commands")
        }
        4 if length > 0 => Some("Network variables"),
        5 if length > 0 => Some("Mailbox"),
        _ => None,
    }
}

fn describe_ethercat(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const COMMANDS: [&str; 15] = [
        "NOP", "APRD", "APWR", "APRW", "FPRD", "FPWR", "FPRW", "BRD", "BWR", "BRW", "LRD", "LWR", "LRW",
        "ARMW", "FRMW",
    ];
    let Some(kind) = ethercat_type(payload) else { return };
    facts.put("type", kind.as_bytes());
    let command = payload.u8(2).and_then(|command| COMMANDS.get(usize::from(command)));
    match command.filter(|_| kind == "Commands") {
        Some(command) => {
            facts.say(command.as_bytes());
            facts.put("command", command.as_bytes());
        }
        None => facts.say(kind.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    const IDENTIFY: &[u8] = b"\xfe\xfe\x05\0\0\0\0\x01\0\x01\0\x08\x02\x02\0\x04plc1\0\0";
    const ANSWER: &[u8] = b"\xfe\xff\x05\x01\0\0\0\x01\0\0\0\x0a\x02\x02\0\x06\0\0plc1";
    const READ: &[u8] = b"\x0e\x10\x04\x80\xe9\x03\x30\x01\x02\0\0\0\0\0\0\0\0\0";

    #[test]
    fn frames_and_what_they_say() {
        let cyclic = [&[0x80, 0][..], &[0; 44]].concat();
        for (ethertype, payload, name, expected) in [
            (0x8892, IDENTIFY, "PROFINET", "DCP Identify Request, Xid:0x00000001, NameOfStation:plc1"),
            (0x8892, ANSWER, "PROFINET", "DCP Identify Response, Xid:0x00000001, NameOfStation:plc1"),
            (0x8892, &cyclic, "PROFINET", "Cyclic, RT class 2"),
            (0x88a4, READ, "EtherCAT", "FPRD"),
            (0x88a4, b"\x02\x50\0\0", "EtherCAT", "Mailbox"),
        ] {
            let packet = sent(Carrier::Ethertype(ethertype), 0, 0, payload);
            let (found, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((found, info.as_str()), (Some(name), expected));
        }
    }

    #[test]
    fn identifiers_and_lengths_are_checked() {
        let cyclic = [&[0x80, 0][..], &[0; 43]].concat();
        let changed = |payload: &[u8], at: usize, value: u8| {
            let mut payload = payload.to_vec();
            payload[at] = value;
            payload
        };
        for (ethertype, payload) in [
            (0x8892, cyclic),
            (0x8892, changed(IDENTIFY, 1, 0xfd)),
            (0x8892, changed(IDENTIFY, 3, 1)),
            (0x8892, changed(IDENTIFY, 11, 11)),
            (0x8892, changed(IDENTIFY, 0, 0xfd)),
            (0x88a4, changed(READ, 0, 0x11)),
            (0x88a4, changed(READ, 1, 0x18)),
            (0x88a4, changed(READ, 1, 0x20)),
            (0x88a4, changed(READ, 2, 15)),
            (0x88a4, changed(READ, 8, 3)),
        ] {
            let packet = sent(Carrier::Ethertype(ethertype), 0, 0, &payload);
            assert_eq!(names(&[packet]), [None], "{payload:02x?}");
        }
    }
}

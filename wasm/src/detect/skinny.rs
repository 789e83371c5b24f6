//! Skinny Client Control Protocol (SCCP of Cisco).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[2000];
/// Bytes before what the length counts.
const HEADER: usize = 8;
/// Longest message in bytes.
const MOST_LENGTH: u32 = 4096;

/// Skinny: messages led by length, version and a known number, all little endian. A message of nothing but zeros after
/// its length counts on its port only.
pub static SKINNY: Signature = Signature {
    name: "Skinny",
    carriers: &[Carrier::Tcp],
    ports: PORTS,
    first: FirstBytes::Any,
    examine: |payload, _, _| {
        let Some(first) = message(payload, 0) else { return Verdict::No };
        let mut offset = 0;
        while let Some(message) = message(payload, offset) {
            offset += message.length;
        }
        let fits = offset == payload.bytes.len();
        match payload.on_port(PORTS) {
            true if fits => Verdict::Is(Confidence::HIGH, Method::Port),
            true if offset > payload.bytes.len() => Verdict::More,
            false if fits && first.number != 0 => Verdict::Is(Confidence::HIGH, Method::Payload),
            _ => Verdict::No,
        }
    },
    describe,
    ..Signature::BASE
};

struct Message {
    /// In bytes, with the header.
    length: usize,
    number: u32,
}

fn message(payload: &Payload, offset: usize) -> Option<Message> {
    let [length, version, number] = [0, 4, 8].map(|at| payload.le32(offset + at));
    let (length, version, number) = (length?, version?, number?);
    let is_sound = (4..=MOST_LENGTH).contains(&length)
        && matches!(version, 0 | 0x0a..=0x16)
        && matches!(number, 0..=0x5a | 0x81..=0x160 | 0x8000..=0x8120);
    is_sound.then_some(Message { length: HEADER + length as usize, number })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = message(payload, 0) else { return };
    facts.put_number("message_id", message.number.into());
    match name(message.number) {
        Some(name) => {
            facts.say(name.as_bytes());
            facts.put("message_name", name.as_bytes());
        }
        None => {
            facts.say(b"Message ");
            facts.say_number(message.number.into());
        }
    }
    facts.put_number("length", message.length as u64);
}

fn name(number: u32) -> Option<&'static str> {
    Some(match number {
        0x00 => "KeepAlive",
        0x01 => "Register",
        0x02 => "IpPort",
        0x03 => "KeypadButton",
        0x04 => "EnblocCall",
        0x05 => "Stimulus",
        0x06 => "OffHook",
        0x07 => "OnHook",
        0x08 => "HookFlash",
        0x09 => "ForwardStatReq",
        0x0a => "SpeedDialStatReq",
        0x0b => "LineStatReq",
        0x0c => "ConfigStatReq",
        0x0d => "TimeDateReq",
        0x0e => "ButtonTemplateReq",
        0x0f => "VersionReq",
        0x10 => "CapabilitiesRes",
        0x12 => "ServerReq",
        0x20 => "Alarm",
        0x22 => "OpenReceiveChannelAck",
        0x23 => "ConnectionStatisticsRes",
        0x25 => "SoftKeySetReq",
        0x26 => "SoftKeyEvent",
        0x27 => "Unregister",
        0x28 => "SoftKeyTemplateReq",
        0x29 => "RegisterTokenReq",
        0x2d => "RegisterAvailableLines",
        0x81 => "RegisterAck",
        0x82 => "StartTone",
        0x83 => "StopTone",
        0x85 => "SetRinger",
        0x86 => "SetLamp",
        0x88 => "SetSpeakerMode",
        0x89 => "SetMicroMode",
        0x8a => "StartMediaTransmission",
        0x8b => "StopMediaTransmission",
        0x8f => "CallInfo",
        0x90 => "ForwardStat",
        0x91 => "SpeedDialStat",
        0x92 => "LineStat",
        0x93 => "ConfigStat",
        0x94 => "DefineTimeDate",
        0x97 => "ButtonTemplate",
        0x98 => "Version",
        0x99 => "DisplayText",
        0x9a => "ClearDisplay",
        0x9b => "CapabilitiesReq",
        0x9d => "RegisterReject",
        0x9e => "ServerRes",
        0x9f => "Reset",
        0x100 => "KeepAliveAck",
        0x105 => "OpenReceiveChannel",
        0x106 => "CloseReceiveChannel",
        0x107 => "ConnectionStatisticsReq",
        0x108 => "SoftKeyTemplateRes",
        0x109 => "SoftKeySetRes",
        0x110 => "SelectSoftKeys",
        0x111 => "CallState",
        0x112 => "DisplayPromptStatus",
        0x113 => "ClearPromptStatus",
        0x114 => "DisplayNotify",
        0x115 => "ClearNotify",
        0x116 => "ActivateCallPlane",
        0x117 => "DeactivateCallPlane",
        0x118 => "UnregisterAck",
        0x11a => "RegisterTokenAck",
        0x11b => "RegisterTokenReject",
        0x11d => "DialedNumber",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, judge, names, sent};
    use super::super::{Carrier, Detector};

    fn message(version: u8, number: u16, body: &[u8]) -> Vec<u8> {
        let mut message = vec![4 + body.len() as u8, 0, 0, 0, version, 0, 0, 0];
        message.extend(number.to_le_bytes());
        message.extend([0, 0]);
        message.extend(body);
        message
    }

    #[test]
    fn lengths_versions_and_numbers() {
        for (port, bytes, expected) in [
            (2000, message(0, 0, &[]), Some("Skinny")),
            (9000, message(0, 0, &[]), None),
            (9000, message(0x11, 0x81, &[1, 2, 3, 4]), Some("Skinny")),
            (9000, [message(0, 0x6, &[]), message(0, 0x100, &[])].concat(), Some("Skinny")),
            (2000, message(5, 0, &[]), None),
            (2000, message(0, 0x70, &[]), None),
            (2000, [message(0, 1, &[]), vec![1]].concat(), None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40000, port, &bytes)]), [expected], "{bytes:?}");
        }
    }

    #[test]
    fn a_split_message_is_waited_for_on_the_port() {
        let whole = message(0x11, 1, &[7; 40]);
        let (first, second) = whole.split_at(20);
        let packets = [first, second].map(|part| sent(Carrier::Tcp, 40000, 2000, part));
        assert_eq!(names(&packets), [None, Some("Skinny")]);
        let (_, details, info) =
            judge(&mut Detector::new(), &mut Flow::default(), &sent(Carrier::Tcp, 40000, 2000, &whole));
        assert_eq!(info, "Register");
        assert!(details.contains(&("message_id", "1".into())));
    }
}

//! Diameter (RFC 6733), over TCP and SCTP.

use super::sctp;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORT: u16 = 3868;
const HEADER_LENGTH: usize = 20;
/// Payload protocol identifiers of SCTP: plain, and under DTLS.
const PPID: u32 = 46;
const PPID_DTLS: u32 = 47;
/// Longest message that is believed, bytes.
const MOST_LENGTH: usize = 1 << 20;

/// Attribute codes.
const SESSION_ID: u32 = 263;
const ORIGIN_HOST: u32 = 264;
const RESULT_CODE: u32 = 268;
const DESTINATION_REALM: u32 = 283;
const ORIGIN_REALM: u32 = 296;

/// Diameter: a known command, and lengths that fit.
pub static DIAMETER: Signature = Signature {
    name: "Diameter",
    carriers: &[Carrier::Tcp, Carrier::Sctp],
    ports: &[PORT],
    first: sctp::FIRST,
    examine: |payload, _, _| match payload.carrier {
        Carrier::Sctp => examine_chunks(payload),
        _ => examine_stream(payload),
    },
    describe,
    ..Signature::BASE
};

fn examine_chunks(payload: &Payload) -> Verdict {
    let found = sctp::data(payload.bytes).any(|(ppid, message)| match ppid {
        PPID => Header::read(message).is_some(),
        ppid => ppid == PPID_DTLS,
    });
    if found { Verdict::Is(Confidence::VERY_HIGH, Method::Payload) } else { Verdict::No }
}

fn examine_stream(payload: &Payload) -> Verdict {
    if payload.bytes.len() < HEADER_LENGTH {
        let may_begin = payload.at_start
            && payload.u8(0) == Some(1)
            && payload.u8(4).is_none_or(|flags| flags & 0x0f == 0)
            && payload.u24(5).is_none_or(|command| command_name(command).is_some());
        return if may_begin { Verdict::More } else { Verdict::No };
    }
    let Some(header) = Header::read(payload.bytes) else { return Verdict::No };
    let chained = match payload.from(header.length) {
        [] => payload.bytes.len() == header.length || begins_with_attribute(payload),
        next => next.len() < HEADER_LENGTH || Header::read(next).is_some(),
    };
    match chained {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        false => Verdict::No,
    }
}

/// Of a message that is not all there: its first attribute is one that comes first.
fn begins_with_attribute(payload: &Payload) -> bool {
    match (payload.u32(HEADER_LENGTH), payload.u8(HEADER_LENGTH + 4)) {
        (Some(code), Some(flags)) => {
            matches!(code, SESSION_ID | ORIGIN_HOST | RESULT_CODE) && flags & 0x1f == 0
        }
        _ => payload.on_port(&[PORT]),
    }
}

struct Header {
    length: usize,
    flags: u8,
    command: u32,
    application: u32,
    hop_by_hop: [u8; 4],
    end_to_end: [u8; 4],
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LENGTH] = bytes.first_chunk()?;
        let [1, l0, l1, l2, flags, c0, c1, c2, a0, a1, a2, a3, h0, h1, h2, h3, e0, e1, e2, e3] = *header
        else {
            return None;
        };
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let command = u32::from_be_bytes([0, c0, c1, c2]);
        // Error is a flag of answers; the last four bits are reserved.
        let flags_fit = flags & 0x0f == 0 && flags & 0xa0 != 0xa0;
        let fits = length >= HEADER_LENGTH && length.is_multiple_of(4) && length <= MOST_LENGTH;
        (fits && flags_fit && command_name(command).is_some()).then_some(Self {
            length,
            flags,
            command,
            application: u32::from_be_bytes([a0, a1, a2, a3]),
            hop_by_hop: [h0, h1, h2, h3],
            end_to_end: [e0, e1, e2, e3],
        })
    }

    fn is_request(&self) -> bool {
        self.flags & 0x80 != 0
    }
}

/// Command by its code (IANA; 3GPP TS 29.230).
fn command_name(command: u32) -> Option<&'static str> {
    Some(match command {
        257 => "Capabilities-Exchange",
        258 => "Re-Auth",
        260 => "AA-Mobile-Node",
        262 => "Home-Agent-MIP",
        265 => "AA",
        268 => "Diameter-EAP",
        271 => "Accounting",
        272 => "Credit-Control",
        274 => "Abort-Session",
        275 => "Session-Termination",
        280 => "Device-Watchdog",
        282 => "Disconnect-Peer",
        283 => "User-Authorization",
        284 => "Server-Assignment",
        285 => "Location-Info",
        286 => "Multimedia-Auth",
        287 => "Registration-Termination",
        288 => "Push-Profile",
        300 => "3GPP-User-Authorization",
        301 => "3GPP-Server-Assignment",
        302 => "3GPP-Location-Info",
        303 => "3GPP-Multimedia-Auth",
        304 => "3GPP-Registration-Termination",
        305 => "3GPP-Push-Profile",
        306 => "3GPP-User-Data",
        307 => "3GPP-Profile-Update",
        308 => "3GPP-Subscribe-Notifications",
        309 => "3GPP-Push-Notification",
        310 => "3GPP-Boostrapping-Info",
        316 => "3GPP-Update-Location",
        317 => "3GPP-Cancel-Location",
        318 => "3GPP-Authentication-Information",
        319 => "3GPP-Insert-Subscriber-Data",
        320 => "3GPP-Delete-Subscriber-Data",
        321 => "3GPP-Purge-UE",
        322 => "3GPP-Reset",
        323 => "3GPP-Notify",
        324 => "3GPP-ME-Identity-Check",
        // The rest of what 3GPP and ETSI have: location, charging, policy.
        311..=315 | 325..=330 | 8_388_608..=8_388_750 => "3GPP",
        _ => return None,
    })
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let message = match payload.carrier {
        Carrier::Sctp => {
            sctp::data(payload.bytes).find(|(ppid, _)| *ppid == PPID).map(|(_, message)| message)
        }
        _ => Some(payload.bytes),
    };
    let Some((header, message)) = message.and_then(|message| Some((Header::read(message)?, message))) else {
        if payload.carrier == Carrier::Sctp {
            sctp::say_chunks(payload, facts);
        }
        return;
    };
    let name = command_name(header.command).unwrap_or_default();
    facts.say(name.as_bytes());
    facts.say(if header.is_request() { b" Request(" } else { b" Answer(" });
    facts.say_number(header.command.into());
    facts.say(b") appl=");
    facts.say_number(header.application.into());
    facts.put_number("command_code", header.command.into());
    facts.put("command_name", name.as_bytes());
    facts.put_flag("is_request", header.is_request());
    facts.put_number("application_id", header.application.into());
    facts.put_hex("hop_by_hop_id", &header.hop_by_hop);
    facts.put_hex("end_to_end_id", &header.end_to_end);
    describe_attributes(message.get(..header.length).unwrap_or(message), facts);
}

/// Realms and hosts, never what identifies a subscriber or proves it.
fn describe_attributes(message: &[u8], facts: &mut Facts) {
    let mut rest = message.get(HEADER_LENGTH..).unwrap_or_default();
    while let Some((&[c0, c1, c2, c3, flags, l0, l1, l2], after)) = rest.split_first_chunk() {
        let header = if flags & 0x80 != 0 { 12 } else { 8 };
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let Some(value) = after.get(header - 8..length.wrapping_sub(8).max(header - 8)) else { return };
        if length < header {
            return;
        }
        match u32::from_be_bytes([c0, c1, c2, c3]) {
            ORIGIN_HOST => facts.put("origin_host", value),
            ORIGIN_REALM => facts.put("origin_realm", value),
            DESTINATION_REALM => facts.put("destination_realm", value),
            RESULT_CODE => {
                if let Some(code) = value.first_chunk() {
                    facts.put_number("result_code", u32::from_be_bytes(*code).into());
                }
            }
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn request(command: u32, attributes: &[u8]) -> Vec<u8> {
        let mut message = vec![1];
        message.extend_from_slice(&(20 + attributes.len() as u32).to_be_bytes()[1..]);
        message.push(0x80);
        message.extend_from_slice(&command.to_be_bytes()[1..]);
        message.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        message.extend_from_slice(attributes);
        message
    }

    const HOST: &[u8] = b"\0\0\x01\x08\x40\0\0\x0da.net\0\0\0";

    #[test]
    fn commands_and_hosts_are_told() {
        let message = request(257, HOST);
        for (carrier, payload) in [
            (Carrier::Tcp, message.clone()),
            (Carrier::Sctp, [&[0, 3, 0, 52, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 46][..], &message].concat()),
        ] {
            let packet = sent(carrier, 40001, 40003, &payload);
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!(
                (name, info.as_str()),
                (Some("Diameter"), "Capabilities-Exchange Request(257) appl=0")
            );
            assert!(details.contains(&("origin_host", "a.net".to_owned())), "{details:?}");
        }
    }

    #[test]
    fn messages_are_chained_or_incomplete() {
        let message = request(272, HOST);
        let twice = [message.clone(), request(280, &[])].concat();
        assert_eq!(names(&[sent(Carrier::Tcp, 1, 2, &twice)]), [Some("Diameter")]);
        assert_eq!(names(&[sent(Carrier::Tcp, 1, 2, &message[..30])]), [Some("Diameter")]);
        let pieces = [sent(Carrier::Tcp, 1, 2, &message[..10]), sent(Carrier::Tcp, 1, 2, &message[10..])];
        assert_eq!(names(&pieces), [None, Some("Diameter")]);
        let rubbish = [message, vec![7; 40]].concat();
        assert_eq!(names(&[sent(Carrier::Tcp, 1, 2, &rubbish)]), [None]);
        for (at, value) in [(0, 2), (3, 0x25), (4, 0x81), (4, 0xa0), (7, 99)] {
            let mut message = request(257, HOST);
            message[at] = value;
            assert_eq!(names(&[sent(Carrier::Tcp, 1, PORT, &message)]), [None], "{at} {value}");
        }
    }
}

//! Telnet (RFC 854, RFC 855).

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Interpret As Command.
const IAC: u8 = 255;
/// Negotiations of a payload that are named.
const MOST_NAMED: usize = 8;

/// Telnet, from the negotiation of options at the beginning of a direction.
pub static TELNET: Signature = Signature {
    name: "Telnet",
    carriers: &[Carrier::Tcp],
    ports: &[23],
    first: FirstBytes::OneOf(&[IAC]),
    examine,
    describe,
    ..Signature::BASE
};

/// What stands at the front of a payload.
enum Item {
    /// WILL, WON'T, DO or DON'T, and the option.
    Negotiation(u8, u8),
    /// A subnegotiation of an option.
    Subnegotiation(u8),
    /// A command without an option.
    Command(u8),
    /// Bytes for the terminal, an escaped 255 among them.
    Data,
}

/// The item at the front, and the rest. `None` where 255 is not followed by a command; a cut item ends the payload.
fn split_item(bytes: &[u8]) -> Option<(Item, &[u8])> {
    match bytes {
        [IAC, command @ 251..=254, option, rest @ ..] => Some((Item::Negotiation(*command, *option), rest)),
        [IAC, 250, option, rest @ ..] => {
            let end = memchr::memmem::find(rest, &[IAC, 240]).map_or(rest.len(), |at| at + 2);
            Some((Item::Subnegotiation(*option), rest.get(end..)?))
        }
        [IAC, IAC, rest @ ..] => Some((Item::Data, rest)),
        [IAC, command @ 240..=249, rest @ ..] => Some((Item::Command(*command), rest)),
        [IAC] | [IAC, 250..=254] => Some((Item::Data, &[])),
        [IAC, ..] => None,
        _ => {
            let end = memchr::memchr(IAC, bytes).unwrap_or(bytes.len());
            Some((Item::Data, bytes.get(end..)?))
        }
    }
}

fn is_option(option: u8) -> bool {
    matches!(option, 0..=49 | 138..=140 | 255)
}

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let (mut rest, mut negotiations, mut only) = (payload.bytes, 0u32, true);
    while !rest.is_empty() {
        let Some((item, after)) = split_item(rest) else { return Verdict::No };
        match item {
            Item::Negotiation(_, option) | Item::Subnegotiation(option) if is_option(option) => {
                negotiations += 1
            }
            Item::Negotiation(..) | Item::Subnegotiation(_) => return Verdict::No,
            Item::Command(_) => {}
            Item::Data => {
                // Text for the terminal.
                let data = rest.get(..rest.len() - after.len()).unwrap_or_default();
                only &= data.iter().all(|byte| matches!(byte, 0 | 7..=13 | 27 | 32..=126 | 128..=255));
            }
        }
        rest = after;
    }
    match negotiations {
        3.. if only => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        1.. if only && payload.on_port(TELNET.ports) => Verdict::Is(Confidence::HIGH, Method::Port),
        2.. if only => Verdict::Is(Confidence::MEDIUM, Method::Payload),
        _ => Verdict::No,
    }
}

/// Names negotiations; what is typed and shown stays out.
fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let (mut rest, mut commands, mut data) = (payload.bytes, 0u64, 0u64);
    while let Some((item, after)) = split_item(rest).filter(|_| !rest.is_empty()) {
        if matches!(item, Item::Data) {
            data += (rest.len() - after.len()) as u64;
        } else {
            commands += 1;
        }
        rest = after;
    }
    facts.put_number("iac_count", commands);
    if commands == 0 {
        facts.say(b"Telnet data: ");
        facts.say_number(data);
        return facts.say(b" bytes");
    }
    let mut rest = payload.bytes;
    facts.entry("negotiations", |text| {
        let mut named = 0;
        while let Some((item, after)) = split_item(rest).filter(|_| !rest.is_empty() && named < MOST_NAMED) {
            rest = after;
            let (command, option) = match item {
                Item::Negotiation(command, option) => (command_name(command), Some(option)),
                Item::Subnegotiation(option) => ("Suboption", Some(option)),
                Item::Command(command) => (command_name(command), None),
                Item::Data => continue,
            };
            if named > 0 {
                text.extend_from_slice(b", ");
            }
            named += 1;
            text.extend_from_slice(command.as_bytes());
            if let Some(option) = option {
                text.push(b' ');
                text.extend_from_slice(option_name(option).as_bytes());
            }
        }
    });
    let mut buffer = [0; 200];
    let said = facts
        .entries()
        .find(|(key, _)| *key == "negotiations")
        .map_or(0, |(_, value)| buffer.iter_mut().zip(value).map(|(place, byte)| *place = *byte).count());
    facts.say(buffer.get(..said).unwrap_or_default());
}

fn command_name(command: u8) -> &'static str {
    match command {
        241 => "No Operation",
        242 => "Data Mark",
        243 => "Break",
        244 => "Interrupt Process",
        245 => "Abort Output",
        246 => "Are You There",
        247 => "Erase Character",
        248 => "Erase Line",
        249 => "Go Ahead",
        251 => "WILL",
        252 => "WONT",
        253 => "DO",
        254 => "DONT",
        _ => "End of Suboption",
    }
}

/// Name of an option (IANA).
fn option_name(option: u8) -> &'static str {
    match option {
        0 => "Binary Transmission",
        1 => "Echo",
        3 => "Suppress Go Ahead",
        5 => "Status",
        6 => "Timing Mark",
        24 => "Terminal Type",
        25 => "End of Record",
        31 => "Window Size",
        32 => "Terminal Speed",
        33 => "Remote Flow Control",
        34 => "Linemode",
        35 => "X Display Location",
        36 => "Environment Option",
        37 => "Authentication Option",
        38 => "Encryption Option",
        39 => "New Environment Option",
        _ => "Unknown Option",
    }
}

#[cfg(test)]
#[path = "tests/telnet.rs"]
mod tests;

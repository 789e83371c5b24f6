//! Message brokers: MQTT, AMQP, Kafka, NATS.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// MQTT (OASIS MQTT 3.1.1 and 5.0): the client begins with CONNECT. In the middle of a connection control packets that fill
/// the segment tell, on the usual port.
pub static MQTT: Signature = Signature {
    name: "MQTT",
    carriers: &[Carrier::Tcp],
    ports: &[1883],
    first: FirstBytes::Ranges(&[
        (0x10, 0x10),
        (0x20, 0x20),
        (0x30, 0x3d),
        (0x40, 0x40),
        (0x50, 0x50),
        (0x62, 0x62),
        (0x70, 0x70),
        (0x82, 0x82),
        (0x90, 0x90),
        (0xa2, 0xa2),
        (0xb0, 0xb0),
        (0xc0, 0xc0),
        (0xd0, 0xd0),
        (0xe0, 0xe0),
        (0xf0, 0xf0),
    ]),
    examine: |payload, _, _| {
        if payload.u8(0) != Some(0x10) {
            return match payload.on_port(MQTT.ports) && are_control_packets(payload) {
                true => Verdict::Is(Confidence::MEDIUM, Method::Port),
                false => Verdict::No,
            };
        }
        let Some((remaining, start)) = variable_length(payload, 1) else {
            return if payload.bytes.len() < 2 { Verdict::More } else { Verdict::No };
        };
        let name: &[u8] = match payload.u16(start) {
            Some(4) => b"MQTT",
            Some(6) => b"MQIsdp",
            None if payload.bytes.len() < start + 2 => return Verdict::More,
            _ => return Verdict::No,
        };
        let body = payload.from(start + 2);
        match body.get(name.len()) {
            Some(3..=5) if body.starts_with(name) && remaining >= 10 => {
                Verdict::Is(Confidence::DEFINITE, Method::Handshake)
            }
            None if name.starts_with(body) || body == name => Verdict::More,
            _ => Verdict::No,
        }
    },
    describe: describe_mqtt,
    ..Signature::BASE
};

/// Control packets of a segment that are walked over.
const MOST_CONTROL_PACKETS: usize = 64;

/// Whether MQTT control packets with the flags and lengths of their types fill the segment (MQTT 5.0 section 2.1).
fn are_control_packets(payload: &Payload) -> bool {
    let mut at = 0;
    for _ in 0..MOST_CONTROL_PACKETS {
        let Some(first) = payload.u8(at) else { return at == payload.length };
        let Some((remaining, start)) = variable_length(payload, at + 1) else { return false };
        let end = start + remaining;
        let fits = match first {
            // Quality of service 3 is none; a topic without wildcards, and an identifier where it is acknowledged.
            0x30..=0x3d if first & 6 != 6 => {
                let identifier = if first & 6 == 0 { 0 } else { 2 };
                let topic = payload.u16(start).map_or(0, usize::from);
                let text = payload.bytes.get(start + 2..start + 2 + topic).unwrap_or_default();
                start + 2 + topic + identifier <= end
                    && text.len() == topic
                    && !text.iter().any(|byte| *byte < b' ' || matches!(byte, b'+' | b'#'))
            }
            _ => fits_rest(first, payload.bytes.get(start..end).unwrap_or_default(), remaining),
        };
        if !fits || end > payload.bytes.len() {
            return false;
        }
        at = end;
    }
    true
}

/// Whether what follows the fixed header of another packet than PUBLISH is as its type has it (MQTT 5.0 sections 3.2 to
/// 3.15, with properties and reason codes; MQTT 3.1.1 without).
fn fits_rest(first: u8, rest: &[u8], remaining: usize) -> bool {
    // Properties of so many bytes, and no more.
    let are_properties = |bytes: &[u8]| match bytes {
        [length, properties @ ..] => usize::from(*length) == properties.len(),
        [] => false,
    };
    // What follows an identifier, with properties in front and without.
    let either = |fits: &dyn Fn(&[u8]) -> bool| match rest {
        [0, 0, ..] => false,
        [_, _, length, after @ ..] => {
            fits(rest.get(2..).unwrap_or_default()) || after.get(usize::from(*length)..).is_some_and(fits)
        }
        _ => false,
    };
    match (first, rest) {
        (0x20, [0 | 1, 0..=5]) => true,
        (0x20, [0 | 1, _, properties @ ..]) => are_properties(properties),
        (0x40 | 0x50 | 0x62 | 0x70, [_, _] | [_, _, _]) => true,
        (0x40 | 0x50 | 0x62 | 0x70, [_, _, _, properties @ ..]) => are_properties(properties),
        (0x82, _) => either(&|filters| are_filters(filters, 1)),
        (0xa2, _) => either(&|filters| are_filters(filters, 0)),
        (0x90, _) => {
            either(&|codes| !codes.is_empty() && codes.iter().all(|code| matches!(code, 0..=2 | 0x80..=0xa2)))
        }
        (0xb0, [_, _]) => true,
        (0xb0, _) => either(&|codes| {
            !codes.is_empty() && codes.iter().all(|code| matches!(code, 0 | 0x11 | 0x80..=0x91))
        }),
        (0xc0 | 0xd0, _) => remaining == 0,
        (0xe0 | 0xf0, []) => remaining == 0,
        (0xe0, [_]) => true,
        (0xe0 | 0xf0, [_, properties @ ..]) => are_properties(properties),
        _ => false,
    }
}

/// Whether topic filters, each with so many bytes of options, fill the bytes.
fn are_filters(bytes: &[u8], options: usize) -> bool {
    let mut rest = bytes;
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((filter, behind)) = after.split_at_checked(length) else { return false };
        let Some((options, behind)) = behind.split_at_checked(options) else { return false };
        let is_text = !filter.is_empty() && filter.iter().all(|byte| *byte >= b' ');
        if !is_text || options.iter().any(|options| options & 0xc3 == 3 || options & 0xc0 != 0) {
            return false;
        }
        rest = behind;
        if rest.is_empty() {
            return true;
        }
    }
    false
}

/// Value of a variable byte integer at `offset`, and where it ends.
fn variable_length(payload: &Payload, offset: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for place in 0..4 {
        let byte = payload.u8(offset + place)?;
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, offset + place + 1));
        }
    }
    None
}

fn describe_mqtt(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const TYPES: [&str; 16] = [
        "Reserved",
        "CONNECT",
        "CONNACK",
        "PUBLISH",
        "PUBACK",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "SUBSCRIBE",
        "SUBACK",
        "UNSUBSCRIBE",
        "UNSUBACK",
        "PINGREQ",
        "PINGRESP",
        "DISCONNECT",
        "AUTH",
    ];
    let Some(first) = payload.u8(0) else { return };
    let Some((remaining, start)) = variable_length(payload, 1) else { return };
    // In the middle of a message the first byte says nothing.
    let (kind, flags) = (usize::from(first >> 4), first & 15);
    if start + remaining > payload.length || kind == 0 || (kind != 3 && flags & !2 != 0) {
        return;
    }
    let name = TYPES.get(kind).copied().unwrap_or_default();
    facts.say(name.as_bytes());
    facts.put("type", name.as_bytes());
    let text_at = |offset: usize| {
        let length = usize::from(payload.u16(offset)?);
        payload.bytes.get(offset + 2..offset + 2 + length)
    };
    match kind {
        1 => {
            let name_length = usize::from(payload.u16(start).unwrap_or(0));
            let level = payload.u8(start + 2 + name_length).unwrap_or(0);
            facts.put_number("protocol_level", u64::from(level));
            // Behind the level: flags, keep-alive, and from version 5 on properties.
            let mut at = start + 2 + name_length + 4;
            if level >= 5
                && let Some((properties, end)) = variable_length(payload, at)
            {
                at = end + properties;
            }
            if let Some(client) = text_at(at) {
                facts.put("client_id", client);
                facts.say(b" ");
                facts.say(client);
            }
        }
        3 => {
            if let Some(topic) = text_at(start) {
                facts.put("topic", topic);
                facts.say(b" ");
                facts.say(topic);
            }
        }
        _ => {}
    }
}

/// AMQP: the client begins with the protocol header of a version in use (0-9-1, 1.0 plain, with TLS or SASL, 0-10). In
/// the middle of a connection frames of 0-9-1 tell, by their lengths and last bytes.
pub static AMQP: Signature = Signature {
    name: "AMQP",
    carriers: &[Carrier::Tcp],
    ports: &[5672],
    first: FirstBytes::OneOf(b"A\x01\x02\x03\x08"),
    examine: |payload, _, _| {
        const VERSIONS: [[u8; 4]; 6] =
            [[0, 0, 9, 1], [0, 1, 0, 0], [2, 1, 0, 0], [3, 1, 0, 0], [1, 1, 0, 10], [1, 1, 8, 0]];
        match payload.array(4) {
            Some(version) if payload.bytes.starts_with(b"AMQP") && VERSIONS.contains(&version) => {
                Verdict::Is(Confidence::DEFINITE, Method::Handshake)
            }
            None if b"AMQP".starts_with(payload.bytes.get(..4).unwrap_or(payload.bytes)) => Verdict::More,
            _ if payload.on_port(AMQP.ports) && is_amqp_frame(payload) => {
                Verdict::Is(Confidence::HIGH, Method::Port)
            }
            _ => Verdict::No,
        }
    },
    describe: |payload, _, _, facts| {
        if payload.bytes.starts_with(b"AMQP")
            && let Some([_, version @ ..]) = payload.array::<4>(4)
        {
            facts.say(b"Protocol header ");
            facts.put("type", b"protocol_header");
            facts.entry("version", |out| {
                for (place, part) in version.iter().enumerate() {
                    if place > 0 {
                        out.push(b'-');
                    }
                    crate::wire::json::put_decimal(out, u64::from(*part));
                }
            });
        }
    },
    ..Signature::BASE
};

/// Whether a frame of AMQP 0-9-1 (its section 2.3.5) begins the payload: a type, a channel, a length, and the byte that
/// ends all frames behind so many bytes. A method is of a class that there is.
fn is_amqp_frame(payload: &Payload) -> bool {
    const END: u8 = 0xce;
    const HEADER: usize = 7;
    let Some([kind, channel @ .., _, _, _, _]) = payload.array::<HEADER>(0) else { return false };
    let Some(length) = payload.u32(3).and_then(|length| usize::try_from(length).ok()) else { return false };
    let fits = match kind {
        1 => matches!(payload.u16(HEADER), Some(10 | 20 | 30 | 40 | 50 | 60 | 85 | 90)) && length >= 4,
        2 => payload.u16(HEADER) == Some(60) && length >= 14,
        3 => length > 0,
        8 => length == 0 && channel == [0, 0],
        _ => false,
    };
    fits && length < payload.bytes.len() && payload.u8(HEADER + length) == Some(END)
}

/// Kafka: requests of a length, an API key and version, and the client's id.
pub static KAFKA: Signature = Signature {
    name: "Kafka",
    carriers: &[Carrier::Tcp],
    ports: &[9092],
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| {
        let Some(request) = kafka_request(payload) else { return Verdict::No };
        let exact = request.length + 4 == payload.bytes.len();
        match exact && !request.client_id.is_empty() {
            true => Verdict::Is(Confidence::HIGH, Method::Payload),
            false if exact && payload.on_port(&[9092]) => Verdict::Is(Confidence::MEDIUM, Method::Port),
            false => Verdict::No,
        }
    },
    describe: |payload, _, _, facts| {
        let Some(request) = kafka_request(payload) else { return };
        if payload.source_port == 9092 {
            return;
        }
        let name = KAFKA_APIS.get(request.key).copied().unwrap_or("Request");
        facts.say(name.as_bytes());
        facts.put("type", b"request");
        facts.put("api_name", name.as_bytes());
        facts.put_number("api_key", request.key as u64);
        facts.put_number("api_version", u64::from(request.version));
        facts.put("client_id", request.client_id);
    },
    ..Signature::BASE
};

struct KafkaRequest<'a> {
    length: usize,
    key: usize,
    version: u16,
    client_id: &'a [u8],
}

fn kafka_request<'a>(payload: &Payload<'a>) -> Option<KafkaRequest<'a>> {
    let (length, key, version) = (payload.u32(0)? as usize, payload.u16(4)?, payload.u16(6)?);
    let id_length = payload.u16(12)?;
    let client_id =
        if id_length == u16::MAX { &[] } else { payload.from(14).get(..usize::from(id_length))? };
    let plausible = (10..=100 << 20).contains(&length)
        && key <= 92
        && version <= 20
        && client_id.len() <= 255
        && client_id.iter().all(u8::is_ascii_graphic);
    plausible.then_some(KafkaRequest { length, key: usize::from(key), version, client_id })
}

/// The first API keys.
const KAFKA_APIS: [&str; 19] = [
    "Produce",
    "Fetch",
    "ListOffsets",
    "Metadata",
    "LeaderAndIsr",
    "StopReplica",
    "UpdateMetadata",
    "ControlledShutdown",
    "OffsetCommit",
    "OffsetFetch",
    "FindCoordinator",
    "JoinGroup",
    "Heartbeat",
    "LeaveGroup",
    "SyncGroup",
    "DescribeGroups",
    "ListGroups",
    "SaslHandshake",
    "ApiVersions",
];

/// NATS: the server greets with `INFO {...}`, the client answers `CONNECT {...}`.
pub static NATS: Signature = Signature {
    name: "NATS",
    carriers: &[Carrier::Tcp],
    ports: &[4222],
    first: FirstBytes::OneOf(b"ICPSUM+-"),
    examine: |payload, _, _| {
        let bytes = payload.bytes;
        let greets = bytes.starts_with(b"INFO {") || bytes.starts_with(b"CONNECT {");
        let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
        let names = |key: &[u8]| memchr::memmem::find(head, key).is_some();
        match greets {
            true if names(b"\"server_id\"") || names(b"\"verbose\"") || names(b"\"max_payload\"") => {
                Verdict::Is(Confidence::DEFINITE, Method::Handshake)
            }
            true if bytes.len() < 4096 && !bytes.contains(&b'\n') => Verdict::More,
            false if payload.on_port(&[4222]) && nats_word(payload).is_some() => {
                Verdict::Is(Confidence::MEDIUM, Method::Port)
            }
            _ => Verdict::No,
        }
    },
    describe: |payload, _, _, facts| {
        if let Some(word) = nats_word(payload) {
            facts.say(word);
            facts.put("command", word);
        }
    },
    ..Signature::BASE
};

/// The word that a NATS line begins with.
fn nats_word<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    let line = payload.line(4096)?;
    let word = line.split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    let known: [&[u8]; 10] =
        [b"INFO", b"CONNECT", b"PUB", b"HPUB", b"SUB", b"UNSUB", b"MSG", b"PING", b"PONG", b"+OK"];
    (known.contains(&word) || word == b"-ERR").then_some(word)
}

#[cfg(test)]
mod tests {
    use super::super::Carrier;
    use super::super::tests::{names, sent};

    #[test]
    fn amqp_is_told_by_its_frames_in_the_middle_of_a_connection() {
        let publish = [1, 0, 1, 0, 0, 0, 5, 0, 60, 0, 40, 0, 0xce];
        let heartbeat = [8, 0, 0, 0, 0, 0, 0, 0xce];
        let changed = |at: usize, byte: u8| {
            let mut frame = publish;
            frame[at] = byte;
            frame
        };
        for (payload, port, expected) in [
            (&publish[..], 5672, Some("AMQP")),
            (&[&publish[..], &heartbeat].concat(), 5672, Some("AMQP")),
            (&heartbeat, 5672, Some("AMQP")),
            (&publish, 40003, None),
            (&changed(8, 61), 5672, None),
            (&changed(12, 0xcd), 5672, None),
            (&changed(6, 6), 5672, None),
            (&changed(0, 2), 5672, None),
            (&publish[..12], 5672, None),
        ] {
            assert_eq!(names(&[sent(Carrier::Tcp, 40001, port, payload)]), [expected], "{payload:x?}");
        }
    }
}

//! DHCP (RFC 2131), BOOTP (RFC 951) and DHCPv6 (RFC 8415).

use super::link_layer::write_mac;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};
use crate::net::Address;

/// Server and client, and the proxy of PXE.
const PORTS: &[u16] = &[67, 68, 4011];
const PORTS_V6: &[u16] = &[546, 547];
/// Offset of the magic cookie, and of the options behind it.
const COOKIE: usize = 236;
const OPTIONS: usize = 240;
const MAGIC: u32 = 0x6382_5363;

const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const PARAMETER_REQUEST_LIST: u8 = 55;
const VENDOR_CLASS: u8 = 60;
const END: u8 = 255;

/// DHCP: a BOOTP message with the magic cookie and a message type.
pub static DHCP: Signature = Signature {
    name: "DHCP",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[1, 2]),
    examine: |payload, _, _| match is_bootp(payload) && message_type(payload).is_some() {
        true => Verdict::Is(Confidence::DEFINITE, Method::Port),
        false => Verdict::No,
    },
    // Broadcasts of all clients are one flow.
    continues: |payload, _, _| message_type(payload).is_some() || !is_bootp(payload),
    describe,
    ..Signature::BASE
};

/// BOOTP without a DHCP message type.
pub static BOOTP: Signature = Signature {
    name: "BOOTP",
    carriers: &[Carrier::Udp],
    ports: PORTS,
    first: FirstBytes::OneOf(&[1, 2]),
    examine: |payload, _, _| match is_bootp(payload) {
        true => Verdict::Is(Confidence::MEDIUM, Method::Port),
        false => Verdict::No,
    },
    continues: |payload, _, _| message_type(payload).is_none(),
    describe,
    ..Signature::BASE
};

/// DHCPv6: options fill the message to its end.
pub static DHCPV6: Signature = Signature {
    name: "DHCPv6",
    carriers: &[Carrier::Udp],
    ports: PORTS_V6,
    first: FirstBytes::Ranges(&[(1, 36)]),
    examine: |payload, _, _| match payload.on_port(PORTS_V6) && options_v6_fit(payload) {
        true => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
        false => Verdict::No,
    },
    describe: describe_v6,
    ..Signature::BASE
};

fn is_bootp(payload: &Payload) -> bool {
    payload.on_port(PORTS)
        && payload.length >= COOKIE
        && matches!(payload.u8(0), Some(1 | 2))
        && matches!(payload.u8(1), Some(1..=37))
        && matches!(payload.u8(2), Some(1..=16))
        && matches!(payload.u8(3), Some(0..=16))
}

/// Options from `from` on, until the end option or the end of what was captured.
struct Options<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (code, rest) = self.rest.split_first()?;
            self.rest = rest;
            match *code {
                PAD => {}
                END => return None,
                code => {
                    let (length, rest) = rest.split_first()?;
                    let (value, rest) = rest.split_at_checked(usize::from(*length))?;
                    self.rest = rest;
                    return Some((code, value));
                }
            }
        }
    }
}

/// The options field, and the fields that option 52 says hold options too.
fn options<'a>(payload: &Payload<'a>) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
    let field = |from: usize, to: usize| Options { rest: payload.bytes.get(from..to).unwrap_or_default() };
    let present = payload.u32(COOKIE) == Some(MAGIC);
    let main = || Options { rest: if present { payload.from(OPTIONS) } else { &[] } };
    let overload = main()
        .find_map(|(code, value)| (code == OVERLOAD).then(|| value.first().copied()).flatten())
        .unwrap_or(0);
    let file = if overload & 1 != 0 { field(108, COOKIE) } else { Options { rest: &[] } };
    let server_name = if overload & 2 != 0 { field(44, 108) } else { Options { rest: &[] } };
    main().chain(file).chain(server_name)
}

fn message_type(payload: &Payload) -> Option<u8> {
    let value = options(payload).find_map(|(code, value)| (code == MESSAGE_TYPE).then_some(value))?;
    match value {
        [number @ 1..=18] => Some(*number),
        _ => None,
    }
}

/// Message type by its number (IANA BOOTP and DHCP parameters).
fn message_type_name(number: u8) -> (&'static str, &'static str) {
    const NAMES: [(&str, &str); 18] = [
        ("Discover", "DHCPDISCOVER"),
        ("Offer", "DHCPOFFER"),
        ("Request", "DHCPREQUEST"),
        ("Decline", "DHCPDECLINE"),
        ("ACK", "DHCPACK"),
        ("NAK", "DHCPNAK"),
        ("Release", "DHCPRELEASE"),
        ("Inform", "DHCPINFORM"),
        ("Force Renew", "DHCPFORCERENEW"),
        ("Lease Query", "DHCPLEASEQUERY"),
        ("Lease Unassigned", "DHCPLEASEUNASSIGNED"),
        ("Lease Unknown", "DHCPLEASEUNKNOWN"),
        ("Lease Active", "DHCPLEASEACTIVE"),
        ("Bulk Lease Query", "DHCPBULKLEASEQUERY"),
        ("Lease Query Done", "DHCPLEASEQUERYDONE"),
        ("Active Lease Query", "DHCPACTIVELEASEQUERY"),
        ("Lease Query Status", "DHCPLEASEQUERYSTATUS"),
        ("TLS", "DHCPTLS"),
    ];
    NAMES.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or(("Unknown", "Unknown"))
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(id) = payload.array::<4>(4) else { return };
    let kind: &[u8] = if payload.u8(0) == Some(1) { b"BOOTREQUEST" } else { b"BOOTREPLY" };
    let message_type = message_type(payload).map(message_type_name);
    match message_type {
        Some((name, _)) => {
            facts.say(b"DHCP ");
            facts.say(name.as_bytes());
        }
        None => facts.say(if payload.u8(0) == Some(1) { b"Boot Request" } else { b"Boot Reply" }),
    }
    facts.say(b" - Transaction ID 0x");
    facts.say_hex(&id);
    facts.put("type", kind);
    facts.put_hex("transaction_id", &id);
    for (key, offset) in [("htype", 1), ("hlen", 2), ("hops", 3)] {
        facts.put_number(key, payload.u8(offset).unwrap_or(0).into());
    }
    for (key, offset) in [("client_ip", 12), ("your_ip", 16), ("server_ip", 20), ("gateway_ip", 24)] {
        put_address(key, payload.array(offset), facts);
    }
    if let (Some(1), Some(6), Some(mac)) = (payload.u8(1), payload.u8(2), payload.array(28)) {
        facts.entry("client_mac", |text| write_mac(mac, text));
    }
    let Some((_, name)) = message_type else { return };
    facts.put("message_type", name.as_bytes());
    for (code, value) in options(payload) {
        match code {
            HOST_NAME => facts.put("hostname", value),
            VENDOR_CLASS => facts.put("vendor_class", value),
            REQUESTED_ADDRESS => put_address("requested_ip", value.first_chunk().copied(), facts),
            SERVER_IDENTIFIER => put_address("server_identifier", value.first_chunk().copied(), facts),
            PARAMETER_REQUEST_LIST => facts.put_hex("param_request_list", value),
            LEASE_TIME => {
                if let Some(seconds) = value.first_chunk() {
                    facts.put_number("lease_time", u32::from_be_bytes(*seconds).into());
                }
            }
            _ => {}
        }
    }
}

fn put_address(key: &'static str, octets: Option<[u8; 4]>, facts: &mut Facts) {
    if let Some(address) = octets.map(Address::v4) {
        facts.entry(key, |text| address.write_text(text));
    }
}

/// Length of the header: that of relay messages has two addresses (RFC 8415 section 9).
fn header_length_v6(payload: &Payload) -> usize {
    if matches!(payload.u8(0), Some(12 | 13)) { 34 } else { 4 }
}

fn options_v6_fit(payload: &Payload) -> bool {
    let mut at = header_length_v6(payload);
    while let (Some(_), Some(length)) = (payload.u16(at), payload.u16(at + 2)) {
        at += 4 + usize::from(length);
    }
    match payload.is_whole() {
        true => at == payload.length && at > header_length_v6(payload),
        false => at > payload.bytes.len().saturating_sub(4) && at <= payload.length,
    }
}

fn describe_v6(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const NAMES: [&str; 13] = [
        "Solicit",
        "Advertise",
        "Request",
        "Confirm",
        "Renew",
        "Rebind",
        "Reply",
        "Release",
        "Decline",
        "Reconfigure",
        "Information-request",
        "Relay-forw",
        "Relay-reply",
    ];
    let Some(kind) = payload.u8(0) else { return };
    let name = NAMES.get(usize::from(kind).wrapping_sub(1)).copied().unwrap_or("Unknown");
    facts.say(name.as_bytes());
    facts.put("message_type", name.as_bytes());
    if matches!(kind, 12 | 13) {
        for (key, offset) in [("link_address", 2), ("peer_address", 18)] {
            if let Some(address) = payload.array(offset).map(Address::v6) {
                facts.entry(key, |text| address.write_text(text));
            }
        }
    } else if let Some(id) = payload.array::<3>(1) {
        facts.say(b" XID: 0x");
        facts.say_hex(&id);
        facts.put_hex("transaction_id", &id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        let mut payload = vec![0; OPTIONS];
        payload[..8].copy_from_slice(&[1, 1, 6, 0, 0x39, 3, 0xf3, 0x26]);
        payload[28..34].copy_from_slice(&[0, 0x0c, 1, 2, 3, 4]);
        payload[COOKIE..].copy_from_slice(&MAGIC.to_be_bytes());
        payload.extend_from_slice(options);
        payload
    }

    #[test]
    fn options_are_told() {
        let payload = message(b"\x35\x01\x03\x32\x04\xc0\xa8\x01\x64\x0c\x04host\x33\x04\0\0\x0e\x10\xff");
        let packet = sent(Carrier::Udp, 68, 67, &payload);
        let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("DHCP"), "DHCP Request - Transaction ID 0x3903f326"));
        for expected in [
            ("message_type", "DHCPREQUEST"),
            ("requested_ip", "192.168.1.100"),
            ("hostname", "host"),
            ("lease_time", "3600"),
            ("client_mac", "00:0c:01:02:03:04"),
        ] {
            assert!(details.contains(&(expected.0, expected.1.to_owned())), "{expected:?} {details:?}");
        }
    }

    #[test]
    fn the_message_type_may_be_where_the_file_name_would_be() {
        let mut payload = message(b"\x34\x01\x01\xff");
        payload[108..112].copy_from_slice(&[53, 1, 5, 255]);
        assert_eq!(names(&[sent(Carrier::Udp, 67, 68, &payload)]), [Some("DHCP")]);
    }

    #[test]
    fn without_a_message_type_it_is_bootp() {
        for options in [&b"\xff"[..], b"\x35\x01\x13\xff", b"\x35\x02\x01\x01\xff"] {
            assert_eq!(names(&[sent(Carrier::Udp, 68, 67, &message(options))]), [Some("BOOTP")]);
        }
        assert_eq!(names(&[sent(Carrier::Udp, 68, 5000, &message(b"\x35\x01\x01\xff"))]), [Some("DHCP")]);
        let mixed = [&b"\xff"[..], b"\x35\x01\x01\xff", b"\xff"]
            .map(|options| sent(Carrier::Udp, 68, 67, &message(options)));
        assert_eq!(names(&mixed), ["BOOTP", "DHCP", "BOOTP"].map(Some));
        assert_eq!(names(&[sent(Carrier::Udp, 5001, 5000, &message(b"\x35\x01\x01\xff"))]), [None]);
    }

    #[test]
    fn options_of_version_6_end_with_the_message() {
        let solicit = b"\x01\x12\x34\x56\0\x08\0\x02\0\0";
        let packet = sent(Carrier::Udp, 546, 547, solicit);
        let (name, _, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
        assert_eq!((name, info.as_str()), (Some("DHCPv6"), "Solicit XID: 0x123456"));
        assert_eq!(names(&[sent(Carrier::Udp, 546, 547, &solicit[..9])]), [None]);
    }
}

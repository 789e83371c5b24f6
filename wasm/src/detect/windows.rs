//! What Windows networks speak: SMB, RDP, LDAP, Kerberos.

use super::ber;
use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};

/// SMB 1 to 3 (MS-CIFS, MS-SMB2) behind the four bytes of direct TCP or NetBIOS session service.
pub static SMB: Signature = Signature {
    name: "SMB",
    carriers: &[Carrier::Tcp],
    ports: &[445, 139],
    first: FirstBytes::OneOf(&[0]),
    examine: |payload, _, _| match smb_dialect(payload) {
        Some(_) if payload.u24(1).is_some_and(|length| length >= 32) => {
            Verdict::Is(Confidence::DEFINITE, Method::Handshake)
        }
        None if payload.bytes.len() < 8 && b"\xfeSMB".starts_with(payload.from(4)) => Verdict::More,
        None if payload.bytes.len() < 8 && b"\xffSMB".starts_with(payload.from(4)) => Verdict::More,
        _ => Verdict::No,
    },
    describe: |payload, _, _, facts| {
        let Some(dialect) = smb_dialect(payload) else { return };
        facts.say(dialect.as_bytes());
        facts.put("dialect", dialect.as_bytes());
        let command = match dialect {
            "SMB2" => payload
                .array(16)
                .map(u16::from_le_bytes)
                .map(usize::from)
                .and_then(|code| SMB2_COMMANDS.get(code)),
            _ => None,
        };
        if let Some(command) = command {
            // Bit 0 of the flags: from the server (MS-SMB2 2.2.1).
            let is_response = payload.u8(20).is_some_and(|flags| flags & 1 != 0);
            facts.say(b" ");
            facts.say(command.as_bytes());
            facts.say(if is_response { b" response" } else { b" request" });
            facts.put("command", command.as_bytes());
            facts.put("type", if is_response { b"response" } else { b"request" });
        }
    },
    ..Signature::BASE
};

fn smb_dialect(payload: &Payload) -> Option<&'static str> {
    match &payload.array::<4>(4)? {
        b"\xfeSMB" => Some("SMB2"),
        b"\xffSMB" => Some("SMB1"),
        b"\xfdSMB" => Some("SMB3 encrypted"),
        b"\xfcSMB" => Some("SMB3 compressed"),
        _ => None,
    }
}

const SMB2_COMMANDS: [&str; 19] = [
    "NEGOTIATE",
    "SESSION_SETUP",
    "LOGOFF",
    "TREE_CONNECT",
    "TREE_DISCONNECT",
    "CREATE",
    "CLOSE",
    "FLUSH",
    "READ",
    "WRITE",
    "LOCK",
    "IOCTL",
    "CANCEL",
    "ECHO",
    "QUERY_DIRECTORY",
    "CHANGE_NOTIFY",
    "QUERY_INFO",
    "SET_INFO",
    "OPLOCK_BREAK",
];

const RDP_PORTS: &[u16] = &[3389];

/// RDP (MS-RDPBCGR): an X.224 connection request or confirm with a routing cookie or a negotiation; in the middle of a
/// connection, what follows these on the usual port; over UDP the client's SYN (MS-RDPEUDP).
pub static RDP: Signature = Signature {
    name: "RDP",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: RDP_PORTS,
    first: FirstBytes::OneOf(&[0, 3, 0xff]),
    examine: |payload, _, _| {
        if payload.carrier == Carrier::Udp {
            return match is_udp_syn(payload) {
                true => Verdict::Is(Confidence::VERY_HIGH, Method::Handshake),
                false => Verdict::No,
            };
        }
        let Some((kind, rest)) = x224_connection(payload) else {
            return match payload.on_port(RDP_PORTS) {
                true if is_t125(payload) => Verdict::Is(Confidence::VERY_HIGH, Method::Port),
                true if is_fast_path_output(payload) => Verdict::Is(Confidence::HIGH, Method::Port),
                _ => Verdict::No,
            };
        };
        let negotiates = rest.last_chunk::<8>().is_some_and(|tail| {
            matches!(tail, [1..=3, _, 8, 0, ..]) && (rest.len() == 8 || rest.starts_with(b"Cookie:"))
        });
        match negotiates || rest.starts_with(b"Cookie: mstshash=") || rest.starts_with(b"Cookie: msts=") {
            true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
            false if rest.is_empty() && payload.on_port(RDP_PORTS) && kind >= 0xd0 => {
                Verdict::Is(Confidence::HIGH, Method::Port)
            }
            false => Verdict::No,
        }
    },
    // What the negotiation asks for begins after the confirm (MS-RDPBCGR section 5.4.5).
    continues: |payload, _, _| payload.carrier == Carrier::Udp || !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe: |payload, _, _, facts| {
        if payload.carrier == Carrier::Udp {
            if is_udp_syn(payload) {
                facts.say(b"SYN");
                facts.put("type", b"syn");
            }
            return;
        }
        let Some((kind, rest)) = x224_connection(payload) else { return };
        let name = if kind == 0xe0 { "Connection request" } else { "Connection confirm" };
        facts.say(name.as_bytes());
        facts.put("type", if kind == 0xe0 { b"connection_request" } else { b"connection_confirm" });
        if let Some(&[1 | 2, _, 8, 0, protocols, ..]) = rest.last_chunk::<8>() {
            facts.put_number("protocols", u64::from(protocols));
        }
        if let Some(user) = rest.strip_prefix(b"Cookie: mstshash=")
            && let Some(end) = memchr::memchr(b'\r', user)
        {
            facts.put("user", user.get(..end).unwrap_or_default());
        }
    },
    ..Signature::BASE
};

/// A message of T.125 in a data TPDU (MS-RDPBCGR section 2.2.1.3 ff.): BER to connect, aligned PER afterwards. It may go on
/// in the next segment.
fn is_t125(payload: &Payload) -> bool {
    let Some([3, 0, high, low, 2, 0xf0, 0x80, domain, next]) = payload.array(0) else { return false };
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Choices of DomainMCSPDU, in the upper six bits.
    let is_known = match domain {
        0x7f => matches!(next, 0x65 | 0x66),
        0x04 | 0x20 | 0x21 | 0x28 | 0x2c | 0x2e | 0x38 | 0x3c | 0x3e | 0x64 | 0x68 => true,
        _ => false,
    };
    is_known && length >= 9 && (length >= payload.bytes.len() || matches!(payload.u8(length), Some(0..=3)))
}

/// Fast-path output of a server, not encrypted (MS-RDPBCGR section 2.2.9.1.2): updates that fill it, and it the payload.
fn is_fast_path_output(payload: &Payload) -> bool {
    let Some([0, first, second]) = payload.array(0) else { return false };
    let (length, mut at) = match first & 0x80 {
        0 => (usize::from(first), 2),
        _ => (usize::from(first & 0x7f) << 8 | usize::from(second), 3),
    };
    if length != payload.length || !RDP_PORTS.contains(&payload.source_port) {
        return false;
    }
    while at < length {
        let Some(header) = payload.u8(at) else { return false };
        // Update code, fragmentation, and whether a byte for compression follows.
        let size = match (header & 0x0f, header >> 6) {
            (0..=0x0b, 0) => at + 1,
            (0..=0x0b, 2) => at + 2,
            _ => return false,
        };
        let Some(bytes) = payload.le16(size) else { return false };
        at = size + 2 + usize::from(bytes);
    }
    at == length && payload.is_whole()
}

/// The first datagram of RDP over UDP: nothing to acknowledge, SYN, largest datagrams up and down, padding (MS-RDPEUDP section
/// 3.1.5.1.1).
fn is_udp_syn(payload: &Payload) -> bool {
    const SYN_AND_ACK: u16 = 0x0001 | 0x0004;
    const SYN: u16 = 0x0001;
    let fits = |offset| payload.u16(offset).is_some_and(|bytes| (1132..=1232).contains(&bytes));
    payload.u32(0) == Some(u32::MAX)
        && payload.u16(6).is_some_and(|flags| flags & SYN_AND_ACK == SYN)
        && fits(12)
        && fits(14)
        && payload.length >= 1132
}

/// Code of an X.224 connection request (E0) or confirm (D0) in a TPKT (RFC 1006) that is all there, and what follows
/// its fixed part.
fn x224_connection<'a>(payload: &Payload<'a>) -> Option<(u8, &'a [u8])> {
    let [version, reserved, high, low, indicator, code, ..] = payload.array::<11>(0)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let fits = version == 3
        && reserved == 0
        && length == payload.bytes.len()
        && usize::from(indicator) + 5 == length
        && matches!(code, 0xe0 | 0xd0);
    fits.then_some((code, payload.from(11)))
}

/// LDAP (RFC 4511) over TCP, and over UDP, as domain controllers are found (MS-ADTS).
pub static LDAP: Signature = Signature {
    name: "LDAP",
    carriers: &[Carrier::Tcp, Carrier::Udp],
    ports: LDAP_PORTS,
    first: FirstBytes::OneOf(&[0x30]),
    examine: examine_ldap,
    continues: |payload, _, _| !tls::begins_client_hello(payload.bytes),
    asks: tls::BEGINS_CLIENT_HELLO,
    describe: describe_ldap,
    ..Signature::BASE
};

const LDAP_PORTS: &[u16] = &[389, 3268];

fn examine_ldap(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(message) = ldap_message(payload.bytes) else { return Verdict::No };
    match payload.bytes.len().cmp(&message.end) {
        std::cmp::Ordering::Equal => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        std::cmp::Ordering::Greater if ldap_message(payload.from(message.end)).is_some() => {
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        std::cmp::Ordering::Less if payload.on_port(LDAP_PORTS) => {
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        _ => Verdict::No,
    }
}

fn describe_ldap(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = ldap_message(payload.bytes) else { return };
    let name = ldap_operation(message.operation).unwrap_or_default();
    facts.say(name.as_bytes());
    facts.put("type", name.as_bytes());
}

struct LdapMessage {
    /// Where it ends, bytes.
    end: usize,
    operation: u8,
}

/// A message whose envelope and operation fit into one another.
fn ldap_message(bytes: &[u8]) -> Option<LdapMessage> {
    let (0x30, start, end) = der_element(bytes, 0)? else { return None };
    let (2, id, id_end) = der_element(bytes, start)? else { return None };
    if !(1..=4).contains(&(id_end - id)) || bytes.get(id)? & 0x80 != 0 {
        return None;
    }
    let (operation, _, operation_end) = der_element(bytes, id_end)?;
    ldap_operation(operation)?;
    // Controls may follow (RFC 4511 section 4.1.11).
    let rest_fits = operation_end == end
        || (operation_end < end && bytes.get(operation_end).is_none_or(|tag| *tag == 0xa0));
    rest_fits.then_some(LdapMessage { end, operation })
}

fn ldap_operation(tag: u8) -> Option<&'static str> {
    Some(match tag {
        0x60 => "bindRequest",
        0x61 => "bindResponse",
        0x42 => "unbindRequest",
        0x63 => "searchRequest",
        0x64 => "searchResEntry",
        0x65 => "searchResDone",
        0x73 => "searchResRef",
        0x66 => "modifyRequest",
        0x67 => "modifyResponse",
        0x68 => "addRequest",
        0x69 => "addResponse",
        0x4a => "delRequest",
        0x6b => "delResponse",
        0x6c => "modDNRequest",
        0x6d => "modDNResponse",
        0x6e => "compareRequest",
        0x6f => "compareResponse",
        0x50 => "abandonRequest",
        0x77 => "extendedReq",
        0x78 => "extendedResp",
        0x79 => "intermediateResponse",
        _ => return None,
    })
}

/// Tag, start of the contents and end of the BER element at `offset`; it may end beyond the bytes.
fn der_element(bytes: &[u8], offset: usize) -> Option<(u8, usize, usize)> {
    let (element, _) = ber::split(bytes.get(offset..)?)?;
    let start = offset + element.header;
    Some((element.tag, start, start + element.length))
}

/// Kerberos 5 (RFC 4120): over TCP behind a length of four bytes.
pub static KERBEROS: Signature = Signature {
    name: "Kerberos",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: &[88, 464],
    first: FirstBytes::OneOf(&[0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x74, 0x75, 0x76, 0x7e]),
    examine: |payload, _, _| match kerberos_message(payload) {
        Some(_) => Verdict::Is(Confidence::DEFINITE, Method::Payload),
        None => Verdict::No,
    },
    describe: |payload, _, _, facts| {
        let Some(tag) = kerberos_message(payload) else { return };
        let name = match tag {
            0x6a => "AS-REQ",
            0x6b => "AS-REP",
            0x6c => "TGS-REQ",
            0x6d => "TGS-REP",
            0x6e => "AP-REQ",
            0x6f => "AP-REP",
            0x74 => "KRB-SAFE",
            0x75 => "KRB-PRIV",
            0x76 => "KRB-CRED",
            _ => "KRB-ERROR",
        };
        facts.say(name.as_bytes());
        facts.put("type", name.as_bytes());
    },
    ..Signature::BASE
};

/// Application tag of a message that says it is of version 5.
fn kerberos_message(payload: &Payload) -> Option<u8> {
    let bytes = match payload.carrier {
        Carrier::Tcp => {
            let length = payload.u32(0)? as usize;
            let message = payload.from(4);
            (length >= message.len() && length < 1 << 20).then_some(message)?
        }
        _ => payload.bytes,
    };
    let (tag @ (0x6a..=0x6f | 0x74..=0x76 | 0x7e), start, end) = der_element(bytes, 0)? else { return None };
    let is_whole = end == bytes.len() || (payload.carrier == Carrier::Tcp && end > bytes.len());
    let (0x30, fields, _) = der_element(bytes, start)? else { return None };
    let version = bytes.get(fields..)?.first_chunk::<5>()?;
    (is_whole && matches!(version, [0xa0 | 0xa1, 3, 2, 1, 5])).then_some(tag)
}

//! FTP (RFC 959, 2228, 2389, 2428, 3659): the control connection, and the data connections that it announces.

use super::command_line::{MOST_LINE, Reply, command, contains, is_text, side};
use super::signature::FirstBytes;
use super::state::seen;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict, tls};
use crate::bounded::BoundedMap;
use crate::net::Address;

/// Commands (IANA).
const VERBS: &[&[u8]] = &[
    b"USER", b"PASS", b"ACCT", b"CWD", b"CDUP", b"SMNT", b"QUIT", b"REIN", b"PORT", b"PASV", b"TYPE",
    b"STRU", b"MODE", b"RETR", b"STOR", b"STOU", b"APPE", b"ALLO", b"REST", b"RNFR", b"RNTO", b"ABOR",
    b"DELE", b"RMD", b"MKD", b"PWD", b"XCWD", b"XPWD", b"XMKD", b"XRMD", b"XCUP", b"LIST", b"NLST", b"SITE",
    b"SYST", b"STAT", b"HELP", b"NOOP", b"AUTH", b"ADAT", b"PBSZ", b"PROT", b"CCC", b"MIC", b"CONF", b"ENC",
    b"FEAT", b"OPTS", b"LANG", b"EPRT", b"EPSV", b"LPRT", b"LPSV", b"MDTM", b"MFMT", b"SIZE", b"MLST",
    b"MLSD", b"HOST", b"CLNT", b"CSID", b"AVBL",
];

/// Announced endpoints that are remembered.
const MOST_EXPECTED: usize = 4096;
/// How long a data connection may be in coming, nanoseconds.
const EXPECTED_FOR_NS: i64 = 120_000_000_000;

/// The word of notes that keeps the direction of a USER command.
const USER: usize = 0;

/// FTP: on its ports any command or reply, elsewhere a greeting that says so, or greeting and command.
pub static FTP: Signature = Signature {
    name: "FTP",
    carriers: &[Carrier::Tcp],
    ports: &[21, 990],
    first: FirstBytes::OneOf(b"12345UPACSRTMDLXNHOEuacsrtmpdlxnhoe"),
    examine,
    continues,
    describe,
    ..Signature::BASE
};

/// A data connection that a PORT, EPRT, PASV or EPSV has announced.
pub static FTP_DATA: Signature = Signature {
    name: "FTP-DATA",
    carriers: &[Carrier::Tcp],
    first: FirstBytes::Any,
    examine: |payload, _, shared| match shared.ftp_data.take(payload) {
        true => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        false => Verdict::No,
    },
    describe: |payload, _, _, facts| {
        facts.say(b"FTP data: ");
        facts.say_number(payload.length as u64);
        facts.say(b" bytes");
    },
    ..Signature::BASE
};

/// The endpoints at which data connections are expected, each for one connection.
pub struct ExpectedData {
    /// The time from which an endpoint is no longer expected.
    endpoints: BoundedMap<(Address, u16), i64>,
}

impl Default for ExpectedData {
    fn default() -> Self {
        Self { endpoints: BoundedMap::new(MOST_EXPECTED) }
    }
}

impl ExpectedData {
    /// Endpoints displaced for want of room.
    pub fn evictions(&self) -> u64 {
        self.endpoints.evictions()
    }

    /// Expects a connection to an endpoint.
    fn add(&mut self, address: Address, port: u16, now: i64) {
        while self.endpoints.pop_oldest_if(|_, end| *end <= now).is_some() {}
        if port != 0 {
            self.endpoints.insert((address, port), now.saturating_add(EXPECTED_FOR_NS));
        }
    }

    /// Whether a connection was expected at an end of this one; it is not from then on.
    #[inline]
    fn take(&mut self, payload: &Payload) -> bool {
        if self.endpoints.is_empty() {
            return false;
        }
        let Some(ip) = payload.ip else { return false };
        [(ip.destination, payload.destination_port), (ip.source, payload.source_port)]
            .iter()
            .any(|end| self.endpoints.remove(end).is_some_and(|until| payload.timestamp_ns < until))
    }

    /// Reads the endpoints that a payload of a control connection announces.
    fn read(&mut self, payload: &Payload) {
        let Some(ip) = payload.ip else { return };
        // Several lines can come in one segment; commands and replies are short.
        for line in payload.bytes.split(|byte| *byte == b'\n').take(16) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (address, port) = match line.first() {
                Some(b'P' | b'p' | b'E' | b'e') => match command(line, &[b"PORT", b"EPRT"]) {
                    Some((b"PORT", arguments)) => (six_numbers(arguments), None),
                    Some((_, arguments)) => (extended(arguments), None),
                    None => continue,
                },
                Some(b'2') => match Reply::parse(line) {
                    Some(Reply { code: 227, text, .. }) => (six_numbers(text), None),
                    Some(Reply { code: 229, text, .. }) => (None, extended_passive(text)),
                    _ => continue,
                },
                _ => continue,
            };
            if let Some((address, port)) = address {
                self.add(address, port, payload.timestamp_ns);
                // Behind address translation the address announced is not the one connected to.
                if address != ip.source {
                    self.add(ip.source, port, payload.timestamp_ns);
                }
            }
            if let Some(port) = port {
                self.add(ip.source, port, payload.timestamp_ns);
            }
        }
    }
}

/// `h1,h2,h3,h4,p1,p2`, with any text around it (RFC 959 section 4.1.2).
fn six_numbers(text: &[u8]) -> Option<(Address, u16)> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let mut numbers = [0u8; 6];
    let mut rest = text.get(start..)?;
    for (place, number) in numbers.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(b",")?;
        }
        (*number, rest) = decimal(rest).and_then(|(value, rest)| Some((u8::try_from(value).ok()?, rest)))?;
    }
    let [a, b, c, d, high, low] = numbers;
    Some((Address::v4([a, b, c, d]), u16::from_be_bytes([high, low])))
}

fn decimal(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    let value = number.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    (digits > 0).then_some((value, rest))
}

/// `|protocol|address|port|` with any delimiter (RFC 2428 section 2).
fn extended(text: &[u8]) -> Option<(Address, u16)> {
    let (delimiter, rest) = text.split_first()?;
    let mut parts = rest.split(|byte| byte == delimiter);
    let (protocol, address, port) = (parts.next()?, parts.next()?, parts.next()?);
    let address = str::from_utf8(address).ok()?;
    let address = match protocol {
        b"1" => Address::v4(address.parse::<std::net::Ipv4Addr>().ok()?.octets()),
        b"2" => Address::v6(address.parse::<std::net::Ipv6Addr>().ok()?.octets()),
        _ => return None,
    };
    Some((address, u16::try_from(decimal(port)?.0).ok()?))
}

/// `(|||port|)` with any delimiter (RFC 2428 section 3).
fn extended_passive(text: &[u8]) -> Option<u16> {
    let rest = text.get(memchr::memchr(b'(', text)? + 1..)?;
    let (&[a, b, c], rest) = rest.split_first_chunk()?;
    let (port, rest) = decimal(rest)?;
    (a == b && b == c && rest.first() == Some(&a)).then(|| u16::try_from(port).ok())?
}

fn examine(payload: &Payload, state: &mut FlowState, shared: &mut Shared) -> Verdict {
    let on_port = payload.on_port(FTP.ports);
    let Some(line) = payload.line(MOST_LINE) else {
        let known = on_port || payload.bytes.starts_with(b"220");
        let more = known && payload.bytes.len() < MOST_LINE && is_text(payload.bytes);
        return if more && state.may_ask_more(payload) { Verdict::More } else { Verdict::No };
    };
    let verdict = match Reply::parse(line) {
        Some(reply) => examine_reply(&reply, payload, state, on_port),
        None => examine_command(line, payload, state, on_port),
    };
    if matches!(verdict, Verdict::Is(..)) {
        shared.ftp_data.read(payload);
    }
    verdict
}

fn examine_reply(reply: &Reply, payload: &Payload, state: &mut FlowState, on_port: bool) -> Verdict {
    if reply.code == 220 && contains(reply.text, b"SMTP") {
        return Verdict::No;
    }
    if reply.code == 220 {
        state.seen |= seen::GREETING;
        if contains(reply.text, b"FTP") {
            return Verdict::Is(Confidence::VERY_HIGH, Method::Payload);
        }
    }
    let answers =
        state.notes().is_some_and(|notes| notes[USER] != 0 && notes[USER] != side(payload.direction));
    match reply.code {
        230 | 232 | 331 | 332 | 530 if answers => Verdict::Is(Confidence::DEFINITE, Method::Handshake),
        220 if on_port => Verdict::Is(Confidence::HIGH, Method::Port),
        220 => Verdict::Candidate,
        _ if on_port => Verdict::Is(Confidence::MEDIUM, Method::Port),
        _ => Verdict::No,
    }
}

fn examine_command(line: &[u8], payload: &Payload, state: &mut FlowState, on_port: bool) -> Verdict {
    let Some((verb, arguments)) = command(line, VERBS).filter(|(verb, arguments)| fits(verb, arguments))
    else {
        return Verdict::No;
    };
    let begins = match verb {
        b"USER" | b"FEAT" | b"SYST" | b"HOST" | b"CLNT" => true,
        b"AUTH" => [&b"TLS"[..], b"SSL", b"GSSAPI", b"KERBEROS"]
            .iter()
            .any(|name| arguments.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))),
        _ => false,
    };
    if begins && state.seen & seen::GREETING != 0 {
        return Verdict::Is(Confidence::DEFINITE, Method::Handshake);
    }
    if on_port {
        return Verdict::Is(Confidence::HIGH, Method::Port);
    }
    if verb == b"USER" {
        state.claim_notes()[USER] = side(payload.direction);
        return Verdict::Candidate;
    }
    Verdict::No
}

/// Whether arguments are there exactly where the verb takes some.
fn fits(verb: &[u8], arguments: &[u8]) -> bool {
    match verb {
        b"CDUP" | b"QUIT" | b"REIN" | b"PASV" | b"ABOR" | b"PWD" | b"XPWD" | b"XCUP" | b"SYST" | b"NOOP"
        | b"FEAT" | b"CCC" => arguments.is_empty(),
        b"LIST" | b"NLST" | b"STAT" | b"HELP" | b"EPSV" | b"STOU" | b"MLST" | b"MLSD" | b"LANG" | b"LPSV"
        | b"AVBL" | b"CSID" | b"PASS" => true,
        _ => !arguments.is_empty(),
    }
}

fn continues(payload: &Payload, _: &mut FlowState, shared: &mut Shared) -> bool {
    match payload.bytes.first() {
        Some(0x16) => !tls::begins_client_hello(payload.bytes),
        Some(b'2' | b'P' | b'p' | b'E' | b'e') => {
            shared.ftp_data.read(payload);
            true
        }
        _ => true,
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let line = payload.line(MOST_LINE).unwrap_or(payload.bytes);
    if let Some(reply) = Reply::parse(line) {
        facts.put("type", b"response");
        facts.put_number("code", reply.code.into());
        facts.put("code_category", reply.category().as_bytes());
        facts.put("message", reply.text);
        if reply.is_multiline {
            facts.put_flag("multiline", true);
        }
        facts.say(b"Response: ");
        return facts.say(line);
    }
    let Some((verb, arguments)) = command(line, VERBS) else { return facts.say(b"Continuation") };
    facts.put("type", b"command");
    facts.put("command", verb);
    facts.say(b"Request: ");
    facts.say(verb);
    let shown: &[u8] = match verb {
        // SITE can change passwords, the others carry them, or protected commands.
        b"PASS" | b"ACCT" | b"ADAT" | b"SITE" | b"MIC" | b"CONF" | b"ENC" if !arguments.is_empty() => b"***",
        _ => arguments,
    };
    if !shown.is_empty() {
        facts.put("args", shown);
        facts.say(b" ");
        facts.say(shown);
    }
}

#[cfg(test)]
#[path = "tests/ftp.rs"]
mod tests;

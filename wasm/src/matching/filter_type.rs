//! The filter types of the wire contract, and what a pattern of each means.
//!
//! One rule for all: letters of ASCII fit in either case, `*` stands for any text where it is
//! said to, and `*` alone fits every value there is. What differs by type is what a pattern without a star asks for:
//!
//! | type | compared with | without a star |
//! |---|---|---|
//! | SIP_USER | user part of the identities of a SIP message, decoded; telephone numbers also without visual separators | is contained |
//! | SIP_URI | `user@host` of the same, no scheme, port or parameters | is equal |
//! | PHONE_NUMBER | digits of the same users; at least 10 where there are letters, too | 10 digits or more: is the end; fewer: is equal |
//! | CALL_ID | Call-ID of a SIP message | is equal |
//! | CODEC | encoding names in a session description; static payload type of an RTP packet | is equal |
//! | IP_ADDRESS | both addresses, also outside and inside of tunnels; CIDR, or `10.1.*` | contains it |
//! | DNS_DOMAIN, TLS_SNI | names without a final dot; `*.a.b` does not fit `a.b` | is equal |
//! | HTTP_HOST | Host and authority, with the port and without | is equal |
//! | HTTP_URL | path with and without query, alone, behind the host, and behind `http://` and the host | is equal |
//! | EMAIL_ADDRESS | MAIL FROM, RCPT TO, From, To, Cc, Bcc, Sender, Reply-To | is equal |
//! | EMAIL_SUBJECT | Subject, unfolded | is equal |
//! | TLS_JA3, TLS_JA3S, TLS_JA4 | fingerprints of hellos | is equal; no stars |
//! | IMSI | 15 digits | is equal; no stars |
//! | IMEI | the first 14 digits: 14, 15 or 16 may be given, the check digit does not matter | is equal; no stars |
//! | BPF | the kernel's | |
//!
//! Users in patterns that are telephone numbers, stars at their ends apart, lose their visual separators, too.
//! In SIP_USER, SIP_URI, CALL_ID and CODEC `\*` is a literal star; elsewhere a backslash is a backslash.

use std::net::Ipv4Addr;

use super::address::Prefix;
use super::number::{self, LEAST_SUFFIX};
use super::pattern::{Bare, Pattern, Shape};
use super::search::PATTERN_BYTES;
use crate::sip::address::{host_of, is_separated_number, is_separator, write_decoded};
use crate::sip::equipment::{IMEI_DIGITS, IMSI_DIGITS};

/// Longest pattern, bytes.
pub const MOST_PATTERN: usize = PATTERN_BYTES;

/// `FilterType` of the wire contract, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FilterType {
    SipUser,
    PhoneNumber,
    IpAddress,
    CallId,
    Codec,
    Bpf,
    SipUri,
    DnsDomain,
    EmailAddress,
    EmailSubject,
    TlsSni,
    TlsJa3,
    TlsJa3s,
    TlsJa4,
    HttpHost,
    HttpUrl,
    Imsi,
    Imei,
}

impl FilterType {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::SipUser,
        Self::PhoneNumber,
        Self::IpAddress,
        Self::CallId,
        Self::Codec,
        Self::Bpf,
        Self::SipUri,
        Self::DnsDomain,
        Self::EmailAddress,
        Self::EmailSubject,
        Self::TlsSni,
        Self::TlsJa3,
        Self::TlsJa3s,
        Self::TlsJa4,
        Self::HttpHost,
        Self::HttpUrl,
        Self::Imsi,
        Self::Imei,
    ];

    /// The type of a number; none of one that is unknown.
    pub fn of(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// A text of a packet that patterns are compared with, in the order in which filters are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Field {
    Domain,
    MailAddress,
    Subject,
    ServerName,
    Ja3,
    Ja3s,
    Ja4,
    Host,
    Url,
    Imsi,
    Imei,
    User,
    Number,
    Uri,
    CallId,
    Codec,
}

impl Field {
    /// All, in order.
    pub const ALL: [Self; 16] = [
        Self::Domain,
        Self::MailAddress,
        Self::Subject,
        Self::ServerName,
        Self::Ja3,
        Self::Ja3s,
        Self::Ja4,
        Self::Host,
        Self::Url,
        Self::Imsi,
        Self::Imei,
        Self::User,
        Self::Number,
        Self::Uri,
        Self::CallId,
        Self::Codec,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Domain => "domain name",
            Self::MailAddress => "mail address",
            Self::Subject => "subject",
            Self::ServerName => "server name",
            Self::Ja3 => "JA3",
            Self::Ja3s => "JA3S",
            Self::Ja4 => "JA4",
            Self::Host => "HTTP host",
            Self::Url => "URL",
            Self::Imsi => "IMSI",
            Self::Imei => "IMEI without its check digit",
            Self::User => "SIP user",
            Self::Number => "telephone number",
            Self::Uri => "SIP address",
            Self::CallId => "Call-ID",
            Self::Codec => "codec",
        }
    }
}

/// A pattern that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Applied before the engine.
    Kernel,
    /// An address of the packet is in it.
    Address(Prefix),
    /// A text of the packet fits.
    Text(Field, Pattern, Bare),
}

impl Condition {
    /// Understands a pattern. The error says what is wrong with it.
    pub fn parse(filter_type: FilterType, pattern: &str) -> Result<Self, String> {
        if pattern.len() > MOST_PATTERN {
            return Err(format!("the pattern is longer than {MOST_PATTERN} bytes"));
        }
        if filter_type == FilterType::Bpf {
            return Ok(Self::Kernel);
        }
        let text = pattern.trim();
        if text.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        let glob = |field| Ok(Self::Text(field, lower(Pattern::parse(text.as_bytes(), false)), Bare::Equals));
        match filter_type {
            FilterType::Bpf => Ok(Self::Kernel),
            FilterType::IpAddress => Prefix::parse(text).map(Self::Address),
            FilterType::SipUser => sip_user(text),
            FilterType::SipUri => sip_uri(text),
            FilterType::PhoneNumber => {
                let pattern = number::parse(text)?;
                let bare = if pattern.head().len() < LEAST_SUFFIX { Bare::Equals } else { Bare::Ends };
                Ok(Self::Text(Field::Number, pattern, bare))
            }
            FilterType::CallId => {
                let pattern = lower(Pattern::parse(text.as_bytes(), true));
                Ok(Self::Text(Field::CallId, pattern, Bare::Equals))
            }
            FilterType::Codec => {
                let (name, _clock_rate) = text.split_once('/').unwrap_or((text, ""));
                let pattern = lower(Pattern::parse(name.trim().as_bytes(), true));
                not_textless(text, &pattern)?;
                Ok(Self::Text(Field::Codec, pattern, Bare::Equals))
            }
            FilterType::DnsDomain => domain(Field::Domain, text),
            FilterType::TlsSni => domain(Field::ServerName, text),
            FilterType::HttpHost => domain(Field::Host, text),
            FilterType::HttpUrl => glob(Field::Url),
            FilterType::EmailAddress => {
                let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
                let pattern = lower(Pattern::parse(inner.trim().as_bytes(), false));
                not_textless(text, &pattern)?;
                Ok(Self::Text(Field::MailAddress, pattern, Bare::Equals))
            }
            FilterType::EmailSubject => glob(Field::Subject),
            FilterType::TlsJa3 => md5(Field::Ja3, text),
            FilterType::TlsJa3s => md5(Field::Ja3s, text),
            FilterType::TlsJa4 if is_ja4(text) => Ok(exact(Field::Ja4, text.into())),
            FilterType::TlsJa4 => Err(format!(
                "\"{text}\" is no JA4, such as t13d1516h2_8daaf6152771_e5627efa2ab1, in lower case"
            )),
            FilterType::Imsi => {
                let digits = digits(text).filter(|digits| digits.len() == IMSI_DIGITS);
                let digits =
                    digits.ok_or_else(|| format!("\"{text}\" does not have the 15 digits of an IMSI"))?;
                Ok(exact(Field::Imsi, digits))
            }
            FilterType::Imei => {
                let digits = digits(text).filter(|digits| (IMEI_DIGITS..=16).contains(&digits.len()));
                let mut digits = digits
                    .ok_or_else(|| format!("\"{text}\" does not have the 14 to 16 digits of an IMEI"))?;
                digits.truncate(IMEI_DIGITS);
                Ok(exact(Field::Imei, digits))
            }
        }
    }

    /// What it asks for, for people.
    pub fn text(&self) -> String {
        let (field, pattern, bare) = match self {
            Self::Kernel => return "the packet fits the expression in the kernel".to_owned(),
            Self::Address(prefix) => return format!("source or destination is in {}", prefix.text()),
            Self::Text(field, pattern, bare) => (field.title(), pattern, bare),
        };
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        match (pattern.shape(), bare) {
            (Shape::Everything, _) => format!("there is a {field}"),
            // The root of DNS.
            (Shape::Bare(b""), _) => format!("{field} is ."),
            (Shape::Bare(text), Bare::Equals) => format!("{field} is {}", shown(text)),
            (Shape::Bare(text), Bare::Ends) | (Shape::Ends(text), _) => {
                format!("{field} ends with {}", shown(text))
            }
            (Shape::Bare(text), Bare::Contains) | (Shape::Contains(text), _) => {
                format!("{field} contains {}", shown(text))
            }
            (Shape::Begins(text), _) => format!("{field} begins with {}", shown(text)),
            (Shape::General, _) => {
                let parts: Vec<String> = pattern.parts().iter().map(|part| shown(part)).collect();
                format!("{field} is {} with any text in the place of each ...", parts.join("..."))
            }
        }
    }
}

fn exact(field: Field, text: Vec<u8>) -> Condition {
    Condition::Text(field, Pattern::literal(text), Bare::Equals)
}

fn lower(pattern: Pattern) -> Pattern {
    pattern.map(<[u8]>::to_ascii_lowercase)
}

/// Nothing but a star is a pattern; nothing at all is a mistake.
fn not_textless(text: &str, pattern: &Pattern) -> Result<(), String> {
    match pattern.is_textless() && !pattern.has_star() {
        true => Err(format!("\"{text}\" has no text to look for")),
        false => Ok(()),
    }
}

fn decoded(pattern: Pattern) -> Pattern {
    pattern.map(|part| {
        let mut out = Vec::with_capacity(part.len());
        write_decoded(part, false, &mut out);
        out
    })
}

fn sip_user(text: &str) -> Result<Condition, String> {
    if text.contains('@') {
        return Err(format!("\"{text}\": a user has no @; sip_uri compares users with their hosts"));
    }
    unquoted(text)?;
    let user = strip_scheme(text, &["sip:", "sips:", "tel:"]);
    without_brackets(text, user)?;
    let pattern = without_separators(decoded(Pattern::parse(user.as_bytes(), true)));
    not_textless(text, &pattern)?;
    Ok(Condition::Text(Field::User, pattern, Bare::Contains))
}

/// Digits of a national number, about, without which it may be a part of a name: `100-200` of `ext-100-200`.
const LEAST_NUMBER: usize = 7;

/// A telephone number, with stars at its ends or without, as the values have it; anything else as it is.
fn without_separators(pattern: Pattern) -> Pattern {
    match pattern.shape() {
        Shape::Bare(text) | Shape::Begins(text) | Shape::Ends(text) | Shape::Contains(text)
            if is_telephone_number(text) =>
        {
            pattern.map(|part| part.iter().copied().filter(|octet| !is_separator(*octet)).collect())
        }
        _ => pattern,
    }
}

fn is_telephone_number(text: &[u8]) -> bool {
    let is_address = || str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok());
    is_separated_number(text)
        && (text.starts_with(b"+")
            || text.iter().filter(|octet| octet.is_ascii_digit()).count() >= LEAST_NUMBER && !is_address())
}

/// Users, and names of hosts, hold no brackets, unless as %5B and %5D (RFC 3261 section 25.1).
fn without_brackets(text: &str, part: &str) -> Result<(), String> {
    match part.contains(['[', ']']) {
        true => Err(format!(
            "\"{text}\": brackets are for IPv6 addresses alone, as in alice@[2001:db8::1]; * is the only wildcard, and \
             stands for any text"
        )),
        false => Ok(()),
    }
}

/// Users and hosts hold no quotation marks, angle brackets or blanks, unless as %22 and the like (RFC 3261 section 25.1): they
/// are of the display name, or of a shell.
fn unquoted(text: &str) -> Result<(), String> {
    match text.contains(|letter: char| matches!(letter, '"' | '<' | '>') || letter.is_whitespace()) {
        true => Err(format!(
            "{text}: a SIP user or address has no quotation marks, angle brackets or blanks; write it without them, as \
             alice or alice@example.com, or as %22, %3C, %3E and %20 where a user has them"
        )),
        false => Ok(()),
    }
}

/// `user@host`: scheme, password, port and parameters are left out, as they are in the values.
fn sip_uri(text: &str) -> Result<Condition, String> {
    unquoted(text)?;
    let is_tel = text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"));
    let bare = strip_scheme(text, &["sip:", "sips:", "tel:"]);
    let mut address = Vec::new();
    match bare.split_once('@') {
        Some((user, host)) => {
            let end = user.find([':', ';']).unwrap_or(user.len());
            let user = user.get(..end).unwrap_or_default();
            without_brackets(text, user)?;
            let host = host_in(text, host)?;
            if host.is_empty() {
                return Err(format!("\"{text}\" has no host after the @; {user}@* asks for any"));
            }
            if user.is_empty() {
                let host = String::from_utf8_lossy(host);
                return Err(format!("\"{text}\" has no user before the @; *@{host} asks for any"));
            }
            let mut number = Vec::new();
            write_decoded(user.trim_matches('*').as_bytes(), false, &mut number);
            write_decoded(user.as_bytes(), is_telephone_number(&number), &mut address);
            address.push(b'@');
            address.extend_from_slice(host);
        }
        None if is_tel || bare.starts_with('+') => {
            let end = bare.find([';', '?']).unwrap_or(bare.len());
            write_decoded(bare.get(..end).unwrap_or_default().as_bytes(), true, &mut address);
        }
        None => {
            let rest = bare.trim_start_matches('*');
            address.resize(bare.len() - rest.len(), b'*');
            write_decoded(host_in(text, rest)?, false, &mut address);
        }
    }
    let pattern = lower(Pattern::parse(&address, true));
    not_textless(text, &pattern)?;
    Ok(Condition::Text(Field::Uri, pattern, Bare::Equals))
}

/// The host at the front of `rest`, without port and parameters.
fn host_in<'t>(text: &str, rest: &'t str) -> Result<&'t [u8], String> {
    let host = host_of(rest.as_bytes());
    let (name, after) = rest.split_at_checked(host.len()).unwrap_or((rest, ""));
    if !name.starts_with('[') {
        without_brackets(text, name)?;
        let port = after.strip_prefix('.').unwrap_or(after).strip_prefix(':').unwrap_or_default();
        let port = port.split([';', '?']).next().unwrap_or_default();
        if port.contains(|letter: char| !letter.is_ascii_digit() && letter != '*') {
            return Err(format!(
                "\"{text}\": an IPv6 address is written in brackets, as in alice@[2001:db8::1]"
            ));
        }
    } else if !name.ends_with(']') && !name.contains('*') {
        return Err(format!("\"{text}\": the bracket before the IPv6 address is not closed"));
    }
    Ok(host)
}

fn strip_scheme<'t>(text: &'t str, schemes: &[&str]) -> &'t str {
    let scheme = schemes
        .iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text)
}

fn domain(field: Field, text: &str) -> Result<Condition, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let pattern = lower(Pattern::parse(name.as_bytes(), false));
    if name.is_empty() && field != Field::Domain {
        return Err(format!("\"{text}\" has no text to look for"));
    }
    Ok(Condition::Text(field, pattern, Bare::Equals))
}

fn md5(field: Field, text: &str) -> Result<Condition, String> {
    match text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        true => Ok(exact(field, text.to_ascii_lowercase().into())),
        false => Err(format!("\"{text}\" does not have 32 hexadecimal digits")),
    }
}

/// Carrier, version, whether there is a server name, two numbers and a protocol; then two hashes of twelve digits.
fn is_ja4(text: &str) -> bool {
    let is_hash =
        |part: &str| part.len() == 12 && part.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('_');
    let (Some(start), Some(ciphers), Some(extensions), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let [carrier, version @ .., name, c1, c2, e1, e2, p1, p2] = start.as_bytes() else { return false };
    matches!(carrier, b't' | b'q' | b'd')
        && matches!(version, b"00" | [b'1', b'0'..=b'3'] | [b's', b'2' | b'3'] | [b'd', b'1'..=b'3'])
        && matches!(name, b'd' | b'i')
        && [c1, c2, e1, e2].iter().all(|octet| octet.is_ascii_digit())
        && [p1, p2].iter().all(|octet| octet.is_ascii_alphanumeric())
        && is_hash(ciphers)
        && is_hash(extensions)
}

/// The digits of a number that may be written in groups; none where there is anything else in it.
fn digits(text: &str) -> Option<Vec<u8>> {
    let rest = strip_scheme(text, &["urn:gsma:imei:", "urn:gsma:imeisv:", "urn:urn-7:3gpp-imei:"]);
    rest.bytes()
        .all(|octet| octet.is_ascii_digit() || b"- ./".contains(&octet))
        .then(|| rest.bytes().filter(u8::is_ascii_digit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_patterns_mean() {
        use FilterType::*;
        for (filter_type, pattern, expected) in [
            (SipUser, "alice", "SIP user contains alice"),
            (SipUser, "Al*", "SIP user begins with al"),
            (SipUser, r"\*31#", "SIP user contains *31#"),
            (SipUser, "al*ce", "SIP user is al...ce with any text in the place of each ..."),
            (SipUser, "*", "there is a SIP user"),
            (SipUser, "%2B49", "SIP user contains +49"),
            (SipUser, "%22a%22", "SIP user contains \"a\""),
            (SipUser, "alice%20smith", "SIP user contains alice smith"),
            (SipUser, "%5Ba%5D", "SIP user contains [a]"),
            (SipUser, "+49-30-12345678", "SIP user contains +493012345678"),
            (SipUser, "tel:%2B49(30)123.45*", "SIP user begins with +493012345"),
            (SipUser, "*(030)123-4", "SIP user ends with 0301234"),
            (SipUser, "*30-12345*", "SIP user contains 3012345"),
            (SipUser, "100-200", "SIP user contains 100-200"),
            (SipUser, "-200", "SIP user contains -200"),
            (SipUser, "1-2x", "SIP user contains 1-2x"),
            (SipUser, "1+2-3", "SIP user contains 1+2-3"),
            (SipUser, "+-", "SIP user contains +-"),
            (SipUser, "192.168.10.1", "SIP user contains 192.168.10.1"),
            (SipUser, "030.123.45.67", "SIP user contains 0301234567"),
            (SipUser, "1-2*3-4", "SIP user is 1-2...3-4 with any text in the place of each ..."),
            (SipUri, "alice@*", "SIP address begins with alice@"),
            (SipUri, "sip:*@Example.com:5060", "SIP address ends with @example.com"),
            (SipUri, "alice@x;transport=tcp", "SIP address is alice@x"),
            (SipUri, "tel:+49-151", "SIP address is +49151"),
            (SipUri, "+49-151", "SIP address is +49151"),
            (
                SipUri,
                "%2b49-151*@x-y.z",
                "SIP address is +49151...@x-y.z with any text in the place of each ...",
            ),
            (SipUri, "al-ice@x", "SIP address is al-ice@x"),
            (SipUri, "1-2@x", "SIP address is 1-2@x"),
            (SipUri, "192.168.10.1@x", "SIP address is 192.168.10.1@x"),
            (SipUri, "030-123456@x", "SIP address is 030123456@x"),
            (SipUri, "sip:10.0.0.1:5060", "SIP address is 10.0.0.1"),
            (SipUri, "alice@10.0.0.1:50*", "SIP address is alice@10.0.0.1"),
            (SipUri, "SIP:Alice@[2001:DB8::1]:5060;lr", "SIP address is alice@[2001:db8::1]"),
            (SipUri, "alice@[2001:db8:*", "SIP address begins with alice@[2001:db8:"),
            (SipUri, "[2001:db8::1]:5060", "SIP address is [2001:db8::1]"),
            (SipUri, "*[2001:db8::1]", "SIP address ends with [2001:db8::1]"),
            (PhoneNumber, "+49 151 2345678", "telephone number ends with 491512345678"),
            (PhoneNumber, "110", "telephone number is 110"),
            (PhoneNumber, "123456789", "telephone number is 123456789"),
            (PhoneNumber, "0049*", "telephone number begins with 49"),
            (PhoneNumber, "*", "there is a telephone number"),
            (CallId, "AbC", "Call-ID is abc"),
            (Codec, "OPUS/48000", "codec is opus"),
            (IpAddress, "10.0.0.5/8", "source or destination is in 10.0.0.0/8"),
            (DnsDomain, "Example.COM.", "domain name is example.com"),
            (EmailAddress, "<A@b>", "mail address is a@b"),
            (TlsJa3, " E7D705A3286E19EA42F587B344EE6865", "JA3 is e7d705a3286e19ea42f587b344ee6865"),
            (TlsJa4, "ts3d1516h2_8daaf6152771_b186095e22bb", "JA4 is ts3d1516h2_8daaf6152771_b186095e22bb"),
            (TlsJa4, "q13d0310h3_55b375c5d22e_cd85d2d88918", "JA4 is q13d0310h3_55b375c5d22e_cd85d2d88918"),
            (Imsi, "310-260-123456789", "IMSI is 310260123456789"),
            (Imei, "90420156025763", "IMEI without its check digit is 90420156025763"),
            (Imei, "904201560257637", "IMEI without its check digit is 90420156025763"),
            (Imei, "urn:gsma:imeisv:90420156-025763-42", "IMEI without its check digit is 90420156025763"),
            (Imei, "90420156-025763-42", "IMEI without its check digit is 90420156025763"),
            (Bpf, "udp", "the packet fits the expression in the kernel"),
        ] {
            let text = Condition::parse(filter_type, pattern).map(|condition| condition.text());
            assert_eq!(text.as_deref(), Ok(expected), "{filter_type:?} {pattern}");
        }
    }

    #[test]
    fn what_is_refused() {
        use FilterType::*;
        for (filter_type, pattern) in [
            (SipUser, "alice@x"),
            (SipUser, " "),
            (SipUser, "sip:"),
            (SipUser, "\"alice\""),
            (SipUser, "Alice Smith"),
            (SipUser, "<sip:alice>"),
            (SipUri, "sip:"),
            (SipUri, "alice@"),
            (SipUri, "sip:alice@:5060"),
            (SipUri, "alice@;transport=tcp"),
            (SipUri, "*@"),
            (SipUri, "@example.com"),
            (SipUri, "sip:;x=y@example.com"),
            (SipUri, "\"alice\"@example.com"),
            (SipUri, "<sip:alice@example.com>"),
            (SipUri, "\"Alice\" sip:alice@example.com"),
            (PhoneNumber, "00"),
            (PhoneNumber, "alice1"),
            (PhoneNumber, "49*151"),
            (IpAddress, "010.0.0.1"),
            (TlsSni, "."),
            (TlsJa3, "e7d705a3286e19ea42f587b344ee686"),
            (TlsJa4, "T13D1516H2_8daaf6152771_b186095e22bb"),
            (TlsJa4, "t13d1516_8daaf6152771_b186095e22bb"),
            (TlsJa4, "t13d1516h2_8daaf6152771_b186095e22b"),
            (Imsi, "31026012345678"),
            (Imsi, "310260123456789x"),
            (Imei, "9042015602576"),
            (Imei, "90420156025763123"),
            (Codec, "/8000"),
            (EmailAddress, "<>"),
        ] {
            assert!(Condition::parse(filter_type, pattern).is_err(), "{filter_type:?} {pattern}");
        }
        for (filter_type, pattern, reason) in [
            (SipUser, "al[a-z]ce", "* is the only wildcard"),
            (SipUser, "[x]", "* is the only wildcard"),
            (SipUser, "x]", "* is the only wildcard"),
            (SipUri, "al[a-z]ce@example.com", "* is the only wildcard"),
            (SipUri, "alice@ex[a-z]mple.com", "* is the only wildcard"),
            (SipUri, "alice@2001:db8::1", "written in brackets, as in alice@[2001:db8::1]"),
            (SipUri, "sip:alice@2001:DB8::1;transport=tcp", "written in brackets"),
            (SipUri, "alice@2001:db8:0:0:0:0:0:1:5060", "written in brackets"),
            (SipUri, "alice@::1", "written in brackets"),
            (SipUri, "alice@*:db8::1]", "written in brackets"),
            (SipUri, "2001:db8::1", "written in brackets"),
            (SipUri, "alice@[2001:db8::1", "not closed"),
        ] {
            let refused = Condition::parse(filter_type, pattern).unwrap_err();
            assert!(refused.contains(reason) && refused.contains(pattern), "{refused}");
        }
        assert!(Condition::parse(SipUser, &"a".repeat(MOST_PATTERN + 1)).is_err());
    }
}

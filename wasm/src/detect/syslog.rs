//! Syslog (RFC 5424, RFC 3164), over UDP and TCP (RFC 6587). The text of a message is not shown.

use super::signature::FirstBytes;
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

const PORTS: &[u16] = &[514, 601, 1514];
/// Highest priority: facility 23, severity 7.
const LAST_PRIORITY: u8 = 191;
/// Bytes at the front that have to be printable where only the port speaks for it.
const PRINTABLE: usize = 32;
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Syslog: a priority and a timestamp of either standard; on its ports a priority and text.
pub static SYSLOG: Signature = Signature {
    name: "Syslog",
    carriers: &[Carrier::Udp, Carrier::Tcp],
    ports: PORTS,
    // A length in front of a message is for streams.
    first: FirstBytes::OneOf(b"<123456789"),
    examine,
    describe,
    ..Signature::BASE
};

fn examine(payload: &Payload, _: &mut FlowState, _: &mut Shared) -> Verdict {
    let Some(message) = Message::read(payload) else {
        let may_begin = payload.carrier == Carrier::Tcp
            && payload.at_start
            && payload.bytes.len() < 6
            && payload.u8(0) == Some(b'<')
            && payload.from(1).iter().all(u8::is_ascii_digit);
        return if may_begin { Verdict::More } else { Verdict::No };
    };
    match message.format {
        Format::Rfc5424 => Verdict::Is(Confidence::VERY_HIGH, Method::Payload),
        Format::Rfc3164 => Verdict::Is(Confidence::HIGH, Method::Payload),
        Format::Other if payload.on_port(PORTS) && is_text(message.rest) => {
            Verdict::Is(Confidence::MEDIUM, Method::Port)
        }
        Format::Other => Verdict::No,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Rfc5424,
    Rfc3164,
    Other,
}

struct Message<'a> {
    priority: u8,
    format: Format,
    /// What follows the priority, and of RFC 5424 the version.
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(payload: &Payload<'a>) -> Option<Self> {
        let mut bytes = payload.bytes;
        if payload.carrier == Carrier::Tcp
            && let digits = count_digits(bytes, 5)
            && digits != 0
        {
            bytes = bytes.get(digits..)?.strip_prefix(b" ")?;
        }
        let bytes = bytes.strip_prefix(b"<")?;
        let (digits, rest) = bytes.split_at_checked(count_digits(bytes, 3))?;
        let rest = rest.strip_prefix(b">")?;
        let priority = digits.iter().fold(0u16, |number, digit| number * 10 + u16::from(digit - b'0'));
        let padded = digits.len() > 1 && digits.first() == Some(&b'0');
        let priority = u8::try_from(priority).ok().filter(|number| *number <= LAST_PRIORITY)?;
        if digits.is_empty() || padded {
            return None;
        }
        if let Some(rest) = rest.strip_prefix(b"1 ")
            && matches!(rest, [b'-', b' ', ..] | [b'0'..=b'9', _, _, _, b'-', ..])
        {
            return Some(Self { priority, format: Format::Rfc5424, rest });
        }
        let format = if is_timestamp(rest) { Format::Rfc3164 } else { Format::Other };
        Some(Self { priority, format, rest })
    }
}

fn count_digits(bytes: &[u8], most: usize) -> usize {
    bytes.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
}

/// `Mmm dd hh:mm:ss `, the day padded with a blank (RFC 3164 section 4.1.2).
fn is_timestamp(bytes: &[u8]) -> bool {
    let Some(&[m0, m1, m2, b' ', d0, d1, b' ', h0, h1, b':', n0, n1, b':', s0, s1, b' ']) =
        bytes.first_chunk()
    else {
        return false;
    };
    MONTHS.chunks_exact(3).any(|month| month == [m0, m1, m2])
        && (d0 == b' ' || d0.is_ascii_digit())
        && [d1, h0, h1, n0, n1, s0, s1].iter().all(u8::is_ascii_digit)
}

fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..PRINTABLE).unwrap_or(bytes);
    !head.is_empty() && head.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    const FACILITIES: [&str; 24] = [
        "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP",
        "NTP", "AUDIT", "ALERT", "CLOCK", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5",
        "LOCAL6", "LOCAL7",
    ];
    const SEVERITIES: [&str; 8] = ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    let Some(message) = Message::read(payload) else { return };
    let facility = FACILITIES.get(usize::from(message.priority >> 3)).copied().unwrap_or_default();
    let severity = SEVERITIES.get(usize::from(message.priority & 7)).copied().unwrap_or_default();
    facts.say(facility.as_bytes());
    facts.say(b".");
    facts.say(severity.as_bytes());
    facts.put("facility", facility.as_bytes());
    facts.put("severity", severity.as_bytes());
    let mut words = message.rest.split(|byte| *byte == b' ');
    let (host, application) = match message.format {
        // TIMESTAMP HOSTNAME APP-NAME
        Format::Rfc5424 => (words.nth(1), words.next()),
        Format::Rfc3164 => {
            let mut words = message.rest.get(16..).unwrap_or_default().split(|byte| *byte == b' ');
            let host = words.next();
            // The tag ends where the text begins: at a colon or a process number.
            let tag = words.next().and_then(|tag| {
                tag.iter().position(|byte| matches!(byte, b':' | b'[')).and_then(|end| tag.get(..end))
            });
            (host.filter(|host| !host.contains(&b':')), tag)
        }
        Format::Other => (None, None),
    };
    for (key, word) in [("hostname", host), ("app_name", application)] {
        if let Some(word) = word.filter(|word| !matches!(word, [] | [b'-'])) {
            facts.say(b" ");
            facts.say(word);
            facts.put(key, word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::tests::{Flow, judge, names, sent};
    use super::*;

    #[test]
    fn texts_are_not_told() {
        for (carrier, port, payload, expected) in [
            (
                Carrier::Udp,
                5140,
                &b"<34>1 2025-01-01T00:00:00Z host app - - - secret"[..],
                Some("AUTH.CRIT host app"),
            ),
            (
                Carrier::Tcp,
                601,
                b"48 <34>1 2025-01-01T00:00:00Z host app - - - secret",
                Some("AUTH.CRIT host app"),
            ),
            (Carrier::Tcp, 601, b"<165>1 - - - - - - secret", Some("LOCAL4.NOTICE")),
            (Carrier::Udp, 5140, b"<13>Oct  1 22:14:15 host su[7]: secret", Some("USER.NOTICE host su")),
            (Carrier::Udp, 514, b"<189>12: secret", Some("LOCAL7.NOTICE")),
            (Carrier::Udp, 5140, b"<189>12: secret", None),
            (Carrier::Udp, 514, b"<192>Oct  1 22:14:15 host su: secret", None),
            (Carrier::Udp, 514, b"<034>Oct  1 22:14:15 host su: secret", None),
            (Carrier::Udp, 514, b"<34>\x80\x81\x82", None),
            (Carrier::Udp, 514, b"<>Oct  1 22:14:15 host su: secret", None),
        ] {
            let packet = sent(carrier, 40001, port, payload);
            let (name, details, info) = judge(&mut Detector::new(), &mut Flow::default(), &packet);
            assert_eq!((name, info.as_str()), (expected.map(|_| "Syslog"), expected.unwrap_or_default()));
            assert!(details.iter().all(|(_, value)| !value.contains("secret")));
        }
        let pieces = [sent(Carrier::Tcp, 1, 2, b"<1"), sent(Carrier::Tcp, 1, 2, b"3>Oct  1 22:14:15 h t: x")];
        assert_eq!(names(&pieces), [None, Some("Syslog")]);
    }
}

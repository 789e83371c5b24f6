//! MEGACO, also H.248, in its text encoding (RFC 3525 annex B, ITU-T H.248.1).

use super::media::find_sdp;
use super::signature::FirstBytes;
use super::text_message::{number, split_at};
use super::{Carrier, Confidence, Facts, FlowState, Method, Payload, Shared, Signature, Verdict};

/// Payload protocol identifier of H.248 in SCTP (IANA).
const SCTP_H248: u32 = 7;
/// Longest identifier of a media gateway in bytes, with its brackets.
const MOST_IDENTIFIER: usize = 80;

/// MEGACO: `MEGACO/1` or `!/1`, and who sent it.
pub static MEGACO: Signature = Signature {
    name: "MEGACO",
    carriers: &[Carrier::Udp, Carrier::Tcp, Carrier::Sctp],
    ports: &[2944],
    // The text, the TPKT header before it in TCP, the DATA chunk before it in SCTP.
    first: FirstBytes::OneOf(b"!M\x03\0"),
    examine: |payload, _, shared| match message(payload) {
        Some(_) => {
            learn(payload, shared);
            Verdict::Is(Confidence::VERY_HIGH, Method::Payload)
        }
        None => Verdict::No,
    },
    continues: |payload, _, shared| {
        learn(payload, shared);
        true
    },
    describe,
    ..Signature::BASE
};

struct Message<'a> {
    version: u32,
    sender: &'a [u8],
    body: &'a [u8],
}

/// `MEGACO/1 [10.0.0.1]:2944 Transaction = 1 {`, `!/1 <name>` and so on.
fn message<'a>(payload: &Payload<'a>) -> Option<Message<'a>> {
    let text = text(payload)?;
    let rest = text.strip_prefix(b"!/").or_else(|| text.strip_prefix(b"MEGACO/"))?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (version, rest) = rest.split_at_checked(digits.min(2))?;
    let version = number(version)?;
    if !rest.first()?.is_ascii_whitespace() {
        return None;
    }
    let sender = rest.trim_ascii_start();
    let closing = match sender.first()? {
        b'[' => b']',
        b'<' => b'>',
        _ => return None,
    };
    let end = sender.iter().take(MOST_IDENTIFIER).position(|byte| *byte == closing)? + 1;
    let (sender, body) = sender.split_at_checked(end)?;
    // The port is part of the identifier, and not of interest.
    let port = body.iter().take_while(|byte| **byte == b':' || byte.is_ascii_digit()).count();
    let is_text = sender.iter().all(|byte| (b' '..=b'~').contains(byte));
    is_text.then_some(Message { version, sender, body: body.get(port..)?.trim_ascii_start() })
}

fn text<'a>(payload: &Payload<'a>) -> Option<&'a [u8]> {
    match payload.carrier {
        Carrier::Tcp if payload.u16(0) == Some(0x0300) => Some(payload.from(4)),
        Carrier::Sctp => first_data(payload.bytes),
        _ => Some(payload.bytes),
    }
}

/// The data of the first DATA chunk (RFC 9260 section 3.3.1) that says it is H.248.
fn first_data(mut chunks: &[u8]) -> Option<&[u8]> {
    loop {
        let &[kind, _, high, low] = chunks.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low])).max(4);
        let protocol =
            chunks.get(12..16).and_then(|bytes| bytes.first_chunk().copied().map(u32::from_be_bytes));
        if kind == 0 && protocol == Some(SCTP_H248) {
            return chunks.get(16..length.min(chunks.len()));
        }
        chunks = chunks.get(length.next_multiple_of(4)..)?;
    }
}

/// Media endpoints of the session descriptions in its Local and Remote descriptors.
#[cold]
fn learn(payload: &Payload, shared: &mut Shared) {
    let mut rest = payload.bytes;
    while let Some(sdp) = find_sdp(rest) {
        let (description, after) = split_at(sdp, b'}').unwrap_or((sdp, b""));
        shared.media.announce_sdp(description, b"", payload.timestamp_ns);
        rest = after;
    }
}

fn describe(payload: &Payload, _: &mut FlowState, _: &mut Shared, facts: &mut Facts) {
    let Some(message) = message(payload) else { return };
    facts.put_number("version", message.version.into());
    facts.put("sender", message.sender);
    let (word, rest) = split_word(message.body);
    let kind = match () {
        () if is(word, "Transaction", "T") => "Request",
        () if is(word, "Reply", "P") => "Reply",
        () if is(word, "Pending", "PN") => "Pending",
        () if is(word, "TransactionResponseAck", "K") => "Acknowledgement",
        () if is(word, "Error", "ER") => "Error",
        () => return,
    };
    facts.say(kind.as_bytes());
    facts.put("type", kind.to_ascii_lowercase().as_bytes());
    let (transaction, _) =
        split_word(rest.trim_ascii_start().strip_prefix(b"=").unwrap_or(rest).trim_ascii_start());
    if let Some(transaction) = number(transaction) {
        facts.say(b" ");
        facts.say_number(transaction.into());
        facts.put_number("transaction_id", transaction.into());
    }
}

fn is(word: &[u8], long: &str, short: &str) -> bool {
    word.eq_ignore_ascii_case(long.as_bytes()) || word.eq_ignore_ascii_case(short.as_bytes())
}

/// A word of letters and digits, and what follows it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    text.split_at_checked(length).unwrap_or((text, b""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Flow, judge, names, sent};
    use super::super::{Carrier, Detector};

    #[test]
    fn version_and_sender() {
        for (text, expected) in [
            (&b"MEGACO/1 [124.124.124.222]:55555 Transaction = 9998 {"[..], Some("MEGACO")),
            (b"!/1 <iMSS>\nT=5{C=-{}}", Some("MEGACO")),
            (b"!/3\n[::1] P = 5{", Some("MEGACO")),
            (b"!/1[10.0.0.1] T=5", None),
            (b"!/123 [10.0.0.1] T=5", None),
            (b"!/ [10.0.0.1] T=5", None),
            (b"!/1 10.0.0.1 T=5", None),
            (b"MEGACO/1 [10.0.0.1", None),
        ] {
            assert_eq!(names(&[sent(Carrier::Udp, 2944, 2944, text)]), [expected], "{}", text.escape_ascii());
        }
    }

    #[test]
    fn in_tcp_and_sctp() {
        let tpkt = b"\x03\0\0\x18!/1 [10.0.0.1] T=5{}";
        assert_eq!(names(&[sent(Carrier::Tcp, 40000, 2944, tpkt)]), [Some("MEGACO")]);
        let mut chunks = vec![3, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        chunks.extend([0, 3, 0, 36, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 7]);
        chunks.extend(b"!/1 [10.0.0.1] T=5{}");
        let data = chunks.split_off(16);
        assert_eq!(names(&[sent(Carrier::Sctp, 2944, 2944, &data)]), [Some("MEGACO")]);
    }

    #[test]
    fn says_the_transaction_and_announces_media() {
        let text = b"MEGACO/1 [10.0.0.1]:2944 Reply = 5 {Context=1{Add=A{Media{Local{\r\nv=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 6000 RTP/AVP 0\r\n}}}}}";
        let (mut detector, mut flow) = (Detector::new(), Flow::default());
        let (_, details, info) = judge(&mut detector, &mut flow, &sent(Carrier::Udp, 2944, 2944, text));
        assert_eq!(info, "Reply 5");
        assert!(details.contains(&("sender", "[10.0.0.1]".into())), "{details:?}");
        let packet = sent(Carrier::Udp, 7000, 6000, &[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
        assert_eq!(judge(&mut detector, &mut Flow::default(), &packet).0, Some("RTP"));
    }
}

//! One message in a few words.

use super::message::Message;
use super::mnemonic;

/// Octets of answer data shown; the rest is `...`.
const MAX_DATA: usize = 256;

/// Appends what a message says: `A example.com?` for a query, `A example.com -> 192.0.2.1` for a response with
/// answers (the data of the first one), `A example.com NXDOMAIN` for one without. Another opcode than QUERY is said
/// first: `NOTIFY SOA example.com?` (RFC 1996), `UPDATE SOA example.com NOERROR` (RFC 2136).
///
/// Without a question, type and name are those of the first answer, as mDNS has it; without both, the text is
/// the opcode or the response code.
pub fn write_info(message: &Message, out: &mut Vec<u8>) {
    let response = message.header().is_response();
    let answer = message.answers().first().filter(|_| response);
    let subject = message
        .question()
        .map(|question| (question.rr_type, question.name))
        .or(answer.map(|answer| (answer.rr_type, answer.name)));
    let Some((rr_type, name)) = subject else {
        let code = if response {
            mnemonic::rcode(message.rcode())
        } else {
            mnemonic::opcode(message.header().opcode())
        };
        out.extend_from_slice(code.as_bytes());
        return;
    };
    if message.header().opcode() != 0 {
        out.extend_from_slice(mnemonic::opcode(message.header().opcode()).as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(mnemonic::rr_type(rr_type).as_bytes());
    out.push(b' ');
    out.extend_from_slice(message.text(name));
    match answer {
        Some(answer) => {
            out.extend_from_slice(b" -> ");
            append_clipped(message.text(answer.data), out);
        }
        None if response => {
            out.push(b' ');
            out.extend_from_slice(mnemonic::rcode(message.rcode()).as_bytes());
        }
        None => out.push(b'?'),
    }
}

fn append_clipped(data: &[u8], out: &mut Vec<u8>) {
    if data.len() <= MAX_DATA {
        out.extend_from_slice(data);
        return;
    }
    // Not inside a character: back to before its first octet.
    let is_boundary = |end: &usize| data.get(*end).is_some_and(|octet| octet & 0xc0 != 0x80);
    let end = (0..=MAX_DATA).rev().find(is_boundary).unwrap_or(0);
    out.extend_from_slice(data.get(..end).unwrap_or_default());
    out.extend_from_slice(b"...");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_are_said_first() {
        // RFC 1035 section 4.1.1: opcode and QR are in the first byte of the flags.
        for (flags, rcode, info) in [
            (0x00, 0, "SOA ex.test?"),
            (0x20, 0, "NOTIFY SOA ex.test?"),
            (0xa0, 5, "NOTIFY SOA ex.test REFUSED"),
            (0x28, 0, "UPDATE SOA ex.test?"),
            (0xa8, 0, "UPDATE SOA ex.test NOERROR"),
            (0xa8, 4, "UPDATE SOA ex.test NOTIMP"),
        ] {
            let question = b"\x02ex\x04test\0\0\x06\0\x01";
            let bytes = [&[0, 1, flags, rcode, 0, 1, 0, 0, 0, 0, 0, 0][..], question].concat();
            let (mut message, mut out) = (Message::default(), Vec::new());
            message.parse(&bytes, false);
            write_info(&message, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), info);
        }
    }
}

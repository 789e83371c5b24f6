//! One message in a few words.

use super::message::Message;
use super::mnemonic;

/// Octets of answer data shown; the rest is `...`.
const MAX_DATA: usize = 256;

/// Appends what a message says: `A example.com?` for a query, `A example.com -> 192.0.2.1` for a response with
/// answers (the data of the first one), `A example.com NXDOMAIN` for one without.
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

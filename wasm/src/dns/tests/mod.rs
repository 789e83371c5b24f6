mod benchmark;
mod correlation;
mod hostile;
mod messages;
mod records;
mod scores;
mod segments;

use super::message::{Answer, Message, Outcome, Question};
use super::{mnemonic, write_info};

/// Octets from hexadecimal; blanks are left out.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn parsed(payload: &[u8]) -> (Message, Outcome) {
    let mut message = Message::new();
    let outcome = message.parse(payload, false);
    (message, outcome)
}

fn string(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).expect("text is UTF-8")
}

/// `name type class` of a question.
fn question_text(message: &Message, question: &Question) -> String {
    let rr_type = mnemonic::rr_type(question.rr_type);
    let class = mnemonic::class(question.class);
    [message.text(question.name), rr_type.as_bytes(), class.as_bytes()].map(string).join(" ")
}

/// `name type class ttl data` of an answer.
fn answer_text(message: &Message, answer: &Answer) -> String {
    let rr_type = mnemonic::rr_type(answer.rr_type);
    let class = mnemonic::class(answer.class);
    let ttl = answer.ttl.to_string();
    [
        message.text(answer.name),
        rr_type.as_bytes(),
        class.as_bytes(),
        ttl.as_bytes(),
        message.text(answer.data),
    ]
    .map(string)
    .join(" ")
}

fn info(message: &Message) -> String {
    let mut out = Vec::new();
    write_info(message, &mut out);
    string(&out)
}

/// A name on the wire from its text; dots separate labels.
fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// A message with one question, class IN.
fn asking(id: u16, flags: u16, name: &str, rr_type: u16) -> Vec<u8> {
    let mut message = Vec::new();
    for field in [id, flags, 1, 0, 0, 0] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    message.extend(wire_name(name));
    message.extend_from_slice(&rr_type.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// A response to `asking` with one answer whose owner is the question's name.
fn answering(id: u16, name: &str, rr_type: u16, data: &[u8]) -> Vec<u8> {
    let mut message = asking(id, 0x8180, name, rr_type);
    message[7] = 1;
    message.extend_from_slice(&[0xc0, 0x0c]);
    message.extend_from_slice(&rr_type.to_be_bytes());
    message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
    message.extend_from_slice(&(data.len() as u16).to_be_bytes());
    message.extend_from_slice(data);
    message
}

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound.max(1)
    }
}

/// Messages of all kinds, the material of the hostile tests.
const VECTORS: [&str; 23] = [
    "123401000001000000000000076578616d706c6503636f6d0000010001",
    "123481800001000100000000076578616d706c6503636f6d0000010001c00c000100010000012c00045db8d822",
    "beef8180000100020000000003777777076578616d706c6503636f6d0000010001c00c000500010000003c00060363646ec010c02d000100010000003c0004c0000201",
    "000181800001000100000000027636076578616d706c6503636f6d00001c0001c00c001c000100000e10001020010db8000000000000000000000001",
    "000285800001000100000000076578616d706c6503636f6d00000f0001c00c000f000100000e100009000a046d61696cc00c",
    "000381800001000100000000076578616d706c6503636f6d0000100001c00c001000010000003c000c06763d73706631042d616c6c",
    "000481b30001000000000000046e6f7065076578616d706c6503636f6d0000010001",
    "000501000001000000000000c00c00010001",
    "000601000001000000000000c00e01610000010001",
    "000701200001000000000001076578616d706c6503636f6d000001000100002904d0000080000000",
    "000881000001000000000001076578616d706c6503636f6d000001000100002904d0010000000000",
    "000981800001000100000000045f736970045f746370076578616d706c6503636f6d0000210001c00c002100010000012c0017000a003c13c403736970076578616d706c6503636f6d00",
    "000a81800001000100000000076578616d706c6503636f6d0000020001c00c000200010000012c0006036e7331c00c",
    "000b818000010001000000000131013201300331393207696e2d61646472046172706100000c0001c00c000c00010000012c001204686f7374076578616d706c6503636f6d00",
    "000c81830001000000010000026e78076578616d706c6503636f6d0000010001c00f000600010000012c0020026e73c00f04726f6f74c00f0000000100000002000000030000000400000005",
    "000d010000010000000000000000020001",
    "000e0100000100000000000003612e6203636f6d0000010001",
    "000f01000001000000000000076578616d706c6503636f6d0000410001",
    "0010010000010000000000000174076578616d706c6503636f6d00000a0001",
    "1234010000010000000000",
    "000000000000ffff0000000000",
    "000028000000000000000000",
    "",
];

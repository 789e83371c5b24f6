//! One DNS message (RFC 1035 4.1), decoded into buffers that are used again for the next one.

use super::{names, rdata};

/// Octets of a message header.
pub const HEADER_LENGTH: usize = 12;

/// Most questions kept of one message; further ones are read past.
pub const MAX_QUESTIONS: usize = 128;

/// Most answers kept of one message; further ones are read past.
pub const MAX_ANSWERS: usize = 512;

/// Most octets of question and answer text kept of one message; a message longer than half of this may have
/// twice its own length. Compression would let 64 KiB on the wire become megabytes of text.
pub const MAX_TEXT: usize = 16 * 1024;

const TYPE_CNAME: u16 = 5;
const TYPE_OPT: u16 = 41;

/// How much of a payload was a DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that the header announces was there and readable.
    Whole,
    /// The header was read, and what follows up to the first thing missing or malformed.
    Partial,
    /// Shorter than a header; the message is empty.
    NotDns,
}

/// A message header (RFC 1035 4.1.1, RFC 6895 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Transaction id.
    pub id: u16,
    /// The 16 bits between id and counts.
    pub flags: u16,
    /// Questions, as the header claims.
    pub question_count: u16,
    /// Answer records, as the header claims.
    pub answer_count: u16,
    /// Authority records, as the header claims.
    pub authority_count: u16,
    /// Additional records, as the header claims.
    pub additional_count: u16,
}

impl Header {
    /// Reads the header of `payload`; `None` if it is shorter than one.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LENGTH] = payload.first_chunk()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *header;
        Some(Self {
            id: u16::from_be_bytes([a, b]),
            flags: u16::from_be_bytes([c, d]),
            question_count: u16::from_be_bytes([e, f]),
            answer_count: u16::from_be_bytes([g, h]),
            authority_count: u16::from_be_bytes([i, j]),
            additional_count: u16::from_be_bytes([k, l]),
        })
    }

    /// QR: a response, not a query.
    pub fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Opcode, 0 to 15.
    pub fn opcode(&self) -> u8 {
        (self.flags >> 11 & 0xf) as u8
    }

    /// AA.
    pub fn authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// TC.
    pub fn truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// RD.
    pub fn recursion_desired(&self) -> bool {
        self.flags & 0x0100 != 0
    }

    /// RA.
    pub fn recursion_available(&self) -> bool {
        self.flags & 0x0080 != 0
    }

    /// Z, the one bit still reserved; must be zero (RFC 6895 2).
    pub fn reserved(&self) -> bool {
        self.flags & 0x0040 != 0
    }

    /// AD.
    pub fn authenticated_data(&self) -> bool {
        self.flags & 0x0020 != 0
    }

    /// CD.
    pub fn checking_disabled(&self) -> bool {
        self.flags & 0x0010 != 0
    }

    /// The four bits of the response code that are in the header.
    pub fn rcode(&self) -> u16 {
        self.flags & 0xf
    }
}

/// Text of the message that a field came from; see [`Message::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name asked for.
    pub name: Span,
    /// Type asked for.
    pub rr_type: u16,
    /// Class asked for; in mDNS without the unicast-response bit.
    pub class: u16,
}

/// One record of the answer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Owner name.
    pub name: Span,
    /// Type.
    pub rr_type: u16,
    /// Class; in mDNS without the cache-flush bit.
    pub class: u16,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Data as text.
    pub data: Span,
    /// Whether the data fits the type. If not, its text is `<data N bytes>`.
    pub readable: bool,
}

/// A decoded message. [`parse`](Self::parse) replaces the last one and, once the buffers have their size,
/// allocates nothing.
#[derive(Default)]
pub struct Message {
    header: Header,
    rcode: u16,
    mdns: bool,
    clipped: bool,
    consumed: usize,
    questions: Vec<Question>,
    answers: Vec<Answer>,
    /// Text of all names and data, always whole UTF-8 characters within a span.
    text: Vec<u8>,
    text_limit: usize,
    /// Hash of the first question's name, and its type.
    asked: Option<(u64, u16)>,
    /// Nothing is kept but the header and what is asked.
    brief: bool,
    /// Where the name of the first question is, if it is not compressed; else 0.
    asked_at: usize,
    /// Text of the questions and answers kept, a name counted as often as it is used.
    text_used: usize,
    /// Where the names most pointed to start, and their text: the first question's, and the last answer's
    /// data.
    known: [(usize, Span); 2],
}

impl Message {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes `payload`. `mdns`: the top bit of a class is a flag, not part of it (RFC 6762 18.12, 18.13).
    pub fn parse(&mut self, payload: &[u8], mdns: bool) -> Outcome {
        self.brief = false;
        self.read(payload, mdns)
    }

    /// The same outcome, and no more than the header and [`Message::asked`]: for those who only count and correlate.
    pub fn parse_brief(&mut self, payload: &[u8], mdns: bool) -> Outcome {
        self.brief = true;
        self.read(payload, mdns)
    }

    fn read(&mut self, payload: &[u8], mdns: bool) -> Outcome {
        self.clear();
        let Some(header) = Header::read(payload) else { return Outcome::NotDns };
        self.header = header;
        self.rcode = header.rcode();
        self.mdns = mdns;
        self.consumed = HEADER_LENGTH;
        self.text_limit = MAX_TEXT.max(payload.len().saturating_mul(2));
        match self.parse_sections(payload) {
            Some(()) => Outcome::Whole,
            None => Outcome::Partial,
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The response code with the upper eight bits of the OPT record, where there is one (RFC 6891 6.1.3).
    pub fn rcode(&self) -> u16 {
        self.rcode
    }

    /// The first question.
    pub fn question(&self) -> Option<&Question> {
        self.questions.first()
    }

    /// What the first question asks for: a hash of its name in lower case, and its type.
    pub fn asked(&self) -> Option<(u64, u16)> {
        self.asked
    }

    /// All questions kept.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The answers kept, OPT records left out.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The text of a span of this message: valid UTF-8.
    pub fn text(&self, span: Span) -> &[u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Text of the first question's name; empty where there is none, and for the root.
    pub fn question_name(&self) -> &[u8] {
        self.question().map_or(&[], |question| self.text(question.name))
    }

    /// Octets of the payload that were read as DNS.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Whether questions or answers were left out because there were too many, or too much text in them.
    pub fn clipped(&self) -> bool {
        self.clipped
    }

    /// The names that a domain filter looks at: of all questions, of all answers, and the targets of CNAMEs.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let asked = self.question().map(|question| question.name);
        let questions = self.questions.iter().map(|question| question.name);
        let answers = self.answers.iter().flat_map(move |answer| {
            let owner = (Some(answer.name) != asked).then_some(answer.name);
            let target = (answer.rr_type == TYPE_CNAME && answer.readable).then_some(answer.data);
            owner.into_iter().chain(target)
        });
        questions.chain(answers).map(|name| self.text(name))
    }

    fn clear(&mut self) {
        self.header = Header::default();
        self.rcode = 0;
        self.clipped = false;
        self.consumed = 0;
        self.questions.clear();
        self.answers.clear();
        self.text.clear();
        self.text_used = 0;
        self.known = Default::default();
        self.asked = None;
        self.asked_at = 0;
    }

    fn parse_sections(&mut self, payload: &[u8]) -> Option<()> {
        for _ in 0..self.header.question_count {
            self.consumed = self.parse_question(payload)?;
        }
        for _ in 0..self.header.answer_count {
            self.consumed = self.parse_answer(payload)?;
        }
        for _ in 0..self.header.authority_count {
            self.consumed = skip_record(payload, self.consumed)?.end;
        }
        let mut extended = false;
        for _ in 0..self.header.additional_count {
            let record = skip_record(payload, self.consumed)?;
            self.consumed = record.end;
            if record.rr_type == TYPE_OPT && !extended {
                self.rcode |= (record.ttl >> 24 << 4) as u16;
                extended = true;
            }
        }
        Some(())
    }

    fn parse_question(&mut self, payload: &[u8]) -> Option<usize> {
        let start = self.consumed;
        if self.asked.is_none() {
            let (hash, name_end) = match names::root_of_whole(payload, start) {
                Some(root) => {
                    self.asked_at = start;
                    (names::hash_labels(payload.get(start..root)?), root + 1)
                }
                None => names::hash(payload, start)?,
            };
            let (rr_type, _, end) = read_question(payload, name_end)?;
            self.asked = Some((hash, rr_type));
            if self.brief {
                return Some(end);
            }
        } else if self.brief {
            return read_question(payload, names::check(payload, start)?).map(|(_, _, end)| end);
        }
        if self.questions.len() >= MAX_QUESTIONS || self.text_used > self.text_limit {
            self.clipped = true;
            let (_, _, end) = read_question(payload, names::skip(payload, start).ok()?)?;
            return Some(end);
        }
        let (name, end) = self.decode_name(payload, start)?;
        let (rr_type, class, end) = read_question(payload, end)?;
        if self.questions.is_empty() {
            self.known[0] = (start, name);
        }
        self.text_used += name.len();
        self.questions.push(Question { name, rr_type, class: self.class(class) });
        Some(end)
    }

    fn parse_answer(&mut self, payload: &[u8]) -> Option<usize> {
        if self.brief {
            // Most names of answers are nothing but a pointer to the question's, which has been looked at.
            let pointer =
                payload.get(self.consumed..)?.first_chunk().map(|octets| u16::from_be_bytes(*octets));
            let name_end = match pointer.and_then(names::pointer_target) {
                Some(target) if target > 0 && target == self.asked_at => self.consumed + 2,
                _ => names::check(payload, self.consumed)?,
            };
            let record = read_record(payload, name_end)?;
            return (record.end <= payload.len()).then_some(record.end);
        }
        if self.answers.len() >= MAX_ANSWERS || self.text_used > self.text_limit {
            self.clipped = true;
            return Some(skip_record(payload, self.consumed)?.end);
        }
        let (name, name_end) = self.decode_name(payload, self.consumed)?;
        let record = read_record(payload, name_end).filter(|record| record.end <= payload.len())?;
        if record.rr_type == TYPE_OPT {
            return Some(record.end);
        }
        let data_start = self.text.len();
        let readable = rdata::append(payload, record.data, record.end, record.rr_type, &mut self.text);
        let data = self.span_from(data_start);
        self.text_used += name.len() + data.len();
        if self.text_used > self.text_limit {
            self.text.truncate(data_start);
            self.clipped = true;
            return Some(record.end);
        }
        if record.rr_type == TYPE_CNAME && readable {
            self.known[1] = (record.data, data);
        }
        let class = self.class(record.class);
        self.answers.push(Answer { name, rr_type: record.rr_type, class, ttl: record.ttl, data, readable });
        Some(record.end)
    }

    /// Text of the name at `start` and the offset after it. A name that is only a pointer to a known one shares
    /// its text.
    fn decode_name(&mut self, payload: &[u8], start: usize) -> Option<(Span, usize)> {
        let octets = payload.get(start..)?.first_chunk()?;
        if let Some(target) = names::pointer_target(u16::from_be_bytes(*octets)) {
            // Offset 0 is the header: an entry there is an unused one.
            if let Some((_, name)) = self.known.iter().find(|(offset, _)| *offset == target && target > 0) {
                return Some((*name, start + 2));
            }
        }
        let text_start = self.text.len();
        let end = names::decode(payload, start, &mut self.text)?;
        Some((self.span_from(text_start), end))
    }

    fn span_from(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.text.len() as u32 }
    }

    fn class(&self, class: u16) -> u16 {
        if self.mdns { class & 0x7fff } else { class }
    }
}

/// The fixed fields of a record and where its data lies.
pub(super) struct Record {
    pub rr_type: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: usize,
    /// Offset after the data; may lie behind the end of the payload.
    pub end: usize,
}

/// Reads the fixed fields of a record behind its name.
pub(super) fn read_record(payload: &[u8], name_end: usize) -> Option<Record> {
    let [a, b, c, d, e, f, g, h, i, j] = *payload.get(name_end..)?.first_chunk()?;
    let data = name_end + 10;
    Some(Record {
        rr_type: u16::from_be_bytes([a, b]),
        class: u16::from_be_bytes([c, d]),
        ttl: u32::from_be_bytes([e, f, g, h]),
        data,
        end: data + usize::from(u16::from_be_bytes([i, j])),
    })
}

/// Reads a record without decoding its name. `None` when its data runs off the end.
fn skip_record(payload: &[u8], start: usize) -> Option<Record> {
    let record = read_record(payload, names::skip(payload, start).ok()?)?;
    (record.end <= payload.len()).then_some(record)
}

/// Type and class of a question behind its name, and the offset after them.
pub(super) fn read_question(payload: &[u8], name_end: usize) -> Option<(u16, u16, usize)> {
    let [a, b, c, d] = *payload.get(name_end..)?.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), name_end + 4))
}

//! What is wrong with a message that was taken all the same, by RFC 3261 and RFC 4475.
//!
//! Told by [`Message::faults`], which looks at the message again: reading does not pay for it.

use super::address::{Uri, list, parameters, parts_of_address};
use super::header::{Header, Line, line_at, name_and_value};
use super::message::{BodyLength, MOST_HEAD, Message, decimal};
use super::start_line::StartLine;
use crate::detect::text_message::{is_token, split_at};

/// Something that an element which takes part would refuse, or should not have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// More white space in the start line than there should be (RFC 4475 sections 3.1.2.9 and 3.1.2.10).
    StartLine,
    /// A Request-URI in angle brackets, with white space, or with header fields (sections 3.1.2.7, 3.1.2.8, 3.1.2.11).
    RequestUri,
    /// A line of the head that is no header field.
    Line,
    /// From, To, CSeq or Via is missing (section 3.3.1).
    Missing,
    /// A field that may be there once is there twice (sections 3.3.8 and 3.3.9): the first one counts.
    Repeated,
    /// More repeated fields than are kept, or a head of more than 65,535 bytes.
    TooMuch,
    /// CSeq is not a number of 31 bits and a method (sections 3.1.2.4 and 3.1.2.5).
    CSeq,
    /// The method of CSeq is not that of the request (sections 3.1.2.17 and 3.1.2.18).
    CSeqMethod,
    /// Content-Length is no number, negative (section 3.1.2.3), or more than 1 MiB.
    ContentLength,
    /// The end is missing (section 3.1.2.2).
    Cut,
    /// A number in Max-Forwards, Expires, Retry-After or Warning that is none, or too large (sections 3.1.2.4, 3.1.2.5).
    Number,
    /// A date that is not in GMT (section 3.1.2.12).
    Date,
    /// A quoted string without end (section 3.1.2.6).
    Quote,
    /// A name that should be quoted (section 3.1.2.15), a URI with white space (section 3.1.2.14), or one that should be
    /// in angle brackets (section 3.1.2.13).
    Address,
    /// Separators with nothing between them (section 3.1.2.1).
    Separators,
    /// A branch that is nothing but the magic cookie (section 3.2.1).
    Branch,
}

impl Fault {
    /// All of them, by number.
    pub const ALL: [Self; 16] = [
        Self::StartLine,
        Self::RequestUri,
        Self::Line,
        Self::Missing,
        Self::Repeated,
        Self::TooMuch,
        Self::CSeq,
        Self::CSeqMethod,
        Self::ContentLength,
        Self::Cut,
        Self::Number,
        Self::Date,
        Self::Quote,
        Self::Address,
        Self::Separators,
        Self::Branch,
    ];

    /// A few words for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::StartLine => "white space in start line",
            Self::RequestUri => "bad Request-URI",
            Self::Line => "line that is no header field",
            Self::Missing => "mandatory header field missing",
            Self::Repeated => "header field repeated",
            Self::TooMuch => "too many header fields",
            Self::CSeq => "bad CSeq",
            Self::CSeqMethod => "CSeq of another method",
            Self::ContentLength => "bad Content-Length",
            Self::Cut => "message is cut",
            Self::Number => "number too large",
            Self::Date => "bad Date",
            Self::Quote => "quoted string without end",
            Self::Address => "bad address",
            Self::Separators => "nothing between separators",
            Self::Branch => "branch without value",
        }
    }
}

/// The faults of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u32);

impl Faults {
    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is among them.
    pub fn contains(self, fault: Fault) -> bool {
        self.0 & 1 << fault as u32 != 0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.contains(*fault))
    }

    fn note(&mut self, fault: Fault, is_there: bool) {
        self.0 |= u32::from(is_there) << fault as u32;
    }
}

/// Fields of which there may be one.
const SINGLE: [Header; 9] = [
    Header::CallId,
    Header::ContentLength,
    Header::ContentType,
    Header::CSeq,
    Header::Date,
    Header::Expires,
    Header::From,
    Header::MaxForwards,
    Header::To,
];

impl Message<'_> {
    /// What is wrong with it, besides what makes [`Message::parse`] refuse it.
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        self.note_start_line(&mut faults);
        self.note_lines(&mut faults);
        self.note_numbers(&mut faults);
        for value in [Header::From, Header::To].into_iter().filter_map(|header| self.first(header)) {
            note_address(value, &mut faults);
        }
        for line in self.lines(Header::Contact) {
            list(line).for_each(|address| note_address(address, &mut faults));
        }
        for via in self.lines(Header::Via).flat_map(list) {
            faults.note(Fault::Separators, via.is_empty() || has_empty_parameter(via));
        }
        faults.note(Fault::Branch, self.top_via_branch() == b"z9hG4bK");
        faults
    }

    fn note_start_line(&self, faults: &mut Faults) {
        let line = self.head().split(|octet| *octet == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let words = match self.start_line() {
            StartLine::Request { method, uri } => {
                let in_brackets = uri.first() == Some(&b'<');
                let is_sip = Uri::parse(uri).is_some_and(|uri| !uri.is_tel);
                let has_blank = uri.iter().any(u8::is_ascii_whitespace);
                // A user may have question marks.
                let host = uri.rsplit(|octet| *octet == b'@').next().unwrap_or_default();
                faults.note(Fault::RequestUri, in_brackets || has_blank || is_sip && host.contains(&b'?'));
                method.len() + uri.len() + b"  SIP/2.0".len()
            }
            // White space may be within and around a reason.
            StartLine::Status { .. } => match line.get(8) {
                Some(b'1'..=b'6') => line.len(),
                _ => 0,
            },
        };
        faults.note(Fault::StartLine, line.len() != words);
    }

    fn note_lines(&self, faults: &mut Faults) {
        let (head, mut at) = (self.head(), self.start_line_length());
        while let Some(Line::Field(end)) = line_at(head, at) {
            let field = head.get(at..end).unwrap_or_default();
            let is_field = name_and_value(field).is_some_and(|(name, _)| !name.is_empty() && is_token(name));
            // The last line may be cut.
            faults.note(Fault::Line, !(is_field || self.is_cut() && end == head.len()));
            at = end;
        }
        let missing = [Header::From, Header::To, Header::CSeq, Header::Via];
        faults.note(Fault::Missing, missing.into_iter().any(|header| self.first(header).is_none()));
        faults.note(Fault::Repeated, SINGLE.into_iter().any(|header| self.lines(header).nth(1).is_some()));
        faults.note(Fault::TooMuch, self.fields_left_out() > 0 || head.len() == MOST_HEAD);
        faults.note(Fault::Cut, self.is_cut());
    }

    fn note_numbers(&self, faults: &mut Faults) {
        if self.first(Header::CSeq).is_some() {
            let number = self.cseq().map(|(number, _)| number);
            faults.note(Fault::CSeq, number.is_none_or(|number| number >= 1 << 31));
            let method = self.cseq_method();
            faults.note(Fault::CSeqMethod, self.is_request() && method != self.method());
        }
        let length = self.first(Header::ContentLength);
        let is_number = length.is_none_or(|length| decimal(length).is_some());
        faults.note(Fault::ContentLength, self.body_length() == BodyLength::Invalid || !is_number);
        let above = |header: Header, most: u32| {
            self.first(header).is_some_and(|value| {
                // Retry-After may have a comment and parameters.
                let end = value.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(value.len());
                value.get(..end).and_then(decimal).is_none_or(|number| number > most)
            })
        };
        let is_large = above(Header::MaxForwards, 255) || above(Header::Expires, u32::MAX);
        faults.note(Fault::Number, is_large || above(Header::RetryAfter, u32::MAX));
        for warning in self.values(Header::Warning) {
            let (code, _) = split_at(warning, b' ').unwrap_or((warning, b""));
            faults.note(Fault::Number, code.len() != 3 || decimal(code).is_none());
        }
        faults.note(Fault::Date, self.first(Header::Date).is_some_and(|date| !date.ends_with(b" GMT")));
    }
}

/// Whether nothing follows a semicolon.
fn has_empty_parameter(value: &[u8]) -> bool {
    parameters(value).skip(1).any(|(name, value)| name.is_empty() && value.is_empty())
}

fn note_address(value: &[u8], faults: &mut Faults) {
    let (display, uri, parameters) = parts_of_address(value);
    let is_quoted = display.len() > 1 && display.ends_with(b"\"");
    let has_quote = value.first() == Some(&b'"');
    faults.note(Fault::Quote, has_quote && !is_quoted);
    let is_name = has_quote || display.split(u8::is_ascii_whitespace).all(is_token);
    // What is in the brackets with white space around the URI.
    let in_brackets = value.get(display.len()..).and_then(|rest| split_at(rest, b'<')).map(|(_, rest)| rest);
    let is_uri = match in_brackets {
        Some(rest) => rest.starts_with(uri) && matches!(rest.get(uri.len()), Some(b'>')),
        None => !uri.contains(&b'?'),
    };
    faults.note(Fault::Address, !is_name || !is_uri || uri.iter().any(u8::is_ascii_whitespace));
    let parameters = if in_brackets.is_some() { parameters } else { value };
    faults.note(Fault::Separators, value.is_empty() || has_empty_parameter(parameters));
}

//! Messages (RFC 3261 section 7), read in one pass: start line, an index of the header fields, body.
//!
//! Who observes shows a damaged message of a call rather than lose it: [`Message::parse`] refuses only what cannot be
//! told apart from something else or belongs to no call ([`Refusal`]); what else is wrong is noted
//! ([`Message::faults`]).

use super::address::{NameAddr, first_element, list, parameter};
use super::body::for_each_session_description;
use super::header::{Header, Line, NotPlain, line_at, name_and_value, plain_field};
use super::lines::LineFeeds;
use super::start_line::{Refusal, StartLine, without_leading_line_ends};
use crate::detect::text_message::{MOST_START_LINE, split_at};
use crate::short::{find, find_any};

/// Longest head in bytes: what is behind is not looked at.
pub const MOST_HEAD: usize = u16::MAX as usize;
/// Longest body in bytes that Content-Length may ask for.
pub const MOST_BODY: usize = 1 << 20;
/// Longest Call-ID in bytes.
pub const MOST_CALL_ID: usize = 1024;
/// Header fields that are looked at beside the first one of each name.
const MOST_REPEATED: usize = 64;

/// What Content-Length says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Nothing: there is no such field.
    Absent,
    /// Bytes, at most [`MOST_BODY`].
    Bytes(usize),
    /// No number, a negative one, or more than [`MOST_BODY`].
    Invalid,
}

impl BodyLength {
    /// Reads a value: digits up to what is none.
    pub fn parse(value: &[u8]) -> Self {
        let digits = value.iter().take_while(|octet| octet.is_ascii_digit());
        let mut any = false;
        let length = digits.fold(0usize, |length, digit| {
            any = true;
            length.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
        });
        if any && length <= MOST_BODY { Self::Bytes(length) } else { Self::Invalid }
    }
}

/// Where a value is in the message; at 0 is the start line, so that no value is there.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u16,
    end: u16,
}

const NOWHERE: Span = Span { start: 0, end: 0 };

/// A message that was read. All it shows are parts of its bytes, as they are: values that are folded keep their line
/// ends ([`super::header::unfolded`]).
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    /// Length of the start line with its end.
    start_line: usize,
    /// Where the body begins; none where the empty line is missing.
    body: Option<usize>,
    length: BodyLength,
    /// By header: its first value.
    firsts: [Span; Header::COUNT],
    /// A bit for each header that has further ones; how many there are in all, and where the line of the last one ends
    /// that is looked at. They are read when they are asked for: few are.
    repeated: u64,
    repetitions: usize,
    repetitions_end: usize,
    /// Whether there are fields that have no [`Header`].
    has_others: bool,
    /// Those of a message that was parsed: several ask for them.
    from: Option<NameAddr<'a>>,
    to: Option<NameAddr<'a>>,
    cseq: Option<CSeq<'a>>,
}

/// What CSeq says.
#[derive(Clone, Copy, Debug, Default)]
struct CSeq<'a> {
    /// None where the first word is no number of 32 bits.
    number: Option<u32>,
    /// The second word, as written.
    method: &'a [u8],
}

const _: () = assert!(Header::COUNT <= u64::BITS as usize);

impl<'a> Message<'a> {
    /// Reads a datagram, or a message that was framed. What is behind the body that Content-Length tells is not looked
    /// at (RFC 3261 section 18.3). The end may be missing.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut message = Self::unread();
        message.read(bytes)?;
        Ok(message)
    }

    /// A message without anything, for [`Self::read`].
    #[inline]
    pub fn unread() -> Self {
        Self {
            bytes: &[],
            start: StartLine::Status { code: 0, reason: &[] },
            start_line: 0,
            body: None,
            length: BodyLength::Absent,
            firsts: [NOWHERE; Header::COUNT],
            repeated: 0,
            repetitions: 0,
            repetitions_end: 0,
            has_others: false,
            from: None,
            to: None,
            cseq: None,
        }
    }

    /// What [`Self::parse`] does, with an unread message: nothing large is moved. Of no use where it fails.
    pub fn read(&mut self, bytes: &'a [u8]) -> Result<(), Refusal> {
        self.read_any(bytes)?;
        (self.from, self.to, self.cseq) = (Some(self.from()), Some(self.to()), Some(self.sequence()));
        let call_id = self.call_id();
        if call_id.is_empty() {
            return Err(Refusal::NoCallId);
        }
        let controls = call_id.iter().fold(false, |any, octet| any | octet.is_ascii_control());
        if controls || call_id.len() > MOST_CALL_ID { Err(Refusal::CallId) } else { Ok(()) }
    }

    /// Reads anything that begins with a start line, whatever it lacks: it may have no Call-ID, or a bad one.
    pub fn scan(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut message = Self::unread();
        message.read_any(bytes)?;
        Ok(message)
    }

    fn read_any(&mut self, bytes: &'a [u8]) -> Result<(), Refusal> {
        let bytes = without_leading_line_ends(bytes);
        let head = bytes.get(..bytes.len().min(MOST_HEAD)).unwrap_or_default();
        let start_line = match find(head, b'\n') {
            Some(at) if at < MOST_START_LINE => at + 1,
            None if head.len() < MOST_START_LINE => head.len(),
            _ => return Err(Refusal::StartLine),
        };
        self.start = StartLine::parse(head.get(..start_line).unwrap_or_default())?;
        (self.bytes, self.start_line) = (bytes, start_line);
        self.index(head);
        if let Some(value) = self.first(Header::ContentLength) {
            self.length = BodyLength::parse(value);
        }
        Ok(())
    }

    /// Notes where the values of the header fields are.
    #[inline]
    fn index(&mut self, head: &'a [u8]) {
        let mut at = self.start_line;
        let mut feeds = LineFeeds::from(head, at);
        while at < head.len() {
            let end = match feeds.next() {
                // A line that begins with white space goes on with the one before (RFC 3261 section 7.3.1).
                Some(feed)
                    if matches!(head.get(feed + 1), Some(b' ' | b'\t')) && !is_blank(head, at, feed) =>
                {
                    continue;
                }
                Some(feed) if is_blank(head, at, feed) => {
                    self.body = Some(feed + 1);
                    return;
                }
                Some(feed) => feed + 1,
                None => head.len(),
            };
            self.index_field(head, at, end);
            at = end;
        }
    }

    #[inline]
    fn index_field(&mut self, head: &'a [u8], at: usize, end: usize) {
        let rest = head.get(at..).unwrap_or_default();
        let found = plain_field(rest, end - at).or_else(|NotPlain| {
            let (name, value) = rest.get(..end - at).and_then(name_and_value).ok_or(NotPlain)?;
            Ok((Header::of(name), value))
        });
        match found {
            Ok((Some(header), value)) => {
                // A head has no more bytes than 16 bits can number.
                let span = Span { start: (at + value.start) as u16, end: (at + value.end) as u16 };
                match self.firsts.get_mut(header as usize) {
                    Some(first) if first.start == 0 => *first = span,
                    _ => self.repeat(header, end),
                }
            }
            Ok((None, _)) => self.has_others = true,
            Err(NotPlain) => {}
        }
    }

    #[inline(never)]
    fn repeat(&mut self, header: Header, end: usize) {
        if self.repetitions < MOST_REPEATED {
            self.repeated |= 1 << header as u8;
            self.repetitions_end = end;
        }
        self.repetitions += 1;
    }

    /// The first value of a field: all of one line, or of one and those that continue it; none where there is no such
    /// field.
    #[inline]
    pub fn first(&self, header: Header) -> Option<&'a [u8]> {
        self.value(*self.firsts.get(header as usize)?)
    }

    #[inline]
    fn value(&self, span: Span) -> Option<&'a [u8]> {
        self.bytes.get(usize::from(span.start)..usize::from(span.end)).filter(|_| span.start != 0)
    }

    /// The values of all fields of a name, in order, each as on its lines.
    pub fn lines(&self, header: Header) -> impl Iterator<Item = &'a [u8]> {
        let further = self.is_repeated(header).then(|| self.further_lines(header));
        self.first(header).into_iter().chain(further.into_iter().flatten())
    }

    /// Whether there may be further fields of a name.
    #[inline]
    pub fn is_repeated(&self, header: Header) -> bool {
        self.repeated >> header as u8 & 1 != 0
    }

    /// The values of all fields of a name but the first.
    fn further_lines(&self, header: Header) -> impl Iterator<Item = &'a [u8]> {
        let head = self.bytes.get(..self.repetitions_end).unwrap_or_default();
        let fields =
            fields_of(head, self.start_line).filter(move |(name, _)| Header::of(name) == Some(header));
        fields.skip(1).map(|(_, value)| value)
    }

    /// The elements of all fields of a name, in order: of fields that are lists, what commas separate. Empty ones are
    /// left out.
    pub fn values(&self, header: Header) -> impl Iterator<Item = &'a [u8]> {
        self.lines(header).flat_map(move |line| {
            let (whole, elements) = match header.is_list() {
                true => (None, Some(list(line))),
                false => (Some(line), None),
            };
            whole.into_iter().chain(elements.into_iter().flatten()).filter(|value| !value.is_empty())
        })
    }

    /// Name and value of each header field in order, also of those that have no [`Header`].
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        fields_of(self.head(), self.start_line)
    }

    /// Whether there are fields that have no [`Header`].
    pub fn has_others(&self) -> bool {
        self.has_others
    }

    /// The message from its start line to the end of its body; what is behind it is left out.
    pub fn bytes(&self) -> &'a [u8] {
        let end = self.body.map_or(self.bytes.len(), |body| body + self.body().len());
        self.bytes.get(..end).unwrap_or(self.bytes)
    }

    /// Start line and header fields, with the empty line.
    pub fn head(&self) -> &'a [u8] {
        let end = self.body.unwrap_or(self.bytes.len()).min(MOST_HEAD);
        self.bytes.get(..end).unwrap_or(self.bytes)
    }

    /// Length of the start line in bytes, with its end.
    pub(super) fn start_line_length(&self) -> usize {
        self.start_line
    }

    /// The start line.
    #[inline]
    pub fn start_line(&self) -> StartLine<'a> {
        self.start
    }

    /// Whether it is a request.
    #[inline]
    pub fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request; empty for a response.
    #[inline]
    pub fn method(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { method, .. } => method,
            StartLine::Status { .. } => b"",
        }
    }

    /// The Request-URI; empty for a response.
    #[inline]
    pub fn request_uri(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Status { .. } => b"",
        }
    }

    /// The status code of a response, 100 to 699.
    #[inline]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Status { code, .. } => Some(code),
        }
    }

    /// The reason phrase of a response, of any octets; empty for a request.
    #[inline]
    pub fn reason(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { .. } => b"",
            StartLine::Status { reason, .. } => reason,
        }
    }

    /// Call-ID. That of [`Self::parse`] has 1 to [`MOST_CALL_ID`] bytes without control characters; that of
    /// [`Self::scan`] may be anything, and is empty where there is none.
    #[inline]
    pub fn call_id(&self) -> &'a [u8] {
        self.first(Header::CallId).unwrap_or_default()
    }

    /// Number and method of CSeq, if it has both and the number is one of 32 bits.
    pub fn cseq(&self) -> Option<(u32, &'a [u8])> {
        let CSeq { number, method } = self.sequence();
        (!method.is_empty()).then_some((number?, method))
    }

    /// The method that CSeq names, as written; empty where it names none.
    pub(crate) fn cseq_method(&self) -> &'a [u8] {
        self.sequence().method
    }

    #[inline]
    fn sequence(&self) -> CSeq<'a> {
        self.cseq.unwrap_or_else(|| self.first(Header::CSeq).map_or(CSeq::default(), CSeq::parse))
    }

    /// The method of the transaction: of a request its own, of a response that of its CSeq, as written; empty where
    /// that has none.
    #[inline]
    pub fn transaction_method(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { method, .. } => method,
            StartLine::Status { .. } => self.cseq_method(),
        }
    }

    /// From; its parts are empty where there is none.
    pub fn from(&self) -> NameAddr<'a> {
        self.from.unwrap_or_else(|| NameAddr::parse(self.first(Header::From).unwrap_or_default()))
    }

    /// To; its parts are empty where there is none.
    pub fn to(&self) -> NameAddr<'a> {
        self.to.unwrap_or_else(|| NameAddr::parse(self.first(Header::To).unwrap_or_default()))
    }

    /// The first address of Contact; its URI is `*` where all are meant (RFC 3261 section 10.2.2).
    pub fn contact(&self) -> Option<NameAddr<'a>> {
        self.values(Header::Contact).next().map(NameAddr::parse)
    }

    /// The branch of the topmost Via; empty where it has none (RFC 2543).
    pub fn top_via_branch(&self) -> &'a [u8] {
        let value = self.first(Header::Via).unwrap_or_default();
        plain_branch(value).unwrap_or_else(|| self.any_branch(value))
    }

    #[cold]
    fn any_branch(&self, first: &'a [u8]) -> &'a [u8] {
        let via = match first_element(first) {
            b"" => self.values(Header::Via).next().unwrap_or_default(),
            via => via,
        };
        let parameters = split_at(via, b';').map_or(&b""[..], |(_, parameters)| parameters);
        parameter(parameters, b"branch").unwrap_or_default()
    }

    /// Content-Type; empty where there is none.
    pub fn content_type(&self) -> &'a [u8] {
        self.first(Header::ContentType).unwrap_or_default()
    }

    /// What Content-Length says.
    pub fn body_length(&self) -> BodyLength {
        self.length
    }

    /// The body, as it is: as many bytes as Content-Length says, or what there is of them; where it says nothing, or
    /// nothing that makes sense, all that follows the head.
    pub fn body(&self) -> &'a [u8] {
        let rest = self.body.and_then(|body| self.bytes.get(body..)).unwrap_or_default();
        match self.length {
            BodyLength::Bytes(length) => rest.get(..length).unwrap_or(rest),
            _ => rest,
        }
    }

    /// Whether the end is missing: the empty line, or a part of the body.
    pub fn is_cut(&self) -> bool {
        match (self.body, self.length) {
            (None, _) => true,
            (Some(body), BodyLength::Bytes(length)) => self.bytes.len().saturating_sub(body) < length,
            _ => false,
        }
    }

    /// How many header fields there are that are not in the index: more than 64 that repeat others.
    pub fn fields_left_out(&self) -> usize {
        self.repetitions.saturating_sub(MOST_REPEATED)
    }

    /// Calls `found` with each session description (RFC 8866): the body, if Content-Type is `application/sdp`, or each
    /// such part of a multipart body (RFC 5621), also within another; without Content-Type, what looks like one.
    pub fn session_descriptions(&self, found: &mut dyn FnMut(&'a [u8])) {
        let encoded = self.first(Header::ContentEncoding).unwrap_or_default();
        for_each_session_description(self.body(), self.first(Header::ContentType), encoded, found);
    }
}

impl<'a> CSeq<'a> {
    fn parse(value: &'a [u8]) -> Self {
        let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (number, method) = value.split_at_checked(end).unwrap_or_default();
        Self { number: decimal(number), method: method.trim_ascii() }
    }
}

/// The branch, where it is the first parameter, as mostly, and nothing is in quotes or brackets.
#[inline]
fn plain_branch(via: &[u8]) -> Option<&[u8]> {
    const ENDS: [u8; 4] = [b';', b',', b'"', b'<'];
    let at = find_any(via, ENDS)?;
    let value = via.get(at..)?.strip_prefix(b";branch=")?;
    let end = find_any(value, ENDS).unwrap_or(value.len());
    match value.get(end) {
        Some(b'"' | b'<') => None,
        _ => value.get(..end).map(<[u8]>::trim_ascii),
    }
}

/// Name and value of each header field of a head from `at` on, in order.
fn fields_of(head: &[u8], mut at: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let Line::Field(end) = line_at(head, at)? else { return None };
            let field = head.get(at..end)?;
            at = end;
            if let Some((name, value)) = name_and_value(field) {
                return Some((name, field.get(value)?));
            }
        }
    })
}

/// Whether the line at `at`, whose line feed is at `feed`, is the empty one.
#[inline]
fn is_blank(head: &[u8], at: usize, feed: usize) -> bool {
    feed <= at + 1 && (feed == at || head.get(at) == Some(&b'\r'))
}

/// A decimal number of 32 bits, of any number of digits, and nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u32> {
    (!digits.is_empty()).then_some(())?;
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

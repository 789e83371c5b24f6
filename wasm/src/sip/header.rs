//! Names of header fields (RFC 3261 section 20 and the IANA registry of SIP header fields), their compact forms
//! (section 7.3.3), and the lines they are on.

use std::ops::Range;

use crate::detect::text_message::split_at;
use crate::short::{BLOCK, find, places_of};

/// Defines [`Header`] from rows of `Variant "Name" 'c'`: name, and compact form or 0. Fields that are comma-separated
/// lists (section 7.3.1) come first.
macro_rules! headers {
    (
        lists: { $($list:ident $list_name:literal $list_compact:literal,)+ }
        others: { $($other:ident $name:literal $compact:literal,)+ }
    ) => {
        /// A header field that is looked for by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Header {
            $(#[doc = $list_name] $list,)+
            $(#[doc = $name] $other,)+
        }

        impl Header {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$list,)+ $(Self::$other,)+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// How many of them, from the first, are lists.
            const LISTS: u8 = [$(Self::$list,)+].len() as u8;
            const NAMES: [&'static str; Self::COUNT] = [$($list_name,)+ $($name,)+];
            const COMPACT: [u8; Self::COUNT] = [$($list_compact,)+ $($compact,)+];
        }
    };
}

headers! {
    lists: {
    AcceptContact "Accept-Contact" b'a',
    AlertInfo "Alert-Info" 0,
    Allow "Allow" 0,
    AllowEvents "Allow-Events" b'u',
    CallInfo "Call-Info" 0,
    Contact "Contact" b'm',
    ContentEncoding "Content-Encoding" b'e',
    Diversion "Diversion" 0,
    HistoryInfo "History-Info" 0,
    InReplyTo "In-Reply-To" 0,
    PAccessNetworkInfo "P-Access-Network-Info" 0,
    PAssertedIdentity "P-Asserted-Identity" 0,
    PAssertedService "P-Asserted-Service" 0,
    PAssociatedUri "P-Associated-URI" 0,
    PPreferredIdentity "P-Preferred-Identity" 0,
    PVisitedNetworkId "P-Visited-Network-ID" 0,
    Path "Path" 0,
    Reason "Reason" 0,
    RecordRoute "Record-Route" 0,
    RejectContact "Reject-Contact" b'j',
    RemotePartyId "Remote-Party-ID" 0,
    RequestDisposition "Request-Disposition" b'd',
    Require "Require" 0,
    Route "Route" 0,
    ServiceRoute "Service-Route" 0,
    Supported "Supported" b'k',
    UserToUser "User-to-User" 0,
    Via "Via" b'v',
    Warning "Warning" 0,
    }
    others: {
    Authorization "Authorization" 0,
    CallId "Call-ID" b'i',
    ContentDisposition "Content-Disposition" 0,
    ContentLength "Content-Length" b'l',
    ContentType "Content-Type" b'c',
    CSeq "CSeq" 0,
    Date "Date" 0,
    Event "Event" b'o',
    Expires "Expires" 0,
    From "From" b'f',
    Identity "Identity" b'y',
    MaxForwards "Max-Forwards" 0,
    PCalledPartyId "P-Called-Party-ID" 0,
    PChargingVector "P-Charging-Vector" 0,
    Privacy "Privacy" 0,
    ProxyAuthorization "Proxy-Authorization" 0,
    RAck "RAck" 0,
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    Replaces "Replaces" 0,
    RetryAfter "Retry-After" 0,
    RSeq "RSeq" 0,
    Server "Server" 0,
    SessionExpires "Session-Expires" b'x',
    SessionId "Session-ID" 0,
    Subject "Subject" b's',
    To "To" b't',
    UserAgent "User-Agent" 0,
    WwwAuthenticate "WWW-Authenticate" 0,
    }
}

const SLOT_BITS: u32 = 10;
const NO_HEADER: u8 = u8::MAX;
/// Tried until no two names were in one place.
const SPREAD: u64 = 0xc381_e88f_38c0_c8fd;

/// Where a name is in the table, by its length and its first letters.
#[inline]
const fn slot(word: u64, length: usize) -> usize {
    let in_lower_case = word | u64::from_ne_bytes([b' '; 8]);
    let letters = if length < 8 { in_lower_case & ((1 << (length * 8)) - 1) } else { in_lower_case };
    ((letters ^ length as u64).wrapping_mul(SPREAD) >> (u64::BITS - SLOT_BITS)) as usize
}

const TABLE: [u8; 1 << SLOT_BITS] = {
    let mut table = [NO_HEADER; 1 << SLOT_BITS];
    let mut number = 0;
    while number < Header::COUNT {
        let name = Header::NAMES[number].as_bytes();
        let (mut word, mut at) = (0, 0);
        while at < 8 && at < name.len() {
            word |= (name[at] as u64) << (at * 8);
            at += 1;
        }
        let compact = Header::COMPACT[number];
        let at = slot(word, name.len());
        assert!(table[at] == NO_HEADER, "two names in one place");
        table[at] = number as u8;
        if compact != 0 {
            let at = slot(compact as u64, 1);
            assert!(table[at] == NO_HEADER, "two names in one place");
            table[at] = number as u8;
        }
        number += 1;
    }
    table
};

/// No name is longer, in bytes.
const MOST_NAME: usize = 24;

/// A name as numbers that are compared at once.
#[derive(Clone, Copy)]
struct Letters {
    header: Header,
    /// In lower case.
    words: [u64; MOST_NAME / 8],
    /// The bits that count: not those behind the name, and not what tells letters of upper and lower case apart.
    masks: [u64; MOST_NAME / 8],
    length: usize,
}

const LETTERS: [Letters; Header::COUNT] = {
    let mut all =
        [Letters { header: Header::ALL[0], words: [0; MOST_NAME / 8], masks: [0; MOST_NAME / 8], length: 0 };
            Header::COUNT];
    let mut number = 0;
    while number < Header::COUNT {
        let name = Header::NAMES[number].as_bytes();
        assert!(name.len() <= MOST_NAME);
        all[number].header = Header::ALL[number];
        all[number].length = name.len();
        let mut at = 0;
        while at < name.len() {
            let mask = if name[at].is_ascii_alphabetic() { !0x20 } else { u8::MAX };
            all[number].words[at / 8] |= (name[at].to_ascii_lowercase() as u64) << (at % 8 * 8);
            all[number].masks[at / 8] |= (mask as u64) << (at % 8 * 8);
            at += 1;
        }
        number += 1;
    }
    all
};

impl Header {
    /// The field of a name, long or compact, in upper or lower case.
    pub fn of(name: &[u8]) -> Option<Self> {
        (name.len() <= MOST_NAME).then(|| Self::at_front(&padded_name(name), name.len()))?
    }

    /// The field whose name is the first `length` bytes.
    #[inline(always)]
    fn at_front(start: &[u8; MOST_NAME], length: usize) -> Option<Self> {
        let &[first, second, third] = start.as_chunks::<8>().0 else { return None };
        let word = u64::from_le_bytes(first);
        let number = *TABLE.get(slot(word, length))?;
        let Letters { header, words, masks, length: wanted } = LETTERS.get(usize::from(number))?;
        if length == 1 {
            return (word as u8 | b' ' == header.compact()).then_some(*header);
        }
        let [a, b, c] = words;
        let [in_a, in_b, in_c] = masks;
        // Most names are short.
        let is_it = *wanted == length
            && (word ^ a) & in_a == 0
            && (length <= 8
                || (u64::from_le_bytes(second) ^ b) & in_b == 0
                    && (u64::from_le_bytes(third) ^ c) & in_c == 0);
        is_it.then_some(*header)
    }

    /// The name, as the registry has it.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// The compact form, in lower case; 0 where there is none.
    #[inline]
    fn compact(self) -> u8 {
        Self::COMPACT.get(self as usize).copied().unwrap_or_default()
    }

    /// Whether its value is a list that commas separate, so that several fields are one list.
    #[inline]
    pub fn is_list(self) -> bool {
        (self as u8) < Self::LISTS
    }
}

/// What a line of a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A header field, or a line that is none, with the lines that continue it; where the next one begins.
    Field(usize),
    /// The empty line, and where the body begins.
    Blank(usize),
}

/// The line at `at`, the last one without its end where that is missing; none behind the end.
#[inline]
pub(super) fn line_at(head: &[u8], at: usize) -> Option<Line> {
    let rest = head.get(at..)?;
    match rest {
        [] => return None,
        [b'\r', b'\n', ..] => return Some(Line::Blank(at + 2)),
        [b'\n', ..] => return Some(Line::Blank(at + 1)),
        _ => {}
    }
    let mut end = at + end_of_line(rest);
    while matches!(head.get(end), Some(b' ' | b'\t')) {
        end += end_of_line(head.get(end..)?);
    }
    Some(Line::Field(end))
}

/// Behind the first line feed, or the end.
#[inline]
fn end_of_line(text: &[u8]) -> usize {
    find(text, b'\n').map_or(text.len(), |at| at + 1)
}

/// The name of a header field, and where in it the value is: white space around both is taken off (section 25.1,
/// HCOLON), that within a value which is folded is not.
#[inline]
pub(super) fn name_and_value(field: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let colon = find(field, b':')?;
    let mut name = field.get(..colon)?;
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = name {
        name = rest;
    }
    let value = field.get(colon + 1..)?.trim_ascii_end();
    let end = colon + 1 + value.len();
    Some((name, end - value.trim_ascii_start().len()..end))
}

/// The header of the field that begins `rest` and ends at `end`, and where in it the value is. None where there is no
/// such header; and where the field is not written like most: then [`name_and_value`] is to be asked.
#[inline]
pub(super) fn plain_field(rest: &[u8], end: usize) -> Result<(Option<Header>, Range<usize>), NotPlain> {
    let padded;
    let start = match rest.first_chunk() {
        Some(start) => start,
        None => {
            padded = padded_name(rest);
            &padded
        }
    };
    let colon = colon_in_front(start).ok_or(NotPlain)?;
    // No white space around the name, one blank before the value, none at its end, and two octets that end the line.
    let around = start.get(colon.wrapping_sub(1)..).and_then(<[u8]>::first_chunk);
    let at_end = rest.get(..end).and_then(<[u8]>::last_chunk);
    let (Some(around), Some(at_end)) = (around, at_end) else { return Err(NotPlain) };
    let (around, at_end) = (u32::from_le_bytes(*around), u32::from_le_bytes(*at_end));
    let [letter, _, _, first] = around.to_le_bytes();
    let [_, last, _, _] = at_end.to_le_bytes();
    let is_plain = around & 0x00ff_ff00 == u32::from_le_bytes(*b"\0: \0")
        && at_end & 0xffff_0000 == u32::from_le_bytes(*b"\0\0\r\n")
        && letter.min(first).min(last) > b' ';
    if is_plain && colon + 2 < end - 2 {
        Ok((Header::at_front(start, colon), colon + 2..end - 2))
    } else {
        Err(NotPlain)
    }
}

/// The first octets, with zeros behind the end.
#[inline(never)]
fn padded_name(text: &[u8]) -> [u8; MOST_NAME] {
    let mut start = [0; MOST_NAME];
    start.iter_mut().zip(text).for_each(|(place, octet)| *place = *octet);
    start
}

/// A field with more or less white space than most, or with a long name.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotPlain;

/// Where the first colon is.
#[inline]
fn colon_in_front(start: &[u8; MOST_NAME]) -> Option<usize> {
    let found = places_of(start.first_chunk()?, [b':']);
    if found != 0 {
        return Some(found.trailing_zeros() as usize);
    }
    const REST: usize = MOST_NAME - BLOCK;
    colon_in(*start.last_chunk::<REST>()?).map(|at| BLOCK + at)
}

/// Where the first colon is. Names are short: eight bytes at a time are faster than a call.
#[inline]
fn colon_in(chunk: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_le_bytes(chunk) ^ (ONES * b':' as u64);
    // The lowest of these bits is exact.
    let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

/// The pieces of a value that is folded over lines, with one space for what separates the lines (section 7.3.1). A value
/// on one line is one piece.
pub fn unfolded(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    let mut folds = false;
    std::iter::from_fn(move || {
        if std::mem::take(&mut folds) {
            return Some(&b" "[..]);
        }
        let text = rest?;
        let Some((line, after)) = split_at(text, b'\n') else { return rest.take() };
        (rest, folds) = (Some(after.trim_ascii_start()), true);
        Some(line.trim_ascii_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_compact_forms() {
        for header in Header::ALL {
            let name = header.name();
            for name in [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()] {
                assert_eq!(Header::of(name.as_bytes()), Some(*header), "{name}");
            }
            assert_eq!(Header::of(format!("{name}s").as_bytes()), None, "{name}");
        }
        let compact: String = (0..=u8::MAX)
            .filter_map(|letter| {
                Header::of(&[letter]).map(|header| format!("{}={} ", letter as char, header.name()))
            })
            .filter(|text| text.as_bytes()[0].is_ascii_lowercase())
            .collect();
        assert_eq!(
            compact,
            "a=Accept-Contact b=Referred-By c=Content-Type d=Request-Disposition e=Content-Encoding f=From i=Call-ID \
             j=Reject-Contact k=Supported l=Content-Length m=Contact o=Event r=Refer-To s=Subject t=To \
             u=Allow-Events v=Via x=Session-Expires y=Identity "
        );
        for name in ["", "n", "p", "Call_ID", "Froom", "Tp", "\x0e"] {
            assert_eq!(Header::of(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn plain_fields_are_read_like_others() {
        let mut plain = 0;
        for name in
            ["", " ", "f", "CSeq", "Call-ID", "call-id ", "Call\rID", "X-Other", "P-Access-Network-Info"]
        {
            for value in ["", " ", " a", "a", "  a b", " a b \t", " a:b\r\n c", "\n:"] {
                let ends = ["", "\n", "\r\n"].into_iter();
                for (end, behind) in
                    ends.flat_map(|end| ["", "\r\n", "Content-Length: 0\r\n\r\n"].map(|behind| (end, behind)))
                {
                    let field = format!("{name}:{value}{end}");
                    let text = format!("{field}{behind}");
                    let Ok(found) = plain_field(text.as_bytes(), field.len()) else { continue };
                    let (name, value) = name_and_value(field.as_bytes()).unwrap();
                    assert_eq!(found, (Header::of(name), value), "{field:?}");
                    plain += 1;
                }
            }
        }
        assert!(plain >= 5, "{plain}");
    }

    #[test]
    fn folds_become_spaces() {
        for (value, expected) in
            [("a", "a"), ("a\r\n  b\n\tc", "a b c"), ("a  b", "a  b"), ("", ""), ("a\r\n \r\n b", "a b")]
        {
            let text: Vec<&[u8]> = unfolded(value.as_bytes()).collect();
            assert_eq!(text.concat(), expected.as_bytes(), "{value:?}");
        }
    }
}

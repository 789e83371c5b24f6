//! Formats of RTP media: payload types, encoding names and clock rates (RFC 8866 section 6.6, RFC 3551 section 6).

use super::attribute::Attribute;
use super::octets::{end_of_name, end_of_word};
use super::section::Section;
use super::{Carries, Description};
use crate::rtp::codec;

/// What an RTP payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format<'a> {
    /// 0 to 127.
    pub payload_type: u8,
    /// Encoding name as written, of printable ASCII; case does not matter in it. Never empty.
    pub name: &'a [u8],
    /// Ticks of the RTP timestamp per second; 0 where it is not told.
    pub clock_rate: u32,
    /// Audio channels; 1 where it is not told.
    pub channels: u8,
}

impl<'a> Format<'a> {
    /// `96 opus/48000/2`.
    #[inline]
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (payload_type, rest) = leading_number(value);
        let rest = rest.trim_ascii_start();
        let (name, rest) = rest.split_at_checked(end_of_name(rest))?;
        let (mut clock_rate, mut channels) = (0, 1);
        if let Some(rate) = rest.strip_prefix(b"/") {
            let (rate, rest) = leading_number(rate);
            clock_rate = rate.unwrap_or_default();
            channels =
                rest.strip_prefix(b"/").and_then(|rest| leading_number(rest).0).unwrap_or(1).clamp(1, 255);
        }
        // It samples at 16 kHz, but its clock runs at 8 (RFC 3551 section 4.5.2), which not every maker knows.
        if name.eq_ignore_ascii_case(b"G722") {
            clock_rate = 8000;
        }
        let payload_type = payload_type.filter(|number| *number < 128)? as u8;
        (!name.is_empty()).then_some(Self { payload_type, name, clock_rate, channels: channels as u8 })
    }

    /// Dialled digits and other events (RFC 4733), not sound.
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"telephone-event")
    }

    /// Comfort noise (RFC 3389): it is sent when there is no sound.
    pub fn is_comfort_noise(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"CN")
    }
}

/// The format of a static payload type; none for one that is dynamic or reserved.
#[inline]
pub fn static_format(payload_type: u8) -> Option<Format<'static>> {
    let codec::StaticFormat { name, clock_rate, channels } = codec::static_format(payload_type)?;
    Some(Format { payload_type, name: name.as_bytes(), clock_rate, channels: channels.max(1) })
}

/// Encoding name of a static payload type (RFC 3551 section 6); empty for one that is dynamic or reserved.
pub fn static_codec(payload_type: u8) -> &'static str {
    codec::static_format(payload_type).map_or("", |format| format.name)
}

/// Calls `found` with the encoding name of each format of a description.
pub fn for_each_codec(description: &[u8], found: &mut dyn FnMut(&[u8])) {
    Description::parse(description).for_each_format(&mut |_, format| found(format.name));
}

impl<'a> Section<'a> {
    /// Calls `found` with each format of the section, if it carries RTP: those that `a=rtpmap` explains, in their order,
    /// then those with a static payload type. A payload type is told once, by what explains it first.
    pub fn for_each_format(&self, found: &mut impl FnMut(Format<'a>)) {
        if self.protocol.carries != Carries::Rtp {
            return;
        }
        // Not one number of 128 bits: WebAssembly has no shifts of such.
        let mut told = [0u64; 2];
        let mut is_new = |payload_type: u8| {
            let bit = 1 << (payload_type & 63);
            let is_upper = usize::from(payload_type >> 6 & 1);
            let place = told.get_mut(is_upper);
            place.is_some_and(|told| {
                let is_new = *told & bit == 0;
                *told |= bit;
                is_new
            })
        };
        self.maps.for_each(Attribute::RtpMap, u16::MAX, |value| {
            if let Some(format) = Format::parse(value).filter(|format| is_new(format.payload_type)) {
                found(format);
            }
        });
        let mut rest = self.formats;
        while let Some((payload_type, after)) = next_payload_type(rest) {
            rest = after;
            if is_new(payload_type)
                && let Some(format) = static_format(payload_type)
            {
                found(format);
            }
        }
    }

    /// What `a=fmtp` says about a payload type, as written; empty where it says nothing.
    pub fn format_parameters(&self, payload_type: u8) -> &'a [u8] {
        let mut parameters: &[u8] = &[];
        self.parameters.for_each(Attribute::FormatParameters, u16::MAX, |value| {
            let (format, value) = leading_number(value);
            if parameters.is_empty() && format == Some(payload_type.into()) {
                parameters = value.trim_ascii_start();
            }
        });
        parameters
    }
}

/// The next payload type of a list that blanks separate, and what follows it; other words are passed over.
#[inline]
fn next_payload_type(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    while !rest.is_empty() {
        let (number, after) = leading_number(rest);
        rest = match after {
            [] => after,
            [b' ' | b'\t', after @ ..] => after,
            _ => {
                rest = behind_word(rest);
                continue;
            }
        };
        if let Some(number) = number.filter(|number| *number < 128) {
            return Some((number as u8, rest));
        }
    }
    None
}

/// What follows a word that does not begin with a number, or not only: white space that is no blank, or what follows the
/// next blank.
#[cold]
fn behind_word(text: &[u8]) -> &[u8] {
    if text.first().is_some_and(u8::is_ascii_whitespace) {
        return text.trim_ascii_start();
    }
    text.get(end_of_word(text)..).unwrap_or_default()
}

/// The decimal number that `text` begins with, if it begins with one of at most nine digits; and what follows the digits.
#[inline]
fn leading_number(text: &[u8]) -> (Option<u32>, &[u8]) {
    let mut value = 0u32;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
        rest = after;
    }
    ((1..=9).contains(&(text.len() - rest.len())).then_some(value), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_payload_types() {
        let octets = b"018 \t\x0c\rx";
        for number in 0..octets.len().pow(6) {
            let text: Vec<u8> =
                (0..6).map(|at| octets[number / octets.len().pow(at) % octets.len()]).collect();
            let words = text.split(|octet| matches!(octet, b' ' | b'\t')).map(|word| word.trim_ascii_start());
            let numbers = words.filter(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit));
            let expected: Vec<u32> =
                numbers.map(|word| str::from_utf8(word).unwrap().parse().unwrap()).collect();
            let mut rest = &text[..];
            let found = std::iter::from_fn(|| {
                let (payload_type, after) = next_payload_type(rest)?;
                rest = after;
                Some(u32::from(payload_type))
            });
            let expected = expected.into_iter().filter(|number| *number < 128);
            assert!(found.eq(expected), "{text:?}");
        }
        assert_eq!(next_payload_type(b"0000000008 000000008"), Some((8, &b""[..])));
    }
}

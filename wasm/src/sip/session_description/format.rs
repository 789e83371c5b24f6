//! Formats of RTP media: payload types, encoding names and clock rates (RFC 8866 section 6.6, RFC 3551 section 6).

use super::section::Section;
use super::{Carries, Description, words};
use crate::detect::rtp;
use crate::detect::text_message::{number, split_at};

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
    fn parse(value: &'a [u8]) -> Option<Self> {
        let mut words = words(value);
        let payload_type = payload_type(words.next()?)?;
        let mut parts = words.next()?.split(|octet| *octet == b'/');
        let name = parts.next().filter(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))?;
        let clock_rate = parts.next().and_then(number).unwrap_or_default();
        let channels = parts.next().and_then(number).map_or(1, |channels| channels.clamp(1, 255) as u8);
        // It samples at 16 kHz, but its clock runs at 8 (RFC 3551 section 4.5.2), which not every maker knows.
        let clock_rate = if name.eq_ignore_ascii_case(b"G722") { 8000 } else { clock_rate };
        Some(Self { payload_type, name, clock_rate, channels })
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
pub fn static_format(payload_type: u8) -> Option<Format<'static>> {
    let name = static_codec(payload_type).as_bytes();
    let clock_rate = match payload_type {
        6 => 16_000,
        10 | 11 => 44_100,
        14 | 25..=34 => 90_000,
        16 => 11_025,
        17 => 22_050,
        _ => 8000,
    };
    let channels = if payload_type == 10 { 2 } else { 1 };
    (!name.is_empty()).then_some(Format { payload_type, name, clock_rate, channels })
}

/// Encoding name of a static payload type (RFC 3551 section 6); empty for one that is dynamic or reserved.
pub fn static_codec(payload_type: u8) -> &'static str {
    match rtp::codec(payload_type) {
        "dynamic" | "unassigned" => "",
        name => name,
    }
}

/// Calls `found` with the encoding name of each format of a description.
pub fn for_each_codec(description: &[u8], found: &mut dyn FnMut(&[u8])) {
    Description::parse(description).for_each_format(&mut |_, format| found(format.name));
}

impl<'a> Section<'a> {
    /// Calls `found` with each format of the section, if it carries RTP: those that `a=rtpmap` explains, in their order,
    /// then those with a static payload type. A payload type is told once, by what explains it first.
    pub fn for_each_format(&self, found: &mut dyn FnMut(Format<'a>)) {
        if self.protocol.carries != Carries::Rtp {
            return;
        }
        let mut told = 0u128;
        let mut tell = |format: Format<'a>| {
            let bit = 1 << (format.payload_type & 127);
            if told & bit == 0 {
                told |= bit;
                found(format);
            }
        };
        self.maps.for_each(b"rtpmap", u16::MAX, |value| {
            if let Some(format) = Format::parse(value) {
                tell(format);
            }
        });
        for format in words(self.formats).filter_map(payload_type).filter_map(static_format) {
            tell(format);
        }
    }

    /// What `a=fmtp` says about a payload type, as written; empty where it says nothing.
    pub fn format_parameters(&self, payload_type: u8) -> &'a [u8] {
        let mut parameters: &[u8] = &[];
        self.parameters.for_each(b"fmtp", u16::MAX, |value| {
            let (format, value) = split_at(value, b' ').unwrap_or((value, b""));
            if parameters.is_empty() && self::payload_type(format) == Some(payload_type) {
                parameters = value.trim_ascii();
            }
        });
        parameters
    }
}

#[inline]
fn payload_type(digits: &[u8]) -> Option<u8> {
    number(digits).filter(|number| *number < 128).map(|number| number as u8)
}

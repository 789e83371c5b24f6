//! Session descriptions (RFC 8866): which media a party takes, where, and in what formats; one side of an offer or answer
//! (RFC 3264).
//!
//! They are read as they come: with any line ends, with lines missing, in any order within their level, and with what is
//! not understood left out. Nothing is copied; sections are read one after the other whenever they are asked for.

mod attribute;
mod candidate;
mod connection;
mod endpoint;
mod format;
mod lines;
mod octets;
mod section;

pub use connection::Connection;
pub use endpoint::{Carries, Endpoint};
pub use format::{Format, for_each_codec, static_codec, static_format};
pub use section::{Direction, Media, Protocol, Section};

use crate::detect::text_message::split_at;
use attribute::{Attribute, attribute};
use lines::Lines;
use octets::end_of_word;
use section::Common;

/// Most media sections of a description that are read.
pub const MOST_SECTIONS: u8 = 64;
/// Most endpoints of a description that are told.
pub const MOST_ENDPOINTS: u32 = 256;
/// Most BUNDLE groups that are looked at, and most bytes of each.
const MOST_GROUPS: usize = 4;
const MOST_GROUP: usize = 1024;

/// A session description, or the beginning of one.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// Value of the `o=` line.
    origin: &'a [u8],
    /// What it says for all sections that do not say otherwise.
    common: Common<'a>,
    /// Identification tags of BUNDLE groups (RFC 9143, before that RFC 8843); empty where there is none.
    groups: [&'a [u8]; MOST_GROUPS],
    /// The first media section, blank if there is none: most descriptions have no other, and each of the calls below needs
    /// it.
    first: Section<'a>,
    has_first: bool,
    /// From the second `m=` line on.
    media: &'a [u8],
}

/// Who made a description (RFC 8866 section 5.2). All but the version together name a session, if the maker keeps to the
/// RFC; the parts are as written, and empty where they are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Login on the host, `-` for none.
    pub user: &'a [u8],
    /// Number of the session.
    pub session_id: &'a [u8],
    /// Number of the description: one more when it is changed.
    pub version: &'a [u8],
    /// Address or name of the host.
    pub host: &'a [u8],
}

impl<'a> Origin<'a> {
    /// `jdoe 3724394400 3724394405 IN IP4 198.51.100.1`.
    fn parse(value: &'a [u8]) -> Self {
        let mut words = words(value);
        let mut next = || words.next().unwrap_or_default();
        let [user, session_id, version, _, _, host] = [next(), next(), next(), next(), next(), next()];
        Self { user, session_id, version, host }
    }
}

impl<'a> Description<'a> {
    /// Reads what is before the media sections, and the first of them. The description ends with the text, or where the next
    /// one begins.
    // Inlined, so that it is read where the caller has it: it is too large to be moved about.
    #[inline(always)]
    pub fn parse(text: &'a [u8]) -> Self {
        let mut description = Self {
            origin: &[],
            common: Common::default(),
            groups: [&[]; MOST_GROUPS],
            first: Section::BLANK,
            has_first: false,
            media: &[],
        };
        description.read(text);
        description
    }

    #[inline(never)]
    fn read(&mut self, text: &'a [u8]) {
        let mut lines = Lines::of(text);
        let mut has_version = false;
        while let Some((letter, value)) = lines.next() {
            match letter {
                b'm' => {
                    self.has_first = true;
                    self.first.read_lines(value, &mut lines, &self.common);
                    self.media = lines.here();
                    break;
                }
                b'v' if has_version => break,
                b'v' => has_version = true,
                _ => self.read_line(letter, value),
            }
        }
    }

    /// Who made it, by its `o=` line.
    pub fn origin(&self) -> Origin<'a> {
        Origin::parse(self.origin)
    }

    #[inline]
    fn read_line(&mut self, letter: u8, value: &'a [u8]) {
        match letter {
            b'o' => self.origin = value,
            b'c' => self.common.connection = Connection::parse(value),
            b'a' => {
                let (attribute, value) = attribute(value);
                self.common.read_attribute(attribute);
                if attribute == Attribute::Group {
                    self.read_group(value);
                }
            }
            _ => {}
        }
    }

    /// `BUNDLE foo bar`.
    #[cold]
    fn read_group(&mut self, value: &'a [u8]) {
        let (semantics, tags) = split_at(value.trim_ascii(), b' ').unwrap_or((value, b""));
        if semantics.eq_ignore_ascii_case(b"BUNDLE")
            && let Some(group) = self.groups.iter_mut().find(|group| group.is_empty())
        {
            *group = tags.get(..MOST_GROUP).unwrap_or(tags);
        }
    }

    /// Its media sections, in order; at most [`MOST_SECTIONS`].
    #[inline]
    pub fn sections(&self) -> impl Iterator<Item = Section<'a>> + use<'a> {
        let (mut rest, common) = (self.media, self.common);
        let others = (1..MOST_SECTIONS).map_while(move |number| Section::read(&mut rest, number, &common));
        self.has_first.then_some(self.first).into_iter().chain(others)
    }

    /// Whether the party takes no media, or gives no answer to them, for the time being: every section that is not
    /// refused is held. False where there is none.
    pub fn is_held(&self) -> bool {
        let mut sections = self.sections().filter(|section| !section.is_refused()).peekable();
        sections.peek().is_some() && sections.all(|section| section.is_held())
    }

    /// Calls `visit` with each of them. Returns what is left behind the last of [`MOST_SECTIONS`].
    #[inline]
    fn for_each_section(&self, mut visit: impl FnMut(&Section<'a>)) -> &'a [u8] {
        let (mut rest, mut number) = (self.media, 1);
        if self.has_first {
            visit(&self.first);
        }
        while !rest.is_empty()
            && number < MOST_SECTIONS
            && let Some(section) = Section::read(&mut rest, number, &self.common)
        {
            visit(&section);
            number += 1;
        }
        rest
    }

    /// Calls `found` with each format of each section that carries RTP, and with the number of the section: those that
    /// `a=rtpmap` explains, then those with a static payload type. A payload type is told once per section.
    pub fn for_each_format(&self, found: &mut impl FnMut(u8, Format<'a>)) {
        self.for_each_section(|section| section.for_each_format(&mut |format| found(section.number, format)));
    }

    /// Calls `found` with each address and port that media may come to: those of media sections, of `a=rtcp`, of ICE
    /// candidates and of MSRP paths. A bundled section without a port has those of its group. Host names, the
    /// unspecified address, port 0 and the discard port 9 are no endpoint.
    ///
    /// Returns how many were left out for being too many; a section left out is one.
    pub fn for_each_endpoint(&self, found: &mut dyn FnMut(Endpoint)) -> u32 {
        let mut told = 0u32;
        let mut omitted = 0u32;
        let mut tagged = None;
        let mut tell = |endpoint| {
            told += 1;
            if told <= MOST_ENDPOINTS {
                found(endpoint);
            }
        };
        let rest = self.for_each_section(|section| {
            if section.is_bundle_only && section.port == 0 {
                let tagged = tagged.get_or_insert_with(|| self.tagged());
                let mut groups = self.groups.iter().zip(tagged);
                if let Some((_, Some(tagged))) =
                    groups.find(|(group, _)| words(group).any(|member| member == section.mid))
                {
                    tagged.for_each_port(section, &mut tell);
                }
            } else {
                omitted = omitted.saturating_add(section.for_each_endpoint(&mut tell));
            }
        });
        if !rest.is_empty() {
            omitted = omitted.saturating_add(sections_in(rest));
        }
        omitted.saturating_add(told.saturating_sub(MOST_ENDPOINTS))
    }

    /// The section of each group whose transport all of it share: the first member that has a port.
    #[cold]
    fn tagged(&self) -> [Option<Section<'a>>; MOST_GROUPS] {
        let mut tagged = [(usize::MAX, None); MOST_GROUPS];
        for section in self.sections().filter(|section| section.port != 0) {
            for (group, first) in self.groups.iter().zip(&mut tagged) {
                if let Some(place) = words(group).position(|member| member == section.mid)
                    && place < first.0
                {
                    *first = (place, Some(section));
                }
            }
        }
        tagged.map(|(_, section)| section)
    }
}

/// Number of `m=` lines.
#[cold]
fn sections_in(text: &[u8]) -> u32 {
    let mut lines = Lines::of(text);
    let mut count = 0;
    while let Some((letter, _)) = lines.next() {
        match letter {
            b'm' => count += 1,
            b'v' => break,
            _ => {}
        }
    }
    count
}

/// What blanks separate.
#[inline]
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, after) = word(rest.trim_ascii_start())?;
        rest = after;
        Some(word)
    })
}

/// The word that `text` begins with, and what follows it; none at the end.
#[inline]
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = end_of_word(text);
    text.split_at_checked(end).filter(|_| end != 0)
}

#[cfg(test)]
#[path = "session_description/tests.rs"]
mod tests;

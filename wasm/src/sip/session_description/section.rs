//! Media sections: an `m=` line and the lines behind it that are about it (RFC 8866 section 5.14).

use super::attribute::{Attribute, attribute};
use super::connection::Connection;
use super::endpoint::{Carries, DISCARD};
use super::lines::Lines;
use super::word;
use crate::detect::text_message::{number, split_at};

/// `a=rtpmap` lines of a section that need not be looked for again.
const FEW_MAPS: usize = 6;

/// Kind of media (RFC 8866 section 8.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Media {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Fax (RFC 6466).
    Image,
    /// Text in real time (RFC 4103).
    Text,
    /// Messages (RFC 4975).
    Message,
    /// Data, floor control and the like.
    Application,
    /// Any other.
    #[default]
    Other,
}

/// Which way media go, as seen by who made the description (RFC 8866 section 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// From there only.
    SendOnly,
    /// To there only.
    ReceiveOnly,
    /// None, but RTCP goes on.
    Inactive,
}

/// Transport of a section (IANA's "proto" registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol<'a> {
    /// As written: `RTP/AVP`.
    pub name: &'a [u8],
    /// What it carries; RTCP is not told apart from RTP here.
    pub carries: Carries,
    is_tcp: bool,
    is_secure: bool,
}

impl<'a> Protocol<'a> {
    #[inline]
    fn parse(name: &'a [u8]) -> Self {
        if name == b"RTP/AVP" {
            return Self { name, carries: Carries::Rtp, is_tcp: false, is_secure: false };
        }
        Self::parse_other(name)
    }

    fn parse_other(name: &'a [u8]) -> Self {
        let mut protocol = Self { name, carries: Carries::Other, is_tcp: false, is_secure: false };
        for part in name.split(|octet| *octet == b'/') {
            let is = |wanted: &[u8]| part.eq_ignore_ascii_case(wanted);
            match part.len() {
                3 if is(b"RTP") => protocol.carries = Carries::Rtp,
                5 if is(b"UDPTL") => protocol.carries = Carries::Udptl,
                3 if is(b"TCP") => protocol.is_tcp = true,
                3 if is(b"TLS") => protocol.is_secure = true,
                4 if is(b"DTLS") || is(b"SAVP") => protocol.is_secure = true,
                5 if is(b"SAVPF") => protocol.is_secure = true,
                _ => {}
            }
        }
        protocol
    }

    /// By TCP, not UDP.
    pub fn is_tcp(&self) -> bool {
        self.is_tcp
    }
}

/// What may be said for all sections at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Common<'a> {
    pub(super) connection: Connection<'a>,
    direction: Direction,
    /// Keys or what they are agreed by: `crypto`, `key-mgmt`, `fingerprint`.
    has_keys: bool,
    /// Who begins a connection: that of DTLS, where media go by UDP.
    has_setup: bool,
    has_ice: bool,
}

impl Common<'_> {
    #[inline]
    pub(super) fn read_attribute(&mut self, attribute: Attribute) {
        match attribute {
            Attribute::Direction(direction) => self.direction = direction,
            Attribute::Keys => self.has_keys = true,
            Attribute::Setup => self.has_setup = true,
            Attribute::Ice => self.has_ice = true,
            _ => {}
        }
    }
}

/// Values of one kind of attribute: the first ones, `FEW` of them, and where the others are to be read when they are asked
/// for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a, const FEW: usize> {
    first: [&'a [u8]; FEW],
    /// From the line of the first other one on.
    others: &'a [u8],
    pub(super) count: u16,
}

impl<'a, const FEW: usize> Attributes<'a, FEW> {
    const NONE: Self = Self { first: [&[]; FEW], others: &[], count: 0 };

    /// `here` begins with its line.
    #[inline]
    fn add(&mut self, value: &'a [u8], here: &'a [u8]) {
        match self.first.get_mut(usize::from(self.count)) {
            Some(place) => *place = value,
            None if usize::from(self.count) == FEW => self.others = here,
            None => {}
        }
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values of the first ones, `most` of them.
    #[inline]
    pub(super) fn for_each(&self, kind: Attribute, most: u16, mut found: impl FnMut(&'a [u8])) {
        let count = self.count.min(most);
        self.first.iter().take(count.into()).for_each(|value| found(value));
        let mut left = usize::from(count).saturating_sub(FEW);
        if left == 0 {
            return;
        }
        let mut lines = Lines::of(self.others);
        while left != 0
            && let Some((letter, text)) = lines.next()
        {
            if letter == b'a'
                && let (one, value) = attribute(text)
                && one == kind
            {
                left -= 1;
                found(value);
            }
        }
    }
}

/// A media section.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// 0 for the first.
    pub number: u8,
    /// Kind of media.
    pub media: Media,
    /// Port, the first one if there are several; 0 where there is none that can be read.
    pub port: u16,
    /// How many ports, or pairs of ports for RTP and RTCP: 1 to 255.
    pub ports: u8,
    /// Transport.
    pub protocol: Protocol<'a>,
    /// Formats as written, with blanks between.
    pub formats: &'a [u8],
    /// Where media are sent: of the section, else of the session.
    pub connection: Connection<'a>,
    /// Which way media go: of the section, else of the session.
    pub direction: Direction,
    /// `a=rtcp` (RFC 3605): where RTCP is sent, if the section says so; without an address it is the section's.
    pub rtcp: Option<(Connection<'a>, u16)>,
    /// `a=rtcp-mux` or `a=rtcp-mux-only`: RTCP may come to the port of RTP (RFC 5761).
    pub is_rtcp_mux: bool,
    /// `a=rtcp-mux-only`: it comes nowhere else (RFC 8858).
    pub is_rtcp_mux_only: bool,
    /// `a=bundle-only`: taken only if it shares the transport of its BUNDLE group (RFC 9143 section 6).
    pub is_bundle_only: bool,
    /// `a=mid` (RFC 5888): its name; empty where it has none.
    pub mid: &'a [u8],
    /// `a=ptime`: milliseconds of sound in a packet; 0 where it is not told.
    pub packet_time_ms: u16,
    has_keys: bool,
    has_setup: bool,
    has_ice: bool,
    pub(super) maps: Attributes<'a, FEW_MAPS>,
    pub(super) parameters: Attributes<'a, 0>,
    pub(super) candidates: Attributes<'a, 0>,
    pub(super) path: &'a [u8],
}

impl<'a> Section<'a> {
    /// Takes the section off the front of `rest`, which begins with an `m=` line.
    #[cold]
    pub(super) fn read(rest: &mut &'a [u8], number: u8, common: &Common<'a>) -> Option<Self> {
        let mut lines = Lines::of(rest);
        let (_, value) = lines.next().filter(|(letter, _)| *letter == b'm')?;
        let mut section = Self { number, ..Self::BLANK };
        section.read_lines(value, &mut lines, common);
        *rest = lines.here();
        Some(section)
    }

    /// Of which nothing was read.
    pub(super) const BLANK: Self = Self {
        number: 0,
        media: Media::Other,
        port: 0,
        ports: 1,
        protocol: Protocol { name: &[], carries: Carries::Other, is_tcp: false, is_secure: false },
        formats: &[],
        connection: Connection::Missing,
        direction: Direction::SendReceive,
        rtcp: None,
        is_rtcp_mux: false,
        is_rtcp_mux_only: false,
        is_bundle_only: false,
        mid: &[],
        packet_time_ms: 0,
        has_keys: false,
        has_setup: false,
        has_ice: false,
        maps: Attributes::NONE,
        parameters: Attributes::NONE,
        candidates: Attributes::NONE,
        path: &[],
    };

    /// Reads the section: `value` is that of its `m=` line, which was read last. Goes on up to the next section or another
    /// description. The section is blank.
    pub(super) fn read_lines(&mut self, value: &'a [u8], lines: &mut Lines<'a>, common: &Common<'a>) {
        let MediaLine { media, port, ports, protocol, formats } = MediaLine::parse(value);
        (self.media, self.port, self.ports) = (media, port, ports);
        (self.protocol, self.formats) = (protocol, formats);
        (self.direction, self.has_keys) = (common.direction, common.has_keys);
        (self.has_setup, self.has_ice) = (common.has_setup, common.has_ice);
        while let Some((letter, value)) = lines.next() {
            match letter {
                b'a' => {
                    let (attribute, value) = attribute(value);
                    self.read_attribute(attribute, value, lines);
                }
                b'c' if self.connection == Connection::Missing => self.connection = Connection::parse(value),
                b'm' | b'v' => break,
                _ => {}
            }
        }
        if self.connection == Connection::Missing {
            self.connection = common.connection;
        }
    }

    /// The line of the attribute is the one that was read last.
    #[inline]
    fn read_attribute(&mut self, attribute: Attribute, value: &'a [u8], lines: &Lines<'a>) {
        match attribute {
            Attribute::RtpMap => self.maps.add(value, lines.here()),
            Attribute::FormatParameters => self.parameters.add(value, lines.here()),
            Attribute::Candidate => self.candidates.add(value, lines.here()),
            Attribute::Direction(direction) => self.direction = direction,
            Attribute::Keys => self.has_keys = true,
            Attribute::Setup => self.has_setup = true,
            Attribute::Ice => self.has_ice = true,
            Attribute::PacketTime => {
                self.packet_time_ms = number(value).map_or(0, |time| time.min(u16::MAX.into()) as u16);
            }
            Attribute::Rtcp => self.read_rtcp(value),
            Attribute::RtcpMux => self.is_rtcp_mux = true,
            Attribute::RtcpMuxOnly => (self.is_rtcp_mux, self.is_rtcp_mux_only) = (true, true),
            Attribute::BundleOnly => self.is_bundle_only = true,
            Attribute::Identification => self.mid = value,
            Attribute::Path => self.path = value,
            _ => {}
        }
    }

    /// `53020 IN IP4 126.16.64.4`.
    fn read_rtcp(&mut self, value: &'a [u8]) {
        let (port, address) = split_at(value, b' ').unwrap_or((value, b""));
        if let Some(port) = number(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0) {
            self.rtcp = Some((Connection::parse(address), port));
        }
    }

    /// Offered no more, or not taken (RFC 3264 sections 6 and 8.2): its port is 0, and no BUNDLE group lends it one.
    pub fn is_refused(&self) -> bool {
        self.port == 0 && !self.is_bundle_only
    }

    /// Whether the other side is held: it gets nothing to hear by `sendonly` or `inactive` being asked of it (RFC 3264
    /// section 8.4), or by the unspecified address, as before that RFC. ICE that has no address yet is not meant by that.
    pub fn is_held(&self) -> bool {
        matches!(self.direction, Direction::SendOnly | Direction::Inactive)
            || self.connection == Connection::Unspecified
                && !self.has_ice
                && self.candidates.is_empty()
                && self.port != DISCARD
    }

    /// Media are encrypted, or shall be if the other side agrees: by the transport, or by keys (`crypto`, `key-mgmt`,
    /// `fingerprint`, and `setup` where media go by UDP).
    pub fn is_encrypted(&self) -> bool {
        self.protocol.is_secure || self.has_keys || (self.has_setup && !self.protocol.is_tcp)
    }
}

/// What an `m=` line says.
#[derive(Debug, PartialEq, Eq)]
struct MediaLine<'a> {
    media: Media,
    port: u16,
    ports: u8,
    protocol: Protocol<'a>,
    formats: &'a [u8],
}

impl<'a> MediaLine<'a> {
    #[inline]
    fn parse(value: &'a [u8]) -> Self {
        Self::parse_usual(value).unwrap_or_else(|| Self::parse_any(value))
    }

    /// `audio 49170 RTP/AVP 0 8`, as telephones write it.
    #[inline]
    fn parse_usual(value: &'a [u8]) -> Option<Self> {
        let mut rest = value.strip_prefix(b"audio ")?;
        let mut port = 0u16;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            port = port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))?;
            rest = after;
        }
        // A port of no digits or of more than nine, be they zeros, is none.
        let digits = value.len() - rest.len() - b"audio ".len();
        let formats = rest.strip_prefix(b" RTP/AVP ")?;
        let is_it = (1..=9).contains(&digits) && matches!(formats, [b'!'..=b'~', ..]);
        let protocol = Protocol { name: b"RTP/AVP", carries: Carries::Rtp, is_tcp: false, is_secure: false };
        is_it.then_some(Self { media: Media::Audio, port, ports: 1, protocol, formats })
    }

    #[cold]
    #[inline(never)]
    fn parse_any(value: &'a [u8]) -> Self {
        let mut rest = value;
        let mut next = || {
            let (word, after) = word(rest).unwrap_or_default();
            rest = after.trim_ascii_start();
            word
        };
        let (media, port, protocol) = (next(), next(), next());
        let (port, ports) = port_and_number(port);
        Self { media: kind(media), port, ports, protocol: Protocol::parse(protocol), formats: rest }
    }
}

#[inline]
fn kind(name: &[u8]) -> Media {
    let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    match name.len() {
        5 if is(b"audio") => Media::Audio,
        5 if is(b"video") => Media::Video,
        5 if is(b"image") => Media::Image,
        4 if is(b"text") => Media::Text,
        7 if is(b"message") => Media::Message,
        11 if is(b"application") => Media::Application,
        _ => Media::Other,
    }
}

/// `49170/2`; port 0 where it cannot be read.
fn port_and_number(text: &[u8]) -> (u16, u8) {
    let mut parts = text.split(|octet| *octet == b'/');
    let (port, count) = (parts.next().unwrap_or_default(), parts.next());
    let port = number(port).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    (port, count.and_then(number).map_or(1, |count| count.clamp(1, 255) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_media_lines_are_read_like_all_others() {
        let (mut state, mut usual) = (1u32, 0);
        for _ in 0..200_000 {
            let mut line = b"audio 49170 RTP/AVP 0 8 101".to_vec();
            for _ in 0..state >> 9 & 3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % line.len();
                let octet = [b' ', b'\t', b'/', b'0', b'9', b'x', 0x0c, 0xff][(state >> 5 & 7) as usize];
                if state >> 31 == 0 { line[at] = octet } else { line.insert(at, octet) }
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if let Some(found) = MediaLine::parse_usual(&line) {
                usual += 1;
                assert_eq!(found, MediaLine::parse_any(&line), "{}", line.escape_ascii());
            }
        }
        assert!((50_000..190_000).contains(&usual), "{usual}");
        for port in ["000000001", "0000000001", "65536", "00000", "", "1/2"] {
            let line = format!("audio {port} RTP/AVP 0");
            assert_eq!(MediaLine::parse(line.as_bytes()), MediaLine::parse_any(line.as_bytes()), "{port}");
        }
    }
}

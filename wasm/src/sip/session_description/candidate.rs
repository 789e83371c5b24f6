//! ICE candidates (RFC 8839 section 5.1): further endpoints of a section, one of which will be used.

use super::attribute::Attribute;
use super::connection::Connection;
use super::endpoint::{Carries, DISCARD, Endpoint};
use super::section::Section;
use super::words;
use crate::detect::text_message::number;

/// Most candidates of a section that are told.
const MOST_CANDIDATES: u16 = 32;

/// Tells the candidates of a section. Returns how many were left out.
#[cold]
pub(super) fn for_each(section: &Section, tell: &mut impl FnMut(Endpoint)) -> u32 {
    section.candidates.for_each(Attribute::Candidate, MOST_CANDIDATES, |value| {
        if let Some(endpoint) = parse(value, section) {
            tell(endpoint);
        }
    });
    section.candidates.count.saturating_sub(MOST_CANDIDATES).into()
}

/// `1 1 UDP 2130706431 203.0.113.141 8998 typ host`: foundation, component, transport, priority, address, port. Names,
/// which stand for addresses that are not told, are none.
fn parse(value: &[u8], section: &Section) -> Option<Endpoint> {
    let mut words = words(value);
    let (_, component, transport, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let address = Connection::parse(words.next()?).address()?;
    let port = number(words.next()?).and_then(|port| u16::try_from(port).ok())?;
    let is_tcp = match transport {
        _ if transport.eq_ignore_ascii_case(b"UDP") => false,
        _ if transport.get(..3)?.eq_ignore_ascii_case(b"TCP") => true,
        _ => return None,
    };
    let carries = match (section.protocol.carries, component) {
        (Carries::Rtp, b"2") => Carries::Rtcp,
        (Carries::Rtp, _) if section.is_rtcp_mux => Carries::RtpAndRtcp,
        (carries, _) => carries,
    };
    let (media, section) = (section.media, section.number);
    (port != 0 && port != DISCARD).then_some(Endpoint {
        address,
        port,
        carries,
        media,
        section,
        is_tcp,
        is_fallback: false,
    })
}

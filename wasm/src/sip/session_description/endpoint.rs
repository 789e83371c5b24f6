//! Addresses and ports that media come to.

use super::candidate;
use super::connection::{Connection, above};
use super::section::{Media, Protocol, Section};
use crate::detect::text_message::{number, split_at};
use crate::net::Address;

/// Most ports of a section, or multicast addresses, that are told.
const MOST_PORTS: u8 = 8;
/// The discard port: stands where a port must be written and none is open (RFC 4145 section 4.1, RFC 8839).
pub(super) const DISCARD: u16 = 9;

/// What comes to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// Both on one port (RFC 5761).
    RtpAndRtcp,
    /// T.38 fax packets.
    Udptl,
    /// Something else.
    Other,
}

/// An address and port that the party who made a description listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Never unspecified.
    pub address: Address,
    /// Never 0, never 9.
    pub port: u16,
    /// What comes there.
    pub carries: Carries,
    /// The kind of media of the section.
    pub media: Media,
    /// Number of the section: 0 for the first.
    pub section: u8,
    /// It is reached by TCP, not UDP.
    pub is_tcp: bool,
    /// RTCP comes here only if the other side does not multiplex it with RTP (RFC 5761 section 5.1.1), and the
    /// description does not name the port: somebody else may have it.
    pub is_fallback: bool,
}

impl<'a> Section<'a> {
    /// Those of the section itself. Returns how many were left out.
    pub(super) fn for_each_endpoint(&self, tell: &mut impl FnMut(Endpoint)) -> u32 {
        if self.is_refused() {
            return 0;
        }
        let omitted = self.for_each_port(self, tell);
        if !self.path.is_empty() {
            self.tell_path(tell);
        }
        if self.candidates.is_empty() {
            omitted
        } else {
            omitted.saturating_add(candidate::for_each(self, tell))
        }
    }

    /// Endpoints of this section's `c=`, `m=` and `a=rtcp` lines, for `user`, which is this section or bundled with it.
    /// Returns how many were left out.
    pub(super) fn for_each_port(&self, user: &Section<'a>, tell: &mut impl FnMut(Endpoint)) -> u32 {
        let (media, section, is_tcp) = (user.media, user.number, self.protocol.is_tcp());
        let mut put = |address, port, carries, is_fallback| {
            if port != 0 && port != DISCARD {
                tell(Endpoint { address, port, carries, media, section, is_tcp, is_fallback });
            }
        };
        let Protocol { carries, .. } = self.protocol;
        let is_rtp = carries == Carries::Rtp && !is_tcp;
        if let Some((address, port)) = self.rtcp
            && let Some(address) = address.address().or_else(|| self.connection.address())
            && is_rtp
            && port != self.port
        {
            put(address, port, Carries::Rtcp, false);
        }
        let Connection::Address { first, count } = self.connection else { return 0 };
        let wanted = self.ports.max(count);
        for step in 0..wanted.min(MOST_PORTS) {
            let address = if count > 1 { above(first, step.min(count - 1)) } else { first };
            let distance = if self.ports > 1 { u16::from(step.min(self.ports - 1)) } else { 0 };
            let Some(port) = self.port.checked_add(distance * if is_rtp { 2 } else { 1 }) else { break };
            let named = self.rtcp.filter(|_| step == 0).map(|(_, port)| port);
            if !is_rtp {
                put(address, port, carries, false);
                continue;
            }
            let is_shared = self.is_rtcp_mux || named == Some(port);
            put(address, port, if is_shared { Carries::RtpAndRtcp } else { Carries::Rtp }, false);
            // RTCP is on the port after it (RFC 8866 section 5.14), unless said otherwise.
            if named.is_none() && !self.is_rtcp_mux_only {
                put(address, port.wrapping_add(1), Carries::Rtcp, is_shared);
            }
        }
        wanted.saturating_sub(MOST_PORTS).into()
    }

    /// `msrp://192.0.2.1:7654/jshA7we;tcp`: the one that counts in `a=path` is the first (RFC 4975 section 8.1).
    #[cold]
    fn tell_path(&self, tell: &mut impl FnMut(Endpoint)) {
        let Some((scheme, rest)) = split_at(self.path, b':') else { return };
        let is_msrp = scheme.eq_ignore_ascii_case(b"msrp") || scheme.eq_ignore_ascii_case(b"msrps");
        let Some(rest) = rest.strip_prefix(b"//").filter(|_| is_msrp) else { return };
        let authority = rest.split(|octet| b"/; \t".contains(octet)).next().unwrap_or_default();
        let authority = split_at(authority, b'@').map_or(authority, |(_, host)| host);
        let Some(colon) = memchr::memrchr(b':', authority) else { return };
        let (host, port) = authority.split_at_checked(colon).unwrap_or_default();
        let port = number(port.get(1..).unwrap_or_default()).and_then(|port| u16::try_from(port).ok());
        let Some(address) = Connection::parse(host).address() else { return };
        let Some(port) = port.filter(|port| *port != 0 && *port != DISCARD) else { return };
        if port == self.port && Some(address) == self.connection.address() {
            return;
        }
        tell(Endpoint {
            address,
            port,
            carries: self.protocol.carries,
            media: self.media,
            section: self.number,
            is_tcp: self.protocol.is_tcp(),
            is_fallback: false,
        });
    }
}

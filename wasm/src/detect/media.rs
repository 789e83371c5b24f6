//! Media endpoints that signalling announced: where an RTP, RTCP or UDPTL stream will arrive, and for which call.
//!
//! Session descriptions are read here as far as that needs it: connection data, media ports, `rtcp` and `rtcp-mux`
//! (RFC 8866, RFC 3605, RFC 5761, T.38 annex D).

use std::hash::Hasher;
use std::net::IpAddr;

use super::text_message::{number, split_at, split_at_blank};
use super::{Carrier, Facts, Payload};
use crate::bounded::{BoundedMap, MixHasher};
use crate::net::Address;

/// Most endpoints that are remembered, and most calls.
const CAPACITY: usize = 100_000;
/// Life in nanoseconds of an endpoint that nothing uses or announces again: the usual session interval (RFC 4028
/// section 4.2).
const LIFE_NS: i64 = 1_800_000_000_000;
/// Media go on for at most so long after a BYE, in nanoseconds: its transaction may take that long (RFC 3261 timer F).
const AFTER_BYE_NS: i64 = 32_000_000_000;
/// Bytes of a Call-ID that are remembered.
const MOST_CALL_ID: usize = 256;
/// Most streams of one description.
const MOST_STREAMS: usize = 64;
/// Most port pairs of one stream (`m=audio 49170/2`).
const MOST_PORT_PAIRS: u32 = 8;

/// What will arrive at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// RTP or SRTP, and RTCP if they share the port.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// T.38 fax packets over UDPTL.
    Udptl,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Endpoint {
    address: u128,
    version_and_port: u32,
}

impl Endpoint {
    fn new(address: &Address, port: u16) -> Self {
        Self {
            address: address.bits(),
            version_and_port: u32::from(address.version()) << 16 | u32::from(port),
        }
    }
}

struct Announcement {
    kind: MediaKind,
    /// Key of the call, if it has one.
    call: Option<u64>,
    used_ns: i64,
}

#[derive(Default)]
struct Call {
    id: Vec<u8>,
    ends_ns: i64,
}

/// The announced endpoints: at most 100,000, the one used longest ago is forgotten first.
pub struct MediaIndex {
    endpoints: BoundedMap<Endpoint, Announcement>,
    calls: BoundedMap<u64, Call>,
    generation: u32,
    has_udptl: bool,
}

impl Default for MediaIndex {
    fn default() -> Self {
        Self {
            endpoints: BoundedMap::new(CAPACITY),
            calls: BoundedMap::new(CAPACITY),
            generation: 0,
            has_udptl: false,
        }
    }
}

impl MediaIndex {
    /// Changes whenever an endpoint is announced that was not known: a flow whose endpoints were looked up in this
    /// generation need not be looked up again.
    #[inline]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether UDPTL was ever announced.
    #[inline]
    pub fn has_udptl(&self) -> bool {
        self.has_udptl
    }

    /// Endpoints and calls that were forgotten for want of room.
    pub fn evictions(&self) -> u64 {
        self.endpoints.evictions().saturating_add(self.calls.evictions())
    }

    /// What was announced for the destination of a packet, else for its source; endpoint and call live on for having been
    /// asked for.
    pub fn find(&mut self, payload: &Payload) -> Option<MediaKind> {
        let [first, second] = self.ends(payload)?;
        let now_ns = payload.timestamp_ns;
        let (kind, call) = self.look_up(first, now_ns).or_else(|| self.look_up(second, now_ns))?;
        if let Some(call) = call {
            self.calls.touch(&call);
        }
        Some(kind)
    }

    /// What [`find`](Self::find) would find, with the Call-ID if there is one. Changes nothing: it is asked for packets
    /// that somebody looks at, and what is recognised later must not depend on that.
    pub fn find_call(&self, payload: &Payload) -> Option<(MediaKind, Option<&[u8]>)> {
        let found = self.ends(payload)?.into_iter().find_map(|endpoint| {
            self.endpoints.get(&endpoint).filter(|found| !self.is_over(found, payload.timestamp_ns))
        })?;
        let call = found.call.and_then(|call| self.calls.get(&call));
        Some((found.kind, call.map(|call| call.id.as_slice())))
    }

    /// Destination and source of a packet, if anything was announced.
    fn ends(&self, payload: &Payload) -> Option<[Endpoint; 2]> {
        let ip = payload.ip.filter(|_| payload.carrier == Carrier::Udp && !self.endpoints.is_empty())?;
        Some([
            Endpoint::new(&ip.destination, payload.destination_port),
            Endpoint::new(&ip.source, payload.source_port),
        ])
    }

    fn is_over(&self, found: &Announcement, now_ns: i64) -> bool {
        now_ns.saturating_sub(found.used_ns) > LIFE_NS
            || found.call.is_some_and(|call| self.calls.get(&call).is_none_or(|call| now_ns > call.ends_ns))
    }

    fn look_up(&mut self, endpoint: Endpoint, now_ns: i64) -> Option<(MediaKind, Option<u64>)> {
        if self.is_over(self.endpoints.get(&endpoint)?, now_ns) {
            self.endpoints.remove(&endpoint);
            return None;
        }
        let used = self.endpoints.touch(&endpoint)?;
        used.used_ns = now_ns;
        Some((used.kind, used.call))
    }

    /// Remembers one endpoint. Port 0 and the unspecified address announce nothing. An empty `call_id` is none: then
    /// the endpoint stays with the call that it had, as where a gateway is told to open what SIP negotiated.
    pub fn announce(&mut self, address: &Address, port: u16, kind: MediaKind, call_id: &[u8], now_ns: i64) {
        if port == 0 || address.bits() == 0 {
            return;
        }
        let endpoint = Endpoint::new(address, port);
        self.endpoints.pop_oldest_if(|_, oldest| now_ns.saturating_sub(oldest.used_ns) > LIFE_NS);
        let call = match call_id {
            [] => self.look_up(endpoint, now_ns).and_then(|(_, call)| call),
            _ => Some(self.begin_call(call_id)),
        };
        let known = self.endpoints.get(&endpoint).map(|known| (known.kind, known.call));
        if known != Some((kind, call)) {
            self.generation = self.generation.wrapping_add(1);
        }
        self.has_udptl |= kind == MediaKind::Udptl;
        self.endpoints.insert(endpoint, Announcement { kind, call, used_ns: now_ns });
    }

    fn begin_call(&mut self, call_id: &[u8]) -> u64 {
        let id = call_id.get(..MOST_CALL_ID).unwrap_or(call_id);
        let key = call_key(id);
        let call = self.calls.touch_or_insert_with(key, Option::unwrap_or_default);
        if call.id != id {
            call.id.clear();
            call.id.extend_from_slice(id);
        }
        call.ends_ns = i64::MAX;
        key
    }

    /// Notes that a BYE was sent: the endpoints of the call are forgotten soon, unless they are announced again.
    pub fn end_call(&mut self, call_id: &[u8], now_ns: i64) {
        let id = call_id.get(..MOST_CALL_ID).unwrap_or(call_id);
        if let Some(call) = self.calls.get_mut(&call_key(id)) {
            call.ends_ns = call.ends_ns.min(now_ns.saturating_add(AFTER_BYE_NS));
        }
    }

    /// Remembers the endpoints of a session description.
    pub fn announce_sdp(&mut self, sdp: &[u8], call_id: &[u8], now_ns: i64) {
        let mut session = None;
        let mut stream: Option<Stream> = None;
        let mut streams = 0;
        for line in sdp.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
            match (line.split_at_checked(2), &mut stream) {
                (Some((b"m=", value)), _) => {
                    self.announce_stream(stream.take(), call_id, now_ns);
                    streams += 1;
                    if streams > MOST_STREAMS {
                        return;
                    }
                    stream = Some(Stream::parse(value, session));
                }
                (Some((b"c=", value)), None) => session = connection_address(value),
                (Some((b"c=", value)), Some(stream)) => stream.address = connection_address(value),
                (Some((b"a=", value)), Some(stream)) => stream.read_attribute(value),
                _ => {}
            }
        }
        self.announce_stream(stream, call_id, now_ns);
    }

    fn announce_stream(&mut self, stream: Option<Stream>, call_id: &[u8], now_ns: i64) {
        let Some(Stream { kind: Some(kind), address: Some(address), port, pairs, rtcp }) = stream else {
            return;
        };
        if kind == MediaKind::Udptl {
            return self.announce(&address, port, kind, call_id, now_ns);
        }
        // RTP on the even port of each pair, RTCP on the one after it (RFC 8866 section 5.14), unless said otherwise.
        for port in (0..pairs).map_while(|pair| port.checked_add(pair as u16 * 2)).filter(|port| *port != 0) {
            let (rtcp_address, rtcp_port) = rtcp.unwrap_or((None, port.wrapping_add(1)));
            if rtcp_port != port {
                let address = rtcp_address.unwrap_or(address);
                self.announce(&address, rtcp_port, MediaKind::Rtcp, call_id, now_ns);
            }
            self.announce(&address, port, kind, call_id, now_ns);
        }
    }
}

/// Keeps the endpoint of a running stream alive: at one sequence number in 64, which is every second or so of voice.
#[inline]
pub(super) fn keep_endpoint(index: &mut MediaIndex, payload: &Payload, sequence_low: u8) {
    if sequence_low & 63 == 0 {
        keep_endpoint_now(index, payload);
    }
}

#[cold]
fn keep_endpoint_now(index: &mut MediaIndex, payload: &Payload) {
    index.find(payload);
}

/// Says in the facts of a media packet which call it belongs to.
pub(super) fn put_call(index: &MediaIndex, payload: &Payload, facts: &mut Facts) {
    let Some((_, call_id)) = index.find_call(payload) else { return };
    facts.put_flag("sip_correlated", call_id.is_some());
    if let Some(call_id) = call_id {
        facts.put("call_id", call_id);
    }
}

/// The session description in a message body, alone or as a part of several (RFC 5621).
pub(crate) fn find_sdp(body: &[u8]) -> Option<&[u8]> {
    if body.starts_with(b"v=0") {
        return Some(body);
    }
    memchr::memmem::find(body, b"\nv=0").and_then(|at| body.get(at + 1..))
}

fn call_key(id: &[u8]) -> u64 {
    let mut hasher = MixHasher::default();
    hasher.write(id);
    hasher.finish()
}

/// A media description being read.
struct Stream {
    kind: Option<MediaKind>,
    address: Option<Address>,
    port: u16,
    pairs: u32,
    /// `a=rtcp`: its port, and its address if that is another.
    rtcp: Option<(Option<Address>, u16)>,
}

impl Stream {
    /// `audio 49170/2 RTP/AVP 0 8`.
    fn parse(value: &[u8], address: Option<Address>) -> Self {
        let mut words = value.split(|byte| *byte == b' ');
        let (_, port, protocol) = (words.next(), words.next(), words.next());
        let (port, pairs) = match port.map(|port| split_at(port, b'/').unwrap_or((port, b"1"))) {
            Some((port, pairs)) => (port_number(port), number(pairs).unwrap_or(1).min(MOST_PORT_PAIRS)),
            None => (None, 0),
        };
        let kind = protocol.and_then(media_kind).filter(|_| port.is_some());
        Self { kind, address, port: port.unwrap_or(0), pairs, rtcp: None }
    }

    /// `rtcp:53020 IN IP4 126.16.64.4`; `rtcp-mux` leaves the default, to which the other side may fall back.
    fn read_attribute(&mut self, value: &[u8]) {
        let Some(value) = value.strip_prefix(b"rtcp:") else { return };
        let (port, address) = split_at_blank(value).unwrap_or((value, b""));
        if let Some(port) = port_number(port.trim_ascii()) {
            self.rtcp = Some((connection_address(address), port));
        }
    }
}

fn port_number(digits: &[u8]) -> Option<u16> {
    number(digits).and_then(|port| u16::try_from(port).ok())
}

/// What a transport protocol of a media description carries over UDP (IANA "proto" registry).
fn media_kind(protocol: &[u8]) -> Option<MediaKind> {
    let is_in = |list: &[&[u8]]| list.iter().any(|one| one.eq_ignore_ascii_case(protocol));
    let rtp: &[&[u8]] = &[
        b"RTP/AVP",
        b"RTP/SAVP",
        b"RTP/AVPF",
        b"RTP/SAVPF",
        b"UDP/TLS/RTP/SAVP",
        b"UDP/TLS/RTP/SAVPF",
        b"RTP",
    ];
    match () {
        () if is_in(rtp) => Some(MediaKind::Rtp),
        () if is_in(&[b"udptl", b"UDP/TLS/UDPTL"]) => Some(MediaKind::Udptl),
        () => None,
    }
}

/// `IN IP4 224.2.1.1/127/3`; no address where it is a name, or one that nothing is sent to.
fn connection_address(value: &[u8]) -> Option<Address> {
    let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (_, _, address) = (words.next(), words.next(), words.next()?);
    let address = split_at(address, b'/').map_or(address, |(address, _)| address);
    parse_address(address)
}

/// An address in text form.
pub(super) fn parse_address(text: &[u8]) -> Option<Address> {
    match str::from_utf8(text).ok()?.parse().ok()? {
        IpAddr::V4(address) => Some(Address::v4(address.octets())),
        IpAddr::V6(address) => Some(Address::v6(address.octets())),
    }
}

#[cfg(test)]
#[path = "tests/media.rs"]
mod tests;

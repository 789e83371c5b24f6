//! Media endpoints that signalling announced: where an RTP, RTCP or UDPTL stream will arrive, and for which call.

use std::hash::Hasher;

use super::{Carrier, Facts, Payload};
use crate::bounded::{BoundedMap, MixHasher};
use crate::net::Address;
use crate::sip::session_description::{Carries, Description};

/// Most endpoints that are remembered, and most calls.
const CAPACITY: usize = 100_000;
/// Life in nanoseconds of an endpoint that nothing uses or announces again: the usual session interval (RFC 4028
/// section 4.2).
const LIFE_NS: i64 = 1_800_000_000_000;
/// Media go on for at most so long after a BYE, in nanoseconds: its transaction may take that long (RFC 3261 timer F).
const AFTER_BYE_NS: i64 = 32_000_000_000;
/// Bytes of a Call-ID that are remembered.
const MOST_CALL_ID: usize = 256;

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

    /// Remembers the endpoints of a session description that are reached by UDP.
    pub fn announce_sdp(&mut self, sdp: &[u8], call_id: &[u8], now_ns: i64) {
        Description::parse(sdp).for_each_endpoint(&mut |endpoint| {
            let kind = match endpoint.carries {
                Carries::Rtp | Carries::RtpAndRtcp => MediaKind::Rtp,
                Carries::Rtcp => MediaKind::Rtcp,
                Carries::Udptl => MediaKind::Udptl,
                Carries::Other => return,
            };
            if !endpoint.is_tcp {
                self.announce(&endpoint.address, endpoint.port, kind, call_id, now_ns);
            }
        });
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

#[cfg(test)]
#[path = "tests/media.rs"]
mod tests;

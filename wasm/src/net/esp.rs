//! Removal of ESP around plain packets: ESP (RFC 4303) with NULL encryption (RFC 2410), directly in IP or in UDP port
//! 4500 (RFC 3948), in transport and in tunnel mode.
//!
//! Nothing in an ESP packet says that it is not encrypted, so it is told from what it holds. First rule that fits:
//!
//! 1. The trailer test: pad bytes 1, 2, .. up to the pad length, and a Next Header that the beginning of the payload
//!    bears out (UDP length, TCP header, IP version and length). The size of the ICV is the one that is set, else the
//!    security association's last one, else one of 12, 16, 8, 0, 24, 32 (of several that fit, one with a right
//!    transport checksum). Where the payload itself says how long it is, any size up to 64 fits.
//! 2. With `heuristic`: UDP or TCP that begins like a SIP message, whatever the trailer; UDP that looks like RTP and a
//!    trailer that fits but for the pad bytes.
//! 3. A security association known by rule 2 alone: its protocol, then the other one, by their length fields.
//!
//! A security association of which 32 packets failed and none was certain counts as encrypted for a while. What fits no
//! rule is left as it is.

#[cfg(test)]
mod tests;

use super::rewrite::{self, HeaderChain, Layers, fold, sum};
use super::{Address, Fragment, IpHeader, Packet, Transport, protocol};
use crate::bounded::BoundedMap;

const ESP: u8 = 50;
const IPV4: u8 = 4;
const IPV6: u8 = 41;
/// UDP port of IKE and ESP behind address translators (RFC 3948).
const NAT_TRAVERSAL_PORT: u16 = 4500;
const UDP_HEADER_LENGTH: usize = 8;
const TCP_HEADER_LENGTH: usize = 20;
/// SPI and sequence number.
const ESP_HEADER_LENGTH: usize = 8;
/// Pad length and next header.
const TRAILER_LENGTH: usize = 2;
/// ICV sizes that are tried (RFC 2403, 2404, 4868, 4543), the most usual first.
const ICV_SIZES: [u8; 6] = [12, 16, 8, 0, 24, 32];
/// Largest ICV that is believed.
const MOST_ICV: usize = 64;
/// Security associations remembered.
const MOST_ASSOCIATIONS: usize = 16_384;
/// How long one is remembered after its last packet that fit, nanoseconds.
const LIFETIME_NS: u64 = 300_000_000_000;
/// Packets that may fail before an association counts as encrypted.
const MOST_FAILURES: u8 = 32;

/// How ESP with NULL encryption is told from encrypted ESP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EspOptions {
    /// Judge by the trailer.
    pub null: bool,
    /// Judge by the trailer and by content (SIP, RTP).
    pub heuristic: bool,
    /// Size of the ICV in bytes, where it is known; other sizes are then not tried.
    pub icv_size: Option<u8>,
}

/// What an [`EspNull`] counts; each only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EspCounters {
    /// ESP packets unwrapped because of their trailer.
    pub unwrapped_by_trailer: u64,
    /// ESP packets unwrapped because of their content.
    pub unwrapped_by_content: u64,
    /// ESP packets unwrapped because others of their security association were.
    pub unwrapped_by_association: u64,
    /// ESP packets left as they are: encrypted, of another protocol, or cut.
    pub left: u64,
    /// Security associations forgotten for want of room.
    pub association_evictions: u64,
}

/// What is known of the packets to one address with one SPI.
#[derive(Clone, Copy, Default)]
struct Association {
    fit_ns: i64,
    protocol: u8,
    /// ICV size, where the trailer told it.
    icv: Option<u8>,
    /// Packets in a row that fit.
    fits: u8,
    failures: u8,
    certain: bool,
}

/// A packet found in an ESP packet.
#[derive(Clone, Copy)]
struct Inner {
    protocol: u8,
    /// Length in bytes, from the beginning of the ESP payload.
    length: usize,
    icv: Option<u8>,
    /// Whether it can not be chance.
    certain: bool,
}

#[derive(Clone, Copy)]
enum Rule {
    Trailer,
    Content,
    Association,
}

/// Takes plain packets out of ESP. Allocates nothing until the first one.
pub struct EspNull {
    options: EspOptions,
    associations: BoundedMap<(Address, u32), Association>,
    frame: Vec<u8>,
    link_type: u32,
    counters: EspCounters,
}

impl EspNull {
    /// A machine that knows no security association yet.
    pub fn new(options: EspOptions) -> Self {
        Self {
            options,
            associations: BoundedMap::new(MOST_ASSOCIATIONS),
            frame: Vec::new(),
            link_type: 0,
            counters: EspCounters::default(),
        }
    }

    /// Unwraps a `packet`, decoded from `frame`, whose payload is an ESP header or that of UDP port 4500. With `true`,
    /// [`EspNull::frame`] has the packet in it; `false` for what is no ESP, encrypted, a fragment, or cut.
    pub fn unwrap(&mut self, packet: &Packet<'_>, frame: &[u8], link_type: u32, timestamp_ns: i64) -> bool {
        if !(self.options.null || self.options.heuristic) {
            return false;
        }
        let (Some(ip), Some(chain)) = (&packet.ip, esp_header_chain(packet, frame)) else { return false };
        let Some((&[s0, s1, s2, s3, ..], payload)) = packet.payload.split_first_chunk::<ESP_HEADER_LENGTH>()
        else {
            return false;
        };
        let spi = u32::from_be_bytes([s0, s1, s2, s3]);
        // SPI 0 is for local use (RFC 4303 section 2.1); in UDP it marks IKE.
        if spi == 0 {
            return false;
        }
        let layers =
            Layers { link_type, link_length: packet.link_length, network_offset: packet.network_offset };
        let key = (ip.destination, spi);
        let association = self.association(&key, timestamp_ns);
        let found = if packet.is_complete() { self.find(ip, payload, &association) } else { None };
        let unwrapped = found.filter(|(inner, _)| self.rewrite(frame, layers, &chain, payload, inner));
        self.learn(key, association, unwrapped, timestamp_ns);
        unwrapped.is_some()
    }

    /// The frame that [`EspNull::unwrap`] made, with link layer and IP header of the one it took; a tunnel around them
    /// is left out.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Its link type: that of the frame it was made of, unless that is for one IP version alone and was in a tunnel.
    pub fn link_type(&self) -> u32 {
        self.link_type
    }

    /// What happened so far.
    pub fn counters(&self) -> EspCounters {
        EspCounters { association_evictions: self.associations.evictions(), ..self.counters }
    }

    fn association(&self, key: &(Address, u32), now_ns: i64) -> Association {
        match self.associations.get(key) {
            Some(association) if now_ns.abs_diff(association.fit_ns) < LIFETIME_NS => *association,
            _ => Association { fit_ns: now_ns, ..Association::default() },
        }
    }

    fn learn(
        &mut self,
        key: (Address, u32),
        mut association: Association,
        unwrapped: Option<(Inner, Rule)>,
        now_ns: i64,
    ) {
        let counters = &mut self.counters;
        match unwrapped {
            Some((_, Rule::Association)) => {
                counters.unwrapped_by_association += 1;
                return;
            }
            Some((inner, rule)) => {
                match rule {
                    Rule::Content => counters.unwrapped_by_content += 1,
                    _ => counters.unwrapped_by_trailer += 1,
                }
                association.fits = association.fits.saturating_add(1);
                association.failures = 0;
                association.fit_ns = now_ns;
                association.protocol = inner.protocol;
                association.icv = inner.icv.or(association.icv);
                association.certain |= inner.certain || association.fits >= 2;
            }
            None => {
                counters.left += 1;
                association.fits = 0;
                association.failures = association.failures.saturating_add(1);
            }
        }
        self.associations.insert(key, association);
    }

    fn find(&self, ip: &IpHeader, payload: &[u8], association: &Association) -> Option<(Inner, Rule)> {
        let encrypted = !association.certain && association.failures >= MOST_FAILURES;
        if !encrypted && let Some(inner) = self.by_trailer(ip, payload, association) {
            return Some((inner, Rule::Trailer));
        }
        if self.options.heuristic
            && let Some(inner) = self.udp_by_content(payload).or_else(|| self.tcp_by_content(payload))
        {
            return Some((inner, Rule::Content));
        }
        // A trailer of known shape that does not fit means a protocol that is none of ours.
        if !association.certain || association.icv.is_some() {
            return None;
        }
        let inner = match association.protocol {
            protocol::UDP => udp_by_length(payload).or_else(|| self.tcp_by_header(payload)),
            protocol::TCP => self.tcp_by_header(payload).or_else(|| udp_by_length(payload)),
            _ => None,
        };
        inner.map(|inner| (inner, Rule::Association))
    }

    fn by_trailer(&self, ip: &IpHeader, payload: &[u8], association: &Association) -> Option<Inner> {
        let mut best = None;
        for icv in
            association.icv.filter(|_| self.options.icv_size.is_none()).into_iter().chain(self.icv_sizes())
        {
            let Some(mut inner) = inner_before_trailer(payload, icv) else { continue };
            inner.certain |= checksum_holds(ip, payload, &inner);
            if inner.certain {
                return Some(inner);
            }
            best = best.or(Some(inner));
        }
        inner_by_own_length(payload).filter(|inner| self.icv_may_be(inner.icv)).or(best)
    }

    fn icv_sizes(&self) -> impl Iterator<Item = u8> {
        let fixed = self.options.icv_size;
        let tried = if fixed.is_none() { &ICV_SIZES[..] } else { &[] };
        fixed.into_iter().chain(tried.iter().copied())
    }

    fn icv_may_be(&self, icv: Option<u8>) -> bool {
        self.options.icv_size.is_none_or(|fixed| icv == Some(fixed))
    }

    fn udp_by_content(&self, payload: &[u8]) -> Option<Inner> {
        let inner = udp_by_length(payload)?;
        let body = payload.get(UDP_HEADER_LENGTH..inner.length)?;
        if looks_like_sip(body) {
            return Some(Inner { certain: true, ..inner });
        }
        // Pad bytes are not looked at here, since some senders make them all zero.
        let icv = self
            .icv_sizes()
            .find(|icv| trailer(payload, (*icv).into()) == Some((protocol::UDP, inner.length)))?;
        (body.len() >= 12 && body.first()? >> 6 == 2).then_some(Inner { icv: Some(icv), ..inner })
    }

    fn tcp_by_content(&self, payload: &[u8]) -> Option<Inner> {
        let inner = self.tcp_by_header(payload)?;
        let body = payload.get(tcp_header_length(payload)?..inner.length)?;
        looks_like_sip(body).then_some(Inner { certain: true, ..inner })
    }

    /// A TCP segment that ends at a trailer of whatever ICV size, or, without one, at the end.
    fn tcp_by_header(&self, payload: &[u8]) -> Option<Inner> {
        tcp_header_length(payload)?;
        let all = (0..=MOST_ICV as u8).step_by(4).filter(|_| self.options.icv_size.is_none());
        let inner = self
            .icv_sizes()
            .chain(all)
            .filter_map(|icv| inner_before_trailer(payload, icv))
            .find(|inner| inner.protocol == protocol::TCP);
        Some(inner.unwrap_or(Inner {
            protocol: protocol::TCP,
            length: payload.len(),
            icv: None,
            certain: false,
        }))
    }

    /// Puts the inner packet behind the headers that were in front of ESP.
    fn rewrite(
        &mut self,
        frame: &[u8],
        layers: Layers,
        chain: &HeaderChain,
        payload: &[u8],
        inner: &Inner,
    ) -> bool {
        self.try_rewrite(frame, layers, chain, payload, inner).is_some()
    }

    fn try_rewrite(
        &mut self,
        frame: &[u8],
        layers: Layers,
        chain: &HeaderChain,
        payload: &[u8],
        inner: &Inner,
    ) -> Option<()> {
        let network_offset = layers.network_offset as usize;
        let headers = frame.get(network_offset..chain.at)?;
        let ip_length = headers.len() + inner.length;
        let out = &mut self.frame;
        self.link_type = rewrite::write_link_layer(frame, layers, ip_length, out)?;
        let ip_start = out.len();
        out.extend_from_slice(headers);
        *out.get_mut((ip_start + chain.named_at).checked_sub(network_offset)?)? = inner.protocol;
        out.extend_from_slice(payload.get(..inner.length)?);
        if !rewrite::set_ip_length(out.get_mut(ip_start..)?, ip_length) {
            return None;
        }
        let transport = super::decode(self.link_type, out).transport;
        match inner.protocol {
            protocol::UDP => transport == Transport::Udp,
            protocol::TCP => transport == Transport::Tcp,
            _ => true,
        }
        .then_some(())
    }
}

/// The headers in front of an ESP header, or in front of the UDP header around it, if that is what the payload is.
fn esp_header_chain(packet: &Packet<'_>, frame: &[u8]) -> Option<HeaderChain> {
    if packet.fragment != Fragment::None {
        return None;
    }
    let chain = rewrite::header_chain(frame, packet.network_offset as usize)?;
    let at = packet.payload_offset as usize;
    let in_udp = || [packet.source_port, packet.destination_port].contains(&NAT_TRAVERSAL_PORT);
    match chain.header {
        ESP if chain.at == at => Some(chain),
        protocol::UDP if chain.at + UDP_HEADER_LENGTH == at && in_udp() => Some(chain),
        _ => None,
    }
}

/// Next header and inner length that a trailer in front of an ICV of `icv` bytes would mean; pad bytes unseen.
fn trailer(payload: &[u8], icv: usize) -> Option<(u8, usize)> {
    let &[.., pad_length, next_header] = payload.get(..payload.len().checked_sub(icv)?)? else { return None };
    let length = payload.len().checked_sub(icv + TRAILER_LENGTH + usize::from(pad_length))?;
    (length != 0).then_some((next_header, length))
}

/// The trailer test with an ICV of `icv` bytes.
fn inner_before_trailer(payload: &[u8], icv: u8) -> Option<Inner> {
    let (next_header, end) = trailer(payload, icv.into())?;
    let pad_end = payload.len().checked_sub(usize::from(icv) + TRAILER_LENGTH)?;
    if !payload.get(end..pad_end)?.iter().zip(1..=u8::MAX).all(|(pad, expected)| *pad == expected) {
        return None;
    }
    let plain = payload.get(..end)?;
    let inner = |length, certain| Inner { protocol: next_header, length, icv: Some(icv), certain };
    match next_header {
        // Longer padding than the trailer's may follow the datagram (RFC 4303 section 2.7).
        protocol::UDP => {
            let length = udp_length(plain)?;
            (length <= end).then(|| inner(length, length == end))
        }
        protocol::TCP => tcp_header_length(plain).map(|_| inner(end, false)),
        IPV4 | IPV6 => (ip_length(plain, next_header)? == end).then(|| inner(end, true)),
        _ => None,
    }
}

/// The trailer test from the front, with the length that the packet in it has by its own account: any ICV size.
fn inner_by_own_length(payload: &[u8]) -> Option<Inner> {
    [protocol::UDP, IPV4, IPV6].into_iter().find_map(|next_header| {
        let length =
            if next_header == protocol::UDP { udp_length(payload) } else { ip_length(payload, next_header) }?;
        let rest = payload.get(length..)?;
        let pads = rest.iter().zip(1..=u8::MAX).take_while(|(pad, expected)| *pad == expected).count();
        let &[pad_length, found, ref icv @ ..] = rest.get(pads..)? else { return None };
        (usize::from(pad_length) == pads && found == next_header && icv.len() <= MOST_ICV).then_some(Inner {
            protocol: next_header,
            length,
            icv: Some(icv.len() as u8),
            certain: true,
        })
    })
}

/// A UDP datagram as far as its length says.
fn udp_by_length(payload: &[u8]) -> Option<Inner> {
    let length = udp_length(payload)?;
    (length + TRAILER_LENGTH <= payload.len()).then_some(Inner {
        protocol: protocol::UDP,
        length,
        icv: None,
        certain: false,
    })
}

/// The UDP Length field, at least 8.
fn udp_length(udp: &[u8]) -> Option<usize> {
    let &[_, _, _, _, l0, l1, _, _] = udp.first_chunk::<UDP_HEADER_LENGTH>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    (length >= UDP_HEADER_LENGTH).then_some(length)
}

/// Length of a TCP header that is whole and plausible: reserved bits zero, some flag set.
fn tcp_header_length(tcp: &[u8]) -> Option<usize> {
    let &[.., offset, flags, _, _, _, _, _, _] = tcp.first_chunk::<TCP_HEADER_LENGTH>()?;
    let length = usize::from(offset >> 4) * 4;
    let plausible = length >= TCP_HEADER_LENGTH && length <= tcp.len() && offset & 0x0e == 0 && flags != 0;
    plausible.then_some(length)
}

/// Length of an IP packet by its header, which has the right version.
fn ip_length(ip: &[u8], protocol: u8) -> Option<usize> {
    let field = |at: usize| ip.get(at..)?.first_chunk().map(|field| usize::from(u16::from_be_bytes(*field)));
    match (protocol, *ip.first()?) {
        (IPV4, 0x45..=0x4f) => field(2).filter(|length| *length >= 20),
        (IPV6, 0x60..=0x6f) => field(4).map(|length| length + 40),
        _ => None,
    }
}

/// Whether the transport checksum fits the addresses: an offload or an address translator may have left a wrong one,
/// so only a right one means anything.
fn checksum_holds(ip: &IpHeader, payload: &[u8], inner: &Inner) -> bool {
    let Some(segment) = payload.get(..inner.length) else { return false };
    let unset = inner.protocol == protocol::UDP && segment.get(6..8) == Some(&[0, 0]);
    let pseudo_header = sum(ip.source.octets())
        + sum(ip.destination.octets())
        + u64::from(inner.protocol)
        + inner.length as u64;
    !unset && fold(pseudo_header + sum(segment)) == 0xffff
}

/// Whether a payload begins like a SIP message (RFC 3261 section 7).
fn looks_like_sip(payload: &[u8]) -> bool {
    const STARTS: [&[u8]; 15] = [
        b"SIP/2.0",
        b"REGISTER",
        b"SUBSCRIBE",
        b"INVITE ",
        b"BYE ",
        b"ACK ",
        b"OPTIONS ",
        b"NOTIFY ",
        b"CANCEL ",
        b"PRACK ",
        b"INFO ",
        b"REFER ",
        b"MESSAGE ",
        b"UPDATE ",
        b"PUBLISH ",
    ];
    STARTS.iter().any(|start| payload.starts_with(start))
}

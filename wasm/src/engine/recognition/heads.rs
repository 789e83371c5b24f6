//! What filters look at beyond addresses and names in DNS: the heads of messages, whole, and with the packet that
//! completes them.
//!
//! Streams of a protocol that filters ask for stay in order after they got their label ([`Stream::Heads`]); of other
//! flows, and of streams that got their label before there was such a filter, each packet is looked at by itself.

mod http_requests;
mod mail_lines;

use super::{Arrival, Label, Recognizer, Stream};
use crate::detect::registry::SIGNATURES;
use crate::detect::tls_hello::Hello;
use crate::detect::{http, tls};
use crate::engine::dns_reading::DnsReader;
use crate::flow::reassembly::{Event, Segment, Want};
use crate::flow::table::Observed;
use crate::matching::contents::Content;
use crate::matching::filter_set::FilterSet;
use crate::net::{Packet, Transport};
use crate::sip::framing::{Framed, frame};

/// Longest head, or message, in bytes that is waited for.
const MOST_HEAD: usize = 32 << 10;

/// The contents that filters ask for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Inspected(u8);

impl Inspected {
    pub(in crate::engine) fn by(filters: &FilterSet) -> Self {
        if !filters.wants_contents() {
            return Self(0);
        }
        let all = [
            Content::Sip,
            Content::SipStream,
            Content::Rtp,
            Content::Tls,
            Content::QuicHello,
            Content::Http,
            Content::Mail,
        ];
        Self(all.iter().filter(|content| filters.wants(**content)).fold(0, |bits, one| bits | bit(*one)))
    }

    #[inline]
    pub(in crate::engine) fn any(self) -> bool {
        self.0 != 0
    }

    #[inline]
    fn has(self, content: Content) -> bool {
        self.0 & bit(content) != 0
    }
}

fn bit(content: Content) -> u8 {
    1 << content as u8
}

/// What the packet at hand carries.
#[derive(Default)]
pub(in crate::engine) struct Sighting {
    content: Option<Content>,
    /// Of a stream; empty where the payload of the packet is meant.
    bytes: Vec<u8>,
}

impl Sighting {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.content = None;
    }

    /// What filters are to look at.
    pub(in crate::engine) fn of<'a>(&'a self, packet: &'a Packet) -> Option<(Content, &'a [u8])> {
        let bytes = if self.bytes.is_empty() { packet.payload } else { &self.bytes };
        Some((self.content?, bytes))
    }

    fn add(&mut self, content: Content, bytes: &[u8]) {
        if self.content.replace(content).is_none() {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes a part of a ClientHello.
    #[cold]
    pub(super) fn take_begun_hello(&mut self, arrival: &Arrival, bytes: &[u8]) {
        if arrival.inspected.has(Content::Tls) {
            self.add(Content::Tls, bytes);
        }
    }

    /// Takes the heads at the front of a stream. `is_all`: nothing that goes on with these bytes will come. Returns how
    /// many bytes are done with.
    pub(super) fn take(
        &mut self,
        content: Content,
        bytes: &[u8],
        is_all: bool,
        progress: &mut Progress,
    ) -> usize {
        let taken = match content {
            Content::Sip | Content::SipStream => self.take_sip(bytes),
            Content::Http => self.take_http(bytes, progress),
            Content::Mail => self.take_mail(bytes, progress),
            Content::Tls => self.take_tls(bytes, progress),
            Content::Rtp | Content::Media | Content::QuicHello => bytes.len(),
        };
        let rest = bytes.get(taken..).unwrap_or_default();
        if !is_all && rest.len() <= MOST_HEAD {
            return taken;
        }
        self.take_begun(content, rest, progress);
        bytes.len()
    }

    /// Takes what there is of a head of which no more will come.
    fn take_begun(&mut self, content: Content, bytes: &[u8], progress: &Progress) {
        let content = if content == Content::Sip { Content::SipStream } else { content };
        let is_head = match content {
            Content::SipStream => true,
            Content::Http => progress.may_begin_request(0),
            Content::Mail => !matches!(*progress.phase, phase::BODY | phase::CHUNKED_BODY),
            // All there was of it was taken when it came.
            Content::Sip | Content::Tls | Content::Rtp | Content::Media | Content::QuicHello => false,
        };
        if is_head && !bytes.is_empty() {
            self.add(content, bytes);
        }
    }

    fn take_sip(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        loop {
            match frame(rest) {
                Framed::Whole(length) => {
                    let (message, after) = rest.split_at(length.min(rest.len()));
                    self.add(Content::SipStream, message);
                    rest = after;
                }
                Framed::KeepAlive(length) | Framed::Not(length) => {
                    rest = rest.get(length..).unwrap_or_default();
                }
                Framed::Begun => return bytes.len() - rest.len(),
                Framed::Tls => return bytes.len(),
            }
        }
    }

    fn take_tls(&mut self, bytes: &[u8], Progress { phase, .. }: &mut Progress) -> usize {
        let mut rest = bytes;
        // The second hello of a client, behind a HelloRetryRequest, may come after this record (RFC 8446 appendix D.4).
        if **phase == phase::RETRY && rest.starts_with(&CHANGE_CIPHER_SPEC[..rest.len().min(3)]) {
            let Some(after) = rest.get(CHANGE_CIPHER_SPEC.len()..) else { return 0 };
            rest = after;
            if rest.is_empty() {
                return bytes.len();
            }
        }
        if **phase == phase::DONE || !matches!(rest, [22] | [22, 3, ..]) {
            **phase = if **phase == phase::RETRY { phase::DONE } else { **phase };
            return bytes.len();
        }
        let begun = bytes.len() - rest.len();
        if rest.len() < 6 {
            return begun;
        }
        // Also a part of it may have the name.
        self.add(Content::Tls, rest);
        let mut buffer = Vec::new();
        match Hello::parse(tls::handshake(rest, &mut buffer)) {
            Some(hello) if !hello.is_whole() => return begun,
            Some(hello) if hello.is_client() && **phase != phase::RETRY => **phase = phase::RETRY,
            Some(hello) if hello.is_retry() => {}
            Some(_) => **phase = phase::DONE,
            None if **phase == phase::RETRY => **phase = phase::DONE,
            None => {}
        }
        bytes.len()
    }
}

/// What is remembered of a direction.
pub(super) struct Progress<'p> {
    /// One of [`phase`].
    pub(super) phase: &'p mut u8,
    /// Bytes of a body, or of a chunk, that are still to come; the latest status code of [`phase::REPLIES`].
    pub(super) body: &'p mut u32,
    /// It seems to be the server's: by its port, or by what comes the other way.
    pub(super) is_server: bool,
    /// The same as `body`, of the other direction.
    pub(super) other_body: &'p mut u32,
    /// The other direction is that of responses.
    pub(super) is_answered: bool,
}

impl Progress<'_> {
    /// So many bytes of the stream are missing, if that is known.
    fn skip(&mut self, missing: Option<u32>) {
        // That is no length.
        if *self.phase == phase::REPLIES {
            return;
        }
        match missing.and_then(|missing| self.body.checked_sub(missing)) {
            Some(left) => *self.body = left,
            None => {
                *self.body = 0;
                if matches!(*self.phase, phase::CHUNKS | phase::TRAILERS | phase::EXPECTING) {
                    *self.phase = phase::REQUESTS;
                }
            }
        }
    }

    /// Whether what comes so many bytes behind the ones at hand may be the head of a request.
    fn may_begin_request(&self, ahead: u32) -> bool {
        match *self.phase {
            phase::COMMANDS => !self.is_server,
            phase::REQUESTS => *self.body <= ahead,
            _ => false,
        }
    }
}

/// A direction of which nothing else is known.
#[derive(Default)]
struct Apart {
    phase: u8,
    body: u32,
    other_body: u32,
}

impl Apart {
    fn progress(&mut self) -> Progress<'_> {
        let Self { phase, body, other_body } = self;
        Progress { phase, body, other_body, is_server: false, is_answered: false }
    }
}

/// Where a direction is.
pub(super) mod phase {
    pub const COMMANDS: u8 = 0;
    /// Of a mail.
    pub const HEADER: u8 = 1;
    pub const BODY: u8 = 2;
    /// The hello was seen.
    pub const DONE: u8 = 3;
    /// The client's hello was seen. The server may ask for another one.
    pub const RETRY: u8 = 4;
    /// Of a mail in chunks: in one, or, where no byte of it is left, between two of them.
    pub const CHUNKED_HEADER: u8 = 5;
    pub const CHUNKED_BODY: u8 = 6;
    /// Requests of HTTP were seen; the next one, or the body of one, is to come.
    pub const REQUESTS: u8 = 7;
    /// The same; a chunk, or the line in front of one, is to come.
    pub const CHUNKS: u8 = 8;
    /// The same; trailers behind the last chunk are.
    pub const TRAILERS: u8 = 9;
    /// The same; a body if the server wants it, else the next request.
    pub const EXPECTING: u8 = 10;
    /// Responses of HTTP.
    pub const REPLIES: u8 = 11;
    /// Whether a direction is that of a client of HTTP.
    pub fn is_of_client(phase: u8) -> bool {
        (REQUESTS..=EXPECTING).contains(&phase)
    }
}

/// The record of a client in compatibility mode.
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// Without the part of a body of which `left` bytes are still to come.
fn without_body<'a>(bytes: &'a [u8], left: &mut u32) -> &'a [u8] {
    let skipped = bytes.len().min(*left as usize);
    *left -= skipped as u32;
    bytes.get(skipped..).unwrap_or_default()
}

/// Whether a packet comes from a usual port of its protocol, and goes to none.
pub(super) fn is_from_server(label: Option<Label>, packet: &Packet) -> bool {
    let ports = label.and_then(|label| SIGNATURES.get(usize::from(label))).map_or(&[][..], |one| one.ports);
    ports.contains(&packet.source_port) && !ports.contains(&packet.destination_port)
}

/// By label: what its packets carry.
pub(super) fn contents_by_label() -> [Option<Content>; 256] {
    let mut contents = [None; 256];
    for (content, signature) in contents.iter_mut().zip(SIGNATURES) {
        *content = match signature.name {
            "SIP" => Some(Content::Sip),
            "RTP" => Some(Content::Rtp),
            "TLS" => Some(Content::Tls),
            "QUIC" => Some(Content::QuicHello),
            // The handshake of a WebSocket is a request.
            "HTTP" | "WebSocket" => Some(Content::Http),
            "SMTP" => Some(Content::Mail),
            _ => None,
        };
    }
    contents
}

impl Recognizer {
    /// What filters look at in the streams of a label, if they do.
    #[inline]
    pub(super) fn inspected(
        contents: &[Option<Content>; 256],
        arrival: &Arrival,
        label: Option<Label>,
    ) -> Option<Content> {
        let content = contents.get(usize::from(label?)).copied().flatten()?;
        arrival.inspected.has(content).then_some(content)
    }

    /// Notes what the packet carries, unless its stream has said so.
    #[cold]
    pub(super) fn sight(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        label: Option<Label>,
        observed: Observed,
    ) {
        let Some(content) = Self::inspected(&self.contents, arrival, label) else { return };
        let Self { flows, sighting, detector, .. } = self;
        if packet.payload.is_empty() || sighting.content.is_some() {
            return;
        }
        let is_tcp = packet.transport == Transport::Tcp;
        match content {
            Content::QuicHello => {
                let ip = packet.ip.as_ref();
                if let Some(hello) = ip.and_then(|ip| {
                    let source = (ip.source, packet.source_port);
                    let destination = (ip.destination, packet.destination_port);
                    detector.shared().quic.completed_at(source, destination, arrival.timestamp_ns)
                }) {
                    sighting.add(content, hello);
                }
            }
            // Its stream says so where there is a head.
            _ if is_tcp && flows.get(observed.id).state.stream == Stream::Heads => {}
            Content::Mail | Content::Http => {
                let is_server = content == Content::Http && is_from_server(label, packet);
                let mut apart = Apart::default();
                let mut progress = Progress { is_server, ..apart.progress() };
                sighting.take(content, packet.payload, true, &mut progress);
            }
            _ => {
                sighting.bytes.clear();
                sighting.content =
                    Some(if is_tcp && content == Content::Sip { Content::SipStream } else { content });
            }
        }
    }

    /// Puts a segment where it belongs in a stream whose heads filters look at.
    #[inline(never)]
    pub(super) fn read_heads(
        &mut self,
        packet: &Packet,
        arrival: &Arrival,
        observed: Observed,
        dns: &mut DnsReader,
    ) {
        let Self { flows, reassembler, detector, detected, sighting, contents, .. } = self;
        let id = observed.id.slot() as u32;
        let data = &mut flows.get_mut(observed.id).state;
        data.owner = id;
        let mut tcp = data.tcp;
        let Some(content) = Self::inspected(contents, arrival, data.detection.label()) else {
            // Nobody asks any more.
            reassembler.release(&mut tcp, id);
            (data.tcp, data.stream) = (tcp, Stream::Unwanted);
            return;
        };
        let is_server_port = content == Content::Http && is_from_server(data.detection.label(), packet);
        let mut is_shown = packet.payload.is_empty();
        let mut consumer = |owner: u32, event: Event| {
            if owner != id {
                return super::streams::take_apart(flows, detector, detected, dns, owner, event);
            }
            let flow = flows.get_mut(observed.id);
            let (Event::Data { direction, .. } | Event::Gap { direction, .. } | Event::End { direction, .. }) =
                event;
            if direction != observed.direction {
                return super::streams::take_other(flow, detector, detected, dns, event);
            }
            is_shown = true;
            let at_start = matches!(event, Event::Data { at_start: true, .. });
            let Some(mut progress) = flow.state.progress(direction, is_server_port && !at_start) else {
                return Want::Close;
            };
            match event {
                // The rest of a packet that was cut will not come.
                Event::Data { bytes, .. } => {
                    Want::Consumed(sighting.take(content, bytes, !packet.is_complete(), &mut progress))
                }
                Event::Gap { bytes, missing, .. } => {
                    sighting.take_begun(content, bytes, &progress);
                    progress.skip(missing);
                    Want::Consumed(bytes.len())
                }
                Event::End { bytes, .. } => {
                    sighting.take_begun(content, bytes, &progress);
                    Want::Consumed(bytes.len())
                }
            }
        };
        let segment = Segment::acknowledging(packet);
        reassembler.segment(&mut tcp, id, observed.direction, &segment, arrival.timestamp_ns, &mut consumer);
        let Self { flows, sighting, .. } = self;
        let data = &mut flows.get_mut(observed.id).state;
        data.tcp = tcp;
        // Behind a hole, which may never be filled, a request is judged by itself.
        if !is_shown
            && content == Content::Http
            && http::begins_message(packet.payload)
            && let Ok(ahead) = u32::try_from(tcp.ahead(observed.direction, packet.tcp_sequence))
            && let Some(progress) = data.progress(observed.direction, is_server_port)
            && progress.may_begin_request(ahead)
        {
            let mut apart = Apart { phase: phase::REQUESTS, ..Apart::default() };
            sighting.take(content, packet.payload, true, &mut apart.progress());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a stream that is shown in parts of `size` bytes.
    pub(super) fn taken(content: Content, stream: &[u8], size: usize) -> Vec<u8> {
        let (mut remembered, mut start, mut all) = (Apart::default(), 0, Vec::new());
        for end in (size..stream.len() + size).step_by(size) {
            let mut sighting = Sighting::default();
            let shown = &stream[start..end.min(stream.len())];
            let mut progress = remembered.progress();
            start += sighting.take(content, shown, false, &mut progress).min(shown.len());
            if sighting.content.is_some() {
                all.extend_from_slice(&sighting.bytes);
            }
        }
        all
    }

    #[test]
    fn heads_are_the_same_however_the_stream_is_cut() {
        let mail = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n y\r\nTo: e@f\r\n\r\nSubject: body\r\n.\r\nmail from:<g@h>\r\n";
        let expected =
            b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nSubject: x\r\n y\r\nTo: e@f\r\nmail from:<g@h>\r\n";
        let sip = b"\r\nBYE sip:a SIP/2.0\r\nl: 3\r\n\r\nabcSIP/2.0 200 OK\r\n\r\n";
        let http = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\n\r\n";
        for (content, stream, expected) in [
            (Content::Mail, &mail[..], &expected[..]),
            (Content::SipStream, sip, &sip[2..]),
            (Content::Http, http, http),
        ] {
            assert_taken(content, stream, expected);
        }
    }

    pub(super) fn assert_taken(content: Content, stream: &[u8], expected: &[u8]) {
        for size in 1..=stream.len() {
            assert_eq!(
                taken(content, stream, size).escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{content:?} in parts of {size}"
            );
        }
    }

    #[test]
    fn what_gets_too_long_is_taken_as_it_is() {
        let mut remembered = Apart::default();
        let mut take = |content, bytes: &[u8], is_all| {
            let mut sighting = Sighting::default();
            let mut progress = remembered.progress();
            let taken = sighting.take(content, bytes, is_all, &mut progress);
            assert_eq!(taken, bytes.len());
            sighting.bytes
        };
        let head = b"BYE sip:a SIP/2.0\r\nl: 60000\r\n\r\n";
        let long = [&head[..], &[b'x'; MOST_HEAD]].concat();
        assert!(take(Content::SipStream, &long, false) == long);
        assert_eq!(take(Content::SipStream, head, true), head);
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ";
        let long = [&head[..], &[b'x'; MOST_HEAD]].concat();
        assert!(take(Content::Http, &long, false) == long);
        assert_eq!(take(Content::Http, head, true), head);
        let header = b"DATA\r\nSubject: x\r\n";
        assert_eq!(take(Content::Mail, header, true), b"Subject: x\r\n");
        // The line is part of a body now.
        assert_eq!(take(Content::Mail, b"\r\nSubject: y", true), b"");
    }

    #[test]
    fn both_hellos_of_a_client() {
        let hello = |kind: u8, random: u8| {
            let body = [&[3, 3][..], &[random; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
            let message = [&[kind, 0, 0, body.len() as u8][..], &body].concat();
            [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
        };
        let (first, second) = (hello(1, 1), hello(1, 2));
        let data = [23, 3, 3, 0, 1, 0];
        for (stream, expected) in [
            (vec![&first[..], &second, &data], 2),
            (vec![&first, &CHANGE_CIPHER_SPEC, &second, &second, &data], 2),
            (vec![&first, &CHANGE_CIPHER_SPEC, &data, &second], 1),
        ] {
            let (mut remembered, mut held, mut count) = (Apart::default(), Vec::new(), 0);
            for part in stream {
                let mut sighting = Sighting::default();
                held.extend_from_slice(part);
                let mut progress = remembered.progress();
                let taken = sighting.take(Content::Tls, &held, false, &mut progress);
                held.drain(..taken);
                count += usize::from(sighting.content.is_some());
            }
            assert_eq!((count, held), (expected, vec![]));
        }
    }
}

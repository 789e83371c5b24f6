//! What filters look at beyond addresses and names in DNS: the heads of messages, whole, and with the packet that
//! completes them.
//!
//! Streams of a protocol that filters ask for stay in order after they got their label ([`Stream::Heads`]); of other
//! flows, and of streams that got their label before there was such a filter, each packet is looked at by itself.

use super::{Arrival, FlowData, Label, Recognizer, Stream};
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
    pub(super) fn take_begun(&mut self, arrival: &Arrival, bytes: &[u8]) {
        if arrival.inspected.has(Content::Tls) {
            self.add(Content::Tls, bytes);
        }
    }

    /// Takes the heads at the front of a stream. `phase` is what is remembered of this direction. Returns how many bytes
    /// are done with.
    pub(super) fn take(&mut self, content: Content, bytes: &[u8], phase: &mut u8) -> usize {
        let taken = match content {
            Content::Sip | Content::SipStream => self.take_sip(bytes),
            Content::Http => self.take_http(bytes),
            Content::Mail => self.take_mail(bytes, phase),
            Content::Tls => self.take_tls(bytes, phase),
            Content::Rtp | Content::Media | Content::QuicHello => bytes.len(),
        };
        if bytes.len() - taken.min(bytes.len()) > MOST_HEAD { bytes.len() } else { taken }
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

    fn take_http(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while rest.first().is_some_and(u8::is_ascii_uppercase) && !rest.starts_with(b"HTTP/") {
            let has_line = memchr::memchr(b'\n', rest).is_some();
            let method_end = rest.iter().position(|octet| !octet.is_ascii_uppercase());
            let may_begin = method_end.is_none_or(|end| rest.get(end) == Some(&b' '));
            if !may_begin || has_line && !http::begins_message(rest) {
                return bytes.len();
            }
            let Some(end) = end_of_head(rest) else { return bytes.len() - rest.len() };
            let (head, after) = rest.split_at(end.min(rest.len()));
            self.add(Content::Http, head);
            rest = after;
        }
        bytes.len()
    }

    fn take_tls(&mut self, bytes: &[u8], phase: &mut u8) -> usize {
        if *phase == phase::DONE || !matches!(bytes, [22] | [22, 3, ..]) {
            return bytes.len();
        }
        if bytes.len() < 6 {
            return 0;
        }
        // Also a part of it may have the name.
        self.add(Content::Tls, bytes);
        let mut buffer = Vec::new();
        match Hello::parse(tls::handshake(bytes, &mut buffer)) {
            Some(hello) if !hello.is_whole() => 0,
            Some(hello) => {
                if !hello.is_retry() {
                    *phase = phase::DONE;
                }
                bytes.len()
            }
            None => bytes.len(),
        }
    }

    /// Lines of an SMTP client: the commands with addresses, and the header fields of its mails.
    fn take_mail(&mut self, bytes: &[u8], phase: &mut u8) -> usize {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (mut line, mut after) = rest.split_at((end + 1).min(rest.len()));
            let text = line.trim_ascii_end();
            let begins =
                |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
            match *phase {
                phase::HEADER => {
                    while matches!(after.first(), Some(b' ' | b'\t')) {
                        let Some(end) = memchr::memchr(b'\n', after) else { return bytes.len() - rest.len() };
                        (line, after) = rest.split_at((line.len() + end + 1).min(rest.len()));
                    }
                    match text {
                        b"" => *phase = phase::BODY,
                        b"." => *phase = phase::COMMANDS,
                        // The next line may go on with it.
                        _ if after.is_empty() => return bytes.len() - rest.len(),
                        _ => self.add(Content::Mail, line),
                    }
                }
                phase::BODY if text == b"." => *phase = phase::COMMANDS,
                phase::BODY => {}
                _ if begins(b"MAIL FROM:") || begins(b"RCPT TO:") => {
                    *phase = phase::COMMANDS;
                    self.add(Content::Mail, line);
                }
                _ if text.eq_ignore_ascii_case(b"DATA") => *phase = phase::HEADER,
                _ => {}
            }
            rest = after;
        }
        bytes.len() - rest.len()
    }
}

/// What is remembered of a direction.
mod phase {
    pub const COMMANDS: u8 = 0;
    /// Of a mail.
    pub const HEADER: u8 = 1;
    pub const BODY: u8 = 2;
    /// The hello was seen.
    pub const DONE: u8 = 3;
}

/// Behind the empty line that ends a head.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| {
        let rest = bytes.get(at + 1..)?;
        let blank = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        (blank > 0).then_some(at + 1 + blank)
    })
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
                    let client = (ip.source, packet.source_port);
                    let server = (ip.destination, packet.destination_port);
                    detector.shared().quic.completed_at(client, server, arrival.timestamp_ns)
                }) {
                    sighting.add(content, hello);
                }
            }
            // Its stream says so where there is a head.
            _ if is_tcp && flows.get(observed.id).state.stream == Stream::Heads => {}
            Content::Mail => {
                sighting.take(content, packet.payload, &mut 0);
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
            let FlowData { phases, .. } = &mut flow.state;
            let Some(phase) = phases.get_mut(direction as usize) else { return Want::Close };
            match event {
                Event::Data { bytes, .. } => {
                    let taken = sighting.take(content, bytes, phase);
                    // The rest of a packet that was cut will not come.
                    Want::Consumed(if packet.is_complete() { taken } else { bytes.len() })
                }
                Event::Gap { bytes, .. } | Event::End { bytes, .. } => Want::Consumed(bytes.len()),
            }
        };
        let segment = Segment::acknowledging(packet);
        reassembler.segment(&mut tcp, id, observed.direction, &segment, arrival.timestamp_ns, &mut consumer);
        self.flows.get_mut(observed.id).state.tcp = tcp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a stream that is shown in parts of `size` bytes.
    fn taken(content: Content, stream: &[u8], size: usize) -> Vec<u8> {
        let (mut phase, mut start, mut all) = (0, 0, Vec::new());
        for end in (size..stream.len() + size).step_by(size) {
            let mut sighting = Sighting::default();
            let shown = &stream[start..end.min(stream.len())];
            start += sighting.take(content, shown, &mut phase).min(shown.len());
            if sighting.content.is_some() && (content != Content::Tls || phase == phase::DONE) {
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
            for size in 1..=stream.len() {
                assert_eq!(
                    taken(content, stream, size).escape_ascii().to_string(),
                    expected.escape_ascii().to_string(),
                    "{content:?} in parts of {size}"
                );
            }
        }
        let endless = vec![b'A'; MOST_HEAD + 2];
        assert_eq!(Sighting::default().take(Content::Http, &endless, &mut 0), endless.len());
    }
}

//! What filters look at beyond addresses and names in DNS: the heads of messages, whole, and with the packet that
//! completes them.
//!
//! Streams of a protocol that filters ask for stay in order after they got their label ([`Stream::Heads`]); of other
//! flows, and of streams that got their label before there was such a filter, each packet is looked at by itself.

use super::{Arrival, Label, Recognizer, Stream};
use crate::detect::registry::SIGNATURES;
use crate::detect::text_message::{HeaderFields, number};
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

    /// Heads of requests. What is in bodies, or comes from the server, is none.
    fn take_http(&mut self, bytes: &[u8], progress: &mut Progress) -> usize {
        let mut rest = bytes;
        loop {
            if *progress.phase == phase::EXPECTING && !rest.is_empty() {
                // Refused, the body does not come (RFC 9110 section 10.1.1).
                if *progress.other_body >= LEAST_FINAL_STATUS {
                    (*progress.phase, *progress.body) = (phase::REQUESTS, 0);
                } else {
                    *progress.phase = if *progress.body == 0 { phase::CHUNKS } else { phase::REQUESTS };
                }
            }
            if *progress.phase != phase::REPLIES {
                rest = without_body(rest, progress.body);
            }
            if rest.is_empty() {
                return bytes.len();
            }
            let taken = match *progress.phase {
                phase::COMMANDS if REPLY.starts_with(rest.get(..REPLY.len()).unwrap_or(rest)) => {
                    if rest.len() < REPLY.len() {
                        return bytes.len() - rest.len();
                    }
                    *progress.phase = phase::REPLIES;
                    continue;
                }
                phase::COMMANDS if progress.is_server => return bytes.len(),
                phase::REPLIES => {
                    if let Some(Some(status)) =
                        rest.starts_with(REPLY).then(|| rest.get(STATUS).and_then(number))
                    {
                        *progress.body = status;
                    }
                    return bytes.len();
                }
                phase::CHUNKS | phase::TRAILERS => take_chunk_line(rest, progress),
                _ => self.take_request(rest, progress),
            };
            match taken {
                Taken::All => return bytes.len(),
                Taken::Some(length) => rest = rest.get(length..).unwrap_or_default(),
                Taken::Begun => return bytes.len() - rest.len(),
            }
        }
    }

    fn take_request(&mut self, bytes: &[u8], progress: &mut Progress) -> Taken {
        // A server passes over empty lines (RFC 9112 section 2.2).
        let empty_lines = bytes.iter().take_while(|octet| b"\r\n".contains(octet)).count();
        if empty_lines > 0 {
            return if empty_lines > MOST_EMPTY_LINES { Taken::All } else { Taken::Some(empty_lines) };
        }
        let begin = bytes.get(..MOST_METHOD + 1).unwrap_or(bytes);
        let method_end = begin.iter().position(|octet| !is_in_method(*octet));
        if method_end.map_or(begin.len() > MOST_METHOD, |end| end == 0 || begin.get(end) != Some(&b' ')) {
            return Taken::All;
        }
        if let Some(end) = memchr::memchr(b'\n', bytes)
            && !http::is_request_line(bytes.get(..end).unwrap_or_default().trim_ascii_end())
        {
            return Taken::All;
        }
        let Some(end) = end_of_head(bytes) else { return Taken::Begun };
        let head = bytes.get(..end).unwrap_or(bytes);
        self.add(Content::Http, head);
        let framing = Framing::of(head);
        *progress.body = framing.length;
        // What comes with the head was not waited for.
        let is_waiting = framing.is_expecting && bytes.len() <= end;
        *progress.phase = match framing {
            _ if is_waiting => phase::EXPECTING,
            Framing { is_chunked: true, .. } => phase::CHUNKS,
            _ => phase::REQUESTS,
        };
        if is_waiting && progress.is_answered {
            *progress.other_body = 0;
        }
        Taken::Some(end)
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

    /// Lines of an SMTP client: the commands with addresses, and the header fields of its mails, which come behind DATA,
    /// or in the chunks of BDAT (RFC 3030).
    fn take_mail(&mut self, bytes: &[u8], progress: &mut Progress) -> usize {
        let mut rest = bytes;
        loop {
            let taken = match (*progress.phase, *progress.body) {
                (phase::CHUNKED_BODY, 1..) => {
                    let after = without_body(rest, progress.body);
                    Some(rest.len() - after.len())
                }
                (phase::CHUNKED_HEADER, 1..) => {
                    let chunk = rest.get(..*progress.body as usize);
                    let taken = self.take_mail_header(chunk.unwrap_or(rest), chunk.is_some(), progress);
                    *progress.body = progress.body.saturating_sub(taken.unwrap_or(0) as u32);
                    taken
                }
                (phase::HEADER, _) => self.take_mail_header(rest, false, progress),
                _ => self.take_mail_line(rest, progress),
            };
            match taken {
                Some(length @ 1..) => rest = rest.get(length..).unwrap_or_default(),
                _ => return bytes.len() - rest.len(),
            }
        }
    }

    /// A header field of a mail, folded or not, or the line that ends the header; none where its end is still to come.
    /// `is_all`: nothing of the header follows `bytes`.
    fn take_mail_header(&mut self, bytes: &[u8], is_all: bool, progress: &mut Progress) -> Option<usize> {
        let end_from = |start: usize| {
            let at = memchr::memchr(b'\n', bytes.get(start..)?);
            at.map(|at| start + at + 1).or(is_all.then_some(bytes.len()))
        };
        let mut end = end_from(0)?;
        let is_chunked = *progress.phase == phase::CHUNKED_HEADER;
        let line = bytes.get(..end)?;
        match line.trim_ascii_end() {
            b"" => *progress.phase = if is_chunked { phase::CHUNKED_BODY } else { phase::BODY },
            b"." if !is_chunked => *progress.phase = phase::COMMANDS,
            // No header field has such a name: DATA was refused.
            text if !is_chunked && (begins(text, b"MAIL FROM:") || begins(text, b"RCPT TO:")) => {
                *progress.phase = phase::COMMANDS;
                self.add(Content::Mail, line);
            }
            _ => {
                // The next line may go on with it.
                loop {
                    match bytes.get(end) {
                        Some(b' ' | b'\t') => end = end_from(end)?,
                        None if !is_all => return None,
                        _ => break,
                    }
                }
                self.add(Content::Mail, bytes.get(..end)?);
            }
        }
        Some(end)
    }

    /// A command, or a line of the body behind DATA.
    fn take_mail_line(&mut self, bytes: &[u8], progress: &mut Progress) -> Option<usize> {
        let end = memchr::memchr(b'\n', bytes)? + 1;
        let line = bytes.get(..end)?;
        let text = line.trim_ascii_end();
        let phase = &mut *progress.phase;
        if *phase == phase::BODY {
            if text == b"." {
                *phase = phase::COMMANDS;
            }
        } else if begins(text, b"MAIL FROM:") || begins(text, b"RCPT TO:") {
            if begins(text, b"MAIL") {
                *phase = phase::COMMANDS;
            }
            self.add(Content::Mail, line);
        } else if text.eq_ignore_ascii_case(b"DATA") {
            *phase = phase::HEADER;
        } else if begins(text, b"BDAT ") {
            let size = text.get(5..).unwrap_or_default().trim_ascii_start();
            *progress.body =
                number(size.split(|octet| *octet == b' ').next().unwrap_or_default()).unwrap_or(0);
            if *phase == phase::COMMANDS {
                *phase = phase::CHUNKED_HEADER;
            }
        }
        Some(end)
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

/// What became of the beginning of some bytes.
enum Taken {
    /// So many of them are done with.
    Some(usize),
    /// They go on.
    Begun,
    /// They are none of what is looked for, all of them.
    All,
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

/// What a response of HTTP begins with, and where its status code is.
const REPLY: &[u8] = b"HTTP/1.";
const STATUS: std::ops::Range<usize> = 9..12;
/// Lower ones announce another (RFC 9110 section 15.2).
const LEAST_FINAL_STATUS: u32 = 200;
/// Longest method in bytes.
const MOST_METHOD: usize = 32;
/// Longest line in front of a chunk, and trailer, in bytes.
const MOST_CHUNK_LINE: usize = 4 << 10;
/// Most bytes of empty lines in front of a request.
const MOST_EMPTY_LINES: usize = 64;
/// What a chunk ends with.
const CHUNK_END_LENGTH: u32 = 2;

/// The record of a client in compatibility mode.
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// Without the part of a body of which `left` bytes are still to come.
fn without_body<'a>(bytes: &'a [u8], left: &mut u32) -> &'a [u8] {
    let skipped = bytes.len().min(*left as usize);
    *left -= skipped as u32;
    bytes.get(skipped..).unwrap_or_default()
}

/// What follows the head of a request (RFC 9112 section 6).
#[derive(Default)]
struct Framing {
    /// Bytes of Content-Length; 0 where there are chunks instead.
    length: u32,
    is_chunked: bool,
    /// It comes when the server says so.
    is_expecting: bool,
}

impl Framing {
    fn of(head: &[u8]) -> Self {
        let mut framing = Self::default();
        let mut expects = false;
        for (name, value) in HeaderFields::of(head) {
            let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
            if is(b"Transfer-Encoding") {
                // The last coding is that of the message.
                let last = value.rsplit(|octet| *octet == b',').next().unwrap_or_default();
                framing.is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            } else if is(b"Content-Length") {
                framing.length = length_of(value);
            } else if is(b"Expect") {
                expects = value.eq_ignore_ascii_case(b"100-continue");
            }
        }
        if framing.is_chunked {
            framing.length = 0;
        }
        framing.is_expecting = expects && (framing.is_chunked || framing.length > 0);
        framing
    }
}

/// A Content-Length; what is beyond measure is the longest one, and 0 what is none.
fn length_of(value: &[u8]) -> u32 {
    let digit = |octet: &u8| octet.is_ascii_digit().then(|| u32::from(octet - b'0'));
    let length = value
        .iter()
        .try_fold(0u32, |length, octet| Some(length.saturating_mul(10).saturating_add(digit(octet)?)));
    length.unwrap_or(0)
}

/// The line in front of a chunk, or a trailer (RFC 9112 section 7.1).
fn take_chunk_line(bytes: &[u8], progress: &mut Progress) -> Taken {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        if bytes.len() <= MOST_CHUNK_LINE {
            return Taken::Begun;
        }
        *progress.phase = phase::REQUESTS;
        return Taken::All;
    };
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    if *progress.phase == phase::TRAILERS {
        if line.is_empty() {
            *progress.phase = phase::REQUESTS;
        }
        return Taken::Some(end + 1);
    }
    let digits = line.split(|octet| b"; \t".contains(octet)).next().unwrap_or_default();
    let size = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match size.and_then(|size| size.checked_add(CHUNK_END_LENGTH)) {
        Some(CHUNK_END_LENGTH) => *progress.phase = phase::TRAILERS,
        Some(length) => *progress.body = length,
        // No chunk, or the place is lost: perhaps a request.
        None => {
            *progress.phase = phase::REQUESTS;
            return Taken::Some(0);
        }
    }
    Taken::Some(end + 1)
}

/// Whether an octet may be in a method's name.
fn is_in_method(octet: u8) -> bool {
    octet.is_ascii_uppercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'_')
}

fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Behind the empty line that ends a head.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| {
        let rest = bytes.get(at + 1..)?;
        let blank = if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
        (blank > 0).then_some(at + 1 + blank)
    })
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
    fn taken(content: Content, stream: &[u8], size: usize) -> Vec<u8> {
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

    fn assert_taken(content: Content, stream: &[u8], expected: &[u8]) {
        for size in 1..=stream.len() {
            assert_eq!(
                taken(content, stream, size).escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{content:?} in parts of {size}"
            );
        }
    }

    #[test]
    fn requests_are_found_behind_bodies() {
        let post = b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n";
        let body = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\nA";
        let empty = b"GET /0 HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        assert_eq!(body.len(), 30);
        let stream = [&post[..], body, empty, next].concat();
        assert_taken(Content::Http, &stream, &[&post[..], empty, next].concat());
    }

    #[test]
    fn requests_are_found_behind_chunks_and_refused_bodies() {
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let trap = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
        let chunks = [&b"1;x=y\r\nA\r\n1D\r\n"[..], trap, b"\r\n0\r\nGET: /no HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(trap.len(), 0x1d);
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        let expected = [&chunked[..], next].concat();
        assert_taken(Content::Http, &[&chunked[..], &chunks, b"\r\n", next].concat(), &expected);
        let expecting = b"PUT / HTTP/1.1\r\nContent-Length: 30\r\nExpect: 100-Continue\r\n\r\n";
        let expected = [&expecting[..], next].concat();
        let like_a_request = [&trap[..], b"x"].concat();
        for (status, body) in [(417, &b""[..]), (100, &like_a_request), (0, &[b'x'; 30])] {
            let stream = [&expecting[..], body, next].concat();
            let (mut remembered, mut given) = (Apart::default(), Vec::new());
            // That of an earlier response, and what is said then.
            for (part, status) in [(&stream[..expecting.len()], 200), (&stream[expecting.len()..], status)] {
                remembered.other_body = status;
                let mut sighting = Sighting::default();
                let mut progress = Progress { is_answered: true, ..remembered.progress() };
                assert_eq!(sighting.take(Content::Http, part, false, &mut progress), part.len());
                given.extend(sighting.bytes);
                assert!(remembered.other_body != 200);
            }
            assert_eq!(given.escape_ascii().to_string(), expected.escape_ascii().to_string());
            // What comes with the head is the body, whatever is said of it.
            if body.len() == 30 {
                assert_eq!(taken(Content::Http, &stream, stream.len()), expected);
            }
        }
        let lenient = b"GET   /1 HTTP/1.1 \r\nHost: b\r\n\r\n";
        let long = [&b"GET /"[..], &[b'x'; 9000], b" HTTP/1.0\n\n"].concat();
        let stream = [&b"\r\n"[..], lenient, b"\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"].concat();
        let expected = [&lenient[..], b"CONNECT a:1 HTTP/1.1\r\n\r\n"].concat();
        assert_taken(Content::Http, &stream, &expected);
        assert!(taken(Content::Http, &long, 1000) == long);
    }

    #[test]
    fn lengths_and_codings() {
        let next = b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n";
        for (fields, body) in [
            ("Content-Length: 0000000000", ""),
            ("Content-Length: 00000000003", "GET"),
            ("Content-Length: 3x", ""),
            ("Transfer-Encoding: identity", ""),
            ("Transfer-Encoding: gzip, Chunked", "3\r\nGET\r\n0\r\n\r\n"),
            ("Transfer-Encoding: chunked", ""),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            let stream = [head.as_bytes(), body.as_bytes(), next].concat();
            assert_taken(Content::Http, &stream, &[head.as_bytes(), next].concat());
        }
        for (value, expected) in
            [("1000000020", 1_000_000_020), ("99999999999999999999", u32::MAX), ("", 0), ("-1", 0)]
        {
            assert_eq!(length_of(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn what_servers_say_is_no_request() {
        let trap = b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
        for stream in
            [[&b"HTTP/1.1 200 OK\r\n\r\n"[..], trap].concat(), [&b"HTTP/1.0 100 \r\n\r\n"[..], trap].concat()]
        {
            assert_taken(Content::Http, &stream, b"");
        }
        let mut sighting = Sighting::default();
        let mut apart = Apart::default();
        let mut progress = Progress { is_server: true, ..apart.progress() };
        assert_eq!(sighting.take(Content::Http, trap, true, &mut progress), trap.len());
        assert!(sighting.content.is_none());
        // A body in chunks of which a part is lost.
        let mut remembered = Apart { phase: phase::CHUNKS, body: 10, other_body: 0 };
        let mut progress = remembered.progress();
        progress.skip(Some(10));
        assert!(!progress.may_begin_request(0));
        progress.skip(Some(1));
        assert!(progress.may_begin_request(0));
    }

    #[test]
    fn mail_in_chunks() {
        let stream = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 14\r\nSubject: x\r\n yBDAT 27 LAST\r\n z\r\nTo: e@f\r\n\r\nMAIL FROM:<>MAIL FROM:<g@h>\r\nBDAT 8 LAST\r\nTo:i@j\r\nMAIL FROM:<>\r\n";
        let expected = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nSubject: x\r\n y z\r\nTo: e@f\r\nMAIL FROM:<g@h>\r\nTo:i@j\r\nMAIL FROM:<>\r\n";
        assert_taken(Content::Mail, stream, expected);
    }

    #[test]
    fn mail_that_was_refused_is_no_header() {
        let stream =
            b"MAIL FROM:<a@b>\r\nDATA\r\nRSET\r\nMAIL FROM:<c@d>\r\nDATA\r\nTo: e@f\r\n\r\nTo: g@h\r\n.\r\n";
        let expected = b"MAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<c@d>\r\nTo: e@f\r\n";
        assert_taken(Content::Mail, stream, expected);
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

//! Calls, by messages in short notation: see [`Scene::step`].

mod benchmark;
mod bounds;
mod correlating;
mod hostile;
mod media;
mod scenarios;

use super::{Call, CallKey, Calls, Limits, Media, MediaKind, Passage};
use crate::net::Address;
use crate::sip::message::Message;
use crate::wire::time::Clock;

pub(super) const SECOND: i64 = 1_000_000_000;
/// 2023-11-14T22:13:20Z.
pub(super) const START: i64 = 1_700_000_000 * SECOND;

/// `A` is 10.0.0.1, `B` 10.0.0.2 and so on.
pub(super) fn host(letter: &str) -> Address {
    Address::v4([10, 0, 0, letter.as_bytes()[0] - b'A' + 1])
}

pub(super) fn socket(text: &str) -> (Address, u16) {
    let (letter, port) = text.split_once(':').unwrap();
    (host(letter), port.parse().unwrap())
}

pub(super) fn passage(now_ns: i64, from: (Address, u16), to: (Address, u16)) -> Passage {
    Passage {
        timestamp_ns: now_ns,
        source: from.0,
        source_port: from.1,
        destination: to.0,
        destination_port: to.1,
        is_tcp: false,
        scope: 0,
    }
}

/// A description with a media section per socket; a socket with a letter in front is of another kind of media.
pub(super) fn description(sockets: &str) -> String {
    let mut text = "v=0\r\no=- 5 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    for one in sockets.split(',').filter(|one| !one.is_empty()) {
        let (kind, one) = match one.strip_prefix("video/") {
            Some(one) => ("video", one),
            None => ("audio", one),
        };
        let (letter, port) = one.split_once(':').unwrap();
        let address = if letter == "0" { "0.0.0.0".to_owned() } else { host(letter).to_string() };
        text += &format!(
            "m={kind} {port} RTP/AVP 0 96 101\r\nc=IN IP4 {address}\r\na=rtpmap:96 opus/48000/2\r\n"
        );
        text += "a=rtpmap:101 telephone-event/8000\r\n";
    }
    text
}

/// RTP with that SSRC and sequence number; 20 ms of PCMU.
pub(super) fn rtp(ssrc: u32, sequence: u16, payload_type: u8) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

/// A table and what has come out of it.
pub(super) struct Scene {
    pub calls: Calls<()>,
    pub now: i64,
    pub call_id: String,
    pub reports: Vec<serde_json::Value>,
    pub clock: Clock,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self {
            calls: Calls::new(limits),
            now: START,
            call_id: "call-1@a.example".to_owned(),
            reports: Vec::new(),
            clock: Clock::default(),
        }
    }

    /// The text of a message, and its way: `A>B INVITE 1 sdp=A:4000`, `B>A 200 1 INVITE t=b`. Further words: `f=` and `t=` for
    /// tags (From `a` unless told, To none for an INVITE, else `b`), `via=` for the hop, `branch=` for all of the branch,
    /// `failed` for the ACK of a failure, `h=` for a header field, `user=` for the caller. An `A>B` may have ports:
    /// `A:5080>B:5060`.
    pub fn message(&self, step: &str) -> (String, Passage) {
        let mut words = step.split(' ').filter(|word| !word.is_empty());
        let (from, to) = words.next().unwrap().split_once('>').unwrap();
        let end = |text: &str| if text.contains(':') { socket(text) } else { (host(text), 5060) };
        let what = words.next().unwrap();
        let number = words.next().unwrap();
        let is_request = what.parse::<u16>().is_err();
        let method = if is_request { what } else { words.next().unwrap() };
        let (mut from_tag, mut to_tag) = ("a", if method == "INVITE" && is_request { "" } else { "b" });
        let (mut hop, mut failed, mut headers, mut body) = ("", false, String::new(), String::new());
        let (mut user, mut branch) = ("alice", None);
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("f", tag) => from_tag = tag,
                ("t", tag) => to_tag = tag,
                ("via", name) => hop = name,
                ("failed", _) => failed = true,
                ("user", name) => user = name,
                ("branch", name) => branch = Some(name.to_owned()),
                ("h", field) => headers += &format!("{}\r\n", field.replace('_', " ")),
                ("sdp", sockets) => body = description(sockets),
                other => panic!("{other:?}"),
            }
        }
        let of_invite = failed || method == "CANCEL";
        let transaction = if of_invite { "INVITE" } else { method };
        let branch = branch.unwrap_or_else(|| format!("{hop}-{transaction}-{number}-{from_tag}"));
        let tag = |name: &str| if name.is_empty() { String::new() } else { format!(";tag={name}") };
        let start = if is_request {
            format!("{what} sip:bob@b.example SIP/2.0")
        } else {
            format!("SIP/2.0 {what} Reason")
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK{branch}\r\n\
             From: \"A\" <sip:{user}@a.example>{}\r\nTo: <sip:bob@b.example>{}\r\nCall-ID: {}\r\n\
             CSeq: {number} {method}\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            tag(from_tag),
            tag(to_tag),
            self.call_id,
            body.len(),
        );
        (text, passage(self.now, end(from), end(to)))
    }

    /// Takes a message in and moves the clock by 10 ms.
    pub fn step(&mut self, step: &str) -> Option<CallKey> {
        let (text, passage) = self.message(step);
        let message = Message::parse(text.as_bytes()).unwrap();
        let (reports, clock) = (&mut self.reports, &mut self.clock);
        let key = self.calls.observe_sip(&message, &passage, &mut |call| reports.push(report(call, clock)));
        self.now += SECOND / 100;
        key
    }

    pub fn steps(&mut self, steps: &[&str]) {
        for step in steps {
            self.step(step);
        }
    }

    /// A packet from one socket to another, 10 ms after the last one.
    pub fn packet(&mut self, from: &str, to: &str, payload: &[u8]) -> Option<Media> {
        let media = self.calls.observe_media(payload, &passage(self.now, socket(from), socket(to)));
        self.now += SECOND / 100;
        media
    }

    /// Whether a packet between these sockets is of a call, and of which.
    pub fn call_of(&mut self, from: &str, to: &str) -> Option<String> {
        let media = self.packet(from, to, &rtp(7, 1, 0))?;
        Some(String::from_utf8(self.calls.get(media.call).unwrap().id().to_vec()).unwrap())
    }

    pub fn state(&self) -> &'static str {
        let key = self.calls.find(self.call_id.as_bytes()).unwrap();
        self.calls.get(key).unwrap().state().name()
    }

    /// Lets time go by.
    pub fn wait(&mut self, seconds: i64) {
        self.now += seconds * SECOND;
        let (reports, clock) = (&mut self.reports, &mut self.clock);
        self.calls.expire(self.now, &mut |call| reports.push(report(call, clock)));
    }

    pub fn finish(&mut self) {
        let (reports, clock) = (&mut self.reports, &mut self.clock);
        self.calls.finish(&mut |call| reports.push(report(call, clock)));
    }
}

pub(super) fn report(call: &Call<()>, clock: &mut Clock) -> serde_json::Value {
    let mut line = Vec::new();
    call.write_json(&mut line, clock, ["f1"].into_iter());
    serde_json::from_slice(&line)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&line)))
}

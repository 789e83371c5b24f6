//! Recognises protocols by what packets carry: [`signature`] says what a protocol's rule looks like, [`registry`] lists
//! them in the order of their priority, [`Detector`] applies them to the packets of a flow.
//!
//! A flow gets a label once; what is remembered is the label, never the facts of the packet that gave it. Each later
//! packet is described by itself, and one that contradicts the label is judged anew. A rule sees the payload of one
//! datagram, or the beginning of one direction of a TCP stream in order. Ports raise confidence: they never suffice, and
//! never exclude what the structure proves.

pub mod arp;
pub mod bacnet;
pub mod ber;
pub mod bgp;
pub mod bittorrent;
mod candidates;
pub mod capwap;
pub mod cisco_link;
pub mod coap;
mod command_line;
pub mod cotp;
pub mod dcerpc;
pub mod dhcp;
pub mod diameter;
pub mod dnp3;
pub mod dns;
pub mod dtls;
pub mod eapol;
pub mod ethernet_ip;
pub mod facts;
pub mod fieldbus;
pub mod first_hop;
pub mod flow_export;
pub mod ftp;
mod google_quic;
pub mod gre;
mod greeting;
pub mod gtp;
pub mod h323;
mod hpack;
pub mod http;
pub mod http2;
pub mod iax2;
pub mod icmp;
pub mod iec104;
pub mod ike;
pub mod imap;
pub mod ipsec;
pub mod irc;
pub mod isis;
pub mod kpasswd;
pub mod l2tp;
pub mod label_switching;
pub mod link_layer;
pub mod lisp;
pub mod media;
pub mod megaco;
pub mod memcached;
pub mod messaging;
pub mod mgcp;
pub mod modbus;
pub mod mongodb;
pub mod multicast;
pub mod mysql;
pub mod netbios;
pub mod nntp;
pub mod ntp;
pub mod onc_rpc;
pub mod opc_ua;
pub mod openvpn;
pub mod payload;
pub mod pfcp;
pub mod pop3;
pub mod port_mapping;
pub mod postgresql;
pub mod pptp;
pub mod proxy_protocol;
pub mod ptp;
pub mod quic;
mod quic_crypto;
mod quic_initial;
pub mod radius;
pub mod redis;
pub mod registry;
pub mod rip;
pub mod routing;
pub mod rtcp;
pub mod rtmp;
pub mod rtp;
pub mod rtsp;
pub mod sctp;
pub mod signature;
pub mod sip;
pub mod skinny;
pub mod slp;
pub mod smpp;
pub mod smtp;
pub mod snmp;
pub mod socks;
pub mod ssdp;
pub mod ssh;
pub mod state;
pub mod stun;
pub mod substation;
pub mod synchrophasor;
pub mod syslog;
pub mod t38;
pub mod tacacs;
pub mod tds;
pub mod telnet;
#[cfg(test)]
mod tests;
pub(crate) mod text_message;
pub mod tftp;
pub mod tls;
pub mod tls_fingerprint;
pub mod tls_hello;
pub mod vnc;
pub mod websocket;
pub mod windows;
pub mod wireguard;
pub mod xmpp;
pub mod zrtp;

pub use facts::Facts;
pub use payload::Payload;
pub use signature::{Carrier, Confidence, Method, Signature, Verdict};
pub use state::FlowState;

use candidates::Candidates;
use greeting::Greetings;
use registry::SIGNATURES;
use signature::FirstBytes;

/// Number of a signature in the registry.
pub type Label = u8;

/// Payload packets per direction that are examined before a flow is given up.
const MOST_PACKETS: u8 = 8;
/// Payload bytes per direction that are examined before a flow is given up.
const MOST_BYTES: u16 = 16 << 10;

/// Segments that add less than this to a beginning that a signature asks more of do not count as packets, bytes ...
const LEAST_SEGMENT: u16 = 16;
/// ... up to so many of them.
const MOST_WAITS: u16 = 512;

/// What signatures share over all flows. Every table in it is bounded.
#[derive(Default)]
pub struct Shared {
    /// Endpoints that signalling announced.
    pub media: media::MediaIndex,
    /// Data connections that FTP control connections have announced.
    pub ftp_data: ftp::ExpectedData,
    /// ClientHellos in QUIC that are being put together.
    pub quic: quic::Hellos,
    /// A TLS handshake message that is spread over records.
    pub tls_message: Vec<u8>,
    /// TFTP requests that are waiting for an answer.
    pub tftp: tftp::Requests,
}

/// What a packet was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Nothing that is known.
    Nothing,
    /// Nothing yet: some signature asks for more of this direction of the stream.
    More,
    /// The protocol of this signature.
    Protocol(Label),
}

/// Applies the signatures.
pub struct Detector {
    /// Candidates by carrier and first byte.
    udp: Box<[Candidates; 256]>,
    tcp: Box<[Candidates; 256]>,
    sctp: Box<[Candidates; 256]>,
    /// Candidates by IP protocol number.
    ip: Box<[Candidates; 256]>,
    /// Candidates among frames without IP, by carrier.
    link: Vec<(Carrier, Candidates)>,
    greetings: Greetings,
    shared: Shared,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector with all signatures of the registry.
    pub fn new() -> Self {
        let table = || Box::new([Candidates::default(); 256]);
        let mut new = Self {
            udp: table(),
            tcp: table(),
            sctp: table(),
            ip: table(),
            link: Vec::new(),
            greetings: Greetings::default(),
            shared: Shared::default(),
        };
        for (number, signature) in SIGNATURES.iter().enumerate() {
            let number = number as Label;
            for carrier in signature.carriers {
                match *carrier {
                    Carrier::Udp => add(&mut new.udp, signature.first, number),
                    Carrier::Tcp => add(&mut new.tcp, signature.first, number),
                    Carrier::Sctp => add(&mut new.sctp, signature.first, number),
                    Carrier::Ip(protocol) => {
                        if let Some(candidates) = new.ip.get_mut(usize::from(protocol)) {
                            candidates.add(number);
                        }
                    }
                    Carrier::Ethertype(_) | Carrier::Llc => {
                        match new.link.iter_mut().find(|(other, _)| other == carrier) {
                            Some((_, candidates)) => candidates.add(number),
                            None => {
                                let mut candidates = Candidates::default();
                                candidates.add(number);
                                new.link.push((*carrier, candidates));
                            }
                        }
                    }
                }
            }
        }
        new
    }

    /// What the signatures share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Judges a payload that is not empty, in its flow.
    #[inline]
    pub fn recognise(&mut self, payload: &Payload, state: &mut FlowState) -> Recognised {
        match state.label() {
            Some(label) => self.recognise_labelled(payload, state, label),
            None if state.is_direction_given_up(payload.direction) && !self.reopens(payload, state) => {
                Recognised::Nothing
            }
            None => self.recognise_new(payload, state),
        }
    }

    /// Writes what the packet says by the rules of its protocol.
    pub fn describe(&mut self, label: Label, payload: &Payload, state: &mut FlowState, facts: &mut Facts) {
        if let Some(signature) = SIGNATURES.get(usize::from(label)) {
            state.set_current(label);
            (signature.describe)(payload, state, &mut self.shared, facts);
        }
    }

    #[inline]
    fn recognise_labelled(&mut self, payload: &Payload, state: &mut FlowState, label: Label) -> Recognised {
        let Some(signature) = SIGNATURES.get(usize::from(label)) else { return Recognised::Nothing };
        if state.awaits(payload.direction)
            && let Some(other) = self.recognise_reply(payload, state, label)
        {
            return Recognised::Protocol(other);
        }
        state.set_current(label);
        if (signature.continues)(payload, state, &mut self.shared) {
            return Recognised::Protocol(label);
        }
        self.recognise_contradiction(payload, state, label, signature)
    }

    /// The first payload from the other side than the one that the flow got its label from: the protocol of a server that
    /// greets in another one. It is that of the rest of the flow.
    #[cold]
    pub fn recognise_reply(
        &mut self,
        payload: &Payload,
        state: &mut FlowState,
        label: Label,
    ) -> Option<Label> {
        state.forget_reply();
        let others = self.greetings.of_another(payload, label)?;
        let (other, confidence, method) = self.examine(payload, state, others).best?;
        if confidence < Confidence::HIGH {
            return None;
        }
        state.set_label(other, confidence, method);
        Some(other)
    }

    #[cold]
    fn recognise_contradiction(
        &mut self,
        payload: &Payload,
        state: &mut FlowState,
        label: Label,
        signature: &Signature,
    ) -> Recognised {
        let mut others = self.candidates(payload);
        others.remove(label);
        let judged = self.examine(payload, state, others);
        match judged.best {
            Some((other, confidence, method)) => {
                if signature.yields || payload.carrier == Carrier::Tcp {
                    state.set_label(other, confidence, method);
                }
                Recognised::Protocol(other)
            }
            None => Recognised::Nothing,
        }
    }

    fn recognise_new(&mut self, payload: &Payload, state: &mut FlowState) -> Recognised {
        // In the middle of a stream a byte by itself is that of a keep-alive probe (RFC 9293 section 3.8.4): what follows it is not
        // its continuation.
        if payload.carrier == Carrier::Tcp && !payload.at_start && payload.bytes.len() == 1 {
            state.count_attempt(payload, false);
            return Recognised::Nothing;
        }
        let judged = self.examine(payload, state, self.candidates(payload));
        if let Some((label, confidence, method)) = judged.best {
            if payload.carrier == Carrier::Tcp {
                state.await_reply(payload.direction);
            }
            state.set_label(label, confidence, method);
            return Recognised::Protocol(label);
        }
        state.count_attempt(payload, judged.more);
        match judged.more && !state.is_direction_given_up(payload.direction) {
            true => Recognised::More,
            false => Recognised::Nothing,
        }
    }

    /// Whether something has happened that makes it worth to look at a flow again that was given up.
    #[inline]
    fn reopens(&mut self, payload: &Payload, state: &mut FlowState) -> bool {
        state.media_generation != self.shared.media.generation() && self.reopens_for_media(payload, state)
    }

    /// Looks the endpoints of a flow up among those announced, once for each generation of them.
    #[cold]
    fn reopens_for_media(&mut self, payload: &Payload, state: &mut FlowState) -> bool {
        state.media_generation = self.shared.media.generation();
        let is_announced = self.shared.media.find(payload).is_some();
        if is_announced {
            state.reopen();
        }
        is_announced
    }

    #[inline]
    fn candidates(&self, payload: &Payload) -> Candidates {
        let first = payload.bytes.first().map_or(0, |byte| usize::from(*byte));
        let table = match payload.carrier {
            Carrier::Udp => &self.udp,
            Carrier::Tcp => &self.tcp,
            Carrier::Sctp => &self.sctp,
            Carrier::Ip(protocol) => {
                return self.ip.get(usize::from(protocol)).copied().unwrap_or_default();
            }
            Carrier::Ethertype(_) | Carrier::Llc => {
                let found = self.link.iter().find(|(carrier, _)| *carrier == payload.carrier);
                return found.map(|(_, candidates)| *candidates).unwrap_or_default();
            }
        };
        table.get(first).copied().unwrap_or_default()
    }

    /// Asks the candidates in the order of their priority. The first one that is sure wins, else the surest.
    fn examine(&mut self, payload: &Payload, state: &mut FlowState, mut candidates: Candidates) -> Judged {
        let mut judged = Judged { best: None, more: false };
        while let Some(number) = candidates.take_first() {
            let Some(signature) = SIGNATURES.get(usize::from(number)) else { break };
            state.set_current(number);
            match (signature.examine)(payload, state, &mut self.shared) {
                Verdict::No | Verdict::Candidate => {}
                Verdict::More => judged.more = true,
                Verdict::Is(confidence, method) => {
                    if judged.best.is_none_or(|(_, best, _)| confidence > best) {
                        judged.best = Some((number, confidence, method));
                    }
                    if confidence >= Confidence::HIGH {
                        break;
                    }
                }
            }
        }
        judged
    }
}

struct Judged {
    best: Option<(Label, Confidence, Method)>,
    more: bool,
}

fn add(table: &mut [Candidates; 256], first: FirstBytes, number: Label) {
    for (byte, candidates) in table.iter_mut().enumerate() {
        if first.includes(byte as u8) {
            candidates.add(number);
        }
    }
}

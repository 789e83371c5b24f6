//! What a protocol's rule is made of.

use super::{Facts, FlowState, Payload, Shared};

/// One protocol: when its packets are recognised, and what they say.
pub struct Signature {
    /// Name that is reported, as users know it.
    pub name: &'static str,
    /// What carries it.
    pub carriers: &'static [Carrier],
    /// Its well-known ports; they are a hint, and raise confidence where `examine` says so.
    pub ports: &'static [u16],
    /// What its first byte can be; narrows down who is asked about a packet. For UDP, TCP and SCTP.
    pub first: FirstBytes,
    /// Judges the payload of a datagram, or the beginning of one direction of a TCP stream. Never empty.
    pub examine: fn(&Payload, &mut FlowState, &mut Shared) -> Verdict,
    /// For a later payload of a flow that has this label: false where it contradicts the label.
    pub continues: fn(&Payload, &mut FlowState, &mut Shared) -> bool,
    /// First bytes of a later payload that `continues` is to be asked about: with any other, it would say true and
    /// take note of nothing.
    pub asks: FirstBytes,
    /// Writes the info text and the details of a payload; it may begin in the middle of a message.
    pub describe: fn(&Payload, &mut FlowState, &mut Shared, &mut Facts),
    /// Whether another protocol that is recognised later in a UDP flow takes the label over (STUN before RTP).
    pub yields: bool,
}

impl Signature {
    /// To complete a signature from: carried by nothing, says nothing, and holds for the rest of its flow.
    pub const BASE: Self = Self {
        name: "",
        carriers: &[],
        ports: &[],
        first: FirstBytes::Any,
        examine: |_, _, _| Verdict::No,
        continues: holds,
        asks: FirstBytes::Any,
        describe: |_, _, _, _| {},
        yields: false,
    };
}

impl Signature {
    /// Whether a later payload with this first byte has to be shown to `continues`.
    pub fn asks_about(&self, first: u8) -> bool {
        let always_holds: fn(&Payload, &mut FlowState, &mut Shared) -> bool = holds;
        !std::ptr::fn_addr_eq(self.continues, always_holds) && self.asks.includes(first)
    }
}

fn holds(_: &Payload, _: &mut FlowState, _: &mut Shared) -> bool {
    true
}

/// What carries a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A UDP datagram.
    Udp,
    /// A TCP stream.
    Tcp,
    /// The chunks of an SCTP packet.
    Sctp,
    /// An IP packet of another protocol (IANA number).
    Ip(u8),
    /// A frame without IP, by its EtherType.
    Ethertype(u16),
    /// An IEEE 802.3 frame; the payload begins with its 802.2 LLC header.
    Llc,
}

/// First bytes of a payload that a signature is asked about.
#[derive(Clone, Copy, Debug)]
pub enum FirstBytes {
    /// All.
    Any,
    /// These.
    OneOf(&'static [u8]),
    /// These ranges, both ends included.
    Ranges(&'static [(u8, u8)]),
}

impl FirstBytes {
    /// Whether a first byte is one of them.
    pub fn includes(&self, byte: u8) -> bool {
        match *self {
            Self::Any => true,
            Self::OneOf(bytes) => bytes.contains(&byte),
            Self::Ranges(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)),
        }
    }
}

/// What a signature says of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is something else.
    No,
    /// It may be it, if more of this direction of the TCP stream says so. Called again with the same bytes and more.
    More,
    /// It may be it: later packets of the flow decide, by what the signature has noted in the flow's state.
    Candidate,
    /// It is it. From [`Confidence::HIGH`] on no further signature is asked.
    Is(Confidence, Method),
}

/// How sure a verdict is, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Confidence(pub u8);

impl Confidence {
    /// A handshake, a checked secret, or packets that agree.
    pub const DEFINITE: Self = Self(100);
    /// Strict structure with a magic number or an exact length.
    pub const VERY_HIGH: Self = Self(95);
    /// Strict structure.
    pub const HIGH: Self = Self(85);
    /// Structure that other protocols may have; likely.
    pub const MEDIUM: Self = Self(70);
    /// Little more than a hint.
    pub const LOW: Self = Self(50);
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// The structure of one payload.
    #[default]
    Payload,
    /// Structure together with a well-known port.
    Port,
    /// A handshake, or several packets of the flow.
    Handshake,
    /// An endpoint that a session description announced.
    Sdp,
}

impl Method {
    /// Its name in packet details.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Port => "port",
            Self::Handshake => "handshake",
            Self::Sdp => "sdp",
        }
    }
}

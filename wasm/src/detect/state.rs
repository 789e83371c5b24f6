//! What detection remembers of a flow.

use super::{Confidence, LEAST_SEGMENT, Label, MOST_BYTES, MOST_PACKETS, MOST_WAITS, Method, Payload};
use crate::flow::key::Direction;

/// No signature.
const NONE: Label = Label::MAX;

/// Things seen in a flow that several signatures care about.
pub mod seen {
    /// A STUN message.
    pub const STUN: u16 = 1;
    /// A TURN allocation.
    pub const TURN_ALLOCATION: u16 = 2;
    /// A SIP message.
    pub const SIP: u16 = 4;
    /// A server's greeting of a mail or file transfer protocol.
    pub const GREETING: u16 = 8;
    /// A QUIC handshake.
    pub const QUIC: u16 = 16;
    /// An RTP packet, told by its session description or by its successor.
    pub const RTP: u16 = 32;
    /// An IKE message.
    pub const IKE: u16 = 64;
    /// A packet of Google's QUIC that names its version; cleared by one of the IETF's.
    pub const GOOGLE_QUIC: u16 = 128;
    /// A DTLS record.
    pub const DTLS: u16 = 256;
    /// What goes before SRTP whose keys DTLS agrees on (RFC 5764, RFC 8827 section 6.5).
    pub const DTLS_SRTP: u16 = STUN | DTLS;
}

/// Detection's part of a flow's state.
#[derive(Clone, Copy, Debug)]
pub struct FlowState {
    label: Label,
    confidence: Confidence,
    method: Method,
    /// Bits of [`seen`].
    pub seen: u16,
    /// Directions whose first payload may be another protocol's greeting, one bit each.
    awaited: u8,
    /// Generation of the media index in which the flow's endpoints were looked up.
    pub(super) media_generation: u32,
    attempts: [u8; 2],
    /// Looks at the same beginning of a stream, with more behind it each time.
    waits: [u16; 2],
    /// Bytes of that beginning at the last look.
    shown: [u16; 2],
    attempted_bytes: [u16; 2],
    /// The signature being asked.
    current: Label,
    /// The signature that the notes belong to.
    owner: Label,
    notes: [u32; Self::NOTES],
}

impl Default for FlowState {
    fn default() -> Self {
        Self {
            label: NONE,
            confidence: Confidence::default(),
            method: Method::default(),
            seen: 0,
            awaited: 0,
            media_generation: 0,
            attempts: [0; 2],
            waits: [0; 2],
            shown: [0; 2],
            attempted_bytes: [0; 2],
            current: NONE,
            owner: NONE,
            notes: [0; Self::NOTES],
        }
    }
}

impl FlowState {
    /// Words of notes that one signature can keep in a flow.
    pub const NOTES: usize = 6;

    /// The flow's protocol.
    #[inline]
    pub fn label(&self) -> Option<Label> {
        (self.label != NONE).then_some(self.label)
    }

    /// How sure the label is.
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What the label rests on.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Notes that the signature being asked has kept earlier in this flow.
    #[inline]
    pub fn notes(&self) -> Option<&[u32; Self::NOTES]> {
        (self.owner == self.current).then_some(&self.notes)
    }

    /// Notes of the signature being asked, to be written; zeroed when they were another one's.
    #[inline]
    pub fn claim_notes(&mut self) -> &mut [u32; Self::NOTES] {
        if self.owner != self.current {
            self.owner = self.current;
            self.notes = [0; Self::NOTES];
        }
        &mut self.notes
    }

    /// Whether no label was found within the first packets of either direction.
    #[inline]
    pub fn is_given_up(&self) -> bool {
        self.is_spent(0) && self.is_spent(1)
    }

    /// Whether no more packets of this direction are examined.
    #[inline]
    pub(super) fn is_direction_given_up(&self, direction: Direction) -> bool {
        self.is_spent(direction as usize)
    }

    #[inline]
    fn is_spent(&self, side: usize) -> bool {
        self.attempts.get(side).is_some_and(|count| *count >= MOST_PACKETS)
            || self.attempted_bytes.get(side).is_some_and(|bytes| *bytes >= MOST_BYTES)
    }

    /// Whether [`Verdict::More`](super::Verdict::More) would be answered: the flow has no label yet, all of the payload
    /// was captured, and this is not the last look at its direction. Else a signature decides by what it has.
    pub fn may_ask_more(&self, payload: &Payload) -> bool {
        let side = payload.direction as usize;
        self.label == NONE
            && payload.is_whole()
            && payload.bytes.len() < usize::from(MOST_BYTES)
            && self.attempts.get(side).is_some_and(|count| *count < MOST_PACKETS - 1)
    }

    /// Looks at the flow anew, as if it began here.
    pub fn reopen(&mut self) {
        self.attempts = [0; 2];
        self.waits = [0; 2];
        self.shown = [0; 2];
        self.attempted_bytes = [0; 2];
    }

    /// Gives the flow a label.
    pub fn set_label(&mut self, label: Label, confidence: Confidence, method: Method) {
        self.label = label;
        self.confidence = confidence;
        self.method = method;
        self.reopen();
    }

    /// Notes that the flow gets its label from what was sent in this direction: the first payload of the other one, if it
    /// has sent none yet, may tell more.
    pub fn await_reply(&mut self, direction: Direction) {
        let side = direction.opposite() as usize;
        if self.attempts.get(side) == Some(&0) && self.waits.get(side) == Some(&0) {
            self.awaited = 1 << side;
        }
    }

    /// Whether a payload of this direction would be the first reply to the one that gave the flow its label.
    #[inline]
    pub fn awaits(&self, direction: Direction) -> bool {
        self.awaited >> direction as u8 & 1 != 0
    }

    #[inline]
    pub(super) fn forget_reply(&mut self) {
        self.awaited = 0;
    }

    #[inline]
    pub(super) fn set_current(&mut self, signature: Label) {
        self.current = signature;
    }

    /// Counts a look that found nothing; `waits`: at the beginning of a stream, of which more is to come.
    pub(super) fn count_attempt(&mut self, payload: &Payload, waits: bool) {
        let side = payload.direction as usize;
        let (Some(attempts), Some(waited), Some(shown), Some(bytes)) = (
            self.attempts.get_mut(side),
            self.waits.get_mut(side),
            self.shown.get_mut(side),
            self.attempted_bytes.get_mut(side),
        ) else {
            return;
        };
        // What is waited with is shown again, with more behind it.
        let length = payload.bytes.len().min(usize::from(MOST_BYTES)) as u16;
        let added = length.saturating_sub(*shown);
        *shown = if waits { length } else { 0 };
        *bytes = bytes.saturating_add(added);
        if waits && added < LEAST_SEGMENT && *waited < MOST_WAITS {
            *waited += 1;
        } else {
            *attempts = attempts.saturating_add(1);
        }
    }
}

//! Messages that the snapshot length of a capture has cut.

use crate::engine::arrival::Frame;
use crate::engine::{Engine, Oddity};
use crate::net::Packet;
use crate::net::segment::MOST_PAYLOAD;

/// What of a datagram is read as a message: of a head that the snapshot length has cut, the lines that are whole.
#[inline]
pub(super) fn uncut<'a>(packet: &Packet<'a>) -> &'a [u8] {
    if packet.is_complete() { packet.payload } else { whole_lines(packet.payload) }
}

/// Of a head that is cut, the lines that are whole; all where the head is.
#[cold]
pub(super) fn whole_lines(bytes: &[u8]) -> &[u8] {
    let mut lines = bytes.split_inclusive(|octet| *octet == b'\n');
    let has_whole_head = lines.any(|line| matches!(line, b"\n" | b"\r\n"));
    match bytes.iter().rposition(|octet| *octet == b'\n') {
        Some(last) if !has_whole_head => bytes.get(..=last).unwrap_or_default(),
        _ => bytes,
    }
}

impl Engine {
    /// A message that the snapshot length has cut before its Call-ID.
    #[cold]
    pub(super) fn count_cut_message(&mut self, frame: &Frame) {
        self.counters.sip_refused += 1;
        self.counters.rejected_by_mode += 1;
        let what = "begins a SIP message that the snapshot length of the capture has cut before its Call-ID";
        self.notice_once(Oddity::CutSipHead, frame.origin(), what, "sip_refused");
    }

    /// A message of a stream that no frame can hold.
    #[cold]
    pub(super) fn count_shortened(&mut self, frame: &Frame) {
        self.counters.sip_shortened += 1;
        let what = format!(
            "completes a SIP message of more than {MOST_PAYLOAD} bytes, which no frame can hold; it is read as a whole, \
             and its packet shortened as by a snapshot length"
        );
        self.notice_once(Oddity::ShortenedSipMessage, frame.origin(), &what, "sip_shortened");
    }

    /// A message of a stream with a head that is too long.
    #[cold]
    pub(super) fn count_too_long_message(&mut self, frame: &Frame) {
        self.counters.sip_refused += 1;
        let what = "completes the head of a SIP message that is too long to be read";
        self.notice_once(Oddity::SipMessage, frame.origin(), what, "sip_refused");
    }

    #[cold]
    pub(super) fn notice_cut(&mut self, frame: &Frame) {
        let what =
            "is a SIP message that the snapshot length of the capture has cut; it is read as far as it goes";
        self.notice_once(Oddity::CutSipMessage, frame.origin(), what, "sip_messages");
    }
}

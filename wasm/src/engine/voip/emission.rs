//! Packets of calls on their way out.

use super::Voip;
use crate::call::CallKey;
use crate::detect::sip;
use crate::engine::arrival::Frame;
use crate::engine::rendering::Said;
use crate::engine::{CALL_PCAP, Engine, JSON, TEXT, WIRE};
use crate::matching::contents::Content;
use crate::net::{Packet, Transport};
use crate::rtp;
use crate::sip::message::Message;

impl Engine {
    /// A packet passes: it is counted and written where it is asked for. What it matched itself is in the workspace, unless
    /// it belongs to a call.
    pub(super) fn emit(
        &mut self,
        voip: &mut Voip,
        key: Option<CallKey>,
        frame: &Frame,
        packet: &Packet,
        content: Content,
        said: &Said,
    ) {
        if self.limit_reached() {
            self.counters.rejected_by_filters += 1;
            return;
        }
        self.count_kept(frame, packet);
        let outputs = self.options.outputs;
        if let Some(key) = key
            && outputs & CALL_PCAP != 0
        {
            self.put_call_record(voip, key, frame);
        }
        if outputs & (WIRE | JSON | TEXT) == 0 {
            return;
        }
        let (label, protocol) = match content {
            Content::Sip => (voip.sip, "SIP"),
            Content::Rtp => (voip.rtp, "RTP"),
            _ if rtp::rtcp::looks_like_rtcp(packet.payload) => (voip.rtcp, "RTCP"),
            _ => (None, ""),
        };
        // What a message or a packet says in its own metadata is not said again in details. The processor needs no words for
        // media.
        // Lines of media bury those of signalling.
        if content != Content::Sip && !voip.rtp_lines {
            self.options.outputs &= !TEXT;
        }
        let facts = &mut self.scratch.facts;
        facts.clear();
        match said.message {
            Some(message) => sip::say_message(facts, message),
            None if self.options.outputs & (JSON | TEXT) != 0 => {
                self.recognizer.describe_apart(label, packet, frame.timestamp_ns, facts);
            }
            None => {}
        }
        let protocol = (!protocol.is_empty()).then_some(protocol);
        let call = key.and_then(|key| voip.calls.get(key));
        match call {
            None => self.show(frame, packet, protocol, said),
            Some(call) => {
                self.scratch.workspace.matched.clear();
                let said = Said { call_id: call.id(), ids: &call.data.ids.ids, ..*said };
                self.show(frame, packet, protocol, &said);
            }
        }
        self.options.outputs = outputs;
    }

    /// The same for a packet that has waited for the decision on its call.
    pub(super) fn emit_held(&mut self, voip: &mut Voip, key: CallKey, frame: &Frame, packet: &Packet) {
        let bytes = super::cut::uncut(packet);
        let mut message = Message::unread();
        let may_be = packet.transport == Transport::Tcp || super::may_be_sip(bytes);
        if may_be && message.read(bytes).is_ok() {
            let said = Said { message: Some(&message), ..Said::default() };
            return self.emit(voip, Some(key), frame, packet, Content::Sip, &said);
        }
        let header = rtp::packet::Header::parse(bytes).filter(|_| !rtp::rtcp::looks_like_rtcp(bytes));
        let content = if header.is_some() { Content::Rtp } else { Content::Media };
        let said = Said { rtp: header.as_ref(), ..Said::default() };
        self.emit(voip, Some(key), frame, packet, content, &said);
    }

    fn put_call_record(&mut self, voip: &mut Voip, key: CallKey, frame: &Frame) {
        let Voip { calls, endings, .. } = voip;
        let Some(call) = calls.get_mut(key) else { return };
        if call.data.number == 0 {
            call.data.number = endings.pcap.begin(call.id(), frame.timestamp_ns, frame.link_type);
            call.data.link_type = frame.link_type;
        }
        if call.data.link_type != frame.link_type {
            self.counters.unwritable_link_types += 1;
            return;
        }
        endings.pcap.add(call.data.number, frame.timestamp_ns, frame.original_length, frame.data);
    }
}

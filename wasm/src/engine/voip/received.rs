//! The calls in packets that hunters sent: they have been judged, and are reported.

use super::{CallKey, Voip, may_be_sip, passage_of};
use crate::engine::Engine;
use crate::net::{self, Fragment, Transport};
use crate::rtp::candidates::{Endpoints, Verdict};
use crate::sip::message::Message;
use crate::wire::packet_batch::ReceivedPacket;
use crate::wire::protobuf::{Fields, Value};
use crate::wire::schema::captured_packet::MATCHED_FILTER_IDS;

impl Engine {
    /// Adds a received packet to its call. The hunter has put together what belongs together: a message is a packet.
    pub(in crate::engine) fn observe_received(&mut self, received: &ReceivedPacket) {
        let Some(mut voip) = self.voip.take() else { return };
        let packet = net::decode_record(received.link_type, received.frame, received.original_length);
        let is_transport = matches!(packet.transport, Transport::Udp | Transport::Tcp);
        if is_transport && packet.fragment == Fragment::None {
            let passage = passage_of(&packet, received.timestamp_ns);
            let Voip { calls, endings, candidates, .. } = &mut *voip;
            let message = may_be_sip(packet.payload).then(|| Message::parse(packet.payload).ok()).flatten();
            if let Some(message) = message {
                let key = calls.observe_sip(&message, &passage, &mut |call| endings.end(call));
                if let Some(key) = key {
                    voip.take_ids(key, received);
                }
            } else if packet.transport == Transport::Udp
                && calls.observe_media(packet.payload, &passage).is_none()
            {
                let endpoints = Endpoints::from(&passage);
                let verdict = candidates.observe(packet.payload, &endpoints, received.timestamp_ns);
                if let Verdict::Accepted(header, _) = verdict {
                    let end = &mut |call: &mut _| endings.end(call);
                    if let Some(key) = calls.begin_rtp_only(&header, &passage, end) {
                        calls.observe_media(packet.payload, &passage);
                        voip.take_ids(key, received);
                    }
                }
            }
            voip.expire(received.timestamp_ns);
        }
        self.voip = Some(voip);
    }
}

impl Voip {
    /// The filters that a call matched are those of its packets.
    fn take_ids(&mut self, key: CallKey, received: &ReceivedPacket) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.data.is_matched = true;
        for field in Fields::of(received.encoded) {
            if let (number, Value::Bytes(id)) = field
                && number == MATCHED_FILTER_IDS.number
                && let Ok(id) = std::str::from_utf8(id)
                && call.data.ids.len() < MOST_IDS
                && !call.data.ids.iter().any(|known| **known == *id)
            {
                call.data.ids.push(id.into());
            }
        }
    }
}

/// Filters of one call that are reported.
const MOST_IDS: usize = 64;

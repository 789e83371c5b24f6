//! The calls in packets that hunters sent: they have been judged, and are reported.

use super::{CallKey, Voip, may_be_sip, passage_of};
use crate::detect::text_message::number as number_of;
use crate::engine::{Engine, hash_of};
use crate::net::{self, Fragment, Transport, Tunnels};
use crate::rtp::candidates::{Endpoints, Verdict};
use crate::sip::message::Message;
use crate::wire::packet_batch::ReceivedPacket;
use crate::wire::protobuf::{Fields, Value, map_entry};
use crate::wire::schema::captured_packet::MATCHED_FILTER_IDS;
use crate::wire::schema::packet_metadata::DETAILS;

impl Engine {
    /// Takes up the calls of a hunter. What was in their place.
    pub(in crate::engine) fn begin_hunter(&mut self, hunter_id: &[u8]) -> Option<Box<Voip>> {
        let own = self.voip.take()?;
        let known = self.hunters.remove(&hash_of(hunter_id));
        self.voip = Some(known.unwrap_or_else(|| Voip::new(self.options.outputs, &self.settings)));
        Some(own)
    }

    /// Puts the calls of a hunter back.
    pub(in crate::engine) fn end_hunter(&mut self, hunter_id: &[u8], own: Option<Box<Voip>>) {
        let Some(voip) = self.voip.take() else { return };
        let evicted = self.hunters.insert(hash_of(hunter_id), voip);
        if let Some((_, evicted)) = evicted {
            self.voip = Some(evicted);
            self.finish_calls(&[]);
            self.close_piece();
        }
        self.voip = own;
    }

    /// Does something with the calls of each hunter.
    pub(in crate::engine) fn for_each_hunter(&mut self, act: &mut dyn FnMut(&mut Self)) {
        let own = self.voip.take();
        let mut hunters = Vec::with_capacity(self.hunters.len());
        while let Some(one) = self.hunters.pop_oldest_if(|_, _| true) {
            hunters.push(one);
        }
        for (key, voip) in hunters {
            self.voip = Some(voip);
            act(self);
            self.close_piece();
            if let Some(voip) = self.voip.take() {
                self.hunters.insert(key, voip);
            }
        }
        self.voip = own;
    }

    /// Adds a received packet to its call. The hunter has put together what belongs together: a message is a packet.
    pub(in crate::engine) fn observe_received(&mut self, received: &ReceivedPacket) {
        let Some(mut voip) = self.voip.take() else { return };
        let mut packet = net::decode_record(received.link_type, received.frame, received.original_length);
        if packet.tunnels().is_empty()
            && let Some(network) = vxlan_of(received.metadata)
        {
            packet.put_into(&Tunnels::vxlan(network));
        }
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
                if let Verdict::Accepted(header, quality) = verdict {
                    let end = &mut |call: &mut _| endings.end(call);
                    if let Some(key) = calls.begin_rtp_only(header.ssrc, &passage, quality.first_ns(), end) {
                        calls.observe_media(packet.payload, &passage);
                        voip.take_ids(key, received);
                    }
                }
            }
            while let Some((heir, left)) = voip.take_heirs() {
                if let Some(call) = voip.calls.get_mut(heir) {
                    call.data.is_matched |= left.is_matched;
                    left.ids.ids.iter().for_each(|id| call.data.add_id(id, 0));
                }
            }
            voip.expire(received.timestamp_ns);
            self.count_endings(&mut voip, &[]);
        }
        self.voip = Some(voip);
    }
}

/// The VXLAN network that a packet was in: hunters take the tunnel off, and say so in the details.
fn vxlan_of(metadata: &[u8]) -> Option<u32> {
    let (mut is_vxlan, mut id) = (false, None);
    for (number, entry) in Fields::of(metadata) {
        let Value::Bytes(entry) = entry else { continue };
        if number != DETAILS.number {
            continue;
        }
        let (key, value) = map_entry(entry);
        match key {
            b"tunnel" => is_vxlan = value == b"VXLAN",
            b"tunnel_id" => id = number_of(value),
            _ => {}
        }
    }
    id.filter(|_| is_vxlan)
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
            {
                call.data.add_id(id, 0);
            }
        }
    }
}

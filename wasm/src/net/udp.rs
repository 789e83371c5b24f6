//! UDP (RFC 768).

use super::{Faults, Fragment, Next, Packet, Transport, tunnel};

const HEADER_LENGTH: usize = 8;

#[inline(always)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&[s0, s1, d0, d1]) = packet.payload.first_chunk::<4>() else {
        let ends = packet.ends_before(4);
        return packet.stop(if ends { Faults::UDP_LENGTH } else { Faults::HEADER_CUT });
    };
    packet.transport = Transport::Udp;
    packet.source_port = u16::from_be_bytes([s0, s1]);
    packet.destination_port = u16::from_be_bytes([d0, d1]);
    let length =
        packet.payload.get(4..6).and_then(<[u8]>::first_chunk).map(|field| u16::from_be_bytes(*field));
    if packet.payload.len() < HEADER_LENGTH {
        let ends = packet.ends_before(HEADER_LENGTH);
        packet.strip(HEADER_LENGTH);
        return packet.stop(if ends { Faults::UDP_LENGTH } else { Faults::HEADER_CUT });
    }
    packet.strip(HEADER_LENGTH);
    let length = usize::from(length.unwrap_or(0));
    // 0 means the end of the packet, in a jumbogram (RFC 2675) or under segmentation offload.
    match length.checked_sub(HEADER_LENGTH) {
        Some(payload)
            if !packet.ends_before(payload) || matches!(packet.fragment, Fragment::First { .. }) =>
        {
            packet.truncate(payload as u32);
        }
        _ => packet.faults |= Faults::UDP_LENGTH,
    }
    if tunnel::has_udp_port(packet.source_port) | tunnel::has_udp_port(packet.destination_port) {
        return Next::Tunnel;
    }
    Next::End
}

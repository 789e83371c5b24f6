//! IPv4 (RFC 791).

use super::{Address, Faults, Fragment, IpHeader, Next, Packet, extension, protocol};

const LEAST_HEADER_LENGTH: usize = 20;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

#[inline(always)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&header) = packet.payload.first_chunk::<LEAST_HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    let [first, _, t0, t1, i0, i1, f0, f1, hop_limit, next, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    if first >> 4 != 4 {
        return packet.stop(Faults::IP_VERSION);
    }
    let header_length = usize::from(first & 0xf) * 4;
    if header_length < LEAST_HEADER_LENGTH {
        return packet.stop(Faults::IP_HEADER_LENGTH);
    }
    packet.enter_network_layer();
    packet.ip = Some(IpHeader {
        source: Address::v4([s0, s1, s2, s3]),
        destination: Address::v4([d0, d1, d2, d3]),
        version: 4,
        protocol: next,
        hop_limit,
    });
    // A total length of 0 means segmentation offload: the packet goes to the end of the frame.
    let total_length = u16::from_be_bytes([t0, t1]);
    if packet.overflows_tunnel(usize::from(total_length)) {
        return packet.stop(Faults::IP_TOTAL_LENGTH);
    }
    if usize::from(total_length) >= header_length {
        packet.truncate(u32::from(total_length));
    } else if total_length != 0 {
        packet.faults |= Faults::IP_TOTAL_LENGTH;
    }
    if packet.payload.len() < header_length {
        let ends = packet.ends_before(header_length);
        packet.strip(header_length);
        return packet.stop(if ends { Faults::IP_HEADER_LENGTH } else { Faults::HEADER_CUT });
    }
    packet.strip(header_length);
    let fragment = u16::from_be_bytes([f0, f1]);
    if fragment & (MORE_FRAGMENTS | OFFSET) != 0 {
        let identification = u32::from(u16::from_be_bytes([i0, i1]));
        let offset = (fragment & OFFSET) * 8;
        if offset != 0 {
            packet.fragment = Fragment::Later { identification, offset };
            return Next::End;
        }
        packet.fragment = Fragment::First { identification };
    }
    match next {
        protocol::AUTHENTICATION => extension::decode(packet, next),
        _ => Next::Protocol(next),
    }
}

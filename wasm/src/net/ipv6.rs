//! IPv6 (RFC 8200).

use super::{Address, Faults, IpHeader, Next, Packet, extension};

const HEADER_LENGTH: usize = 40;

#[inline(always)]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some((header, _)) = packet.payload.split_first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    let &[first, _, _, _, l0, l1, next, hop_limit, ref addresses @ ..] = header;
    if first >> 4 != 6 {
        return packet.stop(Faults::IP_VERSION);
    }
    let (source, destination) = addresses.split_at(16);
    let address =
        |octets: &[u8]| octets.first_chunk().map_or(Address::v6([0; 16]), |octets| Address::v6(*octets));
    packet.enter_network_layer();
    packet.ip = Some(IpHeader {
        source: address(source),
        destination: address(destination),
        version: 6,
        protocol: next,
        hop_limit,
    });
    packet.strip(HEADER_LENGTH);
    // A payload length of 0 means a jumbogram or segmentation offload: the packet goes to the end of the frame.
    let payload_length = u16::from_be_bytes([l0, l1]);
    if packet.overflows_tunnel(usize::from(payload_length)) {
        return packet.stop(Faults::IP_TOTAL_LENGTH);
    }
    if payload_length != 0 {
        packet.truncate(u32::from(payload_length));
    }
    extension::decode(packet, next)
}

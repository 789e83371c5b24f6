//! The Point-to-Point Protocol (RFC 1661), on its own or in HDLC-like framing (RFC 1662), and Cisco HDLC beside it.

use super::{Faults, Next, Packet, ethertype};

/// Address (all stations) and Control (unnumbered information) of HDLC-like framing.
const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];
const CISCO_HEADER_LENGTH: usize = 4;
/// Addresses of Cisco HDLC, which no PPP frame begins with.
const CISCO_UNICAST: u8 = 0x0f;
const CISCO_MULTICAST: u8 = 0x8f;

/// PPP; a protocol that is not read stays in the payload with its number.
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    if packet.payload.starts_with(&ADDRESS_AND_CONTROL) {
        packet.strip(ADDRESS_AND_CONTROL.len());
    }
    match header(packet.payload) {
        Some((length, ethertype)) => {
            packet.strip(length);
            Next::EtherType(ethertype)
        }
        None if packet.payload.len() < 2 => packet.stop(Faults::HEADER_CUT),
        None => Next::End,
    }
}

/// PPP or Cisco HDLC, by the address.
pub(super) fn decode_hdlc(packet: &mut Packet<'_>) -> Next {
    match packet.payload.first() {
        Some(&(CISCO_UNICAST | CISCO_MULTICAST)) => decode_cisco(packet),
        _ => decode(packet),
    }
}

/// Cisco HDLC: an address, a byte, and an EtherType.
pub(super) fn decode_cisco(packet: &mut Packet<'_>) -> Next {
    let Some(&[.., high, low]) = packet.payload.first_chunk::<CISCO_HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(CISCO_HEADER_LENGTH);
    Next::EtherType(u16::from_be_bytes([high, low]))
}

/// Length and meaning, as an EtherType, of the PPP header at the front of `bytes`, if it is one of IP or MPLS.
pub(super) fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let framing = if bytes.starts_with(&ADDRESS_AND_CONTROL) { ADDRESS_AND_CONTROL.len() } else { 0 };
    // The second byte of a protocol number is odd, the first is even: a compressed one lacks the first, which is 0.
    let (length, number) = match *bytes.get(framing..)? {
        [low, ..] if low & 1 != 0 => (1, u16::from(low)),
        [high, low, ..] => (2, u16::from_be_bytes([high, low])),
        _ => return None,
    };
    let ethertype = match number {
        0x0021 => ethertype::IPV4,
        0x0057 => ethertype::IPV6,
        0x0281 => ethertype::MPLS,
        0x0283 => ethertype::MPLS_UPSTREAM,
        _ => return None,
    };
    Some((framing + length, ethertype))
}

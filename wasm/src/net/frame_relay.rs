//! Frame Relay: the address of Q.922, then IP as RFC 2427 has it carried, or an EtherType as Cisco has it.

use super::{Faults, Next, Packet, ethertype, ppp};

/// Longest address in bytes (Q.922 section 3.3.1).
const MOST_ADDRESS: usize = 4;
/// Marks the last byte of the address.
const LAST: u8 = 1;
/// Control: unnumbered information.
const UNNUMBERED: u8 = 0x03;

/// Network layer protocol identifiers (RFC 2427 section 5, ISO/IEC TR 9577).
mod nlpid {
    pub const PAD: u8 = 0x00;
    pub const SNAP: u8 = 0x80;
    pub const IPV6: u8 = 0x8e;
    pub const IPV4: u8 = 0xcc;
    pub const PPP: u8 = 0xcf;
}

pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let address = packet.payload.iter().take(MOST_ADDRESS).position(|byte| byte & LAST != 0);
    let Some(last) = address.filter(|last| *last > 0) else { return packet.stop(Faults::HEADER_CUT) };
    packet.strip(last + 1);
    match *packet.payload {
        [UNNUMBERED, nlpid::PAD, identifier, ..] => {
            packet.strip(3);
            by_identifier(packet, identifier)
        }
        [UNNUMBERED, identifier, ..] => {
            packet.strip(2);
            by_identifier(packet, identifier)
        }
        [high, low, ..] => {
            packet.strip(2);
            Next::EtherType(u16::from_be_bytes([high, low]))
        }
        _ => packet.stop(Faults::HEADER_CUT),
    }
}

fn by_identifier(packet: &mut Packet<'_>, identifier: u8) -> Next {
    match (identifier, packet.payload.first_chunk::<5>()) {
        (nlpid::IPV4, _) => Next::EtherType(ethertype::IPV4),
        (nlpid::IPV6, _) => Next::EtherType(ethertype::IPV6),
        (nlpid::PPP, _) => ppp::decode(packet),
        (nlpid::SNAP, Some(&[0, 0, 0, high, low])) => {
            packet.strip(5);
            Next::EtherType(u16::from_be_bytes([high, low]))
        }
        (nlpid::SNAP, None) => packet.stop(Faults::HEADER_CUT),
        _ => Next::End,
    }
}

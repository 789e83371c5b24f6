//! BSD loopback: four bytes of address family, in one byte order or the other.

use super::{Faults, Next, Packet, ethertype};

const HEADER_LENGTH: usize = 4;
const AF_INET: u32 = 2;

#[inline]
pub(super) fn decode(packet: &mut Packet<'_>) -> Next {
    let Some(&header) = packet.payload.first_chunk::<HEADER_LENGTH>() else {
        return packet.stop(Faults::HEADER_CUT);
    };
    packet.strip(HEADER_LENGTH);
    // Families are small numbers, so the smaller reading is the right one.
    match by_family(u32::from_be_bytes(header).min(u32::from_le_bytes(header))) {
        Next::End => by_ethertype(header, packet.payload),
        known => known,
    }
}

/// No family: Cisco HDLC, or the like, under the number of loopback, if its EtherType fits what follows.
#[cold]
fn by_ethertype([.., high, low]: [u8; HEADER_LENGTH], network: &[u8]) -> Next {
    match (u16::from_be_bytes([high, low]), network.first().map(|byte| byte >> 4)) {
        (ethertype @ ethertype::IPV4, Some(4)) | (ethertype @ ethertype::IPV6, Some(6)) => {
            Next::EtherType(ethertype)
        }
        _ => Next::End,
    }
}

/// What the address family says that follows.
pub(super) fn by_family(family: u32) -> Next {
    match family {
        AF_INET => Next::EtherType(ethertype::IPV4),
        // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, and of Darwin.
        10 | 24 | 28 | 30 => Next::EtherType(ethertype::IPV6),
        _ => Next::End,
    }
}

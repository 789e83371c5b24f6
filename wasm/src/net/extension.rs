//! IPv6 extension headers (RFC 8200 section 4, RFC 7045), and the Authentication Header, which IPv4 has too.

use super::{Faults, Fragment, Next, Packet, protocol};

/// Most extension headers that are read.
const MOST_HEADERS: usize = 16;
const FRAGMENT_HEADER_LENGTH: usize = 8;
const MORE_FRAGMENTS: u16 = 1;
const OFFSET: u16 = 0xfff8;

/// Takes off all extension headers, the first of which has the number `header`, and says what follows them.
#[inline]
pub(super) fn decode(packet: &mut Packet<'_>, mut header: u8) -> Next {
    for _ in 0..=MOST_HEADERS {
        let unit = match header {
            protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HOST_IDENTITY
            | protocol::SHIM6 => 8,
            protocol::AUTHENTICATION => 4,
            protocol::FRAGMENT => 0,
            upper_layer => return Next::Protocol(upper_layer),
        };
        let Some(&[next, length, f0, f1, i0, i1, i2, i3]) = packet.payload.first_chunk::<8>() else {
            return cut(packet, 8);
        };
        let length = match unit {
            8 => (usize::from(length) + 1) * 8,
            4 => (usize::from(length) + 2) * 4,
            _ => FRAGMENT_HEADER_LENGTH,
        };
        if packet.payload.len() < length {
            return cut(packet, length);
        }
        packet.strip(length);
        if let Some(ip) = &mut packet.ip {
            ip.protocol = next;
        }
        if header == protocol::FRAGMENT {
            let fragment = u16::from_be_bytes([f0, f1]);
            let identification = u32::from_be_bytes([i0, i1, i2, i3]);
            if fragment & OFFSET != 0 {
                packet.fragment = Fragment::Later { identification, offset: fragment & OFFSET };
                return Next::End;
            }
            if fragment & MORE_FRAGMENTS != 0 {
                packet.fragment = Fragment::First { identification };
            }
        }
        header = next;
    }
    packet.stop(Faults::TOO_DEEP)
}

/// The payload ends before the end of a header of `length` bytes.
#[cold]
fn cut(packet: &mut Packet<'_>, length: usize) -> Next {
    let fault = if packet.ends_before(length) { Faults::EXTENSION_LENGTH } else { Faults::HEADER_CUT };
    packet.stop(fault)
}

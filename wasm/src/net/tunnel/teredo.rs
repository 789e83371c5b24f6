//! Teredo (RFC 4380): perhaps two indications, and an IPv6 packet that fills the datagram.

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethertype};

const AUTHENTICATION: [u8; 2] = [0, 1];
const ORIGIN: [u8; 2] = [0, 0];
/// Indicator and the lengths of client identifier and authentication value.
const AUTHENTICATION_FIXED_LENGTH: usize = 4;
/// Nonce and confirmation.
const AUTHENTICATION_END_LENGTH: usize = 9;
const ORIGIN_LENGTH: usize = 8;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let mut length = 0;
    if let Some(&[i0, i1, identifier_length, value_length]) = packet.payload.first_chunk()
        && [i0, i1] == AUTHENTICATION
    {
        length = AUTHENTICATION_FIXED_LENGTH
            + usize::from(identifier_length)
            + usize::from(value_length)
            + AUTHENTICATION_END_LENGTH;
    }
    if packet.payload.get(length..)?.starts_with(&ORIGIN) {
        length += ORIGIN_LENGTH;
    }
    let (ethertype, ip_length) = packet.ip_at(length)?;
    (ethertype == ethertype::IPV6 && length + ip_length == packet.payload_length as usize)
        .then(|| packet.tunnel_header(TunnelKind::Teredo, 0, length, Content::EtherType(ethertype)))
}

//! EtherIP (RFC 3378): a version in front of an Ethernet frame; and an Ethernet frame alone (RFC 8986).

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, mpls};

/// Version 3 and reserved bits.
const HEADER: [u8; 2] = [0x30, 0];

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    packet
        .payload
        .starts_with(&HEADER)
        .then(|| packet.tunnel_header(TunnelKind::EtherIp, 0, HEADER.len(), Content::Ethernet))
}

pub(super) fn bare_header(packet: &Packet<'_>) -> Option<Header> {
    mpls::is_ethernet(packet.payload)
        .then(|| packet.tunnel_header(TunnelKind::EthernetInIp, 0, 0, Content::Ethernet))
}

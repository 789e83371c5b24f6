//! MPLS in UDP (RFC 7510): a label stack, and an IP packet or a pseudowire that fit what is there.

use super::{Content, Header, TunnelKind};
use crate::net::{Packet, ethertype, mpls};

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let stack_length = mpls::stack_length(packet.payload)?;
    let is_plausible = packet.ip_at(stack_length).is_some()
        || packet.payload.get(stack_length..).is_some_and(mpls::is_pseudowire);
    is_plausible
        .then(|| packet.tunnel_header(TunnelKind::MplsInUdp, 0, 0, Content::EtherType(ethertype::MPLS)))
}

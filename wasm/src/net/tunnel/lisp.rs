//! The Locator/ID Separation Protocol, data plane (RFC 9300 section 5): a header in front of an IP packet.

use super::{Content, Header, TunnelKind};
use crate::net::Packet;

const LENGTH: usize = 8;
/// An instance identifier is there.
const INSTANCE: u8 = 0x08;
/// Unassigned; with it, a nonce is not one.
const UNASSIGNED: u8 = 0x07;

pub(super) fn header(packet: &Packet<'_>) -> Option<Header> {
    let &[flags, _, _, _, i0, i1, i2, _] = packet.payload.first_chunk::<LENGTH>()?;
    let (ethertype, _) = packet.ip_at(LENGTH)?;
    let id = if flags & INSTANCE != 0 { u32::from_be_bytes([0, i0, i1, i2]) } else { 0 };
    (flags & UNASSIGNED == 0)
        .then(|| packet.tunnel_header(TunnelKind::Lisp, id, LENGTH, Content::EtherType(ethertype)))
}

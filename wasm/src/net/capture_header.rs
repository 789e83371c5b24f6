//! Headers that a capturing machine puts in front of a frame, with a link type of their own: what it knows of the
//! packet. The frame behind them has another link type.

mod juniper;
mod pktap;
mod ppi;

use super::{Faults, Next, Packet, link_layer, link_type};

/// libpcap's direction, in front of a frame of a serial line.
const DIRECTION_LENGTH: usize = 1;
/// OpenBSD's enc(4): address family, security parameters index and flags.
const ENC_LENGTH: usize = 12;
/// Solaris' IPNET: versions, lengths, interfaces and zones.
const IPNET_LENGTH: usize = 24;
/// Broadcom's switch tag, where it is in front of all of the frame.
const BROADCOM_TAG_LENGTH: usize = 4;
/// Hilscher's netANALYZER.
const NET_ANALYZER_LENGTH: usize = 4;

/// Bytes in front of an Ethernet frame on the line (IEEE 802.3 clauses 35 and 99).
mod preamble {
    pub(super) const BYTE: u8 = 0x55;
    pub(super) const MOST: usize = 7;
    /// Start of an express frame, and of preemptable ones from their beginning on.
    pub(super) const STARTS: [u8; 5] = [0xd5, 0xe6, 0x4c, 0x7f, 0xb3];
}

/// The frame behind a capture header.
#[derive(Clone, Copy)]
struct Content {
    link_type: u32,
    /// Bytes of the header.
    header_length: usize,
}

/// Whether frames of this link type begin with a capture header.
pub(super) fn has(link_type: u32) -> bool {
    matches!(
        link_type,
        link_type::ENC
            | link_type::USER2
            | link_type::JUNIPER_ETHER
            | link_type::JUNIPER_PPP
            | link_type::JUNIPER_FRELAY
            | link_type::JUNIPER_CHDLC
            | link_type::PPI
            | link_type::PPP_WITH_DIR
            | link_type::C_HDLC_WITH_DIR
            | link_type::FRELAY_WITH_DIR
            | link_type::IPNET
            | link_type::NETANALYZER
            | link_type::PKTAP
            | link_type::ETHERNET_MPACKET
            | link_type::DSA_TAG_BRCM_PREPEND
    )
}

/// Takes the header off, and the link layer behind it.
#[cold]
pub(super) fn decode(packet: &mut Packet<'_>, link_type: u32) -> Next {
    match find(link_type, packet.payload) {
        Ok(Content { link_type, header_length }) => {
            packet.strip(header_length);
            match link_layer(link_type) {
                Some(link_layer) => link_layer(packet),
                None => Next::End,
            }
        }
        Err(fault) => packet.stop(fault),
    }
}

/// Link type and bytes of the frame behind the capture header of this one; `None` where there is none, or a frame of a
/// link type that is not known.
pub fn content(link_type: u32, frame: &[u8]) -> Option<(u32, &[u8])> {
    if !has(link_type) {
        return None;
    }
    let Content { link_type, header_length } = find(link_type, frame).ok()?;
    link_layer(link_type)?;
    Some((link_type, frame.get(header_length..)?))
}

/// Makes the header of a frame of the first link type say that one of the second type follows, if it can.
pub(super) fn set_link_type(link_type: u32, header: &mut [u8], content: u32) {
    let at = match link_type {
        link_type::PKTAP | link_type::USER2 => pktap::LINK_TYPE_AT,
        link_type::PPI => ppi::LINK_TYPE_AT,
        _ => return,
    };
    if let Some(field) = header.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = content.to_le_bytes();
    }
}

/// What follows the header, or what is wrong with it; no fault where there is no header that is known.
fn find(link_type: u32, frame: &[u8]) -> Result<Content, Faults> {
    let behind = |header_length: usize, link_type: u32| match frame.len() < header_length {
        true => Err(Faults::HEADER_CUT),
        false => Ok(Content { link_type, header_length }),
    };
    match link_type {
        link_type::PKTAP => pktap::find(frame),
        link_type::USER2 => pktap::find_under_private_number(frame),
        link_type::PPI => ppi::find(frame),
        link_type::JUNIPER_ETHER => juniper::find(frame, link_type::ETHERNET),
        link_type::JUNIPER_PPP => juniper::find(frame, link_type::PPP),
        link_type::JUNIPER_FRELAY => juniper::find(frame, link_type::FRELAY),
        link_type::JUNIPER_CHDLC => juniper::find(frame, link_type::C_HDLC),
        link_type::PPP_WITH_DIR => behind(DIRECTION_LENGTH, link_type::PPP),
        link_type::C_HDLC_WITH_DIR => behind(DIRECTION_LENGTH, link_type::C_HDLC),
        link_type::FRELAY_WITH_DIR => behind(DIRECTION_LENGTH, link_type::FRELAY),
        link_type::ENC => behind(ENC_LENGTH, link_type::RAW),
        link_type::IPNET => behind(IPNET_LENGTH, link_type::RAW),
        link_type::DSA_TAG_BRCM_PREPEND => behind(BROADCOM_TAG_LENGTH, link_type::ETHERNET),
        link_type::NETANALYZER => behind(NET_ANALYZER_LENGTH, link_type::ETHERNET),
        link_type::ETHERNET_MPACKET => behind(preamble_length(frame)?, link_type::ETHERNET),
        _ => Err(Faults::default()),
    }
}

/// Bytes in front of the addresses; no fault for a frame that goes on another one.
fn preamble_length(frame: &[u8]) -> Result<usize, Faults> {
    let preamble = frame.iter().take(preamble::MOST).take_while(|byte| **byte == preamble::BYTE).count();
    match frame.get(preamble) {
        Some(start) if preamble::STARTS.contains(start) => Ok(preamble + 1),
        Some(_) => Err(Faults::default()),
        None => Err(Faults::HEADER_CUT),
    }
}

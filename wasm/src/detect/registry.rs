//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::Signature;
use super::{dtls, h323, iax2, megaco, mgcp, rtcp, rtp, rtsp, sip, skinny, ssh, stun, t38, zrtp};

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Magic numbers and exact lengths.
    &stun::STUN,
    &stun::TURN,
    &dtls::DTLS,
    &zrtp::ZRTP,
    &h323::H225,
    &h323::RAS,
    &skinny::SKINNY,
    // Text start lines.
    &ssh::SSH,
    &sip::SIP,
    &rtsp::RTSP,
    &mgcp::MGCP,
    &megaco::MEGACO,
    // Structure.
    &rtcp::RTCP,
    &iax2::IAX2,
    // Statistics and flow state.
    &t38::T38,
    &rtp::RTP,
];

const _: () = assert!(SIGNATURES.len() <= 128);

//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::{Label, Signature};
use super::{
    bgp, dtls, h323, iax2, megaco, messaging, mgcp, modbus, mongodb, mysql, postgresql, redis, rtcp, rtp,
    rtsp, sip, skinny, ssh, stun, t38, tds, windows, zrtp,
};

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Magic numbers and exact lengths.
    &messaging::AMQP,
    &messaging::MQTT,
    &windows::SMB,
    &windows::RDP,
    &windows::KERBEROS,
    &windows::LDAP,
    &bgp::BGP,
    &mongodb::MONGODB,
    &tds::TDS,
    // Text start lines.
    &ssh::SSH,
    &messaging::NATS,
    &redis::REDIS,
    // Structure.
    &mysql::MYSQL,
    &postgresql::POSTGRESQL,
    &messaging::KAFKA,
    &modbus::MODBUS,
    &stun::STUN,
    &stun::TURN,
    &dtls::DTLS,
    &zrtp::ZRTP,
    &h323::H225,
    &h323::RAS,
    &skinny::SKINNY,
    &sip::SIP,
    &rtsp::RTSP,
    &mgcp::MGCP,
    &megaco::MEGACO,
    &rtcp::RTCP,
    &iax2::IAX2,
    // Statistics and flow state.
    &t38::T38,
    &rtp::RTP,
];

const _: () = assert!(SIGNATURES.len() <= 128);

/// The number of the signature with this name.
pub fn label_of(name: &str) -> Option<Label> {
    SIGNATURES.iter().position(|signature| signature.name == name).map(|at| at as Label)
}

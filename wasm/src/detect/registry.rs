//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::{Label, Signature};
use super::{
    bgp, dtls, ftp, h323, http, http2, iax2, imap, megaco, messaging, mgcp, modbus, mongodb, mysql, pop3,
    postgresql, quic, redis, rtcp, rtp, rtsp, sip, skinny, smtp, ssdp, ssh, stun, t38, tds, telnet, tls,
    websocket, windows, xmpp, zrtp,
};

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Announced endpoints: whatever they carry.
    &ftp::FTP_DATA,
    // Magic numbers, checked secrets and exact lengths.
    &stun::STUN,
    &stun::TURN,
    &dtls::DTLS,
    &zrtp::ZRTP,
    &tls::TLS,
    &quic::QUIC,
    &http2::GRPC,
    &http2::HTTP2,
    &messaging::AMQP,
    &messaging::MQTT,
    &windows::SMB,
    &windows::RDP,
    &windows::KERBEROS,
    &windows::LDAP,
    &bgp::BGP,
    &mongodb::MONGODB,
    &tds::TDS,
    &h323::H225,
    &h323::RAS,
    // Text start lines.
    &sip::SIP,
    &rtsp::RTSP,
    &websocket::WEBSOCKET,
    &http::HTTP,
    &ssdp::SSDP,
    &mgcp::MGCP,
    &megaco::MEGACO,
    &ssh::SSH,
    &xmpp::XMPP,
    &smtp::SMTP,
    &imap::IMAP,
    &pop3::POP3,
    &ftp::FTP,
    &messaging::NATS,
    &redis::REDIS,
    // Structure.
    &telnet::TELNET,
    &mysql::MYSQL,
    &postgresql::POSTGRESQL,
    &messaging::KAFKA,
    &modbus::MODBUS,
    &skinny::SKINNY,
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

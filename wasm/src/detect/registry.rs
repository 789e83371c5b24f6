//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::Signature;
use super::{ftp, http, http2, imap, pop3, quic, smtp, ssdp, ssh, telnet, tls, websocket, xmpp};

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Announced endpoints: whatever they carry.
    &ftp::FTP_DATA,
    // Magic numbers and exact lengths.
    &tls::TLS,
    &quic::QUIC,
    &http2::GRPC,
    &http2::HTTP2,
    // Text start lines.
    &ssh::SSH,
    &websocket::WEBSOCKET,
    &http::HTTP,
    &ssdp::SSDP,
    &xmpp::XMPP,
    &smtp::SMTP,
    &imap::IMAP,
    &pop3::POP3,
    &ftp::FTP,
    // Structure.
    &telnet::TELNET,
    // Statistics and flow state.
];

const _: () = assert!(SIGNATURES.len() <= 128);

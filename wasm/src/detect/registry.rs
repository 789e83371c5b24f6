//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::{Label, Signature};
use super::{bgp, messaging, modbus, mongodb, mysql, postgresql, redis, ssh, tds, windows};

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
    // Statistics and flow state.
];

const _: () = assert!(SIGNATURES.len() <= 128);

/// The number of the signature with this name.
pub fn label_of(name: &str) -> Option<Label> {
    SIGNATURES.iter().position(|signature| signature.name == name).map(|at| at as Label)
}

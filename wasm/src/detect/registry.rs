//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::Signature;
use super::ssh;

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Magic numbers and exact lengths.
    // Text start lines.
    &ssh::SSH,
    // Structure.
    // Statistics and flow state.
];

const _: () = assert!(SIGNATURES.len() <= 128);

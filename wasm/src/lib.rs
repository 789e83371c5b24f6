//! Caracal's packet engine.
#![warn(missing_docs)]

pub mod bounded;
pub mod dns;
pub mod net;
pub mod record;

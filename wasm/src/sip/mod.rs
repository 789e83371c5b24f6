//! SIP (RFC 3261): who a message is from and to, and what media it offers. The heads of messages only, without a copy.

pub mod address;
pub mod equipment;
pub mod message;
pub mod session_description;

//! SIP (RFC 3261): messages and their framing in streams, who they are from and to, what media they offer. Everything is
//! a part of the bytes at hand, without a copy.

pub mod address;
mod body;
pub mod equipment;
pub mod fault;
pub mod framing;
pub mod header;
mod lines;
pub mod message;
pub mod parts;
pub mod pickup;
pub mod session_description;
pub mod start_line;

#[cfg(test)]
mod tests;

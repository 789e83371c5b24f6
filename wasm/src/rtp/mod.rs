//! RTP and RTCP (RFC 3550): headers, reports, and what a receiver would say of each stream.

pub mod candidates;
pub mod codec;
pub mod e_model;
pub mod jitter;
pub mod packet;
pub mod quality;
pub mod rtcp;
pub mod sequence;

pub use packet::Header;
pub use quality::StreamQuality;

#[cfg(test)]
mod tests;

//! Flows: which packets belong together, in which phase they are, and the streams of TCP in order.

pub mod key;
pub mod reassembly;
pub mod table;
pub mod tcp_state;

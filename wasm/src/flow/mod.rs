//! Flows: their key, their table, and the reassembly of their TCP streams.

pub mod key;

//! Filters: what the operator and the processor ask for, and which packets fit.

pub mod address;
pub mod filter_set;
pub mod glob;
pub mod payload_search;
pub mod search;

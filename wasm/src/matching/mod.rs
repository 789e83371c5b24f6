//! Filters: what the operator and the processor ask for, and which packets fit.

pub mod address;
pub mod contents;
pub mod filter_set;
pub mod filter_type;
pub mod matched;
pub mod number;
pub mod pattern;
pub mod payload_search;
pub mod search;
pub mod text_set;
#[cfg(test)]
mod vectors;

//! Bounded tables.

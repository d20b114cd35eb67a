//! Changes to a cluster: planned as a value, applied only with consent.

pub mod apply;
pub mod plan;

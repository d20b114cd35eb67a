//! Where objects come from: a cluster, or files that were saved from one.
//!
//! Edges: both fill the same inventory. Neither links nor judges.

pub mod cluster;
pub mod decode;
pub mod files;

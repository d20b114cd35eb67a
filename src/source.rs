//! Where objects come from: a cluster, files that were saved from one, or manifests.
//!
//! Edges: the first two fill the same inventory. None links or judges.

pub mod cluster;
pub mod decode;
pub mod files;
pub mod kustomize;
pub mod manifests;

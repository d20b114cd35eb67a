//! Bundles: what `collect` writes, and `--from` reads again.
//!
//! The layout is that of must-gather with a manifest beside it. What could be used is taken out of each object before it
//! is written; the manifest says what was asked and refused, so that what is not in a bundle is known to be absent, or
//! known to be unknown, as it was in the cluster.

mod disguise;
mod manifest;
mod place;
mod withhold;
pub mod write;

pub use disguise::{Disguise, LOST};
pub use manifest::{Component, MANIFEST, Manifest, Refusal};
pub use place::{log_path, object_path};
pub use withhold::{Kept, withhold};

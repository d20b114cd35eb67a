//! How cert-manager issues: the stages of an issuance and the rules that its controllers follow.
//!
//! Pure: no client, no clock, no randomness. Imports base files only, so that it could leave as a crate.
//! A live chain is placed in the same [`Stage`]s by `chain::position`.

pub mod backoff;
pub mod name;
pub mod renewal;
pub mod solver;
pub mod stage;

pub use stage::Stage;

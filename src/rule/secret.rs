//! The Secret that a certificate is stored in: what it holds, who writes it, where it came from, who uses it.
//!
//! What every issuance passes through (an empty Secret, one of another issuer, one that no longer fits the spec) is
//! judged only when it lasts longer than an issuance.

pub(super) mod consumer;
pub(super) mod content;
pub(super) mod origin;
pub(super) mod trust;
pub(super) mod writer;

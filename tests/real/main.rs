//! Tests of the real binary against a real control plane: the lab of `tests/lab`.
//!
//! Every chain here is made by cert-manager's own controllers. A lab that cannot start fails the tests; nothing is skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod acme;
mod admission;
#[path = "../admission/cases.rs"]
mod admission_cases;
mod agreement;
mod bundles;
mod connection;
mod diagnosis;
#[path = "../differential/mod.rs"]
mod differential;
mod follow;
mod issuance;
mod lab;
mod random;
mod rbac;
mod renew;
mod run;
mod schemas;
mod shims;
mod stages;
mod starts;

use differential::is_set;

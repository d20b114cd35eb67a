//! Everything that can be tested without a server.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod admission;
#[path = "../admission/cases.rs"]
mod admission_cases;
mod bad_input;
mod budgets;
mod bundles;
mod cases;
mod cli;
mod collecting;
mod connect_exec;
mod connect_session;
mod connect_trouble;
mod connect_world;
mod coverage;
mod dependencies;
#[path = "../differential/mod.rs"]
mod differential;
mod dry_run;
mod fixes;
mod forecasts;
mod issuance;
mod layers;
mod live_cases;
mod manifests;
mod outputs;
mod permissions;
mod real_ca;
mod renewals;
mod rule_docs;
mod scripted;
mod shims;
mod sources;
mod starts;
mod stub_ca;
mod widths;

use differential::is_set;

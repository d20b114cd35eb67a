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
mod net;
mod outputs;
mod permissions;
mod probe_diagnose;
mod probe_http01;
mod probe_tls;
mod real_ca;
mod renewals;
mod rule_docs;
mod scripted;
mod shims;
mod sources;
mod starts;
mod stub_ca;
mod suffixes;
mod widths;

use differential::is_set;

/// Keeps a diagnosis of a test's cluster from asking the real network about it.
fn without_network(args: &[&str]) -> Option<&'static str> {
    (args.first() == Some(&"diagnose")).then_some("--probe=none")
}

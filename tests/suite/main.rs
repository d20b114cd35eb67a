//! Everything that can be tested without a server.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod bad_input;
mod cases;
mod cli;
mod connect_exec;
mod connect_session;
mod connect_trouble;
mod connect_world;
mod dependencies;
mod fixes;
mod layers;
mod live_cases;
mod outputs;
mod permissions;
mod rule_docs;
mod scripted;
mod sources;

/// Whether a variable is set. `UPDATE=1` asks for generated files to be written anew.
#[expect(clippy::disallowed_methods, reason = "the environment is how a test is told what to do")]
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

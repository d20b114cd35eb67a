//! What the tests against the real controllers and their replay without servers share.

pub mod corpus;
pub mod diff;
pub mod issuance;
pub mod normal;
pub mod play;

/// Whether a variable is set. `UPDATE=1` asks for generated files to be written anew.
#[expect(clippy::disallowed_methods, reason = "the environment is how a test is told what to do")]
pub fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

//! The parts of `kubectl cert`: objects in, one answer out.
//!
//! The way is always the same: facts → chain → stage → rules → report → render.
//! `docs/architecture.md` states what each module may do and, above all, what it never does.

pub mod acme;
pub mod api;
pub mod budget;
pub mod bundle;
pub mod chain;
pub mod change;
pub mod cli;
pub mod clock;
pub mod command;
pub mod connect;
pub mod dryrun;
pub mod duration;
pub mod engine;
pub mod env;
pub mod fact;
pub mod facts;
pub mod finding;
pub mod forecast;
pub mod horizon;
pub mod host;
pub mod inventory;
pub mod manifest;
pub mod objref;
pub mod pki;
pub mod planned;
pub mod probe;
pub mod public_ca;
pub mod redact;
pub mod registered;
pub mod render;
pub mod report;
pub mod rule;
pub mod source;
pub mod x509;

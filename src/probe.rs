//! Questions to the network about one target: what was asked, from where, and what came back.
//!
//! `task`, `plan`, `outcome` and `reading` are pure; `dial` is the one place that opens a connection to what is probed,
//! and `run` the one that asks everything. Nothing here writes anywhere.

pub mod address;
pub mod dial;
pub mod edge;
mod handshake;
mod http;
pub mod http01;
pub mod map;
pub mod outcome;
pub mod plan;
pub mod reading;
mod redirect;
pub mod resolve;
pub mod run;
pub mod task;
pub mod tls;
mod vantage;

pub use vantage::Vantage;

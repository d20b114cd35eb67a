//! Everything that can be tested without a server.

mod cases;
mod cli;
mod connect_exec;
mod connect_session;
mod connect_trouble;
mod connect_world;
mod dependencies;
mod layers;
mod outputs;
mod rule_docs;
mod sources;

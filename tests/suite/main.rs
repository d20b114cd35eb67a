//! Everything that can be tested without a server.

mod cases;
mod rule_docs;

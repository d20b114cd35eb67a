//! Whole issuances: the situations of `tests/cases-engine`, what the engine makes of them, and how two runs are compared.

pub mod corpus;
pub mod der;
pub mod document;
pub mod material;
pub mod play;
pub mod seen;

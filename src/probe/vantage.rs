//! Where a probe was sent from: the same answer proves different things from different places.

use std::fmt;

/// The place that a probe looks from. Every result carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vantage {
    /// The machine that this program runs on: neither the CA's view nor the controller's.
    #[default]
    Local,
}

impl Vantage {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("from this machine"),
        }
    }
}

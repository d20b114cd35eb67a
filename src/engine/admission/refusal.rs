//! Who refused an object, and why.

use std::fmt;

use crate::engine::field::{FieldError, Path, joined};
use crate::objref::Kind;

/// A refusal; its text is the message of the real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The API server cannot read the object (HTTP 400).
    Unreadable { kind: Kind, why: String },
    /// The API server finds that the object does not fit its schema (HTTP 422).
    Invalid { kind: Kind, name: String, errors: Vec<FieldError> },
    /// cert-manager's webhook cannot read the object (HTTP 400).
    Unintelligible { why: String },
    /// cert-manager's webhook refuses the object (HTTP 403).
    Denied {
        errors: Vec<FieldError>,
        /// What it warns of all the same.
        warnings: Vec<&'static str>,
    },
}

impl Refusal {
    /// What the API server says of unknown fields when they are to be refused.
    pub fn strict(kind: Kind, unknown: &[Path]) -> Self {
        let words: Vec<_> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        Self::Unreadable { kind, why: format!("strict decoding error: {}", words.join(", ")) }
    }

    /// The errors about single fields; none where the object could not be read.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Self::Invalid { errors, .. } | Self::Denied { errors, .. } => errors,
            Self::Unreadable { .. } | Self::Unintelligible { .. } => &[],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DENIED: &str = "admission webhook \"webhook.cert-manager.io\" denied the request";
        match self {
            Self::Unreadable { kind, why } => {
                write!(f, "{kind} in version \"v1\" cannot be handled as a {kind}: {why}")
            }
            Self::Invalid { kind, name, errors } => {
                let dot = if kind.group().is_empty() { "" } else { "." };
                write!(f, "{kind}{dot}{} \"{name}\" is invalid: {}", kind.group(), joined(errors))
            }
            Self::Unintelligible { why } => write!(f, "{DENIED}: {why}"),
            Self::Denied { errors, .. } => write!(f, "{DENIED}: {}", joined(errors)),
        }
    }
}

impl std::error::Error for Refusal {}

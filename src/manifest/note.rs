//! What is to be said about manifests.

use std::fmt;

use super::place::Place;
use crate::engine::admission::Refusal;
use crate::engine::field::Path;

/// One thing to say, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub place: Place,
    /// `Certificate web`, if it is known by then.
    pub object: Option<String>,
    pub said: Said,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A document or an item of a list that is no object.
    NoObject,
    /// `apiVersion` or `kind` is missing.
    Unset(&'static str),
    /// A member of the head is there and no text.
    NoText(&'static str),
    NoName,
    /// A prefix in place of a name, which `kubectl apply` does not take.
    GeneratedName(String),
    /// One key twice; the last one counts.
    RepeatedKey {
        path: Path,
    },
    /// An object of a kind that is not known here; it is carried along.
    UnknownKind {
        api_version: String,
        kind: String,
    },
    /// An object of cert-manager's in a version that it no longer serves.
    NotServed {
        api_version: String,
        kind: String,
        why: &'static str,
    },
    /// A field that the API server drops.
    UnknownField {
        path: Path,
    },
    /// The API server cannot read the object.
    Unfit {
        why: String,
    },
    /// The API server or cert-manager's webhook does not let the object in.
    Refused(Box<Refusal>),
    /// The webhook lets it in and says this.
    Warning(&'static str),
    /// The same object was there before; the later one counts.
    Again,
}

impl Said {
    /// Whether the object does not get through.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::NoObject
            | Self::Unset(_)
            | Self::NoText(_)
            | Self::NoName
            | Self::GeneratedName(_)
            | Self::NotServed { .. }
            | Self::Unfit { .. }
            | Self::Refused(_) => true,
            Self::RepeatedKey { .. }
            | Self::UnknownKind { .. }
            | Self::UnknownField { .. }
            | Self::Warning(_)
            | Self::Again => false,
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject => f.write_str("invalid object to validate"),
            Self::Unset(member) => write!(f, "{member} not set"),
            Self::NoText(member) => write!(f, "{member} isn't string type"),
            Self::NoName => f.write_str("resource name may not be empty"),
            Self::GeneratedName(prefix) => write!(f, "from {prefix}: cannot use generate name with apply"),
            Self::RepeatedKey { path } => write!(f, "{path} is given again; the last one counts"),
            Self::UnknownKind { api_version, kind } => write!(f, "{kind} of {api_version} is not known here"),
            Self::NotServed { api_version, kind, why } => {
                write!(f, "no matches for kind \"{kind}\" in version \"{api_version}\": {why}")
            }
            Self::UnknownField { path } => write!(f, "unknown field \"{path}\""),
            Self::Unfit { why } => f.write_str(why),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Warning(text) => f.write_str(text),
            Self::Again => f.write_str("the same object stands before; the later one counts"),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        write!(f, "{}", self.said)
    }
}

//! What is known of one thing: seen, absent, hidden, failed or not looked at.
//!
//! Absence, denial and failure are values here. Nothing in this file decides what they mean.

use std::fmt;

/// What is known of a `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It is there.
    Seen(T),
    /// We looked and it is not there.
    Absent,
    /// The server refuses to show it.
    Hidden(Denial),
    /// Looking did not work out.
    Failed(Failure),
    /// Nobody looked.
    NotLooked(WhyNot),
}

/// A refusal of the API server (HTTP 403).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// The RBAC verb: `get`, `list` or `watch`.
    pub verb: &'static str,
    /// `secrets`, `orders.acme.cert-manager.io`.
    pub resource: String,
    /// `None` when the whole cluster was asked for.
    pub namespace: Option<String>,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no permission to {} {}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

/// A question that got no answer: time-out, broken connection, server error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// What was asked: `list orders.acme.cert-manager.io`.
    pub asked: String,
    /// The words that came back.
    pub said: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.asked, self.said)
    }
}

/// Why nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyNot {
    /// Saved objects do not hold it; in the cluster it may well exist.
    NotInSource,
    /// The answer was not needed so far.
    NotNeeded,
    /// Nothing refers to such an object.
    NotReferenced,
    /// The network is asked only where `--probe` says so.
    NotAsked,
}

impl<T> Fact<T> {
    /// The value, if it was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Absent | Self::Hidden(_) | Self::Failed(_) | Self::NotLooked(_) => None,
        }
    }

    /// The same knowledge about something that follows from the value.
    pub fn map<U>(self, follow: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Seen(value) => Fact::Seen(follow(value)),
            Self::Absent => Fact::Absent,
            Self::Hidden(denial) => Fact::Hidden(denial),
            Self::Failed(failure) => Fact::Failed(failure),
            Self::NotLooked(why) => Fact::NotLooked(why),
        }
    }

    /// Whether we looked and it is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

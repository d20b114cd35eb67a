//! Parts that several documents share: where objects came from, times, what was not seen.

use jiff::Timestamp;
use serde::Serialize;

use crate::objref::ObjRef;
use crate::report::SourceLine;
use crate::rule::Gap;

/// Where the objects came from.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Source<'r> {
    Cluster {
        server: &'r str,
    },
    Files {
        paths: &'r [String],
    },
    /// Manifests are all there is.
    None,
}

/// What was refused or failed.
#[derive(Debug, Serialize)]
pub struct NotSeen<'r> {
    why: &'r str,
    needs: &'r str,
}

/// RFC 3339 in UTC, to the second, as all times of Kubernetes objects are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Time(String);

/// A namespaced object whose kind is known from where it stands.
#[derive(Debug, Serialize)]
pub struct Name<'r> {
    namespace: &'r str,
    name: &'r str,
}

impl<'r> Source<'r> {
    pub fn of(line: Option<&'r SourceLine>) -> Self {
        match line {
            Some(SourceLine::Cluster { server }) => Self::Cluster { server },
            Some(SourceLine::Files { paths }) => Self::Files { paths },
            None => Self::None,
        }
    }
}

impl<'r> NotSeen<'r> {
    pub fn of(gap: &'r Gap) -> Self {
        Self { why: &gap.why, needs: &gap.needs }
    }
}

impl Time {
    pub fn of(time: Timestamp) -> Self {
        Self(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl<'r> Name<'r> {
    pub fn of(object: &'r ObjRef) -> Self {
        Self { namespace: object.namespace.as_deref().unwrap_or_default(), name: &object.name }
    }
}

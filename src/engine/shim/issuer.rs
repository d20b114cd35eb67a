//! Which issuer an object's annotations name.

use std::fmt;

use crate::api::{IssuerRef, annotation};
use crate::objref::Kind;

use super::ShimFlags;
use super::object::Annotations;

/// What is wrong with the annotations that name the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadIssuer {
    /// No name, or an empty one.
    Nameless,
    /// Two annotations that exclude each other.
    Both(&'static str, &'static str),
}

impl fmt::Display for BadIssuer {
    /// In the words of cert-manager, which speak of an Ingress whatever the object is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => f.write_str("failed to determine issuer name to be used for ingress resource"),
            Self::Both(one, other) => write!(f, "both \"{one}\" and \"{other}\" may not be set"),
        }
    }
}

/// `issuerForIngressLike`: the flags' defaults, then `issuer`, `cluster-issuer`, `issuer-kind` and `issuer-group`.
pub(super) fn choose(flags: &ShimFlags, annotations: &Annotations) -> Result<IssuerRef, Vec<BadIssuer>> {
    use annotation::{ISSUER_GROUP, ISSUER_KIND, SHIM_CLUSTER_ISSUER, SHIM_ISSUER};
    let given = |key: &str| annotations.get(key);
    let mut issuer = IssuerRef {
        name: flags.default_issuer_name.clone(),
        kind: flags.default_issuer_kind.clone(),
        group: flags.default_issuer_group.clone(),
    };
    for (key, kind) in [(SHIM_ISSUER, Kind::Issuer), (SHIM_CLUSTER_ISSUER, Kind::ClusterIssuer)] {
        if let Some(name) = given(key) {
            issuer.name.clone_from(name);
            kind.word().clone_into(&mut issuer.kind);
        }
    }
    if let Some(kind) = given(ISSUER_KIND) {
        issuer.kind.clone_from(kind);
    }
    if let Some(group) = given(ISSUER_GROUP) {
        issuer.group.clone_from(group);
    }
    let mut faults = Vec::new();
    if issuer.name.is_empty() {
        faults.push(BadIssuer::Nameless);
    }
    for (one, other) in
        [(SHIM_ISSUER, SHIM_CLUSTER_ISSUER), (SHIM_CLUSTER_ISSUER, ISSUER_GROUP), (SHIM_CLUSTER_ISSUER, ISSUER_KIND)]
    {
        if given(one).is_some() && given(other).is_some() {
            faults.push(BadIssuer::Both(one, other));
        }
    }
    if faults.is_empty() { Ok(issuer) } else { Err(faults) }
}

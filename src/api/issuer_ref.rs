//! References from one object to another.

use crate::objref::{Kind, ObjRef};

use super::wire::{omit, wire};

wire! {
    /// `spec.issuerRef`: kind and group stay empty in stored objects and mean Issuer of cert-manager.
    pub struct IssuerRef {
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub kind: String,
        #[serde(skip_serializing_if = "omit")]
        pub group: String,
    }

    /// A key of a Secret. The empty key means a default that depends on the field.
    pub struct SecretKeyRef {
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub key: String,
    }

    /// The name of an object in a namespace known from elsewhere.
    pub struct LocalRef {
        pub name: String,
    }

    /// A ServiceAccount whose token is asked for.
    pub struct ServiceAccountRef {
        pub name: String,
        #[serde(skip_serializing_if = "omit")]
        pub audiences: Vec<String>,
    }
}

impl IssuerRef {
    /// The kind, `Issuer` if none is given.
    pub fn kind_or_default(&self) -> &str {
        if self.kind.is_empty() { Kind::Issuer.word() } else { &self.kind }
    }

    /// The group, `cert-manager.io` if none is given.
    pub fn group_or_default(&self) -> &str {
        if self.group.is_empty() { Kind::Issuer.group() } else { &self.group }
    }

    /// Whether it names an Issuer or ClusterIssuer of cert-manager itself, and which.
    pub fn own_kind(&self) -> Option<Kind> {
        let known = [Kind::Issuer, Kind::ClusterIssuer].into_iter().find(|kind| kind.word() == self.kind_or_default());
        known.filter(|kind| kind.group() == self.group_or_default())
    }

    /// Whether another API group's controller serves it.
    pub fn is_external(&self) -> bool {
        self.group_or_default() != Kind::Issuer.group()
    }

    /// The issuer as seen from `namespace`; `None` for kinds that are not cert-manager's own.
    pub fn objref(&self, namespace: &str) -> Option<ObjRef> {
        self.own_kind().map(|kind| ObjRef::new(kind, Some(namespace), &self.name))
    }

    /// Whether both name the same issuer, defaults applied.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind_or_default() == other.kind_or_default()
            && self.group_or_default() == other.group_or_default()
    }
}

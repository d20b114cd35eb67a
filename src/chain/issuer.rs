//! Issuer and ClusterIssuer under one view.
//!
//! Resolves a reference to what the inventory knows; never fetches.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::{ClusterIssuer, ExternalIssuer, Issuer, IssuerRef, IssuerSpec, IssuerStatus, Object};
use crate::fact::{Fact, WhyNot};
use crate::inventory::Inventory;
use crate::objref::{Kind, ObjRef};

/// An issuer of cert-manager's own two kinds, or a stranger of another API group.
#[derive(Clone, Debug)]
pub enum IssuerView<'i> {
    Builtin { objref: ObjRef, metadata: &'i ObjectMeta, spec: &'i IssuerSpec, status: &'i IssuerStatus },
    External(&'i ExternalIssuer),
}

impl<'i> IssuerView<'i> {
    /// The view of a namespaced Issuer.
    pub fn of_issuer(issuer: &'i Issuer) -> Self {
        Self::Builtin {
            objref: issuer.objref(),
            metadata: &issuer.metadata,
            spec: &issuer.spec,
            status: &issuer.status,
        }
    }

    /// The view of a ClusterIssuer.
    pub fn of_cluster_issuer(issuer: &'i ClusterIssuer) -> Self {
        Self::Builtin {
            objref: issuer.objref(),
            metadata: &issuer.metadata,
            spec: &issuer.spec,
            status: &issuer.status,
        }
    }

    /// What the inventory knows of the issuer that `reference` names, seen from `namespace`.
    pub fn resolve(inventory: &'i Inventory, reference: &IssuerRef, namespace: &str) -> Fact<Self> {
        if reference.is_external() {
            let issuer = inventory.external_issuer(reference, namespace);
            return issuer.map_or(Fact::NotLooked(WhyNot::NotInSource), |issuer| Fact::Seen(Self::External(issuer)));
        }
        match reference.objref(namespace) {
            Some(ObjRef { kind: Kind::ClusterIssuer, name, .. }) => {
                inventory.get::<ClusterIssuer>(None, &name).map(Self::of_cluster_issuer)
            }
            Some(ObjRef { name, namespace, .. }) => {
                inventory.get::<Issuer>(namespace.as_deref(), &name).map(Self::of_issuer)
            }
            // A kind that neither cert-manager nor anyone else can serve under its own group.
            None => Fact::Absent,
        }
    }
}

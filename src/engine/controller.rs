//! cert-manager's controllers by name, and what each of them watches.
//!
//! Says whom a change wakes; what they do then is in their own files.

use super::cluster::{Change, Cluster};
use crate::api::{CertificateRequest, Object};
use crate::objref::{Kind, ObjRef};

/// One controller (`pkg/controller`, the constants `ControllerName`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    Trigger,
    KeyManager,
    RequestManager,
    Issuing,
    Readiness,
    RevisionManager,
    Approver,
    RequestsAcme,
    RequestsCa,
    RequestsSelfSigned,
    RequestsVault,
    RequestsVenafi,
    Orders,
    Challenges,
    Issuers,
    ClusterIssuers,
    IngressShim,
    GatewayShim,
    ListenerSetShim,
}

impl Controller {
    /// Every controller, in the order in which an issuance meets them.
    pub const ALL: [Self; 19] = [
        Self::IngressShim,
        Self::GatewayShim,
        Self::ListenerSetShim,
        Self::Issuers,
        Self::ClusterIssuers,
        Self::Trigger,
        Self::KeyManager,
        Self::RequestManager,
        Self::Approver,
        Self::RequestsAcme,
        Self::RequestsCa,
        Self::RequestsSelfSigned,
        Self::RequestsVault,
        Self::RequestsVenafi,
        Self::Orders,
        Self::Challenges,
        Self::Issuing,
        Self::Readiness,
        Self::RevisionManager,
    ];

    /// The name, as `--controllers` takes it and, behind `cert-manager-`, as Events give it as their source.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trigger => "certificates-trigger",
            Self::KeyManager => "certificates-key-manager",
            Self::RequestManager => "certificates-request-manager",
            Self::Issuing => "certificates-issuing",
            Self::Readiness => "certificates-readiness",
            Self::RevisionManager => "certificates-revision-manager",
            Self::Approver => "certificaterequests-approver",
            Self::RequestsAcme => "certificaterequests-issuer-acme",
            Self::RequestsCa => "certificaterequests-issuer-ca",
            Self::RequestsSelfSigned => "certificaterequests-issuer-selfsigned",
            Self::RequestsVault => "certificaterequests-issuer-vault",
            Self::RequestsVenafi => "certificaterequests-issuer-venafi",
            Self::Orders => "orders",
            Self::Challenges => "challenges",
            Self::Issuers => "issuers",
            Self::ClusterIssuers => "clusterissuers",
            Self::IngressShim => "ingress-shim",
            Self::GatewayShim => "gateway-shim",
            Self::ListenerSetShim => "listenerset",
        }
    }

    /// The first and the longest wait after an error, in seconds (`pkg/controller/util.go`).
    pub const fn retry_seconds(self) -> (i64, i64) {
        match self {
            Self::Trigger
            | Self::KeyManager
            | Self::RequestManager
            | Self::Issuing
            | Self::Readiness
            | Self::RevisionManager => (1, 30),
            Self::Orders | Self::Challenges => (5, 30 * 60),
            Self::Approver
            | Self::RequestsAcme
            | Self::RequestsCa
            | Self::RequestsSelfSigned
            | Self::RequestsVault
            | Self::RequestsVenafi
            | Self::Issuers
            | Self::ClusterIssuers
            | Self::IngressShim
            | Self::GatewayShim
            | Self::ListenerSetShim => (5, 5 * 60),
        }
    }
}

/// The controllers that sign requests, one for each type of issuer.
const SIGNERS: [Controller; 5] = [
    Controller::RequestsAcme,
    Controller::RequestsCa,
    Controller::RequestsSelfSigned,
    Controller::RequestsVault,
    Controller::RequestsVenafi,
];

/// The kinds of objects that shims look at, and which shim.
const SHIMS: [(Kind, Controller); 3] = [
    (Kind::Ingress, Controller::IngressShim),
    (Kind::Gateway, Controller::GatewayShim),
    (Kind::ListenerSet, Controller::ListenerSetShim),
];

/// Whom a change wakes, and at which object: what the controllers' informers are set up to do.
pub(super) fn woken(cluster: &Cluster, change: &Change, wake: &mut impl FnMut(&[Controller], &ObjRef)) {
    let object = &change.object;
    match object.kind {
        Kind::Certificate => {
            wake(
                &[
                    Controller::Trigger,
                    Controller::KeyManager,
                    Controller::RequestManager,
                    Controller::Issuing,
                    Controller::Readiness,
                    Controller::RevisionManager,
                ],
                object,
            );
            // The one that controls it, whatever else owns it.
            for (kind, shim) in SHIMS {
                for owner in controlling(change, kind) {
                    wake(&[shim], &owner);
                }
            }
        }
        Kind::CertificateRequest => {
            wake(&[Controller::Approver], object);
            wake(&SIGNERS, object);
            for certificate in owners(change, Kind::Certificate) {
                wake(
                    &[
                        Controller::Trigger,
                        Controller::RequestManager,
                        Controller::Issuing,
                        Controller::Readiness,
                        Controller::RevisionManager,
                    ],
                    &certificate,
                );
            }
        }
        Kind::Order => {
            wake(&[Controller::Orders], object);
            for request in owners(change, Kind::CertificateRequest) {
                wake(&[Controller::RequestsAcme], &request);
            }
        }
        Kind::Challenge => {
            wake(&[Controller::Challenges], object);
            for order in owners(change, Kind::Order) {
                wake(&[Controller::Orders], &order);
            }
        }
        Kind::Secret => secret(cluster, change, wake),
        Kind::Issuer | Kind::ClusterIssuer => {
            let own = if object.kind == Kind::Issuer { Controller::Issuers } else { Controller::ClusterIssuers };
            wake(&[own], object);
            for request in cluster.requests.iter().filter(|request| refers(request, object)) {
                wake(&SIGNERS, &request.objref());
            }
            for order in cluster.orders.iter() {
                let namespace = order.namespace().unwrap_or_default();
                if order.spec.issuer_ref.objref(namespace).as_ref() == Some(object) {
                    wake(&[Controller::Orders], &order.objref());
                }
            }
        }
        Kind::Ingress => wake(&[Controller::IngressShim], object),
        Kind::Gateway => {
            wake(&[Controller::GatewayShim], object);
            for set in cluster.listener_sets.iter().filter(|set| {
                set.spec.parent_ref.name == object.name && set.parent_namespace() == object.namespace.as_deref()
            }) {
                wake(&[Controller::ListenerSetShim], &set.objref());
            }
        }
        Kind::ListenerSet => wake(&[Controller::ListenerSetShim], object),
        // Solver objects wake nobody: the controller of Challenges comes by them when it looks again.
        Kind::Pod
        | Kind::Service
        | Kind::HttpRoute
        | Kind::Event
        | Kind::IngressClass
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice
        | Kind::Host => {}
    }
}

fn refers(request: &CertificateRequest, issuer: &ObjRef) -> bool {
    request.spec.issuer_ref.objref(request.namespace().unwrap_or_default()).as_ref() == Some(issuer)
}

fn secret(cluster: &Cluster, change: &Change, wake: &mut impl FnMut(&[Controller], &ObjRef)) {
    let object = &change.object;
    let namespace = object.namespace.as_deref().unwrap_or_default();
    for certificate in owners(change, Kind::Certificate) {
        wake(&[Controller::KeyManager, Controller::RequestManager, Controller::Issuing], &certificate);
    }
    for certificate in cluster.certificates_for_secret(namespace, &object.name) {
        wake(
            &[Controller::Trigger, Controller::KeyManager, Controller::Readiness, Controller::Issuing],
            &certificate.objref(),
        );
    }
    for issuer in cluster
        .issuers
        .in_namespace(namespace)
        .filter(|issuer| issuer.spec.secret_names().contains(&object.name.as_str()))
    {
        wake(&[Controller::Issuers], &issuer.objref());
    }
    // Whichever namespace ClusterIssuers read from: one that reads elsewhere looks once for nothing.
    for issuer in
        cluster.cluster_issuers.iter().filter(|issuer| issuer.spec.secret_names().contains(&object.name.as_str()))
    {
        wake(&[Controller::ClusterIssuers], &issuer.objref());
    }
    // Requests that leave the group to the default are overlooked (`certificaterequests/selfsigned/checks.go`).
    for request in cluster
        .requests_for_key(namespace, &object.name)
        .filter(|request| request.spec.issuer_ref.group == Kind::Issuer.group())
    {
        wake(&[Controller::RequestsSelfSigned], &request.objref());
    }
}

/// The controlling owner, if it is of a kind.
fn controlling(change: &Change, kind: Kind) -> impl Iterator<Item = ObjRef> {
    let is_controller = move |owner: &ObjRef| {
        change.owners.iter().any(|one| one.is_controller && one.kind == kind.word() && one.name == owner.name)
    };
    owners(change, kind).filter(is_controller)
}

/// The owners of a kind that a changed object names.
fn owners(change: &Change, kind: Kind) -> impl Iterator<Item = ObjRef> {
    let namespace = change.object.namespace.as_deref();
    change
        .owners
        .iter()
        .filter(move |owner| owner.kind == kind.word())
        .map(move |owner| ObjRef::new(kind, namespace, &owner.name))
}

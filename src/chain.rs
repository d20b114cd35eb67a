//! One certificate's chain: Certificate → CertificateRequest → Order → Challenge → solver objects.
//!
//! A chain borrows from the inventory and keeps what does not fit (orphans, wrong owners, several revisions,
//! missing links) as values. It is the only walk through the chain that exists; it never fetches and never judges.

mod build;
mod issuer;
pub mod names;
mod next;
mod position;
pub mod way;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;

pub use issuer::IssuerView;
pub use next::{Attempt, Next, Step, StepKind, attempt, comes_late, next, order_stays_open};
pub use position::position;

use crate::api::{Certificate, CertificateRequest, Challenge, HttpRoute, IssuerRef, Order, Secret};
use crate::fact::Fact;
use crate::objref::{Kind, ObjRef};

/// Everything that belongs to one target, linked.
#[derive(Clone, Debug)]
pub struct Chain<'i> {
    /// The object that was asked about.
    pub subject: ObjRef,
    /// The Certificate at the root; not seen for requests that no Certificate made (csi-driver, istio-csr).
    pub certificate: Fact<&'i Certificate>,
    /// The reference that the issuance goes by.
    pub issuer_ref: Option<&'i IssuerRef>,
    pub issuer: Fact<IssuerView<'i>>,
    /// The Secret that the certificate is stored in.
    pub secret: Fact<&'i Secret>,
    /// Every request tied to the Certificate, newest revision first.
    pub requests: Vec<RequestNode<'i>>,
    /// The subject itself, where it is an Order or Challenge and no request above it was seen.
    pub stray: Option<Stray<'i>>,
}

/// An Order or Challenge without anything seen above it.
#[derive(Clone, Debug)]
pub enum Stray<'i> {
    Order(OrderNode<'i>),
    Challenge(ChallengeNode<'i>),
}

/// A CertificateRequest and what hangs under it.
#[derive(Clone, Debug)]
pub struct RequestNode<'i> {
    pub request: &'i CertificateRequest,
    pub tie: Tie,
    pub role: Role,
    /// Orders of this request, newest first. More than one only after tampering or a restored backup.
    pub orders: Vec<OrderNode<'i>>,
}

/// An Order and its Challenges.
#[derive(Clone, Debug)]
pub struct OrderNode<'i> {
    pub order: &'i Order,
    /// By name.
    pub challenges: Vec<ChallengeNode<'i>>,
}

/// A Challenge and the HTTP-01 solver objects that it owns.
#[derive(Clone, Debug)]
pub struct ChallengeNode<'i> {
    pub challenge: &'i Challenge,
    pub pods: Vec<&'i Pod>,
    pub services: Vec<&'i Service>,
    pub ingresses: Vec<&'i Ingress>,
    pub routes: Vec<&'i HttpRoute>,
    /// The newest event that tells of presenting it, for good or ill.
    pub last_present: Option<Present>,
}

/// What an event tells of presenting a Challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// Event `Presented`.
    Done,
    /// Event `PresentError`.
    Failed,
}

/// How a request is tied to its Certificate (cert-manager walks by controller owner UID).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// The Certificate's UID is the controlling owner.
    Owner,
    /// Only the annotation `cert-manager.io/certificate-name` says so: cert-manager ignores such a request.
    AnnotationOnly,
    /// There is no Certificate above it.
    Root,
}

/// Which issuance a request belongs to, by its revision against the Certificate's `status.revision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Issued the certificate that is stored now.
    Current,
    /// The issuance in progress, or the one that failed last.
    Next,
    /// Kept from before.
    Older,
    /// A revision that cannot be: beyond the next, or not a number.
    Stray,
}

impl<'i> Chain<'i> {
    /// The request that the present issuance stands or falls with: the branch that holds the subject, else the
    /// next revision, else (when no Certificate is above) the only one there is.
    pub fn in_flight(&self) -> Option<&RequestNode<'i>> {
        self.requests
            .iter()
            .find(|node| node.holds(&self.subject))
            .or_else(|| self.requests.iter().find(|node| node.role == Role::Next && node.tie == Tie::Owner))
            .or_else(|| self.requests.iter().find(|node| node.tie == Tie::Root))
    }

    /// Whether the subject is part of an issuance, unlike an issuer or a Deployment.
    pub fn is_issuance(&self) -> bool {
        if self.subject.kind == Kind::Certificate && self.certificate.is_absent() {
            return false;
        }
        self.certificate.seen().is_some() || !self.requests.is_empty() || self.stray.is_some()
    }

    /// When the certificate in use ends, by the Certificate's word.
    pub fn expiry(&self) -> Option<Timestamp> {
        self.certificate.seen()?.status.not_after.as_ref().map(|time| time.0)
    }

    /// The request that issued what is stored now.
    pub fn current(&self) -> Option<&RequestNode<'i>> {
        self.requests.iter().find(|node| node.role == Role::Current && node.tie == Tie::Owner)
    }
}

impl<'i> RequestNode<'i> {
    /// The newest Order of this request.
    pub fn order(&self) -> Option<&OrderNode<'i>> {
        self.orders.first()
    }

    /// The Challenges of the newest Order.
    pub fn challenges(&self) -> &[ChallengeNode<'i>] {
        self.order().map_or(&[], |order| &order.challenges)
    }

    fn holds(&self, object: &ObjRef) -> bool {
        use crate::api::Object;
        use crate::objref::Kind;
        match object.kind {
            Kind::CertificateRequest => self.request.is_at(object),
            Kind::Order => self.orders.iter().any(|node| node.order.is_at(object)),
            Kind::Challenge => {
                let mut challenges = self.orders.iter().flat_map(|node| &node.challenges);
                challenges.any(|node| node.challenge.is_at(object))
            }
            Kind::Certificate
            | Kind::Issuer
            | Kind::ClusterIssuer
            | Kind::Secret
            | Kind::Event
            | Kind::Pod
            | Kind::Service
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::HttpRoute
            | Kind::Gateway
            | Kind::ListenerSet
            | Kind::Deployment
            | Kind::Lease
            | Kind::EndpointSlice
            | Kind::Host => false,
        }
    }
}

impl ChallengeNode<'_> {
    /// Whether the response is presented. cert-manager writes `status.presented` only after the first self check, which
    /// may hang; until then its event tells, or the solver's objects do while nothing is said of a failure.
    pub fn is_presented(&self) -> bool {
        let status = &self.challenge.status;
        if status.presented {
            return true;
        }
        if !status.processing {
            return false;
        }
        match self.last_present {
            Some(Present::Done) => true,
            Some(Present::Failed) => false,
            None => {
                let routed = !self.ingresses.is_empty() || !self.routes.is_empty();
                status.reason.is_empty() && !self.pods.is_empty() && !self.services.is_empty() && routed
            }
        }
    }
}

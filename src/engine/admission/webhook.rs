//! cert-manager's webhook, `webhook.cert-manager.io` (`internal/webhook`): the plugins in their order, and the rules.

mod acme;
mod approval;
mod certificate;
mod decode;
mod identity;
mod issuer;
mod request;

use serde_json::Value;

use super::{Part, Refusal, Requester};
use crate::api::{Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, IssuerRef, Order};
use crate::engine::field::{FieldError, Path};
use crate::objref::Kind;

pub use approval::{Permission, signer_names};

/// Something that the webhook judges.
///
/// An object that is held as a value is judged here as the real one judges it; [`super::create`] and [`super::update`]
/// ask this of JSON, after the API server's own judgement.
pub trait Judged: Sized {
    /// The errors of a new object.
    fn on_create(&self, by: &Requester) -> Vec<FieldError>;

    /// The errors of a changed object.
    fn on_update(&self, old: &Self, change: &Change<'_>) -> Vec<FieldError>;

    /// What the webhook warns of, be it new or changed.
    fn warnings(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// Who changes an object, and how.
pub struct Change<'c> {
    pub part: Part,
    pub by: &'c Requester,
    /// Whether the requester may approve this request.
    pub permission: &'c dyn Fn(&CertificateRequest) -> Permission,
}

impl Judged for Certificate {
    fn on_create(&self, _: &Requester) -> Vec<FieldError> {
        certificate::spec(&self.spec)
    }

    fn on_update(&self, _: &Self, _: &Change<'_>) -> Vec<FieldError> {
        certificate::spec(&self.spec)
    }
}

impl Judged for CertificateRequest {
    fn on_create(&self, by: &Requester) -> Vec<FieldError> {
        [identity::on_create(self, by), request::on_create(self)].concat()
    }

    fn on_update(&self, old: &Self, change: &Change<'_>) -> Vec<FieldError> {
        let mut errors = identity::on_update(&old.spec, &self.spec);
        if change.part == Part::Status {
            errors.extend(approval::on_update(old, self, change.by, change.permission));
        }
        errors.extend(request::on_update(old, self));
        errors
    }
}

macro_rules! judged_issuer {
    ($($kind:ident)+) => {
        $(impl Judged for $kind {
            fn on_create(&self, _: &Requester) -> Vec<FieldError> {
                issuer::spec(&self.spec)
            }

            fn on_update(&self, _: &Self, _: &Change<'_>) -> Vec<FieldError> {
                issuer::spec(&self.spec)
            }

            fn warnings(&self) -> Vec<&'static str> {
                issuer::warnings(&self.spec)
            }
        })+
    };
}

judged_issuer! { Issuer ClusterIssuer }

impl Judged for Order {
    fn on_create(&self, _: &Requester) -> Vec<FieldError> {
        Vec::new()
    }

    fn on_update(&self, old: &Self, _: &Change<'_>) -> Vec<FieldError> {
        acme::order(old, self)
    }
}

impl Judged for Challenge {
    fn on_create(&self, _: &Requester) -> Vec<FieldError> {
        Vec::new()
    }

    fn on_update(&self, old: &Self, _: &Change<'_>) -> Vec<FieldError> {
        acme::challenge(old, self).into_iter().collect()
    }
}

/// What the mutating part does to a new object: only CertificateRequests are changed.
pub(super) fn mutate(kind: Kind, object: &mut Value, by: &Requester) -> Result<(), Refusal> {
    if kind == Kind::CertificateRequest { identity::mutate(object, by) } else { Ok(()) }
}

/// Judges a new object of one of cert-manager's kinds and gives the warnings.
pub(super) fn on_create(kind: Kind, object: &Value, by: &Requester) -> Result<Vec<&'static str>, Refusal> {
    judge(kind, &Judging { object, old: None, by, change: None })
}

/// Judges a changed object of one of cert-manager's kinds and gives the warnings.
pub(super) fn on_update(
    kind: Kind,
    old: &Value,
    object: &Value,
    change: &Change<'_>,
) -> Result<Vec<&'static str>, Refusal> {
    judge(kind, &Judging { object, old: Some(old), by: change.by, change: Some(change) })
}

struct Judging<'j> {
    object: &'j Value,
    old: Option<&'j Value>,
    by: &'j Requester,
    change: Option<&'j Change<'j>>,
}

fn judge(kind: Kind, judging: &Judging<'_>) -> Result<Vec<&'static str>, Refusal> {
    match kind {
        Kind::Certificate => judging.of::<Certificate>(kind),
        Kind::CertificateRequest => judging.of::<CertificateRequest>(kind),
        Kind::Issuer => judging.of::<Issuer>(kind),
        Kind::ClusterIssuer => judging.of::<ClusterIssuer>(kind),
        Kind::Order => judging.of::<Order>(kind),
        Kind::Challenge => judging.of::<Challenge>(kind),
        Kind::Secret
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
        | Kind::Host => Ok(Vec::new()),
    }
}

impl Judging<'_> {
    fn of<T: Judged + serde::de::DeserializeOwned>(&self, kind: Kind) -> Result<Vec<&'static str>, Refusal> {
        let read = |value: &Value| decode::read::<T>(kind.word(), value).map_err(|why| Refusal::Unintelligible { why });
        let object = read(self.object)?;
        let errors = match (self.old, self.change) {
            (Some(old), Some(change)) => object.on_update(&read(old)?, change),
            (Some(_) | None, Some(_) | None) => object.on_create(self.by),
        };
        let warnings = object.warnings();
        if errors.is_empty() { Ok(warnings) } else { Err(Refusal::Denied { errors, warnings }) }
    }
}

/// The errors of a reference to an issuer. Kinds of other groups are not known here.
fn issuer_ref(issuer: &IssuerRef, spec: &Path) -> Vec<FieldError> {
    let at = spec.child("issuerRef");
    let mut errors = Vec::new();
    if issuer.name.is_empty() {
        errors.push(FieldError::required(at.child("name"), "must be specified"));
    }
    let is_own = issuer.group_or_default() == Kind::Issuer.group();
    let is_known = ["", "Issuer", "ClusterIssuer"].contains(&issuer.kind.as_str());
    if is_own && !is_known {
        // The path in the hint is cert-manager's.
        let hint =
            if issuer.group.is_empty() { format!(" (did you forget to set {at}.kind.group?)") } else { String::new() };
        let detail = format!("must be one of Issuer or ClusterIssuer{hint}");
        errors.push(FieldError::invalid(at.child("kind"), &issuer.kind, detail));
    }
    errors
}

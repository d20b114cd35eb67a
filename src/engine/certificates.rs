//! The controllers of Certificates (`pkg/controller/certificates`).

mod gather;
mod issuing;
mod key_manager;
pub mod policy;
mod readiness;
mod request_manager;
mod revision_manager;
mod secret;
mod trigger;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

pub(super) use issuing::issuing;
pub(super) use key_manager::key_manager;
pub(super) use readiness::readiness;
pub(super) use request_manager::request_manager;
pub(super) use revision_manager::revision_manager;
pub(super) use trigger::trigger;

use super::cluster::Cluster;
use super::condition;
use super::decoded::CsrFault;
use super::turn::Turn;
use crate::api::{
    Certificate, CertificateConditionType, CertificateReason, CertificateRequest, CertificateSpec, Condition,
    ConditionStatus, Object, RequestReason,
};
use crate::pki::matches::{Incomparable, Violation, csr_matches_spec};

/// The Certificate that is looked at, unless it is gone or going.
fn certificate(turn: &Turn) -> Option<Certificate> {
    certificate_if(turn, |_| true)
}

/// The same, if there is anything to do about it: most looks find that there is not, and copy nothing.
fn certificate_if(turn: &Turn, wanted: impl Fn(&Certificate) -> bool) -> Option<Certificate> {
    let certificate = turn.cluster.find::<Certificate>(turn.object())?;
    (certificate.deleting_since().is_none() && wanted(certificate)).then(|| certificate.clone())
}

/// `RequestMatchesSpec` of a request in the cluster.
fn matches(
    cluster: &Cluster,
    request: &CertificateRequest,
    spec: &CertificateSpec,
) -> Result<Vec<Violation>, Incomparable> {
    let csr = cluster.decoded.request(&request.spec.request).map_err(|fault| match fault {
        CsrFault::NoBase64 => Incomparable::NoBase64,
        CsrFault::Request(error) => Incomparable::Request(error),
    })?;
    csr_matches_spec(&csr.request, request, spec)
}

fn is_issuing(certificate: &Certificate) -> bool {
    certificate.is(CertificateConditionType::Issuing)
}

/// The requests that a Certificate controls, by name.
fn owned_requests<'t>(turn: &'t Turn, certificate: &'t Certificate) -> impl Iterator<Item = &'t CertificateRequest> {
    turn.cluster.requests.owned_by(certificate.uid().unwrap_or_default())
}

/// The revision that the next issuance will have.
fn next_revision(certificate: &Certificate) -> i64 {
    certificate.status.revision.unwrap_or(0) + 1
}

/// Whether a request failed in the issuance before the one under way. One that does not say when it failed counts as
/// of this one (Go's `Time.Before` of nothing).
fn failed_before(request: &CertificateRequest, certificate: &Certificate) -> bool {
    let began = certificate.condition(CertificateConditionType::Issuing).and_then(Condition::since);
    let failed = request.status.failure_time.as_ref().map(|time| time.0);
    request.ready_reason() == Some(&RequestReason::Failed)
        && failed.zip(began).is_some_and(|(failed, began)| failed < began)
}

/// `metav1.NewControllerRef`.
pub(super) fn controller_ref<T: Object>(owner: &T) -> OwnerReference {
    OwnerReference {
        api_version: T::KIND.api_version(),
        kind: T::KIND.word().to_owned(),
        name: owner.name().to_owned(),
        uid: owner.uid().unwrap_or_default().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Sets a condition of a Certificate, with the generation that was judged. Says whether anything changed.
fn set_condition(
    certificate: &mut Certificate,
    type_: CertificateConditionType,
    status: ConditionStatus,
    reason: CertificateReason,
    message: &str,
    now: &Time,
) -> bool {
    let mut new = condition::new(type_, status, reason, message);
    new.observed_generation = certificate.metadata.generation.filter(|generation| *generation != 0);
    condition::set(&mut certificate.status.conditions, new, now)
}

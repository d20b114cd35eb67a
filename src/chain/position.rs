//! Places a live chain in the engine's stages.
//!
//! Reads states only; a reason or message never decides where a chain stands, except that a Challenge's
//! `status.reason` is the only place where cert-manager tells that its self check has run.

use jiff::Timestamp;

use super::{Chain, ChallengeNode, OrderNode, RequestNode, Stray, spec_match};
use crate::api::{
    AcmeState, Certificate, CertificateConditionType, Condition, Object, RenewalPolicy, RequestConditionType,
    RequestReason,
};
use crate::engine::Stage;
use crate::engine::backoff::{BackOff, next_attempt};

/// The stage of the issuance that `chain` is about, at `now`.
pub fn position(chain: &Chain, now: Timestamp) -> Stage {
    if let Some(certificate) = chain.certificate.seen() {
        return of_certificate(chain, certificate, now);
    }
    let stage = match (chain.in_flight(), &chain.stray) {
        (Some(request), _) => of_request(request),
        (None, Some(Stray::Order(order))) => of_order(order),
        (None, Some(Stray::Challenge(challenge))) => of_stray(challenge),
        (None, None) => Stage::Trigger,
    };
    // Without a Certificate (csi-driver, istio-csr) nobody stores it: whoever asked has taken it.
    if stage == Stage::Issued { Stage::Settled { renewal: None } } else { stage }
}

fn of_certificate(chain: &Chain, certificate: &Certificate, now: Timestamp) -> Stage {
    if certificate.is(CertificateConditionType::Issuing) {
        return issuing(chain, certificate);
    }
    if let Some(until) = back_off(chain, certificate).filter(|until| now < *until) {
        return Stage::BackOff { until };
    }
    if certificate.status.last_failure_time.is_some() {
        return Stage::Trigger;
    }
    if !certificate.is(CertificateConditionType::Ready) {
        return if awaits_readiness(chain, certificate) { Stage::Stored } else { Stage::Trigger };
    }
    let expired = certificate.status.not_after.as_ref().is_some_and(|end| now > end.0);
    match certificate.status.renewal_time.as_ref().map(|time| time.0) {
        _ if certificate.spec.renewal.as_ref().and_then(|renewal| renewal.policy.as_ref())
            == Some(&RenewalPolicy::Disabled) =>
        {
            Stage::Settled { renewal: None }
        }
        Some(renewal) if now < renewal => Stage::Settled { renewal: Some(renewal) },
        Some(_) => Stage::Trigger,
        None if expired => Stage::Trigger,
        None => Stage::Settled { renewal: None },
    }
}

/// When the back-off of a failed issuance ends. `None` if there is none, also when an edit of the spec lifts it.
fn back_off(chain: &Chain, certificate: &Certificate) -> Option<Timestamp> {
    let failed = certificate.status.last_failure_time.as_ref()?.0;
    let next = chain.in_flight().filter(|node| node.role == super::Role::Next);
    let lifted = next.is_some_and(|node| match spec_match::request_matches_spec(node.request, &certificate.spec) {
        Ok(violations) => !violations.is_empty(),
        // A request that cannot be decoded does not hold the next issuance back.
        Err(_) => true,
    });
    if lifted {
        return None;
    }
    Some(next_attempt(failed, certificate.status.failed_issuance_attempts, &BackOff::default()))
}

fn issuing(chain: &Chain, certificate: &Certificate) -> Stage {
    match chain.in_flight() {
        Some(node) => of_request(node),
        None if just_stored(chain, certificate) => Stage::Stored,
        None if certificate.status.next_private_key_secret_name.is_none() => Stage::Key,
        None => Stage::Request,
    }
}

/// Ready was judged before the request of the stored revision was made: the readiness controller has yet to look.
fn awaits_readiness(chain: &Chain, certificate: &Certificate) -> bool {
    let judged = certificate.condition(CertificateConditionType::Ready).and_then(Condition::since);
    chain.current().is_some_and(|node| is_issued(node) && node.request.created() >= judged)
}

/// The request of the present revision is issued and no key is left over: only the condition lags behind.
fn just_stored(chain: &Chain, certificate: &Certificate) -> bool {
    let began = certificate
        .condition(CertificateConditionType::Issuing)
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0);
    certificate.status.next_private_key_secret_name.is_none()
        && chain.current().is_some_and(|node| node.request.created() >= began && is_issued(node))
}

fn is_issued(node: &RequestNode) -> bool {
    node.request.ready_reason() == Some(&RequestReason::Issued)
}

fn of_request(node: &RequestNode) -> Stage {
    let request = node.request;
    if request.is(RequestConditionType::Denied) {
        return Stage::Denied;
    }
    match request.ready_reason() {
        Some(RequestReason::Issued) => return Stage::Issued,
        Some(RequestReason::Denied) => return Stage::Denied,
        Some(RequestReason::Failed) => return failure_under(node),
        Some(
            RequestReason::Pending
            | RequestReason::CertManagerApprover
            | RequestReason::KubectlCertManager
            | RequestReason::ApproverPolicy
            | RequestReason::Unknown(_),
        )
        | None => {}
    }
    if request.is(RequestConditionType::InvalidRequest) {
        return Stage::RequestFailed;
    }
    match node.order() {
        Some(order) => of_order(order),
        None if !request.is(RequestConditionType::Approved) => Stage::Approval,
        None => Stage::Issuer,
    }
}

/// A failed request stands at the deepest object that failed under it.
fn failure_under(node: &RequestNode) -> Stage {
    match node.order().map(of_order) {
        Some(failed @ (Stage::OrderFailed | Stage::ChallengeFailed)) => failed,
        Some(_) | None => Stage::RequestFailed,
    }
}

fn of_order(node: &OrderNode) -> Stage {
    let status = &node.order.status;
    match &status.state {
        Some(AcmeState::Valid) if status.certificate.is_empty() => Stage::Finalize,
        Some(AcmeState::Valid) => Stage::Issued,
        Some(AcmeState::Ready | AcmeState::Processing) => Stage::Finalize,
        Some(AcmeState::Invalid | AcmeState::Expired | AcmeState::Errored) => {
            if node.challenges.iter().any(has_failed) { Stage::ChallengeFailed } else { Stage::OrderFailed }
        }
        None if status.url.is_empty() => Stage::Order,
        None | Some(AcmeState::Pending | AcmeState::Unknown(_)) => of_challenges(&node.challenges),
    }
}

/// A Challenge by itself; once it is valid nothing is left for it to do.
fn of_stray(node: &ChallengeNode) -> Stage {
    if node.challenge.status.state == Some(AcmeState::Valid) {
        return Stage::Settled { renewal: None };
    }
    of_challenges(std::slice::from_ref(node))
}

fn has_failed(node: &ChallengeNode) -> bool {
    node.challenge.status.state.as_ref().is_some_and(AcmeState::is_failure)
}

/// Where the Challenges of an open Order stand: a failed one first, else the one that is furthest behind.
fn of_challenges(challenges: &[ChallengeNode]) -> Stage {
    if challenges.iter().any(has_failed) {
        return Stage::ChallengeFailed;
    }
    challenges
        .iter()
        .filter(|node| node.challenge.status.state != Some(AcmeState::Valid))
        .map(of_challenge)
        .min_by_key(progress)
        .unwrap_or(if challenges.is_empty() { Stage::Authorizations } else { Stage::Finalize })
}

fn of_challenge(node: &ChallengeNode) -> Stage {
    let status = &node.challenge.status;
    if !status.processing {
        Stage::ChallengeQueued
    } else if !status.presented {
        Stage::ChallengeScheduled
    } else if status.state == Some(AcmeState::Processing) {
        Stage::ChallengeAccepted
    } else if status.reason.is_empty() || status.waits_instead_of_self_check() {
        Stage::ChallengePresented
    } else if status.is_waiting_for_self_check() {
        Stage::ChallengeSelfCheck
    } else {
        Stage::ChallengeAccepted
    }
}

/// How far a pending Challenge has come. A queued Challenge beside one that is worked on waits for that one.
fn progress(stage: &Stage) -> u8 {
    match stage {
        Stage::ChallengeSelfCheck => 0,
        Stage::ChallengeScheduled => 1,
        Stage::ChallengePresented => 2,
        Stage::ChallengeAccepted => 3,
        Stage::ChallengeQueued => 4,
        Stage::Settled { .. }
        | Stage::Trigger
        | Stage::BackOff { .. }
        | Stage::Key
        | Stage::Request
        | Stage::Approval
        | Stage::Issuer
        | Stage::Order
        | Stage::Authorizations
        | Stage::Finalize
        | Stage::Issued
        | Stage::Stored
        | Stage::Denied
        | Stage::RequestFailed
        | Stage::OrderFailed
        | Stage::ChallengeFailed => 5,
    }
}

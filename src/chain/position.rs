//! Places a live chain in the engine's stages.
//!
//! Reads states; a reason or message decides where a chain stands in two places only. A Challenge's `status.reason` is
//! the only word of cert-manager that its self check has run. And of the reasons why Ready is False two, an expiry and
//! renewal windows that never open, start no issuance.

use jiff::Timestamp;

use super::{Chain, ChallengeNode, OrderNode, RequestNode, Stray};
use crate::api::{
    AcmeState, Certificate, CertificateConditionType, CertificateReason, Condition, Object, RenewalPolicy,
    RequestConditionType, RequestReason,
};
use crate::engine::Stage;
use crate::engine::backoff::{BackOff, next_attempt};
use crate::pki::matches;

/// The stage of the issuance that `chain` is about, at `now`, with the back-off that the controller goes by.
pub fn position(chain: &Chain, now: Timestamp, policy: &BackOff) -> Stage {
    if let Some(certificate) = chain.certificate.seen() {
        return of_certificate(chain, certificate, now, policy);
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

fn of_certificate(chain: &Chain, certificate: &Certificate, now: Timestamp, policy: &BackOff) -> Stage {
    if certificate.is(CertificateConditionType::Issuing) {
        return issuing(chain, certificate);
    }
    if let Some(until) = back_off(chain, certificate, policy).filter(|until| now < *until) {
        return Stage::BackOff { until };
    }
    if certificate.status.last_failure_time.is_some() {
        return Stage::Trigger;
    }
    if !certificate.is(CertificateConditionType::Ready) {
        if awaits_readiness(chain, certificate) {
            return Stage::Stored;
        }
        if !goes_by_renewal_time(certificate) {
            return Stage::Trigger;
        }
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
fn back_off(chain: &Chain, certificate: &Certificate, policy: &BackOff) -> Option<Timestamp> {
    let failed = certificate.status.last_failure_time.as_ref()?.0;
    let next = chain.in_flight().filter(|node| node.role == super::Role::Next);
    let lifted = next.is_some_and(|node| match matches::request_matches_spec(node.request, &certificate.spec) {
        Ok(violations) => !violations.is_empty(),
        // A request that cannot be decoded does not hold the next issuance back.
        Err(_) => true,
    });
    if lifted {
        return None;
    }
    Some(next_attempt(failed, certificate.status.failed_issuance_attempts, policy))
}

fn issuing(chain: &Chain, certificate: &Certificate) -> Stage {
    match chain.in_flight() {
        Some(node) => of_request(node),
        None if just_stored(chain, certificate) => Stage::Stored,
        None if certificate.status.next_private_key_secret_name.is_none() => Stage::Key,
        None => Stage::Request,
    }
}

/// Whether Ready is False for one of the two reasons that the trigger controller does not share: it starts an issuance
/// for neither before the renewal time (`internal/controller/certificates/policies/policies.go`).
fn goes_by_renewal_time(certificate: &Certificate) -> bool {
    let ready = certificate.condition(CertificateConditionType::Ready);
    matches!(
        ready.and_then(|ready| ready.reason.as_ref()),
        Some(CertificateReason::Expired | CertificateReason::WindowError)
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;
    use crate::facts::specimen::Specimen;
    use crate::inventory::Inventory;

    fn stage(specimen: &Specimen) -> Stage {
        let inventory = Inventory::new(specimen.objects.clone());
        position(&Chain::of(&inventory, &specimen.subject), specimen.now, &BackOff::default())
    }

    /// A good certificate whose Ready is False for this reason.
    fn unready(reason: CertificateReason) -> Specimen {
        Specimen::healthy().broken(|objects| {
            let ready = &mut objects.certificate().status.conditions[0];
            ready.status = ConditionStatus::False;
            ready.reason = Some(reason);
        })
    }

    #[test]
    fn an_unready_certificate_is_issued_anew_unless_only_time_or_windows_say_so() {
        const DAYS: i64 = 24 * 60;
        assert_eq!(stage(&unready(CertificateReason::SecretMismatch)), Stage::Trigger);
        let window = unready(CertificateReason::WindowError);
        assert!(matches!(stage(&window), Stage::Settled { renewal: Some(_) }));
        assert_eq!(stage(&window.later(5 * DAYS)), Stage::Trigger, "its renewal is due all the same");
        let expired = unready(CertificateReason::Expired).later(7 * DAYS);
        assert_eq!(stage(&expired), Stage::Trigger);
        let disabled = expired.broken(|objects| {
            objects.certificate().spec.renewal =
                Some(serde_json::from_value(serde_json::json!({"policy": "Disabled"})).unwrap());
            objects.certificate().status.renewal_time = None;
        });
        assert_eq!(stage(&disabled), Stage::Settled { renewal: None }, "nobody renews it");
    }

    #[test]
    fn the_back_off_is_that_of_the_controllers_flags() {
        let rejected = || {
            Specimen::rejected().broken(|objects| {
                objects.certificate().spec.dns_names = vec!["web.example.com".into()];
            })
        };
        let inventory = Inventory::new(rejected().objects);
        let chain = Chain::of(&inventory, &rejected().subject);
        let minute = jiff::SignedDuration::from_mins(1);
        let short = BackOff { min: minute, max: minute };
        let stage = |policy: &BackOff| position(&chain, "2026-11-22T06:29:00Z".parse().unwrap(), policy);
        let until = |time: &str| Stage::BackOff { until: time.parse().unwrap() };
        assert_eq!(stage(&BackOff::default()), until("2026-11-22T07:28:34Z"));
        assert_eq!(stage(&short), until("2026-11-22T06:29:34Z"));
    }
}

//! Places a live chain in the engine's stages.
//!
//! Reads states; words decide where a chain stands in three places only, where no state tells. A Challenge's
//! `status.reason` is the only word of cert-manager that its self check has run. An event is the only one that it
//! presented a Challenge, as long as its first self check lasts. And of the reasons why Ready is False two, an expiry
//! and renewal windows that never open, start no issuance.

use jiff::{SignedDuration, Timestamp};

use super::{Chain, ChallengeNode, OrderNode, RequestNode, Stray};
use crate::api::{
    AcmeState, Certificate, CertificateConditionType, CertificateReason, Challenge, Condition, GoDuration, Object,
    RenewalPolicy, RequestConditionType, RequestReason,
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
        (Some(request), _) => of_request(request, now),
        (None, Some(Stray::Order(order))) => of_order(order, now),
        (None, Some(Stray::Challenge(challenge))) => of_stray(challenge, now),
        (None, None) => Stage::Trigger,
    };
    // Without a Certificate (csi-driver, istio-csr) nobody stores it: whoever asked has taken it.
    if stage == Stage::Issued { Stage::Settled { renewal: None } } else { stage }
}

fn of_certificate(chain: &Chain, certificate: &Certificate, now: Timestamp, policy: &BackOff) -> Stage {
    if certificate.is(CertificateConditionType::Issuing) {
        return issuing(chain, certificate, now);
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

fn issuing(chain: &Chain, certificate: &Certificate, now: Timestamp) -> Stage {
    match chain.in_flight() {
        Some(node) => of_request(node, now),
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

fn of_request(node: &RequestNode, now: Timestamp) -> Stage {
    let request = node.request;
    if request.is(RequestConditionType::Denied) {
        return Stage::Denied;
    }
    match request.ready_reason() {
        Some(RequestReason::Issued) => return Stage::Issued,
        Some(RequestReason::Denied) => return Stage::Denied,
        Some(RequestReason::Failed) => return failure_under(node, now),
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
        Some(order) => of_order(order, now),
        None if !request.is(RequestConditionType::Approved) => Stage::Approval,
        None => Stage::Issuer,
    }
}

/// A failed request stands at the deepest object that failed under it.
fn failure_under(node: &RequestNode, now: Timestamp) -> Stage {
    match node.order().map(|order| of_order(order, now)) {
        Some(failed @ (Stage::OrderFailed | Stage::ChallengeFailed)) => failed,
        Some(_) | None => Stage::RequestFailed,
    }
}

fn of_order(node: &OrderNode, now: Timestamp) -> Stage {
    let status = &node.order.status;
    match &status.state {
        Some(AcmeState::Valid) if status.certificate.is_empty() => Stage::Finalize,
        Some(AcmeState::Valid) => Stage::Issued,
        Some(AcmeState::Ready | AcmeState::Processing) => Stage::Finalize,
        Some(AcmeState::Invalid | AcmeState::Expired | AcmeState::Errored) => {
            if node.challenges.iter().any(has_failed) { Stage::ChallengeFailed } else { Stage::OrderFailed }
        }
        None if status.url.is_empty() => Stage::Order,
        None | Some(AcmeState::Pending | AcmeState::Unknown(_)) => of_challenges(&node.challenges, now),
    }
}

/// A Challenge by itself; once it is valid nothing is left for it to do.
fn of_stray(node: &ChallengeNode, now: Timestamp) -> Stage {
    if node.challenge.status.state == Some(AcmeState::Valid) {
        return Stage::Settled { renewal: None };
    }
    of_challenges(std::slice::from_ref(node), now)
}

fn has_failed(node: &ChallengeNode) -> bool {
    node.challenge.status.state.as_ref().is_some_and(AcmeState::is_failure)
}

/// Where the Challenges of an open Order stand: a failed one first, else the one that is furthest behind.
fn of_challenges(challenges: &[ChallengeNode], now: Timestamp) -> Stage {
    if challenges.iter().any(has_failed) {
        return Stage::ChallengeFailed;
    }
    challenges
        .iter()
        .filter(|node| node.challenge.status.state != Some(AcmeState::Valid))
        .map(|node| of_challenge(node, now))
        .min_by_key(progress)
        .unwrap_or(if challenges.is_empty() { Stage::Authorizations } else { Stage::Finalize })
}

fn of_challenge(node: &ChallengeNode, now: Timestamp) -> Stage {
    let status = &node.challenge.status;
    if !status.processing {
        Stage::ChallengeQueued
    } else if !node.is_presented() {
        Stage::ChallengeScheduled
    } else if status.state == Some(AcmeState::Processing) {
        Stage::ChallengeAccepted
    } else if status.waits_instead_of_self_check() {
        if wait_is_over(node.challenge, now) { Stage::ChallengeAccepted } else { Stage::ChallengePresented }
    } else if status.reason.is_empty() || !status.presented {
        Stage::ChallengePresented
    } else if status.is_waiting_for_self_check() {
        Stage::ChallengeSelfCheck
    } else {
        Stage::ChallengeAccepted
    }
}

/// How late the controller may be to accept a Challenge after its wait.
const ACCEPT_SLACK: SignedDuration = SignedDuration::from_secs(30);

/// Whether the time of `waitInsteadOfSelfCheck` is up, so that the Challenge is accepted. cert-manager counts from
/// `presentedAt`, and leaves its words about the wait where they are (`pkg/controller/acmechallenges/readiness.go`).
fn wait_is_over(challenge: &Challenge, now: Timestamp) -> bool {
    let wait = challenge.spec.solver.wait_instead_of_self_check.as_ref().and_then(GoDuration::parse);
    let presented = challenge.status.presented_at.as_ref().map(|time| time.0);
    wait.zip(presented).is_some_and(|(wait, presented)| {
        now.duration_since(presented) > wait.checked_add(ACCEPT_SLACK).unwrap_or(SignedDuration::MAX)
    })
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

    /// The first Challenge alone, in its first self check: nothing but its slot is written down.
    fn first_check() -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.events.clear();
            objects.challenges.truncate(1);
            let status = &mut objects.challenge().status;
            status.presented = false;
            status.presented_at = None;
            status.reason.clear();
        })
    }

    fn event(specimen: Specimen, reason: &str, time: &str) -> Specimen {
        specimen.with(&format!(
            "apiVersion: v1\nkind: Event\nmetadata: {{name: e-{}, namespace: shop}}\nreason: {reason}\n\
             lastTimestamp: '{time}'\ninvolvedObject: {{kind: Challenge, namespace: shop, name: web-1-1922310271-2182183280}}\n",
            reason.to_lowercase()
        ))
    }

    #[test]
    fn a_first_self_check_that_lasts_is_known_by_solver_objects_or_event() {
        assert_eq!(stage(&first_check()), Stage::ChallengePresented);
        let halfway = first_check().broken(|objects| objects.ingresses.clear());
        assert_eq!(stage(&halfway), Stage::ChallengeScheduled, "the route is not made yet");
        assert_eq!(stage(&event(halfway.clone(), "Presented", "2026-11-22T06:30:05Z")), Stage::ChallengePresented);
        assert_eq!(
            stage(&event(halfway, "Presented", "2026-11-22T06:00:00Z")),
            Stage::ChallengeScheduled,
            "an event of a former Challenge"
        );
        let refused =
            first_check().broken(|objects| objects.challenge().status.reason = "services is forbidden".into());
        assert_eq!(stage(&refused), Stage::ChallengeScheduled, "the objects are half the work");
        let again = event(event(refused, "PresentError", "2026-11-22T06:30:00Z"), "Presented", "2026-11-22T06:30:05Z");
        assert_eq!(stage(&again), Stage::ChallengePresented);
        assert_eq!(again.ids(), Vec::<&str>::new(), "the error is of before");
        let worse = event(
            again.broken(|objects| objects.events.retain(|event| event.reason.as_deref() == Some("Presented"))),
            "PresentError",
            "2026-11-22T06:30:09Z",
        );
        assert_eq!(stage(&worse), Stage::ChallengeScheduled);
        let queued = first_check().broken(|objects| objects.challenge().status.processing = false);
        assert_eq!(stage(&queued), Stage::ChallengeQueued);
    }

    #[test]
    fn a_wait_instead_of_a_self_check_ends_with_the_acceptance() {
        let waiting = |now: &str| {
            let mut specimen = Specimen::http01().broken(|objects| {
                objects.challenges.truncate(1);
                let challenge = objects.challenge();
                challenge.spec.solver.wait_instead_of_self_check = Some(serde_json::from_str("\"2m0s\"").unwrap());
                challenge.status.presented_at = Some(serde_json::from_str("\"2026-11-22T06:30:00Z\"").unwrap());
                challenge.status.reason = "Waiting 10s before accepting HTTP-01 challenge without self-check".into();
            });
            specimen.now = now.parse().unwrap();
            stage(&specimen)
        };
        assert_eq!(waiting("2026-11-22T06:31:59Z"), Stage::ChallengePresented);
        assert_eq!(waiting("2026-11-22T06:32:20Z"), Stage::ChallengePresented, "a busy controller");
        assert_eq!(waiting("2026-11-22T06:32:31Z"), Stage::ChallengeAccepted);
        assert_eq!(waiting("2026-11-22T06:00:00Z"), Stage::ChallengePresented, "a clock that is behind");
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

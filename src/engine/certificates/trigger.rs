//! Decides when an issuance starts (`pkg/controller/certificates/trigger`).

use jiff::{SignedDuration, Timestamp};

use super::gather::gather;
use super::policy::{self, Input};
use super::{certificate_if, is_issuing, matches, set_condition};
use crate::api::{
    Certificate, CertificateConditionType, CertificateReason, ConditionStatus, Object, Secret, annotation,
};
use crate::engine::backoff::next_attempt;
use crate::engine::event::EventType;
use crate::engine::turn::{Looked, Turn};

/// How long a Certificate whose Secret belongs to another one waits until it looks again.
const NOT_OWNER: SignedDuration = SignedDuration::from_mins(3);

/// One look of the trigger controller.
pub fn trigger(turn: &mut Turn) -> Looked {
    let Some(certificate) = certificate_if(turn, |certificate| !is_issuing(certificate)) else { return Ok(()) };
    if !owns_its_secret(turn, &certificate) {
        turn.again_in(NOT_OWNER);
        return Ok(());
    }
    let input = gather(turn, &certificate)?;
    if let Some(until) = back_off(turn, &input) {
        turn.again_in(until.duration_since(turn.now));
        return Ok(());
    }
    let verdict = policy::trigger(&input);
    if let Some(renewal) = certificate.status.renewal_time.as_ref().filter(|time| time.0 >= turn.now) {
        turn.again_in(renewal.0.duration_since(turn.now));
    }
    let Err(mut violation) = verdict else { return Ok(()) };
    if violation.reason == CertificateReason::WindowError {
        let message = format!("Renewing certificate without satisfying renewal windows due to {}", violation.message);
        turn.tell(&certificate, EventType::Warning, violation.reason.as_str(), message);
        let at = policy::scheduled(&certificate);
        violation.message = format!("Renewing certificate without satisfying renewal windows at: {at}");
        violation.reason = CertificateReason::Renewing;
    }
    let (object, stamp) = (turn.object().clone(), turn.stamp());
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let issuing = CertificateConditionType::Issuing;
        set_condition(certificate, issuing, ConditionStatus::True, violation.reason, &violation.message, &stamp)
    });
    turn.tell(&certificate, EventType::Normal, "Issuing", violation.message);
    Ok(())
}

/// Whether this Certificate is the one that may write to its Secret: the one that the Secret's annotation names if it
/// wants the Secret, else the oldest that wants it (`internal/controller/certificates/certificates.go`).
fn owns_its_secret(turn: &Turn, certificate: &Certificate) -> bool {
    let namespace = certificate.namespace().unwrap_or_default();
    let secret_name = &certificate.spec.secret_name;
    let mut rivals: Vec<_> = turn.cluster.certificates_for_secret(namespace, secret_name).collect();
    rivals.sort_by_key(|rival| (rival.created(), rival.name()));
    let Some(oldest) = rivals.first() else { return false };
    let secret = turn.cluster.get::<Secret>(Some(namespace), secret_name);
    let named = secret.and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME));
    let owner = named.filter(|name| rivals.iter().any(|rival| rival.name() == *name)).unwrap_or_else(|| oldest.name());
    owner == certificate.name()
}

/// Until when a failed issuance is not repeated; `None` if it may be now. A request that no longer fits the spec, or
/// does not decode, lifts the back-off; one that was deleted does not.
fn back_off(turn: &Turn, input: &Input) -> Option<Timestamp> {
    let status = &input.certificate.status;
    let failed = status.last_failure_time.as_ref()?.0;
    if let Some(next) = input.next {
        match matches(turn.cluster, next, &input.certificate.spec) {
            Ok(violations) if violations.is_empty() => {}
            Ok(_) | Err(_) => return None,
        }
    }
    let until = next_attempt(failed, status.failed_issuance_attempts, &turn.flags.back_off);
    (turn.now < until).then_some(until)
}

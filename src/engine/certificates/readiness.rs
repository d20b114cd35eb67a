//! Says whether a Certificate is ready and when it will be renewed (`pkg/controller/certificates/readiness`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::certificate;
use super::gather::gather;
use super::policy;
use super::set_condition;
use crate::api::{Certificate, CertificateConditionType, CertificateReason, ConditionStatus};
use crate::engine::event::EventType;
use crate::engine::renewal;
use crate::engine::turn::{Looked, Turn};
use crate::x509::Bundle;

const READY: &str = "Certificate is up to date and has not expired";

/// One look of the readiness controller.
pub fn readiness(turn: &mut Turn) -> Looked {
    let Some(certificate) = certificate(turn) else { return Ok(()) };
    let input = gather(turn, &certificate)?;
    let (status, reason, message) = match policy::readiness(&input) {
        Ok(()) => (ConditionStatus::True, CertificateReason::Ready, READY.to_owned()),
        Err(violation) => (ConditionStatus::False, violation.reason, violation.message),
    };
    let stored = input.secret.and_then(|secret| turn.cluster.decoded.bundle(secret.bytes("tls.crt")?.expose()).ok());
    let leaf = stored.as_deref().map(Bundle::leaf);
    let due = leaf.map(|leaf| renewal::of_spec(leaf.not_before, leaf.not_after, &certificate.spec));
    let (before, after) = (leaf.map(|leaf| Time(leaf.not_before)), leaf.map(|leaf| Time(leaf.not_after)));
    let renewal = due.as_ref().and_then(|due| due.at).map(Time);
    let trouble = due.and_then(|due| due.error).map(|error| format!("Could not calculate renewal time: {error}"));
    let (object, stamp) = (turn.object().clone(), turn.stamp());
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let old = certificate.status.clone();
        let ready = || CertificateConditionType::Ready;
        set_condition(certificate, ready(), status, reason, &message, &stamp);
        // After the other, as cert-manager does: a Certificate that would be ready moves twice, and to now.
        if let Some(trouble) = &trouble {
            set_condition(
                certificate,
                ready(),
                ConditionStatus::False,
                CertificateReason::WindowError,
                trouble,
                &stamp,
            );
        }
        certificate.status.not_before = before;
        certificate.status.not_after = after;
        certificate.status.renewal_time = renewal;
        certificate.status != old
    });
    if let Some(trouble) = trouble {
        turn.tell(&certificate, EventType::Warning, CertificateReason::WindowError.as_str(), trouble);
    }
    Ok(())
}

//! Says whether a Certificate is ready and when it will be renewed (`pkg/controller/certificates/readiness`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::certificate;
use super::gather::gather;
use super::policy;
use super::set_condition;
use crate::api::{Certificate, CertificateConditionType, CertificateReason, ConditionStatus};
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
    let stored = input.secret.and_then(|secret| Bundle::from_pem(secret.bytes("tls.crt")?.expose()).ok());
    let (before, after, renewal) = match stored.as_ref().map(Bundle::leaf) {
        Some(leaf) => {
            let due = renewal::of_spec(leaf.not_before, leaf.not_after, &certificate.spec);
            (Some(Time(leaf.not_before)), Some(Time(leaf.not_after)), due.map(Time))
        }
        None => (None, None, None),
    };
    let (object, stamp) = (turn.object().clone(), turn.stamp());
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let ready = CertificateConditionType::Ready;
        let mut changed = set_condition(certificate, ready, status, reason, &message, &stamp);
        for (field, value) in [
            (&mut certificate.status.not_before, before),
            (&mut certificate.status.not_after, after),
            (&mut certificate.status.renewal_time, renewal),
        ] {
            changed |= *field != value;
            *field = value;
        }
        changed
    });
    Ok(())
}

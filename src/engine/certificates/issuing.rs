//! Ends an issuance: stores what was issued, or notes the failure (`pkg/controller/certificates/issuing`).

use std::sync::Arc;

use super::policy;
use super::secret::{self, Issued};
use super::{certificate, failed_before, is_issuing, matches, next_revision, owned_requests, set_condition};
use crate::api::certificate::CertificateConditionType;
use crate::api::{
    Certificate, CertificateReason, CertificateRequest, ConditionStatus, Object, RequestConditionType, RequestReason,
    Secret, annotation,
};
use crate::engine::event::EventType;
use crate::engine::turn::{Looked, Trouble, Turn};
use crate::pki::matches::key_matches_spec;
use crate::pki::{self, PrivateKey};
use crate::x509::Request;

/// One look of the issuing controller.
pub fn issuing(turn: &mut Turn) -> Looked {
    let Some(certificate) = certificate(turn) else { return Ok(()) };
    if !is_issuing(&certificate) {
        return secret::mend(turn, &certificate);
    }
    let Some(key) = next_key(turn, &certificate) else { return Ok(()) };
    let revision = next_revision(&certificate);
    let Some(request) = only_request(turn, &certificate, revision).cloned() else { return Ok(()) };
    match matches(turn.cluster, &request, &certificate.spec) {
        Ok(violations) if violations.is_empty() => {}
        // The request manager replaces it.
        Ok(_) => return Ok(()),
        Err(error) => return Err(Trouble(error.to_string())),
    }
    // The request manager takes it away.
    if failed_before(&request, &certificate) {
        return Ok(());
    }
    if let Some(end) = bad_end(&request) {
        fail(turn, &certificate, end);
        return Ok(());
    }
    let Some(ready) = request.ready_reason() else { return Ok(()) };
    let csr = turn.cluster.decoded.request(&request.spec.request);
    let csr = csr.map_err(|fault| Trouble(fault.error().to_string()))?;
    let csr = &csr.request;
    if csr.key != *key.public() {
        return Ok(());
    }
    if *ready != RequestReason::Issued {
        return temporary(turn, &certificate, &key);
    }
    if let Some(message) = unusable(turn, &request, csr) {
        fail(turn, &certificate, (CertificateReason::InvalidCertificate, message));
        return Ok(());
    }
    store(turn, &certificate, &request, &key, revision)
}

/// The request of a revision; `None` also if there are several, which the request manager has to sort out.
fn only_request<'t>(turn: &'t Turn, certificate: &'t Certificate, revision: i64) -> Option<&'t CertificateRequest> {
    let mut found = owned_requests(turn, certificate).filter(|request| request.revision() == Some(revision));
    found.next().filter(|_| found.next().is_none())
}

/// The next private key, if it is there and fits the spec; else the key manager has work to do first.
fn next_key(turn: &Turn, certificate: &Certificate) -> Option<Arc<PrivateKey>> {
    let name = certificate.status.next_private_key_secret_name.as_deref().filter(|name| !name.is_empty())?;
    let secret = turn.cluster.get::<Secret>(certificate.namespace(), name)?;
    let key = turn.cluster.decoded.private(secret.bytes("tls.key")?).ok()?;
    key_matches_spec(key.public(), &certificate.spec).is_empty().then_some(key)
}

/// How a request ended without a certificate: reason and message of the condition that says so.
fn bad_end(request: &CertificateRequest) -> Option<(CertificateReason, String)> {
    let ends = [RequestConditionType::Denied, RequestConditionType::InvalidRequest];
    let said = ends.into_iter().find_map(|type_| request.condition(type_).filter(|condition| condition.is_true()));
    let failed = || {
        request
            .condition(RequestConditionType::Ready)
            .filter(|_| request.ready_reason() == Some(&RequestReason::Failed))
    };
    let condition = said.or_else(failed)?;
    let reason = condition.reason.as_ref().map_or("", |reason| reason.as_str());
    Some((CertificateReason::from(reason), condition.message.clone()))
}

/// What is wrong with an issued certificate.
fn unusable(turn: &Turn, request: &CertificateRequest, csr: &Request) -> Option<String> {
    let decoded = &turn.cluster.decoded;
    let bundle = match decoded.bundle(&decoded.text(&request.status.certificate)) {
        Ok(bundle) => bundle,
        Err(error) => return Some(format!("Issuer returned an invalid certificate: failed to decode: {error}")),
    };
    let leaf = bundle.leaf();
    if leaf.key != csr.key {
        let words = "Issuer returned a certificate with a public key that does not match the CSR. This usually \
                     indicates a misconfigured issuer.";
        return Some(words.to_owned());
    }
    (turn.now > leaf.not_after).then(|| {
        format!(
            "Issuer returned an already expired certificate (notAfter: {}). This usually indicates an expired CA \
             certificate in the issuer.",
            leaf.not_after
        )
    })
}

fn fail(turn: &mut Turn, certificate: &Certificate, (reason, message): (CertificateReason, String)) {
    let message = format!("The certificate request has failed to complete and will be retried: {message}");
    let (object, stamp, word) = (turn.object().clone(), turn.stamp(), reason.as_str().to_owned());
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let attempts = certificate.status.failed_issuance_attempts.unwrap_or(0);
        certificate.status.failed_issuance_attempts = Some(attempts + 1);
        certificate.status.last_failure_time = Some(stamp.clone());
        let issuing = CertificateConditionType::Issuing;
        set_condition(certificate, issuing, ConditionStatus::False, reason, &message, &stamp);
        true
    });
    turn.tell(certificate, EventType::Warning, &word, message);
}

fn store(
    turn: &mut Turn,
    certificate: &Certificate,
    request: &CertificateRequest,
    key: &PrivateKey,
    revision: i64,
) -> Looked {
    let issued = Issued::of_request(&turn.cluster.decoded, certificate, request, key)?;
    secret::write(turn, certificate, &issued)?;
    let object = turn.object().clone();
    turn.cluster.modify::<Certificate>(&object, |certificate| {
        let status = &mut certificate.status;
        status.revision = Some(revision);
        status.conditions.retain(|condition| condition.type_ != CertificateConditionType::Issuing);
        status.failed_issuance_attempts = None;
        status.last_failure_time = None;
        true
    });
    turn.tell(certificate, EventType::Normal, "Issuing", "The certificate has been successfully issued");
    Ok(())
}

/// Stores a self-made certificate while the real one is awaited, if the Certificate asks for it and nothing usable is
/// stored yet.
fn temporary(turn: &mut Turn, certificate: &Certificate, key: &PrivateKey) -> Looked {
    let secret = turn.cluster.get::<Secret>(certificate.namespace(), &certificate.spec.secret_name);
    if certificate.annotation(annotation::ISSUE_TEMPORARY_CERTIFICATE) != Some("true")
        || policy::temporary(&turn.cluster.decoded, secret).is_ok()
    {
        return Ok(());
    }
    let serial = turn.cluster.random().bytes();
    let pem = pki::temporary::temporary(&certificate.spec, key.public(), turn.now, serial);
    let pem = pem.map_err(|error| Trouble(error.to_string()))?;
    secret::write(turn, certificate, &Issued::temporary(certificate, pem, key)?)?;
    turn.tell(certificate, EventType::Normal, "Issuing", "Issued temporary certificate");
    Ok(())
}

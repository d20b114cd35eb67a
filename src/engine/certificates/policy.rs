//! The policies that decide whether a Certificate is issued anew and whether it is ready
//! (`internal/controller/certificates/policies`): a chain of checks, of which the first that fails speaks.

use std::sync::Arc;

use jiff::Timestamp;

use super::matches;
use crate::api::{Certificate, CertificateReason, CertificateRequest, Object, Secret, annotation};
use crate::engine::cluster::Cluster;
use crate::engine::decoded::Decoded;
use crate::engine::{golang, renewal};
use crate::pki::matches::{key_matches_spec, leaf_matches_spec};
use crate::x509::{Bundle, PublicKey};

/// What the checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub certificate: &'a Certificate,
    pub secret: Option<&'a Secret>,
    /// The request that issued what is stored.
    pub current: Option<&'a CertificateRequest>,
    /// The request of the issuance under way, or of the one that failed last.
    pub next: Option<&'a CertificateRequest>,
    pub now: Timestamp,
    /// The cluster that all of them are in.
    pub cluster: &'a Cluster,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub reason: CertificateReason,
    pub message: String,
}

type Verdict = Result<(), Violation>;

fn violation<T>(reason: CertificateReason, message: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { reason, message: message.into() })
}

/// Why an issuance is due, if it is (`NewTriggerPolicyChain`).
pub fn trigger(input: &Input) -> Verdict {
    let stored = usable(input)?;
    near_end(input, &stored)
}

/// Why a Certificate is not ready, if it is not (`NewReadinessPolicyChain`).
pub fn readiness(input: &Input) -> Verdict {
    let stored = usable(input)?;
    let end = stored.bundle.leaf().not_after;
    if input.now > end {
        return violation(CertificateReason::Expired, format!("Certificate expired on {}", rfc1123(end)));
    }
    Ok(())
}

/// Why a temporary certificate is wanted, if it is (`NewTemporaryCertificatePolicyChain`).
pub fn temporary(decoded: &Decoded, secret: Option<&Secret>) -> Verdict {
    key_pair(decoded, secret).map(|_| ())
}

/// What a Secret holds that has passed the first checks.
struct Stored<'a> {
    secret: &'a Secret,
    bundle: Arc<Bundle>,
    key: Arc<PublicKey>,
}

/// The checks that both chains share.
fn usable<'a>(input: &Input<'a>) -> Result<Stored<'a>, Violation> {
    let stored = key_pair(&input.cluster.decoded, input.secret)?;
    same_issuer(input.certificate, stored.secret)?;
    same_certificate(input.certificate, stored.secret)?;
    let violations = key_matches_spec(&stored.key, &input.certificate.spec);
    if !violations.is_empty() {
        let message = format!("Existing private key is not up to date for spec: {}", list(&violations));
        return violation(CertificateReason::SecretMismatch, message);
    }
    same_request(input, &stored)?;
    Ok(stored)
}

fn key_pair<'s>(decoded: &Decoded, secret: Option<&'s Secret>) -> Result<Stored<'s>, Violation> {
    let missing = |what: &str| violation(CertificateReason::MissingData, format!("Issuing certificate as {what}"));
    let Some(secret) = secret else {
        return violation(CertificateReason::DoesNotExist, "Issuing certificate as Secret does not exist");
    };
    if secret.data.is_empty() {
        return missing("Secret does not contain any data");
    }
    let filled = |key| secret.bytes(key).filter(|bytes| !bytes.expose().is_empty());
    let Some(key) = filled("tls.key") else { return missing("Secret does not contain a private key") };
    let Some(certificate) = filled("tls.crt") else { return missing("Secret does not contain a certificate") };
    let key = decoded.public(key).or_else(|error| {
        let message = format!("Issuing certificate as Secret contains invalid private key data: {error}");
        violation(CertificateReason::InvalidKeyPair, message)
    })?;
    let bundle = decoded.bundle(certificate.expose()).or_else(|error| {
        let message = format!("Issuing certificate as Secret contains an invalid certificate: {error}");
        violation(CertificateReason::InvalidCertificate, message)
    })?;
    if bundle.leaf().key != *key {
        let message = "Issuing certificate as Secret contains a private key that does not match the certificate";
        return violation(CertificateReason::InvalidKeyPair, message);
    }
    Ok(Stored { secret, bundle, key })
}

/// With none of the three annotations any name of the default kind and group passes.
fn same_issuer(certificate: &Certificate, secret: &Secret) -> Verdict {
    let keys = [annotation::ISSUER_NAME, annotation::ISSUER_KIND, annotation::ISSUER_GROUP];
    let [name, kind, group] = keys.map(|key| secret.annotation(key));
    let wanted = &certificate.spec.issuer_ref;
    let stored = crate::api::IssuerRef {
        name: name.unwrap_or_default().to_owned(),
        kind: kind.unwrap_or_default().to_owned(),
        group: group.unwrap_or_default().to_owned(),
    };
    let any = name.is_some() || kind.is_some() || group.is_some();
    let same = (!any || stored.name == wanted.name)
        && stored.kind_or_default() == wanted.kind_or_default()
        && stored.group_or_default() == wanted.group_or_default();
    if same {
        return Ok(());
    }
    let words = format!("{}.{}/{}", stored.kind_or_default(), stored.group_or_default(), stored.name);
    violation(
        CertificateReason::IncorrectIssuer,
        format!("Issuing certificate as Secret was previously issued by {words:?}"),
    )
}

fn same_certificate(certificate: &Certificate, secret: &Secret) -> Verdict {
    match secret.annotation(annotation::CERTIFICATE_NAME) {
        Some(name) if name != certificate.name() => violation(
            CertificateReason::IncorrectCertificate,
            format!(
                "Secret was issued for {name:?}. If this message is not transient, you might have two conflicting \
                 Certificates pointing to the same secret."
            ),
        ),
        Some(_) | None => Ok(()),
    }
}

fn same_request(input: &Input, stored: &Stored) -> Verdict {
    let spec = &input.certificate.spec;
    let Some(current) = input.current else {
        // The request is gone: the leaf itself is compared, loosely.
        let violations = leaf_matches_spec(stored.bundle.leaf(), spec);
        if violations.is_empty() {
            return Ok(());
        }
        let message =
            format!("Issuing certificate as Existing issued Secret is not up to date for spec: {}", list(&violations));
        return violation(CertificateReason::SecretMismatch, message);
    };
    let csr = input.cluster.decoded.request(&current.spec.request).or_else(|fault| {
        let message = format!("Failed to decode current CertificateRequest: {}", fault.error());
        violation(CertificateReason::InvalidCertificateRequest, message)
    })?;
    if csr.request.key != *stored.key {
        let message = "Secret contains a private key that does not match the current CertificateRequest";
        return violation(CertificateReason::SecretMismatch, message);
    }
    match matches(input.cluster, current, spec) {
        Ok(violations) if !violations.is_empty() => violation(
            CertificateReason::RequestChanged,
            format!("Fields on existing CertificateRequest resource not up to date: {}", list(&violations)),
        ),
        // What cannot be compared may still be right.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn near_end(input: &Input, stored: &Stored) -> Verdict {
    let certificate = input.certificate;
    let leaf = stored.bundle.leaf();
    // `None` is never. cert-manager itself falls over a time that it does not know, and starts nothing either.
    let due = renewal::of_spec(leaf.not_before, leaf.not_after, &certificate.spec);
    if due.at.is_none_or(|at| at > input.now) {
        return Ok(());
    }
    if let Some(error) = due.error {
        return violation(CertificateReason::WindowError, error.to_string());
    }
    let at = scheduled(certificate);
    violation(CertificateReason::Renewing, format!("Renewing certificate as renewal was scheduled at {at}"))
}

/// A list as Go's `%v` prints it.
fn list(items: &[&str]) -> String {
    format!("[{}]", items.join(" "))
}

/// The renewal time of the status as Go prints it.
pub fn scheduled(certificate: &Certificate) -> String {
    certificate.status.renewal_time.as_ref().map_or_else(|| "<nil>".to_owned(), |time| golang::time(time.0))
}

/// A time as `time.RFC1123` prints it in UTC.
fn rfc1123(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

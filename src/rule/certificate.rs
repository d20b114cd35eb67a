//! Certificates: what they ask for, who else asks for it, how long it lasts and when it is renewed.
//!
//! Here is what these rules and those about Secrets read alike; the rules are in the files below.

pub(super) mod authority;
pub(super) mod constraint;
pub(super) mod csr;
pub(super) mod key;
pub(super) mod keystore;
pub(super) mod lifetime;
pub(super) mod names;
pub(super) mod pace;
pub(super) mod renewal;
pub(super) mod renewal_info;
pub(super) mod sharing;

use jiff::{SignedDuration, Timestamp};

use crate::api::{AcmeIssuer, Certificate, CertificateConditionType, CertificateReason, Condition, Object};
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Fix, PROGRAM};
use crate::x509::{self, Bundle};

/// How long an issuance may take before a state that every issuance passes through is worth a word.
const ISSUANCE_SECONDS: i64 = 600;

/// How long cert-manager may take to notice a change of a Secret.
const NOTICE_SECONDS: i64 = 300;

/// Why Ready is False: the word and the sentence of cert-manager's readiness check.
pub(super) fn unready(certificate: &Certificate) -> Option<(&CertificateReason, &str)> {
    let ready = certificate.condition(CertificateConditionType::Ready).filter(|ready| ready.is_false())?;
    Some((ready.reason.as_ref()?, &ready.message))
}

/// Whether a state that every issuance passes through has outstayed it: the issuance failed or takes too long, or
/// none was started in time.
pub(super) fn outlasts_an_issuance(facts: &Facts, certificate: &Certificate) -> bool {
    if facts.has_failed() {
        return true;
    }
    if facts.is_issuing() {
        return facts.is_older_than(facts.issuance_began(), ISSUANCE_SECONDS);
    }
    let ready = certificate.condition(CertificateConditionType::Ready);
    facts.is_older_than(ready.and_then(Condition::since).or_else(|| certificate.created()), NOTICE_SECONDS)
}

/// The ACME part of the issuer, if the issuer was seen and has one.
pub(super) fn acme<'i>(facts: &Facts<'i>) -> Option<&'i AcmeIssuer> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { spec, .. } => spec.acme.as_ref(),
        IssuerView::External(_) => None,
    }
}

/// Whether the issuer speaks ACME, by its spec or by an Order that was made for it.
pub(super) fn is_acme(facts: &Facts) -> bool {
    acme(facts).is_some() || facts.chain.requests.iter().any(|node| !node.orders.is_empty())
}

/// The issued leaf: from the Secret, else from the request that it came from.
pub(super) fn leaf<'f>(facts: &'f Facts) -> Option<&'f x509::Certificate> {
    facts.stored().ok().or_else(|| facts.answered()).map(Bundle::leaf)
}

/// When the present certificate was issued: the request's word, else the start of its validity.
pub(super) fn issued_at(facts: &Facts, certificate: &Certificate) -> Option<Timestamp> {
    use crate::api::RequestConditionType;
    let request = facts.chain.current().map(|node| node.request);
    let ready = request.and_then(|request| request.condition(RequestConditionType::Ready)?.since());
    ready.or_else(|| certificate.status.not_before.as_ref().map(|time| time.0))
}

/// How long the present certificate is valid in all.
pub(super) fn lifetime(certificate: &Certificate) -> Option<SignedDuration> {
    let (start, end) = (certificate.status.not_before.as_ref()?.0, certificate.status.not_after.as_ref()?.0);
    Some(end.duration_since(start)).filter(SignedDuration::is_positive)
}

/// Changes the Certificate by a JSON merge patch.
pub(super) fn merge_patch(title: impl Into<String>, certificate: &Certificate, patch: &str) -> Fix {
    let (name, namespace) = (certificate.name(), certificate.objref().namespace_flag());
    Fix::command(title, format!("kubectl patch certificate {name}{namespace} --type merge -p '{patch}'"))
}

/// Starts a new issuance at once.
pub(super) fn renew(title: impl Into<String>, certificate: &Certificate) -> Fix {
    let (name, namespace) = (certificate.name(), certificate.objref().namespace_flag());
    Fix::command(title, format!("{PROGRAM} renew {name}{namespace}"))
}

/// Names as they stand in a sentence: `a`, `a and b`, `a, b and 3 more`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, third] => format!("{first}, {second} and {third}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

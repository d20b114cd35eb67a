//! The rules for Certificates (`internal/apis/certmanager/validation/certificate.go`), in their order.

mod duration;
mod names;
mod renewal;
mod secret;
mod subject;

use super::super::names as kubernetes;
use super::issuer_ref;
use crate::api::KeyAlgorithm;
use crate::api::certificate::{
    CertificateSpec, KeyUsage, NameConstraintItem, NameConstraints, PrivateKeySpec, SignatureAlgorithm,
};
use crate::engine::field::{FieldError, Path};
use crate::engine::golang;
use serde::Serialize;

/// The errors of a spec, whether it is new or changed.
pub fn spec(spec: &CertificateSpec) -> Vec<FieldError> {
    let at = Path::new("spec");
    let mut errors = Vec::new();
    let secret_name = at.child("secretName");
    if spec.secret_name.is_empty() {
        errors.push(FieldError::required(secret_name, "must be specified"));
    } else {
        let unfit = kubernetes::subdomain(&spec.secret_name).into_iter();
        errors.extend(unfit.map(|error| FieldError::invalid(secret_name.clone(), &spec.secret_name, error)));
    }
    errors.extend(issuer_ref(&spec.issuer_ref, &at));
    let common_name = subject::judge(spec, &at, &mut errors);
    names::judge(spec, common_name.as_deref().unwrap_or(&spec.common_name), &at, &mut errors);
    if let Some(key) = &spec.private_key {
        errors.extend(private_key(key, &at.child("privateKey")));
    }
    errors.extend(signature_algorithm(spec, &at));
    if spec.duration.is_some() || spec.renew_before.is_some() {
        duration::judge(spec, &at, &mut errors);
    }
    errors.extend(usages(&spec.usages, &at));
    if let Some(limit) = spec.revision_history_limit.filter(|limit| *limit < 1) {
        errors.push(FieldError::invalid_json(at.child("revisionHistoryLimit"), &limit, "must not be less than 1"));
    }
    if let Some(template) = &spec.secret_template {
        errors.extend(secret::template(template, &at.child("secretTemplate")));
    }
    if let Some(constraints) = &spec.name_constraints {
        errors.extend(name_constraints(constraints, spec.is_ca, &at.child("nameConstraints")));
    }
    errors.extend(secret::output_formats(&spec.additional_output_formats, &at));
    if let Some(keystores) = &spec.keystores {
        errors.extend(secret::keystores(keystores, &at.child("keystores")));
    }
    if let Some(renewal) = &spec.renewal {
        errors.extend(renewal::judge(renewal, &at.child("renewal")));
    }
    errors
}

fn private_key(key: &PrivateKeySpec, at: &Path) -> Option<FieldError> {
    const RSA: std::ops::RangeInclusive<i64> = 2048..=8192;
    let size = at.child("size");
    match key.algorithm.as_ref().unwrap_or(&KeyAlgorithm::Rsa) {
        KeyAlgorithm::Rsa if key.size > 0 && !RSA.contains(&key.size) => {
            let detail = format!("must be between {} and {} for rsa keyAlgorithm", RSA.start(), RSA.end());
            Some(FieldError::invalid_json(size, &key.size, detail))
        }
        KeyAlgorithm::Ecdsa if key.size > 0 && ![256, 384, 521].contains(&key.size) => {
            Some(FieldError::unsupported(size, key.size.to_string(), ["256", "384", "521"]))
        }
        KeyAlgorithm::Rsa | KeyAlgorithm::Ecdsa | KeyAlgorithm::Ed25519 => None,
        KeyAlgorithm::Unknown(word) => {
            let detail = "must be either empty or one of rsa, ecdsa or ed25519";
            Some(FieldError::invalid_json(at.child("algorithm"), word, detail))
        }
    }
}

fn signature_algorithm(spec: &CertificateSpec, at: &Path) -> Option<FieldError> {
    use SignatureAlgorithm as Signature;
    let given = spec.signature_algorithm.as_ref()?;
    let key = spec.key_algorithm();
    let allowed: &[Signature] = match key {
        KeyAlgorithm::Rsa => &[Signature::Sha256WithRsa, Signature::Sha384WithRsa, Signature::Sha512WithRsa],
        KeyAlgorithm::Ecdsa => &[Signature::EcdsaWithSha256, Signature::EcdsaWithSha384, Signature::EcdsaWithSha512],
        KeyAlgorithm::Ed25519 => &[Signature::PureEd25519],
        KeyAlgorithm::Unknown(_) => return None,
    };
    let words = golang::list(allowed.iter().map(Signature::as_str));
    let detail = format!("for key algorithm {key} the allowed signature algorithms are {words}");
    (!allowed.contains(given)).then(|| FieldError::invalid_json(at.child("signatureAlgorithm"), given, detail))
}

fn usages(usages: &[KeyUsage], at: &Path) -> Vec<FieldError> {
    let unknown = usages.iter().enumerate().filter(|(_, usage)| matches!(usage, KeyUsage::Unknown(_)));
    let at = at.child("usages");
    unknown.map(|(index, usage)| FieldError::invalid_json(at.index(index), usage, "unknown keyusage")).collect()
}

fn name_constraints(constraints: &NameConstraints, is_ca: bool, at: &Path) -> Vec<FieldError> {
    let shown = Constraints::of(constraints);
    let mut errors = Vec::new();
    if !is_ca {
        let detail = "isCa should be true when nameConstraints is set";
        errors.push(FieldError::invalid_json(at.clone(), &shown, detail));
    }
    if constraints.permitted.is_none() && constraints.excluded.is_none() {
        errors.push(FieldError::invalid_json(at.clone(), &shown, "either permitted or excluded must be set"));
    }
    errors
}

/// Name constraints as the webhook prints them: its own types have no JSON names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Constraints<'c> {
    critical: bool,
    permitted: Option<Side<'c>>,
    excluded: Option<Side<'c>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Side<'c> {
    #[serde(rename = "DNSDomains")]
    dns_domains: Option<&'c [String]>,
    #[serde(rename = "IPRanges")]
    ip_ranges: Option<&'c [String]>,
    email_addresses: Option<&'c [String]>,
    #[serde(rename = "URIDomains")]
    uri_domains: Option<&'c [String]>,
}

impl<'c> Constraints<'c> {
    fn of(constraints: &'c NameConstraints) -> Self {
        let side = |item: &'c NameConstraintItem| Side {
            dns_domains: some(&item.dns_domains),
            ip_ranges: some(&item.ip_ranges),
            email_addresses: some(&item.email_addresses),
            uri_domains: some(&item.uri_domains),
        };
        Self {
            critical: constraints.critical,
            permitted: constraints.permitted.as_ref().map(side),
            excluded: constraints.excluded.as_ref().map(side),
        }
    }
}

/// An empty list is `null` where Go prints one that was never made.
fn some(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

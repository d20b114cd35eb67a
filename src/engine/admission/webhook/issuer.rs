//! The rules for Issuers and ClusterIssuers (`internal/apis/certmanager/validation/issuer.go`), in their order.

mod acme;
mod dns01;
mod nameserver;
mod vault;
mod venafi;

use crate::api::issuer::CaIssuer;
use crate::api::{Base64Text, IssuerSpec, SecretKeyRef};
use crate::engine::field::{FieldError, Path};
use crate::x509;

pub use acme::warnings;

/// The errors of a spec, whether it is new or changed. Of several types of issuer only the first is judged.
pub fn spec(spec: &IssuerSpec) -> Vec<FieldError> {
    let at = Path::new("spec");
    let mut errors = Vec::new();
    let mut is_first = true;
    let mut one = |member: &'static str, judge: &dyn Fn(&Path) -> Vec<FieldError>| {
        let at = at.child(member);
        if std::mem::replace(&mut is_first, false) {
            errors.extend(judge(&at));
        } else {
            errors.push(FieldError::forbidden(at, "may not specify more than one issuer type"));
        }
    };
    if let Some(acme) = &spec.acme {
        one("acme", &|at| acme::judge(acme, at));
    }
    if let Some(issuer) = &spec.ca {
        one("ca", &|at| ca(issuer, at));
    }
    if spec.self_signed.is_some() {
        one("selfSigned", &|_| Vec::new());
    }
    if let Some(vault) = &spec.vault {
        one("vault", &|at| vault::judge(vault, at));
    }
    if let Some(venafi) = &spec.venafi {
        one("venafi", &|at| venafi::judge(venafi, at));
    }
    if is_first {
        errors.push(FieldError::required(at, "at least one issuer must be configured"));
    }
    errors
}

fn ca(ca: &CaIssuer, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if ca.secret_name.is_empty() {
        errors.push(FieldError::required(at.child("secretName"), ""));
    }
    // The field is called otherwise.
    errors.extend(empty(
        &ca.ocsp_servers,
        &at.child("ocspServer"),
        "must be a valid URL, e.g., http://ocsp.int-x3.letsencrypt.org",
    ));
    errors.extend(empty(&ca.issuing_certificate_urls, &at.child("issuingCertificateURLs"), "must be a valid URL"));
    errors
}

fn empty(texts: &[String], at: &Path, detail: &'static str) -> Vec<FieldError> {
    let empty = texts.iter().enumerate().filter(|(_, text)| text.is_empty());
    empty.map(|(index, text)| FieldError::invalid(at.index(index), text, detail)).collect()
}

/// The errors of a reference that must name a Secret and a key of it.
fn secret_key(secret: &SecretKeyRef, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if secret.name.is_empty() {
        errors.push(FieldError::required(at.child("name"), "secret name is required"));
    }
    if secret.key.is_empty() {
        errors.push(FieldError::required(at.child("key"), "secret key is required"));
    }
    errors
}

/// Notes that a text must be there.
fn need(text: &str, at: Path, detail: &'static str, errors: &mut Vec<FieldError>) {
    if text.is_empty() {
        errors.push(FieldError::required(at, detail));
    }
}

/// Whether a bundle of CAs is given, and holds no certificate.
fn is_useless(bundle: &Base64Text) -> bool {
    !bundle.is_empty() && x509::certificates_in(&bundle.decode().unwrap_or_default()).is_empty()
}

const USELESS: &str = "cert bundle didn't contain any valid certificates";

//! The `SelfSigned` issuer: signs with the request's own key (`certificaterequests/selfsigned`).

use super::sign::{Issued, IssuerFound, Outcome, template};
use crate::api::{Base64Text, CertificateRequest, Object, Secret, annotation};
use crate::engine::event::EventType;
use crate::engine::turn::Turn;
use crate::pki::Urls;

/// The DER of a name without parts.
const EMPTY_SEQUENCE: [u8; 2] = [0x30, 0];

const EMPTY_SUBJECT: &str = "Certificate will be issued with an empty Issuer DN, which contravenes RFC 5280 and could \
                             break some strict clients";

/// Signs a request, or says why not. It must name the Secret with its key, which only Certificates make it do.
pub fn sign(turn: &mut Turn, request: &CertificateRequest, issuer: &IssuerFound) -> Outcome {
    let Some(spec) = &issuer.spec.self_signed else { return Outcome::Nothing };
    let failed = |reason, what: &str, error: &dyn std::fmt::Display| Outcome::Failed {
        reason,
        message: format!("{what}: {error}"),
    };
    let named = annotation::PRIVATE_KEY_SECRET_NAME;
    let Some(name) = request.annotation(named).filter(|name| !name.is_empty()) else {
        let what = format!("Annotation {named:?} missing or reference empty");
        return failed("MissingAnnotation", &what, &"secret name missing");
    };
    let namespace = request.namespace().unwrap_or_default();
    let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), name) else {
        let message = format!("Referenced secret {namespace}/{name} not found: secrets {name:?} not found");
        return Outcome::Pending { reason: "MissingSecret", message };
    };
    let pem = secret.bytes("tls.key").ok_or_else(|| format!("no data for \"tls.key\" in secret '{namespace}/{name}'"));
    let key = pem.and_then(|pem| turn.cluster.decoded.private(pem).map_err(|error| error.to_string()));
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            let message = format!("Failed to get key {name:?} referenced in annotation {named:?}: {error}");
            return Outcome::Pending { reason: "ErrorParsingKey", message };
        }
    };
    let template = match template(turn, request) {
        Ok(template) => template,
        Err(error) => return failed("ErrorGenerating", "Error generating certificate template", &error),
    };
    if template.subject == EMPTY_SEQUENCE {
        turn.tell(request, EventType::Warning, "BadConfig", EMPTY_SUBJECT);
    }
    if *key.public() != template.key {
        let error = "CSR not signed by referenced private key";
        return failed("ErrorKeyMatch", "Error generating certificate template", &error);
    }
    let serial = turn.cluster.random().bytes();
    match template.self_sign(&key, Urls::from(spec), serial) {
        Ok(signed) => {
            let pem = Base64Text::encode(signed.bundle.chain.as_bytes());
            Outcome::Issued(Issued { certificate: pem.clone(), ca: pem })
        }
        Err(error) => failed("ErrorSigning", "Error signing certificate", &error),
    }
}

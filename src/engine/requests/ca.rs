//! The CA issuer: signs with the key pair of a Secret (`certificaterequests/ca`).

use std::sync::Arc;

use super::sign::{Issued, IssuerFound, Outcome, template};
use crate::api::{Base64Text, CertificateRequest, Object, Secret};
use crate::engine::decoded::{Bytes, Decoded};
use crate::engine::turn::Turn;
use crate::pki::{Ca, PrivateKey, Urls};
use crate::x509::Bundle;

/// Signs a request, or says why not.
pub fn sign(turn: &mut Turn, request: &CertificateRequest, issuer: &IssuerFound) -> Outcome {
    let Some(spec) = &issuer.spec.ca else { return Outcome::Nothing };
    let (namespace, name) = (&issuer.resource_namespace, &spec.secret_name);
    let Some(secret) = turn.cluster.get::<Secret>(Some(namespace), name) else {
        let message = format!("Referenced secret {namespace}/{name} not found: secrets {name:?} not found");
        return Outcome::Pending { reason: "SecretMissing", message };
    };
    let ca = match key_pair(&turn.cluster.decoded, secret) {
        Ok(ca) => ca,
        Err(error) => {
            let message = format!("Failed to parse signing CA keypair from secret {namespace}/{name}: {error}");
            return Outcome::Pending { reason: "SecretInvalidData", message };
        }
    };
    let template = match template(turn, request) {
        Ok(template) => template,
        Err(error) => {
            let message = format!("Error generating certificate template: {error}");
            return Outcome::Failed { reason: "SigningError", message };
        }
    };
    let serial = turn.cluster.random().bytes();
    match ca.issue(&template, Urls::from(spec), serial) {
        Ok(signed) => Outcome::Issued(Issued {
            certificate: Base64Text::encode(signed.bundle.chain.as_bytes()),
            // One text for all that it signs.
            ca: turn.cluster.decoded.encoded(signed.bundle.ca.unwrap_or_default().as_bytes()),
        }),
        Err(error) => {
            let message = format!("Error signing certificate: {error}");
            Outcome::Failed { reason: "SigningError", message }
        }
    }
}

/// The certificates and the key of a CA issuer's Secret, and why they are none (`pkg/util/kube/pki.go`).
fn key_pair(decoded: &Decoded, secret: &Secret) -> Result<Arc<Ca>, String> {
    let filled = |what: &str, key: &str| {
        secret.bytes(key).ok_or_else(|| {
            let namespace = secret.namespace().unwrap_or_default();
            format!("no {what} data for {key:?} in secret '{namespace}/{}'", secret.name())
        })
    };
    let key = filled("private key", "tls.key")?;
    let make = |own: &Bytes, above: Option<&Bytes>| {
        let key = PrivateKey::from_pem(key.expose()).map_err(|error| error.to_string())?;
        let own = Bundle::from_pem(own.expose()).map_err(|error| error.to_string())?;
        let mut certificates: Vec<_> = own.iter().cloned().collect();
        if let Some(pem) = above {
            let above = Bundle::from_pem(pem.expose()).map_err(|error| error.to_string())?;
            certificates.push(above.leaf().clone());
        }
        let signing = certificates.remove(0);
        Ok(Ca::new(signing, certificates, key))
    };
    let above = secret.bytes("ca.crt").filter(|pem| !pem.expose().is_empty());
    // The key is judged before it is asked whether there is a certificate.
    decoded.private(key).map_err(|error| error.to_string())?;
    let own = filled("certificate", "tls.crt")?;
    decoded.authority(own, key, above, || make(own, above))
}

//! The Vault issuer: everything up to Vault's signature (`certificaterequests/vault`).

use super::sign::{Issued, IssuerFound, Outcome};
use crate::api::{Base64Text, CertificateRequest, Object};
use crate::engine::outside::{Outside, Service, Then};
use crate::engine::question::vault::VaultAnswer;
use crate::engine::turn::Turn;
use crate::engine::vault::{Client, Fault, Issuer};
use crate::pki::chain::single;
use crate::x509::{Request, certificates_in};

/// Builds the request to Vault, or says why there is none.
pub fn sign(turn: &mut Turn, request: &CertificateRequest, issuer: &IssuerFound) -> Outcome {
    let Some(vault) = &issuer.spec.vault else { return Outcome::Nothing };
    let seen = Issuer {
        vault,
        namespace: issuer.namespace.as_deref().unwrap_or_default(),
        name: &request.spec.issuer_ref.name,
        resource_namespace: &issuer.resource_namespace,
    };
    let client = match Client::new(turn.cluster, seen) {
        Ok(client) => client,
        Err(Fault::NotFound(words)) => {
            let message = format!("Required secret resource not found: {words}");
            return Outcome::Pending { reason: "SecretMissing", message };
        }
        Err(fault) => {
            let message = format!("Failed to initialise vault client for signing: {}", fault.words());
            let pending = Outcome::Pending { reason: "VaultInitError", message };
            return match fault {
                // A change of the issuer will wake it.
                Fault::Invalid(_) => pending,
                Fault::NotFound(words) | Fault::Other(words) => Outcome::Again(Box::new(pending), words),
            };
        }
    };
    let pem = request.csr_pem().unwrap_or_default();
    let csr = match Request::from_pem(&pem) {
        Ok(csr) => csr,
        Err(error) => {
            let message = format!("Vault failed to sign certificate: failed to decode CSR for signing: {error}");
            return Outcome::Failed { reason: "SigningError", message };
        }
    };
    let text = String::from_utf8_lossy(&pem);
    let failed = |words: &str| {
        let message = format!("Vault failed to sign certificate: {words}");
        Outcome::Failed { reason: "SigningError", message }
    };
    // The rest waits for the answer.
    let Some(answer) = turn.vault(client.sign_call(request, &csr, &text)) else { return Outcome::Nothing };
    match answer {
        VaultAnswer::Nobody => {}
        VaultAnswer::Healthy => return failed("the answer is to another question"),
        VaultAnswer::Signed { certificate, issuing_ca, ca_chain } => {
            return match chain(&[&ca_chain[..], &[issuing_ca, certificate]].concat().join("\n")) {
                Ok(signed) => Outcome::Issued(signed),
                Err(words) => failed(&words),
            };
        }
        VaultAnswer::NoLogin(words) => {
            let message = format!("Failed to initialise vault client for signing: {words}");
            return Outcome::Again(Box::new(Outcome::Pending { reason: "VaultInitError", message }), words);
        }
        VaultAnswer::Failed(words) => return failed(&format!("failed to sign certificate by vault: {words}")),
    }
    turn.ask_outside(Outside {
        service: Service::Vault { server: vault.server.clone() },
        calls: client.sign(request, &csr, &text),
        unknown: format!("it signs {} with {}", request.name(), vault.path),
        then: Then::Stops,
    });
    Outcome::Nothing
}

/// The leaf with what is above it, and the top, out of all that Vault gives.
fn chain(text: &str) -> Result<Issued, String> {
    let certificates = certificates_in(text.as_bytes());
    let bundle =
        single(&certificates).map_err(|fault| format!("failed to parse certificate chain from vault: {fault}"))?;
    Ok(Issued {
        certificate: Base64Text::encode(bundle.chain.as_bytes()),
        ca: Base64Text::encode(bundle.ca.unwrap_or_default().as_bytes()),
    })
}

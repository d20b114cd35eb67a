//! The Vault issuer: everything up to Vault's signature (`certificaterequests/vault`).

use super::sign::{IssuerFound, Outcome};
use crate::api::{CertificateRequest, Object};
use crate::engine::outside::{Outside, Service, Then};
use crate::engine::turn::Turn;
use crate::engine::vault::{Client, Fault, Issuer};
use crate::x509::Request;

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
    turn.ask_outside(Outside {
        service: Service::Vault { server: vault.server.clone() },
        calls: client.sign(request, &csr, &String::from_utf8_lossy(&pem)),
        unknown: format!("it signs {} with {}", request.name(), vault.path),
        then: Then::Stops,
    });
    Outcome::Nothing
}

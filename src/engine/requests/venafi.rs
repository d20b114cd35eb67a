//! The Venafi issuer: everything up to the product's answer (`certificaterequests/venafi`).

use serde::Deserialize;

use super::sign::{IssuerFound, Outcome};
use crate::api::{CertificateRequest, Object, annotation};
use crate::engine::golang;
use crate::engine::outside::{Outside, Then};
use crate::engine::turn::Turn;
use crate::engine::venafi::{Client, Fault};
use crate::x509::Request;

const NO_SUBJECT: &str = "Certificate requests submitted to Venafi issuers must have the 'commonName' field or at least \
                          one other subject field set.";

/// One custom field of the annotation.
#[derive(Deserialize)]
struct CustomField {
    #[serde(default, rename = "type")]
    kind: String,
}

/// Builds the request to the product, or says why there is none.
pub fn sign(turn: &mut Turn, request: &CertificateRequest, issuer: &IssuerFound) -> Outcome {
    let Some(venafi) = &issuer.spec.venafi else { return Outcome::Nothing };
    let client = match Client::new(turn.cluster, venafi, &issuer.resource_namespace) {
        Ok(client) => client,
        Err(Fault::NotFound(words)) => {
            let message = format!("Required secret resource not found: {words}");
            return Outcome::Pending { reason: "SecretMissing", message };
        }
        Err(Fault::Credentials(words) | Fault::Other(words)) => {
            let message = format!("Failed to initialise Certificate Manager client for signing: {words}");
            return Outcome::Again(Box::new(Outcome::Pending { reason: "VenafiInitError", message }), words);
        }
    };
    let of_issuer = (request.spec.issuer_ref.name.as_str(), issuer.custom_fields.as_deref());
    let of_request = (request.name(), request.annotation(annotation::VENAFI_CUSTOM_FIELDS));
    let mut fields = Vec::new();
    for (name, annotation) in [of_issuer, of_request] {
        let Some(text) = annotation.filter(|text| !text.is_empty()) else { continue };
        match serde_json::from_str::<Vec<CustomField>>(text) {
            Ok(more) => fields.extend(more),
            // Go's words about its JSON are others.
            Err(error) => {
                let key = annotation::VENAFI_CUSTOM_FIELDS;
                let message = format!("Failed to parse {name} {key:?} annotation: {error}");
                return Outcome::Failed { reason: "CustomFieldsError", message };
            }
        }
    }
    let failed = |why: &str| {
        let message = format!("Failed to request certificate from Certificate Manager: {why}");
        Outcome::Again(Box::new(Outcome::Failed { reason: "RequestError", message }), why.to_owned())
    };
    if !client.has_credentials() {
        return failed("must be authenticated to request a certificate");
    }
    let pem = request.csr_pem().unwrap_or_default();
    let csr = match Request::from_pem(&pem) {
        Ok(csr) => csr,
        Err(error) => return failed(&error.to_string()),
    };
    if csr.subject.is_empty() {
        return failed(NO_SUBJECT);
    }
    if let Some(field) = fields.iter().find(|field| !matches!(field.kind.as_str(), "" | "Plain")) {
        let why = format!("certificate request contains an invalid custom fields type: {}", golang::quote(&field.kind));
        return Outcome::Failed { reason: "CustomFieldsError", message: format!("{why}: {why}") };
    }
    turn.ask_outside(Outside {
        service: client.service(),
        calls: client.sign(&String::from_utf8_lossy(&pem)),
        unknown: format!("zone {} lets {} pass and a certificate comes of it", venafi.zone, request.name()),
        then: Then::Stops,
    });
    Outcome::Nothing
}

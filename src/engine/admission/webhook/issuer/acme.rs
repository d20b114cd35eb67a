//! `spec.acme`, and its solvers.

use super::{USELESS, dns01, is_useless, need, secret_key};
use crate::api::AcmeIssuer;
use crate::api::solver::{AcmeSolver, Http01Gateway, Http01Ingress, Http01Solver};
use crate::api::{GoDuration, IssuerSpec};
use crate::engine::admission::names;
use crate::engine::field::{FieldError, Path};

/// What the webhook warns of; nothing else has a warning (`internal/apis/certmanager/validation/warnings.go`).
pub fn warnings(spec: &IssuerSpec) -> Vec<&'static str> {
    const DEPRECATED: &str = "ACME issuer spec field 'externalAccount.keyAlgorithm' is deprecated. The value of this \
                              field will be ignored.";
    let binding = spec.acme.as_ref().and_then(|acme| acme.external_account_binding.as_ref());
    binding.filter(|binding| !binding.key_algorithm.is_empty()).map(|_| DEPRECATED).into_iter().collect()
}

/// The errors of `spec.acme`.
pub fn judge(acme: &AcmeIssuer, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let bundle = at.child("caBundle");
    if !acme.ca_bundle.is_empty() && acme.skip_tls_verify {
        let detail = "caBundle and skipTLSVerify are mutually exclusive and cannot both be set";
        errors.push(FieldError::invalid(bundle.clone(), "", detail));
        errors.push(FieldError::invalid_json(at.child("skipTLSVerify"), &acme.skip_tls_verify, detail));
    }
    if is_useless(&acme.ca_bundle) {
        errors.push(FieldError::invalid(bundle, "", USELESS));
    }
    let key = at.child("privateKeySecretRef").child("name");
    need(&acme.private_key_secret_ref.name, key, "private key secret name is a required field", &mut errors);
    need(&acme.server, at.child("server"), "acme server URL is a required field", &mut errors);
    if let Some(binding) = &acme.external_account_binding {
        let at = at.child("externalAccountBinding");
        let detail = "the keyID field is required when using externalAccountBinding";
        need(&binding.key_id, at.child("keyID"), detail, &mut errors);
        errors.extend(secret_key(&binding.key_secret_ref, &at.child("keySecretRef")));
    }
    for (index, one) in acme.solvers.iter().enumerate() {
        errors.extend(solver(one, &at.child("solvers").index(index)));
    }
    errors
}

fn solver(solver: &AcmeSolver, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match (&solver.http01, &solver.dns01) {
        (None, None) => errors.push(FieldError::required(at.clone(), "no solver type configured")),
        (Some(one), None) => errors.extend(http01(one, &at.child("http01"))),
        (None, Some(one)) => errors.extend(dns01::judge(one, &at.child("dns01"))),
        (Some(one), Some(_)) => {
            errors.extend(http01(one, &at.child("http01")));
            let detail = "may not specify more than one solver type in a single solver";
            errors.push(FieldError::forbidden(at.clone(), detail));
        }
    }
    let wait = solver.wait_instead_of_self_check.as_ref().and_then(GoDuration::parse);
    if let Some(wait) = wait.filter(jiff::SignedDuration::is_negative) {
        let detail = "waitInsteadOfSelfCheck must not be negative";
        errors.push(FieldError::invalid_json(at.child("waitInsteadOfSelfCheck"), &wait.as_nanos(), detail));
    }
    errors
}

fn http01(http01: &Http01Solver, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(http01.ingress.iter().flat_map(|one| ingress(one, &at.child("ingress"))));
    // The field is called otherwise.
    errors.extend(http01.gateway_http_route.iter().flat_map(|one| gateway(one, &at.child("gateway"))));
    match (&http01.ingress, &http01.gateway_http_route) {
        (None, None) => errors.push(FieldError::required(at.clone(), "no HTTP01 solver type configured")),
        (Some(_), Some(_)) => {
            errors.push(FieldError::required(at.clone(), "only 1 HTTP01 solver type may be configured"));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    errors
}

fn ingress(ingress: &Http01Ingress, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let ways = [ingress.class.is_some(), ingress.ingress_class_name.is_some(), !ingress.name.is_empty()];
    if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
        let detail = "only one of 'ingressClassName', 'name' or 'class' should be specified";
        errors.push(FieldError::forbidden(at.clone(), detail));
    }
    if let Some(class) = &ingress.ingress_class_name {
        let unfit = names::subdomain(class);
        if !unfit.is_empty() {
            let detail = format!("must be a valid IngressClass name: {}", unfit.join(", "));
            errors.push(FieldError::invalid(at.child("ingressClassName"), class, detail));
        }
    }
    errors.extend(service_type(&ingress.service_type, at));
    errors
}

/// Only the first parent that lacks something is told.
fn gateway(gateway: &Http01Gateway, at: &Path) -> Vec<FieldError> {
    let mut errors: Vec<_> = service_type(&gateway.service_type, at).into_iter().collect();
    let parents = gateway.parent_refs.iter().enumerate();
    let lacking = parents.map(|(index, parent)| {
        let at = at.child("parentRefs").index(index);
        match (&parent.kind, parent.name.is_empty()) {
            (Some(_), true) => Some(FieldError::required(at.child("name"), "name is required when kind is specified")),
            (None, false) => Some(FieldError::required(at.child("kind"), "kind is required when name is specified")),
            (Some(_), false) | (None, true) => None,
        }
    });
    errors.extend(lacking.flatten().next());
    errors
}

fn service_type(service_type: &str, at: &Path) -> Option<FieldError> {
    let is_known = ["", "ClusterIP", "NodePort"].contains(&service_type);
    let detail = "must be empty, \"ClusterIP\" or \"NodePort\"";
    (!is_known).then(|| FieldError::invalid_json(at.child("serviceType"), &service_type, detail))
}

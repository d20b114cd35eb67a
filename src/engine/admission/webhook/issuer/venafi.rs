//! `spec.venafi`.

use super::need;
use crate::api::issuer::VenafiIssuer;
use crate::engine::field::{FieldError, Path};

/// The errors of `spec.venafi`. That exactly one of the three is there the schema wants already.
pub fn judge(venafi: &VenafiIssuer, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    need(&venafi.zone, at.child("zone"), "", &mut errors);
    if let Some(tpp) = &venafi.tpp {
        let at = at.child("tpp");
        need(&tpp.url, at.child("url"), "", &mut errors);
        if !tpp.ca_bundle.is_empty() && tpp.ca_bundle_secret_ref.is_some() {
            let detail = "may not specify more than one of caBundle/caBundleSecretRef as TPP CA Bundle";
            errors.push(FieldError::forbidden(at, detail));
        }
    }
    if let Some(ngts) = &venafi.ngts {
        let at = at.child("ngts");
        need(&ngts.tsg_id, at.child("tsgID"), "", &mut errors);
        need(&ngts.credentials_ref.name, at.below(&["credentialsRef", "name"]), "", &mut errors);
    }
    let detail = "please supply one of: tpp, cloud, ngts";
    let given = [venafi.tpp.is_some(), venafi.cloud.is_some(), venafi.ngts.is_some()];
    match given.into_iter().filter(|is_given| *is_given).count() {
        0 => errors.push(FieldError::required(at.clone(), detail)),
        1 => {}
        _ => errors.push(FieldError::forbidden(at.clone(), detail)),
    }
    errors
}

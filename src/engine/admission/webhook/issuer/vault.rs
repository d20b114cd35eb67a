//! `spec.vault`.

use super::{USELESS, is_useless, need};
use crate::api::issuer::{VaultAppRole, VaultAuth, VaultAws, VaultIssuer, VaultKubernetes};
use crate::engine::field::{FieldError, Path};

/// The errors of `spec.vault`.
pub fn judge(vault: &VaultIssuer, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    need(&vault.server, at.child("server"), "", &mut errors);
    need(&vault.path, at.child("path"), "", &mut errors);
    errors.extend(climbing(&vault.path, at.child("path")));
    let bundle = at.child("caBundle");
    if is_useless(&vault.ca_bundle) {
        errors.push(FieldError::invalid(bundle.clone(), SNIP, USELESS));
    }
    if let Some(secret) = vault.ca_bundle_secret_ref.as_ref().filter(|_| !vault.ca_bundle.is_empty()) {
        let detail = "specified caBundle and caBundleSecretRef cannot be used together";
        errors.push(FieldError::invalid(bundle, SNIP, detail));
        let detail = "specified caBundleSecretRef and caBundle cannot be used together";
        errors.push(FieldError::invalid(at.child("caBundleSecretRef"), &secret.name, detail));
    }
    match (&vault.client_cert_secret_ref, &vault.client_key_secret_ref) {
        (Some(_), None) => {
            let detail = "clientKeySecretRef must be provided when defining the clientCertSecretRef";
            errors.push(FieldError::invalid(at.child("clientKeySecretRef"), SNIP, detail));
        }
        (None, Some(_)) => {
            let detail = "clientCertSecretRef must be provided when defining the clientKeySecretRef";
            errors.push(FieldError::invalid(at.child("clientCertSecretRef"), SNIP, detail));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    auth(&vault.auth, &at.child("auth"), &mut errors);
    errors
}

/// What is printed in place of a value that would be long or is not there.
const SNIP: &str = "<snip>";

/// Several methods pass; the controller refuses them later.
fn auth(auth: &VaultAuth, at: &Path, errors: &mut Vec<FieldError>) {
    if let Some(role) = &auth.app_role {
        app_role(role, &at.child("appRole"), errors);
    }
    if let Some(certificate) = &auth.client_certificate {
        // Here and below `path` is called `mountPath` in the object.
        errors.extend(climbing(&certificate.mount_path, at.below(&["clientCertificate", "path"])));
    }
    if let Some(one) = &auth.kubernetes {
        kubernetes(one, &at.child("kubernetes"), errors);
    }
    if let Some(one) = &auth.aws {
        aws(one, &at.child("aws"), errors);
    }
    let has_none = auth.token_secret_ref.is_none()
        && auth.app_role.is_none()
        && auth.client_certificate.is_none()
        && auth.kubernetes.is_none()
        && auth.aws.is_none();
    if has_none {
        let detail = "please supply one of: appRole, kubernetes, tokenSecretRef, clientCertificate, aws";
        errors.push(FieldError::required(at.clone(), detail));
    }
}

fn app_role(role: &VaultAppRole, at: &Path, errors: &mut Vec<FieldError>) {
    need(&role.role_id, at.child("roleId"), "", errors);
    need(&role.secret_ref.name, at.below(&["secretRef", "name"]), "", errors);
    errors.extend(climbing(&role.path, at.child("path")));
}

fn kubernetes(kubernetes: &VaultKubernetes, at: &Path, errors: &mut Vec<FieldError>) {
    need(&kubernetes.role, at.child("role"), "", errors);
    errors.extend(climbing(&kubernetes.mount_path, at.child("path")));
    if let Some(account) = &kubernetes.service_account_ref {
        need(&account.name, at.below(&["serviceAccountRef", "name"]), "", errors);
    }
    let detail = "please supply one of: secretRef, serviceAccountRef";
    match (kubernetes.secret_ref.name.is_empty(), kubernetes.service_account_ref.is_some()) {
        (true, false) => errors.push(FieldError::required(at.clone(), detail)),
        (false, true) => errors.push(FieldError::forbidden(at.clone(), detail)),
        (true, true) | (false, false) => {}
    }
}

fn aws(aws: &VaultAws, at: &Path, errors: &mut Vec<FieldError>) {
    need(&aws.role, at.child("role"), "", errors);
    errors.extend(climbing(&aws.mount_path, at.child("mountPath")));
    if let Some(account) = &aws.service_account_ref {
        need(&account.name, at.below(&["serviceAccountRef", "name"]), "", errors);
        let detail = "iamRoleArn is required when using serviceAccountRef for IRSA";
        need(&aws.iam_role_arn, at.child("iamRoleArn"), detail, errors);
    }
}

/// A path with a segment that climbs out of it.
fn climbing(path: &str, at: Path) -> Option<FieldError> {
    let climbs = path.split('/').any(|segment| segment == "..");
    climbs.then(|| FieldError::invalid(at, path, "must not contain '..' path segments"))
}

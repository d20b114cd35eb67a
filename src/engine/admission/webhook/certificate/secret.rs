//! What goes into the Secret besides the certificate and its key.

use std::collections::BTreeSet;

use crate::api::certificate::{Keystore, Keystores, OutputFormat, SecretTemplate};
use crate::engine::admission::names;
use crate::engine::field::{FieldError, Path};
use crate::engine::golang;

/// The errors of `spec.secretTemplate`.
pub fn template(template: &SecretTemplate, at: &Path) -> Vec<FieldError> {
    let mut errors = names::labels(&template.labels, &at.child("labels"));
    let at = at.child("annotations");
    let is_own =
        |key: &&String| key.starts_with("cert-manager.io/") && *key != "cert-manager.io/allow-direct-injection";
    errors.extend(
        template
            .annotations
            .keys()
            .filter(is_own)
            .map(|key| FieldError::invalid(at.clone(), key, "cert-manager.io/* annotations are not allowed")),
    );
    errors.extend(names::annotations(&template.annotations, &at));
    errors
}

/// The formats that are asked for more than once.
pub fn output_formats(formats: &[OutputFormat], at: &Path) -> Vec<FieldError> {
    let mut seen = BTreeSet::new();
    let again = formats.iter().filter(|format| !seen.insert(format.type_.as_str()));
    let at = at.child("additionalOutputFormats").key("type");
    again.map(|format| FieldError::duplicate(at.clone(), golang::quote(format.type_.as_str()))).collect()
}

/// The errors of `spec.keystores`.
pub fn keystores(keystores: &Keystores, at: &Path) -> Vec<FieldError> {
    let both = [("jks", "JKS", &keystores.jks), ("pkcs12", "PKCS#12", &keystores.pkcs12)];
    let given = both.into_iter().filter_map(|(member, name, keystore)| Some((member, name, keystore.as_ref()?)));
    given.flat_map(|(member, name, one)| keystore(one, name, &at.child(member))).collect()
}

fn keystore(keystore: &Keystore, name: &str, at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let has_secret = !keystore.password_secret_ref.name.is_empty();
    match (&keystore.password, has_secret) {
        (Some(_), true) => errors.push(FieldError::forbidden(
            at.clone(),
            format!(
                "exactly one of passwordSecretRef and password must be provided for {name} keystores; cannot set both"
            ),
        )),
        (None, false) => errors.push(FieldError::forbidden(
            at.clone(),
            // The words are cert-manager's.
            format!("must set exactly one of passwordSecretRef and password must for {name} keystores"),
        )),
        (Some(_), false) | (None, true) => {}
    }
    if keystore.password.as_ref().is_some_and(|password| password.expose().is_empty()) {
        let detail = format!("literal password cannot be empty if set on {name} keystores");
        errors.push(FieldError::forbidden(at.child("password"), detail));
    }
    errors
}

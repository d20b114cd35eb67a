//! What the issuing controller writes into the target Secret
//! (cert-manager's `internal/controller/certificates/secrets.go` and `pkg/controller/certificates/issuing/internal`).

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::uri;
use crate::api::certificate::{CertificateSpec, Keystore, OutputFormatType};
use crate::api::{IssuerRef, annotation};
use crate::redact::Redacted;
use crate::x509::{Certificate, pem};

/// What an issuance has brought.
#[derive(Debug)]
pub struct SecretData<'d> {
    /// PEM, in the encoding of the spec.
    pub private_key: &'d Redacted<Arc<[u8]>>,
    /// The PEM chain, leaf first.
    pub certificate: &'d Arc<[u8]>,
    /// PEM; empty if the issuer knows none.
    pub ca: &'d Arc<[u8]>,
    /// The Certificate's name.
    pub certificate_name: &'d str,
    /// The reference of the CertificateRequest; a temporary certificate has none.
    pub issuer: Option<&'d IssuerRef>,
}

/// Values by their keys.
pub type Values = BTreeMap<&'static str, Redacted<Arc<[u8]>>>;

/// All that is applied to the Secret, except its type, which stays what it is or becomes `kubernetes.io/tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretContents {
    pub data: Values,
    pub annotations: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// Keys that cert-manager would write too.
    pub not_built: Vec<KeystoreKey>,
}

/// A keystore. This program writes none, as what is in them is random and no kept library writes all their forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeystoreKey {
    Pkcs12,
    Pkcs12Truststore,
    Jks,
    JksTruststore,
}

impl KeystoreKey {
    /// The key of the Secret.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pkcs12 => "keystore.p12",
            Self::Pkcs12Truststore => "truststore.p12",
            Self::Jks => "keystore.jks",
            Self::JksTruststore => "truststore.jks",
        }
    }
}

/// Why nothing is written, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretFault {
    #[error("failed to add additional output formats to Secret: unknown additional output format {0}")]
    OutputFormat(String),
}

impl SecretContents {
    /// What cert-manager writes for a spec. Keystores are named only; [`super::keystore`] says whether they get a password.
    /// `leaf` is the certificate itself.
    pub fn of(spec: &CertificateSpec, data: &SecretData<'_>, leaf: &Certificate) -> Result<Self, SecretFault> {
        let template = spec.secret_template.clone().unwrap_or_default();
        let (mut annotations, mut labels) = (template.annotations, template.labels);
        annotations.extend(self::annotations(leaf));
        if !data.certificate_name.is_empty() {
            annotations.insert(annotation::CERTIFICATE_NAME.into(), data.certificate_name.into());
        }
        let named =
            |issuer: &&IssuerRef| [&issuer.name, &issuer.kind, &issuer.group].iter().any(|text| !text.is_empty());
        if let Some(issuer) = data.issuer.filter(named) {
            annotations.insert(annotation::ISSUER_NAME.into(), issuer.name.clone());
            annotations.insert(annotation::ISSUER_KIND.into(), issuer.kind.clone());
            annotations.insert(annotation::ISSUER_GROUP.into(), issuer.group.clone());
        }
        labels.insert(annotation::PART_OF_CERT_MANAGER.into(), "true".into());
        Ok(Self { data: values(spec, data)?, annotations, labels, not_built: keystores(spec, data) })
    }
}

fn values(spec: &CertificateSpec, data: &SecretData<'_>) -> Result<Values, SecretFault> {
    let key: &[u8] = data.private_key.expose();
    let mut values = BTreeMap::new();
    for format in &spec.additional_output_formats {
        match &format.type_ {
            OutputFormatType::Der => {
                let block = pem::blocks(key).into_iter().next();
                values.insert("key.der", Redacted::new(block.map(|block| block.der).unwrap_or_default().into()));
            }
            OutputFormatType::CombinedPem => {
                let combined = [key, b"\n", &**data.certificate].concat();
                values.insert("tls-combined.pem", Redacted::new(combined.into()));
            }
            OutputFormatType::Unknown(word) => return Err(SecretFault::OutputFormat(word.clone())),
        }
    }
    values.insert("tls.key", data.private_key.clone());
    values.insert("tls.crt", Redacted::new(Arc::clone(data.certificate)));
    if !data.ca.is_empty() {
        values.insert("ca.crt", Redacted::new(Arc::clone(data.ca)));
    }
    Ok(values)
}

fn keystores(spec: &CertificateSpec, data: &SecretData<'_>) -> Vec<KeystoreKey> {
    let wanted = |keystore: &Option<Keystore>| keystore.as_ref().is_some_and(|keystore| keystore.create);
    let Some(keystores) = &spec.keystores else { return Vec::new() };
    let mut keys = Vec::new();
    if wanted(&keystores.pkcs12) {
        keys.extend([KeystoreKey::Pkcs12, KeystoreKey::Pkcs12Truststore]);
    }
    if wanted(&keystores.jks) {
        keys.extend([KeystoreKey::Jks, KeystoreKey::JksTruststore]);
    }
    let is_trust = |key: &KeystoreKey| matches!(key, KeystoreKey::Pkcs12Truststore | KeystoreKey::JksTruststore);
    keys.retain(|key| !data.ca.is_empty() || !is_trust(key));
    keys
}

/// The annotations that tell what a leaf says (`AnnotationsForCertificate`).
pub fn annotations(leaf: &Certificate) -> BTreeMap<String, String> {
    let subject = &leaf.subject;
    let alt = &leaf.alt_names;
    let mut annotations = BTreeMap::new();
    let mut put = |key: &str, value: String| annotations.insert(key.to_owned(), value);
    put(annotation::COMMON_NAME, subject.common_name().to_owned());
    put(annotation::ALT_NAMES, csv(&alt.dns));
    put(annotation::IP_SANS, csv(&alt.ips.iter().map(ToString::to_string).collect::<Vec<_>>()));
    put(annotation::URI_SANS, csv(&alt.uris.iter().map(|uri| uri::printed(uri)).collect::<Vec<_>>()));
    if !alt.emails.is_empty() {
        put(annotation::EMAIL_SANS, csv(&alt.emails));
    }
    if let Some(serial) = subject.values("SERIALNUMBER").last().filter(|serial| !serial.is_empty()) {
        put(annotation::SUBJECT_SERIAL_NUMBER, (*serial).to_owned());
    }
    for (attribute, key) in [
        ("O", annotation::SUBJECT_ORGANIZATIONS),
        ("OU", annotation::SUBJECT_ORGANIZATIONAL_UNITS),
        ("C", annotation::SUBJECT_COUNTRIES),
        ("ST", annotation::SUBJECT_PROVINCES),
        ("L", annotation::SUBJECT_LOCALITIES),
        ("POSTALCODE", annotation::SUBJECT_POSTAL_CODES),
        ("STREET", annotation::SUBJECT_STREET_ADDRESSES),
    ] {
        let values = subject.values(attribute);
        if !values.is_empty() {
            put(key, csv(&values));
        }
    }
    annotations
}

/// One record as Go's `encoding/csv` writes it, without the line feed.
fn csv<T: AsRef<str>>(fields: &[T]) -> String {
    let quoted = |field: &T| {
        let field = field.as_ref();
        let wants_quotes =
            field == "\\." || field.contains([',', '"', '\r', '\n']) || field.starts_with(char::is_whitespace);
        if wants_quotes { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_go_quotes_them() {
        for (fields, expected) in [
            (&[][..], ""),
            (&[""], ""),
            (&["", ""], ","),
            (&["a", "b c"], "a,b c"),
            (&["a,b", "say \"x\""], "\"a,b\",\"say \"\"x\"\"\""),
            (&[" lead", "trail ", "\u{a0}x"], "\" lead\",trail ,\"\u{a0}x\""),
            (&["\\.", "a\\."], "\"\\.\",a\\."),
            (&["x\ny", "x\r"], "\"x\ny\",\"x\r\""),
        ] {
            assert_eq!(csv(fields), expected);
        }
    }
}

//! The annotations of an object that become fields of its Certificates' spec: `translateAnnotations`.

use std::fmt;

use crate::api::certificate::{KeyAlgorithm, KeyEncoding, PrivateKeySpec, RotationPolicy, Subject};
use crate::api::{CertificateSpec, GoDuration, KeyUsage, annotation};
use crate::duration;
use crate::engine::golang::quote;

use super::object::Annotations;
use super::{csv, json, number};

/// An annotation whose value cert-manager cannot read. It stops the whole look at the object, and only the log says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnnotation {
    /// The annotation.
    pub key: &'static str,
    /// The annotation that the log names: once another one.
    named: &'static str,
    /// What is wrong with the value.
    pub why: String,
}

impl fmt::Display for BadAnnotation {
    /// The error as it is in cert-manager's log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid ingress annotation \"{}\": {}", self.named, self.why)
    }
}

/// RSA keys that cert-manager makes (`pkg/util/pki/generate.go`), in bits.
const RSA_SIZES: std::ops::RangeInclusive<i64> = 2048..=8192;

/// Fills the fields that annotations give.
pub(super) fn translate(annotations: &Annotations, spec: &mut CertificateSpec) -> Result<(), BadAnnotation> {
    let given = Given(annotations);
    if let Some(name) = given.text(annotation::COMMON_NAME) {
        name.clone_into(&mut spec.common_name);
    }
    // Blanks stay, and hosts that are there already are added once more.
    spec.dns_names.extend(given.list(annotation::ALT_NAMES));
    spec.ip_addresses.extend(given.list(annotation::IP_SANS));
    if let Some(addresses) = given.text(annotation::EMAIL_SANS) {
        spec.email_addresses = addresses.split(',').map(str::to_owned).collect();
    }
    spec.subject = given.subject()?;
    spec.duration = given.duration(annotation::SHIM_DURATION)?;
    spec.renew_before = given.duration(annotation::SHIM_RENEW_BEFORE)?;
    spec.renew_before_percentage = given.int32(annotation::SHIM_RENEW_BEFORE_PERCENTAGE)?;
    if let Some(usages) = given.read(annotation::SHIM_USAGES, usages)? {
        spec.usages = usages;
    }
    spec.revision_history_limit = given.int32(annotation::SHIM_REVISION_HISTORY_LIMIT)?;
    if spec.revision_history_limit.is_some_and(|limit| limit < 1) {
        let value = quote(given.text(annotation::SHIM_REVISION_HISTORY_LIMIT).unwrap_or_default());
        let why = format!("revision history limit must be a positive number {value}");
        return Err(bad(annotation::SHIM_REVISION_HISTORY_LIMIT, why));
    }
    spec.private_key = given.private_key()?;
    let template = given.read(annotation::SHIM_SECRET_TEMPLATE, |text| {
        json::secret_template(text).map_err(|why| format!("error parsing secret template JSON: {why}"))
    })?;
    if let Some(template) = template {
        if let Some(key) = template.annotations.keys().find(|key| key.starts_with("cert-manager.io/")) {
            let why = format!("secretTemplate must not have cert-manager.io/ annotations: {}", quote(key));
            return Err(bad(annotation::SHIM_SECRET_TEMPLATE, why));
        }
        spec.secret_template = Some(template).filter(|one| !(one.annotations.is_empty() && one.labels.is_empty()));
    }
    Ok(())
}

fn bad(key: &'static str, why: String) -> BadAnnotation {
    // cert-manager names another annotation here.
    let is_unit = key == annotation::SUBJECT_ORGANIZATIONAL_UNITS;
    BadAnnotation { key, named: if is_unit { annotation::SUBJECT_ORGANIZATIONS } else { key }, why }
}

/// The annotations, read one by one.
struct Given<'a>(&'a Annotations);

impl<'a> Given<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    fn read<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadAnnotation> {
        self.text(key).map(|text| read(text).map_err(|why| bad(key, why))).transpose()
    }

    /// Parts between commas; the empty text has none.
    fn list(&self, key: &str) -> impl Iterator<Item = String> {
        let text = self.text(key).filter(|text| !text.is_empty());
        text.into_iter().flat_map(|text| text.split(',')).map(str::to_owned)
    }

    fn int32(&self, key: &'static str) -> Result<Option<i32>, BadAnnotation> {
        self.read(key, number::parse_int32)
    }

    fn duration(&self, key: &'static str) -> Result<Option<GoDuration>, BadAnnotation> {
        self.read(key, |text| {
            let read = duration::parse_go(text).map_err(|error| error.to_string())?;
            Ok(GoDuration(duration::format_go(read)))
        })
    }

    fn subject(&self) -> Result<Option<Subject>, BadAnnotation> {
        let list = |key| self.read(key, csv::split).map(Option::unwrap_or_default);
        let subject = Subject {
            organizations: list(annotation::SUBJECT_ORGANIZATIONS)?,
            organizational_units: list(annotation::SUBJECT_ORGANIZATIONAL_UNITS)?,
            countries: list(annotation::SUBJECT_COUNTRIES)?,
            provinces: list(annotation::SUBJECT_PROVINCES)?,
            localities: list(annotation::SUBJECT_LOCALITIES)?,
            postal_codes: list(annotation::SUBJECT_POSTAL_CODES)?,
            street_addresses: list(annotation::SUBJECT_STREET_ADDRESSES)?,
            serial_number: self.text(annotation::SUBJECT_SERIAL_NUMBER).unwrap_or_default().to_owned(),
        };
        Ok(Some(subject).filter(|subject| *subject != Subject::default()))
    }

    fn private_key(&self) -> Result<Option<PrivateKeySpec>, BadAnnotation> {
        let algorithm = self.read(annotation::SHIM_KEY_ALGORITHM, |text| match KeyAlgorithm::from(text) {
            known @ (KeyAlgorithm::Rsa | KeyAlgorithm::Ecdsa | KeyAlgorithm::Ed25519) => Ok(known),
            KeyAlgorithm::Unknown(word) => Err(format!("invalid private key algorithm {}", quote(&word))),
        })?;
        let encoding = self.read(annotation::SHIM_KEY_ENCODING, |text| match KeyEncoding::from(text) {
            known @ (KeyEncoding::Pkcs1 | KeyEncoding::Pkcs8) => Ok(known),
            KeyEncoding::Unknown(word) => Err(format!("invalid private key encoding {}", quote(&word))),
        })?;
        let size = self.read(annotation::SHIM_KEY_SIZE, |text| {
            let size = number::atoi(text)?;
            let (fits, of) = match algorithm.as_ref().unwrap_or(&KeyAlgorithm::Rsa) {
                KeyAlgorithm::Rsa => (RSA_SIZES.contains(&size), "RSA"),
                KeyAlgorithm::Ecdsa => (matches!(size, 256 | 384 | 521), "ECDSA"),
                KeyAlgorithm::Ed25519 | KeyAlgorithm::Unknown(_) => (true, ""),
            };
            let why = || format!("invalid private key size for {of} algorithm {}", quote(text));
            if fits { Ok(size) } else { Err(why()) }
        })?;
        let rotation_policy = self.read(annotation::SHIM_ROTATION_POLICY, |text| match RotationPolicy::from(text) {
            known @ (RotationPolicy::Never | RotationPolicy::Always) => Ok(known),
            RotationPolicy::Unknown(word) => Err(format!("invalid private key rotation policy {}", quote(&word))),
        })?;
        let is_given = algorithm.is_some() || encoding.is_some() || size.is_some() || rotation_policy.is_some();
        let key = PrivateKeySpec { rotation_policy, encoding, algorithm, size: size.unwrap_or_default() };
        Ok(is_given.then_some(key))
    }
}

/// Blanks around a usage are taken away, other space is not.
fn usages(text: &str) -> Result<Vec<KeyUsage>, String> {
    let usage = |name: &str| {
        let usage = KeyUsage::from(name.trim_matches(' '));
        let is_known = !matches!(usage, KeyUsage::Unknown(_));
        is_known.then_some(usage).ok_or_else(|| format!("invalid key usage name {}", quote(name)))
    };
    text.split(',').map(usage).collect()
}

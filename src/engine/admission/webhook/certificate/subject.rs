//! A literal subject, which takes the place of a common name and a subject.

use serde::Serialize;

use super::some;
use crate::api::certificate::{CertificateSpec, Subject};
use crate::engine::field::{FieldError, Path};
use crate::x509;

/// The words that cert-manager knows; others must be OIDs.
const WORDS: [&str; 10] = ["C", "O", "OU", "CN", "SERIALNUMBER", "L", "ST", "STREET", "DC", "UID"];
const COMMON_NAME: [i64; 4] = [2, 5, 4, 3];

/// Judges a literal subject and gives its common name; none if there is none.
pub fn judge(spec: &CertificateSpec, at: &Path, errors: &mut Vec<FieldError>) -> Option<String> {
    if spec.literal_subject.is_empty() {
        return None;
    }
    if !spec.common_name.is_empty() {
        let detail = "When providing a `LiteralSubject` no `commonName` may be provided.";
        errors.push(FieldError::invalid(at.child("commonName"), &spec.common_name, detail));
    }
    if let Some(subject) = spec.subject.as_ref().filter(|subject| **subject != Subject::default()) {
        let detail = "When providing a `LiteralSubject` no `Subject` properties may be provided.";
        errors.push(FieldError::invalid_json(at.child("subject"), &Shown::of(subject), detail));
    }
    let at = at.child("literalSubject");
    let names = match x509::parse_dn(&spec.literal_subject) {
        Ok(names) => names,
        Err(error) => {
            errors.push(FieldError::invalid(at, &spec.literal_subject, error.to_string()));
            return None;
        }
    };
    // The last name of the text is the first of the certificate.
    let attributes: Vec<_> = names.iter().rev().flatten().collect();
    for attribute in attributes.iter().filter(|attribute| oid(&attribute.word).is_none()) {
        let detail = format!("Literal subject contains unrecognized key with value [{}]", attribute.value);
        errors.push(FieldError::invalid(at.clone(), &spec.literal_subject, detail));
    }
    let mut common_names = attributes
        .iter()
        .filter(|attribute| attribute.word == "CN" || oid(&attribute.word).is_some_and(|oid| oid == COMMON_NAME));
    common_names.next_back().map(|attribute| attribute.value.clone())
}

/// The numbers of a dotted OID, or none for the words; `None` of what is neither.
fn oid(word: &str) -> Option<Vec<i64>> {
    if WORDS.contains(&word) { Some(Vec::new()) } else { super::names::object_identifier(word) }
}

/// A subject as the webhook prints it: its own types have no JSON names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'s> {
    organizations: Option<&'s [String]>,
    countries: Option<&'s [String]>,
    organizational_units: Option<&'s [String]>,
    localities: Option<&'s [String]>,
    provinces: Option<&'s [String]>,
    street_addresses: Option<&'s [String]>,
    postal_codes: Option<&'s [String]>,
    serial_number: &'s str,
}

impl<'s> Shown<'s> {
    fn of(subject: &'s Subject) -> Self {
        Self {
            organizations: some(&subject.organizations),
            countries: some(&subject.countries),
            organizational_units: some(&subject.organizational_units),
            localities: some(&subject.localities),
            provinces: some(&subject.provinces),
            street_addresses: some(&subject.street_addresses),
            postal_codes: some(&subject.postal_codes),
            serial_number: &subject.serial_number,
        }
    }
}

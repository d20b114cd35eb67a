//! The names that a Certificate shall carry. DNS names and URIs are not judged at all.

use std::net::IpAddr;

use crate::api::certificate::{CertificateSpec, OtherName};
use crate::engine::admission::mail;
use crate::engine::field::{FieldError, Path};

/// The most bytes of a common name (RFC 5280, `ub-common-name`; counted in bytes by cert-manager).
const COMMON_NAME: usize = 64;

/// Judges all names; `common_name` is that of the spec or of its literal subject.
pub fn judge(spec: &CertificateSpec, common_name: &str, at: &Path, errors: &mut Vec<FieldError>) {
    let has_none = common_name.is_empty()
        && spec.dns_names.is_empty()
        && spec.uris.is_empty()
        && spec.email_addresses.is_empty()
        && spec.ip_addresses.is_empty()
        && spec.other_names.is_empty();
    if has_none {
        let detail = "at least one of commonName (from the commonName field or from a literalSubject), dnsNames, \
                      emailSANs, ipAddresses, otherNames, or uriSANs must be set";
        errors.push(FieldError::invalid(at.clone(), "", detail));
    }
    if common_name.len() > COMMON_NAME {
        errors.push(FieldError::too_long(at.child("commonName"), COMMON_NAME));
    }
    let addresses = spec.ip_addresses.iter().enumerate().filter(|(_, address)| address.parse::<IpAddr>().is_err());
    errors.extend(addresses.map(|(index, address)| {
        FieldError::invalid(at.child("ipAddresses").index(index), address, "invalid IP address")
    }));
    for (index, address) in spec.email_addresses.iter().enumerate() {
        let detail = match mail::parse(address) {
            Ok(bare) if bare == *address => continue,
            Ok(_) => "make sure the supplied value only contains the email address itself".to_owned(),
            Err(error) => error,
        };
        let at = at.child("emailAddresses").index(index);
        errors.push(FieldError::invalid(at, address, format!("invalid email address: {detail}")));
    }
    for (index, other) in spec.other_names.iter().enumerate() {
        other_name(other, &at.child("otherNames").index(index), errors);
    }
}

fn other_name(other: &OtherName, at: &Path, errors: &mut Vec<FieldError>) {
    if other.oid.is_empty() {
        errors.push(FieldError::required(at.child("oid"), "must be specified"));
    }
    if object_identifier(&other.oid).is_none() {
        errors.push(FieldError::invalid(at.child("oid"), &other.oid, "invalid oid syntax"));
    }
    if other.utf8_value.is_empty() {
        errors.push(FieldError::required(at.child("utf8Value"), "must be set to a valid non-empty UTF8 string"));
    }
}

/// The numbers of a dotted OID; signs are read too, as cert-manager does (`pkg/util/pki.ParseObjectIdentifier`).
pub fn object_identifier(text: &str) -> Option<Vec<i64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

//! The requests of Certificates (cert-manager's `pkg/util/pki/csr.go`, RFC 2986).
//!
//! In two steps: [`RequestInfo`] is all that needs no key, so that a plan can do without one; then it is signed.

use thiserror::Error;

use super::algorithm::{AlgorithmFault, SignatureAlgorithm};
use super::constraints;
use super::key::{PrivateKey, SignFault};
use super::sans::Sans;
use super::usages::{UnknownUsages, Usages};
use crate::api::certificate::{CertificateSpec, Subject};
use crate::x509::{DnError, Extension, Name, PublicKey, der, pem};

const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";

/// The feature gates that shape a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each gate is on or off by itself")]
pub struct Gates {
    /// `UseCertificateRequestBasicConstraints`
    pub basic_constraints: bool,
    /// `NameConstraints`
    pub name_constraints: bool,
    /// `OtherNames`
    pub other_names: bool,
    /// `LiteralCertificateSubject`
    pub literal_subject: bool,
}

impl Default for Gates {
    /// Those of cert-manager 1.21.
    fn default() -> Self {
        Self { basic_constraints: false, name_constraints: true, other_names: true, literal_subject: true }
    }
}

impl Gates {
    /// All off.
    pub const OFF: Self =
        Self { basic_constraints: false, name_constraints: false, other_names: false, literal_subject: false };
}

/// Why a spec leads to no request, in the words of cert-manager and the libraries it uses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RequestFault {
    #[error(transparent)]
    LiteralSubject(#[from] DnError),
    #[error("ParseAddr({0:?}): unable to parse IP")]
    Ip(String),
    #[error("zero length OBJECT IDENTIFIER")]
    EmptyOid,
    #[error("strconv.Atoi: parsing {0:?}: invalid syntax")]
    OidSyntax(String),
    #[error("strconv.Atoi: parsing {0:?}: value out of range")]
    OidRange(String),
    #[error("asn1: structural error: invalid object identifier")]
    InvalidOid,
    #[error("UniversalValue should have exactly one field set")]
    EmptyOtherName,
    #[error(
        "at least one of commonName (from the commonName field or from a literalSubject), dnsNames, emailSANs, \
         ipAddresses, otherNames, or uriSANs must be set"
    )]
    Nameless,
    #[error(transparent)]
    Algorithm(#[from] AlgorithmFault),
    #[error("x509: {0:?} cannot be encoded as an IA5String")]
    NotIa5(String),
    #[error("failed to build key usages: {0}")]
    Usages(UnknownUsages),
    #[error("invalid CIDR address: {0}")]
    Cidr(String),
    #[error("error creating x509 certificate: {0}")]
    Sign(SignFault),
}

/// A `CertificationRequestInfo` but for its key, and how it is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// DER.
    pub subject: Vec<u8>,
    pub extensions: Vec<Extension>,
    pub algorithm: SignatureAlgorithm,
}

/// A request with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// DER.
    pub subject: Vec<u8>,
    pub extensions: Vec<Extension>,
    pub key: PublicKey,
    pub der: Vec<u8>,
}

impl RequestInfo {
    /// The request that cert-manager builds for a spec.
    pub fn of(spec: &CertificateSpec, gates: Gates) -> Result<Self, RequestFault> {
        let subject = subject(spec, gates)?;
        let sans = Sans::of(spec, gates)?;
        if !subject.has_common_name && sans.is_empty() {
            return Err(RequestFault::Nameless);
        }
        let algorithm = SignatureAlgorithm::of_spec(spec)?;
        let subject = subject.der?;
        let mut extensions = Vec::new();
        if !sans.is_empty() {
            extensions.push(sans.extension(is_empty(&subject))?);
        }
        if spec.encode_usages_in_request.unwrap_or(true) {
            let usages = Usages::of(&spec.usages, spec.is_ca).map_err(RequestFault::Usages)?;
            extensions.extend(usages.key_usage());
            extensions.extend(usages.extended_key_usage());
        }
        if gates.basic_constraints {
            extensions.push(basic_constraints(spec.is_ca));
        }
        if let Some(constraints) = spec.name_constraints.as_ref().filter(|_| gates.name_constraints) {
            extensions.extend(constraints::extension(constraints)?);
        }
        Ok(Self { subject, extensions, algorithm })
    }

    /// The `CertificationRequestInfo` for a key: what is signed.
    pub fn der(&self, key: &PublicKey) -> Vec<u8> {
        let attributes = if self.extensions.is_empty() {
            Vec::new()
        } else {
            let extensions = der::sequence(self.extensions.iter().filter_map(Extension::der));
            let id = der::oid(EXTENSION_REQUEST).expect("it is an OID");
            der::sequence([der::element(der::OID, &id), der::element(der::SET, &extensions)])
        };
        der::sequence([
            // Version 0, the only one.
            &der::unsigned(&[]),
            &self.subject,
            &key.info().unwrap_or_default(),
            &der::element(der::CONTEXT_0, &attributes),
        ])
    }

    /// The request, signed by its own key.
    pub fn sign(self, key: &PrivateKey) -> Result<SignedRequest, RequestFault> {
        let info = self.der(key.public());
        let signature = key.sign(self.algorithm, &info).map_err(RequestFault::Sign)?;
        let der = der::sequence([info, self.algorithm.identifier(), der::bit_string(&signature)]);
        Ok(SignedRequest { subject: self.subject, extensions: self.extensions, key: key.public().clone(), der })
    }
}

impl SignedRequest {
    /// PEM, as `spec.request` of a CertificateRequest holds it.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der)
    }
}

/// `BasicConstraints` (RFC 5280 §4.2.1.9) without a length, critical.
pub(super) fn basic_constraints(is_ca: bool) -> Extension {
    let flag = if is_ca { der::element(der::BOOLEAN, &[0xff]) } else { Vec::new() };
    Extension { oid: "2.5.29.19".into(), critical: true, value: der::element(der::SEQUENCE, &flag) }
}

/// Whether a subject in DER has no attributes.
pub(super) fn is_empty(subject: &[u8]) -> bool {
    subject == [der::SEQUENCE, 0]
}

/// A subject that may still turn out to have no encoding, which cert-manager finds out late.
struct SubjectName {
    has_common_name: bool,
    der: Result<Vec<u8>, RequestFault>,
}

/// An attribute with its values.
fn all<'v>(word: &'static str, values: &'v [String]) -> Vec<(&'static str, &'v str)> {
    values.iter().map(|value| (word, value.as_str())).collect()
}

/// An attribute with one value, unless that is empty.
fn one<'v>(word: &'static str, value: &'v str) -> Vec<(&'static str, &'v str)> {
    if value.is_empty() { Vec::new() } else { vec![(word, value)] }
}

fn subject(spec: &CertificateSpec, gates: Gates) -> Result<SubjectName, RequestFault> {
    if gates.literal_subject && !spec.literal_subject.is_empty() {
        return match Name::literal(&spec.literal_subject) {
            // cert-manager goes by the first common name.
            Ok(name) => Ok(SubjectName {
                has_common_name: name.values("CN").first().is_some_and(|name| !name.is_empty()),
                der: Ok(name.der),
            }),
            Err(DnError::UnknownType(_)) => {
                Ok(SubjectName { has_common_name: true, der: Err(RequestFault::InvalidOid) })
            }
            Err(fault @ (DnError::Incomplete | DnError::Escape(_))) => Err(fault.into()),
        };
    }
    let nothing = Subject::default();
    let subject = spec.subject.as_ref().unwrap_or(&nothing);
    // All values of an attribute stand in one relative name, and those in the order of `pkix.Name` in Go 1.26.
    let relative = [
        all("C", &subject.countries),
        all("ST", &subject.provinces),
        all("L", &subject.localities),
        all("STREET", &subject.street_addresses),
        all("POSTALCODE", &subject.postal_codes),
        all("O", &subject.organizations),
        all("OU", &subject.organizational_units),
        one("CN", &spec.common_name),
        one("SERIALNUMBER", &subject.serial_number),
    ];
    let der = Name::encode(relative).expect("the words of this function are known");
    Ok(SubjectName { has_common_name: !spec.common_name.is_empty(), der: Ok(der) })
}

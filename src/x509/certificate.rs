//! Certificates and bundles of them.

use aws_lc_rs::digest;
use jiff::Timestamp;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Version;

use super::constraint::NameConstraints;
use super::key::PublicKey;
use super::link::{self, LinkFault, Signature};
use super::name::{AltNames, Name};
use super::pem;
use super::usage;
use crate::horizon;

/// One decoded certificate (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub subject: Name,
    pub issuer: Name,
    /// Hexadecimal, without leading zero bytes.
    pub serial: String,
    pub not_before: Timestamp,
    /// The end; for one beyond the range of times [`horizon::LAST`].
    pub not_after: Timestamp,
    pub key: PublicKey,
    pub alt_names: AltNames,
    /// In cert-manager's words. `None` if the extension is absent, which allows everything.
    pub key_usages: Option<Vec<String>>,
    /// In cert-manager's words, unknown ones as OIDs. `None` if the extension is absent, which allows everything.
    pub extended_key_usages: Option<Vec<String>>,
    /// `cA` of the basic constraints; `None` if the extension is absent.
    pub basic_ca: Option<bool>,
    /// How many intermediates may stand between it and a leaf (`pathLenConstraint`); `None` for any number.
    pub path_len: Option<u32>,
    /// The names that it may sign for; `None` if the extension is absent.
    pub name_constraints: Option<NameConstraints>,
    /// Hexadecimal.
    pub subject_key_id: Option<String>,
    /// Hexadecimal.
    pub authority_key_id: Option<String>,
    pub ocsp_servers: Vec<String>,
    pub issuing_urls: Vec<String>,
    pub crl_urls: Vec<String>,
    /// SHA-256 of the DER, in hexadecimal.
    pub fingerprint: String,
    pub(super) version: u32,
    der: Vec<u8>,
    signature: Signature,
}

/// Why PEM text holds no certificates; the wording is cert-manager's up to the reason.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    #[error("error decoding certificate PEM block: no valid certificates found")]
    Empty,
    /// `block` counts from 1.
    #[error("error parsing X.509 certificate: PEM block {block} (of type {label}): {reason}")]
    Malformed { block: usize, label: String, reason: &'static str },
}

/// Certificates from one PEM text, at least one; the first is the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    leaf: Certificate,
    rest: Vec<Certificate>,
}

/// The certificates of a text. What is none of them is skipped, broken ones too, as Go's certificate pools do.
pub fn certificates_in(text: &[u8]) -> Vec<Certificate> {
    let blocks = pem::blocks(text).into_iter().filter(|block| block.label == "CERTIFICATE");
    blocks.filter_map(|block| Certificate::from_der(&block.der).ok()).collect()
}

impl Bundle {
    /// Decodes as cert-manager does: every PEM block, whatever its label, must be a certificate.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        let mut certificates = Vec::new();
        for (index, block) in pem::blocks(text).into_iter().enumerate() {
            let malformed =
                |reason| CertificateError::Malformed { block: index + 1, label: block.label.clone(), reason };
            certificates.push(Certificate::from_der(&block.der).map_err(malformed)?);
        }
        let mut certificates = certificates.into_iter();
        let leaf = certificates.next().ok_or(CertificateError::Empty)?;
        Ok(Self { leaf, rest: certificates.collect() })
    }

    /// The first certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Those behind the leaf.
    pub fn rest(&self) -> &[Certificate] {
        &self.rest
    }

    /// All of them, leaf first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.rest)
    }

    /// Where one certificate is not signed by the next: the index of the first of the two, and what is wrong.
    pub fn gaps(&self) -> Vec<(usize, LinkFault)> {
        let pairs = self.iter().zip(&self.rest).enumerate();
        pairs.filter_map(|(index, (child, parent))| Some((index, child.issued_by(parent).err()?))).collect()
    }
}

impl Certificate {
    /// Decodes DER; trailing bytes are an error as in Go.
    pub fn from_der(data: &[u8]) -> Result<Self, &'static str> {
        let (rest, parsed) = X509Certificate::from_der(data).map_err(|_| "malformed certificate")?;
        if !rest.is_empty() {
            return Err("trailing data");
        }
        let mut certificate = Self {
            subject: Name::of(parsed.subject()),
            issuer: Name::of(parsed.issuer()),
            serial: hex(strip_zeros(parsed.raw_serial())),
            not_before: horizon::from_seconds(parsed.validity().not_before.timestamp()),
            not_after: horizon::from_seconds(parsed.validity().not_after.timestamp()),
            key: PublicKey::of_info(parsed.public_key()),
            alt_names: AltNames::default(),
            key_usages: None,
            extended_key_usages: None,
            basic_ca: None,
            path_len: None,
            name_constraints: None,
            subject_key_id: None,
            authority_key_id: None,
            ocsp_servers: Vec::new(),
            issuing_urls: Vec::new(),
            crl_urls: Vec::new(),
            fingerprint: hex(digest::digest(&digest::SHA256, data).as_ref()),
            version: match parsed.version() {
                X509Version(version) => version,
            },
            der: data.to_vec(),
            signature: Signature::of(&parsed.signature_algorithm, data).ok_or("malformed certificate")?,
        };
        for extension in parsed.extensions() {
            certificate.read(extension)?;
        }
        Ok(certificate)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the extensions that matter here are few")]
    fn read(&mut self, extension: &X509Extension<'_>) -> Result<(), &'static str> {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                self.alt_names = AltNames::of(&names.general_names).ok_or("malformed subject alternative name")?;
            }
            ParsedExtension::KeyUsage(usage) => self.key_usages = Some(usage::key_usages(*usage)),
            ParsedExtension::ExtendedKeyUsage(_) => {
                self.extended_key_usages = Some(usage::extended_key_usages(extension.value));
            }
            ParsedExtension::BasicConstraints(basic) => {
                self.basic_ca = Some(basic.ca);
                self.path_len = basic.path_len_constraint.filter(|_| basic.ca);
            }
            ParsedExtension::NameConstraints(constraints) => {
                self.name_constraints = Some(NameConstraints::of(constraints));
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(hex(id.0)),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| hex(id.0));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in access.iter() {
                    let GeneralName::URI(uri) = &description.access_location else { continue };
                    if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP {
                        self.ocsp_servers.push((*uri).to_owned());
                    } else if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS {
                        self.issuing_urls.push((*uri).to_owned());
                    }
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
                    for name in names {
                        if let GeneralName::URI(uri) = name {
                            self.crl_urls.push((*uri).to_owned());
                        }
                    }
                }
            }
            ParsedExtension::ParseError { .. } if is_read_by_go(extension) => return Err("malformed extension"),
            _ => {}
        }
        Ok(())
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether `key` made the signature.
    pub fn verify(&self, key: &PublicKey) -> Result<(), LinkFault> {
        self.signature.verify(&self.der, key)
    }

    /// Whether the basic constraints make it a CA.
    pub fn is_ca(&self) -> bool {
        self.basic_ca == Some(true)
    }

    /// Whether subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject.der == self.issuer.der
    }

    /// Whether its own key signed it, CA or not.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.verify(&self.key).is_ok()
    }

    /// The algorithm of the signature in Go's words, such as `ECDSA-SHA256`; an unknown one is its OID.
    pub fn signature_algorithm(&self) -> &str {
        self.signature.algorithm()
    }

    /// Whether `parent` issued it: the names chain, and Go's `CheckSignatureFrom` holds.
    pub fn issued_by(&self, parent: &Self) -> Result<(), LinkFault> {
        if self.issuer.der != parent.subject.der {
            return Err(LinkFault::NameMismatch);
        }
        self.signed_by(parent)
    }

    /// Whether `parent` is the issuer that it names: a CA of that name with that key. Key identifiers tell keys apart
    /// (RFC 5280 §4.2.1.1); where one has none, the signature decides.
    pub fn names_issuer(&self, parent: &Self) -> bool {
        let is_key = || match (&self.authority_key_id, &parent.subject_key_id) {
            (Some(named), Some(own)) => named == own,
            (Some(_) | None, _) => self.verify(&parent.key).is_ok(),
        };
        self.issuer.der == parent.subject.der && parent.may_sign().is_ok() && is_key()
    }

    /// Go's `CheckSignatureFrom`, by which cert-manager orders chains: the parent may sign certificates, and its key
    /// made the signature. Names are not compared.
    pub fn signed_by(&self, parent: &Self) -> Result<(), LinkFault> {
        parent.may_sign()?;
        self.verify(&parent.key)
    }

    /// The part of Go's `CheckSignatureFrom` that looks at the parent alone: whether it may sign certificates.
    pub fn may_sign(&self) -> Result<(), LinkFault> {
        link::may_sign(self)
    }
}

/// The extensions that Go takes apart: a malformed one makes the certificate malformed.
pub(super) fn is_read_by_go(extension: &X509Extension<'_>) -> bool {
    const READ: [&str; 10] = [
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.17",
        "2.5.29.19",
        "2.5.29.30",
        "2.5.29.31",
        "2.5.29.32",
        "2.5.29.35",
        "2.5.29.37",
        "1.3.6.1.5.5.7.1.1",
    ];
    READ.contains(&extension.oid.to_id_string().as_str())
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    &bytes[start..]
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)]).collect()
}

//! Certificates as Go's `x509.CreateCertificate` writes them, and the CA that cert-manager's CA issuer is.

use aws_lc_rs::digest;
use jiff::Timestamp;
use thiserror::Error;

use super::algorithm::{AlgorithmFault, SignatureAlgorithm};
use super::chain::{self, ChainFault, Links, PemBundle};
use super::constraints::{self, Unreadable};
use super::key::{PrivateKey, SignFault};
use super::request::basic_constraints;
use super::template::Template;
use crate::api::issuer::{CaIssuer, SelfSignedIssuer};
use crate::x509::{Certificate, Extension, PublicKey, der, pem};

const OCSP: &str = "1.3.6.1.5.5.7.48.1";
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

/// Twenty random bytes, of which the first bit does not count.
pub type SerialNumber = [u8; 20];

/// Why nothing is issued; the wording is cert-manager's and Go's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IssueFault {
    #[error(transparent)]
    Algorithm(#[from] AlgorithmFault),
    #[error("error creating x509 certificate: x509: unsupported public key type: <nil>")]
    KeyType,
    #[error("error creating x509 certificate: x509: provided PrivateKey doesn't match parent's PublicKey")]
    OtherKey,
    #[error("error creating x509 certificate: asn1: structural error: cannot represent time as GeneralizedTime")]
    Time,
    #[error("error creating x509 certificate: {0}")]
    Sign(#[from] SignFault),
    #[error("error decoding DER certificate bytes: {0}")]
    Constraints(#[from] Unreadable),
    #[error(transparent)]
    Chain(#[from] ChainFault),
}

/// Where relying parties find what they need to know, by the issuer's spec.
#[derive(Clone, Copy, Debug, Default)]
pub struct Urls<'i> {
    /// `crlDistributionPoints`
    pub crl: &'i [String],
    /// `ocspServers`
    pub ocsp: &'i [String],
    /// `issuingCertificateURLs`
    pub issuing: &'i [String],
}

impl<'i> From<&'i CaIssuer> for Urls<'i> {
    fn from(issuer: &'i CaIssuer) -> Self {
        let (crl, ocsp) = (&issuer.crl_distribution_points, &issuer.ocsp_servers);
        Self { crl, ocsp, issuing: &issuer.issuing_certificate_urls }
    }
}

impl<'i> From<&'i SelfSignedIssuer> for Urls<'i> {
    fn from(issuer: &'i SelfSignedIssuer) -> Self {
        Self { crl: &issuer.crl_distribution_points, ..Self::default() }
    }
}

/// A signed certificate, with what goes into `status` of its CertificateRequest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The leaf.
    pub der: Vec<u8>,
    pub bundle: PemBundle,
}

/// Who signs, as far as it shows in the certificate.
pub(super) struct Parent<'p> {
    pub subject: &'p [u8],
    pub key_id: Vec<u8>,
}

impl Template {
    /// Signed by its own key, as the `SelfSigned` issuer does. The caller has compared `key` with the template's.
    pub fn self_sign(&self, key: &PrivateKey, urls: Urls<'_>, serial: SerialNumber) -> Result<Issued, IssueFault> {
        let parent = Parent { subject: &self.subject, key_id: Vec::new() };
        let der = self.sign(&parent, key, urls, serial)?;
        let text = pem::encode("CERTIFICATE", &der);
        Ok(Issued { der, bundle: PemBundle { chain: text.clone(), ca: Some(text) } })
    }

    /// The identifier that a CA gets: the leftmost 160 bits of its key's SHA-256 (RFC 7093 §2, method 1).
    pub(super) fn key_id(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.key.bits()).as_ref()[..20].to_vec()
    }

    /// The certificate in DER.
    pub(super) fn sign(
        &self,
        parent: &Parent<'_>,
        signer: &PrivateKey,
        urls: Urls<'_>,
        serial: SerialNumber,
    ) -> Result<Vec<u8>, IssueFault> {
        let algorithm = SignatureAlgorithm::of_key(&signer.public().key_type)?;
        let tbs = self.to_be_signed(parent, algorithm, urls, serial)?;
        let signature = signer.sign(algorithm, &tbs)?;
        // cert-manager reads what it has signed.
        self.constraints.as_ref().map_or(Ok(()), |extension| constraints::reread(&extension.value))?;
        Ok(der::sequence([tbs, algorithm.identifier(), der::bit_string(&signature)]))
    }

    /// `TBSCertificate` (RFC 5280 §4.1).
    pub(super) fn to_be_signed(
        &self,
        parent: &Parent<'_>,
        algorithm: SignatureAlgorithm,
        urls: Urls<'_>,
        mut serial: SerialNumber,
    ) -> Result<Vec<u8>, IssueFault> {
        serial[0] &= 0x7f;
        let extensions = self.extensions(parent, urls);
        let extensions = der::sequence(extensions.iter().filter_map(Extension::der));
        Ok(der::sequence([
            // Version 3.
            &der::element(der::CONTEXT_0, &der::unsigned(&[2])),
            &der::unsigned(&serial),
            &algorithm.identifier(),
            parent.subject,
            &der::sequence([time(self.not_before)?, time(self.not_after)?]),
            &self.subject,
            &self.key.info().ok_or(IssueFault::KeyType)?,
            &der::element(der::CONTEXT_0 + 3, &extensions),
        ]))
    }

    /// In Go's order, with the request's alternative names at the end.
    fn extensions(&self, parent: &Parent<'_>, urls: Urls<'_>) -> Vec<Extension> {
        let mut extensions = Vec::new();
        extensions.extend(self.usages.key_usage());
        extensions.extend(self.usages.extended_key_usage());
        extensions.push(basic_constraints(self.is_ca));
        if self.is_ca {
            extensions.push(plain("2.5.29.14", der::element(der::OCTET_STRING, &self.key_id())));
        }
        if parent.subject != self.subject && !parent.key_id.is_empty() {
            let id = der::element(der::PRIMITIVE_0, &parent.key_id);
            extensions.push(plain("2.5.29.35", der::element(der::SEQUENCE, &id)));
        }
        extensions.extend(access(urls));
        extensions.extend(self.constraints.clone());
        extensions.extend(distribution_points(urls));
        extensions.extend(self.alt_names.clone());
        extensions
    }
}

fn plain(oid: &str, value: Vec<u8>) -> Extension {
    Extension { oid: oid.into(), critical: false, value }
}

/// A `GeneralName` that is a URI, whatever its bytes.
fn url(text: &str) -> Vec<u8> {
    der::element(der::PRIMITIVE_0 + 6, text.as_bytes())
}

/// `AuthorityInfoAccess` (RFC 5280 §4.2.2.1).
fn access(urls: Urls<'_>) -> Option<Extension> {
    let methods = urls.ocsp.iter().map(|text| (OCSP, text)).chain(urls.issuing.iter().map(|text| (CA_ISSUERS, text)));
    let methods: Vec<Vec<u8>> = methods
        .map(|(oid, text)| {
            let oid = der::oid(oid).expect("the OIDs of this file are OIDs");
            der::sequence([der::element(der::OID, &oid), url(text)])
        })
        .collect();
    (!methods.is_empty()).then(|| plain("1.3.6.1.5.5.7.1.1", der::sequence(methods)))
}

/// `CRLDistributionPoints` (RFC 5280 §4.2.1.13), one for each URL.
fn distribution_points(urls: Urls<'_>) -> Option<Extension> {
    let points = urls.crl.iter().map(|text| {
        let name = der::element(der::CONTEXT_0, &url(text));
        der::sequence([der::element(der::CONTEXT_0, &name)])
    });
    let points: Vec<Vec<u8>> = points.collect();
    (!points.is_empty()).then(|| plain("2.5.29.31", der::sequence(points)))
}

/// `UTCTime` up to 2049, then `GeneralizedTime` (RFC 5280 §4.1.2.5), cut to the second.
fn time(at: Timestamp) -> Result<Vec<u8>, IssueFault> {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    match at.year() {
        1950..2050 => Ok(der::element(der::UTC_TIME, at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())),
        0..=9999 => Ok(der::element(der::GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())),
        _ => Err(IssueFault::Time),
    }
}

/// The key pair of a CA issuer, with all that is the same for each certificate that it signs.
#[derive(Debug)]
pub struct Ca {
    /// `tls.crt`, and the first certificate of `ca.crt`.
    certificates: Vec<Certificate>,
    key: PrivateKey,
    key_id: Vec<u8>,
    /// How the certificates chain among themselves, and each of them in PEM.
    links: Links,
}

impl Ca {
    /// From what the issuer's Secret holds, signing certificate first. The key need not fit; then nothing is issued.
    pub fn new(signing: Certificate, others: Vec<Certificate>, key: PrivateKey) -> Self {
        let key_id = signing.subject_key_id.as_deref().map(bytes).unwrap_or_default();
        let certificates: Vec<Certificate> = std::iter::once(signing).chain(others).collect();
        let links = Links::among(certificates.iter());
        Self { certificates, key, key_id, links }
    }

    /// Signs, as the CA issuer does. All certificates must join into one chain with the new one.
    pub fn issue(&self, template: &Template, urls: Urls<'_>, serial: SerialNumber) -> Result<Issued, IssueFault> {
        let signing = self.signing();
        if self.key.public() != &signing.key {
            return Err(IssueFault::OtherKey);
        }
        let parent = Parent { subject: &signing.subject.der, key_id: self.key_id.clone() };
        let der = template.sign(&parent, &self.key, urls, serial)?;
        let leaf = chain::Leaf { der: &der, template, signer: signing };
        let bundle = self.links.with_leaf(&self.certificates, &leaf)?;
        Ok(Issued { der, bundle })
    }

    /// The certificate that signs.
    pub fn signing(&self) -> &Certificate {
        self.certificates.first().expect("it was made with one")
    }

    /// The key that signs.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public()
    }
}

/// Of an identifier in hexadecimal.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..hex.len()).step_by(2).filter_map(digit).collect()
}

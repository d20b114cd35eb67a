//! Certificate signing requests (RFC 2986).

use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::certificate::is_read_by_go;
use super::der;
use super::key::PublicKey;
use super::link::{LinkFault, Signature};
use super::name::{AltNames, Name};
use super::pem;
use super::usage;

/// One decoded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub subject: Name,
    pub alt_names: AltNames,
    pub key: PublicKey,
    /// Key usages and extended ones, in cert-manager's words.
    pub usages: Vec<String>,
    /// `cA` of the basic constraints; `None` if the extension is absent.
    pub basic_ca: Option<bool>,
    /// All requested extensions as they came.
    pub extensions: Vec<Extension>,
    der: Vec<u8>,
    signature: Signature,
}

/// An extension (RFC 5280 §4.1), not taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Dotted.
    pub oid: String,
    pub critical: bool,
    pub value: Vec<u8>,
}

impl Extension {
    /// Its DER; absent if the OID is none.
    pub fn der(&self) -> Option<Vec<u8>> {
        let mut parts = vec![der::element(der::OID, &der::oid(&self.oid)?)];
        if self.critical {
            parts.push(der::element(der::BOOLEAN, &[0xff]));
        }
        parts.push(der::element(der::OCTET_STRING, &self.value));
        Some(der::sequence(parts))
    }
}

/// Why a request does not decode; the wording of the first is cert-manager's.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    #[error("error decoding certificate request PEM block: no PEM data was found in given input")]
    NoPem,
    /// `maxLeafCertificatePEMSize` of cert-manager's `internal/pem`.
    #[error("error decoding certificate request PEM block: provided PEM data was larger than the maximum {MAX}B")]
    TooLarge,
    #[error("malformed certificate request")]
    Malformed,
}

/// The most bytes of PEM that cert-manager decodes as a request.
const MAX: usize = 36_500;

impl Request {
    /// Decodes the first PEM block, whatever its label, as cert-manager does. The signature is not checked.
    pub fn from_pem(text: &[u8]) -> Result<Self, RequestError> {
        if text.len() > MAX {
            return Err(RequestError::TooLarge);
        }
        let block = pem::blocks(text).into_iter().next().ok_or(RequestError::NoPem)?;
        Self::from_der(&block.der)
    }

    /// Decodes DER.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the extensions that matter here are few")]
    pub fn from_der(data: &[u8]) -> Result<Self, RequestError> {
        let (rest, parsed) = X509CertificationRequest::from_der(data).map_err(|_| RequestError::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let info = &parsed.certification_request_info;
        let mut request = Self {
            subject: Name::of(&info.subject),
            alt_names: AltNames::default(),
            key: PublicKey::of_info(&info.subject_pki),
            usages: Vec::new(),
            basic_ca: None,
            extensions: Vec::new(),
            der: data.to_vec(),
            signature: Signature::of(&parsed.signature_algorithm, data).ok_or(RequestError::Malformed)?,
        };
        for attribute in info.iter_attributes() {
            let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else { continue };
            for extension in &requested.extensions {
                let oid = der::dotted(extension.oid.as_bytes());
                // Go refuses a request that asks twice for one.
                if request.extensions.iter().any(|other| other.oid == oid) {
                    return Err(RequestError::Malformed);
                }
                request.extensions.push(Extension {
                    oid,
                    critical: extension.critical,
                    value: extension.value.to_vec(),
                });
                match extension.parsed_extension() {
                    ParsedExtension::SubjectAlternativeName(names) => {
                        request.alt_names = AltNames::of(&names.general_names).ok_or(RequestError::Malformed)?;
                    }
                    ParsedExtension::KeyUsage(usage) => request.usages.extend(usage::key_usages(*usage)),
                    ParsedExtension::ExtendedKeyUsage(_) => {
                        request.usages.extend(usage::extended_key_usages(extension.value));
                    }
                    ParsedExtension::BasicConstraints(basic) => request.basic_ca = Some(basic.ca),
                    ParsedExtension::ParseError { .. } if is_read_by_go(extension) => {
                        return Err(RequestError::Malformed);
                    }
                    _ => {}
                }
            }
        }
        Ok(request)
    }

    /// The request itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the request's own key made its signature. SHA-1 is refused, which Go allows here.
    pub fn check_signature(&self) -> Result<(), LinkFault> {
        self.signature.verify(&self.der, &self.key)
    }
}

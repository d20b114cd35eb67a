//! Certificate signing requests (RFC 2986).

use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::certificate::is_read_by_go;
use super::key::PublicKey;
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
}

/// Why a request does not decode; the wording of the first is cert-manager's.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RequestError {
    #[error("error decoding certificate request PEM block: no PEM data was found in given input")]
    NoPem,
    #[error("malformed certificate request")]
    Malformed,
}

impl Request {
    /// Decodes the first PEM block, whatever its label, as cert-manager does. The signature is not checked.
    pub fn from_pem(text: &[u8]) -> Result<Self, RequestError> {
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
        };
        for attribute in info.iter_attributes() {
            let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else { continue };
            for extension in &requested.extensions {
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
}

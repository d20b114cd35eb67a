//! What a certificate will say, before an issuer signs it (cert-manager's `pkg/util/pki/certificatetemplate.go`).

use std::borrow::Borrow;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::constraints::{self, ConstraintsFault, NAME_CONSTRAINTS};
use super::request::{Gates, RequestFault, RequestInfo, SignedRequest, is_empty};
use super::sans::SUBJECT_ALT_NAME;
use super::usages::{self, EXTENDED_KEY_USAGE, KEY_USAGE, UnknownUsages, Usages};
use crate::api::certificate::CertificateSpec;
use crate::api::{CertificateRequest, CertificateRequestSpec, GoDuration};
use crate::x509::der::{self, Reader};
use crate::x509::{Extension, KeyType, PublicKey, Request, RequestError};

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
/// How long a certificate lives whose `duration` is not given (`DefaultCertificateDuration`).
pub const DEFAULT_DURATION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// All of a certificate but for its serial number, its issuer and what that adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// DER.
    pub subject: Vec<u8>,
    pub key: PublicKey,
    pub usages: Usages,
    pub is_ca: bool,
    /// The subject alternative name of the request.
    pub alt_names: Option<Extension>,
    pub constraints: Option<Extension>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Why a request leads to no certificate; the wording is cert-manager's and Go's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateFault {
    #[error(transparent)]
    UnknownUsages(#[from] UnknownUsages),
    #[error("spec.request of the CertificateRequest is no base64")]
    NoBase64,
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The signature was made by another key, or over other bytes.
    #[error("{0}")]
    Signature(&'static str),
    #[error("asn1: structural error: malformed extension {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Constraints(#[from] ConstraintsFault),
    #[error("encoded CSR error: IsCA {requested} does not match expected value {expected}")]
    IsCa { requested: bool, expected: bool },
    #[error("encoded CSR error: the KeyUsages {requested} do not match the expected KeyUsages {expected}")]
    KeyUsages { requested: String, expected: String },
    #[error("encoded CSR error: the ExtKeyUsages {requested} do not match the expected ExtKeyUsages {expected}")]
    ExtKeyUsages { requested: String, expected: String },
    /// Go has no words for it: its times reach further.
    #[error("spec.duration {0} is no duration or goes beyond all times")]
    Duration(String),
}

impl Template {
    /// From a CertificateRequest that anybody may have written, at `now`.
    pub fn of(request: &CertificateRequest, now: Timestamp) -> Result<Self, TemplateFault> {
        Self::of_decoded(&request.spec, now, || {
            let csr = Request::from_pem(&request.csr_pem().ok_or(TemplateFault::NoBase64)?)?;
            let is_signed = csr.check_signature().is_ok();
            Ok((csr, is_signed))
        })
    }

    /// The same; `decode` gives the decoded request, and whether its own key signed it.
    pub fn of_decoded<R: Borrow<Request>>(
        spec: &CertificateRequestSpec,
        now: Timestamp,
        decode: impl FnOnce() -> Result<(R, bool), TemplateFault>,
    ) -> Result<Self, TemplateFault> {
        let expected = Usages::of(&spec.usages, spec.is_ca)?;
        let (csr, is_signed) = decode()?;
        let csr = csr.borrow();
        if !is_signed {
            return Err(TemplateFault::Signature(refusal(&csr.key.key_type)));
        }
        Self::build(csr.subject.der.clone(), csr.key.clone(), csr.extensions.clone(), expected, spec, now)
    }

    /// The same from a request that was signed here, which needs no decoding and no check.
    pub fn of_signed(
        csr: &SignedRequest,
        spec: &CertificateRequestSpec,
        now: Timestamp,
    ) -> Result<Self, TemplateFault> {
        let expected = Usages::of(&spec.usages, spec.is_ca)?;
        Self::build(csr.subject.clone(), csr.key.clone(), csr.extensions.clone(), expected, spec, now)
    }

    /// Straight from a Certificate, as temporary certificates are made: no gate counts.
    pub fn of_certificate(spec: &CertificateSpec, key: &PublicKey, now: Timestamp) -> Result<Self, RequestFault> {
        let info = RequestInfo::of(spec, Gates::OFF)?;
        let usages = Usages::of(&spec.usages, spec.is_ca).map_err(RequestFault::Usages)?;
        let alt_names = info.extensions.into_iter().find(|extension| extension.oid == SUBJECT_ALT_NAME);
        // A duration that is none cannot come from an API server.
        let (not_before, not_after) = validity(spec.duration.as_ref(), now).unwrap_or((now, now));
        let (subject, key, is_ca) = (info.subject, key.clone(), spec.is_ca);
        Ok(Self { subject, key, usages, is_ca, alt_names, constraints: None, not_before, not_after })
    }

    fn build(
        subject: Vec<u8>,
        key: PublicKey,
        extensions: Vec<Extension>,
        expected: Usages,
        spec: &CertificateRequestSpec,
        now: Timestamp,
    ) -> Result<Self, TemplateFault> {
        let mut requested = Requested::default();
        for extension in extensions {
            requested.take(extension)?;
        }
        requested.check_ca(spec.is_ca)?;
        let usages = requested.checked_usages(expected)?;
        let mut alt_names = requested.alt_names;
        if let Some(alt_names) = &mut alt_names {
            alt_names.critical = is_empty(&subject);
        }
        let (not_before, not_after) = validity(spec.duration.as_ref(), now)?;
        let constraints = requested.constraints;
        Ok(Self { subject, key, usages, is_ca: spec.is_ca, alt_names, constraints, not_before, not_after })
    }
}

/// What a request asks for in its extensions; those that are not named here are dropped.
#[derive(Default)]
struct Requested {
    is_ca: Option<bool>,
    bits: Option<u16>,
    purposes: Option<(Vec<String>, Vec<String>)>,
    alt_names: Option<Extension>,
    constraints: Option<Extension>,
}

impl Requested {
    fn take(&mut self, extension: Extension) -> Result<(), TemplateFault> {
        let malformed = TemplateFault::Malformed;
        match extension.oid.as_str() {
            BASIC_CONSTRAINTS => {
                let is_ca = decode_basic_constraints(&extension.value).ok_or(malformed("basicConstraints"))?;
                self.is_ca = Some(is_ca);
            }
            KEY_USAGE => {
                self.bits = Some(usages::decode_key_usage(&extension.value).ok_or(malformed("keyUsage"))?);
            }
            EXTENDED_KEY_USAGE => {
                let purposes = usages::decode_extended(&extension.value).ok_or(malformed("extendedKeyUsage"))?;
                self.purposes = Some(purposes);
            }
            NAME_CONSTRAINTS => {
                let value = constraints::rewritten(&extension.value)?;
                self.constraints = Some(Extension { value, ..extension });
            }
            SUBJECT_ALT_NAME => self.alt_names = Some(extension),
            _ => {}
        }
        Ok(())
    }

    fn check_ca(&self, expected: bool) -> Result<(), TemplateFault> {
        match self.is_ca {
            Some(requested) if requested != expected => Err(TemplateFault::IsCa { requested, expected }),
            Some(_) | None => Ok(()),
        }
    }

    /// The expected usages, if the request has none or the same. Purposes that Go does not know are never compared and
    /// always kept.
    fn checked_usages(&mut self, expected: Usages) -> Result<Usages, TemplateFault> {
        let is_silent = self.bits.is_none() && self.purposes.is_none();
        let (purposes, unknown) = self.purposes.take().unwrap_or_default();
        let requested = Usages { bits: self.bits.unwrap_or(0), purposes, unknown };
        if !is_silent && requested.bits != expected.bits {
            let (requested, expected) = (requested.key_usage_words(), expected.key_usage_words());
            return Err(TemplateFault::KeyUsages { requested, expected });
        }
        if !is_silent && requested.purposes != expected.purposes {
            let (requested, expected) = (requested.purpose_words(), expected.purpose_words());
            return Err(TemplateFault::ExtKeyUsages { requested, expected });
        }
        Ok(Usages { unknown: requested.unknown, ..expected })
    }
}

fn decode_basic_constraints(value: &[u8]) -> Option<bool> {
    let mut fields = Reader(value).next()?.inner(der::SEQUENCE)?.peekable();
    Some(fields.next_if(|field| field.tag == der::BOOLEAN).is_some_and(|field| field.content == [0xff]))
}

fn validity(duration: Option<&GoDuration>, now: Timestamp) -> Result<(Timestamp, Timestamp), TemplateFault> {
    let parsed = duration.map_or(Some(DEFAULT_DURATION), GoDuration::parse);
    let after = parsed.and_then(|duration| now.checked_add(duration).ok());
    let after = after.ok_or_else(|| TemplateFault::Duration(duration.map_or_else(String::new, ToString::to_string)))?;
    Ok((now, after))
}

/// Go's words for a signature that does not verify.
fn refusal(key: &KeyType) -> &'static str {
    match key {
        KeyType::Rsa(_) => "crypto/rsa: verification error",
        KeyType::Ecdsa(_) => "x509: ECDSA verification failure",
        KeyType::Ed25519 => "x509: Ed25519 verification failure",
        KeyType::Other(_) => "x509: cannot verify signature: algorithm unimplemented",
    }
}

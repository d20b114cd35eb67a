//! The certificate that stands in until the real one is issued (cert-manager's `pkg/util/pki/temporarycertificate.go`).

use jiff::Timestamp;
use thiserror::Error;

use super::certificate::{IssueFault, Parent, SerialNumber, Urls};
use super::key::{KeyFault, PrivateKey};
use super::request::RequestFault;
use super::template::Template;
use crate::api::certificate::CertificateSpec;
use crate::x509::{KeyType, PublicKey, pem};

/// Why there is no temporary certificate.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemporaryFault {
    #[error(transparent)]
    Request(#[from] RequestFault),
    #[error(transparent)]
    Key(#[from] KeyFault),
    #[error(transparent)]
    Issue(#[from] IssueFault),
}

/// The temporary certificate of a spec in PEM, for its next key. A CA of its own signs it and is forgotten; the spec's
/// duration counts, its literalSubject, otherNames and nameConstraints do not. cert-manager means to give the subject a
/// serial number of its own, which has no effect.
pub fn temporary(
    spec: &CertificateSpec,
    key: &PublicKey,
    now: Timestamp,
    serial: SerialNumber,
) -> Result<String, TemporaryFault> {
    let ca_key = PrivateKey::generate(&KeyType::Ecdsa(521))?;
    let ca_spec =
        CertificateSpec { common_name: "cert-manager.local".into(), is_ca: true, ..CertificateSpec::default() };
    let ca = Template::of_certificate(&ca_spec, ca_key.public(), now)?;
    let parent = Parent { subject: &ca.subject, key_id: ca.key_id() };
    let template = Template::of_certificate(spec, key, now)?;
    Ok(pem::encode("CERTIFICATE", &template.sign(&parent, &ca_key, Urls::default(), serial)?))
}

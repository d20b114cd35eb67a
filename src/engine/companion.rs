//! Programs beside cert-manager that make CertificateRequests of their own, or live off its Secrets: csi-driver,
//! istio-csr, trust-manager.
//!
//! Pure: what stands in a manifest goes in, the request that would be made comes out; put on the imagined cluster, it is
//! played as any other. None of them names a Secret with the key, so a `SelfSigned` issuer fails every one.

pub mod csi;
pub mod istio;
pub mod trust;

use crate::api::certificate::CertificateSpec;
use crate::api::{Base64Text, CertificateRequestSpec, GoDuration, IssuerRef, KeyUsage};
use crate::pki::request::RequestFault;
use crate::pki::{Gates, PrivateKey, RequestInfo, SignatureAlgorithm};
use crate::x509::KeyType;

/// What a request asks for, in the words of a Certificate, and of whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Names and key. Its issuer and its Secret count for nothing.
    pub names: CertificateSpec,
    pub duration: GoDuration,
    pub usages: Vec<KeyUsage>,
    pub issuer: IssuerRef,
}

impl Asked {
    /// The spec of the request, signed by its key. Its CSR holds names and no usages, as Go's library makes it.
    pub fn spec(&self, key: &PrivateKey) -> Result<CertificateRequestSpec, RequestFault> {
        let algorithm = algorithm(&key.public().key_type)?;
        let names = CertificateSpec { encode_usages_in_request: Some(false), ..self.names.clone() };
        let info = match RequestInfo::of(&names, Gates::default()) {
            Ok(mut info) => {
                // Go never calls names critical in a request.
                for extension in &mut info.extensions {
                    extension.critical = false;
                }
                RequestInfo { algorithm, ..info }
            }
            // These programs ask without a name, too.
            Err(RequestFault::Nameless) => {
                RequestInfo { subject: EMPTY_SEQUENCE.to_vec(), extensions: Vec::new(), algorithm }
            }
            Err(fault) => return Err(fault),
        };
        let csr = info.sign(key)?;
        Ok(CertificateRequestSpec {
            duration: Some(self.duration.clone()),
            issuer_ref: self.issuer.clone(),
            request: Base64Text::encode(csr.to_pem().as_bytes()),
            is_ca: self.names.is_ca,
            usages: self.usages.clone(),
            ..CertificateRequestSpec::default()
        })
    }
}

/// Go's own choice: SHA-256 for RSA, whatever the size.
fn algorithm(key: &KeyType) -> Result<SignatureAlgorithm, RequestFault> {
    match key {
        KeyType::Rsa(_) => Ok(SignatureAlgorithm::Sha256WithRsa),
        KeyType::Ecdsa(_) | KeyType::Ed25519 | KeyType::Other(_) => Ok(SignatureAlgorithm::of_key(key)?),
    }
}

/// The DER of a name without parts.
const EMPTY_SEQUENCE: [u8; 2] = [0x30, 0];

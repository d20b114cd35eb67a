//! The decoded certificate of the Secret, and the one that the request tells of, kept so that many rules share one
//! decoding.

use std::cell::OnceCell;

use crate::api::{CertificateRequest, Secret};
use crate::x509::Bundle;

/// The decodings, each made when first asked for.
#[derive(Debug, Default)]
pub struct Stored {
    secret: OnceCell<Option<Bundle>>,
    request: OnceCell<Option<Bundle>>,
}

impl Stored {
    /// The certificates in `tls.crt`; `None` if there is no such key or it does not decode.
    pub fn in_secret(&self, secret: &Secret) -> Option<&Bundle> {
        let decode = || secret.bytes("tls.crt").and_then(|pem| Bundle::from_pem(pem.expose()).ok());
        self.secret.get_or_init(decode).as_ref()
    }

    /// The certificates in `status.certificate`; `None` if it is empty or does not decode.
    pub fn in_request(&self, request: &CertificateRequest) -> Option<&Bundle> {
        let decode = || request.status.certificate.decode().and_then(|pem| Bundle::from_pem(&pem).ok());
        self.request.get_or_init(decode).as_ref()
    }
}

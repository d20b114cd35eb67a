//! The decoded certificate of the Secret, kept so that many rules share one decoding.

use std::cell::OnceCell;

use crate::api::Secret;
use crate::x509::Bundle;

/// The decoding, made when first asked for.
#[derive(Debug, Default)]
pub struct Stored(OnceCell<Option<Bundle>>);

impl Stored {
    /// The certificates in `tls.crt`; `None` if there is no such key or it does not decode.
    pub fn bundle(&self, secret: &Secret) -> Option<&Bundle> {
        self.0.get_or_init(|| secret.bytes("tls.crt").and_then(|pem| Bundle::from_pem(pem.expose()).ok())).as_ref()
    }
}

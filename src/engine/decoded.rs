//! What stored bytes say, decoded once.
//!
//! Each controller looks at the same keys, requests and certificates, again and again, and a look at a key costs a
//! multiplication on its curve. Texts are known by where they lie: clones of an object share them, and what is here holds
//! on to them, so that no other text comes to lie there. What nobody else holds on to is forgotten in time.

use std::borrow::Borrow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::api::Base64Text;
use crate::pki::key::KeyFault;
use crate::pki::{Ca, PrivateKey};
use crate::redact::Redacted;
use crate::x509::{Bundle, CertificateError, KeyError, PublicKey, Request, RequestError};

/// The text of a Secret's value.
pub type Bytes = Redacted<Arc<[u8]>>;

/// The request in a CertificateRequest.
#[derive(Debug)]
pub struct Csr {
    pub request: Request,
    is_signed: OnceCell<bool>,
}

impl Borrow<Request> for Rc<Csr> {
    fn borrow(&self) -> &Request {
        &self.request
    }
}

impl Csr {
    /// Whether its own key signed it.
    pub fn is_signed(&self) -> bool {
        *self.is_signed.get_or_init(|| self.request.check_signature().is_ok())
    }
}

/// Why a CertificateRequest holds no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrFault {
    NoBase64,
    Request(RequestError),
}

impl CsrFault {
    /// What is left of the text where it is no base64 is no PEM either.
    pub const fn error(self) -> RequestError {
        match self {
            Self::NoBase64 => RequestError::NoPem,
            Self::Request(error) => error,
        }
    }
}

/// Everything that is decoded.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    requests: Memo<Result<Rc<Csr>, CsrFault>>,
    texts: Memo<Arc<[u8]>>,
    bundles: Memo<Result<Arc<Bundle>, CertificateError>>,
    private: Memo<Result<Arc<PrivateKey>, KeyFault>>,
    public: Memo<Result<Arc<PublicKey>, KeyError>>,
    authorities: Memo<Authority>,
    last_encoded: RefCell<Option<(Arc<[u8]>, Base64Text)>>,
}

/// A CA, and the texts beside its certificate that it was made of.
#[derive(Clone, Debug)]
struct Authority {
    key: Bytes,
    above: Option<Bytes>,
    ca: Result<Arc<Ca>, String>,
}

impl Decoded {
    /// `spec.request` of a CertificateRequest.
    pub fn request(&self, text: &Base64Text) -> Result<Rc<Csr>, CsrFault> {
        self.requests.get(&text.0.clone().into(), || {
            let pem = text.decode().ok_or(CsrFault::NoBase64)?;
            let request = Request::from_pem(&pem).map_err(CsrFault::Request)?;
            Ok(Rc::new(Csr { request, is_signed: OnceCell::new() }))
        })
    }

    /// Takes note of a request that was signed just now by its own key.
    pub fn signed(&self, text: &Base64Text) {
        if let Ok(csr) = self.request(text) {
            let _ = csr.is_signed.set(true);
        }
    }

    /// The bytes of a base64 text; none if it is no base64.
    pub fn text(&self, text: &Base64Text) -> Arc<[u8]> {
        self.texts.get(&text.0.clone().into(), || text.decode().unwrap_or_default().into())
    }

    /// The base64 text of some bytes; that of the last time, if it is the same.
    pub fn encoded(&self, bytes: &[u8]) -> Base64Text {
        let mut last = self.last_encoded.borrow_mut();
        match &*last {
            Some((known, text)) if **known == *bytes => text.clone(),
            Some(_) | None => {
                let text = Base64Text::encode(bytes);
                *last = Some((bytes.into(), text.clone()));
                text
            }
        }
    }

    /// A PEM chain.
    pub fn bundle(&self, pem: &Arc<[u8]>) -> Result<Arc<Bundle>, CertificateError> {
        self.bundles.get(pem, || Bundle::from_pem(pem).map(Arc::new))
    }

    /// A private key.
    pub fn private(&self, pem: &Bytes) -> Result<Arc<PrivateKey>, KeyFault> {
        self.private.get(pem.expose(), || PrivateKey::from_pem(pem.expose()).map(Arc::new))
    }

    /// The public half of a private key, also of such as cannot be used here.
    pub fn public(&self, pem: &Bytes) -> Result<Arc<PublicKey>, KeyError> {
        self.public.get(pem.expose(), || PublicKey::of_private_pem(pem.expose()).map(Arc::new))
    }

    /// The CA of a certificate, a key and what stands in `ca.crt`; `make` makes it.
    pub fn authority(
        &self,
        own: &Bytes,
        key: &Bytes,
        above: Option<&Bytes>,
        make: impl Fn() -> Result<Ca, String>,
    ) -> Result<Arc<Ca>, String> {
        let fresh = || Authority { key: key.clone(), above: above.cloned(), ca: make().map(Arc::new) };
        let known = self.authorities.get(own.expose(), fresh);
        if known.key == *key && known.above.as_ref() == above {
            return known.ca;
        }
        self.authorities.put(own.expose(), fresh());
        self.authority(own, key, above, make)
    }

    /// Takes note of the key that was written as this text.
    pub fn private_is(&self, pem: &Bytes, key: &Arc<PrivateKey>) {
        self.private.put(pem.expose(), Ok(Arc::clone(key)));
        self.public_is(pem, key.public());
    }

    /// The same for a key that will not sign any more.
    pub fn public_is(&self, pem: &Bytes, key: &PublicKey) {
        self.public.put(pem.expose(), Ok(Arc::new(key.clone())));
    }
}

/// What is known of texts, by where they lie.
#[derive(Clone, Debug)]
struct Memo<T>(RefCell<Known<T>>);

#[derive(Clone, Debug)]
struct Known<T> {
    by_place: HashMap<usize, (Bytes, T)>,
    /// At how many to look for such as nobody holds any more.
    most: usize,
}

/// The least number of texts that is worth looking through.
const FEW: usize = 1024;

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(RefCell::new(Known { by_place: HashMap::new(), most: FEW }))
    }
}

impl<T: Clone> Memo<T> {
    fn get(&self, text: &Arc<[u8]>, decode: impl FnOnce() -> T) -> T {
        let place = text.as_ptr().addr();
        // An empty text lies nowhere.
        let known = self.0.borrow();
        if let Some((_, known)) = known.by_place.get(&place).filter(|(known, _)| known.expose().len() == text.len()) {
            return known.clone();
        }
        drop(known);
        let fresh = decode();
        self.put(text, fresh.clone());
        fresh
    }

    fn put(&self, text: &Arc<[u8]>, value: T) {
        let mut known = self.0.borrow_mut();
        if known.by_place.len() >= known.most {
            known.by_place.retain(|_, (text, _)| Arc::strong_count(text.expose()) > 1);
            known.most = FEW.max(known.by_place.len() * 2);
        }
        known.by_place.insert(text.as_ptr().addr(), (Redacted::new(Arc::clone(text)), value));
    }
}

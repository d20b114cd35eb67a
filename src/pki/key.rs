//! Private keys (cert-manager's `pkg/util/pki/{generate,parse}.go`).

use std::fmt;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RsaEncoding,
};
use thiserror::Error;

use super::algorithm::SignatureAlgorithm;
use crate::api::certificate::CertificateSpec;
use crate::api::{KeyAlgorithm, KeyEncoding};
use crate::redact::Redacted;
use crate::x509::der::{self, Reader};
use crate::x509::{KeyError, KeyType, PublicKey, pem};

/// A private key with its public half. Nothing prints it.
pub struct PrivateKey {
    pair: Redacted<Pair>,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why there is no key; the wording is cert-manager's, except for what only this program cannot do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyFault {
    #[error("weak rsa key size specified: {0}. minimum key size: 2048")]
    Weak(i64),
    #[error("rsa key size specified too big: {0}. maximum key size: 8192")]
    TooBig(i64),
    #[error("unsupported ecdsa key size specified: {0}")]
    EcdsaSize(i64),
    #[error("unsupported private key algorithm specified: {0}")]
    Algorithm(String),
    #[error("error encoding private key: unknown key encoding: {0}")]
    Encoding(String),
    #[error(transparent)]
    Decode(#[from] KeyError),
    /// cert-manager would make or use this one.
    #[error("keys of this kind are not made or used here: {0}")]
    NotBuilt(KeyType),
    #[error("the cryptographic library failed")]
    Library,
}

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SignFault {
    #[error("x509: requested SignatureAlgorithm does not match private key type")]
    Mismatch,
    #[error("the cryptographic library failed to sign")]
    Library,
}

/// The kind of key that a spec asks for, with cert-manager's defaults.
pub fn wanted(spec: &CertificateSpec) -> Result<KeyType, KeyFault> {
    let size = spec.private_key.as_ref().map(|key| key.size).filter(|size| *size > 0);
    match spec.key_algorithm() {
        KeyAlgorithm::Rsa => match size.unwrap_or(2048) {
            size @ ..2048 => Err(KeyFault::Weak(size)),
            size @ 8193.. => Err(KeyFault::TooBig(size)),
            size => Ok(KeyType::Rsa(usize::try_from(size).expect("it is between 2048 and 8192"))),
        },
        KeyAlgorithm::Ecdsa => match size.unwrap_or(256) {
            256 => Ok(KeyType::Ecdsa(256)),
            384 => Ok(KeyType::Ecdsa(384)),
            521 => Ok(KeyType::Ecdsa(521)),
            size => Err(KeyFault::EcdsaSize(size)),
        },
        KeyAlgorithm::Ed25519 => Ok(KeyType::Ed25519),
        KeyAlgorithm::Unknown(word) => Err(KeyFault::Algorithm(word)),
    }
}

impl PrivateKey {
    /// Makes a new key. Of RSA, the library makes 2048, 3072, 4096 and 8192 bits.
    pub fn generate(kind: &KeyType) -> Result<Self, KeyFault> {
        let library = |_| KeyFault::Library;
        let pair = match kind {
            KeyType::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    8192 => KeySize::Rsa8192,
                    _ => return Err(KeyFault::NotBuilt(kind.clone())),
                };
                Pair::Rsa(RsaKeyPair::generate(size).map_err(library)?)
            }
            KeyType::Ecdsa(bits) => {
                let curve = curve(*bits).ok_or_else(|| KeyFault::NotBuilt(kind.clone()))?;
                Pair::Ecdsa(EcdsaKeyPair::generate(curve).map_err(library)?)
            }
            KeyType::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(library)?),
            KeyType::Other(_) => return Err(KeyFault::NotBuilt(kind.clone())),
        };
        Ok(Self::of(pair, kind.clone()))
    }

    /// Decodes the first PEM block, in any of the encodings that cert-manager reads.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyFault> {
        let kind = PublicKey::of_private_pem(text)?.key_type;
        let block = pem::blocks(text).into_iter().next().ok_or(KeyError::NoPem)?;
        let is_pkcs8 = block.label == "PRIVATE KEY";
        let unusable = |_| KeyFault::NotBuilt(kind.clone());
        let pair = match &kind {
            KeyType::Rsa(_) if is_pkcs8 => Pair::Rsa(RsaKeyPair::from_pkcs8(&block.der).map_err(unusable)?),
            KeyType::Rsa(_) => Pair::Rsa(RsaKeyPair::from_der(&block.der).map_err(unusable)?),
            KeyType::Ecdsa(bits) => {
                let curve = curve(*bits).ok_or_else(|| KeyFault::NotBuilt(kind.clone()))?;
                Pair::Ecdsa(EcdsaKeyPair::from_private_key_der(curve, &block.der).map_err(unusable)?)
            }
            KeyType::Ed25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(&block.der).map_err(unusable)?),
            KeyType::Other(_) => return Err(KeyFault::NotBuilt(kind)),
        };
        Ok(Self::of(pair, kind))
    }

    fn of(pair: Pair, kind: KeyType) -> Self {
        let bits = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        Self { pair: Redacted::new(pair), public: PublicKey::new(kind, bits) }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// PEM as `spec.privateKey.encoding` asks, for the target Secret. Ed25519 is always PKCS#8.
    pub fn encode(&self, encoding: Option<&KeyEncoding>) -> Result<Redacted<String>, KeyFault> {
        match encoding {
            None | Some(KeyEncoding::Pkcs1) => match self.pair.expose() {
                Pair::Rsa(_) => {
                    let der = self.pkcs8()?;
                    let fields = Reader(&der).next().and_then(|key| key.inner(der::SEQUENCE));
                    let inner = fields.and_then(|mut fields| fields.nth(2)?.expect(der::OCTET_STRING));
                    Ok(pem::encode("RSA PRIVATE KEY", inner.ok_or(KeyFault::Library)?).into())
                }
                Pair::Ecdsa(pair) => {
                    let der = pair.private_key().as_der().map_err(|_| KeyFault::Library)?;
                    Ok(pem::encode("EC PRIVATE KEY", der.as_ref()).into())
                }
                Pair::Ed25519(_) => self.to_pkcs8_pem(),
            },
            Some(KeyEncoding::Pkcs8) => self.to_pkcs8_pem(),
            Some(KeyEncoding::Unknown(word)) => Err(KeyFault::Encoding(word.clone())),
        }
    }

    /// PEM as the Secret with the next private key holds it.
    pub fn to_pkcs8_pem(&self) -> Result<Redacted<String>, KeyFault> {
        Ok(pem::encode("PRIVATE KEY", &self.pkcs8()?).into())
    }

    fn pkcs8(&self) -> Result<Vec<u8>, KeyFault> {
        let library = |_| KeyFault::Library;
        Ok(match self.pair.expose() {
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(library)?;
                der.as_ref().to_vec()
            }
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(library)?.as_ref().to_vec(),
        })
    }

    /// The signature of a message.
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignFault> {
        match (self.pair.expose(), algorithm) {
            (Pair::Rsa(pair), SignatureAlgorithm::Sha256WithRsa) => rsa(pair, &RSA_PKCS1_SHA256, message),
            (Pair::Rsa(pair), SignatureAlgorithm::Sha384WithRsa) => rsa(pair, &RSA_PKCS1_SHA384, message),
            (Pair::Rsa(pair), SignatureAlgorithm::Sha512WithRsa) => rsa(pair, &RSA_PKCS1_SHA512, message),
            (Pair::Ecdsa(pair), SignatureAlgorithm::EcdsaWithSha256) => ecdsa(pair, &digest::SHA256, message),
            (Pair::Ecdsa(pair), SignatureAlgorithm::EcdsaWithSha384) => ecdsa(pair, &digest::SHA384, message),
            (Pair::Ecdsa(pair), SignatureAlgorithm::EcdsaWithSha512) => ecdsa(pair, &digest::SHA512, message),
            (Pair::Ed25519(pair), SignatureAlgorithm::PureEd25519) => Ok(pair.sign(message).as_ref().to_vec()),
            (Pair::Rsa(_) | Pair::Ecdsa(_) | Pair::Ed25519(_), _) => Err(SignFault::Mismatch),
        }
    }
}

impl fmt::Debug for PrivateKey {
    /// The kind alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.key_type)
    }
}

fn curve(bits: usize) -> Option<&'static EcdsaSigningAlgorithm> {
    match bits {
        256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        521 => Some(&ECDSA_P521_SHA512_ASN1_SIGNING),
        _ => None,
    }
}

fn rsa(pair: &RsaKeyPair, padding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, SignFault> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(|_| SignFault::Library)?;
    Ok(signature)
}

/// ECDSA takes the leftmost bits of any hash, as many as the curve has (FIPS 186-5 §6.4), so that each hash can stand
/// for the one that the library pairs with the curve: a longer one is cut, a shorter one filled up with leading zeros.
fn ecdsa(pair: &EcdsaKeyPair, hash: &'static digest::Algorithm, message: &[u8]) -> Result<Vec<u8>, SignFault> {
    let own = own_hash(pair);
    let failed = |_| SignFault::Library;
    let signature = if own == hash {
        pair.sign(&SystemRandom::new(), message)
    } else {
        let hashed = digest::digest(hash, message);
        let hashed = hashed.as_ref();
        let mut fitted = vec![0; own.output_len().saturating_sub(hashed.len())];
        fitted.extend_from_slice(&hashed[..hashed.len().min(own.output_len())]);
        pair.sign_digest(&Digest::import_less_safe(&fitted, own).map_err(failed)?)
    };
    Ok(signature.map_err(failed)?.as_ref().to_vec())
}

fn own_hash(pair: &EcdsaKeyPair) -> &'static digest::Algorithm {
    if pair.algorithm() == &ECDSA_P256_SHA256_ASN1_SIGNING {
        &digest::SHA256
    } else if pair.algorithm() == &ECDSA_P384_SHA384_ASN1_SIGNING {
        &digest::SHA384
    } else {
        &digest::SHA512
    }
}

//! Whether one certificate is signed by another, as Go's `crypto/x509` decides.

use std::ops::Range;

use aws_lc_rs::signature as lc;
use thiserror::Error;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use super::certificate::Certificate;
use super::der::{self, Reader};
use super::key::{KeyType, PublicKey};

/// Why a certificate is not the issuer of another.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LinkFault {
    #[error("the issuer's name differs from the subject of the next certificate")]
    NameMismatch,
    #[error("the signing certificate is not a CA")]
    NotCa,
    #[error("the signing certificate's key usage does not allow signing certificates")]
    NoCertSign,
    #[error("the signature was made by another key")]
    BadSignature,
    #[error("the signature algorithm is too weak to count")]
    Insecure,
    #[error("the signature algorithm is not supported")]
    Unsupported,
}

/// The first part of Go's `CheckSignatureFrom`.
pub(super) fn may_sign(parent: &Certificate) -> Result<(), LinkFault> {
    // Only version 3 (encoded as 2) has extensions to say that it is a CA.
    if parent.basic_ca == Some(false) || (parent.version == 2 && parent.basic_ca.is_none()) {
        return Err(LinkFault::NotCa);
    }
    // Usages without any bit count as absent in Go.
    let usages = parent.key_usages.as_deref().unwrap_or_default();
    if !usages.is_empty() && !usages.iter().any(|usage| usage == "cert sign") {
        return Err(LinkFault::NoCertSign);
    }
    Ok(())
}

/// The signature of a certificate or request: how it was made, and where it and what it signs stand in the DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    algorithm: Algorithm,
    signed: Range<usize>,
    value: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Algorithm {
    Pkcs1(Hash),
    Pss(Hash),
    Ecdsa(Hash),
    Ed25519,
    /// MD2 and MD5, which Go refuses. Holds Go's word.
    Weak(&'static str),
    /// Its OID.
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Signature {
    /// `None` if `data` is no SEQUENCE of what is signed, an algorithm and a signature.
    pub(super) fn of(identifier: &AlgorithmIdentifier<'_>, data: &[u8]) -> Option<Self> {
        let oid = identifier.algorithm.to_id_string();
        let algorithm = match oid.as_str() {
            "1.2.840.113549.1.1.2" => Algorithm::Weak("MD2-RSA"),
            "1.2.840.113549.1.1.4" => Algorithm::Weak("MD5-RSA"),
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Algorithm::Pkcs1(Hash::Sha1),
            "1.2.840.113549.1.1.11" => Algorithm::Pkcs1(Hash::Sha256),
            "1.2.840.113549.1.1.12" => Algorithm::Pkcs1(Hash::Sha384),
            "1.2.840.113549.1.1.13" => Algorithm::Pkcs1(Hash::Sha512),
            "1.2.840.113549.1.1.10" => pss_hash(identifier).map_or(Algorithm::Other(oid), Algorithm::Pss),
            "1.2.840.10045.4.1" => Algorithm::Ecdsa(Hash::Sha1),
            "1.2.840.10045.4.3.2" => Algorithm::Ecdsa(Hash::Sha256),
            "1.2.840.10045.4.3.3" => Algorithm::Ecdsa(Hash::Sha384),
            "1.2.840.10045.4.3.4" => Algorithm::Ecdsa(Hash::Sha512),
            "1.3.101.112" => Algorithm::Ed25519,
            _ => Algorithm::Other(oid),
        };
        let outer = Reader(data).next()?;
        let mut parts = outer.inner(der::SEQUENCE)?;
        let start = outer.whole.len() - outer.content.len();
        let signed = start..start + parts.next()?.whole.len();
        let value = parts.nth(1)?;
        // The bits begin behind the number of unused ones.
        let end = outer.whole.len() - parts.0.len();
        let value = end - value.expect(der::BIT_STRING)?.len().checked_sub(1)?..end;
        Some(Self { algorithm, signed, value })
    }

    /// Go's word for it, else its OID.
    pub(super) fn algorithm(&self) -> &str {
        match &self.algorithm {
            Algorithm::Pkcs1(Hash::Sha1) => "SHA1-RSA",
            Algorithm::Pkcs1(Hash::Sha256) => "SHA256-RSA",
            Algorithm::Pkcs1(Hash::Sha384) => "SHA384-RSA",
            Algorithm::Pkcs1(Hash::Sha512) => "SHA512-RSA",
            Algorithm::Pss(Hash::Sha1) => "SHA1-RSAPSS",
            Algorithm::Pss(Hash::Sha256) => "SHA256-RSAPSS",
            Algorithm::Pss(Hash::Sha384) => "SHA384-RSAPSS",
            Algorithm::Pss(Hash::Sha512) => "SHA512-RSAPSS",
            Algorithm::Ecdsa(Hash::Sha1) => "ECDSA-SHA1",
            Algorithm::Ecdsa(Hash::Sha256) => "ECDSA-SHA256",
            Algorithm::Ecdsa(Hash::Sha384) => "ECDSA-SHA384",
            Algorithm::Ecdsa(Hash::Sha512) => "ECDSA-SHA512",
            Algorithm::Ed25519 => "Ed25519",
            Algorithm::Weak(word) => word,
            Algorithm::Other(oid) => oid,
        }
    }

    /// Whether `key` made it over its part of `data`, the DER that it was found in.
    pub(super) fn verify(&self, data: &[u8], key: &PublicKey) -> Result<(), LinkFault> {
        let algorithm = self.verification(key)?;
        let key = lc::UnparsedPublicKey::new(algorithm, &key.bits);
        key.verify(&data[self.signed.clone()], &data[self.value.clone()]).map_err(|_| LinkFault::BadSignature)
    }

    fn verification(&self, key: &PublicKey) -> Result<&'static dyn lc::VerificationAlgorithm, LinkFault> {
        match (&self.algorithm, &key.key_type) {
            (Algorithm::Weak(_) | Algorithm::Pkcs1(Hash::Sha1) | Algorithm::Ecdsa(Hash::Sha1), _) => {
                Err(LinkFault::Insecure)
            }
            (Algorithm::Pkcs1(Hash::Sha256), KeyType::Rsa(_)) => {
                Ok(&lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
            }
            (Algorithm::Pkcs1(Hash::Sha384), KeyType::Rsa(_)) => Ok(&lc::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::Pkcs1(Hash::Sha512), KeyType::Rsa(_)) => {
                Ok(&lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
            }
            (Algorithm::Pss(Hash::Sha256), KeyType::Rsa(_)) => Ok(&lc::RSA_PSS_2048_8192_SHA256),
            (Algorithm::Pss(Hash::Sha384), KeyType::Rsa(_)) => Ok(&lc::RSA_PSS_2048_8192_SHA384),
            (Algorithm::Pss(Hash::Sha512), KeyType::Rsa(_)) => Ok(&lc::RSA_PSS_2048_8192_SHA512),
            (Algorithm::Ecdsa(hash), KeyType::Ecdsa(bits)) => ecdsa(*hash, *bits).ok_or(LinkFault::Unsupported),
            (Algorithm::Ed25519, KeyType::Ed25519) => Ok(&lc::ED25519),
            (_, KeyType::Other(_)) | (Algorithm::Other(_) | Algorithm::Pss(Hash::Sha1), _) => {
                Err(LinkFault::Unsupported)
            }
            // A signature of one kind cannot come from a key of another.
            (Algorithm::Pkcs1(_) | Algorithm::Pss(_) | Algorithm::Ecdsa(_) | Algorithm::Ed25519, _) => {
                Err(LinkFault::BadSignature)
            }
        }
    }
}

fn ecdsa(hash: Hash, bits: usize) -> Option<&'static dyn lc::VerificationAlgorithm> {
    match (bits, hash) {
        (256, Hash::Sha256) => Some(&lc::ECDSA_P256_SHA256_ASN1),
        (256, Hash::Sha384) => Some(&lc::ECDSA_P256_SHA384_ASN1),
        (256, Hash::Sha512) => Some(&lc::ECDSA_P256_SHA512_ASN1),
        (384, Hash::Sha256) => Some(&lc::ECDSA_P384_SHA256_ASN1),
        (384, Hash::Sha384) => Some(&lc::ECDSA_P384_SHA384_ASN1),
        (384, Hash::Sha512) => Some(&lc::ECDSA_P384_SHA512_ASN1),
        (521, Hash::Sha256) => Some(&lc::ECDSA_P521_SHA256_ASN1),
        (521, Hash::Sha384) => Some(&lc::ECDSA_P521_SHA384_ASN1),
        (521, Hash::Sha512) => Some(&lc::ECDSA_P521_SHA512_ASN1),
        (_, _) => None,
    }
}

fn pss_hash(identifier: &AlgorithmIdentifier<'_>) -> Option<Hash> {
    let parameters = identifier.parameters.as_ref()?;
    let parameters = RsaSsaPssParams::try_from(parameters).ok()?;
    match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "1.3.14.3.2.26" => Some(Hash::Sha1),
        "2.16.840.1.101.3.4.2.1" => Some(Hash::Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(Hash::Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(Hash::Sha512),
        _ => None,
    }
}

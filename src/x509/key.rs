//! Public keys, also those inside private ones.

use std::fmt;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use thiserror::Error;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{self, Reader};
use super::pem;

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
const P224: &str = "1.3.132.0.33";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const P521: &str = "1.3.132.0.35";

/// The kind of a key and what makes its strength.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// The length of the modulus in bits.
    Rsa(usize),
    /// The size of the NIST curve in bits.
    Ecdsa(usize),
    Ed25519,
    /// The OID of an algorithm or curve that cert-manager does not make keys for.
    Other(String),
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ecdsa(bits) => write!(f, "ECDSA P-{bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(oid) => write!(f, "key type {oid}"),
        }
    }
}

/// A public key. Two are equal if they are the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub key_type: KeyType,
    /// The bit string of the SubjectPublicKeyInfo: for RSA the DER of modulus and exponent.
    pub(super) bits: Vec<u8>,
}

/// Why a private key does not decode; the wording is cert-manager's as far as it is its own and not Go's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("error decoding private key PEM block: no PEM data was found in given input")]
    NoPem,
    #[error("unknown private key type: {0}")]
    UnknownType(String),
    #[error("error parsing pkcs#8 private key")]
    Pkcs8,
    #[error("error parsing rsa private key")]
    Rsa,
    #[error("error parsing ecdsa private key")]
    Ec,
    /// The words of who looked at a key that is withheld here.
    #[error("{0}")]
    Told(String),
}

impl PublicKey {
    /// The public half of a private key in PEM: the first block, PKCS#8, PKCS#1 or SEC 1.
    pub fn of_private_pem(text: &[u8]) -> Result<Self, KeyError> {
        let block = pem::blocks(text).into_iter().next().ok_or(KeyError::NoPem)?;
        match block.label.as_str() {
            "PRIVATE KEY" => of_pkcs8(&block.der).ok_or(KeyError::Pkcs8),
            "RSA PRIVATE KEY" => of_pkcs1(&block.der).ok_or(KeyError::Rsa),
            "EC PRIVATE KEY" => of_sec1(&block.der, None).ok_or(KeyError::Ec),
            other => Err(KeyError::UnknownType(other.to_owned())),
        }
    }

    /// A key from its bit string, which must fit the kind.
    pub fn new(key_type: KeyType, bits: Vec<u8>) -> Self {
        Self { key_type, bits }
    }

    /// The SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) as Go writes it; `None` for kinds that it cannot write.
    pub fn info(&self) -> Option<Vec<u8>> {
        let algorithm = match &self.key_type {
            KeyType::Rsa(_) => [oid_element(RSA), der::element(der::NULL, &[])].concat(),
            KeyType::Ecdsa(bits) => [oid_element(EC), oid_element(curve_oid(*bits)?)].concat(),
            KeyType::Ed25519 => oid_element(ED25519),
            KeyType::Other(_) => return None,
        };
        Some(der::sequence([der::element(der::SEQUENCE, &algorithm), der::bit_string(&self.bits)]))
    }

    /// The key of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    pub fn of_info_der(der: &[u8]) -> Option<Self> {
        SubjectPublicKeyInfo::from_der(der).ok().map(|(_, info)| Self::of_info(&info))
    }

    /// The bit string of the SubjectPublicKeyInfo.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// The key of a certificate or request.
    pub(super) fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let bits = info.subject_public_key.data.to_vec();
        let algorithm = info.algorithm.algorithm.to_id_string();
        let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
        let key_type = match (algorithm.as_str(), curve) {
            (RSA, _) => rsa_bits(&bits).map_or(KeyType::Other(algorithm), KeyType::Rsa),
            (EC, Some(curve)) => curve_type(&curve),
            (ED25519, _) => KeyType::Ed25519,
            (_, _) => KeyType::Other(algorithm),
        };
        Self { key_type, bits }
    }
}

fn of_pkcs8(data: &[u8]) -> Option<PublicKey> {
    let mut fields = Reader(data).next()?.inner(der::SEQUENCE)?;
    fields.next()?.expect(der::INTEGER)?;
    let mut algorithm = fields.next()?.inner(der::SEQUENCE)?;
    let oid = der::dotted(algorithm.next()?.expect(der::OID)?);
    let key = fields.next()?.expect(der::OCTET_STRING)?;
    match oid.as_str() {
        RSA => of_pkcs1(key),
        EC => of_sec1(key, Some(der::dotted(algorithm.next()?.expect(der::OID)?))),
        ED25519 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(data).ok()?;
            Some(PublicKey { key_type: KeyType::Ed25519, bits: pair.public_key().as_ref().to_vec() })
        }
        _ => None,
    }
}

/// RFC 8017 A.1.2. Sizes that the library refuses are taken as they are written: a key may be too short for it and
/// still be a key to cert-manager.
fn of_pkcs1(data: &[u8]) -> Option<PublicKey> {
    let mut fields = Reader(data).next()?.inner(der::SEQUENCE)?;
    fields.next()?.expect(der::INTEGER)?;
    let modulus = fields.next()?;
    let exponent = fields.next()?;
    modulus.expect(der::INTEGER)?;
    exponent.expect(der::INTEGER)?;
    let bits = der::element(der::SEQUENCE, &[modulus.whole, exponent.whole].concat());
    let size = rsa_bits(&bits)?;
    if (2048..=8192).contains(&size) {
        let pair = RsaKeyPair::from_der(data).ok()?;
        debug_assert!(pair.public_modulus_len() <= modulus.content.len());
    }
    Some(PublicKey { key_type: KeyType::Rsa(size), bits })
}

/// RFC 5915. In PKCS#8 the curve stands outside.
fn of_sec1(data: &[u8], curve: Option<String>) -> Option<PublicKey> {
    let mut fields = Reader(data).next()?.inner(der::SEQUENCE)?;
    fields.next()?.expect(der::INTEGER)?;
    fields.next()?.expect(der::OCTET_STRING)?;
    let own_curve = fields.find_map(|field| field.inner(der::CONTEXT_0)?.next()?.expect(der::OID)).map(der::dotted);
    let (key_type, algorithm) = signing(&curve.or(own_curve)?)?;
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, data).ok()?;
    Some(PublicKey { key_type, bits: pair.public_key().as_ref().to_vec() })
}

fn signing(curve: &str) -> Option<(KeyType, &'static EcdsaSigningAlgorithm)> {
    let algorithm = match curve {
        P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
        _ => return None,
    };
    Some((curve_type(curve), algorithm))
}

fn curve_oid(bits: usize) -> Option<&'static str> {
    match bits {
        224 => Some(P224),
        256 => Some(P256),
        384 => Some(P384),
        521 => Some(P521),
        _ => None,
    }
}

fn oid_element(dotted: &str) -> Vec<u8> {
    der::element(der::OID, &der::oid(dotted).expect("the OIDs of this file are OIDs"))
}

fn curve_type(curve: &str) -> KeyType {
    match curve {
        P224 => KeyType::Ecdsa(224),
        P256 => KeyType::Ecdsa(256),
        P384 => KeyType::Ecdsa(384),
        P521 => KeyType::Ecdsa(521),
        other => KeyType::Other(other.to_owned()),
    }
}

/// The length of the modulus in an RSAPublicKey (RFC 8017 A.1.1).
fn rsa_bits(public: &[u8]) -> Option<usize> {
    let modulus = Reader(public).next()?.inner(der::SEQUENCE)?.next()?.expect(der::INTEGER)?;
    let start = modulus.iter().position(|byte| *byte != 0)?;
    let first = usize::try_from(modulus[start].leading_zeros()).ok()?;
    Some((modulus.len() - start) * 8 - first)
}

//! Signature algorithms, and which one a key or spec leads to (cert-manager's `pkg/util/pki/csr.go`).

use thiserror::Error;

use crate::api::KeyAlgorithm;
use crate::api::certificate::{self as api, CertificateSpec};
use crate::x509::{KeyType, der};

/// How a request or certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    Sha256WithRsa,
    Sha384WithRsa,
    Sha512WithRsa,
    EcdsaWithSha256,
    EcdsaWithSha384,
    EcdsaWithSha512,
    PureEd25519,
}

/// Why no algorithm is chosen, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AlgorithmFault {
    /// The quotes are cert-manager's.
    #[error("unsupported algorithm specified: {0}. should be either 'ecdsa', 'ed25519' or 'rsa")]
    KeyAlgorithm(String),
    #[error("unsupported signature algorithm: {0}")]
    SignatureAlgorithm(String),
    #[error("unsupported ecdsa keysize specified: {0}")]
    EcdsaSize(i64),
    #[error("invalid size {0} for RSA key on signing certificate")]
    RsaSize(i64),
    #[error("unknown / unsupported curve attached to ECDSA signing certificate")]
    Curve,
    #[error("unknown public key type on signing certificate")]
    KeyType,
}

impl SignatureAlgorithm {
    /// What a Certificate's own request is signed with: `spec.signatureAlgorithm`, else what fits its key. Whether an
    /// algorithm that is given fits the key shows only when it signs.
    pub fn of_spec(spec: &CertificateSpec) -> Result<Self, AlgorithmFault> {
        let algorithm = spec.key_algorithm();
        if let KeyAlgorithm::Unknown(word) = algorithm {
            return Err(AlgorithmFault::KeyAlgorithm(word));
        }
        if let Some(word) = &spec.signature_algorithm {
            return Self::of_word(word);
        }
        let size = spec.private_key.as_ref().map_or(0, |key| key.size);
        match (algorithm, size) {
            (KeyAlgorithm::Rsa, 0) => Self::of_rsa(2048),
            (KeyAlgorithm::Rsa, size) => Self::of_rsa(size),
            (KeyAlgorithm::Ecdsa, 0 | 256) => Ok(Self::EcdsaWithSha256),
            (KeyAlgorithm::Ecdsa, 384) => Ok(Self::EcdsaWithSha384),
            (KeyAlgorithm::Ecdsa, 521) => Ok(Self::EcdsaWithSha512),
            (KeyAlgorithm::Ecdsa, size) => Err(AlgorithmFault::EcdsaSize(size)),
            (KeyAlgorithm::Ed25519 | KeyAlgorithm::Unknown(_), _) => Ok(Self::PureEd25519),
        }
    }

    /// What an issuer signs certificates with, by its own key.
    pub fn of_key(key: &KeyType) -> Result<Self, AlgorithmFault> {
        match key {
            // Go counts whole bytes of the modulus.
            KeyType::Rsa(bits) => Self::of_rsa(i64::try_from(bits.next_multiple_of(8)).unwrap_or(i64::MAX)),
            KeyType::Ecdsa(256) => Ok(Self::EcdsaWithSha256),
            KeyType::Ecdsa(384) => Ok(Self::EcdsaWithSha384),
            KeyType::Ecdsa(521) => Ok(Self::EcdsaWithSha512),
            KeyType::Ecdsa(_) => Err(AlgorithmFault::Curve),
            KeyType::Ed25519 => Ok(Self::PureEd25519),
            KeyType::Other(_) => Err(AlgorithmFault::KeyType),
        }
    }

    fn of_rsa(bits: i64) -> Result<Self, AlgorithmFault> {
        match bits {
            4096.. => Ok(Self::Sha512WithRsa),
            3072.. => Ok(Self::Sha384WithRsa),
            2048.. => Ok(Self::Sha256WithRsa),
            _ => Err(AlgorithmFault::RsaSize(bits)),
        }
    }

    fn of_word(word: &api::SignatureAlgorithm) -> Result<Self, AlgorithmFault> {
        match word {
            api::SignatureAlgorithm::Sha256WithRsa => Ok(Self::Sha256WithRsa),
            api::SignatureAlgorithm::Sha384WithRsa => Ok(Self::Sha384WithRsa),
            api::SignatureAlgorithm::Sha512WithRsa => Ok(Self::Sha512WithRsa),
            api::SignatureAlgorithm::EcdsaWithSha256 => Ok(Self::EcdsaWithSha256),
            api::SignatureAlgorithm::EcdsaWithSha384 => Ok(Self::EcdsaWithSha384),
            api::SignatureAlgorithm::EcdsaWithSha512 => Ok(Self::EcdsaWithSha512),
            api::SignatureAlgorithm::PureEd25519 => Ok(Self::PureEd25519),
            api::SignatureAlgorithm::Unknown(word) => Err(AlgorithmFault::SignatureAlgorithm(word.clone())),
        }
    }

    /// The `AlgorithmIdentifier` (RFC 5280 §4.1.1.2) in DER; for RSA with a NULL, as RFC 4055 asks.
    pub fn identifier(self) -> Vec<u8> {
        let (oid, parameters) = match self {
            Self::Sha256WithRsa => ("1.2.840.113549.1.1.11", true),
            Self::Sha384WithRsa => ("1.2.840.113549.1.1.12", true),
            Self::Sha512WithRsa => ("1.2.840.113549.1.1.13", true),
            Self::EcdsaWithSha256 => ("1.2.840.10045.4.3.2", false),
            Self::EcdsaWithSha384 => ("1.2.840.10045.4.3.3", false),
            Self::EcdsaWithSha512 => ("1.2.840.10045.4.3.4", false),
            Self::PureEd25519 => ("1.3.101.112", false),
        };
        let mut parts = vec![der::element(der::OID, &der::oid(oid).expect("the OIDs of this file are OIDs"))];
        if parameters {
            parts.push(der::element(der::NULL, &[]));
        }
        der::sequence(parts)
    }
}

#[cfg(test)]
mod tests {
    use crate::api::certificate::PrivateKeySpec;

    use super::*;

    fn chosen(algorithm: &str, size: i64, signature: &str) -> Result<SignatureAlgorithm, String> {
        let key = PrivateKeySpec {
            algorithm: (!algorithm.is_empty()).then(|| algorithm.into()),
            size,
            ..PrivateKeySpec::default()
        };
        let signature = (!signature.is_empty()).then(|| signature.into());
        let spec =
            CertificateSpec { private_key: Some(key), signature_algorithm: signature, ..CertificateSpec::default() };
        SignatureAlgorithm::of_spec(&spec).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_key_decides_unless_the_spec_does() {
        for (algorithm, size, signature, expected) in [
            ("", 0, "", Ok(SignatureAlgorithm::Sha256WithRsa)),
            ("RSA", 3072, "", Ok(SignatureAlgorithm::Sha384WithRsa)),
            ("RSA", 8192, "", Ok(SignatureAlgorithm::Sha512WithRsa)),
            ("RSA", 1024, "", Err("invalid size 1024 for RSA key on signing certificate")),
            ("ECDSA", 0, "", Ok(SignatureAlgorithm::EcdsaWithSha256)),
            ("ECDSA", 521, "", Ok(SignatureAlgorithm::EcdsaWithSha512)),
            ("ECDSA", 224, "", Err("unsupported ecdsa keysize specified: 224")),
            ("ECDSA", 224, "SHA512WithRSA", Ok(SignatureAlgorithm::Sha512WithRsa)),
            ("Ed25519", 7, "", Ok(SignatureAlgorithm::PureEd25519)),
            ("Ed25519", 0, "MD5", Err("unsupported signature algorithm: MD5")),
            ("DSA", 0, "", Err("unsupported algorithm specified: DSA. should be either 'ecdsa', 'ed25519' or 'rsa")),
        ] {
            assert_eq!(chosen(algorithm, size, signature), expected.map_err(str::to_owned), "{algorithm} {size}");
        }
    }

    #[test]
    fn an_issuer_signs_with_what_fits_its_key() {
        for (key, expected) in [
            (KeyType::Rsa(2047), Ok(SignatureAlgorithm::Sha256WithRsa)),
            (KeyType::Rsa(1024), Err(AlgorithmFault::RsaSize(1024))),
            (KeyType::Ecdsa(384), Ok(SignatureAlgorithm::EcdsaWithSha384)),
            (KeyType::Ecdsa(224), Err(AlgorithmFault::Curve)),
            (KeyType::Other("1.2".into()), Err(AlgorithmFault::KeyType)),
        ] {
            assert_eq!(SignatureAlgorithm::of_key(&key), expected);
        }
    }
}

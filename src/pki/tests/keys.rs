//! Keys: made, written, read, used.

use super::super::algorithm::SignatureAlgorithm::{
    EcdsaWithSha256, EcdsaWithSha384, EcdsaWithSha512, PureEd25519, Sha256WithRsa, Sha384WithRsa, Sha512WithRsa,
};
use super::super::key::{self, KeyFault, PrivateKey};
use super::super::request::RequestInfo;
use super::{KINDS, of_kind};
use crate::api::KeyEncoding;
use crate::redact::Redacted;
use crate::x509::{KeyType, Request, der, pem};

#[test]
fn keys_come_back_from_every_encoding() {
    for kind in KINDS {
        let key = of_kind(&kind);
        let texts = [
            key.encode(None).unwrap(),
            key.encode(Some(&KeyEncoding::Pkcs1)).unwrap(),
            key.encode(Some(&KeyEncoding::Pkcs8)).unwrap(),
            key.to_pkcs8_pem().unwrap(),
        ];
        for text in &texts {
            assert_eq!(PrivateKey::from_pem(text.expose().as_bytes()).unwrap().public(), key.public());
        }
        let labels = texts.each_ref().map(|text| text.expose().lines().next().unwrap().to_owned());
        let pkcs1 = match kind {
            KeyType::Rsa(_) => "-----BEGIN RSA PRIVATE KEY-----",
            KeyType::Ecdsa(_) => "-----BEGIN EC PRIVATE KEY-----",
            KeyType::Ed25519 | KeyType::Other(_) => "-----BEGIN PRIVATE KEY-----",
        };
        let pkcs8 = "-----BEGIN PRIVATE KEY-----";
        assert_eq!(labels, [pkcs1, pkcs1, pkcs8, pkcs8]);
        assert!(!format!("{key:?}").contains("PRIVATE") && format!("{key:?}").contains(&kind.to_string()));
        let unknown = KeyEncoding::from("JWK");
        assert_eq!(
            key.encode(Some(&unknown)).unwrap_err().to_string(),
            "error encoding private key: unknown key encoding: JWK"
        );
    }
}

/// The lengths of what Go's `x509.MarshalPKCS8PrivateKey` and `x509.MarshalECPrivateKey` write for these kinds.
#[test]
fn keys_are_encoded_as_go_encodes_them() {
    for (kind, plain, pkcs8) in [
        (KeyType::Ecdsa(256), 121, 138),
        (KeyType::Ecdsa(384), 167, 185),
        (KeyType::Ecdsa(521), 223, 241),
        (KeyType::Ed25519, 48, 48),
    ] {
        let length = |text: Redacted<String>| pem::blocks(text.expose().as_bytes())[0].der.len();
        let key = of_kind(&kind);
        assert_eq!((length(key.encode(None).unwrap()), length(key.to_pkcs8_pem().unwrap())), (plain, pkcs8), "{kind}");
    }
}

#[test]
fn what_is_no_key_is_refused_in_cert_managers_words() {
    for (text, words) in [
        ("", "error decoding private key PEM block: no PEM data was found in given input"),
        ("-----BEGIN X-----\nAA==\n-----END X-----\n", "unknown private key type: X"),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "error parsing pkcs#8 private key"),
    ] {
        assert_eq!(PrivateKey::from_pem(text.as_bytes()).unwrap_err().to_string(), words);
    }
    let wanted = |algorithm: &str, size| {
        let json = serde_json::json!({"privateKey": {"algorithm": algorithm, "size": size}});
        key::wanted(&serde_json::from_value(json).unwrap()).map_err(|fault| fault.to_string())
    };
    assert_eq!(wanted("", 0), Ok(KeyType::Rsa(2048)));
    assert_eq!(wanted("RSA", -1), Ok(KeyType::Rsa(2048)));
    assert_eq!(wanted("ECDSA", 0), Ok(KeyType::Ecdsa(256)));
    assert_eq!(wanted("Ed25519", 1), Ok(KeyType::Ed25519));
    assert_eq!(wanted("RSA", 1024), Err("weak rsa key size specified: 1024. minimum key size: 2048".into()));
    assert_eq!(wanted("RSA", 8193), Err("rsa key size specified too big: 8193. maximum key size: 8192".into()));
    assert_eq!(wanted("ECDSA", 224), Err("unsupported ecdsa key size specified: 224".into()));
    assert_eq!(wanted("DSA", 0), Err("unsupported private key algorithm specified: DSA".into()));
    assert_eq!(PrivateKey::generate(&KeyType::Rsa(2560)).unwrap_err(), KeyFault::NotBuilt(KeyType::Rsa(2560)));
}

#[test]
fn every_algorithm_signs_with_the_keys_it_fits() {
    let rsa = [Sha256WithRsa, Sha384WithRsa, Sha512WithRsa];
    let ecdsa = [EcdsaWithSha256, EcdsaWithSha384, EcdsaWithSha512];
    for kind in KINDS {
        let key = of_kind(&kind);
        for algorithm in rsa.into_iter().chain(ecdsa).chain([PureEd25519]) {
            let fits = match kind {
                KeyType::Rsa(_) => rsa.contains(&algorithm),
                KeyType::Ecdsa(_) => ecdsa.contains(&algorithm),
                KeyType::Ed25519 | KeyType::Other(_) => algorithm == PureEd25519,
            };
            let info = RequestInfo { subject: der::element(der::SEQUENCE, &[]), extensions: vec![], algorithm };
            let signed = info.sign(key);
            assert_eq!(signed.is_ok(), fits, "{kind} {algorithm:?}");
            match signed {
                Ok(signed) => Request::from_der(&signed.der).unwrap().check_signature().unwrap(),
                Err(fault) => assert_eq!(
                    fault.to_string(),
                    "error creating x509 certificate: x509: requested SignatureAlgorithm does not match private key type"
                ),
            }
        }
    }
}

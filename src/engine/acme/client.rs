//! The ACME client that a controller holds for an issuer, and the registry of these clients (`pkg/acme/accounts`,
//! `third_party/forked/acme`).
//!
//! Says how the client words its errors; what follows from them is for the controllers.

use std::collections::HashMap;

use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::api::AcmeIssuer;
use crate::engine::question::acme::{
    AccountKey, AcmeAccount, AcmeAuthorization, AcmeCall, AcmeChallenge, AcmeDirectory, AcmeFailure, AcmeOrder,
    AcmeReply, AcmeRequest, AcmeServer,
};
use crate::engine::question::{Answer, Question};
use crate::engine::turn::Turn;
use crate::pki::PrivateKey;
use crate::x509::der::{self, Reader};
use crate::x509::{KeyType, PublicKey, pem};

/// What the server said.
pub type Replied<T> = Result<T, AcmeFailure>;

/// The clients by the UID of their issuer. Gone when the controller restarts.
pub type Clients = HashMap<String, Client>;

/// Nothing speaks for the issuer yet.
pub const NO_CLIENT: &str = "ACME client for issuer not initialised/available";

/// Speaks to one server with one account's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    server: AcmeServer,
    key: AccountKey,
}

impl Client {
    /// A client for an issuer, whose key must be RSA.
    pub fn new(issuer: &AcmeIssuer, key: &PrivateKey) -> Option<Self> {
        let server = AcmeServer {
            directory: issuer.server.clone(),
            ca_bundle: issuer.ca_bundle.decode().unwrap_or_default(),
            skip_tls_verify: issuer.skip_tls_verify,
        };
        let account = AccountKey { thumbprint: thumbprint(key.public())?, pem: key.encode(None).ok()? };
        Some(Self { server, key: account })
    }

    /// The key authorization of a token (RFC 8555 §8.1).
    pub fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.key.thumbprint)
    }

    /// What the TXT record of a DNS-01 challenge must hold (RFC 8555 §8.4).
    pub fn dns_record(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, self.key_authorization(token).as_bytes()))
    }

    /// What is said of the directory.
    pub fn directory(&self, turn: &mut Turn) -> Option<Replied<AcmeDirectory>> {
        let only = |reply| if let AcmeReply::Directory(directory) = reply { Some(directory) } else { None };
        self.ask(turn, AcmeRequest::Directory, only)
    }

    /// What is said of an account.
    pub fn account(&self, turn: &mut Turn, request: AcmeRequest) -> Option<Replied<AcmeAccount>> {
        self.ask(turn, request, |reply| if let AcmeReply::Account(account) = reply { Some(account) } else { None })
    }

    /// What is said of an order.
    pub fn order(&self, turn: &mut Turn, request: AcmeRequest) -> Option<Replied<AcmeOrder>> {
        self.ask(turn, request, |reply| if let AcmeReply::Order(order) = reply { Some(order) } else { None })
    }

    /// What is said of an authorization.
    pub fn authorization(&self, turn: &mut Turn, request: AcmeRequest) -> Option<Replied<AcmeAuthorization>> {
        self.ask(turn, request, |reply| if let AcmeReply::Authorization(found) = reply { Some(found) } else { None })
    }

    /// What is said of a challenge.
    pub fn challenge(&self, turn: &mut Turn, request: AcmeRequest) -> Option<Replied<AcmeChallenge>> {
        self.ask(
            turn,
            request,
            |reply| if let AcmeReply::Challenge(challenge) = reply { Some(challenge) } else { None },
        )
    }

    /// A certificate chain, DER, leaf first.
    pub fn certificate(&self, turn: &mut Turn, url: &str) -> Option<Replied<Vec<Vec<u8>>>> {
        let only = |reply| if let AcmeReply::Certificate(chain) = reply { Some(chain) } else { None };
        let replied = self.ask(turn, AcmeRequest::GetCertificate { url: url.to_owned() }, only)?;
        Some(match replied {
            Ok(chain) if chain.is_empty() => Err(nonsense("acme: certificate chain is empty")),
            Ok(_) | Err(_) => replied,
        })
    }

    /// The URLs of the alternate chains.
    pub fn alternates(&self, turn: &mut Turn, url: &str) -> Option<Replied<Vec<String>>> {
        let only = |reply| if let AcmeReply::Alternates(urls) = reply { Some(urls) } else { None };
        self.ask(turn, AcmeRequest::ListAlternates { url: url.to_owned() }, only)
    }

    fn ask<T>(
        &self,
        turn: &mut Turn,
        request: AcmeRequest,
        expected: impl FnOnce(AcmeReply) -> Option<T>,
    ) -> Option<Replied<T>> {
        let call = AcmeCall { server: self.server.clone(), account: self.key.clone(), request };
        Some(match turn.ask(Question::Acme(call))? {
            Answer::Acme(replied) => replied.and_then(|reply| {
                expected(reply).ok_or_else(|| nonsense("acme: invalid response: it is of another kind"))
            }),
            Answer::Http01Check(_) | Answer::Dns01Check(_) | Answer::Dns01Change(_) | Answer::Vault(_) => {
                Err(nonsense("acme: invalid response: it is none of an ACME server"))
            }
        })
    }
}

fn nonsense(words: &str) -> AcmeFailure {
    AcmeFailure::Nonsense(words.to_owned())
}

/// The JWK thumbprint of an RSA key (RFC 7638).
fn thumbprint(key: &PublicKey) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, jwk(key)?.as_bytes())))
}

/// An RSA key as JWK (RFC 7517), its members in the order that the thumbprint wants.
pub fn jwk(key: &PublicKey) -> Option<String> {
    let KeyType::Rsa(_) = key.key_type else { return None };
    let mut numbers = Reader(key.bits()).next()?.inner(der::SEQUENCE)?;
    let mut number = || -> Option<String> {
        let bytes = numbers.next()?.expect(der::INTEGER)?;
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
        Some(URL_SAFE_NO_PAD.encode(&bytes[start..]))
    };
    let (modulus, exponent) = (number()?, number()?);
    Some(format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#))
}

/// `status.acme.lastPrivateKeyHash`: the SHA-256 of the key's PKCS#1 DER.
pub fn key_hash(key: &PrivateKey) -> Option<String> {
    let text = key.encode(None).ok()?;
    let block = pem::blocks(text.expose().as_bytes()).into_iter().next()?;
    Some(STANDARD.encode(digest::digest(&SHA256, &block.der)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK\
                       RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic\
                       AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3\
                       XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let modulus = URL_SAFE_NO_PAD.decode(modulus).unwrap();
        let bits = der::sequence([der::unsigned(&modulus), der::unsigned(&[1, 0, 1])]);
        let print = thumbprint(&PublicKey::new(KeyType::Rsa(2048), bits)).unwrap();
        assert_eq!(print, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn only_rsa_keys_make_a_client() {
        let key = PrivateKey::generate(&KeyType::Ecdsa(256)).unwrap();
        assert_eq!(Client::new(&AcmeIssuer::default(), &key), None);
    }
}

//! Requests signed as RFC 8555 §6.2 wants them, in cert-manager's way (`third_party/forked/acme/jws.go`): RS256 with the
//! account's key, HS256 with that of an external account.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::engine::question::acme::ExternalAccount;
use crate::pki::{PrivateKey, SignatureAlgorithm};

/// A signed text, in the flattened form (RFC 7515 §7.2.2).
#[derive(Debug, Serialize)]
pub struct Jws {
    protected: String,
    payload: String,
    signature: String,
}

/// What stands in the protected header beside the algorithm.
#[derive(Serialize)]
struct Header<'h> {
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'h serde_json::value::RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'h str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'h str>,
    url: &'h str,
}

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'s> {
    /// A key that the server does not know yet, as JWK.
    Jwk(&'s str),
    /// An account, by its URL.
    Kid(&'s str),
}

/// Signs a payload for a URL. An empty one makes a POST-as-GET (RFC 8555 §6.3).
pub fn signed(key: &PrivateKey, signer: Signer<'_>, nonce: &str, url: &str, payload: &[u8]) -> Result<Jws, String> {
    let raw = |jwk: &str| serde_json::value::RawValue::from_string(jwk.to_owned()).expect("a JWK is JSON");
    let (jwk, kid) = match signer {
        Signer::Jwk(jwk) => (Some(raw(jwk)), None),
        Signer::Kid(kid) => (None, Some(kid)),
    };
    let header = Header { alg: "RS256", jwk: jwk.as_deref(), kid, nonce: Some(nonce), url };
    assemble(&header, payload, |text| {
        key.sign(SignatureAlgorithm::Sha256WithRsa, text).map_err(|fault| fault.to_string())
    })
}

/// The binding of an account to an external one (RFC 8555 §7.3.4).
pub fn bound(account: &ExternalAccount, jwk: &str, url: &str) -> Result<Jws, String> {
    let header = Header { alg: "HS256", jwk: None, kid: Some(&account.key_id), nonce: None, url };
    let key = hmac::Key::new(hmac::HMAC_SHA256, account.mac_key.expose());
    assemble(&header, jwk.as_bytes(), |text| Ok(hmac::sign(&key, text).as_ref().to_vec()))
}

fn assemble(
    header: &Header<'_>,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<Jws, String> {
    let header = serde_json::to_vec(header).expect("it is made of text");
    let (protected, payload) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    Ok(Jws { protected, payload, signature: URL_SAFE_NO_PAD.encode(signature) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redacted;
    use crate::x509::KeyType;

    fn decoded(text: &str) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn a_request_names_its_account_or_its_key() {
        let key = PrivateKey::generate(&KeyType::Rsa(2048)).unwrap();
        let jws = signed(&key, Signer::Kid("https://ca.example/1"), "n", "https://ca.example/new", b"{}").unwrap();
        let header = r#"{"alg":"RS256","kid":"https://ca.example/1","nonce":"n","url":"https://ca.example/new"}"#;
        assert_eq!((decoded(&jws.protected).as_str(), decoded(&jws.payload).as_str()), (header, "{}"));
        let text = format!("{}.{}", jws.protected, jws.payload);
        let signature = URL_SAFE_NO_PAD.decode(&jws.signature).unwrap();
        let public = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256,
            key.public().bits(),
        );
        public.verify(text.as_bytes(), &signature).unwrap();

        let jws = signed(&key, Signer::Jwk(r#"{"kty":"RSA"}"#), "n", "https://ca.example/new", b"").unwrap();
        let header = r#"{"alg":"RS256","jwk":{"kty":"RSA"},"nonce":"n","url":"https://ca.example/new"}"#;
        assert_eq!((decoded(&jws.protected).as_str(), jws.payload.as_str()), (header, ""));
    }

    #[test]
    fn a_binding_is_signed_with_the_mac_key_of_the_external_account() {
        let account = ExternalAccount { key_id: "k".into(), mac_key: Redacted::new(b"secret".to_vec()) };
        let jws = bound(&account, "{}", "https://ca.example/new").unwrap();
        let header = r#"{"alg":"HS256","kid":"k","url":"https://ca.example/new"}"#;
        assert_eq!((decoded(&jws.protected).as_str(), decoded(&jws.payload).as_str()), (header, "{}"));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let tag = URL_SAFE_NO_PAD.decode(&jws.signature).unwrap();
        hmac::verify(&key, format!("{}.{}", jws.protected, jws.payload).as_bytes(), &tag).unwrap();
    }
}

//! Secrets, whose values are never shown and may have been taken out by the tool that saved them.

pub mod withheld;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::redact::Redacted;
use crate::x509::{KeyError, PublicKey};

use super::wire::or_default;

/// A core/v1 Secret.
#[derive(Clone, Default, PartialEq)]
pub struct Secret {
    pub metadata: ObjectMeta,
    /// `type`, such as `kubernetes.io/tls`; empty if absent.
    pub type_: String,
    pub immutable: Option<bool>,
    /// `data`, overlaid with `stringData`.
    pub data: BTreeMap<String, SecretValue>,
}

/// One value of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// The decoded bytes. Clones share them.
    Bytes(Redacted<Arc<[u8]>>),
    /// The words that a tool which saves clusters put in place of the value.
    Elided(String),
}

impl Secret {
    /// The bytes of a key; `None` if it is absent or was taken out.
    pub fn bytes(&self, key: &str) -> Option<&Redacted<Arc<[u8]>>> {
        match self.data.get(key)? {
            SecretValue::Bytes(bytes) => Some(bytes),
            SecretValue::Elided(_) => None,
        }
    }

    /// The bytes of a key, or where a bundle withholds them a short text of the same outer form.
    pub fn likeness(&self, key: &str) -> Option<Cow<'_, [u8]>> {
        match self.data.get(key)? {
            SecretValue::Bytes(bytes) => Some(Cow::Borrowed(bytes.expose())),
            SecretValue::Elided(words) => withheld::form(words).map(Cow::Owned),
        }
    }

    /// The public half of the private key under a key, also of one that a bundle withholds; `None` if there is nothing
    /// under it, or it was taken out without a word.
    pub fn public_key(&self, key: &str) -> Option<Result<PublicKey, KeyError>> {
        match self.data.get(key)? {
            SecretValue::Bytes(bytes) => Some(PublicKey::of_private_pem(bytes.expose())),
            SecretValue::Elided(words) => withheld::public_key(words),
        }
    }

    /// Whether a key is there but its value was taken out.
    pub fn is_elided(&self, key: &str) -> bool {
        matches!(self.data.get(key), Some(SecretValue::Elided(_)))
    }
}

impl SecretValue {
    /// From a value of `data`: base64, or else what stands in its place. Some tools encode what they put there.
    pub fn from_data(key: &str, text: String) -> Self {
        match STANDARD.decode(text.as_bytes()) {
            Ok(bytes) if PEM_KEYS.contains(&key) && is_placeholder(&bytes) => Self::Elided(text),
            Ok(bytes) => Self::Bytes(Redacted::new(bytes.into())),
            Err(_) => Self::Elided(text),
        }
    }
}

/// Keys whose values are PEM.
const PEM_KEYS: [&str; 3] = ["tls.key", "tls.crt", "ca.crt"];

/// Whether bytes that should be PEM are a few printable words instead, such as `REDACTED` or `1704 bytes long`.
fn is_placeholder(bytes: &[u8]) -> bool {
    let is_short = bytes.len() < 64;
    is_short
        && std::str::from_utf8(bytes).is_ok_and(|words| {
            let words = words.trim().to_ascii_lowercase();
            let marks = ["redacted", "removed", "hidden", "elided", "masked", "omitted", "bytes long", "***"];
            !words.contains("-----begin") && marks.iter().any(|mark| words.contains(mark))
        })
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "[redacted]",
            // What is not base64 may still be half of a key.
            Self::Elided(_) => "[elided]",
        })
    }
}

impl fmt::Debug for Secret {
    /// Names and keys, never values. Annotations are left out: kubectl keeps whole Secrets in one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("namespace", &self.metadata.namespace)
            .field("name", &self.metadata.name)
            .field("type", &self.type_)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Raw {
            #[serde(deserialize_with = "or_default")]
            metadata: ObjectMeta,
            #[serde(rename = "type", deserialize_with = "or_default")]
            type_: String,
            immutable: Option<bool>,
            #[serde(deserialize_with = "or_default")]
            data: BTreeMap<String, Option<String>>,
            #[serde(deserialize_with = "or_default")]
            string_data: BTreeMap<String, Option<String>>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let text = |(key, value): (String, Option<String>)| (key, value.unwrap_or_default());
        let mut data: BTreeMap<_, _> = raw
            .data
            .into_iter()
            .map(text)
            .map(|(key, value)| {
                let value = SecretValue::from_data(&key, value);
                (key, value)
            })
            .collect();
        for (key, value) in raw.string_data.into_iter().map(text) {
            data.insert(key, SecretValue::Bytes(Redacted::new(value.into_bytes().into())));
        }
        Ok(Self { metadata: raw.metadata, type_: raw.type_, immutable: raw.immutable, data })
    }
}

/// Metadata and the names of the keys. Values are not written: nothing here ever sends a Secret anywhere.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys: BTreeMap<&str, &str> = self.data.keys().map(|key| (key.as_str(), "[redacted]")).collect();
        let mut fields = serializer.serialize_struct("Secret", 3)?;
        fields.serialize_field("metadata", &self.metadata)?;
        fields.serialize_field("type", &self.type_)?;
        fields.serialize_field("data", &keys)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(yaml: &str) -> Secret {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn values_are_decoded_and_what_is_no_base64_is_elided() {
        let secret = secret(
            "metadata: {name: web}\ntype: kubernetes.io/tls\ndata:\n  plain: aGVsbG8=\n  tls.key: 1704 bytes long\n  \
             ca.crt: '***HIDDEN***'\n  empty: null\nstringData: {extra: plain}\n",
        );
        assert_eq!(secret.bytes("plain").unwrap().expose()[..], *b"hello");
        assert!(secret.is_elided("tls.key") && secret.is_elided("ca.crt"));
        assert!(secret.bytes("tls.key").is_none());
        assert_eq!(secret.bytes("empty").unwrap().expose()[..], *b"");
        assert_eq!(secret.bytes("extra").unwrap().expose()[..], *b"plain");
    }

    #[test]
    fn a_placeholder_that_was_encoded_is_elided_for_keys_that_hold_pem() {
        let read = |key: &str, value: &[u8]| {
            secret(&format!("metadata: {{name: web}}\ndata: {{{key}: '{}'}}\n", STANDARD.encode(value)))
        };
        for words in ["REDACTED", "1704 bytes long", "***", "<removed>\n"] {
            for key in PEM_KEYS {
                assert!(read(key, words.as_bytes()).is_elided(key), "{key} {words}");
            }
            assert!(!read("password", words.as_bytes()).is_elided("password"), "{words}");
        }
        let long = "x".repeat(64);
        for value in ["", "\n", "\0\u{1}", "-----BEGIN CERTIFICATE-----", &long] {
            assert_eq!(read("tls.crt", value.as_bytes()).bytes("tls.crt").unwrap().expose()[..], *value.as_bytes());
        }
        assert!(!read("tls.key", &[0xff, 0xfe]).is_elided("tls.key"));
    }

    #[test]
    fn neither_debug_nor_json_shows_a_value() {
        let secret = secret(
            "metadata: {name: web, annotations: {kubectl.kubernetes.io/last-applied-configuration: c2VjcmV0}}\n\
             data: {tls.key: c2VjcmV0, odd: c2VjcmV0!}\n",
        );
        let debug = format!("{secret:?}");
        assert!(debug.contains("tls.key") && !debug.contains("c2VjcmV0") && !debug.contains("secret\""), "{debug}");
        let json = serde_json::to_string(&secret.data.keys().collect::<Vec<_>>()).unwrap();
        assert!(json.contains("tls.key"));
    }

    #[test]
    fn missing_and_null_data_is_no_data() {
        assert!(secret("metadata: {name: web}").data.is_empty());
        assert!(secret("{metadata: {name: web}, data: null, stringData: null, type: null}").data.is_empty());
    }
}

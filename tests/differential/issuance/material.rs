//! Keys, certificates and requests without what is random in them: each key and each certificate has a name, given where
//! it was first seen, so that two runs can be compared although they never make the same key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kubectl_cert::pki::PrivateKey;
use kubectl_cert::x509::der::{self, Element};
use kubectl_cert::x509::{Certificate, Request, pem};
use serde_json::{Value, json};

use super::der::{elements, inside, shown, whole};

/// The names so far.
#[derive(Clone, Default)]
pub struct Material {
    /// By SubjectPublicKeyInfo or certificate in DER.
    names: BTreeMap<Vec<u8>, String>,
    /// By key identifier, as certificates give it to their own key.
    ids: BTreeMap<Vec<u8>, String>,
    /// Certificates that were shown whole once.
    shown: BTreeSet<Vec<u8>>,
}

impl Material {
    /// Names what is new in a text.
    pub fn learn(&mut self, place: &str, text: &[u8]) {
        for block in pem::blocks(text) {
            if let Ok(certificate) = Certificate::from_der(&block.der) {
                let key = self.name(key_of_certificate(&block.der), "key", place);
                if let Some(id) = certificate.subject_key_id.as_deref().and_then(unhex) {
                    self.ids.entry(id).or_insert(format!("(id of the {key})"));
                }
                self.name(block.der, "certificate", place);
            } else if let Ok(request) = Request::from_der(&block.der) {
                self.name(request.key.info(), "key", place);
            } else if let Ok(key) = PrivateKey::from_pem(pem::encode(&block.label, &block.der).as_bytes()) {
                self.name(key.public().info(), "key", place);
            }
        }
    }

    fn name(&mut self, der: impl Into<Option<Vec<u8>>>, what: &str, place: &str) -> String {
        let Some(der) = der.into() else { return String::new() };
        let taken: BTreeSet<&String> = self.names.values().collect();
        let fresh = (1..).map(|number| match number {
            1 => format!("{what} of {place}"),
            _ => format!("{what} {number} of {place}"),
        });
        let fresh = fresh.into_iter().find(|name| !taken.contains(name)).expect("numbers do not end");
        self.names.entry(der).or_insert(fresh).clone()
    }

    /// A text with keys, certificates and requests by name; what is none of these stays as it is.
    pub fn shown(&mut self, text: &[u8]) -> Value {
        let Ok(words) = std::str::from_utf8(text) else {
            let word = |element: Element<'_>| secret_word(element);
            // The DER of a key.
            let key = PrivateKey::from_pem(pem::encode("PRIVATE KEY", text).as_bytes())
                .or_else(|_| PrivateKey::from_pem(pem::encode("RSA PRIVATE KEY", text).as_bytes()))
                .or_else(|_| PrivateKey::from_pem(pem::encode("EC PRIVATE KEY", text).as_bytes()));
            return match (key, whole(text)) {
                (Ok(key), Some(element)) => json!({self.key(key.public().info()): shown(element, &word)}),
                _ => format!("{} bytes", text.len()).into(),
            };
        };
        let mut parts = Vec::new();
        let mut rest = words;
        while let Some((before, block, after)) = next_block(rest) {
            if !before.is_empty() {
                parts.push(before.into());
            }
            parts.push(self.block(block));
            rest = after;
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(rest.into());
        }
        if parts.len() == 1 { parts.remove(0) } else { parts.into() }
    }

    /// A block that is written as Go writes it, by name; any other as it is.
    fn block(&mut self, text: &str) -> Value {
        let Some(block) = pem::blocks(text.as_bytes()).pop() else { return text.into() };
        if pem::encode(&block.label, &block.der) != text {
            return text.into();
        }
        if let Some(name) = self.names.get(&block.der).cloned() {
            return match (self.shown.insert(block.der.clone()), Certificate::from_der(&block.der)) {
                (true, Ok(certificate)) => json!({name: self.certificate(&block.der, &certificate)}),
                (_, _) => name.into(),
            };
        }
        if let Ok(request) = Request::from_der(&block.der) {
            let signed = request.check_signature().map_or("not by its key", |()| "by its key");
            return json!({block.label: self.request(&block.der), "signed": signed});
        }
        if let (Ok(key), Some(element)) = (PrivateKey::from_pem(text.as_bytes()), whole(&block.der)) {
            let name = self.key(key.public().info());
            return json!({format!("{}, {name}", block.label): shown(element, &secret_word)});
        }
        text.into()
    }

    fn certificate(&self, der: &[u8], certificate: &Certificate) -> Value {
        let word = |element: Element<'_>| self.word(element);
        let parts = whole(der).map(inside).unwrap_or_default();
        let [tbs, algorithm, _signature] = parts.as_slice() else { return Value::Null };
        let mut fields = inside(*tbs).into_iter();
        let mut next = || fields.next().map(|element| shown(element, &word)).unwrap_or_default();
        let (version, _serial, inner) = (next(), next(), next());
        let (issuer, _validity, subject, key) = (next(), next(), next(), next());
        let extensions = fields.flat_map(|element| elements(element.content).unwrap_or_default()).flat_map(inside);
        let extensions: Vec<_> = extensions.map(|extension| shown(extension, &word)).collect();
        let seconds = |time: Timestamp| time.as_second();
        json!({
            "version": version,
            "issuer": issuer,
            "subject": subject,
            "seconds": seconds(certificate.not_after) - seconds(certificate.not_before),
            "key": format!("{key}, {}", certificate.key.key_type),
            "extensions": extensions,
            "signature": [inner, shown(*algorithm, &word)],
        })
    }

    /// A request without its signature.
    fn request(&self, der: &[u8]) -> Value {
        let word = |element: Element<'_>| self.word(element);
        let parts = whole(der).map(inside).unwrap_or_default();
        let [info, algorithm, _signature] = parts.as_slice() else { return Value::Null };
        let parts = inside(*info).into_iter().chain([*algorithm]);
        parts.map(|element| shown(element, &word)).collect::<Vec<_>>().into()
    }

    /// Keys and their identifiers by name.
    fn word(&self, element: Element<'_>) -> Option<String> {
        let id = self.ids.get(element.content).cloned();
        let is_id = element.content.len() == 20 && elements(element.content).is_none();
        let unknown = || is_id.then(|| "(id of a key that is not here)".to_owned());
        if element.tag == der::OCTET_STRING {
            return id.or_else(unknown);
        }
        if element.tag == der::PRIMITIVE_0 {
            return id.or_else(unknown).map(|id| format!("80{id}"));
        }
        self.names.get(element.whole).map(|name| format!("({name})"))
    }

    fn key(&self, info: Option<Vec<u8>>) -> String {
        info.and_then(|info| self.names.get(&info).cloned()).unwrap_or_else(|| "unknown key".to_owned())
    }
}

/// The lengths of private keys of Ed25519 and of the NIST curves.
const KEY_LENGTHS: [usize; 3] = [32, 48, 66];

/// The form of a private key without the key: numbers and strings by their tag, those of a fixed length with it.
fn secret_word(element: Element<'_>) -> Option<String> {
    let Element { tag, content, .. } = element;
    match tag {
        der::INTEGER if content.len() > 4 => Some("02:number".to_owned()),
        der::BIT_STRING => Some(format!("03:{} bytes", content.len())),
        der::OCTET_STRING if KEY_LENGTHS.contains(&content.len()) => Some(format!("04:{} bytes", content.len())),
        _ => None,
    }
}

fn key_of_certificate(der: &[u8]) -> Option<Vec<u8>> {
    let tbs = *inside(whole(der)?).first()?;
    Some(inside(tbs).get(6)?.whole.to_vec())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2).map(|start| u8::from_str_radix(text.get(start..start + 2)?, 16).ok());
    pairs.collect()
}

/// The next PEM block of a text, with what stands before and behind it.
fn next_block(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("-----BEGIN ")?;
    let end = start + text[start..].find("-----END ")?;
    let end = text[end..].find('\n').map_or(text.len(), |line| end + line + 1);
    Some((&text[..start], &text[start..end], &text[end..]))
}

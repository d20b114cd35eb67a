//! The attributes of a volume: their defaults, and what may stand in them.

use std::collections::BTreeMap;

use super::DRIVER;
use crate::api::KeyUsage;
use crate::duration;
use crate::engine::field::{FieldError, Path};
use crate::engine::golang;
use crate::engine::shim::number::atoi;

/// Attributes, with defaults where none were given.
pub struct Attributes(BTreeMap<String, String>);

const DEFAULTS: [(&str, &str); 8] = [
    ("issuer-kind", "Issuer"),
    ("issuer-group", "cert-manager.io"),
    ("is-ca", "false"),
    ("duration", "2160h0m0s"),
    ("ca-file", "ca.crt"),
    ("certificate-file", "tls.crt"),
    ("privatekey-file", "tls.key"),
    ("key-usages", "digital signature,key encipherment"),
];

impl Attributes {
    pub fn with_defaults(given: &BTreeMap<String, String>) -> Self {
        let mut attributes = Self(given.clone());
        for (key, value) in DEFAULTS {
            attributes.default(key, value);
        }
        attributes.default("key-algorithm", "RSA");
        attributes.spell("key-algorithm", &["RSA", "ECDSA", "Ed25519"]);
        attributes.spell("key-encoding", &["PKCS1", "PKCS8"]);
        let (encoding, size) = match attributes.get("key-algorithm") {
            "RSA" => ("PKCS1", "2048"),
            "ECDSA" => ("PKCS8", "256"),
            "Ed25519" => ("PKCS8", ""),
            _ => ("", ""),
        };
        attributes.default("key-encoding", encoding);
        attributes.default("key-size", size);
        if attributes.given("pkcs12-enable").is_some() {
            attributes.default("pkcs12-filename", "keystore.p12");
        }
        attributes
    }

    /// The value of one of csi-driver's keys, empty if there is none.
    pub fn get(&self, key: &str) -> &str {
        self.given(key).unwrap_or_default()
    }

    /// What is not for csi-driver: the annotations of the request.
    pub fn foreign(&self) -> BTreeMap<String, String> {
        let is_foreign = |key: &str| {
            let group = key.split_once('/').map(|(group, _)| group);
            group.is_some_and(|group| group != DRIVER && group != "csi.storage.k8s.io")
        };
        self.0.iter().filter(|(key, _)| is_foreign(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn given(&self, key: &str) -> Option<&str> {
        self.0.get(&format!("{DRIVER}/{key}")).map(String::as_str)
    }

    fn default(&mut self, key: &str, value: &str) {
        if self.get(key).is_empty() && !value.is_empty() {
            self.0.insert(format!("{DRIVER}/{key}"), value.to_owned());
        }
    }

    /// Writes a word as it is known, in whatever case it was given.
    fn spell(&mut self, key: &str, words: &[&str]) {
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(self.get(key)));
        if let Some(word) = word {
            self.0.insert(format!("{DRIVER}/{key}"), (*word).to_owned());
        }
    }

    /// What is wrong with them, in csi-driver's order.
    pub fn errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.get("issuer-name").is_empty() {
            errors.push(FieldError::required(at("issuer-name"), "issuer-name is a required field"));
        }
        self.truth("is-ca", &mut errors);
        self.duration("duration", &mut errors);
        self.usages(&mut errors);
        for key in ["ca-file", "certificate-file", "privatekey-file", "pkcs12-filename"] {
            self.file(key, &mut errors);
        }
        self.duration("renew-before", &mut errors);
        self.truth("reuse-private-key", &mut errors);
        errors.extend(self.key());
        self.keystore(&mut errors);
        self.same_files(&mut errors);
        errors
    }

    fn truth(&self, key: &str, errors: &mut Vec<FieldError>) {
        let value = self.get(key);
        if !["", "true", "false"].contains(&value) {
            let detail = "may only accept values of \"true\" or \"false\"";
            errors.push(FieldError::invalid(at(key), value, detail));
        }
    }

    fn duration(&self, key: &str, errors: &mut Vec<FieldError>) {
        let value = self.get(key);
        if let Some(error) = duration::parse_go(value).err().filter(|_| !value.is_empty()) {
            errors.push(FieldError::invalid(at(key), value, format!("must be a valid duration string: {error}")));
        }
    }

    fn usages(&self, errors: &mut Vec<FieldError>) {
        for usage in self.get("key-usages").split(',').map(str::trim) {
            if matches!(KeyUsage::from(usage), KeyUsage::Unknown(_)) {
                errors.push(FieldError::invalid(at("key-usages"), usage, "not a valid key usage"));
            }
        }
    }

    fn file(&self, key: &str, errors: &mut Vec<FieldError>) {
        let name = self.get(key);
        for (is_wrong, detail) in [
            (name.starts_with('/'), "filename must not be an absolute path"),
            (name.starts_with(".."), "filename must not start with '..'"),
            (name.contains('/'), "filename must not include '/'"),
            (name.len() > 255, "filename must be no longer than 255 characters"),
            (name.trim() != name, "filename must not include leading or trailing spaces"),
        ] {
            if is_wrong {
                errors.push(FieldError::invalid(at(key), name, detail));
            }
        }
    }

    /// The first thing that is wrong with the key.
    fn key(&self) -> Option<FieldError> {
        let (algorithm, encoding, size) = (self.get("key-algorithm"), self.get("key-encoding"), self.get("key-size"));
        let wrong_size = |detail: String| Some(FieldError::invalid(at("key-size"), size, detail));
        let pkcs1 = |name: &str| {
            let detail = format!("pkcs1 cannot be used with {name}. use pkcs8 or pkcs12 instead");
            Some(FieldError::invalid(at("key-encoding"), encoding, detail))
        };
        match algorithm {
            "RSA" => match atoi(size) {
                Err(why) => return wrong_size(why),
                Ok(bits) if bits < 2048 => {
                    return wrong_size("key size must be at least 2048 when using the RSA key algorithm".to_owned());
                }
                Ok(bits) if bits > 8192 => {
                    return wrong_size("key size must not exceed 8192 when using the RSA key algorithm".to_owned());
                }
                Ok(_) => {}
            },
            "ECDSA" if encoding == "PKCS1" => return pkcs1("ecdsa"),
            "ECDSA" => match atoi(size) {
                Err(why) => return wrong_size(why),
                Ok(256 | 384 | 521) => {}
                Ok(_) => {
                    let sizes = ["256", "384", "521"];
                    return Some(FieldError::unsupported(at("key-size"), golang::quote(size), sizes));
                }
            },
            "Ed25519" if encoding == "PKCS1" => return pkcs1("ed25519"),
            "Ed25519" if !size.is_empty() => {
                return wrong_size("size must be empty when using Ed25519 as the key algorithm".to_owned());
            }
            "Ed25519" => {}
            other => {
                let known = ["RSA", "ECDSA", "Ed25519"];
                return Some(FieldError::unsupported(at("key-algorithm"), golang::quote(other), known));
            }
        }
        let known = ["PKCS1", "PKCS8"];
        let is_known = known.contains(&encoding);
        (!is_known).then(|| FieldError::unsupported(at("key-encoding"), golang::quote(encoding), known))
    }

    fn keystore(&self, errors: &mut Vec<FieldError>) {
        let enable = self.get("pkcs12-enable");
        for key in ["pkcs12-filename", "pkcs12-password"] {
            match self.given(key) {
                None | Some("") if !enable.is_empty() => {
                    errors.push(FieldError::required(at(key), "required attribute when PKCS12 KeyStore is enabled"));
                }
                Some(value) if enable.is_empty() => {
                    let detail =
                        format!("cannot use attribute without \"{DRIVER}/pkcs12-enable\" set to \"true\" or \"false\"");
                    errors.push(FieldError::invalid(at(key), value, detail));
                }
                Some(_) | None => {}
            }
        }
        if !["", "true", "false"].contains(&enable) {
            errors.push(FieldError::unsupported(at("pkcs12-enable"), golang::quote(enable), ["true", "false"]));
        }
    }

    fn same_files(&self, errors: &mut Vec<FieldError>) {
        let files = ["ca-file", "certificate-file", "privatekey-file", "pkcs12-filename"];
        let is_same = |key: &&str| files.iter().any(|other| other != key && self.get(other) == self.get(key));
        let mut same: Vec<_> = files
            .iter()
            .filter(|key| is_same(key))
            .flat_map(|key| {
                // Once for each file that has the name, too.
                let others = files.iter().filter(move |other| other != &key && self.get(other) == self.get(key));
                others.map(move |_| FieldError::duplicate(at(key), golang::quote(self.get(key))))
            })
            .collect();
        same.sort_by_cached_key(ToString::to_string);
        errors.extend(same);
    }
}

fn at(key: &str) -> Path {
    Path::new("volumeAttributes").child(format!("{DRIVER}/{key}"))
}

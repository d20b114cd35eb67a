//! Keystores: what cert-manager asks before it writes one (`issuing/internal/secret.go`). None is written here: see
//! [`KeystoreKey`](super::secret::KeystoreKey).

use thiserror::Error;

use crate::api::Secret;
use crate::api::certificate::{CertificateSpec, Keystore};

/// The kinds, in the order in which cert-manager writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoreKind {
    Pkcs12,
    Jks,
}

impl KeystoreKind {
    /// As in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS12",
            Self::Jks => "JKS",
        }
    }

    /// One message has a sign more.
    const fn long_word(self) -> &'static str {
        match self {
            Self::Pkcs12 => "PKCS#12",
            Self::Jks => "JKS",
        }
    }
}

/// Why there is no password, in cert-manager's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PasswordFault {
    #[error("fetching {} keystore password from Secret: secrets {name:?} not found", .kind.word())]
    NoSecret { kind: KeystoreKind, name: String },
    #[error("{} keystore password Secret contains no data for key {key:?}", .kind.word())]
    NoData { kind: KeystoreKind, key: String },
    #[error("{} literal password cannot be empty", .0.word())]
    Empty(KeystoreKind),
    #[error("either passwordSecretRef or password must be set for {} keystore", .0.long_word())]
    Neither(KeystoreKind),
}

/// The keystores that a spec asks for.
pub fn wanted(spec: &CertificateSpec) -> Vec<(KeystoreKind, &Keystore)> {
    let Some(keystores) = &spec.keystores else { return Vec::new() };
    let both = [(KeystoreKind::Pkcs12, &keystores.pkcs12), (KeystoreKind::Jks, &keystores.jks)];
    let both = both.into_iter().filter_map(|(kind, keystore)| Some((kind, keystore.as_ref()?)));
    both.filter(|(_, keystore)| keystore.create).collect()
}

/// Whether cert-manager finds a password; `secret` looks one up in the Certificate's namespace. A value that was taken
/// out of saved objects counts as there.
pub fn check_password<'s>(
    kind: KeystoreKind,
    keystore: &Keystore,
    secret: impl FnOnce(&str) -> Option<&'s Secret>,
) -> Result<(), PasswordFault> {
    let reference = &keystore.password_secret_ref;
    if !reference.name.is_empty() {
        let name = || reference.name.clone();
        let secret = secret(&reference.name).ok_or_else(|| PasswordFault::NoSecret { kind, name: name() })?;
        let has_data = secret.is_elided(&reference.key)
            || secret.bytes(&reference.key).is_some_and(|bytes| !bytes.expose().is_empty());
        return if has_data { Ok(()) } else { Err(PasswordFault::NoData { kind, key: reference.key.clone() }) };
    }
    match &keystore.password {
        Some(password) if password.expose().is_empty() => Err(PasswordFault::Empty(kind)),
        Some(_) => Ok(()),
        None => Err(PasswordFault::Neither(kind)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(keystores: &serde_json::Value) -> Vec<Result<(), String>> {
        let secret: Secret = serde_json::from_value(json!({"data": {"pw": "cHc=", "none": ""}})).unwrap();
        let spec: CertificateSpec = serde_json::from_value(json!({"keystores": keystores})).unwrap();
        let check = |(kind, keystore)| {
            let found = check_password(kind, keystore, |name| (name == "there").then_some(&secret));
            found.map_err(|fault| fault.to_string())
        };
        wanted(&spec).into_iter().map(check).collect()
    }

    #[test]
    fn a_keystore_needs_a_password() {
        let referred = |name: &str, key: &str| json!({"create": true, "passwordSecretRef": {"name": name, "key": key}});
        assert_eq!(checked(&json!({"jks": {"create": false}})), []);
        assert_eq!(
            checked(&json!({"jks": referred("there", "pw"), "pkcs12": {"create": true, "password": "x"}})),
            [Ok(()), Ok(())]
        );
        for (keystores, words) in [
            (
                json!({"jks": referred("gone", "pw")}),
                "fetching JKS keystore password from Secret: secrets \"gone\" not found",
            ),
            (
                json!({"pkcs12": referred("there", "none")}),
                "PKCS12 keystore password Secret contains no data for key \"none\"",
            ),
            (json!({"pkcs12": {"create": true, "password": ""}}), "PKCS12 literal password cannot be empty"),
            (
                json!({"pkcs12": {"create": true}}),
                "either passwordSecretRef or password must be set for PKCS#12 keystore",
            ),
        ] {
            assert_eq!(checked(&keystores), [Err(words.to_owned())]);
        }
    }
}

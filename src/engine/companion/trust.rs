//! trust-manager: which Secrets a `Bundle` lives off, and what keeps it from them (`pkg/bundle/internal/source`).

use serde::Deserialize;

use crate::api::Secret;
use crate::x509::pem;

/// A `Bundle` as far as its sources are of interest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Bundle {
    pub spec: Spec,
}

/// `spec` of a `Bundle`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Spec {
    pub sources: Vec<Source>,
}

/// One of `spec.sources`. Only Secrets come from cert-manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Source {
    pub secret: Option<SecretSource>,
}

/// A Secret by its name, and which of its keys. One by labels has no name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretSource {
    pub name: String,
    pub key: String,
    pub include_all_keys: bool,
}

/// Why a `Bundle` is not built, in trust-manager's words: the reason of its Synced condition, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("failed to get Secret {namespace}/{name}: Secret {name:?} not found")]
    NoSecret { namespace: String, name: String },
    #[error("no data found in Secret {namespace}/{name} at key {key:?}")]
    NoKey { namespace: String, name: String, key: String },
    /// What trust-manager says further depends on the text.
    #[error("invalid PEM data in Secret {namespace}/{name} at key {key:?}")]
    NoCertificates { namespace: String, name: String, key: String },
    #[error("includeAllKeys is not supported for TLS Secrets such as {namespace}/{name}")]
    AllKeys { namespace: String, name: String },
}

impl Fault {
    /// The reason of the condition.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoSecret { .. } | Self::NoKey { .. } => "SourceNotFound",
            Self::NoCertificates { .. } | Self::AllKeys { .. } => "SourceBuildError",
        }
    }

    /// What someone who goes by cert-manager's Secrets should know of it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKey { .. } => Some(
                "an issuer that does not know its root leaves ca.crt out: an ACME server never gives it, and a CA only if \
                 it has it",
            ),
            Self::AllKeys { .. } => Some("name the key ca.crt: a Secret of cert-manager's holds a private key"),
            Self::NoSecret { .. } => Some("trust-manager reads in its own trust namespace alone"),
            Self::NoCertificates { .. } => None,
        }
    }
}

/// What keeps a `Bundle` from its Secrets: the first fault, with which trust-manager stops. `secret` gives the Secret of
/// a name in the trust namespace.
pub fn check<'s>(
    bundle: &Bundle,
    trust_namespace: &str,
    secret: impl Fn(&str) -> Option<&'s Secret>,
) -> Result<(), Fault> {
    let sources = bundle.spec.sources.iter().filter_map(|source| source.secret.as_ref());
    for source in sources.filter(|source| !source.name.is_empty()) {
        let (namespace, name, key) = (trust_namespace.to_owned(), source.name.clone(), source.key.clone());
        let Some(found) = secret(&name) else { return Err(Fault::NoSecret { namespace, name }) };
        if !key.is_empty() {
            let Some(bytes) = found.bytes(&key) else { return Err(Fault::NoKey { namespace, name, key }) };
            if !pem::blocks(bytes.expose()).iter().any(|block| block.label == "CERTIFICATE") {
                return Err(Fault::NoCertificates { namespace, name, key });
            }
        } else if source.include_all_keys && found.type_ == "kubernetes.io/tls" {
            return Err(Fault::AllKeys { namespace, name });
        }
    }
    Ok(())
}

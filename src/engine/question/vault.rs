//! Questions to Vault's HTTP API.

use crate::redact::Redacted;

/// One exchange with Vault, after a login where one is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultCall {
    pub server: VaultServer,
    pub login: VaultLogin,
    pub request: VaultRequest,
}

/// How to reach Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultServer {
    /// Its address, `spec.vault.server`.
    pub url: String,
    /// The namespace of Vault Enterprise; empty for none.
    pub namespace: String,
    /// PEM certificates to trust in place of the system's, if not empty.
    pub ca_bundle: Vec<u8>,
    /// The certificate and the key for mutual TLS, PEM.
    pub identity: Option<(Vec<u8>, Redacted<Vec<u8>>)>,
}

/// How a client gets its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultLogin {
    /// It has one.
    Token(Redacted<String>),
    /// By a POST of these members.
    Post { url: String, body: Vec<(&'static str, Redacted<String>)> },
    /// By something that is in no object: the token of a ServiceAccount, the identity of a machine in AWS, a TLS
    /// connection of its own.
    Elsewhere(&'static str),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultRequest {
    /// Whether it is initialized and unsealed, once the client is let in.
    Health { url: String },
    /// To sign a CSR.
    Sign { url: String, body: Vec<(&'static str, String)> },
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultAnswer {
    /// There is no Vault in this world: nobody can say.
    Nobody,
    /// It is in order.
    Healthy,
    /// What it has signed, PEM.
    Signed { certificate: String, issuing_ca: String, ca_chain: Vec<String> },
    /// The client was not let in, in cert-manager's words.
    NoLogin(String),
    /// The request itself has failed, in the words of Vault's client.
    Failed(String),
}

//! Questions to an ACME server, in the words of RFC 8555.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::api::AcmeState;
use crate::redact::Redacted;

/// One exchange with an ACME server, signed with an account's key. Nonces, and the retries that a bad one needs, are
/// the business of whoever sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeCall {
    pub server: AcmeServer,
    pub account: AccountKey,
    pub request: AcmeRequest,
}

/// How to reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeServer {
    /// The URL of the directory (§7.1.1).
    pub directory: String,
    /// PEM certificates to trust in place of the system's, if not empty.
    pub ca_bundle: Vec<u8>,
    pub skip_tls_verify: bool,
}

/// The key of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// Its JWK thumbprint (RFC 7638): the same key, the same account.
    pub thumbprint: String,
    /// The private key, PEM.
    pub pem: Redacted<String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcmeRequest {
    /// The directory (§7.1.1), for its metadata.
    Directory,
    /// Create an account (§7.3), agreeing to the terms of service. The server gives the one that exists for the key, if
    /// there is one.
    NewAccount { contact: Vec<String>, external_account: Option<ExternalAccount> },
    /// Find the account of the key (§7.3.1).
    FindAccount,
    /// Replace the contacts of the key's account (§7.3.2).
    UpdateAccount { contact: Vec<String> },
    /// Open an order (§7.4).
    NewOrder(NewOrder),
    /// Read an order.
    GetOrder { url: String },
    /// Poll an order, as the server's Retry-After says, else each second, until it is ready, valid or invalid.
    WaitOrder { url: String },
    /// Read an authorization (§7.5).
    GetAuthorization { url: String },
    /// Poll an authorization, as the server's Retry-After says, else each second, until it is valid or invalid. After
    /// `timeout`, the answer is [`AcmeFailure::timeout`].
    WaitAuthorization { url: String, timeout: SignedDuration },
    /// Tell the server that the response to a challenge is there (§7.5.1).
    AcceptChallenge { url: String },
    /// Finalize an order with a CSR, DER (§7.4). The answer is the order as the server gives it right then.
    Finalize { url: String, csr: Vec<u8> },
    /// Download a certificate chain (§7.4.2).
    GetCertificate { url: String },
    /// The URLs of the alternate chains of a certificate (§7.4.2, `Link: …;rel="alternate"`).
    ListAlternates { url: String },
}

/// An account of another system, to be bound to the new one (§7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    pub key_id: String,
    pub mac_key: Redacted<Vec<u8>>,
}

/// The payload of newOrder (§7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub identifiers: Vec<Identifier>,
    pub not_after: Option<Timestamp>,
    /// draft-ietf-acme-profiles.
    pub profile: Option<String>,
}

/// What an order is for (§9.7.7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identifier {
    /// A domain name, maybe with `*.` in front.
    Dns(String),
    /// An IP address (RFC 8738).
    Ip(String),
}

impl Identifier {
    /// The `type` of the identifier.
    pub const fn type_(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
        }
    }

    /// The `value` of the identifier.
    pub fn value(&self) -> &str {
        match self {
            Self::Dns(value) | Self::Ip(value) => value,
        }
    }
}

/// What the server gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcmeReply {
    /// To Directory.
    Directory(AcmeDirectory),
    /// To `NewAccount`, `FindAccount` and `UpdateAccount`.
    Account(AcmeAccount),
    /// To `NewOrder`, `GetOrder`, `WaitOrder` and `Finalize`.
    Order(AcmeOrder),
    /// To `GetAuthorization` and `WaitAuthorization`.
    Authorization(AcmeAuthorization),
    /// To `AcceptChallenge`.
    Challenge(AcmeChallenge),
    /// To `GetCertificate`: DER certificates, leaf first.
    Certificate(Vec<Vec<u8>>),
    /// To `ListAlternates`.
    Alternates(Vec<String>),
}

/// As much of a directory's metadata as cert-manager uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcmeDirectory {
    /// The names of the profiles that orders may ask for.
    pub profiles: Vec<String>,
}

/// An account (§7.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeAccount {
    /// From the Location header; empty if there was none, as in the answers of Boulder and Pebble to `UpdateAccount`.
    pub url: String,
    pub contact: Vec<String>,
    /// Whether the account existed already (status 200 and not 201).
    pub existed: bool,
}

/// An order (§7.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeOrder {
    /// From the Location header, which servers need not send when an existing order is read.
    pub url: Option<String>,
    pub status: AcmeState,
    pub authorizations: Vec<String>,
    pub finalize: String,
    pub certificate: Option<String>,
    pub error: Option<Problem>,
}

/// An authorization (§7.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeAuthorization {
    /// Its status is one of the words of [`AcmeState`], or `deactivated`, `revoked`.
    pub status: AcmeState,
    /// Without `*.`.
    pub identifier: String,
    pub wildcard: bool,
    pub challenges: Vec<AcmeChallenge>,
}

/// A challenge (§7.1.5, §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeChallenge {
    pub url: String,
    /// `http-01`, `dns-01`, `tls-alpn-01` and others.
    pub type_: String,
    pub token: String,
    pub status: AcmeState,
    pub error: Option<Problem>,
}

/// A problem document (§6.7, RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The status of the response, or the `status` of a problem within another object; 0 if it has none.
    pub status: u16,
    /// `urn:ietf:params:acme:error:rateLimited` and others (§6.7).
    pub type_: String,
    pub detail: String,
    pub subproblems: Vec<Subproblem>,
    /// When the server wants to be asked again.
    pub retry_after: Option<SignedDuration>,
}

/// A problem with one identifier (§6.7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subproblem {
    pub type_: String,
    pub detail: String,
    pub identifier: Option<Identifier>,
}

/// The start of the types that RFC 8555 registers.
pub const PROBLEM_PREFIX: &str = "urn:ietf:params:acme:error:";

impl Problem {
    /// A problem of a type that RFC 8555 §6.7 registers, such as `rateLimited`.
    pub fn new(status: u16, type_: &str, detail: impl Into<String>) -> Self {
        Self { status, type_: format!("{PROBLEM_PREFIX}{type_}"), detail: detail.into(), ..Self::default() }
    }

    /// Whether it has the registered type of that name.
    pub fn is(&self, type_: &str) -> bool {
        self.type_.strip_prefix(PROBLEM_PREFIX) == Some(type_)
    }

    /// Whether the client is at fault, so that asking again would not help.
    pub const fn is_of_client(&self) -> bool {
        matches!(self.status, 400..500)
    }
}

impl fmt::Display for Problem {
    /// As cert-manager's client words it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.type_, self.detail)?;
        if !self.subproblems.is_empty() {
            f.write_str("; subproblems:")?;
        }
        self.subproblems.iter().try_for_each(|subproblem| write!(f, "\n\t{subproblem}"))
    }
}

impl fmt::Display for Subproblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.type_)?;
        if let Some(identifier) = &self.identifier {
            write!(f, "[{}: {}] ", identifier.type_(), identifier.value())?;
        }
        f.write_str(&self.detail)
    }
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcmeFailure {
    /// The server says so.
    Problem(Problem),
    /// The server was not reached, or was silent for too long, in Go's words.
    Network(String),
    /// What came was no answer to the question, in the words of cert-manager's client.
    Nonsense(String),
}

impl AcmeFailure {
    /// The end of a wait whose time is up.
    pub fn timeout() -> Self {
        Self::Network("context deadline exceeded".to_owned())
    }

    /// The problem, if the server named one.
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Network(_) | Self::Nonsense(_) => None,
        }
    }

    /// Whether the server says that the client is at fault.
    pub fn is_of_client(&self) -> bool {
        self.problem().is_some_and(Problem::is_of_client)
    }
}

impl fmt::Display for AcmeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => problem.fmt(f),
            Self::Network(words) | Self::Nonsense(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_worded_as_cert_manager_words_it() {
        let mut problem = Problem::new(403, "caa", "CAA record for example.com prevents issuance");
        let words = "403 urn:ietf:params:acme:error:caa: CAA record for example.com prevents issuance";
        assert_eq!(problem.to_string(), words);
        problem.subproblems = vec![
            Subproblem { type_: "urn:a".into(), detail: "no".into(), identifier: Some(Identifier::Dns("a.b".into())) },
            Subproblem { type_: "urn:b".into(), detail: "never".into(), identifier: None },
        ];
        let parts = "; subproblems:\n\turn:a: [dns: a.b] no\n\turn:b: never";
        assert_eq!(AcmeFailure::Problem(problem).to_string(), format!("{words}{parts}"));
    }

    #[test]
    fn a_problem_knows_its_kind() {
        let problem = Problem::new(429, "rateLimited", "too many");
        assert!(problem.is("rateLimited") && !problem.is("caa") && problem.is_of_client());
        assert!(!Problem::new(500, "serverInternal", "").is_of_client());
        assert!(!AcmeFailure::timeout().is_of_client());
    }

    #[test]
    fn no_dump_of_a_call_shows_a_key() {
        let call = AcmeCall {
            server: AcmeServer {
                directory: "https://ca.example/dir".into(),
                ca_bundle: vec![],
                skip_tls_verify: false,
            },
            account: AccountKey { thumbprint: "thumb".into(), pem: Redacted::new("hunter2".into()) },
            request: AcmeRequest::NewAccount {
                contact: vec![],
                external_account: Some(ExternalAccount { key_id: "k".into(), mac_key: Redacted::new(vec![7]) }),
            },
        };
        let dump = format!("{call:?}");
        assert!(!dump.contains("hunter2") && !dump.contains("[7]"), "{dump}");
    }
}

//! What the controllers ask the world outside of the cluster, and what it may answer.
//!
//! Plain data: whoever drives the engine asks a simulated world or a real one. The words that cert-manager makes of an
//! answer are not here but with the controller that asks.

pub mod acme;
pub mod dns;
pub mod vault;

use acme::{AcmeCall, AcmeFailure, AcmeReply};
use dns::{Dns01Change, Dns01Check, DnsFailure};
use vault::{VaultAnswer, VaultCall};

/// A question to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// To an ACME server (RFC 8555).
    Acme(AcmeCall),
    /// The controller's own look at the response of an HTTP-01 challenge.
    Http01Check(Http01Check),
    /// The controller's own look at the response of a DNS-01 challenge.
    Dns01Check(Dns01Check),
    /// To the provider of a DNS zone: write or remove the response of a DNS-01 challenge.
    Dns01Change(Dns01Change),
    /// To Vault.
    Vault(VaultCall),
}

/// The answer to a [`Question`] of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Acme(Result<AcmeReply, AcmeFailure>),
    /// The last response after redirects, or Go's words for what went wrong before there was one, such as
    /// `Get "http://www.example.com/…": dial tcp: lookup www.example.com: no such host`.
    Http01Check(Result<HttpReply, String>),
    /// Whether all servers that were asked gave the value, or the words for why they could not be asked.
    Dns01Check(Result<bool, String>),
    Dns01Change(Result<(), DnsFailure>),
    Vault(VaultAnswer),
}

/// One GET from the controller's pod (RFC 8555 §8.3; cert-manager's `pkg/issuer/acme/http/http.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http01Check {
    /// `http://` and the name that is validated, on port 80. Up to ten redirects are followed, to any scheme and host,
    /// and certificates are not verified.
    pub url: String,
    /// The key authorization that is expected (RFC 8555 §8.1).
    pub key_authorization: String,
    /// Five checks in a row must pass; this is the first, the second, and so on.
    pub pass: u8,
}

/// A response, as far as the check sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub body: Vec<u8>,
}

//! One thing to ask the network: printable, and nothing is sent by it.

use std::fmt;
use std::net::IpAddr;

use crate::redact::Redacted;

/// One probe of one target. Equal tasks are asked once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    Http01(Http01Task),
    Tls(TlsTask),
}

/// The kinds of probes: the words of `--probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Http01,
    Tls,
}

/// Fetches the path of an HTTP-01 challenge (RFC 8555 §8.3) as the CA would.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Http01Task {
    /// A DNS name, or an IP address as text.
    pub host: String,
    pub port: u16,
    /// The token of a challenge; `None` asks for one that cannot exist.
    pub token: Option<Redacted<String>>,
    /// The key authorization that the path should answer with, where a solver should answer.
    pub expected: Option<Redacted<String>>,
    /// Goes there, whatever the name resolves to.
    pub connect_to: Option<IpAddr>,
}

/// Shakes hands as a client that knows the host by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsTask {
    /// A DNS name, or an IP address as text.
    pub host: String,
    pub port: u16,
    /// Goes there, whatever the name resolves to.
    pub connect_to: Option<IpAddr>,
}

impl Kind {
    /// Every kind, in the order of the ladder.
    pub const ALL: &[Self] = &[Self::Http01, Self::Tls];

    /// The word of `--probe` and of `probe`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Http01 => "http01",
            Self::Tls => "tls",
        }
    }
}

impl Task {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Http01(_) => Kind::Http01,
            Self::Tls(_) => Kind::Tls,
        }
    }

    /// What is asked about.
    pub fn target(&self) -> &str {
        match self {
            Self::Http01(task) => &task.host,
            Self::Tls(task) => &task.host,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http01(task) => task.fmt(f),
            Self::Tls(task) => task.fmt(f),
        }
    }
}

impl fmt::Display for Http01Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, token, expected: _, connect_to } = self;
        let token = if token.is_some() { "the challenge's token" } else { "a random token" };
        let at = connect_to.map_or_else(|| "each of its addresses".to_owned(), |address| address.to_string());
        write!(f, "http01 {host}: GET the challenge path with {token} at {at}, port {port}")
    }
}

impl fmt::Display for TlsTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, connect_to } = self;
        let at = connect_to.map_or_else(|| "each of its addresses".to_owned(), |address| address.to_string());
        write!(f, "tls {host}: a TLS handshake at {at}, port {port}")
    }
}

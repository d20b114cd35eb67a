//! Who shows a real CA the responses to its challenges: servers that are there already and take what they are told.

use std::net::SocketAddr;

use serde::Deserialize;

use super::values;

/// For each type of challenge, who shows the responses. Without one nobody does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Solvers {
    pub http01: Option<HttpSolver>,
    pub dns01: Option<DnsSolver>,
}

/// Who shows the response of an HTTP-01 challenge.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpSolver {
    /// Pebble's challtestsrv, by the URL of its management interface.
    Challtestsrv(values::Url),
}

/// Who shows the response of a DNS-01 challenge.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DnsSolver {
    /// Pebble's challtestsrv, by the URL of its management interface.
    Challtestsrv(values::Url),
    /// A name server that takes updates (RFC 2136).
    Rfc2136(Rfc2136),
}

/// A name server that takes updates, with the key that they are signed with (RFC 8945).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rfc2136 {
    /// Address and port.
    pub server: SocketAddr,
    /// The zone that holds the names.
    pub zone: values::DnsName,
    /// Without a key, updates are not signed.
    #[serde(default)]
    pub key: Option<TsigKey>,
}

/// A key that is shared with a name server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TsigKey {
    pub name: values::DnsName,
    #[serde(default)]
    pub algorithm: TsigAlgorithm,
    /// In base64, as in a `key` of named.conf.
    pub secret: values::SharedKey,
}

/// The hash of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TsigAlgorithm {
    #[default]
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

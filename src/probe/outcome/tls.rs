//! What a TLS endpoint serves, address by address.

use std::net::IpAddr;
use std::time::Duration;

use super::http01::Silence;
use super::lookup::Lookup;
use crate::probe::address::Refusal;
use crate::x509::Certificate;

/// What came of one TLS probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Sent as SNI, where it is a name.
    pub host: String,
    pub port: u16,
    pub lookup: Lookup,
    /// One for each address.
    pub visits: Vec<TlsVisit>,
    /// Addresses beyond the most that are visited.
    pub left_out: usize,
}

/// One address, visited by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsVisit {
    pub address: IpAddr,
    pub end: TlsEnd,
    pub elapsed: Duration,
}

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsEnd {
    NotDialled(Refusal),
    NoHandshake(Silence),
    Served(Served),
}

/// The certificates of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// As they were sent, the leaf first; those that do not decode are left out.
    pub chain: Vec<Certificate>,
    /// How many were sent.
    pub sent: usize,
    pub trust: Trust,
}

/// Whether the chain leads to a root that this machine trusts; names and dates apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Trusted,
    /// Holds why.
    Untrusted(String),
    /// There are no roots to go by.
    NotChecked,
}

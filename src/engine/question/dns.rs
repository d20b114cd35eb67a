//! Questions about the response of a DNS-01 challenge (RFC 8555 §8.4).

use crate::api::solver::Dns01Solver;

/// Whether the TXT record is there (cert-manager's `pkg/issuer/acme/dns/util/wait.go`). CNAMEs are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns01Check {
    /// `_acme-challenge.www.example.com.`
    pub fqdn: String,
    /// The digest of the key authorization that a record must hold.
    pub value: String,
    /// Whether every authoritative server of the zone must have it, or only the resolvers
    /// (`--dns01-recursive-nameservers-only`).
    pub authoritative: bool,
}

/// A change of the TXT record that a solver's provider makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns01Change {
    pub verb: DnsVerb,
    /// The name that is validated.
    pub domain: String,
    /// `_acme-challenge.www.example.com.`; with `cnameStrategy: Follow` the record goes to the end of its CNAMEs.
    pub fqdn: String,
    pub value: String,
    /// The provider and how to reach it.
    pub solver: Box<Dns01Solver>,
    /// Where the Secrets with the provider's credentials are. The controller has found them there.
    pub resource_namespace: String,
}

/// What to do with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsVerb {
    Present,
    CleanUp,
}

/// Why a provider did not do it, in the words of cert-manager's provider code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsFailure {
    pub message: String,
    /// The part of the message that another try words differently, because it holds the id of a request.
    pub unstable: Option<Unstable>,
}

/// Words of a provider's library that hold something new each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unstable {
    pub library: Library,
    pub part: String,
}

/// Errors of providers' libraries that cert-manager knows to be unstable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    AwsResponse,
    AzureAuthentication,
    AzureResponse,
    DigitalOcean,
}

impl From<&str> for DnsFailure {
    fn from(message: &str) -> Self {
        Self { message: message.to_owned(), unstable: None }
    }
}

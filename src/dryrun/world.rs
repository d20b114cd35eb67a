//! The world around the cluster, as a file describes it: DNS, HTTP, Ingress classes, Gateways, approvers, CAs, and how
//! cert-manager was started.
//!
//! What a file does not mention answers well. `docs/world.md` tells people of it, `docs/schema/world.v1.json` programs.

mod controller;
mod read;
mod solvers;
pub mod values;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use controller::Controller;
pub use read::{WorldFault, read};
pub use solvers::{DnsSolver, HttpSolver, Rfc2136, Solvers, TsigAlgorithm, TsigKey};
pub use values::{Names, Span, When};

/// A world file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// `cert.kubectl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub version: values::Version,
    pub kind: values::Kind,
    #[serde(default)]
    pub dns: Dns,
    /// The longest `url` that fits a request counts.
    #[serde(default)]
    pub http: Vec<HttpAnswer>,
    /// The classes that an Ingress controller serves. `None`: every class, or those whose objects there are.
    #[serde(default)]
    pub ingress_classes: Option<Vec<Class>>,
    /// The Gateways that a controller serves. `None`: every Gateway.
    #[serde(default)]
    pub gateways: Option<Vec<GatewayName>>,
    /// Who decides on requests. `None`: cert-manager's own approver.
    #[serde(default)]
    pub approval: Option<Approval>,
    #[serde(default)]
    pub cas: Vec<CaEntry>,
    #[serde(default)]
    pub controller: Controller,
    /// Who shows a real CA the responses to its challenges.
    #[serde(default)]
    pub solvers: Solvers,
}

/// Names and what is found under them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dns {
    /// How long a TXT record that a solver has written takes to be seen.
    pub propagation: Span,
    pub records: Vec<Record>,
}

/// What is answered for a name and type, whatever was written there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    pub name: values::DnsName,
    #[serde(rename = "type")]
    pub type_: RecordType,
    /// Empty: there is no such record.
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub error: Option<DnsError>,
    #[serde(default)]
    pub seen_by: SeenBy,
    #[serde(default)]
    pub from: Option<When>,
    #[serde(default)]
    pub to: Option<When>,
}

/// Types of records that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Cname,
    Txt,
    Caa,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DnsError {
    /// There is no such name.
    Nxdomain,
    Servfail,
    Refused,
    Timeout,
}

/// From where a thing looks as it is described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SeenBy {
    #[default]
    All,
    /// cert-manager's own checks.
    Cluster,
    Ca,
}

/// What a web server answers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpAnswer {
    /// With `/` at its end it stands for everything below.
    pub url: values::Url,
    #[serde(default)]
    pub status: Option<values::Status>,
    /// Where to; `{path}` is the path that was asked for.
    #[serde(default)]
    pub redirect: Option<String>,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub error: Option<HttpError>,
    #[serde(default)]
    pub seen_by: SeenBy,
    #[serde(default)]
    pub from: Option<When>,
    #[serde(default)]
    pub to: Option<When>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpError {
    /// Nobody listens.
    Refused,
    /// Nothing comes back, as behind a firewall.
    Timeout,
    /// The connection is cut.
    Reset,
    /// The TLS handshake fails.
    Tls,
}

/// An Ingress class that a controller serves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Class {
    pub name: values::ObjectName,
    /// Whether it serves Ingresses without a class.
    #[serde(default)]
    pub default: bool,
}

/// A Gateway that a controller serves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayName {
    pub namespace: values::ObjectName,
    pub name: values::ObjectName,
}

/// An approver in place of cert-manager's own, such as approver-policy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// The first rule that fits a request decides.
    #[serde(default)]
    pub rules: Vec<ApprovalRule>,
    /// What becomes of the others.
    #[serde(default)]
    pub otherwise: Decision,
}

/// One rule of an approver. What it does not name may be anything.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalRule {
    #[serde(default)]
    pub namespaces: Vec<String>,
    #[serde(default)]
    pub issuers: Vec<String>,
    /// Every name of the request is one of these, with `*` for any text.
    #[serde(default)]
    pub names: Option<Names>,
    pub decision: Decision,
    #[serde(default)]
    pub message: String,
    /// How long the approver takes.
    #[serde(default)]
    pub after: Span,
}

/// What an approver does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    Approve,
    Deny,
    /// Nobody ever decides.
    #[default]
    Wait,
}

/// How one ACME server behaves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaEntry {
    /// The URL of the directory; `*` for all that have no entry.
    pub server: values::Server,
    /// Domains that CAA records may name.
    #[serde(default)]
    pub caa_identities: Option<Vec<String>>,
    /// Profiles by name, and how long their certificates live.
    #[serde(default)]
    pub profiles: Option<BTreeMap<String, Span>>,
    /// How long certificates live, where no profile says so.
    #[serde(default)]
    pub lifetime: Option<Span>,
    /// The common names of the roots of its chains, the default one first.
    #[serde(default)]
    pub roots: Option<Vec<String>>,
    /// Not empty: accounts need one of these.
    #[serde(default)]
    pub external_accounts: Vec<ExternalAccountEntry>,
    #[serde(default)]
    pub refused: Vec<RefusedNames>,
    #[serde(default)]
    pub rate_limits: Vec<UsedUp>,
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// How long the CA takes to validate a challenge.
    #[serde(default)]
    pub validation_takes: Option<Span>,
    /// How long the CA takes to sign.
    #[serde(default)]
    pub issuance_takes: Option<Span>,
}

/// A key that binds an account to another one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalAccountEntry {
    pub key_id: String,
    /// base64url, without padding.
    pub mac_key: values::MacKey,
}

/// Identifiers that the CA does not issue for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefusedNames {
    pub names: Names,
    /// The CA's words; without them those of a policy.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A rate limit that is used up.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsedUp {
    pub limit: Limit,
    /// The registered domain, or the names, that it is about. Limits of an account have none.
    #[serde(default)]
    pub names: Option<Names>,
    /// Until when nothing more is let through.
    pub until: When,
}

/// Rate limits of Let's Encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    CertificatesPerDomain,
    CertificatesPerExactSet,
    FailedAuthorizations,
    NewOrders,
    NewAccounts,
}

/// A time in which the CA does not work.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outage {
    pub from: When,
    pub to: When,
    /// Whether it cannot be reached at all. Otherwise it answers with 503.
    #[serde(default)]
    pub unreachable: bool,
}

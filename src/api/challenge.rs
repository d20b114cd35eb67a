//! `acme.cert-manager.io/v1` Challenge.
//!
//! Mirrors cert-manager's `pkg/apis/acme/v1/types_challenge.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::issuer_ref::IssuerRef;
use super::order::AcmeState;
use super::solver::AcmeSolver;
use super::wire::{omit, wire};
use super::word::word;

wire! {
    /// One ACME challenge (RFC 8555 §8) being solved.
    pub struct Challenge {
        pub metadata: ObjectMeta,
        pub spec: ChallengeSpec,
        pub status: ChallengeStatus,
    }

    /// `Challenge.spec`; immutable.
    pub struct ChallengeSpec {
        pub url: String,
        #[serde(rename = "authorizationURL")]
        pub authorization_url: String,
        /// The identifier, without `*.`.
        pub dns_name: String,
        pub wildcard: bool,
        #[serde(rename = "type")]
        pub type_: ChallengeType,
        pub token: String,
        /// The key authorization for HTTP-01, its digest for DNS-01.
        pub key: String,
        /// A copy of the issuer's solver, overrides applied.
        pub solver: AcmeSolver,
        pub issuer_ref: IssuerRef,
    }

    /// `Challenge.status`. It has no conditions.
    pub struct ChallengeStatus {
        /// Whether it holds one of the controller's slots.
        pub processing: bool,
        pub presented: bool,
        #[serde(skip_serializing_if = "omit")]
        pub presented_at: Option<Time>,
        #[serde(skip_serializing_if = "omit")]
        pub reason: String,
        #[serde(skip_serializing_if = "omit")]
        pub state: Option<AcmeState>,
    }
}

word! {
    /// `Challenge.spec.type`.
    pub enum ChallengeType {
        Http01 = "HTTP-01",
        Dns01 = "DNS-01",
    }
}

impl ChallengeStatus {
    /// Whether the solver's `waitInsteadOfSelfCheck` is running. cert-manager leaves the words when the time is up.
    pub fn waits_instead_of_self_check(&self) -> bool {
        self.reason.starts_with("Waiting ") && self.reason.contains("without self-check")
    }

    /// Whether the controller's own check of the response has not passed yet. `reason` is the only place that
    /// tells (`pkg/controller/acmechallenges/sync.go`).
    pub fn is_waiting_for_self_check(&self) -> bool {
        self.reason.starts_with("Waiting for") && self.reason.contains("challenge propagation")
    }
}

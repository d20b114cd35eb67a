//! The objects as the API server and saved YAML hold them, one file per kind.
//!
//! Serde and look-ups only: nothing here judges, defaults or fetches. Unknown fields are dropped, unknown words kept,
//! `null` is read as absence, as Go reads it.
//! The field order and the omissions of what is written out are those of cert-manager's Go types, because
//! cert-manager derives object names from that very text.

pub mod annotation;
pub mod certificate;
pub mod challenge;
pub mod condition;
pub mod gateway;
pub mod issuer;
pub mod issuer_ref;
pub mod json;
pub mod object;
pub mod order;
pub mod pod_template;
pub mod request;
pub mod secret;
mod secret_refs;
pub mod solver;
pub mod version;
mod wire;
mod word;

pub use certificate::{
    Certificate, CertificateCondition, CertificateConditionType, CertificateReason, CertificateSpec, CertificateStatus,
    KeyAlgorithm, KeyEncoding, KeyUsage, RenewalPolicy, RotationPolicy,
};
pub use challenge::{Challenge, ChallengeSpec, ChallengeStatus, ChallengeType};
pub use condition::{Condition, ConditionStatus};
pub use gateway::{Gateway, HttpRoute, ListenerSet};
pub use issuer::{
    AcmeIssuer, ClusterIssuer, ExternalIssuer, Issuer, IssuerCondition, IssuerConditionType, IssuerReason, IssuerSpec,
    IssuerStatus,
};
pub use issuer_ref::{IssuerRef, SecretKeyRef};
pub use object::Object;
pub use order::{AcmeState, Authorization, Order, OrderSpec, OrderStatus};
pub use request::{
    CertificateRequest, CertificateRequestCondition, CertificateRequestSpec, CertificateRequestStatus,
    RequestConditionType, RequestReason,
};
pub use secret::{Secret, SecretValue, withheld};
pub use solver::{AcmeSolver, CnameStrategy, Selector};
pub use wire::{Base64Text, GoDuration};

#[cfg(test)]
mod tests;

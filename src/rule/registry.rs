//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::{Rule, caa, http01, progress};

/// Every rule. The order decides between findings that are otherwise equal.
pub static REGISTRY: &[&Rule] = &[
    // Controller

    // Issuer

    // Caa
    &caa::FORBIDS,
    &caa::LOOKUP_FAILS,

    // Http01
    &http01::solver::POD_NOT_RUNNING,
    &http01::ingress::PATH_TYPE_REFUSED,
    &http01::ingress::INGRESS_MISSING,
    &http01::class::CLASS_CONFLICT,
    &http01::class::WRONG_CLASS,
    &http01::gateway::GATEWAY_SOLVER,
    &http01::name::SECONDARY_VALIDATION,
    &http01::name::IPV6,
    &http01::name::DNS,
    &http01::connection::CANNOT_REACH,
    &http01::connection::CA_CANNOT_CONNECT,
    &http01::connection::REDIRECT,
    &http01::answer::NOT_FOUND,
    &http01::answer::REFUSED,
    &http01::answer::UNAVAILABLE,
    &http01::answer::WRONG_BODY,

    // Dns01

    // Scheduling

    // Order

    // Request

    // Secret

    // Certificate
    &progress::CERTIFICATE_EXPIRED,
    &progress::ISSUANCE_FAILED,
    &progress::ISSUANCE_STALLED,
];

/// The rule with this id or former id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    REGISTRY.iter().copied().find(|rule| rule.id == id || rule.aliases.contains(&id))
}

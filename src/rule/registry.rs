//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::{Rule, http01, progress};

/// Every rule. The order decides between findings that are otherwise equal.
pub static REGISTRY: &[&Rule] = &[
    // Controller

    // Issuer

    // Caa

    // Http01
    &http01::NOT_FOUND,
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

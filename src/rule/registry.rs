//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::{Rule, dns01, http01, progress};

/// Every rule. The order decides between findings that are otherwise equal.
pub static REGISTRY: &[&Rule] = &[
    // Controller

    // Issuer

    // Caa

    // Http01
    &http01::NOT_FOUND,
    // Dns01
    &dns01::CREDENTIALS_MISSING,
    &dns01::WEBHOOK_SOLVER_RBAC,
    &dns01::WEBHOOK_SOLVER_UNAVAILABLE,
    &dns01::CLOUDFLARE,
    &dns01::ROUTE53,
    &dns01::AZURE,
    &dns01::GOOGLE,
    &dns01::RFC2136_AND_OTHERS,
    &dns01::PRESENT_FAILED,
    &dns01::CNAME_DELEGATION,
    &dns01::ZONE_SEARCH_FAILED,
    &dns01::PORT_53_BLOCKED,
    &dns01::SPLIT_HORIZON,
    &dns01::DNSSEC_OR_NS_BROKEN,
    &dns01::STALE_TXT_RECORDS,
    &dns01::NOT_PROPAGATED,
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

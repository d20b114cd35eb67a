//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::{Rule, http01, order, progress, request, scheduling, signer};

/// Every rule. The order decides between findings that are otherwise equal.
pub static REGISTRY: &[&Rule] = &[
    // Controller

    // Issuer

    // Caa

    // Http01
    &http01::NOT_FOUND,
    // Dns01

    // Scheduling
    &scheduling::SAME_NAME_ELSEWHERE,
    &scheduling::QUEUE_FULL,
    &scheduling::STUCK_DELETING,
    &scheduling::NETWORK_BLIP,
    &scheduling::AUTHORIZATION_EXPIRED,
    // Order
    &order::RATE_LIMITED,
    &order::ZEROSSL_429,
    &order::IDENTIFIER_REJECTED,
    &order::TOO_MANY_NAMES,
    &order::PROFILE_REFUSED,
    &order::FINALIZE_BAD_CSR,
    &order::NO_SOLVER,
    &order::GONE_AT_CA,
    &order::WITHOUT_STATE,
    &order::INVALID_EMPTY_REASON,
    // Request
    &request::GROUP_MISSING,
    &request::MAY_NOT_APPROVE,
    &request::NEVER_APPROVED,
    &request::DENIED,
    &request::MARKED_INVALID,
    &request::CONTROLLER_DOWN,
    &request::GRABBED,
    &signer::CA_SECRET_EQUALS_LEAF,
    &signer::VAULT_ISSUE_ENDPOINT,
    &signer::VAULT_WRONG_PATH,
    &signer::VAULT_ROLE_REFUSES,
    &signer::VENAFI_REQUEST,
    &request::OLD_FAILED_BLOCKS,
    &request::SEVERAL_REQUESTS,
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

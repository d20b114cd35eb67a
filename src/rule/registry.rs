//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::controller::{down, twice, webhook};
use super::issuer::{account, binding, ca, credentials, key, reference, self_signed, staging, status, vault, venafi};
use super::{Rule, http01, progress};

/// Every rule. The order decides between findings that are otherwise equal.
pub static REGISTRY: &[&Rule] = &[
    // Controller
    &down::CONTROLLER_OOM,
    &down::CONTROLLER_DOWN,
    &webhook::NO_ENDPOINTS,
    &twice::TWO_CERT_MANAGERS,
    &down::CAINJECTOR_CRASHING,
    &webhook::SINGLE_REPLICA,

    // Issuer
    &reference::IN_OTHER_NAMESPACE,
    &reference::NOT_FOUND,
    &status::NO_STATUS,
    &credentials::SECRET_IN_WRONG_NAMESPACE,
    &credentials::INVALID_SOLVER_SECRET,
    &account::OLD_OR_WRONG_SERVER,
    &account::PRIVATE_SERVER_TLS,
    &account::EMAIL_FORBIDDEN,
    &binding::BINDING_WRONG,
    &key::NOT_RSA,
    &key::LOST_OR_SHARED,
    &account::REGISTRATION_FAILED,
    &ca::SECRET_MISSING,
    &ca::NOT_A_CA,
    &self_signed::MISSING_ANNOTATION,
    &vault::UNREACHABLE_OR_SEALED,
    &vault::AUTH,
    &venafi::SETUP,
    &status::NOT_READY,
    &status::RENEWAL_WILL_FIND_NOT_READY,
    &staging::STAGING_SERVED,

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

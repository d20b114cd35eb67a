//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::certificate::{csr, key, keystore, lifetime, names, pace, renewal, sharing};
use super::secret::{consumer, content, origin, trust, writer};
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
    &writer::SECRET_OVERWRITTEN_BY_CONTROLLER,
    &content::SECRET_EMPTY_IN_GIT,
    &content::SECRET_WRONG_TYPE_OR_IMMUTABLE,
    &origin::TEMPORARY_CERTIFICATE_STAYS,
    &content::SECRET_KEY_MISMATCH,
    &content::SECRET_MISSING_DATA,
    &origin::SECRET_ISSUER_MISMATCH,
    &origin::SECRET_SPEC_DRIFT,
    &trust::CHAIN_INCOMPLETE_OR_CA_CRT_MISUSED,
    &consumer::CONSUMER_DID_NOT_RELOAD,
    &writer::SECRET_GONE_WITH_CERTIFICATE,

    // Certificate
    &names::COMMON_NAME_NOT_IN_DNS_NAMES,
    &csr::CERTIFICATE_INVALID_CSR,
    &key::KEY_POLICY_NEEDS_USER,
    &keystore::KEYSTORE_PASSWORD_MISSING,
    &sharing::TWO_CERTIFICATES_ONE_SECRET,
    &renewal::RENEWAL_WINDOW_ERROR,
    &renewal::RENEWAL_DISABLED,
    &lifetime::RENEWBEFORE_CLOSE_TO_REAL_LIFETIME,
    &key::USAGES_REFUSED_OR_DROPPED,
    &renewal::EXPIRED_BUT_READY,
    &names::HOST_NOT_IN_CERTIFICATE,
    &pace::REISSUED_CONSTANTLY,
    &sharing::DUPLICATE_CERTIFICATE_IN_MANY_NAMESPACES,
    &lifetime::DURATION_IGNORED_BY_ACME,
    &key::ROTATION_POLICY_SURPRISE,
    &progress::CERTIFICATE_EXPIRED,
    &progress::ISSUANCE_FAILED,
    &progress::ISSUANCE_STALLED,
    &renewal::RENEWAL_FAILING_SILENTLY,
    &renewal::RENEWAL_BLOCKED_BY_BACKOFF,
];

/// The rule with this id or former id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    REGISTRY.iter().copied().find(|rule| rule.id == id || rule.aliases.contains(&id))
}

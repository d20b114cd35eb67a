//! Every rule there is, in the order of the docs: deepest family first.
//!
//! The list, `explain`, the docs' index, completion and JSON all read this one.

use super::certificate::{csr, key, keystore, lifetime, names, pace, renewal, sharing};
use super::secret::{consumer, content, origin, trust, writer};
use super::{Rule, caa, dns01, http01, order, progress, request, scheduling, signer};

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
    &renewal::RENEWAL_FAILING_SILENTLY,
    &renewal::RENEWAL_BLOCKED_BY_BACKOFF,
    &names::HOST_NOT_IN_CERTIFICATE,
    &pace::REISSUED_CONSTANTLY,
    &sharing::DUPLICATE_CERTIFICATE_IN_MANY_NAMESPACES,
    &lifetime::DURATION_IGNORED_BY_ACME,
    &key::ROTATION_POLICY_SURPRISE,
    &progress::CERTIFICATE_EXPIRED,
    &progress::ISSUANCE_FAILED,
    &progress::ISSUANCE_STALLED,
];

/// The rule with this id or former id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    REGISTRY.iter().copied().find(|rule| rule.id == id || rule.aliases.contains(&id))
}

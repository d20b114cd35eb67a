//! ACME orders (RFC 8555 §7.4): refused, forgotten by the CA, or left without a word.

mod clocks;
mod limited;
pub mod rate_limit;
mod refused;
mod solver;

pub use limited::{RATE_LIMITED, ZEROSSL_429};
pub use refused::{FINALIZE_BAD_CSR, IDENTIFIER_REJECTED, PROFILE_REFUSED, TOO_MANY_NAMES};
pub use solver::NO_SOLVER;

use super::progress::renew;
use super::request::failure::{self, Failure};
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, ca_refusal};
use crate::api::{AcmeIssuer, AcmeState, Object};
use crate::chain::{ChallengeNode, IssuerView, OrderNode};
use crate::duration::human;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};

/// How long an Order may stay without a state: newOrder is one request.
const GRACE_SECONDS: i64 = 120;

/// How long Let's Encrypt keeps an unfinished order.
const ORDER_LIFETIME_DAYS: i64 = 7;

pub static GONE_AT_CA: Rule = Rule {
    id: "order-gone-at-ca",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "the CA no longer knows the order",
    doc: include_str!("../../docs/rules/order-gone-at-ca.md"),
    needs: &[Kind::Order, Kind::ClusterIssuer, Kind::Issuer],
    explains: &[],
    judge: gone_at_ca,
};

fn gone_at_ca(facts: &Facts) -> Judgement {
    let failure = failure::of_order(facts).ok_or(Withheld::NotApplicable)?;
    let unknown = failure.says_any(&["no order for id", "order not found"]);
    let about_order = failure.says_any(&["failed to retrieve order", "failed to fetch authorization"]);
    if !(unknown || about_order && failure.says_any(&[": 404 "])) {
        return Ok(vec![]);
    }
    let (why, evidence) = why_gone(facts);
    let mut finding = GONE_AT_CA
        .on(failure.object.clone())
        .says(format!("the CA answers 404 to {}: {why}", order_words(facts, &failure)))
        .evidence(failure.witness.clone(), &failure.words);
    if let Some((witness, text)) = evidence {
        finding = finding.evidence(witness, text);
    }
    Ok(vec![with_new_order(finding, facts)])
}

/// What the objects tell of why the CA has forgotten an order.
fn why_gone(facts: &Facts) -> (String, Option<(Witness, String)>) {
    let unknown = "it has expired there, or another ACME account opened it".to_owned();
    let Ok(OrderNode { order, .. }) = facts.order() else { return (unknown, None) };
    let evidence = |witness, text| Some((witness, text));
    if let (Some(acme), Some(theirs)) = (acme(facts), host(&order.status.url))
        && host(&acme.server).is_some_and(|ours| ours != theirs)
    {
        let why = format!("it was opened at {theirs}, and the issuer's server is {} now", acme.server);
        return (why, evidence(Witness::Status(Kind::Order, "url"), order.status.url.clone()));
    }
    match order.created().filter(|created| facts.since(*created).as_hours() >= ORDER_LIFETIME_DAYS * 24) {
        Some(created) => {
            let why =
                format!("it is {} old, and CAs drop unfinished orders after about 7 days", human(facts.since(created)));
            (why, evidence(Witness::Metadata(Kind::Order), format!("created {created}")))
        }
        None => (unknown, None),
    }
}

pub static WITHOUT_STATE: Rule = Rule {
    id: "order-without-state",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the Order was never opened at the CA and says nothing",
    doc: include_str!("../../docs/rules/order-without-state.md"),
    needs: &[Kind::Order, Kind::ClusterIssuer, Kind::Issuer, Kind::Deployment],
    explains: &["issuance-stalled"],
    judge: without_state,
};

fn without_state(facts: &Facts) -> Judgement {
    let order = facts.order()?.order;
    let status = &order.status;
    let mute = status.state.is_none() && status.url.is_empty() && status.reason.is_empty();
    if !mute || !facts.is_older_than(order.created(), GRACE_SECONDS) {
        return Ok(vec![]);
    }
    let age = order.created().map_or_else(|| "a while".to_owned(), |created| human(facts.since(created)));
    let issuer = match facts.chain.issuer.seen() {
        Some(IssuerView::Builtin { objref, status, .. }) => Some((objref, status.ready())),
        Some(IssuerView::External(_)) | None => None,
    };
    let ready = issuer.as_ref().and_then(|(_, ready)| *ready);
    let (why, evidence) = match (&issuer, ready) {
        (Some((objref, _)), Some(ready)) if ready.is_true() => (
            format!("{objref} is ready, so the controller does not run, or newOrder at the CA fails again and again"),
            None,
        ),
        (Some((objref, _)), Some(ready)) => (format!("{objref} is not ready"), Some(ready.message.clone())),
        (Some((objref, _)), None) => (format!("{objref} has no status: the controller may not run"), None),
        (None, _) => {
            ("the issuer's account is not ready, newOrder at the CA fails, or the controller does not run".into(), None)
        }
    };
    let mut finding = WITHOUT_STATE
        .on(order.objref())
        .says(format!("{} has no state after {age}: {why}", order.objref()))
        .evidence(Witness::Status(Kind::Order, "state"), "(none, and no url: newOrder has not succeeded)");
    if let (Some(words), Some((objref, _))) = (evidence, issuer) {
        finding = finding.evidence(Witness::Condition(objref.kind, "Ready"), words);
    }
    Ok(vec![finding.fix(controller_log(facts, order.name()))])
}

pub static INVALID_EMPTY_REASON: Rule = Rule {
    id: "order-invalid-empty-reason",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the Order is invalid and does not say why: the reason is on its Challenge",
    doc: include_str!("../../docs/rules/order-invalid-empty-reason.md"),
    needs: &[Kind::Order, Kind::Challenge, Kind::Event],
    explains: &["issuance-failed", "issuance-stalled"],
    judge: invalid_empty_reason,
};

fn invalid_empty_reason(facts: &Facts) -> Judgement {
    let node = facts.order()?;
    let order = node.order;
    let left_over = failure::is_left_over(facts, facts.request()?.request);
    if left_over || order.status.state != Some(AcmeState::Invalid) || !order.status.reason.is_empty() {
        return Ok(vec![]);
    }
    let failed: Vec<_> = node.challenges.iter().filter(|node| has_failed(node)).collect();
    let names: Vec<_> = failed.iter().map(|node| node.challenge.spec.dns_name.as_str()).collect();
    let summary = if names.is_empty() {
        format!("{} is invalid, and the Challenge that knew why is gone", order.objref())
    } else {
        format!("the CA could not validate {}: see the words on the Challenge", names.join(", "))
    };
    let mut finding = INVALID_EMPTY_REASON
        .on(order.objref())
        .says(summary)
        .evidence(Witness::Status(Kind::Order, "state"), "invalid, with an empty reason");
    for node in &failed {
        finding = ca_refusal::words_of(facts, node.challenge).quote(finding);
    }
    let page = Fix::command(
        "read what the CA found: the authorization keeps its answer for a while",
        authorization_url(order).map_or_else(
            || format!("kubectl describe {}{}", order.objref().kubectl_name(), order.objref().namespace_flag()),
            |url| format!("curl -s {url}"),
        ),
    );
    Ok(vec![with_renewal(finding.fix(page), facts)])
}

/// The first authorization that was not valid from the start. Most CAs show it without a login.
fn authorization_url(order: &crate::api::Order) -> Option<&str> {
    let open = order.status.authorizations.iter().find(|auth| auth.initial_state != Some(AcmeState::Valid))?;
    (!open.url.is_empty()).then_some(open.url.as_str())
}

fn has_failed(node: &ChallengeNode) -> bool {
    node.challenge.status.state.as_ref().is_some_and(AcmeState::is_failure)
}

/// The ACME part of the issuer, when it was seen and is one.
fn acme<'i>(facts: &Facts<'i>) -> Option<&'i AcmeIssuer> {
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { spec, .. } => spec.acme.as_ref(),
        IssuerView::External(_) => None,
    }
}

/// The issuer as an object.
fn issuer_ref(facts: &Facts) -> Option<ObjRef> {
    let namespace = facts.chain.subject.namespace.as_deref().unwrap_or_default();
    facts.chain.issuer_ref?.objref(namespace)
}

/// The host of a URL, in lower case and without the port.
fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// The CA's host: that of the order, else that of the issuer's directory.
fn ca_host(facts: &Facts) -> Option<String> {
    let order = facts.order().ok().and_then(|node| host(&node.order.status.url));
    order.or_else(|| acme(facts).and_then(|acme| host(&acme.server)))
}

/// The Order by name, even where only the request tells of it.
fn order_words(facts: &Facts, failure: &Failure) -> String {
    facts.order().map_or_else(|_| format!("the order of {}", failure.object), |node| node.order.objref().to_string())
}

/// The fix that starts a new issuance, for findings about a Certificate's chain.
fn with_renewal(finding: Finding, facts: &Facts) -> Finding {
    match facts.certificate() {
        Ok(certificate) => finding.fix(renew(&certificate.objref())),
        Err(_) => finding,
    }
}

/// The fix that opens a new order at once: a failed issuance is renewed; a request that still waits is deleted, and
/// the Certificate makes it again.
fn with_new_order(finding: Finding, facts: &Facts) -> Finding {
    match facts.request() {
        Ok(node) if facts.is_issuing() => {
            let request = node.request.objref();
            finding.fix(Fix::command(
                "delete the request: cert-manager makes it again, with a new order",
                format!("kubectl delete certificaterequest {}{}", request.name, request.namespace_flag()),
            ))
        }
        Ok(_) | Err(_) => with_renewal(finding, facts),
    }
}

/// Where the controller tells what it writes into no object.
fn controller_log(facts: &Facts, word: &str) -> Fix {
    let installation = facts.installation();
    let place = installation.of_component(Component::Controller).next().map_or_else(
        || "deploy/cert-manager -n cert-manager".to_owned(),
        |workload| format!("deploy/{}{}", workload.deployment.name(), workload.deployment.objref().namespace_flag()),
    );
    Fix::command(
        "read the controller's log: such errors stand nowhere else",
        format!("kubectl logs {place} | grep {word}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    /// A failed issuance whose Order errored with these words, backing off.
    pub fn errored(words: &str) -> Specimen {
        Specimen::rejected().broken(|objects| {
            objects.certificate().spec.dns_names = vec!["web.example.com".into()];
            objects.challenges.clear();
            objects.order().status.state = Some(AcmeState::Errored);
            objects.order().status.reason = words.into();
        })
    }

    #[test]
    fn an_order_that_the_ca_forgot_is_named_with_the_reason() {
        const WORDS: &str =
            "Failed to retrieve Order resource: 404 urn:ietf:params:acme:error:malformed: No order for ID 7";
        let lost = errored(WORDS);
        assert_eq!(lost.root(), Some("order-gone-at-ca"));
        assert!(lost.judge().headline.contains("expired there, or another"), "{}", lost.judge().headline);
        let old = errored(WORDS).later(8 * 24 * 60);
        assert!(old.judge().headline.contains("8d old"), "{}", old.judge().headline);
        let moved = errored(WORDS).broken(|objects| {
            objects.order().status.url = "https://acme-staging-v02.api.letsencrypt.org/acme/order/1/2".into();
        });
        assert!(moved.judge().headline.contains("opened at acme-staging-v02"), "{}", moved.judge().headline);
        let other = errored("Failed to create Order: 404 page not found");
        assert!(!other.ids().contains(&"order-gone-at-ca"));
    }

    #[test]
    fn a_mute_order_is_told_after_the_grace_time_with_the_issuers_state() {
        let mute = || {
            Specimen::http01().broken(|objects| {
                objects.challenges.clear();
                objects.order().status = crate::api::OrderStatus::default();
            })
        };
        assert_eq!(mute().ids(), Vec::<&str>::new());
        let stuck = mute().later(5);
        assert_eq!(stuck.root(), Some("order-without-state"));
        assert!(stuck.judge().headline.contains("is ready, so"), "{}", stuck.judge().headline);
        let unready = mute().later(5).broken(|objects| {
            objects.cluster_issuer().status.conditions[0].status = crate::api::ConditionStatus::False;
        });
        assert!(unready.ids().contains(&"order-without-state"));
        assert!(!Specimen::http01().later(5).ids().contains(&"order-without-state"));
    }

    #[test]
    fn an_invalid_order_points_at_the_challenge() {
        let rejected = Specimen::rejected();
        assert!(rejected.ids().contains(&"order-invalid-empty-reason"));
        let spoken = Specimen::rejected().broken(|objects| objects.order().status.reason = "a reason".into());
        assert!(!spoken.ids().contains(&"order-invalid-empty-reason"));
        let gone = Specimen::rejected().broken(|objects| objects.challenges.clear());
        assert_eq!(gone.root(), Some("order-invalid-empty-reason"));
        assert!(gone.judge().headline.contains("is gone"), "{}", gone.judge().headline);
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        assert_eq!(host("https://ACME.example:14000/dir"), Some("acme.example".into()));
        assert_eq!(host("acme.example/dir"), None);
        assert_eq!(host("https:///dir"), None);
    }
}

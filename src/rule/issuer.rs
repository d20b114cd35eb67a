//! Issuers that cannot sign: not found, not ready, and what their own condition says about why.
//!
//! These rules speak when the target waits for its issuer or is the issuer. They never ask a CA anything.

pub(super) mod account;
pub(super) mod binding;
pub(super) mod ca;
pub(super) mod credentials;
mod directory;
pub(super) mod key;
pub(super) mod reference;
pub(super) mod self_signed;
pub(super) mod shape;
pub(super) mod staging;
pub(super) mod status;
pub(super) mod vault;
pub(super) mod venafi;

use serde_json::Value;

use super::{Rule, Withheld};
use crate::api::{IssuerCondition, IssuerReason, IssuerSpec, Object, RequestConditionType};
use crate::chain::IssuerView;
use crate::engine::Stage;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Witness};
use crate::objref::{Kind, ObjRef};

/// An issuer of cert-manager's own kinds that says why it is not ready, while the target waits for it.
struct Complaint<'i> {
    issuer: ObjRef,
    spec: &'i IssuerSpec,
    condition: &'i IssuerCondition,
}

impl<'i> Complaint<'i> {
    /// The issuer's complaint. None applies if the issuer is ready, if the target does not wait for it, or if the
    /// condition was written for an older spec: a mended issuer is not accused of what it was.
    fn of(facts: &Facts<'i>) -> Result<Self, Withheld> {
        let view = waited_for(facts)?;
        let IssuerView::Builtin { objref, metadata, spec, status } = view else { return Err(Withheld::NotApplicable) };
        let condition = status.ready().filter(|condition| !condition.is_true()).ok_or(Withheld::NotApplicable)?;
        if is_outdated(condition, metadata.generation) {
            return Err(Withheld::NotApplicable);
        }
        Ok(Self { issuer: objref.clone(), spec, condition })
    }

    fn reason(&self) -> Option<&'i IssuerReason> {
        self.condition.reason.as_ref()
    }

    fn words(&self) -> &'i str {
        &self.condition.message
    }

    /// Starts a finding about the issuer, with its own words as evidence.
    fn found(&self, rule: &'static Rule) -> Finding {
        rule.on(self.issuer.clone()).evidence(Witness::Condition(self.issuer.kind, "Ready"), self.words())
    }
}

/// Whether a condition speaks of an older spec than the present one.
fn is_outdated(condition: &IssuerCondition, generation: Option<i64>) -> bool {
    condition.observed_generation.zip(generation).is_some_and(|(observed, present)| observed < present)
}

/// The issuer, if the target is it or waits for it. It is a gap only where the chain stands at the issuer.
fn waited_for<'f, 'i>(facts: &'f Facts<'i>) -> Result<&'f IssuerView<'i>, Withheld> {
    if !is_waiting(facts) {
        return Err(Withheld::NotApplicable);
    }
    facts.issuer().map_err(|withheld| match withheld {
        Withheld::Undetermined(_) if !stands_at_issuer(facts) || is_said_missing(facts) => Withheld::NotApplicable,
        Withheld::NotApplicable | Withheld::Undetermined(_) => withheld,
    })
}

/// Whether the issuer's state matters to the target now: it is the target, or a certificate is wanted.
fn is_waiting(facts: &Facts) -> bool {
    is_subject(facts)
        || match facts.stage {
            Stage::Settled { .. } | Stage::Issued | Stage::Stored => false,
            Stage::Trigger
            | Stage::BackOff { .. }
            | Stage::Key
            | Stage::Request
            | Stage::Approval
            | Stage::Issuer
            | Stage::Order
            | Stage::Authorizations
            | Stage::ChallengeQueued
            | Stage::ChallengeScheduled
            | Stage::ChallengePresented
            | Stage::ChallengeSelfCheck
            | Stage::ChallengeAccepted
            | Stage::Finalize
            | Stage::Denied
            | Stage::RequestFailed
            | Stage::OrderFailed
            | Stage::ChallengeFailed => true,
        }
}

/// Whether the controller has said that there is no such issuer: then nothing hangs on its state.
fn is_said_missing(facts: &Facts) -> bool {
    request_words(facts).is_some_and(|words| words.starts_with("Referenced \"") && words.contains("not found: "))
}

/// That the issuer is there, where the request still says otherwise: what the request says may be old.
pub(super) fn back_again(facts: &Facts) -> Option<String> {
    facts.chain.issuer.seen().filter(|_| is_said_missing(facts))?;
    let reference = facts.chain.issuer_ref?;
    Some(format!(
        "{} {} exists now: what the request says of it is of before",
        reference.kind_or_default(),
        reference.name
    ))
}

fn is_subject(facts: &Facts) -> bool {
    matches!(facts.chain.subject.kind, Kind::Issuer | Kind::ClusterIssuer)
}

fn stands_at_issuer(facts: &Facts) -> bool {
    is_subject(facts) || facts.stage == Stage::Issuer
}

/// What the signer says on the request of the present issuance, unless that is issued.
fn request_words<'i>(facts: &Facts<'i>) -> Option<&'i str> {
    let condition = facts.chain.in_flight()?.request.condition(RequestConditionType::Ready)?;
    Some(condition.message.as_str()).filter(|_| !condition.is_true())
}

/// Whether `words` hold any of `parts`, in any case. The parts are lower case.
fn says(words: &str, parts: &[&str]) -> bool {
    let words = words.to_ascii_lowercase();
    parts.iter().any(|part| words.contains(part))
}

/// Words of a connection that did not come about, as Go's network library writes them.
const NETWORK: &[&str] = &[
    "dial tcp",
    "no such host",
    "server misbehaving",
    "i/o timeout",
    "deadline exceeded",
    "connection refused",
    "connection reset",
    "no route to host",
    "network is unreachable",
    "proxyconnect",
    "timeout exceeded",
    "handshake timeout",
    ": eof",
];

/// Words of a TLS connection that one side does not accept.
const TLS: &[&str] = &["x509:", "tls: failed to verify", "tls: bad certificate", "remote error: tls"];

/// `kubectl patch`, quoted for a shell.
fn patch(object: &ObjRef, change: &Value) -> String {
    let json = change.to_string().replace('\'', "'\\''");
    format!("kubectl patch {}{} --type merge -p '{json}'", object.kubectl_name(), object.namespace_flag())
}

/// A pod that asks `url` from inside the cluster, where the controller asks from.
fn curl_inside(facts: &Facts, url: &str) -> String {
    let namespace = controller(facts).namespace.unwrap_or_default();
    let url = url.replace('\'', "%27");
    format!("kubectl run ask -n {namespace} --rm -i --restart=Never --image=curlimages/curl -- -sSv -m 20 '{url}'")
}

/// Makes the controller look at every issuer again: some failures are not tried again by themselves.
fn restart(facts: &Facts) -> String {
    let controller = controller(facts);
    format!("kubectl rollout restart deployment {}{}", controller.name, controller.namespace_flag())
}

/// The controller's Deployment; the chart's own name where the source does not show it.
fn controller(facts: &Facts) -> ObjRef {
    facts.installation().of_component(Component::Controller).next().map_or_else(
        || ObjRef::new(Kind::Deployment, Some("cert-manager"), "cert-manager"),
        |work| work.deployment.objref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    #[test]
    fn a_complaint_about_an_older_spec_accuses_nobody() {
        let not_ready = |observed: i64| {
            Specimen::http01().about(Kind::ClusterIssuer, None, "letsencrypt").broken(|objects| {
                let issuer = objects.cluster_issuer();
                issuer.metadata.generation = Some(2);
                let condition = &mut issuer.status.conditions[0];
                condition.status = crate::api::ConditionStatus::False;
                condition.observed_generation = Some(observed);
                condition.reason = Some(IssuerReason::ErrRegisterAcmeAccount);
                condition.message = "Failed to register ACME account: 500 : out of order".into();
            })
        };
        assert_eq!(not_ready(2).root(), Some("acme-account-registration-failed"));
        assert_eq!(not_ready(1).ids(), ["issuer-not-ready"]);
    }

    #[test]
    fn an_issuer_that_the_chain_is_done_with_is_not_waited_for() {
        let settled = Specimen::healthy().broken(|objects| objects.cluster_issuer().status.conditions.clear());
        assert_eq!(settled.ids(), Vec::<&str>::new());
    }

    #[test]
    fn commands_survive_quotes() {
        let issuer = ObjRef::new(Kind::Issuer, Some("shop"), "le");
        assert_eq!(
            patch(&issuer, &serde_json::json!({"a": "it's"})),
            r#"kubectl patch issuer.cert-manager.io/le -n shop --type merge -p '{"a":"it'\''s"}'"#
        );
    }
}

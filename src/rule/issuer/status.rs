//! Whether the issuer is ready, and whether anybody looks after it.

use super::{is_outdated, is_subject, request_words, waited_for};
use crate::api::{IssuerCondition, IssuerStatus, Object};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::{Component, Facts};
use crate::finding::{Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How long a new issuer may be without a status.
const NEW_SECONDS: i64 = 60;

/// How long an issuer must have been unready before a later renewal is worth a warning: restarts of a Vault or a
/// network pass.
const PASSING_SECONDS: i64 = 600;

pub static NOT_READY: Rule = Rule {
    id: "issuer-not-ready",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issuer is not ready",
    doc: include_str!("../../../docs/rules/issuer-not-ready.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuance-stalled"],
    judge: not_ready,
};

fn not_ready(facts: &Facts) -> Judgement {
    let waits = request_words(facts).filter(|words| words.contains("does not have a Ready status condition"));
    let view = match waited_for(facts) {
        Ok(view) => view,
        // The controller has spoken, though the issuer itself was not seen.
        Err(Withheld::Undetermined(_)) if waits.is_some() => return Ok(unseen(facts, waits.unwrap_or_default())),
        Err(withheld) => return Err(withheld),
    };
    let (object, status, generation) = parts(view);
    let Some(condition) = status.ready().filter(|condition| !condition.is_true()) else { return Ok(vec![]) };
    let explanation = if is_outdated(condition, generation) {
        "What it says is about its spec before the last change: the controller has not looked at the new one yet."
    } else if is_subject(facts) {
        "It signs nothing until it is ready. Every request that names it waits."
    } else {
        "The request waits until it is ready, and goes on by itself then."
    };
    let said = if condition.message.is_empty() { "it gives no reason" } else { condition.message.as_str() };
    Ok(vec![
        NOT_READY
            .on(object.clone())
            .says(format!("{object} is not ready: {said}"))
            .because(explanation)
            .evidence(Witness::Condition(object.kind, "Ready"), ready_words(condition))
            .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), waits.unwrap_or_default())
            .fix(Fix::command(
                "mend what the condition names; the issuer is looked at again when its spec or its Secrets change",
                format!("kubectl describe {}{}", object.kubectl_name(), object.namespace_flag()),
            )),
    ])
}

fn unseen(facts: &Facts, waits: &str) -> Vec<crate::finding::Finding> {
    let namespace = facts.chain.subject.namespace.as_deref().unwrap_or_default();
    let Some(object) = facts.chain.issuer_ref.and_then(|reference| reference.objref(namespace)) else { return vec![] };
    let command = format!("{PROGRAM} diagnose {}/{}{}", object.kind.singular(), object.name, object.namespace_flag());
    vec![
        NOT_READY
            .on(object.clone())
            .says(format!("{object} is not ready, by the word of the request"))
            .because("Why it is not ready stands in the issuer's own condition, which was not looked at.")
            .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), waits)
            .fix(Fix::command("ask about the issuer", command)),
    ]
}

/// `False, ErrGetKeyPair: Error getting keypair ...`
fn ready_words(condition: &IssuerCondition) -> String {
    let reason = condition.reason.as_ref().map_or("", |reason| reason.as_str());
    format!("{} {reason}: {}", condition.status, condition.message)
}

fn parts<'v>(view: &'v IssuerView) -> (ObjRef, &'v IssuerStatus, Option<i64>) {
    match view {
        IssuerView::Builtin { objref, metadata, status, .. } => (objref.clone(), status, metadata.generation),
        // References know cert-manager's kinds only; the nearest is the one of the same scope.
        IssuerView::External(issuer) => {
            let namespace = issuer.metadata.namespace.as_deref();
            let kind = if namespace.is_some() { Kind::Issuer } else { Kind::ClusterIssuer };
            let name = issuer.metadata.name.as_deref().unwrap_or_default();
            (ObjRef::new(kind, namespace, name), &issuer.status, issuer.metadata.generation)
        }
    }
}

pub static NO_STATUS: Rule = Rule {
    id: "issuer-no-status",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "no controller has looked at the issuer: it has no status",
    doc: include_str!("../../../docs/rules/issuer-no-status.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer, Kind::Deployment],
    explains: &["issuer-not-ready"],
    judge: no_status,
};

fn no_status(facts: &Facts) -> Judgement {
    let IssuerView::Builtin { objref, metadata, status, .. } = waited_for(facts)? else {
        return Err(Withheld::NotApplicable);
    };
    // A manifest that was never applied has no creation time, and no status either.
    let Some(created) = metadata.creation_timestamp.as_ref().map(|time| time.0) else {
        return Err(Withheld::NotApplicable);
    };
    if status.ready().is_some() || !facts.is_older_than(Some(created), NEW_SECONDS) {
        return Ok(vec![]);
    }
    let age = human(facts.since(created));
    let finding = NO_STATUS
        .on(objref.clone())
        .says(format!("no controller has looked at {objref} in the {age} since it was made: it has no status"))
        .evidence(Witness::Status(objref.kind, "conditions"), "none".to_owned());
    let elsewhere = watches_elsewhere(facts, objref);
    // A controller that looked at another one since this one was made does run.
    let judged = facts.inventory.last_judged_issuer().filter(|(at, _)| *at > created && elsewhere.is_none());
    if let Some((at, other)) = judged {
        return Ok(vec![
            finding
                .because(format!(
                    "A controller is at work: it looked at {other} since. So it does not see this one (--namespace), or each of \
                     the two belongs to another installation."
                ))
                .evidence(Witness::Condition(other.kind, "Ready"), format!("{other} got its condition at {at}"))
                .fix(Fix::command(
                    "see which controllers there are, and what each watches",
                    "kubectl get deployments -A -l app.kubernetes.io/component=controller -o \
                     custom-columns='NAMESPACE:.metadata.namespace,ARGS:.spec.template.spec.containers[0].args'",
                )),
        ]);
    }
    let Some((controller, watched)) = elsewhere else {
        let logs = format!(
            "kubectl get deployments -A -l app.kubernetes.io/component=controller && {}",
            "kubectl logs -n cert-manager deploy/cert-manager --tail=50"
        );
        return Ok(vec![
            finding
                .because(
                    "cert-manager writes a Ready condition within seconds. Either its controller does not run, or it \
                     watches another namespace, or it cannot write.",
                )
                .fix(Fix::command("see whether the controller runs and what it says", logs)),
        ]);
    };
    let scope = if objref.kind == Kind::ClusterIssuer {
        "and then it does not serve ClusterIssuers at all"
    } else {
        "so it does not see this Issuer"
    };
    Ok(vec![
        finding
            .because(format!("The controller {controller} watches namespace {watched} only, {scope}."))
            .evidence(Witness::Spec(Kind::Deployment, "template"), format!("--namespace={watched}"))
            .fix(Fix::command(
                "take --namespace out of the controller's arguments",
                format!("kubectl edit deployment {}{}", controller.name, controller.namespace_flag()),
            )),
    ])
}

/// The one controller there is and the namespace that it keeps to, if the issuer is not in it.
fn watches_elsewhere(facts: &Facts, issuer: &ObjRef) -> Option<(ObjRef, String)> {
    let installation = facts.installation();
    let mut elsewhere = None;
    for workload in installation.of_component(Component::Controller) {
        let watched = workload.flag("namespace").filter(|namespace| !namespace.is_empty())?;
        if issuer.namespace.as_deref() == Some(watched) {
            return None;
        }
        elsewhere = elsewhere.or_else(|| Some((workload.deployment.objref(), watched.to_owned())));
    }
    elsewhere
}

pub static RENEWAL_WILL_FIND_NOT_READY: Rule = Rule {
    id: "renewal-will-find-issuer-not-ready",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the certificate is good, but its issuer could not renew it now",
    doc: include_str!("../../../docs/rules/renewal-will-find-issuer-not-ready.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &[],
    judge: renewal_will_find_not_ready,
};

fn renewal_will_find_not_ready(facts: &Facts) -> Judgement {
    let Stage::Settled { renewal: Some(renewal) } = facts.stage else { return Err(Withheld::NotApplicable) };
    let certificate = facts.chain.certificate.seen().ok_or(Withheld::NotApplicable)?;
    let (object, witness, words) = match &facts.chain.issuer {
        Fact::Seen(view) => {
            let (object, status, _) = parts(view);
            let condition = status.ready().filter(|condition| condition.is_false());
            let lasting = condition.filter(|condition| facts.is_older_than(condition.since(), PASSING_SECONDS));
            let Some(condition) = lasting else { return Ok(vec![]) };
            let kind = object.kind;
            (object, Witness::Condition(kind, "Ready"), ready_words(condition))
        }
        Fact::Absent => {
            let namespace = certificate.namespace().unwrap_or_default();
            let Some(object) = certificate.spec.issuer_ref.objref(namespace) else { return Ok(vec![]) };
            let words = format!("{object} does not exist");
            (object, Witness::Source, words)
        }
        Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => return Err(Withheld::NotApplicable),
    };
    let what = if witness == Witness::Source { "gone" } else { "not ready" };
    let until = human(renewal.duration_since(facts.now));
    let name = certificate.name();
    let command = format!("{PROGRAM} diagnose {}/{}{}", object.kind.singular(), object.name, object.namespace_flag());
    Ok(vec![
        RENEWAL_WILL_FIND_NOT_READY
            .on(object.clone())
            .says(format!("{name} renews in {until}, and {object} is {what}"))
            .because(
                "The certificate in use is not touched by this. Its renewal will wait until the issuer is ready again.",
            )
            .evidence(witness, words)
            .evidence(Witness::Status(Kind::Certificate, "renewalTime"), renewal.to_string())
            .fix(Fix::command("ask about the issuer itself", command)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ConditionStatus, IssuerReason};
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Objects, Scope};

    fn unready(objects: &mut Objects) {
        let condition = &mut objects.cluster_issuer().status.conditions[0];
        condition.status = ConditionStatus::False;
        condition.reason = Some(IssuerReason::Unknown("Strange".into()));
        condition.message = "something new".into();
    }

    #[test]
    fn an_issuer_that_is_not_ready_for_an_unknown_reason_is_still_reported() {
        assert_eq!(Specimen::http01().broken(unready).ids(), ["issuer-not-ready"]);
        let itself = Specimen::http01().broken(unready).about(Kind::ClusterIssuer, None, "letsencrypt");
        assert_eq!(itself.ids(), ["issuer-not-ready"]);
        assert_eq!(Specimen::http01().about(Kind::ClusterIssuer, None, "letsencrypt").ids(), Vec::<&str>::new());
    }

    #[test]
    fn the_word_of_the_request_is_enough() {
        let unseen = Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuers.clear();
            for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true()) {
                condition.message = "Referenced issuer does not have a Ready status condition".into();
            }
        });
        assert_eq!(unseen.ids(), ["issuer-not-ready"]);
    }

    #[test]
    fn an_issuer_without_status_is_found_after_a_minute() {
        let blank = |minutes| {
            Specimen::http01().later(minutes).broken(|objects| {
                objects.orders.clear();
                objects.challenges.clear();
                objects.cluster_issuer().status = IssuerStatus::default();
            })
        };
        assert_eq!(blank(1).ids(), ["issuer-no-status"]);
        let young = blank(0).broken(|objects| {
            objects.cluster_issuer().metadata.creation_timestamp =
                serde_json::from_value(serde_json::json!("2026-11-22T06:30:00Z")).unwrap();
        });
        assert_eq!(young.ids(), Vec::<&str>::new());
        let manifest = blank(1).broken(|objects| objects.cluster_issuer().metadata.creation_timestamp = None);
        assert_eq!(manifest.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_controller_that_looked_at_another_issuer_since_does_run() {
        let blank = Specimen::http01().later(1).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().status = IssuerStatus::default();
        });
        let other = |at: &str| {
            format!(
                "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: other, namespace: ops}}\nspec: {{selfSigned: \
                 {{}}}}\nstatus: {{conditions: [{{type: Ready, status: 'True', lastTransitionTime: '{at}'}}]}}\n"
            )
        };
        let explained = |specimen: &Specimen| specimen.judge().findings[0].explanation.clone();
        let since = blank.clone().with(&other("2026-11-22T06:30:30Z"));
        assert_eq!(since.ids(), ["issuer-no-status"]);
        assert!(explained(&since).contains("looked at Issuer ops/other since"), "{}", explained(&since));
        let before = blank.with(&other("2026-11-01T00:00:00Z"));
        assert!(explained(&before).contains("Either its controller does not run"), "{}", explained(&before));
    }

    #[test]
    fn a_controller_of_one_namespace_is_told() {
        let one = Specimen::http01()
            .later(1)
            .broken(|objects| objects.cluster_issuer().status = IssuerStatus::default())
            .with(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cert-manager, namespace: ops}\nspec:\n  \
             selector: {}\n  \
             template:\n    spec:\n      containers:\n      - {name: c, image: \
             'quay.io/jetstack/cert-manager-controller:v1.21.0', \
             args: ['--namespace=ops']}\n",
            );
        assert!(one.judge().findings[0].explanation.contains("namespace ops only"));
    }

    #[test]
    fn a_renewal_to_come_is_warned_of() {
        let day = 24 * 60;
        let settled = Specimen::healthy().later(day).broken(unready);
        assert_eq!(settled.ids(), ["renewal-will-find-issuer-not-ready"]);
        assert!(settled.judge().findings[0].summary.contains("ClusterIssuer letsencrypt is not ready"));
        let passing = settled.broken(|objects| {
            let since = serde_json::from_value(serde_json::json!("2026-11-23T06:39:00Z")).unwrap();
            objects.cluster_issuer().status.conditions[0].last_transition_time = since;
        });
        assert_eq!(passing.ids(), Vec::<&str>::new());
    }

    #[test]
    fn an_issuer_that_is_gone_is_warned_of() {
        let gone = Specimen::healthy().broken(|objects| {
            objects.cluster_issuers.clear();
            objects.coverage.record(Kind::ClusterIssuer, Scope::Cluster, Answer::Complete);
        });
        assert_eq!(gone.ids(), ["renewal-will-find-issuer-not-ready"]);
        let not_looked = Specimen::healthy().broken(|objects| objects.cluster_issuers.clear());
        assert_eq!(not_looked.ids(), Vec::<&str>::new());
    }
}

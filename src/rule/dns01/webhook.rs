//! DNS-01 through somebody else's webhook: cert-manager may not call it, or it does not answer.
//!
//! The webhook is an aggregated API; the object that registers it is not among the kinds that are looked at.

use super::{
    Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any, quoted, word_after,
};
use crate::api::Object;
use crate::api::solver::Webhook;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};

pub static WEBHOOK_SOLVER_RBAC: Rule = Rule {
    id: "dns01-webhook-solver-rbac",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager may not call the DNS webhook",
    doc: include_str!("../../../docs/rules/dns01-webhook-solver-rbac.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: webhook_solver_rbac,
};

/// Whether the API server refuses cert-manager's account.
pub(super) fn is_forbidden(words: &str) -> bool {
    words.contains("is forbidden: User ") && words.contains("cannot create resource")
}

fn webhook_solver_rbac(facts: &Facts) -> Judgement {
    each(facts, Matter::WebhookRbac, |_, trouble| {
        let none = Webhook::default();
        let solver = trouble.solver.webhook.as_ref().unwrap_or(&none);
        let account =
            word_after(&trouble.words, "User \"").unwrap_or("system:serviceaccount:cert-manager:cert-manager");
        let (namespace, name) = account
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .unwrap_or(("cert-manager", "cert-manager"));
        let (group, resource) = (quoted(&solver.group_name), quoted(&solver.solver_name));
        let role = format!("cert-manager-{}", solver.solver_name);
        let role = quoted(&role);
        with_solver(trouble.finding(&WEBHOOK_SOLVER_RBAC), solver)
            .says(format!(
                "service account {namespace}/{name} may not call the DNS webhook {} of group {}",
                solver.solver_name, solver.group_name
            ))
            .because(format!(
                "The webhook's chart binds a ClusterRole for its API group to cert-manager's service account. Either the \
                 chart was told another namespace or account, or groupName in {} is not the one it was installed with. \
                 {RETRIES}",
                trouble.issuer()
            ))
            .fix(Fix::command(
                "see whether a role covers the group; if none does, the group names differ",
                format!(
                    "kubectl get clusterroles -o json | jq -r '.items[] | select(any(.rules[]?; any(.apiGroups[]?; . == \"{}\"))) | .metadata.name'",
                    solver.group_name.replace(['"', '\'', '\\'], "")
                ),
            ))
            .fix(Fix::manual(format!(
                "set groupName, certManager.namespace ({namespace}) and certManager.serviceAccountName ({name}) in the webhook's chart"
            )))
            .fix(Fix::command(
                "or bind it by hand",
                format!(
                    "kubectl create clusterrole {role} --verb=create --resource={resource}.{group} && \
                     kubectl create clusterrolebinding {role} --clusterrole={role} --serviceaccount={}:{}",
                    quoted(namespace),
                    quoted(name)
                ),
            ))
    })
}

pub static WEBHOOK_SOLVER_UNAVAILABLE: Rule = Rule {
    id: "dns01-webhook-solver-unavailable",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the DNS webhook of the solver is not served or does not answer",
    doc: include_str!("../../../docs/rules/dns01-webhook-solver-unavailable.md"),
    needs: &[Kind::Challenge, Kind::Event, Kind::Deployment],
    explains: &[],
    judge: webhook_solver_unavailable,
};

/// Whether the API server finds no webhook to hand the call on to.
pub(super) fn is_unavailable(words: &str) -> bool {
    is_unserved(words)
        || has_any(
            words,
            &[
                "currently unable to handle the request",
                "error trying to reach service",
                "no endpoints available for service",
                "context deadline exceeded",
                "Timeout: request did not complete",
            ],
        )
}

/// The API server knows no such group or resource.
fn is_unserved(words: &str) -> bool {
    words.contains("the server could not find the requested resource")
}

fn webhook_solver_unavailable(facts: &Facts) -> Judgement {
    each(facts, Matter::WebhookUnavailable, |facts, trouble| {
        let none = Webhook::default();
        let solver = trouble.solver.webhook.as_ref().unwrap_or(&none);
        let finding = with_solver(trouble.finding(&WEBHOOK_SOLVER_UNAVAILABLE), solver);
        let finding = if is_own_group(&solver.group_name) {
            finding
                .says(format!("the DNS webhook {} uses group {}, which belongs to cert-manager itself", solver.solver_name, solver.group_name))
                .because(format!(
                    "An APIService for a group of cert-manager's own takes its place or is shadowed by it, so the call does \
                     not reach the webhook. {RETRIES}"
                ))
                .fix(Fix::manual(format!("install the webhook with a group of your own domain, and name it in {}", trouble.issuer())))
        } else if is_unserved(&trouble.words) {
            unserved(finding, trouble, solver)
        } else {
            finding
                .says(format!("the DNS webhook {} of group {} does not answer", solver.solver_name, solver.group_name))
                .because(format!(
                    "The API server knows the webhook's group and cannot hand the call on: its pod does not run, is too \
                     slow, or its serving certificate is not the one in the APIService. While that lasts, many kubectl \
                     commands are slow as well. {RETRIES}"
                ))
        };
        let service = quoted(&format!("v1alpha1.{}", solver.group_name));
        let finding = finding.fix(Fix::command(
            "see whether the API server can reach it, and why not",
            format!("kubectl describe apiservice {service}"),
        ));
        let finding = match workload(facts, solver) {
            Some(deployment) => finding.fix(Fix::command(
                "read the webhook's log",
                format!("kubectl logs deployment/{}{} --tail=30", deployment.name, deployment.namespace_flag()),
            )),
            None => finding,
        };
        if is_unserved(&trouble.words) {
            finding.fix(Fix::command(
                "list the groups that DNS webhooks serve here",
                "kubectl get apiservices -o custom-columns=GROUP:.spec.group,SERVICE:.spec.service.name | grep -v '<none>'",
            ))
        } else {
            finding
        }
    })
}

fn unserved(finding: Finding, trouble: &Trouble, solver: &Webhook) -> Finding {
    finding
        .says(format!("no webhook {} is served under group {}", solver.solver_name, solver.group_name))
        .because(format!(
            "cert-manager posts to the resource {} of that group, and the API server has no such thing: the webhook is not \
             installed, or groupName or solverName in {} is not the one that it was installed with. {RETRIES}",
            solver.solver_name,
            trouble.issuer()
        ))
}

fn with_solver(finding: Finding, solver: &Webhook) -> Finding {
    finding.evidence(
        Witness::Spec(Kind::Challenge, "solver.dns01.webhook"),
        format!("groupName {}, solverName {}", solver.group_name, solver.solver_name),
    )
}

/// Whether the group is one that cert-manager serves.
fn is_own_group(group: &str) -> bool {
    group == "cert-manager.io" || group.ends_with(".cert-manager.io")
}

/// A Deployment that looks like the webhook: it is no part of cert-manager and has the solver's name in its own.
fn workload(facts: &Facts, solver: &Webhook) -> Option<ObjRef> {
    let installation = facts.installation();
    let own: Vec<_> = [Component::Controller, Component::Webhook, Component::CaInjector]
        .into_iter()
        .flat_map(|component| {
            installation.of_component(component).map(|workload| workload.deployment.objref()).collect::<Vec<_>>()
        })
        .collect();
    let is_it =
        |name: &str| name.contains("webhook") && !solver.solver_name.is_empty() && name.contains(&solver.solver_name);
    facts
        .inventory
        .deployments
        .iter()
        .find(|deployment| is_it(deployment.name()) && !own.contains(&deployment.objref()))
        .map(Object::objref)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};

    const SOLVER: &str = "webhook: {groupName: acme.example.com, solverName: hetzner}";

    #[test]
    fn the_account_that_may_not_call_is_named() {
        let words = "hetzner.acme.example.com is forbidden: User \"system:serviceaccount:security:cm\" cannot create resource \
                     \"hetzner\" in API group \"acme.example.com\" at the cluster scope";
        let specimen = refused(SOLVER, words);
        assert_eq!(specimen.ids(), ["dns01-webhook-solver-rbac"]);
        assert!(says(&specimen).starts_with("service account security/cm may not"), "{}", says(&specimen));
        assert!(!refused("rfc2136: {}", words).ids().contains(&"dns01-webhook-solver-rbac"));
    }

    #[test]
    fn a_group_that_is_not_served_is_told_from_a_silent_one() {
        let unserved =
            refused(SOLVER, "the server could not find the requested resource (post hetzner.acme.example.com)");
        assert_eq!(unserved.ids(), ["dns01-webhook-solver-unavailable"]);
        assert!(says(&unserved).starts_with("no webhook hetzner is served"), "{}", says(&unserved));
        let silent =
            refused(SOLVER, "the server is currently unable to handle the request (post hetzner.acme.example.com)");
        assert!(says(&silent).ends_with("does not answer"), "{}", says(&silent));
        assert_eq!(silent.later(-2).ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_group_of_cert_managers_own_is_a_clash() {
        let clash = refused(
            "webhook: {groupName: acme.cert-manager.io, solverName: x}",
            "the server could not find the requested resource",
        );
        assert!(says(&clash).contains("belongs to cert-manager itself"), "{}", says(&clash));
    }

    #[test]
    fn what_the_webhook_itself_says_is_left_as_it_is() {
        assert_eq!(refused(SOLVER, "zone not found: example.com").ids(), ["dns01-present-failed"]);
    }
}

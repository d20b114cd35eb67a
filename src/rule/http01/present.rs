//! The solver's objects cannot be made, for a reason that is nobody else's: the last word about presenting.
//!
//! The rules that know more of a refusal explain this one.

use super::{Heard, heard};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, quoted};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::refusal::Refusal;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

/// By then cert-manager has tried half a dozen times.
const TRIES_SECONDS: i64 = 120;

pub static PRESENT_FAILED: Rule = Rule {
    id: "http01-present-failed",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the solver's Pod, Service, Ingress or HTTPRoute cannot be made",
    doc: include_str!("../../../docs/rules/http01-present-failed.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: and_http01_probes![],
    judge: present_failed,
};

fn present_failed(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| present_failed_for(facts, heard)).collect())
}

fn present_failed_for(facts: &Facts, heard: &Heard) -> Option<Finding> {
    let (text, _) = heard.present_error()?;
    let challenge = heard.node.challenge;
    // Two writers at once: the next try reads anew.
    if text.contains("object has been modified") || !facts.is_older_than(challenge.created(), TRIES_SECONDS) {
        return None;
    }
    let namespace = challenge.namespace().unwrap_or_default();
    let name = heard.name();
    let refusal = Refusal::of(text);
    let says = match &refusal {
        Refusal::NoRight { user, what } => format!("the solver for {name} cannot be set up: {user} may not {what}"),
        Refusal::WebhookDown { webhook, .. } => {
            format!("the solver for {name} cannot be set up: the admission webhook {webhook} does not answer")
        }
        Refusal::Denied { webhook, words } => {
            format!("the admission webhook {webhook} refuses the solver for {name}: {words}")
        }
        Refusal::Terminating => {
            format!("the solver for {name} cannot be set up: namespace {namespace} is being deleted")
        }
        Refusal::Quota => {
            format!("the solver for {name} cannot be set up: a quota of namespace {namespace} is used up")
        }
        Refusal::Other => format!("the solver for {name} could not be set up"),
    };
    let finding = PRESENT_FAILED.on(challenge.objref()).says(says).because(format!(
        "cert-manager makes a Pod, a Service and a route for the challenge path before anybody can ask for it. {}",
        heard.what_follows()
    ));
    let finding = heard.quote(finding).outlook(refusal.outlook());
    let flag = heard.flag();
    Some(match &refusal {
        Refusal::NoRight { user, what } => finding
            .fix(Fix::command(
                "see what it may do there",
                format!("kubectl auth can-i --list{flag} --as {}", quoted(user)),
            ))
            .fix(Fix::manual(format!(
                "let {user} {what} again: the chart's ClusterRole cert-manager-controller-challenges has that right"
            ))),
        Refusal::WebhookDown { webhook, namespace } => {
            let place = namespace.map(|namespace| format!(" -n {}", quoted(namespace))).unwrap_or_default();
            finding
                .fix(Fix::command("see whether it runs", format!("kubectl get pods,services,endpointslices{place}")))
                .fix(Fix::command(
                    "if it was uninstalled: find what still asks it, and delete that",
                    format!(
                        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -B20 {}",
                        quoted(webhook)
                    ),
                ))
        }
        Refusal::Denied { webhook, .. } => finding
            .fix(Fix::manual(format!(
                "lift what {webhook} objects to for objects labelled acme.cert-manager.io/http01-solver=true"
            )))
            .fix(Fix::command(
                "if host and path are taken: see who has them",
                format!("kubectl get ingresses -A | grep {}", quoted(name)),
            )),
        Refusal::Terminating => finding.fix(Fix::manual("wait for the namespace to go, or use another one")),
        Refusal::Quota => finding
            .fix(Fix::command("see what is used up, and by whom", format!("kubectl describe resourcequota{flag}"))),
        Refusal::Other => finding.fix(Fix::command(
            "follow the tries in the controller's log",
            format!(
                "kubectl logs -n cert-manager deployment/cert-manager --since=1h | grep {}",
                quoted(challenge.name())
            ),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::super::staging::not_presented;
    use crate::facts::specimen::Specimen;

    fn says(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn each_refusal_is_told_with_who_refuses() {
        for (words, part) in [
            (
                "ingresses.networking.k8s.io is forbidden: User \"system:serviceaccount:cert-manager:cert-manager\" cannot \
                 create resource \"ingresses\" in API group \"networking.k8s.io\" in the namespace \"shop\"",
                "system:serviceaccount:cert-manager:cert-manager may not create ingresses.networking.k8s.io",
            ),
            (
                "Internal error occurred: failed calling webhook \"validate.nginx.ingress.kubernetes.io\": failed to call \
                 webhook: Post \"https://ingress-nginx-controller-admission.ingress-nginx.svc:443/networking/v1/ingresses?timeout=10s\": \
                 no endpoints available for service \"ingress-nginx-controller-admission\"",
                "webhook validate.nginx.ingress.kubernetes.io does not answer",
            ),
            (
                "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: host \"a\" and path \"b\" is \
                 already defined in ingress shop/other",
                "is already defined in ingress shop/other",
            ),
            (
                "ingresses.networking.k8s.io \"x\" is forbidden: unable to create new content in namespace shop because it \
                 is being terminated",
                "namespace shop is being deleted",
            ),
            (
                "ingresses.networking.k8s.io \"x\" is forbidden: exceeded quota: q",
                "a quota of namespace shop is used up",
            ),
            ("something else", "could not be set up"),
        ] {
            let specimen = not_presented(words);
            assert_eq!(specimen.ids(), ["http01-present-failed"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn a_first_failure_and_a_conflict_of_writers_are_no_fault() {
        let mut young = not_presented("something else");
        young.now = Specimen::http01().now;
        assert_eq!(young.ids(), Vec::<&str>::new());
        let conflict = "Operation cannot be fulfilled on ingresses \"x\": the object has been modified; please apply your \
             changes to the latest version and try again";
        assert_eq!(not_presented(conflict).ids(), Vec::<&str>::new());
    }
}

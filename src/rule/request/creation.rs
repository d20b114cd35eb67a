//! A CertificateRequest that cannot even be made: the API server refuses it.

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Fix, Witness, quoted};
use crate::objref::Kind;
use crate::rule::refusal::Refusal;

pub static CREATION_REFUSED: Rule = Rule {
    id: "request-creation-refused",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the API server does not let cert-manager create the CertificateRequest",
    doc: include_str!("../../../docs/rules/request-creation-refused.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Event],
    explains: &[],
    judge: creation_refused,
};

fn creation_refused(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !facts.is_issuing() || facts.chain.in_flight().is_some() {
        return Err(Withheld::NotApplicable);
    }
    let event = facts.fresh_event(certificate, "RequestFailed", facts.issuance_began());
    let said = event.and_then(|event| event.message.as_deref());
    let Some((_, words)) = said.and_then(|said| said.split_once("create CertificateRequest: ")) else {
        return Ok(vec![]);
    };
    // A request of that name is there: the next look sees it.
    if words.ends_with("already exists") {
        return Ok(vec![]);
    }
    let (name, namespace) = (certificate.name(), certificate.namespace().unwrap_or_default());
    let flag = certificate.objref().namespace_flag();
    let refusal = Refusal::of(words);
    let why = match &refusal {
        Refusal::NoRight { user, what } => format!("{user} may not {what}"),
        Refusal::WebhookDown { webhook, .. } => format!("the admission webhook {webhook} gives no good answer"),
        Refusal::Denied { webhook, words } => format!("the admission webhook {webhook} refuses it: {words}"),
        Refusal::Terminating => format!("namespace {namespace} is being deleted"),
        Refusal::Quota => format!("a quota of namespace {namespace} is used up"),
        Refusal::Other => words.to_owned(),
    };
    let finding = CREATION_REFUSED
        .on(certificate.objref())
        .says(format!("no CertificateRequest can be made for {name}: {why}"))
        .because("The key is ready, and without a request no issuer is asked. cert-manager tries again by itself, with growing pauses.")
        .evidence(Witness::Event(Kind::Certificate, "RequestFailed".into()), said.unwrap_or_default())
        .outlook(refusal.outlook());
    Ok(vec![match &refusal {
        Refusal::NoRight { user, what } => finding
            .fix(Fix::command(
                "see what it may do there",
                format!("kubectl auth can-i --list{flag} --as {}", quoted(user)),
            ))
            .fix(Fix::manual(format!(
                "let {user} {what} again: the chart's ClusterRole cert-manager-controller-certificates has that right"
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
            .fix(Fix::command("change what it objects to", format!("kubectl edit certificate {name}{flag}")))
            .fix(Fix::manual(format!("or except CertificateRequests from what {webhook} asks"))),
        Refusal::Terminating => finding.fix(Fix::manual("wait for the namespace to go, or use another one")),
        Refusal::Quota => finding
            .fix(Fix::command("see what is used up, and by whom", format!("kubectl describe resourcequota{flag}")))
            .fix(Fix::manual("raise it, or let Certificates keep fewer requests (spec.revisionHistoryLimit)")),
        Refusal::Other => finding.fix(Fix::command(
            "follow the tries in the controller's log",
            format!("kubectl logs -n cert-manager deployment/cert-manager --since=1h | grep {}", quoted(name)),
        )),
    }])
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    fn refused(words: &str) -> Specimen {
        let event = format!(
            "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\ninvolvedObject: {{apiVersion: \
             cert-manager.io/v1, kind: Certificate, namespace: shop, name: web}}\nreason: RequestFailed\ntype: \
             Warning\nlastTimestamp: '2026-11-22T06:30:00Z'\nmessage: '{}'\n",
            words.replace('\'', "''")
        );
        Specimen::http01().with(&event).broken(|objects| {
            objects.requests.clear();
            objects.orders.clear();
            objects.challenges.clear();
        })
    }

    #[test]
    fn the_words_of_the_refusal_tell_who_refuses() {
        for (words, part) in [
            (
                "admission webhook \"validate.kyverno.svc-fail\" denied the request: no wildcards",
                "refuses it: no wildcards",
            ),
            (
                "certificaterequests.cert-manager.io \"web-1\" is forbidden: exceeded quota: q",
                "a quota of namespace shop",
            ),
            (
                "certificaterequests.cert-manager.io is forbidden: User \"system:serviceaccount:cm:cm\" cannot create \
                 resource \"certificaterequests\" in API group \"cert-manager.io\" in the namespace \"shop\"",
                "system:serviceaccount:cm:cm may not create certificaterequests.cert-manager.io",
            ),
            ("etcdserver: request timed out", "web: etcdserver: request timed out"),
        ] {
            let specimen = refused(&format!("Failed to create CertificateRequest: {words}"));
            assert_eq!(specimen.ids(), ["request-creation-refused"], "{words}");
            let summary = specimen.judge().findings[0].summary.clone();
            assert!(summary.contains(part), "{summary}");
        }
    }

    #[test]
    fn a_request_that_is_there_after_all_and_other_failures_are_no_refusal() {
        let exists =
            "Failed to create CertificateRequest: certificaterequests.cert-manager.io \"web-1\" already exists";
        assert_eq!(refused(exists).ids(), Vec::<&str>::new());
        assert!(!refused("Failed to generate CSR: x - will not retry").ids().contains(&"request-creation-refused"));
        let mut made = refused("Failed to create CertificateRequest: etcdserver: request timed out");
        made.objects.requests = Specimen::http01().objects.requests;
        assert!(!made.ids().contains(&"request-creation-refused"));
    }
}

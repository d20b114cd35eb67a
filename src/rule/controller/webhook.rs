//! The webhook: the API server asks it about every write to cert-manager's objects.

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::call::{FailedCall, How};
use super::down::is_down;
use super::trouble::Trouble;
use super::{asked, standstill};
use crate::api::Object;
use crate::facts::{Component, Facts, Workload};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

pub static NO_ENDPOINTS: Rule = Rule {
    id: "webhook-no-endpoints",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "no Pod stands behind cert-manager's webhook, so every write is refused",
    doc: include_str!("../../../docs/rules/webhook-no-endpoints.md"),
    needs: &[Kind::Deployment, Kind::Pod, Kind::EndpointSlice, Kind::Event],
    explains: &["request-creation-refused"],
    judge: no_endpoints,
};

fn no_endpoints(facts: &Facts) -> Judgement {
    let asked = asked(facts, Component::Webhook);
    let spoken = FailedCall::of(facts);
    if asked.is_none() && spoken.is_none() && standstill(facts).is_none() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let workloads: Vec<Workload> =
        asked.map_or_else(|| installation.of_component(Component::Webhook).cloned().collect(), |asked| vec![asked]);
    let why = "The API server asks the webhook about each write to Certificates, requests, orders and issuers, status \
               included, and refuses the write if it gets no answer. So the controller cannot take the next step.";
    let Some(workload) = workloads.first() else {
        // Only the words are there; they name the Service.
        let Some(call) = spoken.filter(|call| call.how == How::NoEndpoint) else { return Ok(vec![]) };
        return Ok(vec![
            NO_ENDPOINTS
                .on(call.object)
                .says("the API server could not call cert-manager's webhook: nothing answers behind its Service")
                .because(why)
                .evidence(call.witness, call.words)
                .fix(Fix::command(
                    "see whether the webhook runs",
                    "kubectl get deployments,pods,endpointslices -A -l app.kubernetes.io/component=webhook",
                )),
        ]);
    };
    let object = workload.deployment.objref();
    let (name, namespace) = (&object.name, object.namespace_flag());
    let finding = NO_ENDPOINTS.on(object.clone()).because(why);
    let finding = match spoken {
        Some(call) => finding.evidence(call.witness, call.words),
        None => finding,
    };
    if is_down(facts, workload) {
        let trouble = Trouble::of(workload);
        let finding = finding.says(format!("cert-manager's webhook does not run: {object} {}", trouble.what));
        let finding =
            trouble.evidence.into_iter().fold(finding, |finding, (witness, words)| finding.evidence(witness, words));
        return Ok(vec![finding.fix(trouble.fix)]);
    }
    let slices = slices_of(facts, workload);
    if workload.available() == 0 || slices.is_empty() || slices.iter().any(|slice| has_ready(slice)) {
        return Ok(vec![]);
    }
    Ok(vec![
        finding
            .says(format!("the Service of cert-manager's webhook has no endpoint, though {object} runs"))
            .evidence(
                Witness::Computed,
                format!(
                    "no ready endpoint in \
             {}",
                    slices.iter().map(|slice| slice.name()).collect::<Vec<_>>().join(", ")
                ),
            )
            .fix(Fix::command(
                "compare the Service's selector with the labels of the Pods",
                format!(
                    "kubectl get service {name}{namespace} -o jsonpath='{{.spec.selector}}' && kubectl get \
                 pods{namespace} --show-labels"
                ),
            )),
    ])
}

/// The EndpointSlices of the Service, which has the Deployment's name.
pub(super) fn slices_of<'i>(facts: &Facts<'i>, workload: &Workload<'i>) -> Vec<&'i EndpointSlice> {
    let deployment = workload.deployment;
    facts.inventory.slices_of(deployment.namespace().unwrap_or_default(), deployment.name()).collect()
}

/// Whether nothing that was seen keeps the webhook from answering.
pub(super) fn is_answering(facts: &Facts, workload: &Workload) -> bool {
    let slices = slices_of(facts, workload);
    !is_down(facts, workload) && (slices.is_empty() || slices.iter().any(|slice| has_ready(slice)))
}

/// Ready means true or not said (`endpoints[].conditions.ready`).
pub(super) fn has_ready(slice: &EndpointSlice) -> bool {
    slice.endpoints.iter().flatten().any(|endpoint| {
        endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready.is_none_or(|ready| ready))
    })
}

pub static SINGLE_REPLICA: Rule = Rule {
    id: "webhook-single-replica",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "the webhook has one replica: writes fail while its node is drained",
    doc: include_str!("../../../docs/rules/webhook-single-replica.md"),
    needs: &[Kind::Deployment],
    explains: &[],
    judge: single_replica,
};

fn single_replica(facts: &Facts) -> Judgement {
    let workload = asked(facts, Component::Webhook).ok_or(Withheld::NotApplicable)?;
    if workload.wanted() != 1 {
        return Ok(vec![]);
    }
    let object = workload.deployment.objref();
    let (name, namespace) = (&object.name, object.namespace_flag());
    Ok(vec![
        SINGLE_REPLICA
            .on(object.clone())
            .says(format!("{object} has one replica: writes fail while its node is drained or it is upgraded"))
            .because(
                "Nothing is wrong now. The API server refuses writes to certificates and issuers whenever \
             the webhook is away.",
            )
            .evidence(Witness::Spec(Kind::Deployment, "replicas"), "1")
            .fix(Fix::command(
                "run two; with Helm set webhook.replicaCount",
                format!(
                    "kubectl scale deployment \
             {name}{namespace} --replicas=2"
                ),
            ))
            .fix(Fix::command(
                "and keep one of them through drains",
                format!(
                    "kubectl create poddisruptionbudget {name}{namespace} \
                 --selector=app.kubernetes.io/component=webhook --min-available=1"
                ),
            )),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::specimen::deployment;
    use crate::api::{CertificateConditionType, CertificateStatus};
    use crate::facts::specimen::Specimen;
    use crate::objref::Kind;

    fn slice(ready: bool) -> String {
        format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: cert-manager-webhook-x7, \
             namespace: cert-manager, \
             labels: {{kubernetes.io/service-name: cert-manager-webhook}}}}\naddressType: IPv4\nendpoints: \
             [{{addresses: [10.0.0.9], \
             conditions: {{ready: {ready}}}}}]\n"
        )
    }

    /// The key is there, and no request follows.
    fn no_request(minutes: i64) -> Specimen {
        Specimen::http01().later(minutes).broken(|objects| {
            objects.requests.clear();
            objects.orders.clear();
            objects.challenges.clear();
        })
    }

    #[test]
    fn a_webhook_that_is_down_explains_a_request_that_does_not_come() {
        assert_eq!(no_request(5).with(&deployment("webhook", 1, 0)).root(), Some("webhook-no-endpoints"));
        assert_eq!(no_request(5).with(&deployment("webhook", 1, 1)).root(), None);
        assert_eq!(no_request(0).with(&deployment("webhook", 1, 0)).ids(), Vec::<&str>::new());
        assert_eq!(Specimen::healthy().with(&deployment("webhook", 1, 0)).ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_service_without_endpoints_is_told_from_one_with() {
        let runs = no_request(5).with(&deployment("webhook", 1, 1));
        let unready = runs.clone().with(&slice(false));
        assert!(unready.judge().findings[0].summary.contains("has no endpoint, though"), "{:?}", unready.ids());
        assert!(!runs.with(&slice(true)).ids().contains(&"webhook-no-endpoints"));
    }

    #[test]
    fn the_words_of_a_refused_write_are_enough() {
        let refused = |end: &str| {
            Specimen::http01().broken(|objects| {
                objects.orders.clear();
                objects.challenges.clear();
                for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true())
                {
                    condition.message = format!(
                        "Failed create new order resource shop/web-1-1922310271: Internal error occurred: failed \
                         calling webhook \
                         \"webhook.cert-manager.io\": failed to call webhook: Post \
                         \"https://cert-manager-webhook.cert-manager.svc:443/validate\": {end}"
                    );
                }
            })
        };
        assert_eq!(
            refused("no endpoints available for service \"cert-manager-webhook\"").ids(),
            ["webhook-no-endpoints"]
        );
        assert_eq!(refused("context deadline exceeded").ids(), ["webhook-unreachable-from-apiserver"]);
        let well = refused("connection refused").with(&deployment("webhook", 1, 1));
        assert_eq!(well.ids(), Vec::<&str>::new(), "it has come back");
    }

    #[test]
    fn one_replica_is_worth_knowing_where_it_is_asked_about() {
        let about = |replicas| {
            Specimen::healthy().with(&deployment("webhook", replicas, replicas)).about(
                Kind::Deployment,
                Some("cert-manager"),
                "cert-manager-webhook",
            )
        };
        assert_eq!(about(1).ids(), ["webhook-single-replica"]);
        assert_eq!(about(2).ids(), Vec::<&str>::new());
        assert_eq!(about(1).judge().verdict.id(), "healthy");
    }

    #[test]
    fn a_certificate_without_a_status_stands_still_too() {
        let blank = no_request(5).broken(|objects| objects.certificate().status = CertificateStatus::default());
        assert!(!blank.objects.certificates[0].is(CertificateConditionType::Issuing));
        assert_eq!(blank.with(&deployment("webhook", 1, 0)).root(), Some("webhook-no-endpoints"));
    }
}

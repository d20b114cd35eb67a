//! Calls of the API server to cert-manager's webhook that got no good answer, though the webhook runs.
//!
//! Both rules go by the API server's words; what the source shows of the webhook tells them from one that is down.

use super::trouble::Trouble;
use super::webhook::{has_ready, is_answering, slices_of};
use crate::api::Object;
use crate::facts::{Component, Facts, Workload};
use crate::finding::{Finding, Fix, Witness};
use crate::inventory::last_seen;
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// A call that failed in the present issuance.
pub(super) struct FailedCall {
    /// The object whose write was refused, or which tells of it.
    pub(super) object: ObjRef,
    pub(super) witness: Witness,
    pub(super) words: String,
    pub(super) how: How,
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Nothing stands behind the Service.
    NoEndpoint,
    /// Nothing comes back in time.
    NoAnswer,
    /// What answers has a certificate that the API server does not trust.
    NotTrusted,
}

impl How {
    /// Reads the API server's words. `None` if they are about something else.
    fn of(words: &str) -> Option<Self> {
        let (_, words) = words.split_once("failed calling webhook \"webhook.cert-manager.io\"")?;
        let words = words.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if has(&["x509:"]) {
            Some(Self::NotTrusted)
        } else if has(&["no endpoints available", "connection refused", "not found"]) {
            Some(Self::NoEndpoint)
        } else if has(&["deadline exceeded", "timeout", "request canceled", "no route to host", "502", "504", "eof"]) {
            Some(Self::NoAnswer)
        } else {
            None
        }
    }
}

impl FailedCall {
    /// The newest words of the chain about a call that failed: the request's conditions and events, or the
    /// Certificate's event where no request could be made.
    pub(super) fn of(facts: &Facts) -> Option<Self> {
        let Some(node) = facts.chain.in_flight() else { return Self::on_certificate(facts) };
        let object = node.request.objref();
        let condition = node.request.status.conditions.iter().find_map(|condition| {
            let how = How::of(&condition.message)?;
            let witness = Witness::Condition(Kind::CertificateRequest, "Ready");
            Some(Self { object: object.clone(), witness, words: condition.message.clone(), how })
        });
        condition.or_else(|| {
            let began = facts.issuance_began();
            let events = facts.events_of(node.request).into_iter().filter(|event| last_seen(event) >= began);
            events.into_iter().find_map(|event| {
                let words = event.message.as_deref()?;
                let witness = Witness::Event(Kind::CertificateRequest, event.reason.clone().unwrap_or_default());
                Some(Self { object: object.clone(), witness, words: words.to_owned(), how: How::of(words)? })
            })
        })
    }

    fn on_certificate(facts: &Facts) -> Option<Self> {
        let certificate = *facts.chain.certificate.seen()?;
        let event = facts.fresh_event(certificate, "RequestFailed", facts.issuance_began())?;
        let words = event.message.as_deref().filter(|_| facts.is_issuing())?;
        let witness = Witness::Event(Kind::Certificate, "RequestFailed".into());
        Some(Self { object: certificate.objref(), witness, words: words.to_owned(), how: How::of(words)? })
    }
}

/// The call that failed in this way, and the webhook that runs all the same, if it was seen.
fn failed<'i>(facts: &Facts<'i>, how: How) -> Result<Option<(FailedCall, Option<Workload<'i>>)>, Withheld> {
    let call = FailedCall::of(facts).filter(|call| call.how == how).ok_or(Withheld::NotApplicable)?;
    let workload = facts.installation().of_component(Component::Webhook).next().cloned();
    let is_down = workload.as_ref().is_some_and(|workload| !is_answering(facts, workload));
    // One that is down is told by another rule.
    Ok((!is_down).then_some((call, workload)))
}

/// Adds the words, and that the webhook runs.
fn with_evidence(mut finding: Finding, facts: &Facts, call: &FailedCall, workload: Option<&Workload>) -> Finding {
    finding = finding.evidence(call.witness.clone(), &call.words);
    let Some(workload) = workload else { return finding };
    let counts = format!("{} of {} replicas available", workload.available(), workload.wanted());
    finding = finding.evidence(Witness::Status(Kind::Deployment, "availableReplicas"), counts);
    match slices_of(facts, workload).into_iter().find(|slice| has_ready(slice)) {
        Some(slice) => finding.evidence(Witness::Computed, format!("{} has a ready endpoint", slice.name())),
        None => finding,
    }
}

pub static UNREACHABLE: Rule = Rule {
    id: "webhook-unreachable-from-apiserver",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the API server does not get through to cert-manager's webhook, so every write is refused",
    doc: include_str!("../../../docs/rules/webhook-unreachable-from-apiserver.md"),
    needs: &[Kind::CertificateRequest, Kind::Event, Kind::Deployment, Kind::EndpointSlice],
    explains: &["request-creation-refused"],
    judge: unreachable,
};

fn unreachable(facts: &Facts) -> Judgement {
    let Some((call, workload)) = failed(facts, How::NoAnswer)? else { return Ok(vec![]) };
    let (runs, namespace) = match &workload {
        Some(workload) => (", though it runs", workload.deployment.objref().namespace_flag()),
        None => ("", " -n cert-manager".to_owned()),
    };
    let finding = UNREACHABLE
        .on(call.object.clone())
        .says(format!("the API server gets no answer from cert-manager's webhook{runs}"))
        .because(
            "The call leaves the control plane and does not come back: a firewall between it and the nodes (port 10250 \
             of the webhook's Pod), a network of the nodes' own that the control plane does not know, a NetworkPolicy, \
             or a proxy that the API server is told to use. Without an answer every write to Certificates, requests, \
             orders and issuers is refused.",
        );
    Ok(vec![
        with_evidence(finding, facts, &call, workload.as_ref())
            .fix(Fix::command(
                "try a write that changes nothing: it goes through the webhook, too",
                format!(
                    "kubectl annotate {} check=1 --dry-run=server{}",
                    call.object.kubectl_name(),
                    call.object.namespace_flag()
                ),
            ))
            .fix(Fix::command("look for policies that stand before it", format!("kubectl get networkpolicies{namespace}")))
            .fix(Fix::manual(
                "open TCP 10250 from the control plane to the nodes; where that cannot be, run the webhook in the host's \
                 network on a port of its own (Helm: webhook.hostNetwork=true, webhook.securePort=10260)",
            )),
    ])
}

pub static CA_MISMATCH: Rule = Rule {
    id: "webhook-ca-mismatch",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the API server does not trust the certificate of cert-manager's webhook, so every write is refused",
    doc: include_str!("../../../docs/rules/webhook-ca-mismatch.md"),
    needs: &[Kind::CertificateRequest, Kind::Event, Kind::Deployment, Kind::Pod, Kind::EndpointSlice],
    explains: &["request-creation-refused"],
    judge: ca_mismatch,
};

fn ca_mismatch(facts: &Facts) -> Judgement {
    let Some((call, workload)) = failed(facts, How::NotTrusted)? else { return Ok(vec![]) };
    let namespace = match &workload {
        Some(workload) => workload.deployment.objref().namespace_flag(),
        None => " -n cert-manager".to_owned(),
    };
    let words = call.words.to_ascii_lowercase();
    let restart = |title: &str, component: &str| {
        Fix::command(title, format!("kubectl rollout restart deployment cert-manager-{component}{namespace}"))
    };
    let (what, why) = if words.contains("expired or is not yet valid") {
        (
            "the certificate of cert-manager's webhook has expired",
            "The webhook renews its own certificate while it runs; one that slept through that, as on a suspended machine, \
             serves the old one on.",
        )
    } else if words.contains("certificate is valid for") {
        (
            "something else answers in place of cert-manager's webhook",
            "The certificate is that of another server: two programs share the port on the node (10250 is the kubelet's \
             own, where Pods run in the host's network), or a proxy stands between.",
        )
    } else {
        (
            "the API server does not trust the certificate of cert-manager's webhook",
            "The cainjector writes the CA into the webhook configurations. It is down, looks after another namespace, or \
             the CA in Secret cert-manager-webhook-ca was replaced from a backup.",
        )
    };
    let mut finding = CA_MISMATCH
        .on(call.object.clone())
        .says(format!("{what}, so it refuses every write to cert-manager's objects"))
        .because(why);
    finding = with_evidence(finding, facts, &call, workload.as_ref());
    let installation = facts.installation();
    let injector = installation.of_component(Component::CaInjector).next();
    if let Some(injector) = injector.filter(|injector| super::down::is_down(facts, injector)) {
        let trouble = Trouble::of(injector);
        let object = injector.deployment.objref();
        finding =
            finding.evidence(Witness::Status(Kind::Deployment, "conditions"), format!("{object} {}", trouble.what));
        finding =
            trouble.evidence.into_iter().fold(finding, |finding, (witness, words)| finding.evidence(witness, words));
        return Ok(vec![finding.fix(trouble.fix)]);
    }
    Ok(vec![
        finding
            .fix(Fix::command(
                "compare the CA that the API server trusts with the one that the webhook uses",
                format!(
                    "kubectl get validatingwebhookconfiguration cert-manager-webhook -o \
                     jsonpath='{{.webhooks[0].clientConfig.caBundle}}' | base64 -d | openssl x509 -noout -fingerprint -enddate\n\
                     kubectl get secret cert-manager-webhook-ca{namespace} -o jsonpath='{{.data.ca\\.crt}}' | base64 -d | openssl \
                     x509 -noout -fingerprint -enddate"
                ),
            ))
            .fix(restart("if they differ: let the cainjector write it anew", "cainjector"))
            .fix(Fix::command(
                "if that does not help, or the certificate has expired: let the webhook make a new CA",
                format!(
                    "kubectl delete secret cert-manager-webhook-ca{namespace} && kubectl rollout restart deployment \
                     cert-manager-webhook{namespace}"
                ),
            )),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::specimen::deployment;
    use crate::facts::specimen::Specimen;

    const CALL: &str = "Failed to create CertificateRequest: Internal error occurred: failed calling webhook \
         \"webhook.cert-manager.io\": failed to call webhook: Post \
         \"https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=30s\": ";

    /// The key is there, and the API server refuses the request.
    fn refused(end: &str) -> Specimen {
        let event = format!(
            "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\ninvolvedObject: {{apiVersion: \
             cert-manager.io/v1, kind: Certificate, namespace: shop, name: web}}\nreason: RequestFailed\ntype: \
             Warning\nlastTimestamp: '2026-11-22T06:30:00Z'\nmessage: '{}'\n",
            format!("{CALL}{end}").replace('\'', "''")
        );
        Specimen::http01().with(&event).broken(|objects| {
            objects.requests.clear();
            objects.orders.clear();
            objects.challenges.clear();
        })
    }

    fn says(specimen: &Specimen) -> String {
        specimen.judge().findings[0].summary.clone()
    }

    #[test]
    fn each_way_in_which_a_call_fails_has_its_rule() {
        for (end, id) in [
            ("no endpoints available for service \"cert-manager-webhook\"", "webhook-no-endpoints"),
            ("dial tcp 10.0.0.9:443: connect: connection refused", "webhook-no-endpoints"),
            ("context deadline exceeded", "webhook-unreachable-from-apiserver"),
            ("dial tcp 10.0.0.9:443: i/o timeout", "webhook-unreachable-from-apiserver"),
            ("net/http: TLS handshake timeout", "webhook-unreachable-from-apiserver"),
            ("Bad Gateway: 502", "webhook-unreachable-from-apiserver"),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "webhook-ca-mismatch"),
            ("x509: certificate has expired or is not yet valid: current time is past", "webhook-ca-mismatch"),
        ] {
            assert_eq!(refused(end).ids(), [id, "request-creation-refused"], "{end}");
        }
    }

    #[test]
    fn a_webhook_that_is_down_is_not_called_unreachable() {
        let down = refused("context deadline exceeded").later(5).with(&deployment("webhook", 1, 0));
        assert_eq!(down.root(), Some("webhook-no-endpoints"));
        let up = refused("context deadline exceeded").with(&deployment("webhook", 1, 1));
        assert!(says(&up).ends_with("though it runs"), "{}", says(&up));
    }

    #[test]
    fn words_of_another_webhook_and_of_a_former_issuance_accuse_nobody() {
        let other = refused("context deadline exceeded").broken(|objects| {
            let event = objects.events.last_mut().unwrap();
            event.message = event.message.take().map(|words| words.replace("webhook.cert-manager.io", "other.example"));
        });
        assert_eq!(other.ids(), ["request-creation-refused"]);
        let old = refused("context deadline exceeded").broken(|objects| {
            let event = objects.events.last_mut().unwrap();
            event.last_timestamp = serde_json::from_value(serde_json::json!("2026-11-22T06:20:00Z")).unwrap();
        });
        assert_eq!(old.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_cainjector_that_is_down_is_named_for_a_ca_that_is_not_trusted() {
        let end = "x509: certificate signed by unknown authority";
        let down = refused(end).with(&deployment("cainjector", 1, 0));
        let finding = &down.judge().findings[0];
        assert!(finding.evidence.iter().any(|evidence| evidence.text.contains("cainjector")), "{finding:?}");
        assert!(says(&refused("x509: certificate is valid for node.internal, not x")).starts_with("something else"));
    }
}

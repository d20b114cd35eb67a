//! The solver's own objects: its Pod does not run, or the API server refuses one of them.
//!
//! A Pod that merely waits counts only with a reason, or when it is old and the self check's words fit.

use k8s_openapi::api::core::v1::{Pod, PodStatus};

use super::words::SelfCheck;
use super::{Heard, begin_anew, heard};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

/// How long a container may wait with a reason, and a Pod without one.
const WAITING_SECONDS: i64 = 60;
const PENDING_SECONDS: i64 = 300;

pub static POD_NOT_RUNNING: Rule = Rule {
    id: "http01-solver-pod-not-running",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the solver's Pod does not run, so nobody can serve the key authorization",
    doc: include_str!("../../../docs/rules/http01-solver-pod-not-running.md"),
    needs: &[Kind::Challenge, Kind::Pod],
    explains: and_http01_probes!["http01-503-or-502", "http01-404", "http01-present-failed"],
    judge: pod_not_running,
};

fn pod_not_running(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| match heard.present_error() {
        Some((text, _)) => pod_refused(facts, heard, text),
        None => heard.node.pods.iter().find_map(|pod| pod_stuck(facts, heard, pod)),
    });
    Ok(findings.collect())
}

/// The API server does not let cert-manager make the Pod or its Service.
fn pod_refused(facts: &Facts, heard: &Heard, text: &str) -> Option<Finding> {
    // What is said of the route is no word about the Pod.
    if ["ingresses.networking.k8s.io ", "httproutes.gateway.networking.k8s.io "]
        .iter()
        .any(|route| text.contains(route))
    {
        return None;
    }
    let refusal = Refusal::of(text)?;
    let namespace = heard.node.challenge.namespace().unwrap_or_default();
    let what = if text.contains("services \"") { "Service" } else { "Pod" };
    let finding = POD_NOT_RUNNING
        .on(heard.node.challenge.objref())
        .says(format!("namespace {namespace} does not let the solver's {what} for {} in: {}", heard.name(), refusal.words()))
        .because(format!(
            "cert-manager starts a small Pod and a Service in the namespace of the Certificate to answer the challenge, \
             and the API server refuses the {what}. {}",
            heard.what_follows()
        ));
    let flag = heard.flag();
    let issuer = &heard.node.challenge.spec.issuer_ref;
    let finding = heard.quote(finding);
    Some(match refusal {
        Refusal::PodSecurity | Refusal::Policy => finding
            .fix(Fix::manual(format!(
                "exempt Pods labelled acme.cert-manager.io/http01-solver=true from the policy, or make the solver fit it \
                 with podTemplate in issuer {}",
                issuer.name
            )))
            .fix(Fix::patch(
                "a solver Pod that fits the restricted standard",
                "# in http01.ingress of the solver\npodTemplate:\n  spec:\n    securityContext:\n      runAsNonRoot: true\n      \
                 seccompProfile:\n        type: RuntimeDefault\n",
            )),
        Refusal::Quota | Refusal::Limits => finding
            .fix(Fix::command("see what is used up, and by whom", format!("kubectl describe resourcequota,limitrange{flag}")))
            .fix(Fix::patch(
                "requests and limits that fit the quota; a Service without node port",
                "# in http01.ingress of the solver\nserviceType: ClusterIP\npodTemplate:\n  spec:\n    resources:\n      requests: \
                 {cpu: 10m, memory: 64Mi}\n      limits: {cpu: 100m, memory: 64Mi}\n",
            )),
        Refusal::Other => finding
            .fix(Fix::manual("lift what the message names for Pods labelled acme.cert-manager.io/http01-solver=true"))
            .fix(begin_anew(facts)),
    })
}

/// Why the API server refuses a Pod or Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    PodSecurity,
    Quota,
    /// A quota or `LimitRange` on requests and limits.
    Limits,
    /// An admission webhook.
    Policy,
    Other,
}

impl Refusal {
    fn of(text: &str) -> Option<Self> {
        let has = |part: &str| text.contains(part);
        if has("violates PodSecurity") {
            Some(Self::PodSecurity)
        } else if has("must specify") || has("usage per Container") || has("usage per Pod") {
            Some(Self::Limits)
        } else if has("exceeded quota") || has("failed quota") {
            Some(Self::Quota)
        } else if has("denied the request") && (has("Pod") || has("pod") || has("image")) && !has("ingress") {
            Some(Self::Policy)
        } else if has("pods \"") && has("is forbidden") || has("pods is forbidden") {
            Some(Self::Other)
        } else {
            None
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::PodSecurity => "it violates the Pod security standard there",
            Self::Quota => "a quota is used up",
            Self::Limits => "a quota or limit range asks for other requests and limits",
            Self::Policy => "an admission policy denies it",
            Self::Other => "it is forbidden",
        }
    }
}

/// The Pod is there and does not run.
fn pod_stuck(facts: &Facts, heard: &Heard, pod: &Pod) -> Option<Finding> {
    let check = heard.self_check()?;
    let status = pod.status.as_ref()?;
    let fault = PodFault::of(status)?;
    let (seconds, fits) = match fault {
        PodFault::Waiting { .. } | PodFault::Unschedulable(_) | PodFault::Failed(_) => (WAITING_SECONDS, true),
        // Where no kubelet tells of the Pod, only a missing backend speaks for it.
        PodFault::Pending => (PENDING_SECONDS, matches!(check, SelfCheck::Status(500..600))),
    };
    if !fits || !facts.is_older_than(pod.created(), seconds) {
        return None;
    }
    let name = pod.name();
    let flag = heard.flag();
    let finding = POD_NOT_RUNNING
        .on(pod.objref())
        .says(format!("the solver Pod {name} for {} does not run: {}", heard.name(), fault.words()))
        .because(format!("{} {}", fault.cause(), heard.what_follows()));
    let finding = fault.quote(finding);
    let finding = heard.quote(finding);
    Some(
        finding
            .fix(fault.mend(pod))
            .fix(Fix::command("see the Pod's events", format!("kubectl describe pod {name}{flag}"))),
    )
}

/// What keeps a Pod from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PodFault<'p> {
    Waiting { reason: &'p str, message: &'p str },
    Unschedulable(&'p str),
    Failed(&'p str),
    Pending,
}

impl<'p> PodFault<'p> {
    fn of(status: &'p PodStatus) -> Option<Self> {
        let containers = status.container_statuses.as_deref().unwrap_or_default();
        let waiting = containers.iter().filter_map(|container| container.state.as_ref()?.waiting.as_ref());
        for state in waiting {
            let reason = state.reason.as_deref().unwrap_or_default();
            if !matches!(reason, "" | "ContainerCreating" | "PodInitializing") {
                return Some(Self::Waiting { reason, message: state.message.as_deref().unwrap_or_default() });
            }
        }
        let conditions = status.conditions.as_deref().unwrap_or_default();
        let unscheduled =
            conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
        if let Some(condition) = unscheduled {
            return Some(Self::Unschedulable(condition.message.as_deref().unwrap_or_default()));
        }
        match status.phase.as_deref() {
            Some("Failed") => {
                Some(Self::Failed(status.message.as_deref().or(status.reason.as_deref()).unwrap_or_default()))
            }
            Some("Pending") => Some(Self::Pending),
            Some(_) | None => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Waiting { reason, .. } => reason.to_owned(),
            Self::Unschedulable(_) => "no node takes it".into(),
            Self::Failed(_) => "it failed".into(),
            Self::Pending => "it is still Pending".into(),
        }
    }

    fn is_about_the_image(self) -> bool {
        match self {
            Self::Waiting { reason, .. } => reason.contains("Image"),
            Self::Unschedulable(_) | Self::Failed(_) | Self::Pending => false,
        }
    }

    fn cause(self) -> &'static str {
        match self {
            _ if self.is_about_the_image() => {
                "The node cannot get the solver's image: the registry is not reachable, asks for credentials, or has no \
                 image for the node's architecture."
            }
            Self::Waiting { .. } => "The kubelet cannot start the solver's container, or it ends at once.",
            Self::Unschedulable(_) => {
                "The scheduler finds no room for it: taints, full nodes, or a node selector that no node fits."
            }
            Self::Failed(_) => "The Pod ended, as after an eviction, and cert-manager keeps it.",
            Self::Pending => {
                "The Pod has waited for minutes, and the answer on the challenge path is that of a missing backend."
            }
        }
    }

    fn quote(self, finding: Finding) -> Finding {
        match self {
            Self::Waiting { reason, message } => {
                let words = if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") };
                finding.evidence(Witness::Status(Kind::Pod, "containerStatuses"), words)
            }
            Self::Unschedulable(message) => finding.evidence(Witness::Condition(Kind::Pod, "PodScheduled"), message),
            Self::Failed(message) => finding.evidence(Witness::Status(Kind::Pod, "message"), message),
            Self::Pending => finding.evidence(Witness::Status(Kind::Pod, "phase"), "Pending"),
        }
    }

    fn mend(self, pod: &Pod) -> Fix {
        let image =
            pod.spec.as_ref().and_then(|spec| spec.containers.first()).and_then(|container| container.image.as_deref());
        match self {
            _ if self.is_about_the_image() => Fix::manual(format!(
                "make {} available to the nodes, or set another image with --acme-http01-solver-image of the cert-manager \
                 controller and imagePullSecrets in the solver's podTemplate",
                image.unwrap_or("the solver's image")
            )),
            Self::Unschedulable(_) | Self::Pending => Fix::patch(
                "let the solver go where there is room",
                "# in http01.ingress of the solver\npodTemplate:\n  spec:\n    nodeSelector: {kubernetes.io/os: linux}\n    \
                 tolerations:\n    - {key: YOUR-TAINT, operator: Exists}\n",
            ),
            Self::Waiting { .. } | Self::Failed(_) => Fix::command(
                "delete it once the cause is mended: cert-manager makes a new one",
                format!("kubectl delete pod {}{}", pod.name(), pod.objref().namespace_flag()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::staging::{not_presented, self_check};
    use crate::facts::specimen::Specimen;

    const SUBJECT: &str = "wrong status code '503', expected '200'";

    /// The solver Pod of the first Challenge with this status.
    fn pod(words: &str, status: serde_json::Value) -> Specimen {
        self_check(words).broken(|objects| {
            let uid = objects.challenge().metadata.uid.clone().unwrap();
            let owned = |pod: &&mut k8s_openapi::api::core::v1::Pod| {
                pod.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid)
            };
            let pod = objects.pods.iter_mut().find(owned).unwrap();
            pod.status = Some(serde_json::from_value(status).unwrap());
        })
    }

    #[test]
    fn a_pod_that_waits_for_a_reason_explains_the_503() {
        let stuck = ["http01-solver-pod-not-running", "http01-503-or-502"];
        let waiting = |reason: &str| json!({"phase": "Pending", "containerStatuses": [{"name": "acmesolver", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason}}}]});
        assert_eq!(pod(SUBJECT, waiting("ImagePullBackOff")).ids(), stuck);
        assert_eq!(pod(SUBJECT, waiting("CreateContainerConfigError")).ids(), stuck);
        assert_eq!(pod(SUBJECT, waiting("ContainerCreating")).ids(), ["http01-503-or-502"]);
        let unschedulable = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
        assert_eq!(pod(SUBJECT, unschedulable).ids(), stuck);
        assert_eq!(pod(SUBJECT, json!({"phase": "Failed", "reason": "Evicted"})).ids(), stuck);
        assert_eq!(pod(SUBJECT, json!({"phase": "Running"})).ids(), ["http01-503-or-502"]);
    }

    #[test]
    fn a_pod_that_is_pending_without_a_reason_counts_when_old_and_the_words_fit() {
        let pending = json!({"phase": "Pending"});
        assert_eq!(pod(SUBJECT, pending.clone()).ids(), ["http01-503-or-502"]);
        assert_eq!(
            pod(SUBJECT, pending.clone()).later(5).ids(),
            ["http01-solver-pod-not-running", "http01-503-or-502"]
        );
        assert_eq!(pod("wrong status code '404', expected '200'", pending).later(5).ids(), ["http01-404"]);
    }

    #[test]
    fn a_refused_pod_is_told_with_the_reason() {
        for (words, told) in [
            (
                "pods \"cm-acme-http-solver-\" is forbidden: violates PodSecurity \"restricted:latest\": x",
                "Pod security",
            ),
            (
                "pods \"cm-acme-http-solver-x\" is forbidden: exceeded quota: team, requested: pods=1",
                "a quota is used up",
            ),
            (
                "services \"cm-acme-http-solver-x\" is forbidden: exceeded quota: team, requested: services.nodeports=1",
                "Service",
            ),
            ("pods \"x\" is forbidden: failed quota: team: must specify limits.cpu", "requests and limits"),
            (
                "admission webhook \"validate.kyverno.svc-fail\" denied the request: resource Pod/shop/x was blocked",
                "admission policy",
            ),
            ("pods \"x\" is forbidden: no PriorityClass with name high was found", "it is forbidden"),
        ] {
            let specimen = not_presented(words);
            assert_eq!(specimen.ids(), ["http01-solver-pod-not-running", "http01-present-failed"], "{words}");
            assert!(specimen.judge().headline.contains(told), "{}", specimen.judge().headline);
            let while_checking = self_check(words);
            assert_eq!(while_checking.root(), Some("http01-solver-pod-not-running"), "{words}");
        }
        assert_eq!(not_presented("conflict, please try again").ids(), ["http01-present-failed"]);
    }

    #[test]
    fn an_event_speaks_where_the_status_is_silent() {
        let event = |at: &str| {
            let mut specimen = not_presented("");
            let challenge = specimen.objects.challenge().metadata.name.clone().unwrap();
            specimen = specimen.with(&format!(
                "apiVersion: v1\nkind: Event\nmetadata: {{name: e, namespace: shop}}\ninvolvedObject: {{kind: Challenge, \
                 name: {challenge}, namespace: shop}}\nreason: PresentError\nmessage: 'Error presenting challenge: pods \
                 \"x\" is forbidden: exceeded quota: team'\nlastTimestamp: '{at}'\n"
            ));
            specimen
        };
        assert_eq!(event("2026-11-22T06:31:00Z").ids(), ["http01-solver-pod-not-running", "http01-present-failed"]);
        assert_eq!(event("2026-11-22T06:01:00Z").ids(), Vec::<&str>::new());
    }
}

//! The solver's own objects: its Pod does not run, or the API server refuses one of them.
//!
//! A Pod that merely waits counts only with a reason, or when it is old and the self check's words fit.

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::api::networking::v1::Ingress;

use super::words::SelfCheck;
use super::{Heard, heard};
use crate::api::{Object, annotation};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Rule, Severity};

/// How long a container may wait with a reason, and a Pod without one.
const WAITING_SECONDS: i64 = 60;
const PENDING_SECONDS: i64 = 300;

pub static POD_NOT_RUNNING: Rule = Rule {
    id: "http01-solver-pod-not-running",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "the solver's Pod does not run, so nobody can serve the key authorization",
    doc: include_str!("../../../docs/rules/http01-solver-pod-not-running.md"),
    needs: &[Kind::Challenge, Kind::Pod],
    explains: &["http01-503-or-502", "http01-404"],
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
    /// A quota or LimitRange on requests and limits.
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

pub static PATH_TYPE_REFUSED: Rule = Rule {
    id: "http01-pathtype-exact-refused",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "the ingress controller refuses the solver's Ingress for its path type",
    doc: include_str!("../../../docs/rules/http01-pathtype-exact-refused.md"),
    needs: &[Kind::Challenge],
    explains: &[],
    judge: path_type_refused,
};

fn path_type_refused(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let (text, _) = heard.present_error()?;
        let is_path_type = text.contains("cannot be used with pathType") || text.contains("path type is supported");
        let is_nginx = text.contains("nginx");
        if !is_path_type {
            return None;
        }
        let who = if is_nginx { "ingress-nginx" } else { "the ingress controller" };
        let finding = PATH_TYPE_REFUSED
            .on(heard.node.challenge.objref())
            .says(format!("{who} refuses the solver's Ingress for {}: the challenge path may not have pathType Exact", heard.name()))
            .because(format!(
                "Since 1.18 cert-manager makes the solver's Ingress with pathType Exact. {} {}",
                if is_nginx {
                    "ingress-nginx with strict path validation takes the dot in /.well-known for a pattern and denies it."
                } else {
                    "This controller supports ImplementationSpecific only."
                },
                heard.what_follows()
            ));
        let mut finding = heard.quote(finding).fix(Fix::command(
            "go back to ImplementationSpecific: switch the feature gate off",
            "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager -n cert-manager --reuse-values --set \
             featureGates=ACMEHTTP01IngressPathTypeExact=false",
        ));
        if is_nginx {
            finding = finding.fix(Fix::command(
                "or switch strict path validation off, in the ConfigMap of ingress-nginx",
                "kubectl patch configmap ingress-nginx-controller -n ingress-nginx --type merge -p \
                 '{\"data\":{\"strict-validate-path-type\":\"false\"}}'",
            ));
        }
        Some(finding)
    });
    Ok(findings.collect())
}

pub static INGRESS_MISSING: Rule = Rule {
    id: "http01-edit-in-place-ingress-missing",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "the Ingress that the solver is to edit does not exist in the namespace",
    doc: include_str!("../../../docs/rules/http01-edit-in-place-ingress-missing.md"),
    needs: &[Kind::Challenge, Kind::Ingress],
    explains: &[],
    judge: ingress_missing,
};

fn ingress_missing(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| ingress_missing_for(facts, heard)).collect())
}

fn ingress_missing_for(facts: &Facts, heard: &Heard) -> Option<Finding> {
    let (text, _) = heard.present_error()?;
    let challenge = heard.node.challenge;
    let wanted = challenge.spec.solver.http01.as_ref()?.ingress.as_ref()?.name.as_str();
    let namespace = challenge.namespace().unwrap_or_default();
    let is_said = text.contains("not found") && text.contains(&format!("\"{wanted}\""));
    if wanted.is_empty() || !is_said && !facts.inventory.get::<Ingress>(Some(namespace), wanted).is_absent() {
        return None;
    }
    let order = facts.order().ok()?.order;
    let by_annotation = order.annotation(annotation::HTTP01_OVERRIDE_NAME) == Some(wanted);
    let from = if by_annotation {
        "the Certificate's annotation acme.cert-manager.io/http01-override-ingress-name".to_owned()
    } else {
        format!(
            "http01.ingress.name of {} {}",
            challenge.spec.issuer_ref.kind_or_default(),
            challenge.spec.issuer_ref.name
        )
    };
    let near = near_ingress(facts, namespace, wanted);
    let elsewhere: Vec<&str> = facts
        .inventory
        .ingresses
        .iter()
        .filter(|ingress| ingress.name() == wanted)
        .filter_map(|ingress| ingress.namespace())
        .filter(|other| *other != namespace)
        .collect();
    let hint = match (near, elsewhere.first()) {
        (Some(near), _) => format!(" There is an Ingress {near}."),
        (None, Some(other)) => {
            format!(" Namespace {other} has one of that name, but the solver looks in its own only.")
        }
        (None, None) => String::new(),
    };
    let finding = INGRESS_MISSING
        .on(challenge.objref())
        .says(format!(
            "namespace {namespace} has no Ingress {wanted}, which the solver for {} is to edit",
            heard.name()
        ))
        .because(format!(
            "The name comes from {from}. It is looked for in the namespace of the Certificate, as when the Ingress was \
             renamed after its Certificate was made.{hint} {}",
            heard.what_follows()
        ));
    let finding = heard.quote(finding).evidence(Witness::Spec(Kind::Challenge, "solver.http01.ingress.name"), wanted);
    let right = near.unwrap_or("RIGHT-NAME");
    let flag = heard.flag();
    let finding = match (by_annotation, facts.certificate()) {
        (true, Ok(certificate)) => finding.fix(Fix::command(
            "name the right Ingress; a Certificate that an Ingress made gets it from there, so one of a renamed Ingress \
             is better deleted",
            format!(
                "kubectl annotate certificate {} --overwrite acme.cert-manager.io/http01-override-ingress-name={right}{flag}",
                certificate.name()
            ),
        )),
        (true, Err(_)) | (false, _) => finding.fix(Fix::patch(
            "name the right Ingress in the issuer, or none and let the solver have an Ingress of its own",
            format!("spec:\n  acme:\n    solvers:\n    - http01:\n        ingress:\n          name: {right}\n"),
        )),
    };
    Some(finding.fix(begin_anew(facts)))
}

/// An Ingress of the namespace whose name is close.
fn near_ingress<'i>(facts: &Facts<'i>, namespace: &str, wanted: &str) -> Option<&'i str> {
    let names = facts.inventory.ingresses.in_namespace(namespace).iter().map(Object::name);
    let scored = names.map(|name| (strsim::jaro_winkler(name, wanted), name)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

/// A Challenge keeps a copy of the solver, and the Order a copy of the annotations.
pub fn begin_anew(facts: &Facts) -> Fix {
    let title = "then begin anew: Order and Challenge keep copies of the old settings";
    match facts.request() {
        Ok(node) => {
            let request = node.request.objref();
            Fix::command(
                title,
                format!("kubectl delete certificaterequest {}{}", request.name, request.namespace_flag()),
            )
        }
        Err(_) => Fix::manual(title),
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
            assert_eq!(specimen.ids(), ["http01-solver-pod-not-running"], "{words}");
            assert!(specimen.judge().headline.contains(told), "{}", specimen.judge().headline);
            let while_checking = self_check(words);
            assert_eq!(while_checking.root(), Some("http01-solver-pod-not-running"), "{words}");
        }
        assert_eq!(not_presented("conflict, please try again").ids(), Vec::<&str>::new());
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
        assert_eq!(event("2026-11-22T06:31:00Z").ids(), ["http01-solver-pod-not-running"]);
        assert_eq!(event("2026-11-22T06:01:00Z").ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_refused_path_type_is_told_for_both_controllers() {
        for words in [
            "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: ingress contains invalid paths: \
             path /.well-known/acme-challenge/x cannot be used with pathType Exact",
            "only \"ImplementationSpecific\" path type is supported",
        ] {
            assert_eq!(not_presented(words).ids(), ["http01-pathtype-exact-refused"]);
        }
        let other = "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: host \"x\" is already defined";
        assert_eq!(not_presented(other).ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_missing_ingress_is_told_with_the_near_name() {
        let missing = |text: &str| {
            not_presented(text).broken(|objects| {
                let ingress = objects.challenge().spec.solver.http01.as_mut().unwrap().ingress.as_mut().unwrap();
                ingress.ingress_class_name = None;
                ingress.name = "storefront".into();
            })
        };
        let text = "ingresses.networking.k8s.io \"storefront\" not found";
        assert_eq!(missing(text).ids(), ["http01-edit-in-place-ingress-missing"]);
        assert_eq!(
            missing("ingress.networking.k8s.io \"storefront\" not found").ids(),
            ["http01-edit-in-place-ingress-missing"]
        );
        let near = missing(text).with(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: storefront-v2, namespace: shop}\nspec: {}\n",
        );
        assert!(near.judge().findings[0].explanation.contains("There is an Ingress storefront-v2."));
        assert_eq!(not_presented(text).ids(), Vec::<&str>::new(), "the solver edits no Ingress");
        assert_eq!(missing("services \"storefront-svc\" not found").ids(), Vec::<&str>::new());
    }
}

//! What keeps a Deployment's Pods from running, in the words of the kubelet and the scheduler.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use crate::api::Object;
use crate::facts::Workload;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

/// What keeps Pods from running.
pub(super) struct Trouble {
    /// The end of a sentence that starts with the Deployment.
    pub(super) what: String,
    pub(super) evidence: Vec<(Witness, String)>,
    pub(super) fix: Fix,
}

impl Trouble {
    /// The trouble of a workload that is not available: by its wish, its Pods, or its own conditions.
    pub(super) fn of(workload: &Workload) -> Self {
        let object = workload.deployment.objref();
        let (name, namespace) = (&object.name, object.namespace_flag());
        if workload.wanted() == 0 {
            return Self {
                what: "is scaled to 0".into(),
                evidence: vec![(Witness::Spec(Kind::Deployment, "replicas"), "0".into())],
                fix: Fix::command("start it again", format!("kubectl scale deployment {name}{namespace} --replicas=1")),
            };
        }
        workload.pods.iter().find_map(|pod| of_pod(pod)).unwrap_or_else(|| of_deployment(workload))
    }
}

fn of_deployment(workload: &Workload) -> Trouble {
    let object = workload.deployment.objref();
    let status = workload.deployment.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let said = conditions
        .iter()
        .filter(|condition| {
            (condition.type_.as_deref() == Some("ReplicaFailure")) == (condition.status.as_deref() == Some("True"))
        })
        .find_map(|condition| condition.message.clone())
        .unwrap_or_default();
    let counts = format!("{} of {} replicas available", workload.available(), workload.wanted());
    Trouble {
        what: "has no Pod that is ready".into(),
        evidence: vec![
            (Witness::Status(Kind::Deployment, "availableReplicas"), counts),
            (Witness::Status(Kind::Deployment, "conditions"), said),
        ],
        fix: Fix::command(
            "see what keeps its Pods from starting",
            format!("kubectl describe deployment,replicaset,pod{} | tail -n 40", object.namespace_flag()),
        ),
    }
}

fn of_pod(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    let (name, namespace) = (pod.name(), pod.objref().namespace_flag());
    let describe = |title: &str| Fix::command(title, format!("kubectl describe pod {name}{namespace}"));
    if let Some(said) = status.message.as_ref().filter(|_| status.reason.as_deref() == Some("Evicted")) {
        return Some(Trouble {
            what: "has its Pod evicted from the node".into(),
            evidence: vec![(Witness::Status(Kind::Pod, "message"), said.clone())],
            fix: describe("give it requests and a priority, and free the node"),
        });
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        return Some(Trouble {
            what: "has a Pod that fits on no node".into(),
            evidence: vec![(
                Witness::Condition(Kind::Pod, "PodScheduled"),
                condition.message.clone().unwrap_or_default(),
            )],
            fix: describe("make room, or mend its node selector and tolerations"),
        });
    }
    status.container_statuses.iter().flatten().find_map(|container| of_container(container, name, &namespace))
}

fn of_container(container: &ContainerStatus, pod: &str, namespace: &str) -> Option<Trouble> {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let said = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    let evidence = vec![(Witness::Status(Kind::Pod, "containerStatuses"), format!("{reason}: {said}"))];
    if reason.contains("Image") {
        let fix = Fix::command(
            "see which image and why; mend its name or the pull secret",
            format!("kubectl describe pod {pod}{namespace}"),
        );
        return Some(Trouble { what: "has a Pod whose image cannot be pulled".into(), evidence, fix });
    }
    if reason.starts_with("CreateContainer") {
        let fix = Fix::command("see what is missing", format!("kubectl describe pod {pod}{namespace}"));
        return Some(Trouble { what: "has a Pod that lacks something that it mounts or reads".into(), evidence, fix });
    }
    let last = terminated(container).filter(|_| !container.ready)?;
    let count = container.restart_count;
    let mut evidence = evidence;
    evidence.retain(|_| !reason.is_empty());
    evidence.push((Witness::Status(Kind::Pod, "lastState"), exit(last)));
    evidence.push((Witness::Status(Kind::Pod, "lastState.message"), last.message.clone().unwrap_or_default()));
    Some(Trouble {
        what: format!("crashes again and again ({count} restarts)"),
        evidence,
        fix: Fix::command(
            "read its last words: after an upgrade mostly an unknown flag or feature gate, or missing CRDs",
            format!("kubectl logs {pod}{namespace} --previous --tail=30"),
        ),
    })
}

/// How the container's program ended last.
pub(super) fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| container.last_state.as_ref().and_then(|state| state.terminated.as_ref()))
}

/// A container that is not up because its program ended with an error of its own, and its Pod.
pub(super) fn crashed<'w>(workload: &'w Workload) -> Option<(&'w Pod, &'w ContainerStatus)> {
    workload.pods.iter().find_map(|pod| {
        let mut containers = pod.status.as_ref()?.container_statuses.iter().flatten();
        let is_crashed = |container: &&ContainerStatus| {
            let last = terminated(container).filter(|_| !container.ready);
            last.is_some_and(|last| last.exit_code != 0 && last.reason.as_deref() != Some("OOMKilled"))
        };
        Some((*pod, containers.find(is_crashed)?))
    })
}

/// `OOMKilled, exit code 137`
pub(super) fn exit(terminated: &ContainerStateTerminated) -> String {
    format!("{}, exit code {}", terminated.reason.as_deref().unwrap_or("ended"), terminated.exit_code)
}

/// A container that ran out of memory: its Pod and when.
pub(super) fn out_of_memory<'w>(workload: &'w Workload) -> Option<(&'w Pod, &'w ContainerStatus, Option<Timestamp>)> {
    workload.pods.iter().find_map(|pod| {
        let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
        containers.iter().find_map(|container| {
            let last = terminated(container).filter(|last| last.reason.as_deref() == Some("OOMKilled"))?;
            Some((*pod, container, last.finished_at.as_ref().map(|time| time.0)))
        })
    })
}

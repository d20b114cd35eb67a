//! The Pod of an HTTP-01 solver (`pkg/issuer/acme/http/pod.go`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, LocalObjectReference, Pod, PodSecurityContext, PodSpec,
    ResourceRequirements, SeccompProfile, SecurityContext, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PORT, aggregate, delete_owned, labels_with_extra, metadata, owned};
use crate::api::Challenge;
use crate::api::json;
use crate::api::pod_template::{PodTemplate, Resources};
use crate::engine::flags::Flags;
use crate::engine::turn::Turn;

/// Makes the Pod, if it is not there.
pub fn ensure(turn: &mut Turn, challenge: &Challenge) -> Result<(), String> {
    match owned::<Pod>(turn, challenge).len() {
        0 => {
            let pod = build(turn.flags, challenge);
            turn.cluster.create(pod).map(drop).map_err(|error| error.to_string())
        }
        1 => Ok(()),
        _ => {
            clean_up(turn, challenge);
            let words = "multiple existing challenge solver pods found and cleaned up. retrying challenge sync";
            aggregate([Err(words.to_owned())])
        }
    }
}

/// Deletes it.
pub fn clean_up(turn: &mut Turn, challenge: &Challenge) {
    delete_owned::<Pod>(turn, challenge);
}

fn build(flags: &Flags, challenge: &Challenge) -> Pod {
    let annotations =
        [("sidecar.istio.io/inject", "false"), ("cluster-autoscaler.kubernetes.io/safe-to-evict", "true")];
    let mut pod = Pod {
        metadata: metadata(challenge, labels_with_extra(flags, challenge), &annotations),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            node_selector: Some(BTreeMap::from([("kubernetes.io/os".to_owned(), "linux".to_owned())])),
            restart_policy: Some("OnFailure".to_owned()),
            enable_service_links: Some(false),
            runtime_class_name: Some(flags.http01_solver_runtime_class_name.clone()).filter(|name| !name.is_empty()),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(flags.http01_solver_run_as_non_root),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            containers: vec![container(flags, challenge)],
            ..PodSpec::default()
        }),
        status: None,
    };
    let http01 = challenge.spec.solver.http01.as_ref();
    let ingress = http01.and_then(|http01| http01.ingress.as_ref()?.pod_template.as_ref());
    let gateway = http01.and_then(|http01| http01.gateway_http_route.as_ref()?.pod_template.as_ref());
    for template in ingress.into_iter().chain(gateway) {
        merge(&mut pod, template);
    }
    pod
}

fn container(flags: &Flags, challenge: &Challenge) -> Container {
    let spec = &challenge.spec;
    let amounts = |cpu: &str, memory: &str| {
        Some(BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ]))
    };
    let sizes = &flags.http01_solver_resources;
    Container {
        name: "acmesolver".to_owned(),
        image: Some(flags.http01_solver_image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec![
            format!("--listen-port={PORT}"),
            format!("--domain={}", spec.dns_name),
            format!("--token={}", spec.token),
            format!("--key={}", spec.key),
        ]),
        resources: Some(ResourceRequirements {
            requests: amounts(&sizes.request_cpu, &sizes.request_memory),
            limits: amounts(&sizes.limit_cpu, &sizes.limit_memory),
            ..ResourceRequirements::default()
        }),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: PORT,
            ..ContainerPort::default()
        }]),
        security_context: Some(SecurityContext {
            read_only_root_filesystem: Some(true),
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// What the solver's template says goes over what the flags say.
fn merge(pod: &mut Pod, template: &PodTemplate) {
    let meta = &template.metadata;
    pod.metadata.labels.get_or_insert_default().extend(meta.labels.clone());
    pod.metadata.annotations.get_or_insert_default().extend(meta.annotations.clone());
    let (spec, wanted) = (pod.spec.get_or_insert_default(), &template.spec);
    spec.node_selector.get_or_insert_default().extend(wanted.node_selector.clone());
    if !wanted.tolerations.is_empty() {
        spec.tolerations.get_or_insert_default().extend(same::<_, Vec<Toleration>>(&wanted.tolerations));
    }
    if let Some(affinity) = &wanted.affinity {
        spec.affinity = Some(same::<_, Affinity>(affinity));
    }
    if !wanted.priority_class_name.is_empty() {
        spec.priority_class_name = Some(wanted.priority_class_name.clone());
    }
    if !wanted.service_account_name.is_empty() {
        spec.service_account_name = Some(wanted.service_account_name.clone());
    }
    if !wanted.image_pull_secrets.is_empty() {
        let secrets = same::<_, Vec<LocalObjectReference>>(&wanted.image_pull_secrets);
        spec.image_pull_secrets.get_or_insert_default().extend(secrets);
    }
    if let Some(context) = &wanted.security_context {
        spec.security_context = Some(same::<_, PodSecurityContext>(context));
    }
    if let Some(resources) = &wanted.resources {
        merge_resources(&mut spec.containers[0], resources);
    }
}

fn merge_resources(container: &mut Container, wanted: &Resources) {
    let resources = container.resources.get_or_insert_default();
    for (own, wanted) in [(&mut resources.requests, &wanted.requests), (&mut resources.limits, &wanted.limits)] {
        let wanted = wanted.iter().map(|(name, amount)| (name.clone(), Quantity(amount.0.clone())));
        own.get_or_insert_default().extend(wanted);
    }
}

/// The same in Kubernetes' own type.
fn same<A: Serialize, B: DeserializeOwned>(ours: &A) -> B {
    let text = serde_json::to_string(ours).expect("wire types have text keys only");
    json::read(&text).expect("both types mirror the same Go type")
}

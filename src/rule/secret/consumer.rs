//! Programs that go on with the old certificate after the Secret was renewed.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume};

use super::super::certificate::{issued_at, listed};
use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static CONSUMER_DID_NOT_RELOAD: Rule = Rule {
    id: "consumer-did-not-reload",
    aliases: &[],
    family: Family::Secret,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a Pod took the certificate in at its start, and the Secret was renewed since",
    doc: include_str!("../../../docs/rules/consumer-did-not-reload.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Pod],
    explains: &[],
    judge: consumer_did_not_reload,
};

fn consumer_did_not_reload(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let namespace = certificate.namespace().unwrap_or_default();
    let secret = certificate.spec.secret_name.as_str();
    // The first issuance finds no older Pods: they wait for the Secret.
    if certificate.status.revision.is_none_or(|revision| revision < 2) {
        return Err(Withheld::NotApplicable);
    }
    let changed = issued_at(facts, certificate).ok_or(Withheld::NotApplicable)?;
    let stale: Vec<(&Pod, How)> = facts
        .inventory
        .pods_with_secret(namespace, secret)
        .filter(|pod| started(pod).is_some_and(|started| started < changed))
        .filter_map(|pod| Some((pod, frozen(pod.spec.as_ref()?, secret)?)))
        .collect();
    let Some((first, how)) = stale.first() else { return Ok(vec![]) };
    let names: Vec<&str> = stale.iter().map(|(pod, _)| pod.name()).collect();
    let mut finding = CONSUMER_DID_NOT_RELOAD
        .on(first.objref())
        .says(format!("{} still {} with the certificate from before Secret {secret} was renewed", listed(&names),
            if names.len() == 1 { "runs" } else { "run" }))
        .because(format!(
            "The Pod takes the Secret in {}, which is read once, at its start. Kubernetes does not bring the renewed certificate to it, so it serves the old one until that expires.",
            how.words()
        ))
        .evidence(Witness::Computed, format!("Secret {secret} was renewed at {changed}"));
    for (pod, how) in stale.iter().take(3) {
        let started = started(pod).map(|started| started.to_string()).unwrap_or_default();
        let words = format!("{} reads {secret} {} and started at {started}", pod.name(), how.words());
        finding = finding.evidence(Witness::Spec(Kind::Pod, "containers, volumes"), words);
    }
    let restart = match restart(first) {
        Some(workload) => format!("kubectl rollout restart {workload} -n {namespace}"),
        None => format!("kubectl delete pod {} -n {namespace}", first.name()),
    };
    Ok(vec![
        finding
            .fix(Fix::command("start it anew", restart))
            .fix(Fix::patch(
                "mount the whole Secret, without subPath, and let the program watch the files",
                format!("volumes:\n- name: tls\n  secret:\n    secretName: {secret}\nvolumeMounts:\n- name: tls\n  mountPath: /etc/tls\n  readOnly: true"),
            ))
            .fix(Fix::manual("or let a controller such as Reloader restart it whenever the Secret changes")),
    ])
}

/// How a Pod takes a Secret in so that it never sees a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    SubPath,
    Variable,
}

impl How {
    fn words(self) -> &'static str {
        match self {
            Self::SubPath => "by a subPath mount",
            Self::Variable => "as an environment variable",
        }
    }
}

fn frozen(spec: &PodSpec, secret: &str) -> Option<How> {
    let holds = |volume: &&Volume| {
        let whole = volume.secret.as_ref().and_then(|source| source.secret_name.as_deref()) == Some(secret);
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        whole || sources.filter_map(|source| source.secret.as_ref()).any(|source| source.name == secret)
    };
    let volumes: Vec<&str> = spec.volumes.iter().flatten().filter(holds).map(|volume| volume.name.as_str()).collect();
    let by_sub_path = |container: &Container| {
        let mut mounts = container.volume_mounts.iter().flatten();
        mounts.any(|mount| {
            volumes.contains(&mount.name.as_str()) && (mount.sub_path.is_some() || mount.sub_path_expr.is_some())
        })
    };
    let by_variable = |container: &Container| {
        let mut single =
            container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()?.secret_key_ref.as_ref());
        let mut all = container.env_from.iter().flatten().filter_map(|source| source.secret_ref.as_ref());
        single.any(|reference| reference.name == secret) || all.any(|reference| reference.name == secret)
    };
    if spec.containers.iter().any(by_sub_path) {
        return Some(How::SubPath);
    }
    spec.containers.iter().any(by_variable).then_some(How::Variable)
}

/// Since when the Pod runs; nothing for those that are done.
fn started(pod: &Pod) -> Option<jiff::Timestamp> {
    let status = pod.status.as_ref()?;
    let is_done = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let started = status.start_time.as_ref().map(|time| time.0).or_else(|| pod.created())?;
    (!is_done && pod.deleting_since().is_none()).then_some(started)
}

/// The workload to start anew, as kubectl names it.
fn restart(pod: &Pod) -> Option<String> {
    let owner = pod.controller()?;
    match owner.kind.as_str() {
        "StatefulSet" => Some(format!("statefulset {}", owner.name)),
        "DaemonSet" => Some(format!("daemonset {}", owner.name)),
        "ReplicaSet" => {
            let name = owner.name.strip_suffix(pod.label("pod-template-hash")?)?.strip_suffix('-')?;
            Some(format!("deployment {name}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::specimen::Specimen;

    fn renewed(mount: &str, started: &str) -> Specimen {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: front-0, namespace: shop, creationTimestamp: '{started}'}}\nspec:\n  \
             volumes: [{{name: tls, secret: {{secretName: web-tls}}}}]\n  containers: [{{name: front, image: front, {mount}}}]\n\
             status: {{phase: Running, startTime: '{started}'}}\n"
        );
        Specimen::healthy().with(&pod).broken(|objects| {
            objects.certificate().status.revision = Some(2);
            let annotations = objects.request().metadata.annotations.as_mut().unwrap();
            annotations.insert("cert-manager.io/certificate-revision".into(), "2".into());
        })
    }

    const SUB_PATH: &str = "volumeMounts: [{name: tls, mountPath: /etc/tls.crt, subPath: tls.crt}]";
    const BEFORE: &str = "2026-11-20T06:30:00Z";

    #[test]
    fn a_pod_that_cannot_see_the_renewal_is_worth_knowing() {
        assert_eq!(renewed(SUB_PATH, BEFORE).ids(), ["consumer-did-not-reload"]);
        let variable = "env: [{name: CERT, valueFrom: {secretKeyRef: {name: web-tls, key: tls.crt}}}]";
        assert_eq!(renewed(variable, BEFORE).ids(), ["consumer-did-not-reload"]);
    }

    #[test]
    fn a_pod_that_can_see_it_or_is_younger_is_not() {
        let whole = "volumeMounts: [{name: tls, mountPath: /etc/tls}]";
        assert_eq!(renewed(whole, BEFORE).ids(), Vec::<&str>::new());
        assert_eq!(renewed(SUB_PATH, "2026-11-22T06:31:00Z").ids(), Vec::<&str>::new());
        let first = renewed(SUB_PATH, BEFORE).broken(|objects| objects.certificate().status.revision = Some(1));
        assert_eq!(first.ids(), Vec::<&str>::new());
    }
}

//! Clusters whose provider guards the system namespaces: cert-manager may not elect a leader there.

use k8s_openapi::api::core::v1::Pod;

use super::{as_of, asked, renewed, standstill};
use crate::api::Object;
use crate::facts::{Component, Facts, Workload};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How the nodes of a GKE Autopilot cluster are called.
const AUTOPILOT_NODE: &str = "gk3-";

/// A Lease that was renewed so lately is held.
const HELD_SECONDS: i64 = 300;

pub static MANAGED_CLUSTER_POLICY: Rule = Rule {
    id: "webhook-managed-cluster-policy",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the provider guards kube-system, where cert-manager is told to elect its leader",
    doc: include_str!("../../../docs/rules/webhook-managed-cluster-policy.md"),
    needs: &[Kind::Deployment, Kind::Pod, Kind::Lease],
    explains: &["controller-down", "cainjector-crashing", "issuer-no-status", "webhook-ca-mismatch"],
    judge: managed_cluster_policy,
};

fn managed_cluster_policy(facts: &Facts) -> Judgement {
    let asked = asked(facts, Component::Controller).or_else(|| asked_injector(facts));
    if asked.is_none() && standstill(facts).is_none() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let workloads: Vec<Workload> =
        asked.map_or_else(|| installation.of_component(Component::Controller).cloned().collect(), |asked| vec![asked]);
    Ok(workloads
        .iter()
        .filter_map(|workload| {
            let place = workload.flag("leader-election-namespace");
            let pod = workload.pods.iter().find(|pod| is_on_autopilot(pod))?;
            if place.is_some_and(|place| place != "kube-system")
                || workload.flag("leader-elect") == Some("false")
                || holds_its_lease(facts, workload.component)
            {
                return None;
            }
            let object = workload.deployment.objref();
            let flag = place.map_or_else(
                || "no --leader-election-namespace, which means kube-system".to_owned(),
                |place| format!("--leader-election-namespace={place}"),
            );
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
            Some(
                MANAGED_CLUSTER_POLICY
                    .on(object.clone())
                    .says(format!(
                        "{object} elects its leader in kube-system, which GKE Autopilot lets nobody write to: it never gets to work"
                    ))
                    .because(
                        "On Autopilot the system namespaces are managed by Google, and a write there is refused (\"is managed \
                         and access is denied\"). The Pod runs and is ready, but waits for ever to become the leader.",
                    )
                    .evidence(Witness::Spec(Kind::Deployment, "template.spec.containers.args"), flag)
                    .evidence(
                        Witness::Spec(Kind::Pod, "nodeName"),
                        format!("{} runs on {node}, a node of GKE Autopilot", pod.name()),
                    )
                    .fix(Fix::command(
                        "elect the leader in cert-manager's own namespace",
                        format!(
                            "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager{ns} --reuse-values --set \
                             global.leaderElection.namespace={own}",
                            ns = object.namespace_flag(),
                            own = object.namespace.as_deref().unwrap_or("cert-manager")
                        ),
                    )),
            )
        })
        .collect())
}

fn asked_injector<'i>(facts: &Facts<'i>) -> Option<Workload<'i>> {
    asked(facts, Component::CaInjector)
}

fn is_on_autopilot(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node.is_some_and(|node| node.starts_with(AUTOPILOT_NODE))
}

/// Whether the component's leader has been at work of late, wherever its Lease is.
fn holds_its_lease(facts: &Facts, component: Component) -> bool {
    let names: &[&str] = match component {
        Component::Controller => &["cert-manager-controller"],
        Component::CaInjector => &["cert-manager-cainjector-leader-election"],
        Component::Webhook => &[],
    };
    let leases = names.iter().flat_map(|name| facts.inventory.leases.named(name));
    leases
        .filter_map(|lease| Some((lease, renewed(lease)?)))
        .any(|(lease, renewed)| as_of(facts, lease).duration_since(renewed).as_secs() < HELD_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{deployment, lease, pod};
    use super::*;
    use crate::facts::specimen::Specimen;

    fn on(node: &str, component: &str, args: &str) -> Specimen {
        let place =
            if component == "controller" { "cert-manager".to_owned() } else { format!("cert-manager-{component}") };
        let pod = pod(component, "state: {running: {}}")
            .replace("{containers: []}", &format!("{{containers: [], nodeName: {node}}}"));
        let deployment = deployment(component, 1, 1).replace("{name: c,", &format!("{{name: c, args: [{args}],"));
        Specimen::healthy().with(&deployment).with(&pod).about(Kind::Deployment, Some("cert-manager"), &place)
    }

    #[test]
    fn on_autopilot_a_leader_elected_in_kube_system_is_the_fault() {
        const NODE: &str = "gk3-shop-pool-1-3f0f0a5c-x2lq";
        const ID: &str = "webhook-managed-cluster-policy";
        assert_eq!(on(NODE, "controller", "--v=2").root(), Some(ID));
        assert_eq!(on(NODE, "cainjector", "--leader-election-namespace=kube-system").root(), Some(ID));
        assert_eq!(on("gke-shop-pool-1-3f0f0a5c-x2lq", "controller", "--v=2").ids(), Vec::<&str>::new());
        assert_eq!(on(NODE, "controller", "--leader-election-namespace=cert-manager").ids(), Vec::<&str>::new());
        assert_eq!(on(NODE, "controller", "--leader-elect=false").ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_leader_at_work_refutes_it() {
        let led = on("gk3-a", "controller", "--v=2").with(&lease(
            "cert-manager-controller",
            "kube-system",
            "2026-11-22T06:39:00.000000Z",
        ));
        assert_eq!(led.ids(), Vec::<&str>::new());
    }
}

//! Two cert-managers in one cluster, which undo each other's work.

use std::collections::BTreeSet;

use k8s_openapi::api::coordination::v1::Lease;

use super::{as_of, asked, renewed};
use crate::api::Object;
use crate::chain::Tie;
use crate::facts::{Component, Facts, Workload};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// A Lease that was renewed so lately is held.
const LEASE_SECONDS: i64 = 300;

const WHY: &str = "Each elects its own leader, so both work on every certificate: requests come twice, updates collide, and one \
                   removes the solver of the other.";

pub static TWO_CERT_MANAGERS: Rule = Rule {
    id: "two-cert-managers",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Warning,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "two cert-manager controllers work on the same objects",
    doc: include_str!("../../../docs/rules/two-cert-managers.md"),
    needs: &[Kind::Deployment, Kind::Lease],
    explains: &[],
    judge: two_cert_managers,
};

fn two_cert_managers(facts: &Facts) -> Judgement {
    let doubled = doubled_revision(facts);
    if asked(facts, Component::Controller).is_none() && doubled.is_none() && !facts.has_failed() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let active: Vec<&Workload> =
        installation.of_component(Component::Controller).filter(|workload| workload.available() > 0).collect();
    let leads = |workload: &Workload| workload.flag("leader-election-namespace").unwrap_or("kube-system").to_owned();
    let watches = |workload: &Workload| workload.flag("namespace").unwrap_or_default().to_owned();
    // With one leader election between them only one of them works; with a namespace each they do not meet.
    let pair = active.iter().enumerate().find_map(|(at, first)| {
        active[at + 1..]
            .iter()
            .find(|second| {
                let (one, two) = (watches(first), watches(second));
                leads(first) != leads(second) && (one.is_empty() || two.is_empty() || one == two)
            })
            .map(|second| (*first, *second))
    });
    let Some((first, second)) = pair else { return Ok(by_leases(facts, doubled).into_iter().collect()) };
    let (one, two) = (first.deployment.objref(), second.deployment.objref());
    Ok(vec![
        TWO_CERT_MANAGERS
            .on(two.clone())
            .says(format!("two cert-manager controllers are at work: {one} and {two}"))
            .because(WHY)
            .evidence(
                Witness::Spec(Kind::Deployment, "template"),
                format!("--leader-election-namespace is {} and {}", leads(first), leads(second)),
            )
            .evidence(
                Witness::Computed,
                doubled
                    .map(|revision| {
                        format!(
                            "revision {revision} has two \
             requests"
                        )
                    })
                    .unwrap_or_default(),
            )
            .fix(Fix::command("see which release each belongs to", "helm list -A | grep cert-manager"))
            .fix(Fix::command(
                "stop the one that is not wanted, then uninstall it without its CRDs",
                format!("kubectl scale deployment {}{} --replicas=0", two.name, two.namespace_flag()),
            )),
    ])
}

/// Two leaders of late, by their Leases in two namespaces, where the Deployments do not show both controllers.
fn by_leases(facts: &Facts, doubled: Option<i64>) -> Option<Finding> {
    let leases = facts.inventory.leases.named("cert-manager-controller");
    let alive: Vec<&Lease> = leases
        .filter(|lease| {
            renewed(lease).is_some_and(|at| as_of(facts, lease).duration_since(at).as_secs() < LEASE_SECONDS)
        })
        .collect();
    let holder = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
    let [first, .., second] = alive.as_slice() else { return None };
    if holder(first) == holder(second) {
        return None;
    }
    let (one, two) = (first.objref(), second.objref());
    Some(
        TWO_CERT_MANAGERS
            .on(two.clone())
            .says(format!("two cert-manager controllers are at work: {one} and {two} are both held"))
            .because(WHY)
            .evidence(Witness::Spec(Kind::Lease, "holderIdentity"), format!("{} and {}", holder(first), holder(second)))
            .evidence(
                Witness::Computed,
                doubled.map(|revision| format!("revision {revision} has two requests")).unwrap_or_default(),
            )
            .fix(Fix::command("see which release each belongs to", "helm list -A | grep cert-manager"))
            .fix(Fix::command(
                "find both, then stop the one that is not wanted",
                "kubectl get deployments -A -l app.kubernetes.io/component=controller",
            )),
    )
}

/// A revision that two requests of the same Certificate claim.
fn doubled_revision(facts: &Facts) -> Option<i64> {
    let mut seen = BTreeSet::new();
    let owned = facts.chain.requests.iter().filter(|node| node.tie == Tie::Owner);
    owned.filter_map(|node| node.request.revision()).find(|revision| !seen.insert(*revision))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{deployment, lease};
    use crate::facts::specimen::Specimen;
    use crate::objref::Kind;

    fn second(flags: &str) -> String {
        deployment("controller", 1, 1)
            .replace("namespace: cert-manager", "namespace: legacy")
            .replace("v1.21.0'", &format!("v1.21.0', args: [{flags}]"))
    }

    fn asked(first: &str, second: &str) -> Specimen {
        Specimen::healthy().with(first).with(second).about(Kind::Deployment, Some("cert-manager"), "cert-manager")
    }

    #[test]
    fn two_leaders_are_found_and_one_is_not() {
        let first = deployment("controller", 1, 1);
        let apart = second("--leader-election-namespace=legacy");
        assert_eq!(asked(&first, &apart).ids(), ["two-cert-managers"]);
        assert_eq!(asked(&first, &apart).judge().verdict.id(), "failing");
        assert_eq!(asked(&first, &second("")).ids(), Vec::<&str>::new(), "one leader election");
        assert_eq!(asked(&first, "").ids(), Vec::<&str>::new());
        let own = second("--leader-election-namespace=legacy, --namespace=legacy");
        let first_own = first.replace("v1.21.0'", "v1.21.0', args: [--namespace=web]");
        assert_eq!(asked(&first_own, &own).ids(), Vec::<&str>::new(), "a namespace each");
    }

    #[test]
    fn a_chain_is_told_of_it_when_work_is_done_twice() {
        let apart = second("--leader-election-namespace=legacy");
        let both = Specimen::http01().with(&deployment("controller", 1, 1)).with(&apart);
        assert_eq!(both.ids(), Vec::<&str>::new());
        let twice = both.broken(|objects| {
            let mut request = objects.request().clone();
            request.metadata.name = Some("web-x2".into());
            request.metadata.uid = Some("x2".into());
            objects.requests.push(request);
        });
        assert!(twice.ids().contains(&"two-cert-managers"), "{:?}", twice.ids());
    }
    #[test]
    fn two_leases_that_are_held_tell_of_it_too() {
        let with = |second: &str, holder: &str| {
            let first = lease("cert-manager-controller", "kube-system", "2026-11-22T06:39:30.000000Z");
            let second = lease("cert-manager-controller", "legacy", second).replace("pod-external", holder);
            asked(&deployment("controller", 1, 1), "").with(&first).with(&second)
        };
        assert_eq!(with("2026-11-22T06:39:40.000000Z", "other-external").ids(), ["two-cert-managers"]);
        assert_eq!(with("2026-11-20T06:39:40.000000Z", "other-external").ids(), Vec::<&str>::new(), "left behind");
    }
}

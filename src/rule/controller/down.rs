//! The controller and the cainjector: down, out of memory, or alive without leading.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::trouble::{Trouble, exit, out_of_memory, terminated};
use super::{START_SECONDS, as_of, asked, renewed, standstill};
use crate::api::Object;
use crate::duration::human;
use crate::fact::Fact;
use crate::facts::{Component, Facts, Workload, known};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// The Lease of the controller's leader.
const CONTROLLER_LEASE: &str = "cert-manager-controller";
/// The Leases of the cainjector's leader; the second in old releases.
const CAINJECTOR_LEASES: [&str; 2] =
    ["cert-manager-cainjector-leader-election", "cert-manager-cainjector-leader-election-core"];

/// A Lease is renewed every 15 seconds and lasts for 60. A restart may leave a gap of about that; this is beyond it.
const LEASE_MINUTES: i64 = 5;

/// How long a death by memory counts as present.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

pub static CONTROLLER_DOWN: Rule = Rule {
    id: "controller-down",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the cert-manager controller does not run",
    doc: include_str!("../../../docs/rules/controller-down.md"),
    needs: &[Kind::Deployment, Kind::Pod, Kind::Lease],
    explains: &["issuer-no-status"],
    judge: controller_down,
};

fn controller_down(facts: &Facts) -> Judgement {
    let asked = asked(facts, Component::Controller);
    let since = standstill(facts);
    if asked.is_none() && since.is_none() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let workloads: Vec<Workload> =
        asked.map_or_else(|| installation.of_component(Component::Controller).cloned().collect(), |asked| vec![asked]);
    let stands = since.map(|since| format!("nothing has moved since {since}")).unwrap_or_default();
    if let Some(workload) = workloads.first().filter(|_| workloads.iter().all(|workload| is_down(facts, workload))) {
        return Ok(vec![unavailable(workload, &stands)]);
    }
    let elects = !workloads.iter().any(|workload| workload.flag("leader-elect") == Some("false"));
    let lease = elects.then(|| newest_lease(facts, &[CONTROLLER_LEASE])).flatten();
    if let Some((lease, renewed)) = lease.filter(|(lease, renewed)| is_stale(facts, lease, *renewed)) {
        return Ok(vec![without_leader(facts, lease, renewed, &workloads, &stands)]);
    }
    if workloads.is_empty() && lease.is_none() {
        // The chain stands still, and whether anybody is there to move it was not looked at.
        let nothing: Fact<()> = facts.inventory.missing(Kind::Deployment, Some("cert-manager"), Some("cert-manager"));
        known(&nothing, Kind::Deployment)?;
    }
    Ok(vec![])
}

fn unavailable(workload: &Workload, stands: &str) -> Finding {
    let object = workload.deployment.objref();
    let trouble = Trouble::of(workload);
    let finding = CONTROLLER_DOWN
        .on(object.clone())
        .says(format!("the cert-manager controller does not run: {object} {}", trouble.what))
        .because(
            "Every step of an issuance is taken by the controller: without it nothing is triggered, signed, \
         stored or renewed.",
        );
    let finding =
        trouble.evidence.into_iter().fold(finding, |finding, (witness, words)| finding.evidence(witness, words));
    finding.evidence(Witness::Computed, stands).fix(trouble.fix)
}

fn without_leader(facts: &Facts, lease: &Lease, renewed: Timestamp, workloads: &[Workload], stands: &str) -> Finding {
    let ago = human(as_of(facts, lease).duration_since(renewed));
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    let finding = CONTROLLER_DOWN
        .on(lease.objref())
        .says(format!("no cert-manager controller is at work: its Lease was last renewed {ago} ago"))
        .because(
            "The controller that leads renews this Lease every 15 seconds. Without a leader nothing is \
             triggered, signed, \
             stored or renewed.",
        )
        .evidence(Witness::Spec(Kind::Lease, "renewTime"), renewed.to_string())
        .evidence(Witness::Spec(Kind::Lease, "holderIdentity"), holder)
        .evidence(Witness::Computed, stands);
    match workloads.first().map(|workload| workload.deployment.objref()) {
        Some(object) => finding
            .evidence(
                Witness::Status(Kind::Deployment, "availableReplicas"),
                format!("{object} says that it is available"),
            )
            .fix(Fix::command(
                "read what it says",
                format!("kubectl logs deployment/{}{} --tail=50", object.name, object.namespace_flag()),
            ))
            .fix(Fix::command(
                "and restart it",
                format!("kubectl rollout restart deployment {}{}", object.name, object.namespace_flag()),
            )),
        None => finding.fix(Fix::command(
            "look for its Deployment and Pods",
            "kubectl get deployments,pods -A -l app.kubernetes.io/component=controller",
        )),
    }
}

pub static CONTROLLER_OOM: Rule = Rule {
    id: "controller-oom",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the cert-manager controller runs out of memory and is killed",
    doc: include_str!("../../../docs/rules/controller-oom.md"),
    needs: &[Kind::Deployment, Kind::Pod],
    explains: &["controller-down", "issuer-no-status"],
    judge: controller_oom,
};

fn controller_oom(facts: &Facts) -> Judgement {
    let asked = asked(facts, Component::Controller);
    if asked.is_none() && standstill(facts).is_none() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let workloads: Vec<Workload> =
        asked.map_or_else(|| installation.of_component(Component::Controller).cloned().collect(), |asked| vec![asked]);
    let killed = workloads.iter().find_map(|workload| {
        let (pod, container, at) = out_of_memory(workload)?;
        let recent = at.is_none_or(|at| facts.since(at) <= RECENT) || !container.ready;
        recent.then_some((workload, pod, container))
    });
    let Some((workload, pod, container)) = killed else { return Ok(vec![]) };
    let object = workload.deployment.objref();
    let (name, namespace) = (&object.name, object.namespace_flag());
    let spec = workload.deployment.spec.template.spec.as_ref();
    let limit = spec.and_then(|spec| {
        let limits = spec.containers.iter().filter_map(|container| container.resources.as_ref()?.limits.as_ref());
        limits.filter_map(|limits| limits.get("memory")).map(|quantity| quantity.0.clone()).next()
    });
    let ended = terminated(container).map(exit).unwrap_or_default();
    let gates = workload.flag("feature-gates").unwrap_or_default();
    let caches_all = gates.split(',').any(|gate| gate.trim() == "SecretsFilteredCaching=false");
    let finding = if caches_all {
        let words = "SecretsFilteredCaching=false: every Secret of the cluster is kept in memory";
        CONTROLLER_OOM
            .on(object.clone())
            .evidence(Witness::Spec(Kind::Deployment, "template.spec.containers.args"), words)
    } else {
        CONTROLLER_OOM.on(object.clone())
    };
    Ok(vec![
        finding
            .says(format!(
                "the cert-manager controller runs out of memory: Pod {} was killed {} \
             times",
                pod.name(),
                container.restart_count
            ))
            .because(
                "It starts from the beginning after each death, and reads every certificate and many Secrets \
                 before it works. \
                 With too little memory it never gets to work.",
            )
            .evidence(Witness::Status(Kind::Pod, "lastState"), ended)
            .evidence(Witness::Spec(Kind::Deployment, "resources.limits.memory"), limit.unwrap_or_default())
            .fix(Fix::command(
                "give it more memory",
                format!(
                    "kubectl set resources deployment {name}{namespace} --requests=memory=512Mi \
                 --limits=memory=1Gi"
                ),
            ))
            .fix(if caches_all {
                Fix::command(
                    "and take the feature gate off the list: without it foreign Secrets stay out of memory",
                    format!(
                        "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager{namespace} --reuse-values --set \
                         featureGates=SecretsFilteredCaching=true"
                    ),
                )
            } else {
                Fix::command(
                    "and see whether the feature gate SecretsFilteredCaching is switched off: it keeps foreign Secrets out \
                     of memory",
                    format!("kubectl get deployment {name}{namespace} -o yaml | grep feature-gates"),
                )
            }),
    ])
}

pub static CAINJECTOR_CRASHING: Rule = Rule {
    id: "cainjector-crashing",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Warning,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "the cainjector does not stay up, so CA bundles of webhooks grow old",
    doc: include_str!("../../../docs/rules/cainjector-crashing.md"),
    needs: &[Kind::Deployment, Kind::Pod, Kind::Lease],
    explains: &[],
    judge: cainjector_crashing,
};

fn cainjector_crashing(facts: &Facts) -> Judgement {
    let workload = asked(facts, Component::CaInjector).ok_or(Withheld::NotApplicable)?;
    let object = workload.deployment.objref();
    let why = "The cainjector writes the CA into cert-manager's own webhook configuration. When that CA is \
     renewed and the \
               cainjector is not there, the API server refuses every certificate, request and issuer.";
    let finding = CAINJECTOR_CRASHING.on(object.clone()).because(why);
    let (name, namespace) = (&object.name, object.namespace_flag());
    if let Some((pod, container, _)) = out_of_memory(&workload)
        .filter(|(_, container, at)| !container.ready || at.is_none_or(|at| facts.since(at) <= RECENT))
    {
        let ended = terminated(container).map(exit).unwrap_or_default();
        return Ok(vec![
            finding
                .says(format!(
                    "the cainjector runs out of memory: Pod {} was killed {} times",
                    pod.name(),
                    container.restart_count
                ))
                .evidence(Witness::Status(Kind::Pod, "lastState"), ended)
                .fix(Fix::command(
                    "give it more memory: it keeps every Secret of the cluster",
                    format!(
                        "kubectl set resources deployment {name}{namespace} --requests=memory=512Mi --limits=memory=1Gi"
                    ),
                )),
        ]);
    }
    if is_down(facts, &workload) {
        let trouble = Trouble::of(&workload);
        let finding = finding.says(format!("the cainjector does not run: {object} {}", trouble.what));
        let finding =
            trouble.evidence.into_iter().fold(finding, |finding, (witness, words)| finding.evidence(witness, words));
        return Ok(vec![finding.fix(trouble.fix)]);
    }
    if let Some((pod, container, last)) = restarting(facts, &workload) {
        let said = last.message.clone().unwrap_or_default();
        return Ok(vec![
            finding
                .says(format!(
                    "the cainjector comes and goes: Pod {} was started anew {} times",
                    pod.name(),
                    container.restart_count
                ))
                .evidence(Witness::Status(Kind::Pod, "lastState"), exit(last))
                .evidence(Witness::Status(Kind::Pod, "lastState.message"), said)
                .fix(Fix::command(
                    "read its last words: \"leader election lost\" means that the API server was slow to answer",
                    format!("kubectl logs {}{namespace} --previous --tail=30", pod.name()),
                ))
                .fix(Fix::command(
                    "then give its leader more time (values of the Helm chart, for both leaders)",
                    format!(
                        "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager{namespace} --reuse-values --set \
                         global.leaderElection.leaseDuration=120s,global.leaderElection.renewDeadline=90s,\
                         global.leaderElection.retryPeriod=20s"
                    ),
                )),
        ]);
    }
    let stale = newest_lease(facts, &CAINJECTOR_LEASES).filter(|(lease, renewed)| is_stale(facts, lease, *renewed));
    let Some((lease, renewed)) = stale else { return Ok(vec![]) };
    let ago = human(as_of(facts, lease).duration_since(renewed));
    Ok(vec![
        finding
            .says(format!("the cainjector runs but does not work: its Lease was last renewed {ago} ago"))
            .evidence(Witness::Spec(Kind::Lease, "renewTime"), renewed.to_string())
            .fix(Fix::command("restart it", format!("kubectl rollout restart deployment {name}{namespace}"))),
    ])
}

/// From so many restarts on it is no matter of one bad day.
const MANY_RESTARTS: i32 = 5;

/// A container that runs now and has ended with an error again and again, lately too.
fn restarting<'w>(
    facts: &Facts,
    workload: &'w Workload,
) -> Option<(&'w Pod, &'w ContainerStatus, &'w ContainerStateTerminated)> {
    workload.pods.iter().find_map(|pod| {
        let mut containers = pod.status.as_ref()?.container_statuses.iter().flatten();
        containers.find_map(|container| {
            let last = terminated(container).filter(|_| container.restart_count >= MANY_RESTARTS)?;
            let at = last.finished_at.as_ref().map(|time| time.0)?;
            (last.exit_code != 0 && facts.since(at) <= RECENT).then_some((*pod, container, last))
        })
    })
}

/// Whether a workload has nothing available, and has had the time to start.
pub(super) fn is_down(facts: &Facts, workload: &Workload) -> bool {
    // A manifest has no status: it says nothing about what runs.
    workload.deployment.status.is_some()
        && workload.available() == 0
        && facts.is_older_than(workload.deployment.created(), START_SECONDS)
}

/// The Lease of one of these names that was renewed last, in whatever namespace.
fn newest_lease<'i>(facts: &Facts<'i>, names: &[&str]) -> Option<(&'i Lease, Timestamp)> {
    let leases = names.iter().flat_map(|name| facts.inventory.leases.named(name));
    let renewed = leases.filter_map(|lease| Some((lease, renewed(lease)?)));
    renewed.max_by_key(|(lease, renewed)| (*renewed, lease.namespace(), lease.name()))
}

fn is_stale(facts: &Facts, lease: &Lease, renewed: Timestamp) -> bool {
    as_of(facts, lease).duration_since(renewed) > SignedDuration::from_mins(LEASE_MINUTES)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{deployment, lease, pod};
    use super::*;
    use crate::api::{CertificateConditionType, CertificateStatus};
    use crate::facts::specimen::Specimen;
    use crate::inventory::{Answer, Scope};

    /// A Certificate that was made at 06:29:51 and that nobody has touched since.
    fn untouched(minutes: i64) -> Specimen {
        Specimen::http01().later(minutes).broken(|objects| {
            objects.requests.clear();
            objects.orders.clear();
            objects.challenges.clear();
            objects.certificate().status = CertificateStatus::default();
        })
    }

    fn first(specimen: &Specimen) -> Finding {
        specimen.judge().findings[0].clone()
    }

    #[test]
    fn a_controller_that_is_down_explains_a_chain_that_nobody_touched() {
        let down = untouched(5).with(&deployment("controller", 1, 0));
        assert_eq!(down.ids(), ["controller-down", "issuance-stalled"]);
        assert_eq!(untouched(5).with(&deployment("controller", 1, 1)).root(), Some("issuance-stalled"));
        assert_eq!(untouched(1).with(&deployment("controller", 1, 0)).ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_chain_that_is_well_or_waits_for_somebody_else_does_not_care() {
        let down = deployment("controller", 1, 0);
        assert_eq!(Specimen::healthy().with(&down).ids(), Vec::<&str>::new());
        assert!(!Specimen::http01().later(30).with(&down).ids().contains(&"controller-down"));
    }

    #[test]
    fn the_reason_that_it_is_down_is_named() {
        let crash = "state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s}}, lastState: \
         {terminated: {exitCode: 1, \
                     reason: Error, message: 'unknown flag: --enable-foo'}}";
        let image = "state: {waiting: {reason: ImagePullBackOff, message: not found}}";
        for (specimen, words) in [
            (untouched(5).with(&deployment("controller", 0, 0)), "is scaled to 0"),
            (
                untouched(5).with(&deployment("controller", 1, 0)).with(&pod("controller", crash)),
                "crashes again and again (9 restarts)",
            ),
            (
                untouched(5).with(&deployment("controller", 1, 0)).with(&pod("controller", image)),
                "image cannot be pulled",
            ),
            (untouched(5).with(&deployment("controller", 1, 0)), "has no Pod that is ready"),
        ] {
            assert!(first(&specimen).summary.contains(words), "{}", first(&specimen).summary);
        }
    }

    #[test]
    fn a_lease_that_is_not_renewed_tells_of_it_too() {
        let stale = |minutes| {
            untouched(minutes).with(&lease("cert-manager-controller", "kube-system", "2026-11-22T06:10:00.000000Z"))
        };
        assert_eq!(first(&stale(10)).rule.id, "controller-down");
        let fresh = untouched(10).with(&lease("cert-manager-controller", "kube-system", "2026-11-22T06:29:50.000000Z"));
        assert!(!fresh.ids().contains(&"controller-down"));
        // The live cluster is judged by the clock, saved objects by the freshest of them.
        let live = fresh.broken(|objects| objects.coverage.record(Kind::Lease, Scope::Cluster, Answer::Complete));
        assert!(live.ids().contains(&"controller-down"));
        let two = stale(10).with(&lease("cert-manager-controller", "cert-manager", "2026-11-22T06:29:40.000000Z"));
        assert!(!two.ids().contains(&"controller-down"), "an old installation left its Lease behind");
    }

    #[test]
    fn not_having_looked_is_a_gap_only_where_the_chain_stands_still() {
        let gap = |specimen: &Specimen| {
            specimen.judge().withheld.iter().any(|withheld| withheld.rule.id == "controller-down")
        };
        assert!(gap(&untouched(5)));
        assert!(!gap(&Specimen::healthy()) && !gap(&Specimen::http01()));
        let absent =
            untouched(5).broken(|objects| objects.coverage.record(Kind::Deployment, Scope::Cluster, Answer::Complete));
        assert!(!gap(&absent));
    }

    #[test]
    fn a_deployment_can_be_asked_about_itself() {
        let down = Specimen::healthy().with(&deployment("controller", 1, 0)).about(
            Kind::Deployment,
            Some("cert-manager"),
            "cert-manager",
        );
        assert_eq!(down.ids(), ["controller-down"]);
        let up = Specimen::healthy().with(&deployment("controller", 1, 1)).about(
            Kind::Deployment,
            Some("cert-manager"),
            "cert-manager",
        );
        assert_eq!(up.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_death_by_memory_is_told_from_another() {
        let oom = |finished: &str, ready: bool| {
            let container =
                format!("lastState: {{terminated: {{exitCode: 137, reason: OOMKilled, finishedAt: '{finished}'}}}}");
            let yaml = pod("controller", &container).replace("ready: false", &format!("ready: {ready}"));
            untouched(5).with(&deployment("controller", 1, 0)).with(&yaml)
        };
        assert_eq!(oom("2026-11-22T06:31:00Z", false).ids(), ["controller-oom", "controller-down", "issuance-stalled"]);
        assert!(!oom("2026-11-20T06:31:00Z", true).ids().contains(&"controller-oom"), "long ago");
    }

    #[test]
    fn a_feature_gate_that_costs_memory_is_named() {
        let oom = pod("controller", "lastState: {terminated: {exitCode: 137, reason: OOMKilled}}");
        let with = |args: &str| {
            let deployment =
                deployment("controller", 1, 0).replace("{name: c,", &format!("{{name: c, args: [{args}],"));
            first(&untouched(5).with(&deployment).with(&oom))
        };
        let told =
            |finding: &Finding| finding.evidence.iter().any(|one| one.text.starts_with("SecretsFilteredCaching"));
        assert!(told(&with("'--feature-gates=ServerSideApply=true,SecretsFilteredCaching=false'")));
        assert!(!told(&with("'--feature-gates=ServerSideApply=true'")));
    }

    #[test]
    fn a_cainjector_that_comes_and_goes_is_told_while_it_is_up() {
        let name = "cert-manager-cainjector";
        let with = |ended: &str, count: i32| {
            let container = format!(
                "state: {{running: {{}}}}, lastState: {{terminated: {{exitCode: 1, reason: Error, finishedAt: '{ended}', \
                 message: 'error running manager: leader election lost'}}}}"
            );
            let pod = pod("cainjector", &container).replace("ready: false", "ready: true");
            let pod = pod.replace("restartCount: 9", &format!("restartCount: {count}"));
            let all = Specimen::healthy().with(&deployment("cainjector", 1, 1)).with(&pod);
            all.about(Kind::Deployment, Some("cert-manager"), name)
        };
        assert_eq!(with("2026-11-22T06:21:00Z", 41).ids(), ["cainjector-crashing"]);
        assert!(first(&with("2026-11-22T06:21:00Z", 41)).summary.contains("started anew 41 times"));
        assert_eq!(with("2026-11-22T06:21:00Z", 1).ids(), Vec::<&str>::new(), "once is no habit");
        assert_eq!(with("2026-11-20T06:21:00Z", 41).ids(), Vec::<&str>::new(), "long ago");
    }

    #[test]
    fn the_cainjector_is_judged_when_it_is_asked_about() {
        let name = "cert-manager-cainjector";
        let about = |specimen: Specimen| specimen.about(Kind::Deployment, Some("cert-manager"), name);
        let down = deployment("cainjector", 1, 0);
        assert_eq!(about(Specimen::healthy().with(&down)).ids(), ["cainjector-crashing"]);
        assert_eq!(Specimen::healthy().with(&down).ids(), Vec::<&str>::new());
        let up = Specimen::healthy().with(&deployment("cainjector", 1, 1));
        assert_eq!(about(up.clone()).ids(), Vec::<&str>::new());
        let idle =
            up.with(&lease("cert-manager-cainjector-leader-election", "kube-system", "2026-11-22T06:00:00.000000Z"));
        assert_eq!(about(idle).ids(), ["cainjector-crashing"]);
    }

    #[test]
    fn a_renewal_that_is_overdue_stands_still_from_its_due_time() {
        let overdue = Specimen::healthy().with(&deployment("controller", 1, 0)).broken(|objects| {
            objects.certificate().status.renewal_time =
                serde_json::from_value(serde_json::json!("2026-11-22T06:30:30Z")).unwrap();
        });
        assert_eq!(overdue.root(), Some("controller-down"));
        assert!(!overdue.objects.certificates[0].is(CertificateConditionType::Issuing));
    }
}

//! Which release of cert-manager runs: too old for these rules, newer than its CustomResourceDefinitions, or one with a
//! known fault.

use super::{asked, standstill, trouble};
use crate::api::{Object, RenewalPolicy};
use crate::facts::{Component, Facts, Release, Workload};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How long an issuance may last before it is in trouble.
const ISSUANCE_SECONDS: i64 = 600;

pub static TOO_OLD: Rule = Rule {
    id: "cert-manager-too-old",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "cert-manager is older than 1.17, so what is said here may not hold for it",
    doc: include_str!("../../../docs/rules/cert-manager-too-old.md"),
    needs: &[Kind::Deployment],
    explains: &[],
    judge: too_old,
};

fn too_old(facts: &Facts) -> Judgement {
    let told = told(facts)?;
    if told.release >= Release::OLDEST {
        return Ok(vec![]);
    }
    let finding = TOO_OLD
        .on(told.object.clone())
        .says(format!("cert-manager {} is older than 1.17, the oldest release that these rules know", told.release))
        .because(
            "Its defaults, its messages and the fields of its objects differ from those of later releases, so a cause may \
             be missed or named less exactly. It gets no corrections any more.",
        )
        .evidence(told.witness.clone(), told.words.clone());
    Ok(vec![finding.fix(upgrade(&told)).fix(new_definitions(told.release.next_minor()))])
}

/// One minor release at a time is what cert-manager supports.
fn upgrade(told: &Told) -> Fix {
    let Release { major, minor, .. } = told.release.next_minor();
    let namespace = told.object.namespace.as_deref().unwrap_or("cert-manager");
    Fix::command(
        "upgrade to the next minor release, and so on, one at a time",
        format!(
            "helm upgrade cert-manager cert-manager --repo https://charts.jetstack.io -n {namespace} --reuse-values --version \
             '~{major}.{minor}.0'"
        ),
    )
}

/// The CRDs of a release; the chart leaves them alone unless it is told otherwise.
fn new_definitions(release: Release) -> Fix {
    Fix::command(
        "bring its CustomResourceDefinitions along, unless the chart does (crds.enabled)",
        format!(
            "kubectl apply -f https://github.com/cert-manager/cert-manager/releases/download/{release}/cert-manager.crds.yaml"
        ),
    )
}

/// A release, and who tells of it.
struct Told {
    object: ObjRef,
    release: Release,
    witness: Witness,
    words: String,
}

impl Told {
    fn by_workload(workload: &Workload) -> Option<Self> {
        let (release, words) = workload.release()?;
        let witness = Witness::Spec(Kind::Deployment, "template");
        Some(Self { object: workload.deployment.objref(), release, witness, words })
    }
}

/// The release of the controller that was asked about, or of the one that works on a chain in trouble; where no
/// controller was seen, that of the CustomResourceDefinitions.
fn told(facts: &Facts) -> Result<Told, Withheld> {
    if let Some(workload) = asked(facts, Component::Controller) {
        return Told::by_workload(&workload).ok_or(Withheld::NotApplicable);
    }
    if !is_in_trouble(facts) {
        return Err(Withheld::NotApplicable);
    }
    let controllers = facts.installation().of_component(Component::Controller);
    let by_controller = controllers.filter_map(Told::by_workload).min_by_key(|told| told.release);
    let by_definition = || {
        let (name, release) = oldest_definition(facts)?;
        let words = format!("CustomResourceDefinition {name} is of {release}");
        Some(Told { object: facts.chain.subject.clone(), release, witness: Witness::Source, words })
    };
    by_controller.or_else(by_definition).ok_or(Withheld::NotApplicable)
}

/// Whether the target failed, or stands still for longer than an issuance takes.
fn is_in_trouble(facts: &Facts) -> bool {
    let lasts = || facts.issuance_began().is_some_and(|began| facts.is_older_than(Some(began), ISSUANCE_SECONDS));
    facts.has_failed() || standstill(facts).is_some() || (facts.is_issuing() && lasts())
}

/// The CustomResourceDefinition of the oldest release, of those that say theirs.
fn oldest_definition<'i>(facts: &Facts<'i>) -> Option<(&'i str, Release)> {
    let definitions = facts.inventory.definitions.iter();
    let told = definitions.filter_map(|(name, labels)| {
        Some((name.as_str(), Release::of_labels(|key| labels.get(key).map(String::as_str))?))
    });
    told.min_by_key(|(_, release)| *release)
}

pub static CRDS_NOT_UPGRADED: Rule = Rule {
    id: "upgrade-crds-not-upgraded",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CustomResourceDefinitions are of an older release than cert-manager itself",
    doc: include_str!("../../../docs/rules/upgrade-crds-not-upgraded.md"),
    needs: &[Kind::Deployment],
    explains: &[],
    judge: crds_not_upgraded,
};

fn crds_not_upgraded(facts: &Facts) -> Judgement {
    if facts.inventory.definitions.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    let told = told(facts)?;
    let Some((name, theirs)) = oldest_definition(facts) else { return Err(Withheld::NotApplicable) };
    if told.witness == Witness::Source || theirs >= told.release || theirs.is_of_minor(told.release) {
        return Ok(vec![]);
    }
    Ok(vec![
        CRDS_NOT_UPGRADED
            .on(told.object.clone())
            .says(format!("cert-manager is {}, but its CustomResourceDefinitions are still of {theirs}", told.release))
            .because(
                "The API server drops every field that its CustomResourceDefinitions do not have, without a word, so what \
                 was added since then has no effect, and the controller misses what it writes itself.",
            )
            .evidence(told.witness.clone(), told.words.clone())
            .evidence(Witness::Source, format!("CustomResourceDefinition {name} is of {theirs}"))
            .fix(Fix::command(
                "apply those of the release that runs",
                format!(
                    "kubectl apply --server-side --force-conflicts -f https://github.com/cert-manager/cert-manager/releases/\
                     download/{}/cert-manager.crds.yaml",
                    told.release
                ),
            ))
            .fix(Fix::manual("let the chart keep them in step from now on: crds.enabled=true, crds.keep=true")),
    ])
}

/// The release that cannot do with a Certificate whose renewal is switched off.
const PANICS: Release = Release::new(1, 21, 0);

pub static RENEWAL_DISABLED_PANIC: Rule = Rule {
    id: "upgrade-121-renewal-disabled-panic",
    aliases: &[],
    family: Family::Controller,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "cert-manager v1.21.0 panics over a Certificate whose renewal is switched off",
    doc: include_str!("../../../docs/rules/upgrade-121-renewal-disabled-panic.md"),
    needs: &[Kind::Deployment, Kind::Pod, Kind::Certificate],
    explains: &["controller-down", "issuer-no-status"],
    judge: renewal_disabled_panic,
};

fn renewal_disabled_panic(facts: &Facts) -> Judgement {
    let asked = asked(facts, Component::Controller);
    if asked.is_none() && standstill(facts).is_none() {
        return Err(Withheld::NotApplicable);
    }
    let installation = facts.installation();
    let controllers: Vec<Workload> =
        asked.map_or_else(|| installation.of_component(Component::Controller).cloned().collect(), |asked| vec![asked]);
    let Some(certificate) = facts.inventory.certificates_never_renewed().next() else {
        return Err(Withheld::NotApplicable);
    };
    Ok(controllers
        .iter()
        .filter_map(|workload| {
            let (release, words) = workload.release().filter(|(release, _)| *release == PANICS)?;
            let (pod, container) = trouble::crashed(workload)?;
            let object = workload.deployment.objref();
            let ended = trouble::terminated(container).map(trouble::exit).unwrap_or_default();
            let policy = certificate.spec.renewal.as_ref().and_then(|renewal| renewal.policy.as_ref());
            let finding = RENEWAL_DISABLED_PANIC
                .on(object.clone())
                .says(format!(
                    "the cert-manager controller {release} crashes: that release panics over {}, whose renewal is switched off",
                    certificate.objref()
                ))
                .because(
                    "It starts anew, meets the same Certificate again and ends again, so nobody's certificate is issued or \
                     renewed.",
                )
                .evidence(Witness::Spec(Kind::Deployment, "template"), words)
                .evidence(
                    Witness::Status(Kind::Pod, "containerStatuses"),
                    format!("{}: {ended}, {} restarts", pod.name(), container.restart_count),
                )
                .evidence(
                    Witness::Spec(Kind::Certificate, "renewal.policy"),
                    policy.map_or("", RenewalPolicy::as_str),
                );
            Some(with_fixes(finding, &object, certificate))
        })
        .collect())
}

fn with_fixes(finding: Finding, controller: &ObjRef, certificate: &impl Object) -> Finding {
    let (name, namespace) = (&controller.name, controller.namespace_flag());
    finding
        .fix(Fix::command(
            "upgrade to v1.21.1 or later",
            format!(
                "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager{namespace} --reuse-values --version \
                 v1.21.1"
            ),
        ))
        .fix(Fix::command(
            "until then, leave the policy out",
            format!(
                "kubectl patch certificate {}{} --type merge -p '{{\"spec\":{{\"renewal\":null}}}}' && kubectl rollout restart \
                 deployment {name}{namespace}",
                certificate.name(),
                certificate.objref().namespace_flag()
            ),
        ))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{deployment, pod};
    use super::*;
    use crate::facts::specimen::Specimen;

    /// The controller's Deployment with another image tag.
    fn of(tag: &str) -> String {
        deployment("controller", 1, 1).replace("v1.21.0", tag)
    }

    fn controller(specimen: Specimen) -> Specimen {
        specimen.about(Kind::Deployment, Some("cert-manager"), "cert-manager")
    }

    /// Certificate shop/web, whose first issuance the CA refused.
    fn failed() -> Specimen {
        Specimen::rejected()
    }

    fn crd(release: &str) -> String {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: \
             certificates.cert-manager.io\n  labels: {{app.kubernetes.io/version: {release}}}\n"
        )
    }

    #[test]
    fn a_release_before_1_17_is_told_by_its_image() {
        for (tag, is_old) in
            [("v1.12.3", true), ("v1.16.5", true), ("v1.17.0", false), ("v1.9.0", true), ("main", false)]
        {
            let ids = controller(Specimen::healthy().with(&of(tag))).ids();
            assert_eq!(ids.contains(&"cert-manager-too-old"), is_old, "{tag}: {ids:?}");
        }
        let finding = &controller(Specimen::healthy().with(&of("v1.12.3"))).judge().findings[0];
        assert!(finding.summary.contains("v1.12.3"), "{}", finding.summary);
        assert!(finding.fixes[0].command.as_ref().unwrap().contains("'~1.13.0'"), "{:?}", finding.fixes);
    }

    #[test]
    fn a_good_chain_does_not_care_and_one_in_trouble_does() {
        let old = of("v1.12.3");
        assert_eq!(Specimen::healthy().with(&old).ids(), Vec::<&str>::new());
        assert_eq!(Specimen::http01().with(&old).ids(), Vec::<&str>::new());
        assert!(failed().with(&old).ids().contains(&"cert-manager-too-old"));
        assert!(!failed().with(&of("v1.21.1")).ids().contains(&"cert-manager-too-old"));
        assert_ne!(failed().with(&old).root(), Some("cert-manager-too-old"), "it is no cause");
    }

    #[test]
    fn the_crds_tell_where_no_controller_was_seen() {
        assert!(failed().with(&crd("v1.14.7")).ids().contains(&"cert-manager-too-old"));
        assert!(!failed().with(&crd("v1.18.0")).ids().contains(&"cert-manager-too-old"));
        assert!(!failed().with(&crd("v1.14.7")).with(&of("v1.20.0")).ids().contains(&"cert-manager-too-old"));
        let other = crd("v1.1.0").replace("certificates.cert-manager.io", "gateways.gateway.networking.k8s.io");
        assert!(!failed().with(&other).ids().contains(&"cert-manager-too-old"), "somebody else's");
    }

    #[test]
    fn crds_of_another_minor_release_are_told() {
        let of = |crds: &str, tag: &str| controller(Specimen::healthy().with(&crd(crds)).with(&of(tag))).ids();
        assert_eq!(of("v1.18.2", "v1.21.1"), ["upgrade-crds-not-upgraded"]);
        assert_eq!(of("v1.21.0", "v1.21.1"), Vec::<&str>::new());
        assert_eq!(of("v1.21.1", "v1.20.0"), Vec::<&str>::new());
        assert_eq!(Specimen::healthy().with(&crd("v1.18.2")).ids(), Vec::<&str>::new());
    }

    #[test]
    fn the_panic_of_1_21_0_needs_the_release_the_crash_and_the_policy() {
        let crash = "state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s}}, lastState: {terminated: \
                     {exitCode: 2, reason: Error}}";
        let disabled = |objects: &mut crate::inventory::Objects| {
            objects.certificate().spec.renewal =
                Some(serde_json::from_value(serde_json::json!({"policy": "Disabled"})).unwrap());
        };
        let crashed = |tag: &str| {
            let deployment = deployment("controller", 1, 0).replace("v1.21.0", tag);
            controller(Specimen::healthy().with(&deployment).with(&pod("controller", crash)))
        };
        assert_eq!(crashed("v1.21.0").broken(disabled).root(), Some("upgrade-121-renewal-disabled-panic"));
        assert_eq!(crashed("v1.21.1").broken(disabled).root(), Some("controller-down"));
        assert_eq!(crashed("v1.21.0").root(), Some("controller-down"));
        let runs = controller(Specimen::healthy().with(&deployment("controller", 1, 1))).broken(disabled);
        assert_eq!(runs.ids(), Vec::<&str>::new());
    }
}

//! Requests to issuers of other API groups: the group is missing, nobody answers, or the wrong controller does.

use super::with_renewal;
use crate::api::{CertificateRequest, IssuerRef, Object, RequestConditionType};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::request::failure;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

/// How long an external issuer may take for its first word.
const GRACE_SECONDS: i64 = 120;

pub static GROUP_MISSING: Rule = Rule {
    id: "external-issuer-group-missing",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "issuerRef names a kind that cert-manager does not have, without its API group",
    doc: include_str!("../../../docs/rules/external-issuer-group-missing.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest],
    explains: &["issuer-not-found"],
    judge: group_missing,
};

/// Kinds of external issuers, and the groups that serve them.
const KNOWN: [(&str, &str); 10] = [
    ("AWSPCAIssuer", "awspca.cert-manager.io"),
    ("AWSPCAClusterIssuer", "awspca.cert-manager.io"),
    ("StepIssuer", "certmanager.step.sm"),
    ("StepClusterIssuer", "certmanager.step.sm"),
    ("GoogleCASIssuer", "cas-issuer.jetstack.io"),
    ("GoogleCASClusterIssuer", "cas-issuer.jetstack.io"),
    ("OriginIssuer", "cert-manager.k8s.cloudflare.com"),
    ("ClusterOriginIssuer", "cert-manager.k8s.cloudflare.com"),
    ("CommandIssuer", "command-issuer.keyfactor.com"),
    ("ClusterCommandIssuer", "command-issuer.keyfactor.com"),
];

fn group_missing(facts: &Facts) -> Judgement {
    let reference = facts.issuer_ref()?;
    if reference.is_external() || reference.own_kind().is_some() {
        return Ok(vec![]);
    }
    let kind = reference.kind_or_default();
    let own = [Kind::Issuer, Kind::ClusterIssuer].into_iter().find(|own| {
        strsim::osa_distance(&own.word().to_lowercase(), &kind.to_lowercase().replace(['-', '_'], "")) <= 1
    });
    let object = facts.certificate().map_or_else(|_| facts.chain.subject.clone(), Object::objref);
    let group = group_of(facts, kind);
    let summary = match (own, &group) {
        (Some(own), _) => format!("issuerRef.kind of {object} is {kind}, which must be written {own}"),
        (None, Some(group)) => format!("issuerRef of {object} names {kind} without its group, {group}"),
        (None, None) => {
            format!("issuerRef of {object} names {kind}, which is no kind of cert-manager, without a group")
        }
    };
    let finding = GROUP_MISSING
        .on(object.clone())
        .says(summary)
        .evidence(Witness::Spec(object.kind, "issuerRef"), format!("kind {kind}, group {}", written(&reference.group)));
    let patch = match own {
        Some(own) => format!("spec:\n  issuerRef:\n    kind: {own}\n    name: {}", reference.name),
        None => format!(
            "spec:\n  issuerRef:\n    group: {}\n    kind: {kind}\n    name: {}",
            group.as_deref().unwrap_or("GROUP"),
            reference.name
        ),
    };
    Ok(vec![finding.fix(Fix::patch("correct the reference; the new issuance starts by itself", patch))])
}

fn written(group: &str) -> &str {
    if group.is_empty() { "(none)" } else { group }
}

/// The group that serves a kind: of an issuer that was seen, else of a well-known one.
fn group_of(facts: &Facts, kind: &str) -> Option<String> {
    let seen = facts.inventory.external_issuer_of_kind(kind).map(|issuer| issuer.group().to_owned());
    seen.or_else(|| {
        KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind)).map(|(_, group)| (*group).to_owned())
    })
}

pub static CONTROLLER_DOWN: Rule = Rule {
    id: "external-issuer-controller-down",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the external issuer's controller does not answer the request",
    doc: include_str!("../../../docs/rules/external-issuer-controller-down.md"),
    needs: &[Kind::CertificateRequest, Kind::Deployment],
    explains: &[],
    judge: controller_down,
};

fn controller_down(facts: &Facts) -> Judgement {
    let request = facts.request()?.request;
    let reference = &request.spec.issuer_ref;
    let Some(approved) = request.condition(RequestConditionType::Approved).filter(|condition| condition.is_true())
    else {
        return Ok(vec![]);
    };
    let answered =
        request.condition(RequestConditionType::Ready).is_some() || request.is(RequestConditionType::InvalidRequest);
    let since = approved.since().or_else(|| request.created());
    if !reference.is_external() || answered || !facts.is_older_than(since, GRACE_SECONDS) {
        return Ok(vec![]);
    }
    let group = reference.group_or_default();
    let age = since.map_or_else(|| "a while".to_owned(), |since| human(facts.since(since)));
    let servers = servers(facts, group);
    let dead = servers.iter().find(|(_, available)| !available).map(|(deployment, _)| deployment);
    let why = dead.map_or_else(String::new, |name| format!(": {name} has no Pod available"));
    let mut finding = CONTROLLER_DOWN
        .on(request.objref())
        .says(format!("the controller of {group} has not answered {} in {age}{why}", request.objref()))
        .evidence(
            Witness::Condition(Kind::CertificateRequest, "Approved"),
            format!("{}; no condition Ready", approved.message),
        );
    finding = finding.evidence(Witness::Source, issuer_words(facts, reference));
    for (name, available) in &servers {
        let state = if *available { "available" } else { "no Pod available" };
        finding = finding.evidence(Witness::Status(Kind::Deployment, "availableReplicas"), format!("{name}: {state}"));
    }
    let resource = format!("{}s.{group}", reference.kind_or_default().to_ascii_lowercase());
    if let Some(dead) = dead {
        let command = format!("kubectl describe deployment {}{}", dead.name, dead.namespace_flag());
        finding = finding.fix(Fix::command("see why it does not run", command));
    }
    Ok(vec![
        finding
            .fix(Fix::command(
                "see whether the issuer exists, its kind is installed, and what its controller says of it",
                format!("kubectl get {resource} {} -o yaml{}", reference.name, request.objref().namespace_flag()),
            ))
            .fix(Fix::manual(format!(
                "read the log of the controller that serves {group}; cert-manager's own log has nothing on it"
            ))),
    ])
}

fn issuer_words(facts: &Facts, reference: &IssuerRef) -> String {
    let name = format!("{} {}", reference.kind_or_default(), reference.name);
    match facts.chain.issuer.seen() {
        Some(IssuerView::External(issuer)) => match issuer.status.ready() {
            Some(ready) if ready.is_true() => format!("{name} says that it is ready"),
            Some(ready) => format!("{name} is not ready: {}", ready.message),
            None => format!("{name} has no condition Ready: its controller has never looked at it"),
        },
        Some(IssuerView::Builtin { .. }) | None => format!("{name} is not among the objects looked at"),
    }
}

/// The Deployments that look like the group's controller, and whether a Pod of each is available. Their names,
/// images or arguments hold the part of the group's name that is its own.
fn servers(facts: &Facts, group: &str) -> Vec<(ObjRef, bool)> {
    facts
        .inventory
        .deployments_for_group(group)
        .map(|deployment| {
            let available = deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0);
            (deployment.objref(), available > 0)
        })
        .collect()
}

pub static GRABBED: Rule = Rule {
    id: "foreign-issuer-grabs-request",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "an external issuer's controller failed a request that is not its own",
    doc: include_str!("../../../docs/rules/foreign-issuer-grabs-request.md"),
    needs: &[Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: grabbed,
};

fn grabbed(facts: &Facts) -> Judgement {
    let Some(failure) = failure::of_request(facts) else { return Ok(vec![]) };
    let reference = facts.issuer_ref()?;
    if reference.own_kind().is_none()
        || !failure.says_any(&["unknown issuer kind", "unsupported issuer kind", "unrecognized issuer kind"])
    {
        return Ok(vec![]);
    }
    let writer = facts.request().ok().and_then(|node| foreign_writer(node.request));
    let who = writer
        .as_ref()
        .map_or_else(|| "an external issuer's controller".to_owned(), |writer| format!("the controller {writer}"));
    let mut finding = GRABBED
        .on(failure.object.clone())
        .says(format!(
            "{who} failed {}, which asks for cert-manager's own {} {}",
            failure.object,
            reference.kind_or_default(),
            reference.name
        ))
        .evidence(failure.witness, failure.words)
        .evidence(Witness::Spec(Kind::CertificateRequest, "issuerRef.group"), written(&reference.group));
    if let Some(writer) = writer {
        finding =
            finding.evidence(Witness::Metadata(Kind::CertificateRequest), format!("status was written by {writer}"));
    }
    Ok(vec![with_renewal(with_group(finding, reference), facts)])
}

fn with_group(finding: Finding, reference: &IssuerRef) -> Finding {
    let patch = format!(
        "spec:\n  issuerRef:\n    group: cert-manager.io\n    kind: {}\n    name: {}",
        reference.kind_or_default(),
        reference.name
    );
    let finding = if reference.group.is_empty() {
        finding.fix(Fix::patch("write the group out: such controllers take an empty group for their own", patch))
    } else {
        finding
    };
    finding.fix(Fix::manual("upgrade the external issuer: it must leave requests of other groups alone"))
}

/// Who wrote the status with the failure, if it was not cert-manager.
fn foreign_writer(request: &CertificateRequest) -> Option<String> {
    let entries = request.metadata.managed_fields.as_deref().unwrap_or_default();
    let writers = entries.iter().filter(|entry| entry.subresource.as_deref() == Some("status"));
    let manager =
        writers.filter_map(|entry| entry.manager.as_deref()).find(|manager| !manager.starts_with("cert-manager"))?;
    Some(manager.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::specimen::Specimen;

    fn referring(specimen: Specimen, kind: &str, group: &str) -> Specimen {
        let (kind, group) = (kind.to_owned(), group.to_owned());
        specimen.broken(move |objects| {
            for reference in [&mut objects.certificates[0].spec.issuer_ref, &mut objects.requests[0].spec.issuer_ref] {
                reference.kind.clone_from(&kind);
                reference.group.clone_from(&group);
            }
        })
    }

    #[test]
    fn a_foreign_kind_wants_its_group_and_a_misspelt_one_its_spelling() {
        for (kind, part) in [
            ("AWSPCAClusterIssuer", "without its group, awspca.cert-manager.io"),
            ("AcmeCorpIssuer", "which is no kind of cert-manager, without a group"),
            ("clusterissuer", "must be written ClusterIssuer"),
            ("Cluster-Issuer", "must be written ClusterIssuer"),
        ] {
            let wrong = referring(Specimen::http01(), kind, "");
            assert!(wrong.ids().contains(&"external-issuer-group-missing"), "{kind}");
            let report = wrong.judge();
            let finding = report.findings.iter().find(|finding| finding.rule == &GROUP_MISSING).unwrap();
            assert!(finding.summary.contains(part), "{kind}: {}", finding.summary);
        }
        for (kind, group) in [("", ""), ("Issuer", "cert-manager.io"), ("StepIssuer", "certmanager.step.sm")] {
            let right = referring(Specimen::http01(), kind, group);
            assert!(!right.ids().contains(&"external-issuer-group-missing"), "{kind}");
        }
    }

    /// Approved, without a word of the issuer.
    fn unanswered() -> Specimen {
        referring(Specimen::http01(), "StepIssuer", "certmanager.step.sm").later(5).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.request().status.conditions.truncate(1);
        })
    }

    #[test]
    fn an_external_controller_that_says_nothing_is_down() {
        assert_eq!(unanswered().root(), Some("external-issuer-controller-down"));
        assert!(!unanswered().later(-4).ids().contains(&"external-issuer-controller-down"));
        let own = referring(unanswered(), "Issuer", "");
        assert!(!own.ids().contains(&"external-issuer-controller-down"));
        let answered = referring(Specimen::http01(), "StepIssuer", "certmanager.step.sm").later(5);
        assert!(!answered.ids().contains(&"external-issuer-controller-down"));
    }

    #[test]
    fn the_deployment_that_does_not_run_is_named() {
        let dead = unanswered().with(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: step-issuer, namespace: pki}, \
             spec: {selector: {}, template: {spec: {containers: []}}}, status: {}}",
        );
        assert!(
            dead.judge().headline.ends_with("Deployment pki/step-issuer has no Pod available"),
            "{}",
            dead.judge().headline
        );
        assert!(dead.judge().findings[0].fixes[0].command.as_ref().unwrap().ends_with("deployment step-issuer -n pki"));
    }

    #[test]
    fn a_request_failed_by_a_stranger_is_told_with_its_writer() {
        let failed = |group: &str| {
            referring(Specimen::rejected(), "ClusterIssuer", group).broken(|objects| {
                objects.orders.clear();
                objects.challenges.clear();
                objects.request().status.conditions[1].message = "Unknown issuer kind: ClusterIssuer".into();
            })
        };
        assert!(failed("").ids().contains(&"foreign-issuer-grabs-request"));
        let written = failed("").broken(|objects| {
            objects.request().metadata.managed_fields =
                serde_json::from_str(r#"[{"manager":"origin-ca-issuer","subresource":"status"}]"#).unwrap();
        });
        let report = written.judge();
        assert!(report.headline.starts_with("the controller origin-ca-issuer failed"), "{}", report.headline);
        assert!(!Specimen::rejected().ids().contains(&"foreign-issuer-grabs-request"));
        let foreign = referring(failed(""), "OriginIssuer", "cert-manager.k8s.cloudflare.com");
        assert!(!foreign.ids().contains(&"foreign-issuer-grabs-request"));
    }
}

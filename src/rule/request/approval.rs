//! Approval: nobody decides on a request, or the one who wants to approve it may not.

use k8s_openapi::api::apps::v1::Deployment;

use super::{Family, Judgement, Nature, Outlook, Rule, Severity};
use crate::api::{CertificateRequest, Object, RequestConditionType};
use crate::duration::human;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::inventory::last_seen;
use crate::objref::{Kind, ObjRef};
use crate::rule::Withheld;

/// How long approval may take: approvers are controllers and answer within seconds.
const GRACE_SECONDS: i64 = 120;

pub static NEVER_APPROVED: Rule = Rule {
    id: "request-never-approved",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "nobody approves the CertificateRequest",
    doc: include_str!("../../../docs/rules/request-never-approved.md"),
    needs: &[Kind::CertificateRequest, Kind::Event, Kind::Deployment],
    explains: &[],
    judge: never_approved,
};

fn never_approved(facts: &Facts) -> Judgement {
    let Some(request) = waiting_for_approval(facts)? else { return Ok(vec![]) };
    if refusal(facts, request).is_some() {
        return Ok(vec![]);
    }
    let age = request.created().map_or_else(|| "a while".to_owned(), |created| human(facts.since(created)));
    let unprocessed = event_saying(facts, request, &["not applicable for any policy"]);
    let built_in = built_in_approver(facts);
    let down = approver_down(facts);
    let why = if unprocessed.is_some() {
        let requester = requester(request);
        format!("no CertificateRequestPolicy applies to it, because {requester} may use none that selects it")
    } else if let Some(name) = &down {
        format!("the approver {name} is not available")
    } else {
        match &built_in {
            BuiltIn::Off(_) => "cert-manager's own approver is switched off, and no other one has answered".to_owned(),
            BuiltIn::On => "cert-manager's own approver is on, but has not answered".to_owned(),
            BuiltIn::Unknown => "no approver has answered".to_owned(),
        }
    };
    let mut finding = NEVER_APPROVED
        .on(request.objref())
        .says(format!("{} has waited {age} for approval: {why}", request.objref()))
        .evidence(Witness::Status(Kind::CertificateRequest, "conditions"), "neither Approved nor Denied");
    if let Some((reason, message)) =
        unprocessed.clone().or_else(|| event_saying(facts, request, &["until it is approved"]))
    {
        finding = finding.evidence(Witness::Event(Kind::CertificateRequest, reason), message);
    }
    if let BuiltIn::Off(flag) = &built_in {
        finding = finding.evidence(Witness::Spec(Kind::Deployment, "template.spec.containers.args"), flag);
    }
    if unprocessed.is_some() {
        finding = finding.fix(bind_policy(request));
    } else if let Some(name) = down {
        let namespace = ObjRef::namespace_flag(&name);
        finding = finding.fix(Fix::command(
            "see why the approver does not run",
            format!("kubectl describe deployment {}{namespace}", name.name),
        ));
    } else if let BuiltIn::Off(_) = built_in {
        finding = finding.fix(Fix::manual(
            "install approver-policy, or switch cert-manager's approver on again (helm value disableAutoApproval: false)",
        ));
    }
    Ok(vec![by_hand(finding, request)])
}

fn bind_policy(request: &CertificateRequest) -> Fix {
    let subject = match service_account(&request.spec.username) {
        Some((namespace, name)) => format!("- kind: ServiceAccount\n  name: {name}\n  namespace: {namespace}"),
        None => format!("- kind: User\n  apiGroup: rbac.authorization.k8s.io\n  name: {}", requester(request)),
    };
    let namespace = request.namespace().unwrap_or_default();
    Fix::patch(
        "let the requester use the policy that is meant for it (put its name in)",
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: use-policy\n  namespace: {namespace}\nrules:\n- apiGroups: [policy.cert-manager.io]\n  resources: [certificaterequestpolicies]\n  verbs: [use]\n  resourceNames: [POLICY]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: use-policy\n  namespace: {namespace}\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: use-policy\nsubjects:\n{subject}"
        ),
    )
}

/// Namespace and name out of `system:serviceaccount:NAMESPACE:NAME`.
fn service_account(username: &str) -> Option<(&str, &str)> {
    username.strip_prefix("system:serviceaccount:")?.split_once(':')
}

fn requester(request: &CertificateRequest) -> &str {
    match request.spec.username.as_str() {
        "" => "the requester",
        name => name,
    }
}

/// The way out that always works, behind the fixes that last.
fn by_hand(finding: Finding, request: &CertificateRequest) -> Finding {
    let or = if finding.fixes.is_empty() { "" } else { "or " };
    finding.fix(Fix::command(
        format!("{or}approve this one by hand; the next renewal will wait again"),
        format!("cmctl approve {}{}", request.name(), request.objref().namespace_flag()),
    ))
}

/// The present request, if it waits for an approver for too long.
fn waiting_for_approval<'i>(facts: &Facts<'i>) -> Result<Option<&'i CertificateRequest>, Withheld> {
    let request = facts.request()?.request;
    let decided = request.is(RequestConditionType::Approved)
        || request.is(RequestConditionType::Denied)
        || request.ready_reason().is_some();
    Ok((!decided && facts.is_older_than(request.created(), GRACE_SECONDS)).then_some(request))
}

pub static MAY_NOT_APPROVE: Rule = Rule {
    id: "approver-may-not-approve-signer",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the approver has no permission to approve requests for this issuer",
    doc: include_str!("../../../docs/rules/approver-may-not-approve-signer.md"),
    needs: &[Kind::CertificateRequest, Kind::Event, Kind::Deployment],
    explains: &[],
    judge: may_not_approve,
};

fn may_not_approve(facts: &Facts) -> Judgement {
    let Some(request) = waiting_for_approval(facts)? else { return Ok(vec![]) };
    let Some(refusal) = refusal(facts, request) else { return Ok(vec![]) };
    let reference = &request.spec.issuer_ref;
    let signer = signer(request);
    let who = match &refusal {
        Refusal::Said(..) => "the approver",
        Refusal::NotKept(..) => "the approver says that it approved, but its word is not kept: it",
        Refusal::Foreign => "cert-manager's own approver is on and",
    };
    let (tail, missing_crd) = match &refusal {
        Refusal::Said(_, words) if words.contains("does not exist") => {
            ("cannot approve: the signer's kind is not installed", true)
        }
        Refusal::Said(..) | Refusal::NotKept(..) | Refusal::Foreign => ("may not approve requests for", false),
    };
    let summary = if missing_crd {
        format!("{who} {tail} ({}.{})", reference.kind_or_default(), reference.group_or_default())
    } else {
        format!("{who} {tail} {signer}")
    };
    let mut finding = MAY_NOT_APPROVE.on(request.objref()).says(summary);
    finding = match refusal {
        Refusal::Said(reason, words) | Refusal::NotKept(reason, words) => {
            finding.evidence(Witness::Event(Kind::CertificateRequest, reason), words)
        }
        Refusal::Foreign => finding.evidence(
            Witness::Spec(Kind::CertificateRequest, "issuerRef.group"),
            format!("{}: the chart lets the approver approve cert-manager.io only", reference.group_or_default()),
        ),
    };
    finding = finding.evidence(Witness::Status(Kind::CertificateRequest, "conditions"), "neither Approved nor Denied");
    finding = if missing_crd {
        finding
            .fix(Fix::manual(format!("install the issuer that serves {}, with its CRDs", reference.group_or_default())))
    } else {
        finding.fix(Fix::patch(
            "let the approver approve this signer: values of cert-manager's chart",
            format!("approveSignerNames:\n- issuers.cert-manager.io/*\n- clusterissuers.cert-manager.io/*\n- {signer}"),
        ))
    };
    Ok(vec![by_hand(finding, request)])
}

/// How an approver is known to be powerless.
enum Refusal {
    /// An event with the webhook's words: reason and message.
    Said(String, String),
    /// An event that tells of an approval which the status does not hold.
    NotKept(String, String),
    /// cert-manager's own approver runs, which by default may not approve for other groups.
    Foreign,
}

fn refusal(facts: &Facts, request: &CertificateRequest) -> Option<Refusal> {
    const WORDS: [&str; 2] = ["does not have permissions to set approved", "signer resource does not exist"];
    if let Some((reason, message)) = event_saying(facts, request, &WORDS) {
        return Some(Refusal::Said(reason, message));
    }
    let approved = events(facts, request)
        .find(|(reason, _)| matches!(reason.as_str(), "Approved" | "cert-manager.io" | "policy.cert-manager.io"));
    if let Some((reason, message)) = approved {
        return Some(Refusal::NotKept(reason, message));
    }
    let ignored = event_saying(facts, request, &["not applicable for any policy"]).is_some();
    let foreign = request.spec.issuer_ref.is_external() && built_in_approver(facts) == BuiltIn::On && !ignored;
    foreign.then_some(Refusal::Foreign)
}

/// The resource name that RBAC rules on `signers` go by, for every issuer of the kind.
fn signer(request: &CertificateRequest) -> String {
    let reference = &request.spec.issuer_ref;
    format!("{}s.{}/*", reference.kind_or_default().to_ascii_lowercase(), reference.group_or_default())
}

/// Reason and message of each event about the request, newest first.
fn events(facts: &Facts, request: &CertificateRequest) -> impl Iterator<Item = (String, String)> {
    let since = request.created();
    facts
        .events_of(request)
        .into_iter()
        .filter(move |event| last_seen(event) >= since)
        .map(|event| (event.reason.clone().unwrap_or_default(), event.message.clone().unwrap_or_default()))
}

fn event_saying(facts: &Facts, request: &CertificateRequest, parts: &[&str]) -> Option<(String, String)> {
    events(facts, request).find(|(_, message)| {
        let message = message.to_lowercase();
        parts.iter().any(|part| message.contains(part))
    })
}

/// Whether cert-manager's own approver runs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum BuiltIn {
    On,
    /// The argument that switches it off.
    Off(String),
    Unknown,
}

fn built_in_approver(facts: &Facts) -> BuiltIn {
    const APPROVER: &str = "certificaterequests-approver";
    let installation = facts.installation();
    let mut state = BuiltIn::Unknown;
    for workload in installation.of_component(Component::Controller) {
        let list = workload.flag("controllers");
        let off = list.is_some_and(|list| {
            let words: Vec<_> = list.split(',').map(str::trim).collect();
            let excluded = words.iter().any(|word| word.strip_prefix('-') == Some(APPROVER));
            excluded || !words.iter().any(|word| matches!(*word, "*" | APPROVER))
        });
        match list {
            // A configuration file may hold the list as well.
            None if workload.flag("config").is_some() => {}
            Some(list) if off => state = BuiltIn::Off(format!("--controllers={list}")),
            Some(_) | None => return BuiltIn::On,
        }
    }
    state
}

/// A Deployment of approver-policy without a Pod that is available.
fn approver_down(facts: &Facts) -> Option<ObjRef> {
    let available = |deployment: &&Deployment| deployment.status.as_ref().and_then(|status| status.available_replicas);
    let mut down = facts.inventory.approver_policy_deployments().filter(|it| available(it).unwrap_or(0) == 0);
    down.next().map(Object::objref)
}

#[cfg(test)]
mod tests {
    use super::super::tests::undecided;
    use crate::facts::specimen::Specimen;

    fn event(reason: &str, message: &str) -> String {
        format!(
            "{{apiVersion: v1, kind: Event, metadata: {{name: e, namespace: shop}}, reason: '{reason}', \
             involvedObject: {{kind: CertificateRequest, namespace: shop, name: web-1}}, message: '{message}', \
             lastTimestamp: '2026-11-22T06:30:00Z'}}"
        )
    }

    fn controller(flag: &str) -> String {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: cert-manager, namespace: cert-manager}}, spec: {{selector: {{}}, \
             template: {{spec: {{containers: [{{name: c, image: 'quay.io/jetstack/cert-manager-controller:v1.21.0', args: ['{flag}']}}]}}}}}}}}"
        )
    }

    #[test]
    fn an_undecided_request_is_told_after_the_grace_time() {
        assert_eq!(undecided().root(), Some("request-never-approved"));
        assert!(!undecided().later(-2).ids().contains(&"request-never-approved"));
        assert!(!Specimen::http01().later(3).ids().contains(&"request-never-approved"));
    }

    #[test]
    fn approval_by_hand_is_the_last_resort_or_the_only_one() {
        let fixes = |specimen: &Specimen| specimen.judge().findings[0].fixes.clone();
        let alone = fixes(&undecided());
        assert_eq!(alone.len(), 1);
        assert!(alone[0].title.starts_with("approve this one by hand"), "{}", alone[0].title);
        assert_eq!(alone[0].command.as_deref(), Some("cmctl approve web-1 -n shop"));
        let second = fixes(&undecided().with(&controller("--controllers=*,-certificaterequests-approver")));
        assert!(second[1].title.starts_with("or approve this one by hand"), "{}", second[1].title);
    }

    #[test]
    fn the_reason_for_the_missing_approval_is_named() {
        let off = undecided().with(&controller("--controllers=*,-certificaterequests-approver"));
        assert!(off.judge().headline.contains("switched off"), "{}", off.judge().headline);
        let unprocessed =
            undecided().with(&event("Unprocessed", "Request is not applicable for any policy so ignoring"));
        assert!(
            unprocessed.judge().headline.contains("no CertificateRequestPolicy applies"),
            "{}",
            unprocessed.judge().headline
        );
        let down = undecided().with(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: approver, namespace: cert-manager}, spec: {selector: {}, \
             template: {spec: {containers: [{name: a, image: 'quay.io/jetstack/cert-manager-approver-policy:v0.20.0'}]}}}, status: {}}",
        );
        assert!(
            down.judge().headline.contains("approver Deployment cert-manager/approver is not"),
            "{}",
            down.judge().headline
        );
    }

    #[test]
    fn a_list_without_the_approver_switches_it_off() {
        for (flag, expected) in [
            ("--v=2", "is on, but"),
            ("--controllers=*,-certificaterequests-approver", "is switched off"),
            ("--controllers=issuers,certificates-trigger", "is switched off"),
            ("--controllers=issuers,certificaterequests-approver", "is on, but"),
            ("--config=/etc/config.yaml", "no approver has answered"),
        ] {
            let headline = undecided().with(&controller(flag)).judge().headline;
            assert!(headline.contains(expected), "{flag}: {headline}");
        }
    }

    #[test]
    fn an_approver_without_the_right_is_another_finding() {
        let said = undecided().with(&event(
            "Failed",
            "user \"a\" does not have permissions to set approved/denied conditions for issuer",
        ));
        assert_eq!(said.root(), Some("approver-may-not-approve-signer"));
        assert!(!said.ids().contains(&"request-never-approved"));
        let not_kept = undecided().with(&event("Approved", "Approved by CertificateRequestPolicy: \"all\""));
        assert_eq!(not_kept.root(), Some("approver-may-not-approve-signer"));
        let foreign = |specimen: Specimen| {
            specimen.broken(|objects| {
                for reference in
                    [&mut objects.certificates[0].spec.issuer_ref, &mut objects.requests[0].spec.issuer_ref]
                {
                    reference.group = "awspca.cert-manager.io".into();
                    reference.kind = "AWSPCAClusterIssuer".into();
                }
            })
        };
        let built_in = foreign(undecided().with(&controller("--v=2")));
        assert!(
            built_in
                .judge()
                .headline
                .ends_with("may not approve requests for awspcaclusterissuers.awspca.cert-manager.io/*")
        );
        assert_eq!(foreign(undecided()).root(), Some("request-never-approved"));
    }
}

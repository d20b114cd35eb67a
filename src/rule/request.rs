//! Requests to issuers: their approval, and what is left over from an issuance before.

mod external;
pub mod failure;

pub use external::{CONTROLLER_DOWN, GRABBED, GROUP_MISSING};

use jiff::Timestamp;

use super::progress::renew;
use super::{Family, Judgement, Nature, Rule, Severity, Withheld};
use crate::api::{
    CertificateConditionType, CertificateRequest, Condition, Object, RequestConditionType, RequestReason,
};
use crate::chain::{RequestNode, Role, Tie};
use crate::duration::human;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::inventory::last_seen;
use crate::objref::{Kind, ObjRef};

/// How long approval may take: approvers are controllers and answer within seconds.
const GRACE_SECONDS: i64 = 120;

/// How long the request manager may take to tidy up: it does so at once.
const TIDY_SECONDS: i64 = 60;

pub static NEVER_APPROVED: Rule = Rule {
    id: "request-never-approved",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "nobody approves the CertificateRequest",
    doc: include_str!("../../docs/rules/request-never-approved.md"),
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
    Ok(vec![finding.fix(approve(request))])
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

fn approve(request: &CertificateRequest) -> Fix {
    Fix::command(
        "or approve this one by hand; the next renewal will wait again",
        format!("{PROGRAM} approve {}{}", request.name(), request.objref().namespace_flag()),
    )
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
    since: "0.1.0",
    summary: "the approver has no permission to approve requests for this issuer",
    doc: include_str!("../../docs/rules/approver-may-not-approve-signer.md"),
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
    Ok(vec![finding.fix(approve(request))])
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
    facts.inventory.deployments.iter().find_map(|deployment| {
        let containers =
            deployment.spec.template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let is_approver = containers
            .iter()
            .any(|container| container.image.as_deref().is_some_and(|image| image.contains("approver-policy")));
        let available = deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0);
        (is_approver && available == 0).then(|| deployment.objref())
    })
}

pub static DENIED: Rule = Rule {
    id: "request-denied",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "an approver denied the CertificateRequest",
    doc: include_str!("../../docs/rules/request-denied.md"),
    needs: &[Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: denied,
};

fn denied(facts: &Facts) -> Judgement {
    let request = facts.request()?.request;
    let condition = request.condition(RequestConditionType::Denied).filter(|condition| condition.is_true());
    let by_ready = request.ready_reason() == Some(&RequestReason::Denied);
    if failure::is_left_over(facts, request) || (condition.is_none() && !by_ready) {
        return Ok(vec![]);
    }
    let reason = condition.and_then(|condition| condition.reason.clone());
    let (who, policy) = match &reason {
        Some(RequestReason::ApproverPolicy) => ("approver-policy".to_owned(), true),
        Some(RequestReason::KubectlCertManager) => ("somebody, by hand,".to_owned(), false),
        Some(RequestReason::CertManagerApprover) => ("cert-manager's own approver".to_owned(), false),
        Some(
            word @ (RequestReason::Pending
            | RequestReason::Failed
            | RequestReason::Denied
            | RequestReason::Issued
            | RequestReason::Unknown(_)),
        ) if !word.as_str().is_empty() => (format!("an approver ({word})"), false),
        Some(_) | None => ("an approver".to_owned(), false),
    };
    let message = condition.map(|condition| condition.message.as_str()).unwrap_or_default();
    let words = if message.is_empty() { String::new() } else { format!(": {message}") };
    let mut finding = DENIED
        .on(request.objref())
        .says(format!("{who} denied {}{words}", request.objref()))
        .evidence(Witness::Condition(Kind::CertificateRequest, "Denied"), message);
    if let Some(ready) = request.condition(RequestConditionType::Ready) {
        finding = finding.evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), &ready.message);
    }
    if policy {
        finding = finding.fix(Fix::command(
            "read what the policies allow, then change the Certificate or the policy",
            "kubectl get certificaterequestpolicies -o yaml",
        ));
    } else {
        finding = finding.fix(Fix::manual("change what the approver objects to, or ask it to allow it"));
    }
    Ok(vec![with_renewal(finding, facts)])
}

pub static MARKED_INVALID: Rule = Rule {
    id: "request-marked-invalid",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "the issuer says that the request can never be signed",
    doc: include_str!("../../docs/rules/request-marked-invalid.md"),
    needs: &[Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: marked_invalid,
};

fn marked_invalid(facts: &Facts) -> Judgement {
    let request = facts.request()?.request;
    let condition = request.condition(RequestConditionType::InvalidRequest).filter(|condition| condition.is_true());
    let Some(condition) = condition.filter(|_| !failure::is_left_over(facts, request)) else { return Ok(vec![]) };
    let reference = &request.spec.issuer_ref;
    let issuer = format!("{} {}", reference.kind_or_default(), reference.name);
    let reason = condition.reason.as_ref().map(|reason| format!("{reason}: ")).unwrap_or_default();
    let finding = MARKED_INVALID
        .on(request.objref())
        .says(format!("{issuer} will never sign {}: {}", request.objref(), condition.message))
        .evidence(
            Witness::Condition(Kind::CertificateRequest, "InvalidRequest"),
            format!("{reason}{}", condition.message),
        )
        .fix(Fix::manual("change what the issuer objects to in the Certificate's spec: the change lifts the back-off"));
    Ok(vec![with_renewal(finding, facts)])
}

pub static OLD_FAILED_BLOCKS: Rule = Rule {
    id: "old-failed-request-blocks",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "a failed request of the issuance before is still there and blocks the new one",
    doc: include_str!("../../docs/rules/old-failed-request-blocks.md"),
    needs: &[Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: old_failed_blocks,
};

fn old_failed_blocks(facts: &Facts) -> Judgement {
    let Some(began) = issuing_since(facts)? else { return Ok(vec![]) };
    if facts.since(began).as_secs() < TIDY_SECONDS {
        return Ok(vec![]);
    }
    let left_over = next_requests(facts).filter(|node| {
        let failed = node.request.ready_reason() == Some(&RequestReason::Failed);
        failed && failure::is_left_over(facts, node.request)
    });
    Ok(left_over
        .map(|node| {
            let request = node.request;
            let failed = request.status.failure_time.as_ref().map_or_else(String::new, |time| time.0.to_string());
            let held = match (request.deleting_since(), request.finalizers()) {
                (Some(_), [_, ..]) => {
                    format!(": it is being deleted, and a finalizer holds it ({})", request.finalizers().join(", "))
                }
                (Some(_), []) => ": it is being deleted".to_owned(),
                (None, _) => String::new(),
            };
            let finding = OLD_FAILED_BLOCKS
                .on(request.objref())
                .says(format!(
                    "{} failed before this issuance began, and nothing moves until it is gone{held}",
                    request.objref()
                ))
                .evidence(Witness::Status(Kind::CertificateRequest, "failureTime"), failed)
                .evidence(Witness::Condition(Kind::Certificate, "Issuing"), format!("True since {began}"));
            if request.deleting_since().is_none() {
                return finding.fix(delete(&[request]));
            }
            finding.fix(Fix::command(
                "let the owner of the finalizer finish, or take it out by hand",
                format!(
                    "kubectl patch certificaterequest {}{} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
                    request.name(),
                    request.objref().namespace_flag()
                ),
            ))
        })
        .collect())
}

pub static SEVERAL_REQUESTS: Rule = Rule {
    id: "several-requests-for-one-revision",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    since: "0.1.0",
    summary: "several requests claim to be the next issuance, so none is taken",
    doc: include_str!("../../docs/rules/several-requests-for-one-revision.md"),
    needs: &[Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: several_requests,
};

fn several_requests(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let Some(began) = issuing_since(facts)? else { return Ok(vec![]) };
    // Sorted newest first; one that is going already is no rival.
    let rivals: Vec<_> =
        next_requests(facts).map(|node| node.request).filter(|request| request.deleting_since().is_none()).collect();
    let [newest, others @ ..] = rivals.as_slice() else { return Ok(vec![]) };
    let young = facts.since(began).as_secs() < TIDY_SECONDS || !facts.is_older_than(newest.created(), TIDY_SECONDS);
    if others.is_empty() || young {
        return Ok(vec![]);
    }
    let revision = newest.revision().unwrap_or_default();
    let mut finding = SEVERAL_REQUESTS.on(certificate.objref()).says(format!(
        "{} requests claim to be revision {revision} of {}: cert-manager waits until one is left",
        rivals.len(),
        certificate.objref()
    ));
    for request in &rivals {
        let created = request.created().map_or_else(String::new, |created| created.to_string());
        finding = finding
            .evidence(Witness::Metadata(Kind::CertificateRequest), format!("{}, created {created}", request.name()));
    }
    Ok(vec![finding.fix(delete(others))])
}

fn delete(requests: &[&CertificateRequest]) -> Fix {
    let names: Vec<_> = requests.iter().map(|request| request.name()).collect();
    let namespace = requests.first().map(|request| request.objref().namespace_flag()).unwrap_or_default();
    let title = if requests.len() == 1 { "delete the old one" } else { "delete all but the newest" };
    Fix::command(title, format!("kubectl delete certificaterequest {}{namespace}", names.join(" ")))
}

/// Since when the Certificate is being issued; `None` if it is not.
fn issuing_since(facts: &Facts) -> Result<Option<Timestamp>, Withheld> {
    let issuing =
        facts.certificate()?.condition(CertificateConditionType::Issuing).filter(|condition| condition.is_true());
    Ok(issuing.and_then(Condition::since))
}

/// The requests of the next revision that cert-manager counts as the Certificate's own.
fn next_requests<'f, 'i>(facts: &'f Facts<'i>) -> impl Iterator<Item = &'f RequestNode<'i>> {
    facts.chain.requests.iter().filter(|node| node.role == Role::Next && node.tie == Tie::Owner)
}

/// The fix that starts a new issuance, for findings about a Certificate's chain.
fn with_renewal(finding: Finding, facts: &Facts) -> Finding {
    match facts.certificate() {
        Ok(certificate) => finding.fix(renew(&certificate.objref())),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CertificateRequestCondition, ConditionStatus};
    use crate::facts::specimen::Specimen;

    /// A request that nobody has decided on, three minutes old.
    fn undecided() -> Specimen {
        Specimen::http01().later(3).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.events.clear();
            objects.request().status.conditions.clear();
        })
    }

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

    fn condition(type_: RequestConditionType, reason: &str, message: &str) -> CertificateRequestCondition {
        Condition {
            type_,
            status: ConditionStatus::True,
            reason: Some(RequestReason::from(reason)),
            message: message.into(),
            ..Condition::default()
        }
    }

    #[test]
    fn a_denial_is_told_with_its_author_and_words() {
        for (reason, part) in [
            ("policy.cert-manager.io", "approver-policy denied"),
            ("KubectlCertManager", "somebody, by hand, denied"),
            ("policy.example.com", "an approver (policy.example.com) denied"),
        ] {
            let denied = undecided().broken(|objects| {
                objects.request().status.conditions =
                    vec![condition(RequestConditionType::Denied, reason, "no such names")];
            });
            assert_eq!(denied.root(), Some("request-denied"));
            let headline = denied.judge().headline;
            assert!(headline.contains(part) && headline.ends_with(": no such names"), "{headline}");
        }
        assert!(!Specimen::rejected().ids().contains(&"request-denied"));
    }

    #[test]
    fn an_invalid_request_is_told_with_the_issuers_words() {
        let invalid = undecided().broken(|objects| {
            objects.request().status.conditions = vec![
                condition(RequestConditionType::Approved, "cert-manager.io", ""),
                condition(RequestConditionType::InvalidRequest, "KeyTooSmall", "needs 3072 bits"),
            ];
        });
        assert_eq!(invalid.root(), Some("request-marked-invalid"));
        assert!(invalid.judge().headline.ends_with("needs 3072 bits"));
    }

    /// The failed request of the first issuance, while the second one runs since `began`.
    fn retried(began: &str) -> Specimen {
        let began: Timestamp = began.parse().unwrap();
        Specimen::rejected().broken(|objects| {
            let issuing = &mut objects.certificate().status.conditions[0];
            issuing.status = ConditionStatus::True;
            issuing.last_transition_time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(began));
        })
    }

    #[test]
    fn a_request_that_failed_before_blocks_the_new_issuance() {
        assert_eq!(retried("2026-11-22T06:29:40Z").root(), Some("old-failed-request-blocks"));
        assert!(!retried("2026-11-22T06:30:30Z").ids().contains(&"old-failed-request-blocks"), "tidied up in a moment");
        assert!(
            !retried("2026-11-22T06:28:25Z").ids().contains(&"old-failed-request-blocks"),
            "failed in this issuance"
        );
        let held = retried("2026-11-22T06:29:40Z").broken(|objects| {
            let request = objects.request();
            request.metadata.finalizers = Some(vec!["example.com/audit".into()]);
            request.metadata.deletion_timestamp = request.metadata.creation_timestamp.clone();
        });
        assert!(
            held.judge().headline.ends_with("a finalizer holds it (example.com/audit)"),
            "{}",
            held.judge().headline
        );
    }

    #[test]
    fn rivals_for_one_revision_are_counted() {
        let twin = |specimen: Specimen| {
            specimen.broken(|objects| {
                let mut twin = objects.request().clone();
                twin.metadata.name = Some("web-xk2vd".into());
                twin.metadata.uid = Some("twin".into());
                objects.requests.push(twin);
            })
        };
        let rivals = twin(Specimen::http01().later(3).broken(|objects| objects.challenges.clear()));
        assert_eq!(rivals.root(), Some("several-requests-for-one-revision"));
        assert!(rivals.judge().headline.starts_with("2 requests claim to be revision 1"));
        assert!(!twin(Specimen::http01()).ids().contains(&"several-requests-for-one-revision"));
        let older = twin(Specimen::http01().later(3)).broken(|objects| {
            objects.requests[1]
                .metadata
                .annotations
                .as_mut()
                .unwrap()
                .insert("cert-manager.io/certificate-revision".into(), "7".into());
        });
        assert!(!older.ids().contains(&"several-requests-for-one-revision"));
    }
}

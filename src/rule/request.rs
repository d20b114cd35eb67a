//! Requests to issuers: their approval, and what is left over from an issuance before.

mod approval;
mod creation;
mod csi;
mod external;
pub mod failure;

pub use approval::{MAY_NOT_APPROVE, NEVER_APPROVED};
pub use creation::CREATION_REFUSED;
pub use csi::{MOUNT_WAITS, WRONG_DRIVER_NAME};
pub use external::{CONTROLLER_DOWN, GRABBED, GROUP_MISSING};

use jiff::Timestamp;

use super::progress::renew;
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::{
    CertificateConditionType, CertificateRequest, Condition, Object, RequestConditionType, RequestReason,
};
use crate::chain::{RequestNode, Role, Tie};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

/// How long the request manager may take to tidy up: it does so at once.
const TIDY_SECONDS: i64 = 60;

pub static DENIED: Rule = Rule {
    id: "request-denied",
    aliases: &[],
    family: Family::Request,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
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
    outlook: Outlook::UntilMended,
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
    outlook: Outlook::Halted,
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
    outlook: Outlook::Halted,
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
    pub fn undecided() -> Specimen {
        Specimen::http01().later(3).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.events.clear();
            objects.request().status.conditions.clear();
        })
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
            objects.challenges.clear();
            let issuing = &mut objects.certificate().status.conditions[0];
            issuing.status = ConditionStatus::True;
            issuing.last_transition_time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(began));
        })
    }

    #[test]
    fn a_request_that_failed_before_blocks_the_new_issuance() {
        // What the CA said to that request stays true, and comes first: it lies deeper.
        assert!(retried("2026-11-22T06:29:40Z").ids().contains(&"old-failed-request-blocks"));
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
        let report = held.judge();
        let blocks = |finding: &&crate::finding::Finding| finding.rule.id == "old-failed-request-blocks";
        let summary = &report.findings.iter().find(blocks).unwrap().summary;
        assert!(summary.ends_with("a finalizer holds it (example.com/audit)"), "{summary}");
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

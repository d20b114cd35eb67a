//! What any stuck issuance looks like from above: symptoms, and the last word where no rule knows the cause.

use jiff::{SignedDuration, Timestamp};

use super::acme_problem::{Problem, ProblemType};
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, ca_refusal, issuer};
use crate::api::{CertificateConditionType, Condition, Object, RequestConditionType};
use crate::chain::ChallengeNode;
use crate::duration::human;
use crate::engine::Stage;
use crate::engine::backoff::next_attempt;
use crate::facts::{Component, Facts};
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};

pub static CERTIFICATE_EXPIRED: Rule = Rule {
    id: "certificate-expired",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "the certificate in the Secret has expired",
    doc: include_str!("../../docs/rules/certificate-expired.md"),
    needs: &[Kind::Certificate],
    explains: &[],
    judge: certificate_expired,
};

fn certificate_expired(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let end = certificate.status.not_after.as_ref().ok_or(Withheld::NotApplicable)?.0;
    if facts.now <= end {
        return Ok(vec![]);
    }
    let ago = human(facts.now.duration_since(end));
    let finding = CERTIFICATE_EXPIRED
        .on(certificate.objref())
        .says(format!("the certificate in Secret {} expired {ago} ago", certificate.spec.secret_name))
        .evidence(Witness::Status(Kind::Certificate, "notAfter"), end.to_string());
    Ok(vec![finding.fix(renew(&certificate.objref()))])
}

pub static ISSUANCE_FAILED: Rule = Rule {
    id: "issuance-failed",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the last issuance failed, for a reason that no other rule knows",
    doc: include_str!("../../docs/rules/issuance-failed.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge, Kind::Event],
    explains: &[],
    judge: issuance_failed,
};

fn issuance_failed(facts: &Facts) -> Judgement {
    if !facts.has_failed() {
        return Err(Withheld::NotApplicable);
    }
    let object = deepest(facts);
    let words = words_of_failure(facts);
    let summary = words.as_ref().map_or_else(
        || format!("the issuance failed: {}", facts.stage.words()),
        |(_, words)| format!("the issuance failed: {words}"),
    );
    let mut finding = ISSUANCE_FAILED.on(object).says(summary);
    if words.is_some_and(|(_, words)| is_trouble_at_the_ca(&words)) {
        finding = finding.outlook(Outlook::ByItself);
    }
    finding = with_words(finding, facts);
    if let Ok(certificate) = facts.certificate() {
        if let Some(condition) = certificate.condition(CertificateConditionType::Issuing) {
            finding = finding.evidence(Witness::Condition(Kind::Certificate, "Issuing"), &condition.message);
        }
        finding = finding.fix(renew(&certificate.objref()));
    }
    Ok(vec![finding])
}

/// Whether the CA says that it is not well itself (RFC 8555 §6.7, `serverInternal`; HTTP status 5xx).
fn is_trouble_at_the_ca(words: &str) -> bool {
    Problem::find(words).is_some_and(|problem| {
        problem.type_ == Some(ProblemType::ServerInternal) || problem.status.is_some_and(|status| status >= 500)
    })
}

pub static ISSUANCE_STALLED: Rule = Rule {
    id: "issuance-stalled",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the issuance has not moved for longer than usual",
    doc: include_str!("../../docs/rules/issuance-stalled.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge],
    explains: &[],
    judge: issuance_stalled,
};

fn issuance_stalled(facts: &Facts) -> Judgement {
    let patience = patience(&facts.stage).ok_or(Withheld::NotApplicable)?;
    if let Some(gap) = facts.breaks_off() {
        return Err(Withheld::Undetermined(gap));
    }
    let Some(moved) = last_movement(facts).filter(|moved| facts.since(*moved) > patience) else { return Ok(vec![]) };
    let finding = ISSUANCE_STALLED
        .on(deepest(facts))
        .says(format!("nothing has moved for {}: {}", human(facts.since(moved)), facts.stage.words()))
        .evidence(Witness::Computed, format!("the last movement that the objects show was at {moved}"));
    let object = finding.object.clone();
    let controller = facts.installation().of_component(Component::Controller).next().cloned();
    let (deployment, namespace) = match &controller {
        Some(workload) => (workload.deployment.name(), workload.deployment.objref().namespace_flag()),
        None => ("cert-manager", " -n cert-manager".to_owned()),
    };
    let finding = with_words(finding, facts)
        .fix(Fix::command(
            "read what the controller says of it",
            format!("kubectl logs deployment/{deployment}{namespace} --since=1h | grep {}", object.name),
        ))
        .fix(Fix::command(
            "and what was said of the object",
            format!("kubectl events --for {}{}", object.kubectl_name(), object.namespace_flag()),
        ));
    Ok(vec![match issuer::back_again(facts) {
        Some(words) => finding.evidence(Witness::Source, words),
        None => finding,
    }])
}

/// When the issuance last got anywhere, or when it fell due. `None` if no object says.
fn last_movement(facts: &Facts) -> Option<Timestamp> {
    let certificate = facts.chain.certificate.seen();
    let issuing = certificate.and_then(|certificate| {
        let condition =
            certificate.condition(CertificateConditionType::Issuing).filter(|condition| condition.is_true());
        condition.and_then(Condition::since)
    });
    let request = facts.request().ok().map(|node| node.request);
    let decided = request.into_iter().flat_map(|request| &request.status.conditions).filter_map(Condition::since).max();
    let order = facts.order().ok().and_then(|node| node.order.created());
    let challenges = facts.challenges().unwrap_or_default().iter().flat_map(|node| {
        let presented = node.challenge.status.presented_at.as_ref().map(|time| time.0);
        [node.challenge.created(), presented]
    });
    let began = issuing.max(request.and_then(Object::created)).max(decided).max(order).max(challenges.max().flatten());
    began.or_else(|| fell_due(facts))
}

/// When the trigger controller should have started: after the back-off, at the renewal time, or when Ready last
/// changed.
fn fell_due(facts: &Facts) -> Option<Timestamp> {
    let certificate = facts.chain.certificate.seen()?;
    let status = &certificate.status;
    let retried = status
        .last_failure_time
        .as_ref()
        .map(|failed| next_attempt(failed.0, status.failed_issuance_attempts, &facts.back_off));
    let renewal = status.renewal_time.as_ref().map(|time| time.0).filter(|renewal| *renewal <= facts.now);
    let ready = certificate.condition(CertificateConditionType::Ready).and_then(Condition::since);
    retried.max(renewal).or(ready).or_else(|| certificate.created())
}

/// How long a stage may last before it is worth a warning. `None` for stages that may last.
fn patience(stage: &Stage) -> Option<SignedDuration> {
    let minutes = match stage {
        Stage::Settled { .. }
        | Stage::BackOff { .. }
        | Stage::Denied
        | Stage::RequestFailed
        | Stage::OrderFailed
        | Stage::ChallengeFailed => return None,
        Stage::Trigger | Stage::Key | Stage::Request | Stage::Issued | Stage::Stored | Stage::Order => 2,
        Stage::Approval | Stage::Issuer | Stage::Authorizations | Stage::ChallengeQueued | Stage::Finalize => 5,
        Stage::ChallengeScheduled
        | Stage::ChallengePresented
        | Stage::ChallengeSelfCheck
        | Stage::ChallengeAccepted => 10,
    };
    Some(SignedDuration::from_mins(minutes))
}

/// The furthest object down the chain.
fn deepest(facts: &Facts) -> ObjRef {
    let challenge = facts.challenges().ok().and_then(open_challenge).map(|node| node.challenge.objref());
    let order = || facts.order().ok().map(|node| node.order.objref());
    let request = || facts.request().ok().map(|node| node.request.objref());
    challenge.or_else(order).or_else(request).unwrap_or_else(|| facts.chain.subject.clone())
}

/// A failed Challenge, else one that is not valid yet.
fn open_challenge<'n, 'i>(challenges: &'n [ChallengeNode<'i>]) -> Option<&'n ChallengeNode<'i>> {
    use crate::api::AcmeState;
    let state = |node: &ChallengeNode| node.challenge.status.state.clone();
    challenges
        .iter()
        .find(|node| state(node).is_some_and(|state| state.is_failure()))
        .or_else(|| challenges.iter().find(|node| state(node) != Some(AcmeState::Valid)))
}

/// The deepest words that some controller left about the failure, and whose they are.
fn words_of_failure(facts: &Facts) -> Option<(Witness, String)> {
    let challenge = open_challenge(facts.challenges().unwrap_or_default()).map(|node| {
        let refusal = ca_refusal::words_of(facts, node.challenge);
        (refusal.witness, refusal.text.to_owned())
    });
    let order =
        facts.order().ok().map(|node| (Witness::Status(Kind::Order, "reason"), node.order.status.reason.clone()));
    let condition = |type_: RequestConditionType, name| {
        let condition = facts.request().ok()?.request.condition(type_)?;
        Some((Witness::Condition(Kind::CertificateRequest, name), condition.message.clone()))
    };
    let state = facts.order().ok().and_then(|node| node.order.status.state.clone());
    let state = state.map(|state| (Witness::Status(Kind::Order, "state"), format!("the Order is {state}")));
    [
        challenge,
        order,
        condition(RequestConditionType::Denied, "Denied"),
        condition(RequestConditionType::InvalidRequest, "InvalidRequest"),
        condition(RequestConditionType::Ready, "Ready"),
        state,
    ]
    .into_iter()
    .flatten()
    .find(|(_, words)| !words.is_empty())
}

fn with_words(finding: Finding, facts: &Facts) -> Finding {
    match words_of_failure(facts) {
        Some((witness, words)) => finding.evidence(witness, words),
        None => finding,
    }
}

/// Starts a new issuance at once, past any back-off.
pub(super) fn renew(certificate: &ObjRef) -> Fix {
    Fix::command(
        "once the cause is mended, start a new issuance at once",
        format!("{PROGRAM} renew {}{}", certificate.name, certificate.namespace_flag()),
    )
}

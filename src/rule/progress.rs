//! What any stuck issuance looks like from above: symptoms, and the last word where no rule knows the cause.

use jiff::SignedDuration;

use super::{Family, Judgement, Nature, Rule, Severity, Withheld};
use crate::api::{CertificateConditionType, Object, RequestConditionType};
use crate::chain::{ChallengeNode, RequestNode};
use crate::duration::human;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::{Kind, ObjRef};

pub static CERTIFICATE_EXPIRED: Rule = Rule {
    id: "certificate-expired",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Error,
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
    since: "0.1.0",
    summary: "the last issuance failed, for a reason that no other rule knows",
    doc: include_str!("../../docs/rules/issuance-failed.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge],
    explains: &[],
    judge: issuance_failed,
};

fn issuance_failed(facts: &Facts) -> Judgement {
    if !facts.has_failed() {
        return Err(Withheld::NotApplicable);
    }
    let object = deepest(facts);
    let words = facts.chain.in_flight().and_then(words_of_failure);
    let summary = words.as_ref().map_or_else(
        || format!("the issuance failed: {}", facts.stage.words()),
        |(_, words)| format!("the issuance failed: {words}"),
    );
    let mut finding = ISSUANCE_FAILED.on(object).says(summary);
    finding = with_words(finding, facts);
    if let Ok(certificate) = facts.certificate() {
        if let Some(condition) = certificate.condition(CertificateConditionType::Issuing) {
            finding = finding.evidence(Witness::Condition(Kind::Certificate, "Issuing"), &condition.message);
        }
        finding = finding.fix(renew(&certificate.objref()));
    }
    Ok(vec![finding])
}

pub static ISSUANCE_STALLED: Rule = Rule {
    id: "issuance-stalled",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Symptom,
    severity: Severity::Warning,
    since: "0.1.0",
    summary: "the issuance has not moved for longer than usual",
    doc: include_str!("../../docs/rules/issuance-stalled.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge],
    explains: &[],
    judge: issuance_stalled,
};

fn issuance_stalled(facts: &Facts) -> Judgement {
    let patience = patience(&facts.stage).ok_or(Withheld::NotApplicable)?;
    let began = facts.issuance_began().or_else(|| facts.chain.certificate.seen().and_then(|c| c.created()));
    let Some(began) = began.filter(|began| facts.since(*began) > patience) else { return Ok(vec![]) };
    let finding = ISSUANCE_STALLED
        .on(deepest(facts))
        .says(format!("nothing has moved for {}: {}", human(facts.since(began)), facts.stage.words()))
        .evidence(Witness::Computed, format!("the issuance began at {began}"));
    Ok(vec![with_words(finding, facts)])
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
    let Some(node) = facts.chain.in_flight() else { return facts.chain.subject.clone() };
    let Some(order) = node.order() else { return node.request.objref() };
    open_challenge(&order.challenges).map_or_else(|| order.order.objref(), |node| node.challenge.objref())
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
fn words_of_failure(node: &RequestNode) -> Option<(Witness, String)> {
    let challenge = open_challenge(node.challenges())
        .map(|node| (Witness::Status(Kind::Challenge, "reason"), node.challenge.status.reason.clone()));
    let order = node.order().map(|node| (Witness::Status(Kind::Order, "reason"), node.order.status.reason.clone()));
    let condition = |type_: RequestConditionType, name| {
        node.request
            .condition(type_)
            .map(|condition| (Witness::Condition(Kind::CertificateRequest, name), condition.message.clone()))
    };
    [
        challenge,
        order,
        condition(RequestConditionType::Denied, "Denied"),
        condition(RequestConditionType::InvalidRequest, "InvalidRequest"),
        condition(RequestConditionType::Ready, "Ready"),
    ]
    .into_iter()
    .flatten()
    .find(|(_, words)| !words.is_empty())
}

fn with_words(finding: Finding, facts: &Facts) -> Finding {
    match facts.chain.in_flight().and_then(words_of_failure) {
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

//! The one word and the one sentence that answer for a target.

use jiff::{SignedDuration, Timestamp};

use crate::api::{CertificateConditionType, Object};
use crate::chain::IssuerView;
use crate::duration::human;
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::{Facts, gap};
use crate::finding::Finding;
use crate::objref::Kind;
use crate::rule::Severity;

/// How a target is. The order is from urgent to quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Some finding is worse than information.
    Failing,
    /// It could not be seen.
    Unknown,
    /// The first certificate is under way.
    Issuing,
    /// A new certificate is under way while the old one is good.
    Renewing,
    /// Nothing is wrong.
    Healthy,
}

impl Verdict {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Unknown => "unknown",
            Self::Issuing => "issuing",
            Self::Renewing => "renewing",
            Self::Healthy => "healthy",
        }
    }

    pub(super) fn of(facts: &Facts, findings: &[Finding]) -> Self {
        let worst = findings.iter().map(|finding| finding.rule.severity).min();
        let in_progress = !matches!(facts.stage, Stage::Settled { .. }) && !facts.has_failed();
        if worst == Some(Severity::Error) {
            return Self::Failing;
        }
        let seen = subject(facts);
        if !matches!(seen, Fact::Seen(())) {
            return Self::Unknown;
        }
        if issuance(facts) && in_progress {
            return if is_good(facts) { Self::Renewing } else { Self::Issuing };
        }
        if worst == Some(Severity::Warning) || (issuance(facts) && facts.has_failed()) {
            return Self::Failing;
        }
        Self::Healthy
    }
}

/// Whether the target is part of an issuance, unlike an Issuer.
fn issuance(facts: &Facts) -> bool {
    facts.chain.certificate.seen().is_some() || !facts.chain.requests.is_empty()
}

/// Whether the Secret's certificate can be used now, by the Certificate's own word and the clock.
fn is_good(facts: &Facts) -> bool {
    facts.chain.certificate.seen().is_some_and(|certificate| {
        let end = certificate.status.not_after.as_ref().map(|time| time.0);
        let kept = certificate.is(CertificateConditionType::Ready) || certificate.status.revision.is_some();
        kept && end.is_some_and(|end| facts.now < end)
    })
}

/// What is known of the object that was asked about.
pub(super) fn subject(facts: &Facts) -> Fact<()> {
    let chain = &facts.chain;
    match chain.subject.kind {
        Kind::Certificate => chain.certificate.clone().map(|_| ()),
        Kind::Issuer | Kind::ClusterIssuer => chain.issuer.clone().map(|_| ()),
        Kind::Secret if chain.certificate.seen().is_some() => Fact::Seen(()),
        Kind::Secret => chain.secret.clone().map(|_| ()),
        Kind::CertificateRequest | Kind::Order | Kind::Challenge if chain.in_flight().is_some() => Fact::Seen(()),
        Kind::CertificateRequest
        | Kind::Order
        | Kind::Challenge
        | Kind::Event
        | Kind::Pod
        | Kind::Service
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::HttpRoute
        | Kind::Gateway
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice => {
            facts.inventory.missing(chain.subject.kind, chain.subject.namespace.as_deref(), Some(&chain.subject.name))
        }
    }
}

pub(super) fn headline(facts: &Facts, verdict: Verdict, findings: &[Finding]) -> String {
    match verdict {
        Verdict::Failing => findings.first().map_or_else(
            || facts.stage.words().to_owned(),
            |finding| finding.summary.clone(),
        ),
        Verdict::Unknown => unknown(facts),
        Verdict::Issuing => format!("the first certificate is being issued: {}", facts.stage.words()),
        Verdict::Renewing => {
            format!("a new certificate is being issued: {}; {}", facts.stage.words(), validity(facts))
        }
        Verdict::Healthy => healthy(facts),
    }
}

fn unknown(facts: &Facts) -> String {
    let subject = &facts.chain.subject;
    match self::subject(facts) {
        Fact::Absent => format!("{subject} does not exist"),
        fact @ (Fact::Seen(()) | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => gap(&fact, subject.kind).why,
    }
}

fn healthy(facts: &Facts) -> String {
    match facts.chain.subject.kind {
        Kind::Issuer | Kind::ClusterIssuer => match facts.chain.issuer.seen() {
            Some(IssuerView::Builtin { .. } | IssuerView::External(_)) | None => "nothing is wrong: the issuer is ready".into(),
        },
        Kind::Certificate
        | Kind::CertificateRequest
        | Kind::Order
        | Kind::Challenge
        | Kind::Secret
        | Kind::Event
        | Kind::Pod
        | Kind::Service
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::HttpRoute
        | Kind::Gateway
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice => format!("nothing is wrong: {}", validity(facts)),
    }
}

/// `valid for 59d, renews in 29d`.
fn validity(facts: &Facts) -> String {
    let Some(certificate) = facts.chain.certificate.seen() else { return "no fault is visible".into() };
    let until = |time: Timestamp| human(time.duration_since(facts.now));
    let Some(end) = certificate.status.not_after.as_ref().map(|time| time.0) else {
        return format!("{} holds no certificate yet", certificate.spec.secret_name);
    };
    if end.duration_since(facts.now) < SignedDuration::ZERO {
        return format!("the present one expired {} ago", human(facts.now.duration_since(end)));
    }
    match &facts.stage {
        Stage::Settled { renewal: Some(renewal) } => {
            format!("the certificate is valid for {} and renews in {}", until(end), until(*renewal))
        }
        _ => format!("{} in {} is valid for {}", "the present one", certificate.objref().namespace.unwrap_or_default(), until(end)),
    }
}

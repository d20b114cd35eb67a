//! The one word and the one sentence that answer for a target.

use jiff::{SignedDuration, Timestamp};

use crate::api::{CertificateConditionType, Object};
use crate::duration::human;
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::{Facts, Unmade, gap};
use crate::finding::Finding;
use crate::horizon;
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
        if facts.breaks_off().or_else(|| facts.unseen_secret()).is_some() {
            return Self::Unknown;
        }
        let seen = facts.subject();
        if !matches!(seen, Fact::Seen(())) {
            return Self::Unknown;
        }
        if facts.unmade() == Some(Unmade::Soon) {
            return Self::Issuing;
        }
        if facts.chain.is_issuance() && in_progress {
            return if is_good(facts) { Self::Renewing } else { Self::Issuing };
        }
        if worst == Some(Severity::Warning) || (facts.chain.is_issuance() && facts.has_failed()) {
            return Self::Failing;
        }
        Self::Healthy
    }
}

/// Whether the Secret's certificate can be used now, by the Certificate's own word and the clock.
fn is_good(facts: &Facts) -> bool {
    facts.chain.certificate.seen().is_some_and(|certificate| {
        let end = certificate.status.not_after.as_ref().map(|time| time.0);
        let kept = certificate.is(CertificateConditionType::Ready) || certificate.status.revision.is_some();
        kept && end.is_some_and(|end| facts.now < end)
    })
}

pub(super) fn headline(facts: &Facts, verdict: Verdict, findings: &[Finding]) -> String {
    match verdict {
        Verdict::Failing => {
            findings.first().map_or_else(|| facts.stage.words().to_owned(), |finding| finding.summary.clone())
        }
        Verdict::Unknown => unknown(facts),
        Verdict::Issuing if facts.unmade().is_some() => soon(facts),
        Verdict::Issuing => format!("the first certificate is being issued: {}", facts.stage.words()),
        Verdict::Renewing => {
            format!("a new certificate is being issued: {}; {}", facts.stage.words(), validity(facts))
        }
        Verdict::Healthy => healthy(facts),
    }
}

/// A Certificate that the subject asks for is not there yet.
fn soon(facts: &Facts) -> String {
    let names = facts.asked().map(|asked| asked.to_make().map(Object::name).collect::<Vec<_>>().join(", "));
    format!("cert-manager is about to make Certificate {}", names.unwrap_or_default())
}

fn unknown(facts: &Facts) -> String {
    if let Some(gap) = facts.unseen_secret() {
        return format!("whether anything is wrong cannot be told: {}", gap.why);
    }
    if let Some(gap) = facts.breaks_off() {
        return format!("how far the issuance is cannot be told: {}", gap.why);
    }
    let subject = &facts.chain.subject;
    match facts.subject() {
        Fact::Absent | Fact::NotLooked(_) if subject.kind == Kind::Host => format!(
            "nothing that was looked at serves {}: no Ingress, Gateway, HTTPRoute or Certificate names it",
            subject.name
        ),
        Fact::Absent => format!("{subject} does not exist"),
        fact @ (Fact::Seen(()) | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
            gap(&fact, subject.kind).why
        }
    }
}

fn healthy(facts: &Facts) -> String {
    match &facts.chain.certificate {
        Fact::Seen(_) => format!("nothing is wrong: {}", validity(facts)),
        Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => match facts.chain.issuer.seen() {
            Some(_) if !facts.chain.is_issuance() => "nothing is wrong: the issuer is ready".into(),
            Some(_) | None => "nothing is wrong that these objects show".into(),
        },
    }
}

/// `the certificate is valid for 59d and renews in 29d`, or `has no end`.
fn validity(facts: &Facts) -> String {
    let Some(certificate) = facts.chain.certificate.seen() else { return "no Certificate is above it".into() };
    let until = |time: Timestamp| human(time.duration_since(facts.now));
    let Some(end) = certificate.status.not_after.as_ref().map(|time| time.0) else {
        return format!("Secret {} holds no certificate yet", certificate.spec.secret_name);
    };
    if end.duration_since(facts.now) < SignedDuration::ZERO {
        return format!("the present one expired {} ago", human(facts.now.duration_since(end)));
    }
    let valid = if horizon::is_never(end) { "has no end".to_owned() } else { format!("is valid for {}", until(end)) };
    let renewal = if let Stage::Settled { renewal } = facts.stage { renewal } else { None };
    match renewal.filter(|renewal| !horizon::is_never(*renewal)) {
        Some(renewal) => format!("the certificate {valid} and renews in {}", until(renewal)),
        None => format!("the present one {valid}"),
    }
}

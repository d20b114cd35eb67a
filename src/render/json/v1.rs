//! `diagnose -o json`, version 1 of its form.
//!
//! Its own structs: what scripts rely on changes only on purpose, and never because a type further in was renamed.
//! `docs/schema/diagnosis.v1.json` is the same in JSON Schema. Says nothing that the other forms do not say.

use jiff::Timestamp;
use serde::Serialize;

use crate::chain::Next;
use crate::engine::Stage;
use crate::finding::{Evidence, Finding, Fix, PROGRAM};
use crate::objref::ObjRef;
use crate::report::{Path, Report, SourceLine, TargetReport, Verdict, WithheldRule};
use crate::rule::{Gap, Nature, Severity};

/// The answer to one `diagnose`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis<'r> {
    api_version: &'static str,
    kind: &'static str,
    /// The time that everything is judged at.
    now: Time,
    source: Source<'r>,
    targets: Vec<Target<'r>>,
    /// What was refused or failed while looking, for all targets together.
    not_seen: Vec<NotSeen<'r>>,
    summary: Summary,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Source<'r> {
    Cluster { server: &'r str },
    Files { paths: &'r [String] },
}

#[derive(Debug, Serialize)]
struct Target<'r> {
    object: &'r ObjRef,
    verdict: &'static str,
    headline: &'r str,
    /// `null` where the target is no part of an issuance, such as an Issuer.
    stage: Option<&'static str>,
    /// `null` where nothing follows.
    next: Option<Step<'r>>,
    /// Where the target leads; not there for one that is itself part of an issuance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<Led<'r>>,
    findings: Vec<Found<'r>>,
    withheld: Vec<Withheld<'r>>,
}

#[derive(Debug, Serialize)]
struct Led<'r> {
    objects: &'r [ObjRef],
    /// The verdict on the last of them; `null` where that is nothing to judge.
    verdict: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Step<'r> {
    /// `null` if it may happen at any moment, or never.
    at: Option<Time>,
    what: &'r str,
}

#[derive(Debug, Serialize)]
struct Found<'r> {
    rule: &'static str,
    family: &'static str,
    severity: &'static str,
    nature: &'static str,
    object: &'r ObjRef,
    summary: &'r str,
    explanation: &'r str,
    evidence: Vec<Word<'r>>,
    fix: Vec<Remedy<'r>>,
    /// The command that prints the rule's page.
    docs: String,
}

#[derive(Debug, Serialize)]
struct Word<'r> {
    source: String,
    text: &'r str,
}

#[derive(Debug, Serialize)]
struct Remedy<'r> {
    title: &'r str,
    command: Option<&'r str>,
    patch: Option<&'r str>,
}

#[derive(Debug, Serialize)]
struct Withheld<'r> {
    rule: &'static str,
    why: &'r str,
    needs: &'r str,
}

#[derive(Debug, Serialize)]
struct NotSeen<'r> {
    why: &'r str,
    needs: &'r str,
}

/// Counts what the document lists.
#[derive(Debug, Serialize)]
struct Summary {
    targets: usize,
    errors: usize,
    warnings: usize,
}

/// RFC 3339 in UTC, to the second, as all times of Kubernetes objects are.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Time(String);

/// The report as JSON text.
pub fn text(report: &Report) -> String {
    super::text(&Diagnosis::of(report))
}

impl<'r> Diagnosis<'r> {
    /// The report in the form of version 1.
    pub fn of(report: &'r Report) -> Self {
        let targets: Vec<_> = report.targets.iter().map(Target::of).collect();
        let count = |severity: Severity| {
            targets.iter().flat_map(|target| &target.findings).filter(|found| found.severity == severity.id()).count()
        };
        let summary =
            Summary { targets: targets.len(), errors: count(Severity::Error), warnings: count(Severity::Warning) };
        Self {
            api_version: "cert.kubectl.dev/v1",
            kind: "Diagnosis",
            now: Time::of(report.now),
            source: Source::of(&report.source),
            not_seen: report.troubles.iter().map(NotSeen::of).collect(),
            targets,
            summary,
        }
    }
}

impl<'r> Source<'r> {
    fn of(source: &'r SourceLine) -> Self {
        match source {
            SourceLine::Cluster { server } => Self::Cluster { server },
            SourceLine::Files { paths } => Self::Files { paths },
        }
    }
}

impl<'r> Target<'r> {
    fn of(target: &'r TargetReport) -> Self {
        Self {
            object: &target.object,
            verdict: target.verdict.id(),
            headline: &target.headline,
            stage: target.stage.as_ref().map(Stage::id),
            next: target.next.as_ref().map(Step::of),
            paths: target.paths.iter().map(Led::of).collect(),
            findings: findings(target),
            withheld: target.withheld.iter().map(Withheld::of).collect(),
        }
    }
}

/// Causes, then symptoms, then risks. A finding that another one explains is a symptom here whatever its rule says:
/// this form is flat, and nobody should repair it for itself.
fn findings(target: &TargetReport) -> Vec<Found<'_>> {
    let shown = target.findings.iter().map(|finding| (finding.rule.nature, finding));
    let folded = target.folded.iter().map(|finding| (Nature::Symptom, finding));
    let mut all: Vec<_> = shown.chain(folded).collect();
    all.sort_by_key(|(nature, _)| *nature);
    all.into_iter().map(|(nature, finding)| Found::of(finding, nature)).collect()
}

impl<'r> Found<'r> {
    fn of(finding: &'r Finding, nature: Nature) -> Self {
        let rule = finding.rule;
        Self {
            rule: rule.id,
            family: rule.family.id(),
            severity: rule.severity.id(),
            nature: nature.id(),
            object: &finding.object,
            summary: &finding.summary,
            explanation: &finding.explanation,
            evidence: finding.evidence.iter().map(Word::of).collect(),
            fix: finding.fixes.iter().map(Remedy::of).collect(),
            docs: format!("{PROGRAM} explain {}", rule.id),
        }
    }
}

impl<'r> Led<'r> {
    fn of(path: &'r Path) -> Self {
        Self { objects: &path.objects, verdict: path.end.map(Verdict::id) }
    }
}

impl<'r> Step<'r> {
    fn of(next: &'r Next) -> Self {
        Self { at: next.at.map(Time::of), what: &next.what }
    }
}

impl<'r> Word<'r> {
    fn of(evidence: &'r Evidence) -> Self {
        Self { source: evidence.source.to_string(), text: &evidence.text }
    }
}

impl<'r> Remedy<'r> {
    fn of(fix: &'r Fix) -> Self {
        Self { title: &fix.title, command: fix.command.as_deref(), patch: fix.patch.as_deref() }
    }
}

impl<'r> Withheld<'r> {
    fn of(withheld: &'r WithheldRule) -> Self {
        Self { rule: withheld.rule.id, why: &withheld.gap.why, needs: &withheld.gap.needs }
    }
}

impl<'r> NotSeen<'r> {
    fn of(gap: &'r Gap) -> Self {
        Self { why: &gap.why, needs: &gap.needs }
    }
}

impl Time {
    fn of(time: Timestamp) -> Self {
        Self(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

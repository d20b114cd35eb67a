//! The neutral result: per target a verdict, the root cause first, what could not be judged.
//!
//! Judges facts by every rule and puts the findings in order. Knows no width, colour or format.

#[cfg(test)]
mod crowd;
mod joined;
mod prospect;
pub mod row;
mod told;
pub mod tree;
mod verdict;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub use joined::Path;
pub use told::{Before, Telling};
pub use verdict::Verdict;

use crate::chain::Next;
use crate::engine::Stage;
use crate::fact::Failure;
use crate::facts::Facts;
use crate::finding::{Evidence, Finding, Witness};
use crate::inventory::{Answer, Inventory};
use crate::objref::ObjRef;
use crate::rule::{Gap, Nature, REGISTRY, Rule, Severity, Withheld};

/// The answer to one `diagnose`.
#[derive(Clone, Debug)]
pub struct Report {
    pub now: Timestamp,
    pub source: SourceLine,
    /// The most urgent first.
    pub targets: Vec<TargetReport>,
    /// What was refused or failed while looking, each said once.
    pub troubles: Vec<Gap>,
    /// Whether nothing can be said: there is no target, and what was asked for was refused or failed.
    pub blind: bool,
}

/// Where the objects came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceLine {
    Cluster { server: String },
    Files { paths: Vec<String> },
}

/// What there is to say about one target.
#[derive(Clone, Debug)]
pub struct TargetReport {
    pub object: ObjRef,
    pub verdict: Verdict,
    /// One sentence: the answer.
    pub headline: String,
    /// `None` for targets that are no part of an issuance, such as an Issuer.
    pub stage: Option<Stage>,
    pub next: Option<Next>,
    /// Causes before symptoms before risks, the root cause first.
    pub findings: Vec<Finding>,
    /// Findings that another finding explains.
    pub folded: Vec<Finding>,
    /// Rules that could not look, in registry order.
    pub withheld: Vec<WithheldRule>,
    /// Where the target leads, if it is not itself what is issued: from an Ingress to the Certificates behind its Secrets.
    pub paths: Vec<Path>,
}

/// A rule that could not look.
#[derive(Clone, Debug)]
pub struct WithheldRule {
    pub rule: &'static Rule,
    pub gap: Gap,
}

impl Report {
    /// Judges each target and sorts: worst verdict first, then by namespace and name.
    pub fn new(now: Timestamp, source: SourceLine, inventory: &Inventory, mut targets: Vec<TargetReport>) -> Self {
        targets.sort_by(|a, b| (a.verdict, a.worst(), &a.object).cmp(&(b.verdict, b.worst(), &b.object)));
        let troubles = troubles(inventory);
        let blind = targets.is_empty() && !troubles.is_empty();
        Self { now, source, targets, troubles, blind }
    }

    /// How many findings there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.targets
            .iter()
            .flat_map(|target| &target.findings)
            .filter(|finding| finding.rule.severity == severity)
            .count()
    }

    /// Whether some finding is at least as bad as `threshold`.
    pub fn reaches(&self, threshold: Severity) -> bool {
        self.targets.iter().any(|target| target.worst().is_some_and(|worst| worst <= threshold))
    }
}

impl TargetReport {
    /// Judges one target by every rule, and by itself.
    pub fn judge(facts: &Facts) -> Self {
        let mut findings = Vec::new();
        let mut withheld = Vec::new();
        for rule in REGISTRY {
            match (rule.judge)(facts) {
                Ok(found) => findings.extend(found),
                Err(Withheld::NotApplicable) => {}
                Err(Withheld::Undetermined(gap)) => withheld.push(WithheldRule { rule, gap }),
            }
        }
        let (mut findings, folded) = fold(findings);
        quote_logs(facts, &mut findings);
        let stage = facts.chain.is_issuance().then(|| facts.stage.clone());
        let verdict = Verdict::of(facts, &findings);
        let next = prospect::of(facts, verdict, &findings);
        let headline = verdict::headline(facts, verdict, &findings);
        let (object, paths) = (facts.chain.subject.clone(), Vec::new());
        Self { object, verdict, headline, stage, next, findings, folded, withheld, paths }
    }

    /// The severity of the worst finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.rule.severity).min()
    }
}

/// Orders findings and takes out those that another one explains.
///
/// A finding is explained by another when the other rule names its rule; a symptom that no rule names is
/// explained by any cause that is at least as bad.
fn fold(mut findings: Vec<Finding>) -> (Vec<Finding>, Vec<Finding>) {
    findings.sort_by_cached_key(|finding| {
        let rule = finding.rule;
        (rule.nature, rule.severity, rule.family, position_in_registry(rule))
    });
    let explained: Vec<&str> = findings.iter().flat_map(|finding| finding.rule.explains.iter().copied()).collect();
    let worst_cause = findings
        .iter()
        .filter(|finding| finding.rule.nature == Nature::Cause)
        .map(|finding| finding.rule.severity)
        .min();
    findings.into_iter().partition(|finding| {
        let named = explained.contains(&finding.rule.id);
        let caused = finding.rule.nature == Nature::Symptom
            && worst_cause.is_some_and(|severity| severity <= finding.rule.severity);
        !(named || caused)
    })
}

/// Puts what the logs say about the objects of the chain beside what explains the trouble. It changes no verdict.
fn quote_logs(facts: &Facts, findings: &mut [Finding]) {
    const QUOTED: usize = 3;
    const LONGEST: usize = 600;
    let Some(first) = findings.first_mut().filter(|finding| finding.rule.nature != Nature::Risk) else { return };
    for (log, line) in facts.spoken(QUOTED) {
        let is_cut = line.text.chars().nth(LONGEST).is_some();
        let text = line.text.chars().take(LONGEST).chain(is_cut.then_some('…')).collect();
        first.evidence.push(Evidence { source: Witness::Log(log.place()), text });
    }
}

fn position_in_registry(rule: &Rule) -> usize {
    REGISTRY.iter().position(|candidate| std::ptr::eq(*candidate, rule)).unwrap_or(usize::MAX)
}

/// Everything that was refused or failed, each said once, in stable order.
pub fn troubles(inventory: &Inventory) -> Vec<Gap> {
    let logs = inventory.coverage.silent_logs().map(|(_, answer)| answer);
    let answers = inventory.coverage.troubles().map(|(_, _, answer)| answer).chain(logs);
    let answers = answers.filter_map(|answer| match answer {
        Answer::Hidden(denial) => {
            Some(Gap { why: denial.to_string(), needs: format!("{} {}", denial.verb, denial.resource) })
        }
        Answer::Failed(failure) => Some(unanswered(failure)),
        Answer::Complete => None,
    });
    let distinct: BTreeSet<Gap> = answers.chain(inventory.unread.iter().map(unanswered)).collect();
    distinct.into_iter().collect()
}

fn unanswered(failure: &Failure) -> Gap {
    Gap { why: failure.to_string(), needs: "the same question again, with an answer".into() }
}

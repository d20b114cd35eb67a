//! One target and all that it leads to, judged as one: an Ingress with the Certificates behind its Secrets, a host with
//! what serves it.
//!
//! Each object on the ways is judged as if it had been asked about by itself; this puts the answers together.

use jiff::Timestamp;

use super::{TargetReport, Verdict, WithheldRule, fold};
use crate::api::Secret;
use crate::chain::Chain;
use crate::chain::way::{Way, parts, ways};
use crate::facts::Facts;
use crate::finding::Finding;
use crate::inventory::Inventory;
use crate::objref::{Kind, ObjRef};
use crate::probe::outcome::Probed;

/// One way from the target to where it ends, and how its end is.
#[derive(Clone, Debug)]
pub struct Path {
    /// The target first.
    pub objects: Way,
    /// `None` where the end is nothing that can be judged.
    pub end: Option<Verdict>,
}

impl TargetReport {
    /// Judges a target with everything that it leads to.
    pub fn of(inventory: &Inventory, subject: &ObjRef, now: Timestamp) -> Self {
        Self::with(inventory, subject, now, None)
    }

    /// The same, with what the network said.
    pub fn with(inventory: &Inventory, subject: &ObjRef, now: Timestamp, probed: Option<&Probed>) -> Self {
        let ways = ways(inventory, subject);
        let is_there = |part: &ObjRef| {
            let secret = inventory.at::<Secret>(part);
            part == subject || part.kind != Kind::Secret || secret.seen().is_some()
        };
        let parts = parts(&ways).into_iter().filter(is_there);
        let parts: Vec<Self> = parts.map(|part| judge(inventory, subject, &part, now, probed)).collect();
        let paths = ways.into_iter().filter(|way| way.len() > 1).map(|objects| {
            let end = objects.last().and_then(|end| parts.iter().find(|part| part.object == *end));
            Path { end: end.map(|part| part.verdict), objects }
        });
        let paths = paths.collect();
        join(parts, paths)
    }
}

fn judge(
    inventory: &Inventory,
    subject: &ObjRef,
    part: &ObjRef,
    now: Timestamp,
    probed: Option<&Probed>,
) -> TargetReport {
    let host = (subject.kind == Kind::Host).then_some(subject.name.as_str());
    let facts = Facts::new(inventory, Chain::of(inventory, part), now).for_host(host);
    match probed {
        Some(probed) => TargetReport::judge(&facts.with(probed)),
        None => TargetReport::judge(&facts),
    }
}

fn join(mut parts: Vec<TargetReport>, paths: Vec<Path>) -> TargetReport {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let worst = parts.iter().map(|part| part.verdict).min().unwrap_or(Verdict::Unknown);
    let (findings, folded) = fold(distinct(&parts));
    let root = findings.first().filter(|_| worst == Verdict::Failing);
    let has_root = |part: &&TargetReport| {
        let is_root = |finding: &Finding| root.is_some_and(|root| is_same(finding, root));
        part.findings.iter().any(is_root)
    };
    // Of those that are as bad, the deepest says most: it is what the others wait for.
    let leading = parts.iter().find(has_root).or_else(|| parts.iter().rev().find(|part| part.verdict == worst));
    let (stage, next) = leading.map(|part| (part.stage.clone(), part.next.clone())).unwrap_or_default();
    let headline = root.map(|root| root.summary.clone()).or_else(|| leading.map(|part| part.headline.clone()));
    let mut withheld: Vec<WithheldRule> = Vec::new();
    for rule in parts.iter().flat_map(|part| &part.withheld) {
        if !withheld.iter().any(|other| other.rule == rule.rule && other.gap == rule.gap) {
            withheld.push(rule.clone());
        }
    }
    TargetReport {
        object: parts.swap_remove(0).object,
        verdict: worst,
        headline: headline.unwrap_or_default(),
        stage,
        next,
        findings,
        folded,
        withheld,
        paths,
    }
}

/// What was found at any of them, each once.
fn distinct(parts: &[TargetReport]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for finding in parts.iter().flat_map(|part| part.findings.iter().chain(&part.folded)) {
        if !findings.iter().any(|other| is_same(other, finding)) {
            findings.push(finding.clone());
        }
    }
    findings
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    one.rule == other.rule && one.object == other.object && one.summary == other.summary
}

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
        let ways = ways(inventory, subject);
        let is_there = |part: &ObjRef| {
            let secret = inventory.get::<Secret>(part.namespace.as_deref(), &part.name);
            part == subject || part.kind != Kind::Secret || secret.seen().is_some()
        };
        let parts = parts(&ways).into_iter().filter(is_there);
        let parts: Vec<Self> = parts.map(|part| judge(inventory, subject, &part, now)).collect();
        let paths = ways.into_iter().filter(|way| way.len() > 1).map(|objects| {
            let end = objects.last().and_then(|end| parts.iter().find(|part| part.object == *end));
            Path { end: end.map(|part| part.verdict), objects }
        });
        let paths = paths.collect();
        join(parts, paths)
    }
}

fn judge(inventory: &Inventory, subject: &ObjRef, part: &ObjRef, now: Timestamp) -> TargetReport {
    let host = (subject.kind == Kind::Host).then_some(subject.name.as_str());
    TargetReport::judge(&Facts::new(inventory, Chain::of(inventory, part), now).for_host(host))
}

fn join(mut parts: Vec<TargetReport>, paths: Vec<Path>) -> TargetReport {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let worst = parts.iter().map(|part| part.verdict).min().unwrap_or(Verdict::Unknown);
    // Of those that are as bad, the deepest says most: it is what the others wait for.
    let of_worst = || parts.iter().rev().filter(|part| part.verdict == worst);
    let leading = of_worst().find(|part| part.stage.is_some()).or_else(|| of_worst().next());
    let headline = leading.map(|part| part.headline.clone()).unwrap_or_default();
    let (stage, next) = leading.map(|part| (part.stage.clone(), part.next.clone())).unwrap_or_default();
    let object = parts[0].object.clone();
    let mut findings: Vec<Finding> = Vec::new();
    let mut withheld: Vec<WithheldRule> = Vec::new();
    for part in parts {
        for finding in part.findings.into_iter().chain(part.folded) {
            let is_same = |other: &Finding| {
                other.rule == finding.rule && other.object == finding.object && other.summary == finding.summary
            };
            if !findings.iter().any(is_same) {
                findings.push(finding);
            }
        }
        for rule in part.withheld {
            if !withheld.iter().any(|other| other.rule == rule.rule && other.gap == rule.gap) {
                withheld.push(rule);
            }
        }
    }
    let (findings, folded) = fold(findings);
    let headline = match findings.first() {
        Some(root) if worst == Verdict::Failing => root.summary.clone(),
        Some(_) | None => headline,
    };
    TargetReport { object, verdict: worst, headline, stage, next, findings, folded, withheld, paths }
}

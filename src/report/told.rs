//! What a report on many targets has said already: a cause that many share is told once, at the first of them.
//!
//! Knows no form of output: each says in its own words that a thing was told before.

use std::collections::HashMap;

use super::{Report, TargetReport};
use crate::finding::{Finding, Fix};
use crate::objref::ObjRef;

/// How a target is told behind the targets before it.
#[derive(Clone, Debug)]
pub enum Telling<'r> {
    /// With all that there is to say of it; for each finding, whether that was told before.
    Whole(Vec<Option<Before<'r>>>),
    /// By a word: this earlier target has said it all.
    Same(&'r ObjRef),
}

/// That a finding was told before: one of the same rule about the same object in the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before<'r> {
    /// The target that it was told at.
    pub at: &'r ObjRef,
    /// What is to be done for this target alone.
    pub fixes: Vec<&'r Fix>,
}

impl Report {
    /// How to tell each target, in order, without telling one cause twice.
    pub fn tellings(&self) -> Vec<Telling<'_>> {
        let mut told = Told::default();
        self.targets.iter().map(|target| told.tell(target)).collect()
    }
}

/// The findings that were told, and where.
#[derive(Default)]
struct Told<'r>(HashMap<(&'static str, &'r ObjRef, &'r str), (&'r TargetReport, &'r Finding)>);

impl<'r> Told<'r> {
    fn tell(&mut self, target: &'r TargetReport) -> Telling<'r> {
        let places: Vec<_> = target.findings.iter().map(|finding| self.place(target, finding)).collect();
        if let Some(Some((first, _))) = places.first()
            && places.iter().zip(&target.findings).all(|(place, finding)| {
                place.is_some_and(|(at, told)| std::ptr::eq(at, *first) && own_fixes(finding, told).is_empty())
            })
            && adds_nothing(target, first)
        {
            return Telling::Same(&first.object);
        }
        let before = |(place, finding): (Option<(&'r TargetReport, &'r Finding)>, &'r Finding)| {
            place.map(|(at, told)| Before { at: &at.object, fixes: own_fixes(finding, told) })
        };
        Telling::Whole(places.into_iter().zip(&target.findings).map(before).collect())
    }

    /// Where the same was told before, if that was at another target.
    fn place(&mut self, target: &'r TargetReport, finding: &'r Finding) -> Option<(&'r TargetReport, &'r Finding)> {
        let cause = (finding.rule.id, &finding.object, finding.summary.as_str());
        let (at, told) = *self.0.entry(cause).or_insert((target, finding));
        (!std::ptr::eq(at, target)).then_some((at, told))
    }
}

fn own_fixes<'r>(finding: &'r Finding, told: &Finding) -> Vec<&'r Fix> {
    finding.fixes.iter().filter(|fix| !told.fixes.contains(fix)).collect()
}

/// Whether a target with the same findings stands and goes on as an earlier one, and leaves nothing else open.
fn adds_nothing(target: &TargetReport, first: &TargetReport) -> bool {
    let is_folded = |finding: &Finding| first.folded.iter().any(|other| other.rule == finding.rule);
    target.verdict == first.verdict
        && target.stage == first.stage
        && target.next == first.next
        && target.folded.iter().all(is_folded)
        && target.withheld.iter().all(|withheld| first.withheld.iter().any(|other| other.gap == withheld.gap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;
    use crate::facts::specimen::Specimen;
    use crate::report::SourceLine;

    /// A target that waits for a ClusterIssuer which is not ready, and another one like it that may be changed.
    fn report(change: impl FnOnce(&mut TargetReport)) -> Report {
        let specimen = Specimen::http01().broken(|objects| {
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = ConditionStatus::False;
            condition.message = "out of order".into();
            objects.requests.clear();
        });
        let first = specimen.judge();
        assert_eq!(first.findings.iter().map(|finding| finding.rule.id).collect::<Vec<_>>(), ["issuer-not-ready"]);
        let mut second = first.clone();
        second.object.name.push_str("-2");
        change(&mut second);
        let source = SourceLine::Files { paths: Vec::new() };
        Report { now: specimen.now, source, targets: vec![first, second], troubles: Vec::new(), blind: false }
    }

    /// How the second target is told: for each finding whether it was told before, and with how many fixes of its own.
    fn second(report: &Report) -> Vec<Option<usize>> {
        let tellings = report.tellings();
        assert!(matches!(&tellings[0], Telling::Whole(first) if *first == [None]), "{tellings:?}");
        let Telling::Whole(second) = &tellings[1] else { panic!("{tellings:?}") };
        let before: Vec<&Before> = second.iter().flatten().collect();
        assert!(before.iter().all(|before| before.at.name == "web"), "{tellings:?}");
        second.iter().map(|before| before.as_ref().map(|before| before.fixes.len())).collect()
    }

    #[test]
    fn a_target_that_says_nothing_new_is_told_by_a_word() {
        let report = report(|_| {});
        let tellings = report.tellings();
        assert!(matches!(&tellings[1], Telling::Same(first) if first.name == "web"), "{tellings:?}");
    }

    #[test]
    fn what_is_new_is_told_and_what_was_told_is_not() {
        let next = |target: &mut TargetReport| target.next = None;
        let stage = |target: &mut TargetReport| target.stage = None;
        let fix = |target: &mut TargetReport| target.findings[0].fixes.push(Fix::manual("for this one alone"));
        let risk = |target: &mut TargetReport| {
            target.findings.push(target.findings[0].clone().says("something else about the same issuer"));
        };
        assert_eq!(second(&report(next)), [Some(0)]);
        assert_eq!(second(&report(stage)), [Some(0)]);
        assert_eq!(second(&report(fix)), [Some(1)]);
        assert_eq!(second(&report(risk)), [Some(0), None]);
    }

    #[test]
    fn the_same_words_about_another_object_are_told() {
        let other = |target: &mut TargetReport| target.findings[0].object.name.push_str("-2");
        assert_eq!(second(&report(other)), [None]);
    }

    #[test]
    fn a_target_that_says_the_same_twice_says_it_twice() {
        let mut twice = report(|target| target.findings.push(target.findings[0].clone()));
        twice.targets.remove(0);
        assert!(matches!(&twice.tellings()[..], [Telling::Whole(all)] if *all == [None, None]));
    }
}

//! Whether what happens next can help: the next step joined with the outlook of what was found.
//!
//! Knows steps and outlooks, and no rule by name.

use jiff::Timestamp;

use super::Verdict;
use crate::chain::{Attempt, IssuerView, Next, Step, StepKind, comes_late, next};
use crate::engine::backoff::{BackOff, first_attempt_from};
use crate::facts::Facts;
use crate::finding::Finding;
use crate::rule::{Nature, Outlook};

/// What happens next to the target. `None` where nothing follows, as for an issuer that is ready.
pub(super) fn of(facts: &Facts, verdict: Verdict, findings: &[Finding]) -> Option<Next> {
    let step = step(facts)?;
    let expiry = facts.chain.expiry();
    if verdict != Verdict::Failing {
        return Some(step.alone(expiry, facts.now));
    }
    let setting = Setting { now: facts.now, expiry, back_off: facts.back_off };
    Some(Prospect::of(findings).join(step, &setting))
}

fn step(facts: &Facts) -> Option<Step> {
    if facts.chain.is_issuance() {
        return Some(next(&facts.chain, &facts.stage, facts.now, &facts.back_off));
    }
    match facts.chain.issuer.seen()? {
        IssuerView::Builtin { status, .. } => {
            status.ready().is_none_or(|ready| !ready.is_true()).then(Step::of_unready_issuer)
        }
        IssuerView::External(_) => None,
    }
}

/// The dates that an attempt is set against.
struct Setting {
    now: Timestamp,
    /// The end of the certificate that is in use.
    expiry: Option<Timestamp>,
    back_off: BackOff,
}

/// The outlooks of what stands in the way, taken together: a step succeeds only if none of them hinders it.
#[derive(Debug, Default)]
struct Prospect {
    /// Causes that somebody has to mend.
    to_mend: usize,
    halted: bool,
    not_before: Option<Timestamp>,
    passing: bool,
    unknown: bool,
}

impl Prospect {
    /// The worst findings that are shown; risks count only where there is nothing else.
    fn of(findings: &[Finding]) -> Self {
        let is_risk = |finding: &&Finding| finding.rule.nature == Nature::Risk;
        let only_risks = findings.iter().all(|finding| is_risk(&finding));
        let counts = |finding: &&Finding| only_risks || !is_risk(finding);
        let worst = findings.iter().filter(counts).map(|finding| finding.rule.severity).min();
        let mut all = Self::default();
        for finding in findings.iter().filter(counts).filter(|finding| Some(finding.rule.severity) == worst) {
            match finding.outlook {
                Outlook::UntilMended => all.to_mend += 1,
                Outlook::Halted => {
                    all.to_mend += 1;
                    all.halted = true;
                }
                Outlook::NotBefore(date) => all.not_before = all.not_before.max(Some(date)),
                Outlook::ByItself => all.passing = true,
                Outlook::Unhindered => {}
                Outlook::Unknown => all.unknown = true,
            }
        }
        all
    }

    fn join(self, step: Step, setting: &Setting) -> Next {
        if self.halted {
            let causes = if self.to_mend > 1 { "causes" } else { "cause" };
            let what = format!("nothing more happens by itself before somebody acts on the {causes}");
            return Next { at: None, what };
        }
        let help = match step.kind {
            StepKind::Attempt(attempt) => self.of_attempt(attempt, setting),
            StepKind::Renewal(at) => self.of_renewal(at, setting),
            StepKind::Repeat if self.to_mend > 0 => {
                format!(", which fails the same way until {}", self.mended())
            }
            StepKind::Wait if self.to_mend > 0 => format!(", but not until {}", self.mended()),
            StepKind::Repeat | StepKind::Wait => self.of_waiting(setting.now),
            StepKind::End => String::new(),
        };
        let Step { at, what, .. } = step;
        Next { at, what: what + &help }
    }

    fn mended(&self) -> &'static str {
        if self.to_mend > 1 { "the causes are mended" } else { "the cause is mended" }
    }

    fn of_attempt(&self, attempt: Attempt, setting: &Setting) -> String {
        let late = comes_late(attempt.at, setting.expiry, setting.now);
        let refused = self.not_before.filter(|date| attempt.at < *date);
        if self.to_mend > 0 {
            let refused = refused.map_or_else(String::new, |date| format!(", and the CA refuses until {date}"));
            // What is due and does not come is not known to fail: it may not even begin.
            let what = if attempt.at <= setting.now { "does not help" } else { "fails the same way" };
            return format!(", which {what} until {}{refused}{late}", self.mended());
        }
        if let Some(date) = refused {
            return of_refused(attempt, date, setting);
        }
        match self.not_before {
            Some(date) if date <= setting.now => {
                format!(", which can succeed: the CA's date, {date}, has passed{late}")
            }
            Some(date) => format!(", which can succeed: it comes after the CA's date, {date}{late}"),
            None if self.unknown => format!("; whether that helps, nothing that was looked at tells{late}"),
            None if self.passing => format!(", which may be all it takes: such trouble passes by itself{late}"),
            None => late,
        }
    }

    fn of_renewal(&self, at: Timestamp, setting: &Setting) -> String {
        let late = comes_late(at, setting.expiry, setting.now);
        let refused = self.not_before.filter(|date| at < *date);
        match refused {
            _ if self.to_mend > 0 => format!(", which does not help until {}{late}", self.mended()),
            Some(date) => format!(", but the CA refuses until {date}{late}"),
            None if self.unknown => format!("; whether that helps, nothing that was looked at tells{late}"),
            None => late,
        }
    }

    fn of_waiting(&self, now: Timestamp) -> String {
        match self.not_before.filter(|date| now < *date) {
            Some(date) => format!(", but the CA refuses until {date}"),
            None if self.unknown => "; whether time alone mends it, nothing that was looked at tells".to_owned(),
            None if self.passing => "; time alone can mend it".to_owned(),
            None => String::new(),
        }
    }
}

/// An attempt that comes too early for the CA, and the first one that does not if nobody does anything.
fn of_refused(attempt: Attempt, date: Timestamp, setting: &Setting) -> String {
    let (early, first) = first_attempt_from(date, attempt.at, attempt.failures, &setting.back_off);
    let more = match early {
        0 | 1 => String::new(),
        2 => ", and so does the one after it".to_owned(),
        more => format!(", and so do the {} after it", more - 1),
    };
    let late = comes_late(first, setting.expiry, setting.now);
    format!(
        ", but the CA refuses until {date}: that attempt fails too{more}; the first one that can succeed starts at \
         {first}{late}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Attempt;
    use crate::facts::specimen::Specimen;
    use crate::objref::{Kind, ObjRef};
    use crate::rule::{REGISTRY, Severity, by_id};

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    /// Findings of a cause each, with these outlooks.
    fn findings(outlooks: &[Outlook]) -> Vec<Finding> {
        let rule = by_id("http01-404").expect("a cause that is an error");
        let object = ObjRef::new(Kind::Challenge, Some("shop"), "web");
        outlooks.iter().map(|outlook| rule.on(object.clone()).outlook(*outlook)).collect()
    }

    /// What is said at 11:00 about a step of this kind, behind the step itself.
    fn said(kind: StepKind, outlooks: &[Outlook], expiry: Option<&str>) -> String {
        let setting = Setting { now: at("11:00:00"), expiry: expiry.map(at), back_off: BackOff::default() };
        let at = match kind {
            StepKind::Attempt(Attempt { at, .. }) | StepKind::Renewal(at) => Some(at),
            StepKind::Repeat | StepKind::Wait | StepKind::End => None,
        };
        let next = Prospect::of(&findings(outlooks)).join(Step { at, what: "S".into(), kind }, &setting);
        next.what.strip_prefix('S').unwrap_or(&next.what).to_owned()
    }

    #[test]
    fn an_attempt_is_told_with_what_becomes_of_it() {
        const ENDS: &str = "; the certificate in use expires before that, at 2026-03-01T";
        let noon = StepKind::Attempt(Attempt { at: at("12:00:00"), failures: 1 });
        let before = |time: &str| Outlook::NotBefore(at(time));
        let mend = Outlook::UntilMended;
        for (outlooks, expiry, expected) in [
            (vec![], None, String::new()),
            (vec![Outlook::Unhindered], Some("11:30:00"), format!("{ENDS}11:30:00Z")),
            (vec![mend], None, ", which fails the same way until the cause is mended".into()),
            (vec![mend, mend], None, ", which fails the same way until the causes are mended".into()),
            (
                vec![mend],
                Some("11:59:59"),
                format!(", which fails the same way until the cause is mended{ENDS}11:59:59Z"),
            ),
            (vec![mend], Some("12:00:00"), ", which fails the same way until the cause is mended".into()),
            (vec![mend], Some("10:59:59"), ", which fails the same way until the cause is mended".into()),
            (
                vec![mend, before("13:00:00")],
                None,
                ", which fails the same way until the cause is mended, and the CA refuses until 2026-03-01T13:00:00Z"
                    .into(),
            ),
            (
                vec![before("12:00:01")],
                None,
                ", but the CA refuses until 2026-03-01T12:00:01Z: that attempt fails too; the first one that can \
                 succeed starts at 2026-03-01T14:00:00Z"
                    .into(),
            ),
            (
                vec![before("14:00:01")],
                Some("17:00:00"),
                format!(
                    ", but the CA refuses until 2026-03-01T14:00:01Z: that attempt fails too, and so does the one \
                     after it; the first one that can succeed starts at 2026-03-01T18:00:00Z{ENDS}17:00:00Z"
                ),
            ),
            (
                vec![before("12:00:00")],
                None,
                ", which can succeed: it comes after the CA's date, 2026-03-01T12:00:00Z".into(),
            ),
            (
                vec![before("11:00:00"), Outlook::ByItself],
                None,
                ", which can succeed: the CA's date, 2026-03-01T11:00:00Z, has passed".into(),
            ),
            (vec![Outlook::ByItself], None, ", which may be all it takes: such trouble passes by itself".into()),
            (
                vec![Outlook::Unknown, Outlook::ByItself],
                None,
                "; whether that helps, nothing that was looked at tells".into(),
            ),
            (
                vec![Outlook::Halted, Outlook::ByItself],
                None,
                "nothing more happens by itself before somebody acts on the cause".into(),
            ),
        ] {
            assert_eq!(said(noon, &outlooks, expiry), expected, "{outlooks:?} {expiry:?}");
        }
    }

    #[test]
    fn an_attempt_that_is_due_is_not_said_to_fail() {
        let due = StepKind::Attempt(Attempt { at: at("11:00:00"), failures: 0 });
        assert_eq!(said(due, &[Outlook::UntilMended], None), ", which does not help until the cause is mended");
        let refused = said(due, &[Outlook::NotBefore(at("11:30:00"))], None);
        assert!(refused.ends_with("the first one that can succeed starts at 2026-03-01T12:00:00Z"), "{refused}");
    }

    #[test]
    fn other_steps_are_told_with_whether_they_can_help() {
        let renewal = StepKind::Renewal(at("12:00:00"));
        let (mend, open) = (Outlook::UntilMended, Outlook::NotBefore(at("10:00:00")));
        let shut = Outlook::NotBefore(at("13:00:00"));
        for (kind, outlook, expected) in [
            (renewal, mend, ", which does not help until the cause is mended"),
            (renewal, shut, ", but the CA refuses until 2026-03-01T13:00:00Z"),
            (renewal, open, ""),
            (renewal, Outlook::Unknown, "; whether that helps, nothing that was looked at tells"),
            (renewal, Outlook::Unhindered, ""),
            (StepKind::Repeat, mend, ", which fails the same way until the cause is mended"),
            (StepKind::Repeat, Outlook::ByItself, "; time alone can mend it"),
            (StepKind::Wait, mend, ", but not until the cause is mended"),
            (StepKind::Wait, shut, ", but the CA refuses until 2026-03-01T13:00:00Z"),
            (StepKind::Wait, open, ""),
            (StepKind::Wait, Outlook::Unknown, "; whether time alone mends it, nothing that was looked at tells"),
            (StepKind::Wait, Outlook::Halted, "nothing more happens by itself before somebody acts on the cause"),
            (StepKind::End, mend, ""),
            (StepKind::End, Outlook::Halted, "nothing more happens by itself before somebody acts on the cause"),
        ] {
            assert_eq!(said(kind, &[outlook], None), expected, "{kind:?} {outlook:?}");
        }
    }

    #[test]
    fn a_risk_beside_a_cause_does_not_count() {
        let risk = by_id("webhook-single-replica").expect("a risk");
        assert_eq!(risk.nature, Nature::Risk);
        let object = ObjRef::new(Kind::Deployment, Some("cert-manager"), "webhook");
        let mut all = findings(&[Outlook::ByItself]);
        all.push(risk.on(object).outlook(Outlook::Halted));
        assert!(!Prospect::of(&all).halted);
        assert!(Prospect::of(&all[1..]).halted, "alone it does");
    }

    #[test]
    fn what_stops_an_issuance_is_not_called_unhindered() {
        let stops = |severity| severity == Severity::Error;
        let wrong: Vec<_> = REGISTRY
            .iter()
            .filter(|rule| rule.nature == Nature::Cause && stops(rule.severity))
            .filter(|rule| matches!(rule.outlook, Outlook::Unhindered | Outlook::NotBefore(_)))
            .map(|rule| rule.id)
            .collect();
        // What clients are served stops no issuance.
        let serving = [
            "tls-probe-default-certificate",
            "tls-probe-old-certificate",
            "tls-probe-expired",
            "tls-probe-wrong-name",
            "tls-probe-chain-cut",
            "tls-probe-no-handshake",
        ];
        assert_eq!(wrong, serving);
    }

    fn next_of(specimen: &Specimen) -> Next {
        specimen.judge().next.expect("a chain has a next step")
    }

    #[test]
    fn the_next_step_of_a_failing_chain_says_whether_it_helps() {
        let rejected = next_of(&Specimen::rejected());
        assert_eq!(
            rejected.what,
            "cert-manager tries again (1 attempt has failed), which fails the same way until the cause is mended"
        );
        assert!(rejected.at.is_some());
        let stuck = next_of(&Specimen::http01().later(3));
        assert_eq!(
            stuck.what,
            "cert-manager repeats the self check every 10s, which fails the same way until the causes are mended"
        );
        let young = next_of(&Specimen::http01());
        assert_eq!(young.what, "cert-manager repeats the self check every 10s");
        let healthy = next_of(&Specimen::healthy());
        assert_eq!(healthy.what, "cert-manager starts the renewal");
    }

    #[test]
    fn an_issuer_that_is_not_ready_has_a_next_step_too() {
        let about = |specimen: Specimen| specimen.about(Kind::ClusterIssuer, None, "letsencrypt");
        assert_eq!(about(Specimen::http01()).judge().next, None);
        let unready = about(Specimen::http01()).broken(|objects| {
            let condition = &mut objects.cluster_issuer().status.conditions[0];
            condition.status = crate::api::ConditionStatus::False;
            condition.reason = Some(crate::api::IssuerReason::InvalidConfig);
            condition.message = "Your ACME server URL is set to a v1 endpoint (x).".into();
        });
        let next = next_of(&unready);
        assert!(next.what.ends_with("which fails the same way until the cause is mended"), "{}", next.what);
    }
}

//! The answer of one probe, as text and as a document.

use std::collections::BTreeSet;

use serde::Serialize;

use super::style::Tint;
use super::{Style, escape, prose};
use crate::probe::reading::{Summary, Verdict};
use crate::probe::task::Task;

/// What would be asked, a line each.
pub fn plan(tasks: &BTreeSet<Task>) -> String {
    let mut out = match tasks.len() {
        0 => "no probe would be sent\n".to_owned(),
        1 => "1 probe would be sent:\n".to_owned(),
        count => format!("{count} probes would be sent:\n"),
    };
    for task in tasks {
        out.push_str(&format!("  {}\n", escape::line(&task.to_string())));
    }
    out
}

/// For people: the answer, then what it rests on, then what to do.
pub fn text(summary: &Summary, style: &Style) -> String {
    let mut out = String::new();
    let verdict = summary.verdict.id();
    let tint = match summary.verdict {
        Verdict::Pass => Tint::Good,
        Verdict::Fail => Tint::Bad,
        Verdict::Inconclusive => Tint::Warn,
    };
    let answer = format!("{} ({})", escape::line(&summary.words), summary.reason);
    let mut head = String::new();
    prose::hang(&mut head, &format!("{verdict} "), &answer, 0, 2, style.width);
    // Coloured after the wrapping, which would count escape codes.
    out.push_str(&head.replacen(verdict, &style.tint(tint, verdict), 1));
    for detail in &summary.details {
        let reason = detail.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let lead = format!("{}: ", escape::line(&detail.about));
        prose::hang(&mut out, &lead, &format!("{}{reason}", escape::line(&detail.text)), 2, 6, style.width);
    }
    prose::hang(&mut out, "Seen ", &seen_from(summary), 2, 6, style.width);
    if !summary.advice.is_empty() {
        let mut fix = String::new();
        prose::hang(&mut fix, "Fix: ", summary.advice, 2, 7, style.width);
        out.push_str(&fix.replacen("Fix:", &style.tint(Tint::Strong, "Fix:"), 1));
    }
    out
}

fn seen_from(summary: &Summary) -> String {
    format!("{}, which is neither the CA's view nor that of cert-manager's pod", summary.vantage)
}

/// `-o json` and `-o yaml`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe<'s> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(rename = "probe")]
    asked: &'static str,
    target: &'s str,
    /// Where it was asked from.
    vantage: &'static str,
    verdict: &'static str,
    reason: &'static str,
    answer: &'s str,
    details: Vec<Detail<'s>>,
    /// `null` where there is nothing to do.
    fix: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Detail<'s> {
    about: &'s str,
    reason: Option<&'static str>,
    text: &'s str,
}

impl<'s> Probe<'s> {
    pub fn of(summary: &'s Summary) -> Self {
        let details = summary.details.iter();
        Self {
            api_version: "cert.kubectl.dev/v1",
            kind: "Probe",
            asked: summary.kind.id(),
            target: &summary.target,
            vantage: summary.vantage.id(),
            verdict: summary.verdict.id(),
            reason: summary.reason,
            answer: &summary.words,
            details: details
                .map(|detail| Detail { about: &detail.about, reason: detail.reason, text: &detail.text })
                .collect(),
            fix: (!summary.advice.is_empty()).then_some(summary.advice),
        }
    }
}

//! A diagnosis for people: the answer, then cause, evidence and fix.

use super::style::Tint;
use super::{Style, escape, prose};
use crate::duration::human;
use crate::finding::{Finding, Fix};
use crate::horizon;
use crate::report::{Before, Path, Report, TargetReport, Telling, Verdict};
use crate::rule::{Nature, Severity};

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A line per target.
    Short,
    /// Trouble in full, quiet targets by a line.
    Normal,
    /// Everything, also folded findings.
    Wide,
}

/// The whole report as text.
pub fn report(report: &Report, detail: Detail, style: &Style) -> String {
    let mut out = String::new();
    if report.targets.len() != 1 {
        out.push_str(&tally(report));
        out.push('\n');
    }
    let alone = report.targets.len() == 1;
    let mut after_block = false;
    for (target, telling) in report.targets.iter().zip(report.tellings()) {
        let (line, before) = match (detail, telling) {
            (Detail::Normal, Telling::Same(first)) => (Some(format!("as told above for {first}")), Vec::new()),
            (Detail::Normal, Telling::Whole(before)) if alone || !is_quiet(target) => (None, before),
            (Detail::Short | Detail::Normal, _) => (Some(target.headline.clone()), Vec::new()),
            (Detail::Wide, _) => (None, Vec::new()),
        };
        // Blocks stand apart, lines together.
        if if line.is_some() { after_block } else { !alone } {
            out.push('\n');
        }
        after_block = line.is_none();
        match line {
            // For `grep` and the like: a line stays a line.
            Some(words) if detail == Detail::Short => one_line(&mut out, target, &words, style, usize::MAX),
            Some(words) => one_line(&mut out, target, &words, style, style.width),
            None => in_full_target(&mut out, report, target, &before, detail, style),
        }
    }
    for trouble in &report.troubles {
        let lead = style.tint(Tint::Warn, "Not seen: ");
        prose::hang(&mut out, &lead, &escape::line(&trouble.why), 0, 10, style.width);
    }
    out
}

/// Whether a larger report says a target in one line.
pub(super) fn is_quiet(target: &TargetReport) -> bool {
    target.findings.is_empty() && target.verdict != Verdict::Failing
}

/// `2 failing, 1 issuing, 10 healthy`.
pub(super) fn tally(report: &Report) -> String {
    if report.blind {
        return "nothing could be judged: what was asked for was refused or failed".into();
    }
    if report.targets.is_empty() {
        return "nothing to diagnose: no objects found".into();
    }
    let order = [Verdict::Failing, Verdict::Unknown, Verdict::Issuing, Verdict::Renewing, Verdict::Healthy];
    let counts = order.into_iter().filter_map(|verdict| {
        let count = report.targets.iter().filter(|target| target.verdict == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict.id()))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn tint(verdict: Verdict) -> Tint {
    match verdict {
        Verdict::Failing => Tint::Bad,
        Verdict::Unknown => Tint::Warn,
        Verdict::Issuing | Verdict::Renewing => Tint::Busy,
        Verdict::Healthy => Tint::Good,
    }
}

fn one_line(out: &mut String, target: &TargetReport, words: &str, style: &Style, width: usize) {
    let verdict = style.tint(tint(target.verdict), target.verdict.id());
    let id = target.findings.first().map(|finding| format!(" [{}]", finding.rule.id)).unwrap_or_default();
    let words = format!("{}: {}{id}", escape::line(&target.object.to_string()), escape::line(words));
    let mut line = String::new();
    prose::hang(&mut line, &format!("{:<9}", target.verdict.id()), &words, 0, 9, width);
    out.push_str(&line.replacen(target.verdict.id(), &verdict, 1));
}

/// `before` says for each finding whether it was told before; none was where it says nothing.
fn in_full_target(
    out: &mut String,
    report: &Report,
    target: &TargetReport,
    before: &[Option<Before>],
    detail: Detail,
    style: &Style,
) {
    let lead = format!("{}: ", escape::line(&target.object.to_string()));
    let verdict = style.tint(tint(target.verdict), target.verdict.id());
    // The verdict is coloured after wrapping would have counted its escape codes, so it leads alone.
    let mut answer = String::new();
    let plain = format!("{} {lead}", target.verdict.id());
    prose::hang(&mut answer, &plain, &escape::line(&target.headline), 0, 2, style.width);
    out.push_str(&answer.replacen(target.verdict.id(), &verdict, 1));
    if let Some(stage) = &target.stage {
        let words = format!("{} ({})", stage.words(), stage.id());
        prose::hang(out, "Stage ", &words, 2, 8, style.width);
    }
    if let Some(next) = target.next.as_ref().filter(|_| target.verdict != Verdict::Healthy) {
        let what = escape::line(&next.what);
        let words = match next.at {
            Some(at) if horizon::is_never(at) => format!("never: {what}"),
            Some(at) if at > report.now => format!("in {}, at {at}: {what}", human(at.duration_since(report.now))),
            Some(at) => format!("due since {at}: {what}"),
            None => what,
        };
        prose::hang(out, "Next  ", &words, 2, 8, style.width);
    }
    for path in &target.paths {
        let words = escape::line(&path_words(path));
        let words = if style.unicode { words } else { words.replace('→', "->") };
        prose::hang(out, "Path  ", &words, 2, 8, style.width);
    }
    for (index, finding) in target.findings.iter().enumerate() {
        out.push('\n');
        match before.get(index).and_then(Option::as_ref) {
            Some(before) => finding_told_before(out, finding, before, style),
            None => finding_in_full(out, finding, &target.headline, style),
        }
    }
    if !target.folded.is_empty() {
        out.push('\n');
        if detail == Detail::Wide {
            out.push_str("Explained by the above:\n");
            for finding in &target.folded {
                let words = format!("{}: {}", finding.rule.id, escape::line(&finding.summary));
                prose::wrap(out, &words, 2, style.width);
            }
        } else {
            let ids: Vec<_> = target.folded.iter().map(|finding| finding.rule.id).collect();
            prose::hang(out, "Explained by the above: ", &ids.join(", "), 0, 2, style.width);
        }
    }
    withheld(out, target, detail, style);
}

/// `Ingress shop/web → Secret web-tls → Certificate web-tls (healthy)`: a namespace is said where it changes.
pub(super) fn path_words(path: &Path) -> String {
    let mut namespace = None;
    let mut words = Vec::new();
    for object in &path.objects {
        let is_same = object.namespace.is_some() && object.namespace == namespace;
        words.push(if is_same { format!("{} {}", object.kind, object.name) } else { object.to_string() });
        namespace.clone_from(&object.namespace);
    }
    let end = path.end.map_or_else(|| "not there".to_owned(), |verdict| verdict.id().to_owned());
    format!("{} ({end})", words.join(" → "))
}

/// `Cause: ID`, with `more` behind it.
fn finding_head(out: &mut String, finding: &Finding, more: &str, style: &Style) {
    let tint = match finding.rule.severity {
        Severity::Error => Tint::Bad,
        Severity::Warning => Tint::Warn,
        Severity::Info => Tint::Faint,
    };
    let nature = match finding.rule.nature {
        Nature::Cause => "Cause",
        Nature::Symptom => "Symptom",
        Nature::Risk => "Risk",
    };
    let name = format!("{nature}: {}", finding.rule.id);
    let mut head = String::new();
    prose::wrap(&mut head, &format!("{name}{more}"), 0, style.width);
    // Coloured after the wrapping, which would count escape codes.
    out.push_str(&head.replacen(&name, &style.tint(tint, &name), 1));
}

/// One line, and what is to be done for this target alone.
fn finding_told_before(out: &mut String, finding: &Finding, before: &Before, style: &Style) {
    let at = escape::line(&before.at.to_string());
    finding_head(out, finding, &format!(", told above for {at}"), style);
    for fix in &before.fixes {
        one_fix(out, fix, style);
    }
}

fn finding_in_full(out: &mut String, finding: &Finding, headline: &str, style: &Style) {
    let object = escape::line(&finding.object.to_string());
    finding_head(out, finding, &format!(" ({}, {object})", finding.rule.severity.id()), style);
    // The headline has said it already.
    if finding.summary != headline {
        prose::wrap(out, &escape::line(&finding.summary), 2, style.width);
    }
    if !finding.explanation.is_empty() {
        prose::wrap(out, &escape::line(&finding.explanation), 2, style.width);
    }
    for evidence in &finding.evidence {
        let lead = format!("- {}: ", escape::line(&evidence.source.to_string()));
        prose::hang(out, &lead, &escape::line(&evidence.text), 2, 6, style.width);
    }
    for fix in &finding.fixes {
        one_fix(out, fix, style);
    }
}

fn one_fix(out: &mut String, fix: &Fix, style: &Style) {
    let title = style.tint(Tint::Strong, "Fix:");
    let mut text = String::new();
    prose::hang(&mut text, "Fix: ", &escape::line(&fix.title), 2, 7, style.width);
    out.push_str(&text.replacen("Fix:", &title, 1));
    // Commands and patches are pasted: they are never wrapped.
    let lines = fix.command.iter().chain(&fix.patch).flat_map(|block| block.lines());
    for line in lines {
        out.push_str(&format!("       {}\n", escape::line(line)));
    }
}

/// What could not be judged, one line per gap with the number of checks behind it.
fn withheld(out: &mut String, target: &TargetReport, detail: Detail, style: &Style) {
    let mut gaps: Vec<(&crate::rule::Gap, Vec<&str>)> = Vec::new();
    for withheld in &target.withheld {
        match gaps.iter_mut().find(|(gap, _)| *gap == &withheld.gap) {
            Some((_, rules)) => rules.push(withheld.rule.id),
            None => gaps.push((&withheld.gap, vec![withheld.rule.id])),
        }
    }
    if !gaps.is_empty() {
        out.push('\n');
    }
    for (gap, rules) in gaps {
        let checks = match (detail, rules.len()) {
            (Detail::Wide, _) => rules.join(", "),
            (Detail::Short | Detail::Normal, 1) => "1 check".to_owned(),
            (Detail::Short | Detail::Normal, count) => format!("{count} checks"),
        };
        let words = format!("{} ({checks}; needs {})", escape::line(&gap.why), escape::line(&gap.needs));
        prose::hang(out, "Not judged: ", &words, 0, 2, style.width);
    }
}

//! `diagnose -o junit`: one test suite, a test case a target, for the test pages of build systems.
//!
//! A case fails when the exit code says that the target is bad, and errs when nothing could be said of it. Text is
//! escaped for XML; control characters, which XML 1.0 cannot hold at all, are shown.

use super::escape;
use super::text::path_words;
use crate::finding::{Finding, Fix, PROGRAM};
use crate::report::{Report, TargetReport, Verdict};
use crate::rule::Severity;

/// The report as `JUnit` XML. A finding of at least the severity `fails` makes its target's case fail; with `None`
/// nothing does.
pub fn text(report: &Report, fails: Option<Severity>) -> String {
    let cases: Vec<Case> = report.targets.iter().map(|target| Case::of(target, fails)).collect();
    let failures = cases.iter().filter(|case| case.outcome == Outcome::Failure).count();
    let errors = cases.iter().filter(|case| case.outcome == Outcome::Error).count();
    let counts = format!(r#"tests="{}" failures="{failures}" errors="{errors}""#, cases.len());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!("<testsuites {counts}>\n"));
    // JUnit's timestamp has no zone; ours is UTC.
    let timestamp = report.now.strftime("%Y-%m-%dT%H:%M:%S");
    out.push_str(&format!(
        "  <testsuite name=\"{PROGRAM} diagnose\" {counts} skipped=\"0\" time=\"0\" timestamp=\"{timestamp}\">\n"
    ));
    for case in &cases {
        case.write(&mut out);
    }
    if !report.troubles.is_empty() {
        let lines: Vec<String> = report.troubles.iter().map(|gap| format!("Not seen: {}", gap.why)).collect();
        out.push_str(&format!("    <system-err>{}</system-err>\n", block(&lines.join("\n"))));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// A finding at the threshold.
    Failure,
    /// Nothing could be said.
    Error,
}

struct Case<'r> {
    target: &'r TargetReport,
    outcome: Outcome,
}

impl<'r> Case<'r> {
    fn of(target: &'r TargetReport, fails: Option<Severity>) -> Self {
        let is_bad = fails.is_some_and(|fails| target.worst().is_some_and(|worst| worst <= fails));
        let outcome = match (is_bad, target.verdict) {
            (true, _) => Outcome::Failure,
            (false, Verdict::Unknown) => Outcome::Error,
            (false, Verdict::Failing | Verdict::Issuing | Verdict::Renewing | Verdict::Healthy) => Outcome::Passed,
        };
        Self { target, outcome }
    }

    fn write(&self, out: &mut String) {
        let target = self.target;
        let class = format!("{}.{}", target.object.namespace.as_deref().unwrap_or("cluster"), target.object.kind);
        let name = attribute(&target.object.name);
        out.push_str(&format!(r#"    <testcase classname="{}" name="{name}" time="0">"#, attribute(&class)));
        out.push('\n');
        let story = block(&story(target));
        let message = attribute(&target.headline);
        match self.outcome {
            Outcome::Failure => {
                let rule = target.findings.first().map_or("failing", |finding| finding.rule.id);
                out.push_str(&format!("      <failure type=\"{rule}\" message=\"{message}\">{story}</failure>\n"));
            }
            Outcome::Error => {
                out.push_str(&format!("      <error type=\"unknown\" message=\"{message}\">{story}</error>\n"));
            }
            Outcome::Passed => out.push_str(&format!("      <system-out>{story}</system-out>\n")),
        }
        out.push_str("    </testcase>\n");
    }
}

/// All that there is to say about a target, line by line.
fn story(target: &TargetReport) -> String {
    let mut lines = vec![format!("{}: {}", target.verdict.id(), target.headline)];
    lines.extend(target.paths.iter().map(path_words));
    if let Some(stage) = &target.stage {
        lines.push(format!("Stage: {}", stage.id()));
    }
    for finding in &target.findings {
        tell(&mut lines, finding);
    }
    for finding in &target.folded {
        lines.push(format!("Explained by the above: {}: {}", finding.rule.id, finding.summary));
    }
    for withheld in &target.withheld {
        lines.push(format!("Not judged: {}: {}; needs {}", withheld.rule.id, withheld.gap.why, withheld.gap.needs));
    }
    lines.join("\n")
}

fn tell(lines: &mut Vec<String>, finding: &Finding) {
    let rule = finding.rule;
    let head = format!("{} {} ({}, {})", rule.severity.id(), rule.id, rule.nature.id(), finding.object);
    lines.push(format!("{head}: {}", finding.summary));
    lines.push(format!("  {}", one_line(&finding.explanation)));
    for evidence in &finding.evidence {
        lines.push(format!("  - {}: {}", evidence.source, one_line(&evidence.text)));
    }
    for Fix { title, command, patch } in &finding.fixes {
        lines.push(format!("  Fix: {title}"));
        for line in command.iter().chain(patch).flat_map(|block| block.lines()) {
            lines.push(format!("    {line}"));
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text for between tags; line breaks stay.
fn block(text: &str) -> String {
    text.lines().map(|line| xml(&escape::line(line))).collect::<Vec<_>>().join("\n")
}

/// Text for between double quotes.
fn attribute(text: &str) -> String {
    xml(&escape::line(text))
}

fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No XML 1.0 character (§2.2), although Unicode has them.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_leave_its_place() {
        assert_eq!(attribute("\" onload=\"<x>&\u{1b}[0m\n"), "&quot; onload=&quot;&lt;x&gt;&amp;^[[0m ");
        assert_eq!(block("]]></failure>\u{0}\nnext\u{ffff}"), "]]&gt;&lt;/failure&gt;\\u{0}\nnext\u{fffd}");
    }
}

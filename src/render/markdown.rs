//! `diagnose -o markdown`: a diagnosis to paste into a ticket.
//!
//! Says what the text form says, in GitHub's Markdown. Foreign text stays text: it can start no link, tag, heading
//! or fence.

use super::text::path_words;
use super::{escape, text};
use crate::finding::{Finding, Fix};
use crate::report::{Before, Report, TargetReport, Telling, Verdict};
use crate::rule::Nature;

/// The report as Markdown, every target in full that is not quiet.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    if report.targets.len() != 1 {
        out.push_str(&format!("# {}\n", prose(&text::tally(report))));
    }
    let mut after_item = false;
    for (target, telling) in report.targets.iter().zip(report.tellings()) {
        match telling {
            Telling::Same(first) => {
                let (object, first) = (prose(&target.object.to_string()), prose(&first.to_string()));
                let item = format!("- {object} is {}, as told above for {first}\n", target.verdict.id());
                out.push_str(if after_item { "" } else { "\n" });
                out.push_str(&item);
                after_item = true;
            }
            Telling::Whole(_) if report.targets.len() != 1 && text::is_quiet(target) => {}
            Telling::Whole(before) => {
                target_in_full(&mut out, target, &before);
                after_item = false;
            }
        }
    }
    quiet_ones(&mut out, report);
    if !report.troubles.is_empty() {
        section(&mut out, "Not seen:");
        out.push('\n');
        for trouble in &report.troubles {
            out.push_str(&format!("- {}\n", prose(&trouble.why)));
        }
    }
    out.trim_start().to_owned()
}

fn target_in_full(out: &mut String, target: &TargetReport, before: &[Option<Before>]) {
    section(out, &format!("## {} is {}", prose(&target.object.to_string()), target.verdict.id()));
    section(out, &prose(&target.headline));
    for path in &target.paths {
        section(out, &prose(&path_words(path)));
    }
    if let Some(stage) = &target.stage {
        section(out, &format!("Stage: {} (`{}`)", stage.words(), stage.id()));
    }
    if let Some(next) = target.next.as_ref().filter(|_| target.verdict != Verdict::Healthy) {
        let at = next.at.map(|at| format!("{at}: ")).unwrap_or_default();
        section(out, &format!("Next: {at}{}", prose(&next.what)));
    }
    for (finding, before) in target.findings.iter().zip(before) {
        match before {
            Some(before) => finding_told_before(out, finding, before),
            None => finding_in_full(out, finding),
        }
    }
    if !target.folded.is_empty() {
        let ids: Vec<String> = target.folded.iter().map(|finding| format!("`{}`", finding.rule.id)).collect();
        section(out, &format!("Explained by the above: {}", ids.join(", ")));
    }
    if !target.withheld.is_empty() {
        section(out, "Not judged:");
        out.push('\n');
        for withheld in &target.withheld {
            let gap = &withheld.gap;
            out.push_str(&format!("- `{}`: {}; needs {}\n", withheld.rule.id, prose(&gap.why), prose(&gap.needs)));
        }
    }
}

fn finding_head(out: &mut String, finding: &Finding) {
    let rule = finding.rule;
    let nature = match rule.nature {
        Nature::Cause => "Cause",
        Nature::Symptom => "Symptom",
        Nature::Risk => "Risk",
    };
    section(out, &format!("### {nature}: `{}` ({})", rule.id, rule.severity.id()));
}

fn finding_told_before(out: &mut String, finding: &Finding, before: &Before) {
    finding_head(out, finding);
    let (object, first) = (prose(&finding.object.to_string()), prose(&before.at.to_string()));
    section(out, &format!("{object}: as told above for {first}"));
    for fix in &before.fixes {
        one_fix(out, fix);
    }
}

fn finding_in_full(out: &mut String, finding: &Finding) {
    let rule = finding.rule;
    finding_head(out, finding);
    section(out, &format!("{}: {}", prose(&finding.object.to_string()), prose(&finding.summary)));
    // The rule's own page is Markdown already.
    let from_page = finding.explanation == rule.meaning();
    section(out, &if from_page { finding.explanation.clone() } else { prose(&finding.explanation) });
    if !finding.evidence.is_empty() {
        out.push('\n');
    }
    for evidence in &finding.evidence {
        out.push_str(&format!("- {}: {}\n", prose(&evidence.source.to_string()), code(&evidence.text)));
    }
    for fix in &finding.fixes {
        one_fix(out, fix);
    }
}

fn one_fix(out: &mut String, fix: &Fix) {
    section(out, &format!("**Fix:** {}", prose(&fix.title)));
    for (language, body) in [("sh", &fix.command), ("yaml", &fix.patch)] {
        if let Some(body) = body {
            section(out, &fenced(language, body));
        }
    }
}

/// Quiet targets of a larger report: a line each.
fn quiet_ones(out: &mut String, report: &Report) {
    let quiet: Vec<_> = report.targets.iter().filter(|target| text::is_quiet(target)).collect();
    if report.targets.len() == 1 || quiet.is_empty() {
        return;
    }
    section(out, "## Nothing to do");
    out.push('\n');
    for target in quiet {
        let (object, headline) = (prose(&target.object.to_string()), prose(&target.headline));
        out.push_str(&format!("- {object} is {}: {headline}\n", target.verdict.id()));
    }
}

fn section(out: &mut String, text: &str) {
    out.push_str(&format!("\n{text}\n"));
}

/// Foreign words in running text, on one line, every sign that Markdown obeys behind a backslash.
fn prose(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for (at, c) in escape::line(words).char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            // These mean something at the start of a line only.
            '#' | '-' | '+' | '>' | '=' if at == 0 => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Foreign words verbatim on one line: the fence is longer than any inside (`CommonMark` §6.1).
fn code(words: &str) -> String {
    let words = escape::line(words.trim());
    let fence = "`".repeat(longest_run(&words) + 1);
    let pad = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{words}{pad}{fence}")
}

fn fenced(language: &str, body: &str) -> String {
    let body = body.trim_end().lines().map(escape::line).collect::<Vec<_>>().join("\n");
    let fence = "`".repeat((longest_run(&body) + 1).max(3));
    format!("{fence}{language}\n{body}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(prose("a_b <img src=x> [l](u)\n# h"), "a\\_b &lt;img src=x> \\[l\\](u) # h");
        assert_eq!(prose("# h"), "\\# h");
        assert_eq!(code("tick ` and `` two"), "```tick ` and `` two```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(fenced("sh", "echo ```\u{1b}[0m\n"), "````sh\necho ```^[[0m\n````");
    }
}

//! The rules themselves: the list, one page, and both as JSON.

use serde::Serialize;

use super::prose;
use super::style::Style;
use crate::rule::Rule;

/// One entry a rule, by family.
pub fn list(rules: &[&Rule], style: &Style) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut family = None;
    for rule in rules {
        if family != Some(rule.family) {
            if family.is_some() {
                out.push('\n');
            }
            out.push_str(&format!("{}:\n", rule.family.id()));
            family = Some(rule.family);
        }
        let lead = format!("{:width$}  ", rule.id);
        // Beside the longest ids a narrow terminal leaves no room: then the summary hangs under the id.
        let hanging = if 2 * (width + 4) <= style.width { width + 4 } else { 6 };
        prose::hang(&mut out, &lead, rule.summary, 2, hanging, style.width);
    }
    out
}

/// The page of one rule, as it stands in the docs, wrapped.
pub fn page(rule: &Rule, program: &str, style: &Style) -> String {
    let head = format!("{}, {}, {}, since {}\n\n", rule.family.id(), rule.nature.id(), rule.severity.id(), rule.since);
    let (title, body) = rule.doc.split_once('\n').unwrap_or((rule.doc, ""));
    let text = format!("{title}\n{head}{}", body.trim_start());
    let text = if program == "kubectl cert" { text } else { text.replace("kubectl cert ", &format!("{program} ")) };
    wrapped(&text, style.width)
}

/// Wraps sentences and list items of a page. Code and tables are pasted or line up: they stay as they are.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        let indent = line.len() - line.trim_start().len();
        let is_fixed = in_code || is_fence || line.starts_with('|') || line.starts_with('#') || line.is_empty();
        match line.trim_start().strip_prefix("- ") {
            _ if is_fixed => out.push_str(&format!("{line}\n")),
            Some(item) => prose::hang(&mut out, "- ", item, indent, indent + 2, width),
            None => prose::wrap(&mut out, line, indent, width),
        }
    }
    out
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'a str,
    aliases: &'a [&'a str],
    family: &'a str,
    nature: &'a str,
    severity: &'a str,
    since: &'a str,
    summary: &'a str,
    needs: Vec<String>,
    explains: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    doc: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            id: rule.id,
            aliases: rule.aliases,
            family: rule.family.id(),
            nature: rule.nature.id(),
            severity: rule.severity.id(),
            since: rule.since,
            summary: rule.summary,
            needs: rule.needs.iter().map(|kind| kind.resource()).collect(),
            explains: rule.explains,
            doc: None,
        }
    }
}

/// Every rule's metadata as a JSON array.
pub fn list_json(rules: &[&Rule]) -> String {
    super::json::text(&rules.iter().map(|rule| Page::of(rule)).collect::<Vec<_>>())
}

/// One rule with its page.
pub fn page_json(rule: &Rule) -> String {
    super::json::text(&Page { doc: Some(rule.doc), ..Page::of(rule) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_and_items_are_wrapped_and_code_is_not() {
        let page = "# a-rule-id-that-is-long\n\nOne two three four.\n- five six seven\n\n```sh\nkubectl get certificate web\n```\n";
        let expected = "# a-rule-id-that-is-long\n\nOne two three\nfour.\n- five six\n  seven\n\n```sh\nkubectl get certificate \
                        web\n```\n";
        assert_eq!(wrapped(page, 13), expected);
    }
}

//! The rules themselves: the list, one page, and both as JSON.

use serde::Serialize;

use crate::rule::Rule;

/// One line a rule, by family.
pub fn list(rules: &[&Rule]) -> String {
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
        out.push_str(&format!("  {:width$}  {}\n", rule.id, rule.summary));
    }
    out
}

/// The page of one rule, as it stands in the docs.
pub fn page(rule: &Rule, program: &str) -> String {
    let head = format!("{}, {}, {}, since {}\n\n", rule.family.id(), rule.nature.id(), rule.severity.id(), rule.since);
    let (title, body) = rule.doc.split_once('\n').unwrap_or((rule.doc, ""));
    let text = format!("{title}\n{head}{}", body.trim_start());
    if program == "kubectl cert" { text } else { text.replace("kubectl cert ", &format!("{program} ")) }
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

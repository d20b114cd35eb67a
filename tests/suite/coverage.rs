//! Which rule finds which fault of the catalogue, and why none finds some.
//!
//! `tests/catalogue.yaml` holds the catalogue; the page about it is written from that, the registry and the cases.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use kubectl_cert::rule::{REGISTRY, by_id};
use serde::Deserialize;

use super::cases::Case;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    heading: String,
    entries: Vec<Entry>,
}

/// One fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// The ids of the rules that find it, the one that is about nothing else first.
    #[serde(default)]
    rules: Vec<String>,
    /// Why no rule finds it.
    #[serde(default)]
    why: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn catalogue() -> Vec<Part> {
    let text = fs::read_to_string(root().join("tests/catalogue.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("tests/catalogue.yaml: {error}"))
}

#[test]
fn every_fault_has_a_rule_or_a_reason() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for entry in catalogue().iter().flat_map(|part| &part.entries) {
        let name = &entry.name;
        if !names.insert(name.clone()) {
            wrong.push(format!("{name} stands there twice"));
        }
        if entry.rules.is_empty() == entry.why.is_empty() {
            wrong.push(format!("{name} must have either rules or a reason why there are none"));
        }
        let is_sentence = entry.why.ends_with('.') && entry.why.len() > 30;
        if !entry.why.is_empty() && !is_sentence {
            wrong.push(format!("{name}: the reason is no sentence"));
        }
        let unknown = entry.rules.iter().filter(|id| by_id(id).is_none());
        wrong.extend(unknown.map(|id| format!("{name}: there is no rule {id}")));
        // A fault that gave its name to a rule is found by it.
        if by_id(name).is_some() && !entry.rules.contains(name) {
            wrong.push(format!("{name} is the name of a rule that is not listed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_that_is_found_has_a_case() {
    let cases = Case::all();
    let parts = catalogue();
    let found = parts.iter().flat_map(|part| &part.entries).filter(|entry| !entry.rules.is_empty());
    let without: Vec<_> = found.filter(|entry| shown(entry, &cases).is_empty()).map(|entry| &entry.name).collect();
    assert!(without.is_empty(), "no case shows {without:?}");
}

/// `UPDATE=1 cargo test` writes the page anew.
#[test]
fn the_page_about_coverage_is_current() {
    let path = root().join("docs/rules/coverage.md");
    let page = page(&catalogue());
    if super::is_set("UPDATE") {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run UPDATE=1 cargo test");
}

fn page(parts: &[Part]) -> String {
    let entries = || parts.iter().flat_map(|part| &part.entries);
    let (all, found) = (entries().count(), entries().filter(|entry| !entry.rules.is_empty()).count());
    let cases = Case::all();
    let mut page = format!(
        "# Coverage\n\n\
         The faults that people who run cert-manager meet, and the rules that find them: {found} of {all}.\n\
         For the others it says why no rule finds them.\n\
         The cases are folders of saved objects in `tests/cases/` that show the fault.\n"
    );
    for part in parts {
        page.push_str(&format!("\n## {}\n\n| fault | found by | cases |\n|---|---|---|\n", part.heading));
        for entry in &part.entries {
            page.push_str(&row(entry, &cases));
        }
    }
    let named: BTreeSet<&str> = entries().flat_map(|entry| &entry.rules).map(String::as_str).collect();
    page.push_str("\n## Rules of no single fault\n\n");
    for rule in REGISTRY.iter().filter(|rule| !named.contains(rule.id)) {
        page.push_str(&format!("- {}: {}\n", link(rule.id), rule.summary));
    }
    page
}

fn row(entry: &Entry, cases: &[Case]) -> String {
    if entry.rules.is_empty() {
        return format!("| {} | none: {} | |\n", entry.name, entry.why);
    }
    let links: Vec<_> = entry.rules.iter().map(|id| link(id)).collect();
    format!("| {} | {} | {} |\n", entry.name, links.join(", "), shown(entry, cases).join(", "))
}

/// The cases that show a fault: they have its name, with more words where there are several, and one of its rules speaks.
fn shown<'c>(entry: &Entry, cases: &'c [Case]) -> Vec<&'c str> {
    let is_named =
        |name: &str| name.strip_prefix(&entry.name).is_some_and(|more| more.is_empty() || more.starts_with('-'));
    let speaks = |case: &&Case| case.expected().any(|expected| entry.rules.iter().any(|id| id == expected));
    cases.iter().filter(|case| is_named(&case.name)).filter(speaks).map(|case| case.name.as_str()).collect()
}

fn link(id: &str) -> String {
    format!("[{id}]({id}.md)")
}

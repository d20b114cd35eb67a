//! The registry, the pages and the index agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kubectl_cert::rule::{REGISTRY, Severity, by_id};

const HEADINGS: [&str; 5] =
    ["What it means", "Why issuance stops", "How to confirm by hand", "How to fix", "References"];

#[test]
fn ids_are_unique_and_kebab_case() {
    let mut seen = BTreeSet::new();
    for rule in REGISTRY {
        for id in [rule.id].iter().chain(rule.aliases) {
            assert!(seen.insert(*id), "{id} is used twice");
            let kebab = id
                .split('-')
                .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(kebab, "{id} is not kebab-case");
        }
    }
}

#[test]
fn every_page_has_the_same_headings_in_order() {
    for rule in REGISTRY {
        assert!(rule.doc.starts_with(&format!("# {}\n", rule.id)), "{}: the title is the id", rule.id);
        let headings: Vec<_> = rule.doc.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, HEADINGS, "{}", rule.id);
        for heading in HEADINGS {
            assert!(!rule.section(heading).is_empty(), "{}: nothing under {heading}", rule.id);
        }
    }
}

#[test]
fn summaries_are_one_lower_case_line() {
    for rule in REGISTRY {
        let summary = rule.summary;
        assert!(!summary.ends_with('.') && !summary.contains('\n') && summary.len() <= 100, "{}: {summary}", rule.id);
        let first = summary.split_whitespace().next().unwrap_or_default();
        let sentence_case = first.chars().next().is_some_and(char::is_uppercase)
            && first.chars().skip(1).all(char::is_lowercase)
            && first.len() > 1;
        assert!(!sentence_case || first == "Secret" || first == "Ingress", "{}: {summary}", rule.id);
    }
}

#[test]
fn rules_that_are_explained_exist() {
    for rule in REGISTRY {
        for id in rule.explains {
            assert!(by_id(id).is_some(), "{} explains {id}, which does not exist", rule.id);
            assert_ne!(*id, rule.id, "{id} explains itself");
        }
        assert!(!rule.needs.is_empty(), "{} reads nothing", rule.id);
        assert!(rule.severity <= Severity::Info);
    }
}

#[test]
fn the_folder_holds_one_page_a_rule_the_index_and_the_coverage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let pages: BTreeSet<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = REGISTRY.iter().map(|rule| format!("{}.md", rule.id)).collect();
    let expected = &expected | &["README.md", "coverage.md"].map(str::to_owned).into();
    assert_eq!(pages, expected);
}

/// `UPDATE=1 cargo test` writes the index anew.
#[test]
fn the_index_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules/README.md");
    let mut index = String::from(
        "# Rules\n\nEvery finding of `kubectl cert diagnose`. `kubectl cert explain RULE-ID` prints a page.\n\
         [Coverage](coverage.md) lists faults and the rules that find them.\n",
    );
    let mut family = None;
    for rule in REGISTRY {
        if family != Some(rule.family) {
            index.push_str(&format!(
                "\n## {}\n\n| rule | what it finds | severity | nature |\n|---|---|---|---|\n",
                rule.family.id()
            ));
            family = Some(rule.family);
        }
        index.push_str(&format!(
            "| [{0}]({0}.md) | {1} | {2} | {3} |\n",
            rule.id,
            rule.summary,
            rule.severity.id(),
            rule.nature.id()
        ));
    }
    if super::is_set("UPDATE") {
        fs::write(&path, &index).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), index, "run UPDATE=1 cargo test");
}

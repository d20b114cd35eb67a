//! The roles in `docs/rbac/` and the page about them cover what the rules read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kubectl_cert::objref::Kind;
use kubectl_cert::rule::REGISTRY;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Role {
    metadata: Metadata,
    rules: Vec<PolicyRule>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyRule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: Vec<String>,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn roles() -> BTreeMap<String, Role> {
    let files = fs::read_dir(docs().join("rbac")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let role = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap());
            (name.clone(), role.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

/// The files whose role lets its holder read a kind.
fn readers(roles: &BTreeMap<String, Role>, kind: Kind) -> Vec<String> {
    let reads = |rule: &PolicyRule| {
        rule.api_groups.iter().any(|group| group == kind.group())
            && rule.resources.iter().any(|resource| resource == kind.plural())
            && rule.verbs.iter().any(|verb| ["get", "list"].contains(&verb.as_str()))
    };
    roles.iter().filter(|(_, role)| role.rules.iter().any(reads)).map(|(file, _)| file.clone()).collect()
}

#[test]
fn every_kind_that_a_rule_reads_is_in_a_role() {
    let granted = roles();
    for rule in REGISTRY {
        for kind in rule.needs {
            assert!(!readers(&granted, *kind).is_empty(), "{} reads {}, which no role lets", rule.id, kind.resource());
        }
    }
}

#[test]
fn roles_name_real_kinds_and_grant_no_more_than_reading() {
    for (file, role) in roles() {
        let stem = file.trim_end_matches(".yaml");
        assert_eq!(role.metadata.name, format!("kubectl-cert-{stem}"), "{file}");
        for rule in role.rules {
            for resource in &rule.resources {
                let kind = Kind::ALL.iter().find(|kind| resource.split('/').next() == Some(kind.plural()));
                let kind = kind.unwrap_or_else(|| panic!("{file}: nothing here reads {resource}"));
                assert_eq!(rule.api_groups, [kind.group()], "{file}: {resource}");
                assert!(*kind != Kind::Secret || !rule.resource_names.is_empty(), "{file} opens every Secret");
                let writes = rule.verbs.iter().any(|verb| !["get", "list", "watch"].contains(&verb.as_str()));
                assert!(
                    !writes || (resource == "certificates/status" && rule.verbs == ["update"]),
                    "{file}: {resource}"
                );
            }
        }
    }
}

/// `UPDATE=1 cargo test` writes the table anew.
#[test]
fn the_page_says_what_each_permission_is_for() {
    let granted = roles();
    let mut rules: BTreeMap<Kind, BTreeSet<&str>> = BTreeMap::new();
    for rule in REGISTRY {
        for kind in rule.needs {
            rules.entry(*kind).or_default().insert(rule.id);
        }
    }
    let mut table = String::from("| permission to read | in | for the rules |\n|---|---|---|\n");
    for (kind, ids) in rules {
        let links: Vec<String> = ids.iter().map(|id| format!("[{id}](rules/{id}.md)")).collect();
        let files = readers(&granted, kind).join(", ");
        table.push_str(&format!("| {} | {files} | {} |\n", kind.resource(), links.join(", ")));
    }
    let path = docs().join("permissions.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, after) = page.split_once("by UPDATE=1 cargo test -->\n").unwrap();
    let (_, after) = after.split_once("<!-- end -->").unwrap();
    let expected = format!("{before}by UPDATE=1 cargo test -->\n{table}<!-- end -->{after}");
    if super::is_set("UPDATE") {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected, "run UPDATE=1 cargo test");
}

#[test]
fn every_role_is_on_the_page() {
    let page = fs::read_to_string(docs().join("permissions.md")).unwrap();
    for file in roles().keys() {
        assert!(page.contains(&format!("(rbac/{file})")), "{file}");
    }
}

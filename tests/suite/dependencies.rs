//! What is built in: the bans and licences of `deny.toml`, and why each dependency is there.
//!
//! Asks cargo for the tree that it would build, for every platform, tests included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Name to licence of every package that is built on some platform.
fn built() -> BTreeMap<String, String> {
    let args = ["tree", "--locked", "--target", "all", "--all-features", "-e", "normal,build,dev", "--prefix", "none"];
    let output = Command::new(env!("CARGO"))
        .args(args)
        .args(["--no-dedupe", "--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let package = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), licence.to_owned()))
    };
    text.lines().filter_map(package).collect()
}

/// The words between quotes in the list that opens with `start`, after `field` if it is not empty.
fn listed(start: &str, field: &str) -> Vec<String> {
    let text = read("deny.toml");
    let (_, list) = text.split_once(&format!("\n{start} = [\n")).unwrap();
    let (list, _) = list.split_once("\n]").unwrap();
    let lines = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(&format!("{field}\""))?.1.split('"').next().map(str::to_owned)).collect()
}

#[test]
fn what_is_banned_is_never_built() {
    let banned = listed("deny", "crate = ");
    assert!(["ring", "openssl-sys", "native-tls"].iter().all(|name| banned.contains(&(*name).to_owned())));
    let built = built();
    assert!(built.contains_key("aws-lc-rs"), "cargo's answer is understood");
    let found: Vec<_> = banned.iter().filter(|name| built.contains_key(*name)).collect();
    assert!(found.is_empty(), "cargo tree --target all -i NAME shows who brings {found:?}");
}

/// Cargo.lock names `ring` because rustls-webpki and hickory-proto have features for it, which stay off. Nobody else may
/// name it.
#[test]
fn the_lock_file_names_what_is_banned_where_it_stays_off() {
    let banned = listed("deny", "crate = ");
    let lock = read("Cargo.lock");
    let mut users = BTreeSet::new();
    for package in lock.split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
        let (_, dependencies) = package.split_once("dependencies = [").unwrap_or(("", ""));
        for line in dependencies.lines().filter_map(|line| line.trim().strip_prefix('"')) {
            let dependency = line.split(['"', ' ']).next().unwrap_or_default();
            if banned.iter().any(|banned| banned == dependency) {
                users.insert((name.to_owned(), dependency.to_owned()));
            }
        }
    }
    let expected = BTreeSet::from(["rustls-webpki", "hickory-proto"].map(|user| (user.to_owned(), "ring".to_owned())));
    assert!(users.is_subset(&expected), "{users:?}");
}

#[test]
fn everything_comes_from_the_one_registry() {
    let lock = read("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert!(sources.len() == 1 && sources.iter().all(|source| source.starts_with("\"registry+")), "{sources:?}");
}

#[test]
fn every_licence_is_allowed() {
    let allowed: BTreeSet<String> = listed("allow", "").into_iter().collect();
    assert!(allowed.contains("Apache-2.0") && !allowed.contains("GPL-3.0-only"));
    for (name, licence) in built() {
        let licence = licence.trim_end_matches(" (*)").replace(" / ", " OR ").replace('/', " OR ");
        assert!(permits(&licence, &allowed), "{name}: {licence:?}");
    }
}

/// Whether an SPDX expression leaves a way to use only allowed licences.
fn permits(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    for (operator, all) in [(" OR ", false), (" AND ", true)] {
        let parts = split(expression, operator);
        if parts.len() > 1 {
            let permits = |part: &&str| permits(part, allowed);
            return if all { parts.iter().all(permits) } else { parts.iter().any(permits) };
        }
    }
    match expression.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => permits(inner, allowed),
        None => allowed.contains(expression),
    }
}

/// Splits at an operator that stands outside all brackets.
fn split<'e>(expression: &'e str, operator: &str) -> Vec<&'e str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in expression.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && expression[at..].starts_with(operator) {
            parts.push(&expression[start..at]);
            start = at + operator.len();
        }
    }
    parts.push(&expression[start..]);
    parts
}

#[test]
fn spdx_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    }
}

/// The entries of a table of Cargo.toml, each with the line above it.
fn entries(table: &str) -> Vec<(String, String)> {
    let manifest = read("Cargo.toml");
    let (_, after) = manifest.split_once(&format!("\n[{table}]\n")).unwrap();
    let lines: Vec<&str> = after.split("\n[").next().unwrap().lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            found.push((name.to_owned(), if at == 0 { String::new() } else { lines[at - 1].to_owned() }));
        }
    }
    found
}

#[test]
fn every_dependency_says_who_uses_it() {
    for table in ["dependencies", "dev-dependencies"] {
        for (name, above) in entries(table) {
            assert!(above.starts_with("# ") && above.len() > 10, "{name} has no comment above it");
        }
    }
}

#[test]
fn every_dependency_is_used_where_its_comment_says() {
    for (name, above) in entries("dependencies") {
        let (modules, _) = above.trim_start_matches("# ").split_once(':').unwrap_or_default();
        let modules = modules.split(", ").filter(|module| *module != "everywhere");
        let word = format!("{}::", name.replace('-', "_"));
        for module in modules {
            let files = super::layers::texts_of(module);
            assert!(!files.is_empty(), "{name}: there is no module {module}");
            assert!(files.iter().any(|text| text.contains(&word)), "{name} is not used in {module}");
        }
    }
}

#[test]
fn one_version_of_the_kubernetes_types_is_chosen() {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("k8s-openapi = ")).unwrap();
    assert_eq!(line.matches("\"v1_").count(), 1, "{line}");
    assert!(line.contains("default-features = false") && !line.contains("latest"), "{line}");
}

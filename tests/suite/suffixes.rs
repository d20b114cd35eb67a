//! The Public Suffix List that is built in is that of the crate `psl`, and is read as that crate reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubectl_cert::registered::registered_domain;
use serde_json::Value;

/// The rules of the crate, as its package holds them beside its code.
fn rules() -> String {
    let args = ["metadata", "--locked", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let manifest = packages.find(|package| package["name"] == "psl").and_then(|psl| psl["manifest_path"].as_str());
    fs::read_to_string(PathBuf::from(manifest.unwrap()).with_file_name("data").join("rules.txt")).unwrap()
}

/// A rule as certificates write names.
fn ascii(rule: &str) -> String {
    let labels = rule.trim_start_matches('!').trim_start_matches("*.");
    let mark = &rule[..rule.len() - labels.len()];
    format!("{mark}{}", idna::domain_to_ascii(labels).unwrap())
}

#[test]
fn the_list_is_that_of_the_crate() {
    let mut rules: Vec<String> = rules().lines().map(ascii).collect();
    rules.sort_unstable();
    rules.dedup();
    assert!(rules.len() > 10_000, "{}", rules.len());
    let list = rules.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registered/suffixes.txt");
    if super::is_set("UPDATE") {
        fs::write(&path, &list).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == list, "run UPDATE=1 cargo test");
}

#[test]
fn it_is_read_as_the_crate_reads_it() {
    for rule in include_str!("../../src/registered/suffixes.txt").lines() {
        let suffix = rule.trim_start_matches('!').replace('*', "any");
        let above = suffix.split_once('.').map_or("test", |(_, above)| above);
        for name in [suffix.clone(), format!("a.{suffix}"), format!("b.a.{suffix}"), format!("a.{above}")] {
            let theirs = psl::domain_str(&name).unwrap_or(&name);
            assert_eq!(registered_domain(&name).as_deref(), Some(theirs), "{name}, by the rule {rule}");
        }
    }
}

//! Every case of `tests/cases`, asked of an API server: what the rules read is asked for.
//!
//! A rule that speaks of saved objects is worth little where the program that follows a live chain never asks for the
//! objects that it reads.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kubectl_cert::connect::{Flags, Stdin, open};
use kubectl_cert::objref::{Kind, ObjRef};
use kubectl_cert::source::cluster::{Gather, Reach};
use serde_json::Value;

use super::cases::Case;
use super::connect_world::quiet;
use super::scripted::Scripted;

/// Findings that take more than one chain, by case: all Ingresses, Pods or Certificates of a namespace or of the
/// cluster. `diagnose` of the namespace finds the first; Pods are in saved objects only.
const TAKES_MORE: &[(&str, &str)] = &[
    ("host-not-in-certificate", "host-not-in-certificate"),
    ("wildcard-does-not-cover", "host-not-in-certificate"),
    ("duplicate-certificate-in-many-namespaces", "duplicate-certificate-in-many-namespaces"),
    ("chain-incomplete-or-ca-crt-misused", "chain-incomplete-or-ca-crt-misused"),
    ("consumer-did-not-reload", "consumer-did-not-reload"),
    // The Secret of the CA is read only where an issuance stands at its issuer.
    ("ca-rotated-leaves-old", "ca-rotated-leaves-old"),
    // The Certificate at fault is another one, and CustomResourceDefinitions are not asked for.
    ("upgrade-121-renewal-disabled-panic", "upgrade-121-renewal-disabled-panic"),
    ("cert-manager-too-old-by-its-crds", "cert-manager-too-old"),
    // Both requests of the case have names that cert-manager would not have computed beside each other.
    ("several-requests-for-one-revision", "several-requests-for-one-revision"),
];

/// The objects of a case as the API server would hold them.
pub fn stored(case: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case);
    let mut objects = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == "expect.yaml") {
            continue;
        }
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(path).unwrap()).unwrap();
        for document in documents {
            match document["items"].as_array() {
                Some(items) => objects.extend(items.clone()),
                None => objects.push(document),
            }
        }
    }
    objects
}

async fn gathered(case: &Case, subject: &ObjRef) -> kubectl_cert::inventory::Objects {
    let world = Scripted::new(&format!("case-{}", case.name), stored(&case.name), |_| None).await;
    let session = open(&Flags::default(), &world.home.env(), Stdin::NotATerminal, quiet()).await.unwrap();
    let mut gather = Gather::new(&session, case.expect.now);
    gather.follow(std::slice::from_ref(subject), Reach::Causes).await.unwrap();
    gather.into_objects()
}

#[tokio::test]
async fn every_finding_of_a_case_is_found_on_a_live_cluster_too() {
    let mut lost = Vec::new();
    for case in Case::all() {
        let subject = case.subject();
        if subject.kind == Kind::Deployment {
            continue;
        }
        let live = case.judge(gathered(&case, &subject).await);
        let found: BTreeSet<&str> = live.findings.iter().chain(&live.folded).map(|finding| finding.rule.id).collect();
        for expected in case.expected() {
            let takes_more = TAKES_MORE.contains(&(case.name.as_str(), expected));
            match (found.contains(expected), takes_more) {
                (true, false) | (false, true) => {}
                (false, false) => lost.push(format!("{}: {expected} is not found; found {found:?}", case.name)),
                (true, true) => lost.push(format!("{}: {expected} is found, and listed as one that is not", case.name)),
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

//! The machine form of `budget`, over every case and a fleet: what it promises holds whatever is counted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kubectl_cert::budget::Budget;
use kubectl_cert::inventory::{Inventory, Objects};
use kubectl_cert::objref::ObjRef;
use kubectl_cert::planned::{Change, lay_over};
use kubectl_cert::render::json::budget::Document;
use kubectl_cert::render::{json, yaml};
use kubectl_cert::report::SourceLine;
use serde_json::Value;

use super::cases::Case;
use super::forecasts::{certificates, keeps_to, load, schema};

const NOW: &str = "2026-11-22T07:00:00Z";

fn counted(objects: Objects, changes: &BTreeMap<ObjRef, Change>, now: Timestamp) -> Budget {
    let inventory = Inventory::new(objects);
    let until = now + SignedDuration::from_hours(24 * 7);
    Budget::new(&inventory, &certificates(&inventory), changes, now, until)
}

#[test]
fn json_keeps_to_its_schema() {
    let schema = schema("budget.v1.json");
    let files = SourceLine::Files { paths: vec!["dump.yaml".into()] };
    let check = |name: &str, budget: &Budget| {
        for line in [Some(&files), None] {
            let document = Document::of(budget, line, &[], &[]);
            keeps_to(&schema, name, &json::text(&document));
            let from_yaml: Value = serde_saphyr::from_str(&yaml::text(&document)).unwrap();
            assert!(schema.is_valid(&from_yaml), "{name}: the YAML says the same");
        }
    };
    for case in Case::all() {
        check(&case.name, &counted(case.objects.clone(), &BTreeMap::new(), case.expect.now));
    }
    for manifests in ["tests/specimens/planned.yaml", "tests/specimens/many.yaml"] {
        let planned = lay_over(load("tests/specimens/fleet.yaml"), load(manifests), "default");
        check(manifests, &counted(planned.objects, &planned.changes, NOW.parse().unwrap()));
    }
    // The schema must be able to say no.
    let budget = counted(load("tests/specimens/healthy.yaml"), &BTreeMap::new(), NOW.parse().unwrap());
    let mut document = keeps_to(&schema, "healthy", &json::text(&Document::of(&budget, None, &[], &[])));
    document["authorities"][0]["limits"][0]["limit"] = "other".into();
    assert!(!schema.is_valid(&document));
}

#[test]
fn manifests_over_the_same_objects_spend_nothing_more() {
    let fleet = load("tests/specimens/fleet.yaml");
    let now: Timestamp = NOW.parse().unwrap();
    let before = counted(fleet.clone(), &BTreeMap::new(), now);
    let planned = lay_over(fleet.clone(), fleet, "default");
    let after = counted(planned.objects, &planned.changes, now);
    let text = |budget: &Budget| json::text(&Document::of(budget, None, &[], &[]));
    assert_eq!(text(&before), text(&after));
}

#[test]
fn the_summary_counts_what_is_listed() {
    let planned = lay_over(Objects::default(), load("tests/specimens/many.yaml"), "default");
    let budget = counted(planned.objects, &planned.changes, NOW.parse().unwrap());
    let document: Value = serde_json::from_str(&json::text(&Document::of(&budget, None, &[], &[]))).unwrap();
    assert_eq!(document["summary"]["planned"], 60);
    assert_eq!(document["summary"]["refused"], 10);
    assert_eq!(document["authorities"][0]["refused"].as_array().unwrap().len(), 10);
}

//! The machine form of `forecast`, over every case and a fleet: what it promises holds whatever is foreseen.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use kubectl_cert::api::Object;
use kubectl_cert::forecast::Forecast;
use kubectl_cert::inventory::{Inventory, Objects};
use kubectl_cert::objref::ObjRef;
use kubectl_cert::planned::{Change, lay_over};
use kubectl_cert::render::json::forecast::Document;
use kubectl_cert::render::{json, yaml};
use kubectl_cert::report::SourceLine;
use kubectl_cert::rule::Gap;
use kubectl_cert::source::files::{self, Limits};
use serde_json::Value;

use super::cases::Case;

const NOW: &str = "2026-11-22T07:00:00Z";

pub fn load(path: &str) -> Objects {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    files::load(&[path.display().to_string()], &mut std::io::empty(), Limits::default()).unwrap().objects
}

pub fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

pub fn keeps_to(schema: &jsonschema::Validator, name: &str, text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    let wrong: Vec<_> = schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    document
}

pub fn certificates(inventory: &Inventory) -> Vec<ObjRef> {
    inventory.certificates.iter().map(Object::objref).collect()
}

fn foreseen(objects: Objects, changes: &BTreeMap<ObjRef, Change>, now: Timestamp, days: i64) -> Forecast {
    let inventory = Inventory::new(objects);
    let until = now + SignedDuration::from_hours(24 * days);
    Forecast::new(&inventory, &certificates(&inventory), changes, now, until)
}

#[test]
fn json_keeps_to_its_schema() {
    let schema = schema("forecast.v1.json");
    let files = SourceLine::Files { paths: vec!["dump.yaml".into()] };
    let cluster = SourceLine::Cluster { server: "https://127.0.0.1:6443".into() };
    let gap = Gap { why: "no permission to list secrets".into(), needs: "list secrets".into() };
    let check = |name: &str, forecast: &Forecast| {
        for line in [Some(&files), Some(&cluster), None] {
            let document = Document::of(forecast, line, &[], std::slice::from_ref(&gap));
            keeps_to(&schema, name, &json::text(&document));
            let from_yaml: Value = serde_saphyr::from_str(&yaml::text(&document)).unwrap();
            assert!(schema.is_valid(&from_yaml), "{name}: the YAML says the same");
        }
    };
    for case in Case::all() {
        check(&case.name, &foreseen(case.objects.clone(), &BTreeMap::new(), case.expect.now, 90));
    }
    let fleet = load("tests/specimens/fleet.yaml");
    check("fleet", &foreseen(fleet.clone(), &BTreeMap::new(), NOW.parse().unwrap(), 90));
    let planned = lay_over(fleet.clone(), fleet, "default");
    let forecast = foreseen(planned.objects, &planned.changes, NOW.parse().unwrap(), 90);
    check("planned", &forecast);
    // The schema must be able to say no.
    let mut document = keeps_to(&schema, "fleet", &json::text(&Document::of(&forecast, None, &[], &[])));
    document["certificates"][0]["more"] = Value::Null;
    assert!(!schema.is_valid(&document));
}

#[test]
fn the_summary_counts_what_is_listed() {
    let forecast = foreseen(load("tests/specimens/fleet.yaml"), &BTreeMap::new(), NOW.parse().unwrap(), 90);
    let document: Value = serde_json::from_str(&json::text(&Document::of(&forecast, None, &[], &[]))).unwrap();
    let list = |field: &str| document[field].as_array().unwrap();
    let renewals: usize = list("certificates").iter().map(|one| one["renewals"].as_array().unwrap().len()).sum();
    let by_day: u64 = list("days").iter().map(|day| day["renewals"].as_u64().unwrap()).sum();
    let is_bad = |one: &&Value| ["ended", "ends-first", "cut-short"].iter().any(|fate| one["fate"] == *fate);
    let summary = &document["summary"];
    assert_eq!(summary["certificates"], list("certificates").len());
    assert_eq!((summary["renewals"].as_u64(), by_day), (Some(renewals as u64), renewals as u64));
    assert_eq!(summary["endingFirst"], list("certificates").iter().filter(is_bad).count());
    assert_eq!(summary["storms"], list("storms").len());
}

/// What a manifest changes, and only that.
#[test]
fn manifests_over_the_same_objects_change_nothing() {
    let fleet = load("tests/specimens/fleet.yaml");
    let now = NOW.parse().unwrap();
    let before = foreseen(fleet.clone(), &BTreeMap::new(), now, 90);
    let planned = lay_over(fleet.clone(), fleet, "default");
    assert!(planned.changes.values().all(|change| *change == Change::Kept), "{:?}", planned.changes);
    let after = foreseen(planned.objects, &planned.changes, now, 90);
    let fates = |forecast: &Forecast| -> Vec<_> {
        forecast.courses.iter().map(|course| (course.object.clone(), course.fate.clone(), course.next)).collect()
    };
    assert_eq!(fates(&before), fates(&after));
}

/// Linear: a hundred times the fleet takes its time, not its square.
#[test]
fn a_large_fleet_is_foreseen() {
    let mut many = Objects::default();
    let fleet = load("tests/specimens/fleet.yaml");
    for copy in 0..300 {
        let mut more = fleet.clone();
        for certificate in &mut more.certificates {
            certificate.metadata.namespace = Some(format!("copy-{copy}"));
        }
        many.certificates.extend(more.certificates);
    }
    many.issuers = fleet.issuers;
    many.cluster_issuers = fleet.cluster_issuers;
    let forecast = foreseen(many, &BTreeMap::new(), NOW.parse().unwrap(), 90);
    assert_eq!(forecast.courses.len(), 300 * 18);
    assert_eq!(forecast.days.iter().map(|day| day.renewals).sum::<usize>(), forecast.renewals());
}

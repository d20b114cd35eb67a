//! What a target costs in a crowd: every case once more, among copies of itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::TargetReport;
use crate::inventory::{Answer, Coverage, Inventory, Objects, Scope, walk};
use crate::objref::{Kind, ObjRef};
use crate::source::decode;

/// A case's objects as JSON, and whom it is about.
struct Case {
    objects: Vec<Value>,
    subject: ObjRef,
    now: jiff::Timestamp,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let read = |path: &Path| -> Vec<Value> {
            serde_saphyr::from_multiple(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e}"))
        };
        let mut objects = Vec::new();
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.file_name().is_some_and(|file| file != "expect.yaml") {
                let items = |document: Value| document["items"].as_array().cloned().unwrap_or_else(|| vec![document]);
                objects.extend(read(&path).into_iter().flat_map(items));
            }
        }
        let expect = read(&folder.join("expect.yaml")).remove(0);
        let about: Vec<&str> = expect["about"].as_str().unwrap().split('/').collect();
        let namespace = about[1..].split_last().and_then(|(_, before)| before.first());
        let kind = Kind::from_type_word(about[0]).unwrap();
        let subject = ObjRef::new(kind, namespace.copied(), about[about.len() - 1]);
        Self { objects, subject, now: expect["now"].as_str().unwrap().parse().unwrap() }
    }

    /// The objects, and so many copies of those in namespaces: by turns in the same namespaces and in others. All that
    /// they name is copied with them, but cert-manager itself.
    fn crowd(&self, size: usize, coverage: &Coverage) -> Inventory {
        let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let is_copied = |object: &&Value| {
            let is_own = object["kind"] == "Deployment" && object.to_string().contains("cert-manager-");
            !is_own && text(object, "/metadata/namespace").is_some()
        };
        let copied: Vec<&Value> = self.objects.iter().filter(is_copied).collect();
        let of = |pointer| copied.iter().filter_map(|object| text(object, pointer)).collect::<BTreeSet<String>>();
        let names = &of("/metadata/name") | &of("/metadata/uid");
        let namespaces = of("/metadata/namespace");
        let mut objects = Objects { coverage: coverage.clone(), ..Objects::default() };
        for object in &self.objects {
            decode::take(&mut objects, &object.to_string());
        }
        for copy in 0..size {
            let rename = |word: &str| {
                if names.contains(word) || (copy % 2 == 1 && namespaces.contains(word)) {
                    return format!("{word}-{copy}");
                }
                word.replace("example.com", &format!("{copy}.example.com"))
            };
            for object in &copied {
                decode::take(&mut objects, &renamed(object, &rename).to_string());
            }
        }
        Inventory::new(objects)
    }

    /// How many objects the judgement meets on walks through whole stores.
    fn steps(&self, size: usize, coverage: &Coverage) -> usize {
        let inventory = self.crowd(size, coverage);
        walk::steps_of(|| {
            TargetReport::of(&inventory, &self.subject, self.now);
        })
    }
}

/// The value with every text in it renamed.
fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(rename(text)),
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), renamed(value, rename))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Otherwise a whole cluster takes the square of the time of one namespace.
#[test]
fn no_judgement_walks_through_what_grows_with_the_cluster() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<_> = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    // Some questions arise only where it is known that a thing is not there.
    let mut complete = Coverage::default();
    for kind in Kind::ALL {
        complete.record(kind, Scope::Cluster, Answer::Complete);
    }
    let mut walks = Vec::new();
    for folder in &folders {
        let case = Case::read(folder);
        // A host is searched for: nobody asks about many at once.
        if case.subject.kind == Kind::Host {
            continue;
        }
        for coverage in [&Coverage::default(), &complete] {
            let (few, many) = (case.steps(1, coverage), case.steps(5, coverage));
            if few != many {
                walks.push(format!("{}: {few} steps, then {many}", folder.file_name().unwrap().display()));
            }
        }
    }
    assert!(walks.is_empty(), "an index is missing:\n{}", walks.join("\n"));
}

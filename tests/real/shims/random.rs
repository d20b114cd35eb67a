//! Ingresses, Gateways and `ListenerSets` that nobody thought of, through the real shims and through those of the engine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Repeats, Run};
use crate::differential::corpus::{Case, Flags, Group};
use crate::lab::Lab;
use crate::random::{Picker, count, routes};

/// How many objects there are in a run, and at once.
const OBJECTS: usize = 60;

#[test]
fn routes_that_nobody_thought_of_get_the_same_certificates() {
    let mut picker = Picker::new("routes");
    let lab = Lab::start("random-routes", &["--controllers=none", "--garbage-collector=false"]);
    lab.kubectl(&["create", "namespace", super::MARKERS]);
    let mut wrong = String::new();
    let mut errors = BTreeSet::new();
    for round in 0..count(OBJECTS).div_ceil(OBJECTS) {
        let cases = (0..OBJECTS).map(|number| case(&format!("random-{round}-{number}"), &mut picker));
        let group = Group { flags: flags(), cases: cases.collect() };
        let mut run = Run::new(&lab, round, &group);
        let mut seen = run.whole();
        run.compare_with_ours(&mut seen, Repeats::AreChance, &mut errors, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn flags() -> Flags {
    Flags { enable_gateway_api: true, enable_gateway_api_listenerset: true, ..Flags::default() }
}

fn case(namespace: &str, picker: &mut Picker) -> Case {
    let steps = routes::steps(picker).into_iter().map(|documents| Case::placed(documents, namespace)).collect();
    Case { namespace: namespace.to_owned(), steps, expect: None, folder: PathBuf::from(namespace) }
}

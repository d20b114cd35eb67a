//! Certificates that nobody thought of, through the real controllers and through the engine.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Run, command_line, play_all, share};
use crate::differential::diff;
use crate::differential::issuance::corpus::{Case, Flags, Group, Step};
use crate::differential::issuance::document::Document;
use crate::differential::issuance::play::play;
use crate::differential::issuance::seen::{Seen, Told};
use crate::lab::{Lab, wait_for};
use crate::random::{Picker, certificates::certificates, count};

/// How many Certificates there are in a run, and at once.
const CERTIFICATES: usize = 60;

/// How many of those are looked at whose requests are made anew without end.
const RESTLESS: usize = 2;

#[test]
fn certificates_that_nobody_thought_of_are_requested_and_issued_the_same() {
    let mut picker = Picker::new("certificates");
    let mut certificates = certificates(&mut picker);
    let lab = Lab::start("random-certificates", &["--controllers=none"]);
    let shared = Group::all().swap_remove(0).shared;
    let mut group = Group { flags: Flags::default(), shared, cases: Vec::new() };
    lab.cmd(&format!("controllers start {}", command_line(&group.flags)));
    let shared = share(&lab, &group);
    let mut wrong = String::new();
    for round in 0..count(CERTIFICATES).div_ceil(CERTIFICATES) {
        let namespace = format!("random-{round}");
        let (mut quiet, mut restless) = (Vec::new(), Vec::new());
        while quiet.len() < CERTIFICATES {
            let certificate = certificates.next().expect("they do not end");
            let alone = case(&namespace, vec![certificate.clone()]);
            let kind = if play(&group, &alone).is_some() { &mut quiet } else { &mut restless };
            kind.push(certificate);
        }
        group.cases = vec![case(&namespace, quiet)];
        let mut runs = vec![Run::new(&group, &group.cases[0], &shared)];
        lab.namespaces(&runs);
        play_all(&lab, &mut runs);
        for document in &group.cases[0].steps[0].documents {
            let [theirs, ours] = [&runs[0].seen[0], &runs[0].ours[0]].map(|seen| about(seen, &document.object.name));
            if theirs != ours {
                let yaml = serde_saphyr::to_string(&document.body("")).unwrap();
                let _ = writeln!(wrong, "{yaml}real -, ours +\n{}", diff::lines(&theirs, &ours));
            }
        }
        for certificate in restless.into_iter().take(RESTLESS) {
            lab.never_settles(&Document::of(certificate, &namespace));
        }
        lab.kubectl(&["delete", "certificates", "--all", "-n", &namespace, "--wait=false"]);
        lab.kubectl(&["delete", "secrets", "--all", "-n", &namespace, "--wait=false"]);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A case of one step.
fn case(namespace: &str, documents: Vec<Value>) -> Case {
    let steps = vec![Step::of(documents, namespace)];
    Case { namespace: namespace.to_owned(), steps, expect: None, folder: PathBuf::from(namespace) }
}

/// What was seen of one Certificate, as text.
fn about(seen: &Seen, name: &str) -> String {
    let is_about = |place: &&String| {
        let theirs = place.split(' ').nth(1).unwrap_or_default();
        theirs == name || theirs.starts_with(&format!("{name}-"))
    };
    let part = |all: &Map<String, Value>| {
        let part = all.keys().filter(is_about);
        part.map(|place| (place.clone(), all[place].clone())).collect()
    };
    let part = Seen { objects: part(&seen.objects), gone: Vec::new(), events: part(&seen.events) };
    serde_saphyr::to_string(&part).unwrap()
}

impl Lab {
    /// Applies a Certificate whose request the engine makes anew without end, and waits until it is clear that so do the
    /// real controllers.
    fn never_settles(&self, certificate: &Document) {
        self.act(&[certificate]);
        let name = &certificate.object.name;
        wait_for(&format!("the third request of {}", certificate.body("")), Duration::from_mins(1), || {
            let (_, events) = self.everything_issued();
            let requested = |told: &Told| told.about.1 == *name && told.words.starts_with("Normal Requested ");
            events.iter().any(|(_, told)| requested(told) && told.count >= 3).then_some(())
        });
        self.kubectl_on(certificate, "delete", &["--wait=false"]);
    }
}

//! The shims of the engine against the real ingress-shim, gateway-shim and listenerset controller.
//!
//! Every case of `tests/cases-shim` is applied to a real control plane, all at once, step by step. Whether the controllers
//! are done is told by markers: they work on one object at a time, in the order in which they are told of them, so that
//! what was applied before a marker is done when the marker is.

mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::differential::corpus::{Case, Flags, Group, Seen};
use crate::differential::normal::{self, Told, Uids, text};
use crate::differential::play::play;
use crate::lab::{Lab, wait_for};

#[test]
fn the_shims_do_what_the_real_controllers_do() {
    // Certificates whose owner is gone stay as they are, as nobody collects garbage here.
    let lab = Lab::start("shims", &["--controllers=none", "--garbage-collector=false"]);
    lab.kubectl(&["create", "namespace", MARKERS]);
    let mut wrong = String::new();
    // Each group's controllers find the objects of those before, and their errors once more.
    let mut errors = BTreeSet::new();
    for (number, group) in Group::all().iter().enumerate() {
        let mut run = Run::new(&lab, number, group);
        let seen = run.whole();
        run.compare(&seen, &mut errors, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const MARKERS: &str = "shim-markers";

/// One group on the real control plane.
struct Run<'a> {
    lab: &'a Lab,
    number: usize,
    group: &'a Group,
    /// By namespace.
    told: BTreeMap<String, Told>,
    /// How much of the log was read.
    read: usize,
    /// Errors that the controllers returned; the log does not say for which object.
    errors: BTreeSet<String>,
    barriers: usize,
}

impl<'a> Run<'a> {
    fn new(lab: &'a Lab, number: usize, group: &'a Group) -> Self {
        let controllers = match (group.flags.enable_gateway_api, group.flags.enable_gateway_api_listenerset) {
            (true, true) => "ingress-shim,gateway-shim,listenerset",
            (true, false) => "ingress-shim,gateway-shim",
            (false, _) => "ingress-shim",
        };
        lab.cmd(&format!("controllers start --controllers={controllers} --workers=1 {}", command_line(&group.flags)));
        let read = log(lab).len();
        Self { lab, number, group, told: BTreeMap::new(), read, errors: BTreeSet::new(), barriers: 0 }
    }

    /// Plays all cases: what was seen of each after each step.
    fn whole(&mut self) -> Vec<Vec<Seen>> {
        let mut namespaces: BTreeSet<&str> = self.group.cases.iter().map(|case| case.namespace.as_str()).collect();
        let documents = self.group.cases.iter().flat_map(|case| case.steps.iter().flatten());
        namespaces.extend(documents.map(|document| text(document, "/metadata/namespace")));
        let namespace = |name: &&str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.lab.apply(&namespaces.iter().map(namespace).collect::<Vec<_>>());

        let longest = self.group.cases.iter().map(|case| case.steps.len()).max().unwrap_or_default();
        let mut seen: Vec<Vec<Seen>> = vec![Vec::new(); self.group.cases.len()];
        let mut live = Vec::new();
        for step in 0..longest {
            let acting: Vec<usize> =
                (0..seen.len()).filter(|index| self.group.cases[*index].steps.len() > step).collect();
            let documents = acting.iter().flat_map(|index| &self.group.cases[*index].steps[step]);
            self.apply(documents, &live);
            self.barrier();
            live = self.lab.everything();
            let log = self.read_log();
            for index in acting {
                let case = &self.group.cases[index];
                seen[index].push(self.seen(case, &live, &log));
            }
        }
        self.lab.cmd("controllers stop");
        seen
    }

    /// Applies and deletes; UIDs of owners are those of the objects that are there.
    fn apply<'d>(&self, documents: impl Iterator<Item = &'d Value>, live: &[Value]) {
        let (gone, mut there): (Vec<_>, Vec<_>) = documents.cloned().partition(|document| document["delete"] == true);
        for document in &mut there {
            let namespace = text(document, "/metadata/namespace").to_owned();
            for owner in
                document.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let is_owner = |object: &&Value| {
                    text(object, "/metadata/namespace") == namespace
                        && (text(object, "/kind"), text(object, "/metadata/name"))
                            == (text(owner, "/kind"), text(owner, "/name"))
                };
                let uid = live.iter().find(is_owner).map(|object| text(object, "/metadata/uid").to_owned());
                owner["uid"] = uid.unwrap_or_else(|| panic!("{namespace}: no {owner}")).into();
            }
        }
        if !there.is_empty() {
            self.lab.apply(&there);
        }
        for document in gone {
            let (namespace, name) = (text(&document, "/metadata/namespace"), text(&document, "/metadata/name"));
            let kind = text(&document, "/kind").to_lowercase();
            self.lab.kubectl(&["delete", &kind, name, "-n", namespace, "--wait=false"]);
        }
    }

    /// Waits until everything applied so far has been looked at: new markers get their Certificates, and get them again
    /// when these are taken away, which shows that the controllers know of all Certificates too.
    fn barrier(&mut self) {
        self.barriers += 1;
        let name = |kind: &str| format!("{}-{}-{kind}", self.number, self.barriers);
        let annotations = json!({"cert-manager.io/issuer": "marker"});
        let metadata = |kind: &str| json!({"name": name(kind), "namespace": MARKERS, "annotations": annotations});
        let listeners = |kind: &str| {
            json!([{"name": "a", "port": 443, "protocol": "HTTPS", "hostname": "a.example.com",
                    "tls": {"certificateRefs": [{"name": name(kind)}]}}])
        };
        let mut markers = vec![json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata("ingress"),
            "spec": {"tls": [{"hosts": ["a.example.com"], "secretName": name("ingress")}], "rules": [{"host": "a.example.com"}]},
        })];
        if self.group.flags.enable_gateway_api {
            markers.push(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata("gateway"),
                "spec": {"gatewayClassName": "any", "listeners": listeners("gateway")},
            }));
        }
        if self.group.flags.enable_gateway_api_listenerset {
            markers.push(json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet", "metadata": metadata("listenerset"),
                "spec": {"parentRef": {"name": name("gateway")}, "listeners": listeners("listenerset")},
            }));
        }
        self.lab.apply(&markers);
        let certificates: Vec<&str> = markers.iter().map(|marker| text(marker, "/metadata/name")).collect();
        self.await_markers(&certificates, 1);
        self.lab.kubectl(&[&["delete", "certificates", "-n", MARKERS][..], &certificates].concat());
        self.await_markers(&certificates, 2);
    }

    /// Waits until each marker's Certificate was created so many times.
    fn await_markers(&self, names: &[&str], times: u64) {
        wait_for(&format!("the markers {names:?}, time {times}"), Duration::from_mins(3), || {
            let list = self.lab.kubectl(&["get", "events", "-n", MARKERS, "-o", "json"]);
            let list: Value = serde_json::from_str(&list).unwrap();
            let is_told = |name: &&str| {
                list["items"].as_array().into_iter().flatten().any(|event| {
                    text(event, "/involvedObject/name") == *name
                        && text(event, "/reason") == "CreateCertificate"
                        && event["count"].as_u64() >= Some(times)
                })
            };
            names.iter().all(is_told).then_some(())
        });
    }

    fn seen(&mut self, case: &Case, live: &[Value], log: &[Line]) -> Seen {
        let mine = |object: &&Value| text(object, "/metadata/namespace") == case.namespace;
        let of_kind = |kind: &str| -> Vec<Value> {
            live.iter().filter(mine).filter(|object| text(object, "/kind") == kind).cloned().collect()
        };
        let uids = Uids::of(live.iter().filter(mine));
        let certificates = of_kind("Certificate");
        let certificates =
            certificates.iter().map(|one| (text(one, "/metadata/name").to_owned(), normal::object(one, &uids)));
        let told = normal::told(&of_kind("Event"));
        let before = self.told.insert(case.namespace.clone(), told.clone()).unwrap_or_default();
        Seen {
            certificates: certificates.collect(),
            events: normal::news(&before, &told),
            log: log.iter().filter(|line| line.namespace == case.namespace).map(|line| line.words.clone()).collect(),
        }
    }

    /// What the log says since the last time about single objects. Errors go to the side.
    fn read_log(&mut self) -> Vec<Line> {
        let log = log(self.lab);
        let new = &log[self.read..];
        self.read = log.len();
        let mut lines = Vec::new();
        for line in new.lines() {
            if let Some(error) = quoted(line, "\"re-queuing item due to error processing\" err=") {
                if !is_of_an_old_cache(&error) {
                    self.errors.insert(error);
                }
            } else if let Some(words) = quoted(line, "] ").filter(|words| words.contains("refusing to update")) {
                let value = |key: &str| quoted(line, key).unwrap_or_default();
                let about = value(" resource_name=") + ", " + &value(" related_resource_name=");
                lines.push(Line { namespace: value(" resource_namespace="), words: format!("{about}: {words}") });
            }
        }
        lines
    }

    fn compare(&self, seen: &[Vec<Seen>], expected_errors: &mut BTreeSet<String>, wrong: &mut String) {
        let mut recorded = seen.to_vec();
        self.compare_with_ours(&mut recorded, Repeats::Count, expected_errors, wrong);
        for (case, recorded) in self.group.cases.iter().zip(recorded) {
            if crate::is_set("UPDATE") {
                fs::write(case.folder.join("expect.yaml"), serde_saphyr::to_string(&recorded).unwrap()).unwrap();
            } else {
                let expect = case.expect.clone().unwrap_or_default();
                for (step, theirs) in recorded.iter().enumerate() {
                    differ(case, step, "recorded", expect.get(step).unwrap_or(&Seen::default()), theirs, wrong);
                }
            }
        }
    }

    /// Compares with what the engine makes of the cases. Each gets those errors of the log that are its own.
    fn compare_with_ours(
        &self,
        seen: &mut [Vec<Seen>],
        repeats: Repeats,
        expected_errors: &mut BTreeSet<String>,
        wrong: &mut String,
    ) {
        for (case, seen) in self.group.cases.iter().zip(seen) {
            let mut ours = play(self.group, case);
            if repeats == Repeats::AreChance {
                seen.iter_mut().chain(&mut ours).for_each(drop_repeats);
            }
            for (step, (theirs, ours)) in seen.iter_mut().zip(&ours).enumerate() {
                // The log names no object with an error: it is enough that it has the error.
                let errors = ours.log.iter().filter(|words| words.starts_with("invalid ingress annotation"));
                for error in errors {
                    expected_errors.insert(error.clone());
                    theirs.log.extend(self.errors.get(error).cloned());
                }
                differ(case, step, "ours", ours, theirs, wrong);
            }
        }
        for error in self.errors.difference(expected_errors) {
            let _ = writeln!(wrong, "{:?}: nobody expects the error {error}", self.group.flags);
        }
    }
}

/// Whether it counts that something was told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    Count,
    /// A controller whose cache does not show its own last write looks again five seconds later.
    AreChance,
}

fn drop_repeats(seen: &mut Seen) {
    let Some(events) = seen.events.as_object_mut() else { return };
    for lines in events.values_mut().filter_map(Value::as_array_mut) {
        lines.retain(|line| !line.as_str().is_some_and(|line| line.starts_with("again: ")));
    }
    events.retain(|_, lines| lines.as_array().is_some_and(|lines| !lines.is_empty()));
}

/// The flags as the controllers' program takes them.
fn command_line(flags: &Flags) -> String {
    let list = |items: &mut dyn Iterator<Item = &String>| items.cloned().collect::<Vec<_>>().join(",");
    let mut words = vec![
        format!("--enable-gateway-api={}", flags.enable_gateway_api),
        format!("--enable-gateway-api-listenerset={}", flags.enable_gateway_api_listenerset),
        format!(
            "--feature-gates=ListenerSets={},ServerSideApply={}",
            flags.enable_gateway_api_listenerset, flags.server_side_apply
        ),
        format!("--extra-certificate-annotations={}", list(&mut flags.extra_certificate_annotations.iter())),
        format!("--gateway-api-extra-protocols={}", list(&mut flags.gateway_api_extra_protocols.iter())),
    ];
    let auto = flags.auto_certificate_annotations.as_ref().map(|auto| auto.join(","));
    for (flag, value) in [
        ("default-issuer-name", &flags.default_issuer_name),
        ("default-issuer-kind", &flags.default_issuer_kind),
        ("default-issuer-group", &flags.default_issuer_group),
        ("auto-certificate-annotations", &auto),
    ] {
        words.extend(value.as_ref().map(|value| format!("--{flag}={value}")));
    }
    words.join(" ")
}

/// What the log says about an object of a namespace.
struct Line {
    namespace: String,
    words: String,
}

/// Whether a controller wrote what it had written already, as its cache did not show it yet. It looks again, and nothing
/// comes of it.
fn is_of_an_old_cache(error: &str) -> bool {
    let about_certificates = error.strip_prefix("certificates.cert-manager.io ");
    about_certificates.is_some_and(|why| why.ends_with(" not found") || why.ends_with(" already exists"))
}

fn log(lab: &Lab) -> String {
    fs::read_to_string(lab.ready.logs.join("controllers.log")).unwrap_or_default()
}

/// The text in quotes right behind `before` in a line of the log.
fn quoted(line: &str, before: &str) -> Option<String> {
    let start = line.find(before)? + before.len();
    let mut texts = serde_json::Deserializer::from_str(&line[start..]).into_iter::<String>();
    texts.next()?.ok()
}

fn differ(case: &Case, step: usize, what: &str, ours: &Seen, theirs: &Seen, wrong: &mut String) {
    if ours != theirs {
        let [ours, theirs] = [ours, theirs].map(|seen| serde_saphyr::to_string(seen).unwrap());
        let _ = writeln!(wrong, "{}, step {}\n{what}:\n{ours}real:\n{theirs}", case.path(), step + 1);
    }
}

impl Lab {
    /// Applies objects in their order. kubectl would not let parts of objects pass.
    fn apply(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.kubectl_stdin(
            &["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"],
            &list.to_string(),
        );
    }

    /// What the shims read and write, and their events.
    fn everything(&self) -> Vec<Value> {
        let kinds = "ingresses,gateways,listenersets,certificates,events";
        let list: Value = serde_json::from_str(&self.kubectl(&["get", kinds, "-A", "-o", "json"])).unwrap();
        list["items"].as_array().unwrap().clone()
    }
}

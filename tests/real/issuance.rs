//! The engine against cert-manager's own controllers, on whole issuances.
//!
//! Every case of `tests/cases-engine` is played on a real control plane, all of a group at once, each at its own pace: a
//! step is over when what there is has been as expected for a while, or has not changed for a longer one.

mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::differential::diff;
use crate::differential::issuance::corpus::{Case, Flags, Group, Step};
use crate::differential::issuance::document::{Act, Document};
use crate::differential::issuance::play::play;
use crate::differential::issuance::seen::{Observer, Seen, Told};
use crate::differential::normal::text;
use crate::lab::{Lab, condition_of, wait_for};

/// How long nothing changes when all is as expected.
const CALM: Duration = Duration::from_millis(1500);

/// How long nothing changes when it is not.
const STILL: Duration = Duration::from_secs(12);

/// How long a step may take beyond what it waits for.
const LONGEST: Duration = Duration::from_secs(90);

#[test]
fn the_engine_does_what_the_real_controllers_do() {
    let first = differences("issuance", &is_wanted);
    if !first.is_empty() {
        // The real controllers race each other, and now and then a case ends otherwise. What differs in truth differs
        // again.
        let again = differences("issuance-again", &|case| first.contains_key(&case.path()));
        let words: String = again.into_values().collect();
        assert!(words.is_empty(), "{words}");
    }
}

/// What differs, by case, when the wanted ones are played on a control plane of that name.
fn differences(name: &str, is_wanted: &dyn Fn(&Case) -> bool) -> BTreeMap<String, String> {
    let mut differences = BTreeMap::new();
    let lab = Lab::start(name, &["--controllers=none"]);
    for group in Group::all() {
        if !group.cases.iter().any(is_wanted) {
            continue;
        }
        lab.cmd(&format!("controllers start {}", command_line(&group.flags)));
        let shared = share(&lab, &group);
        let mut runs: Vec<Run> =
            group.cases.iter().filter(|case| is_wanted(case)).map(|case| Run::new(&group, case, &shared)).collect();
        lab.namespaces(&runs);
        play_all(&lab, &mut runs);
        for run in &runs {
            let mut wrong = String::new();
            run.compare(&mut wrong);
            if !wrong.is_empty() {
                differences.insert(run.case.path(), wrong);
            }
        }
        lab.cmd("controllers stop");
    }
    differences
}

/// `CASE=text,text` plays only cases with one of the texts in their path.
#[expect(clippy::disallowed_methods, reason = "the environment is how a test is told what to do")]
fn is_wanted(case: &Case) -> bool {
    let is_named = |parts: String| parts.split(',').any(|part| case.path().contains(part));
    std::env::var("CASE").map_or(true, is_named)
}

/// Puts the objects there that all cases of a group share, and waits until its issuers are ready.
fn share(lab: &Lab, group: &Group) -> Vec<Value> {
    let documents: Vec<_> = group.shared.iter().flat_map(|step| &step.documents).collect();
    let is_shared = |object: &Value| {
        documents.iter().any(|one| {
            let object_of = (text(object, "/kind"), text(object, "/metadata/name"));
            object_of == (one.object.kind.word(), one.object.name.as_str())
        })
    };
    for step in &group.shared {
        lab.act(&step.documents.iter().collect::<Vec<_>>());
        wait_for("the shared issuers", Duration::from_secs(30), || {
            let issuers: Value = serde_json::from_str(&lab.kubectl(&["get", "clusterissuers", "-o", "json"])).unwrap();
            let mut issuers = issuers["items"].as_array()?.iter().filter(|issuer| is_shared(issuer));
            issuers.all(|issuer| condition_of(issuer, "Ready") == "True").then_some(())
        });
    }
    let (objects, _) = lab.everything_issued();
    objects.into_iter().filter(is_shared).collect()
}

/// Plays all cases to their ends.
fn play_all(lab: &Lab, runs: &mut [Run]) {
    let mut starting: Vec<usize> = (0..runs.len()).collect();
    loop {
        let documents: Vec<&Document> =
            starting.iter().filter_map(|index| runs[*index].step()).flat_map(|step| &step.documents).collect();
        lab.act(&documents);
        for index in &starting {
            runs[*index].began = Instant::now();
        }
        if runs.iter().all(|run| run.step().is_none()) {
            return;
        }
        let (objects, events) = lab.everything_issued();
        starting = (0..runs.len()).filter(|index| runs[*index].look(&objects, &events)).collect();
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// A case on the real control plane.
struct Run<'a> {
    case: &'a Case,
    ours: Vec<Seen>,
    observer: Observer,
    began: Instant,
    /// What was seen last, and since when it is so.
    last: Option<(Seen, Instant)>,
    seen: Vec<Seen>,
}

impl<'a> Run<'a> {
    fn new(group: &Group, case: &'a Case, shared: &[Value]) -> Self {
        let observer = Observer::new(&case.namespace, shared);
        let ours = play(group, case).unwrap_or_else(|| panic!("{} does not come to rest", case.path()));
        Self { case, ours, observer, began: Instant::now(), last: None, seen: Vec::new() }
    }

    fn step(&self) -> Option<&'a Step> {
        self.case.steps.get(self.seen.len())
    }

    /// Looks at the case, and says whether its next step may begin.
    fn look(&mut self, objects: &[Value], events: &[(Value, Told)]) -> bool {
        let Some(step) = self.step() else { return false };
        let objects: Vec<Value> = objects.iter().filter(|object| self.observer.owns(object)).cloned().collect();
        let events: Vec<Told> =
            events.iter().filter(|(about, _)| self.observer.owns(about)).map(|(_, told)| told.clone()).collect();
        let mut observer = self.observer.clone();
        let seen = observer.look(&objects, &events);
        let since = match self.last.take() {
            Some((last, since)) if last == seen => since,
            _ => Instant::now(),
        };
        let recorded = self.case.expect.as_ref().filter(|_| !crate::is_set("UPDATE"));
        let expected = recorded.unwrap_or(&self.ours).get(self.seen.len());
        let calm = if expected == Some(&seen) { CALM } else { STILL };
        let is_over =
            self.began.elapsed() > step.wait && (since.elapsed() >= calm || self.began.elapsed() > step.wait + LONGEST);
        if is_over {
            self.seen.push(seen);
            self.observer = observer;
        } else {
            self.last = Some((seen, since));
        }
        is_over
    }

    fn compare(&self, wrong: &mut String) {
        for (step, (theirs, ours)) in self.seen.iter().zip(&self.ours).enumerate() {
            differ(self.case, step, "ours", ours, theirs, wrong);
        }
        if crate::is_set("UPDATE") {
            let text = serde_saphyr::to_string(&self.seen).unwrap();
            fs::write(self.case.folder.join("expect.yaml"), text).unwrap();
            return;
        }
        let nothing = Seen::default();
        for (step, theirs) in self.seen.iter().enumerate() {
            let recorded = self.case.expect.as_ref().and_then(|expect| expect.get(step)).unwrap_or(&nothing);
            differ(self.case, step, "recorded", recorded, theirs, wrong);
        }
    }
}

fn differ(case: &Case, step: usize, what: &str, ours: &Seen, theirs: &Seen, wrong: &mut String) {
    if ours != theirs {
        let [ours, theirs] = [ours, theirs].map(|seen| serde_saphyr::to_string(seen).unwrap());
        let lines = diff::lines(&theirs, &ours);
        let _ = writeln!(wrong, "{}, step {}: real -, {what} +\n{lines}", case.path(), step + 1);
    }
}

/// The flags as the controllers' program takes them.
fn command_line(flags: &Flags) -> String {
    let without = flags.without.iter().fold(String::new(), |names, name| names + ",-" + name);
    let mut words = format!("--controllers=*{without} --kube-api-qps=200 --kube-api-burst=400");
    let _ = write!(words, " --enable-certificate-owner-ref={}", flags.enable_certificate_owner_ref);
    if !flags.feature_gates.is_empty() {
        let gates: Vec<_> = flags.feature_gates.iter().map(|(name, is_on)| format!("{name}={is_on}")).collect();
        let _ = write!(words, " --feature-gates={}", gates.join(","));
    }
    if let Some(seconds) = flags.min_backoff {
        let _ = write!(words, " --min-backoff={seconds}s");
    }
    words
}

impl Lab {
    fn namespaces(&self, runs: &[Run]) {
        let mut names: Vec<&str> = runs.iter().map(|run| run.case.namespace.as_str()).collect();
        let documents = runs.iter().flat_map(|run| &run.case.steps).flat_map(|step| &step.documents);
        names.extend(documents.filter_map(|document| document.object.namespace.as_deref()));
        names.sort_unstable();
        names.dedup();
        let namespace = |name: &&str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.send(&names.iter().map(namespace).collect::<Vec<_>>(), &[]);
    }

    /// Does what the documents say: all applications first, deletions last, as a step sorts them.
    fn act(&self, documents: &[&Document]) {
        let now = kubectl_cert::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let of = |act: Act| documents.iter().filter(move |document| document.act == act);
        let bodies = |act| of(act).map(|document| document.body(&now)).collect::<Vec<_>>();
        self.send(&bodies(Act::Apply), &[]);
        self.send(&bodies(Act::Status), &["--subresource=status"]);
        for (document, body) in of(Act::Patch).zip(bodies(Act::Patch)) {
            let body = body.to_string();
            self.kubectl_on(document, "patch", &["--type=merge", "-p", &body]);
        }
        for document in of(Act::Delete) {
            self.kubectl_on(document, "delete", &["--wait=false"]);
        }
    }

    fn send(&self, objects: &[Value], flags: &[&str]) {
        if !objects.is_empty() {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
            self.kubectl_stdin(&[&apply[..], flags].concat(), &list.to_string());
        }
    }

    fn kubectl_on(&self, document: &Document, verb: &str, flags: &[&str]) {
        let object = &document.object;
        let namespace = object.namespace.as_deref().unwrap_or_default();
        self.kubectl(&[&[verb, &object.kind.resource(), &object.name, "-n", namespace], flags].concat());
    }

    /// All objects of the kinds that are compared, and all events in the order in which they were first told, with the
    /// object that they are about.
    fn everything_issued(&self) -> (Vec<Value>, Vec<(Value, Told)>) {
        let kinds = "certificates,certificaterequests,issuers,clusterissuers,secrets,events";
        let list: Value = serde_json::from_str(&self.kubectl(&["get", kinds, "-A", "-o", "json"])).unwrap();
        let items = list["items"].as_array().unwrap().iter().cloned();
        let (mut events, objects): (Vec<_>, Vec<_>) = items.partition(|item| item["kind"] == "Event");
        events.sort_by_key(|event| {
            let name = text(event, "/metadata/name");
            u64::from_str_radix(name.rsplit('.').next().unwrap_or_default(), 16).unwrap_or_default()
        });
        let told = |event: Value| {
            let about = json!({"metadata": event["involvedObject"]});
            let at = |pointer| text(&event, pointer).to_owned();
            let controller = at("/source/component");
            let told = Told {
                id: at("/metadata/uid"),
                about: (at("/involvedObject/kind"), at("/involvedObject/name")),
                words: [at("/type"), at("/reason"), at("/message")].join(" "),
                controller: controller.strip_prefix("cert-manager-").unwrap_or(&controller).to_owned(),
                count: event["count"].as_u64().unwrap_or(1),
            };
            (about, told)
        };
        (objects, events.into_iter().map(told).collect())
    }
}

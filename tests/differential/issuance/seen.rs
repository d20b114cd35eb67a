//! What there is after a step, without what is random or accidental: both sides go through this.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kubectl_cert::api::annotation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::material::Material;
use crate::differential::normal::{self, Uids, text};

/// What a step changed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Objects that are new or no longer as they were, whole.
    pub objects: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// What was told, by object.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub events: Map<String, Value>,
}

/// Puts the Events about a Certificate in the order of the controllers that told them: each controller's own come one
/// after the other, but whose come first is chance.
pub fn by_controller(events: &mut Map<String, Value>) {
    let certificates = events.iter_mut().filter(|(about, _)| about.starts_with("Certificate "));
    for lines in certificates.filter_map(|(_, lines)| lines.as_array_mut()) {
        lines.sort_by_cached_key(|line| {
            let line = line.as_str().unwrap_or_default();
            (line.starts_with("again: "), line.rsplit('(').next().unwrap_or_default().to_owned())
        });
    }
}

/// One Event, as far as it is compared.
#[derive(Clone, Debug)]
pub struct Told {
    /// What tells it from all others.
    pub id: String,
    /// Kind and name.
    pub about: (String, String),
    /// Type, reason and message.
    pub words: String,
    pub controller: String,
    pub count: u64,
}

/// Looks at a case step by step, and remembers what it saw.
#[derive(Clone)]
pub struct Observer {
    namespace: String,
    step: usize,
    material: Material,
    objects: BTreeMap<String, Value>,
    counts: BTreeMap<String, u64>,
    /// When each time and each UID was first seen where it stands.
    since: BTreeMap<(String, String), (String, usize)>,
}

impl Observer {
    /// For a namespace, beside the objects that all cases share.
    pub fn new(namespace: &str, shared: &[Value]) -> Self {
        let mut material = Material::default();
        for object in shared {
            learn(&mut material, &place(object, namespace), object);
        }
        Self {
            namespace: namespace.to_owned(),
            step: 0,
            material,
            objects: BTreeMap::new(),
            counts: BTreeMap::new(),
            since: BTreeMap::new(),
        }
    }

    /// Whether an object belongs to the case.
    pub fn owns(&self, object: &Value) -> bool {
        let [namespace, name] = ["/metadata/namespace", "/metadata/name"].map(|pointer| text(object, pointer));
        namespace == self.namespace || [namespace, name].iter().any(|name| name.starts_with(&self.prefix()))
    }

    fn prefix(&self) -> String {
        format!("{}-", self.namespace)
    }

    /// What the step brought. `objects` and `events` are those of the case, the events in the order in which they were
    /// first told.
    pub fn look(&mut self, objects: &[Value], events: &[Told]) -> Seen {
        self.step += 1;
        let mut objects: Vec<(String, &Value)> =
            objects.iter().map(|object| (place(object, &self.namespace), object)).collect();
        objects.sort_by(|one, other| one.0.cmp(&other.0));
        for (place, object) in &objects {
            learn(&mut self.material, &format!("{place}, step {}", self.step), object);
        }
        let uids = Uids::of(objects.iter().map(|(_, object)| *object));
        let now: BTreeMap<String, Value> =
            objects.iter().map(|(place, object)| (place.clone(), self.normal(place, object, &uids))).collect();
        let before = std::mem::replace(&mut self.objects, now.clone());
        let changed = now.iter().filter(|(place, object)| before.get(*place) != Some(*object));
        Seen {
            objects: changed.map(|(place, object)| (place.clone(), self.with_material(object))).collect(),
            gone: before.keys().filter(|place| !now.contains_key(*place)).cloned().collect(),
            events: self.news(events),
        }
    }

    fn normal(&mut self, place: &str, object: &Value, uids: &Uids) -> Value {
        let mut normal = normal::object(object, uids);
        let kind = text(object, "/kind");
        normal["metadata"]["uid"] = self.since(place, "uid", text(object, "/metadata/uid")).into();
        if let Some(base) = object.pointer("/metadata/generateName").and_then(Value::as_str) {
            normal["metadata"]["name"] = format!("{base}?????").into();
        }
        if kind == "CertificateRequest" {
            // The webhook writes down who asks; the lab has none.
            for who in ["username", "groups", "uid", "extra"] {
                normal["spec"].as_object_mut().map(|spec| spec.remove(who));
            }
            // A request without a Certificate names a Secret that somebody named.
            if object.pointer("/metadata/ownerReferences").is_some() {
                let key = annotation::PRIVATE_KEY_SECRET_NAME.replace('/', "~1");
                cut_suffix(&mut normal, &format!("/metadata/annotations/{key}"));
            }
        }
        cut_suffix(&mut normal, "/status/nextPrivateKeySecretName");
        if let Some(conditions) = normal.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
            conditions.sort_by_key(|condition| text(condition, "/type").to_owned());
            // Whether readiness looks between the write of a new Secret and that of the new revision is chance; if it
            // does, the Certificate is not ready for a moment.
            let is_ready = |condition: &&mut Value| condition["type"] == "Ready" && condition["status"] == "True";
            for ready in conditions.iter_mut().filter(is_ready).filter(|_| kind == "Certificate") {
                ready["lastTransitionTime"] = Value::Null;
            }
        }
        spans(&mut normal);
        for member in ["metadata", "spec", "status"] {
            if let Some(value) = normal.get_mut(member) {
                self.words(place, member, value);
            }
        }
        normal
    }

    /// Texts without times and without the namespace's name.
    fn words(&mut self, place: &str, path: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    self.words(place, &format!("{path}.{key}"), value);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.words(place, &format!("{path}.{index}"), value);
                }
            }
            Value::String(text) if text.parse::<Timestamp>().is_ok() => *text = self.since(place, path, text),
            Value::String(text) => *text = self.plain(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn plain(&self, text: &str) -> String {
        without_times(&text.replace(&self.namespace, "$NS"))
    }

    /// In which step a value was first seen where it stands.
    fn since(&mut self, place: &str, path: &str, value: &str) -> String {
        let step = self.step;
        let known = self.since.entry((place.to_owned(), path.to_owned())).or_default();
        if known.0 != value {
            *known = (value.to_owned(), step);
        }
        format!("since step {}", known.1)
    }

    /// Keys and certificates by name, in an object that is to be shown.
    fn with_material(&mut self, object: &Value) -> Value {
        let mut object = object.clone();
        let mut show = |value: &mut Value| {
            if let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) {
                *value = self.material.shown(&bytes);
            }
        };
        for pointer in ENCODED {
            object.pointer_mut(pointer).into_iter().for_each(&mut show);
        }
        object.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten().for_each(|(_, value)| show(value));
        object
    }

    fn news(&mut self, events: &[Told]) -> Map<String, Value> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut again: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in events {
            let (kind, name) = &event.about;
            let about = format!("{kind} {}", self.plain(name));
            let before = self.counts.insert(event.id.clone(), event.count);
            let words = self.plain(&without_suffix(&event.words));
            // Five controllers look at a request and say the same; who does so first, and how many of them do before
            // somebody else has decided, is chance. Only of Certificates is it told apart, and only there is it of
            // interest that the same was told again.
            let of_certificate = kind == "Certificate";
            let line = if of_certificate { format!("{words} ({})", event.controller) } else { words };
            let is_chance = line.contains(" WaitingForApproval ") && self.is_decided(&about)
                // A cache that does not show what was just created.
                || line.starts_with("Warning RequestFailed ") && line.contains(" already exists ");
            let lines = all.entry(about.clone()).or_default();
            if before.is_none() && !lines.contains(&line) && !is_chance {
                // The approver tells of what it did when others have long gone on.
                let place = if line.starts_with(APPROVED) { 0 } else { lines.len() };
                lines.insert(place, line);
            } else if of_certificate && before.is_some_and(|before| before < event.count) {
                again.entry(about).or_default().insert(format!("again: {line}"));
            }
        }
        for (about, again) in again {
            all.entry(about).or_default().extend(again);
        }
        all.retain(|_, lines| !lines.is_empty());
        let mut all = all.into_iter().map(|(about, lines)| (about, json!(lines))).collect();
        by_controller(&mut all);
        all
    }

    /// Whether somebody approved or denied a request by now.
    fn is_decided(&self, about: &str) -> bool {
        let conditions = self.objects.get(about).and_then(|object| object.pointer("/status/conditions"));
        let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
        conditions.into_iter().any(|condition| ["Approved", "Denied"].contains(&text(condition, "/type")))
    }
}

/// What an object is called: kind and name, with the namespace if it is another one.
fn place(object: &Value, namespace: &str) -> String {
    let [kind, name, theirs] = ["/kind", "/metadata/name", "/metadata/namespace"].map(|pointer| text(object, pointer));
    let name = match object.pointer("/metadata/generateName").and_then(Value::as_str) {
        Some(base) => format!("{base}?????"),
        None => name.to_owned(),
    };
    let name = if theirs.is_empty() || theirs == namespace { name } else { format!("{theirs}/{name}") };
    format!("{kind} {}", name.replace(namespace, "$NS"))
}

fn learn(material: &mut Material, place: &str, object: &Value) {
    let data = object.get("data").and_then(Value::as_object).into_iter().flatten().map(|(_, value)| value);
    let others = ENCODED.iter().filter_map(|one| object.pointer(one));
    for value in others.chain(data) {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        material.learn(place, &bytes.unwrap_or_default());
    }
}

/// What cert-manager's approver tells.
const APPROVED: &str = "Normal cert-manager.io ";

/// The times of a certificate, as distances from its beginning.
fn spans(normal: &mut Value) {
    let Some(status) = normal.get_mut("status").and_then(Value::as_object_mut) else { return };
    let time = |status: &Map<String, Value>, key: &str| status.get(key)?.as_str()?.parse::<Timestamp>().ok();
    let Some(begin) = time(status, "notBefore") else { return };
    for key in ["notAfter", "renewalTime"] {
        if let Some(end) = time(status, key) {
            let seconds = end.as_second() - begin.as_second();
            status.insert(key.to_owned(), format!("{seconds} s after notBefore").into());
        }
    }
}

/// Where a request has PEM in base64.
const ENCODED: [&str; 3] = ["/spec/request", "/status/certificate", "/status/ca"];

/// The length of a random suffix.
const SUFFIX: usize = 5;

fn cut_suffix(object: &mut Value, pointer: &str) {
    if let Some(Value::String(name)) = object.pointer_mut(pointer) {
        name.truncate(name.len().saturating_sub(SUFFIX));
        name.push_str("?????");
    }
}

/// The name of a next private key, which only an Event tells, without its suffix.
fn without_suffix(words: &str) -> String {
    let tail = words.contains("in temporary Secret resource ").then(|| words.len().saturating_sub(SUFFIX + 1));
    tail.map_or_else(|| words.to_owned(), |end| format!("{}?????\"", &words[..end]))
}

/// Times as RFC 3339, Go and RFC 1123 write them, in the middle of words.
fn without_times(words: &str) -> String {
    const FORMS: [&str; 4] = [
        "dddd-dd-dd dd:dd:dd +0000 UTC",
        "dddd-dd-ddTdd:dd:ddZ",
        "www, dd www dddd dd:dd:dd UTC",
        "dddd-dd-dd dd:dd:dd",
    ];
    let fits = |text: &[u8], form: &str| {
        text.len() >= form.len()
            && text.iter().zip(form.bytes()).all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                b'w' => byte.is_ascii_alphabetic(),
                other => *byte == other,
            })
    };
    let mut out = String::new();
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        if let Some(form) = FORMS.into_iter().find(|form| fits(rest.as_bytes(), form)) {
            out.push_str("(time)");
            rest = &rest[form.len()..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

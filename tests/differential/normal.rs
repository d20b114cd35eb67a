//! Objects and events without what is random or accidental, so that two runs can be compared as wholes.
//!
//! Both sides go through this: what the API server holds and what the engine says it would hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Members of `metadata` that the API server makes up.
const MADE_UP: [&str; 6] = ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"];

/// What each UID stands for, in words.
#[derive(Default)]
pub struct Uids(BTreeMap<String, String>);

impl Uids {
    /// Those of these objects.
    pub fn of<'v>(objects: impl IntoIterator<Item = &'v Value>) -> Self {
        let word = |object: &Value| {
            let uid = object.pointer("/metadata/uid")?.as_str()?;
            Some((uid.to_owned(), format!("that of {} {}", text(object, "/kind"), text(object, "/metadata/name"))))
        };
        Self(objects.into_iter().filter_map(word).collect())
    }

    fn word(&self, uid: &str) -> String {
        self.0.get(uid).cloned().unwrap_or_else(|| "of something that is gone".to_owned())
    }
}

/// An object without its kind, its namespace, what the API server made up, and members that hold nothing.
pub fn object(object: &Value, uids: &Uids) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("apiVersion");
        members.remove("kind");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
        for made_up in MADE_UP {
            metadata.remove(made_up);
        }
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            owner["uid"] = uids.word(owner["uid"].as_str().unwrap_or_default()).into();
        }
    }
    tidy(&mut object);
    object
}

/// Takes away members that hold nothing; an empty text in a list counts.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(tidy);
            members.retain(|_, value| !is_nothing(value));
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The events about each object, by `Kind name`, and how often each was told: what an API server holds, and the
/// measure of what is new.
pub type Told = BTreeMap<String, Vec<(String, u64)>>;

/// Events as the API server holds them, each object's in the order in which they were first told: the name of an event
/// ends with that time.
pub fn told(events: &[Value]) -> Told {
    let mut events: Vec<&Value> = events.iter().collect();
    events.sort_by_key(|event| {
        let name = text(event, "/metadata/name");
        u64::from_str_radix(name.rsplit('.').next().unwrap_or_default(), 16).unwrap_or_default()
    });
    let mut told = Told::new();
    for event in events {
        let about = format!("{} {}", text(event, "/involvedObject/kind"), text(event, "/involvedObject/name"));
        let words = format!("{} {} {}", text(event, "/type"), text(event, "/reason"), text(event, "/message"));
        told.entry(about).or_default().push((words, event["count"].as_u64().unwrap_or(1)));
    }
    told
}

/// What was told since `before`: events of new words in their order, then those that were told again, sorted. Where one
/// look at an object writes several Certificates their order is random, so within a run of one reason the words are
/// sorted.
pub fn news(before: &Told, now: &Told) -> Value {
    let mut all = Map::new();
    for (about, events) in now {
        let old: BTreeMap<&str, u64> =
            before.get(about).into_iter().flatten().map(|(words, count)| (words.as_str(), *count)).collect();
        let new: Vec<&str> =
            events.iter().map(|(words, _)| words.as_str()).filter(|words| !old.contains_key(words)).collect();
        let again: BTreeSet<String> = events
            .iter()
            .filter(|(words, count)| old.get(words.as_str()).is_some_and(|old| count > old))
            .map(|(words, _)| format!("again: {words}"))
            .collect();
        let mut lines: Vec<String> = Vec::new();
        for run in new.chunk_by(|one, next| reason(one) == reason(next)) {
            let mut run: Vec<_> = run.iter().map(|words| (*words).to_owned()).collect();
            if !reason(&run[0]).starts_with("Bad") {
                run.sort();
            }
            lines.extend(run);
        }
        lines.extend(again);
        if !lines.is_empty() {
            all.insert(about.clone(), json!(lines));
        }
    }
    Value::Object(all)
}

fn reason(words: &str) -> &str {
    words.split(' ').nth(1).unwrap_or_default()
}

/// The text at a JSON pointer, empty if there is none.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

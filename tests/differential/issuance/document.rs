//! One document of a step, and what it does to the objects that are there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubectl_cert::objref::{Kind, ObjRef};
use serde_json::{Map, Value};

use crate::differential::normal::text;

/// What is done, in the order in which a step does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// `kubectl apply --server-side --force-conflicts`.
    Apply,
    /// The same for the status: a document that has one.
    Status,
    /// A merge patch: a document with `patch: true`.
    Patch,
    /// A document with `delete: true`.
    Delete,
}

/// A document, ready to be sent.
#[derive(Clone)]
pub struct Document {
    pub act: Act,
    pub object: ObjRef,
    /// `$NOW` in it is the time at which it is sent.
    body: Value,
}

impl Document {
    /// Objects go into the namespace of the case, unless they name another or have none.
    pub fn of(mut body: Value, namespace: &str) -> Self {
        let kind = Kind::from_api(text(&body, "/apiVersion"), text(&body, "/kind"));
        let kind = kind.unwrap_or_else(|| panic!("no kind that is known: {body}"));
        let members = body.as_object_mut().expect("a document is an object");
        let is_set = |members: &mut Map<String, Value>, word| members.remove(word).is_some();
        let act = match (is_set(members, "delete"), is_set(members, "patch"), members.contains_key("status")) {
            (true, ..) => Act::Delete,
            (_, true, _) => Act::Patch,
            (_, _, true) => Act::Status,
            (false, false, false) => Act::Apply,
        };
        // As the API server does it; server-side apply alone would keep what is gone from `stringData`.
        if let Some(Value::Object(strings)) = members.remove("stringData") {
            let data = members.entry("data").or_insert_with(|| Value::Object(Map::new()));
            for (key, value) in strings {
                data[&key] = value.as_str().map_or(Value::Null, |value| STANDARD.encode(value).into());
            }
        }
        if kind.is_namespaced() {
            let metadata = members["metadata"].as_object_mut().expect("an object has metadata");
            metadata.entry("namespace").or_insert_with(|| namespace.into());
        }
        let place = kind.is_namespaced().then(|| text(&body, "/metadata/namespace"));
        let object = ObjRef::new(kind, place, text(&body, "/metadata/name"));
        Self { act, object, body }
    }

    /// What is sent at a time in RFC 3339.
    pub fn body(&self, now: &str) -> Value {
        let text = self.body.to_string().replace("$NOW", now);
        serde_json::from_str(&text).expect("it was JSON before")
    }
}

/// Server-side apply: members that the one who applies gave before and no longer gives go, the others are laid over.
/// Conditions are a map by type.
pub fn applied(mut old: Value, given_before: &Value, given: Value) -> Value {
    drop_members(&mut old, given_before, &given);
    lay_over(&mut old, given);
    old
}

fn drop_members(old: &mut Value, before: &Value, now: &Value) {
    if let (Value::Array(old), Value::Array(before), Value::Array(now)) = (&mut *old, before, now)
        && is_map(before)
    {
        let named = |items: &[Value], item: &Value| items.iter().any(|other| other["type"] == item["type"]);
        return old.retain(|item| !named(before, item) || named(now, item));
    }
    let (Value::Object(old), Value::Object(before)) = (old, before) else { return };
    for (key, before) in before {
        match (old.get_mut(key), now.get(key)) {
            (Some(old), Some(now)) => drop_members(old, before, now),
            (Some(inner), None) if inner.is_object() && before.is_object() => drop_members(inner, before, &Value::Null),
            (Some(_), None) => drop(old.remove(key)),
            (None, _) => {}
        }
    }
}

fn lay_over(old: &mut Value, given: Value) {
    match (old, given) {
        (Value::Object(old), Value::Object(given)) => {
            for (key, value) in given {
                lay_over(old.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(old), Value::Array(given)) if is_map(&given) => {
            for item in given {
                match old.iter_mut().find(|old| old["type"] == item["type"]) {
                    Some(old) => *old = item,
                    None => old.push(item),
                }
            }
        }
        (old, given) => *old = given,
    }
}

/// Whether a list is one of conditions.
fn is_map(list: &[Value]) -> bool {
    list.iter().all(|item| item["lastTransitionTime"].is_string())
}

/// A merge patch (RFC 7396).
pub fn patched(old: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *old = patch;
        return;
    };
    if !old.is_object() {
        *old = Value::Object(Map::new());
    }
    let members = old.as_object_mut().expect("it was made one");
    for (key, value) in patch {
        if value.is_null() {
            members.remove(&key);
        } else {
            patched(members.entry(key).or_insert(Value::Null), value);
        }
    }
}

//! What manifests change where objects exist already: two runs, with and without them, beside each other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::timeline::Timeline;
use crate::api::{Certificate, CertificateConditionType, Object};
use crate::engine::cluster::{Cluster, Shelf};
use crate::inventory::Objects;
use crate::objref::{Kind, ObjRef};

/// A run that is over.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    pub cluster: &'s Cluster,
    pub timeline: &'s Timeline,
}

/// The differences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Objects that differ at the end, sorted.
    pub changed: Vec<Changed>,
    /// The issuances of the run with the manifests, each Certificate's first, sorted by Certificate.
    pub issued: Vec<Issued>,
    /// Certificates that do not stay as the manifests have them.
    pub undone: Vec<ObjRef>,
}

/// An object that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    pub object: ObjRef,
    pub what: What,
}

/// How it differs.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    New,
    Gone,
    Fields(Vec<Field>),
}

/// A field that differs; absent on one side or the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// An issuance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub certificate: ObjRef,
    pub cause: Cause,
    /// cert-manager's words.
    pub why: String,
    pub at: Timestamp,
}

/// What an issuance comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The Certificate is new.
    New,
    /// The manifests change something.
    Changed,
    /// It would begin without the manifests too.
    Anyway,
}

/// An object as far as it is compared: by path, the values of its leaves.
pub type Leaves = BTreeMap<String, Value>;

/// The objects that people write, flat.
pub fn flat(cluster: &Cluster) -> BTreeMap<ObjRef, Leaves> {
    let mut all = BTreeMap::new();
    add(&mut all, &cluster.certificates);
    add(&mut all, &cluster.issuers);
    add(&mut all, &cluster.cluster_issuers);
    add(&mut all, &cluster.ingresses);
    add(&mut all, &cluster.gateways);
    add(&mut all, &cluster.listener_sets);
    // What a controller made for an issuance comes and goes.
    all.retain(|object, _| !object.name.starts_with("cm-acme-http-solver-"));
    all
}

/// Compares a run with the manifests to one without. `applied` is how the manifests' objects were when they were applied.
pub fn of(before: &Side<'_>, after: &Side<'_>, applied: &BTreeMap<ObjRef, Leaves>) -> Diff {
    let (old, new) = (flat(before.cluster), flat(after.cluster));
    let mut changed = Vec::new();
    for object in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let what = match (old.get(object), new.get(object)) {
            (None, _) => What::New,
            (_, None) => What::Gone,
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) => What::Fields(fields(old, new)),
        };
        changed.push(Changed { object: object.clone(), what });
    }
    let undone = applied
        .iter()
        .filter(|(object, leaves)| {
            object.kind == Kind::Certificate && new.get(object).is_some_and(|new| new != *leaves)
        })
        .map(|(object, _)| object.clone())
        .collect();
    Diff { changed, issued: issued(before, after, &old), undone }
}

fn issued(before: &Side<'_>, after: &Side<'_>, old: &BTreeMap<ObjRef, Leaves>) -> Vec<Issued> {
    let without = beginnings(before.timeline);
    beginnings(after.timeline)
        .into_iter()
        .map(|(certificate, (at, why))| {
            let cause = match without.get(&certificate) {
                _ if !old.contains_key(&certificate) => Cause::New,
                Some((then, reason)) if *then == at && *reason == why => Cause::Anyway,
                Some(_) | None => Cause::Changed,
            };
            Issued { certificate, cause, why, at }
        })
        .collect()
}

/// When the first issuance of each Certificate begins, and why.
fn beginnings(timeline: &Timeline) -> BTreeMap<ObjRef, (Timestamp, String)> {
    let mut first = BTreeMap::new();
    let begins =
        timeline.entries.iter().filter(|entry| entry.object.kind == Kind::Certificate && entry.begins_issuance());
    for entry in begins {
        first.entry(entry.object.clone()).or_insert_with(|| (entry.at, entry.why.clone()));
    }
    first
}

fn fields(old: &Leaves, new: &Leaves) -> Vec<Field> {
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let differs = |path: &&String| old.get(*path) != new.get(*path);
    let field =
        |path: &String| Field { path: path.clone(), before: old.get(path).cloned(), after: new.get(path).cloned() };
    paths.into_iter().filter(differs).map(field).collect()
}

fn add<T: Object + Serialize>(all: &mut BTreeMap<ObjRef, Leaves>, shelf: &Shelf<T>) {
    for object in shelf.iter() {
        let mut leaves = Leaves::new();
        let meta = object.meta();
        for (group, texts) in [("labels", &meta.labels), ("annotations", &meta.annotations)] {
            for (key, text) in texts.iter().flatten().filter(|(key, _)| !key.ends_with("last-applied-configuration")) {
                leaves.insert(format!("metadata.{group}.{key}"), text.clone().into());
            }
        }
        if let Some(spec) = serde_json::to_value(object).ok().as_ref().and_then(|value| value.get("spec")) {
            flatten(&mut leaves, "spec", spec);
        }
        all.insert(object.objref(), leaves);
    }
}

/// Lists of plain values are one leaf: their order and number are what people look at.
fn flatten(leaves: &mut Leaves, path: &str, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                flatten(leaves, &format!("{path}.{name}"), member);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(leaves, &format!("{path}[{index}]"), item);
            }
        }
        Value::Null => {}
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            leaves.insert(path.to_owned(), value.clone());
        }
    }
}

/// Certificates that say they are ready, and whose Secret is not among what exists: they are played as if it were gone.
pub fn without_secret(existing: &Objects) -> Vec<ObjRef> {
    let secrets: BTreeSet<_> = existing.secrets.iter().map(Object::objref).collect();
    let is_lost = |certificate: &&Certificate| {
        let secret = ObjRef::new(Kind::Secret, certificate.namespace(), &certificate.spec.secret_name);
        certificate.is(CertificateConditionType::Ready) && !secrets.contains(&secret)
    };
    existing.certificates.iter().filter(is_lost).map(Object::objref).collect()
}

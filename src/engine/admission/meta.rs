//! `metadata`, which the API server reads and judges by itself for every kind.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Serialize;
use serde_json::{Map, Value};

use super::names;
use crate::engine::field::{FieldError, Path, Step};

/// The type of a member of `metadata` in Go.
#[derive(Clone, Copy)]
enum Member {
    Text,
    Number,
    Bool,
    Time,
    TextMap,
    Texts,
    Owners,
    Managed,
    /// Any JSON.
    Any,
}

const META: [(&str, Member); 14] = [
    ("name", Member::Text),
    ("generateName", Member::Text),
    ("namespace", Member::Text),
    ("selfLink", Member::Text),
    ("uid", Member::Text),
    ("resourceVersion", Member::Text),
    ("generation", Member::Number),
    ("creationTimestamp", Member::Time),
    ("deletionTimestamp", Member::Time),
    ("deletionGracePeriodSeconds", Member::Number),
    ("labels", Member::TextMap),
    ("annotations", Member::TextMap),
    ("ownerReferences", Member::Owners),
    ("finalizers", Member::Texts),
];

const OWNER: [(&str, Member); 6] = [
    ("apiVersion", Member::Text),
    ("kind", Member::Text),
    ("name", Member::Text),
    ("uid", Member::Text),
    ("controller", Member::Bool),
    ("blockOwnerDeletion", Member::Bool),
];

const MANAGED: [(&str, Member); 7] = [
    ("manager", Member::Text),
    ("operation", Member::Text),
    ("apiVersion", Member::Text),
    ("time", Member::Time),
    ("fieldsType", Member::Text),
    ("fieldsV1", Member::Any),
    ("subresource", Member::Text),
];

/// Drops what `metadata` does not know and gives the path of each; or says, in Go's words, why it cannot be read.
pub fn read(metadata: &mut Value) -> Result<Vec<Path>, String> {
    let mut reading = Reading { at: Path::new("metadata"), unknown: Vec::new() };
    match metadata {
        Value::Null => {}
        Value::Object(members) => reading.members(members, &META, "ObjectMeta", "")?,
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return Err(format!("json: cannot unmarshal {} into Go value of type v1.ObjectMeta", go_type(other)));
        }
    }
    reading.unknown.sort_by_cached_key(Path::to_string);
    Ok(reading.unknown)
}

struct Reading {
    at: Path,
    unknown: Vec<Path>,
}

impl Reading {
    /// `place` is the Go name of the struct, `prefix` the way to it within the outermost one.
    fn members(
        &mut self,
        members: &mut Map<String, Value>,
        known: &[(&str, Member)],
        place: &str,
        prefix: &str,
    ) -> Result<(), String> {
        let is_known = |name: &str| {
            known.iter().any(|(known, _)| *known == name) || (place == "ObjectMeta" && name == "managedFields")
        };
        for name in members.keys().filter(|name| !is_known(name)) {
            self.unknown.push(self.at.child(name.clone()));
        }
        members.retain(|name, value| is_known(name) && !value.is_null());
        let managed = [("managedFields", Member::Managed)];
        let managed = managed.iter().filter(|_| place == "ObjectMeta");
        for (name, member) in known.iter().chain(managed) {
            let Some(value) = members.get_mut(*name) else { continue };
            self.at.push(Step::Field((*name).to_owned().into()));
            self.member(value, *member, place, &format!("{prefix}{name}"))?;
            self.at.pop();
        }
        Ok(())
    }

    fn member(&mut self, value: &mut Value, member: Member, place: &str, way: &str) -> Result<(), String> {
        let mismatch = |value: &Value, wanted: &str| {
            let given = go_type(value);
            format!("json: cannot unmarshal {given} into Go struct field {place}.{way} of type {wanted}")
        };
        match (member, value) {
            (Member::Text, Value::String(_))
            | (Member::Number, Value::Number(_))
            | (Member::Bool, Value::Bool(_))
            | (Member::Any, _) => Ok(()),
            (Member::Time, Value::String(text)) => time(text),
            (Member::TextMap, Value::Object(members)) => match members.values().find(|value| !is_text(value)) {
                Some(other) => Err(mismatch(other, "string")),
                None => Ok(()),
            },
            (Member::Texts, Value::Array(items)) => match items.iter().find(|value| !is_text(value)) {
                Some(other) => Err(mismatch(other, "string")),
                None => Ok(()),
            },
            (Member::Owners, Value::Array(items)) => self.items(items, &OWNER, "OwnerReference", place, way),
            (Member::Managed, Value::Array(items)) => self.items(items, &MANAGED, "ManagedFieldsEntry", place, way),
            (member, other) => Err(mismatch(other, member.go_name())),
        }
    }

    fn items(
        &mut self,
        items: &mut [Value],
        known: &[(&str, Member)],
        item_place: &str,
        place: &str,
        way: &str,
    ) -> Result<(), String> {
        for (index, item) in items.iter_mut().enumerate() {
            let Value::Object(members) = item else {
                let given = go_type(item);
                return Err(format!(
                    "json: cannot unmarshal {given} into Go struct field {place}.{way} of type v1.{item_place}"
                ));
            };
            self.at.push(Step::Index(index));
            self.members(members, known, item_place, &format!("{way}."))?;
            self.at.pop();
        }
        Ok(())
    }
}

impl Member {
    const fn go_name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "int64",
            Self::Bool => "bool",
            Self::Time => "v1.Time",
            Self::TextMap => "map[string]string",
            Self::Texts => "[]string",
            Self::Owners => "[]v1.OwnerReference",
            Self::Managed => "[]v1.ManagedFieldsEntry",
            Self::Any => "v1.FieldsV1",
        }
    }
}

/// A text, or nothing, which Go reads as the empty text.
fn is_text(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

/// Go's word for the JSON type of a value.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Go says at which character the text stops being a time; here it is always the first.
fn time(text: &str) -> Result<(), String> {
    let read = text.parse::<Timestamp>();
    read.map(|_| ()).map_err(|_| {
        format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\"")
    })
}

/// The errors of the metadata of a new object.
pub fn on_create(meta: &ObjectMeta, is_namespaced: bool) -> Vec<FieldError> {
    let at = Path::new("metadata");
    let mut errors = Vec::new();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (name, namespace) = (text(&meta.name), text(&meta.namespace));
    let each = |member: &'static str, value: &str, unfit: Vec<String>| {
        let at = at.child(member);
        unfit.into_iter().map(move |error| FieldError::invalid(at.clone(), value, error)).collect::<Vec<_>>()
    };
    if let Some(generate) = meta.generate_name.as_ref().filter(|generate| !generate.is_empty()) {
        errors.extend(each("generateName", generate, names::subdomain(&masked(generate))));
    }
    if name.is_empty() {
        errors.push(FieldError::required(at.child("name"), "name or generateName is required"));
    } else {
        errors.extend(each("name", &name, names::subdomain(&name)));
    }
    match (is_namespaced, namespace.is_empty()) {
        (true, true) => errors.push(FieldError::required(at.child("namespace"), "")),
        (true, false) => errors.extend(each("namespace", &namespace, names::dns_label(&namespace))),
        (false, false) => errors.push(FieldError::forbidden(at.child("namespace"), "not allowed on this type")),
        (false, true) => {}
    }
    errors.extend(always(meta, &at));
    errors
}

/// The errors of the metadata of an object that is there already; `old` is how it was.
pub fn on_update(meta: &ObjectMeta, old: &ObjectMeta) -> Vec<FieldError> {
    let at = Path::new("metadata");
    let mut errors = Vec::new();
    let fixed =
        [("name", &meta.name, &old.name), ("namespace", &meta.namespace, &old.namespace), ("uid", &meta.uid, &old.uid)];
    for (member, new, old) in fixed {
        let new = new.as_deref().unwrap_or_default();
        if new != old.as_deref().unwrap_or_default() {
            errors.push(FieldError::invalid(at.child(member), new, "field is immutable"));
        }
    }
    errors.extend(always(meta, &at));
    errors
}

/// What holds of new and of changed objects.
fn always(meta: &ObjectMeta, at: &Path) -> Vec<FieldError> {
    let empty = BTreeMap::new();
    let mut errors = names::labels(meta.labels.as_ref().unwrap_or(&empty), &at.child("labels"));
    errors.extend(names::annotations(meta.annotations.as_ref().unwrap_or(&empty), &at.child("annotations")));
    errors.extend(owners(meta.owner_references.as_deref().unwrap_or_default(), &at.child("ownerReferences")));
    errors.extend(names::finalizers(meta.finalizers.as_deref().unwrap_or_default(), &at.child("finalizers")));
    errors
}

fn owners(owners: &[OwnerReference], at: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut controller: Option<String> = None;
    for owner in owners {
        let version = owner.api_version.rsplit('/').next().unwrap_or_default();
        if version.is_empty() {
            errors.push(FieldError::invalid(at.child("apiVersion"), &owner.api_version, "version must not be empty"));
        }
        for (member, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
            if value.is_empty() {
                errors.push(FieldError::invalid(at.child(member), value, "must not be empty"));
            }
        }
        if owner.controller == Some(true) {
            let this = format!("{}/{}", owner.kind, owner.name);
            if let Some(first) = &controller {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                );
                let all: Vec<_> = owners.iter().map(Owner::of).collect();
                errors.push(FieldError::invalid_json(at.clone(), &all, detail));
            } else {
                controller = Some(this);
            }
        }
    }
    errors
}

/// An owner with its members in the order of the Go type.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner<'o> {
    api_version: &'o str,
    kind: &'o str,
    name: &'o str,
    uid: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_owner_deletion: Option<bool>,
}

impl<'o> Owner<'o> {
    fn of(owner: &'o OwnerReference) -> Self {
        let (controller, block_owner_deletion) = (owner.controller, owner.block_owner_deletion);
        let (api_version, kind) = (owner.api_version.as_str(), owner.kind.as_str());
        Self { api_version, kind, name: &owner.name, uid: &owner.uid, controller, block_owner_deletion }
    }
}

/// The prefix of a name to be made: a dash at its end is as good as a letter, since more follows.
fn masked(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        // Kubernetes puts the letter in place of two characters.
        Some(rest) if !rest.is_empty() => {
            rest.chars().rev().skip(1).collect::<Vec<_>>().into_iter().rev().chain(['a']).collect()
        }
        Some(_) | None => prefix.to_owned(),
    }
}

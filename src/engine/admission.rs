//! What stands before the store: what the API server and cert-manager's webhook do to an object before it is kept.
//!
//! Pure: the object goes in as JSON and comes out as it would be stored, or refused in the words of whoever refuses.
//! Behaviour of Kubernetes 1.36 and cert-manager 1.21; `tests/admission` holds the answers of real ones.

mod mail;
mod meta;
pub mod names;
mod refusal;
pub mod schema;

pub mod webhook;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::field::{FieldError, Path};
use crate::objref::Kind;

pub use refusal::Refusal;
pub use webhook::{Change, Judged, Permission};

/// Who asks the API server for something (`k8s.io/api/authentication/v1` `UserInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requester {
    pub username: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Which part of an object an update writes; the API server leaves the other as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but the status.
    Object,
    /// The status, through the subresource.
    Status,
}

/// What becomes of an object with fields that its schema does not know (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are dropped.
    Drop,
    /// The object is refused: what kubectl asks for unless told otherwise.
    Refuse,
}

/// An object that is let in.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// As it is stored.
    pub object: Value,
    /// The fields that were dropped because the schema does not know them.
    pub unknown: Vec<Path>,
    /// What the webhook warns of.
    pub warnings: Vec<&'static str>,
}

/// A new object of one of cert-manager's kinds. Other kinds come back as they are: what the API server makes of them is
/// not known here.
///
/// `object` has the kind's apiVersion and kind, and the namespace that it is made in.
pub fn create(kind: Kind, mut object: Value, unknown: UnknownFields, by: &Requester) -> Result<Admitted, Refusal> {
    let Some(schema) = schema::of(kind) else {
        return Ok(Admitted { object, unknown: Vec::new(), warnings: Vec::new() });
    };
    let unknown = read(kind, &mut object, unknown, schema)?;
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if !kind.is_namespaced() {
        // The API server goes by the address, and takes what the object says away.
        remove_namespace(&mut object);
    }
    webhook::mutate(kind, &mut object, by)?;
    let mut errors = meta::on_create(&metadata(&object), kind.is_namespaced());
    errors.extend(schema::validate(&object, None, schema));
    refuse(kind, &object, errors)?;
    let warnings = webhook::on_create(kind, &object, by)?;
    Ok(Admitted { object, unknown, warnings })
}

/// A changed object of one of cert-manager's kinds; `old` is how it is stored, `object` how it shall be.
pub fn update(
    kind: Kind,
    old: &Value,
    mut object: Value,
    unknown: UnknownFields,
    change: &Change<'_>,
) -> Result<Admitted, Refusal> {
    let Some(schema) = schema::of(kind) else {
        return Ok(Admitted { object, unknown: Vec::new(), warnings: Vec::new() });
    };
    let unknown = read(kind, &mut object, unknown, schema)?;
    match change.part {
        Part::Object => put(&mut object, "status", old.get("status")),
        Part::Status => {
            let status = object.get("status").cloned();
            let metadata = object.get("metadata").cloned();
            object = old.clone();
            put(&mut object, "status", status.as_ref());
            put(&mut object, "metadata", metadata.as_ref());
        }
    }
    let mut errors = meta::on_update(&metadata(&object), &metadata(old));
    match (change.part, object.get("status")) {
        (Part::Object, Some(_) | None) => errors.extend(schema::validate(&object, Some(old), schema)),
        (Part::Status, Some(status)) => errors.extend(schema::validate_status(status, old.get("status"), schema)),
        (Part::Status, None) => {}
    }
    refuse(kind, &object, errors)?;
    let warnings = webhook::on_update(kind, old, &object, change)?;
    Ok(Admitted { object, unknown, warnings })
}

/// Drops what is unknown and fills in defaults.
fn read(
    kind: Kind,
    object: &mut Value,
    unknown: UnknownFields,
    schema: &'static schema::Schema,
) -> Result<Vec<Path>, Refusal> {
    if let Some(members) = object.as_object_mut() {
        members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    }
    let mut paths = match object.get_mut("metadata") {
        Some(metadata) => meta::read(metadata).map_err(|why| Refusal::Unreadable { kind, why })?,
        None => Vec::new(),
    };
    paths.extend(schema::prune(object, schema));
    if unknown == UnknownFields::Refuse && !paths.is_empty() {
        return Err(Refusal::strict(kind, &paths));
    }
    schema::default(object, schema);
    Ok(paths)
}

fn refuse(kind: Kind, object: &Value, errors: Vec<FieldError>) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Refusal::Invalid { kind, name: metadata(object).name.unwrap_or_default(), errors })
}

fn metadata(object: &Value) -> ObjectMeta {
    // What cannot be read was refused before.
    object.get("metadata").and_then(|metadata| ObjectMeta::deserialize(metadata).ok()).unwrap_or_default()
}

fn remove_namespace(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("namespace");
    }
}

fn put(object: &mut Value, member: &str, value: Option<&Value>) {
    let Some(members) = object.as_object_mut() else { return };
    match value {
        Some(value) => {
            members.insert(member.to_owned(), value.clone());
        }
        None => {
            members.remove(member);
        }
    }
}

//! Manifests through the engine's front door: what the API server and the webhook let in, and what they say.
//!
//! [`admit`] is the whole of it: texts are read into [`Manifests`], and come out as objects, pruned and with defaults, and
//! as notes, each with its file, line and column. A note that [is a refusal](Said::is_refusal) says, in the words of whoever
//! refused, why an object did not get in; the others tell of fields that were dropped, warnings, and kinds not known here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine as _};
use serde::Serialize;
use serde_json::{Map, Value};

use super::note::{Note, Said};
use super::{Manifest, Manifests, Place};
use crate::api::{CertificateRequest, version};
use crate::engine::admission::{self, Change, Part, Permission, Refusal, Requester, UnknownFields};
use crate::engine::field::{Path, Step};
use crate::inventory::Objects;
use crate::objref::{Kind, ObjRef};

/// Who applies manifests, and how.
#[derive(Clone, Debug)]
pub struct Applying {
    /// The namespace of what names none.
    pub namespace: String,
    pub unknown: UnknownFields,
    pub by: Requester,
}

/// What is let in, in the order of the manifests.
#[derive(Debug, Default)]
pub struct LetIn {
    pub objects: Objects,
    /// Objects of kinds that are not known here.
    pub carried: Vec<Manifest>,
    pub notes: Vec<Note>,
}

impl LetIn {
    /// What did not get in.
    pub fn refusals(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| note.said.is_refusal())
    }
}

/// Applies manifests in their order to a cluster that holds `stored`, each object as it is kept there. What reading them
/// gave rise to say is said first.
pub fn admit(manifests: Manifests, stored: impl IntoIterator<Item = (ObjRef, Value)>, applying: Applying) -> LetIn {
    let mut door = Door::new(applying);
    for (object, value) in stored {
        door.stored(object, value);
    }
    for manifest in &manifests.objects {
        door.apply(manifest);
    }
    let LetIn { objects, carried, notes } = door.finish();
    LetIn { objects, carried, notes: manifests.notes.into_iter().chain(notes).collect() }
}

/// Applies manifests one by one. Objects that are there already are changed, as `kubectl apply` does.
#[derive(Debug)]
struct Door {
    applying: Applying,
    /// What there is, as it is stored; `None` behind what stood there before.
    objects: Vec<Stored>,
    places: HashMap<ObjRef, usize>,
    carried: Vec<Manifest>,
    foreign: Vec<Manifest>,
    notes: Vec<Note>,
}

#[derive(Debug)]
struct Stored {
    api_version: String,
    kind: String,
    value: Value,
    /// Whether a manifest put it there.
    is_applied: bool,
}

impl Door {
    /// A door to an empty cluster.
    fn new(applying: Applying) -> Self {
        Self {
            applying,
            objects: Vec::new(),
            places: HashMap::new(),
            carried: Vec::new(),
            foreign: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says that an object is there already, as it is stored.
    fn stored(&mut self, object: ObjRef, value: Value) {
        let kind = object.kind;
        let stored = Stored { api_version: kind.api_version(), kind: kind.word().to_owned(), value, is_applied: false };
        self.put(object, stored);
    }

    /// Applies one manifest.
    fn apply(&mut self, manifest: &Manifest) {
        let Some(object) = manifest.objref(&self.applying.namespace) else { return self.unknown(manifest) };
        let mut value = manifest.value.clone();
        place(&mut value, object.namespace.as_deref());
        let before = self.places.get(&object).map(|at| &self.objects[*at]);
        if before.is_some_and(|before| before.is_applied) {
            self.say(manifest, &Path::root(), Said::Again);
        }
        let before = self.places.get(&object).map(|at| self.objects[*at].value.clone());
        let outcome = if object.kind.is_cert_managers() {
            self.admitted(object.kind, before.as_ref(), value)
        } else {
            whole(manifest, value, self.applying.unknown)
        };
        match outcome {
            Ok(Outcome { value, unknown, warnings }) => {
                for path in unknown {
                    self.say(manifest, &path.clone(), Said::UnknownField { path });
                }
                for warning in warnings {
                    self.say(manifest, &Path::root(), Said::Warning(warning));
                }
                let (api_version, kind) = (manifest.api_version.clone(), manifest.kind_word.clone());
                self.put(object, Stored { api_version, kind, value, is_applied: true });
            }
            Err(said) => {
                let path = if let Said::Refused(refusal) = &said { first_place(refusal) } else { Path::root() };
                self.say(manifest, &path, said);
            }
        }
    }

    /// What was let in by manifests, and what was said.
    fn finish(mut self) -> LetIn {
        let mut objects = Objects::default();
        for stored in self.objects.into_iter().filter(|stored| stored.is_applied) {
            // Whatever could not be read was refused at the door.
            let _ = objects.take(&stored.api_version, &stored.kind, &stored.value.to_string());
        }
        for manifest in std::mem::take(&mut self.foreign) {
            let taken = objects.take(&manifest.api_version, &manifest.kind_word, &manifest.value.to_string());
            if taken.is_err() {
                self.notes.push(note(&manifest, &Path::root(), unfit()));
            }
        }
        LetIn { objects, carried: self.carried, notes: self.notes }
    }

    fn admitted(&self, kind: Kind, before: Option<&Value>, value: Value) -> Result<Outcome, Said> {
        let Applying { unknown, by, .. } = &self.applying;
        let admitted = match before {
            None => admission::create(kind, value, *unknown, by),
            Some(before) => {
                let permission = |_: &CertificateRequest| Permission::Granted;
                let change = Change { part: Part::Object, by, permission: &permission };
                admission::update(kind, before, applied(before, value), *unknown, &change)
            }
        };
        let admitted = admitted.map_err(|refusal| Said::Refused(Box::new(refusal)))?;
        Ok(Outcome { value: admitted.object, unknown: admitted.unknown, warnings: admitted.warnings })
    }

    /// An object of a kind that is not known in this version.
    fn unknown(&mut self, manifest: &Manifest) {
        let (api_version, kind) = (manifest.api_version.clone(), manifest.kind_word.clone());
        if let Some(why) = version::not_served(&api_version, &kind) {
            return self.say(manifest, &Path::new("apiVersion"), Said::NotServed { api_version, kind, why });
        }
        if kind.ends_with("Issuer") {
            return self.foreign.push(manifest.clone());
        }
        self.say(manifest, &Path::root(), Said::UnknownKind { api_version, kind });
        self.carried.push(manifest.clone());
    }

    fn put(&mut self, object: ObjRef, stored: Stored) {
        match self.places.entry(object) {
            Entry::Occupied(at) => self.objects[*at.get()] = stored,
            Entry::Vacant(free) => {
                free.insert(self.objects.len());
                self.objects.push(stored);
            }
        }
    }

    fn say(&mut self, manifest: &Manifest, path: &Path, said: Said) {
        self.notes.push(note(manifest, path, said));
    }
}

struct Outcome {
    value: Value,
    unknown: Vec<Path>,
    warnings: Vec<&'static str>,
}

fn note(manifest: &Manifest, path: &Path, said: Said) -> Note {
    let place: Place = manifest.place_of(path);
    Note { place, object: Some(format!("{} {}", manifest.kind_word, manifest.name)), said }
}

/// Where the first error is that is about a field.
fn first_place(refusal: &Refusal) -> Path {
    let mut fields = refusal.errors().iter().map(|error| &error.path).filter(|path| !path.steps().is_empty());
    fields.next().cloned().unwrap_or_default()
}

/// Puts an object into its namespace; one of a kind without namespaces keeps what it says, and is refused for it.
fn place(value: &mut Value, namespace: Option<&str>) {
    let metadata = value.get_mut("metadata").and_then(Value::as_object_mut);
    if let (Some(metadata), Some(namespace)) = (metadata, namespace) {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

/// The stored object as it shall be: the manifest, with what the API server keeps of the metadata. Labels, annotations,
/// finalizers and owners that others set stay.
fn applied(before: &Value, mut value: Value) -> Value {
    let old = before.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let new = value.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut merged = old.clone();
    for (member, given) in new {
        let given = match (old.get(&member).and_then(Value::as_object), given) {
            (Some(kept), Value::Object(more)) => {
                let both: Map<String, Value> = kept.clone().into_iter().chain(more).collect();
                Value::Object(both)
            }
            (_, given) => given,
        };
        merged.insert(member, given);
    }
    if let Some(members) = value.as_object_mut() {
        members.insert("metadata".to_owned(), Value::Object(merged));
    }
    value
}

/// An object of a kind of Kubernetes' own or of the Gateway API: unknown fields are told where all fields are known, and
/// it must fit its type.
fn whole(manifest: &Manifest, mut value: Value, unknown: UnknownFields) -> Result<Outcome, Said> {
    let mut objects = Objects::default();
    objects.take(&manifest.api_version, &manifest.kind_word, &value.to_string()).map_err(|_| unfit())?;
    let mut paths = known(&objects, &value).map(|known| lost(&value, &known, &Path::root())).unwrap_or_default();
    if manifest.kind == Some(Kind::Secret) {
        base64(&value)?;
        typed(&mut value);
    }
    // apiVersion and kind are no members of the types.
    paths.retain(|path| !is_head(path));
    paths.sort_by_cached_key(Path::to_string);
    match (unknown, manifest.kind) {
        (UnknownFields::Refuse, Some(kind)) if !paths.is_empty() => {
            Err(Said::Refused(Box::new(Refusal::strict(kind, &paths))))
        }
        (UnknownFields::Refuse | UnknownFields::Drop, Some(_) | None) => {
            Ok(Outcome { value, unknown: paths, warnings: Vec::new() })
        }
    }
}

/// What is said of an object that does not fit its type. The reader's words would quote a value, and it may be a Secret's.
fn unfit() -> Said {
    Said::Unfit { why: "a field does not have the type that this kind wants".to_owned() }
}

/// A Secret without a type is an opaque one.
fn typed(secret: &mut Value) {
    if let Some(members) = secret.as_object_mut()
        && members.get("type").is_none_or(|type_| type_.is_null() || type_ == "")
    {
        members.insert("type".to_owned(), "Opaque".into());
    }
}

/// A Secret's data must be base64; Go says where it is not.
fn base64(secret: &Value) -> Result<(), Said> {
    let data = secret.get("data").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let wrong = data.filter_map(Value::as_str).find_map(|text| match STANDARD.decode(text) {
        Ok(_) => None,
        Err(DecodeError::InvalidByte(at, _)) => Some(at),
        Err(_) => Some(text.len()),
    });
    wrong.map_or(Ok(()), |at| Err(Said::Unfit { why: format!("illegal base64 data at input byte {at}") }))
}

fn is_head(path: &Path) -> bool {
    matches!(path.steps(), [Step::Field(name)] if name == "apiVersion" || name == "kind")
}

/// An object as its type keeps it; `None` for those of which only what bears on certificates is read, and those of
/// cert-manager, which go by their schema.
fn known(objects: &Objects, given: &Value) -> Option<Value> {
    fn first<T: Serialize>(objects: &[T]) -> Option<Value> {
        serde_json::to_value(objects.first()?).ok()
    }
    first(&objects.events)
        .or_else(|| first(&objects.pods))
        .or_else(|| first(&objects.services))
        .or_else(|| first(&objects.ingresses))
        .or_else(|| first(&objects.ingress_classes))
        .or_else(|| first(&objects.deployments))
        .or_else(|| first(&objects.leases))
        .or_else(|| first(&objects.endpoint_slices))
        .or_else(|| {
            // Our type of a Secret lays `stringData` over `data`.
            let mut known: Map<String, Value> = ["type", "immutable", "data", "stringData"]
                .into_iter()
                .filter_map(|member| Some((member.to_owned(), given.get(member)?.clone())))
                .collect();
            known.insert("metadata".to_owned(), serde_json::to_value(&objects.secrets.first()?.metadata).ok()?);
            Some(known.into())
        })
}

/// The members that were given and that the type does not keep. It keeps no `null` either, which is no word of a field.
fn lost(given: &Value, kept: &Value, at: &Path) -> Vec<Path> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            let below = |(name, given): (&String, &Value)| match kept.get(name) {
                Some(kept) => lost(given, kept, &at.child(name.clone())),
                None if given.is_null() => Vec::new(),
                None => vec![at.child(name.clone())],
            };
            given.iter().flat_map(below).collect()
        }
        (Value::Array(given), Value::Array(kept)) => {
            let pairs = given.iter().zip(kept).enumerate();
            pairs.flat_map(|(index, (given, kept))| lost(given, kept, &at.index(index))).collect()
        }
        (
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
            _,
        ) => Vec::new(),
    }
}

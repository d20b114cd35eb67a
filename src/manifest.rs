//! Manifests as they would be applied: text in, objects and what is to be said about them out.
//!
//! Pure; who reads files is `source::manifests`. What an object would be refused for is not known here: [`admit`] asks
//! the engine's front door.

pub mod admit;
mod json;
mod note;
mod place;
mod scalar;
mod yaml;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::engine::field::Path;
use crate::objref::{Kind, ObjRef};

pub use note::{Note, Said};
pub use place::{Place, Position};
pub use yaml::Fault;

/// An object of a manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub api_version: String,
    /// The word of the manifest, whether the kind is known or not.
    pub kind_word: String,
    /// The kind, if this program knows it in this version.
    pub kind: Option<Kind>,
    /// `metadata.namespace`, if it is given.
    pub namespace: Option<String>,
    pub name: String,
    /// The object as it is written.
    pub value: Value,
    origin: Arc<Origin>,
    /// The way to it, if it is an item of a list.
    within: Path,
}

/// The document that a manifest is from.
#[derive(Debug)]
struct Origin {
    file: Arc<str>,
    text: Arc<str>,
    document: usize,
    start: Position,
    range: Range<usize>,
    /// Where `range` begins.
    begin: Position,
    /// How many bytes were gone through so far to find places.
    looked: AtomicUsize,
}

/// How many bytes of a document are gone through to find places: what comes then stands where the document begins.
const LOOKED: usize = 8 << 20;

impl Manifest {
    /// Where it begins.
    pub fn place(&self) -> Place {
        self.place_of(&Path::root())
    }

    /// Where a field of it stands, or what is there on the way to it.
    pub fn place_of(&self, path: &Path) -> Place {
        self.origin.place(&self.within.join(path))
    }

    /// A reference to it, if its kind is known. `default` is the namespace of what names none.
    pub fn objref(&self, default: &str) -> Option<ObjRef> {
        let namespace = self.namespace.as_deref().unwrap_or(default);
        Some(ObjRef::new(self.kind?, Some(namespace), &self.name))
    }
}

impl Origin {
    /// Positions are looked for when they are asked for: most never are.
    fn place(&self, path: &Path) -> Place {
        let text = &self.text[self.range.clone()];
        let is_worth_it = !path.steps().is_empty() && self.looked.fetch_add(text.len(), Ordering::Relaxed) < LOOKED;
        let found = if is_worth_it { yaml::locate(text, path) } else { None };
        let at = found.map_or(self.start, |at| at.behind(self.begin));
        Place { file: Arc::clone(&self.file), document: self.document, at }
    }
}

/// What texts hold.
#[derive(Debug, Default)]
pub struct Manifests {
    /// In the order of the texts.
    pub objects: Vec<Manifest>,
    pub notes: Vec<Note>,
}

/// How deep lists may stand in lists.
const NESTED: usize = 8;

impl Manifests {
    /// Adds the objects of one file. YAML or JSON, by how it begins.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Fault> {
        let documents = match json::begins(text).then(|| json::documents(text)) {
            Some(Ok(documents)) => documents,
            // `{a: b}` is YAML in flow style.
            Some(Err(fault)) => yaml::documents(text).map_err(|_| fault)?,
            None => yaml::documents(text)?,
        };
        let (file, text): (Arc<str>, Arc<str>) = (file.into(), text.into());
        for (index, parsed) in documents.into_iter().enumerate() {
            let origin = Arc::new(Origin {
                file: Arc::clone(&file),
                text: Arc::clone(&text),
                document: index + 1,
                start: parsed.start,
                range: parsed.range,
                begin: parsed.begin,
                looked: AtomicUsize::new(0),
            });
            for (path, at) in parsed.repeated {
                let place = Place { file: Arc::clone(&file), document: index + 1, at };
                self.notes.push(Note { place, object: None, said: Said::RepeatedKey { path } });
            }
            self.take(parsed.value, &origin, &Path::root(), None, NESTED);
        }
        Ok(())
    }

    /// Takes an object or the items of a list; `implied` is the apiVersion and kind of the items of a typed list.
    fn take(
        &mut self,
        value: Value,
        origin: &Arc<Origin>,
        within: &Path,
        implied: Option<(&str, &str)>,
        nested: usize,
    ) {
        let say = |said, path: &[&'static str]| Note { place: origin.place(&within.below(path)), object: None, said };
        if !value.is_object() {
            return self.notes.push(say(Said::NoObject, &[]));
        }
        let head = Head::of(&value);
        let (api_version, kind) = match (head.api_version, head.kind, implied) {
            (Member::Absent, Member::Absent, Some((api_version, kind))) => {
                (Cow::Borrowed(api_version), Cow::Borrowed(kind))
            }
            (Member::Text(api_version), Member::Text(kind), _) => (Cow::Borrowed(api_version), Cow::Borrowed(kind)),
            (Member::Absent, _, _) => return self.notes.push(say(Said::Unset("apiVersion"), &[])),
            (Member::Other, _, _) => return self.notes.push(say(Said::NoText("apiVersion"), &["apiVersion"])),
            (Member::Text(_), Member::Absent, _) => return self.notes.push(say(Said::Unset("kind"), &[])),
            (Member::Text(_), Member::Other, _) => return self.notes.push(say(Said::NoText("kind"), &["kind"])),
        };
        if let Some(item_kind) = kind.strip_suffix("List")
            && let Some(items) = value.get("items")
        {
            let (Value::Array(items), Some(deeper)) = (items, nested.checked_sub(1)) else {
                return self.notes.push(say(Said::NoObject, &["items"]));
            };
            let implied = (!item_kind.is_empty()).then_some((&*api_version, item_kind));
            for (index, item) in items.iter().enumerate() {
                self.take(item.clone(), origin, &within.child("items").index(index), implied, deeper);
            }
            return;
        }
        match head.name {
            Member::Text(name) => {
                let known = Kind::from_api(&api_version, &kind).filter(|known| known.api_version() == api_version);
                let manifest = Manifest {
                    namespace: head.namespace.map(str::to_owned),
                    name: name.to_owned(),
                    api_version: api_version.into_owned(),
                    kind_word: kind.into_owned(),
                    kind: known,
                    value: with_head(value, implied),
                    origin: Arc::clone(origin),
                    within: within.clone(),
                };
                self.objects.push(manifest);
            }
            Member::Other => self.notes.push(say(Said::NoText("metadata.name"), &["metadata", "name"])),
            Member::Absent => {
                let said = match head.generate_name {
                    Some(prefix) => Said::GeneratedName(prefix.to_owned()),
                    None => Said::NoName,
                };
                self.notes.push(say(said, &["metadata", "generateName"]));
            }
        }
    }
}

/// The object with the apiVersion and kind that its list gives it.
fn with_head(mut value: Value, implied: Option<(&str, &str)>) -> Value {
    if let (Value::Object(members), Some((api_version, kind))) = (&mut value, implied) {
        members.entry("apiVersion").or_insert_with(|| api_version.into());
        members.entry("kind").or_insert_with(|| kind.into());
    }
    value
}

/// What says what an object is.
struct Head<'v> {
    api_version: Member<'v>,
    kind: Member<'v>,
    name: Member<'v>,
    namespace: Option<&'v str>,
    generate_name: Option<&'v str>,
}

enum Member<'v> {
    /// Not there, `null` or empty.
    Absent,
    Text(&'v str),
    Other,
}

impl<'v> Head<'v> {
    fn of(value: &'v Value) -> Self {
        let member = |path: &[&'static str]| {
            let found = path.iter().try_fold(value, |value, name| value.get(name));
            match found {
                None | Some(Value::Null) => Member::Absent,
                Some(Value::String(text)) if text.is_empty() => Member::Absent,
                Some(Value::String(text)) => Member::Text(text),
                Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Member::Other,
            }
        };
        let text = |path: &[&'static str]| if let Member::Text(text) = member(path) { Some(text) } else { None };
        Self {
            api_version: member(&["apiVersion"]),
            kind: member(&["kind"]),
            name: member(&["metadata", "name"]),
            namespace: text(&["metadata", "namespace"]),
            generate_name: text(&["metadata", "generateName"]),
        }
    }
}

#[cfg(test)]
mod tests;

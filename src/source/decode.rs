//! One saved or served object into the inventory's types.
//!
//! Tolerant: unknown kinds are passed over, unknown fields ignored. An object that does not fit its own type is
//! told by name and left out; the others stay. What is told holds no value of the document: it may be a Secret's.

mod times;

mod head;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use self::head::{Head, Items};
use crate::api::json;
use crate::api::version::not_served;
use crate::inventory::Objects;

/// The part of an object that names it. Read by itself, so that a wrong name does not hide what the object is.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Debug, Default, Deserialize)]
struct HeadMeta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    namespace: Option<String>,
}

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `Certificate shop/web`.
    pub object: String,
    /// What does not fit.
    pub why: String,
}

/// How the reading went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Kubernetes objects and lists of them, of whatever kind.
    pub seen: usize,
    /// Objects that do not fit their type.
    pub unreadable: Vec<Unreadable>,
    /// Objects of cert-manager's in other versions than v1, by apiVersion and kind.
    pub other_versions: BTreeMap<(String, String), usize>,
}

impl Taken {
    /// Adds what another reading found.
    pub fn add(&mut self, more: Self) {
        self.seen += more.seen;
        self.unreadable.extend(more.unreadable);
        for (what, count) in more.other_versions {
            *self.other_versions.entry(what).or_default() += count;
        }
    }

    /// A sentence for each version that is not read.
    pub fn version_words(&self) -> impl Iterator<Item = String> {
        self.other_versions.iter().map(|((api_version, kind), count)| {
            let plural = if *count == 1 { "" } else { "s" };
            let (verb, why) =
                (if *count == 1 { "is" } else { "are" }, not_served(api_version, kind).unwrap_or_default());
            format!("{count} {kind}{plural} of {api_version} {verb} not read: {why}")
        })
    }
}

/// Takes one JSON value: an object, a `List`, or an array of objects. Returns what was seen and what could not be read.
pub fn take(objects: &mut Objects, json: &str) -> Taken {
    let mut taken = Taken::default();
    take_value(objects, json, None, NESTED, &mut taken);
    taken
}

/// How deep lists may stand in lists. Saved ones stand in none or one; each level is read once more, and is a level of
/// the stack.
const NESTED: usize = 8;

/// `implied` is the apiVersion and kind of the items of a typed list, which may leave them out.
fn take_value(objects: &mut Objects, json: &str, implied: Option<(&str, &str)>, nested: usize, taken: &mut Taken) {
    let Some(deeper) = nested.checked_sub(1) else {
        let why = format!("it stands in more than {NESTED} lists");
        return taken.unreadable.push(Unreadable { object: "an object".to_owned(), why });
    };
    if json.trim_start().starts_with('[') {
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
            for item in items {
                take_value(objects, item.get(), None, deeper, taken);
            }
        }
        return;
    }
    let Some(head) = Head::read(json) else { return };
    let (api_version, kind) = match (&head.api_version, &head.kind, implied) {
        (Some(api_version), Some(kind), _) => (&**api_version, &**kind),
        (_, _, Some(implied)) => implied,
        (Some(_) | None, Some(_) | None, None) => return,
    };
    taken.seen += 1;
    if let Some(item_kind) = kind.strip_suffix("List") {
        let implied = (!item_kind.is_empty()).then_some((api_version, item_kind));
        match head.items {
            Items::None => {}
            Items::List(items) => {
                for item in items {
                    take_value(objects, item.get(), implied, deeper, taken);
                }
            }
            Items::Other => {
                taken.unreadable.push(Unreadable { object: format!("a {kind}"), why: "its items are no list".into() });
            }
        }
        return;
    }
    if not_served(api_version, kind).is_some() {
        *taken.other_versions.entry((api_version.to_owned(), kind.to_owned())).or_default() += 1;
        return;
    }
    if let Err(error) = take_object(objects, api_version, kind, json) {
        let meta = serde_json::from_str::<Named>(json).and_then(|named| serde_json::from_str(named.metadata.get()));
        let HeadMeta { name, namespace } = meta.unwrap_or_default();
        let name = [namespace, name].into_iter().flatten().collect::<Vec<_>>().join("/");
        let object = if name.is_empty() { format!("a {kind}") } else { format!("{kind} {name}") };
        taken.unreadable.push(Unreadable { object, why: why(&error) });
    }
}

/// What is wrong and where. The error's own words are left out: they quote the value.
fn why(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "a field does not have the type that this kind wants",
        Category::Syntax | Category::Eof | Category::Io => "it is no JSON",
    };
    format!("{what} (line {}, column {} of the object as JSON)", error.line(), error.column())
}

/// Reads one object of a known type. A time out of range, which would make the whole of it unreadable, becomes the
/// nearest in range.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    json::read(json).or_else(|error| {
        // The first error says where; one of a changed text could not.
        in_range(json).and_then(|value| json::of_value(&value).ok()).ok_or(error)
    })
}

/// The object with its times brought into range, if any is out of it.
fn in_range(json: &str) -> Option<Value> {
    let mut value = serde_json::from_str(json).ok()?;
    (times::bring_into_range(&mut value) > 0).then_some(value)
}

fn take_object(objects: &mut Objects, api_version: &str, kind: &str, json: &str) -> Result<(), serde_json::Error> {
    objects.take(api_version, kind, json).map(drop).or_else(|error| {
        let value = in_range(json).ok_or(error)?;
        // The first error says where; one of a changed text could not.
        objects.take(api_version, kind, &value.to_string()).map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str =
        r#"{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"a"},"spec":{}}"#;

    fn in_lists(depth: usize, open: &str, close: &str) -> (usize, Vec<Unreadable>) {
        let mut objects = Objects::default();
        let taken = take(&mut objects, &format!("{}{ISSUER}{}", open.repeat(depth), close.repeat(depth)));
        (objects.cluster_issuers.len(), taken.unreadable)
    }

    #[test]
    fn what_is_told_of_an_unreadable_object_holds_no_value_of_it() {
        for wrong in [
            r#""data":"MARKER""#,
            r#""data":["MARKER"]"#,
            r#""data":{"tls.key":["MARKER"]}"#,
            r#""data":{"tls.key":{"MARKER":"MARKER"}}"#,
            r#""stringData":"MARKER""#,
            r#""stringData":{"a":{"MARKER":1}}"#,
            r#""type":["MARKER"]"#,
            r#""type":{"MARKER":1}"#,
            r#""immutable":"MARKER""#,
            r#""metadata":{"name":"web","labels":"MARKER"}"#,
            r#""metadata":{"name":"web","creationTimestamp":"MARKER"}"#,
            r#""metadata":"MARKER""#,
        ] {
            let mut objects = Objects::default();
            let json = format!(r#"{{"apiVersion":"v1","kind":"Secret",{wrong}}}"#);
            let taken = take(&mut objects, &json);
            let [told] = taken.unreadable.as_slice() else { panic!("{wrong}: {taken:?}") };
            assert!(!format!("{told:?}").contains("MARKER"), "{told:?}");
            assert!(told.object.contains("Secret") && told.why.contains("(line 1, column "), "{told:?}");
            assert_eq!(objects.secrets.len(), 0);
        }
    }

    #[test]
    fn other_versions_of_the_chain_are_told_and_not_taken() {
        let mut objects = Objects::default();
        let mut taken = Taken::default();
        for (api_version, kind) in [
            ("cert-manager.io/v1alpha2", "Certificate"),
            ("cert-manager.io/v1beta1", "Issuer"),
            ("cert-manager.io/v1beta1", "Issuer"),
            ("acme.cert-manager.io/v1alpha3", "Order"),
            ("certmanager.k8s.io/v1alpha1", "ClusterIssuer"),
            ("awspca.cert-manager.io/v1beta1", "AWSPCAIssuer"),
            ("cert-manager.io/v1", "Issuer"),
        ] {
            let json = format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"a"}}}}"#);
            taken.add(take(&mut objects, &json));
        }
        assert_eq!(
            taken.version_words().collect::<Vec<_>>(),
            [
                "1 Order of acme.cert-manager.io/v1alpha3 is not read: only v1 is served since 1.6",
                "1 Certificate of cert-manager.io/v1alpha2 is not read: only v1 is served since 1.6",
                "2 Issuers of cert-manager.io/v1beta1 are not read: only v1 is served since 1.6",
                "1 ClusterIssuer of certmanager.k8s.io/v1alpha1 is not read: cert-manager.io took the place of this group in 0.11",
            ]
        );
        assert_eq!((taken.seen, taken.unreadable.len()), (7, 0));
        let read = (objects.certificates.len(), objects.orders.len(), objects.cluster_issuers.len());
        assert_eq!((read, objects.issuers.len(), objects.external_issuers.len()), ((0, 0, 0), 1, 1));
    }

    #[test]
    fn lists_in_lists_are_read() {
        assert_eq!(in_lists(2, r#"{"apiVersion":"v1","kind":"List","items":["#, "]}"), (1, vec![]));
        assert_eq!(in_lists(2, "[", "]"), (1, vec![]));
    }

    #[test]
    fn lists_without_end_are_told_and_cost_no_stack() {
        for (open, close) in [(r#"{"apiVersion":"v1","kind":"List","items":["#, "]}"), ("[", "]")] {
            let (read, unreadable) = in_lists(20_000, open, close);
            assert_eq!((read, unreadable.len()), (0, 1), "{unreadable:?}");
        }
    }
}

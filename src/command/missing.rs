//! What to say of a name that is not there: near names, and where the name does exist.

use super::source::Looked;
use super::{Context, Exit};
use crate::chain::Chain;
use crate::cli::target::DIAGNOSABLE;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::objref::{Kind, ObjRef};
use crate::render::escape;
use crate::report::SourceLine;

/// Tells of every subject that was not seen, on standard error. `Trouble` if there is one.
pub fn report(looked: &Looked, subjects: &[ObjRef], context: &mut Context) -> Exit {
    let mut exit = Exit::Good;
    for object in subjects {
        // A host is no object: that nothing serves it is the answer, and stands there already.
        if object.kind == Kind::Host {
            continue;
        }
        let facts = Facts::new(&looked.inventory, Chain::of(&looked.inventory, object), looked.now);
        let words = match facts.subject() {
            Fact::Seen(()) => continue,
            Fact::Hidden(denial) => format!("error: {object}: {denial}"),
            Fact::Failed(failure) => format!("error: {object}: {failure}"),
            Fact::Absent | Fact::NotLooked(_) => not_found(looked, object),
        };
        context.note(&escape::line(&words));
        exit = Exit::Trouble;
    }
    exit
}

fn not_found(looked: &Looked, object: &ObjRef) -> String {
    let place = match &object.namespace {
        Some(namespace) => format!(" in namespace {namespace}"),
        None => String::new(),
    };
    let words = match &looked.line {
        SourceLine::Cluster { .. } => {
            format!("Error from server (NotFound): {} {:?} not found{place}", object.kind.resource(), object.name)
        }
        SourceLine::Files { .. } => format!("error: the source holds no {} {:?}{place}", object.kind, object.name),
    };
    let known = || known(looked, object);
    let mut elsewhere: Vec<String> = known()
        .filter(|(namespace, name)| *name == object.name && Some(*namespace) != object.namespace.as_deref())
        .map(|(namespace, _)| namespace.to_owned())
        .collect();
    elsewhere.sort();
    elsewhere.dedup();
    if let Some(first) = elsewhere.first() {
        return format!("{words}; it exists in namespace {}: add -n {first}", elsewhere.join(", "));
    }
    let (near, other_kinds) = (near(looked, object), of_other_kinds(looked, object));
    match (near.is_empty(), other_kinds.is_empty()) {
        (true, true) => words,
        (false, true) => format!("{words}; did you mean {}?", near.join(" or ")),
        (true, false) => format!("{words}; there is {}", other_kinds.join(", ")),
        (false, false) => {
            format!("{words}; did you mean {}? There is {}", near.join(" or "), other_kinds.join(", "))
        }
    }
}

/// Namespace and name of every object of the kind that is known to exist.
fn known<'l>(looked: &'l Looked, object: &ObjRef) -> impl Iterator<Item = (&'l str, &'l str)> {
    let kind = object.kind;
    let others = looked.others.iter().filter(move |other| other.kind == kind);
    let others = others.map(|other| (other.namespace.as_deref().unwrap_or_default(), other.name.as_str()));
    looked.inventory.names(kind).chain(others)
}

/// Up to three names that are a few letters away: of the same place, or else of any.
fn near(looked: &Looked, object: &ObjRef) -> Vec<String> {
    let here = object.namespace.as_deref().unwrap_or_default();
    let mut near: Vec<(usize, &str, &str)> = known(looked, object)
        .map(|(namespace, name)| (strsim::damerau_levenshtein(name, &object.name), name, namespace))
        .filter(|(distance, name, _)| *distance <= 2 || name.contains(&object.name) || object.name.contains(name))
        .collect();
    near.sort_unstable();
    near.dedup();
    if near.iter().any(|(_, _, namespace)| *namespace == here) {
        near.retain(|(_, _, namespace)| *namespace == here);
    }
    let say = |(_, name, namespace): (usize, &str, &str)| {
        if namespace == here { name.to_owned() } else { format!("{name} in namespace {namespace}") }
    };
    near.into_iter().take(3).map(say).collect()
}

/// Up to three objects of other kinds with this very name, and how to ask for each; those of the same place come
/// first.
fn of_other_kinds(looked: &Looked, object: &ObjRef) -> Vec<String> {
    let mut found: Vec<ObjRef> = DIAGNOSABLE
        .into_iter()
        .filter(|kind| *kind != object.kind)
        .flat_map(|kind| {
            let namespaces = looked.inventory.namespaces_of(kind, &object.name);
            namespaces.map(move |namespace| ObjRef::new(kind, Some(namespace), &object.name))
        })
        .collect();
    let is_elsewhere = |other: &ObjRef| other.namespace.is_some() && other.namespace != object.namespace;
    found.sort_by_key(is_elsewhere);
    let say = |other: &ObjRef| {
        let article = if other.kind.word().starts_with(['I', 'O']) { "an" } else { "a" };
        let (kind, name) = (other.kind, &other.name);
        let place = match other.namespace.as_deref().filter(|_| is_elsewhere(other)) {
            Some(namespace) => (format!(" in namespace {namespace}"), format!(" -n {namespace}")),
            None => (String::new(), String::new()),
        };
        format!("{article} {kind} {name}{}: {}/{name}{}", place.0, kind.singular(), place.1)
    };
    found.iter().take(3).map(say).collect()
}

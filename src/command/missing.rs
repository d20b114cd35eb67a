//! What to say of a name that is not there: near names, and where the name does exist.

use super::source::Looked;
use super::{Context, Exit};
use crate::chain::Chain;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::objref::ObjRef;
use crate::render::escape;
use crate::report::SourceLine;

/// Tells of every subject that was not seen, on standard error. `Trouble` if there is one.
pub fn report(looked: &Looked, subjects: &[ObjRef], context: &mut Context) -> Exit {
    let mut exit = Exit::Good;
    for object in subjects {
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
    match near(looked, object).as_slice() {
        [] => words,
        near => format!("{words}; did you mean {}?", near.join(" or ")),
    }
}

/// Namespace and name of every object of the kind that is known to exist.
fn known<'l>(looked: &'l Looked, object: &ObjRef) -> impl Iterator<Item = (&'l str, &'l str)> {
    let kind = object.kind;
    let others = looked.others.iter().filter(move |other| other.kind == kind);
    let others = others.map(|other| (other.namespace.as_deref().unwrap_or_default(), other.name.as_str()));
    looked.inventory.names(kind).chain(others)
}

/// Up to three names of the same place that are a few letters away.
fn near(looked: &Looked, object: &ObjRef) -> Vec<String> {
    let here = object.namespace.as_deref().unwrap_or_default();
    let mut near: Vec<(usize, &str)> = known(looked, object)
        .filter(|(namespace, _)| *namespace == here)
        .map(|(_, name)| (strsim::damerau_levenshtein(name, &object.name), name))
        .filter(|(distance, name)| *distance <= 2 || name.contains(&object.name) || object.name.contains(name))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

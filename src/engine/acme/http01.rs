//! The solver of HTTP-01 challenges: a Pod that answers, a Service before it, and an Ingress or HTTPRoute that leads
//! there (`pkg/issuer/acme/http`).

mod ingress;
mod pod;
mod route;
mod service;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::annotation::{SOLVER, SOLVER_DOMAIN, SOLVER_TOKEN};
use crate::api::{Challenge, Object};
use crate::engine::certificates::controller_ref;
use crate::engine::cluster::Kept;
use crate::engine::flags::Flags;
use crate::engine::name::adler32;
use crate::engine::turn::Turn;

/// Where the solver listens.
const PORT: i32 = 8089;

/// Makes what is not there yet. Says what is wrong, several faults as Kubernetes' aggregate prints them.
pub fn present(turn: &mut Turn, challenge: &Challenge) -> Result<(), String> {
    let pod = pod::ensure(turn, challenge);
    let service = match service::ensure(turn, challenge) {
        Ok(service) => service,
        Err(error) => return aggregate([pod, Err(error)]),
    };
    let solver = challenge.spec.solver.http01.as_ref();
    if let Some(config) = solver.and_then(|http01| http01.ingress.as_ref()) {
        let ingress = ingress::ensure(turn, challenge, config, &service);
        return aggregate([pod, ingress]);
    }
    let whom = format!("couldn't Present challenge {}/{}", challenge.namespace().unwrap_or_default(), challenge.name());
    if let Some(config) = solver.and_then(|http01| http01.gateway_http_route.as_ref()) {
        if !turn.flags.shim.gateway_api {
            return Err(format!("{whom}: gateway api is not enabled"));
        }
        let route = route::ensure(turn, challenge, config, &service);
        return aggregate([pod, route]);
    }
    aggregate([pod, Err(format!("{whom}: no Ingress nor Gateway HTTP01 solvers were specified"))])
}

/// Deletes what was made. Routes stay until the Challenge itself goes.
pub fn clean_up(turn: &mut Turn, challenge: &Challenge) {
    pod::clean_up(turn, challenge);
    service::clean_up(turn, challenge);
    ingress::clean_up(turn, challenge);
}

/// The path that the CA asks for (RFC 8555 §8.3).
fn path(challenge: &Challenge) -> String {
    format!("/.well-known/acme-challenge/{}", challenge.spec.token)
}

/// The labels by which a Challenge's solver is found.
fn labels(challenge: &Challenge) -> BTreeMap<String, String> {
    let hash = |text: &str| adler32(text.as_bytes()).to_string();
    BTreeMap::from([
        (SOLVER_DOMAIN.to_owned(), hash(&challenge.spec.dns_name)),
        (SOLVER_TOKEN.to_owned(), hash(&challenge.spec.token)),
        (SOLVER.to_owned(), "true".to_owned()),
    ])
}

/// The same, with the labels of `--acme-http01-solver-extra-labels`, which may not hide the others.
fn labels_with_extra(flags: &Flags, challenge: &Challenge) -> BTreeMap<String, String> {
    let mut all = flags.http01_solver_extra_labels.clone();
    all.extend(labels(challenge));
    all
}

/// The metadata that all solver objects share.
fn metadata(challenge: &Challenge, labels: BTreeMap<String, String>, annotations: &[(&str, &str)]) -> ObjectMeta {
    let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    ObjectMeta {
        generate_name: Some("cm-acme-http-solver-".to_owned()),
        namespace: challenge.metadata.namespace.clone(),
        labels: Some(labels),
        annotations: Some(annotations.collect()).filter(|annotations: &BTreeMap<_, _>| !annotations.is_empty()),
        owner_references: Some(vec![controller_ref(challenge)]),
        ..ObjectMeta::default()
    }
}

/// Whether an object has the labels of a Challenge's solver.
fn has_labels<T: Object>(object: &T, challenge: &Challenge) -> bool {
    labels(challenge).iter().all(|(key, value)| object.label(key) == Some(value.as_str()))
}

/// The solver objects of a kind that the Challenge controls.
fn owned<T: Kept>(turn: &Turn, challenge: &Challenge) -> Vec<T> {
    let all = T::shelf(turn.cluster).owned_by(challenge.uid().unwrap_or_default());
    all.filter(|object| has_labels(*object, challenge)).cloned().collect()
}

fn delete_owned<T: Kept>(turn: &mut Turn, challenge: &Challenge) {
    for object in owned::<T>(turn, challenge) {
        turn.cluster.delete(&object.objref());
    }
}

/// Kubernetes' aggregate of errors: one as it is, several in brackets, each once.
fn aggregate<const N: usize>(results: [Result<(), String>; N]) -> Result<(), String> {
    let mut errors: Vec<String> = Vec::new();
    for error in results.into_iter().filter_map(Result::err) {
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    match errors.as_slice() {
        [] => Ok(()),
        [only] => Err(only.clone()),
        [..] => Err(format!("[{}]", errors.join(", "))),
    }
}

#[cfg(test)]
mod tests;

//! Objects into the imagined cluster, and out of it into what the rules look at.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::Serialize;

use super::world::World;
use crate::api::Object;
use crate::engine::Engine;
use crate::engine::cluster::{Cluster, Kept};
use crate::engine::event::Told;
use crate::inventory::{Answer, Objects, Scope};
use crate::objref::{Kind, ObjRef};

/// Does something for the objects of every kind that the cluster keeps: `$list` is the field of [`Objects`], `$shelf`
/// that of [`Cluster`].
macro_rules! each_kind {
    ($do:ident) => {
        $do!(ingress_classes, ingress_classes);
        $do!(secrets, secrets);
        $do!(cluster_issuers, cluster_issuers);
        $do!(issuers, issuers);
        $do!(gateways, gateways);
        $do!(listener_sets, listener_sets);
        $do!(ingresses, ingresses);
        $do!(http_routes, http_routes);
        $do!(services, services);
        $do!(pods, pods);
        $do!(certificates, certificates);
        $do!(requests, requests);
        $do!(orders, orders);
        $do!(challenges, challenges);
    };
}

/// The kinds that the cluster keeps: of these it knows everything there is.
const KEPT: [Kind; 13] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
    Kind::Pod,
    Kind::Service,
    Kind::Ingress,
    Kind::HttpRoute,
    Kind::Gateway,
    Kind::ListenerSet,
];

/// Puts objects there that exist before the run begins. What the cluster does not keep is left in `objects`.
pub fn put(cluster: &mut Cluster, objects: &mut Objects) {
    macro_rules! adopt {
        ($list:ident, $shelf:ident) => {
            for object in std::mem::take(&mut objects.$list) {
                cluster.adopt(object);
            }
        };
    }
    each_kind!(adopt);
}

/// Applies objects: new ones are created, those that exist take the new form. Gives what was applied, in order. What
/// the cluster does not keep is left in `objects`.
pub fn apply(cluster: &mut Cluster, objects: &mut Objects) -> Vec<ObjRef> {
    let mut applied = Vec::new();
    macro_rules! apply {
        ($list:ident, $shelf:ident) => {
            for object in std::mem::take(&mut objects.$list) {
                applied.push(apply_one(cluster, object));
            }
        };
    }
    each_kind!(apply);
    applied
}

fn apply_one<T: Kept + Serialize + PartialEq>(cluster: &mut Cluster, mut object: T) -> ObjRef {
    let objref = object.objref();
    let Some(old) = cluster.find::<T>(&objref) else { return cluster.adopt(object) };
    let meta = object.meta_mut();
    meta.uid.clone_from(&old.meta().uid);
    meta.creation_timestamp.clone_from(&old.meta().creation_timestamp);
    meta.generation = old.meta().generation;
    if spec(&object) != spec(old) {
        meta_generation(&mut object);
    }
    if Some(&object) != cluster.find::<T>(&objref) {
        cluster.replace(object);
    }
    objref
}

fn meta_generation<T: Object>(object: &mut T) {
    let meta = object.meta_mut();
    meta.generation = meta.generation.map(|generation| generation + 1);
}

fn spec<T: Serialize>(object: &T) -> Option<serde_json::Value> {
    serde_json::to_value(object).ok()?.get_mut("spec").map(serde_json::Value::take)
}

/// Puts the classes of the world file there; then they are all the classes there are.
pub fn add_classes(cluster: &mut Cluster, rest: &mut Objects, world: &World) {
    let Some(classes) = &world.ingress_classes else { return };
    for class in classes {
        let mut object = IngressClass::default();
        object.metadata.name = Some(class.name.0.clone());
        if class.default {
            let key = "ingressclass.kubernetes.io/is-default-class".to_owned();
            object.metadata.annotations = Some([(key, "true".to_owned())].into());
        }
        if cluster.ingress_classes.get(None, &class.name.0).is_none() {
            cluster.adopt(object);
        }
    }
    rest.coverage.record(Kind::IngressClass, Scope::Cluster, Answer::Complete);
}

/// Every object that there is, with what controls it.
pub fn all(cluster: &Cluster) -> Vec<(ObjRef, Option<OwnerReference>)> {
    let mut all = Vec::new();
    macro_rules! name {
        ($list:ident, $shelf:ident) => {
            all.extend(cluster.$shelf.iter().map(|object| (object.objref(), object.controller().cloned())));
        };
    }
    each_kind!(name);
    all
}

/// What the rules look at: the cluster, which is empty then, its Events, and `rest`, which it does not keep. `rest` also
/// says how far the look at other kinds went.
pub fn out(engine: &mut Engine, rest: Objects) -> Objects {
    let mut objects = rest;
    let cluster = engine.cluster();
    macro_rules! take {
        ($list:ident, $shelf:ident) => {
            objects.$list = std::mem::take(&mut cluster.$shelf).into_all();
        };
    }
    each_kind!(take);
    objects.events.extend(engine.events().all().iter().enumerate().map(|(number, told)| event(number, told)));
    for kind in KEPT.into_iter().chain([Kind::Event]) {
        objects.coverage.record(kind, Scope::Cluster, Answer::Complete);
    }
    objects
}

/// An Event as client-go's recorder writes it.
fn event(number: usize, told: &Told) -> Event {
    let object = &told.about;
    let time = |at| Some(Time(at));
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{number:x}", object.name)),
            namespace: Some(object.namespace.clone().unwrap_or_else(|| "default".to_owned())),
            creation_timestamp: time(told.first),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(object.kind.api_version()),
            kind: Some(object.kind.word().to_owned()),
            name: Some(object.name.clone()),
            namespace: object.namespace.clone(),
            uid: Some(told.uid.clone()),
            ..ObjectReference::default()
        },
        type_: Some(told.type_.as_str().to_owned()),
        reason: Some(told.reason.clone()),
        message: Some(told.message.clone()),
        source: Some(EventSource {
            component: Some(format!("cert-manager-{}", told.controller.name())),
            ..EventSource::default()
        }),
        count: Some(i32::try_from(told.count).unwrap_or(i32::MAX)),
        first_timestamp: time(told.first),
        last_timestamp: time(told.last),
        ..Event::default()
    }
}

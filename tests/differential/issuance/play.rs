//! A case on the engine: documents applied, controllers worked off, time passed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use kubectl_cert::api::{Certificate, CertificateRequest, ClusterIssuer, Issuer, Object, Secret};
use kubectl_cert::engine::Engine;
use kubectl_cert::engine::cluster::{Kept, Shelf};
use kubectl_cert::objref::{Kind, ObjRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::corpus::{Case, Group, Step};
use super::document::{Act, Document, applied, patched};
use super::seen::{Observer, Seen, Told};

/// What a step takes at least.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// What the engine makes of a case, step by step. `None` if the controllers do not come to rest, as where a request never
/// is what its Certificate asks for.
pub fn play(group: &Group, case: &Case) -> Option<Vec<Seen>> {
    let mut world = World::new(group);
    for step in &group.shared {
        world.step(step);
    }
    let (shared, _) = world.everything();
    let mut observer = Observer::new(&case.namespace, &shared);
    let look = |step: &Step| {
        if !world.step(step) {
            return None;
        }
        let (mut objects, mut events) = world.everything();
        objects.retain(|object| observer.owns(object));
        events.retain(|(about, _)| observer.owns(about));
        Some(observer.look(&objects, &events.into_iter().map(|(_, told)| told).collect::<Vec<_>>()))
    };
    case.steps.iter().map(look).collect()
}

/// How many looks of controllers there may be in a step, for each of its documents and in all.
const LOOKS: usize = 300;

struct World {
    engine: Engine,
    now: Timestamp,
    /// What was last applied to each object, and to its status.
    given: BTreeMap<(ObjRef, bool), Value>,
}

impl World {
    fn new(group: &Group) -> Self {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        Self { engine: Engine::new(now, 4, group.flags.engine()), now, given: BTreeMap::new() }
    }

    /// Says whether it came to rest.
    fn step(&mut self, step: &Step) -> bool {
        for document in &step.documents {
            self.act(document);
        }
        // Time passes, and everything happens that is due in it.
        let end = self.now + SignedDuration::try_from(step.wait).unwrap() + STEP;
        for _ in 0..LOOKS * (step.documents.len() + 1) {
            if self.engine.step(self.now).is_some() {
                continue;
            }
            let due = self.engine.deadline().filter(|due| *due <= end);
            if self.now == end {
                return true;
            }
            self.now = due.unwrap_or(end);
        }
        false
    }

    fn act(&mut self, document: &Document) {
        if document.act == Act::Delete {
            return self.engine.cluster().delete(&document.object);
        }
        match document.object.kind {
            Kind::Certificate => self.write::<Certificate>(document),
            Kind::CertificateRequest => self.write::<CertificateRequest>(document),
            Kind::Issuer => self.write::<Issuer>(document),
            Kind::ClusterIssuer => self.write::<ClusterIssuer>(document),
            Kind::Secret => self.write::<Secret>(document),
            kind @ (Kind::Order
            | Kind::Challenge
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::Service
            | Kind::Pod
            | Kind::Gateway
            | Kind::HttpRoute
            | Kind::ListenerSet
            | Kind::Event
            | Kind::Deployment
            | Kind::Lease
            | Kind::EndpointSlice
            | Kind::Host) => panic!("no case has needed a {kind:?} so far"),
        }
    }

    fn write<T: Kept + Json + DeserializeOwned>(&mut self, document: &Document) {
        let body = document.body(&self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let old = self.engine.cluster().find::<T>(&document.object).map(|old| (old.json(), old.generation()));
        let (old, generation) = old.unzip();
        let before = old.clone().unwrap_or_else(|| json!({}));
        let new = if document.act == Act::Patch {
            let mut new = before.clone();
            patched(&mut new, body);
            new
        } else {
            let slot = self.given.entry((document.object.clone(), document.act == Act::Status)).or_default();
            let given_before = std::mem::replace(slot, body.clone());
            applied(before.clone(), &given_before, body)
        };
        let mut object: T = serde_json::from_value(new.clone()).unwrap();
        if old.is_none() {
            self.engine.cluster().adopt(object);
        } else if new != before {
            if new.get("spec") != before.get("spec") {
                object.meta_mut().generation = generation.flatten().map(|generation| generation + 1);
            }
            self.engine.cluster().replace(object);
        }
    }

    /// All objects, and all events with the object that they are about.
    fn everything(&mut self) -> (Vec<Value>, Vec<(Value, Told)>) {
        fn all<T: Object + Json>(shelf: &Shelf<T>) -> impl Iterator<Item = Value> {
            shelf.iter().map(|object| {
                let mut json = object.json();
                json["kind"] = T::KIND.word().into();
                json
            })
        }
        let cluster = self.engine.cluster();
        let objects = all(&cluster.certificates)
            .chain(all(&cluster.requests))
            .chain(all(&cluster.issuers))
            .chain(all(&cluster.cluster_issuers))
            .chain(all(&cluster.secrets))
            .collect();
        let event = |(index, event): (usize, &kubectl_cert::engine::event::Told)| {
            let about = json!({"metadata": {"name": event.about.name, "namespace": event.about.namespace}});
            let told = Told {
                id: index.to_string(),
                about: (event.about.kind.word().to_owned(), event.about.name.clone()),
                words: format!("{} {} {}", event.type_.as_str(), event.reason, event.message),
                controller: event.controller.name().to_owned(),
                count: event.count.into(),
            };
            (about, told)
        };
        (objects, self.engine.events().all().iter().enumerate().map(event).collect())
    }
}

/// An object as the API server gives it.
trait Json {
    fn json(&self) -> Value;
}

macro_rules! with_json {
    ($($kind:ty),+) => {
        $(impl Json for $kind {
            fn json(&self) -> Value {
                serialized(self)
            }
        })+
    };
}

with_json! { Certificate, CertificateRequest, Issuer, ClusterIssuer }

fn serialized<T: Serialize>(object: &T) -> Value {
    serde_json::to_value(object).unwrap()
}

impl Json for Secret {
    /// With its values, which the product never writes.
    fn json(&self) -> Value {
        let data: BTreeMap<&String, String> = self
            .data
            .keys()
            .map(|key| (key, STANDARD.encode(self.bytes(key).expect("nobody takes values out here").expose())))
            .collect();
        serde_json::json!({
            "metadata": self.metadata,
            // As the API server has it.
            "type": if self.type_.is_empty() { "Opaque" } else { &self.type_ },
            "immutable": self.immutable, "data": data,
        })
    }
}

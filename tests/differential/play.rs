//! The shims of the engine, played on a world as small as a map: objects applied, controllers woken, actions done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kubectl_cert::api::{Certificate, Gateway, ListenerSet, Object as _};
use kubectl_cert::engine::shim::{self, Action, Existing, Outcome, ShimEvent, ShimFlags, Step, Subject};
use kubectl_cert::objref::{Kind, ObjRef};
use serde_json::{Value, json};

use super::corpus::{Case, Group, Seen};
use super::normal::{self, Uids};

/// What the engine makes of a case, step by step.
pub fn play(group: &Group, case: &Case) -> Vec<Seen> {
    let mut world = World { flags: group.flags.engine(), ..World::default() };
    let step = |documents: &Vec<Value>| {
        let before = normal::told(&world.events);
        for document in documents {
            world.apply(document.clone());
            world.settle();
        }
        Seen {
            certificates: world.certificates(&case.namespace),
            events: normal::news(&before, &normal::told(&world.events)),
            log: std::mem::take(&mut world.log),
        }
    };
    case.steps.iter().map(step).collect()
}

#[derive(Default)]
struct World {
    flags: ShimFlags,
    objects: BTreeMap<ObjRef, Value>,
    uids: u32,
    queue: VecDeque<ObjRef>,
    events: Vec<Value>,
    log: BTreeSet<String>,
}

impl World {
    /// One document, as kubectl applies it.
    fn apply(&mut self, mut document: Value) {
        let kind = Kind::from_api(normal::text(&document, "/apiVersion"), normal::text(&document, "/kind")).unwrap();
        let namespace = normal::text(&document, "/metadata/namespace");
        let object = ObjRef::new(kind, Some(namespace), normal::text(&document, "/metadata/name"));
        if document["delete"] == true {
            return self.delete(&object);
        }
        for owner in
            document.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut).into_iter().flatten()
        {
            owner["uid"] = self.uid_of(&object, owner).into();
        }
        match self.objects.get_mut(&object) {
            // Others write to a Certificate too: only what is given changes.
            Some(old) if kind == Kind::Certificate => merge(old, document),
            Some(old) => {
                for kept in ["uid", "deletionTimestamp"] {
                    if let Some(value) = old["metadata"].get(kept) {
                        document["metadata"][kept] = value.clone();
                    }
                }
                *old = document;
            }
            None => self.create(&object, document),
        }
        self.wake(&object);
    }

    fn uid_of(&self, object: &ObjRef, owner: &Value) -> String {
        let kind = Kind::from_api(normal::text(owner, "/apiVersion"), normal::text(owner, "/kind")).unwrap();
        let owner = ObjRef::new(kind, object.namespace.as_deref(), normal::text(owner, "/name"));
        normal::text(&self.objects[&owner], "/metadata/uid").to_owned()
    }

    fn create(&mut self, object: &ObjRef, mut value: Value) {
        self.uids += 1;
        value["metadata"]["uid"] = format!("uid-{}", self.uids).into();
        self.objects.insert(object.clone(), value);
    }

    fn delete(&mut self, object: &ObjRef) {
        let value = self.objects.get_mut(object).unwrap();
        if value.pointer("/metadata/finalizers").is_some() {
            value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            return self.wake(object);
        }
        self.wake(object);
        self.objects.remove(object);
    }

    /// Queues whoever looks at a change of this object.
    fn wake(&mut self, object: &ObjRef) {
        let mut woken = Vec::new();
        if object.kind == Kind::Certificate {
            woken.extend(shim::woken_by(&self.read::<Certificate>(object).unwrap()));
        } else {
            woken.push(object.clone());
        }
        if object.kind == Kind::Gateway {
            let is_child = |set: &&ObjRef| {
                let set: ListenerSet = self.read(set).unwrap();
                (set.parent_namespace(), set.spec.parent_ref.name.as_str())
                    == (object.namespace.as_deref(), object.name.as_str())
            };
            let sets = self.objects.keys().filter(|other| other.kind == Kind::ListenerSet);
            woken.extend(sets.filter(is_child).cloned());
        }
        for one in woken {
            if !self.queue.contains(&one) {
                self.queue.push_back(one);
            }
        }
    }

    fn read<T: for<'de> serde::Deserialize<'de>>(&self, object: &ObjRef) -> Option<T> {
        Some(serde_json::from_value(self.objects.get(object)?.clone()).unwrap())
    }

    /// Lets the controllers work until nobody is woken any more.
    fn settle(&mut self) {
        for _ in 0..100 {
            let Some(object) = self.queue.pop_front() else { return };
            let outcome = self.look(&object).unwrap_or_default();
            self.carry_out(&object, outcome);
        }
        panic!("it never ends: {:?}", self.queue);
    }

    fn look(&self, object: &ObjRef) -> Option<Outcome> {
        let certificates: Vec<Certificate> = self
            .objects
            .keys()
            .filter(|other| other.kind == Kind::Certificate && other.namespace == object.namespace)
            .filter_map(|certificate| self.read(certificate))
            .collect();
        let named = |name: &str| certificates.iter().find(|certificate| certificate.name() == name);
        let controlled_by =
            |uid: &str| certificates.iter().filter(|certificate| certificate.controller_uid() == Some(uid)).collect();
        let existing = Existing { named: &named, controlled_by: &controlled_by };
        let sync = |subject: Subject<'_>| shim::sync(&subject, &self.flags, &existing);
        if object.kind == Kind::Ingress {
            return Some(sync(Subject::Ingress(&self.read(object)?)));
        }
        if object.kind == Kind::Gateway {
            return Some(sync(Subject::Gateway(&self.read(object)?)));
        }
        let set: ListenerSet = self.read(object)?;
        let parent = ObjRef::new(Kind::Gateway, set.parent_namespace(), &set.spec.parent_ref.name);
        let parent: Option<Gateway> = self.read(&parent);
        Some(sync(Subject::ListenerSet { set: &set, parent: parent.as_ref() }))
    }

    fn carry_out(&mut self, object: &ObjRef, outcome: Outcome) {
        for refusal in &outcome.refusals {
            self.log.extend(refusal.log().map(|words| match refusal.certificate() {
                Some(certificate) => format!("{}, {certificate}: {words}", object.name),
                None => words,
            }));
        }
        for step in outcome.steps {
            let event = match step {
                Step::Tell(event) => event,
                Step::Write(action, event) => {
                    self.write(object, action);
                    event
                }
            };
            self.tell(object, &event);
        }
    }

    /// An event as the API server comes to hold it: one that says the same again is counted up.
    fn tell(&mut self, object: &ObjRef, event: &ShimEvent) {
        let about = json!({"kind": object.kind.word(), "name": object.name});
        let said = |old: &&mut Value| {
            old["involvedObject"] == about && old["reason"] == event.reason.as_str() && old["message"] == event.message
        };
        if let Some(old) = self.events.iter_mut().find(said) {
            old["count"] = (old["count"].as_u64().unwrap_or_default() + 1).into();
            return;
        }
        self.events.push(json!({
            "metadata": {"name": format!("{}.{:x}", object.name, self.events.len())},
            "involvedObject": about,
            "type": event.reason.type_().as_str(),
            "reason": event.reason.as_str(),
            "message": event.message,
            "count": 1,
        }));
    }

    fn write(&mut self, object: &ObjRef, action: Action) {
        let certificate = |name: &str| ObjRef::new(Kind::Certificate, object.namespace.as_deref(), name);
        match action {
            Action::Create(new) => {
                let new_ref = certificate(new.name());
                self.create(&new_ref, json!(new));
                self.wake(&new_ref);
            }
            Action::Update(new, _) => {
                let new_ref = certificate(new.name());
                let changes = self.read::<Certificate>(&new_ref).as_ref() != Some(&*new);
                self.objects.insert(new_ref.clone(), json!(new));
                // The API server tells nobody of a write that changes nothing.
                if changes {
                    self.wake(&new_ref);
                }
            }
            Action::Delete(name) => self.delete(&certificate(&name)),
        }
    }

    fn certificates(&self, namespace: &str) -> serde_json::Map<String, Value> {
        let here = || self.objects.iter().filter(|(object, _)| object.namespace.as_deref() == Some(namespace));
        let with_kind = here().map(|(object, value)| {
            let mut value = value.clone();
            value["kind"] = object.kind.word().into();
            value
        });
        let uids = Uids::of(&with_kind.collect::<Vec<_>>());
        let certificates = here().filter(|(object, _)| object.kind == Kind::Certificate);
        certificates.map(|(object, value)| (object.name.clone(), normal::object(value, &uids))).collect()
    }
}

/// Lays one object over another: members one by one, all else as a whole.
fn merge(old: &mut Value, new: Value) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                merge(old.entry(key).or_insert(Value::Null), value);
            }
        }
        (old, new) => *old = new,
    }
}

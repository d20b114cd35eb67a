//! The controllers that look at an Ingress, a Gateway or a `ListenerSet`: they carry out what [`shim`] makes of one
//! (`pkg/controller/certificate-shim`).

use k8s_openapi::api::networking::v1::Ingress;

use super::cluster::Kept;
use super::shim::{self, Action, Existing, Refusal, ShimEvent, Step, Subject};
use super::turn::{Looked, Trouble, Turn};
use crate::api::{Certificate, Gateway, ListenerSet, Object};
use crate::objref::{Kind, ObjRef};

/// ingress-shim.
pub fn ingress(turn: &mut Turn) -> Looked {
    look::<Ingress>(turn, |ingress, _| Subject::Ingress(ingress))
}

/// gateway-shim.
pub fn gateway(turn: &mut Turn) -> Looked {
    look::<Gateway>(turn, |gateway, _| Subject::Gateway(gateway))
}

/// The listenerset controller.
pub fn listener_set(turn: &mut Turn) -> Looked {
    look::<ListenerSet>(turn, |set, parent| Subject::ListenerSet { set, parent })
}

fn look<T: Kept>(turn: &mut Turn, subject: impl for<'a> Fn(&'a T, Option<&'a Gateway>) -> Subject<'a>) -> Looked {
    let Some(object) = turn.cluster.find::<T>(turn.object()).cloned() else { return Ok(()) };
    let namespace = object.namespace();
    let parent = parent(turn);
    let certificates = &turn.cluster.certificates;
    let existing = Existing {
        named: &|name| certificates.get(namespace, name),
        controlled_by: &|uid| certificates.owned_by(uid).collect(),
    };
    let outcome = shim::sync(&subject(&object, parent), &turn.flags.shim, &existing);
    let error = outcome.error().map(|error| Trouble(error.to_string()));
    turn.refusals = outcome.refusals;
    for step in outcome.steps {
        match step {
            Step::Tell(event) => tell(turn, &object, event),
            Step::Write(action, event) => {
                write(turn, namespace, action)?;
                tell(turn, &object, event);
            }
        }
    }
    error.map_or(Ok(()), Err)
}

/// The Gateway of the ListenerSet that is looked at, if it is one.
fn parent<'c>(turn: &'c Turn) -> Option<&'c Gateway> {
    let set = turn.cluster.find::<ListenerSet>(turn.object())?;
    turn.cluster.get(set.parent_namespace(), &set.spec.parent_ref.name)
}

fn tell<T: Object>(turn: &mut Turn, object: &T, event: ShimEvent) {
    turn.tell(object, event.reason.type_(), event.reason.as_str(), event.message);
}

fn write(turn: &mut Turn, namespace: Option<&str>, action: Action) -> Looked {
    match action {
        Action::Create(certificate) => {
            let_in(turn, &certificate)?;
            turn.cluster.create(*certificate)?;
        }
        Action::Update(mut certificate, _) => {
            let_in(turn, &certificate)?;
            let old = turn.cluster.get::<Certificate>(namespace, certificate.name());
            if old.is_some_and(|old| old.spec != certificate.spec) {
                certificate.metadata.generation = certificate.metadata.generation.map(|old| old + 1);
            }
            turn.cluster.replace(*certificate);
        }
        Action::Delete(name) => turn.cluster.delete(&ObjRef::new(Kind::Certificate, namespace, &name)),
    }
    Ok(())
}

/// Nothing after a write that is refused is done; the controller looks again later.
fn let_in(turn: &mut Turn, certificate: &Certificate) -> Looked {
    let Some(refusal) = shim::refused(certificate) else { return Ok(()) };
    let (certificate, why) = (certificate.name().to_owned(), refusal.to_string());
    turn.refusals.push(Refusal::NotAdmitted { certificate, why: why.clone() });
    Err(Trouble(why))
}

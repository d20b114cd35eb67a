//! What to ask about a subject from which a Certificate is found: a host, an Ingress, a Gateway, a route, a Pod. Pure.
//!
//! Objects are asked for by name as far as names lead; only a host is searched for in lists, and a namespace's
//! Certificates are listed where no name leads to the one that writes a Secret.

use super::Ask;
use super::sweep::WORKLOADS;
use crate::api::{HttpRoute, ListenerSet, Object, Secret, annotation};
use crate::chain::way::{CSI_DRIVER, csi_volumes, parent_ref, secret_volumes, ways};
use crate::engine::shim::Refusal;
use crate::facts::Facts;
use crate::inventory::{Scope, Stored};
use crate::objref::{Kind, ObjRef};

/// The open questions about the subject itself. `own` is the namespace that the user works in.
pub fn open_questions(asks: &mut Vec<Ask>, facts: &Facts, own: &str) {
    let subject = &facts.chain.subject;
    match subject.kind {
        Kind::Host => host(asks, facts, own),
        Kind::Ingress | Kind::Gateway => asker(asks, facts),
        Kind::ListenerSet => {
            asker(asks, facts);
            if let Some(set) = seen::<ListenerSet>(facts) {
                asks.push(Ask::get(ObjRef::new(Kind::Gateway, set.parent_namespace(), &set.spec.parent_ref.name)));
            }
        }
        Kind::HttpRoute => {
            let parents = seen::<HttpRoute>(facts)
                .into_iter()
                .flat_map(|route| route.spec.parent_refs.iter().filter_map(|parent| parent_ref(route, parent)));
            asks.extend(parents.map(Ask::get));
        }
        Kind::Pod => pod(asks, facts),
        Kind::Secret => {
            if facts.inventory.at::<Secret>(subject).is_absent() {
                asks.push(Ask::get(ObjRef::new(Kind::Certificate, subject.namespace.as_deref(), &subject.name)));
                writers(asks, facts, subject);
            }
        }
        Kind::Certificate
        | Kind::CertificateRequest
        | Kind::Order
        | Kind::Challenge
        | Kind::Issuer
        | Kind::ClusterIssuer
        | Kind::Event
        | Kind::Service
        | Kind::IngressClass
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice => {}
    }
}

fn seen<'i, T: Stored>(facts: &Facts<'i>) -> Option<&'i T> {
    let subject = &facts.chain.subject;
    facts.inventory.at::<T>(subject).seen().copied()
}

fn list(kind: Kind, namespace: Option<&str>, selector: &str) -> Ask {
    Ask::List { kind, namespace: namespace.map(str::to_owned), selector: selector.to_owned() }
}

/// Everything that may serve a host: of the whole cluster, and where that is refused of the user's own namespace.
fn host(asks: &mut Vec<Ask>, facts: &Facts, own: &str) {
    let chosen = facts.chain.subject.namespace.as_deref();
    let coverage = &facts.inventory.coverage;
    let mut search = |kind: Kind| {
        asks.push(list(kind, chosen, ""));
        let is_refused = coverage.refusal::<()>(kind).is_some() && coverage.has(kind, &Scope::Cluster);
        if chosen.is_none() && is_refused {
            asks.push(list(kind, Some(own), ""));
        }
        coverage.asked_about(kind)
    };
    let looked = [Kind::Ingress, Kind::Gateway, Kind::ListenerSet, Kind::HttpRoute].map(&mut search);
    let is_found = ways(facts.inventory, &facts.chain.subject).iter().any(|way| way.len() > 1);
    if looked.into_iter().all(|looked| looked) && !is_found {
        search(Kind::Certificate);
    }
}

/// What belongs to an object that names Secrets: the Secrets, the Certificates called like them, how cert-manager was
/// started, and what it said.
fn asker(asks: &mut Vec<Ask>, facts: &Facts) {
    let subject = &facts.chain.subject;
    let Ok(asked) = facts.asked() else { return };
    asks.push(Ask::EventsOf { object: subject.clone() });
    asks.push(list(Kind::Deployment, None, WORKLOADS));
    // Where none is named, or too many, those that there are make up the way to mend it.
    let names_none = |refusal: &Refusal| matches!(refusal, Refusal::NoTrigger { .. } | Refusal::Issuer(_));
    if asked.outcome.refusals.iter().any(names_none) {
        asks.push(list(Kind::Issuer, subject.namespace.as_deref(), ""));
        asks.push(list(Kind::ClusterIssuer, None, ""));
    }
    let wanted = asked.wanted.iter().map(Object::objref);
    asks.extend(wanted.map(Ask::get));
    for secret in ways(facts.inventory, subject).into_iter().filter_map(|way| way.into_iter().nth(1)) {
        asks.push(Ask::get(ObjRef::new(Kind::Certificate, secret.namespace.as_deref(), &secret.name)));
        writers(asks, facts, &secret);
        asks.push(Ask::get(secret));
    }
}

/// Whoever writes a Secret, if no Certificate is called like it and the Secret itself does not say.
fn writers(asks: &mut Vec<Ask>, facts: &Facts, secret: &ObjRef) {
    let namespace = secret.namespace.as_deref();
    let inventory = facts.inventory;
    let is_known = inventory.certificates_for_secret(namespace.unwrap_or_default(), &secret.name).next().is_some();
    let named_alike = inventory.get::<crate::api::Certificate>(namespace, &secret.name);
    let looked = inventory.coverage.has(Kind::Secret, &Scope::Named(secret.namespace.clone(), secret.name.clone()));
    let says = inventory.get::<Secret>(namespace, &secret.name);
    let says = says.seen().and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME));
    if named_alike.is_absent() && looked && says.is_none() && !is_known {
        asks.push(list(Kind::Certificate, namespace, ""));
    }
}

/// The requests of a Pod's volumes, which carry random names, and the Secrets that it mounts.
fn pod(asks: &mut Vec<Ask>, facts: &Facts) {
    let Some(pod) = seen::<k8s_openapi::api::core::v1::Pod>(facts) else { return };
    let namespace = pod.namespace();
    asks.push(Ask::EventsOf { object: pod.objref() });
    for volume in csi_volumes(pod) {
        asks.push(list(Kind::CertificateRequest, namespace, ""));
        let given = volume.csi.as_ref().and_then(|csi| csi.volume_attributes.as_ref());
        let attribute = |key: &str| given.and_then(|given| given.get(&format!("{CSI_DRIVER}/{key}")));
        if let Some(name) = attribute("issuer-name") {
            let is_of_cluster = attribute("issuer-kind").is_some_and(|kind| kind == Kind::ClusterIssuer.word());
            let kind = if is_of_cluster { Kind::ClusterIssuer } else { Kind::Issuer };
            asks.push(Ask::get(ObjRef::new(kind, namespace, name)));
        }
    }
    for name in secret_volumes(pod) {
        let secret = ObjRef::new(Kind::Secret, namespace, name);
        let says = facts.inventory.get::<Secret>(namespace, name);
        let says = says.seen().and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME));
        asks.extend(says.map(|name| Ask::get(ObjRef::new(Kind::Certificate, namespace, name))));
        asks.push(Ask::get(secret));
    }
}

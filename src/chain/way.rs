//! The way from what people see of a certificate down to it: host, Ingress, Gateway or Pod, Secret, Certificate.
//!
//! Goes by what the objects name, whoever made the Certificate; what cert-manager's shims would make is not asked here.

use k8s_openapi::api::core::v1::{Pod, Volume};
use k8s_openapi::api::networking::v1::Ingress;

use crate::api::gateway::Listener;
use crate::api::solver::ParentRef;
use crate::api::{Gateway, HttpRoute, ListenerSet, Object, annotation};
use crate::host;
use crate::inventory::{Inventory, Stored};
use crate::objref::{Kind, ObjRef};

/// The CSI driver of cert-manager (csi-driver `deploy/charts/csi-driver`).
pub const CSI_DRIVER: &str = "csi.cert-manager.io";

/// The objects of one way, from where it starts to where it ends.
pub type Way = Vec<ObjRef>;

/// Every way from a subject, in the order in which it names things; one that is the subject alone if it names nothing.
/// A Certificate, and whatever else is part of an issuance, is the end of its own way.
pub fn ways(inventory: &Inventory, subject: &ObjRef) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for below in below(inventory, subject) {
        let way: Way = std::iter::once(subject.clone()).chain(below).collect();
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    if ways.is_empty() {
        ways.push(vec![subject.clone()]);
    }
    ways
}

/// Every object on the ways that is judged, each once, in the order of the ways.
pub fn parts(ways: &[Way]) -> Vec<ObjRef> {
    let mut parts: Vec<ObjRef> = Vec::new();
    for way in ways {
        for (at, object) in way.iter().enumerate() {
            let is_end = at + 1 == way.len();
            // A Secret on the way is judged with the Certificate that it leads to.
            if (object.kind != Kind::Secret || is_end) && !parts.contains(object) {
                parts.push(object.clone());
            }
        }
    }
    parts
}

fn below(inventory: &Inventory, subject: &ObjRef) -> Vec<Way> {
    match subject.kind {
        Kind::Host => below_host(inventory, subject),
        Kind::Ingress => seen::<Ingress>(inventory, subject)
            .map(|ingress| through(inventory, ingress_uses(ingress)))
            .unwrap_or_default(),
        Kind::Gateway => seen::<Gateway>(inventory, subject)
            .map(|gateway| through(inventory, listener_uses(gateway, &gateway.spec.listeners)))
            .unwrap_or_default(),
        Kind::ListenerSet => seen::<ListenerSet>(inventory, subject)
            .map(|set| through(inventory, listener_uses(set, &set.spec.listeners)))
            .unwrap_or_default(),
        Kind::HttpRoute => {
            seen::<HttpRoute>(inventory, subject).map(|route| below_route(inventory, route, None)).unwrap_or_default()
        }
        Kind::Pod => seen::<Pod>(inventory, subject).map(|pod| below_pod(inventory, pod)).unwrap_or_default(),
        Kind::Certificate
        | Kind::CertificateRequest
        | Kind::Order
        | Kind::Challenge
        | Kind::Issuer
        | Kind::ClusterIssuer
        | Kind::Secret
        | Kind::Event
        | Kind::Service
        | Kind::IngressClass
        | Kind::Deployment
        | Kind::Lease
        | Kind::EndpointSlice => Vec::new(),
    }
}

fn seen<'i, T: Stored>(inventory: &'i Inventory, object: &ObjRef) -> Option<&'i T> {
    inventory.at::<T>(object).seen().copied()
}

/// A Secret that something serves with, and for which hosts. No host stands for all of them.
struct Use<'i> {
    secret: ObjRef,
    hosts: Vec<&'i str>,
}

impl Use<'_> {
    fn is_for(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|host| matches(host))
    }
}

fn ingress_uses(ingress: &Ingress) -> Vec<Use<'_>> {
    let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    let uses = blocks.filter_map(|block| {
        let name = block.secret_name.as_deref().filter(|name| !name.is_empty())?;
        let hosts = block.hosts.iter().flatten().map(String::as_str).collect();
        Some(Use { secret: ObjRef::new(Kind::Secret, ingress.namespace(), name), hosts })
    });
    uses.collect()
}

fn listener_uses<'i, T: Object>(owner: &'i T, listeners: &'i [Listener]) -> Vec<Use<'i>> {
    listeners.iter().flat_map(|listener| uses_of(owner, listener)).collect()
}

fn uses_of<'i, T: Object>(owner: &'i T, listener: &'i Listener) -> Vec<Use<'i>> {
    let hosts: Vec<&str> = listener.hostname.as_deref().filter(|host| !host.is_empty()).into_iter().collect();
    let refs = listener.tls.iter().flat_map(|tls| &tls.certificate_refs);
    let secrets = refs.filter(|one| {
        let (kind, group) = (one.kind.as_deref().unwrap_or_default(), one.group.as_deref().unwrap_or_default());
        matches!(kind, "" | "Secret") && matches!(group, "" | "core")
    });
    let uses = secrets.map(|one| {
        let namespace = one.namespace.as_deref().filter(|there| !there.is_empty()).or(owner.namespace());
        Use { secret: ObjRef::new(Kind::Secret, namespace, &one.name), hosts: hosts.clone() }
    });
    uses.collect()
}

/// From each Secret to the Certificates that write it, or to the Secret alone.
fn through(inventory: &Inventory, uses: Vec<Use<'_>>) -> Vec<Way> {
    uses.into_iter().flat_map(|one| from_secret(inventory, &one.secret)).collect()
}

fn from_secret(inventory: &Inventory, secret: &ObjRef) -> Vec<Way> {
    let namespace = secret.namespace.as_deref().unwrap_or_default();
    let writers = inventory.certificates_for_secret(namespace, &secret.name);
    let mut ways: Vec<Way> = writers.map(|certificate| vec![secret.clone(), certificate.objref()]).collect();
    if ways.is_empty() {
        ways.push(vec![secret.clone()]);
    }
    ways
}

/// `first` and then each of the ways; `first` alone if there is none.
fn under(first: ObjRef, ways: Vec<Way>) -> Vec<Way> {
    if ways.is_empty() {
        return vec![vec![first]];
    }
    ways.into_iter().map(|way| std::iter::once(first.clone()).chain(way).collect()).collect()
}

/// What serves a host, in the namespace of the subject if it has one; else the Certificates that are for it.
fn below_host(inventory: &Inventory, subject: &ObjRef) -> Vec<Way> {
    let host = subject.name.as_str();
    let is_here = |namespace: Option<&str>| subject.namespace.is_none() || subject.namespace.as_deref() == namespace;
    let mut ways = Vec::new();
    for ingress in inventory.ingresses.iter().filter(|ingress| is_here(ingress.namespace())) {
        if !serves(ingress, host) || ingress.label(annotation::SOLVER).is_some() {
            continue;
        }
        let uses = ingress_uses(ingress).into_iter().filter(|one| one.is_for(|name| host::covers(name, host)));
        ways.extend(under(ingress.objref(), through(inventory, uses.collect())));
    }
    for gateway in inventory.gateways.iter().filter(|gateway| is_here(gateway.namespace())) {
        ways.extend(below_listeners(inventory, gateway, &gateway.spec.listeners, host));
    }
    for set in inventory.listener_sets.iter().filter(|set| is_here(set.namespace())) {
        ways.extend(below_listeners(inventory, set, &set.spec.listeners, host));
    }
    for route in inventory.http_routes.iter().filter(|route| is_here(route.namespace())) {
        let is_for = route.spec.hostnames.iter().any(|pattern| host::takes(pattern, host));
        if is_for && route.label(annotation::SOLVER).is_none() {
            ways.extend(under(route.objref(), below_route(inventory, route, Some(host))));
        }
    }
    if ways.is_empty() {
        let certificates = inventory.certificates.iter().filter(|certificate| is_here(certificate.namespace()));
        let for_host = certificates.filter(|certificate| {
            let spec = &certificate.spec;
            let mut names = spec.dns_names.iter().chain(&spec.ip_addresses).chain(std::iter::once(&spec.common_name));
            names.any(|name| host::covers(name, host))
        });
        ways.extend(for_host.map(|certificate| vec![certificate.objref()]));
    }
    ways
}

/// Whether an Ingress has a rule or a TLS entry for a host.
fn serves(ingress: &Ingress, host: &str) -> bool {
    let Some(spec) = &ingress.spec else { return false };
    let rules = spec.rules.iter().flatten().filter_map(|rule| rule.host.as_deref());
    let entries = spec.tls.iter().flatten().flat_map(|block| block.hosts.iter().flatten().map(String::as_str));
    rules.chain(entries).any(|name| host::covers(name, host))
}

/// The listeners of a Gateway or ListenerSet that name a host. One without a host takes all, and says nothing of any.
fn below_listeners<T: Object>(inventory: &Inventory, owner: &T, listeners: &[Listener], host: &str) -> Vec<Way> {
    let is_for = |listener: &&Listener| {
        listener.tls.is_some() && listener.hostname.as_deref().is_some_and(|name| host::takes(name, host))
    };
    let mut listeners = listeners.iter().filter(is_for).peekable();
    if listeners.peek().is_none() {
        return Vec::new();
    }
    under(owner.objref(), through(inventory, listeners.flat_map(|listener| uses_of(owner, listener)).collect()))
}

/// From a route to the listeners that it hangs on; with a host, only to those that take it.
fn below_route(inventory: &Inventory, route: &HttpRoute, host: Option<&str>) -> Vec<Way> {
    let parents = route.spec.parent_refs.iter().filter_map(|parent| Some((parent, parent_ref(route, parent)?)));
    let mut ways = Vec::new();
    for (parent, object) in parents {
        let is_for = |listener: &&Listener| hangs_on(route, parent, listener, host);
        let below = if object.kind == Kind::ListenerSet {
            seen::<ListenerSet>(inventory, &object)
                .map(|set| set.spec.listeners.iter().filter(is_for).flat_map(|one| uses_of(set, one)).collect())
        } else {
            seen::<Gateway>(inventory, &object).map(|gateway| {
                gateway.spec.listeners.iter().filter(is_for).flat_map(|one| uses_of(gateway, one)).collect()
            })
        };
        let below = below.map(|uses| through(inventory, uses));
        ways.extend(under(object, below.unwrap_or_default()));
    }
    ways
}

/// The Gateway or ListenerSet that a route names as a parent.
pub fn parent_ref(route: &HttpRoute, parent: &ParentRef) -> Option<ObjRef> {
    let kind = match parent.kind.as_deref() {
        None | Some("" | "Gateway") => Kind::Gateway,
        Some("ListenerSet") => Kind::ListenerSet,
        Some(_) => return None,
    };
    let namespace = parent.namespace.as_deref().filter(|there| !there.is_empty()).or(route.namespace());
    Some(ObjRef::new(kind, namespace, &parent.name))
}

/// Whether a route may be served by a listener with TLS, by its name, port and host.
fn hangs_on(route: &HttpRoute, parent: &ParentRef, listener: &Listener, host: Option<&str>) -> bool {
    let is_named = parent.section_name.as_deref().is_none_or(|name| name.is_empty() || name == listener.name);
    let is_at = parent.port.is_none_or(|port| port == listener.port);
    let own = listener.hostname.as_deref().filter(|name| !name.is_empty());
    let takes = |name: &str| own.is_none_or(|own| host::takes(own, name) || host::takes(name, own));
    let hosts: Vec<&str> = match host {
        Some(host) => vec![host],
        None => route.spec.hostnames.iter().map(String::as_str).collect(),
    };
    listener.tls.is_some() && is_named && is_at && (hosts.is_empty() || hosts.into_iter().any(takes))
}

/// From a Pod to the requests of its volumes of the CSI driver, and to the Secrets of its volumes.
fn below_pod(inventory: &Inventory, pod: &Pod) -> Vec<Way> {
    let mut ways = Vec::new();
    if let Some(uid) = pod.uid().filter(|_| csi_volumes(pod).next().is_some()) {
        // The Pod owns them and does not control them, so that no index knows.
        let there = inventory.requests.of_namespace(pod.namespace().unwrap_or_default()).iter();
        let own =
            there.filter(|request| request.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid));
        ways.extend(own.map(|request| vec![request.objref()]));
    }
    for name in secret_volumes(pod) {
        let secret = ObjRef::new(Kind::Secret, pod.namespace(), name);
        // Most Secrets of Pods hold something else.
        ways.extend(from_secret(inventory, &secret).into_iter().filter(|way| way.len() > 1));
    }
    ways
}

/// The volumes of a Pod that cert-manager's CSI driver fills.
pub fn csi_volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter(|volume| volume.csi.as_ref().is_some_and(|csi| csi.driver == CSI_DRIVER))
}

/// The names of the Secrets that a Pod mounts.
pub fn secret_volumes(pod: &Pod) -> impl Iterator<Item = &str> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| volume.secret.as_ref()?.secret_name.as_deref())
}

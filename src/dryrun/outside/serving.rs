//! What Ingresses and `HTTPRoutes` of the cluster serve under a host and path: in the end, the solvers' Pods.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress};

use crate::api::gateway::{Listener, ListenerProtocol, NamespacesFrom};
use crate::api::solver::ParentRef;
use crate::api::{Gateway, HttpRoute, Object, annotation};
use crate::dryrun::world::World;
use crate::engine::cluster::Cluster;
use crate::engine::question::HttpReply;

/// An answer to `GET http://host/path`.
pub fn serve(world: &World, cluster: &Cluster, host: &str, path: &str) -> HttpReply {
    let mut found: Vec<(Fit, &str, &str)> = Vec::new();
    for ingress in cluster.ingresses.iter().filter(|ingress| is_served(world, cluster, ingress)) {
        found.extend(backends(ingress, host, path));
    }
    for route in cluster.http_routes.iter().filter(|route| is_attached(world, cluster, route, host)) {
        found.extend(rules(route, host, path));
    }
    // The closest fit; of equal ones the first.
    let best = found.into_iter().rev().max_by_key(|(fit, ..)| *fit);
    let Some((_, namespace, service)) = best else { return plain(404, "default backend - 404") };
    behind(cluster, namespace, service, host, path)
}

/// How closely a rule fits a request: its host by name before one of a wildcard, then an exact path, then a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    host: u8,
    is_exact: bool,
    length: usize,
}

fn host_fit(rule: Option<&str>, host: &str) -> Option<u8> {
    match rule.filter(|rule| !rule.is_empty()) {
        None => Some(0),
        Some(rule) if rule.eq_ignore_ascii_case(host) => Some(2),
        Some(rule) => {
            let zone = rule.strip_prefix("*.")?;
            let below = host.split_once('.')?.1;
            below.eq_ignore_ascii_case(zone).then_some(1)
        }
    }
}

/// A prefix ends at a `/`.
fn path_fit(rule: &str, is_exact: bool, path: &str) -> bool {
    if is_exact {
        return rule == path;
    }
    let rule = rule.trim_end_matches('/');
    path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn backends<'i>(ingress: &'i Ingress, host: &str, path: &str) -> Vec<(Fit, &'i str, &'i str)> {
    let namespace = ingress.namespace().unwrap_or_default();
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let mut found = Vec::new();
    for rule in rules {
        let Some(host) = host_fit(rule.host.as_deref(), host) else { continue };
        for one in rule.http.iter().flat_map(|http| &http.paths) {
            let rule_path = one.path.as_deref().unwrap_or("/");
            let is_exact = one.path_type == "Exact";
            if path_fit(rule_path, is_exact, path)
                && let Some(service) = service_of(one)
            {
                found.push((Fit { host, is_exact, length: rule_path.len() }, namespace, service));
            }
        }
    }
    found
}

fn service_of(path: &HTTPIngressPath) -> Option<&str> {
    path.backend.service.as_ref().map(|service| service.name.as_str())
}

/// Whether some controller serves an Ingress: the world file says which classes there are, else the objects do.
pub fn is_served(world: &World, cluster: &Cluster, ingress: &Ingress) -> bool {
    let spec = ingress.spec.as_ref();
    let named = spec.and_then(|spec| spec.ingress_class_name.as_deref());
    let named = named.or_else(|| ingress.annotation(annotation::INGRESS_CLASS));
    if let Some(classes) = &world.ingress_classes {
        return match named {
            Some(named) => classes.iter().any(|class| class.name.0 == named),
            None => classes.iter().any(|class| class.default),
        };
    }
    if cluster.ingress_classes.is_empty() {
        return true;
    }
    match named {
        Some(named) => cluster.ingress_classes.get(None, named).is_some(),
        None => cluster
            .ingress_classes
            .iter()
            .any(|class| class.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true")),
    }
}

fn rules<'r>(route: &'r HttpRoute, host: &str, path: &str) -> Vec<(Fit, &'r str, &'r str)> {
    let namespace = route.namespace().unwrap_or_default();
    let names = &route.spec.hostnames;
    let fits = names.iter().filter_map(|name| host_fit(Some(name), host)).max();
    let Some(host) = (if names.is_empty() { Some(0) } else { fits }) else { return Vec::new() };
    let mut found = Vec::new();
    for rule in &route.spec.rules {
        let Some(backend) = rule.backend_refs.first() else { continue };
        let everything = [crate::api::gateway::RouteMatch::default()];
        let matches: &[_] = if rule.matches.is_empty() { &everything } else { &rule.matches };
        for one in matches {
            let at = one.path.clone().unwrap_or_default();
            let (value, is_exact) = (at.value.unwrap_or_else(|| "/".to_owned()), at.type_.as_deref() == Some("Exact"));
            if path_fit(&value, is_exact, path) {
                found.push((Fit { host, is_exact, length: value.len() }, namespace, backend.name.as_str()));
            }
        }
    }
    found
}

/// Whether a Gateway that is served takes the route for plain HTTP on port 80.
fn is_attached(world: &World, cluster: &Cluster, route: &HttpRoute, host: &str) -> bool {
    route.spec.parent_refs.iter().any(|parent| why_not_attached(world, cluster, route, parent, Some(host)).is_none())
}

/// Why a parent does not take a route, in a reason of the Gateway API.
pub fn why_not_attached(
    world: &World,
    cluster: &Cluster,
    route: &HttpRoute,
    parent: &ParentRef,
    host: Option<&str>,
) -> Option<&'static str> {
    let of_route = route.namespace().unwrap_or_default();
    let namespace = parent.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(of_route);
    let is_gateway = parent.kind.as_deref().is_none_or(|kind| kind == "Gateway" || kind.is_empty());
    if let Some(gateways) = &world.gateways {
        let is_there = gateways.iter().any(|one| one.namespace.0 == namespace && one.name.0 == parent.name);
        if is_gateway && !is_there {
            return Some("NoMatchingParent");
        }
    }
    let (listeners, owner) = if is_gateway {
        let Some(gateway) = cluster.get::<Gateway>(Some(namespace), &parent.name) else {
            // The world file, or nobody, speaks of its listeners.
            return (world.gateways.is_none() && !cluster.gateways.is_empty()).then_some("NoMatchingParent");
        };
        (&gateway.spec.listeners, namespace)
    } else {
        let Some(set) = cluster.get::<crate::api::ListenerSet>(Some(namespace), &parent.name) else {
            return Some("NoMatchingParent");
        };
        (&set.spec.listeners, namespace)
    };
    let named = |listener: &&Listener| {
        parent.section_name.as_ref().is_none_or(|section| *section == listener.name)
            && parent.port.is_none_or(|port| port == listener.port)
    };
    let plain: Vec<_> = listeners
        .iter()
        .filter(named)
        .filter(|listener| listener.protocol == ListenerProtocol::Http && listener.port == 80)
        .collect();
    if plain.is_empty() {
        return Some("NoMatchingParent");
    }
    let open: Vec<_> = plain.into_iter().filter(|listener| lets_in(listener, owner, of_route)).collect();
    if open.is_empty() {
        return Some("NotAllowedByListeners");
    }
    let hosts: Vec<&str> = match host {
        Some(host) => vec![host],
        None => route.spec.hostnames.iter().map(String::as_str).collect(),
    };
    let takes = |listener: &&Listener| hosts.iter().all(|host| host_fit(listener.hostname.as_deref(), host).is_some());
    if open.iter().any(takes) { None } else { Some("NoMatchingListenerHostname") }
}

/// Whether a listener takes routes from a namespace. Selectors are taken to fit: namespaces have no labels here.
fn lets_in(listener: &Listener, owner: &str, route: &str) -> bool {
    let from = listener.allowed_routes.as_ref().and_then(|allowed| allowed.namespaces.as_ref());
    match from.and_then(|namespaces| namespaces.from.as_ref()) {
        Some(NamespacesFrom::All | NamespacesFrom::Selector | NamespacesFrom::Unknown(_)) => true,
        Some(NamespacesFrom::Nobody) => false,
        Some(NamespacesFrom::Same) | None => owner == route,
    }
}

/// What a Service answers: a solver's Pod behind it knows one host and path. Everything else is taken for an
/// application, which knows nothing of challenges.
fn behind(cluster: &Cluster, namespace: &str, service: &str, host: &str, path: &str) -> HttpReply {
    let Some(service) = cluster.get::<Service>(Some(namespace), service) else {
        // Applications need not be among the manifests; solvers are, or are gone.
        let is_solver = service.starts_with("cm-acme-http-solver-");
        return if is_solver { plain(503, "no such Service") } else { plain(404, "404 page not found") };
    };
    let pods: Vec<_> = cluster.pods.in_namespace(namespace).filter(|pod| selects(service, pod)).collect();
    if pods.is_empty() && service.label(annotation::SOLVER).is_none() {
        return plain(404, "404 page not found");
    }
    let Some(pod) = pods.into_iter().find(|pod| runs(pod)) else { return plain(503, "no endpoints") };
    solver(pod, host, path)
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        !selector.is_empty() && selector.iter().all(|(key, value)| pod.label(key) == Some(value.as_str()))
    })
}

fn runs(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

/// cert-manager's acmesolver (`cmd/acmesolver`): the key for its own host and token, 404 for all else.
fn solver(pod: &Pod, host: &str, path: &str) -> HttpReply {
    let args: Vec<&str> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .flat_map(|container| container.args.iter().flatten())
        .map(String::as_str)
        .collect();
    let arg = |name: &str| args.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
    let token = path.strip_prefix("/.well-known/acme-challenge/");
    match (arg("--domain"), arg("--token"), arg("--key")) {
        (Some(domain), Some(own), Some(key)) if domain.eq_ignore_ascii_case(host) && token == Some(own) => {
            plain(200, key)
        }
        _ => plain(404, "404 page not found"),
    }
}

fn plain(status: u16, body: &str) -> HttpReply {
    HttpReply { status, body: body.as_bytes().to_vec() }
}

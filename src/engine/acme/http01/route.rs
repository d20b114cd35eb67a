//! The HTTPRoute of an HTTP-01 solver (`pkg/issuer/acme/http/httproute.go`).

use std::net::IpAddr;

use super::{PORT, has_labels, labels_with_extra, metadata, path};
use crate::api::gateway::{GatewayObjectRef, HttpRouteSpec, HttpRouteStatus, PathMatch, RouteMatch, RouteRule};
use crate::api::solver::Http01Gateway;
use crate::api::{Challenge, HttpRoute, Object};
use crate::engine::turn::Turn;
use crate::objref::ObjRef;

/// Makes the route, or makes it right.
pub fn ensure(turn: &mut Turn, challenge: &Challenge, config: &Http01Gateway, service: &str) -> Result<(), String> {
    let mut labels = labels_with_extra(turn.flags, challenge);
    labels.extend(config.labels.clone());
    let spec = spec(challenge, config, service);
    // Found by their labels alone, whoever owns them.
    let all = turn.cluster.http_routes.in_namespace(challenge.namespace().unwrap_or_default());
    let there: Vec<ObjRef> = all.filter(|route| has_labels(*route, challenge)).map(Object::objref).collect();
    match there.as_slice() {
        [] => {
            let route =
                HttpRoute { metadata: metadata(challenge, labels, &[]), spec, status: HttpRouteStatus::default() };
            turn.cluster.create(route).map(drop).map_err(|error| error.to_string())
        }
        [only] => {
            turn.cluster.modify::<HttpRoute>(only, |route| {
                let is_same = route.spec == spec;
                let changed = !is_same || route.metadata.labels.as_ref() != Some(&labels);
                if !is_same {
                    route.spec = spec;
                    route.metadata.generation = Some(route.metadata.generation.unwrap_or(1) + 1);
                }
                route.metadata.labels = Some(labels);
                changed
            });
            Ok(())
        }
        [_, others @ ..] => {
            for route in others {
                turn.cluster.delete(route);
            }
            Err("multiple HTTPRoutes found".to_owned())
        }
    }
}

fn spec(challenge: &Challenge, config: &Http01Gateway, service: &str) -> HttpRouteSpec {
    let name = &challenge.spec.dns_name;
    // Routes know no addresses as hosts.
    let hostnames = if name.parse::<IpAddr>().is_ok() { Vec::new() } else { vec![name.clone()] };
    HttpRouteSpec {
        parent_refs: config.parent_refs.clone(),
        hostnames,
        rules: vec![RouteRule {
            matches: vec![RouteMatch {
                path: Some(PathMatch { type_: Some("Exact".to_owned()), value: Some(path(challenge)) }),
            }],
            backend_refs: vec![GatewayObjectRef {
                group: Some(String::new()),
                kind: Some("Service".to_owned()),
                name: service.to_owned(),
                namespace: challenge.metadata.namespace.clone(),
                port: Some(PORT),
                weight: Some(1),
            }],
        }],
    }
}

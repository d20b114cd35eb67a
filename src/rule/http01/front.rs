//! What the objects show of who serves a name: Ingresses with their class and address, Gateways with theirs.
//!
//! Reads the inventory only; it resolves no name and judges nothing.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::Ingress;

use crate::api::solver::ParentRef;
use crate::api::{Gateway, Object, annotation};
use crate::chain::ChallengeNode;
use crate::facts::Facts;

/// The class that an Ingress asks for: the field, else the annotation that came before it.
pub fn class_of(ingress: &Ingress) -> Option<&str> {
    let field = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref());
    field.or_else(|| ingress.annotation(annotation::INGRESS_CLASS))
}

/// The IP addresses and host names that a controller wrote into the status.
pub fn addresses_of(ingress: &Ingress) -> Vec<&str> {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let points = balancer.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    points.iter().filter_map(|point| point.ip.as_deref().or(point.hostname.as_deref())).collect()
}

/// `class public, address 203.0.113.10`.
pub fn describe(ingress: &Ingress) -> String {
    let class = class_of(ingress).map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
    let addresses = addresses_of(ingress);
    if addresses.is_empty() {
        format!("{class}, no address")
    } else {
        format!("{class}, address {}", addresses.join(", "))
    }
}

/// The annotations of the other Ingresses of the host whose keys hold one of the words: `KEY=VALUE on Ingress N/X`.
pub fn annotations_like(facts: &Facts, host: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for ingress in facts.inventory.ingresses_serving(host) {
        for (key, value) in ingress.metadata.annotations.iter().flatten() {
            if words.iter().any(|word| key.contains(word)) {
                found.push(format!("{key}={value} on {}", ingress.objref()));
            }
        }
    }
    found
}

/// The namespace that a parent reference of a route looks in.
pub fn namespace_of<'a>(parent: &'a ParentRef, own: &'a str) -> &'a str {
    parent.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own)
}

/// Whether a parent reference is to a Gateway, which is the default.
pub fn is_gateway(parent: &ParentRef) -> bool {
    parent.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "Gateway")
}

/// The parents that the solver's route hangs on.
pub fn parents<'i>(node: &ChallengeNode<'i>) -> &'i [ParentRef] {
    match (node.routes.first(), &node.challenge.spec.solver.http01) {
        (Some(route), _) => &route.spec.parent_refs,
        (None, Some(http01)) => http01.gateway_http_route.as_ref().map_or(&[], |gateway| &gateway.parent_refs),
        (None, None) => &[],
    }
}

/// Where the name should lead, by the objects: the address of the solver's Ingress, else of the other Ingresses
/// of the host, else of the Gateway.
pub fn served_at<'i>(facts: &Facts<'i>, node: &ChallengeNode<'i>) -> Vec<&'i str> {
    let challenge = node.challenge;
    let mut addresses: Vec<&str> = node.ingresses.iter().copied().flat_map(addresses_of).collect();
    if addresses.is_empty() {
        addresses =
            facts.inventory.ingresses_serving(&challenge.spec.dns_name).into_iter().flat_map(addresses_of).collect();
    }
    if addresses.is_empty() {
        let own = challenge.namespace().unwrap_or_default();
        let gateways = parents(node).iter().filter(|parent| is_gateway(parent)).filter_map(|parent| {
            facts.inventory.get::<Gateway>(Some(namespace_of(parent, own)), &parent.name).seen().copied()
        });
        addresses =
            gateways.flat_map(|gateway| &gateway.status.addresses).map(|address| address.value.as_str()).collect();
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// How an address that somebody asked compares with where the name should lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Same,
    Differs,
    /// The objects show no address, or only host names and private addresses, behind which others may stand.
    Unknown,
}

/// Compares an address with those of the objects.
pub fn compare(address: IpAddr, served: &[&str]) -> Compared {
    let known: Vec<Option<IpAddr>> = served.iter().map(|text| text.parse().ok()).collect();
    if known.contains(&Some(address)) {
        return Compared::Same;
    }
    let all_public = known.iter().all(|known| known.is_some_and(|known| !is_private(known)));
    if known.is_empty() || !all_public { Compared::Unknown } else { Compared::Differs }
}

/// Whether an address cannot be seen from the internet (RFC 1918, 6598, 4193, 4291, 3927).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_and_host_names_prove_nothing() {
        let asked = "203.0.113.7".parse().unwrap();
        for (served, expected) in [
            (&["203.0.113.7"][..], Compared::Same),
            (&["198.51.100.9"], Compared::Differs),
            (&["198.51.100.9", "203.0.113.7"], Compared::Same),
            (&["10.0.0.4"], Compared::Unknown),
            (&["100.64.3.4"], Compared::Unknown),
            (&["fd00::4"], Compared::Unknown),
            (&["lb.example.net"], Compared::Unknown),
            (&["198.51.100.9", "lb.example.net"], Compared::Unknown),
            (&[], Compared::Unknown),
        ] {
            assert_eq!(compare(asked, served), expected, "{served:?}");
        }
    }
}

//! What stands before the workloads and what reads their Secrets: Ingresses, load balancers, Pods.

use k8s_openapi::api::core::v1::{Pod, PodSpec, Service};
use k8s_openapi::api::networking::v1::Ingress;

use super::super::index::Index;
use super::super::{Inventory, Store};
use super::positions;
use crate::api::{Gateway, Object, annotation};

/// Positions of what serves a host or reads a Secret.
#[derive(Clone, Debug, Default)]
pub(super) struct Front {
    ingresses_by_secret: Index,
    /// By a host of a TLS block, in lower case.
    ingresses_by_host: Index,
    /// By a host of a rule, in lower case; no solver's.
    ingresses_by_rule: Index,
    /// By namespace and name of a Secret that a listener serves with.
    gateways_by_secret: Index,
    pods_by_secret: Index,
    proxied_balancers: Vec<usize>,
}

impl Front {
    pub(super) fn of(
        ingresses: &Store<Ingress>,
        gateways: &Store<Gateway>,
        pods: &Store<Pod>,
        services: &Store<Service>,
    ) -> Self {
        let numbered = || ingresses.items.iter().zip(0..);
        Self {
            ingresses_by_secret: Index::new(numbered().flat_map(|(ingress, position)| {
                let namespace = ingress.namespace().unwrap_or_default();
                secrets_in_blocks(ingress).map(move |secret| ((namespace, secret), position))
            })),
            ingresses_by_host: Index::new(numbered().flat_map(|(ingress, position)| {
                hosts_in_blocks(ingress).map(move |host| (host.to_ascii_lowercase(), position))
            })),
            ingresses_by_rule: Index::new(numbered().filter(|(ingress, _)| !is_solver(ingress)).flat_map(
                |(ingress, position)| hosts_in_rules(ingress).map(move |host| (host.to_ascii_lowercase(), position)),
            )),
            gateways_by_secret: Index::new(
                gateways.items.iter().zip(0..).flat_map(|(gateway, position)| {
                    secrets_of_listeners(gateway).map(move |secret| (secret, position))
                }),
            ),
            pods_by_secret: Index::new(pods.items.iter().zip(0..).flat_map(|(pod, position)| {
                let namespace = pod.namespace().unwrap_or_default();
                pod.spec.iter().flat_map(secrets_of).map(move |secret| ((namespace, secret), position))
            })),
            proxied_balancers: positions(services, has_proxy_protocol),
        }
    }
}

impl Inventory {
    /// The Ingresses of a namespace with this Secret in a TLS block.
    pub fn ingresses_with_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Ingress> {
        self.crossrefs.front.ingresses_by_secret.find(&self.ingresses.items, (namespace, secret), move |ingress| {
            ingress.namespace().unwrap_or_default() == namespace && secrets_in_blocks(ingress).any(|one| one == secret)
        })
    }

    /// The Ingresses of the whole source with this host in a TLS block.
    pub fn ingresses_for_host(&self, host: &str) -> impl Iterator<Item = &Ingress> {
        let index = &self.crossrefs.front.ingresses_by_host;
        index.find(&self.ingresses.items, host.to_ascii_lowercase(), move |ingress| {
            hosts_in_blocks(ingress).any(|one| one.eq_ignore_ascii_case(host))
        })
    }

    /// The Ingresses of the whole source that serve this host by a rule, exactly or by a wildcard, and are no
    /// solver's; sorted by namespace and name.
    pub fn ingresses_serving(&self, host: &str) -> Vec<&Ingress> {
        let host = host.to_ascii_lowercase();
        let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let index = &self.crossrefs.front.ingresses_by_rule;
        let hashed = |pattern: &String| index.same_hash(pattern).iter().map(|(_, position)| *position);
        let mut found: Vec<usize> = hashed(&host).chain(wildcard.iter().flat_map(hashed)).collect();
        found.sort_unstable();
        found.dedup();
        let serves = |pattern: &str| {
            pattern.eq_ignore_ascii_case(&host)
                || wildcard.as_ref().is_some_and(|wildcard| pattern.eq_ignore_ascii_case(wildcard))
        };
        let found = found.into_iter().map(|position| &self.ingresses.items[position]);
        found.filter(|ingress| hosts_in_rules(ingress).any(serves)).collect()
    }

    /// The Gateways of the whole source with a listener that serves with this Secret.
    pub fn gateways_with_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Gateway> {
        self.crossrefs.front.gateways_by_secret.find(&self.gateways.items, (namespace, secret), move |gateway| {
            secrets_of_listeners(gateway).any(|one| one == (namespace, secret))
        })
    }

    /// The Pods of a namespace that mount a Secret or read variables from it.
    pub fn pods_with_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Pod> {
        self.crossrefs.front.pods_by_secret.find(&self.pods.items, (namespace, secret), move |pod| {
            pod.namespace().unwrap_or_default() == namespace
                && pod.spec.iter().flat_map(secrets_of).any(|one| one == secret)
        })
    }

    /// The load balancers of the whole source whose annotations speak of PROXY protocol.
    pub fn balancers_with_proxy_protocol(&self) -> impl Iterator<Item = &Service> {
        self.crossrefs.front.proxied_balancers.iter().map(|position| &self.services.items[*position])
    }
}

/// Namespace and name of each Secret that a listener serves with.
fn secrets_of_listeners(gateway: &Gateway) -> impl Iterator<Item = (&str, &str)> {
    let own = gateway.namespace().unwrap_or_default();
    let references = gateway.spec.listeners.iter().flat_map(|listener| listener.tls.iter());
    let references = references.flat_map(|tls| &tls.certificate_refs).filter(|one| {
        let kind = one.kind.as_deref().unwrap_or_default();
        matches!(kind, "" | "Secret") && one.group.as_deref().unwrap_or_default().is_empty()
    });
    references
        .map(move |one| (one.namespace.as_deref().filter(|there| !there.is_empty()).unwrap_or(own), one.name.as_str()))
}

fn is_solver(ingress: &Ingress) -> bool {
    ingress.label(annotation::SOLVER).is_some()
}

fn hosts_in_rules(ingress: &Ingress) -> impl Iterator<Item = &str> {
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    rules.filter_map(|rule| rule.host.as_deref())
}

fn hosts_in_blocks(ingress: &Ingress) -> impl Iterator<Item = &str> {
    let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    blocks.flat_map(|block| block.hosts.iter().flatten()).map(String::as_str)
}

fn secrets_in_blocks(ingress: &Ingress) -> impl Iterator<Item = &str> {
    let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    blocks.map(|block| block.secret_name.as_deref().unwrap_or_default())
}

fn secrets_of(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = spec.volumes.iter().flatten().flat_map(|volume| {
        let whole = volume.secret.iter().filter_map(|secret| secret.secret_name.as_deref());
        let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        whole.chain(projected.filter_map(|source| Some(source.secret.as_ref()?.name.as_str())))
    });
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let variables = containers.flat_map(|container| {
        let single = container.env.iter().flatten();
        let single =
            single.filter_map(|variable| Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.as_str()));
        let all = container.env_from.iter().flatten();
        single.chain(all.filter_map(|source| Some(source.secret_ref.as_ref()?.name.as_str())))
    });
    volumes.chain(variables)
}

fn has_proxy_protocol(service: &Service) -> bool {
    let is_balancer = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
    is_balancer && service.metadata.annotations.iter().flatten().any(speaks_of_proxy_protocol)
}

/// Whether an annotation of a load balancer switches PROXY protocol on, whatever its provider.
pub fn speaks_of_proxy_protocol((key, value): (&String, &String)) -> bool {
    key.contains("proxy-protocol") && value != "false"
}

#[cfg(test)]
mod tests {
    use super::super::inventory;
    use super::*;

    #[test]
    fn ingresses_serve_a_host_by_name_or_by_its_last_wildcard_and_solvers_do_not_count() {
        let ingress = |name: &str, host: &str, labels: &str| {
            format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name:?}, namespace: shop, labels: \
                 {{{labels}}}}}\nspec: {{rules: [{{host: {host:?}}}]}}\n---\n"
            )
        };
        let solver = format!("{}: 'true'", annotation::SOLVER);
        let inventory = inventory(
            &[
                ingress("exact", "A.example.com", ""),
                ingress("other", "b.example.com", ""),
                ingress("solver", "a.example.com", &solver),
                ingress("wild", "*.example.com", ""),
            ]
            .concat(),
        );
        let serving =
            |host: &str| -> Vec<&str> { inventory.ingresses_serving(host).iter().map(|one| one.name()).collect() };
        assert_eq!(serving("a.EXAMPLE.com"), ["exact", "wild"]);
        assert_eq!(serving("a.b.example.com"), Vec::<&str>::new());
        assert_eq!(serving("example.com"), Vec::<&str>::new());
    }

    #[test]
    fn pods_and_ingresses_are_found_by_the_secrets_that_they_read() {
        let pod = |name: &str, spec: &str| {
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name:?}, namespace: shop}}\nspec: {spec}\n---\n")
        };
        let inventory = inventory(
            &[
                pod("mounts", "{containers: [], volumes: [{name: v, secret: {secretName: tls}}]}"),
                pod("projects", "{containers: [], volumes: [{name: v, projected: {sources: [{secret: {name: tls}}]}}]}"),
                pod(
                    "reads",
                    "{containers: [{name: c, env: [{name: A, valueFrom: {secretKeyRef: {name: tls, key: a}}}, {name: B, \
                     valueFrom: {secretKeyRef: {name: tls, key: b}}}]}]}",
                ),
                pod("starts", "{containers: [], initContainers: [{name: c, envFrom: [{secretRef: {name: tls}}]}]}"),
                pod("other", "{containers: [], volumes: [{name: v, secret: {secretName: tls-2}}]}"),
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {tls: \
                 [{secretName: tls, hosts: [A.example.com]}, {secretName: tls, hosts: [b.example.com]}]}\n"
                    .to_owned(),
            ]
            .concat(),
        );
        let pods: Vec<&str> = inventory.pods_with_secret("shop", "tls").map(Object::name).collect();
        assert_eq!(pods, ["mounts", "projects", "reads", "starts"]);
        assert_eq!(inventory.pods_with_secret("other", "tls").count(), 0);
        assert_eq!(inventory.ingresses_with_secret("shop", "tls").count(), 1);
        assert_eq!(inventory.ingresses_for_host("a.example.COM").count(), 1);
    }

    #[test]
    fn a_balancer_speaks_of_proxy_protocol_unless_it_says_false() {
        let service = |name: &str, type_: &str, value: &str| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: {name:?}, namespace: x, annotations: \
                 {{lb.example/proxy-protocol: '{value}'}}}}\nspec: {{type: {type_}}}\n---\n"
            )
        };
        let inventory = inventory(
            &[
                service("off", "LoadBalancer", "false"),
                service("on", "LoadBalancer", "v2"),
                service("inner", "ClusterIP", "v2"),
            ]
            .concat(),
        );
        let found: Vec<&str> = inventory.balancers_with_proxy_protocol().map(Object::name).collect();
        assert_eq!(found, ["on"]);
    }
}

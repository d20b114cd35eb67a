//! Who else refers to the same thing: Certificates with the same names, Ingresses and Pods that use a Secret,
//! Ingresses of a host, Challenges that hold a slot, Deployments that may be cert-manager's.
//!
//! Kept as indexes so that a rule that looks beyond its own chain stays cheap over a whole cluster. It never judges.

use std::collections::HashMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::api::networking::v1::Ingress;

use super::{Inventory, Store};
use crate::api::{Certificate, Challenge, Object, annotation};

type Named = HashMap<(String, String), Vec<usize>>;

/// The indexes, by position in the stores.
#[derive(Clone, Debug, Default)]
pub(super) struct CrossRefs {
    certificates_by_names: HashMap<String, Vec<usize>>,
    ingresses_by_secret: Named,
    ingresses_by_host: HashMap<String, Vec<usize>>,
    ingresses_by_rule: HashMap<String, Vec<usize>>,
    challenges_at_work: Vec<usize>,
    challenges_at_work_by_name: HashMap<String, Vec<usize>>,
    cert_manager_deployments: Vec<usize>,
    pods_by_secret: Named,
}

impl CrossRefs {
    pub(super) fn new(
        certificates: &Store<Certificate>,
        challenges: &Store<Challenge>,
        deployments: &Store<Deployment>,
        ingresses: &Store<Ingress>,
        pods: &Store<Pod>,
    ) -> Self {
        let mut refs = Self {
            challenges_at_work: at_work(challenges),
            cert_manager_deployments: positions(deployments, may_be_cert_manager),
            ..Self::default()
        };
        for index in positions(challenges, |challenge| challenge.status.processing) {
            let name = challenges.items[index].spec.dns_name.clone();
            refs.challenges_at_work_by_name.entry(name).or_default().push(index);
        }
        for (index, certificate) in certificates.iter().enumerate() {
            refs.certificates_by_names.entry(names_and_issuer(certificate)).or_default().push(index);
        }
        for (index, ingress) in ingresses.iter().enumerate() {
            if ingress.label(annotation::SOLVER).is_none() {
                let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
                for host in rules.filter_map(|rule| rule.host.as_deref()) {
                    note(refs.ingresses_by_rule.entry(host.to_ascii_lowercase()).or_default(), index);
                }
            }
            let namespace = ingress.namespace().unwrap_or_default();
            let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
            for block in blocks {
                let secret = block.secret_name.clone().unwrap_or_default();
                note(refs.ingresses_by_secret.entry((namespace.to_owned(), secret)).or_default(), index);
                for host in block.hosts.iter().flatten() {
                    note(refs.ingresses_by_host.entry(host.to_ascii_lowercase()).or_default(), index);
                }
            }
        }
        for (index, pod) in pods.iter().enumerate() {
            let namespace = pod.namespace().unwrap_or_default();
            for secret in pod.spec.as_ref().map(secrets_of).unwrap_or_default() {
                note(refs.pods_by_secret.entry((namespace.to_owned(), secret)).or_default(), index);
            }
        }
        refs
    }
}

impl Inventory {
    /// The Certificates of the whole source that ask the issuer of the same name for the same names, the given one
    /// among them, sorted by namespace and name.
    pub fn certificates_like(&self, certificate: &Certificate) -> impl ExactSizeIterator<Item = &Certificate> {
        let found = self.crossrefs.certificates_by_names.get(&names_and_issuer(certificate));
        found.map(Vec::as_slice).unwrap_or_default().iter().map(|index| &self.certificates.items[*index])
    }

    /// The same within the namespace of the given one.
    pub fn certificates_like_in_namespace(&self, certificate: &Certificate) -> impl Iterator<Item = &Certificate> {
        let namespace = certificate.namespace().unwrap_or_default();
        let items = &self.certificates.items;
        let of = |index: &usize| items[*index].namespace().unwrap_or_default();
        let found = self.crossrefs.certificates_by_names.get(&names_and_issuer(certificate));
        let found = found.map(Vec::as_slice).unwrap_or_default();
        let start = found.partition_point(|index| of(index) < namespace);
        let end = found.partition_point(|index| of(index) <= namespace);
        found[start..end].iter().map(move |index| &items[*index])
    }

    /// The Ingresses of a namespace with this Secret in a TLS block.
    pub fn ingresses_with_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Ingress> {
        let found = self.crossrefs.ingresses_by_secret.get(&(namespace.to_owned(), secret.to_owned()));
        found.into_iter().flatten().map(|index| &self.ingresses.items[*index])
    }

    /// The Ingresses of the whole source with this host in a TLS block.
    pub fn ingresses_for_host(&self, host: &str) -> impl Iterator<Item = &Ingress> {
        let found = self.crossrefs.ingresses_by_host.get(&host.to_ascii_lowercase());
        found.into_iter().flatten().map(|index| &self.ingresses.items[*index])
    }

    /// The Ingresses of the whole source that serve this host by a rule, exactly or by a wildcard, and are no
    /// solver's; sorted by namespace and name.
    pub fn ingresses_serving(&self, host: &str) -> Vec<&Ingress> {
        let host = host.to_ascii_lowercase();
        let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let by_rule = &self.crossrefs.ingresses_by_rule;
        let mut found: Vec<usize> = [Some(host), wildcard]
            .iter()
            .flatten()
            .filter_map(|pattern| by_rule.get(pattern))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.ingresses.items[index]).collect()
    }

    /// The Challenges of the whole source that the controller works on (`status.processing`), the oldest first.
    pub fn challenges_at_work(&self) -> impl ExactSizeIterator<Item = &Challenge> {
        self.crossrefs.challenges_at_work.iter().map(|index| &self.challenges.items[*index])
    }

    /// Those of them for one name (`spec.dnsName`), sorted by namespace and name.
    pub fn challenges_at_work_for(&self, dns_name: &str) -> impl Iterator<Item = &Challenge> {
        let found = self.crossrefs.challenges_at_work_by_name.get(dns_name);
        found.into_iter().flatten().map(|index| &self.challenges.items[*index])
    }

    /// The Deployments of the whole source with a container or an image named `cert-manager-...`: cert-manager's own
    /// and few others.
    pub fn cert_manager_deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.crossrefs.cert_manager_deployments.iter().map(|index| &self.deployments.items[*index])
    }

    /// The Pods of a namespace that mount a Secret or read variables from it.
    pub fn pods_with_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Pod> {
        let found = self.crossrefs.pods_by_secret.get(&(namespace.to_owned(), secret.to_owned()));
        found.into_iter().flatten().map(|index| &self.pods.items[*index])
    }
}

/// Where in the store the objects are that something is true of.
fn positions<T: Object>(store: &Store<T>, is_wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    store.iter().enumerate().filter(|(_, object)| is_wanted(object)).map(|(index, _)| index).collect()
}

/// The Challenges that are worked on, the oldest first and then by namespace and name.
fn at_work(challenges: &Store<Challenge>) -> Vec<usize> {
    let mut found = positions(challenges, |challenge| challenge.status.processing);
    found.sort_by_key(|index| challenges.items[*index].created());
    found
}

fn may_be_cert_manager(deployment: &Deployment) -> bool {
    let containers = deployment.spec.template.spec.iter().flat_map(|spec| &spec.containers);
    let mut names = containers.flat_map(|container| [Some(&container.name), container.image.as_ref()]).flatten();
    names.any(|name| name.contains("cert-manager-"))
}

/// One entry for each object, however often it names the thing.
fn note(entry: &mut Vec<usize>, index: usize) {
    if entry.last() != Some(&index) {
        entry.push(index);
    }
}

fn names_and_issuer(certificate: &Certificate) -> String {
    let spec = &certificate.spec;
    let mut names: Vec<&str> = spec.dns_names.iter().chain(&spec.ip_addresses).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let issuer = &spec.issuer_ref;
    format!("{}\n{}\n{}\n{}", issuer.group_or_default(), issuer.kind_or_default(), issuer.name, names.join("\n"))
}

fn secrets_of(spec: &PodSpec) -> Vec<String> {
    let volumes = spec.volumes.iter().flatten().flat_map(|volume| {
        let whole = volume.secret.iter().filter_map(|secret| secret.secret_name.clone());
        let projected = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        whole.chain(projected.filter_map(|source| Some(source.secret.as_ref()?.name.clone())))
    });
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let variables = containers.flat_map(|container| {
        let single = container.env.iter().flatten();
        let single =
            single.filter_map(|variable| Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.clone()));
        let all = container.env_from.iter().flatten();
        single.chain(all.filter_map(|source| Some(source.secret_ref.as_ref()?.name.clone())))
    });
    let mut names: Vec<String> = volumes.chain(variables).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Objects;
    use crate::source::decode;

    fn inventory(yaml: &str) -> Inventory {
        let mut objects = Objects::default();
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
        for document in documents {
            assert_eq!(decode::take(&mut objects, &document.to_string()).unreadable, []);
        }
        Inventory::new(objects)
    }

    #[test]
    fn ingresses_serve_a_host_by_name_or_by_its_last_wildcard_and_solvers_do_not_count() {
        let ingress = |name: &str, host: &str, labels: &str| {
            format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, namespace: shop, labels: \
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
    fn challenges_at_work_are_known_by_age_and_by_name() {
        let challenge = |name: &str, dns_name: &str, processing: bool, day: u8| {
            format!(
                "apiVersion: acme.cert-manager.io/v1\nkind: Challenge\nmetadata: {{name: {name}, namespace: shop, \
                 creationTimestamp: '2026-03-0{day}T00:00:00Z'}}\nspec: {{dnsName: {dns_name}}}\nstatus: {{processing: \
                 {processing}}}\n---\n"
            )
        };
        let inventory = inventory(
            &[
                challenge("a", "one.example.com", true, 3),
                challenge("b", "one.example.com", true, 1),
                challenge("c", "two.example.com", true, 2),
                challenge("d", "one.example.com", false, 1),
            ]
            .concat(),
        );
        let by_age: Vec<&str> = inventory.challenges_at_work().map(Object::name).collect();
        assert_eq!(by_age, ["b", "c", "a"]);
        let by_name: Vec<&str> = inventory.challenges_at_work_for("one.example.com").map(Object::name).collect();
        assert_eq!(by_name, ["a", "b"]);
    }

    #[test]
    fn deployments_are_cert_managers_by_image_or_container() {
        let deployment = |name: &str, container: &str, image: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: x}}\nspec: {{selector: {{}}, \
                 template: {{spec: {{containers: [{{name: {container}, image: {image:?}}}]}}}}}}\n---\n"
            )
        };
        let inventory = inventory(
            &[
                deployment("by-image", "main", "quay.io/jetstack/cert-manager-webhook:v1"),
                deployment("by-name", "cert-manager-controller", "mirror/controller"),
                deployment("shop", "web", "shop:1"),
            ]
            .concat(),
        );
        let found: Vec<&str> = inventory.cert_manager_deployments().map(Object::name).collect();
        assert_eq!(found, ["by-image", "by-name"]);
    }
}

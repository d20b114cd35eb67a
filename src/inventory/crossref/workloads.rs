//! Workloads that take part in issuing: cert-manager's own, approvers, the controllers of other issuers.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::super::index::Index;
use super::super::{Inventory, Store};
use super::positions;
use crate::api::{CertificateRequest, Object};

/// The label that ties an EndpointSlice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Positions of Deployments and of what belongs to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Workloads {
    /// Each with the Pods that its selector chooses.
    cert_manager: Vec<(usize, Vec<usize>)>,
    approver_policy: Vec<usize>,
    /// By the word of an API group that is its own.
    by_word: BTreeMap<String, Vec<usize>>,
    slices_by_service: Index,
}

impl Workloads {
    pub(super) fn of(
        deployments: &Store<Deployment>,
        pods: &Store<Pod>,
        slices: &Store<EndpointSlice>,
        requests: &Store<CertificateRequest>,
    ) -> Self {
        let own = positions(deployments, |deployment| names_of(deployment).any(|name| name.contains("cert-manager-")));
        let chosen = |position: &usize| positions(pods, |pod| chooses(&deployments.items[*position], pod));
        let groups = requests.items.iter().map(|request| &request.spec.issuer_ref);
        let words =
            groups.filter(|issuer| issuer.is_external()).filter_map(|issuer| own_word(issuer.group_or_default()));
        let mut by_word: BTreeMap<String, Vec<usize>> = words.map(|word| (word.to_owned(), Vec::new())).collect();
        for (word, found) in &mut by_word {
            *found = positions(deployments, |deployment| {
                deployment.name().contains(word) || images_of(deployment).any(|image| image.contains(word))
            });
        }
        Self {
            cert_manager: own.iter().map(|position| (*position, chosen(position))).collect(),
            approver_policy: positions(deployments, |deployment| {
                images_of(deployment).any(|image| image.contains("approver-policy"))
            }),
            by_word,
            slices_by_service: Index::of(&slices.items, service_of),
        }
    }
}

impl Inventory {
    /// The Deployments of the whole source with a container or an image named `cert-manager-...`: cert-manager's own
    /// and few others.
    pub fn cert_manager_deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.crossrefs.workloads.cert_manager.iter().map(|(position, _)| &self.deployments.items[*position])
    }

    /// The Pods that the selector of one of those Deployments chooses.
    pub fn pods_of_cert_manager(&self, deployment: &Deployment) -> impl Iterator<Item = &Pod> {
        let position = self.deployments.position(deployment.namespace(), deployment.name());
        let own = &self.crossrefs.workloads.cert_manager;
        let found = own.iter().find(|(own, _)| Some(*own) == position).map(|(_, pods)| pods);
        found.into_iter().flatten().map(|pod| &self.pods.items[*pod])
    }

    /// The Deployments of the whole source with an image of approver-policy.
    pub fn approver_policy_deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.crossrefs.workloads.approver_policy.iter().map(|position| &self.deployments.items[*position])
    }

    /// The Deployments of the whole source whose name, or an image, holds the part of an API group's name that is its
    /// own, such as `awspca` of `awspca.cert-manager.io`. Known for the groups of the issuers of all requests.
    pub fn deployments_for_group(&self, group: &str) -> impl Iterator<Item = &Deployment> {
        let found = own_word(group).and_then(|word| self.crossrefs.workloads.by_word.get(word));
        found.into_iter().flatten().map(|position| &self.deployments.items[*position])
    }

    /// The EndpointSlices of a Service, sorted by name.
    pub fn slices_of(&self, namespace: &str, service: &str) -> impl Iterator<Item = &EndpointSlice> {
        let wanted = (namespace, service);
        let index = &self.crossrefs.workloads.slices_by_service;
        index.find(&self.endpoint_slices.items, wanted, move |slice| service_of(slice) == Some(wanted))
    }
}

/// The first label of a group's name that is not a common one.
fn own_word(group: &str) -> Option<&str> {
    const COMMON: [&str; 9] = ["cert-manager", "certmanager", "io", "com", "org", "k8s", "jetstack", "sm", "dev"];
    group.split('.').find(|label| !COMMON.contains(label))
}

fn images_of(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let containers = deployment.spec.template.spec.iter().flat_map(|spec| &spec.containers);
    containers.filter_map(|container| container.image.as_deref())
}

/// The names of all containers and images.
fn names_of(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let containers = deployment.spec.template.spec.iter().flat_map(|spec| &spec.containers);
    containers.map(|container| container.name.as_str()).chain(images_of(deployment))
}

fn chooses(deployment: &Deployment, pod: &Pod) -> bool {
    let labels = deployment.spec.selector.match_labels.as_ref().filter(|labels| !labels.is_empty());
    pod.namespace().unwrap_or_default() == deployment.namespace().unwrap_or_default()
        && labels.is_some_and(|labels| labels.iter().all(|(key, value)| pod.label(key) == Some(value)))
}

fn service_of(slice: &EndpointSlice) -> Option<(&str, &str)> {
    Some((slice.namespace().unwrap_or_default(), slice.label(SERVICE_NAME)?))
}

#[cfg(test)]
mod tests {
    use super::super::inventory;
    use super::*;

    fn deployment(name: &str, container: &str, image: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name:?}, namespace: x}}\nspec: {{selector: \
             {{matchLabels: {{app: {name}}}}}, template: {{spec: {{containers: [{{name: {container}, image: \
             {image:?}}}]}}}}}}\n---\n"
        )
    }

    fn pod(namespace: &str, name: &str, app: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{namespace: {namespace:?}, name: {name:?}, labels: {{app: {app:?}}}}}\n\
             spec: {{containers: []}}\n---\n"
        )
    }

    #[test]
    fn deployments_are_cert_managers_by_image_or_container_and_come_with_their_pods() {
        let inventory = inventory(
            &[
                deployment("by-image", "main", "quay.io/jetstack/cert-manager-webhook:v1"),
                deployment("by-name", "cert-manager-controller", "mirror/controller"),
                deployment("shop", "web", "shop:1"),
                pod("x", "one", "by-image"),
                pod("x", "two", "by-image"),
                pod("y", "one", "by-image"),
                pod("x", "three", "shop"),
            ]
            .concat(),
        );
        let found: Vec<(&str, usize)> = inventory
            .cert_manager_deployments()
            .map(|deployment| (deployment.name(), inventory.pods_of_cert_manager(deployment).count()))
            .collect();
        assert_eq!(found, [("by-image", 2), ("by-name", 0)]);
    }

    #[test]
    fn other_controllers_are_found_by_their_images_and_groups() {
        let request = "apiVersion: cert-manager.io/v1\nkind: CertificateRequest\nmetadata: {name: r, namespace: x}\n\
                       spec: {issuerRef: {name: pca, kind: AWSPCAIssuer, group: awspca.cert-manager.io}}\n---\n";
        let inventory = inventory(
            &[
                request.to_owned(),
                deployment("aws-privateca", "main", "public.ecr.aws/awspca-issuer:v1"),
                deployment("awspca", "main", "mirror/x"),
                deployment("approver", "main", "quay.io/jetstack/cert-manager-approver-policy:v0"),
            ]
            .concat(),
        );
        let names =
            |found: Vec<&Deployment>| -> Vec<String> { found.iter().map(|one| one.name().to_owned()).collect() };
        let of = |group: &str| names(inventory.deployments_for_group(group).collect());
        assert_eq!(of("awspca.cert-manager.io"), ["aws-privateca", "awspca"]);
        assert_eq!(of("other.example.com"), Vec::<String>::new(), "no request is for it");
        assert_eq!(of("cert-manager.io"), Vec::<String>::new());
        assert_eq!(names(inventory.approver_policy_deployments().collect()), ["approver"]);
    }

    #[test]
    fn slices_are_those_of_the_service_in_its_namespace() {
        let slice = |namespace: &str, name: &str, service: &str| {
            format!(
                "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{namespace: {namespace:?}, name: {name:?}, \
                 labels: {{{SERVICE_NAME}: {service:?}}}}}\naddressType: IPv4\nendpoints: []\n---\n"
            )
        };
        let inventory = inventory(&[slice("x", "a", "w"), slice("y", "b", "w"), slice("x", "c", "v")].concat());
        let found: Vec<&str> = inventory.slices_of("x", "w").map(Object::name).collect();
        assert_eq!(found, ["a"]);
    }
}

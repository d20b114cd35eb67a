//! Who else refers to the same thing: indexes over the whole source, made once.
//!
//! They keep a rule that looks beyond its own chain cheap over a whole cluster: no judgement of one target walks
//! through a store. Each file holds the indexes of one matter and the questions that they answer; none judges.

mod certificates;
mod front;
mod issuers;
mod queue;
mod workloads;

pub use front::speaks_of_proxy_protocol;

use super::{Inventory, Store};
use crate::api::Object;

/// The indexes, by position in the stores.
#[derive(Clone, Debug, Default)]
pub(super) struct CrossRefs {
    wishes: certificates::Wishes,
    front: front::Front,
    issuers: issuers::Issuers,
    queue: queue::Queue,
    workloads: workloads::Workloads,
}

impl CrossRefs {
    /// The indexes over the stores of an inventory that is complete but for them.
    pub(super) fn of(inventory: &Inventory) -> Self {
        let Inventory { certificates, requests, challenges, issuers, cluster_issuers, .. } = inventory;
        let Inventory { pods, services, ingresses, gateways, deployments, endpoint_slices, .. } = inventory;
        let Inventory { external_issuers, .. } = inventory;
        Self {
            wishes: certificates::Wishes::of(certificates),
            front: front::Front::of(ingresses, gateways, pods, services),
            issuers: issuers::Issuers::of(issuers, cluster_issuers, external_issuers),
            queue: queue::Queue::of(challenges),
            workloads: workloads::Workloads::of(deployments, pods, endpoint_slices, requests),
        }
    }
}

/// Where in the store the objects are that something is true of.
fn positions<T: Object>(store: &Store<T>, is_wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    store.items.iter().zip(0..).filter(|(object, _)| is_wanted(object)).map(|(_, position)| position).collect()
}

/// An inventory of objects in YAML.
#[cfg(test)]
fn inventory(yaml: &str) -> Inventory {
    let mut objects = super::Objects::default();
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
    for document in documents {
        assert_eq!(crate::source::decode::take(&mut objects, &document.to_string()).unreadable, []);
    }
    Inventory::new(objects)
}

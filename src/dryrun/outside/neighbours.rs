//! Who else works on the cluster: kubelets run Pods, Ingress controllers and Gateways take up routes.
//!
//! Only what cert-manager has made is played; objects of users keep the status that they came with.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStatus, Pod, PodCondition, PodStatus,
};
use k8s_openapi::api::networking::v1::{Ingress, IngressLoadBalancerIngress, IngressLoadBalancerStatus, IngressStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{network, serving};
use crate::api::gateway::{GatewayCondition, GatewayConditionType, GatewayReason, RouteParentStatus};
use crate::api::{Condition, ConditionStatus, HttpRoute};
use crate::dryrun::world::World;
use crate::engine::cluster::{Change, Cluster, Verb};
use crate::objref::{Kind, ObjRef};

/// How long a Pod takes to run.
const POD_STARTS: SignedDuration = SignedDuration::from_secs(3);
/// How long a controller takes to take up a route.
const ROUTE_SERVED: SignedDuration = SignedDuration::from_secs(1);

/// What they have still to do.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    due: BTreeSet<(Timestamp, ObjRef)>,
}

impl Neighbours {
    /// Takes note of new objects of theirs.
    pub fn see(&mut self, changes: &[Change], now: Timestamp) {
        for change in changes.iter().filter(|change| change.verb == Verb::Create) {
            let is_solver = change.owners.iter().any(|owner| owner.kind == Kind::Challenge.word());
            let kind = change.object.kind;
            if !is_solver || ![Kind::Pod, Kind::Ingress, Kind::HttpRoute].contains(&kind) {
                continue;
            }
            let wait = if kind == Kind::Pod { POD_STARTS } else { ROUTE_SERVED };
            let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            self.due.insert((at, change.object.clone()));
        }
    }

    /// When they do something next.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Does what is due.
    pub fn act(&mut self, world: &World, cluster: &mut Cluster, now: Timestamp) -> Vec<ObjRef> {
        let mut changed = Vec::new();
        while let Some((_, object)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.pop_first();
            let has_acted = if object.kind == Kind::Pod {
                run(cluster, &object)
            } else if object.kind == Kind::Ingress {
                give_address(world, cluster, &object)
            } else {
                accept(world, cluster, &object)
            };
            if has_acted {
                changed.push(object);
            }
        }
        changed
    }
}

fn run(cluster: &mut Cluster, object: &ObjRef) -> bool {
    let stamp = cluster.stamp();
    let mut is_there = false;
    cluster.modify::<Pod>(object, |pod| {
        is_there = true;
        let ready = |type_: &str| PodCondition {
            type_: type_.to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(stamp.clone()),
            ..PodCondition::default()
        };
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| ContainerStatus {
            name: container.name.clone(),
            ready: true,
            started: Some(true),
            state: Some(ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(stamp.clone()) }),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        });
        pod.status = Some(PodStatus {
            phase: Some("Running".to_owned()),
            conditions: Some(["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(ready).to_vec()),
            container_statuses: Some(containers.collect()),
            start_time: Some(stamp.clone()),
            ..PodStatus::default()
        });
        true
    });
    is_there
}

fn give_address(world: &World, cluster: &mut Cluster, object: &ObjRef) -> bool {
    let Some(ingress) = cluster.find::<Ingress>(object) else { return false };
    if !serving::is_served(world, cluster, ingress) {
        return false;
    }
    let address = IngressLoadBalancerIngress { ip: Some(network::ADDRESS.to_owned()), ..Default::default() };
    let balancer = IngressLoadBalancerStatus { ingress: Some(vec![address]) };
    cluster.modify::<Ingress>(object, |ingress| {
        ingress.status = Some(IngressStatus { load_balancer: Some(balancer) });
        true
    });
    true
}

fn accept(world: &World, cluster: &mut Cluster, object: &ObjRef) -> bool {
    let Some(route) = cluster.find::<HttpRoute>(object) else { return false };
    let stamp = cluster.stamp();
    let parents: Vec<_> = route
        .spec
        .parent_refs
        .iter()
        .filter_map(|parent| {
            let why = serving::why_not_attached(world, cluster, route, parent, None);
            // Of a Gateway that is not there nobody writes anything.
            let is_served = why != Some("NoMatchingParent") || parent.section_name.is_some();
            is_served.then(|| RouteParentStatus {
                parent_ref: parent.clone(),
                controller_name: "example.com/gateway-controller".to_owned(),
                conditions: vec![accepted(why, &stamp)],
            })
        })
        .collect();
    if parents.is_empty() {
        return false;
    }
    cluster.modify::<HttpRoute>(object, |route| {
        route.status.parents = parents;
        true
    });
    true
}

fn accepted(why_not: Option<&str>, stamp: &Time) -> GatewayCondition {
    Condition {
        type_: GatewayConditionType::Accepted,
        status: if why_not.is_none() { ConditionStatus::True } else { ConditionStatus::False },
        reason: Some(why_not.map_or(GatewayReason::Accepted, GatewayReason::from)),
        message: String::new(),
        last_transition_time: Some(stamp.clone()),
        observed_generation: Some(1),
    }
}

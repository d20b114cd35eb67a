//! Requests, Orders, Challenges and the objects of the HTTP-01 solver.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;

use super::{Detail, Node, Tone, condition, events, tie_words};
use crate::api::{AcmeState, HttpRoute, Object, RequestConditionType, RequestReason};
use crate::chain::{ChallengeNode, OrderNode, RequestNode, Role};
use crate::facts::Facts;

pub(super) fn request(facts: &Facts, node: &RequestNode) -> Node {
    let request = node.request;
    let role = match node.role {
        Role::Current => "issued what is stored",
        Role::Next => "next",
        Role::Older => "former",
        Role::Stray => "stray",
    };
    let denied = request.is(RequestConditionType::Denied);
    let (tone, state) = match request.ready_reason() {
        Some(RequestReason::Issued) => (Tone::Good, "issued"),
        Some(RequestReason::Failed) => (Tone::Bad, "failed"),
        Some(RequestReason::Denied) => (Tone::Bad, "denied"),
        Some(_) | None if denied => (Tone::Bad, "denied"),
        Some(_) => (Tone::Busy, "pending"),
        None if request.is(RequestConditionType::Approved) => (Tone::Busy, "approved"),
        None => (Tone::Busy, "waiting for approval"),
    };
    let revision = request.revision().map(|revision| format!(", revision {revision}")).unwrap_or_default();
    let mut shown = Node::of(request.objref(), tone, format!("{state} ({role}{revision})"));
    shown.details.push(Detail::at("created", "", request.created()));
    shown.details.extend(tie_words(node).map(|words| Detail::new("tie", words)));
    shown.details.extend(request.status.conditions.iter().map(condition));
    if let Some(at) = &request.status.failure_time {
        shown.details.push(Detail::at("failed", "", Some(at.0)));
    }
    shown.details.extend(events(facts, request));
    shown.children = node.orders.iter().map(|order| self::order(facts, order)).collect();
    shown
}

fn order(facts: &Facts, node: &OrderNode) -> Node {
    let status = &node.order.status;
    let mut shown = Node::of(node.order.objref(), tone(status.state.as_ref()), state_words(status.state.as_ref()));
    shown.details.push(Detail::at("created", "", node.order.created()));
    if !status.reason.is_empty() {
        shown.details.push(Detail::new("reason", status.reason.clone()));
    }
    for authorization in &status.authorizations {
        let star = if authorization.wildcard == Some(true) { "*." } else { "" };
        let initial = authorization.initial_state.as_ref().map_or("unknown", AcmeState::as_str);
        let offered: Vec<_> = authorization.challenges.iter().map(|offer| offer.type_.as_str()).collect();
        let text = format!("{star}{}, at first {initial}, offers {}", authorization.identifier, offered.join(" "));
        shown.details.push(Detail::new("authorization", text));
    }
    if let Some(at) = &status.failure_time {
        shown.details.push(Detail::at("failed", "", Some(at.0)));
    }
    shown.details.extend(events(facts, node.order));
    shown.children = node.challenges.iter().map(|challenge| self::challenge(facts, challenge)).collect();
    shown
}

fn challenge(facts: &Facts, node: &ChallengeNode) -> Node {
    let challenge = node.challenge;
    let status = &challenge.status;
    let star = if challenge.spec.wildcard { "*." } else { "" };
    let progress = match (status.processing, status.presented) {
        _ if status.state.as_ref().is_some_and(AcmeState::is_final) => "",
        (_, true) => ", presented",
        (true, false) => ", scheduled",
        (false, false) => ", not scheduled yet",
    };
    let words = format!(
        "{} for {star}{}: {}{progress}",
        challenge.spec.type_,
        challenge.spec.dns_name,
        state_words(status.state.as_ref())
    );
    let mut shown = Node::of(challenge.objref(), tone(status.state.as_ref()), words);
    shown.details.push(Detail::at("created", "", challenge.created()));
    if let Some(at) = &status.presented_at {
        shown.details.push(Detail::at("presented", "", Some(at.0)));
    }
    if let Some(since) = challenge.deleting_since() {
        shown.details.push(Detail::at("deleting", "waits for its finalizers", Some(since)));
    }
    if !status.reason.is_empty() {
        shown.details.push(Detail::new("reason", status.reason.clone()));
    }
    shown.details.extend(events(facts, challenge));
    shown.children.extend(node.pods.iter().map(|pod| self::pod(pod)));
    shown.children.extend(node.services.iter().map(|service| self::service(service)));
    shown.children.extend(node.ingresses.iter().map(|ingress| self::ingress(ingress)));
    shown.children.extend(node.routes.iter().map(|route| self::route(route)));
    shown
}

fn tone(state: Option<&AcmeState>) -> Tone {
    match state {
        Some(AcmeState::Valid) => Tone::Good,
        Some(AcmeState::Invalid | AcmeState::Expired | AcmeState::Errored) => Tone::Bad,
        Some(AcmeState::Ready | AcmeState::Pending | AcmeState::Processing) | None => Tone::Busy,
        Some(AcmeState::Unknown(_)) => Tone::Unknown,
    }
}

fn state_words(state: Option<&AcmeState>) -> String {
    state.map_or_else(|| "no state yet".to_owned(), ToString::to_string)
}

fn pod(pod: &Pod) -> Node {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.clone()).unwrap_or_else(|| "Unknown".into());
    let waiting = status
        .into_iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let tone = if phase == "Running" && waiting.is_none() { Tone::Good } else { Tone::Busy };
    let words = waiting.map_or_else(|| phase.clone(), |waiting| format!("{phase}, {waiting}"));
    let mut node = Node::of(pod.objref(), tone, words);
    let conditions = status.into_iter().flat_map(|status| status.conditions.iter().flatten());
    let false_ones = conditions.filter(|condition| condition.status == "False");
    node.details.extend(false_ones.filter_map(|condition| {
        let message = condition.message.clone()?;
        Some(Detail::new(condition.type_.clone(), message))
    }));
    node
}

fn service(service: &Service) -> Node {
    let spec = service.spec.as_ref();
    let type_ = spec.and_then(|spec| spec.type_.clone()).unwrap_or_else(|| "ClusterIP".into());
    let ports: Vec<_> =
        spec.into_iter().flat_map(|spec| spec.ports.iter().flatten()).map(|port| port.port.to_string()).collect();
    Node::of(service.objref(), Tone::Good, format!("{type_}, port {}", ports.join(", ")))
}

fn ingress(ingress: &Ingress) -> Node {
    let spec = ingress.spec.as_ref();
    let class = spec
        .and_then(|spec| spec.ingress_class_name.clone())
        .or_else(|| ingress.annotation("kubernetes.io/ingress.class").map(str::to_owned));
    let addresses: Vec<String> = ingress
        .status
        .iter()
        .flat_map(|status| status.load_balancer.iter())
        .flat_map(|balancer| balancer.ingress.iter().flatten())
        .filter_map(|address| address.ip.clone().or_else(|| address.hostname.clone()))
        .collect();
    let class = class.map_or_else(|| "no class".to_owned(), |class| format!("class {class}"));
    let (tone, address) = if addresses.is_empty() {
        (Tone::Busy, "no address yet".to_owned())
    } else {
        (Tone::Good, addresses.join(", "))
    };
    Node::of(ingress.objref(), tone, format!("{class}, {address}"))
}

fn route(route: &HttpRoute) -> Node {
    let parents = &route.status.parents;
    let refused: Vec<_> = parents
        .iter()
        .flat_map(|parent| &parent.conditions)
        .filter(|condition| condition.is_false())
        .map(condition)
        .collect();
    let (tone, words) = if parents.is_empty() {
        (Tone::Busy, "no Gateway has taken it up")
    } else if refused.is_empty() {
        (Tone::Good, "accepted")
    } else {
        (Tone::Bad, "not accepted")
    };
    let mut node = Node::of(route.objref(), tone, words);
    node.details = refused;
    node
}

//! What to ask next, from what is known so far. Pure.
//!
//! Names of requests, Orders and Challenges are computed as cert-manager computes them, so that a live chain is
//! followed by GETs. Only where a computed name is not there are the namespace's objects looked through, by metadata.

use super::sweep::WORKLOADS;
use super::{Ask, Reach, start};
use crate::api::{AcmeIssuer, AcmeSolver, AcmeState, Certificate, ChallengeType, Object, Secret, annotation};
use crate::chain::{ChallengeNode, IssuerView, OrderNode, RequestNode, Role, Stray, names};
use crate::engine::Stage;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::objref::{Kind, ObjRef};
use crate::x509;

/// The open questions about one target. Those that were asked before are taken out by the caller.
/// `own` is the namespace that the user works in.
pub fn open_questions(facts: &Facts, reach: Reach, own: &str) -> Vec<Ask> {
    let subject = &facts.chain.subject;
    let mut asks = Vec::new();
    if subject.kind != Kind::Host {
        // A cluster without cert-manager is one thing, a cluster without the Gateway API another.
        asks.push(Ask::Get { object: subject.clone(), essential: subject.kind.is_cert_managers() });
    }
    start::open_questions(&mut asks, facts, own);
    if facts.chain.subject.kind == Kind::Certificate && reach != Reach::Table {
        asks.push(Ask::EventsOf { object: facts.chain.subject.clone() });
    }
    match facts.chain.certificate.seen() {
        Some(certificate) => below_certificate(&mut asks, facts, certificate, reach),
        None => above_subject(&mut asks, facts),
    }
    issuer(&mut asks, facts);
    for node in &facts.chain.requests {
        below_request(&mut asks, facts, node);
    }
    if let Some(stray) = &facts.chain.stray {
        below_stray(&mut asks, facts, stray);
    }
    if reach == Reach::Causes {
        around(&mut asks, facts);
    }
    if reach == Reach::Table {
        // Where the status lags behind, an event tells that a Challenge is presented.
        let lags = facts.stage == Stage::ChallengeScheduled;
        asks.retain(|ask| ask.tells_stage() || lags && ask.is_about_events_of(Kind::Challenge));
    }
    asks
}

/// Walks up by the owners' names, until a Certificate is found or there is none.
fn above_subject(asks: &mut Vec<Ask>, facts: &Facts) {
    let subject = &facts.chain.subject;
    let namespace = subject.namespace.as_deref();
    let inventory = facts.inventory;
    let challenges = inventory.challenges.iter().filter_map(controller);
    let orders = inventory.orders.iter().filter_map(controller);
    let requests = inventory.requests.iter().filter_map(controller);
    for (kind, name) in challenges.chain(orders).chain(requests) {
        if [Kind::Certificate, Kind::CertificateRequest, Kind::Order].contains(&kind) {
            asks.push(Ask::get(ObjRef::new(kind, namespace, &name)));
        }
    }
    if let Some(secret) = facts.chain.secret.seen()
        && let Some(name) = secret.annotation(annotation::CERTIFICATE_NAME)
    {
        asks.push(Ask::get(ObjRef::new(Kind::Certificate, namespace, name)));
    }
}

/// Kind and name of the controlling owner.
fn controller<T: Object>(object: &T) -> Option<(Kind, String)> {
    let owner = object.controller()?;
    Some((Kind::from_api(&owner.api_version, &owner.kind)?, owner.name.clone()))
}

fn below_certificate(asks: &mut Vec<Ask>, facts: &Facts, certificate: &Certificate, reach: Reach) {
    let namespace = certificate.namespace();
    asks.push(Ask::get(ObjRef::new(Kind::Secret, namespace, &certificate.spec.secret_name)));
    let current = certificate.status.revision.unwrap_or(0);
    let at_work = !matches!(facts.stage, Stage::Settled { .. });
    for revision in [current, current + 1].into_iter().filter(|revision| *revision > 0) {
        asks.push(Ask::get(ObjRef::new(
            Kind::CertificateRequest,
            namespace,
            &names::request_name(certificate, revision),
        )));
    }
    if !certificate.spec.issuer_ref.is_external() {
        let revision = if at_work { current + 1 } else { current };
        let guess = names::expected_order_name(certificate, revision, acme(facts));
        asks.push(Ask::get(ObjRef::new(Kind::Order, namespace, &guess)));
    }
    let Some(uid) = certificate.uid() else { return };
    let owned = || Ask::OwnedBy {
        kind: Kind::CertificateRequest,
        namespace: namespace.unwrap_or_default().to_owned(),
        uid: uid.to_owned(),
    };
    let next = names::request_name(certificate, current + 1);
    let next_is_missing = facts.inventory.get::<crate::api::CertificateRequest>(namespace, &next).is_absent();
    // With the gate StableCertificateRequestName off, requests carry random names.
    let named_otherwise = matches!(facts.stage, Stage::Request | Stage::BackOff { .. }) && next_is_missing;
    if named_otherwise || reach == Reach::History {
        asks.push(owned());
    }
}

fn issuer(asks: &mut Vec<Ask>, facts: &Facts) {
    let Some(reference) = facts.chain.issuer_ref else { return };
    let namespace = namespace(facts);
    match reference.objref(&namespace) {
        Some(object) => asks.push(Ask::get(object)),
        None if reference.is_external() => asks.push(Ask::GetExternal {
            group: reference.group_or_default().to_owned(),
            kind: reference.kind_or_default().to_owned(),
            namespace,
            name: reference.name.clone(),
        }),
        None => {}
    }
}

fn below_request(asks: &mut Vec<Ask>, facts: &Facts, node: &RequestNode) {
    let request = node.request;
    let namespace = request.namespace();
    let in_flight = facts.chain.in_flight().is_some_and(|flying| std::ptr::eq(flying.request, request));
    if in_flight && node.role != Role::Current {
        asks.push(Ask::EventsOf { object: request.objref() });
    }
    let issuer = acme(facts);
    if issuer.is_none() && !may_be_acme(facts) {
        return;
    }
    let known = in_flight || node.role == Role::Current;
    if let Some(order) = node.order() {
        if in_flight {
            asks.push(Ask::EventsOf { object: order.order.objref() });
            below_order(asks, facts, order, issuer);
        }
    } else if known && let Some(csr) = request.csr_pem().and_then(|pem| x509::Request::from_pem(&pem).ok()) {
        let name = names::order_name(request, &csr, issuer);
        let computed = ObjRef::new(Kind::Order, namespace, &name);
        let is_missing = facts.inventory.get::<crate::api::Order>(namespace, &name).is_absent();
        asks.push(Ask::get(computed));
        if is_missing
            && in_flight
            && let Some(uid) = request.uid()
        {
            asks.push(owned(Kind::Order, namespace, uid));
        }
    }
}

/// An Order or a Challenge whose owners are gone or out of sight.
fn below_stray(asks: &mut Vec<Ask>, facts: &Facts, stray: &Stray) {
    match stray {
        Stray::Order(node) => {
            asks.push(Ask::EventsOf { object: node.order.objref() });
            below_order(asks, facts, node, acme(facts));
        }
        Stray::Challenge(node) => {
            beside_challenge(asks, node);
            existing_objects(asks, node);
        }
    }
}

fn below_order(asks: &mut Vec<Ask>, facts: &Facts, node: &OrderNode, issuer: Option<&AcmeIssuer>) {
    let order = node.order;
    let namespace = order.namespace();
    if order.status.state == Some(AcmeState::Valid) || order.status.authorizations.is_empty() {
        return;
    }
    let Some(issuer) = issuer else {
        // The names of Challenges carry a hash of the solver, which only the issuer tells.
        asks.extend(order.uid().map(|uid| owned(Kind::Challenge, namespace, uid)));
        for challenge in &node.challenges {
            beside_challenge(asks, challenge);
            existing_objects(asks, challenge);
        }
        return;
    };
    let computed = names::challenge_names(order, issuer).unwrap_or_default();
    for name in &computed {
        asks.push(Ask::get(ObjRef::new(Kind::Challenge, namespace, name)));
    }
    let all_missing =
        computed.iter().all(|name| facts.inventory.get::<crate::api::Challenge>(namespace, name).is_absent());
    // The issuer was edited since, or a Challenge was made by another release.
    if all_missing
        && !computed.is_empty()
        && let Some(uid) = order.uid()
    {
        asks.push(owned(Kind::Challenge, namespace, uid));
    }
    // Solver objects carry hashes of name and token as labels, so they are asked for beside their Challenge.
    for (authorization, planned) in names::planned_challenges(order, issuer) {
        let Ok(planned) = planned else { continue };
        let challenge = ObjRef::new(Kind::Challenge, namespace, &planned.name);
        asks.push(Ask::EventsOf { object: challenge });
        if planned.spec.type_ == ChallengeType::Http01 {
            let selector = names::solver_selector(&authorization.identifier, &planned.spec.token);
            solver_objects(asks, namespace, &selector, &planned.spec.solver);
        }
    }
    for challenge in &node.challenges {
        if !computed.iter().any(|name| name == challenge.challenge.name()) {
            beside_challenge(asks, challenge);
        }
        existing_objects(asks, challenge);
    }
}

/// What belongs to a Challenge that was seen.
fn beside_challenge(asks: &mut Vec<Ask>, node: &ChallengeNode) {
    let (challenge, spec) = (node.challenge, &node.challenge.spec);
    asks.push(Ask::EventsOf { object: challenge.objref() });
    if spec.type_ == ChallengeType::Http01 {
        let selector = names::solver_selector(&spec.dns_name, &spec.token);
        solver_objects(asks, challenge.namespace(), &selector, &spec.solver);
    }
}

fn solver_objects(asks: &mut Vec<Ask>, namespace: Option<&str>, selector: &str, solver: &AcmeSolver) {
    let by_gateway = solver.http01.as_ref().is_some_and(|http01| http01.gateway_http_route.is_some());
    let route = if by_gateway { Kind::HttpRoute } else { Kind::Ingress };
    for kind in [Kind::Pod, Kind::Service, route] {
        asks.push(Ask::List { kind, namespace: namespace.map(str::to_owned), selector: selector.to_owned() });
    }
}

/// What the solver names but did not make: an Ingress to edit in place, Gateways to attach to.
fn existing_objects(asks: &mut Vec<Ask>, node: &ChallengeNode) {
    let namespace = node.challenge.namespace();
    let Some(http01) = &node.challenge.spec.solver.http01 else { return };
    if let Some(ingress) = http01.ingress.as_ref().filter(|ingress| !ingress.name.is_empty()) {
        asks.push(Ask::get(ObjRef::new(Kind::Ingress, namespace, &ingress.name)));
    }
    for parent in http01.gateway_http_route.iter().flat_map(|gateway| &gateway.parent_refs) {
        let theirs = parent.namespace.as_deref().or(namespace);
        asks.push(Ask::get(ObjRef::new(Kind::Gateway, theirs, &parent.name)));
    }
}

/// What helps to tell causes apart when something stands still.
fn around(asks: &mut Vec<Ask>, facts: &Facts) {
    let namespace = namespace(facts);
    let list = |kind: Kind, namespace: Option<&str>, selector: &str| Ask::List {
        kind,
        namespace: namespace.map(str::to_owned),
        selector: selector.to_owned(),
    };
    let waits_for_issuer =
        matches!(facts.stage, Stage::Issuer | Stage::Order | Stage::RequestFailed | Stage::OrderFailed)
            || matches!(facts.stage, Stage::BackOff { .. })
            || matches!(facts.chain.subject.kind, Kind::Issuer | Kind::ClusterIssuer);
    if waits_for_issuer {
        if facts.chain.issuer.is_absent() {
            asks.push(list(Kind::Issuer, None, ""));
            asks.push(list(Kind::ClusterIssuer, None, ""));
        }
        if let Some(IssuerView::Builtin { objref, .. }) = facts.chain.issuer.seen() {
            asks.push(Ask::EventsOf { object: objref.clone() });
        }
    }
    if waits_for_issuer || matches!(facts.stage, Stage::ChallengeScheduled) {
        for secret in issuer_secrets(facts) {
            // A ClusterIssuer's Secret that is not where it looks is mostly beside the Certificate.
            let is_missing = facts.inventory.at::<Secret>(&secret).is_absent();
            if is_missing && !namespace.is_empty() {
                asks.push(Ask::get(ObjRef::new(Kind::Secret, Some(&namespace), &secret.name)));
            }
            asks.push(Ask::get(secret));
        }
    }
    // At `Authorizations` the Challenges are asked for in this very wave; what may explain them is not left for the next.
    // What the CA refused is told by the back-off that follows.
    let challenge_stands = matches!(
        facts.stage,
        Stage::ChallengeSelfCheck | Stage::ChallengeFailed | Stage::Authorizations | Stage::BackOff { .. }
    );
    if challenge_stands && is_http01(facts) {
        asks.push(list(Kind::IngressClass, None, ""));
        asks.push(list(Kind::Ingress, Some(&namespace), ""));
    }
    if facts.stage == Stage::ChallengeQueued {
        asks.push(list(Kind::Challenge, None, ""));
    }
    // The controller's flags say how many Challenges run at once, and which name servers it asks.
    if matches!(facts.stage, Stage::ChallengeQueued | Stage::ChallengeSelfCheck) {
        asks.push(list(Kind::Deployment, None, WORKLOADS));
    }
    let controller_stands = matches!(
        facts.stage,
        Stage::Trigger | Stage::Key | Stage::Request | Stage::Approval | Stage::Issuer | Stage::Issued | Stage::Order
    );
    // What leads to a Certificate has no stage of its own: it stands only where a Certificate is not made.
    let leads = matches!(
        facts.chain.subject.kind,
        Kind::Host | Kind::Ingress | Kind::Gateway | Kind::ListenerSet | Kind::HttpRoute | Kind::Pod
    );
    let controller_stands = if leads { facts.unmade().is_some() } else { controller_stands };
    if controller_stands || waits_for_issuer {
        asks.push(list(Kind::Deployment, None, WORKLOADS));
        for workload in &facts.installation().workloads {
            let theirs = workload.deployment.namespace();
            asks.push(list(Kind::Pod, theirs, WORKLOADS));
            asks.push(list(Kind::EndpointSlice, theirs, ""));
            for namespace in [theirs, Some("kube-system")] {
                asks.push(Ask::get(ObjRef::new(Kind::Lease, namespace, "cert-manager-controller")));
            }
        }
    }
    // Another Certificate may write to the same Secret; only the list tells, so it is asked for when nothing else
    // explains why no issuance starts.
    let unexplained = facts.stage == Stage::Trigger
        && facts.is_older_than(facts.chain.certificate.seen().and_then(|c| c.created()), 60);
    if unexplained && facts.chain.certificate.seen().is_some() {
        asks.push(list(Kind::Certificate, Some(&namespace), ""));
    }
}

/// Whether some Challenge of the issuance is an HTTP-01 one, or will be.
fn is_http01(facts: &Facts) -> bool {
    let Ok(node) = facts.order() else { return false };
    let planned = acme(facts).map(|issuer| names::planned_challenges(node.order, issuer)).unwrap_or_default();
    let planned = planned.iter().filter_map(|(_, planned)| planned.as_ref().ok()).map(|planned| &planned.spec.type_);
    node.challenges
        .iter()
        .map(|node| &node.challenge.spec.type_)
        .chain(planned)
        .any(|type_| *type_ == ChallengeType::Http01)
}

/// The Secrets that an issuer's spec names, where cert-manager would read them.
fn issuer_secrets(facts: &Facts) -> Vec<ObjRef> {
    let Some(IssuerView::Builtin { objref, spec, .. }) = facts.chain.issuer.seen() else { return Vec::new() };
    let resource_namespace = facts.cluster_resource_namespace();
    let namespace = objref.namespace.as_deref().unwrap_or(&resource_namespace);
    spec.secret_names().into_iter().map(|name| ObjRef::new(Kind::Secret, Some(namespace), name)).collect()
}

fn owned(kind: Kind, namespace: Option<&str>, uid: &str) -> Ask {
    Ask::OwnedBy { kind, namespace: namespace.unwrap_or_default().to_owned(), uid: uid.to_owned() }
}

fn acme<'i>(facts: &Facts<'i>) -> Option<&'i AcmeIssuer> {
    match &facts.chain.issuer {
        Fact::Seen(IssuerView::Builtin { spec, .. }) => spec.acme.as_ref(),
        Fact::Seen(IssuerView::External(_)) | Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => {
            None
        }
    }
}

/// Whether the issuer is out of sight for good, so that only its request can tell of what kind it is.
fn may_be_acme(facts: &Facts) -> bool {
    match &facts.chain.issuer {
        Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) => {
            facts.chain.issuer_ref.is_some_and(|reference| !reference.is_external())
        }
        Fact::Seen(_) | Fact::NotLooked(_) => false,
    }
}

fn namespace(facts: &Facts) -> String {
    facts.chain.subject.namespace.clone().unwrap_or_default()
}

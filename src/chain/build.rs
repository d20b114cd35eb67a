//! Links objects into a [`Chain`] by cert-manager's own rules.
//!
//! Links go by the controlling owner's UID; annotations only find what cert-manager itself would not. Whatever
//! kind the walk starts from, it goes up to the root first and then down, so every target sees the same chain.

use super::{Chain, ChallengeNode, IssuerView, OrderNode, Present, RequestNode, Role, Stray, Tie};
use crate::api::{
    Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, IssuerRef, Object, Order, Secret, annotation,
};
use crate::fact::{Fact, WhyNot};
use crate::inventory::{Inventory, Stored, last_seen};
use crate::objref::{Kind, ObjRef};

impl<'i> Chain<'i> {
    /// The chain that `subject` belongs to. Never fails: what is missing is a fact in it.
    pub fn of(inventory: &'i Inventory, subject: &ObjRef) -> Self {
        let namespace = subject.namespace.as_deref();
        match subject.kind {
            Kind::Certificate => match inventory.get::<Certificate>(namespace, &subject.name) {
                Fact::Seen(certificate) => Self::under_certificate(inventory, subject, certificate),
                missing @ (Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
                    Self { certificate: missing, ..Self::bare(subject) }
                }
            },
            Kind::CertificateRequest => inventory
                .get::<CertificateRequest>(namespace, &subject.name)
                .seen()
                .map_or_else(|| Self::bare(subject), |request| Self::around_request(inventory, subject, request)),
            Kind::Order => inventory
                .get::<Order>(namespace, &subject.name)
                .seen()
                .map_or_else(|| Self::bare(subject), |order| Self::around_order(inventory, subject, order)),
            Kind::Challenge => inventory
                .get::<Challenge>(namespace, &subject.name)
                .seen()
                .map_or_else(|| Self::bare(subject), |challenge| Self::around_challenge(inventory, subject, challenge)),
            Kind::Secret => Self::around_secret(inventory, subject),
            Kind::Issuer => Self {
                issuer: inventory.get::<Issuer>(namespace, &subject.name).map(IssuerView::of_issuer),
                ..Self::bare(subject)
            },
            Kind::ClusterIssuer => Self {
                issuer: inventory.get::<ClusterIssuer>(None, &subject.name).map(IssuerView::of_cluster_issuer),
                ..Self::bare(subject)
            },
            Kind::Event
            | Kind::Pod
            | Kind::Service
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::HttpRoute
            | Kind::Gateway
            | Kind::ListenerSet
            | Kind::Deployment
            | Kind::Lease
            | Kind::EndpointSlice
            | Kind::Host => Self::bare(subject),
        }
    }

    fn bare(subject: &ObjRef) -> Self {
        Self {
            subject: subject.clone(),
            certificate: Fact::NotLooked(WhyNot::NotReferenced),
            issuer_ref: None,
            issuer: Fact::NotLooked(WhyNot::NotReferenced),
            secret: Fact::NotLooked(WhyNot::NotReferenced),
            requests: Vec::new(),
            stray: None,
        }
    }

    fn under_certificate(inventory: &'i Inventory, subject: &ObjRef, certificate: &'i Certificate) -> Self {
        let namespace = certificate.namespace().unwrap_or_default();
        let secret_name = &certificate.spec.secret_name;
        let owned = certificate.uid().map(|uid| inventory.requests.owned_by(uid)).into_iter().flatten();
        let mut requests: Vec<_> = owned
            .filter(|request| request.namespace() == Some(namespace))
            .map(|request| RequestNode::new(inventory, request, Tie::Owner, role(certificate, request)))
            .collect();
        for request in inventory.requests_naming(namespace, certificate.name()) {
            // An owned one is there already.
            if certificate.uid().is_none_or(|uid| request.controller_uid() != Some(uid)) {
                requests.push(RequestNode::new(inventory, request, Tie::AnnotationOnly, role(certificate, request)));
            }
        }
        requests.sort_by_key(|node| std::cmp::Reverse((node.request.revision(), node.request.created())));
        Self {
            subject: subject.clone(),
            certificate: Fact::Seen(certificate),
            issuer_ref: Some(&certificate.spec.issuer_ref),
            issuer: IssuerView::resolve(inventory, &certificate.spec.issuer_ref, namespace),
            secret: inventory.get::<Secret>(Some(namespace), secret_name),
            requests,
            stray: None,
        }
    }

    fn around_request(inventory: &'i Inventory, subject: &ObjRef, request: &'i CertificateRequest) -> Self {
        match owner::<Certificate>(inventory, request) {
            Some(Fact::Seen(certificate)) if certificate.uid() == request.controller_uid() => {
                Self::under_certificate(inventory, subject, certificate)
            }
            // A Certificate of that name exists, but it is another one: the request's owner was deleted.
            Some(Fact::Seen(_)) => Self::under_request(inventory, subject, request, Fact::Absent),
            Some(missing) => Self::under_request(inventory, subject, request, missing),
            None => Self::under_request(inventory, subject, request, Fact::NotLooked(WhyNot::NotReferenced)),
        }
    }

    fn under_request(
        inventory: &'i Inventory,
        subject: &ObjRef,
        request: &'i CertificateRequest,
        certificate: Fact<&'i Certificate>,
    ) -> Self {
        Self {
            certificate,
            requests: vec![RequestNode::new(inventory, request, Tie::Root, Role::Stray)],
            ..Self::bare(subject).with_issuer(inventory, &request.spec.issuer_ref, request.namespace())
        }
    }

    fn around_order(inventory: &'i Inventory, subject: &ObjRef, order: &'i Order) -> Self {
        match owner::<CertificateRequest>(inventory, order) {
            Some(Fact::Seen(request)) => Self::around_request(inventory, subject, request),
            None | Some(Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => Self {
                stray: Some(Stray::Order(OrderNode::new(inventory, order))),
                ..Self::bare(subject).with_issuer(inventory, &order.spec.issuer_ref, order.namespace())
            },
        }
    }

    fn around_challenge(inventory: &'i Inventory, subject: &ObjRef, challenge: &'i Challenge) -> Self {
        match owner::<Order>(inventory, challenge) {
            Some(Fact::Seen(order)) => Self::around_order(inventory, subject, order),
            None | Some(Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => Self {
                stray: Some(Stray::Challenge(ChallengeNode::new(inventory, challenge))),
                ..Self::bare(subject).with_issuer(inventory, &challenge.spec.issuer_ref, challenge.namespace())
            },
        }
    }

    fn around_secret(inventory: &'i Inventory, subject: &ObjRef) -> Self {
        let namespace = subject.namespace.as_deref().unwrap_or_default();
        let secret = inventory.get::<Secret>(Some(namespace), &subject.name);
        let writers: Vec<_> = inventory.certificates_for_secret(namespace, &subject.name).collect();
        let named = secret.seen().and_then(|secret| secret.annotation(annotation::CERTIFICATE_NAME));
        let owner = writers
            .iter()
            .find(|certificate| Some(certificate.name()) == named)
            .or_else(|| writers.iter().min_by_key(|certificate| (certificate.created(), certificate.name())));
        match owner {
            Some(certificate) => Self::under_certificate(inventory, subject, certificate),
            None => Self { secret, ..Self::bare(subject) },
        }
    }

    fn with_issuer(self, inventory: &'i Inventory, reference: &'i IssuerRef, namespace: Option<&str>) -> Self {
        let issuer = IssuerView::resolve(inventory, reference, namespace.unwrap_or_default());
        Self { issuer_ref: Some(reference), issuer, ..self }
    }
}

/// What is known of the controlling owner, if that is of kind `O`.
fn owner<'i, O: Stored>(inventory: &'i Inventory, owned: &impl Object) -> Option<Fact<&'i O>> {
    let controller = owned.controller().filter(|owner| owner.kind == O::KIND.word())?;
    Some(inventory.get::<O>(owned.namespace(), &controller.name))
}

/// Which issuance a request is of (the request of revision `status.revision + 1` is the next one).
fn role(certificate: &Certificate, request: &CertificateRequest) -> Role {
    let current = certificate.status.revision.unwrap_or(0);
    match request.revision() {
        Some(revision) if revision == current && current > 0 => Role::Current,
        Some(revision) if revision == current + 1 => Role::Next,
        Some(revision) if revision < current => Role::Older,
        Some(_) | None => Role::Stray,
    }
}

impl<'i> RequestNode<'i> {
    fn new(inventory: &'i Inventory, request: &'i CertificateRequest, tie: Tie, role: Role) -> Self {
        let owned = request.uid().map(|uid| inventory.orders.owned_by(uid)).into_iter().flatten();
        let mut orders: Vec<_> = owned
            .filter(|order| order.namespace() == request.namespace())
            .map(|order| OrderNode::new(inventory, order))
            .collect();
        orders.sort_by_key(|node| std::cmp::Reverse(node.order.created()));
        Self { request, tie, role, orders }
    }
}

impl<'i> OrderNode<'i> {
    fn new(inventory: &'i Inventory, order: &'i Order) -> Self {
        let owned = order.uid().map(|uid| inventory.challenges.owned_by(uid)).into_iter().flatten();
        let challenges = owned
            .filter(|challenge| challenge.namespace() == order.namespace())
            .map(|challenge| ChallengeNode::new(inventory, challenge))
            .collect();
        Self { order, challenges }
    }
}

impl<'i> ChallengeNode<'i> {
    fn new(inventory: &'i Inventory, challenge: &'i Challenge) -> Self {
        let uid = challenge.uid().unwrap_or_default();
        Self {
            challenge,
            pods: inventory.pods.owned_by(uid).collect(),
            services: inventory.services.owned_by(uid).collect(),
            ingresses: inventory.ingresses.owned_by(uid).collect(),
            routes: inventory.http_routes.owned_by(uid).collect(),
            last_present: last_present(inventory, challenge),
        }
    }
}

/// Events outlive what they tell of, so those of a former Challenge of the name are left out by their time too.
fn last_present(inventory: &Inventory, challenge: &Challenge) -> Option<Present> {
    let events = inventory.events_of(challenge).rev();
    let mut fresh = events.filter(|event| last_seen(event) >= challenge.created());
    fresh.find_map(|event| match event.reason.as_deref() {
        Some("Presented") => Some(Present::Done),
        Some("PresentError") => Some(Present::Failed),
        Some(_) | None => None,
    })
}

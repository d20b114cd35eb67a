//! All objects that a source gave, indexed, with what it did not give.
//!
//! Both sources fill one of these: the cluster while it follows a chain, a folder of saved objects at once.
//! It answers look-ups with a [`Fact`]; it never fetches and never judges.

mod crossref;

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::api::{
    Certificate, CertificateRequest, Challenge, ClusterIssuer, ExternalIssuer, Gateway, HttpRoute, Issuer, ListenerSet,
    Object, Order, Secret,
};
use crate::fact::{Denial, Fact, Failure, WhyNot};
use crate::objref::{Kind, ObjRef};

/// Objects of one kind, sorted by namespace and name.
#[derive(Clone, Debug)]
pub struct Store<T> {
    items: Vec<T>,
    by_owner: HashMap<String, Vec<usize>>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: Vec::new(), by_owner: HashMap::new() }
    }
}

impl<T: Object> Store<T> {
    /// Sorts and indexes. Of several objects with one name the first given wins, as in a bundle with copies.
    fn new(mut items: Vec<T>) -> Self {
        items.sort_by(|a, b| key(a).cmp(&key(b)));
        items.dedup_by(|later, first| key(later) == key(first));
        let mut by_owner: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            if let Some(uid) = item.controller_uid() {
                by_owner.entry(uid.to_owned()).or_default().push(index);
            }
        }
        Self { items, by_owner }
    }

    fn find(&self, namespace: Option<&str>, name: &str) -> Option<&T> {
        let wanted = (namespace.unwrap_or_default(), name);
        self.items.binary_search_by(|item| key(item).cmp(&wanted)).ok().map(|index| &self.items[index])
    }

    /// Every object, sorted by namespace and name.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.items.iter()
    }

    /// The objects of one namespace, sorted by name.
    pub fn in_namespace(&self, namespace: &str) -> &[T] {
        let start = self.items.partition_point(|item| key(item).0 < namespace);
        let end = self.items.partition_point(|item| key(item).0 <= namespace);
        &self.items[start..end]
    }

    /// The objects whose controlling owner has this UID, sorted by name.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &T> {
        self.by_owner.get(uid).into_iter().flatten().map(|index| &self.items[*index])
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

fn key<T: Object>(item: &T) -> (&str, &str) {
    (item.namespace().unwrap_or_default(), item.name())
}

/// The objects as they come in, before they are indexed.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub certificates: Vec<Certificate>,
    pub requests: Vec<CertificateRequest>,
    pub orders: Vec<Order>,
    pub challenges: Vec<Challenge>,
    pub issuers: Vec<Issuer>,
    pub cluster_issuers: Vec<ClusterIssuer>,
    pub external_issuers: Vec<ExternalIssuer>,
    pub secrets: Vec<Secret>,
    pub events: Vec<Event>,
    pub pods: Vec<Pod>,
    pub services: Vec<Service>,
    pub ingresses: Vec<Ingress>,
    pub ingress_classes: Vec<IngressClass>,
    pub http_routes: Vec<HttpRoute>,
    pub gateways: Vec<Gateway>,
    pub listener_sets: Vec<ListenerSet>,
    pub deployments: Vec<Deployment>,
    pub leases: Vec<Lease>,
    pub endpoint_slices: Vec<EndpointSlice>,
    /// What was asked for and how that went.
    pub coverage: Coverage,
    /// Parts of the source that could not be read, whatever they held.
    pub unread: Vec<Failure>,
}

impl Objects {
    /// Adds the objects of another reading. What was asked for is not theirs to say.
    pub fn absorb(&mut self, more: Self) {
        self.certificates.extend(more.certificates);
        self.requests.extend(more.requests);
        self.orders.extend(more.orders);
        self.challenges.extend(more.challenges);
        self.issuers.extend(more.issuers);
        self.cluster_issuers.extend(more.cluster_issuers);
        self.external_issuers.extend(more.external_issuers);
        self.secrets.extend(more.secrets);
        self.events.extend(more.events);
        self.pods.extend(more.pods);
        self.services.extend(more.services);
        self.ingresses.extend(more.ingresses);
        self.ingress_classes.extend(more.ingress_classes);
        self.http_routes.extend(more.http_routes);
        self.gateways.extend(more.gateways);
        self.listener_sets.extend(more.listener_sets);
        self.deployments.extend(more.deployments);
        self.leases.extend(more.leases);
        self.endpoint_slices.extend(more.endpoint_slices);
        self.unread.extend(more.unread);
    }
}

/// What was asked of the source, and the answer where it was not simply the objects.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    answers: BTreeMap<(Kind, Scope), Answer>,
}

/// How much of a kind a question covered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One object: namespace and name.
    Named(Option<String>, String),
    /// The objects owned by the one with this UID.
    OwnedBy(String),
    /// A whole namespace.
    Namespace(String),
    /// The whole cluster.
    Cluster,
}

/// How a question went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Everything there is was given; what is not in the inventory is not there.
    Complete,
    Hidden(Denial),
    Failed(Failure),
}

impl Coverage {
    /// Notes the answer to one question. A later answer to the same question replaces it.
    pub fn record(&mut self, kind: Kind, scope: Scope, answer: Answer) {
        self.answers.insert((kind, scope), answer);
    }

    /// Whether a question was put, whatever the answer.
    pub fn has(&self, kind: Kind, scope: &Scope) -> bool {
        self.answers.contains_key(&(kind, scope.clone()))
    }

    /// Every object that was asked for by name.
    pub fn named(&self) -> impl Iterator<Item = ObjRef> {
        self.answers.keys().filter_map(|(kind, scope)| match scope {
            Scope::Named(namespace, name) => Some(ObjRef::new(*kind, namespace.as_deref(), name)),
            Scope::OwnedBy(_) | Scope::Namespace(_) | Scope::Cluster => None,
        })
    }

    /// Every object that was asked for by name and for which an answer came.
    pub fn named_complete(&self) -> impl Iterator<Item = ObjRef> {
        self.answers.iter().filter(|(_, answer)| **answer == Answer::Complete).filter_map(|((kind, scope), _)| {
            match scope {
                Scope::Named(namespace, name) => Some(ObjRef::new(*kind, namespace.as_deref(), name)),
                Scope::OwnedBy(_) | Scope::Namespace(_) | Scope::Cluster => None,
            }
        })
    }

    /// Whether any question about the kind was put.
    pub fn asked_about(&self, kind: Kind) -> bool {
        self.answers.keys().any(|(asked, _)| *asked == kind)
    }

    /// The first question about the kind that was refused or failed.
    pub fn refusal<T>(&self, kind: Kind) -> Option<Fact<T>> {
        self.troubles().find(|(asked, ..)| *asked == kind).and_then(|(_, _, answer)| match answer {
            Answer::Complete => None,
            Answer::Hidden(denial) => Some(Fact::Hidden(denial.clone())),
            Answer::Failed(failure) => Some(Fact::Failed(failure.clone())),
        })
    }

    /// Every question that was refused or failed, in stable order.
    pub fn troubles(&self) -> impl Iterator<Item = (Kind, &Scope, &Answer)> {
        self.answers
            .iter()
            .filter(|(_, answer)| !matches!(answer, Answer::Complete))
            .map(|((kind, scope), answer)| (*kind, scope, answer))
    }

    fn about(&self, kind: Kind, scopes: impl IntoIterator<Item = Scope>) -> Option<&Answer> {
        let mut found = None;
        for scope in scopes {
            match self.answers.get(&(kind, scope)) {
                Some(Answer::Complete) => return Some(&Answer::Complete),
                Some(trouble @ (Answer::Hidden(_) | Answer::Failed(_))) => found = found.or(Some(trouble)),
                None => {}
            }
        }
        found
    }
}

/// The indexed objects of one source.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub certificates: Store<Certificate>,
    pub requests: Store<CertificateRequest>,
    pub orders: Store<Order>,
    pub challenges: Store<Challenge>,
    pub issuers: Store<Issuer>,
    pub cluster_issuers: Store<ClusterIssuer>,
    pub external_issuers: Vec<ExternalIssuer>,
    pub secrets: Store<Secret>,
    pub pods: Store<Pod>,
    pub services: Store<Service>,
    pub ingresses: Store<Ingress>,
    pub ingress_classes: Store<IngressClass>,
    pub http_routes: Store<HttpRoute>,
    pub gateways: Store<Gateway>,
    pub listener_sets: Store<ListenerSet>,
    pub deployments: Store<Deployment>,
    pub leases: Store<Lease>,
    pub endpoint_slices: Store<EndpointSlice>,
    pub coverage: Coverage,
    /// Parts of the source that could not be read, whatever they held.
    pub unread: Vec<Failure>,
    events: Vec<Event>,
    events_by_object: HashMap<EventKey, Vec<usize>>,
    crossrefs: crossref::CrossRefs,
    certificates_by_secret: HashMap<(String, String), Vec<usize>>,
    requests_by_certificate_name: HashMap<(String, String), Vec<usize>>,
}

type EventKey = (String, String, String);

impl Inventory {
    /// Indexes what a source gave. Linear but for the sorting.
    pub fn new(objects: Objects) -> Self {
        let mut events = objects.events;
        events.sort_by_key(last_seen);
        let mut events_by_object: HashMap<EventKey, Vec<usize>> = HashMap::new();
        for (index, event) in events.iter().enumerate() {
            let object = &event.involved_object;
            let word = |text: &Option<String>| text.clone().unwrap_or_default();
            let key = (word(&object.kind), word(&object.namespace), word(&object.name));
            events_by_object.entry(key).or_default().push(index);
        }
        let certificates = Store::new(objects.certificates);
        let mut certificates_by_secret: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, certificate) in certificates.items.iter().enumerate() {
            let namespace = certificate.namespace().unwrap_or_default().to_owned();
            certificates_by_secret.entry((namespace, certificate.spec.secret_name.clone())).or_default().push(index);
        }
        let requests = Store::new(objects.requests);
        let mut requests_by_certificate_name: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, request) in requests.items.iter().enumerate() {
            if let Some(name) = request.certificate_name() {
                let namespace = request.namespace().unwrap_or_default().to_owned();
                requests_by_certificate_name.entry((namespace, name.to_owned())).or_default().push(index);
            }
        }
        let (ingresses, pods) = (Store::new(objects.ingresses), Store::new(objects.pods));
        let (challenges, deployments) = (Store::new(objects.challenges), Store::new(objects.deployments));
        Self {
            crossrefs: crossref::CrossRefs::new(&certificates, &challenges, &deployments, &ingresses, &pods),
            certificates,
            requests,
            orders: Store::new(objects.orders),
            challenges,
            issuers: Store::new(objects.issuers),
            cluster_issuers: Store::new(objects.cluster_issuers),
            external_issuers: objects.external_issuers,
            secrets: Store::new(objects.secrets),
            pods,
            services: Store::new(objects.services),
            ingresses,
            ingress_classes: Store::new(objects.ingress_classes),
            http_routes: Store::new(objects.http_routes),
            gateways: Store::new(objects.gateways),
            listener_sets: Store::new(objects.listener_sets),
            deployments,
            leases: Store::new(objects.leases),
            endpoint_slices: Store::new(objects.endpoint_slices),
            coverage: objects.coverage,
            unread: objects.unread,
            events,
            events_by_object,
            certificates_by_secret,
            requests_by_certificate_name,
        }
    }

    /// One object by name, and if it is not here, whether that means anything.
    pub fn get<'i, T: Stored>(&'i self, namespace: Option<&str>, name: &str) -> Fact<&'i T> {
        match T::store(self).find(namespace, name) {
            Some(object) => Fact::Seen(object),
            None => self.missing(T::KIND, namespace, Some(name)),
        }
    }

    /// What it means that no such object is in the inventory: [`Fact::Absent`] only if somebody looked.
    pub fn missing<T>(&self, kind: Kind, namespace: Option<&str>, name: Option<&str>) -> Fact<T> {
        let mut scopes = Vec::new();
        if let Some(name) = name {
            scopes.push(Scope::Named(namespace.map(str::to_owned), name.to_owned()));
        }
        if let Some(namespace) = namespace {
            scopes.push(Scope::Namespace(namespace.to_owned()));
        }
        scopes.push(Scope::Cluster);
        self.meaning(kind, scopes)
    }

    /// What it means that the object with this UID owns nothing of the kind.
    pub fn none_owned<T>(&self, kind: Kind, namespace: Option<&str>, owner_uid: &str) -> Fact<T> {
        let mut scopes = vec![Scope::OwnedBy(owner_uid.to_owned())];
        scopes.extend(namespace.map(|namespace| Scope::Namespace(namespace.to_owned())));
        scopes.push(Scope::Cluster);
        self.meaning(kind, scopes)
    }

    fn meaning<T>(&self, kind: Kind, scopes: Vec<Scope>) -> Fact<T> {
        match self.coverage.about(kind, scopes) {
            Some(Answer::Complete) => Fact::Absent,
            Some(Answer::Hidden(denial)) => Fact::Hidden(denial.clone()),
            Some(Answer::Failed(failure)) => Fact::Failed(failure.clone()),
            None => Fact::NotLooked(WhyNot::NotInSource),
        }
    }

    /// Every event of the source, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events about one object, oldest first. Those of a former object of the same name are left out when
    /// both UIDs are known.
    pub fn events_of<'i>(&'i self, object: &ObjRef, uid: Option<&str>) -> impl DoubleEndedIterator<Item = &'i Event> {
        let key = (object.kind.word().to_owned(), object.namespace.clone().unwrap_or_default(), object.name.clone());
        let uid = uid.map(str::to_owned);
        self.events_by_object.get(&key).into_iter().flatten().map(|index| &self.events[*index]).filter(move |event| {
            match (&event.involved_object.uid, &uid) {
                (Some(theirs), Some(ours)) if !theirs.is_empty() => theirs == ours,
                (Some(_) | None, Some(_) | None) => true,
            }
        })
    }

    /// The Certificates of a namespace that write to one Secret.
    pub fn certificates_for_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Certificate> {
        self.certificates_by_secret
            .get(&(namespace.to_owned(), secret.to_owned()))
            .into_iter()
            .flatten()
            .map(|index| &self.certificates.items[*index])
    }

    /// The requests that name a Certificate in their annotation, whoever owns them.
    pub fn requests_naming(&self, namespace: &str, certificate: &str) -> impl Iterator<Item = &CertificateRequest> {
        self.requests_by_certificate_name
            .get(&(namespace.to_owned(), certificate.to_owned()))
            .into_iter()
            .flatten()
            .map(|index| &self.requests.items[*index])
    }

    /// The namespaces that hold an object of this kind and name, sorted.
    pub fn namespaces_of(&self, kind: Kind, name: &str) -> Vec<String> {
        self.names(kind).filter(|(_, theirs)| *theirs == name).map(|(namespace, _)| namespace.to_owned()).collect()
    }

    /// Namespace and name of every object of a kind that can be asked about, sorted.
    pub fn names(&self, kind: Kind) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
        fn of<T: Object>(store: &Store<T>) -> Box<dyn Iterator<Item = (&str, &str)> + '_> {
            Box::new(store.iter().map(key))
        }
        match kind {
            Kind::Certificate => of(&self.certificates),
            Kind::CertificateRequest => of(&self.requests),
            Kind::Order => of(&self.orders),
            Kind::Challenge => of(&self.challenges),
            Kind::Issuer => of(&self.issuers),
            Kind::ClusterIssuer => of(&self.cluster_issuers),
            Kind::Secret => of(&self.secrets),
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
            | Kind::EndpointSlice => Box::new(std::iter::empty()),
        }
    }

    /// The newest time that any object of the source speaks of, as a stand-in for the time it was saved.
    pub fn newest_time(&self) -> Option<jiff::Timestamp> {
        let certificates = self.certificates.iter().filter_map(Object::created);
        let requests = self.requests.iter().filter_map(Object::created);
        let orders = self.orders.iter().filter_map(Object::created);
        let challenges = self.challenges.iter().filter_map(Object::created);
        let events = self.events.iter().filter_map(last_seen);
        certificates.chain(requests).chain(orders).chain(challenges).chain(events).max()
    }
}

/// When an event was last seen: the field depends on which client wrote it.
pub fn last_seen(event: &Event) -> Option<jiff::Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let event_time = event.event_time.as_ref().map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    series.max(last).or(event_time).or(created)
}

/// Kinds that the inventory keeps in a [`Store`].
pub trait Stored: Object + Sized + 'static {
    fn store(inventory: &Inventory) -> &Store<Self>;
}

macro_rules! stored {
    ($($kind:ty => $field:ident),+ $(,)?) => {
        $(impl Stored for $kind {
            fn store(inventory: &Inventory) -> &Store<Self> {
                &inventory.$field
            }
        })+
    };
}

stored! {
    Certificate => certificates,
    CertificateRequest => requests,
    Order => orders,
    Challenge => challenges,
    Issuer => issuers,
    ClusterIssuer => cluster_issuers,
    Secret => secrets,
    Pod => pods,
    Service => services,
    Ingress => ingresses,
    IngressClass => ingress_classes,
    HttpRoute => http_routes,
    Gateway => gateways,
    ListenerSet => listener_sets,
    Deployment => deployments,
    Lease => leases,
    EndpointSlice => endpoint_slices,
}

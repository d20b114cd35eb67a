//! All objects that a source gave, indexed, with what it did not give.
//!
//! Both sources fill one of these: the cluster while it follows a chain, a folder of saved objects at once.
//! It answers look-ups with a [`Fact`]; it never fetches and never judges.

mod crossref;
mod index;
mod log;
mod store;
#[cfg(test)]
pub mod walk;

use std::collections::{BTreeMap, HashSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::{
    Certificate, CertificateRequest, Challenge, ClusterIssuer, ExternalIssuer, Gateway, HttpRoute, Issuer, ListenerSet,
    Object, Order, Secret, json,
};
use crate::fact::{Denial, Fact, Failure, WhyNot};
use crate::objref::{Kind, ObjRef};
use index::Index;
use store::Names;

pub use crossref::speaks_of_proxy_protocol;
pub use log::{LogLine, Logs, PodLog, Run, Spoken};
pub use store::Store;

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
    /// What cert-manager's containers wrote.
    pub logs: Vec<PodLog>,
    /// The labels of cert-manager's own CustomResourceDefinitions, by name.
    pub definitions: BTreeMap<String, BTreeMap<String, String>>,
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
        self.logs.extend(more.logs);
        self.definitions.extend(more.definitions);
        self.unread.extend(more.unread);
    }

    /// Reads one object and takes it; `false` if nobody here speaks of its kind. Issuers of other groups are known by the
    /// end of their kind's name.
    pub fn take(&mut self, api_version: &str, kind: &str, json: &str) -> Result<bool, serde_json::Error> {
        fn push<T: DeserializeOwned>(into: &mut Vec<T>, from: &str) -> Result<(), serde_json::Error> {
            into.push(json::read(from)?);
            Ok(())
        }
        let from = json;
        match Kind::from_api(api_version, kind) {
            Some(Kind::Certificate) => push(&mut self.certificates, from)?,
            Some(Kind::CertificateRequest) => push(&mut self.requests, from)?,
            Some(Kind::Order) => push(&mut self.orders, from)?,
            Some(Kind::Challenge) => push(&mut self.challenges, from)?,
            Some(Kind::Issuer) => push(&mut self.issuers, from)?,
            Some(Kind::ClusterIssuer) => push(&mut self.cluster_issuers, from)?,
            Some(Kind::Secret) => push(&mut self.secrets, from)?,
            // Events of the newer group have other fields; kubectl saves the core ones.
            Some(Kind::Event) if api_version != "v1" => return Ok(false),
            Some(Kind::Event) => push(&mut self.events, from)?,
            Some(Kind::Pod) => push(&mut self.pods, from)?,
            Some(Kind::Service) => push(&mut self.services, from)?,
            Some(Kind::Ingress) => push(&mut self.ingresses, from)?,
            Some(Kind::IngressClass) => push(&mut self.ingress_classes, from)?,
            Some(Kind::HttpRoute) => push(&mut self.http_routes, from)?,
            Some(Kind::Gateway) => push(&mut self.gateways, from)?,
            Some(Kind::ListenerSet) => push(&mut self.listener_sets, from)?,
            Some(Kind::Deployment) => push(&mut self.deployments, from)?,
            Some(Kind::Lease) => push(&mut self.leases, from)?,
            Some(Kind::EndpointSlice) => push(&mut self.endpoint_slices, from)?,
            None if kind.ends_with("Issuer") => push(&mut self.external_issuers, from)?,
            None if kind == "CustomResourceDefinition" => {
                self.define(from)?;
                return Ok(false);
            }
            Some(Kind::Host) | None => return Ok(false),
        }
        Ok(true)
    }

    /// The newest time that an object of cert-manager's, or an event, speaks of.
    pub fn newest_time(&self) -> Option<jiff::Timestamp> {
        fn created<T: Object>(objects: &[T]) -> Option<jiff::Timestamp> {
            objects.iter().filter_map(Object::created).max()
        }
        let requests = created(&self.certificates).max(created(&self.requests));
        let acme = created(&self.orders).max(created(&self.challenges));
        requests.max(acme).max(self.events.iter().filter_map(last_seen).max())
    }

    /// Of a CustomResourceDefinition of cert-manager's own only its labels are kept: they tell which release it is of.
    fn define(&mut self, from: &str) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Labelled {
            metadata: LabelledMeta,
        }
        #[derive(Deserialize)]
        struct LabelledMeta {
            #[serde(default)]
            name: String,
            labels: Option<BTreeMap<String, String>>,
        }
        let LabelledMeta { name, labels } = json::read::<Labelled>(from)?.metadata;
        let is_own = |kind: Kind| kind.group().ends_with("cert-manager.io") && kind.resource() == name;
        if Kind::ALL.into_iter().any(is_own) {
            self.definitions.insert(name, labels.unwrap_or_default());
        }
        Ok(())
    }
}

/// What was asked of the source, and the answer where it was not simply the objects.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    answers: BTreeMap<(Kind, Scope), Answer>,
    /// The logs that were asked for in vain, by their place.
    silent: BTreeMap<String, Answer>,
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

    /// Every question that was put, in stable order.
    pub fn answers(&self) -> impl Iterator<Item = (Kind, &Scope, &Answer)> {
        self.answers.iter().map(|((kind, scope), answer)| (*kind, scope, answer))
    }

    /// Takes in the questions that were put elsewhere.
    pub fn absorb(&mut self, more: Self) {
        self.answers.extend(more.answers);
        self.silent.extend(more.silent);
    }

    /// Notes that a log was asked for in vain.
    pub fn record_log(&mut self, place: String, answer: Answer) {
        self.silent.insert(place, answer);
    }

    /// The logs that were asked for in vain, by their place, in stable order.
    pub fn silent_logs(&self) -> impl Iterator<Item = (&str, &Answer)> {
        self.silent.iter().map(|(place, answer)| (place.as_str(), answer))
    }

    /// Every object that was asked for by name.
    pub fn named(&self) -> impl Iterator<Item = ObjRef> {
        self.answers.keys().filter_map(|(kind, scope)| match scope {
            Scope::Named(namespace, name) => Some(ObjRef::new(*kind, namespace.as_deref(), name)),
            Scope::OwnedBy(_) | Scope::Namespace(_) | Scope::Cluster => None,
        })
    }

    /// Whether some object of the kind was asked for by name and an answer came.
    pub fn knows_a_name(&self, kind: Kind) -> bool {
        // Names are the first of a kind's scopes.
        let mut names = self.of_kind(kind).take_while(|(scope, _)| matches!(scope, Scope::Named(..)));
        names.any(|(_, answer)| *answer == Answer::Complete)
    }

    /// Whether any question about the kind was put.
    pub fn asked_about(&self, kind: Kind) -> bool {
        self.of_kind(kind).next().is_some()
    }

    /// The first question about the kind that was refused or failed.
    pub fn refusal<T>(&self, kind: Kind) -> Option<Fact<T>> {
        self.of_kind(kind).find_map(|(_, answer)| match answer {
            Answer::Complete => None,
            Answer::Hidden(denial) => Some(Fact::Hidden(denial.clone())),
            Answer::Failed(failure) => Some(Fact::Failed(failure.clone())),
        })
    }

    /// The questions about one kind, in stable order.
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&Scope, &Answer)> {
        let from_kind = self.answers.range((kind, Scope::Named(None, String::new()))..);
        from_kind.take_while(move |((of, _), _)| *of == kind).map(|((_, scope), answer)| (scope, answer))
    }

    /// Every question that was refused or failed, in stable order.
    pub fn troubles(&self) -> impl Iterator<Item = (Kind, &Scope, &Answer)> {
        self.answers().filter(|(_, _, answer)| !matches!(answer, Answer::Complete))
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
    /// What cert-manager's containers wrote.
    pub logs: Logs,
    /// The labels of cert-manager's own CustomResourceDefinitions, by name.
    pub definitions: BTreeMap<String, BTreeMap<String, String>>,
    pub coverage: Coverage,
    /// Parts of the source that could not be read, whatever they held.
    pub unread: Vec<Failure>,
    events: Vec<Event>,
    events_by_object: Index,
    requests_by_certificate_name: Index,
    newest_time: Option<jiff::Timestamp>,
    crossrefs: crossref::CrossRefs,
}

impl Inventory {
    /// Indexes what a source gave. Linear but for the sorting.
    pub fn new(objects: Objects) -> Self {
        let newest_time = objects.newest_time();
        let mut events = objects.events;
        once_each(&mut events, |event| ["", event.namespace().unwrap_or_default(), event.name()]);
        events.sort_by_key(last_seen);
        let mut external_issuers = objects.external_issuers;
        once_each(&mut external_issuers, |issuer| {
            let meta = &issuer.metadata;
            let [namespace, name] = [&meta.namespace, &meta.name].map(|part| part.as_deref().unwrap_or_default());
            [&issuer.kind, namespace, name]
        });
        let requests = Store::new(objects.requests);
        let mut inventory = Self {
            events_by_object: Index::of(&events, |event| Some(about(event))),
            requests_by_certificate_name: Index::of(&requests.items, certificate_of),
            certificates: Store::new(objects.certificates),
            requests,
            orders: Store::new(objects.orders),
            challenges: Store::new(objects.challenges),
            issuers: Store::new(objects.issuers),
            cluster_issuers: Store::new(objects.cluster_issuers),
            external_issuers,
            secrets: Store::new(objects.secrets),
            pods: Store::new(objects.pods),
            services: Store::new(objects.services),
            ingresses: Store::new(objects.ingresses),
            ingress_classes: Store::new(objects.ingress_classes),
            http_routes: Store::new(objects.http_routes),
            gateways: Store::new(objects.gateways),
            listener_sets: Store::new(objects.listener_sets),
            deployments: Store::new(objects.deployments),
            leases: Store::new(objects.leases),
            endpoint_slices: Store::new(objects.endpoint_slices),
            logs: Logs::new(objects.logs),
            definitions: objects.definitions,
            coverage: objects.coverage,
            unread: objects.unread,
            events,
            newest_time,
            crossrefs: crossref::CrossRefs::default(),
        };
        inventory.crossrefs = crossref::CrossRefs::of(&inventory);
        inventory
    }

    /// One object by name, and if it is not here, whether that means anything.
    pub fn get<'i, T: Stored>(&'i self, namespace: Option<&str>, name: &str) -> Fact<&'i T> {
        match T::store(self).find(namespace, name) {
            Some(object) => Fact::Seen(object),
            None => self.missing(T::KIND, namespace, Some(name)),
        }
    }

    /// The object that a reference names, as [`Self::get`].
    pub fn at<T: Stored>(&self, object: &ObjRef) -> Fact<&T> {
        self.get::<T>(object.namespace.as_deref(), &object.name)
    }

    /// What it means that no such object is in the inventory: [`Fact::Absent`] only if somebody looked.
    pub fn missing<T>(&self, kind: Kind, namespace: Option<&str>, name: Option<&str>) -> Fact<T> {
        if self.coverage.answers.is_empty() {
            return Fact::NotLooked(WhyNot::NotInSource);
        }
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
        if self.coverage.answers.is_empty() {
            return Fact::NotLooked(WhyNot::NotInSource);
        }
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

    /// The events about one object, oldest first. Those of a former object of the same name are left out when
    /// both UIDs are known.
    pub fn events_of<'i, T: Object>(&'i self, object: &T) -> impl DoubleEndedIterator<Item = &'i Event> {
        self.events_about(T::KIND, object.meta())
    }

    /// The same for an object of which the metadata are at hand.
    pub fn events_about<'i>(&'i self, kind: Kind, meta: &ObjectMeta) -> impl DoubleEndedIterator<Item = &'i Event> {
        let [namespace, name] = [&meta.namespace, &meta.name].map(|word| word.as_deref().unwrap_or_default());
        let wanted = [kind.word(), namespace, name];
        let ours = meta.uid.as_deref();
        self.events_by_object.find(&self.events, wanted, move |event| {
            let theirs = event.involved_object.uid.as_deref().filter(|uid| !uid.is_empty());
            about(event) == wanted && theirs.zip(ours).is_none_or(|(theirs, ours)| theirs == ours)
        })
    }

    /// The requests that name a Certificate in their annotation, whoever owns them.
    pub fn requests_naming(&self, namespace: &str, certificate: &str) -> impl Iterator<Item = &CertificateRequest> {
        let wanted = Some((namespace, certificate));
        let names = move |request: &CertificateRequest| certificate_of(request) == wanted;
        self.requests_by_certificate_name.find(&self.requests.items, (namespace, certificate), names)
    }

    /// The namespaces that hold an object of this kind and name, sorted.
    pub fn namespaces_of<'i>(&'i self, kind: Kind, name: &'i str) -> impl Iterator<Item = &'i str> {
        self.asked(kind).into_iter().flat_map(move |names| names.namespaces_of(name))
    }

    /// Namespace and name of every object of a kind that can be asked about, sorted.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = (&str, &str)> {
        self.asked(kind).into_iter().flat_map(Names::all)
    }

    /// The names of a kind that can be asked about.
    fn asked(&self, kind: Kind) -> Option<&dyn Names> {
        match kind {
            Kind::Certificate => Some(&self.certificates),
            Kind::CertificateRequest => Some(&self.requests),
            Kind::Order => Some(&self.orders),
            Kind::Challenge => Some(&self.challenges),
            Kind::Issuer => Some(&self.issuers),
            Kind::ClusterIssuer => Some(&self.cluster_issuers),
            Kind::Secret => Some(&self.secrets),
            Kind::Ingress => Some(&self.ingresses),
            Kind::Gateway => Some(&self.gateways),
            Kind::ListenerSet => Some(&self.listener_sets),
            Kind::HttpRoute => Some(&self.http_routes),
            Kind::Pod => Some(&self.pods),
            Kind::Event
            | Kind::Service
            | Kind::IngressClass
            | Kind::Deployment
            | Kind::Lease
            | Kind::EndpointSlice
            | Kind::Host => None,
        }
    }

    /// The newest time that any object of the source speaks of, as a stand-in for the time it was saved.
    pub const fn newest_time(&self) -> Option<jiff::Timestamp> {
        self.newest_time
    }
}

/// Leaves out copies: a bundle may hold an object in several files. The first given wins.
fn once_each<T>(objects: &mut Vec<T>, name: impl Fn(&T) -> [&str; 3]) {
    let mut known = HashSet::new();
    objects.retain(|object| {
        let name = name(object).map(str::to_owned);
        name[2].is_empty() || known.insert(name)
    });
}

/// Kind, namespace and name of the object that an event is about.
fn about(event: &Event) -> [&str; 3] {
    let object = &event.involved_object;
    [&object.kind, &object.namespace, &object.name].map(|word| word.as_deref().unwrap_or_default())
}

/// Namespace and name of the Certificate that a request names in its annotation.
fn certificate_of(request: &CertificateRequest) -> Option<(&str, &str)> {
    Some((request.namespace().unwrap_or_default(), request.certificate_name()?))
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

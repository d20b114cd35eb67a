//! The objects of an imagined cluster, kept as the API server keeps them: names made up, UIDs given, owners honoured.
//!
//! It notes what changed, so that the controllers that watch can be told. It admits everything: what a webhook or a
//! schema would refuse is refused before. It has no clock; whoever writes says what time it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};

use super::decoded::Decoded;
use super::random::Random;
use crate::api::{
    Certificate, CertificateRequest, Challenge, ClusterIssuer, Gateway, HttpRoute, Issuer, ListenerSet, Object, Order,
    Secret, annotation,
};
use crate::objref::{Kind, ObjRef};
use crate::pki::secret::SecretContents;

/// Namespace (empty for cluster-scoped kinds) and name.
type Key = (String, String);

/// Objects of one kind, by namespace and name.
#[derive(Clone, Debug)]
pub struct Shelf<T> {
    /// By namespace, empty for cluster-scoped kinds, and name. Boxed: the nodes of a map are seldom full, and move.
    items: BTreeMap<String, BTreeMap<String, Box<T>>>,
    by_owner: HashMap<String, Vec<Key>>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), by_owner: HashMap::new() }
    }
}

impl<T: Object> Shelf<T> {
    /// One object by namespace and name.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<&T> {
        self.items.get(namespace.unwrap_or_default())?.get(name).map(|item| &**item)
    }

    fn get_mut(&mut self, object: &ObjRef) -> Option<&mut T> {
        let items = self.items.get_mut(object.namespace.as_deref().unwrap_or_default())?;
        items.get_mut(&object.name).map(|item| &mut **item)
    }

    /// Every object, sorted by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.values().flat_map(BTreeMap::values).map(|item| &**item)
    }

    /// Every object, in that order.
    pub fn into_all(self) -> Vec<T> {
        self.items.into_values().flat_map(BTreeMap::into_values).map(|item| *item).collect()
    }

    /// The objects of one namespace, sorted by name.
    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &T> {
        self.items.get(namespace).into_iter().flat_map(BTreeMap::values).map(|item| &**item)
    }

    /// The objects whose controlling owner has this UID, sorted by namespace and name.
    pub fn owned_by<'s>(&'s self, uid: &str) -> impl Iterator<Item = &'s T> + use<'s, T> {
        let wanted = uid.to_owned();
        self.dependents(uid).filter(move |item| item.controller_uid() == Some(wanted.as_str()))
    }

    fn dependents<'s>(&'s self, uid: &str) -> impl Iterator<Item = &'s T> + use<'s, T> {
        let owned = self.by_owner.get(uid).into_iter().flatten();
        owned.filter_map(|(namespace, name)| self.get(Some(namespace), name))
    }

    pub fn len(&self) -> usize {
        self.items.values().map(BTreeMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.items.values().all(BTreeMap::is_empty)
    }

    fn put(&mut self, item: T) {
        let key = key(item.namespace(), item.name());
        for owner in item.meta().owner_references.iter().flatten() {
            let owned = self.by_owner.entry(owner.uid.clone()).or_default();
            if let Err(at) = owned.binary_search(&key) {
                owned.insert(at, key.clone());
            }
        }
        let (namespace, name) = key;
        self.items.entry(namespace).or_default().insert(name, Box::new(item));
    }

    fn take(&mut self, namespace: Option<&str>, name: &str) -> Option<T> {
        let key = key(namespace, name);
        let item = self.items.get_mut(&key.0)?.remove(name)?;
        for owner in item.meta().owner_references.iter().flatten() {
            let Some(owned) = self.by_owner.get_mut(&owner.uid) else { continue };
            owned.retain(|one| *one != key);
            if owned.is_empty() {
                self.by_owner.remove(&owner.uid);
            }
        }
        Some(*item)
    }
}

fn key(namespace: Option<&str>, name: &str) -> Key {
    (namespace.unwrap_or_default().to_owned(), name.to_owned())
}

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Create,
    Update,
    Delete,
}

/// One write, as those who watch are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub verb: Verb,
    pub object: ObjRef,
    /// The object's owners, kept for the time when it is gone.
    pub owners: Vec<Owner>,
}

/// An owner as an object names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub kind: String,
    pub name: String,
    /// Whether it is the one with `controller: true`.
    pub is_controller: bool,
}

/// There is an object of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{resource} {name:?} already exists")]
pub struct AlreadyExists {
    /// `certificaterequests.cert-manager.io`.
    pub resource: String,
    pub name: String,
}

/// Everything in the imagined cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    now: Timestamp,
    pub certificates: Shelf<Certificate>,
    pub requests: Shelf<CertificateRequest>,
    pub orders: Shelf<Order>,
    pub challenges: Shelf<Challenge>,
    pub issuers: Shelf<Issuer>,
    pub cluster_issuers: Shelf<ClusterIssuer>,
    pub secrets: Shelf<Secret>,
    pub pods: Shelf<Pod>,
    pub services: Shelf<Service>,
    pub ingresses: Shelf<Ingress>,
    pub ingress_classes: Shelf<IngressClass>,
    pub http_routes: Shelf<HttpRoute>,
    pub gateways: Shelf<Gateway>,
    pub listener_sets: Shelf<ListenerSet>,
    certificates_by_secret: HashMap<Key, BTreeSet<String>>,
    requests_by_key: HashMap<Key, BTreeSet<String>>,
    applied: HashMap<ObjRef, Applied>,
    /// What the texts in the objects say.
    pub(super) decoded: Decoded,
    random: Random,
    changes: Vec<Change>,
}

/// The fields of a Secret that cert-manager manages by server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub data: BTreeSet<String>,
    pub labels: BTreeSet<String>,
    pub annotations: BTreeSet<String>,
}

/// Kinds that the cluster keeps.
pub trait Kept: Object + Clone {
    fn shelf(cluster: &Cluster) -> &Shelf<Self>;
    fn shelf_mut(cluster: &mut Cluster) -> &mut Shelf<Self>;
}

macro_rules! kept {
    ($($kind:ty => $field:ident),+ $(,)?) => {
        $(impl Kept for $kind {
            fn shelf(cluster: &Cluster) -> &Shelf<Self> {
                &cluster.$field
            }

            fn shelf_mut(cluster: &mut Cluster) -> &mut Shelf<Self> {
                &mut cluster.$field
            }
        })+

        impl Cluster {
            /// Whether an object, of whatever kind, is kept, and its UID.
            fn uid_of(&self, object: &ObjRef) -> Option<String> {
                $(if object.kind == <$kind as Object>::KIND {
                    let found = self.$field.get(object.namespace.as_deref(), &object.name)?;
                    return found.uid().map(str::to_owned);
                })+
                None
            }

            /// What names an object with this UID among its owners, and no other one that is still there.
            fn left_alone_by(&self, uid: &str) -> Vec<ObjRef> {
                let mut alone = Vec::new();
                $(for item in self.$field.dependents(uid) {
                    let mut owners = item.meta().owner_references.iter().flatten();
                    if !owners.any(|owner| self.is_there(owner, item.namespace())) {
                        alone.push(item.objref());
                    }
                })+
                alone
            }

            /// Deletes an object of whatever kind, and then what it owned. One with finalizers stays until they are gone.
            pub fn delete(&mut self, object: &ObjRef) {
                $(if object.kind == <$kind as Object>::KIND {
                    self.delete_one::<$kind>(object);
                })+
            }
        }
    };
}

kept! {
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
}

impl Cluster {
    /// An empty cluster at a time; its names and UIDs follow from `random`.
    pub fn new(now: Timestamp, random: Random) -> Self {
        Self {
            now,
            certificates: Shelf::default(),
            requests: Shelf::default(),
            orders: Shelf::default(),
            challenges: Shelf::default(),
            issuers: Shelf::default(),
            cluster_issuers: Shelf::default(),
            secrets: Shelf::default(),
            pods: Shelf::default(),
            services: Shelf::default(),
            ingresses: Shelf::default(),
            ingress_classes: Shelf::default(),
            http_routes: Shelf::default(),
            gateways: Shelf::default(),
            listener_sets: Shelf::default(),
            certificates_by_secret: HashMap::new(),
            requests_by_key: HashMap::new(),
            applied: HashMap::new(),
            decoded: Decoded::default(),
            random,
            changes: Vec::new(),
        }
    }

    /// The time at which everything is written until the next call.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// That time, as objects hold it: whole seconds (`metav1.Time`).
    pub fn stamp(&self) -> Time {
        Time(Timestamp::from_second(self.now.as_second()).unwrap_or(self.now))
    }

    /// One object by name.
    pub fn get<T: Kept>(&self, namespace: Option<&str>, name: &str) -> Option<&T> {
        T::shelf(self).get(namespace, name)
    }

    /// The object of a reference; `None` also if the reference is to another kind.
    pub fn find<T: Kept>(&self, object: &ObjRef) -> Option<&T> {
        if object.kind == T::KIND { self.get(object.namespace.as_deref(), &object.name) } else { None }
    }

    /// The Certificates of a namespace with this `spec.secretName`, sorted by name.
    pub fn certificates_for_secret(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &Certificate> {
        let names = self.certificates_by_secret.get(&key(Some(namespace), secret));
        let namespace = namespace.to_owned();
        names.into_iter().flatten().filter_map(move |name| self.certificates.get(Some(&namespace), name))
    }

    /// The requests of a namespace that name this Secret as the one with their key, sorted by name.
    pub fn requests_for_key(&self, namespace: &str, secret: &str) -> impl Iterator<Item = &CertificateRequest> {
        let names = self.requests_by_key.get(&key(Some(namespace), secret));
        let namespace = namespace.to_owned();
        names.into_iter().flatten().filter_map(move |name| self.requests.get(Some(&namespace), name))
    }

    /// Puts an object there that existed before. What it lacks (UID, time) is filled in.
    pub fn adopt<T: Kept>(&mut self, mut object: T) -> ObjRef {
        let (uid, stamp) = (object.uid().is_none().then(|| self.random.uid()), self.stamp());
        let meta = object.meta_mut();
        if let Some(uid) = uid {
            meta.uid = Some(uid);
        }
        meta.creation_timestamp.get_or_insert(stamp);
        if has_generation(T::KIND) {
            meta.generation.get_or_insert(1);
        }
        let objref = object.objref();
        self.note(Verb::Create, &object);
        T::shelf_mut(self).put(object);
        self.index(&objref);
        objref
    }

    /// Creates an object; `generateName` becomes a name.
    pub fn create<T: Kept>(&mut self, mut object: T) -> Result<ObjRef, AlreadyExists> {
        if object.name().is_empty() {
            let base = object.meta().generate_name.clone().unwrap_or_default();
            object.meta_mut().name = Some(format!("{}{}", cut_base(&base), self.random.suffix()));
        }
        if self.get::<T>(object.namespace(), object.name()).is_some() {
            return Err(AlreadyExists { resource: T::KIND.resource(), name: object.name().to_owned() });
        }
        object.meta_mut().uid = None;
        object.meta_mut().creation_timestamp = None;
        Ok(self.adopt(object))
    }

    /// Changes an object in place. `change` says whether it did; if not, nobody is told. One that waited for its
    /// last finalizer goes with it.
    pub fn modify<T: Kept>(&mut self, object: &ObjRef, change: impl FnOnce(&mut T) -> bool) {
        let Some(item) = T::shelf_mut(self).get_mut(object) else { return };
        if !change(item) {
            return;
        }
        let is_done = item.deleting_since().is_some() && item.finalizers().is_empty();
        let change = Change { verb: Verb::Update, object: object.clone(), owners: owners(item) };
        self.changes.push(change);
        if is_done {
            self.remove::<T>(object);
        }
    }

    /// Puts an object in the place of the one with its name; a changed spec is for the caller to count as a generation.
    pub fn replace<T: Kept>(&mut self, object: T) {
        let objref = object.objref();
        self.unindex(&objref);
        if T::shelf_mut(self).take(object.namespace(), object.name()).is_none() {
            return;
        }
        self.note(Verb::Update, &object);
        T::shelf_mut(self).put(object);
        self.index(&objref);
    }

    /// What cert-manager has applied to a Secret.
    pub fn applied_to(&self, secret: &ObjRef) -> Option<&Applied> {
        self.applied.get(secret)
    }

    /// Notes what cert-manager applies to a Secret from now on.
    pub fn note_applied(&mut self, secret: &ObjRef, contents: &SecretContents) {
        let applied = Applied {
            data: contents.data.keys().map(|key| (*key).to_owned()).collect(),
            labels: contents.labels.keys().cloned().collect(),
            annotations: contents.annotations.keys().cloned().collect(),
        };
        self.applied.insert(secret.clone(), applied);
    }

    /// What was written since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The source of everything random in this cluster.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn delete_one<T: Kept>(&mut self, object: &ObjRef) {
        let stamp = self.stamp();
        let Some(item) = T::shelf_mut(self).get_mut(object) else { return };
        if item.finalizers().is_empty() {
            self.remove::<T>(object);
        } else if item.deleting_since().is_none() {
            item.meta_mut().deletion_timestamp = Some(stamp);
            let change = Change { verb: Verb::Update, object: object.clone(), owners: owners(item) };
            self.changes.push(change);
        }
    }

    /// Takes an object away, and, as Kubernetes' garbage collector does, what it alone owned.
    fn remove<T: Kept>(&mut self, object: &ObjRef) {
        self.unindex(object);
        self.applied.remove(object);
        let Some(item) = T::shelf_mut(self).take(object.namespace.as_deref(), &object.name) else { return };
        self.changes.push(Change { verb: Verb::Delete, object: object.clone(), owners: owners(&item) });
        for orphan in item.uid().map(|uid| self.left_alone_by(uid)).unwrap_or_default() {
            self.delete(&orphan);
        }
    }

    fn is_there(&self, owner: &OwnerReference, namespace: Option<&str>) -> bool {
        let kind = Kind::from_api(&owner.api_version, &owner.kind);
        let found = kind.and_then(|kind| self.uid_of(&ObjRef::new(kind, namespace, &owner.name)));
        found.as_deref() == Some(owner.uid.as_str())
    }

    fn index(&mut self, object: &ObjRef) {
        if let Some((index, at)) = self.indexed(object) {
            index.entry(at).or_default().insert(object.name.clone());
        }
    }

    fn unindex(&mut self, object: &ObjRef) {
        let Some((index, at)) = self.indexed(object) else { return };
        if let Some(names) = index.get_mut(&at) {
            names.remove(&object.name);
            if names.is_empty() {
                index.remove(&at);
            }
        }
    }

    /// The index that an object stands in, and where.
    fn indexed(&mut self, object: &ObjRef) -> Option<(&mut HashMap<Key, BTreeSet<String>>, Key)> {
        let namespace = object.namespace.as_deref();
        if let Some(certificate) = self.find::<Certificate>(object) {
            let at = key(namespace, &certificate.spec.secret_name);
            return Some((&mut self.certificates_by_secret, at));
        }
        let request = self.find::<CertificateRequest>(object)?;
        let at = key(namespace, request.annotation(annotation::PRIVATE_KEY_SECRET_NAME)?);
        Some((&mut self.requests_by_key, at))
    }

    fn note<T: Object>(&mut self, verb: Verb, object: &T) {
        self.changes.push(Change { verb, object: object.objref(), owners: owners(object) });
    }
}

/// Whether the API server counts changes of the spec of such objects. Secrets and Services have none.
fn has_generation(kind: Kind) -> bool {
    !matches!(kind, Kind::Secret | Kind::Service)
}

fn owners<T: Object>(object: &T) -> Vec<Owner> {
    let named = |owner: &OwnerReference| Owner {
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        is_controller: owner.controller == Some(true),
    };
    object.meta().owner_references.iter().flatten().map(named).collect()
}

/// The API server cuts the base of a generated name so that the whole stays a DNS label
/// (`k8s.io/apiserver/pkg/storage/names`).
fn cut_base(base: &str) -> &str {
    const LABEL: usize = 63;
    const SUFFIX: usize = 5;
    base.get(..base.len().min(LABEL - SUFFIX)).unwrap_or(base)
}

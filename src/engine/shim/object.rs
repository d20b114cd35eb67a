//! The three kinds of objects that the shims look at, as one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{Ingress, IngressTLS};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::gateway::Listener;
use crate::api::{Gateway, ListenerSet, Object as _, annotation};
use crate::objref::{Kind, ObjRef};

use super::number::is_true;
use super::{Labels, Refusal, ShimFlags};

/// What a controller looks at.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Ingress(&'a Ingress),
    Gateway(&'a Gateway),
    /// A ListenerSet, with the Gateway that its `parentRef` names, if there is one.
    ListenerSet {
        set: &'a ListenerSet,
        parent: Option<&'a Gateway>,
    },
}

pub(super) type Annotations = BTreeMap<String, String>;

/// An object that asks for Certificates.
pub(super) struct Asker<'a> {
    pub(super) kind: Kind,
    pub(super) meta: &'a ObjectMeta,
    /// Its annotations, those that it inherits included.
    pub(super) annotations: Cow<'a, Annotations>,
    pub(super) asks: Asks<'a>,
    /// For a ListenerSet, the Gateway that it names: its namespace and name.
    pub(super) parent: Option<(String, String)>,
}

/// The part of it that names Secrets.
#[derive(Clone, Copy)]
pub(super) enum Asks<'a> {
    Tls(&'a [IngressTLS]),
    Listeners(&'a [Listener]),
}

impl<'a> Subject<'a> {
    /// What asks, if the controller for it runs and takes it up at all.
    pub(super) fn asker(&self, flags: &ShimFlags) -> Result<Asker<'a>, Refusal> {
        match *self {
            Self::Ingress(ingress) => {
                let tls = ingress.spec.as_ref().and_then(|spec| spec.tls.as_deref()).unwrap_or_default();
                Asker::new(Kind::Ingress, &ingress.metadata, Asks::Tls(tls))
            }
            Self::Gateway(_) if !flags.gateway_api => Err(Refusal::NotWatched(Kind::Gateway)),
            Self::Gateway(gateway) => {
                Asker::new(Kind::Gateway, &gateway.metadata, Asks::Listeners(&gateway.spec.listeners))
            }
            Self::ListenerSet { .. } if !(flags.gateway_api && flags.listener_sets) => {
                Err(Refusal::NotWatched(Kind::ListenerSet))
            }
            Self::ListenerSet { set, parent } => {
                let asker = Asker::new(Kind::ListenerSet, &set.metadata, Asks::Listeners(&set.spec.listeners))?;
                let (namespace, name) = (set.parent_namespace(), set.spec.parent_ref.name.as_str());
                let gateway = || ObjRef::new(Kind::Gateway, namespace, name);
                match parent {
                    None => Err(Refusal::NoParent { gateway: gateway(), is_deleting: false }),
                    Some(parent) if parent.deleting_since().is_some() => {
                        Err(Refusal::NoParent { gateway: gateway(), is_deleting: true })
                    }
                    Some(parent) => Ok(Asker {
                        annotations: inherit(asker.annotations, parent),
                        parent: Some((namespace.unwrap_or_default().to_owned(), name.to_owned())),
                        ..asker
                    }),
                }
            }
        }
    }
}

impl<'a> Asker<'a> {
    fn new(kind: Kind, meta: &'a ObjectMeta, asks: Asks<'a>) -> Result<Self, Refusal> {
        if meta.deletion_timestamp.is_some() {
            return Err(Refusal::BeingDeleted);
        }
        let annotations = meta.annotations.as_ref().map_or_else(Cow::default, Cow::Borrowed);
        Ok(Self { kind, meta, annotations, asks, parent: None })
    }

    pub(super) fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    /// Whether no annotation asks for Certificates.
    pub(super) fn untriggered(&self, flags: &ShimFlags) -> Option<Refusal> {
        let has = |key: &str| self.annotations.contains_key(key);
        if has(annotation::SHIM_ISSUER) || has(annotation::SHIM_CLUSTER_ISSUER) {
            return None;
        }
        // Only an Ingress asks for the default issuer.
        let auto: &[String] = if self.kind == Kind::Ingress { &flags.auto_certificate_annotations } else { &[] };
        let given = |key: &&String| self.annotations.get(*key);
        if auto.iter().filter_map(|key| given(&key)).any(|value| is_true(value)) {
            return None;
        }
        Some(Refusal::NoTrigger { auto: auto.to_vec(), untrue: auto.iter().filter(|key| has(key)).cloned().collect() })
    }

    /// One whose deletion waits for what it owns still has no `deletionTimestamp` only for a moment.
    pub(super) fn is_deleted_in_foreground(&self) -> bool {
        self.meta.finalizers.iter().flatten().any(|finalizer| finalizer == "foregroundDeletion")
    }

    /// The labels that its Certificates get. If all that it has is the label that is taken away, an empty map remains,
    /// which Go tells from none.
    pub(super) fn labels(&self) -> Labels {
        let mut labels = self.meta.labels.clone().filter(|labels| !labels.is_empty())?;
        labels.remove(annotation::APPLYSET_PART_OF);
        Some(labels)
    }

    /// Whether a Certificate is controlled by this object.
    pub(super) fn controls(&self, certificate: &crate::api::Certificate) -> bool {
        self.meta.uid.is_some() && certificate.controller_uid() == self.meta.uid.as_deref()
    }
}

/// What a ListenerSet takes over from its Gateway: the issuer if it names none, its kind and group always.
fn inherit<'a>(own: Cow<'a, Annotations>, parent: &Gateway) -> Cow<'a, Annotations> {
    let names_issuer = own.contains_key(annotation::SHIM_ISSUER) || own.contains_key(annotation::SHIM_CLUSTER_ISSUER);
    let mut keys = vec![annotation::ISSUER_KIND, annotation::ISSUER_GROUP];
    if !names_issuer {
        keys.extend([annotation::SHIM_ISSUER, annotation::SHIM_CLUSTER_ISSUER]);
    }
    let mut all = own;
    for key in keys {
        if let Some(value) = parent.annotation(key) {
            all.to_mut().insert(key.to_owned(), value.to_owned());
        }
    }
    all
}

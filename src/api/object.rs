//! What all objects have: metadata, and a kind.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::objref::{Kind, ObjRef};

use super::{
    Certificate, CertificateRequest, Challenge, ClusterIssuer, Gateway, HttpRoute, Issuer, ListenerSet, Order, Secret,
};

/// An object of one of the [`Kind`]s.
pub trait Object {
    /// What it is.
    const KIND: Kind;

    /// Its `metadata`.
    fn meta(&self) -> &ObjectMeta;

    /// Its `metadata`, to be written.
    fn meta_mut(&mut self) -> &mut ObjectMeta;

    /// `metadata.name`, empty if absent.
    fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// `metadata.namespace`.
    fn namespace(&self) -> Option<&str> {
        self.meta().namespace.as_deref()
    }

    /// `metadata.uid`; absent in manifests that were never applied.
    fn uid(&self) -> Option<&str> {
        self.meta().uid.as_deref()
    }

    /// `metadata.generation`.
    fn generation(&self) -> Option<i64> {
        self.meta().generation
    }

    /// `metadata.resourceVersion`.
    fn resource_version(&self) -> Option<&str> {
        self.meta().resource_version.as_deref()
    }

    /// The value of a label.
    fn label(&self, key: &str) -> Option<&str> {
        self.meta().labels.as_ref()?.get(key).map(String::as_str)
    }

    /// The value of an annotation.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.meta().annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The owner with `controller: true`.
    fn controller(&self) -> Option<&OwnerReference> {
        self.meta().owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
    }

    /// The UID of the owner with `controller: true`.
    fn controller_uid(&self) -> Option<&str> {
        self.controller().map(|owner| owner.uid.as_str())
    }

    /// `metadata.creationTimestamp`.
    fn created(&self) -> Option<Timestamp> {
        self.meta().creation_timestamp.as_ref().map(|time| time.0)
    }

    /// `metadata.deletionTimestamp`: since when the object waits for its finalizers.
    fn deleting_since(&self) -> Option<Timestamp> {
        self.meta().deletion_timestamp.as_ref().map(|time| time.0)
    }

    /// `metadata.finalizers`.
    fn finalizers(&self) -> &[String] {
        self.meta().finalizers.as_deref().unwrap_or_default()
    }

    /// Whether a reference is to it.
    fn is_at(&self, object: &ObjRef) -> bool {
        let namespace = self.namespace().filter(|_| Self::KIND.is_namespaced());
        object.kind == Self::KIND && object.name == self.name() && object.namespace.as_deref() == namespace
    }

    /// A reference to it.
    fn objref(&self) -> ObjRef {
        ObjRef::new(Self::KIND, self.namespace(), self.name())
    }
}

macro_rules! objects {
    ($($kind:ident),+ $(,)?) => {
        $(impl Object for $kind {
            const KIND: Kind = Kind::$kind;

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        })+
    };
}

objects! {
    Certificate, CertificateRequest, Order, Challenge, Issuer, ClusterIssuer, Secret, HttpRoute, Gateway, ListenerSet,
    Event, Pod, Service, Ingress, IngressClass, Deployment, Lease, EndpointSlice,
}

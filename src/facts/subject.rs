//! What is known of the object that was asked about, whatever its kind.
//!
//! Only whether it was seen; what it means is for the rules.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::Ingress;

use super::Facts;
use crate::api::{Challenge, Gateway, HttpRoute, ListenerSet, Order};
use crate::chain::way::ways;
use crate::fact::Fact;
use crate::inventory::Stored;
use crate::objref::{Kind, ObjRef};

impl Facts<'_> {
    /// Whether the subject of the chain was seen.
    pub fn subject(&self) -> Fact<()> {
        let chain = &self.chain;
        match chain.subject.kind {
            Kind::Certificate => chain.certificate.clone().map(|_| ()),
            Kind::Issuer | Kind::ClusterIssuer => chain.issuer.clone().map(|_| ()),
            Kind::Secret if chain.certificate.seen().is_some() => Fact::Seen(()),
            Kind::Secret => chain.secret.clone().map(|_| ()),
            Kind::CertificateRequest | Kind::Order | Kind::Challenge if chain.in_flight().is_some() => Fact::Seen(()),
            Kind::Order => self.stored_subject::<Order>(),
            Kind::Challenge => self.stored_subject::<Challenge>(),
            Kind::Deployment => self.stored_subject::<Deployment>(),
            Kind::Ingress => self.stored_subject::<Ingress>(),
            Kind::Gateway => self.stored_subject::<Gateway>(),
            Kind::ListenerSet => self.stored_subject::<ListenerSet>(),
            Kind::HttpRoute => self.stored_subject::<HttpRoute>(),
            Kind::Pod => self.stored_subject::<Pod>(),
            Kind::Host => self.host(),
            Kind::CertificateRequest
            | Kind::Event
            | Kind::Service
            | Kind::IngressClass
            | Kind::Lease
            | Kind::EndpointSlice => {
                let ObjRef { kind, namespace, name } = &chain.subject;
                self.inventory.missing(*kind, namespace.as_deref(), Some(name))
            }
        }
    }

    /// Whether anything serves the host. What was not looked at, or refused, may do so all the same.
    fn host(&self) -> Fact<()> {
        let subject = &self.chain.subject;
        if ways(self.inventory, subject).iter().any(|way| way.len() > 1) {
            return Fact::Seen(());
        }
        let kinds = [Kind::Ingress, Kind::Gateway, Kind::HttpRoute, Kind::ListenerSet, Kind::Certificate];
        let looked = kinds.map(|kind| self.inventory.missing(kind, subject.namespace.as_deref(), None));
        looked.into_iter().find(|fact| !fact.is_absent()).unwrap_or(Fact::Absent)
    }

    fn stored_subject<T: Stored>(&self) -> Fact<()> {
        let subject = &self.chain.subject;
        self.inventory.at::<T>(subject).map(|_| ())
    }
}

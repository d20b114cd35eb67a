//! What is known of the object that was asked about, whatever its kind.
//!
//! Only whether it was seen; what it means is for the rules.

use k8s_openapi::api::apps::v1::Deployment;

use super::Facts;
use crate::api::{Challenge, Order};
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
            Kind::CertificateRequest
            | Kind::Event
            | Kind::Pod
            | Kind::Service
            | Kind::Ingress
            | Kind::IngressClass
            | Kind::HttpRoute
            | Kind::Gateway
            | Kind::ListenerSet
            | Kind::Lease
            | Kind::EndpointSlice => {
                let ObjRef { kind, namespace, name } = &chain.subject;
                self.inventory.missing(*kind, namespace.as_deref(), Some(name))
            }
        }
    }

    fn stored_subject<T: Stored>(&self) -> Fact<()> {
        let subject = &self.chain.subject;
        self.inventory.get::<T>(subject.namespace.as_deref(), &subject.name).map(|_| ())
    }
}

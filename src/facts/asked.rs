//! What an Ingress, Gateway or ListenerSet asks of cert-manager, and what cert-manager makes of it.
//!
//! The engine's shims say so, the same that dry runs play: once beside the Certificates that exist, and once as if there
//! were none, which gives the Certificates that are asked for. Nothing is judged here.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Facts, gap, known};
use crate::api::{Certificate, Gateway, ListenerSet, Object, Secret};
use crate::chain::Chain;
use crate::chain::way::ways;
use crate::engine::flags::Flags;
use crate::engine::shim::{Action, Existing, Outcome, Refusal, ShimFlags, Subject, sync};
use crate::fact::Fact;
use crate::inventory::{Inventory, Stored};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Gap, Withheld};

use super::controller::Installation;

/// What one object asks for.
#[derive(Debug)]
pub struct Asked {
    pub object: ObjRef,
    pub meta: ObjectMeta,
    /// One look of cert-manager's at the object as things are.
    pub outcome: Outcome,
    /// The Certificates that it asks for.
    pub wanted: Vec<Certificate>,
    /// How cert-manager was started, as far as its shims care.
    pub flags: ShimFlags,
    /// Why the flags may be others; support of the Gateway API is taken for granted then.
    pub flags_unseen: Option<Gap>,
}

/// What it comes to that an object asks for a Certificate that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// It was changed moments ago.
    Soon,
    /// Since then, and long enough.
    Since(Timestamp),
}

impl Asked {
    pub(super) fn of(inventory: &Inventory, chain: &Chain, installation: &Installation) -> Option<Self> {
        let (name, namespace) = (chain.subject.name.as_str(), chain.subject.namespace.as_deref());
        let (flags, flags_unseen) = flags(inventory, installation);
        let look = |subject: Subject, meta: &ObjectMeta| {
            let certificates = &inventory.certificates;
            let as_it_is = Existing {
                named: &|name| inventory.get::<Certificate>(namespace, name).seen().copied(),
                controlled_by: &|uid| certificates.owned_by(uid).collect(),
            };
            let alone = Existing { named: &|_| None, controlled_by: &|_| Vec::new() };
            let wanted = sync(&subject, &flags, &alone);
            let wanted = wanted.actions().filter_map(Action::written).cloned().collect();
            let outcome = sync(&subject, &flags, &as_it_is);
            let (object, meta) = (chain.subject.clone(), meta.clone());
            Self { object, meta, outcome, wanted, flags: flags.clone(), flags_unseen: flags_unseen.clone() }
        };
        match chain.subject.kind {
            Kind::Ingress => {
                let ingress = *inventory.get::<Ingress>(namespace, name).seen()?;
                Some(look(Subject::Ingress(ingress), &ingress.metadata))
            }
            Kind::Gateway => {
                let gateway = *inventory.get::<Gateway>(namespace, name).seen()?;
                Some(look(Subject::Gateway(gateway), &gateway.metadata))
            }
            Kind::ListenerSet => {
                let set = *inventory.get::<ListenerSet>(namespace, name).seen()?;
                let parent = inventory.get::<Gateway>(set.parent_namespace(), &set.spec.parent_ref.name);
                Some(look(Subject::ListenerSet { set, parent: parent.seen().copied() }, &set.metadata))
            }
            Kind::Certificate
            | Kind::CertificateRequest
            | Kind::Order
            | Kind::Challenge
            | Kind::Issuer
            | Kind::ClusterIssuer
            | Kind::Secret
            | Kind::Event
            | Kind::Pod
            | Kind::Service
            | Kind::IngressClass
            | Kind::HttpRoute
            | Kind::Deployment
            | Kind::Lease
            | Kind::EndpointSlice
            | Kind::Host => None,
        }
    }

    /// The value of an annotation of the object.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.meta.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Every annotation of the object, by key.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.annotations.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether some annotation is cert-manager's, or was meant to be.
    pub fn speaks_of_cert_manager(&self) -> bool {
        let own = ["cert-manager", "certmanager"];
        self.annotations().any(|(key, _)| {
            let key = key.to_ascii_lowercase();
            own.iter().any(|word| key.contains(word)) || self.flags.auto_certificate_annotations.contains(&key)
        })
    }

    /// The first refusal that `choose` takes.
    pub fn refusal<'a, T>(&'a self, choose: impl Fn(&'a Refusal) -> Option<T>) -> Option<T> {
        self.outcome.refusals.iter().find_map(choose)
    }

    /// The Certificates that cert-manager would make now.
    pub fn to_make(&self) -> impl Iterator<Item = &Certificate> {
        self.outcome.actions().filter_map(|action| match action {
            Action::Create(certificate) => Some(&**certificate),
            Action::Update(..) | Action::Delete(_) => None,
        })
    }

    /// When the object was last written by anybody but its own controller's status.
    pub fn changed(&self) -> Option<Timestamp> {
        let entries = self.meta.managed_fields.iter().flatten();
        let written = entries.filter(|entry| entry.subresource.as_deref().is_none_or(str::is_empty));
        let written = written.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max();
        written.max(self.meta.creation_timestamp.as_ref().map(|time| time.0))
    }
}

/// How long cert-manager may take to make a Certificate of a new object.
const MAKING_SECONDS: i64 = 60;

impl Facts<'_> {
    /// What the subject asks of cert-manager, if it is an object that can.
    pub fn asked(&self) -> Result<&Asked, Withheld> {
        let asked = self.asked.get_or_init(|| Asked::of(self.inventory, &self.chain, &self.installation));
        asked.as_ref().ok_or(Withheld::NotApplicable)
    }

    /// Whether one of the Certificates that the subject asks for is known not to be there.
    pub fn unmade(&self) -> Option<Unmade> {
        let asked = self.asked().ok()?;
        let missing = asked.to_make().any(|certificate| self.is_known_to_be_missing(certificate));
        missing.then(|| match asked.changed().filter(|changed| self.is_older_than(Some(*changed), MAKING_SECONDS)) {
            Some(since) => Unmade::Since(since),
            None => Unmade::Soon,
        })
    }

    /// What was not looked at, if the subject asks for a Certificate that may be there all the same.
    pub(super) fn unseen_certificate(&self) -> Option<Gap> {
        let asked = self.asked().ok()?;
        let unseen = |certificate: &&Certificate| !self.is_known_to_be_missing(certificate);
        let unseen = asked.to_make().find(unseen)?;
        Some(gap(&self.inventory.get::<Certificate>(unseen.namespace(), unseen.name()), Kind::Certificate))
    }

    fn is_known_to_be_missing(&self, certificate: &Certificate) -> bool {
        let looked = self.inventory.get::<Certificate>(certificate.namespace(), certificate.name());
        self.is_known_absence(&looked, certificate.namespace())
    }

    /// Whether an object is not there. Saved objects that hold others of its kind and namespace were most likely saved
    /// with all.
    fn is_known_absence<T: Stored>(&self, looked: &Fact<&T>, namespace: Option<&str>) -> bool {
        let asked_for = self.inventory.coverage.asked_about(T::KIND);
        let saved_with_others = || !T::store(self.inventory).of_namespace(namespace.unwrap_or_default()).is_empty();
        looked.is_absent() || (looked.seen().is_none() && !asked_for && saved_with_others())
    }

    /// The Secrets that the subject names and that no Certificate writes.
    fn unwritten_secrets(&self) -> impl Iterator<Item = (ObjRef, Fact<&Secret>)> {
        let ways = ways(self.inventory, &self.chain.subject);
        let secrets = ways.into_iter().filter(|way| way.len() == 2).filter_map(|way| way.into_iter().nth(1));
        secrets.filter(|end| end.kind == Kind::Secret).map(|secret| {
            let looked = self.inventory.at::<Secret>(&secret);
            (secret, looked)
        })
    }

    /// The Secrets that the subject names, that no Certificate writes and that are not there.
    pub fn missing_secrets(&self) -> Vec<ObjRef> {
        let missing = self
            .unwritten_secrets()
            .filter(|(secret, looked)| self.is_known_absence(looked, secret.namespace.as_deref()));
        missing.map(|(secret, _)| secret).collect()
    }

    /// The first Secret that the subject names, that no Certificate writes and that may have been made by hand: if
    /// nobody asks for a certificate, all hangs on whether it is there.
    pub fn unseen_secret(&self) -> Option<Gap> {
        let asked = self.asked().ok()?;
        asked.outcome.refusals.iter().find(|refusal| matches!(refusal, Refusal::NoTrigger { .. }))?;
        let (secret, looked) = self.unwritten_secrets().find(|(secret, looked)| {
            looked.seen().is_none() && !self.is_known_absence(looked, secret.namespace.as_deref())
        })?;
        let Gap { why, needs } = gap(&looked, Kind::Secret);
        let (kind, name) = (self.chain.subject.kind, &self.chain.subject.name);
        let why = format!("{kind} {name} names no issuer, no Certificate is for its Secret {}, and {why}", secret.name);
        Some(Gap { why, needs })
    }
}

/// How cert-manager was started, and why that is not certain, if it is not.
fn flags(inventory: &Inventory, installation: &Installation) -> (ShimFlags, Option<Gap>) {
    let looked = |flags: Flags, unseen| {
        let shim = flags.shim;
        match unseen {
            None => (shim, None),
            Some(gap) => (ShimFlags { gateway_api: true, listener_sets: true, ..shim }, Some(gap)),
        }
    };
    let Some(controller) = installation.controller() else {
        let nothing: Fact<()> = inventory.missing(Kind::Deployment, None, None);
        let needs = match known(&nothing, Kind::Deployment) {
            Err(Withheld::Undetermined(gap)) => gap.needs,
            Ok(()) | Err(Withheld::NotApplicable) => format!("{} in the source", Kind::Deployment.resource()),
        };
        let why = "how the cert-manager controller was started is not among the objects looked at".to_owned();
        return looked(Flags::default(), Some(Gap { why, needs }));
    };
    let unseen = controller.flag("config").map(|file| Gap {
        why: format!("the cert-manager controller also takes settings from {file}, which was not looked at"),
        needs: "the ConfigMap that the controller mounts there".to_owned(),
    });
    looked(controller.flags(), unseen)
}

//! What ingress-shim, gateway-shim and the listenerset controller do: the Certificates of an annotated Ingress, Gateway
//! or ListenerSet made, changed and deleted.
//!
//! One look of cert-manager's at one object (`pkg/controller/certificate-shim`, release 1.21), as a function: the object,
//! the flags and the Certificates that exist go in; what would be written and told comes out, in the controllers' order.
//! It writes nothing, asks no one and knows no time.
//! Objects are as the API server gives them: with a UID, and valid. Defaults of the Gateway API's schema are read into
//! fields that are absent.

mod acme;
mod annotations;
mod change;
pub(super) mod csv;
mod flags;
mod hosts;
mod issuer;
mod json;
pub(super) mod number;
mod object;
mod refusal;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::admission::{self, Requester, UnknownFields};
use super::event::EventType;
use crate::api::{Certificate, CertificateSpec, IssuerRef, KeyUsage, Object as _};
use crate::objref::{Kind, ObjRef};

pub use super::field::FieldError;
pub use annotations::BadAnnotation;
pub use change::Field;
pub use flags::ShimFlags;
pub use issuer::BadIssuer;
pub use object::Subject;
pub use refusal::{Refusal, Skip};

use super::golang::quote;
use hosts::Wanted;
use object::{Annotations, Asker};

/// The Certificates in the namespace of the object that is looked at.
#[derive(Clone, Copy)]
pub struct Existing<'f, 'c> {
    /// The one of a name.
    pub named: &'f dyn Fn(&str) -> Option<&'c Certificate>,
    /// Those whose controlling owner has this UID.
    pub controlled_by: &'f dyn Fn(&str) -> Vec<&'c Certificate>,
}

/// What one look at an object comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What is done and told, in order. The real order of several Certificates is random, as theirs is that of a Go
    /// map; here it is that of the TLS entries, and of the names for those that are deleted.
    pub steps: Vec<Step>,
    /// Why something is not made or not changed, in the order in which that is found. Most of it no event tells.
    pub refusals: Vec<Refusal>,
}

/// One thing that the controller does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An event, whatever happens next.
    Tell(ShimEvent),
    /// A write and the event that tells of its success. If the API server refuses the write, nothing is told and
    /// nothing after it is done: the controller logs the answer and looks again later.
    Write(Action, ShimEvent),
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A new Certificate.
    Create(Box<Certificate>),
    /// The Certificate as it is to be, with the metadata and status of the one that exists, and in which of the fields
    /// that the controllers compare the two differ.
    Update(Box<Certificate>, Vec<Field>),
    /// The name of a Certificate that the object asks for no longer.
    Delete(String),
}

impl Action {
    /// The Certificate that is written.
    pub fn written(&self) -> Option<&Certificate> {
        match self {
            Self::Create(certificate) | Self::Update(certificate, _) => Some(certificate),
            Self::Delete(_) => None,
        }
    }
}

/// An event about the object that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimEvent {
    pub reason: Reason,
    pub message: String,
}

/// `reason` of an event of the shims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    BadConfig,
    CreateCertificate,
    UpdateCertificate,
    DeleteCertificate,
}

impl Reason {
    /// The word in the event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadConfig => "BadConfig",
            Self::CreateCertificate => "CreateCertificate",
            Self::UpdateCertificate => "UpdateCertificate",
            Self::DeleteCertificate => "DeleteCertificate",
        }
    }

    /// `type` of the event: only a fault in the object is a Warning.
    pub const fn type_(self) -> EventType {
        match self {
            Self::BadConfig => EventType::Warning,
            Self::CreateCertificate | Self::UpdateCertificate | Self::DeleteCertificate => EventType::Normal,
        }
    }
}

impl Outcome {
    /// The writes, in order.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write(action, _) => Some(action),
            Step::Tell(_) => None,
        })
    }

    /// The events, in order, if every write succeeds.
    pub fn events(&self) -> impl Iterator<Item = &ShimEvent> {
        self.steps.iter().map(|step| match step {
            Step::Write(_, event) | Step::Tell(event) => event,
        })
    }

    /// The error that the controller returns, so that it looks again later, with back-off.
    pub fn error(&self) -> Option<&BadAnnotation> {
        self.refusals.iter().find_map(|refusal| match refusal {
            Refusal::Annotation(error) => Some(error),
            Refusal::NotWatched(_)
            | Refusal::NoTrigger { .. }
            | Refusal::BeingDeleted
            | Refusal::NoParent { .. }
            | Refusal::Issuer(_)
            | Refusal::SecretNames(_)
            | Refusal::Block { .. }
            | Refusal::Listener { .. }
            | Refusal::NothingAsked
            | Refusal::NoOwner { .. }
            | Refusal::OtherOwner { .. }
            | Refusal::NotAdmitted { .. }
            | Refusal::Overlooked { .. } => None,
        })
    }

    fn refused(refusal: Refusal) -> Self {
        let mut outcome = Self::default();
        outcome.refuse(refusal);
        outcome
    }

    /// Notes a refusal, and tells it if the controllers do.
    fn refuse(&mut self, refusal: Refusal) {
        if let Some(message) = refusal.event() {
            self.steps.push(Step::Tell(ShimEvent { reason: Reason::BadConfig, message }));
        }
        self.refusals.push(refusal);
    }

    fn write(&mut self, action: Action) {
        let (reason, done, name) = match &action {
            Action::Create(new) => (Reason::CreateCertificate, "created", new.name()),
            Action::Update(changed, _) => (Reason::UpdateCertificate, "updated", changed.name()),
            Action::Delete(name) => (Reason::DeleteCertificate, "deleted unrequired", name.as_str()),
        };
        let message = format!("Successfully {done} Certificate {}", quote(name));
        self.steps.push(Step::Write(action, ShimEvent { reason, message }));
    }
}

/// The object whose controller looks at it again when this Certificate is made, changed or deleted: what controls it.
/// A Certificate that a shim left alone, for it belongs to no object or to another one, wakes nobody.
pub fn woken_by(certificate: &Certificate) -> Option<ObjRef> {
    // The kind decides, whatever its group.
    let owner = certificate.controller()?;
    let kinds = [Kind::Ingress, Kind::Gateway, Kind::ListenerSet];
    let kind = kinds.into_iter().find(|kind| kind.word() == owner.kind)?;
    Some(ObjRef::new(kind, certificate.namespace(), &owner.name))
}

/// Why the API server, or cert-manager's webhook, does not let a Certificate in that a shim writes. It asks the same of a
/// new one and of a changed one.
pub fn refused(certificate: &Certificate) -> Option<admission::Refusal> {
    let mut value = serde_json::to_value(certificate).expect("our types have string keys");
    if let Some(members) = value.as_object_mut() {
        members.insert("apiVersion".to_owned(), Kind::Certificate.api_version().into());
        members.insert("kind".to_owned(), Kind::Certificate.word().into());
    }
    admission::create(Kind::Certificate, value, UnknownFields::Drop, &Requester::default()).err()
}

/// What the controller of this kind of object does when it looks at this one.
pub fn sync(subject: &Subject<'_>, flags: &ShimFlags, existing: &Existing<'_, '_>) -> Outcome {
    match subject.asker(flags) {
        Ok(asker) => sync_asker(&asker, flags, existing),
        Err(refusal) => Outcome::refused(refusal),
    }
}

fn sync_asker(asker: &Asker<'_>, flags: &ShimFlags, existing: &Existing<'_, '_>) -> Outcome {
    if let Some(refusal) = asker.untriggered(flags) {
        return Outcome::refused(refusal);
    }
    if asker.is_deleted_in_foreground() {
        return Outcome::refused(Refusal::BeingDeleted);
    }
    let issuer = match issuer::choose(flags, &asker.annotations) {
        Ok(issuer) => issuer,
        Err(faults) => return Outcome::refused(Refusal::Issuer(faults)),
    };
    let doubled = hosts::doubled_secret_names(asker);
    if !doubled.is_empty() {
        return Outcome::refused(Refusal::SecretNames(doubled));
    }
    let mut outcome = Outcome::default();
    let wanted = hosts::wanted(asker, flags, &mut outcome);
    let extra = acme::extra_annotations(asker, flags);
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let certificate = match certificate(asker, &issuer, wanted, &extra) {
            Ok(certificate) => certificate,
            Err(error) => {
                outcome.refuse(Refusal::Annotation(error));
                return outcome;
            }
        };
        match (existing.named)(certificate.name()) {
            None => new.push(Action::Create(Box::new(certificate))),
            Some(old) => match change::of(asker, old, &certificate, &extra, flags) {
                Ok(action) => changed.push(action),
                Err(refusal) => outcome.refusals.extend(refusal),
            },
        }
    }
    for action in new.into_iter().chain(changed) {
        outcome.write(action);
    }
    let written: Vec<_> = outcome.actions().filter_map(Action::written).map(|one| one.name().to_owned()).collect();
    for name in unrequired(asker, existing) {
        // The original asks its cache, which shows the update in most cases; in the others it deletes a Certificate
        // that it has just brought back to its own Secret, and makes it again.
        if !written.contains(&name) {
            outcome.write(Action::Delete(name));
        }
    }
    outcome
}

/// The Certificate that is asked for, `buildCertificates` of the original.
fn certificate(
    asker: &Asker<'_>,
    issuer: &IssuerRef,
    wanted: Wanted,
    extra: &Annotations,
) -> Result<Certificate, BadAnnotation> {
    let (ip_addresses, dns_names) = wanted.hosts.into_iter().partition(|host| hosts::is_ip(host));
    let mut spec = CertificateSpec {
        dns_names,
        ip_addresses,
        secret_name: wanted.secret_name.clone(),
        issuer_ref: issuer.clone(),
        usages: vec![KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment],
        ..CertificateSpec::default()
    };
    annotations::translate(&asker.annotations, &mut spec)?;
    let mut certificate = Certificate { spec, ..Certificate::default() };
    let meta = &mut certificate.metadata;
    meta.name = Some(wanted.secret_name);
    meta.namespace.clone_from(&asker.meta.namespace);
    meta.labels = asker.labels().filter(|labels| !labels.is_empty());
    meta.annotations = Some(acme::annotations(asker, extra)).filter(|annotations| !annotations.is_empty());
    meta.owner_references = Some(vec![owner(asker)]);
    Ok(certificate)
}

/// `metav1.NewControllerRef`.
fn owner(asker: &Asker<'_>) -> OwnerReference {
    OwnerReference {
        api_version: asker.kind.api_version(),
        kind: asker.kind.word().to_owned(),
        name: asker.meta.name.clone().unwrap_or_default(),
        uid: asker.meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The Certificates of this object that no entry of it mentions, entries that are skipped or ignored included.
fn unrequired(asker: &Asker<'_>, existing: &Existing<'_, '_>) -> Vec<String> {
    let Some(uid) = &asker.meta.uid else { return Vec::new() };
    let mut names: Vec<_> = (existing.controlled_by)(uid)
        .into_iter()
        .filter(|certificate| !hosts::mentions(asker, &certificate.spec.secret_name))
        .map(|certificate| certificate.name().to_owned())
        .collect();
    names.sort();
    names
}

/// A map that is there but empty differs, to Go, from one that is not.
type Labels = Option<BTreeMap<String, String>>;

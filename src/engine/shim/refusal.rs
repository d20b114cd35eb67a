//! Why an object gets no Certificate, or not the one that it asks for.

use std::fmt;

use crate::api::gateway::ListenerProtocol;
use crate::engine::field::{FieldError, joined};
use crate::objref::{Kind, ObjRef};

use super::{BadAnnotation, BadIssuer, Field};

/// Something that is not done, and why. cert-manager tells few of these in an event: see [`Refusal::event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// cert-manager was not told to look at objects of this kind.
    NotWatched(Kind),
    /// No annotation asks for Certificates. Those that exist stay, also those that the object asked for earlier.
    NoTrigger {
        /// The annotations that would ask for the default issuer if they were true.
        auto: Vec<String>,
        /// Those of them that are there, but not true.
        untrue: Vec<String>,
    },
    /// The object is being deleted.
    BeingDeleted,
    /// The Gateway of a ListenerSet is not there, or is being deleted.
    NoParent { gateway: ObjRef, is_deleting: bool },
    /// The annotations name no issuer, or too much.
    Issuer(Vec<BadIssuer>),
    /// An Ingress names Secrets more than once; it is not looked at any further.
    SecretNames(Vec<FieldError>),
    /// A TLS entry of an Ingress is skipped.
    Block { index: usize, errors: Vec<FieldError> },
    /// A listener is skipped.
    Listener { index: usize, name: String, skip: Skip },
    /// No entry asks for a Certificate.
    NothingAsked,
    /// An annotation cannot be read: nothing is created, changed or deleted for this object.
    Annotation(BadAnnotation),
    /// A Certificate of the wanted name exists and nothing controls it; it is left alone.
    NoOwner { certificate: String },
    /// A Certificate of the wanted name exists and something else (`Ingress web`) controls it; it is left alone.
    OtherOwner { certificate: String, owner: String },
    /// A Certificate is not let in by the API server or cert-manager's webhook, in whose words it is told.
    NotAdmitted { certificate: String, why: String },
    /// A Certificate differs from what is asked for only in fields that cert-manager does not compare; it stays.
    Overlooked { certificate: String, fields: Vec<Field> },
}

/// Why a listener is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Its protocol is none with TLS.
    Protocol(ListenerProtocol),
    /// It passes TLS through.
    Passthrough,
    /// An annotation says so.
    Ignored,
    /// It lacks what a Certificate needs.
    Faults(Vec<FieldError>),
}

impl Refusal {
    /// The message of the event that tells it, always of reason `BadConfig`, if one does.
    pub fn event(&self) -> Option<String> {
        match self {
            Self::Issuer(faults) => {
                Some(format!("Could not determine issuer for ingress due to bad annotations: {}", comma(faults)))
            }
            Self::SecretNames(errors) => Some(joined(errors)),
            Self::Block { errors, .. } => Some(format!("Skipped a TLS block: {}", joined(errors))),
            Self::Listener { skip: Skip::Faults(errors), .. } => {
                Some(format!("Skipped a listener block: {}", joined(errors)))
            }
            Self::Listener { skip: Skip::Protocol(_) | Skip::Passthrough | Skip::Ignored, .. }
            | Self::NotWatched(_)
            | Self::NoTrigger { .. }
            | Self::BeingDeleted
            | Self::NoParent { .. }
            | Self::NothingAsked
            | Self::Annotation(_)
            | Self::NoOwner { .. }
            | Self::OtherOwner { .. }
            | Self::NotAdmitted { .. }
            | Self::Overlooked { .. } => None,
        }
    }

    /// The Certificate that it is about, if it is about one.
    pub fn certificate(&self) -> Option<&str> {
        match self {
            Self::NoOwner { certificate }
            | Self::OtherOwner { certificate, .. }
            | Self::NotAdmitted { certificate, .. }
            | Self::Overlooked { certificate, .. } => Some(certificate),
            Self::NotWatched(_)
            | Self::NoTrigger { .. }
            | Self::BeingDeleted
            | Self::NoParent { .. }
            | Self::Issuer(_)
            | Self::SecretNames(_)
            | Self::Block { .. }
            | Self::Listener { .. }
            | Self::NothingAsked
            | Self::Annotation(_) => None,
        }
    }

    /// What cert-manager's log says of it at the usual verbosity, where it says something that no event does.
    pub fn log(&self) -> Option<String> {
        const REFUSING: &str = "refusing to update non-owned certificate resource for object";
        match self {
            Self::Annotation(error) => Some(error.to_string()),
            Self::NotAdmitted { why, .. } => Some(why.clone()),
            Self::NoOwner { .. } => Some(format!("certificate resource has no owner. {REFUSING}")),
            Self::OtherOwner { .. } => Some(format!("certificate resource is not owned by this object. {REFUSING}")),
            Self::NotWatched(_)
            | Self::NoTrigger { .. }
            | Self::BeingDeleted
            | Self::NoParent { .. }
            | Self::Issuer(_)
            | Self::SecretNames(_)
            | Self::Block { .. }
            | Self::Listener { .. }
            | Self::NothingAsked
            | Self::Overlooked { .. } => None,
        }
    }
}

impl fmt::Display for Refusal {
    /// One sentence without a full stop, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWatched(Kind::ListenerSet) => {
                f.write_str("cert-manager looks at ListenerSets only with --enable-gateway-api, --enable-gateway-api-listenerset and the feature gate ListenerSets")
            }
            Self::NotWatched(kind) => {
                write!(f, "cert-manager looks at {kind}s only with --enable-gateway-api")
            }
            Self::NoTrigger { auto, untrue } => {
                f.write_str("it has neither cert-manager.io/issuer nor cert-manager.io/cluster-issuer")?;
                match (auto.as_slice(), untrue.as_slice()) {
                    ([], _) => Ok(()),
                    (_, []) => write!(f, ", and not {} with the value true", auto.join(" or ")),
                    (_, _) => write!(f, ", and {} is not true", untrue.join(" or ")),
                }
            }
            Self::BeingDeleted => f.write_str("it is being deleted"),
            Self::NoParent { gateway, is_deleting: false } => write!(f, "there is no {gateway}, its parent"),
            Self::NoParent { gateway, is_deleting: true } => write!(f, "{gateway}, its parent, is being deleted"),
            Self::Issuer(faults) => f.write_str(&comma(faults)),
            Self::SecretNames(errors) => {
                write!(f, "nothing is done for the whole Ingress: {}", comma(errors))
            }
            Self::Block { index, errors } => write!(f, "TLS entry {index} is skipped: {}", comma(errors)),
            Self::Listener { name, skip, .. } => write!(f, "listener {name} gets no Certificate: {skip}"),
            Self::NothingAsked => f.write_str("it has no TLS entry that asks for a Certificate"),
            Self::Annotation(error) => {
                write!(f, "nothing is done for the whole object while the value of {} is wrong: {}", error.key, error.why)
            }
            Self::NoOwner { certificate } => {
                write!(f, "Certificate {certificate} exists and belongs to no object, so it is left as it is")
            }
            Self::OtherOwner { certificate, owner } => {
                write!(f, "Certificate {certificate} exists and belongs to {owner}, so it is left as it is")
            }
            Self::NotAdmitted { certificate, why } => {
                write!(f, "Certificate {certificate} is not made, or not changed: {why}")
            }
            Self::Overlooked { certificate, fields } => {
                let fields: Vec<_> = fields.iter().map(|field| field.path()).collect();
                let fields = fields.join(", ");
                write!(f, "Certificate {certificate} stays as it is: a change of {fields} alone is not noticed")
            }
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(protocol) => write!(f, "its protocol is {protocol}"),
            Self::Passthrough => f.write_str("its TLS mode is Passthrough"),
            Self::Ignored => f.write_str("cert-manager.io/ignore-tls-listeners names it"),
            Self::Faults(errors) => f.write_str(&comma(errors)),
        }
    }
}

fn comma<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

//! One question to the API server: its path, its scope, its words.

use super::{Page, denial, pages};
use crate::connect::{Accept, RequestError, Session};
use crate::fact::{Denial, Failure};
use crate::inventory::{Answer, Scope};
use crate::objref::{Kind, ObjRef};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// One object by name. `essential` if the run is about this very object.
    Get { object: ObjRef, essential: bool },
    /// An object of a kind that only its `apiVersion` and `kind` name: an external issuer.
    GetExternal { group: String, kind: String, namespace: String, name: String },
    /// The events about one object.
    EventsOf { object: ObjRef },
    /// Objects of a namespace, or of the cluster, by label selector (empty for all).
    List { kind: Kind, namespace: Option<String>, selector: String },
    /// The objects that one UID owns, found by metadata alone: the last resort where a name cannot be computed.
    OwnedBy { kind: Kind, namespace: String, uid: String },
}

/// What came back.
#[derive(Debug, Default)]
pub struct Sent {
    pub bodies: Vec<Vec<u8>>,
    pub trouble: Option<RequestError>,
    pub requests: usize,
}

impl Ask {
    pub fn get(object: ObjRef) -> Self {
        Self::Get { object, essential: false }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Get { object, .. } => object.kind,
            // External issuers stand beside the built-in ones; the scope tells them apart.
            Self::GetExternal { .. } => Kind::Issuer,
            Self::EventsOf { .. } => Kind::Event,
            Self::List { kind, .. } | Self::OwnedBy { kind, .. } => *kind,
        }
    }

    pub fn scope(&self) -> Scope {
        match self {
            Self::Get { object, .. } => Scope::Named(object.namespace.clone(), object.name.clone()),
            Self::GetExternal { group, kind, namespace, name } => {
                Scope::Named(Some(namespace.clone()), format!("{kind}.{group}/{name}"))
            }
            Self::EventsOf { object } => Scope::OwnedBy(object.to_string()),
            Self::List { namespace: Some(namespace), selector, .. } if selector.is_empty() => {
                Scope::Namespace(namespace.clone())
            }
            Self::List { namespace: None, selector, .. } if selector.is_empty() => Scope::Cluster,
            Self::List { namespace, selector, .. } => {
                Scope::OwnedBy(format!("{} {selector}", namespace.as_deref().unwrap_or_default()))
            }
            Self::OwnedBy { uid, .. } => Scope::OwnedBy(uid.clone()),
        }
    }

    /// Whether the answer to the whole run hangs on it.
    pub fn is_essential(&self) -> bool {
        match self {
            Self::Get { essential, .. } => *essential,
            // Without Certificates being served there is nothing to say at all.
            Self::List { kind, .. } => *kind == Kind::Certificate,
            Self::GetExternal { .. } | Self::EventsOf { .. } | Self::OwnedBy { .. } => false,
        }
    }

    /// Whether the stage of an issuance may hang on it.
    pub fn tells_stage(&self) -> bool {
        const TELLING: [Kind; 6] = [
            Kind::Certificate,
            Kind::CertificateRequest,
            Kind::Order,
            Kind::Challenge,
            Kind::Issuer,
            Kind::ClusterIssuer,
        ];
        match self {
            Self::Get { object, .. } => TELLING.contains(&object.kind),
            Self::OwnedBy { .. } => true,
            Self::GetExternal { .. } | Self::EventsOf { .. } | Self::List { .. } => false,
        }
    }

    /// Whether it asks for the events of an object of a kind.
    pub fn is_about_events_of(&self, kind: Kind) -> bool {
        matches!(self, Self::EventsOf { object } if object.kind == kind)
    }

    /// The refusal of this question as a fact.
    pub fn denial(&self) -> Denial {
        match self {
            Self::Get { object, .. } => denial("get", object.kind.resource(), object.namespace.as_deref()),
            Self::GetExternal { group, kind, namespace, .. } => denial("get", plural(kind, group), Some(namespace)),
            Self::EventsOf { object } => denial("list", Kind::Event.resource(), object.namespace.as_deref()),
            Self::List { kind, namespace, .. } => denial("list", kind.resource(), namespace.as_deref()),
            Self::OwnedBy { kind, namespace, .. } => denial("list", kind.resource(), Some(namespace)),
        }
    }

    /// `list orders.acme.cert-manager.io in namespace shop`.
    pub fn words(&self) -> String {
        let Denial { verb, resource, namespace } = self.denial();
        match namespace {
            Some(namespace) => format!("{verb} {resource} in namespace {namespace}"),
            None => format!("{verb} {resource}"),
        }
    }

    /// Sends it and hands on the bodies as they come, so that no more than two pages are held. Gives what went wrong.
    pub async fn each(&self, session: &Session, take: &mut dyn FnMut(Page)) -> Option<RequestError> {
        if let Self::List { kind, namespace, selector } = self {
            let (namespace, query, mut requests) = (namespace.as_deref(), labels(selector), 0);
            return pages::each_page(session, *kind, namespace, &query, Accept::Json, &mut requests, take).await.err();
        }
        let sent = self.send(session).await;
        for body in &sent.bodies {
            take(Page::Body(body));
        }
        sent.trouble
    }

    /// What the way that it went means.
    pub fn answer(&self, trouble: Option<&RequestError>) -> Answer {
        match trouble {
            // A kind that is not served has no objects.
            None | Some(RequestError::NotFound { .. } | RequestError::GroupAbsent { .. }) => Answer::Complete,
            Some(RequestError::Forbidden { .. }) => Answer::Hidden(self.denial()),
            Some(trouble) => Answer::Failed(Failure { asked: self.words(), said: trouble.to_string() }),
        }
    }

    /// What it means that the time ran out before it was sent.
    pub fn not_in_time(&self) -> Answer {
        Answer::Failed(Failure { asked: self.words(), said: "there was no time left".to_owned() })
    }

    /// Sends it; lists are read page by page.
    pub async fn send(&self, session: &Session) -> Sent {
        match self {
            Self::Get { object, .. } => one(session, &pages::object_path(object)).await,
            Self::GetExternal { group, kind, namespace, name } => external(session, group, kind, namespace, name).await,
            Self::EventsOf { object } => {
                let selector = format!("involvedObject.name={},involvedObject.kind={}", object.name, object.kind);
                // Events about cluster-scoped objects are kept in `default`.
                let namespace = object.namespace.as_deref().or(Some("default"));
                pages::every(session, Kind::Event, namespace, &format!("&fieldSelector={}", pages::encoded(&selector)))
                    .await
            }
            Self::List { kind, namespace, selector } => {
                pages::every(session, *kind, namespace.as_deref(), &labels(selector)).await
            }
            Self::OwnedBy { kind, namespace, uid } => owned_by(session, *kind, namespace, uid).await,
        }
    }
}

/// The query of a label selector.
fn labels(selector: &str) -> String {
    if selector.is_empty() { String::new() } else { format!("&labelSelector={}", pages::encoded(selector)) }
}

async fn one(session: &Session, path: &str) -> Sent {
    match pages::object(session, path).await {
        Ok(body) => Sent { bodies: vec![body], trouble: None, requests: 1 },
        Err(trouble) => Sent { bodies: Vec::new(), trouble: Some(trouble), requests: 1 },
    }
}

/// An external issuer: the group's preferred version and the kind's plural are asked of the server.
async fn external(session: &Session, group: &str, kind: &str, namespace: &str, name: &str) -> Sent {
    let mut sent = Sent { requests: 1, ..Sent::default() };
    let found = match pages::discover(session, group, kind).await {
        Ok(found) => found,
        Err(trouble) => return Sent { trouble: Some(trouble), ..sent },
    };
    sent.requests = 2;
    let Some(resource) = found else { return sent };
    let path = if resource.namespaced {
        format!("{}/namespaces/{namespace}/{}/{name}", resource.base, resource.plural)
    } else {
        format!("{}/{}/{name}", resource.base, resource.plural)
    };
    let answer = one(session, &path).await;
    Sent { requests: sent.requests + answer.requests, ..answer }
}

async fn owned_by(session: &Session, kind: Kind, namespace: &str, uid: &str) -> Sent {
    let (names, mut sent) = pages::names_owned_by(session, kind, namespace, uid).await;
    for name in names {
        let answer = one(session, &pages::object_path(&ObjRef::new(kind, Some(namespace), &name))).await;
        sent.requests += answer.requests;
        sent.bodies.extend(answer.bodies);
        sent.trouble = sent.trouble.or(answer.trouble);
    }
    sent
}

/// What RBAC most likely calls the resource of an external kind.
fn plural(kind: &str, group: &str) -> String {
    format!("{}s.{group}", kind.to_ascii_lowercase())
}

//! A whole namespace or cluster, page by page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::pages::{Page, each_page, encoded};
use super::{Ask, Gather};
use crate::api::Object;
use crate::chain::Chain;
use crate::connect::{Accept, RequestError, Session};
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::source::decode;

/// How much of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breadth {
    Namespace(String),
    Cluster,
}

/// The chart's labels of cert-manager's Deployments and Pods.
pub const WORKLOADS: &str = "app.kubernetes.io/component in (controller,webhook,cainjector)";

/// The label of every object of an HTTP-01 solver.
const SOLVERS: &str = "acme.cert-manager.io/http01-solver=true";

/// The kinds that a diagnosis of a whole namespace reads.
const KINDS: [Kind; 14] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Secret,
    Kind::Event,
    Kind::Ingress,
    Kind::IngressClass,
    Kind::Gateway,
    Kind::ListenerSet,
    Kind::Pod,
    Kind::Service,
];

impl Gather<'_> {
    /// Reads every kind of a namespace or of the cluster, and all there is of some kinds more; then what that list of
    /// questions could not name.
    pub async fn sweep(&mut self, breadth: &Breadth, whole: &[Kind]) -> Result<(), RequestError> {
        self.wave(questions(breadth, whole)).await?;
        let (session, asks) = (self.session, follow_up(&self.objects));
        let (answered, definitions) = futures::join!(self.wave(asks), definitions(session));
        self.requests += definitions.len();
        for body in definitions.into_iter().flatten() {
            // What is no definition tells no release. Metadata comes as an object of its own kind.
            let Ok(Value::Object(mut definition)) = serde_json::from_slice(&body) else { continue };
            definition.insert("apiVersion".to_owned(), "apiextensions.k8s.io/v1".into());
            definition.insert("kind".to_owned(), "CustomResourceDefinition".into());
            decode::take(&mut self.objects, &Value::Object(definition).to_string());
        }
        answered
    }

    /// Reads some kinds of a namespace or of the cluster whole, with cert-manager's own Deployments; then the Secrets of
    /// CA issuers and of Certificates that those lists did not hold, if Secrets are among the kinds.
    pub async fn read(&mut self, breadth: &Breadth, kinds: &[Kind]) -> Result<(), RequestError> {
        let namespace = breadth.namespace();
        let list = |kind: &Kind| {
            let namespace = namespace.filter(|_| kind.is_namespaced()).map(str::to_owned);
            Ask::List { kind: *kind, namespace, selector: selector(*kind).to_owned() }
        };
        let workloads = Ask::List { kind: Kind::Deployment, namespace: None, selector: WORKLOADS.to_owned() };
        self.wave(kinds.iter().map(list).chain([workloads]).collect()).await?;
        if !kinds.contains(&Kind::Secret) {
            return Ok(());
        }
        let named = secrets_not_listed(&self.objects).into_iter().chain(self.secrets_of_cas());
        self.wave(named.collect::<BTreeSet<_>>().into_iter().map(Ask::get).collect()).await
    }

    /// The Secrets of CA issuers that no list gave.
    fn secrets_of_cas(&self) -> BTreeSet<ObjRef> {
        let inventory = Inventory::new(self.objects.clone());
        let subject = ObjRef::new(Kind::ClusterIssuer, None, "");
        let facts = Facts::new(&inventory, Chain::of(&inventory, &subject), self.now);
        let cluster = facts.cluster_resource_namespace();
        let own = self.objects.issuers.iter().filter_map(|issuer| {
            Some(ObjRef::new(Kind::Secret, issuer.namespace(), &issuer.spec.ca.as_ref()?.secret_name))
        });
        let of_cluster = self.objects.cluster_issuers.iter().filter_map(|issuer| {
            Some(ObjRef::new(Kind::Secret, Some(&cluster), &issuer.spec.ca.as_ref()?.secret_name))
        });
        let listed: BTreeSet<ObjRef> = self.objects.secrets.iter().map(Object::objref).collect();
        own.chain(of_cluster).filter(|secret| !listed.contains(secret)).collect()
    }
}

/// The metadata of cert-manager's CustomResourceDefinitions: its labels tell the release. Nothing hangs on them, so that
/// who may not see them is not told of it.
async fn definitions(session: &Session) -> Vec<Option<Vec<u8>>> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_cert_managers());
    let get =
        |kind: Kind| async move { Some(session.get_as(&definition_path(kind), Accept::Metadata).await.ok()?.to_vec()) };
    futures::future::join_all(kinds.map(get)).await
}

/// The path of a kind's CustomResourceDefinition.
pub fn definition_path(kind: Kind) -> String {
    format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", kind.resource())
}

/// The lists that a diagnosis of a whole namespace, or of the cluster, reads first, and all there is of some kinds more.
pub fn questions(breadth: &Breadth, whole: &[Kind]) -> Vec<Ask> {
    let list = |kind: Kind, selector: &str| {
        let namespace = breadth.namespace().filter(|_| kind.is_namespaced()).map(str::to_owned);
        Ask::List { kind, namespace, selector: selector.to_owned() }
    };
    let more = [Kind::HttpRoute, Kind::Pod].into_iter().filter(|kind| whole.contains(kind));
    let workloads = Ask::List { kind: Kind::Deployment, namespace: None, selector: WORKLOADS.to_owned() };
    let usual = KINDS.into_iter().map(|kind| list(kind, selector(kind)));
    usual.chain(more.map(|kind| list(kind, ""))).chain([workloads]).collect()
}

/// What to ask then, by what those lists held.
pub fn follow_up(objects: &Objects) -> Vec<Ask> {
    let secrets = secrets_not_listed(objects).into_iter().map(Ask::get);
    secrets.chain(around_workloads(objects)).chain(beside_gateways(objects)).collect()
}

/// The Secrets that Certificates name and that do not carry cert-manager's label: made by hand, or not there.
fn secrets_not_listed(objects: &Objects) -> BTreeSet<ObjRef> {
    /// More than these would be a namespace at the very start of its issuances; each is a request of its own.
    const MOST: usize = 200;
    let listed: BTreeSet<ObjRef> = objects.secrets.iter().map(Object::objref).collect();
    let named = objects
        .certificates
        .iter()
        .map(|certificate| ObjRef::new(Kind::Secret, certificate.namespace(), &certificate.spec.secret_name));
    // Where an Ingress asks nobody for a certificate, all hangs on whether its Secret is there.
    let served = objects.ingresses.iter().flat_map(|ingress| {
        let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
        let secrets = blocks.filter_map(|block| block.secret_name.as_deref());
        secrets.map(|name| ObjRef::new(Kind::Secret, ingress.namespace(), name))
    });
    let listened = objects.gateways.iter().flat_map(|gateway| {
        let references = gateway.spec.listeners.iter().flat_map(|listener| &listener.tls);
        let own = references.flat_map(|tls| &tls.certificate_refs).filter(|one| one.namespace.is_none());
        own.map(|one| ObjRef::new(Kind::Secret, gateway.namespace(), &one.name))
    });
    let named = named.chain(served).chain(listened);
    named.filter(|secret| !listed.contains(secret)).take(MOST).collect()
}

/// The HTTPRoutes of solvers and the Gateways that they attach to; most clusters have neither.
fn beside_gateways(objects: &Objects) -> BTreeSet<Ask> {
    let mut asks = BTreeSet::new();
    for challenge in &objects.challenges {
        let http01 = challenge.spec.solver.http01.as_ref();
        let Some(solver) = http01.and_then(|http01| http01.gateway_http_route.as_ref()) else { continue };
        let namespace = challenge.namespace();
        asks.insert(Ask::List {
            kind: Kind::HttpRoute,
            namespace: namespace.map(str::to_owned),
            selector: SOLVERS.to_owned(),
        });
        for parent in &solver.parent_refs {
            let theirs = parent.namespace.as_deref().or(namespace);
            asks.insert(Ask::get(ObjRef::new(Kind::Gateway, theirs, &parent.name)));
        }
    }
    asks
}

/// Pods, Leases and EndpointSlices of cert-manager's own Deployments.
fn around_workloads(objects: &Objects) -> Vec<Ask> {
    let namespaces: BTreeSet<&str> = objects.deployments.iter().filter_map(Object::namespace).collect();
    let mut asks = Vec::new();
    for namespace in namespaces {
        let list = |kind: Kind, selector: &str| Ask::List {
            kind,
            namespace: Some(namespace.to_owned()),
            selector: selector.to_owned(),
        };
        asks.push(list(Kind::Pod, WORKLOADS));
        asks.push(list(Kind::EndpointSlice, ""));
        asks.push(list(Kind::Lease, ""));
    }
    if !asks.is_empty() {
        for lease in ["cert-manager-controller", "cert-manager-cainjector-leader-election"] {
            asks.push(Ask::get(ObjRef::new(Kind::Lease, Some("kube-system"), lease)));
        }
    }
    asks
}

/// Which objects of a kind are of interest.
fn selector(kind: Kind) -> &'static str {
    if [Kind::Pod, Kind::Service].contains(&kind) {
        SOLVERS
    } else if kind == Kind::Secret {
        "controller.cert-manager.io/fao=true"
    } else {
        ""
    }
}

impl Breadth {
    /// The one namespace, if it is one.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespace(namespace) => Some(namespace),
            Self::Cluster => None,
        }
    }
}

/// The query of a list with selectors, as [`Sweep::new`] takes it.
pub fn query(labels: Option<&str>, fields: Option<&str>) -> String {
    let part =
        |name: &str, text: Option<&str>| text.map(|text| format!("&{name}={}", encoded(text))).unwrap_or_default();
    part("labelSelector", labels) + &part("fieldSelector", fields)
}

/// A list that is handed on page by page, so that no more than one page is held.
pub struct Sweep<'s> {
    session: &'s Session,
    kind: Kind,
    namespace: Option<String>,
    query: String,
}

impl<'s> Sweep<'s> {
    /// `query` is what stands behind `?limit=N`, such as `&labelSelector=...`, encoded.
    pub fn new(session: &'s Session, kind: Kind, breadth: &Breadth, query: String) -> Self {
        Self { session, kind, namespace: breadth.namespace().map(str::to_owned), query }
    }

    /// Calls `take` with each page's JSON.
    pub async fn pages(&self, take: &mut dyn FnMut(Page)) -> Result<(), RequestError> {
        let mut requests = 0;
        let namespace = self.namespace.as_deref();
        let read = each_page(self.session, self.kind, namespace, &self.query, Accept::Json, &mut requests, take).await;
        match read {
            // CRDs before cert-manager 1.20 and Kubernetes before 1.31 select by name and namespace only; the caller
            // chooses among the objects itself in any case.
            Err(RequestError::ServerStatus { status }) if status.message.contains("field label not supported") => {
                let without: String =
                    self.query.split_inclusive('&').filter(|part| !part.starts_with("fieldSelector")).collect();
                let without = without.trim_end_matches('&');
                each_page(self.session, self.kind, namespace, without, Accept::Json, &mut requests, take).await
            }
            other => other,
        }
    }
}

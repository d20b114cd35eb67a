//! A whole namespace or cluster, page by page.

use std::collections::BTreeSet;

use super::pages::{each_page, encoded};
use super::{Ask, Gather};
use crate::connect::{Accept, RequestError, Session};
use crate::objref::{Kind, ObjRef};

/// How much of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breadth {
    Namespace(String),
    Cluster,
}

/// The kinds that a diagnosis of a whole namespace reads.
const KINDS: [Kind; 11] = [
    Kind::Certificate,
    Kind::CertificateRequest,
    Kind::Order,
    Kind::Challenge,
    Kind::Issuer,
    Kind::ClusterIssuer,
    Kind::Event,
    Kind::Ingress,
    Kind::IngressClass,
    Kind::Pod,
    Kind::Service,
];

impl Gather<'_> {
    /// Reads every kind of a namespace or of the cluster; then each Secret that a Certificate names, by name.
    pub async fn sweep(&mut self, breadth: &Breadth) -> Result<(), RequestError> {
        let namespace = breadth.namespace();
        let asks = KINDS
            .into_iter()
            .map(|kind| {
                // Of Pods and Services only the solvers' own are of interest.
                let selector = match kind {
                    Kind::Pod | Kind::Service => "acme.cert-manager.io/http01-solver=true",
                    _ => "",
                };
                let namespace = namespace.filter(|_| kind.is_namespaced()).map(str::to_owned);
                Ask::List { kind, namespace, selector: selector.to_owned() }
            })
            .chain([Ask::List {
                kind: Kind::Deployment,
                namespace: None,
                selector: "app.kubernetes.io/component in (controller,webhook,cainjector)".to_owned(),
            }])
            .collect();
        self.wave(asks).await?;
        let secrets = self
            .objects
            .certificates
            .iter()
            .filter_map(|certificate| {
                let namespace = certificate.metadata.namespace.as_deref();
                Some(ObjRef::new(Kind::Secret, Some(namespace?), &certificate.spec.secret_name))
            })
            .map(Ask::get)
            .collect::<BTreeSet<_>>();
        self.wave(secrets.into_iter().collect()).await
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
    let part = |name: &str, text: Option<&str>| text.map(|text| format!("&{name}={}", encoded(text))).unwrap_or_default();
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
    pub async fn pages(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), RequestError> {
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

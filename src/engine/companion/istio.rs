//! istio-csr: the requests of the workloads of a mesh (`pkg/server/server.go`, `pkg/certmanager/certmanager.go`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Asked;
use crate::api::certificate::CertificateSpec;
use crate::api::{CertificateRequest, GoDuration, IssuerRef, KeyUsage};
use crate::pki::PrivateKey;
use crate::pki::request::RequestFault;

/// On the request: whose it is.
const IDENTITIES: &str = "istio.cert-manager.io/identities";

/// How istio-csr is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--certificate-namespace`.
    pub namespace: String,
    /// Of the flags or of the `ConfigMap`; without one nothing is signed.
    pub issuer: Option<IssuerRef>,
    pub trust_domain: String,
    /// `--max-client-certificate-duration`; workloads ask for a day.
    pub duration: GoDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "istio-system".to_owned(),
            issuer: None,
            trust_domain: "cluster.local".to_owned(),
            duration: GoDuration("1h0m0s".to_owned()),
        }
    }
}

/// Why nothing is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("no active issuerRef is configured for istio-csr")]
    NoIssuer,
    #[error(transparent)]
    Request(#[from] RequestFault),
}

/// The SPIFFE identity of a `ServiceAccount` in the mesh.
pub fn identity(options: &Options, namespace: &str, account: &str) -> String {
    format!("spiffe://{}/ns/{namespace}/sa/{account}", options.trust_domain)
}

/// The request for a workload that runs as a `ServiceAccount`. The API server would add letters to the name.
pub fn request(
    options: &Options,
    (namespace, account): (&str, &str),
    suffix: &str,
    key: &PrivateKey,
) -> Result<CertificateRequest, Fault> {
    let issuer = options.issuer.clone().ok_or(Fault::NoIssuer)?;
    let identity = identity(options, namespace, account);
    let asked = Asked {
        names: CertificateSpec { uris: vec![identity.clone()], ..CertificateSpec::default() },
        duration: options.duration.clone(),
        usages: vec![KeyUsage::ClientAuth, KeyUsage::ServerAuth],
        issuer,
    };
    let metadata = ObjectMeta {
        name: Some(format!("istio-csr-{suffix}")),
        generate_name: Some("istio-csr-".to_owned()),
        namespace: Some(options.namespace.clone()),
        annotations: Some(BTreeMap::from([(IDENTITIES.to_owned(), identity)])),
        ..ObjectMeta::default()
    };
    Ok(CertificateRequest { metadata, spec: asked.spec(key)?, ..CertificateRequest::default() })
}

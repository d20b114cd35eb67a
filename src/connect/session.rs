//! One open way to one cluster: requests by path, bytes back.
//!
//! Knows nothing of what is in the bytes; never logs them.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::write::GzDecoder;
use futures::future::BoxFuture;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use serde::de::DeserializeOwned;
use tower::BoxError;

use super::exec::{self, Stdin};
use super::files::Disk;
use super::flags::Flags;
use super::proxy::Proxy;
use super::refusal::ConnectError;
use super::request_error::RequestError;
use super::resolve::{Resolved, resolve};
use super::retry::Policy;
use super::stack::Stack;
use super::tls::{self, Refused};
use super::wire::{Connector, Wire};
use crate::duration::format_go;
use crate::env::Env;

/// Where the server's warnings go, one call for each text that is new.
pub type WarningSink = Arc<dyn Fn(&str) + Send + Sync>;

/// In which form a read is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// The objects themselves.
    Json,
    /// One object's metadata alone (`PartialObjectMetadata`).
    Metadata,
    /// A list of metadata alone (`PartialObjectMetadataList`).
    MetadataList,
}

impl Accept {
    const fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
            Self::MetadataList => "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
        }
    }
}

/// Finds the cluster, gets the credential (running a plugin at most once) and returns the way to it. Nothing is sent
/// to the server yet.
pub async fn open(flags: &Flags, env: &Env, stdin: Stdin, warnings: WarningSink) -> Result<Session, ConnectError> {
    let resolved = resolve(flags, env, &Disk)?;
    for warning in &resolved.warnings {
        warnings(warning);
    }
    Session::from_resolved(resolved, env, stdin, warnings).await
}

/// An open way to a cluster. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    stack: Stack,
    server: Uri,
    namespace: String,
    context: Option<String>,
    proxy: Option<Proxy>,
    refused: Refused,
    compression: bool,
    limit: Option<Duration>,
    expires: Option<Timestamp>,
}

impl Session {
    /// Opens the way that was resolved before.
    pub async fn from_resolved(
        mut resolved: Resolved,
        env: &Env,
        stdin: Stdin,
        warnings: WarningSink,
    ) -> Result<Self, ConnectError> {
        let mut expires = None;
        if let Some(plugin) = resolved.plugin.take() {
            let credential = exec::run(&plugin, env, stdin, resolved.request_timeout).await?;
            expires = credential.expires;
            resolved.auth.token = credential.token.map(|token| token.expose().clone().into());
            resolved.identity = credential.identity;
        }
        Self::build(resolved, expires, warnings, Policy::CLI)
    }

    fn build(
        resolved: Resolved,
        expires: Option<Timestamp>,
        warnings: WarningSink,
        policy: Policy,
    ) -> Result<Self, ConnectError> {
        let tls = tls::configure(&resolved.trust, resolved.identity.as_ref())?;
        let connector = Connector::new(&tls.config, resolved.tls_server_name.as_deref(), resolved.proxy.as_ref())?;
        let wire = Wire::new(connector, resolved.server.clone());
        let stack = Stack::new(wire, resolved.server.clone(), &resolved.auth, warnings, policy)?;
        Ok(Self {
            shared: Arc::new(Shared {
                stack,
                server: resolved.server,
                namespace: resolved.namespace,
                context: resolved.context,
                proxy: resolved.proxy,
                refused: tls.refused,
                compression: !resolved.disable_compression,
                limit: resolved.request_timeout,
                expires,
            }),
        })
    }

    /// The namespace that applies where none is given.
    pub fn namespace(&self) -> &str {
        &self.shared.namespace
    }

    /// The address of the server, without a login.
    pub fn server(&self) -> String {
        let uri = &self.shared.server;
        let path = uri.path().trim_end_matches('/');
        format!("{}://{}{path}", uri.scheme_str().unwrap_or("https"), self.authority())
    }

    /// The kubeconfig's context in use, if there is one.
    pub fn context(&self) -> Option<&str> {
        self.shared.context.as_deref()
    }

    /// When a plugin's credential ends; a wait that goes past it opens a new session.
    pub fn expires(&self) -> Option<Timestamp> {
        self.shared.expires
    }

    /// A kube client over the same connection, for watches. It has no limit for a request: a watch is one.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.shared.stack.clone(), self.shared.namespace.clone())
            .with_valid_until(self.shared.expires)
    }

    /// What a failure of [`Session::client`] means, in the same words as those of the other requests.
    pub fn explain(&self, err: kube::Error) -> RequestError {
        RequestError::from_kube(err, &self.host_port(), self.shared.proxy.as_ref(), &self.shared.refused)
    }

    /// Reads `path`, query included, such as `/apis/cert-manager.io/v1/certificates?limit=500`.
    pub async fn get(&self, path: &str) -> Result<Bytes, RequestError> {
        self.get_as(path, Accept::Json).await
    }

    /// Reads `path` in the form asked for.
    pub async fn get_as(&self, path: &str, accept: Accept) -> Result<Bytes, RequestError> {
        self.exchange(Method::GET, path, accept, Bytes::new()).await
    }

    /// Reads `path` into a type. What cannot be read is reported by its place alone.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str, accept: Accept) -> Result<T, RequestError> {
        let body = self.get_as(path, accept).await?;
        decode(path, &body)
    }

    /// Replaces the object, or the subresource, at `path` with this JSON.
    pub async fn put(&self, path: &str, object: Vec<u8>) -> Result<Bytes, RequestError> {
        self.exchange(Method::PUT, path, Accept::Json, object.into()).await
    }

    async fn exchange(&self, method: Method, path: &str, accept: Accept, object: Bytes) -> Result<Bytes, RequestError> {
        let work = self.exchange_unlimited(method, path, accept, object);
        match self.shared.limit {
            None => work.await,
            Some(after) => match tokio::time::timeout(after, work).await {
                Ok(result) => result,
                Err(_) => Err(RequestError::Timeout { host_port: self.host_port(), after }),
            },
        }
    }

    async fn exchange_unlimited(
        &self,
        method: Method,
        path: &str,
        accept: Accept,
        object: Bytes,
    ) -> Result<Bytes, RequestError> {
        let transport = |err: BoxError| {
            RequestError::from_transport(&err, &self.host_port(), self.shared.proxy.as_ref(), &self.shared.refused)
        };
        let mut request = Request::builder()
            .method(&method)
            .uri(with_timeout(path, self.shared.limit))
            .header(ACCEPT, accept.header());
        if self.shared.compression {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        if !object.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(object)).map_err(|err| transport(err.into()))?;
        let response = self.shared.stack.clone().send(request, self.shared.limit).await.map_err(transport)?;
        let (parts, body) = response.into_parts();
        let body = read_body(&parts.headers, body).await.map_err(transport)?;
        if parts.status.is_success() {
            Ok(body)
        } else {
            Err(RequestError::from_answer(parts.status.as_u16(), path, &body))
        }
    }

    fn authority(&self) -> &str {
        let authority = self.shared.server.authority().map_or("", http::uri::Authority::as_str);
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    fn host_port(&self) -> String {
        self.authority().to_owned()
    }
}

/// Decodes JSON; the error says where it stopped, and nothing of what was there.
fn decode<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, RequestError> {
    serde_json::from_slice(body).map_err(|err| RequestError::Decode {
        path: path.split('?').next().unwrap_or_default().to_owned(),
        line: err.line(),
        column: err.column(),
        bytes: body.len(),
    })
}

/// Adds `timeout=`, so that the server gives up when we do.
fn with_timeout(path: &str, limit: Option<Duration>) -> String {
    let Some(limit) = limit.and_then(|limit| SignedDuration::try_from(limit).ok()) else { return path.to_owned() };
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}timeout={}", format_go(limit))
}

/// Collects a body, unpacking it as it comes.
fn read_body<'a>(headers: &HeaderMap, body: Incoming) -> BoxFuture<'a, Result<Bytes, BoxError>> {
    let gzip = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) == Some(b"gzip");
    Box::pin(async move {
        if !gzip {
            return Ok(body.collect().await?.to_bytes());
        }
        let mut body = body;
        let mut plain = GzDecoder::new(Vec::new());
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                plain.write_all(&data)?;
            }
        }
        Ok(plain.finish()?.into())
    })
}

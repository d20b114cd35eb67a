//! What every request goes through on its way to the connection: address, credential, impersonation, user agent,
//! and on its way back: warnings, another try, one line for the log.
//!
//! Never logs a body, a header, or the query's secrets (there are none), and asks nothing of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, USER_AGENT, WARNING};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use kube::client::{Body, ConfigExt as _};
use kube::config::AuthInfo;
use secrecy::ExposeSecret as _;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer as _, Service, ServiceExt as _};
use tracing::Instrument as _;

use super::files::why_unread;
use super::refusal::ConnectError;
use super::retry::Policy;
use super::session::WarningSink;
use super::wire::Wire;

/// The layers around the connection. Cheap to clone; clones share the connection and the warnings already told.
#[derive(Clone)]
pub(super) struct Stack {
    inner: BoxCloneSyncService<Request<Body>, Response<Incoming>, BoxError>,
    warnings: Arc<Warnings>,
    policy: Policy,
}

impl Stack {
    pub(super) fn new(
        wire: Wire,
        server: http::Uri,
        auth: &AuthInfo,
        sink: WarningSink,
        policy: Policy,
    ) -> Result<Self, ConnectError> {
        let mut config = kube::Config::new(server);
        config.headers = vec![(USER_AGENT, HeaderValue::from_static(user_agent()))];
        config.auth_info = AuthInfo {
            impersonate: auth.impersonate.clone(),
            impersonate_uid: auth.impersonate_uid.clone(),
            impersonate_groups: auth.impersonate_groups.clone(),
            impersonate_user_extra: auth.impersonate_user_extra.clone(),
            auth_provider: auth.auth_provider.clone(),
            ..AuthInfo::default()
        };
        let unusable = |err: &dyn std::fmt::Display| ConnectError::Credential(err.to_string());
        let headers = config.extra_headers_layer().map_err(|err| unusable(&err))?;
        let wire = config.base_uri_layer().layer(wire);
        let inner = match Credential::of(auth)? {
            Credential::Nothing => BoxCloneSyncService::new(headers.layer(wire)),
            Credential::Header(value) => {
                BoxCloneSyncService::new(headers.layer(wire).map_request(move |mut request: Request<Body>| {
                    request.headers_mut().insert(AUTHORIZATION, value.clone());
                    request
                }))
            }
            Credential::File(file) => {
                BoxCloneSyncService::new(headers.layer(wire).map_request(move |mut request: Request<Body>| {
                    if let Some(value) = file.header() {
                        request.headers_mut().insert(AUTHORIZATION, value);
                    }
                    request
                }))
            }
            Credential::Provider => match config.auth_layer().map_err(|err| unusable(&err))? {
                Some(layer) => BoxCloneSyncService::new(layer.layer(headers.layer(wire))),
                None => BoxCloneSyncService::new(headers.layer(wire)),
            },
        };
        let warnings = Arc::new(Warnings { sink, told: Mutex::default() });
        Ok(Self { inner, warnings, policy })
    }

    /// Sends a request, and again where the policy says so and the waits stay within `limit`.
    pub(super) async fn send(
        self,
        request: Request<Body>,
        limit: Option<Duration>,
    ) -> Result<Response<Incoming>, BoxError> {
        let (parts, body) = request.into_parts();
        let mut left = limit.unwrap_or(self.policy.patience);
        let mut next = 2;
        loop {
            let Some(copy) = body.try_clone() else {
                return self.once(Request::from_parts(parts, body)).await;
            };
            let result = self.once(Request::from_parts(parts.clone(), copy)).await;
            let wait = match &result {
                Ok(response) => self.policy.after_answer(&parts.method, response.status(), response.headers(), next),
                Err(err) if broke_off(err.as_ref()) => self.policy.after_break(&parts.method, next),
                Err(_) => None,
            };
            let Some((wait, rest)) = wait.and_then(|wait| Some((wait, left.checked_sub(wait)?))) else {
                return result;
            };
            left = rest;
            next += 1;
            drop(result);
            pause(wait).await;
        }
    }

    async fn once(&self, request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let span = tracing::debug_span!("request", method = %request.method(), path);
        let started = tokio::time::Instant::now();
        let result = self.inner.clone().oneshot(request).instrument(span.clone()).await;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let _in_span = span.enter();
        match &result {
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), elapsed_ms, "answered");
                self.warnings.tell(response.headers());
            }
            Err(err) => tracing::debug!(error = %err, elapsed_ms, "failed"),
        }
        result
    }
}

impl Service<Request<Body>> for Stack {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request, None))
    }
}

/// The one wait of the client: between two tries.
async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// Whether a connection that stood broke before the answer came; a connection that never stood did not.
fn broke_off(err: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(err) = err.downcast_ref::<hyper_util::client::legacy::Error>() {
        return !err.is_connect();
    }
    err.is::<hyper::Error>()
}

/// How the user is known to the server, apart from certificates.
enum Credential {
    Nothing,
    Header(HeaderValue),
    File(TokenFile),
    /// `auth-provider`, which kube knows how to refresh.
    Provider,
}

impl Credential {
    fn of(auth: &AuthInfo) -> Result<Self, ConnectError> {
        if let (Some(user), password) = (&auth.username, &auth.password) {
            let password = password.as_ref().map_or("", |password| password.expose_secret());
            return secret_header(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        }
        if let Some(token) = &auth.token {
            return secret_header(&format!("Bearer {}", token.expose_secret().trim()));
        }
        if let Some(path) = &auth.token_file {
            let file = TokenFile { path: path.into(), last: Arc::default() };
            return match std::fs::read_to_string(&file.path) {
                Ok(_) => Ok(Self::File(file)),
                Err(err) => Err(ConnectError::Credential(format!(
                    "unable to read tokenFile: {}",
                    why_unread(path.as_ref(), &err)
                ))),
            };
        }
        Ok(if auth.auth_provider.is_some() { Self::Provider } else { Self::Nothing })
    }
}

fn secret_header(text: &str) -> Result<Credential, ConnectError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| ConnectError::Credential("it holds characters that no HTTP header may hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(Credential::Header(value))
}

/// A token that something else renews in its file, as the kubelet does for pods.
#[derive(Clone)]
struct TokenFile {
    path: PathBuf,
    last: Arc<Mutex<Option<HeaderValue>>>,
}

impl TokenFile {
    /// The token of the file now, or the last one if the file cannot be read any more.
    fn header(&self) -> Option<HeaderValue> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(text) = std::fs::read_to_string(&self.path)
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", text.trim()))
        {
            value.set_sensitive(true);
            *last = Some(value);
        }
        last.clone()
    }
}

/// `Warning: 299` headers, each text told once.
struct Warnings {
    sink: WarningSink,
    told: Mutex<BTreeSet<String>>,
}

impl Warnings {
    fn tell(&self, headers: &HeaderMap) {
        for value in headers.get_all(WARNING) {
            let Some(text) = value.to_str().ok().and_then(warning_text) else { continue };
            if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
                (self.sink)(&text);
            }
        }
    }
}

/// The text of `299 agent "text" "date"`, RFC 7234 section 5.5; other codes are not for users.
fn warning_text(header: &str) -> Option<String> {
    let (_agent, quoted) = header.trim().strip_prefix("299 ")?.split_once(' ')?;
    let mut chars = quoted.trim_start().strip_prefix('"')?.chars();
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text).filter(|text| !text.is_empty()),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

/// `kubectl-cert/0.1.0 (linux/amd64) unknown`: kubectl's shape, so that audit logs can tell who asks.
fn user_agent() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            arch => arch,
        };
        let commit = option_env!("KUBECTL_CERT_COMMIT").unwrap_or("unknown");
        format!("kubectl-cert/{} ({os}/{arch}) {commit}", env!("CARGO_PKG_VERSION"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_header_is_unquoted() {
        assert_eq!(warning_text(r#"299 - "old \"API\" \\ gone""#), Some(r#"old "API" \ gone"#.to_owned()));
        assert_eq!(warning_text(r#"299 kube "x" "Sat, 25 Aug 2012 23:34:45 GMT""#), Some("x".to_owned()));
        for header in [r#"199 - "misc""#, "299 - text", r#"299 - """#, r#"299 - "open"#, ""] {
            assert_eq!(warning_text(header), None, "{header}");
        }
    }

    #[test]
    fn the_user_agent_has_kubectls_shape() {
        let text = user_agent();
        assert!(text.starts_with(concat!("kubectl-cert/", env!("CARGO_PKG_VERSION"), " (")), "{text}");
        assert!(text.contains(") "), "{text}");
        assert!(HeaderValue::from_static(text).to_str().is_ok());
    }
}

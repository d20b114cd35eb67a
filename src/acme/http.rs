//! One HTTP exchange with a service that a dry run asks for real: trust, time-outs and sizes, and what went wrong in
//! Go's words.
//!
//! No proxy is used: what is asked is named by the user, and often on this machine.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use ::http::{HeaderMap, Method};
use reqwest::redirect::Policy;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::connect::Trust;
use crate::connect::resolve::Identity;
use crate::connect::tls::{self, Refused};
use crate::redact::Redacted;
use crate::x509::pem;

/// The most of a response that is read: five certificates of a megabyte, as cert-manager's client has it.
const MOST: usize = 5 * 1024 * 1024;

/// A client of one service.
#[derive(Clone)]
pub struct Http {
    /// Or why there is none.
    client: Result<reqwest::Client, String>,
    refused: Refused,
    limit: Duration,
}

/// A response that was read to its end.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What is sent.
#[derive(Debug, Default)]
pub struct Content {
    pub type_: &'static str,
    pub bytes: Vec<u8>,
    /// Further headers. They may be secret.
    pub headers: HeaderMap,
}

impl Http {
    /// A client that trusts these, and lets a request take that long.
    pub fn new(trust: &Trust, limit: Duration) -> Self {
        Self::with_identity(trust, None, limit)
    }

    /// The same, with a certificate and its key, PEM, to show.
    pub fn with_identity(trust: &Trust, identity: Option<&(Vec<u8>, Redacted<Vec<u8>>)>, limit: Duration) -> Self {
        let identity = identity.and_then(|(chain, key)| {
            let key = PrivateKeyDer::from_pem_slice(key.expose()).ok()?;
            Some(Identity { chain: certificates(chain), key })
        });
        match tls::configure(trust, identity.as_ref()) {
            Ok(tls) => {
                let builder = reqwest::Client::builder()
                    .tls_backend_preconfigured(tls.config)
                    .no_proxy()
                    .http1_only()
                    .referer(false)
                    .redirect(Policy::limited(10))
                    .user_agent(concat!("kubectl-cert/", env!("CARGO_PKG_VERSION")));
                Self { client: builder.build().map_err(|error| deepest(&error)), refused: tls.refused, limit }
            }
            Err(error) => Self { client: Err(error.to_string()), refused: Refused::default(), limit },
        }
    }

    /// Sends one request. The words for a failure name method and URL, as Go's `url.Error` does.
    pub async fn send(&self, method: Method, url: &str, content: Content) -> Result<Response, String> {
        let verb = title(&method);
        tracing::debug!(%method, url, "request");
        let sent = tokio::time::timeout(self.limit, self.exchange(method, url, content)).await;
        let sent = sent.unwrap_or_else(|_| Err("context deadline exceeded (Client.Timeout exceeded)".to_owned()));
        sent.map_err(|why| format!("{verb} \"{url}\": {why}"))
    }

    async fn exchange(&self, method: Method, url: &str, content: Content) -> Result<Response, String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let parsed = reqwest::Url::parse(url).map_err(|_| match url.split_once(':') {
            Some((scheme, _)) => format!("unsupported protocol scheme {scheme:?}"),
            None => "unsupported protocol scheme \"\"".to_owned(),
        })?;
        let address =
            format!("{}:{}", parsed.host_str().unwrap_or_default(), parsed.port_or_known_default().unwrap_or(0));
        let mut request = client.request(method, parsed).headers(content.headers);
        if !content.type_.is_empty() {
            request = request.header(::http::header::CONTENT_TYPE, content.type_).body(content.bytes);
        }
        let mut response = request.send().await.map_err(|error| self.words(&error, &address))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.words(&error, &address))? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                return Err(format!("the response is larger than {MOST} bytes"));
            }
        }
        tracing::debug!(status, bytes = body.len(), "response");
        Ok(Response { status, headers, body })
    }

    fn words(&self, error: &reqwest::Error, address: &str) -> String {
        if error.is_redirect() {
            return "stopped after 10 redirects".to_owned();
        }
        if error.is_dns() {
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            return format!("dial tcp: lookup {host}: no such host");
        }
        for cause in causes(error) {
            let cause = innermost(cause);
            if let Some(words) = cause.downcast_ref::<rustls::Error>().and_then(|error| self.tls_words(error)) {
                return words;
            }
            let words = cause.downcast_ref::<io::Error>().and_then(|error| io_words(error.kind(), address));
            if let Some(words) = words {
                return words;
            }
            if let Some(error) = cause.downcast_ref::<hyper::Error>() {
                if error.is_incomplete_message() {
                    return "EOF".to_owned();
                }
                if error.is_parse() {
                    return "net/http: HTTP/1.x transport connection broken: malformed HTTP response".to_owned();
                }
            }
        }
        deepest(error)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is worded by rustls")]
    fn tls_words(&self, error: &rustls::Error) -> Option<String> {
        match error {
            rustls::Error::InvalidCertificate(_) => self.refused.last(),
            rustls::Error::InvalidMessage(_) => Some("http: server gave HTTP response to HTTPS client".to_owned()),
            rustls::Error::AlertReceived(alert) => Some(format!("remote error: tls: {alert:?}")),
            _ => None,
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Response {
    /// A header as text, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The status with its reason, as Go's `Response.Status`.
    pub fn status_line(&self) -> String {
        let reason = ::http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        format!("{} {}", self.status, reason.unwrap_or_default()).trim_end().to_owned()
    }
}

/// The certificates in a text of PEM blocks.
pub fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    let blocks = pem::blocks(text).into_iter().filter(|block| block.label == "CERTIFICATE");
    blocks.map(|block| CertificateDer::from(block.der)).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is worded by the system")]
fn io_words(kind: io::ErrorKind, address: &str) -> Option<String> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(format!("dial tcp {address}: connect: connection refused")),
        io::ErrorKind::HostUnreachable => Some(format!("dial tcp {address}: connect: no route to host")),
        io::ErrorKind::NetworkUnreachable => Some(format!("dial tcp {address}: connect: network is unreachable")),
        io::ErrorKind::ConnectionReset => Some("read: connection reset by peer".to_owned()),
        io::ErrorKind::UnexpectedEof => Some("EOF".to_owned()),
        _ => None,
    }
}

/// `Get`, `Post`: how Go names the method in an error.
fn title(method: &Method) -> String {
    let (first, rest) = method.as_str().split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}

/// What an error of input and output holds without naming it as its source; words alone are not more than the error.
fn innermost<'e>(error: &'e (dyn StdError + 'static)) -> &'e (dyn StdError + 'static) {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inner {
        Some(inner) if inner.is::<io::Error>() || inner.is::<rustls::Error>() => innermost(inner),
        Some(_) | None => error,
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source())
}

/// The last cause, in its own words.
fn deepest(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

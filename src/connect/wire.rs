//! The connection itself: TCP, proxy, TLS, and then one HTTP/2 connection that all requests share.
//!
//! A server or a proxy that speaks only HTTP/1.1 gets several connections instead. Which it is shows in the TLS
//! handshake that is needed anyway: requests that come before it is over wait for its end, and no round trip is
//! spent on finding out. Knows nothing of credentials, retries or objects.

mod connector;

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use tokio::sync::Mutex;
use tower::{BoxError, Service};

pub(super) use self::connector::{Connector, Stream};

/// Two minutes of silence on a watch may be a dead peer: ask it, as client-go does.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_ANSWER: Duration = Duration::from_secs(15);

/// A pool of one connection, or of several where HTTP/2 is not to be had. Cheap to clone.
#[derive(Clone)]
pub(super) struct Wire {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    server: Uri,
    /// Held while connecting, so that the requests of the first wave wait for one handshake instead of making one
    /// each.
    protocol: Mutex<Protocol>,
    http1: Client<SpareFirst, Body>,
    spare: Spare,
}

/// What the server is known to speak.
enum Protocol {
    Unknown,
    Http1,
    Http2(http2::SendRequest<Body>),
}

/// The connection on which HTTP/1.1 was found out, to be used by the first request.
type Spare = Arc<SyncMutex<Option<Stream>>>;

impl Wire {
    pub(super) fn new(connector: Connector, server: Uri) -> Self {
        let spare = Spare::default();
        let pool = SpareFirst { spare: Arc::clone(&spare), connector: connector.clone() };
        let http1 = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(pool);
        // Without TLS there is nothing to negotiate in: plain HTTP is 1.1.
        let protocol = if server.scheme_str() == Some("https") { Protocol::Unknown } else { Protocol::Http1 };
        Self { shared: Arc::new(Shared { connector, server, protocol: Mutex::new(protocol), http1, spare }) }
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        let mut request = request;
        // Once more at most: a connection that has ended since the last request says so before it takes the next.
        for last_try in [false, true] {
            let Some(mut sender) = self.shared.http2().await? else {
                return Ok(self.shared.http1.request(for_http1(request)).await?);
            };
            request = match sender.try_send_request(for_http2(request)).await {
                Ok(response) => return Ok(response),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !last_try => unsent,
                    Some(_) | None => return Err(failed.into_error().into()),
                },
            };
        }
        Err("the connection closed twice before a request could be sent".into())
    }
}

impl Shared {
    /// A handle to the HTTP/2 connection, made if need be; `None` if the server does not speak it.
    async fn http2(&self) -> Result<Option<http2::SendRequest<Body>>, BoxError> {
        let mut protocol = self.protocol.lock().await;
        match &*protocol {
            Protocol::Http1 => return Ok(None),
            Protocol::Http2(sender) if !sender.is_closed() => return Ok(Some(sender.clone())),
            Protocol::Http2(_) | Protocol::Unknown => {}
        }
        let stream = self.connector.clone().call(self.server.clone()).await?;
        if !stream.speaks_http2() {
            *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
            *protocol = Protocol::Http1;
            return Ok(None);
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .handshake(stream)
            .await?;
        // hyper's driver of the connection; it ends with the last handle.
        tokio::spawn(async move {
            if let Err(err) = connection.await {
                tracing::debug!(error = &err as &dyn std::error::Error, "connection ended");
            }
        });
        *protocol = Protocol::Http2(sender.clone());
        Ok(Some(sender))
    }
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn for_http2(mut request: Request<Body>) -> Request<Body> {
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(HOST);
    request
}

fn for_http1(mut request: Request<Body>) -> Request<Body> {
    *request.version_mut() = Version::HTTP_11;
    let host = request.uri().authority().map(|authority| {
        let text = authority.as_str();
        HeaderValue::from_str(text.rsplit_once('@').map_or(text, |(_, host)| host))
    });
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(HOST, host);
    }
    request
}

/// Hands out the spare connection once, then makes new ones.
#[derive(Clone)]
struct SpareFirst {
    spare: Spare,
    connector: Connector,
}

impl Service<Uri> for SpareFirst {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        match spare {
            Some(stream) => Box::pin(async { Ok(stream) }),
            None => self.connector.call(server),
        }
    }
}

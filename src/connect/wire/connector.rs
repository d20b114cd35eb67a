//! From an address to a byte stream: directly or through a proxy, with TLS on top.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

use crate::connect::proxy::Proxy;
use crate::connect::refusal::ConnectError;

/// As client-go: a server that does not answer at all is given up after this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Makes streams to a server.
#[derive(Clone)]
pub(in crate::connect) struct Connector {
    inner: BoxCloneSyncService<Uri, Stream, BoxError>,
}

impl Connector {
    /// Chooses the way: straight, or through the proxy.
    pub(in crate::connect) fn new(
        tls: &ClientConfig,
        server_name: Option<&str>,
        proxy: Option<&Proxy>,
    ) -> Result<Self, ConnectError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Small requests must leave at once, or each wave may wait for an acknowledgement.
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_LIMIT));
        let name = match server_name {
            Some(name) => Some(
                ServerName::try_from(name.to_owned())
                    .map_err(|_| ConnectError::Tls(format!("{name:?} is not a name for a server")))?,
            ),
            None => None,
        };
        let secure = Secure { tls, name };
        let Some(proxy) = proxy else { return Ok(secure.over(tcp)) };
        let login = login(&proxy.uri);
        let scheme = proxy.uri.scheme_str().unwrap_or_default();
        if scheme.starts_with("socks5") {
            let socks = SocksV5::new(proxy.uri.clone(), tcp);
            return Ok(match login {
                Some((user, password)) => secure.over(socks.with_auth(user, password)),
                None => secure.over(socks),
            });
        }
        if scheme == "https" {
            // To the proxy itself HTTP/1.1 is spoken, and its own name is verified.
            let to_proxy = HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            return Ok(secure.over(tunnel(proxy, login, to_proxy)));
        }
        Ok(secure.over(tunnel(proxy, login, tcp)))
    }
}

fn tunnel<C>(proxy: &Proxy, login: Option<(String, String)>, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri.clone(), connector);
    let header = login.and_then(|(user, password)| {
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))).ok()
    });
    match header {
        Some(header) => tunnel.with_auth(header),
        None => tunnel,
    }
}

/// User and password of a proxy's address, percent escapes undone.
fn login(uri: &Uri) -> Option<(String, String)> {
    let (login, _) = uri.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Some((unescaped(user), unescaped(password)))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        if let (b'%', [high, low, tail @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high << 4 | low);
            rest = tail;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// TLS to the API server, over whatever leads there.
struct Secure<'a> {
    tls: &'a ClientConfig,
    name: Option<ServerName<'static>>,
}

impl Secure<'_> {
    fn over<C>(self, inner: C) -> Connector
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Connection + Send + Unpin + 'static,
        C::Future: Send + 'static,
        C::Error: Into<BoxError>,
        HttpsConnector<C>: Service<Uri, Error = BoxError>,
        <HttpsConnector<C> as Service<Uri>>::Response: Transport + 'static,
        <HttpsConnector<C> as Service<Uri>>::Future: Send + 'static,
    {
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        let builder = match self.name {
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
            None => builder,
        };
        let https = builder.enable_all_versions().wrap_connector(inner);
        Connector { inner: BoxCloneSyncService::new(https.map_response(|stream| Stream(Box::pin(stream)))) }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Stream, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let inner = self.inner.clone();
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_LIMIT, inner.oneshot(server)).await {
                Ok(result) => result,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in 30 seconds").into()),
            }
        })
    }
}

pub(in crate::connect) trait Transport: Read + Write + Connection + Send {}

impl<T: Read + Write + Connection + Send> Transport for T {}

/// An open connection, whatever it is made of.
pub(in crate::connect) struct Stream(Pin<Box<dyn Transport>>);

impl Stream {
    pub(in crate::connect) fn speaks_http2(&self) -> bool {
        self.0.connected().is_negotiated_h2()
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_login_is_unescaped() {
        let uri = Uri::from_static("http://ada:pa%40ss%3Aword%@proxy:3128");
        assert_eq!(login(&uri), Some(("ada".to_owned(), "pa@ss:word%".to_owned())));
        assert_eq!(login(&Uri::from_static("http://proxy:3128")), None);
    }
}

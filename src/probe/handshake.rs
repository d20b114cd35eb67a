//! TLS towards what is probed: every certificate is taken, and noted; none is trusted because of it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::connect::TrustAnything;

/// The first bytes of an answer that are kept, to tell what it was that was no HTTP or no TLS.
const KEPT: usize = 16;

/// What a server's first bytes are, where they are not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preface {
    /// Nothing came.
    Nothing,
    /// A TLS alert or handshake record (RFC 8446 §5.1).
    Tls,
    /// An HTTP/2 SETTINGS frame (RFC 9113 §3.4).
    Http2,
    /// An HTTP/1 status line.
    Http1,
    Other,
}

impl Preface {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Nothing,
            [0x15 | 0x16, 0x03, ..] => Self::Tls,
            [_, _, _, 0x04, _, 0, 0, 0, 0, ..] => Self::Http2,
            [b'H', b'T', b'T', b'P', b'/', ..] => Self::Http1,
            _ => Self::Other,
        }
    }
}

/// The first bytes that were read of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct First(Rc<RefCell<Vec<u8>>>);

impl First {
    pub(super) fn preface(&self) -> Preface {
        Preface::of(&self.0.borrow())
    }
}

/// A connection whose first bytes are kept.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    first: First,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, First) {
        let first = First::default();
        (Self { stream, first: first.clone() }, first)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, into);
        let mut kept = self.first.0.borrow_mut();
        let room = KEPT - kept.len().min(KEPT);
        kept.extend(into.filled()[before..].iter().take(room));
        drop(kept);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Shakes hands as `host`, by SNI where it is a name; takes whatever certificate comes. ALPN is not offered.
pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(host: &str, stream: S) -> io::Result<TlsStream<S>> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    tokio_rustls::TlsConnector::from(config()).connect(name, stream).await
}

fn config() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let takes_all = Arc::new(TrustAnything::new(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(takes_all)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_was_answered() {
        for (bytes, expected) in [
            (&b""[..], Preface::Nothing),
            (b"\x15\x03\x01\x00\x02\x02\x46", Preface::Tls),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", Preface::Http2),
            (b"HTTP/1.1 400 Bad Request", Preface::Http1),
            (b"SSH-2.0-OpenSSH", Preface::Other),
            (b"\x15", Preface::Other),
        ] {
            assert_eq!(Preface::of(bytes), expected, "{bytes:?}");
        }
    }
}

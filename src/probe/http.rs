//! One GET over HTTP/1.1, as little as will do: no cookies, no credentials, no proxy, no redirect, nothing unpacked.
//!
//! This is hyper on a connection of `dial` and not reqwest, which takes no connection from outside: what was answered
//! that is no HTTP could not be told apart there, heads could not be kept to a size, and the socket would be its own.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use url::{Position, Url};

use super::dial::{Dial, DialFault};
use super::handshake::{First, Preface, Watched, shake};
use super::outcome::http01::Silence;
use super::redirect::literal;
use crate::probe::address::Refusal;

/// The most that a request may take, from the connection to the last byte that is read.
const REQUEST: Duration = Duration::from_secs(10);
/// The most that is read of a head.
const HEAD: usize = 16 * 1024;
/// The most that is read of a body.
pub(super) const BODY: usize = 8 * 1024;

/// Names this program and its version, and nothing of the machine.
const USER_AGENT: &str = concat!("kubectl-cert/", env!("CARGO_PKG_VERSION"));

/// An answer, with the start of its body.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// No more than [`BODY`] bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoReply {
    NotDialled(Refusal),
    Silence(Silence),
}

impl From<DialFault> for NoReply {
    fn from(fault: DialFault) -> Self {
        match fault {
            DialFault::Refused(refusal) => Self::NotDialled(refusal),
            fault @ (DialFault::NobodyListens
            | DialFault::TimedOut
            | DialFault::NoRoute
            | DialFault::Reset
            | DialFault::Other(_)) => Self::Silence(silence_of(fault)),
        }
    }
}

/// What it means that there is no connection.
pub(super) fn silence_of(fault: DialFault) -> Silence {
    match fault {
        DialFault::NobodyListens => Silence::NobodyListens,
        DialFault::TimedOut => Silence::ConnectTimedOut,
        DialFault::NoRoute => Silence::NoRoute,
        DialFault::Reset => Silence::Reset,
        DialFault::Refused(refusal) => Silence::Other(refusal.words().into()),
        DialFault::Other(words) => Silence::Other(words),
    }
}

/// Fetches a URL at one address.
pub(super) async fn get(dial: &Dial, url: &Url, address: IpAddr) -> Result<Reply, NoReply> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let name = literal(host).is_none().then_some(host);
    let stream = dial.tcp(name, address, port).await?;
    let (stream, first) = Watched::new(stream);
    let plain = url.scheme() != "https";
    let exchange = async {
        if plain {
            return exchange(url, stream, &first).await;
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match shake(host, stream).await {
            Ok(tls) => exchange(url, tls, &first).await,
            Err(error) => Err(tls_silence(&error, first.preface())),
        }
    };
    match timeout(REQUEST, exchange).await {
        Ok(reply) => reply.map_err(NoReply::Silence),
        Err(_) => Err(NoReply::Silence(Silence::ReadTimedOut)),
    }
}

async fn exchange<S>(url: &Url, stream: S, first: &First) -> Result<Reply, Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let words = |error: hyper::Error| silence(&error, first.preface());
    let mut builder = hyper::client::conn::http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(words)?;
    let request = request(url).map_err(|error| Silence::Other(error.to_string()))?;
    let asked = async move { read(sender.send_request(request)).await };
    // The connection moves the bytes; the answer ends first, or is already on its way when the connection ends.
    let answered = match select(pin!(asked), pin!(connection)).await {
        Either::Left((answered, _)) => answered,
        Either::Right((_, asked)) => asked.await,
    };
    answered.map_err(words)
}

async fn read(answer: impl Future<Output = hyper::Result<http::Response<Incoming>>>) -> hyper::Result<Reply> {
    let answer = answer.await?;
    let (head, mut incoming) = answer.into_parts();
    let mut body = Vec::new();
    while body.len() < BODY {
        let Some(frame) = incoming.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            body.extend(data.iter().take(BODY - body.len()));
        }
    }
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
}

fn request(url: &Url) -> http::Result<Request<Empty<Bytes>>> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    Request::get(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

/// What it means that no answer came.
fn silence(error: &hyper::Error, preface: Preface) -> Silence {
    match preface {
        Preface::Tls => return Silence::TlsOnPlainPort,
        Preface::Http2 => return Silence::Http2Only,
        Preface::Nothing | Preface::Http1 | Preface::Other => {}
    }
    if error.is_parse() && error.to_string().contains("too large") {
        return Silence::HeadTooLarge;
    }
    if error.is_parse() {
        return Silence::NotHttp;
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && matches!(io.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        {
            return Silence::Reset;
        }
        source = cause.source();
    }
    match preface {
        Preface::Nothing => Silence::EmptyReply,
        Preface::Tls | Preface::Http2 | Preface::Http1 | Preface::Other => Silence::CutOff,
    }
}

/// What it means that a TLS handshake failed.
pub(super) fn tls_silence(error: &io::Error, preface: Preface) -> Silence {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, preface) {
        (_, Preface::Http1) => Silence::PlainHttpOnTlsPort,
        (Some(rustls::Error::AlertReceived(alert)), _) => Silence::TlsAlert(alert_words(*alert)),
        (None, Preface::Nothing) if error.kind() == io::ErrorKind::UnexpectedEof => Silence::EmptyReply,
        (None, _) if error.kind() == io::ErrorKind::ConnectionReset => Silence::Reset,
        (None, _) if error.kind() == io::ErrorKind::UnexpectedEof => Silence::CutOff,
        (Some(_), Preface::Other) => Silence::PlainHttpOnTlsPort,
        (Some(error), _) => Silence::TlsFailed(error.to_string()),
        (None, _) => Silence::Other(error.to_string()),
    }
}

/// `unrecognized_name`, as RFC 8446 §6 writes it.
fn alert_words(alert: rustls::AlertDescription) -> String {
    let mut words = String::new();
    for c in format!("{alert:?}").chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    // RFC 6066 §3 spells it so.
    words.replace("unrecognised", "unrecognized")
}

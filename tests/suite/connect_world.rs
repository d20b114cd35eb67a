//! A small world for the connection's tests: certificates, an API server that answers by script, proxies, a folder.
//!
//! Everything is on the loopback and ends with the value that holds it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use kubectl_cert::connect::{ConnectError, Flags, RequestError, Session, Stdin, WarningSink, open};
use kubectl_cert::env::Env;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A certificate authority and what it signed.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn sign(&self, names: &[&str]) -> Pair {
        self.sign_with(names, |_| ())
    }

    pub fn sign_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the server");
        change(&mut params);
        Pair { cert: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub protocol: &'static str,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What the server does with a request.
#[derive(Clone)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// The head of an answer and half of its body, then the end of the connection.
    Half,
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    pub fn ok(body: &str) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: vec![], body: body.as_bytes().to_vec() }
    }

    pub fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Self::Answer { status, headers, body }
            }
            Self::Half | Self::Silence => self,
        }
    }
}

/// Says what to answer: the request, and how many came before it.
type Script = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

/// How the server speaks.
pub enum Voice {
    Plain,
    /// HTTP/2 where the client offers it.
    Tls(Pair),
    /// HTTP/1.1 and no negotiation.
    OldTls(Pair),
    /// Only to clients with a certificate of this authority.
    MutualTls(Pair, String),
}

/// An API server by script.
pub struct Server {
    pub port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    script: Script,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(voice: Voice, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state =
            Arc::new(State { seen: Mutex::default(), connections: AtomicUsize::new(0), script: Arc::new(script) });
        let tls = acceptor(voice);
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(greet(stream, tls.clone(), Arc::clone(&shared)));
            }
        });
        Self { port, state, task }
    }

    /// A server with TLS that gives the same answer to everything, and its authority.
    pub async fn tls(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> (Self, Authority) {
        let authority = Authority::new("test authority");
        let server = Self::start(Voice::Tls(authority.sign(&["127.0.0.1"])), script).await;
        (server, authority)
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl State {
    fn answer(&self, seen: Seen) -> Reply {
        let mut all = self.seen.lock().unwrap();
        let reply = (self.script)(&seen, all.len());
        all.push(seen);
        reply
    }
}

pub fn acceptor(voice: Voice) -> Option<TlsAcceptor> {
    let (pair, protocols, clients): (Pair, &[&str], Option<String>) = match voice {
        Voice::Plain => return None,
        Voice::Tls(pair) => (pair, &["h2", "http/1.1"], None),
        Voice::OldTls(pair) => (pair, &[], None),
        Voice::MutualTls(pair, clients) => (pair, &["h2", "http/1.1"], Some(clients)),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
    let mut config =
        builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap()).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Some(TlsAcceptor::from(Arc::new(config)))
}

async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let Some(tls) = tls else { return http1(stream, state).await };
    let Ok(stream) = tls.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2(stream, state).await;
    } else {
        http1(stream, state).await;
    }
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let (end, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            _ = ended.recv() => {
                // What was said so far goes out first.
                let _ = connection.accept().now_or_never();
                return;
            }
        };
        let Some(Ok((request, respond))) = accepted else { return };
        tokio::spawn(http2_request(request, respond, Arc::clone(&state), end.clone()));
    }
}

async fn http2_request(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<hyper::body::Bytes>,
    state: Arc<State>,
    end: tokio::sync::mpsc::Sender<()>,
) {
    let (parts, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        stream.flow_control().release_capacity(data.len()).unwrap();
        body.extend_from_slice(&data);
    }
    let path = parts.uri.path_and_query().unwrap().to_string();
    let seen = Seen { method: parts.method.to_string(), path, headers: parts.headers, protocol: "h2", body };
    match state.answer(seen) {
        Reply::Silence => std::future::pending().await,
        Reply::Half => {
            let response = http::Response::builder().status(200).body(()).unwrap();
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data("{\"half\":".into(), false).unwrap();
            let _ = end.send(()).await;
        }
        Reply::Answer { status, headers, body } => {
            let mut response = http::Response::builder().status(status).body(()).unwrap();
            for (name, value) in headers {
                response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
            }
            // The client may be gone by now.
            if let Ok(mut stream) = respond.send_response(response, false) {
                let _ = stream.send_data(body.into(), true);
            }
        }
    }
}

async fn http1(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    while let Some((first, headers)) = read_head(&mut stream).await {
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let (status, headers, body) = match state.answer(Seen { method, path, headers, protocol: "h1", body }) {
            Reply::Silence => return std::future::pending().await,
            Reply::Half => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":").await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Answer { status, headers, body } => (status, headers, body),
        };
        let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).await.is_err() {
            return;
        }
    }
    // What Go's server says to a client that speaks something else; nobody is there if the client is done.
    let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
}

/// Reads up to the empty line: the first line, and the headers.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, HeaderMap)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        // A TLS handshake record, which is not HTTP.
        if head[0] == 0x16 {
            return None;
        }
    }
    let text = String::from_utf8(head).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().unwrap().to_owned();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.trim()).unwrap())
    });
    Some((first, headers.collect()))
}

/// A proxy that counts what it connected and keeps what it was told.
pub struct ProxyServer {
    pub port: u16,
    pub connected: Arc<AtomicUsize>,
    pub logins: Arc<Mutex<Vec<Option<String>>>>,
    task: JoinHandle<()>,
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ProxyServer {
    /// An HTTP proxy for `CONNECT`; `status` is its answer, 200 if it is to connect.
    pub async fn http(status: u16) -> Self {
        Self::http_to(status, None).await
    }

    /// The same, but connecting to a port of the loopback whatever it is asked for.
    pub async fn http_to(status: u16, target: Option<u16>) -> Self {
        Self::start(move |mut stream, connected, logins| {
            Box::pin(async move {
                let Some((first, headers)) = read_head(&mut stream).await else { return };
                let login = headers.get("proxy-authorization").map(|value| value.to_str().unwrap().to_owned());
                logins.lock().unwrap().push(login);
                stream.write_all(format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes()).await.unwrap();
                if status == 200 {
                    let asked = first.split(' ').nth(1).unwrap().to_owned();
                    let target = target.map_or(asked, |port| format!("127.0.0.1:{port}"));
                    pump(stream, &target, &connected).await;
                }
            })
        })
        .await
    }

    /// A SOCKS5 proxy without a login.
    pub async fn socks5() -> Self {
        Self::start(|mut stream, connected, _| {
            Box::pin(async move {
                let [_, methods] = read::<2>(&mut stream).await;
                let mut offered = vec![0; usize::from(methods)];
                stream.read_exact(&mut offered).await.unwrap();
                stream.write_all(&[5, 0]).await.unwrap();
                let [_, _, _, kind] = read::<4>(&mut stream).await;
                assert_eq!(kind, 1, "an IPv4 address");
                let [a, b, c, d, high, low] = read::<6>(&mut stream).await;
                stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                pump(stream, &format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([high, low])), &connected).await;
            })
        })
        .await
    }

    async fn start(
        serve: impl Fn(
            TcpStream,
            Arc<AtomicUsize>,
            Arc<Mutex<Vec<Option<String>>>>,
        ) -> futures::future::BoxFuture<'static, ()>
        + Send
        + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connected = Arc::new(AtomicUsize::new(0));
        let logins = Arc::default();
        let (count, told) = (Arc::clone(&connected), Arc::clone(&logins));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&count), Arc::clone(&told)));
            }
        });
        Self { port, connected, logins, task }
    }
}

async fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn pump(mut stream: TcpStream, target: &str, connected: &AtomicUsize) {
    let mut onward = TcpStream::connect(target).await.unwrap();
    connected.fetch_add(1, Ordering::SeqCst);
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
}

/// A folder of its own for one test, with a kubeconfig in it.
pub struct Home {
    pub path: PathBuf,
}

impl Home {
    pub fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("connect-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join(".kube")).unwrap();
        Self { path }
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path.join(name)).unwrap_or_default()
    }

    /// A kubeconfig with one context; `cluster` and `user` are YAML in braces.
    pub fn kubeconfig(&self, cluster: &str, user: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u, namespace: \
             shop}}}}]\nclusters: [{{name: c, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        self.write(".kube/config", &text);
    }

    /// A kubeconfig for a server whose authority is known.
    pub fn trusting(&self, server: &Server, authority: &Authority, user: &str) {
        let ca = self.write("ca.crt", &authority.pem());
        self.kubeconfig(&format!("{{server: '{}', certificate-authority: {}}}", server.url(), ca.display()), user);
    }

    pub fn env(&self) -> Env {
        self.env_with(&BTreeMap::new())
    }

    pub fn env_with(&self, more: &BTreeMap<&str, String>) -> Env {
        let home = [("HOME", self.path.display().to_string()), ("PATH", "/usr/bin:/bin".to_owned())];
        Env::from_pairs(home.into_iter().chain(more.iter().map(|(name, value)| (*name, value.clone()))))
    }

    pub async fn open(&self) -> Result<Session, ConnectError> {
        self.open_with(Flags::default()).await
    }

    pub async fn open_with(&self, flags: Flags) -> Result<Session, ConnectError> {
        open(&flags, &self.env(), Stdin::NotATerminal, quiet()).await
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A sink for warnings where none is expected to matter.
pub fn quiet() -> WarningSink {
    Arc::new(|_| ())
}

/// A sink that keeps what it was told.
pub fn kept() -> (WarningSink, Arc<Mutex<Vec<String>>>) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&told);
    (Arc::new(move |text: &str| sink.lock().unwrap().push(text.to_owned())), told)
}

/// The text of a refusal.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, RequestError>) -> String {
    result.unwrap_err().to_string()
}

//! Requests over a real connection: what the server sees, and that it sees no more than it must.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;
use kubectl_cert::connect::{Accept, Flags, RequestError, Stdin, open};
use kubectl_cert::redact::Redacted;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect_world::{Authority, Home, ProxyServer, Reply, Server, Voice, kept, quiet};

const TOKEN: &str = "{token: s3cret}";

#[tokio::test]
async fn a_first_wave_of_requests_shares_one_connection() {
    let (server, authority) = Server::tls(|seen, _| Reply::ok(&seen.path)).await;
    let home = Home::new("one-connection");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    let paths: Vec<String> = (0..8).map(|n| format!("/api/v1/x{n}?limit=5")).collect();
    let answers = join_all(paths.iter().map(|path| session.get(path))).await;
    for (path, answer) in paths.iter().zip(answers) {
        assert_eq!(answer.unwrap(), path.as_bytes());
    }
    assert_eq!(session.namespace(), "shop");
    assert_eq!(session.server(), server.url());
    assert_eq!(server.connections(), 1);
    assert_eq!(server.seen().len(), 8, "nothing is asked but what was to be asked");
    assert!(server.seen().iter().all(|seen| seen.protocol == "h2"));
}

#[tokio::test]
async fn every_request_says_who_asks_and_for_what() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("headers");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    session.get_as("/a", Accept::MetadataList).await.unwrap();
    session.put("/b", b"{\"x\":1}".to_vec()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer s3cret"));
    assert!(seen[0].header("user-agent").unwrap().starts_with("kubectl-cert/"));
    assert!(
        seen[0]
            .header("accept")
            .unwrap()
            .starts_with("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    );
    assert_eq!(seen[0].header("accept-encoding"), Some("gzip"));
    assert_eq!((seen[1].method.as_str(), seen[1].body.as_slice()), ("PUT", &b"{\"x\":1}"[..]));
    assert_eq!(seen[1].header("content-type"), Some("application/json"));
    assert!(seen.iter().all(|seen| !seen.path.contains("timeout=")));
}

/// A server that says nothing, not even its settings, before it has the request: whoever waits for it waits for
/// ever.
#[tokio::test]
async fn the_first_request_leaves_with_the_handshake() {
    let authority = Authority::new("test authority");
    let pair = authority.sign(&["127.0.0.1"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mute = tokio::spawn(async move {
        let acceptor = super::connect_world::acceptor(Voice::Tls(pair)).unwrap();
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        let stream_id = loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            stream.read_exact(&mut payload).await.unwrap();
            // HEADERS, RFC 9113 section 6.2.
            if head[3] == 1 {
                break [head[5], head[6], head[7], head[8]];
            }
        };
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        // One byte of headers, `:status 200`, END_STREAM and END_HEADERS.
        let head = [0, 0, 1, 1, 5, stream_id[0], stream_id[1], stream_id[2], stream_id[3], 0x88];
        stream.write_all(&[&settings[..], &head[..]].concat()).await.unwrap();
        stream.flush().await.unwrap();
        std::future::pending::<()>().await;
    });
    let home = Home::new("mute");
    let ca = home.write("ca.crt", &authority.pem());
    let flags = Flags {
        server: Some(format!("https://127.0.0.1:{port}")),
        certificate_authority: Some(ca),
        request_timeout: Some(Duration::from_secs(20)),
        ..Flags::default()
    };
    let session = home.open_with(flags).await.unwrap();
    assert_eq!(session.get("/").await.unwrap(), "");
    mute.abort();
}

#[tokio::test]
async fn a_server_of_the_old_protocol_is_served_too() {
    let authority = Authority::new("test authority");
    let server = Server::start(Voice::OldTls(authority.sign(&["127.0.0.1"])), |seen, _| Reply::ok(&seen.path)).await;
    let home = Home::new("http1");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    assert_eq!(session.get("/first").await.unwrap(), "/first");
    let answers = join_all((0..4).map(|_| session.get("/next"))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == "/next"));
    assert!(server.connections() <= 4, "{}", server.connections());
    assert!(server.seen().iter().all(|seen| seen.protocol == "h1"));
    assert_eq!(server.seen()[0].header("host"), Some(format!("127.0.0.1:{}", server.port).as_str()));
}

#[tokio::test]
async fn a_server_flag_needs_no_kubeconfig() {
    let server = Server::start(Voice::Plain, |seen, _| Reply::ok(&seen.path)).await;
    let home = Home::new("server-flag");
    let flags = Flags { server: Some(format!("127.0.0.1:{}/prefix/", server.port)), ..Flags::default() };
    let session = home.open_with(flags).await.unwrap();
    assert_eq!(session.get("/api?a=b").await.unwrap(), "/prefix/api?a=b");
    assert_eq!(session.namespace(), "default");
    assert_eq!(session.server(), format!("http://127.0.0.1:{}/prefix", server.port));
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_server() {
    let authority = Authority::new("test authority");
    let voice = Voice::MutualTls(authority.sign(&["127.0.0.1"]), authority.pem());
    let server = Server::start(voice, |_, _| Reply::ok("in")).await;
    let home = Home::new("mtls");
    let pair = authority.sign(&["ada"]);
    home.write(".kube/ada.crt", &pair.cert);
    home.write(".kube/ada.key", &pair.key);
    home.trusting(&server, &authority, "{client-certificate: ada.crt, client-key: ada.key}");
    assert_eq!(home.open().await.unwrap().get("/").await.unwrap(), "in");
    home.trusting(&server, &authority, "{}");
    let err = home.open().await.unwrap().get("/").await.unwrap_err();
    assert!(err.to_string().starts_with("Unable to connect to the server: "), "{err}");
}

#[tokio::test]
async fn impersonation_is_sent_with_every_request() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("impersonate");
    home.trusting(&server, &authority, TOKEN);
    let flags = Flags {
        impersonate_user: Some("eve".into()),
        impersonate_groups: vec!["a,b".into(), "c".into()],
        impersonate_uid: Some("42".into()),
        impersonate_extra: vec![("example.com/Scope".into(), "x".into())],
        ..Flags::default()
    };
    home.open_with(flags).await.unwrap().get("/").await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.header("impersonate-user"), Some("eve"));
    assert_eq!(seen.header("impersonate-uid"), Some("42"));
    let groups: Vec<_> =
        seen.headers.get_all("impersonate-group").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(groups, ["a,b", "c"]);
    assert_eq!(seen.header("impersonate-extra-example.com%2fscope"), Some("x"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret"));
}

#[tokio::test]
async fn other_logins_reach_the_server() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("logins");
    let file = home.write("token", "first\n");
    home.trusting(&server, &authority, &format!("{{tokenFile: {}}}", file.display()));
    let session = home.open().await.unwrap();
    session.get("/").await.unwrap();
    home.write("token", "second\n");
    session.get("/").await.unwrap();
    home.trusting(&server, &authority, "{username: ada, password: pw}");
    home.open().await.unwrap().get("/").await.unwrap();
    let flags = Flags { token: Some(Redacted::new("flag".into())), ..Flags::default() };
    home.open_with(flags).await.unwrap().get("/").await.unwrap();
    let logins: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(logins, ["Bearer first", "Bearer second", "Basic YWRhOnB3", "Bearer flag"]);
}

#[tokio::test]
async fn each_warning_of_the_server_is_told_once() {
    let (server, authority) = Server::tls(|_, _| {
        Reply::ok("{}").with("warning", r#"299 - "v1 is old""#).with("warning", r#"299 - "and slow""#)
    })
    .await;
    let home = Home::new("warnings");
    home.trusting(&server, &authority, TOKEN);
    let (sink, told) = kept();
    let session = open(&Flags::default(), &home.env(), Stdin::NotATerminal, sink).await.unwrap();
    join_all((0..3).map(|_| session.get("/"))).await;
    assert_eq!(*told.lock().unwrap(), ["v1 is old", "and slow"]);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let (server, authority) = Server::tls(|_, before| match before {
        0 => Reply::status(503, "busy"),
        1 => Reply::status(429, "busy").with("retry-after", "0"),
        _ => Reply::ok("there"),
    })
    .await;
    let home = Home::new("retry-read");
    home.trusting(&server, &authority, TOKEN);
    assert_eq!(home.open().await.unwrap().get("/").await.unwrap(), "there");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_write_is_repeated_only_when_the_server_asks_for_it() {
    let (server, authority) = Server::tls(|seen, before| match (seen.path.as_str(), before) {
        ("/asked", 0) => Reply::status(429, "busy").with("retry-after", "0"),
        ("/asked", _) => Reply::ok("done"),
        _ => Reply::status(503, "busy"),
    })
    .await;
    let home = Home::new("retry-write");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    assert_eq!(session.put("/asked", b"{}".to_vec()).await.unwrap(), "done");
    assert!(session.put("/not-asked", b"{}".to_vec()).await.is_err());
    let paths: Vec<_> = server.seen().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(paths, ["/asked", "/asked", "/not-asked"]);
    assert!(server.seen().iter().all(|seen| seen.body == b"{}"));
}

#[tokio::test]
async fn a_wait_that_would_outlast_the_limit_is_not_begun() {
    let (server, authority) = Server::tls(|_, _| Reply::status(429, "busy").with("retry-after", "3600")).await;
    let home = Home::new("retry-limit");
    home.trusting(&server, &authority, TOKEN);
    let err = home.open().await.unwrap().get("/").await.unwrap_err();
    assert!(matches!(err, RequestError::TooManyRequests { .. }), "{err}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_that_ended_is_replaced_in_silence() {
    let (server, authority) = Server::tls(|_, before| if before == 0 { Reply::Half } else { Reply::ok("again") }).await;
    let home = Home::new("reconnect");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    session.get("/").await.unwrap_err();
    assert_eq!(session.get("/").await.unwrap(), "again");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn compressed_answers_are_unpacked() {
    let (server, authority) = Server::tls(|seen, _| {
        if seen.header("accept-encoding") != Some("gzip") {
            return Reply::ok("plain");
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&b"long ".repeat(10_000)).unwrap();
        Reply::Answer {
            status: 200,
            headers: vec![("content-encoding", "gzip".to_owned())],
            body: packed.finish().unwrap(),
        }
    })
    .await;
    let home = Home::new("gzip");
    home.trusting(&server, &authority, TOKEN);
    assert_eq!(home.open().await.unwrap().get("/").await.unwrap().len(), 50_000);
    let flags = Flags { disable_compression: true, ..Flags::default() };
    assert_eq!(home.open_with(flags).await.unwrap().get("/").await.unwrap(), "plain");
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_gone_through() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("through")).await;
    let home = Home::new("proxy");
    let ca = home.write("ca.crt", &authority.pem());
    let http = ProxyServer::http(200).await;
    let socks = ProxyServer::socks5().await;
    for (scheme, login, proxy) in [("http", "ada:p%40w@", &http), ("socks5", "", &socks)] {
        home.kubeconfig(
            &format!(
                "{{server: '{}', certificate-authority: {}, proxy-url: '{scheme}://{login}127.0.0.1:{}'}}",
                server.url(),
                ca.display(),
                proxy.port
            ),
            TOKEN,
        );
        let session = home.open().await.unwrap();
        let answers = join_all((0..3).map(|_| session.get("/"))).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == "through"), "{scheme}");
        assert_eq!(proxy.connected.load(Ordering::SeqCst), 1, "{scheme}");
    }
    assert_eq!(*http.logins.lock().unwrap(), [Some("Basic YWRhOnBAdw==".to_owned())]);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_gone_through_unless_the_server_is_exempt() {
    let authority = Authority::new("test authority");
    let server = Server::start(Voice::Tls(authority.sign(&["api.test"])), |_, _| Reply::ok("through")).await;
    let proxy = ProxyServer::http_to(200, Some(server.port)).await;
    let home = Home::new("env-proxy");
    let ca = home.write("ca.crt", &authority.pem());
    let flags = |host: &str| Flags {
        server: Some(format!("https://{host}:1")),
        certificate_authority: Some(ca.clone()),
        tls_server_name: Some("api.test".into()),
        ..Flags::default()
    };
    let proxied = BTreeMap::from([("HTTPS_PROXY", format!("127.0.0.1:{}", proxy.port)), ("NO_PROXY", "x.test".into())]);
    let session = open(&flags("api.test"), &home.env_with(&proxied), Stdin::NotATerminal, quiet()).await.unwrap();
    assert_eq!(session.get("/").await.unwrap(), "through");
    assert_eq!(proxy.connected.load(Ordering::SeqCst), 1);
    // The loopback is exempt by itself: nobody listens there.
    let session = open(&flags("127.0.0.1"), &home.env_with(&proxied), Stdin::NotATerminal, quiet()).await.unwrap();
    assert!(matches!(session.get("/").await, Err(RequestError::Refused { .. })));
    assert_eq!(proxy.connected.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_kube_client_uses_the_same_connection() {
    let (server, authority) =
        Server::tls(|_, _| Reply::ok(r#"{"major":"1","minor":"37","gitVersion":"v1.37.0"}"#)).await;
    let home = Home::new("kube-client");
    home.trusting(&server, &authority, TOKEN);
    let session = home.open().await.unwrap();
    session.get("/api").await.unwrap();
    let client = session.client();
    let text = client.request_text(http::Request::get("/version").body(vec![]).unwrap()).await.unwrap();
    assert!(text.contains("v1.37.0"));
    assert_eq!(client.default_namespace(), "shop");
    assert_eq!(server.connections(), 1);
    assert_eq!(server.seen()[1].header("authorization"), Some("Bearer s3cret"));
}

#[tokio::test]
async fn no_body_and_no_credential_reaches_a_log() {
    let (server, authority) = Server::tls(|_, _| Reply::ok(r#"{"data":"pr1vate"}"#)).await;
    let home = Home::new("logs");
    home.trusting(&server, &authority, TOKEN);
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // With one subscriber alone, a place that a test beside this one comes to first asks that test's thread, which has
    // none, and is silent from then on. With two it asks both.
    let silent = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::sink).finish();
    let second = tracing::Dispatch::new(silent);
    let guard = tracing::subscriber::set_default(subscriber);
    tracing::callsite::rebuild_interest_cache();
    let session = open(&Flags::default(), &home.env(), Stdin::NotATerminal, quiet()).await.unwrap();
    session.get_json::<Value>("/secrets?limit=1", Accept::Json).await.unwrap();
    let err = session.get_json::<Vec<String>>("/secrets", Accept::Json).await.unwrap_err();
    session.put("/secrets", br#"{"data":"0wn-pr1vate"}"#.to_vec()).await.unwrap();
    drop((guard, second));
    let text = log.text();
    assert!(text.contains("/secrets?limit=1") && text.contains("status=200"), "{text}");
    assert!(!text.contains("pr1vate") && !text.contains("s3cret"), "{text}");
    assert_eq!(err.to_string(), "error: the server's answer for /secrets cannot be read: line 1, column 0 of 18 bytes");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        std::io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

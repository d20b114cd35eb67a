//! Everything that can be wrong between here and the server, and what the user is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::time::Duration;

use kubectl_cert::connect::{ConnectError, Flags, RequestError};
use rcgen::date_time_ymd;

use super::connect_world::{Authority, Home, ProxyServer, Reply, Server, Voice, refusal};

/// A port on which nobody listens: it was free a moment ago.
async fn dead_port() -> u16 {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_dead_server_is_told_in_kubectls_words() {
    let port = dead_port().await;
    let home = Home::new("dead");
    let flags =
        Flags { server: Some(format!("https://127.0.0.1:{port}")), insecure_skip_tls_verify: true, ..Flags::default() };
    let err = home.open_with(flags).await.unwrap().get("/").await;
    assert_eq!(
        refusal(err),
        format!("The connection to the server 127.0.0.1:{port} was refused - did you specify the right host or port?")
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_with_the_name() {
    let home = Home::new("no-host");
    let flags = Flags { server: Some("http://kubectl-cert..invalid:6443".into()), ..Flags::default() };
    let text = refusal(home.open_with(flags).await.unwrap().get("/").await);
    assert!(text.starts_with("Unable to connect to the server: dial tcp: lookup kubectl-cert..invalid"), "{text}");
}

#[tokio::test]
async fn an_expired_token_is_a_missing_login() {
    let status = r#"{"kind":"Status","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
    let (server, authority) = Server::tls(move |_, _| Reply::status(401, status)).await;
    let home = Home::new("401");
    home.trusting(&server, &authority, "{token: old}");
    let err = home.open().await.unwrap().get("/").await.unwrap_err();
    assert_eq!(err.to_string(), "error: You must be logged in to the server (Unauthorized)");
    assert!(err.hint().unwrap().contains("log in again"));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn answers_of_the_server_become_values() {
    let (server, authority) = Server::tls(|seen, _| {
        let code: u16 = seen.path.trim_start_matches("/apis/cert-manager.io/v1/").parse().unwrap_or(404);
        let status = format!(r#"{{"kind":"Status","message":"m","reason":"R","code":{code}}}"#);
        if code == 404 { Reply::status(404, "404 page not found\n") } else { Reply::status(code, &status) }
    })
    .await;
    let home = Home::new("values");
    home.trusting(&server, &authority, "{token: t}");
    let session = home.open().await.unwrap();
    let get = async |name: &str| session.get(&format!("/apis/cert-manager.io/v1/{name}")).await.unwrap_err();
    assert!(matches!(get("403").await, RequestError::Forbidden { status } if status.message == "m"));
    assert!(matches!(get("409").await, RequestError::Conflict { .. }));
    assert!(matches!(get("410").await, RequestError::Expired { .. }));
    assert!(matches!(get("422").await, RequestError::Invalid { .. }));
    assert!(matches!(get("500").await, RequestError::ServerStatus { .. }));
    assert!(matches!(get("orders").await, RequestError::GroupAbsent { group } if group == "cert-manager.io/v1"));
}

#[tokio::test]
async fn failures_of_the_kube_client_are_told_in_the_same_words() {
    let status =
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old","reason":"Expired","code":410}"#;
    let (server, authority) = Server::tls(move |_, _| Reply::status(410, status)).await;
    let home = Home::new("explain");
    home.trusting(&server, &authority, "{token: t}");
    let session = home.open().await.unwrap();
    let request = || http::Request::get("/x").body(vec![]).unwrap();
    let err = session.explain(session.client().request_text(request()).await.unwrap_err());
    assert!(matches!(&err, RequestError::Expired { .. }), "{err}");
    assert_eq!(err.to_string(), "Error from server (Expired): too old");
    let port = dead_port().await;
    let flags = Flags { server: Some(format!("http://127.0.0.1:{port}")), ..Flags::default() };
    let session = home.open_with(flags).await.unwrap();
    let err = session.explain(session.client().request_text(request()).await.unwrap_err());
    assert!(matches!(err, RequestError::Refused { .. }), "{err}");
}

#[tokio::test]
async fn a_silent_server_is_left_after_the_limit() {
    let (server, authority) = Server::tls(|_, _| Reply::Silence).await;
    let home = Home::new("timeout");
    home.trusting(&server, &authority, "{token: t}");
    let flags = Flags { request_timeout: Some(Duration::from_millis(300)), ..Flags::default() };
    let err = home.open_with(flags).await.unwrap().get("/api?limit=1").await.unwrap_err();
    assert_eq!(
        err.to_string(),
        format!("Unable to connect to the server: no answer from 127.0.0.1:{} within 300ms", server.port)
    );
    assert_eq!(server.seen()[0].path, "/api?limit=1&timeout=300ms");
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let authority = Authority::new("test authority");
    for voice in [Voice::OldTls(authority.sign(&["127.0.0.1"])), Voice::Tls(authority.sign(&["127.0.0.1"]))] {
        let server = Server::start(voice, |_, _| Reply::Half).await;
        let home = Home::new("half");
        home.trusting(&server, &authority, "{token: t}");
        let err = home.open().await.unwrap().get("/").await.unwrap_err();
        assert!(matches!(err, RequestError::Unreachable { .. }), "{err}");
        assert_eq!(server.seen().len(), 1, "what was answered in part is not asked for again");
    }
}

async fn tls_refusal(voice: Voice, flags: Flags) -> (String, Option<String>) {
    let server = Server::start(voice, |_, _| Reply::ok("in")).await;
    let home = Home::new("tls");
    let flags = Flags { server: Some(server.url()), ..flags };
    match home.open_with(flags).await.unwrap().get("/").await {
        Ok(_) => ("in".to_owned(), None),
        Err(err) => (err.to_string(), err.hint()),
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_described() {
    let home = Home::new("tls-files");
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let right_file = home.write("right.crt", &right.pem());
    let wrong_file = home.write("wrong.crt", &wrong.pem());
    let trusting = |file: &std::path::Path| Flags { certificate_authority: Some(file.to_owned()), ..Flags::default() };

    let (text, hint) = tls_refusal(Voice::Tls(right.sign(&["127.0.0.1"])), trusting(&wrong_file)).await;
    assert_eq!(
        text,
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown \
         authority (subject \"CN=the server\", issuer \"CN=right\")"
    );
    assert!(hint.unwrap().contains("--certificate-authority"));

    let (text, _) = tls_refusal(Voice::Tls(right.sign(&["a.example", "10.0.0.1"])), trusting(&right_file)).await;
    assert_eq!(
        text,
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate is valid for \
         a.example, 10.0.0.1, not 127.0.0.1"
    );

    let expired = right.sign_with(&["127.0.0.1"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let (text, _) = tls_refusal(Voice::Tls(expired), trusting(&right_file)).await;
    assert!(text.contains("certificate has expired or is not yet valid: it was good until Jan  1"), "{text}");

    let (text, _) = tls_refusal(Voice::Plain, trusting(&right_file)).await;
    assert!(text.contains("does not speak TLS"), "{text}");
}

#[tokio::test]
async fn checking_can_be_turned_off_or_to_another_name() {
    let home = Home::new("tls-flags");
    let authority = Authority::new("right");
    let file = home.write("ca.crt", &authority.pem());
    let insecure = Flags { insecure_skip_tls_verify: true, ..Flags::default() };
    assert_eq!(tls_refusal(Voice::Tls(authority.sign(&["a.example"])), insecure).await.0, "in");
    let named =
        Flags { certificate_authority: Some(file), tls_server_name: Some("a.example".into()), ..Flags::default() };
    assert_eq!(tls_refusal(Voice::Tls(authority.sign(&["a.example"])), named).await.0, "in");
}

#[tokio::test]
async fn a_self_signed_server_is_accepted_when_its_own_certificate_is_trusted() {
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let home = Home::new("self-signed");
    let file = home.write("ca.crt", &cert);
    let other = home.write("other.crt", &Authority::new("other").pem());
    let voice = || Voice::Tls(super::connect_world::Pair { cert: cert.clone(), key: key.clone() });
    let flags = |file| Flags { certificate_authority: Some(file), ..Flags::default() };
    assert_eq!(tls_refusal(voice(), flags(file)).await.0, "in");
    assert!(tls_refusal(voice(), flags(other)).await.0.contains("signed by unknown authority"));
}

#[tokio::test]
async fn a_proxy_that_fails_is_named() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("in")).await;
    let home = Home::new("bad-proxy");
    let ca = home.write("ca.crt", &authority.pem());
    let refusing = ProxyServer::http(403).await;
    let dead = dead_port().await;
    for (port, expected) in [
        (refusing.port, "Unable to connect to the server: the proxy would not connect to the server".to_owned()),
        (dead, format!("Unable to connect to the server: the proxy 127.0.0.1:{dead} refused the connection")),
    ] {
        home.kubeconfig(
            &format!(
                "{{server: '{}', certificate-authority: {}, proxy-url: 'http://ada:pw@127.0.0.1:{port}'}}",
                server.url(),
                ca.display()
            ),
            "{}",
        );
        let err = home.open().await.unwrap().get("/").await.unwrap_err();
        assert_eq!(err.to_string(), expected);
        assert_eq!(err.hint().unwrap(), format!("the way led through the proxy 127.0.0.1:{port} (named by proxy-url)"));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn nothing_configured_is_not_a_try_at_localhost() {
    let home = Home::new("nothing");
    let err = home.open().await.err().unwrap();
    assert!(matches!(err, ConnectError::NotConfigured { .. }), "{err}");
    assert!(err.to_string().contains(".kube/config"), "{err}");
}

//! `dry-run --acme` against servers that are good, that misbehave, and that are not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stub_ca::{Answer, StubCa, foreign_certificate};

const MANIFESTS: &str = "
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: acme, namespace: shop}
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    email: ops@example.com
    privateKeySecretRef: {name: acme-account}
    solvers: [{http01: {ingress: {ingressClassName: nginx}}}]
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec:
  secretName: web-tls
  dnsNames: [web.example.com]
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: acme}
";

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

/// A file of its own for a test.
fn file(name: &str, text: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-ca");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{name}", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::write(&path, text).unwrap();
    path
}

fn dry_run(directory: &str, args: &[&str]) -> Said {
    play(MANIFESTS, &[&["--acme", directory], args].concat())
}

fn play(manifests: &str, args: &[&str]) -> Said {
    let manifests = file("manifests.yaml", manifests);
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .args(["dry-run", "-f", manifests.to_str().unwrap()])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr), took: began.elapsed() }
}

/// One line with single blanks: where a text is wrapped does not matter here.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn expect(said: &Said, code: i32, words: &[&str]) {
    let all = flat(&format!("{}\n{}", said.out, said.err));
    for word in words {
        assert!(all.contains(word), "no {word:?} in {all}");
    }
    assert_eq!(said.code, Some(code), "{all}");
}

#[test]
fn a_good_server_issues_and_is_asked_in_the_words_of_rfc_8555() {
    let ca = StubCa::start(|_, _| None);
    let said = dry_run(&ca.directory(), &["-o", "json"]);
    expect(&said, 0, &[]);
    let list: Value = serde_json::from_str(&said.out).unwrap();
    let find = |kind: &str| list["items"].as_array().unwrap().iter().find(|item| item["kind"] == kind).unwrap().clone();
    assert_eq!(find("Order")["status"]["state"], "valid");
    assert_eq!(find("Order")["status"]["url"], format!("{}/order/1", ca.base));
    assert_eq!(find("Certificate")["status"]["conditions"][0]["reason"], "Ready");

    let asked = ca.asked();
    let paths: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    assert_eq!(paths[..3], ["GET /dir", "POST /account", "POST /order"], "the directory's nonce is used: {paths:?}");
    let account = &asked[1];
    assert_eq!((&account.header["alg"], &account.header["jwk"]["kty"]), (&"RS256".into(), &"RSA".into()));
    assert_eq!(account.payload["contact"][0], "mailto:ops@example.com");
    assert_eq!(account.payload["termsOfServiceAgreed"], true);
    let order = &asked[2];
    assert_eq!((&order.header["kid"], &order.header["jwk"]), (&format!("{}/account/1", ca.base).into(), &Value::Null));
    assert_eq!(order.header["url"], format!("{}/order", ca.base));
    assert_eq!(order.payload["identifiers"], serde_json::json!([{"type": "dns", "value": "web.example.com"}]));
    assert!(!said.out.contains("PRIVATE KEY"), "{}", said.out);
}

#[test]
fn a_server_that_hangs_is_left_after_the_time_of_a_request() {
    let ca = StubCa::start(|_, _| Some(Answer { silence: Duration::from_mins(1), ..Answer::default() }));
    let said = dry_run(&ca.directory(), &["--request-timeout", "1s", "--until", "4s"]);
    expect(&said, 1, &["context deadline exceeded", "Issuer shop/acme"]);
    assert!(said.took < Duration::from_secs(20), "{:?}", said.took);
}

#[test]
fn a_directory_that_is_html_or_of_another_protocol_is_said() {
    for (answer, words) in [
        (Answer::new(200, "<html>hello</html>"), "invalid character '<' looking for beginning of value"),
        (Answer::new(200, "{}"), "acme: server does not support the RFC 8555 version of ACME"),
        (Answer::new(404, "<html>not found</html>"), "404 : <html>not found</html>"),
        (Answer::new(200, ""), "EOF"),
    ] {
        let ca = StubCa::start(move |asked, _| (asked.path == "/dir").then(|| answer.clone()));
        expect(&dry_run(&ca.directory(), &["--until", "3s"]), 1, &[words]);
    }
}

#[test]
fn bad_nonces_are_tried_again_and_given_up_after_five() {
    let bad = || Some(Answer::problem(400, "badNonce", "the nonce is stale"));
    let ca = StubCa::start(move |asked, before| if asked.path == "/account" && before < 2 { bad() } else { None });
    expect(&dry_run(&ca.directory(), &[]), 0, &["the certificate is ready"]);
    let asked = ca.asked();
    assert_eq!(asked.iter().filter(|asked| asked.path == "/account").count(), 3);
    assert_eq!(asked.iter().filter(|asked| asked.path == "/nonce").count(), 2, "each retry has a new nonce");

    let ca = StubCa::start(move |asked, _| if asked.path == "/account" { bad() } else { None });
    expect(&dry_run(&ca.directory(), &[]), 1, &["400 urn:ietf:params:acme:error:badNonce: the nonce is stale"]);
    // Each look of the controller makes six tries.
    let count = ca.asked().iter().filter(|asked| asked.path == "/account").count();
    assert!(count > 0 && count.is_multiple_of(6), "{count}");
}

#[test]
fn an_account_that_needs_an_external_one_is_refused_in_the_words_of_the_ca() {
    let ca = StubCa::start(|asked, _| {
        let is_lacking = asked.path == "/account" && asked.payload["externalAccountBinding"].is_null();
        is_lacking.then(|| Answer::problem(403, "externalAccountRequired", "bind the account"))
    });
    let words = "403 urn:ietf:params:acme:error:externalAccountRequired: bind the account";
    expect(&dry_run(&ca.directory(), &[]), 1, &[words, "(acme-eab-missing-or-wrong)"]);
}

#[test]
fn a_certificate_for_another_key_is_not_stored() {
    let foreign = foreign_certificate("web.example.com");
    let ca = StubCa::start(move |asked, _| (asked.path == "/certificate").then(|| Answer::new(200, foreign.clone())));
    let said = dry_run(&ca.directory(), &["--until", "5s", "-o", "json"]);
    assert_ne!(said.code, Some(0), "{}", said.err);
    let list: Value = serde_json::from_str(&said.out).unwrap();
    let secrets = list["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "Secret");
    assert!(secrets.clone().all(|secret| secret["data"]["tls.crt"].is_null()), "{}", said.out);
    assert_eq!(ca.asked().iter().filter(|asked| asked.path == "/order").count(), 3, "a CA is not asked on and on");
}

#[test]
fn an_order_that_lies_is_no_panic() {
    for body in [
        "[]",
        "7",
        "{\"status\":\"ready\"}",
        "{\"status\":[]}",
        "{\"status\":\"pending\",\"authorizations\":[\"nowhere\"]}",
        "<html>",
    ] {
        let ca = StubCa::start(move |asked, _| {
            asked.path.starts_with("/order").then(|| Answer::new(201, body).with("location", "nowhere"))
        });
        let said = dry_run(&ca.directory(), &["--until", "3s"]);
        assert_eq!(said.code, Some(1), "{body}: {} {}", said.out, said.err);
    }
}

#[test]
fn what_is_not_there_is_said_as_go_says_it() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = dry_run(&format!("https://127.0.0.1:{port}/dir"), &["--until", "3s"]);
    let words = format!("Get \"https://127.0.0.1:{port}/dir\": dial tcp 127.0.0.1:{port}: connect: connection refused");
    expect(&said, 1, &[&words]);
    let ca = StubCa::start(|_, _| None);
    let said = dry_run(&ca.directory().replace("http:", "https:"), &["--until", "3s"]);
    expect(&said, 1, &["http: server gave HTTP response to HTTPS client"]);
}

#[test]
fn an_answer_without_end_is_cut() {
    let ca = StubCa::start(|asked, _| (asked.path == "/dir").then(|| Answer::new(200, " ".repeat(6 * 1024 * 1024))));
    expect(&dry_run(&ca.directory(), &["--until", "3s"]), 1, &["the response is larger than 5242880 bytes"]);
}

#[test]
fn mistakes_on_the_command_line_are_said() {
    for (args, words) in [
        (
            &["--now", "2026-03-01T00:00:00Z"][..],
            "--acme and --vault go by the real time: they cannot be used with --now",
        ),
        (&["--ca-file", "/nonexistent/ca.pem"], "/nonexistent/ca.pem"),
        (&["--ca-file", "Cargo.toml"], "--ca-file Cargo.toml: there is no certificate in it"),
    ] {
        expect(&dry_run("https://127.0.0.1:1/dir", args), 2, &[words]);
    }
    for directory in ["ftp://127.0.0.1/dir", "dir", ""] {
        expect(&dry_run(directory, &[]), 2, &["it is not the URL of a directory"]);
    }
}

fn of_vault(auth: &str) -> String {
    format!(
        "
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {{name: vault, namespace: shop}}
spec: {{vault: {{server: 'https://vault.example.com', path: pki/sign/web, namespace: team, auth: {auth}}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: login, namespace: shop}}
stringData: {{token: hunter2, id: hunter3}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {{name: web, namespace: shop}}
spec:
  secretName: web-tls
  dnsNames: [web.example.com]
  privateKey: {{algorithm: ECDSA}}
  issuerRef: {{name: vault}}
"
    )
}

const BY_TOKEN: &str = "{tokenSecretRef: {name: login, key: token}}";

#[test]
fn vault_signs_for_each_way_to_log_in() {
    for (auth, login, token) in [
        (BY_TOKEN, None, "hunter2"),
        (
            "{appRole: {roleId: r, path: approle, secretRef: {name: login, key: id}}}",
            Some(serde_json::json!({"role_id": "r", "secret_id": "hunter3"})),
            "token-of-login",
        ),
        (
            "{kubernetes: {role: web, secretRef: {name: login, key: token}}}",
            Some(serde_json::json!({"role": "web", "jwt": "hunter2"})),
            "token-of-login",
        ),
    ] {
        let vault = StubCa::start(|_, _| None);
        let said = play(&of_vault(auth), &["--vault", &vault.base, "-o", "trace"]);
        expect(&said, 0, &["Vault: POST", "a certificate, and 1 of CAs"]);
        assert!(!said.out.contains("hunter") && !said.out.contains("token-of-login"), "{}", said.out);
        let asked = vault.asked();
        let found = asked.iter().find(|asked| asked.path.ends_with("/login")).map(|asked| asked.body.clone());
        assert_eq!(found, login, "{auth}");
        let sign = asked.iter().find(|asked| asked.path == "/v1/pki/sign/web").unwrap();
        assert_eq!(
            (sign.headers["x-vault-token"].as_str(), sign.headers["x-vault-namespace"].as_str()),
            (token, "team")
        );
        assert_eq!((&sign.body["alt_names"], &sign.body["ttl"]), (&"web.example.com".into(), &"2160h0m0s".into()));
    }
}

#[test]
fn what_vault_refuses_is_said_in_the_words_of_its_client() {
    let denied = || Answer::new(403, r#"{"errors":["permission denied"]}"#);
    let vault = StubCa::start(move |asked, _| (asked.path == "/v1/pki/sign/web").then(denied));
    let words = "Vault failed to sign certificate: failed to sign certificate by vault: Error making API request. \
                 Namespace: team URL: POST";
    expect(
        &play(&of_vault(BY_TOKEN), &["--vault", &vault.base]),
        1,
        &[words, "Code: 403. Errors: * permission denied"],
    );

    let vault = StubCa::start(|asked, _| (asked.path == "/v1/sys/health").then(|| Answer::new(503, "{}")));
    let words = "Failed to verify Vault is initialized and unsealed: Vault is sealed";
    expect(&play(&of_vault(BY_TOKEN), &["--vault", &vault.base]), 1, &[words]);

    let auth = "{appRole: {roleId: r, path: approle, secretRef: {name: login, key: id}}}";
    let vault = StubCa::start(move |asked, _| asked.path.ends_with("/login").then(denied));
    let words = "Failed to initialize Vault client: error logging in to Vault server: Error making API request.";
    expect(&play(&of_vault(auth), &["--vault", &vault.base]), 1, &[words]);
}

#[test]
fn a_login_that_is_in_no_object_stops_the_play() {
    let vault = StubCa::start(|_, _| None);
    let auth = "{kubernetes: {role: web, serviceAccountRef: {name: issuer}}}";
    let said = play(&of_vault(auth), &["--vault", &vault.base]);
    expect(&said, 2, &["stops here: only Vault at", "can tell"]);
    assert!(vault.asked().is_empty());
}

#[test]
fn a_vault_that_sends_something_else_is_no_panic() {
    for body in ["<html>", "[]", "{}", r#"{"data":{"certificate":"none"}}"#, ""] {
        let vault = StubCa::start(move |asked, _| (asked.path == "/v1/pki/sign/web").then(|| Answer::new(200, body)));
        let said = play(&of_vault(BY_TOKEN), &["--vault", &vault.base]);
        assert_eq!(said.code, Some(1), "{body}: {} {}", said.out, said.err);
    }
}

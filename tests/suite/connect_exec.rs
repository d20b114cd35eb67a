//! Credential plugins, as real programs: how often they run, what they are given, what they may not do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use kubectl_cert::connect::{ConnectError, ExecError, Flags, Stdin, open};
use serde_json::Value;

use super::connect_world::{Authority, Home, Reply, Server, Voice, quiet};

const ANSWER: &str = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
  "status":{"token":"from-plugin","expirationTimestamp":"2030-01-01T00:00:00Z"}}"#;

/// Writes a plugin that notes each run, what it was told and what its standard input holds, and prints `answer`.
fn plugin(home: &Home, answer: &str) {
    home.write("answer.json", answer);
    let folder = home.path.display();
    let script = format!(
        "#!/bin/sh\necho \"$@ $FROM_CONFIG\" >> {folder}/runs\nprintf %s \"$KUBERNETES_EXEC_INFO\" > {folder}/info\n\
         cat > {folder}/stdin\ncat {folder}/answer.json\n"
    );
    let path = home.write("login", &script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn user(home: &Home, more: &str) -> String {
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {}/login, args: [get, token], env: [{{name: \
         FROM_CONFIG, value: yes}}], {more}}}}}",
        home.path.display()
    )
}

#[tokio::test]
async fn a_plugin_runs_once_however_many_requests_there_are() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-once");
    plugin(&home, ANSWER);
    home.trusting(&server, &authority, &user(&home, "interactiveMode: IfAvailable"));
    let session = home.open().await.unwrap();
    join_all((0..8).map(|_| session.get("/"))).await;
    assert_eq!(home.read("runs"), "get token yes\n");
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer from-plugin")));
    assert_eq!(session.expires(), Some("2030-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(home.read("stdin"), "", "a plugin must not read what is piped to us");
}

#[tokio::test]
async fn a_plugin_is_told_what_the_kubeconfig_wants_it_to_know() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-info");
    plugin(&home, ANSWER);
    let info = || -> Value { serde_json::from_str(&home.read("info")).unwrap() };
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Never"));
    home.open().await.unwrap();
    assert_eq!(info()["spec"], serde_json::json!({"interactive": false}));
    assert_eq!(info()["kind"], "ExecCredential");
    assert_eq!(info()["apiVersion"], "client.authentication.k8s.io/v1");
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Never, provideClusterInfo: true"));
    home.open().await.unwrap();
    let cluster = &info()["spec"]["cluster"];
    assert_eq!(cluster["server"], server.url());
    assert!(cluster["certificate-authority-data"].as_str().unwrap().starts_with("LS0tLS1CRUdJTi"));
}

#[tokio::test]
async fn a_plugin_that_must_ask_is_not_run_without_a_terminal() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-always");
    plugin(&home, ANSWER);
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Always"));
    for stdin in [Stdin::NotATerminal, Stdin::Taken] {
        let err = open(&Flags::default(), &home.env(), stdin, quiet()).await.err().unwrap();
        assert!(
            err.to_string().starts_with(
                "Unable to connect to the server: getting credentials: exec plugin cannot support interactive mode: \
                 standard input is "
            ),
            "{err}"
        );
    }
    assert_eq!(home.read("runs"), "");
}

#[tokio::test]
async fn a_certificate_from_a_plugin_opens_the_door() {
    let authority = Authority::new("test authority");
    let voice = Voice::MutualTls(authority.sign(&["127.0.0.1"]), authority.pem());
    let server = Server::start(voice, |_, _| Reply::ok("in")).await;
    let home = Home::new("exec-cert");
    let pair = authority.sign(&["ada"]);
    let answer = serde_json::json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"clientCertificateData": pair.cert, "clientKeyData": pair.key}
    });
    plugin(&home, &answer.to_string());
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Never"));
    assert_eq!(home.open().await.unwrap().get("/").await.unwrap(), "in");
}

#[tokio::test]
async fn a_token_from_elsewhere_keeps_the_plugin_from_running() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-token");
    plugin(&home, ANSWER);
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Never"));
    let flags = Flags { token: Some("flag".to_owned().into()), ..Flags::default() };
    home.open_with(flags).await.unwrap().get("/").await.unwrap();
    assert_eq!(home.read("runs"), "");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer flag"));
}

#[tokio::test]
async fn a_missing_plugin_comes_with_its_install_hint() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-missing");
    home.trusting(
        &server,
        &authority,
        "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: kubectl-cert-no-such-login, installHint: \
         \"\\e[1mbrew install it\"}}",
    );
    let err = home.open().await.err().unwrap().to_string();
    assert!(err.contains("exec: executable kubectl-cert-no-such-login not found"), "{err}");
    assert!(err.ends_with("that is not installed.\n\nbrew install it"), "{err}");
}

#[tokio::test]
async fn a_plugin_that_fails_is_an_error_with_its_code() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-fails");
    home.trusting(
        &server,
        &authority,
        "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: sh, args: ['-c', 'exit 7']}}",
    );
    let err = home.open().await.err().unwrap();
    assert_eq!(
        err.to_string(),
        "Unable to connect to the server: getting credentials: exec: executable sh failed with exit code 7"
    );
    assert!(matches!(err, ConnectError::Exec(ExecError::Failed { .. })));
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_at_the_limit() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-hangs");
    let pid = home.path.join("pid");
    home.trusting(
        &server,
        &authority,
        &format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: sh, args: ['-c', 'echo $$ > {}; exec \
             sleep 600']}}}}",
            pid.display()
        ),
    );
    let flags = Flags { request_timeout: Some(Duration::from_millis(500)), ..Flags::default() };
    let err = home.open_with(flags).await.err().unwrap();
    assert!(err.to_string().ends_with("exec: executable sh gave no answer within 500ms"), "{err}");
    // Ended, and at most still waiting to be collected.
    let stat = Path::new("/proc").join(home.read("pid").trim()).join("stat");
    let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let wait = async {
        while !ended() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("a killed plugin ends");
}

#[tokio::test]
async fn a_policy_of_the_user_keeps_plugins_from_running() {
    let (server, authority) = Server::tls(|_, _| Reply::ok("{}")).await;
    let home = Home::new("exec-policy");
    plugin(&home, ANSWER);
    home.trusting(&server, &authority, &user(&home, "interactiveMode: Never"));
    home.write(".kube/kuberc", "credentialPluginPolicy: DenyAll\n");
    let err = home.open().await.err().unwrap();
    assert!(err.to_string().contains("not allowed: policy set to \"DenyAll\""), "{err}");
    home.write(".kube/kuberc", "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{command: other}]\n");
    assert!(home.open().await.is_err());
    assert_eq!(home.read("runs"), "");
    home.write(
        ".kube/kuberc",
        &format!(
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: {}/login}}]\n",
            home.path.display()
        ),
    );
    home.open().await.unwrap();
    assert_eq!(home.read("runs"), "get token yes\n");
    let off = home.env_with(&BTreeMap::from([("KUBERC", "off".to_owned())]));
    home.write(".kube/kuberc", "credentialPluginPolicy: DenyAll\n");
    open(&Flags::default(), &off, Stdin::NotATerminal, quiet()).await.unwrap();
    assert_eq!(home.read("runs").lines().count(), 2);
}

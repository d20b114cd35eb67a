//! Every way to the API server and every way not to get there, with the real binary and a real server.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::lab::Lab;
use crate::run::{Output, Running};

/// A command that asks the server and finds nothing.
const ASK: [&str; 3] = ["status", "-n", "default"];
const NOTHING: &str = "No resources found in default namespace.";

/// Runs our program with a kubeconfig whose cluster and user are YAML in braces.
fn with_kubeconfig(lab: &Lab, name: &str, cluster: &str, user: &str, args: &[&str]) -> Output {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n"
    );
    let path = lab.folder("kubeconfigs").join(name);
    fs::write(&path, text).unwrap();
    let mut command = lab.bare(args);
    command.env("KUBECONFIG", path);
    Running::start(command).output(Duration::from_mins(1))
}

/// The lab's server, trusted.
fn trusted(lab: &Lab) -> String {
    format!("server: '{}', certificate-authority: '{}'", lab.ready.server, lab.ready.ca_file.display())
}

fn bare(lab: &Lab, args: &[&str]) -> Output {
    Running::start(lab.bare(args)).output(Duration::from_mins(1))
}

#[test]
fn a_token_and_a_client_certificate_open_the_door() {
    let lab = Lab::shared();
    for user in ["admin", "admin-cert"] {
        lab.cert_as(user, &ASK).expect_code(0).complains(NOTHING);
    }
    let token = format!("{{token: {}}}", lab.ready.tokens["admin"]);
    with_kubeconfig(lab, "token", &format!("{{{}}}", trusted(lab)), &token, &ASK).expect_code(0).complains(NOTHING);
    let files = (lab.ready.client_cert.display().to_string(), lab.ready.client_key.display().to_string());
    let args = ["--client-certificate", &files.0, "--client-key", &files.1];
    with_kubeconfig(lab, "flags", &format!("{{{}}}", trusted(lab)), "{}", &[&ASK[..], &args].concat())
        .expect_code(0)
        .complains(NOTHING);
}

#[test]
fn no_kubeconfig_is_needed_where_flags_say_it_all() {
    let lab = Lab::shared();
    let ca = lab.ready.ca_file.display().to_string();
    let flags = ["--server", &lab.ready.server, "--token", &lab.ready.tokens["admin"], "--certificate-authority", &ca];
    bare(lab, &[&ASK[..], &flags].concat()).expect_code(0).complains(NOTHING);
    // In any place.
    bare(lab, &[&flags[..], &ASK].concat()).expect_code(0).complains(NOTHING);
    let refused = bare(lab, &ASK).expect_code(2);
    refused.complains("error: no cluster is configured (looked at ");
}

/// A credential plugin that counts its runs.
fn plugin(lab: &Lab, name: &str, token: &str) -> (PathBuf, PathBuf) {
    let folder = lab.folder(name);
    let (runs, path) = (folder.join("runs"), folder.join("login"));
    let script = format!(
        "#!/bin/sh\necho run >> '{}'\ncat <<END\n{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \
         \"ExecCredential\", \"status\": {{\"token\": \"{token}\"}}}}\nEND\n",
        runs.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (path, runs)
}

fn exec(path: &std::path::Path) -> String {
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: '{}'}}}}",
        path.display()
    )
}

#[test]
fn a_credential_plugin_runs_once_for_all_questions() {
    let lab = Lab::shared();
    let place = lab.place("exec");
    place.certificate("web", "exec.example.com", "lab-ca");
    place.until("web", "Ready", "True");
    let (path, runs) = plugin(lab, "exec-once", &lab.ready.tokens["admin"]);
    let args = ["diagnose", "web", "-n", "exec"];
    with_kubeconfig(lab, "exec", &format!("{{{}}}", trusted(lab)), &exec(&path), &args)
        .expect_code(0)
        .says("healthy Certificate exec/web");
    assert_eq!(fs::read_to_string(runs).unwrap(), "run\n");
}

#[test]
fn a_plugin_whose_token_is_refused_is_asked_once_more_and_not_for_ever() {
    let lab = Lab::shared();
    let (path, runs) = plugin(lab, "exec-refused", "expired");
    with_kubeconfig(lab, "exec-refused", &format!("{{{}}}", trusted(lab)), &exec(&path), &ASK)
        .expect_code(2)
        .complains("error: You must be logged in to the server (Unauthorized)");
    let runs = fs::read_to_string(runs).unwrap().lines().count();
    assert!((1..=2).contains(&runs), "{runs} runs");
}

#[test]
fn impersonation_is_asked_for_and_granted_by_the_server() {
    let lab = Lab::shared();
    let place = lab.place("impersonation");
    lab.cmd("grant viewer impersonation");
    place
        .cert(&["status", "--as", "viewer"])
        .expect_code(0)
        .complains("No resources found in impersonation namespace.");
    let refused = "certificates.cert-manager.io is forbidden: User \"nobody\" cannot list resource \"certificates\" in API \
                   group \"cert-manager.io\" in the namespace \"impersonation\"";
    place.cert(&["status", "--as", "nobody"]).expect_code(2).complains(refused);
    // Groups count too.
    place.cert(&["status", "--as", "nobody", "--as-group", "system:masters"]).expect_code(0);
    place.cert_as("nobody", &["status", "--as", "admin"]).expect_code(2).complains(
        "Error from server (Forbidden): certificates.cert-manager.io is forbidden: User \"nobody\" cannot impersonate",
    );
    // A group without a user means nothing.
    place.cert(&["status", "--as-group", "system:masters"]).expect_code(2);
}

/// A proxy that does as `CONNECT` asks, and counts.
fn proxy() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tunnels);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&count);
            std::thread::spawn(move || tunnel(client, &count));
        }
    });
    (port, tunnels)
}

fn tunnel(client: TcpStream, count: &AtomicUsize) -> Option<()> {
    let mut head = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    head.read_line(&mut first).ok()?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        head.read_line(&mut line).ok()?;
    }
    let mut server = TcpStream::connect(first.split(' ').nth(1)?).ok()?;
    count.fetch_add(1, Ordering::SeqCst);
    let mut client = client;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let mut back = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back.0, &mut back.1);
        let _ = back.1.shutdown(Shutdown::Both);
    });
    let mut early = head.buffer().to_vec();
    server.write_all(&early).ok()?;
    early.clear();
    let _ = std::io::copy(&mut Read::by_ref(&mut client), &mut server);
    let _ = server.shutdown(Shutdown::Both);
    Some(())
}

#[test]
fn a_proxy_of_the_kubeconfig_carries_one_connection() {
    let lab = Lab::shared();
    let place = lab.place("proxy");
    place.certificate("web", "proxy.example.com", "lab-ca");
    place.until("web", "Ready", "True");
    let (port, tunnels) = proxy();
    let cluster = format!("{{{}, proxy-url: 'http://127.0.0.1:{port}'}}", trusted(lab));
    let user = format!("{{token: {}}}", lab.ready.tokens["admin"]);
    with_kubeconfig(lab, "proxy", &cluster, &user, &["diagnose", "web", "-n", "proxy"])
        .expect_code(0)
        .says("healthy Certificate proxy/web");
    assert_eq!(tunnels.load(Ordering::SeqCst), 1, "all questions go through one tunnel");
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = format!("{{{}, proxy-url: 'http://127.0.0.1:{dead}'}}", trusted(lab));
    with_kubeconfig(lab, "dead-proxy", &cluster, &user, &ASK)
        .expect_code(2)
        .complains(&format!("the proxy 127.0.0.1:{dead} refused the connection"));
}

#[test]
fn a_server_that_is_not_there_is_told_in_kubectls_words() {
    let lab = Lab::shared();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("https://127.0.0.1:{port}");
    let words =
        format!("The connection to the server 127.0.0.1:{port} was refused - did you specify the right host or port?");
    for args in [&["status"][..], &["status", "web"], &["diagnose"], &["diagnose", "web"], &["renew", "web"]] {
        let output = bare(lab, &[args, &["--server", &server]].concat()).expect_code(2);
        output.complains(&words);
        assert_eq!(output.stdout, "", "{output}");
        assert_eq!(output.stderr.matches("was refused").count(), 1, "{output}");
    }
}

#[test]
fn a_watch_is_refused_in_the_same_words() {
    let lab = Lab::shared();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = bare(lab, &["status", "-w", "--server", &format!("https://127.0.0.1:{port}")]).expect_code(2);
    output.complains(&format!(
        "The connection to the server 127.0.0.1:{port} was refused - did you specify the right host"
    ));
    let ca = lab.ready.ca_file.display().to_string();
    let flags = ["--server", &lab.ready.server, "--token", "wrong", "--certificate-authority", &ca];
    let output = bare(lab, &[&["status", "-w"][..], &flags].concat()).expect_code(2);
    output.complains("error: You must be logged in to the server (Unauthorized)");
    let output = lab.cert_as("nobody", &["status", "-w", "-n", "default"]).expect_code(2);
    output.complains(
        "Error from server (Forbidden): certificates.cert-manager.io is forbidden: User \"nobody\" cannot list resource",
    );
}

#[test]
fn a_wrong_token_is_told_in_kubectls_words_and_never_printed() {
    let lab = Lab::shared();
    let ca = lab.ready.ca_file.display().to_string();
    let flags = ["--server", &lab.ready.server, "--token", "no-such-token", "--certificate-authority", &ca, "-v", "9"];
    for args in [&["status"][..], &["diagnose", "web"], &["renew", "web"], &["status", "-w", "web"]] {
        let output = bare(lab, &[args, &flags].concat()).expect_code(2);
        output.complains("error: You must be logged in to the server (Unauthorized)");
        assert!(!format!("{output}").contains("no-such-token"), "{output}");
    }
}

#[test]
fn a_server_whose_authority_is_unknown_is_not_talked_to() {
    let lab = Lab::shared();
    let flags = ["--server", &lab.ready.server, "--token", &lab.ready.tokens["admin"]];
    let output = bare(lab, &[&ASK[..], &flags].concat()).expect_code(2);
    output.complains("Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority");
    output.complains("--certificate-authority");
    bare(lab, &[&ASK[..], &flags, &["--insecure-skip-tls-verify"]].concat()).expect_code(0).complains(NOTHING);
    let ca = lab.ready.ca_file.display().to_string();
    let named = ["--certificate-authority", &ca, "--tls-server-name", "elsewhere.example"];
    bare(lab, &[&ASK[..], &flags, &named].concat()).expect_code(2).complains(
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate is valid for",
    );
}

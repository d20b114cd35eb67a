//! `dry-run --acme` against Pebble: the whole protocol, and its ways to go wrong. No cluster is needed.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{programs, wait_for};
use crate::run::{Output, Running};

/// The MAC key of the external account `kid-1`.
const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A Pebble with a challtestsrv, on an address of their own. Both end with this value.
struct Pebble {
    children: Vec<Child>,
    address: String,
    folder: PathBuf,
}

/// How a Pebble is.
struct Wanted {
    needs_external_account: bool,
    /// How many of a hundred nonces are called bad.
    bad_nonces: u8,
}

impl Pebble {
    fn plain() -> Self {
        Self::start(&Wanted { needs_external_account: false, bad_nonces: 0 })
    }

    fn start(wanted: &Wanted) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let pid = std::process::id();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.{}.{}.{count}", 160 + pid / 256 % 64, pid % 256);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pebble-{pid}-{count}"));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let names = rcgen::CertificateParams::new(vec![address.clone()]).unwrap();

        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(file("tls.crt"), names.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(file("tls.key"), key.serialize_pem()).unwrap();
        let config = json!({"pebble": {
            "listenAddress": format!("{address}:14000"), "managementListenAddress": format!("{address}:15000"),
            "certificate": file("tls.crt"), "privateKey": file("tls.key"), "httpPort": 5002, "tlsPort": 5001,
            "ocspResponderURL": "", "externalAccountBindingRequired": wanted.needs_external_account,
            "externalAccountMACKeys": {"kid-1": MAC_KEY}, "domainBlocklist": ["blocked.test"],
            "retryAfter": {"authz": 1, "order": 1}, "keyAlgorithm": "ecdsa",
            "profiles": {"default": {"description": "the default", "validityPeriod": 7_776_000}},
        }});
        fs::write(file("pebble.json"), config.to_string()).unwrap();
        let at = |port: u16| format!("{address}:{port}");
        let start = |program: &str, args: &[String]| {
            let log = fs::File::create(folder.join(format!("{program}.log"))).unwrap();
            let mut command = Command::new(programs().join("bin").join(program));
            command.args(args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
            command.env("PEBBLE_WFE_NONCEREJECT", wanted.bad_nonces.to_string()).spawn().unwrap()
        };
        let challenges = start(
            "pebble-challtestsrv",
            &[
                format!("-http01={}", at(5002)),
                format!("-dnsserver={}", at(8053)),
                format!("-management={}", at(8055)),
                format!("-defaultIPv4={address}"),
                "-defaultIPv6=".to_owned(),
                "-https01=".to_owned(),
                "-tlsalpn01=".to_owned(),
                "-doh=".to_owned(),
            ],
        );
        let pebble = start("pebble", &[format!("-config={}", file("pebble.json")), format!("-dnsserver={}", at(8053))]);
        let started = Self { children: vec![challenges, pebble], address, folder };
        for port in [8055, 14000] {
            let address = format!("{}:{port}", started.address);
            wait_for(&format!("a listener on {address}"), Duration::from_secs(20), || {
                TcpStream::connect(&address).ok()
            });
        }
        started
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Plays manifests with a world file in which challtestsrv shows all responses.
    fn play(&self, manifests: &str, args: &[&str]) -> Output {
        let show = format!("{{challtestsrv: 'http://{}:8055/'}}", self.address);
        let world = format!(
            "apiVersion: cert.kubectl.dev/v1\nkind: World\nsolvers:\n  http01: {show}\n  dns01: {show}\ndns: {{propagation: 0s}}\n"
        );
        let world = self.file("world.yaml", &world);
        self.play_in(manifests, &[&["--world", &world], args].concat())
    }

    fn play_in(&self, manifests: &str, args: &[&str]) -> Output {
        let manifests = self.file("manifests.yaml", manifests);
        let directory = format!("https://{}:14000/dir", self.address);
        let ca_file = self.folder.join("tls.crt");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"));
        command.env_clear().env("HOME", &self.folder);
        command.args(["dry-run", "-f", &manifests, "--acme", &directory, "--ca-file", ca_file.to_str().unwrap()]);
        Running::start({
            command.args(args);
            command
        })
        .output(Duration::from_mins(3))
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the logs are in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

const HTTP01: &str = "http01: {ingress: {ingressClassName: nginx}}";
/// Without the self-check and the minute behind it.
const DNS01: &str = "dns01: {rfc2136: {nameserver: '192.0.2.53:53'}}, waitInsteadOfSelfCheck: 1s";

fn manifests(solver: &str, more: &str, names: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {{name: acme, namespace: shop}}\nspec:\n  acme:\n    \
         server: https://acme-v02.api.letsencrypt.org/directory\n    privateKeySecretRef: {{name: acme-account}}\n    \
         solvers: [{{{solver}}}]\n"
    );
    text.push_str(more);
    let _ = write!(
        text,
        "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: web, namespace: shop}}\nspec:\n  \
         secretName: web-tls\n  dnsNames: {}\n  privateKey: {{algorithm: ECDSA}}\n  issuerRef: {{name: acme}}\n",
        json!(names)
    );
    text
}

fn external_account(mac_key: &str) -> String {
    let encoded = serde_json::to_string(mac_key).unwrap();
    format!(
        "    externalAccountBinding: {{keyID: kid-1, keySecretRef: {{name: eab, key: mac}}}}\n---\napiVersion: v1\nkind: \
         Secret\nmetadata: {{name: eab, namespace: shop}}\nstringData: {{mac: {encoded}}}\n"
    )
}

/// The objects of a kind at the end.
fn all(list: &Value, kind: &str) -> Vec<Value> {
    list["items"].as_array().unwrap().iter().filter(|item| item["kind"] == kind).cloned().collect()
}

#[test]
fn http01_is_solved_and_the_chain_is_that_of_the_ca() {
    let pebble = Pebble::plain();
    let played = pebble.play(&manifests(HTTP01, "", &["web.example.com", "www.example.com"]), &["-o", "json"]);
    let list = played.expect_code(0).json();
    let order = &all(&list, "Order")[0];
    assert_eq!(order["status"]["state"], "valid");
    assert!(
        order["status"]["url"].as_str().unwrap().starts_with(&format!("https://{}:14000/my-order/", pebble.address))
    );
    let secret = all(&list, "Secret").into_iter().find(|secret| secret["metadata"]["name"] == "web-tls").unwrap();
    let chain = base64_text(secret["data"]["tls.crt"].as_str().unwrap());
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
    let log = fs::read_to_string(pebble.folder.join("pebble.log")).unwrap();
    assert_eq!(log.matches("set VALID by completed challenge").count(), 2, "{log}");
}

fn base64_text(text: &str) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

#[test]
fn dns01_is_solved_for_a_name_and_its_wildcard_at_once() {
    let pebble = Pebble::plain();
    let played = pebble.play(&manifests(DNS01, "", &["example.com", "*.example.com"]), &[]);
    played.expect_code(0).says("the certificate is ready");
    let log = fs::read_to_string(pebble.folder.join("pebble-challtestsrv.log")).unwrap();
    assert!(log.contains("_acme-challenge.example.com."), "{log}");
}

#[test]
fn a_dns01_challenge_takes_its_minute() {
    let pebble = Pebble::plain();
    let solver = "dns01: {rfc2136: {nameserver: '192.0.2.53:53'}}";
    let played = pebble.play(&manifests(solver, "", &["example.com"]), &[]);
    let played = played.expect_code(0);
    let (_, after) = played.stdout.split_once("the certificate is ready after ").expect("it is ready");
    let seconds: u64 = after.split('s').next().unwrap().parse().unwrap();
    assert!((60..110).contains(&seconds), "{seconds}");
}

#[test]
fn an_external_account_is_needed_and_must_be_the_right_one() {
    let pebble = Pebble::start(&Wanted { needs_external_account: true, bad_nonces: 0 });
    let names = ["web.example.com"];
    let none = pebble.play(&manifests(HTTP01, "", &names), &[]);
    none.expect_code(1).says("urn:ietf:params:acme:error:externalAccountRequired");
    let wrong = MAC_KEY.replace('z', "y");
    let wrong = pebble.play(&manifests(HTTP01, &external_account(&wrong), &names), &[]);
    wrong.expect_code(1).says("urn:ietf:params:acme:error:unauthorized");
    let right = pebble.play(&manifests(HTTP01, &external_account(MAC_KEY), &names), &[]);
    right.expect_code(0).says("the certificate is ready");
}

#[test]
fn bad_nonces_are_no_fault() {
    let pebble = Pebble::start(&Wanted { needs_external_account: false, bad_nonces: 20 });
    let played = pebble.play(&manifests(HTTP01, "", &["web.example.com"]), &[]);
    played.expect_code(0).says("the certificate is ready");
    let log = fs::read_to_string(pebble.folder.join("pebble.log")).unwrap();
    assert!(log.contains("nonce"), "{log}");
}

#[test]
fn a_name_that_the_ca_refuses_is_said_in_its_words() {
    let pebble = Pebble::plain();
    let played = pebble.play(&manifests(HTTP01, "", &["a.blocked.test"]), &[]);
    played.expect_code(1).says("urn:ietf:params:acme:error:rejectedIdentifier");
}

#[test]
fn what_nobody_shows_is_not_found_by_the_ca() {
    let pebble = Pebble::plain();
    let played = pebble.play_in(&manifests(HTTP01, "", &["web.example.com"]), &[]);
    played.expect_code(1).says("urn:ietf:params:acme:error:");
}

#[test]
fn a_response_that_the_imagined_cluster_does_not_give_is_not_shown() {
    let pebble = Pebble::plain();
    let solver = "http01: {ingress: {ingressClassName: nginx}}, waitInsteadOfSelfCheck: 1s";
    let show = format!("{{challtestsrv: 'http://{}:8055/'}}", pebble.address);
    let world = format!(
        "apiVersion: cert.kubectl.dev/v1\nkind: World\nsolvers:\n  http01: {show}\nhttp: [{{url: 'http://web.example.com/', status: 404}}]\n"
    );
    let world = pebble.file("other.yaml", &world);
    let played = pebble.play_in(&manifests(solver, "", &["web.example.com"]), &["--world", &world]);
    played.expect_code(1).says("urn:ietf:params:acme:error:unauthorized");
}

#[test]
fn a_server_that_is_not_trusted_is_not_spoken_to() {
    let pebble = Pebble::plain();
    let other = Pebble::plain();
    let trust = other.folder.join("tls.crt");
    let manifests = pebble.file("m.yaml", &manifests(HTTP01, "", &["web.example.com"]));
    let directory = format!("https://{}:14000/dir", pebble.address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-cert"));
    command.env_clear().env("HOME", &pebble.folder);
    command.args(["dry-run", "-f", &manifests, "--acme", &directory, "--until", "5s", "--ca-file"]).arg(trust);
    let played = Running::start(command).output(Duration::from_mins(1));
    // Both roots bear one subject: it is the signature that does not fit.
    played.expect_code(1).says("tls: failed to verify certificate: x509: BadSignature");
}

//! `collect` on an API server by script: what its bundle holds, what it never holds, and that a diagnosis of it is the
//! diagnosis of its cluster.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use jiff::Timestamp;
use kubectl_cert::chain::Chain;
use kubectl_cert::connect::{Flags, Stdin, open};
use kubectl_cert::facts::Facts;
use kubectl_cert::inventory::{Inventory, Objects};
use kubectl_cert::objref::{Kind, ObjRef};
use kubectl_cert::report::{TargetReport, troubles};
use kubectl_cert::source::cluster::{Breadth, Gather};
use kubectl_cert::source::files::{Limits, load};
use serde_json::{Value, json};

use super::cases::Case;
use super::connect_world::{Reply, Seen, quiet};
use super::live_cases::stored;
use super::scripted::{Ran, Scripted, forbidden, specimen, status};

const NOW: &str = "2026-11-22T06:40:00Z";

/// Runs `collect` into a file of the server's home.
async fn collect(world: &Scripted, name: &str, args: &[&str], now: &str) -> (Ran, PathBuf) {
    let path = world.home.path.join(name);
    let all = [&["collect", "-o", path.to_str().unwrap()], args].concat();
    (world.run_at(&all, ["--now", now]).await, path)
}

/// The files of a bundle in their order.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    let read = |entry: std::io::Result<tar::Entry<_>>| {
        let mut entry: tar::Entry<flate2::read::GzDecoder<fs::File>> = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn manifest(path: &Path) -> Value {
    let all = members(path);
    let (_, content) = all.iter().find(|(name, _)| name == "kubectl-cert/manifest.json").unwrap();
    serde_json::from_slice(content).unwrap()
}

/// What is left beside the kubeconfig.
fn left_in(world: &Scripted) -> Vec<String> {
    let names = fs::read_dir(&world.home.path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains("bundle")).collect();
    names.sort();
    names
}

/// The judgement of every target of a source, and what was refused.
fn judgements(objects: Objects, now: Timestamp) -> Vec<String> {
    const KINDS: [Kind; 7] = [
        Kind::Certificate,
        Kind::CertificateRequest,
        Kind::Order,
        Kind::Challenge,
        Kind::Issuer,
        Kind::ClusterIssuer,
        Kind::Secret,
    ];
    let inventory = Inventory::new(objects);
    let mut said: Vec<String> = troubles(&inventory).iter().map(|gap| format!("{gap:?}")).collect();
    for kind in KINDS {
        for (namespace, name) in inventory.names(kind) {
            let object = ObjRef::new(kind, Some(namespace).filter(|namespace| !namespace.is_empty()), name);
            let report = TargetReport::judge(&Facts::new(&inventory, Chain::of(&inventory, &object), now));
            said.push(format!("{report:#?}"));
        }
    }
    said
}

async fn live(world: &Scripted, now: Timestamp) -> Objects {
    let session = open(&Flags::default(), &world.home.env(), Stdin::NotATerminal, quiet()).await.unwrap();
    let mut gather = Gather::new(&session, now);
    gather.sweep(&Breadth::Cluster, &[]).await.unwrap();
    gather.into_objects()
}

fn offline(path: &Path) -> Objects {
    load(&[path.display().to_string()], &mut std::io::empty(), Limits::default()).unwrap().objects
}

#[tokio::test]
async fn a_bundle_of_any_case_is_judged_as_its_cluster() {
    let mut different = Vec::new();
    for case in Case::all() {
        let world = Scripted::new(&format!("collect-{}", case.name), stored(&case.name), |_| None).await;
        let now = case.expect.now;
        let (ran, path) = collect(&world, "bundle.tar.gz", &["-A"], &now.to_string()).await;
        ran.expect(0, &["Wrote"]);
        let (live, offline) = (judgements(live(&world, now).await, now), judgements(offline(&path), now));
        if live != offline {
            let first = live.iter().zip(&offline).find(|(live, offline)| live != offline);
            let lines = first.map(|(live, offline)| {
                let mut apart = live.lines().zip(offline.lines()).filter(|(a, b)| a != b);
                apart.next().map(|(a, b)| format!("live {a}, offline {b}"))
            });
            different.push(format!("{} ({} and {}): {lines:?}", case.name, live.len(), offline.len()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test]
async fn a_bundle_holds_no_secret_and_is_the_same_each_time() {
    let mut objects = specimen("healthy");
    let key = rcgen::KeyPair::generate().unwrap();
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for object in &mut objects {
        if object["kind"] == "Secret" {
            object["data"]["tls.key"] = encode(&key.serialize_pem()).into();
            object["data"]["password"] = encode("MARKER-password").into();
            object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "MARKER".into();
        }
    }
    let world = Scripted::new("collect-secrets", objects, |_| None).await;
    let (ran, first) = collect(&world, "bundle.tar.gz", &["-A"], NOW).await;
    ran.expect(0, &["Wrote", "from all namespaces", "diagnose -A --from"]);
    let (_, second) = collect(&world, "bundle-2.tar.gz", &["-A"], NOW).await;
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!(left_in(&world), ["bundle-2.tar.gz", "bundle.tar.gz"]);
    let all = members(&first);
    let body: String = key.serialize_pem().lines().nth(1).unwrap().chars().take(40).collect();
    for (name, content) in &all {
        let text = String::from_utf8_lossy(content);
        for gone in ["MARKER", &encode("MARKER-password")[..10], "last-applied", &body, &encode(&body)[..20]] {
            assert!(!text.contains(gone), "{name} has {gone}");
        }
    }
    let secret = all.iter().find(|(name, _)| name.ends_with("namespaces/shop/core/secrets/web-tls.yaml")).unwrap();
    let secret: Value = serde_saphyr::from_str(&String::from_utf8_lossy(&secret.1)).unwrap();
    assert!(secret["data"]["tls.crt"].as_str().unwrap().len() > 1000, "{secret}");
    assert!(secret["data"]["tls.key"].as_str().unwrap().starts_with("withheld: private key of "), "{secret}");
    // Only its owner may read it.
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&first).unwrap()) & 0o077, 0);
    let manifest = manifest(&first);
    assert_eq!(
        (&manifest["time"], &manifest["namespaces"], &manifest["redacted"]),
        (&json!(NOW), &json!(["*"]), &json!(false))
    );
    assert!(
        manifest["objects"]["certificates.cert-manager.io"] == 1 && manifest["asked"].as_array().unwrap().len() > 12
    );
    // As a folder it holds the same.
    let (_, folder) = collect(&world, "bundle", &["-A"], NOW).await;
    for (name, content) in &all {
        assert_eq!(&fs::read(folder.join(name)).unwrap(), content, "{name}");
    }
    collect(&world, "bundle", &["-A"], NOW).await.0.expect(2, &["is not empty"]);
}

#[tokio::test]
async fn a_refusal_is_noted_and_ends_nothing() {
    let refuses = |seen: &Seen| {
        let refused =
            seen.path.contains("/secrets") || seen.path.contains("/events") || seen.path.contains("webhookconf");
        refused.then(|| forbidden(seen))
    };
    let world = Scripted::new("collect-refused", specimen("http01"), refuses).await;
    let (ran, path) = collect(&world, "bundle.tar.gz", &["-A"], NOW).await;
    ran.expect(0, &["Wrote", "Not in it: no permission to list secrets; needs: list secrets", "list events"]);
    let left_out = manifest(&path)["refused"].to_string();
    assert!(left_out.contains("validatingwebhookconfigurations.admissionregistration.k8s.io"), "{left_out}");
    let now = NOW.parse().unwrap();
    assert_eq!(judgements(offline(&path), now), judgements(live(&world, now).await, now));
    let said = world.run_at(&["diagnose", "-A", "--from", path.to_str().unwrap()], ["--color", "never"]).await;
    assert!(said.stdout.contains("no permission to list secrets"), "{said}");
}

#[tokio::test]
async fn nothing_is_left_where_it_cannot_go_on() {
    let dies = |seen: &Seen| seen.path.contains("/events").then(|| status(401, "Unauthorized", "Unauthorized"));
    let world = Scripted::new("collect-401", specimen("http01"), dies).await;
    for name in ["bundle.tar.gz", "bundle"] {
        let (ran, _) = collect(&world, name, &["-A", "--redact"], NOW).await;
        assert_eq!(ran.code, Some(2), "{ran}");
        assert_eq!(left_in(&world), Vec::<String>::new());
    }
    let (ran, _) = collect(&world, "no/such/folder/bundle.tar.gz", &["-A"], NOW).await;
    ran.expect(2, &["cannot write"]);
}

#[tokio::test]
async fn what_is_not_read_in_time_is_noted() {
    let stalls = |seen: &Seen| seen.path.contains("/events").then_some(Reply::Silence);
    let world = Scripted::new("collect-slow", specimen("http01"), stalls).await;
    let (ran, path) = collect(&world, "bundle.tar.gz", &["-A", "--timeout", "2s"], NOW).await;
    ran.expect(0, &["not all was asked for within 2s; needs: a longer --timeout"]);
    assert!(ran.took.as_secs() < 30, "{ran}");
    // What comes behind is unknown, and what came before is there.
    let objects = offline(&path);
    assert!(!objects.certificates.is_empty() && objects.events.is_empty());
    let inventory = Inventory::new(objects);
    assert!(
        troubles(&inventory).iter().any(|gap| gap.why.contains("list events failed")),
        "{:?}",
        troubles(&inventory)
    );
    collect(&world, "b.tar.gz", &["--timeout", "soon"], NOW).await.0.expect(2, &["--timeout"]);
}

#[tokio::test]
async fn several_namespaces_are_one_bundle() {
    let mut objects = specimen("healthy");
    let mut other = objects.iter().find(|object| object["kind"] == "Certificate").unwrap().clone();
    for namespace in ["a", "b", "c"] {
        other["metadata"]["namespace"] = namespace.into();
        objects.push(other.clone());
    }
    let world = Scripted::new("collect-several", objects, |_| None).await;
    for args in [&["-n", "a", "-n", "b"][..], &["-n", "b,a"]] {
        let (ran, path) = collect(&world, "bundle.tar.gz", args, NOW).await;
        ran.expect(0, &["from namespaces a, b"]);
        let found: Vec<_> =
            offline(&path).certificates.iter().map(|one| one.metadata.namespace.clone().unwrap()).collect();
        assert_eq!(found, ["a", "b"], "{args:?}");
    }
    collect(&world, "bundle.tar.gz", &["-A", "-n", "a"], NOW).await.0.expect(2, &["exclude one another"]);
}

/// A controller's Pod that was restarted, and its Deployment.
fn controller() -> Vec<Value> {
    let labels = json!({"app.kubernetes.io/component": "controller", "app.kubernetes.io/name": "cert-manager"});
    let spec = json!({"containers": [{"name": "cert-manager-controller", "image": "quay.io/jetstack/cert-manager-controller:v1.21.1",
        "args": ["--v=2"], "env": [{"name": "TOKEN", "value": "MARKER"}]}]});
    vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cert-manager", "namespace": "cert-manager", "labels": labels, "uid": "d"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {"replicas": 1, "availableReplicas": 1, "readyReplicas": 1, "updatedReplicas": 1}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cert-manager-5d", "namespace": "cert-manager", "labels": labels, "uid": "p"},
            "spec": spec, "status": {"phase": "Running", "containerStatuses": [{"name": "cert-manager-controller", "restartCount": 1, "ready": true,
            "image": "i", "imageID": "", "state": {"running": {}}}]}}),
    ]
}

/// The broken chain of `http01-404`, with a controller and what it wrote.
async fn world_with_logs(test: &str, may_read: bool) -> Scripted {
    let objects = [stored("http01-404"), controller()].concat();
    let twist = move |seen: &Seen| {
        if !seen.path.contains("/log?") {
            return None;
        }
        if !may_read {
            return Some(forbidden(seen));
        }
        if seen.path.contains("previous=true") {
            return Some(status(400, "BadRequest", "previous terminated container not found"));
        }
        assert!(seen.path.contains("tailLines=2000") && seen.path.contains("limitBytes="), "{}", seen.path);
        let line = "E1122 06:34:57.001122 1 sync.go:285] \"propagation check failed\" err=\"wrong status code '404', expected '200'\" \
                    resource_name=\"web-1-1922310271-2182183280\" resource_namespace=\"shop\" resource_kind=\"Challenge\" dnsName=\"www.shop.example.com\"\n";
        Some(Reply::ok(&line.repeat(3)))
    };
    Scripted::new(test, objects, twist).await
}

const CASE_NOW: &str = "2026-11-22T06:35:00Z";

#[tokio::test]
async fn logs_are_quoted_once_and_are_in_the_bundle_if_wanted() {
    let world = world_with_logs("collect-logs", true).await;
    let now = ["--now", CASE_NOW];
    let quote = "log of cert-manager/cert-manager-5d (cert-manager-controller)";
    for args in [&["diagnose", "web", "-n", "shop", "--logs"][..], &["diagnose", "-A", "--logs"]] {
        let said = world.run_at(args, now).await;
        said.expect(1, &[quote, "propagation check failed", "http01-404"]);
        assert_eq!(said.stdout.matches("propagation check failed").count(), 1, "the same words once: {said}");
    }
    let silent = world.run_at(&["diagnose", "web", "-n", "shop"], now).await;
    assert!(!silent.stdout.contains("log of"), "{silent}");
    let (ran, path) = collect(&world, "bundle.tar.gz", &["-A", "--logs"], CASE_NOW).await;
    ran.expect(0, &["with 1 log"]);
    let names: Vec<String> = members(&path).into_iter().map(|(name, _)| name).collect();
    let log =
        "namespaces/cert-manager/pods/cert-manager-5d/cert-manager-controller/cert-manager-controller/logs/current.log";
    assert!(names.iter().any(|name| name == log), "{names:?}");
    let live = world.run_at(&["diagnose", "-A", "--logs", "-o", "json"], now).await;
    let offline =
        world.run_at(&["diagnose", "-A", "-o", "json", "--from", path.to_str().unwrap()], ["--color", "never"]).await;
    let told = |ran: &Ran| {
        let mut value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
        value.as_object_mut().unwrap().remove("source");
        value
    };
    assert_eq!(told(&offline), told(&live));
}

#[tokio::test]
async fn a_log_that_may_not_be_read_is_a_fact_with_its_permission() {
    let world = world_with_logs("collect-logs-refused", false).await;
    let with = world.run_at(&["diagnose", "-A", "--logs", "-o", "json"], ["--now", CASE_NOW]).await;
    let without = world.run_at(&["diagnose", "-A", "-o", "json"], ["--now", CASE_NOW]).await;
    let said = world.run_at(&["diagnose", "-A", "--logs"], ["--now", CASE_NOW]).await;
    said.expect(1, &["no permission to get pods/log in namespace cert-manager", "http01-404"]);
    // No verdict hangs on it.
    let targets = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).unwrap()["targets"].clone();
    assert_eq!(targets(&with), targets(&without));
    let (ran, _) = collect(&world, "bundle.tar.gz", &["-A", "--logs"], CASE_NOW).await;
    ran.expect(0, &["no permission to get pods/log in namespace cert-manager; needs: get pods/log"]);
}

#[tokio::test]
async fn a_disguised_bundle_names_nobody_and_is_judged_alike() {
    let mut objects = [stored("http01-404"), controller()].concat();
    // Names that nothing else in a bundle has.
    let rename = [
        ("shop.example.com", "kiosk.umbrella-corp.com"),
        ("\"shop\"", "\"zebra-ns\""),
        ("shop/", "zebra-ns/"),
        ("letsencrypt\"", "umbrella-ca\""),
    ];
    for object in &mut objects {
        let text = rename.iter().fold(object.to_string(), |text, (from, to)| text.replace(from, to));
        *object = serde_json::from_str(&text).unwrap();
        object["metadata"]["labels"]["team.umbrella-corp.com/owner"] = "Alice".into();
    }
    let world = Scripted::new("collect-redact", objects, |_| None).await;
    let (ran, path) = collect(&world, "bundle.tar.gz", &["-A", "--redact", "--logs"], CASE_NOW).await;
    ran.expect(0, &["Lost by --redact: the certificates and requests themselves"]);
    assert_eq!(left_in(&world), ["bundle.tar.gz"]);
    for (name, content) in members(&path) {
        let text = format!("{name}\n{}", String::from_utf8_lossy(&content)).to_lowercase();
        for gone in ["umbrella", "zebra", "kiosk", "alice", "127.0.0.1", "marker"] {
            assert!(!text.contains(gone), "{name} has {gone}: {text}");
        }
    }
    let (_, plain) = collect(&world, "bundle-plain.tar.gz", &["-A"], CASE_NOW).await;
    let told = |path: PathBuf| {
        let mut told: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let inventory = Inventory::new(offline(&path));
        for kind in [Kind::Certificate, Kind::Order, Kind::Challenge, Kind::ClusterIssuer] {
            for (namespace, name) in inventory.names(kind) {
                let object = ObjRef::new(kind, Some(namespace), name);
                let now = CASE_NOW.parse().unwrap();
                let report = TargetReport::judge(&Facts::new(&inventory, Chain::of(&inventory, &object), now));
                let stage = report.stage.as_ref().map(|stage| stage.id().to_owned()).unwrap_or_default();
                let rules = report.findings.iter().chain(&report.folded).map(|finding| finding.rule.id.to_owned());
                told.insert((kind.word().to_owned(), format!("{} {stage}", report.verdict.id())), rules.collect());
            }
        }
        told
    };
    assert_eq!(told(path), told(plain));
}

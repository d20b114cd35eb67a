//! The real binary against an API server that answers by script: how many requests it sends, what it makes of refusals
//! and of servers that misbehave.

use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kubectl_cert::connect::{Flags, Stdin, open};
use kubectl_cert::objref::{Kind, ObjRef};
use kubectl_cert::source::cluster::{Gather, Reach};
use serde_json::{Value, json};

use super::connect_world::{Home, Reply, Seen, Server, Voice, quiet};

/// The time at which the specimen is healthy.
const NOW: &str = "2026-11-23T00:00:00Z";

/// An API server that holds objects and answers GET and LIST from them.
pub struct Scripted {
    server: Server,
    pub home: Home,
}

/// What a script may do instead of the usual answer.
type Twist = dyn Fn(&Seen) -> Option<Reply> + Send + Sync;

impl Scripted {
    /// A server with these objects, of which `twist` answers first.
    pub async fn new(
        test: &str,
        objects: Vec<Value>,
        twist: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let twist: Arc<Twist> = Arc::new(twist);
        let server =
            Server::start(Voice::Plain, move |seen, _| twist(seen).unwrap_or_else(|| answer(&objects, seen))).await;
        let home = Home::new(&format!("scripted-{test}"));
        home.kubeconfig(&format!("{{server: 'http://127.0.0.1:{}'}}", server.port), "{token: t}");
        Self { server, home }
    }

    /// A server with the healthy chain of `tests/specimens`.
    async fn healthy(test: &str) -> Self {
        Self::new(test, specimen("healthy"), |_| None).await
    }

    /// Runs the binary with nothing in its environment but this server's kubeconfig.
    pub async fn run(&self, args: &[&str]) -> Ran {
        self.run_at(args, ["--now", NOW]).await
    }

    /// The same at another time than that of the healthy specimen.
    pub async fn run_at(&self, args: &[&str], now: [&str; 2]) -> Ran {
        let began = Instant::now();
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_kubectl-cert"))
            .args(args)
            .args(super::without_network(args))
            .args(now)
            .env_clear()
            .env("HOME", &self.home.path)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_mins(1), run).await.expect("an end within a minute").unwrap();
        Ran::new(output, began.elapsed())
    }

    /// `GET path` of every request, in order of arrival.
    pub fn paths(&self) -> Vec<String> {
        self.server.seen().iter().map(|seen| seen.path.clone()).collect()
    }
}

/// What a run left behind.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
    pub took: Duration,
}

impl Ran {
    fn new(output: Output, took: Duration) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code(), took }
    }

    /// Fails unless both hold: the exit code, and every text in what was printed, however it is wrapped.
    #[track_caller]
    pub fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        let said = flat(&format!("{} {}", self.stdout, self.stderr));
        for text in texts {
            assert!(said.contains(text), "no {text:?} in {self}");
        }
    }
}

/// One line with single blanks: where a text is wrapped does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}--- stderr\n{}---", self.code, self.stdout, self.stderr)
    }
}

/// The objects of a file of `tests/specimens`.
pub fn specimen(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/specimens/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let list: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// The path of an object's collection, as the API has it.
fn collection(object: &Value) -> String {
    let api_version = object["apiVersion"].as_str().unwrap();
    let word = object["kind"].as_str().unwrap();
    // An external issuer: its plural is that of English.
    let plural = Kind::from_api(api_version, word)
        .map_or_else(|| format!("{}s", word.to_ascii_lowercase()), |kind| kind.plural().to_owned());
    let base = if api_version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{api_version}") };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{base}/namespaces/{namespace}/{plural}"),
        None => format!("{base}/{plural}"),
    }
}

fn answer(objects: &[Value], seen: &Seen) -> Reply {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    for object in objects {
        let place = collection(object);
        if path == format!("{place}/{}", object["metadata"]["name"].as_str().unwrap()) {
            return Reply::ok(&object.to_string());
        }
    }
    let (rest, last) = path.rsplit_once('/').unwrap();
    let is_collection = PLURALS.contains(&last);
    if !is_collection {
        let plural = rest.rsplit('/').next().unwrap();
        let group =
            path.strip_prefix("/apis/").and_then(|path| path.split('/').next()).map(|group| format!(".{group}"));
        return status(404, "NotFound", &format!("{plural}{} \"{last}\" not found", group.unwrap_or_default()));
    }
    let items: Vec<_> = objects
        .iter()
        .filter(|object| {
            let place = collection(object);
            place == path
                || place.rsplit_once("/namespaces/").is_some_and(|(base, rest)| {
                    rest.split_once('/').is_some_and(|(_, plural)| format!("{base}/{plural}") == path)
                })
        })
        .filter(|object| selected(object, query))
        .cloned()
        .collect();
    list(&items, None)
}

/// The collections that this server has.
const PLURALS: [&str; 18] = [
    "certificates",
    "certificaterequests",
    "orders",
    "challenges",
    "issuers",
    "clusterissuers",
    "secrets",
    "events",
    "pods",
    "services",
    "ingresses",
    "ingressclasses",
    "httproutes",
    "gateways",
    "listenersets",
    "deployments",
    "leases",
    "endpointslices",
];

/// Whether an object fits the selectors of a query.
fn selected(object: &Value, query: &str) -> bool {
    let selector = |name: &str| {
        let text = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decoded(text))
    };
    let field = |term: &str| {
        let (name, value) = term.split_once('=').unwrap();
        object.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_str) == Some(value)
    };
    let label = |term: &str| {
        let of = |key: &str| object["metadata"]["labels"][key].as_str();
        match (term.split_once(" in ("), term.split_once('=')) {
            (Some((key, values)), _) => {
                of(key).is_some_and(|value| values.trim_end_matches(')').split(',').any(|one| one == value))
            }
            (None, Some((key, value))) => of(key) == Some(value),
            (None, None) => of(term).is_some(),
        }
    };
    let fields = selector("fieldSelector").unwrap_or_default();
    let labels = selector("labelSelector").unwrap_or_default();
    // Only a set has a comma within a term, and this program sends no term beside a set.
    let labels: Vec<&str> = if labels.contains('(') { vec![&labels] } else { labels.split(',').collect() };
    fields.split(',').filter(|term| !term.is_empty()).all(field)
        && labels.into_iter().filter(|term| !term.is_empty()).all(label)
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        decoded.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        decoded.push_str(rest);
    }
    decoded
}

fn list(items: &[Value], more: Option<&str>) -> Reply {
    Reply::ok(&json!({"kind": "List", "apiVersion": "v1", "metadata": {"continue": more.unwrap_or_default()}, "items": items}).to_string())
}

pub fn status(code: u16, reason: &str, message: &str) -> Reply {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    Reply::status(code, &body.to_string())
}

/// A refusal in the API server's words.
pub fn forbidden(seen: &Seen) -> Reply {
    status(403, "Forbidden", &format!("{} is forbidden: User \"viewer\" cannot do that", seen.path))
}

/// A Certificate like that of the specimen, under another name.
fn certificate(name: &str) -> Value {
    let mut certificate = specimen("healthy").into_iter().find(|object| object["kind"] == "Certificate").unwrap();
    certificate["metadata"]["name"] = json!(name);
    certificate["metadata"]["uid"] = json!(format!("uid-of-{name}"));
    certificate
}

#[tokio::test]
async fn a_healthy_chain_takes_ten_requests_and_two_waves_at_most() {
    let world = Scripted::healthy("budget").await;
    for reach in [Reach::Causes, Reach::Chain] {
        let session = open(&Flags::default(), &world.home.env(), Stdin::NotATerminal, quiet()).await.unwrap();
        let mut gather = Gather::new(&session, NOW.parse().unwrap());
        let subject = ObjRef::new(Kind::Certificate, Some("shop"), "web");
        let before = world.paths().len();
        gather.follow(&[subject], reach).await.unwrap();
        let paths = world.paths().split_off(before);
        assert!(gather.waves <= 2, "{reach:?}: {} waves: {paths:#?}", gather.waves);
        assert!(paths.len() <= 10, "{reach:?}: {} requests: {paths:#?}", paths.len());
        assert_eq!(gather.requests, paths.len(), "{reach:?}: its own count is right");
    }
}

#[tokio::test]
async fn one_certificate_is_shown_without_a_list_of_any_kind() {
    for command in ["status", "diagnose"] {
        let world = Scripted::healthy(&format!("no-list-{command}")).await;
        let ran = world.run(&[command, "web", "-n", "shop"]).await;
        ran.expect(0, &["Certificate shop/web"]);
        let paths = world.paths();
        assert!(paths.len() <= 10, "{command}: {paths:#?}");
        let whole = |path: &&String| {
            let (place, query) = path.split_once('?').unwrap_or((path, ""));
            PLURALS.iter().any(|plural| place.ends_with(&format!("/{plural}"))) && !query.contains("Selector=")
        };
        assert_eq!(paths.iter().find(whole), None, "{command}: a list without a selector");
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_named_and_ends_nothing() {
    let mut wrong = Vec::new();
    for (hidden, resource, absent) in [
        ("/secrets/", "secrets", "web-tls does not exist"),
        ("/events", "events", ""),
        ("/clusterissuers/", "clusterissuers.cert-manager.io", "letsencrypt does not exist"),
        ("/certificaterequests/", "certificaterequests.cert-manager.io", "web-1 does not exist"),
    ] {
        let twist = move |seen: &Seen| seen.path.contains(hidden).then(|| forbidden(seen));
        let world = Scripted::new(&format!("hidden-{}", &resource[..6]), specimen("healthy"), twist).await;
        for command in ["status", "diagnose"] {
            let ran = world.run(&[command, "web", "-n", "shop"]).await;
            let said = flat(&format!("{} {}", ran.stdout, ran.stderr));
            let named =
                ["get", "list"].iter().any(|verb| said.contains(&format!("no permission to {verb} {resource}")));
            let called_absent = !absent.is_empty() && said.contains(absent);
            if ran.code != Some(0) || !said.contains("Certificate shop/web") || !named || called_absent {
                wrong.push(format!("{command} without {resource}: {ran}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_issuance_is_followed_without_a_right_to_see_its_issuer() {
    for (hidden, more) in [("/clusterissuers/", ""), ("/clusterissuers/", "orders?")] {
        let twist = move |seen: &Seen| {
            let refused = seen.path.contains(hidden) || !more.is_empty() && seen.path.contains(more);
            refused.then(|| forbidden(seen))
        };
        let world = Scripted::new(&format!("tenant-{}", more.len()), specimen("http01"), twist).await;
        let now = ["--now", "2026-11-22T06:40:12Z"];
        let ran = world.run_at(&["diagnose", "web", "-n", "shop"], now).await;
        if more.is_empty() {
            ran.expect(1, &["challenge-self-check", "http01-404"]);
        } else {
            ran.expect(2, &["unknown Certificate shop/web", "no permission to list orders.acme.cert-manager.io"]);
            assert!(!ran.stdout.contains("issuance-stalled:"), "{ran}");
        }
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_called_missing_from_the_source() {
    let twist = |seen: &Seen| seen.path.contains("certificaterequests").then(|| forbidden(seen));
    let world = Scripted::new("hidden-requests", specimen("http01"), twist).await;
    let ran = world.run_at(&["diagnose", "web", "-n", "shop"], ["--now", "2026-11-22T06:40:12Z"]).await;
    ran.expect(2, &["cannot be told: no permission to", "needs permission to"]);
}

#[tokio::test]
async fn a_certificate_that_may_not_be_seen_is_refused_in_kubectls_words() {
    let world = Scripted::new("forbidden", specimen("healthy"), |seen| Some(forbidden(seen))).await;
    for args in [&["status", "web", "-n", "shop"][..], &["diagnose", "web", "-n", "shop"], &["status", "-n", "shop"]] {
        let ran = world.run(args).await;
        ran.expect(2, &[]);
        // The server's own words, or whose permission is missing.
        let told = ["Error from server (Forbidden): ", "no permission to get certificates.cert-manager.io"];
        assert!(told.iter().any(|words| ran.stderr.contains(words)), "{args:?}: {ran}");
    }
}

#[tokio::test]
async fn a_cluster_without_cert_manager_is_told_from_one_without_the_certificate() {
    let absent =
        |seen: &Seen| seen.path.contains("cert-manager.io").then(|| Reply::status(404, "404 page not found\n"));
    let world = Scripted::new("no-crds", vec![], absent).await;
    for args in [
        &["status", "web"][..],
        &["status"],
        &["diagnose", "web"],
        &["diagnose"],
        &["diagnose", "clusterissuer/letsencrypt"],
        &["renew", "web"],
    ] {
        let ran = world.run(args).await;
        ran.expect(2, &["the server doesn't serve", "CustomResourceDefinitions are not installed"]);
    }
    let world = Scripted::new("no-certificate", vec![], |_| None).await;
    let ran = world.run(&["status", "web", "-n", "shop"]).await;
    ran.expect(2, &["Error from server (NotFound): certificates.cert-manager.io \"web\" not found"]);
}

/// Answers a list of certificates in pages: `pages[0]` first, then by the number in the continue token.
fn paged(seen: &Seen, pages: &[Reply]) -> Option<Reply> {
    let (path, query) = seen.path.split_once('?')?;
    if !path.ends_with("/certificates") {
        return None;
    }
    let page = query.split_once("continue=page").map_or(0, |(_, rest)| rest[..1].parse().unwrap());
    Some(pages[page].clone())
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let pages = [
        list(&[certificate("a")], Some("page1")),
        list(&[certificate("b")], Some("page2")),
        list(&[certificate("c")], None),
    ];
    let world = Scripted::new("pages", vec![], move |seen| paged(seen, &pages)).await;
    let ran = world.run(&["status", "-n", "shop", "-o", "name"]).await;
    ran.expect(0, &[]);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran}");
    assert!(world.paths().iter().all(|path| path.contains("limit=500")), "{:?}", world.paths());
}

#[tokio::test]
async fn a_list_that_expires_half_way_is_read_again_whole_and_nothing_is_shown_twice() {
    for command in [&["status", "-n", "shop", "-o", "name"][..], &["diagnose", "-n", "shop", "-o", "short"]] {
        let whole = vec![certificate("a"), certificate("b"), certificate("c")];
        let first = list(&whole[..1], Some("page1"));
        let world = Scripted::new(&format!("expired-{}", command[0]), whole.clone(), move |seen| {
            let is_list = seen.path.split('?').next().unwrap().ends_with("/certificates");
            match (is_list, seen.path.contains("continue="), seen.path.contains("limit=")) {
                (true, true, _) => Some(status(410, "Expired", "The provided continue parameter is too old")),
                (true, false, true) => Some(first.clone()),
                _ => None,
            }
        })
        .await;
        let ran = world.run(command).await;
        ran.expect(0, &[]);
        for name in ["a", "b", "c"] {
            let lines = ran.stdout.lines().filter(|line| line.split([' ', '/', ':']).any(|word| word == name));
            assert_eq!(lines.count(), 1, "{name}: {ran}");
        }
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let pages = [list(&[certificate("a")], Some("page1")), list(&[certificate("b")], None)];
    let busy = std::sync::atomic::AtomicUsize::new(0);
    let world = Scripted::new("busy", vec![], move |seen| {
        let late = seen.path.contains("continue=page1") && busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2;
        if late {
            return Some(status(429, "TooManyRequests", "please try again later").with("retry-after", "1"));
        }
        paged(seen, &pages)
    })
    .await;
    let ran = world.run(&["status", "-n", "shop", "-o", "name"]).await;
    ran.expect(0, &[]);
    assert_eq!(ran.stdout.lines().count(), 2, "{ran}");
    assert!(ran.took >= Duration::from_secs(2), "it waited twice: {:?}", ran.took);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_with_its_own_words() {
    let world = Scripted::new("too-busy", vec![], |seen| {
        seen.path.contains("/certificates").then(|| status(429, "TooManyRequests", "please try again later"))
    })
    .await;
    let ran = world.run(&["status", "-n", "shop"]).await;
    ran.expect(2, &["Error from server (TooManyRequests): please try again later"]);
}

#[tokio::test]
async fn a_server_that_goes_away_half_way_through_a_list_is_told_and_no_half_list_is_shown_as_whole() {
    for command in [&["status", "-n", "shop"][..], &["diagnose", "-n", "shop"]] {
        let pages = [list(&[certificate("a")], Some("page1")), Reply::Half];
        let world = Scripted::new(&format!("half-{}", command[0]), vec![], move |seen| paged(seen, &pages)).await;
        let ran = world.run(command).await;
        // A diagnosis may go on with what it has, but must say what is missing.
        assert!(ran.code == Some(2) || ran.stdout.contains("Not seen"), "{command:?}: {ran}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            said.contains("certificates") || said.contains("Unable to connect to the server"),
            "{command:?}: {ran}"
        );
        assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
    }
}

#[tokio::test]
async fn a_slow_server_is_left_after_the_request_timeout() {
    let world = Scripted::new("slow", vec![], |_| Some(Reply::Silence)).await;
    for command in [&["status", "web"][..], &["status"], &["diagnose", "web"], &["diagnose"], &["renew", "web"]] {
        let ran = world.run(&[command, &["--request-timeout", "1s"]].concat()).await;
        ran.expect(2, &["Unable to connect to the server: no answer from 127.0.0.1:", "within 1s"]);
        assert!(ran.took < Duration::from_secs(15), "{command:?}: {:?}", ran.took);
    }
}

#[tokio::test]
async fn one_slow_question_does_not_lose_the_answers_to_the_others() {
    let world = Scripted::new("one-slow", specimen("healthy"), |seen| {
        seen.path.contains("/secrets/").then_some(Reply::Silence)
    })
    .await;
    let ran = world.run(&["diagnose", "web", "-n", "shop", "--request-timeout", "1s"]).await;
    ran.expect(0, &["Certificate shop/web", "secrets", "no answer"]);
}

#[tokio::test]
async fn an_answer_that_is_no_object_is_named_and_never_quoted() {
    let mut wrong = Vec::new();
    for garbage in
        ["<html>login</html>", "{\"kind\": \"Certificate\", \"metadata\": 7}", "", "null", "[]", "{\"apiVersion\": 1"]
    {
        let world = Scripted::new("garbage", vec![], move |_| Some(Reply::ok(garbage))).await;
        for command in [&["status", "web"][..], &["status"], &["diagnose", "web"], &["diagnose"], &["renew", "web"]] {
            let ran = world.run(command).await;
            let said = format!("{}{}", ran.stdout, ran.stderr);
            let quoted = said.contains("login") || said.contains("panicked");
            if ran.code != Some(2) || !ran.stderr.contains("/certificates") || quoted {
                wrong.push(format!("{garbage:?} {command:?}: {ran}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_expired_login_is_told_once() {
    let world = Scripted::new("unauthorized", vec![], |_| Some(status(401, "Unauthorized", "Unauthorized"))).await;
    for command in [&["status", "web"][..], &["status"], &["diagnose", "web"], &["diagnose"], &["renew", "web"]] {
        let ran = world.run(command).await;
        ran.expect(2, &["error: You must be logged in to the server (Unauthorized)"]);
        assert_eq!(ran.stderr.matches("You must be logged in").count(), 1, "{command:?}: {ran}");
    }
}

#[tokio::test]
async fn near_names_and_other_namespaces_are_offered() {
    let mut elsewhere = certificate("api");
    elsewhere["metadata"]["namespace"] = json!("pay");
    let world = Scripted::new("near", vec![certificate("web"), elsewhere], |_| None).await;
    for command in ["status", "diagnose", "renew"] {
        let ran = world.run(&[command, "wep", "-n", "shop"]).await;
        ran.expect(2, &["certificates.cert-manager.io \"wep\" not found"]);
    }
    for command in ["status", "diagnose"] {
        world.run(&[command, "wep", "-n", "shop"]).await.expect(2, &["did you mean web?"]);
        world.run(&[command, "api", "-n", "shop"]).await.expect(2, &["it exists in namespace pay"]);
    }
}

#[tokio::test]
async fn a_namespace_that_holds_nothing_is_no_error() {
    let world = Scripted::new("empty", vec![], |_| None).await;
    world.run(&["status", "-n", "shop"]).await.expect(0, &["No resources found in shop namespace."]);
    world.run(&["status", "-A"]).await.expect(0, &["No resources found"]);
    world.run(&["diagnose", "-n", "shop"]).await.expect(0, &["nothing to diagnose"]);
    world.run(&["renew", "--all", "-n", "shop"]).await.expect(0, &["No Certificates found in shop namespace."]);
}

#[tokio::test]
async fn a_type_alone_is_judged_by_what_was_given_of_it() {
    let refuse_secrets = |seen: &Seen| seen.path.contains("/secrets").then(|| forbidden(seen));
    let world = Scripted::new("type-alone", specimen("healthy"), refuse_secrets).await;
    world.run(&["diagnose", "cert", "-n", "shop", "-o", "short"]).await.expect(0, &["healthy Certificate shop/web"]);
    world.run(&["diagnose", "issuers", "-n", "shop"]).await.expect(0, &["nothing to diagnose", "Not seen: "]);
    world.run(&["diagnose", "secrets", "-n", "shop"]).await.expect(2, &["nothing could be judged", "Not seen: "]);
    world.run(&["status", "cert", "-n", "shop"]).await.expect(0, &["NAME READY STAGE", "web True"]);
}

/// What a fleet command reads of a namespace: seven lists and cert-manager's Deployments; then Secrets by name.
#[tokio::test]
async fn a_forecast_and_a_budget_read_lists_and_no_object_twice() {
    for command in ["forecast", "budget"] {
        let server = Scripted::new(&format!("fleet-{command}"), specimen("fleet"), |_| None).await;
        let ran = server.run_at(&[command, "-n", "mesh"], ["--now", "2026-11-22T07:00:00Z"]).await;
        assert!(ran.stderr.is_empty(), "{ran}");
        let paths = server.paths();
        let lists = paths.iter().filter(|path| path.contains("limit=")).count();
        assert_eq!(lists, 8, "{paths:#?}");
        let mut distinct = paths.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), paths.len(), "{paths:#?}");
        assert!(!paths.iter().any(|path| path.contains("events")), "{paths:#?}");
    }
}

#[tokio::test]
async fn a_forecast_tells_of_the_cluster_what_it_tells_of_a_file() {
    let server = Scripted::new("forecast-live", specimen("fleet"), |_| None).await;
    let ran = server.run_at(&["forecast", "-A"], ["--now", "2026-11-22T07:00:00Z"]).await;
    ran.expect(
        1,
        &["4 of 18 certificates end before they renew", "mesh/inbound, mesh/outbound", "12 renewals of names"],
    );
}

#[tokio::test]
async fn a_forecast_and_a_budget_name_what_they_may_not_see() {
    for command in ["forecast", "budget"] {
        let hidden = |seen: &Seen| {
            let is_hidden = seen.path.contains("/secrets") || seen.path.contains("/clusterissuers");
            is_hidden.then(|| forbidden(seen))
        };
        let server = Scripted::new(&format!("{command}-refused"), specimen("fleet"), hidden).await;
        let ran = server.run_at(&[command, "-n", "shop"], ["--now", "2026-11-22T07:00:00Z"]).await;
        ran.expect(
            ran.code.unwrap_or(-1),
            &["Not seen: no permission to list secrets", "Not seen: no permission to list clusterissuers"],
        );
        assert!([Some(0), Some(1)].contains(&ran.code), "{ran}");
    }
}

/// Who sees one namespace only is told that others count too.
#[tokio::test]
async fn a_budget_counts_the_cluster_or_says_that_it_cannot() {
    let at = ["--now", "2026-11-02T12:00:00Z"];
    let server = Scripted::new("budget-all", specimen("fleet"), |_| None).await;
    let ran = server.run_at(&["budget", "-n", "shop"], at).await;
    // The twelve previews of another namespace were issued on that morning, and one name each.
    ran.expect(0, &["12 certificates in the last 7 days", "example.net 38/50"]);
    let alone = |seen: &Seen| {
        let is_all = seen.path.starts_with("/apis/cert-manager.io/v1/certificates?");
        is_all.then(|| forbidden(seen))
    };
    let server = Scripted::new("budget-own", specimen("fleet"), alone).await;
    let ran = server.run_at(&["budget", "-n", "shop"], at).await;
    ran.expect(0, &["0 certificates in the last 7 days", "Not seen: other namespaces than shop, which count too"]);
}

#[tokio::test]
async fn without_any_certificate_to_see_there_is_no_forecast_and_no_budget() {
    for command in ["forecast", "budget"] {
        let hidden = |seen: &Seen| seen.path.contains("/certificates").then(|| forbidden(seen));
        let server = Scripted::new(&format!("{command}-blind"), specimen("fleet"), hidden).await;
        let ran = server.run_at(&[command, "-n", "shop"], ["--now", "2026-11-22T07:00:00Z"]).await;
        ran.expect(2, &["no permission to list certificates"]);
    }
}

#[tokio::test]
async fn manifests_are_laid_over_the_cluster() {
    let server = Scripted::new("budget-live", specimen("fleet"), |_| None).await;
    let manifests = format!("{}/tests/specimens/planned.yaml", env!("CARGO_MANIFEST_DIR"));
    let args = ["budget", "-n", "shop", "-f", &manifests, "--live"];
    let ran = server.run_at(&args, ["--now", "2026-11-22T07:00:00Z"]).await;
    ran.expect(0, &["4 issuances planned, 2 of them renewals", "kubectl get clusterissuer/letsencrypt -o json | jq"]);
}

#[tokio::test]
async fn the_version_of_an_old_cert_manager_is_told_as_such() {
    const OLD: &str = "older than v1.17.0";
    let version = async |label: &str| {
        let crd = json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadata",
            "metadata": {"name": "certificates.cert-manager.io", "labels": {"app.kubernetes.io/version": label}},
        });
        let answer = crd.to_string();
        let is_it = |seen: &Seen| seen.path.contains("customresourcedefinitions/certificates.cert-manager.io");
        let world =
            Scripted::new(&format!("version-{label}"), vec![], move |seen| is_it(seen).then(|| Reply::ok(&answer)))
                .await;
        world.run_at(&["version"], ["--request-timeout", "30s"]).await
    };
    version("v1.12.3").await.expect(0, &["cert-manager Version (of its CRDs): v1.12.3", OLD]);
    let now = version("v1.21.1").await;
    now.expect(0, &["v1.21.1"]);
    assert!(!flat(&now.stderr).contains(OLD), "{now}");
}

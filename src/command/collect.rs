//! `collect`: a bundle that `--from` reads, with what a diagnosis reads of the cluster and nothing that could be used.
//!
//! Pages are written as they come; no more than names is kept of what was written. What is refused is noted, and the
//! rest goes on.

mod sink;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::choose::days_or_go;
use super::source::{self, block_on};
use super::{Context, Exit, Failure};
use crate::api::Object;
use crate::bundle::write::WriteError;
use crate::bundle::{Component, Disguise, Kept, LOST, Manifest, Refusal, withhold};
use crate::cli::CollectArgs;
use crate::connect::{Accept, RequestError, Session};
use crate::facts::{Installation, Workload};
use crate::finding::{PROGRAM, quoted};
use crate::inventory::{Inventory, Objects, Run};
use crate::objref::Kind;
use crate::render::escape;
use crate::report::troubles;
use crate::source::cluster::{Ask, Breadth, Page, Voice, definition_path, follow_up, is_connection, questions, voices};
use crate::source::decode;
use sink::{LogEntry, Sink};

pub fn run(args: &CollectArgs, context: &mut Context) -> Result<Exit, Failure> {
    if args.all_namespaces && !args.namespaces.is_empty() {
        let message = "--all-namespaces and --namespace exclude one another".to_owned();
        return Err(Failure::Usage { message });
    }
    let time = context.now();
    let limit = limit(&args.timeout)?;
    let target = args.output.clone().unwrap_or_else(|| default_name(time));
    let (manifest, path) = block_on(async {
        let session = source::open(context).await?;
        let breadths = breadths(args, &session);
        let mut collecting = Collecting::new(args, &target, time)?;
        let ended = tokio::time::timeout(limit, collecting.everything(&session, &breadths, args.logs)).await;
        match ended {
            Ok(result) => result?,
            Err(_) => collecting.out_of_time(&breadths, &args.timeout),
        }
        collecting.finish(&session, &breadths, time)
    })?;
    context.write(&text(&manifest, &path))?;
    let nothing = manifest.objects.is_empty() && !manifest.refused.is_empty();
    Ok(if nothing { Exit::Trouble } else { Exit::Good })
}

fn limit(text: &str) -> Result<Duration, Failure> {
    let usage = || Failure::Usage { message: format!("--timeout: {text:?} is no duration like 90s or 5m") };
    let limit = days_or_go(text).ok_or_else(usage)?;
    Duration::try_from(limit).map_err(|_| usage())
}

fn default_name(time: Timestamp) -> PathBuf {
    PathBuf::from(format!("cert-manager-bundle-{}.tar.gz", time.strftime("%Y%m%dT%H%M%SZ")))
}

fn breadths(args: &CollectArgs, session: &Session) -> Vec<Breadth> {
    if args.all_namespaces {
        return vec![Breadth::Cluster];
    }
    let mut names: Vec<String> = args.namespaces.iter().filter(|name| !name.is_empty()).cloned().collect();
    if names.is_empty() {
        names.push(session.namespace().to_owned());
    }
    names.sort();
    names.dedup();
    names.into_iter().map(Breadth::Namespace).collect()
}

/// A bundle in the making.
struct Collecting {
    sink: Sink,
    kept: Kept,
    /// What further questions follow from, and every question that was put.
    known: Objects,
    /// The objects that are in the bundle: lists overlap.
    written: HashSet<(String, Option<String>, String)>,
    counts: BTreeMap<String, usize>,
    logs: Vec<String>,
    kubernetes: Option<String>,
    refused: BTreeSet<Refusal>,
}

impl Collecting {
    fn new(args: &CollectArgs, target: &Path, time: Timestamp) -> Result<Self, Failure> {
        let (sink, kept) = if args.redact {
            let mut key = [0; 32];
            SystemRandom::new().fill(&mut key).expect("the system gives random bytes");
            (Sink::disguised(target, Disguise::new(&key), time)?, Kept::Nothing)
        } else {
            (Sink::plain(target, time)?, Kept::Certificates)
        };
        Ok(Self {
            sink,
            kept,
            known: Objects::default(),
            written: HashSet::new(),
            counts: BTreeMap::new(),
            logs: Vec::new(),
            kubernetes: None,
            refused: BTreeSet::new(),
        })
    }

    /// Puts every question. Only what leaves nothing to say, or nowhere to write, ends it.
    async fn everything(&mut self, session: &Session, breadths: &[Breadth], logs: bool) -> Result<(), Failure> {
        for ask in first_questions(breadths) {
            self.ask(session, &ask).await?;
        }
        for ask in follow_up(&self.known) {
            if !self.known.coverage.has(ask.kind(), &ask.scope()) {
                self.ask(session, &ask).await?;
            }
        }
        self.installation(session).await?;
        if logs {
            for voice in voices(&self.known.pods) {
                self.log(session, &voice).await?;
            }
        }
        Ok(())
    }

    async fn ask(&mut self, session: &Session, ask: &Ask) -> Result<(), Failure> {
        let mut failed = None;
        let trouble = ask
            .each(session, &mut |page| match page {
                // What was written before is told apart by its name.
                Page::Restart => {}
                Page::Body(body) => {
                    if failed.is_none() {
                        failed = self.body(ask.kind(), body).err();
                    }
                }
            })
            .await;
        if let Some(error) = failed {
            return Err(error.into());
        }
        match trouble {
            Some(fatal @ RequestError::Unauthorized { .. }) => return Err(fatal.into()),
            Some(fatal) if self.counts.is_empty() && is_connection(&fatal) => return Err(fatal.into()),
            trouble => self.known.coverage.record(ask.kind(), ask.scope(), ask.answer(trouble.as_ref())),
        }
        Ok(())
    }

    /// One object, or a page of a list.
    fn body(&mut self, kind: Kind, body: &[u8]) -> Result<(), WriteError> {
        // What is no JSON was told by the question already.
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return Ok(()) };
        let Some(items) = value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take) else {
            return self.object(value);
        };
        for mut item in items {
            // Items of a typed list leave both out.
            if let Some(members) = item.as_object_mut() {
                members.entry("apiVersion").or_insert_with(|| kind.api_version().into());
                members.entry("kind").or_insert_with(|| kind.word().into());
            }
            self.object(item)?;
        }
        Ok(())
    }

    fn object(&mut self, mut object: Value) -> Result<(), WriteError> {
        let Some(place) = Place::of(&object) else { return Ok(()) };
        if !self.written.insert((place.resource(), place.namespace.clone(), place.name.clone())) {
            return Ok(());
        }
        withhold(&mut object, self.kept);
        self.remember(&place, &object);
        *self.counts.entry(place.resource()).or_default() += 1;
        self.sink.object(object)
    }

    /// Keeps what further questions and the manifest need.
    fn remember(&mut self, place: &Place, object: &Value) {
        let is_needed = match place.kind {
            Some(Kind::Certificate | Kind::Challenge | Kind::Deployment | Kind::Ingress | Kind::Gateway) => true,
            Some(Kind::Pod) => {
                !object.pointer("/metadata/labels/app.kubernetes.io~1component").is_none_or(Value::is_null)
            }
            // No more than its name.
            Some(Kind::Secret) => {
                let metadata = json!({"namespace": place.namespace, "name": place.name});
                let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
                decode::take(&mut self.known, &secret.to_string());
                false
            }
            Some(_) | None => false,
        };
        if is_needed {
            decode::take(&mut self.known, &object.to_string());
        }
    }

    /// cert-manager's CustomResourceDefinitions, the webhook configurations that speak of it, and the server's version.
    async fn installation(&mut self, session: &Session) -> Result<(), Failure> {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_cert_managers()) {
            let asked = ("get", "customresourcedefinitions.apiextensions.k8s.io");
            if let Some(body) = self.beside(session, &definition_path(kind), asked).await
                && let Ok(object) = serde_json::from_slice(&body)
            {
                self.object(object)?;
            }
        }
        for (plural, kind) in [
            ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
            ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
        ] {
            let resource = format!("{plural}.admissionregistration.k8s.io");
            let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}");
            let Some(body) = self.beside(session, &path, ("list", &resource)).await else { continue };
            let Ok(mut list) = serde_json::from_slice::<Value>(&body) else { continue };
            for mut item in list["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
                if item.to_string().contains("cert-manager") {
                    item["apiVersion"] = "admissionregistration.k8s.io/v1".into();
                    item["kind"] = kind.into();
                    self.object(item)?;
                }
            }
        }
        if let Ok(version) = session.get_json::<Value>("/version", Accept::Json).await {
            self.kubernetes = version["gitVersion"].as_str().map(str::to_owned);
        }
        Ok(())
    }

    /// What a path gives; what it does not is noted.
    async fn beside(&mut self, session: &Session, path: &str, (verb, resource): (&str, &str)) -> Option<Vec<u8>> {
        let what = match session.get(path).await {
            Ok(body) => return Some(body.to_vec()),
            Err(RequestError::NotFound { .. } | RequestError::GroupAbsent { .. }) => return None,
            Err(RequestError::Forbidden { .. }) => format!("no permission to {verb} {resource}"),
            Err(other) => format!("{verb} {resource} failed: {other}"),
        };
        self.refused.insert(Refusal { what, needs: format!("{verb} {resource}") });
        None
    }

    async fn log(&mut self, session: &Session, voice: &Voice) -> Result<(), Failure> {
        match voice.hear(session).await {
            Ok(Some(bytes)) => {
                let Voice { namespace, pod, container, run } = voice.clone();
                self.logs.push(voice.place());
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.sink.log(LogEntry { namespace, pod, container, previous: run == Run::Previous, text })?;
            }
            Ok(None) => {}
            Err(trouble) => self.known.coverage.record_log(voice.place(), voice.answer(&trouble)),
        }
        Ok(())
    }

    /// Notes what was not asked for in time.
    fn out_of_time(&mut self, breadths: &[Breadth], limit: &str) {
        let what = format!("not all was asked for within {limit}");
        self.refused.insert(Refusal { what, needs: "a longer --timeout".to_owned() });
        for ask in first_questions(breadths).into_iter().chain(follow_up(&self.known)) {
            if !self.known.coverage.has(ask.kind(), &ask.scope()) {
                self.known.coverage.record(ask.kind(), ask.scope(), ask.not_in_time());
            }
        }
    }

    /// Writes the manifest and puts the bundle in its place.
    fn finish(self, session: &Session, breadths: &[Breadth], time: Timestamp) -> Result<(Manifest, PathBuf), Failure> {
        let redacted = self.kept == Kept::Nothing;
        let coverage = self.known.coverage.clone();
        let inventory = Inventory::new(self.known);
        let told = troubles(&inventory).into_iter().map(|gap| Refusal { what: gap.why, needs: gap.needs });
        let namespaces = breadths.iter().map(|breadth| breadth.namespace().unwrap_or("*").to_owned());
        let mut manifest = Manifest::new(time, &coverage);
        manifest.server = (!redacted).then(|| session.server());
        manifest.kubernetes = self.kubernetes;
        manifest.cert_manager = components(&inventory);
        manifest.namespaces = namespaces.collect();
        manifest.objects = self.counts;
        manifest.logs = self.logs;
        manifest.refused = self.refused.into_iter().chain(told).collect::<BTreeSet<_>>().into_iter().collect();
        manifest.redacted = redacted;
        if redacted {
            manifest.lost = LOST.map(str::to_owned).to_vec();
        }
        Ok(self.sink.finish(manifest)?)
    }
}

/// The lists of every namespace that was asked for, each question once.
fn first_questions(breadths: &[Breadth]) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    for ask in breadths.iter().flat_map(|breadth| questions(breadth, &[])) {
        if !asks.contains(&ask) {
            asks.push(ask);
        }
    }
    asks
}

fn components(inventory: &Inventory) -> Vec<Component> {
    let workloads = Installation::of(inventory).workloads;
    let component = |workload: &Workload| Component {
        component: workload.component.label().to_owned(),
        namespace: workload.deployment.namespace().unwrap_or_default().to_owned(),
        name: workload.deployment.name().to_owned(),
        version: workload.release().map(|(release, _)| release.to_string()),
    };
    workloads.iter().map(component).collect()
}

/// What an object is and where it belongs.
struct Place {
    kind: Option<Kind>,
    group: String,
    plural: String,
    namespace: Option<String>,
    name: String,
}

impl Place {
    fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (api_version, word) = (text("/apiVersion")?, text("/kind")?);
        let kind = Kind::from_api(api_version, word);
        let group = api_version.split_once('/').map_or("", |(group, _)| group).to_owned();
        // Of an issuer of another kind the plural is that of English.
        let plural = kind.map_or_else(|| format!("{}s", word.to_ascii_lowercase()), |kind| kind.plural().to_owned());
        let namespace = text("/metadata/namespace").map(str::to_owned);
        Some(Self { kind, group, plural, namespace, name: text("/metadata/name")?.to_owned() })
    }

    fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }
}

/// What was written, and what is not in it.
fn text(manifest: &Manifest, path: &Path) -> String {
    let objects: usize = manifest.objects.values().sum();
    let from = match manifest.namespaces.as_slice() {
        [all] if all == "*" => "all namespaces".to_owned(),
        [one] => format!("namespace {one}"),
        several => format!("namespaces {}", several.join(", ")),
    };
    let logs = match manifest.logs.len() {
        0 => String::new(),
        1 => ", with 1 log".to_owned(),
        more => format!(", with {more} logs"),
    };
    let (path, plural) = (path.display().to_string(), if objects == 1 { "" } else { "s" });
    let mut lines = vec![format!("Wrote {path}: {objects} object{plural} from {from}{logs}")];
    for Refusal { what, needs } in &manifest.refused {
        lines.push(format!("Not in it: {what}; needs: {needs}"));
    }
    if manifest.redacted {
        lines.extend(manifest.lost.iter().map(|lost| format!("Lost by --redact: {lost}")));
    }
    lines.push(format!("Read it: {PROGRAM} diagnose -A --from {}", quoted(&path)));
    lines.iter().map(|line| escape::line(line) + "\n").collect()
}

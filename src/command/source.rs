//! Which source a command reads, and as of when.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};

use super::{Context, Failure};
use crate::cli::SourceArgs;
use crate::cli::target::Named;
use crate::connect::{self, Session, Stdin};
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::report::SourceLine;
use crate::source::cluster::{Breadth, Gather, Reach, others_than};
use crate::source::files;

/// Everything a reading command works on.
pub struct Looked {
    /// Never dropped: the process ends with the command, and giving a cluster's objects back one by one takes as long
    /// as finding out what is wrong with them.
    pub inventory: ManuallyDrop<Inventory>,
    pub line: SourceLine,
    pub now: Timestamp,
    /// The namespace that names without one are in; `None` means every namespace.
    pub namespace: Option<String>,
    /// The namespace that the user chose by a flag.
    pub chosen: Option<String>,
    /// Where a named object is not there: what is there instead.
    pub others: Vec<ObjRef>,
}

/// What to look at.
pub struct Wanted<'w> {
    pub source: &'w SourceArgs,
    pub named: &'w [Named],
    /// Where nothing is named: kinds to read beside those of every diagnosis.
    pub kinds: &'w [Kind],
    pub all_namespaces: bool,
    pub reach: Reach,
    pub logs: Logs,
}

/// Whether cert-manager's logs are read of a cluster. Those of saved files are in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    Read,
    Unread,
}

/// Reads `--from`, or asks the cluster.
pub fn look(wanted: &Wanted, context: &mut Context) -> Result<Looked, Failure> {
    if wanted.source.from.is_empty() { live(wanted, context) } else { saved(wanted, context) }
}

/// Saved objects, not indexed yet.
pub struct Saved {
    pub objects: Objects,
    pub line: SourceLine,
    pub now: Timestamp,
}

/// Reads `--from`.
pub fn saved_objects(source: &SourceArgs, context: &mut Context) -> Result<Saved, Failure> {
    let loaded = files::load(&source.from, context.stdin, files::Limits::default())?;
    let now = loaded.as_of(context.now, context.now());
    Ok(Saved { objects: loaded.objects, line: SourceLine::Files { paths: source.from.clone() }, now })
}

fn saved(wanted: &Wanted, context: &mut Context) -> Result<Looked, Failure> {
    let Saved { objects, line, now } = saved_objects(wanted.source, context)?;
    Ok(Looked {
        inventory: ManuallyDrop::new(Inventory::new(objects)),
        line,
        now,
        namespace: context.flags.namespace.clone().filter(|_| !wanted.all_namespaces),
        chosen: context.flags.namespace.clone().filter(|_| !wanted.all_namespaces),
        others: Vec::new(),
    })
}

fn live(wanted: &Wanted, context: &mut Context) -> Result<Looked, Failure> {
    let now = context.now();
    block_on(async {
        let session = open(context).await?;
        let namespace = session.namespace().to_owned();
        let mut gather = Gather::new(&session, now);
        let mut others = Vec::new();
        if wanted.named.is_empty() {
            let breadth = if wanted.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(namespace.clone()) };
            gather.sweep(&breadth, wanted.kinds).await?;
        } else {
            let chosen = context.flags.namespace.as_deref().filter(|_| !wanted.all_namespaces);
            let place = |named: &Named| {
                if named.kind == Kind::Host {
                    return host(named, chosen);
                }
                ObjRef::new(named.kind, Some(&namespace), &named.name)
            };
            let subjects: Vec<_> = wanted.named.iter().map(place).collect();
            gather.follow(&subjects, wanted.reach).await?;
            for subject in subjects.iter().filter(|subject| gather.is_absent(subject)) {
                others.extend(others_than(&session, subject).await);
            }
        }
        if wanted.logs == Logs::Read {
            gather.listen().await?;
        }
        tracing::debug!(requests = gather.requests, waves = gather.waves, "gathered");
        Ok(Looked {
            inventory: ManuallyDrop::new(Inventory::new(gather.into_objects())),
            line: SourceLine::Cluster { server: session.server() },
            now,
            namespace: Some(namespace).filter(|_| !wanted.all_namespaces),
            chosen: context.flags.namespace.clone().filter(|_| !wanted.all_namespaces),
            others,
        })
    })
}

/// The named objects, each in the namespace that applies. A name of saved objects that occurs in one namespace only
/// needs no `-n`.
pub fn subjects(looked: &Looked, named: &[Named]) -> Vec<ObjRef> {
    named
        .iter()
        .map(|named| {
            if named.kind == Kind::Host {
                return host(named, looked.chosen.as_deref());
            }
            let mut namespaces = looked.inventory.namespaces_of(named.kind, &named.name);
            let only = namespaces.next().filter(|_| namespaces.next().is_none());
            ObjRef::new(named.kind, looked.namespace.as_deref().or(only).or(Some("default")), &named.name)
        })
        .collect()
}

/// A host is searched for everywhere, unless a namespace was chosen.
fn host(named: &Named, chosen: Option<&str>) -> ObjRef {
    ObjRef { kind: Kind::Host, namespace: chosen.map(str::to_owned), name: named.name.clone() }
}

/// Opens the way to the cluster, as kubectl would.
pub async fn open(context: &Context<'_>) -> Result<Session, Failure> {
    let stdin = if context.stdin_is_terminal { Stdin::Terminal } else { Stdin::NotATerminal };
    let warned = Arc::clone(&context.warned);
    let warnings: connect::WarningSink = Arc::new(move |text: &str| {
        warned.store(true, Ordering::Relaxed);
        crate::render::warning::print(text);
    });
    Ok(connect::open(&context.flags, context.env, stdin, warnings).await?)
}

/// Runs the part of a command that talks to a cluster, on one thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    })
}

/// A word for every change of one object.
pub fn events_of(session: &Session, object: &ObjRef) -> BoxStream<'static, Result<(), watcher::Error>> {
    let config = watcher::Config::default().fields(&format!("metadata.name={}", object.name));
    watcher(api(session, object.kind, object.namespace.as_deref()), config)
        .filter_map(|event| async move {
            match event {
                Ok(Event::InitApply(_) | Event::Apply(_) | Event::Delete(_)) => Some(Ok(())),
                Ok(Event::Init | Event::InitDone) => None,
                Err(error) => Some(Err(error)),
            }
        })
        .boxed()
}

/// The objects of a kind, for a watch.
pub fn api(session: &Session, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk(kind.group(), "v1", kind.word());
    let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
    match namespace {
        Some(namespace) => Api::namespaced_with(session.client(), namespace, &resource),
        None => Api::all_with(session.client(), &resource),
    }
}

/// Why a watch ended, in kubectl's words.
pub fn watch_failure(session: &Session, error: watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Failure::Request(session.explain(error)),
        other @ (watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion) => Failure::Watch(Box::new(other)),
    }
}

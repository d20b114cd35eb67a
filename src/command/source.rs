//! Which source a command reads, and as of when.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Context, Failure};
use crate::cli::SourceArgs;
use crate::cli::target::Named;
use crate::connect::{self, Session, Stdin};
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::report::SourceLine;
use crate::source::cluster::{Breadth, Gather, Reach, others_than};
use crate::source::files;

/// Everything a reading command works on.
pub struct Looked {
    pub inventory: Inventory,
    pub line: SourceLine,
    pub now: Timestamp,
    /// The namespace that names without one are in; `None` means every namespace.
    pub namespace: Option<String>,
    /// Where a named object is not there: what is there instead.
    pub others: Vec<ObjRef>,
}

/// What to look at.
pub struct Wanted<'w> {
    pub source: &'w SourceArgs,
    pub named: &'w [Named],
    pub all_namespaces: bool,
    pub reach: Reach,
}

/// Reads `--from`, or asks the cluster.
pub fn look(wanted: &Wanted, context: &mut Context) -> Result<Looked, Failure> {
    if wanted.source.from.is_empty() { live(wanted, context) } else { saved(wanted, context) }
}

fn saved(wanted: &Wanted, context: &mut Context) -> Result<Looked, Failure> {
    let loaded = files::load(&wanted.source.from, context.stdin, files::Limits::default())?;
    Ok(Looked {
        inventory: Inventory::new(loaded.objects),
        line: SourceLine::Files { paths: wanted.source.from.clone() },
        now: context.now(),
        namespace: context.flags.namespace.clone().filter(|_| !wanted.all_namespaces),
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
            let breadth =
                if wanted.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(namespace.clone()) };
            gather.sweep(&breadth).await?;
        } else {
            let subjects: Vec<_> = wanted
                .named
                .iter()
                .map(|named| ObjRef::new(named.kind, Some(&namespace), &named.name))
                .collect();
            gather.follow(&subjects, wanted.reach).await?;
            for subject in subjects.iter().filter(|subject| gather.is_absent(subject)) {
                others.extend(others_than(&session, subject).await);
            }
        }
        tracing::debug!(requests = gather.requests, waves = gather.waves, "gathered");
        Ok(Looked {
            inventory: Inventory::new(gather.into_objects()),
            line: SourceLine::Cluster { server: session.server() },
            now,
            namespace: Some(namespace).filter(|_| !wanted.all_namespaces),
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
            let only = match looked.inventory.namespaces_of(named.kind, &named.name).as_slice() {
                [namespace] if looked.namespace.is_none() => Some(namespace.clone()),
                _ => None,
            };
            let namespace = looked.namespace.clone().or(only).unwrap_or_else(|| "default".to_owned());
            ObjRef::new(named.kind, Some(&namespace), &named.name)
        })
        .collect()
}

/// Opens the way to the cluster, as kubectl would.
pub async fn open(context: &Context<'_>) -> Result<Session, Failure> {
    let stdin = if context.stdin_is_terminal { Stdin::Terminal } else { Stdin::NotATerminal };
    let warnings: connect::WarningSink = Arc::new(crate::render::warning::print);
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

//! What exists before the manifests are applied: nothing, saved objects, or the cluster.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::api::Object;
use crate::cli::DryRunArgs;
use crate::command::source::{Saved, block_on, open, saved_objects};
use crate::command::{Context, Failure};
use crate::inventory::Objects;
use crate::objref::{Kind, ObjRef};
use crate::report::SourceLine;
use crate::source::cluster::{Breadth, Gather};

/// The objects that exist, and as of when.
#[derive(Clone)]
pub struct Existing {
    pub objects: Objects,
    pub line: SourceLine,
    pub now: Timestamp,
}

/// Reads `--from` or, with `--live`, the cluster.
pub fn read(args: &DryRunArgs, context: &mut Context) -> Result<Existing, Failure> {
    if args.live {
        return live(args, context);
    }
    if args.source.from.is_empty() {
        let line = SourceLine::Files { paths: args.filename.clone() };
        return Ok(Existing { objects: Objects::default(), line, now: context.now() });
    }
    let Saved { objects, line, now } = saved_objects(&args.source, context)?;
    Ok(Existing { objects, line, now })
}

fn live(args: &DryRunArgs, context: &mut Context) -> Result<Existing, Failure> {
    let now = context.now();
    block_on(async {
        let session = open(context).await?;
        let namespace = session.namespace().to_owned();
        let breadth = if args.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(namespace) };
        let mut gather = Gather::new(&session, now);
        gather.sweep(&breadth, &[Kind::HttpRoute]).await?;
        let line = SourceLine::Cluster { server: session.server() };
        Ok(Existing { objects: gather.into_objects(), line, now })
    })
}

/// cert-manager's own objects as the API server holds them, for the webhook to compare with.
pub fn stored(objects: &Objects) -> Vec<(ObjRef, Value)> {
    let mut stored = Vec::new();
    add(&mut stored, &objects.certificates);
    add(&mut stored, &objects.requests);
    add(&mut stored, &objects.orders);
    add(&mut stored, &objects.challenges);
    add(&mut stored, &objects.issuers);
    add(&mut stored, &objects.cluster_issuers);
    stored
}

fn add<T: Object + Serialize>(stored: &mut Vec<(ObjRef, Value)>, objects: &[T]) {
    for object in objects {
        let mut value = serde_json::to_value(object).expect("our types have string keys");
        if let Some(members) = value.as_object_mut() {
            members.insert("apiVersion".to_owned(), T::KIND.api_version().into());
            members.insert("kind".to_owned(), T::KIND.word().into());
        }
        stored.push((object.objref(), value));
    }
}

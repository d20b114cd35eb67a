//! `status`: certificates as a table, or one certificate's chain as a tree.

use super::choose::Choice;
use super::source::{self, Logs, Wanted, block_on};
use super::{Context, Exit, Failure, missing, watch};
use crate::api::Object;
use crate::chain::Chain;
use crate::cli::target::{Named, parse};
use crate::cli::{StatusArgs, StatusOutput};
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::render::status::{StatusReport, names};
use crate::render::table::{Columns, certificates};
use crate::render::{escape, json, tree, yaml};
use crate::report;
use crate::report::row::{Depth, Row, Urgency};
use crate::report::tree::{Requests, Tree};
use crate::source::cluster::{Breadth, Gather, Page, Reach, Sweep, query};
use crate::source::decode;

/// Issuances whose chain is followed for the table; beyond them STAGE says just `issuing`.
const FOLLOWED: usize = 20;

pub fn run(args: &StatusArgs, context: &mut Context) -> Result<Exit, Failure> {
    let targets = parse(&args.names, &[Kind::Certificate])?;
    let named = targets.named();
    check(args, named)?;
    if args.watch {
        return watch::run(args, named, context);
    }
    if named.is_empty() { table(args, context) } else { trees(args, named, context) }
}

/// Combinations that kubectl refuses too, in its words.
fn check(args: &StatusArgs, named: &[Named]) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage { message: message.to_owned() });
    if named.is_empty() {
        return Ok(());
    }
    if args.all_namespaces {
        return usage("a resource cannot be retrieved by name across all namespaces");
    }
    if args.selector.is_some() || args.field_selector.is_some() {
        return usage("name cannot be provided when a selector is specified");
    }
    Ok(())
}

fn table(args: &StatusArgs, context: &mut Context) -> Result<Exit, Failure> {
    let Rows { chosen: mut rows, place, now, choice } =
        if args.source.from.is_empty() { live_rows(args, context)? } else { saved_rows(args, context)? };
    choice.sort(&mut rows);
    if rows.is_empty() && matches!(args.output, StatusOutput::Table | StatusOutput::Wide) {
        context.note(&match place {
            Some(namespace) => format!("No resources found in {namespace} namespace."),
            None => "No resources found".to_owned(),
        });
        return Ok(Exit::Good);
    }
    let text = match args.output {
        StatusOutput::Table | StatusOutput::Wide => certificates(&rows, columns(args), now, &context.style),
        StatusOutput::Json => json::text(&StatusReport::of_rows(&rows, now)),
        StatusOutput::Yaml => yaml::text(&StatusReport::of_rows(&rows, now)),
        StatusOutput::Name => names(&rows),
    };
    context.write(&text)?;
    Ok(exit(rows.iter().map(|row| row.urgency)))
}

/// The columns that the flags ask for.
pub fn columns(args: &StatusArgs) -> Columns {
    Columns {
        namespace: args.all_namespaces,
        wide: args.output == StatusOutput::Wide,
        labels: args.show_labels,
        headers: !args.no_headers,
    }
}

fn exit(urgencies: impl Iterator<Item = Urgency>) -> Exit {
    let mut urgencies = urgencies;
    let bad = urgencies.any(|urgency| match urgency {
        Urgency::Expired | Urgency::Failed | Urgency::NotReady | Urgency::Issuing => true,
        Urgency::RenewalFailed | Urgency::RenewalDue | Urgency::Quiet => false,
    });
    if bad { Exit::Bad } else { Exit::Good }
}

/// The chosen rows, and what they were chosen by.
struct Rows {
    chosen: Vec<Row>,
    /// The namespace; `None` for all.
    place: Option<String>,
    now: jiff::Timestamp,
    choice: Choice,
}

fn saved_rows(args: &StatusArgs, context: &mut Context) -> Result<Rows, Failure> {
    let wanted = Wanted {
        source: &args.source,
        named: &[],
        kinds: &[],
        all_namespaces: args.all_namespaces,
        reach: Reach::Chain,
        logs: Logs::Unread,
    };
    let looked = source::look(&wanted, context)?;
    tell_unseen(&looked.inventory, context);
    let choice = Choice::read(args, looked.now)?;
    let here = |namespace: Option<&str>| looked.namespace.as_deref().is_none_or(|wanted| namespace == Some(wanted));
    let rows = looked
        .inventory
        .certificates
        .iter()
        .filter(|certificate| here(certificate.namespace()) && choice.takes(certificate))
        .filter_map(|certificate| row(&looked.inventory, &certificate.objref(), looked.now, Depth::Chain))
        .filter(|row| choice.shows(row))
        .collect();
    Ok(Rows { chosen: rows, place: looked.namespace, now: looked.now, choice })
}

/// Says on standard error what the saved objects leave open.
fn tell_unseen(inventory: &Inventory, context: &mut Context) {
    for gap in report::troubles(inventory) {
        context.note(&format!("Not seen: {}", escape::line(&gap.why)));
    }
}

fn row(inventory: &Inventory, object: &ObjRef, now: jiff::Timestamp, depth: Depth) -> Option<Row> {
    Row::of(&Facts::new(inventory, Chain::of(inventory, object), now), depth)
}

/// Reads the Certificates page by page and keeps a row of each; then follows the issuances in progress.
fn live_rows(args: &StatusArgs, context: &mut Context) -> Result<Rows, Failure> {
    let now = context.now();
    let choice = Choice::read(args, now)?;
    block_on(async {
        let session = source::open(context).await?;
        let namespace = session.namespace().to_owned();
        let breadth = if args.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(namespace.clone()) };
        let mut rows = Vec::new();
        let query = query(args.selector.as_deref(), args.field_selector.as_deref());
        let sweep = Sweep::new(&session, Kind::Certificate, &breadth, query);
        let take = &mut |page: Page| match page {
            Page::Restart => rows.clear(),
            Page::Body(body) => rows.extend(page_rows(body, &choice, now)),
        };
        sweep.pages(take).await?;
        let busy: Vec<ObjRef> = rows
            .iter()
            .filter(|row| row.stage == "issuing")
            .map(|row| ObjRef::new(Kind::Certificate, Some(&row.namespace), &row.name))
            .take(FOLLOWED)
            .collect();
        if !busy.is_empty() {
            let mut gather = Gather::new(&session, now);
            gather.follow(&busy, Reach::Table).await?;
            let inventory = Inventory::new(gather.into_objects());
            for fresh in busy.iter().filter_map(|object| row(&inventory, object, now, Depth::Chain)) {
                if let Some(old) =
                    rows.iter_mut().find(|row| row.name == fresh.name && row.namespace == fresh.namespace)
                {
                    *old = fresh;
                }
            }
        }
        Ok(Rows { chosen: rows, place: Some(namespace).filter(|_| !args.all_namespaces), now, choice })
    })
}

/// The rows of one page; the page's objects are dropped.
fn page_rows(body: &[u8], choice: &Choice, now: jiff::Timestamp) -> Vec<Row> {
    let mut objects = Objects::default();
    decode::take(&mut objects, &String::from_utf8_lossy(body));
    objects.certificates.retain(|certificate| choice.takes(certificate));
    let inventory = Inventory::new(objects);
    inventory
        .certificates
        .iter()
        .filter_map(|certificate| row(&inventory, &certificate.objref(), now, Depth::CertificateOnly))
        .filter(|row| choice.shows(row))
        .collect()
}

fn trees(args: &StatusArgs, named: &[Named], context: &mut Context) -> Result<Exit, Failure> {
    let reach = if args.history { Reach::History } else { Reach::Chain };
    let wanted = Wanted { source: &args.source, named, kinds: &[], all_namespaces: false, reach, logs: Logs::Unread };
    let looked = source::look(&wanted, context)?;
    tell_unseen(&looked.inventory, context);
    let requests = if args.history { Requests::All } else { Requests::CurrentAndNext };
    let subjects = source::subjects(&looked, named);
    let mut trees = Vec::new();
    let mut rows = Vec::new();
    for subject in &subjects {
        let facts = Facts::new(&looked.inventory, Chain::of(&looked.inventory, subject), looked.now);
        if facts.chain.certificate.seen().is_some() {
            rows.extend(Row::of(&facts, Depth::Chain));
            trees.push(Tree::of(&facts, requests));
        }
    }
    let text = match args.output {
        StatusOutput::Table | StatusOutput::Wide => {
            trees.iter().map(|shown| tree::text(shown, &context.style)).collect::<Vec<_>>().join("\n")
        }
        StatusOutput::Json => json::text(&StatusReport::of_trees(&trees, looked.now)),
        StatusOutput::Yaml => yaml::text(&StatusReport::of_trees(&trees, looked.now)),
        StatusOutput::Name => names(&rows),
    };
    context.write(&text)?;
    let missing = missing::report(&looked, &subjects, context);
    Ok(exit(rows.iter().map(|row| row.urgency)).max(missing))
}

//! `status -w`: goes on and prints changes, a line each, until interrupted.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event, watcher};

use super::choose::Choice;
use super::source::{self, api, block_on, events_of, watch_failure};
use super::status::columns;
use super::{Context, Exit, Failure};
use crate::api::Certificate;
use crate::chain::Chain;
use crate::cli::StatusArgs;
use crate::cli::target::Named;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::render::table::{Columns, certificates};
use crate::render::tree;
use crate::report::row::{Depth, Row};
use crate::report::tree::{Requests, Tree};
use crate::source::cluster::{Gather, Reach};

pub fn run(args: &StatusArgs, named: &[Named], context: &mut Context) -> Result<Exit, Failure> {
    if !args.source.from.is_empty() {
        return Err(Failure::Usage { message: "--watch needs a cluster: saved objects do not change".to_owned() });
    }
    match named {
        [] => table(args, context),
        [one] => chain(one, context),
        _ => Err(Failure::Usage { message: "--watch follows one certificate, or the table".to_owned() }),
    }
}

/// The table, then every changed row.
fn table(args: &StatusArgs, context: &mut Context) -> Result<Exit, Failure> {
    let choice = Choice::read(args, context.now())?;
    block_on(async {
        let session = source::open(context).await?;
        let namespace = session.namespace().to_owned();
        let api = api(&session, Kind::Certificate, Some(namespace.as_str()).filter(|_| !args.all_namespaces));
        let mut config = watcher::Config::default();
        config.label_selector.clone_from(&args.selector);
        let mut events = watcher(api, config).boxed();
        let mut shown: BTreeMap<(String, String), Row> = BTreeMap::new();
        let mut first = Vec::new();
        let mut listed = false;
        while let Some(event) = events.next().await {
            let now = context.now();
            let object = match event.map_err(|error| watch_failure(&session, error))? {
                Event::Init => continue,
                Event::Delete(object) => {
                    let meta = object.metadata;
                    let key = (meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
                    if let Some(row) = shown.remove(&key) {
                        let last = Row { stage: "deleted", ..row };
                        let columns = Columns { headers: false, ..columns(args) };
                        context.write(&certificates(&[last], columns, now, &context.style))?;
                    }
                    continue;
                }
                Event::InitDone => {
                    let mut rows = std::mem::take(&mut first);
                    choice.sort(&mut rows);
                    context.write(&certificates(&rows, columns(args), now, &context.style))?;
                    listed = true;
                    continue;
                }
                Event::InitApply(object) | Event::Apply(object) => object,
            };
            let Some(row) = row(object, &choice, now) else { continue };
            let key = (row.namespace.clone(), row.name.clone());
            let changed = shown.get(&key) != Some(&row);
            shown.insert(key, row.clone());
            if !listed {
                first.push(row);
            } else if changed {
                let columns = Columns { headers: false, ..columns(args) };
                context.write(&certificates(&[row], columns, now, &context.style))?;
            }
        }
        Ok(Exit::Good)
    })
}

fn row(object: DynamicObject, choice: &Choice, now: Timestamp) -> Option<Row> {
    let certificate: Certificate = crate::api::json::of_value(&serde_json::to_value(object).ok()?).ok()?;
    let mut objects = Objects::default();
    objects.certificates.extend(choice.takes(&certificate).then_some(certificate));
    let inventory = Inventory::new(objects);
    let object = crate::api::Object::objref(inventory.certificates.iter().next()?);
    let row = Row::of(&Facts::new(&inventory, Chain::of(&inventory, &object), now), Depth::CertificateOnly)?;
    choice.shows(&row).then_some(row)
}

/// One certificate: the tree, then a line for every object of its chain that changes.
fn chain(named: &Named, context: &mut Context) -> Result<Exit, Failure> {
    block_on(async {
        let session = source::open(context).await?;
        let subject = ObjRef::new(named.kind, Some(session.namespace()), &named.name);
        let mut changes: SelectAll<BoxStream<'static, Result<(), watcher::Error>>> = SelectAll::new();
        let mut watched = BTreeSet::new();
        let mut known: Option<Lines> = None;
        loop {
            let now = context.now();
            let mut gather = Gather::new(&session, now);
            gather.follow(std::slice::from_ref(&subject), Reach::Table).await?;
            let inventory = Inventory::new(gather.into_objects());
            let facts = Facts::new(&inventory, Chain::of(&inventory, &subject), now);
            let shown = Tree::of(&facts, Requests::CurrentAndNext);
            let fresh = Lines::of(&shown);
            match &known {
                None => context.write(&tree::text(&shown, &context.style))?,
                Some(known) => context.write(&fresh.changes_since(known, &inventory, now))?,
            }
            known = Some(fresh);
            // Objects that do not exist yet are watched too: their names are computed.
            for object in inventory.coverage.named().filter(|object| is_in_chain(object.kind)) {
                if watched.insert(object.clone()) {
                    changes.push(events_of(&session, &object));
                }
            }
            match changes.next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(watch_failure(&session, error)),
                None => return Ok(Exit::Good),
            }
        }
    })
}

fn is_in_chain(kind: Kind) -> bool {
    [Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge].contains(&kind)
}

/// What is shown of each object, in order of the tree.
struct Lines(Vec<Line>);

#[derive(PartialEq)]
struct Line {
    title: String,
    text: String,
    object: Option<ObjRef>,
}

impl Lines {
    fn of(shown: &Tree) -> Self {
        let stage = shown.course.as_ref().map(|(stage, _)| format!("{} ({})", stage.words(), stage.id()));
        let mut lines: Vec<Line> =
            stage.into_iter().map(|text| Line { title: "stage".to_owned(), text, object: None }).collect();
        let mut open = vec![&shown.root];
        while let Some(node) = open.pop() {
            let words = node.details.iter().find(|detail| detail.label == "reason").map(|detail| detail.text.as_str());
            let text = [Some(node.state.as_str()), words].into_iter().flatten().collect::<Vec<_>>().join(": ");
            lines.push(Line { title: node.title.clone(), text, object: node.object.clone() });
            open.extend(node.children.iter().rev());
        }
        Self(lines)
    }

    /// A line for each change. Of what is no longer part of the chain it is said only if it was looked for and is
    /// not there any more.
    fn changes_since(&self, known: &Self, inventory: &Inventory, now: Timestamp) -> String {
        let at = now.strftime("%H:%M:%SZ");
        let said = |title: &str, text: &str| {
            format!("{at}  {}  {}\n", crate::render::escape::line(title), crate::render::escape::line(text))
        };
        let changed = self.0.iter().filter(|line| !known.0.contains(line)).map(|line| said(&line.title, &line.text));
        let left = known.0.iter().filter(|line| !self.0.iter().any(|other| other.title == line.title));
        let is_deleted = |object: &ObjRef| {
            let fact: Fact<()> = inventory.missing(object.kind, object.namespace.as_deref(), Some(&object.name));
            fact.is_absent()
        };
        let deleted = left.filter(|line| line.object.as_ref().is_some_and(is_deleted));
        changed.chain(deleted.map(|line| said(&line.title, "deleted"))).collect()
    }
}

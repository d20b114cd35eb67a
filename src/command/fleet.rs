//! Many certificates at once: those of a namespace, the cluster, a source or of manifests laid over them.
//!
//! What `forecast` and `budget` start from.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

use jiff::{SignedDuration, Timestamp};

use super::source::{block_on, open};
use super::{Context, Failure};
use crate::api::{Certificate, Object};
use crate::cli::FleetArgs;
use crate::cli::selector::Selector;
use crate::engine::admission::{Requester, UnknownFields};
use crate::inventory::{Inventory, Objects};
use crate::manifest::admit::{Applying, admit};
use crate::objref::{Kind, ObjRef};
use crate::planned::{self, Change};
use crate::report::row::issuer_words;
use crate::report::{SourceLine, troubles};
use crate::rule::Gap;
use crate::source::cluster::{Breadth, Gather};
use crate::source::{files, manifests};

/// The longest range that anything is reckoned for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 3660);

/// Everything that such a command works on.
pub struct Fleet {
    /// Never dropped, as everywhere where there may be much of it.
    pub inventory: ManuallyDrop<Inventory>,
    /// `None` where manifests are all there is.
    pub line: Option<SourceLine>,
    pub now: Timestamp,
    /// The namespace looked at; `None` means every namespace.
    pub namespace: Option<String>,
    /// What the manifests make or change.
    pub changes: BTreeMap<ObjRef, Change>,
    /// Whether a manifest would not be let in; which ones and why was said on standard error.
    pub refused: bool,
    /// Why other namespaces were not looked at, though they count.
    gap: Option<Gap>,
    pub choice: Choice,
}

/// How much of a cluster is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What the flags ask for.
    Asked,
    /// All of it, as others count too, or what the flags ask for where that is not allowed.
    Everything,
}

/// Which certificates are meant.
pub struct Choice {
    labels: Selector,
    issuer: Option<String>,
}

impl Fleet {
    /// Reads the source and lays the manifests over it.
    pub fn gather(args: &FleetArgs, kinds: &[Kind], extent: Extent, context: &mut Context) -> Result<Self, Failure> {
        let labels = Selector::labels(args.selector.as_deref().unwrap_or_default())
            .map_err(|error| Failure::Usage { message: error.to_string() })?;
        let choice = Choice { labels, issuer: args.issuer.clone() };
        let both = args.source.from.iter().chain(&args.filename).filter(|path| *path == "-").count() > 1;
        if both {
            return Err(Failure::Files(files::FilesError::StdinTwice));
        }
        let mut gap = None;
        let (existing, line, now, namespace) = if !args.source.from.is_empty() {
            let loaded = files::load(&args.source.from, context.stdin, files::Limits::default())?;
            let now = loaded.as_of(context.now, context.now());
            let line = SourceLine::Files { paths: args.source.from.clone() };
            (loaded.objects, Some(line), now, context.flags.namespace.clone())
        } else if args.filename.is_empty() || args.live {
            let live = live(args, kinds, extent, context)?;
            gap = live.gap;
            (live.objects, Some(live.line), live.now, Some(live.namespace))
        } else {
            (Objects::default(), None, context.now(), context.flags.namespace.clone())
        };
        let mut refused = false;
        let (objects, changes) = if args.filename.is_empty() {
            (existing, BTreeMap::new())
        } else {
            let home = namespace.clone().unwrap_or_else(|| "default".to_owned());
            let read = manifests::read(&args.filename, args.recursive, context.stdin, files::Limits::default())?;
            let applying = Applying { namespace: home.clone(), unknown: UnknownFields::Drop, by: Requester::default() };
            let let_in = admit(read, [], applying);
            refused = let_in.refusals().next().is_some();
            for note in &let_in.notes {
                context.note(&note.to_string());
            }
            let planned = planned::lay_over(existing, let_in.objects, &home);
            (planned.objects, planned.changes)
        };
        let namespace = namespace.filter(|_| !args.all_namespaces);
        let inventory = ManuallyDrop::new(Inventory::new(objects));
        Ok(Self { inventory, line, now, namespace, changes, refused, gap, choice })
    }

    /// The certificates that are meant.
    pub fn chosen(&self) -> Vec<ObjRef> {
        let here =
            |object: &Certificate| self.namespace.as_deref().is_none_or(|wanted| object.namespace() == Some(wanted));
        let certificates = self.inventory.certificates.iter();
        certificates.filter(|one| here(one) && self.choice.takes(one)).map(Object::objref).collect()
    }

    /// What was refused or failed, each said once.
    pub fn unseen(&self) -> Vec<Gap> {
        self.gap.iter().cloned().chain(troubles(&self.inventory)).collect()
    }

    /// Says on standard error that there is nothing, and where else there is.
    pub fn note_empty(&self, context: &mut Context) {
        let others: std::collections::BTreeSet<&str> =
            self.inventory.certificates.iter().filter_map(Object::namespace).collect();
        let words = match &self.namespace {
            Some(namespace) if !others.is_empty() && !others.contains(namespace.as_str()) => {
                let others: Vec<&str> = others.into_iter().collect();
                format!("No resources found in {namespace} namespace. The source has {}.", others.join(", "))
            }
            Some(namespace) => format!("No resources found in {namespace} namespace."),
            None => "No resources found".to_owned(),
        };
        context.note(&words);
    }
}

impl Choice {
    fn takes(&self, certificate: &Certificate) -> bool {
        let labels = certificate.metadata.labels.clone().unwrap_or_default();
        let issuer = issuer_words(&certificate.spec.issuer_ref);
        let is_wanted =
            |wanted: &String| issuer == *wanted || issuer.split_once('/').is_some_and(|(_, name)| name == wanted);
        self.labels.matches(&labels) && self.issuer.as_ref().is_none_or(is_wanted)
    }
}

/// What a cluster gave.
struct Live {
    objects: Objects,
    line: SourceLine,
    now: Timestamp,
    /// That of the flags or of the context.
    namespace: String,
    gap: Option<Gap>,
}

fn live(args: &FleetArgs, kinds: &[Kind], extent: Extent, context: &mut Context) -> Result<Live, Failure> {
    let now = context.now();
    block_on(async {
        let session = open(context).await?;
        let namespace = session.namespace().to_owned();
        let asked = if args.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(namespace.clone()) };
        let breadth = match extent {
            Extent::Asked => asked.clone(),
            Extent::Everything => Breadth::Cluster,
        };
        let mut gather = Gather::new(&session, now);
        gather.read(&breadth, kinds).await?;
        let mut objects = gather.into_objects();
        let mut gap = None;
        if breadth != asked && objects.coverage.refusal::<()>(Kind::Certificate).is_some() {
            gap = Some(Gap {
                why: format!("other namespaces than {namespace}, which count too: no permission to list them"),
                needs: format!("list {} in all namespaces", Kind::Certificate.resource()),
            });
            let mut gather = Gather::new(&session, now);
            gather.read(&asked, kinds).await?;
            objects = gather.into_objects();
        }
        let line = SourceLine::Cluster { server: session.server() };
        Ok(Live { objects, line, now, namespace, gap })
    })
}

/// How far a range reaches from `now`.
pub fn range(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let usage = |what: String| Failure::Usage { message: format!("{flag}: {what}") };
    let range =
        super::choose::days_or_go(text).ok_or_else(|| usage(format!("{text:?} is no duration such as 90d or 72h")))?;
    if !range.is_positive() {
        return Err(usage(format!("{text:?} does not lie ahead")));
    }
    if range > LONGEST {
        return Err(usage(format!("{text:?} is more than ten years, which nobody can foresee")));
    }
    now.checked_add(range).map_err(|_| usage(format!("{text:?} reaches beyond the last date there is")))
}

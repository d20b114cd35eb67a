//! `dry-run`: plays the issuance in process and shows what would happen and how it would end.

mod existing;
mod read;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;

use jiff::Timestamp;

use super::diagnose::roots;
use super::source::Looked;
use super::{Context, Exit, Failure};
use crate::api::{Certificate, CertificateConditionType, Object, RequestReason};
use crate::chain::Chain;
use crate::cli::{DryRunArgs, DryRunOutput};
use crate::dryrun::listing::{Keys, List};
use crate::dryrun::outside::Outside;
use crate::dryrun::real::Real;
use crate::dryrun::timeline::{Recorder, Timeline};
use crate::dryrun::trace::Tracer;
use crate::dryrun::{Ended, Limits, Over, diff, objects, play};
use crate::engine::Engine;
use crate::engine::cluster::Cluster;
use crate::engine::controller::Controller;
use crate::engine::outside::{Service, Then};
use crate::engine::shim::{Refusal, Skip};
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::manifest::Note;
use crate::objref::ObjRef;
use crate::render::dry_run::{self, Fate, Outcome, Shown};
use crate::render::{changes, json, yaml};
use crate::report::tree::{Requests, Tree};
use crate::report::{Report, SourceLine, TargetReport, Verdict};
use crate::rule::Severity;
use existing::Existing;
use read::Input;

/// Looks of controllers, whatever there is, and for each object more.
const STEPS: usize = 1_000_000;
const STEPS_EACH: usize = 1_000;

pub fn run(args: &DryRunArgs, context: &mut Context) -> Result<Exit, Failure> {
    let input = read::read(args, context)?;
    for object in diff::without_secret(&input.existing.objects) {
        context.note(&format!("Not seen: the Secret of {object}; it is played as if it were gone"));
    }
    let real = service::real(args, &input.world, context)?;
    let without = if args.diff { Some(ran(set_up(input.without_manifests(), None, args), args)?) } else { None };
    let Ran { engine, stage, limits, timeline, over, trace, left } = ran(set_up(input, real, args), args)?;
    for words in left {
        context.note(&format!("Shown to the CA still: {words}"));
    }
    if over.ended == Ended::Interrupted {
        return Err(Failure::Interrupted);
    }
    // The process ends with it: giving back object by object takes longer than all of the writing.
    let mut engine = ManuallyDrop::new(engine);
    let Stage { start, rest, line, notes, applied, written } = stage;
    let diff = without.map(|without| {
        let before = diff::Side { cluster: without.engine.objects(), timeline: &without.timeline };
        diff::of(&before, &diff::Side { cluster: engine.objects(), timeline: &timeline }, &written)
    });
    let keys = if args.show_private_key { Keys::Shown } else { Keys::Hidden };
    let list = List::of(engine.objects(), keys);
    match (args.output, &diff) {
        (DryRunOutput::Yaml, None) => context.write(&yaml::text(&list))?,
        (DryRunOutput::Json, None) => context.stream(|out| json::write(out, &list))?,
        (DryRunOutput::Yaml, Some(diff)) => context.write(&yaml::text(&changes::Changes::of(diff, start)))?,
        (DryRunOutput::Json, Some(diff)) => context.write(&json::text(&changes::Changes::of(diff, start)))?,
        (DryRunOutput::Trace, None) => context.write(&trace)?,
        // Told when it is judged.
        (DryRunOutput::Text, _) | (DryRunOutput::Trace, Some(_)) => {}
    }
    let end = End { over, start, limits, timeline: &timeline, applied: &applied };
    let (shown, exit) = end.judge(&mut engine, rest, line, &notes);
    match (args.output, &diff) {
        (DryRunOutput::Text | DryRunOutput::Trace, Some(diff)) => {
            context.write(&changes::text(diff, &shown, &context.style))?;
        }
        (DryRunOutput::Text, None) => context.write(&dry_run::text(&shown, &context.style))?,
        (DryRunOutput::Yaml | DryRunOutput::Json, _) | (DryRunOutput::Trace, None) => {}
    }
    if args.output != DryRunOutput::Text {
        for note in dry_run::notes(&shown) {
            context.note(&note);
        }
    }
    Ok(exit)
}

/// A run that is over.
struct Ran {
    engine: Engine,
    /// The rest of what it began with.
    stage: Stage,
    limits: Limits,
    timeline: Timeline,
    over: Over,
    trace: String,
    /// What is shown to a real CA still, and why.
    left: Vec<String>,
}

fn ran(set_up: SetUp, args: &DryRunArgs) -> Result<Ran, Failure> {
    let SetUp { mut engine, mut outside, stage } = set_up;
    let start = stage.start;
    let limits = Limits { until: args_until(args, start)?, steps: steps(engine.objects()) };
    let is_told = args.output == DryRunOutput::Text || args.diff;
    let mut recorder = if is_told { Recorder::begin(engine.objects()) } else { Recorder::silent() };
    let mut tracer = Tracer::default();
    let mut trace = String::new();
    let over = play(&mut engine, &mut outside, start, limits, &mut |moment, engine| {
        recorder.see(moment, engine);
        if args.output == DryRunOutput::Trace {
            trace.push_str(&json::line(&tracer.line(moment, engine)));
        }
    });
    let left = outside.clear();
    Ok(Ran { engine, stage, limits, timeline: recorder.finish(), over, trace, left })
}

/// Everything in its place before the first step.
struct SetUp {
    engine: Engine,
    outside: Outside,
    stage: Stage,
}

/// What a run begins with, and what is not played.
struct Stage {
    start: Timestamp,
    /// What the cluster does not keep.
    rest: Objects,
    line: SourceLine,
    notes: Vec<Note>,
    applied: BTreeSet<ObjRef>,
    /// The objects of the manifests as they were written.
    written: BTreeMap<ObjRef, diff::Leaves>,
}

fn set_up(input: Input, real: Option<Box<dyn Real>>, args: &DryRunArgs) -> SetUp {
    let Input { world, existing: Existing { objects: mut rest, line, now: start }, mut let_in } = input;
    let mut flags = world.controller.flags();
    flags.asks_vault = args.vault.is_some();
    if world.approval.is_some() {
        flags.disabled.insert(Controller::Approver);
    }
    for objects in [&mut rest, &mut let_in.objects] {
        service::name_servers(objects, args);
    }
    let mut engine = Engine::new(start, args.seed, flags);
    objects::put(engine.cluster(), &mut rest);
    let applied: BTreeSet<ObjRef> = objects::apply(engine.cluster(), &mut let_in.objects).into_iter().collect();
    let mut written = if args.diff { diff::flat(engine.objects()) } else { BTreeMap::new() };
    written.retain(|object, _| applied.contains(object));
    rest.external_issuers.append(&mut let_in.objects.external_issuers);
    rest.deployments.append(&mut let_in.objects.deployments);
    objects::add_classes(engine.cluster(), &mut rest, &world);
    let outside = Outside::new(world, start, args.seed).with(real);
    let stage = Stage { start, rest, line, notes: let_in.notes, applied, written };
    SetUp { engine, outside, stage }
}

fn steps(cluster: &Cluster) -> usize {
    STEPS.saturating_add(objects::all(cluster).len().saturating_mul(STEPS_EACH))
}

/// The last moment to play.
fn args_until(args: &DryRunArgs, start: Timestamp) -> Result<Timestamp, Failure> {
    let until = args.until.as_deref().unwrap_or(if args.is_real() { "10m" } else { "24h" });
    let usage = |why: &str| Failure::Usage { message: format!("invalid --until {until:?}: {why}") };
    let length = until.parse::<crate::dryrun::world::Span>().map_err(|why| usage(&why))?.0;
    if length.is_zero() {
        return Err(usage("nothing would be played"));
    }
    start.checked_add(length).map_err(|_| usage("it reaches beyond the last time there is"))
}

/// How a run ended.
struct End<'e> {
    over: Over,
    start: Timestamp,
    limits: Limits,
    timeline: &'e Timeline,
    applied: &'e BTreeSet<ObjRef>,
}

impl<'e> End<'e> {
    /// The rules on the end state, which leaves the engine, and what becomes of each Certificate.
    fn judge(&self, engine: &'e mut Engine, rest: Objects, line: SourceLine, notes: &'e [Note]) -> (Shown<'e>, Exit) {
        let open = engine.objects().certificates.iter().filter(|certificate| is_open(certificate));
        let unplayed: BTreeMap<_, _> =
            open.filter_map(|certificate| Some((certificate.objref(), unplayed(engine, certificate)?))).collect();
        let is_settled = engine.objects().certificates.iter().all(|certificate| {
            certificate.is(CertificateConditionType::Ready) || unplayed.contains_key(&certificate.objref())
        });
        // What waits for something has waited for it until the end. Where the play stops, nothing waits.
        let is_cut = match self.over.ended {
            Ended::Ahead { .. } | Ended::Interrupted => true,
            Ended::AtRest | Ended::TimeUp { .. } | Ended::TooManySteps => false,
        };
        let now = if is_settled || is_cut { self.over.last } else { self.limits.until };
        let refusals = self.timeline.refusals.iter();
        let refusals: Vec<_> =
            refusals.filter(|(object, refusal)| self.matters(engine.objects(), object, refusal)).collect();
        let inventory = Inventory::new(objects::out(engine, rest));
        let looked = Looked {
            inventory: ManuallyDrop::new(inventory),
            line: line.clone(),
            now,
            namespace: None,
            chosen: None,
            others: Vec::new(),
        };
        let subjects = roots(&looked);
        let judge = |subject: &ObjRef| {
            TargetReport::judge(&Facts::new(&looked.inventory, Chain::of(&looked.inventory, subject), now))
        };
        let report = Report::new(now, line, &looked.inventory, subjects.iter().map(judge).collect());
        let targets: BTreeMap<_, _> = report.targets.iter().map(|target| (&target.object, target)).collect();
        let fate = |certificate: &Certificate| {
            let object = certificate.objref();
            let target = targets.get(&object).copied();
            let unplayed = unplayed.get(&object).cloned();
            fate_of(certificate, object, unplayed, target)
        };
        let fates: Vec<_> = looked.inventory.certificates.iter().map(fate).collect();
        let trees = dry_run::worth_a_tree(&fates)
            .map(|fate| {
                let chain = Chain::of(&looked.inventory, &fate.certificate);
                Tree::of(&Facts::new(&looked.inventory, chain, now), Requests::CurrentAndNext)
            })
            .collect();
        let exit = self.exit(&fates, &report, notes, !refusals.is_empty());
        let shown = Shown {
            start: self.start,
            over: self.over,
            until: self.limits.until,
            timeline: self.timeline,
            fates,
            report,
            trees,
            notes,
            refusals,
            left: engine.all_outside().filter(|(_, outside)| outside.then != Then::Stops).collect(),
        };
        (shown, exit)
    }

    fn exit(&self, fates: &[Fate], report: &Report, notes: &[Note], is_refused: bool) -> Exit {
        let is_bad = fates.iter().any(|fate| matches!(fate.outcome, Outcome::NotReady | Outcome::NotRenewed))
            || report
                .targets
                .iter()
                .any(|target| target.verdict == Verdict::Failing && target.worst() == Some(Severity::Error))
            || notes.iter().any(|note| note.said.is_refusal())
            || is_refused;
        let is_open = self.over.ended == Ended::TooManySteps
            || fates.iter().any(|fate| matches!(fate.outcome, Outcome::Unknown(_)));
        match (is_bad, is_open) {
            (true, _) => Exit::Bad,
            (false, true) => Exit::Trouble,
            (false, false) => Exit::Good,
        }
    }

    /// Whether a Certificate is missing that somebody asked for.
    fn matters(&self, cluster: &Cluster, object: &ObjRef, refusal: &Refusal) -> bool {
        if !self.applied.contains(object) {
            return false;
        }
        match refusal {
            Refusal::Issuer(_)
            | Refusal::SecretNames(_)
            | Refusal::Block { .. }
            | Refusal::Listener { skip: Skip::Faults(_), .. }
            | Refusal::Annotation(_)
            | Refusal::NoOwner { .. }
            | Refusal::OtherOwner { .. }
            | Refusal::NotAdmitted { .. }
            | Refusal::NoParent { .. } => true,
            Refusal::NotWatched(_) => asks(cluster, object),
            Refusal::NoTrigger { .. }
            | Refusal::BeingDeleted
            | Refusal::NothingAsked
            | Refusal::Overlooked { .. }
            | Refusal::Listener { skip: Skip::Protocol(_) | Skip::Passthrough | Skip::Ignored, .. } => false,
        }
    }
}

/// Whether a Certificate is not ready or is being issued.
fn is_open(certificate: &Certificate) -> bool {
    !certificate.is(CertificateConditionType::Ready) || certificate.is(CertificateConditionType::Issuing)
}

/// `unplayed` is why only somebody else can tell.
fn fate_of(certificate: &Certificate, object: ObjRef, unplayed: Option<String>, target: Option<&TargetReport>) -> Fate {
    let is_ready = certificate.is(CertificateConditionType::Ready);
    let has_failed = target.is_some_and(|target| target.stage.as_ref().is_some_and(crate::engine::Stage::is_failed));
    let outcome = if is_open(certificate) {
        match unplayed {
            Some(why) => Outcome::Unknown(why),
            None if is_ready => Outcome::NotRenewed,
            None => Outcome::NotReady,
        }
    } else if has_failed {
        Outcome::NotRenewed
    } else {
        Outcome::Ready
    };
    let finding = target.and_then(|target| target.findings.first());
    let rule = finding.filter(|finding| finding.rule.severity != Severity::Info).map(|finding| finding.rule.id);
    Fate { certificate: object, outcome, rule }
}

/// Whether a Gateway or ListenerSet has an annotation for cert-manager.
fn asks(cluster: &Cluster, object: &ObjRef) -> bool {
    let has = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        meta.annotations.iter().flatten().any(|(key, _)| key.starts_with("cert-manager.io/"))
    };
    let gateway = cluster.find::<crate::api::Gateway>(object).is_some_and(|gateway| has(&gateway.metadata));
    gateway || cluster.find::<crate::api::ListenerSet>(object).is_some_and(|set| has(&set.metadata))
}

/// Why only somebody else can tell what becomes of a Certificate's request. One that nobody has approved does not get
/// that far.
fn unplayed(engine: &Engine, certificate: &Certificate) -> Option<String> {
    let mut requests = certificate.uid().into_iter().flat_map(|uid| engine.objects().requests.owned_by(uid));
    requests.find_map(|request| {
        let is_over = matches!(
            request.ready_reason(),
            Some(RequestReason::Failed | RequestReason::Issued | RequestReason::Denied)
        );
        let last = engine.outside(&request.objref()).last().filter(|_| !is_over)?;
        let is_stop = last.then == Then::Stops && !matches!(last.service, Service::Approver { .. });
        is_stop.then(|| last.to_string())
    })
}

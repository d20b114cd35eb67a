//! `diagnose`: why it is not ready, or that nothing is wrong.

use std::collections::BTreeSet;

use super::source::{self, Looked, Wanted};
use super::{Context, Exit, Failure, missing, probing};
use crate::api::{Certificate, CertificateRequest, Object, Order, Secret, annotation};
use crate::chain::Chain;
use crate::chain::way::{parts, ways};
use crate::cli::target::{DIAGNOSABLE, Named, Targets, bare, parse};
use crate::cli::{DiagnoseArgs, DiagnoseOutput, FailOn};
use crate::facts::{Asked, Facts, Installation};
use crate::finding::Finding;
use crate::host;
use crate::inventory::{Inventory, Stored};
use crate::objref::{Kind, ObjRef};
use crate::render::text::{self, Detail};
use crate::render::{json, junit, markdown, yaml};
use crate::report::{Report, SourceLine, TargetReport, Verdict};
use crate::rule::{Family, Severity};
use crate::source::cluster::Reach;

pub fn run(args: &DiagnoseArgs, context: &mut Context) -> Result<Exit, Failure> {
    let mut asked = parse(&args.targets, &DIAGNOSABLE)?;
    if asked.named().iter().any(|named| named.kind != Kind::Host) && args.all_namespaces {
        let message = "a resource cannot be retrieved by name across all namespaces".to_owned();
        return Err(Failure::Usage { message });
    }
    let mut looked = look(args, &asked, context)?;
    if take_for_hosts(&mut asked, args, &looked, context) {
        looked = look(args, &asked, context)?;
    }
    let named = asked.named();
    let inventory = &looked.inventory;
    let subjects = match &asked {
        Targets::Everything => roots(&looked),
        Targets::OfKinds(kinds) => of_kinds(&looked, kinds),
        Targets::Named(named) => source::subjects(&looked, named),
    };
    let asked_about = subjects.iter().flat_map(|subject| parts(&ways(inventory, subject)));
    let facts = asked_about.map(|part| Facts::new(inventory, Chain::of(inventory, &part), looked.now));
    let tasks = probing::plan(args, &looked.line, !named.is_empty(), facts)?;
    if args.dry_run {
        context.write(&crate::render::probe::plan(&tasks))?;
        return Ok(Exit::Good);
    }
    let probed = probing::ask(tasks, &args.network, context)?;
    let judge = |subject| TargetReport::with(inventory, subject, looked.now, probed.as_ref());
    let mut targets: Vec<_> = subjects.iter().map(judge).collect();
    if asked == Targets::Everything {
        targets.extend(in_vain(&looked));
    }
    let mut report = Report::new(looked.now, looked.line.clone(), inventory, targets);
    if let Targets::OfKinds(kinds) = &asked {
        // That others were refused says nothing about these.
        let refused = inventory.coverage.troubles().any(|(kind, _, _)| kinds.contains(&kind));
        report.blind &= refused || !inventory.unread.is_empty();
    }
    context.write(&render(&report, args, context))?;
    if named.is_empty() && report.targets.is_empty() {
        note_empty(&looked, &asked, context);
    }
    let missing = if report.blind {
        Exit::Trouble
    } else if named.is_empty() {
        Exit::Good
    } else {
        missing::report(&looked, &subjects, context)
    };
    Ok(exit(&report, args.fail_on).max(missing))
}

fn look(args: &DiagnoseArgs, asked: &Targets, context: &mut Context) -> Result<Looked, Failure> {
    let wanted = Wanted {
        source: &args.source,
        named: asked.named(),
        kinds: asked.kinds(),
        all_namespaces: args.all_namespaces,
        reach: Reach::Causes,
        logs: if args.logs { source::Logs::Read } else { source::Logs::Unread },
    };
    source::look(&wanted, context)
}

/// Takes a bare name that is no Certificate's, and has the dots of a host name, for one. Says so, and whether there was
/// any.
fn take_for_hosts(asked: &mut Targets, args: &DiagnoseArgs, looked: &Looked, context: &mut Context) -> bool {
    let Targets::Named(named) = asked else { return false };
    let mut any = false;
    let subjects = source::subjects(looked, named);
    for (named, subject) in named.iter_mut().zip(subjects) {
        let is_seen = looked.inventory.at::<Certificate>(&subject);
        let host = host::normal(&named.name).filter(|_| host::is_likely(&named.name));
        let Some(host) = host.filter(|_| bare(&args.targets).contains(&named.name) && is_seen.seen().is_none()) else {
            continue;
        };
        let place = subject.namespace.as_deref().map(|there| format!(" in namespace {there}")).unwrap_or_default();
        context.note(&format!("No Certificate {host}{place}: taken for a host name"));
        *named = Named { kind: Kind::Host, name: host };
        any = true;
    }
    any
}

/// Says which namespace was empty, and which ones of saved objects are not.
fn note_empty(looked: &Looked, asked: &Targets, context: &mut Context) {
    let Some(namespace) = &looked.namespace else { return };
    if let Targets::OfKinds(kinds) = asked
        && !kinds.iter().any(|kind| kind.is_namespaced())
    {
        return context.note("No resources found");
    }
    let mut words = format!("No resources found in {namespace} namespace.");
    if matches!(looked.line, SourceLine::Files { .. }) {
        let others: BTreeSet<&str> = looked.inventory.certificates.iter().filter_map(Object::namespace).collect();
        let others: Vec<&str> = others.into_iter().filter(|other| other != namespace).collect();
        if !others.is_empty() {
            words = format!("{words} The source has {}.", others.join(", "));
        }
    }
    context.note(&words);
}

/// Every root of the namespace or source: Certificates, issuers, and requests, Orders and Challenges with nothing above
/// them. Where no namespace is chosen also what is of no namespace, and cert-manager's own Deployments.
pub(super) fn roots(looked: &Looked) -> Vec<ObjRef> {
    let inventory = &looked.inventory;
    let everywhere = looked.namespace.is_none();
    let here = |object: &ObjRef| everywhere || object.namespace == looked.namespace;
    let certificates = inventory.certificates.iter().map(Object::objref);
    let requests = inventory.requests.iter().filter(|request| is_root::<Certificate>(inventory, *request));
    let orders = inventory.orders.iter().filter(|order| is_root::<CertificateRequest>(inventory, *order));
    let challenges = inventory.challenges.iter().filter(|challenge| is_root::<Order>(inventory, *challenge));
    let issuers = inventory.issuers.iter().map(Object::objref);
    let cluster_issuers = inventory.cluster_issuers.iter().map(Object::objref);
    let workloads = Installation::of(inventory).workloads.into_iter().map(|workload| workload.deployment.objref());
    certificates
        .chain(requests.map(Object::objref))
        .chain(orders.map(Object::objref))
        .chain(challenges.map(Object::objref))
        .chain(issuers)
        .chain(cluster_issuers)
        .filter(here)
        .chain(workloads.filter(|_| everywhere))
        .collect()
}

/// All objects of some kinds, in the order of the kinds. Of Secrets those that are cert-manager's business: a Certificate
/// names them, or cert-manager wrote them.
fn of_kinds(looked: &Looked, kinds: &[Kind]) -> Vec<ObjRef> {
    let inventory = &looked.inventory;
    let named: BTreeSet<(Option<&str>, &str)> = inventory
        .certificates
        .iter()
        .map(|certificate| (certificate.namespace(), certificate.spec.secret_name.as_str()))
        .collect();
    let is_ours = |object: &ObjRef| {
        let secret = inventory.at::<Secret>(object);
        named.contains(&(object.namespace.as_deref(), object.name.as_str()))
            || secret.seen().is_some_and(|secret| secret.annotation(annotation::CERTIFICATE_NAME).is_some())
    };
    kinds
        .iter()
        .flat_map(|kind| inventory.names(*kind).map(|(place, name)| ObjRef::new(*kind, Some(place), name)))
        .filter(|object| {
            looked.namespace.is_none() || object.namespace.is_none() || object.namespace == looked.namespace
        })
        .filter(|object| object.kind != Kind::Secret || is_ours(object))
        .collect()
}

/// The Ingresses, Gateways and ListenerSets that ask for a Certificate and do not get it, or not as they ask. The
/// Certificates that they do get are roots of their own.
fn in_vain(looked: &Looked) -> impl Iterator<Item = TargetReport> {
    let inventory = &looked.inventory;
    let objects = inventory.ingresses.iter().map(Object::objref);
    let objects = objects.chain(inventory.gateways.iter().map(Object::objref));
    let objects = objects.chain(inventory.listener_sets.iter().map(Object::objref));
    let here = objects.filter(|object| looked.namespace.is_none() || object.namespace == looked.namespace);
    here.filter_map(|object| {
        let facts = Facts::new(inventory, Chain::of(inventory, &object), looked.now);
        let asks = facts.asked().is_ok_and(Asked::speaks_of_cert_manager);
        asks.then(|| TargetReport::judge(&facts)).filter(|target| target.findings.iter().any(is_of_shim))
    })
}

fn is_of_shim(finding: &Finding) -> bool {
    finding.rule.family == Family::Shim
}

/// Whether no owner of kind `O` is seen above an object.
fn is_root<O: Stored>(inventory: &Inventory, object: &impl Object) -> bool {
    let owner = object.controller().filter(|owner| owner.kind == O::KIND.word());
    let seen = owner.map(|owner| inventory.get::<O>(object.namespace(), &owner.name));
    seen.is_none_or(|fact| fact.seen().is_none_or(|seen| seen.uid() != object.controller_uid()))
}

fn render(report: &Report, args: &DiagnoseArgs, context: &Context) -> String {
    match args.output {
        DiagnoseOutput::Text => text::report(report, Detail::Normal, &context.style),
        DiagnoseOutput::Short => text::report(report, Detail::Short, &context.style),
        DiagnoseOutput::Wide => text::report(report, Detail::Wide, &context.style),
        DiagnoseOutput::Json => json::v1::text(report),
        DiagnoseOutput::Yaml => yaml::text(&json::v1::Diagnosis::of(report)),
        DiagnoseOutput::Junit => junit::text(report, threshold(args.fail_on)),
        DiagnoseOutput::Markdown => markdown::text(report),
    }
}

/// The mildest severity that makes the answer bad.
const fn threshold(fail_on: FailOn) -> Option<Severity> {
    match fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Never => None,
    }
}

fn exit(report: &Report, fail_on: FailOn) -> Exit {
    if threshold(fail_on).is_some_and(|severity| report.reaches(severity)) {
        return Exit::Bad;
    }
    // A target of which nothing can be said is no good answer.
    let unknown = report.targets.iter().any(|target| target.verdict == Verdict::Unknown);
    if unknown { Exit::Trouble } else { Exit::Good }
}

//! `renew`: plan, consent, apply; then, if asked, wait for the end of the new issuance.

use std::io::BufReader;
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::choose::days_or_go;
use super::source::{self, block_on, events_of, watch_failure};
use super::{Context, Exit, Failure};
use crate::api::{Certificate, CertificateConditionType};
use crate::chain::Chain;
use crate::change::apply::{self, Applied, Consent, Storing};
use crate::change::plan::{Plan, Renewal};
use crate::cli::target::{Named, Targets, parse};
use crate::cli::{DryRun, RenewArgs};
use crate::connect::{RequestError, Session};
use crate::facts::Facts;
use crate::inventory::{Inventory, Objects};
use crate::objref::{Kind, ObjRef};
use crate::render::question;
use crate::render::text::{self, Detail};
use crate::report::{Report, SourceLine, TargetReport};
use crate::source::cluster::{Breadth, Gather, Page, Reach, Sweep, object_path, query};
use crate::source::decode;

pub fn run(args: &RenewArgs, context: &mut Context) -> Result<Exit, Failure> {
    let targets = parse(&args.names, &[Kind::Certificate])?;
    let named = targets.named();
    check(args, &targets)?;
    let timeout = timeout(&args.timeout)?;
    block_on(async {
        let session = source::open(context).await?;
        let (certificates, mut exit) = select(args, named, &session, context).await?;
        if certificates.is_empty() {
            if named.is_empty() {
                context.note(&if args.all_namespaces {
                    "No Certificates found".to_owned()
                } else {
                    format!("No Certificates found in {} namespace.", session.namespace())
                });
            }
            return Ok(exit);
        }
        let plan = Plan::renew(&certificates);
        for renewal in &plan.running {
            context.note(&format!("{} is being issued already", renewal.object.kubectl_name()));
        }
        let Some(consent) = consent(args, named, &plan, context)? else { return Ok(Exit::Bad) };
        let started = context.now();
        let mut waiting: Vec<&Renewal> = plan.running.iter().collect();
        for renewal in &plan.renewals {
            match start(args, renewal, &session, started, consent, context).await {
                Ok(()) => waiting.push(renewal),
                Err(error) => {
                    context.note(&error.to_string());
                    exit = Exit::Trouble;
                }
            }
        }
        if args.wait && args.dry_run == DryRun::None {
            exit = exit.max(wait(&session, &waiting, started, timeout, context).await?);
        }
        Ok(exit)
    })
}

/// Names, `--all` and `-l` exclude each other, as with cmctl.
fn check(args: &RenewArgs, targets: &Targets) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage { message: message.to_owned() });
    match (targets.named().is_empty(), args.selector.is_some(), args.all) {
        (true, false, false) if matches!(targets, Targets::OfKinds(_)) => {
            usage("resource(s) were provided, but no name was specified: --all renews every Certificate")
        }
        (false, true, _) => usage("cannot specify Certificate names in conjunction with label selectors"),
        (false, _, true) => usage("cannot specify Certificate names in conjunction with --all"),
        (_, true, true) => usage("cannot specify label selectors in conjunction with --all"),
        (true, false, false) => usage("please name Certificates, or select them with -l or --all"),
        (false, false, false) if args.all_namespaces => {
            usage("cannot specify Certificate names in conjunction with --all-namespaces")
        }
        (false, false, false) | (true, true, false) | (true, false, true) => Ok(()),
    }
}

/// `0` checks once, a negative time is a week, as `kubectl wait` has it.
fn timeout(text: &str) -> Result<Duration, Failure> {
    let parsed = days_or_go(text)
        .ok_or_else(|| Failure::Usage { message: format!("--timeout: {text:?} is no duration such as 5m or 90s") })?;
    Ok(Duration::try_from(parsed).unwrap_or(Duration::from_hours(168)))
}

/// The Certificates to renew; names that are not there are told and make the run a failure.
async fn select(
    args: &RenewArgs,
    named: &[Named],
    session: &Session,
    context: &mut Context<'_>,
) -> Result<(Vec<Certificate>, Exit), Failure> {
    let mut objects = Objects::default();
    let mut exit = Exit::Good;
    if named.is_empty() {
        let breadth =
            if args.all_namespaces { Breadth::Cluster } else { Breadth::Namespace(session.namespace().to_owned()) };
        let sweep = Sweep::new(session, Kind::Certificate, &breadth, query(args.selector.as_deref(), None));
        let mut unreadable = Vec::new();
        let take = &mut |page: Page| match page {
            Page::Restart => objects.certificates.clear(),
            Page::Body(body) => {
                unreadable.extend(decode::take(&mut objects, &String::from_utf8_lossy(body)).unreadable);
            }
        };
        sweep.pages(take).await?;
        for object in unreadable {
            context.note(&format!("error: cannot read {}: {}", object.object, object.why));
            exit = Exit::Trouble;
        }
    }
    for named in named {
        let object = ObjRef::new(Kind::Certificate, Some(session.namespace()), &named.name);
        match get(session, &object).await {
            Ok(certificate) => objects.certificates.push(certificate),
            Err(error @ (RequestError::NotFound { .. } | RequestError::Forbidden { .. })) => {
                context.note(&error.to_string());
                exit = Exit::Trouble;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((objects.certificates, exit))
}

async fn get(session: &Session, object: &ObjRef) -> Result<Certificate, RequestError> {
    let path = object_path(object);
    // Anything but an object of the API is refused here, before it is read leniently.
    let body = crate::source::cluster::object(session, &path).await?;
    decode::read(&String::from_utf8_lossy(&body)).map_err(|error| RequestError::Decode {
        path,
        line: error.line(),
        column: error.column(),
        bytes: body.len(),
    })
}

/// Names typed by hand are consent enough; whatever a selector found is shown and asked about.
fn consent(args: &RenewArgs, named: &[Named], plan: &Plan, context: &mut Context) -> Result<Option<Consent>, Failure> {
    if args.yes || !named.is_empty() || args.dry_run != DryRun::None || plan.renewals.is_empty() {
        return Ok(Some(Consent::typed()));
    }
    if !context.stdin_is_terminal || !context.stderr_is_terminal {
        let message =
            format!("{} certificates would be renewed: pass --yes to go on without being asked", plan.renewals.len());
        return Err(Failure::Usage { message });
    }
    let objects = plan.renewals.iter().map(|renewal| &renewal.object);
    Consent::ask(&question::renew(objects), &mut BufReader::new(&mut *context.stdin), context.err)
        .map_err(Failure::Output)
}

async fn start(
    args: &RenewArgs,
    renewal: &Renewal,
    session: &Session,
    now: Timestamp,
    consent: Consent,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let name = renewal.object.kubectl_name();
    let (storing, suffix) = match args.dry_run {
        DryRun::Client => return context.write(&format!("{name} renewed (dry run)\n")),
        DryRun::Server => (Storing::CheckOnly, " (server dry run)"),
        DryRun::None => (Storing::Yes, ""),
    };
    match apply::renew(session, renewal, storing, now, consent).await? {
        Applied::Started => context.write(&format!("{name} renewed{suffix}\n")),
        Applied::NoLongerNeeded => context.write(&format!("{name} unchanged: an issuance runs already\n")),
    }
}

/// How one new issuance ended.
enum End {
    Stored,
    Failed,
    TimedOut,
}

/// Waits for every renewal under one deadline; what did not end well is diagnosed.
async fn wait(
    session: &Session,
    renewals: &[&Renewal],
    started: Timestamp,
    timeout: Duration,
    context: &mut Context<'_>,
) -> Result<Exit, Failure> {
    let deadline = tokio::time::Instant::now() + timeout;
    let ends = renewals.iter().map(|renewal| async move { (*renewal, end(session, renewal, started, deadline).await) });
    let ends: Vec<_> = futures::future::join_all(ends).await;
    let mut exit = Exit::Good;
    for (renewal, end) in ends {
        let name = renewal.object.kubectl_name();
        match end? {
            End::Stored => context.write(&format!("{name} issued\n"))?,
            End::Failed => {
                context.note(&format!("error: the new issuance of {name} failed"));
                diagnose(session, &renewal.object, context).await?;
                exit = Exit::Bad;
            }
            End::TimedOut => {
                context.note(&format!(
                    "error: timed out waiting for the condition on certificates/{}",
                    renewal.object.name
                ));
                diagnose(session, &renewal.object, context).await?;
                exit = Exit::Bad;
            }
        }
    }
    Ok(exit)
}

/// The end of the issuance that began at `started`: the old certificate's Ready says nothing about it.
async fn end(
    session: &Session,
    renewal: &Renewal,
    started: Timestamp,
    deadline: tokio::time::Instant,
) -> Result<End, Failure> {
    let mut changes = events_of(session, &renewal.object);
    loop {
        let certificate = get(session, &renewal.object).await?;
        if certificate.status.revision.unwrap_or(0) > renewal.revision
            && !certificate.is(CertificateConditionType::Issuing)
        {
            return Ok(End::Stored);
        }
        // Times of the API have whole seconds: a failure in the second of the start counts.
        let began = started - SignedDuration::from_secs(1);
        let failed = certificate.status.last_failure_time.as_ref().is_some_and(|time| time.0 >= began);
        if failed && !certificate.is(CertificateConditionType::Issuing) {
            return Ok(End::Failed);
        }
        match tokio::time::timeout_at(deadline, changes.next()).await {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => return Err(watch_failure(session, error)),
            Ok(None) | Err(_) => return Ok(End::TimedOut),
        }
    }
}

async fn diagnose(session: &Session, object: &ObjRef, context: &mut Context<'_>) -> Result<(), Failure> {
    let now = context.now();
    let mut gather = Gather::new(session, now);
    gather.follow(std::slice::from_ref(object), Reach::Causes).await?;
    let inventory = Inventory::new(gather.into_objects());
    let target = TargetReport::judge(&Facts::new(&inventory, Chain::of(&inventory, object), now));
    let report = Report::new(now, SourceLine::Cluster { server: session.server() }, &inventory, vec![target]);
    context.write(&text::report(&report, Detail::Normal, &context.style))
}

//! `diagnose`: why it is not ready, or that nothing is wrong.

use super::source::{self, Looked, Wanted};
use super::{Context, Exit, Failure, missing};
use crate::api::{CertificateRequest, Object};
use crate::chain::Chain;
use crate::cli::target::{DIAGNOSABLE, parse};
use crate::cli::{DiagnoseArgs, DiagnoseOutput, FailOn};
use crate::facts::{Facts, Installation};
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::render::text::{self, Detail};
use crate::render::{json, junit, markdown, yaml};
use crate::report::{Report, TargetReport};
use crate::rule::Severity;
use crate::source::cluster::Reach;

pub fn run(args: &DiagnoseArgs, context: &mut Context) -> Result<Exit, Failure> {
    let named = parse(&args.targets, &DIAGNOSABLE)?;
    if !named.is_empty() && args.all_namespaces {
        let message = "a resource cannot be retrieved by name across all namespaces".to_owned();
        return Err(Failure::Usage { message });
    }
    let wanted =
        Wanted { source: &args.source, named: &named, all_namespaces: args.all_namespaces, reach: Reach::Causes };
    let looked = source::look(&wanted, context)?;
    let inventory = &looked.inventory;
    let subjects = if named.is_empty() { roots(&looked) } else { source::subjects(&looked, &named) };
    let targets = subjects
        .iter()
        .map(|subject| TargetReport::judge(&Facts::new(inventory, Chain::of(inventory, subject), looked.now)))
        .collect();
    let report = Report::new(looked.now, looked.line.clone(), inventory, targets);
    context.write(&render(&report, args, context))?;
    let blind = report.targets.is_empty() && !report.troubles.is_empty();
    let missing = if blind {
        Exit::Trouble
    } else if named.is_empty() {
        Exit::Good
    } else {
        missing::report(&looked, &subjects, context)
    };
    Ok(exit(&report, args.fail_on).max(missing))
}

/// Every root of the namespace or source: Certificates, requests that no Certificate made, issuers; and cert-manager's
/// own Deployments.
fn roots(looked: &Looked) -> Vec<ObjRef> {
    let inventory = &looked.inventory;
    let here = |object: &ObjRef| {
        object.namespace.is_none() || looked.namespace.is_none() || object.namespace == looked.namespace
    };
    let certificates = inventory.certificates.iter().map(Object::objref);
    let requests = inventory.requests.iter().filter(|request| is_root(inventory, request)).map(Object::objref);
    let issuers = inventory.issuers.iter().map(Object::objref);
    let cluster_issuers = inventory.cluster_issuers.iter().map(Object::objref);
    let workloads = Installation::of(inventory).workloads.into_iter().map(|workload| workload.deployment.objref());
    let roots = certificates.chain(requests).chain(issuers).chain(cluster_issuers).filter(here);
    // cert-manager serves the whole cluster from a namespace of its own.
    roots.chain(workloads).collect()
}

/// Whether no Certificate of the source stands above a request.
fn is_root(inventory: &Inventory, request: &CertificateRequest) -> bool {
    Chain::of(inventory, &request.objref()).certificate.seen().is_none()
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
    if threshold(fail_on).is_some_and(|severity| report.reaches(severity)) { Exit::Bad } else { Exit::Good }
}

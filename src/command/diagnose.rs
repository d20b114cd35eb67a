//! `diagnose`: why it is not ready, or that nothing is wrong.

use super::{Context, Exit, Failure, source};
use crate::api::Object;
use crate::chain::Chain;
use crate::cli::target::{DIAGNOSABLE, Named, parse};
use crate::cli::{DiagnoseArgs, DiagnoseOutput, FailOn};
use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::objref::ObjRef;
use crate::render::text::{self, Detail};
use crate::report::{Report, TargetReport};
use crate::rule::Severity;

pub fn run(args: &DiagnoseArgs, context: &mut Context) -> Result<Exit, Failure> {
    let named = parse(&args.targets, &DIAGNOSABLE)?;
    if !named.is_empty() && args.all_namespaces {
        let message = "a resource cannot be retrieved by name across all namespaces".to_owned();
        return Err(Failure::Usage { message });
    }
    let saved = source::saved(&args.source, context)?;
    let namespace = context.flags.namespace.clone().filter(|_| !args.all_namespaces);
    let subjects = subjects(&saved.inventory, &named, namespace.as_deref());
    let targets = subjects
        .iter()
        .map(|subject| {
            let chain = Chain::of(&saved.inventory, subject);
            TargetReport::judge(&Facts::new(&saved.inventory, chain, saved.now))
        })
        .collect();
    let report = Report::new(saved.now, saved.line, &saved.inventory, targets);
    context.write(&render(&report, args.output, context))?;
    Ok(exit(&report, args.fail_on))
}

/// The objects to judge: those named, else every root of the namespace.
fn subjects(inventory: &Inventory, named: &[Named], namespace: Option<&str>) -> Vec<ObjRef> {
    if !named.is_empty() {
        let namespace_of = |named: &Named| namespace.map(str::to_owned).or_else(|| only_namespace(inventory, named));
        return named
            .iter()
            .map(|named| ObjRef::new(named.kind, namespace_of(named).as_deref().or(Some("default")), &named.name))
            .collect();
    }
    let here = |object: &ObjRef| namespace.is_none_or(|namespace| object.namespace.as_deref() == Some(namespace));
    let certificates = inventory.certificates.iter().map(Object::objref);
    let requests = inventory.requests.iter().filter(|request| is_root(inventory, *request)).map(Object::objref);
    let issuers = inventory.issuers.iter().map(Object::objref);
    let cluster_issuers = inventory.cluster_issuers.iter().map(Object::objref);
    certificates.chain(requests).chain(issuers).chain(cluster_issuers).filter(here).collect()
}

/// Whether no Certificate of the source stands above a request.
fn is_root(inventory: &Inventory, request: &crate::api::CertificateRequest) -> bool {
    Chain::of(inventory, &request.objref()).certificate.seen().is_none()
}

/// The namespace of a name that occurs only once in the source.
fn only_namespace(inventory: &Inventory, named: &Named) -> Option<String> {
    let found = inventory.namespaces_of(named.kind, &named.name);
    match found.as_slice() {
        [namespace] => Some(namespace.clone()),
        _ => None,
    }
}

fn render(report: &Report, output: DiagnoseOutput, context: &Context) -> String {
    match output {
        DiagnoseOutput::Text => text::report(report, Detail::Normal, &context.style),
        DiagnoseOutput::Short => text::report(report, Detail::Short, &context.style),
        DiagnoseOutput::Wide => text::report(report, Detail::Wide, &context.style),
        DiagnoseOutput::Json | DiagnoseOutput::Yaml | DiagnoseOutput::Junit | DiagnoseOutput::Markdown => String::new(),
    }
}

fn exit(report: &Report, fail_on: FailOn) -> Exit {
    let bad = match fail_on {
        FailOn::Error => report.reaches(Severity::Error),
        FailOn::Warning => report.reaches(Severity::Warning),
        FailOn::Never => false,
    };
    if bad { Exit::Bad } else { Exit::Good }
}

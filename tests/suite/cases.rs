//! Folders of saved objects and what `diagnose` must say of them.
//!
//! `tests/cases/NAME/` holds the objects as kubectl gives them and `expect.yaml` with the answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubectl_cert::finding::Finding;
use kubectl_cert::inventory::{Inventory, Objects};
use kubectl_cert::objref::{Kind, ObjRef};
use kubectl_cert::report::TargetReport;
use kubectl_cert::rule::{REGISTRY, by_id};
use kubectl_cert::source::files::{self, Limits};
use serde::Deserialize;

/// `expect.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The time that the case is judged at.
    pub now: jiff::Timestamp,
    /// `certificate/shop/web` or `clusterissuer/letsencrypt`.
    about: String,
    verdict: String,
    /// Absent for targets that are no part of an issuance.
    #[serde(default)]
    stage: Option<String>,
    /// The ids that are shown, in order, each once.
    #[serde(default)]
    findings: Vec<String>,
    /// The ids that are folded under them.
    #[serde(default)]
    folded: Vec<String>,
}

pub struct Case {
    pub name: String,
    pub expect: Expect,
    pub objects: Objects,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(folder.join("expect.yaml")).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expect: Expect = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.file_name().is_some_and(|file| file != "expect.yaml"));
        paths.sort();
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let loaded = files::load(&paths, &mut std::io::empty(), Limits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(loaded.objects.unread, [], "{name}: every object fits its type");
        Self { name, expect, objects: loaded.objects }
    }

    pub fn all() -> Vec<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    pub fn subject(&self) -> ObjRef {
        let parts: Vec<_> = self.expect.about.split('/').collect();
        let kind = Kind::from_type_word(parts[0]).unwrap_or_else(|| panic!("{}: unknown kind", self.name));
        match parts[1..] {
            [namespace, name] => ObjRef::new(kind, Some(namespace), name),
            [name] => ObjRef::new(kind, None, name),
            _ => panic!("{}: about is TYPE/NAMESPACE/NAME", self.name),
        }
    }

    /// The ids of all expected findings, folded ones included.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        self.expect.findings.iter().chain(&self.expect.folded).map(String::as_str)
    }

    pub fn judge(&self, objects: Objects) -> TargetReport {
        let inventory = Inventory::new(objects);
        TargetReport::of(&inventory, &self.subject(), self.expect.now)
    }
}

fn ids(findings: &[Finding]) -> Vec<String> {
    let mut ids: Vec<String> = findings.iter().map(|finding| finding.rule.id.to_owned()).collect();
    ids.dedup();
    ids
}

#[test]
fn every_case_is_judged_as_expected() {
    let mut wrong = Vec::new();
    for case in Case::all() {
        let report = case.judge(case.objects.clone());
        let stage = report.stage.as_ref().map(|stage| stage.id().to_owned());
        let actual = (report.verdict.id().to_owned(), stage, ids(&report.findings), ids(&report.folded));
        let expect = &case.expect;
        let expected = (expect.verdict.clone(), expect.stage.clone(), expect.findings.clone(), expect.folded.clone());
        if actual != expected {
            wrong.push(format!("{}: {}\n  expected {expected:?}\n  got      {actual:?}", case.name, report.headline));
        }
    }
    assert!(wrong.is_empty(), "{} cases are judged otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_finding_has_evidence_and_a_fix() {
    for case in Case::all() {
        let report = case.judge(case.objects.clone());
        for finding in report.findings.iter().chain(&report.folded) {
            let id = finding.rule.id;
            assert!(!finding.summary.is_empty() && !finding.explanation.is_empty(), "{}: {id} says nothing", case.name);
            assert!(!finding.evidence.is_empty(), "{}: {id} has no evidence", case.name);
            let folded = report.folded.iter().any(|other| std::ptr::eq(other, finding));
            assert!(folded || !finding.fixes.is_empty(), "{}: {id} has no fix", case.name);
        }
    }
}

#[test]
fn every_rule_has_a_case() {
    let seen: BTreeSet<String> = Case::all()
        .iter()
        .flat_map(|case| [case.expect.findings.clone(), case.expect.folded.clone()].concat())
        .collect();
    // Saved objects do not hold what a probe met: such rules have theirs beside them, made of what came back.
    let is_probed = |id: &str| id.contains("-probe-");
    let without: Vec<_> =
        REGISTRY.iter().map(|rule| rule.id).filter(|id| !seen.contains(*id) && !is_probed(id)).collect();
    assert!(without.is_empty(), "rules without a case: {without:?}");
}

/// What a rule does not list in `needs` must not change what it says.
#[test]
fn a_rule_reads_only_what_it_says_it_needs() {
    const LINKS: [Kind; 4] = [Kind::Certificate, Kind::CertificateRequest, Kind::Order, Kind::Challenge];
    for case in Case::all() {
        let Some(rule) = case.expect.findings.first().and_then(|id| by_id(id)) else { continue };
        let keeps = |kind: Kind| LINKS.contains(&kind) || rule.needs.contains(&kind) || case.subject().kind == kind;
        let mut objects = case.objects.clone();
        strip(&mut objects, keeps);
        let report = case.judge(objects);
        let found = report.findings.iter().chain(&report.folded).any(|finding| finding.rule == rule);
        assert!(found, "{}: {} reads more than {:?}", case.name, rule.id, rule.needs);
    }
}

fn strip(objects: &mut Objects, keeps: impl Fn(Kind) -> bool) {
    fn clear<T>(items: &mut Vec<T>, keep: bool) {
        if !keep {
            items.clear();
        }
    }
    clear(&mut objects.issuers, keeps(Kind::Issuer));
    clear(&mut objects.cluster_issuers, keeps(Kind::ClusterIssuer));
    clear(&mut objects.secrets, keeps(Kind::Secret));
    clear(&mut objects.events, keeps(Kind::Event));
    clear(&mut objects.pods, keeps(Kind::Pod));
    clear(&mut objects.services, keeps(Kind::Service));
    clear(&mut objects.ingresses, keeps(Kind::Ingress));
    clear(&mut objects.ingress_classes, keeps(Kind::IngressClass));
    clear(&mut objects.http_routes, keeps(Kind::HttpRoute));
    clear(&mut objects.gateways, keeps(Kind::Gateway));
    clear(&mut objects.listener_sets, keeps(Kind::ListenerSet));
    clear(&mut objects.deployments, keeps(Kind::Deployment));
    clear(&mut objects.leases, keeps(Kind::Lease));
    clear(&mut objects.endpoint_slices, keeps(Kind::EndpointSlice));
}

//! The situations in `tests/cases-engine`: what is applied, step by step, and what came of it.
//!
//! `shared/` holds what is there before, `GROUP/flags.yaml` the flags of cert-manager's controller for all cases below it.
//! `GROUP/CASE/1.yaml` and so on hold the documents of each step; `$NS` is the namespace of the case, and the
//! names of cluster-scoped objects begin with it. `expect.yaml` is what the real controllers made of it:
//! `UPDATE=1 cargo test --features real-servers --test real issuance` writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use kubectl_cert::engine::backoff::BackOff;
use kubectl_cert::engine::controller::Controller;
use kubectl_cert::engine::flags::Flags as EngineFlags;
use serde::Deserialize;

use super::document::Document;
use super::seen::{Seen, by_controller};
use crate::differential::corpus::{folders, name_of, parsed, shown, steps};

/// Cases that are played under the same flags.
pub struct Group {
    pub flags: Flags,
    /// What all cases find; it is not compared.
    pub shared: Vec<Step>,
    pub cases: Vec<Case>,
}

/// One situation.
pub struct Case {
    /// The namespace that is its own.
    pub namespace: String,
    pub steps: Vec<Step>,
    pub expect: Option<Vec<Seen>>,
    pub folder: PathBuf,
}

/// What is done at once.
#[derive(Clone)]
pub struct Step {
    pub documents: Vec<Document>,
    /// How much time passes; at least as long as the controllers need to come to rest.
    pub wait: Duration,
}

/// `flags.yaml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Flags {
    /// Controllers that do not run.
    pub without: Vec<String>,
    pub enable_certificate_owner_ref: bool,
    /// Seconds.
    pub min_backoff: Option<u32>,
    pub feature_gates: BTreeMap<String, bool>,
}

impl Flags {
    /// For the engine.
    pub fn engine(&self) -> EngineFlags {
        let standard = EngineFlags::default();
        let min = self.min_backoff.map_or(standard.back_off.min, |seconds| SignedDuration::from_secs(seconds.into()));
        let named = |name: &String| {
            let found = Controller::ALL.into_iter().find(|controller| controller.name() == name);
            found.unwrap_or_else(|| panic!("no controller {name}"))
        };
        let mut gates = standard.gates;
        for (name, is_on) in &self.feature_gates {
            match name.as_str() {
                "UseCertificateRequestBasicConstraints" => gates.basic_constraints = *is_on,
                "NameConstraints" => gates.name_constraints = *is_on,
                "OtherNames" => gates.other_names = *is_on,
                "LiteralCertificateSubject" => gates.literal_subject = *is_on,
                other => panic!("the engine has no gate {other}"),
            }
        }
        EngineFlags {
            gates,
            disabled: self.without.iter().map(named).collect(),
            back_off: BackOff { min, ..standard.back_off },
            certificate_owner_ref: self.enable_certificate_owner_ref,
            ..standard
        }
    }
}

impl Group {
    /// Every group with every case, sorted.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases-engine");
        let shared = root.join("shared");
        let steps = Step::all(&shared, "cert-manager");
        folders(&root).iter().filter(|folder| **folder != shared).map(|folder| Self::read(folder, &steps)).collect()
    }

    fn read(folder: &Path, shared: &[Step]) -> Self {
        let case = |case: PathBuf| Case::read(format!("{}-{}", name_of(folder), name_of(&case)), &case);
        let cases: Vec<Case> = folders(folder).into_iter().map(case).collect();
        // Else objects of one case would be taken for those of another.
        for pair in cases.windows(2) {
            assert!(!pair[1].namespace.starts_with(&format!("{}-", pair[0].namespace)), "{}", pair[1].path());
        }
        Self { flags: parsed(&folder.join("flags.yaml")), shared: shared.to_vec(), cases }
    }
}

impl Case {
    fn read(namespace: String, folder: &Path) -> Self {
        let steps = Step::all(folder, &namespace);
        let expect = folder.join("expect.yaml");
        let mut expect: Option<Vec<Seen>> = expect.exists().then(|| parsed(&expect));
        expect.iter_mut().flatten().for_each(|seen| by_controller(&mut seen.events));
        Self { namespace, steps, expect, folder: folder.to_owned() }
    }

    /// Where it is, from the root of the repository.
    pub fn path(&self) -> String {
        shown(&self.folder)
    }
}

impl Step {
    fn all(folder: &Path, namespace: &str) -> Vec<Self> {
        steps(folder, namespace).into_iter().map(|documents| Self::of(documents, namespace)).collect()
    }

    /// Documents in the order in which they are done.
    pub fn of(documents: Vec<serde_json::Value>, namespace: &str) -> Self {
        let wait = documents.iter().filter_map(|document| document["wait"].as_u64()).sum();
        let documents = documents.into_iter().filter(|document| document["wait"].is_null());
        let mut documents: Vec<_> = documents.map(|document| Document::of(document, namespace)).collect();
        documents.sort_by_key(|document| document.act);
        Self { documents, wait: Duration::from_secs(wait) }
    }
}

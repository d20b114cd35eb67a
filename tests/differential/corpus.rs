//! The situations in `tests/cases-shim`: what is applied, step by step, and what came of it.
//!
//! `GROUP/flags.yaml` holds the flags of cert-manager's controller for all cases below it. `GROUP/CASE/1.yaml` and so on
//! hold the objects of each step; `$NS` is the namespace of the case, `delete: true` deletes. `expect.yaml` is what the
//! real controllers made of it: `UPDATE=1 cargo test --features real-servers --test real shims` writes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubectl_cert::engine::shim::ShimFlags;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Cases that are played under the same flags.
pub struct Group {
    pub flags: Flags,
    pub cases: Vec<Case>,
}

/// One situation.
pub struct Case {
    /// The namespace that is its own.
    pub namespace: String,
    /// The objects of each step.
    pub steps: Vec<Vec<Value>>,
    pub expect: Option<Vec<Seen>>,
    pub folder: PathBuf,
}

/// What there is after a step.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// All Certificates, by name.
    pub certificates: Map<String, Value>,
    /// What was told in this step, by object.
    pub events: Value,
    /// What only the log said in this step.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub log: BTreeSet<String>,
}

/// `flags.yaml`, by the names of the flags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Flags {
    pub enable_gateway_api: bool,
    pub enable_gateway_api_listenerset: bool,
    pub default_issuer_name: Option<String>,
    pub default_issuer_kind: Option<String>,
    pub default_issuer_group: Option<String>,
    pub auto_certificate_annotations: Option<Vec<String>>,
    pub extra_certificate_annotations: Vec<String>,
    pub gateway_api_extra_protocols: BTreeSet<String>,
    pub server_side_apply: bool,
}

impl Flags {
    /// For the engine.
    pub fn engine(&self) -> ShimFlags {
        let standard = ShimFlags::default();
        let or = |given: &Option<String>, standard: String| given.clone().unwrap_or(standard);
        ShimFlags {
            default_issuer_name: or(&self.default_issuer_name, standard.default_issuer_name),
            default_issuer_kind: or(&self.default_issuer_kind, standard.default_issuer_kind),
            default_issuer_group: or(&self.default_issuer_group, standard.default_issuer_group),
            auto_certificate_annotations: self
                .auto_certificate_annotations
                .clone()
                .unwrap_or(standard.auto_certificate_annotations),
            extra_certificate_annotations: self.extra_certificate_annotations.clone(),
            gateway_api: self.enable_gateway_api,
            listener_sets: self.enable_gateway_api_listenerset,
            extra_protocols: self.gateway_api_extra_protocols.clone(),
            server_side_apply: self.server_side_apply,
        }
    }
}

impl Group {
    /// Every group with every case, sorted.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases-shim");
        folders(&root).iter().map(|folder| Self::read(folder)).collect()
    }

    fn read(folder: &Path) -> Self {
        let flags = parsed(&folder.join("flags.yaml"));
        let group = name_of(folder);
        let cases = folders(folder).iter().map(|folder| Case::read(&group, folder)).collect();
        Self { flags, cases }
    }
}

impl Case {
    fn read(group: &str, folder: &Path) -> Self {
        let namespace = format!("shim-{group}-{}", name_of(folder));
        let steps =
            steps(folder, &namespace).into_iter().map(|documents| Self::placed(documents, &namespace)).collect();
        let expect = folder.join("expect.yaml");
        let expect = expect.exists().then(|| parsed(&expect));
        Self { namespace, steps, expect, folder: folder.to_owned() }
    }

    /// Objects go into the namespace of the case, unless they name another.
    pub fn placed(mut documents: Vec<Value>, namespace: &str) -> Vec<Value> {
        for document in &mut documents {
            let metadata = document["metadata"].as_object_mut().expect("an object has metadata");
            metadata.entry("namespace").or_insert_with(|| namespace.into());
        }
        documents
    }

    /// Where it is, from the root of the repository.
    pub fn path(&self) -> String {
        shown(&self.folder)
    }
}

/// The documents of `1.yaml` and so on in a folder.
pub fn steps(folder: &Path, namespace: &str) -> Vec<Vec<Value>> {
    let files = (1..100).map(|step| folder.join(format!("{step}.yaml"))).take_while(|path| path.exists());
    let documents = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap().replace("$NS", namespace);
        serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.map(documents).collect()
}

/// A path from the root of the repository.
pub fn shown(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// What a YAML file holds.
pub fn parsed<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders in a folder, sorted.
pub fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// The last part of a path.
pub fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

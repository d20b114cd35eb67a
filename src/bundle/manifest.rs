//! What a bundle says about itself: `kubectl-cert/manifest.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Disguise;
use crate::fact::{Denial, Failure};
use crate::inventory::{Answer, Coverage, Scope};
use crate::objref::Kind;

/// Where it stands in a bundle.
pub const MANIFEST: &str = "kubectl-cert/manifest.json";

/// The manifest of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    pub api_version: String,
    pub kind: String,
    /// The version of this program.
    pub tool: String,
    /// When the collection began: what the bundle is judged as of.
    pub time: Option<Timestamp>,
    /// The address of the API server; left out where names are disguised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The version of Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// cert-manager's own workloads.
    pub cert_manager: Vec<Component>,
    /// `["*"]` for all.
    pub namespaces: Vec<String>,
    /// How many objects of each resource there are.
    pub objects: BTreeMap<String, usize>,
    /// Of which containers there are logs.
    pub logs: Vec<String>,
    /// What was refused or failed, and what would close the gap.
    pub refused: Vec<Refusal>,
    /// Whether names, addresses and hosts are disguised.
    pub redacted: bool,
    /// What cannot be told from a bundle with disguised names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Every question that was put, and how it went.
    asked: Vec<Asked>,
    /// The logs that were asked for in vain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    silent: Vec<Silent>,
}

/// One of cert-manager's workloads and its release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    pub component: String,
    pub namespace: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Something that is not in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    pub what: String,
    /// The permission, or what else would close the gap.
    pub needs: String,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    kind: String,
    scope: Asking,
    answer: Answered,
}

/// A log that was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Silent {
    log: String,
    answer: Answered,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Asking {
    Named { namespace: Option<String>, name: String },
    OwnedBy(String),
    Namespace(String),
    Cluster,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answered {
    Complete,
    Refused { verb: String, resource: String, namespace: Option<String> },
    Failed { asked: String, said: String },
}

impl Manifest {
    /// A manifest with the questions that were put.
    pub fn new(time: Timestamp, coverage: &Coverage) -> Self {
        let asked = coverage.answers().map(|(kind, scope, answer)| Asked {
            kind: kind.word().to_owned(),
            scope: Asking::of(scope),
            answer: Answered::of(answer),
        });
        let silent = coverage.silent_logs();
        let silent = silent.map(|(log, answer)| Silent { log: log.to_owned(), answer: Answered::of(answer) });
        Self {
            api_version: "cert.kubectl.dev/v1".into(),
            kind: "Bundle".into(),
            tool: env!("CARGO_PKG_VERSION").into(),
            time: Some(time),
            asked: asked.collect(),
            silent: silent.collect(),
            ..Self::default()
        }
    }

    /// Reads a manifest; `None` if it is none.
    pub fn read(json: &[u8]) -> Option<Self> {
        // A struct may be read from an array too.
        let is_object = json.trim_ascii_start().first() == Some(&b'{');
        serde_json::from_slice(json).ok().filter(|_| is_object)
    }

    /// The manifest as it is written.
    pub fn text(&self) -> String {
        // Our own structs have string keys and no failing parts.
        let text = serde_json::to_string_pretty(self).expect("the manifest is JSON");
        format!("{text}\n")
    }

    /// The names of objects that it tells of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let asked = self.asked.iter().flat_map(|asked| match &asked.scope {
            Asking::Named { namespace, name } => [namespace.as_deref(), Some(name.as_str())],
            Asking::Namespace(namespace) => [Some(namespace.as_str()), None],
            Asking::OwnedBy(_) | Asking::Cluster => [None, None],
        });
        let own = self.namespaces.iter().map(String::as_str).filter(|name| *name != "*");
        asked.flatten().chain(own)
    }

    /// The same with its names disguised.
    #[must_use]
    pub fn disguised(mut self, disguise: &Disguise) -> Self {
        for name in self.namespaces.iter_mut().filter(|name| *name != "*") {
            *name = disguise.name(name);
        }
        for component in &mut self.cert_manager {
            component.namespace = disguise.name(&component.namespace);
            component.name = disguise.name(&component.name);
        }
        self.logs.iter_mut().for_each(|log| *log = disguise.text(log));
        for refusal in &mut self.refused {
            refusal.what = disguise.text(&refusal.what);
            refusal.needs = disguise.text(&refusal.needs);
        }
        for Asked { scope, answer, .. } in &mut self.asked {
            scope.disguise(disguise);
            answer.disguise(disguise);
        }
        for Silent { log, answer } in &mut self.silent {
            *log = disguise.text(log);
            answer.disguise(disguise);
        }
        self
    }

    /// The questions that were put. Kinds that this program does not know are left out.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for Asked { kind, scope, answer } in &self.asked {
            if let Some(kind) = Kind::ALL.into_iter().find(|known| known.word() == kind) {
                coverage.record(kind, scope.scope(), answer.answer());
            }
        }
        for Silent { log, answer } in &self.silent {
            coverage.record_log(log.clone(), answer.answer());
        }
        coverage
    }
}

impl Asking {
    fn of(scope: &Scope) -> Self {
        match scope.clone() {
            Scope::Named(namespace, name) => Self::Named { namespace, name },
            Scope::OwnedBy(owner) => Self::OwnedBy(owner),
            Scope::Namespace(namespace) => Self::Namespace(namespace),
            Scope::Cluster => Self::Cluster,
        }
    }

    fn disguise(&mut self, disguise: &Disguise) {
        match self {
            Self::Named { namespace, name } => {
                *namespace = namespace.as_deref().map(|namespace| disguise.name(namespace));
                *name = disguise.name(name);
            }
            Self::OwnedBy(owner) => *owner = disguise.text(owner),
            Self::Namespace(namespace) => *namespace = disguise.name(namespace),
            Self::Cluster => {}
        }
    }

    fn scope(&self) -> Scope {
        match self.clone() {
            Self::Named { namespace, name } => Scope::Named(namespace, name),
            Self::OwnedBy(owner) => Scope::OwnedBy(owner),
            Self::Namespace(namespace) => Scope::Namespace(namespace),
            Self::Cluster => Scope::Cluster,
        }
    }
}

impl Answered {
    fn of(answer: &Answer) -> Self {
        match answer.clone() {
            Answer::Complete => Self::Complete,
            Answer::Hidden(Denial { verb, resource, namespace }) => {
                Self::Refused { verb: verb.to_owned(), resource, namespace }
            }
            Answer::Failed(Failure { asked, said }) => Self::Failed { asked, said },
        }
    }

    fn disguise(&mut self, disguise: &Disguise) {
        match self {
            Self::Complete => {}
            Self::Refused { namespace, .. } => *namespace = namespace.as_deref().map(|name| disguise.name(name)),
            Self::Failed { asked, said } => {
                *asked = disguise.text(asked);
                *said = disguise.text(said);
            }
        }
    }

    fn answer(&self) -> Answer {
        match self.clone() {
            Self::Complete => Answer::Complete,
            Self::Refused { verb, resource, namespace } => {
                let verb = ["list", "watch"].into_iter().find(|known| *known == verb).unwrap_or("get");
                Answer::Hidden(Denial { verb, resource, namespace })
            }
            Self::Failed { asked, said } => Answer::Failed(Failure { asked, said }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_comes_back_as_it_was() {
        let mut coverage = Coverage::default();
        let denial = Denial { verb: "list", resource: "secrets".into(), namespace: Some("shop".into()) };
        let failure = Failure { asked: "list events".into(), said: "timed out".into() };
        coverage.record(Kind::Certificate, Scope::Cluster, Answer::Complete);
        coverage.record(Kind::Secret, Scope::Namespace("shop".into()), Answer::Hidden(denial));
        coverage.record(Kind::Event, Scope::OwnedBy("x".into()), Answer::Failed(failure));
        coverage.record(Kind::Lease, Scope::Named(Some("a".into()), "b".into()), Answer::Complete);
        let written = Manifest::new("2026-11-22T06:37:00Z".parse().unwrap(), &coverage);
        let read = Manifest::read(written.text().as_bytes()).unwrap();
        assert_eq!(read, written);
        assert_eq!(format!("{:?}", read.coverage()), format!("{coverage:?}"));
    }

    #[test]
    fn a_manifest_of_another_release_is_read_as_far_as_it_goes() {
        let text = br#"{"time": "2026-01-02T03:04:05Z", "later": 1, "asked": [{"kind": "Comet", "scope": "cluster", "answer": "complete"}]}"#;
        let read = Manifest::read(text).unwrap();
        assert_eq!(read.time, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(read.coverage().answers().count(), 0);
        assert_eq!(Manifest::read(b"[]"), None);
    }
}

//! What is put to the API server, and what it answered: the files beside this one.
//!
//! Each file is YAML: `base`, an object that is admitted, and `cases`, each of which changes it. The answers are those
//! of a real API server with cert-manager's webhook: `UPDATE=1` with the tests of `tests/real` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// An object that is admitted.
    pub base: Value,
    pub cases: Vec<Case>,
}

/// One thing to ask, and the answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(rename = "case")]
    pub name: String,
    /// A JSON merge patch (RFC 7386): `base` with it is what is sent.
    #[serde(default)]
    pub set: Value,
    /// `base` with this is there already, and what is sent is an update of it.
    #[serde(default)]
    pub from: Option<Value>,
    /// The update is one of the status.
    #[serde(default)]
    pub status: bool,
    /// How the API server treats unknown fields; `Ignore` if not said.
    #[serde(default)]
    pub validation: Option<String>,
    /// Who asks; the lab's admin if not said.
    #[serde(default, rename = "as")]
    pub by: Option<Asker>,
    /// The errors, sorted; of the webhook one text.
    #[serde(default)]
    pub refused: Vec<String>,
    #[serde(default)]
    pub warned: Vec<String>,
    /// Why our words are others; what is before the last colon is the same.
    #[serde(default)]
    pub differs: Option<String>,
    /// The difference that was made to what was sent, apart from what the API server sets in `metadata`.
    #[serde(default)]
    pub stored: Value,
}

/// A user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asker {
    pub user: String,
    #[serde(default)]
    pub uid: String,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Cases {
    /// What a case sends.
    pub fn sent(&self, case: &Case) -> Value {
        merged(&self.base, &case.set)
    }

    /// What is there before a case that is an update.
    pub fn before(&self, case: &Case) -> Option<Value> {
        case.from.as_ref().map(|from| merged(&self.base, from))
    }

    /// The file's text. Values are written as JSON, which is YAML.
    #[allow(dead_code, clippy::allow_attributes, reason = "only the tests against the real ones write")]
    pub fn to_text(&self) -> String {
        let mut out =
            String::from("# Answers are those of a real API server with cert-manager's webhook: see cases.rs.\n");
        let _ = writeln!(out, "base: {}\ncases:", self.base);
        for case in &self.cases {
            let _ = writeln!(out, "- case: {}", case.name);
            if let Some(by) = &case.by {
                let by = serde_json::json!({"user": by.user, "uid": by.uid, "groups": by.groups, "extra": by.extra});
                let _ = writeln!(out, "  as: {by}");
            }
            if let Some(validation) = &case.validation {
                let _ = writeln!(out, "  validation: {validation}");
            }
            if case.status {
                out.push_str("  status: true\n");
            }
            if let Some(from) = &case.from {
                let _ = writeln!(out, "  from: {from}");
            }
            let _ = writeln!(out, "  set: {}", case.set);
            for (name, texts) in [("refused", &case.refused), ("warned", &case.warned)] {
                if !texts.is_empty() {
                    let _ = writeln!(out, "  {name}:");
                }
                for text in texts {
                    let _ = writeln!(out, "  - {}", Value::String(text.clone()));
                }
            }
            if let Some(differs) = &case.differs {
                let _ = writeln!(out, "  differs: {differs}");
            }
            if !case.stored.is_null() {
                let _ = writeln!(out, "  stored: {}", case.stored);
            }
        }
        out
    }
}

/// The rights of the users that the cases speak of, as YAML to be applied.
#[allow(dead_code, clippy::allow_attributes, reason = "only the real ones have users")]
pub fn rights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admission/rights/jane.yaml")
}

/// Every file of cases, by path.
pub fn all() -> Vec<(PathBuf, Cases)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admission");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let cases = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, cases)
        })
        .collect()
}

/// A JSON merge patch (RFC 7386). The text `~null` stands for a `null` that is sent.
pub fn merged(value: &Value, patch: &Value) -> Value {
    match patch {
        Value::Object(changes) => {
            let mut members = value.as_object().cloned().unwrap_or_default();
            for (name, change) in changes {
                if change.is_null() {
                    members.remove(name);
                } else {
                    let member = members.get(name).cloned().unwrap_or(Value::Null);
                    members.insert(name.clone(), merged(&member, change));
                }
            }
            Value::Object(members)
        }
        Value::String(text) if text == "~null" => Value::Null,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => patch.clone(),
    }
}

/// The merge patch that makes `after` of `before`; `null` if they are the same.
pub fn difference(before: &Value, after: &Value) -> Value {
    match (before, after) {
        _ if before == after => Value::Null,
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null));
            let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).map(|(name, value)| {
                let change = old.get(name).map_or_else(|| value.clone(), |before| difference(before, value));
                (name.clone(), change)
            });
            Value::Object(gone.chain(changed).collect())
        }
        _ => after.clone(),
    }
}

//! The verdict on one matter: what is wrong, who says so, what to do.
//!
//! A finding is built from its rule only, and carries its evidence. It never formats for a screen.

use std::fmt;

use crate::objref::{Kind, ObjRef};
use crate::probe::Vantage;
use crate::rule::{Outlook, Rule};

/// Stands in commands for the name that the user called this program by; the renderer puts that name in.
pub const PROGRAM: &str = "{program}";

/// One thing that a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    /// The object that it is about.
    pub object: ObjRef,
    /// One sentence: the answer.
    pub summary: String,
    /// Why it follows and what it stops, in a few sentences.
    pub explanation: String,
    pub evidence: Vec<Evidence>,
    /// Whether time alone can mend it: the rule's word, unless this case is different.
    pub outlook: Outlook,
    /// The best first.
    pub fixes: Vec<Fix>,
}

/// Words that bear a finding out, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub source: Witness,
    pub text: String,
}

/// Whose word a piece of evidence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// A field of an object's spec, such as `issuerRef.name`.
    Spec(Kind, &'static str),
    /// A field of an object's status, such as `reason`.
    Status(Kind, &'static str),
    /// A condition of an object.
    Condition(Kind, &'static str),
    /// An event about an object, with its reason.
    Event(Kind, String),
    /// Name, labels, annotations, owners and times of an object.
    Metadata(Kind),
    /// What a Secret holds.
    Data(Kind),
    /// A line of the log of a Pod, with its namespace and container.
    Log(String),
    /// What we worked out from the objects, such as the end of a back-off.
    Computed,
    /// What a probe saw.
    Probe(Vantage),
    /// What the source holds, or holds not.
    Source,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(kind, field) => write!(f, "{kind} spec.{field}"),
            Self::Status(kind, field) => write!(f, "{kind} status.{field}"),
            Self::Condition(kind, condition) => write!(f, "{kind} condition {condition}"),
            Self::Event(kind, reason) => write!(f, "event {reason} on the {kind}"),
            Self::Metadata(kind) => write!(f, "{kind} metadata"),
            Self::Data(kind) => write!(f, "{kind} data"),
            Self::Log(pod) => write!(f, "log of {pod}"),
            Self::Computed => f.write_str("worked out"),
            Self::Probe(vantage) => write!(f, "seen {vantage}"),
            Self::Source => f.write_str("the objects looked at"),
        }
    }
}

/// Something to do about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub title: String,
    /// A command to paste.
    pub command: Option<String>,
    /// YAML to merge into the object.
    pub patch: Option<String>,
}

impl Fix {
    /// Something that only a person can do; say exactly what.
    pub fn manual(title: impl Into<String>) -> Self {
        Self { title: title.into(), command: None, patch: None }
    }

    /// A command to paste.
    pub fn command(title: impl Into<String>, command: impl Into<String>) -> Self {
        Self { title: title.into(), command: Some(command.into()), patch: None }
    }

    /// YAML to change in a manifest.
    pub fn patch(title: impl Into<String>, patch: impl Into<String>) -> Self {
        Self { title: title.into(), command: None, patch: Some(patch.into()) }
    }
}

/// `text` as one word of a shell command: names from objects are data, and may hold anything.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Finding {
    /// Made by [`Rule::on`].
    pub(crate) fn new(rule: &'static Rule, object: ObjRef) -> Self {
        Self {
            rule,
            object,
            summary: rule.summary.to_owned(),
            explanation: rule.meaning().to_owned(),
            evidence: Vec::new(),
            outlook: rule.outlook,
            fixes: Vec::new(),
        }
    }

    /// Replaces the rule's summary by a sentence with the names of this case in it.
    #[must_use]
    pub fn says(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Replaces the rule's explanation by one for this case.
    #[must_use]
    pub fn because(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    /// Adds a piece of evidence; empty words are no evidence.
    #[must_use]
    pub fn evidence(mut self, source: Witness, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.evidence.push(Evidence { source, text });
        }
        self
    }

    /// Replaces the rule's outlook by that of this case.
    #[must_use]
    pub fn outlook(mut self, outlook: Outlook) -> Self {
        self.outlook = outlook;
        self
    }

    /// Adds a fix, after the ones already there.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

//! A rule: a value that judges facts.
//!
//! Everything that is said about a rule (the list, `explain`, the docs, JSON) is read from its static. A rule
//! never fetches, never knows the time but from its facts, and returns [`Withheld`] where it could not look.

mod acme_problem;
mod ca_refusal;
mod caa;
mod certificate;
mod controller;
mod dns01;
mod http01;
mod issuer;
mod live;
mod order;
mod outlook;
mod places;
mod progress;
mod refusal;
mod registry;
mod request;
mod scheduling;
mod secret;
mod shim;
#[cfg(test)]
mod signals;
mod signer;

use crate::fact::Failure;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::objref::{Kind, ObjRef};

pub use order::rate_limit;
pub use outlook::Outlook;
pub use registry::{REGISTRY, by_id};

/// One thing that can be wrong with a certificate's chain.
#[derive(Debug)]
pub struct Rule {
    /// Kebab-case, for ever.
    pub id: &'static str,
    /// Former ids, still understood by `explain`.
    pub aliases: &'static [&'static str],
    pub family: Family,
    pub nature: Nature,
    pub severity: Severity,
    /// Whether time alone can mend it, where a finding does not say otherwise.
    pub outlook: Outlook,
    /// The first release with it.
    pub since: &'static str,
    /// One line, lower case, without a full stop.
    pub summary: &'static str,
    /// The page: `docs/rules/<id>.md`.
    pub doc: &'static str,
    /// The kinds of objects whose content it reads, beside the ones that link the chain.
    pub needs: &'static [Kind],
    /// Rules that this one explains: their findings about the same chain are folded under it.
    pub explains: &'static [&'static str],
    pub judge: fn(&Facts) -> Judgement,
}

/// What a rule has to say: findings (none means that all is well), or why it says nothing.
pub type Judgement = Result<Vec<Finding>, Withheld>;

/// Why a rule says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The matter does not arise for this target.
    NotApplicable,
    /// It could not look.
    Undetermined(Gap),
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What is unknown and why.
    pub why: String,
    /// The permission or flag that would close it.
    pub needs: String,
}

impl Gap {
    /// What a question leaves open that got no answer.
    pub fn of(failure: &Failure) -> Self {
        Self { why: failure.to_string(), needs: "the same command again".into() }
    }
}

/// What a rule is about. The order is how deep a cause lies: deeper families come first in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Controller,
    Issuer,
    Caa,
    Http01,
    Dns01,
    Scheduling,
    Order,
    Request,
    Secret,
    Certificate,
    Shim,
}

impl Family {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Issuer => "issuer",
            Self::Caa => "caa",
            Self::Http01 => "http01",
            Self::Dns01 => "dns01",
            Self::Scheduling => "scheduling",
            Self::Order => "order",
            Self::Request => "request",
            Self::Secret => "secret",
            Self::Certificate => "certificate",
            Self::Shim => "shim",
        }
    }
}

/// What part a finding plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    /// Why things stand still.
    Cause,
    /// What a cause looks like from further up; folded under the cause where one is found.
    Symptom,
    /// Nothing stands still yet.
    Risk,
}

impl Nature {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Symptom => "symptom",
            Self::Risk => "risk",
        }
    }
}

/// How bad it is. The order is from bad to good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The certificate is not or will not be there.
    Error,
    /// It will be a problem.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Rule {
    /// Starts a finding about `object`.
    pub fn on(&'static self, object: ObjRef) -> Finding {
        Finding::new(self, object)
    }

    /// The first paragraph of the page's section "What it means".
    pub fn meaning(&self) -> &'static str {
        self.section("What it means").split("\n\n").next().unwrap_or_default()
    }

    /// The text under a heading of the page, without the heading.
    pub fn section(&self, heading: &str) -> &'static str {
        let Some((_, after)) = self.doc.split_once(&format!("\n## {heading}\n")) else { return "" };
        after.split("\n## ").next().unwrap_or_default().trim()
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

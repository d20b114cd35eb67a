//! What an outcome amounts to: one verdict, the step of the ladder that decided it, one sentence. Pure.
//!
//! Commands and rules read outcomes through this module, so that they never differ. It knows no cluster: whether a
//! fault is the reason of anything is for the rules.

pub mod http01;

use std::collections::BTreeSet;

use super::Vantage;
use super::outcome::{Outcome, Probed};
use super::task::Kind;

/// What a probe says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Fail,
    /// It could not be found out from here.
    Inconclusive,
    Pass,
}

impl Verdict {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        }
    }
}

/// Whether this machine's own network is known to work, by other machines that answered in the same run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    pub v4: bool,
    pub v6: bool,
}

/// What a probe says, in the one form that all kinds of probes are shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub kind: Kind,
    pub target: String,
    pub vantage: Vantage,
    pub verdict: Verdict,
    /// The word for what decided, such as `connect-timeout`.
    pub reason: &'static str,
    /// The answer, as one sentence without a full stop.
    pub words: String,
    /// What it rests on.
    pub details: Vec<Detail>,
    /// What to do about it; empty where there is nothing to do.
    pub advice: &'static str,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Of what: an address, a server, a record.
    pub about: String,
    /// The word for what was met there, where there is one.
    pub reason: Option<&'static str>,
    pub text: String,
}

impl Detail {
    pub fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self { about: about.into(), reason: None, text: text.into() }
    }
}

/// Reads whatever came of a task. `network` is what the other targets of the run showed.
pub fn summary(outcome: &Outcome, vantage: Vantage, network: Network) -> Summary {
    match outcome {
        Outcome::Http01(outcome) => http01::summary(outcome, vantage, network),
    }
}

impl Network {
    /// What the machines that answered in a run show, those of one host left out: two of a family are enough.
    pub fn beside(probed: &Probed, host: &str) -> Self {
        let mut alive = BTreeSet::new();
        for (task, outcome) in probed.iter() {
            if task.target() == host {
                continue;
            }
            match outcome.seen() {
                Some(Outcome::Http01(outcome)) => alive.extend(http01::alive(outcome)),
                None => {}
            }
        }
        let enough = |v4: bool| alive.iter().filter(|ip| ip.is_ipv4() == v4).count() >= 2;
        Self { v4: enough(true), v6: enough(false) }
    }
}

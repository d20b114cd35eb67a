//! What came back from the network: plain values, one file per kind of probe.
//!
//! Facts only. Which of them are faults is for the rules, and what to do about them too. No key, token or digest is
//! kept here: what was compared with one is kept as what the comparison gave.

pub mod http01;
pub mod lookup;
pub mod sign;
pub mod tls;

use std::collections::BTreeMap;

use super::Vantage;
use super::task::Task;
use crate::fact::{Fact, WhyNot};

/// What came of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Http01(http01::Http01),
    Tls(tls::Tls),
}

impl Outcome {
    pub fn as_http01(&self) -> Option<&http01::Http01> {
        match self {
            Self::Http01(outcome) => Some(outcome),
            Self::Tls(_) => None,
        }
    }

    pub fn as_tls(&self) -> Option<&tls::Tls> {
        match self {
            Self::Tls(outcome) => Some(outcome),
            Self::Http01(_) => None,
        }
    }
}

/// Everything that was asked in one run, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Probed {
    /// Where it was asked from.
    pub vantage: Vantage,
    outcomes: BTreeMap<Task, Fact<Outcome>>,
}

impl Probed {
    /// The outcomes of one run.
    pub fn new(vantage: Vantage, outcomes: BTreeMap<Task, Fact<Outcome>>) -> Self {
        Self { vantage, outcomes }
    }

    /// What came of a task.
    pub fn of(&self, task: &Task) -> Fact<&Outcome> {
        match self.outcomes.get(task) {
            Some(Fact::Seen(outcome)) => Fact::Seen(outcome),
            Some(Fact::Failed(failure)) => Fact::Failed(failure.clone()),
            Some(Fact::Absent | Fact::Hidden(_) | Fact::NotLooked(_)) | None => Fact::NotLooked(WhyNot::NotAsked),
        }
    }

    /// Every task and what came of it, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Task, &Fact<Outcome>)> {
        self.outcomes.iter()
    }
}

//! Which probes tell something about a target, by the stage of its chain. Pure: the plan is printed, and sends nothing.

use std::collections::BTreeSet;

use super::task::{Http01Task, Kind, Task};
use crate::api::{AcmeState, ChallengeType};
use crate::chain::ChallengeNode;
use crate::facts::Facts;

/// What `--probe` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// What the stage makes relevant.
    #[default]
    Auto,
    /// Everything that there is to ask.
    All,
    /// Nothing.
    None,
    /// These kinds, wherever they can be asked.
    Only(BTreeSet<Kind>),
}

/// A word of `--probe` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no probe; there are auto, all, none, or a list of {}", kinds())]
pub struct NoProbe {
    word: String,
}

fn kinds() -> String {
    Kind::ALL.iter().map(|kind| kind.id()).collect::<Vec<_>>().join(",")
}

impl std::str::FromStr for Selection {
    type Err = NoProbe;

    fn from_str(text: &str) -> Result<Self, NoProbe> {
        let kind = |word: &str| {
            let known = Kind::ALL.iter().copied().find(|kind| kind.id() == word);
            known.ok_or_else(|| NoProbe { word: word.to_owned() })
        };
        match text {
            "auto" => Ok(Self::Auto),
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            list => list.split(',').map(kind).collect::<Result<_, _>>().map(Self::Only),
        }
    }
}

/// Whether somebody asked for this very target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It was named.
    Named,
    /// It is one of all that there are.
    Swept,
}

/// What to ask about one target.
pub fn plan(facts: &Facts, selection: &Selection, _scope: Scope) -> Vec<Task> {
    let wants = |kind: Kind| match selection {
        Selection::Auto | Selection::All => true,
        Selection::None => false,
        Selection::Only(kinds) => kinds.contains(&kind),
    };
    let mut tasks = Vec::new();
    if wants(Kind::Http01) {
        tasks.extend(http01(facts));
    }
    tasks
}

/// The HTTP-01 challenges that are not over, and those that the CA refused.
fn http01(facts: &Facts) -> Vec<Task> {
    let challenges = facts.challenges().unwrap_or_default();
    let tasks = challenges.iter().filter_map(|node| http01_task(node));
    tasks.map(Task::Http01).collect()
}

/// What to fetch for a challenge. After a refusal the solver is taken down: what can be seen then is who answers.
pub fn http01_task(node: &ChallengeNode) -> Option<Http01Task> {
    let (spec, status) = (&node.challenge.spec, &node.challenge.status);
    if spec.type_ != ChallengeType::Http01 || status.state == Some(AcmeState::Valid) {
        return None;
    }
    let is_over = status.state.as_ref().is_some_and(AcmeState::is_final);
    let is_served = !is_over && node.is_presented();
    Some(Http01Task {
        host: spec.dns_name.clone(),
        port: 80,
        token: is_served.then(|| spec.token.clone().into()),
        expected: is_served.then(|| spec.key.clone().into()),
        connect_to: None,
    })
}

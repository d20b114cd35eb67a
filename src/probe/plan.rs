//! Which probes tell something about a target, by the stage of its chain. Pure: the plan is printed, and sends nothing.

use std::collections::BTreeSet;

use super::task::{Http01Task, Kind, Task, TlsTask};
use crate::api::{AcmeState, ChallengeType, Object as _};
use crate::chain::ChallengeNode;
use crate::engine::Stage;
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

/// Names of one certificate that are asked for; the rest is served alike, as a rule.
const MOST_HOSTS: usize = 10;

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
pub fn plan(facts: &Facts, selection: &Selection, scope: Scope) -> Vec<Task> {
    let wants = |kind: Kind| match selection {
        Selection::Auto | Selection::All => true,
        Selection::None => false,
        Selection::Only(kinds) => kinds.contains(&kind),
    };
    let mut tasks = Vec::new();
    if wants(Kind::Http01) {
        tasks.extend(http01(facts));
    }
    let is_relevant = scope == Scope::Named && matches!(facts.stage, Stage::Settled { .. }) && is_served(facts);
    if wants(Kind::Tls) && (*selection != Selection::Auto || is_relevant) {
        tasks.extend(tls_tasks(facts).into_iter().map(Task::Tls));
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

/// Whether an Ingress or Gateway serves with the Secret.
fn is_served(facts: &Facts) -> bool {
    let Ok(certificate) = facts.certificate() else { return false };
    let (namespace, secret) = (certificate.namespace().unwrap_or_default(), &certificate.spec.secret_name);
    facts.inventory.ingresses_with_secret(namespace, secret).next().is_some()
        || facts.inventory.gateways_with_secret(namespace, secret).next().is_some()
}

/// The handshakes that show what is served for a certificate's names; a wildcard names no host.
pub fn tls_tasks(facts: &Facts) -> Vec<TlsTask> {
    let Ok(certificate) = facts.certificate() else { return Vec::new() };
    let names = certificate.spec.dns_names.iter().filter(|name| !name.starts_with("*."));
    let task = |name: &String| TlsTask { host: name.to_ascii_lowercase(), port: 443, connect_to: None };
    names.take(MOST_HOSTS).map(task).collect()
}

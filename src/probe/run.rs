//! Asks everything that a plan holds, together, under one deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::edge::Edge;
use super::http01;
use super::outcome::{Outcome, Probed};
use super::task::Task;
use super::tls;
use crate::fact::{Fact, Failure};

/// Probes that run at once.
const AT_ONCE: usize = 8;

/// How long probes may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All of them.
    pub whole: Duration,
    /// Each.
    pub each: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { whole: Duration::from_mins(2), each: Duration::from_mins(1) }
    }
}

/// What is told of a run while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'t> {
    Started(&'t Task),
    Ended(&'t Task, Duration),
}

/// Asks all tasks, each once. One that the time runs out for is a failure, and ends nothing.
pub async fn run(
    tasks: impl IntoIterator<Item = Task>,
    edge: &Edge,
    limits: Limits,
    tell: &dyn Fn(Progress<'_>),
) -> Probed {
    let deadline = Instant::now() + limits.whole;
    let asked = futures::stream::iter(tasks).map(|task| async move {
        let outcome = match timeout_at(deadline, one(&task, edge, limits.each, tell)).await {
            Ok(outcome) => outcome,
            Err(_) => Fact::Failed(out_of_time(&task, "all probes together", limits.whole)),
        };
        (task, outcome)
    });
    let outcomes: BTreeMap<_, _> = asked.buffer_unordered(AT_ONCE).collect().await;
    Probed::new(edge.vantage, outcomes)
}

async fn one(task: &Task, edge: &Edge, each: Duration, tell: &dyn Fn(Progress<'_>)) -> Fact<Outcome> {
    tell(Progress::Started(task));
    let start = Instant::now();
    let outcome = timeout(each, ask(task, edge)).await;
    let elapsed = start.elapsed();
    tell(Progress::Ended(task, elapsed));
    tracing::info!(probe = task.kind().id(), target = task.target(), ?elapsed, "probed");
    match outcome {
        Ok(outcome) => Fact::Seen(outcome),
        Err(_) => Fact::Failed(out_of_time(task, "one probe", each)),
    }
}

async fn ask(task: &Task, edge: &Edge) -> Outcome {
    match task {
        Task::Http01(task) => Outcome::Http01(http01::probe(task, edge).await),
        Task::Tls(task) => Outcome::Tls(tls::probe(task, edge).await),
    }
}

fn out_of_time(task: &Task, of: &str, limit: Duration) -> Failure {
    let asked = format!("probe {} {}", task.kind().id(), task.target());
    Failure { asked, said: format!("the time for {of} is up ({}s)", limit.as_secs()) }
}

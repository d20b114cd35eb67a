//! The probes of `diagnose`: what to ask, and asking it, with a word on the terminal while it goes on.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::source::block_on;
use super::{Context, Failure, probe};
use crate::cli::{DiagnoseArgs, NetworkArgs};
use crate::facts::Facts;
use crate::probe::outcome::Probed;
use crate::probe::plan::{Scope, Selection, plan as tasks_of};
use crate::probe::run::{Limits, Progress, run};
use crate::probe::task::Task;
use crate::render::escape;
use crate::report::SourceLine;

/// What `--probe` and the stages of the targets make relevant, each once. Saved objects are of another time: nothing is
/// asked about them by itself.
pub(super) fn plan<'i>(
    args: &DiagnoseArgs,
    source: &SourceLine,
    is_named: bool,
    targets: impl Iterator<Item = Facts<'i>>,
) -> Result<BTreeSet<Task>, Failure> {
    let selection: Selection =
        args.probe.parse().map_err(|error| Failure::Usage { message: format!("--probe: {error}") })?;
    let is_saved = matches!(source, SourceLine::Files { .. });
    if selection == Selection::None || (is_saved && selection == Selection::Auto) {
        return Ok(BTreeSet::new());
    }
    let scope = if is_named { Scope::Named } else { Scope::Swept };
    Ok(targets.flat_map(|facts| tasks_of(&facts, &selection, scope)).collect())
}

/// Asks all of it; `None` where there is nothing to ask.
pub(super) fn ask(
    tasks: BTreeSet<Task>,
    network: &NetworkArgs,
    context: &mut Context,
) -> Result<Option<Probed>, Failure> {
    if tasks.is_empty() {
        return Ok(None);
    }
    let edge = probe::open(network, context)?;
    let shows = context.stderr_is_terminal;
    let err = RefCell::new(&mut *context.err);
    let tell = |progress: Progress<'_>| {
        if shows {
            let line = match progress {
                Progress::Started(task) => format!("probing {} {}", task.kind().id(), task.target()),
                Progress::Ended(task, elapsed) => {
                    format!("probed {} {} in {} ms", task.kind().id(), task.target(), elapsed.as_millis())
                }
            };
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(err.borrow_mut(), "{}", escape::line(&line));
        }
    };
    block_on(async { Ok(Some(run(tasks, &edge, Limits::default(), &tell).await)) })
}

//! One file per subcommand: asks a source, has the facts judged, renders, writes once.
//!
//! The only place that knows both the edges and the core.

pub mod budget;
mod choose;
pub mod collect;
pub mod diagnose;
pub mod dry_run;
pub mod explain;
mod failure;
mod fleet;
pub mod forecast;
mod missing;
pub mod probe;
mod probing;
pub mod renew;
pub mod source;
pub mod status;
pub mod version;
mod watch;

use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

pub use failure::Failure;

use crate::cli::{Cli, Command};
use crate::clock;
use crate::connect::Flags;
use crate::env::Env;
use crate::render::{Style, escape};

/// What a command gets from the outside.
pub struct Context<'c> {
    pub env: &'c Env,
    pub style: Style,
    /// `--now`; `None` means the real time.
    pub now: Option<Timestamp>,
    /// How the user called us, such as `kubectl cert`.
    pub program: String,
    pub flags: Flags,
    /// `--probe-map`: the whole network of a test.
    pub probe_map: Option<PathBuf>,
    /// Whether the API server sent a warning.
    pub warned: Arc<AtomicBool>,
    pub stdin: &'c mut dyn Read,
    pub stdin_is_terminal: bool,
    pub stderr_is_terminal: bool,
    pub out: &'c mut dyn Write,
    pub err: &'c mut dyn Write,
}

/// How a run ended; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// The answer is good.
    Good = 0,
    /// The answer is bad.
    Bad = 1,
    /// The tool could not do its job.
    Trouble = 2,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Context<'_> {
    /// The time that everything is judged at.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(clock::now)
    }

    /// Writes a finished text, with the program's name put in.
    pub fn write(&mut self, text: &str) -> Result<(), Failure> {
        let text = text.replace(crate::finding::PROGRAM, &self.program);
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(Failure::Output)
    }

    /// Writes what is too long to be held as one text.
    pub fn stream(&mut self, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::with_capacity(1 << 16, &mut self.out);
        write(&mut out).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Words on standard error, safe to print whoever they are from.
    pub fn note(&mut self, text: &str) {
        for line in text.lines() {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(self.err, "{}", escape::line(line));
        }
    }
}

/// Runs the command of the command line.
pub fn run(cli: Cli, context: &mut Context) -> Result<Exit, Failure> {
    let exit = match cli.command {
        Some(Command::Status(args)) => status::run(&args, context),
        Some(Command::Renew(args)) => renew::run(&args, context),
        Some(Command::Diagnose(args)) => diagnose::run(&args, context),
        Some(Command::DryRun(args)) => dry_run::run(&args, context),
        Some(Command::Probe(args)) => probe::run(&args, context),
        Some(Command::Explain(args)) => explain::run(&args, context),
        Some(Command::Forecast(args)) => forecast::run(&args, context),
        Some(Command::Budget(args)) => budget::run(&args, context),
        Some(Command::Collect(args)) => collect::run(&args, context),
        Some(Command::Version(args)) => version::run(&args, context),
        None => help(context),
    }?;
    let warned = cli.connection.warnings_as_errors && context.warned.load(Ordering::Relaxed);
    Ok(if warned { exit.max(Exit::Bad) } else { exit })
}

/// Without a command: the help, on standard output, as kubectl does.
fn help(context: &mut Context) -> Result<Exit, Failure> {
    let text = crate::cli::command(&context.program).render_help().to_string();
    context.write(&text)?;
    Ok(Exit::Good)
}

//! Speed and size, measured beside cmctl and kubectl on one lab in one run. `benches/run` builds and starts it.
//!
//! Prints a Markdown table of figure, target, measured and peer; docs/performance.md says how to read it. Never judges
//! by itself whether a machine was quiet: it prints the load beside the figures.

mod audit;
mod child;
mod cluster;
mod dump;
mod issue;
mod lab;
mod network;
mod relay;
mod start;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};

use child::Program;
use lab::{Controllers, Lab};
use table::Table;

#[derive(Parser)]
#[command(about = "Measures kubectl cert beside cmctl and kubectl")]
struct Args {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Starts a lab, fills it and measures everything.
    Measure(Setting),
    /// The baseline for saved objects: reads a file into the product's types and does nothing else.
    Load { file: String },
    /// The stricter baseline: each line of a fleet's file into its type, knowing beforehand which one it is.
    Lines { file: PathBuf },
    /// The baseline for issuances: so many keys, requests and certificates in a bare loop.
    Bare { count: usize },
    /// The engine alone: so many issuances.
    Play { count: usize },
    /// So many issuances as far as they can be told without keys.
    Plan { count: usize },
}

#[derive(clap::Args)]
struct Setting {
    /// The program that is measured.
    #[arg(long)]
    ours: PathBuf,
    #[arg(long)]
    cmctl: PathBuf,
    /// Folder of the lab's programs; kubectl is one of them.
    #[arg(long)]
    lab: PathBuf,
    /// Folder for the lab's data and the dumps; a few hundred megabytes.
    #[arg(long)]
    work: PathBuf,
    /// A tenth of all sizes, to try the bench itself. The figures mean nothing.
    #[arg(long)]
    small: bool,
    /// Only these parts, by commas: start, files, issue, all, one, network.
    #[arg(long, value_delimiter = ',', default_values = ["start", "files", "issue", "all", "one", "network"])]
    only: Vec<String>,
}

/// What every part of the measuring needs.
struct Bench {
    ours: Program,
    kubectl: Program,
    cmctl: Program,
    /// This program, for the baselines.
    baseline: Program,
    fleet: PathBuf,
    work: PathBuf,
    small: bool,
}

impl Bench {
    /// A size of the full run, or a tenth of it.
    fn size(&self, full: usize) -> usize {
        if self.small { full / 10 } else { full }
    }
}

fn main() -> ExitCode {
    let outcome = match Args::parse().mode {
        Mode::Measure(setting) => measure(&setting),
        Mode::Load { file } => dump::load(&file),
        Mode::Lines { file } => dump::lines(&file),
        Mode::Bare { count } => issue::bare(count),
        Mode::Play { count } => issue::played(count),
        Mode::Plan { count } => issue::plan(count),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn measure(setting: &Setting) -> anyhow::Result<()> {
    let began = Instant::now();
    std::fs::create_dir_all(&setting.work).context("the folder for data")?;
    let bench = Bench {
        ours: Program::new("kubectl cert", &setting.ours, &setting.work)?,
        kubectl: Program::new("kubectl", &setting.lab.join("kubectl"), &setting.work)?,
        cmctl: Program::new("cmctl", &setting.cmctl, &setting.work)?,
        baseline: Program::new("baseline", &std::env::current_exe()?, &setting.work)?,
        fleet: setting.lab.join("fleet"),
        work: setting.work.clone(),
        small: setting.small,
    };
    let wanted = |part: &str| setting.only.iter().any(|only| only == part);
    let mut table = Table::default();
    table.machine(&bench)?;
    if wanted("start") {
        start::measure(&bench, &mut table)?;
    }
    if wanted("files") {
        dump::measure(&bench, &mut table)?;
    }
    if wanted("issue") {
        issue::measure(&bench, &mut table)?;
        let lab = Lab::start(&setting.lab, &setting.work.join("lab"), Controllers::All)?;
        issue::real(&bench, &lab, &mut table)?;
    }
    if wanted("all") || wanted("one") || wanted("network") {
        let lab = Lab::start(&setting.lab, &setting.work.join("lab"), Controllers::None)?;
        if wanted("all") {
            cluster::all_certificates(&bench, &lab, &mut table)?;
        }
        if wanted("one") || wanted("network") {
            cluster::fill(&bench, &lab)?;
        }
        if wanted("one") {
            cluster::one_certificate(&bench, &lab, &mut table)?;
        }
        if wanted("network") {
            network::measure(&bench, &lab, &mut table)?;
        }
    }
    table.finish(began.elapsed());
    io::stdout().write_all(table.text().as_bytes())?;
    Ok(())
}

/// A line on standard error: what is being done now.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

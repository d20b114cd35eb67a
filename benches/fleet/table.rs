//! The figures as a Markdown table, with the machine they were measured on.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Bench;

#[derive(Default)]
pub struct Table {
    head: String,
    lines: Vec<Line>,
    tail: String,
}

struct Line {
    figure: String,
    target: String,
    measured: String,
    peer: String,
    met: Option<bool>,
}

impl Table {
    /// Notes where and with what it is measured.
    pub fn machine(&mut self, bench: &Bench) -> anyhow::Result<()> {
        let cores = std::thread::available_parallelism()?;
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
        let _ = writeln!(
            self.head,
            "- {cores} cores, {} GB of memory, load {} at the start",
            memory.unwrap_or(0) / 1_000_000,
            load()
        );
        let _ = writeln!(self.head, "- {}", first(bench.ours.output(&["version", "--client"])?));
        let _ = writeln!(self.head, "- cmctl: {}", first(bench.cmctl.output(&["version", "--client", "--short"])?));
        let _ = writeln!(self.head, "- kubectl: {}", first(bench.kubectl.output(&["version", "--client"])?));
        Ok(())
    }

    /// A figure that only stands beside the others.
    pub fn info(&mut self, figure: &str, measured: &str, peer: &str) {
        self.add(figure, "", measured, peer, None);
    }

    /// A figure with a target.
    pub fn goal(&mut self, figure: &str, target: &str, measured: &str, peer: &str, met: bool) {
        self.add(figure, target, measured, peer, Some(met));
    }

    fn add(&mut self, figure: &str, target: &str, measured: &str, peer: &str, met: Option<bool>) {
        let [figure, target, measured, peer] = [figure, target, measured, peer].map(|text| text.replace('|', "\\|"));
        self.lines.push(Line { figure, target, measured, peer, met });
    }

    pub fn finish(&mut self, took: Duration) {
        self.tail = format!("\nThe run took {} s; load {} at the end.\n", took.as_secs(), load());
    }

    pub fn text(&self) -> String {
        let mut text =
            format!("{}\n| Figure | Target | Measured | Beside it | Met |\n|---|---|---|---|---|\n", self.head);
        for Line { figure, target, measured, peer, met } in &self.lines {
            let met = match met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            let _ = writeln!(text, "| {figure} | {target} | {measured} | {peer} | {met} |");
        }
        text + &self.tail
    }
}

/// The average number of running processes in the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

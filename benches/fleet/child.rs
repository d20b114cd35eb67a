//! Runs a program and measures it: wall time, processor time and the largest resident set.
//!
//! The last two come from GNU time, which asks the kernel about the ended child; its own start costs about a
//! millisecond of wall time and is not taken off.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// A program with the environment it is run in.
pub struct Program {
    pub name: &'static str,
    pub path: PathBuf,
    home: PathBuf,
    usage: PathBuf,
}

/// Medians of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: Duration,
    /// The shortest wall time: what it takes when nothing else runs.
    pub best: Duration,
    /// User and system time together.
    pub processor: Duration,
    /// The largest resident set, in bytes.
    pub memory: u64,
}

impl Program {
    pub fn new(name: &'static str, path: &Path, work: &Path) -> anyhow::Result<Self> {
        ensure!(path.is_file(), "{name} is not at {}", path.display());
        // kubectl and cmctl keep what they discover in their home; each has its own.
        let home = work.join(format!("home-{}", name.replace(' ', "-")));
        std::fs::create_dir_all(&home)?;
        Ok(Self { name, path: path.to_owned(), usage: home.join("usage"), home })
    }

    /// The same program with another home.
    fn command(&self, before: &[&OsStr], args: &[&str]) -> Command {
        let (first, rest) =
            before.split_first().map_or((self.path.as_os_str(), None), |(first, rest)| (*first, Some(rest)));
        let mut command = Command::new(first);
        if let Some(rest) = rest {
            command.args(rest).arg(&self.path);
        }
        command.args(args).env_clear().env("HOME", &self.home).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    /// Runs it once, unmeasured.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Output> {
        self.command(&[], args).output().with_context(|| format!("{} does not start", self.name))
    }

    /// What it prints.
    pub fn output(&self, args: &[&str]) -> anyhow::Result<String> {
        let out = self.run(args)?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// Runs it once to warm the caches, then `runs` times, and gives the medians.
    pub fn cost(&self, runs: usize, args: &[&str]) -> anyhow::Result<Cost> {
        self.once(args)?;
        let costs = (0..runs).map(|_| self.once(args)).collect::<Result<Vec<_>, _>>()?;
        let median = |key: fn(&Cost) -> u128| {
            let mut sorted = costs.clone();
            sorted.sort_by_key(key);
            sorted[sorted.len() / 2]
        };
        let cost = Cost {
            wall: median(|cost| cost.wall.as_nanos()).wall,
            best: costs.iter().map(|cost| cost.wall).min().unwrap_or_default(),
            processor: median(|cost| cost.processor.as_nanos()).processor,
            memory: median(|cost| u128::from(cost.memory)).memory,
        };
        crate::note(&format!("{:>9} {:>8}  {} {}", cost.wall_words(), cost.memory_words(), self.name, args.join(" ")));
        Ok(cost)
    }

    /// One run. 1 is an answer too: the certificate is not well.
    pub fn once(&self, args: &[&str]) -> anyhow::Result<Cost> {
        let before =
            ["/usr/bin/time".as_ref(), "-f".as_ref(), "%U %S %M".as_ref(), "-o".as_ref(), self.usage.as_os_str()];
        let began = Instant::now();
        let out = self
            .command(&before, args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .context("/usr/bin/time is missing: apt-get install time")?;
        let wall = began.elapsed();
        if !matches!(out.status.code(), Some(0 | 1)) {
            bail!(
                "{} {} ended with {}: {}",
                self.name,
                args.join(" "),
                out.status,
                String::from_utf8_lossy(&out.stderr)
            );
        }
        let usage = std::fs::read_to_string(&self.usage)?;
        // An exit code other than 0 puts a line of words above the figures.
        let figures = usage.lines().last().unwrap_or_default();
        let [user, system, kilobytes] = figures.split(' ').collect::<Vec<_>>()[..] else {
            bail!("GNU time says {usage:?}");
        };
        let processor = Duration::from_secs_f64(user.parse::<f64>()? + system.parse::<f64>()?);
        Ok(Cost { wall, best: wall, processor, memory: kilobytes.parse::<u64>()? * 1024 })
    }
}

impl Cost {
    pub fn wall_words(&self) -> String {
        duration(self.wall)
    }

    pub fn memory_words(&self) -> String {
        megabytes(self.memory)
    }

    /// How many times longer another one takes.
    pub fn times_faster_than(&self, other: &Self) -> f64 {
        other.wall.as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// `12.3 ms` or `4.56 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// `12.3 MB`, of a million bytes.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

//! A lab for measuring: an API server with its audit log, with or without those who work on the objects.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A running lab; it ends when this is dropped.
pub struct Lab {
    child: Child,
    // The lab ends when this closes.
    stdin: Option<ChildStdin>,
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    address: String,
    server: String,
    kubeconfig: String,
    audit_log: PathBuf,
}

/// Whether cert-manager's controllers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    All,
    None,
}

impl Lab {
    pub fn start(bin: &Path, dir: &Path, controllers: Controllers) -> anyhow::Result<Self> {
        crate::note("starting a lab");
        if dir.exists() {
            std::fs::remove_dir_all(dir)?;
        }
        std::fs::create_dir_all(dir)?;
        let log = std::fs::File::create(dir.with_extension("log"))?;
        let mut child = Command::new(bin.join("lab"))
            .arg("up")
            .args((controllers == Controllers::None).then_some("--controllers=none"))
            .args(["--garbage-collector=false", "--audit", "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the lab does not start")?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        let out = child.stdout.take().context("the lab's output")?;
        BufReader::new(out).read_line(&mut line)?;
        let ready = serde_json::from_str(&line)
            .with_context(|| format!("the lab did not start; see {}", dir.with_extension("log").display()))?;
        Ok(Self { child, stdin, ready })
    }

    /// The lab's own address on loopback; its server's certificate is for this one.
    pub fn address(&self) -> &str {
        &self.ready.address
    }

    /// `127.1.2.3:6443`.
    pub fn server(&self) -> &str {
        self.ready.server.trim_start_matches("https://")
    }

    pub fn kubeconfig(&self) -> &str {
        &self.ready.kubeconfig
    }

    pub fn audit_log(&self) -> &Path {
        &self.ready.audit_log
    }

    /// Makes chains.
    pub fn fill(&self, fleet: &Path, args: &[&str]) -> anyhow::Result<()> {
        let began = Instant::now();
        let out = Command::new(fleet).args(["--kubeconfig", self.kubeconfig()]).args(args).output()?;
        ensure!(out.status.success(), "fleet: {}", String::from_utf8_lossy(&out.stderr));
        crate::note(&format!("filled in {:.0} s: {}", began.elapsed().as_secs_f64(), args.join(" ")));
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

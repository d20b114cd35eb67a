//! Saved objects: what `diagnose` costs beside only reading them.

use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};
use kubectl_cert::api::{Certificate, CertificateRequest, Challenge, ClusterIssuer, Issuer, Order};
use kubectl_cert::source::files::{self, Limits};

use crate::Bench;
use crate::child::Cost;
use crate::table::Table;

/// The mode `load`: what the product does to read a file.
pub fn load(file: &str) -> anyhow::Result<()> {
    let loaded = files::load(&[file.to_owned()], &mut std::io::empty(), Limits::default())?;
    ensure!(!loaded.objects.certificates.is_empty(), "{file} holds no Certificate");
    Ok(())
}

/// The mode `lines`: the least that reading into the same types can cost.
pub fn lines(file: &Path) -> anyhow::Result<()> {
    fn read<T: serde::de::DeserializeOwned>(into: &mut Vec<T>, line: &str) -> anyhow::Result<()> {
        into.push(serde_json::from_str(line)?);
        Ok(())
    }
    let text = std::fs::read_to_string(file)?;
    let (mut certificates, mut requests, mut orders) =
        (Vec::<Certificate>::new(), Vec::<CertificateRequest>::new(), Vec::<Order>::new());
    let (mut challenges, mut issuers, mut cluster_issuers) =
        (Vec::<Challenge>::new(), Vec::<Issuer>::new(), Vec::<ClusterIssuer>::new());
    // fleet writes one object a line, with its kind near the front.
    for line in text
        .lines()
        .map(|line| line.trim_end_matches([',', ' ']))
        .filter(|line| line.starts_with('{') && line.ends_with('}'))
    {
        let kind = line.split_once(r#""kind":""#).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        match kind {
            "Certificate" => read(&mut certificates, line)?,
            "CertificateRequest" => read(&mut requests, line)?,
            "Order" => read(&mut orders, line)?,
            "Challenge" => read(&mut challenges, line)?,
            "Issuer" => read(&mut issuers, line)?,
            "ClusterIssuer" => read(&mut cluster_issuers, line)?,
            "Namespace" | "List" => {}
            other => bail!("unexpected kind {other:?}"),
        }
    }
    ensure!(!certificates.is_empty(), "no Certificate in {}", file.display());
    Ok(())
}

pub fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let mut first: Option<(usize, Cost)> = None;
    for (objects, runs) in [(12_000, 5), (50_000, 3), (100_000, 3)] {
        let objects = bench.size(objects);
        let file = bench.work.join(format!("dump-{objects}.json"));
        let path = file.to_string_lossy();
        // A pending chain is four objects.
        let chains = (objects / 4).to_string();
        let made =
            Command::new(&bench.fleet).args(["--out", &path, "--count", &chains, "--key-secrets=false"]).output()?;
        ensure!(made.status.success(), "fleet: {}", String::from_utf8_lossy(&made.stderr));
        let ours = bench.ours.cost(runs, &["diagnose", "-A", "--from", &path])?;
        let load = bench.baseline.cost(runs, &["load", &path])?;
        let lines = bench.baseline.cost(runs, &["lines", &path])?;
        let figure = format!("`diagnose -A --from` {objects} objects");
        let ratio = load.times_faster_than(&ours);
        let measured = format!("{}, {ratio:.2} times, {}", ours.wall_words(), ours.memory_words());
        let peer = format!(
            "reading alone {}, {}; at its least {}, {}",
            load.wall_words(),
            load.memory_words(),
            lines.wall_words(),
            lines.memory_words()
        );
        table.goal(&figure, "2 times reading at most", &measured, &peer, ratio <= 2.0);
        match first {
            None => first = Some((objects, ours)),
            Some((fewer, cost)) => {
                let (small, large) = (per_object(&cost, fewer), per_object(&ours, objects));
                let words = format!("{large:.1} µs an object, {small:.1} for {fewer}");
                table.goal(&figure, "linear", &words, "", large <= small * 1.2);
            }
        }
        std::fs::remove_file(&file)?;
    }
    Ok(())
}

/// Microseconds an object.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_object(cost: &Cost, objects: usize) -> f64 {
    cost.wall.as_secs_f64() * 1e6 / objects as f64
}

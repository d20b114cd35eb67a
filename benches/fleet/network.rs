//! Round trips: the same commands through a relay that adds 50 ms to each.
//!
//! They are counted by the waves in the server's log, which is exact, and timed as a check of that.

use std::time::Duration;

use crate::Bench;
use crate::audit::Asked;
use crate::child::{Program, duration};
use crate::cluster::{BUSY, READY};
use crate::lab::Lab;
use crate::relay::{Relay, real_round_trip};
use crate::table::Table;

const ROUND_TRIP: Duration = Duration::from_millis(50);
const RUNS: usize = 5;
/// Round trips before the first request can leave: one for TCP, one for TLS 1.3.
const HANDSHAKES: usize = 2;

pub fn measure(bench: &Bench, lab: &Lab, table: &mut Table) -> anyhow::Result<()> {
    let relay = Relay::start(lab.address(), lab.server(), ROUND_TRIP)?;
    let round_trip = real_round_trip(lab.address(), ROUND_TRIP)?;
    let far = bench.work.join("kubeconfig-far");
    let near = std::fs::read_to_string(lab.kubeconfig())?;
    std::fs::write(&far, near.replace(lab.server(), &relay.address().to_string()))?;
    let far = far.to_string_lossy();
    let trips = |program: &Program, args: &[&str]| -> anyhow::Result<(String, Asked)> {
        let with = |kubeconfig| -> Vec<&str> { args.iter().copied().chain(["--kubeconfig", kubeconfig]).collect() };
        let direct = program.cost(RUNS, &with(lab.kubeconfig()))?;
        let away = program.cost(RUNS, &with(&far))?;
        let asked = Asked::by(program, &with(&far), lab.audit_log())?;
        let timed = away.best.saturating_sub(direct.best).as_secs_f64() / round_trip.as_secs_f64();
        let (count, requests) = (HANDSHAKES + asked.waves(), asked.requests());
        let words = format!(
            "{count} for {requests} requests; {}, {timed:.1} round trips more than near by",
            duration(away.wall)
        );
        Ok((words, asked))
    };
    table.info("round trip of the relay", &duration(round_trip), "");
    for (what, name) in [("healthy", READY), ("pending", BUSY)] {
        let (peer, _) = trips(&bench.cmctl, &["status", "certificate", name, "-n", "quiet"])?;
        for command in ["status", "diagnose"] {
            let (words, asked) = trips(&bench.ours, &[command, name, "-n", "quiet"])?;
            let figure = format!("`{command} NAME`, {what}, 50 ms away");
            let met = HANDSHAKES + asked.waves() <= 5;
            table.goal(&figure, "5 round trips at most", &words, &format!("cmctl {peer}"), met);
            if what == "healthy" {
                let (requests, waves) = (asked.requests(), asked.waves());
                let words = format!("{requests} requests, {waves} waves");
                let met = requests <= 10 && waves <= 2;
                table.goal(&format!("`{command} NAME`, healthy"), "10 requests, 2 waves at most", &words, "", met);
            }
        }
    }
    Ok(())
}

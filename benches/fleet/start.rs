//! What needs no cluster: how long the program takes to start, how large it is.

use std::time::Duration;

use crate::Bench;
use crate::child::{duration, megabytes};
use crate::table::Table;

const RUNS: usize = 21;
const START: Duration = Duration::from_millis(15);
const SIZE: u64 = 15_000_000;

pub fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let kubectl = bench.kubectl.cost(5, &["version", "--client"])?;
    for (args, peer) in [
        (&["version", "--client"][..], format!("kubectl {}", kubectl.wall_words())),
        (&["explain"], String::new()),
        (&["explain", "http01-wrong-body"], String::new()),
    ] {
        let cost = bench.ours.cost(RUNS, args)?;
        let figure = format!("`{}`", args.join(" "));
        let measured = format!("{}, {}", cost.wall_words(), cost.memory_words());
        table.goal(&figure, &format!("{} at most", duration(START)), &measured, &peer, cost.wall <= START);
    }
    let size = |program: &crate::child::Program| std::fs::metadata(&program.path).map(|file| file.len());
    let ours = size(&bench.ours)?;
    let peers = format!("cmctl {}, kubectl {}", megabytes(size(&bench.cmctl)?), megabytes(size(&bench.kubectl)?));
    table.goal("the program's file", &format!("{} at most", megabytes(SIZE)), &megabytes(ours), &peers, ours <= SIZE);
    Ok(())
}

//! One certificate among thousands, and the table of all of them, beside cmctl and kubectl.

use crate::Bench;
use crate::audit::Asked;
use crate::child::megabytes;
use crate::lab::Lab;
use crate::table::Table;

/// A pending chain and a healthy one; both namespaces have them.
pub const BUSY: &str = "app-00001";
pub const READY: &str = "good-00000";

const SMALL: u64 = 25_000_000;

/// `status -A` over 10,000 certificates.
pub fn all_certificates(bench: &Bench, lab: &Lab, table: &mut Table) -> anyhow::Result<()> {
    let certificates = ["--only", "certificates", "--shape", "quiet"];
    let count = |count: usize| bench.size(count).to_string();
    let few = count(2_500);
    lab.fill(&bench.fleet, &[&certificates[..], &["--namespace", "few", "--count", &few, "--spread", "5"]].concat())?;
    let here = |args: &[&'static str]| -> Vec<String> {
        args.iter()
            .map(|arg| (*arg).to_owned())
            .chain(["--kubeconfig".to_owned(), lab.kubeconfig().to_owned()])
            .collect()
    };
    let status = here(&["status", "-A"]);
    let status: Vec<&str> = status.iter().map(String::as_str).collect();
    let quarter = bench.ours.cost(5, &status)?;
    let more = count(7_500);
    lab.fill(
        &bench.fleet,
        &[&certificates[..], &["--namespace", "many", "--count", &more, "--spread", "15"]].concat(),
    )?;
    let ours = bench.ours.cost(5, &status)?;
    let list = here(&["get", "certificates", "-A", "-o", "json"]);
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let kubectl = bench.kubectl.cost(2, &list)?;
    let total = bench.size(10_000);
    let figure = format!("`status -A`, {total} certificates");
    let peer = format!("kubectl get -A -o json {}, {}", kubectl.wall_words(), kubectl.memory_words());
    let faster = ours.times_faster_than(&kubectl);
    table.goal(
        &figure,
        "1/8 of kubectl's time",
        &format!("{}, 1/{faster:.1}", ours.wall_words()),
        &peer,
        faster >= 8.0,
    );
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let smaller = kubectl.memory as f64 / ours.memory as f64;
    let measured = format!("{}, 1/{smaller:.1}", megabytes(ours.memory));
    table.goal(&figure, "1/4 of kubectl's memory", &measured, &peer, smaller >= 4.0);
    let growth = quarter.times_faster_than(&ours);
    let words = format!("{} for a quarter of them: {growth:.1} times", quarter.wall_words());
    table.goal(&figure, "linear: 4 times at most, and a tenth", &words, "", growth <= 4.4);
    table.info(
        &figure,
        &format!("{:.0} ms of processor time", ours.processor.as_secs_f64() * 1e3),
        &format!("kubectl {:.0} ms", kubectl.processor.as_secs_f64() * 1e3),
    );
    Ok(())
}

/// Thousands of pending chains in one namespace, a handful in another.
pub fn fill(bench: &Bench, lab: &Lab) -> anyhow::Result<()> {
    let many = bench.size(3_000).to_string();
    for (namespace, pending) in [("quiet", "3"), ("big", many.as_str())] {
        lab.fill(&bench.fleet, &["--namespace", namespace, "--count", pending, "--shape", "pending"])?;
        lab.fill(
            &bench.fleet,
            &["--namespace", namespace, "--count", "2", "--shape", "ready", "--name-prefix", "good"],
        )?;
    }
    Ok(())
}

/// `status NAME` and `diagnose NAME`.
pub fn one_certificate(bench: &Bench, lab: &Lab, table: &mut Table) -> anyhow::Result<()> {
    let chains = bench.size(3_000);
    for (namespace, place) in
        [("big", format!("among {chains} pending chains")), ("quiet", "in a quiet namespace".to_owned())]
    {
        let place_args = ["-n", namespace, "--kubeconfig", lab.kubeconfig()];
        let busy =
            |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain([BUSY]).chain(place_args).collect() };
        let cmctl = bench.cmctl.cost(3, &busy(&["status", "certificate"]))?;
        let kubectl = bench.kubectl.cost(5, &busy(&["get", "certificate", "-o", "yaml"]))?;
        table.info(
            &format!("`kubectl get certificate NAME -o yaml`, {place}"),
            "",
            &format!("{}, {}", kubectl.wall_words(), kubectl.memory_words()),
        );
        for command in ["status", "diagnose"] {
            for (name, what) in [(BUSY, "pending"), (READY, "healthy")] {
                let args: Vec<&str> = [command, name].into_iter().chain(place_args).collect();
                let ours = bench.ours.cost(11, &args)?;
                let asked = Asked::by(&bench.ours, &args, lab.audit_log())?;
                let faster = ours.times_faster_than(&cmctl);
                let lists = asked.full_lists();
                let figure = format!("`{command} NAME`, {what}, {place}");
                let measured = format!(
                    "{}, 1/{faster:.0}; {}; {} requests, {} full lists {}",
                    ours.wall_words(),
                    ours.memory_words(),
                    asked.requests(),
                    lists.len(),
                    lists.join(" ")
                );
                let peer = format!("cmctl {}, {}", cmctl.wall_words(), cmctl.memory_words());
                let slim = ours.memory <= SMALL && lists.is_empty();
                let limits = format!("{} at most, no full list", megabytes(SMALL));
                if namespace == "big" {
                    let target = format!("1/20 of cmctl's time, {limits}");
                    table.goal(&figure, &target, measured.trim_end(), &peer, slim && faster >= 20.0);
                } else {
                    table.goal(&figure, &limits, measured.trim_end(), &peer, slim);
                }
            }
        }
    }
    Ok(())
}

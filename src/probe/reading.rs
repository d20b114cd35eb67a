//! What an outcome amounts to: one verdict, the step of the ladder that decided it, one sentence. Pure.
//!
//! Commands and rules read outcomes through this module, so that they never differ. It knows no cluster: whether a
//! fault is the reason of anything is for the rules.

pub mod http01;
pub mod tls;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use super::Vantage;
use super::outcome::lookup::Lookup;
use super::outcome::{Outcome, Probed};
use super::task::Kind;

/// What a probe says in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Fail,
    /// It could not be found out from here.
    Inconclusive,
    Pass,
}

impl Verdict {
    /// The word in outputs.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        }
    }
}

/// Whether this machine's own network is known to work, by other machines that answered in the same run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    pub v4: bool,
    pub v6: bool,
}

/// A step of a ladder, as it was met.
pub trait Rung: Copy + Ord {
    /// What it is called that addresses differ.
    const DIFFER: Self;

    /// Whether nothing is wrong there.
    fn is_good(self) -> bool;

    /// Whether the address was not even dialled.
    fn is_undialled(self) -> bool;

    /// Whether it may be this machine's own network as well: silence proves nothing alone.
    fn is_silence(self) -> bool;
}

/// What a probe of a name's addresses amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<K> {
    pub verdict: Verdict,
    pub kind: K,
    /// The answer, as one sentence without a full stop.
    pub words: String,
    /// What was met at each address, in the order of the visits.
    pub met: Vec<Met<K>>,
}

/// What was met at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met<K> {
    pub address: IpAddr,
    pub kind: K,
    /// What it did, with the address as the subject that is left out.
    pub words: String,
}

/// Decides between the addresses of a host, of which there is at least one: the earliest step that is proven to fail
/// is the answer.
fn decide<K: Rung>(host: &str, met: Vec<Met<K>>, network: Network) -> Reading<K> {
    let dialled = || met.iter().filter(|met| !met.kind.is_undialled());
    let good = dialled().find(|met| met.kind.is_good());
    let is_reached = |met: &Met<K>| if met.address.is_ipv4() { network.v4 } else { network.v6 };
    let proven = |met: &&Met<K>| !met.kind.is_good() && (!met.kind.is_silence() || is_reached(met));
    let bad = dialled().filter(proven).min_by_key(|met| met.kind);
    let open = dialled().find(|met| !met.kind.is_good());
    let (verdict, kind, words) = match (bad, good, open) {
        (Some(bad), Some(good), _) => {
            let (one, other) = (bad.address, good.address);
            let words = format!("the addresses of {host} differ: {one} {}, and {other} {}", bad.words, good.words);
            (Verdict::Fail, K::DIFFER, words)
        }
        (Some(bad), None, _) => (Verdict::Fail, bad.kind, format!("{host} at {} {}", bad.address, bad.words)),
        (None, Some(good), Some(open)) => {
            let (address, words) = (open.address, &open.words);
            let words = format!("{host} {}; from here nothing can be said of {address}, which {words}", good.words);
            (Verdict::Pass, good.kind, words)
        }
        (None, Some(good), None) => (Verdict::Pass, good.kind, format!("{host} {}", good.words)),
        (None, None, Some(open)) => {
            let (address, words) = (open.address, &open.words);
            let words = format!("from here nothing can be said of {host}: {address} {words}");
            (Verdict::Inconclusive, open.kind, words)
        }
        (None, None, None) => {
            let Met { address, kind, words } = met.first().expect("there is an address");
            let words = format!("{host} has no address that a public CA connects to: {address} is {words}");
            (Verdict::Inconclusive, *kind, words)
        }
    };
    Reading { verdict, kind, words, met }
}

/// What a probe says, in the one form that all kinds of probes are shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub kind: Kind,
    pub target: String,
    pub vantage: Vantage,
    pub verdict: Verdict,
    /// The word for what decided, such as `connect-timeout`.
    pub reason: &'static str,
    /// The answer, as one sentence without a full stop.
    pub words: String,
    /// What it rests on.
    pub details: Vec<Detail>,
    /// What to do about it; empty where there is nothing to do.
    pub advice: &'static str,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Of what: an address, a server, a record.
    pub about: String,
    /// The word for what was met there, where there is one.
    pub reason: Option<&'static str>,
    pub text: String,
}

impl Detail {
    pub fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self { about: about.into(), reason: None, text: text.into() }
    }

    /// What a resolver said of a name's addresses; nothing where none was asked.
    fn of_lookup(lookup: &Lookup) -> Vec<Self> {
        if lookup.resolver.is_empty() {
            return Vec::new();
        }
        let (a, aaaa, whose) = (lookup.a.words(), lookup.aaaa.words(), &lookup.resolver);
        let answers = Self::new(lookup.name.clone(), format!("A {a}; AAAA {aaaa}; by the word of {whose}"));
        let aliases = lookup.a.aliases().iter().map(|alias| Self::new("alias", alias));
        std::iter::once(answers).chain(aliases).collect()
    }
}

/// Reads whatever came of a task. `network` is what the other targets of the run showed.
pub fn summary(outcome: &Outcome, vantage: Vantage, network: Network, now: Timestamp) -> Summary {
    match outcome {
        Outcome::Tls(outcome) => tls::summary(outcome, vantage, network, now),
        Outcome::Http01(outcome) => http01::summary(outcome, vantage, network),
    }
}

impl Network {
    /// What the machines that answered in a run show, those of one host left out: two of a family are enough.
    pub fn beside(probed: &Probed, host: &str) -> Self {
        let mut alive = BTreeSet::new();
        for (task, outcome) in probed.iter() {
            if task.target() == host {
                continue;
            }
            match outcome.seen() {
                Some(Outcome::Http01(outcome)) => alive.extend(http01::alive(outcome)),
                Some(Outcome::Tls(outcome)) => alive.extend(tls::alive(outcome)),
                None => {}
            }
        }
        let enough = |v4: bool| alive.iter().filter(|ip| ip.is_ipv4() == v4).count() >= 2;
        Self { v4: enough(true), v6: enough(false) }
    }
}

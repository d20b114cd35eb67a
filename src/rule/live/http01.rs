//! The challenge path of HTTP-01 as a probe met it (RFC 8555 §8.3).

use super::proving;
use crate::api::Object;
use crate::chain::ChallengeNode;
use crate::fact::Fact;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness, quoted};
use crate::objref;
use crate::probe::outcome::http01::Http01;
use crate::probe::plan::http01_task;
use crate::probe::reading::http01::{self as reading, Kind, Reading};
use crate::probe::reading::{Network, Rung as _, Verdict};
use crate::probe::task::{Http01Task, Task};
use crate::rule::{Family, Gap, Judgement, Nature, Outlook, Rule, Severity, Withheld};

/// How long a new route may take: controllers need up to a minute.
const GRACE_SECONDS: i64 = 60;

pub static NAME: Rule = Rule {
    id: "http01-probe-name",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the name of an HTTP-01 challenge has no address that a CA could connect to, asked by a probe",
    doc: include_str!("../../../docs/rules/http01-probe-name.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &NAME, |kind| matches!(kind, Kind::NxDomain | Kind::NoData | Kind::ServFail)),
};

pub static CONNECTION: Rule = Rule {
    id: "http01-probe-connection",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "no address of the name takes a connection on port 80, tried by a probe",
    doc: include_str!("../../../docs/rules/http01-probe-connection.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &CONNECTION, is_connection),
};

pub static NO_HTTP: Rule = Rule {
    id: "http01-probe-no-http",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "port 80 of the name takes connections and does not answer in HTTP/1.1, tried by a probe",
    doc: include_str!("../../../docs/rules/http01-probe-no-http.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &NO_HTTP, is_no_http),
};

pub static REDIRECT: Rule = Rule {
    id: "http01-probe-redirect",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path redirects to where a CA does not go or gets no answer, followed by a probe",
    doc: include_str!("../../../docs/rules/http01-probe-redirect.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &REDIRECT, is_redirect),
};

pub static ANSWER: Rule = Rule {
    id: "http01-probe-answer",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge path answers with something else than the key authorization, fetched by a probe",
    doc: include_str!("../../../docs/rules/http01-probe-answer.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &ANSWER, is_answer),
};

pub static ADDRESSES_DIFFER: Rule = Rule {
    id: "http01-probe-addresses-differ",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the address that a CA tries first fails where another address of the name works",
    doc: include_str!("../../../docs/rules/http01-probe-addresses-differ.md"),
    needs: &[objref::Kind::Challenge],
    explains: &["http01-probe-one-address"],
    judge: |facts| differing(facts, &ADDRESSES_DIFFER, First::Fails),
};

pub static ONE_ADDRESS: Rule = Rule {
    id: "http01-probe-one-address",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "one of the name's addresses fails where the one that a CA tries first works",
    doc: include_str!("../../../docs/rules/http01-probe-one-address.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| differing(facts, &ONE_ADDRESS, First::Works),
};

pub static CATCH_ALL: Rule = Rule {
    id: "http01-probe-catch-all",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Risk,
    severity: Severity::Warning,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the web server answers 200 for a challenge that does not exist",
    doc: include_str!("../../../docs/rules/http01-probe-catch-all.md"),
    needs: &[objref::Kind::Challenge],
    explains: &[],
    judge: |facts| judge(facts, &CATCH_ALL, |kind| kind == Kind::CatchAll),
};

const fn is_connection(kind: Kind) -> bool {
    matches!(kind, Kind::Refused | Kind::ConnectTimedOut | Kind::Unreachable | Kind::Reset | Kind::OtherFailure)
}

const fn is_no_http(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::EmptyReply
            | Kind::ReadTimedOut
            | Kind::CutOff
            | Kind::TlsOn80
            | Kind::Http2Only
            | Kind::NotHttp
            | Kind::HeadTooLarge
    )
}

const fn is_redirect(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RedirectStatus
            | Kind::RedirectScheme
            | Kind::RedirectPort
            | Kind::RedirectMissingSlash
            | Kind::RedirectHost
            | Kind::RedirectReserved
            | Kind::RedirectTooLong
            | Kind::RedirectLoop
            | Kind::RedirectTooMany
            | Kind::RedirectMalformed
            | Kind::RedirectNoAddress
            | Kind::RedirectNoAnswer
            | Kind::HttpOn443
            | Kind::TlsAlert
            | Kind::TlsFailed
    )
}

const fn is_answer(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NotFound
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::TooManyRequests
            | Kind::Unavailable
            | Kind::OtherStatus
            | Kind::OtherAccount
            | Kind::OtherToken
            | Kind::EmptyBody
            | Kind::Html
            | Kind::TooLong
            | Kind::OtherBody
            | Kind::TrailingSpace
    )
}

/// Whether the address that Let's Encrypt tries first is the one that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Fails,
    Works,
}

/// A challenge and what a probe met of it.
struct Seen<'f, 'i> {
    node: &'f ChallengeNode<'i>,
    probe: &'f Http01,
    reading: Reading,
}

fn judge(facts: &Facts, rule: &'static Rule, fits: impl Fn(Kind) -> bool) -> Judgement {
    let seen = failed(facts)?;
    let fits = |seen: &&Seen| fits(seen.reading.kind) && (!is_answer(seen.reading.kind) || is_ripe(facts, seen));
    Ok(seen.iter().filter(fits).map(|seen| finding(facts, rule, seen)).collect())
}

fn differing(facts: &Facts, rule: &'static Rule, wanted: First) -> Judgement {
    let seen = failed(facts)?;
    let fits = |seen: &&Seen| {
        let first =
            if seen.reading.met.first().is_some_and(|met| met.kind.is_good()) { First::Works } else { First::Fails };
        seen.reading.kind == Kind::AddressesDiffer && first == wanted && is_ripe(facts, seen)
    };
    Ok(seen.iter().filter(fits).map(|seen| finding(facts, rule, seen)).collect())
}

/// Whether the solver's route has had its time.
fn is_ripe(facts: &Facts, seen: &Seen) -> bool {
    let presented = seen.node.challenge.status.presented_at.as_ref().map(|time| time.0);
    facts.is_older_than(presented.or_else(|| seen.node.challenge.created()), GRACE_SECONDS)
}

/// The challenges whose probe failed. Where none was asked about or proves anything, why.
fn failed<'f, 'i>(facts: &'f Facts<'i>) -> Result<Vec<Seen<'f, 'i>>, Withheld> {
    // Where nobody asks for probes, nobody misses them.
    if facts.network_said().is_none() {
        return Err(Withheld::NotApplicable);
    }
    let mut seen = Vec::new();
    let mut open = None;
    for node in facts.challenges()? {
        let Some(task) = http01_task(node) else { continue };
        let host = task.host.clone();
        match asked(facts, task) {
            Fact::Seen(probe) => {
                let reading = reading::read(probe, network(facts, &host));
                if reading.verdict == Verdict::Inconclusive {
                    let needs =
                        "the same from a machine whose network is known to work, outside the cluster".to_owned();
                    open.get_or_insert(Gap { why: reading.words.clone(), needs });
                }
                seen.push(Seen { node, probe, reading });
            }
            Fact::Failed(failure) => {
                open.get_or_insert(Gap::of(&failure));
            }
            Fact::Absent | Fact::Hidden(_) | Fact::NotLooked(_) => {
                open.get_or_insert(not_asked());
            }
        }
    }
    let mut seen = proving(seen, open, |seen| seen.reading.verdict)?;
    seen.retain(|seen| seen.reading.verdict == Verdict::Fail);
    Ok(seen)
}

/// What came of the probe of a challenge.
fn asked<'i>(facts: &Facts<'i>, task: Http01Task) -> Fact<&'i Http01> {
    let outcome = facts.probed(&Task::Http01(task));
    outcome.map(|outcome| outcome.as_http01().expect("a task has an outcome of its kind"))
}

fn network(facts: &Facts, host: &str) -> Network {
    facts.network_said().map_or_else(Network::default, |probed| Network::beside(probed, host))
}

fn not_asked() -> Gap {
    Gap { why: "the challenge path was not fetched from here".into(), needs: "--probe=http01".into() }
}

fn finding(facts: &Facts, rule: &'static Rule, seen: &Seen) -> Finding {
    let (probe, reading) = (seen.probe, &seen.reading);
    let vantage = vantage(facts);
    let finding = rule.on(seen.node.challenge.objref()).says(format!("{vantage}: {}", reading.words)).because(format!(
        "{} {}",
        rule.meaning(),
        whose_view(seen)
    ));
    let finding = evidence(finding, facts, probe, reading);
    let command = format!("{PROGRAM} probe http01 {}", quoted(&probe.host));
    finding
        .fix(Fix::manual(reading::advice(reading.kind, &reading::signs(probe))))
        .fix(Fix::command("see it again, and from other machines", command))
}

/// How far what was met goes for those who matter.
fn whose_view(seen: &Seen) -> &'static str {
    if seen.reading.kind == Kind::TrailingSpace {
        "Let's Encrypt trims the end of the answer and takes it; cert-manager's own check compares byte for byte."
    } else {
        "It is what this machine sees: the CA and cert-manager's pod, which decide, look from elsewhere."
    }
}

fn evidence(mut finding: Finding, facts: &Facts, probe: &Http01, reading: &Reading) -> Finding {
    for words in words(probe, reading) {
        finding = finding.evidence(Witness::Probe(vantage(facts)), words);
    }
    finding
}

fn vantage(facts: &Facts) -> crate::probe::Vantage {
    facts.network_said().map(|probed| probed.vantage).unwrap_or_default()
}

/// What was met at each address, and what the resolver said.
fn words(probe: &Http01, reading: &Reading) -> Vec<String> {
    let lookup = &probe.lookup;
    let names = format!("{}: A {}; AAAA {}", lookup.name, lookup.a.words(), lookup.aaaa.words());
    let met = reading.met.iter().map(|met| format!("{} {}", met.address, met.words));
    std::iter::once(names).chain(met).collect()
}

/// What a probe met of a challenge, for the findings of those who decide.
pub(in crate::rule) fn beside(facts: &Facts, node: &ChallengeNode) -> Vec<(Witness, String)> {
    let Some(task) = http01_task(node) else { return Vec::new() };
    let host = task.host.clone();
    match asked(facts, task) {
        Fact::Seen(probe) => {
            let reading = reading::read(probe, network(facts, &host));
            vec![(Witness::Probe(vantage(facts)), reading.words)]
        }
        Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::facts::specimen::Specimen;
    use crate::inventory::Inventory;
    use crate::probe::Vantage;
    use crate::probe::outcome::http01::{Answer, Body, End, Expects, RedirectFault, Silence, Visit};
    use crate::probe::outcome::lookup::{self, Lookup};
    use crate::probe::outcome::{Outcome, Probed};
    use crate::probe::plan::{Scope, Selection, plan};

    /// What each address of every probed name did.
    fn outcome(host: &str, visits: &[(&str, End)]) -> Outcome {
        let visit = |(address, end): &(&str, End)| Visit {
            address: address.parse().unwrap(),
            hops: Vec::new(),
            end: end.clone(),
            elapsed: Duration::from_millis(3),
        };
        let visits: Vec<Visit> = visits.iter().map(visit).collect();
        let of = |v4: bool| {
            let addresses: Vec<IpAddr> =
                visits.iter().map(|visit| visit.address).filter(|ip| ip.is_ipv4() == v4).collect();
            if addresses.is_empty() {
                lookup::Answer::NxDomain
            } else {
                lookup::Answer::Addresses { addresses, aliases: Vec::new(), ttl: 60 }
            }
        };
        let lookup = Lookup { name: host.into(), resolver: "9.9.9.9:53".into(), a: of(true), aaaa: of(false) };
        let (host, expects) = (host.into(), Expects::KeyAuthorization);
        Outcome::Http01(Http01 { host, port: 80, expects, lookup, visits, left_out: 0 })
    }

    fn answered(status: u16, body: Body) -> End {
        End::Answer(Answer {
            url: "http://web.example.com/.well-known/acme-challenge/TOKEN".into(),
            address: "45.33.32.1".parse().unwrap(),
            status,
            server: None,
            signs: Vec::new(),
            body,
            length: 10,
            title: None,
        })
    }

    fn silent(silence: Silence) -> End {
        End::NoAnswer { url: String::new(), address: "45.33.32.1".parse().unwrap(), silence }
    }

    /// The ids of what is found of an issuance whose probes all met this, folded findings apart.
    fn found(specimen: &Specimen, visits: &[(&str, End)]) -> Vec<&'static str> {
        let inventory = Inventory::new(specimen.objects.clone());
        let facts = || {
            let chain = crate::chain::Chain::of(&inventory, &specimen.subject);
            Facts::new(&inventory, chain, specimen.now)
        };
        let tasks = plan(&facts(), &Selection::Auto, Scope::Named);
        assert!(!tasks.is_empty());
        let outcomes = tasks.into_iter().map(|task| {
            let outcome = outcome(task.target(), visits);
            (task, Fact::Seen(outcome))
        });
        let probed = Probed::new(Vantage::Local, outcomes.collect::<BTreeMap<_, _>>());
        let report = crate::report::TargetReport::judge(&facts().with(&probed));
        let ids: Vec<_> = report.findings.iter().map(|finding| finding.rule.id).collect();
        ids.into_iter().filter(|id| id.starts_with("http01-")).collect()
    }

    /// An issuance of whose check nothing is said yet, old enough for a route.
    fn presented() -> Specimen {
        Specimen::http01().later(3).broken(|objects| {
            objects.challenges.truncate(1);
            objects.challenge().status.reason = String::new();
        })
    }

    #[test]
    fn a_probe_that_works_finds_nothing() {
        assert_eq!(found(&presented(), &[("45.33.32.1", answered(200, Body::Expected))]), Vec::<&str>::new());
    }

    #[test]
    fn each_fault_has_its_rule() {
        let redirect = |fault| End::BadRedirect { url: String::new(), status: 303, location: "/login".into(), fault };
        for (visits, id) in [
            (vec![], "http01-probe-name"),
            (vec![("45.33.32.1", silent(Silence::NobodyListens))], "http01-probe-connection"),
            (vec![("45.33.32.1", silent(Silence::Reset))], "http01-probe-connection"),
            (vec![("45.33.32.1", silent(Silence::EmptyReply))], "http01-probe-no-http"),
            (vec![("45.33.32.1", silent(Silence::TlsOnPlainPort))], "http01-probe-no-http"),
            (vec![("45.33.32.1", redirect(RedirectFault::Status))], "http01-probe-redirect"),
            (vec![("45.33.32.1", answered(404, Body::Other))], "http01-probe-answer"),
            (vec![("45.33.32.1", answered(200, Body::OtherAccount))], "http01-probe-answer"),
            (vec![("45.33.32.1", answered(200, Body::ExpectedThenSpace))], "http01-probe-answer"),
            (
                vec![("2606:4700::1", answered(404, Body::Other)), ("45.33.32.1", answered(200, Body::Expected))],
                "http01-probe-addresses-differ",
            ),
            (
                vec![("45.33.32.1", answered(200, Body::Expected)), ("45.33.32.2", answered(404, Body::Other))],
                "http01-probe-one-address",
            ),
        ] {
            assert_eq!(found(&presented(), &visits), [id], "{visits:?}");
        }
    }

    #[test]
    fn silence_that_may_be_this_machines_own_fault_is_no_finding() {
        let timed_out = [("45.33.32.1", silent(Silence::ConnectTimedOut))];
        assert_eq!(found(&presented(), &timed_out), Vec::<&str>::new());
    }

    #[test]
    fn a_young_route_has_its_time() {
        let young = presented().later(-3);
        assert_eq!(found(&young, &[("45.33.32.1", answered(404, Body::Other))]), Vec::<&str>::new());
        let refused = found(&young, &[("45.33.32.1", silent(Silence::NobodyListens))]);
        assert_eq!(refused, ["http01-probe-connection"], "a port does not open for a route");
    }

    #[test]
    fn the_word_of_those_who_decide_comes_first() {
        let heard = Specimen::http01().later(3).broken(|objects| {
            objects.challenges.truncate(1);
            objects.challenge().status.reason =
                "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'".into();
        });
        let ids = found(&heard, &[("45.33.32.1", answered(404, Body::Other))]);
        assert_eq!(ids, ["http01-404"]);
    }

    #[test]
    fn what_was_not_asked_is_withheld() {
        assert!(presented().judge().withheld.is_empty(), "nobody asked");
        let specimen = presented();
        let inventory = Inventory::new(specimen.objects.clone());
        let chain = crate::chain::Chain::of(&inventory, &specimen.subject);
        let other = Probed::default();
        let report = crate::report::TargetReport::judge(&Facts::new(&inventory, chain, specimen.now).with(&other));
        let gap = report.withheld.iter().find(|withheld| withheld.rule.id == "http01-probe-answer").unwrap();
        assert_eq!(gap.gap.needs, "--probe=http01");
        assert!(Specimen::healthy().judge().withheld.is_empty());
    }
}

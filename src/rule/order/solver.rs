//! Orders for which no solver of the issuer fits: cert-manager's choice is played again, name by name.

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, acme, issuer_ref};
use crate::api::{AcmeIssuer, AcmeSolver, AcmeState, Authorization, Object, Order};
use crate::chain::names::{NoChallenge, candidate, choose, planned_challenges};
use crate::engine::solver::{Method, Mismatch, Wanted, judge as judge_solver};
use crate::fact::Fact;
use crate::facts::{Facts, gap};
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::Withheld;

/// How long an opened Order may be without Challenges: they are made at once.
const GRACE_SECONDS: i64 = 60;

pub static NO_SOLVER: Rule = Rule {
    id: "order-no-solver",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "no solver of the issuer fits a name of the order",
    doc: include_str!("../../../docs/rules/order-no-solver.md"),
    needs: &[Kind::Order, Kind::ClusterIssuer, Kind::Issuer, Kind::Event],
    explains: &[],
    judge: no_solver,
};

fn no_solver(facts: &Facts) -> Judgement {
    let node = facts.order()?;
    let order = node.order;
    let open = matches!(order.status.state, None | Some(AcmeState::Pending)) && !order.status.url.is_empty();
    if !open || !node.challenges.is_empty() {
        return Ok(vec![]);
    }
    let said = facts.fresh_event(order, "Solver", order.created()).and_then(|event| event.message.as_deref());
    let replayed = acme(facts).filter(|_| !order.status.authorizations.is_empty()).map(|acme| replay(order, acme));
    let misses = match (replayed, said) {
        (Some(misses), Some(_)) => misses,
        (Some(misses), None) if facts.is_older_than(order.created(), GRACE_SECONDS) => misses,
        (None, Some(words)) => return Ok(vec![unseen(order, facts, words)]),
        (None, None) if facts.is_older_than(order.created(), GRACE_SECONDS) => return undetermined(facts),
        (Some(_) | None, None) => return Ok(vec![]),
    };
    match (misses.first(), said) {
        (Some(_), _) => Ok(misses.iter().map(|miss| finding(miss, order, facts, said)).collect()),
        (None, Some(words)) => Ok(vec![mended(order, facts, words)]),
        (None, None) => Ok(vec![]),
    }
}

/// The Order waits without Challenges, no event tells why, and the issuer was not seen.
fn undetermined(facts: &Facts) -> Judgement {
    match &facts.chain.issuer {
        Fact::Seen(_) | Fact::Absent => Ok(vec![]),
        unseen @ (Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
            let kind = issuer_ref(facts).map_or(Kind::Issuer, |issuer| issuer.kind);
            Err(Withheld::Undetermined(gap(unseen, kind)))
        }
    }
}

/// What follows for the issuance.
const STOPS: &str = "Without a solver for each of its names cert-manager makes no Challenge at all, and it does not look at the \
                     Order again: after the cause is mended a new Order is needed.";

/// A name that no solver can answer for, and why.
struct Miss {
    name: String,
    why: Why,
    /// Why each solver is out of the question, in words.
    solvers: Vec<String>,
}

/// The reason that decides what to do.
enum Why {
    /// The issuer has none.
    NoSolvers,
    /// Solvers without a method: their fields stand at the wrong depth.
    NoMethod,
    /// Wildcards are proven by DNS-01 only, and no solver does that.
    Wildcard,
    /// The CA offers only challenges that no solver answers.
    Offers(String),
    /// Labels that a selector asks for and the Order does not have.
    Labels(Vec<(String, String)>),
    /// Selectors that hold neither the name nor its zone; the zone that one of them means, but spells with a star.
    Selector(Option<String>),
    /// The solver fits, and the Order's annotations contradict it or each other.
    Annotations(NoChallenge),
}

fn replay(order: &Order, acme: &AcmeIssuer) -> Vec<Miss> {
    planned_challenges(order, acme)
        .into_iter()
        .filter_map(|(authorization, planned)| {
            let error = planned.err()?;
            let name = wanted_name(authorization);
            Some(match choose(order, acme, authorization) {
                Some(_) => Miss { name, why: Why::Annotations(error), solvers: Vec::new() },
                None => miss(order, acme, authorization, name),
            })
        })
        .collect()
}

fn miss(order: &Order, acme: &AcmeIssuer, authorization: &Authorization, name: String) -> Miss {
    let offers: Vec<_> = authorization.challenges.iter().map(|offer| Method::from_offer(&offer.type_)).collect();
    let labels = order.metadata.labels.clone().unwrap_or_default();
    let wanted = Wanted { domain: &name, offers: &offers, labels: &labels };
    let verdicts: Vec<_> =
        acme.solvers.iter().map(|solver| (solver, judge_solver(&wanted, &candidate(solver)).err())).collect();
    let missing_labels = |solver: &AcmeSolver| -> Vec<(String, String)> {
        let wanted = solver.selector.as_ref().map(|selector| selector.match_labels.clone()).unwrap_or_default();
        wanted.into_iter().filter(|(key, value)| labels.get(key) != Some(value)).collect()
    };
    let solvers = verdicts
        .iter()
        .enumerate()
        .map(|(index, (solver, mismatch))| {
            let words = mismatch
                .map_or_else(String::new, |mismatch| in_the_way(solver, mismatch, &name, &missing_labels(solver)));
            format!("solver {} ({}): {words}", index + 1, methods(solver))
        })
        .collect();
    let any =
        |wanted: Mismatch| verdicts.iter().find(|(_, mismatch)| *mismatch == Some(wanted)).map(|(solver, _)| *solver);
    let why = if acme.solvers.is_empty() {
        Why::NoSolvers
    } else if acme.solvers.iter().all(|solver| candidate(solver).methods.is_empty()) {
        Why::NoMethod
    } else if any(Mismatch::Names).is_some() || any(Mismatch::Zones).is_some() {
        Why::Selector(acme.solvers.iter().find_map(|solver| starred_zone(solver, &name)))
    } else if let Some(solver) = any(Mismatch::Labels) {
        Why::Labels(missing_labels(solver))
    } else if authorization.wildcard == Some(true) {
        Why::Wildcard
    } else {
        let offered: Vec<_> = offers.iter().flatten().map(|method| method.as_str()).collect();
        Why::Offers(offered.join(" and "))
    };
    Miss { name, why, solvers }
}

/// The identifier as selectors see it: with its star.
fn wanted_name(authorization: &Authorization) -> String {
    let star = if authorization.wildcard == Some(true) { "*." } else { "" };
    format!("{star}{}", authorization.identifier)
}

fn methods(solver: &AcmeSolver) -> String {
    let methods: Vec<_> = candidate(solver).methods.iter().map(|method| method.as_str()).collect();
    if methods.is_empty() { "neither http01 nor dns01".into() } else { methods.join(", ") }
}

/// Why one solver is passed over, with the pitfall where it is one.
fn in_the_way(solver: &AcmeSolver, mismatch: Mismatch, name: &str, missing: &[(String, String)]) -> String {
    let selector = solver.selector.clone().unwrap_or_default();
    match mismatch {
        Mismatch::Method => format!("the CA offers no such challenge for {name}"),
        Mismatch::Labels => {
            let labels: Vec<_> = missing.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!(
                "matchLabels wants {}, and the Order (which has the Certificate's labels) has it not",
                labels.join(", ")
            )
        }
        Mismatch::Names => {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            let near = selector.dns_names.iter().find(|own| {
                own.strip_prefix("*.").unwrap_or(own).eq_ignore_ascii_case(bare)
                    || own.strip_prefix("*.").is_some_and(|zone| name.ends_with(&format!(".{zone}")))
            });
            match near {
                Some(near) => format!("dnsNames is compared to the letter, and {near} is not {name}"),
                None => format!("dnsNames does not list {name}"),
            }
        }
        Mismatch::Zones => match starred_zone(solver, name) {
            Some(zone) => format!("dnsZones has *.{zone}, where the star is taken to the letter: write {zone}"),
            None => format!("{name} lies in none of dnsZones ({})", selector.dns_zones.join(", ")),
        },
    }
}

/// A zone of the solver that would hold the name, if it were written without its star.
fn starred_zone(solver: &AcmeSolver, name: &str) -> Option<String> {
    let zones = solver.selector.iter().flat_map(|selector| &selector.dns_zones);
    let mut bare = zones.filter_map(|zone| zone.strip_prefix("*."));
    bare.find(|zone| name == *zone || name.ends_with(&format!(".{zone}"))).map(str::to_owned)
}

fn finding(miss: &Miss, order: &Order, facts: &Facts, said: Option<&str>) -> Finding {
    let issuer = issuer_ref(facts).map_or_else(|| "the issuer".to_owned(), |issuer| issuer.to_string());
    let name = &miss.name;
    let summary = match &miss.why {
        Why::NoSolvers => format!("{issuer} has no solvers, so nothing can prove {name}"),
        Why::NoMethod => {
            format!("the solvers of {issuer} have neither http01 nor dns01 at their top: wrong indentation")
        }
        Why::Wildcard => format!("{name} can be proven by DNS-01 only, and {issuer} has no dns01 solver for it"),
        Why::Offers(offered) if offered.is_empty() => {
            format!("for {name} the CA offers no challenge that cert-manager knows")
        }
        Why::Offers(offered) => format!("for {name} the CA offers {offered} only, and {issuer} has no such solver"),
        Why::Labels(_) => {
            format!("no solver of {issuer} fits {name}: the selectors want labels that the Certificate has not")
        }
        Why::Selector(_) => format!("no solver of {issuer} fits {name}: every selector excludes it"),
        Why::Annotations(error) => format!("the annotations of the Certificate leave no solver for {name}: {error}"),
    };
    let mut finding = NO_SOLVER.on(order.objref()).says(summary).because(STOPS);
    if let Some(words) = said {
        finding = finding.evidence(Witness::Event(Kind::Order, "Solver".into()), words);
    }
    for solver in &miss.solvers {
        finding = finding.evidence(Witness::Computed, solver);
    }
    if let Why::Annotations(error) = &miss.why {
        finding = finding
            .evidence(Witness::Metadata(Kind::Order), format!("annotations under acme.cert-manager.io/: {error}"));
    }
    with_new_request(finding.fix(fix(miss, &issuer, facts)), facts)
}

fn fix(miss: &Miss, issuer: &str, facts: &Facts) -> Fix {
    let bare = miss.name.strip_prefix("*.").unwrap_or(&miss.name);
    match &miss.why {
        Why::NoSolvers | Why::NoMethod => Fix::patch(
            format!("give {issuer} a solver, http01 or dns01 directly under the dash"),
            "spec:\n  acme:\n    solvers:\n    - http01:\n        ingress:\n          ingressClassName: nginx",
        ),
        Why::Wildcard => Fix::patch(
            format!("add a dns01 solver for the zone to {issuer}, beside the others"),
            format!(
                "spec:\n  acme:\n    solvers:\n    # the solvers so far\n    - selector:\n        dnsZones:\n        - {bare}\n      dns01:\n        # the provider of the zone and its credentials\n        cloudflare:\n          apiTokenSecretRef:\n            name: cloudflare-token\n            key: api-token"
            ),
        ),
        Why::Offers(offered) => Fix::manual(format!(
            "add a solver for {} to {issuer}; an authorization from before is reused as it is for up to 30 days",
            if offered.is_empty() { "what the CA offers" } else { offered }
        )),
        Why::Labels(labels) => {
            let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            match facts.certificate() {
                Ok(certificate) => Fix::command(
                    "give the Certificate the labels (on an Ingress: label the Ingress), or drop matchLabels",
                    format!(
                        "kubectl label certificate {}{} {}",
                        certificate.name(),
                        certificate.objref().namespace_flag(),
                        pairs.join(" ")
                    ),
                ),
                Err(_) => Fix::manual(format!("give the CertificateRequest the labels {}", pairs.join(", "))),
            }
        }
        Why::Selector(zone) => Fix::patch(
            format!("let a selector of {issuer} cover the name: a zone without a star, or no selector at all"),
            format!(
                "spec:\n  acme:\n    solvers:\n    - selector:\n        dnsZones:\n        - {}\n      # the method of this solver as before",
                zone.as_deref().unwrap_or(bare)
            ),
        ),
        Why::Annotations(_) => Fix::manual(
            "keep one of the acme.cert-manager.io/http01-override- annotations, or both parentref annotations",
        ),
    }
}

/// The event is there and the issuer is not.
fn unseen(order: &Order, facts: &Facts, words: &str) -> Finding {
    let names: Vec<_> = order.status.authorizations.iter().map(wanted_name).collect();
    let finding = NO_SOLVER
        .on(order.objref())
        .says(format!("no solver of the issuer fits a name of this order ({})", names.join(", ")))
        .because(STOPS)
        .evidence(Witness::Event(Kind::Order, "Solver".into()), words);
    let fix = match issuer_ref(facts) {
        Some(issuer) => Fix::command(
            "compare the selectors with the names; wildcards need dns01",
            format!(
                "kubectl get {}{} -o jsonpath='{{.spec.acme.solvers}}'",
                issuer.kubectl_name(),
                issuer.namespace_flag()
            ),
        ),
        None => Fix::manual("compare the issuer's selectors with the names; wildcards need dns01"),
    };
    with_new_request(finding.fix(fix), facts)
}

/// The solvers fit by now, but cert-manager looks at such an Order only once.
fn mended(order: &Order, facts: &Facts, words: &str) -> Finding {
    let finding = NO_SOLVER
        .on(order.objref())
        .says(format!(
            "{} found no solver when it was made; the issuer has one now, and the Order is not looked at again",
            order.objref()
        ))
        .evidence(Witness::Event(Kind::Order, "Solver".into()), words)
        .evidence(Witness::Computed, "with the solvers of now, every name of the order finds one");
    with_new_request(finding, facts)
}

/// cert-manager does not come back to an Order without a solver: only a new one helps.
fn with_new_request(finding: Finding, facts: &Facts) -> Finding {
    let Ok(node) = facts.request() else { return finding };
    let request = node.request.objref();
    finding.fix(Fix::command(
        "then delete the request: the Order is not tried again, a new one is made",
        format!("kubectl delete certificaterequest {}{}", request.name, request.namespace_flag()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Selector;
    use crate::api::solver::{Dns01Solver, Http01Solver};
    use crate::facts::specimen::Specimen;

    fn solver(http01: bool, selector: Option<Selector>) -> AcmeSolver {
        AcmeSolver {
            selector,
            http01: http01.then(Http01Solver::default),
            dns01: (!http01).then(Dns01Solver::default),
            ..AcmeSolver::default()
        }
    }

    fn zones(zones: &[&str]) -> Selector {
        Selector { dns_zones: zones.iter().map(|zone| (*zone).to_owned()).collect(), ..Selector::default() }
    }

    fn names(names: &[&str]) -> Selector {
        Selector { dns_names: names.iter().map(|name| (*name).to_owned()).collect(), ..Selector::default() }
    }

    /// An Order for www.shop.example.com that waits without Challenges.
    fn waiting(solvers: Vec<AcmeSolver>) -> Specimen {
        Specimen::http01().later(2).broken(|objects| {
            objects.challenges.clear();
            objects.order().status.authorizations.truncate(1);
            objects.cluster_issuer().spec.acme.as_mut().unwrap().solvers = solvers;
        })
    }

    #[test]
    fn the_reason_is_found_by_playing_the_choice_again() {
        let labels =
            Some(Selector { match_labels: [("team".to_owned(), "shop".to_owned())].into(), ..Selector::default() });
        for (what, solvers, part) in [
            ("none", vec![], "has no solvers"),
            ("wrong depth", vec![AcmeSolver::default()], "wrong indentation"),
            ("labels", vec![solver(true, labels)], "labels that the Certificate has not"),
            ("zone", vec![solver(true, Some(zones(&["example.org"])))], "every selector excludes it"),
            ("name", vec![solver(true, Some(names(&["example.com"])))], "every selector excludes it"),
        ] {
            let judged = waiting(solvers);
            assert_eq!(judged.root(), Some("order-no-solver"), "{what}");
            let report = judged.judge();
            assert!(report.headline.contains(part), "{what}: {}", report.headline);
            assert_eq!(report.next.unwrap().what, "nothing more happens by itself before somebody acts on the cause");
        }
        assert!(!waiting(vec![solver(true, Some(zones(&["example.com"])))]).ids().contains(&"order-no-solver"));
    }

    #[test]
    fn a_wildcard_needs_dns01() {
        let wild = |solvers| {
            waiting(solvers).broken(|objects| {
                let authorization = &mut objects.order().status.authorizations[0];
                authorization.wildcard = Some(true);
                authorization.identifier = "example.com".into();
                authorization.challenges.retain(|offer| offer.type_ == "dns-01");
            })
        };
        let http_only = wild(vec![solver(true, None)]);
        assert!(
            http_only.judge().headline.contains("*.example.com can be proven by DNS-01 only"),
            "{}",
            http_only.judge().headline
        );
        let starred = wild(vec![
            solver(false, Some(zones(&["*.example.com.br", "*.org"]))),
            solver(false, Some(names(&["example.com"]))),
        ]);
        let report = starred.judge();
        let texts: Vec<_> = report.findings[0].evidence.iter().map(|evidence| evidence.text.as_str()).collect();
        assert!(texts[1].contains("example.com is not *.example.com"), "{texts:?}");
        assert!(!wild(vec![solver(false, None)]).ids().contains(&"order-no-solver"));
    }

    #[test]
    fn a_star_in_a_zone_is_a_pitfall() {
        let report = waiting(vec![solver(true, Some(zones(&["*.example.com"])))]).judge();
        assert!(report.findings[0].evidence[0].text.contains("the star is taken to the letter: write example.com"));
    }

    #[test]
    fn a_reused_authorization_may_offer_one_type_only() {
        let reused = waiting(vec![solver(true, None)]).broken(|objects| {
            objects.order().status.authorizations[0].challenges.retain(|offer| offer.type_ == "dns-01");
        });
        assert!(reused.judge().headline.contains("offers dns-01 only"), "{}", reused.judge().headline);
    }

    #[test]
    fn a_young_order_is_left_alone_and_an_unseen_issuer_is_a_gap() {
        let young = Specimen::http01().broken(|objects| {
            objects.challenges.clear();
            objects.cluster_issuer().spec.acme.as_mut().unwrap().solvers.clear();
        });
        assert!(!young.ids().contains(&"order-no-solver"));
        let unseen = waiting(vec![]).broken(|objects| objects.cluster_issuers.clear());
        assert!(unseen.judge().withheld.iter().any(|withheld| withheld.rule.id == "order-no-solver"));
    }

    #[test]
    fn an_order_with_challenges_has_found_its_solvers() {
        let edited = Specimen::http01().later(2).broken(|objects| {
            objects.cluster_issuer().spec.acme.as_mut().unwrap().solvers.clear();
        });
        assert!(!edited.ids().contains(&"order-no-solver"));
    }

    #[test]
    fn the_event_speaks_without_the_issuer_and_after_it_was_mended() {
        let event = |specimen: Specimen| {
            let order = specimen.objects.orders[0].clone();
            specimen.with(&format!(
                "{{apiVersion: v1, kind: Event, metadata: {{name: e, namespace: shop}}, reason: Solver, type: Warning, \
                 involvedObject: {{kind: Order, namespace: shop, name: {}, uid: {}}}, \
                 message: 'Failed to determine a valid solver configuration', lastTimestamp: '2026-11-22T06:30:00Z'}}",
                order.name(),
                order.uid().unwrap()
            ))
        };
        let unseen = event(waiting(vec![])).broken(|objects| objects.cluster_issuers.clear());
        assert_eq!(unseen.root(), Some("order-no-solver"));
        let mended = event(waiting(vec![solver(true, None)]));
        assert!(mended.judge().headline.contains("the issuer has one now"), "{}", mended.judge().headline);
    }
}

//! A record that was written and is not seen: slow DNS, the wrong zone, or two views of one name.
//!
//! Only asking the name servers can tell these apart, so what is said here ends with how to ask them.

use super::validation::with_renewal;
use super::{
    Family, Judgement, Matter, Nature, Outlook, Phase, Rule, Severity, Trouble, each, is_within, quoted, zone_not_found,
};
use crate::api::Object;
use crate::duration::human;
use crate::facts::{Component, Facts, Workload};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

/// How long a record may take to reach every server before it is worth a word. Minutes are normal.
pub(super) const PATIENCE_SECONDS: i64 = 5 * 60;

/// From here on slowness is no explanation any more.
const SLOWNESS_ENDS_SECONDS: i64 = 60 * 60;

pub static NOT_PROPAGATED: Rule = Rule {
    id: "dns01-not-propagated",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "the TXT record was written but is not seen at every name server",
    doc: include_str!("../../../docs/rules/dns01-not-propagated.md"),
    needs: &[Kind::Challenge, Kind::Deployment],
    explains: &[],
    judge: not_propagated,
};

fn not_propagated(facts: &Facts) -> Judgement {
    each(facts, Matter::NotPropagated, |facts, trouble| {
        let waited = human(facts.since(trouble.began().unwrap_or(facts.now)));
        let record = trouble.record();
        let mut finding = trouble
            .finding(&NOT_PROPAGATED)
            .says(format!("{waited} after it was written, cert-manager does not see the TXT record of {}", trouble.names()))
            .because(format!(
                "The provider took the record for {record}, and cert-manager waits until every name server that it asks \
                 returns it. Minutes are normal. Where it stays away, the record is in another zone or account than \
                 the public name servers serve, some server did not take it over, or {record} is a CNAME to elsewhere. \
                 cert-manager asks again every 10 seconds and never gives up by itself."
            ));
        if let Some(asks) = asks(facts, trouble) {
            finding = finding.evidence(asks.witness(), asks.words());
        }
        if facts.is_older_than(trouble.began(), SLOWNESS_ENDS_SECONDS) {
            finding = finding.outlook(Outlook::UntilMended);
        }
        finding = finding.fix(ask_every_server(&record)).fix(expected_value(trouble)).fix(Fix::manual(format!(
            "if no server has it: see in which zone and account {} wrote it",
            provider(trouble)
        )));
        if trouble.solver.acme_dns.is_some() {
            finding = finding.fix(Fix::manual(format!(
                "with acme-dns, {record} must be a CNAME to the 'fulldomain' of the registered account"
            )));
        }
        finding
    })
}

pub static SPLIT_HORIZON: Rule = Rule {
    id: "dns01-split-horizon",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "cert-manager and the CA seem to see two different versions of the zone",
    doc: include_str!("../../../docs/rules/dns01-split-horizon.md"),
    needs: &[Kind::Challenge, Kind::Deployment, Kind::Event],
    explains: &[],
    judge: split_horizon,
};

fn split_horizon(facts: &Facts) -> Judgement {
    each(facts, Matter::SplitHorizon, |facts, trouble| {
        let finding = trouble.finding(&SPLIT_HORIZON);
        let asks = asks(facts, trouble);
        let finding = match &asks {
            Some(asks) => finding.evidence(asks.witness(), asks.words()),
            None => finding,
        };
        let record = trouble.record();
        let finding = match (trouble.phase, nearer_zone(trouble)) {
            (Phase::Present, Some((found, meant))) => finding
                .says(format!("cert-manager takes {found} for the zone of {}, but the solver is for {meant}", trouble.names()))
                .because(format!(
                    "The zone is the nearest name upwards for which cert-manager's resolver returns an SOA record. That \
                     {found} has one of its own points to an internal zone (CoreDNS, a private zone of the cloud) or \
                     to a delegated sub-zone; the provider has no such public zone, so the record is not written."
                ))
                .fix(compare_soa(&found)),
            (Phase::Validation, _) => finding
                .says(format!("cert-manager saw the TXT record of {}, the CA did not", trouble.names()))
                .because(
                    "cert-manager tells the CA to look only after its own check has passed. That the CA then found \
                     nothing means that the check was answered by other name servers than the public ones, or that \
                     some public servers lag behind. The authorization is over; a new issuance is needed.",
                )
                .fix(ask_every_server(&record)),
            (Phase::Present | Phase::SelfCheck, _) => {
                let waited = human(facts.since(trouble.began().unwrap_or(facts.now)));
                finding
                    .says(format!(
                        "cert-manager has not seen the TXT record of {} for {waited}: its resolver may not see the public zone",
                        trouble.names()
                    ))
                    .because(
                        "No DNS is that slow. Unless told otherwise, cert-manager finds the zone and its name servers \
                         through the cluster's own resolver. If that one holds a zone of the same name (a CoreDNS \
                         stanza, a private zone, a mesh that captures DNS), the check asks servers that never get the \
                         record. If the public servers have the record, this is the cause; if they have not, it was \
                         written to another zone or account.",
                    )
                    .fix(ask_every_server(&record))
                    .fix(expected_value(trouble))
            }
        };
        let finding =
            if asks.is_some_and(|asks| asks.only_recursive) { finding } else { finding.fix(ask_public_servers()) };
        if trouble.phase == Phase::Validation { with_renewal(finding, facts) } else { finding }
    })
}

/// Whether a failing self check is old enough, and cert-manager asks in a way that could mislead it.
pub(super) fn suspects_split_horizon(facts: &Facts, trouble: &Trouble) -> bool {
    let asks_public = asks(facts, trouble).is_some_and(|asks| asks.only_recursive);
    trouble.words.contains("not yet propagated")
        && facts.is_older_than(trouble.began(), SLOWNESS_ENDS_SECONDS)
        && !asks_public
        && trouble.solver.acme_dns.is_none()
}

/// The zone that the provider was asked for and the zone that the solver is meant for, where the first lies
/// below the second: a nearer SOA record was in the way.
pub(super) fn nearer_zone(trouble: &Trouble) -> Option<(String, String)> {
    let found = zone_not_found(&trouble.words)?;
    let selected = trouble.challenge.spec.solver.selector.iter().flat_map(|selector| selector.dns_zones.iter());
    let hosted = [
        trouble.solver.azure_dns.as_ref().map(|azure| &azure.hosted_zone_name),
        trouble.solver.cloud_dns.as_ref().map(|google| &google.hosted_zone_name),
    ];
    let meant = selected
        .chain(hosted.into_iter().flatten())
        .filter(|zone| is_within(trouble.dns_name(), zone))
        .max_by_key(|zone| zone.len())?;
    let below = is_within(found, meant) && !is_within(meant, found) && is_within(trouble.dns_name(), found);
    below.then(|| (found.to_owned(), meant.clone()))
}

/// Whom the check asks, as far as the controller's arguments tell.
struct Asks {
    only_recursive: bool,
    flags: String,
    from_solver: bool,
}

impl Asks {
    fn witness(&self) -> Witness {
        if self.from_solver {
            Witness::Spec(Kind::Challenge, "solver.dns01.nameservers")
        } else {
            Witness::Spec(Kind::Deployment, "template.spec.containers[].args")
        }
    }

    fn words(&self) -> String {
        if self.flags.is_empty() {
            "no --dns01-recursive-nameservers: the resolver of the cluster is asked".into()
        } else {
            self.flags.clone()
        }
    }
}

/// `None` if neither the solver nor the controller's Deployment tells.
fn asks(facts: &Facts, trouble: &Trouble) -> Option<Asks> {
    let servers = &trouble.solver.nameservers;
    if !servers.is_empty() {
        return Some(Asks { only_recursive: true, flags: servers.join(", "), from_solver: true });
    }
    let installation = facts.installation();
    let controller = installation.of_component(Component::Controller).next()?;
    let args = controller.args();
    // A configuration file may hold the same settings, and is not among the objects.
    if args.iter().any(|arg| arg.starts_with("--config=")) {
        return None;
    }
    let flags: Vec<_> = args.iter().copied().filter(|arg| arg.starts_with("--dns01-recursive-nameservers")).collect();
    Some(Asks { only_recursive: is_recursive_only(controller), flags: flags.join(" "), from_solver: false })
}

fn is_recursive_only(controller: &Workload) -> bool {
    const FLAG: &str = "dns01-recursive-nameservers-only";
    let bare = controller.args().contains(&"--dns01-recursive-nameservers-only");
    let given = controller.flag("dns01-recursive-nameservers").is_some_and(|servers| !servers.is_empty());
    given && (bare || controller.flag(FLAG).is_some_and(|value| value == "true"))
}

/// The servers to ask are found from the zone's SOA record, past the local resolver.
pub(super) fn ask_every_server(record: &str) -> Fix {
    let record = quoted(record);
    Fix::command(
        "ask each public name server of the zone for the record",
        format!(
            "n={record}; z=$(dig @1.1.1.1 +noall +answer +authority SOA \"$n\" | awk '$4==\"SOA\"{{print $1; exit}}'); \
             for s in $(dig @1.1.1.1 +short NS \"$z\"); do echo \"$s\" $(dig +short TXT \"$n\" @\"$s\"); done"
        ),
    )
}

fn expected_value(trouble: &Trouble) -> Fix {
    Fix::command(
        "print the value that must be among the answers",
        format!(
            "kubectl get {}{} -o jsonpath='{{.spec.key}}'",
            trouble.challenge.objref().kubectl_name(),
            trouble.namespace_flag()
        ),
    )
}

fn compare_soa(zone: &str) -> Fix {
    Fix::command(
        "ask a public resolver for that zone: no answer means that only your own DNS has it",
        format!("dig @1.1.1.1 +short SOA {}", quoted(zone)),
    )
}

/// What makes cert-manager look past the cluster's own DNS.
pub(super) fn ask_public_servers() -> Fix {
    Fix::patch(
        "let cert-manager ask public resolvers only (values of its Helm chart)",
        "dns01RecursiveNameservers: \"1.1.1.1:53,9.9.9.9:53\"\ndns01RecursiveNameserversOnly: true\n",
    )
}

fn provider(trouble: &Trouble) -> &'static str {
    trouble.solver.provider().unwrap_or("the solver")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{invalid, refused, says, unseen};
    use crate::facts::specimen::Specimen;

    const WORDS: &str = "DNS record for \"web.example.com\" not yet propagated";

    const CONTROLLER: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cert-manager, namespace: cert-manager}\n\
        spec: {selector: {matchLabels: {app: cm}}, template: {spec: {containers: [{name: cert-manager-controller, \
        image: 'quay.io/jetstack/cert-manager-controller:v1.19.1', args: [--v=2 ARGS]}]}}}\n";

    fn controller(args: &str) -> String {
        CONTROLLER.replace(" ARGS", args)
    }

    #[test]
    fn minutes_are_normal() {
        assert_eq!(unseen(4, WORDS).ids(), Vec::<&str>::new());
        assert_eq!(unseen(6, WORDS).root(), Some("dns01-not-propagated"));
    }

    #[test]
    fn an_hour_is_not() {
        assert_eq!(unseen(59, WORDS).root(), Some("dns01-not-propagated"));
        assert_eq!(unseen(61, WORDS).root(), Some("dns01-split-horizon"));
    }

    #[test]
    fn one_that_asks_public_servers_only_has_no_second_horizon() {
        let only = controller(", '--dns01-recursive-nameservers=1.1.1.1:53', --dns01-recursive-nameservers-only");
        assert_eq!(unseen(90, WORDS).with(&only).root(), Some("dns01-not-propagated"));
        let both = controller(", '--dns01-recursive-nameservers=1.1.1.1:53', --dns01-recursive-nameservers-only=false");
        assert_eq!(unseen(90, WORDS).with(&both).root(), Some("dns01-split-horizon"));
    }

    #[test]
    fn the_controllers_own_resolver_is_evidence() {
        let finding = &unseen(90, WORDS).with(&controller("")).judge().findings[0];
        assert!(finding.evidence.iter().any(|evidence| evidence.text.contains("resolver of the cluster")));
        let hidden = unseen(90, WORDS).with(&controller(", '--config=/etc/config.yaml'")).judge();
        assert_eq!(hidden.findings[0].evidence.len(), 1);
    }

    #[test]
    fn a_zone_nearer_than_the_solvers_is_a_second_horizon() {
        let words = "failed to determine Route 53 hosted zone ID: zone web.example.com. not found in Route 53 for domain \
                     _acme-challenge.web.example.com.";
        let with_selector = |zone: &str| {
            let zone = zone.to_owned();
            refused("route53: {region: eu-west-1}", words).broken(move |objects| {
                objects.challenge().spec.solver.selector =
                    Some(crate::api::Selector { dns_zones: vec![zone], ..Default::default() });
            })
        };
        assert_eq!(with_selector("example.com").root(), Some("dns01-split-horizon"));
        assert_eq!(with_selector("web.example.com").root(), Some("dns01-route53"));
    }

    #[test]
    fn a_ca_that_finds_nothing_saw_another_zone() {
        let lost = invalid(
            "400 urn:ietf:params:acme:error:unauthorized: No TXT record found at _acme-challenge.web.example.com",
        );
        assert_eq!(lost.root(), Some("dns01-split-horizon"));
        assert!(says(&lost).contains("the CA did not"), "{}", says(&lost));
    }

    #[test]
    fn waiting_without_a_self_check_is_no_fault() {
        let waiting = Specimen::dns01().later(30).broken(|objects| {
            objects.challenge().status.reason =
                "Waiting 1h0m0s before accepting DNS-01 challenge without self-check".into();
        });
        assert_eq!(waiting.root(), Some("issuance-stalled"));
    }
}

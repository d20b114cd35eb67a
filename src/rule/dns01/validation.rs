//! The CA, or a name server of the zone, does not accept what the zone says.
//!
//! The words are Let's Encrypt's (boulder) as cert-manager hands them on, or those of cert-manager's self check.

use super::propagation::ask_every_server;
use super::{Family, Judgement, Matter, Nature, Outlook, Phase, Rule, Severity, each, has_any, quoted, word_after};
use crate::api::Object;
use crate::facts::Facts;
use crate::finding::{Finding, Fix};
use crate::objref::Kind;
use crate::rule::progress::renew;

/// What the CA's words about a DNS-01 challenge come to. `None` for what is not about its TXT record.
pub(super) fn matter(words: &str) -> Option<Matter> {
    if has_any(words, &["looking up CAA", "CAA record"]) {
        None
    } else if words.contains("Incorrect TXT record") {
        Some(Matter::StaleTxt)
    } else if has_any(words, &["No TXT record found", "NXDOMAIN looking up TXT"]) {
        Some(Matter::SplitHorizon)
    } else if words.contains("looking up TXT") || words.contains("DNSSEC") {
        Some(Matter::BrokenZone)
    } else {
        None
    }
}

/// Server and rcode of `NS ns1.example.com.:53 returned REFUSED for _acme-challenge.example.com.`.
pub(super) fn refusing_server(words: &str) -> Option<(&str, &str)> {
    let (server, after) = words.split_once("NS ")?.1.split_once(" returned ")?;
    Some((server, word_after(after, "")?))
}

pub static DNSSEC_OR_NS_BROKEN: Rule = Rule {
    id: "dns01-dnssec-or-ns-broken",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the name servers of the zone, or its DNSSEC, do not give a usable answer",
    doc: include_str!("../../../docs/rules/dns01-dnssec-or-ns-broken.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: dnssec_or_ns_broken,
};

fn dnssec_or_ns_broken(facts: &Facts) -> Judgement {
    each(facts, Matter::BrokenZone, |facts, trouble| {
        let names = trouble.names();
        let words = &trouble.words;
        let (says, because) = match refusing_server(words) {
            Some((server, rcode)) if trouble.phase == Phase::SelfCheck => (
                format!("name server {server} answers {rcode} when asked for the TXT record of {names}"),
                format!(
                    "The zone's NS records name {server}, and that server does not serve the zone. cert-manager wants \
                     the record from every name server of the zone, so a single one that refuses holds the challenge up."
                ),
            ),
            Some(_) | None if words.contains("DNSSEC") => (
                format!("the CA says that the DNSSEC of the zone of {names} does not hold"),
                "The CA validates DNSSEC and takes no answer whose signatures are wrong, missing or out of date. Resolvers \
                 that do not validate show nothing of it."
                    .to_owned(),
            ),
            Some(_) | None if has_any(words, &["timed out", "timeout"]) => (
                format!("the CA had no answer from the name servers of {names} in time"),
                "The CA asks from several places, and the name servers did not answer it. cert-manager's own check passed, \
                 so they do answer in some places."
                    .to_owned(),
            ),
            Some(_) | None => (
                format!("the CA had no usable answer from the name servers of {names}"),
                "The CA's resolver got SERVFAIL or the like: the DNSSEC of the zone does not hold, or its name servers do \
                 not answer for it. cert-manager's own check passed, so it shows in some places only."
                    .to_owned(),
            ),
        };
        let finding = trouble.finding(&DNSSEC_OR_NS_BROKEN).says(says).because(because);
        let name = quoted(&trouble.record());
        if let Some((server, _)) = refusing_server(words).filter(|_| trouble.phase == Phase::SelfCheck) {
            let host = server.trim_end_matches(":53").trim_end_matches('.');
            return finding
                .fix(Fix::command(
                    "ask that server for the zone",
                    format!("dig +norecurse SOA {} @{}", quoted(trouble.dns_name()), quoted(host)),
                ))
                .fix(Fix::manual(format!(
                    "take {host} out of the NS records (at the registrar and in the zone), or let it serve the zone"
                )))
                .fix(ask_every_server(&trouble.record()));
        }
        let finding = finding
            .fix(Fix::command(
                "ask a validating resolver with and without validation: an answer only to the second means DNSSEC",
                format!("dig @1.1.1.1 TXT {name}; dig @1.1.1.1 +cd TXT {name}"),
            ))
            .fix(ask_every_server(&trouble.record()))
            .fix(Fix::manual(
                "let the DNS operator mend it: NS records of servers that do not serve the zone, or the DS record at the registrar",
            ));
        // The next time the CA may ask at a better moment, or from a better place.
        let silent = has_any(words, &["timed out", "timeout"]);
        let finding = if silent { finding.outlook(Outlook::Unknown) } else { finding };
        if trouble.phase == Phase::Validation { with_renewal(finding, facts) } else { finding }
    })
}

pub static STALE_TXT_RECORDS: Rule = Rule {
    id: "dns01-stale-txt-records",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA found TXT records of the challenge name, but not the one of this challenge",
    doc: include_str!("../../../docs/rules/dns01-stale-txt-records.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: stale_txt_records,
};

fn stale_txt_records(facts: &Facts) -> Judgement {
    each(facts, Matter::StaleTxt, |facts, trouble| {
        let record = trouble.record();
        let more = word_after(&trouble.words, "(and ").and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
        let count = if more == 0 { "a TXT record".to_owned() } else { format!("{} TXT records", more + 1) };
        let shared = facts.challenges().is_ok_and(|nodes| {
            let same_name = nodes.iter().filter(|node| node.challenge.spec.dns_name == trouble.challenge.spec.dns_name);
            same_name.count() > 1
        });
        let because = if shared {
            format!(
                "The certificate holds {0} and *.{0}, which share one challenge name: cert-manager writes, checks and \
                 removes the value of one, then that of the other. A value that is not removed, or still cached, is \
                 what the CA finds for the second. Leftovers of an earlier issuance look the same.",
                trouble.dns_name()
            )
        } else {
            "cert-manager saw its record before it told the CA to look; the CA saw others. They are left over from a \
             challenge whose clean-up failed, or another client (a second cluster, certbot) writes to the same name."
                .to_owned()
        };
        let finding = trouble
            .finding(&STALE_TXT_RECORDS)
            .says(format!("the CA found {count} at {record}, but not the value of this challenge"))
            .because(because)
            .fix(ask_every_server(&record))
            .fix(Fix::command(
                "list the values that live Challenges want; delete every other one at the DNS provider",
                "kubectl get challenges.acme.cert-manager.io -A \
                 -o custom-columns=NAME:.spec.dnsName,VALUE:.spec.key,STATE:.status.state",
            ));
        let finding = finding.fix(Fix::patch(
            "if several names lead to one record of a provider that keeps one value a name: one challenge at a time \
             (values of cert-manager's Helm chart)",
            "maxConcurrentChallenges: 1\n",
        ));
        with_renewal(finding, facts)
    })
}

/// A Challenge that the CA refused is over; only a new issuance makes another one.
pub(super) fn with_renewal(finding: Finding, facts: &Facts) -> Finding {
    match facts.certificate() {
        Ok(certificate) => finding.fix(renew(&certificate.objref())),
        Err(_) => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{invalid, says, unseen};

    #[test]
    fn a_server_that_refuses_is_named() {
        let lame = unseen(3, "NS ns2.example.com.:53 returned REFUSED for _acme-challenge.web.example.com.");
        assert_eq!(lame.ids(), ["dns01-dnssec-or-ns-broken"]);
        assert!(says(&lame).starts_with("name server ns2.example.com.:53 answers REFUSED"), "{}", says(&lame));
    }

    #[test]
    fn what_the_ca_could_not_look_up_is_a_broken_zone() {
        let broken =
            invalid("400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up TXT for _acme-challenge.x");
        assert_eq!(broken.root(), Some("dns01-dnssec-or-ns-broken"));
        let unsigned =
            invalid("400 urn:ietf:params:acme:error:dns: DNS problem: looking up TXT for x: DNSSEC: DNSKEY Missing");
        assert!(says(&unsigned).contains("DNSSEC"), "{}", says(&unsigned));
        let slow = invalid("400 urn:ietf:params:acme:error:dns: DNS problem: query timed out looking up TXT for x");
        assert!(says(&slow).contains("in time"), "{}", says(&slow));
    }

    #[test]
    fn caa_is_another_matter() {
        let caa = invalid("400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up CAA for example.com");
        assert!(!caa.ids().contains(&"dns01-dnssec-or-ns-broken"));
    }

    #[test]
    fn values_of_others_are_counted() {
        let words = "403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record \"abc\" (and 3 more) found at \
                     _acme-challenge.web.example.com";
        let stale = invalid(words);
        assert_eq!(stale.root(), Some("dns01-stale-txt-records"));
        assert!(says(&stale).contains("4 TXT records"), "{}", says(&stale));
        let shared = invalid(words).broken(|objects| {
            let mut wildcard = objects.challenge().clone();
            wildcard.metadata.name = Some("wildcard".into());
            wildcard.spec.wildcard = true;
            wildcard.status = crate::api::ChallengeStatus::default();
            objects.challenges.push(wildcard);
        });
        assert!(shared.judge().findings[0].explanation.contains("*.web.example.com"));
    }
}

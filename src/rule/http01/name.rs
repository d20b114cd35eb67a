//! Where the name leads: no address, another machine, IPv6, or another answer in other parts of the world.
//!
//! Goes by addresses that the CA tells of and the resolver's words; it resolves nothing itself.

use std::net::IpAddr;

use super::front::{self, Compared};
use super::words::{CaSaid, NoAnswer, SelfCheck, Verdict};
use super::{Heard, heard, presented_at};
use crate::api::{ChallengeType, Object};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, ca_refusal, progress};

/// A new record takes minutes: the record's maker has to see the Ingress first, and resolvers remember absence.
const RECORD_SECONDS: i64 = 300;

pub static SECONDARY_VALIDATION: Rule = Rule {
    id: "http01-secondary-validation",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA's other vantage points get another answer than its first one",
    doc: include_str!("../../../docs/rules/http01-secondary-validation.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: and_http01_probes![],
    judge: secondary_validation,
};

/// The CA asks from several places for either type of challenge.
fn secondary_validation(facts: &Facts) -> Judgement {
    let findings = facts.challenges()?.iter().filter_map(|node| {
        let challenge = node.challenge;
        let refusal = ca_refusal::of_challenge(facts, challenge)?;
        let verdict = Verdict::read(refusal.text);
        if !verdict.is_secondary() || verdict.said == CaSaid::Caa {
            return None;
        }
        let name = &challenge.spec.dns_name;
        let what = match challenge.spec.type_ {
            ChallengeType::Dns01 => "a name server",
            ChallengeType::Http01 | ChallengeType::Unknown(_) => "the web server",
        };
        let finding = refusal
            .quote(SECONDARY_VALIDATION.on(challenge.objref()))
            .says(format!("the CA validated {name} from one place, but not from its other ones"))
            .because(format!(
                "The CA asks from several regions of the world, and most of them have to agree. The first was content, \
                 so the challenge is right, but {what} answers differently elsewhere: a block by country or network, \
                 anycast, or an unlike second server. The refusal ends this Order; cert-manager makes a new one after \
                 its back-off."
            ))
            .fix(Fix::manual(format!(
                "lift blocks by country and by network on {what} of {name}, and make all its addresses answer alike"
            )));
        Some(match facts.certificate() {
            Ok(certificate) => finding.fix(progress::renew(&certificate.objref())),
            Err(_) => finding,
        })
    });
    Ok(findings.collect())
}

pub static IPV6: Rule = Rule {
    id: "http01-ipv6",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the CA asks over IPv6, where the challenge is not served",
    doc: include_str!("../../../docs/rules/http01-ipv6.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Gateway, Kind::Event],
    explains: and_http01_probes![
        "http01-ca-cannot-connect",
        "http01-404",
        "http01-403-or-401",
        "http01-503-or-502",
        "http01-wrong-body",
        "http01-redirect-to-https",
    ],
    judge: ipv6,
};

fn ipv6(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let verdict = heard.ca()?;
        let address = verdict.address().filter(IpAddr::is_ipv6)?;
        let served = front::served_at(facts, heard.node);
        let is_unserved = match front::compare(address, &served) {
            Compared::Same => return None,
            Compared::Differs => true,
            Compared::Unknown => false,
        };
        // Without an address of the Ingress, an answer may be that of the right machine; silence speaks for itself.
        if !is_unserved && !matches!(verdict.said, CaSaid::NoAnswer(_)) {
            return None;
        }
        let name = heard.name();
        let served_words = if is_unserved {
            format!(" By the objects the host is served at {}.", served.join(", "))
        } else {
            String::new()
        };
        let mut finding = IPV6
            .on(heard.node.challenge.objref())
            .says(format!("the CA asked {name} over IPv6, at {address}, and did not find the challenge there"))
            .because(format!(
                "The name has an AAAA record, and CAs prefer IPv6: an address that nothing serves fails the challenge \
                 even where IPv4 works.{served_words} {}",
                heard.what_follows()
            ));
        finding = heard.quote(finding);
        if is_unserved {
            finding = finding
                .evidence(Witness::Computed, format!("by the objects, {name} is served at {}", served.join(", ")));
        }
        let finding = finding
            .fix(Fix::manual(format!("remove the AAAA record of {name}, or serve port 80 at {address}")))
            .fix(Fix::command(
                "ask over each protocol, from outside",
                format!("dig +short AAAA {name}\ncurl -6iL -m 10 {url}\ncurl -4iL -m 10 {url}", url = heard.url()),
            ));
        Some(heard.retry(finding, facts))
    });
    Ok(findings.collect())
}

pub static DNS: Rule = Rule {
    id: "http01-dns-missing-or-wrong",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the name has no address record, or one that leads to another machine",
    doc: include_str!("../../../docs/rules/http01-dns-missing-or-wrong.md"),
    needs: &[Kind::Challenge, Kind::Ingress, Kind::Gateway, Kind::Event],
    explains: and_http01_probes![
        "http01-self-check-cannot-reach",
        "http01-ca-cannot-connect",
        "http01-404",
        "http01-403-or-401",
        "http01-503-or-502",
        "http01-wrong-body",
        "http01-redirect-to-https",
    ],
    judge: dns,
};

fn dns(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| dns_of(facts, heard)).collect())
}

fn dns_of(facts: &Facts, heard: &Heard) -> Option<Finding> {
    let name = heard.name();
    let served = front::served_at(facts, heard.node);
    let (says, why) = if let Some(SelfCheck::NoAnswer(NoAnswer::NoSuchHost)) = heard.self_check() {
        if !facts.is_older_than(presented_at(heard.node), RECORD_SECONDS) {
            return None;
        }
        (
            format!("the cluster's resolver finds no address for {name}"),
            "Either the name has no A, AAAA or CNAME record, or the resolver that cert-manager's pod uses does not see \
             the public one."
                .to_owned(),
        )
    } else {
        let verdict = heard.ca()?;
        match &verdict.said {
            CaSaid::NoAddress => (
                format!("the CA finds no public address for {name}"),
                "The name has no A or AAAA record in the public DNS, or only private addresses.".to_owned(),
            ),
            CaSaid::LookUpFailed => (
                format!("the CA cannot look up the address of {name}: the name servers give no good answer"),
                "The zone's name servers fail, time out, or break DNSSEC, so the CA does not learn where to ask."
                    .to_owned(),
            ),
            CaSaid::Status(_) | CaSaid::Body(_) | CaSaid::NoAnswer(_) | CaSaid::Redirect(_) => {
                let address = verdict.address().filter(IpAddr::is_ipv4)?;
                if front::compare(address, &served) != Compared::Differs {
                    return None;
                }
                (
                    format!("{name} leads the CA to {address}, but the host is served at {}", served.join(", ")),
                    format!(
                        "The A record points to another machine than the one of the Ingress or Gateway. If {address} \
                         is a proxy or CDN on purpose, it has to pass the challenge path on."
                    ),
                )
            }
            CaSaid::Caa | CaSaid::Other => return None,
        }
    };
    let mut finding =
        DNS.on(heard.node.challenge.objref()).says(says).because(format!("{why} {}", heard.what_follows()));
    finding = heard.quote(finding);
    let target = served.join(", ");
    if !served.is_empty() {
        finding = finding.evidence(Witness::Computed, format!("by the objects, {name} is served at {target}"));
    }
    let to = if served.is_empty() { "the public address of the ingress controller".to_owned() } else { target };
    let finding = finding
        .fix(Fix::manual(format!(
            "point {name} to {to} in the public DNS, and let external-dns finish if it makes the record"
        )))
        .fix(Fix::command(
            "see what the public DNS says, and what the cluster says",
            format!(
                "dig +short {name} A @1.1.1.1; dig +short {name} AAAA @1.1.1.1\nkubectl run dns-check --rm -i \
                 --restart=Never --image=busybox -- nslookup {name}"
            ),
        ));
    Some(heard.retry(finding, facts))
}

#[cfg(test)]
mod tests {
    use super::super::staging::{causes, no_answer, refused};
    use crate::facts::specimen::Specimen;

    const URL: &str = "http://web.example.com/.well-known/acme-challenge/r_f7";

    /// The Ingress of the application, served at an address.
    fn served_at(address: &str) -> String {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: storefront, namespace: shop}}\nspec:\n  \
             rules: [{{host: web.example.com}}]\nstatus:\n  loadBalancer: {{ingress: [{{ip: '{address}'}}]}}\n"
        )
    }

    #[test]
    fn secondary_validation_is_a_matter_of_its_own() {
        let words =
            format!("connection: During secondary validation: 203.0.113.7: Fetching {URL}: Timeout during connect");
        assert_eq!(causes(&refused(&words)), ["http01-secondary-validation"]);
        let first = words.replace("During secondary validation: ", "");
        assert_eq!(causes(&refused(&first)), ["http01-ca-cannot-connect"]);
    }

    #[test]
    fn a_silent_ipv6_address_explains_the_broken_connection() {
        let words =
            format!("connection: 2001:db8::7: Fetching {URL}: Timeout during connect (likely firewall problem)");
        assert_eq!(causes(&refused(&words)), ["http01-ipv6", "http01-ca-cannot-connect"]);
        let own = refused(&words).with(&served_at("2001:db8::7"));
        assert_eq!(causes(&own), ["http01-ca-cannot-connect"]);
    }

    #[test]
    fn an_answer_over_ipv6_counts_only_where_ipv6_is_not_served() {
        let words = format!("unauthorized: 2001:db8::7: Invalid response from {URL}: 404");
        assert_eq!(causes(&refused(&words)), ["http01-404"]);
        let elsewhere = refused(&words).with(&served_at("203.0.113.10"));
        assert_eq!(causes(&elsewhere), ["http01-ipv6", "http01-404"]);
    }

    #[test]
    fn a_name_without_address_is_the_cas_word() {
        for words in [
            "dns: DNS problem: NXDOMAIN looking up A for web.example.com - check that a DNS record exists for this domain",
            "dns: no valid A records found for web.example.com; no valid AAAA records found for web.example.com",
            "dns: DNS problem: query timed out looking up A for web.example.com",
        ] {
            assert_eq!(causes(&refused(words)), ["http01-dns-missing-or-wrong"], "{words}");
        }
    }

    #[test]
    fn an_address_that_is_not_the_ingresss_explains_what_answers_there() {
        let words = format!("unauthorized: 203.0.113.7: Invalid response from {URL}: 404");
        let elsewhere = refused(&words).with(&served_at("198.51.100.9"));
        assert_eq!(causes(&elsewhere), ["http01-dns-missing-or-wrong", "http01-404"]);
        for same_or_unknown in ["203.0.113.7", "10.0.0.7"] {
            assert_eq!(causes(&refused(&words).with(&served_at(same_or_unknown))), ["http01-404"]);
        }
    }

    #[test]
    fn no_such_host_is_a_missing_record_after_some_minutes() {
        let words = "dial tcp: lookup www.shop.example.com on 10.96.0.10:53: no such host";
        assert_eq!(no_answer(words).ids(), ["http01-self-check-cannot-reach"]);
        let later = no_answer(words).later(4);
        assert_eq!(later.ids(), ["http01-dns-missing-or-wrong", "http01-self-check-cannot-reach"]);
        let mut refused = Specimen::http01().later(7);
        refused.objects.challenges =
            no_answer("dial tcp 203.0.113.7:80: connect: connection refused").objects.challenges;
        assert_eq!(refused.ids(), ["http01-self-check-cannot-reach"]);
    }
}

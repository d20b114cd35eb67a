//! `_acme-challenge` is a CNAME to another zone, and the solver does not go along.
//!
//! The CNAME itself is only seen by asking DNS; here it shows in the words of controllers and providers.

use super::{
    Family, Judgement, Matter, Nature, Outlook, Phase, RETRIES, Rule, Severity, Trouble, each, has_any, is_within,
    quoted, word_after,
};
use crate::api::CnameStrategy;
use crate::facts::Facts;
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static CNAME_DELEGATION: Rule = Rule {
    id: "dns01-cname-delegation",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the challenge name is a CNAME, and solver and CNAME do not fit together",
    doc: include_str!("../../../docs/rules/dns01-cname-delegation.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: cname_delegation,
};

/// How CNAME and solver miss each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CnameFault {
    Loop,
    /// Followed to a name whose zone the provider does not have.
    Target(String),
    /// The provider refuses a TXT record beside a CNAME.
    Conflict,
}

fn cname_delegation(facts: &Facts) -> Judgement {
    each(facts, Matter::Cname, |_, trouble| {
        let record = trouble.record();
        let strategy = trouble.solver.cname_strategy.as_ref();
        let finding = trouble.finding(&CNAME_DELEGATION).evidence(
            Witness::Spec(Kind::Challenge, "solver.dns01.cnameStrategy"),
            strategy.map_or("None (the default)", CnameStrategy::as_str),
        );
        let look = Fix::command("see where the name leads", format!("dig CNAME {}", quoted(&record)));
        match fault(trouble).unwrap_or(CnameFault::Loop) {
            CnameFault::Loop => finding
                .says(format!("the CNAME records of {record} lead in a circle"))
                .because(
                    "To find out where the TXT record belongs, cert-manager follows the CNAME records of the challenge \
                     name, and came back to a name that it had already seen. No record can be found there.",
                )
                .fix(look)
                .fix(Fix::manual(format!("mend the CNAME records in the zone of {}: the last one must not be a CNAME", trouble.dns_name()))),
            CnameFault::Target(target) => finding
                .says(format!("{record} is a CNAME to {target}, whose zone is not at the solver's provider"))
                .because(format!(
                    "With cnameStrategy Follow the TXT record is written at the end of the CNAME, so the solver needs \
                     credentials for the zone of {target}. If the name has no CNAME of its own, a wildcard CNAME of the \
                     zone answers for it, and the strategy should be None. {RETRIES}"
                ))
                .fix(look)
                .fix(Fix::manual(format!("give the solver in {} the provider and credentials of the zone of {target}", trouble.issuer())))
                .fix(Fix::patch("or, if a wildcard answers, write the record at the name itself", "dns01:\n  cnameStrategy: None\n")),
            CnameFault::Conflict => finding
                .says(format!("the provider refuses a TXT record at {record}, because a CNAME stands there"))
                .because(format!(
                    "A name with a CNAME can hold nothing else. The solver writes at the name itself, since its \
                     cnameStrategy is not Follow. {RETRIES}"
                ))
                .fix(look)
                .fix(Fix::patch(
                    format!("follow the CNAME (solver in {}); it needs credentials for the target's zone", trouble.issuer()),
                    "dns01:\n  cnameStrategy: Follow\n",
                ))
                .fix(Fix::manual(format!("or delete the CNAME of {record} if nothing needs it"))),
        }
    })
}

/// Whether the words tell of CNAME records that lead in a circle.
pub(super) fn is_loop(words: &str) -> bool {
    words.contains("Found recursive CNAME record")
}

pub(super) fn fault(trouble: &Trouble) -> Option<CnameFault> {
    let words = &trouble.words;
    if is_loop(words) {
        return Some(CnameFault::Loop);
    }
    if trouble.phase != Phase::Present {
        return None;
    }
    let conflicting = ["conflicting RRSet of type CNAME", "CNAME record with that host already exists", "81053"];
    if has_any(words, &conflicting) {
        return Some(CnameFault::Conflict);
    }
    if trouble.solver.cname_strategy != Some(CnameStrategy::Follow) {
        return None;
    }
    [
        "RRSet with DNS name ",
        "Found no Zones for domain ",
        "AzureDNS for domain ",
        "Route 53 for domain ",
        "found for domain ",
    ]
    .into_iter()
    .find_map(|start| word_after(words, start))
    .filter(|target| !is_within(target, trouble.dns_name()) && !is_within(trouble.dns_name(), target))
    .map(|target| CnameFault::Target(target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says, unseen};

    #[test]
    fn a_circle_is_found_while_writing_and_while_checking() {
        let words = "Found recursive CNAME record to \"a.example.com.\" when looking up \"b.example.com.\"";
        assert_eq!(unseen(1, words).ids(), ["dns01-cname-delegation"]);
        assert_eq!(refused("cnameStrategy: Follow\nroute53: {region: r}", words).ids(), ["dns01-cname-delegation"]);
    }

    #[test]
    fn a_followed_name_without_a_zone_is_named() {
        let words = "Found no Zones for domain web.acme.example.net. (neither in the sub-domain nor in the SLD)";
        let followed = refused("cnameStrategy: Follow\ncloudflare: {}", words);
        assert_eq!(followed.ids(), ["dns01-cname-delegation"]);
        assert!(says(&followed).contains("web.acme.example.net, whose zone"), "{}", says(&followed));
        assert_eq!(refused("cloudflare: {}", words).ids(), ["dns01-cloudflare"]);
        let own = "Found no Zones for domain _acme-challenge.web.example.com.";
        assert_eq!(refused("cnameStrategy: Follow\ncloudflare: {}", own).ids(), ["dns01-cloudflare"]);
    }

    #[test]
    fn a_txt_record_beside_a_cname_is_refused() {
        let words = "InvalidChangeBatch: [RRSet of type TXT with DNS name _acme-challenge.web.example.com. is not permitted \
                     because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com.]";
        assert_eq!(refused("route53: {region: r}", words).ids(), ["dns01-cname-delegation"]);
    }
}

//! RFC 2136 and the smaller providers refuse; and any provider whose words no rule knows.
//!
//! Tells by the rcode or the provider's words.

use super::said::is_hidden;
use super::{
    Family, Judgement, Matter, Nature, Outlook, RETRIES, Rule, Severity, Trouble, each, has_any, quoted, word_after,
};
use crate::api::Object;
use crate::api::solver::Rfc2136;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

pub static RFC2136_AND_OTHERS: Rule = Rule {
    id: "dns01-rfc2136-and-others",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the DNS server or provider refuses the update",
    doc: include_str!("../../../docs/rules/dns01-rfc2136-and-others.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: rfc2136_and_others,
};

/// Who refuses, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OtherFault {
    /// The server's rcode.
    Update(String),
    /// The server could not be asked.
    Unreachable,
    Algorithm,
    TsigSecret,
    DigitalOceanZone,
    DigitalOceanToken,
    /// The status hides the words.
    DigitalOcean,
    AcmeDnsAccount,
    AcmeDnsJson,
    Akamai,
}

pub(super) fn fault(trouble: &Trouble) -> Option<OtherFault> {
    let (words, solver) = (&trouble.words, trouble.solver);
    if solver.rfc2136.is_some() {
        return of_rfc2136(words);
    }
    if solver.digitalocean.is_some() {
        return match () {
            () if has_any(words, &[": 404", "could not be found"]) => Some(OtherFault::DigitalOceanZone),
            () if has_any(words, &[": 401", ": 403", "Unable to authenticate"]) => Some(OtherFault::DigitalOceanToken),
            () if is_hidden(words) => Some(OtherFault::DigitalOcean),
            () => None,
        };
    }
    if solver.acme_dns.is_some() {
        return match () {
            () if words.contains("account credentials not found for domain") => Some(OtherFault::AcmeDnsAccount),
            () if words.contains("unmarshalling accountJSON") => Some(OtherFault::AcmeDnsJson),
            () => None,
        };
    }
    (solver.akamai.is_some() && words.contains("edgedns: ")).then_some(OtherFault::Akamai)
}

fn of_rfc2136(words: &str) -> Option<OtherFault> {
    if let Some(rcode) = word_after(words, "Server replied: ") {
        return Some(OtherFault::Update(rcode.to_owned()));
    }
    if words.contains("bad authentication") {
        return Some(OtherFault::Update("BADSIG".into()));
    }
    if words.contains("algorithm '") && words.contains("is not supported") {
        return Some(OtherFault::Algorithm);
    }
    if words.contains("decoding the provided TSIG secret") {
        return Some(OtherFault::TsigSecret);
    }
    words.contains("DNS update failed").then_some(OtherFault::Unreachable)
}

fn rfc2136_and_others(facts: &Facts) -> Judgement {
    each(facts, Matter::OtherProvider, |_, trouble| {
        let none = Rfc2136::default();
        let solver = trouble.solver.rfc2136.as_ref().unwrap_or(&none);
        let finding = trouble.finding(&RFC2136_AND_OTHERS);
        match fault(trouble).unwrap_or(OtherFault::Unreachable) {
            OtherFault::Update(rcode) => of_rcode(finding, trouble, solver, &rcode),
            OtherFault::Unreachable => finding
                .says(format!("the DNS server {} cannot be reached for the update of {}", solver.nameserver, trouble.names()))
                .outlook(Outlook::Unknown)
                .because(format!(
                    "cert-manager sends the update to the solver's nameserver, by UDP unless the solver says otherwise, \
                     and got no answer. {RETRIES}"
                ))
                .fix(Fix::command("ask the server from elsewhere", dig_soa(trouble, &solver.nameserver)))
                .fix(Fix::patch(
                    format!("where UDP is filtered, use TCP (from 1.19; solver in {})", trouble.issuer()),
                    "dns01:\n  rfc2136:\n    protocol: TCP\n",
                )),
            OtherFault::Algorithm => finding
                .says(format!("the TSIG algorithm {} in {} is not one that cert-manager knows", solver.tsig_algorithm, trouble.issuer()))
                .because(format!("It knows HMACMD5 (the default), HMACSHA1, HMACSHA256 and HMACSHA512, written so. {RETRIES}"))
                .fix(Fix::patch(
                    format!("name the algorithm of the server's key (solver in {})", trouble.issuer()),
                    "dns01:\n  rfc2136:\n    tsigAlgorithm: HMACSHA256\n",
                )),
            OtherFault::TsigSecret => finding
                .says(format!("the TSIG key in Secret {} is not base64 text", solver.tsig_secret_secret_ref.name))
                .because(format!(
                    "The Secret's value must be the key as the DNS server's configuration writes it, which is base64; a \
                     Secret's manifest then encodes that text once more. {RETRIES}"
                ))
                .fix(tsig_secret(trouble, solver)),
            fault @ (OtherFault::DigitalOceanZone
            | OtherFault::DigitalOceanToken
            | OtherFault::DigitalOcean
            | OtherFault::AcmeDnsAccount
            | OtherFault::AcmeDnsJson
            | OtherFault::Akamai) => of_hosted(finding, trouble, &fault),
        }
    })
}

fn of_rcode(finding: Finding, trouble: &Trouble, solver: &Rfc2136, rcode: &str) -> Finding {
    let (server, key) = (&solver.nameserver, &solver.tsig_key_name);
    let algorithm = if solver.tsig_algorithm.is_empty() { "HMACMD5 (the default)" } else { &solver.tsig_algorithm };
    let because = match rcode {
        "REFUSED" => {
            "The server knows the zone, and its update policy does not allow this key to write this name.".to_owned()
        }
        "NOTAUTH" | "BADKEY" | "BADSIG" | "BADTIME" => format!(
            "Key name, key or algorithm are not those of the server, the clocks differ by more than five minutes, or the \
             server is not the primary of the zone. The solver uses key {key} with {algorithm}."
        ),
        "NOTZONE" => "The record does not lie in the zone that cert-manager found for it.".to_owned(),
        "SERVFAIL" => {
            "The server could not carry it out: its journal cannot be written, or the zone is frozen.".to_owned()
        }
        _ => format!("RFC 2136 says what {rcode} means; the server's log says why."),
    };
    let finding = finding
        .says(format!("DNS server {server} refuses the update for {}: {rcode}", trouble.names()))
        .because(format!("{because} {RETRIES}"))
        .evidence(Witness::Spec(Kind::Challenge, "solver.dns01.rfc2136"), format!("key {key}, algorithm {algorithm}"));
    match rcode {
        "REFUSED" => finding.fix(Fix::patch(
            "allow it in the zone of the server (bind)",
            format!("update-policy {{ grant {key} name {}. TXT; }};\n", trouble.record()),
        )),
        "NOTAUTH" | "BADKEY" | "BADSIG" | "BADTIME" => finding
            .fix(Fix::patch(
                format!("use name and algorithm of the server's key (solver in {})", trouble.issuer()),
                "dns01:\n  rfc2136:\n    tsigKeyName: NAME\n    tsigAlgorithm: HMACSHA256\n",
            ))
            .fix(tsig_secret(trouble, solver))
            .fix(Fix::command("see whether the server is the primary of the zone", dig_soa(trouble, server))),
        _ => finding
            .fix(Fix::command("see which zone the server has for the name", dig_soa(trouble, server)))
            .fix(Fix::manual(format!("read the log of the DNS server {server}"))),
    }
}

/// dig wants the port apart.
fn dig_soa(trouble: &Trouble, server: &str) -> String {
    let (host, port) =
        server.rsplit_once(':').filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit())).unwrap_or((server, "53"));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    format!("dig SOA {} @{} -p {port}", quoted(trouble.dns_name()), quoted(host))
}

fn tsig_secret(trouble: &Trouble, solver: &Rfc2136) -> Fix {
    let reference = &solver.tsig_secret_secret_ref;
    Fix::manual(format!(
        "store the key's base64 text, without a line break, under {} in Secret {} (for {})",
        reference.key,
        reference.name,
        trouble.issuer()
    ))
}

fn of_hosted(finding: Finding, trouble: &Trouble, fault: &OtherFault) -> Finding {
    let (names, issuer) = (trouble.names(), trouble.issuer());
    match fault {
        OtherFault::DigitalOceanZone => finding
            .says(format!("the DigitalOcean account has no domain for {names}"))
            .because(format!("The token belongs to another account or team, or the domain was never added there. {RETRIES}"))
            .fix(Fix::command("list the domains that the account has", "doctl compute domain list")),
        OtherFault::DigitalOceanToken => finding
            .says(format!("DigitalOcean does not accept the token that is to write records for {names}"))
            .because(format!("It was revoked, has expired, or may only read. {RETRIES}"))
            .fix(Fix::manual(format!("make a token that may write domains, and store it where the solver in {issuer} names it"))),
        OtherFault::AcmeDnsAccount => finding
            .says(format!("the acme-dns accounts hold none for {names}"))
            .because(format!(
                "The Secret maps domains to registered acme-dns accounts; wildcards go by the name without the asterisk. \
                 {RETRIES}"
            ))
            .fix(Fix::command(
                "register an account, and add it to the Secret under the domain",
                format!(
                    "curl -sX POST {}/register",
                    quoted(trouble.solver.acme_dns.as_ref().map_or("https://ACME-DNS", |acme_dns| acme_dns.host.trim_end_matches('/')))
                ),
            )),
        OtherFault::AcmeDnsJson => finding
            .says(format!("the acme-dns accounts that the solver in {issuer} names are not JSON"))
            .because(format!("Wanted is an object with one entry a domain, holding what acme-dns returned on registration. {RETRIES}"))
            .fix(Fix::manual("store a JSON object: {\"example.com\": {\"username\": …, \"password\": …, \"fulldomain\": …, \"subdomain\": …}}")),
        OtherFault::Akamai => finding
            .says(format!("Akamai Edge DNS refuses the record for {names}"))
            .because(format!("The EdgeGrid credentials do not reach the zone, or may not write it. {RETRIES}"))
            .fix(Fix::manual("give the API client read-write access to Edge DNS for the contract and group of the zone")),
        OtherFault::DigitalOcean
        | OtherFault::Update(_)
        | OtherFault::Unreachable
        | OtherFault::Algorithm
        | OtherFault::TsigSecret => super::route53::hidden(finding, trouble, "DigitalOcean"),
    }
}

pub static PRESENT_FAILED: Rule = Rule {
    id: "dns01-present-failed",
    aliases: &[],
    family: Family::Dns01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "the TXT record could not be written, for a reason that no other rule knows",
    doc: include_str!("../../../docs/rules/dns01-present-failed.md"),
    needs: &[Kind::Challenge, Kind::Event],
    explains: &[],
    judge: present_failed,
};

fn present_failed(facts: &Facts) -> Judgement {
    each(facts, Matter::PresentFailed, |_, trouble| {
        let provider = trouble.solver.provider().unwrap_or("none");
        let finding = trouble.finding(&PRESENT_FAILED);
        let finding = if provider == "none" {
            finding.says(format!("the solver for {} names no DNS provider", trouble.names()))
        } else {
            finding.says(format!(
                "the TXT record of {} could not be written through {provider}{}",
                trouble.names(),
                webhook_name(trouble)
            ))
        };
        finding
            .because(format!("The words of the provider, or of cert-manager before it asked, are below. {RETRIES}"))
            .fix(Fix::command(
                "follow the tries in the controller's log",
                format!(
                    "kubectl logs -n cert-manager deployment/cert-manager --since=1h | grep {}",
                    trouble.challenge.objref().name
                ),
            ))
            .fix(Fix::manual(format!(
                "compare the solver in {} with cert-manager's page on the provider",
                trouble.issuer()
            )))
    })
}

/// ` hetzner` for a webhook solver of that name.
fn webhook_name(trouble: &Trouble) -> String {
    trouble.solver.webhook.as_ref().map(|webhook| format!(" {}", webhook.solver_name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, says};

    const RFC2136: &str =
        "rfc2136: {nameserver: '192.0.2.53:5353', tsigKeyName: lab, tsigSecretSecretRef: {name: tsig, key: key}}";

    #[test]
    fn each_answer_is_told_apart() {
        for (solver, words, part) in [
            (
                RFC2136,
                "DNS update failed. Server replied: REFUSED",
                "192.0.2.53:5353 refuses the update for web.example.com: REFUSED",
            ),
            (RFC2136, "DNS update failed. Server replied: NOTAUTH", "NOTAUTH"),
            (RFC2136, "DNS update failed: read udp 10.0.0.1:4000->192.0.2.53:53: i/o timeout", "cannot be reached"),
            (RFC2136, "algorithm 'sha256' is not supported", "not one that cert-manager knows"),
            (RFC2136, "error decoding the provided TSIG secret: illegal base64 data at input byte 4", "not base64"),
            (
                "digitalocean: {tokenSecretRef: {name: do, key: t}}",
                "GET https://api.digitalocean.com/v2/domains/example.com: 404 (request \"x\") The resource you were looking for could not be found",
                "no domain",
            ),
            (
                "acmeDNS: {host: 'https://auth.example.org', accountSecretRef: {name: a, key: b}}",
                "account credentials not found for domain web.example.com",
                "hold none",
            ),
            (
                "akamai: {}",
                "edgedns: failed to determine hosted domain for \"_acme-challenge.web.example.com.\": 403",
                "Akamai",
            ),
        ] {
            let specimen = refused(solver, words);
            assert_eq!(specimen.ids(), ["dns01-rfc2136-and-others"], "{words}");
            assert!(says(&specimen).contains(part), "{}", says(&specimen));
        }
    }

    #[test]
    fn a_key_that_the_server_does_not_know_is_compared() {
        let finding = &refused(RFC2136, "DNS update failed. Server replied: NOTAUTH").judge().findings[0];
        assert!(finding.evidence.iter().any(|evidence| evidence.text == "key lab, algorithm HMACMD5 (the default)"));
        assert!(
            finding
                .fixes
                .iter()
                .any(|fix| fix.command.as_deref() == Some("dig SOA web.example.com @192.0.2.53 -p 5353"))
        );
    }

    #[test]
    fn unknown_words_are_told_as_they_are_after_a_second_try() {
        let words = "Get \"https://api.example.net\": EOF";
        let specimen = refused("digitalocean: {tokenSecretRef: {name: do, key: t}}", words);
        assert_eq!(specimen.ids(), ["dns01-present-failed"]);
        assert_eq!(specimen.judge().findings[0].evidence[0].text, words);
        assert_eq!(specimen.later(-2).ids(), Vec::<&str>::new());
        assert!(
            says(&refused("{}", "no dns01 challenge solver configuration found")).contains("names no DNS provider")
        );
    }
}

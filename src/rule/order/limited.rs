//! Orders that the CA refuses because there were too many: by a named limit, or by the second.

use super::clocks::{Clocks, Meeting};
use super::rate_limit::{Limit, RateLimit};
use super::{Family, Judgement, Nature, Outlook, Rule, Severity, acme, ca_host, has_failed, with_renewal};
use crate::api::Object;
use crate::chain::{attempt, order_stays_open};
use crate::duration::format_brief;
use crate::engine::Stage;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, PROGRAM, Witness};
use crate::objref::Kind;
use crate::rule::Withheld;
use crate::rule::request::failure::{self, Failure};

pub static RATE_LIMITED: Rule = Rule {
    id: "order-rate-limited",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "the CA refuses the order: a rate limit is used up",
    doc: include_str!("../../../docs/rules/order-rate-limited.md"),
    needs: &[Kind::Order, Kind::CertificateRequest, Kind::Certificate],
    explains: &[],
    judge: rate_limited,
};

fn rate_limited(facts: &Facts) -> Judgement {
    let failure = failure::of_order(facts).ok_or(Withheld::NotApplicable)?;
    let Some(refusal) = RateLimit::parse(&failure.words) else { return Ok(vec![]) };
    let clocks = clocks(facts, &refusal);
    let until = match (refusal.retry_after, clocks.meeting()) {
        (Some(date), Meeting::Early { .. } | Meeting::Late) => format!(", until {date}"),
        (Some(_) | None, Meeting::NoDate | Meeting::Open | Meeting::Early { .. } | Meeting::Late) => String::new(),
    };
    let finding = RATE_LIMITED
        .on(failure.object.clone())
        .says(format!("the CA takes no order for this certificate{until}: too many {}", refusal.limit.words()))
        .outlook(outlook(&refusal))
        .because(format!("{} {}", what_counts(&refusal.limit), clocks.sentences()))
        .evidence(failure.witness, failure.words);
    Ok(vec![with_fixes(with_dates(finding, facts, &clocks), facts, &refusal, &clocks)])
}

/// A limit gives way with time, unless it is only what failed validations look like.
fn outlook(refusal: &RateLimit) -> Outlook {
    match (&refusal.limit, refusal.retry_after) {
        (Limit::FailedAuthorizations(_) | Limit::Paused, _) => Outlook::UntilMended,
        (
            Limit::ExactSet
            | Limit::Domain(_)
            | Limit::NewOrders
            | Limit::PendingAuthorizations
            | Limit::Registrations
            | Limit::Unnamed,
            date,
        ) => date.map_or(Outlook::ByItself, Outlook::NotBefore),
    }
}

/// What fills the limit up, in one sentence or two.
fn what_counts(limit: &Limit) -> &'static str {
    match limit {
        Limit::ExactSet => {
            "Something had this set of names issued again and again: a Secret deleted by each release, several \
             clusters, a Certificate made anew in CI."
        }
        Limit::Domain(_) => "All certificates under the registered domain count together, whoever orders them.",
        Limit::NewOrders => "All orders of the account count, also those that fail.",
        Limit::FailedAuthorizations(_) => {
            "The CA's validation of the name failed too often. The order is not at fault: the validation is, and each \
             further failed one counts again."
        }
        Limit::PendingAuthorizations => {
            "Orders were opened and never finished; each holds its authorizations for 7 days."
        }
        Limit::Registrations => "Accounts were made again and again, as when their key Secrets are deleted.",
        Limit::Paused => "The CA will not try again by itself: somebody has to lift the pause on its page.",
        Limit::Unnamed => "The CA does not say which of its limits it is.",
    }
}

fn clocks(facts: &Facts, refusal: &RateLimit) -> Clocks {
    let attempt = attempt(&facts.chain, &facts.stage, facts.now, &facts.back_off);
    Clocks {
        now: facts.now,
        next_try: attempt.filter(|_| facts.stage != Stage::Trigger).map(|attempt| attempt.at),
        attempts: attempt.map_or(0, |attempt| attempt.failures),
        back_off: facts.back_off,
        retry_after: refusal.retry_after,
        expiry: facts.chain.expiry(),
    }
}

fn with_dates(mut finding: Finding, facts: &Facts, clocks: &Clocks) -> Finding {
    if let Some(next) = clocks.next_try {
        let wait = format_brief(facts.back_off.delay(Some(clocks.attempts)));
        let text = format!("next try at {next}: {wait} after failure number {}", clocks.attempts);
        finding = finding.evidence(Witness::Computed, text);
    }
    match (facts.certificate(), clocks.expiry) {
        (Ok(_), Some(expiry)) => finding.evidence(Witness::Status(Kind::Certificate, "notAfter"), expiry.to_string()),
        (Ok(_) | Err(_), _) => finding,
    }
}

/// What to do depends on how the two clocks meet.
fn with_fixes(mut finding: Finding, facts: &Facts, refusal: &RateLimit, clocks: &Clocks) -> Finding {
    if let Some(fix) = other_way(refusal) {
        finding = finding.fix(fix);
    }
    let Ok(certificate) = facts.certificate() else { return finding };
    let certificate = certificate.objref();
    let command = format!("{PROGRAM} renew {}{}", certificate.name, certificate.namespace_flag());
    let first = match (clocks.meeting(), refusal.retry_after) {
        (Meeting::Open, _) => Some("the CA's date has passed: start the issuance now, past the back-off".to_owned()),
        (Meeting::Early { .. }, Some(date)) => {
            Some(format!("wait until {date}, then start the issuance by hand: that skips the back-off"))
        }
        (Meeting::Late, Some(date)) if clocks.expires_first() => Some(format!(
            "start the issuance by hand after {date}: cert-manager's own try comes too late for the certificate in use"
        )),
        (Meeting::Late, Some(date)) => {
            Some(format!("nothing has to be done; to be sooner, start the issuance by hand after {date}"))
        }
        (Meeting::NoDate | Meeting::Early { .. } | Meeting::Late, _) => None,
    };
    finding = match first {
        Some(title) => finding.fix(Fix::command(title, command)),
        None => with_renewal(finding, facts),
    };
    if refusal.limit == Limit::ExactSet && (clocks.expires_first() || clocks.expiry.is_none()) {
        finding = finding.fix(Fix::patch(
            "if it cannot wait: one more name makes it another set, with a limit of its own, and lifts the back-off",
            "spec:\n  dnsNames:\n  # the names so far, and one more of yours\n  - extra.example.com",
        ));
    }
    finding.fix(Fix::manual("use the CA's staging server for tests, CI and whatever loops"))
}

/// What has to come before any further try.
fn other_way(refusal: &RateLimit) -> Option<Fix> {
    match &refusal.limit {
        Limit::ExactSet => Some(Fix::manual(
            "first stop what issues again and again: keep the Secret over releases, keep secretName stable",
        )),
        Limit::FailedAuthorizations(name) => {
            let name = name.as_deref().unwrap_or("the name");
            Some(Fix::manual(format!(
                "first mend why the CA's validation of {name} fails: tries before that only fill the limit up"
            )))
        }
        Limit::Paused => {
            Some(Fix::manual("open the address in the CA's words and lift the pause; mend the validation first"))
        }
        Limit::Domain(_) | Limit::NewOrders | Limit::PendingAuthorizations | Limit::Registrations | Limit::Unnamed => {
            None
        }
    }
}

pub static ZEROSSL_429: Rule = Rule {
    id: "order-zerossl-429",
    aliases: &[],
    family: Family::Order,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::ByItself,
    since: "0.1.0",
    summary: "the CA answered 429 without a problem type: too many requests a second",
    doc: include_str!("../../../docs/rules/order-zerossl-429.md"),
    needs: &[Kind::Order, Kind::Challenge, Kind::ClusterIssuer, Kind::Issuer],
    explains: &[],
    judge: zerossl_429,
};

fn zerossl_429(facts: &Facts) -> Judgement {
    let failure =
        failure::of_order(facts).filter(is_bare_429).or_else(|| of_challenge(facts)).ok_or(Withheld::NotApplicable)?;
    let zerossl = ca_host(facts)
        .or_else(|| acme(facts).map(|acme| acme.server.clone()))
        .is_some_and(|host| host.contains("zerossl"));
    let ca = if zerossl { "ZeroSSL" } else { "the CA" };
    let names = facts.order().map_or(0, |node| node.order.spec.dns_names.len() + node.order.spec.ip_addresses.len());
    let count = if names > 1 { format!(" ({names} names)") } else { String::new() };
    let finding = ZEROSSL_429
        .on(failure.object)
        .says(format!("{ca} answered 429 Too Many Requests while the order was worked on{count}"))
        .evidence(failure.witness, failure.words)
        .outlook(if order_stays_open(&facts.chain) { Outlook::Halted } else { Outlook::ByItself });
    let finding = finding
        .fix(Fix::manual("put fewer names into one Certificate"))
        .fix(Fix::manual("start the controller with a lower --max-concurrent-challenges, such as 2"));
    Ok(vec![with_renewal(finding, facts)])
}

/// Whether the words hold the status 429 and no ACME problem type.
fn is_bare_429(failure: &Failure) -> bool {
    let status = failure.words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "429");
    status && !failure.words.contains("urn:ietf:params:acme:error:") && RateLimit::parse(&failure.words).is_none()
}

fn of_challenge(facts: &Facts) -> Option<Failure> {
    if facts.request().is_ok_and(|node| failure::is_left_over(facts, node.request)) {
        return None;
    }
    let failed = facts.challenges().ok()?.iter().filter(|node| has_failed(node));
    failed
        .map(|node| Failure {
            object: node.challenge.objref(),
            witness: Witness::Status(Kind::Challenge, "reason"),
            words: node.challenge.status.reason.clone(),
        })
        .find(is_bare_429)
}

#[cfg(test)]
mod tests {
    use super::super::tests::errored;
    use super::*;
    use crate::api::AcmeState;
    use crate::facts::specimen::Specimen;

    const EXACT: &str = "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) \
                         already issued for this exact set of identifiers in the last 168h0m0s";

    #[test]
    fn a_date_after_the_next_try_is_told_and_the_fix_waits_for_it() {
        // The failure was at 06:28:34; one failure: the next try is at 07:28:34.
        let limited = errored(&format!("{EXACT}, retry after 2026-11-22 08:00:00 UTC: see https://letsencrypt.org"));
        assert_eq!(limited.root(), Some("order-rate-limited"));
        let report = limited.judge();
        assert!(
            report.headline.contains("until 2026-11-22T08:00:00Z: too many certificates for exactly"),
            "{}",
            report.headline
        );
        let finding = &report.findings[0];
        assert!(finding.explanation.contains("at 2026-11-22T07:28:34Z, 31m26s before"), "{}", finding.explanation);
        assert!(finding.explanation.contains("starts at 2026-11-22T09:28:34Z"), "{}", finding.explanation);
        assert!(finding.fixes[1].title.starts_with("wait until 2026-11-22T08:00:00Z"), "{:?}", finding.fixes);
        let next = report.next.unwrap();
        assert_eq!(next.at, Some("2026-11-22T07:28:34Z".parse().unwrap()));
        assert!(
            next.what.ends_with(
                "but the CA refuses until 2026-11-22T08:00:00Z: that attempt fails too; the first one that can succeed \
                 starts at 2026-11-22T09:28:34Z"
            ),
            "{}",
            next.what
        );
    }

    #[test]
    fn only_a_limit_that_counts_good_requests_gives_way_with_time() {
        let outlook = |words: &str| {
            let refusal = RateLimit::parse(&format!("429 urn:ietf:params:acme:error:rateLimited: {words}")).unwrap();
            outlook(&refusal)
        };
        let date = ", retry after 2026-11-22 08:00:00 UTC";
        let until = Outlook::NotBefore("2026-11-22T08:00:00Z".parse().unwrap());
        assert_eq!(outlook(&format!("too many new orders (300){date}")), until);
        assert_eq!(outlook("too many new orders (300)"), Outlook::ByItself);
        assert_eq!(outlook(&format!("too many failed authorizations (5) for \"a\"{date}")), Outlook::UntilMended);
    }

    #[test]
    fn a_date_before_the_next_try_wastes_nothing() {
        let limited = errored(&format!("{EXACT}, retry after 2026-11-22 07:00:00 UTC: see https://letsencrypt.org"));
        let report = limited.judge();
        assert!(
            report.findings[0].explanation.contains("28m34s after the CA's date"),
            "{}",
            report.findings[0].explanation
        );
    }

    #[test]
    fn the_request_and_the_certificate_repeat_the_words() {
        let words = format!(
            "Failed to wait for order resource \"web-1-1\" to become ready: order is in \"errored\" state: {EXACT}"
        );
        let told = Specimen::rejected().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.request().status.conditions[1].message.clone_from(&words);
        });
        assert!(told.ids().contains(&"order-rate-limited"), "{:?}", told.ids());
        let gone = Specimen::rejected().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.requests.clear();
            objects.certificate().status.conditions[0].message =
                format!("The certificate request has failed to complete and will be retried: {words}");
        });
        assert!(gone.ids().contains(&"order-rate-limited"), "{:?}", gone.ids());
    }

    #[test]
    fn a_bare_429_is_another_matter() {
        let bare = errored("Failed to create Order: 429 : <html><h1>429 Too Many Requests</h1></html>");
        assert_eq!(bare.root(), Some("order-zerossl-429"));
        assert!(!bare.ids().contains(&"order-rate-limited"));
        let challenge = Specimen::rejected().broken(|objects| {
            objects.challenge().status.state = Some(AcmeState::Errored);
            objects.challenge().status.reason = "unexpected non-ACME API error: 429 : ".into();
        });
        assert!(challenge.ids().contains(&"order-zerossl-429"), "{:?}", challenge.ids());
        assert!(!errored("Failed to create Order: 400 : order 4290 is bad").ids().contains(&"order-zerossl-429"));
    }
}

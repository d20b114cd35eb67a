//! Who said what about a Challenge: the words of its status, or of its event where the status hides them.
//!
//! Collects words and names the witness; does not say what they mean.

use super::{Phase, Trouble, is_over};
use crate::api::solver::Dns01Solver;
use crate::api::{AcmeState, Challenge, ChallengeType, Object};
use crate::facts::Facts;
use crate::finding::Witness;
use crate::objref::Kind;
use crate::rule::ca_refusal;

/// What cert-manager puts in place of words that change with each try
/// (`stabilizeSolverErrorMessage` in `pkg/controller/acmechallenges/sync.go`).
const REDACTED: &str = "<redacted";

/// The DNS-01 Challenge's trouble, if it has one now.
pub(super) fn trouble<'i>(facts: &Facts<'i>, challenge: &'i Challenge) -> Option<Trouble<'i>> {
    static NO_SOLVER: Dns01Solver = Dns01Solver {
        cname_strategy: None,
        nameservers: Vec::new(),
        akamai: None,
        cloud_dns: None,
        cloudflare: None,
        route53: None,
        azure_dns: None,
        digitalocean: None,
        acme_dns: None,
        rfc2136: None,
        webhook: None,
    };
    if challenge.spec.type_ != ChallengeType::Dns01 || challenge.deleting_since().is_some() {
        return None;
    }
    let (phase, words, evidence) = words(facts, challenge)?;
    let solver = challenge.spec.solver.dns01.as_ref().unwrap_or(&NO_SOLVER);
    Some(Trouble { challenge, solver, phase, words, evidence, others: Vec::new() })
}

/// Whether the words that tell the cause are hidden, and no event has them.
pub(super) fn is_hidden(words: &str) -> bool {
    words.contains(REDACTED)
}

type Words = (Phase, String, Vec<(Witness, String)>);

fn words(facts: &Facts, challenge: &Challenge) -> Option<Words> {
    let status = &challenge.status;
    let in_status = || vec![(Witness::Status(Kind::Challenge, "reason"), status.reason.clone())];
    if is_over(challenge) {
        let refusal = ca_refusal::words_of(facts, challenge);
        return Some((Phase::Validation, refusal.text.to_owned(), vec![(refusal.witness, refusal.text.to_owned())]));
    }
    if status.state == Some(AcmeState::Valid) {
        return None;
    }
    if status.presented {
        let words = status.reason.split_once("challenge propagation: ").map(|(_, words)| words.to_owned());
        return words
            .filter(|_| status.is_waiting_for_self_check())
            .map(|words| (Phase::SelfCheck, words, in_status()));
    }
    if !status.processing {
        return None;
    }
    let event = facts.fresh_event(challenge, "PresentError", challenge.created());
    let full = event.and_then(|event| event.message.as_deref()).map(without_preamble);
    let mut evidence = in_status();
    let words = match full {
        Some(full) if status.reason.is_empty() || is_hidden(&status.reason) => {
            evidence.push((Witness::Event(Kind::Challenge, "PresentError".into()), full.to_owned()));
            full.to_owned()
        }
        Some(_) | None => status.reason.clone(),
    };
    (!words.is_empty()).then_some((Phase::Present, words, evidence))
}

/// The error alone, without what the event recorder and the controller put in front.
fn without_preamble(message: &str) -> &str {
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    message.strip_prefix("Error presenting challenge: ").unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    const HIDDEN: &str = "Zone example.com not found in AzureDNS for domain _acme-challenge.web.example.com. Err: \
                          <redacted Azure SDK error: azcore.ResponseError: see events and logs for details>";

    #[test]
    fn the_event_speaks_where_the_status_hides_the_words() {
        let hidden = refused("azureDNS: {subscriptionID: s, resourceGroupName: g}", HIDDEN).with(
            "apiVersion: v1\nkind: Event\nmetadata: {name: e, namespace: shop, creationTimestamp: '2026-11-22T06:38:40Z'}\n\
             involvedObject: {kind: Challenge, namespace: shop, name: web-1-3892798056-99795425}\nreason: PresentError\n\
             message: '(combined from similar events): Error presenting challenge: RESPONSE 403 ERROR CODE: AuthorizationFailed'\n",
        );
        let report = hidden.judge();
        assert!(report.findings[0].summary.contains("role"), "{}", report.findings[0].summary);
        assert_eq!(report.findings[0].evidence[1].text, "RESPONSE 403 ERROR CODE: AuthorizationFailed");
    }

    #[test]
    fn an_event_of_an_earlier_challenge_of_the_same_name_says_nothing() {
        let stale = refused("azureDNS: {subscriptionID: s, resourceGroupName: g}", HIDDEN).with(
            "apiVersion: v1\nkind: Event\nmetadata: {name: e, namespace: shop, creationTimestamp: '2026-11-22T06:00:00Z'}\n\
             involvedObject: {kind: Challenge, namespace: shop, name: web-1-3892798056-99795425}\nreason: PresentError\n\
             message: 'Error presenting challenge: AuthorizationFailed'\n",
        );
        assert!(!stale.judge().findings[0].summary.contains("role"));
    }

    #[test]
    fn a_challenge_without_a_slot_and_one_that_is_valid_have_no_trouble() {
        let words = "DNS update failed. Server replied: REFUSED";
        let solver = "rfc2136: {nameserver: 192.0.2.53}";
        assert_eq!(refused(solver, words).ids(), ["dns01-rfc2136-and-others"]);
        let queued = refused(solver, words).broken(|objects| objects.challenge().status.processing = false);
        assert!(!queued.ids().contains(&"dns01-rfc2136-and-others"));
        let valid = refused(solver, words).broken(|objects| objects.challenge().status.state = Some(AcmeState::Valid));
        assert!(!valid.ids().contains(&"dns01-rfc2136-and-others"));
    }
}

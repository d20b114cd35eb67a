//! The words in which the CA refused a Challenge, and where they stand.
//!
//! The status of the Challenge has them, but for one case: cert-manager now and then accepts a Challenge a second time
//! and then keeps the CA's answer to that, which only says that the Challenge is no longer open. The true words are in
//! the event that the first time left (`handleAuthorizationError` in `pkg/controller/acmechallenges/sync.go`).

use crate::api::{AcmeState, Challenge, Object};
use crate::facts::Facts;
use crate::finding::{Finding, Witness};
use crate::objref::Kind;

/// The CA's verdict on a Challenge, verbatim, and whose word it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'i> {
    pub text: &'i str,
    pub witness: Witness,
}

/// What the CA said when it refused a Challenge: by its status, else by its event `Failed`.
pub fn of_challenge<'i>(facts: &Facts<'i>, challenge: &'i Challenge) -> Option<Refusal<'i>> {
    let status = &challenge.status;
    let is_verdict = status.state == Some(AcmeState::Invalid) || status.reason.contains("authorization error");
    if is_verdict && !status.reason.is_empty() {
        return Some(Refusal { text: &status.reason, witness: Witness::Status(Kind::Challenge, "reason") });
    }
    if status.state == Some(AcmeState::Valid) {
        return None;
    }
    // cert-manager writes this event for a refused authorization only.
    let text = facts.fresh_event(challenge, "Failed", challenge.created())?.message.as_deref()?;
    Some(Refusal { text: without_preamble(text), witness: Witness::Event(Kind::Challenge, "Failed".into()) })
}

/// The deepest words there are about a Challenge that has failed: the CA's, else whatever the status says.
pub fn words_of<'i>(facts: &Facts<'i>, challenge: &'i Challenge) -> Refusal<'i> {
    of_challenge(facts, challenge).unwrap_or_else(|| Refusal {
        text: &challenge.status.reason,
        witness: Witness::Status(Kind::Challenge, "reason"),
    })
}

impl Refusal<'_> {
    /// Whether the status says something else.
    pub fn is_in_event(&self) -> bool {
        matches!(self.witness, Witness::Event(..))
    }

    /// Adds the words to a finding, as evidence.
    pub fn quote(&self, finding: Finding) -> Finding {
        finding.evidence(self.witness.clone(), self.text)
    }
}

/// The words alone, without what the event recorder puts in front.
fn without_preamble(message: &str) -> &str {
    message.strip_prefix("(combined from similar events): ").unwrap_or(message)
}

/// Sentences for the tests of the rules that go by a refusal.
#[cfg(test)]
pub mod staging {
    use crate::api::AcmeState;
    use crate::facts::specimen::Specimen;

    /// The same refusal, but accepted twice: the status has the answer to the second time, the event that to the first.
    pub fn accepted_twice(refused: Specimen) -> Specimen {
        let mut message = String::new();
        let mut name = String::new();
        let specimen = refused.broken(|objects| {
            let challenge = objects.challenge();
            message = challenge
                .status
                .reason
                .replace("Error accepting authorization: ", "Accepting challenge authorization failed: ");
            name = challenge.metadata.name.clone().unwrap_or_default();
            challenge.status.state = Some(AcmeState::Expired);
            challenge.status.reason = "Error accepting challenge: 400 urn:ietf:params:acme:error:malformed: Unable to \
                                       update challenge :: authorization must be pending"
                .into();
            objects.events.retain(|event| event.reason.as_deref() != Some("Failed"));
        });
        let message = serde_json::to_string(&message).expect("text is JSON");
        specimen.with(&format!(
            "apiVersion: v1\nkind: Event\nmetadata: {{name: failed, namespace: shop}}\nreason: Failed\ntype: Warning\n\
             lastTimestamp: '2026-11-22T07:00:00Z'\nmessage: {message}\n\
             involvedObject: {{kind: Challenge, namespace: shop, name: {name}}}\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::staging::accepted_twice;
    use super::*;
    use crate::facts::specimen::Specimen;
    use crate::rule::by_id;

    /// The root cause, and whose word the first piece of its evidence is that a Challenge left.
    fn told(specimen: &Specimen) -> (Option<&'static str>, Vec<Witness>) {
        let report = specimen.judge();
        let evidence = report.findings.first().map(|finding| finding.evidence.clone()).unwrap_or_default();
        let of_challenge = |witness: &Witness| {
            matches!(witness, Witness::Status(Kind::Challenge, "reason") | Witness::Event(Kind::Challenge, _))
        };
        (specimen.root(), evidence.into_iter().map(|one| one.source).filter(of_challenge).collect())
    }

    #[test]
    fn a_refusal_is_read_from_either_witness() {
        let event = vec![Witness::Event(Kind::Challenge, "Failed".into())];
        let status = vec![Witness::Status(Kind::Challenge, "reason")];
        let url = "http://web.example.com/.well-known/acme-challenge/T";
        for (id, problem) in [
            (
                "http01-404",
                format!("403 urn:ietf:params:acme:error:unauthorized: 203.0.113.7: Invalid response from {url}: 404"),
            ),
            (
                "http01-ca-cannot-connect",
                format!("400 urn:ietf:params:acme:error:connection: 203.0.113.7: Fetching {url}: Connection refused"),
            ),
            (
                "http01-dns-missing-or-wrong",
                "400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up A for web.example.com".into(),
            ),
            (
                "http01-secondary-validation",
                format!(
                    "400 urn:ietf:params:acme:error:connection: During secondary validation: 203.0.113.7: Fetching {url}: Timeout during connect"
                ),
            ),
            ("caa-forbids", "403 urn:ietf:params:acme:error:caa: CAA record for example.com prevents issuance".into()),
            (
                "caa-lookup-fails",
                "400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up CAA for example.com".into(),
            ),
        ] {
            let refused = Specimen::rejected().broken(|objects| {
                objects.challenge().status.reason =
                    format!("Error accepting authorization: acme: authorization error for web.example.com: {problem}");
            });
            assert_eq!(told(&refused), (Some(id), status.clone()), "{problem}");
            assert_eq!(told(&accepted_twice(refused)), (Some(id), event.clone()), "{problem}");
            assert!(by_id(id).unwrap().needs.contains(&Kind::Event), "{id} reads an event");
        }
    }

    #[test]
    fn without_the_event_the_authorization_is_just_gone() {
        let lost = accepted_twice(Specimen::rejected()).broken(|objects| objects.events.clear());
        assert!(lost.ids().contains(&"authorization-expired"), "{:?}", lost.ids());
        let stale = accepted_twice(Specimen::rejected()).broken(|objects| {
            for event in &mut objects.events {
                event.last_timestamp = Some(serde_json::from_str("\"2026-11-21T07:00:00Z\"").unwrap());
            }
        });
        assert!(stale.ids().contains(&"authorization-expired"), "an event of a former Challenge");
    }

    #[test]
    fn a_challenge_that_is_valid_was_not_refused() {
        let valid = accepted_twice(Specimen::rejected()).broken(|objects| {
            objects.challenge().status.state = Some(AcmeState::Valid);
        });
        assert!(!valid.ids().iter().any(|id| id.starts_with("http01")), "{:?}", valid.ids());
    }
}

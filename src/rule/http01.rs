//! HTTP-01 challenges (RFC 8555 §8.3): why the key authorization is not found under the well-known path.
//!
//! Two voices tell of it: cert-manager's own check, seen from its pod, and the CA. A rule says whose word it goes
//! by, and never that a name is unreachable as such.

pub(super) mod answer;
pub(super) mod class;
pub(super) mod connection;
mod front;
pub(super) mod gateway;
pub(super) mod ingress;
mod listener;
pub(super) mod name;
pub(super) mod present;
pub(super) mod solver;
mod words;

use jiff::Timestamp;

use self::words::{SelfCheck, Verdict};
use super::ca_refusal::{self, Refusal};
use super::{Withheld, live, progress};
use crate::api::{AcmeState, ChallengeType, Object};
use crate::chain::ChallengeNode;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;

/// How long a new route may take before a failing self check is a fault: controllers need up to a minute.
const GRACE_SECONDS: i64 = 60;

/// A Challenge that stands still, and the words about it.
struct Heard<'f, 'i> {
    node: &'f ChallengeNode<'i>,
    words: Words<'i>,
    /// The same verbatim, and where they stand.
    told: Refusal<'i>,
    /// What a probe met of it.
    probed: Vec<(Witness, String)>,
}

/// Whose words they are.
enum Words<'i> {
    /// cert-manager's own check fails, for longer than a new route takes.
    SelfCheck(SelfCheck<'i>),
    /// The CA refused the authorization.
    Ca(Verdict<'i>),
    /// The solver's objects could not be made.
    Present { text: &'i str },
}

/// The HTTP-01 Challenges that stand still, with the words about each.
fn heard<'f, 'i>(facts: &'f Facts<'i>) -> Result<Vec<Heard<'f, 'i>>, Withheld> {
    let http01: Vec<_> =
        facts.challenges()?.iter().filter(|node| node.challenge.spec.type_ == ChallengeType::Http01).collect();
    if http01.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    let heard = http01.into_iter().filter_map(|node| {
        let (words, told) = words(facts, node)?;
        Some(Heard { node, words, told, probed: live::http01::beside(facts, node) })
    });
    Ok(heard.collect())
}

fn words<'i>(facts: &Facts<'i>, node: &ChallengeNode<'i>) -> Option<(Words<'i>, Refusal<'i>)> {
    let status = &node.challenge.status;
    let reason = status.reason.as_str();
    if let Some(refusal) = ca_refusal::of_challenge(facts, node.challenge) {
        return Some((Words::Ca(Verdict::read(refusal.text)), refusal));
    }
    if status.state.as_ref().is_some_and(AcmeState::is_final) {
        return None;
    }
    let in_status = Refusal { text: reason, witness: Witness::Status(Kind::Challenge, "reason") };
    if status.is_waiting_for_self_check() {
        let is_ripe = facts.is_older_than(presented_at(node), GRACE_SECONDS);
        return match SelfCheck::read(reason) {
            SelfCheck::Present(text) => Some((Words::Present { text }, Refusal { text, ..in_status })),
            SelfCheck::NotMade => None,
            check if is_ripe => Some((Words::SelfCheck(check), in_status)),
            SelfCheck::Status(_)
            | SelfCheck::Body(_)
            | SelfCheck::NoAnswer(_)
            | SelfCheck::Redirect(_)
            | SelfCheck::Other => None,
        };
    }
    if node.is_presented() {
        return None;
    }
    if !reason.is_empty() {
        return Some((Words::Present { text: reason }, in_status));
    }
    let event = facts.fresh_event(node.challenge, "PresentError", facts.issuance_began())?;
    let text = event.message.as_deref()?;
    let witness = Witness::Event(Kind::Challenge, "PresentError".into());
    Some((Words::Present { text }, Refusal { text, witness }))
}

impl<'i> Heard<'_, 'i> {
    fn name(&self) -> &'i str {
        &self.node.challenge.spec.dns_name
    }

    /// The URL that both voices fetch first.
    fn url(&self) -> String {
        format!("http://{}/.well-known/acme-challenge/{}", self.name(), self.node.challenge.spec.token)
    }

    /// What the self check met.
    fn self_check(&self) -> Option<&SelfCheck<'i>> {
        match &self.words {
            Words::SelfCheck(check) => Some(check),
            Words::Ca(_) | Words::Present { .. } => None,
        }
    }

    /// What the CA said. What only its other vantage points met is a matter of its own.
    fn ca(&self) -> Option<&Verdict<'i>> {
        match &self.words {
            Words::Ca(verdict) if !verdict.is_secondary() => Some(verdict),
            Words::Ca(_) | Words::SelfCheck(_) | Words::Present { .. } => None,
        }
    }

    /// Why the solver's objects could not be made.
    fn present_error(&self) -> Option<(&'i str, &Witness)> {
        match &self.words {
            Words::Present { text } => Some((text, &self.told.witness)),
            Words::SelfCheck(_) | Words::Ca(_) => None,
        }
    }

    /// Adds the words themselves, and what a probe met.
    fn quote(&self, finding: Finding) -> Finding {
        let finding = self.told.quote(finding);
        self.probed.iter().fold(finding, |finding, (witness, words)| finding.evidence(witness.clone(), words))
    }

    /// What comes next: the self check goes on by itself, a refusal is final for this Order.
    fn what_follows(&self) -> &'static str {
        match &self.words {
            Words::SelfCheck(_) => {
                "cert-manager repeats its check every 10 seconds and asks the CA only once it passes."
            }
            Words::Ca(_) => {
                "The CA's refusal ends this Order: cert-manager makes a new one only after its back-off, or when told to."
            }
            Words::Present { .. } => "cert-manager tries to make it again and again, with growing pauses.",
        }
    }

    /// A new issuance, where this one is lost.
    fn retry(&self, finding: Finding, facts: &Facts) -> Finding {
        match (&self.words, facts.certificate()) {
            (Words::Ca(_), Ok(certificate)) => finding.fix(progress::renew(&certificate.objref())),
            (Words::SelfCheck(_) | Words::Present { .. }, _) | (Words::Ca(_), Err(_)) => finding,
        }
    }

    /// The namespace flag of every object of the Challenge.
    fn flag(&self) -> String {
        self.node.challenge.objref().namespace_flag()
    }

    /// Fetches the challenge as the CA does. After a refusal the solver is taken down, so only who answers tells.
    fn fetch(&self) -> Fix {
        let title = match &self.words {
            Words::Ca(_) => "from outside the cluster, see which machine answers; this solver is taken down by now",
            Words::SelfCheck(_) | Words::Present { .. } => {
                "from outside the cluster, see who answers: the body and the server header tell"
            }
        };
        Fix::command(title, format!("curl -iL {}", self.url()))
    }
}

/// A Challenge keeps a copy of the solver, and the Order a copy of the annotations.
fn begin_anew(facts: &Facts) -> Fix {
    let title = "then begin anew: Order and Challenge keep copies of the old settings";
    match facts.request() {
        Ok(node) => {
            let request = node.request.objref();
            Fix::command(
                title,
                format!("kubectl delete certificaterequest {}{}", request.name, request.namespace_flag()),
            )
        }
        Err(_) => Fix::manual(title),
    }
}

/// When the response was presented; the Challenge's creation for releases that do not write it down.
fn presented_at(node: &ChallengeNode) -> Option<Timestamp> {
    node.challenge.status.presented_at.as_ref().map(|time| time.0).or_else(|| node.challenge.created())
}

/// Sentences from the start of an issuance: what tests of this family share.
#[cfg(test)]
mod staging {
    use crate::facts::specimen::Specimen;
    use crate::rule::{Nature, by_id};

    /// Specimen `http01`, three minutes on, with these words of the self check about its first Challenge alone.
    pub fn self_check(words: &str) -> Specimen {
        Specimen::http01().later(3).broken(|objects| {
            objects.challenges.truncate(1);
            let challenge = objects.challenge();
            challenge.status.reason = format!("Waiting for HTTP-01 challenge propagation: {words}");
        })
    }

    /// The self check's words where a GET gets no answer.
    pub fn no_answer(words: &str) -> Specimen {
        let url = "http://www.shop.example.com/.well-known/acme-challenge/KoNgn0RvJ3npi6lS1kuc2UAHOZH9DX4iaWNDCPBgWtI";
        self_check(&format!("failed to perform self check GET request '{url}': Get \"{url}\": {words}"))
    }

    /// Specimen `rejected` with this problem: what follows `urn:ietf:params:acme:error:`.
    pub fn refused(problem: &str) -> Specimen {
        Specimen::rejected().broken(|objects| {
            objects.challenge().status.reason = format!(
                "Error accepting authorization: acme: authorization error for web.example.com: 400 \
                 urn:ietf:params:acme:error:{problem}"
            );
        })
    }

    /// The ids of everything but what a stuck issuance looks like from above.
    pub fn causes(specimen: &Specimen) -> Vec<&'static str> {
        let is_cause = |id: &&str| by_id(id).is_some_and(|rule| rule.nature == Nature::Cause);
        specimen.ids().into_iter().filter(is_cause).collect()
    }

    /// Specimen `http01`, whose first Challenge could not be presented.
    pub fn not_presented(words: &str) -> Specimen {
        Specimen::http01().later(3).broken(|objects| {
            objects.challenges.truncate(1);
            objects.unpresent();
            objects.challenge().status.reason = words.into();
            objects.pods.clear();
            objects.services.clear();
            objects.ingresses.clear();
        })
    }
}

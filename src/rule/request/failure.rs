//! The words in which a failed issuance was reported, from the deepest object that still holds them.
//!
//! The Order's reason is repeated by the request and by the Certificate, so a rule can speak even where the
//! deeper objects are gone or were not shown. Words of an earlier issuance are never taken for those of this one.

use crate::api::{CertificateConditionType, CertificateRequest, Object, RequestConditionType, RequestReason};
use crate::facts::Facts;
use crate::finding::Witness;
use crate::objref::{Kind, ObjRef};

/// Words of failure, and whose they are.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The object that failed, or else the one that tells of it.
    pub object: ObjRef,
    pub witness: Witness,
    pub words: String,
}

impl Failure {
    /// Whether the words hold any of `parts`, in whatever case.
    pub fn says_any(&self, parts: &[&str]) -> bool {
        let words = self.words.to_lowercase();
        parts.iter().any(|part| words.contains(&part.to_lowercase()))
    }
}

/// What the signer said when it failed the request: condition Ready with reason Failed, else the Certificate's
/// condition Issuing, which repeats it.
pub fn of_request(facts: &Facts) -> Option<Failure> {
    let Ok(node) = facts.request() else { return of_certificate(facts) };
    if is_left_over(facts, node.request) || node.request.ready_reason() != Some(&RequestReason::Failed) {
        return None;
    }
    let ready = node.request.condition(RequestConditionType::Ready)?;
    Some(Failure {
        object: node.request.objref(),
        witness: Witness::Condition(Kind::CertificateRequest, "Ready"),
        words: ready.message.clone(),
    })
}

/// What the Order says of its failure: its `status.reason`, else the end of what the request says. An `invalid`
/// Order says nothing at all.
pub fn of_order(facts: &Facts) -> Option<Failure> {
    if let Ok(node) = facts.order() {
        let status = &node.order.status;
        let left_over = facts.request().is_ok_and(|node| is_left_over(facts, node.request));
        let failed = status.state.as_ref().is_some_and(crate::api::AcmeState::is_failure);
        if failed && !left_over && !status.reason.is_empty() {
            return Some(Failure {
                object: node.order.objref(),
                witness: Witness::Status(Kind::Order, "reason"),
                words: status.reason.clone(),
            });
        }
    }
    let failure = of_request(facts)?;
    let (_, state) = failure.words.split_once("order is in ")?;
    let (_, words) = state.split_once("state: ")?;
    (!words.trim().is_empty()).then(|| Failure { words: words.to_owned(), ..failure })
}

/// Whether a request failed before the present issuance began: the request manager has to delete it first.
pub fn is_left_over(facts: &Facts, request: &CertificateRequest) -> bool {
    let Some(failed) = request.status.failure_time.as_ref().map(|time| time.0) else { return false };
    facts
        .certificate()
        .ok()
        .and_then(|certificate| certificate.condition(CertificateConditionType::Issuing))
        .filter(|issuing| issuing.is_true())
        .and_then(crate::api::Condition::since)
        .is_some_and(|began| failed < began)
}

/// The Certificate's own memory of the last failure, which outlives the request.
fn of_certificate(facts: &Facts) -> Option<Failure> {
    let certificate = facts.certificate().ok()?;
    let issuing = certificate.condition(CertificateConditionType::Issuing).filter(|issuing| issuing.is_false())?;
    let (_, words) = issuing.message.split_once("will be retried: ")?;
    Some(Failure {
        object: certificate.objref(),
        witness: Witness::Condition(Kind::Certificate, "Issuing"),
        words: words.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AcmeState, ConditionStatus};
    use crate::chain::Chain;
    use crate::facts::specimen::Specimen;
    use crate::inventory::Inventory;

    /// The words that the request and the Order are taken to have left.
    fn words(specimen: &Specimen) -> (Option<String>, Option<String>) {
        let inventory = Inventory::new(specimen.objects.clone());
        let facts = Facts::new(&inventory, Chain::of(&inventory, &specimen.subject), specimen.now);
        (of_request(&facts).map(|failure| failure.words), of_order(&facts).map(|failure| failure.words))
    }

    fn errored() -> Specimen {
        Specimen::rejected().broken(|objects| {
            objects.order().status.state = Some(AcmeState::Errored);
            objects.order().status.reason = "the CA's words".into();
        })
    }

    #[test]
    fn the_deepest_words_are_taken() {
        let (request, order) = words(&errored());
        assert!(request.is_some_and(|words| words.contains("order is in \"invalid\" state")));
        assert_eq!(order.as_deref(), Some("the CA's words"));
        assert_eq!(words(&Specimen::rejected()).1, None, "an invalid Order says nothing");
        assert_eq!(words(&Specimen::http01()), (None, None));
    }

    #[test]
    fn words_of_the_issuance_before_are_left_out() {
        let retried = errored().broken(|objects| {
            let failed = objects.request().status.failure_time.clone();
            let issuing = &mut objects.certificate().status.conditions[0];
            issuing.status = ConditionStatus::True;
            issuing.last_transition_time = failed.map(|time| {
                k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time.0 + jiff::SignedDuration::from_secs(1))
            });
        });
        assert_eq!(words(&retried), (None, None));
    }
}

//! How a signer writes down what became of a request (`certificaterequests/util/reporter.go`).

use super::sign::Outcome;
use crate::api::{CertificateRequest, ConditionStatus, RequestConditionType, RequestReason};
use crate::engine::condition;
use crate::engine::event::EventType;
use crate::engine::turn::Turn;

const ISSUED: &str = "Certificate fetched from issuer successfully";
const DENIED: &str = "The CertificateRequest was denied by an approval controller";

/// Writes the outcome into the request's status and leaves the Event that goes with it.
pub fn report(turn: &mut Turn, request: &CertificateRequest, outcome: Outcome) {
    let ready = |status, reason, message: &str| condition::new(RequestConditionType::Ready, status, reason, message);
    let (object, stamp) = (turn.object().clone(), turn.stamp());
    let (new, ends, issued) = match outcome {
        Outcome::Nothing => return,
        Outcome::Again(outcome, _) => return report(turn, request, *outcome),
        Outcome::Pending { reason, message } => {
            // Told once: later reasons are in the condition alone.
            if request.ready_reason() != Some(&RequestReason::Pending) {
                turn.tell(request, EventType::Normal, reason, message.clone());
            }
            (ready(ConditionStatus::False, RequestReason::Pending, &message), false, None)
        }
        Outcome::Failed { reason, message } => {
            turn.tell(request, EventType::Warning, reason, message.clone());
            (ready(ConditionStatus::False, RequestReason::Failed, &message), true, None)
        }
        Outcome::Denied => (ready(ConditionStatus::False, RequestReason::Denied, DENIED), true, None),
        Outcome::Issued(issued) => {
            turn.tell(request, EventType::Normal, "CertificateIssued", ISSUED);
            (ready(ConditionStatus::True, RequestReason::Issued, ISSUED), false, Some(issued))
        }
    };
    turn.cluster.modify::<CertificateRequest>(&object, |request| {
        let mut changed = condition::set(&mut request.status.conditions, new, &stamp);
        if ends && request.status.failure_time.is_none() {
            request.status.failure_time = Some(stamp.clone());
            changed = true;
        }
        if let Some(issued) = issued {
            request.status.certificate = issued.certificate;
            request.status.ca = issued.ca;
            changed = true;
        }
        changed
    });
}

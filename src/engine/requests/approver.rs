//! cert-manager's own approver: approves whatever nobody has decided (`certificaterequests/approver`).

use crate::api::{CertificateRequest, ConditionStatus, RequestConditionType, RequestReason};
use crate::engine::condition;
use crate::engine::event::EventType;
use crate::engine::turn::Turn;

const WORDS: &str = "Certificate request has been approved by cert-manager.io";

/// One look of the approver.
pub fn approver(turn: &mut Turn) {
    let Some(request) = turn.cluster.find::<CertificateRequest>(turn.object()).cloned() else { return };
    let is_decided = request.is(RequestConditionType::Approved) || request.is(RequestConditionType::Denied);
    let is_done = matches!(request.ready_reason(), Some(RequestReason::Failed | RequestReason::Issued));
    // The webhook lets the approver decide for the signers that its role names: by default cert-manager's own.
    if is_decided || is_done || request.spec.issuer_ref.is_external() {
        return;
    }
    let (object, stamp) = (turn.object().clone(), turn.stamp());
    turn.cluster.modify::<CertificateRequest>(&object, |request| {
        let approved = condition::new(
            RequestConditionType::Approved,
            ConditionStatus::True,
            RequestReason::CertManagerApprover,
            WORDS,
        );
        condition::set(&mut request.status.conditions, approved, &stamp)
    });
    turn.tell(&request, EventType::Normal, RequestReason::CertManagerApprover.as_str(), WORDS);
}

//! Issuers of other groups: their own controllers sign, and somebody who may must have approved before.

use crate::api::{CertificateRequest, Object, RequestConditionType, RequestReason};
use crate::engine::admission::webhook::signer_names;
use crate::engine::outside::{Outside, Service, Then};
use crate::engine::turn::Turn;

/// Says who would go on with a request, unless it has come to its end.
pub fn wait(turn: &mut Turn, request: &CertificateRequest) {
    let is_done = matches!(request.ready_reason(), Some(RequestReason::Failed | RequestReason::Issued));
    if is_done || request.is(RequestConditionType::Denied) {
        return;
    }
    let issuer = &request.spec.issuer_ref;
    let name = request.name();
    let (service, unknown) = if request.is(RequestConditionType::Approved) {
        let group = issuer.group.clone();
        (Service::Controller { group }, format!("{} {} issues a certificate for {name}", issuer.kind, issuer.name))
    } else {
        // The plural is that of every kind of issuer that is known; only a cluster could tell.
        let resource = format!("{}s.{}", issuer.kind.to_lowercase(), issuer.group);
        let [_, signer] = signer_names(&resource, request.namespace(), &issuer.name);
        (
            Service::Approver { signer },
            format!("{name} is approved: cert-manager's own approver has no right to, by default"),
        )
    };
    turn.ask_outside(Outside { service, calls: Vec::new(), unknown, then: Then::Stops });
}

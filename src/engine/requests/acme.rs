//! The ACME issuer: makes an Order for a request and waits for what becomes of it (`certificaterequests/acme`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::sign::{Issued, IssuerFound, Outcome};
use crate::api::{AcmeState, Base64Text, CertificateRequest, Object, Order, OrderStatus};
use crate::engine::acme::planned::{order_name, order_spec};
use crate::engine::certificates::controller_ref;
use crate::engine::turn::Turn;
use crate::x509::{Bundle, Request};

const NAME_MISSING: &str = "The CSR PEM requests a commonName that is not present in the list of dnsNames or ipAddresses. \
                            If a commonName is set, ACME requires that the value is also present in the list of dnsNames \
                            or ipAddresses";

/// Makes the Order, or says how far it is.
pub fn sign(turn: &mut Turn, request: &CertificateRequest, issuer: &IssuerFound) -> Outcome {
    let csr = match Request::from_pem(&request.csr_pem().unwrap_or_default()) {
        Ok(csr) => csr,
        Err(error) => {
            let message = format!("Failed to decode CSR in spec.request: {error}");
            return Outcome::Failed { reason: "RequestParsingError", message };
        }
    };
    let spec = order_spec(request, &csr, issuer.spec.acme.as_ref());
    let name = &spec.common_name;
    if !name.is_empty() && !spec.dns_names.contains(name) && !spec.ip_addresses.contains(name) {
        let (dns, ips) = (spec.dns_names.join(" "), spec.ip_addresses.join(" "));
        let message = format!("{NAME_MISSING}: {name:?} does not exist in [{dns}] or [{ips}]");
        return Outcome::Failed { reason: "InvalidOrder", message };
    }
    let name = order_name(request.name(), &spec);
    let namespace = request.namespace().unwrap_or_default();
    let Some(order) = turn.cluster.get::<Order>(Some(namespace), &name) else {
        let order = Order {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: request.metadata.namespace.clone(),
                labels: request.metadata.labels.clone(),
                annotations: request.metadata.annotations.clone(),
                owner_references: Some(vec![controller_ref(request)]),
                ..ObjectMeta::default()
            },
            spec,
            status: OrderStatus::default(),
        };
        turn.cluster.create(order).expect("there was no order of that name");
        return Outcome::Pending {
            reason: "OrderCreated",
            message: format!("Created Order resource {namespace}/{name}"),
        };
    };
    if order.controller_uid() != request.uid() {
        let words = "found Order resource not owned by this CertificateRequest, retrying".to_owned();
        return Outcome::Again(Box::new(Outcome::Nothing), words);
    }
    progress(turn, &order.clone(), &csr)
}

/// What the Order's state means for its request.
fn progress(turn: &mut Turn, order: &Order, csr: &Request) -> Outcome {
    let (namespace, name) = (order.namespace().unwrap_or_default(), order.name());
    let state = order.status.state.as_ref();
    let word = state.map_or("", AcmeState::as_str);
    let pending = |message: String| Outcome::Pending { reason: "OrderPending", message };
    if state.is_some_and(AcmeState::is_failure) {
        let reason = &order.status.reason;
        let message =
            format!("Failed to wait for order resource {name:?} to become ready: order is in {word:?} state: {reason}");
        return Outcome::Failed { reason: "OrderFailed", message };
    }
    if state != Some(&AcmeState::Valid) {
        return pending(format!("Waiting on certificate issuance from order {namespace}/{name}: {word:?}"));
    }
    if order.status.certificate.is_empty() {
        let words = "Waiting for order-controller to add certificate data to Order";
        return pending(format!("{words} {namespace}/{name}"));
    }
    let chain = Bundle::from_pem(&order.status.certificate.decode().unwrap_or_default());
    // A certificate that is none, or for another key, only its log tells: the Order is deleted, to begin anew.
    if chain.is_ok_and(|chain| chain.leaf().key == csr.key) {
        let certificate = order.status.certificate.clone();
        return Outcome::Issued(Issued { certificate, ca: Base64Text::default() });
    }
    turn.cluster.delete(&order.objref());
    Outcome::Nothing
}

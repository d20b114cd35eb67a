//! The root of the tree: the Certificate.

use super::{Detail, Node, Requests, Tone, below, condition, events};
use crate::api::{Certificate, CertificateConditionType, Object};
use crate::engine::Stage;
use crate::facts::Facts;
use crate::horizon;
use crate::report::row::issuer_words;

pub(super) fn node(facts: &Facts, certificate: &Certificate, requests: Requests) -> Node {
    let is_ready = certificate.is(CertificateConditionType::Ready);
    let (tone, state) = match (&facts.stage, is_ready) {
        (Stage::Settled { .. }, _) => (Tone::Good, "ready"),
        (stage, true) if stage.is_failed() => (Tone::Bad, "ready, but the renewal failed"),
        (_, true) => (Tone::Busy, "ready, renewing"),
        (stage, false) if stage.is_failed() => (Tone::Bad, "not ready"),
        (_, false) => (Tone::Busy, "not ready"),
    };
    let mut node = Node::of(certificate.objref(), tone, state);
    let spec = &certificate.spec;
    let status = &certificate.status;
    let details = &mut node.details;
    details.push(Detail::at("created", "", certificate.created()));
    let lists = [
        ("common name", std::slice::from_ref(&spec.common_name)),
        ("names", spec.dns_names.as_slice()),
        ("addresses", spec.ip_addresses.as_slice()),
        ("uris", spec.uris.as_slice()),
        ("emails", spec.email_addresses.as_slice()),
    ];
    for (label, values) in lists {
        let text = values.join(", ");
        if !text.is_empty() {
            details.push(Detail::new(label, text));
        }
    }
    details.push(Detail::new("issuer", issuer_words(&spec.issuer_ref)));
    details.push(Detail::new("secret", spec.secret_name.clone()));
    if let Some(revision) = status.revision {
        details.push(Detail::new("revision", revision.to_string()));
    }
    if let Some(attempts) = status.failed_issuance_attempts {
        let at = status.last_failure_time.as_ref().map(|time| time.0);
        details.push(Detail::at("failed attempts", attempts.to_string(), at));
    }
    let times =
        [("valid from", &status.not_before), ("valid until", &status.not_after), ("renewal", &status.renewal_time)];
    for (label, time) in times {
        if let Some(time) = time {
            details.push(Detail::at(label, horizon::words(time.0), Some(time.0)));
        }
    }
    details.extend(status.conditions.iter().map(condition));
    details.extend(events(facts, certificate));
    let namespace = certificate.namespace().unwrap_or_default();
    let writers = facts.inventory.certificates_for_secret(namespace, &certificate.spec.secret_name);
    for rival in writers.filter(|writer| writer.name() != certificate.name()) {
        details.push(Detail::new("rival", format!("Certificate {} writes to the same Secret", rival.name())));
    }
    node.children = below(facts, requests);
    node
}

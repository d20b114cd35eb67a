//! The Secret and its decoded certificate.

use super::{Detail, Node, Tone, not_seen};
use crate::api::{Object, Secret, annotation};
use crate::fact::Fact;
use crate::facts::Facts;
use crate::horizon;
use crate::objref::{Kind, ObjRef};
use crate::x509::{Bundle, Certificate};

/// The Secret's node; `None` if nothing names a Secret.
pub(super) fn node(facts: &Facts) -> Option<Node> {
    let name = facts.chain.certificate.seen().map(|certificate| certificate.spec.secret_name.as_str());
    let secret = match &facts.chain.secret {
        Fact::Seen(secret) => *secret,
        missing @ (Fact::Absent | Fact::Hidden(_) | Fact::Failed(_) | Fact::NotLooked(_)) => {
            let object = ObjRef::new(Kind::Secret, facts.chain.subject.namespace.as_deref(), name?);
            let tone = if missing.is_absent() { Tone::Busy } else { Tone::Unknown };
            return Some(Node::of(object, tone, not_seen(missing, Kind::Secret)));
        }
    };
    Some(seen(facts, secret))
}

fn seen(facts: &Facts, secret: &Secret) -> Node {
    let bundle = secret.bytes("tls.crt").map(|pem| Bundle::from_pem(pem.expose()));
    let mut node = match &bundle {
        Some(Ok(bundle)) if bundle.leaf().not_after < facts.now => Node::of(secret.objref(), Tone::Bad, "expired"),
        Some(Ok(_)) => Node::of(secret.objref(), Tone::Good, "holds a certificate"),
        Some(Err(_)) => Node::of(secret.objref(), Tone::Bad, "tls.crt cannot be decoded"),
        None if secret.is_elided("tls.crt") => {
            Node::of(secret.objref(), Tone::Unknown, "tls.crt was taken out of the source")
        }
        None => Node::of(secret.objref(), Tone::Bad, "holds no tls.crt"),
    };
    let details = &mut node.details;
    if let Some(owner) = secret.annotation(annotation::CERTIFICATE_NAME) {
        details.push(Detail::new("written for", format!("Certificate {owner}")));
    }
    match bundle {
        Some(Ok(bundle)) => {
            leaf(details, bundle.leaf());
            details.push(Detail::new("chain", chain_words(&bundle)));
            details.push(Detail::new("key match", key_words(secret, &bundle)));
        }
        Some(Err(error)) => details.push(Detail::new("tls.crt", error.to_string())),
        None => {}
    }
    let ca = if secret.data.contains_key("ca.crt") { "present" } else { "absent (as always with ACME)" };
    details.push(Detail::new("ca.crt", ca));
    node
}

fn leaf(details: &mut Vec<Detail>, leaf: &Certificate) {
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    let names = &leaf.alt_names;
    let ips = names.ips.iter().map(ToString::to_string);
    let all: Vec<String> = names
        .dns
        .iter()
        .cloned()
        .chain(ips)
        .chain(names.uris.iter().cloned())
        .chain(names.emails.iter().cloned())
        .collect();
    let usages: Vec<String> =
        leaf.key_usages.iter().flatten().chain(leaf.extended_key_usages.iter().flatten()).cloned().collect();
    details.push(Detail::new("subject", or_none(leaf.subject.to_string())));
    details.push(Detail::new("names", or_none(all.join(", "))));
    details.push(Detail::new("issued by", or_none(leaf.issuer.to_string())));
    details.push(Detail::new("serial", leaf.serial.clone()));
    details.push(Detail::at("not before", leaf.not_before.to_string(), Some(leaf.not_before)));
    details.push(Detail::at("not after", horizon::words(leaf.not_after), Some(leaf.not_after)));
    details.push(Detail::new("key", leaf.key.key_type.to_string()));
    details.push(Detail::new("signature", leaf.signature_algorithm().to_owned()));
    details.push(Detail::new("usages", or_none(usages.join(", "))));
    details.push(Detail::new("key id", or_none(leaf.subject_key_id.clone().unwrap_or_default())));
    details.push(Detail::new("issuer key id", or_none(leaf.authority_key_id.clone().unwrap_or_default())));
}

fn chain_words(bundle: &Bundle) -> String {
    let count = bundle.iter().count();
    let certificates = if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") };
    match bundle.gaps().first() {
        None if count == 1 => certificates,
        None => format!("{certificates}, in order"),
        Some((index, fault)) => format!("{certificates}, broken after number {}: {fault}", index + 1),
    }
}

fn key_words(secret: &Secret, bundle: &Bundle) -> String {
    match secret.public_key("tls.key") {
        None if secret.is_elided("tls.key") => "unknown: tls.key was taken out of the source".into(),
        None => "no: there is no tls.key".into(),
        Some(Ok(key)) if key == bundle.leaf().key => "yes: tls.key fits the certificate".into(),
        Some(Ok(_)) => "no: tls.key is another key than the certificate's".into(),
        Some(Err(error)) => format!("no: {error}"),
    }
}

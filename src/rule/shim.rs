//! What an Ingress, Gateway or ListenerSet asks of cert-manager, and why it gets no Certificate.
//!
//! What cert-manager's shims refuse is the engine's word; here it is put into words for people, with what to do.

pub(super) mod annotation;
pub(super) mod entry;
pub(super) mod gateway;
pub(super) mod issuer;
pub(super) mod made;
pub(super) mod owner;
#[cfg(test)]
mod tests;

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use crate::api::annotation::{SHIM_CLUSTER_ISSUER, SHIM_ISSUER};
use crate::chain::way::ways;
use crate::facts::{Asked, Facts};
use crate::finding::{Finding, Witness, quoted};
use crate::objref::{Kind, ObjRef};

/// `Ingress web`.
fn named(asked: &Asked) -> String {
    format!("{} {}", asked.object.kind, asked.object.name)
}

/// `kubectl annotate ingress web -n shop CHANGES`.
fn annotate(asked: &Asked, changes: &[String]) -> String {
    let ObjRef { kind, name, .. } = &asked.object;
    format!("kubectl annotate {} {name}{} {}", kind.singular(), asked.object.namespace_flag(), changes.join(" "))
}

/// `KEY=VALUE` as one word of a shell command.
fn setting(key: &str, value: &str) -> String {
    quoted(&format!("{key}={value}"))
}

/// The annotation that would name the one issuer that is known; a placeholder where there is none, or a choice.
fn issuer_setting(facts: &Facts) -> String {
    let own = facts.chain.subject.namespace.as_deref();
    let issuers = facts.inventory.names(Kind::Issuer).filter(|(namespace, _)| Some(*namespace) == own);
    let issuers = issuers.map(|(_, name)| (SHIM_ISSUER, name));
    let cluster = facts.inventory.names(Kind::ClusterIssuer).map(|(_, name)| (SHIM_CLUSTER_ISSUER, name));
    let mut known = cluster.chain(issuers);
    match (known.next(), known.next()) {
        (Some((key, name)), None) => setting(key, name),
        (Some(_), Some(_)) | (None, _) => format!("{SHIM_CLUSTER_ISSUER}=NAME-OF-THE-ISSUER"),
    }
}

/// The annotations with these keys, as evidence.
fn quote<'k>(finding: Finding, asked: &Asked, keys: impl IntoIterator<Item = &'k str>) -> Finding {
    keys.into_iter().fold(finding, |finding, key| match asked.annotation(key) {
        Some(value) => finding.evidence(Witness::Metadata(asked.object.kind), format!("{key}: {value}")),
        None => finding,
    })
}

/// The event that tells a refusal, as evidence, if it is there.
fn told(finding: Finding, facts: &Facts, asked: &Asked, words: &str) -> Finding {
    let mut events = facts.inventory.events_about(asked.object.kind, &asked.meta).rev();
    let said = events.find_map(|event| event.message.as_deref().filter(|message| message.contains(words)));
    finding.evidence(Witness::Event(asked.object.kind, "BadConfig".to_owned()), said.unwrap_or_default())
}

/// Whether every Secret that the subject names is written by some Certificate, so that nothing is missing.
fn is_served(facts: &Facts) -> bool {
    let ways = ways(facts.inventory, &facts.chain.subject);
    ways.iter().all(|way| way.len() > 2)
}

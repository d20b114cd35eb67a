//! A Certificate of the wanted name that is not the object's own, so that cert-manager leaves it as it is.

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, named};
use crate::api::{Certificate, CertificateSpec, IssuerRef, Object};
use crate::engine::shim::Refusal;
use crate::facts::{Asked, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::host::covers;
use crate::objref::Kind;

pub static NOT_OWNED: Rule = Rule {
    id: "shim-certificate-not-owned",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the Certificate belongs to another object or to none, so what is asked for is not put into it",
    doc: include_str!("../../../docs/rules/shim-certificate-not-owned.md"),
    needs: &[Kind::Ingress, Kind::Gateway, Kind::ListenerSet, Kind::Certificate],
    explains: &["host-not-in-certificate"],
    judge: not_owned,
};

fn not_owned(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let refusals = asked.outcome.refusals.iter();
    Ok(refusals
        .filter_map(|refusal| {
            let owner = match refusal {
                Refusal::NoOwner { .. } => None,
                Refusal::OtherOwner { owner, .. } => Some(owner.as_str()),
                Refusal::NotWatched(_)
                | Refusal::NoTrigger { .. }
                | Refusal::BeingDeleted
                | Refusal::NoParent { .. }
                | Refusal::Issuer(_)
                | Refusal::SecretNames(_)
                | Refusal::Block { .. }
                | Refusal::Listener { .. }
                | Refusal::NothingAsked
                | Refusal::Annotation(_)
                | Refusal::NotAdmitted { .. }
                | Refusal::Overlooked { .. } => return None,
            };
            of_certificate(facts, asked, refusal.certificate()?, owner)
        })
        .collect())
}

/// What the Certificate that exists lacks of what is asked for; nothing is wrong while it lacks nothing.
fn of_certificate(facts: &Facts, asked: &Asked, name: &str, owner: Option<&str>) -> Option<Finding> {
    let namespace = asked.object.namespace.as_deref();
    let exists = *facts.inventory.get::<Certificate>(namespace, name).seen()?;
    let wanted = asked.wanted.iter().find(|wanted| wanted.name() == name)?;
    let concerns = |host: &&String| facts.host.as_deref().is_none_or(|asked| covers(host, asked));
    let names = |spec: &CertificateSpec| [spec.dns_names.clone(), spec.ip_addresses.clone()].concat();
    let there = names(&exists.spec);
    let missing: Vec<String> = names(&wanted.spec)
        .iter()
        .filter(|host| concerns(host) && !there.iter().any(|one| covers(one, host)))
        .cloned()
        .collect();
    let other_issuer = exists.spec.issuer_ref.name != wanted.spec.issuer_ref.name
        || exists.spec.issuer_ref.kind_or_default() != wanted.spec.issuer_ref.kind_or_default();
    let other_secret = exists.spec.secret_name != wanted.spec.secret_name;
    let lacks = if other_secret {
        format!("it writes Secret {} and not {}", exists.spec.secret_name, wanted.spec.secret_name)
    } else if !missing.is_empty() {
        format!("it is not for {}", missing.join(", "))
    } else if other_issuer {
        format!(
            "it is from {} and not from {}",
            issuer_words(&exists.spec.issuer_ref),
            issuer_words(&wanted.spec.issuer_ref)
        )
    } else {
        return None;
    };
    let whose = owner.map_or_else(|| "belongs to no object".to_owned(), |owner| format!("belongs to {owner}"));
    let finding = NOT_OWNED
        .on(asked.object.clone())
        .says(format!("Certificate {name}, which {} asks for, {whose}, and {lacks}", named(asked)))
        .because(format!(
            "cert-manager names the Certificate after the Secret, and touches only Certificates that belong to the {} itself. This one it leaves as it is, whatever is changed in the {}; only its log says so.",
            asked.object.kind, asked.object.kind
        ))
        .evidence(Witness::Metadata(Kind::Certificate), match exists.controller() {
            Some(owner) => format!("ownerReferences: {} {}", owner.kind, owner.name),
            None => "no ownerReferences".to_owned(),
        })
        .evidence(Witness::Spec(Kind::Certificate, "dnsNames"), exists.spec.dns_names.join(", "))
        .evidence(Witness::Computed, format!("asked for: {} from {}", names(&wanted.spec).join(", "), issuer_words(&wanted.spec.issuer_ref)));
    let flag = asked.object.namespace_flag();
    Some(match owner {
        Some(owner) => finding
            .fix(Fix::manual(format!("give {} a Secret of its own: another name in its TLS entry", named(asked))))
            .fix(Fix::manual(format!("or put the hosts into {owner}, to which the Certificate belongs"))),
        None => finding
            .fix(Fix::command(
                format!(
                    "let cert-manager make it from the {}: the Secret stays and is written anew",
                    asked.object.kind
                ),
                format!("kubectl delete certificate {name}{flag}"),
            ))
            .fix(Fix::manual(format!(
                "or change Certificate {name} by hand, and take the annotation off {}",
                named(asked)
            ))),
    })
}

/// `ClusterIssuer letsencrypt`.
fn issuer_words(reference: &IssuerRef) -> String {
    format!("{} {}", reference.kind_or_default(), reference.name)
}

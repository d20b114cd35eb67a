//! TLS entries of an Ingress that lack what a Certificate needs, or that are not there.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{Ingress, IngressTLS};

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, named, told};
use crate::engine::shim::{FieldError, Refusal};
use crate::facts::{Asked, Facts};
use crate::finding::{Finding, Fix, Witness};
use crate::host::covers;
use crate::objref::Kind;

pub static BLOCK_INCOMPLETE: Rule = Rule {
    id: "ingress-tls-block-incomplete",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "a TLS entry of the Ingress lacks hosts or a Secret, is there twice, or is missing",
    doc: include_str!("../../../docs/rules/ingress-tls-block-incomplete.md"),
    needs: &[Kind::Ingress],
    explains: &["host-not-in-certificate"],
    judge: block_incomplete,
};

fn block_incomplete(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let object = &asked.object;
    let ingress = facts.inventory.at::<Ingress>(object);
    let Some(ingress) = ingress.seen().filter(|_| object.kind == Kind::Ingress) else {
        return Err(Withheld::NotApplicable);
    };
    if let Some(finding) = facts.host.as_deref().and_then(|host| without_tls(asked, ingress, host)) {
        return Ok(vec![finding]);
    }
    let refusals = asked.outcome.refusals.iter();
    let findings: Vec<Finding> = refusals
        .filter_map(|refusal| {
            if let Refusal::SecretNames(errors) = refusal {
                Some(doubled(facts, asked, ingress, errors))
            } else if let Refusal::Block { index, errors } = refusal {
                let block = &entries(ingress)[*index];
                concerns(facts, block).then(|| incomplete(facts, asked, ingress, *index, errors))
            } else {
                None
            }
        })
        .collect();
    let asks_for_nothing = asked.outcome.refusals.contains(&Refusal::NothingAsked) && entries(ingress).is_empty();
    if asks_for_nothing { Ok(vec![no_entry(asked, ingress)]) } else { Ok(findings) }
}

fn entries(ingress: &Ingress) -> &[IngressTLS] {
    ingress.spec.as_ref().and_then(|spec| spec.tls.as_deref()).unwrap_or_default()
}

/// Whether an entry may be for the host that the Ingress is looked at for.
fn concerns(facts: &Facts, block: &IngressTLS) -> bool {
    let hosts = block.hosts.as_deref().unwrap_or_default();
    facts.host.as_deref().is_none_or(|host| hosts.is_empty() || hosts.iter().any(|name| covers(name, host)))
}

/// The hosts of the rules that no other entry has.
fn free_hosts(ingress: &Ingress) -> Vec<&str> {
    let rules = ingress.spec.iter().flat_map(|spec| spec.rules.iter().flatten());
    let taken: BTreeSet<&str> = entries(ingress).iter().flat_map(hosts_of).collect();
    let mut hosts: Vec<&str> = Vec::new();
    for host in rules.filter_map(|rule| rule.host.as_deref()) {
        if !host.is_empty() && !taken.contains(host) && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn hosts_of(block: &IngressTLS) -> impl Iterator<Item = &str> {
    block.hosts.iter().flatten().map(String::as_str)
}

/// `[a.example.com, "*.example.com"]`.
fn yaml_hosts(hosts: &[&str]) -> String {
    let hosts: Vec<String> = hosts
        .iter()
        .map(|host| if host.starts_with('*') { format!("\"{host}\"") } else { (*host).to_owned() })
        .collect();
    format!("[{}]", if hosts.is_empty() { "HOST".to_owned() } else { hosts.join(", ") })
}

fn entry_patch(hosts: &[&str], secret: &str) -> String {
    format!("spec:\n  tls:\n  - hosts: {}\n    secretName: {secret}", yaml_hosts(hosts))
}

fn incomplete(facts: &Facts, asked: &Asked, ingress: &Ingress, index: usize, errors: &[FieldError]) -> Finding {
    let block = &entries(ingress)[index];
    let (no_hosts, secret) = (block.hosts.as_deref().unwrap_or_default().is_empty(), block.secret_name.as_deref());
    let no_secret = secret.unwrap_or_default().is_empty();
    let lacks = match (no_hosts, no_secret) {
        (true, true) => "neither hosts nor a secretName",
        (true, false) => "no hosts",
        (false, _) => "no secretName",
    };
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let own = format!("{}-tls", asked.object.name);
    let hosts: Vec<&str> = if no_hosts { free_hosts(ingress) } else { hosts_of(block).collect() };
    let secret = secret.filter(|name| !name.is_empty()).unwrap_or(&own);
    let finding = BLOCK_INCOMPLETE
        .on(asked.object.clone())
        .says(format!("TLS entry {index} of {} has {lacks}, so cert-manager makes no Certificate for it", named(asked)))
        .because("A Certificate needs the names that it is for and the Secret that it goes into. cert-manager takes both from the TLS entry alone: the hosts of the rules do not count.")
        .evidence(Witness::Spec(Kind::Ingress, "tls"), errors.join(", "));
    told(finding, facts, asked, "Skipped a TLS block")
        .fix(Fix::patch("complete the entry", entry_patch(&hosts, secret)))
}

fn doubled(facts: &Facts, asked: &Asked, ingress: &Ingress, errors: &[FieldError]) -> Finding {
    let names = entries(ingress).iter().map(|block| block.secret_name.as_deref().unwrap_or_default());
    let twice = |name: &&str| {
        entries(ingress).iter().filter(|block| block.secret_name.as_deref().unwrap_or_default() == *name).count() > 1
    };
    let doubled: BTreeSet<&str> = names.filter(twice).collect();
    let what = match doubled.iter().next() {
        Some(&"") => "has several TLS entries without a secretName".to_owned(),
        Some(name) => format!("names Secret {name} in several TLS entries"),
        None => "names a Secret in several TLS entries".to_owned(),
    };
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let finding = BLOCK_INCOMPLETE
        .on(asked.object.clone())
        .says(format!("{} {what}, so cert-manager does nothing for it at all", named(asked)))
        .because("One Secret holds one certificate, and cert-manager does not put the entries together: it skips the whole Ingress, its other entries too, until each Secret stands in one entry.")
        .evidence(Witness::Spec(Kind::Ingress, "tls"), errors.join(", "));
    let finding = told(finding, facts, asked, "must only appear in a single TLS entry");
    let of = |name: &str| {
        let blocks = entries(ingress).iter().filter(move |block| block.secret_name.as_deref() == Some(name));
        blocks.flat_map(hosts_of).collect::<BTreeSet<&str>>().into_iter().collect::<Vec<_>>()
    };
    match doubled.iter().find(|name| !name.is_empty()) {
        Some(name) => finding.fix(Fix::patch("put the hosts into one entry", entry_patch(&of(name), name))),
        None => finding.fix(Fix::manual("give each TLS entry a secretName of its own")),
    }
}

fn no_entry(asked: &Asked, ingress: &Ingress) -> Finding {
    let hosts = free_hosts(ingress);
    BLOCK_INCOMPLETE
        .on(asked.object.clone())
        .says(format!("{} names an issuer and has no TLS entry, so there is nothing to make a Certificate for", named(asked)))
        .because("cert-manager takes names and Secret from spec.tls. Without an entry there it does nothing, without an event: the hosts of the rules do not count.")
        .evidence(Witness::Spec(Kind::Ingress, "tls"), "not there")
        .evidence(Witness::Spec(Kind::Ingress, "rules[].host"), hosts.join(", "))
        .fix(Fix::patch("add the entry", entry_patch(&hosts, &format!("{}-tls", asked.object.name))))
}

/// A host that the Ingress serves by a rule and that no TLS entry is for.
fn without_tls(asked: &Asked, ingress: &Ingress, host: &str) -> Option<Finding> {
    let is_for =
        |block: &IngressTLS| hosts_of(block).next().is_none() || hosts_of(block).any(|name| covers(name, host));
    if entries(ingress).iter().any(is_for) {
        return None;
    }
    let secrets: Vec<&str> = entries(ingress).iter().filter_map(|block| block.secret_name.as_deref()).collect();
    let listed: Vec<&str> = entries(ingress).iter().flat_map(hosts_of).collect();
    let finding = BLOCK_INCOMPLETE
        .on(asked.object.clone())
        .says(format!("{} serves {host} without a certificate of its own: no TLS entry names the host", named(asked)))
        .because("Clients that ask by https are served the ingress controller's default certificate. cert-manager takes names from the TLS entries alone: the hosts of the rules do not count.")
        .evidence(Witness::Spec(Kind::Ingress, "rules[].host"), host)
        .evidence(Witness::Spec(Kind::Ingress, "tls[].hosts"), if listed.is_empty() { "none".to_owned() } else { listed.join(", ") });
    let own = format!("{}-tls", asked.object.name);
    Some(match secrets.as_slice() {
        [only] => {
            let hosts: Vec<&str> = listed.into_iter().chain([host]).collect();
            finding.fix(Fix::patch("add the host to the entry", entry_patch(&hosts, only)))
        }
        [] => finding.fix(Fix::patch("add an entry for it", entry_patch(&[host], &own))),
        [_, ..] => {
            finding.fix(Fix::patch("add an entry for it beside the others", entry_patch(&[host], &format!("{own}-2"))))
        }
    })
}

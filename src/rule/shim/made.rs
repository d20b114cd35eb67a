//! A Certificate that is asked for as it should be, and is not there.

use super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld, named};
use crate::api::Object;
use crate::facts::{Facts, Unmade};
use crate::finding::{Fix, Witness, quoted};
use crate::objref::Kind;

pub static CERTIFICATE_MISSING: Rule = Rule {
    id: "shim-certificate-missing",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Symptom,
    severity: Severity::Error,
    outlook: Outlook::Unknown,
    since: "0.1.0",
    summary: "a Certificate that an Ingress or Gateway asks for was never made",
    doc: include_str!("../../../docs/rules/shim-certificate-missing.md"),
    needs: &[Kind::Ingress, Kind::Gateway, Kind::ListenerSet, Kind::Certificate],
    explains: &[],
    judge: certificate_missing,
};

fn certificate_missing(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let Some(Unmade::Since(since)) = facts.unmade() else { return Err(Withheld::NotApplicable) };
    let names: Vec<&str> = asked.to_make().map(Object::name).collect();
    let (names, plural) = (names.join(", "), if names.len() == 1 { "" } else { "s" });
    let doubt = asked.flags_unseen.as_ref().map(|gap| format!(" {}.", capital(&gap.why))).unwrap_or_default();
    let finding = CERTIFICATE_MISSING
        .on(asked.object.clone())
        .says(format!("cert-manager has not made Certificate{plural} {names}, which {} asks for since {since}", named(asked)))
        .because(format!(
            "All that the annotations and entries of {} ask for is in order, so cert-manager should have made it within seconds. Either its controller does not run or does not look at {}s, or the API server refuses the Certificate; only the controller's log tells.{doubt}",
            named(asked),
            asked.object.kind
        ))
        .evidence(Witness::Source, format!("no Certificate {names} in namespace {}", asked.object.namespace.as_deref().unwrap_or_default()))
        .evidence(Witness::Metadata(asked.object.kind), format!("last changed {since}"));
    Ok(vec![finding.fix(Fix::command(
        "read what the controller says of it",
        format!(
            "kubectl logs -n cert-manager deployment/cert-manager --since=1h | grep {}",
            quoted(&asked.object.name)
        ),
    ))])
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

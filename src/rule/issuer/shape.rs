//! Issuers whose spec says no way to sign, or more than one.
//!
//! cert-manager's webhook refuses both; they are stored where it was away, or was not asked.

use super::{is_waiting, request_words, waited_for};
use crate::api::IssuerSpec;
use crate::chain::IssuerView;
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::{Kind, ObjRef};
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

pub static WITHOUT_TYPE: Rule = Rule {
    id: "issuer-without-type-or-two-types",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issuer's spec says no way to sign, or more than one",
    doc: include_str!("../../../docs/rules/issuer-without-type-or-two-types.md"),
    needs: &[Kind::Issuer, Kind::ClusterIssuer],
    explains: &["issuer-no-status", "issuer-not-ready"],
    judge: without_type,
};

fn without_type(facts: &Facts) -> Judgement {
    let said = request_words(facts).filter(|words| is_waiting(facts) && words.starts_with("Missing issuer type"));
    let view = match waited_for(facts) {
        Ok(view) => view,
        // The controller has spoken, though the issuer itself was not seen.
        Err(Withheld::Undetermined(_)) if said.is_some() => return Ok(unseen(facts, said.unwrap_or_default())),
        Err(withheld) => return Err(withheld),
    };
    let IssuerView::Builtin { objref, spec, status, .. } = view else { return Err(Withheld::NotApplicable) };
    let types = types(spec);
    let is_ready = status.ready().is_some_and(crate::api::IssuerCondition::is_true);
    Ok(match types[..] {
        [] if said.is_some() || !is_ready => {
            let finding = WITHOUT_TYPE
                .on(objref.clone())
                .says(format!("the spec of {objref} has none of acme, ca, vault, selfSigned and venafi"))
                .because(WHY_NONE)
                .evidence(Witness::Spec(objref.kind, "spec"), "no issuer type")
                .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), said.unwrap_or_default());
            vec![with_fix(finding, objref)]
        }
        [first, _, ..] if !is_ready => {
            let finding = WITHOUT_TYPE
                .on(objref.clone())
                .says(format!("the spec of {objref} has {} at once", types.join(" and ")))
                .because(format!(
                    "An issuer signs in one way. cert-manager goes by {first} alone and does not look at the rest, which may \
                     be the one that was meant."
                ))
                .evidence(Witness::Spec(objref.kind, "spec"), types.join(", "));
            vec![with_fix(finding, objref)]
        }
        _ => vec![],
    })
}

const WHY_NONE: &str = "No controller takes care of such an issuer, so it gets no status, and its requests wait. Mostly the type \
                        stands at the wrong depth, or its name is misspelt and was dropped when the issuer was stored.";

/// The types that the spec has, in the order in which cert-manager looks for them (`pkg/api/util/issuers.go`).
fn types(spec: &IssuerSpec) -> Vec<&'static str> {
    let all = [
        ("acme", spec.acme.is_some()),
        ("ca", spec.ca.is_some()),
        ("vault", spec.vault.is_some()),
        ("selfSigned", spec.self_signed.is_some()),
        ("venafi", spec.venafi.is_some()),
    ];
    all.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

fn unseen(facts: &Facts, said: &str) -> Vec<Finding> {
    let namespace = facts.chain.subject.namespace.as_deref().unwrap_or_default();
    let Some(object) = facts.chain.issuer_ref.and_then(|reference| reference.objref(namespace)) else { return vec![] };
    let finding = WITHOUT_TYPE
        .on(object.clone())
        .says(format!("the spec of {object} has no issuer type, by the word of the request"))
        .because(WHY_NONE)
        .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), said);
    vec![with_fix(finding, &object)]
}

fn with_fix(finding: Finding, issuer: &ObjRef) -> Finding {
    finding
        .fix(Fix::command(
            "keep exactly one type, directly under spec",
            format!("kubectl edit {}{}", issuer.kubectl_name(), issuer.namespace_flag()),
        ))
        .fix(Fix::patch(
            "as in this one",
            "spec:\n  acme:\n    server: https://acme-v02.api.letsencrypt.org/directory\n    privateKeySecretRef:\n      name: \
             letsencrypt-account\n    solvers:\n    - http01:\n        ingress:\n          ingressClassName: nginx\n",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{IssuerStatus, Object};
    use crate::facts::specimen::Specimen;

    /// The chain waits for its issuer, whose spec is this.
    fn waiting(spec: &str) -> Specimen {
        let spec: IssuerSpec = serde_saphyr::from_str(spec).unwrap();
        Specimen::http01().later(3).broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().spec = spec;
            objects.cluster_issuer().status = IssuerStatus::default();
            for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true()) {
                condition.message = "Missing issuer type: no issuer specified for Issuer '/letsencrypt'".into();
            }
        })
    }

    #[test]
    fn an_issuer_without_a_type_is_the_root_cause() {
        let none = waiting("{}");
        assert_eq!(none.root(), Some("issuer-without-type-or-two-types"));
        assert!(none.judge().headline.contains("none of acme"), "{}", none.judge().headline);
        let itself = none.about(Kind::ClusterIssuer, None, "letsencrypt");
        assert_eq!(itself.root(), Some("issuer-without-type-or-two-types"));
        assert!(!waiting("{selfSigned: {}}").ids().contains(&"issuer-without-type-or-two-types"));
    }

    #[test]
    fn the_word_of_the_request_is_enough() {
        let unseen = waiting("{}").broken(|objects| objects.cluster_issuers.clear());
        assert_eq!(unseen.root(), Some("issuer-without-type-or-two-types"));
    }

    #[test]
    fn two_types_are_told_while_the_issuer_is_not_ready() {
        const BOTH: &str =
            "{acme: {server: 'https://acme.example.com/', privateKeySecretRef: {name: a}}, ca: {secretName: ca}}";
        let both = waiting(BOTH);
        assert_eq!(both.root(), Some("issuer-without-type-or-two-types"));
        assert!(both.judge().headline.contains("acme and ca at once"), "{}", both.judge().headline);
        let ready = Specimen::http01().broken(|objects| {
            objects.cluster_issuer().spec = serde_saphyr::from_str(BOTH).unwrap();
            assert!(objects.cluster_issuer().name() == "letsencrypt");
        });
        assert_eq!(ready.ids(), Vec::<&str>::new());
    }
}

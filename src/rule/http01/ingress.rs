//! The solver's Ingress cannot be made, or the one that it is to edit is not there.
//!
//! Goes by the words of presenting, which are those of the API server and of admission webhooks.

use k8s_openapi::api::networking::v1::Ingress;

use super::{Heard, begin_anew, heard};
use crate::api::{Object, annotation};
use crate::facts::Facts;
use crate::finding::{Finding, Fix, Witness};
use crate::objref::Kind;
use crate::rule::live::and_http01_probes;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity};

pub static PATH_TYPE_REFUSED: Rule = Rule {
    id: "http01-pathtype-exact-refused",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the ingress controller refuses the solver's Ingress for its path type",
    doc: include_str!("../../../docs/rules/http01-pathtype-exact-refused.md"),
    needs: &[Kind::Challenge],
    explains: and_http01_probes!["http01-present-failed"],
    judge: path_type_refused,
};

fn path_type_refused(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    let findings = heard.iter().filter_map(|heard| {
        let (text, _) = heard.present_error()?;
        let is_path_type = text.contains("cannot be used with pathType") || text.contains("path type is supported");
        let is_nginx = text.contains("nginx");
        if !is_path_type {
            return None;
        }
        let who = if is_nginx { "ingress-nginx" } else { "the ingress controller" };
        let finding = PATH_TYPE_REFUSED
            .on(heard.node.challenge.objref())
            .says(format!("{who} refuses the solver's Ingress for {}: the challenge path may not have pathType Exact", heard.name()))
            .because(format!(
                "Since 1.18 cert-manager makes the solver's Ingress with pathType Exact. {} {}",
                if is_nginx {
                    "ingress-nginx with strict path validation takes the dot in /.well-known for a pattern and denies it."
                } else {
                    "This controller supports ImplementationSpecific only."
                },
                heard.what_follows()
            ));
        let mut finding = heard.quote(finding).fix(Fix::command(
            "go back to ImplementationSpecific: switch the feature gate off",
            "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager -n cert-manager --reuse-values --set \
             featureGates=ACMEHTTP01IngressPathTypeExact=false",
        ));
        if is_nginx {
            finding = finding.fix(Fix::command(
                "or switch strict path validation off, in the ConfigMap of ingress-nginx",
                "kubectl patch configmap ingress-nginx-controller -n ingress-nginx --type merge -p \
                 '{\"data\":{\"strict-validate-path-type\":\"false\"}}'",
            ));
        }
        Some(finding)
    });
    Ok(findings.collect())
}

pub static INGRESS_MISSING: Rule = Rule {
    id: "http01-edit-in-place-ingress-missing",
    aliases: &[],
    family: Family::Http01,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the Ingress that the solver is to edit does not exist in the namespace",
    doc: include_str!("../../../docs/rules/http01-edit-in-place-ingress-missing.md"),
    needs: &[Kind::Challenge, Kind::Ingress],
    explains: and_http01_probes!["http01-present-failed"],
    judge: ingress_missing,
};

fn ingress_missing(facts: &Facts) -> Judgement {
    let heard = heard(facts)?;
    Ok(heard.iter().filter_map(|heard| ingress_missing_for(facts, heard)).collect())
}

fn ingress_missing_for(facts: &Facts, heard: &Heard) -> Option<Finding> {
    let (text, _) = heard.present_error()?;
    let challenge = heard.node.challenge;
    let wanted = challenge.spec.solver.http01.as_ref()?.ingress.as_ref()?.name.as_str();
    let namespace = challenge.namespace().unwrap_or_default();
    let is_said = text.contains("not found") && text.contains(&format!("\"{wanted}\""));
    if wanted.is_empty() || !is_said && !facts.inventory.get::<Ingress>(Some(namespace), wanted).is_absent() {
        return None;
    }
    let order = facts.order().ok()?.order;
    let by_annotation = order.annotation(annotation::HTTP01_OVERRIDE_NAME) == Some(wanted);
    let from = if by_annotation {
        "the Certificate's annotation acme.cert-manager.io/http01-override-ingress-name".to_owned()
    } else {
        format!(
            "http01.ingress.name of {} {}",
            challenge.spec.issuer_ref.kind_or_default(),
            challenge.spec.issuer_ref.name
        )
    };
    let near = near_ingress(facts, namespace, wanted);
    let namesakes = facts.inventory.ingresses.named(wanted).filter_map(|ingress| ingress.namespace());
    let elsewhere = namesakes.into_iter().find(|other| *other != namespace);
    let hint = match (near, elsewhere) {
        (Some(near), _) => format!(" There is an Ingress {near}."),
        (None, Some(other)) => {
            format!(" Namespace {other} has one of that name, but the solver looks in its own only.")
        }
        (None, None) => String::new(),
    };
    let finding = INGRESS_MISSING
        .on(challenge.objref())
        .says(format!(
            "namespace {namespace} has no Ingress {wanted}, which the solver for {} is to edit",
            heard.name()
        ))
        .because(format!(
            "The name comes from {from}. It is looked for in the namespace of the Certificate, as when the Ingress was \
             renamed after its Certificate was made.{hint} {}",
            heard.what_follows()
        ));
    let finding = heard.quote(finding).evidence(Witness::Spec(Kind::Challenge, "solver.http01.ingress.name"), wanted);
    let right = near.unwrap_or("RIGHT-NAME");
    let flag = heard.flag();
    let finding = match (by_annotation, facts.certificate()) {
        (true, Ok(certificate)) => finding.fix(Fix::command(
            "name the right Ingress; a Certificate that an Ingress made gets it from there, so one of a renamed Ingress \
             is better deleted",
            format!(
                "kubectl annotate certificate {} --overwrite acme.cert-manager.io/http01-override-ingress-name={right}{flag}",
                certificate.name()
            ),
        )),
        (true, Err(_)) | (false, _) => finding.fix(Fix::patch(
            "name the right Ingress in the issuer, or none and let the solver have an Ingress of its own",
            format!("spec:\n  acme:\n    solvers:\n    - http01:\n        ingress:\n          name: {right}\n"),
        )),
    };
    Some(finding.fix(begin_anew(facts)))
}

/// An Ingress of the namespace whose name is close.
fn near_ingress<'i>(facts: &Facts<'i>, namespace: &str, wanted: &str) -> Option<&'i str> {
    let names = facts.inventory.ingresses.around(namespace, wanted).iter().map(Object::name);
    let scored = names.map(|name| (strsim::jaro_winkler(name, wanted), name)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::super::staging::not_presented;

    #[test]
    fn a_refused_path_type_is_told_for_both_controllers() {
        for words in [
            "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: ingress contains invalid paths: \
             path /.well-known/acme-challenge/x cannot be used with pathType Exact",
            "only \"ImplementationSpecific\" path type is supported",
        ] {
            assert_eq!(not_presented(words).ids(), ["http01-pathtype-exact-refused", "http01-present-failed"]);
        }
        let other = "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: host \"x\" is already defined";
        assert_eq!(not_presented(other).ids(), ["http01-present-failed"]);
    }

    #[test]
    fn a_missing_ingress_is_told_with_the_near_name() {
        let missing = |text: &str| {
            not_presented(text).broken(|objects| {
                let ingress = objects.challenge().spec.solver.http01.as_mut().unwrap().ingress.as_mut().unwrap();
                ingress.ingress_class_name = None;
                ingress.name = "storefront".into();
            })
        };
        let text = "ingresses.networking.k8s.io \"storefront\" not found";
        assert_eq!(missing(text).ids(), ["http01-edit-in-place-ingress-missing", "http01-present-failed"]);
        assert_eq!(
            missing("ingress.networking.k8s.io \"storefront\" not found").ids(),
            ["http01-edit-in-place-ingress-missing", "http01-present-failed"]
        );
        let near = missing(text).with(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: storefront-v2, namespace: shop}\nspec: {}\n",
        );
        assert!(near.judge().findings[0].explanation.contains("There is an Ingress storefront-v2."));
        assert_eq!(not_presented(text).ids(), ["http01-present-failed"], "the solver edits no Ingress");
        assert_eq!(missing("services \"storefront-svc\" not found").ids(), ["http01-present-failed"]);
    }
}

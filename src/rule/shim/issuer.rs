//! The issuer that an object's annotations name: two of them, or none.

use super::{
    Family, Judgement, Nature, Outlook, Rule, Severity, annotate, issuer_setting, named, quote, setting, told,
};
use crate::api::annotation::{ISSUER_GROUP, ISSUER_KIND, SHIM_CLUSTER_ISSUER, SHIM_ISSUER};
use crate::engine::shim::{BadIssuer, Refusal};
use crate::facts::{Asked, Facts};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;

pub static BOTH_ANNOTATIONS: Rule = Rule {
    id: "ingress-both-issuer-annotations",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "annotations that exclude each other name the issuer, so no Certificate is made",
    doc: include_str!("../../../docs/rules/ingress-both-issuer-annotations.md"),
    needs: &[Kind::Ingress, Kind::Gateway, Kind::ListenerSet],
    explains: &[],
    judge: both_annotations,
};

/// What is wrong with the annotations that name the issuer; nothing if they are well.
fn faults(asked: &Asked) -> &[BadIssuer] {
    let faults =
        asked.refusal(|refusal| if let Refusal::Issuer(faults) = refusal { Some(faults.as_slice()) } else { None });
    faults.unwrap_or_default()
}

fn both_annotations(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let pairs = faults(asked).iter().filter_map(|fault| match fault {
        BadIssuer::Both(one, other) => Some((*one, *other)),
        BadIssuer::Nameless => None,
    });
    let pairs: Vec<(&str, &str)> = pairs.collect();
    let Some(&(one, other)) = pairs.first() else { return Ok(vec![]) };
    let finding = BOTH_ANNOTATIONS
        .on(asked.object.clone())
        .says(format!("{} names its issuer by {one} and {other}, which exclude each other", named(asked)))
        .because("cert-manager does not choose between them: it makes no Certificate, and changes none that it made earlier, until one of the two is gone.");
    let keys = [SHIM_ISSUER, SHIM_CLUSTER_ISSUER, ISSUER_KIND, ISSUER_GROUP];
    let finding = told(quote(finding, asked, keys), facts, asked, "may not be set");
    let external = pairs.iter().any(|(_, other)| [ISSUER_KIND, ISSUER_GROUP].contains(other));
    let finding = if external {
        let name = asked.annotation(SHIM_ISSUER).or_else(|| asked.annotation(SHIM_CLUSTER_ISSUER)).unwrap_or_default();
        let changes = [setting(SHIM_ISSUER, name), format!("{SHIM_CLUSTER_ISSUER}-"), "--overwrite".to_owned()];
        finding.fix(Fix::command(
            "an issuer of another kind or group is named by issuer, issuer-kind and issuer-group together",
            annotate(asked, &changes),
        ))
    } else {
        finding
            .fix(Fix::command("keep the ClusterIssuer", annotate(asked, &[format!("{SHIM_ISSUER}-")])))
            .fix(Fix::command("or keep the Issuer", annotate(asked, &[format!("{SHIM_CLUSTER_ISSUER}-")])))
    };
    Ok(vec![finding.fix(Fix::manual(
        "take it out of the chart's values or the manifest too: a default there and a value of your own often come together",
    ))])
}

pub static WITHOUT_DEFAULT_ISSUER: Rule = Rule {
    id: "ingress-tls-acme-without-default-issuer",
    aliases: &[],
    family: Family::Shim,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the default issuer is asked for, and cert-manager has none",
    doc: include_str!("../../../docs/rules/ingress-tls-acme-without-default-issuer.md"),
    needs: &[Kind::Ingress],
    explains: &[],
    judge: without_default_issuer,
};

fn without_default_issuer(facts: &Facts) -> Judgement {
    let asked = facts.asked()?;
    let names_one = asked.annotation(SHIM_ISSUER).or_else(|| asked.annotation(SHIM_CLUSTER_ISSUER)).is_some();
    if names_one || !faults(asked).contains(&BadIssuer::Nameless) {
        return Ok(vec![]);
    }
    let auto = asked.flags.auto_certificate_annotations.iter().map(String::as_str);
    let auto: Vec<&str> = auto.filter(|key| asked.annotation(key).is_some()).collect();
    let doubt = match &asked.flags_unseen {
        Some(gap) => format!(" Unless it was started with --default-issuer-name, which is not known: {}.", gap.why),
        None => String::new(),
    };
    let finding = WITHOUT_DEFAULT_ISSUER
        .on(asked.object.clone())
        .says(format!("{} asks for the default issuer by {}, and cert-manager has none", named(asked), auto.join(", ")))
        .because(format!("{} names no issuer by itself. cert-manager makes no Certificate of an Ingress that asks for its default issuer while it has none.{doubt}", auto.join(", ")));
    let finding = told(quote(finding, asked, auto), facts, asked, "failed to determine issuer name");
    let finding = match facts.installation().controller().filter(|_| asked.flags_unseen.is_none()) {
        Some(controller) => finding.evidence(
            Witness::Spec(Kind::Deployment, "template.spec.containers.args"),
            format!(
                "{} has no --default-issuer-name",
                controller.deployment.metadata.name.as_deref().unwrap_or_default()
            ),
        ),
        None => finding,
    };
    Ok(vec![
        finding
            .fix(Fix::command("name the issuer on the Ingress", annotate(asked, &[issuer_setting(facts)])))
            .fix(Fix::command(
                "or give cert-manager a default for all of them",
                "helm upgrade cert-manager oci://quay.io/jetstack/charts/cert-manager -n cert-manager --reuse-values --set ingressShim.defaultIssuerName=NAME-OF-THE-ISSUER --set ingressShim.defaultIssuerKind=ClusterIssuer",
            )),
    ])
}

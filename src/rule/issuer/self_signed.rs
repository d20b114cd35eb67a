//! Self-signed issuers: they sign with the key of the request itself, and need to find it.

use super::credentials::missing_secret;
use super::{IssuerView, request_words, says};
use crate::api::{Object, annotation};
use crate::facts::Facts;
use crate::finding::{Fix, PROGRAM, Witness};
use crate::objref::Kind;
use crate::rule::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};

pub static MISSING_ANNOTATION: Rule = Rule {
    id: "selfsigned-missing-annotation",
    aliases: &[],
    family: Family::Issuer,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the self-signed issuer is not given the private key that it must sign with",
    doc: include_str!("../../../docs/rules/selfsigned-missing-annotation.md"),
    needs: &[Kind::CertificateRequest],
    explains: &[],
    judge: missing_annotation,
};

fn missing_annotation(facts: &Facts) -> Judgement {
    let node = facts.request()?;
    let words = request_words(facts).ok_or(Withheld::NotApplicable)?;
    let request = node.request;
    let named = request.annotation(annotation::PRIVATE_KEY_SECRET_NAME).unwrap_or_default();
    let (what, why) = if says(words, &["private-key-secret-name\" missing", "reference empty"]) {
        (
            format!("{} does not say where its private key is", request.objref()),
            "A self-signed certificate is signed with its own key. Requests that no Certificate made, such as \
             those of the \
             CSI driver or of istio-csr, keep their key to themselves, so this cannot work.",
        )
    } else if says(words, &["csr not signed by referenced private key"]) {
        (
            format!("the key in Secret {named} is not the one that {} was made with", request.objref()),
            "A self-signed certificate is signed with its own key, and the key that is named is another one.",
        )
    } else if is_about_own_key(facts, words) {
        (
            format!("Secret {named} with the private key of {} is not there", request.objref()),
            "A self-signed certificate is signed with its own key, which is read from that Secret. The request \
             waits for it.",
        )
    } else {
        return Ok(vec![]);
    };
    // A new issuance makes a new key, and a request that names it.
    let outlook = match facts.chain.certificate.seen() {
        Some(_) if facts.has_failed() => Outlook::ByItself,
        Some(_) | None => Outlook::UntilMended,
    };
    let annotated = if named.is_empty() {
        "cert-manager.io/private-key-secret-name is not set".to_owned()
    } else {
        format!("cert-manager.io/private-key-secret-name: {named}")
    };
    let finding = MISSING_ANNOTATION
        .on(request.objref())
        .says(what)
        .because(why)
        .outlook(outlook)
        .evidence(Witness::Condition(Kind::CertificateRequest, "Ready"), words)
        .evidence(Witness::Metadata(Kind::CertificateRequest), annotated);
    Ok(vec![match facts.chain.certificate.seen() {
        Some(certificate) => finding.fix(Fix::command(
            "start a new issuance: it makes a new key and a request that names it",
            format!("{PROGRAM} renew {}{}", certificate.name(), certificate.objref().namespace_flag()),
        )),
        None => finding.fix(Fix::patch(
            "let a CA issuer sign such requests; its root may be self-signed",
            "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata:\n  name: internal-ca\nspec:\n  ca:\n    \
             secretName: internal-ca\n",
        )),
    }])
}

/// Whether `words` on the request say that the Secret with its own private key is missing, and not one of the issuer.
pub(super) fn is_about_own_key(facts: &Facts, words: &str) -> bool {
    let Some(node) = facts.chain.in_flight() else { return false };
    let named = node.request.annotation(annotation::PRIVATE_KEY_SECRET_NAME);
    let self_signed = match facts.chain.issuer.seen() {
        Some(IssuerView::Builtin { spec, .. }) => spec.self_signed.is_some(),
        Some(IssuerView::External(_)) => false,
        None => true,
    };
    named.is_some() && missing_secret(words) == named && self_signed
}

#[cfg(test)]
mod tests {
    use crate::api::issuer::SelfSignedIssuer;
    use crate::api::{IssuerSpec, RequestReason};
    use crate::facts::specimen::Specimen;

    fn failed(reason: &RequestReason, words: &str) -> Specimen {
        Specimen::http01().broken(|objects| {
            objects.orders.clear();
            objects.challenges.clear();
            objects.cluster_issuer().spec =
                IssuerSpec { self_signed: Some(SelfSignedIssuer::default()), ..IssuerSpec::default() };
            for condition in objects.request().status.conditions.iter_mut().filter(|condition| !condition.is_true()) {
                condition.reason = Some(reason.clone());
                condition.message = words.into();
            }
        })
    }

    #[test]
    fn a_request_without_its_key_is_found() {
        let words =
            r#"Annotation "cert-manager.io/private-key-secret-name" missing or reference empty: secret name missing"#;
        let by_hand = failed(&RequestReason::Failed, words).broken(|objects| {
            objects.certificates.clear();
            let meta = &mut objects.request().metadata;
            meta.owner_references = None;
            meta.annotations = None;
        });
        let by_hand = by_hand.about(crate::objref::Kind::CertificateRequest, Some("shop"), "web-1");
        assert_eq!(by_hand.root(), Some("selfsigned-missing-annotation"));
    }

    #[test]
    fn another_key_and_a_missing_one_are_told_apart() {
        let other = failed(
            &RequestReason::Failed,
            "Error generating certificate template: CSR not signed by referenced private key",
        );
        assert!(other.judge().findings[0].summary.contains("is not the one"));
        let gone = failed(
            &RequestReason::Pending,
            r#"Referenced secret shop/web-v9jl4 not found: secrets "web-v9jl4" not found"#,
        );
        assert!(gone.judge().findings[0].summary.contains("is not there"), "{:?}", gone.ids());
        let elsewhere =
            failed(&RequestReason::Pending, r#"Referenced secret shop/root not found: secrets "root" not found"#);
        assert!(!elsewhere.ids().contains(&"selfsigned-missing-annotation"));
        assert!(!failed(&RequestReason::Pending, "busy").ids().contains(&"selfsigned-missing-annotation"));
    }
}

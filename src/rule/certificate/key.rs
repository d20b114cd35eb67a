//! The private key and what it may be used for.

use super::super::{Family, Judgement, Nature, Outlook, Rule, Severity, Withheld};
use super::{acme, leaf, listed, merge_patch, unready};
use crate::api::{Certificate, CertificateReason, KeyUsage, Object, RotationPolicy};
use crate::engine::Stage;
use crate::facts::{Facts, Release};
use crate::finding::{Fix, Witness};
use crate::objref::Kind;
use crate::pki::matches::{Violation, key_matches_spec};

/// How long the key manager may take to make a key.
const KEY_SECONDS: i64 = 60;

pub static KEY_POLICY_NEEDS_USER: Rule = Rule {
    id: "key-policy-needs-user",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Error,
    outlook: Outlook::Halted,
    since: "0.1.0",
    summary: "the stored private key no longer fits the spec, and the rotation policy forbids a new one",
    doc: include_str!("../../../docs/rules/key-policy-needs-user.md"),
    needs: &[Kind::Certificate, Kind::Event, Kind::Secret, Kind::Deployment],
    explains: &[],
    judge: key_policy_needs_user,
};

fn key_policy_needs_user(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let policy = certificate.spec.rotation_policy();
    if !facts.is_issuing() || policy == Some(&RotationPolicy::Always) {
        return Err(Withheld::NotApplicable);
    }
    let event = facts.fresh_event(certificate, "CannotRegenerateKey", facts.issuance_began());
    let said = event.and_then(|event| event.message.as_deref());
    let mismatch = mismatch(facts, certificate);
    let waits = matches!(facts.stage, Stage::Key) && facts.is_older_than(facts.issuance_began(), KEY_SECONDS);
    // An absent policy means Never before release 1.18 and Always since: the event tells which, or the release.
    let is_never =
        policy.map_or_else(|| defaults_to_never(facts) == Some(true), |policy| *policy == RotationPolicy::Never);
    let stuck = waits && is_never && mismatch.is_some();
    if said.is_none() && !stuck {
        return Ok(vec![]);
    }
    let (name, secret) = (certificate.name(), certificate.spec.secret_name.as_str());
    let policy = policy.map_or("unset (Never before release 1.18)", RotationPolicy::as_str);
    let mut finding = KEY_POLICY_NEEDS_USER
        .on(certificate.objref())
        .says(format!(
            "{name} waits for you: the key in Secret {secret} does not fit spec.privateKey, and may not be replaced"
        ))
        .because("cert-manager may not replace the key, so it makes no request and does not try again: this lasts until the policy, the Secret or the spec changes.")
        .evidence(Witness::Event(Kind::Certificate, "CannotRegenerateKey".into()), said.unwrap_or_default())
        .evidence(Witness::Spec(Kind::Certificate, "privateKey.rotationPolicy"), policy);
    if let Some((is, fields)) = mismatch {
        finding =
            finding.evidence(Witness::Data(Kind::Secret), format!("the key is {is}; {} differs", fields.join(", ")));
    }
    if let Some((CertificateReason::SecretMismatch, message)) = unready(certificate) {
        finding = finding.evidence(Witness::Condition(Kind::Certificate, "Ready"), message);
    }
    let delete = format!("kubectl delete secret {secret}{}", certificate.objref().namespace_flag());
    Ok(vec![
        finding
            .fix(merge_patch(
                "allow a new key, now and at each renewal",
                certificate,
                r#"{"spec":{"privateKey":{"rotationPolicy":"Always"}}}"#,
            ))
            .fix(Fix::command("or allow it once: without the Secret a new key is made (its users stand without a certificate meanwhile)", delete))
            .fix(Fix::manual("or set spec.privateKey back to what the key is")),
    ])
}

/// Whether an absent rotation policy means Never; `None` where the release of the controller is not known.
fn defaults_to_never(facts: &Facts) -> Option<bool> {
    Some(facts.controller_release()? < Release::new(1, 18, 0))
}

/// The stored key and the fields in which it is not what the spec asks for.
fn mismatch(facts: &Facts, certificate: &Certificate) -> Option<(String, Vec<Violation>)> {
    let secret = facts.chain.secret.seen()?;
    let private = secret.public_key("tls.key").and_then(Result::ok);
    let key = private.or_else(|| facts.stored().ok().map(|stored| stored.leaf().key.clone()))?;
    let fields = key_matches_spec(&key, &certificate.spec);
    (!fields.is_empty()).then(|| (key.key_type.to_string(), fields))
}

pub static ROTATION_POLICY_SURPRISE: Rule = Rule {
    id: "rotation-policy-surprise",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Risk,
    severity: Severity::Info,
    outlook: Outlook::Unhindered,
    since: "0.1.0",
    summary: "a CA certificate leaves its rotation policy to the default, which changed in release 1.18",
    doc: include_str!("../../../docs/rules/rotation-policy-surprise.md"),
    needs: &[Kind::Certificate, Kind::Deployment],
    explains: &[],
    judge: rotation_policy_surprise,
};

fn rotation_policy_surprise(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    if !certificate.spec.is_ca {
        return Err(Withheld::NotApplicable);
    }
    if certificate.spec.rotation_policy().is_some() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let (when, why) = if defaults_to_never(facts) == Some(true) {
        ("after an upgrade to 1.18", "With its first renewal after that the CA changes its key.")
    } else {
        ("since release 1.18", "With its next renewal the CA changes its key.")
    };
    let finding = ROTATION_POLICY_SURPRISE
        .on(certificate.objref())
        .says(format!(
            "CA certificate {name} does not set privateKey.rotationPolicy: {when} it gets a new key at each renewal"
        ))
        .because(format!("{why} Clients that trust the old one refuse leaves that are signed with the new one."))
        .evidence(Witness::Spec(Kind::Certificate, "isCA"), "true")
        .evidence(Witness::Spec(Kind::Certificate, "privateKey.rotationPolicy"), "unset")
        .fix(merge_patch(
            "keep the key of the CA",
            certificate,
            r#"{"spec":{"privateKey":{"rotationPolicy":"Never"}}}"#,
        ))
        .fix(merge_patch(
            "or say that a new one is meant, and hand out the new CA before leaves are signed with it",
            certificate,
            r#"{"spec":{"privateKey":{"rotationPolicy":"Always"}}}"#,
        ));
    Ok(vec![finding])
}

pub static USAGES_REFUSED_OR_DROPPED: Rule = Rule {
    id: "usages-refused-or-dropped",
    aliases: &[],
    family: Family::Certificate,
    nature: Nature::Cause,
    severity: Severity::Warning,
    outlook: Outlook::UntilMended,
    since: "0.1.0",
    summary: "the issued certificate lacks a key usage that the spec asks for",
    doc: include_str!("../../../docs/rules/usages-refused-or-dropped.md"),
    needs: &[Kind::Certificate, Kind::CertificateRequest, Kind::Secret],
    explains: &[],
    judge: usages_refused_or_dropped,
};

fn usages_refused_or_dropped(facts: &Facts) -> Judgement {
    let certificate = facts.certificate()?;
    let wanted: Vec<&KeyUsage> = certificate.spec.usages.iter().filter(|usage| is_extended(usage)).collect();
    if wanted.is_empty() {
        return Err(Withheld::NotApplicable);
    }
    // A changed spec is not yet in the certificate.
    let asked = facts.chain.current().map(|node| &node.request.spec.usages);
    if facts.is_issuing() || asked.is_some_and(|asked| wanted.iter().any(|usage| !asked.contains(usage))) {
        return Ok(vec![]);
    }
    let leaf = leaf(facts).ok_or(Withheld::NotApplicable)?;
    let Some(given) = leaf.extended_key_usages.as_ref() else { return Ok(vec![]) };
    let has = |usage: &KeyUsage| given.iter().any(|given| given == usage.as_str() || given == "any");
    let dropped: Vec<&str> = wanted.into_iter().filter(|usage| !has(usage)).map(KeyUsage::as_str).collect();
    if dropped.is_empty() {
        return Ok(vec![]);
    }
    let name = certificate.name();
    let mut explanation =
        "Ready is True all the same: cert-manager compares the request, not the certificate. Peers that check the usage refuse it."
            .to_owned();
    if dropped.contains(&"client auth") {
        explanation.push_str(" Public CAs no longer sign for client auth, so mutual TLS needs a private one.");
    }
    let finding = USAGES_REFUSED_OR_DROPPED
        .on(certificate.objref())
        .says(format!("the certificate of {name} lacks {}, which its spec asks for", listed(&dropped)))
        .because(explanation)
        .evidence(
            Witness::Spec(Kind::Certificate, "usages"),
            certificate.spec.usages.iter().map(KeyUsage::as_str).collect::<Vec<_>>().join(", "),
        )
        .evidence(Witness::Data(Kind::Secret), format!("extended key usages of the leaf: {}", given.join(", ")));
    let finding = match acme(facts) {
        Some(acme) => finding.evidence(
            Witness::Spec(facts.issuer_ref()?.own_kind().unwrap_or(Kind::Issuer), "acme.server"),
            &acme.server,
        ),
        None => finding,
    };
    let private = Fix::patch(
        "sign client certificates with a private CA: public ones no longer do",
        format!(
            "spec:\n  secretName: {name}-client\n  usages: [{}]\n  issuerRef:\n    kind: Issuer\n    name: PRIVATE-CA",
            dropped.join(", ")
        ),
    );
    Ok(vec![
        finding
            .fix(private)
            .fix(Fix::manual(format!("or take {} out of spec.usages, if nobody needs it", listed(&dropped)))),
    ])
}

/// Whether it is an extended key usage: those that a CA may leave out and that clients check.
fn is_extended(usage: &KeyUsage) -> bool {
    match usage {
        KeyUsage::ServerAuth | KeyUsage::ClientAuth | KeyUsage::CodeSigning | KeyUsage::EmailProtection => true,
        KeyUsage::Signing
        | KeyUsage::DigitalSignature
        | KeyUsage::ContentCommitment
        | KeyUsage::KeyEncipherment
        | KeyUsage::KeyAgreement
        | KeyUsage::DataEncipherment
        | KeyUsage::CertSign
        | KeyUsage::CrlSign
        | KeyUsage::EncipherOnly
        | KeyUsage::DecipherOnly
        | KeyUsage::Any
        | KeyUsage::Smime
        | KeyUsage::IpsecEndSystem
        | KeyUsage::IpsecTunnel
        | KeyUsage::IpsecUser
        | KeyUsage::Timestamping
        | KeyUsage::OcspSigning
        | KeyUsage::MicrosoftSgc
        | KeyUsage::NetscapeSgc
        | KeyUsage::Unknown(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::api::certificate::PrivateKeySpec;
    use crate::api::{KeyAlgorithm, KeyUsage, RotationPolicy};
    use crate::facts::specimen::Specimen;

    fn rekeyed(policy: Option<RotationPolicy>) -> Specimen {
        Specimen::healthy().broken(|objects| {
            let certificate = objects.certificate();
            certificate.spec.private_key =
                Some(PrivateKeySpec { algorithm: Some(KeyAlgorithm::Ecdsa), rotation_policy: policy, ..PrivateKeySpec::default() });
            certificate.status.conditions = serde_json::from_str(
                r#"[{"type":"Ready","status":"False","reason":"SecretMismatch","lastTransitionTime":"2026-11-22T06:38:00Z",
                     "message":"Existing private key is not up to date for spec: [spec.privateKey.algorithm]"},
                    {"type":"Issuing","status":"True","reason":"SecretMismatch","lastTransitionTime":"2026-11-22T06:38:00Z"}]"#,
            )
            .unwrap();
        })
    }

    #[test]
    fn a_key_that_may_not_be_replaced_is_found() {
        assert_eq!(rekeyed(Some(RotationPolicy::Never)).ids(), ["key-policy-needs-user"]);
        assert_eq!(rekeyed(Some(RotationPolicy::Always)).ids(), Vec::<&str>::new());
        assert_eq!(rekeyed(None).ids(), Vec::<&str>::new());
    }

    fn controller(release: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cert-manager, namespace: cert-manager}}\nspec:\n  selector: \
             {{}}\n  template: {{spec: {{containers: [{{name: c, image: 'quay.io/jetstack/cert-manager-controller:{release}'}}]}}}}\n\
             status: {{replicas: 1, availableReplicas: 1}}\n"
        )
    }

    #[test]
    fn an_absent_policy_is_judged_by_the_release() {
        assert_eq!(rekeyed(None).with(&controller("v1.17.2")).ids(), ["key-policy-needs-user"]);
        assert_eq!(rekeyed(None).with(&controller("v1.18.0")).ids(), Vec::<&str>::new());
        assert_eq!(rekeyed(Some(RotationPolicy::Always)).with(&controller("v1.17.2")).ids(), Vec::<&str>::new());
    }

    #[test]
    fn an_absent_policy_is_judged_by_the_event() {
        let told = rekeyed(None).with(
            "apiVersion: v1\nkind: Event\nmetadata: {name: e, namespace: shop}\nreason: CannotRegenerateKey\nlastTimestamp: '2026-11-22T06:38:01Z'\n\
             message: User intervention required\ninvolvedObject: {kind: Certificate, namespace: shop, name: web}\n",
        );
        assert_eq!(told.ids(), ["key-policy-needs-user"]);
        let stale = told.broken(|objects| {
            for event in &mut objects.events {
                event.last_timestamp = Some(serde_json::from_str("\"2026-11-22T06:01:00Z\"").unwrap());
            }
        });
        assert_eq!(stale.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_ca_without_a_rotation_policy_is_worth_knowing() {
        let mut ca = Specimen::healthy();
        ca.objects.certificate().spec.is_ca = true;
        ca.objects.request().spec.is_ca = true;
        assert_eq!(ca.ids(), ["rotation-policy-surprise"]);
        let summary = |specimen: &Specimen| specimen.judge().findings[0].summary.clone();
        assert!(summary(&ca).contains("since release 1.18"), "{}", summary(&ca));
        let older = ca.clone().with(&controller("v1.17.2"));
        assert!(summary(&older).contains("after an upgrade to 1.18"), "{}", summary(&older));
        let said = ca.broken(|objects| {
            objects.certificate().spec.private_key =
                Some(PrivateKeySpec { rotation_policy: Some(RotationPolicy::Never), ..PrivateKeySpec::default() });
        });
        assert_eq!(said.ids(), Vec::<&str>::new());
    }

    #[test]
    fn a_dropped_client_usage_is_found() {
        let asked = |usage: KeyUsage| {
            Specimen::healthy().broken(|objects| {
                objects.certificate().spec.usages = vec![usage.clone()];
                objects.request().spec.usages = vec![usage];
            })
        };
        assert_eq!(asked(KeyUsage::ClientAuth).ids(), ["usages-refused-or-dropped"]);
        assert_eq!(asked(KeyUsage::ServerAuth).ids(), Vec::<&str>::new());
        let unissued = asked(KeyUsage::ClientAuth).broken(|objects| objects.request().spec.usages.clear());
        assert!(!unissued.ids().contains(&"usages-refused-or-dropped"));
    }
}
